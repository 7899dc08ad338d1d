//! What happens to the deliveries of an endpoint: they are sent, end, are tried again, or a person asks for
//! something.

use std::collections::VecDeque;
use std::sync::Arc;

use syncline_merge::fault::{Fault, is_planted};
use syncline_model::id::Position;

use super::cursor::{DisableReason, Disabled};
use super::delivery::{DeadLetter, Delivery, DeliveryState, EventRef};
use super::exchange::{Notice, Sending};
use super::limits::{CUT_OFF_MAX, Millis};
use super::queue::{Gate, Item, Lane, Phase, Queue, key, lane_key, put_due};
use super::settings::Settings;
use crate::rows::{Batch, Key};

impl Queue {
    /// Returns the next send, counted in `batch` or in the cursor, and whether the cursor's row is to be
    /// written for it.
    pub(super) fn launch(
        &mut self,
        now: Millis,
        batch: &mut Batch,
        notices: &mut Vec<Notice>,
    ) -> Option<(Sending, bool)> {
        loop {
            if !matches!(self.gate(now), Gate::Open(_)) {
                return None;
            }
            let position = self.next_ready()?;
            let Some(item) = self.items.get_mut(&position) else { continue };
            let Some(event) = item.event.clone().filter(|_| item.phase == Phase::Ready) else {
                continue;
            };
            let mut is_replay = false;
            let is_fresh = !item.has_row && item.row.is_none();
            if is_fresh {
                item.tries = 1;
                if !is_planted(Fault::SentBeforeCounted) {
                    self.unrowed.insert(position, true);
                    self.claimed = self.claimed.max(position);
                }
            } else {
                let mut row = item.row.take().unwrap_or_else(|| Box::new(Delivery::new(&event)));
                is_replay = row.is_replay();
                if has_had_all(&row, &self.settings) {
                    self.give_up(now, position, (*row, "attempts_used_up"), batch, notices);
                    continue;
                }
                row.count_attempt(now);
                item.tries = row.tries;
                if !is_planted(Fault::SentBeforeCounted) {
                    batch.put(key(&self.id, position), row.encode());
                }
                if !item.has_row {
                    batch.put(lane_key(&self.id, &item.lane, position), Vec::new());
                    item.has_row = true;
                    self.unrowed.remove(&position);
                    put_due(&self.id, now, position, item, batch);
                }
                item.row = Some(row);
            }
            item.phase = Phase::Flying;
            item.sent_ms = now;
            self.in_flight += 1;
            self.breaker.handle_send();
            if self.settings.rate.is_some() {
                self.bucket.take();
            }
            let (endpoint, made, attempt) = (self.id.clone(), self.made, item.tries);
            return Some((Sending { endpoint, made, event, attempt, is_replay }, is_fresh));
        }
    }

    /// Returns a delivery that can be sent: one with a row and one without in turn.
    fn next_ready(&mut self) -> Option<Position> {
        self.is_turn_of_again = !self.is_turn_of_again;
        let (one, other) = match self.is_turn_of_again {
            true => (&mut self.again, &mut self.fresh),
            false => (&mut self.fresh, &mut self.again),
        };
        one.pop_front().or_else(|| other.pop_front())
    }

    /// Returns the row of what is being sent, if this is the attempt that is under way; it is so no longer.
    pub(super) fn land(&mut self, position: Position, attempt: u32) -> Option<Box<Delivery>> {
        let item = self.items.get_mut(&position)?;
        if item.phase != Phase::Flying || item.tries != attempt {
            return None;
        }
        self.in_flight = self.in_flight.saturating_sub(1);
        item.phase = Phase::Queued;
        let row = item.row.take();
        let event = item.event.as_ref()?;
        Some(row.unwrap_or_else(|| {
            let mut row = Box::new(Delivery::new(event));
            row.count_attempt(item.sent_ms);
            row
        }))
    }

