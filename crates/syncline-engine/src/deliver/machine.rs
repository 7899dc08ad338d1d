//! The machine of all deliveries of one hub.

mod counted;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use syncline_model::id::{EndpointId, EventType, Position};

use super::cursor::{CursorRow, DisableReason, Forgotten, Pause};
use super::delivery::{Delivery, EventRef};
use super::exchange::{
    Backlog, EndpointFacts, LaneRead, Load, LogRead, Notice, Refusal, Replay, Replayed, RowsRead,
    Sending, Stored,
};
use super::hosts::Hosts;
use super::limits::{
    AHEAD_MAX, ENDPOINTS_MAX, FLYING_BYTES_MAX, IDLE_SPAN_MAX, Millis, NOTICES_MAX,
    PENDING_OWN_MIN, PENDING_TOTAL_MAX, READ_ENTRIES_MAX, REPLAY_TAKEN_MAX, ROUTES_MAX,
    TEST_MS_MAX, TURN_SENDS_MAX,
};
use super::outcome::{Outcome, Report};
use super::queue::{Phase, Queue};
use super::settings::Settings;
use crate::rows::{Batch, Key};

#[derive(Debug)]
struct Slot {
    queue: Queue,
    /// Whether it reads together with others, at [`Dispatch::tail`].
    is_at_tail: bool,
    is_in_turn: bool,
    is_in_asks: bool,
    wake_ms: Option<Millis>,
    /// What it has in [`Dispatch::pending`] and [`Dispatch::flying_bytes`].
    pending: usize,
    flying_bytes: u64,
    host: Arc<str>,
}

/// The machine of all deliveries of one hub. The [module](super) says how a shell drives it.
#[derive(Debug, Default)]
pub struct Dispatch {
    slots: Vec<Option<Slot>>,
    /// How many endpoints were made, or taken up.
    made: u64,
    by_id: BTreeMap<EndpointId, usize>,
    /// The last position of the log.
    end: Position,
    /// Where those stand that read together.
    tail: Position,
    at_tail: usize,
    is_tail_read: bool,
    has_read: bool,
    /// Whom events of a type concern.
    routes: BTreeMap<EventType, Arc<[usize]>>,
    /// Who can send, in turn.
    turn: VecDeque<usize>,
    /// Who could send if more of what is under way to its host had ended.
    held: Vec<usize>,
    /// Until when that is to be expected of any of them.
    held_until_ms: Millis,
    hosts: Hosts,
    /// Who needs rows or a page of the log, in turn.
    asks: VecDeque<usize>,
    wakes: BTreeSet<(Millis, usize)>,
    pending: usize,
    flying_bytes: u64,
    /// Attempts that were counted and wait until the sender has room for them.
    waiting: u32,
    notices: VecDeque<Notice>,
    notices_dropped: u64,
}

impl Dispatch {
    /// Returns a machine without endpoints.
    pub fn new() -> Self {
        Self::default()
    }

    // ── endpoints ───────────────────────────────────────────────────────────────────────────────

    /// An endpoint was made: it gets the events behind a position. Its cursor is written to `batch`; the
    /// caller adds the [`EndpointRow`](super::EndpointRow).
    ///
    /// # Errors
    ///
    /// [`Refusal::TooManyEndpoints`].
    pub fn handle_created(
        &mut self,
        now: Millis,
        endpoint: EndpointId,
        settings: Arc<Settings>,
        behind: Position,
        batch: &mut Batch,
    ) -> Result<(), Refusal> {
        let cursor = CursorRow::at(behind);
        batch.put(Key::Cursor(endpoint.clone()), cursor.encode());
        let (rows, due) = (BTreeSet::new(), Vec::new());
        self.handle_stored(now, Stored { endpoint, settings, cursor, rows, due })
    }

