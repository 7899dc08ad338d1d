//! Events: made, and emitted over HTTP as an application does it.

use std::io;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use syncline_benches::http::Connection;
use syncline_benches::served::Hub;

use crate::receiver::{Receiver, SECRET};

/// Records that events are of: as many lanes at each endpoint.
pub(crate) const RECORDS: u64 = 5_000;

/// Starts a hub that delivers to this machine.
pub(crate) fn hub(binary: &std::path::Path, folder: &std::path::Path) -> io::Result<Hub> {
    let more = ["--deliver-to", "loopback"].map(str::to_owned);
    Hub::start_with(binary, folder, "data", &more)
}

/// Makes an endpoint at a receiver.
///
/// - `events`: the types that it is told of.
pub(crate) fn endpoint(
    hub: &Hub,
    id: &str,
    receiver: &Receiver,
    events: &str,
    in_flight: u64,
) -> io::Result<()> {
    let body = json!({
        "id": id,
        "url": format!("http://{}/{id}", receiver.address),
        "events": [events],
        "secrets": [SECRET],
        "inFlight": in_flight,
        "timeoutMs": 30_000,
    });
    ask(hub, "POST", "/v1/endpoints", &body, 201).map(drop)
}

/// Asks the hub for something.
pub(crate) fn ask(
    hub: &Hub,
    method: &str,
    path: &str,
    body: &Value,
    wanted: u16,
) -> io::Result<Value> {
    let mut connection = Connection::open(hub.address, &hub.token)?;
    let (status, answer) = connection.send(method, path, body.to_string().as_bytes())?;
    if status != wanted {
        let answer = String::from_utf8_lossy(answer).into_owned();
        return Err(io::Error::other(format!("{method} {path}: {status} {answer}")));
    }
    Ok(serde_json::from_slice(answer).unwrap_or(Value::Null))
}

/// Returns the body of a request that emits events from one number up to another.
///
/// - `kind`: the type of the event with a number.
pub(crate) fn batch(from: u64, to: u64, kind: &dyn Fn(u64) -> String) -> Vec<u8> {
    let event = |number: u64| {
        json!({
            "id": format!("evt_{number}"),
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

/// Emits events in requests of some each, over some connections, and returns when each request began.
///
/// - `per_second`: how many in all; as fast as they are taken, if nothing is said.
pub(crate) fn emit(
    hub: &Hub,
    (from, to): (u64, u64),
    (at_once, connections): (u64, u64),
    per_second: Option<f64>,
    kind: &(dyn Fn(u64) -> String + Sync),
) -> io::Result<Vec<(u64, u64, Instant)>> {
    let begun = Instant::now();
    let next = std::sync::atomic::AtomicU64::new(from);
    let load = || {
        let mut connection = Connection::open(hub.address, &hub.token)?;
        let mut begins = Vec::new();
        loop {
            let first = next.fetch_add(at_once, std::sync::atomic::Ordering::Relaxed);
            if first >= to {
                return Ok(begins);
            }
            let last = to.min(first + at_once);
            let body = batch(first, last, kind);
            if let Some(per_second) = per_second {
                let due = begun + Duration::from_secs_f64((first - from) as f64 / per_second);
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
            }
            let start = Instant::now();
            let (status, answer) = connection.send("POST", "/v1/events", &body)?;
            if status != 200 {
                let answer = String::from_utf8_lossy(answer).into_owned();
                return Err(io::Error::other(format!("emitting: {status} {answer}")));
            }
            begins.push((first, last, start));
        }
    };
    let all = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..connections).map(|_| scope.spawn(load)).collect();
        let ended = threads.into_iter().map(|thread| thread.join());
        ended.collect::<Vec<_>>()
    });
    let mut begins = Vec::new();
    for one in all {
        begins.extend(one.map_err(|_| io::Error::other("a load panicked"))??);
    }
    Ok(begins)
}
