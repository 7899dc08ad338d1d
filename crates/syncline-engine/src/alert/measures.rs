//! What is measured of a hub.

use std::collections::VecDeque;

use super::rules::Kind;

/// How much of something there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// So much.
    Exactly(u64),
    /// So much, and maybe more: enough to know that it is too bad, never that it is well.
    AtLeast(u64),
}

/// What is measured of a hub at one time. Counters begin with the process. What could not be measured is `None`, and
/// changes nothing of what is told.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Measures {
    /// Operations that came to an end.
    pub operations: u64,
    /// Those of them that were refused.
    pub errors: u64,
    /// How old the oldest event is that has still to be delivered, in milliseconds.
    pub lag_ms: Option<Known>,
    /// Events that have still to be delivered.
    pub backlog: Option<u64>,
    /// Endpoints that are disabled, or cannot be read.
    pub endpoints_disabled: Option<u64>,
    /// For how long deliveries have stood still, in milliseconds; 0 if they go on.
    pub stopped_ms: Option<u64>,
    /// Deliveries that were given up.
    pub dead_letters: u64,
    /// The share of copies that are what the hub shows; `None` if nothing is known of any.
    pub consistency: Option<f64>,
    /// For how long the oldest conflict waits for a person, in milliseconds; 0 if none does.
    pub conflict_ms: Option<u64>,
    /// How old the first change is that is in no backup, in milliseconds; `None` without a backup.
    pub backup_ms: Option<Known>,
}

/// How far back refusals are counted, in milliseconds. Source: spec 002, `error_rate:5m`.
const ERRORS_OVER_MS: u64 = 300_000;
/// How far back deliveries that were given up are counted, in milliseconds.
const DEAD_OVER_MS: u64 = 3_600_000;
/// Most readings of counters that are kept: one per ten seconds of the longer time, and some. Where there are more, the
/// older half is thinned out.
const READINGS_MAX: usize = 400;
/// Fewest operations of the last five minutes of which a share says anything: one refusal of one is no tenth.
const OPERATIONS_MIN: u64 = 10;

/// What the counters of a hub were, time after time.
#[derive(Clone, Debug, Default)]
pub(super) struct Readings(VecDeque<Reading>);

#[derive(Clone, Copy, Debug, Default)]
struct Reading {
    at_ms: u64,
    operations: u64,
    errors: u64,
    dead_letters: u64,
}

/// What is known of a kind, in its unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Value {
    pub(super) value: f64,
    /// It may be worse.
    pub(super) is_least: bool,
}

impl Value {
    const fn exactly(value: f64) -> Self {
        Self { value, is_least: false }
    }

    fn seconds(known: Known) -> Self {
        let (Known::Exactly(ms) | Known::AtLeast(ms)) = known;
        Self { value: seconds(ms), is_least: matches!(known, Known::AtLeast(_)) }
    }
}

fn seconds(ms: u64) -> f64 {
    ms as f64 / 1_000.0
}

impl Readings {
    /// Takes in what is measured, and answers the value of each kind of which there is one.
    pub(super) fn values(&mut self, now_ms: u64, measures: &Measures) -> Vec<(Kind, Value)> {
        let Measures { operations, errors, dead_letters, .. } = *measures;
        self.push(Reading { at_ms: now_ms, operations, errors, dead_letters });
        let since = self.at(now_ms.saturating_sub(ERRORS_OVER_MS));
        let fresh = operations.saturating_sub(since.operations);
        let refused = errors.saturating_sub(since.errors);
        let share = if fresh < OPERATIONS_MIN { 0.0 } else { refused as f64 / fresh as f64 };
        let dead_before = self.at(now_ms.saturating_sub(DEAD_OVER_MS)).dead_letters;
        let dead = dead_letters.saturating_sub(dead_before) as f64;
        // What was counted before the process began is not known: nothing is over before all of the time was seen.
        let counted = |value, over_ms| Value { value, is_least: !self.has_seen(now_ms, over_ms) };
        let count = |count: u64| Value::exactly(count as f64);
        let known = [
            (Kind::ErrorRate, Some(counted(share, ERRORS_OVER_MS))),
            (Kind::Lag, measures.lag_ms.map(Value::seconds)),
            (Kind::Backlog, measures.backlog.map(count)),
            (Kind::EndpointsDisabled, measures.endpoints_disabled.map(count)),
            (Kind::DeliveriesStopped, measures.stopped_ms.map(|ms| Value::exactly(seconds(ms)))),
            (Kind::DeadLetters, Some(counted(dead, DEAD_OVER_MS))),
            (Kind::Consistency, measures.consistency.map(Value::exactly)),
            (Kind::Conflicts, measures.conflict_ms.map(|ms| Value::exactly(seconds(ms)))),
            (Kind::Backup, measures.backup_ms.map(Value::seconds)),
        ];
        known.into_iter().filter_map(|(kind, value)| Some((kind, value?))).collect()
    }

    fn push(&mut self, reading: Reading) {
        while self.0.get(1).is_some_and(|next| next.at_ms + DEAD_OVER_MS <= reading.at_ms) {
            self.0.pop_front();
        }
        if self.0.len() >= READINGS_MAX {
            let half = self.0.len() / 2;
            let mut index = 0;
            self.0.retain(|_| {
                index += 1;
                // The first stays: it is what the longer time begins with.
                index > half || index % 2 == 1
            });
        }
        self.0.push_back(reading);
    }

    /// Returns whether there is a reading from so long ago.
    fn has_seen(&self, now_ms: u64, over_ms: u64) -> bool {
        self.0.front().is_some_and(|first| first.at_ms.saturating_add(over_ms) <= now_ms)
    }

    /// Returns the latest reading that is not after a time; what was before the first one was nothing.
    fn at(&self, at_ms: u64) -> Reading {
        let before = self.0.iter().rev().find(|reading| reading.at_ms <= at_ms);
        before.copied().unwrap_or_default()
    }
}
