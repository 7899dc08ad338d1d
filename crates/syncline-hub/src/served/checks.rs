//! When the hub has time to say what the records of a view add up to.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::limits::CHECKS_REST;

/// Whose turn it is: one at a time, with rests between.
pub(super) struct Checks {
    state: Mutex<State>,
    /// Returns the time since some moment; it never goes back.
    now: Box<dyn Fn() -> Duration + Send + Sync>,
}

#[derive(Default)]
struct State {
    is_busy: bool,
    rests_until: Duration,
}

/// A turn, until it is dropped.
pub(super) struct Turn<'c> {
    checks: &'c Checks,
    began: Duration,
}

/// By the clock of the machine.
impl Default for Checks {
    fn default() -> Self {
        let began = Instant::now();
        Self::new(move || began.elapsed())
    }
}

impl Checks {
    fn new(now: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        Self { state: Mutex::default(), now: Box::new(now) }
    }

    /// Returns turns between which there are no rests.
    pub(super) fn without_rest() -> Self {
        Self::new(|| Duration::ZERO)
    }

    /// Takes a turn, if there is time.
    pub(super) fn take(&self) -> Option<Turn<'_>> {
        let began = (self.now)();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.is_busy || began < state.rests_until {
            return None;
        }
        state.is_busy = true;
        drop(state);
        Some(Turn { checks: self, began })
    }

    fn end(&self, began: Duration) {
        let now = (self.now)();
        let rest = now.saturating_sub(began).saturating_mul(CHECKS_REST);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        *state = State { is_busy: false, rests_until: now.saturating_add(rest) };
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.checks.end(self.began);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn one_has_a_turn_at_a_time_and_then_the_hub_rests() {
        let clock = Arc::new(AtomicU64::new(7));
        let now = clock.clone();
        let checks = Checks::new(move || Duration::from_millis(now.load(Ordering::Relaxed)));
        let turn = checks.take();
        assert!(turn.is_some() && checks.take().is_none());
        clock.fetch_add(20, Ordering::Relaxed);
        drop(turn);
        assert!(checks.take().is_none(), "it rests");
        clock.fetch_add(20 * u64::from(CHECKS_REST) - 1, Ordering::Relaxed);
        assert!(checks.take().is_none(), "still");
        clock.fetch_add(1, Ordering::Relaxed);
        assert!(checks.take().is_some());
    }
}
