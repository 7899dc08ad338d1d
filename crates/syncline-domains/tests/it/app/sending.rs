//! What arrives, and what becomes of it.

use bytes::Bytes;
use syncline_domains::app::{Failure, Phase, Request};
use syncline_protocol::webhook::body::{BodyForm, BodyOptions, body};
use syncline_protocol::webhook::delivery::{Attempt, headers};
use syncline_protocol::webhook::event::{Event, EventId, EventType};
use syncline_protocol::webhook::secret::Secret;
use syncline_protocol::webhook::sign::Signer;
use syncline_protocol::webhook::verify::{Received, Verifier};

use super::receiver::{Receiver, Reply, answer, failure, hurried, request, sender};

const NOW_S: u64 = 1_700_000_000;

/// A request as it is sent of an event.
fn signed(secrets: &[Secret]) -> Request {
    let (id, event_type) = (EventId::new("e-1").unwrap(), EventType::new("tasks.created").unwrap());
    let event = Event {
        id: &id,
        event_type: &event_type,
        time_ms: NOW_S * 1_000,
        data: r#"{"title":"Call back"}"#,
        edited: None,
        resource_type: "tasks",
        resource_id: "t 1",
        sequence: 7,
        origin: "phone",
        hops: &[],
    };
    let (form, source, data_ref) = (BodyForm::AnywhereDoor, "/hubs/main", "/v1/events/e-1/data");
    let made = body(&event, &BodyOptions { form, thin_above_bytes: 1 << 18, data_ref, source });
    let attempt = Attempt {
        timestamp_s: NOW_S,
        number: 2,
        endpoint: "admin",
        position: 7,
        is_replay: true,
        traceparent: None,
        source,
        data_ref,
    };
    let headers = headers(&event, (&made, form), &attempt, &Signer::new(secrets).unwrap());
    Request { headers, body: Bytes::from(made.bytes), ..request("") }
}

#[tokio::test]
async fn what_is_sent_arrives_whole_and_is_verified() {
    let receiver = Receiver::start(|_| answer("204 No Content", "")).await;
    let sender = sender();
    let secrets = [Secret::symmetric([1; 32]), Secret::plain("your-webhook-secret-here").unwrap()];
    let outcome = receiver.route(&sender).send(signed(&secrets)).await;
    assert_eq!((outcome.answer, &*outcome.excerpt), (Ok(204), ""));
    let request = receiver.requests().remove(0);
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let mut lines = head.lines();
    assert_eq!(lines.next(), Some("POST /hook?a=1 HTTP/1.1"));
    let value = |name: &str| {
        let mut found = head.lines().filter_map(|line| line.split_once(": "));
        found.find_map(|(found, value)| (found == name).then_some(value))
    };
    assert_eq!(value("host"), Some(receiver.address.to_string().as_str()));
    assert!(value("user-agent").unwrap().starts_with("Syncline/"));
    assert_eq!(value("ce-subject"), Some("tasks/t%201"));
    assert_eq!(value("webhook-attempt"), Some("2"));
    assert_eq!(value("webhook-replay"), Some("true"));
    assert_eq!(value("syncline-delivery"), Some("admin/7"));
    let bytes = |name| value(name).map(str::as_bytes);
    let received = Received {
        id: bytes("webhook-id"),
        timestamp: bytes("webhook-timestamp"),
        signature: bytes("webhook-signature"),
        plain_signature: bytes("x-webhook-signature"),
        body: body.as_bytes(),
    };
    let verified = Verifier::new(&secrets).unwrap().verify(&received, NOW_S).unwrap();
    assert!(verified.is_standard && verified.is_plain);
}

