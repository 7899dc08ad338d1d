//! The writes of one run, gathered record by record and saved as one batch.

use std::collections::BTreeMap;

use syncline_merge::codec::encode_record;
use syncline_merge::conflict::Conflict;
use syncline_merge::display::Fields;
use syncline_model::clock::Stamp;
use syncline_model::id::{DomainName, EntityName, Position, RecordId, RunId, SiteId, Writer};
use syncline_model::json::Leaf;
use syncline_model::path::Path;

use super::record::{RecordPlan, Write};
use crate::audit::Canonical as _;
use crate::audit::{
    FieldError, Frontier, Hash, RecordFacts, Salt, commit as commitment, inner_leaf,
};
use crate::bases::{self, WholeEntry};
use crate::conflicts::{ConflictRow, Status};
use crate::link::{Direction, Side};
use crate::log::{ChangeKind, LogEntry, digest, images};
use crate::rows::{Batch, ConflictId, Key};
use crate::undo::Found;

/// Who and what a run is, as far as each of its changes says so.
#[derive(Clone, Debug)]
pub struct RunFacts {
    /// The run.
    pub id: RunId,
    /// When it began, in milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// A random number from which the salts of the run's commitments are made; stored nowhere.
    pub secret: [u8; 32],
}

/// The writes of one run.
#[derive(Debug)]
pub struct Transaction {
    /// The rows to save.
    pub batch: Batch,
    /// The end of the log with the run's changes.
    pub position: Position,
    /// The tree over the commitments to the run's changes, in order of position.
    pub commitments: Frontier,
    /// The hubs that the changes which are logged next came through.
    pub hops: Vec<SiteId>,
    run: RunFacts,
}

/// A change of one record, as far as its maker knows it: the run, its time and the salt are the
/// transaction's.
#[derive(Clone, Copy, Debug)]
pub struct LoggedChange<'a> {
    /// What kind of change.
    pub kind: ChangeKind,
    /// The change.
    pub stamp: Stamp,
    /// The type of record.
    pub entity: &'a EntityName,
    /// Which record.
    pub id: &'a RecordId,
    /// Who made it.
    pub origin: &'a Writer,
    /// All fields before it; `None` if the record was not there.
    pub before: Option<&'a Fields>,
    /// All fields after it; `None` if the record is gone.
    pub after: Option<&'a Fields>,
}

/// The names under which the plans of an entity's records are stored.
#[derive(Clone, Debug)]
pub struct Recording {
    /// The type of record.
    pub entity: EntityName,
    /// Source and target.
    pub domains: [DomainName; 2],
    /// Who the changes of each side are by.
    pub writers: [Writer; 2],
    /// Which way changes flow.
    pub direction: Direction,
}

impl Transaction {
    /// Begins a transaction behind `position`, the present end of the log.
    pub const fn new(run: RunFacts, position: Position) -> Self {
        Self { batch: Batch::new(), position, commitments: Frontier::new(), hops: Vec::new(), run }
    }

    /// Returns the run.
    pub const fn run(&self) -> &RunFacts {
        &self.run
    }

    /// Adds what one record's plan stores.
    ///
    /// - `found`: what was stored of the record, which an undo of the run goes back to.
    /// - `listed`: the conflicts of the record that are stored.
    ///
    /// # Errors
    ///
    /// [`FieldError`] if a name is too long for the audit, which no accepted name is.
    pub fn add_record(
        &mut self,
        names: &Recording,
        id: &RecordId,
        plan: &RecordPlan,
        found: &Found,
        mut listed: Vec<ConflictRow>,
    ) -> Result<(), FieldError> {
        let entity = &names.entity;
        if plan.changed || plan.writes.iter().any(Option::is_some) {
            self.keep_found(entity, id, found);
        }
        let mut whole = None;
        for change in &plan.changes {
            let entry = self.entry(LoggedChange {
                kind: ChangeKind::Write,
                stamp: change.stamp,
                entity,
                id,
                origin: &names.writers[change.side.index()],
                before: change.before.as_ref(),
                after: change.after.as_ref(),
            });
            let digest = self.append(entry)?;
            if let (None, Some(after), Some(digest)) = (&change.before, &change.after, digest) {
                whole = Some(WholeEntry { position: self.position, after, digest });
            }
        }
        if let (true, Some(record)) = (plan.changed, &plan.record) {
            let key = Key::Record { entity: entity.clone(), id: id.clone() };
            self.batch.put(key, encode_record(record));
        }
        for side in Side::BOTH {
            if let Some(base) = &plan.bases[side.index()] {
                let key = base_key(&names.domains[side.index()], entity, id);
                self.batch.put(key, bases::encode(base, whole));
            }
            if let (true, Some(write)) = (names.direction.mirrors(side), &plan.writes[side.index()])
            {
                self.log_overwrite(names, id, plan, write)?;
            }
        }
        self.list_conflicts((entity, id), &plan.conflicts, &plan.base_values, &mut listed);
        Ok(())
    }

