//! Records one by one.

use serde_json::json;
use syncline_model::id::{PartitionId, Position};
use syncline_protocol::cursor::StreamCursor;

use crate::house::{House, Reply};

const T1: &str = "/v1/entities/tasks/records/t1";

impl House {
    async fn put(&self, path: &str, body: &serde_json::Value, header: (&str, &str)) -> Reply {
        let ask = self.ask("PUT", path).token(&self.admin).header(header.0, header.1);
        ask.json(body).send().await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_is_made_read_changed_and_deleted() {
    let house = House::new().await;
    house.get(T1).await.is(404).says("RECORD_NOT_FOUND");
    let title = json!({ "title": "Call", "tags": ["a"], "at": { "home": true } });
    let made = house.put(T1, &title, ("if-none-match", "*")).await.is(201);
    assert_eq!(made.json()["record"], title);
    let etag = made.header("etag").to_owned();
    let read = house.get(T1).await.is(200);
    assert_eq!((read.header("etag"), &read.json()["record"]), (&*etag, &title));
    assert_eq!(read.json()["version"], etag.trim_matches('"'));
    let unchanged = house.ask("GET", T1).token(&house.admin).header("if-none-match", &etag);
    unchanged.send().await.is(304);
    house.put(T1, &title, ("if-none-match", "*")).await.is(412).says("PRECONDITION_FAILED");
    let other = json!({ "title": "Write", "at": { "work": 1.50 } });
    let replaced = house.put(T1, &other, ("if-match", &etag)).await.is(200);
    assert_eq!(replaced.json()["record"], other);
    let stale = house.put(T1, &title, ("if-match", &etag)).await.is(412);
    assert_eq!(stale.header("etag"), replaced.header("etag"));
    let patch = house.ask("PATCH", T1).token(&house.admin);
    let patch = patch.header("content-type", "application/merge-patch+json");
    let patched =
        patch.bytes(br#"{"title":null,"at":{"home":false}}"#.to_vec()).send().await.is(200);
    assert_eq!(patched.json()["record"], json!({ "at": { "work": 1.50, "home": false } }));
    let parts = json!({ "set": { "/n": 1 }, "unset": ["/at/work", "/at/home"] });
    let parts = house.ask("PATCH", T1).token(&house.admin).json(&parts).send().await.is(200);
    assert_eq!(parts.json()["record"], json!({ "n": 1 }));
    let gone = house.ask("DELETE", T1).token(&house.admin).header("if-match", &etag).send().await;
    gone.is(412);
    house.ask("DELETE", T1).token(&house.admin).send().await.is(204);
    let gone = house.get(T1).await.is(404).says("RECORD_NOT_FOUND");
    assert!(gone.json()["position"].is_u64());
    house.ask("DELETE", T1).token(&house.admin).send().await.is(404);
    let history = house.get(&format!("{T1}/history")).await.is(200).json();
    assert_eq!(history["changes"].as_array().unwrap().len(), 5, "{history}");
    house.put(T1, &title, ("if-none-match", "*")).await.is(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_replaced_is_what_was_sent_whatever_was_there() {
    let house = House::new().await;
    let bodies = [
        json!({ "a": 1, "b": [1] }),
        json!({ "a": { "x": 1, "y": { "z": 2 } } }),
        json!({ "a": { "x": 1 } }),
        json!({ "a": {} }),
        json!({ "a": [] }),
        json!({ "a": { "x": { "deep": null } }, "c": "" }),
        json!({ "a": null }),
    ];
    for body in bodies {
        let reply = house.put(T1, &body, ("x-a", "b")).await;
        assert!(reply.status.is_success(), "{body}: {}", reply.text());
        assert_eq!(reply.json()["record"], body);
    }
    let patch = async |body: &str| {
        let ask = house.ask("PATCH", T1).token(&house.admin);
        let ask = ask.header("content-type", "application/merge-patch+json");
        ask.bytes(body.into()).send().await.is(200).json()["record"].clone()
    };
    assert_eq!(
        patch(r#"{"a":{"x":{"y":1}},"d":2}"#).await,
        json!({ "a": { "x": { "y": 1 } }, "d": 2 })
    );
    assert_eq!(patch(r#"{"a":{}}"#).await, json!({ "a": { "x": { "y": 1 } }, "d": 2 }));
    assert_eq!(patch(r#"{"a":{"x":null}}"#).await, json!({ "d": 2 }));
    assert_eq!(patch(r#"{"d":{},"e":{}}"#).await, json!({ "d": {}, "e": {} }));
    assert_eq!(patch(r#"{"d":{"f":{}}}"#).await, json!({ "d": { "f": {} }, "e": {} }));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_replace_what_they_read_one_is_told() {
    let house = House::new().await;
    let mut etag =
        house.put(T1, &json!({ "n": 0 }), ("x-a", "b")).await.is(201).header("etag").to_owned();
    for round in 1..=20 {
        let (left, right) = (json!({ "n": round, "l": 1 }), json!({ "n": -round, "r": 1 }));
        let (left, right) = tokio::join!(
            house.put(T1, &left, ("if-match", &etag)),
            house.put(T1, &right, ("if-match", &etag)),
        );
        let mut statuses = [left.status.as_u16(), right.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 412], "round {round}");
        let done = if left.status.is_success() { left } else { right };
        etag = done.header("etag").to_owned();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_with_a_key_is_carried_out_once() {
    let house = House::new().await;
    let post = async |house: &House, key: &str, body: serde_json::Value| {
        let ask = house.ask("POST", "/v1/entities/tasks/records").token(&house.admin);
        ask.header("idempotency-key", key).json(&body).send().await
    };
    let made = post(&house, "\"k1\"", json!({ "n": 1 })).await.is(201);
    let location = made.header("location").to_owned();
    let again = post(&house, "k1", json!({ "n": 1 })).await.is(201);
    assert_eq!(
        (again.header("location"), again.header("idempotency-replayed")),
        (&*location, "true")
    );
    let other = post(&house, "k1", json!({ "n": 2 })).await;
    other.is(422).says("IDEMPOTENCY_KEY_REUSED");
    let house = house.restarted().await;
    let again = post(&house, "k1", json!({ "n": 1 })).await.is(201);
    assert_eq!(
        (again.header("location"), again.header("idempotency-replayed")),
        (&*location, "true")
    );
    let fresh = post(&house, "k2", json!({ "n": 1 })).await.is(201);
    assert_ne!(fresh.header("location"), location);
    let inc = async |key: &str| {
        let ask = house.ask("PATCH", &location).token(&house.admin).header("idempotency-key", key);
        ask.json(&json!({ "append": { "/list": ["x"] } })).send().await
    };
    inc("p1").await;
    let list = house.get("/v1/entities/tasks/records").await.is(200).json();
    assert_eq!(list["records"].as_array().unwrap().len(), 2);
    house.get(&location).await.is(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_goes_on_where_the_page_before_ended() {
    let house = House::new().await;
    for n in 0..25 {
        let path = format!("/v1/entities/tasks/records/t%2F{n:02}%20ä");
        let path = path.replace('ä', "%C3%A4");
        house.put(&path, &json!({ "n": n }), ("x-a", "b")).await.is(201);
    }
    let mut seen = Vec::new();
    let mut path = "/v1/entities/tasks/records?limit=10".to_owned();
    loop {
        let page = house.get(&path).await.is(200);
        let document = page.json();
        for record in document["records"].as_array().unwrap() {
            seen.push(record["id"].as_str().unwrap().to_owned());
        }
        let Some(next) = document["next"].as_str() else { break };
        assert!(page.header("link").contains(next));
        path = format!("/v1/entities/tasks/records?limit=10&cursor={next}");
    }
    let expected: Vec<String> = (0..25).map(|n| format!("t/{n:02} ä")).collect();
    assert_eq!(seen, expected);
    house.get("/v1/entities/tasks/records?cursor=!").await.is(410).says("CURSOR_DAMAGED");
    house.get("/v1/entities/tasks/records?limit=").await.is(400).says("QUERY_INVALID");
    house.get("/v1/entities/tasks/records?limit=1001").await.is(400).says("QUERY_INVALID");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_is_shown_as_it_was() {
    let house = House::new().await;
    house.put(T1, &json!({ "n": 1 }), ("x-a", "b")).await.is(201);
    tokio::time::sleep(std::time::Duration::from_millis(30)).await;
    let history = house.get(&format!("{T1}/history")).await.is(200).json();
    let at = history["changes"][0]["at"].as_str().unwrap().to_owned();
    tokio::time::sleep(std::time::Duration::from_millis(30)).await;
    house.put(T1, &json!({ "n": 2 }), ("x-a", "b")).await.is(200);
    let past = house.get(&format!("{T1}?at={at}")).await.is(200).json();
    assert_eq!(past["record"], json!({ "n": 1 }));
    house.get(&format!("{T1}?at=2001-01-01T00:00:00.000Z")).await.is(404);
    house.get(&format!("{T1}?at=yesterday")).await.is(400).says("QUERY_INVALID");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_waits_for_what_another_answer_showed() {
    let house = House::new().await;
    let made = house.put(T1, &json!({ "n": 1 }), ("x-a", "b")).await.is(201).json();
    let version = made["version"].as_str().unwrap();
    house.get(&format!("{T1}?after={version}")).await.is(200);
    let cursor = house.get("/v1/pull").await.is(200).json();
    let mut cursor: StreamCursor = cursor["cursor"].as_str().unwrap().parse().unwrap();
    house.get(&format!("{T1}?after={cursor}")).await.is(200);
    // Where the hub will stand in a moment.
    cursor.log.advance(PartitionId(0), Position(2)).unwrap();
    let path = format!("{T1}?after={cursor}");
    let waits = house.ask("GET", &path).token(&house.admin).send();
    let writes = async {
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        house.put(T1, &json!({ "n": 2 }), ("x-a", "b")).await.is(200)
    };
    let (read, _) = tokio::join!(waits, writes);
    assert_eq!(read.is(200).json()["record"], json!({ "n": 2 }), "not what was before");
    cursor.log.advance(PartitionId(0), Position(9)).unwrap();
    let behind = house.get(&format!("{T1}?after={cursor}")).await.is(503).says("HUB_BEHIND");
    assert_eq!(behind.header("retry-after"), "1");
    let list = format!("/v1/entities/tasks/records?after={cursor}");
    house.get(&list).await.is(503).says("HUB_BEHIND");
    // A version of another record, or of another hub.
    let other = "/v1/entities/tasks/records/t2";
    house.get(&format!("{other}?after={version}")).await.is(410).says("BASE_FOREIGN");
    let elsewhere = House::new().await;
    elsewhere.put(T1, &json!({ "n": 1 }), ("x-a", "b")).await.is(201);
    elsewhere.get(&format!("{T1}?after={version}")).await.is(410).says("BASE_FOREIGN");
    elsewhere.get(&format!("{T1}?after={cursor}")).await.is(410).says("CURSOR_OTHER_INCARNATION");
}
