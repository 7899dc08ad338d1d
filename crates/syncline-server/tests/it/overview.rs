//! How a hub does, as a page shows it.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::time::sleep;

use crate::changes::set;
use crate::house::House;

/// Longest time that anything takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

impl House {
    /// Asks for overviews until one is as expected; answers all samples on the way.
    async fn overview_with(&self, what: &str, is_it: impl Fn(&Value, &[Value]) -> bool) -> Value {
        let (begun, mut samples, mut since) = (Instant::now(), Vec::new(), 0);
        loop {
            let path = format!("/v1/overview?since={since}");
            let overview = self.get(&path).await.is(200).json();
            for sample in overview["samples"].as_array().unwrap() {
                assert_eq!(sample["n"], since + 1, "each once and in order: {overview}");
                since += 1;
                samples.push(sample.clone());
            }
            if is_it(&overview, &samples) {
                return overview;
            }
            assert!(begun.elapsed() < PATIENCE, "{what}: {overview}");
            sleep(Duration::from_millis(100)).await;
        }
    }
}

fn sum(samples: &[Value], name: &str) -> u64 {
    samples.iter().map(|sample| sample[name].as_u64().unwrap()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_overview_counts_what_has_happened_and_says_what_is_wrong() {
    let house = House::with(|settings| settings.sending.is_loopback_allowed = true).await;
    // What came before the first look is of no known time: a sample is waited for.
    let calm = house.overview_with("a sample", |_, samples| !samples.is_empty()).await;
    assert_eq!((&calm["health"], &calm["reasons"]), (&json!("pass"), &json!([])));
    assert_eq!(calm["now"]["consistency"], Value::Null, "nobody has a copy: {calm}");
    assert_eq!(calm["now"]["queue"], 0);

    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", nobody.local_addr().unwrap());
    drop(nobody);
    house.post("/v1/endpoints", &json!({ "id": "admin", "url": url })).await.is(201);
    house.pushed("phone", &[set(1, "t1", "/title", &json!("A"))]).await;
    let refused = json!({ "op": 2, "entity": "tasks", "id": "t1", "at": "never" });
    house.push("phone", &[refused]).await.is(200);
    house.get("/v1/runs/none").await.is(404);
    let wrong = house.overview_with("what failed", |overview, samples| {
        overview["now"]["endpoints"]["failing"] == 1
            && sum(samples, "attemptsFailed") >= 1
            && sum(samples, "changes") == 1
            && sum(samples, "operations") == 2
    });
    let wrong = wrong.await;
    assert_eq!(
        (&wrong["health"], &wrong["reasons"]),
        (&json!("warn"), &json!(["endpoints_failing"]))
    );
    assert!(wrong["now"]["queue"].as_u64().unwrap() >= 1, "it waits for its next try: {wrong}");
    assert!(wrong["now"]["lagMs"].is_u64(), "{wrong}");
    let all = house.get("/v1/overview").await.is(200).json();
    let samples = all["samples"].as_array().unwrap();
    assert_eq!(sum(samples, "operationsRejected"), 1, "{all}");
    assert_eq!(sum(samples, "attempts"), sum(samples, "attemptsFailed"), "nobody is there: {all}");
    assert_eq!(sum(samples, "requestsFailed"), 0, "{all}");
    assert!(sum(samples, "requests") > 4, "{all}");
    let none = house.get("/v1/overview?since=9999999").await.is(200).json();
    assert_eq!(none["samples"].as_array().unwrap().len(), samples.len(), "of another start");
    house.get("/v1/overview?since=-1").await.is(400).says("QUERY_INVALID");

    house.post("/v1/endpoints/admin/disable", &json!({})).await.is(200);
    let disabled = house.get("/v1/overview").await.is(200).json();
    assert_eq!(disabled["reasons"], json!(["endpoints_disabled"]));
    assert_eq!((&disabled["now"]["queue"], &disabled["now"]["lagMs"]), (&json!(0), &Value::Null));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_overview_tells_how_many_conflicts_wait_and_no_hub_counts_for_another() {
    let house = House::with(|settings| {
        let rules = syncline_merge::rules::EntityRules {
            rule_default: syncline_merge::rules::Rule::Review,
            ..Default::default()
        };
        let tasks = syncline_model::id::EntityName::new("tasks").unwrap();
        settings.entities = syncline_engine::operate::Entities::only([(tasks, rules)].into());
    })
    .await;
    let shop = house.post("/v1/hubs", &json!({ "name": "shop" })).await.is(201).json();
    for (client, title) in [("phone", "A"), ("tablet", "B")] {
        house.push(client, &[set(1, "t1", "/title", &json!(title))]).await.is(200);
    }
    let overview = house.get("/v1/overview").await.is(200);
    assert!(!overview.text().contains("t1"), "no record is named: {}", overview.text());
    let now = overview.json()["now"].clone();
    assert_eq!((&now["conflictsOpen"], &now["conflictsMore"]), (&json!(1), &json!(false)));
    let ask = house.ask("GET", "/h/shop/v1/overview").token(shop["token"].as_str().unwrap());
    let other = ask.send().await.is(200).json();
    assert_eq!((&other["now"]["conflictsOpen"], &other["now"]["position"]), (&json!(0), &json!(0)));
}
