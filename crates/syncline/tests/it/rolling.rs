//! A server that is replaced by another one while clients are at work.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::desk::Desk;
use crate::serve::{Serving, ask};

/// How often the server is replaced.
const ROUNDS: usize = 3;
const PUSHERS: usize = 3;
/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Pushes one operation after the other, each until it is answered; answers how many.
fn push_until(address: &str, token: &str, client: &str, is_over: &AtomicBool) -> u64 {
    let mut op = 0;
    while !is_over.load(Ordering::SeqCst) {
        op += 1;
        let set = json!({ "op": op, "entity": "tasks", "id": format!("{client}-{op}"),
            "at": "2026-11-20T10:00:00.000Z", "set": { "/n": op } });
        let push = json!({ "client": client, "ops": [set] });
        let begun = Instant::now();
        loop {
            match ask(address, token, "POST", "/v1/push", &push) {
                Some((200, answer)) => {
                    let status = answer["results"][0]["status"].as_str().unwrap();
                    assert!(["applied", "duplicate"].contains(&status), "{answer}");
                    break;
                }
                // The one that goes says so, and where none is nobody answers.
                Some((503, _)) | None => std::thread::sleep(Duration::from_millis(5)),
                other => panic!("{other:?}"),
            }
            assert!(begun.elapsed() < PATIENCE, "nobody serves any more");
        }
    }
    op
}

/// Follows the events from where it was, until they break off; answers whether all were seen.
fn follow(
    (address, token): (&str, &str),
    last: &mut Option<String>,
    seen: &mut BTreeMap<String, u32>,
    is_all: impl Fn(&BTreeMap<String, u32>) -> bool,
) -> std::io::Result<bool> {
    let mut socket = TcpStream::connect(address)?;
    // Longer than between two signs of life.
    socket.set_read_timeout(Some(PATIENCE))?;
    let last_line = last.as_ref().map(|id| format!("Last-Event-ID: {id}\r\n"));
    let head = format!(
        "GET /v1/events?entities=tasks HTTP/1.0\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n{}\r\n",
        last_line.unwrap_or_default()
    );
    socket.write_all(head.as_bytes())?;
    let mut id = String::new();
    for line in BufReader::new(socket).lines() {
        let line = line?;
        if let Some(text) = line.strip_prefix("id:") {
            id = text.trim().to_owned();
        }
        let Some(data) = line.strip_prefix("data:") else { continue };
        let data: Value = serde_json::from_str(data).unwrap();
        for change in data["changes"].as_array().into_iter().flatten() {
            *seen.entry(change["id"].as_str().unwrap().to_owned()).or_default() += 1;
        }
        if !id.is_empty() {
            *last = Some(std::mem::take(&mut id));
        }
        if is_all(seen) {
            return Ok(true);
        }
    }
    Ok(false)
}

#[test]
fn a_server_that_is_replaced_under_load_loses_and_repeats_nothing() {
    let desk = Desk::new();
    let mut serving = Serving::start(&desk, &[]);
    // One hub more that is to be closed before the next process opens it.
    let (status, _) = serving.ask("POST", "/v1/hubs", &json!({ "name": "shop" })).unwrap();
    assert_eq!(status, 201);
    let (address, token) = (serving.address.clone(), serving.token.clone());
    let is_over = AtomicBool::new(false);
    let (pushed, seen): (Vec<u64>, _) = std::thread::scope(|scope| {
        let push = |number: usize| {
            let (address, token, is_over) = (&address, &token, &is_over);
            scope.spawn(move || push_until(address, token, &format!("c{number}"), is_over))
        };
        let pushers: Vec<_> = (0..PUSHERS).map(push).collect();
        let follower = scope.spawn(|| {
            let (mut last, mut seen) = (None, BTreeMap::new());
            while !is_over.load(Ordering::SeqCst) {
                let at = (address.as_str(), token.as_str());
                let ended = follow(at, &mut last, &mut seen, |_| is_over.load(Ordering::SeqCst));
                if ended.is_err() {
                    std::thread::sleep(Duration::from_millis(5));
                }
            }
            (last, seen)
        });
        for _ in 0..ROUNDS {
            std::thread::sleep(Duration::from_millis(300));
            let next = Serving::spawn(&desk, &address, &["--wait-lock", "60s"]);
            std::thread::sleep(Duration::from_millis(200));
            serving.signal(Signal::TERM);
            let next = Serving::once_ready(&desk, next);
            assert_eq!(std::mem::replace(&mut serving, next).ends(), 0);
        }
        std::thread::sleep(Duration::from_millis(300));
        is_over.store(true, Ordering::SeqCst);
        let pushed: Vec<u64> = pushers.into_iter().map(|one| one.join().unwrap()).collect();
        // What came last wakes the follower, which then reads the rest.
        let path = "/v1/entities/tasks/records/end";
        serving.ask("PUT", path, &json!({ "n": 0 })).unwrap();
        let (mut last, mut seen) = follower.join().unwrap();
        let is_all = |seen: &BTreeMap<String, u32>| seen.contains_key("end");
        let at = (address.as_str(), token.as_str());
        assert!(is_all(&seen) || follow(at, &mut last, &mut seen, is_all).unwrap());
        (pushed, seen)
    });
    assert!(pushed.iter().all(|count| *count > 10), "{pushed:?}");
    let expected = pushed
        .iter()
        .enumerate()
        .flat_map(|(number, count)| (1..=*count).map(move |op| format!("c{number}-{op}")));
    let expected = expected.chain(["end".to_owned()]).map(|id| (id, 1));
    assert_eq!(seen, expected.collect(), "each change once");
    serving.signal(Signal::TERM);
    assert_eq!(serving.ends(), 0);
}
