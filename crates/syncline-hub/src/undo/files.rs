//! The files of an undo: which come back, byte for byte or record by record, and how.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use syncline_domains::files::disk::{
    Digest, DiskError, Reading, journal, read, stage, sync_folders,
};
use syncline_domains::files::document::{Change, Document};
use syncline_engine::index::{DomainIndex, ItemDigest};
use syncline_engine::link::Side;
use syncline_engine::rows::{Batch, Key};
use syncline_engine::sync::{PLAIN, Transaction, base_key};
use syncline_merge::display::{Field, Fields};
use syncline_merge::fault::{Fault, is_planted};
use syncline_model::id::{DomainName, EntityName, RecordId, RunId};
use syncline_model::json::fields::flatten;
use syncline_model::json::{Json, Object, parse};

use super::happened::{Happened, RecordKey, SideRecord, item_of};
use crate::error::HubError;
use crate::hub::Hub;
use crate::location::{Moved, Spot};
use crate::request::{FileDomain, FileEntity, SyncRequest};
use crate::sync::{hex, undo_path};

/// Who may read a copy that is kept: its owner.
const MODE_KEPT: u32 = 0o600;

/// One file that goes back.
pub(super) struct Return {
    pub(super) side: Side,
    pub(super) entity: EntityName,
    path: PathBuf,
    /// Where that leads.
    pub(super) spot: Spot,
    /// Digest of what is there now; `None` if nothing is.
    pub(super) found: Option<[u8; 32]>,
    /// The bytes that come back; `None` to remove the file.
    pub(super) bytes: Option<Vec<u8>>,
    /// Whether these are the bytes from before the run.
    pub(super) exact: bool,
    /// The file as it was before the run.
    pub(super) earlier: Document<'static>,
    /// The file as it is.
    pub(super) now: Document<'static>,
    /// The records that come back with it.
    pub(super) records: BTreeSet<RecordId>,
    /// What the domain held after the last run.
    pub(super) index: DomainIndex,
}

impl Return {
    /// Returns whether the file holds a record now, and whether it does then.
    pub(super) fn is_there(&self, id: &RecordId) -> [bool; 2] {
        [&self.now, &self.earlier].map(|file| digest_of(file, id).is_some())
    }

    /// Returns whether the file holds what a domain is known to hold of a record, and besides, out of the
    /// hub's sight, what it held before the run.
    fn holds(&self, known: &Fields, entity: &FileEntity, id: &RecordId) -> bool {
        let naming = self.index.naming(id).unwrap_or(&PLAIN);
        let Some(mut now) = item_of(&self.now, entity, id, naming) else { return false };
        let earlier = item_of(&self.earlier, entity, id, naming).unwrap_or_default();
        let is_unknown = |(path, _): &&Field| known.iter().all(|(other, _)| other != path);
        let unseen =
            |fields: &Fields| -> Fields { fields.iter().filter(is_unknown).cloned().collect() };
        if unseen(&now) != unseen(&earlier) {
            return false;
        }
        now.retain(|field| !is_unknown(&field));
        now == *known
    }
}

/// How a file was when the run had ended.
pub(super) enum AsLeft {
    /// As it is.
    Now,
    /// As the next run that wrote it has kept it.
    Kept(Document<'static>),
    /// That is not known.
    Unknown {
        /// Whether a later run has written the file.
        is_written_since: bool,
    },
}

impl AsLeft {
    /// Returns whether a record is in the file as it was then, where that is known.
    ///
    /// - `now`: the file as it is.
    pub(super) fn is_untouched(&self, now: &Document<'_>, id: &RecordId) -> bool {
        match self {
            Self::Now => true,
            Self::Kept(file) => is_same_item(file, now, id),
            Self::Unknown { .. } => false,
        }
    }
}

/// What is known when the return of a file is planned.
#[derive(Clone, Copy)]
pub(super) struct ReturnPlan<'a> {
    /// The name of the run that is undone.
    pub(super) sync_id: &'a str,
    /// The report of the run that is undone.
    pub(super) run: &'a Object,
    pub(super) run_id: &'a RunId,
    /// What the run did, and what came after.
    pub(super) happened: &'a Happened,
    /// Records that stay as they are on both sides.
    pub(super) kept: &'a BTreeSet<RecordKey>,
}

