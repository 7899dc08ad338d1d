//! How many operations a hub takes durably over HTTP, and how long each waits for its answer.

use std::fmt::Write as _;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::http::Connection;
use crate::serve::Hub;
use crate::waits::Waits;

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
    let mut connection = Connection::open(hub.address, &hub.token)?;
    let name = format!("load-{}-{client}", load.round);
    let own = usize::try_from(load.records / load.clients).map_err(io::Error::other)?;
    let mut versions: Vec<String> = vec![String::new(); own];
    let (mut counter, mut waits, mut body) = (0_u64, Vec::new(), String::new());
    loop {
        let first = next.fetch_add(load.batch, Ordering::Relaxed);
        if first >= load.operations {
            return Ok(waits);
        }
        let _ = write!(body, r#"{{"client":"{name}","ops":["#);
        let written = counter;
        for index in 0..load.batch {
            let comma = if index > 0 { "," } else { "" };
            body.push_str(comma);
            let slot = record_of(counter, own);
            counter += 1;
            write_operation(&mut body, &name, counter, slot, &versions[slot]);
        }
        body.push_str("]}");
        let sent = Instant::now();
        let (status, answer) = connection.send("POST", "/v1/push", body.as_bytes())?;
        waits.push(sent.elapsed());
        let answer = String::from_utf8_lossy(answer);
        if status != 200 {
            return Err(io::Error::other(format!("{status}: {answer}")));
        }
        let told = answer.split("\"version\":\"").skip(1);
        let told = told.filter_map(|rest| rest.split('"').next());
        let mut applied = 0;
        for (at, version) in (written..).zip(told) {
            version.clone_into(&mut versions[record_of(at, own)]);
            applied += 1;
        }
        refused.fetch_add(load.batch - applied, Ordering::Relaxed);
        body.clear();
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
