//! Planning one entity: every changed record is planned, counted, and gathered into the run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::SyncSender;

use syncline_domains::files::document::{Change, Document};
use syncline_domains::files::patch::{PatchError, patch};
use syncline_engine::conflicts::{ConflictRow, Status};
use syncline_engine::index::{DIGEST_UNKNOWN, DomainIndex, ItemDigest};
use syncline_engine::link::Side;
use syncline_engine::rows::{Key, Scan};
use syncline_engine::sync::{
    EntityReport, Held, Known, Naming, Party, Planner, Problem, RecordPlan, Write, base_key,
    base_of, rewritten,
};
use syncline_engine::undo::{Found, FoundBase};
use syncline_merge::codec::decode_record_near;
use syncline_merge::commit::Site;
use syncline_merge::conflict::Conflict;
use syncline_merge::display::{Fields, is_visible, value_at, visible};
use syncline_merge::plain::{Base, Notice};
use syncline_merge::rules::{Approver, EntityRules};
use syncline_model::clock::Clock;
use syncline_model::id::{EntityName, RecordId};
use syncline_model::json::{Json, Leaf, Object, parse};
use syncline_model::path::Path;
use syncline_model::version::Version;
use syncline_policy::{Origin, Toll};

use super::input::{EntityInput, SideInput, problems};
use super::named::NamesLookedAt;
use super::record::{PlannedRecord, Plans, send};
use crate::error::HubError;
use crate::outcome::{Action, ActionKind, FieldChange, FoundConflict};
use crate::request::{FileEntity, SyncRequest};
use crate::twins;
use crate::view::View;

/// Records loaded from the store and planned at once: as many as stay in the processor's caches.
const RECORDS_PER_LOAD: usize = 128;

/// The plan of one entity.
pub(crate) struct EntityPlan {
    /// The entity.
    pub(crate) name: EntityName,
    /// Where a record says what its id is.
    pub(crate) id_path: Path,
    /// What was read.
    pub(crate) input: EntityInput,
    /// What it comes to.
    pub(crate) report: EntityReport,
    /// Whether the fields of records that come or go are told: they are in a plan, and where twins are
    /// looked for among them.
    tells_all_fields: bool,
    /// What is done to single records.
    pub(crate) actions: Vec<Action>,
    /// Conflicts found.
    pub(crate) conflicts: Vec<FoundConflict>,
    /// What is written to each file.
    pub(crate) changes: [Vec<(RecordId, Rewrite)>; 2],
    /// Records that each side held when it was last known, and lacks now.
    removed: [u64; 2],
    /// Records that could not be dealt with: they are looked at again in the next run.
    pub(crate) unfinished: BTreeSet<RecordId>,
    /// What went wrong with single records.
    pub(crate) problems: Vec<Problem>,
    /// What a person should know.
    pub(crate) notices: Vec<Problem>,
    /// Records that each side would have taken, if it could be written.
    waiting: [u64; 2],
    /// Records of the target that take another id, and the one that they had.
    pub(super) united: BTreeMap<RecordId, RecordId>,
    /// Records that are left alone until a run that may remove them: the index goes on to know them.
    pub(crate) left: BTreeSet<RecordId>,
    /// Records that were put off since a side lacks them.
    pub(super) missing_left: u64,
    /// The names that the records which were looked at have on each side, or get there.
    pub(super) names: [NamesLookedAt; 2],
}

/// What becomes of one record of a file.
pub(crate) enum Rewrite {
    /// It is written.
    Put(Object),
    /// It is added as the other domain has it.
    Copy,
    /// It is removed.
    Remove,
}

/// What is stored of the conflicts, by record.
pub(crate) type ListedConflicts = BTreeMap<RecordId, Vec<ConflictRow>>;