    /// Keeps what the run found of a record, for its undo.
    pub fn keep_found(&mut self, entity: &EntityName, id: &RecordId, found: &Found) {
        if !found.is_nothing() {
            let (run, entity, id) = (self.run.id.clone(), entity.clone(), id.clone());
            self.batch.put(Key::Undo { run, entity, id }, found.encode());
        }
    }

    /// Logs what a mirror replaces, so that it is nowhere lost.
    fn log_overwrite(
        &mut self,
        names: &Recording,
        id: &RecordId,
        plan: &RecordPlan,
        write: &Write,
    ) -> Result<(), FieldError> {
        let Some(replaced) = &write.before else {
            return Ok(());
        };
        let clock = plan.record.as_ref().map(|record| record.version.clock_max());
        let site = plan.changes.first().map_or(SiteId(0), |change| change.stamp.site);
        let side = Side::BOTH.into_iter().find(|side| names.direction.gives(*side));
        self.log(LoggedChange {
            kind: ChangeKind::Overwrite,
            stamp: Stamp::new(clock.unwrap_or_default(), site),
            entity: &names.entity,
            id,
            origin: &names.writers[side.unwrap_or(Side::Source).index()],
            before: Some(replaced),
            after: write.after.as_ref(),
        })
    }

    /// Adds a change of this run at the end of the log.
    ///
    /// # Errors
    ///
    /// [`FieldError`] if a name is too long for the audit, which no accepted name is.
    pub fn log(&mut self, change: LoggedChange<'_>) -> Result<(), FieldError> {
        let entry = self.entry(change);
        self.add_entry(entry)
    }

    /// Adds an entry at the end of the log, with a salt of its own and a commitment to it. For
    /// changes that came through other hubs; [`log`](Self::log) fills in what a run's own share.
    ///
    /// # Errors
    ///
    /// [`FieldError`] if a name is too long for the audit.
    pub fn add_entry(&mut self, entry: LogEntry) -> Result<(), FieldError> {
        self.append(entry).map(|_| ())
    }

    fn entry(&self, change: LoggedChange<'_>) -> LogEntry {
        let (before, after) = changed(change.before, change.after);
        LogEntry {
            stamp: change.stamp,
            kind: change.kind,
            entity: change.entity.clone(),
            id: change.id.clone(),
            origin: change.origin.clone(),
            run: Some(self.run.id.clone()),
            at_ms: self.run.at_ms,
            hops: self.hops.clone(),
            schema_version: 0,
            before,
            after,
            salt: Salt::new([0; 32]),
        }
    }

    /// Adds an entry as [`add_entry`](Self::add_entry) does; answers the digest of its after image.
    fn append(&mut self, mut entry: LogEntry) -> Result<Option<Hash>, FieldError> {
        self.position = self.position.next();
        let salt = blake3::keyed_hash(&self.run.secret, &self.position.0.to_be_bytes());
        entry.salt = Salt::new(salt.into());
        let [before, after] = [&entry.before, &entry.after].map(|image| image.as_ref().map(digest));
        self.commitments.append(inner_leaf(commit_to(&entry, before, after)?));
        self.batch.put(Key::Log(self.position), entry.encode());
        Ok(after)
    }

