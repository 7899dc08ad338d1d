//! A run from its beginning to its commit: read, judge, plan, stage.

use std::path::Path;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, Scope, ScopedJoinHandle};

use syncline_domains::files::disk::{Digest, Disk, FileKind, Place};
use syncline_engine::audit::{BatchFacts, Frontier, inner_root};
use syncline_engine::conflicts::ConflictRow;
use syncline_engine::facts;
use syncline_engine::link::Side;
use syncline_engine::rows::{Key, Scan};
use syncline_engine::sync::{Problem, RunFacts, RunReport, RunStatus, Transaction};
use syncline_model::clock::Clock;
use syncline_model::id::{DomainName, EntityName, Position, RecordId, SiteId};
use syncline_policy::{SafetyStop, guard};
use syncline_store::{Piece, Read};

use super::planned::{NextIndex, Planned};
use super::prepare::{EntityPlan, ListedConflicts};
use super::publish::{audit_details, file_name, put_report};
use super::record::{Plans, record_all, send};
use super::stage::{StagedWrite, wait_for_all};
use crate::environment::Environment;
use crate::error::HubError;
use crate::hub::{Hub, Noted, put_facts};
use crate::limits::{PIECES_WAITING_MAX, PLANS_WAITING_MAX};
use crate::outcome::SyncOutcome;
use crate::request::{Progress, SyncRequest};
use crate::view::View;

/// Most records whose conflicts are asked for one by one; for more, all conflicts are read once.
const RECORDS_ASKED_MAX: usize = 2_000;

/// A run that is planned.
pub(super) struct Prepared {
    pub(super) run: RunFacts,
    pub(super) clock: Clock,
    pub(super) entities: Vec<Planned>,
    pub(super) problems: Vec<Problem>,
    pub(super) inputs: String,
    pub(super) stop: Option<SafetyStop>,
    /// The new files that stand beside the old ones; none for a plan.
    pub(super) writes: Vec<StagedWrite>,
}

/// What becomes of a plan while it is made, entity by entity.
#[derive(Clone, Copy)]
pub(super) enum Mode<'a> {
    /// It is looked at.
    Plan,
    /// It is carried out: its records are stored, its files are staged.
    Run {
        /// Takes the plans of the records.
        plans: &'a SyncSender<Plans>,
        /// The folder of the undo copies.
        state_folder: &'a Path,
    },
}

impl Hub {
    /// Synchronises two domains.
    ///
    /// # Errors
    ///
    /// Any [`HubError`]; nothing was written to either domain, unless the error says so.
    pub fn sync(
        &mut self,
        request: &SyncRequest,
        progress: &mut dyn Progress,
    ) -> Result<SyncOutcome, HubError> {
        self.view().check_clean(request)?;
        self.view().check_folders(request)?;
        for side in Side::BOTH {
            self.sweep(&request.domain(side).folder)?;
        }
        let (prepared, report) = self.prepare_and_commit(request, progress)?;
        self.publish(request, prepared, report)
    }

    /// Plans a synchronisation and writes nothing.
    ///
    /// # Errors
    ///
    /// As [`Hub::sync`]; what a guard would stop is told in the outcome.
    pub fn plan(
        &mut self,
        request: &SyncRequest,
        progress: &mut dyn Progress,
    ) -> Result<SyncOutcome, HubError> {
        self.view().check_clean(request)?;
        self.view().check_folders(request)?;
        let run = self.begin_run()?;
        let view = self.view();
        let mut prepared = Prepared::begin(run, self.clock);
        view.prepare(request, progress, Mode::Plan, &mut prepared)?;
        let report = view.report(request, &prepared)?;
        let mut outcome = outcome(prepared, report, false);
        // The id names the changes in conflict, and the run will make others.
        outcome.conflicts.iter_mut().for_each(|found| found.conflict = None);
        Ok(outcome)
    }

