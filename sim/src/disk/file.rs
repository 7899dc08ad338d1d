//! One file: what programs see of it, and what a power cut leaves.

use std::collections::BTreeSet;

use crate::random::Random;

/// Bytes of the smallest piece that reaches the platter whole.
const SECTOR_BYTES: usize = 512;
/// Sectors of a page of the page cache.
const SECTORS_PER_PAGE: usize = 8;

/// The content of one file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Content {
    /// What programs read.
    pub(crate) seen: Vec<u8>,
    /// What survives a power cut.
    durable: Vec<u8>,
    /// Sectors that differ or may differ.
    dirty: BTreeSet<usize>,
    /// Whether the length was synced.
    length_dirty: bool,
    /// When it was last written, in virtual milliseconds.
    pub(crate) modified_ms: u64,
}

impl Content {
    /// Returns an empty file, last written at `modified_ms`.
    pub(crate) fn new(modified_ms: u64) -> Self {
        Self { modified_ms, ..Self::default() }
    }

    /// Writes `bytes` at `offset`; a hole is filled with zeros.
    pub(crate) fn write(&mut self, offset: usize, bytes: &[u8]) {
        let end = offset + bytes.len();
        let start = offset.min(self.seen.len());
        if self.seen.len() < end {
            self.seen.resize(end, 0);
            self.length_dirty = true;
        }
        if let Some(place) = self.seen.get_mut(offset..end) {
            place.copy_from_slice(bytes);
        }
        self.dirty.extend(start / SECTOR_BYTES..end.div_ceil(SECTOR_BYTES));
    }

    /// Cuts the file, or fills it up with zeros.
    pub(crate) fn set_len(&mut self, len: usize) {
        let from = self.seen.len().min(len) / SECTOR_BYTES;
        self.dirty.extend(from..self.seen.len().max(len).div_ceil(SECTOR_BYTES));
        self.seen.resize(len, 0);
        self.length_dirty = true;
    }

    /// Brings everything to the platter.
    pub(crate) fn sync(&mut self) {
        self.keep(|_| true);
        self.durable.resize(self.seen.len(), 0);
        self.forget_dirt();
    }

    /// A sync that failed: some sectors got through, and the others count as clean all the same.
    pub(crate) fn sync_failed(&mut self, random: &mut Random) {
        let chance = random.below(1_001);
        self.keep(|_| random.chance(chance));
        self.forget_dirt();
    }

    /// Power is cut: what was not synced is there or not, page by page or sector by sector.
    pub(crate) fn power_cut(&mut self, random: &mut Random) {
        if self.dirty.is_empty() && !self.length_dirty && self.seen == self.durable {
            return;
        }
        let grain = if random.chance(500) { 1 } else { SECTORS_PER_PAGE };
        // All, nothing, or any mixture.
        let chance = match random.below(4) {
            0 => 0,
            1 => 1_000,
            _ => random.below(1_001),
        };
        let mut last = (usize::MAX, false);
        self.keep(|sector| {
            if last.0 != sector / grain {
                last = (sector / grain, random.chance(chance));
            }
            last.1
        });
        if random.chance(500) {
            self.durable.resize(self.seen.len(), 0);
        }
        self.seen.clone_from(&self.durable);
        self.forget_dirt();
    }

    fn forget_dirt(&mut self) {
        self.dirty.clear();
        self.length_dirty = false;
    }

    /// Brings those dirty sectors to the platter that `is_kept` names; asked in ascending order.
    fn keep(&mut self, mut is_kept: impl FnMut(usize) -> bool) {
        for sector in &self.dirty {
            if !is_kept(*sector) {
                continue;
            }
            let from = sector * SECTOR_BYTES;
            let to = (from + SECTOR_BYTES).min(self.seen.len());
            let Some(bytes) = self.seen.get(from..to) else {
                continue;
            };
            if self.durable.len() < to {
                self.durable.resize(to, 0);
            }
            if let Some(place) = self.durable.get_mut(from..to) {
                place.copy_from_slice(bytes);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_synced_survives_every_power_cut() {
        for seed in 0..200 {
            let mut random = Random::new(seed);
            let mut file = Content::default();
            let mut synced = Vec::new();
            for _ in 0..random.below(6) {
                let offset = file.seen.len();
                file.write(offset, &vec![b'a'; 1 + random.index(9_000)]);
                file.sync();
                synced = file.seen.clone();
            }
            file.write(synced.len(), b"not synced");
            file.power_cut(&mut random);
            assert_eq!(file.seen.get(..synced.len()), Some(synced.as_slice()), "seed {seed}");
        }
    }

    #[test]
    fn what_was_not_synced_is_sometimes_lost_and_sometimes_torn() {
        let (mut lost, mut torn, mut kept) = (0, 0, 0);
        for seed in 0..500 {
            let mut random = Random::new(seed);
            let mut file = Content::default();
            file.write(0, &vec![1; 20_000]);
            file.power_cut(&mut random);
            let ones = file.seen.iter().filter(|byte| **byte == 1).count();
            match ones {
                0 => lost += 1,
                20_000 => kept += 1,
                _ => torn += 1,
            }
        }
        assert!(lost > 50 && torn > 50 && kept > 50, "lost {lost}, torn {torn}, kept {kept}");
    }

    #[test]
    fn a_failed_sync_is_not_mended_by_the_next_one() {
        let lost = (0..200).filter(|seed| {
            let mut random = Random::new(*seed);
            let mut file = Content::default();
            file.write(0, &[1; 2_000]);
            file.sync_failed(&mut random);
            // As a program would do that tries again; nothing is dirty any more.
            file.keep(|_| true);
            file.forget_dirt();
            file.power_cut(&mut random);
            file.seen != [1; 2_000]
        });
        assert!(lost.count() > 100);
    }
}
