//! Undoing a run: the files come back, and the hub goes back with them.
//!
//! An undo is a change like any other. Every record that the run touched shows again what it showed
//! before, and the domains are known to have held that: what a person had edited before the run is
//! an edit again. Records that were edited since the run stay as they are and are listed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use syncline_domains::files::disk::{
    Digest, DiskError, Reading, journal, read, stage, sync_folders,
};
use syncline_domains::files::document::{Change, Document, Item};
use syncline_engine::audit::{BatchFacts, inner_root};
use syncline_engine::index::DomainIndex;
use syncline_engine::link::Side;
use syncline_engine::log::{ChangeKind, LogEntry};
use syncline_engine::rows::{Batch, Key, Scan};
use syncline_engine::sync::{
    EntityReport, FileChange, Gate, LoggedChange, RunReport, RunStatus, Transaction, base_key,
};
use syncline_merge::codec::{decode_record, encode_base, encode_record};
use syncline_merge::commit::{Site, operate};
use syncline_merge::diff::difference;
use syncline_merge::display::{Fields, visible};
use syncline_merge::operation::{Effect, Operation};
use syncline_merge::plain::Base;
use syncline_merge::state::Record;
use syncline_merge::token::{Context, Token};
use syncline_model::clock::Clock;
use syncline_model::id::{EntityName, Position, RecordId, RunId, Writer};
use syncline_model::json::{Json, Object, parse};
use syncline_model::version::Version;

use crate::error::HubError;
use crate::hub::Hub;
use crate::outcome::UndoOutcome;
use crate::request::{FileDomain, FileEntity, SyncRequest};
use crate::runs::decode_entry;
use crate::sync::{hex, put_report, timestamp, undo_path};

/// Who may read a copy that is kept: its owner.
const MODE_KEPT: u32 = 0o600;

/// What a run did to one record, and whether anything came after.
struct Touched {
    /// The changes, in order.
    entries: Vec<LogEntry>,
    /// Whether a later change touched the record.
    changed_since: bool,
}

/// One file that goes back.
struct Return {
    side: Side,
    entity: EntityName,
    path: PathBuf,
    found: Option<[u8; 32]>,
    /// The bytes that come back; `None` to remove the file.
    bytes: Option<Vec<u8>>,
    exact: bool,
    restored: u64,
}

/// What is known when the return of a file is planned.
struct ReturnPlan<'a> {
    /// The report of the run that is undone.
    run: &'a Object,
    run_id: &'a RunId,
    /// What the run did, by record.
    touched: &'a BTreeMap<(EntityName, RecordId), Touched>,
    /// Records that stay as they are on both sides.
    kept: &'a BTreeSet<(EntityName, RecordId)>,
}

impl Hub {
    /// Undoes a run, or says what that would do.
    ///
    /// - `request`: the link that ran, with its folders.
    ///
    /// # Errors
    ///
    /// [`HubError::RunNotFound`], or [`HubError::NotUndoable`] if the run was undone already,
    /// belongs to another link, or its undo copies are gone.
    pub fn undo(
        &mut self,
        sync_id: &str,
        request: &SyncRequest,
        dry_run: bool,
    ) -> Result<UndoOutcome, HubError> {
        let run = self.run(sync_id)?;
        let run_id = self.undoable(sync_id, &run, request)?;
        let touched = self.touched(&run_id)?;
        let mut left: BTreeSet<(Side, EntityName, RecordId)> = BTreeSet::new();
        // A record that stays on one side stays on the other: else its return looked like an edit.
        let (returns, kept) = loop {
            let kept: BTreeSet<(EntityName, RecordId)> =
                left.iter().map(|(_, entity, id)| (entity.clone(), id.clone())).collect();
            let known = left.len();
            let mut returns = Vec::new();
            for entity in &request.entities {
                for side in Side::BOTH {
                    let plan =
                        ReturnPlan { run: &run, run_id: &run_id, touched: &touched, kept: &kept };
                    returns.extend(self.plan_return(request, entity, side, &plan, &mut left)?);
                }
            }
            if left.len() == known {
                break (returns, kept);
            }
        };
        let outcome = UndoOutcome {
            sync_id: sync_id.to_owned(),
            report: self.undo_report(request, &returns)?,
            restored: Side::BOTH.map(|side| {
                returns.iter().filter(|back| back.side == side).map(|back| back.restored).sum()
            }),
            files_exact: returns
                .iter()
                .filter(|back| back.exact)
                .map(|back| format!("{}/{}", request.domain(back.side).domain.name, back.entity))
                .collect(),
            left: left.iter().cloned().collect(),
        };
        if dry_run {
            return Ok(outcome);
        }
        self.execute_undo(request, run, &touched, &kept, returns, outcome)
    }

