//! A run from its beginning to the moment before it writes: read, judge, plan.

use std::path::Path;

use syncline_domains::files::disk::{Digest, Disk, FileKind, Place};
use syncline_engine::audit::{BatchFacts, inner_root};
use syncline_engine::conflicts::ConflictRow;
use syncline_engine::link::Side;
use syncline_engine::rows::{Key, Scan};
use syncline_engine::sync::{Problem, RunReport, RunStatus, Transaction};
use syncline_model::clock::Clock;
use syncline_model::id::{DomainName, EntityName, RecordId};
use syncline_policy::{SafetyStop, guard};

use super::prepare::{EntityPlan, ListedConflicts};
use crate::error::HubError;
use crate::hub::Hub;
use crate::outcome::SyncOutcome;
use crate::request::{Progress, SyncRequest};

/// Most records whose conflicts are asked for one by one; for more, all conflicts are read once.
const RECORDS_ASKED_MAX: usize = 2_000;

/// A run that is planned and not yet committed.
pub(super) struct Prepared {
    pub(super) transaction: Transaction,
    pub(super) clock: Clock,
    pub(super) entities: Vec<EntityPlan>,
    pub(super) problems: Vec<Problem>,
    pub(super) inputs: String,
    pub(super) stop: Option<SafetyStop>,
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
        let mut prepared = self.prepare(request, progress)?;
        if let Some(stop) = prepared.stop.take() {
            return Err(stop.into());
        }
        let open: u64 = prepared.entities.iter().map(|entity| entity.report.manual).sum();
        if request.fail_on_conflict && open > 0 {
            return Err(HubError::WouldConflict { count: open });
        }
        if progress.is_cancelled() {
            return Err(HubError::Cancelled);
        }
        self.execute(request, prepared)
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
        let prepared = self.prepare(request, progress)?;
        let report = self.report(request, &prepared)?;
        Ok(outcome(prepared, report, false))
    }

    fn prepare(
        &mut self,
        request: &SyncRequest,
        progress: &mut dyn Progress,
    ) -> Result<Prepared, HubError> {
        for side in Side::BOTH {
            let domain = request.domain(side);
            if !is_folder(&*self.disk, &domain.folder) {
                let domain = domain.domain.name.as_str().to_owned();
                return Err(HubError::DomainNotFound { domain });
            }
        }
        self.check_bytes(request)?;
        let run = self.begin_run()?;
        let mut prepared = Prepared {
            transaction: Transaction::new(run, self.position),
            clock: self.clock,
            entities: Vec::new(),
            problems: Vec::new(),
            inputs: String::new(),
            stop: None,
        };
        for entity in &request.entities {
            if progress.is_cancelled() {
                return Err(HubError::Cancelled);
            }
            progress.entity_started(&entity.entity.name);
            let input = match self.read_entity(request, entity) {
                Ok(input) => input,
                Err(error) => {
                    prepared.problems.push(file_problem(error, entity.entity.name.clone())?);
                    continue;
                }
            };
            let Prepared { transaction, clock, .. } = &mut prepared;
            let plan = self.plan_entity(request, entity, input, transaction, clock)?;
            for side in Side::BOTH {
                let items = plan.input.sides[side.index()].document.items().len() as u64;
                request.limits.check_items(plan.name.as_str(), items)?;
                if prepared.stop.is_none() {
                    prepared.stop = guard::judge(plan.toll(request, side), &request.guard).err();
                }
            }
            progress.entity_planned(&plan.name, plan.report.merged);
            self.check_time(request, prepared.transaction.run().at_ms)?;
            prepared.entities.push(plan);
        }
        prepared.inputs = self.inputs(&prepared.entities);
        if let Some(expected) = &request.expected_inputs
            && *expected != prepared.inputs
        {
            return Err(HubError::StalePlan);
        }
        Ok(prepared)
    }

    /// Checks the size of all files before any is read.
    fn check_bytes(&self, request: &SyncRequest) -> Result<(), HubError> {
        let mut bytes = 0_u64;
        for entity in &request.entities {
            for side in Side::BOTH {
                let path = request.domain(side).folder.join(&entity.file);
                bytes = bytes.saturating_add(length(&*self.disk, &path));
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
    fn inputs(&self, entities: &[EntityPlan]) -> String {
        let mut text = format!("{}", self.position.0);
        for entity in entities {
            text.push_str(entity.name.as_str());
            for side in &entity.input.sides {
                text.push_str(&format!("{:?}", side.digest));
            }
            text.push_str(&format!("{:?}", entity.input.rules));
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
fn length(disk: &dyn Disk, path: &Path) -> u64 {
    let Ok(Place::Found(place)) = disk.place(path) else {
        return 0;
    };
    disk.facts(&place).map_or(0, |facts| facts.len)
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns the facts of a run's entry in the audit.
pub(super) fn audit_facts(request: &SyncRequest, transaction: &Transaction) -> BatchFacts {
    BatchFacts {
        at_ms: transaction.run().at_ms,
        category: "CROSS_DOMAIN".to_owned(),
        action: "DATA_SYNC".to_owned(),
        origin: request.source.domain.name.as_str().to_owned(),
        run: Some(transaction.run().id.as_str().to_owned()),
        record_count: 0,
        inner_root: inner_root(&[]),
    }
}

/// Returns how a run ended, from what it came to.
pub(super) fn status(entities: &[EntityPlan], problems: &[Problem]) -> RunStatus {
    let failed = entities.iter().any(|entity| !entity.problems.is_empty());
    if entities.is_empty() && !problems.is_empty() {
        RunStatus::Failed
    } else if failed || !problems.is_empty() {
        RunStatus::Partial
    } else if entities.iter().any(|entity| entity.report.manual > 0) {
        RunStatus::Conflicts
    } else {
        RunStatus::Success
    }
}
