//! Finds the first damaged entry of a stored log.

use thiserror::Error;

use super::bytes::DecodeError;
use super::entry::StoredEntry;
use super::hash::Hash;
use super::leaf::inner_root;
use super::tree::{Frontier, Head};

/// Checks a log row by row against its stored frontier and head, in constant memory.
///
/// Call [`handle_row`](Self::handle_row) for every row in the order of the store, if wanted
/// [`handle_records`](Self::handle_records) after it, and [`finish`](Self::finish) at the end. The
/// first damage found is final: every later call answers it again.
///
/// A row that was rewritten *together with its leaf hash* no longer shows by itself; the tree then
/// differs, and [`Damage::RootDiffers`] names the range of entries that holds it. A head kept
/// elsewhere, or a later start from a frontier that was verified before, narrows that range.
#[derive(Clone, Debug)]
pub struct Verifier {
    stored: Frontier,
    seen: Frontier,
    last: Option<LastRow>,
    damage: Option<Damage>,
}

/// What is kept of the row just read.
#[derive(Clone, Copy, Debug)]
struct LastRow {
    index: u64,
    record_count: u64,
    inner_root: Hash,
}

impl Verifier {
    /// Starts at the first entry.
    ///
    /// # Errors
    ///
    /// As [`resume`](Self::resume).
    pub fn new(stored: Frontier, head: &Head) -> Result<Self, Damage> {
        Self::resume(Frontier::new(), stored, head)
    }

    /// Starts after the entries of `verified`, a frontier that an earlier check of the same log
    /// ended with and that was kept where it cannot be changed.
    ///
    /// # Errors
    ///
    /// - [`Damage::HeadDiffers`] if the stored frontier does not have the stored head.
    /// - [`Damage::TailMissing`] if the stored log is shorter than what was verified.
    pub fn resume(verified: Frontier, stored: Frontier, head: &Head) -> Result<Self, Damage> {
        if stored.head() != *head {
            return Err(Damage::HeadDiffers { frontier_size: stored.size(), head_size: head.size });
        }
        if verified.size() > stored.size() {
            let (index, size) = (stored.size(), verified.size());
            return Err(Damage::TailMissing { index, size });
        }
        Ok(Self { stored, seen: verified, last: None, damage: None })
    }

    /// Returns the index of the row that should come next.
    pub const fn next_index(&self) -> u64 {
        self.seen.size()
    }

    /// Returns the frontier over all rows so far; worth keeping for [`resume`](Self::resume) once
    /// [`finish`](Self::finish) found no damage.
    pub const fn seen(&self) -> &Frontier {
        &self.seen
    }

    /// Takes the stored bytes of the next row.
    ///
    /// # Errors
    ///
    /// - [`Damage::RowUnreadable`], [`Damage::RowDiffers`] if the row was changed.
    /// - [`Damage::SequenceBroken`] if another entry stands in its place.
    /// - [`Damage::BeyondHead`] if the head knows no such entry.
    pub fn handle_row(&mut self, row: &[u8]) -> Result<(), Damage> {
        self.remember(|verifier| {
            let (entry, leaf) = verifier.check_row(row)?;
            verifier.last = Some(entry);
            verifier.seen.append(leaf);
            Ok(())
        })
    }

    /// Takes the commitments of the records of the row just handled, in the order of the batch.
    ///
    /// # Errors
    ///
    /// [`Damage::RecordsDiffer`] if these are not the records that the row commits to. Before the
    /// first row there is nothing to compare, and nothing is reported.
    pub fn handle_records(&mut self, commitments: &[Hash]) -> Result<(), Damage> {
        self.remember(|verifier| {
            let Some(LastRow { index, record_count, inner_root: root }) = verifier.last else {
                return Ok(());
            };
            let found = u64::try_from(commitments.len()).unwrap_or(u64::MAX);
            match found == record_count && inner_root(commitments) == root {
                true => Ok(()),
                false => Err(Damage::RecordsDiffer { index, expected: record_count, found }),
            }
        })
    }

    /// Ends the check and returns the head that all rows were found to have.
    ///
    /// # Errors
    ///
    /// - [`Damage::TailMissing`] if rows are missing at the end.
    /// - [`Damage::RootDiffers`] if the rows are not those that the tree was built from.
    /// - The damage found before, if any.
    pub fn finish(mut self) -> Result<Head, Damage> {
        self.remember(|verifier| {
            let (index, size) = (verifier.seen.size(), verifier.stored.size());
            match index < size {
                true => Err(Damage::TailMissing { index, size }),
                false => verifier.check_peaks(),
            }
        })?;
        Ok(self.seen.head())
    }

    /// Answers the damage known already, or runs `check` and keeps what it finds.
    fn remember(
        &mut self,
        check: impl FnOnce(&mut Self) -> Result<(), Damage>,
    ) -> Result<(), Damage> {
        let outcome = match self.damage {
            Some(damage) => Err(damage),
            None => check(self),
        };
        self.damage = outcome.err();
        outcome
    }

