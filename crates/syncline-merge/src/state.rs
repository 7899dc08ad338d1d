//! The state of a record: what is known of it, in a form that can be joined in any order.
//!
//! `docs/design/0003-merge.md` defines every part; the names here are the same.

use std::collections::BTreeMap;

use syncline_model::clock::{Clock, Stamp};
use syncline_model::id::{SiteId, Writer};
use syncline_model::json::{Leaf, Number};
use syncline_model::path::Path;
use syncline_model::version::Version;

use crate::display::sum_is_visible;
use crate::dots::Dots;
use crate::flat::FlatMap;
use crate::rules::{Shape, ShapeKind};
use crate::text::crdt::TextState;

/// Everything that a hub knows of one record.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    /// Every change seen, per site.
    pub version: Version,
    /// The floor when this hub began the record anew; what is below it was forgotten.
    pub born: Version,
    /// What is known of a path and all below it, where that differs from `version`.
    pub exceptions: BTreeMap<Path, Version>,
    /// The writes that keep the record alive.
    pub live: Dots,
    /// The deletions that no later write has seen.
    pub deletes: Dots,
    /// The fields.
    pub body: Body,
}

/// Fields by shape. A path stands in the map of its shape, and only while something is known of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Body {
    /// Registers: the concurrent values by the stamp of their change.
    pub registers: FlatMap<Path, Register, 0>,
    /// Sums.
    pub sums: BTreeMap<Path, Sum>,
    /// Unions: element → the additions that keep it.
    pub unions: BTreeMap<Path, BTreeMap<Leaf, Dots>>,
    /// Keyed arrays: key → member.
    pub keyed: BTreeMap<Path, BTreeMap<Box<str>, Member>>,
    /// Append lists.
    pub appends: BTreeMap<Path, BTreeMap<ElementId, Element>>,
    /// Texts by the stamp of the change that began them.
    pub texts: BTreeMap<Path, BTreeMap<Stamp, Text>>,
}

impl Body {
    /// Returns the paths of which something is known; one that has several shapes more than once.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        let registers = self.registers.iter().map(|(path, _)| path);
        let shapes = self.sums.keys().chain(self.unions.keys()).chain(self.keyed.keys());
        registers.chain(shapes).chain(self.appends.keys()).chain(self.texts.keys())
    }
}

/// The concurrent values of a field; nearly always one.
pub type Register = FlatMap<Stamp, Entry, 1>;

/// One value of a register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The value; `None` says that the field was removed.
    pub value: Option<Leaf>,
    /// When it was written, by the writer's clock as the first hub accepted it.
    pub edited: Clock,
    /// Whether that time can be trusted to decide between concurrent values.
    pub timed: bool,
    /// Who wrote it.
    pub writer: Writer,
}

/// A number to which sites add: greatest floor + additions − what resets took away.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sum {
    /// Values that writers without a base stated.
    pub floors: FlatMap<Stamp, Number, 1>,
    /// Per site what it has added.
    pub adds: BTreeMap<SiteId, Addition>,
    /// Per site the entry of `adds` that the last reset had seen, and the reset's stamp.
    pub zeros: BTreeMap<SiteId, Zero>,
}

/// What one site has added to a sum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addition {
    /// Clock of the first addition: a site that has forgotten its additions begins to count anew,
    /// and what a reset took of the old count says nothing of the new one.
    pub begun: Clock,
    /// Clock of the last addition.
    pub clock: Clock,
    /// The total of all of them.
    pub total: Number,
}

/// What a reset had seen of one site's additions.
#[derive(Clone, Debug, PartialEq)]
pub struct Zero {
    /// The entry that was seen.
    pub seen: Addition,
    /// The reset.
    pub stamp: Stamp,
}

/// An object in a keyed array: it lives and dies as a record does.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Member {
    /// The writes that keep it; empty once it is removed.
    pub live: Dots,
    /// Its fields, by paths relative to the member. They stay after a removal.
    pub body: Body,
}

/// The name of an element of an append list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ElementId {
    /// By what it says, where the writer had no base: hash and occurrence.
    Content([u8; 16], u32),
    /// By the change that appended it, and the index in that change.
    Stamped(Stamp, u32),
}

/// An element of an append list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element {
    /// What was appended.
    pub value: Leaf,
    /// The appends that keep it, each with the index of the element in that change: the order of
    /// elements that came together.
    pub dots: FlatMap<Stamp, u32, 1>,
}

/// One text: concurrent beginnings of the same field are several texts.
#[derive(Clone, Debug, PartialEq)]
pub struct Text {
    /// The edits that keep it.
    pub live: Dots,
    /// Time of the last edit.
    pub edited: Clock,
    /// Who edited last.
    pub writer: Writer,
    /// The characters, in a form that joins.
    pub state: TextState,
}

