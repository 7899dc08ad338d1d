//! What a backup promises: whatever happens on the way, a restore gives exactly the state after one of
//! the commits, at least after the last one that was said to be safe.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use syncline_engine::rows::{Batch, Key, Scan, Table};
use syncline_model::id::PartitionId;
use syncline_store::backup::{
    At, Backup, BackupError, Catalog, Kind, Objects, Options, Restored, Shipping, Worker,
    begin_anew, compare, restore, start, verify,
};
use syncline_store::memory::{MemoryDisk, MemoryStore, Snapshot};
use syncline_store::{Epoch, Piece, Read, Snapshots, Store, StoreError};

use crate::bucket::Bucket;
use crate::fixture::*;

/// What happens to a store that is backed up.
#[derive(Clone, Debug)]
enum Event {
    /// A commit that puts, or deletes, the records of these numbers.
    Commit(Vec<(u8, bool)>),
    /// A commit in two pieces, or given up.
    Pieces {
        first: u8,
        second: u8,
        is_abandoned: bool,
    },
    /// The worker does so many pieces of work.
    Steps(u8),
    /// The worker does all that there is, late enough for everything.
    Settle,
    WantSnapshot,
    /// So many objects fail; those may be there nevertheless.
    Fail {
        objects: u8,
        is_there_though: bool,
    },
    /// The process dies; the store is opened again.
    Crash,
    /// The store is closed, and opened again.
    Close,
    /// A program that writes no backup commits something in between.
    Stranger,
    /// The store is lost and restored.
    Restore,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let commit = || prop::collection::vec((0u8..12, any::<bool>()), 1..5).prop_map(Event::Commit);
    let event = prop_oneof![
        8 => commit(),
        2 => (0u8..12, 0u8..12, any::<bool>())
            .prop_map(|(first, second, is_abandoned)| Event::Pieces { first, second, is_abandoned }),
        8 => (1u8..20).prop_map(Event::Steps),
        2 => Just(Event::Settle),
        2 => Just(Event::WantSnapshot),
        2 => (1u8..4, any::<bool>())
            .prop_map(|(objects, is_there_though)| Event::Fail { objects, is_there_though }),
        2 => Just(Event::Crash),
        2 => Just(Event::Close),
        1 => Just(Event::Stranger),
        1 => Just(Event::Restore),
    ];
    prop::collection::vec(event, 1..60)
}

/// A store that is backed up, and what is known of its past.
struct World {
    disk: MemoryDisk,
    bucket: Bucket,
    open: Option<(Shipping, Worker)>,
    /// The rows after each commit by its number, as far as the numbers hold.
    past: BTreeMap<u64, Snapshot>,
    /// The latest commit that was said to be safe.
    safe: u64,
    written: u64,
    now: Instant,
    clock: Arc<AtomicU64>,
    openings: u8,
    /// Whether snapshots see commits that are made while they are taken: a planted fault.
    has_restless_readers: bool,
}

fn options(clock: &Arc<AtomicU64>, opening: u8) -> Options {
    let clock = clock.clone();
    let mut options = Options::new(move || clock.fetch_add(1, Ordering::Relaxed), [opening; 32]);
    options.segment_bytes = 120;
    options.waiting_bytes_max = 600;
    options.piece_bytes = 60;
    options.snapshot_after_bytes = 1_500;
    options.snapshots_kept = 3;
    options
}

impl World {
    fn new() -> Self {
        let mut new = Self {
            disk: MemoryDisk::new(),
            bucket: Bucket::default(),
            open: None,
            past: BTreeMap::new(),
            safe: 0,
            written: 0,
            now: Instant::now(),
            clock: Arc::new(AtomicU64::new(1_000)),
            openings: 0,
            has_restless_readers: false,
        };
        new.open();
        new
    }

    fn open(&mut self) {
        self.open = None;
        self.openings += 1;
        let store = MemoryStore::open(&self.disk);
        let store: Box<dyn Store> = match self.has_restless_readers {
            true => Box::new(Restless { store, disk: self.disk.clone() }),
            false => Box::new(store),
        };
        let bucket = Box::new(self.bucket.clone());
        let opened = start(store, bucket, options(&self.clock, self.openings)).unwrap();
        self.open = Some(opened);
        self.note();
    }

