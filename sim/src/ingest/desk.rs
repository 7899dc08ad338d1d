//! The hub and its writer: started, held up while the queue is filled, and ended.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::sync_channel;

use syncline_engine::operate::{Answer, ClientOperation};
use syncline_hub::{Environment, Hub, HubError, Parts, Place, Writer, WriterError};
use syncline_merge::fault;
use syncline_merge::rules::EntityRules;
use syncline_model::id::EntityName;
use syncline_store::{Pipeline, Store};

use super::fault::{FaultyPipeline, FaultyStore, IngestFault};
use crate::disk::SimDisk;
use crate::random::Random;
use crate::store::SimStore;

/// Folder of the hub's state.
const STATE: &str = "/state";
/// The store's file.
const STORE: &str = "/state/store.log";

/// The wall clock of the machine, which the world moves.
#[derive(Clone, Debug, Default)]
pub(crate) struct WallClock(Arc<AtomicU64>);

impl WallClock {
    pub(crate) fn set(&self, now_ms: u64) {
        self.0.store(now_ms, Ordering::SeqCst);
    }
}

/// Time and random numbers of the hub.
struct Surroundings {
    clock: WallClock,
    random: Random,
}

impl Environment for Surroundings {
    fn now_ms(&self) -> u64 {
        self.clock.0.load(Ordering::SeqCst)
    }

    fn random(&mut self) -> Result<[u8; 32], HubError> {
        Ok(self.random.bytes())
    }
}

/// The place where a hub and its writer run.
pub(crate) struct Desk {
    pub(crate) disk: SimDisk,
    pub(crate) clock: WallClock,
    random: Random,
    rules: BTreeMap<EntityName, EntityRules>,
    fault: Option<IngestFault>,
    writer: Option<Writer>,
    /// How often the store was put back from a backup: its file is another one then.
    restores: u64,
}

impl Desk {
    pub(crate) fn new(
        mut random: Random,
        rules: BTreeMap<EntityName, EntityRules>,
        fault: Option<IngestFault>,
    ) -> Self {
        let disk = SimDisk::new(random.split());
        disk.make_folder(Path::new(STATE));
        disk.make_folder(&Path::new(STATE).join("undo"));
        Self { disk, clock: WallClock::default(), random, rules, fault, writer: None, restores: 0 }
    }

    /// Returns a copy of the store.
    pub(crate) fn backup(&self) -> Option<Vec<u8>> {
        self.disk.peek(Path::new(STORE))
    }

    /// Puts a copy in the place of the store, whose hub must have ended.
    pub(crate) fn restore(&mut self, copy: &[u8]) {
        self.disk.poke(Path::new(STORE), copy);
        self.restores += 1;
    }

    /// Opens the hub, whose writer must have ended.
    ///
    /// # Errors
    ///
    /// The code of why it does not open.
    pub(crate) fn open(&mut self) -> Result<Hub, &'static str> {
        let of_store = self.fault.and_then(IngestFault::of_store);
        let store = SimStore::open(&self.disk, Path::new(STATE), of_store);
        let store = store.map_err(|error| error.code())?;
        let store: Box<dyn Store> = match self.fault {
            Some(fault) if fault.is_of_pipeline() => {
                let store = Box::new(store);
                Box::new(FaultyPipeline { store, fault, overlay: None, late: None })
            }
            Some(fault) => Box::new(Pipeline::new(Box::new(FaultyStore { store, fault }))),
            None => Box::new(Pipeline::new(Box::new(store))),
        };
        let known = if self.fault == Some(IngestFault::SiteReused) { 0 } else { self.restores };
        let identity = format!("file {known}");
        let surroundings = Surroundings { clock: self.clock.clone(), random: self.random.split() };
        let hub = Hub::with_parts(Parts {
            store,
            disk: Arc::new(self.disk.clone()),
            environment: Box::new(surroundings),
            state_folder: PathBuf::from(STATE),
            place: Place {
                path: STORE.to_owned(),
                identity,
                touched: String::new(),
                is_latest: None,
            },
        });
        hub.map_err(|error| error.code())
    }

    /// Starts the writer of a hub.
    pub(crate) fn start(&mut self, hub: Hub) {
        self.writer = Writer::start(hub, self.rules.clone()).ok();
        // The writer has a thread of its own.
        let planted = fault::planted();
        let _ = self.ask(move |_| fault::plant(planted));
    }

    /// Returns whether a writer runs.
    pub(crate) const fn is_running(&self) -> bool {
        self.writer.is_some()
    }

    /// Ends the writer once all that was submitted is done, and gives its hub back.
    pub(crate) fn stop(&mut self) -> Option<Hub> {
        self.writer.take()?.stop().ok()
    }

    /// Asks the hub, in the writer's turn.
    pub(crate) fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut Hub) -> T + Send + 'static,
    ) -> Option<T> {
        self.writer.as_ref()?.handle().with_hub(question).ok()
    }

    /// Hands operations to the writer all at once, and returns its answers in their order.
    pub(crate) fn submit(
        &self,
        operations: Vec<ClientOperation>,
    ) -> Vec<Result<Answer, WriterError>> {
        let Some(writer) = &self.writer else { return Vec::new() };
        let handle = writer.handle();
        let (open, gate) = sync_channel::<()>(1);
        let (begin, begun) = sync_channel::<()>(1);
        let holder = {
            let handle = handle.clone();
            // The writer stands still within this task until all operations wait behind it.
            let hold = move |_: &mut Hub| begin.send(()).is_ok() && gate.recv().is_ok();
            std::thread::spawn(move || handle.with_hub(hold).is_ok())
        };
        let _ = begun.recv();
        let submitted = operations.into_iter().map(|operation| handle.submit(operation));
        let pending: Vec<_> = submitted.collect();
        let _ = open.send(());
        let _ = holder.join();
        pending.into_iter().map(|pending| pending.and_then(syncline_hub::Pending::wait)).collect()
    }
}
