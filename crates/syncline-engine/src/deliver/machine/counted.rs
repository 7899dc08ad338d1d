//! Attempts that were counted, and for which the sender has no room yet.
//!
//! While one waits, what is known of its endpoint may change: what was allowed when it was counted may not be any more.

use super::{Dispatch, Slot};
use crate::deliver::exchange::Sending;
use crate::deliver::limits::{FLYING_BYTES_MAX, Millis, WAITING_MAX, WAITING_OWN_MAX};
use crate::rows::Batch;

impl Slot {
    /// Returns whether an endpoint has as much as it may have before more of it is counted: of what waits, and of what
    /// is in memory. One with a rate has nothing else sent while something waits, which has been counted before.
    pub(super) fn has_its_share(&self, waiting_all: u32, flying_bytes_all: u64) -> bool {
        let waiting = self.queue.waiting;
        let is_crowded = waiting_all >= WAITING_MAX || self.queue.settings.rate.is_some();
        let left = FLYING_BYTES_MAX.saturating_sub(flying_bytes_all);
        waiting >= if is_crowded { 1 } else { WAITING_OWN_MAX }
            || (self.flying_bytes > 0 && self.flying_bytes >= left)
    }
}

impl Dispatch {
    /// An attempt that [`poll_sends`](Self::poll_sends) has answered is not made yet: the sender has no room for what
    /// it says. Meanwhile it takes nobody's place. Ask [`poll_counted`](Self::poll_counted) about it with each turn, and
    /// tell when it [begins](Self::handle_begun).
    pub fn handle_waits(&mut self, now: Millis, send: &Sending) {
        let Ok((index, queue)) = self.queue(&send.endpoint) else { return };
        if !queue.wait(send) {
            return;
        }
        self.waiting += 1;
        if let Some(slot) = self.slots.get_mut(index).and_then(Option::as_mut) {
            self.hosts.leave(&slot.host);
            let bytes = u64::from(send.event.bytes).min(slot.flying_bytes);
            slot.flying_bytes -= bytes;
            self.flying_bytes -= bytes;
        }
        self.update(index, now);
    }

    /// Returns whether an attempt that waits may still be made. If its endpoint must be left alone by now it counts as
    /// not made, which is written to `batch`, and the delivery is made when its endpoint may be sent to again; of one
    /// that is not known any more nothing is left to be done. In either case it is to be forgotten.
    ///
    /// Call it behind all reports, and before [`poll_sends`](Self::poll_sends).
    pub fn poll_counted(&mut self, now: Millis, send: &Sending, batch: &mut Batch) -> bool {
        let Ok((index, queue)) = self.queue(&send.endpoint) else { return false };
        if !queue.is_waiting(send) {
            return false;
        }
        if queue.may_begin(now) {
            return true;
        }
        queue.put_back(now, send.event.position, batch);
        self.waiting -= 1;
        self.update(index, now);
        false
    }

    /// Returns whether an attempt that waits could begin now, as far as its host and its rate are concerned.
    ///
    /// - `sends_max`: how many the sender takes now.
    pub fn can_begin(&mut self, now: Millis, send: &Sending, sends_max: usize) -> bool {
        let Ok((index, queue)) = self.queue(&send.endpoint) else { return false };
        if !queue.is_waiting(send) || queue.token_ms(now).is_some() {
            return false;
        }
        let Some(slot) = self.slots.get(index).and_then(Option::as_ref) else { return false };
        let flying = slot.queue.in_flight - slot.queue.waiting;
        self.hosts.room(&slot.host, flying, sends_max) > 0
    }

    /// An attempt that waits is to be made, since there is room for it by now. Answers whether it may begin; else it
    /// waits on, for what is under way to its host or for its rate.
    ///
    /// Call it before [`poll_sends`](Self::poll_sends): what is counted there takes all that is free at its host.
    ///
    /// - `sends_max`: how many the sender takes now.
    pub fn handle_begun(&mut self, now: Millis, send: &Sending, sends_max: usize) -> bool {
        if !self.can_begin(now, send, sends_max) {
            return false;
        }
        let Some(index) = self.by_id.get(&send.endpoint).copied() else { return false };
        let Some(slot) = self.slots.get_mut(index).and_then(Option::as_mut) else { return false };
        slot.queue.begin(now, send.event.position);
        self.waiting -= 1;
        self.hosts.launch(&slot.host, 1);
        slot.flying_bytes += u64::from(send.event.bytes);
        self.flying_bytes += u64::from(send.event.bytes);
        self.update(index, now);
        true
    }
}
