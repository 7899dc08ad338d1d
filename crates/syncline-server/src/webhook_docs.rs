//! The descriptions of what a hub delivers: one for each type of event that it knows, as webhooks of OpenAPI 3.1
//! and as messages of AsyncAPI 3.0.

use syncline_model::json::{Json, Object};

use crate::document::object;
use crate::openapi::schemas;

/// A type of event as it is described.
pub(crate) struct Told<'t> {
    /// Its name.
    pub(crate) event_type: &'t str,
    /// Which types it stands for, where it is not one alone.
    pub(crate) pattern: Option<&'t str>,
    /// What such an event tells.
    pub(crate) description: &'t str,
    /// The schema of its data, if there is one.
    pub(crate) schema: Option<&'t Json>,
    /// Data that fits it.
    pub(crate) examples: &'t [Json],
}

/// Headers that each delivery has, and what they tell.
const HEADERS: [(&str, &str); 4] = [
    ("webhook-id", "The id of the event: the same in every attempt, and in a replay"),
    ("webhook-timestamp", "When this attempt was made, in seconds since the Unix epoch"),
    ("webhook-signature", "The signatures of Standard Webhooks, with spaces between them"),
    ("webhook-replay", "`true` if somebody has asked for it again"),
];

/// What every hub delivers, whatever is in its catalogue: changes of records, and tests.
const OF_EVERY_HUB: [Told<'_>; 4] = [
    of_changes(
        "entity.created",
        "^.+\\.created$",
        "A record of an entity was made; `data` is the record, `edited` says when",
    ),
    of_changes(
        "entity.updated",
        "^.+\\.updated$",
        "A record of an entity was changed; `data` is the record as it is by then, `edited` says of each changed field when; what is not in `data` was removed",
    ),
    of_changes(
        "entity.deleted",
        "^.+\\.deleted$",
        "A record of an entity was deleted; `data` is what it was",
    ),
    Told {
        event_type: "syncline.test",
        pattern: None,
        description: "Somebody tests the endpoint; `data` is empty, and nothing has happened",
        schema: None,
        examples: &[],
    },
];

const fn of_changes(
    event_type: &'static str,
    pattern: &'static str,
    description: &'static str,
) -> Told<'static> {
    Told { event_type, pattern: Some(pattern), description, schema: None, examples: &[] }
}

/// Returns what every hub delivers, as webhooks of OpenAPI.
pub(crate) fn webhooks_of_every_hub() -> Object {
    webhooks(&OF_EVERY_HUB)
}

/// Returns what every hub delivers, as AsyncAPI: the channel of an endpoint, the operation and the messages.
pub(crate) fn channel_of_every_hub() -> (Json, Json, Object) {
    channel(&OF_EVERY_HUB)
}

