//! What is sent and told of changes, and the copies that clients hold.

use super::{AFTER, KEEPERS, LIMIT, LIVE, READERS, WRITERS, of_hub, parameter};
use crate::routes::route::{Media, Method, Pace, Parameter, Route, Shows, Success};
use crate::routes::{events, held, live, pull, push};

const ENTITIES: Parameter =
    parameter("entities", "EntityNames", "names with commas between them; all without it");
const VIEW: Parameter = parameter("view", "ViewName", "a view by its name, instead of entities");
const PARAMS: Parameter =
    parameter("params", "ViewParams", "an object in JSON with the parameters of the view");
const FROM: Parameter = parameter("cursor", "Cursor", "where to go on");

pub(super) const ROUTES: &[Route] = &[
    Route {
        summary: "Takes operations of a client; one result for each",
        query: &[ENTITIES, VIEW, PARAMS],
        bodies: &[Media::json("Push")],
        answers: &[Success::json(200, "Results")],
        shows: Shows::InSight,
        ..of_hub(Method::Post, "/v1/push", WRITERS, "push", |asked| Box::pin(push::push(asked)))
    },
    Route {
        summary: "A page of changes; without a cursor all records first",
        query: &[
            FROM,
            ENTITIES,
            VIEW,
            PARAMS,
            LIMIT,
            parameter("wait", "Wait", "seconds to wait for something new"),
            parameter(
                "sum",
                "Sum",
                "what the records add up to that the client holds; `equal` answers",
            ),
            AFTER,
        ],
        answers: &[Success::json(200, "Page")],
        problems: &[410],
        pace: Pace::Waits,
        shows: Shows::InSight,
        ..of_hub(Method::Get, "/v1/pull", READERS, "pull", |asked| Box::pin(pull::pull(asked)))
    },
    Route {
        summary: "Changes as server-sent events",
        query: &[FROM, ENTITIES, VIEW, PARAMS],
        headers: &[parameter("Last-Event-ID", "Cursor", "where to go on; comes before `cursor`")],
        answers: &[Success::with(200, Media { media_type: "text/event-stream", schema: "Events" })],
        pace: Pace::Waits,
        shows: Shows::InSight,
        ..of_hub(Method::Get, "/v1/events", READERS, "events", |asked| {
            Box::pin(events::events(asked))
        })
    },
    Route {
        summary: "Operations and changes on a WebSocket, subprotocol syncline.v1",
        query: &[parameter("ticket", "TicketText", "instead of an access token")],
        answers: &[Success::empty(101)],
        problems: &[426],
        pace: Pace::Waits,
        shows: Shows::InSight,
        ..of_hub(Method::Get, "/v1/live", LIVE, "live", |asked| Box::pin(live::live(asked)))
    },
    Route {
        summary: "Clients that delete or change so much that they wait for an operator's word",
        answers: &[Success::json(200, "HeldList")],
        shows: Shows::Nothing,
        ..of_hub(Method::Get, "/v1/held", KEEPERS, "held", |asked| Box::pin(held::list(asked)))
    },
    Route {
        summary: "The copies that clients hold: equal with the hub, different, or unknown",
        answers: &[Success::json(200, "Replicas")],
        shows: Shows::Nothing,
        ..of_hub(Method::Get, "/v1/replicas", KEEPERS, "replicas", |asked| {
            Box::pin(held::replicas(asked))
        })
    },
    Route {
        summary: "Lets a client go on that waits; answers what it waited with",
        bodies: &[Media::json("Release")],
        answers: &[Success::json(200, "HeldList")],
        shows: Shows::Nothing,
        ..of_hub(Method::Post, "/v1/held/release", KEEPERS, "held_release", |asked| {
            Box::pin(held::release(asked))
        })
    },
];