impl View<'_> {
    /// Plans one entity.
    ///
    /// - `clock`: what the hub's clock is after the run so far.
    /// - `plans`: takes the plans of the records, to be stored; without it they are dropped.
    pub(super) fn plan_entity(
        &self,
        request: &SyncRequest,
        entity: &FileEntity,
        mut input: EntityInput,
        (now_ms, clock): (u64, &mut Clock),
        plans: Option<&SyncSender<Plans>>,
    ) -> Result<EntityPlan, HubError> {
        let planner = planner(request, entity);
        let tells_all_fields = plans.is_none() || !entity.identifying.is_empty();
        let united = self.unite_twins(request, entity, &planner, &mut input)?;
        let mut plan = EntityPlan::new(request, entity, input, tells_all_fields);
        plan.united = united;
        plan.report.failed = plan.problems.len() as u64;
        plan.report.open = self.open_conflicts(&plan.name)?;
        if plan.input.unchanged {
            count_known(&mut plan);
            return Ok(plan);
        }
        let changed = self.changed_records(&plan.input, &plan.name)?;
        let (ids, put_off): (Vec<_>, Vec<_>) =
            changed.into_iter().partition(|id| request.narrowing.names(&plan.name, id));
        plan.unfinished.extend(put_off);
        count_unchanged(&mut plan, &ids);
        let mut listed = self.listed_conflicts(&plan.name, &ids)?;
        let floor = Version::new();
        let is_new = self.is_new(&planner)?;
        if let Some(plans) = plans {
            self.forget_bases(&planner, &plan, plans)?;
        }
        for chunk in ids.chunks(RECORDS_PER_LOAD) {
            let loaded = self.load(&planner, &plan.input, chunk, is_new)?;
            let mut records = Vec::with_capacity(loaded.len());
            for Loaded { id, mut known, mut found } in loaded {
                plan.note_names(&id, &found);
                found.former = plan.united.get(&id).cloned();
                known.renamed[Side::Target.index()] = found.former.is_some();
                if plan.puts_off(&planner, request, &id, &known) {
                    continue;
                }
                let listed = listed.remove(&id).unwrap_or_default();
                let mut site =
                    Site { id: self.site, clock: &mut *clock, now_ms, floor: &floor, lost: &[] };
                let planned = plan.record(&planner, &id, known, &listed, &mut site);
                records.extend(planned.map(|plan| PlannedRecord { id, plan, found, listed }));
            }
            if let (Some(plans), false) = (plans, records.is_empty()) {
                send(plans, Plans { names: planner.recording(), forgotten: Vec::new(), records })?;
            }
        }
        plan.tell_waiting(&planner);
        plan.tell_names(&planner, &ids);
        plan.tell_missing_left();
        plan.tell_held_back(&planner);
        plan.tell_united();
        plan.notices.extend(twins::notice(entity, &plan.actions));
        if plans.is_some() {
            let moved = plan.actions.iter_mut().filter(|action| action.kind != ActionKind::Update);
            moved.for_each(|action| action.fields = Vec::new());
        }
        Ok(plan)
    }

    /// Returns how many conflicts of an entity wait for a person.
    pub(super) fn open_conflicts(&self, entity: &EntityName) -> Result<u64, HubError> {
        let mut open = 0;
        self.for_each(&Scan::OpenConflicts { entity: entity.clone() }, |_, _| {
            open += 1;
            Ok(())
        })?;
        Ok(open)
    }

    /// Returns whether nothing is stored of an entity: then nothing has to be looked up.
    fn is_new(&self, planner: &Planner<'_>) -> Result<bool, HubError> {
        let entity = planner.entity.name.clone();
        let mut is_new = self.is_empty(&Scan::Records { entity: entity.clone() })?;
        for party in &planner.parties {
            let (domain, entity) = (party.domain.name.clone(), entity.clone());
            is_new &= self.is_empty(&Scan::Bases { domain, entity })?;
        }
        Ok(is_new)
    }

    /// Loads what is known of some records.
    fn load(
        &self,
        planner: &Planner<'_>,
        input: &EntityInput,
        ids: &[RecordId],
        is_new: bool,
    ) -> Result<Vec<Loaded>, HubError> {
        let entity = &planner.entity.name;
        let mut keys = Vec::with_capacity(ids.len() * 3);
        for id in ids.iter().filter(|_| !is_new) {
            keys.push(Key::Record { entity: entity.clone(), id: id.clone() });
            for party in &planner.parties {
                keys.push(base_key(&party.domain.name, entity, id));
            }
        }
        let rows = self.rows.get_many(&keys)?;
        let is_base = |(key, _): &(&Key, _)| matches!(key, Key::Base { .. });
        let bases = keys.iter().zip(&rows).filter(is_base);
        let named = self.named_entries(bases.filter_map(|(_, row)| row.as_deref()))?;
        let mut rows = rows.into_iter();
        let stored = if is_new { &[] } else { ids };
        let mut outside = self.bases_outside(planner, stored)?.into_iter();
        let mut loaded = Vec::with_capacity(ids.len());
        for id in ids {
            let side = |side: Side| &input.sides[side.index()];
            let mut row = || rows.next().flatten();
            let (found, [of_source, of_target]) = (row(), [row(), row()]);
            let held = |at: Side, row: Option<&[u8]>| -> Result<_, HubError> {
                // Only who may have other names for its fields is asked what it is known to hold.
                let row = row.filter(|_| !side(at).is_plain() && side(at).keeps_base(id));
                let known = named.decode(row, &[])?;
                let known: Vec<_> = known.iter().flat_map(|base| base.may_hold(None)).collect();
                Ok(side(at).held(id, &planner.entity.id_path, &known))
            };
            let (in_source, source_names) = held(Side::Source, of_source.as_deref())?;
            let (in_target, target_names) = held(Side::Target, of_target.as_deref())?;
            let held = [in_source, in_target];
            let [source, target] = held.each_ref().map(Held::fields);
            let either = if source.is_empty() { target } else { source };
            let record =
                decoded(found.as_deref(), "records", |row| decode_record_near(row, either))?;
            let mut bases = [
                named.decode(of_source.as_deref(), source)?,
                named.decode(of_target.as_deref(), target)?,
            ];
            for at in Side::BOTH.into_iter().filter(|at| !side(*at).keeps_base(id)) {
                bases[at.index()] = None;
            }
            let written = Side::BOTH.map(|at| side(at).unknown_writes.is_empty().then_some(true));
            let base = |row, at: Side, naming| {
                let written = written[at.index()];
                FoundBase { row, written, naming }
            };
            let bases_found = [
                base(of_source, Side::Source, source_names),
                base(of_target, Side::Target, target_names),
            ];
            let found = Found { record: found, bases: bases_found, ..Found::default() };
            let outside = outside.by_ref().take(planner.bystanders.len()).collect();
            let known = Known { record, held, bases, written, renamed: [false; 2], outside };
            loaded.push(Loaded { id: id.clone(), known, found });
        }
        Ok(loaded)
    }

    /// Loads what the bystanders are known to hold of some records, record by record.
    fn bases_outside(
        &self,
        planner: &Planner<'_>,
        ids: &[RecordId],
    ) -> Result<Vec<Option<Base>>, HubError> {
        let entity = &planner.entity.name;
        let of = |id| planner.bystanders.iter().map(move |of| base_key(of.name(), entity, id));
        let keys: Vec<Key> = ids.iter().flat_map(of).collect();
        self.bases(&keys)
    }
}

