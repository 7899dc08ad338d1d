//! Carrying a plan out: stage, commit, put in place, confirm.

use std::collections::BTreeSet;
use std::path::PathBuf;

use syncline_domains::files::disk::{Digest, DiskError, Staged, journal, stage};
use syncline_domains::files::document::Document;
use syncline_engine::index::{DomainIndex, ItemDigest};
use syncline_engine::link::Side;
use syncline_engine::rows::{Batch, Key};
use syncline_engine::sync::{Problem, RunReport, RunStatus};
use syncline_model::id::{Position, RecordId, RunId};
use syncline_model::json::Json;

use super::input::with_causes;
use super::prepare::EntityPlan;
use super::run::{Prepared, audit_facts, hex, outcome};
use crate::error::HubError;
use crate::hub::Hub;
use crate::limits::UNDO_FILES_MAX;
use crate::outcome::SyncOutcome;
use crate::request::SyncRequest;

/// One file that is about to be written.
struct Write {
    entity: usize,
    side: Side,
    key: Key,
    entry: journal::Entry,
    bytes: Vec<u8>,
    /// Whether it is in its place now.
    done: bool,
}

impl Hub {
    /// Carries a plan out.
    pub(super) fn execute(
        &mut self,
        request: &SyncRequest,
        mut prepared: Prepared,
    ) -> Result<SyncOutcome, HubError> {
        for side in Side::BOTH {
            self.sweep(&request.domain(side).folder)?;
        }
        let mut writes = self.stage_all(request, &mut prepared)?;
        let mut report = self.report(request, &prepared)?;
        for write in &writes {
            let name = file_name(request, write.side, &prepared.entities[write.entity]);
            if let Some(change) = report.files.get_mut(&name) {
                change.after = Some(hex(&write.entry.staged.digest.0));
            }
        }
        let committed = self.commit_run(request, &mut prepared, &mut report, &writes);
        if let Err(error) = committed {
            for write in writes {
                // Best effort: the next run removes what is left of a run that never was.
                let _ = write.entry.staged.discard(&*self.disk);
            }
            return Err(error);
        }
        if !writes.is_empty() {
            self.publish_all(request, &prepared, &mut writes, &mut report)?;
            let mut batch = Batch::new();
            for write in &writes {
                self.note_written(write, &prepared, &mut batch)?;
            }
            self.add_indexes(request, &prepared.entities, &writes, &mut batch)?;
            report.duration_ms = self.environment.now_ms().saturating_sub(report_began(&prepared));
            put_report(&mut batch, &report);
            self.store.commit(&batch)?;
            self.prune_undo();
        }
        Ok(outcome(prepared, report, !writes.is_empty()))
    }

    /// Strikes a write out of the journal: it is done, or it is known that it was refused.
    fn note_written(
        &self,
        write: &Write,
        prepared: &Prepared,
        batch: &mut Batch,
    ) -> Result<(), HubError> {
        let plan = &prepared.entities[write.entity];
        let only_one = plan.input.sides[write.side.index()].unknown_writes.is_empty();
        if write.done {
            batch.delete(write.key.clone());
        } else if let (true, Key::Journal { domain, entity, .. }) = (only_one, &write.key) {
            self.close_intents(domain, entity, &write.entry.records, false, batch)?;
            batch.delete(write.key.clone());
        }
        Ok(())
    }

    /// Writes the new files beside the old ones.
    fn stage_all(
        &self,
        request: &SyncRequest,
        prepared: &mut Prepared,
    ) -> Result<Vec<Write>, HubError> {
        let run = prepared.transaction.run().id.clone();
        let mut writes: Vec<Write> = Vec::new();
        for (index, plan) in prepared.entities.iter_mut().enumerate() {
            for side in Side::BOTH {
                let changes = std::mem::take(&mut plan.changes[side.index()]);
                if changes.is_empty() {
                    continue;
                }
                match self.stage_one(request, plan, index, side, changes, &run) {
                    Ok(write) => writes.push(write),
                    Err(error) => {
                        for write in writes {
                            let _ = write.entry.staged.discard(&*self.disk);
                        }
                        return Err(error);
                    }
                }
            }
        }
        Ok(writes)
    }

