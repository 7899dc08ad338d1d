//! What is left of an entity's plan once its files are staged: counts, names and the next index.

use std::collections::BTreeSet;

use syncline_engine::index::{DIGEST_UNKNOWN, DomainIndex, ItemDigest, ItemNames};
use syncline_engine::link::Side;
use syncline_engine::rows::{Batch, Key};
use syncline_engine::sync::{EntityReport, Problem};
use syncline_model::id::{EntityName, Position, RecordId, RunId};

use super::input::SideInput;
use super::moved::Move;
use super::prepare::EntityPlan;
use super::run::Prepared;
use super::stage::{Staged, StagedWrite};
use crate::location::Location;
use crate::outcome::{Action, FoundConflict};
use crate::request::SyncRequest;

/// The plan of an entity, without what it was made of.
pub(super) struct Planned {
    pub(super) name: EntityName,
    pub(super) report: EntityReport,
    pub(super) actions: Vec<Action>,
    pub(super) conflicts: Vec<FoundConflict>,
    pub(super) problems: Vec<Problem>,
    pub(super) notices: Vec<Problem>,
    /// Digests of both files as they were read; `None` for one that is missing.
    pub(super) digests: [Option<[u8; 32]>; 2],
    /// Digest of the rules and policies in force.
    pub(super) rules: [u8; 16],
    /// Runs whose writes nobody knows to be done, by side.
    pub(super) unknown_writes: [Vec<RunId>; 2],
    /// Where both files are.
    pub(super) locations: [Location; 2],
    /// What is to be told of those that are somewhere else than before.
    pub(super) moves: [Option<Move>; 2],
    /// Whether every record was dealt with.
    is_finished: bool,
    /// What each domain holds after the run; nothing for a plan.
    indexes: [Option<NextIndex>; 2],
}

impl Planned {
    /// Takes from a plan what is needed after it.
    pub(super) fn of(plan: EntityPlan, indexes: [Option<NextIndex>; 2]) -> Self {
        let digests = plan.input.sides.each_ref().map(|side| side.digest);
        let rules = plan.input.rules;
        let moves = plan.input.sides.each_ref().map(Move::of);
        let [source, target] = plan.input.sides;
        Self {
            locations: [source.location, target.location],
            moves,
            name: plan.name,
            report: plan.report,
            actions: plan.actions,
            conflicts: plan.conflicts,
            problems: plan.problems,
            notices: plan.notices,
            digests,
            rules,
            unknown_writes: [source.unknown_writes, target.unknown_writes],
            is_finished: plan.unfinished.is_empty(),
            indexes,
        }
    }
}

/// The index of what a domain holds after a run, encoded.
pub(super) struct NextIndex {
    row: Vec<u8>,
    /// Whether it says something else than the stored one, the position left aside.
    differs: bool,
    /// The end of the log in the stored one.
    position: Position,
    /// Whether the end of the log moves with the run.
    moves: bool,
}

impl NextIndex {
    /// Returns what a domain holds once a write is done. The domain is known to have held the
    /// records that were not dealt with, and the next run looks at them again.
    pub(super) fn of(plan: &EntityPlan, side: Side, staged: Option<&Staged>) -> Self {
        let input = &plan.input.sides[side.index()];
        let old = &input.index;
        let is_finished = plan.unfinished.is_empty();
        // What was put off may have changed at the hub alone: the log is read again from there.
        let (position, moves) = (old.position, is_finished || plan.input.unchanged);
        if plan.input.unchanged {
            return Self { row: old.encode(), differs: false, position, moves };
        }
        let (file, bytes) = match staged {
            Some((write, new)) => (Some(write.entry.staged.digest.0), new.bytes),
            None => (input.digest, input.document.bytes().len() as u64),
        };
        let is_whole = is_finished && plan.problems.is_empty();
        let file = file.filter(|_| is_whole);
        let items = new_items(plan, input, staged);
        let bytes = if file.is_some() { bytes } else { 0 };
        let rules = plan.input.rules;
        let mut new =
            DomainIndex { file, bytes, rules, position, items, names: ItemNames::default() };
        if !input.is_plain() {
            let written = staged.iter().flat_map(|(write, _)| &write.entry.records);
            let written: BTreeSet<&RecordId> = written.collect();
            new.set_names(|id| plan.names_after(side, id, written.contains(id)));
        }
        Self { row: new.encode(), differs: new != *old, position, moves }
    }

    /// Returns the row to be stored at the end of the log, if it is another than the stored one.
    fn into_row(mut self, end: Position) -> Option<Vec<u8>> {
        let position = if self.moves { end } else { self.position };
        DomainIndex::set_position(&mut self.row, position);
        (self.differs || position != self.position).then_some(self.row)
    }
}

/// Returns the items of a file after the run, sorted by id, with their digests.
fn new_items(
    plan: &EntityPlan,
    input: &SideInput,
    staged: Option<&Staged>,
) -> Vec<(RecordId, ItemDigest)> {
    let changed = staged.iter().flat_map(|(write, _)| &write.entry.records);
    let changed: BTreeSet<&RecordId> = changed.collect();
    let document = &input.document;
    let kept = document.items_by_id().filter(|item| !changed.contains(&item.id));
    let mut items: Vec<_> = kept.map(|item| (item.id.clone(), item.digest)).collect();
    items.extend(staged.iter().flat_map(|(_, new)| &new.items).cloned());
    items.sort();
    let is_present = |id| items.binary_search_by(|(known, _)| known.cmp(id)).is_ok();
    let uncertain = input.index.items.iter().filter(|(id, _)| {
        plan.unfinished.contains(id)
            || (plan.left.contains(id) && !is_present(id))
            || document.is_withheld(id)
            || (document.has_unnamed() && !is_present(id))
    });
    let uncertain: Vec<_> = uncertain.map(|(id, _)| (id.clone(), DIGEST_UNKNOWN)).collect();
    items.retain(|(id, _)| !plan.unfinished.contains(id));
    if !uncertain.is_empty() {
        items.extend(uncertain);
        items.sort();
        items.dedup_by(|a, b| a.0 == b.0);
    }
    items
}

impl Prepared {
    /// Adds what each domain holds after the run, where that has changed. Of a file that was not
    /// replaced nothing is known but what was known before.
    pub(super) fn add_indexes(&mut self, request: &SyncRequest, end: Position, batch: &mut Batch) {
        for entity in &mut self.entities {
            for side in Side::BOTH {
                let is_this =
                    |write: &&StagedWrite| write.entity == entity.name && write.side == side;
                if self.writes.iter().find(is_this).is_some_and(|write| !write.is_done) {
                    continue;
                }
                let domain = request.domain(side).domain.name.clone();
                let index = entity.indexes[side.index()].take();
                if let Some(row) = index.and_then(|index| index.into_row(end)) {
                    let (domain, entity) = (domain.clone(), Some(entity.name.clone()));
                    batch.put(Key::Domain { domain, entity }, row);
                }
                for run in entity.unknown_writes[side.index()].iter().filter(|_| entity.is_finished)
                {
                    let (run, domain) = (run.clone(), domain.clone());
                    batch.delete(Key::Journal { run, domain, entity: entity.name.clone() });
                }
            }
        }
    }
}