    /// The hub has started, and this is what its store holds of an endpoint. Call
    /// [`handle_log`](Self::handle_log) before.
    ///
    /// # Errors
    ///
    /// [`Refusal::TooManyEndpoints`].
    pub fn handle_stored(&mut self, now: Millis, stored: Stored) -> Result<(), Refusal> {
        if self.by_id.len() >= ENDPOINTS_MAX && !self.by_id.contains_key(&stored.endpoint) {
            return Err(Refusal::TooManyEndpoints { endpoints_max: ENDPOINTS_MAX });
        }
        self.handle_removed(&stored.endpoint);
        let Stored { endpoint, settings, cursor, rows, due } = stored;
        let host = self.hosts.join(&settings.url);
        self.made += 1;
        let mut queue = Queue::new((endpoint.clone(), self.made), settings, &cursor);
        let start = cursor.settled;
        queue.recover(now, cursor, rows, due);
        let is_near = self.end.0.saturating_sub(start.0) <= IDLE_SPAN_MAX;
        let is_at_tail = is_near && !self.has_read && queue.disabled.is_none();
        if is_at_tail {
            self.tail = if self.at_tail == 0 { start } else { self.tail.min(start) };
            self.at_tail += 1;
        }
        let slot = Slot {
            queue,
            is_at_tail,
            is_in_turn: false,
            is_in_asks: false,
            wake_ms: None,
            pending: 0,
            flying_bytes: 0,
            host,
        };
        let index = self.slots.iter().position(Option::is_none).unwrap_or(self.slots.len());
        match self.slots.get_mut(index) {
            Some(free) => *free = Some(slot),
            None => self.slots.push(Some(slot)),
        }
        self.by_id.insert(endpoint, index);
        self.routes.clear();
        self.update(index, now);
        Ok(())
    }

    /// The row was read of a delivery that waits since a former life: how old it is is known then, however late it is
    /// tried again.
    pub fn handle_left(
        &mut self,
        now: Millis,
        endpoint: &EndpointId,
        position: Position,
        row: &Delivery,
    ) {
        if let Ok((_, queue)) = self.queue(endpoint) {
            queue.handle_left(now, position, row);
        }
    }

    /// An endpoint's settings have changed. What it has read already is delivered, whatever its filter
    /// says now: where that changes, each such delivery gets its row, so that it is so after a crash, too.
    ///
    /// # Errors
    ///
    /// [`Refusal::EndpointUnknown`]; [`Refusal::Recovering`] where the filter changes while what was claimed
    /// under the former one is still being read again.
    pub fn handle_settings(
        &mut self,
        now: Millis,
        endpoint: &EndpointId,
        settings: Arc<Settings>,
        batch: &mut Batch,
    ) -> Result<(), Refusal> {
        let (index, queue) = self.queue(endpoint)?;
        if queue.settings.filter != settings.filter {
            if queue.is_recovering() {
                return Err(Refusal::Recovering);
            }
            queue.skip_to(now, queue.read_to, batch);
        }
        queue.window = queue.window.max(1);
        if queue.window == queue.settings.in_flight_max.get() {
            queue.window = settings.in_flight_max.get();
        }
        let is_moved = queue.settings.url != settings.url;
        queue.settings = settings;
        // What was tested is another address.
        queue.tested_ms = queue.tested_ms.filter(|_| !is_moved);
        if is_moved && !queue.pause(now).is_none() {
            // It was the former address that has asked for a pause, or failed.
            (queue.hold_until_ms, queue.window) = (0, 1);
            queue.breaker = super::breaker::Breaker::new();
            queue.write_cursor(now, batch);
        }
        if let Some(slot) = self.slots.get_mut(index).and_then(Option::as_mut) {
            let former =
                std::mem::replace(&mut slot.host, self.hosts.join(&slot.queue.settings.url));
            let flying = slot.queue.in_flight - slot.queue.waiting;
            self.hosts.launch(&slot.host, flying);
            self.hosts.part(&former, flying);
        }
        self.routes.clear();
        self.update(index, now);
        Ok(())
    }

