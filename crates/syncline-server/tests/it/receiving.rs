//! Webhooks that come in.

use std::sync::Arc;

use serde_json::{Value, json};
use syncline_protocol::webhook::secret::Secret;
use syncline_protocol::webhook::sign::Signer;
use syncline_server::AppSettings;

use crate::house::{Ask, House, Reply};

/// As spec 004 sets it.
pub(crate) const PLAIN: &str = "your-webhook-secret-here";
pub(crate) const SYMMETRIC: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const ENROLLMENT: &str = "/v1/entities/enrollment/records/enrollment-123";

/// Returns what the environment of spec 004 says.
pub(crate) fn environment(pairs: &[(&str, &str)]) -> AppSettings {
    AppSettings::from_environment(|name| {
        let found = pairs.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    })
}

pub(crate) async fn house() -> House {
    House::with(|settings| settings.application = environment(&[("WEBHOOK_SECRET", PLAIN)])).await
}

/// Returns the signature of spec 004.
pub(crate) fn plain_signature(secret: &str, body: &[u8]) -> String {
    let mut signature = String::new();
    let signer = Signer::new([&Secret::plain(secret).unwrap()]).unwrap();
    signer.write_plain_signature(body, &mut signature);
    signature
}

pub(crate) fn now_s() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

impl Ask {
    pub(crate) fn signed_plainly(self, secret: &str, body: &Value) -> Self {
        let signature = plain_signature(secret, body.to_string().as_bytes());
        self.header("x-webhook-signature", &signature).json(body)
    }

    pub(crate) fn signed(self, secret: &str, id: &str, at_s: u64, body: &Value) -> Self {
        let ask = self.header("content-type", "application/json");
        ask.signed_bytes(secret, id, at_s, body.to_string().into_bytes())
    }

    pub(crate) fn signed_bytes(self, secret: &str, id: &str, at_s: u64, body: Vec<u8>) -> Self {
        let secret = Secret::parse(secret).unwrap();
        let signer = Signer::new([&secret]).unwrap();
        let signature = signer.signature(id, at_s, &body);
        let ask = self.header("webhook-id", id).header("webhook-timestamp", &at_s.to_string());
        ask.header("webhook-signature", &signature).bytes(body)
    }
}

impl House {
    /// Has a receiver of spec 004 told something.
    pub(crate) async fn told(&self, receiver: &str, body: &Value) -> Reply {
        let ask = self.ask("POST", &format!("/api/webhooks/{receiver}"));
        ask.signed_plainly(PLAIN, body).send().await
    }

    pub(crate) async fn record(&self, path: &str) -> Value {
        self.get(path).await.is(200).json()["record"].clone()
    }

    pub(crate) async fn log_length(&self) -> usize {
        let log = self.get("/v1/log?limit=1000").await.is(200).json();
        log["entries"].as_array().unwrap().len()
    }
}

pub(crate) fn event(id: &str, kind: &str, at: &str, data: Value) -> Value {
    json!({
        "id": id,
        "type": kind,
        "resourceId": "enrollment-123",
        "resourceType": "enrollment",
        "data": data,
        "timestamp": at,
        "retryCount": 0,
        "status": "pending",
    })
}

#[track_caller]
pub(crate) fn expect(reply: &Reply, applied: bool, duplicate: bool, stale: bool) {
    let told = reply.json();
    let data = &told["data"];
    assert_eq!(data["applied"], applied, "{told}");
    assert_eq!(data["duplicate"], duplicate, "{told}");
    assert_eq!(data["stale"], stale, "{told}");
    assert_eq!((&data["success"], &told["metadata"]["version"]), (&json!(true), &json!("1.0")));
}

pub(crate) const T: [&str; 4] = [
    "2024-01-31T12:00:00.000Z",
    "2024-01-31T12:00:01.000Z",
    "2024-01-31T12:00:02.000Z",
    "2024-01-31T12:00:03.000Z",
];

