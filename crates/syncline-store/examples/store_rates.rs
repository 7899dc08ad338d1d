//! Measures commits of records and log entries, beside raw SQLite doing the same work.
//!
//! The question: what does the store cost over the plainest loop that could do its job, and which
//! layout of the tables costs SQLite least? Every commit upserts records of 300 bytes at random
//! over a number of ids and appends as many log entries of 300 bytes. Rows count records only.
//!
//! ```text
//! cargo run --release -p syncline-store --example store_rates -- [ids] [seconds per row] [name]
//! ```
//!
//! With a name, only the ways whose names contain it are measured.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a tool for people, run by hand")]

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use syncline_engine::rows::{Batch, Key};
use syncline_model::id::{EntityName, Position, RecordId};
use syncline_store::Store;
use syncline_store::sqlite::{Options, SqliteStore};

const BATCHES: [u64; 3] = [1, 100, 1_000];

/// Returns a value that no other position has: SQLite does not write what is there already.
fn value(position: u64) -> Vec<u8> {
    let mut value = vec![0x5a; 300];
    value[..8].copy_from_slice(&position.to_le_bytes());
    value
}

/// A sequence that is the same in every run (splitmix64).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

/// One way of doing the job: writes the records with these ids, and a log entry for each.
trait Way {
    fn commit(&mut self, ids: &[u64], first_position: u64);
}

fn id(number: u64) -> String {
    format!("contact-{number:07}")
}

struct OurStore(SqliteStore);

impl Way for OurStore {
    fn commit(&mut self, ids: &[u64], first_position: u64) {
        let entity = EntityName::new("contacts").unwrap();
        let mut batch = Batch::new();
        for (position, number) in (first_position..).zip(ids) {
            let id = RecordId::new(&id(*number)).unwrap();
            batch.put(Key::Record { entity: entity.clone(), id }, value(position));
            batch.put(Key::Log(Position(position)), value(position));
        }
        self.0.commit(&batch).unwrap();
    }
}

/// The log is committed at once; records gather in memory and are applied behind it.
struct Behind {
    store: SqliteStore,
    dirty: BTreeMap<u64, u64>,
    dirty_max: usize,
}

impl Way for Behind {
    fn commit(&mut self, ids: &[u64], first_position: u64) {
        let mut batch = Batch::new();
        for (position, number) in (first_position..).zip(ids) {
            batch.put(Key::Log(Position(position)), value(position));
            self.dirty.insert(*number, position);
        }
        self.store.commit(&batch).unwrap();
        if self.dirty.len() < self.dirty_max {
            return;
        }
        let entity = EntityName::new("contacts").unwrap();
        let mut batch = Batch::new();
        for (number, position) in std::mem::take(&mut self.dirty) {
            let id = RecordId::new(&id(number)).unwrap();
            batch.put(Key::Record { entity: entity.clone(), id }, value(position));
        }
        self.store.commit(&batch).unwrap();
    }
}

/// Raw SQLite with the store's settings.
struct Raw {
    connection: Connection,
    sorted: bool,
    records: bool,
    log: bool,
    frames_max: i64,
}

/// How the raw tables lie.
#[derive(Clone, Copy)]
struct Layout {
    page_bytes: i64,
    /// A table with a row number and a unique index, in place of one tree by key.
    numbered: bool,
    sorted: bool,
    records: bool,
    log: bool,
    frames_max: i64,
}

const PLAIN: Layout = Layout {
    page_bytes: 4096,
    numbered: false,
    sorted: true,
    records: true,
    log: true,
    frames_max: 4096,
};

impl Raw {
    fn open(folder: &Path, layout: Layout) -> Self {
        let connection = Connection::open(folder.join("raw.db")).unwrap();
        let key = if layout.numbered { "" } else { ", WITHOUT ROWID" };
        let (log, after) = if layout.numbered {
            ("position INTEGER PRIMARY KEY", "")
        } else {
            ("position INTEGER NOT NULL", ", PRIMARY KEY (partition, position)")
        };
        let page = layout.page_bytes;
        connection
            .execute_batch(&format!(
                "PRAGMA page_size = {page}; PRAGMA auto_vacuum = INCREMENTAL;
                 PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
                 PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = -65536;
                 PRAGMA secure_delete = FAST; PRAGMA journal_size_limit = 67108864;
                 CREATE TABLE records (partition INTEGER NOT NULL, entity TEXT NOT NULL,
                   id TEXT NOT NULL, state BLOB NOT NULL,
                   PRIMARY KEY (partition, entity, id)) STRICT{key};
                 CREATE TABLE log (partition INTEGER NOT NULL, {log}, entry BLOB NOT NULL{after})
                   STRICT{key}"
            ))
            .unwrap();
        let Layout { sorted, records, log, frames_max, .. } = layout;
        Self { connection, sorted, records, log, frames_max }
    }
}

