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
use syncline_model::id::{DomainName, EntityName, Position, RecordId, RunId};
use syncline_model::json::fields::flatten;
use syncline_model::json::{Json, Object, parse};

use super::files::{Return, has_written};
use crate::error::HubError;
use crate::hub::Hub;
use crate::request::FileEntity;
use crate::runs::decode_entry;

/// A record, by its entity.
pub(super) type RecordKey = (EntityName, RecordId);

/// A record in one domain.
pub(super) type SideRecord = (Side, EntityName, RecordId);

/// A run that wrote no file, and its domains: source and target.
pub(super) type ReadingRun = (RunId, [DomainName; 2]);

/// What a run did at the hub, and what came after.
pub(super) struct Happened {
    /// The changes of the run, in order, by record.
    touched: BTreeMap<RecordKey, Vec<LogEntry>>,
    /// Records that were changed after the run, and say something else since.
    since: BTreeSet<RecordKey>,
    /// Undos of what came after the run, in order, by record.
    taken_back: BTreeMap<RecordKey, Vec<RunId>>,
    /// Runs after it that took in what a domain said and wrote no file, in order, by record. Their
    /// domains say the same in the next run: they are taken back with this one.
    read_since: BTreeMap<RecordKey, Vec<ReadingRun>>,
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

    /// Returns the runs after it that took in what a domain said of a record and wrote no file, in order.
    pub(super) fn read_since(&self, entity: &EntityName, id: &RecordId) -> &[ReadingRun] {
        let key = (entity.clone(), id.clone());
        self.read_since.get(&key).map(Vec::as_slice).unwrap_or_default()
    }

    /// Returns the records of an entity that only runs have taken in since which wrote no file, with these
    /// runs in order.
    pub(super) fn read_of(
        &self,
        entity: &EntityName,
    ) -> impl Iterator<Item = (&RecordId, &[ReadingRun])> {
        let of_entity = self.read_since.iter().filter(move |(key, _)| key.0 == *entity);
        of_entity.map(|(key, runs)| (&key.1, runs.as_slice()))
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
    fn note(&mut self, run: Option<RunId>, later: &Later) {
        if run.is_some() && self.latest == run {
            return;
        }
        self.latest.clone_from(&run);
        let takes_back = run.as_ref().and_then(|run| later.undone.get(run));
        let last = self.runs.iter().rposition(|run| later.reading(run.as_ref()).is_none());
        match (run, takes_back, last) {
            (Some(undo), Some(of), Some(last)) if self.runs[last].as_ref() == Some(of) => {
                self.runs.truncate(last);
                self.taken_back.push(undo);
            }
            (run, _, _) => self.runs.push(run),
        }
    }
}

/// The runs after a run.
#[derive(Default)]
struct Later {
    /// Which run each undo has taken back.
    undone: BTreeMap<RunId, RunId>,
    /// Those that wrote no file, with their domains.
    reading: BTreeMap<RunId, [DomainName; 2]>,
}

impl Later {
    /// Returns a run that changed a record, if it wrote no file.
    fn reading(&self, run: Option<&RunId>) -> Option<ReadingRun> {
        let (run, domains) = self.reading.get_key_value(run?)?;
        Some((run.clone(), domains.clone()))
    }
}

impl Hub {
    /// Returns what a run did, and what came after.
    ///
    /// A run without changes of its own has no place in the log; what came after it is told by the
    /// names of the runs, which ascend by time.
    pub(super) fn happened(&self, run: &RunId) -> Result<Happened, HubError> {
        let later_runs = self.runs_after(run)?;
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
            of_record.note(entry.run, &later_runs);
            Ok(())
        })?;
        let all = if touched.is_empty() { later } else { since };
        let (mut since, mut taken_back) = (BTreeSet::new(), BTreeMap::new());
        let mut read_since = BTreeMap::new();
        for (key, of_record) in all {
            let Since { runs, taken_back: undos, .. } = of_record;
            let reading = runs.iter().map(|run| later_runs.reading(run.as_ref()));
            match reading.collect::<Option<Vec<ReadingRun>>>() {
                Some(reading) if self.is_kept_of(&reading, &key)? => {
                    taken_back.insert(key.clone(), undos);
                    read_since.insert(key, reading);
                }
                _ => drop(since.insert(key)),
            }
        }
        Ok(Happened { touched, since, taken_back, read_since, rest: None })
    }

    /// Returns whether it is known what some runs found of a record, and that nothing was being
    /// written then.
    fn is_kept_of(&self, runs: &[ReadingRun], (entity, id): &RecordKey) -> Result<bool, HubError> {
        for (run, _) in runs {
            let found = self.found_by(run, entity, id)?;
            let is_known = |base: &FoundBase| base.row.is_none() || base.written == Some(true);
            if !found.is_some_and(|found| found.bases.iter().all(is_known)) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Returns the runs after `run` that an undo has to know of. Where a domain was met in another place
    /// since, its runs are none that only read: what they found was known of the other place.
    fn runs_after(&self, run: &RunId) -> Result<Later, HubError> {
        let moved = self.view().moved_since(run)?;
        let mut later = Later::default();
        self.later_runs(run, |id, row| {
            let of = row.get("undoes").and_then(Json::as_str);
            if let Some(of) = of.and_then(|of| RunId::new(of).ok()) {
                later.undone.insert(id.clone(), of);
                return;
            }
            let domain = |member| DomainName::new(row.get(member)?.as_str()?).ok();
            let domains = domain("sourceDomain").zip(domain("targetDomain"));
            if let Some((source, target)) = domains.filter(|_| !has_written(row))
                && [&source, &target].into_iter().all(|domain| !moved.contains(domain))
            {
                later.reading.insert(id.clone(), [source, target]);
            }
        })?;
        Ok(later)
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
