//! Events that applications emit.

use serde_json::{Value, json};

use crate::deliveries::Receiver;
use crate::house::House;

const EVENTS: &str = "/v1/events";
const T1: &str = "/v1/entities/tasks/records/t1";

fn enrolled(id: &str) -> Value {
    json!({
        "id": id,
        "type": "enrollment.created",
        "resourceType": "enrollment",
        "resourceId": "enrollment-123",
        "data": { "status": "active" },
    })
}

fn unnamed() -> Value {
    let mut event = enrolled("x");
    event.as_object_mut().unwrap().remove("id");
    event
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_emitted_once_under_its_id_or_its_idempotency_key() {
    let house = House::new().await;
    let send = async |event: &Value| {
        house.post(EVENTS, &json!({ "events": [event] })).await.is(200).json()["events"][0].clone()
    };
    let first = send(&enrolled("event-123")).await;
    assert_eq!(first["id"], "event-123");
    assert!(first["sequence"].is_u64(), "{first}");
    assert_eq!(send(&enrolled("event-123")).await, json!({ "id": "event-123" }));
    let mut changed = enrolled("event-123");
    changed["data"]["status"] = json!("over");
    let changed = json!({ "events": [changed] });
    house.post(EVENTS, &changed).await.is(409).says("EVENT_ID_REUSED");
    let (one, other) = (send(&unnamed()).await, send(&unnamed()).await);
    assert_ne!(one["id"], other["id"], "two events without an id are two events");
    let keyed = async || {
        let ask = house.ask("POST", EVENTS).token(&house.admin).header("idempotency-key", "k-1");
        let events = json!({ "events": [unnamed(), unnamed()] });
        ask.json(&events).send().await.is(200).json()["events"].clone()
    };
    let (first, again) = (keyed().await, keyed().await);
    assert_eq!(first[1]["id"], again[1]["id"]);
    assert!(first[1]["sequence"].is_u64() && again == first, "{again}");
    let log = house.get("/v1/log?limit=100").await.is(200).json();
    let kinds = log["entries"].as_array().unwrap().iter();
    assert_eq!(kinds.filter(|entry| entry["kind"] == "event").count(), 5, "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_and_the_change_it_speaks_of_are_there_together_or_not_at_all() {
    let house = House::new().await;
    let done = json!({ "type": "task.done", "resourceType": "tasks", "resourceId": "t1" });
    let with = |change: Value| {
        let mut event = done.clone();
        event["change"] = change;
        json!({ "events": [event] })
    };
    house.post(EVENTS, &with(json!({ "set": { "/done": true } }))).await.is(200);
    assert_eq!(house.get(T1).await.is(200).json()["record"], json!({ "done": true }));
    // A change that is refused takes its event along.
    let before = house.get("/v1/log?limit=100").await.is(200).json();
    let stale = json!({ "base": "bm8gdG9rZW4", "set": { "/done": false } });
    house.post(EVENTS, &with(stale)).await.is(422);
    house.post(EVENTS, &with(json!({ "op": 7 }))).await.is(400).says("BODY_INVALID");
    house.post(EVENTS, &with(json!({}))).await.is(422);
    assert_eq!(house.get("/v1/log?limit=100").await.is(200).json(), before);
    let two = json!({ "events": [done, with(json!({ "delete": true }))["events"][0]] });
    house.post(EVENTS, &two).await.is(400).says("BODY_INVALID");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_event_is_refused_and_emits_nothing() {
    let house = House::new().await;
    let refused = [
        json!({}),
        json!({ "events": [] }),
        json!({ "events": [7] }),
        json!({ "events": [unnamed()], "more": 1 }),
        json!({ "events": [{ "type": "a b", "resourceType": "t", "resourceId": "1" }] }),
        json!({ "events": [{ "type": "", "resourceType": "t", "resourceId": "1" }] }),
        json!({ "events": [{ "type": "a", "resourceType": "", "resourceId": "1" }] }),
        json!({ "events": [{ "type": "a", "resourceType": "t", "resourceId": 7 }] }),
        json!({ "events": vec![unnamed(); 1_001] }),
    ];
    for body in refused {
        house.post(EVENTS, &body).await.is(400).says("BODY_INVALID");
    }
    for id in ["has.dot", ""] {
        let body = json!({ "events": [enrolled(id)] });
        let refused = house.post(EVENTS, &body).await.is(422);
        let detail = refused.json()["detail"].as_str().unwrap().to_owned();
        refused.says("EVENT_ID_INVALID");
        assert!(detail.starts_with("an event id "), "{detail}");
    }
    let change = json!({ "set": { "/done": true } });
    let body = json!({ "events": [{ "type": "a", "resourceType": "t", "change": change }] });
    house.post(EVENTS, &body).await.is(400).says("BODY_INVALID");
    let log = house.get("/v1/log?limit=10").await.is(200).json();
    assert_eq!(log["entries"], json!([]), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_delivery_is_a_part_of_the_trace_of_who_emitted() {
    const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let house = crate::deliveries::house().await;
    // The first attempt fails.
    let receiver = Receiver::start(|got| if got.len() == 1 { 500 } else { 204 }).await;
    let mut endpoint = receiver.endpoint("admin");
    endpoint["schedule"] = json!([0, 10, 10]);
    house.post("/v1/endpoints", &endpoint).await.is(201);
    let emit = |id: &str, traces: &[&str]| {
        let event =
            json!({ "id": id, "type": "task.told", "resourceType": "tasks", "resourceId": id });
        let mut ask = house.ask("POST", "/v1/events").token(&house.admin);
        for trace in traces {
            ask = ask.header("traceparent", trace);
        }
        ask.json(&json!({ "events": [event] })).send()
    };
    emit("one", &[TRACE]).await.is(200);
    let got = receiver.wait_for(2).await;
    let parts: Vec<Vec<&str>> =
        got.iter().map(|got| got.header("traceparent").split('-').collect()).collect();
    for part in &parts {
        assert_eq!((part[1], part[3]), ("4bf92f3577b34da6a3ce929d0e0e4736", "01"), "{parts:?}");
        assert_ne!(part[2], "00f067aa0ba902b7", "it is not the part of who emitted");
    }
    assert_ne!(parts[0][2], parts[1][2], "each attempt is one of its own");
    assert!(!got[1].json().to_string().contains("4bf92f35"), "it is no part of what is said");
    // Sent again from another part it is the same event, which is told already.
    let other = "00-4bf92f3577b34da6a3ce929d0e0e4736-aaaaaaaaaaaaaaaa-01";
    emit("one", &[other]).await.is(200);
    // What is no trace is none, and no mistake.
    for (id, traces) in [("two", vec!["00-x"]), ("three", vec![TRACE, other]), ("four", vec![])] {
        emit(id, &traces).await.is(200);
    }
    let got = receiver.wait_for(5).await;
    assert!(got[2..].iter().all(|got| got.header("traceparent").is_empty()));
    assert!(got[2..].iter().all(|got| got.named().1 != "one"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_sent_again_is_answered_as_it_was() {
    let house = House::new().await;
    let with_change = json!({ "type": "task.done", "resourceType": "tasks", "resourceId": "t1",
        "change": { "set": { "/done": true } } });
    let bodies = [
        json!({ "events": [unnamed()] }),
        json!({ "events": [unnamed(), enrolled("named-1"), unnamed()] }),
        json!({ "events": [with_change] }),
    ];
    for (index, body) in bodies.iter().enumerate() {
        let ask = || {
            let ask = house.ask("POST", EVENTS).token(&house.admin);
            ask.header("idempotency-key", &format!("key-{index}")).json(body).send()
        };
        let first = ask().await.is(200);
        assert_eq!(first.header("idempotency-replayed"), "");
        // Others come between.
        house.post(EVENTS, &json!({ "events": [unnamed()] })).await.is(200);
        let again = ask().await.is(200);
        assert_eq!(again.header("idempotency-replayed"), "true");
        assert!(
            first.json()["events"].as_array().unwrap().iter().all(|one| one["sequence"].is_u64())
        );
        assert_eq!(again.json(), first.json(), "{body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_of_no_record_stands_for_itself() {
    let house = crate::deliveries::house().await;
    let receiver = Receiver::start(|_| 204).await;
    house.post("/v1/endpoints", &receiver.endpoint("admin")).await.is(201);
    let events =
        json!({ "events": [{ "id": "free-1", "type": "invoice.paid", "data": { "n": 1 } }] });
    house.post(EVENTS, &events).await.is(200);
    let got = receiver.wait_for(1).await[0].json();
    assert_eq!((&got["resourceType"], &got["resourceId"]), (&json!("event"), &json!("free-1")));
    house.get("/v1/entities/event/records/free-1").await.is(404);
}
