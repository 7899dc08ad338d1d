//! Events: made before anything is measured, and emitted over HTTP as an application does it.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use syncline_benches::http::Connection;
use syncline_benches::served::Hub;

use crate::receiver::{Receiver, SECRET};

/// Records that events are of: as many lanes at each endpoint.
pub(crate) const RECORDS: u64 = 5_000;

/// Who takes events.
#[derive(Clone, Debug)]
pub(crate) struct Door {
    pub(crate) address: SocketAddr,
    pub(crate) token: String,
}

impl Door {
    pub(crate) fn of(hub: &Hub) -> Self {
        Self { address: hub.address, token: hub.token.clone() }
    }
}

/// An endpoint to be made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Endpoint<'e> {
    pub(crate) id: &'e str,
    /// The types of event that it is told of.
    pub(crate) events: &'e str,
    pub(crate) in_flight: u64,
    pub(crate) timeout_ms: u64,
}

impl Default for Endpoint<'_> {
    fn default() -> Self {
        Self { id: "one", events: "*", in_flight: 64, timeout_ms: 30_000 }
    }
}

/// Starts a hub that delivers to this machine.
pub(crate) fn hub(binary: &std::path::Path, folder: &std::path::Path) -> io::Result<Hub> {
    let more = ["--deliver-to", "loopback"].map(str::to_owned);
    Hub::start_with(binary, folder, "data", &more)
}

/// Makes endpoints at a receiver.
pub(crate) fn endpoints<'e>(
    door: &Door,
    receiver: &Receiver,
    wanted: impl IntoIterator<Item = Endpoint<'e>>,
) -> io::Result<()> {
    let mut connection = Connection::open(door.address, &door.token)?;
    for Endpoint { id, events, in_flight, timeout_ms } in wanted {
        let body = json!({
            "id": id,
            "url": format!("http://{}/{id}", receiver.address),
            "events": [events],
            "secrets": [SECRET],
            "inFlight": in_flight,
            "timeoutMs": timeout_ms,
        });
        let (status, answer) =
            connection.send("POST", "/v1/endpoints", body.to_string().as_bytes())?;
        if status != 201 {
            let answer = String::from_utf8_lossy(answer).into_owned();
            return Err(io::Error::other(format!("the endpoint {id}: {status} {answer}")));
        }
    }
    Ok(())
}

/// Events in the bodies of requests.
#[derive(Debug, Default)]
pub(crate) struct Load(Vec<Batch>);

#[derive(Debug)]
struct Batch {
    /// The numbers of its events: from the first up to the last.
    events: (u64, u64),
    body: Vec<u8>,
}

impl Load {
    /// Makes events with numbers from one up to another, so many for each request.
    ///
    /// - `kind`: the type of the event with a number.
    pub(crate) fn new(
        (from, to): (u64, u64),
        at_once: usize,
        kind: &dyn Fn(u64) -> String,
    ) -> Self {
        let batch = |first| {
            let last = to.min(first + at_once as u64);
            Batch { events: (first, last), body: body((first, last), kind) }
        };
        Self((from..to).step_by(at_once).map(batch).collect())
    }

    /// Emits all over some connections, and returns when each request began.
    ///
    /// - `per_second`: how many events in all; as fast as they are taken, if nothing is said.
    pub(crate) fn emit(
        &self,
        door: &Door,
        connections: usize,
        per_second: Option<f64>,
    ) -> io::Result<Vec<Begin>> {
        let (begun, next) = (Instant::now(), AtomicUsize::new(0));
        let from = self.0.first().map_or(0, |batch| batch.events.0);
        let load = || {
            let mut connection = Connection::open(door.address, &door.token)?;
            let mut begins = Vec::new();
            while let Some(Batch { events, body }) =
                self.0.get(next.fetch_add(1, Ordering::Relaxed))
            {
                if let Some(per_second) = per_second {
                    let due = (events.0 - from) as f64 / per_second;
                    let due = begun + Duration::from_secs_f64(due);
                    std::thread::sleep(due.saturating_duration_since(Instant::now()));
                }
                let at = Instant::now();
                let (status, answer) = connection.send("POST", "/v1/events", body)?;
                if status != 200 {
                    let answer = String::from_utf8_lossy(answer).into_owned();
                    return Err(io::Error::other(format!("emitting: {status} {answer}")));
                }
                begins.push(Begin { events: *events, at });
            }
            Ok(begins)
        };
        let all = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..connections).map(|_| scope.spawn(load)).collect();
            threads.into_iter().map(|thread| thread.join()).collect::<Vec<_>>()
        });
        let mut begins = Vec::new();
        for one in all {
            begins.extend(one.map_err(|_| io::Error::other("a load panicked"))??);
        }
        Ok(begins)
    }
}

/// When a request began, and the numbers of its events.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Begin {
    pub(crate) events: (u64, u64),
    pub(crate) at: Instant,
}

fn body((from, to): (u64, u64), kind: &dyn Fn(u64) -> String) -> Vec<u8> {
    let event = |number: u64| {
        json!({
            "id": id(number),
            "type": kind(number),
            "resourceType": "enrollment",
            "resourceId": format!("r{}", number % RECORDS),
            "data": {
                "status": "active",
                "userId": format!("user-{}", number % 977),
                "courseId": format!("course-{}", number % 89),
                "progress": number % 101,
                "note": "Completed the introduction and both exercises of the first week.",
            },
        })
    };
    let events: Vec<Value> = (from..to).map(event).collect();
    json!({ "events": events }).to_string().into_bytes()
}

/// The beginning of each id.
const ID: &str = "evt_";

/// Returns the id of the event with a number.
pub(crate) fn id(number: u64) -> String {
    format!("{ID}{number}")
}

/// Returns the number of the event with an id.
pub(crate) fn number(id: &[u8]) -> Option<u64> {
    std::str::from_utf8(id.strip_prefix(ID.as_bytes())?).ok()?.parse().ok()
}
