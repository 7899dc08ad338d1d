//! Live queries: who subscribes is told what changed in the result, in order.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use syncline_model::id::RecordId;

use crate::limits::SUBSCRIPTION_EVENTS_MAX;
use crate::query::Query;
use crate::record::Record;

/// What a subscriber is told.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The whole result, in the order of the query: first of all, and where more events waited than
    /// fit.
    Refresh(Vec<Record>),
    /// What differs from the result told before.
    Delta {
        /// Records that are new in the result, or that are shown otherwise.
        changed: Vec<Record>,
        /// Records that are no longer in it.
        removed: Vec<RecordId>,
    },
}

/// A live query. Dropping it ends it.
#[derive(Debug)]
pub struct Subscription {
    pub(crate) live: Arc<Live>,
}

/// The result of a query that is kept up to date, and what its subscriber has not been told yet.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) query: Query,
    state: Mutex<State>,
    told: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// All records that pass the tests.
    matching: BTreeMap<RecordId, Record>,
    /// Those within the limit, in the order of the query.
    window: Vec<RecordId>,
    events: VecDeque<Event>,
    refresh: bool,
    closed: bool,
}

impl Live {
    pub(crate) fn new(query: Query, records: Vec<Record>) -> Self {
        let accepted = records.into_iter().filter(|record| query.accepts(record));
        let matching = accepted.map(|record| (record.id().clone(), record)).collect();
        let state = State { matching, refresh: true, ..State::default() };
        let live = Self { query, state: Mutex::new(state), told: Condvar::new() };
        let mut state = live.lock();
        state.window = live.window(&state.matching);
        drop(state);
        live
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in how records are shown now; `None` for one that is not there.
    pub(crate) fn handle(&self, records: Vec<(RecordId, Option<Record>)>) {
        let mut state = self.lock();
        let mut touched = Vec::new();
        for (id, record) in records {
            let record = record.filter(|record| self.query.accepts(record));
            let is_same = state.matching.get(&id) == record.as_ref();
            if is_same {
                continue;
            }
            match record {
                Some(record) => state.matching.insert(id.clone(), record),
                None => state.matching.remove(&id),
            };
            touched.push(id);
        }
        if touched.is_empty() {
            return;
        }
        let window = self.window(&state.matching);
        let before: std::collections::BTreeSet<&RecordId> = state.window.iter().collect();
        let after: std::collections::BTreeSet<&RecordId> = window.iter().collect();
        let is_news = |id: &&RecordId| !before.contains(id) || touched.contains(id);
        let changed = window.iter().filter(is_news);
        let changed: Vec<Record> =
            changed.filter_map(|id| state.matching.get(id)).cloned().collect();
        let removed = state.window.iter().filter(|id| !after.contains(id));
        let removed: Vec<RecordId> = removed.cloned().collect();
        state.window = window;
        if changed.is_empty() && removed.is_empty() {
            return;
        }
        if state.refresh || state.events.len() >= SUBSCRIPTION_EVENTS_MAX {
            state.events.clear();
            state.refresh = true;
        } else {
            state.events.push_back(Event::Delta { changed, removed });
        }
        drop(state);
        self.told.notify_all();
    }

    fn window(&self, matching: &BTreeMap<RecordId, Record>) -> Vec<RecordId> {
        let mut records: Vec<&Record> = matching.values().collect();
        records.sort_by(|a, b| self.query.compare(a, b));
        let limit = self.query.limit_or_all();
        records.into_iter().take(limit).map(|record| record.id().clone()).collect()
    }

    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.told.notify_all();
    }
}

impl State {
    fn next(&mut self) -> Option<Event> {
        if self.refresh {
            self.refresh = false;
            self.events.clear();
            let records = self.window.iter().filter_map(|id| self.matching.get(id));
            return Some(Event::Refresh(records.cloned().collect()));
        }
        self.events.pop_front()
    }
}

impl Subscription {
    /// Returns the result as it is now, in the order of the query.
    pub fn records(&self) -> Vec<Record> {
        let state = self.live.lock();
        state.window.iter().filter_map(|id| state.matching.get(id)).cloned().collect()
    }

    /// Returns the next event if one waits.
    pub fn try_next(&self) -> Option<Event> {
        self.live.lock().next()
    }

    /// Waits for the next event; nothing once the client is closed.
    pub fn next_event(&self) -> Option<Event> {
        let mut state = self.live.lock();
        loop {
            if let Some(event) = state.next() {
                return Some(event);
            }
            if state.closed {
                return None;
            }
            state = self.live.told.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits for the next event for at most `timeout`.
    pub fn next_within(&self, timeout: Duration) -> Option<Event> {
        let until = Instant::now() + timeout;
        let mut state = self.live.lock();
        loop {
            if let Some(event) = state.next() {
                return Some(event);
            }
            let left = until.saturating_duration_since(Instant::now());
            if state.closed || left.is_zero() {
                return None;
            }
            let waited = self.live.told.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Iterator for Subscription {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        self.next_event()
    }
}
