//! `syncline hooks`: events and deliveries of a hub that is served, on the command line.

use serde_json::{Value, json};

use crate::desk::{Answer, Desk, answer};
use crate::documents::check;
use crate::receiver::Receiver;
use crate::serve::Serving;

const NO_CONTENT: &str = "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n";
const FAILED: &str = "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n";

/// A hub, and somebody with its token at a terminal.
struct Terminal {
    desk: Desk,
    serving: Serving,
}

impl Terminal {
    fn new() -> Self {
        let desk = Desk::new();
        let serving = Serving::start(&desk, &["--deliver-to", "loopback"]);
        Self { desk, serving }
    }

    fn hooks(&self, words: &[&str]) -> Answer {
        let mut command = self.desk.command(&[&["hooks"], words].concat());
        command.env("SYNCLINE_SERVER", format!("http://{}", self.serving.address));
        command.env("SYNCLINE_TOKEN", &self.serving.token);
        answer(&command.output().unwrap())
    }

    /// Runs a command for its document, which is as its schema says.
    #[track_caller]
    fn json(&self, words: &[&str]) -> Value {
        let document = self.hooks(&[words, &["--json"]].concat()).exits(0).json();
        check(&document);
        document
    }

    fn emit(&self, id: &str) -> Value {
        let data = r#"{"status":"active"}"#;
        let words = ["event", "emit", "enrollment.created", "--resource", "enrollment/e-1"];
        self.json(&[&words[..], &["--id", id, "--data", data]].concat())
    }
}

#[test]
fn an_endpoint_is_made_tried_and_removed() {
    let terminal = Terminal::new();
    let receiver = Receiver::plain(&[NO_CONTENT]);
    let url = format!("http://127.0.0.1:{}/hooks", receiver.port);
    terminal.hooks(&["endpoint", "list"]).exits(0).says("No endpoints");
    let made = terminal.json(&["endpoint", "add", &url, "--id", "admin", "--events", "nothing.*"]);
    let secret = made["secrets"][0].as_str().unwrap().to_owned();
    assert!(secret.starts_with("whsec_"), "{made}");
    let tested = terminal.json(&["endpoint", "test", "admin"]);
    assert_eq!((&tested["delivered"], &tested["status"]), (&json!(true), &json!(204)));
    assert_eq!(receiver.requests().len(), 1);
    terminal.hooks(&["endpoint", "test", "admin"]).exits(4).says("NOT reached");
    let rotated = terminal.json(&["endpoint", "rotate", "admin", "--overlap", "1h"]);
    assert_ne!(rotated["secret"].as_str().unwrap(), secret);
    terminal.json(&["endpoint", "disable", "admin"]);
    terminal.hooks(&["endpoint", "list"]).exits(0).says("disabled");
    let shown = terminal.json(&["endpoint", "show", "admin"]);
    assert_eq!(shown["url"], json!(url));
    assert!(!shown.to_string().contains("whsec_"), "a secret is shown once: {shown}");
    assert_eq!(terminal.json(&["endpoint", "list"])["endpoints"].as_array().unwrap().len(), 1);
    terminal.json(&["endpoint", "remove", "admin"]);
    terminal.hooks(&["endpoint", "show", "admin"]).exits(2).says("ENDPOINT_UNKNOWN");
}

#[test]
fn a_secret_of_a_file_is_the_one_that_signs() {
    let terminal = Terminal::new();
    terminal.desk.put("old.secret", b"a secret of spec 004, long enough\n");
    let add = ["endpoint", "add", "https://example.com/hooks", "--secret-file"];
    let made = terminal.json(&[&add[..], &["old.secret"]].concat());
    assert_eq!(made["secrets"], json!(["a secret of spec 004, long enough"]));
    terminal.hooks(&[&add[..], &["absent.secret"]].concat()).exits(3).says("absent.secret");
}

#[test]
fn events_are_listed_in_their_order_and_once_per_id() {
    let terminal = Terminal::new();
    let first = terminal.emit("event-1");
    assert!(first["events"][0]["sequence"].is_u64(), "{first}");
    let again = terminal.emit("event-1");
    assert!(again["events"][0]["sequence"].is_null(), "{again}");
    terminal.emit("event-2");
    let listed = terminal.json(&["event", "list"]);
    let ids = |listed: &Value| -> Vec<String> {
        let events = listed["events"].as_array().unwrap();
        events.iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(&listed), ["event-1", "event-2"]);
    assert_eq!(listed["events"][0]["data"], json!({ "status": "active" }));
    let next = listed["next"].as_str().unwrap();
    terminal.emit("event-3");
    assert_eq!(ids(&terminal.json(&["event", "list", "--after", next])), ["event-3"]);
    let none = terminal.json(&["event", "list", "--types", "*.deleted"]);
    assert_eq!(ids(&none), [""; 0]);
    let page = terminal.json(&["event", "list", "--limit", "1"]);
    assert_eq!(ids(&page), ["event-1"]);
    let behind = terminal.json(&["event", "list", "--after", page["next"].as_str().unwrap()]);
    assert_eq!(ids(&behind), ["event-2", "event-3"]);
    let lines = terminal.hooks(&["event", "list", "--jsonl"]).exits(0).stdout;
    lines.lines().for_each(|line| check(&serde_json::from_str(line).unwrap()));
    assert_eq!(lines.lines().count(), 3);
    let is_json = ["event", "emit", "a.b", "--resource", "a/1", "--data", "{"];
    terminal.hooks(&is_json).exits(2).says("not JSON");
    terminal.hooks(&["event", "emit", "a.b", "--resource", "a"]).exits(2).says("--resource");
}

