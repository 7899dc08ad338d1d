//! Webhooks that somebody has seen, and sends once more.

use serde_json::{Value, json};

use crate::receiving::{PLAIN, SYMMETRIC, T, event, expect, house, now_s, plain_signature};

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
async fn a_signature_without_a_time_needs_a_version() {
    let house = house().await;
    let of = |name: &str, more: Value| {
        let mut body = json!({ "name": name, "version": null });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let refused = [
        json!({ "secrets": ["one"] }),
        json!({ "secrets": ["one"], "event": null }),
        json!({ "secrets": ["one", SYMMETRIC] }),
        json!({ "secrets": ["one"], "version": "/timestamp", "cloudEventHeaders": true }),
    ];
    for more in refused {
        let body = of("a", more);
        house.post("/v1/receivers", &body).await.is(422).says("RECEIVER_INVALID");
    }
    let taken = [
        json!({ "secrets": [SYMMETRIC] }),
        json!({ "secrets": ["one", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"], "accept": "standard" }),
        json!({ "secrets": ["two"], "version": "/timestamp" }),
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
