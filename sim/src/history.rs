//! What happened, as seen from outside: recorded by the world, never by the code under test.
//!
//! For every change it holds the exact set of changes that its writer had seen; vectors and clocks
//! play no part. The checks compute from these sets what every hub must hold.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use syncline_merge::dots::Dots;
use syncline_merge::token::{ShownValues, Token};
use syncline_model::clock::Stamp;
use syncline_model::id::{EntityName, OperationId, Position, RecordId, SiteId};
use syncline_model::json::Leaf;
use syncline_model::path::Path;

use crate::lineage::Lineage;

/// Which record.
pub type RecordKey = (EntityName, RecordId);
/// A set of changes.
pub type Stamps = BTreeSet<Stamp>;

/// What a change did.
#[derive(Clone, Debug, PartialEq)]
pub enum Did {
    /// It wrote these fields.
    Write(Vec<FieldDid>),
    /// It deleted the record.
    Delete,
    /// A person settled a field.
    Settle {
        /// The field.
        path: Path,
        /// What was decided.
        value: Option<Leaf>,
        /// What it replaced.
        covered: Stamps,
    },
    /// A person decided whether the record stays.
    SettleExistence {
        /// Whether it stays.
        keep: bool,
        /// What it replaced.
        covered: Stamps,
    },
    /// A hub settled an overfull field.
    Cap {
        /// The field.
        path: Path,
        /// What it replaced.
        covered: Stamps,
    },
}

/// What a change did to one field.
#[derive(Clone, Debug, PartialEq)]
pub enum FieldDid {
    /// Gave it a value, or removed it.
    Set(Path, Option<Leaf>),
    /// Added to a sum.
    Increment(Path, i64),
    /// Added an element to a union.
    Add(Path, Leaf),
    /// Removed an element from a union.
    Remove(Path, Leaf),
}

/// What the writer of a change had seen.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Seen {
    /// All changes of the record that were there when it looked.
    pub looked: Rc<Stamps>,
    /// Its own earlier changes of the record.
    pub own: Stamps,
    /// What was shown of fields that a person is to decide: a write replaces only these values.
    pub shown: BTreeMap<Path, ShownStamps>,
    /// Whether it saw no record, and so created one.
    pub creates: bool,
}

/// The values of a field that were shown, and those that were there and not shown.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ShownStamps {
    /// Those shown.
    pub values: Stamps,
    /// Those not shown.
    pub others: Stamps,
}

impl ShownStamps {
    /// Returns what a token says of all such fields.
    pub fn of(token: Option<&Token>) -> BTreeMap<Path, Self> {
        let stamps = |dots: &Dots| dots.as_slice().iter().copied().collect();
        let shown = token.into_iter().flat_map(|token| &token.shown);
        let of = |(path, shown): (&Path, &ShownValues)| {
            let (values, others) = (stamps(&shown.dots), stamps(&shown.others));
            (path.clone(), Self { values, others })
        };
        shown.map(of).collect()
    }
}

impl Seen {
    /// Returns whether a change keeps the record alive although the writer had seen it: one of its
    /// values is in a conflict that waits for a person, and the writer writes beside it, or deletes
    /// and was not shown the value.
    pub fn keeps_alive(&self, stamp: Stamp, deletes: bool) -> bool {
        let kept = |shown: &ShownStamps| {
            let is_beside = !deletes && !shown.others.is_empty();
            shown.others.contains(&stamp) || (is_beside && shown.values.contains(&stamp))
        };
        !self.creates && self.shown.values().any(kept)
    }

    /// Returns whether a change is the writer's own, made since it looked.
    pub fn has_made_since(&self, stamp: Stamp) -> bool {
        self.own.contains(&stamp) && !self.looked.contains(&stamp)
    }

    /// Returns whether the writer had seen a change of the record.
    pub fn covers(&self, stamp: Stamp) -> bool {
        self.looked.contains(&stamp) || self.own.contains(&stamp)
    }
}

/// One change, as its writer meant it.
#[derive(Clone, Debug)]
pub struct Written {
    /// Which record.
    pub key: RecordKey,
    /// What it did.
    pub did: Did,
    /// What its writer had seen.
    pub seen: Seen,
    /// The operation; `None` for what a hub did by itself.
    pub operation: Option<OperationId>,
    /// Changes whose additions to sums it ended: its writer saw no record, and there was none.
    pub ended: Stamps,
}

