//! What a token may see and write: by REST, pages, events and live, with rules of access and views.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use syncline_model::id::EntityName;
use syncline_model::path::Pattern;
use syncline_policy::view::{Access, AccessRule, Filter, Parameter, View};
use syncline_server::routes::{Method, Route, Shows, TABLE};

use crate::changes::set;
use crate::house::{House, Reply};
use crate::live::{connect, hear, say};

fn patterns(some: &[&str]) -> Option<Vec<Pattern>> {
    Some(some.iter().map(|text| Pattern::parse(text).unwrap()).collect())
}

fn rule(role: &str, read: &str, write: Option<&str>) -> AccessRule {
    AccessRule {
        roles: vec![role.into()],
        entities: Some(vec![EntityName::new("tasks").unwrap()]),
        read: Some(Filter::compile(read).unwrap()),
        read_fields: None,
        write: write.map(|text| Filter::compile(text).unwrap()),
        write_fields: None,
        create: true,
        delete: true,
    }
}

/// Each sees and writes what is its own, and of what is open some fields; an admin everything.
fn access() -> Access {
    let own = "record.owner == claims.sub";
    let open = AccessRule {
        read_fields: patterns(&["/title", "/owner"]),
        ..rule("client", "record.open", None)
    };
    let all = AccessRule { entities: None, ..rule("admin", "true", Some("true")) };
    let state = View {
        entity: EntityName::new("tasks").unwrap(),
        filter: Filter::compile("record.state == params.state").unwrap(),
        fields: None,
        params: BTreeMap::from([("state".into(), Parameter::Text)]),
    };
    let mut titles = state.clone();
    titles.fields = patterns(&["/title"]);
    Access {
        views: BTreeMap::from([("of-a-state".into(), state), ("titles".into(), titles)]),
        rules: vec![rule("client", own, Some(own)), open, rule("reviewer", own, Some(own)), all],
    }
}

async fn house() -> House {
    House::with(|settings| settings.access = access()).await
}

impl House {
    /// Makes a token with the claim who its bearer is.
    async fn token_of(&self, role: &str, sub: &str) -> String {
        let body = json!({ "name": sub, "role": role, "claims": { "sub": sub } });
        let made = self.post("/v1/tokens", &body).await.is(201).json();
        made["token"].as_str().unwrap().to_owned()
    }

    async fn get_as(&self, token: &str, path: &str) -> Reply {
        self.ask("GET", path).token(token).send().await
    }

    async fn push_as(&self, token: &str, client: &str, ops: &[Value]) -> Value {
        let body = json!({ "client": client, "ops": ops });
        self.ask("POST", "/v1/push").token(token).json(&body).send().await.is(200).json()
    }

    async fn put_task(&self, id: &str, record: &Value) {
        let path = format!("/v1/entities/tasks/records/{id}");
        self.ask("PUT", &path).token(&self.admin).json(record).send().await;
    }
}