    /// Plans a run, stages its files and commits its rows. If anything fails or stops the run, no
    /// file is left and nothing is committed.
    ///
    /// Rows are made of the plans on a second thread and written by the store on a third, while the
    /// next records are planned on this one.
    fn prepare_and_commit(
        &mut self,
        request: &SyncRequest,
        progress: &mut dyn Progress,
    ) -> Result<(Prepared, RunReport), HubError> {
        let run = self.begin_run()?;
        let transaction = Transaction::new(run.clone(), self.position);
        let mut prepared = Prepared::begin(run, self.clock);
        let reader = self.store.reader()?;
        let Self {
            store, disk, environment, state_folder, site, clock, position, frontier, ..
        } = self;
        let own = Own {
            reader,
            disk: &**disk,
            environment: &mut **environment,
            state_folder,
            site: *site,
            clock: *clock,
            position: *position,
            frontier,
        };
        let (plans, planned) = sync_channel(PLANS_WAITING_MAX);
        let (pieces, waiting) = sync_channel(PIECES_WAITING_MAX);
        let (ended, written) = thread::scope(|scope| {
            let next = move || waiting.recv().unwrap_or(Piece::Abandon);
            let writer = scope.spawn(move || store.commit_pieces(&mut { next }));
            let to_store = pieces.clone();
            let recorder = scope.spawn(move || record_all(transaction, &planned, &to_store));
            let ended =
                own.run_through(request, progress, (plans, recorder), &pieces, &mut prepared);
            // Without an end the store abandons what it was given.
            drop(pieces);
            (ended, joined(writer))
        });
        match (written.map_err(HubError::from), ended) {
            // What the store says comes first: it may be why the rest ended.
            (Err(error), _) | (Ok(_), Err(error)) => {
                // Before they are removed they must not be written any more; what that comes to is
                // no news.
                let _ = wait_for_all(&*self.disk, request, &mut prepared.writes);
                for write in prepared.writes {
                    // Best effort: the next run removes what is left of a run that never was.
                    let _ = write.entry.staged.discard(&*self.disk);
                }
                Err(error)
            }
            (Ok(_), Ok((report, position, frontier))) => {
                self.clock = prepared.clock;
                self.position = position;
                self.frontier = frontier;
                Ok((prepared, report))
            }
        }
    }
}

/// The thread that turns plans into rows.
type Recorder<'scope> = ScopedJoinHandle<'scope, Result<Transaction, HubError>>;

/// Waits for a thread and answers what it came to; its panic goes on here.
fn joined<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// What a hub is without its store, which writes meanwhile.
struct Own<'a> {
    reader: Box<dyn Read + Send>,
    disk: &'a dyn Disk,
    environment: &'a mut dyn Environment,
    state_folder: &'a Path,
    site: SiteId,
    clock: Clock,
    position: Position,
    frontier: &'a Frontier,
}