    fn check_row(&self, row: &[u8]) -> Result<(LastRow, Hash), Damage> {
        let index = self.seen.size();
        if index >= self.stored.size() {
            return Err(Damage::BeyondHead { index, size: self.stored.size() });
        }
        let stored =
            StoredEntry::decode(row).map_err(|cause| Damage::RowUnreadable { index, cause })?;
        // The hash comes first: only an intact row can be trusted about its own index.
        if !stored.is_intact() {
            return Err(Damage::RowDiffers { index });
        }
        let found = stored.entry().index();
        if found != index {
            return Err(Damage::SequenceBroken { index, found });
        }
        let facts = stored.entry().facts();
        let (record_count, inner_root) = (facts.record_count, facts.inner_root);
        Ok((LastRow { index, record_count, inner_root }, stored.leaf_hash()))
    }

    /// Compares subtree by subtree, so that the damage is narrowed to the first that differs.
    fn check_peaks(&self) -> Result<(), Damage> {
        let mut first = 0;
        for (level, (seen, stored)) in
            peak_levels(self.stored.size()).zip(self.seen.peaks().iter().zip(self.stored.peaks()))
        {
            let end = first + (1 << level);
            if seen != stored {
                return Err(Damage::RootDiffers { first, last: end - 1 });
            }
            first = end;
        }
        Ok(())
    }
}

/// Returns the levels of the peaks of a tree, highest first.
fn peak_levels(size: u64) -> impl Iterator<Item = u32> {
    (0..u64::BITS).rev().filter(move |level| size >> level & 1 == 1)
}

/// What is wrong with a stored log, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Damage {
    /// The row's bytes are no entry.
    #[error("audit entry {index} cannot be read")]
    RowUnreadable {
        /// The damaged entry.
        index: u64,
        /// Why its bytes cannot be read.
        #[source]
        cause: DecodeError,
    },
    /// The row is not the one that its leaf hash was made from.
    #[error("audit entry {index} does not match its leaf hash")]
    RowDiffers {
        /// The damaged entry.
        index: u64,
    },
    /// An intact row stands where another one belongs: a gap, a repetition or an exchange.
    #[error("audit entry {index} is missing; entry {found} stands in its place")]
    SequenceBroken {
        /// The entry that should stand there.
        index: u64,
        /// The entry that stands there.
        found: u64,
    },
    /// Rows are missing at the end.
    #[error("audit entries from {index} on are missing; the log has {size}")]
    TailMissing {
        /// The first missing entry.
        index: u64,
        /// Number of entries that there should be.
        size: u64,
    },
    /// A row follows the last entry that the head knows.
    #[error("audit entry {index} is not part of the log, which has {size}")]
    BeyondHead {
        /// The surplus entry.
        index: u64,
        /// Number of entries that there should be.
        size: u64,
    },
    /// The rows are intact one by one, but are not those that the tree was built from.
    #[error("an audit entry between {first} and {last} was replaced; the tree differs")]
    RootDiffers {
        /// First entry of the range that holds the damage.
        first: u64,
        /// Last entry of that range, inclusive.
        last: u64,
    },
    /// The records supplied are not those that the row commits to.
    #[error(
        "records of audit entry {index} differ from its commitments: {expected} committed, {found} supplied"
    )]
    RecordsDiffer {
        /// The entry whose records are damaged.
        index: u64,
        /// Number of records committed to.
        expected: u64,
        /// Number of records supplied.
        found: u64,
    },
    /// The stored frontier and the stored head contradict each other; rows were not looked at.
    #[error(
        "stored audit tree of {frontier_size} entries does not have the stored head of {head_size}"
    )]
    HeadDiffers {
        /// Size of the stored frontier.
        frontier_size: u64,
        /// Size in the stored head.
        head_size: u64,
    },
}

impl Damage {
    /// Returns the stable code of this damage.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::RowUnreadable { .. } => "AUDIT_DAMAGED_ROW_UNREADABLE",
            Self::RowDiffers { .. } => "AUDIT_DAMAGED_ROW",
            Self::SequenceBroken { .. } => "AUDIT_DAMAGED_SEQUENCE",
            Self::TailMissing { .. } => "AUDIT_DAMAGED_TAIL",
            Self::BeyondHead { .. } => "AUDIT_DAMAGED_SURPLUS",
            Self::RootDiffers { .. } => "AUDIT_DAMAGED_ROOT",
            Self::RecordsDiffer { .. } => "AUDIT_DAMAGED_RECORDS",
            Self::HeadDiffers { .. } => "AUDIT_DAMAGED_HEAD",
        }
    }

    /// Returns the first damaged entry, or the first of the range that holds it; `None` if the
    /// damage is in the stored tree itself.
    pub const fn index(&self) -> Option<u64> {
        match self {
            Self::RowUnreadable { index, .. }
            | Self::RowDiffers { index }
            | Self::SequenceBroken { index, .. }
            | Self::TailMissing { index, .. }
            | Self::BeyondHead { index, .. }
            | Self::RecordsDiffer { index, .. } => Some(*index),
            Self::RootDiffers { first, .. } => Some(*first),
            Self::HeadDiffers { .. } => None,
        }
    }
}
