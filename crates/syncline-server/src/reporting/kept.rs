//! What a hub has counted, as it is kept over a restart. A crash costs the counts of the last minute.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use syncline_engine::tally::{Count, Sum, Tally};

use crate::access::replace;

/// The name of the file, in the folder of the hub.
const FILE: &str = "tally.json";
/// Most bytes that are read of it: two weeks of hours, each of some kilobytes at most.
const BYTES_MAX: u64 = 8 << 20;

/// The hours of a hub, and their file.
#[derive(Debug, Default)]
pub(crate) struct KeptTally {
    /// Nothing is written without one.
    file: Option<PathBuf>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    tally: Tally,
    is_changed: bool,
}

impl KeptTally {
    /// Reads what was kept; what cannot be read is begun anew.
    pub(crate) fn open(folder: &Path) -> Self {
        let file = folder.join(FILE);
        let is_short = fs::metadata(&file).is_ok_and(|facts| facts.len() <= BYTES_MAX);
        let bytes = if is_short { fs::read(&file).unwrap_or_default() } else { Vec::new() };
        let tally = Tally::decode(&bytes).unwrap_or_default();
        Self { file: Some(file), state: Mutex::new(State { tally, is_changed: false }) }
    }

    /// Counts something.
    pub(crate) fn count(&self, count: impl FnOnce(&mut Tally)) {
        let mut state = self.state();
        count(&mut state.tally);
        state.is_changed = true;
    }

    /// Takes in how the hub stands; an idle one is written down once an hour.
    ///
    /// - `changes`: entries that came to the log since the latest look.
    /// - `consistency`: which share of copies is what the hub shows.
    pub(crate) fn look(&self, now_ms: u64, changes: u64, consistency: Option<f64>) {
        let mut state = self.state();
        state.is_changed |= state.tally.touch(now_ms) || changes > 0;
        state.tally.add(now_ms, Count::Changes, changes);
        // From 0 to 1: it fits.
        let millionths = consistency.map(|share| (share * 1e6).floor() as u64);
        if let Some(millionths) = millionths {
            state.is_changed |= state.tally.consistency(now_ms, millionths);
        }
    }

    /// Returns what happened from one time up to another one.
    pub(crate) fn sum(&self, from_ms: u64, to_ms: u64) -> Sum {
        self.state().tally.sum(from_ms, to_ms)
    }

    /// Writes it down if something was counted; blocks.
    pub(crate) fn save(&self) {
        let Some(file) = &self.file else { return };
        let mut state = self.state();
        if !std::mem::take(&mut state.is_changed) {
            return;
        }
        let text = state.tally.encode();
        drop(state);
        // It is tried again with the next one; the hub works without it.
        if replace(file, text.as_bytes()).is_err() {
            self.state().is_changed = true;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is whole before anything can panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_is_there_after_a_restart_and_a_damaged_file_is_begun_anew() {
        let folder = tempfile::tempdir().unwrap();
        let changes = |kept: &KeptTally| kept.sum(0, u64::MAX).count(Count::Changes);
        let kept = KeptTally::open(folder.path());
        kept.look(7, 0, Some(1.0));
        kept.save();
        fs::remove_file(folder.path().join(FILE)).unwrap();
        kept.look(8, 0, Some(1.0));
        kept.save();
        assert!(!folder.path().join(FILE).exists(), "an idle hub writes nothing");
        kept.count(|tally| tally.add(7, Count::Changes, 5));
        kept.save();
        assert_eq!(changes(&KeptTally::open(folder.path())), 5);
        fs::write(folder.path().join(FILE), "{").unwrap();
        assert_eq!(changes(&KeptTally::open(folder.path())), 0);
    }
}