impl Record {
    /// Returns a record of which nothing is known but that everything below `floor` was forgotten.
    pub fn begun(floor: &Version) -> Self {
        Self { version: floor.clone(), born: floor.clone(), ..Self::default() }
    }

    /// Returns what was seen of `path`: the exception of its nearest ancestor, or the version.
    pub fn effective(&self, path: &Path) -> &Version {
        nearest(&self.exceptions, path).unwrap_or(&self.version)
    }

    /// Returns whether nothing is known of the record but what it has seen.
    pub fn is_empty(&self) -> bool {
        self.live.is_empty() && self.deletes.is_empty() && self.body.is_empty()
    }

    /// Returns whether the record was deleted, and forgotten by all who knew of that: nothing is left
    /// of it but a version that says so.
    pub(crate) fn is_forgotten(&self) -> bool {
        self.is_empty() && !self.born.is_empty() && self.born.includes(&self.version)
    }

    /// Returns the greatest clock that the state names.
    pub fn clock_max(&self) -> Clock {
        let exceptions = self.exceptions.values().map(Version::clock_max);
        exceptions.fold(self.version.clock_max(), Clock::max)
    }
}

impl Sum {
    /// Returns whether more is known than what was taken of a count that is forgotten: that is no sum
    /// that anybody sees.
    pub(crate) fn is_known(&self) -> bool {
        !(self.adds.is_empty() && self.floors.is_empty())
    }
}

impl Member {
    /// Returns whether more is known than [what was taken of counts](Sum::is_known) in it.
    pub(crate) fn is_known(&self) -> bool {
        !self.live.is_empty() || self.body.is_known()
    }
}

impl Body {
    /// Returns whether no field is known in any shape but the register.
    pub fn is_unshaped(&self) -> bool {
        self.sums.is_empty()
            && self.unions.is_empty()
            && self.keyed.is_empty()
            && self.appends.is_empty()
            && self.texts.is_empty()
    }

    /// Returns whether more is known than [what was taken of counts](Sum::is_known).
    fn is_known(&self) -> bool {
        let mut members = self.keyed.values().flat_map(BTreeMap::values);
        !self.registers.is_empty()
            || !self.unions.is_empty()
            || !self.appends.is_empty()
            || !self.texts.is_empty()
            || self.sums.values().any(Sum::is_known)
            || members.any(Member::is_known)
    }

    /// Returns whether no field is known.
    pub fn is_empty(&self) -> bool {
        self.registers.is_empty()
            && self.sums.is_empty()
            && self.unions.is_empty()
            && self.keyed.is_empty()
            && self.appends.is_empty()
            && self.texts.is_empty()
    }
}

impl Body {
    /// Returns whether all that is known of a field is in another shape than `shape`: it was written
    /// before the field was given that one.
    pub(crate) fn is_in_other_shape(&self, path: &Path, shape: &Shape) -> bool {
        let mut held = self.held(path).peekable();
        held.peek().is_some() && held.all(|kind| kind != shape.kind())
    }

    /// Returns the shapes in which something of a field is known.
    pub fn held(&self, path: &Path) -> impl Iterator<Item = ShapeKind> {
        let values = self.registers.get(path).into_iter().flat_map(Register::values);
        let mut said = values.filter_map(|entry| entry.value.as_ref());
        // What a reset or a removal left of an earlier time says nothing.
        let is_counted = self.sums.get(path).is_some_and(sum_is_visible);
        let mut members = self.keyed.get(path).into_iter().flat_map(BTreeMap::values);
        let is_keyed = members.any(|member| !member.live.is_empty());
        let held = [
            // An array without elements is a register beside its shape.
            (said.any(|value| value.as_str() != "[]"), ShapeKind::Register),
            (is_counted, ShapeKind::Sum),
            (self.unions.contains_key(path), ShapeKind::Union),
            (is_keyed, ShapeKind::Keyed),
            (self.appends.contains_key(path), ShapeKind::Append),
            (self.texts.contains_key(path), ShapeKind::Text),
        ];
        held.into_iter().filter(|(is_held, _)| *is_held).map(|(_, kind)| kind)
    }
}

/// Returns the entry of `path` or of its nearest ancestor.
pub(crate) fn nearest<'a, V>(map: &'a BTreeMap<Path, V>, path: &Path) -> Option<&'a V> {
    if map.is_empty() {
        return None;
    }
    let mut at = Some(path.clone());
    while let Some(path) = at {
        if let Some(found) = map.get(&path) {
            return Some(found);
        }
        at = path.parent();
    }
    None
}
