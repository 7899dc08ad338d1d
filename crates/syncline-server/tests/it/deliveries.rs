//! Deliveries of events to applications.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::body::Body;
use http_body_util::BodyExt;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use syncline_engine::rows::{Batch, Key, Scan};
use syncline_model::id::{EndpointId, Position};
use syncline_protocol::webhook::secret::Secret;
use syncline_protocol::webhook::verify::{Received, Verifier};
use syncline_server::{Server, Settings};
use syncline_store::sqlite::{Options, SqliteStore};
use syncline_store::{Read, Store};
use tokio::net::TcpListener;
use tokio::time::sleep;

use crate::house::House;

const SECRETS: [&str; 2] = ["whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD", "your-webhook-secret-here"];
/// Longest time that anything takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// What a receiver was sent.
#[derive(Clone)]
pub(crate) struct Got {
    headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Got {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) const fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Which record it is of, and which event.
    pub(crate) fn named(&self) -> (String, String) {
        let body = self.json();
        let text = |name: &str| body[name].as_str().unwrap().to_owned();
        (text("resourceId"), text("id"))
    }
}

/// An application that is told of events.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    got: Arc<Mutex<Vec<Got>>>,
}

impl Receiver {
    /// Starts one that answers with what `status` says of everything that it got, the latest last.
    pub(crate) async fn start(status: impl Fn(&[Got]) -> u16 + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, got) = (listener.local_addr().unwrap(), Arc::new(Mutex::new(Vec::new())));
        let (status, kept) = (Arc::new(status), Arc::clone(&got));
        tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                let (status, kept) = (Arc::clone(&status), Arc::clone(&kept));
                let answer = service_fn(move |request: Request<hyper::body::Incoming>| {
                    let (status, kept) = (Arc::clone(&status), Arc::clone(&kept));
                    async move {
                        let (head, body) = request.into_parts();
                        let body = body.collect().await.unwrap().to_bytes().to_vec();
                        let mut got = kept.lock().unwrap();
                        got.push(Got { headers: head.headers, body });
                        let status = status(&got);
                        let answer = Response::builder().status(status).body(Body::empty());
                        Ok::<_, std::convert::Infallible>(answer.unwrap())
                    }
                });
                let serve = hyper::server::conn::http1::Builder::new();
                tokio::spawn(serve.serve_connection(TokioIo::new(socket), answer));
            }
        });
        Self { address, got }
    }

    pub(crate) fn got(&self) -> Vec<Got> {
        self.got.lock().unwrap().clone()
    }

    /// Waits until it got so many.
    #[track_caller]
    pub(crate) fn wait_for(&self, count: usize) -> impl Future<Output = Vec<Got>> {
        let (got, begun) = (Arc::clone(&self.got), Instant::now());
        async move {
            loop {
                let got = got.lock().unwrap().clone();
                if got.len() >= count {
                    return got;
                }
                assert!(begun.elapsed() < PATIENCE, "{} of {count} came", got.len());
                sleep(Duration::from_millis(5)).await;
            }
        }
    }

    pub(crate) fn endpoint(&self, id: &str) -> Value {
        json!({ "id": id, "url": format!("http://{}/hook?x=1", self.address), "secrets": SECRETS })
    }
}

pub(crate) async fn house() -> House {
    House::with(|settings| settings.sending.is_loopback_allowed = true).await
}

impl House {
    pub(crate) async fn emit(&self, id: &str, record: &str) {
        let event = json!({
            "id": id,
            "type": "enrollment.created",
            "resourceType": "enrollment",
            "resourceId": record,
            "data": { "status": "active", "canary": 12.50 },
        });
        self.post("/v1/events", &json!({ "events": [event] })).await.is(200);
    }

    pub(crate) async fn deliveries(&self, endpoint: &str) -> Vec<Value> {
        let path = format!("/v1/endpoints/{endpoint}/deliveries?limit=1000");
        self.get(&path).await.is(200).json()["deliveries"].as_array().unwrap().clone()
    }

