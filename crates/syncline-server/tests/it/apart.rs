//! Hubs of one server: what is of one is nothing to another.

use serde_json::{Value, json};
use syncline_server::routes::{Method, Route, Scope, TABLE};

use crate::deliveries::{Receiver, house};
use crate::house::{House, Reply};

/// What stands in everything that the other hub holds.
const CANARY: &str = "canary4711";

/// What the receiver of the other hub verifies with.
const SECRET: &str = "canary4711-secret-that-is-long-enough";

/// The ids of the other hub, by the names that paths have for them.
struct Other {
    token: String,
    ids: Vec<(&'static str, String)>,
}

/// Makes another hub, with everything in it that somebody could ask for by an id.
async fn other(house: &House, receiver: &Receiver) -> Other {
    let made = house.post("/v1/hubs", &json!({ "name": "shop" })).await.is(201).json();
    let token = made["token"].as_str().unwrap().to_owned();
    let post = |path: &str, body: Value| {
        house.ask("POST", &format!("/h/shop{path}")).token(&token).json(&body).send()
    };
    let mut endpoint = receiver.endpoint("canary4711-endpoint");
    endpoint["description"] = json!(CANARY);
    post("/v1/endpoints", endpoint).await.is(201);
    let event = json!({ "id": "canary4711-event", "type": "canary4711.done", "resourceType": "canary4711",
        "resourceId": "canary4711-record", "data": { "said": CANARY } });
    let emitted = post("/v1/events", json!({ "events": [event] })).await.is(200).json();
    receiver.wait_for(1).await;
    let chosen = json!({ "endpoints": ["canary4711-endpoint"], "types": ["canary4711.*"] });
    let replay = post("/v1/replays", chosen).await.is(202).json();
    let draft = json!({ "description": CANARY, "schema": { "type": "object" } });
    let path = "/h/shop/v1/event-types/canary4711.done";
    house.ask("PUT", path).token(&token).json(&draft).send().await.is(201);
    let takes_in = json!({ "name": "canary4711-receiver", "preset": "sync", "secrets": [SECRET] });
    post("/v1/receivers", takes_in).await.is(201);
    let ids = vec![
        ("{endpoint}", "canary4711-endpoint".to_owned()),
        ("{position}", emitted["events"][0]["sequence"].to_string()),
        ("{replay}", replay["id"].as_str().unwrap().to_owned()),
        ("{type}", "canary4711.done".to_owned()),
        ("{event}", "canary4711-event".to_owned()),
        ("{receiver}", "canary4711-receiver".to_owned()),
    ];
    Other { token, ids }
}

/// Sends a request of a route, with these ids in its path.
///
/// - `hub`: where the hub's routes begin, nothing for the one that the token is of.
async fn about(
    house: &House,
    (hub, token): (&str, &str),
    route: &Route,
    ids: &[(&str, String)],
) -> Reply {
    let mut path = format!("{hub}{}", route.path);
    for (name, id) in ids {
        path = path.replace(name, id);
    }
    let path = path.replace(['{', '}'], "");
    let body = match route.name {
        "replay_begin" => json!({ "endpoints": [ids[0].1], "status": ["delivered"] }),
        "event_type_keep" => json!({ "schema": { "type": "object", "title": "mine" } }),
        _ => json!({}),
    };
    let ask = house.ask(route.method.as_str(), &path).token(token);
    let ask = if route.method == Method::Get { ask } else { ask.json(&body) };
    ask.send().await
}

/// Whether a route is one of events, of deliveries, or of what is received.
fn is_of_events(route: &&Route) -> bool {
    let parts = [
        "/v1/endpoints",
        "/v1/replays",
        "/v1/event",
        "/v1/catalogue",
        "/v1/receivers",
        "/v1/deliveries",
        "/v1/dead",
    ];
    let is_stream = route.name == "events";
    !is_stream && parts.iter().any(|part| route.path.starts_with(part))
}

/// Requirement H19: hub A can never read, replay or sign for hub B.
#[tokio::test(flavor = "multi_thread")]
async fn no_hub_reads_replays_or_signs_for_another() {
    let (house, receiver) = (house().await, Receiver::start(|_| 200).await);
    let other = other(&house, &receiver).await;
    let of_other = |path: &'static str| {
        let ask = house.ask("GET", &format!("/h/shop{path}")).token(&other.token);
        async move { ask.send().await.is(200).json() }
    };
    let shown =
        ["/v1/event-types/canary4711.done", "/v1/endpoints/canary4711-endpoint", "/v1/replays"];
    let mut before = Vec::new();
    for path in shown {
        before.push(of_other(path).await);
    }
    let unknown = |(name, id): &(&'static str, String)| {
        let nothing = match *name {
            "{position}" => "4711".to_owned(),
            "{replay}" => id.chars().rev().collect(),
            _ => id.replace(CANARY, "nothing4711"),
        };
        assert_ne!(nothing, *id);
        (*name, nothing)
    };
    let unknown: Vec<(&str, String)> = other.ids.iter().map(unknown).collect();
    let routes = || TABLE.iter().filter(|route| route.scope == Scope::Hub).filter(is_of_events);
    // What is planted is found: to the other hub itself each of these routes shows what no other may see.
    let mut shows = 0;
    for route in routes().filter(|route| route.method == Method::Get && route.path.contains('{')) {
        let at = ("/h/shop", other.token.as_str());
        let own = about(&house, at, route, &other.ids).await.is(200).text();
        let nothing = about(&house, at, route, &unknown).await;
        assert!(!nothing.status.is_success(), "{}: {}", route.name, nothing.text());
        shows += usize::from(own.contains(CANARY));
    }
    assert!(shows >= 5, "{shows} routes");
    let mut looked_at = 0;
    for route in routes() {
        // With its own token, and what it may know of the other.
        let reply = about(&house, ("", &house.admin), route, &other.ids).await;
        let text = reply.text().replace("canary4711-endpoint", "").replace("canary4711.done", "");
        assert!(!text.contains(CANARY), "{}: {text}", route.name);
        let nothing = about(&house, ("", &house.admin), route, &unknown).await;
        if route.path.contains('{') || route.name == "replay_begin" {
            assert_eq!(reply.status, nothing.status, "{}: as if it were not there", route.name);
            let is_made = route.name.starts_with("event_type");
            assert!(is_made || !reply.status.is_success(), "{}: {}", route.name, reply.text());
        }
        // Into the other hub no token of this one leads.
        let path = format!("/h/shop{}", route.path).replace(['{', '}'], "");
        let ask = house.ask(route.method.as_str(), &path).token(&house.admin);
        assert_eq!(ask.send().await.status, 401, "{}", route.name);
        let path = route.path.replace(['{', '}'], "");
        let ask = house.ask(route.method.as_str(), &path).token(&other.token);
        assert_eq!(ask.send().await.status, 401, "{}", route.name);
        looked_at += 1;
    }
    assert!(looked_at >= 20, "{looked_at} routes");
    assert_eq!(receiver.got().len(), 1, "nothing was sent for it");
    for (path, before) in shown.into_iter().zip(before) {
        assert_eq!(of_other(path).await, before, "{path}");
    }
}