    fn stage_one(
        &self,
        request: &SyncRequest,
        plan: &EntityPlan,
        entity: usize,
        side: Side,
        changes: Vec<syncline_domains::files::document::Change>,
        run: &RunId,
    ) -> Result<Write, HubError> {
        let input = &plan.input.sides[side.index()];
        let domain = request.domain(side).domain.name.clone();
        let file_error = |code: &'static str, problem: String, transient: bool| HubError::File {
            domain: domain.as_str().to_owned(),
            entity: plan.name.as_str().to_owned(),
            code,
            problem,
            transient,
        };
        let records = changes.iter().map(|change| change.id.clone()).collect();
        let bytes = input
            .document
            .rewrite(changes)
            .map_err(|error| file_error(error.code(), with_causes(&error), false))?;
        let staged = stage(&*self.disk, &input.path, &bytes, run)
            .map_err(|error| file_error(error.code(), with_causes(&error), is_transient(&error)))?;
        let keep = self.undo_path(run, domain.as_str(), plan.name.as_str());
        let entry =
            journal::Entry { staged, old: input.digest.map(Digest), keep: Some(keep), records };
        let key = Key::Journal { run: run.clone(), domain, entity: plan.name.clone() };
        Ok(Write { entity, side, key, entry, bytes, done: false })
    }

    /// Returns where the old file of a run is kept for undo.
    pub(crate) fn undo_path(&self, run: &RunId, domain: &str, entity: &str) -> PathBuf {
        self.state_folder.join("undo").join(format!("{}.{domain}.{entity}.json", run.as_str()))
    }

    /// Commits the hub's rows, together with what is about to be written.
    fn commit_run(
        &mut self,
        request: &SyncRequest,
        prepared: &mut Prepared,
        report: &mut RunReport,
        writes: &[Write],
    ) -> Result<(), HubError> {
        let facts = audit_facts(request, &prepared.transaction);
        let mut batch = std::mem::take(&mut prepared.transaction.batch);
        let details = audit_details(report);
        let commitments = &prepared.transaction.commitments;
        let frontier = self.add_audit(&mut batch, facts, commitments, &request.actor, &details)?;
        report.audit_head = frontier.head().to_string();
        for write in writes {
            batch.put(write.key.clone(), write.entry.encode());
        }
        if writes.is_empty() {
            let position = prepared.transaction.position;
            self.add_indexes_at(request, &prepared.entities, writes, position, &mut batch)?;
        }
        put_report(&mut batch, report);
        let (clock, position) = (prepared.clock, prepared.transaction.position);
        self.commit(batch, clock, position, frontier)
    }

    /// Puts the staged files in their places.
    fn publish_all(
        &mut self,
        request: &SyncRequest,
        prepared: &Prepared,
        writes: &mut [Write],
        report: &mut RunReport,
    ) -> Result<(), HubError> {
        for write in writes {
            let plan = &prepared.entities[write.entity];
            let domain = &request.domain(write.side).domain.name;
            let staged: Staged = write.entry.staged.clone();
            let published =
                staged.publish(&*self.disk, write.entry.old, write.entry.keep.as_deref());
            let trouble = match published {
                Ok(published) => {
                    write.done = true;
                    published.late_edit.then(|| {
                        (
                            "FILE_CHANGED",
                            "somebody wrote into the file in the moment in which it was replaced"
                                .to_owned(),
                            "their text is in the undo folder of the state folder".to_owned(),
                        )
                    })
                }
                Err(error @ DiskError::OutcomeUnknown { .. }) => {
                    return Err(HubError::File {
                        domain: domain.as_str().to_owned(),
                        entity: plan.name.as_str().to_owned(),
                        code: error.code(),
                        problem: with_causes(&error),
                        transient: false,
                    });
                }
                Err(error) => Some((
                    error.code(),
                    with_causes(&error),
                    "run the same command again: nothing is lost".to_owned(),
                )),
            };
            if let Some((code, reason, fix)) = trouble {
                if !write.done {
                    let name = file_name(request, write.side, plan);
                    if let Some(change) = report.files.get_mut(&name) {
                        change.after.clone_from(&change.before);
                    }
                }
                report.status = RunStatus::Partial;
                report.problems.push(Problem {
                    code: code.to_owned(),
                    domain: Some(domain.clone()),
                    entity: Some(plan.name.clone()),
                    item: None,
                    reason,
                    fix,
                });
            }
        }
        Ok(())
    }

    fn add_indexes(
        &self,
        request: &SyncRequest,
        entities: &[EntityPlan],
        writes: &[Write],
        batch: &mut Batch,
    ) -> Result<(), HubError> {
        self.add_indexes_at(request, entities, writes, self.position, batch)
    }

    /// Adds what each domain holds after the run, where that has changed.
    fn add_indexes_at(
        &self,
        request: &SyncRequest,
        entities: &[EntityPlan],
        writes: &[Write],
        position: Position,
        batch: &mut Batch,
    ) -> Result<(), HubError> {
        for (index, plan) in entities.iter().enumerate() {
            for side in Side::BOTH {
                let write = writes.iter().find(|w| w.entity == index && w.side == side);
                if write.is_some_and(|write| !write.done) {
                    continue;
                }
                let domain = request.domain(side).domain.name.clone();
                let new = new_index(plan, side, write, position)?;
                if new != plan.input.sides[side.index()].index {
                    let key =
                        Key::Domain { domain: domain.clone(), entity: Some(plan.name.clone()) };
                    batch.put(key, new.encode());
                }
                for run in &plan.input.sides[side.index()].unknown_writes {
                    let (run, domain, entity) = (run.clone(), domain.clone(), plan.name.clone());
                    if plan.unfinished.is_empty() {
                        batch.delete(Key::Journal { run, domain, entity });
                    }
                }
            }
        }
        Ok(())
    }

    /// Removes the oldest undo copies beyond the bound.
    pub(crate) fn prune_undo(&self) {
        let folder = self.state_folder.join("undo");
        let Ok(mut names) = self.disk.list(&folder) else {
            return;
        };
        names.sort();
        let surplus = names.len().saturating_sub(UNDO_FILES_MAX);
        for name in names.into_iter().take(surplus) {
            // Best effort: a copy that stays costs space and nothing else.
            let _ = self.disk.remove(&folder.join(name));
        }
    }
}