/// What is known of a record before planning.
struct Loaded {
    id: RecordId,
    known: Known,
    /// As it is stored.
    found: Found,
}

/// Returns what is the same for all records of an entity.
pub(crate) fn planner<'r>(request: &'r SyncRequest, entity: &'r FileEntity) -> Planner<'r> {
    let party = |side: Side| {
        let [domain, other] = [side, side.other()].map(|side| request.domain(side));
        let gate = domain.gate(&entity.entity.name);
        let gate = match request.direction.mirrors(side) {
            true => gate.mirroring(other.gate(&entity.entity.name)),
            false => gate,
        };
        Party { domain: &domain.domain, gate }
    };
    Planner {
        entity: &entity.entity,
        parties: [party(Side::Source), party(Side::Target)],
        direction: request.direction,
        bystanders: request.bystanders(&entity.entity.name),
    }
}

fn decoded<T>(
    bytes: Option<&[u8]>,
    table: &'static str,
    decode: impl Fn(&[u8]) -> Result<T, syncline_model::codec::DecodeError>,
) -> Result<Option<T>, HubError> {
    let row = bytes.map(decode).transpose();
    row.map_err(|source| HubError::Damaged { table, source })
}

/// Counts the records of files that nobody has changed, from what the last run left.
fn count_known(plan: &mut EntityPlan) {
    // What a domain lacks may be known there all the same, for a run to come.
    let is_there = |(_, digest): &&(RecordId, ItemDigest)| *digest != DIGEST_UNKNOWN;
    let [source, target] = plan.input.sides.each_ref().map(|side| &side.index);
    let count = |index: &DomainIndex| index.items.iter().filter(is_there).count() as u64;
    plan.report.read = [count(source), count(target)];
    let in_source = |id| source.get(id).is_some_and(|digest| *digest != DIGEST_UNKNOWN);
    let in_target = target.items.iter().filter(is_there);
    let only_target = in_target.filter(|(id, _)| !in_source(id)).count();
    plan.report.merged = plan.report.read[0] + only_target as u64;
    plan.report.unchanged = plan.report.merged;
}

