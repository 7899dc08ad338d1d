//! The order of an undo: what it comes to, then the hub's transaction, then the files.

use std::collections::{BTreeMap, BTreeSet};

use syncline_domains::files::disk::Digest;
use syncline_engine::audit::{BatchFacts, inner_root};
use syncline_engine::link::Side;
use syncline_engine::rows::{Batch, Key};
use syncline_engine::sync::{EntityReport, FileChange, RunReport, RunStatus, Transaction};
use syncline_model::clock::Clock;
use syncline_model::id::{EntityName, RunId};
use syncline_model::json::{Json, Object};

use super::allowed::{may_write, policies_of};
use super::files::{Return, ReturnPlan};
use super::happened::{Happened, InFiles, RecordKey, SideRecord};
use super::rest::{UNDO_LEFT, rest_of, rest_to_json};
use crate::error::HubError;
use crate::hub::Hub;
use crate::location::Spot;
use crate::outcome::UndoOutcome;
use crate::request::SyncRequest;
use crate::sync::{hex, put_report, timestamp};

/// What an undo does, before it is done.
struct UndoPlan {
    /// The files that go back.
    returns: Vec<Return>,
    /// What the hub and the domains are known by then.
    transaction: Transaction,
    clock: Clock,
}

/// What goes back, and what does not.
struct Returning {
    /// The files that go back.
    returns: Vec<Return>,
    /// Records that stay as they are: they were changed since.
    left: Vec<SideRecord>,
    /// Records that stay as they are: a policy keeps them by now.
    withheld: Vec<SideRecord>,
    /// All records that a policy keeps, also those that are there under another id only.
    rest: BTreeSet<RecordKey>,
}

impl Hub {
    /// Undoes a run, or says what that would do. What an earlier undo of it has left, because a policy
    /// kept it, can be undone later.
    ///
    /// - `request`: the link that ran, with its folders.
    ///
    /// # Errors
    ///
    /// [`HubError::RunNotFound`], or [`HubError::NotUndoable`] if the run was undone already,
    /// belongs to another link, its undo copies are gone, a domain may not be written into by now, or
    /// nothing would come back, which is told in the outcome of a dry run;
    /// [`HubError::WroteElsewhere`] if a domain leads to another file than the run wrote. Nothing is
    /// written then, and the run can still be undone.
    pub fn undo(
        &mut self,
        sync_id: &str,
        request: &SyncRequest,
        dry_run: bool,
    ) -> Result<UndoOutcome, HubError> {
        let run = self.run(sync_id)?;
        let (run_id, rest) = undoable(sync_id, &run, request)?;
        let mut happened = self.happened(&run_id)?;
        if let Some(rest) = rest {
            happened = happened.only(rest);
        }
        let returning = self.plan_returns(request, sync_id, (&run, &run_id), &happened)?;
        let mut outcome = self.undo_outcome(request, sync_id, (&run, &run_id), &returning)?;
        if outcome.restores_nothing() {
            let refused = HubError::NotUndoable {
                id: sync_id.to_owned(),
                reason: why_nothing_returns(&outcome),
            };
            return if dry_run { Ok(outcome) } else { Err(refused) };
        }
        may_write(request, sync_id, &returning.returns)?;
        let rest = returning.rest.clone();
        let plan = self.plan_undo(request, (&run_id, &happened), returning, &mut outcome)?;
        if dry_run {
            return Ok(outcome);
        }
        self.execute_undo(request, (run, rest), plan, outcome)
    }

    /// Returns what an undo comes to, as far as the files tell it.
    fn undo_outcome(
        &self,
        request: &SyncRequest,
        sync_id: &str,
        run: (&Object, &RunId),
        returning: &Returning,
    ) -> Result<UndoOutcome, HubError> {
        let returns = &returning.returns;
        Ok(UndoOutcome {
            sync_id: sync_id.to_owned(),
            report: self.undo_report(request, run, returns)?,
            restored: Side::BOTH.map(|side| {
                let of_side = returns.iter().filter(|back| back.side == side);
                of_side.map(|back| back.records.len() as u64).sum()
            }),
            files_exact: returns
                .iter()
                .filter(|back| back.exact)
                .map(|back| format!("{}/{}", request.domain(back.side).domain.name, back.entity))
                .collect(),
            left: returning.left.clone(),
            withheld: returning.withheld.clone(),
            reopened: 0,
            settled_again: 0,
            comes_again: Vec::new(),
        })
    }

