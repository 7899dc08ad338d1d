//! A store that commits one batch while the next is decided.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use syncline_engine::rows::{Batch, Key, Scan};
use syncline_model::id::PartitionId;

use crate::store::Wake;
use crate::{Begun, Epoch, Overlay, Piece, Read, Snapshots, Store, StoreError};

/// A store whose batches may be begun: a thread of its own commits them, and reads see their rows
/// meanwhile.
///
/// A store that cannot be read beside its commits ([`Store::live_reader`]) commits a batch that was
/// begun when it is finished, in the thread of the caller: simulations stay the same in every run.
pub struct Pipeline {
    /// `None` while the thread has it.
    store: Option<Box<dyn Store>>,
    /// The batch under way.
    overlay: Option<Overlay>,
    /// Made when it is first needed, as the thread is: most hubs only ever run a sync.
    beside: Option<Beside>,
    epoch: Epoch,
    partition: PartitionId,
}

/// What works beside the caller.
struct Beside {
    reader: Box<dyn Read + Send>,
    /// `None` once it is to end.
    jobs: Option<SyncSender<Job>>,
    done: Receiver<Done>,
    thread: Option<JoinHandle<()>>,
}

struct Job {
    store: Box<dyn Store>,
    batch: Arc<Batch>,
    wake: Wake,
}

type Done = (Box<dyn Store>, Result<(), StoreError>);

impl Pipeline {
    /// Puts a pipeline before a store.
    pub fn new(store: Box<dyn Store>) -> Self {
        let (epoch, partition) = (store.epoch(), store.partition());
        Self { store: Some(store), overlay: None, beside: None, epoch, partition }
    }

    /// Returns the store, which no batch is under way to.
    fn idle(&mut self) -> &mut dyn Store {
        assert!(self.overlay.is_none(), "a batch is finished before anything else is done");
        &mut **self.store.as_mut().expect("invariant: the thread gives the store back")
    }

    /// Returns what is read below the batch under way.
    fn below(&self) -> &dyn Read {
        match (&self.store, &self.beside) {
            (Some(store), _) => &**store,
            (None, Some(beside)) => &*beside.reader,
            (None, None) => unreachable!("the store is away only beside its reader"),
        }
    }

    /// Makes what works beside the caller, if the store can be read meanwhile.
    fn start_beside(&mut self) -> Result<(), StoreError> {
        if self.beside.is_none()
            && let Some(reader) = self.idle().live_reader()?
        {
            self.beside = Beside::start(reader);
        }
        Ok(())
    }
}

impl Beside {
    /// Starts the thread; `None` if the machine gives none.
    fn start(reader: Box<dyn Read + Send>) -> Option<Self> {
        let (jobs, waiting) = sync_channel::<Job>(1);
        let (ended, done) = sync_channel(1);
        let work = move || {
            for Job { mut store, batch, wake } in waiting {
                let committed = store.commit(&batch);
                if ended.send((store, committed)).is_err() {
                    return;
                }
                wake();
            }
        };
        let thread = std::thread::Builder::new().name("syncline-commit".to_owned());
        let thread = thread.spawn(work).ok()?;
        Some(Self { reader, jobs: Some(jobs), done, thread: Some(thread) })
    }
}

/// The store is closed when this returns: its lock is free.
impl Drop for Beside {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // One that panicked has said so already.
            let _ = thread.join();
        }
    }
}

impl Read for Pipeline {
    fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, StoreError> {
        match &self.overlay {
            None => self.below().get(key),
            Some(overlay) => overlay.above(self.below()).get(key),
        }
    }

    fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        match &self.overlay {
            None => self.below().get_many(keys),
            Some(overlay) => overlay.above(self.below()).get_many(keys),
        }
    }

    fn scan(
        &self,
        scan: &Scan,
        after: Option<&Key>,
        limit: usize,
        row: &mut dyn FnMut(&Key, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        match &self.overlay {
            None => self.below().scan(scan, after, limit, row),
            Some(overlay) => overlay.above(self.below()).scan(scan, after, limit, row),
        }
    }

    fn together(&self, reads: &mut dyn FnMut()) -> Result<(), StoreError> {
        self.below().together(reads)
    }
}

impl Store for Pipeline {
    fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        self.idle().commit(batch)
    }

    fn begin(&mut self, batch: Batch, wake: Wake) -> Result<Begun, StoreError> {
        self.start_beside()?;
        let overlay = Overlay::new(batch);
        let begun = match &self.beside {
            None => Begun::Waits,
            Some(beside) => {
                let store = self.store.take().expect("invariant: no batch is under way");
                let job = Job { store, batch: overlay.batch().clone(), wake };
                let jobs = beside.jobs.as_ref().expect("invariant: it ends when this is dropped");
                jobs.send(job).expect("invariant: a commit never panics");
                Begun::Beside
            }
        };
        self.overlay = Some(overlay);
        Ok(begun)
    }

    fn finish(&mut self) -> Result<(), StoreError> {
        let Some(overlay) = self.overlay.take() else {
            return Ok(());
        };
        match (&mut self.store, &self.beside) {
            (Some(store), _) => store.commit(overlay.batch()),
            (None, Some(beside)) => {
                let (store, committed) =
                    beside.done.recv().expect("invariant: a commit never panics");
                self.store = Some(store);
                committed
            }
            (None, None) => unreachable!("the store is away only beside its reader"),
        }
    }

    fn commit_pieces(&mut self, next: &mut dyn FnMut() -> Piece) -> Result<bool, StoreError> {
        self.idle().commit_pieces(next)
    }

    fn tidy(&mut self) {
        self.idle().tidy();
    }

    fn reader(&self) -> Result<Box<dyn Read + Send>, StoreError> {
        let store = self.store.as_ref().filter(|_| self.overlay.is_none());
        store.expect("invariant: a batch is finished before anything else is done").reader()
    }

    fn snapshots(&self) -> Result<Option<Box<dyn Snapshots>>, StoreError> {
        let store = self.store.as_ref().filter(|_| self.overlay.is_none());
        store.expect("invariant: a batch is finished before anything else is done").snapshots()
    }

    fn epoch(&self) -> Epoch {
        self.epoch
    }

    fn partition(&self) -> PartitionId {
        self.partition
    }

    fn close(mut self: Box<Self>) -> Result<(), StoreError> {
        self.finish()?;
        // Its reader would keep the log from being shortened.
        self.beside = None;
        let store = self.store.take().expect("invariant: the batch under way was finished");
        store.close()
    }
}
