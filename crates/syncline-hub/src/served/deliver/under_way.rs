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
    /// Whether one that waits for more room than there is was passed so often that all others that hold much wait for it.
    is_held_up: bool,
}

/// An attempt that was counted and waits for room.
#[derive(Debug)]
pub(super) struct Counted {
    pub(super) sending: Sending,
    /// How much it holds, once that was seen.
    bytes: usize,
    /// How many that hold much have begun while it waited for more room than there was.
    passes: usize,
    /// Whether that is what it waits for, and not its host or its rate.
    lacks_room: bool,
    /// Whether the machine knows that it waits.
    pub(super) has_waited: bool,
}

impl Counted {
    pub(super) const fn new(sending: Sending) -> Self {
        Self { sending, bytes: 0, passes: 0, lacks_room: false, has_waited: false }
    }

    /// Returns how much it holds, as far as that is known and counts.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    const fn is_passed_too_often(&self) -> bool {
        self.lacks_room && self.passes >= CONTENT_PASSES_MAX
    }

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
        self.is_held_up = false;
        std::mem::take(&mut self.waiting)
    }

    /// One waits on.
    pub(super) fn put_back(&mut self, counted: Counted) {
        self.is_held_up |= counted.is_passed_too_often();
        self.waiting.push_back(counted);
    }

    /// Returns whether one may begin, as far as it is known how much it holds. Small ones have room always.
    pub(super) fn may_begin(&self, counted: &mut Counted) -> bool {
        let has_room = !self.is_held_up && self.has_room(&counted.sending.endpoint, counted.bytes);
        counted.lacks_room = counted.bytes > 0 && !has_room;
        !counted.lacks_room
    }

    /// One begins that [may](Self::may_begin).
    pub(super) fn begin(&mut self, counted: Counted) -> Sending {
        let bytes = counted.bytes;
        if bytes == 0 {
            return counted.sending;
        }
        for passed in self.waiting.iter_mut().filter(|passed| passed.lacks_room) {
            passed.passes += 1;
            self.is_held_up |= passed.is_passed_too_often();
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
