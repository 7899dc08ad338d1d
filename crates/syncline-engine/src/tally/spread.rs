//! How long things took, without keeping each of them.

use std::collections::BTreeMap;

/// Into how many parts each doubling is divided: a time is known to an eighth of itself.
const PARTS: u64 = 8;
/// The same as a number of bits.
const PARTS_BITS: u32 = 3;
/// Longest time that is told apart, in microseconds: eleven weeks, more than a conflict waits for a person.
const MICROS_MAX: u64 = (1 << 43) - 1;
/// Most places that a spread has.
pub(super) const PLACES_MAX: u32 = place(MICROS_MAX) + 1;

/// How often something took about how long. It grows with how different the times are, and not with how many there
/// are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spread {
    /// How many there are at each place.
    places: BTreeMap<u32, u64>,
}

/// Returns the place of a time: below [`PARTS`] each number has its own, above that each doubling has as many.
const fn place(micros: u64) -> u32 {
    let micros = if micros > MICROS_MAX { MICROS_MAX } else { micros };
    if micros < PARTS {
        return micros as u32;
    }
    let doublings = micros.ilog2() - PARTS_BITS;
    let part = (micros >> doublings) as u32;
    doublings * PARTS as u32 + part
}

/// Returns the longest time of a place, in microseconds.
const fn longest(place: u32) -> u64 {
    if place < PARTS as u32 {
        return place as u64;
    }
    let doublings = place / PARTS as u32 - 1;
    let part = PARTS + (place % PARTS as u32) as u64;
    ((part + 1) << doublings) - 1
}

impl Spread {
    /// Adds so many things that took so long.
    pub fn add(&mut self, micros: u64, count: u64) {
        self.add_at(place(micros), count);
    }

    pub(super) fn add_at(&mut self, place: u32, count: u64) {
        if count > 0 {
            let known = self.places.entry(place).or_default();
            *known = known.saturating_add(count);
        }
    }

    /// Adds all of another one.
    pub fn merge(&mut self, other: &Self) {
        other.places().for_each(|(place, count)| self.add_at(place, count));
    }

    /// Returns how many there are.
    pub fn count(&self) -> u64 {
        self.places.values().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// Returns the time within which so many of a thousand were done, in microseconds; `None` without any. It is never
    /// too short, and too long by an eighth at most.
    pub fn within(&self, of_thousand: u64) -> Option<u64> {
        let count = u128::from(self.count());
        let rank = (count * u128::from(of_thousand.min(1_000))).div_ceil(1_000).max(1);
        let mut seen = 0;
        let mut reached = self.places().skip_while(|(_, count)| {
            seen += u128::from(*count);
            seen < rank
        });
        reached.next().map(|(place, _)| longest(place))
    }

    /// Returns how many there are at each place, in order.
    pub(super) fn places(&self) -> impl Iterator<Item = (u32, u64)> {
        self.places.iter().map(|(place, count)| (*place, *count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_time_has_a_place_whose_longest_is_within_an_eighth_of_it() {
        let near = (0..50_000).chain((16..43).flat_map(|bits| {
            let middle = 1_u64 << bits;
            [middle - 1, middle, middle + 1, middle + middle / 3]
        }));
        let mut before = 0;
        for micros in near {
            let place = place(micros);
            assert!(place == before || place >= before, "{micros}");
            assert!(place < PLACES_MAX);
            before = place;
            let longest = longest(place);
            assert!(longest >= micros && longest - micros <= micros / 8, "{micros}: {longest}");
        }
        assert_eq!(place(u64::MAX), place(MICROS_MAX));
    }

    #[test]
    fn of_a_hundred_the_fiftieth_and_the_ninety_fifth_are_told() {
        let mut spread = Spread::default();
        assert_eq!((spread.count(), spread.within(500)), (0, None));
        (1..=100).for_each(|micros| spread.add(micros * 1_000, 1));
        let within = |of_thousand| spread.within(of_thousand).unwrap() / 1_000;
        assert_eq!(spread.count(), 100);
        assert!((50..=56).contains(&within(500)), "{}", within(500));
        assert!((95..=106).contains(&within(950)), "{}", within(950));
        assert!((99..=111).contains(&within(990)), "{}", within(990));
        let mut one = Spread::default();
        one.add(3, 1);
        assert_eq!([0, 500, 1_000].map(|of| one.within(of)), [Some(3); 3]);
        let mut both = one.clone();
        both.merge(&spread);
        assert_eq!(both.count(), 101);
    }
}
