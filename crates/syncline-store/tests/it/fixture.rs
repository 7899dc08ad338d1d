//! Stores to test, and short words for keys.

use std::ops::ControlFlow;
use std::os::unix::net::UnixStream;

use syncline_engine::rows::{Batch, ConflictId, Key, MetaName, Scan};
use syncline_model::id::{ClientId, DomainName, EndpointId, EntityName, Position, RecordId, RunId};
use syncline_store::lent::{Asked, Lent, lend};
use syncline_store::memory::{MemoryDisk, MemoryStore};
use syncline_store::sqlite::{LOCK_FILE, Options, SqliteStore};
use syncline_store::{Pipeline, Read, Store};
use tempfile::TempDir;

/// A place where one store after the other is opened.
pub(crate) trait Place {
    /// Opens the store that lies here; the one before must be gone.
    fn open(&self) -> Box<dyn Store>;

    /// Opens it although another handle is alive, past any lock.
    fn take_over(&self) -> Box<dyn Store>;
}

impl Place for MemoryDisk {
    fn open(&self) -> Box<dyn Store> {
        Box::new(MemoryStore::open(self))
    }

    fn take_over(&self) -> Box<dyn Store> {
        self.open()
    }
}

impl Place for TempDir {
    fn open(&self) -> Box<dyn Store> {
        Box::new(SqliteStore::open(self.path(), &Options::default()).unwrap())
    }

    fn take_over(&self) -> Box<dyn Store> {
        std::fs::remove_file(self.path().join(LOCK_FILE)).unwrap();
        self.open()
    }
}

/// A place whose stores stand behind a pipeline.
pub(crate) struct Piped<P>(pub(crate) P);

impl<P: Place> Place for Piped<P> {
    fn open(&self) -> Box<dyn Store> {
        Box::new(Pipeline::new(self.0.open()))
    }

    fn take_over(&self) -> Box<dyn Store> {
        Box::new(Pipeline::new(self.0.take_over()))
    }
}

/// A place whose stores are lent.
pub(crate) struct Loaned<P>(pub(crate) P);

impl<P: Place> Place for Loaned<P> {
    fn open(&self) -> Box<dyn Store> {
        lent(self.0.open())
    }

    fn take_over(&self) -> Box<dyn Store> {
        lent(self.0.take_over())
    }
}

/// Lends a store to the caller, which closes it by giving it back.
fn lent(mut store: Box<dyn Store>) -> Box<dyn Store> {
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    std::thread::spawn(move || {
        let asked = Asked::hear(&mut ours).unwrap();
        assert!(asked.is_fit("1", &mut ours).unwrap());
        lend(&mut *store, &mut ours).unwrap();
        drop(store);
        Asked::thank(&mut ours).unwrap();
    });
    Box::new(Lent::borrow(theirs, &asked("1"), None).unwrap())
}

pub(crate) fn asked(version: &str) -> Asked {
    Asked { version: version.to_owned(), process: 1, hub: None }
}

/// Runs a check on a fresh place of every kind.
pub(crate) fn on_every_store(check: impl Fn(&dyn Place)) {
    check(&MemoryDisk::new());
    check(&tempfile::tempdir().unwrap());
    check(&Piped(MemoryDisk::new()));
    check(&Piped(tempfile::tempdir().unwrap()));
    check(&Loaned(MemoryDisk::new()));
    check(&Loaned(tempfile::tempdir().unwrap()));
}

pub(crate) fn entity(name: &str) -> EntityName {
    EntityName::new(name).unwrap()
}

pub(crate) fn domain(name: &str) -> DomainName {
    DomainName::new(name).unwrap()
}

pub(crate) fn client(name: &str) -> ClientId {
    ClientId::new(name).unwrap()
}

pub(crate) fn record_id(id: &str) -> RecordId {
    RecordId::new(id).unwrap()
}