fn ids(list: &Value, of: &str) -> Vec<String> {
    let list = list[of].as_array().unwrap();
    list.iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_tokens_see_and_write_what_their_claims_allow() {
    let house = house().await;
    let (ann, bob) = (house.token_of("client", "ann").await, house.token_of("client", "bob").await);
    house.put_task("a1", &json!({ "owner": "ann", "title": "A", "pay": 1 })).await;
    house.put_task("b1", &json!({ "owner": "bob", "title": "B", "pay": 2 })).await;
    house.put_task("b2", &json!({ "owner": "bob", "title": "C", "pay": 3, "open": true })).await;
    let tasks = "/v1/entities/tasks/records";
    for (token, seen) in [(&ann, ["a1", "b2"]), (&bob, ["b1", "b2"])] {
        let list = house.get_as(token, tasks).await.is(200).json();
        assert_eq!(ids(&list, "records"), seen);
        let page = house.get_as(token, "/v1/pull").await.is(200).json();
        assert_eq!(ids(&page, "changes"), seen);
    }
    let open = house.get_as(&ann, &format!("{tasks}/b2")).await.is(200);
    assert_eq!(open.json()["record"], json!({ "owner": "bob", "title": "C" }));
    let own = house.get_as(&bob, &format!("{tasks}/b2")).await.is(200);
    assert_eq!(own.json()["record"]["pay"], 3);
    let nobody = house.token("nobody client").await;
    let page = house.get_as(&nobody, "/v1/pull").await.is(200).json();
    assert_eq!(
        ids(&page, "changes"),
        ["b2"],
        "a rule that asks for a claim grants nothing without"
    );
    // What is somebody else's is written by nobody else, and a neighbour in the same push is.
    let ops = [set(1, "b1", "/title", &json!("mine")), set(2, "a1", "/title", &json!("mine"))];
    let answer = house.push_as(&ann, "phone", &ops).await;
    assert_eq!(answer["results"][0]["status"], "rejected", "{answer}");
    assert_eq!(answer["results"][0]["problem"]["code"], "WRITE_DENIED");
    assert!(!answer.to_string().contains("bob"), "{answer}");
    assert_ne!(answer["results"][1]["status"], "rejected", "{answer}");
    let given = house.push_as(&ann, "phone", &[set(3, "a1", "/owner", &json!("bob"))]).await;
    assert_eq!(given["results"][0]["status"], "rejected", "nobody gives a record away: {given}");
    let patch = |token: &str, id: &str, body: Value| {
        let ask = house.ask("PATCH", &format!("{tasks}/{id}")).token(token);
        ask.json(&body).send()
    };
    patch(&ann, "b1", json!({ "set": { "/title": "x" } })).await.is(404).says("RECORD_NOT_FOUND");
    patch(&ann, "b2", json!({ "set": { "/title": "x" } })).await.is(403).says("WRITE_DENIED");
    patch(&bob, "b2", json!({ "set": { "/title": "x" } })).await.is(200);
    let made = |owner: &str| {
        let ask = house.ask("POST", tasks).token(&ann);
        ask.json(&json!({ "owner": owner, "title": "new" })).send()
    };
    made("bob").await.is(403).says("WRITE_DENIED");
    made("ann").await.is(201);
    let history = house.get_as(&ann, &format!("{tasks}/b2/history")).await.is(200);
    assert!(!history.text().contains("pay"), "{}", history.text());
    assert!(house.get_as(&bob, &format!("{tasks}/b2/history")).await.text().contains("pay"));
    let hidden = house.get_as(&ann, &format!("{tasks}/b1/history")).await.is(200);
    let missing = house.get_as(&ann, &format!("{tasks}/none/history")).await.is(200);
    assert_eq!(hidden.text(), missing.text());
}

/// Sends a request of a route about one record.
async fn about(house: &House, token: &str, route: &Route, id: &str) -> Reply {
    let path = route.path.replace("{entity}", "tasks").replace("{id}", id);
    let ask = house.ask(route.method.as_str(), &path).token(token);
    let ask = match route.method {
        Method::Put => ask.json(&json!({ "title": "x" })),
        Method::Patch => ask.json(&json!({ "set": { "/title": "x" } })),
        _ => ask,
    };
    ask.send().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_not_in_sight_is_answered_as_one_that_is_not_there() {
    let house = House::with(|settings| {
        settings.access = access();
        settings.access.rules.iter_mut().for_each(|rule| rule.create = rule.entities.is_none());
    })
    .await;
    house.put_task("r-hidden", &json!({ "owner": "bob", "title": "B", "pay": 2 })).await;
    house.put_task("r-gone", &json!({ "owner": "bob" })).await;
    let path = "/v1/entities/tasks/records/r-gone";
    house.ask("DELETE", path).token(&house.admin).send().await.is(204);
    let of_record: Vec<&Route> = TABLE.iter().filter(|r| r.path.contains("records/{id}")).collect();
    assert!(of_record.len() >= 5, "the routes of one record");
    for route in of_record {
        assert_eq!(route.shows, Shows::InSight, "{}", route.name);
        for role in ["client", "reviewer", "operator"] {
            let token = house.token_of(role, "ann").await;
            let mut answers = Vec::new();
            for id in ["r-hidden", "r-gone", "r-none"] {
                let reply = about(&house, &token, route, id).await;
                let request = reply.header("x-request-id").to_owned();
                let text = reply.text().replace(id, "ID").replace(&request, "");
                let names: Vec<String> = reply.headers.keys().map(ToString::to_string).collect();
                answers.push((reply.status, names, text));
            }
            for answer in &answers[1..] {
                assert_eq!(*answer, answers[0], "{} as {role}", route.name);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_that_shows_everything_is_for_those_who_see_everything() {
    let house = house().await;
    let roles = ["client", "reviewer", "operator"];
    let mut tokens = Vec::new();
    for role in roles {
        tokens.push((role, house.token_of(role, "ann").await));
    }
    for route in TABLE.iter().filter(|route| route.shows == Shows::Everything) {
        for (role, token) in &tokens {
            let path = route.path.replace(['{', '}'], "");
            let reply = house.ask(route.method.as_str(), &path).token(token).send().await;
            assert_eq!(reply.status, 403, "{} as {role}", route.name);
        }
    }
    let of_records = ["/v1/entities", "/v1/conflicts", "/v1/push", "/v1/pull", "/v1/events"];
    for route in TABLE.iter().filter(|route| route.shows == Shows::Nothing) {
        assert!(!of_records.iter().any(|part| route.path.starts_with(part)), "{}", route.name);
    }
}

async fn greeted(house: &House, token: &str, client: &str, views: Value) -> crate::live::Socket {
    let mut socket = connect(house, token).await;
    let hello =
        json!({ "protocol": 1, "client": client, "views": views, "accept": [], "window": 64 });
    say(&mut socket, &json!({ "hello": hello })).await;
    socket
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_connection_is_told_what_comes_into_sight_and_what_goes_out_of_it() {
    let house = house().await;
    house.put_task("a0", &json!({ "owner": "ann", "state": "late" })).await;
    house.put_task("b0", &json!({ "owner": "bob", "state": "open" })).await;
    let (ann, bob) = (house.token_of("client", "ann").await, house.token_of("client", "bob").await);
    let view = json!([{ "view": "of-a-state", "params": { "state": "open" } }]);
    let mut phone = greeted(&house, &ann, "phone", view).await;
    let mut tablet = greeted(&house, &bob, "tablet", json!([{}])).await;
    hear(&mut phone).await.unwrap();
    hear(&mut tablet).await.unwrap();
    let first = hear(&mut phone).await.unwrap();
    assert_eq!(ids(&first, "changes"), Vec::<String>::new(), "{first}");
    let first = hear(&mut tablet).await.unwrap();
    assert_eq!(ids(&first, "changes"), ["b0"], "{first}");
    // One change that neither sees, then one of each.
    house.put_task("c0", &json!({ "owner": "carl", "state": "open" })).await;
    house.put_task("a0", &json!({ "owner": "ann", "state": "open", "title": "A" })).await;
    let told = hear(&mut phone).await.unwrap();
    assert_eq!(told["changes"][0]["record"]["title"], "A", "it came into the view: {told}");
    assert_eq!(ids(&told, "changes"), ["a0"]);
    house.put_task("a0", &json!({ "owner": "ann", "state": "open", "title": "B" })).await;
    let told = hear(&mut phone).await.unwrap();
    assert_eq!(told["changes"][0]["set"], json!({ "/title": "B" }), "{told}");
    house.put_task("a0", &json!({ "owner": "bob", "state": "open", "title": "B" })).await;
    let told = hear(&mut phone).await.unwrap();
    assert_eq!(told["changes"][0]["gone"], "unscoped", "{told}");
    assert!(!told.to_string().contains("bob"), "{told}");
    let told = hear(&mut tablet).await.unwrap();
    assert_eq!(told["changes"][0]["record"]["title"], "B", "the first that bob is told: {told}");
    assert_eq!(ids(&told, "changes"), ["a0"]);
    // A result tells no more than the view does.
    let push = json!({ "push": [set(1, "a9", "/owner", &json!("ann"))] });
    say(&mut phone, &push).await;
    let result = hear(&mut phone).await.unwrap();
    assert_eq!(result["results"][0]["status"], "merged", "{result}");
    assert_eq!(result["results"][0]["record"], Value::Null, "it is not in the view: {result}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_followed_is_refused_and_a_cursor_is_good_for_what_it_was_given_for() {
    let house = house().await;
    let ann = house.token_of("client", "ann").await;
    let params = |params: &str| format!("/v1/pull?view=of-a-state&params={params}");
    let good = params("%7B%22state%22%3A%22open%22%7D");
    let page = house.get_as(&ann, &good).await.is(200).json();
    let cursor = page["cursor"].as_str().unwrap();
    house.get_as(&ann, &format!("{good}&cursor={cursor}")).await.is(200);
    let other = params("%7B%22state%22%3A%22late%22%7D");
    for (token, path) in [(&ann, &other), (&ann, &"/v1/pull?".to_owned()), (&house.admin, &good)] {
        let reply = house.get_as(token, &format!("{path}&cursor={cursor}")).await;
        reply.is(410).says("CURSOR_SCOPE");
    }
    for (path, code) in [
        (params("%7B%7D"), "VIEW_PARAMETER_INVALID"),
        (params("%7B%22state%22%3A7%7D"), "VIEW_PARAMETER_INVALID"),
        (params("7"), "QUERY_INVALID"),
        ("/v1/pull?view=none".to_owned(), "VIEW_UNKNOWN"),
        ("/v1/pull?view=titles&entities=tasks".to_owned(), "QUERY_INVALID"),
        ("/v1/pull?params=%7B%7D".to_owned(), "QUERY_INVALID"),
    ] {
        house.get_as(&ann, &path).await.is(400).says(code);
        house.get_as(&ann, &path.replace("pull", "events")).await.is(400).says(code);
    }
    let state = json!({ "state": "open" });
    let titles = json!({ "view": "titles", "params": state });
    for (views, code) in [
        (json!([{ "view": "none" }]), "VIEW_UNKNOWN"),
        (json!([titles, { "view": "of-a-state", "params": state }]), "VIEWS_DIFFER"),
        (json!([titles, { "entities": ["tasks"] }]), "VIEWS_DIFFER"),
    ] {
        let mut socket = greeted(&house, &ann, "phone", views).await;
        let problem = loop {
            let said = hear(&mut socket).await.unwrap();
            if said["problem"].is_object() {
                break said;
            }
        };
        assert_eq!(problem["problem"]["code"], code);
        assert_eq!(hear(&mut socket).await, Err(1008));
    }
}