    /// Plans which files go back, and which records have to stay as they are.
    fn plan_returns(
        &self,
        request: &SyncRequest,
        sync_id: &str,
        (run, run_id): (&Object, &RunId),
        happened: &Happened,
    ) -> Result<Returning, HubError> {
        let mut left: BTreeSet<SideRecord> = BTreeSet::new();
        let mut rest: BTreeSet<RecordKey> = BTreeSet::new();
        let united = self.united_by(request, run_id, happened)?;
        // A record that stays on one side stays on the other: else its return looked like an edit.
        // So do the two ids of one that was united: it is there under one of them.
        loop {
            let mut kept = rest.clone();
            kept.extend(left.iter().map(|(_, entity, id)| (entity.clone(), id.clone())));
            with_united(&united, &mut kept);
            let plan = ReturnPlan { sync_id, run, run_id, happened, kept: &kept };
            let known = left.len();
            let mut returns = Vec::new();
            for entity in &request.entities {
                for side in Side::BOTH {
                    returns.extend(self.plan_return(request, entity, side, &plan, &mut left)?);
                }
            }
            if left.len() > known {
                continue;
            }
            let withheld = self.withheld(request, &plan, &returns)?;
            if !withheld.is_empty() {
                rest.extend(withheld);
                with_united(&united, &mut rest);
                continue;
            }
            for (id, former) in &united {
                let is_left = |side: &Side| left.contains(&(*side, id.0.clone(), id.1.clone()));
                if Side::BOTH.iter().any(is_left) {
                    left.retain(|(_, entity, id)| (entity, id) != (&former.0, &former.1));
                }
            }
            let is_withheld =
                |(_, entity, id): &SideRecord| rest.contains(&(entity.clone(), id.clone()));
            let (withheld, left) = left.into_iter().partition(is_withheld);
            return Ok(Returning { returns, left, withheld, rest });
        }
    }

    /// Returns the records of which a run has united two, each with the id that went.
    fn united_by(
        &self,
        request: &SyncRequest,
        run: &RunId,
        happened: &Happened,
    ) -> Result<BTreeMap<RecordKey, RecordKey>, HubError> {
        let mut united = BTreeMap::new();
        for entity in &request.entities {
            let name = &entity.entity.name;
            for id in happened.come_of(name) {
                let found = self.found_by(run, name, id)?;
                if let Some(former) = found.and_then(|found| found.former) {
                    united.insert((name.clone(), id.clone()), (name.clone(), former));
                }
            }
        }
        Ok(united)
    }

    fn undo_report(
        &self,
        request: &SyncRequest,
        (run, run_id): (&Object, &RunId),
        returns: &[Return],
    ) -> Result<RunReport, HubError> {
        let now_ms = self.environment.now_ms();
        let mut entities: BTreeMap<&EntityName, EntityReport> = BTreeMap::new();
        let mut files = BTreeMap::new();
        for back in returns {
            let report = entities.entry(&back.entity).or_default();
            for id in &back.records {
                let counts = match back.is_there(id) {
                    [false, true] => &mut report.added,
                    [true, false] => &mut report.deleted,
                    _ => &mut report.updated,
                };
                counts[back.side.index()] += 1;
            }
            let name = format!("{}/{}", request.domain(back.side).domain.name, back.entity);
            let before = back.found.map(|digest| hex(&digest));
            let after = back.bytes.as_ref().map(|bytes| hex(&Digest::of(bytes).0));
            let Spot { path, beside_state } = back.spot.clone();
            files.insert(name, FileChange { before, after, path, beside_state });
        }
        Ok(RunReport {
            sync_id: self.view().new_sync_id(now_ms)?,
            run: RunId::new("planned").expect("invariant: a short name"),
            timestamp: timestamp(now_ms),
            source: request.source.domain.name.clone(),
            target: request.target.domain.name.clone(),
            direction: request.direction,
            entities: entities.into_iter().map(|(name, report)| (name.clone(), report)).collect(),
            problems: Vec::new(),
            notices: Vec::new(),
            status: RunStatus::Success,
            duration_ms: 0,
            audit_head: self.frontier.head().to_string(),
            files,
            policies: policies_of(run),
            undoes: Some(run_id.clone()),
        })
    }

    /// Plans what the hub is to say of every record that goes back.
    fn plan_undo(
        &mut self,
        request: &SyncRequest,
        (run, happened): (&RunId, &Happened),
        Returning { returns, left, rest, .. }: Returning,
        outcome: &mut UndoOutcome,
    ) -> Result<UndoPlan, HubError> {
        let left = left.into_iter().map(|(_, entity, id)| (entity, id));
        let stays: BTreeSet<RecordKey> = left.chain(rest).collect();
        let facts = self.begin_run()?;
        outcome.report.run = facts.id.clone();
        let mut transaction = Transaction::new(facts, self.position);
        let mut clock = self.clock;
        for entity in &request.entities {
            let files = InFiles::of(entity, &returns);
            let ids = happened.returning(&entity.entity.name, &returns, &stays);
            for id in &ids {
                let (run, of, id_of) = (run.clone(), entity.entity.name.clone(), id.clone());
                let found = self.store.get(&Key::Undo { run, entity: of, id: id_of })?;
                let known = (found, happened);
                let sync_id = &outcome.sync_id;
                let record = self.undo_of(sync_id, request, entity, id, known, &files)?;
                let told = record.put_back(&mut transaction, &mut clock)?;
                outcome.reopened += told.reopened;
                outcome.settled_again += told.settled_again;
                let again = told.comes_again.into_iter();
                let name = &entity.entity.name;
                outcome.comes_again.extend(again.map(|side| (side, name.clone(), id.clone())));
            }
        }
        Ok(UndoPlan { returns, transaction, clock })
    }