impl Own<'_> {
    fn view(&self) -> View<'_> {
        View {
            rows: &*self.reader,
            disk: self.disk,
            environment: &*self.environment,
            state_folder: self.state_folder,
            site: self.site,
            position: self.position,
            audit_head: self.frontier.head(),
        }
    }

    /// Plans the whole run and hands all its rows to the store, to be committed; answers the report,
    /// the end of the log and the frontier of the audit that hold then.
    fn run_through(
        self,
        request: &SyncRequest,
        progress: &mut dyn Progress,
        (plans, recorder): (SyncSender<Plans>, Recorder<'_>),
        pieces: &SyncSender<Piece>,
        prepared: &mut Prepared,
    ) -> Result<(RunReport, Position, Frontier), HubError> {
        let mode = Mode::Run { plans: &plans, state_folder: self.state_folder };
        let view = self.view();
        let planned = view.prepare(request, progress, mode, prepared);
        let planned = planned.and_then(|()| prepared.check(request, progress));
        drop(plans);
        // What went wrong with the rows comes first: it may be why no more plans were taken.
        let mut transaction = joined(recorder)?;
        planned?;
        wait_for_all(view.disk, request, &mut prepared.writes)?;
        view.settle(request, &prepared.writes)?;
        let mut report = view.report(request, prepared)?;
        for write in &prepared.writes {
            let name = file_name(request, write.side, &write.entity);
            if let Some(change) = report.files.get_mut(&name) {
                change.after = Some(hex(&write.entry.staged.digest.0));
            }
        }
        let mut batch = std::mem::take(&mut transaction.batch);
        view.put_found(request, &prepared.run.id, &prepared.entities, &mut batch)?;
        let noted = Noted {
            facts_of: audit_facts(request, &prepared.run),
            commitments: &transaction.commitments,
            actor: &request.actor,
            details: &audit_details(&report),
        };
        let frontier = noted.add_to(&mut batch, self.frontier, self.environment)?;
        report.audit_head = frontier.head().to_string();
        for write in &prepared.writes {
            batch.put(write.key.clone(), write.entry.encode());
        }
        let position = transaction.position;
        if prepared.writes.is_empty() {
            prepared.add_indexes(request, position, &mut batch);
        }
        put_report(&mut batch, &report);
        // The report tells it, if it was so.
        batch.delete(Key::Meta(facts::BASES_FORGOTTEN));
        put_facts(&mut batch, (self.clock, prepared.clock), (self.position, position));
        // The reader would hold back the tidying that follows the commit.
        drop(self.reader);
        send(pieces, Piece::Rows(batch))?;
        send(pieces, Piece::End)?;
        Ok((report, position, frontier))
    }
}

impl Prepared {
    fn begin(run: RunFacts, clock: Clock) -> Self {
        Self {
            run,
            clock,
            entities: Vec::new(),
            problems: Vec::new(),
            inputs: String::new(),
            stop: None,
            writes: Vec::new(),
        }
    }

    /// Stops a run that must not be committed.
    fn check(&mut self, request: &SyncRequest, progress: &dyn Progress) -> Result<(), HubError> {
        if let Some(stop) = self.stop.take() {
            return Err(stop.into());
        }
        let open: u64 = self.entities.iter().map(|entity| entity.report.open).sum();
        if request.fail_on_conflict && open > 0 {
            return Err(HubError::WouldConflict { count: open });
        }
        if progress.is_cancelled() {
            return Err(HubError::Cancelled);
        }
        Ok(())
    }
}