#[tokio::test(flavor = "multi_thread")]
async fn an_enrollment_is_made_changed_and_deleted_and_the_audit_says_by_whom() {
    let house = house().await;
    let receiver = "enrollment-changed";
    let made = event("e-1", "enrollment.created", T[0], json!({ "status": "active", "seat": 4 }));
    expect(&house.told(receiver, &made).await.is(200), true, false, false);
    assert_eq!(house.record(ENROLLMENT).await, json!({ "status": "active", "seat": 4 }));
    let changed = event("e-2", "enrollment.updated", T[1], json!({ "status": "over" }));
    expect(&house.told(receiver, &changed).await.is(200), true, false, false);
    assert_eq!(house.record(ENROLLMENT).await, json!({ "status": "over", "seat": 4 }));
    let same = event("e-3", "enrollment.updated", T[2], json!({ "status": "over" }));
    expect(&house.told(receiver, &same).await.is(200), false, false, false);
    let deleted = event("e-4", "enrollment.deleted", T[3], json!({}));
    expect(&house.told(receiver, &deleted).await.is(200), true, false, false);
    house.get(ENROLLMENT).await.is(404);
    // What was on its way when it was deleted does not bring it back.
    let late = event("e-5", "enrollment.updated", T[2], json!({ "status": "active" }));
    expect(&house.told(receiver, &late).await.is(200), false, false, true);
    house.get(ENROLLMENT).await.is(404);
    let log = house.get("/v1/log").await.is(200).json();
    let by = log["entries"][0]["by"].as_str().unwrap();
    assert!(by.starts_with("hook-enrollment-changed-"), "{log}");
    let audit = house.get("/v1/audit").await.is(200).json();
    let origins = audit["entries"].as_array().unwrap().iter().map(|entry| entry.to_string());
    assert_eq!(origins.filter(|entry| entry.contains(by)).count(), 3, "{audit}");
    assert_eq!(house.get("/v1/audit/verify").await.is(200).json()["intact"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_received_fifty_times_at_once_is_applied_once() {
    let house = Arc::new(house().await);
    let body = event("e-1", "enrollment.created", T[0], json!({ "status": "active" }));
    let tasks: Vec<_> = (0..50)
        .map(|_| {
            let (house, body) = (Arc::clone(&house), body.clone());
            tokio::spawn(async move { house.told("sync", &body).await.is(200).json() })
        })
        .collect();
    let (mut applied, mut duplicates) = (0, 0);
    for task in tasks {
        let told = task.await.unwrap();
        applied += u32::from(told["data"]["applied"] == true);
        duplicates += u32::from(told["data"]["duplicate"] == true);
    }
    assert_eq!((applied, duplicates, house.log_length().await), (1, 49, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_received_is_known_after_a_restart_and_nothing_older_is_applied() {
    let house = house().await;
    let second = event("e-2", "enrollment.updated", T[1], json!({ "status": "over" }));
    expect(&house.told("sync", &second).await.is(200), true, false, false);
    let again = |settings: &mut syncline_server::Settings| {
        settings.application = environment(&[("WEBHOOK_SECRET", PLAIN)]);
    };
    let house = house.restarted_with(again).await;
    expect(&house.told("sync", &second).await.is(200), false, true, false);
    let first = event("e-1", "enrollment.created", T[0], json!({ "status": "active" }));
    expect(&house.told("sync", &first).await.is(200), false, false, true);
    assert_eq!(house.record(ENROLLMENT).await, json!({ "status": "over" }));
    // The sender goes on as if nothing had been: it has seen what it has said.
    let gone = event("e-3", "enrollment.deleted", T[2], json!({}));
    expect(&house.told("sync", &gone).await.is(200), true, false, false);
    house.get(ENROLLMENT).await.is(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_here_wrote_later_is_kept_beside_what_is_told_of_before() {
    let house = house().await;
    let made = event("e-1", "enrollment.created", T[0], json!({ "status": "active", "seat": 4 }));
    house.told("sync", &made).await.is(200);
    let edit = json!({ "set": { "/status": "paused" } });
    house.ask("PATCH", ENROLLMENT).token(&house.admin).json(&edit).send().await.is(200);
    // The sender has written this before it can have seen the edit.
    let told = event("e-2", "enrollment.updated", T[1], json!({ "status": "over", "seat": 5 }));
    expect(&house.told("sync", &told).await.is(200), true, false, false);
    assert_eq!(house.record(ENROLLMENT).await, json!({ "status": "paused", "seat": 5 }));
    let history = house.get(&format!("{ENROLLMENT}/history")).await.is(200).json();
    assert_eq!(history["changes"].as_array().unwrap().len(), 3, "{history}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_that_is_told_of_makes_and_changes_the_person_too() {
    let house = house().await;
    let told = |id: &str, at: &str, kind: &str, data: Value| json!({ "id": id, "type": kind, "resourceId": "user-1", "resourceType": "user", "data": data, "timestamp": at });
    let (user, profile) =
        ("/v1/entities/user/records/user-1", "/v1/entities/profile/records/user-1");
    let body = told("p-1", T[0], "profile.updated", json!({ "name": "Ada", "bio": "counts" }));
    expect(&house.told("profile-updated", &body).await.is(200), true, false, false);
    assert_eq!(house.record(user).await, json!({ "id": "user-1", "name": "Ada" }));
    assert_eq!(house.record(profile).await, json!({ "userId": "user-1", "bio": "counts" }));
    let data = json!({ "email": "ada@example.org", "profile": { "bio": "writes" } });
    let body = told("p-2", T[1], "user.updated", data);
    expect(&house.told("profile-updated", &body).await.is(200), true, false, false);
    assert_eq!(house.record(user).await["email"], "ada@example.org");
    assert_eq!(house.record(profile).await, json!({ "userId": "user-1", "bio": "writes" }));
    let body = told("p-3", T[2], "user.updated", json!({ "name": "Ada L." }));
    expect(&house.told("sync", &body).await.is(200), true, false, false);
    assert_eq!(house.record(user).await["name"], "Ada L.");
    let body = told("p-2", T[1], "user.updated", json!({ "name": "again" }));
    expect(&house.told("profile-updated", &body).await.is(200), false, true, false);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_taken_whose_signature_does_not_hold() {
    let house = house().await;
    let path = "/api/webhooks/sync";
    let body = event("e-1", "enrollment.created", T[0], json!({ "status": "active" }));
    let ask = || house.ask("POST", path);
    ask().json(&body).send().await.is(401).says("WEBHOOK_UNSIGNED");
    let wrong = ask().signed_plainly("another", &body).send().await;
    wrong.is(401).says("WEBHOOK_SIGNATURE_WRONG");
    let signature = plain_signature(PLAIN, body.to_string().as_bytes());
    let altered = event("e-1", "enrollment.created", T[0], json!({ "status": "gone" }));
    let altered = ask().header("x-webhook-signature", &signature).json(&altered);
    altered.send().await.is(401).says("WEBHOOK_SIGNATURE_WRONG");
    let odd = ask().header("x-webhook-signature", "zz").json(&body);
    odd.send().await.is(401).says("WEBHOOK_HEADER_MALFORMED");
    let twice = ask().header("x-webhook-signature", &signature).signed_plainly(PLAIN, &body);
    twice.send().await.is(400).says("HEADER_INVALID");
    // A token is none of this: it says who may ask, not who has written.
    ask().token(&house.admin).json(&body).send().await.is(401).says("WEBHOOK_UNSIGNED");
    house.get(ENROLLMENT).await.is(404);
    let upper =
        ask().header("x-webhook-signature", &format!("sha256={}", signature.to_uppercase()));
    upper.json(&body).send().await.is(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_of_ones_own_takes_standard_webhooks_of_any_entity() {
    let house = house().await;
    let new = json!({
        "name": "shop", "secrets": [SYMMETRIC], "types": ["order.*"], "entities": { "order": "orders" },
        "event": null, "type": "/kind", "resource": null, "id": "/order/number", "data": "/order",
        "version": "/order/version", "deletes": ["cancelled"],
    });
    let made = house.post("/v1/receivers", &new).await.is(201).json();
    assert_eq!((&made["path"], &made["secretCount"]), (&json!("/api/webhooks/shop"), &json!(1)));
    assert!(!made.to_string().contains("whsec"), "{made}");
    house.post("/v1/receivers", &new).await.is(409).says("RECEIVER_EXISTS");
    let order = |kind: &str, version: i64| json!({ "kind": kind, "order": { "number": 17, "version": version } });
    let ask = || house.ask("POST", "/api/webhooks/shop");
    let body = order("order.paid", 2);
    ask()
        .signed(SYMMETRIC, "m-1", now_s() - 400, &body)
        .send()
        .await
        .is(401)
        .says("WEBHOOK_TIMESTAMP_OUTSIDE");
    ask().signed_plainly(PLAIN, &body).send().await.is(401).says("WEBHOOK_UNSIGNED");
    expect(
        &ask().signed(SYMMETRIC, "m-1", now_s(), &body).send().await.is(200),
        true,
        false,
        false,
    );
    expect(
        &ask().signed(SYMMETRIC, "m-1", now_s(), &body).send().await.is(200),
        false,
        true,
        false,
    );
    let old = order("order.made", 1);
    expect(&ask().signed(SYMMETRIC, "m-0", now_s(), &old).send().await.is(200), false, false, true);
    let path = "/v1/entities/orders/records/17";
    assert_eq!(house.record(path).await, json!({ "number": 17, "version": 2 }));
    let gone = order("order.cancelled", 3);
    expect(
        &ask().signed(SYMMETRIC, "m-2", now_s(), &gone).send().await.is(200),
        true,
        false,
        false,
    );
    house.get(path).await.is(404);
    let house = house.restarted().await;
    let body = order("order.paid", 4);
    let ask = house.ask("POST", "/api/webhooks/shop").signed(SYMMETRIC, "m-3", now_s(), &body);
    expect(&ask.send().await.is(200), true, false, false);
    let listed = house.get("/v1/receivers").await.is(200).json();
    assert_eq!(listed["receivers"][0]["name"], "shop");
    assert!(!listed.to_string().contains("whsec"), "{listed}");
    house.ask("DELETE", "/v1/receivers/shop").token(&house.admin).send().await.is(204);
    let ask = house.ask("POST", "/api/webhooks/shop").signed(SYMMETRIC, "m-4", now_s(), &body);
    ask.send().await.is(404).says("RECEIVER_UNKNOWN");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_signature_that_is_there_must_hold_where_both_are_taken() {
    let house = house().await;
    let own = "a secret of its own";
    let new = json!({ "name": "both", "preset": "sync", "secrets": [SYMMETRIC, own] });
    house.post("/v1/receivers", &new).await.is(201);
    let body = |id: &str, at: &str| event(id, "enrollment.updated", at, json!({ "status": id }));
    let ask = || house.ask("POST", "/api/webhooks/both");
    let one = body("e-1", T[0]);
    expect(&ask().signed_plainly(own, &one).send().await.is(200), true, false, false);
    let two = body("e-2", T[1]);
    let plain = plain_signature(own, two.to_string().as_bytes());
    let signed = |secret: &str| {
        ask().header("x-webhook-signature", secret).signed(SYMMETRIC, "m-2", now_s(), &two)
    };
    signed(&"0".repeat(64)).send().await.is(401).says("WEBHOOK_SIGNATURE_WRONG");
    expect(&signed(&plain).send().await.is(200), true, false, false);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_receiver_cannot_take_is_told_apart_and_changes_nothing() {
    let house = house().await;
    let good = event("e-1", "enrollment.created", T[0], json!({ "status": "active" }));
    let with = |name: &str, value: Value| {
        let mut body = good.clone();
        match value {
            Value::Null => drop(body.as_object_mut().unwrap().remove(name)),
            value => body[name] = value,
        }
        body
    };
    #[rustfmt::skip]
    let cases = [
        ("enrollment-changed", with("type", json!("course.created")),   "WEBHOOK_TYPE_UNKNOWN"),
        ("enrollment-changed", with("type", json!("no type")),          "WEBHOOK_TYPE_UNKNOWN"),
        ("enrollment-changed", with("resourceType", json!("course")),   "WEBHOOK_TYPE_UNKNOWN"),
        ("profile-updated",    good.clone(),                            "WEBHOOK_TYPE_UNKNOWN"),
        ("sync",               with("type", Value::Null),               "WEBHOOK_MEMBER_MISSING"),
        ("sync",               with("resourceId", Value::Null),         "WEBHOOK_MEMBER_MISSING"),
        ("sync",               with("resourceId", json!("")),           "WEBHOOK_MEMBER_MISSING"),
        ("sync",               with("id", Value::Null),                 "WEBHOOK_MEMBER_MISSING"),
        ("sync",               with("data", json!("text")),             "WEBHOOK_MEMBER_MISSING"),
        ("sync",               with("timestamp", Value::Null),          "WEBHOOK_MEMBER_MISSING"),
        ("sync",               with("timestamp", json!("yesterday")),   "WEBHOOK_VERSION_INVALID"),
        ("sync",               with("timestamp", json!(1.5)),           "WEBHOOK_VERSION_INVALID"),
        ("sync",               json!([]),                               "WEBHOOK_MEMBER_MISSING"),
    ];
    for (receiver, body, code) in cases {
        house.told(receiver, &body).await.is(422).says(code);
    }
    let text = b"{\"id\":".to_vec();
    let signature = plain_signature(PLAIN, &text);
    let ask = house.ask("POST", "/api/webhooks/sync").header("content-type", "application/json");
    let broken = ask.header("x-webhook-signature", &signature).bytes(text);
    broken.send().await.is(400).says("BODY_INVALID");
    let large = vec![b' '; syncline_server::limits::RECEIVED_BYTES_MAX + 1];
    let ask = house.ask("POST", "/api/webhooks/sync").header("content-type", "application/json");
    ask.bytes(large).send().await.is(413).says("BODY_TOO_LARGE");
    let ask = house.ask("POST", "/api/webhooks/sync").header("content-encoding", "gzip");
    ask.signed_plainly(PLAIN, &good).send().await.is(415).says("CODING_UNSUPPORTED");
    house.ask("POST", "/api/webhooks/sync").send().await.is(415);
    house.told("nobody", &good).await.is(404).says("RECEIVER_UNKNOWN");
    assert_eq!(house.log_length().await, 0);
    let bare = House::new().await;
    bare.told("sync", &good).await.is(503).says("RECEIVER_NO_SECRET");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_receiver_is_refused_and_none_is_made() {
    let house = House::new().await;
    #[rustfmt::skip]
    let cases = [
        (json!({}),                                                 400, "BODY_INVALID"),
        (json!({ "name": 7 }),                                      400, "BODY_INVALID"),
        (json!({ "name": "a", "other": 1 }),                        400, "BODY_INVALID"),
        (json!({ "preset": "other" }),                              400, "BODY_INVALID"),
        (json!({ "name": "a", "accept": "none" }),                  400, "BODY_INVALID"),
        (json!({ "name": "a", "secrets": [] }),                     400, "BODY_INVALID"),
        (json!({ "name": "A/b" }),                                  422, "RECEIVER_INVALID"),
        (json!({ "name": "a", "id": "no slash" }),                  422, "RECEIVER_INVALID"),
        (json!({ "name": "a", "entities": { "x": "" } }),           422, "RECEIVER_INVALID"),
        (json!({ "name": "a", "secrets": ["whsec_!"] }),            422, "WEBHOOK_SECRET_INVALID"),
        (json!({ "name": "a", "secrets": [""] }),                   422, "WEBHOOK_SECRET_INVALID"),
        (json!({ "name": "a", "secrets": [" "] }),                  422, "WEBHOOK_SECRET_INVALID"),
        (json!({ "name": "a", "secrets": ["fifteen letters"] }),    422, "WEBHOOK_SECRET_INVALID"),
        (json!({ "name": "a", "types": [] }),                       422, "EVENT_FILTER_INVALID"),
        (json!({ "name": "a", "cloudEventHeaders": 1 }),            400, "BODY_INVALID"),
    ];
    for (body, status, code) in cases {
        house.post("/v1/receivers", &body).await.is(status).says(code);
    }
    let listed = house.get("/v1/receivers").await.is(200).json();
    assert_eq!(listed["receivers"], json!([]));
    house.get("/v1/receivers/a").await.is(404).says("RECEIVER_UNKNOWN");
    let made = house.post("/v1/receivers", &json!({ "preset": "sync" })).await.is(201).json();
    assert!(made["secrets"][0].as_str().unwrap().starts_with("whsec_"), "{made}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_of_one_hub_opens_no_receiver_of_another() {
    let house = house().await;
    house.post("/v1/hubs", &json!({ "name": "other" })).await.is(201);
    let body = event("e-1", "enrollment.created", T[0], json!({ "status": "active" }));
    let ask = || house.ask("POST", "/h/other/api/webhooks/sync").signed_plainly(PLAIN, &body);
    ask().send().await.is(503).says("RECEIVER_NO_SECRET");
    house
        .ask("POST", "/h/nobody/api/webhooks/sync")
        .signed_plainly(PLAIN, &body)
        .send()
        .await
        .is(404);
    house.told("sync", &body).await.is(200);
}