    fn backup(&self) -> Backup {
        self.open.as_ref().unwrap().0.backup()
    }

    /// Notes the rows after the latest commit, and what is safe.
    fn note(&mut self) {
        let health = self.backup().health();
        self.past.insert(health.committed, self.disk.snapshot());
        self.safe = self.safe.max(health.restorable.unwrap_or_default());
        assert!(self.safe <= health.committed, "more is safe than there is");
        assert_eq!(
            health.behind_ms == 0,
            health.restorable == Some(health.committed),
            "{health:?}"
        );
    }

    fn batch(&mut self, writes: &[(u8, bool)]) -> Batch {
        let mut batch = Batch::new();
        for (id, is_put) in writes {
            self.written += 1;
            let key = record("contacts", &id.to_string());
            match is_put {
                true => batch.put(key, format!("{:040}", self.written).into_bytes()),
                false => batch.delete(key),
            };
        }
        batch.put(log(self.written), vec![0; 8]);
        batch
    }

    fn commit(&mut self, writes: &[(u8, bool)]) {
        let batch = self.batch(writes);
        self.open.as_mut().unwrap().0.commit(&batch).unwrap();
        self.note();
    }

    fn steps(&mut self, steps: usize) {
        for _ in 0..steps {
            self.now += Duration::from_secs(60);
            let now = self.now;
            let pause = self.open.as_mut().unwrap().1.step(now);
            self.note();
            if pause.is_none() {
                break;
            }
        }
    }

    fn play(&mut self, event: &Event) {
        match event {
            Event::Commit(writes) => self.commit(writes),
            Event::Pieces { first, second, is_abandoned } => {
                let last = if *is_abandoned { Piece::Abandon } else { Piece::End };
                let pieces = [self.batch(&[(*first, true)]), self.batch(&[(*second, true)])];
                let mut pieces = pieces.map(Piece::Rows).into_iter().chain([last]);
                let mut next = || pieces.next().unwrap();
                self.open.as_mut().unwrap().0.commit_pieces(&mut next).unwrap();
                self.note();
            }
            Event::Steps(steps) => self.steps(usize::from(*steps)),
            Event::Settle => self.steps(10_000),
            Event::WantSnapshot => self.backup().want_snapshot(),
            Event::Fail { objects, is_there_though } => {
                let mut inside = self.bucket.inside();
                inside.failing += u32::from(*objects);
                inside.is_there_though = *is_there_though;
            }
            Event::Crash => self.open(),
            Event::Close => self.close(),
            Event::Stranger => {
                self.open = None;
                let batch = self.batch(&[(3, true)]);
                MemoryStore::open(&self.disk).commit(&batch).unwrap();
                self.open();
            }
            Event::Restore => {
                // Not the latest state, where there is an older one: the backup has more than the store.
                let older = At::Commit(self.safe.saturating_sub(1));
                if let Ok((_, rows)) = self.restored(older).or_else(|_| self.restored(At::Latest)) {
                    self.disk = MemoryDisk::new();
                    self.disk.restore(rows);
                    begin_anew(&mut MemoryStore::open(&self.disk)).unwrap();
                    self.open();
                }
            }
        }
    }

    fn close(&mut self) {
        let (shipping, mut worker) = self.open.take().unwrap();
        Box::new(shipping).close().unwrap();
        for _ in 0..1_000 {
            if worker.has_ended() {
                break;
            }
            self.now += Duration::from_secs(60);
            worker.step(self.now);
        }
        self.open();
    }

    fn restored(&self, at: At) -> Result<(Restored, Snapshot), BackupError> {
        let disk = MemoryDisk::new();
        let plan = Catalog::read(&self.bucket)?.plan(at)?;
        let mut store = MemoryStore::open(&disk);
        let restored = restore(&self.bucket, &plan, &mut store, Batch::new(), &mut |_| ())?;
        Ok((restored, disk.snapshot()))
    }

