//! Measures commits of records and log entries, beside raw SQLite doing the same work.
//!
//! The question: what does the store cost over the plainest loop that could do its job, and which
//! layout of the tables costs SQLite least? Every commit upserts records of 300 bytes at random
//! over a number of ids and appends as many log entries of 300 bytes. Rows count records only.
//!
//! ```text
//! cargo run --release -p syncline-store --example store_rates -- [ids] [seconds per row]
//! ```
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a tool for people, run by hand"
)]

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use syncline_engine::rows::{Batch, Key};
use syncline_model::id::{EntityName, Position, RecordId};
use syncline_store::Store;
use syncline_store::sqlite::{Options, SqliteStore};

const BATCHES: [u64; 3] = [1, 100, 1_000];
const VALUE: [u8; 300] = [0x5a; 300];

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
            batch.put(
                Key::Record {
                    entity: entity.clone(),
                    id,
                },
                VALUE.to_vec(),
            );
            batch.put(Key::Log(Position(position)), VALUE.to_vec());
        }
        self.0.commit(&batch).unwrap();
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
        let key = if layout.numbered {
            ""
        } else {
            ", WITHOUT ROWID"
        };
        let (log, after) = if layout.numbered {
            ("position INTEGER PRIMARY KEY", "")
        } else {
            (
                "position INTEGER NOT NULL",
                ", PRIMARY KEY (partition, position)",
            )
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
        let Layout {
            sorted,
            records,
            log,
            frames_max,
            ..
        } = layout;
        Self {
            connection,
            sorted,
            records,
            log,
            frames_max,
        }
    }
}

impl Way for Raw {
    fn commit(&mut self, ids: &[u64], first_position: u64) {
        let mut order: Vec<u64> = ids.to_vec();
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
            for number in order {
                put.execute(("contacts", id(number), &VALUE[..])).unwrap();
            }
        }
        if self.log {
            let sql = "INSERT INTO log (partition, position, entry) VALUES (0, ?1, ?2)";
            let mut append = connection.prepare_cached(sql).unwrap();
            for (position, _) in (first_position..).zip(ids) {
                append
                    .execute((position.cast_signed(), &VALUE[..]))
                    .unwrap();
            }
        }
        connection.execute_batch("COMMIT").unwrap();
        let noop = "PRAGMA wal_checkpoint(NOOP)";
        let frames: i64 = connection.query_row(noop, (), |row| row.get(1)).unwrap();
        if frames >= self.frames_max {
            connection
                .query_row("PRAGMA wal_checkpoint(PASSIVE)", (), |_| Ok(()))
                .unwrap();
        }
    }
}

/// Fills the table once, then measures; returns records per second.
fn rate(way: &mut dyn Way, ids: u64, batch: u64, time: Duration, position: &mut u64) -> f64 {
    let mut random = Random(batch);
    let start = Instant::now();
    let mut rows = 0;
    while start.elapsed() < time {
        let chosen: Vec<u64> = (0..batch).map(|_| random.below(ids)).collect();
        way.commit(&chosen, *position);
        *position += batch;
        rows += batch;
    }
    rows as f64 / start.elapsed().as_secs_f64()
}

fn measure(name: &str, way: &mut dyn Way, ids: u64, time: Duration) {
    let mut position = 1;
    let all: Vec<u64> = (0..ids).collect();
    for part in all.chunks(10_000) {
        way.commit(part, position);
        position += part.len() as u64;
    }
    let rates = BATCHES.map(|batch| rate(way, ids, batch, time, &mut position));
    println!(
        "{name:<52}{:>10.0}{:>10.0}{:>10.0}",
        rates[0], rates[1], rates[2]
    );
}

fn main() {
    let mut arguments = std::env::args()
        .skip(1)
        .map(|word| word.parse::<u64>().unwrap());
    let ids = arguments.next().unwrap_or(100_000);
    let time = Duration::from_secs(arguments.next().unwrap_or(2));
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!(
        "{ids} ids, SQLite {}, load {}",
        rusqlite::version(),
        load.trim()
    );
    println!(
        "{:<52}{:>10}{:>10}{:>10}",
        "records/s at a batch of", 1, 100, 1_000
    );
    #[rustfmt::skip]
    let layouts = [
        ("raw, by key, sorted", PLAIN),
        ("raw, by key, unsorted", Layout { sorted: false, ..PLAIN }),
        ("raw, by key, sorted, log alone", Layout { records: false, ..PLAIN }),
        ("raw, by key, sorted, records alone", Layout { log: false, ..PLAIN }),
        ("raw, by key, 8 KiB pages", Layout { page_bytes: 8192, ..PLAIN }),
        ("raw, by key, 2 KiB pages", Layout { page_bytes: 2048, ..PLAIN }),
        ("raw, numbered rows", Layout { numbered: true, ..PLAIN }),
        ("raw, numbered rows, 1 KiB pages", Layout { numbered: true, page_bytes: 1024, ..PLAIN }),
        ("raw, by key, log moved at 16,384 frames", Layout { frames_max: 16_384, ..PLAIN }),
        ("raw, by key, log moved at 1,000 frames", Layout { frames_max: 1_000, ..PLAIN }),
    ];
    for round in 1..=2 {
        println!("round {round}");
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path(), &Options::default()).unwrap();
        measure("this store", &mut OurStore(store), ids, time);
        for (name, layout) in layouts {
            let folder = tempfile::tempdir().unwrap();
            measure(name, &mut Raw::open(folder.path(), layout), ids, time);
        }
    }
}
