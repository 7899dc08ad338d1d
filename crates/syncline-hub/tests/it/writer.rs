//! Operations of clients through the writer: order, retries, crashes, limits.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use syncline_domains::files::disk::SystemDisk;
use syncline_engine::operate::{Answer, ClientOperation};
use syncline_engine::rows::{Batch, Key, Scan};
use syncline_hub::limits::COMMANDS_WAITING_MAX;
use syncline_hub::{
    Handle, Hub, HubOptions, Machine, Parts, Pending, Place, Silent, Writer, WriterError,
};
use syncline_merge::codec::decode_record;
use syncline_merge::display::visible;
use syncline_merge::operation::{Effect, FieldOperation};
use syncline_merge::rules::{EntityRules, FieldRules, Rule, Shape};
use syncline_merge::token::Token;
use syncline_model::clock::Clock;
use syncline_model::id::{ClientId, EntityName, OperationId, PartitionId, Position, RecordId};
use syncline_model::json::{Leaf, Number};
use syncline_model::path::{Path as Pointer, Pattern};
use syncline_store::memory::{MemoryDisk, MemoryStore};
use syncline_store::{Epoch, Read, Store, StoreError};

pub(crate) fn rules() -> BTreeMap<EntityName, EntityRules> {
    let rules = EntityRules {
        fields: vec![FieldRules {
            pattern: Pattern::parse("/views").unwrap(),
            shape: Shape::Sum { minimum: None },
            rule: Rule::Latest,
        }],
        ..EntityRules::default()
    };
    BTreeMap::from([(EntityName::new("tasks").unwrap(), rules)])
}

pub(crate) fn memory(disk: &MemoryDisk) -> Hub {
    on(Box::new(MemoryStore::open(disk)))
}

pub(crate) fn on(store: Box<dyn Store>) -> Hub {
    let place = Place {
        path: "memory".into(),
        identity: "1".into(),
        touched: String::new(),
        is_latest: None,
    };
    Hub::with_parts(Parts {
        store,
        disk: Arc::new(SystemDisk),
        environment: Box::new(Machine),
        state_folder: std::env::temp_dir(),
        place,
    })
    .unwrap()
}

fn sqlite(folder: &Path) -> Hub {
    let state_folder = folder.to_owned();
    Hub::open(&HubOptions { state_folder, check_store: false }).unwrap()
}

pub(crate) fn operation(
    client: &str,
    counter: u64,
    record: &str,
    fields: Vec<FieldOperation>,
) -> ClientOperation {
    ClientOperation {
        id: OperationId { client: ClientId::new(client).unwrap(), counter },
        entity: EntityName::new("tasks").unwrap(),
        record: RecordId::new(record).unwrap(),
        base: None,
        effect: Effect::Write(fields),
        edited: Clock(0),
        after: Vec::new(),
        event: None,
    }
}

fn pointer(text: &str) -> Pointer {
    Pointer::parse(text).unwrap()
}

fn set(path: &str, value: &str) -> FieldOperation {
    FieldOperation::Set { path: pointer(path), value: Leaf::string(value) }
}

pub(crate) fn increment() -> FieldOperation {
    FieldOperation::Increment { path: pointer("/views"), by: Number::from(1_i64) }
}

fn title(client: &str, counter: u64, record: &str, value: &str) -> ClientOperation {
    operation(client, counter, record, vec![set("/title", value)])
}

/// Returns what the hub shows of a record: `path=value`, parted by spaces.
pub(crate) fn shown(hub: &Hub, record: &str) -> String {
    let key = Key::Record {
        entity: EntityName::new("tasks").unwrap(),
        id: RecordId::new(record).unwrap(),
    };
    let Some(bytes) = hub.rows().get(&key).unwrap() else {
        return "nothing".to_owned();
    };
    let rules = rules().into_values().next().unwrap();
    let fields = visible(&decode_record(&bytes).unwrap(), &rules, None);
    let fields = fields.iter().flatten();
    let fields: Vec<String> =
        fields.map(|(path, leaf)| format!("{}={}", path.as_str(), leaf.as_str())).collect();
    fields.join(" ")
}

fn token(answer: &Answer) -> Token {
    match answer {
        Answer::Applied(applied) => applied.token.clone(),
        other => panic!("not applied: {other:?}"),
    }
}

