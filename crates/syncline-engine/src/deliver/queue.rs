//! The deliveries of one endpoint that are in memory: its lanes, and what goes next.
//!
//! # What always holds
//!
//! - A lane that has rows on disk is in memory, with its first delivery or with a question for it.
//! - The first delivery of a lane that has rows has a row itself, and one of [`Key::Due`]; the latter
//!   stays, for one that is final, until the next of the lane is known. So the rows of `due` name all
//!   lanes that go on after a crash.
//! - Within a lane nothing is sent while another is under way.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use syncline_merge::fault::{Fault, is_planted};
use syncline_model::id::{EndpointId, Position};

use super::breaker::{Breaker, Passage};
use super::cursor::{CursorRow, Disabled, Failing, Forgotten, Pause};
use super::delivery::{Delivery, DeliveryState, EventRef, encode_due};
use super::exchange::{LaneRead, RowsRead};
use super::limits::{
    CURSOR_WAITING_MAX, DUE_LOAD_MAX, IDLE_SPAN_MAX, LANE_LOAD_MAX, LANE_WAITING_MAX, Millis,
    PENDING_MAX, READ_ENTRIES_MAX, RETRY_AFTER_MS_MAX, SPAN_MAX,
};
use super::rate::Bucket;
use super::settings::Settings;
use super::stored::LaneName;
use crate::rows::{Batch, Key};

/// The deliveries of one endpoint that are in memory.
#[derive(Debug)]
pub(super) struct Queue {
    pub(super) id: EndpointId,
    /// Which of the endpoints of that id it is.
    pub(super) made: u64,
    pub(super) settings: Arc<Settings>,
    pub(super) disabled: Option<Disabled>,
    pub(super) failing: Option<Failing>,
    /// Whether the cursor's row says that it is failing.
    pub(super) is_failing_noted: bool,
    pub(super) tested_ms: Option<Millis>,
    /// Up to where everything is final or has a row, as the cursor's row says.
    pub(super) settled: Position,
    /// Up to where events were claimed, as the cursor's row says.
    pub(super) claimed: Position,
    /// Where deliveries were forgotten.
    pub(super) forgotten: Option<Forgotten>,
    /// Up to where the log was read.
    pub(super) read_to: Position,
    /// Whether a page of the log was asked for.
    pub(super) is_reading: bool,
    pub(super) recovery: Option<Recovery>,
    pub(super) items: BTreeMap<Position, Item>,
    /// Those that have no row, and whether they were attempted.
    pub(super) unrowed: BTreeMap<Position, bool>,
    pub(super) lanes: BTreeMap<LaneName, Lane>,
    /// The first ones of their lanes that can be sent, without a row.
    pub(super) fresh: VecDeque<Position>,
    /// The same, with a row.
    pub(super) again: VecDeque<Position>,
    /// Whether one with a row goes next.
    pub(super) is_turn_of_again: bool,
    /// The first ones of their lanes that wait for their time.
    pub(super) retries: BTreeSet<(Millis, Position)>,
    /// How many of them are being read.
    pub(super) loading: usize,
    /// Lanes whose next deliveries are to be read.
    pub(super) lane_asks: VecDeque<LaneName>,
    /// How many attempts were counted and have not ended.
    pub(super) in_flight: u32,
    /// How many of these wait until the sender has room for them.
    pub(super) waiting: u32,
    pub(super) breaker: Breaker,
    pub(super) bucket: Bucket,
    /// Nothing is sent before this moment, as the endpoint has asked.
    pub(super) hold_until_ms: Millis,
    /// How many may be sent at once, after a pause that the endpoint has asked for: it grows with each
    /// success.
    pub(super) window: u32,
    /// When the next replay may be sent.
    pub(super) replay_slot_ms: Millis,
    /// Whether rows were written since the cursor's.
    pub(super) is_ahead: bool,
}

/// What the rows of a former life say of the stretch of the log that is read again.
#[derive(Debug)]
pub(super) struct Recovery {
    pub(super) claimed: Position,
    pub(super) rows: BTreeSet<Position>,
    pub(super) waiting: BTreeSet<Position>,
}

