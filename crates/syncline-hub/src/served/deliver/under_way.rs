//! What attempts hold in memory while they are under way, and those that wait for room there.
//!
//! The machine bounds what is sent by what stands in the log. Of an update that is what has changed, and what is sent
//! is the whole record: how much that is shows when it is read.

use std::collections::{BTreeMap, VecDeque};

use syncline_engine::deliver::{Dispatch, Report, Sending};
use syncline_engine::rows::Batch;
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
    /// Whether the machine knows that it waits.
    pub(super) has_waited: bool,
}

impl Counted {
    /// Takes note of how much it says.
    pub(super) const fn measure(&mut self, bytes: usize) {
        self.bytes = if bytes < CONTENT_COUNTED_BYTES_MIN { 0 } else { bytes };
    }

    /// Returns whether it is not known yet how much it says, or it is little.
    pub(super) const fn is_unread(&self) -> bool {
        self.bytes == 0
    }
}

impl UnderWay {
    /// Attempts were counted.
    pub(super) fn extend(&mut self, sends: Vec<Sending>) {
        let counted = |sending| Counted { sending, bytes: 0, passes: 0, has_waited: false };
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

    /// Forgets those that wait and may not be made any more, whose endpoint is gone or must be left alone.
    pub(super) fn take_back(&mut self, now: u64, dispatch: &mut Dispatch, batch: &mut Batch) {
        self.waiting.retain(|counted| dispatch.poll_counted(now, &counted.sending, batch));
    }

    /// Takes all that wait, the oldest first.
    pub(super) fn take(&mut self) -> VecDeque<Counted> {
        std::mem::take(&mut self.waiting)
    }

    /// One waits on.
    pub(super) fn put_back(&mut self, counted: Counted) {
        self.waiting.push_back(counted);
    }

    /// Returns whether one may begin, as far as it is known how much it holds. Small ones have room always.
    pub(super) fn may_begin(&self, counted: &Counted) -> bool {
        let is_held_up =
            self.waiting.front().is_some_and(|first| first.passes >= CONTENT_PASSES_MAX);
        counted.bytes == 0
            || (!is_held_up && self.has_room(&counted.sending.endpoint, counted.bytes))
    }

    /// One begins that [may](Self::may_begin).
    pub(super) fn begin(&mut self, counted: Counted) -> Sending {
        let bytes = counted.bytes;
        if bytes == 0 {
            return counted.sending;
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
        counted.sending
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
