//! What of a hub is too bad now, who is told, and that it is over.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use syncline_engine::alert::{Kind, Rule, Severity};
use syncline_engine::rows::Key;
use syncline_model::id::EndpointId;
use syncline_server::{AlertReceiver, Channel, SecretText, Server, Settings};
use tokio::time::sleep;

use crate::deliveries::{PATIENCE, Receiver, damage};
use crate::house::{House, open_hub, state};

const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

/// Looks often, and tells a receiver at once of everything.
fn watched(settings: &mut Settings, told: Option<&Receiver>) {
    settings.sending.is_loopback_allowed = true;
    settings.alerts.every = Duration::from_millis(50);
    for kind in Kind::ALL {
        let usual = *settings.alerts.rules.get(kind).unwrap();
        settings.alerts.rules.set(kind, Some(Rule { for_ms: 0, ..usual }));
    }
    settings.alerts.receivers.extend(told.map(|told| AlertReceiver {
        name: "ops".to_owned(),
        channel: Channel::Webhook {
            url: SecretText::new(&format!("http://{}/alerts", told.address)).unwrap(),
            secret: SecretText::new(SECRET).unwrap(),
        },
        severity_min: Severity::Warning,
        reports: Vec::new(),
    }));
}

impl House {
    /// Asks for what is too bad until it is as expected.
    async fn alerts_with(
        &self,
        what: &str,
        (path, token): (&str, &str),
        is_it: impl Fn(&[Value]) -> bool,
    ) -> Vec<Value> {
        let begun = Instant::now();
        loop {
            let answer = self.ask("GET", path).token(token).send().await.is(200).json();
            let alerts = answer["alerts"].as_array().unwrap();
            if is_it(alerts) {
                return alerts.clone();
            }
            assert!(
                begun.elapsed() < PATIENCE,
                "{what}: {answer} {}",
                self.get("/v1/endpoints").await.text()
            );
            sleep(Duration::from_millis(20)).await;
        }
    }
}

fn is(alert: &Value, kind: &str) -> bool {
    alert["alert"] == kind && alert["state"] == "firing"
}

