//! Edits of those who are no clients: under which names and counters they are committed.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use syncline_model::id::{ClientId, DomainName};

use crate::access::{TokenRow, random_id};
use crate::hubs::Desk;

/// What the name of a client begins with whose operations are edits with a token.
const OF_TOKEN: &str = "rest-";
/// What the name of a client begins with whose operations are what a receiver was told.
const OF_RECEIVER: &str = "hook-";
/// What the name of a client begins with whose only operation is the edit of an idempotency key.
const OF_KEY: &str = "key-";

/// Returns whether a client is one of the server's own: nobody else may speak as it.
pub(crate) fn is_of_server(client: &ClientId) -> bool {
    [OF_TOKEN, OF_RECEIVER, OF_KEY].iter().any(|own| client.as_str().starts_with(own))
}

/// Returns the name under which all is counted that is done with tokens of the same name.
pub(crate) fn client_of_token(token: &TokenRow) -> Option<ClientId> {
    let of = |name: &str| ClientId::new(&format!("{OF_TOKEN}{name}")).ok();
    of(&token.name).or_else(|| of(&token.id))
}

/// Returns the name under which all is counted that a receiver is told.
pub(crate) fn client_of_receiver(receiver: &DomainName) -> Option<ClientId> {
    ClientId::new(&format!("{OF_RECEIVER}{receiver}")).ok()
}

/// Returns the client whose only operation is the edit of an idempotency key.
pub(crate) fn client_of_key(key: &str) -> Option<ClientId> {
    ClientId::new(&format!("{OF_KEY}{key}")).ok()
}

/// Keys of requests that are remembered in memory. The hub remembers all of them for their time, and what they did for good.
const KEYS_MAX: usize = 65_536;

/// The names and counters of edits of this start of the server.
pub(crate) struct Writers {
    /// Random for each start, so that a counter is never used twice.
    start: Option<String>,
    counter: AtomicU64,
}

impl Writers {
    pub(crate) fn new() -> Self {
        Self { start: random_id(), counter: AtomicU64::new(1) }
    }

    /// Returns the client and the counter of the next edit with a token.
    pub(crate) fn next(&self, token: &TokenRow) -> Option<(ClientId, u64)> {
        let start = self.start.as_ref()?;
        let client = ClientId::new(&format!("{OF_TOKEN}{}-{start}", token.id)).ok()?;
        Some((client, self.following()))
    }

    /// Returns the client of a receiver, and the counter of what it is told next.
    pub(crate) fn next_of(&self, receiver: &DomainName) -> Option<(ClientId, u64)> {
        let start = self.start.as_ref()?;
        let client = ClientId::new(&format!("{OF_RECEIVER}{receiver}-{start}")).ok()?;
        Some((client, self.following()))
    }

    /// Returns the next counter.
    pub(crate) fn following(&self) -> u64 {
        self.counter.fetch_add(1, Ordering::Relaxed)
    }
}

/// Keys of requests that may be repeated, and what they stood for.
#[derive(Default)]
pub(crate) struct Keys(Mutex<Known>);

#[derive(Default)]
struct Known {
    bodies: BTreeMap<Box<str>, Box<str>>,
    done: BTreeMap<Box<str>, ()>,
    order: VecDeque<Box<str>>,
    /// Those of requests that are under way: no more than there are requests.
    under_way: BTreeSet<Box<str>>,
}

/// The only request of a key that is under way, until this goes.
pub(crate) struct UnderWay {
    desk: Arc<Desk>,
    key: Box<str>,
}

impl UnderWay {
    /// Returns nothing if another request of the key is under way.
    pub(crate) fn begin(desk: &Arc<Desk>, key: &str) -> Option<Self> {
        let is_only = desk.keys.known().under_way.insert(key.into());
        is_only.then(|| Self { desk: Arc::clone(desk), key: key.into() })
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.desk.keys.known().under_way.remove(&self.key);
    }
}

impl Keys {
    /// Returns what a key stands for, as far as is remembered.
    pub(crate) fn body(&self, key: &str) -> Option<Box<str>> {
        self.known().bodies.get(key).cloned()
    }

    /// Notes what a key stands for.
    pub(crate) fn note(&self, key: &str, body: &str) {
        let mut known = self.known();
        if known.bodies.insert(key.into(), body.into()).is_some() {
            return;
        }
        known.order.push_back(key.into());
        if known.order.len() > KEYS_MAX
            && let Some(oldest) = known.order.pop_front()
        {
            known.bodies.remove(&oldest);
            known.done.remove(&oldest);
        }
    }

    /// Forgets what a key stands for. It is no key any more that was used.
    pub(crate) fn forget(&self, key: &str) {
        let mut known = self.known();
        known.bodies.remove(key);
        known.done.remove(key);
    }

    /// Returns whether a request of the key is under way.
    pub(crate) fn is_under_way(&self, key: &str) -> bool {
        self.known().under_way.contains(key)
    }

    /// Notes that what the key of a client stands for was done.
    pub(crate) fn done(&self, client: &str) {
        self.known().done.insert(client.trim_start_matches(OF_KEY).into(), ());
    }

    /// Returns whether it was done, as far as is remembered.
    pub(crate) fn was_done(&self, client: &str) -> bool {
        self.known().done.contains_key(client.trim_start_matches(OF_KEY))
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