#[test]
fn what_is_forwarded_verifies_and_a_refusal_stops_nothing() {
    let terminal = Terminal::new();
    terminal.emit("event-1");
    terminal.emit("event-2");
    terminal.desk.put("dev.secret", b"whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=");
    let receiver = Receiver::plain(&[FAILED, NO_CONTENT]);
    let url = format!("http://127.0.0.1:{}/hooks", receiver.port);
    let words = ["listen", "--forward", &url, "--after", "0", "--count", "2", "--jsonl"];
    let listened =
        terminal.hooks(&[&words[..], &["--secret-file", "dev.secret"]].concat()).exits(0);
    let lines: Vec<Value> =
        listened.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    lines.iter().for_each(check);
    let said: Vec<_> =
        lines.iter().map(|line| (line["id"].clone(), line["status"].clone())).collect();
    assert_eq!(said, [(json!("event-1"), json!(500)), (json!("event-2"), json!(204))]);
    for (request, id) in receiver.requests().iter().zip(["event-1", "event-2"]) {
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        terminal.desk.put("body.json", body.as_bytes());
        let headers: Vec<&str> =
            head.lines().skip(1).filter(|line| line.starts_with("webhook-")).collect();
        assert!(headers.contains(&&*format!("webhook-id: {id}")), "{head}");
        let mut words = vec!["verify", "--secret-file", "dev.secret", "body.json"];
        headers.iter().for_each(|header| words.extend(["-H", header]));
        assert_eq!(terminal.json(&words)["verified"], json!(["standard"]));
        terminal.desk.put("body.json", body.replace("active", "closed").as_bytes());
        terminal.hooks(&words).exits(9).says("WEBHOOK_SIGNATURE_WRONG");
    }
    let elsewhere = ["listen", "--forward", "http://192.0.2.1/hooks"];
    terminal.hooks(&elsewhere).exits(2).says("not an address of this machine");
    terminal.hooks(&[&words[..7], &["--json"]].concat()).exits(2).says("--jsonl");
}

#[test]
fn what_becomes_of_an_event_is_shown_attempt_by_attempt() {
    let terminal = Terminal::new();
    let receiver = Receiver::plain(&[NO_CONTENT]);
    let url = format!("http://127.0.0.1:{}/hooks", receiver.port);
    terminal.json(&["endpoint", "add", &url, "--id", "admin"]);
    let emitted = terminal.emit("event-1");
    let sequence = emitted["events"][0]["sequence"].to_string();
    assert_eq!(receiver.requests().len(), 1);
    let delivered = loop {
        let listed = terminal.json(&["delivery", "list", "admin"]);
        if listed["deliveries"][0]["state"] == json!("delivered") {
            break listed;
        }
    };
    assert_eq!(delivered["deliveries"][0]["attempts"][0]["status"], json!(204));
    terminal.hooks(&["delivery", "list", "admin"]).exits(0).says("delivered").says("204");
    let listed = |state: &str| {
        let words =
            ["delivery", "list", "admin", "--state", state, "--from", "2026-01-01T00:00:00Z"];
        terminal.json(&words)["deliveries"].as_array().unwrap().len()
    };
    assert_eq!((listed("delivered"), listed("dead,parked")), (1, 0));
    let words = ["delivery", "list", "admin", "--state", "odd"];
    terminal.hooks(&words).exits(2).says("QUERY_INVALID");
    let change = |more: &[&str]| terminal.json(&[&["endpoint", "change", "admin"], more].concat());
    let filter = "event.data.status == 'active'";
    let changed = change(&["--filter", filter, "--keep", "2h", "--per-second", "9"]);
    assert_eq!((&changed["filter"], &changed["perSecond"]), (&json!(filter), &json!(9)));
    assert_eq!(changed["keepDeliveredMs"], json!(7_200_000));
    let back = change(&["--filter", "none", "--keep", "hub"]);
    assert!(back["filter"].is_null() && back["keepDeliveredMs"].is_null(), "{back}");
    assert_eq!(back["perSecond"], json!(9), "what is not named stays");
    let words = ["endpoint", "change", "admin", "--filter", "now()"];
    terminal.hooks(&words).exits(2).says("EVENT_FILTER_INVALID");
    let data = terminal.json(&["delivery", "data", "admin", &sequence]);
    assert_eq!(data["data"], json!({ "status": "active" }));
    terminal.hooks(&["delivery", "retry", "admin", &sequence]).exits(2);
}

