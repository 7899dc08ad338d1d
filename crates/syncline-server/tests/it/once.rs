//! Requests with an `Idempotency-Key`.

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};
use syncline_engine::rows::{Batch, Key};
use syncline_model::id::{DomainName, EntityName, RecordId};
use syncline_server::routes::{Method, TABLE};
use syncline_store::Store;
use syncline_store::sqlite::{Options, SqliteStore};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::house::{House, Reply, state};
use crate::receiving::now_s;

impl House {
    async fn keyed(&self, method: &str, path: &str, key: &str, body: &Value) -> Reply {
        let ask = self.ask(method, path).token(&self.admin).header("idempotency-key", key);
        ask.json(body).send().await
    }
}

/// What makes something: where, with what, with what else, and what is answered.
fn makers() -> Vec<(&'static str, Value, Value, u16)> {
    let hub = |name: &str| json!({ "name": name });
    let token = |name: &str| json!({ "name": name, "role": "client" });
    let receiver = |name: &str| json!({ "name": name });
    let endpoint = |path: &str| json!({ "url": format!("https://example.org/{path}") });
    vec![
        ("/v1/hubs", hub("shop"), hub("other"), 201),
        ("/v1/tokens", token("phone"), token("tablet"), 201),
        ("/v1/receivers", receiver("crm"), receiver("erp"), 201),
        ("/v1/endpoints", endpoint("a"), endpoint("b"), 201),
        ("/v1/endpoints/mine/rotate", json!({}), json!({ "overlapMs": 7 }), 200),
        ("/v1/entities/tasks/records", json!({ "n": 1 }), json!({ "n": 2 }), 201),
    ]
}

/// Requirement H17.
#[tokio::test(flavor = "multi_thread")]
async fn what_makes_something_is_made_once_under_its_key_and_answered_as_it_was() {
    let mut house = House::new().await;
    let mine = json!({ "id": "mine", "url": "https://example.org/mine" });
    house.post("/v1/endpoints", &mine).await.is(201);
    let mut first = Vec::new();
    for (path, body, _, status) in makers() {
        first.push(house.keyed("POST", path, "k-1", &body).await.is(status));
    }
    for round in 0..2 {
        for ((path, body, other, status), made) in makers().into_iter().zip(&first) {
            let again = house.keyed("POST", path, "k-1", &body).await.is(status);
            assert_eq!(again.header("idempotency-replayed"), "true", "{path}");
            let named = |reply: &Reply| match (path, reply.json()) {
                // How it does by now is told with it.
                ("/v1/endpoints", told) => {
                    ["id", "url", "created", "secrets"].map(|name| told[name].clone()).to_vec()
                }
                (_, told) => vec![told],
            };
            assert_eq!(named(&again), named(made), "{path} in round {round}");
            let other = house.keyed("POST", path, "k-1", &other).await;
            other.is(422).says("IDEMPOTENCY_KEY_REUSED");
        }
        house = house.restarted().await;
    }
    let count = async |path: &str, list: &str| {
        house.get(path).await.is(200).json()[list].as_array().unwrap().len()
    };
    assert_eq!(count("/v1/hubs", "hubs").await, 1);
    assert_eq!(count("/v1/tokens", "tokens").await, 2);
    assert_eq!(count("/v1/receivers", "receivers").await, 1);
    assert_eq!(count("/v1/endpoints", "endpoints").await, 2);
    assert_eq!(count("/v1/entities/tasks/records", "records").await, 1);
    // The same key of another token, or another key, is another request.
    let (path, body, ..) = makers().swap_remove(1);
    house.keyed("POST", path, "k-2", &body).await.is(201);
    let admin = house.token("another admin").await;
    let ask = house.ask("POST", path).token(&admin).header("idempotency-key", "k-1");
    ask.json(&body).send().await.is(201);
}

