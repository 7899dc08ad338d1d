//! Conflicts.

use std::collections::BTreeMap;

use serde_json::json;
use syncline_engine::operate::Entities;
use syncline_merge::rules::{EntityRules, Rule};
use syncline_model::id::EntityName;

use crate::changes::set;
use crate::house::House;
use crate::live::{connect, hear, say};

#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_is_listed_shown_and_decided_by_a_reviewer() {
    let house = House::with(|settings| {
        let rules = EntityRules { rule_default: Rule::Review, ..EntityRules::default() };
        let named = BTreeMap::from([(EntityName::new("tasks").unwrap(), rules)]);
        settings.entities = Entities::only(named);
    })
    .await;
    house.pushed("phone", &[set(1, "t1", "/title", &json!("A"))]).await;
    let answer = house.push("tablet", &[set(1, "t1", "/title", &json!("B"))]).await.is(200).json();
    assert_eq!(answer["results"][0]["status"], "conflict", "{answer}");
    let id = answer["results"][0]["conflicts"][0].as_str().unwrap();
    let list = house.get("/v1/conflicts").await.is(200).json();
    assert_eq!(list["conflicts"].as_array().unwrap().len(), 1, "{list}");
    let of_entity = house.get("/v1/conflicts?entity=tasks").await.is(200).json();
    assert_eq!(of_entity, list);
    let of_other = house.get("/v1/conflicts?entity=notes").await.is(200).json();
    assert_eq!(of_other["conflicts"], json!([]));
    let mut shown = house.get(&format!("/v1/conflicts/{id}")).await.is(200).json();
    let context = shown.as_object_mut().unwrap().remove("context").unwrap();
    assert_eq!(context, json!({ "shape": "register", "rule": "review" }));
    assert_eq!(shown, list["conflicts"][0]);
    house
        .get(&format!("/v1/conflicts/{}", "0".repeat(32)))
        .await
        .is(404)
        .says("CONFLICT_NOT_FOUND");
    let resolve = format!("/v1/conflicts/{id}/resolve");
    for bad in [json!({}), json!({ "take": 1 }), json!({ "take": "a", "keep": true })] {
        house.post(&resolve, &bad).await.is(400).says("BODY_INVALID");
    }
    let reviewer = house.token("mara reviewer").await;
    let decide = house.ask("POST", &resolve).token(&reviewer).json(&json!({ "take": "tablet" }));
    let decided = decide.send().await.is(200).json();
    assert_eq!(decided["status"], "resolved", "{decided}");
    let record = house.get("/v1/entities/tasks/records/t1").await.is(200).json();
    assert_eq!(record["record"], json!({ "title": "B" }));
    let list = house.get("/v1/conflicts").await.is(200).json();
    assert_eq!(list["conflicts"], json!([]));
    house.get("/v1/entities/notes/records/t1").await.is(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_editor_writes_and_decides_and_looks_after_nothing() {
    let house = House::with(|settings| {
        let rules = EntityRules { rule_default: Rule::Review, ..EntityRules::default() };
        let named = BTreeMap::from([(EntityName::new("tasks").unwrap(), rules)]);
        settings.entities = Entities::only(named);
    })
    .await;
    let mara = house.token("mara editor").await;
    let mut socket = connect(&house, &mara).await;
    say(&mut socket, &json!({ "hello": { "protocol": 1, "client": "mara-1", "views": [{ "entities": ["tasks"] }], "accept": [], "window": 64 } })).await;
    assert!(hear(&mut socket).await.unwrap().get("welcome").is_some());
    let op = json!({ "op": 1, "entity": "tasks", "id": "t1", "at": "2026-11-20T10:00:00.000Z",
        "set": { "/title": "A" } });
    say(&mut socket, &json!({ "push": [op] })).await;
    let mut heard = hear(&mut socket).await.unwrap();
    while heard.get("results").is_none() {
        heard = hear(&mut socket).await.unwrap();
    }
    assert_eq!(heard["results"][0]["status"], "applied", "{heard}");
    let answer = house.push("tablet", &[set(1, "t1", "/title", &json!("B"))]).await.is(200).json();
    let id = answer["results"][0]["conflicts"][0].as_str().unwrap();
    let resolve = format!("/v1/conflicts/{id}/resolve");
    let take = json!({ "take": "mara-1" });
    let client = house.token("jo client").await;
    let refused = house.ask("POST", &resolve).token(&client).json(&take).send().await;
    refused.is(403).says("PERMISSION_DENIED");
    house.ask("POST", &resolve).token(&mara).json(&take).send().await.is(200);
    let record = house.get("/v1/entities/tasks/records/t1").await.is(200).json();
    assert_eq!(record["record"], json!({ "title": "A" }));
    for path in ["/v1/tokens", "/v1/audit", "/v1/held"] {
        house.ask("GET", path).token(&mara).send().await.is(403);
    }
}
