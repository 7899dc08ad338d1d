//! What a hub has done of late: counts, taken every few seconds and kept for some minutes in memory, so that a page
//! draws them by asking for little.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::limits::ACTIVITY_SAMPLES_MAX;
use crate::reporting::KeptTally;

/// The counts of a hub.
#[derive(Debug, Default)]
pub(crate) struct Activity {
    /// Hour by hour, for reports.
    pub(crate) tally: KeptTally,
    counters: [AtomicU64; COUNTERS],
    ring: Mutex<Ring>,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counter {
    /// Requests that were answered.
    Requests,
    /// Those of them that the hub could not carry out, by its own fault.
    RequestsFailed,
    /// Operations of clients.
    Operations,
    /// Those of them that were refused.
    OperationsRejected,
    /// Attempts to deliver whose end is known.
    Attempts,
    /// Those of them that failed.
    AttemptsFailed,
}

/// How many of them there are.
const COUNTERS: usize = Counter::AttemptsFailed as usize + 1;

/// How a hub stands at one time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Standing {
    /// The end of its log.
    pub(crate) position: u64,
    /// What has still to be delivered.
    pub(crate) backlog: Backlog,
    /// The share of copies that are what the hub shows, of those of which something is known.
    pub(crate) consistency: Option<f64>,
}

/// What has still to be delivered to the endpoints that are not disabled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Backlog {
    /// Deliveries that wait, and entries of the log that endpoints have not read, all endpoints together.
    pub(crate) queue: u64,
    /// How long the oldest event has waited of which that is known, in milliseconds: at least, since some wait on disk.
    pub(crate) lag_ms: Option<u64>,
    /// Whether that is known of all that waits; otherwise something may have waited for longer.
    pub(crate) is_lag_known: bool,
    /// How many endpoints there are, those included that are disabled.
    pub(crate) endpoints: u64,
    /// How many of them do nothing but fail.
    pub(crate) failing: u64,
    /// How many are disabled, or cannot be read.
    pub(crate) disabled: u64,
}

/// What happened between two looks, and how the hub stood at the second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sample {
    /// Rising by one.
    pub(crate) number: u64,
    /// When the second look was, in milliseconds since the Unix epoch.
    pub(crate) at_ms: u64,
    /// Entries that came to the log.
    pub(crate) changes: u64,
    counts: [u64; COUNTERS],
    pub(crate) standing: Standing,
}

impl Sample {
    /// Returns how much of something there was.
    pub(crate) const fn count(&self, counter: Counter) -> u64 {
        self.counts[counter as usize]
    }
}

/// The latest samples, and what was counted up to the last of them.
#[derive(Debug, Default)]
struct Ring {
    samples: VecDeque<Sample>,
    /// Nothing before the first look.
    before: Option<(u64, [u64; COUNTERS])>,
    taken: u64,
}

impl Ring {
    /// Answers how many entries came to the log since the look before.
    fn take(&mut self, at_ms: u64, counted: [u64; COUNTERS], standing: Standing) -> u64 {
        let before = self.before.replace((standing.position, counted));
        // What was counted before the first look happened at no known time.
        let Some((position, before)) = before else { return 0 };
        if self.samples.len() >= ACTIVITY_SAMPLES_MAX {
            self.samples.pop_front();
        }
        self.taken += 1;
        let counts = std::array::from_fn(|at| counted[at].saturating_sub(before[at]));
        let changes = standing.position.saturating_sub(position);
        self.samples.push_back(Sample { number: self.taken, at_ms, changes, counts, standing });
        changes
    }
}

impl Activity {
    /// Begins, with what is kept of the hours before.
    pub(crate) fn open(folder: &Path) -> Self {
        Self { tally: KeptTally::open(folder), ..Self::default() }
    }

    /// Counts something.
    pub(crate) fn add(&self, counter: Counter, count: u64) {
        self.counters[counter as usize].fetch_add(count, Ordering::Relaxed);
    }

    /// Returns how much of something there was since the start.
    pub(crate) fn total(&self, counter: Counter) -> u64 {
        self.counters[counter as usize].load(Ordering::Relaxed)
    }

    /// Counts an answered request.
    pub(crate) fn answered(&self, status: u16) {
        self.add(Counter::Requests, 1);
        if status >= 500 {
            self.add(Counter::RequestsFailed, 1);
        }
    }

    /// Takes a sample of what has happened since the one before.
    pub(crate) fn sample(&self, at_ms: u64, standing: Standing) {
        let counted = std::array::from_fn(|at| self.counters[at].load(Ordering::Relaxed));
        let changes = self.ring().take(at_ms, counted, standing);
        self.tally.look(at_ms, changes, standing.consistency);
    }

    /// Returns the samples behind one, the oldest first. A number that was never given is of another life of the
    /// process: all are returned.
    pub(crate) fn samples(&self, behind: u64) -> Vec<Sample> {
        let ring = self.ring();
        let behind = if behind > ring.taken { 0 } else { behind };
        ring.samples.iter().filter(|sample| sample.number > behind).copied().collect()
    }

    /// Returns how the hub stood when the latest sample was taken.
    pub(crate) fn latest(&self) -> Option<Standing> {
        self.ring().samples.back().map(|sample| sample.standing)
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        // Every change is whole before anything can panic.
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(position: u64) -> Standing {
        Standing { position, ..Standing::default() }
    }

    #[test]
    fn a_sample_has_what_came_since_the_one_before_and_nothing_from_before_the_first() {
        let activity = Activity::default();
        activity.answered(200);
        activity.sample(0, at(1_000));
        assert!(activity.samples(0).is_empty() && activity.latest().is_none());
        activity.answered(200);
        activity.answered(404);
        activity.answered(503);
        activity.add(Counter::Operations, 7);
        activity.sample(5, at(1_010));
        activity.sample(10, Standing { consistency: Some(0.5), ..at(1_010) });
        let samples = activity.samples(0);
        let counts = [Counter::Requests, Counter::RequestsFailed, Counter::Operations];
        let told = |sample: &Sample| (sample.changes, counts.map(|counter| sample.count(counter)));
        assert_eq!(told(&samples[0]), (10, [3, 1, 7]));
        assert_eq!((told(&samples[1]), samples[1].at_ms), ((0, [0; 3]), 10));
        assert_eq!(activity.latest().unwrap().consistency, Some(0.5));
    }

    #[test]
    fn only_the_latest_are_kept_and_only_those_are_told_that_are_new() {
        let activity = Activity::default();
        let most = ACTIVITY_SAMPLES_MAX as u64;
        for taken in 0..=most + 3 {
            activity.sample(taken, at(taken));
        }
        let numbers = |behind| -> Vec<u64> {
            activity.samples(behind).iter().map(|sample| sample.number).collect()
        };
        assert_eq!(numbers(0), (4..=most + 3).collect::<Vec<_>>());
        assert_eq!(numbers(most + 1), [most + 2, most + 3]);
        assert!(numbers(most + 3).is_empty());
        assert_eq!(numbers(most + 4).len(), ACTIVITY_SAMPLES_MAX, "of another life");
    }

    #[test]
    fn a_log_that_was_restored_has_not_grown_backwards() {
        let activity = Activity::default();
        activity.sample(0, at(100));
        activity.sample(5, at(40));
        assert_eq!(activity.samples(0)[0].changes, 0);
    }
}
