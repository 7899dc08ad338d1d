//! What an operation adds and drops, by the sets that its writer had seen.

use std::collections::BTreeMap;

use syncline_merge::operation::{Effect, FieldOperation, Operation};
use syncline_merge::rules::{Deletion, EntityRules};
use syncline_merge::state::ElementId;
use syncline_merge::text::ot::Component;
use syncline_model::clock::{Clock, Stamp};
use syncline_model::id::SiteId;
use syncline_model::json::{Leaf, Number};
use syncline_model::limits::DRIFT_MS_MAX;

use super::set::Set;
use super::{Change, Drop, ELEMENTS, GROUPS, Item, KEEP, KEYS, Known, Oracle, Reach, SUMS, Seen};
use super::{Slot, TOPS, group, intern};
use crate::world::seeing::ShownSets;

/// Who commits what, and what they had seen.
pub(crate) struct Writing<'a> {
    pub(crate) record: usize,
    /// What the hub has.
    pub(crate) known: &'a Known,
    /// What the writer had seen, its own changes with it.
    pub(crate) seen: Seen,
    /// The writer's own changes since it was shown each part.
    pub(crate) own: Seen,
    /// The values that were shown of fields whose conflicts are open, or under review.
    pub(crate) shown: &'a BTreeMap<&'static str, ShownSets>,
    /// Which of several texts was shown.
    pub(crate) texts: &'a BTreeMap<&'static str, Stamp>,
    /// Whether the writer was shown nothing.
    pub(crate) blind: bool,
    /// Whether the writer saw no record.
    pub(crate) creates: bool,
    pub(crate) stamp: Stamp,
    pub(crate) now_ms: u64,
    pub(crate) rules: &'a EntityRules,
    /// Whether the operation was committed before: it must not count twice.
    pub(crate) repeated: bool,
}

/// Puts the change that an operation comes to at the end of the oracle's list.
pub(crate) fn commit(oracle: &mut Oracle, writing: &Writing<'_>, operation: &Operation) -> usize {
    let index = oracle.changes.len();
    let (stamp, record) = (writing.stamp, writing.record);
    oracle.changes.push(Change { stamp, record, added: vec![], dropped: vec![] });
    let mut known = writing.known.clone();
    known.note(index);
    let mut mirror = Mirror { oracle, writing, operation, index, known };
    match &operation.effect {
        Effect::Delete => {
            mirror.drop_alive(Slot::Live, "", writing.seen[0], true);
            mirror.drop_slot(Slot::Deletes, writing.seen[0]);
            mirror.add(Slot::Deletes, Item::Dot);
        }
        Effect::Write(fields) => mirror.write(fields),
    }
    index
}

struct Mirror<'a> {
    oracle: &'a mut Oracle,
    writing: &'a Writing<'a>,
    operation: &'a Operation,
    index: usize,
    known: Known,
}

