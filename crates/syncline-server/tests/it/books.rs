//! What the hub has written down of itself, and the schemas.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use syncline_engine::operate::Entities;
use syncline_merge::rules::{EntityRules, Rule};
use syncline_model::id::EntityName;

use crate::changes::set;
use crate::house::House;

#[tokio::test(flavor = "multi_thread")]
async fn the_log_and_the_audit_go_on_page_by_page_and_tell_no_value() {
    let house = House::new().await;
    for op in 1..=5 {
        let secret = json!(format!("secret-{op}"));
        house.pushed("phone", &[set(op, &format!("t{op}"), "/title", &secret)]).await;
    }
    for (path, name) in [("/v1/log", "entries"), ("/v1/audit", "entries"), ("/v1/runs", "runs")] {
        let whole = house.get(path).await.is(200);
        assert!(!whole.text().contains("secret"), "{path}: {}", whole.text());
        let whole = whole.json()[name].as_array().unwrap().clone();
        let (mut paged, mut query) = (Vec::new(), "?limit=2".to_owned());
        loop {
            let page = house.get(&format!("{path}{query}")).await.is(200).json();
            paged.extend(page[name].as_array().unwrap().iter().cloned());
            let Some(next) = page["next"].as_str() else { break };
            query = format!("?limit=2&cursor={next}");
        }
        assert_eq!(paged, whole, "{path}");
        house.get(&format!("{path}?cursor=%21")).await.is(if name == "runs" { 200 } else { 410 });
    }
    let log = house.get("/v1/log").await.is(200).json();
    let first = &log["entries"][0];
    assert_eq!((&first["position"], &first["fields"]), (&json!(1), &json!(["/title"])));
    assert_eq!((&first["by"], &first["isGone"]), (&json!("phone"), &json!(false)));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_is_sifted_by_what_was_done_by_whom_and_when() {
    let house = House::new().await;
    for op in 1..=3 {
        house.pushed("phone", &[set(op, &format!("t{op}"), "/title", &json!("A"))]).await;
    }
    let endpoint = json!({ "id": "admin", "url": "https://admin.example/hook" });
    house.post("/v1/endpoints", &endpoint).await.is(201);
    house.post("/v1/endpoints/admin/disable", &json!({})).await.is(200);
    let audit = async |query: &str| {
        let found = house.get(&format!("/v1/audit?{query}")).await.is(200).json();
        found["entries"].as_array().unwrap().clone()
    };
    let oldest = audit("limit=1000").await;
    let latest = audit("order=latest&limit=1000").await;
    assert_eq!(latest, oldest.iter().rev().cloned().collect::<Vec<_>>());
    let of = |entries: &[Value]| -> Vec<String> {
        entries.iter().map(|entry| entry["action"].as_str().unwrap().to_owned()).collect()
    };
    let delivery = audit("category=DELIVERY&user=admin&order=latest").await;
    assert_eq!(of(&delivery), ["ENDPOINT_DISABLED", "ENDPOINT_CREATED"]);
    assert_eq!(of(&audit("action=ENDPOINT_CREATED").await), ["ENDPOINT_CREATED"]);
    assert!(audit("user=nobody").await.is_empty());
    let at = oldest.last().unwrap()["at"].as_str().unwrap();
    assert!(audit(&format!("from={at}&action=ENDPOINT_DISABLED")).await.len() == 1);
    let before = audit(&format!("to={at}&action=ENDPOINT_DISABLED")).await;
    assert!(before.is_empty(), "it was at that time: {before:?}");
    // Page by page it is the same, and it ends.
    for order in ["oldest", "latest"] {
        let (mut paged, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("/v1/audit?order={order}&limit=1{cursor}");
            let page = house.get(&path).await.is(200).json();
            paged.extend(page["entries"].as_array().unwrap().iter().cloned());
            let Some(next) = page["next"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(
            paged,
            if order == "oldest" { oldest.clone() } else { latest.clone() },
            "{order}"
        );
    }
    for wrong in ["order=newest", "from=yesterday", "category="] {
        house.get(&format!("/v1/audit?{wrong}")).await.is(400).says("QUERY_INVALID");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_is_for_the_head_that_is_told() {
    let house = House::new().await;
    house.pushed("phone", &[set(1, "t1", "/title", &json!("A"))]).await;
    let head = house.get("/v1/audit/head").await.is(200).json();
    let verified = house.get("/v1/audit/verify").await.is(200).json();
    assert_eq!((&verified["intact"], &verified["head"]), (&json!(true), &head["head"]));
    let proof = house.get("/v1/audit/proof/tasks/t1").await.is(200).json();
    assert_eq!((&proof["schema"], &proof["head"]), (&json!("audit-proof/1"), &head["head"]));
    assert!(proof["proof"].is_object() && proof["before"].is_null(), "{proof}");
    let none = house.get("/v1/audit/proof/tasks/t2").await;
    none.is(404).says("CHANGE_NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_refused_for_good_is_listed_by_client_without_values() {
    let house = House::with(|settings| {
        let named = BTreeMap::from([(EntityName::new("tasks").unwrap(), EntityRules::default())]);
        settings.entities = Entities::only(named);
    })
    .await;
    // Either fits into a record, both do not.
    let half = json!("secret".repeat(800_000));
    for client in ["phone", "tablet"] {
        house.pushed(client, &[set(1, client, "/one", &half)]).await;
        let answer = house.push(client, &[set(2, client, "/other", &half)]).await.is(200).json();
        assert_eq!(answer["results"][0]["status"], "rejected");
    }
    let listed = house.get("/v1/dead-letters").await.is(200);
    assert!(!listed.text().contains("secret"));
    let code = listed.json()["deadLetters"][0]["code"].clone();
    let letter =
        |client: &str| json!({ "client": client, "op": 2, "entity": "tasks", "code": code });
    assert_eq!(listed.json()["deadLetters"], json!([letter("phone"), letter("tablet")]));
    let one = house.get("/v1/dead-letters?client=tablet").await.is(200).json();
    assert_eq!(one["deadLetters"], json!([letter("tablet")]));
    let page = house.get("/v1/dead-letters?limit=1").await.is(200).json();
    let next = page["next"].as_str().unwrap();
    let page = house.get(&format!("/v1/dead-letters?limit=1&cursor={next}")).await.is(200).json();
    assert_eq!(page["deadLetters"], json!([letter("tablet")]));
    let operator = house.token("op operator").await;
    for path in ["/v1/dead-letters", "/v1/domains", "/v1/runs", "/v1/audit/head"] {
        house.ask("GET", path).token(&operator).send().await.is(200);
    }
    for path in ["/v1/log", "/v1/audit", "/v1/entities/tasks/records", "/v1/conflicts"] {
        house.ask("GET", path).token(&operator).send().await.is(403);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_is_registered_checked_and_kept_and_breaks_nobody_unasked() {
    let house = House::with(|settings| {
        let rules = EntityRules { rule_default: Rule::Review, ..EntityRules::default() };
        let named = BTreeMap::from([(EntityName::new("tasks").unwrap(), rules)]);
        settings.entities = Entities::only(named);
    })
    .await;
    let path = "/v1/schemas/tasks";
    let schema = |title: Value| json!({ "type": "object", "title": "A task", "properties": { "title": title } });
    let put = async |query: &str, schema: &Value| {
        house.ask("PUT", &format!("{path}{query}")).token(&house.admin).json(schema).send().await
    };
    house.get(path).await.is(404).says("SCHEMA_VERSION_UNKNOWN");
    let first = schema(json!({ "type": "string", "description": "What is to be done" }));
    let made = put("", &first).await.is(201).json();
    assert_eq!((&made["version"], &made["schema"]), (&json!(1), &first));
    assert_eq!(put("", &first).await.is(200).json(), made, "the same is no new version");
    let wider = schema(json!({ "type": ["string", "null"], "description": "What is to be done" }));
    let checked = house.post(&format!("{path}/check"), &wider).await.is(200).json();
    assert_eq!((&checked["compatible"], &checked["against"]), (&json!(false), &json!(1)));
    assert_eq!(checked["findings"][0]["breaks"], "older readers");
    put("", &wider).await.is(201);
    let refused = put("", &first).await.is(409).says("SCHEMA_INCOMPATIBLE").json();
    assert_eq!(
        (&refused["findings"][0]["path"], refused["findings"].as_array().unwrap().len()),
        (&json!("/title"), 1)
    );
    put("", &json!({ "type": "array" })).await.is(422).says("SCHEMA_MALFORMED");
    assert_eq!(put("?breaking=accept", &first).await.is(201).json()["version"], 3);
    assert_eq!(house.get(&format!("{path}?version=2")).await.is(200).json()["schema"], wider);
    let listed = house.get("/v1/schemas").await.is(200).json();
    assert_eq!(listed["schemas"].as_array().unwrap().len(), 3);
    // What a person who decides is told of the field.
    house.pushed("phone", &[set(1, "t1", "/title", &json!("A"))]).await;
    let answer = house.push("tablet", &[set(1, "t1", "/title", &json!("B"))]).await.is(200).json();
    let id = answer["results"][0]["conflicts"][0].as_str().unwrap();
    let context = house.get(&format!("/v1/conflicts/{id}")).await.is(200).json()["context"].clone();
    assert_eq!(context["entity"]["title"], "A task");
    assert_eq!(context["field"]["description"], "What is to be done");
    let audit = house.get("/v1/audit").await.is(200).text();
    assert!(audit.contains("SCHEMA_REGISTERED") && !audit.contains("What is to be done"));
    let house = house.restarted().await;
    assert_eq!(house.get(path).await.is(200).json()["version"], 3);
}
