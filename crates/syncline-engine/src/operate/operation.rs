//! An operation of a client, and what it comes to.

use std::sync::Arc;

use syncline_merge::display::Fields;
use syncline_merge::operation::Effect;
use syncline_merge::token::Token;
use syncline_model::clock::{Clock, Stamp};
use syncline_model::id::{EntityName, OperationId, Position, RecordId};
use syncline_model::path::Path;

use super::Rejection;
use crate::event::Event;
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
    /// An event that is emitted with it. With an effect that writes nothing it stands for itself, and the
    /// record is not touched.
    pub event: Option<Box<Event>>,
}

impl ClientOperation {
    /// Returns whether it only emits an event.
    pub fn is_event_only(&self) -> bool {
        self.event.is_some() && matches!(&self.effect, Effect::Write(fields) if fields.is_empty())
    }
}

/// What an operation came to.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// It was applied now.
    Applied(Box<Applied>),
    /// It was answered before.
    Duplicate(Box<Repeated>),
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
    /// Where the event stands in the log that it has emitted.
    pub event: Option<Position>,
    /// What a client has seen that is shown the record now.
    pub token: Token,
    /// Whether the client had seen every change of the record.
    pub had_seen_all: bool,
    /// What the client was shown of the record if it had seen all of it; `None` if it was not there.
    pub before: Option<Arc<Fields>>,
    /// What the client is shown of the record now.
    pub after: Option<Arc<Fields>>,
    /// What the operation did.
    pub effect: Effect,
    /// The ids of the conflicts that the operation brought about.
    pub conflicts: Vec<String>,
    /// Where it brought about any: all conflicts of the record that wait for a person, with what they are of.
    pub open: Vec<(String, Path)>,
}

/// An operation that was answered before.
#[derive(Clone, Debug, PartialEq)]
pub struct Repeated {
    /// What became of it.
    pub result: OperationResult,
    /// What its client is shown of the record now; `None` if that cannot be read.
    pub now: Option<Now>,
}

/// What a client is shown of a record.
#[derive(Clone, Debug, PartialEq)]
pub struct Now {
    /// The fields; `None` if the record is not there.
    pub fields: Option<Arc<Fields>>,
    /// What a client has seen that is shown them.
    pub token: Token,
    /// As of where in the log.
    pub position: Position,
}

impl Answer {
    /// Returns the change that the operation is, whether it was applied now or before.
    pub const fn stamp(&self) -> Option<Stamp> {
        match self {
            Self::Applied(applied) => Some(applied.stamp),
            Self::Duplicate(repeated) => repeated.result.fate.stamp(),
            Self::Rejected(_) => None,
        }
    }

    /// Returns the word of the protocol for it.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Applied(applied) if !applied.conflicts.is_empty() => "conflict",
            Self::Applied(applied) if !applied.had_seen_all => "merged",
            Self::Applied(_) => "applied",
            Self::Duplicate(_) => "duplicate",
            Self::Rejected(_) => "rejected",
        }
    }
}
