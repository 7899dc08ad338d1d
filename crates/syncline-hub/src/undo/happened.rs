//! What a run did, what came after it, and what the files held before it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use syncline_domains::files::document::Document;
use syncline_engine::link::Side;
use syncline_engine::log::LogEntry;
use syncline_engine::rows::{Key, Scan};
use syncline_engine::sync::Naming;
use syncline_engine::undo::FoundBase;
use syncline_merge::display::Fields;
use syncline_model::id::{EntityName, Position, RecordId, RunId};
use syncline_model::json::fields::flatten;
use syncline_model::json::{Json, Object, parse};

use super::files::Return;
use crate::error::HubError;
use crate::hub::Hub;
use crate::request::FileEntity;
use crate::runs::decode_entry;

/// A record, by its entity.
pub(super) type RecordKey = (EntityName, RecordId);

/// A record in one domain.
pub(super) type SideRecord = (Side, EntityName, RecordId);

/// What a run did at the hub, and what came after.
pub(super) struct Happened {
    /// The changes of the run, in order, by record.
    touched: BTreeMap<RecordKey, Vec<LogEntry>>,
    /// Records that were changed after the run, and say something else since.
    since: BTreeSet<RecordKey>,
    /// Undos of what came after the run, in order, by record.
    taken_back: BTreeMap<RecordKey, Vec<RunId>>,
    /// What an undo of the run has left of it, and this one may take back; nothing where that is all.
    rest: Option<BTreeSet<RecordKey>>,
}

impl Happened {
    /// Lets only what an earlier undo of the run has left be taken back.
    pub(super) fn only(mut self, rest: BTreeSet<RecordKey>) -> Self {
        self.touched.retain(|key, _| rest.contains(key));
        self.rest = Some(rest);
        self
    }

    /// Returns whether the run's doings on a record may be taken back.
    pub(super) fn is_to_undo(&self, entity: &EntityName, id: &RecordId) -> bool {
        let is_in = |rest: &BTreeSet<RecordKey>| rest.contains(&(entity.clone(), id.clone()));
        self.rest.as_ref().is_none_or(is_in)
    }

    /// Returns whether a record was changed after the run, and that was not taken back.
    pub(super) fn is_changed_since(&self, key: &RecordKey) -> bool {
        self.since.contains(key)
    }

    /// Returns the records of an entity that the run changed at the hub.
    pub(super) fn touched_of(&self, entity: &EntityName) -> impl Iterator<Item = &RecordId> {
        self.touched.keys().filter(move |(of, _)| of == entity).map(|(_, id)| id)
    }

    /// Returns the records of an entity that came with the run.
    pub(super) fn come_of(&self, entity: &EntityName) -> impl Iterator<Item = &RecordId> {
        let came = |entries: &[LogEntry]| entries.first().is_some_and(|e| e.before.is_none());
        let come =
            self.touched.iter().filter(move |(key, entries)| key.0 == *entity && came(entries));
        come.map(|((_, id), _)| id)
    }

    /// Returns the run's changes of a record, in order.
    pub(super) fn entries(&self, entity: &EntityName, id: &RecordId) -> &[LogEntry] {
        let key = (entity.clone(), id.clone());
        self.touched.get(&key).map(Vec::as_slice).unwrap_or_default()
    }

    /// Returns the undos of what came after the run on a record, in order.
    pub(super) fn taken_back(&self, entity: &EntityName, id: &RecordId) -> &[RunId] {
        let key = (entity.clone(), id.clone());
        self.taken_back.get(&key).map(Vec::as_slice).unwrap_or_default()
    }

    /// Returns the records of an entity that go back: what the run changed, and what it wrote
    /// without a change of its own, but for what stays.
    pub(super) fn returning(
        &self,
        entity: &EntityName,
        returns: &[Return],
        stays: &BTreeSet<RecordKey>,
    ) -> BTreeSet<RecordId> {
        let in_files = returns.iter().filter(|back| back.entity == *entity);
        let in_files = in_files.flat_map(|back| &back.records);
        let mut ids: BTreeSet<RecordId> =
            self.touched_of(entity).chain(in_files).cloned().collect();
        ids.retain(|id| {
            let key = (entity.clone(), id.clone());
            !self.since.contains(&key) && !stays.contains(&key)
        });
        ids
    }
}

/// The files of one entity that go back, to look up what they held before the run.
pub(super) struct InFiles<'a> {
    sides: [Option<&'a Return>; 2],
}

impl<'a> InFiles<'a> {
    pub(super) fn of(entity: &FileEntity, returns: &'a [Return]) -> Self {
        let of = |side| {
            returns.iter().find(|back| back.side == side && back.entity == entity.entity.name)
        };
        Self { sides: Side::BOTH.map(of) }
    }