/// One delivery in memory.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) lane: LaneName,
    /// The event; not while it only waits for its time.
    pub(super) event: Option<Arc<EventRef>>,
    /// Since when it waits, also while it does so for its time; not known of what a former life has left, unless its
    /// row was read.
    pub(super) since_ms: Option<Millis>,
    /// The row, where it says more than that the event waits, and was not left on disk.
    pub(super) row: Option<Box<Delivery>>,
    pub(super) phase: Phase,
    pub(super) has_row: bool,
    /// The time in the row of [`Key::Due`], if there is one.
    pub(super) due_row_ms: Option<Millis>,
    pub(super) tries: u32,
    pub(super) sent_ms: Millis,
}

/// What a delivery in memory does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// It waits behind another.
    Queued,
    /// It can be sent.
    Ready,
    /// It waits for its time.
    Retry(Millis),
    /// Its row is being read.
    Loading,
    /// It was counted, and waits until the sender has room for it.
    Counted,
    /// It is being sent.
    Flying,
}

/// The deliveries of one record that are not final.
#[derive(Debug, Default)]
pub(super) struct Lane {
    /// Those in memory, in order.
    pub(super) order: VecDeque<Position>,
    /// Those behind, on disk, if there may be any.
    pub(super) tail: Option<Tail>,
    /// Since when the first one fails.
    pub(super) failing_since_ms: Option<Millis>,
    /// The row of [`Key::Due`] that stays until the next one is known.
    pub(super) settling: Option<(Millis, Position)>,
}

impl Lane {
    /// Returns whether its first one has failed for so long that the others leave memory.
    pub(super) fn is_blocked_long(&self, now: Millis, settings: &Settings) -> bool {
        let since = self.failing_since_ms;
        since.is_some_and(|since| now.saturating_sub(since) >= settings.block_ms)
    }
}

#[derive(Debug, Default)]
pub(super) struct Tail {
    /// Whether rows were added since they were asked for.
    pub(super) is_appended: bool,
}

/// Whether something can be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gate {
    /// So many.
    Open(u32),
    /// Not before this moment.
    At(Millis),
    /// Not before something else happens.
    Shut,
}

/// What an endpoint waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Wants {
    /// To send.
    pub(super) send: bool,
    /// Rows.
    pub(super) rows: bool,
    /// A moment.
    pub(super) wake_ms: Option<Millis>,
}

impl Queue {
    /// Returns behind which position the log is needed: by what has no row, and by what is not final. The first one
    /// of each lane that waits is in memory, and those on disk stand behind it.
    pub(super) fn needed_behind(&self) -> Position {
        let first = self.items.keys().next().map_or(u64::MAX, |first| first.0.saturating_sub(1));
        Position(self.settled.0.min(first))
    }

    pub(super) fn new(
        (id, made): (EndpointId, u64),
        settings: Arc<Settings>,
        cursor: &CursorRow,
    ) -> Self {
        let window = settings.in_flight_max.get();
        Self {
            id,
            made,
            settings,
            disabled: cursor.disabled,
            failing: cursor.failing,
            is_failing_noted: cursor.failing.is_some(),
            tested_ms: None,
            settled: cursor.settled,
            claimed: cursor.claimed,
            forgotten: cursor.forgotten,
            read_to: cursor.settled,
            is_reading: false,
            recovery: None,
            items: BTreeMap::new(),
            unrowed: BTreeMap::new(),
            lanes: BTreeMap::new(),
            fresh: VecDeque::new(),
            again: VecDeque::new(),
            is_turn_of_again: false,
            retries: BTreeSet::new(),
            loading: 0,
            lane_asks: VecDeque::new(),
            in_flight: 0,
            waiting: 0,
            breaker: Breaker::new(),
            bucket: Bucket::new(),
            hold_until_ms: 0,
            window,
            replay_slot_ms: 0,
            is_ahead: false,
        }
    }