impl ReturnPlan<'_> {
    /// Returns whether a record stays as it is.
    fn stays(&self, entity: &EntityName, id: &RecordId) -> bool {
        let key = (entity.clone(), id.clone());
        self.happened.is_changed_since(&key) || self.kept.contains(&key)
    }
}

impl Hub {
    /// Plans how one file goes back; nothing if the run did not write it, or if none of it comes
    /// back. Records that have to stay as they are are added to `left`.
    pub(super) fn plan_return(
        &self,
        request: &SyncRequest,
        entity: &FileEntity,
        side: Side,
        plan: &ReturnPlan<'_>,
        left: &mut BTreeSet<SideRecord>,
    ) -> Result<Option<Return>, HubError> {
        let ReturnPlan { run, run_id, .. } = *plan;
        let domain = request.domain(side);
        let name = &entity.entity.name;
        let label = format!("{}/{name}", domain.domain.name);
        let Some((before, _)) = file_change(run, &label).filter(|(b, a)| b != a) else {
            return Ok(None);
        };
        if side == Side::Target && is_planted(Fault::UndoForgetsTarget) {
            return Ok(None);
        }
        let spot = self.place_of(request, entity, side, plan)?;
        let current = self.bytes_of(request, entity, side)?;
        let found = current.as_ref().map(|file| Digest::of(file).0);
        let old = before.as_ref().map(|_| {
            let keep =
                undo_path(&self.state_folder, run_id, domain.domain.name.as_str(), name.as_str());
            self.kept_copy(&keep, request, plan.sync_id)
        });
        let old = old.transpose()?;
        let now = parsed(domain, entity, current.unwrap_or_default())?;
        let earlier = parsed(domain, entity, old.clone().unwrap_or_default())?;
        let mut records = differing(&earlier, &now);
        let is_whole = records.iter().all(|id| plan.happened.is_to_undo(name, id));
        records.retain(|id| plan.happened.is_to_undo(name, id));
        let index = self.view().domain_index(request, side, name)?;
        let path = domain.folder.join(&entity.file);
        // As long as nothing was changed since, it is byte for byte the file of before.
        let (bytes, exact) = (old, true);
        let back = Return {
            side,
            entity: name.clone(),
            path,
            spot,
            found,
            bytes,
            exact,
            earlier,
            now,
            records,
            index,
        };
        let as_left = self.as_left(request, entity, side, plan, found)?;
        let as_left = if is_planted(Fault::UndoTakesEdits) { AsLeft::Now } else { as_left };
        if matches!(as_left, AsLeft::Now) {
            let stays = |id: &&RecordId| plan.stays(name, id);
            let told = back.records.iter().filter(stays);
            left.extend(told.map(|id| (side, name.clone(), id.clone())));
            let stay =
                back.records.iter().chain(plan.happened.touched_of(name)).any(|id| stays(&id));
            if is_whole && !stay {
                return Ok(Some(back));
            }
        }
        let relaid = self.relaid(domain, entity, &back)?;
        let edited = self.edited_since(domain, entity, &back, plan.happened)?;
        back.in_part(plan, (&as_left, &relaid, &edited), |id| {
            left.insert((side, name.clone(), id));
        })
    }

    /// Returns the records that are laid out otherwise in a file than the last run left them, and say the
    /// same: who writes a file whole lays out every item anew.
    fn relaid(
        &self,
        domain: &FileDomain,
        entity: &FileEntity,
        back: &Return,
    ) -> Result<BTreeSet<RecordId>, HubError> {
        let is_other = |id: &&RecordId| digest_of(&back.now, id) != back.index.get(id);
        let ids: Vec<&RecordId> = back.records.iter().filter(is_other).collect();
        let name = &entity.entity.name;
        let keys: Vec<Key> = ids.iter().map(|id| base_key(&domain.domain.name, name, id)).collect();
        let bases = self.view().bases(&keys)?;
        let mut relaid = BTreeSet::new();
        for (id, base) in ids.into_iter().zip(bases) {
            let known = base.and_then(|base| base.with_intent_written().rendering);
            if known.is_some_and(|known| back.holds(&known, entity, id)) {
                relaid.insert(id.clone());
            }
        }
        Ok(relaid)
    }