    /// Returns what a domain's file held of a record before the run; nothing if the file does not
    /// go back.
    ///
    /// - `found`: what the run found of the domain, if that is kept.
    pub(super) fn held(
        &self,
        side: Side,
        entity: &FileEntity,
        id: &RecordId,
        found: Option<&FoundBase>,
    ) -> Option<Option<Fields>> {
        let back = self.of_side(side)?;
        Some(item_of(&back.earlier, entity, id, &back.names_before(id, found)))
    }

    /// Returns the file of a side, if it goes back.
    pub(super) const fn of_side(&self, side: Side) -> Option<&'a Return> {
        self.sides[side.index()]
    }
}

/// Returns the fields of an item of a file, under the names of the hub.
pub(super) fn item_of(
    file: &Document<'_>,
    entity: &FileEntity,
    id: &RecordId,
    naming: &Naming,
) -> Option<Fields> {
    let mut fields = flatten(file.raw(file.item(id)?)).ok()?;
    fields.retain(|(path, _)| *path != entity.entity.id_path);
    Some(naming.to_hub(fields))
}

/// What was done to one record after a run.
#[derive(Default)]
struct Since {
    /// The runs that stand, in order; nothing for a change by itself.
    runs: Vec<Option<RunId>>,
    /// The run that changed the record last.
    latest: Option<RunId>,
    /// The undos that took back what stood last.
    taken_back: Vec<RunId>,
}

impl Since {
    /// Takes note of a change by `run`.
    ///
    /// An undo leaves records alone that were changed since the run which it takes back: if it
    /// changed this one, the record says again what it said before that run.
    fn note(&mut self, run: Option<RunId>, undone: &BTreeMap<RunId, RunId>) {
        if run.is_some() && self.latest == run {
            return;
        }
        self.latest.clone_from(&run);
        let takes_back = run.as_ref().and_then(|run| undone.get(run));
        match (run, takes_back, self.runs.last()) {
            (Some(undo), Some(of), Some(Some(last))) if of == last => {
                self.runs.pop();
                self.taken_back.push(undo);
            }
            (run, _, _) => self.runs.push(run),
        }
    }
}

impl Hub {
    /// Returns what a run did, and what came after.
    ///
    /// A run without changes of its own has no place in the log; what came after it is told by the
    /// names of the runs, which ascend by time.
    pub(super) fn happened(&self, run: &RunId) -> Result<Happened, HubError> {
        let undone = self.undone_since(run)?;
        let mut touched: BTreeMap<RecordKey, Vec<LogEntry>> = BTreeMap::new();
        let (mut since, mut later) = (BTreeMap::new(), BTreeMap::new());
        self.for_each(&Scan::Log { from: Position(0) }, |_, bytes| {
            let entry = decode_entry(bytes)?;
            let key = (entry.entity.clone(), entry.id.clone());
            let place = if entry.run.as_ref() == Some(run) {
                touched.entry(key).or_default().push(entry);
                return Ok(());
            } else if !touched.is_empty() {
                &mut since
            } else if entry.run.as_ref().is_none_or(|other| other > run) {
                &mut later
            } else {
                return Ok(());
            };
            let of_record: &mut Since = place.entry(key).or_default();
            of_record.note(entry.run, &undone);
            Ok(())
        })?;
        let all = if touched.is_empty() { later } else { since };
        let (mut since, mut taken_back) = (BTreeSet::new(), BTreeMap::new());
        for (key, of_record) in all {
            if of_record.runs.is_empty() {
                taken_back.insert(key, of_record.taken_back);
            } else {
                since.insert(key);
            }
        }
        Ok(Happened { touched, since, taken_back, rest: None })
    }

    /// Returns which run each undo after `run` has taken back.
    fn undone_since(&self, run: &RunId) -> Result<BTreeMap<RunId, RunId>, HubError> {
        let mut undone = BTreeMap::new();
        self.later_runs(run, |later, row| {
            let of = row.get("undoes").and_then(Json::as_str);
            if let Some(of) = of.and_then(|id| RunId::new(id).ok()) {
                undone.insert(later.clone(), of);
            }
        })?;
        Ok(undone)
    }

    /// Calls `visit` with each run after `run` and its report, the latest first.
    pub(super) fn later_runs(
        &self,
        run: &RunId,
        mut visit: impl FnMut(&RunId, &Object),
    ) -> Result<(), HubError> {
        let mut is_damaged = false;
        self.store.scan(&Scan::RunsLatest, None, usize::MAX, &mut |key, bytes| {
            let Key::Run(id) = key else { return ControlFlow::Continue(()) };
            if id <= run {
                return ControlFlow::Break(());
            }
            match parse(bytes) {
                Ok(Json::Object(later)) => visit(id, &later),
                _ => is_damaged = true,
            }
            ControlFlow::Continue(())
        })?;
        if is_damaged { Err(HubError::Row { table: "runs" }) } else { Ok(()) }
    }
}
