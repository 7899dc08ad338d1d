//! Deliveries that are made again, and endpoints that are changed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use serde_json::{Value, json};
use tokio::time::sleep;

use crate::deliveries::{Got, PATIENCE, Receiver, house};
use crate::house::House;

/// A receiver that refuses everything until it is told otherwise.
async fn switched() -> (Receiver, Arc<AtomicBool>) {
    let is_open = Arc::new(AtomicBool::new(false));
    let opened = Arc::clone(&is_open);
    let status = move |_: &[Got]| if opened.load(Ordering::Relaxed) { 200 } else { 400 };
    (Receiver::start(status).await, is_open)
}

impl House {
    /// Waits until a replay is as it says.
    async fn replayed(&self, id: &Value, state: &str) -> Value {
        let begun = Instant::now();
        loop {
            let path = format!("/v1/replays/{}", id.as_str().unwrap());
            let replay = self.get(&path).await.is(200).json();
            if replay["state"] == state {
                return replay;
            }
            assert!(begun.elapsed() < PATIENCE, "{replay}");
            sleep(std::time::Duration::from_millis(5)).await;
        }
    }
}

fn ids(got: &[Got]) -> Vec<String> {
    got.iter().map(|one| one.named().1).collect()
}

/// Requirement H12: counted first, sent in order under the same ids, and told to be a replay.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_chosen_is_counted_first_and_then_sent_again_in_order_under_its_ids() {
    let (house, (receiver, is_open)) = (house().await, switched().await);
    let mut endpoint = receiver.endpoint("admin");
    endpoint["schedule"] = json!([0]);
    house.post("/v1/endpoints", &endpoint).await.is(201);
    for number in 1..=3 {
        house.emit(&format!("event-{number}"), "e1").await;
    }
    house.emit("other-1", "e2").await;
    let dead = house.settled("admin", "dead", 4).await;
    let chosen = json!({ "endpoints": ["admin"], "types": ["enrollment.*"], "dryRun": true });
    let counted = house.post("/v1/replays", &chosen).await.is(200).json();
    assert_eq!((&counted["count"], &counted["complete"]), (&json!(4), &json!(true)));
    assert_eq!(counted["byType"], json!({ "enrollment.created": 4 }));
    assert_eq!(counted["byEndpoint"], json!({ "admin": 4 }));
    assert_eq!(counted["oldest"], dead[3]["created"]);
    assert_eq!(counted["newest"], dead[0]["created"]);
    assert_eq!(receiver.got().len(), 4, "who counts sends nothing");
    assert_eq!(house.get("/v1/replays").await.is(200).json()["replays"], json!([]));
    let none = json!({ "endpoints": ["admin"], "types": ["profile.*"], "dryRun": true });
    let counted = house.post("/v1/replays", &none).await.is(200).json();
    assert_eq!((&counted["count"], &counted["oldest"]), (&json!(0), &Value::Null));
    is_open.store(true, Ordering::Relaxed);
    let chosen = json!({ "endpoints": ["admin"], "types": ["enrollment.*"] });
    let again = || {
        let ask = house.ask("POST", "/v1/replays").token(&house.admin);
        ask.header("idempotency-key", "replay-1").json(&chosen).send()
    };
    let begun = again().await.is(202).json();
    assert_eq!(begun["counted"], 4);
    assert_eq!(again().await.is(202).json()["id"], begun["id"], "sent twice it is one");
    let done = house.replayed(&begun["id"], "done").await;
    assert_eq!((&done["taken"], &done["passed"]), (&json!(4), &json!(0)), "{done}");
    house.settled("admin", "delivered", 4).await;
    let got = receiver.got();
    let replayed = &got[4..];
    assert!(replayed.iter().all(|one| one.header("webhook-replay") == "true"));
    assert!(got[..4].iter().all(|one| one.header("webhook-replay").is_empty()));
    let of_one: Vec<String> = ids(replayed).into_iter().filter(|id| id.starts_with("ev")).collect();
    assert_eq!(of_one, ["event-1", "event-2", "event-3"]);
    assert_eq!(house.get("/v1/replays").await.is(200).json()["replays"][0]["id"], begun["id"]);
    // What was delivered is sent again if that is what is chosen, and only that.
    let chosen =
        json!({ "endpoints": ["admin"], "status": ["delivered"], "from": "2026-01-01T00:00:00Z" });
    let begun = house.post("/v1/replays", &chosen).await.is(202).json();
    assert_eq!(house.replayed(&begun["id"], "done").await["taken"], 4);
    receiver.wait_for(12).await;
}