/// Counts the records that nobody has changed; `taken` are the others, sorted by id.
fn count_unchanged(plan: &mut EntityPlan, taken: &[RecordId]) {
    let documents = plan.input.sides.each_ref().map(|side| &side.document);
    plan.report.read = documents.map(|document| document.items().len() as u64);
    let [source, target] = documents.map(|document| document.items_by_id().map(|item| &item.id));
    let (mut source, mut target) = (source.peekable(), target.peekable());
    let mut taken = taken.iter().peekable();
    let mut unchanged = 0;
    while let Some(id) = source.peek().into_iter().chain(target.peek()).min().copied() {
        source.next_if_eq(&id);
        target.next_if_eq(&id);
        while taken.next_if(|taken| *taken < id).is_some() {}
        unchanged += u64::from(taken.next_if_eq(&id).is_none());
    }
    plan.report.unchanged = unchanged;
    plan.report.merged = unchanged;
}

impl EntityPlan {
    /// Returns the plan of an entity before any of its records is looked at.
    fn new(
        request: &SyncRequest,
        entity: &FileEntity,
        input: EntityInput,
        tells_all_fields: bool,
    ) -> Self {
        let name = entity.entity.name.clone();
        Self {
            problems: problems(&input, request, &name),
            notices: Vec::new(),
            name,
            id_path: entity.entity.id_path.clone(),
            input,
            report: EntityReport::default(),
            tells_all_fields,
            actions: Vec::new(),
            conflicts: Vec::new(),
            changes: [Vec::new(), Vec::new()],
            removed: [0; 2],
            unfinished: BTreeSet::new(),
            waiting: [0; 2],
            united: BTreeMap::new(),
            left: BTreeSet::new(),
            missing_left: 0,
            names: Default::default(),
        }
    }

    /// Plans one record and counts what it comes to; nothing if it is refused.
    fn record(
        &mut self,
        planner: &Planner<'_>,
        id: &RecordId,
        known: Known,
        listed: &[ConflictRow],
        site: &mut Site<'_>,
    ) -> Option<RecordPlan> {
        let mut plan = match planner.record(known, site) {
            Ok(plan) => plan,
            Err(refusal) => {
                self.unfinished.insert(id.clone());
                self.report.failed += 1;
                self.problems.push(Problem {
                    code: refusal.code().to_owned(),
                    domain: None,
                    entity: Some(self.name.clone()),
                    item: Some(id.as_str().to_owned()),
                    reason: refusal.to_string(),
                    fix: "the record is left as it is on both sides; see the error's page"
                        .to_owned(),
                });
                return None;
            }
        };
        // Before anything is stored: what cannot be written must not be known as about to be.
        for side in Side::BOTH {
            let Some(write) = &plan.writes[side.index()] else {
                continue;
            };
            match self.change(side, id, write) {
                Ok((change, naming)) => {
                    self.changes[side.index()].push((id.clone(), change));
                    if let Some(naming) = naming {
                        self.names[side.index()].insert(id.clone(), naming);
                    }
                }
                Err(error) => {
                    self.unwritable(id, error.code(), &error.to_string());
                    plan.give_up(side);
                }
            }
        }
        for change in plan.changes.iter().filter(|c| c.before.is_some() && c.after.is_none()) {
            self.removed[change.side.index()] += 1;
        }
        self.count(planner, id, &plan);
        if plan.is_left {
            self.left.insert(id.clone());
        }
        self.note_conflicts(planner, id, &plan, listed);
        for side in Side::BOTH {
            if let Some(write) = &plan.writes[side.index()] {
                self.write(planner, side, id, write, &plan);
            }
        }
        Some(plan)
    }

