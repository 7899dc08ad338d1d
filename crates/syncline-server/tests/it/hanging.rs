//! Stores that hang: what has begun goes on, who waits for it is told, and nobody else is held up.

use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Value, json};
use syncline_hub::served::Served;
use syncline_server::Settings;
use syncline_server::limits::READS_AT_ONCE_MAX;
use tokio::sync::oneshot;

use crate::house::{House, Reply, ask};

/// How long anybody waits for an answer here.
const WAIT: Duration = Duration::from_millis(300);

/// A hub whose writer hangs, until this is ended.
pub(crate) struct Hung {
    end: mpsc::Sender<()>,
    thread: JoinHandle<()>,
}

impl Hung {
    pub(crate) async fn begin(served: &Served) -> Self {
        let (end, ended) = mpsc::channel::<()>();
        let (begun, begins) = oneshot::channel();
        let served = served.clone();
        let thread = std::thread::spawn(move || {
            let hang = move |_: &mut _| {
                begun.send(()).unwrap();
                ended.recv().unwrap_err();
            };
            served.with_hub(hang).unwrap();
        });
        begins.await.unwrap();
        Self { end, thread }
    }

    pub(crate) fn end(self) {
        drop(self.end);
        self.thread.join().unwrap();
    }
}

async fn impatient() -> House {
    House::with(|settings: &mut Settings| settings.request_time = WAIT).await
}

impl House {
    /// Returns what the audit tells of tokens, as action and name.
    async fn noted(&self) -> Vec<(String, String)> {
        let audit = self.get("/v1/audit?category=ACCESS&limit=1000").await.is(200).json();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let entries = audit["entries"].as_array().unwrap().iter();
        entries.map(|entry| (text(&entry["action"]), text(&entry["details"]["name"]))).collect()
    }