/// What an endpoint was never sent is replayed from the log: what came before it was made, or while it was
/// disabled and left out.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_missed_is_sent_from_the_log() {
    let (house, receiver) = (house().await, Receiver::start(|_| 200).await);
    house.emit("before", "e1").await;
    let mut endpoint = receiver.endpoint("admin");
    endpoint["events"] = json!(["enrollment.*"]);
    house.post("/v1/endpoints", &endpoint).await.is(201);
    let other = json!({ "type": "other", "resourceType": "other", "resourceId": "o" });
    house.post("/v1/events", &json!({ "events": [other] })).await.is(200);
    house.emit("after", "e1").await;
    house.settled("admin", "delivered", 1).await;
    let mut chosen = json!({ "endpoints": ["admin"], "status": ["missed"], "dryRun": true });
    assert_eq!(house.post("/v1/replays", &chosen).await.is(200).json()["count"], 1);
    chosen["dryRun"] = json!(false);
    let begun = house.post("/v1/replays", &chosen).await.is(202).json();
    assert_eq!(house.replayed(&begun["id"], "done").await["taken"], 1);
    house.settled("admin", "delivered", 2).await;
    assert_eq!(ids(&receiver.got()), ["after", "before"]);
    chosen["dryRun"] = json!(true);
    assert_eq!(house.post("/v1/replays", &chosen).await.is(200).json()["count"], 0);
}