    /// Waits until all deliveries of an endpoint are in a state, so many of them.
    pub(crate) async fn settled(&self, endpoint: &str, state: &str, count: usize) -> Vec<Value> {
        let begun = Instant::now();
        loop {
            let found = self.deliveries(endpoint).await;
            if found.len() == count && found.iter().all(|one| one["state"] == state) {
                return found;
            }
            assert!(begun.elapsed() < PATIENCE, "{found:?}");
            sleep(Duration::from_millis(5)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_emitted_and_what_changes_is_delivered_and_its_signatures_hold() {
    let (house, receiver) = (house().await, Receiver::start(|_| 204).await);
    let mut endpoint = receiver.endpoint("admin");
    endpoint["events"] = json!(["enrollment.*", "tasks.*"]);
    let made = house.post("/v1/endpoints", &endpoint).await.is(201).json();
    assert_eq!(made["secrets"], json!(SECRETS));
    assert!(house.get("/v1/endpoints/admin").await.is(200).json()["secrets"].is_null());
    house.emit("event-1", "e1").await;
    let other = json!({ "type": "other", "resourceType": "other", "resourceId": "o" });
    house.post("/v1/events", &json!({ "events": [other] })).await.is(200);
    let task = json!({ "title": "Call" });
    let path = "/v1/entities/tasks/records/t1";
    house.ask("PUT", path).token(&house.admin).json(&task).send().await.is(201);
    house.ask("DELETE", path).token(&house.admin).send().await.is(204);
    let got = receiver.wait_for(3).await;
    let secrets = [Secret::parse(SECRETS[0]).unwrap(), Secret::plain(SECRETS[1]).unwrap()];
    let verifier = Verifier::new(&secrets).unwrap();
    for one in &got {
        let bytes = |name| Some(one.header(name).as_bytes());
        let received = Received {
            id: bytes("webhook-id"),
            timestamp: bytes("webhook-timestamp"),
            signature: bytes("webhook-signature"),
            plain_signature: bytes("x-webhook-signature"),
            body: &one.body,
        };
        let now_s = one.header("webhook-timestamp").parse().unwrap();
        verifier.verify(&received, now_s).unwrap();
        let mut changed = one.body.clone();
        changed[1] ^= 1;
        assert!(verifier.verify(&Received { body: &changed, ..received }, now_s).is_err());
        assert_eq!(one.header("webhook-id"), one.json()["id"]);
        assert_eq!(one.header("webhook-attempt"), "1");
    }
    let by_type = |kind: &str| got.iter().map(Got::json).find(|body| body["type"] == kind).unwrap();
    let emitted = by_type("enrollment.created");
    assert_eq!((&emitted["id"], &emitted["resourceId"]), (&json!("event-1"), &json!("e1")));
    assert_eq!(emitted["data"], json!({ "status": "active", "canary": 12.50 }));
    assert_eq!(by_type("tasks.created")["data"], task);
    assert_eq!(by_type("tasks.deleted")["data"], task, "what is gone is told as it was");
    let delivered = house.settled("admin", "delivered", 3).await;
    assert!(delivered.iter().all(|one| one["attempts"][0]["status"] == 204), "{delivered:?}");
    let data = |sequence: &Value| format!("/v1/endpoints/admin/deliveries/{sequence}/data");
    let told = house.get(&data(&emitted["sequence"])).await.is(200).json();
    assert_eq!(told["data"], emitted["data"]);
    house.get(&data(&json!(999))).await.is(404).says("DELIVERY_UNKNOWN");
    house.ask("DELETE", "/v1/endpoints/admin").token(&house.admin).send().await.is(204);
    house.get("/v1/endpoints/admin").await.is(404).says("ENDPOINT_UNKNOWN");
    house.emit("event-2", "e1").await;
    house.post("/v1/endpoints", &endpoint).await.is(201);
    house.emit("event-3", "e1").await;
    let got = receiver.wait_for(4).await;
    assert_eq!(got[3].named().1, "event-3", "one that is made anew gets what comes from then on");
    house.settled("admin", "delivered", 1).await;
}

/// Those of one record wait for each other, those of others do not; each keeps its id.
#[tokio::test(flavor = "multi_thread")]
async fn what_fails_is_tried_again_before_what_came_after_it() {
    let fails = |got: &[Got]| {
        let (record, id) = got.last().unwrap().named();
        let tries = got.iter().filter(|one| one.named().1 == id).count();
        if record == "bad" && tries < 4 { 500 } else { 200 }
    };
    let (house, receiver) = (house().await, Receiver::start(fails).await);
    let mut endpoint = receiver.endpoint("admin");
    endpoint["schedule"] = json!([0, 10, 10, 10, 10]);
    house.post("/v1/endpoints", &endpoint).await.is(201);
    for number in 1..=5 {
        house.emit(&format!("bad-{number}"), "bad").await;
        house.emit(&format!("good-{number}"), "good").await;
    }
    house.settled("admin", "delivered", 10).await;
    let named: Vec<String> = receiver.got().iter().map(|one| one.named().1).collect();
    let of = |prefix: &str| named.iter().filter(|id| id.starts_with(prefix)).collect::<Vec<_>>();
    assert!(of("bad").is_sorted() && of("good").is_sorted(), "{named:?}");
    assert_eq!((of("bad").len(), of("good").len()), (20, 5));
    assert_eq!(house.get("/v1/endpoints/admin").await.is(200).json()["pending"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_took_is_a_dead_letter_and_what_may_not_be_reached_is_not() {
    let receiver = Receiver::start(|_| 500).await;
    let house = house().await;
    let mut endpoint = receiver.endpoint("admin");
    endpoint["schedule"] = json!([0, 1]);
    house.post("/v1/endpoints", &endpoint).await.is(201);
    house.emit("event-1", "e1").await;
    let dead = house.settled("admin", "dead", 1).await;
    assert_eq!(dead[0]["attempts"].as_array().unwrap().len(), 2, "{dead:?}");
    assert_eq!(dead[0]["attempts"][1]["status"], 500);
    // Nobody says any more that this machine may be reached.
    let house = house.restarted_with(|settings| settings.sending.is_loopback_allowed = false).await;
    house.emit("event-2", "e1").await;
    let begun = Instant::now();
    let refused = loop {
        let listed = house.deliveries("admin").await;
        let found = listed.into_iter().find(|one| one["event"] == "event-2");
        if let Some(found) = found.filter(|one| one["state"] == "dead") {
            break found;
        }
        assert!(begun.elapsed() < PATIENCE);
        sleep(Duration::from_millis(5)).await;
    };
    assert_eq!(refused["attempts"][0]["reason"], "address_refused");
    // What can be judged without looking up a name is refused where it is settled.
    endpoint["id"] = json!("other");
    for url in [
        "http://127.0.0.1:3000/",
        "https://10.0.0.7/",
        "https://admin.example:22/",
        "http://admin.example/",
    ] {
        endpoint["url"] = json!(url);
        house.post("/v1/endpoints", &endpoint).await.is(422).says("DELIVERY_ADDRESS_REFUSED");
        let change = house.ask("PATCH", "/v1/endpoints/admin").token(&house.admin);
        let changed = change.json(&json!({ "url": url })).send().await;
        changed.is(422).says("DELIVERY_ADDRESS_REFUSED");
    }
    let kept = json!({ "url": house.get("/v1/endpoints/admin").await.is(200).json()["url"] });
    let change = house.ask("PATCH", "/v1/endpoints/admin").token(&house.admin);
    change.json(&kept).send().await.is(200);
    assert_eq!(receiver.got().len(), 2, "nothing was sent there");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_starts_again_goes_on_with_what_was_not_delivered() {
    let is_open = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let opened = Arc::clone(&is_open);
    let status = move |_: &[Got]| {
        if opened.load(std::sync::atomic::Ordering::Relaxed) { 200 } else { 503 }
    };
    let (house, receiver) = (house().await, Receiver::start(status).await);
    let mut endpoint = receiver.endpoint("admin");
    endpoint["schedule"] = json!([0, 50, 50, 50, 50, 50, 50, 50]);
    house.post("/v1/endpoints", &endpoint).await.is(201);
    for number in 1..=3 {
        house.emit(&format!("event-{number}"), "e1").await;
    }
    receiver.wait_for(1).await;
    let house = house.restarted_with(|settings| settings.sending.is_loopback_allowed = true).await;
    house.emit("event-4", "e1").await;
    is_open.store(true, std::sync::atomic::Ordering::Relaxed);
    house.settled("admin", "delivered", 4).await;
    let mut named: Vec<String> = receiver.got().iter().map(|one| one.named().1).collect();
    assert!(named.is_sorted(), "{named:?}");
    named.dedup();
    assert_eq!(named, ["event-1", "event-2", "event-3", "event-4"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_is_disabled_gets_nothing_and_what_is_no_endpoint_is_refused() {
    let (house, receiver) = (house().await, Receiver::start(|_| 200).await);
    house.post("/v1/endpoints", &receiver.endpoint("admin")).await.is(201);
    let disabled = house.post("/v1/endpoints/admin/disable", &json!({})).await.is(200).json();
    assert_eq!(disabled["disabled"], "by_hand");
    house.emit("event-1", "e1").await;
    let refused = [
        (json!({}), 400, "BODY_INVALID"),
        (json!({ "url": "ftp://example.org" }), 422, "ENDPOINT_URL_INVALID"),
        (json!({ "url": "https://user:pass@example.org/" }), 422, "ENDPOINT_URL_INVALID"),
        (json!({ "url": "https://example.org/", "secrets": [] }), 400, "BODY_INVALID"),
        (
            json!({ "url": "https://example.org/", "secrets": ["whsec_short"] }),
            422,
            "WEBHOOK_SECRET_INVALID",
        ),
        (
            json!({ "url": "https://example.org/", "secrets": ["fifteen letters"] }),
            422,
            "WEBHOOK_SECRET_INVALID",
        ),
        (
            json!({ "url": "https://example.org/", "secrets": ["                        "] }),
            422,
            "WEBHOOK_SECRET_INVALID",
        ),
        (
            json!({ "url": "https://example.org/",
                "secrets": ["whpk_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="] }),
            422,
            "WEBHOOK_SECRET_INVALID",
        ),
        (json!({ "url": "https://example.org/", "schedule": [] }), 422, "ENDPOINT_INVALID"),
        (json!({ "url": "https://example.org/", "events": [""] }), 422, "EVENT_FILTER_INVALID"),
        (json!({ "url": "https://example.org/", "timeoutMs": 0 }), 422, "ENDPOINT_INVALID"),
        (json!({ "url": "https://example.org/", "preset": "other" }), 400, "BODY_INVALID"),
        (json!({ "url": "https://example.org/", "more": 1 }), 400, "BODY_INVALID"),
        (json!({ "url": "https://example.org/", "id": "a/b" }), 400, "BODY_INVALID"),
    ];
    for (body, status, code) in refused {
        house.post("/v1/endpoints", &body).await.is(status).says(code);
    }
    let token = house.token("app client").await;
    house.ask("GET", "/v1/endpoints").token(&token).send().await.is(403);
    assert!(receiver.got().is_empty());
    assert_eq!(house.deliveries("admin").await.len(), 0);
    // What is not known is not passed over: else the backlog would come, and a secret that has leaked would go on.
    for (path, body) in
        [("enable", json!({ "backLog": "skip" })), ("rotate", json!({ "overlapms": 0 }))]
    {
        let path = format!("/v1/endpoints/admin/{path}");
        house.post(&path, &body).await.is(400).says("BODY_INVALID");
    }
    // It is enabled again only once it was reached; what came meanwhile comes then.
    let nothing = json!({});
    let enable = "/v1/endpoints/admin/enable";
    house.post(enable, &nothing).await.is(409).says("ENDPOINT_NOT_TESTED");
    let tested = house.post("/v1/endpoints/admin/test", &nothing).await.is(200).json();
    assert_eq!((&tested["delivered"], &tested["status"]), (&json!(true), &json!(200)));
    house.post(enable, &nothing).await.is(200);
    house.settled("admin", "delivered", 1).await;
    house.post(enable, &nothing).await.is(409).says("ENDPOINT_NOT_DISABLED");
    let named: Vec<String> =
        receiver.got().iter().map(|one| one.json()["type"].to_string()).collect();
    assert_eq!(named, ["\"syncline.test\"", "\"enrollment.created\""]);
}

/// Who knows one of the two secrets verifies what is sent while both count.
#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_has_taken_the_place_of_another_signs_beside_it_for_a_while() {
    let (house, receiver) = (house().await, Receiver::start(|_| 200).await);
    house.post("/v1/endpoints", &receiver.endpoint("admin")).await.is(201);
    let rotate = "/v1/endpoints/admin/rotate";
    let rotated = house.post(rotate, &json!({})).await.is(200).json();
    house.emit("event-1", "e1").await;
    house.settled("admin", "delivered", 1).await;
    let second = house.post(rotate, &json!({ "overlapMs": 0 })).await.is(200).json();
    house.emit("event-2", "e1").await;
    house.settled("admin", "delivered", 2).await;
    house.post(rotate, &json!({ "overlapMs": 604_800_001 })).await.is(400).says("BODY_INVALID");
    let knows = |one: &Got, secret: &str| {
        let bytes = |name| Some(one.header(name).as_bytes());
        let received = Received {
            id: bytes("webhook-id"),
            timestamp: bytes("webhook-timestamp"),
            signature: bytes("webhook-signature"),
            plain_signature: None,
            body: &one.body,
        };
        let secret = Secret::parse(secret).unwrap();
        let now_s = one.header("webhook-timestamp").parse().unwrap();
        Verifier::new([&secret]).unwrap().verify(&received, now_s).is_ok()
    };
    let (first, second) = (rotated["secret"].as_str().unwrap(), second["secret"].as_str().unwrap());
    let got = receiver.got();
    let known = |one: &Got| [SECRETS[0], first, second].map(|secret| knows(one, secret));
    assert_eq!(known(&got[0]), [true, true, false]);
    assert_eq!(known(&got[1]), [false, false, true]);
}

/// Writes something over a row of the store of a server that was stopped.
pub(crate) fn damage(folder: &std::path::Path, key: &Key) {
    let mut store = SqliteStore::open(&crate::house::state(folder), &Options::default()).unwrap();
    let mut batch = Batch::new();
    batch.put(key.clone(), b"\xffdamaged".to_vec());
    store.commit(&batch).unwrap();
    Box::new(store).close().unwrap();
}

impl House {
    /// Returns the latest notices of a kind.
    async fn noticed(&self, kind: &str) -> Vec<Value> {
        let notices = self.get("/v1/notices?limit=1000").await.is(200).json();
        let notices = notices["notices"].as_array().unwrap().clone();
        notices.into_iter().filter(|notice| notice["kind"] == kind).collect()
    }

    /// Waits until there are so many notices of a kind, and returns the latest.
    pub(crate) async fn told_of(&self, kind: &str, count: usize) -> Value {
        let begun = Instant::now();
        loop {
            let notices = self.noticed(kind).await;
            if notices.len() >= count {
                return notices[0].clone();
            }
            assert!(begun.elapsed() < PATIENCE, "{kind}: {notices:?}");
            sleep(Duration::from_millis(5)).await;
        }
    }

    async fn metrics(&self) -> String {
        String::from_utf8(self.get("/metrics").await.is(200).body).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_of_one_delivery_hides_neither_what_became_of_it_nor_the_others() {
    let (house, receiver) = (house().await, Receiver::start(|_| 200).await);
    house.post("/v1/endpoints", &receiver.endpoint("admin")).await.is(201);
    for number in 1..=3 {
        house.emit(&format!("event-{number}"), "e1").await;
    }
    let delivered = house.settled("admin", "delivered", 3).await;
    let places: Vec<u64> =
        delivered.iter().rev().map(|one| one["sequence"].as_u64().unwrap()).collect();
    let House { server, folder, admin } = house;
    server.stop().await.unwrap();
    let endpoint = EndpointId::new("admin").unwrap();
    damage(folder.path(), &Key::Delivery { endpoint, position: Position(places[0]) });
    damage(folder.path(), &Key::Log(Position(places[1])));
    let mut settings = House::settings(&crate::house::state(folder.path()));
    settings.sending.is_loopback_allowed = true;
    let server = Server::start(&settings, crate::house::open_hub(&settings)).await.unwrap();
    let house = House { server, folder, admin };
    let page = house.get("/v1/endpoints/admin/deliveries").await.is(200).json();
    let told: Vec<_> = page["deliveries"].as_array().unwrap().iter().collect();
    let told: Vec<_> = told.iter().map(|one| one["sequence"].as_u64().unwrap()).collect();
    assert_eq!(told, [places[2], places[1]]);
    assert_eq!(page["damaged"], json!([places[0]]));
    let one =
        async |place: u64| house.get(&format!("/v1/endpoints/admin/deliveries/{place}")).await;
    let unreadable = one(places[1]).await.is(200).json();
    assert_eq!(
        (&unreadable["state"], unreadable["attempts"].as_array().unwrap().len()),
        (&json!("delivered"), 1)
    );
    assert_eq!(unreadable["request"]["reason"], "internal");
    assert!(unreadable["request"]["why"].as_str().unwrap().contains("log"), "{unreadable}");
    assert!(one(places[2]).await.is(200).json()["request"]["headers"].is_object());
    one(places[0]).await.is(500);
    let of_event = house.get("/v1/events/event-1/deliveries").await.is(200).json();
    assert_eq!(of_event["deliveries"][0]["state"], "damaged");
    assert_eq!(of_event["settled"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_cannot_be_read_stops_its_endpoint_and_no_other_one() {
    let open = |settings: &mut Settings| settings.sending.is_loopback_allowed = true;
    let (mut house, receiver) = (house().await, Receiver::start(|_| 200).await);
    let mut failing = receiver.endpoint("x");
    // Nobody listens there, and it is tried again much later.
    failing["url"] = json!("http://127.0.0.1:9/");
    failing["schedule"] = json!([0, 3_600_000]);
    for id in ["cursor", "due", "row"] {
        failing["id"] = json!(id);
        house.post("/v1/endpoints", &failing).await.is(201);
    }
    for id in ["own", "good"] {
        house.post("/v1/endpoints", &receiver.endpoint(id)).await.is(201);
    }
    house.emit("event-1", "e1").await;
    house.settled("good", "delivered", 1).await;
    house.settled("own", "delivered", 1).await;
    let of = |id: &str| EndpointId::new(id).unwrap();
    let mut due = Vec::new();
    for id in ["cursor", "due", "row"] {
        let waits = house.settled(id, "retrying", 1).await;
        due.push((of(id), Position(waits[0]["sequence"].as_u64().unwrap())));
    }
    let folder = {
        let House { server, folder, admin } = house;
        server.stop().await.unwrap();
        let path = folder.path();
        damage(path, &Key::Cursor(of("cursor")));
        damage(path, &Key::Endpoint(of("own")));
        let (endpoint, position) = due[1].clone();
        let due_ms = due_of(path, &endpoint);
        damage(path, &Key::Due { due_ms, endpoint, position });
        let (endpoint, position) = due[2].clone();
        damage(path, &Key::Delivery { endpoint, position });
        (folder, admin)
    };
    let mut settings = House::settings(&crate::house::state(folder.0.path()));
    open(&mut settings);
    let server = Server::start(&settings, crate::house::open_hub(&settings)).await.unwrap();
    house = House { server, folder: folder.0, admin: folder.1 };
    // The row of a delivery is read only when its time has come.
    let retry = format!("/v1/endpoints/row/deliveries/{}/retry", due[2].1.0);
    house.post(&retry, &json!({})).await.is(204);
    house.told_of("endpoint_damaged", 4).await;
    let endpoints = house.get("/v1/endpoints").await.is(200).json();
    let damaged = endpoints["endpoints"].as_array().unwrap().iter();
    let damaged = damaged.map(|one| (one["id"].as_str().unwrap(), one["damaged"].as_str()));
    let expected = [
        ("cursor", Some("cursors")),
        ("due", Some("due")),
        ("good", None),
        ("own", Some("endpoints")),
        ("row", Some("deliveries")),
    ];
    assert_eq!(damaged.collect::<Vec<_>>(), expected);
    house.emit("event-2", "e1").await;
    house.settled("good", "delivered", 2).await;
    let state = "syncline_endpoint_breakers{hub=\"default\",state=\"damaged\"} 4";
    assert!(house.metrics().await.contains(state), "{}", house.metrics().await);
    house.post("/v1/endpoints/due/disable", &json!({})).await.is(409).says("ENDPOINT_DAMAGED");
    let audit = house.get("/v1/audit?limit=1000").await.is(200).json().to_string();
    assert!(audit.contains("NOTICED"), "{audit}");
    // It can be removed, and made anew.
    for id in ["own", "row"] {
        let path = format!("/v1/endpoints/{id}");
        house.ask("DELETE", &path).token(&house.admin).send().await.is(204);
        house.post("/v1/endpoints", &receiver.endpoint(id)).await.is(201);
    }
    house.emit("event-3", "e1").await;
    house.settled("own", "delivered", 1).await;
    house.settled("row", "delivered", 1).await;
}

/// Returns when an endpoint is to try again what it has to.
fn due_of(folder: &std::path::Path, of: &EndpointId) -> u64 {
    let store = SqliteStore::open(&crate::house::state(folder), &Options::default()).unwrap();
    let mut found = 0;
    let all = store.scan(&Scan::Due, None, usize::MAX, &mut |key, _| {
        if let Key::Due { due_ms, endpoint, .. } = key
            && endpoint == of
        {
            found = *due_ms;
        }
        std::ops::ControlFlow::Continue(())
    });
    all.unwrap();
    Box::new(store).close().unwrap();
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_is_told_what_goes_wrong_and_the_figures_say_how_much() {
    let receiver = Receiver::start(|got| match got.last().unwrap().named().0.as_str() {
        "gone" => 410,
        "bad" => 500,
        _ => 200,
    })
    .await;
    let house = house().await;
    let mut endpoint = receiver.endpoint("admin");
    endpoint["schedule"] = json!([0]);
    house.post("/v1/endpoints", &endpoint).await.is(201);
    house.emit("good", "good").await;
    for number in 0..12 {
        house.emit(&format!("bad-{number}"), "bad").await;
    }
    let open = house.told_of("breaker_open", 1).await;
    assert_eq!(open["endpoint"], "admin");
    let dead = house.noticed("delivery_dead").await;
    assert!(dead.iter().map(|one| one["count"].as_u64().unwrap()).sum::<u64>() >= 10, "{dead:?}");
    let metrics = house.metrics().await;
    for line in [
        "syncline_delivery_attempts_total{hub=\"default\",outcome=\"delivered\"} 1",
        "syncline_delivery_attempts_total{hub=\"default\",outcome=\"failed\"} 1",
        "syncline_delivery_seconds_count{hub=\"default\"} 1",
        "syncline_delivery_notices_total{hub=\"default\",kind=\"breaker_open\"} 1",
        "syncline_endpoint_breakers{hub=\"default\",state=\"open\"} 1",
        "syncline_deliveries_pending{hub=\"default\"}",
        "syncline_deliveries_retrying{hub=\"default\"}",
        "syncline_deliveries_in_flight{hub=\"default\"}",
        "syncline_deliveries_lag{hub=\"default\"}",
        "syncline_deliveries_oldest_seconds{hub=\"default\"}",
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
    assert!(!metrics.contains("admin"), "no id of an endpoint is a label");
    endpoint["id"] = json!("gone");
    house.post("/v1/endpoints", &endpoint).await.is(201);
    house.emit("gone", "gone").await;
    let disabled = house.told_of("endpoint_disabled", 1).await;
    assert_eq!((&disabled["endpoint"], &disabled["reason"]), (&json!("gone"), &json!("gone")));
    let latest = house.get("/v1/notices?limit=1").await.is(200).json();
    let before = format!("/v1/notices?limit=1&before={}", latest["next"].as_str().unwrap());
    let earlier = house.get(&before).await.is(200).json();
    let number = |page: &Value| page["notices"][0]["number"].as_u64().unwrap();
    assert_eq!(number(&latest), number(&earlier) + 1);
    let token = house.token("app client").await;
    house.ask("GET", "/v1/notices").token(&token).send().await.is(403);
}

#[tokio::test(flavor = "multi_thread")]
async fn endpoints_are_listed_page_by_page_each_once_and_in_order() {
    let house = house().await;
    let ids: Vec<String> = (0..60).map(|number| format!("shop-{number:02}")).collect();
    for id in &ids {
        let made = json!({ "id": id, "url": "http://127.0.0.1:9/hook" });
        house.post("/v1/endpoints", &made).await.is(201);
    }
    for (limit, pages) in [(None, 2), (Some(7), 9), (Some(60), 1), (Some(1_000), 1)] {
        let (mut found, mut cursor, mut count) = (Vec::new(), None::<String>, 0);
        loop {
            let limit = limit.map(|limit| format!("limit={limit}")).unwrap_or_default();
            let cursor_part = cursor.map(|at| format!("cursor={at}")).unwrap_or_default();
            let page = house.get(&format!("/v1/endpoints?{limit}&{cursor_part}")).await.is(200);
            let page = page.json();
            let rows = page["endpoints"].as_array().unwrap();
            found.extend(rows.iter().map(|one| one["id"].as_str().unwrap().to_owned()));
            count += 1;
            match page["next"].as_str() {
                Some(next) => cursor = Some(next.to_owned()),
                None => break,
            }
        }
        assert_eq!((&found, count), (&ids, pages), "{limit:?}");
    }
    house.get("/v1/endpoints?limit=0").await.is(400).says("QUERY_INVALID");
    house.get("/v1/endpoints?cursor=abc").await.is(410).says("CURSOR_DAMAGED");
}
