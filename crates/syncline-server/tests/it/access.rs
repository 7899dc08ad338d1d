//! Who may do what.

use serde_json::json;
use syncline_server::Role;
use syncline_server::routes::{Access, Route, Scope, TABLE};

use crate::house::{Ask, House, state};

/// Returns a request of a route, with some name for each brace.
fn request(house: &House, route: &Route, hub: &str) -> Ask {
    let path = route.path.replace("{entity}", "tasks").replace("{code}", "CLOCK_AHEAD");
    let path: String = path
        .split('{')
        .map(|part| part.split_once('}').map_or(part.to_owned(), |(_, rest)| format!("none{rest}")))
        .collect();
    let ask = house.ask(route.method.as_str(), &format!("{hub}{path}"));
    if !route.bodies.is_empty() { ask.json(&json!({})) } else { ask }
}

/// Every route, asked with nothing, with every role, and with tokens of elsewhere.
#[tokio::test(flavor = "multi_thread")]
async fn every_route_is_for_those_whom_the_table_names_and_nobody_else() {
    let house = House::new().await;
    let made = house.post("/v1/hubs", &json!({ "name": "shop" })).await.is(201).json();
    let foreign = made["token"].as_str().unwrap();
    let mut tokens = Vec::new();
    for role in Role::ALL {
        tokens.push((role, house.token(&format!("{role} {role}")).await));
    }
    for route in TABLE.iter() {
        let name = route.name;
        if route.access == Access::Everybody {
            request(&house, route, "").send().await.is(200);
            continue;
        }
        if route.access == Access::Signed {
            // A token is no signature; without a receiver there is nothing that one could be of.
            for token in tokens.iter().map(|(_, token)| token.as_str()).chain([foreign]) {
                let asked = request(&house, route, "").token(token).send().await;
                asked.is(404).says("RECEIVER_UNKNOWN");
            }
            continue;
        }
        if route.access == Access::Cron {
            // Nor does a token open what only a secret opens.
            for token in tokens.iter().map(|(_, token)| token.as_str()).chain([foreign]) {
                let asked = request(&house, route, "").token(token).send().await;
                asked.is(503).says("CRON_SECRET_UNSET");
            }
            continue;
        }
        request(&house, route, "").send().await.is(401).says("ACCESS_TOKEN_MISSING");
        let asked = request(&house, route, "").token(foreign).send().await;
        asked.is(401).says("ACCESS_TOKEN_INVALID");
        for (role, token) in &tokens {
            // A stream has no end: its head is enough.
            let status = request(&house, route, "").token(token).open().await.status().as_u16();
            let is_refused = status == 403;
            assert_eq!(is_refused, !route.access.roles().contains(role), "{name} as {role}");
            assert!(![401, 405, 500].contains(&status), "{name} as {role}: {status}");
            if is_refused {
                request(&house, route, "").token(token).send().await.says("PERMISSION_DENIED");
            }
            if route.scope == Scope::Hub {
                for hub in ["/h/shop", "/h/nowhere", "/h/..%2Fshop"] {
                    let asked = request(&house, route, hub).token(token).send().await;
                    asked.is(401).says("ACCESS_TOKEN_INVALID");
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_tokens_open_nothing() {
    let house = House::new().await;
    let token = house.token("phone client").await;
    let expired = json!({ "name": "old", "role": "admin", "expires_in_s": 0 });
    let expired = house.post("/v1/tokens", &expired).await.is(201).json();
    let expired = expired["token"].as_str().unwrap().to_owned();
    let mut other_end = token.clone();
    other_end.pop();
    let cases = [
        String::new(),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        format!("Basic {token}"),
        token.clone(),
        format!("Bearer {token}A"),
        format!("Bearer {other_end}"),
        format!("Bearer {}", token.to_uppercase()),
        format!("Bearer {}", house.admin.replace("sk_", "sk-")),
        format!("Bearer {expired}"),
        format!("Bearer {token}, Bearer {token}"),
        "Bearer eyJhbGciOiJub25lIn0.eyJyb2xlIjoiYWRtaW4ifQ.".to_owned(),
        format!("Bearer {}", "a".repeat(60_000)),
    ];
    for value in cases {
        let reply = house.ask("GET", "/v1/tokens").header("authorization", &value).send().await;
        assert_eq!(reply.status.as_u16(), 401, "{value:.80}: {}", reply.text());
        assert_eq!(reply.header("www-authenticate"), "Bearer");
        assert!(!reply.text().contains("sk_"), "no token in a problem");
    }
    let twice = house.ask("GET", "/v1/tokens").token(&house.admin).token(&house.admin);
    twice.send().await.is(400).says("HEADER_INVALID");
    let in_the_address = house.ask("GET", &format!("/v1/tokens?token={}", house.admin));
    in_the_address.send().await.is(401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_token_is_worth_nothing_also_after_a_restart() {
    let house = House::new().await;
    let token = house.token("phone admin").await;
    let list = house.ask("GET", "/v1/tokens").token(&token).send().await.is(200);
    assert!(!list.text().contains(&token) && !list.text().contains("hash"), "{}", list.text());
    let listed = list.json();
    let phone = listed["tokens"].as_array().unwrap().iter().find(|one| one["name"] == "phone");
    let path = format!("/v1/tokens/{}", phone.unwrap()["id"].as_str().unwrap());
    house.ask("DELETE", &path).token(&house.admin).send().await.is(204);
    house
        .ask("DELETE", &path)
        .token(&house.admin)
        .send()
        .await
        .is(404)
        .says("ACCESS_TOKEN_UNKNOWN");
    house.ask("GET", "/v1/tokens").token(&token).send().await.is(401);
    let house = house.restarted().await;
    house.ask("GET", "/v1/tokens").token(&token).send().await.is(401);
    house.get("/v1/tokens").await.is(200);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn no_text_of_a_token_but_the_first_is_on_disk() {
    use std::os::unix::fs::PermissionsExt;
    let house = House::new().await;
    let token = house.token("phone client").await;
    let secret = token.splitn(3, '_').nth(2).unwrap().as_bytes().to_vec();
    for entry in std::fs::read_dir(state(house.folder.path())).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            assert!(!bytes.windows(secret.len()).any(|part| part == secret), "{}", path.display());
            let name = path.file_name().unwrap();
            if name == "admin.token" || name == "tokens.json" {
                assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
            }
        }
    }
}
