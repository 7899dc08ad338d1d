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
    let client = house.token("phone client phone").await;
    let push = || house.ask("POST", "/v1/push").token(&client).json(&body).send();
    let answer = push().await.is(200).json();
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
    house.ask("GET", "/v1/held").token(&client).send().await.is(403).says("PERMISSION_DENIED");

    let ask = |body: &Value| house.ask("POST", "/v1/held/release").token(&operator).json(body);
    ask(&json!({"client": "phone", "all": true})).send().await.is(400).says("BODY_INVALID");
    let nobody = ask(&json!({"client": "nobody"})).send().await.is(200).json();
    assert_eq!(nobody["held"], json!([]));
    let released = ask(&json!({"client": "phone", "entity": "tasks"})).send().await.is(200).json();
    assert_eq!(released["held"].as_array().unwrap().len(), 1);
    let answer = push().await.is(200).json();
    let results = answer["results"].as_array().unwrap();
    assert!(results.iter().all(|result| result["status"] == "applied"), "{answer}");
    let figures = house.get("/metrics").await.is(200).text();
    assert!(figures.contains(r#"syncline_clients_held{hub="default"} 0"#), "{figures}");
}

/// Who may speak under many names, or with keys of requests, has one allowance.
#[tokio::test]
async fn neither_names_of_clients_nor_keys_of_requests_lead_round_the_bounds() {
    let house = House::with(|settings| settings.pushes.max_delete = Threshold::count(3)).await;
    let writes = |n| operation(n, n, &json!({"set": {"/title": "x"}}));
    let made: Vec<Value> = (1..=40).map(writes).collect();
    let made =
        house.post("/v1/push", &json!({"client": "maker", "ops": made})).await.is(200).json();
    let base = |n: u64| made["results"][n as usize - 1]["version"].clone();
    let tokens = [
        house.token("shared client").await,
        house.token("keys client").await,
        house.token("phone client phone").await,
    ];
    let by_push = async |token: &str, client: &str, n: u64| {
        let delete = operation(n, n, &json!({"delete": true, "base": base(n)}));
        let body = json!({"client": client, "ops": [delete]});
        let answer = house.ask("POST", "/v1/push").token(token).json(&body).send().await;
        let result = answer.is(200).json()["results"][0].clone();
        (result["status"].clone(), result["problem"]["code"].clone())
    };
    let by_request = async |token: &str, key: Option<&str>, n: u64| {
        let ask = house.ask("DELETE", &format!("/v1/entities/tasks/records/t{n}")).token(token);
        let ask = match key {
            Some(key) => ask.header("idempotency-key", key),
            None => ask,
        };
        ask.send().await
    };
    let held = (json!("behind"), json!("PUSH_HELD"));
    let passed = (json!("applied"), Value::Null);
    for n in 1..=8 {
        let expected = if n <= 3 { &passed } else { &held };
        assert_eq!(by_push(&tokens[0], &format!("phone-{n}"), n).await, *expected, "{n}");
    }
    for n in 11..=18 {
        let answer = by_request(&tokens[1], Some(&format!("key-{n}")), n).await;
        match n {
            11..=13 => drop(answer.is(204)),
            _ => drop(answer.is(503).says("PUSH_HELD")),
        }
    }
    by_request(&tokens[1], None, 19).await.is(503).says("PUSH_HELD");
    // What the token of a client does by requests counts with what the client sends.
    for n in 21..=22 {
        assert_eq!(by_push(&tokens[2], "phone", n).await, passed);
    }
    by_request(&tokens[2], Some("of-phone"), 23).await.is(204);
    by_request(&tokens[2], None, 24).await.is(503).says("PUSH_HELD");
    let names = house.get("/v1/held").await.is(200).json();
    let names: Vec<&str> = names["held"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["client"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["phone", "rest-keys", "rest-shared"]);
    let release = json!({"client": "rest-keys"});
    house.post("/v1/held/release", &release).await.is(200);
    by_request(&tokens[1], Some("key-18"), 18).await.is(204);
}