    /// An endpoint was removed. Its rows are the caller's to delete.
    pub fn handle_removed(&mut self, endpoint: &EndpointId) {
        let Some(index) = self.by_id.remove(endpoint) else { return };
        let Some(slot) = self.slots.get_mut(index).and_then(Option::take) else { return };
        self.pending -= slot.pending;
        self.flying_bytes -= slot.flying_bytes;
        self.hosts.part(&slot.host, slot.queue.in_flight - slot.queue.waiting);
        self.waiting -= slot.queue.waiting;
        self.at_tail -= usize::from(slot.is_at_tail);
        if let Some(wake_ms) = slot.wake_ms {
            self.wakes.remove(&(wake_ms, index));
        }
        // Another may take the place before its turn comes.
        self.turn.retain(|other| *other != index);
        self.held.retain(|other| *other != index);
        self.asks.retain(|other| *other != index);
        self.routes.clear();
        // Those that had no room in memory may have some now.
        for (index, slot) in self.slots.iter_mut().enumerate() {
            if let Some(slot) = slot.as_mut().filter(|slot| !slot.is_in_asks) {
                slot.is_in_asks = true;
                self.asks.push_back(index);
            }
        }
    }

    /// An operator has disabled an endpoint.
    ///
    /// # Errors
    ///
    /// [`Refusal::EndpointUnknown`].
    pub fn handle_disabled(
        &mut self,
        now: Millis,
        endpoint: &EndpointId,
        batch: &mut Batch,
    ) -> Result<(), Refusal> {
        let (index, queue) = self.queue(endpoint)?;
        queue.disable(now, DisableReason::ByHand, batch);
        self.update(index, now);
        Ok(())
    }

    /// A test was sent to an endpoint, beside its lanes. One that is left alone and could be reached is tried with a
    /// delivery at once.
    ///
    /// # Errors
    ///
    /// [`Refusal::EndpointUnknown`].
    pub fn handle_test(
        &mut self,
        now: Millis,
        endpoint: &EndpointId,
        outcome: Outcome,
        batch: &mut Batch,
    ) -> Result<(), Refusal> {
        let (index, queue) = self.queue(endpoint)?;
        queue.tested_ms = Some(now).filter(|_| outcome.is_judged());
        if outcome.is_judged() && queue.breaker.hasten(now) {
            queue.write_cursor(now, batch);
            self.update(index, now);
        }
        Ok(())
    }

    /// An operator enables an endpoint again. Answers which stretch of the log was left out: behind the
    /// first position, up to the second.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotTested`] unless a [test](Self::handle_test) has reached it since it was disabled;
    /// [`Refusal::NotDisabled`], [`Refusal::Recovering`], [`Refusal::EndpointUnknown`].
    pub fn handle_enabled(
        &mut self,
        now: Millis,
        endpoint: &EndpointId,
        backlog: Backlog,
        batch: &mut Batch,
    ) -> Result<(Position, Position), Refusal> {
        let (index, queue) = self.queue(endpoint)?;
        if queue.disabled.is_none() {
            return Err(Refusal::NotDisabled);
        }
        if queue.tested_ms.is_none_or(|tested| now.saturating_sub(tested) > TEST_MS_MAX) {
            return Err(Refusal::NotTested { minutes: TEST_MS_MAX / 60_000 });
        }
        if queue.is_recovering() && backlog != Backlog::Deliver {
            return Err(Refusal::Recovering);
        }
        (queue.disabled, queue.failing, queue.tested_ms) = (None, None, None);
        (queue.is_failing_noted, queue.hold_until_ms, queue.window) = (false, 0, 1);
        queue.breaker = super::breaker::Breaker::new();
        let before = queue.read_to;
        match backlog {
            Backlog::Deliver => queue.write_cursor(now, batch),
            Backlog::Skip { to } => queue.skip_to(now, to, batch),
        }
        let after = queue.read_to;
        self.update(index, now);
        Ok((before, after))
    }

    // ── what was read ───────────────────────────────────────────────────────────────────────────

    /// The log has grown: entries up to `end` are durable. It costs nothing but for endpoints that lag.
    pub fn handle_log(&mut self, now: Millis, end: Position) {
        self.end = self.end.max(end);
        if self.at_tail == 0 {
            (0..self.slots.len()).for_each(|index| self.update(index, now));
        }
    }

