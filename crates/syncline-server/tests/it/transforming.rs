//! What is made of events before they are sent, and what is not kept of deliveries.

use serde_json::{Value, json};
use syncline_hub::served::deliver::DeliveryRetention;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::deliveries::{Got, Receiver, house};
use crate::house::House;

#[tokio::test(flavor = "multi_thread")]
async fn a_transformation_makes_what_is_sent_and_one_that_fails_says_why_without_a_value() {
    let (house, receiver) = (house().await, Receiver::start(|_| 200).await);
    let mut endpoint = receiver.endpoint("admin");
    endpoint["schedule"] = json!([0]);
    endpoint["transformation"] = json!("{'state': event.data.status, 'of': event.resourceId}");
    // A thin body says where its data is: that is made, too.
    endpoint["thinAboveBytes"] = json!(0);
    let made = house.post("/v1/endpoints", &endpoint).await.is(201).json();
    assert_eq!(made["transformation"], endpoint["transformation"]);
    house.emit("event-1", "e1").await;
    let got = receiver.wait_for(1).await;
    let expected = json!({ "of": "e1", "state": "active" });
    let path = got[0].json()["dataref"].as_str().unwrap().to_owned();
    assert!(!got[0].json().to_string().contains("canary"));
    let path = &path[path.find("/v1/").unwrap()..];
    assert_eq!(house.get(path).await.is(200).json()["data"], expected);
    let change = json!({ "thinAboveBytes": 262_144 });
    let patch = |body: Value| {
        house.ask("PATCH", "/v1/endpoints/admin").token(&house.admin).json(&body).send()
    };
    patch(change).await.is(200);
    house.emit("event-2", "e1").await;
    assert_eq!(receiver.wait_for(2).await[1].json()["data"], expected);
    patch(json!({ "transformation": "event.data.canary.more" })).await.is(200);
    house.emit("event-3", "e2").await;
    let begun = std::time::Instant::now();
    let failed = loop {
        let found = house.deliveries("admin").await;
        if found.len() == 3 && found[0]["state"] == "dead" {
            break found[0].clone();
        }
        assert!(begun.elapsed() < crate::deliveries::PATIENCE, "{found:?}");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    };
    assert_eq!(failed["attempts"][0]["reason"], "transformation_failed");
    assert!(!failed.to_string().contains("12.5"), "{failed}");
    assert_eq!(receiver.got().len(), 2, "nothing was sent");
    house.post("/v1/endpoints/admin/test", &json!({})).await.is(200);
    assert_eq!(receiver.got().len(), 3, "a test is sent as it is");
    patch(json!({ "transformation": null })).await.is(200);
    let replay = json!({ "endpoints": ["admin"] });
    house.post("/v1/replays", &replay).await.is(202);
    assert_eq!(receiver.wait_for(4).await[3].json()["data"]["status"], "active");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_sent_a_thin_body_may_ask_for_the_data_before_it_answers_and_for_no_other() {
    let house = house().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let endpoint =
        json!({ "id": "admin", "url": url, "events": ["enrollment.*"], "thinAboveBytes": 0 });
    house.post("/v1/endpoints", &endpoint).await.is(201);
    let path = |position: u64| format!("/v1/endpoints/admin/deliveries/{position}/data");
    let task = house.ask("PUT", "/v1/entities/tasks/records/t1").token(&house.admin);
    task.json(&json!({ "title": "of no concern" })).send().await.is(201);
    house.emit("event-1", "e1").await;
    let (mut socket, _) = listener.accept().await.unwrap();
    let mut request = String::new();
    while !request.contains("dataref") || !request.contains("}") {
        let mut bytes = [0; 4_096];
        let count = socket.read(&mut bytes).await.unwrap();
        request.push_str(std::str::from_utf8(&bytes[..count]).unwrap());
    }
    let position = (1..9).find(|position| request.contains(&path(*position))).unwrap();
    assert_eq!(house.get(&path(position)).await.is(200).json()["data"]["status"], "active");
    for other in (1..9).filter(|other| *other != position) {
        house.get(&path(other)).await.is(404);
    }
    socket.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
    house.settled("admin", "delivered", 1).await;
    assert_eq!(house.get(&path(position)).await.is(200).json()["data"]["status"], "active");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transformation_is_tried_before_it_is_settled_and_one_that_is_none_changes_nothing() {
    let (house, receiver) = (house().await, Receiver::start(|_| 200).await);
    house.post("/v1/endpoints", &receiver.endpoint("admin")).await.is(201);
    house.emit("event-1", "e1").await;
    receiver.wait_for(1).await;
    let sequence = receiver.got()[0].json()["sequence"].clone();
    let preview = "/v1/endpoints/admin/transform-preview";
    let of_log = json!({ "sequence": sequence, "transformation": "event.data.status + '!'" });
    assert_eq!(
        house.post(preview, &of_log).await.is(200).json(),
        json!({ "chosen": true, "data": "active!" })
    );
    let made_up =
        json!({ "event": { "data": [1, 2] }, "transformation": "event.data.map(n, n * 2)" });
    assert_eq!(
        house.post(preview, &made_up).await.is(200).json(),
        json!({ "chosen": true, "data": [2, 4] })
    );
    let as_it_is = json!({ "event": { "data": 1 } });
    assert_eq!(
        house.post(preview, &as_it_is).await.is(200).json(),
        json!({ "chosen": true, "data": 1 })
    );
    let refused = [
        (json!({}), 400, "BODY_INVALID"),
        (json!({ "sequence": 1, "event": {} }), 400, "BODY_INVALID"),
        (json!({ "sequence": 4711 }), 404, "DELIVERY_UNKNOWN"),
        (json!({ "event": {}, "transformation": "event." }), 422, "TRANSFORMATION_INVALID"),
        (json!({ "event": {}, "transformation": "event.data" }), 422, "TRANSFORMATION_FAILED"),
    ];
    for (body, status, code) in refused {
        house.post(preview, &body).await.is(status).says(code);
    }
    let body = json!({ "transformation": "now()" });
    let ask = house.ask("PATCH", "/v1/endpoints/admin").token(&house.admin).json(&body);
    ask.send().await.is(422).says("TRANSFORMATION_INVALID");
    let now = house.get("/v1/endpoints/admin").await.is(200).json();
    assert!(now["transformation"].is_null());
}

/// Requirement S004-FILTER.
#[tokio::test(flavor = "multi_thread")]
async fn a_filter_chooses_what_is_sent_and_one_that_fails_says_why_without_a_value() {
    let (house, receiver) = (house().await, Receiver::start(|_| 200).await);
    let mut endpoint = receiver.endpoint("admin");
    endpoint["schedule"] = json!([0]);
    endpoint["filter"] = json!("event.resourceId != 'e2'");
    let made = house.post("/v1/endpoints", &endpoint).await.is(201).json();
    assert_eq!(made["filter"], endpoint["filter"]);
    for (id, record) in [("event-1", "e1"), ("event-2", "e2"), ("event-3", "e2"), ("event-4", "e3")]
    {
        house.emit(id, record).await;
    }
    let sent = |got: &[Got]| -> Vec<String> {
        got.iter().map(|got| got.json()["id"].as_str().unwrap().to_owned()).collect()
    };
    let mut first = sent(&receiver.wait_for(2).await);
    first.sort_unstable();
    assert_eq!(first, ["event-1", "event-4"]);
    let begun = std::time::Instant::now();
    let found = loop {
        let found = house.deliveries("admin").await;
        let states: Vec<&str> = found.iter().map(|one| one["state"].as_str().unwrap()).collect();
        if states == ["delivered", "cancelled", "cancelled", "delivered"] {
            break found;
        }
        assert!(begun.elapsed() < crate::deliveries::PATIENCE, "{found:?}");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    };
    assert_eq!(found[1]["attempts"], json!([]), "nothing was sent: {found:?}");

    let preview = async |body: Value| {
        house.post("/v1/endpoints/admin/transform-preview", &body).await.is(200).json()
    };
    let sequence = found[3]["sequence"].as_u64().unwrap();
    assert_eq!(preview(json!({ "sequence": sequence + 1 })).await, json!({ "chosen": false }));
    let other = json!({ "sequence": sequence, "filter": "event.data.status == 'closed'" });
    assert_eq!(preview(other).await, json!({ "chosen": false }));
    assert_eq!(preview(json!({ "sequence": sequence })).await["chosen"], true);
    let refused = [
        (json!({ "event": {}, "filter": "event." }), "EVENT_FILTER_INVALID"),
        (json!({ "event": {}, "filter": "event.data" }), "EVENT_FILTER_FAILED"),
        (json!({ "event": { "data": 1 }, "filter": "event.data" }), "EVENT_FILTER_FAILED"),
    ];
    for (body, code) in refused {
        let answer = house.post("/v1/endpoints/admin/transform-preview", &body).await;
        answer.is(422).says(code);
    }
    let patch = |body: Value| {
        house.ask("PATCH", "/v1/endpoints/admin").token(&house.admin).json(&body).send()
    };
    patch(json!({ "filter": "now()" })).await.is(422).says("EVENT_FILTER_INVALID");
    patch(json!({ "filter": "event.data.canary.more" })).await.is(200);
    house.emit("event-5", "e4").await;
    let begun = std::time::Instant::now();
    let failed = loop {
        let found = house.deliveries("admin").await;
        if found.len() == 5 && found[0]["state"] == "dead" {
            break found[0].clone();
        }
        assert!(begun.elapsed() < crate::deliveries::PATIENCE, "{found:?}");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    };
    assert_eq!(failed["attempts"][0]["reason"], "filter_failed");
    assert!(!failed.to_string().contains("12.5"), "{failed}");
    house.post("/v1/endpoints/admin/test", &json!({})).await.is(200);
    assert_eq!(receiver.got().len(), 3, "a test is sent whatever the filter says");
    let off = patch(json!({ "filter": null })).await.is(200).json();
    assert!(off["filter"].is_null());
    house.post("/v1/replays", &json!({ "endpoints": ["admin"] })).await.is(202);
    assert_eq!(sent(&receiver.wait_for(4).await)[3], "event-5");
    let left_out = json!({ "endpoints": ["admin"], "status": ["cancelled"], "dryRun": true });
    assert_eq!(house.post("/v1/replays", &left_out).await.is(200).json()["count"], 2);
}

/// Requirement H20: an endpoint may keep less than the hub, and never more.
#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_keeps_its_deliveries_for_its_own_time_and_no_longer_than_the_hub() {
    let (house, receiver) = (house().await, Receiver::start(|_| 200).await);
    for (id, keep_ms) in
        [("short", json!(0)), ("long", json!(86_400_000_u64)), ("usual", Value::Null)]
    {
        let mut endpoint = receiver.endpoint(id);
        endpoint["keepDeliveredMs"] = keep_ms.clone();
        let made = house.post("/v1/endpoints", &endpoint).await.is(201).json();
        assert_eq!(made["keepDeliveredMs"], keep_ms);
    }
    let wait_for = async |house: &House, id: &str, count: usize| {
        let begun = std::time::Instant::now();
        loop {
            let found = house.deliveries(id).await;
            if found.len() == count && found.iter().all(|one| one["state"] == "delivered") {
                return;
            }
            assert!(begun.elapsed() < crate::deliveries::PATIENCE, "{id}: {found:?}");
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    let with = |settled_ms| {
        move |settings: &mut syncline_server::Settings| {
            settings.sending.is_loopback_allowed = true;
            let dead_ms = settled_ms;
            settings.keep_deliveries = DeliveryRetention { settled_ms, dead_ms };
        }
    };
    for (emitted, record) in [("event-1", "e1"), ("event-2", "e2")] {
        house.emit(emitted, record).await;
        receiver.wait_for(3).await;
    }
    receiver.wait_for(6).await;
    for id in ["short", "long", "usual"] {
        wait_for(&house, id, 2).await;
    }
    // What is settled is written with what comes next.
    house.emit("event-3", "e3").await;
    receiver.wait_for(9).await;
    let house = house.restarted_with(with(u64::MAX)).await;
    wait_for(&house, "short", 1).await;
    assert_eq!(house.deliveries("long").await.len(), 3);
    assert_eq!(house.deliveries("usual").await.len(), 3);
    let house = house.restarted_with(with(0)).await;
    wait_for(&house, "long", 1).await;
    wait_for(&house, "usual", 1).await;
    let body = json!({ "keepDeadMs": 400_000_000_000_u64 });
    let ask = house.ask("PATCH", "/v1/endpoints/long").token(&house.admin).json(&body);
    ask.send().await.is(422).says("ENDPOINT_INVALID");
    assert_eq!(receiver.got().len(), 9, "nothing is sent again because it is gone");
}

/// Requirement H20, for endpoints: what is final goes after its time, what is not final never does, and nothing is
/// sent again because it is gone.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_final_is_kept_for_its_time_and_what_is_not_is_kept() {
    let status = |got: &[Got]| match got.last().unwrap().named().0.as_str() {
        "good" => 200,
        _ => 400,
    };
    let (house, receiver) = (house().await, Receiver::start(status).await);
    let mut endpoint = receiver.endpoint("admin");
    endpoint["schedule"] = json!([0]);
    house.post("/v1/endpoints", &endpoint).await.is(201);
    let mut patient = receiver.endpoint("patient");
    patient["schedule"] = json!([0, 86_400_000]);
    house.post("/v1/endpoints", &patient).await.is(201);
    house.emit("good-1", "good").await;
    house.emit("bad-1", "bad").await;
    receiver.wait_for(4).await;
    let states = |found: Vec<Value>| {
        let mut states: Vec<String> =
            found.iter().map(|one| one["state"].as_str().unwrap().to_owned()).collect();
        states.sort_unstable();
        states
    };
    let wait_for = async |house: &House, endpoint: &str, expected: &[&str]| {
        let begun = std::time::Instant::now();
        loop {
            let found = states(house.deliveries(endpoint).await);
            if found == expected {
                return;
            }
            assert!(begun.elapsed() < crate::deliveries::PATIENCE, "{endpoint}: {found:?}");
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    wait_for(&house, "admin", &["dead", "delivered"]).await;
    wait_for(&house, "patient", &["delivered", "retrying"]).await;
    // Everything behind the last delivery is settled only once something comes after it.
    house.emit("good-2", "good").await;
    receiver.wait_for(6).await;
    let keep = |dead_ms| {
        move |settings: &mut syncline_server::Settings| {
            settings.sending.is_loopback_allowed = true;
            settings.keep_deliveries = DeliveryRetention { settled_ms: 0, dead_ms };
        }
    };
    let house = house.restarted_with(keep(86_400_000)).await;
    house.emit("good-3", "good").await;
    receiver.wait_for(8).await;
    let house = house.restarted_with(keep(86_400_000)).await;
    wait_for(&house, "admin", &["dead", "delivered"]).await;
    let kept = house.deliveries("patient").await;
    assert!(kept.iter().any(|one| one["state"] == "retrying"), "{kept:?}");
    // What was forgotten was noted with the place up to which everything is settled.
    let house = house.restarted_with(keep(0)).await;
    wait_for(&house, "admin", &[]).await;
    let house = house.restarted_with(keep(0)).await;
    wait_for(&house, "admin", &[]).await;
    assert_eq!(receiver.got().len(), 8, "nothing is sent again because it is gone");
}
