//! Webhooks that somebody has seen, and sends once more.

use std::sync::Arc;

use serde_json::{Value, json};
use syncline_engine::received::{ReceivedId, ReceivedRow};
use syncline_engine::rows::Batch;
use syncline_model::id::{DomainName, EntityName, RecordId};
use syncline_protocol::time::format_time;
use syncline_store::Store;
use syncline_store::sqlite::{Options, SqliteStore};

use crate::house::{Ask, House, Reply, state};
use crate::receiving::{
    PLAIN, SYMMETRIC, T, environment, event, expect, house, now_s, plain_signature,
};

const RECORD: &str = "/v1/entities/enrollment/records/enrollment-123";

#[tokio::test(flavor = "multi_thread")]
async fn what_one_receiver_of_spec_004_took_is_known_to_the_others() {
    let house = house().await;
    let made = event("e-1", "enrollment.created", T[0], json!({ "status": "active" }));
    expect(&house.told("enrollment-changed", &made).await.is(200), true, false, false);
    let edit = json!({ "set": { "/status": "paused" } });
    house.ask("PATCH", RECORD).token(&house.admin).json(&edit).send().await.is(200);
    expect(&house.told("sync", &made).await.is(200), false, true, false);
    let changed = event("e-2", "enrollment.updated", T[1], json!({ "seat": 4 }));
    expect(&house.told("sync", &changed).await.is(200), true, false, false);
    expect(&house.told("enrollment-changed", &changed).await.is(200), false, true, false);
    let late = event("e-0", "enrollment.updated", T[0], json!({ "status": "late" }));
    expect(&house.told("enrollment-changed", &late).await.is(200), false, false, true);
    assert_eq!(house.record(RECORD).await, json!({ "status": "paused", "seat": 4 }));
    // Who has taken it stands in the log.
    let log = house.get("/v1/log").await.is(200).json().to_string();
    assert!(log.contains("hook-enrollment-changed-") && log.contains("hook-sync-"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_signed_for_one_receiver_is_nothing_to_one_of_other_types() {
    let house = house().await;
    let told = |kind: &str, resource: &str| {
        json!({ "id": "e-1", "type": kind, "resourceId": "one", "resourceType": resource,
            "data": { "name": "Ada" }, "timestamp": T[0] })
    };
    let cases = [
        ("enrollment-changed", "user.updated", "user"),
        ("enrollment-changed", "profile.updated", "user"),
        ("enrollment-changed", "progress.updated", "progress"),
        ("profile-updated", "enrollment.updated", "enrollment"),
        ("profile-updated", "enrollment.updated", "user"),
        ("progress-updated", "profile.updated", "profile"),
    ];
    for (receiver, kind, resource) in cases {
        let reply = house.told(receiver, &told(kind, resource)).await;
        reply.is(422).says("WEBHOOK_TYPE_UNKNOWN");
    }
    assert_eq!(house.log_length().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_two_receivers_have_a_secret_in_common() {
    let house = house().await;
    let make = async |name: &str, secret: &str| {
        let body = json!({ "name": name, "preset": "sync", "secrets": [secret] });
        house.post("/v1/receivers", &body).await
    };
    make("of-spec-004", PLAIN).await.is(409).says("RECEIVER_SECRET_SHARED");
    make("one", SYMMETRIC).await.is(201);
    make("other", SYMMETRIC).await.is(409).says("RECEIVER_SECRET_SHARED");
    house.get("/v1/receivers/other").await.is(404);
    house.ask("DELETE", "/v1/receivers/one").token(&house.admin).send().await.is(204);
    make("other", SYMMETRIC).await.is(201);
    // What another hub of the server has is nothing to this one.
    house.post("/v1/hubs", &json!({ "name": "shop" })).await.is(201);
    let body = json!({ "name": "other", "preset": "sync", "secrets": [SYMMETRIC] });
    let ask = house.ask("POST", "/h/shop/v1/receivers");
    ask.token(&house.admin).json(&body).send().await.is(401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_does_not_start_with_the_secret_of_a_receiver_that_was_made() {
    const OTHER: &str = "another-secret-of-webhooks";
    let house = House::new().await;
    let body = json!({ "name": "own", "preset": "sync", "secrets": [PLAIN] });
    house.post("/v1/receivers", &body).await.is(201);
    let House { server, folder, .. } = house;
    server.stop().await.unwrap();
    let mut settings = House::settings(&state(folder.path()));
    for (secret, starts) in [(OTHER.to_owned(), true), (format!("{OTHER},{PLAIN}"), false)] {
        settings.application = environment(&[("WEBHOOK_SECRET", &secret)]);
        let hub = crate::house::open_hub(&settings);
        match syncline_server::Server::start(&settings, hub).await {
            Ok(server) => {
                assert!(starts);
                server.stop().await.unwrap();
            }
            Err(error) => {
                assert!(!starts, "{error}");
                assert_eq!(error.code(), "RECEIVER_SECRET_SHARED");
                let text = error.to_string();
                assert!(text.contains("own") && !text.contains(PLAIN), "{text}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_without_a_time_needs_a_version() {
    let house = house().await;
    let of = |name: &str, more: Value| {
        let mut body = json!({ "name": name, "version": null });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let refused = [
        json!({ "secrets": ["one of sixteen letters"] }),
        json!({ "secrets": ["one of sixteen letters"], "event": null }),
        json!({ "secrets": ["one of sixteen letters", SYMMETRIC] }),
        json!({ "secrets": ["one of sixteen letters"], "version": "/timestamp", "cloudEventHeaders": true }),
    ];
    for more in refused {
        let body = of("a", more);
        house.post("/v1/receivers", &body).await.is(422).says("RECEIVER_INVALID");
    }
    let taken = [
        json!({ "secrets": [SYMMETRIC] }),
        json!({ "secrets": ["one of sixteen letters", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"], "accept": "standard" }),
        json!({ "secrets": ["two of sixteen letters"], "version": "/timestamp" }),
    ];
    for (index, more) in taken.into_iter().enumerate() {
        let body = of(&format!("taken-{index}"), more);
        house.post("/v1/receivers", &body).await.is(201);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_standard_signature_a_webhook_is_no_other_event() {
    let house = house().await;
    let own = "a secret of its own";
    let new = json!({ "name": "both", "preset": "sync", "secrets": [SYMMETRIC, own], "event": null,
        "version": "/n" });
    house.post("/v1/receivers", &new).await.is(201);
    let body = json!({ "type": "enrollment.updated", "resourceId": "enrollment-123",
        "resourceType": "enrollment", "data": { "status": "over" }, "n": 7 });
    let plain = plain_signature(own, body.to_string().as_bytes());
    let ask = || house.ask("POST", "/api/webhooks/both").header("x-webhook-signature", &plain);
    let signed = ask().signed(SYMMETRIC, "m-1", now_s(), &body).send().await.is(200);
    expect(&signed, true, false, false);
    let edit = json!({ "set": { "/status": "paused" } });
    house.ask("PATCH", RECORD).token(&house.admin).json(&edit).send().await.is(200);
    expect(&ask().json(&body).send().await.is(200), false, true, false);
    assert_eq!(house.record(RECORD).await, json!({ "status": "paused" }));
}

/// Returns the time that a clock shows that is so many seconds ahead.
fn ahead(seconds: u64) -> String {
    format_time((now_s() + seconds) * 1_000)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_sender_said_before_does_not_undo_what_it_said_later_though_its_clock_is_ahead() {
    let house = house().await;
    let (before, after) = (ahead(200), ahead(201));
    let later = event("e-2", "enrollment.updated", &after, json!({ "status": "over" }));
    expect(&house.told("sync", &later).await.is(200), true, false, false);
    let earlier = event("e-1", "enrollment.updated", &before, json!({ "status": "active" }));
    expect(&house.told("sync", &earlier).await.is(200), false, false, true);
    assert_eq!(house.record(RECORD).await, json!({ "status": "over" }));
    // Here it was written when it came: what is written here behind that comes after it.
    let edit = json!({ "set": { "/status": "paused" } });
    house.ask("PATCH", RECORD).token(&house.admin).json(&edit).send().await.is(200);
    assert_eq!(house.record(RECORD).await, json!({ "status": "paused" }));
    let history = house.get(&format!("{RECORD}/history")).await.is(200).json();
    let changes = history["changes"].as_array().unwrap().iter();
    assert!(changes.clone().all(|change| *change["at"].as_str().unwrap() < *before), "{history}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_from_far_ahead_is_refused_and_makes_nothing_look_old() {
    let house = house().await;
    let far = event("e-1", "enrollment.updated", &ahead(400), json!({ "status": "over" }));
    house.told("sync", &far).await.is(422).says("WEBHOOK_VERSION_AHEAD");
    assert_eq!(house.log_length().await, 0);
    let good = event("e-2", "enrollment.updated", &ahead(0), json!({ "status": "active" }));
    expect(&house.told("sync", &good).await.is(200), true, false, false);
    // Once its time has come it is taken.
    let again = event("e-1", "enrollment.updated", &ahead(100), json!({ "status": "over" }));
    expect(&house.told("sync", &again).await.is(200), true, false, false);
    // A number is no time, however great.
    let mut numbered = event("e-3", "enrollment.updated", "", json!({ "status": "late" }));
    numbered["timestamp"] = json!((now_s() + 9_000) * 1_000);
    expect(&house.told("sync", &numbered).await.is(200), true, false, false);
}

/// Makes a receiver of what is signed with the symmetric secret.
async fn receiver(house: &House, more: Value) {
    let mut body = json!({ "name": "own", "preset": "sync", "secrets": [SYMMETRIC] });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    house.post("/v1/receivers", &body).await.is(201);
}

/// A message whose record stands in a header that nobody has signed.
fn of_record(house: &House, (id, at_s): (&str, u64), record: &str) -> Ask {
    let ask = house.ask("POST", "/api/webhooks/own");
    let ask = ask.header("ce-specversion", "1.0").header("ce-id", "b").header("ce-source", "/one");
    let ask = ask.header("ce-type", "enrollment.updated");
    let ask = ask.header("ce-subject", &format!("enrollment/{record}"));
    ask.header("ce-time", T[0]).signed(SYMMETRIC, id, at_s, &json!({ "seat": 4 }))
}

#[tokio::test(flavor = "multi_thread")]
async fn one_signed_message_is_no_message_of_other_records() {
    let house = house().await;
    receiver(&house, json!({ "cloudEventHeaders": true })).await;
    let at_s = now_s();
    let sent = async |house: &House, at_s: u64, record: &str| -> Reply {
        of_record(house, ("m-1", at_s), record).send().await.is(200)
    };
    expect(&sent(&house, at_s, "e1").await, true, false, false);
    expect(&sent(&house, at_s, "e2").await, false, true, false);
    // Its sender has not heard the answer and sends it again, signed anew; whoever sees that has nothing of it.
    expect(&sent(&house, at_s + 200, "e1").await, false, true, false);
    let house = house.restarted().await;
    expect(&sent(&house, at_s, "e3").await, false, true, false);
    expect(&sent(&house, at_s + 200, "e3").await, false, true, false);
    for record in ["e2", "e3"] {
        house.get(&format!("/v1/entities/enrollment/records/{record}")).await.is(404);
    }
    // At once for many records it is one of them, too.
    let house = Arc::new(house);
    let tasks: Vec<_> = (0..20)
        .map(|number| {
            let house = Arc::clone(&house);
            let record = format!("r{number}");
            let task =
                async move { of_record(&house, ("m-2", at_s), &record).send().await.is(200) };
            tokio::spawn(task)
        })
        .collect();
    let mut applied = 0;
    for task in tasks {
        applied += u32::from(task.await.unwrap().json()["data"]["applied"] == true);
    }
    assert_eq!(applied, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_known_as_long_as_its_time_is_taken_however_many_came_since() {
    let house = house().await;
    receiver(&house, json!({ "version": null, "event": null })).await;
    let body = |status: &str| event("e", "enrollment.updated", T[0], json!({ "status": status }));
    let at_s = now_s();
    let sent = async |id: &str, status: &str| {
        let ask = house.ask("POST", "/api/webhooks/own");
        ask.signed(SYMMETRIC, id, at_s, &body(status)).send().await.is(200)
    };
    expect(&sent("m-0", "first").await, true, false, false);
    for number in 1..=70 {
        expect(&sent(&format!("m-{number}"), &number.to_string()).await, true, false, false);
    }
    expect(&sent("m-0", "first").await, false, true, false);
    assert_eq!(house.record(RECORD).await, json!({ "status": "70" }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_called_sync_has_nothing_in_common_with_those_of_spec_004() {
    let house = house().await;
    receiver(&house, json!({ "name": "sync" })).await;
    let body = event("e-1", "enrollment.updated", T[1], json!({ "status": "over" }));
    let ask = house.ask("POST", "/api/webhooks/sync").signed(SYMMETRIC, "m-1", now_s(), &body);
    expect(&ask.send().await.is(200), true, false, false);
    // Another application calls another event of another time so.
    let other = event("e-1", "enrollment.updated", T[0], json!({ "seat": 4 }));
    expect(&house.told("enrollment-changed", &other).await.is(200), true, false, false);
    assert_eq!(house.record(RECORD).await, json!({ "status": "over", "seat": 4 }));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_those_of_spec_004_took_before_is_known() {
    let House { server, folder, admin } = house().await;
    server.stop().await.unwrap();
    let mut row = ReceivedRow::default();
    row.take(ReceivedId::of(b"e-1"), Some(1_706_702_400_000));
    let record = (EntityName::new("enrollment").unwrap(), RecordId::new("enrollment-123").unwrap());
    let key = ReceivedRow::key(DomainName::new("sync").unwrap(), record.0, record.1);
    let mut store = SqliteStore::open(&state(folder.path()), &Options::default()).unwrap();
    let mut batch = Batch::new();
    batch.put(key, row.encode());
    store.commit(&batch).unwrap();
    Box::new(store).close().unwrap();
    let mut settings = House::settings(&state(folder.path()));
    settings.application = environment(&[("WEBHOOK_SECRET", PLAIN)]);
    let hub = crate::house::open_hub(&settings);
    let server = syncline_server::Server::start(&settings, hub).await.unwrap();
    let house = House { server, folder, admin };
    let known = event("e-1", "enrollment.created", T[0], json!({ "status": "active" }));
    expect(&house.told("enrollment-changed", &known).await.is(200), false, true, false);
    let old = "2024-01-31T11:00:00.000Z";
    let old = event("e-0", "enrollment.created", old, json!({ "status": "active" }));
    expect(&house.told("sync", &old).await.is(200), false, false, true);
    let next = event("e-2", "enrollment.updated", T[1], json!({ "status": "over" }));
    expect(&house.told("sync", &next).await.is(200), true, false, false);
    expect(&house.told("enrollment-changed", &known).await.is(200), false, true, false);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_tells_a_hub_of_a_record_need_not_be_told_of_it_again() {
    let house = crate::deliveries::house().await;
    receiver(&house, json!({})).await;
    let application = crate::deliveries::Receiver::start(|_| 200).await;
    let mut endpoint = application.endpoint("own");
    endpoint["filter"] = json!("!event.origin.startsWith(\"hook-own-\")");
    house.post("/v1/endpoints", &endpoint).await.is(201);
    let body = event("e-1", "enrollment.created", T[0], json!({ "status": "active" }));
    let ask = house.ask("POST", "/api/webhooks/own").signed(SYMMETRIC, "m-1", now_s(), &body);
    expect(&ask.send().await.is(200), true, false, false);
    let edit = json!({ "set": { "/status": "paused" } });
    house.ask("PATCH", RECORD).token(&house.admin).json(&edit).send().await.is(200);
    let got = application.wait_for(1).await;
    assert_eq!(got[0].json()["type"], "enrollment.updated");
    let listed = house.get("/v1/endpoints/own/deliveries?state=cancelled").await.is(200).json();
    assert_eq!(listed["deliveries"].as_array().unwrap().len(), 1, "{listed}");
}

fn of_person(id: &str, kind: &str, of: (&str, &str), at: &str, data: Value) -> Value {
    let (resource, person) = of;
    json!({ "id": id, "type": kind, "resourceId": person, "resourceType": resource, "data": data,
        "timestamp": at })
}

/// Requirement H16.
#[tokio::test(flavor = "multi_thread")]
async fn of_what_is_told_of_a_person_and_its_profile_each_half_is_older_or_newer_by_itself() {
    let house = house().await;
    let path = |entity: &str, id: &str| format!("/v1/entities/{entity}/records/{id}");
    let profile = ("profile", "u1");
    let newer = of_person("e-2", "profile.updated", profile, T[1], json!({ "bio": "new" }));
    expect(&house.told("profile-updated", &newer).await.is(200), true, false, false);
    let data = json!({ "email": "ada@example.org", "profile": { "bio": "old" } });
    let late = of_person("e-1", "user.updated", ("user", "u1"), T[0], data);
    expect(&house.told("profile-updated", &late).await.is(200), true, false, false);
    assert_eq!(house.record(&path("profile", "u1")).await["bio"], "new");
    assert_eq!(house.record(&path("user", "u1")).await["email"], "ada@example.org");
    expect(&house.told("sync", &late).await.is(200), false, true, false);
    // The other way round: what was told of both is newer than what is told of one later.
    let data = json!({ "name": "Ada", "profile": { "bio": "newest" } });
    let both = of_person("e-4", "user.updated", ("user", "u1"), T[3], data);
    expect(&house.told("sync", &both).await.is(200), true, false, false);
    let late = of_person("e-3", "profile.updated", profile, T[2], json!({ "bio": "older" }));
    expect(&house.told("sync", &late).await.is(200), false, false, true);
    let data = json!({ "name": "A.", "profile": { "bio": "older" } });
    let late = of_person("e-5", "user.updated", ("user", "u1"), T[2], data);
    expect(&house.told("sync", &late).await.is(200), false, false, true);
    assert_eq!(house.record(&path("profile", "u1")).await["bio"], "newest");
    assert_eq!(house.record(&path("user", "u1")).await["name"], "Ada");
    // A half of which nothing is told is no newer for it.
    let alone =
        of_person("e-7", "profile.updated", ("user", "u2"), T[2], json!({ "bio": "counts" }));
    expect(&house.told("sync", &alone).await.is(200), true, false, false);
    let before = json!({ "email": "bob@example.org" });
    let before = of_person("e-6", "user.updated", ("user", "u2"), T[1], before);
    expect(&house.told("sync", &before).await.is(200), true, false, false);
    assert_eq!(house.record(&path("user", "u2")).await["email"], "bob@example.org");
    // What only names a person that is gone does not bring it back where all else that it tells is older.
    let data = json!({ "bio": "told" });
    let told = of_person("e-8", "profile.updated", ("user", "u3"), T[2], data);
    expect(&house.told("sync", &told).await.is(200), true, false, false);
    house.ask("DELETE", &path("user", "u3")).token(&house.admin).send().await.is(204);
    let data = json!({ "bio": "late" });
    let late = of_person("e-9", "profile.updated", ("user", "u3"), T[1], data);
    expect(&house.told("sync", &late).await.is(200), false, false, true);
    house.get(&path("user", "u3")).await.is(404);
    // Nor where its profile is newer than what is known of that, and whenever it was told.
    let now = format_time(now_s() * 1_000);
    for (id, at, bio) in [("e-10", T[3], "newer"), ("e-11", now.as_str(), "newest")] {
        let told = of_person(id, "profile.updated", ("user", "u3"), at, json!({ "bio": bio }));
        expect(&house.told("sync", &told).await.is(200), true, false, false);
        assert_eq!(house.record(&path("profile", "u3")).await["bio"], bio);
        house.get(&path("user", "u3")).await.is(404);
    }
    let again = json!({ "name": "Eve" });
    let again = of_person("e-12", "user.created", ("user", "u3"), &now, again);
    expect(&house.told("sync", &again).await.is(200), true, false, false);
    assert_eq!(house.record(&path("user", "u3")).await["name"], "Eve");
}