    /// Returns the records that were edited in a file since the run, and that only runs took in which
    /// wrote no file: what is known of the domain by now holds the edit.
    fn edited_since(
        &self,
        domain: &FileDomain,
        entity: &FileEntity,
        back: &Return,
        happened: &Happened,
    ) -> Result<BTreeSet<RecordId>, HubError> {
        let mut edited = BTreeSet::new();
        for (id, runs) in happened.read_of(&entity.entity.name) {
            let at = |of: &[DomainName; 2]| of.iter().position(|name| *name == domain.domain.name);
            // The first of the runs found what was known before all of them.
            let first = runs.iter().find_map(|(run, domains)| Some((run, at(domains)?)));
            let Some((run, at)) = first else { continue };
            let found = self.found_by(run, &entity.entity.name, id)?.unwrap_or_default();
            let known = self.decoded(found.bases[at].row.as_deref())?;
            let is_as_known = match known.and_then(|base| base.with_intent_written().rendering) {
                Some(known) => back.holds(&known, entity, id),
                None => back.now.item(id).is_none(),
            };
            if !is_as_known {
                edited.insert(id.clone());
            }
        }
        Ok(edited)
    }

    /// Returns a file as the run left it, where it is that, or the next run that wrote it has kept it so.
    ///
    /// - `found`: digest of the file as it is.
    pub(super) fn as_left(
        &self,
        request: &SyncRequest,
        entity: &FileEntity,
        side: Side,
        plan: &ReturnPlan<'_>,
        found: Option<[u8; 32]>,
    ) -> Result<AsLeft, HubError> {
        let domain = request.domain(side);
        let (of_domain, name) = (domain.domain.name.as_str(), entity.entity.name.as_str());
        let label = format!("{of_domain}/{name}");
        let after = file_change(plan.run, &label).map(|(_, after)| after);
        if after == Some(found.map(|digest| hex(&digest))) {
            return Ok(AsLeft::Now);
        }
        let next = self.next_writer(plan.run_id, &label)?;
        let unknown = Ok(AsLeft::Unknown { is_written_since: next.is_some() });
        let (Some((run, found)), Some(Some(after))) = (next, after) else { return unknown };
        if found.as_ref() != Some(&after) {
            return unknown;
        }
        let keep = undo_path(&self.state_folder, &run, of_domain, name);
        match read(&*self.disk, &keep, request.limits.bytes_per_run) {
            Ok(Reading::Present(file)) if hex(&Digest::of(&file.bytes).0) == after => {
                parsed(domain, entity, file.bytes).map(AsLeft::Kept)
            }
            _ => unknown,
        }
    }

    /// Returns where a file is, if the run wrote that one.
    ///
    /// # Errors
    ///
    /// [`HubError::WroteElsewhere`] if the domain leads to another one now.
    fn place_of(
        &self,
        request: &SyncRequest,
        entity: &FileEntity,
        side: Side,
        plan: &ReturnPlan<'_>,
    ) -> Result<Spot, HubError> {
        let domain = request.domain(side);
        let spot = self.view().location(&domain.folder, &entity.file).of_file();
        let file = format!("{}/{}", domain.domain.name, entity.entity.name);
        match file_place(plan.run, &file).filter(|wrote| !spot.is_same(wrote, &*self.disk)) {
            Some(Spot { path: wrote, .. }) => {
                let id = plan.sync_id.to_owned();
                let places = Box::new(Moved { from: wrote, to: spot.path });
                Err(HubError::WroteElsewhere { id, file, places })
            }
            None => Ok(spot),
        }
    }

