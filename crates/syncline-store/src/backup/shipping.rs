//! A store whose commits are shipped.

use std::ops::ControlFlow;
use std::sync::Arc;

use syncline_engine::facts;
use syncline_engine::rows::{Batch, Key, Scan};
use syncline_model::codec::Writer;
use syncline_model::id::PartitionId;

use super::queue::{Backup, Gate, Shared};
use super::row;
use crate::{Epoch, Piece, Read, Snapshots, Store, StoreError};

/// A store that hands on what it has committed, in memory, to a [`Worker`](super::Worker).
///
/// It stands right above the store on disk, below a [`Pipeline`](crate::Pipeline). A commit never waits
/// for the folder of the backup.
pub struct Shipping {
    /// `None` once it was closed.
    store: Option<Box<dyn Store>>,
    shared: Arc<Shared>,
}

impl Shipping {
    pub(super) fn new(store: Box<dyn Store>, shared: Arc<Shared>) -> Self {
        Self { store: Some(store), shared }
    }

    /// Returns what tells how the backup stands.
    pub fn backup(&self) -> Backup {
        Backup(self.shared.clone())
    }

    fn store(&self) -> &dyn Store {
        &**self.store.as_ref().expect("invariant: a store that is closed is used by nobody")
    }

    /// Commits by `commit`, and hands on the rows that it answers.
    fn ship<T>(
        &mut self,
        commit: impl FnOnce(&mut dyn Store, &Shared) -> Result<(T, Shipped), StoreError>,
    ) -> Result<T, StoreError> {
        let shared = self.shared.clone();
        let store =
            self.store.as_mut().expect("invariant: a store that is closed is used by nobody");
        shared.let_go_of_stalled();
        let mut gate = shared.gate();
        match commit(&mut **store, &shared) {
            Ok((answer, shipped)) => {
                hand_on(&shared, &mut gate, shipped);
                Ok(answer)
            }
            Err(error) => {
                if matches!(error, StoreError::Unknown { .. }) {
                    shared.unknown();
                }
                Err(error)
            }
        }
    }
}

/// What a commit has for the backup.
enum Shipped {
    /// Nothing was committed.
    Nothing,
    /// These rows; `None` if they are too many. And where the log ends, if it moved.
    Rows(Option<(u64, Vec<u8>)>, Option<u64>),
}

/// Returns where the log ends with a batch, if that moves it.
fn end_of_log(batch: &Batch) -> Option<u64> {
    let of_row = |(key, value): (&Key, Option<&[u8]>)| match key {
        Key::Meta(name) if *name == facts::POSITION => {
            Some(u64::from_be_bytes(value?.try_into().ok()?))
        }
        _ => None,
    };
    batch.iter().filter_map(of_row).last()
}

fn hand_on(shared: &Shared, gate: &mut Gate, shipped: Shipped) {
    if let Shipped::Rows(rows, end) = shipped {
        shared.committed(gate, rows, end);
    }
}

/// The closing of a hub that forgets to: what was committed is shipped, too.
impl Drop for Shipping {
    fn drop(&mut self) {
        if self.store.is_some() {
            self.shared.close();
        }
    }
}

impl Read for Shipping {
    fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, StoreError> {
        self.store().get(key)
    }

    fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        self.store().get_many(keys)
    }

    fn scan(
        &self,
        scan: &Scan,
        after: Option<&Key>,
        limit: usize,
        row: &mut dyn FnMut(&Key, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.store().scan(scan, after, limit, row)
    }
}

impl Store for Shipping {
    fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        self.ship(|store, shared| {
            store.commit(batch)?;
            let is_wanted = !shared.state().is_broken;
            let fits = is_wanted && batch.bytes() <= shared.options.waiting_bytes_max;
            let rows = fits.then(|| {
                let mut rows = Writer::with_capacity(batch.bytes() + 16 * batch.len());
                row::write_batch(&mut rows, batch);
                (batch.len() as u64, rows.into_bytes())
            });
            Ok(((), Shipped::Rows(rows, end_of_log(batch))))
        })
    }

    fn commit_pieces(&mut self, next: &mut dyn FnMut() -> Piece) -> Result<bool, StoreError> {
        self.ship(|store, shared| {
            let bytes_max = shared.options.waiting_bytes_max;
            let mut rows = Some((0, Writer::new()));
            let mut end = None;
            let is_committed = store.commit_pieces(&mut || {
                let piece = next();
                if let Piece::Rows(batch) = &piece {
                    end = end_of_log(batch).or(end);
                }
                if let (Piece::Rows(batch), Some((count, out))) = (&piece, &mut rows) {
                    if out.as_bytes().len() + batch.bytes() > bytes_max {
                        rows = None;
                    } else {
                        *count += batch.len() as u64;
                        row::write_batch(out, batch);
                    }
                }
                piece
            })?;
            let rows = rows.map(|(count, out)| (count, out.into_bytes()));
            let shipped = if is_committed { Shipped::Rows(rows, end) } else { Shipped::Nothing };
            Ok((is_committed, shipped))
        })
    }

    fn tidy(&mut self) {
        if let Some(store) = &mut self.store {
            store.tidy();
        }
    }

    fn reader(&self) -> Result<Box<dyn Read + Send>, StoreError> {
        self.store().reader()
    }

    fn live_reader(&self) -> Result<Option<Box<dyn Read + Send>>, StoreError> {
        self.store().live_reader()
    }

    fn snapshots(&self) -> Result<Option<Box<dyn Snapshots>>, StoreError> {
        self.store().snapshots()
    }

    fn epoch(&self) -> Epoch {
        self.store().epoch()
    }

    fn partition(&self) -> PartitionId {
        self.store().partition()
    }

    fn close(mut self: Box<Self>) -> Result<(), StoreError> {
        self.shared.close();
        match self.store.take() {
            Some(store) => store.close(),
            None => Ok(()),
        }
    }
}