fn submit_all(handle: &Handle, operations: Vec<ClientOperation>) -> Vec<Answer> {
    let pending: Vec<Pending> =
        operations.into_iter().map(|operation| handle.submit(operation).unwrap()).collect();
    pending.into_iter().map(|pending| pending.wait().unwrap()).collect()
}

/// A writer that is held up: it takes nothing from its queue.
pub(crate) struct HeldWriter {
    open: std::sync::mpsc::Sender<()>,
    task: std::thread::JoinHandle<Result<bool, WriterError>>,
}

impl HeldWriter {
    pub(crate) fn hold(handle: &Handle) -> Self {
        let (open, gate) = std::sync::mpsc::channel::<()>();
        let (began, begun) = std::sync::mpsc::channel::<()>();
        let handle = handle.clone();
        let wait = move |_: &mut _| began.send(()).is_ok() && gate.recv().is_ok();
        let task = std::thread::spawn(move || handle.with_hub(wait));
        begun.recv().unwrap();
        Self { open, task }
    }

    pub(crate) fn let_go(self) {
        self.open.send(()).unwrap();
        assert!(self.task.join().unwrap().unwrap());
    }
}

/// Counts the groups that were committed: each is one entry of the audit.
fn audit_entries(hub: &Hub) -> u64 {
    hub.audit_head().size
}

