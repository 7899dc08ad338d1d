//! A server as a process: what it holds while it runs, and how it saves.

use std::path::Path;

use syncline_engine::audit::{Actor, AuditEntry, BatchFacts, Details, Frontier, Salt, Shreddable};
use syncline_engine::conflicts::{ConflictRow, Status};
use syncline_engine::facts;
use syncline_engine::rows::{Batch, Key, MetaName, Scan};
use syncline_engine::sync::{RunFacts, Transaction};
use syncline_merge::codec::{decode_record, encode_record};
use syncline_merge::commit::{Capped, Site};
use syncline_merge::conflict::{Conflict, ConflictKind, Side, conflicts};
use syncline_merge::rules::EntityRules;
use syncline_merge::state::Record;
use syncline_model::clock::Clock;
use syncline_model::id::{EntityName, Position, RecordId, RunId, SiteId};
use syncline_model::version::Version;
use syncline_store::{Read, Store, StoreError};

use crate::disk::SimDisk;
use crate::fault::PlantedFault;
use crate::random::Random;
use crate::schema::Schema;
use crate::store::SimStore;

/// Why a server did not answer.
#[derive(Debug)]
pub enum Fail {
    /// The store failed: the outcome may be unknown, and the process ends.
    Store(StoreError),
    /// A stored row cannot be read: a defect.
    Row(&'static str),
}

impl From<StoreError> for Fail {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// What a server needs to start.
#[derive(Debug)]
pub struct ServerOptions<'a> {
    /// Where the store lies.
    pub disk: &'a SimDisk,
    /// The store's folder.
    pub folder: &'a Path,
    /// Identities and salts.
    pub random: Random,
    /// A defect to have.
    pub fault: Option<PlantedFault>,
}

/// A running server: the writer of its store.
#[derive(Debug)]
pub struct Server {
    pub(super) store: SimStore,
    pub(super) site: SiteId,
    pub(super) clock: Clock,
    position: Position,
    frontier: Frontier,
    random: Random,
    pub(super) fault: Option<PlantedFault>,
    pub(super) floor: Version,
}

impl Server {
    /// Opens the store and becomes its writer.
    ///
    /// # Errors
    ///
    /// [`Fail`] if the store cannot be opened or read.
    pub fn open(options: ServerOptions<'_>) -> Result<Self, Fail> {
        let ServerOptions { disk, folder, mut random, fault } = options;
        let store = SimStore::open(disk, folder, fault.and_then(PlantedFault::of_store))?;
        let number = |name: &MetaName| -> Result<Option<u64>, Fail> {
            let Some(bytes) = store.get(&Key::Meta(name.clone()))? else {
                return Ok(None);
            };
            let bytes = <[u8; 8]>::try_from(bytes.as_slice()).map_err(|_| Fail::Row("meta"))?;
            Ok(Some(u64::from_be_bytes(bytes)))
        };
        let site = number(&facts::SITE)?;
        let clock = Clock(number(&facts::CLOCK)?.unwrap_or_default());
        let position = Position(number(&facts::POSITION)?.unwrap_or_default());
        let frontier = match store.get(&Key::Meta(facts::AUDIT_FRONTIER))? {
            Some(bytes) => Frontier::decode(&bytes).map_err(|_| Fail::Row("audit"))?,
            None => Frontier::new(),
        };
        let fresh = SiteId(random.next());
        let mut server = Self {
            store,
            site: site.map_or(fresh, SiteId),
            clock: if fault == Some(PlantedFault::ClockNotStored) { Clock(0) } else { clock },
            position,
            frontier,
            random,
            fault,
            floor: Version::new(),
        };
        if site.is_none() {
            let mut batch = Batch::new();
            batch.put(Key::Meta(facts::SITE), server.site.0.to_be_bytes().to_vec());
            batch.put(Key::Meta(facts::PLACE), PLACE.as_bytes().to_vec());
            server.store.commit(&batch)?;
        }
        Ok(server)
    }

