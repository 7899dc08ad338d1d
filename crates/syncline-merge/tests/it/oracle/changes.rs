//! Changes, what they add and drop, and what follows from the set that was received.

use std::collections::BTreeMap;

use syncline_merge::state::ElementId;
use syncline_model::clock::{Clock, Stamp};
use syncline_model::id::{SiteId, Writer};
use syncline_model::json::{Leaf, Number};

use super::set::Set;

/// Parts of a record that can be withheld apart: existence, then the fields at the top.
pub(crate) const GROUPS: usize = 9;
/// The members at the top of a record; the first stands for its existence.
pub(crate) const TOPS: [&str; GROUPS] = ["", "/a", "/r", "/v", "/n", "/u", "/k", "/l", "/t"];
/// Every path of a register.
pub(crate) const REGISTERS: [&str; 10] =
    ["/a", "/a/b", "/r", "/v", "/k/m1/id", "/k/m1/x", "/k/m2/id", "/k/m2/x", "/k/m3/id", "/k/m3/x"];
/// Every path of a sum.
pub(crate) const SUMS: [&str; 4] = ["/n", "/k/m1/n", "/k/m2/n", "/k/m3/n"];
/// Paths of other shapes.
pub(crate) const OTHERS: [&str; 7] = ["/u", "/k", "/l", "/t", "/k/m1", "/k/m2", "/k/m3"];
/// The members of the keyed array.
pub(crate) const KEYS: [&str; 3] = ["m1", "m2", "m3"];
/// The elements of the union.
pub(crate) const ELEMENTS: [&str; 5] = ["\"red\"", "\"blue\"", "1", "[1]", "{\"z\":1}"];
/// Elements that the append list keeps.
pub(crate) const KEEP: u32 = 4;

/// What was received of each part.
pub(crate) type Seen = [Set; GROUPS];

/// Returns the one spelling of a path of this world.
pub(crate) fn intern(path: &str) -> &'static str {
    let known = TOPS.iter().chain(&REGISTERS).chain(&SUMS).chain(&OTHERS);
    known.copied().find(|known| *known == path).expect("a path of this world")
}

/// Returns the part that a path belongs to.
pub(crate) fn group(path: &str) -> usize {
    let end = path[1..].find('/').map_or(path.len(), |at| at + 1);
    TOPS.iter().position(|top| *top == &path[..end]).expect("a path of this world")
}

