//! Attempts of one endpoint that were counted and wait until the sender has room for them.

use syncline_merge::fault::{Fault, is_planted};
use syncline_model::id::Position;

use super::breaker::{Passage, Sign};
use super::delivery::{Delivery, DeliveryState};
use super::exchange::Sending;
use super::limits::Millis;
use super::queue::{Phase, Queue, key};
use crate::rows::Batch;

impl Queue {
    /// An attempt that was to be sent waits. Answers whether it is under way.
    pub(super) fn wait(&mut self, send: &Sending) -> bool {
        let Some(item) = self.items.get_mut(&send.event.position) else { return false };
        if item.phase != Phase::Flying || item.tries != send.attempt || send.made != self.made {
            return false;
        }
        item.phase = Phase::Counted;
        self.waiting += 1;
        self.bucket.give_back();
        true
    }

    /// Returns whether this is an attempt that waits.
    pub(super) fn is_waiting(&self, send: &Sending) -> bool {
        let item = self.items.get(&send.event.position);
        send.made == self.made
            && item.is_some_and(|item| item.phase == Phase::Counted && item.tries == send.attempt)
    }

    /// Returns whether what waits may be sent as far as the endpoint is concerned. While its breaker lets one probe
    /// through, what waits is that probe: everything else was put back when it opened.
    pub(super) fn may_begin(&self, now: Millis) -> bool {
        let is_let_through = matches!(self.breaker.passage(now), Passage::Open | Passage::Closed);
        is_planted(Fault::CountedGoesOut)
            || (self.disabled.is_none() && now >= self.hold_until_ms && is_let_through)
    }

    /// What waited is being sent.
    pub(super) fn begin(&mut self, now: Millis, position: Position) {
        let Some(item) = self.items.get_mut(&position) else { return };
        item.phase = Phase::Flying;
        item.sent_ms = now;
        if let Some(attempt) = item.row.as_mut().and_then(|row| row.attempts.last_mut()) {
            attempt.at_ms = now;
        }
        self.waiting -= 1;
        if self.settings.rate.is_some() {
            self.bucket.take();
        }
    }

    /// What waits is not sent now: its attempt is not counted, and it is the first of its lane again.
    pub(super) fn put_back(&mut self, now: Millis, position: Position, batch: &mut Batch) {
        let Some(item) = self.items.get_mut(&position) else { return };
        (self.in_flight, self.waiting) = (self.in_flight - 1, self.waiting - 1);
        self.breaker.handle_sign(now, Sign::Nothing, &self.settings.breaker);
        item.phase = Phase::Queued;
        item.tries = item.tries.saturating_sub(1);
        if item.has_row {
            let uncounted = item.row.take().map(|mut row| {
                if !is_planted(Fault::PutBackStaysCounted) {
                    row.uncount_attempt();
                }
                row
            });
            // It may have got its row while it waited.
            let event = item.event.as_ref();
            let row = uncounted.or_else(|| event.map(|event| Box::new(Delivery::new(event))));
            if let Some(row) = &row {
                batch.put(key(&self.id, position), row.encode());
            }
            item.row = row;
        } else {
            self.unrowed.insert(position, false);
            self.write_cursor(now, batch);
        }
        self.make_head(now, position, batch);
    }
}

impl Delivery {
    /// An attempt that was counted was not made.
    pub(super) fn uncount_attempt(&mut self) {
        self.attempts.pop();
        self.tries = self.tries.saturating_sub(1);
        self.state = match self.failing_since_ms {
            Some(_) => DeliveryState::Retrying,
            None => DeliveryState::Waiting,
        };
    }
}
