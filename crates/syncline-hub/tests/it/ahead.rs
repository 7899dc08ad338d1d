//! One group is decided while the one before is being committed: who is answered when, and what is
//! left of both when a commit fails.

use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use syncline_engine::operate::Answer;
use syncline_engine::rows::{Batch, Key, Scan};
use syncline_hub::{Handle, Writer, WriterError};
use syncline_model::id::{PartitionId, Position};
use syncline_store::memory::{MemoryDisk, MemoryStore};
use syncline_store::{Epoch, Pipeline, Read, Store, StoreError};

use crate::writer::{HeldWriter, increment, memory, no_disk, on, operation, rules, shown};

/// How a commit ends.
#[derive(Clone, Copy, Debug)]
enum End {
    Done,
    /// Nothing was applied.
    Full,
    /// Nobody knows; the batch is kept or not.
    Unknown {
        kept: bool,
    },
}

/// A store in memory whose commits end when and as they are told to, once it is held.
struct Held {
    inner: MemoryStore,
    disk: MemoryDisk,
    begun: Sender<()>,
    ends: Receiver<End>,
    /// Commits that are still done at once: the hub's own.
    free: u32,
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

impl Read for Held {
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

impl Store for Held {
    fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        if self.free > 0 {
            self.free -= 1;
            return self.inner.commit(batch);
        }
        self.begun.send(()).unwrap();
        match self.ends.recv().unwrap_or(End::Done) {
            End::Done => self.inner.commit(batch),
            End::Full => Err(StoreError::Full),
            End::Unknown { kept } => {
                if kept {
                    self.inner.commit(batch)?;
                }
                Err(StoreError::Unknown { source: no_disk() })
            }
        }
    }
    fn reader(&self) -> Result<Box<dyn Read + Send>, StoreError> {
        self.inner.reader()
    }
    fn live_reader(&self) -> Result<Option<Box<dyn Read + Send>>, StoreError> {
        Ok(Some(Box::new(Now(self.disk.clone()))))
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

/// A writer over a store whose commits are held.
struct Stage {
    disk: MemoryDisk,
    writer: Writer,
    begun: Receiver<()>,
    ends: Sender<End>,
    told: Receiver<(u64, Result<Answer, WriterError>)>,
    tell: Sender<(u64, Result<Answer, WriterError>)>,
}

impl Stage {
    fn new() -> Self {
        let disk = MemoryDisk::new();
        let (say, begun) = channel();
        let (ends, hear) = channel();
        let store = Held {
            inner: MemoryStore::open(&disk),
            disk: disk.clone(),
            begun: say,
            ends: hear,
            free: 1,
        };
        let hub = on(Box::new(Pipeline::new(Box::new(store))));
        let (tell, told) = channel();
        Self { disk, writer: Writer::start(hub, rules()).unwrap(), begun, ends, told, tell }
    }

    /// Sends an increment, whose answer is told when it comes.
    fn send(&self, counter: u64) {
        let (handle, tell): (Handle, _) = (self.writer.handle(), self.tell.clone());
        let pending = handle.submit(operation("a", counter, "t1", vec![increment()])).unwrap();
        std::thread::spawn(move || tell.send((counter, pending.wait())));
    }

    /// Lets a first group of two be under way.
    fn with_a_group() -> Self {
        let stage = Self::new();
        let held = HeldWriter::hold(&stage.writer.handle());
        stage.send(1);
        stage.send(2);
        held.let_go();
        stage.begun.recv().unwrap();
        stage
    }

    /// Lets it be under way, and a second one be decided on top of it.
    fn with_two_groups() -> Self {
        let stage = Self::with_a_group();
        stage.send(3);
        assert!(stage.told.recv_timeout(Duration::from_millis(50)).is_err(), "told too early");
        stage
    }

    /// Returns the words or codes that so many are told next, by counter.
    fn told(&self, count: usize) -> Vec<(u64, &'static str)> {
        let mut told: Vec<(u64, &str)> = (0..count).map(|_| self.next()).collect();
        told.sort_unstable();
        told
    }

    fn next(&self) -> (u64, &'static str) {
        let told = self.told.recv_timeout(Duration::from_secs(20));
        let (counter, answer) = told.expect("everybody is told something");
        (counter, answer.map_or_else(|error| error.code(), |answer| answer.as_str()))
    }
}

#[test]
fn nobody_is_answered_before_the_own_group_and_those_before_are_on_disk() {
    let stage = Stage::with_two_groups();
    stage.ends.send(End::Done).unwrap();
    assert_eq!(stage.told(2), [(1, "applied"), (2, "applied")]);
    stage.begun.recv().unwrap();
    assert!(stage.told.recv_timeout(Duration::from_millis(50)).is_err(), "told too early");
    stage.ends.send(End::Done).unwrap();
    assert_eq!(stage.told(1), [(3, "applied")]);
    drop(stage.ends);
    let hub = stage.writer.stop().unwrap();
    assert_eq!(shown(&hub, "t1"), "/views=3", "the second was decided on top of the first");
    assert_eq!((hub.position(), hub.audit_head().size), (Position(3), 2));
    hub.audit_verify().unwrap();
}

#[test]
fn a_retry_of_what_is_under_way_is_answered_once_that_is_on_disk() {
    let stage = Stage::with_a_group();
    stage.send(1);
    assert!(stage.told.recv_timeout(Duration::from_millis(50)).is_err(), "told too early");
    stage.ends.send(End::Done).unwrap();
    assert_eq!(stage.told(3), [(1, "applied"), (1, "duplicate"), (2, "applied")]);
    drop(stage.ends);
    assert_eq!(shown(&stage.writer.stop().unwrap(), "t1"), "/views=2");
}

#[test]
fn a_commit_that_failed_takes_the_group_on_top_of_it_along() {
    let cases = [
        (End::Full, ["STORE_FULL", "STORE_FULL", "STORE_FULL"]),
        (End::Unknown { kept: false }, ["OUTCOME_UNKNOWN", "OUTCOME_UNKNOWN", "WRITER_STOPPED"]),
        (End::Unknown { kept: true }, ["OUTCOME_UNKNOWN", "OUTCOME_UNKNOWN", "WRITER_STOPPED"]),
    ];
    for (end, expected) in cases {
        let stage = Stage::with_two_groups();
        stage.ends.send(end).unwrap();
        let codes: Vec<&str> = stage.told(3).into_iter().map(|(_, code)| code).collect();
        assert_eq!(codes, expected, "{end:?}");
        drop(stage.ends);
        let (disk, mut writer) = (stage.disk, stage.writer);
        if !matches!(end, End::Full) {
            drop(writer.stop().unwrap());
            writer = Writer::start(memory(&disk), rules()).unwrap();
        }
        // The same hub goes on where nothing was applied, as if nothing had ever come.
        for counter in [3, 2, 1, 4] {
            let sent = operation("a", counter, "t1", vec![increment()]);
            let answer = writer.handle().commit(sent).unwrap();
            let was_kept = counter <= 2 && matches!(end, End::Unknown { kept: true });
            assert_eq!(answer.as_str(), if was_kept { "duplicate" } else { "applied" }, "{end:?}");
        }
        let hub = writer.stop().unwrap();
        assert_eq!(shown(&hub, "t1"), "/views=4", "{end:?}");
        assert_eq!(hub.position(), Position(4), "{end:?}");
        hub.audit_verify().unwrap();
    }
}

#[test]
fn a_task_has_the_hub_once_everything_before_it_is_on_disk() {
    let stage = Stage::with_a_group();
    let handle = stage.writer.handle();
    let (tell, told) = channel();
    let asked = std::thread::spawn(move || {
        let position = handle.with_hub(|hub| (hub.position(), hub.audit_verify().is_ok()));
        tell.send(position).unwrap();
    });
    assert!(told.recv_timeout(Duration::from_millis(50)).is_err(), "the hub is busy");
    stage.ends.send(End::Done).unwrap();
    assert_eq!(told.recv().unwrap().unwrap(), (Position(2), true));
    asked.join().unwrap();
    drop(stage.ends);
    drop(stage.writer.stop().unwrap());
}
