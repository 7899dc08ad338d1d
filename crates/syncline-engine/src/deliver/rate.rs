//! How often an endpoint may be sent to.

use super::limits::Millis;
use super::settings::Rate;

/// One token, in the parts that a bucket counts.
const TOKEN: u64 = 1_000;

/// A bucket of tokens: each send takes one, time brings them back.
#[derive(Clone, Debug)]
pub(super) struct Bucket {
    /// In thousandths of a token, so that whole numbers suffice: one token a second is one of these a
    /// millisecond.
    parts: u64,
    filled_at_ms: Millis,
}

impl Bucket {
    /// Returns a bucket that is full.
    pub(super) const fn new() -> Self {
        Self { parts: u64::MAX, filled_at_ms: 0 }
    }

    /// Fills the bucket with what time has brought.
    pub(super) fn fill(&mut self, now: Millis, rate: Rate) {
        let full = u64::from(rate.burst.get()) * TOKEN;
        let passed = now.saturating_sub(self.filled_at_ms);
        let more = passed.saturating_mul(u64::from(rate.per_second.get()));
        self.parts = self.parts.saturating_add(more).min(full);
        self.filled_at_ms = self.filled_at_ms.max(now);
    }

    /// Returns when there is a token; the bucket was just filled.
    pub(super) fn ready_ms(&self, rate: Rate) -> Millis {
        let missing = TOKEN.saturating_sub(self.parts);
        self.filled_at_ms + missing.div_ceil(u64::from(rate.per_second.get()))
    }

    /// Takes a token.
    pub(super) const fn take(&mut self) {
        self.parts = self.parts.saturating_sub(TOKEN);
    }

    /// Takes a token back that was not used.
    pub(super) const fn give_back(&mut self) {
        self.parts = self.parts.saturating_add(TOKEN);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::num::NonZeroU32;

    #[test]
    fn no_more_than_the_burst_and_the_rate_over_time() {
        let of = |number| NonZeroU32::new(number).unwrap();
        let rate = Rate { per_second: of(3), burst: of(5) };
        let mut bucket = Bucket::new();
        let (mut now, mut taken) = (1_000_000, 0);
        while now < 1_010_000 {
            bucket.fill(now, rate);
            now = bucket.ready_ms(rate).max(now);
            bucket.fill(now, rate);
            assert!(bucket.ready_ms(rate) <= now);
            bucket.take();
            taken += 1;
        }
        assert_eq!(taken, 5 + 3 * 10, "five at once, then three a second");
    }
}
