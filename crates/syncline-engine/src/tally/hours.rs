//! The hours of a hub, and many of them as one.

use std::collections::BTreeMap;

use super::spread::Spread;

/// An hour, in milliseconds.
const HOUR_MS: u64 = 3_600_000;
/// How many hours are kept: two weeks, so that a week can be told some days after it is over.
pub const HOURS_KEPT: usize = 14 * 24;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// Entries that came to the log.
    Changes,
    /// Operations of clients and applications that came to an end.
    Operations,
    /// Those of them that were refused.
    Refused,
    /// Attempts to deliver that came to an end.
    Attempts,
    /// Those of them that an endpoint took.
    Delivered,
    /// Deliveries that were given up.
    GivenUp,
    /// How often an endpoint was disabled.
    EndpointsDisabled,
    /// Conflicts that operations have brought about.
    Conflicts,
    /// Those of them that a rule settled at once.
    ConflictsByRule,
    /// Conflicts that a person has decided.
    ConflictsByPerson,
}

impl Count {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Changes,
        Self::Operations,
        Self::Refused,
        Self::Attempts,
        Self::Delivered,
        Self::GivenUp,
        Self::EndpointsDisabled,
        Self::Conflicts,
        Self::ConflictsByRule,
        Self::ConflictsByPerson,
    ];
}

/// What took a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Took {
    /// From when an operation has come in to when it was answered.
    Operation,
    /// From an event to when an endpoint took it; replays are not among them.
    Delivery,
    /// From when a conflict arose to when a person decided it.
    Decision,
}

impl Took {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Operation, Self::Delivery, Self::Decision];
}

/// What happened in some time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// How many hours something is known of.
    pub hours: u64,
    pub(super) counts: [u64; Count::ALL.len()],
    pub(super) spreads: [Spread; Took::ALL.len()],
    /// The smallest share of copies that were what the hub shows, in millionths; `None` if nothing was compared.
    pub consistency_min: Option<u64>,
}

impl Sum {
    /// Returns how often something happened.
    pub const fn count(&self, count: Count) -> u64 {
        self.counts[count as usize]
    }

    /// Returns how long something took.
    pub const fn spread(&self, took: Took) -> &Spread {
        &self.spreads[took as usize]
    }

    fn merge(&mut self, other: &Self) {
        self.hours += other.hours;
        for (count, more) in self.counts.iter_mut().zip(other.counts) {
            *count = count.saturating_add(more);
        }
        for (spread, more) in self.spreads.iter_mut().zip(&other.spreads) {
            spread.merge(more);
        }
        self.consistency_min = lower(self.consistency_min, other.consistency_min);
    }
}

fn lower(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    [one, other].into_iter().flatten().min()
}

/// What a hub did, hour by hour, the latest [`HOURS_KEPT`] hours of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// By hours since the Unix epoch. Each is a [`Sum`] of one hour.
    pub(super) hours: BTreeMap<u64, Sum>,
}

impl Tally {
    /// The hub is there at that time, whether or not anything happens. Answers whether the hour is new.
    pub fn touch(&mut self, now_ms: u64) -> bool {
        let is_new = !self.hours.contains_key(&(now_ms / HOUR_MS));
        let _ = self.hour(now_ms);
        is_new
    }

    /// Counts something.
    pub fn add(&mut self, now_ms: u64, count: Count, number: u64) {
        if number > 0 {
            let known = &mut self.hour(now_ms).counts[count as usize];
            *known = known.saturating_add(number);
        }
    }

    /// Counts things that took some time each.
    pub fn took(&mut self, now_ms: u64, took: Took, micros: u64, number: u64) {
        if number > 0 {
            self.hour(now_ms).spreads[took as usize].add(micros, number);
        }
    }

    /// Counts operations that were answered together, so many of them and so many refused.
    pub fn operations(&mut self, now_ms: u64, (count, refused): (u64, u64), micros: u64) {
        self.add(now_ms, Count::Operations, count);
        self.add(now_ms, Count::Refused, refused);
        self.took(now_ms, Took::Operation, micros, count);
    }

    /// Takes in which share of the copies is what the hub shows, in millionths. Answers whether it is the lowest of the
    /// hour.
    pub fn consistency(&mut self, now_ms: u64, millionths: u64) -> bool {
        let hour = self.hour(now_ms);
        let before = hour.consistency_min;
        hour.consistency_min = lower(before, Some(millionths));
        hour.consistency_min != before
    }

    /// Returns what happened in whole hours: from that of one time up to that of another one, which is not among them.
    pub fn sum(&self, from_ms: u64, to_ms: u64) -> Sum {
        let mut sum = Sum::default();
        if from_ms < to_ms {
            let hours = from_ms / HOUR_MS..to_ms.div_ceil(HOUR_MS);
            self.hours.range(hours).for_each(|(_, hour)| sum.merge(hour));
        }
        sum
    }

    fn hour(&mut self, now_ms: u64) -> &mut Sum {
        let number = now_ms / HOUR_MS;
        // The oldest goes, whatever the clock said meanwhile.
        if self.hours.len() >= HOURS_KEPT && !self.hours.contains_key(&number) {
            self.hours.pop_first();
        }
        self.hours.entry(number).or_insert_with(|| Sum { hours: 1, ..Sum::default() })
    }
}