    /// Returns the first run after `run` that has written a file, and the digest of what it found.
    fn next_writer(
        &self,
        run: &RunId,
        label: &str,
    ) -> Result<Option<(RunId, Option<String>)>, HubError> {
        let mut next = None;
        self.later_runs(run, |id, later| {
            if let Some((before, _)) = file_change(later, label).filter(|(b, a)| b != a) {
                next = Some((id.clone(), before));
            }
        })?;
        Ok(next)
    }

    /// Reads the copy that a run kept of a file.
    fn kept_copy(
        &self,
        keep: &Path,
        request: &SyncRequest,
        sync_id: &str,
    ) -> Result<Vec<u8>, HubError> {
        match read(&*self.disk, keep, request.limits.bytes_per_run) {
            Ok(Reading::Present(file)) => Ok(file.bytes),
            _ => Err(HubError::NotUndoable {
                id: sync_id.to_owned(),
                reason: "its undo copies are gone",
            }),
        }
    }

    fn bytes_of(
        &self,
        request: &SyncRequest,
        entity: &FileEntity,
        side: Side,
    ) -> Result<Option<Vec<u8>>, HubError> {
        let domain = request.domain(side);
        let path = domain.folder.join(&entity.file);
        match read(&*self.disk, &path, request.limits.bytes_per_run) {
            Ok(Reading::Present(file)) => Ok(Some(file.bytes)),
            Ok(Reading::Missing) => Ok(None),
            Err(error) => Err(HubError::File {
                domain: domain.domain.name.as_str().to_owned(),
                entity: entity.entity.name.as_str().to_owned(),
                code: error.code(),
                problem: error.to_string(),
                transient: false,
            }),
        }
    }

    /// Writes the files that come back beside those that are there, which stay for an undo of this
    /// undo.
    pub(super) fn stage_returns(
        &self,
        request: &SyncRequest,
        returns: &[Return],
        transaction: &Transaction,
    ) -> Result<Vec<Option<journal::Entry>>, HubError> {
        let mut staged: Vec<Option<journal::Entry>> = Vec::new();
        for back in returns {
            let Some(bytes) = &back.bytes else {
                staged.push(None);
                continue;
            };
            match stage(&*self.disk, &back.path, bytes, &transaction.run().id) {
                Ok(new) => staged.push(Some(journal::Entry {
                    staged: new,
                    old: back.found.map(Digest),
                    keep: Some(self.kept_by(&transaction.run().id, request, back)),
                    records: Vec::new(),
                    note: None,
                })),
                Err(error) => {
                    self.discard(staged);
                    return Err(not_staged(request, back, &error));
                }
            }
        }
        let files = staged.iter().flatten().map(|entry| entry.staged.path.as_path());
        match (sync_folders(&*self.disk, files), returns.first()) {
            (Err(error), Some(first)) => {
                self.discard(staged);
                Err(not_staged(request, first, &error))
            }
            _ => Ok(staged),
        }
    }

    /// Removes staged files that are not to be put in their places.
    fn discard(&self, staged: Vec<Option<journal::Entry>>) {
        for entry in staged.into_iter().flatten() {
            // Best effort: the next run removes what is left of a run that never was.
            let _ = entry.staged.discard(&*self.disk);
        }
    }

    pub(super) fn publish_returns(
        &mut self,
        request: &SyncRequest,
        returns: &[Return],
        staged: Vec<Option<journal::Entry>>,
        run: &RunId,
    ) -> Result<(), HubError> {
        let mut batch = Batch::new();
        for (back, entry) in returns.iter().zip(staged) {
            let domain = request.domain(back.side).domain.name.clone();
            let done = match entry {
                Some(entry) => {
                    entry.staged.publish(&*self.disk, entry.old, entry.keep.as_deref()).map(|_| ())
                }
                None => {
                    self.set_aside(&back.path, &self.kept_by(run, request, back));
                    Ok(())
                }
            };
            done.map_err(|error| HubError::File {
                domain: domain.as_str().to_owned(),
                entity: back.entity.as_str().to_owned(),
                code: error.code(),
                problem: error.to_string(),
                transient: true,
            })?;
            let (run, entity) = (run.clone(), back.entity.clone());
            batch.delete(Key::Journal { run, domain, entity });
        }
        self.store.commit(&batch)?;
        self.prune_undo()?;
        Ok(())
    }

