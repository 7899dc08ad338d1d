//! Reports of a day and a week.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use syncline_engine::operate::Entities;
use syncline_merge::rules::{EntityRules, Rule};
use syncline_model::id::EntityName;
use tokio::time::{Duration, Instant, sleep};

use crate::changes::set;
use crate::deliveries::Receiver;
use crate::house::House;

/// Longest time that anything takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

async fn house() -> House {
    House::with(|settings| {
        settings.sending.is_loopback_allowed = true;
        let named = [("tasks", Rule::Review), ("notes", Rule::Max)].map(|(name, rule)| {
            let rules = EntityRules { rule_default: rule, ..EntityRules::default() };
            (EntityName::new(name).unwrap(), rules)
        });
        settings.entities = Entities::open(BTreeMap::from(named));
    })
    .await
}

/// Asks for reports until one is as expected: what came to the log is counted every few seconds.
async fn report_with(house: &House, is_it: impl Fn(&Value) -> bool) -> Value {
    let begun = Instant::now();
    loop {
        let report = house.get("/v1/report").await.is(200).json();
        if is_it(&report) {
            return report;
        }
        assert!(begun.elapsed() < PATIENCE, "{report}");
        sleep(Duration::from_millis(100)).await;
    }
}

/// Has happen what is counted: two conflicts, one of which a rule settles, a refusal, an event.
async fn happens(house: &House) {
    for (client, value) in [("phone", "secret-A"), ("tablet", "secret-B")] {
        let mut by_rule = set(2, "n1", "/title", &json!(value));
        by_rule["entity"] = json!("notes");
        let operations = [set(1, "t1", "/title", &json!(value)), by_rule];
        house.push(client, &operations).await.is(200);
        // Sent again it is counted once.
        house.push(client, &operations).await.is(200);
    }
    let refused = json!({ "op": 3, "entity": "tasks", "id": "t1", "at": "never" });
    house.push("phone", &[refused]).await.is(200);
    house.emit("told", "t1").await;
}

/// Returns whether all of that has come to its end: each event was taken at one endpoint and given up at the other.
fn is_counted(report: &Value) -> bool {
    let deliveries = &report["deliveries"];
    deliveries["waiting"] == 0
        && deliveries["delivered"] == deliveries["givenUp"]
        && deliveries["givenUp"].as_u64() >= Some(3)
        && report["changes"].as_u64() >= Some(5)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_tells_what_happened_in_numbers_also_after_a_restart_and_of_no_other_hub() {
    let house = house().await;
    let nothing = house.get("/v1/report").await.is(200).json();
    let none = json!({ "p50": null, "p95": null, "p99": null });
    assert_eq!(
        (&nothing["period"], &nothing["operations"]["count"], &nothing["operations"]["latencyMs"]),
        (&json!("day"), &json!(0), &none)
    );
    assert_eq!(nothing["deliveries"]["successRate"], Value::Null);
    // What came before the first look is of no known time: the one that begins the hours is waited for.
    report_with(&house, |report| report["hoursKnown"].as_u64() >= Some(1)).await;
    let takes = Receiver::start(|_| 204).await;
    let refuses = Receiver::start(|_| 500).await;
    house.post("/v1/endpoints", &takes.endpoint("takes")).await.is(201);
    let mut gives_up = refuses.endpoint("refuses");
    gives_up["schedule"] = json!([0]);
    house.post("/v1/endpoints", &gives_up).await.is(201);
    happens(&house).await;
    let told = report_with(&house, is_counted).await;
    assert_eq!(told["operations"]["count"], 6, "{told}");
    assert_eq!(
        (&told["operations"]["refused"], &told["operations"]["successRate"]),
        (&json!(1), &json!(0.833333))
    );
    assert!(told["operations"]["latencyMs"]["p99"].is_number(), "{told}");
    let deliveries = &told["deliveries"];
    assert_eq!(deliveries["delivered"], deliveries["givenUp"], "{told}");
    assert_eq!(
        (&deliveries["successRate"], &deliveries["attemptSuccessRate"]),
        (&json!(0.5), &json!(0.5))
    );
    assert!(deliveries["latencyMs"]["p50"].is_number(), "{told}");
    let conflicts = &told["conflicts"];
    assert_eq!(
        (&conflicts["count"], &conflicts["automatic"], &conflicts["open"]),
        (&json!(2), &json!(1), &json!(1))
    );
    // A person decides, an operator disables.
    let listed = house.get("/v1/conflicts?status=open").await.is(200).json();
    let id = listed["conflicts"][0]["conflict"].as_str().unwrap().to_owned();
    house.post(&format!("/v1/conflicts/{id}/resolve"), &json!({ "take": "phone" })).await.is(200);
    house.post("/v1/endpoints/refuses/disable", &json!({})).await.is(200);
    let decided = report_with(&house, |report| report["endpoints"]["disabled"] == 1).await;
    let conflicts = &decided["conflicts"];
    assert_eq!(
        (&conflicts["manual"], &conflicts["automaticRate"], &conflicts["open"]),
        (&json!(1), &json!(0.5), &json!(0))
    );
    assert!(conflicts["resolutionMs"]["p95"].is_number(), "{decided}");
    // It is of this hub, and has no value.
    let shop = house.post("/v1/hubs", &json!({ "name": "shop" })).await.is(201).json();
    let ask = house.ask("GET", "/h/shop/v1/report?period=week");
    let other = ask.token(shop["token"].as_str().unwrap()).send().await.is(200).json();
    assert_eq!(
        (&other["hub"], &other["period"], &other["operations"]["count"]),
        (&json!("shop"), &json!("week"), &json!(0))
    );
    let text = house.get("/v1/report?period=week").await.is(200).text();
    for unsaid in ["secret-", "t1", "127.0.0.1", "refuses\""] {
        assert!(!text.contains(unsaid), "{text}");
    }
    house.get("/v1/report?period=year").await.is(400).says("QUERY_INVALID");
    // After a restart it is all there.
    let again = house.restarted().await.get("/v1/report").await.is(200).json();
    for member in ["operations", "changes"] {
        assert_eq!(again[member], decided[member], "{again}");
    }
    assert_eq!(again["conflicts"]["resolutionMs"], decided["conflicts"]["resolutionMs"]);
}