#[test]
fn a_replay_is_counted_and_then_delivers_again() {
    let terminal = Terminal::new();
    let receiver = Receiver::plain(&[NO_CONTENT; 3]);
    let url = format!("http://127.0.0.1:{}/hooks", receiver.port);
    terminal.json(&["endpoint", "add", &url, "--id", "admin"]);
    terminal.emit("event-1");
    terminal.emit("event-2");
    loop {
        let listed = terminal.json(&["delivery", "list", "admin"]);
        let states = listed["deliveries"].as_array().unwrap().iter().map(|one| &one["state"]);
        if states.filter(|state| **state == json!("delivered")).count() == 2 {
            break;
        }
    }
    let replay = ["replay", "admin", "--status", "delivered"];
    let counted = terminal.json(&[&replay[..], &["--dry-run"]].concat());
    assert_eq!((&counted["count"], &counted["complete"]), (&json!(2), &json!(true)));
    terminal.hooks(&[&replay[..], &["--dry-run"]].concat()).exits(0).says("Nothing was done");
    let none = terminal.json(&["replay", "admin", "--dry-run"]);
    assert_eq!(none["count"], json!(0), "none are dead");
    let one = ["--types", "*.created", "--to", "2000-01-01T00:00:00Z"];
    terminal.hooks(&[&replay[..], &one[..], &["--dry-run"]].concat()).exits(0).says("0 would");
    let replayed = terminal.json(&replay);
    assert_eq!((&replayed["taken"], &replayed["passed"]), (&json!(2), &json!(0)));
    let again = receiver.requests().pop().unwrap();
    assert!(again.contains("webhook-replay: true"), "{again}");
    terminal.hooks(&["replay", "nobody", "--dry-run"]).exits(2).says("ENDPOINT_UNKNOWN");
}

#[test]
fn a_body_is_signed_as_a_hub_would() {
    let terminal = Terminal::new();
    terminal.desk.put("s", b"whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=");
    terminal.desk.put("plain", b"a secret of spec 004, long enough");
    terminal.desk.put("body.json", b"{}");
    let words = ["sign", "--secret-file", "s", "--secret-file", "plain", "--id", "event-1"];
    let signed = terminal.json(&[&words[..], &["--timestamp", "1700000000", "body.json"]].concat());
    let headers = signed["headers"].as_object().unwrap();
    let mut words = vec!["verify", "--secret-file", "s", "--secret-file", "plain", "body.json"];
    let headers: Vec<String> = headers
        .iter()
        .map(|(name, value)| format!("{name}: {}", value.as_str().unwrap()))
        .collect();
    headers.iter().for_each(|header| words.extend(["-H", header]));
    let at = |now| [&words[..], &["--now", now]].concat();
    let verified = terminal.json(&at("1700000100"));
    assert_eq!(verified["verified"], json!(["standard", "x-webhook-signature"]));
    terminal.hooks(&at("1700009999")).exits(9).says("WEBHOOK_TIMESTAMP_OUTSIDE");
    terminal.desk.put("s", b"whsec_short");
    terminal.hooks(&words).exits(2).says("s holds no secret");
}

#[test]
fn nothing_is_asked_without_a_token_or_with_one_that_all_could_read() {
    let terminal = Terminal::new();
    let with = |server: &str, token: &str| {
        let mut command = terminal.desk.command(&["hooks", "endpoint", "list"]);
        command.env("SYNCLINE_SERVER", server).env("SYNCLINE_TOKEN", token);
        answer(&command.output().unwrap())
    };
    let server = format!("http://{}", terminal.serving.address);
    with(&server, "").exits(3).says("ACCESS_TOKEN_MISSING");
    let refused = with(&server, "sk_of_nobody").exits(3).says("ACCESS_TOKEN");
    assert!(!refused.stderr.contains("sk_of_nobody"), "{}", refused.stderr);
    with("http://192.0.2.1:8787", "sk_x").exits(2).says("--allow-plaintext");
    with("http://user:word@127.0.0.1:1", "sk_x").exits(2).says("not understood");
    with("ftp://127.0.0.1", "sk_x").exits(2);
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let refused = with(&format!("http://{closed}/of/nobody"), "sk_x");
    refused.exits(8).says("SERVER_UNREACHABLE").says(&format!("the server http://{closed} cannot"));
    let page = Receiver::plain(&["HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>"]);
    let address = format!("http://127.0.0.1:{}", page.port);
    with(&address, "sk_x").exits(1).says("SERVER_ANSWER_INVALID");
    let moved = "HTTP/1.1 302 Found\r\nLocation: http://192.0.2.1/\r\nContent-Length: 0\r\n\r\n";
    let page = Receiver::plain(&[moved]);
    let address = format!("http://127.0.0.1:{}", page.port);
    with(&address, "sk_x").exits(1).says("SERVER_ANSWER_INVALID");
    assert_eq!(page.requests().len(), 1, "a redirect is not followed");
    terminal.desk.put("token", terminal.serving.token.as_bytes());
    let mut command =
        terminal.desk.command(&["hooks", "endpoint", "list", "--token-file", "token"]);
    command.env("SYNCLINE_SERVER", &server);
    answer(&command.output().unwrap()).exits(0);
}