/// It goes on where it was when the hub ended, and one that is stopped gives nothing more to the queues.
#[tokio::test(flavor = "multi_thread")]
async fn a_replay_goes_on_after_a_restart_and_ends_when_it_is_stopped() {
    let (house, (receiver, is_open)) = (house().await, switched().await);
    let mut endpoint = receiver.endpoint("admin");
    (endpoint["schedule"], endpoint["replaysPerSecond"]) = (json!([0]), json!(1_000));
    // Of its own a failing endpoint would rest.
    endpoint["breaker"] = json!({ "failuresInARow": 100_000, "attemptsMin": 100_000 });
    house.post("/v1/endpoints", &endpoint).await.is(201);
    let count = 2_000;
    for from in (0..count).step_by(1_000) {
        let event = |number: usize| {
            json!({ "id": format!("event-{number}"), "type": "enrollment.created",
                "resourceType": "enrollment", "resourceId": format!("e{number}"), "data": {} })
        };
        let events: Vec<Value> = (from..from + 1_000).map(event).collect();
        house.post("/v1/events", &json!({ "events": events })).await.is(200);
    }
    receiver.wait_for(count).await;
    let chosen = json!({ "endpoints": ["admin"] });
    let dry = json!({ "endpoints": ["admin"], "dryRun": true });
    let begun = Instant::now();
    while house.post("/v1/replays", &dry).await.is(200).json()["count"] != count {
        assert!(begun.elapsed() < PATIENCE);
        sleep(std::time::Duration::from_millis(20)).await;
    }
    house.post("/v1/endpoints/admin/disable", &json!({})).await.is(200);
    let begun = house.post("/v1/replays", &chosen).await.is(202).json();
    let stopped = house.post("/v1/replays", &chosen).await.is(202).json();
    let path = format!("/v1/replays/{}", stopped["id"].as_str().unwrap());
    let answer = house.ask("DELETE", &path).token(&house.admin).send().await.is(200).json();
    assert_eq!(answer["state"], "stopped");
    let first = house.get("/v1/replays").await.is(200).json();
    assert!(first["replays"].as_array().unwrap().iter().any(|one| one["state"] == "running"));
    let house = house.restarted_with(|settings| settings.sending.is_loopback_allowed = true).await;
    is_open.store(true, Ordering::Relaxed);
    house.post("/v1/endpoints/admin/test", &json!({})).await.is(200);
    house.post("/v1/endpoints/admin/enable", &json!({})).await.is(200);
    let done = house.replayed(&begun["id"], "done").await;
    let sum =
        |replay: &Value| replay["taken"].as_u64().unwrap() + replay["passed"].as_u64().unwrap();
    assert!(sum(&done) <= count as u64, "{done}");
    // Each once: those that failed, the test, and those that were sent again.
    receiver.wait_for(2 * count + 1).await;
    let mut again = ids(&receiver.got()[count + 1..]);
    again.sort_unstable();
    again.dedup();
    assert_eq!(again.len(), count, "none is left out");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_that_cannot_be_meant_is_refused() {
    let (house, receiver) = (house().await, Receiver::start(|_| 200).await);
    house.post("/v1/endpoints", &receiver.endpoint("admin")).await.is(201);
    let of = |more: Value| {
        let mut body = json!({ "endpoints": ["admin"] });
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        body
    };
    let refused = [
        (json!({}), 400, "BODY_INVALID"),
        (json!({ "endpoints": [] }), 400, "BODY_INVALID"),
        (json!({ "endpoints": ["none"] }), 404, "ENDPOINT_UNKNOWN"),
        (of(json!({ "more": 1 })), 400, "BODY_INVALID"),
        (of(json!({ "dryRun": "true" })), 400, "BODY_INVALID"),
        (of(json!({ "status": ["retrying"] })), 422, "REPLAY_INVALID"),
        (of(json!({ "status": [] })), 422, "REPLAY_INVALID"),
        (of(json!({ "from": "yesterday" })), 422, "REPLAY_INVALID"),
        (
            of(json!({ "from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z" })),
            422,
            "REPLAY_INVALID",
        ),
        (of(json!({ "types": [] })), 422, "EVENT_FILTER_INVALID"),
    ];
    for (body, status, code) in refused {
        house.post("/v1/replays", &body).await.is(status).says(code);
    }
    house.get("/v1/replays/none").await.is(404).says("REPLAY_UNKNOWN");
    let stop = house.ask("DELETE", "/v1/replays/none").token(&house.admin).send().await;
    stop.is(404).says("REPLAY_UNKNOWN");
    assert_eq!(house.get("/v1/replays").await.is(200).json()["replays"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_is_changed_goes_on_where_it_is() {
    let (house, first) = (house().await, Receiver::start(|_| 200).await);
    let second = Receiver::start(|_| 200).await;
    house.post("/v1/endpoints", &first.endpoint("admin")).await.is(201);
    house.emit("event-1", "e1").await;
    first.wait_for(1).await;
    house.settled("admin", "delivered", 1).await;
    let path = "/v1/endpoints/admin";
    let patch = |body: Value| house.ask("PATCH", path).token(&house.admin).json(&body).send();
    let url = format!("http://{}/hook", second.address);
    let change = json!({ "url": url, "events": ["enrollment.created"], "perSecond": 100, "burst": 5,
        "disableAfterMs": null, "description": "the other", "breaker": { "failuresInARow": 3 } });
    let changed = patch(change).await.is(200).json();
    assert_eq!((&changed["url"], &changed["perSecond"]), (&json!(url), &json!(100)));
    assert_eq!((&changed["burst"], &changed["disableAfterMs"]), (&json!(5), &Value::Null));
    assert_eq!(changed["breakerSettings"]["failuresInARow"], 3);
    assert_eq!(changed["timeoutMs"], 30_000, "what is not named stays as it is");
    house.emit("event-2", "e1").await;
    assert_eq!(ids(&second.wait_for(1).await), ["event-2"], "neither again nor left out");
    assert_eq!(patch(json!({ "perSecond": null })).await.is(200).json()["perSecond"], Value::Null);
    let refused = [
        (json!({ "id": "other" }), 400, "BODY_INVALID"),
        (json!({ "url": "ftp://example.org" }), 422, "ENDPOINT_URL_INVALID"),
        (json!({ "timeoutMs": 1_000_000_000_000_u64 }), 422, "ENDPOINT_INVALID"),
        (json!({ "inFlight": 0 }), 422, "ENDPOINT_INVALID"),
        (json!({ "burst": 1 }), 422, "ENDPOINT_INVALID"),
        (json!({ "secrets": ["whsec_short"] }), 422, "WEBHOOK_SECRET_INVALID"),
    ];
    for (body, status, code) in refused {
        patch(body).await.is(status).says(code);
    }
    let now = house.get(path).await.is(200).json();
    assert_eq!((&now["url"], &now["inFlight"]), (&json!(url), &json!(64)));
    let gone = house.ask("PATCH", "/v1/endpoints/none").token(&house.admin).json(&json!({}));
    gone.send().await.is(404).says("ENDPOINT_UNKNOWN");
}

/// An answer that was lost is asked for again: nothing is made twice.
#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_is_made_once_under_its_id_or_its_idempotency_key() {
    let (house, receiver) = (house().await, Receiver::start(|_| 200).await);
    let endpoint = receiver.endpoint("admin");
    house.post("/v1/endpoints", &endpoint).await.is(201);
    assert!(house.post("/v1/endpoints", &endpoint).await.is(200).json()["secrets"].is_null());
    for (name, value) in
        [("description", json!("another")), ("secrets", json!(["another-plain-secret"]))]
    {
        let mut other = endpoint.clone();
        other[name] = value;
        house.post("/v1/endpoints", &other).await.is(409).says("ENDPOINT_EXISTS");
    }
    let by_key = |url: &str| {
        let ask = house.ask("POST", "/v1/endpoints").token(&house.admin);
        ask.header("idempotency-key", "make-1").json(&json!({ "url": url })).send()
    };
    let made = by_key("https://example.org/a").await.is(201).json();
    let again = by_key("https://example.org/a").await.is(201).json();
    assert_eq!((&again["id"], &again["secrets"]), (&made["id"], &made["secrets"]));
    by_key("https://example.org/b").await.is(422).says("IDEMPOTENCY_KEY_REUSED");
    let all = house.get("/v1/endpoints").await.is(200).json();
    assert_eq!(all["endpoints"].as_array().unwrap().len(), 2);
}