    fn count(&mut self, planner: &Planner<'_>, id: &RecordId, plan: &RecordPlan) {
        let deletion = planner.entity.rules.deletion;
        let exists = plan.record.as_ref().is_some_and(|record| is_visible(record, deletion));
        let is_held = || self.input.sides.iter().any(|side| side.document.item(id).is_some());
        let is_set_aside = plan.kept_back.contains(&true) && is_held();
        let exists = exists || plan.stays.contains(&true) || is_set_aside;
        self.report.merged += u64::from(exists);
        for side in Side::BOTH {
            self.report.filtered += u64::from(plan.kept_back[side.index()]);
            self.waiting[side.index()] += u64::from(plan.waiting[side.index()]);
        }
        let idle = plan.changes.is_empty() && plan.writes.iter().all(Option::is_none);
        self.report.unchanged += u64::from(idle && exists);
        let (name, domains) = (&self.name, &planner.parties);
        for (side, notice) in &plan.notices {
            let (code, reason, fix) = match notice {
                Notice::DeletedHere => (
                    "DELETED_HERE",
                    "the record was deleted and this domain still holds it; it is not created again by itself",
                    "delete it here, or give it a new id to keep it",
                ),
                Notice::RemovedFromAppend { .. } => (
                    "REMOVED_FROM_APPEND",
                    "elements were removed from a list that only grows",
                    "they stay at the hub, and come back here with the next change of the record; change the field's shape if elements may be removed",
                ),
                Notice::Replaced { .. } => (
                    "VALUE_REPLACED",
                    "this domain held a value of its own in a field that it receives and cannot edit; the value gave way",
                    "an undo of the run brings it back; allow the field in the domain's policy to keep what is edited there",
                ),
                _ => continue,
            };
            self.notices.push(Problem {
                code: code.to_owned(),
                domain: Some(domains[side.index()].domain.name.clone()),
                entity: Some(name.clone()),
                item: Some(id.as_str().to_owned()),
                reason: reason.to_owned(),
                fix: fix.to_owned(),
            });
        }
    }

    /// Tells of edits that a domain takes only once it may be written.
    fn tell_waiting(&mut self, planner: &Planner<'_>) {
        for (party, waiting) in planner.parties.iter().zip(self.waiting) {
            if waiting > 0 {
                self.notices.push(Problem {
                    code: "DOMAIN_READ_ONLY".to_owned(),
                    domain: Some(party.domain.name.clone()),
                    entity: Some(self.name.clone()),
                    item: None,
                    reason: format!(
                        "{waiting} records differ from the other side, and may not be written here"
                    ),
                    fix: "set `writable = true`, or a direction that leads away from this domain"
                        .to_owned(),
                });
            }
        }
    }

    /// Counts the conflicts that are new, and notes them for those who look at the plan.
    fn note_conflicts(
        &mut self,
        planner: &Planner<'_>,
        id: &RecordId,
        plan: &RecordPlan,
        listed: &[ConflictRow],
    ) {
        let open = |conflicts: &[Conflict]| conflicts.iter().filter(|c| c.open).count() as u64;
        let was_open = listed.iter().filter(|row| row.status == Status::Open).count() as u64;
        self.report.open = (self.report.open + open(&plan.conflicts)).saturating_sub(was_open);
        let known: BTreeSet<String> = listed.iter().map(ConflictRow::conflict_id).collect();
        let named = plan.conflicts.iter().map(|conflict| (conflict.id(&self.name, id), conflict));
        let new: Vec<_> = named.filter(|(name, _)| !known.contains(name)).collect();
        if new.is_empty() {
            return;
        }
        self.report.conflicts += 1;
        self.report.manual += u64::from(new.iter().any(|(_, conflict)| conflict.open));
        let fields = plan.record.as_ref().and_then(|r| visible(r, &planner.entity.rules, None));
        for (name, conflict) in new {
            let shown = |fields: &Fields| value_at(fields, &conflict.path, &planner.entity.rules);
            self.conflicts.push(FoundConflict {
                conflict: Some(name),
                entity: self.name.clone(),
                id: id.clone(),
                path: conflict.path.clone(),
                base: base_of(conflict, &plan.base_values, listed),
                sides: conflict.sides.iter().map(|s| (s.writer.clone(), s.value.clone())).collect(),
                shown: fields.as_ref().and_then(shown),
                open: conflict.open,
                approvers: approvers(&planner.entity.rules, &conflict.path),
            });
        }
    }