    fn undoable(
        &self,
        sync_id: &str,
        run: &Object,
        request: &SyncRequest,
    ) -> Result<RunId, HubError> {
        let refuse = |reason| HubError::NotUndoable { id: sync_id.to_owned(), reason };
        let text = |member| run.get(member).and_then(Json::as_str);
        if text("status") == Some(RunStatus::RolledBack.as_str()) {
            return Err(refuse("it was undone already"));
        }
        let of_link = text("sourceDomain") == Some(request.source.domain.name.as_str())
            && text("targetDomain") == Some(request.target.domain.name.as_str());
        if !of_link {
            return Err(refuse("it belongs to other domains"));
        }
        let id = text("runId").and_then(|id| RunId::new(id).ok());
        id.ok_or(HubError::Row { table: "runs" })
    }

    /// Returns what the run did, by record.
    fn touched(&self, run: &RunId) -> Result<BTreeMap<(EntityName, RecordId), Touched>, HubError> {
        let mut touched: BTreeMap<(EntityName, RecordId), Touched> = BTreeMap::new();
        self.for_each(&Scan::Log { from: Position(0) }, |_, bytes| {
            let entry = decode_entry(bytes)?;
            let key = (entry.entity.clone(), entry.id.clone());
            if entry.run.as_ref() == Some(run) {
                let new = || Touched { entries: Vec::new(), changed_since: false };
                touched.entry(key).or_insert_with(new).entries.push(entry);
            } else if let Some(touched) = touched.get_mut(&key) {
                touched.changed_since = true;
            }
            Ok(())
        })?;
        Ok(touched)
    }

    /// Plans how one file goes back; nothing if the run did not write it. Records that have to stay
    /// as they are are added to `left`.
    fn plan_return(
        &self,
        request: &SyncRequest,
        entity: &FileEntity,
        side: Side,
        plan: &ReturnPlan<'_>,
        left: &mut BTreeSet<(Side, EntityName, RecordId)>,
    ) -> Result<Option<Return>, HubError> {
        let ReturnPlan { run, run_id, touched, kept } = *plan;
        let domain = request.domain(side);
        let name = &entity.entity.name;
        let label = format!("{}/{name}", domain.domain.name);
        let Some((before, after)) = file_change(run, &label) else {
            return Ok(None);
        };
        if before == after {
            return Ok(None);
        }
        let path = domain.folder.join(&entity.file);
        let current = self.bytes_of(request, entity, side)?;
        let old = before.as_ref().map(|_| {
            let keep =
                undo_path(&self.state_folder, run_id, domain.domain.name.as_str(), name.as_str());
            self.kept_copy(&keep, request, run_id)
        });
        let old = old.transpose()?;
        let changed_since = |id: &RecordId| {
            let key = (name.clone(), id.clone());
            let changed = touched.get(&key).is_none_or(|touched| touched.changed_since);
            changed || kept.contains(&key)
        };
        let ids = touched.keys().filter(|(e, _)| e == name).map(|(_, id)| id);
        let found = current.as_ref().map(|file| Digest::of(file).0);
        let mut restored = None;
        if found.map(|digest| hex(&digest)) == after {
            let differing = differing(&old, &current, name, &entity.entity.id_path);
            // What the run wrote without a change of its own, such as a decision, stays.
            let told = differing.iter().filter(|id| changed_since(id));
            left.extend(told.map(|id| (side, name.clone(), id.clone())));
            let stays = ids.clone().any(changed_since) || differing.iter().any(changed_since);
            restored = (!stays).then_some(differing.len() as u64);
        }
        if let Some(restored) = restored {
            return Ok(Some(Return {
                side,
                entity: name.clone(),
                path,
                found,
                bytes: old,
                exact: true,
                restored,
            }));
        }
        // Edited since: what was not touched goes back record by record.
        let now = parsed(domain, entity, current.unwrap_or_default())?;
        let old = parsed(domain, entity, old.unwrap_or_default())?;
        let index = self.index_of(request, side, name)?;
        let changes = changes_back(&now, &old, &index, ids, changed_since, |id| {
            left.insert((side, name.clone(), id.clone()));
        });
        let restored = changes.len() as u64;
        let rewritten = now.rewrite(changes).map_err(|_| HubError::Row { table: "files" })?;
        let bytes = rewritten.bytes;
        let entity = name.clone();
        Ok(Some(Return { side, entity, path, found, bytes: Some(bytes), exact: false, restored }))
    }