    /// Takes over what a former life has left on disk.
    ///
    /// - `rows`: the positions behind what is settled that have a row.
    /// - `due`: the first of each lane that has rows, with its time.
    pub(super) fn recover(
        &mut self,
        now: Millis,
        cursor: CursorRow,
        rows: BTreeSet<Position>,
        due: Vec<(Millis, Position, LaneName)>,
    ) {
        self.heed(now, cursor.pause);
        let last = rows.last().copied().unwrap_or_default();
        if self.read_to < cursor.claimed.max(last) {
            let waiting = cursor.waiting.into_iter().collect();
            self.recovery = Some(Recovery { claimed: cursor.claimed, rows, waiting });
        }
        for (due_ms, position, name) in due {
            let lane = self.lanes.entry(name.clone()).or_default();
            lane.tail = Some(Tail::default());
            let is_first = lane.order.is_empty();
            lane.order.push_back(position);
            let phase = if is_first { Phase::Retry(due_ms) } else { Phase::Queued };
            if is_first {
                self.retries.insert((due_ms, position));
            }
            let item = Item {
                lane: name,
                event: None,
                since_ms: None,
                row: None,
                phase,
                has_row: true,
                due_row_ms: Some(due_ms),
                tries: 0,
                sent_ms: 0,
            };
            self.items.insert(position, item);
        }
    }

    /// A former life has left the endpoint alone. A pause is not longer than one may be, whatever the clock was.
    pub(super) fn heed(&mut self, now: Millis, pause: Pause) {
        if let Some(until_ms) = pause.hold_until_ms.filter(|until_ms| *until_ms > now) {
            let until_ms = until_ms.min(now.saturating_add(RETRY_AFTER_MS_MAX));
            self.hold_until_ms = self.hold_until_ms.max(until_ms);
            self.window = 1;
        }
        if let Some(rest) = pause.rest {
            self.breaker = Breaker::resting(rest, now, &self.settings.breaker);
        }
    }

    /// Returns what a later life has to heed.
    pub(super) fn pause(&self, now: Millis) -> Pause {
        let hold_until_ms = Some(self.hold_until_ms).filter(|until_ms| *until_ms > now);
        Pause { hold_until_ms, rest: self.breaker.rest() }
    }

    /// Returns how many deliveries are in memory.
    pub(super) fn pending(&self) -> usize {
        self.items.len()
    }

    /// Returns how many wait for their time.
    pub(super) fn retrying(&self) -> usize {
        self.retries.len()
    }

    /// Returns since when the oldest delivery in memory waits of which that is known.
    pub(super) fn oldest_ms(&self) -> Option<Millis> {
        self.items.values().filter_map(|item| item.since_ms).min()
    }

    /// The row of a delivery that a former life has left was read.
    pub(super) fn handle_left(&mut self, now: Millis, position: Position, row: &Delivery) {
        if let Some(item) = self.items.get_mut(&position) {
            item.since_ms.get_or_insert(since_ms(now, row));
        }
    }

    /// Returns whether it has room for another page of the log: not while it has enough to send, since what
    /// is read far ahead of its sends would have to wait on disk.
    pub(super) fn has_room(&self) -> bool {
        let ready = self.fresh.len() + self.again.len() + self.in_flight as usize;
        let limit = self.window.min(self.settings.in_flight_max.get()) as usize;
        let has_enough = ready >= limit && self.items.len() >= READ_ENTRIES_MAX;
        self.disabled.is_none() && !has_enough && self.items.len() < PENDING_MAX
    }

    // ── what the log brings ─────────────────────────────────────────────────────────────────────

    /// An event of the log concerns the endpoint.
    pub(super) fn take(&mut self, now: Millis, event: &Arc<EventRef>, batch: &mut Batch) {
        let position = event.position;
        let mut row = None;
        if let Some(recovery) = &self.recovery {
            if recovery.rows.contains(&position) {
                return;
            }
            let was_claimed = position <= recovery.claimed && !recovery.waiting.contains(&position);
            if was_claimed && !is_planted(Fault::ClaimedCountsAsFresh) {
                let mut delivery = Box::new(Delivery::new(event));
                delivery.count_attempt(now);
                row = Some(delivery);
            }
        }
        let item = Item {
            lane: event.lane(),
            event: Some(event.clone()),
            since_ms: Some(event.created_ms),
            tries: u32::from(row.is_some()),
            row,
            phase: Phase::Queued,
            has_row: false,
            due_row_ms: None,
            sent_ms: 0,
        };
        self.enqueue(now, position, item, batch);
    }