/// Returns the description as OpenAPI.
pub(crate) fn openapi(told: &[Told<'_>]) -> Json {
    object([
        ("openapi", "3.1.0".into()),
        ("info", info()),
        ("webhooks", webhooks(told).into()),
        ("components", object([("schemas", times())])),
    ])
}

fn webhooks(told: &[Told<'_>]) -> Object {
    let mut webhooks = Object::new();
    for one in told {
        let media = object([("schema", body(one))]);
        let content = object([("application/json", media)]);
        let headers = HEADERS.iter().map(|(name, about)| {
            object([
                ("name", (*name).into()),
                ("in", "header".into()),
                ("description", (*about).into()),
                ("schema", object([("type", "string".into())])),
            ])
        });
        let answers = [
            ("2XX", "It was taken"),
            ("410", "Nothing more is wanted: the endpoint is disabled"),
            ("default", "It is tried again"),
        ];
        let mut responses = Object::new();
        for (status, about) in answers {
            responses.insert(status, object([("description", about.into())]));
        }
        let post = object([
            ("operationId", one.event_type.into()),
            ("summary", summary(one).into()),
            ("parameters", Json::Array(headers.collect())),
            ("requestBody", object([("required", true.into()), ("content", content)])),
            ("responses", responses.into()),
        ]);
        webhooks.insert(one.event_type, object([("post", post)]));
    }
    webhooks
}

/// Returns the description as AsyncAPI.
pub(crate) fn asyncapi(told: &[Told<'_>]) -> Json {
    let (channel, delivers, messages) = channel(told);
    object([
        ("asyncapi", "3.0.0".into()),
        ("info", info()),
        ("defaultContentType", "application/json".into()),
        ("channels", object([("endpoint", channel)])),
        ("operations", object([("deliver", delivers)])),
        ("components", object([("messages", messages.into()), ("schemas", times())])),
    ])
}

/// Returns the channel of an endpoint, the operation by which it is delivered to, and the messages.
fn channel(told: &[Told<'_>]) -> (Json, Json, Object) {
    let (mut messages, mut named, mut places) = (Object::new(), Object::new(), Vec::new());
    for one in told {
        // A dot is no separator in a reference, and a name of a component holds it.
        let name = one.event_type;
        let examples = one.examples.iter().map(|data| {
            let payload = object([("type", name.into()), ("data", data.clone())]);
            object([("payload", payload)])
        });
        let message = object([
            ("name", name.into()),
            ("summary", summary(one).into()),
            ("contentType", "application/json".into()),
            ("payload", body(one)),
            ("examples", Json::Array(examples.collect())),
        ]);
        messages.insert(name, message);
        named.insert(name, object([("$ref", format!("#/components/messages/{name}").into())]));
        let place = format!("#/channels/endpoint/messages/{name}");
        places.push(object([("$ref", place.into())]));
    }
    let binding = object([("http", object([("method", "POST".into())]))]);
    let channel = object([
        ("summary", "An endpoint, at the address that it was made with".into()),
        ("messages", named.into()),
    ]);
    let delivers = object([
        ("action", "send".into()),
        ("channel", object([("$ref", "#/channels/endpoint".into())])),
        ("messages", Json::Array(places)),
        ("bindings", binding),
    ]);
    (channel, delivers, messages)
}

fn summary<'t>(one: &Told<'t>) -> &'t str {
    if one.description.is_empty() { one.event_type } else { one.description }
}

fn info() -> Json {
    object([
        ("title", "Events of a Syncline hub".into()),
        ("version", env!("CARGO_PKG_VERSION").into()),
        ("description", "What its endpoints are sent. docs/guide/serve.md says how.".into()),
    ])
}

/// Returns the schema of times, which the bodies name.
fn times() -> Json {
    let Json::Object(all) = schemas() else { return Json::Object(Object::new()) };
    let time = all.get("Time").cloned().unwrap_or(Json::Null);
    object([("Time", time)])
}

/// Returns the schema of the body of a delivery.
fn body(one: &Told<'_>) -> Json {
    let text = || object([("type", "string".into())]);
    let mut data = one.schema.cloned().unwrap_or_else(|| Json::Object(Object::new()));
    if let Json::Object(schema) = &mut data
        && !one.examples.is_empty()
        && !schema.contains_key("examples")
    {
        schema.insert("examples", one.examples.to_vec());
    }
    let kind = match one.pattern {
        None => object([("const", one.event_type.into())]),
        Some(pattern) => object([("type", "string".into()), ("pattern", pattern.into())]),
    };
    let properties = object([
        ("id", text()),
        ("type", kind),
        ("timestamp", object([("$ref", "#/components/schemas/Time".into())])),
        ("data", data),
        ("dataref", text()),
        ("resourceType", text()),
        ("resourceId", text()),
        ("sequence", object([("type", "integer".into())])),
        ("edited", object([("type", "object".into()), ("additionalProperties", text())])),
        ("origin", text()),
    ]);
    let required = ["id", "type", "timestamp", "resourceType", "resourceId"];
    object([
        ("type", "object".into()),
        ("required", crate::document::texts(required)),
        ("properties", properties),
    ])
}
