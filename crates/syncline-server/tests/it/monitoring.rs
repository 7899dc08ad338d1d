//! Spec 004's monitoring, its environment, and its examples of `curl`.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::time::sleep;

use crate::deliveries::{Got, Receiver};
use crate::house::House;
use crate::receiving::{environment, plain_signature};

const CRON: &str = "your-cron-secret-here";
const SECRET: &str = "your-webhook-secret-here";
const SESSIONS: &str = "a secret of sessions for tests";
/// Made by `next-auth` 4.24.15 with that secret, of somebody with the role `admin`, for seventy years.
const COOKIE: &str = "next-auth.session-token=eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..esGrTW8Vms46Rjh4.nRqf4s4dINwmmBgFKM7Q0SGH7i6tR0aEK_xTm03Ro-bR3dUMyO97-hYzblRrGh1Le2OnNEWNseuYYkPUk3MLnBcXpsZH4zf-enbiHmac7_T8hXDXXVKuoh1W1gONpOtSkrzG9T9BNa7_yz_E5K1ouu3JujQl5imMN31PImIIKVt-7KY9_-VK7qMsruhiJV61hUzmZSg.yyR8HV3do_Lw69l9eH6nHw";
/// As the one before, with the role `student`.
const STUDENT: &str = "next-auth.session-token=eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..MulAhn-pkj6WD2Hw.tX8r2DC_ZWNIT5Sq2jYOumh62TiEgKsheTucaWGsV9PSw72Y5ciCAWfsYlx00HoTcZOk_rMpWVv_Bpa9FAjk1G91a5AYj7oj6_94DVkgTrJDlMRfKNrXWKsAdGJ1a5f9essklxqRuVd0woH5ta-ZEZEHB0vo13EwxzqjCC2zSDpz_18c1cKYrA3LySVYRcKbo8v64vTMCw.J5tiL_s5VG2fds0yKs8a1g";

const ENVIRONMENT: [(&str, &str); 3] =
    [("CRON_SECRET", CRON), ("WEBHOOK_SECRET", SECRET), ("NEXTAUTH_SECRET", SESSIONS)];

async fn house_with(pairs: &[(&str, &str)]) -> House {
    let application = environment(pairs);
    House::with(|settings| {
        settings.application = application;
        settings.sending.is_loopback_allowed = true;
    })
    .await
}