    fn enqueue(&mut self, now: Millis, position: Position, item: Item, batch: &mut Batch) {
        let name = item.lane.clone();
        let was_attempted = item.row.is_some();
        let Some(lane) = self.lanes.get_mut(&name) else {
            let lane = Lane { order: VecDeque::from([position]), ..Lane::default() };
            self.lanes.insert(name, lane);
            self.items.insert(position, item);
            self.unrowed.insert(position, was_attempted);
            self.make_head(now, position, batch);
            return;
        };
        let is_full = lane.order.len() > LANE_WAITING_MAX;
        if lane.tail.is_none() && !is_full && !lane.is_blocked_long(now, &self.settings) {
            lane.order.push_back(position);
            self.items.insert(position, item);
            self.unrowed.insert(position, was_attempted);
            return;
        }
        self.park(now, &name, batch);
        self.items.insert(position, item);
        self.give_row(now, position, batch);
        self.items.remove(&position);
    }

    /// Leaves all of a lane but its first on disk.
    pub(super) fn park(&mut self, now: Millis, name: &LaneName, batch: &mut Batch) {
        let Some(lane) = self.lanes.get_mut(name) else { return };
        let behind: Vec<Position> = lane.order.drain(1.min(lane.order.len())..).collect();
        let head = lane.order.front().copied();
        lane.tail.get_or_insert_default().is_appended = true;
        if let Some(head) = head
            && !is_planted(Fault::ParkedWithoutFirst)
        {
            self.give_row(now, head, batch);
        }
        for position in behind {
            self.give_row(now, position, batch);
            self.items.remove(&position);
        }
    }

    /// Writes the row of a delivery that has none: what is on disk then says all that is known of it.
    pub(super) fn give_row(&mut self, now: Millis, position: Position, batch: &mut Batch) {
        let Some(item) = self.items.get_mut(&position) else { return };
        let Some(event) = item.event.as_ref().filter(|_| !item.has_row) else { return };
        let lane = self.lanes.get(&item.lane);
        let mut row = item.row.as_deref().cloned().unwrap_or_else(|| Delivery::new(event));
        if matches!(item.phase, Phase::Flying | Phase::Counted) {
            row.count_attempt(item.sent_ms);
        } else {
            let is_failing = lane.is_some_and(|lane| lane.failing_since_ms.is_some());
            row.state = if is_failing { DeliveryState::Parked } else { DeliveryState::Waiting };
        }
        batch.put(key(&self.id, position), row.encode());
        batch.put(lane_key(&self.id, &item.lane, position), Vec::new());
        item.has_row = true;
        self.unrowed.remove(&position);
        self.is_ahead = true;
        if lane.is_some_and(|lane| lane.order.front() == Some(&position)) {
            put_due(&self.id, now, position, item, batch);
        }
    }

    /// The log was read so far.
    pub(super) fn handle_read_to(&mut self, now: Millis, to: Position, batch: &mut Batch) {
        self.read_to = self.read_to.max(to);
        if let Some(recovery) = &self.recovery {
            let last = recovery.rows.last().copied().unwrap_or_default();
            if self.read_to >= recovery.claimed.max(last) {
                self.recovery = None;
            }
        }
        let span = self.read_to.0.saturating_sub(self.settled.0);
        if span > IDLE_SPAN_MAX || (self.is_ahead && span > SPAN_MAX) {
            self.write_cursor(now, batch);
        }
    }

    // ── the cursor ──────────────────────────────────────────────────────────────────────────────

    /// Writes the cursor's row, and rows for what would keep it back.
    pub(super) fn write_cursor(&mut self, now: Millis, batch: &mut Batch) {
        let unattempted = |queue: &Self| {
            let waiting = queue.unrowed.iter().filter(|(_, was_attempted)| !**was_attempted);
            waiting.map(|(position, _)| *position).next()
        };
        if self.recovery.is_none() {
            let before = |position: Position| Position(position.0.saturating_sub(1));
            let free = unattempted(self).map_or(self.read_to, before);
            self.claimed = self.claimed.max(free);
        }
        self.spill(now, batch);
        let first = self.unrowed.keys().next().map(|first| Position(first.0.saturating_sub(1)));
        let mut settled = self.claimed.min(first.unwrap_or(self.claimed));
        let mut waiting: Vec<Position> = self.passed_over().collect();
        if let Some(recovery) = &self.recovery {
            settled = settled.min(self.read_to);
            waiting.extend(recovery.waiting.iter().filter(|position| **position > self.read_to));
        }
        self.settled = self.settled.max(settled);
        if is_planted(Fault::WaitingNotInCursor) {
            waiting.clear();
        }
        let mut pause = self.pause(now);
        if is_planted(Fault::PauseForgotten) {
            pause.hold_until_ms = None;
        }
        if is_planted(Fault::RestForgotten) {
            pause.rest = None;
        }
        let row = CursorRow {
            settled: self.settled,
            claimed: self.claimed,
            waiting,
            disabled: self.disabled,
            failing: self.failing.filter(|_| self.is_failing_noted),
            forgotten: self.forgotten,
            pause,
        };
        batch.put(Key::Cursor(self.id.clone()), row.encode());
        self.is_ahead = false;
    }

