//! Operations of clients: a group of them is decided in order and saved as one batch.
//!
//! A shell takes what waits, loads the rows that the operations name ([`Rows`]), hands the
//! operations to a [`Group`] one by one and saves what the group answers with in one transaction.
//! Only then does it pass the answers on. Operations on one record see each other through the
//! group's rows, so that each is decided on what its predecessors left.
//!
//! One operation never fails its neighbours: what cannot be applied is answered with a
//! [`Rejection`], and the group goes on.

mod group;
mod rejection;
mod rows;

#[cfg(test)]
mod tests;

use syncline_merge::display::Fields;
use syncline_merge::operation::Effect;
use syncline_merge::token::Token;
use syncline_model::clock::{Clock, Stamp};
use syncline_model::id::{EntityName, OperationId, Position, RecordId};

pub use group::{Decided, Group, GroupFacts};
pub use rejection::Rejection;
pub use rows::Rows;

use crate::results::OperationResult;

/// Longest state of one record, in bytes. Images of it in the log, and its values listed in a
/// conflict, must fit in one row of the store (64 MiB) even where each byte is written as six.
pub const STATE_BYTES_MAX: usize = 8 << 20;

/// One operation of a client.
#[derive(Clone, Debug, PartialEq)]
pub struct ClientOperation {
    /// Who made it, and which of its operations it is.
    pub id: OperationId,
    /// The type of record.
    pub entity: EntityName,
    /// Which record.
    pub record: RecordId,
    /// What the client had seen of the record; `None` if nothing.
    pub base: Option<Token>,
    /// What it does.
    pub effect: Effect,
    /// When, as the client claims; cut to the hub's clock plus the drift.
    pub edited: Clock,
    /// Counters of the same client that must have been applied before.
    pub after: Vec<u64>,
}

/// What an operation came to.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// It was applied now.
    Applied(Box<Applied>),
    /// It was answered before: this is what became of it.
    Duplicate(OperationResult),
    /// It was not applied.
    Rejected(Rejection),
}

/// An operation that was applied.
#[derive(Clone, Debug, PartialEq)]
pub struct Applied {
    /// The change that it became.
    pub stamp: Stamp,
    /// Where the change stands in the log.
    pub position: Position,
    /// What a client has seen that is shown the record now.
    pub token: Token,
    /// What is shown of the written paths, where the record held changes that the client had not
    /// seen; `None` where it had seen all of them.
    pub merged: Option<Fields>,
    /// The ids of the conflicts that the operation brought about.
    pub conflicts: Vec<String>,
}

impl Answer {
    /// Returns the change that the operation is, whether it was applied now or before.
    pub const fn stamp(&self) -> Option<Stamp> {
        match self {
            Self::Applied(applied) => Some(applied.stamp),
            Self::Duplicate(result) => result.fate.stamp(),
            Self::Rejected(_) => None,
        }
    }

    /// Returns the word of the protocol for it.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Applied(applied) if !applied.conflicts.is_empty() => "conflict",
            Self::Applied(applied) if applied.merged.is_some() => "merged",
            Self::Applied(_) => "applied",
            Self::Duplicate(_) => "duplicate",
            Self::Rejected(_) => "rejected",
        }
    }
}
