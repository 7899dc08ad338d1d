//! The replicated text as its users see it.

use syncline_model::clock::{Clock, Stamp};
use syncline_model::version::Version;
use thiserror::Error;

use super::edit::Edit;
use super::run::{Deletion, Origin, Run, RunId};
use super::sequence::{Sequence, index_of};
use crate::text::limits::{RUN_CHARS_MAX, STATE_BYTES_MAX};
use crate::text::ot::{Component, OperationError, TextDigest, TextOperation};

/// What a run (without its text) or a deletion takes in the encoding, in bytes; rounded up from the
/// usual 8 to 14.
const FACT_BYTES_MAX: usize = 24;

/// Why a change was not applied or a state not joined. The state is as it was.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TextError {
    /// The operation does not fit the text that its author had seen.
    #[error("operation does not fit the text")]
    Operation(#[from] OperationError),
    /// A change of this or a later time is in the text already.
    #[error("stamp {stamp:?} is not above the greatest clock {clock_max:?} in the text")]
    StampNotNew {
        /// The stamp given.
        stamp: Stamp,
        /// Greatest clock in the text.
        clock_max: Clock,
    },
    /// The text and its history have grown too large for further edits.
    #[error("text state has {bytes} bytes; edits are accepted up to {bytes_max}")]
    StateFull {
        /// Size with the edit, in bytes (estimated from above).
        bytes: usize,
        /// The bound, in bytes.
        bytes_max: usize,
    },
    /// Two states hold different text under one stamp: a site was copied or a state damaged.
    #[error("both states have a change {stamp:?}, and it differs")]
    StampForked {
        /// The stamp that names two different changes.
        stamp: Stamp,
    },
}

impl TextError {
    /// Returns the stable code of the error.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Operation(error) => error.code(),
            Self::StampNotNew { .. } => "TEXT_STAMP_NOT_NEW",
            Self::StateFull { .. } => "TEXT_STATE_FULL",
            Self::StampForked { .. } => "TEXT_STAMP_FORKED",
        }
    }
}

/// A text that hubs edit apart and join in any order; see the [module](super).
///
/// Two states are equal exactly if they hold the same changes. Then their texts and their
/// [encodings](Self::to_bytes) are equal too, so that a digest of the encoding is a digest of the
/// state.
#[derive(Clone, Debug, Default)]
pub struct TextState {
    /// Sorted by id; an origin stands before the runs that hang on it.
    pub(super) runs: Vec<Run>,
    /// Sorted, unique.
    pub(super) deletions: Vec<Deletion>,
    /// Derived from the facts above.
    sequence: Sequence,
    /// Bytes of text in all runs, dropped characters included.
    pub(super) text_bytes: usize,
}

impl PartialEq for TextState {
    fn eq(&self, other: &Self) -> bool {
        self.runs == other.runs && self.deletions == other.deletions
    }
}

impl Eq for TextState {}

impl TextState {
    /// Returns the empty text without history.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes facts that are in order and whole; see the fields.
    pub(super) fn from_facts(runs: Vec<Run>, deletions: Vec<Deletion>) -> Self {
        let sequence = Sequence::new(&runs, &deletions);
        let text_bytes = runs.iter().map(|run| run.text.len()).sum();
        Self { runs, deletions, sequence, text_bytes }
    }