impl Mirror<'_> {
    fn add(&mut self, slot: Slot, item: Item) {
        self.oracle.changes[self.index].added.push((slot, item));
    }

    fn drop(&mut self, reach: Reach, changes: Set) {
        self.oracle.changes[self.index].dropped.push(Drop { reach, changes });
    }

    fn drop_slot(&mut self, slot: Slot, changes: Set) {
        self.drop(Reach::Slot(slot), changes);
    }

    /// Drops what keeps a record or a member, but for the values in a conflict inside of it that waits
    /// for a person: whoever writes beside them leaves all, and who deletes those that it was not shown.
    fn drop_alive(&mut self, slot: Slot, within: &str, seen: Set, deletes: bool) {
        let mut kept = Set::default();
        for (path, sets) in self.writing.shown {
            let is_inside = path.strip_prefix(within).is_some_and(|rest| rest.starts_with('/'));
            if !is_inside || sets.others == Set::default() || self.writing.creates {
                continue;
            }
            kept.add(&sets.others);
            if !deletes {
                kept.add(&sets.values);
            }
        }
        self.drop_slot(slot, seen.without(&kept));
    }

    fn items(&self, slot: Slot) -> Vec<(usize, Item)> {
        let items = self.oracle.items(self.writing.record, &self.known, slot);
        items.into_iter().map(|(change, item)| (change, item.clone())).collect()
    }

    fn write(&mut self, fields: &[FieldOperation]) {
        let seen = self.writing.seen;
        if self.writing.creates {
            for part in 1..GROUPS {
                self.drop(Reach::Below(TOPS[part]), seen[part]);
            }
            for path in SUMS {
                self.take_additions(path);
            }
        }
        let sees_none = self.writing.blind || self.writing.creates;
        if sees_none && self.items(Slot::Live).is_empty() {
            SUMS.into_iter().for_each(|path| self.end_counts(path));
        }
        self.drop_alive(Slot::Live, "", seen[0], false);
        self.add(Slot::Live, Item::Dot);
        if self.writing.creates || self.writing.rules.deletion != Deletion::Review {
            self.drop_slot(Slot::Deletes, seen[0]);
        }
        self.fields("", fields);
    }

    fn fields(&mut self, within: &str, fields: &[FieldOperation]) {
        for (index, field) in fields.iter().enumerate() {
            let path = intern(&format!("{within}{}", field.path()));
            self.field(path, index, field);
        }
    }

    fn field(&mut self, path: &'static str, index: usize, field: &FieldOperation) {
        let seen = self.writing.seen[group(path)];
        match field {
            FieldOperation::Set { value, .. } => self.set(path, Some(value.clone())),
            FieldOperation::Unset { .. } => self.unset(path, seen),
            FieldOperation::Increment { by, .. } => {
                let zero = Number::from(0_i64);
                let by = if self.writing.repeated { zero } else { by.clone() };
                self.add(Slot::Addition(path), Item::Number(by));
            }
            FieldOperation::Floor { value, .. } => {
                self.add(Slot::Floor(path), Item::Number(value.clone()));
            }
            FieldOperation::Reset { .. } => {
                self.drop_slot(Slot::Floor(path), seen);
                self.take_additions(path);
                self.add(Slot::Floor(path), Item::Number(Number::from(0_i64)));
            }
            FieldOperation::Add { element, .. } => {
                self.refresh(Slot::Element(path, known_element(element)), seen);
            }
            FieldOperation::Remove { element, .. } => {
                self.drop_slot(Slot::Element(path, known_element(element)), seen);
            }
            FieldOperation::PutMember { key, create, fields, .. } => {
                self.put_member(intern(&format!("{path}/{key}")), seen, *create, fields);
            }
            FieldOperation::RemoveMember { key, .. } => {
                let member = intern(&format!("{path}/{key}"));
                self.drop_alive(Slot::Member(member), member, seen, true);
            }
            FieldOperation::Append { value, id, .. } => {
                let index = u32::try_from(index).unwrap();
                let id = id.unwrap_or(ElementId::Stamped(self.writing.stamp, index));
                self.append(Slot::Appended(path, id), seen, (value, index));
                self.trim(path);
            }
            FieldOperation::BeginText { text, .. } => {
                for slot in self.slots(path) {
                    if matches!(slot, Slot::Text(..)) {
                        self.drop_slot(slot, seen);
                    }
                }
                self.add(Slot::Text(path, self.writing.stamp), Item::Typed(text.clone()));
            }
            FieldOperation::EditText { edit, .. } => {
                let slot = Slot::Text(path, self.text(path));
                let typed = edit.components().iter().filter_map(|component| match component {
                    Component::Insert(text) => Some(text.as_str()),
                    _ => None,
                });
                let typed = typed.collect();
                self.drop_slot(slot, seen);
                self.add(slot, Item::Typed(typed));
            }
        }
    }

    fn refresh(&mut self, slot: Slot, seen: Set) {
        self.drop_slot(slot, seen);
        self.add(slot, Item::Dot);
    }

    fn append(&mut self, slot: Slot, seen: Set, (value, index): (&Leaf, u32)) {
        self.drop_slot(slot, seen);
        self.add(slot, Item::Appended(value.clone(), index));
    }

    fn put_member(
        &mut self,
        member: &'static str,
        seen: Set,
        create: bool,
        fields: &[FieldOperation],
    ) {
        if create {
            self.drop(Reach::Inside(member), seen);
            self.take_additions(intern(&format!("{member}/n")));
        }
        self.drop_alive(Slot::Member(member), member, seen, false);
        self.add(Slot::Member(member), Item::Dot);
        self.fields(member, fields);
    }

    /// The text that the writer edits: the last that it began itself, else the one it was shown.
    fn text(&self, path: &'static str) -> Stamp {
        let births = self.slots(path).into_iter().filter_map(|slot| match slot {
            Slot::Text(_, birth) => Some(birth),
            _ => None,
        });
        let own = births.filter(|birth| {
            self.oracle
                .by_stamp(*birth)
                .is_some_and(|change| self.writing.own[group(path)].has(change))
        });
        own.max().or(self.writing.texts.get(path).copied()).expect("a text was seen")
    }

    fn slots(&self, path: &'static str) -> Vec<Slot> {
        let slots = self.oracle.slots(self.writing.record, &self.known.seen);
        let here = slots.into_iter().filter(|slot| slot.path() == Some(path));
        here.filter(|slot| !self.items(*slot).is_empty()).collect()
    }

    fn set(&mut self, path: &'static str, value: Option<Leaf>) {
        let writing = self.writing;
        let shown = writing.shown.get(path);
        let mut covered = writing.seen[group(path)];
        if let (Some(shown), false) = (shown, writing.creates) {
            covered = writing.own[group(path)];
            covered.add(&shown.values);
        }
        // What is not here is of a lost site. It may come back, and was not replaced then.
        let missing = covered.without(&self.known.seen[group(path)]);
        covered = covered.without(&missing);
        let slot = Slot::Register(path);
        let replaced = self.items(slot).into_iter().filter(|(change, _)| covered.has(*change));
        let after = replaced.filter_map(|(_, item)| match item {
            Item::Value { edited, .. } => Some(Clock(edited.0 + 1)),
            _ => None,
        });
        let after = after.max().unwrap_or_default();
        let edited = self.claimed().max(after);
        self.drop_slot(slot, covered);
        let is_cut = self.operation.edited > self.claimed();
        let is_raised = after.millis() > self.claimed().millis() + DRIFT_MS_MAX;
        let timed = self.operation.timed && !is_cut && !is_raised;
        let writer = self.operation.writer.clone();
        self.add(slot, Item::Value { value, edited, timed, writer });
    }

    fn claimed(&self) -> Clock {
        self.operation.edited.min(Clock::new(self.writing.now_ms + DRIFT_MS_MAX, 0))
    }

    /// Removes a field. Where something of another shape is known, that goes; a register becomes
    /// absent.
    fn unset(&mut self, path: &'static str, seen: Set) {
        let ever = self.oracle.slots(self.writing.record, &self.known.seen);
        let part = group(path);
        let is_known = |slot: &Slot| {
            let adds = |change: usize| {
                let added = &self.oracle.changes[change];
                added.record == self.writing.record
                    && added.added.iter().any(|(own, _)| own == slot)
            };
            let there = self.known.seen[part].without(&self.known.gone[part]);
            match slot {
                Slot::Addition(_) => there.iter().any(adds),
                _ => !self.items(*slot).is_empty(),
            }
        };
        let inside = |slot: &&Slot| match (slot.path(), slot) {
            (Some(own), Slot::Register(_)) => own != path && path == "/k" && group(own) == part,
            (Some(own), _) => own == path || (path == "/k" && group(own) == part),
            _ => false,
        };
        let others = ever.iter().filter(inside).any(is_known);
        let register = !self.items(Slot::Register(path)).is_empty();
        if others {
            self.drop_other_shapes(path, seen);
        }
        if !others || register {
            self.set(path, None);
        }
    }

    fn drop_other_shapes(&mut self, path: &'static str, seen: Set) {
        for slot in self.slots(path) {
            if !matches!(slot, Slot::Register(_) | Slot::Addition(_)) {
                self.drop_slot(slot, seen);
            }
        }
        if path == "/k" {
            for key in KEYS {
                let member = intern(&format!("{path}/{key}"));
                self.drop_alive(Slot::Member(member), member, seen, true);
            }
        }
        if SUMS.contains(&path) {
            self.take_additions(path);
        }
    }

    fn take_additions(&mut self, path: &'static str) {
        let by = &self.writing.seen[group(path)];
        let taken = self.oracle.taken(self.writing.record, path, &self.known, by);
        self.drop_slot(Slot::Addition(path), taken);
    }

    /// A writer that sees no record writes to a deleted one: what sites had added before is over;
    /// where it does not create, not of a site whose last addition is its own.
    fn end_counts(&mut self, path: &'static str) {
        let slot = Slot::Addition(path);
        let part = slot.group();
        let there = self.known.seen[part].without(&self.known.gone[part]);
        let mut counts: BTreeMap<SiteId, Vec<usize>> = BTreeMap::new();
        for index in there.iter() {
            let change = &self.oracle.changes[index];
            let adds = change.added.iter().any(|(own, _)| *own == slot);
            if adds && change.record == self.writing.record {
                counts.entry(change.stamp.site).or_default().push(index);
            }
        }
        let writing = self.writing;
        let is_own = |change: &usize| !writing.creates && writing.own[part].has(*change);
        let over = counts.into_values().filter(|count| !count.last().is_some_and(is_own));
        let over = over.flatten().collect();
        self.drop_slot(slot, over);
    }

    /// The hub that appends drops the oldest elements beyond what is kept, and only these dots.
    fn trim(&mut self, path: &'static str) {
        let mut elements: Vec<(Stamp, u32, ElementId, Set)> = Vec::new();
        for slot in self.slots(path) {
            let Slot::Appended(_, id) = slot else {
                continue;
            };
            let items = self.items(slot);
            let changes: Set = items.iter().map(|(change, _)| *change).collect();
            let places = items.iter().map(|(change, item)| match item {
                Item::Appended(_, index) => (self.oracle.changes[*change].stamp, *index),
                item => unreachable!("{item:?} in a list"),
            });
            let (least, index) = places.min().unwrap();
            elements.push((least, index, id, changes));
        }
        elements.sort_by_key(|(least, index, id, _)| (*least, *index, *id));
        let surplus = elements.len().saturating_sub(KEEP as usize);
        for (_, _, id, changes) in elements.into_iter().take(surplus) {
            let slot = Slot::Appended(path, id);
            self.drop_slot(slot, changes);
            // A change that appends more than is kept drops of its own: no later one does.
            self.oracle.changes[self.index].added.retain(|(own, _)| *own != slot);
        }
    }
}

fn known_element(element: &Leaf) -> &'static str {
    let canonical = element.canonical();
    ELEMENTS.into_iter().find(|known| *known == canonical).expect("an element of this world")
}