pub(crate) fn record(name: &str, id: &str) -> Key {
    Key::Record { entity: entity(name), id: record_id(id) }
}

pub(crate) fn log(position: u64) -> Key {
    Key::Log(Position(position))
}

pub(crate) fn run(id: &str) -> Key {
    Key::Run(RunId::new(id).unwrap())
}

pub(crate) fn meta(name: &str) -> Key {
    Key::Meta(MetaName::new(name).unwrap())
}

pub(crate) fn result(name: &str, counter: u64) -> Key {
    Key::Result { client: client(name), counter }
}

pub(crate) fn base(of: &str, name: &str, id: &str) -> Key {
    Key::Base { domain: domain(of), entity: entity(name), id: record_id(id) }
}

pub(crate) fn conflict(name: &str, id: &str, hex: &str) -> Key {
    Key::Conflict {
        entity: entity(name),
        id: record_id(id),
        conflict: ConflictId::new(hex).unwrap(),
    }
}

pub(crate) fn open_conflict(name: &str, id: &str, hex: &str) -> Key {
    Key::OpenConflict {
        entity: entity(name),
        id: record_id(id),
        conflict: ConflictId::new(hex).unwrap(),
    }
}

pub(crate) fn domain_state(of: &str, name: Option<&str>) -> Key {
    Key::Domain { domain: domain(of), entity: name.map(entity) }
}

pub(crate) fn journal(id: &str, of: &str, name: &str) -> Key {
    Key::Journal { run: RunId::new(id).unwrap(), domain: domain(of), entity: entity(name) }
}

pub(crate) fn undo(id: &str, name: &str, record: &str) -> Key {
    Key::Undo { run: RunId::new(id).unwrap(), entity: entity(name), id: record_id(record) }
}

pub(crate) fn schema(name: &str, version: u32) -> Key {
    Key::Schema { entity: entity(name), version }
}

pub(crate) fn endpoint(name: &str) -> EndpointId {
    EndpointId::new(name).unwrap()
}

pub(crate) fn delivery(name: &str, position: u64) -> Key {
    Key::Delivery { endpoint: endpoint(name), position: Position(position) }
}

pub(crate) fn lane(name: &str, of: &str, id: &str, position: u64) -> Key {
    let (entity, id) = (entity(of), record_id(id));
    Key::Lane { endpoint: endpoint(name), entity, id, position: Position(position) }
}

pub(crate) fn due(due_ms: u64, name: &str, position: u64) -> Key {
    Key::Due { due_ms, endpoint: endpoint(name), position: Position(position) }
}

pub(crate) fn dead_letter(name: &str, position: u64) -> Key {
    Key::DeadLetter { endpoint: endpoint(name), position: Position(position) }
}

pub(crate) fn received(by: &str, of: &str, id: &str) -> Key {
    Key::Received { receiver: domain(by), entity: entity(of), id: record_id(id) }
}

/// Returns a batch that puts each key with its own position in the list as value.
pub(crate) fn puts(keys: &[Key]) -> Batch {
    let mut batch = Batch::new();
    for (index, key) in keys.iter().enumerate() {
        batch.put(key.clone(), index.to_string().into_bytes());
    }
    batch
}

/// Returns the keys that a scan shows.
pub(crate) fn keys(store: &dyn Read, scan: &Scan, after: Option<&Key>, limit: usize) -> Vec<Key> {
    rows(store, scan, after, limit).into_iter().map(|(key, _)| key).collect()
}

/// Returns the rows that a scan shows.
pub(crate) fn rows(
    store: &dyn Read,
    scan: &Scan,
    after: Option<&Key>,
    limit: usize,
) -> Vec<(Key, Vec<u8>)> {
    let mut found = Vec::new();
    let mut take = |key: &Key, value: &[u8]| {
        found.push((key.clone(), value.to_vec()));
        ControlFlow::Continue(())
    };
    store.scan(scan, after, limit, &mut take).unwrap();
    found
}
