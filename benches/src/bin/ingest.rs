//! How fast a hub takes operations of many clients durably, against raw SQLite writing the same
//! rows.
//!
//! 64 threads, each a client of its own, write records of 300 bytes at random over a million ids
//! through [`Handle`]; every answer comes after the records are applied and synced. The peer is one
//! loop over SQLite with the store's settings that upserts as many records and appends as many
//! entries of the log and results, of the same lengths, in groups of the same size, and decides,
//! merges and proves nothing. Rounds alternate: ours, peer, ours, peer.
//!
//! ```text
//! cargo xtask bench ingest [--ids 1000000] [--operations 100000] [--in-flight 1] [--rounds 5]
//! ```
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a tool for people, run by hand")]

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use clap::Parser;
use rusqlite::Connection;
use syncline_benches::machine;
use syncline_engine::operate::{Answer, ClientOperation};
use syncline_engine::rows::{Key, Scan};
use syncline_hub::{Handle, Hub, HubOptions, Pending, Writer};
use syncline_merge::operation::{Effect, FieldOperation};
use syncline_merge::rules::EntityRules;
use syncline_merge::token::Token;
use syncline_model::clock::{Clock, Stamp};
use syncline_model::id::{ClientId, EntityName, OperationId, Position, RecordId, SiteId};
use syncline_model::json::Leaf;
use syncline_model::path::Path as Pointer;

/// As in the command.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Durable ingest through a hub's writer, against raw SQLite.
#[derive(Parser)]
struct Arguments {
    /// Number of records; the writes hit them at random.
    #[arg(long, default_value_t = 1_000_000)]
    ids: u64,
    /// Operations per round.
    #[arg(long, default_value_t = 100_000)]
    operations: u64,
    /// Client threads.
    #[arg(long, default_value_t = 64)]
    clients: u64,
    /// Operations that a client has under way at once.
    #[arg(long, default_value_t = 1)]
    in_flight: usize,
    /// Rounds of each.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Measure the hub alone, for a profile.
    #[arg(long)]
    alone: bool,
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

fn id(number: u64) -> String {
    format!("contact-{number:07}")
}

/// What the clients know: the clock of the latest change of each record that any of them saw.
struct Seen {
    site: SiteId,
    clocks: Vec<AtomicU64>,
}

impl Seen {
    fn base(&self, record: u64) -> Option<Token> {
        let clock = self.clocks[usize::try_from(record).unwrap()].load(Ordering::Relaxed);
        let version = [(self.site, Clock(clock))].into_iter().collect();
        (clock > 0).then(|| Token { version, ..Token::default() })
    }

    fn note(&self, record: u64, answer: &Answer) {
        let Stamp { clock, .. } = answer.stamp().expect("every operation is sound");
        self.clocks[usize::try_from(record).unwrap()].fetch_max(clock.0, Ordering::Relaxed);
    }
}

/// One client: its operations write four fields, 300 bytes in all, of which two change.
struct Client {
    id: ClientId,
    counter: u64,
    entity: EntityName,
    paths: [Pointer; 4],
}

impl Client {
    fn new(number: u64) -> Self {
        let path = |text| Pointer::parse(text).unwrap();
        Self {
            id: ClientId::new(&format!("client-{number}")).unwrap(),
            counter: 0,
            entity: EntityName::new("contacts").unwrap(),
            paths: [path("/email"), path("/name"), path("/note"), path("/updated")],
        }
    }

    fn operation(&mut self, record: u64, seen: &Seen) -> ClientOperation {
        self.counter += 1;
        let values = [
            format!("person.{record:07}@example.org"),
            format!("Person {record:07}"),
            format!("{:0>200}", self.counter.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
            format!("{:0>20}", self.counter),
        ];
        let fields = self.paths.iter().zip(values);
        let fields = fields.map(|(path, value)| FieldOperation::Set {
            path: path.clone(),
            value: Leaf::string(&value),
        });
        ClientOperation {
            id: OperationId { client: self.id.clone(), counter: self.counter },
            entity: self.entity.clone(),
            record: RecordId::new(&id(record)).unwrap(),
            base: seen.base(record),
            effect: Effect::Write(fields.collect()),
            edited: Clock(0),
            after: Vec::new(),
            event: None,
        }
    }

    /// Writes records, with a number of operations under way at once.
    fn write(
        &mut self,
        handle: &Handle,
        seen: &Seen,
        in_flight: usize,
        records: impl Iterator<Item = u64>,
    ) {
        let mut under_way: VecDeque<(u64, Pending)> = VecDeque::new();
        for record in records {
            if under_way.len() == in_flight
                && let Some((record, pending)) = under_way.pop_front()
            {
                seen.note(record, &pending.wait().unwrap());
            }
            let pending = handle.submit(self.operation(record, seen)).unwrap();
            under_way.push_back((record, pending));
        }
        for (record, pending) in under_way {
            seen.note(record, &pending.wait().unwrap());
        }
    }
}

/// The hub with its clients.
struct Ours {
    writer: Writer,
    clients: Vec<Client>,
    seen: Arc<Seen>,
}

impl Ours {
    fn open(folder: &Path, arguments: &Arguments) -> Self {
        let state_folder = folder.to_owned();
        let hub = Hub::open(&HubOptions { state_folder, check_store: false }).unwrap();
        let seen = Seen {
            site: hub.site(),
            clocks: (0..arguments.ids).map(|_| AtomicU64::new(0)).collect(),
        };
        let entity = EntityName::new("contacts").unwrap();
        let rules = BTreeMap::from([(entity, EntityRules::default())]);
        Self {
            writer: Writer::start(hub, rules).unwrap(),
            clients: (0..arguments.clients).map(Client::new).collect(),
            seen: Arc::new(seen),
        }
    }