    /// Returns the site.
    pub const fn site(&self) -> SiteId {
        self.site
    }

    /// Returns the clock.
    pub const fn clock(&self) -> Clock {
        self.clock
    }

    /// Returns the end of the log.
    pub const fn position(&self) -> Position {
        self.position
    }

    /// Returns the rows, to read.
    pub const fn rows(&self) -> &SimStore {
        &self.store
    }

    /// Returns a record as it is stored.
    ///
    /// # Errors
    ///
    /// [`Fail`] if the store fails.
    pub fn record(&self, entity: &EntityName, id: &RecordId) -> Result<Option<Record>, Fail> {
        let Some(bytes) = self.store.get(&record_key(entity, id))? else {
            return Ok(None);
        };
        decode_record(&bytes).map(Some).map_err(|_| Fail::Row("records"))
    }

    /// Begins a transaction at `now_ms`.
    pub(super) fn begin(&mut self, now_ms: u64) -> Transaction {
        let id = RunId::new(&format!("{now_ms:012x}-{:016x}", self.random.next()));
        let id = id.expect("invariant: hexadecimal digits are a run id");
        Transaction::new(RunFacts { id, at_ms: now_ms, secret: self.random.bytes() }, self.position)
    }

    /// Adds a record and its conflicts to a transaction.
    pub(super) fn put_record(
        &self,
        transaction: &mut Transaction,
        rules: &EntityRules,
        changed: &ChangedRecord<'_>,
    ) -> Result<(), Fail> {
        let ChangedRecord { entity, id, record, capped } = *changed;
        transaction.batch.put(record_key(entity, id), encode_record(record));
        let found = conflicts(record, rules);
        let listed = self.conflicts_of(entity, id)?;
        for row in &listed {
            let present =
                found.iter().find(|conflict| conflict.id(entity, id) == row.conflict_id());
            let status = match present {
                Some(conflict) if conflict.open => Status::Open,
                Some(_) => Status::Settled,
                None => Status::Closed,
            };
            if present.is_none() && self.fault == Some(PlantedFault::ConflictsForgotten) {
                let conflict = syncline_engine::rows::ConflictId::new(&row.conflict_id());
                let conflict = conflict.map_err(|_| Fail::Row("conflicts"))?;
                let (entity, id) = (entity.clone(), id.clone());
                transaction.batch.delete(Key::Conflict { entity, id, conflict });
            } else if status != row.status {
                transaction.put_conflict(&ConflictRow { status, ..row.clone() });
            }
        }
        let known = |conflict: &Conflict| {
            listed.iter().any(|row| row.conflict_id() == conflict.id(entity, id))
        };
        let settled = capped.iter().map(capped_conflict);
        let fresh: Vec<Conflict> = found.into_iter().chain(settled).filter(|c| !known(c)).collect();
        for conflict in fresh {
            let status = if conflict.open { Status::Open } else { Status::Settled };
            let (entity, id) = (entity.clone(), id.clone());
            let row = ConflictRow {
                entity,
                id,
                conflict,
                status,
                base: None,
                found: None,
                decision: None,
            };
            transaction.put_conflict(&row);
        }
        Ok(())
    }

    /// Returns the conflicts of a record that are listed.
    ///
    /// # Errors
    ///
    /// [`Fail`] if the store fails.
    pub fn conflicts_of(
        &self,
        entity: &EntityName,
        id: &RecordId,
    ) -> Result<Vec<ConflictRow>, Fail> {
        let mut rows = Vec::new();
        let scan = Scan::ConflictsOf { entity: entity.clone(), id: id.clone() };
        self.store.scan(&scan, None, usize::MAX, &mut |_, bytes| {
            rows.push(ConflictRow::decode(bytes));
            std::ops::ControlFlow::Continue(())
        })?;
        rows.into_iter().collect::<Result<_, _>>().map_err(|_| Fail::Row("conflicts"))
    }

