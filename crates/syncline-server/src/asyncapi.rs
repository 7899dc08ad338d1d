//! The description of what is streamed (AsyncAPI 3.0): the WebSocket and the server-sent events.

use syncline_model::json::{Json, Object};

use crate::document::object;
use crate::openapi::{reference, schemas};
use crate::routes::TABLE;
use crate::webhook_docs::channel_of_every_hub;

/// A kind of message: what its members are, by the names of their schemas.
struct Kind {
    /// The member that it is told by.
    name: &'static str,
    about: &'static str,
    /// All members, each with the name of its schema.
    members: &'static [(&'static str, &'static str)],
}

/// What a client says on the WebSocket.
const CLIENT_SAYS: &[Kind] = &[
    Kind {
        name: "hello",
        about: "Who it is and what it follows; the first message",
        members: &[("hello", "Anything")],
    },
    Kind { name: "push", about: "Operations, in order", members: &[("push", "Operations")] },
    Kind {
        name: "ack",
        about: "Changes of a view up to here are durable",
        members: &[("ack", "Anything")],
    },
    Kind {
        name: "check",
        about: "Asks what the records of a view add up to",
        members: &[("check", "Anything")],
    },
    Kind {
        name: "checked",
        about: "Whether that is what it holds",
        members: &[("checked", "Anything")],
    },
    Kind {
        name: "holds",
        about: "What it holds of a view that begins anew, as it was asked",
        members: &[("holds", "Anything")],
    },
];

/// What a hub says on the WebSocket.
const HUB_SAYS: &[Kind] = &[
    Kind { name: "welcome", about: "The answer to hello", members: &[("welcome", "Anything")] },
    Kind {
        name: "results",
        about: "What became of the operations of the oldest unanswered push",
        members: &[("results", "ResultList"), ("position", "Position")],
    },
    Kind {
        name: "changes",
        about: "Records that changed",
        members: &[("changes", "Changes"), ("view", "Position"), ("cursor", "Cursor")],
    },
    Kind {
        name: "backed_up",
        about: "The backup of the hub has come so far",
        members: &[("backed_up", "Position")],
    },
    Kind {
        name: "checksum",
        about: "What the records of a view add up to",
        members: &[("checksum", "Anything")],
    },
    Kind {
        name: "anew",
        about: "A view begins anew: what does the client hold of it?",
        members: &[("anew", "Anything")],
    },
    Kind {
        name: "problem",
        about: "What was wrong; the connection ends",
        members: &[("problem", "SaidProblem")],
    },
];

/// What comes as server-sent events, by the name of the event, with the schema of its data.
const EVENTS: &[(&str, &str, &str)] = &[
    ("changes", "Records that changed; the id of the event is the cursor", "Page"),
    ("reset", "The cursor cannot be used; begin without", "Anything"),
];

/// Returns the document.
pub(crate) fn document() -> Json {
    let said = |kinds: &[Kind]| kinds.iter().map(|kind| kind.name).collect::<Vec<_>>();
    let (client, hub) = (said(CLIENT_SAYS), said(HUB_SAYS));
    let all: Vec<&str> = client.iter().chain(&hub).copied().collect();
    let events: Vec<&str> = EVENTS.iter().map(|(name, _, _)| *name).collect();
    let get = object([("method", "GET".into())]);
    let live = channel("live", &all, "", object([("ws", get)]));
    let get = object([("method", "GET".into())]);
    let followed = channel("events", &events, "event_", object([("http", get)]));
    let (endpoint, delivers, delivered) = channel_of_every_hub();
    let mut messages = messages();
    messages.extend(delivered);
    object([
        ("asyncapi", "3.0.0".into()),
        (
            "info",
            object([
                ("title", "Syncline".into()),
                ("version", env!("CARGO_PKG_VERSION").into()),
                (
                    "description",
                    "What is streamed, in its long form, and what every hub delivers to endpoints. \
                     docs/protocol.md says when; a hub describes its own events under \
                     /v1/catalogue/asyncapi.json."
                        .into(),
                ),
            ]),
        ),
        ("defaultContentType", "application/json".into()),
        ("channels", object([("live", live), ("events", followed), ("endpoint", endpoint)])),
        (
            "operations",
            object([
                ("live_receive", operation("receive", "live", &client)),
                ("live_send", operation("send", "live", &hub)),
                ("events_send", operation("send", "events", &events)),
                ("deliver", delivers),
            ]),
        ),
        ("components", object([("messages", messages.into()), ("schemas", schemas())])),
    ])
}

