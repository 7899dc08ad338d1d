//! The figures of specs 002 and 003 are what has happened, by hub.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;
use syncline_engine::operate::Entities;
use syncline_merge::rules::{EntityRules, Rule};
use syncline_model::id::EntityName;
use syncline_server::MetricsNames;

use crate::changes::set;
use crate::house::House;

/// Returns a figure by its name and labels; nothing if it is not there.
async fn figure(house: &House, name: &str) -> Option<f64> {
    let text = house.get("/metrics").await.is(200).text();
    let line = text
        .lines()
        .find(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(' ')))?;
    Some(line.rsplit(' ').next()?.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn operations_are_counted_by_hub_kind_and_fate() {
    let house = House::with(|settings| {
        let (prefix, region) = ("rdap_sync".to_owned(), Some("eu".to_owned()));
        settings.metrics = MetricsNames { prefix, region };
    })
    .await;
    let gone = json!({ "op": 2, "entity": "tasks", "id": "t1", "at": "2026-11-20T10:00:00.000Z", "delete": true });
    let unfit = json!({ "op": 3, "entity": "tasks", "id": "t1", "at": "2026-11-20T10:00:00.000Z", "inc": { "/x": "y" } });
    let first = set(1, "t1", "/title", &json!("Call"));
    let pushed = house.push("phone", &[first.clone(), gone, unfit]).await.is(200).json();
    let code = pushed["results"][2]["problem"]["code"].as_str().unwrap().to_owned();
    house.push("phone", &[first]).await.is(200);
    house
        .ask("PUT", "/v1/entities/tasks/records/t2")
        .token(&house.admin)
        .json(&json!({ "title": "B" }))
        .send()
        .await
        .is(201);
    let event =
        json!({ "events": [{ "type": "task.done", "resourceType": "tasks", "resourceId": "t2" }] });
    house.post("/v1/events", &event).await.is(200);
    house.post("/v1/hubs", &json!({ "name": "shop" })).await.is(201);
    let counted = |kind: &str, fate: &str, code: &str| {
        format!(
            "rdap_sync_operation_total{{region=\"eu\",hub=\"default\",operation_type=\"{kind}\",status=\"{fate}\",error_type=\"{code}\"}}"
        )
    };
    // What is sent again is answered again, and that is a success.
    assert_eq!(figure(&house, &counted("update", "success", "")).await, Some(3.0));
    assert_eq!(figure(&house, &counted("delete", "success", "")).await, Some(1.0));
    assert_eq!(figure(&house, &counted("event", "success", "")).await, Some(1.0));
    assert_eq!(figure(&house, &counted("update", "error", &code)).await, Some(1.0));
    let times = "rdap_sync_operation_duration_seconds_count{region=\"eu\",hub=\"default\",operation_type=\"update\"}";
    assert_eq!(figure(&house, times).await, Some(4.0));
    let of_shop = "rdap_sync_conflicts_open{region=\"eu\",hub=\"shop\"}";
    assert_eq!(figure(&house, of_shop).await, Some(0.0), "each hub has its own");
    let text = house.get("/metrics").await.is(200).text();
    assert!(!text.contains("syncline_"), "each figure has the prefix: {text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_is_counted_when_it_arises_waits_and_is_decided_by_whomever() {
    let house = House::with(|settings| {
        let named = [("tasks", Rule::Review), ("notes", Rule::Max)].map(|(name, rule)| {
            let rules = EntityRules { rule_default: rule, ..EntityRules::default() };
            (EntityName::new(name).unwrap(), rules)
        });
        settings.entities = Entities::open(BTreeMap::from(named));
    })
    .await;
    let settled = |by: &str| {
        format!(
            "syncline_conflict_resolution_duration_seconds_count{{hub=\"default\",resolution_type=\"{by}\"}}"
        )
    };
    for (client, value) in [("phone", "A"), ("tablet", "B")] {
        let (waits, by_rule) = (set(1, "t1", "/title", &json!(value)), json!(value));
        house.push(client, &[waits]).await.is(200);
        let mut other = set(2, "t1", "/title", &by_rule);
        other["entity"] = json!("notes");
        house.push(client, &[other]).await.is(200);
    }
    let open = "syncline_conflicts_open{hub=\"default\"}";
    let oldest = "syncline_conflicts_oldest_seconds{hub=\"default\"}";
    assert_eq!(figure(&house, open).await, Some(1.0));
    assert!(figure(&house, oldest).await >= Some(0.0));
    assert_eq!(
        figure(&house, "syncline_conflicts_detected_total{hub=\"default\"}").await,
        Some(2.0)
    );
    assert_eq!(figure(&house, &settled("automatic")).await, Some(1.0));
    assert_eq!(figure(&house, &settled("manual")).await, Some(0.0));
    let listed = house.get("/v1/conflicts?status=open").await.is(200).json();
    let id = listed["conflicts"][0]["conflict"].as_str().unwrap().to_owned();
    house.post(&format!("/v1/conflicts/{id}/resolve"), &json!({ "take": "phone" })).await.is(200);
    assert_eq!(figure(&house, open).await, Some(0.0));
    assert_eq!(figure(&house, oldest).await, Some(0.0));
    assert_eq!(figure(&house, &settled("manual")).await, Some(1.0));
    assert_eq!(figure(&house, &settled("manual")).await, Some(1.0), "once");
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_are_counted_as_they_cross_the_network_and_as_they_are() {
    let house = House::new().await;
    let bytes = async |direction: &str, form: &str| {
        let name = format!(
            "syncline_transferred_bytes_total{{direction=\"{direction}\",form=\"{form}\"}}"
        );
        figure(&house, &name).await.unwrap()
    };
    let text = "again and ".repeat(1_000);
    house.pushed("phone", &[set(1, "t1", "/text", &json!(text))]).await;
    let came = bytes("in", "plain").await;
    assert!(came > 10_000.0 && came == bytes("in", "wire").await, "{came}");
    let before = (bytes("out", "wire").await, bytes("out", "plain").await);
    let pull = house.ask("GET", "/v1/pull").token(&house.admin).header("accept-encoding", "gzip");
    let pulled = pull.send().await.is(200);
    assert_eq!(pulled.header("content-encoding"), "gzip");
    let (wire, plain) =
        (bytes("out", "wire").await - before.0, bytes("out", "plain").await - before.1);
    // What is told of figures meanwhile is counted as well, and is not compressed.
    assert!(plain - wire > 9_000.0, "{wire} of {plain}");
}

/// Waits until a figure is as wanted: of deliveries that are under way it says what it was a moment ago.
async fn until(house: &House, name: &str, is_wanted: impl Fn(f64) -> bool) {
    for _ in 0..600 {
        if figure(house, name).await.is_some_and(&is_wanted) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{name} is {:?}", figure(house, name).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_an_endpoint_is_counted_until_it_is_disabled() {
    let house = House::with(|settings| settings.sending.is_loopback_allowed = true).await;
    let state = |state: &str| format!("syncline_endpoints{{hub=\"default\",state=\"{state}\"}}");
    // Nobody listens there.
    let endpoint = json!({ "id": "away", "url": "http://127.0.0.1:1/", "events": ["tasks.*"] });
    house.post("/v1/endpoints", &endpoint).await.is(201);
    until(&house, &state("enabled"), |count| count == 1.0).await;
    house.pushed("phone", &[set(1, "t1", "/title", &json!("A"))]).await;
    let pending = "syncline_pending_operations{hub=\"default\"}";
    until(&house, pending, |count| count >= 1.0).await;
    let synced = "syncline_last_sync_timestamp_seconds{hub=\"default\"}";
    until(&house, synced, |at| at > 1_700_000_000.0).await;
    house.post("/v1/endpoints/away/disable", &json!({})).await.is(200);
    until(&house, &state("disabled"), |count| count == 1.0).await;
    // Nobody waits for it any more.
    until(&house, pending, |count| count == 0.0).await;
    assert_eq!(figure(&house, "syncline_dead_letters_total{hub=\"default\"}").await, Some(0.0));
}