    /// Saves a transaction, its entry in the audit and the hub's facts in one batch.
    pub(super) fn save(
        &mut self,
        mut transaction: Transaction,
        clock: Clock,
        origin: &str,
    ) -> Result<(), Fail> {
        let mut batch = std::mem::take(&mut transaction.batch);
        let (audit, frontier) = self.audit(&transaction, origin)?;
        batch.put(Key::Meta(facts::CLOCK), clock.0.to_be_bytes().to_vec());
        let position = transaction.position;
        batch.put(Key::Meta(facts::POSITION), position.0.to_be_bytes().to_vec());
        if self.fault == Some(PlantedFault::AuditOutsideTransaction) {
            self.store.commit(&batch)?;
            self.store.commit(&audit)?;
        } else {
            batch.append(audit);
            self.store.commit(&batch)?;
        }
        (self.clock, self.position, self.frontier) = (clock, position, frontier);
        Ok(())
    }

    fn audit(
        &mut self,
        transaction: &Transaction,
        origin: &str,
    ) -> Result<(Batch, Frontier), Fail> {
        let facts_of = BatchFacts {
            at_ms: transaction.run().at_ms,
            category: "OPERATION".to_owned(),
            action: "COMMIT".to_owned(),
            origin: origin.to_owned(),
            run: None,
            record_count: transaction.commitments.size(),
            inner_root: transaction.commitments.root(),
        };
        let failed = |_| Fail::Row("audit");
        let actor = Actor::new(Some(origin), None).map_err(failed)?;
        let actor = Shreddable::open(Salt::new(self.random.bytes()), actor);
        let details = Shreddable::open(Salt::new(self.random.bytes()), Details::none());
        let index = self.frontier.size();
        let entry = AuditEntry::new(index, facts_of, actor, details).map_err(failed)?;
        let mut frontier = self.frontier.clone();
        frontier.append(entry.leaf_hash());
        let mut batch = Batch::new();
        batch.put(Key::Audit(index), entry.encode());
        batch.put(Key::Meta(facts::AUDIT_FRONTIER), frontier.encode());
        batch.put(Key::Meta(facts::AUDIT_HEAD), frontier.head().to_string().into_bytes());
        Ok((batch, frontier))
    }
}

/// A record as a transaction leaves it.
#[derive(Clone, Copy)]
pub(super) struct ChangedRecord<'a> {
    pub(super) entity: &'a EntityName,
    pub(super) id: &'a RecordId,
    pub(super) record: &'a Record,
    /// Registers that had grown to their bound.
    pub(super) capped: &'a [Capped],
}

/// Where every simulated store is, as the hub tells a copied one.
pub(crate) const PLACE: &str = "store.log\nsimulated\n";

/// Returns a site for one decision of merge.
pub(super) fn site_of<'a>(
    id: SiteId,
    clock: &'a mut Clock,
    now_ms: u64,
    floor: &'a Version,
) -> Site<'a> {
    Site { id, clock, now_ms, floor, lost: &[] }
}

fn capped_conflict(capped: &Capped) -> Conflict {
    let side =
        |(stamp, entry): (&syncline_model::clock::Stamp, &syncline_merge::state::Entry)| Side {
            stamp: *stamp,
            value: entry.value.clone(),
            edited: entry.edited,
            writer: Some(entry.writer.clone()),
        };
    Conflict {
        path: capped.path.clone(),
        kind: ConflictKind::Values,
        stamps: capped.covered.keys().copied().collect(),
        sides: capped.covered.iter().map(side).collect(),
        shown: Some(capped.stamp),
        open: false,
    }
}

/// Returns the key of a record's state.
pub fn record_key(entity: &EntityName, id: &RecordId) -> Key {
    Key::Record { entity: entity.clone(), id: id.clone() }
}

/// Returns the rules of an entity.
pub(super) fn rules<'a>(schema: &'a Schema, entity: &EntityName) -> &'a EntityRules {
    schema.rules(entity)
}
