//! When an endpoint is left alone because it fails.

use super::cursor::Rest;
use super::limits::Millis;
use super::settings::BreakerSettings;

/// Pieces of the window that are counted apart, so that old failures leave it bit by bit.
const SLOTS: usize = 6;

/// What a breaker lets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Passage {
    /// Everything.
    Open,
    /// One probe.
    Probe,
    /// Nothing before this moment.
    After(Millis),
    /// Nothing before the outcome of the probe.
    Closed,
}

/// How an endpoint's breaker stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BreakerState {
    /// Everything is sent.
    #[default]
    Closed,
    /// Nothing is sent before this moment, in milliseconds since the Unix epoch.
    Open {
        /// When a probe is sent.
        until_ms: Millis,
    },
    /// One probe is sent, or is under way.
    HalfOpen,
}

/// What an attempt says of its endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    /// It works.
    Works,
    /// It answers, but refuses: a failure in the ratio, and not one in a row, since a poisoned record
    /// alone must not hold up the others.
    Refuses,
    /// It does not work.
    Fails,
    /// Nothing.
    Nothing,
}

/// A breaker: closed, open for a while, half open for one probe.
#[derive(Clone, Debug)]
pub(super) struct Breaker {
    state: BreakerState,
    /// How long it rested last.
    rest_ms: Millis,
    is_probing: bool,
    in_a_row: u32,
    /// Good and bad attempts; the first slot is the latest.
    slots: [(u32, u32); SLOTS],
    slot_start_ms: Millis,
}

impl Breaker {
    pub(super) const fn new() -> Self {
        Self {
            state: BreakerState::Closed,
            rest_ms: 0,
            is_probing: false,
            in_a_row: 0,
            slots: [(0, 0); SLOTS],
            slot_start_ms: 0,
        }
    }

    /// Returns the breaker of an endpoint that was left alone in a former life: no longer than it may be, whatever the
    /// clock was.
    pub(super) fn resting(rest: Rest, now: Millis, settings: &BreakerSettings) -> Self {
        let until_ms = rest.until_ms.min(now.saturating_add(settings.rest_ms_max));
        let rest_ms = rest.rest_ms.min(settings.rest_ms_max);
        Self { state: BreakerState::Open { until_ms }, rest_ms, ..Self::new() }
    }

    /// Returns what a later life has to know of it: nothing where everything is sent.
    pub(super) const fn rest(&self) -> Option<Rest> {
        let until_ms = match self.state {
            BreakerState::Closed => return None,
            BreakerState::Open { until_ms } => until_ms,
            BreakerState::HalfOpen => 0,
        };
        Some(Rest { until_ms, rest_ms: self.rest_ms })
    }

    pub(super) const fn state(&self) -> BreakerState {
        self.state
    }

    /// Returns what it lets through now.
    pub(super) const fn passage(&self, now: Millis) -> Passage {
        match self.state {
            BreakerState::Closed => Passage::Open,
            BreakerState::Open { until_ms } if now < until_ms => Passage::After(until_ms),
            BreakerState::HalfOpen if self.is_probing => Passage::Closed,
            BreakerState::Open { .. } | BreakerState::HalfOpen => Passage::Probe,
        }
    }

    /// Something else has shown that the endpoint can be reached: if it was left alone, one probe is sent at once. Answers
    /// whether that is so.
    pub(super) const fn hasten(&mut self, now: Millis) -> bool {
        match &mut self.state {
            BreakerState::Open { until_ms } if *until_ms > now => {
                *until_ms = now;
                true
            }
            _ => false,
        }
    }

    /// Something is sent that the [passage](Self::passage) allows.
    pub(super) const fn handle_send(&mut self) {
        if !matches!(self.state, BreakerState::Closed) {
            self.state = BreakerState::HalfOpen;
            self.is_probing = true;
        }
    }

    /// An attempt has ended. Answers whether that opened or closed the breaker.
    pub(super) fn handle_sign(
        &mut self,
        now: Millis,
        sign: Sign,
        settings: &BreakerSettings,
    ) -> Option<BreakerState> {
        let before = self.state;
        match (self.state, sign) {
            (_, Sign::Nothing) => self.is_probing = false,
            (BreakerState::Closed, _) => {
                self.count(now, sign, settings);
                if self.is_too_much(settings) {
                    self.open(now, settings.rest_ms);
                }
            }
            (_, Sign::Works | Sign::Refuses) => *self = Self::new(),
            (BreakerState::HalfOpen, Sign::Fails) => {
                self.open(now, self.rest_ms.saturating_mul(2).min(settings.rest_ms_max));
            }
            // It was sent before the breaker opened.
            (BreakerState::Open { .. }, Sign::Fails) => {}
        }
        (before != self.state).then_some(self.state)
    }

