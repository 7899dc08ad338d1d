//! The gate of one domain: what of a record comes out of it, and what goes into it.

use std::borrow::Cow;

use syncline_merge::display::{Field, Fields, visible};
use syncline_merge::fault::{Fault, is_planted};
use syncline_merge::rules::EntityRules;
use syncline_merge::state::Record;
use syncline_model::clock::Stamp;
use syncline_model::id::Writer;
use syncline_model::json::{Json, Leaf};
use syncline_model::path::Path;
use syncline_policy::{Crossing, Direction, EntityGate};

/// What a gate lets a record's fields do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Passage {
    /// Both directions.
    Open,
    /// Neither; the domain keeps what it has.
    Closed,
    /// Out of the domain only.
    Out,
    /// Into the domain only, as it is or masked.
    In,
}

/// The gate of one entity between one domain and the hub.
#[derive(Clone, Debug)]
pub struct Gate {
    policy: EntityGate,
    /// The gate of the domain that this one mirrors.
    origin: Option<EntityGate>,
}

impl Gate {
    /// Takes the compiled policy.
    pub const fn new(policy: EntityGate) -> Self {
        Self { policy, origin: None }
    }

    /// Returns the gate of a domain that mirrors another: what may not leave that one it cannot speak
    /// of, also not by lacking it.
    #[must_use]
    pub fn mirroring(self, origin: Self) -> Self {
        Self { origin: Some(origin.policy), ..self }
    }

    /// Returns whether nothing has to be judged field by field.
    fn passes_every_field(&self) -> bool {
        let of_origin = self.origin.as_ref().is_none_or(EntityGate::passes_every_field);
        self.policy.passes_every_field() && of_origin
    }

    /// Returns whether a field is out of the reach of the domain that this one mirrors.
    fn is_unspoken(&self, path: &Path, leaf: &Leaf) -> bool {
        self.origin.as_ref().is_some_and(|origin| withholds(origin, path, leaf))
    }

    /// Returns whether the domain keeps no field from the others.
    pub fn gives_every_field(&self) -> bool {
        self.policy.passes_every_field()
    }

    /// Returns whether the domain keeps a field from the others.
    pub fn withholds(&self, path: &Path, leaf: &Leaf) -> bool {
        withholds(&self.policy, path, leaf)
    }

    /// Returns whether every field of every record passes in both directions.
    pub fn passes_everything(&self) -> bool {
        self.policy.passes_everything()
    }

    /// Returns whether the record never crosses, by its values.
    pub fn keeps_back(&self, fields: &Fields) -> bool {
        self.policy.keeps_back(|path| value_in(fields, path))
    }

    /// Returns whether whole records may be kept back.
    pub fn judges_records(&self) -> bool {
        self.policy.judges_records()
    }

    /// Returns whether a record never crosses, by any value that stands in it: one of several at once
    /// is enough, until a person has decided between them.
    pub fn keeps_back_record(&self, record: &Record, rules: &EntityRules) -> bool {
        if !self.judges_records() {
            return false;
        }
        let Some(shown) = visible(record, rules, None) else { return false };
        let stands = |path: &Path| record.body.registers.get(path).filter(|all| all.len() > 1);
        let keeps = |path: &Path, value: Option<&Leaf>| {
            let of_shown = |at: &Path| value_in(&shown, at);
            self.policy.keeps_back(|at| if at == path { value } else { of_shown(at) })
        };
        let contested = self.policy.record_paths().filter_map(|path| Some((path, stands(path)?)));
        let mut values =
            contested.flat_map(|(path, all)| all.values().map(move |e| (path, e.value.as_ref())));
        self.keeps_back(&shown) || values.any(|(path, value)| keeps(path, value))
    }

    /// Returns whether what decides about a record is the same in what a domain holds and in what it
    /// was last known to hold.
    pub fn decides_alike(&self, held: &Fields, known: &Fields) -> bool {
        self.policy.record_paths().all(|path| value_in(held, path) == value_in(known, path))
    }

    /// Returns whether the domain does not get to see a field as it is at the hub.
    pub fn keeps_from(&self, path: &Path, leaf: &Leaf) -> bool {
        let crossing = self.policy.judge_value(path, leaf.kind(), Direction::ToDomain);
        crossing != Crossing::Pass || self.is_unspoken(path, leaf)
    }

