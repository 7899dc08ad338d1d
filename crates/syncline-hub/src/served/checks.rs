//! When the hub has time to say what the records of a view add up to.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::limits::CHECKS_REST;

/// Whose turn it is: one at a time, with rests between.
#[derive(Debug, Default)]
pub(super) struct Checks(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    is_busy: bool,
    rests_until: Option<Instant>,
}

/// A turn, until it is dropped.
#[derive(Debug)]
pub(super) struct Turn<'c> {
    checks: &'c Checks,
    began: Instant,
}

impl Checks {
    /// Takes a turn, if there is time.
    pub(super) fn take(&self) -> Option<Turn<'_>> {
        let began = Instant::now();
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.is_busy || state.rests_until.is_some_and(|until| began < until) {
            return None;
        }
        state.is_busy = true;
        drop(state);
        Some(Turn { checks: self, began })
    }

    fn end(&self, took: Duration) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *state =
            State { is_busy: false, rests_until: Instant::now().checked_add(took * CHECKS_REST) };
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.checks.end(self.began.elapsed());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_has_a_turn_at_a_time_and_then_the_hub_rests() {
        let checks = Checks::default();
        let turn = checks.take();
        assert!(turn.is_some() && checks.take().is_none());
        std::thread::sleep(Duration::from_millis(20));
        drop(turn);
        assert!(checks.take().is_none(), "it rests");
        // The turn may have taken long on a busy machine.
        let later = (0..6_000).any(|_| {
            std::thread::sleep(Duration::from_millis(10));
            checks.take().is_some()
        });
        assert!(later, "it rests for good");
    }
}
