//! Defects of the store below a writer, planted to see that the checks find them.

use std::ops::ControlFlow;

use syncline_engine::facts;
use syncline_engine::rows::{Batch, Key, Scan, Table};
use syncline_model::id::PartitionId;
use syncline_store::{Begun, Epoch, Overlay, Read, Store, StoreError, Wake};

use crate::store::{SimStore, StoreFault};

/// A defect of what a writer saves, switched on for a whole run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum IngestFault {
    /// The store breaks a promise.
    Store(StoreFault),
    /// A group is saved in two commits.
    GroupTorn,
    /// The results of operations are not saved.
    ResultsNotSaved,
    /// The results of two operations of a group are saved under each other's names.
    ResultsMixed,
    /// The hub's clock is not saved.
    ClockNotSaved,
    /// The entry in the audit is not saved.
    AuditNotSaved,
    /// Conflicts are not listed.
    ConflictsNotListed,
    /// A commit that failed for want of room was kept all the same.
    FullButKept,
    /// A hub goes on with its old site after it was put back from a backup.
    SiteReused,
    /// A group counts as saved before its commit is done.
    AnswersBeforeCommit,
    /// The rows of a group that could not be saved are still shown.
    FailedGroupShown,
}

impl IngestFault {
    /// Every fault.
    pub const ALL: [Self; 12] = [
        Self::Store(StoreFault::AcknowledgesBeforeSync),
        Self::Store(StoreFault::IgnoresFailedSync),
        Self::GroupTorn,
        Self::ResultsNotSaved,
        Self::ResultsMixed,
        Self::ClockNotSaved,
        Self::AuditNotSaved,
        Self::ConflictsNotListed,
        Self::FullButKept,
        Self::SiteReused,
        Self::AnswersBeforeCommit,
        Self::FailedGroupShown,
    ];

    /// Returns the requirement by which it is to show.
    pub const fn requirement(self) -> &'static str {
        match self {
            Self::Store(_) | Self::AnswersBeforeCommit => "I2",
            Self::GroupTorn => "I16",
            Self::ResultsNotSaved => "I6",
            Self::ResultsMixed => "I5",
            Self::ClockNotSaved => "I14",
            Self::AuditNotSaved => "I11",
            Self::ConflictsNotListed => "I10",
            Self::SiteReused => "I23",
            Self::FullButKept | Self::FailedGroupShown => "I21",
        }
    }

    /// Returns the fault of the store itself, if it is one.
    pub const fn of_store(self) -> Option<StoreFault> {
        match self {
            Self::Store(fault) => Some(fault),
            _ => None,
        }
    }

    /// Returns whether it is a fault of committing one group while the next is decided.
    pub(super) const fn is_of_pipeline(self) -> bool {
        matches!(self, Self::AnswersBeforeCommit | Self::FailedGroupShown)
    }

    /// Returns whether a row is left out of what is saved.
    fn drops(self, key: &Key) -> bool {
        match self {
            Self::ResultsNotSaved => key.table() == Table::Results,
            Self::ClockNotSaved => *key == Key::Meta(facts::CLOCK),
            Self::AuditNotSaved => key.table() == Table::Audit,
            Self::ConflictsNotListed => key.table() == Table::Conflicts,
            _ => false,
        }
    }
}

/// Returns a group in which the first and the last result have changed places.
fn with_results_mixed(batch: &Batch) -> Batch {
    let results = batch.iter().filter(|(key, _)| key.table() == Table::Results);
    let results: Vec<_> = results.filter_map(|(key, value)| Some((key, value?))).collect();
    let mut mixed = batch.clone();
    if let (Some((first, of_first)), Some((last, of_last))) = (results.first(), results.last()) {
        mixed.put((*first).clone(), of_last.to_vec());
        mixed.put((*last).clone(), of_first.to_vec());
    }
    mixed
}

/// A store with a defect.
#[derive(Debug)]
pub(super) struct FaultyStore {
    pub(super) store: SimStore,
    pub(super) fault: IngestFault,
}

impl Read for FaultyStore {
    fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, StoreError> {
        self.store.get(key)
    }

    fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        self.store.get_many(keys)
    }

    fn scan(
        &self,
        scan: &Scan,
        after: Option<&Key>,
        limit: usize,
        row: &mut dyn FnMut(&Key, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.store.scan(scan, after, limit, row)
    }
}

impl Store for FaultyStore {
    fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        let mixed = (self.fault == IngestFault::ResultsMixed).then(|| with_results_mixed(batch));
        let batch = mixed.as_ref().unwrap_or(batch);
        let half = batch.iter().count() / 2;
        let (mut first, mut second) = (Batch::new(), Batch::new());
        for (index, (key, value)) in batch.iter().enumerate() {
            if self.fault.drops(key) {
                continue;
            }
            let part = if index < half { &mut first } else { &mut second };
            match value {
                Some(value) => part.put(key.clone(), value.to_vec()),
                None => part.delete(key.clone()),
            };
        }
        if self.fault == IngestFault::GroupTorn {
            self.store.commit(&first)?;
            return self.store.commit(&second);
        }
        first.append(second);
        match self.store.commit(&first) {
            Err(StoreError::Full) if self.fault == IngestFault::FullButKept => {
                self.store.commit(&first)?;
                Err(StoreError::Full)
            }
            done => done,
        }
    }

    fn reader(&self) -> Result<Box<dyn Read + Send>, StoreError> {
        self.store.reader()
    }

    fn epoch(&self) -> Epoch {
        self.store.epoch()
    }

    fn partition(&self) -> PartitionId {
        self.store.partition()
    }

    fn close(self: Box<Self>) -> Result<(), StoreError> {
        Ok(())
    }
}

/// A pipeline with a defect, in the place of [`syncline_store::Pipeline`].
pub(super) struct FaultyPipeline {
    pub(super) store: Box<dyn Store>,
    pub(super) fault: IngestFault,
    /// The group under way, or one that failed and is shown all the same.
    pub(super) overlay: Option<Overlay>,
    /// A group that was said to be saved.
    pub(super) late: Option<Overlay>,
}

impl FaultyPipeline {
    /// Reads through what is there of groups that are not saved.
    fn read<T>(&self, read: impl FnOnce(&dyn Read) -> T) -> T {
        let store: &dyn Read = &*self.store;
        match (&self.late, &self.overlay) {
            (None, None) => read(store),
            (Some(one), None) | (None, Some(one)) => read(&one.above(store)),
            (Some(late), Some(overlay)) => read(&overlay.above(&late.above(store))),
        }
    }
}

impl Read for FaultyPipeline {
    fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, StoreError> {
        self.read(|rows| rows.get(key))
    }

    fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        self.read(|rows| rows.get_many(keys))
    }

    fn scan(
        &self,
        scan: &Scan,
        after: Option<&Key>,
        limit: usize,
        row: &mut dyn FnMut(&Key, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.read(|rows| rows.scan(scan, after, limit, row))
    }
}

impl Store for FaultyPipeline {
    fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        self.store.commit(batch)
    }

    fn begin(&mut self, batch: Batch, _wake: Wake) -> Result<Begun, StoreError> {
        self.overlay = Some(Overlay::new(batch));
        Ok(Begun::Waits)
    }

    fn finish(&mut self) -> Result<(), StoreError> {
        if self.fault == IngestFault::AnswersBeforeCommit {
            let late = std::mem::replace(&mut self.late, self.overlay.take());
            return late.map_or(Ok(()), |late| self.store.commit(late.batch()));
        }
        let Some(overlay) = self.overlay.take() else {
            return Ok(());
        };
        let committed = self.store.commit(overlay.batch());
        if committed.is_err() {
            self.overlay = Some(overlay);
        }
        committed
    }

    fn reader(&self) -> Result<Box<dyn Read + Send>, StoreError> {
        self.store.reader()
    }

    fn epoch(&self) -> Epoch {
        self.store.epoch()
    }

    fn partition(&self) -> PartitionId {
        self.store.partition()
    }

    fn close(self: Box<Self>) -> Result<(), StoreError> {
        Ok(())
    }
}