/// Of one hub only; over a restart; and at the end with the hub.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_bad_is_shown_to_its_own_hub_with_who_was_told_until_the_hub_is_gone() {
    let ops = Receiver::start(|_| 204).await;
    let change = |settings: &mut Settings| {
        watched(settings, Some(&ops));
        let ops = settings.alerts.receivers[0].clone();
        let boss =
            AlertReceiver { name: "boss".to_owned(), severity_min: Severity::Critical, ..ops };
        settings.alerts.receivers.push(boss);
    };
    let house = House::with(change).await;
    let made = house.post("/v1/hubs", &json!({ "name": "shop" })).await.is(201).json();
    let shop = made["token"].as_str().unwrap().to_owned();
    let made = json!({ "id": "till", "url": format!("http://{}/till", ops.address) });
    house.ask("POST", "/h/shop/v1/endpoints").token(&shop).json(&made).send().await.is(201);
    let disable = house.ask("POST", "/h/shop/v1/endpoints/till/disable").token(&shop);
    disable.json(&json!({})).send().await.is(200);
    let is_told = |alerts: &[Value]| {
        alerts.iter().any(|one| is(one, "endpoints_disabled") && one["told"][0]["result"] == "told")
    };
    let lit = house.alerts_with("a disabled endpoint", ("/h/shop/v1/alerts", &shop), is_told).await;
    assert_eq!(lit.len(), 1, "{lit:?}");
    assert_eq!(
        (&lit[0]["value"], &lit[0]["threshold"], &lit[0]["told"][0]["receiver"]),
        (&json!(1), &json!(0), &json!("ops"))
    );
    assert_eq!(lit[0]["told"][1], json!({ "receiver": "boss", "result": "too_mild" }));
    assert!(lit[0]["since"].is_string() && lit[0]["current"] == true, "{lit:?}");
    let of_default = house.get("/v1/alerts").await.is(200).json();
    assert_eq!(of_default["alerts"], json!([]), "of another hub");
    assert!(of_default["lookedAt"].is_string(), "{of_default}");
    let reader = house.token("phone client phone").await;
    house.ask("GET", "/v1/alerts").token(&reader).send().await.is(403);
    let fired = ops.wait_for(1).await[0].json();
    assert_eq!((&fired["type"], &fired["data"]["hub"]), (&json!("alert.fired"), &json!("shop")));
    // It is shown before it is looked at again.
    let unlooked = |settings: &mut Settings| {
        change(settings);
        settings.alerts.every = Duration::from_secs(3_600);
    };
    let house = house.restarted_with(unlooked).await;
    let shown = house.ask("GET", "/h/shop/v1/alerts").token(&shop).send().await.is(200).json();
    assert_eq!(shown["lookedAt"], Value::Null, "{shown}");
    let shown = shown["alerts"].as_array().unwrap();
    assert!(is_told(shown) && shown[0]["current"] == false, "{shown:?}");
    // A restart tells it to nobody again, and does not forget who was told.
    let house = house.restarted_with(change).await;
    let is_measured = |alerts: &[Value]| is_told(alerts) && alerts[0]["current"] == true;
    house.alerts_with("after a restart", ("/h/shop/v1/alerts", &shop), is_measured).await;
    assert_eq!(ops.got().len(), 1);
    // The hub is gone, and so are its alerts: that is said.
    let House { server, folder, admin } = house;
    server.stop().await.unwrap();
    std::fs::remove_dir_all(state(folder.path()).join("hubs/shop")).unwrap();
    let mut settings = House::settings(&state(folder.path()));
    change(&mut settings);
    let server = Server::start(&settings, open_hub(&settings)).await.unwrap();
    let house = House { server, folder, admin };
    let ended = ops.wait_for(2).await[1].json();
    assert_eq!(
        (&ended["type"], &ended["data"]["state"], &ended["data"]["hub"]),
        (&json!("alert.resolved"), &json!("ended"), &json!("shop"))
    );
    let metrics = house.get("/metrics").await.is(200).text();
    assert!(!metrics.contains("alert=\"endpoints_disabled\""), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_of_which_a_row_cannot_be_read_counts_as_disabled() {
    let house = House::with(|settings| watched(settings, None)).await;
    let made = json!({ "id": "till", "url": "http://127.0.0.1:9/till" });
    house.post("/v1/endpoints", &made).await.is(201);
    let House { server, folder, admin } = house;
    server.stop().await.unwrap();
    let path = state(folder.path());
    damage(folder.path(), &Key::Endpoint(EndpointId::new("till").unwrap()));
    let mut settings = House::settings(&path);
    watched(&mut settings, None);
    let server = Server::start(&settings, open_hub(&settings)).await.unwrap();
    let house = House { server, folder, admin };
    let lit = |alerts: &[Value]| alerts.iter().any(|one| is(one, "endpoints_disabled"));
    house.alerts_with("a damaged endpoint", ("/v1/alerts", &house.admin), lit).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_are_refused_count_as_errors() {
    let house = House::with(|settings| watched(settings, None)).await;
    let strict = house.ask("PUT", "/v1/catalogue").token(&house.admin);
    strict.json(&json!({ "strict": true })).send().await.is(200);
    let event = |number: u64| json!({ "id": format!("e{number}"), "type": "task.unknown", "resourceType": "tasks", "resourceId": "t1" });
    let events: Vec<Value> = (0..12).map(event).collect();
    let emitted = house.post("/v1/events", &json!({ "events": events })).await.is(200).json();
    assert!(emitted["events"][0]["problem"].is_object(), "{emitted}");
    let lit =
        |alerts: &[Value]| alerts.iter().any(|one| is(one, "error_rate") && one["value"] == 1);
    house.alerts_with("refused events", ("/v1/alerts", &house.admin), lit).await;
}

/// The endpoint works, so that nobody could say since when it does nothing but fail.
#[tokio::test(flavor = "multi_thread")]
async fn how_long_an_event_waits_that_alone_is_tried_again_hours_later_is_known_over_a_restart() {
    let receiver = Receiver::start(|got| {
        let is_bad = got.last().unwrap().named().0 == "bad";
        let before = got.iter().filter(|one| one.named().0 == "bad").count();
        if is_bad && before == 1 { 400 } else { 204 }
    });
    let receiver = receiver.await;
    let change = |settings: &mut Settings| {
        watched(settings, None);
        let usual = *settings.alerts.rules.get(Kind::Lag).unwrap();
        settings.alerts.rules.set(Kind::Lag, Some(Rule { threshold: 0.2, for_ms: 0, ..usual }));
    };
    let house = House::with(change).await;
    let mut endpoint = receiver.endpoint("shop");
    endpoint["schedule"] = json!([0, 36_000_000, 36_000_000]);
    house.post("/v1/endpoints", &endpoint).await.is(201);
    house.emit("e1", "bad").await;
    receiver.wait_for(1).await;
    house.emit("e2", "good").await;
    receiver.wait_for(2).await;
    let at = ("/v1/alerts", house.admin.clone());
    let is_lit = |alerts: &[Value]| {
        let measured = |one: &Value| is(one, "lag") && one["current"] == true;
        alerts.iter().any(|one| measured(one) && one["value"].as_f64() > Some(0.2))
    };
    house.alerts_with("it waits", (at.0, &at.1), is_lit).await;
    let house = house.restarted_with(change).await;
    house.alerts_with("after a restart", (at.0, &at.1), is_lit).await;
    let waiting = house.deliveries("shop").await;
    let is_it = |one: &&Value| one["state"] == "retrying";
    let waiting = &waiting.iter().find(is_it).unwrap()["sequence"];
    let path = format!("/v1/endpoints/shop/deliveries/{waiting}/retry");
    house.ask("POST", &path).token(&house.admin).send().await.is(204);
    let is_over = |alerts: &[Value]| alerts.iter().all(|one| one["alert"] != "lag");
    house.alerts_with("it is over", (at.0, &at.1), is_over).await;
}

/// Fewer threads than wait for it: it takes all that requests have.
#[test]
fn a_store_that_hangs_is_told_while_all_who_ask_for_it_wait() {
    let runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = { runtime }.worker_threads(2).max_blocking_threads(4).enable_all().build();
    runtime.unwrap().block_on(async {
        let receiver = Receiver::start(|_| 400).await;
        let change = |settings: &mut Settings| {
            watched(settings, None);
            let usual = *settings.alerts.rules.get(Kind::DeliveriesStopped).unwrap();
            let rule = Rule { threshold: 0.2, ..usual };
            settings.alerts.rules.set(Kind::DeliveriesStopped, Some(rule));
        };
        let house = House::with(change).await;
        let mut endpoint = receiver.endpoint("shop");
        endpoint["schedule"] = json!([0, 100, 36_000_000]);
        house.post("/v1/endpoints", &endpoint).await.is(201);
        house.emit("e1", "bad").await;
        receiver.wait_for(1).await;
        let (end, ended) = std::sync::mpsc::channel::<()>();
        let (begun, begins) = tokio::sync::oneshot::channel();
        let served = house.server.served().clone();
        let hung = std::thread::spawn(move || {
            served.with_hub(move |_| {
                begun.send(()).unwrap();
                ended.recv().unwrap_err();
            })
        });
        begins.await.unwrap();
        let asking: Vec<_> = std::iter::repeat_with(|| house.ask("GET", "/healthz").send())
            .take(8)
            .map(tokio::spawn)
            .collect();
        let is_it = |one: &Value| is(one, "deliveries_stopped") && one["current"] == true;
        let is_lit = |alerts: &[Value]| alerts.iter().any(is_it);
        let at = ("/v1/alerts", &*house.admin);
        house.alerts_with("it hangs", at, is_lit).await;
        let asked = Instant::now();
        let line = "deliveries_stopped{hub=\"default\"} 1";
        while !house.get("/metrics").await.is(200).text().contains(line) {
            assert!(asked.elapsed() < PATIENCE, "no figure says so");
        }
        drop(end);
        let is_over = |alerts: &[Value]| !is_lit(alerts);
        house.alerts_with("it goes on", at, is_over).await;
        for asked in asking {
            asked.await.unwrap().is(200);
        }
        hung.join().unwrap().unwrap();
        house.server.stop().await.unwrap();
    });
}
