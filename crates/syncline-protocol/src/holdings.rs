//! What a client holds of a view, stretch by stretch, so that only what differs is told anew.
//!
//! Records are in the order of entity and id, as a snapshot tells them. Each stretch begins behind the
//! last record of the one before, the first with the first record of all.

use syncline_model::id::{EntityName, Position, RecordId};

use crate::checksum::Checksum;
use crate::limits::{STRETCH_NAMES_BYTES_MAX, STRETCHES_MAX};

/// Fewest records of a stretch but the last: a stretch takes about a hundred bytes itself.
pub const STRETCH_RECORDS_MIN: usize = 16;

/// The name of a record, by which all are ordered.
pub type Place = (EntityName, RecordId);

/// What a client holds of one view.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holdings {
    stretches: Vec<Stretch>,
}

/// Some of the records that a client holds, side by side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// The last of its records.
    pub last: Place,
    /// What they add up to.
    pub checksum: Checksum,
}

/// Stretches that a client holds as the hub does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Same {
    /// As of where in the log that is so.
    pub position: Position,
    /// Which of them, in order.
    pub stretches: Vec<Run>,
}

/// Stretches one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// The first of them, from 0.
    pub first: u32,
    /// How many there are; at least one.
    pub count: u32,
}

impl Holdings {
    /// Returns what these stretches are; nothing if there are too many, their names are too long together, or not
    /// each ends behind the one before.
    pub fn new(stretches: Vec<Stretch>) -> Option<Self> {
        let rises = stretches.windows(2).all(|two| match two {
            [one, next] => one.last < next.last,
            _ => true,
        });
        let bytes: usize = stretches.iter().map(|stretch| bytes_of(&stretch.last)).sum();
        let fits = stretches.len() <= STRETCHES_MAX && bytes <= STRETCH_NAMES_BYTES_MAX;
        (rises && fits).then_some(Self { stretches })
    }

    /// Cuts records into stretches, with how many of them each has.
    ///
    /// - `records`: what is held, in the order of the names, with what each alone adds up to.
    pub fn of(records: &[(Place, Checksum)]) -> (Self, Vec<usize>) {
        let mut records_each = records.len().div_ceil(STRETCHES_MAX).max(STRETCH_RECORDS_MIN);
        let bytes =
            |stretch: &[(Place, Checksum)]| stretch.last().map_or(0, |(last, _)| bytes_of(last));
        while records.chunks(records_each).map(bytes).sum::<usize>() > STRETCH_NAMES_BYTES_MAX {
            records_each *= 2;
        }
        let mut holdings = Self::default();
        let mut counts = Vec::new();
        for stretch in records.chunks(records_each) {
            let checksum = stretch.iter().fold(Checksum::default(), |sum, (_, one)| sum.and(*one));
            let Some((last, _)) = stretch.last() else { continue };
            holdings.stretches.push(Stretch { last: last.clone(), checksum });
            counts.push(stretch.len());
        }
        (holdings, counts)
    }

    /// Returns the stretches, in order.
    pub fn stretches(&self) -> &[Stretch] {
        &self.stretches
    }

    /// Returns the number of the stretch that begins right behind a place; `None` stands before all records.
    pub fn beginning_at(&self, place: Option<&Place>) -> Option<usize> {
        let number = match place {
            None => 0,
            Some(place) => {
                let found = self.stretches.binary_search_by(|stretch| stretch.last.cmp(place));
                found.ok()? + 1
            }
        };
        (number < self.stretches.len()).then_some(number)
    }

    /// Returns where the stretch ends that a place stands in; nothing behind the last one.
    pub fn end_behind(&self, place: Option<&Place>) -> Option<&Place> {
        let is_before = |stretch: &Stretch| place.is_some_and(|place| stretch.last <= *place);
        let number = self.stretches.partition_point(is_before);
        self.stretches.get(number).map(|stretch| &stretch.last)
    }
}

/// Returns how long the names of a place are.
fn bytes_of((entity, id): &Place) -> usize {
    entity.as_str().len() + id.as_str().len()
}

