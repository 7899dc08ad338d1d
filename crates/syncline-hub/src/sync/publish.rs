//! Putting staged files in their places, and confirming that they are there.

use std::ops::ControlFlow;
use std::thread;

use syncline_domains::files::disk::{Disk, DiskError, Replacement, publish_all};
use syncline_engine::link::Side;
use syncline_engine::rows::{Batch, Key, Scan};
use syncline_engine::sync::{Problem, RunReport, RunStatus};
use syncline_model::id::{EntityName, RunId};
use syncline_model::json::Json;

use super::input::with_causes;
use super::run::{Prepared, length, outcome};
use super::stage::StagedWrite;
use crate::error::HubError;
use crate::hub::Hub;
use crate::limits::{UNDO_BYTES_MAX, UNDO_FILES_MAX};
use crate::outcome::SyncOutcome;
use crate::request::SyncRequest;

impl Hub {
    /// Writes the files of a run that is committed.
    pub(super) fn publish(
        &mut self,
        request: &SyncRequest,
        mut prepared: Prepared,
        mut report: RunReport,
    ) -> Result<SyncOutcome, HubError> {
        if prepared.writes.is_empty() {
            return Ok(outcome(prepared, report, false));
        }
        let (store, disk) = (&mut self.store, &*self.disk);
        thread::scope(|scope| {
            // What the commit left to be done waits for the same disk as the files.
            scope.spawn(move || store.tidy());
            put_in_place(disk, request, &mut prepared.writes, &mut report)
        })?;
        let mut batch = Batch::new();
        for write in &prepared.writes {
            self.note_written(write, &prepared, &mut batch)?;
        }
        prepared.add_indexes(request, self.position, &mut batch);
        let began_ms = prepared.run.at_ms;
        report.duration_ms = self.environment.now_ms().saturating_sub(began_ms);
        put_report(&mut batch, &report);
        self.store.commit(&batch)?;
        self.prune_undo()?;
        Ok(outcome(prepared, report, true))
    }

    /// Strikes a write out of the journal: it is done, or it is known that it was refused.
    fn note_written(
        &self,
        write: &StagedWrite,
        prepared: &Prepared,
        batch: &mut Batch,
    ) -> Result<(), HubError> {
        let mut entities = prepared.entities.iter();
        let entity = entities.find(|entity| entity.name == write.entity);
        let is_only_one =
            entity.is_some_and(|entity| entity.unknown_writes[write.side.index()].is_empty());
        if write.is_done {
            batch.delete(write.key.clone());
        } else if let (true, Key::Journal { domain, entity, .. }) = (is_only_one, &write.key) {
            self.close_intents(domain, entity, &write.entry.records, false, batch)?;
            batch.delete(write.key.clone());
        }
        Ok(())
    }

    /// Removes the oldest undo copies beyond the bounds, and then what older runs than those of the
    /// remaining copies found: without it a run cannot be undone.
    ///
    /// # Errors
    ///
    /// [`HubError::Store`].
    pub(crate) fn prune_undo(&mut self) -> Result<(), HubError> {
        let Some(oldest) = self.prune_copies() else { return Ok(()) };
        let mut batch = Batch::new();
        self.store.scan(&Scan::Undo, None, usize::MAX, &mut |key, _| match key {
            Key::Undo { run, .. } if *run < oldest => {
                batch.delete(key.clone());
                ControlFlow::Continue(())
            }
            _ => ControlFlow::Break(()),
        })?;
        if !batch.is_empty() {
            self.store.commit(&batch)?;
        }
        Ok(())
    }

    /// Removes the oldest undo copies beyond the bounds; answers the oldest run that has one still.
    fn prune_copies(&self) -> Option<RunId> {
        let folder = self.state_folder.join("undo");
        let Ok(mut names) = self.disk.list(&folder) else {
            return None;
        };
        // Names begin with the run: the latest first.
        names.sort_by(|a, b| b.cmp(a));
        let run_of = |name: &str| name.split('.').next().map(str::to_owned);
        let latest = names.first().and_then(|name| run_of(name));
        let mut oldest = None;
        let mut bytes = 0_u64;
        for (kept, name) in names.iter().enumerate() {
            let path = folder.join(name);
            bytes = bytes.saturating_add(length(&*self.disk, &path));
            let is_surplus = kept >= UNDO_FILES_MAX || bytes > UNDO_BYTES_MAX;
            if is_surplus && run_of(name) != latest {
                // Best effort: a copy that stays costs space and nothing else.
                let _ = self.disk.remove(&path);
            } else {
                oldest = run_of(name).and_then(|run| RunId::new(&run).ok());
            }
        }
        oldest
    }
}

/// Puts the staged files in their places.
fn put_in_place(
    disk: &dyn Disk,
    request: &SyncRequest,
    writes: &mut [StagedWrite],
    report: &mut RunReport,
) -> Result<(), HubError> {
    let replacements = writes.iter().map(|write| Replacement {
        staged: write.entry.staged.clone(),
        expected_old: write.entry.old,
        keep: write.entry.keep.clone(),
    });
    let published = publish_all(disk, replacements.collect());
    for (write, published) in writes.iter_mut().zip(published) {
        let domain = &request.domain(write.side).domain.name;
        let trouble = match published {
            Ok(published) => {
                write.is_done = true;
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
                    entity: write.entity.as_str().to_owned(),
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
            if !write.is_done {
                not_written(request, write, report);
            }
            report.status = RunStatus::Partial;
            report.problems.push(Problem {
                code: code.to_owned(),
                domain: Some(domain.clone()),
                entity: Some(write.entity.clone()),
                item: None,
                reason,
                fix,
            });
        }
    }
    Ok(())
}

/// Takes what was planned for a file that was not replaced out of the report.
fn not_written(request: &SyncRequest, write: &StagedWrite, report: &mut RunReport) {
    let name = file_name(request, write.side, &write.entity);
    if let Some(change) = report.files.get_mut(&name) {
        change.after.clone_from(&change.before);
    }
    let mut entities = report.entities.iter_mut();
    if let Some((_, done)) = entities.find(|(name, _)| *name == write.entity) {
        for counts in [&mut done.added, &mut done.updated, &mut done.deleted] {
            counts[write.side.index()] = 0;
        }
    }
}

/// Returns the name of a file in a report.
pub(super) fn file_name(request: &SyncRequest, side: Side, entity: &EntityName) -> String {
    format!("{}/{entity}", request.domain(side).domain.name)
}

pub(crate) fn put_report(batch: &mut Batch, report: &RunReport) {
    let text = Json::Object(report.to_json()).to_compact_string();
    batch.put(Key::Run(report.run.clone()), text.into_bytes());
}

/// Returns the details of a run's entry in the audit: names and counts, never values.
pub(crate) fn audit_details(report: &RunReport) -> String {
    let mut details = report.to_json();
    details.remove("files");
    details.remove("policies");
    details.remove("errors");
    details.remove("notices");
    details.remove("auditHead");
    details.remove("durationMs");
    Json::Object(details).to_compact_string()
}

pub(crate) fn is_transient(error: &DiskError) -> bool {
    error.advice() == syncline_domains::Advice::Retry
}
