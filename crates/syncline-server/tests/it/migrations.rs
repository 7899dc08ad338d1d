//! Records that are brought to the next version of their schema while clients go on writing.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use syncline_engine::operate::Entities;
use syncline_merge::rules::{EntityRules, FieldRules, Rule, Shape};
use syncline_model::id::EntityName;
use syncline_model::path::Pattern;
use syncline_policy::Threshold;
use syncline_server::Settings;

use crate::changes::set;
use crate::house::{House, Reply};

const OF_TASKS: &str = "/v1/schemas/tasks";

/// A hub with two versions of a schema: what was `/title` is `/name`, and `/done` is new.
async fn moved_on(change: impl FnOnce(&mut Settings)) -> House {
    let house = House::with(change).await;
    for properties in [json!({"title": {}}), json!({"name": {}, "done": {}})] {
        let schema = json!({"type": "object", "properties": properties});
        let put = house.ask("PUT", OF_TASKS).token(&house.admin);
        put.json(&schema).send().await.is(201);
    }
    house
}

fn tasks(rules: EntityRules) -> Entities {
    Entities::only(BTreeMap::from([(EntityName::new("tasks").unwrap(), rules)]))
}

fn steps() -> Value {
    json!([
        {"rename": {"from": "/title", "to": "/name"}},
        {"add": {"path": "/done", "default": false}},
    ])
}

async fn register(house: &House, from: u32, to: u32, steps: &Value) -> Reply {
    let migration = json!({"from": from, "to": to, "steps": steps});
    let put = house.ask("PUT", &format!("{OF_TASKS}/migration")).token(&house.admin);
    put.json(&migration).send().await
}

async fn migrate(house: &House, query: &str) -> Reply {
    let path = format!("{OF_TASKS}/migrate{query}");
    house.ask("POST", &path).token(&house.admin).send().await
}

async fn fields(house: &House, id: &str) -> Value {
    house.get(&format!("/v1/entities/tasks/records/{id}")).await.is(200).json()["record"].clone()
}

