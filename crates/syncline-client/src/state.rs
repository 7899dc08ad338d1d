//! What the app's threads and the connection's thread share.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use syncline_model::id::RecordId;

use crate::error::{ClientError, StoreError};
use crate::record::Record;
use crate::status::{Network, Notice, Notices};
use crate::store::{Incoming, Key, Reader, Store};
use crate::subscription::Live;

/// What all threads of a client share.
pub(crate) struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    reader: Mutex<Reader>,
    /// Wakes the connection's thread.
    wake: Box<dyn Fn() + Send + Sync>,
}

/// Everything behind one lock: what is told to subscribers is told in the order of the commits.
pub(crate) struct State {
    pub(crate) store: Store,
    lives: Vec<Weak<Live>>,
    pub(crate) notices: Notices,
    pub(crate) network: Network,
    pub(crate) is_unauthorised: bool,
    /// Whether the app wants the client to be offline.
    pub(crate) stays_offline: bool,
    /// How often the app has asked for a sync, and how many of these are done.
    pub(crate) syncs_asked: u64,
    pub(crate) syncs_done: u64,
    /// Whether a refusal was settled since the connection looked.
    pub(crate) lanes_moved: bool,
    pub(crate) closed: bool,
}

impl Shared {
    pub(crate) fn new(
        store: Store,
        wake: Box<dyn Fn() + Send + Sync>,
    ) -> Result<Arc<Self>, StoreError> {
        let reader = Mutex::new(store.reader()?);
        let state = State {
            store,
            lives: Vec::new(),
            notices: Notices::default(),
            network: Network::Offline,
            is_unauthorised: false,
            stays_offline: false,
            syncs_asked: 0,
            syncs_done: 0,
            lanes_moved: false,
            closed: false,
        };
        Ok(Arc::new(Self { state: Mutex::new(state), changed: Condvar::new(), reader, wake }))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn reader(&self) -> MutexGuard<'_, Reader> {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the connection look at what is to do.
    pub(crate) fn wake(&self) {
        (self.wake)();
    }

    /// Has whoever waits look again.
    pub(crate) fn tell(&self) {
        self.changed.notify_all();
    }

    /// Waits until `is_done` answers something, for at most `timeout`.
    pub(crate) fn wait<T>(
        &self,
        timeout: Duration,
        mut is_done: impl FnMut(&State) -> Result<Option<T>, ClientError>,
    ) -> Result<T, ClientError> {
        let until = Instant::now() + timeout;
        let mut state = self.lock();
        loop {
            if let Some(done) = is_done(&state)? {
                return Ok(done);
            }
            if state.closed {
                return Err(ClientError::Closed);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let waited_ms = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
                return Err(ClientError::Timeout { waited_ms });
            }
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl State {
    /// Begins a live query on the records as they are now.
    pub(crate) fn subscribe(&mut self, live: &Arc<Live>) {
        self.lives.push(Arc::downgrade(live));
    }

    /// Tells subscribers how these records are shown now.
    pub(crate) fn show(&mut self, keys: &[Key]) -> Result<(), StoreError> {
        self.lives.retain(|live| live.strong_count() > 0);
        let lives: Vec<Arc<Live>> = self.lives.iter().filter_map(Weak::upgrade).collect();
        if lives.is_empty() {
            return Ok(());
        }
        let mut shown: Vec<(&Key, Option<Record>)> = Vec::new();
        for key in keys {
            let is_asked = lives.iter().any(|live| live.query.entity() == key.0.as_str());
            if is_asked {
                let lately = self.store.look(key)?;
                shown.push((key, Record::shown(key, &lately.kept, lately.shown.clone())));
            }
        }
        for live in lives {
            let of_it = shown.iter().filter(|(key, _)| key.0.as_str() == live.query.entity());
            let of_it = of_it.map(|(key, record)| (key.1.clone(), record.clone()));
            live.handle(of_it.collect::<Vec<(RecordId, Option<Record>)>>());
        }
        Ok(())
    }

    /// Tells subscribers and the app what came of what the hub said.
    pub(crate) fn take_in(&mut self, incoming: Incoming) -> Result<(), StoreError> {
        for (operation, (entity, id), refusal) in incoming.refused {
            self.notices.push(Notice::Refused { operation, entity, id, refusal });
        }
        for (operation, (entity, id), conflicts) in incoming.conflicts {
            self.notices.push(Notice::Conflict { operation, entity, id, conflicts });
        }
        self.show(&incoming.touched)
    }

    /// Ends everything: nobody is told anything more.
    pub(crate) fn close(&mut self) {
        self.closed = true;
        for live in self.lives.drain(..).filter_map(|live| live.upgrade()) {
            live.close();
        }
    }
}