/// Runs a command line as it stands in spec 004, and returns the status and the body of the answer.
async fn run(line: String) -> (u16, Value) {
    let output = tokio::task::spawn_blocking(move || {
        let line = format!("{line} -s -w '\\n%{{http_code}}'");
        Command::new("sh").args(["-c", &line]).output().unwrap()
    });
    let output = output.await.unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let (body, status) = text.rsplit_once('\n').unwrap();
    (status.parse().unwrap(), serde_json::from_str(body).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_examples_of_curl_in_spec_004_run_with_their_placeholders_filled_in() {
    let house = house_with(&ENVIRONMENT).await;
    let host = format!("http://{}", house.server.address());
    let token = COOKIE.split_once('=').unwrap().1;
    // As the lines 259, 282, 297, 316, 320 and 324 of the spec have them.
    let cron = r#"curl -X POST https://your-domain.com/api/sync/process \
  -H "x-cron-secret: your-cron-secret-here""#;
    let enrollment = r#"curl -X POST http://localhost:3000/api/webhooks/enrollment-changed \
  -H "Content-Type: application/json" \
  -H "x-webhook-signature: <signature>" \
  -d '{
    "id": "event-123",
    "type": "enrollment.created",
    "resourceId": "enrollment-123",
    "resourceType": "enrollment",
    "data": { ... },
    "timestamp": "2024-01-31T12:00:00.000Z",
    "retryCount": 0,
    "status": "pending"
  }'"#;
    let profile = r#"curl -X POST http://localhost:3000/api/webhooks/profile-updated \
  -H "Content-Type: application/json" \
  -H "x-webhook-signature: <signature>" \
  -d '{
    "id": "event-456",
    "type": "profile.updated",
    "resourceId": "user-123",
    "resourceType": "user",
    "data": { ... },
    "timestamp": "2024-01-31T12:00:00.000Z",
    "retryCount": 0,
    "status": "pending"
  }'"#;
    let status = r#"curl http://localhost:3000/api/sync/status \
  -H "Cookie: next-auth.session-token=<token>""#;
    let health = r#"curl http://localhost:3000/api/sync/health \
  -H "Cookie: next-auth.session-token=<token>""#;
    let process = r#"curl -X POST http://localhost:3000/api/sync/process \
  -H "x-cron-secret: your-cron-secret-here""#;
    let filled = |line: &str| {
        let line = line.replace("https://your-domain.com", &host);
        let line = line.replace("http://localhost:3000", &host).replace("<token>", token);
        let line = line.replace("{ ... }", r#"{ "status": "active", "name": "Ada" }"#);
        let body = line.split('\'').nth(1).unwrap_or_default();
        line.replace("<signature>", &plain_signature(SECRET, body.as_bytes()))
    };
    for line in [enrollment, profile] {
        let (code, told) = run(filled(line)).await;
        assert_eq!((code, &told["data"]["applied"]), (200, &json!(true)), "{told}");
        let (code, told) = run(filled(line)).await;
        assert_eq!((code, &told["data"]["duplicate"]), (200, &json!(true)), "{told}");
    }
    let record = house.get("/v1/entities/enrollment/records/enrollment-123").await.is(200);
    assert_eq!(record.json()["record"], json!({ "status": "active", "name": "Ada" }));
    let user = house.get("/v1/entities/user/records/user-123").await.is(200).json();
    assert_eq!(user["record"]["name"], "Ada");
    for line in [cron, status, process, health] {
        let (code, told) = run(filled(line)).await;
        let queue = if line == health { &told["data"]["queue"] } else { &told["data"] };
        assert_eq!((code, &queue["total"]), (200, &json!(0)), "{line}: {told}");
        assert_eq!(told["metadata"]["version"], "1.0", "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cron_job_is_known_by_its_secret_in_either_header_and_by_nothing_else() {
    let house = house_with(&ENVIRONMENT).await;
    let ask = |method: &str| house.ask(method, "/api/sync/process");
    for method in ["POST", "GET"] {
        ask(method).header("x-cron-secret", CRON).send().await.is(200);
        ask(method).token(CRON).send().await.is(200);
        ask(method).send().await.is(401).says("CRON_SECRET_WRONG");
        ask(method).token("other").send().await.is(401).says("CRON_SECRET_WRONG");
        ask(method).token(&house.admin).send().await.is(401).says("CRON_SECRET_WRONG");
        let both = ask(method).header("x-cron-secret", "other").token(CRON);
        both.send().await.is(401).says("CRON_SECRET_WRONG");
        let both = ask(method).header("x-cron-secret", CRON).token(&house.admin);
        both.send().await.is(200);
    }
    house.post("/v1/hubs", &json!({ "name": "other" })).await.is(201);
    let other = house.ask("POST", "/h/other/api/sync/process").header("x-cron-secret", CRON);
    other.send().await.is(503).says("CRON_SECRET_UNSET");
    let bare = House::new().await;
    let unset = bare.ask("POST", "/api/sync/process").header("x-cron-secret", "");
    unset.send().await.is(503).says("CRON_SECRET_UNSET");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_monitoring_is_for_admins_of_the_hub_and_of_the_application() {
    let house = house_with(&ENVIRONMENT).await;
    let client = house.token("phone client").await;
    house.post("/v1/hubs", &json!({ "name": "other" })).await.is(201);
    for path in ["/api/sync/status", "/api/sync/health"] {
        let ask = || house.ask("GET", path);
        house.get(path).await.is(200);
        ask().header("cookie", COOKIE).send().await.is(200);
        ask().send().await.is(401).says("ACCESS_TOKEN_MISSING");
        ask().header("cookie", STUDENT).send().await.is(401).says("ACCESS_TOKEN_INVALID");
        ask().token(&client).send().await.is(403).says("PERMISSION_DENIED");
        let other = house.ask("GET", &format!("/h/other{path}")).header("cookie", COOKIE);
        other.send().await.is(401).says("ACCESS_TOKEN_MISSING");
    }
    // It opens nothing else.
    let tokens = house.ask("GET", "/v1/tokens").header("cookie", COOKIE).send().await;
    tokens.is(401).says("ACCESS_TOKEN_MISSING");
    let bare = House::new().await;
    let unset = bare.ask("GET", "/api/sync/status").header("cookie", COOKIE).send().await;
    unset.is(401).says("ACCESS_TOKEN_MISSING");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_is_counted_by_type_and_resource_and_a_nudge_tries_it_at_once() {
    let house = house_with(&ENVIRONMENT).await;
    let receiver = Receiver::start(|got: &[Got]| if got.len() < 2 { 500 } else { 200 }).await;
    let mut endpoint = receiver.endpoint("admin");
    endpoint["schedule"] = json!([0, 45_000, 45_000]);
    house.post("/v1/endpoints", &endpoint).await.is(201);
    house.emit("event-1", "e1").await;
    let begun = Instant::now();
    let health = loop {
        let health = house.get("/api/sync/health").await.is(200).json()["data"].clone();
        if health["failureStats"]["totalFailures"] == 1 {
            break health;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{health}");
        sleep(Duration::from_millis(5)).await;
    };
    assert_eq!(
        (&health["healthy"], &health["status"]),
        (&json!(false), &json!("warn")),
        "{health}"
    );
    let statistics = json!({
        "totalFailures": 1,
        "failuresByType": { "enrollment.created": 1 },
        "failuresByResource": { "enrollment": 1 },
        "averageRetries": 0.0,
    });
    assert_eq!(health["failureStats"], statistics);
    let failure = &health["recentFailures"][0];
    assert_eq!((&failure["resourceId"], &failure["retryCount"]), (&json!("e1"), &json!(0)));
    assert!(!health.to_string().contains("12.5"), "no value is told: {health}");
    assert_eq!(house.get("/api/sync/status").await.json()["data"]["pending"], 1);
    let told = house.get("/v1/events/event-1/deliveries").await.is(200).json();
    let retrying = json!([{ "endpoint": "admin", "state": "retrying", "attempts": 1 }]);
    assert_eq!(told, json!({ "deliveries": retrying, "settled": false }));
    let process = || house.ask("POST", "/api/sync/process").header("x-cron-secret", CRON).send();
    assert_eq!(process().await.is(200).json()["data"]["hastened"], 1);
    house.settled("admin", "delivered", 1).await;
    let told = house.get("/v1/events/event-1/deliveries").await.is(200).json();
    let delivered = json!([{ "endpoint": "admin", "state": "delivered", "attempts": 2 }]);
    assert_eq!(told, json!({ "deliveries": delivered, "settled": true }));
    let idle = process().await.is(200).json()["data"].clone();
    assert_eq!((&idle["hastened"], &idle["total"]), (&json!(0), &json!(0)), "{idle}");
    house.get("/v1/events/event-2/deliveries").await.is(404).says("EVENT_UNKNOWN");
    // A change is an event, too, and so is what is emitted with one.
    let change = json!({ "id": "with", "type": "t.done", "resourceType": "tasks", "resourceId": "t1", "change": { "set": { "/a": 1 } } });
    house.post("/v1/events", &json!({ "events": [change] })).await.is(200);
    let all = house.settled("admin", "delivered", 3).await;
    for one in all {
        let path = format!("/v1/events/{}/deliveries", one["event"].as_str().unwrap());
        assert_eq!(house.get(&path).await.is(200).json()["settled"], true, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_addresses_of_the_environment_have_one_endpoint_each_over_all_starts() {
    let (one, other) = (Receiver::start(|_| 200).await, Receiver::start(|_| 200).await);
    let url = |receiver: &Receiver| format!("http://{}/api/webhooks/sync", receiver.address);
    let (first, second) = (url(&one), url(&other));
    let with = |urls: String| {
        let application = environment(&[("WEBHOOK_SECRET", SECRET), ("SYNC_WEBHOOK_URLS", &urls)]);
        move |settings: &mut syncline_server::Settings| {
            settings.application = application;
            settings.sending.is_loopback_allowed = true;
        }
    };
    let list = async |house: &House| {
        house.get("/v1/endpoints").await.is(200).json()["endpoints"].as_array().unwrap().clone()
    };
    let house = House::with(with(format!("{first},{second}"))).await;
    assert_eq!((list(&house).await.len(), house.server.provided().len()), (2, 2));
    house.emit("event-1", "e1").await;
    let got = one.wait_for(1).await;
    assert_eq!(got[0].header("x-webhook-signature"), plain_signature(SECRET, &got[0].body));
    assert_eq!(got[0].json()["status"], "pending");
    other.wait_for(1).await;
    let house = house.restarted_with(with(format!("{first},{second}"))).await;
    assert_eq!((list(&house).await.len(), house.server.provided().len()), (2, 0));
    let house = house.restarted_with(with(first.clone())).await;
    assert!(house.server.provided()[0].contains("taken off"), "{:?}", house.server.provided());
    let listed = list(&house).await;
    let off = listed.iter().find(|endpoint| endpoint["url"] == second.as_str()).unwrap();
    assert_eq!((listed.len(), &off["disabled"]), (2, &json!("by_hand")));
    house.emit("event-2", "e1").await;
    one.wait_for(2).await;
    assert_eq!(other.got().len(), 1);
    // Once it is on the list again it gets what it has missed.
    let house = house.restarted_with(with(format!("{first},{second}"))).await;
    let begun = Instant::now();
    while !other.got().iter().any(|got| got.json()["id"] == "event-2") {
        assert!(begun.elapsed() < Duration::from_secs(60));
        sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(list(&house).await.len(), 2);
}

/// Spec 004's receivers take no event of the type of a test, and are reached all the same.
#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_at_another_hub_is_tested_and_enabled_again() {
    let (one, other) = (house_with(&ENVIRONMENT).await, house_with(&ENVIRONMENT).await);
    let url = format!("http://{}/api/webhooks/enrollment-changed", other.server.address());
    for body in ["standard", "anywheredoor", "cloudevent"] {
        let endpoint = json!({ "id": body, "url": url, "secrets": [SECRET], "body": body });
        one.post("/v1/endpoints", &endpoint).await.is(201);
        let path = format!("/v1/endpoints/{body}");
        one.post(&format!("{path}/disable"), &json!({})).await.is(200);
        one.post(&format!("{path}/enable"), &json!({})).await.is(409).says("ENDPOINT_NOT_TESTED");
        let tested = one.post(&format!("{path}/test"), &json!({})).await.is(200).json();
        assert_eq!(
            (&tested["delivered"], &tested["status"]),
            (&json!(true), &json!(200)),
            "{tested}"
        );
        one.post(&format!("{path}/enable"), &json!({})).await.is(200);
    }
    let log = other.get("/v1/log?limit=100").await.is(200).json();
    assert_eq!(log["entries"], json!([]), "a test changes nothing");
}

/// A receiver that takes no such event has read it; one that knows no such path, or not who asks, has not.
#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_judges_a_test_is_reached() {
    let status = Arc::new(AtomicU16::new(0));
    let said = Arc::clone(&status);
    let receiver = Receiver::start(move |_| said.load(Ordering::Relaxed)).await;
    let house = house_with(&ENVIRONMENT).await;
    house.post("/v1/endpoints", &receiver.endpoint("admin")).await.is(201);
    let path = "/v1/endpoints/admin";
    for (answered, is_reached) in [
        (200, true),
        (400, true),
        (422, true),
        (401, false),
        (404, false),
        (302, false),
        (500, false),
    ] {
        house.post(&format!("{path}/disable"), &json!({})).await.is(200);
        status.store(answered, Ordering::Relaxed);
        let tested = house.post(&format!("{path}/test"), &json!({})).await.is(200).json();
        assert_eq!(tested["reached"], is_reached, "{answered}: {tested}");
        let enabled = house.post(&format!("{path}/enable"), &json!({})).await;
        enabled.is(if is_reached { 200 } else { 409 });
    }
    // Another address was not tested.
    status.store(200, Ordering::Relaxed);
    house.post(&format!("{path}/test"), &json!({})).await.is(200);
    let moved =
        json!({ "url": receiver.endpoint("x")["url"].as_str().unwrap().replace("x=1", "x=2") });
    house.ask("PATCH", path).token(&house.admin).json(&moved).send().await.is(200);
    house.post(&format!("{path}/enable"), &json!({})).await.is(409).says("ENDPOINT_NOT_TESTED");
}
