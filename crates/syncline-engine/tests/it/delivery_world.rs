//! A hub that delivers: a store that is a map, receivers that do as they like, crashes at any point.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use syncline_engine::deliver::limits::{CUT_OFF_MAX, RETRY_AFTER_MS_MAX, THROTTLED_MS};
use syncline_engine::deliver::{
    Backlog, BreakerState, CursorRow, Delivery, DeliveryState, Dispatch, EventRef, Load, Outcome,
    Replay, Report, Sending, Settings, Stored, decode_due,
};
use syncline_engine::rows::{Batch, Key, Scan};
use syncline_model::id::{EndpointId, EntityName, EventId, EventType, Position, RecordId};

/// xorshift64: small, seedable, the same on every platform.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    pub(crate) fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

pub(crate) fn endpoint(name: &str) -> EndpointId {
    EndpointId::new(name).unwrap()
}

pub(crate) fn event(position: u64, event_type: &str, id: &str, created_ms: u64) -> Arc<EventRef> {
    Arc::new(EventRef {
        position: Position(position),
        event: EventId::new(&format!("evt_{position}")).unwrap(),
        event_type: EventType::new(event_type).unwrap(),
        entity: EntityName::new("tasks").unwrap(),
        id: RecordId::new(id).unwrap(),
        created_ms,
        bytes: 100,
    })
}

