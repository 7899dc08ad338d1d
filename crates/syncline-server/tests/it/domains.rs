//! How each folder, client and application of a hub does.

use std::time::Instant;

use serde_json::{Value, json};
use syncline_policy::Threshold;
use tokio::time::sleep;

use crate::deliveries::{PATIENCE, Receiver};
use crate::house::House;
use crate::receiving::now_s;

const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

fn of<'d>(domains: &'d Value, kind: &str, name: &str) -> &'d Value {
    let mut rows = domains["domains"].as_array().unwrap().iter();
    let found = rows.find(|one| one["kind"] == kind && one["name"] == name);
    found.unwrap_or_else(|| panic!("{kind} {name}: {domains}"))
}

/// Returns the verdict, and the codes of the reasons; each reason has to say why, and what to do.
fn judged(domain: &Value) -> (&str, Vec<&str>) {
    let reasons = domain["reasons"].as_array().unwrap().iter().map(|reason| {
        for said in ["about", "todo"] {
            assert!(!reason[said].as_str().unwrap().is_empty(), "{domain}");
        }
        reason["code"].as_str().unwrap()
    });
    (domain["verdict"].as_str().unwrap(), reasons.collect())
}

/// Makes a hub with a domain of each kind but folders, some of which do not do well.
async fn busy(house: &House) {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", nobody.local_addr().unwrap());
    drop(nobody);
    let receiver = Receiver::start(|_| 200).await;
    house.post("/v1/endpoints", &receiver.endpoint("good")).await.is(201);
    house.post("/v1/endpoints", &receiver.endpoint("off")).await.is(201);
    house.post("/v1/endpoints/off/disable", &json!({})).await.is(200);
    house.post("/v1/endpoints", &json!({ "id": "bad", "url": url })).await.is(201);
    house.emit("event-1", "e1").await;
    let new = json!({ "name": "crm", "preset": "sync", "secrets": [SECRET] });
    house.post("/v1/receivers", &new).await.is(201);
    let operation = |n: u64, effect: Value| {
        let at = "2026-11-20T10:00:00.000Z";
        let mut operation = json!({ "op": n, "entity": "tasks", "id": format!("t{n}"), "at": at });
        operation.as_object_mut().unwrap().extend(effect.as_object().unwrap().clone());
        operation
    };
    let written = [1, 2, 3].map(|n| operation(n, json!({ "set": { "/title": "canary" } })));
    let made = house.push("maker", &written).await.is(200).json();
    let deleted = [1, 2, 3].map(|n: u64| {
        let base = &made["results"][n as usize - 1]["version"];
        operation(n, json!({ "delete": true, "base": base }))
    });
    let phone = house.token("phone client phone").await;
    let body = json!({ "client": "phone", "ops": deleted });
    let held = house.ask("POST", "/v1/push").token(&phone).json(&body).send().await.is(200).json();
    assert_eq!(held["results"][0]["problem"]["code"], "PUSH_HELD", "{held}");
}

/// Returns kinds and names of all domains, two to a page.
async fn paged(house: &House) -> Vec<(Value, Value)> {
    let (mut paged, mut query) = (Vec::new(), "?limit=2".to_owned());
    loop {
        let page = house.get(&format!("/v1/domains{query}")).await.is(200).json();
        let rows = page["domains"].as_array().unwrap().iter();
        paged.extend(rows.map(|one| (one["kind"].clone(), one["name"].clone())));
        let Some(next) = page["next"].as_str() else { break };
        query = format!("?limit=2&cursor={next}");
    }
    paged
}

#[tokio::test(flavor = "multi_thread")]
async fn each_domain_has_a_verdict_that_says_why_and_what_to_do() {
    let house = House::with(|settings| {
        settings.sending.is_loopback_allowed = true;
        settings.pushes.max_delete = Threshold::count(1);
    })
    .await;
    let shop = house.post("/v1/hubs", &json!({ "name": "shop" })).await.is(201).json();
    let none = house.get("/v1/domains").await.is(200).json();
    assert_eq!(none["domains"], json!([]));
    assert_eq!(
        none["verdicts"],
        json!({ "healthy": 0, "unknown": 0, "degraded": 0, "stopped": 0 })
    );

    busy(&house).await;
    let operator = house.token("olga operator").await;
    let ask = async || house.ask("GET", "/v1/domains").token(&operator).send().await.is(200);
    let begun = Instant::now();
    let domains = loop {
        let domains = ask().await;
        assert!(!domains.text().contains("canary"), "{}", domains.text());
        let domains = domains.json();
        if judged(of(&domains, "endpoint", "bad")).0 == "degraded"
            && !of(&domains, "endpoint", "bad")["lastError"].is_null()
        {
            break domains;
        }
        assert!(begun.elapsed() < PATIENCE, "{domains}");
        sleep(std::time::Duration::from_millis(10)).await;
    };
    assert_eq!(judged(of(&domains, "endpoint", "good")), ("healthy", vec![]));
    let off = of(&domains, "endpoint", "off");
    assert_eq!(judged(off), ("stopped", vec!["endpoint_disabled"]));
    let bad = of(&domains, "endpoint", "bad");
    assert!(judged(bad).1.contains(&"endpoint_failing"), "{bad}");
    assert_eq!((&bad["lastError"]["code"], &bad["follows"]), (&json!("connect"), &json!(["*"])));
    assert!(bad["since"].is_string() && off["since"].is_string(), "{bad} {off}");
    let phone = of(&domains, "client", "phone");
    assert_eq!(judged(phone), ("stopped", vec!["client_held"]));
    assert_eq!(phone["entities"], json!(["tasks"]));
    let crm = of(&domains, "receiver", "crm");
    assert_eq!(judged(crm), ("unknown", vec!["nothing_received"]));
    let counts = json!({ "healthy": 1, "unknown": 1, "degraded": 1, "stopped": 2 });
    assert_eq!(domains["verdicts"], counts);

    // What anybody can send says nothing of the application.
    let webhook = json!({ "event": "a.b" });
    house.post("/api/webhooks/crm", &webhook).await.is(401);
    house.ask("POST", "/api/webhooks/crm").signed_plainly("wrong", &webhook).send().await.is(401);
    house.ask("POST", "/api/webhooks/crm").bytes(vec![b' '; 7]).send().await.is(415);
    let domains = ask().await.json();
    assert_eq!(judged(of(&domains, "receiver", "crm")), ("unknown", vec!["nothing_received"]));
    let signed = house.ask("POST", "/api/webhooks/crm").signed(SECRET, "m-1", now_s(), &webhook);
    signed.send().await.is(422);
    let domains = ask().await.json();
    let crm = of(&domains, "receiver", "crm");
    assert_eq!(judged(crm), ("degraded", vec!["webhook_refused"]));
    assert!(crm["lastError"]["code"].as_str().unwrap().starts_with("WEBHOOK_"), "{crm}");

    let paged = paged(&house).await;
    let all = [("client", "phone"), ("endpoint", "bad"), ("endpoint", "good"), ("endpoint", "off")];
    let all = all.into_iter().chain([("receiver", "crm")]);
    assert_eq!(paged, all.map(|(kind, name)| (json!(kind), json!(name))).collect::<Vec<_>>());
    house.get("/v1/domains?cursor=abc").await.is(410).says("CURSOR_DAMAGED");

    let of_shop = house.ask("GET", "/h/shop/v1/domains").token(shop["token"].as_str().unwrap());
    assert_eq!(of_shop.send().await.is(200).json()["domains"], json!([]));
    let client = house.token("mara client mara").await;
    house.ask("GET", "/v1/domains").token(&client).send().await.is(403);
}
