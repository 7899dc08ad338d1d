//! A hub that is asked to end, or replaced by the next one, while it delivers.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::delivery_kills::{Emitter, Receiver, check, make_endpoints, taken};
use crate::desk::Desk;
use crate::serve::Serving;

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);
/// Longer than a hub has to end, which is 10 s: one that waited for what hangs would see it fail first.
const HANGS_MS: u64 = 60_000;
const OPTIONS: [&str; 2] = ["--deliver-to", "loopback"];

/// What a receiver was sent, by path: the ids of the events and which attempts they were.
type Sent = BTreeMap<String, Vec<(String, String)>>;

/// A receiver of which `/slow` answers once it may, and `/hang` never answers the first request.
#[derive(Clone, Default)]
struct Slow {
    address: String,
    state: Arc<(Mutex<(Sent, bool)>, Condvar)>,
}

impl Slow {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let this = Self { address, ..Self::default() };
        let receiver = this.clone();
        // It ends with the process.
        std::thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                let receiver = receiver.clone();
                std::thread::spawn(move || while receiver.exchange(&socket).is_some() {});
            }
        });
        this
    }

    fn exchange(&self, mut socket: &TcpStream) -> Option<()> {
        let (mut reader, mut headers) = (BufReader::new(socket), BTreeMap::new());
        let mut first = String::new();
        reader.read_line(&mut first).ok().filter(|bytes| *bytes > 0)?;
        let path = first.split(' ').nth(1)?.to_owned();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok().filter(|bytes| *bytes > 0)?;
            let Some((name, value)) = line.trim_end().split_once(": ") else { break };
            headers.insert(name.to_ascii_lowercase(), value.to_owned());
        }
        let mut body = vec![0; headers["content-length"].parse().unwrap()];
        reader.read_exact(&mut body).ok()?;
        let (state, changed) = &*self.state;
        let mut guard = state.lock().unwrap();
        let sent = guard.0.entry(path.clone()).or_default();
        sent.push((headers["webhook-id"].clone(), headers["webhook-attempt"].clone()));
        let is_first = sent.len() == 1;
        changed.notify_all();
        if path == "/slow" {
            drop(changed.wait_while(guard, |(_, may_answer)| !*may_answer).unwrap());
        } else if is_first {
            drop(guard);
            // Until the hub breaks it off.
            let _ = reader.read_to_end(&mut Vec::new());
            return None;
        } else {
            drop(guard);
        }
        socket.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").ok()
    }

    /// Waits until so many requests have come to a path, and returns all of every path.
    fn sent(&self, path: &str, count: usize) -> Sent {
        let (state, changed) = &*self.state;
        let guard = state.lock().unwrap();
        let is_less = |(sent, _): &mut (Sent, bool)| sent.get(path).map_or(0, Vec::len) < count;
        let (guard, waited) = changed.wait_timeout_while(guard, PATIENCE, is_less).unwrap();
        assert!(!waited.timed_out(), "{path} has {:?}", guard.0);
        guard.0.clone()
    }

    fn may_answer(&self) {
        let (state, changed) = &*self.state;
        state.lock().unwrap().1 = true;
        changed.notify_all();
    }
}

/// Waits until a delivery of an endpoint is as expected, and returns it.
fn delivery(serving: &Serving, endpoint: &str, state: &str) -> Value {
    let begun = Instant::now();
    loop {
        let path = format!("/v1/endpoints/{endpoint}/deliveries");
        let (_, listed) = serving.ask("GET", &path, &json!({})).unwrap();
        let found = listed["deliveries"].as_array().into_iter().flatten();
        if let Some(found) = found.into_iter().find(|one| one["state"] == state) {
            return found.clone();
        }
        assert!(begun.elapsed() < PATIENCE, "{endpoint}: {listed}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_hub_that_is_asked_to_end_finishes_what_answers_and_hands_over_what_hangs() {
    let desk = Desk::new();
    let receiver = Slow::start();
    let serving = Serving::start(&desk, &OPTIONS);
    for id in ["slow", "hang"] {
        let url = format!("http://{}/{id}", receiver.address);
        let endpoint = json!({ "id": id, "url": url, "timeoutMs": HANGS_MS / 2 });
        let (status, told) = serving.ask("POST", "/v1/endpoints", &endpoint).unwrap();
        assert_eq!(status, 201, "{told}");
    }
    let event = json!({ "events": [{ "id": "one", "type": "tasks.told", "resourceType": "tasks", "resourceId": "t1" , "data": {} }] });
    assert_eq!(serving.ask("POST", "/v1/events", &event).unwrap().0, 200);
    receiver.sent("/slow", 1);
    receiver.sent("/hang", 1);
    serving.signal(Signal::TERM);
    // It listens no more, and what is under way may still end.
    let begun = Instant::now();
    while TcpStream::connect(&serving.address).is_ok() {
        assert!(begun.elapsed() < PATIENCE, "it listens on");
        std::thread::sleep(Duration::from_millis(10));
    }
    receiver.may_answer();
    assert_eq!(serving.ends(), 0);
    // What was answered is not sent again, what nobody knows the outcome of is: the hub has not waited until it failed.
    let serving = Serving::start(&desk, &OPTIONS);
    let sent = receiver.sent("/hang", 2);
    let told = |path: &str| -> Vec<(&str, &str)> {
        sent[path].iter().map(|(id, attempt)| (&**id, &**attempt)).collect()
    };
    assert_eq!(told("/slow"), [("one", "1")]);
    assert_eq!(told("/hang"), [("one", "1"), ("one", "2")]);
    let delivered = delivery(&serving, "hang", "delivered");
    let results: Vec<&Value> =
        delivered["attempts"].as_array().unwrap().iter().map(|one| &one["result"]).collect();
    assert_eq!(results, ["unknown", "delivered"], "{delivered}");
    assert_eq!(receiver.sent("/slow", 1)["/slow"].len(), 1);
    serving.signal(Signal::TERM);
    assert_eq!(serving.ends(), 0);
}

/// Goal: who replaces one hub by the next one loses no event and no order. Method: real processes under load, each told
/// to end while the next one waits for its place; a receiver that fails at random writes down what it takes.
#[test]
fn a_hub_that_is_replaced_while_it_delivers_loses_nothing() {
    let desk = Desk::new();
    let receiver = Receiver::start(desk.path("received.txt"));
    let mut serving = Serving::start(&desk, &OPTIONS);
    make_endpoints(&serving, &receiver);
    let address = serving.address.clone();
    let emitters: Vec<Emitter> =
        (0..3).map(|name| Emitter::start(&desk, &serving, (name, 0))).collect();
    let paths: Vec<_> = emitters.iter().map(|emitter| emitter.taken.clone()).collect();
    for _ in 0..3 {
        // Until something more was taken by the one that goes.
        let before = taken(&paths).len();
        while taken(&paths).len() < before + 10 {
            std::thread::sleep(Duration::from_millis(20));
        }
        let wait = [&OPTIONS[..], &["--wait-lock", "60s"]].concat();
        let next = Serving::spawn(&desk, &address, &wait);
        serving.signal(Signal::TERM);
        let next = Serving::once_ready(&desk, next);
        assert_eq!(std::mem::replace(&mut serving, next).ends(), 0);
    }
    drop(emitters);
    let taken = taken(&paths);
    let begun = Instant::now();
    while let Err(error) = check(&receiver.lines(), &taken) {
        assert!(error.starts_with("lost") && begun.elapsed() < PATIENCE, "{error}");
        std::thread::sleep(Duration::from_millis(50));
    }
    serving.signal(Signal::TERM);
    assert_eq!(serving.ends(), 0);
}