fn counts(page: &Value) -> (u64, u64, usize) {
    let count = |name: &str| page[name].as_u64().unwrap();
    (count("migrated"), count("unchanged"), page["left"].as_array().unwrap().len())
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_brought_to_the_next_version_page_by_page() {
    // The guard of pushes stops no admin who asks for all records.
    let house = moved_on(|settings| settings.pushes.max_change = Threshold::count(2)).await;
    for n in 1..=5 {
        let client = format!("phone-{n}");
        house.pushed(&client, &[set(1, &format!("t{n}"), "/title", &json!("A"))]).await;
    }
    house.pushed("new", &[set(1, "t6", "/name", &json!("B"))]).await;
    let made = register(&house, 1, 2, &steps()).await.is(201).json();
    assert_eq!(made["migration"], json!({"from": 1, "to": 2, "steps": steps()}));
    assert_eq!(register(&house, 1, 2, &steps()).await.is(200).json(), made, "it is known");

    let before = house.get("/v1/log").await.is(200).text();
    let foreseen = migrate(&house, "?dryRun=true").await.is(200).json();
    assert_eq!(counts(&foreseen), (6, 0, 0), "{foreseen}");
    assert_eq!(house.get("/v1/log").await.is(200).text(), before, "a dry run changes nothing");

    let (mut query, mut migrated, mut pages) = ("?limit=2".to_owned(), 0, 0);
    loop {
        let page = migrate(&house, &query).await.is(200).json();
        migrated += counts(&page).0;
        pages += 1;
        let Some(next) = page["next"].as_str() else { break };
        query = format!("?limit=2&cursor={next}");
    }
    assert_eq!((migrated, pages), (6, 3));
    assert_eq!(fields(&house, "t1").await, json!({"done": false, "name": "A"}));
    assert_eq!(fields(&house, "t6").await, json!({"done": false, "name": "B"}));
    assert_eq!(
        counts(&migrate(&house, "").await.is(200).json()),
        (0, 6, 0),
        "done once, it is done"
    );
    let audit = house.get("/v1/audit").await.is(200).text();
    assert!(audit.contains("MIGRATION_REGISTERED"), "{audit}");

    let house = house.restarted().await;
    assert_eq!(house.get(OF_TASKS).await.is(200).json()["migration"], made["migration"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_older_clients_write_meanwhile_is_brought_over_and_never_lost() {
    let house = moved_on(|_| ()).await;
    let answer = house.push("phone", &[set(1, "t1", "/title", &json!("A"))]).await.is(200).json();
    let base = answer["results"][0]["version"].clone();
    register(&house, 1, 2, &steps()).await.is(201);
    assert_eq!(counts(&migrate(&house, "").await.is(200).json()), (1, 0, 0));
    // An edit that was made offline, before, upon the record as it was.
    let mut offline = set(2, "t1", "/title", &json!("A, and more"));
    offline["base"] = base;
    offline["at"] = json!("2026-11-20T11:00:00.000Z");
    let answer = house.push("phone", &[offline]).await.is(200).json();
    assert_eq!(answer["results"][0]["status"], "conflict", "{answer}");
    let both = json!({"done": false, "name": "A", "title": "A, and more"});
    assert_eq!(fields(&house, "t1").await, both, "the edit is there");
    let page = migrate(&house, "").await.is(200).json();
    let left = &page["left"][0]["code"];
    assert_eq!((counts(&page), left), ((0, 0, 1), &json!("SCHEMA_BOTH_PLACES")));
    assert_eq!(fields(&house, "t1").await, both, "it is for a person to say which");
    // A record that an older client makes.
    house.pushed("phone", &[set(3, "t2", "/title", &json!("B"))]).await;
    assert_eq!(counts(&migrate(&house, "").await.is(200).json()), (1, 0, 1));
    assert_eq!(fields(&house, "t2").await, json!({"done": false, "name": "B"}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_that_waits_is_not_decided_by_a_migration() {
    let house = moved_on(|settings| {
        let rules = EntityRules { rule_default: Rule::Review, ..EntityRules::default() };
        settings.entities = tasks(rules);
    })
    .await;
    house.pushed("phone", &[set(1, "t1", "/title", &json!("A"))]).await;
    house.push("tablet", &[set(1, "t1", "/title", &json!("B"))]).await.is(200);
    register(&house, 1, 2, &steps()).await.is(201);
    let page = migrate(&house, "").await.is(200).json();
    assert_eq!(page["left"][0]["code"], "SCHEMA_CONFLICT_OPEN", "{page}");
    let waiting = house.get("/v1/conflicts").await.is(200).json();
    assert_eq!(waiting["conflicts"][0]["status"], "open", "{waiting}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_counter_and_a_set_go_over_as_what_they_are() {
    let house = moved_on(|settings| {
        let sum = |path: &str| FieldRules {
            pattern: Pattern::parse(path).unwrap(),
            shape: Shape::Sum { minimum: None },
            rule: Rule::Latest,
        };
        let fields = ["/likes", "/hearts"].map(sum).to_vec();
        let rules = EntityRules { fields, ..EntityRules::default() };
        settings.entities = tasks(rules);
    })
    .await;
    house
        .pushed(
            "phone",
            &[json!({"op": 1, "entity": "tasks", "id": "t1",
        "at": "2026-11-20T10:00:00.000Z", "inc": {"/likes": 3}})],
        )
        .await;
    let steps = json!([{"rename": {"from": "/likes", "to": "/hearts"}}]);
    register(&house, 1, 2, &steps).await.is(201);
    assert_eq!(counts(&migrate(&house, "").await.is(200).json()), (1, 0, 0));
    let liked = json!({"op": 2, "entity": "tasks", "id": "t1",
        "at": "2026-11-20T10:00:00.000Z", "inc": {"/hearts": 1}});
    house.pushed("phone", &[liked]).await;
    assert_eq!(fields(&house, "t1").await, json!({"hearts": 4}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_that_cannot_be_is_refused_and_changes_nothing() {
    let house = moved_on(|_| ()).await;
    house.pushed("phone", &[set(1, "t1", "/title", &json!("A"))]).await;
    migrate(&house, "").await.is(409).says("SCHEMA_NO_PATH");
    migrate(&house, "?from=9").await.is(409).says("SCHEMA_NO_PATH");
    register(&house, 2, 3, &steps()).await.is(404).says("SCHEMA_VERSION_UNKNOWN");
    register(&house, 1, 3, &steps()).await.is(422).says("SCHEMA_MIGRATION_INVALID");
    register(&house, 2, 1, &steps()).await.is(422).says("SCHEMA_MIGRATION_INVALID");
    let step = json!([{"rename": {"from": "/title"}}]);
    let refused = register(&house, 1, 2, &step).await.is(422).says("SCHEMA_MIGRATION_MALFORMED");
    assert!(refused.text().contains("steps[0]"), "{}", refused.text());
    let swap =
        json!([{"rename": {"from": "/a", "to": "/b"}}, {"rename": {"from": "/b", "to": "/a"}}]);
    register(&house, 1, 2, &swap).await.is(201);
    migrate(&house, "").await.is(422).says("SCHEMA_NOT_REPEATABLE");
    register(&house, 1, 2, &steps()).await.is(409).says("SCHEMA_REDEFINED");
    migrate(&house, "?dryRun=perhaps").await.is(400).says("QUERY_INVALID");
    migrate(&house, "?cursor=%21").await.is(410).says("CURSOR_DAMAGED");
    let client = house.token("phone client phone").await;
    let asked = house.ask("POST", &format!("{OF_TASKS}/migrate")).token(&client).send().await;
    asked.is(403).says("PERMISSION_DENIED");
    assert_eq!(fields(&house, "t1").await, json!({"title": "A"}));
}