    /// Returns what is to be read before anything else can be decided. Everything that was written to a
    /// batch must be committed before it is read.
    pub fn poll_load(&mut self, now: Millis) -> Option<Load> {
        self.wake(now);
        if self.is_tail_due(now) {
            self.is_tail_read = true;
            self.has_read = true;
            let (after, until) = (self.tail, self.end);
            let entries_max = READ_ENTRIES_MAX;
            return Some(Load::Log(LogRead { endpoint: None, after, until, entries_max }));
        }
        while let Some(index) = self.asks.pop_front() {
            let until = if self.at_tail > 0 { self.tail } else { self.end };
            let has_space = self.has_space(index);
            let Some(slot) = self.slots.get_mut(index).and_then(Option::as_mut) else { continue };
            slot.is_in_asks = false;
            let queue = &mut slot.queue;
            let mut load = queue.ask_rows(now).map(Load::Rows);
            load = load.or_else(|| queue.ask_lane().map(Load::Lane));
            let is_behind = !slot.is_at_tail && !queue.is_reading && queue.read_to < until;
            if load.is_none() && is_behind && has_space && queue.has_room() {
                queue.is_reading = true;
                let (endpoint, after) = (Some(queue.id.clone()), queue.read_to);
                let entries_max = READ_ENTRIES_MAX;
                load = Some(Load::Log(LogRead { endpoint, after, until, entries_max }));
                self.has_read = true;
            }
            if load.is_some() {
                self.update(index, now);
                return load;
            }
        }
        None
    }

    /// Returns whether something may be to be read that was not asked for yet: sending finds that, too.
    ///
    /// What is not read while there is enough to send does not count: the end of an attempt brings it.
    pub fn has_load(&self, now: Millis) -> bool {
        self.is_tail_due(now) || !self.asks.is_empty()
    }

    /// Returns whether those that read together are to read on: not while there is enough to send. What is read far
    /// ahead of its sends would have to wait on disk.
    fn is_tail_due(&self, now: Millis) -> bool {
        let can_send = !self.turn.is_empty() || now < self.held_until_ms;
        self.is_tail_behind() && !(can_send && self.pending >= AHEAD_MAX)
    }

    /// Returns whether there is more in the log than those that read together have asked for.
    const fn is_tail_behind(&self) -> bool {
        self.at_tail > 0 && self.tail.0 < self.end.0 && !self.is_tail_read
    }

    /// A page of the log was read.
    ///
    /// - `to`: up to which position it was looked at, whether there was an event or not.
    /// - `events`: all events in it, in order, whether they concern anybody or not.
    pub fn handle_entries(
        &mut self,
        now: Millis,
        read: &LogRead,
        to: Position,
        events: &[Arc<EventRef>],
        batch: &mut Batch,
    ) {
        let Some(endpoint) = &read.endpoint else {
            return self.handle_shared(now, to, events, batch);
        };
        let Ok((index, queue)) = self.queue(endpoint) else { return };
        queue.is_reading = false;
        if queue.disabled.is_none() && queue.read_to == read.after {
            for event in events {
                if queue.settings.filter.matches(&event.event_type) {
                    queue.take(now, event, batch);
                }
            }
            queue.handle_read_to(now, to, batch);
        }
        self.update(index, now);
    }

    fn handle_shared(
        &mut self,
        now: Millis,
        to: Position,
        events: &[Arc<EventRef>],
        batch: &mut Batch,
    ) {
        self.is_tail_read = false;
        let mut touched = BTreeSet::new();
        for event in events {
            for index in self.route(&event.event_type).iter().copied() {
                let has_space = self.has_space(index);
                let Some(slot) = self.slots.get_mut(index).and_then(Option::as_mut) else {
                    continue;
                };
                if !slot.is_at_tail || event.position <= slot.queue.read_to {
                    continue;
                }
                touched.insert(index);
                if has_space && slot.queue.has_room() {
                    slot.queue.take(now, event, batch);
                    let pending = slot.queue.pending();
                    self.pending = self.pending + pending - slot.pending;
                    slot.pending = pending;
                } else {
                    slot.is_at_tail = false;
                    self.at_tail -= 1;
                    let before = Position(event.position.0 - 1);
                    slot.queue.handle_read_to(now, before, batch);
                }
            }
        }
        self.tail = self.tail.max(to);
        for slot in self.slots.iter_mut().flatten().filter(|slot| slot.is_at_tail) {
            slot.queue.handle_read_to(now, to, batch);
        }
        touched.into_iter().for_each(|index| self.update(index, now));
    }

