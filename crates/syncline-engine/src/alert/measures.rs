//! What is measured of a hub.

use std::collections::VecDeque;

use super::rules::Kind;

/// What is measured of a hub at one time. Counters begin with the process.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Measures {
    /// Operations that came to an end.
    pub operations: u64,
    /// Those of them that were refused.
    pub errors: u64,
    /// How old the oldest event is that has still to be delivered, in milliseconds.
    pub lag_ms: u64,
    /// Events that have still to be delivered.
    pub backlog: u64,
    /// Endpoints that are disabled.
    pub endpoints_disabled: u64,
    /// Deliveries that were given up.
    pub dead_letters: u64,
    /// The share of copies that are what the hub shows; `None` if nothing is known of any.
    pub consistency: Option<f64>,
    /// For how long the oldest conflict waits for a person, in milliseconds; 0 if none does.
    pub conflict_ms: u64,
    /// How old the first change is that is in no backup, in milliseconds; `None` without a backup.
    pub backup_ms: Option<u64>,
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

impl Readings {
    /// Takes in what is measured, and answers the value of each kind of which there is one.
    pub(super) fn values(&mut self, now_ms: u64, measures: &Measures) -> Vec<(Kind, f64)> {
        let Measures { operations, errors, dead_letters, .. } = *measures;
        self.push(Reading { at_ms: now_ms, operations, errors, dead_letters });
        let since = self.at(now_ms.saturating_sub(ERRORS_OVER_MS));
        let fresh = operations.saturating_sub(since.operations);
        let refused = errors.saturating_sub(since.errors);
        let share = if fresh < OPERATIONS_MIN { 0.0 } else { refused as f64 / fresh as f64 };
        let dead_before = self.at(now_ms.saturating_sub(DEAD_OVER_MS)).dead_letters;
        let seconds = |ms: u64| ms as f64 / 1_000.0;
        let known = [
            (Kind::ErrorRate, Some(share)),
            (Kind::Lag, Some(seconds(measures.lag_ms))),
            (Kind::Backlog, Some(measures.backlog as f64)),
            (Kind::EndpointsDisabled, Some(measures.endpoints_disabled as f64)),
            (Kind::DeadLetters, Some(dead_letters.saturating_sub(dead_before) as f64)),
            (Kind::Consistency, measures.consistency),
            (Kind::Conflicts, Some(seconds(measures.conflict_ms))),
            (Kind::Backup, measures.backup_ms.map(seconds)),
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

    /// Returns the latest reading that is not after a time; what was before the first one was nothing.
    fn at(&self, at_ms: u64) -> Reading {
        let before = self.0.iter().rev().find(|reading| reading.at_ms <= at_ms);
        before.copied().unwrap_or_default()
    }
}