    /// Asks until something is so.
    async fn until<T>(&self, look: impl AsyncFn() -> Option<T>) -> T {
        for _ in 0..6_000 {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("it never came");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_begun_is_finished_though_whoever_asked_was_told_that_it_takes_too_long() {
    let house = impatient().await;
    let hung = Hung::begin(house.server.served()).await;
    let body = json!({ "name": "phone", "role": "client" });
    let late = house.post("/v1/tokens", &body).await.is(503).says("REQUEST_TIMEOUT");
    assert!(late.text().contains("Idempotency-Key"), "{}", late.text());
    hung.end();
    let created = ("TOKEN_CREATED".to_owned(), "phone".to_owned());
    house.until(async || house.noted().await.contains(&created).then_some(())).await;
    let tokens = house.get("/v1/tokens").await.is(200).json();
    assert_eq!(tokens["tokens"].as_array().unwrap().len(), 2);
}

/// Requirement H17.
#[tokio::test(flavor = "multi_thread")]
async fn who_was_told_that_it_takes_too_long_learns_with_the_same_key_what_came_of_it() {
    let house = impatient().await;
    let hung = Hung::begin(house.server.served()).await;
    let post = async |path: &str, body: &Value| -> Reply {
        let ask = house.ask("POST", path).token(&house.admin).header("idempotency-key", "k-1");
        ask.json(body).send().await
    };
    let asked = [
        ("/v1/tokens", json!({ "name": "phone", "role": "client" })),
        ("/v1/endpoints", json!({ "url": "https://example.org/a" })),
        ("/v1/entities/tasks/records", json!({ "n": 1 })),
    ];
    for (path, body) in &asked {
        post(path, body).await.is(503).says("REQUEST_TIMEOUT");
        post(path, body).await.is(409).says("IDEMPOTENCY_KEY_IN_USE");
    }
    hung.end();
    for (path, body) in &asked {
        let told = house.until(async || {
            let reply = post(path, body).await;
            let is_under_way = reply.text().contains("IDEMPOTENCY_KEY_IN_USE");
            (!is_under_way).then_some(reply)
        });
        told.await.is(201);
    }
    for (path, list, count) in [
        ("/v1/tokens", "tokens", 2),
        ("/v1/endpoints", "endpoints", 1),
        ("/v1/entities/tasks/records", "records", 1),
    ] {
        let listed = house.get(path).await.is(200).json();
        assert_eq!(listed[list].as_array().unwrap().len(), count, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_waits_for_what_has_begun_and_nobody_waits_for() {
    let house = impatient().await;
    let hung = Hung::begin(house.server.served()).await;
    let body = json!({ "name": "phone", "role": "client" });
    house.post("/v1/tokens", &body).await.is(503).says("REQUEST_TIMEOUT");
    let ends = std::thread::spawn(move || {
        std::thread::sleep(WAIT);
        hung.end();
    });
    let house = house.restarted().await;
    ends.join().unwrap();
    let created = ("TOKEN_CREATED".to_owned(), "phone".to_owned());
    assert!(house.noted().await.contains(&created));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_whose_store_hangs_leaves_threads_for_those_who_ask_another_hub() {
    let house = House::new().await;
    let made = house.post("/v1/hubs", &json!({ "name": "hangs" })).await.is(201).json();
    let token = made["token"].as_str().unwrap().to_owned();
    let hubs = house.server.hubs()();
    let (_, served) = hubs.iter().find(|(name, _)| name.as_deref() == Some("hangs")).unwrap();
    let hung = Hung::begin(served).await;
    let address = house.server.address();
    let asking: Vec<_> = (0..2 * READS_AT_ONCE_MAX)
        .map(|number| {
            let ask = ask(address, "POST", "/h/hangs/v1/tokens").token(&token);
            ask.json(&json!({ "name": format!("t-{number}"), "role": "client" })).send()
        })
        .map(tokio::spawn)
        .collect();
    // Each waits for the audit of that hub, with a thread of its own as long as there are any.
    house
        .until(async || {
            let ask = ask(address, "GET", "/h/hangs/v1/tokens").token(&token);
            let listed = ask.send().await.is(200).json();
            (listed["tokens"].as_array().unwrap().len() > 2 * READS_AT_ONCE_MAX).then_some(())
        })
        .await;
    for number in 0..8 {
        let body = json!({ "name": format!("r-{number}") });
        house.post("/v1/receivers", &body).await.is(201);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(asking.iter().all(|asked| !asked.is_finished()));
    hung.end();
    for asked in asking {
        asked.await.unwrap().is(201);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn revocations_take_effect_one_after_the_other_though_the_store_hangs() {
    let house = House::new().await;
    let mut made = Vec::new();
    for number in 0..3 {
        let body = json!({ "name": format!("t-{number}"), "role": "client" });
        made.push(house.post("/v1/tokens", &body).await.is(201).json());
    }
    let hung = Hung::begin(house.server.served()).await;
    for token in &made {
        let path = format!("/v1/tokens/{}", token["id"].as_str().unwrap());
        house.ask("DELETE", &path).token(&house.admin).send().await.is(204);
        let text = token["token"].as_str().unwrap();
        let refused = house.ask("POST", "/v1/tickets").token(text).send().await;
        refused.is(401).says("ACCESS_TOKEN_INVALID");
    }
    hung.end();
    let house = house.restarted().await;
    assert_eq!(house.get("/v1/tokens").await.json()["tokens"].as_array().unwrap().len(), 1);
    let noted = house.noted().await;
    let revoked = noted.iter().filter(|(action, _)| action == "TOKEN_REVOKED").count();
    assert_eq!(revoked, 3, "{noted:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_begins_with_the_admin_token_that_a_start_has_made() {
    let house = House::new().await;
    let noted = house.noted().await;
    assert_eq!(noted, [("TOKEN_CREATED".to_owned(), "admin".to_owned())]);
    let audit = house.get("/v1/audit?category=ACCESS&limit=10").await.is(200).text();
    assert!(audit.contains("\"server\""), "{audit}");
    let house = house.restarted().await;
    assert_eq!(house.noted().await.len(), 1, "the second start makes none");
}