    fn execute_undo(
        &mut self,
        request: &SyncRequest,
        (run, rest): (Object, BTreeSet<RecordKey>),
        plan: UndoPlan,
        mut outcome: UndoOutcome,
    ) -> Result<UndoOutcome, HubError> {
        let UndoPlan { returns, mut transaction, clock } = plan;
        let staged = self.stage_returns(request, &returns, &transaction)?;
        let run_id = run_id(&run)?;
        for (back, entry) in returns.iter().zip(&staged) {
            let (domain, entity) =
                (request.domain(back.side).domain.name.clone(), back.entity.clone());
            let index = self.index_of_return(request, back, &run_id)?;
            let key = Key::Domain { domain: domain.clone(), entity: Some(entity.clone()) };
            transaction.batch.put(key, index.encode());
            if let Some(entry) = entry {
                let run = transaction.run().id.clone();
                let key = Key::Journal { run, domain, entity };
                transaction.batch.put(key, entry.encode());
            }
        }
        let batch = &mut transaction.batch;
        for side in Side::BOTH {
            let domain = &request.domain(side).domain.name;
            self.view().put_back_locations(domain, &run_id, batch)?;
        }
        rolled_back(batch, (run_id, run), &outcome.report.run, &rest);
        self.commit_undo(request, transaction, clock, &mut outcome.report)?;
        self.publish_returns(request, &returns, staged, &outcome.report.run)?;
        Ok(outcome)
    }

    fn commit_undo(
        &mut self,
        request: &SyncRequest,
        mut transaction: Transaction,
        clock: Clock,
        report: &mut RunReport,
    ) -> Result<(), HubError> {
        let facts = BatchFacts {
            at_ms: transaction.run().at_ms,
            category: "CROSS_DOMAIN".to_owned(),
            action: "UNDO".to_owned(),
            origin: request.source.domain.name.as_str().to_owned(),
            run: Some(transaction.run().id.as_str().to_owned()),
            record_count: 0,
            inner_root: inner_root(&[]),
        };
        let mut batch = std::mem::take(&mut transaction.batch);
        let details = crate::sync::audit_details(report);
        let commitments = &transaction.commitments;
        let frontier = self.add_audit(&mut batch, facts, commitments, &request.actor, &details)?;
        report.audit_head = frontier.head().to_string();
        put_report(&mut batch, report);
        self.commit(batch, clock, transaction.position, frontier)
    }
}

fn run_id(run: &Object) -> Result<RunId, HubError> {
    let id = run.get("runId").and_then(Json::as_str).and_then(|id| RunId::new(id).ok());
    id.ok_or(HubError::Row { table: "runs" })
}

/// Returns the run that is to be undone, and what an earlier undo of it has left, if one did.
fn undoable(
    sync_id: &str,
    run: &Object,
    request: &SyncRequest,
) -> Result<(RunId, Option<BTreeSet<RecordKey>>), HubError> {
    let refuse = |reason| HubError::NotUndoable { id: sync_id.to_owned(), reason };
    let text = |member| run.get(member).and_then(Json::as_str);
    let mut rest = None;
    if text("status") == Some(RunStatus::RolledBack.as_str()) {
        rest = Some(rest_of(run)?.ok_or_else(|| refuse("it was undone already"))?);
    }
    let of_link = text("sourceDomain") == Some(request.source.domain.name.as_str())
        && text("targetDomain") == Some(request.target.domain.name.as_str());
    if !of_link {
        return Err(refuse("it belongs to other domains"));
    }
    Ok((run_id(run)?, rest))
}

fn why_nothing_returns(outcome: &UndoOutcome) -> &'static str {
    match (outcome.left.is_empty(), outcome.withheld.is_empty()) {
        (true, true) => "it wrote nothing to either domain",
        (false, true) => {
            "all that it wrote was changed since, in its file or at the hub by a later run"
        }
        (true, false) => "a policy keeps from a domain by now what would come back there",
        (false, false) => {
            "a policy keeps from a domain by now what would come back there, and the rest was changed since"
        }
    }
}

/// Adds, where one of two ids of a record is among `ids`, the other one.
fn with_united(united: &BTreeMap<RecordKey, RecordKey>, ids: &mut BTreeSet<RecordKey>) {
    for (id, former) in united {
        if ids.contains(id) || ids.contains(former) {
            ids.extend([id.clone(), former.clone()]);
        }
    }
}

/// Notes that a run is undone.
///
/// - `rest`: what stays of it, to be undone another time.
fn rolled_back(
    batch: &mut Batch,
    (id, mut run): (RunId, Object),
    by: &RunId,
    rest: &BTreeSet<RecordKey>,
) {
    run.insert("status", RunStatus::RolledBack.as_str());
    run.insert("undoneBy", by.as_str());
    run.remove(UNDO_LEFT);
    if !rest.is_empty() {
        run.insert(UNDO_LEFT, rest_to_json(rest));
    }
    batch.put(Key::Run(id), Json::Object(run).to_compact_string().into_bytes());
}