    /// Lists the conflicts of a record that are new, and closes those that are no more; answers the
    /// ids of the new ones.
    ///
    /// - `present`: the conflicts of the state as it is now.
    /// - `base_values`: what the sides had before, where that is known.
    /// - `listed`: the conflicts of the record that are stored; brought up to date, the new ones
    ///   come last.
    pub fn list_conflicts(
        &mut self,
        (entity, id): (&EntityName, &RecordId),
        present: &[Conflict],
        base_values: &[(Path, Leaf)],
        listed: &mut Vec<ConflictRow>,
    ) -> Vec<String> {
        let mut new: BTreeMap<String, &Conflict> = BTreeMap::new();
        for conflict in present {
            new.insert(conflict.id(entity, id), conflict);
        }
        for row in listed.iter_mut() {
            let status = match new.remove(&row.conflict_id()) {
                Some(conflict) => status_of(conflict),
                None if row.status == Status::Resolved => Status::Resolved,
                None => Status::Closed,
            };
            if status != row.status {
                if (row.status, status) == (Status::Open, Status::Closed) {
                    // Of what is shown nothing remains; and by this it is known that it has waited.
                    row.conflict.shown = None;
                }
                row.status = status;
                self.put_conflict(row);
            }
        }
        for (name, conflict) in &new {
            let base = base_of(conflict, base_values, listed);
            let row = ConflictRow {
                entity: entity.clone(),
                id: id.clone(),
                conflict: (*conflict).clone(),
                status: status_of(conflict),
                base,
                found: Some(self.run.id.clone()),
                decision: None,
            };
            self.put_named(name, &row);
            listed.push(row);
        }
        new.into_keys().collect()
    }

    /// Stores a conflict, which was listed before, as it is now.
    pub fn put_conflict(&mut self, row: &ConflictRow) {
        let name = row.conflict_id();
        self.put_named(&name, row);
        if row.status != Status::Open
            && let Ok(conflict) = ConflictId::new(&name)
        {
            let (entity, id) = (row.entity.clone(), row.id.clone());
            self.batch.delete(Key::OpenConflict { entity, id, conflict });
        }
    }

    fn put_named(&mut self, name: &str, row: &ConflictRow) {
        // The name is a digest in hexadecimal, which is always an id.
        let Ok(conflict) = ConflictId::new(name) else {
            return;
        };
        let (entity, id) = (row.entity.clone(), row.id.clone());
        if row.status == Status::Open {
            let (entity, id, conflict) = (entity.clone(), id.clone(), conflict.clone());
            self.batch.put(Key::OpenConflict { entity, id, conflict }, Vec::new());
        }
        self.batch.put(Key::Conflict { entity, id, conflict }, row.encode());
    }
}

/// Returns the commitment of the audit to one change.
///
/// # Errors
///
/// [`FieldError`] if a name is too long for the audit.
pub fn commitment_of(entry: &LogEntry) -> Result<Hash, FieldError> {
    let [before, after] = [&entry.before, &entry.after].map(|image| image.as_ref().map(digest));
    commit_to(entry, before, after)
}

/// As [`commitment_of`], of an entry whose images have these digests.
fn commit_to(
    entry: &LogEntry,
    before: Option<Hash>,
    after: Option<Hash>,
) -> Result<Hash, FieldError> {
    let (entity, id) = (entry.entity.as_str(), entry.id.as_str());
    let facts = RecordFacts::new(entity, id, &entry.name_bytes(), before, after)?;
    Ok(commitment(&entry.salt, &facts.canonical()))
}

/// Returns the key of what a domain is known to hold of a record.
pub fn base_key(domain: &DomainName, entity: &EntityName, id: &RecordId) -> Key {
    Key::Base { domain: domain.clone(), entity: entity.clone(), id: id.clone() }
}

/// Returns the images of what changed; a record that comes or goes keeps one of them whole.
pub fn changed(
    before: Option<&Fields>,
    after: Option<&Fields>,
) -> (Option<Fields>, Option<Fields>) {
    match (before, after) {
        (Some(before), Some(after)) => {
            let (before, after) = images(before, after);
            (Some(before), Some(after))
        }
        (before, after) => (before.cloned(), after.cloned()),
    }
}

const fn status_of(conflict: &Conflict) -> Status {
    if conflict.open { Status::Open } else { Status::Settled }
}

/// Returns what was in a field before it came into conflict, where that is known: as it was said of
/// the conflict that a new one continues, or among what the sides had before.
///
/// - `listed`: the conflicts of the record that are stored.
pub fn base_of(
    conflict: &Conflict,
    base_values: &[(Path, Leaf)],
    listed: &[ConflictRow],
) -> Option<Leaf> {
    let is_shared = |stamp: &Stamp| conflict.stamps.contains(stamp);
    let continues = |row: &&ConflictRow| {
        let earlier = &row.conflict;
        earlier.path == conflict.path && earlier.stamps.iter().any(is_shared)
    };
    match listed.iter().rev().find(continues) {
        Some(row) => row.base.clone(),
        None => {
            let known = base_values.iter().find(|(path, _)| *path == conflict.path);
            known.map(|(_, leaf)| leaf.clone())
        }
    }
}
