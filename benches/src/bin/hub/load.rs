//! How many operations a hub takes durably over HTTP, and how long each waits for its answer.

use std::fmt::Write as _;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use syncline_benches::http::Connection;
use syncline_benches::served::Hub;
use syncline_benches::waits::Waits;

/// What is sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    /// Connections, each a client of its own.
    pub(crate) clients: u64,
    /// Operations of one request.
    pub(crate) batch: u64,
    /// Operations in all.
    pub(crate) operations: u64,
    /// Records that are written, each in its turn.
    pub(crate) records: u64,
    /// Tells the clients of one round from those of another.
    pub(crate) round: u64,
}

/// What was found.
#[derive(Clone, Debug)]
pub(crate) struct Taken {
    pub(crate) operations: u64,
    pub(crate) wall: Duration,
    pub(crate) processor: Duration,
    pub(crate) waits: Waits,
    /// Operations that were not applied.
    pub(crate) refused: u64,
}

impl Taken {
    /// Returns the operations per second, by the clock.
    pub(crate) fn per_second(&self) -> f64 {
        self.operations as f64 / self.wall.as_secs_f64()
    }

    /// Returns the operations per second of the hub's processor time.
    pub(crate) fn per_processor_second(&self) -> f64 {
        self.operations as f64 / self.processor.as_secs_f64().max(0.01)
    }
}

/// Sends a load to a hub, all clients at once, each with one request under way.
pub(crate) fn run(hub: &Hub, load: Load) -> io::Result<Taken> {
    let (next, refused) = (&AtomicU64::new(0), &AtomicU64::new(0));
    let (start, processor) = (Instant::now(), hub.processor_time());
    let waits = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..load.clients)
            .map(|client| scope.spawn(move || one_client(hub, load, client, next, refused)))
            .collect();
        let waits = threads.into_iter().map(|thread| {
            thread.join().unwrap_or_else(|_| Err(io::Error::other("a client panicked")))
        });
        waits.collect::<io::Result<Vec<Vec<Duration>>>>()
    })?;
    let (wall, processor) = (start.elapsed(), hub.processor_time() - processor);
    let waits = Waits::new(waits.concat());
    let operations = next.load(Ordering::Relaxed).min(load.operations);
    Ok(Taken { operations, wall, processor, waits, refused: refused.load(Ordering::Relaxed) })
}

/// One client: it writes the records that are its own, each with what it was told last of it.
fn one_client(
    hub: &Hub,
    load: Load,
    client: u64,
    next: &AtomicU64,
    refused: &AtomicU64,
) -> io::Result<Vec<Duration>> {
    let own = usize::try_from(load.records / load.clients).map_err(io::Error::other)?;
    let mut writer = Writer::open(hub, &format!("load-{}-{client}", load.round), own)?;
    let mut waits = Vec::new();
    loop {
        let first = next.fetch_add(load.batch, Ordering::Relaxed);
        if first >= load.operations {
            return Ok(waits);
        }
        let written = writer.counter;
        waits.push(writer.push((written..written + load.batch).map(|at| record_of(at, own)))?);
        refused.fetch_add(std::mem::take(&mut writer.refused), Ordering::Relaxed);
    }
}

/// A client that writes records of its own over HTTP, each with what it was told last of it.
pub(crate) struct Writer {
    connection: Connection,
    name: String,
    /// How many operations it has sent.
    pub(crate) counter: u64,
    /// How many of them were not applied.
    pub(crate) refused: u64,
    versions: Vec<Box<str>>,
    /// The operation of each record that was acknowledged last; 0 if there is none.
    acknowledged: Vec<u64>,
    body: String,
    /// The last request that was answered.
    answered: String,
}

impl Writer {
    /// Connects a client that has so many records.
    pub(crate) fn open(hub: &Hub, name: &str, records: usize) -> io::Result<Self> {
        let connection = Connection::open(hub.address, &hub.token)?;
        Ok(Self {
            connection,
            name: name.to_owned(),
            counter: 0,
            refused: 0,
            versions: vec![Box::default(); records],
            acknowledged: vec![0; records],
            body: String::new(),
            answered: String::new(),
        })
    }

