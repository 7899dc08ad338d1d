//! Requests that mean harm, against a program that serves: what they cost it and what it says.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::desk::Desk;
use crate::serve::{ERRORS, OUT, Serving};

/// Longest time that any answer takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// Longest body that is read, in bytes.
const BODY_BYTES_MAX: usize = 8 << 20;
/// Most memory that one hostile body may make the program hold, in KiB: a value that was read is
/// several times as long as its text, and one that is too long is not read.
const GROWTH_KIB_MAX: u64 = 400 << 10;

/// What was answered: its status and the whole of it as text.
struct Answer {
    status: u16,
    text: String,
}

impl Answer {
    fn code(&self) -> String {
        let body = self.text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        let body: Value = serde_json::from_str(body).unwrap_or_default();
        body["code"].as_str().unwrap_or_default().to_owned()
    }
}

/// Sends any bytes as a body. The program may answer before it has read them all.
fn send(serving: &Serving, method: &str, path: &str, more: &str, body: &[u8]) -> Answer {
    let Serving { address, token, .. } = serving;
    let mut socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nConnection: close\r\n{more}Content-Length: {}\r\n\r\n",
        body.len()
    );
    socket.write_all(head.as_bytes()).unwrap();
    let _refused_before_the_end = socket.write_all(body);
    let mut text = Vec::new();
    let _reset_behind_the_answer = socket.read_to_end(&mut text);
    let text = String::from_utf8_lossy(&text).into_owned();
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    Answer { status, text }
}

/// Returns a push of one operation that sets `/a` to a text that is meant to be JSON.
fn setting(value: &str) -> Vec<u8> {
    let mut push = r#"{"client":"c","ops":[{"op":1,"entity":"tasks","id":"t1","#.to_owned();
    push += r#""at":"2026-11-20T10:00:00.000Z","set":{"/a":"#;
    push += value;
    push += "}}]}";
    push.into_bytes()
}

/// Returns an object of so many members.
fn wide(members: usize, name: impl Fn(usize) -> String) -> String {
    let mut text = "{".to_owned();
    for number in 0..members {
        let comma = if number == 0 { "" } else { "," };
        write!(text, "{comma}\"{}\":0", name(number)).unwrap();
    }
    text + "}"
}

