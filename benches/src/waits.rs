//! How long requests waited.

use std::time::Duration;

/// The time of each request, rising.
#[derive(Clone, Debug)]
pub struct Waits(Vec<Duration>);

impl Waits {
    /// Takes the times in any order.
    pub fn new(mut waits: Vec<Duration>) -> Self {
        waits.sort_unstable();
        Self(waits)
    }

    /// Returns how long the given share of the requests waited at most, in milliseconds.
    pub fn at_share_ms(&self, share: f64) -> f64 {
        let index = (self.0.len() as f64 * share) as usize;
        let wait = self.0.get(index.min(self.0.len().saturating_sub(1)));
        wait.map_or(f64::NAN, |wait| wait.as_secs_f64() * 1_000.0)
    }
}