    /// Reads the copy that a run kept of a file.
    fn kept_copy(
        &self,
        keep: &Path,
        request: &SyncRequest,
        run_id: &RunId,
    ) -> Result<Vec<u8>, HubError> {
        match read(&*self.disk, keep, request.limits.bytes_per_run) {
            Ok(Reading::Present(file)) => Ok(file.bytes),
            _ => Err(HubError::NotUndoable {
                id: run_id.as_str().to_owned(),
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

    fn index_of(
        &self,
        request: &SyncRequest,
        side: Side,
        entity: &EntityName,
    ) -> Result<DomainIndex, HubError> {
        let domain = request.domain(side).domain.name.clone();
        let bytes = self.store.get(&Key::Domain { domain, entity: Some(entity.clone()) })?;
        let index = bytes.map(|bytes| DomainIndex::decode(&bytes)).transpose();
        let index = index.map_err(|source| HubError::Damaged { table: "domains", source })?;
        Ok(index.unwrap_or_default())
    }

    fn undo_report(
        &self,
        request: &SyncRequest,
        returns: &[Return],
    ) -> Result<RunReport, HubError> {
        let now_ms = self.environment.now_ms();
        let mut entities: BTreeMap<&EntityName, EntityReport> = BTreeMap::new();
        let mut files = BTreeMap::new();
        for back in returns {
            let report = entities.entry(&back.entity).or_default();
            report.updated[back.side.index()] += back.restored;
            let name = format!("{}/{}", request.domain(back.side).domain.name, back.entity);
            let before = back.found.map(|digest| hex(&digest));
            let after = back.bytes.as_ref().map(|bytes| hex(&Digest::of(bytes).0));
            files.insert(name, FileChange { before, after });
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
        })
    }

    fn execute_undo(
        &mut self,
        request: &SyncRequest,
        run: Object,
        touched: &BTreeMap<(EntityName, RecordId), Touched>,
        kept: &BTreeSet<(EntityName, RecordId)>,
        returns: Vec<Return>,
        mut outcome: UndoOutcome,
    ) -> Result<UndoOutcome, HubError> {
        let facts = self.begin_run()?;
        outcome.report.run = facts.id.clone();
        let mut transaction = Transaction::new(facts, self.position);
        let mut clock = self.clock;
        for ((name, id), touched) in touched {
            let Some(entity) = request.entities.iter().find(|e| e.entity.name == *name) else {
                continue;
            };
            if !touched.changed_since && !kept.contains(&(name.clone(), id.clone())) {
                self.revert(request, entity, id, touched, &mut transaction, &mut clock)?;
            }
        }
        let staged = self.stage_returns(request, &returns, &transaction)?;
        for (back, entry) in returns.iter().zip(&staged) {
            let (domain, entity) =
                (request.domain(back.side).domain.name.clone(), back.entity.clone());
            let mut index = self.index_of(request, back.side, &entity)?;
            index.file = None;
            let key = Key::Domain { domain: domain.clone(), entity: Some(entity.clone()) };
            transaction.batch.put(key, index.encode());
            if let Some(entry) = entry {
                let run = transaction.run().id.clone();
                let key = Key::Journal { run, domain, entity };
                transaction.batch.put(key, entry.encode());
            }
        }
        let batch = &mut transaction.batch;
        rolled_back(batch, run)?;
        self.commit_undo(request, transaction, clock, &mut outcome.report)?;
        self.publish_returns(request, &returns, staged, &outcome.report.run)?;
        Ok(outcome)
    }

    /// Lets a record show again what it showed before the run.
    fn revert(
        &self,
        request: &SyncRequest,
        entity: &FileEntity,
        id: &RecordId,
        touched: &Touched,
        transaction: &mut Transaction,
        clock: &mut Clock,
    ) -> Result<(), HubError> {
        let (name, rules) = (&entity.entity.name, &entity.entity.rules);
        let key = Key::Record { entity: name.clone(), id: id.clone() };
        let Some(bytes) = self.store.get(&key)? else {
            return Ok(());
        };
        let record = decode_record(&bytes)
            .map_err(|source| HubError::Damaged { table: "records", source })?;
        let now = visible(&record, rules, None);
        let earlier = earlier(now.clone(), &touched.entries);
        let origin = Writer::from(&request.source.domain.name);
        let run = transaction.run().clone();
        let context =
            Context { base: Some(Token::of(&record, rules, None, &[])), ..Context::default() };
        let effect = match &earlier {
            None => Effect::Delete,
            Some(earlier) => {
                let now = now.clone().unwrap_or_default();
                Effect::Write(difference(rules, &now, earlier).operations)
            }
        };
        let edited = Clock::new(run.at_ms, 0);
        let operation = Operation { effect, writer: origin.clone(), edited, timed: true };
        let floor = Version::new();
        let mut site = Site { id: self.site, clock, now_ms: run.at_ms, floor: &floor, lost: &[] };
        let committed = operate(Some(record), &operation, &context, rules, &mut site)
            .map_err(|_| HubError::Row { table: "records" })?;
        let record = committed.record;
        let after = visible(&record, rules, None);
        let change = LoggedChange {
            kind: ChangeKind::Undo,
            stamp: committed.stamp,
            entity: name,
            id,
            origin: &origin,
            before: now.as_ref(),
            after: after.as_ref(),
        };
        transaction.log(change).map_err(|_| HubError::Row { table: "audit" })?;
        for side in Side::BOTH {
            let base = earlier_base(request, entity, side, &record, earlier.as_ref());
            let key = base_key(&request.domain(side).domain.name, name, id);
            transaction.batch.put(key, encode_base(&base));
        }
        transaction.batch.put(key, encode_record(&record));
        Ok(())
    }

    /// Writes the files that come back beside those that are there, which stay for an undo of this
    /// undo.
    fn stage_returns(
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
                })),
                Err(error) => {
                    self.discard(staged);
                    return Err(not_staged(&back.entity, &error));
                }
            }
        }
        let files = staged.iter().flatten().map(|entry| entry.staged.path.as_path());
        match (sync_folders(&*self.disk, files), returns.first()) {
            (Err(error), Some(first)) => {
                self.discard(staged);
                Err(not_staged(&first.entity, &error))
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

    fn publish_returns(
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
        self.prune_undo();
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

/// Returns what a record showed before some changes, from what it shows after them.
fn earlier(now: Option<Fields>, entries: &[LogEntry]) -> Option<Fields> {
    let mut shown = now;
    for entry in entries.iter().rev().filter(|entry| entry.kind != ChangeKind::Overwrite) {
        let Some(before) = &entry.before else {
            shown = None;
            continue;
        };
        let mut fields: Fields = shown.take().unwrap_or_default();
        let after = entry.after.as_deref().unwrap_or_default();
        fields.retain(|field| !after.contains(field));
        fields.extend(before.iter().cloned());
        fields.sort();
        shown = Some(fields);
    }
    shown
}

fn earlier_base(
    request: &SyncRequest,
    entity: &FileEntity,
    side: Side,
    record: &Record,
    earlier: Option<&Fields>,
) -> Base {
    let domain = &request.domain(side).domain;
    let gate = Gate::new(domain.policy.gate(&entity.entity.name));
    let nothing = Fields::new();
    let withheld = earlier.map(|earlier| gate.withheld(earlier)).unwrap_or_default();
    Base {
        rendering: earlier.map(|earlier| gate.rendering(earlier, &nothing).into_owned()),
        token: Token::of(record, &entity.entity.rules, Some(&domain.writer), &withheld),
        ..Base::default()
    }
}

fn rolled_back(batch: &mut Batch, mut run: Object) -> Result<(), HubError> {
    let id = run.get("runId").and_then(Json::as_str).and_then(|id| RunId::new(id).ok());
    let id = id.ok_or(HubError::Row { table: "runs" })?;
    run.insert("status", RunStatus::RolledBack.as_str());
    batch.put(Key::Run(id), Json::Object(run).to_compact_string().into_bytes());
    Ok(())
}

/// Returns the digests of a file before and after a run, as its report has them.
fn file_change(run: &Object, label: &str) -> Option<(Option<String>, Option<String>)> {
    let Json::Object(files) = run.get("files")? else {
        return None;
    };
    let Json::Object(file) = files.get(label)? else {
        return None;
    };
    let digest = |member| file.get(member).and_then(Json::as_str).map(str::to_owned);
    Some((digest("before"), digest("after")))
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

/// Returns what brings the records of a file back to what they were, except those that were
/// touched since, which it hands to `leave`.
fn changes_back<'a>(
    now: &Document<'_>,
    old: &Document<'_>,
    index: &DomainIndex,
    ids: impl Iterator<Item = &'a RecordId>,
    changed_since: impl Fn(&RecordId) -> bool,
    mut leave: impl FnMut(&RecordId),
) -> Vec<Change<'static>> {
    let mut changes = Vec::new();
    for id in ids {
        let (item, earlier) = (find(now, id), find(old, id));
        let untouched = item.map(|item| &item.digest) == index.get(id);
        if changed_since(id) || !untouched || now.is_withheld(id) {
            leave(id);
            continue;
        }
        match (item, earlier) {
            (Some(now), Some(old)) if now.digest == old.digest => {}
            (_, Some(item)) => {
                if let Ok(Json::Object(object)) = parse(old.raw(item)) {
                    changes.push(Change::put(id.clone(), object));
                }
            }
            (Some(_), None) => changes.push(Change::remove(id.clone())),
            (None, None) => {}
        }
    }
    changes
}

fn not_staged(entity: &EntityName, error: &DiskError) -> HubError {
    HubError::File {
        domain: String::new(),
        entity: entity.as_str().to_owned(),
        code: error.code(),
        problem: error.to_string(),
        transient: false,
    }
}

fn find<'d>(document: &'d Document<'_>, id: &RecordId) -> Option<&'d Item> {
    document.item(id)
}

/// Returns the records that differ between two files.
fn differing(
    old: &Option<Vec<u8>>,
    new: &Option<Vec<u8>>,
    entity: &EntityName,
    id_path: &syncline_model::path::Path,
) -> BTreeSet<RecordId> {
    let items = |bytes: &Option<Vec<u8>>| -> BTreeMap<RecordId, [u8; 16]> {
        let document = bytes
            .as_ref()
            .and_then(|bytes| Document::parse(bytes.as_slice(), entity.as_str(), id_path).ok());
        let items = document.iter().flat_map(|document| document.items());
        items.map(|item| (item.id.clone(), item.digest)).collect()
    };
    let (old, new) = (items(old), items(new));
    let all = old.keys().chain(new.keys());
    let differing = all.filter(|id| old.get(*id) != new.get(*id));
    differing.cloned().collect()
}
