//! What became of an operation.

use syncline_merge::display::Fields;
use syncline_model::id::Position;
use syncline_model::path::Path;

use crate::change::OpenConflict;
use crate::problem::Problem;
use crate::token::TokenText;

/// What became of one operation.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Which of the client's operations.
    pub counter: u64,
    /// In one word.
    pub status: Status,
    /// As of where in the log the rest is true, and the record's token; `None` if it was not applied.
    pub seen: Option<Seen>,
    /// How the record looks now.
    pub shown: Shown,
    /// The ids of the conflicts that the operation brought about.
    pub conflicts: Vec<Box<str>>,
    /// Where it brought about any: all conflicts of the record that wait for a person. A rule may have settled those
    /// that it brought about.
    pub open: Vec<OpenConflict>,
    /// Why it was not applied.
    pub problem: Option<Box<Problem>>,
}

/// As of where in the log something is told, and what whoever is told has seen by that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The place in the log.
    pub position: Position,
    /// The record's token.
    pub version: TokenText,
}

/// What became of an operation, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It was applied, and the client had seen all of the record.
    Applied,
    /// It was applied, and the record held changes that the client had not seen.
    Merged,
    /// As [`Status::Merged`], and it is in conflict.
    Conflict,
    /// It was applied before.
    Duplicate,
    /// It was not applied and never will be.
    Rejected,
    /// The hub lacks what it builds on: send it again.
    Behind,
    /// What it builds on was forgotten: read the record again.
    Rebase,
}

impl Status {
    /// All words, in the order of the compact form.
    pub const ALL: [Self; 7] = [
        Self::Applied,
        Self::Merged,
        Self::Conflict,
        Self::Duplicate,
        Self::Rejected,
        Self::Behind,
        Self::Rebase,
    ];

    /// Returns the word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Merged => "merged",
            Self::Conflict => "conflict",
            Self::Duplicate => "duplicate",
            Self::Rejected => "rejected",
            Self::Behind => "behind",
            Self::Rebase => "rebase",
        }
    }

    /// Returns whether the operation is part of the record.
    pub const fn is_applied(self) -> bool {
        matches!(self, Self::Applied | Self::Merged | Self::Conflict | Self::Duplicate)
    }
}

/// How a record looks after an operation.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Shown {
    /// As the client predicts, or nothing is told.
    #[default]
    AsPredicted,
    /// As the client predicts, but for these fields.
    But {
        /// Fields with another value, sorted by path.
        set: Fields,
        /// Fields without a value.
        unset: Vec<Path>,
    },
    /// So; `None` if it is not there.
    Record(Option<Fields>),
}
