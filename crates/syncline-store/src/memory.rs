//! A store in memory, for tests and simulations.
//!
//! A [`MemoryDisk`] outlives the handles that are opened on it, as a disk outlives processes:
//! dropping a [`MemoryStore`] and opening another is a crash and a restart.

use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use syncline_engine::rows::{Batch, Key, Scan, Table};
use syncline_model::id::PartitionId;

use crate::store::check;
use crate::{Epoch, Read, Snapshots, Store, StoreError};

/// The rows of a store at one moment; cheap to clone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    tables: BTreeMap<Table, Arc<Rows>>,
}

type Rows = BTreeMap<Key, Arc<[u8]>>;

/// What several handles are opened on, one after the other.
#[derive(Clone, Debug, Default)]
pub struct MemoryDisk(Arc<Mutex<Disk>>);

#[derive(Debug, Default)]
struct Disk {
    rows: Snapshot,
    epoch: u64,
}

impl MemoryDisk {
    /// Returns a disk without rows.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the rows as they are now.
    pub fn snapshot(&self) -> Snapshot {
        self.disk().rows.clone()
    }

    /// Puts back the rows of an earlier moment and fences every open handle.
    pub fn restore(&self, rows: Snapshot) {
        let mut disk = self.disk();
        disk.rows = rows;
        disk.epoch += 1;
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        // Every change of a disk is whole before anything can panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A handle on a [`MemoryDisk`]. A later handle fences it.
#[derive(Debug)]
pub struct MemoryStore {
    disk: MemoryDisk,
    epoch: u64,
    partition: PartitionId,
}

impl MemoryStore {
    /// Opens the disk as partition 0 and fences every earlier handle.
    pub fn open(disk: &MemoryDisk) -> Self {
        let mut state = disk.disk();
        state.epoch += 1;
        Self { disk: disk.clone(), epoch: state.epoch, partition: PartitionId(0) }
    }

    /// Returns the rows as they are now.
    pub fn snapshot(&self) -> Snapshot {
        self.disk.snapshot()
    }
}

impl Read for MemoryStore {
    fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, StoreError> {
        self.disk.disk().rows.get(key)
    }

    fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        self.disk.disk().rows.get_many(keys)
    }

    fn scan(
        &self,
        scan: &Scan,
        after: Option<&Key>,
        limit: usize,
        row: &mut dyn FnMut(&Key, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        // The snapshot is taken first, so that `row` may call the store again.
        self.snapshot().scan(scan, after, limit, row)
    }
}

impl Store for MemoryStore {
    fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        check(batch)?;
        let mut disk = self.disk.disk();
        if disk.epoch != self.epoch {
            return Err(StoreError::Fenced { ours: self.epoch, found: disk.epoch });
        }
        for (key, value) in batch.iter() {
            disk.rows.write(key, value);
        }
        Ok(())
    }

    fn reader(&self) -> Result<Box<dyn Read + Send>, StoreError> {
        Ok(Box::new(self.snapshot()))
    }

    fn snapshots(&self) -> Result<Option<Box<dyn Snapshots>>, StoreError> {
        Ok(Some(Box::new(self.disk.clone())))
    }

    fn epoch(&self) -> Epoch {
        Epoch(self.epoch)
    }

    fn partition(&self) -> PartitionId {
        self.partition
    }

    fn close(self: Box<Self>) -> Result<(), StoreError> {
        Ok(())
    }
}

impl Snapshot {
    /// Returns how many rows there are.
    pub fn len(&self) -> usize {
        self.tables.values().map(|rows| rows.len()).sum()
    }

    /// Returns whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.tables.values().all(|rows| rows.is_empty())
    }

    /// Returns all rows, in the order of their keys.
    pub fn rows(&self) -> impl Iterator<Item = (&Key, &[u8])> {
        self.tables.values().flat_map(|rows| rows.iter()).map(|(key, value)| (key, &**value))
    }

    fn write(&mut self, key: &Key, value: Option<&[u8]>) {
        // Copies a table only while a reader still holds it.
        let rows = Arc::make_mut(self.tables.entry(key.table()).or_default());
        match value {
            Some(value) => rows.insert(key.clone(), value.into()),
            None => rows.remove(key),
        };
    }
}

impl Snapshots for MemoryDisk {
    fn snapshot(&self) -> Result<Box<dyn Read + Send>, StoreError> {
        Ok(Box::new(Self::snapshot(self)))
    }
}

impl Read for Snapshot {
    fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, StoreError> {
        let value = self.tables.get(&key.table()).and_then(|rows| rows.get(key));
        Ok(value.map(|value| value.to_vec()))
    }

    fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        keys.iter().map(|key| self.get(key)).collect()
    }

    fn scan(
        &self,
        scan: &Scan,
        after: Option<&Key>,
        limit: usize,
        row: &mut dyn FnMut(&Key, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let Some(rows) = self.tables.get(&scan.table()) else {
            return Ok(());
        };
        let mut show = |(key, value): (&Key, &Arc<[u8]>)| row(key, value);
        let flow = if scan.is_backward() {
            let before = after.map_or(Bound::Unbounded, Bound::Excluded);
            let range = rows.range::<Key, _>((Bound::Unbounded, before)).rev();
            range.filter(|(key, _)| scan.contains(key)).take(limit).try_for_each(&mut show)
        } else {
            // Keys of a stretch lie side by side: skip to the first, stop behind the last.
            let start = match (after, scan.first_key()) {
                (Some(after), first) if *after >= first => Bound::Excluded(after.clone()),
                (_, first) => Bound::Included(first),
            };
            let range = rows.range((start, Bound::Unbounded));
            range.take_while(|(key, _)| scan.contains(key)).take(limit).try_for_each(&mut show)
        };
        // A caller that breaks has seen enough; that is no error.
        let _ = flow;
        Ok(())
    }
}