    const fn open(&mut self, now: Millis, rest_ms: Millis) {
        self.state = BreakerState::Open { until_ms: now.saturating_add(rest_ms) };
        self.rest_ms = rest_ms;
        self.is_probing = false;
    }

    fn count(&mut self, now: Millis, sign: Sign, settings: &BreakerSettings) {
        let slot_ms = (settings.window_ms / SLOTS as u64).max(1);
        let passed = now.saturating_sub(self.slot_start_ms) / slot_ms;
        if passed > 0 {
            let passed_slots = usize::try_from(passed).unwrap_or(SLOTS).min(SLOTS);
            self.slots.rotate_right(passed_slots);
            self.slots.iter_mut().take(passed_slots).for_each(|slot| *slot = (0, 0));
            self.slot_start_ms = now;
        }
        let [latest, ..] = &mut self.slots;
        match sign {
            Sign::Works => {
                latest.0 = latest.0.saturating_add(1);
                self.in_a_row = 0;
            }
            Sign::Refuses => latest.1 = latest.1.saturating_add(1),
            Sign::Fails => {
                latest.1 = latest.1.saturating_add(1);
                self.in_a_row = self.in_a_row.saturating_add(1);
            }
            Sign::Nothing => {}
        }
    }

    fn is_too_much(&self, settings: &BreakerSettings) -> bool {
        let (good, bad) = self.slots.iter().fold((0u64, 0u64), |(good, bad), slot| {
            (good + u64::from(slot.0), bad + u64::from(slot.1))
        });
        let all = good + bad;
        let is_ratio = all >= u64::from(settings.attempts_min)
            && bad * 100 >= all * u64::from(settings.failures_percent);
        is_ratio || self.in_a_row >= settings.failures_in_a_row
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> BreakerSettings {
        BreakerSettings {
            window_ms: 6_000,
            attempts_min: 10,
            failures_percent: 50,
            failures_in_a_row: 4,
            rest_ms: 1_000,
            rest_ms_max: 3_000,
        }
    }

    fn after(signs: &[(Millis, Sign)]) -> Breaker {
        let mut breaker = Breaker::new();
        for (now, sign) in signs {
            breaker.handle_sign(*now, *sign, &settings());
        }
        breaker
    }

    #[test]
    fn it_opens_after_failures_in_a_row_and_not_after_refusals() {
        let fails = |count| after(&vec![(0, Sign::Fails); count]);
        assert_eq!(fails(3).passage(0), Passage::Open);
        assert_eq!(fails(4).passage(0), Passage::After(1_000));
        let refused = after(&[(0, Sign::Refuses); 9]);
        assert_eq!(refused.passage(0), Passage::Open);
        let mixed = [(0, Sign::Fails), (0, Sign::Works)].repeat(2);
        assert_eq!(after(&mixed).passage(0), Passage::Open);
    }

    #[test]
    fn it_opens_at_a_ratio_of_enough_attempts_within_its_window() {
        let half = [(0, Sign::Works), (0, Sign::Refuses)].repeat(5);
        assert_eq!(after(&half[..9]).passage(0), Passage::Open, "too few attempts");
        assert_eq!(after(&half).passage(0), Passage::After(1_000));
        let good = [half.as_slice(), &[(0, Sign::Works)]].concat();
        assert_eq!(after(&good[1..]).passage(0), Passage::After(1_000));
        let old = [&half[..9], &[(7_000, Sign::Refuses)]].concat();
        assert_eq!(after(&old).passage(7_000), Passage::Open, "what is old has left the window");
    }

    #[test]
    fn one_probe_decides_and_rests_grow() {
        let mut breaker = after(&[(0, Sign::Fails); 4]);
        let mut now = 0;
        for rest in [1_000, 2_000, 3_000, 3_000] {
            assert_eq!(breaker.passage(now + rest - 1), Passage::After(now + rest));
            now += rest;
            assert_eq!(breaker.passage(now), Passage::Probe);
            breaker.handle_send();
            assert_eq!(breaker.passage(now), Passage::Closed, "one probe at a time");
            assert!(breaker.handle_sign(now, Sign::Fails, &settings()).is_some());
        }
        breaker.handle_send();
        breaker.handle_sign(now, Sign::Nothing, &settings());
        assert_eq!(breaker.passage(now), Passage::Probe, "nothing was learned: another probe");
        breaker.handle_send();
        let closed = breaker.handle_sign(now, Sign::Refuses, &settings());
        assert_eq!((closed, breaker.passage(now)), (Some(BreakerState::Closed), Passage::Open));
    }
}