    /// Returns where this undo keeps the file that it replaces or removes.
    fn kept_by(&self, run: &RunId, request: &SyncRequest, back: &Return) -> PathBuf {
        let domain = request.domain(back.side).domain.name.as_str();
        undo_path(&self.state_folder, run, domain, back.entity.as_str())
    }

    /// Takes away a file that was not there before the run.
    ///
    /// Best effort: a file that stays is read again as the domain's, and one that cannot be kept
    /// is missed by an undo of this undo only.
    fn set_aside(&self, path: &Path, keep: &Path) {
        if self.disk.rename(path, keep).is_ok() {
            return;
        }
        // The state lies on another device.
        let mut bytes = Vec::new();
        if self.disk.read_into(path, &mut bytes).is_ok() {
            let _ = self.disk.write_new(keep, &bytes, MODE_KEPT);
        }
        let _ = self.disk.remove(path);
    }
}

impl Return {
    /// Lets what was not touched since go back record by record, in a file that was edited since;
    /// nothing if none of it does.
    ///
    /// - `relaid`: the records that are only laid out otherwise since.
    /// - `edited`: the records that were edited since, as is known by now.
    /// - `leave`: takes the records that stay.
    fn in_part(
        mut self,
        plan: &ReturnPlan<'_>,
        (as_left, relaid, edited): (&AsLeft, &BTreeSet<RecordId>, &BTreeSet<RecordId>),
        mut leave: impl FnMut(RecordId),
    ) -> Result<Option<Self>, HubError> {
        let Self { entity, index, earlier, now, records, .. } = &self;
        let left = match as_left {
            AsLeft::Now => Some(now),
            AsLeft::Kept(file) => Some(file),
            AsLeft::Unknown { .. } => None,
        };
        let left = left.map(|file| |id: &RecordId| digest_of(file, id));
        let mut ids: BTreeSet<&RecordId> = plan.happened.touched_of(entity).collect();
        // What the run wrote without a change of its own is known by the files only.
        let is_written = |id: &&RecordId| {
            let written = left.map_or_else(|| index.get(id), |left| left(id));
            written != digest_of(earlier, id) && !ids.contains(id)
        };
        let carried: Vec<&RecordId> = records.iter().filter(is_written).collect();
        match as_left {
            AsLeft::Unknown { is_written_since: true } => {
                carried.into_iter().cloned().for_each(&mut leave);
            }
            _ => ids.extend(carried),
        }
        let mut changes = Vec::new();
        for id in ids {
            let present = digest_of(now, id);
            // A run that was narrowed to other records does not know any more what this one was.
            let is_as_known = present == index.get(id) || relaid.contains(id);
            let is_untouched =
                (is_as_known && !edited.contains(id)) || as_left.is_untouched(now, id);
            if plan.stays(entity, id) || !is_untouched || now.is_withheld(id) {
                leave(id.clone());
            } else if let Some(change) = change_back(now, earlier, id) {
                changes.push((id.clone(), change));
            }
        }
        if is_planted(Fault::UndoForgetsRecord) {
            changes.pop();
        }
        if changes.is_empty() {
            return Ok(None);
        }
        let records = changes.iter().map(|(id, _)| id.clone()).collect();
        let changes = changes.into_iter().map(|(_, change)| change).collect();
        let rewritten = now.rewrite(changes).map_err(|_| HubError::Row { table: "files" })?;
        self.bytes = Some(rewritten.bytes);
        self.exact = false;
        self.records = records;
        Ok(Some(self))
    }
}