    /// Notes what is written to one domain.
    fn write(
        &mut self,
        planner: &Planner<'_>,
        side: Side,
        id: &RecordId,
        write: &Write,
        plan: &RecordPlan,
    ) {
        let at = side.index();
        let (kind, count) = match (&write.before, &write.after) {
            (None, _) => (ActionKind::Add, &mut self.report.added[at]),
            (Some(_), Some(_)) => (ActionKind::Update, &mut self.report.updated[at]),
            (Some(_), None) => (ActionKind::Delete, &mut self.report.deleted[at]),
        };
        *count += 1;
        let origins: BTreeSet<Side> = plan.changes.iter().map(|change| change.side).collect();
        let origin = match (origins.len(), origins.first()) {
            (1, Some(side)) => Some(planner.parties[side.index()].domain.writer.clone()),
            _ => None,
        };
        self.actions.push(Action {
            entity: self.name.clone(),
            id: id.clone(),
            side,
            kind,
            fields: if kind == ActionKind::Update || self.tells_all_fields {
                field_changes(write)
            } else {
                Vec::new()
            },
            origin,
            former: self.united.get(id).filter(|_| side == Side::Target).cloned(),
        });
    }

    /// Returns the change of the file that writes a record, and the names that its fields have then.
    fn change(
        &self,
        side: Side,
        id: &RecordId,
        write: &Write,
    ) -> Result<(Rewrite, Option<Naming>), PatchError> {
        let Some(after) = &write.after else {
            return Ok((Rewrite::Remove, None));
        };
        let [input, other] = [side, side.other()].map(|side| &self.input.sides[side.index()]);
        let own = object(&input.document, input.document.item(id));
        if own.is_none() && write.is_copy && input.is_plain() && other.is_plain() {
            return Ok((Rewrite::Copy, None));
        }
        // Only a new record is written in the order of the other domain's.
        let example = other.document.item(id).filter(|_| own.is_none());
        let template = object(&other.document, example);
        let before = write.before.clone().unwrap_or_default();
        let (before, mut after, naming) = match input.is_plain() {
            true => (before, after.clone(), None),
            false => self.named(side, id, (&before, after))?,
        };
        if own.is_none() {
            let spelled = id_leaf(id, template.as_ref(), &self.id_path);
            after.push((self.id_path.clone(), spelled));
            after.sort();
        }
        let object = patch(own.as_ref(), template.as_ref(), &before, &after)?;
        Ok((Rewrite::Put(object), naming))
    }

    /// Returns what is written of a record under the names that it has, what it is to hold under
    /// those that it gets, and the latter.
    fn named(
        &self,
        side: Side,
        id: &RecordId,
        (before, after): (&Fields, &Fields),
    ) -> Result<(Fields, Fields, Option<Naming>), PatchError> {
        let SideInput { renames, .. } = &self.input.sides[side.index()];
        let own = self.input.sides[side.index()].own_fields(id).unwrap_or_default();
        let present = Naming::of(renames);
        let naming = self.names[side.index()].get(id).unwrap_or(&present);
        let named = rewritten(naming, renames, &own, (before, after));
        let named = named.map_err(|path| PatchError::Blocked { path })?;
        Ok((named.before, named.after, Some(named.naming)))
    }