    /// Returns whom an event of this type concerns.
    fn route(&mut self, event_type: &EventType) -> Arc<[usize]> {
        if let Some(known) = self.routes.get(event_type) {
            return known.clone();
        }
        let concerned = |index: &usize| {
            let slot = self.slots.get(*index).and_then(Option::as_ref);
            slot.is_some_and(|slot| slot.queue.settings.filter.matches(event_type))
        };
        let route: Arc<[usize]> = (0..self.slots.len()).filter(concerned).collect();
        if self.routes.len() >= ROUTES_MAX {
            self.routes.clear();
        }
        self.routes.insert(event_type.clone(), route.clone());
        route
    }

    /// Rows of deliveries were read; nothing stands for one that is not there.
    pub fn handle_rows(
        &mut self,
        now: Millis,
        read: &RowsRead,
        rows: Vec<Option<Delivery>>,
        batch: &mut Batch,
    ) {
        let Ok((index, queue)) = self.queue(&read.endpoint) else { return };
        let mut missing = Vec::new();
        for (position, row) in read.positions.iter().zip(rows) {
            if !queue.handle_row(now, *position, row, batch) {
                missing.push(*position);
            }
        }
        for position in missing {
            self.notify(Notice::RowMissing { endpoint: read.endpoint.clone(), position });
        }
        self.update(index, now);
    }

    /// The first deliveries of a lane were read, in order; nothing stands for one that is named and is not there.
    pub fn handle_lane(
        &mut self,
        now: Millis,
        read: &LaneRead,
        rows: Vec<(Position, Option<Delivery>)>,
        batch: &mut Batch,
    ) {
        let Ok((index, queue)) = self.queue(&read.endpoint) else { return };
        for position in queue.handle_lane(now, read, rows, batch) {
            self.notify(Notice::RowMissing { endpoint: read.endpoint.clone(), position });
        }
        self.update(index, now);
    }

    // ── sending ─────────────────────────────────────────────────────────────────────────────────

    /// Returns attempts to be made, each counted in `batch`: commit it, then send. Endpoints have their
    /// turns, and hosts their shares: those that hang leave room for the others.
    ///
    /// - `sends_max`: how many the sender takes now.
    pub fn poll_sends(&mut self, now: Millis, sends_max: usize, batch: &mut Batch) -> Vec<Sending> {
        self.wake(now);
        let (mut sends, mut notices) = (Vec::new(), Vec::new());
        let mut claimed = BTreeSet::new();
        self.turn.extend(self.held.drain(..));
        self.held_until_ms = 0;
        while sends.len() < sends_max && self.flying_bytes < FLYING_BYTES_MAX {
            let Some(index) = self.turn.pop_front() else { break };
            let Some(slot) = self.slots.get_mut(index).and_then(Option::as_mut) else { continue };
            let free = sends_max - sends.len();
            if slot.has_its_share(self.waiting, self.flying_bytes) {
                self.held.push(index);
                continue;
            }
            let flying = slot.queue.in_flight - slot.queue.waiting;
            let room = self.hosts.room(&slot.host, flying, free) as usize;
            if room == 0 {
                // It keeps its turn until something has ended.
                self.held.push(index);
                self.held_until_ms = self.held_until_ms.max(self.hosts.lively_until(&slot.host));
                continue;
            }
            slot.is_in_turn = false;
            for _ in 0..TURN_SENDS_MAX.min(free).min(room) {
                let launched = slot.queue.launch(now, batch, &mut notices);
                let Some((send, is_fresh)) = launched else { break };
                self.hosts.launch(&slot.host, 1);
                if is_fresh {
                    claimed.insert(index);
                }
                slot.flying_bytes += u64::from(send.event.bytes);
                self.flying_bytes += u64::from(send.event.bytes);
                sends.push(send);
            }
            self.update(index, now);
        }
        for index in claimed {
            if let Some(slot) = self.slots.get_mut(index).and_then(Option::as_mut) {
                slot.queue.write_cursor(now, batch);
            }
        }
        notices.into_iter().for_each(|notice| self.notify(notice));
        sends
    }

