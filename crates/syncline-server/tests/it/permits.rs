//! What a token may see and write: by REST, pages, events and live, with rules of access and views.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use syncline_engine::operate::Entities;
use syncline_merge::rules::{EntityRules, Rule};
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
    // Tokens beside it may hold any letters.
    assert!(!answer["results"][0].to_string().contains("bob"), "{answer}");
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

#[tokio::test(flavor = "multi_thread")]
async fn who_goes_on_from_the_answer_to_a_push_is_told_what_comes_behind_it() {
    let house = house().await;
    let ann = house.token_of("client", "ann").await;
    let of_open = "view=of-a-state&params=%7B%22state%22%3A%22open%22%7D";
    for (at, follow) in ["", "entities=tasks", of_open].into_iter().enumerate() {
        let id = format!("a{at}");
        let fields = json!({ "/owner": "ann", "/state": "open" });
        let mut made = set(at as u64 + 1, &id, "/title", &json!("T"));
        made["set"] = fields;
        let made = json!({ "client": "phone", "ops": [made] });
        let path = format!("/v1/push?{follow}");
        let answer = house.ask("POST", &path).token(&ann).json(&made).send().await.is(200).json();
        assert_ne!(answer["results"][0]["status"], "rejected", "{answer}");
        let record = json!({ "owner": "ann", "state": "open", "title": "T" });
        house.put_task(&id, &record).await;
        let cursor = answer["cursor"].as_str().unwrap();
        let path = format!("/v1/pull?{follow}&cursor={cursor}");
        let page = house.get_as(&ann, &path).await.is(200).json();
        assert_eq!(page["snapshot"], Value::Null, "it goes on: {page}");
        assert_eq!(ids(&page, "changes"), [id], "{page}");
    }
    let ops = json!({ "client": "phone", "ops": [] });
    let bad = house.ask("POST", "/v1/push?view=none").token(&ann).json(&ops).send().await;
    bad.is(400).says("VIEW_UNKNOWN");
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

/// Makes two clients disagree on the title of a record; answers the conflict.
async fn conflict(house: &House, op: u64, id: &str) -> String {
    house.pushed("phone", &[set(op, id, "/title", &json!("A"))]).await;
    let answer = house.push("tablet", &[set(op, id, "/title", &json!("B"))]).await;
    answer.is(200).json()["results"][0]["conflicts"][0].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reviewer_decides_what_is_in_sight_and_knows_nothing_of_other_conflicts() {
    let house = House::with(|settings| {
        let rules = EntityRules { rule_default: Rule::Review, ..EntityRules::default() };
        let named = BTreeMap::from([(EntityName::new("tasks").unwrap(), rules)]);
        settings.entities = Entities::only(named);
        let own = "record.owner == claims.sub";
        let fields = patterns(&["/title", "/owner"]);
        let reviewer = AccessRule { read_fields: fields, ..rule("reviewer", own, Some(own)) };
        settings.access = access();
        settings.access.rules.retain(|rule| *rule.roles != ["reviewer".into()]);
        settings.access.rules.push(reviewer);
    })
    .await;
    for (id, owner) in [("a1", "ann"), ("a2", "ann"), ("b1", "bob")] {
        house.put_task(id, &json!({ "owner": owner, "pay": 1 })).await;
    }
    let [first, second, other] = [
        conflict(&house, 1, "a1").await,
        conflict(&house, 2, "a2").await,
        conflict(&house, 3, "b1").await,
    ];
    let ann = house.token_of("reviewer", "ann").await;
    let offers = house.get_as(&ann, &format!("/v1/conflicts/{first}/preview")).await.is(200);
    assert_eq!(offers.json()["offers"][0]["record"], json!({ "owner": "ann", "title": "A" }));
    let alike = house.get_as(&ann, &format!("/v1/conflicts/{first}/similar")).await.is(200).json();
    assert_eq!(alike["conflicts"].as_array().unwrap().len(), 2, "{alike}");
    // No page tells how many others there are, by being empty or by what it says of the next.
    house.put_task("a0", &json!({ "owner": "bob" })).await;
    conflict(&house, 4, "a0").await;
    let listed = house.get_as(&ann, "/v1/conflicts?limit=1").await.is(200).json();
    let next = format!("/v1/conflicts?limit=1&cursor={}", listed["next"].as_str().unwrap());
    let rest = house.get_as(&ann, &next).await.is(200).json();
    let told = [&listed, &rest].map(|page| page["conflicts"][0]["conflict"].clone());
    assert_eq!(told, [json!(first), json!(second)]);
    assert_eq!(rest["next"], Value::Null, "{rest}");
    let records = house.get_as(&ann, "/v1/entities/tasks/records?limit=2").await.is(200).json();
    assert_eq!(
        (ids(&records, "records"), &records["next"]),
        (vec!["a1".into(), "a2".into()], &Value::Null)
    );
    let say = |path: String, body: Value| house.ask("POST", &path).token(&ann).json(&body).send();
    let take = json!({ "take": "phone" });
    for (path, body) in [
        (format!("/v1/conflicts/{other}/preview"), take.clone()),
        (format!("/v1/conflicts/{other}/skip"), json!({})),
        ("/v1/conflicts/resolve".to_owned(), json!({ "like": other, "choice": take })),
        (
            "/v1/conflicts/resolve".to_owned(),
            json!({ "conflicts": [first, other], "choice": take }),
        ),
    ] {
        say(path, body).await.is(404).says("CONFLICT_NOT_FOUND");
    }
    for of in ["preview", "similar"] {
        let path = format!("/v1/conflicts/{other}/{of}");
        house.get_as(&ann, &path).await.is(404).says("CONFLICT_NOT_FOUND");
    }
    say(format!("/v1/conflicts/{first}/skip"), json!({})).await.is(200);
    let bulk = json!({ "like": first, "choice": take });
    let decided = say("/v1/conflicts/resolve".to_owned(), bulk).await.is(200).json();
    assert_eq!(decided["conflicts"].as_array().unwrap().len(), 2, "{decided}");
    let status = async |id: &str| {
        let shown = house.get(&format!("/v1/conflicts/{id}")).await.is(200).json();
        shown["status"].as_str().unwrap().to_owned()
    };
    assert_eq!((&*status(&second).await, &*status(&other).await), ("resolved", "open"));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_speaks_as_the_client_of_another() {
    let house = house().await;
    let (ann, bob) = (house.token_of("client", "ann").await, house.token_of("client", "bob").await);
    let own = |op, owner: &str| [set(op, &format!("{owner}{op}"), "/owner", &json!(owner))];
    house.push_as(&bob, "phone", &own(1, "bob")).await;
    let push = async |token: &str, client: &str| {
        let body = json!({ "client": client, "ops": own(2, "ann") });
        house.ask("POST", "/v1/push").token(token).json(&body).send().await
    };
    push(&ann, "phone").await.is(403).says("CLIENT_OF_ANOTHER");
    let mut socket = connect(&house, &ann).await;
    let hello =
        json!({ "protocol": 1, "client": "phone", "views": [{}], "accept": [], "window": 64 });
    say(&mut socket, &json!({ "hello": hello })).await;
    let problem = hear(&mut socket).await.unwrap();
    assert_eq!(problem["problem"]["code"], "CLIENT_OF_ANOTHER", "{problem}");
    let other = house.token_of("client", "bob").await;
    let answer = house.push_as(&other, "phone", &own(2, "bob")).await;
    assert_eq!(
        answer["results"][0]["status"], "applied",
        "another token of the same one: {answer}"
    );
    // The names of edits by HTTP are nobody's, also not an admin's.
    for name in ["rest-1-2", "key-1"] {
        for token in [&ann, &house.admin] {
            push(token, name).await.is(403).says("PERMISSION_DENIED");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_in_conflict_before_a_record_came_into_sight_is_not_told() {
    let house = House::with(|settings| {
        let rules = EntityRules { rule_default: Rule::Review, ..EntityRules::default() };
        let named = BTreeMap::from([(EntityName::new("tasks").unwrap(), rules)]);
        settings.entities = Entities::only(named);
        settings.access = access();
    })
    .await;
    house.put_task("t1", &json!({ "owner": "bob" })).await;
    let write = |value: &str| [set(1, "t1", "/title", &json!(value))];
    house.pushed("phone", &write("SECRET-A")).await;
    let made = house.push("tablet", &write("SECRET-B")).await.is(200).json();
    let id = made["results"][0]["conflicts"][0].as_str().unwrap().to_owned();
    let take = json!({ "value": "clean" });
    house.post(&format!("/v1/conflicts/{id}/resolve"), &take).await.is(200);
    let ann = house.token_of("reviewer", "ann").await;
    let shown = format!("/v1/conflicts/{id}");
    house.get_as(&ann, &shown).await.is(404);
    let path = "/v1/entities/tasks/records/t1";
    let given = json!({ "set": { "/owner": "ann" } });
    house.ask("PATCH", path).token(&house.admin).json(&given).send().await.is(200);
    let (one, all) =
        (house.get_as(&ann, &shown).await, house.get_as(&ann, "/v1/conflicts?status=all").await);
    for reply in [one.is(200), all.is(200)] {
        assert!(reply.text().contains("resolved") && !reply.text().contains("SECRET"), "{reply:?}");
        assert!(!reply.text().contains("admin"), "who decided it: {reply:?}");
    }
    assert!(house.get(&shown).await.text().contains("SECRET-A"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_changes_is_told_of_none_once_its_token_is_revoked() {
    let house = house().await;
    let body = json!({ "name": "ann", "role": "client", "claims": { "sub": "ann" } });
    let made = house.post("/v1/tokens", &body).await.is(201).json();
    let (token, id) = (made["token"].as_str().unwrap(), made["id"].as_str().unwrap());
    let page = house.get_as(token, "/v1/pull").await.is(200).json();
    let path = format!("/v1/pull?wait=20&cursor={}", page["cursor"].as_str().unwrap());
    let (waited, ()) = tokio::join!(house.get_as(token, &path), async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let revoke = house.ask("DELETE", &format!("/v1/tokens/{id}")).token(&house.admin);
        revoke.send().await.is(204);
        house.put_task("a1", &json!({ "owner": "ann" })).await;
    });
    waited.is(401).says("ACCESS_TOKEN_INVALID");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_only_look_is_offered_no_decision() {
    let house = House::with(|settings| {
        let rules = EntityRules { rule_default: Rule::Review, ..EntityRules::default() };
        let named = BTreeMap::from([(EntityName::new("tasks").unwrap(), rules)]);
        settings.entities = Entities::only(named);
        let all = AccessRule { entities: None, ..rule("admin", "true", Some("true")) };
        settings.access.rules = vec![rule("reviewer", "true", None), all];
    })
    .await;
    let id = conflict(&house, 1, "t1").await;
    let ann = house.token_of("reviewer", "ann").await;
    let path = format!("/v1/conflicts/{id}/preview");
    assert_eq!(house.get_as(&ann, &path).await.is(200).json()["offers"], json!([]));
    let take = json!({ "take": "phone" });
    let together = json!({ "conflicts": [id], "choice": take });
    for (path, body) in [(path, take), ("/v1/conflicts/resolve".to_owned(), together)] {
        let reply = house.ask("POST", &path).token(&ann).json(&body).send().await;
        reply.is(403).says("WRITE_DENIED");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_looks_after_a_hub_sees_how_it_is_and_no_record() {
    let house = house().await;
    house.put_task("of-bob", &json!({ "owner": "bob", "title": "secret" })).await;
    let schema = json!({ "type": "object", "properties": { "pay": { "type": "integer" } } });
    let path = "/v1/schemas/tasks";
    house.ask("PUT", path).token(&house.admin).json(&schema).send().await.is(201);
    let operator = house.token_of("operator", "ops").await;
    for path in ["audit/head", "audit/verify", "runs", "domains", "dead-letters", "schemas"] {
        let reply = house.get_as(&operator, &format!("/v1/{path}")).await.is(200);
        assert!(!reply.text().contains("secret") && !reply.text().contains("of-bob"), "{path}");
    }
    let schemas = house.get_as(&operator, "/v1/schemas").await.json();
    assert_eq!(schemas["schemas"], json!([]), "the schema of what it may not see");
    house.get_as(&operator, path).await.is(404).says("SCHEMA_VERSION_UNKNOWN");
    let check = house.ask("POST", &format!("{path}/check")).token(&operator).json(&schema);
    check.send().await.is(403).says("PERMISSION_DENIED");
    let ann = house.token_of("client", "ann").await;
    house.get_as(&ann, path).await.is(200);
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

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_with_a_key_that_was_refused_is_not_said_to_be_done() {
    let house = house().await;
    let ann = house.token_of("client", "ann").await;
    house.put_task("b2", &json!({ "owner": "bob", "title": "C", "open": true })).await;
    let path = "/v1/entities/tasks/records/b2";
    let delete = async || {
        let ask = house.ask("DELETE", path).token(&ann);
        ask.header("idempotency-key", "k-1").send().await
    };
    delete().await.is(403).says("WRITE_DENIED");
    delete().await.is(403).says("WRITE_DENIED");
    house.ask("DELETE", path).token(&house.admin).send().await.is(204);
    delete().await.is(404).says("RECORD_NOT_FOUND");
}