    /// Returns whether a field is to be kept from the domain; not the text that stands for it there.
    pub fn conceals(&self, path: &Path, leaf: &Leaf) -> bool {
        match self.policy.judge_value(path, leaf.kind(), Direction::ToDomain) {
            Crossing::Pass => false,
            Crossing::Withhold => true,
            Crossing::Mask(text) => *leaf != Leaf::string(text),
        }
    }

    /// Returns whether a value is the text that stands for a masked one in the domain, also where it
    /// was put there by a rule of before.
    pub fn is_mask(&self, leaf: &Leaf) -> bool {
        *leaf == Leaf::string(self.policy.mask())
    }

    fn passage(&self, path: &Path, leaf: &Leaf) -> Passage {
        if self.is_unspoken(path, leaf) {
            return Passage::Closed;
        }
        let out = !self.withholds(path, leaf);
        let into = self.policy.judge_value(path, leaf.kind(), Direction::ToDomain);
        let into = into != Crossing::Withhold;
        match (out, into) {
            (true, true) => Passage::Open,
            // Nothing is taken from a mirror, and what is not given to it is its own.
            (true, false) if self.origin.is_some() => Passage::Closed,
            (true, false) => Passage::Out,
            (false, true) => Passage::In,
            (false, false) => Passage::Closed,
        }
    }