    /// A delivery is final: the row says so.
    pub(super) fn finish(
        &mut self,
        now: Millis,
        position: Position,
        mut row: Delivery,
        batch: &mut Batch,
    ) {
        debug_assert!(row.state.is_final(), "only what is final leaves its lane");
        row.due_ms = None;
        batch.put(key(&self.id, position), row.encode());
        if self.items.get(&position).is_none_or(|item| item.has_row) {
            batch.delete(lane_key(&self.id, &row.lane(), position));
        }
        self.advance(now, position, batch);
    }

    /// The filter leaves out a delivery that was about to be made. A row says so before the next one of the lane is
    /// sent: were it asked again after a crash, and wanted by then, it would come behind those.
    pub(super) fn leave_out(
        &mut self,
        now: Millis,
        position: Position,
        mut row: Delivery,
        batch: &mut Batch,
    ) {
        self.bucket.give_back();
        row.uncount_attempt();
        row.state = DeliveryState::Cancelled;
        row.failing_since_ms = None;
        self.finish(now, position, row, batch);
    }

    /// A delivery is given up, with the code that says why.
    pub(super) fn give_up(
        &mut self,
        now: Millis,
        position: Position,
        (mut row, code): (Delivery, &str),
        batch: &mut Batch,
        notices: &mut Vec<Notice>,
    ) {
        notices.push(Notice::Dead { endpoint: self.id.clone(), position });
        row.state = DeliveryState::Dead;
        let letter =
            DeadLetter { at_ms: now, event_type: row.event_type.clone(), code: code.into() };
        let endpoint = self.id.clone();
        batch.put(Key::DeadLetter { endpoint, position }, letter.encode());
        self.finish(now, position, row, batch);
    }

    /// A delivery is tried again at a time. The others of its lane are left on disk if it fails for long.
    pub(super) fn retry_at(
        &mut self,
        now: Millis,
        due_ms: Millis,
        position: Position,
        mut row: Delivery,
        batch: &mut Batch,
    ) {
        let Some(item) = self.items.get_mut(&position) else { return };
        row.state = DeliveryState::Retrying;
        row.due_ms = Some(due_ms);
        batch.put(key(&self.id, position), row.encode());
        if !item.has_row {
            batch.put(lane_key(&self.id, &item.lane, position), Vec::new());
            item.has_row = true;
        }
        put_due(&self.id, due_ms, position, item, batch);
        self.unrowed.remove(&position);
        item.phase = Phase::Retry(due_ms);
        item.event = None;
        self.retries.insert((due_ms, position));
        let name = item.lane.clone();
        let Some(lane) = self.lanes.get_mut(&name) else { return };
        lane.failing_since_ms = row.failing_since_ms;
        if is_planted(Fault::FailedLeavesLane) {
            lane.order.retain(|other| *other != position);
            self.go_on(now, &name, batch);
        } else if lane.order.len() > 1 && lane.is_blocked_long(now, &self.settings) {
            self.park(now, &name, batch);
        }
    }

    // ── what a person asks for ──────────────────────────────────────────────────────────────────

    /// Sends again what was final. Answers whether it is taken; it is not while it is not final.
    pub(super) fn replay(
        &mut self,
        now: Millis,
        event: &Arc<EventRef>,
        row: Option<Delivery>,
        batch: &mut Batch,
    ) -> bool {
        let position = event.position;
        let is_final = row.as_ref().is_none_or(|row| row.state.is_final());
        let is_settling =
            self.lanes.get(&event.lane()).and_then(|lane| lane.settling).map(|(_, at)| at);
        if !is_final
            || position > self.read_to
            || self.items.contains_key(&position)
            || is_settling == Some(position)
        {
            return false;
        }
        let mut row = row.unwrap_or_else(|| Delivery::new(event));
        row.state = DeliveryState::Waiting;
        (row.tries, row.failing_since_ms, row.due_ms) = (0, None, None);
        row.replays = row.replays.saturating_add(1);
        let (name, endpoint) = (event.lane(), self.id.clone());
        batch.delete(Key::DeadLetter { endpoint, position });
        batch.put(key(&self.id, position), row.encode());
        batch.put(lane_key(&self.id, &name, position), Vec::new());
        self.is_ahead = true;
        if let Some(recovery) = &mut self.recovery {
            recovery.rows.insert(position);
        }
        if let Some(lane) = self.lanes.get_mut(&name) {
            lane.tail.get_or_insert_default().is_appended = true;
            if let Some(head) = lane.order.front().copied() {
                self.give_row(now, head, batch);
            }
            return true;
        }
        let lane = Lane { order: VecDeque::from([position]), ..Lane::default() };
        self.lanes.insert(name.clone(), lane);
        let item = Item {
            lane: name,
            event: Some(event.clone()),
            since_ms: Some(now),
            row: Some(Box::new(row)),
            phase: Phase::Queued,
            has_row: true,
            due_row_ms: None,
            tries: 0,
            sent_ms: 0,
        };
        self.items.insert(position, item);
        self.make_head(now, position, batch);
        true
    }

