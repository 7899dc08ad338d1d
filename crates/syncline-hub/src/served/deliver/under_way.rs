//! What attempts hold in memory while they are under way, and those that wait for room there.
//!
//! The machine bounds what is sent by what stands in the log. Of an update that is what has changed, and what is sent
//! is the whole record: how much that is shows when it is read.

use std::collections::{BTreeMap, VecDeque};

use syncline_engine::deliver::{Report, Sending};
use syncline_model::id::{EndpointId, Position};

use crate::limits::{CONTENT_COUNTED_BYTES_MIN, CONTENT_PASSES_MAX, CONTENTS_BYTES_MAX};

/// Attempts that were counted: those that hold much, and those that wait.
#[derive(Debug, Default)]
pub(super) struct UnderWay {
    /// What those hold that hold much.
    attempts: BTreeMap<(EndpointId, Position), usize>,
    /// The same by endpoint, and of all.
    endpoints: BTreeMap<EndpointId, usize>,
    bytes: usize,
    waiting: VecDeque<Counted>,
}

/// An attempt that was counted and waits for room.
#[derive(Debug)]
pub(super) struct Counted {
    pub(super) sending: Sending,
    /// How much it holds, once that was seen.
    bytes: usize,
    /// How many that hold much have begun since it waits for more room than there is.
    passes: usize,
}

/// What became of an attempt whose content was read.
pub(super) enum Began {
    /// There is room for it.
    UnderWay(Sending),
    /// It waits.
    Waits,
}

impl UnderWay {
    /// Attempts were counted.
    pub(super) fn extend(&mut self, sends: Vec<Sending>) {
        let counted = |sending| Counted { sending, bytes: 0, passes: 0 };
        self.waiting.extend(sends.into_iter().map(counted));
    }

    /// Returns how many wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// An attempt has ended.
    pub(super) fn land(&mut self, report: &Report) {
        if self.attempts.is_empty() {
            return;
        }
        self.release(&(report.endpoint.clone(), report.position));
    }

    /// Takes all that wait, the oldest first.
    pub(super) fn take(&mut self) -> VecDeque<Counted> {
        std::mem::take(&mut self.waiting)
    }

    /// One waits on.
    pub(super) fn put_back(&mut self, counted: Counted) {
        self.waiting.push_back(counted);
    }

    /// Returns whether one may begin, as far as it is known how much it holds.
    pub(super) fn may_begin(&self, counted: &Counted) -> bool {
        let is_held_up =
            self.waiting.front().is_some_and(|first| first.passes >= CONTENT_PASSES_MAX);
        counted.bytes == 0
            || (!is_held_up && self.has_room(&counted.sending.endpoint, counted.bytes))
    }

    /// One begins, if there is room for what it holds. Small ones have room always.
    pub(super) fn begin(&mut self, mut counted: Counted, bytes: usize) -> Began {
        if bytes < CONTENT_COUNTED_BYTES_MIN {
            return Began::UnderWay(counted.sending);
        }
        counted.bytes = bytes;
        if !self.may_begin(&counted) {
            self.put_back(counted);
            return Began::Waits;
        }
        for passed in &mut self.waiting {
            passed.passes += 1;
        }
        let (endpoint, position) = (&counted.sending.endpoint, counted.sending.event.position);
        let attempt = (endpoint.clone(), position);
        self.release(&attempt);
        self.bytes += bytes;
        *self.endpoints.entry(endpoint.clone()).or_default() += bytes;
        self.attempts.insert(attempt, bytes);
        Began::UnderWay(counted.sending)
    }

    /// Returns whether there is room: an endpoint may hold as much as it leaves for the others, or one content. Where
    /// nothing is held there is room for whatever it is.
    fn has_room(&self, endpoint: &EndpointId, bytes: usize) -> bool {
        let free = CONTENTS_BYTES_MAX.saturating_sub(self.bytes);
        let own = self.endpoints.get(endpoint).copied().unwrap_or(0);
        self.bytes == 0 || (bytes <= free && (own == 0 || own + bytes <= free))
    }

    fn release(&mut self, attempt: &(EndpointId, Position)) {
        let Some(bytes) = self.attempts.remove(attempt) else { return };
        self.bytes -= bytes;
        let Some(own) = self.endpoints.get_mut(&attempt.0) else { return };
        *own -= bytes;
        if *own == 0 {
            self.endpoints.remove(&attempt.0);
        }
    }
}