    /// Returns the fields of a domain's record that the hub deals with: all but the closed ones.
    pub fn held<'f>(&self, fields: &'f Fields) -> Cow<'f, Fields> {
        if self.passes_every_field() {
            return Cow::Borrowed(fields);
        }
        let held = fields.iter().filter(|(path, leaf)| self.passage(path, leaf) != Passage::Closed);
        Cow::Owned(held.cloned().collect())
    }

    /// Leaves out of what a domain holds the values of its own in fields that it only receives, where
    /// nothing is to be received: they stay there and are known nowhere else.
    ///
    /// - `visible`: what the record shows before the gate.
    /// - `base`: what the domain was last known to hold; what it was given before is not its own.
    pub fn without_own<'f>(
        &self,
        held: Cow<'f, Fields>,
        visible: &Fields,
        base: Option<&Fields>,
    ) -> Cow<'f, Fields> {
        if self.passes_every_field() {
            return held;
        }
        let is_received = |path: &Path| {
            visible.iter().any(|(other, _)| path.is_prefix_of(other) || other.is_prefix_of(path))
        };
        let was_given =
            |field: &(Path, Leaf)| base.is_some_and(|base| base.binary_search(field).is_ok());
        let is_own = |field: &(Path, Leaf)| {
            self.passage(&field.0, &field.1) == Passage::In
                && !was_given(field)
                && !is_received(&field.0)
        };
        if !held.iter().any(is_own) {
            return held;
        }
        let mut held = held.into_owned();
        held.retain(|field| !is_own(field));
        Cow::Owned(held)
    }

    /// Returns what the domain says of a record. A field whose edits are not taken, or that has left
    /// the domain's scope since, is read as if the domain had not touched it: never as removed.
    pub fn reading<'f>(&self, held: &'f Fields, base: Option<&Fields>) -> Cow<'f, Fields> {
        if self.passes_every_field() {
            return Cow::Borrowed(held);
        }
        let taken = |(path, leaf): &&(Path, Leaf)| {
            !matches!(self.passage(path, leaf), Passage::In | Passage::Closed)
        };
        let base = base.filter(|_| !is_planted(Fault::ScopeTakenForRemoval));
        let untouched = base.into_iter().flatten().filter(|field| !taken(field));
        let mut reading: Fields = held.iter().filter(taken).chain(untouched).cloned().collect();
        reading.sort();
        reading.dedup_by(|a, b| a.0 == b.0);
        Cow::Owned(reading)
    }

    /// Returns what the domain held, when it was last known, in fields that have left its scope
    /// since: should they enter it again, these values are no edits.
    pub fn out_of_scope(&self, known: &Fields) -> Fields {
        if self.passes_every_field() {
            return Fields::new();
        }
        let out = known.iter().filter(|(path, leaf)| self.passage(path, leaf) == Passage::Closed);
        out.cloned().collect()
    }

    /// Returns what the domain is to hold of a record that shows `visible`.
    ///
    /// - `held`: what it holds now; fields that only leave it stay as they are there.
    pub fn rendering<'f>(&self, visible: &'f Fields, held: &Fields) -> Cow<'f, Fields> {
        if self.passes_every_field() {
            return Cow::Borrowed(visible);
        }
        let mut rendering = Fields::with_capacity(visible.len());
        for (path, leaf) in visible.iter().filter(|(path, leaf)| !self.is_unspoken(path, leaf)) {
            match self.policy.judge_value(path, leaf.kind(), Direction::ToDomain) {
                Crossing::Pass => rendering.push((path.clone(), leaf.clone())),
                Crossing::Mask(text) => {
                    let mask = Leaf::from_json(&Json::from(text));
                    rendering.extend(mask.ok().map(|mask| (path.clone(), mask)));
                }
                Crossing::Withhold => {}
            }
        }
        let own = held.iter().filter(|(path, leaf)| self.passage(path, leaf) == Passage::Out);
        rendering.extend(own.cloned());
        rendering.sort();
        rendering.dedup_by(|a, b| a.0 == b.0);
        Cow::Owned(rendering)
    }

    /// Returns the fields in which the domain loses a value of its own: it cannot edit them, and
    /// holds neither what it is to hold there nor what it was last known to hold.
    ///
    /// All three are sorted by path.
    pub fn replaced(&self, held: &Fields, after: &Fields, base: Option<&Fields>) -> Vec<Path> {
        if self.passes_every_field() {
            return Vec::new();
        }
        let knows = |fields: &Fields, field: &(Path, Leaf)| fields.binary_search(field).is_ok();
        let is_lost = |field: &&(Path, Leaf)| {
            self.passage(&field.0, &field.1) == Passage::In
                && !knows(after, field)
                && !base.is_some_and(|base| knows(base, field))
        };
        held.iter().filter(is_lost).map(|(path, _)| path.clone()).collect()
    }

    /// Returns the visible fields whose values the domain does not get to see.
    pub fn withheld(&self, visible: &Fields) -> Vec<Path> {
        if self.passes_every_field() {
            return Vec::new();
        }
        let withheld = visible.iter().filter(|(path, leaf)| self.keeps_from(path, leaf));
        withheld.map(|(path, _)| path.clone()).collect()
    }

    /// Returns the changes that say what the domain itself says, of fields that it does not get to
    /// see: its own, and those of others with the value that it holds. Its next edit replaces these,
    /// and no others.
    ///
    /// - `held`: what the domain is known to hold, sorted by path.
    pub fn own_changes(
        &self,
        record: &Record,
        writer: &Writer,
        held: Option<&Fields>,
    ) -> Vec<Stamp> {
        if self.passes_every_field() {
            return Vec::new();
        }
        let holds = |path: &Path, leaf: &Leaf| {
            let at = |held: &Fields| held.binary_search_by(|(known, _)| known.cmp(path)).ok();
            held.is_some_and(|held| at(held).is_some_and(|at| held[at].1 == *leaf))
        };
        let mut own = Vec::new();
        for (path, register) in &record.body.registers {
            for (stamp, entry) in register.iter() {
                let leaf = entry.value.clone().unwrap_or_else(Leaf::null);
                let says_so = entry.writer == *writer || holds(path, &leaf);
                if says_so && self.passage(path, &leaf) == Passage::Out {
                    own.push(*stamp);
                }
            }
        }
        own
    }
}

/// Returns whether a domain keeps a field from the others.
fn withholds(policy: &EntityGate, path: &Path, leaf: &Leaf) -> bool {
    policy.judge_value(path, leaf.kind(), Direction::FromDomain) != Crossing::Pass
}

/// Returns the value of a field; `fields` are sorted by path.
pub(super) fn value_in<'f>(fields: &'f [Field], path: &Path) -> Option<&'f Leaf> {
    let found = fields.binary_search_by(|(known, _)| known.cmp(path));
    found.ok().and_then(|index| fields.get(index)).map(|(_, leaf)| leaf)
}
