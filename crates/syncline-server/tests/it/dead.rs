//! Deliveries that were given up, and what became of each.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::time::sleep;

use crate::house::House;

/// Longest time that anything takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

impl House {
    /// Waits until so many deliveries were given up.
    async fn dead(&self, count: usize) -> Vec<Value> {
        let begun = Instant::now();
        loop {
            let found = self.get("/v1/deliveries/dead").await.is(200).json();
            let dead = found["dead"].as_array().unwrap().clone();
            if dead.len() >= count {
                return dead;
            }
            assert!(begun.elapsed() < PATIENCE, "{found}");
            sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Expects that deliveries are found by how far they are and by the time of their events.
///
/// - `sequence`: of the first of two, both dead.
/// - `at`: when its event was taken.
async fn expect_sought(house: &House, sequence: u64, at: &str) {
    let sequences = async |query: &str| -> Vec<u64> {
        let path = format!("/v1/endpoints/admin/deliveries?{query}");
        let page = house.get(&path).await.is(200).json();
        let rows = page["deliveries"].as_array().unwrap().iter();
        rows.map(|one| one["sequence"].as_u64().unwrap()).collect()
    };
    assert_eq!(sequences("state=dead").await, [sequence + 1, sequence]);
    assert_eq!(sequences("state=delivered,retrying").await, [0; 0]);
    assert!(!sequences(&format!("state=dead&to={at}")).await.contains(&sequence));
    assert!(sequences(&format!("from={at}&limit=1000")).await.contains(&sequence));
    for query in ["state=odd", "state=dead,", "from=yesterday"] {
        let path = format!("/v1/endpoints/admin/deliveries?{query}");
        house.get(&path).await.is(400).says("QUERY_INVALID");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_given_up_is_listed_over_all_endpoints_and_each_delivery_says_why() {
    let house = House::with(|settings| settings.sending.is_loopback_allowed = true).await;
    let shop = house.post("/v1/hubs", &json!({ "name": "shop" })).await.is(201).json();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", nobody.local_addr().unwrap());
    drop(nobody);
    for id in ["admin", "billing"] {
        let endpoint = json!({ "id": id, "url": url, "schedule": [0] });
        house.post("/v1/endpoints", &endpoint).await.is(201);
    }
    for record in ["t1", "t2"] {
        let path = format!("/v1/entities/tasks/records/{record}");
        let put = house.ask("PUT", &path).token(&house.admin).json(&json!({ "title": "canary" }));
        put.send().await.is(201);
    }
    let dead = house.dead(4).await;
    let named = |dead: &Value| {
        let text = |name: &str| dead[name].as_str().unwrap().to_owned();
        (text("endpoint"), text("resourceId"))
    };
    let all: Vec<_> = dead.iter().map(named).collect();
    let expected = [("admin", "t1"), ("admin", "t2"), ("billing", "t1"), ("billing", "t2")];
    assert_eq!(all, expected.map(|(endpoint, id)| (endpoint.to_owned(), id.to_owned())));
    assert!(dead.iter().all(|one| one["reason"].as_str().is_some_and(|why| !why.is_empty())));
    let (mut paged, mut query) = (Vec::new(), "?limit=3".to_owned());
    loop {
        let page = house.get(&format!("/v1/deliveries/dead{query}")).await.is(200).json();
        paged.extend(page["dead"].as_array().unwrap().iter().cloned());
        let Some(next) = page["next"].as_str() else { break };
        query = format!("?limit=3&cursor={next}");
    }
    assert_eq!(paged, dead);
    let of_one = house.get("/v1/deliveries/dead?endpoint=billing").await.is(200).json();
    assert_eq!(of_one["dead"].as_array().unwrap().len(), 2, "{of_one}");
    house.get("/v1/deliveries/dead?endpoint=none").await.is(404).says("ENDPOINT_UNKNOWN");
    house.get("/v1/deliveries/dead?cursor=abc").await.is(410).says("CURSOR_DAMAGED");

    let sequence = dead[0]["sequence"].as_u64().unwrap();
    let path = format!("/v1/endpoints/admin/deliveries/{sequence}");
    let one = house.get(&path).await.is(200);
    assert!(!one.text().contains("canary"), "{}", one.text());
    let mut one = one.json();
    let request = one.as_object_mut().unwrap().remove("request").unwrap();
    assert_eq!((&request["method"], &request["url"]), (&json!("POST"), &json!(url)));
    let headers = &request["headers"];
    assert_eq!((&headers["webhook-id"], &headers["webhook-attempt"]), (&one["event"], &json!("1")));
    assert_eq!(headers["webhook-signature"], "v1,…", "who sees it cannot send it: {request}");
    assert!(request["bodyBytes"].as_u64().unwrap() > 0 && request.get("body").is_none());
    let shown = house.get(&format!("{path}?body=true")).await.is(200).json();
    let body: Value = serde_json::from_str(shown["request"]["body"].as_str().unwrap()).unwrap();
    assert_eq!((&body["id"], &body["sequence"]), (&one["event"], &json!(sequence)), "{shown}");
    house.get(&format!("{path}?body=false")).await.is(400).says("QUERY_INVALID");
    assert_eq!((&one["state"], &one["event"]), (&json!("dead"), &dead[0]["event"]), "{one}");
    assert_eq!((&one["attempts"][0]["result"], &one["tries"]), (&json!("failed"), &json!(1)));
    assert_eq!(one["attempts"][0]["reason"], dead[0]["reason"]);
    let listed = house.get("/v1/endpoints/admin/deliveries").await.is(200).json();
    assert_eq!(listed["deliveries"][1], one, "as in the list");
    expect_sought(&house, sequence, one["created"].as_str().unwrap()).await;
    house.get("/v1/endpoints/admin/deliveries/999").await.is(404).says("DELIVERY_UNKNOWN");

    // Another hub has none of it.
    let of_shop = |path: &str| {
        let ask = house.ask("GET", &format!("/h/shop{path}"));
        ask.token(shop["token"].as_str().unwrap()).send()
    };
    assert_eq!(of_shop("/v1/deliveries/dead").await.is(200).json()["dead"], json!([]));
    of_shop(&path).await.is(404).says("ENDPOINT_UNKNOWN");
}
