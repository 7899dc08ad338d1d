//! Signing in to the dashboard: what a page may do with a cookie, and what nobody may.

use serde_json::json;
use syncline_engine::rows::{Batch, Key};
use syncline_server::Role;
use syncline_server::routes::{Access, Method, TABLE};
use syncline_store::sqlite::{Options, SqliteStore};
use syncline_store::{Read, Store};

use crate::house::{Ask, House, Reply, state};
use crate::live::{connect, connect_by, hear, hello, say};

/// Somebody who is signed in, as a browser is.
struct Page {
    /// `name=value` of the cookie.
    cookie: String,
    csrf: String,
}

impl Page {
    /// Signs in.
    async fn sign_in(house: &House, hub: &str, token: &str) -> Self {
        let path = format!("{hub}/v1/session");
        let made = house.ask("POST", &path).token(token).send().await.is(201);
        let cookie = made.header("set-cookie").split(';').next().unwrap().to_owned();
        Self { cookie, csrf: made.json()["csrf"].as_str().unwrap().to_owned() }
    }

    /// Asks as a page of the hub does.
    fn ask(&self, house: &House, method: &str, path: &str) -> Ask {
        let ask = house.ask(method, path).header("cookie", &self.cookie);
        let ask = ask.header("sec-fetch-site", "same-origin");
        if method == "GET" { ask } else { ask.header("x-syncline-csrf", &self.csrf) }
    }

    async fn get(&self, house: &House, path: &str) -> Reply {
        self.ask(house, "GET", path).send().await
    }
}