    /// An attempt has ended. What it makes of the delivery is written to `batch`, which may take in many
    /// outcomes. A report of an attempt that is not under way changes nothing.
    ///
    /// - `random`: any number, another one each time; it spreads the retries.
    pub fn handle_report(&mut self, now: Millis, random: u64, report: &Report, batch: &mut Batch) {
        let mut notices = Vec::new();
        let Ok((index, queue)) = self.queue(&report.endpoint) else { return };
        let landed = queue.handle_report(now, random, report, batch, &mut notices);
        if let (Some(bytes), Some(slot)) =
            (landed, self.slots.get_mut(index).and_then(Option::as_mut))
        {
            if report.outcome.is_sent() {
                let is_answered = matches!(report.outcome, Outcome::Answered { .. });
                self.hosts.land(now, &slot.host, is_answered);
            } else {
                self.hosts.leave(&slot.host);
            }
            let bytes = u64::from(bytes).min(slot.flying_bytes);
            slot.flying_bytes -= bytes;
            self.flying_bytes -= bytes;
        }
        notices.into_iter().for_each(|notice| self.notify(notice));
        self.update(index, now);
    }

    /// Returns when to call the `poll_*` again if nothing happens before; never, if nothing is said.
    pub fn poll_due(&self) -> Option<Millis> {
        let wake_ms = self.wakes.first().map(|(wake_ms, _)| *wake_ms);
        let is_held = self.is_tail_behind() && self.turn.is_empty() && self.held_until_ms > 0;
        wake_ms.into_iter().chain(is_held.then_some(self.held_until_ms)).min()
    }

    /// Returns something that an operator should know.
    pub fn poll_notice(&mut self) -> Option<Notice> {
        self.notices.pop_front()
    }

    // ── what a person asks for ──────────────────────────────────────────────────────────────────

    /// Deliveries are to be made again, with their ids, as fast as the settings say. Deliveries that are not
    /// final are left as they are.
    ///
    /// # Errors
    ///
    /// [`Refusal::EndpointUnknown`].
    pub fn handle_replay(
        &mut self,
        now: Millis,
        endpoint: &EndpointId,
        replays: Vec<Replay>,
        batch: &mut Batch,
    ) -> Result<Replayed, Refusal> {
        let (index, queue) = self.queue(endpoint)?;
        let mut replayed = Replayed::default();
        for replay in replays.into_iter().take(REPLAY_TAKEN_MAX) {
            if queue.pending() >= super::limits::PENDING_MAX {
                break;
            }
            let is_taken = queue.replay(now, &replay.event, replay.row, batch);
            replayed.looked_at += 1;
            replayed.taken += usize::from(is_taken);
        }
        self.update(index, now);
        Ok(replayed)
    }

    /// A delivery that waits for its time is to be tried at once.
    ///
    /// # Errors
    ///
    /// [`Refusal::DeliveryUnknown`] if it does not; [`Refusal::EndpointUnknown`].
    pub fn handle_retry(
        &mut self,
        now: Millis,
        endpoint: &EndpointId,
        position: Position,
        batch: &mut Batch,
    ) -> Result<(), Refusal> {
        let (index, queue) = self.queue(endpoint)?;
        if !queue.hasten(now, position, batch) {
            return Err(Refusal::DeliveryUnknown);
        }
        self.update(index, now);
        Ok(())
    }

    /// A delivery that waits is not to be made.
    ///
    /// - `row`: its row, if the store holds one.
    ///
    /// # Errors
    ///
    /// [`Refusal::UnderWay`] while it is being sent; [`Refusal::DeliveryUnknown`] if it is final or was
    /// never read; [`Refusal::EndpointUnknown`].
    pub fn handle_cancelled(
        &mut self,
        now: Millis,
        endpoint: &EndpointId,
        position: Position,
        row: Option<Delivery>,
        batch: &mut Batch,
    ) -> Result<(), Refusal> {
        let (index, queue) = self.queue(endpoint)?;
        let is_under_way =
            matches!(queue.phase(position), Some(Phase::Flying | Phase::Counted | Phase::Loading));
        if is_under_way {
            return Err(Refusal::UnderWay);
        }
        if row.as_ref().is_some_and(|row| row.state.is_final())
            || !queue.cancel(now, position, row, batch)
        {
            return Err(Refusal::DeliveryUnknown);
        }
        self.update(index, now);
        Ok(())
    }