/// What was seen of one delivery from outside.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Attempts that were committed in this round.
    pub(crate) attempts: u32,
    pub(crate) replays: u32,
    /// How many of them, the latest ones, the end of the hub cut off.
    pub(crate) cut_off: usize,
}

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) disk: BTreeMap<Key, Vec<u8>>,
    pub(crate) log: Vec<Option<Arc<EventRef>>>,
    pub(crate) endpoints: BTreeMap<EndpointId, Arc<Settings>>,
    pub(crate) dispatch: Dispatch,
    pub(crate) now: u64,
    pub(crate) flying: Vec<Sending>,
    /// What was counted, and waits for room.
    pub(crate) waiting: Vec<Sending>,
    /// What waited and is not made now, while nothing on disk says so.
    put_back: Vec<(EndpointId, Position)>,
    /// For how many of a hundred attempts there is no room at once.
    pub(crate) waits_percent: u64,
    /// What has ended, and nothing on disk says so.
    landed: Vec<(EndpointId, Position)>,
    /// Until when endpoints want a pause, as is on disk, and as is not yet.
    pauses: BTreeMap<EndpointId, u64>,
    asked: Vec<(EndpointId, u64)>,
    /// Until when breakers are open, as is on disk, and as is not yet.
    rests: BTreeMap<EndpointId, u64>,
    turned: Vec<(EndpointId, u64)>,
    /// What was decided and is not committed.
    pub(crate) batch: Batch,
    pub(crate) seen: BTreeMap<(EndpointId, Position), Seen>,
    /// The latest first-time send of each lane.
    latest: BTreeMap<(EndpointId, RecordId), Position>,
    /// Rows and pages of the log that were read, and rows that were written.
    pub(crate) loads: usize,
    pub(crate) written: usize,
    pub(crate) random: Random,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            disk: BTreeMap::new(),
            log: Vec::new(),
            endpoints: BTreeMap::new(),
            dispatch: Dispatch::new(),
            now: 1_700_000_000_000,
            flying: Vec::new(),
            waiting: Vec::new(),
            put_back: Vec::new(),
            waits_percent: 0,
            landed: Vec::new(),
            pauses: BTreeMap::new(),
            asked: Vec::new(),
            rests: BTreeMap::new(),
            turned: Vec::new(),
            batch: Batch::new(),
            seen: BTreeMap::new(),
            latest: BTreeMap::new(),
            loads: 0,
            written: 0,
            random: Random::new(seed),
        }
    }

    pub(crate) fn end(&self) -> Position {
        Position(self.log.len() as u64)
    }

    pub(crate) fn add(&mut self, name: &str, settings: Settings) {
        let (id, settings) = (endpoint(name), Arc::new(settings));
        let behind = self.end();
        let created = self.dispatch.handle_created(
            self.now,
            id.clone(),
            settings.clone(),
            behind,
            &mut self.batch,
        );
        created.unwrap();
        self.endpoints.insert(id, settings);
        self.commit();
    }

    /// The application emits an event of a record.
    pub(crate) fn emit(&mut self, event_type: &str, id: &str) {
        let position = self.log.len() as u64 + 1;
        self.log.push(Some(event(position, event_type, id, self.now)));
    }

    pub(crate) fn tell_end(&mut self) {
        let end = self.end();
        self.dispatch.handle_log(self.now, end);
    }

    pub(crate) fn commit(&mut self) {
        for which in self.landed.drain(..) {
            self.seen.get_mut(&which).expect("what is sent was seen").cut_off = 0;
        }
        for which in self.put_back.drain(..) {
            self.seen.get_mut(&which).expect("what is counted was seen").attempts -= 1;
        }
        for (name, until_ms) in self.asked.drain(..) {
            let pause = self.pauses.entry(name).or_default();
            *pause = until_ms.max(*pause);
        }
        self.rests.extend(self.turned.drain(..));
        let batch = std::mem::take(&mut self.batch);
        self.written += batch.len();
        for (key, value) in batch.iter() {
            assert!(key.fits(), "{key:?} is no row of a store");
            match value {
                Some(value) => self.disk.insert(key.clone(), value.to_vec()),
                None => self.disk.remove(key),
            };
        }
    }

    pub(crate) fn row(&self, name: &EndpointId, position: Position) -> Option<Delivery> {
        let bytes = self.disk.get(&Key::Delivery { endpoint: name.clone(), position })?;
        Some(Delivery::decode(bytes).unwrap())
    }

    fn scan(&self, scan: &Scan) -> impl Iterator<Item = &Key> {
        let (scan, first) = (scan.clone(), scan.first_key());
        let keys = self.disk.range(first..).map(|(key, _)| key);
        keys.take_while(move |key| scan.contains(key))
    }

    /// Reads what is asked for and answers. Answers whether there was anything.
    pub(crate) fn load(&mut self) -> bool {
        let Some(load) = self.dispatch.poll_load(self.now) else { return false };
        self.loads += 1;
        match load {
            Load::Log(read) => {
                let wanted = self.random.below(read.entries_max as u64) + 1;
                let to = read.until.0.min(read.after.0 + wanted).min(self.end().0);
                let entries = &self.log[read.after.0 as usize..to as usize];
                let events: Vec<_> = entries.iter().flatten().cloned().collect();
                let to = Position(to);
                self.dispatch.handle_entries(self.now, &read, to, &events, &mut self.batch);
            }
            Load::Rows(read) => {
                self.commit();
                let rows = read.positions.iter().map(|at| self.row(&read.endpoint, *at)).collect();
                self.dispatch.handle_rows(self.now, &read, rows, &mut self.batch);
            }
            Load::Lane(read) => {
                self.commit();
                let (name, entity, id) =
                    (read.endpoint.clone(), read.entity.clone(), read.id.clone());
                let scan = Scan::Lane { endpoint: name.clone(), entity, id };
                let keys = self.scan(&scan).take(read.rows_max);
                let rows = keys.map(|key| {
                    let Key::Lane { position, .. } = key else { panic!("{key:?}") };
                    (*position, self.row(&name, *position))
                });
                let rows = rows.collect();
                self.dispatch.handle_lane(self.now, &read, rows, &mut self.batch);
            }
        }
        true
    }

    /// Lets the machine decide, commits, and sends.
    ///
    /// - `crash`: whether the hub ends before the commit (1), or between it and the sends (2).
    pub(crate) fn pump(&mut self, sends_max: usize, crash: u64) {
        for send in std::mem::take(&mut self.waiting) {
            if self.dispatch.poll_counted(self.now, &send, &mut self.batch) {
                self.waiting.push(send);
            } else {
                self.put_back.push((send.endpoint, send.event.position));
            }
        }
        while self.load() {}
        for send in std::mem::take(&mut self.waiting) {
            if self.random_waits() || !self.dispatch.handle_begun(self.now, &send, sends_max) {
                self.waiting.push(send);
            } else {
                self.check_begun(&send);
                self.flying.push(send);
            }
        }
        let sends = self.dispatch.poll_sends(self.now, sends_max, &mut self.batch);
        if crash == 1 {
            return self.crash();
        }
        self.commit();
        for send in sends {
            self.note(&send);
            if self.random_waits() {
                self.dispatch.handle_waits(self.now, &send);
                self.waiting.push(send);
            } else {
                self.flying.push(send);
            }
        }
        if crash == 2 {
            self.crash();
        }
    }

    fn random_waits(&mut self) -> bool {
        self.waits_percent > 0 && self.random.chance(self.waits_percent)
    }

    /// Checks that what has waited is sent only where something may be sent.
    fn check_begun(&self, send: &Sending) {
        let facts = self.dispatch.facts(&send.endpoint).unwrap();
        let who = format!("{} at {}", send.endpoint, send.event.position.0);
        assert_eq!(facts.disabled, None, "{who}");
        assert!(facts.hold_until_ms <= self.now, "{who}: a pause was asked for");
        assert!(!matches!(facts.breaker, BreakerState::Open { .. }), "{who}: its breaker is open");
    }

    /// Checks an attempt that was counted.
    fn note(&mut self, send: &Sending) {
        let at = send.event.position;
        let seen = self.seen.entry((send.endpoint.clone(), at)).or_default();
        seen.attempts += 1;
        let who = format!("{} at {}", send.endpoint, at.0);
        assert_eq!(send.attempt, seen.attempts, "{who}: each attempt is counted once");
        assert_eq!(send.is_replay, seen.replays > 0, "{who}: a replay says that it is one");
        let pause = self.pauses.get(&send.endpoint).copied().unwrap_or_default();
        assert!(pause <= self.now, "{who}: a pause was asked for");
        let rest = self.rests.get(&send.endpoint).copied().unwrap_or_default();
        assert!(rest <= self.now, "{who}: its breaker is open");
        let attempts_max = self.endpoints[&send.endpoint].schedule.attempts_max();
        let is_cut_off = (1..CUT_OFF_MAX).contains(&seen.cut_off);
        let is_one_more = send.attempt <= attempts_max || is_cut_off;
        assert!(is_one_more, "{who}: attempt {} is too many", send.attempt);
        assert_eq!(send.event, self.log[at.0 as usize - 1].clone().unwrap(), "{who}");
        if !send.is_replay {
            let lane = (send.endpoint.clone(), send.event.id.clone());
            let latest = self.latest.entry(lane).or_default();
            assert!(*latest <= at, "{who}: sent behind {}", latest.0);
            *latest = at;
        }
        let lanes = self
            .flying
            .iter()
            .chain(&self.waiting)
            .filter(|other| other.endpoint == send.endpoint && other.event.id == send.event.id);
        assert_eq!(lanes.count(), 0, "{who}: two of one lane at once");
    }

    /// Returns whether the filter of an endpoint leaves an event out.
    fn is_left_out(&self, name: &EndpointId, position: Position) -> bool {
        self.endpoints[name].condition.is_some() && position.0.is_multiple_of(3)
    }

    /// An attempt ends; where the filter leaves its event out, as that.
    pub(crate) fn report(&mut self, index: usize, outcome: Outcome) {
        let send = self.flying.remove(index);
        let which = (send.endpoint.clone(), send.event.position);
        let is_left_out = self.is_left_out(&which.0, which.1);
        let outcome = if is_left_out { Outcome::LeftOut } else { outcome };
        self.asked.extend(pause_ms(outcome).map(|ms| (which.0.clone(), self.now + ms)));
        self.landed.push(which);
        let report = Report {
            endpoint: send.endpoint,
            made: send.made,
            position: send.event.position,
            attempt: send.attempt,
            outcome,
            duration_ms: 5,
            excerpt: "".into(),
        };
        let random = self.random.next();
        self.dispatch.handle_report(self.now, random, &report, &mut self.batch);
        let until_ms = match self.dispatch.facts(&report.endpoint).unwrap().breaker {
            BreakerState::Open { until_ms } => until_ms,
            BreakerState::Closed | BreakerState::HalfOpen => 0,
        };
        self.turned.push((report.endpoint, until_ms));
    }

    /// What was decided cannot be committed: the machine is read anew, and knows whom it left alone.
    pub(crate) fn fail(&mut self) {
        let pauses: Vec<_> = self.dispatch.pauses(self.now).collect();
        let (asked, turned) = (self.asked.clone(), self.turned.clone());
        self.crash();
        for (name, pause) in pauses {
            self.dispatch.handle_pause(self.now, &name, pause, &mut self.batch);
        }
        (self.asked, self.turned) = (asked, turned);
        // So it is with the first turn, whose commit may fail as well.
        if self.random.chance(50) {
            self.commit();
        }
    }

    /// The hub ends without a word, and starts again.
    pub(crate) fn crash(&mut self) {
        self.batch = Batch::new();
        let flying = self.flying.drain(..).chain(self.waiting.drain(..));
        let flying = flying.map(|send| (send.endpoint, send.event.position));
        for which in flying.chain(self.landed.drain(..)).chain(self.put_back.drain(..)) {
            self.seen.get_mut(&which).expect("what is sent was seen").cut_off += 1;
        }
        self.asked.clear();
        self.turned.clear();
        self.dispatch = Dispatch::new();
        self.tell_end();
        let due: Vec<_> = self.scan(&Scan::Due).cloned().collect();
        for (name, settings) in self.endpoints.clone() {
            let cursor = CursorRow::decode(&self.disk[&Key::Cursor(name.clone())]).unwrap();
            let from = Position(cursor.settled.0 + 1);
            let scan = Scan::Deliveries { endpoint: name.clone(), from };
            let rows: BTreeSet<Position> = self
                .scan(&scan)
                .map(|key| match key {
                    Key::Delivery { position, .. } => *position,
                    other => panic!("{other:?}"),
                })
                .collect();
            let due = due.iter().filter_map(|key| match key {
                Key::Due { due_ms, endpoint, position } if *endpoint == name => {
                    Some((*due_ms, *position, decode_due(&self.disk[key]).unwrap()))
                }
                _ => None,
            });
            let due = due.collect();
            let stored = Stored { endpoint: name, settings, cursor, rows, due };
            self.dispatch.handle_stored(self.now, stored).unwrap();
        }
    }

    /// Replays a delivery, if it is final.
    pub(crate) fn replay(&mut self, name: &EndpointId, position: Position) {
        let Some(row) = self.row(name, position) else { return };
        if !row.state.is_final() {
            return;
        }
        let before = row.replays;
        let replay = Replay { event: row.event_ref(position), row: Some(row) };
        let taken = self.dispatch.handle_replay(self.now, name, vec![replay], &mut self.batch);
        assert_eq!(taken.map(|taken| taken.looked_at), Ok(1));
        self.commit();
        let replays = self.row(name, position).unwrap().replays;
        if replays > before {
            let seen = self.seen.entry((name.clone(), position)).or_default();
            *seen = Seen { attempts: 0, replays, cut_off: 0 };
        }
    }

    /// Enables every endpoint that is disabled; what came meanwhile is delivered.
    pub(crate) fn enable_all(&mut self) {
        for name in self.endpoints.keys().cloned().collect::<Vec<_>>() {
            if self.dispatch.facts(&name).unwrap().disabled.is_some() {
                let (now, batch) = (self.now, &mut self.batch);
                self.dispatch.handle_test(now, &name, ok(), batch).unwrap();
                let enabled = self.dispatch.handle_enabled(now, &name, Backlog::Deliver, batch);
                enabled.unwrap();
                self.moved(&name);
            }
        }
    }

    /// An endpoint has other settings from now on.
    pub(crate) fn settle_anew(&mut self, name: &EndpointId, settings: Settings) {
        let settings = Arc::new(settings);
        let before = self.endpoints.insert(name.clone(), Arc::clone(&settings));
        let is_moved = before.is_some_and(|before| before.url != settings.url);
        let (now, batch) = (self.now, &mut self.batch);
        assert_eq!(self.dispatch.handle_settings(now, name, settings, batch), Ok(()));
        if is_moved {
            self.moved(name);
        }
        self.commit();
    }

    /// Nobody is left alone for what an endpoint has said or done before.
    pub(crate) fn moved(&mut self, name: &EndpointId) {
        self.pauses.remove(name);
        self.rests.remove(name);
        self.turned.retain(|(of, _)| of != name);
        self.asked.retain(|(of, _)| of != name);
    }

    /// Everything works from now on: goes on until nothing is to be done.
    pub(crate) fn settle(&mut self) {
        self.tell_end();
        self.waits_percent = 0;
        for _ in 0..200_000 {
            self.pump(64, 0);
            while !self.flying.is_empty() {
                self.report(0, ok());
            }
            let is_idle = self.batch.is_empty();
            self.commit();
            let is_busy = !is_idle || self.load_is_due();
            match self.dispatch.poll_due() {
                _ if is_busy => self.now += 1,
                Some(due_ms) => self.now = self.now.max(due_ms),
                None => return,
            }
        }
        panic!("it never comes to an end");
    }

    fn load_is_due(&mut self) -> bool {
        let mut any = false;
        while self.load() {
            any = true;
        }
        any
    }

    /// Checks that every event that concerns an endpoint came to an end there.
    pub(crate) fn check_settled(&self) {
        for (name, settings) in &self.endpoints {
            for event in self.log.iter().flatten() {
                let row = self.row(name, event.position);
                if !settings.filter.matches(&event.event_type) {
                    assert_eq!(row, None, "{name} at {}: it does not concern it", event.position.0);
                    continue;
                }
                let row = row.unwrap_or_else(|| panic!("{name} at {}: lost", event.position.0));
                assert!(row.state.is_final(), "{name} at {}: {row:?}", event.position.0);
                assert_eq!(row.event, event.event);
                if self.is_left_out(name, event.position) {
                    let is_sent = row.state == DeliveryState::Delivered;
                    assert!(!is_sent, "{name} at {}: {row:?}", event.position.0);
                    continue;
                }
                let is_dead = row.state == DeliveryState::Dead;
                let (endpoint, position) = (name.clone(), event.position);
                let letter = self.disk.contains_key(&Key::DeadLetter { endpoint, position });
                assert_eq!(letter, is_dead, "{name} at {}", event.position.0);
                let seen = self.seen.get(&(name.clone(), event.position));
                let (attempts, cut_off) = seen.map_or((0, 0), |seen| (seen.attempts, seen.cut_off));
                assert_eq!(row.tries, attempts, "{name} at {}", event.position.0);
                let attempts_max = settings.schedule.attempts_max();
                assert!(!is_dead || attempts >= attempts_max, "given up too early: {row:?}");
                let is_known = cut_off == 0 || cut_off >= CUT_OFF_MAX;
                assert!(!is_dead || is_known, "given up, and nobody knows why: {row:?}");
            }
        }
        let open = self.disk.keys().find(|key| matches!(key, Key::Lane { .. } | Key::Due { .. }));
        assert_eq!(open, None, "what is final leaves no row behind");
        assert_eq!((self.dispatch.pending(), self.waiting.len()), (0, 0));
    }
}

/// Returns how long the endpoint that answers so is to be left alone.
fn pause_ms(outcome: Outcome) -> Option<u64> {
    match outcome {
        Outcome::Answered { status: 429 | 502..=504, retry_after_ms: Some(ms) } => {
            Some(ms.min(RETRY_AFTER_MS_MAX))
        }
        Outcome::Answered { status: 429, .. } => Some(THROTTLED_MS),
        _ => None,
    }
}

pub(crate) fn ok() -> Outcome {
    Outcome::Answered { status: 204, retry_after_ms: None }
}

pub(crate) fn status(status: u16) -> Outcome {
    Outcome::Answered { status, retry_after_ms: None }
}
