//! The bytes of a state.
//!
//! Format 1, all numbers LEB128 unless said otherwise, shortest form only:
//!
//! ```text
//! 1
//! sites      count, then each as 8 bytes big endian, rising
//! runs       count, then each, rising by (clock, site, place within the change):
//!            clock (difference to the run before), site (index),
//!            origin (0 = start | 2·back + 1 = behind the end of the run `back` runs before |
//!                    2·back = before a character of it, then the character's index),
//!            bytes of text, text (UTF-8)
//! deletions  count, then each, rising: clock (difference), site (index), run (index), start, length
//! ```
//!
//! Equal states have equal bytes, and bytes that no state has are refused.

use syncline_model::clock::{Clock, Stamp};
use syncline_model::id::SiteId;
use thiserror::Error;

use super::run::{Deletion, Origin, Run, RunId};
use super::sequence::narrow;
use super::state::TextState;
use crate::text::limits::{RUN_CHARS_MAX, STATE_BYTES_READ_MAX};

const FORMAT: u8 = 1;

/// Why bytes are not the state of a text.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum StateError {
    /// The bytes are of a later format, or no state at all.
    #[error("unknown format of a text state")]
    UnknownFormat,
    /// There are more bytes than are read.
    #[error("text state has {bytes} bytes; at most {bytes_max} are read")]
    TooLarge {
        /// Bytes given.
        bytes: usize,
        /// The bound, in bytes.
        bytes_max: usize,
    },
    /// The bytes contradict the format.
    #[error("malformed text state at byte {offset}")]
    Malformed {
        /// Where reading stopped, in bytes from the start.
        offset: usize,
    },
}

impl StateError {
    /// Returns the stable code of the error.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::UnknownFormat => "TEXT_STATE_FORMAT_UNKNOWN",
            Self::TooLarge { .. } => "TEXT_STATE_TOO_LARGE",
            Self::Malformed { .. } => "TEXT_STATE_MALFORMED",
        }
    }
}

impl TextState {
    /// Returns the bytes of the state, in format 1. Equal states have equal bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let typed = self.runs.iter().map(|run| run.id.stamp.site);
        let dropped = self.deletions.iter().map(|deletion| deletion.stamp.site);
        let mut sites: Vec<SiteId> = typed.chain(dropped).collect();
        sites.sort_unstable();
        sites.dedup();
        let mut writer = Writer { bytes: Vec::with_capacity(self.size()), sites, clock: 0 };
        writer.bytes.push(FORMAT);
        writer.number(writer.sites.len() as u64);
        for site in &writer.sites {
            writer.bytes.extend(site.0.to_be_bytes());
        }
        writer.number(self.runs.len() as u64);
        for (index, run) in self.runs.iter().enumerate() {
            writer.stamp(run.id.stamp);
            match run.origin {
                Origin::Start => writer.number(0),
                Origin::After(id) => writer.number(2 * self.back(index, id) + 1),
                Origin::Before(id, character) => {
                    writer.number(2 * self.back(index, id));
                    writer.number(character.into());
                }
            }
            writer.number(run.text.len() as u64);
            writer.bytes.extend(run.text.as_bytes());
        }
        writer.clock = 0;
        writer.number(self.deletions.len() as u64);
        for deletion in &self.deletions {
            writer.stamp(deletion.stamp);
            writer.number(self.index_of_run(deletion.run) as u64);
            writer.number(deletion.start.into());
            writer.number(deletion.len.into());
        }
        writer.bytes
    }

    /// Reads a state that [`to_bytes`](Self::to_bytes) wrote. The bytes may come from anywhere.
    ///
    /// # Errors
    ///
    /// [`StateError`]; the bytes should be asked for again.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StateError> {
        if bytes.len() > STATE_BYTES_READ_MAX {
            let (bytes, bytes_max) = (bytes.len(), STATE_BYTES_READ_MAX);
            return Err(StateError::TooLarge { bytes, bytes_max });
        }
        let Some((&FORMAT, rest)) = bytes.split_first() else {
            return Err(StateError::UnknownFormat);
        };
        let mut reader = Reader { rest, sites: Vec::new(), used: Vec::new(), clock: 0 };
        match reader.state() {
            Some((runs, deletions)) => Ok(Self::from_facts(runs, deletions)),
            None => Err(StateError::Malformed { offset: bytes.len() - reader.rest.len() }),
        }
    }

    /// How many runs before `index` the run `id` stands; at least 1.
    fn back(&self, index: usize, id: RunId) -> u64 {
        let near = index.wrapping_sub(1);
        let found = super::sequence::index_of(&self.runs, id, near)
            .expect("invariant: a run is kept only with its origin");
        (index - found) as u64
    }

    fn index_of_run(&self, id: RunId) -> usize {
        self.runs
            .binary_search_by_key(&id, |run| run.id)
            .expect("invariant: a deletion is kept only with its run")
    }
}