/// No body, however deep, wide, long or odd, ends the program, is answered 5xx, or makes it hold
/// much; what it says of each is a problem with a code.
#[test]
fn hostile_bodies_are_refused_and_cost_little() {
    let desk = Desk::new();
    let serving = Serving::start(&desk, &[]);
    let record = "/v1/entities/tasks/records/t1";
    let made = serving.ask("PUT", record, &json!({ "title": "kept" })).unwrap();
    assert_eq!(made.0, 201);
    let deep = 300_000;
    let long = BODY_BYTES_MAX - 1_000;
    let values = [
        ("deep arrays", format!("{}{}", "[".repeat(deep), "]".repeat(deep))),
        ("arrays that never end", "[".repeat(deep)),
        ("deep objects", format!("{}0{}", r#"{"a":"#.repeat(deep), "}".repeat(deep))),
        ("many members", wide(200_000, |number| format!("k{number}"))),
        ("members alike", wide(100_000, |number| format!("k{}", number % 7))),
        ("a huge exponent", "1e999999999".to_owned()),
        ("a tiny exponent", "1e-999999999".to_owned()),
        ("a million digits", "7".repeat(1_000_000)),
        ("half a surrogate", r#""\ud800""#.to_owned()),
        ("a raw line break", "\"a\nb\"".to_owned()),
        ("no number", "NaN".to_owned()),
        ("a name twice", r#"{"a":1,"a":2}"#.to_owned()),
        ("a long text", format!("\"{}\"", "x".repeat(long))),
        ("a long escape", format!("\"{}\"", r"\u0000".repeat(long / 6))),
    ];
    let before = serving.peak_kib();
    for (name, value) in &values {
        for (method, path, body) in [
            ("POST", "/v1/push", setting(value)),
            ("PUT", record, format!("{{\"a\":{value}}}").into_bytes()),
            ("PATCH", record, format!("{{\"a\":{value}}}").into_bytes()),
            ("POST", "/v1/tokens", value.clone().into_bytes()),
        ] {
            let answer = send(&serving, method, path, "", &body);
            let status = answer.status;
            let head = &answer.text[..answer.text.floor_char_boundary(600)];
            if status == 200 {
                let is_answered = ["applied", "merged", "rejected", "duplicate"]
                    .iter()
                    .any(|status| answer.text.contains(&format!(r#""status":"{status}""#)));
                assert!(is_answered || method != "POST", "{name}, {method} {path}: {head}");
            } else {
                assert!((400..500).contains(&status), "{name}, {method} {path}: {status} {head}");
                assert_ne!(answer.code(), "", "{name}, {method} {path}: {head}");
            }
        }
    }
    for (name, body) in [
        ("no UTF-8", b"{\"client\":\"\xff\",\"ops\":[]}".to_vec()),
        ("a name twice", br#"{"client":"c","client":"d","ops":[]}"#.to_vec()),
        (
            "too many operations",
            format!(r#"{{"client":"c","ops":[{}0]}}"#, "0,".repeat(deep)).into(),
        ),
        ("a body that is longer than any", vec![b' '; BODY_BYTES_MAX + 1]),
    ] {
        let answer = send(&serving, "POST", "/v1/push", "", &body);
        assert!((400..500).contains(&answer.status), "{name}: {} {}", answer.status, answer.text);
        assert_ne!(answer.code(), "", "{name}");
    }
    let long_head = format!("X-More: {}\r\n", "x".repeat(200 << 10));
    let answer = send(&serving, "GET", record, &long_head, b"");
    assert!((400..500).contains(&answer.status), "{}", answer.text);
    let grown = serving.peak_kib() - before;
    assert!(grown < GROWTH_KIB_MAX, "{grown} KiB more");
    let read = serving.ask("GET", record, &json!({})).unwrap();
    assert_eq!(read.0, 200, "it goes on: {}", read.1);
    serving.signal(Signal::TERM);
    assert_eq!(serving.ends(), 0);
}

/// Values of records, names of clients, ids, tokens and parts of requests are sent to every route
/// that the hub describes, rightly and wrongly; none of them stands in what the program says of
/// itself, and no request writes a line of its own there.
#[test]
fn nothing_of_a_request_stands_in_what_the_program_says_of_itself() {
    let desk = Desk::new();
    let serving = Serving::start(&desk, &[]);
    let canary = "CANARY-anna.schmidt@example.com";
    let record = json!({ "email": canary, "note": "CANARY\r\n\u{1b}[31mforged line" });
    let path = "/v1/entities/tasks/records/CANARY-1";
    assert_eq!(serving.ask("PUT", path, &record).unwrap().0, 201);
    for (n, title) in ["CANARY-a", "CANARY-b"].into_iter().enumerate() {
        let set = json!({ "op": 1, "entity": "tasks", "id": "CANARY-2",
            "at": format!("2026-11-20T10:00:0{n}.000Z"), "set": { "/title": title } });
        let push = json!({ "client": format!("CANARY-{n}"), "ops": [set] });
        assert_eq!(serving.ask("POST", "/v1/push", &push).unwrap().0, 200);
    }
    let description = serving.ask("GET", "/openapi.json", &json!({})).unwrap().1;
    let mut asked = 0;
    for (path, methods) in description["paths"].as_object().unwrap() {
        // A stream has no end.
        if path.ends_with("/events") || path.ends_with("/live") {
            continue;
        }
        for method in methods.as_object().unwrap().keys() {
            if !["get", "post", "put", "patch", "delete"].contains(&method.as_str()) {
                continue;
            }
            let filled: String = path
                .split('{')
                .map(|part| match part.split_once('}') {
                    Some(("entity", rest)) => format!("tasks{rest}"),
                    Some(("hub", rest)) => format!("default{rest}"),
                    Some((_, rest)) => format!("CANARY-1{rest}"),
                    None => part.to_owned(),
                })
                .collect();
            let method = method.to_uppercase();
            let bodies: [&[u8]; 4] = [
                br#"{"CANARY":"CANARY"}"#,
                br#"{"name":"CANARY","role":"client","client":"CANARY","ops":[{"op":"CANARY"}]}"#,
                b"CANARY",
                b"",
            ];
            for body in bodies {
                let odd = "If-Match: \"CANARY\"\r\nX-Request-Id: CANARY\r\nOrigin: CANARY\r\n";
                for (query, more) in [("", ""), ("?cursor=CANARY&CANARY=1", ""), ("", odd)] {
                    let answer = send(&serving, &method, &format!("{filled}{query}"), more, body);
                    let is_answer = (200..500).contains(&answer.status) || answer.status == 503;
                    assert!(is_answer, "{method} {filled}{query}: {}", answer.text);
                    asked += 1;
                }
            }
        }
    }
    assert!(asked > 300, "{asked} requests");
    let metrics = send(&serving, "GET", "/metrics", "", b"").text;
    let health = send(&serving, "GET", "/healthz", "", b"").text;
    let token = serving.token.clone();
    serving.signal(Signal::TERM);
    assert_eq!(serving.ends(), 0);
    let texts = [
        ("standard output", String::from_utf8(desk.bytes(OUT)).unwrap()),
        ("standard error", String::from_utf8(desk.bytes(ERRORS)).unwrap()),
        ("metrics", metrics),
        ("health", health),
    ];
    for (name, text) in texts {
        for secret in ["CANARY", "anna.schmidt", "forged line", token.as_str()] {
            assert!(!text.contains(secret), "{secret} in {name}: {text}");
        }
        let is_plain = |char: char| !char.is_control() || ['\n', '\r', '\t'].contains(&char);
        assert!(text.chars().all(is_plain), "{name}: {text:?}");
    }
}

/// A file of access tokens that cannot be read lets nobody in: the program does not start.
#[test]
fn access_that_cannot_be_read_lets_nobody_in() {
    let desk = Desk::new();
    let serving = Serving::start(&desk, &[]);
    serving.signal(Signal::TERM);
    assert_eq!(serving.ends(), 0);
    let file = desk.path(".syncline/tokens.json");
    let whole = std::fs::read(&file).unwrap();
    for damaged in [&whole[..whole.len() / 2], b"", b"{}", b"[]"] {
        std::fs::write(&file, damaged).unwrap();
        desk.run("serve --listen 127.0.0.1:0").exits(8);
    }
    std::fs::write(&file, &whole).unwrap();
    let serving = Serving::start(&desk, &[]);
    serving.signal(Signal::TERM);
    assert_eq!(serving.ends(), 0);
}