impl Run {
    /// Adds a stretch to runs, in order.
    pub fn push(runs: &mut Vec<Self>, number: u32) {
        match runs.last_mut() {
            Some(run) if run.first + run.count == number => run.count += 1,
            _ => runs.push(Self { first: number, count: 1 }),
        }
    }

    /// Returns the numbers of the stretches.
    pub fn numbers(self) -> std::ops::Range<usize> {
        let first = self.first as usize;
        first..first + self.count as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(id: usize) -> Place {
        (EntityName::new("tasks").unwrap(), RecordId::new(&format!("t{id:05}")).unwrap())
    }

    fn sum(number: u64) -> Checksum {
        format!("{number:032x}").parse().unwrap()
    }

    fn held(count: usize) -> (Holdings, Vec<usize>) {
        let records: Vec<_> = (0..count).map(|id| (place(id), sum(1))).collect();
        Holdings::of(&records)
    }

    #[test]
    fn records_are_cut_into_as_many_stretches_as_may_be_told() {
        let last = STRETCHES_MAX * STRETCH_RECORDS_MIN;
        #[rustfmt::skip]
        let cases = [(0, 0), (1, 1), (16, 1), (17, 2), (last, STRETCHES_MAX), (last + 1, 1_928)];
        for (count, expected) in cases {
            let (holdings, counts) = held(count);
            assert_eq!(holdings.stretches().len(), expected, "{count}");
            assert_eq!(counts.iter().sum::<usize>(), count);
            for (stretch, records) in holdings.stretches().iter().zip(counts) {
                assert_eq!(stretch.checksum, sum(records as u64));
            }
            assert_eq!(Holdings::new(holdings.stretches().to_vec()), Some(holdings));
        }
    }

    #[test]
    fn a_place_is_at_the_beginning_of_a_stretch_or_within_one_or_behind_all() {
        let (holdings, _) = held(40);
        #[rustfmt::skip]
        let cases = [
            (None, Some(0), Some(15)), (Some(0), None, Some(15)), (Some(15), Some(1), Some(31)),
            (Some(16), None, Some(31)), (Some(31), Some(2), Some(39)), (Some(39), None, None),
            (Some(50), None, None),
        ];
        for (at, begins, end) in cases {
            let at = at.map(place);
            assert_eq!(holdings.beginning_at(at.as_ref()), begins, "{at:?}");
            assert_eq!(holdings.end_behind(at.as_ref()), end.map(place).as_ref(), "{at:?}");
        }
        let nothing = Holdings::default();
        assert_eq!((nothing.beginning_at(None), nothing.end_behind(None)), (None, None));
    }

    #[test]
    fn long_names_make_longer_stretches() {
        let place = |id: usize| {
            let id = format!("{id:0500}");
            (EntityName::new("tasks").unwrap(), RecordId::new(&id).unwrap())
        };
        let records: Vec<_> = (0..32_768).map(|id| (place(id), sum(1))).collect();
        let (holdings, counts) = Holdings::of(&records);
        assert_eq!((counts[0], holdings.stretches().len()), (64, 512));
        assert!(Holdings::new(holdings.stretches().to_vec()).is_some());
        let stretch = |id| Stretch { last: place(id), checksum: sum(1) };
        assert!(Holdings::new((0..519).map(stretch).collect()).is_some());
        assert_eq!(Holdings::new((0..520).map(stretch).collect()), None);
    }

    #[test]
    fn stretches_that_do_not_rise_and_too_many_are_none() {
        let stretch = |id| Stretch { last: place(id), checksum: sum(1) };
        assert_eq!(Holdings::new(vec![stretch(2), stretch(2)]), None);
        assert_eq!(Holdings::new(vec![stretch(2), stretch(1)]), None);
        assert!(Holdings::new((0..STRETCHES_MAX).map(stretch).collect()).is_some());
        assert_eq!(Holdings::new((0..=STRETCHES_MAX).map(stretch).collect()), None);
    }

    #[test]
    fn stretches_side_by_side_are_one_run() {
        let mut runs = Vec::new();
        [0, 1, 2, 5, 7, 8].into_iter().for_each(|number| Run::push(&mut runs, number));
        let expected = [(0, 3), (5, 1), (7, 2)].map(|(first, count)| Run { first, count });
        assert_eq!(runs, expected);
    }
}