    /// Deliveries of an endpoint are deleted because they are kept no longer: `batch` says where, together with that.
    ///
    /// # Errors
    ///
    /// [`Refusal::EndpointUnknown`].
    pub fn handle_forgotten(
        &mut self,
        now: Millis,
        endpoint: &EndpointId,
        forgotten: Forgotten,
        batch: &mut Batch,
    ) -> Result<(), Refusal> {
        let (index, queue) = self.queue(endpoint)?;
        queue.forgotten = Some(forgotten.and(queue.forgotten));
        queue.write_cursor(now, batch);
        self.update(index, now);
        Ok(())
    }

    /// The machine before, whose last commit has failed, has left an endpoint [alone](Self::pauses), or was about to: so
    /// does this one, which is written to `batch`. Call it before the first [`poll_sends`](Self::poll_sends).
    pub fn handle_pause(
        &mut self,
        now: Millis,
        endpoint: &EndpointId,
        pause: Pause,
        batch: &mut Batch,
    ) {
        // It may have been removed.
        let Ok((index, queue)) = self.queue(endpoint) else { return };
        queue.heed(now, pause);
        queue.write_cursor(now, batch);
        self.update(index, now);
    }

    // ── facts ───────────────────────────────────────────────────────────────────────────────────

    /// Returns how an endpoint is. It costs a look at each of its deliveries in memory.
    pub fn facts(&self, endpoint: &EndpointId) -> Option<EndpointFacts> {
        let slot = self.slots.get(*self.by_id.get(endpoint)?)?.as_ref()?;
        let queue = &slot.queue;
        let since = queue.failing.map(|failing| failing.since_ms);
        let after = queue.settings.disable_after_ms.filter(|_| queue.disabled.is_none());
        Some(EndpointFacts {
            pending: queue.pending(),
            retrying: queue.retrying(),
            in_flight: queue.in_flight,
            oldest_ms: queue.oldest_ms(),
            read_to: queue.read_to,
            settled: queue.settled,
            lag: self.end.0.saturating_sub(queue.read_to.0),
            breaker: queue.breaker_state(),
            hold_until_ms: queue.hold_until_ms,
            disabled: queue.disabled,
            failing_since_ms: since,
            disable_at_ms: since.zip(after).map(|(since, after)| since.saturating_add(after)),
        })
    }

    /// Returns the endpoints, by id.
    pub fn endpoints(&self) -> impl Iterator<Item = &EndpointId> {
        self.by_id.keys()
    }

    /// Returns the settings of an endpoint.
    pub fn settings(&self, endpoint: &EndpointId) -> Option<&Arc<Settings>> {
        let slot = self.slots.get(*self.by_id.get(endpoint)?)?.as_ref()?;
        Some(&slot.queue.settings)
    }

    /// Returns where deliveries of an endpoint were forgotten, if any were.
    pub fn forgotten(&self, endpoint: &EndpointId) -> Option<Forgotten> {
        self.slots.get(*self.by_id.get(endpoint)?)?.as_ref()?.queue.forgotten
    }

    /// Returns how many deliveries of an endpoint are in memory, and up to where it has read the log.
    pub fn standing(&self, endpoint: &EndpointId) -> Option<(usize, Position)> {
        let slot = self.slots.get(*self.by_id.get(endpoint)?)?.as_ref()?;
        Some((slot.queue.pending(), slot.queue.read_to))
    }

    /// Returns behind which position the log is still needed, by any endpoint that is not disabled. The
    /// log as a whole is what stands behind it. What is tried again has a row, but what it says stands in the log.
    pub fn needed_behind(&self) -> Option<Position> {
        let queues = self.slots.iter().flatten().map(|slot| &slot.queue);
        queues.filter(|queue| queue.disabled.is_none()).map(Queue::needed_behind).min()
    }

