//! Two hubs that receive from each other: they become equal, and nothing that one of them has taken is lost.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::time::sleep;

use crate::deliveries::PATIENCE;
use crate::house::{House, Reply};
use crate::receiving::{environment, now_s};

const SECRET: &str = "your-webhook-secret-here";

/// Starts two hubs; each has an endpoint, `peer`, to the other.
async fn hubs() -> [House; 2] {
    let house = async || {
        House::with(|settings| {
            settings.application = environment(&[("WEBHOOK_SECRET", SECRET)]);
            settings.sending.is_loopback_allowed = true;
        })
        .await
    };
    let (one, other) = (house().await, house().await);
    for (from, to) in [(&one, &other), (&other, &one)] {
        let url = format!("http://{}/api/webhooks/sync", to.server.address());
        let endpoint = json!({ "id": "peer", "url": url, "secrets": [SECRET] });
        from.post("/v1/endpoints", &endpoint).await.is(201);
    }
    [one, other]
}

impl House {
    async fn write(&self, method: &str, record: &str, body: &Value) -> Reply {
        let path = format!("/v1/entities/tasks/records/{record}");
        let ask = self.ask(method, &path).token(&self.admin);
        let ask = match method {
            "PATCH" => ask.header("content-type", "application/merge-patch+json"),
            "DELETE" => return ask.send().await,
            _ => ask.header("content-type", "application/json"),
        };
        ask.bytes(body.to_string().into_bytes()).send().await
    }

    async fn shown(&self, record: &str) -> Value {
        let reply = self.get(&format!("/v1/entities/tasks/records/{record}")).await;
        if reply.status == 200 { reply.json()["record"].clone() } else { Value::Null }
    }

    /// Has nothing be told to the other hub until [`no_longer_silent`](Self::no_longer_silent).
    async fn silent(&self) {
        self.post("/v1/endpoints/peer/disable", &json!({})).await.is(200);
    }

    async fn no_longer_silent(&self) {
        self.post("/v1/endpoints/peer/test", &json!({})).await.is(200);
        self.post("/v1/endpoints/peer/enable", &json!({})).await.is(200);
        self.nothing_waits().await;
    }

