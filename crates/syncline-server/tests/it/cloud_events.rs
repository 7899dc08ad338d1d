//! Events as CloudEvents has them, at receivers.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::deliveries::{Got, Receiver};
use crate::house::{Ask, House};
use crate::receiving::{SYMMETRIC, expect, house, now_s};

const STRUCTURED: &str = "application/cloudevents+json";
const RECORD: &str = "/v1/entities/enrollment/records/e1";

fn cloud_event(id: &str, source: &str, seat: u64) -> Value {
    json!({ "specversion": "1.0", "id": id, "source": source, "type": "enrollment.updated",
        "subject": "enrollment/e1", "time": "2024-01-31T12:00:00Z", "data": { "seat": seat } })
}

/// Makes the receiver of a name, which takes what is signed with the symmetric secret.
async fn receiver(house: &House, name: &str, more: Value) {
    let mut body = json!({ "name": name, "preset": "sync", "secrets": [SYMMETRIC] });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    house.post("/v1/receivers", &body).await.is(201);
}

impl House {
    fn structured(&self, message: &str, body: &Value) -> Ask {
        let ask = self.ask("POST", "/api/webhooks/events").header("content-type", STRUCTURED);
        ask.signed_bytes(SYMMETRIC, message, now_s(), body.to_string().into_bytes())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_in_structured_mode_is_applied_once_by_its_id_and_source() {
    let house = house().await;
    receiver(&house, "events", json!({})).await;
    let sent =
        async |message: &str, body: &Value| house.structured(message, body).send().await.is(200);
    let first = cloud_event("a", "/one", 4);
    expect(&sent("m-1", &first).await, true, false, false);
    expect(&sent("m-2", &first).await, false, true, false);
    // Under another type of the body, which no signature covers, it is the same event.
    let plain = house.ask("POST", "/api/webhooks/events");
    let plain = plain.signed(SYMMETRIC, "m-1", now_s(), &first).send().await.is(200);
    expect(&plain, false, true, false);
    // The same id of another source is another event.
    expect(&sent("m-3", &cloud_event("a", "/two", 5)).await, true, false, false);
    assert_eq!(house.record(RECORD).await, json!({ "seat": 5 }));
    let mut deleted = cloud_event("b", "/two", 0);
    deleted["type"] = json!("enrollment.deleted");
    expect(&sent("m-4", &deleted).await, true, false, false);
    house.get(RECORD).await.is(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_cloud_event_is_refused_with_its_code() {
    let house = house().await;
    receiver(&house, "events", json!({})).await;
    let without = |name: &str| {
        let mut body = cloud_event("a", "/one", 4);
        body.as_object_mut().unwrap().remove(name);
        body
    };
    let cases = [
        (without("specversion"), "WEBHOOK_CLOUD_EVENT_INVALID"),
        (without("id"), "WEBHOOK_CLOUD_EVENT_INVALID"),
        (without("source"), "WEBHOOK_CLOUD_EVENT_INVALID"),
        (without("type"), "WEBHOOK_CLOUD_EVENT_INVALID"),
        (json!([cloud_event("a", "/one", 4)]), "WEBHOOK_CLOUD_EVENT_INVALID"),
        (without("subject"), "WEBHOOK_MEMBER_MISSING"),
        (without("time"), "WEBHOOK_MEMBER_MISSING"),
        (without("data"), "WEBHOOK_MEMBER_MISSING"),
    ];
    for (body, code) in cases {
        house.structured("m-1", &body).send().await.is(422).says(code);
    }
    let batch = "application/cloudevents-batch+json";
    let ask = house.ask("POST", "/api/webhooks/events").header("content-type", batch);
    let ask = ask.signed_bytes(SYMMETRIC, "m-1", now_s(), b"[]".to_vec());
    ask.send().await.is(415).says("MEDIA_TYPE_UNSUPPORTED");
    assert_eq!(house.log_length().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_that_nobody_has_signed_say_nothing_unless_the_receiver_is_set_so() {
    let house = house().await;
    receiver(&house, "events", json!({})).await;
    let body = json!({ "id": "a", "type": "enrollment.updated", "resourceType": "enrollment",
        "resourceId": "e1", "timestamp": "2024-01-31T12:00:00Z", "data": { "seat": 4 } });
    let ask = |name: &str, message: &str| {
        let ask = house.ask("POST", &format!("/api/webhooks/{name}"));
        let ask =
            ask.header("ce-specversion", "1.0").header("ce-id", "b").header("ce-source", "/one");
        let ask = ask.header("ce-type", "enrollment.deleted").header("ce-subject", "enrollment/e1");
        ask.header("ce-time", "2024-02-01T12:00:00Z").signed(SYMMETRIC, message, now_s(), &body)
    };
    expect(&ask("events", "m-1").send().await.is(200), true, false, false);
    assert_eq!(house.record(RECORD).await, json!({ "seat": 4 }));
    house.ask("DELETE", "/v1/receivers/events").token(&house.admin).send().await.is(204);
    receiver(&house, "headers", json!({ "cloudEventHeaders": true })).await;
    expect(&ask("headers", "m-2").send().await.is(200), true, false, false);
    house.get(RECORD).await.is(404);
    // Under another id and at another time it is the same message still.
    let again = house.ask("POST", "/api/webhooks/headers").header("ce-specversion", "1.0");
    let again = again.header("ce-id", "c").header("ce-source", "/one");
    let again = again.header("ce-type", "enrollment.updated").header("ce-subject", "enrollment/e1");
    let again = again.header("ce-time", "2024-02-02T12:00:00Z");
    let again = again.signed(SYMMETRIC, "m-2", now_s(), &body).send().await.is(200);
    expect(&again, false, true, false);
    house.get(RECORD).await.is(404);
}

/// Hands on what another hub has sent.
async fn handed_on(house: &House, name: &str, got: &Got) {
    let mut ask = house.ask("POST", &format!("/api/webhooks/{name}"));
    let kept = |name: &str| {
        name.starts_with("ce-") || name.starts_with("webhook-") || name.starts_with("content-type")
    };
    for (name, value) in got.headers().iter().filter(|(name, _)| kept(name.as_str())) {
        ask = ask.header(name.as_str(), value.to_str().unwrap());
    }
    expect(&ask.bytes(got.body.clone()).send().await.is(200), true, false, false);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_hub_sends_in_any_form_another_one_takes() {
    let sender = crate::deliveries::house().await;
    let application = Receiver::start(|_| 200).await;
    for (id, body) in [("s", "standard"), ("a", "anywheredoor"), ("c", "cloudevent")] {
        let mut endpoint = application.endpoint(id);
        endpoint["body"] = json!(body);
        endpoint["secrets"] = json!([SYMMETRIC]);
        sender.post("/v1/endpoints", &endpoint).await.is(201);
    }
    let path = "/v1/entities/enrollment/records/Z%C3%BCrich%20%2F%2017";
    let put = sender.ask("PUT", path).token(&sender.admin).json(&json!({ "seat": 4 }));
    put.send().await.is(201);
    let got = application.wait_for(3).await;
    assert_eq!(got.iter().filter(|one| one.header("content-type") == STRUCTURED).count(), 1);
    for one in &got {
        let (house, of_headers) = (house().await, one.header("ce-type"));
        receiver(&house, "events", json!({})).await;
        handed_on(&house, "events", one).await;
        assert_eq!(house.record(path).await, json!({ "seat": 4 }));
        if !of_headers.is_empty() {
            // What the body of our own binary mode has is a body of spec 004: its data is within.
            let house = crate::receiving::house().await;
            let new = json!({ "cloudEventHeaders": true, "data": "/data/data" });
            receiver(&house, "headers", new).await;
            handed_on(&house, "headers", one).await;
            assert_eq!(house.record(path).await, json!({ "seat": 4 }));
        }
    }
}

/// Installs the library unless it is there, and returns the Python that has it.
fn python() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("webhook-libraries");
    let mut installer = Command::new("bash");
    let installer = installer.arg(root.join("scripts/install-webhook-libraries.sh")).arg(&folder);
    let installed = installer.output().unwrap();
    let told = String::from_utf8_lossy(&installed.stderr);
    assert!(installed.status.success(), "the libraries cannot be installed:\n{told}");
    folder.join("python/bin/python")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_official_library_sends_in_either_mode_is_taken() {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/cloud_events/library.py");
    let output =
        tokio::task::spawn_blocking(move || Command::new(python()).arg(program).output().unwrap());
    let output = output.await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).unwrap();
    let messages: Vec<Value> =
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(messages.len(), 2);
    for message in messages {
        let house = house().await;
        receiver(&house, "events", json!({ "cloudEventHeaders": true })).await;
        let mut ask = house.ask("POST", "/api/webhooks/events");
        for (name, value) in message["headers"].as_object().unwrap() {
            ask = ask.header(name, value.as_str().unwrap());
        }
        let body = message["body"].as_str().unwrap().as_bytes().to_vec();
        let sent = ask.signed_bytes(SYMMETRIC, "m-1", now_s(), body).send().await.is(200);
        expect(&sent, true, false, false);
        let path = "/v1/entities/order/records/Z%C3%BCrich%2017";
        assert_eq!(house.record(path).await, json!({ "paid": true }));
    }
}
