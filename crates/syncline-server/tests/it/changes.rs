//! Operations and changes, page by page.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::house::{House, Reply};

const AT: &str = "2026-11-20T10:00:00.000Z";

/// Returns an operation that sets one field.
pub(crate) fn set(op: u64, id: &str, path: &str, value: &Value) -> Value {
    json!({ "op": op, "entity": "tasks", "id": id, "at": AT, "set": { path: value } })
}

impl House {
    pub(crate) async fn push(&self, client: &str, ops: &[Value]) -> Reply {
        self.post("/v1/push", &json!({ "client": client, "ops": ops })).await
    }

    /// Pushes operations that are all applied, and returns the cursor behind them.
    pub(crate) async fn pushed(&self, client: &str, ops: &[Value]) -> String {
        let answer = self.push(client, ops).await.is(200).json();
        let results = answer["results"].as_array().unwrap();
        assert_eq!(results.len(), ops.len(), "{answer}");
        for result in results {
            assert!(
                ["applied", "merged"].contains(&result["status"].as_str().unwrap()),
                "{answer}"
            );
        }
        answer["cursor"].as_str().unwrap().to_owned()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_pushes_another_pulls() {
    let house = House::new().await;
    let first = house.get("/v1/pull").await.is(200).json();
    assert_eq!((&first["changes"], &first["snapshot"]), (&json!([]), &json!(true)));
    let ops = [set(1, "t1", "/title", &json!("Call")), set(2, "t2", "/n", &json!(7))];
    house.pushed("phone", &ops).await;
    let cursor = first["cursor"].as_str().unwrap();
    let page = house.get(&format!("/v1/pull?cursor={cursor}")).await.is(200).json();
    let changes = page["changes"].as_array().unwrap();
    assert_eq!(changes.len(), 2, "{page}");
    assert_eq!((&changes[0]["id"], &changes[0]["by"]), (&json!("t1"), &json!("phone")));
    assert_eq!(page["more"], false);
    let all = house.get("/v1/pull?limit=1").await.is(200).json();
    assert_eq!((all["changes"].as_array().unwrap().len(), &all["more"]), (1, &json!(true)));
    let none = house.get("/v1/pull?entities=notes").await.is(200).json();
    assert_eq!(none["changes"], json!([]));
    let house = house.restarted().await;
    let same = house.get(&format!("/v1/pull?cursor={cursor}")).await.is(200).json();
    assert_eq!(same["changes"], page["changes"], "the log outlives the process");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_again_is_answered_and_not_applied_again() {
    let house = House::new().await;
    let inc = json!({ "op": 1, "entity": "tasks", "id": "t1", "at": AT, "set": { "/n": 1 } });
    house.pushed("phone", std::slice::from_ref(&inc)).await;
    let again = house.push("phone", &[inc]).await.is(200).json();
    assert_eq!(again["results"][0]["status"], "duplicate");
    let history = house.get("/v1/entities/tasks/records/t1/history").await.is(200).json();
    assert_eq!(history["changes"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_operation_never_fails_its_neighbours() {
    let house = House::new().await;
    let bad = json!({ "op": 2, "entity": "tasks", "id": "t2", "at": AT, "sett": {} });
    let ops = [set(1, "t1", "/a", &json!(1)), bad, set(3, "t3", "/a", &json!(1))];
    let answer = house.push("phone", &ops).await.is(200).json();
    let statuses: Vec<&str> = answer["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["status"].as_str().unwrap())
        .collect();
    assert_eq!(statuses, ["applied", "rejected", "applied"], "{answer}");
    assert_eq!(answer["results"][1]["problem"]["code"], "OPERATION_MALFORMED");
    house.push("phone", &[json!({ "entity": "tasks" })]).await.is(400).says("MESSAGE_MALFORMED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_one_client_speaks_for_no_other() {
    let house = House::new().await;
    let token = house.token("phone client phone-7").await;
    let push = async |client: &str| {
        let body = json!({ "client": client, "ops": [set(1, "t1", "/a", &json!(1))] });
        house.ask("POST", "/v1/push").token(&token).json(&body).send().await
    };
    push("phone-8").await.is(403).says("PERMISSION_DENIED");
    push("phone-7").await.is(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pull_waits_for_something_new() {
    let house = House::new().await;
    let cursor = house.pushed("phone", &[set(1, "t1", "/a", &json!(1))]).await;
    let begun = Instant::now();
    let path = format!("/v1/pull?cursor={cursor}&wait=30");
    let (waited, _) = tokio::join!(house.get(&path), async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        house.pushed("phone", &[set(2, "t1", "/a", &json!(2))]).await
    });
    let page = waited.is(200).json();
    assert_eq!(page["changes"].as_array().unwrap().len(), 1, "{page}");
    assert!(begun.elapsed() >= Duration::from_millis(200) && begun.elapsed().as_secs() < 20);
    let cursor = page["cursor"].as_str().unwrap();
    let nothing = house.get(&format!("/v1/pull?cursor={cursor}&wait=1")).await.is(200).json();
    assert_eq!(nothing["changes"], json!([]));
    house.get("/v1/pull?wait=31").await.is(400).says("QUERY_INVALID");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_may_ask_for_what_another_answer_showed() {
    let house = House::new().await;
    let cursor = house.pushed("phone", &[set(1, "t1", "/a", &json!(1))]).await;
    house.get(&format!("/v1/entities/tasks/records/t1?after={cursor}")).await.is(200);
    let other = House::new().await;
    let foreign = other.get(&format!("/v1/pull?after={cursor}")).await;
    foreign.is(410).says("CURSOR_OTHER_INCARNATION");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_that_cannot_be_used_is_410() {
    let house = House::new().await;
    let other = House::new().await;
    let foreign = other.pushed("phone", &[set(1, "t1", "/a", &json!(1))]).await;
    house.get(&format!("/v1/pull?cursor={foreign}")).await.is(410).says("CURSOR_OTHER_INCARNATION");
    house.get("/v1/pull?cursor=nonsense!").await.is(410);
    house.get("/v1/pull?cursor=AAAA").await.is(410);
}