    /// Waits until all that was to be told is told.
    async fn nothing_waits(&self) {
        let begun = Instant::now();
        loop {
            let status = self.get("/api/sync/status").await.is(200).json();
            let data = &status["data"];
            if data["pending"] == 0 && data["processing"] == 0 {
                assert_eq!(data["failed"], 0, "{status}");
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "{status}");
            sleep(Duration::from_millis(5)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hubs_that_tell_each_other_everything_come_to_rest() {
    let [one, other] = hubs().await;
    let path = "/v1/entities/tasks/records/t1";
    let put = |house: &House, title: &str| {
        let ask = house.ask("PUT", path).token(&house.admin);
        ask.json(&json!({ "title": title })).send()
    };
    put(&one, "first").await.is(201);
    let holds = async |house: &House, title: &str| {
        let begun = Instant::now();
        loop {
            let reply = house.get(path).await;
            if reply.status == 200 && reply.json()["record"]["title"] == title {
                break;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "{}", reply.text());
            sleep(Duration::from_millis(5)).await;
        }
    };
    holds(&other, "first").await;
    // It went back to where it came from, and ended there.
    other.settled("peer", "delivered", 1).await;
    put(&other, "second").await.is(200);
    holds(&one, "second").await;
    one.settled("peer", "delivered", 2).await;
    other.settled("peer", "delivered", 2).await;
    for house in [&one, &other] {
        let log = house.get("/v1/log?limit=100").await.is(200).json();
        assert_eq!(log["entries"].as_array().unwrap().len(), 2, "{log}");
    }
}

/// What is there first, what each does, the former before the latter, and what is to be there.
type Case = (&'static str, Value, [(&'static str, Value); 2], Value);

/// Returns edits that cross on their way.
fn crossed() -> [Case; 6] {
    [
        (
            "other-fields",
            json!({ "a": 0, "b": 0 }),
            [("PATCH", json!({ "a": 1 })), ("PATCH", json!({ "b": 1 }))],
            json!({ "a": 1, "b": 1 }),
        ),
        (
            "same-field",
            json!({ "a": 0 }),
            [("PATCH", json!({ "a": 1 })), ("PATCH", json!({ "a": 2 }))],
            json!({ "a": 2 }),
        ),
        (
            "removed",
            json!({ "a": 0, "b": 0 }),
            [("PATCH", json!({ "a": null })), ("PATCH", json!({ "b": 1 }))],
            json!({ "b": 1 }),
        ),
        (
            "set-then-removed",
            json!({ "a": 0, "b": 0 }),
            [("PATCH", json!({ "a": 1 })), ("PATCH", json!({ "a": null }))],
            json!({ "b": 0 }),
        ),
        (
            "edited-then-deleted",
            json!({ "a": 0 }),
            [("PATCH", json!({ "a": 1 })), ("DELETE", json!({}))],
            Value::Null,
        ),
        (
            "deleted-then-edited",
            json!({ "a": 0, "b": 0 }),
            [("DELETE", json!({})), ("PATCH", json!({ "a": 1 }))],
            json!({ "a": 1, "b": 0 }),
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_hubs_that_edit_at_once_none_loses_what_it_has_taken() {
    let cases = crossed();
    let [one, other] = hubs().await;
    for order in ["former", "latter"] {
        for (name, first, ..) in &cases {
            one.write("PUT", &format!("{order}-{name}"), first).await.is(201);
        }
        one.nothing_waits().await;
        other.nothing_waits().await;
        one.silent().await;
        other.silent().await;
        for (name, _, [former, latter], _) in &cases {
            for (house, (method, body)) in [(&one, former), (&other, latter)] {
                let reply = house.write(method, &format!("{order}-{name}"), body).await;
                assert!([200, 204].contains(&reply.status.as_u16()), "{}", reply.text());
                // Later by the clock, of which hubs tell milliseconds.
                sleep(Duration::from_millis(5)).await;
            }
        }
        let houses = if order == "former" { [&one, &other] } else { [&other, &one] };
        for house in houses {
            house.no_longer_silent().await;
        }
        for house in houses {
            house.nothing_waits().await;
        }
        for (name, _, _, wanted) in &cases {
            for house in [&one, &other] {
                assert_eq!(
                    house.shown(&format!("{order}-{name}")).await,
                    *wanted,
                    "{order} first, {name}"
                );
            }
        }
    }
}

/// Goal: whatever is edited at two hubs at once, they show the same in the end. Method: edits at random of few records
/// and fields at both, as fast as they are taken.
#[tokio::test(flavor = "multi_thread")]
async fn two_hubs_become_equal_whatever_is_edited_at_both() {
    const RECORDS: u64 = 12;
    const EDITS: u64 = 150;
    let [one, other] = hubs().await;
    let edit = async |house: &House, seed: u64| {
        let mut state = seed;
        let mut below = |bound: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(seed);
            (state >> 33) % bound
        };
        for number in 0..EDITS {
            let record = format!("r{}", below(RECORDS));
            let field = ["a", "b", "c"][below(3) as usize];
            let value = json!(seed * EDITS + number);
            let reply = match below(10) {
                0 => house.write("DELETE", &record, &json!({})).await,
                1 => {
                    house.write("PUT", &record, &json!({ field: value, "d": { "e": value } })).await
                }
                2 => house.write("PATCH", &record, &json!({ field: null })).await,
                3 => house.write("PATCH", &record, &json!({ "d": value })).await,
                4 => house.write("PATCH", &record, &json!({ "d": { "e": value } })).await,
                _ => house.write("PATCH", &record, &json!({ field: value })).await,
            };
            assert!([200, 201, 204, 404, 410].contains(&reply.status.as_u16()), "{}", reply.text());
        }
    };
    for seeds in [(7, 11), (13, 17), (19, 23), (29, 31)] {
        tokio::join!(edit(&one, seeds.0), edit(&other, seeds.1));
        for house in [&one, &other, &one] {
            house.nothing_waits().await;
        }
        for record in (0..RECORDS).map(|number| format!("r{number}")) {
            let shown = async || [one.shown(&record).await, other.shown(&record).await];
            let (begun, mut now) = (Instant::now(), shown().await);
            while now[0] != now[1] {
                assert!(begun.elapsed() < PATIENCE, "{record} {seeds:?}: {now:?}");
                sleep(Duration::from_millis(5)).await;
                now = shown().await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_is_emitted_with_an_event_of_its_own_type_crosses_too() {
    let [one, other] = hubs().await;
    for (kind, title, status) in [("created", "New", "open"), ("updated", "Newer", "open")] {
        let change = json!({ "set": { "/title": title, "/status": status } });
        let event = json!({ "type": format!("tasks.{kind}"), "resourceType": "tasks", "resourceId": "t1", "change": change });
        one.post("/v1/events", &json!({ "events": [event] })).await.is(200);
        let (begun, wanted) = (Instant::now(), json!({ "title": title, "status": status }));
        while other.shown("t1").await != wanted {
            assert!(begun.elapsed() < PATIENCE, "{}", other.shown("t1").await);
            sleep(Duration::from_millis(5)).await;
        }
    }
}

/// Goal: what a hub tells holds by when it was edited, in whatever order it comes, to the count within a millisecond.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_hub_tells_late_takes_the_place_of_nothing_that_was_edited_later() {
    let [one, _] = hubs().await;
    let now_ms = now_s() * 1_000;
    let clock = |before_ms: u64, count: u64| format!("{}.{count}", now_ms - before_ms);
    let both = json!({ "x": "new", "y": 0 });
    let steps = [
        // what is told, when it was edited, and what is there afterwards
        (json!({ "x": 0, "y": 0 }), json!({ "": clock(9_000, 0) }), json!({ "x": 0, "y": 0 })),
        (json!({ "x": "new" }), json!({ "/x": clock(3_000, 0) }), both.clone()),
        (json!({ "x": "old" }), json!({ "/x": clock(5_000, 0) }), both.clone()),
        // The same, but edited later.
        (json!({ "x": "new" }), json!({ "/x": clock(2_000, 3) }), both.clone()),
        (json!({ "x": "old" }), json!({ "/x": clock(2_500, 0) }), both.clone()),
        (json!({ "x": "old" }), json!({ "/x": clock(2_000, 2) }), both.clone()),
        (json!({ "x": 1 }), json!({ "/x": clock(2_000, 4) }), json!({ "x": 1, "y": 0 })),
        (Value::Null, json!({ "": clock(1_000, 0) }), Value::Null),
        // Edited before it was deleted, by somebody who had not seen that.
        (json!({ "x": 2, "y": 0 }), json!({ "/x": clock(1_500, 0) }), Value::Null),
        (
            json!({ "x": 2, "y": 0 }),
            json!({ "/x": clock(1_500, 0), "": clock(500, 0) }),
            json!({ "x": 2, "y": 0 }),
        ),
        (json!({ "y": 3 }), json!({ "/y": clock(1_600, 0) }), json!({ "x": 2, "y": 3 })),
    ];
    for (number, (data, edited, wanted)) in steps.into_iter().enumerate() {
        let kind = if data.is_null() { "tasks.deleted" } else { "tasks.updated" };
        let body = json!({
            "id": format!("event-{number}"),
            "type": kind,
            "timestamp": "2024-01-31T12:00:00.000Z",
            "resourceType": "tasks",
            "resourceId": "t1",
            "data": data,
            "edited": edited,
            "hops": "00000000000000a1",
        });
        let path = "/api/webhooks/sync";
        one.ask("POST", path).signed_plainly(SECRET, &body).send().await.is(200);
        assert_eq!(one.shown("t1").await, wanted, "{number}: {body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_hub_tells_of_too_many_times_or_of_one_to_come_is_refused() {
    let [one, _] = hubs().await;
    let now_ms = now_s() * 1_000;
    let times = |count: u64| -> serde_json::Map<String, Value> {
        (0..count).map(|at| (format!("/f{at}"), json!(format!("{}.0", now_ms - at)))).collect()
    };
    let cases = [
        (Value::Object(times(256)), None),
        (Value::Object(times(257)), Some("WEBHOOK_VERSION_INVALID")),
        (json!({ "/x": format!("{}.0", now_ms + 90_000) }), Some("WEBHOOK_VERSION_AHEAD")),
    ];
    for (number, (edited, refused)) in cases.into_iter().enumerate() {
        let body = json!({
            "id": format!("event-{number}"),
            "type": "tasks.created",
            "timestamp": "2024-01-31T12:00:00.000Z",
            "resourceType": "tasks",
            "resourceId": format!("t{number}"),
            "data": edited.as_object().unwrap().keys().map(|path| (path[1..].to_owned(), json!(1))).collect::<serde_json::Map<_, _>>(),
            "edited": edited,
            "hops": "00000000000000a1",
        });
        let ask = one.ask("POST", "/api/webhooks/sync").signed_plainly(SECRET, &body);
        let reply = ask.send().await;
        match refused {
            None => reply.is(200),
            Some(code) => reply.is(422).says(code),
        };
        assert_eq!(one.shown(&format!("t{number}")).await.is_null(), refused.is_some());
    }
}