#[test]
fn what_waits_is_committed_in_few_groups_in_the_order_of_each_client() {
    let writer = Writer::start(memory(&MemoryDisk::new()), rules()).unwrap();
    let handle = writer.handle();
    // All operations wait when the writer comes to them.
    let held = HeldWriter::hold(&handle);
    while handle.try_submit(title("warm", 1, "warm", "up")).is_err() {}
    let pending: Vec<Pending> = (1..=40)
        .flat_map(|counter| ["a", "b"].map(|client| (client, counter)))
        .map(|(client, counter)| {
            let value = format!("{client}{counter}");
            handle.submit(title(client, counter, client, &value)).unwrap()
        })
        .collect();
    held.let_go();
    let answers: Vec<Answer> = pending.into_iter().map(|p| p.wait().unwrap()).collect();
    let stamps: Vec<_> = answers.iter().map(|answer| answer.stamp().unwrap()).collect();
    assert!(stamps.is_sorted(), "{stamps:?}");
    let hub = writer.stop().unwrap();
    assert_eq!(shown(&hub, "a"), r#"/title="a40""#);
    assert_eq!(shown(&hub, "b"), r#"/title="b40""#);
    // Half of what waits is left to the next group each time, while that is worth a commit.
    assert!(audit_entries(&hub) <= 4, "{} groups", audit_entries(&hub));
    assert_eq!(hub.conflicts().unwrap(), [], "a client is never in conflict with itself");
    hub.audit_verify().unwrap();
}

#[test]
fn a_retry_is_answered_with_the_same_stamp_also_after_a_crash() {
    let folder = tempfile::tempdir().unwrap();
    let writer = Writer::start(sqlite(folder.path()), rules()).unwrap();
    let first = writer.handle().commit(title("phone", 1, "t1", "one")).unwrap();
    assert_eq!(first.as_str(), "applied");
    let again = writer.handle().commit(title("phone", 1, "t1", "one")).unwrap();
    assert_eq!((again.as_str(), again.stamp()), ("duplicate", first.stamp()));
    // Dropped without being closed: whatever was not on disk is gone.
    drop(writer.stop().unwrap());

    let hub = sqlite(folder.path());
    let position = hub.position();
    let writer = Writer::start(hub, rules()).unwrap();
    let again = writer.handle().commit(title("phone", 1, "t1", "other")).unwrap();
    assert_eq!((again.as_str(), again.stamp()), ("duplicate", first.stamp()));
    let hub = writer.stop().unwrap();
    assert_eq!(hub.position(), position);
    assert_eq!(shown(&hub, "t1"), r#"/title="one""#);
}

#[test]
fn nothing_acknowledged_is_lost_by_a_crash() {
    let folder = tempfile::tempdir().unwrap();
    let disk = folder.path().join("live");
    let copy = folder.path().join("crashed");
    let writer = Writer::start(sqlite(&disk), rules()).unwrap();
    let handle = writer.handle();
    let threads = (0..4).map(|thread| {
        let handle = handle.clone();
        std::thread::spawn(move || {
            for counter in 1..=25 {
                let client = format!("c{thread}");
                let record = format!("{client}-{counter}");
                let answer = handle.commit(title(&client, counter, &record, "kept")).unwrap();
                assert_eq!(answer.as_str(), "applied");
            }
        })
    });
    threads.collect::<Vec<_>>().into_iter().for_each(|thread| thread.join().unwrap());
    // The files as they are at this moment, while the writer still has them open.
    std::fs::create_dir(&copy).unwrap();
    for entry in std::fs::read_dir(&disk).unwrap().flatten() {
        if entry.file_type().unwrap().is_file() {
            std::fs::copy(entry.path(), copy.join(entry.file_name())).unwrap();
        }
    }
    let hub = sqlite(&copy);
    for thread in 0..4 {
        for counter in 1..=25 {
            let record = format!("c{thread}-{counter}");
            assert_eq!(shown(&hub, &record), r#"/title="kept""#, "{record}");
        }
    }
    assert_eq!(hub.position(), Position(100));
    hub.audit_verify().unwrap();
    drop(writer.stop().unwrap());
}

#[test]
fn two_clients_that_increment_at_once_lose_no_increment() {
    let writer = Writer::start(memory(&MemoryDisk::new()), rules()).unwrap();
    let threads: Vec<_> = ["a", "b"]
        .into_iter()
        .map(|client| {
            let handle = writer.handle();
            std::thread::spawn(move || {
                let operations =
                    (1..=500).map(|counter| operation(client, counter, "t1", vec![increment()]));
                let answers = submit_all(&handle, operations.collect());
                assert!(answers.iter().all(|answer| answer.stamp().is_some()));
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let hub = writer.stop().unwrap();
    assert_eq!(shown(&hub, "t1"), "/views=1000");
    assert_eq!(hub.position(), Position(1_000));
    hub.audit_verify().unwrap();
}

#[test]
fn queued_operations_on_one_base_are_no_conflict_of_their_writer_but_one_of_two_writers() {
    let writer = Writer::start(memory(&MemoryDisk::new()), rules()).unwrap();
    let handle = writer.handle();
    let base = token(&handle.commit(title("a", 1, "t1", "first")).unwrap());
    let based = |client, counter, value| ClientOperation {
        base: Some(base.clone()),
        ..title(client, counter, "t1", value)
    };
    let own = submit_all(&handle, vec![based("a", 2, "second"), based("a", 3, "third")]);
    assert_eq!(own.iter().map(Answer::as_str).collect::<Vec<_>>(), ["applied", "applied"]);
    let other = handle.commit(based("b", 1, "mine")).unwrap();
    assert_eq!(other.as_str(), "conflict");
    let seen = ClientOperation { base: Some(token(&other)), ..title("b", 2, "t1", "both seen") };
    assert_eq!(handle.commit(seen).unwrap().as_str(), "applied");
    let hub = writer.stop().unwrap();
    let statuses: Vec<&str> =
        hub.conflicts().unwrap().iter().map(|row| row.status.as_str()).collect();
    assert_eq!(statuses, ["closed"], "a conflict stays in the list when it is over");
    assert_eq!(shown(&hub, "t1"), r#"/title="both seen""#);
}

#[test]
fn a_write_after_an_own_deletion_begins_the_record_anew() {
    let writer = Writer::start(memory(&MemoryDisk::new()), rules()).unwrap();
    let fields = vec![set("/title", "old"), set("/note", "old")];
    let base = token(&writer.handle().commit(operation("a", 1, "t1", fields)).unwrap());
    let delete = ClientOperation {
        base: Some(base.clone()),
        effect: Effect::Delete,
        ..title("a", 2, "t1", "")
    };
    let anew = ClientOperation { base: Some(base), ..title("a", 3, "t1", "new") };
    let answers = submit_all(&writer.handle(), vec![delete, anew]);
    assert!(answers.iter().all(|answer| answer.as_str() == "applied"), "{answers:?}");
    let hub = writer.stop().unwrap();
    assert_eq!(shown(&hub, "t1"), r#"/title="new""#);
}

#[test]
fn one_bad_operation_never_fails_its_neighbours() {
    let writer = Writer::start(memory(&MemoryDisk::new()), rules()).unwrap();
    let ahead = Token {
        version: [(syncline_model::id::SiteId(9), Clock(5))].into_iter().collect(),
        ..Token::default()
    };
    let bad_text = FieldOperation::Increment {
        path: pointer("/views"),
        by: Number::parse(&"9".repeat(1_000)).unwrap(),
    };
    let huge = "x".repeat(syncline_engine::operate::STATE_BYTES_MAX);
    let good = |counter| title("good", counter, "t1", "fine");
    let after = |counter, after| ClientOperation {
        after: vec![after],
        ..title("bad", counter, "t2", "later")
    };
    let unknown = ClientOperation { entity: EntityName::new("secrets").unwrap(), ..good(90) };
    let cases: Vec<(ClientOperation, &str)> = vec![
        (title("bad", 0, "t1", "zero"), "OPERATION_COUNTER_INVALID"),
        (title("bad", u64::MAX, "t1", "beyond"), "OPERATION_COUNTER_INVALID"),
        (unknown, "OPERATION_ENTITY_UNKNOWN"),
        (ClientOperation { base: Some(ahead), ..title("bad", 3, "t3", "ahead") }, "BEHIND"),
        (title("bad", 4, "t4", &huge), "RECORD_TOO_LARGE"),
        (operation("bad", 5, "t5", vec![bad_text.clone(), bad_text]), "SUM_OVERFLOW"),
        (after(6, 7), "OPERATION_WAITS"),
        (after(8, 4), "OPERATION_AFTER_REFUSED"),
    ];
    let mut operations = Vec::new();
    for (index, (bad, _)) in cases.iter().enumerate() {
        operations.push(bad.clone());
        operations.push(good(index as u64 + 1));
    }
    let answers = submit_all(&writer.handle(), operations);
    for ((_, code), pair) in cases.iter().zip(answers.chunks(2)) {
        match &pair[0] {
            Answer::Rejected(why) => assert_eq!(why.code(), *code),
            other => panic!("{code}: {other:?}"),
        }
        assert!(pair[1].stamp().is_some(), "the neighbour of {code}: {:?}", pair[1]);
    }
    // What can never succeed is remembered; what may succeed later is not.
    let again = submit_all(
        &writer.handle(),
        vec![title("bad", 4, "t4", "small"), title("bad", 7, "t2", "first"), after(6, 7)],
    );
    let words: Vec<&str> = again.iter().map(Answer::as_str).collect();
    assert_eq!(words, ["duplicate", "applied", "applied"]);
    writer.stop().unwrap().audit_verify().unwrap();
}

#[test]
fn a_full_queue_turns_commands_away_and_loses_none_that_it_took() {
    let writer = Writer::start(memory(&MemoryDisk::new()), rules()).unwrap();
    let handle = writer.handle();
    let held = HeldWriter::hold(&handle);
    let mut pending = Vec::new();
    let refused = loop {
        let counter = pending.len() as u64 + 1;
        match handle.try_submit(operation("a", counter, "t1", vec![increment()])) {
            Ok(answer) => pending.push(answer),
            Err(error) => break error,
        }
        assert!(pending.len() <= COMMANDS_WAITING_MAX + 1, "the queue has a bound");
    };
    assert_eq!(refused.code(), "WRITER_BUSY");
    held.let_go();
    let taken = pending.len();
    for answer in pending {
        assert!(answer.wait().unwrap().stamp().is_some());
    }
    assert_eq!(shown(&writer.stop().unwrap(), "t1"), format!("/views={taken}"));
}

#[test]
fn stopping_finishes_what_was_submitted_and_refuses_what_comes_later() {
    let writer = Writer::start(memory(&MemoryDisk::new()), rules()).unwrap();
    let handle = writer.handle();
    let pending: Vec<Pending> = (1..=50)
        .map(|counter| handle.submit(operation("a", counter, "t1", vec![increment()])).unwrap())
        .collect();
    let hub = writer.stop().unwrap();
    assert!(pending.into_iter().all(|pending| pending.wait().is_ok()));
    assert_eq!(shown(&hub, "t1"), "/views=50");
    let late = handle.commit(title("a", 51, "t1", "late")).unwrap_err();
    assert_eq!(late.code(), "WRITER_STOPPED");
    assert!(handle.with_hub(|_| ()).is_err());
}

/// A store whose commit fails once, when its number comes; whether the batch is kept is drawn.
struct Failing {
    inner: MemoryStore,
    commits: AtomicU32,
    fails_at: u32,
    keeps: bool,
}

impl Read for Failing {
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

impl Store for Failing {
    fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        let number = self.commits.fetch_add(1, Ordering::Relaxed);
        if number > self.fails_at {
            return Err(StoreError::Stopped);
        }
        if number == self.fails_at {
            if self.keeps {
                self.inner.commit(batch)?;
            }
            return Err(StoreError::Unknown { source: no_disk() });
        }
        self.inner.commit(batch)
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

/// Returns the error of SQLite that the variant wants.
pub(crate) fn no_disk() -> rusqlite::Error {
    rusqlite::Error::InvalidQuery
}

#[test]
fn a_store_that_fails_stops_the_writer_and_a_retry_after_that_applies_once() {
    for (fails_at, keeps) in (1..=4).flat_map(|at| [(at, true), (at, false)]) {
        let disk = MemoryDisk::new();
        let store = Failing {
            inner: MemoryStore::open(&disk),
            commits: AtomicU32::new(0),
            fails_at,
            keeps,
        };
        let writer = Writer::start(on(Box::new(store)), rules()).unwrap();
        let mut failed = None;
        for counter in 1..=6 {
            let answer = writer.handle().commit(operation("a", counter, "t1", vec![increment()]));
            match (answer, failed) {
                (Ok(_), None) => {}
                (Err(WriterError::OutcomeUnknown), None) => failed = Some(counter),
                (Err(WriterError::Stopped { code }), Some(_)) => {
                    assert_eq!(code, Some("STORE_UNKNOWN"))
                }
                // It came while the writer was ending.
                (Err(WriterError::OutcomeUnknown), Some(_)) => {}
                (answer, failed) => panic!("{counter} after {failed:?}: {answer:?}"),
            }
        }
        assert_eq!(failed, Some(u64::from(fails_at)), "the hub's own first commit is number 0");
        drop(writer.stop().unwrap());

        let writer = Writer::start(memory(&disk), rules()).unwrap();
        for counter in 1..=6 {
            let answer =
                writer.handle().commit(operation("a", counter, "t1", vec![increment()])).unwrap();
            let known = counter < u64::from(fails_at) || keeps && counter == u64::from(fails_at);
            assert_eq!(answer.as_str(), if known { "duplicate" } else { "applied" });
        }
        let hub = writer.stop().unwrap();
        assert_eq!(shown(&hub, "t1"), "/views=6", "{fails_at} {keeps}");
        hub.audit_verify().unwrap();
    }
}

#[test]
fn a_sync_and_operations_share_one_writer() {
    let desk = crate::desk::Desk::new();
    desk.contacts("personal", &[r#"{"id":"1","name":"Ann"}"#]);
    desk.contacts("business", &[]);
    let writer = Writer::start(desk.hub(), rules()).unwrap();
    let handle = writer.handle();
    let first = handle.submit(title("a", 1, "t1", "before")).unwrap();
    let outcome = handle.sync(desk.request.clone(), Silent).unwrap().unwrap();
    assert!(outcome.wrote);
    assert!(first.wait().unwrap().stamp().is_some());
    let after = handle.commit(title("a", 2, "t1", "after")).unwrap();
    assert_eq!(after.as_str(), "applied");
    let hub = writer.stop().unwrap();
    assert_eq!(hub.position(), Position(3));
    hub.audit_verify().unwrap();
}

#[test]
fn a_writer_that_is_dropped_does_what_it_was_given_and_closes_its_hub() {
    let folder = tempfile::tempdir().unwrap();
    let writer = Writer::start(sqlite(folder.path()), rules()).unwrap();
    let handle = writer.handle();
    let given = handle.submit(title("a", 1, "t1", "before")).unwrap();
    drop(writer);
    assert!(given.wait().unwrap().stamp().is_some());
    let late = handle.commit(title("a", 2, "t1", "after"));
    assert!(matches!(late, Err(WriterError::Stopped { code: None })), "{late:?}");
    // The lock is free again.
    assert_eq!(sqlite(folder.path()).position(), Position(1));
}

#[test]
fn a_run_that_panics_is_told_and_ends_the_writer() {
    let writer = Writer::start(memory(&MemoryDisk::new()), rules()).unwrap();
    let handle = writer.handle();
    let answer = handle.with_hub(|_| panic!("planted: a run that panics"));
    assert!(matches!(answer, Err::<(), _>(WriterError::OutcomeUnknown)));
    assert!(matches!(writer.stop(), Err(WriterError::OutcomeUnknown)));
    assert!(matches!(handle.with_hub(|_| ()), Err(WriterError::Stopped { .. })));
}