    /// Returns the text; linear in the text and its history.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for span in self.sequence.spans.iter().filter(|span| !span.deleted) {
            text.push_str(self.runs[span.run as usize].slice(span.start, span.len));
        }
        text
    }

    /// Returns the length of the text, in scalar values.
    pub const fn len(&self) -> usize {
        self.sequence.shown
    }

    /// Returns whether the text is empty; its history need not be.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the size of the state in its encoding, in bytes; an estimate from above, in constant
    /// time.
    pub const fn size(&self) -> usize {
        self.text_bytes + FACT_BYTES_MAX * (self.runs.len() + self.deletions.len())
    }

    /// Returns the changes that the text holds, as the greatest clock per site.
    pub fn version(&self) -> Version {
        let mut version = Version::new();
        self.stamps().for_each(|stamp| version.observe(stamp));
        version
    }

    /// Edits the text as it is now.
    ///
    /// # Errors
    ///
    /// - [`TextError::Operation`] if the operation was made for a text of another length, or says that it
    ///   was made for another text.
    /// - [`TextError::StampNotNew`] if the clock of `stamp` is not above every clock in the text. A
    ///   change that edits one text twice composes its operations first.
    /// - [`TextError::StateFull`] if the history has grown beyond the bound; the text should be
    ///   written anew, as a new state.
    pub fn apply_operation(
        &mut self,
        operation: &TextOperation,
        stamp: Stamp,
    ) -> Result<(), TextError> {
        self.check(operation, stamp)?;
        if operation.base_len() != self.len() {
            let (expected, found) = (operation.base_len(), self.len());
            return Err(OperationError::LengthMismatch { expected, found }.into());
        }
        if operation.made_for().is_some_and(|digest| digest != TextDigest::of(&self.text())) {
            return Err(OperationError::OtherText.into());
        }
        let known = self.runs.len();
        let deletions = Edit::make(stamp, operation, &mut self.runs, &mut self.sequence);
        self.deletions.extend(deletions);
        self.text_bytes += self.runs[known..].iter().map(|run| run.text.len()).sum::<usize>();
        Ok(())
    }

    /// Edits the text as its author had seen it: with the changes for which `knows` is true.
    ///
    /// What the author had not seen stays. If `knows` names a change without the ones it builds on,
    /// that change counts as not seen.
    ///
    /// # Errors
    ///
    /// As [`apply_operation`](Self::apply_operation); the length is compared with the author's text.
    pub fn apply_operation_at(
        &mut self,
        operation: &TextOperation,
        stamp: Stamp,
        knows: impl Fn(Stamp) -> bool,
    ) -> Result<(), TextError> {
        if self.stamps().all(&knows) {
            return self.apply_operation(operation, stamp);
        }
        self.check(operation, stamp)?;
        let mut seen = self.seen_by(knows);
        seen.apply_operation(operation, stamp)?;
        self.join(&seen).map(|_| ())
    }

    /// Returns the text as somebody sees it who has seen the changes for which `knows` is true.
    pub fn text_at(&self, knows: impl Fn(Stamp) -> bool) -> String {
        self.seen_by(knows).text()
    }

    /// Returns the same text and history under other stamps.
    ///
    /// - `renew`: gives each stamp another one, in the same order.
    #[must_use]
    pub fn with_stamps(&self, mut renew: impl FnMut(Stamp) -> Stamp) -> Self {
        let mut named = |id: RunId| RunId { stamp: renew(id.stamp), ..id };
        let runs = self.runs.iter().map(|run| Run {
            id: named(run.id),
            origin: match run.origin {
                Origin::Start => Origin::Start,
                Origin::After(id) => Origin::After(named(id)),
                Origin::Before(id, at) => Origin::Before(named(id), at),
            },
            ..run.clone()
        });
        let runs = runs.collect();
        let deletions = self.deletions.iter().map(|deletion| {
            let (stamp, run) = (renew(deletion.stamp), deletion.run);
            Deletion { stamp, run: RunId { stamp: renew(run.stamp), ..run }, ..*deletion }
        });
        Self::from_facts(runs, deletions.collect())
    }

    /// Takes in everything that `other` holds and returns whether anything was new.
    ///
    /// Commutative, associative and idempotent.
    ///
    /// # Errors
    ///
    /// [`TextError::StampForked`] if one stamp names different changes in the two.
    pub fn join(&mut self, other: &Self) -> Result<bool, TextError> {
        let runs = union(&self.runs, &other.runs, |run| run.id);
        let forked = runs.windows(2).find(|pair| pair[0].id == pair[1].id);
        if let Some([run, _]) = forked {
            return Err(TextError::StampForked { stamp: run.id.stamp });
        }
        let deletions = union(&self.deletions, &other.deletions, |deletion| *deletion);
        if runs.len() == self.runs.len() && deletions.len() == self.deletions.len() {
            return Ok(false);
        }
        *self = Self::from_facts(runs, deletions);
        Ok(true)
    }

    fn check(&self, operation: &TextOperation, stamp: Stamp) -> Result<(), TextError> {
        let run_clock = self.runs.last().map(|run| run.id.stamp.clock);
        let deletion_clock = self.deletions.last().map(|deletion| deletion.stamp.clock);
        if let Some(clock_max) = run_clock.max(deletion_clock)
            && stamp.clock <= clock_max
        {
            return Err(TextError::StampNotNew { stamp, clock_max });
        }
        let added = operation.components().iter().map(|component| match component {
            Component::Insert(text) => {
                text.len() + FACT_BYTES_MAX * (1 + text.len() / RUN_CHARS_MAX)
            }
            Component::Delete(_) | Component::Retain(_) => FACT_BYTES_MAX,
        });
        let bytes = self.size() + added.sum::<usize>();
        if bytes > STATE_BYTES_MAX {
            return Err(TextError::StateFull { bytes, bytes_max: STATE_BYTES_MAX });
        }
        Ok(())
    }

    /// Returns the stamps of the changes that the text holds, each as often as there are facts of it.
    pub fn stamps(&self) -> impl Iterator<Item = Stamp> {
        let typed = self.runs.iter().map(|run| run.id.stamp);
        typed.chain(self.deletions.iter().map(|deletion| deletion.stamp))
    }

    /// Returns the state with only the changes that are known, each with all that it builds on.
    fn seen_by(&self, knows: impl Fn(Stamp) -> bool) -> Self {
        let mut runs: Vec<Run> = Vec::new();
        for run in self.runs.iter().filter(|run| knows(run.id.stamp)) {
            let has = |id: RunId| index_of(&runs, id, runs.len().wrapping_sub(1)).is_some();
            let whole = match run.origin {
                Origin::Start => true,
                Origin::After(id) | Origin::Before(id, _) => has(id),
            };
            if whole {
                runs.push(run.clone());
            }
        }
        let seen = |deletion: &&Deletion| {
            knows(deletion.stamp) && runs.binary_search_by_key(&deletion.run, |run| run.id).is_ok()
        };
        let deletions = self.deletions.iter().filter(seen).copied().collect();
        Self::from_facts(runs, deletions)
    }
}

/// Returns the union of two sorted lists; of equal facts one stays, of different facts with equal
/// keys both.
fn union<T: Clone + PartialEq, K: Ord>(a: &[T], b: &[T], key: impl Fn(&T) -> K) -> Vec<T> {
    let mut result = Vec::with_capacity(a.len().max(b.len()));
    let (mut left, mut right) = (a.iter().peekable(), b.iter().peekable());
    loop {
        let next = match (left.peek(), right.peek()) {
            (None, None) => return result,
            (Some(x), Some(y)) if x == y => {
                right.next();
                left.next()
            }
            (Some(x), Some(y)) if key(x) <= key(y) => left.next(),
            (Some(_), None) => left.next(),
            _ => right.next(),
        };
        result.extend(next.cloned());
    }
}