impl View<'_> {
    /// Plans all entities, one after the other. While one is planned the next is read, and the files
    /// of the last are written; nothing of an entity is held longer.
    fn prepare(
        &self,
        request: &SyncRequest,
        progress: &mut dyn Progress,
        mode: Mode<'_>,
        prepared: &mut Prepared,
    ) -> Result<(), HubError> {
        self.check_bytes(request)?;
        thread::scope(|scope| self.prepare_entities(scope, request, progress, mode, prepared))?;
        prepared.inputs = self.inputs(&prepared.entities);
        if let Some(expected) = &request.expected_inputs
            && *expected != prepared.inputs
        {
            return Err(HubError::StalePlan);
        }
        Ok(())
    }

    fn prepare_entities<'scope>(
        &self,
        scope: &'scope Scope<'scope, '_>,
        request: &'scope SyncRequest,
        progress: &mut dyn Progress,
        mode: Mode<'_>,
        prepared: &mut Prepared,
    ) -> Result<(), HubError> {
        let mut entities = request.entities.iter();
        let mut read_next =
            || entities.next().map(|entity| (entity, self.begin_reading(scope, request, entity)));
        let mut next = read_next();
        while let Some((entity, reading)) = next {
            if progress.is_cancelled() {
                return Err(HubError::Cancelled);
            }
            progress.entity_started(&entity.entity.name);
            let input = reading.and_then(|reading| reading.wait(request, entity));
            next = read_next();
            let input = match input {
                Ok(input) => input,
                Err(error) => {
                    prepared.problems.push(file_problem(error, entity.entity.name.clone())?);
                    continue;
                }
            };
            let time = (prepared.run.at_ms, &mut prepared.clock);
            let plans = match mode {
                Mode::Plan => None,
                Mode::Run { plans, .. } => Some(plans),
            };
            let plan = self.plan_entity(request, entity, input, time, plans)?;
            for side in Side::BOTH {
                let at = side.index();
                let items = plan.input.sides[at].document.items().len() as u64;
                let after = (items + plan.report.added[at]).saturating_sub(plan.report.deleted[at]);
                // No run leaves behind what the next one would refuse to read.
                request.limits.check_items(plan.name.as_str(), items.max(after))?;
                if prepared.stop.is_none() {
                    prepared.stop = guard::judge(plan.toll(request, side), &request.guard).err();
                }
            }
            progress.entity_planned(&plan.name, plan.report.merged);
            self.check_time(request, prepared.run.at_ms)?;
            self.finish_entity(request, plan, mode, prepared)?;
        }
        Ok(())
    }

    /// Stages the new files of an entity, where it is carried out, and lets its old ones go.
    fn finish_entity(
        &self,
        request: &SyncRequest,
        mut plan: EntityPlan,
        mode: Mode<'_>,
        prepared: &mut Prepared,
    ) -> Result<(), HubError> {
        let Mode::Run { state_folder, .. } = mode else {
            prepared.entities.push(Planned::of(plan, [None, None]));
            return Ok(());
        };
        if prepared.stop.is_some() {
            prepared.entities.push(Planned::of(plan, [None, None]));
            return Ok(());
        }
        // The files of one entity at most are on their way while the next is planned.
        wait_for_all(self.disk, request, &mut prepared.writes)?;
        let run = &prepared.run.id;
        let changes = std::mem::take(&mut plan.changes);
        let mut indexes = [None, None];
        for (side, new) in Side::BOTH.into_iter().zip(plan.rewrite(changes)) {
            let staged = match new {
                Some(new) => Some(self.stage(request, &plan, side, new, (run, state_folder))?),
                None => None,
            };
            indexes[side.index()] = Some(NextIndex::of(&plan, side, staged.as_ref()));
            prepared.writes.extend(staged.map(|(write, _)| write));
        }
        prepared.entities.push(Planned::of(plan, indexes));
        Ok(())
    }

    /// Checks that both folders are there.
    fn check_folders(&self, request: &SyncRequest) -> Result<(), HubError> {
        for side in Side::BOTH {
            let domain = request.domain(side);
            if !is_folder(self.disk, &domain.folder) {
                let domain = domain.domain.name.as_str().to_owned();
                return Err(HubError::DomainNotFound { domain });
            }
        }
        Ok(())
    }

    /// Checks the size of all files before any is read.
    fn check_bytes(&self, request: &SyncRequest) -> Result<(), HubError> {
        let mut bytes = 0_u64;
        for entity in &request.entities {
            for side in Side::BOTH {
                let path = request.domain(side).folder.join(&entity.file);
                bytes = bytes.saturating_add(length(self.disk, &path));
            }
        }
        Ok(request.limits.check_bytes(bytes)?)
    }

    fn check_time(&self, request: &SyncRequest, began_ms: u64) -> Result<(), HubError> {
        let elapsed = self.environment.now_ms().saturating_sub(began_ms);
        Ok(request.limits.check_time(elapsed)?)
    }

    /// Returns the stored conflicts of some records of an entity, by record; `ids` ascend.
    pub(super) fn listed_conflicts(
        &self,
        entity: &EntityName,
        ids: &[RecordId],
    ) -> Result<ListedConflicts, HubError> {
        let mut listed = ListedConflicts::new();
        let mut list = |key: &Key, bytes: &[u8]| {
            let Key::Conflict { entity: of, id, .. } = key else { return Ok(()) };
            if of == entity && ids.binary_search(id).is_ok() {
                let row = ConflictRow::decode(bytes);
                let row = row.map_err(|_| HubError::Row { table: "conflicts" })?;
                listed.entry(id.clone()).or_default().push(row);
            }
            Ok(())
        };
        if ids.len() > RECORDS_ASKED_MAX {
            self.for_each(&Scan::Conflicts, &mut list)?;
        } else {
            for id in ids {
                let (entity, id) = (entity.clone(), id.clone());
                self.for_each(&Scan::ConflictsOf { entity, id }, &mut list)?;
            }
        }
        Ok(listed)
    }

    /// Returns a digest of everything that a plan was made of.
    fn inputs(&self, entities: &[Planned]) -> String {
        let mut text = format!("{}", self.position.0);
        for entity in entities {
            text.push_str(entity.name.as_str());
            for digest in &entity.digests {
                text.push_str(&format!("{digest:?}"));
            }
            text.push_str(&format!("{:?}", entity.rules));
        }
        hex(&Digest::of(text.as_bytes()).0)
    }
}

