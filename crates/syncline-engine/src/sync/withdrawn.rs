//! What its domain withholds by now of what the hub already knows: nobody is given it any more.

use syncline_merge::display::{Field, Fields, holds, stamps_in};
use syncline_merge::plain::Base;
use syncline_merge::rules::EntityRules;
use syncline_merge::state::{Entry, Record, Register};
use syncline_model::id::{DomainName, EntityName, Writer};
use syncline_model::path::Path;

use super::gate::Gate;
use super::record::{Held, Planner, RecordPlan};
use crate::link::{LinkedDomain, Side};

/// A domain of the hub that is not of the link: what others know from it goes no further once it
/// withholds that.
#[derive(Clone, Debug)]
pub struct Bystander {
    name: DomainName,
    writer: Writer,
    gate: Gate,
}

impl Bystander {
    /// Returns a domain as a bystander to what is done to an entity; `None` if it withholds nothing
    /// of that.
    pub fn new(domain: &LinkedDomain, entity: &EntityName) -> Option<Self> {
        let policy = domain.policy.gate(entity);
        let withholds = !policy.passes_everything();
        let (name, writer) = (domain.name.clone(), domain.writer.clone());
        withholds.then(|| Self { name, writer, gate: Gate::new(policy) })
    }

    /// Returns the domain's name.
    pub const fn name(&self) -> &DomainName {
        &self.name
    }
}

/// Returns whether a domain may have said something of a field.
///
/// - `base`: what it is known to hold. What has left its scope since is part of that.
fn may_have_said(base: Option<&Base>, path: &Path) -> bool {
    base.is_some_and(|base| match &base.rendering {
        Some(known) => known.iter().any(|(inside, _)| path.is_prefix_of(inside)),
        None => true,
    })
}

impl Planner<'_> {
    /// Returns the fields of a shape in which stands what neither side was ever given, where a domain
    /// outside of the link withholds the field by now and may have said it. Who said what is not known
    /// of such fields.
    ///
    /// To be asked before either side is given anything.
    ///
    /// - `outside`: what the bystanders are known to hold.
    pub(super) fn unseen(&self, plan: &RecordPlan, outside: &[Option<Base>]) -> Vec<Path> {
        let Some(record) = plan.record.as_ref().filter(|_| !self.bystanders.is_empty()) else {
            return Vec::new();
        };
        let Some(shown) = self.shown_to_all(plan) else { return Vec::new() };
        let keeping = self.keeping(record);
        let is_seen = |path: &Path, stamp| {
            let bases = plan.bases.iter().flatten();
            let mut seen = bases.flat_map(|base| {
                let intended = base.intent.as_ref().map(|intent| &intent.token);
                let tokens = [Some(&base.token), intended].into_iter().flatten();
                tokens.map(|token| token.covers(path, stamp) || base.own.contains(stamp))
            });
            seen.any(|seen| seen) || plan.changes.iter().any(|change| change.stamp == stamp)
        };
        let is_unseen = |field: &&Field| {
            let path = &field.0;
            entries(record, path).all(|entry| !says(entry, field))
                && keeping
                    .iter()
                    .zip(outside)
                    .any(|(keeper, base)| keeper.keeps(field) && may_have_said(base.as_ref(), path))
                && !stamps_in(&record.body, path).as_slice().iter().all(|s| is_seen(path, *s))
        };
        shown.iter().filter(is_unseen).map(|(path, _)| path.clone()).collect()
    }

    /// Leaves out of what a record shows what its domain withholds by now: unless somebody else says it
    /// too, or the other side holds it and may give it. What `side` holds there stays as it is,
    /// whoever it is from.
    ///
    /// - `held`: what both domains hold, and what that of `side` holds of what the hub deals with.
    /// - `unseen`: the fields of [`unseen`](Self::unseen).
    ///
    /// Answers with the fields that were left out.
    pub(super) fn withdraw(
        &self,
        side: Side,
        plan: &RecordPlan,
        shown: &mut Fields,
        (both, held): (&[Held; 2], &Fields),
        unseen: &[Path],
    ) -> Vec<Path> {
        let other = self.party(side.other());
        let Some(record) = &plan.record else { return Vec::new() };
        if other.gate.gives_every_field() && self.bystanders.is_empty() {
            return Vec::new();
        }
        let given = Given {
            record,
            rules: &self.entity.rules,
            other: (&other.domain.writer, &other.gate),
            held_by_other: both[side.other().index()].fields(),
            keeping: self.keeping(record),
            unseen,
        };
        // What the domain holds already it has seen.
        let is_withdrawn =
            |field: &&Field| !holds(held, field, given.rules) && !given.includes(field);
        let withdrawn = shown.iter().filter(is_withdrawn).map(|(path, _)| path.clone());
        let withdrawn: Vec<Path> = withdrawn.collect();
        if withdrawn.is_empty() {
            return withdrawn;
        }
        let is_there = |(path, _): &&Field| {
            withdrawn.iter().any(|of| of.is_prefix_of(path) || path.is_prefix_of(of))
        };
        let kept: Fields = held.iter().filter(is_there).cloned().collect();
        shown.retain(|field| !is_there(&field));
        shown.extend(kept);
        shown.sort();
        withdrawn
    }

    /// Returns whether a domain outside of the link keeps the record back whole.
    pub(super) fn is_private_outside(&self, plan: &RecordPlan) -> bool {
        let keeping = plan.record.iter().flat_map(|record| self.keeping(record));
        keeping.into_iter().any(|keeper| keeper.keeps_all)
    }

    fn keeping(&self, record: &Record) -> Vec<Keeping<'_>> {
        let keeps_all = |of: &Bystander| of.gate.keeps_back_record(record, &self.entity.rules);
        let keeping = |of| Keeping { bystander: of, keeps_all: keeps_all(of) };
        self.bystanders.iter().map(keeping).collect()
    }
}