    /// Writes every record once, in order.
    fn fill(&mut self, ids: u64) {
        let handle = self.writer.handle();
        Client::new(u64::MAX).write(&handle, &self.seen, 1_000, 0..ids);
    }

    /// Lets all clients write at random; answers how many operations a group had.
    fn round(&mut self, arguments: &Arguments, seed: u64) -> f64 {
        let before = self.groups();
        let each = arguments.operations / arguments.clients;
        std::thread::scope(|scope| {
            for (number, client) in (0..).zip(&mut self.clients) {
                let (handle, seen) = (self.writer.handle(), self.seen.clone());
                let mut random = Random(seed << 32 | number);
                scope.spawn(move || {
                    let records = (0..each).map(|_| random.below(arguments.ids));
                    client.write(&handle, &seen, arguments.in_flight, records);
                });
            }
        });
        (each * arguments.clients) as f64 / (self.groups() - before) as f64
    }

    fn groups(&self) -> u64 {
        let head = self.writer.handle().with_hub(|hub| hub.audit_head().size);
        head.unwrap()
    }

    /// Returns the lengths of the last rows: state, entry of the log, result.
    fn lengths(&self) -> [usize; 3] {
        let lengths = self.writer.handle().with_hub(|hub| {
            let mut entry = 0;
            let from = Position(hub.position().0);
            let mut keep = |_: &Key, bytes: &[u8]| {
                entry = bytes.len();
                std::ops::ControlFlow::Continue(())
            };
            hub.rows().scan(&Scan::Log { from }, None, 1, &mut keep).unwrap();
            let key = Key::Record {
                entity: EntityName::new("contacts").unwrap(),
                id: RecordId::new(&id(0)).unwrap(),
            };
            let state = hub.rows().get(&key).unwrap().map_or(0, |state| state.len());
            [state, entry, 40]
        });
        lengths.unwrap()
    }
}

/// SQLite with the store's settings and tables.
struct Raw {
    connection: Connection,
    position: u64,
    lengths: [usize; 3],
}

impl Raw {
    fn open(folder: &Path, lengths: [usize; 3]) -> Self {
        let connection = Connection::open(folder.join("raw.db")).unwrap();
        let tables = "PRAGMA page_size = 4096; PRAGMA auto_vacuum = INCREMENTAL;
            PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
            PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = -16384;
            PRAGMA secure_delete = FAST; PRAGMA journal_size_limit = 67108864;
            CREATE TABLE records (partition INTEGER NOT NULL, entity TEXT NOT NULL,
              id TEXT NOT NULL, state BLOB NOT NULL,
              PRIMARY KEY (partition, entity, id)) STRICT, WITHOUT ROWID;
            CREATE TABLE log (partition INTEGER NOT NULL, position INTEGER NOT NULL,
              entry BLOB NOT NULL, PRIMARY KEY (partition, position)) STRICT, WITHOUT ROWID;
            CREATE TABLE results (partition INTEGER NOT NULL, client TEXT NOT NULL,
              counter INTEGER NOT NULL, result BLOB NOT NULL,
              PRIMARY KEY (partition, client, counter)) STRICT, WITHOUT ROWID";
        connection.execute_batch(tables).unwrap();
        Self { connection, position: 0, lengths }
    }

