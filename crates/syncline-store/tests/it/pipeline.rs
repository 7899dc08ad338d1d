//! One batch under way: who sees it, and what is left of it when it fails.

use std::ops::ControlFlow;
use std::sync::mpsc::channel;

use syncline_engine::rows::{Key, Scan};
use syncline_model::id::PartitionId;
use syncline_store::memory::{MemoryDisk, MemoryStore};
use syncline_store::{Begun, Epoch, Pipeline, Read, Store, StoreError};

use crate::fixture::*;

/// A store in memory that has no room for batches of more than one row.
struct Small {
    inner: MemoryStore,
    /// Set where it is read beside its commits.
    disk: Option<MemoryDisk>,
}

/// What is on a disk at each moment.
struct Now(MemoryDisk);

impl Read for Now {
    fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, StoreError> {
        self.0.snapshot().get(key)
    }
    fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        self.0.snapshot().get_many(keys)
    }
    fn scan(
        &self,
        scan: &Scan,
        after: Option<&Key>,
        limit: usize,
        row: &mut dyn FnMut(&Key, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.0.snapshot().scan(scan, after, limit, row)
    }
}

impl Read for Small {
    fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, StoreError> {
        self.inner.get(key)
    }
    fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        self.inner.get_many(keys)
    }
    fn scan(
        &self,
        scan: &Scan,
        after: Option<&Key>,
        limit: usize,
        row: &mut dyn FnMut(&Key, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.inner.scan(scan, after, limit, row)
    }
}

impl Store for Small {
    fn commit(&mut self, batch: &syncline_engine::rows::Batch) -> Result<(), StoreError> {
        if batch.len() > 1 { Err(StoreError::Full) } else { self.inner.commit(batch) }
    }
    fn reader(&self) -> Result<Box<dyn Read + Send>, StoreError> {
        self.inner.reader()
    }
    fn live_reader(&self) -> Result<Option<Box<dyn Read + Send>>, StoreError> {
        let reader = self.disk.clone().map(|disk| Box::new(Now(disk)) as Box<dyn Read + Send>);
        Ok(reader)
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

#[test]
fn nothing_of_a_batch_that_failed_is_seen_any_more() {
    for beside in [false, true] {
        let disk = MemoryDisk::new();
        let inner = MemoryStore::open(&disk);
        let small = Small { inner, disk: beside.then(|| disk.clone()) };
        let mut store = Pipeline::new(Box::new(small));
        store.commit(&puts(&[log(1)])).unwrap();
        let before = rows(&store, &Scan::LogLatest, None, usize::MAX);

        let begun = store.begin(puts(&[log(1), log(2)]), Box::new(|| ())).unwrap();
        assert_eq!(begun, if beside { Begun::Beside } else { Begun::Waits });
        assert_eq!(keys(&store, &Scan::LogLatest, None, usize::MAX), [log(2), log(1)]);
        assert_eq!(store.get(&log(2)).unwrap(), Some(b"1".to_vec()));

        assert_eq!(store.finish().unwrap_err().code(), "STORE_FULL");
        assert_eq!(rows(&store, &Scan::LogLatest, None, usize::MAX), before);
        assert_eq!(store.get_many(&[log(2), log(1)]).unwrap(), [None, Some(b"0".to_vec())]);
        store.finish().unwrap();
        store.begin(puts(&[log(3)]), Box::new(|| ())).unwrap();
        store.finish().unwrap();
        assert_eq!(disk.snapshot().len(), 2, "the store goes on");
    }
}

#[test]
fn only_the_handle_sees_a_batch_before_it_is_committed() {
    let disk = MemoryDisk::new();
    let mut store = Piped(disk.clone()).open();
    assert_eq!(store.begin(puts(&[log(1)]), Box::new(|| ())).unwrap(), Begun::Waits);
    assert_eq!(store.get(&log(1)).unwrap(), Some(b"0".to_vec()));
    assert!(disk.snapshot().is_empty());
    store.finish().unwrap();
    assert_eq!(disk.snapshot().len(), 1);
}

#[test]
fn who_began_a_batch_is_woken_when_it_is_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Pipeline::new(folder.open());
    let (wake, woken) = channel();
    let begun = store.begin(puts(&[log(1)]), Box::new(move || wake.send(()).unwrap())).unwrap();
    assert_eq!(begun, Begun::Beside);
    woken.recv().unwrap();
    store.finish().unwrap();
}

#[test]
fn a_pipeline_that_is_dropped_ends_its_commit_and_leaves_no_lock() {
    let folder = tempfile::tempdir().unwrap();
    for number in 1..20 {
        let mut store = Pipeline::new(folder.open());
        store.begin(puts(&[log(number)]), Box::new(|| ())).unwrap();
        drop(store);
    }
    assert_eq!(keys(&*folder.open(), &Scan::LogLatest, None, usize::MAX).len(), 19);
}