pub(super) fn outcome(prepared: Prepared, report: RunReport, wrote: bool) -> SyncOutcome {
    let mut outcome = SyncOutcome {
        report,
        actions: Vec::new(),
        conflicts: Vec::new(),
        inputs: prepared.inputs,
        wrote,
        stop: prepared.stop,
    };
    for entity in prepared.entities {
        outcome.actions.extend(entity.actions);
        outcome.conflicts.extend(entity.conflicts);
    }
    outcome
}

/// Turns an unreadable file into a problem of its entity; other errors stop the run.
fn file_problem(error: HubError, entity: EntityName) -> Result<Problem, HubError> {
    match error {
        HubError::File { domain, code, problem, transient, .. } => Ok(Problem {
            code: code.to_owned(),
            domain: DomainName::new(&domain).ok(),
            entity: Some(entity),
            item: None,
            reason: problem,
            fix: match transient {
                true => "run the same command again".to_owned(),
                false => "mend the file; nothing of this entity was read or written".to_owned(),
            },
        }),
        error => Err(error),
    }
}

fn is_folder(disk: &dyn Disk, path: &Path) -> bool {
    let Ok(Place::Found(place)) = disk.place(path) else {
        return false;
    };
    disk.facts(&place).is_ok_and(|facts| facts.kind == FileKind::Folder)
}

/// Returns the length of a file; nothing for one that is not there, which is told later.
pub(super) fn length(disk: &dyn Disk, path: &Path) -> u64 {
    let Ok(Place::Found(place)) = disk.place(path) else {
        return 0;
    };
    disk.facts(&place).map_or(0, |facts| facts.len)
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns the facts of a run's entry in the audit.
pub(super) fn audit_facts(request: &SyncRequest, run: &RunFacts) -> BatchFacts {
    BatchFacts {
        at_ms: run.at_ms,
        category: "CROSS_DOMAIN".to_owned(),
        action: "DATA_SYNC".to_owned(),
        origin: request.source.domain.name.as_str().to_owned(),
        run: Some(run.id.as_str().to_owned()),
        record_count: 0,
        inner_root: inner_root(&[]),
    }
}

/// Returns how a run ended, from what it came to.
pub(super) fn status(entities: &[Planned], problems: &[Problem]) -> RunStatus {
    let failed = entities.iter().any(|entity| !entity.problems.is_empty());
    if entities.is_empty() && !problems.is_empty() {
        RunStatus::Failed
    } else if failed || !problems.is_empty() {
        RunStatus::Partial
    } else if entities.iter().any(|entity| entity.report.open > 0) {
        RunStatus::Conflicts
    } else {
        RunStatus::Success
    }
}