    /// Commits records in order of id, with a log entry and a result for each.
    fn commit(&mut self, records: &[u64]) {
        let [state, entry, result] = self.lengths.map(|length| vec![0x5a; length]);
        let stamped = |mut bytes: Vec<u8>, number: u64| {
            bytes[..8].copy_from_slice(&number.to_le_bytes());
            bytes
        };
        let mut order: Vec<(u64, u64)> = records.iter().copied().zip(self.position + 1..).collect();
        order.sort_unstable();
        let connection = &self.connection;
        connection.execute_batch("BEGIN IMMEDIATE").unwrap();
        let sql = "INSERT INTO records VALUES (0, 'contacts', ?1, ?2)
            ON CONFLICT (partition, entity, id) DO UPDATE SET state = excluded.state";
        let mut put = connection.prepare_cached(sql).unwrap();
        for (record, position) in order {
            put.execute((id(record), stamped(state.clone(), position))).unwrap();
        }
        let mut log = connection.prepare_cached("INSERT INTO log VALUES (0, ?1, ?2)").unwrap();
        let sql = "INSERT INTO results VALUES (0, ?1, ?2, ?3)";
        let mut answer = connection.prepare_cached(sql).unwrap();
        for _ in records {
            self.position += 1;
            let position = self.position.cast_signed();
            log.execute((position, stamped(entry.clone(), self.position))).unwrap();
            let client = format!("client-{}", self.position % 64);
            answer
                .execute((client, position / 64, stamped(result.clone(), self.position)))
                .unwrap();
        }
        connection.execute_batch("COMMIT").unwrap();
        let noop = "PRAGMA wal_checkpoint(NOOP)";
        let frames: i64 = connection.query_row(noop, (), |row| row.get(1)).unwrap();
        if frames >= 4_096 {
            let passive = "PRAGMA wal_checkpoint(PASSIVE)";
            connection.query_row(passive, (), |_| Ok(())).unwrap();
        }
    }
}

/// Operations per second, by the clock and by the processor.
fn rates<T>(operations: u64, work: impl FnOnce() -> T) -> ([f64; 2], T) {
    let (start, cpu) = (Instant::now(), machine::own_processor_time());
    let made = work();
    let wall = start.elapsed().as_secs_f64();
    let cpu = (machine::own_processor_time() - cpu).as_secs_f64().max(0.01);
    ([operations as f64 / wall, operations as f64 / cpu], made)
}

fn median(rounds: &[[f64; 2]], which: usize) -> f64 {
    let mut values: Vec<f64> = rounds.iter().map(|round| round[which]).collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    let arguments = Arguments::parse();
    let load = || machine::load_average().unwrap_or(f64::NAN);
    println!("{}, commit {}, load {}", machine::processor(), machine::commit(), load());
    println!(
        "{} clients with {} under way, {} ids, {} operations per round, SQLite {}",
        arguments.clients,
        arguments.in_flight,
        arguments.ids,
        arguments.operations,
        rusqlite::version(),
    );
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let mut ours = Ours::open(folders[0].path(), &arguments);
    let (fill, ()) = rates(arguments.ids, || ours.fill(arguments.ids));
    println!("fill, in order: {:.0}/s, {:.0} per CPU-second", fill[0], fill[1]);
    ours.round(&arguments, 0);
    let lengths = ours.lengths();
    println!("rows of {lengths:?} bytes: state, log entry, result");
    let mut raw = Raw::open(folders[1].path(), lengths);
    if !arguments.alone {
        let all: Vec<u64> = (0..arguments.ids).collect();
        all.chunks(10_000).for_each(|records| raw.commit(records));
    }
    let mut found = [Vec::new(), Vec::new()];
    println!(
        "{:<8}{:>12}{:>12}{:>12}{:>12}{:>8}{:>7}",
        "round", "ours/s", "ours/CPU-s", "raw/s", "raw/CPU-s", "group", "load"
    );
    for round in 1..=arguments.rounds {
        let (mine, group) = rates(arguments.operations, || ours.round(&arguments, round as u64));

        let size = group.round().max(1.0) as usize;
        let mut random = Random(round as u64);
        let (theirs, ()) = rates(arguments.operations, || {
            let mut left =
                if arguments.alone { 0 } else { usize::try_from(arguments.operations).unwrap() };
            while left > 0 {
                let records: Vec<u64> =
                    (0..size.min(left)).map(|_| random.below(arguments.ids)).collect();
                left -= records.len();
                raw.commit(&records);
            }
        });
        println!(
            "{round:<8}{:>12.0}{:>12.0}{:>12.0}{:>12.0}{group:>8.0}{:>7.2}",
            mine[0],
            mine[1],
            theirs[0],
            theirs[1],
            load(),
        );
        found[0].push(mine);
        found[1].push(theirs);
    }
    let [ours_rounds, raw_rounds] = &found;
    for (which, name) in ["by the clock", "by the processor"].into_iter().enumerate() {
        let (mine, theirs) = (median(ours_rounds, which), median(raw_rounds, which));
        println!(
            "{name}: ours {mine:.0}/s, raw {theirs:.0}/s, ratio {:.2} (target 0.60 and 60,000/s)",
            mine / theirs
        );
    }
    drop(ours.writer.stop().unwrap());
}