/// A place in a state that changes put items into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Slot {
    Live,
    Deletes,
    Register(&'static str),
    Floor(&'static str),
    Addition(&'static str),
    Element(&'static str, &'static str),
    Member(&'static str),
    Appended(&'static str, ElementId),
    Text(&'static str, Stamp),
}

impl Slot {
    pub(crate) fn group(&self) -> usize {
        self.path().map_or(0, group)
    }

    pub(crate) fn path(&self) -> Option<&'static str> {
        match self {
            Self::Live | Self::Deletes => None,
            Self::Register(path)
            | Self::Floor(path)
            | Self::Addition(path)
            | Self::Element(path, _)
            | Self::Member(path)
            | Self::Appended(path, _)
            | Self::Text(path, _) => Some(path),
        }
    }
}

/// What a change puts into a slot.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Item {
    Dot,
    Value {
        value: Option<Leaf>,
        edited: Clock,
        timed: bool,
        writer: Writer,
    },
    Number(Number),
    /// The element, and its index in the change.
    Appended(Leaf, u32),
    /// What an edit has typed.
    Typed(String),
}

/// The items that a change drops.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Drop {
    pub(crate) reach: Reach,
    /// The changes whose items go.
    pub(crate) changes: Set,
}

/// Where items are dropped.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reach {
    Slot(Slot),
    /// Every slot at or below a path; additions to sums are always named one by one.
    Below(&'static str),
    /// Every slot strictly below a path.
    Inside(&'static str),
}

impl Reach {
    pub(super) fn holds(&self, slot: &Slot) -> bool {
        let below = |above: &str, path: &str| {
            path.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let Some(path) = slot.path() else {
            return matches!(self, Self::Slot(own) if own == slot);
        };
        match self {
            Self::Slot(own) => own == slot,
            Self::Below(above) => !matches!(slot, Slot::Addition(_)) && below(above, path),
            Self::Inside(above) => {
                !matches!(slot, Slot::Addition(_)) && path != *above && below(above, path)
            }
        }
    }
}

/// One committed change.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) stamp: Stamp,
    pub(crate) record: usize,
    pub(crate) added: Vec<(Slot, Item)>,
    pub(crate) dropped: Vec<Drop>,
}

/// All changes of a history, in the order of their commits.
#[derive(Default)]
pub(crate) struct Oracle {
    pub(crate) changes: Vec<Change>,
}

/// What a site is expected to have received of a record.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Known {
    /// The changes received, part by part.
    pub(crate) seen: Seen,
    /// Those of them that went when the record was forgotten.
    pub(crate) gone: Seen,
}

impl Known {
    /// Takes in what another site sent, but for the parts that it withheld.
    pub(crate) fn join(&mut self, other: &Self, withheld: &[usize]) {
        for part in (0..GROUPS).filter(|part| !withheld.contains(part)) {
            self.seen[part].add(&other.seen[part]);
            self.gone[part].add(&other.gone[part]);
        }
    }

    /// Forgets everything: what was seen of the existence is gone in every part.
    pub(crate) fn forget(&mut self) {
        let seen = self.seen[0];
        for part in 0..GROUPS {
            self.seen[part].add(&seen);
            self.gone[part] = self.seen[part];
        }
    }

    pub(crate) fn note(&mut self, change: usize) {
        self.seen.iter_mut().for_each(|part| part.insert(change));
    }
}

impl Oracle {
    /// Returns the change that a stamp names.
    pub(crate) fn by_stamp(&self, stamp: Stamp) -> Option<usize> {
        self.changes.iter().position(|change| change.stamp == stamp)
    }

    pub(crate) fn by_stamps(&self, stamps: &[Stamp]) -> Set {
        stamps.iter().filter_map(|stamp| self.by_stamp(*stamp)).collect()
    }

    /// Returns the changes of `seen` whose items in `slot` are there, and the items.
    pub(crate) fn items<'a>(
        &'a self,
        record: usize,
        known: &Known,
        slot: Slot,
    ) -> Vec<(usize, &'a Item)> {
        let part = slot.group();
        let seen = known.seen[part];
        let there = seen.without(&known.gone[part]);
        let mut items = Vec::new();
        for change in there.iter().filter(|change| self.changes[*change].record == record) {
            for (_, item) in self.changes[change].added.iter().filter(|(own, _)| *own == slot) {
                if !self.is_dropped(change, &slot, &seen) {
                    items.push((change, item));
                }
            }
        }
        items
    }

    /// Returns whether a change of `seen` drops the item of `change` in `slot`.
    pub(crate) fn is_dropped(&self, change: usize, slot: &Slot, seen: &Set) -> bool {
        let later = seen.iter().filter(|later| *later > change);
        later.into_iter().any(|later| {
            let drops = self.changes[later].dropped.iter();
            drops.into_iter().any(|drop| drop.changes.has(change) && drop.reach.holds(slot))
        })
    }

    /// Returns every slot that a record's changes put something into.
    pub(crate) fn slots(&self, record: usize, seen: &Seen) -> std::collections::BTreeSet<Slot> {
        let changes = self.changes.iter().enumerate().filter(|(_, change)| change.record == record);
        let slots = changes.flat_map(|(index, change)| {
            let slots = change.added.iter().map(|(slot, _)| *slot);
            slots.filter(move |slot| seen[slot.group()].has(index))
        });
        slots.collect()
    }

    /// Returns what was appended to a list beside somebody who has seen `seen` and made the changes
    /// `own` since: all of it in the order shown, then what each change has appended, up to one that
    /// somebody has gone on from. Nothing beside somebody who has appended, while nobody went on from
    /// there.
    pub(crate) fn appended_beside(
        &self,
        record: usize,
        known: &Known,
        path: &'static str,
        (seen, own): (&Set, &Set),
    ) -> Vec<Vec<(ElementId, Leaf)>> {
        let live = self.items(record, known, Slot::Live);
        let is_live = |change: usize| live.iter().any(|(other, _)| *other == change);
        let mut shown = Vec::new();
        let mut changes: BTreeMap<Stamp, Vec<(u32, ElementId, Leaf)>> = BTreeMap::new();
        for slot in self.slots(record, &known.seen) {
            let Slot::Appended(at, id) = slot else { continue };
            let items = self.items(record, known, slot);
            if at != path || items.is_empty() {
                continue;
            }
            let is_own = items.iter().all(|(change, _)| own.has(*change));
            if is_own && items.iter().any(|(change, _)| is_live(*change)) {
                return vec![];
            }
            if items.iter().any(|(change, _)| seen.has(*change) || own.has(*change)) {
                continue;
            }
            let mut places = Vec::new();
            for (change, item) in items {
                let Item::Appended(value, index) = item else { unreachable!("{item:?} in a list") };
                let stamp = self.changes[change].stamp;
                places.push((stamp, *index, id, value.clone()));
                changes.entry(stamp).or_default().push((*index, id, value.clone()));
            }
            shown.extend(places.into_iter().min_by_key(|(stamp, index, ..)| (*stamp, *index)));
        }
        shown.sort_by_key(|(stamp, index, id, _)| (*stamp, *index, *id));
        let mut runs = vec![shown.into_iter().map(|(_, _, id, value)| (id, value)).collect()];
        for (stamp, mut run) in changes {
            run.sort_by_key(|(index, id, _)| (*index, *id));
            runs.push(run.into_iter().map(|(_, id, value)| (id, value)).collect());
            if !self.by_stamp(stamp).is_some_and(is_live) {
                break;
            }
        }
        runs
    }

    /// Returns the additions of `seen` that a reset by somebody who has seen `by` takes away: of
    /// each site the longest run from its first addition on that was wholly seen.
    pub(crate) fn taken(&self, record: usize, path: &'static str, known: &Known, by: &Set) -> Set {
        let slot = Slot::Addition(path);
        let seen = known.seen[slot.group()].without(&known.gone[slot.group()]);
        let mut broken: Vec<SiteId> = Vec::new();
        let mut taken = Set::default();
        for index in seen.iter() {
            let change = &self.changes[index];
            if change.record != record || !change.added.iter().any(|(own, _)| *own == slot) {
                continue;
            }
            if !by.has(index) {
                broken.push(change.stamp.site);
            } else if !broken.contains(&change.stamp.site) {
                taken.insert(index);
            }
        }
        taken
    }
}