impl Written {
    /// Returns a change that a hub made by itself.
    pub fn by_hub(key: RecordKey, did: Did) -> Self {
        Self { key, did, seen: Seen::default(), operation: None, ended: Stamps::new() }
    }
}

/// One operation, as its client knows it.
#[derive(Clone, Debug, Default)]
pub struct Fate {
    /// The change that the client was told of.
    pub acknowledged: Option<Stamp>,
    /// The code of the refusal that the client was told of.
    pub refused: Option<&'static str>,
}

/// What one site has seen of each record, by place in its log.
#[derive(Clone, Debug, Default)]
pub struct Shadow {
    entries: Vec<(Position, RecordKey, Rc<Stamps>)>,
    seen: BTreeMap<RecordKey, Rc<Stamps>>,
}

impl Shadow {
    /// Returns what the site has seen of a record.
    pub fn seen(&self, key: &RecordKey) -> Rc<Stamps> {
        self.seen.get(key).cloned().unwrap_or_default()
    }

    /// Returns what the site has seen of every record.
    pub const fn records(&self) -> &BTreeMap<RecordKey, Rc<Stamps>> {
        &self.seen
    }

    /// Takes note that the log's entry at `position` has brought `stamps`.
    pub fn push(&mut self, position: Position, key: &RecordKey, stamps: Rc<Stamps>) {
        let seen = self.seen.entry(key.clone()).or_default();
        Rc::make_mut(seen).extend(stamps.iter().copied());
        self.entries.push((position, key.clone(), stamps));
    }

    /// Forgets what lies behind the end of a log that was read again.
    pub fn truncate(&mut self, position: Position) {
        let entries = std::mem::take(&mut self.entries);
        self.seen.clear();
        for (at, key, stamps) in entries {
            if at <= position {
                self.push(at, &key, stamps);
            }
        }
    }

    /// Returns the last place of the log that was noted.
    pub fn end(&self) -> Position {
        self.entries.iter().map(|entry| entry.0).max().unwrap_or_default()
    }

    /// Returns the entries up to a place in the log.
    pub fn entries_to(&self, position: Position) -> impl Iterator<Item = (&RecordKey, &Stamps)> {
        let entries = self.entries.iter().filter(move |(at, _, _)| *at <= position);
        entries.map(|(_, key, stamps)| (key, &**stamps))
    }
}

/// The whole history of one run.
#[derive(Debug, Default)]
pub struct History {
    /// Every change that a hub was about to save, saved or not.
    pub written: BTreeMap<Stamp, Written>,
    /// Every operation that a client has sent.
    pub fates: BTreeMap<OperationId, Fate>,
    /// By site: what it has seen.
    pub shadows: Vec<Shadow>,
    /// By site: the last place of its log that anybody was told of.
    pub acknowledged: Vec<Position>,
    /// By site: its identity, once known.
    pub identities: Vec<Option<SiteId>>,
    /// Winners seen: field → (winner, loser).
    pub winners: BTreeMap<(RecordKey, Path), BTreeSet<(Stamp, Stamp)>>,
    /// By site and identity: conflicts that were listed there once.
    pub conflicts_seen: Vec<BTreeSet<String>>,
    /// By site and peer: the last cursor seen.
    pub cursors: BTreeMap<(usize, SiteId), Position>,
    /// Values of records that files hold.
    pub lineage: Lineage,
    /// What was found to be wrong, in order.
    pub violations: Vec<Violation>,
}

/// A requirement that was not met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The requirement.
    pub requirement: &'static str,
    /// What was found.
    pub finding: String,
    /// Words by which the trace tells of it.
    pub words: Vec<String>,
}

impl History {
    /// Returns the history of a world of `sites` that has not begun.
    pub fn new(sites: usize) -> Self {
        Self {
            shadows: vec![Shadow::default(); sites],
            acknowledged: vec![Position(0); sites],
            identities: vec![None; sites],
            conflicts_seen: vec![BTreeSet::new(); sites],
            ..Self::default()
        }
    }

    /// Takes note of something that is wrong.
    pub fn violate(&mut self, requirement: &'static str, finding: String, words: Vec<String>) {
        self.violations.push(Violation { requirement, finding, words });
    }

    /// Takes note of which of several values is shown.
    pub fn observe_winner(&mut self, key: &RecordKey, path: &Path, winner: Stamp, all: &[Stamp]) {
        let pairs = self.winners.entry((key.clone(), path.clone())).or_default();
        pairs.extend(all.iter().filter(|loser| **loser != winner).map(|loser| (winner, *loser)));
    }
}