struct Writer {
    bytes: Vec<u8>,
    sites: Vec<SiteId>,
    clock: u64,
}

impl Writer {
    fn number(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }

    fn stamp(&mut self, stamp: Stamp) {
        let site = self.sites.binary_search(&stamp.site).expect("invariant: all sites are listed");
        self.number(stamp.clock.0 - self.clock);
        self.number(site as u64);
        self.clock = stamp.clock.0;
    }
}

/// Reads untrusted bytes; `None` wherever they contradict the format.
struct Reader<'a> {
    rest: &'a [u8],
    sites: Vec<SiteId>,
    used: Vec<bool>,
    clock: u64,
}

impl<'a> Reader<'a> {
    fn state(&mut self) -> Option<(Vec<Run>, Vec<Deletion>)> {
        for _ in 0..self.number()? {
            let (site, rest) = self.rest.split_first_chunk()?;
            self.rest = rest;
            let site = SiteId(u64::from_be_bytes(*site));
            if self.sites.last().is_some_and(|last| *last >= site) {
                return None;
            }
            self.sites.push(site);
        }
        self.used = vec![false; self.sites.len()];
        let mut runs = Vec::new();
        for _ in 0..self.number()? {
            let run = self.run(&runs)?;
            runs.push(run);
        }
        self.clock = 0;
        let mut deletions: Vec<Deletion> = Vec::new();
        for _ in 0..self.number()? {
            let deletion = self.deletion(&runs)?;
            if deletions.last().is_some_and(|last| *last >= deletion) {
                return None;
            }
            deletions.push(deletion);
        }
        (self.rest.is_empty() && self.used.iter().all(|used| *used)).then_some((runs, deletions))
    }

    fn run(&mut self, before: &[Run]) -> Option<Run> {
        let stamp = self.stamp()?;
        let start = match before.last() {
            Some(last) if last.id.stamp == stamp => last.id.start.checked_add(last.len)?,
            Some(last) if last.id.stamp > stamp => return None,
            _ => 0,
        };
        let origin = match self.number()? {
            0 => Origin::Start,
            code => {
                let back = usize::try_from(code >> 1).ok().filter(|back| *back > 0)?;
                let parent = before.get(before.len().checked_sub(back)?)?;
                if code & 1 == 1 {
                    Origin::After(parent.id)
                } else {
                    let character = self.small_number()?;
                    (character < parent.len).then_some(Origin::Before(parent.id, character))?
                }
            }
        };
        let text_bytes = usize::try_from(self.number()?).ok()?;
        let (text, rest) = self.rest.split_at_checked(text_bytes)?;
        let text = std::str::from_utf8(text).ok()?;
        let chars = text.chars().count();
        if chars == 0 || chars > RUN_CHARS_MAX {
            return None;
        }
        self.rest = rest;
        Some(Run { id: RunId { stamp, start }, origin, text: text.into(), len: narrow(chars) })
    }

    fn deletion(&mut self, runs: &[Run]) -> Option<Deletion> {
        let stamp = self.stamp()?;
        let run = runs.get(usize::try_from(self.number()?).ok()?)?;
        let (start, len) = (self.small_number()?, self.small_number()?);
        let within = len > 0 && start.checked_add(len)? <= run.len && stamp > run.id.stamp;
        within.then_some(Deletion { stamp, run: run.id, start, len })
    }

    fn stamp(&mut self) -> Option<Stamp> {
        self.clock = self.clock.checked_add(self.number()?)?;
        let site = usize::try_from(self.number()?).ok()?;
        *self.used.get_mut(site)? = true;
        Some(Stamp::new(Clock(self.clock), *self.sites.get(site)?))
    }

    fn small_number(&mut self) -> Option<u32> {
        u32::try_from(self.number()?).ok()
    }

    fn number(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.rest.split_first()?;
            self.rest = rest;
            let bits = u64::from(byte & 0x7f);
            if bits << shift >> shift != bits {
                return None; // More than 64 bits.
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                let shortest = byte != 0 || shift == 0;
                return shortest.then_some(value);
            }
        }
        None
    }
}
