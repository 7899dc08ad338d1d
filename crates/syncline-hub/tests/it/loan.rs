//! A hub whose store is lent: what its owner knows afterwards.

use std::net::Shutdown;
use std::ops::ControlFlow;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use syncline_engine::rows::{Batch, Key, Scan};
use syncline_hub::{Handle, Hub, HubOptions, Writer, WriterError};
use syncline_model::id::{PartitionId, Position};
use syncline_store::lent::{Asked, Lent};
use syncline_store::memory::{MemoryDisk, MemoryStore};
use syncline_store::{Epoch, Read, Store, StoreError};

use crate::writer::{increment, memory, on, operation, rules, shown};

/// Lends the hub of a writer in its turn; answers whether it was given back.
fn lend(handle: &Handle) -> (UnixStream, JoinHandle<bool>) {
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    let handle = handle.clone();
    let lender = thread::spawn(move || {
        Asked::hear(&mut ours).unwrap().is_fit("1", &mut ours).unwrap();
        let mut lent = ours.try_clone().unwrap();
        let ended = handle.with_hub(move |hub| hub.lend(&mut lent, &|| true)).unwrap();
        let _ = Asked::thank(&mut ours);
        ended.is_ok()
    });
    (theirs, lender)
}

fn borrow(wire: UnixStream, folder: &Path) -> Hub {
    let asked = Asked { version: "1".to_owned(), process: 1, hub: None };
    let store = Lent::borrow(wire, &asked, None).unwrap();
    let options = HubOptions { state_folder: folder.to_owned(), check_store: false };
    Hub::borrowed(store, &options).unwrap()
}

fn count_up(handle: &Handle, client: &str, counter: u64) -> Result<(), WriterError> {
    handle.commit(operation(client, counter, "t1", vec![increment()])).map(drop)
}

fn log(hub: &Hub) -> Vec<Position> {
    let mut log = Vec::new();
    let mut list = |key: &Key, _: &[u8]| {
        log.extend(if let Key::Log(position) = key { Some(*position) } else { None });
        ControlFlow::Continue(())
    };
    hub.rows().scan(&Scan::Log { from: Position(0) }, None, usize::MAX, &mut list).unwrap();
    log
}

#[test]
fn after_a_loan_the_lender_goes_on_behind_what_the_borrower_wrote() {
    let folder = tempfile::tempdir().unwrap();
    let writer = Writer::start(memory(&MemoryDisk::new()), rules()).unwrap();
    let handle = writer.handle();
    for round in 1..=5 {
        count_up(&handle, "phone", round).unwrap();
        let (wire, lender) = lend(&handle);
        let cut = wire.try_clone().unwrap();
        let borrower = Writer::start(borrow(wire, folder.path()), rules()).unwrap();
        for op in [2 * round - 1, 2 * round] {
            count_up(&borrower.handle(), "desktop", op).unwrap();
        }
        // One that is killed gives nothing back.
        let is_killed = round % 2 == 1;
        if is_killed {
            cut.shutdown(Shutdown::Both).unwrap();
        }
        drop(borrower);
        assert_eq!(lender.join().unwrap(), !is_killed);
    }
    count_up(&handle, "phone", 6).unwrap();
    let hub = writer.stop().unwrap();
    assert_eq!(shown(&hub, "t1"), "/views=16");
    let expected: Vec<Position> = (1..=16).map(Position).collect();
    assert_eq!(log(&hub), expected, "no change was written over another");
    assert!(hub.audit_verify().is_ok());
}

/// A store that cannot be read any more, or has no room, while that is said.
pub(crate) struct Blind {
    inner: MemoryStore,
    is_blind: Arc<AtomicBool>,
    is_full: Arc<AtomicBool>,
}

impl Blind {
    /// Returns one, and how to say that it cannot be read and that it is full.
    pub(crate) fn open(disk: &MemoryDisk) -> (Self, Arc<AtomicBool>, Arc<AtomicBool>) {
        let (is_blind, is_full) = <(Arc<AtomicBool>, Arc<AtomicBool>)>::default();
        let inner = MemoryStore::open(disk);
        let store = Self { inner, is_blind: Arc::clone(&is_blind), is_full: Arc::clone(&is_full) };
        (store, is_blind, is_full)
    }

    fn seeing(&self) -> Result<&MemoryStore, StoreError> {
        match self.is_blind.load(Ordering::SeqCst) {
            true => Err(StoreError::Busy { waited_ms: 1 }),
            false => Ok(&self.inner),
        }
    }
}

impl Read for Blind {
    fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, StoreError> {
        self.seeing()?.get(key)
    }
    fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        self.seeing()?.get_many(keys)
    }
    fn scan(
        &self,
        scan: &Scan,
        after: Option<&Key>,
        limit: usize,
        row: &mut dyn FnMut(&Key, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.seeing()?.scan(scan, after, limit, row)
    }
}

impl Store for Blind {
    fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        match self.is_full.load(Ordering::SeqCst) {
            true => Err(StoreError::Full),
            false => self.inner.commit(batch),
        }
    }
    fn reader(&self) -> Result<Box<dyn Read + Send>, StoreError> {
        self.inner.reader()
    }
    fn epoch(&self) -> Epoch {
        self.inner.epoch()
    }
    fn partition(&self) -> PartitionId {
        self.inner.partition()
    }
    fn close(self: Box<Self>) -> Result<(), StoreError> {
        Ok(())
    }
}

/// It would write over what the borrower wrote.
#[test]
fn a_lender_that_cannot_read_where_it_stands_stops_for_good() {
    let (disk, folder) = (MemoryDisk::new(), tempfile::tempdir().unwrap());
    let (store, is_blind, _) = Blind::open(&disk);
    let writer = Writer::start(on(Box::new(store)), rules()).unwrap();
    let handle = writer.handle();
    let (wire, lender) = lend(&handle);
    let borrower = Writer::start(borrow(wire, folder.path()), rules()).unwrap();
    count_up(&borrower.handle(), "desktop", 1).unwrap();
    is_blind.store(true, Ordering::SeqCst);
    drop(borrower);
    assert!(lender.join().unwrap());
    // It can be read again, and is not trusted any more.
    is_blind.store(false, Ordering::SeqCst);
    let refused = count_up(&handle, "phone", 1).unwrap_err();
    assert!(matches!(refused, WriterError::Stopped { code: Some("STORE_BUSY") }), "{refused:?}");
    drop((writer, handle));
    let hub = memory(&disk);
    assert_eq!((log(&hub), shown(&hub, "t1")), (vec![Position(1)], "/views=1".to_owned()));
}