    /// Tries at once what waits for its time. Answers whether there is such a delivery.
    pub(super) fn hasten(&mut self, now: Millis, position: Position, batch: &mut Batch) -> bool {
        let Some(item) = self.items.get_mut(&position) else { return false };
        let Phase::Retry(due_ms) = item.phase else { return false };
        self.retries.remove(&(due_ms, position));
        put_due(&self.id, now, position, item, batch);
        item.phase = Phase::Retry(now);
        self.retries.insert((now, position));
        true
    }

    /// Returns what a delivery in memory does.
    pub(super) fn phase(&self, position: Position) -> Option<Phase> {
        self.items.get(&position).map(|item| item.phase)
    }

    /// Ends a delivery that is not under way.
    ///
    /// - `row`: its row, if it has one.
    pub(super) fn cancel(
        &mut self,
        now: Millis,
        position: Position,
        row: Option<Delivery>,
        batch: &mut Batch,
    ) -> bool {
        let item = self.items.get(&position);
        let event = item.and_then(|item| item.event.as_ref());
        let known = item.and_then(|item| item.row.as_deref().cloned());
        let Some(mut row) = known.or(row).or_else(|| event.map(|event| Delivery::new(event)))
        else {
            return false;
        };
        if let Some(Phase::Retry(due_ms)) = self.phase(position) {
            self.retries.remove(&(due_ms, position));
        }
        row.state = DeliveryState::Cancelled;
        self.finish(now, position, row, batch);
        true
    }

    /// Leaves out everything up to a position that was not read yet.
    pub(super) fn skip_to(&mut self, now: Millis, to: Position, batch: &mut Batch) {
        let all: Vec<Position> = self.unrowed.keys().copied().collect();
        for position in all {
            let lane = self.items.get(&position).and_then(|item| self.lanes.get(&item.lane));
            if let Some(head) = lane.and_then(|lane| lane.order.front().copied()) {
                self.give_row(now, head, batch);
            }
            self.give_row(now, position, batch);
        }
        self.read_to = self.read_to.max(to);
        self.write_cursor(now, batch);
    }

    /// Returns whether the stretch that a former life had claimed is still being read again.
    pub(super) const fn is_recovering(&self) -> bool {
        self.recovery.is_some()
    }

    /// Nothing is sent any more. What is in memory gets its rows.
    pub(super) fn disable(&mut self, now: Millis, reason: DisableReason, batch: &mut Batch) {
        self.disabled = Some(Disabled { reason, at_ms: now });
        self.tested_ms = None;
        if self.is_recovering() {
            self.write_cursor(now, batch);
        } else {
            // A hub that starts while it is disabled has nothing to read again, and so can leave out what
            // comes meanwhile.
            self.skip_to(now, self.read_to, batch);
        }
    }
}

/// Returns whether no attempt is left. One that the end of the hub cut off may never have been made: it is not
/// the last one, unless that happens again and again.
fn has_had_all(row: &Delivery, settings: &Settings) -> bool {
    let cut_off_max = if is_planted(Fault::CutOffCountsAsLast) { 1 } else { CUT_OFF_MAX };
    let is_cut_off = (1..cut_off_max).contains(&row.cut_off());
    row.tries >= settings.schedule.attempts_max()
        && !is_cut_off
        && !is_planted(Fault::AttemptsUnbounded)
}