/// Requirement H17.
#[tokio::test(flavor = "multi_thread")]
async fn of_requests_with_one_key_at_once_one_is_carried_out_and_the_others_are_told() {
    let house = House::new().await;
    for round in 0..50 {
        let key = format!("k-{round}");
        let (path, body) = ("/v1/tokens", json!({ "name": key, "role": "client" }));
        let asks = (0..20).map(|_| house.keyed("POST", path, &key, &body));
        let replies = futures_util::future::join_all(asks).await;
        let (made, refused): (Vec<_>, Vec<_>) =
            replies.into_iter().partition(|reply| reply.status.as_u16() == 201);
        let is_refused = !refused.is_empty();
        for reply in refused {
            reply.is(409).says("IDEMPOTENCY_KEY_IN_USE");
        }
        let told: Vec<Value> = made.iter().map(Reply::json).collect();
        assert!(told.windows(2).all(|pair| pair[0] == pair[1]), "{told:?}");
        let tokens = house.get("/v1/tokens").await.is(200).json().to_string();
        assert_eq!(tokens.matches(&format!("\"{key}\"")).count(), 1, "{tokens}");
        if is_refused {
            return;
        }
    }
    panic!("no request has met another one in 50 rounds");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_refused_is_tried_again_under_its_key() {
    let house = House::new().await;
    let body = json!({ "name": "crm" });
    house.post("/v1/receivers", &body).await.is(201);
    let again = async || house.keyed("POST", "/v1/receivers", "k-1", &body).await;
    again().await.is(409).says("RECEIVER_EXISTS");
    again().await.is(409).says("RECEIVER_EXISTS");
    house.ask("DELETE", "/v1/receivers/crm").token(&house.admin).send().await.is(204);
    let made = again().await.is(201);
    assert_eq!(made.header("idempotency-replayed"), "");
    assert_eq!(again().await.is(201).json(), made.json());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_with_a_key_and_a_condition_is_answered_again_after_a_restart() {
    let house = House::new().await;
    let path = "/v1/entities/tasks/records/t1";
    let put = house.ask("PUT", path).token(&house.admin).json(&json!({ "n": 1 }));
    let etag = put.send().await.is(201).header("etag").to_owned();
    let edit = async |house: &House, key: &str| {
        let ask = house.ask("PATCH", path).token(&house.admin).header("if-match", &etag);
        let edit = json!({ "append": { "/list": ["x"] } });
        ask.header("idempotency-key", key).json(&edit).send().await
    };
    edit(&house, "k-1").await.is(200);
    edit(&house, "k-1").await.is(200);
    let house = house.restarted().await;
    let again = edit(&house, "k-1").await.is(200);
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(again.json()["record"]["list"], json!(["x"]));
    edit(&house, "k-2").await.is(412).says("PRECONDITION_FAILED");
}

/// Requirement H17.
#[tokio::test(flavor = "multi_thread")]
async fn an_edit_with_a_key_that_changed_nothing_does_not_write_over_what_came_since() {
    let mut house = House::new().await;
    let kinds = [("PUT", "application/json"), ("PATCH", "application/merge-patch+json")];
    let path = |method: &str| format!("/v1/entities/tasks/records/{method}");
    let edit = async |house: &House, method: &str, kind: &str| {
        let ask = house.ask(method, &path(method)).token(&house.admin).header("content-type", kind);
        ask.header("idempotency-key", "k-1").bytes(br#"{"n":1}"#.to_vec()).send().await.is(200)
    };
    let put = async |house: &House, method: &str, n: u64| {
        let ask = house.ask("PUT", &path(method)).token(&house.admin);
        ask.json(&json!({ "n": n })).send().await;
    };
    for (method, kind) in kinds {
        put(&house, method, 1).await;
        let first = edit(&house, method, kind).await;
        assert_eq!(first.header("idempotency-replayed"), "", "{method}");
        put(&house, method, 2).await;
    }
    for round in 0..2 {
        for (method, kind) in kinds {
            let again = edit(&house, method, kind).await;
            assert_eq!(again.header("idempotency-replayed"), "true", "{method} in round {round}");
            assert_eq!(again.json()["record"], json!({ "n": 2 }), "{method} in round {round}");
        }
        house = house.restarted().await;
    }
}

/// Requirement H17.
#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_while_a_request_with_a_key_begins_has_not_spent_the_key() {
    let house = House::new().await;
    for round in 0..100 {
        let key = format!("k-{round}");
        let body = json!({ "name": key, "role": "client" });
        let (host, admin, text) = (house.server.address(), &house.admin, body.to_string());
        let request = format!(
            "POST /v1/tokens HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {admin}\r\n\
             content-type: application/json\r\nidempotency-key: {key}\r\n\
             content-length: {}\r\n\r\n{text}",
            text.len()
        );
        let mut socket = TcpStream::connect(host).await.unwrap();
        socket.write_all(request.as_bytes()).await.unwrap();
        // Each time at another point of what is done.
        sleep(Duration::from_micros(50 * round)).await;
        drop(socket);
        let reply = loop {
            let reply = house.keyed("POST", "/v1/tokens", &key, &body).await;
            if !reply.text().contains("IDEMPOTENCY_KEY_IN_USE") {
                break reply;
            }
            sleep(Duration::from_millis(1)).await;
        };
        reply.is(201);
        let tokens = house.get("/v1/tokens").await.is(200).json().to_string();
        assert_eq!(tokens.matches(&format!("\"{key}\"")).count(), 1, "{tokens}");
    }
}

/// Writes what is kept of keys.
fn kept(folder: &std::path::Path, rows: impl IntoIterator<Item = (String, Vec<u8>)>) {
    let mut store = SqliteStore::open(&state(folder), &Options::default()).unwrap();
    let mut batch = Batch::new();
    for (key, row) in rows {
        let receiver = DomainName::new("idempotency_keys").unwrap();
        let (entity, id) = (EntityName::new("requests").unwrap(), RecordId::new(&key).unwrap());
        batch.put(Key::Received { receiver, entity, id }, row);
    }
    store.commit(&batch).unwrap();
    Box::new(store).close().unwrap();
}

fn digest(parts: &[&str]) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_be_bytes()).update(part.as_bytes());
    }
    hasher.finalize()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_end_of_the_server_cut_off_is_not_made_twice() {
    let house = House::new().await;
    let tokens = house.get("/v1/tokens").await.is(200).json();
    let admin = tokens["tokens"][0]["id"].as_str().unwrap().to_owned();
    let House { server, folder, admin: text } = house;
    server.stop().await.unwrap();
    let of_key = digest(&["key", &admin, "POST", "/v1/tokens", "k-1"]).to_hex();
    let of_body = digest(&["body", r#"{"name":"phone","role":"client"}"#]);
    let row = [&[1, 0][..], of_body.as_bytes()].concat();
    let choice = json!({ "choice": { "take": "phone" }, "like": "0".repeat(32) });
    let decisions = [
        ("/v1/conflicts/resolve".to_owned(), choice.clone()),
        (format!("/v1/conflicts/{}/resolve", "0".repeat(32)), choice["choice"].clone()),
    ];
    let begun = |path: &str, body: &Value| {
        let of_key = digest(&["key", &admin, "POST", path, "k-1"]).to_hex();
        let of_body = digest(&["body", &body.to_string()]);
        (of_key.to_string(), [&[1, 0][..], of_body.as_bytes()].concat())
    };
    let decided = decisions.iter().map(|(path, body)| begun(path, body));
    kept(folder.path(), decided.chain([(of_key.to_string(), row)]));
    let settings = House::settings(&state(folder.path()));
    let hub = crate::house::open_hub(&settings);
    let server = syncline_server::Server::start(&settings, hub).await.unwrap();
    let house = House { server, folder, admin: text };
    let body = json!({ "name": "phone", "role": "client" });
    let again = house.keyed("POST", "/v1/tokens", "k-1", &body).await;
    again.is(409).says("IDEMPOTENCY_KEY_SPENT");
    let tokens = house.get("/v1/tokens").await.is(200).json();
    assert_eq!(tokens["tokens"].as_array().unwrap().len(), 1);
    for (path, body) in decisions {
        let again = house.keyed("POST", &path, "k-1", &body).await;
        again.is(409).says("IDEMPOTENCY_KEY_SPENT");
    }
}

/// Asks for something and leaves without an answer.
pub(crate) async fn left(house: &House, head: &str, body: &Value, after: Duration) {
    let (host, admin, text) = (house.server.address(), &house.admin, body.to_string());
    let request = format!(
        "{head}\r\nhost: {host}\r\nauthorization: Bearer {admin}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{text}",
        text.len()
    );
    let mut socket = TcpStream::connect(host).await.unwrap();
    socket.write_all(request.as_bytes()).await.unwrap();
    sleep(after).await;
}

/// Requirement H17.
#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_while_an_edit_with_a_key_and_a_condition_is_carried_out_is_answered_later() {
    let house = House::new().await;
    let path = "/v1/entities/tasks/records/t1";
    let mut etag = {
        let put = house.ask("PUT", path).token(&house.admin).json(&json!({ "n": 0 }));
        put.send().await.is(201).header("etag").to_owned()
    };
    for round in 0..100 {
        let (key, body) = (format!("k-{round}"), json!({ "n": round + 1 }));
        let head = format!("PUT {path} HTTP/1.1\r\nidempotency-key: {key}\r\nif-match: {etag}");
        // Each time at another point of what is done.
        left(&house, &head, &body, Duration::from_micros(50 * round)).await;
        let reply = loop {
            let ask = house.ask("PUT", path).token(&house.admin).header("if-match", &etag);
            let reply = ask.header("idempotency-key", &key).json(&body).send().await;
            if !reply.text().contains("IDEMPOTENCY_KEY_IN_USE") {
                break reply;
            }
            sleep(Duration::from_millis(1)).await;
        };
        let reply = reply.is(200);
        assert_eq!(reply.json()["record"], body);
        etag = reply.header("etag").to_owned();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_is_in_the_audit_though_whoever_asked_has_left() {
    let house = House::new().await;
    let mut made = Vec::new();
    for round in 0..60 {
        let body = json!({ "name": format!("t-{round}"), "role": "client" });
        let token = house.post("/v1/tokens", &body).await.is(201).json();
        made.push(token["id"].as_str().unwrap().to_owned());
        let head = format!("DELETE /v1/tokens/{} HTTP/1.1", made[made.len() - 1]);
        left(&house, &head, &json!({}), Duration::from_micros(50 * round)).await;
    }
    // What was begun comes to its end before the server does.
    let house = house.restarted().await;
    let tokens = house.get("/v1/tokens").await.is(200).json().to_string();
    let audit = house.get("/v1/audit?category=ACCESS&limit=1000").await.is(200).json();
    let entries = audit["entries"].as_array().unwrap();
    let noted = |id: &str| {
        let mut of = entries.iter().filter(|entry| entry["action"] == "TOKEN_REVOKED");
        of.any(|entry| entry.to_string().contains(id))
    };
    let gone: Vec<_> = made.iter().filter(|id| !tokens.contains(id.as_str())).collect();
    assert!(!gone.is_empty(), "none was revoked");
    let lacking: Vec<_> = gone.iter().filter(|id| !noted(id)).collect();
    assert!(lacking.is_empty(), "{lacking:?} of {}", gone.len());
}

/// Requirement H17.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_made_with_a_key_and_is_gone_is_not_made_again() {
    let mut house = House::new().await;
    let own = json!({ "id": "own", "url": "https://example.org/own" });
    let any = json!({ "url": "https://example.org/any" });
    for (key, body) in [("k-1", &own), ("k-2", &any)] {
        let made = house.keyed("POST", "/v1/endpoints", key, body).await.is(201).json();
        let path = format!("/v1/endpoints/{}", made["id"].as_str().unwrap());
        house.ask("DELETE", &path).token(&house.admin).send().await.is(204);
    }
    for _ in 0..2 {
        for (key, body) in [("k-1", &own), ("k-2", &any)] {
            let again = house.keyed("POST", "/v1/endpoints", key, body).await;
            again.is(409).says("IDEMPOTENCY_KEY_SPENT");
        }
        house = house.restarted().await;
    }
    house
        .post("/v1/endpoints", &json!({ "id": "kept", "url": "https://example.org" }))
        .await
        .is(201);
    let replay = json!({ "endpoints": ["kept"] });
    let first = house.keyed("POST", "/v1/replays", "k-1", &replay).await.is(202).json();
    let again = house.keyed("POST", "/v1/replays", "k-1", &replay).await.is(202).json();
    assert_eq!(again["id"], first["id"]);
    // Only so many are remembered.
    for _ in 0..100 {
        house.post("/v1/replays", &replay).await.is(202);
    }
    house.get(&format!("/v1/replays/{}", first["id"].as_str().unwrap())).await.is(404);
    let again = house.keyed("POST", "/v1/replays", "k-1", &replay).await;
    again.is(409).says("IDEMPOTENCY_KEY_SPENT");
}

/// Keys that are asked about until one is forgotten: some ten seconds. All of them are forgotten at once.
const KEYS: usize = 900;

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_forgotten_after_its_time_and_what_an_operation_did_is_not_done_again() {
    let house = House::new().await;
    let edit = |n: u64| json!({ "n": n });
    house.keyed("PUT", "/v1/entities/tasks/records/t1", "k-1", &edit(1)).await.is(201);
    let tokens = house.get("/v1/tokens").await.is(200).json();
    let admin = tokens["tokens"][0]["id"].as_str().unwrap().to_owned();
    let House { server, folder, admin: text } = house;
    server.stop().await.unwrap();
    // Two days more than a week ago.
    let then = (now_s() - 9 * 86_400) * 1_000;
    let old = |path: &str, method: &str, key: &str, body: &Value| {
        let of_key = digest(&["key", &admin, method, path, key]).to_hex();
        let of_body = digest(&["body", &body.to_string()]);
        (of_key.to_string(), [&[2, 0][..], &then.to_be_bytes(), of_body.as_bytes()].concat())
    };
    let body = json!({ "name": "phone", "role": "client" });
    let rows = (0..KEYS).map(|round| old("/v1/tokens", "POST", &format!("k-{round}"), &body));
    let edited = old("/v1/entities/tasks/records/t1", "PUT", "k-1", &edit(1));
    kept(folder.path(), rows.chain([edited]));
    let settings = House::settings(&state(folder.path()));
    let hub = crate::house::open_hub(&settings);
    let server = syncline_server::Server::start(&settings, hub).await.unwrap();
    let house = House { server, folder, admin: text };
    let mut made = None;
    for round in 0..KEYS {
        // Another one each time: what is under way just then is not forgotten.
        let asked = house.keyed("POST", "/v1/tokens", &format!("k-{round}"), &body).await;
        if asked.status.as_u16() == 201 {
            made = Some(asked);
            break;
        }
        asked.says("IDEMPOTENCY_KEY_SPENT");
        sleep(Duration::from_millis(10)).await;
    }
    let made = made.expect("none was forgotten");
    assert_eq!(made.header("idempotency-replayed"), "");
    // Nobody knows whether it is the same edit: it is neither done again nor said to be done.
    for _ in 0..2 {
        let other = house.keyed("PUT", "/v1/entities/tasks/records/t1", "k-1", &edit(2)).await;
        other.is(409).says("IDEMPOTENCY_KEY_SPENT");
    }
    let now = house.get("/v1/entities/tasks/records/t1").await.is(200).json();
    assert_eq!(now["record"], edit(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_answer_that_is_kept_can_be_read_in_the_store() {
    let house = House::new().await;
    let body = json!({ "name": "phone", "role": "client" });
    let made = house.keyed("POST", "/v1/tokens", "k-1", &body).await.is(201).json();
    let token = made["token"].as_str().unwrap();
    assert_eq!(house.keyed("POST", "/v1/tokens", "k-1", &body).await.is(201).json(), made);
    let House { server, folder, .. } = house;
    server.stop().await.unwrap();
    let mut files = 0;
    for file in fs::read_dir(state(folder.path())).unwrap() {
        let path = file.unwrap().path();
        if path.is_file() {
            files += 1;
            let bytes = fs::read(&path).unwrap();
            let found = bytes.windows(token.len()).any(|part| part == token.as_bytes());
            assert!(!found, "{}", path.display());
        }
    }
    assert!(files > 0);
}

/// Requirement H17.
#[test]
fn every_route_that_makes_something_takes_a_key() {
    // What these make ends by itself, and is of nobody else.
    let short_lived = ["tickets_make", "session_make"];
    let makes = TABLE.iter().filter(|route| {
        route.method == Method::Post && route.answers.iter().any(|answer| answer.status == 201)
    });
    let mut found = 0;
    for route in makes.filter(|route| !short_lived.contains(&route.name)) {
        found += 1;
        let has_key = route.headers.iter().any(|header| header.name == "Idempotency-Key");
        assert!(has_key, "{} takes no Idempotency-Key", route.name);
    }
    assert!(found >= 5, "{found}");
}