impl Way for Raw {
    fn commit(&mut self, ids: &[u64], first_position: u64) {
        let mut order: Vec<(u64, u64)> = ids.iter().copied().zip(first_position..).collect();
        if self.sorted {
            order.sort_unstable();
        }
        let connection = &self.connection;
        connection.execute_batch("BEGIN IMMEDIATE").unwrap();
        if self.records {
            let sql =
                "INSERT INTO records VALUES (0, ?1, ?2, ?3) ON CONFLICT (partition, entity, id)
                       DO UPDATE SET state = excluded.state";
            let mut put = connection.prepare_cached(sql).unwrap();
            for (number, position) in order {
                put.execute(("contacts", id(number), value(position))).unwrap();
            }
        }
        if self.log {
            let sql = "INSERT INTO log (partition, position, entry) VALUES (0, ?1, ?2)";
            let mut append = connection.prepare_cached(sql).unwrap();
            for (position, _) in (first_position..).zip(ids) {
                append.execute((position.cast_signed(), value(position))).unwrap();
            }
        }
        connection.execute_batch("COMMIT").unwrap();
        let noop = "PRAGMA wal_checkpoint(NOOP)";
        let frames: i64 = connection.query_row(noop, (), |row| row.get(1)).unwrap();
        if frames >= self.frames_max {
            connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", (), |_| Ok(())).unwrap();
        }
    }
}

/// Records per second of the clock and of the processor.
#[derive(Clone, Copy)]
struct Rate {
    wall: f64,
    cpu: f64,
}

/// Returns the processor time of this process, in seconds, to a hundredth.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let behind_name = stat.rsplit(')').next().unwrap();
    let ticks =
        behind_name.split_whitespace().skip(11).take(2).map(|word| word.parse::<f64>().unwrap());
    ticks.sum::<f64>() / 100.0
}

fn rate(way: &mut dyn Way, ids: u64, batch: u64, time: Duration, position: &mut u64) -> Rate {
    let mut random = Random(batch);
    let (start, cpu) = (Instant::now(), cpu_seconds());
    let mut rows = 0;
    while start.elapsed() < time {
        let chosen: Vec<u64> = (0..batch).map(|_| random.below(ids)).collect();
        way.commit(&chosen, *position);
        *position += batch;
        rows += batch;
    }
    let rows = rows as f64;
    Rate { wall: rows / start.elapsed().as_secs_f64(), cpu: rows / (cpu_seconds() - cpu).max(0.01) }
}

/// Fills the table once, then measures each size of batch.
fn measure(name: &str, way: &mut dyn Way, ids: u64, time: Duration) {
    let mut position = 1;
    let all: Vec<u64> = (0..ids).collect();
    for part in all.chunks(10_000) {
        way.commit(part, position);
        position += part.len() as u64;
    }
    print!("{name:<44}");
    for batch in BATCHES {
        let Rate { wall, cpu } = rate(way, ids, batch, time, &mut position);
        print!("{wall:>9.0} {cpu:>9.0}");
    }
    println!();
}

#[rustfmt::skip]
const LAYOUTS: [(&str, Layout); 11] = [
    ("raw, by key, sorted", PLAIN),
    ("raw, by key, unsorted", Layout { sorted: false, ..PLAIN }),
    ("raw, by key, log alone", Layout { records: false, ..PLAIN }),
    ("raw, by key, records alone", Layout { log: false, ..PLAIN }),
    ("raw, by key, 8 KiB pages", Layout { page_bytes: 8192, ..PLAIN }),
    ("raw, by key, 2 KiB pages", Layout { page_bytes: 2048, ..PLAIN }),
    ("raw, numbered rows", Layout { numbered: true, ..PLAIN }),
    ("raw, numbered rows, 2 KiB pages", Layout { numbered: true, page_bytes: 2048, ..PLAIN }),
    ("raw, numbered rows, 1 KiB pages", Layout { numbered: true, page_bytes: 1024, ..PLAIN }),
    ("raw, by key, log moved at 16,384 frames", Layout { frames_max: 16_384, ..PLAIN }),
    ("raw, by key, log moved at 1,000 frames", Layout { frames_max: 1_000, ..PLAIN }),
];

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let number = |index: usize, otherwise| {
        words.get(index).map_or(otherwise, |word| word.parse::<u64>().unwrap())
    };
    let (ids, time) = (number(0, 100_000), Duration::from_secs(number(1, 2)));
    let wanted = |name: &str| words.get(2).is_none_or(|word| name.contains(word));
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("{ids} ids, SQLite {}, load {}", rusqlite::version(), load.trim());
    println!(
        "{:<44}{:>19}{:>19}{:>19}",
        "records/s by clock, by processor; batch of", 1, 100, 1_000
    );
    for round in 1..=2 {
        println!("round {round}");
        let open = |folder: &Path| SqliteStore::open(folder, &Options::default()).unwrap();
        if wanted("store, one transaction") {
            let folder = tempfile::tempdir().unwrap();
            measure("store, one transaction", &mut OurStore(open(folder.path())), ids, time);
        }
        for dirty_max in [4_096, 32_768] {
            let name = format!("store, records behind, {dirty_max} dirty");
            if wanted(&name) {
                let folder = tempfile::tempdir().unwrap();
                let store = open(folder.path());
                let mut way = Behind { store, dirty: BTreeMap::new(), dirty_max };
                measure(&name, &mut way, ids, time);
            }
        }
        for (name, layout) in LAYOUTS.into_iter().filter(|(name, _)| wanted(name)) {
            let folder = tempfile::tempdir().unwrap();
            measure(name, &mut Raw::open(folder.path(), layout), ids, time);
        }
    }
}