/// What a domain outside of the link keeps back of one record.
struct Keeping<'a> {
    bystander: &'a Bystander,
    /// Whether that is the whole record.
    keeps_all: bool,
}

impl Keeping<'_> {
    fn keeps(&self, (path, leaf): &Field) -> bool {
        self.keeps_all || self.bystander.gate.withholds(path, leaf)
    }
}

/// What one side of a link may be given of a record.
struct Given<'a> {
    record: &'a Record,
    rules: &'a EntityRules,
    /// The domain of the other side, as a writer, and its gate.
    other: (&'a Writer, &'a Gate),
    /// What that one holds.
    held_by_other: &'a [Field],
    keeping: Vec<Keeping<'a>>,
    /// Fields of a shape in which stands what neither side was ever given, and that somebody withholds.
    unseen: &'a [Path],
}

impl Given<'_> {
    /// Returns whether a value is said by somebody who does not withhold it, or held by the other side
    /// and not withheld there.
    fn includes(&self, field: &Field) -> bool {
        let is_withheld = self.other.1.withholds(&field.0, &field.1);
        if !is_withheld && holds(self.held_by_other, field, self.rules) {
            return true;
        }
        let gives = |entry: &Entry| match entry.writer == *self.other.0 {
            true => !is_withheld,
            false => {
                let mut keeping = self.keeping.iter();
                !keeping.any(|of| of.bystander.writer == entry.writer && of.keeps(field))
            }
        };
        let mut saying =
            entries(self.record, &field.0).filter(|entry| says(entry, field)).peekable();
        match saying.peek() {
            Some(_) => saying.any(gives),
            // Computed of all values, or of a shape.
            None => {
                !is_withheld
                    && !self.unseen.contains(&field.0)
                    && entries(self.record, &field.0).all(gives)
            }
        }
    }
}

/// Returns the concurrent values of a single-valued field.
fn entries<'r>(record: &'r Record, path: &Path) -> impl Iterator<Item = &'r Entry> {
    record.body.registers.get(path).into_iter().flat_map(Register::values)
}

fn says(entry: &Entry, field: &Field) -> bool {
    entry.value.as_ref() == Some(&field.1)
}