    /// Connects again: a hub ends connections on which nothing is asked.
    pub(crate) fn connect_again(&mut self, hub: &Hub) -> io::Result<()> {
        self.connection = Connection::open(hub.address, &hub.token)?;
        Ok(())
    }

    /// Returns whether a record is one of its own.
    pub(crate) fn owns(&self, id: &str) -> bool {
        id.rsplit_once('-').is_some_and(|(name, _)| name == self.name)
    }

    /// Returns the operation on a record that was acknowledged last.
    pub(crate) fn acknowledged(&self, id: &str) -> Option<u64> {
        let record: usize = id.rsplit('-').next()?.parse().ok()?;
        self.acknowledged.get(record).copied().filter(|counter| *counter > 0)
    }

    /// Returns how many of its records were written, as far as it knows.
    pub(crate) fn records_acknowledged(&self) -> u64 {
        self.acknowledged.iter().filter(|counter| **counter > 0).count() as u64
    }

    /// Returns how many operations were acknowledged.
    pub(crate) fn acknowledged_in_all(&self) -> u64 {
        self.acknowledged.iter().copied().max().unwrap_or_default()
    }

    /// Returns the last request that was answered.
    pub(crate) fn last_acknowledged(&self) -> &str {
        &self.answered
    }

    /// Sends one request with an operation on each of these records; returns how long it waited.
    pub(crate) fn push(
        &mut self,
        records: impl IntoIterator<Item = usize>,
    ) -> io::Result<Duration> {
        let Self { connection, name, counter, refused, versions, body, .. } = self;
        body.clear();
        let _ = write!(body, r#"{{"client":"{name}","ops":["#);
        let mut written = Vec::new();
        for record in records {
            body.push_str(if written.is_empty() { "" } else { "," });
            *counter += 1;
            write_operation(body, name, *counter, record, &versions[record]);
            written.push(record);
        }
        body.push_str("]}");
        let sent = Instant::now();
        let (status, answer) = connection.send("POST", "/v1/push", body.as_bytes())?;
        let waited = sent.elapsed();
        let answer = String::from_utf8_lossy(answer);
        if status != 200 {
            return Err(io::Error::other(format!("{status}: {answer}")));
        }
        let told = answer.split("\"version\":\"").skip(1);
        let told = told.filter_map(|rest| rest.split('"').next());
        let (mut applied, first) = (0, *counter - written.len() as u64);
        for ((record, version), at) in written.iter().zip(told).zip(first + 1..) {
            versions[*record] = version.into();
            self.acknowledged[*record] = at;
            applied += 1;
        }
        *refused += written.len() as u64 - applied;
        std::mem::swap(&mut self.body, &mut self.answered);
        Ok(waited)
    }
}

/// Returns which of its records a client writes with an operation: neighbours are far apart.
fn record_of(operation: u64, records: usize) -> usize {
    let spread = operation.wrapping_mul(0x9e37_79b9_7f4a_7c15) % records as u64;
    usize::try_from(spread).unwrap_or_default()
}

/// Writes an operation of some 300 bytes that changes four fields.
pub(crate) fn write_operation(
    body: &mut String,
    client: &str,
    counter: u64,
    record: usize,
    version: &str,
) {
    let _ = write!(body, r#"{{"op":{counter},"entity":"tasks","id":"{client}-{record:06}","#);
    if !version.is_empty() {
        let _ = write!(body, r#""base":"{version}","#);
    }
    let _ = write!(
        body,
        r#""at":"2026-11-20T10:00:00.000Z","set":{{"/title":"Call customer {record}","/state":"open","/owner":"user-{}","/note":"{counter:0>120}"}}}}"#,
        record % 97,
    );
}
