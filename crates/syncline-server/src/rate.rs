//! How many requests one token may make.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::limits::TOKENS_MAX;

/// A bound on requests in a stretch of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Most requests.
    pub requests: u32,
    /// The stretch of time; at least a second.
    pub window: Duration,
}

/// Counts the requests of each token. After a window the count begins anew.
pub(crate) struct Rates {
    rate: Rate,
    counts: Mutex<BTreeMap<Box<str>, Count>>,
}

#[derive(Clone, Copy)]
struct Count {
    requests: u32,
    since: Instant,
}

/// What is left to a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quota {
    pub(crate) is_exceeded: bool,
    pub(crate) remaining: u32,
    /// Until the count begins anew, in seconds, rounded up.
    pub(crate) reset_s: u64,
}

impl Rates {
    pub(crate) fn new(rate: Rate) -> Self {
        Self { rate, counts: Mutex::default() }
    }

    /// Counts a request of a token. `key` is its hub and its id.
    pub(crate) fn count(&self, key: &str, now: Instant) -> Quota {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.len() > TOKENS_MAX {
            let window = self.rate.window;
            counts.retain(|_, count| now.duration_since(count.since) < window);
        }
        if !counts.contains_key(key) {
            counts.insert(key.into(), Count { requests: 0, since: now });
        }
        let count = counts.get_mut(key).expect("invariant: it was inserted");
        if now.duration_since(count.since) >= self.rate.window {
            *count = Count { requests: 0, since: now };
        }
        let is_exceeded = count.requests >= self.rate.requests;
        count.requests = count.requests.saturating_add(1);
        let left = self.rate.window.saturating_sub(now.duration_since(count.since));
        Quota {
            is_exceeded,
            remaining: self.rate.requests.saturating_sub(count.requests),
            reset_s: left.as_secs() + u64::from(left.subsec_nanos() > 0),
        }
    }

    /// Returns the field `RateLimit-Policy`.
    pub(crate) fn policy(&self) -> String {
        format!("\"default\";q={};w={}", self.rate.requests, self.rate.window.as_secs())
    }
}

impl Quota {
    /// Returns the field `RateLimit`.
    pub(crate) fn field(self) -> String {
        format!("\"default\";r={};t={}", self.remaining, self.reset_s)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_its_requests_anew_after_each_window() {
        let rates = Rates::new(Rate { requests: 2, window: Duration::from_secs(10) });
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let remaining = |seconds| {
            let quota = rates.count("a", at(seconds));
            (quota.is_exceeded, quota.remaining, quota.reset_s)
        };
        assert_eq!(remaining(0), (false, 1, 10));
        assert_eq!(remaining(3), (false, 0, 7));
        assert_eq!(remaining(4), (true, 0, 6));
        assert!(!rates.count("b", at(4)).is_exceeded, "each token has its own");
        assert_eq!(remaining(10), (false, 1, 10));
        assert_eq!(rates.policy(), "\"default\";q=2;w=10");
    }
}