/// Stands for the digest of a record that has to be looked at in the next run, whatever it is.
const DIGEST_UNKNOWN: ItemDigest = [0; 16];

/// Returns what a domain holds after the run. The domain is known to have held the records that
/// were not dealt with, and the next run looks at them again.
fn new_index(
    plan: &EntityPlan,
    side: Side,
    write: Option<&Write>,
    position: Position,
) -> Result<DomainIndex, HubError> {
    let input = &plan.input.sides[side.index()];
    let old = &input.index;
    if plan.input.unchanged {
        return Ok(DomainIndex { position, ..old.clone() });
    }
    let rewritten;
    let (document, digest) = match write {
        Some(write) => {
            let bytes = write.bytes.as_slice();
            rewritten = Document::parse(bytes, plan.name.as_str(), &plan.id_path)
                .map_err(|_| HubError::Row { table: "domains" })?;
            (&rewritten, Some(write.entry.staged.digest.0))
        }
        None => (&input.document, input.digest),
    };
    let present: BTreeSet<&RecordId> = document.items().iter().map(|item| &item.id).collect();
    let mut items: Vec<_> = document
        .items()
        .iter()
        .filter(|item| !plan.unfinished.contains(&item.id))
        .map(|item| (item.id.clone(), item.digest))
        .collect();
    let uncertain = old.items.iter().filter(|(id, _)| {
        plan.unfinished.contains(id)
            || document.is_withheld(id)
            || (document.has_unnamed() && !present.contains(id))
    });
    items.extend(uncertain.map(|(id, _)| (id.clone(), DIGEST_UNKNOWN)));
    items.sort();
    items.dedup_by(|a, b| a.0 == b.0);
    let finished = plan.unfinished.is_empty();
    let whole = finished && plan.problems.is_empty();
    let file = if whole { digest } else { None };
    // What was put off may have changed at the hub alone: the log is read again from there.
    let position = if finished { position } else { old.position };
    Ok(DomainIndex { file, rules: plan.input.rules, position, items })
}

fn file_name(request: &SyncRequest, side: Side, plan: &EntityPlan) -> String {
    format!("{}/{}", request.domain(side).domain.name, plan.name)
}

fn report_began(prepared: &Prepared) -> u64 {
    prepared.transaction.run().at_ms
}

pub(crate) fn put_report(batch: &mut Batch, report: &RunReport) {
    let text = Json::Object(report.to_json()).to_compact_string();
    batch.put(Key::Run(report.run.clone()), text.into_bytes());
}

/// Returns the details of a run's entry in the audit: names and counts, never values.
pub(crate) fn audit_details(report: &RunReport) -> String {
    let mut details = report.to_json();
    details.remove("files");
    details.remove("errors");
    details.remove("notices");
    details.remove("auditHead");
    details.remove("durationMs");
    Json::Object(details).to_compact_string()
}

pub(crate) fn is_transient(error: &DiskError) -> bool {
    error.advice() == syncline_domains::Advice::Retry
}