    /// Returns what was claimed, waits, and has no row, in order.
    fn passed_over(&self) -> impl Iterator<Item = Position> {
        let claimed = self.unrowed.range(..=self.claimed);
        claimed.filter(|(_, was_attempted)| !**was_attempted).map(|(position, _)| *position)
    }

    /// Gives rows to the oldest, as far as the cursor's row would be too long without, or too much of the
    /// log would be read again after a crash.
    fn spill(&mut self, now: Millis, batch: &mut Batch) {
        let recovered = self.recovery.as_ref().map_or(0, |recovery| recovery.waiting.len());
        let room = CURSOR_WAITING_MAX.saturating_sub(recovered);
        let waiting: Vec<Position> = self.passed_over().collect();
        let too_many = waiting.len().saturating_sub(room);
        let oldest = Position(self.read_to.0.saturating_sub(SPAN_MAX));
        let too_old: Vec<Position> =
            self.unrowed.range(..=oldest).map(|(position, _)| *position).collect();
        for position in waiting.into_iter().take(too_many).chain(too_old) {
            let lane = self.items.get(&position).and_then(|item| self.lanes.get(&item.lane));
            if let Some(head) = lane.and_then(|lane| lane.order.front().copied()) {
                self.give_row(now, head, batch);
            }
            self.give_row(now, position, batch);
        }
    }

    // ── what goes next ──────────────────────────────────────────────────────────────────────────

    /// A delivery has become the first of its lane.
    pub(super) fn make_head(&mut self, now: Millis, position: Position, batch: &mut Batch) {
        let Some(item) = self.items.get_mut(&position) else { return };
        if !item.has_row {
            item.phase = Phase::Ready;
            let queue = if item.row.is_some() { &mut self.again } else { &mut self.fresh };
            queue.push_back(position);
            return;
        }
        let mut due_ms = item.due_row_ms.unwrap_or(now);
        if item.row.as_ref().is_some_and(|row| row.is_replay() && row.tries == 0) {
            due_ms = replay_slot(now, &mut self.replay_slot_ms, &self.settings);
        }
        put_due(&self.id, due_ms, position, item, batch);
        if due_ms <= now && item.event.is_some() {
            item.phase = Phase::Ready;
            self.again.push_back(position);
        } else {
            item.phase = Phase::Retry(due_ms);
            (item.event, item.row) = (None, None);
            self.retries.insert((due_ms, position));
        }
    }

    /// Returns whether something can be sent now.
    pub(super) fn gate(&mut self, now: Millis) -> Gate {
        if self.disabled.is_some() {
            return Gate::Shut;
        }
        if now < self.hold_until_ms {
            return Gate::At(self.hold_until_ms);
        }
        let limit = self.window.min(self.settings.in_flight_max.get());
        let mut room = limit.saturating_sub(self.in_flight);
        match self.breaker.passage(now) {
            Passage::Open => {}
            Passage::Probe => room = 1,
            Passage::After(at) => return Gate::At(at),
            Passage::Closed => return Gate::Shut,
        }
        if room == 0 {
            return Gate::Shut;
        }
        self.token_ms(now).map_or(Gate::Open(room), Gate::At)
    }

    /// Returns when the rate allows the next send, if it does not now.
    pub(super) fn token_ms(&mut self, now: Millis) -> Option<Millis> {
        let rate = self.settings.rate?;
        self.bucket.fill(now, rate);
        Some(self.bucket.ready_ms(rate)).filter(|at| *at > now)
    }

