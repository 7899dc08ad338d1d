//! New files beside the old ones, before anything is committed.

use std::path::{Path, PathBuf};

use syncline_domains::files::disk::{
    Digest, Disk, DiskError, Staging, begin_stage, journal, sync_folders,
};
use syncline_domains::files::document::{RewriteError, Rewritten};
use syncline_engine::index::ItemDigest;
use syncline_engine::link::Side;
use syncline_engine::rows::Key;
use syncline_model::id::{EntityName, RecordId, RunId};

use super::beside::both;
use super::input::{file_error, with_causes};
use super::prepare::{EntityPlan, Rewrite};
use super::publish::is_transient;
use crate::error::HubError;
use crate::request::SyncRequest;
use crate::view::View;

/// A file that stands beside the one that it is to replace.
pub(super) struct StagedWrite {
    pub(super) entity: EntityName,
    pub(super) side: Side,
    /// Its place in the journal.
    pub(super) key: Key,
    pub(super) entry: journal::Entry,
    /// Its bytes on their way to the disk, until they are waited for.
    staging: Option<Staging>,
    /// Whether it is in its place now.
    pub(super) is_done: bool,
}

/// Waits until the bytes of all staged files are durable.
///
/// # Errors
///
/// [`HubError::File`] of the first that could not be written.
pub(super) fn wait_for_all(
    disk: &dyn Disk,
    request: &SyncRequest,
    writes: &mut [StagedWrite],
) -> Result<(), HubError> {
    let mut first = Ok(());
    for write in writes {
        if let Some(staging) = write.staging.take() {
            let ended = staging.wait(disk);
            let ended = ended.map_err(|e| not_staged(request, write.side, &write.entity, &e));
            first = first.and(ended);
        }
    }
    first
}

/// What a staged file holds.
pub(super) struct NewFile {
    /// Its length.
    pub(super) bytes: u64,
    /// The items that are new in it, with their digests.
    pub(super) items: Vec<(RecordId, ItemDigest)>,
}

/// A staged file and what it holds.
pub(super) type Staged = (StagedWrite, NewFile);

/// A new file that is not on the disk yet.
pub(super) struct NewText {
    /// The records that were changed in it.
    records: Vec<RecordId>,
    text: Result<Rewritten, RewriteError>,
}

impl EntityPlan {
    /// Returns the new files of both sides; nothing for one that stays as it is.
    pub(super) fn rewrite(&self, changes: [Vec<(RecordId, Rewrite)>; 2]) -> [Option<NewText>; 2] {
        let [source, target] = changes;
        let work = [(Side::Source, source), (Side::Target, target)].map(|(side, changes)| {
            let document = &self.input.sides[side.index()].document;
            let records = changes.iter().map(|(id, _)| id.clone()).collect();
            let changes = self.file_changes(side, changes);
            move || {
                let is_changed = !changes.is_empty();
                is_changed.then(|| NewText { records, text: document.rewrite(changes) })
            }
        });
        let lengths = self.input.sides.each_ref().map(|side| side.document.bytes().len());
        both(lengths[0].min(lengths[1]), work)
    }
}

impl View<'_> {
    /// Makes the names of all staged files durable: the journal is about to rely on them.
    pub(super) fn settle(
        &self,
        request: &SyncRequest,
        writes: &[StagedWrite],
    ) -> Result<(), HubError> {
        for side in Side::BOTH {
            let of_side = writes.iter().filter(|write| write.side == side);
            let files = of_side.clone().map(|write| write.entry.staged.path.as_path());
            let Some(first) = of_side.clone().next() else { continue };
            sync_folders(self.disk, files)
                .map_err(|error| not_staged(request, side, &first.entity, &error))?;
        }
        Ok(())
    }

    /// Begins to write the new file of one side beside the old one.
    ///
    /// - `of_run`: the run, and the folder of the hub's state.
    pub(super) fn stage(
        &self,
        request: &SyncRequest,
        plan: &EntityPlan,
        side: Side,
        new: NewText,
        of_run: (&RunId, &Path),
    ) -> Result<Staged, HubError> {
        let (run, state_folder) = of_run;
        let input = &plan.input.sides[side.index()];
        let domain = request.domain(side).domain.name.clone();
        let NewText { records, text } = new;
        let Rewritten { bytes, written } = text.map_err(|error| {
            let (code, problem) = (error.code(), with_causes(&error));
            file_error(request.domain(side), &plan.name, code, problem, false)
        })?;
        let length = bytes.len() as u64;
        let (staged, staging) = begin_stage(self.disk, &input.path, bytes, run)
            .map_err(|error| not_staged(request, side, &plan.name, &error))?;
        let keep = undo_path(state_folder, run, domain.as_str(), plan.name.as_str());
        let note = plan.note_of_names(side, &records);
        let old = input.digest.map(Digest);
        let entry = journal::Entry { staged, old, keep: Some(keep), records, note };
        let entity = plan.name.clone();
        let key = Key::Journal { run: run.clone(), domain, entity: entity.clone() };
        let staging = Some(staging);
        let write = StagedWrite { entity, side, key, entry, staging, is_done: false };
        Ok((write, NewFile { bytes: length, items: written }))
    }
}

fn not_staged(
    request: &SyncRequest,
    side: Side,
    entity: &EntityName,
    error: &DiskError,
) -> HubError {
    let (code, problem) = (error.code(), with_causes(error));
    file_error(request.domain(side), entity, code, problem, is_transient(error))
}

/// Returns where the old file of a run is kept for undo.
pub(crate) fn undo_path(state_folder: &Path, run: &RunId, domain: &str, entity: &str) -> PathBuf {
    state_folder.join("undo").join(format!("{}.{domain}.{entity}.json", run.as_str()))
}
