//! How a client stands, and what it tells the app of its own accord.

use std::collections::VecDeque;

use syncline_model::id::{EntityName, OperationId, RecordId};

use crate::limits::NOTICES_MAX;
use crate::store::Refusal;

/// How a client stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// The connection.
    pub network: Network,
    /// Whether the hub accepts the access token no more and no new one could be had. Nothing is lost:
    /// operations wait.
    pub is_unauthorised: bool,
    /// How many operations wait for the hub.
    pub pending: u64,
    /// How many were refused and wait for the app.
    pub quarantined: u64,
    /// How many the hub has applied and no backup of it holds yet, as far as it has said: they are sent again
    /// if it is restored. Always 0 where the hub is not backed up.
    pub kept: u64,
    /// How many of these were dropped since the client was opened, because there were too many.
    pub unkept: u64,
    /// How often since the client was opened its records were not what the hub shows, and were read anew.
    pub repairs: u64,
}

/// How the connection stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Network {
    /// Not connected.
    #[default]
    Offline,
    /// A connection is being made.
    Connecting,
    /// Connected; changes are still coming in.
    Online,
    /// Connected, and everything that the hub had was taken in.
    UpToDate,
}

/// What a client tells of its own accord.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// An operation was refused and is set aside: what it did is shown no more.
    Refused {
        /// The operation.
        operation: OperationId,
        /// The type of record.
        entity: EntityName,
        /// The record.
        id: RecordId,
        /// Why.
        refusal: Refusal,
    },
    /// An operation was applied and is in conflict with another one.
    Conflict {
        /// The operation.
        operation: OperationId,
        /// The type of record.
        entity: EntityName,
        /// The record.
        id: RecordId,
        /// The ids of the conflicts.
        conflicts: Vec<Box<str>>,
    },
    /// The hub accepts the access token no more, and no new one could be had.
    Unauthorised,
    /// The connection was refused, and is tried again; or edits wait until an operator of the hub allows
    /// them (`PUSH_HELD`), nothing of which is lost; or the records were not those that the hub shows
    /// (`VIEW_DIFFERS`), and are read anew.
    Problem {
        /// The stable code.
        code: Box<str>,
        /// What was wrong.
        detail: Box<str>,
    },
    /// So many notices were dropped because nobody took them.
    Missed(u64),
}

/// Notices that nobody has taken yet; the oldest go where there are too many.
#[derive(Debug, Default)]
pub(crate) struct Notices {
    waiting: VecDeque<Notice>,
    missed: u64,
}

impl Notices {
    pub(crate) fn push(&mut self, notice: Notice) {
        if self.waiting.len() >= NOTICES_MAX {
            self.waiting.pop_front();
            self.missed += 1;
        }
        self.waiting.push_back(notice);
    }

    pub(crate) fn take(&mut self) -> Vec<Notice> {
        let missed = std::mem::take(&mut self.missed);
        let missed = (missed > 0).then_some(Notice::Missed(missed));
        missed.into_iter().chain(self.waiting.drain(..)).collect()
    }
}
