//! A client that deletes too much: what it is told, what an operator sees and says.

use serde_json::{Value, json};
use syncline_policy::Threshold;

use crate::house::House;

fn operation(counter: u64, record: u64, effect: &Value) -> Value {
    let mut operation = json!({
        "op": counter, "entity": "tasks", "id": format!("t{record}"), "at": "2026-11-20T10:00:00.000Z",
    });
    let parts = operation.as_object_mut().unwrap();
    parts.extend(effect.as_object().unwrap().clone());
    operation
}

#[tokio::test]
async fn who_deletes_too_much_waits_until_an_operator_says_so() {
    let house = House::with(|settings| settings.pushes.max_delete = Threshold::count(3)).await;
    let writes = |n| operation(n, n, &json!({"set": {"/title": "x"}}));
    let made: Vec<Value> = (1..=10).map(writes).collect();
    let body = json!({"client": "maker", "ops": made});
    let made = house.post("/v1/push", &body).await.is(200).json();
    let base = |n: u64| made["results"][n as usize - 1]["version"].clone();
    let deletes = |n| operation(n, n, &json!({"delete": true, "base": base(n)}));
    let deletions: Vec<Value> = (1..=8).map(deletes).collect();
    let body = json!({"client": "phone", "ops": deletions});
    let answer = house.post("/v1/push", &body).await.is(200).json();
    for result in answer["results"].as_array().unwrap() {
        assert_eq!(
            (&result["status"], &result["problem"]["code"]),
            (&json!("behind"), &json!("PUSH_HELD"))
        );
        assert_eq!(result["problem"]["retryable"], true, "{result}");
    }
    let there = house.get("/v1/entities/tasks/records").await.is(200).json();
    assert_eq!(there["records"].as_array().unwrap().len(), 10, "{there}");

    let operator = house.token("olga operator").await;
    let held = house.ask("GET", "/v1/held").token(&operator).send().await.is(200).json();
    let held = &held["held"][0];
    assert_eq!(
        (&held["client"], &held["entity"], &held["deed"]),
        (&json!("phone"), &json!("tasks"), &json!("delete"))
    );
    assert_eq!((&held["records"], &held["allowed"]), (&json!(8), &json!(3)));
    let figures = house.get("/metrics").await.is(200).text();
    assert!(figures.contains(r#"syncline_clients_held{hub="default"} 1"#), "{figures}");
    let client = house.token("phone client phone").await;
    house.ask("GET", "/v1/held").token(&client).send().await.is(403).says("PERMISSION_DENIED");

    let ask = |body: &Value| house.ask("POST", "/v1/held/release").token(&operator).json(body);
    ask(&json!({"client": "phone", "all": true})).send().await.is(400).says("BODY_INVALID");
    let nobody = ask(&json!({"client": "nobody"})).send().await.is(200).json();
    assert_eq!(nobody["held"], json!([]));
    let released = ask(&json!({"client": "phone", "entity": "tasks"})).send().await.is(200).json();
    assert_eq!(released["held"].as_array().unwrap().len(), 1);
    let answer = house.post("/v1/push", &body).await.is(200).json();
    let results = answer["results"].as_array().unwrap();
    assert!(results.iter().all(|result| result["status"] == "applied"), "{answer}");
    let figures = house.get("/metrics").await.is(200).text();
    assert!(figures.contains(r#"syncline_clients_held{hub="default"} 0"#), "{figures}");
}