fn digest_of<'d>(file: &'d Document<'_>, id: &RecordId) -> Option<&'d ItemDigest> {
    file.item(id).map(|item| &item.digest)
}

/// Returns whether two files say the same of a record, however it is laid out.
fn is_same_item(a: &Document<'_>, b: &Document<'_>, id: &RecordId) -> bool {
    let (Some(in_a), Some(in_b)) = (a.item(id), b.item(id)) else {
        return a.item(id).is_none() && b.item(id).is_none();
    };
    let says = |file: &Document<'_>, item| flatten(file.raw(item)).ok();
    in_a.digest == in_b.digest || says(a, in_a).is_some_and(|said| says(b, in_b) == Some(said))
}

/// Returns what the report of a run says of a file.
fn file_of<'r>(run: &'r Object, label: &str) -> Option<&'r Object> {
    let Json::Object(files) = run.get("files")? else { return None };
    let Json::Object(file) = files.get(label)? else { return None };
    Some(file)
}

/// Returns where a file was that a run wrote.
fn file_place(run: &Object, label: &str) -> Option<Spot> {
    let file = file_of(run, label)?;
    let text = |member| file.get(member).and_then(Json::as_str).map(str::to_owned);
    Some(Spot { path: text("path")?, beside_state: text("besideState") })
}

/// Returns the digests of a file before and after a run, as its report has them.
fn file_change(run: &Object, label: &str) -> Option<(Option<String>, Option<String>)> {
    let file = file_of(run, label)?;
    let digest = |member| file.get(member).and_then(Json::as_str).map(str::to_owned);
    Some((digest("before"), digest("after")))
}

/// Returns whether a run has written a file, as its report has it.
pub(super) fn has_written(run: &Object) -> bool {
    let files = run.get("files").and_then(Json::as_object);
    let mut files = files.into_iter().flat_map(Object::iter);
    files.any(|(label, _)| file_change(run, label).is_some_and(|(before, after)| before != after))
}

/// Reads a file as records; one that is not there has none.
fn parsed(
    domain: &FileDomain,
    entity: &FileEntity,
    bytes: Vec<u8>,
) -> Result<Document<'static>, HubError> {
    let (name, id_path) = (&entity.entity.name, &entity.entity.id_path);
    if bytes.is_empty() {
        return Ok(Document::empty(name.as_str(), id_path));
    }
    Document::parse(bytes, name.as_str(), id_path).map_err(|error| HubError::File {
        domain: domain.domain.name.as_str().to_owned(),
        entity: name.as_str().to_owned(),
        code: error.code(),
        problem: error.to_string(),
        transient: false,
    })
}

/// Returns what brings a record of a file back to what it was; nothing if it is that.
fn change_back(
    now: &Document<'_>,
    earlier: &Document<'_>,
    id: &RecordId,
) -> Option<Change<'static>> {
    match (now.item(id), earlier.item(id)) {
        _ if is_same_item(now, earlier, id) => None,
        (_, Some(item)) => match parse(earlier.raw(item)) {
            Ok(Json::Object(object)) => Some(Change::put(id.clone(), object)),
            _ => None,
        },
        (Some(_), None) => Some(Change::remove(id.clone())),
        (None, None) => None,
    }
}

fn not_staged(request: &SyncRequest, back: &Return, error: &DiskError) -> HubError {
    HubError::File {
        domain: request.domain(back.side).domain.name.as_str().to_owned(),
        entity: back.entity.as_str().to_owned(),
        code: error.code(),
        problem: error.to_string(),
        transient: false,
    }
}

/// Returns the records that differ between two files.
fn differing(earlier: &Document<'_>, now: &Document<'_>) -> BTreeSet<RecordId> {
    let items = |document: &Document<'_>| -> BTreeMap<RecordId, [u8; 16]> {
        document.items().iter().map(|item| (item.id.clone(), item.digest)).collect()
    };
    let (earlier, now) = (items(earlier), items(now));
    let all = earlier.keys().chain(now.keys());
    all.filter(|id| earlier.get(*id) != now.get(*id)).cloned().collect()
}