    /// Returns what the endpoint waits for.
    pub(super) fn wants(&mut self, now: Millis) -> Wants {
        let mut wants = Wants { rows: !self.lane_asks.is_empty(), ..Wants::default() };
        let gate = self.gate(now);
        let is_ready = !self.fresh.is_empty() || !self.again.is_empty();
        let due_ms = self.retries.first().map(|(due_ms, _)| *due_ms);
        match gate {
            Gate::Open(room) => {
                wants.send = is_ready;
                let is_due = due_ms.is_some_and(|due_ms| due_ms <= now);
                if is_due && self.loading + self.again.len() < room as usize {
                    wants.rows = true;
                } else if !is_due {
                    wants.wake_ms = due_ms;
                }
            }
            Gate::At(at) if is_ready => wants.wake_ms = Some(at),
            Gate::At(at) => wants.wake_ms = due_ms.map(|due_ms| due_ms.max(at)),
            Gate::Shut => {}
        }
        let token_ms = self.token_ms(now).filter(|_| self.waiting > 0);
        wants.wake_ms = [wants.wake_ms, token_ms].into_iter().flatten().min();
        wants
    }

    /// Returns which rows are to be read of those whose time has come.
    pub(super) fn ask_rows(&mut self, now: Millis) -> Option<RowsRead> {
        let Gate::Open(room) = self.gate(now) else { return None };
        let room = (room as usize).saturating_sub(self.loading + self.again.len());
        let mut positions = Vec::new();
        while positions.len() < room.min(DUE_LOAD_MAX)
            && self.retries.first().is_some_and(|(due_ms, _)| *due_ms <= now)
        {
            let Some((_, position)) = self.retries.pop_first() else { break };
            if let Some(item) = self.items.get_mut(&position) {
                item.phase = Phase::Loading;
                self.loading += 1;
                positions.push(position);
            }
        }
        let endpoint = self.id.clone();
        (!positions.is_empty()).then_some(RowsRead { endpoint, positions })
    }

    /// The row of a delivery whose time has come was read. Answers whether it was there.
    pub(super) fn handle_row(
        &mut self,
        now: Millis,
        position: Position,
        row: Option<Delivery>,
        batch: &mut Batch,
    ) -> bool {
        let Some(item) = self.items.get_mut(&position) else { return true };
        if item.phase != Phase::Loading {
            return true;
        }
        self.loading = self.loading.saturating_sub(1);
        match row {
            Some(row) if !row.state.is_final() => {
                item.event = Some(row.event_ref(position));
                item.since_ms.get_or_insert(since_ms(now, &row));
                item.tries = row.tries;
                let since = row.failing_since_ms;
                item.row = Some(Box::new(row));
                item.phase = Phase::Ready;
                self.again.push_back(position);
                if let Some(lane) = self.lanes.get_mut(&item.lane) {
                    lane.failing_since_ms = since;
                }
                true
            }
            found => {
                batch.delete(lane_key(&self.id, &item.lane, position));
                self.advance(now, position, batch);
                found.is_some()
            }
        }
    }

    /// Returns which deliveries are to be read of a lane whose first is not known.
    pub(super) fn ask_lane(&mut self) -> Option<LaneRead> {
        let (entity, id) = self.lane_asks.pop_front()?;
        let endpoint = self.id.clone();
        Some(LaneRead { endpoint, entity, id, rows_max: LANE_LOAD_MAX })
    }