    /// Returns the endpoints that are left alone for a while, and how. What was decided of that may not be on disk.
    pub fn pauses(&self, now: Millis) -> impl Iterator<Item = (EndpointId, Pause)> {
        let queues = self.slots.iter().flatten().map(|slot| &slot.queue);
        let pauses = queues.map(move |queue| (queue.id.clone(), queue.pause(now)));
        pauses.filter(|(_, pause)| !pause.is_none())
    }

    /// Returns how many deliveries of all endpoints are in memory.
    pub const fn pending(&self) -> usize {
        self.pending
    }

    /// Returns how many notices were dropped because nobody took them.
    pub const fn notices_dropped(&self) -> u64 {
        self.notices_dropped
    }

    // ── turns ───────────────────────────────────────────────────────────────────────────────────

    fn queue(&mut self, endpoint: &EndpointId) -> Result<(usize, &mut Queue), Refusal> {
        let index = *self.by_id.get(endpoint).ok_or(Refusal::EndpointUnknown)?;
        let slot = self.slots.get_mut(index).and_then(Option::as_mut);
        slot.map(|slot| (index, &mut slot.queue)).ok_or(Refusal::EndpointUnknown)
    }

    fn notify(&mut self, notice: Notice) {
        if self.notices.len() >= NOTICES_MAX {
            self.notices.pop_front();
            self.notices_dropped += 1;
        }
        self.notices.push_back(notice);
    }

    /// Returns whether an endpoint may take in more, as far as memory is concerned.
    fn has_space(&self, index: usize) -> bool {
        let own = self.slots.get(index).and_then(Option::as_ref).map_or(0, |slot| slot.pending);
        self.pending < PENDING_TOTAL_MAX || own < PENDING_OWN_MIN
    }

    /// Gives those their turns whose time has come.
    fn wake(&mut self, now: Millis) {
        while let Some((wake_ms, index)) = self.wakes.first().copied()
            && wake_ms <= now
        {
            self.wakes.pop_first();
            if let Some(slot) = self.slots.get_mut(index).and_then(Option::as_mut) {
                slot.wake_ms = None;
            }
            self.update(index, now);
        }
    }

    /// Something has changed at an endpoint: finds out what it waits for.
    fn update(&mut self, index: usize, now: Millis) {
        let was_full = self.pending >= PENDING_TOTAL_MAX;
        let (tail, end) = (self.tail, self.end);
        let Some(slot) = self.slots.get_mut(index).and_then(Option::as_mut) else { return };
        let pending = slot.queue.pending();
        self.pending = self.pending + pending - slot.pending;
        slot.pending = pending;
        let is_enabled = slot.queue.disabled.is_none();
        let was_at_tail = slot.is_at_tail;
        let has_caught_up = slot.queue.read_to >= if self.at_tail > 0 { tail } else { end };
        slot.is_at_tail = is_enabled && (was_at_tail || (has_caught_up && !slot.queue.is_reading));
        match (was_at_tail, slot.is_at_tail) {
            (false, true) if self.at_tail == 0 => {
                self.tail = slot.queue.read_to;
                self.at_tail = 1;
            }
            (false, true) => self.at_tail += 1,
            (true, false) => self.at_tail -= 1,
            _ => {}
        }
        let until = if self.at_tail > 0 { self.tail } else { end };
        let is_behind = is_enabled && !slot.is_at_tail && slot.queue.read_to < until;
        let has_space = self.pending < PENDING_TOTAL_MAX || pending < PENDING_OWN_MIN;
        let wants_log = is_behind && !slot.queue.is_reading && slot.queue.has_room() && has_space;
        let wants = slot.queue.wants(now);
        if wants.send && !slot.is_in_turn {
            slot.is_in_turn = true;
            self.turn.push_back(index);
        }
        if (wants.rows || wants_log) && !slot.is_in_asks {
            slot.is_in_asks = true;
            self.asks.push_back(index);
        }
        if wants.wake_ms != slot.wake_ms {
            if let Some(before) = slot.wake_ms {
                self.wakes.remove(&(before, index));
            }
            slot.wake_ms = wants.wake_ms;
            self.wakes.extend(wants.wake_ms.map(|wake_ms| (wake_ms, index)));
        }
        if was_full && self.pending < PENDING_TOTAL_MAX {
            (0..self.slots.len()).for_each(|index| self.update(index, now));
        }
    }
}