/// Returns the channel of a route.
fn channel(route: &str, messages: &[&str], prefix: &str, bindings: Json) -> Json {
    let route = TABLE.iter().find(|known| known.name == route);
    let route = route.expect("invariant: the streams are routes");
    let mut named = Object::new();
    for name in messages {
        named.insert(*name, reference("messages", &format!("{prefix}{name}")));
    }
    object([
        ("address", route.path.into()),
        ("summary", route.summary.into()),
        ("messages", named.into()),
        ("bindings", bindings),
    ])
}

fn operation(action: &str, channel: &str, messages: &[&str]) -> Json {
    let place =
        |name: &&str| object([("$ref", format!("#/channels/{channel}/messages/{name}").into())]);
    object([
        ("action", action.into()),
        ("channel", object([("$ref", format!("#/channels/{channel}").into())])),
        ("messages", Json::Array(messages.iter().map(place).collect())),
    ])
}

fn messages() -> Object {
    let mut messages = Object::new();
    for kind in CLIENT_SAYS.iter().chain(HUB_SAYS) {
        let mut properties = Object::new();
        for (name, schema) in kind.members {
            properties.insert(*name, reference("schemas", schema));
        }
        let payload = object([
            ("type", "object".into()),
            ("required", vec![Json::from(kind.name)].into()),
            ("properties", properties.into()),
        ]);
        let message = object([("summary", kind.about.into()), ("payload", payload)]);
        messages.insert(kind.name, message);
    }
    for (name, about, schema) in EVENTS {
        let payload = reference("schemas", schema);
        let message =
            object([("name", (*name).into()), ("summary", (*about).into()), ("payload", payload)]);
        messages.insert(format!("event_{name}"), message);
    }
    messages
}

#[cfg(test)]
mod tests {
    use syncline_protocol::message::{ClientMessage, HubMessage};

    use super::*;
    use crate::routes::Success;

    /// A message that is added to the protocol does not compile here until it is described.
    const fn client_says(message: &ClientMessage) -> &'static str {
        match message {
            ClientMessage::Hello(_) => "hello",
            ClientMessage::Push(_) => "push",
            ClientMessage::Ack { .. } => "ack",
            ClientMessage::Check { .. } => "check",
            ClientMessage::Checked { .. } => "checked",
            ClientMessage::Holds { .. } => "holds",
        }
    }

    const fn hub_says(message: &HubMessage) -> &'static str {
        match message {
            HubMessage::Welcome(_) => "welcome",
            HubMessage::Results(_) => "results",
            HubMessage::Changes { .. } => "changes",
            HubMessage::BackedUp(_) => "backed_up",
            HubMessage::Checksum { .. } => "checksum",
            HubMessage::Anew { .. } => "anew",
            HubMessage::Problem(_) => "problem",
        }
    }

    #[test]
    fn the_streams_that_are_described_are_those_of_the_table() {
        let is_stream = |answer: &Success| {
            let media = answer.content.map(|content| content.media_type);
            answer.status == 101 || media == Some("text/event-stream")
        };
        let mut streams: Vec<&str> = TABLE
            .iter()
            .filter(|route| route.answers.iter().any(is_stream))
            .map(|route| route.path)
            .collect();
        streams.sort_unstable();
        let document = document();
        let channels = document.as_object().unwrap().get("channels").unwrap().as_object().unwrap();
        // That of an endpoint is whatever it was made with.
        let address = |channel: &Json| {
            Some(channel.as_object().unwrap().get("address")?.as_str().unwrap().to_owned())
        };
        let mut described: Vec<String> =
            channels.iter().filter_map(|(_, one)| address(one)).collect();
        described.sort_unstable();
        assert_eq!(described, streams);
    }

    #[test]
    fn every_kind_of_message_is_described_once_and_every_reference_leads_somewhere() {
        let check = ClientMessage::Check { view: 0 };
        assert_eq!(CLIENT_SAYS.iter().filter(|kind| kind.name == client_says(&check)).count(), 1);
        let backed_up = HubMessage::BackedUp(syncline_model::id::Position(1));
        assert_eq!(HUB_SAYS.iter().filter(|kind| kind.name == hub_says(&backed_up)).count(), 1);
        assert_eq!((CLIENT_SAYS.len(), HUB_SAYS.len()), (6, 7));
        let document = document();
        let text = document.to_compact_string();
        for delivered in ["entity.created", "entity.updated", "entity.deleted", "syncline.test"] {
            let named = format!("#/channels/endpoint/messages/{delivered}");
            assert!(text.contains(&named), "{delivered} is not described");
        }
        for part in text.split("\"$ref\":\"#/").skip(1) {
            let mut at = &document;
            for step in part.split('"').next().unwrap().split('/') {
                at = at.as_object().and_then(|object| object.get(step)).unwrap_or_else(|| {
                    panic!("{part:.60} leads nowhere");
                });
            }
        }
    }
}