    /// Returns whether these were the rows after a commit. A table without rows is as none.
    fn was(&self, number: u64, rows: &Snapshot) -> bool {
        self.past.get(&number).is_some_and(|past| past.rows().eq(rows.rows()))
    }

    /// Checks everything that can be restored.
    fn check(&self) {
        match self.restored(At::Latest) {
            Ok((restored, rows)) => {
                assert!(restored.commit >= self.safe, "{} was safe: {restored:?}", self.safe);
                assert!(self.was(restored.commit, &rows), "{restored:?}");
            }
            Err(BackupError::Unfinished { .. }) => {}
            Err(BackupError::Empty) => assert_eq!(self.safe, 0),
            Err(error) => panic!("{error}"),
        }
        let catalog = Catalog::read(&self.bucket).unwrap();
        for stream in catalog.streams().values() {
            let Some(first) = stream.snapshots.first() else { continue };
            let last = stream.chain.iter().map(|one| one.name.last).max().unwrap_or_default();
            for number in first.name.last..=last {
                let (restored, rows) = self.restored(At::Commit(number)).unwrap();
                assert_eq!(restored.commit, number);
                assert!(self.was(number, &rows), "commit {number}");
                let (then, rows_then) = self.restored(At::Time(restored.at_ms)).unwrap();
                assert_eq!(then, restored, "the time of commit {number}");
                assert!(self.was(number, &rows_then), "the time of commit {number}");
            }
        }
        if self.safe > 0 {
            let (_, rows) = self.restored(At::Commit(self.safe)).unwrap();
            assert!(self.was(self.safe, &rows), "what was safe: {}", self.safe);
        }
        if let Ok(verified) = verify(&self.bucket, &mut |_| ()) {
            for finding in &verified.findings {
                assert!(matches!(finding, BackupError::Unfinished { .. }), "{finding}");
            }
        }
        match compare(&self.bucket, &mut MemoryStore::open(&MemoryDisk::new()), &mut |_| ()) {
            Ok(_) | Err(BackupError::Empty | BackupError::Unfinished { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]
    #[test]
    fn a_restore_gives_a_state_that_was_and_all_that_was_safe(events in events()) {
        let mut world = World::new();
        for event in &events {
            world.play(event);
            if matches!(event, Event::Crash | Event::Settle | Event::Close) {
                world.check();
            }
        }
        world.check();
        world.bucket.inside().failing = 0;
        world.steps(10_000);
        world.check();
        let health = world.backup().health();
        prop_assert_eq!(health.commits_behind, Some(0), "{:?}", health);
        prop_assert!(!health.is_copying && health.failing.is_none());
        let (restored, _) = world.restored(At::Latest).unwrap();
        prop_assert_eq!(restored.commit, health.committed);
    }
}

/// Returns a world with a few snapshots and segments, all of them safe.
fn settled() -> World {
    let mut world = World::new();
    world.steps(100);
    for number in 0..24 {
        world.commit(&[(number % 12, number % 5 > 0), (11 - number % 12, true)]);
        if number % 3 == 0 {
            world.steps(100);
        }
        if number == 11 {
            world.backup().want_snapshot();
            world.steps(100);
        }
    }
    world.steps(100);
    world.check();
    world
}

fn names(world: &World, kind: Kind) -> Vec<String> {
    let catalog = Catalog::read(&world.bucket).unwrap();
    let names = catalog.objects().map(|one| one.name).filter(|name| name.kind == kind);
    names.map(|name| name.to_string()).collect()
}

/// Checks that the damage is found, and that a restore refuses it or did not need what was damaged.
fn check_found(world: &World, damaged: &Bucket, what: &str) {
    let found = verify(damaged, &mut |_| ());
    let findings = found.map_or(1, |verified| verified.findings.len());
    assert!(findings > 0, "{what}: nothing was found");
    let latest = world.past.last_key_value().map(|(_, rows)| rows.clone());
    let damaged = World { bucket: damaged.clone(), ..World::new() };
    if let Ok((_, rows)) = damaged.restored(At::Latest) {
        assert!(latest.is_some_and(|past| past.rows().eq(rows.rows())), "{what}: something else");
    }
}

#[test]
fn what_is_damaged_missing_or_in_another_place_is_found_and_not_restored() {
    let world = settled();
    let segments = names(&world, Kind::Segment);
    let snapshots = names(&world, Kind::Snapshot);
    assert!(segments.len() > 3 && snapshots.len() > 1, "{segments:?} {snapshots:?}");
    for name in segments.iter().chain(&snapshots) {
        let bytes = world.bucket.inside().objects[name].clone();
        for at in (0..bytes.len()).step_by(7).chain([bytes.len() - 1]) {
            let damaged = world.bucket.copy();
            damaged.inside().objects.get_mut(name).unwrap()[at] ^= 0x10;
            check_found(&world, &damaged, &format!("byte {at} of {name}"));
        }
        let damaged = world.bucket.copy();
        damaged.inside().objects.get_mut(name).unwrap().truncate(bytes.len() / 2);
        check_found(&world, &damaged, &format!("half of {name}"));
        let damaged = world.bucket.copy();
        damaged.inside().objects.get_mut(name).unwrap().push(0);
        check_found(&world, &damaged, &format!("more than {name}"));
    }
    // All but the last segment, whose end nothing in the folder tells, and the later snapshot, without
    // which everything can be restored.
    for name in segments.iter().rev().skip(1).chain(snapshots.first()) {
        let damaged = world.bucket.copy();
        damaged.inside().objects.remove(name).unwrap();
        check_found(&world, &damaged, &format!("without {name}"));
    }
    for two in segments.windows(2) {
        let damaged = world.bucket.copy();
        let [first, second] = [&two[0], &two[1]];
        let mut inside = damaged.inside();
        let [a, b] = [first, second].map(|name| inside.objects.remove(name).unwrap());
        inside.objects.insert(first.clone(), b);
        inside.objects.insert(second.clone(), a);
        drop(inside);
        check_found(&world, &damaged, &format!("{first} in the place of {second}"));
    }
}

#[test]
fn a_segment_that_was_lost_on_the_way_is_found() {
    let mut world = World::new();
    world.steps(100);
    world.commit(&[(1, true)]);
    world.bucket.inside().lose_in = Some(0);
    world.steps(100);
    world.commit(&[(2, true)]);
    world.steps(100);
    let verified = verify(&world.bucket, &mut |_| ()).unwrap();
    assert!(matches!(verified.findings.as_slice(), [BackupError::Gap { .. }]), "{verified:?}");
    let refused = world.restored(At::Latest);
    assert!(matches!(refused, Err(BackupError::Gap { .. })), "{:?}", refused.err());
}

/// A store whose snapshots see what is committed after they were opened.
struct Restless {
    store: MemoryStore,
    disk: MemoryDisk,
}

struct RestlessReader(MemoryDisk);

impl Read for RestlessReader {
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

impl Snapshots for RestlessReader {
    fn snapshot(&self) -> Result<Box<dyn Read + Send>, StoreError> {
        Ok(Box::new(Self(self.0.clone())))
    }
}

impl Read for Restless {
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

impl Store for Restless {
    fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        self.store.commit(batch)
    }

    fn reader(&self) -> Result<Box<dyn Read + Send>, StoreError> {
        self.store.reader()
    }

    fn snapshots(&self) -> Result<Option<Box<dyn Snapshots>>, StoreError> {
        Ok(Some(Box::new(RestlessReader(self.disk.clone()))))
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

#[test]
fn a_snapshot_that_is_not_of_one_moment_is_found() {
    for is_restless in [false, true] {
        let mut world = World { has_restless_readers: is_restless, ..World::new() };
        world.open();
        world.steps(100);
        for id in 0..12 {
            world.commit(&[(id, true)]);
            world.steps(100);
        }
        world.backup().want_snapshot();
        // The snapshot is begun, and rows change that it has not come to yet.
        world.steps(2);
        assert!(world.backup().health().is_copying);
        world.commit(&[(9, true), (8, false)]);
        world.steps(100);
        let compared =
            compare(&world.bucket, &mut MemoryStore::open(&MemoryDisk::new()), &mut |_| ());
        let code = compared.as_ref().err().map(BackupError::code);
        assert_eq!(code, is_restless.then_some("BACKUP_INCONSISTENT"));
        assert!(is_restless || compared.is_ok_and(|compared| compared > 0));
    }
}

#[test]
fn a_folder_that_fails_holds_up_no_commit_and_leads_to_a_new_snapshot() {
    let mut world = World::new();
    world.steps(100);
    world.bucket.inside().failing = u32::MAX;
    for number in 0..40 {
        world.commit(&[(number % 12, true)]);
        world.steps(3);
    }
    let health = world.backup().health();
    assert!(health.gaps > 0 && health.failing.is_some(), "{health:?}");
    assert_eq!(health.commits_behind, Some(40));
    assert!(health.behind_ms > 40, "{health:?}");
    let (restored, _) = world.restored(At::Latest).unwrap();
    assert_eq!(restored.commit, world.safe, "what was safe stays so");
    world.bucket.inside().failing = 0;
    world.steps(1_000);
    let health = world.backup().health();
    assert_eq!((health.commits_behind, health.behind_ms, health.failing), (Some(0), 0, None));
    assert_eq!(Catalog::read(&world.bucket).unwrap().streams().len(), 2);
    world.check();
}

#[test]
fn a_snapshot_lets_go_of_the_store_when_its_folder_hangs() {
    let clock = Arc::new(AtomicU64::new(1));
    let disk = MemoryDisk::new();
    let bucket = Bucket::default();
    let mut hasty = options(&clock, 1);
    hasty.stall_ms_max = 0;
    let store = Box::new(MemoryStore::open(&disk));
    let (mut store, mut worker) = start(store, Box::new(bucket.clone()), hasty).unwrap();
    let mut now = Instant::now();
    worker.step(now);
    assert!(store.backup().health().is_copying);
    store.commit(&puts(&[record("contacts", "1")])).unwrap();
    worker.step(now);
    worker.step(now);
    assert_eq!(store.backup().health().failing.unwrap().0, "BACKUP_SLOW");
    for _ in 0..100 {
        now += Duration::from_secs(60);
        worker.step(now);
    }
    assert_eq!(store.backup().health().commits_behind, Some(0));
}

#[test]
fn the_stream_goes_on_after_a_clean_close_and_after_nothing_else() {
    // Rows: what happens between two openings, and how many streams there are then.
    let rows = [
        ("closed", vec![Event::Close], 1),
        ("closed twice", vec![Event::Close, Event::Commit(vec![(1, true)]), Event::Close], 1),
        ("crashed", vec![Event::Crash], 2),
        ("a stranger wrote", vec![Event::Stranger], 2),
        ("closed, then a stranger wrote", vec![Event::Close, Event::Stranger], 2),
        ("restored", vec![Event::Close, Event::Restore], 2),
    ];
    for (name, events, streams) in rows {
        let mut world = World::new();
        world.steps(100);
        world.commit(&[(1, true)]);
        world.steps(100);
        for event in events {
            world.play(&event);
        }
        world.commit(&[(2, true)]);
        world.steps(100);
        world.check();
        let found = Catalog::read(&world.bucket).unwrap().streams().len();
        assert_eq!(found, streams, "case: {name}");
        assert_eq!(world.backup().health().commits_behind, Some(0), "case: {name}");
    }
}

#[test]
fn a_folder_is_of_one_store_and_its_restores() {
    let world = settled();
    let clock = Arc::new(AtomicU64::new(1));
    let other = Box::new(MemoryStore::open(&MemoryDisk::new()));
    let refused = start(other, Box::new(world.bucket.clone()), options(&clock, 99));
    assert!(matches!(refused.err(), Some(BackupError::Foreign)));
}

#[test]
fn states_before_the_first_snapshot_and_behind_the_end_are_refused() {
    let world = settled();
    let last = world.safe;
    for at in [At::Time(0), At::Commit(0), At::Commit(last + 1)] {
        let refused = world.restored(at).err().map(|error| error.code());
        assert_eq!(refused, Some("BACKUP_NOT_REACHED"), "{at:?}");
    }
    assert_eq!(world.restored(At::Time(u64::MAX)).unwrap().0.commit, last);
}

#[test]
fn an_empty_folder_is_no_backup() {
    let bucket = Bucket::default();
    bucket.inside().objects.insert("notes.txt".to_owned(), b"x".to_vec());
    assert!(matches!(verify(&bucket, &mut |_| ()), Err(BackupError::Empty)));
    let catalog = Catalog::read(&bucket).unwrap();
    assert!(matches!(catalog.plan(At::Latest), Err(BackupError::Empty)));
    assert_eq!(bucket.list().unwrap().len(), 1);
}

/// Returns one row of every kind.
fn every_kind() -> Vec<Key> {
    vec![
        record("contacts", "ä"),
        log(7),
        result("phone", 3),
        Key::Client(client("phone")),
        base("personal", "contacts", "1"),
        conflict("contacts", "1", "0a"),
        open_conflict("contacts", "1", "0a"),
        run("r"),
        domain_state("personal", None),
        domain_state("personal", Some("contacts")),
        journal("r", "personal", "contacts"),
        undo("r", "contacts", "1"),
        Key::Audit(9),
        schema("contacts", 2),
        meta("clock"),
        Key::Endpoint(endpoint("shop")),
        Key::Cursor(endpoint("shop")),
        delivery("shop", 4),
        lane("shop", "contacts", "1", 4),
        due(9, "shop", 4),
        dead_letter("shop", 3),
        received("personal", "tasks", "t1"),
    ]
}

/// Returns a world whose bucket holds the objects of a golden folder.
fn golden(folder: &std::path::Path) -> World {
    let golden = World { bucket: Bucket::default(), ..World::new() };
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        golden.bucket.inside().objects.insert(name, std::fs::read(entry.path()).unwrap());
    }
    golden
}

/// Former programs wrote these files, before there were deliveries: they are restored for ever.
#[test]
fn what_the_first_format_holds_comes_back() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/golden/backup-1");
    let golden = golden(&folder);
    let number = names(&golden, Kind::Segment).len() as u64 + 1;
    let (_, rows) = golden.restored(At::Commit(number)).unwrap();
    let kinds = every_kind();
    let old = kinds.iter().filter(|key| key.table() <= Table::Meta);
    for key in old {
        assert!(rows.rows().any(|(found, _)| found == key), "{key:?} is missing");
    }
}

/// Older programs wrote these files: they are restored for ever, and written alike.
#[test]
fn every_kind_of_row_comes_back_from_the_golden_objects() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/golden/backup-2");
    let mut world = World::new();
    world.steps(100);
    world.open.as_mut().unwrap().0.commit(&puts(&every_kind())).unwrap();
    world.note();
    world.backup().want_snapshot();
    world.steps(100);
    world.commit(&[(1, true), (2, false)]);
    world.close();
    world.check();
    let tables: std::collections::BTreeSet<_> = every_kind().iter().map(Key::table).collect();
    assert_eq!(tables.len(), Table::ALL.len());
    let written = world.bucket.inside().objects.clone();
    if std::env::var("SYNCLINE_GOLDEN").is_ok_and(|word| word == "write") {
        std::fs::create_dir_all(&folder).unwrap();
        for (name, bytes) in &written {
            std::fs::write(folder.join(name), bytes).unwrap();
        }
    }
    let golden = golden(&folder);
    assert!(golden.bucket.inside().objects == written, "raise the format of objects");
    let number = names(&golden, Kind::Segment).len() as u64 + 1;
    let (_, rows) = golden.restored(At::Commit(number)).unwrap();
    assert!(world.was(number, &rows));
}
