//! What all requests of one server share.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::http::HeaderValue;
use tokio::sync::{Semaphore, mpsc, watch};

use crate::access::{Issuers, TokenRow};
use crate::alerting::Alerting;
use crate::hubs::Hubs;
use crate::metrics::Metrics;
use crate::rate::Rates;
use crate::room::Room;

/// What all requests of one server share.
pub(crate) struct State {
    pub(crate) hubs: Hubs,
    pub(crate) issuers: Issuers,
    /// The users who have each role of an approval.
    pub(crate) roles: BTreeMap<String, Vec<String>>,
    pub(crate) rates: Rates,
    pub(crate) metrics: Metrics,
    /// Who looks whether a hub does badly.
    pub(crate) alerting: Arc<Alerting>,
    /// Sites whose pages may ask, by `Origin`.
    pub(crate) origins: Vec<HeaderValue>,
    /// Whether the server encrypts.
    pub(crate) is_encrypted: bool,
    /// Requests that may be under way.
    pub(crate) requests: Room,
    /// How long anybody waits for an answer at most.
    pub(crate) request_time: Duration,
    /// Webhooks that may be read at once.
    pub(crate) receptions: Arc<Semaphore>,
    /// Turns true once the server stops.
    pub(crate) stopping: watch::Receiver<bool>,
    /// Held by each open stream; the server waits until all are dropped.
    pub(crate) streams: mpsc::WeakSender<()>,
    pub(crate) started: Instant,
    /// What request ids of this process begin with.
    pub(crate) process: u32,
    pub(crate) requests_counted: AtomicU64,
}

impl State {
    /// Returns the roles by which the bearer of a token may approve: that of the token, and those that
    /// are given to its name.
    pub(crate) fn roles_of(&self, token: &TokenRow) -> Vec<String> {
        let is_given = |users: &Vec<String>| users.iter().any(|user| **user == *token.name);
        let given = self.roles.iter().filter(|(_, users)| is_given(users));
        let given = given.map(|(role, _)| role.clone());
        std::iter::once(token.role.as_str().to_owned()).chain(given).collect()
    }

    /// Returns a new id for a request.
    pub(crate) fn request_id(&self) -> String {
        let number = self.requests_counted.fetch_add(1, Ordering::Relaxed);
        format!("{:08x}-{number:x}", self.process)
    }

    /// Returns whether the server is about to stop.
    pub(crate) fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }
}