#[tokio::test]
async fn an_answer_is_told_with_its_wait_and_without_its_secrets() {
    let body = "slow down, \u{1b}[31mAuthorization: Bearer abc";
    let text = format!(
        "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let receiver = Receiver::start(move |_| Reply::Answer(text.clone())).await;
    let outcome = receiver.route(&sender()).send(request("{}")).await;
    assert_eq!((outcome.answer, outcome.retry_after_ms), (Ok(429), Some(7_000)));
    assert_eq!(&*outcome.excerpt, "slow down, \\u{1b}[31mAuthorization: Bearer [redacted]");
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let other = Receiver::start(|_| answer("200 OK", "")).await;
    let location = format!("http://{}/", other.address);
    for status in
        ["301 Moved Permanently", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"]
    {
        let text =
            format!("HTTP/1.1 {status}\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n");
        let receiver = Receiver::start(move |_| Reply::Answer(text.clone())).await;
        let outcome = receiver.route(&sender()).send(request("{}")).await;
        assert_eq!(outcome.answer.map(|status| status / 100), Ok(3));
        assert_eq!(receiver.connections(), 1);
    }
    assert_eq!(other.connections(), 0);
}

#[tokio::test]
async fn no_answer_is_a_failure_of_its_kind() {
    let endless_head = format!("HTTP/1.1 200 OK\r\nx: {}", "x".repeat(1 << 20));
    #[rustfmt::skip]
    let cases = [
        ("closed at once",          Reply::Last(String::new()),                         Failure::Lost),
        ("closed in the head",      Reply::Last("HTTP/1.1 200 OK\r\nConte".to_owned()), Failure::Lost),
        ("another protocol",        Reply::Stall("SSH-2.0-OpenSSH_9\r\n".to_owned()),   Failure::Malformed),
        ("a status that is none",   Reply::Stall("HTTP/1.1 9 x\r\n\r\n".to_owned()),    Failure::Malformed),
        ("a head without an end",   Reply::Stall(endless_head),                         Failure::Malformed),
        ("silent",                  Reply::Stall(String::new()),                        Failure::TimedOut { phase: Phase::Answer }),
        ("silent in the head",      Reply::Stall("HTTP/1.1 200 OK\r\nConte".to_owned()), Failure::TimedOut { phase: Phase::Answer }),
    ];
    for (name, reply, expected) in cases {
        let is_late = matches!(expected, Failure::TimedOut { .. });
        let receiver = Receiver::start(move |_| reply.clone()).await;
        let sender = sender();
        let sent = if is_late { hurried("{}") } else { request("{}") };
        let outcome = receiver.route(&sender).send(sent).await;
        assert_eq!(failure(outcome), expected, "case: {name}");
        assert_eq!(receiver.connections(), 1, "case: {name}: not sent again");
        assert_eq!(sender.connections(), 0, "case: {name}: nothing is kept");
    }
}

#[tokio::test]
async fn the_status_decides_however_long_or_slow_its_body_is() {
    let chunked = "HTTP/1.1 500 Oh\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n";
    #[rustfmt::skip]
    let cases = [
        ("a body without an end",    Reply::Endless("HTTP/1.1 200 OK\r\n\r\n".to_owned()),                             200, "xxx"),
        ("a body of a terabyte",     Reply::Endless("HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n".to_owned()), 200, "xxx"),
        ("a body that stalls",       Reply::Stall("HTTP/1.1 500 Oh\r\nContent-Length: 9\r\n\r\nabc".to_owned()),       500, "abc"),
        ("chunks that stall",        Reply::Stall(chunked.to_owned()),                                                 500, "abc"),
        ("a body that is cut",       Reply::Last("HTTP/1.1 500 Oh\r\nContent-Length: 9\r\n\r\nabc".to_owned()),        500, "abc"),
        ("chunks that are none",     Reply::Stall(format!("{chunked}zz\r\n")),                                         500, "abc"),
    ];
    for (name, reply, status, beginning) in cases {
        let receiver = Receiver::start(move |_| reply.clone()).await;
        let sender = sender();
        let outcome = receiver.route(&sender).send(request("{}")).await;
        assert_eq!(outcome.answer, Ok(status), "case: {name}");
        assert!(outcome.excerpt.starts_with(beginning), "case: {name}: {}", outcome.excerpt);
        assert!(outcome.excerpt.len() <= 1_024, "case: {name}");
        assert_eq!(sender.connections(), 0, "case: {name}: nothing is kept");
    }
}

#[tokio::test]
async fn a_request_that_is_too_large_is_not_sent() {
    let receiver = Receiver::start(|_| answer("200 OK", "")).await;
    let outcome = receiver.route(&sender()).send(request(&"x".repeat((1 << 20) + 1))).await;
    assert!(matches!(failure(outcome), Failure::TooLarge { max: 1_048_576, .. }));
    assert_eq!(receiver.connections(), 0);
}
