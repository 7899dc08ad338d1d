//! The catalogue of events.

use serde_json::{Value, json};
use syncline_engine::rows::{Key, MetaName};
use syncline_server::Server;

use crate::deliveries::{Receiver, damage, house};
use crate::house::{House, Reply, open_hub, state};

const PATH: &str = "/v1/event-types/enrollment.created";

fn schema() -> Value {
    json!({
        "type": "object",
        "required": ["status"],
        "properties": {
            "status": { "enum": ["active", "ended"] },
            "score": { "type": "integer", "minimum": 0 },
            "mail": { "type": "string", "pattern": "^[^@]+@[^@]+$" },
            "tags": { "type": "array", "items": { "type": "string" } },
        },
    })
}

impl House {
    async fn keep_type(&self, path: &str, body: &Value) -> Reply {
        self.ask("PUT", path).token(&self.admin).json(body).send().await
    }

    async fn emit_data(&self, id: &str, kind: &str, data: &Value) -> Reply {
        let event = json!({ "id": id, "type": kind, "resourceType": "enrollment",
            "resourceId": "e1", "data": data });
        self.post("/v1/events", &json!({ "events": [event] })).await
    }
}

/// Requirement H18.
#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_the_catalogue_is_not_emitted_and_no_value_is_told() {
    let (house, receiver) = (house().await, Receiver::start(|_| 200).await);
    house.post("/v1/endpoints", &receiver.endpoint("admin")).await.is(201);
    let draft = json!({ "description": "Somebody has enrolled", "schema": schema(),
        "examples": [{ "status": "active" }] });
    let made = house.keep_type(PATH, &draft).await.is(201).json();
    assert_eq!((&made["version"], &made["origin"]), (&json!(1), &json!("catalogue")));
    assert_eq!(house.keep_type(PATH, &draft).await.is(200).json(), made, "again is no change");
    let refused = [
        (json!({ "status": "canary-1" }), "`enum` at `/status`"),
        (json!({ "score": 1 }), "`required` at ``"),
        (json!({ "status": "active", "score": -17 }), "`minimum` at `/score`"),
        (json!({ "status": "active", "mail": "canary-2" }), "`pattern` at `/mail`"),
        (json!({ "status": "active", "tags": ["a", 4711] }), "`type` at `/tags/1`"),
        (json!("canary-3"), "`type` at ``"),
    ];
    for (index, (data, place)) in refused.into_iter().enumerate() {
        let reply = house.emit_data(&format!("bad-{index}"), "enrollment.created", &data).await;
        let reply = reply.is(422).says("EVENT_DATA_INVALID");
        let text = reply.text();
        assert!(text.contains(place), "{place}: {text}");
        assert!(!["canary", "-17", "4711"].iter().any(|value| text.contains(value)), "{text}");
    }
    // Of several the others are emitted, each answered in its place.
    let event = |id: &str, status: &str| {
        json!({ "id": id, "type": "enrollment.created", "resourceType": "enrollment",
            "resourceId": "e1", "data": { "status": status } })
    };
    let events = [event("good-1", "active"), event("bad", "?"), event("good-2", "ended")];
    let told = house.post("/v1/events", &json!({ "events": events })).await.is(200).json();
    assert!(told["events"][0]["sequence"].is_u64() && told["events"][2]["sequence"].is_u64());
    assert_eq!(told["events"][1]["problem"]["code"], "EVENT_DATA_INVALID");
    assert_eq!(
        (&told["events"][1]["id"], &told["events"][2]["id"]),
        (&json!("bad"), &json!("good-2"))
    );
    let got = receiver.wait_for(2).await;
    assert_eq!(got.iter().map(|one| one.named().1).collect::<Vec<_>>(), ["good-1", "good-2"]);
    // What is not in the catalogue is taken, unless only what is in it is.
    house.emit_data("o-1", "other.thing", &json!({})).await.is(200);
    let strict = json!({ "strict": true });
    house.keep_type("/v1/catalogue", &strict).await.is(200);
    let house = house.restarted().await;
    assert_eq!(house.get("/v1/catalogue").await.is(200).json(), strict);
    let reply = house.emit_data("o-2", "other.thing", &json!({})).await;
    reply.is(422).says("EVENT_TYPE_NOT_CATALOGUED");
    house
        .emit_data("bad-9", "enrollment.created", &json!({}))
        .await
        .is(422)
        .says("EVENT_DATA_INVALID");
    house.emit_data("good-3", "enrollment.created", &json!({ "status": "ended" })).await.is(200);
    house.ask("DELETE", PATH).token(&house.admin).send().await.is(204);
    let reply = house.emit_data("r-1", "enrollment.created", &json!({ "status": "ended" })).await;
    reply.is(422).says("EVENT_TYPE_RETIRED");
    assert_eq!(house.get(PATH).await.is(200).json()["retired"], true);
    house.keep_type(PATH, &draft).await.is(200);
    house.emit_data("r-2", "enrollment.created", &json!({ "status": "ended" })).await.is(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_that_breaks_somebody_is_a_new_version_or_forced() {
    let house = House::new().await;
    house.keep_type(PATH, &json!({ "schema": schema() })).await.is(201);
    let mut more = schema();
    more["properties"]["note"] = json!({ "type": "string" });
    let same = house.keep_type(PATH, &json!({ "schema": more })).await.is(200).json();
    assert_eq!(same["version"], 1, "nobody notices a field that may be there");
    let mut stricter = more.clone();
    stricter["required"] = json!(["status", "score"]);
    let body = json!({ "schema": stricter });
    let reply = house.keep_type(PATH, &body).await.is(409).says("EVENT_TYPE_INCOMPATIBLE");
    let finding = &reply.json()["findings"][0];
    assert_eq!(
        (&finding["keyword"], &finding["breaks"]),
        (&json!("required"), &json!("older writers"))
    );
    let mut looser = more.clone();
    looser["required"] = json!([]);
    let reply = house.keep_type(PATH, &json!({ "schema": looser })).await.is(409);
    assert_eq!(reply.json()["findings"][0]["breaks"], "older readers");
    let versioned = format!("{PATH}?breaking=version");
    let second = house.keep_type(&versioned, &body).await.is(200).json();
    assert_eq!((&second["version"], second["versions"].as_array().unwrap().len()), (&json!(2), 2));
    // Those who emit the former version go on.
    house.emit_data("1", "enrollment.created", &json!({ "status": "active" })).await.is(200);
    house
        .emit_data("2", "enrollment.created", &json!({ "status": "active", "score": 1 }))
        .await
        .is(200);
    let (forced, body) = (format!("{PATH}?breaking=force"), json!({ "schema": looser }));
    let forced = house.keep_type(&forced, &body).await.is(200).json();
    assert_eq!((&forced["version"], &forced["schema"]["required"]), (&json!(2), &json!([])));
    let refused = [
        (json!({}), 400, "BODY_INVALID"),
        (json!({ "schema": schema(), "more": 1 }), 400, "BODY_INVALID"),
        (json!({ "schema": { "type": "array" } }), 422, "SCHEMA_MALFORMED"),
        (json!({ "schema": { "type": "object", "$ref": "x" } }), 422, "SCHEMA_MALFORMED"),
        (
            json!({ "schema": { "type": "object", "properties": { "a": { "pattern": "(" } } } }),
            422,
            "SCHEMA_MALFORMED",
        ),
        (
            json!({ "schema": schema(), "examples": [{ "status": "?" }] }),
            422,
            "EVENT_EXAMPLE_INVALID",
        ),
        (
            json!({ "schema": schema(), "examples": vec![json!({ "status": "active" }); 17] }),
            409,
            "EVENT_TYPES_FULL",
        ),
    ];
    for (body, status, code) in refused {
        house.keep_type("/v1/event-types/other", &body).await.is(status).says(code);
    }
    house.get("/v1/event-types/other").await.is(404).says("EVENT_TYPE_UNKNOWN");
    let gone = house.ask("DELETE", "/v1/event-types/other").token(&house.admin).send().await;
    gone.is(404).says("EVENT_TYPE_UNKNOWN");
    assert_eq!(house.get(PATH).await.is(200).json()["versions"].as_array().unwrap().len(), 2);
}

/// What changes of records tell is in the catalogue without being said; all of it is described.
#[tokio::test(flavor = "multi_thread")]
async fn the_catalogue_is_listed_and_described_with_what_changes_of_records_tell() {
    let house = House::new().await;
    let task = json!({ "type": "object", "properties": { "title": { "type": "string" } } });
    house.ask("PUT", "/v1/schemas/tasks").token(&house.admin).json(&task).send().await.is(201);
    let draft = json!({ "description": "Enrolled", "schema": schema(), "examples": [{ "status": "active" }] });
    house.keep_type(PATH, &draft).await.is(201);
    let first = house.get("/v1/event-types?limit=3").await.is(200).json();
    let next = first["next"].as_str().unwrap();
    let rest = house.get(&format!("/v1/event-types?limit=3&cursor={next}")).await.is(200).json();
    assert!(rest["next"].is_null());
    let pages = [
        first["eventTypes"].as_array().unwrap().clone(),
        rest["eventTypes"].as_array().unwrap().clone(),
    ];
    let names: Vec<String> = pages
        .concat()
        .iter()
        .map(|one| format!("{} {}", one["type"], one["origin"]).replace('"', ""))
        .collect();
    let expected = [
        "enrollment.created catalogue",
        "tasks.created records",
        "tasks.deleted records",
        "tasks.updated records",
    ];
    assert_eq!(names, expected);
    assert_eq!(house.get("/v1/event-types/tasks.updated").await.is(200).json()["schema"], task);
    let openapi = house.get("/v1/catalogue/openapi.json").await.is(200).json();
    assert_eq!(openapi["openapi"], "3.1.0");
    let hook = &openapi["webhooks"]["enrollment.created"]["post"];
    assert_eq!(hook["summary"], "Enrolled");
    let body = &hook["requestBody"]["content"]["application/json"]["schema"]["properties"];
    assert_eq!(body["data"]["properties"], schema()["properties"]);
    assert_eq!(body["data"]["examples"], json!([{ "status": "active" }]));
    assert!(openapi["webhooks"]["tasks.deleted"].is_object());
    let asyncapi = house.get("/v1/catalogue/asyncapi.json").await.is(200).json();
    let message = &asyncapi["components"]["messages"]["enrollment.created"];
    assert_eq!(message["payload"]["properties"]["type"]["const"], "enrollment.created");
    let named = asyncapi["operations"]["deliver"]["messages"].as_array().unwrap();
    assert_eq!(named.len(), 4);
    house.ask("DELETE", PATH).token(&house.admin).send().await.is(204);
    let openapi = house.get("/v1/catalogue/openapi.json").await.is(200).json();
    assert!(
        openapi["webhooks"]["enrollment.created"].is_null(),
        "what is retired is not delivered"
    );
    let token = house.token("app client").await;
    house.ask("GET", PATH).token(&token).send().await.is(200);
    house.ask("PUT", PATH).token(&token).json(&draft).send().await.is(403);
}

/// Requirement S004-DAMAGE.
#[tokio::test(flavor = "multi_thread")]
async fn a_type_that_cannot_be_read_is_not_emitted_and_no_other_one_is_held_up() {
    let house = house().await;
    let draft = json!({ "schema": schema() });
    house.keep_type(PATH, &draft).await.is(201);
    house.keep_type("/v1/event-types/other.thing", &draft).await.is(201);
    let House { server, folder, admin } = house;
    server.stop().await.unwrap();
    let digest = blake3::hash(b"enrollment.created").to_hex();
    let row = format!("event_type.{}", &digest[..32]);
    damage(folder.path(), &Key::Meta(MetaName::new(&row).unwrap()));
    let settings = House::settings(&state(folder.path()));
    let server = Server::start(&settings, open_hub(&settings)).await.unwrap();
    let house = House { server, folder, admin };
    assert_eq!(house.told_of("event_type_damaged", 1).await["row"], row);
    let good = json!({ "status": "active" });
    let refused = house.emit_data("e-1", "enrollment.created", &good).await.is(503);
    assert_eq!(refused.json()["code"], "EVENT_TYPE_DAMAGED");
    house.emit_data("e-2", "other.thing", &good).await.is(200);
    let bad = house.emit_data("e-3", "other.thing", &json!({})).await;
    bad.is(422).says("EVENT_DATA_INVALID");
    house.emit_data("e-4", "third.thing", &json!({})).await.is(200);
    // Put anew it is as any other one, also after the next start.
    house.keep_type(PATH, &draft).await.is(201);
    house.emit_data("e-1", "enrollment.created", &good).await.is(200);
    let house = house.restarted().await;
    house.emit_data("e-5", "enrollment.created", &good).await.is(200);
    let bad = house.emit_data("e-6", "enrollment.created", &json!({})).await;
    bad.is(422).says("EVENT_DATA_INVALID");
    let notices = house.get("/v1/notices").await.is(200).json();
    assert!(!notices.to_string().contains("event_type_damaged"), "{notices}");
}
