//! Whether deliveries go on, or since when they stand still.

use std::sync::atomic::{AtomicU64, Ordering};

/// Since when nothing is delivered, in milliseconds since the Unix epoch; 0 where it is.
#[derive(Debug, Default)]
pub(super) struct Halt {
    /// The store fails, or the task has ended.
    failing_ms: AtomicU64,
    /// A turn is under way: one that never ends is no better than one that fails.
    turn_ms: AtomicU64,
}

impl Halt {
    /// A turn begins.
    pub(super) fn turn_begins(&self, now_ms: u64) {
        self.turn_ms.store(now_ms, Ordering::Relaxed);
    }

    /// It is over.
    pub(super) fn turn_ends(&self, now_ms: u64, is_well: bool) {
        self.turn_ms.store(0, Ordering::Relaxed);
        if is_well {
            self.failing_ms.store(0, Ordering::Relaxed);
        } else {
            self.begin(now_ms);
        }
    }

    /// Nothing is delivered from now on, unless it was not before.
    pub(super) fn begin(&self, now_ms: u64) {
        let _ = self.failing_ms.compare_exchange(0, now_ms, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Returns for how long nothing could be delivered, in milliseconds; 0 if all goes on.
    pub(super) fn lasts_ms(&self, now_ms: u64) -> u64 {
        let since = [&self.failing_ms, &self.turn_ms].map(|since| since.load(Ordering::Relaxed));
        let first = since.into_iter().filter(|since_ms| *since_ms > 0).min();
        first.map_or(0, |since_ms| now_ms.saturating_sub(since_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deliveries_stand_still_from_the_first_turn_that_fails_or_never_ends_until_one_is_well() {
        let halt = Halt::default();
        assert_eq!(halt.lasts_ms(1_000), 0);
        halt.turn_begins(1_000);
        assert_eq!(halt.lasts_ms(91_000), 90_000, "it never ends");
        halt.turn_ends(91_000, true);
        assert_eq!(halt.lasts_ms(92_000), 0);
        for at_ms in [100_000, 101_000, 102_000] {
            halt.turn_begins(at_ms);
            halt.turn_ends(at_ms, false);
        }
        assert_eq!(halt.lasts_ms(110_000), 10_000, "from the first one on");
        halt.turn_begins(111_000);
        halt.turn_ends(111_000, true);
        assert_eq!(halt.lasts_ms(120_000), 0);
        halt.begin(121_000);
        assert_eq!(halt.lasts_ms(122_000), 1_000);
    }
}