fn token_of(name: &str) -> serde_json::Value {
    json!({ "name": name, "role": "client" })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_signed_in_does_what_its_token_may_until_it_signs_out() {
    let house = House::new().await;
    let made = house.ask("POST", "/v1/session").token(&house.admin).send().await.is(201);
    let cookie = made.header("set-cookie").to_owned();
    assert!(cookie.starts_with("syncline_session="), "{cookie}");
    assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Strict; Max-Age=43200"), "{cookie}");
    assert_eq!(made.header("cache-control"), "no-store");
    let secret = cookie.split(['=', ';']).nth(1).unwrap();
    assert!(!made.text().contains(secret), "a script cannot read it");

    let page = Page::sign_in(&house, "", &house.admin).await;
    let who = page.get(&house, "/v1/session").await.is(200).json();
    assert_eq!(
        (&who["name"], &who["role"], &who["hub"]),
        (&json!("admin"), &json!("admin"), &json!("default"))
    );
    assert_eq!(who["csrf"], page.csrf);
    page.ask(&house, "POST", "/v1/tokens").json(&token_of("phone")).send().await.is(201);
    let by_token = house.get("/v1/session").await.is(200).json();
    assert!(by_token["csrf"].is_null() && by_token["ends"].is_null(), "{by_token}");
    // A token that is sent counts, whatever cookie is sent along.
    let client = house.token("tablet client").await;
    page.ask(&house, "GET", "/v1/tokens").token(&client).send().await.is(403);

    let stream = page.ask(&house, "GET", "/v1/events").open().await;
    assert_eq!(stream.status(), 200);
    let out = page.ask(&house, "DELETE", "/v1/session").send().await.is(204);
    assert!(out.header("set-cookie").starts_with("syncline_session=; "), "{:?}", out.headers);
    assert!(out.header("set-cookie").contains("Max-Age=0"), "{:?}", out.headers);
    page.get(&house, "/v1/session").await.is(401).says("SESSION_ENDED");
    // What was opened ends, too.
    http_body_util::BodyExt::collect(stream.into_body()).await.unwrap();
    house.get("/v1/session").await.is(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_page_has_opened_with_a_ticket_ends_when_it_signs_out() {
    let house = House::new().await;
    let page = Page::sign_in(&house, "", &house.admin).await;
    let ticket = async || {
        let made = page.ask(&house, "POST", "/v1/tickets").json(&json!({})).send().await;
        made.is(201).json()["ticket"].as_str().unwrap().to_owned()
    };
    let mut socket = connect_by(&house, &ticket().await).await.unwrap();
    say(&mut socket, &hello("page", None)).await;
    assert!(hear(&mut socket).await.unwrap()["welcome"].is_object());
    let unused = ticket().await;
    page.ask(&house, "DELETE", "/v1/session").send().await.is(204);
    let mut last = hear(&mut socket).await;
    while last.is_ok() {
        last = hear(&mut socket).await;
    }
    assert_eq!(last, Err(1008), "signed out");
    assert_eq!(connect_by(&house, &unused).await.err(), Some(401), "nor does one that is left");
    // The token goes on.
    connect(&house, &house.admin).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_says_who_has_signed_in_and_out() {
    let house = House::new().await;
    let page = Page::sign_in(&house, "", &house.admin).await;
    page.ask(&house, "DELETE", "/v1/session").send().await.is(204);
    house.ask("DELETE", "/v1/session").token(&house.admin).send().await.is(204);
    let audit = house.get("/v1/audit?category=ACCESS").await.is(200);
    let told: Vec<_> = audit.json()["entries"]
        .as_array()
        .unwrap()
        .iter()
        // The first token, which the start has made.
        .skip(1)
        .map(|one| (one["action"].clone(), one["user"].clone()))
        .collect();
    let both = ["SIGNED_IN", "SIGNED_OUT"].map(|action| (json!(action), json!("admin")));
    assert_eq!(told, both, "a token alone signs nobody out: {}", audit.text());
    let secret = page.cookie.split_once('=').unwrap().1;
    assert!(!audit.text().contains(secret) && !audit.text().contains(&page.csrf));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_says_which_tokens_were_made_and_revoked_by_whom_and_no_secret() {
    let house = House::new().await;
    let new = json!({ "name": "phone", "role": "client", "client": "phone-1", "expires_in_s": 60, "claims": { "team": "canary" } });
    let made = house.post("/v1/tokens", &new).await.is(201).json();
    let (id, text) = (made["id"].as_str().unwrap(), made["token"].as_str().unwrap());
    let revoke = || house.ask("DELETE", &format!("/v1/tokens/{id}")).token(&house.admin).send();
    revoke().await.is(204);
    revoke().await.is(404);
    let audit = house.get("/v1/audit?category=ACCESS").await.is(200);
    // Behind the first token, which the start has made.
    let entries = audit.json()["entries"].as_array().unwrap()[1..].to_vec();
    let told = entries.iter().map(|one| (&one["action"], &one["user"], &one["details"]["token"]));
    let expected =
        ["TOKEN_CREATED", "TOKEN_REVOKED"].map(|action| (json!(action), json!("admin"), json!(id)));
    let expected = expected.each_ref().map(|(action, user, id)| (action, user, id));
    assert_eq!(told.collect::<Vec<_>>(), expected, "{}", audit.text());
    let details = &entries[0]["details"];
    assert_eq!((&details["role"], &details["client"]), (&json!("client"), &json!("phone-1")));
    let secret = text.rsplit('_').next().unwrap();
    assert!(!audit.text().contains(secret) && !audit.text().contains("canary"));
    house.get("/v1/audit/verify").await.is(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_behind_encryption_has_a_cookie_that_no_other_connection_carries() {
    let house = House::new().await;
    let ask = house.ask("POST", "/v1/session").token(&house.admin);
    let ask = ask.header("sec-fetch-site", "same-origin").header("origin", "https://hub.example");
    let made = ask.send().await.is(201);
    let cookie = made.header("set-cookie");
    assert!(cookie.starts_with("__Host-syncline_session="), "{cookie}");
    assert!(cookie.ends_with("; Secure"), "{cookie}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_site_changes_nothing_and_reads_nothing_with_a_session() {
    let house = House::new().await;
    let page = Page::sign_in(&house, "", &house.admin).await;
    let own = format!("http://{}", house.server.address());
    let body = token_of("evil");
    let with = |headers: &[(&str, &str)]| {
        let mut ask = house.ask("POST", "/v1/tokens").header("cookie", &page.cookie).json(&body);
        for (name, value) in headers {
            ask = ask.header(name, value);
        }
        ask.send()
    };
    let csrf = ("x-syncline-csrf", &*page.csrf);
    let elsewhere: [&[(&str, &str)]; 6] = [
        &[csrf],
        &[csrf, ("sec-fetch-site", "cross-site")],
        &[csrf, ("sec-fetch-site", "same-site")],
        &[csrf, ("sec-fetch-site", "none")],
        &[csrf, ("origin", "http://evil.example")],
        &[csrf, ("origin", "null")],
    ];
    for headers in elsewhere {
        with(headers).await.is(403).says("ORIGIN_FORBIDDEN");
    }
    let other = Page::sign_in(&house, "", &house.admin).await;
    let unshown: [&[(&str, &str)]; 4] = [
        &[("origin", &own)],
        &[("origin", &own), ("x-syncline-csrf", "")],
        &[("origin", &own), ("x-syncline-csrf", &other.csrf)],
        &[("sec-fetch-site", "same-origin"), ("x-syncline-csrf", "x")],
    ];
    for headers in unshown {
        with(headers).await.is(403).says("CSRF_TOKEN_INVALID");
    }
    let list = house.get("/v1/tokens").await.is(200).text();
    assert!(!list.contains("evil"), "{list}");
    with(&[("origin", &own), csrf]).await.is(201);

    for (name, value) in [("sec-fetch-site", "same-site"), ("origin", "http://evil.example")] {
        let ask = house.ask("GET", "/v1/tokens").header("cookie", &page.cookie);
        ask.header(name, value).send().await.is(403).says("ORIGIN_FORBIDDEN");
        let ask = house.ask("POST", "/v1/session").token(&house.admin).header(name, value);
        ask.send().await.is(403).says("ORIGIN_FORBIDDEN");
    }
    house.ask("GET", "/v1/tokens").header("cookie", &page.cookie).send().await.is(200);
    // A session never becomes another one: it would have no end.
    let again = page.ask(&house, "POST", "/v1/session").send().await;
    again.is(401).says("ACCESS_TOKEN_MISSING");
    // A connection that is not a request of its own takes a ticket.
    page.get(&house, "/v1/live").await.is(401).says("ACCESS_TOKEN_MISSING");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_opens_what_its_role_opens_and_ends_with_its_token() {
    let house = House::new().await;
    for role in Role::ALL {
        let token = json!({ "name": "page", "role": role.as_str() });
        let made = house.post("/v1/tokens", &token).await.is(201).json();
        let page = Page::sign_in(&house, "", made["token"].as_str().unwrap()).await;
        for route in TABLE.iter() {
            let Access::Roles(roles) = route.access else { continue };
            if route.method != Method::Get || route.path.contains('{') || route.path == "/v1/pull" {
                continue;
            }
            let reply = page.ask(&house, "GET", route.path).open().await;
            let is_refused = reply.status() == 403;
            assert_eq!(is_refused, !roles.contains(&role), "{} as {role}", route.name);
        }
        let path = format!("/v1/tokens/{}", made["id"].as_str().unwrap());
        house.ask("DELETE", &path).token(&house.admin).send().await.is(204);
        page.get(&house, "/v1/session").await.is(401).says("SESSION_ENDED");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_of_one_hub_and_of_one_start() {
    let house = House::new().await;
    let shop = house.post("/v1/hubs", &json!({ "name": "shop" })).await.is(201).json();
    let page = Page::sign_in(&house, "", &house.admin).await;
    let of_shop = Page::sign_in(&house, "/h/shop", shop["token"].as_str().unwrap()).await;
    assert_eq!(of_shop.get(&house, "/h/shop/v1/session").await.is(200).json()["hub"], "shop");
    let value = |page: &Page| page.cookie.split_once('=').unwrap().1.to_owned();
    for path in ["/h/shop/v1/session", "/h/nowhere/v1/session"] {
        page.get(&house, path).await.is(401).says("ACCESS_TOKEN_MISSING");
        // Under the other hub's name it is none of its own, and a hub that is not there looks the same.
        let hub = path.split('/').nth(2).unwrap();
        let cookie = format!("syncline_session.{hub}={}", value(&page));
        let renamed = Page { cookie, csrf: page.csrf.clone() };
        renamed.get(&house, path).await.is(401).says("SESSION_ENDED");
    }
    of_shop.get(&house, "/v1/session").await.is(401).says("ACCESS_TOKEN_MISSING");
    let cookie = format!("syncline_session={}", value(&of_shop));
    let renamed = Page { cookie, csrf: of_shop.csrf.clone() };
    renamed.get(&house, "/v1/tokens").await.is(401).says("SESSION_ENDED");
    let house = house.restarted().await;
    page.get(&house, "/v1/session").await.is(401).says("SESSION_ENDED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_the_audit_cannot_say_of_is_not_made_and_any_token_can_be_revoked() {
    let house = House::new().await;
    let phone = house.token("phone client").await;
    let House { server, folder, admin } = house;
    server.stop().await.unwrap();
    let key = Key::Meta(syncline_engine::facts::AUDIT_HEAD);
    let mut store = SqliteStore::open(&state(folder.path()), &Options::default()).unwrap();
    let mut head = store.get(&key).unwrap().unwrap();
    *head.last_mut().unwrap() ^= 1;
    store.commit(Batch::new().put(key, head)).unwrap();
    Box::new(store).close().unwrap();
    let settings = House::settings(&state(folder.path()));
    let hub = crate::house::open_hub(&settings);
    let server = syncline_server::Server::start(&settings, hub).await.unwrap();
    let house = House { server, folder, admin };
    let tokens = async || house.get("/v1/tokens").await.is(200).json()["tokens"].clone();
    let before = tokens().await;
    assert_eq!(before.as_array().unwrap().len(), 2);
    let body = json!({ "name": "tablet", "role": "client" });
    house.post("/v1/tokens", &body).await.is(500).says("AUDIT_DAMAGED_HEAD");
    assert_eq!(tokens().await, before);
    let of_phone = before.as_array().unwrap().iter().find(|one| one["name"] == "phone").unwrap();
    let path = format!("/v1/tokens/{}", of_phone["id"].as_str().unwrap());
    house.ask("DELETE", &path).token(&house.admin).send().await.is(204);
    house.ask("GET", "/v1/pull").token(&phone).send().await.is(401);
}