    /// Returns the changes of one file as its document takes them.
    pub(crate) fn file_changes(
        &self,
        side: Side,
        changes: Vec<(RecordId, Rewrite)>,
    ) -> Vec<Change<'_>> {
        let other = &self.input.sides[side.other().index()].document;
        let change = |(id, rewrite)| match rewrite {
            Rewrite::Put(object) => Change::put(id, object),
            Rewrite::Copy => {
                let item = other.item(&id);
                Change::copy(id, item.map(|item| other.raw(item)).unwrap_or_default())
            }
            Rewrite::Remove => Change::remove(id),
        };
        changes.into_iter().map(change).collect()
    }

    /// Notes a record that cannot be written; it is looked at again in the next run.
    fn unwritable(&mut self, id: &RecordId, code: &str, reason: &str) {
        self.unfinished.insert(id.clone());
        self.report.failed += 1;
        self.problems.push(Problem {
            code: code.to_owned(),
            domain: None,
            entity: Some(self.name.clone()),
            item: Some(id.as_str().to_owned()),
            reason: reason.to_owned(),
            fix: "the record stays as it is in this domain".to_owned(),
        });
    }

    /// Returns what a guard has to judge, for one side.
    pub(crate) fn toll<'a>(&'a self, request: &'a SyncRequest, side: Side) -> Toll<'a> {
        let at = side.index();
        let index = &self.input.sides[at].index;
        let origin = &self.input.sides[side.other().index()];
        // After a write that failed nothing is stored of what the side held, but for its records.
        let held_some = !origin.index.items.is_empty() || self.removed[side.other().index()] > 0;
        let updates = self.actions.iter().filter(|action| {
            action.side == side
                && action.kind == ActionKind::Update
                && index.get(&action.id).is_some()
        });
        Toll {
            entity: self.name.as_str(),
            side: request.domain(side).domain.name.as_str(),
            size_before: self.input.sides[at].document.items().len() as u64,
            deletes: self.report.deleted[at],
            changes: updates.count() as u64,
            origin: match (held_some, origin.digest) {
                (true, None) => Origin::Missing,
                (true, Some(_)) if origin.document.items().is_empty() => Origin::Emptied,
                _ => Origin::Holds,
            },
        }
    }
}

/// Returns the id as it is written: as the other domain spells it, else as a text.
fn id_leaf(id: &RecordId, template: Option<&Object>, id_path: &Path) -> Leaf {
    let spelled = template.cloned().map(Json::Object);
    let spelled = spelled.as_ref().and_then(|object| object.at(id_path));
    let leaf = spelled.and_then(|id| Leaf::from_json(id).ok());
    leaf.unwrap_or_else(|| Leaf::string(id.as_str()))
}

fn object(
    document: &Document<'_>,
    item: Option<&syncline_domains::files::document::Item>,
) -> Option<Object> {
    match parse(document.raw(item?)) {
        Ok(Json::Object(object)) => Some(object),
        _ => None,
    }
}

fn field_changes(write: &Write) -> Vec<FieldChange> {
    let nothing = Fields::new();
    let before = write.before.as_ref().unwrap_or(&nothing);
    let after = write.after.as_ref().unwrap_or(&nothing);
    let find = |fields: &Fields, path: &Path| {
        let found = fields.binary_search_by(|(known, _)| known.cmp(path));
        found.ok().map(|index| fields[index].1.clone())
    };
    let mut changes: Vec<FieldChange> = Vec::new();
    for (path, from) in before {
        let to = find(after, path);
        if to.as_ref() != Some(from) {
            changes.push(FieldChange { path: path.clone(), from: Some(from.clone()), to });
        }
    }
    for (path, to) in after {
        if find(before, path).is_none() {
            changes.push(FieldChange { path: path.clone(), from: None, to: Some(to.clone()) });
        }
    }
    changes.sort_by(|a, b| a.path.cmp(&b.path));
    changes
}

/// Returns the users and roles who alone may decide about a field; none where everybody may.
fn approvers(rules: &EntityRules, path: &Path) -> Vec<String> {
    let approvers = rules.rule(path).approvers().unwrap_or_default();
    approvers.iter().map(Approver::name).map(str::to_owned).collect()
}