    /// The next deliveries of a lane were read. Answers which of them are not there: the lane goes on without.
    pub(super) fn handle_lane(
        &mut self,
        now: Millis,
        read: &LaneRead,
        rows: Vec<(Position, Option<Delivery>)>,
        batch: &mut Batch,
    ) -> Vec<Position> {
        let (name, mut missing) = ((read.entity.clone(), read.id.clone()), Vec::new());
        let Some(lane) = self.lanes.get_mut(&name) else { return missing };
        // What is not there counts: behind it there may be more.
        let is_all = rows.len() < read.rows_max;
        let mut is_appended = false;
        if let Some(tail) = &mut lane.tail {
            is_appended = std::mem::take(&mut tail.is_appended);
        }
        if is_all && !is_appended {
            lane.tail = None;
        }
        for (position, row) in rows {
            if self.items.contains_key(&position) {
                continue;
            }
            missing.extend(row.is_none().then_some(position));
            let Some(row) = row.filter(|row| !row.state.is_final()) else {
                // It would be read again and again.
                batch.delete(lane_key(&self.id, &name, position));
                continue;
            };
            lane.order.push_back(position);
            let item = Item {
                lane: name.clone(),
                event: Some(row.event_ref(position)),
                since_ms: Some(since_ms(now, &row)),
                tries: row.tries,
                row: Some(Box::new(row)),
                phase: Phase::Queued,
                has_row: true,
                due_row_ms: None,
                sent_ms: 0,
            };
            self.items.insert(position, item);
        }
        self.go_on(now, &name, batch);
        missing
    }

    /// Goes on in a lane whose first has left it.
    pub(super) fn go_on(&mut self, now: Millis, name: &LaneName, batch: &mut Batch) {
        let Some(lane) = self.lanes.get_mut(name) else { return };
        lane.failing_since_ms = None;
        let Some(next) = lane.order.front().copied() else {
            if lane.tail.is_some() {
                if let Some((due_ms, position)) = lane.settling
                    && is_planted(Fault::DueForgotten)
                {
                    batch.delete(due_key(&self.id, due_ms, position));
                }
                self.lane_asks.push_back(name.clone());
                return;
            }
            if let Some((due_ms, position)) = lane.settling {
                batch.delete(due_key(&self.id, due_ms, position));
            }
            self.lanes.remove(name);
            return;
        };
        if let Some((due_ms, position)) = lane.settling.take() {
            batch.delete(due_key(&self.id, due_ms, position));
        }
        if lane.tail.is_some() && !is_planted(Fault::NextWithoutRow) {
            self.give_row(now, next, batch);
        }
        self.make_head(now, next, batch);
    }

    /// The first of a lane is final, and its rows say so.
    pub(super) fn advance(&mut self, now: Millis, position: Position, batch: &mut Batch) {
        let Some(item) = self.items.remove(&position) else { return };
        self.unrowed.remove(&position);
        let Some(lane) = self.lanes.get_mut(&item.lane) else { return };
        let was_first = lane.order.front() == Some(&position);
        lane.order.retain(|other| *other != position);
        if !was_first {
            return;
        }
        lane.settling = item.due_row_ms.map(|due_ms| (due_ms, position));
        self.go_on(now, &item.lane, batch);
    }
}

/// Returns since when a delivery waits: what is made again does not since its event was taken.
fn since_ms(now: Millis, row: &Delivery) -> Millis {
    if row.is_replay() { now } else { row.created_ms }
}

/// Returns when the next replay may be sent, and takes that moment.
fn replay_slot(now: Millis, slot_ms: &mut Millis, settings: &Settings) -> Millis {
    let due_ms = now.max(*slot_ms);
    *slot_ms = due_ms + (1_000 / u64::from(settings.replays_per_second.get())).max(1);
    due_ms
}

pub(super) fn key(endpoint: &EndpointId, position: Position) -> Key {
    Key::Delivery { endpoint: endpoint.clone(), position }
}

pub(super) fn lane_key(endpoint: &EndpointId, name: &LaneName, position: Position) -> Key {
    let (entity, id) = name.clone();
    Key::Lane { endpoint: endpoint.clone(), entity, id, position }
}

pub(super) fn due_key(endpoint: &EndpointId, due_ms: Millis, position: Position) -> Key {
    Key::Due { due_ms, endpoint: endpoint.clone(), position }
}

/// Writes the row of [`Key::Due`] in the place of the one that there may be.
pub(super) fn put_due(
    endpoint: &EndpointId,
    due_ms: Millis,
    position: Position,
    item: &mut Item,
    batch: &mut Batch,
) {
    if let Some(before) = item.due_row_ms.filter(|before| *before != due_ms) {
        batch.delete(due_key(endpoint, before, position));
    }
    if item.due_row_ms != Some(due_ms) {
        batch.put(due_key(endpoint, due_ms, position), encode_due(&item.lane));
    }
    item.due_row_ms = Some(due_ms);
}
