//! What applications emit, and the catalogue of its types.

use super::{ADMINS, ALL, KEY, LIMIT, NEXT, WRITERS, of_hub, parameter};
use crate::routes::route::{Media, Method, Parameter, Route, Shows, Success};
use crate::routes::{emit, event_types, sync, told};

/// Which trace an event belongs to.
const TRACE: Parameter =
    parameter("traceparent", "Text", "told with each delivery, as W3C Trace Context has it");

pub(super) const ROUTES: &[Route] = &[
    Route {
        summary: "Emits events, each alone or with a change of its record",
        headers: &[KEY, TRACE],
        bodies: &[Media::json("Emissions")],
        answers: &[Success::json(200, "Emitted")],
        problems: &[409, 422],
        shows: Shows::InSight,
        ..of_hub(Method::Post, "/v1/events", WRITERS, "emit", |asked| Box::pin(emit::emit(asked)))
    },
    Route {
        summary: "Events in the order of the log, with what endpoints are told of them",
        query: &[
            parameter("types", "EventPatterns", "types of events with commas; `*` for any text"),
            parameter("cursor", "Place", "`next` of the page before; `latest`: only what comes"),
            LIMIT,
        ],
        answers: &[Success::json(200, "EventsTold")],
        problems: &[410],
        ..of_hub(Method::Get, "/v1/events/log", ADMINS, "events_told", |asked| {
            Box::pin(told::list(asked))
        })
    },
    Route {
        summary: "The types of events that this hub knows, each with its latest schema",
        query: &[LIMIT, NEXT],
        answers: &[Success::json(200, "EventTypes")],
        problems: &[410],
        shows: Shows::InSight,
        ..of_hub(Method::Get, "/v1/event-types", ALL, "event_types", |asked| {
            Box::pin(event_types::list(asked))
        })
    },
    Route {
        summary: "A type of event, with all versions of its schema",
        answers: &[Success::json(200, "EventTypeRow")],
        problems: &[404],
        shows: Shows::InSight,
        ..of_hub(Method::Get, "/v1/event-types/{type}", ALL, "event_type", |asked| {
            Box::pin(event_types::get(asked))
        })
    },
    Route {
        summary: "Makes a type of event, or replaces what is said of it",
        query: &[parameter(
            "breaking",
            "EventBreaking",
            "what is done with a schema that breaks somebody; it is refused without it",
        )],
        bodies: &[Media::json("NewEventType")],
        answers: &[
            Success::json(200, "EventTypeRow"),
            Success { about: "It was not there", ..Success::json(201, "EventTypeRow") },
        ],
        problems: &[409, 422],
        ..of_hub(Method::Put, "/v1/event-types/{type}", ADMINS, "event_type_keep", |asked| {
            Box::pin(event_types::put(asked))
        })
    },
    Route {
        summary: "Retires a type of event: such events are not taken any more",
        answers: &[Success::empty(204)],
        problems: &[404, 409],
        ..of_hub(Method::Delete, "/v1/event-types/{type}", ADMINS, "event_type_retire", |asked| {
            Box::pin(event_types::retire(asked))
        })
    },
    Route {
        summary: "Whether only types of the catalogue are taken",
        answers: &[Success::json(200, "Strictness")],
        shows: Shows::Nothing,
        ..of_hub(Method::Get, "/v1/catalogue", ALL, "catalogue", |asked| {
            Box::pin(event_types::strictness(asked))
        })
    },
    Route {
        summary: "Says whether only types of the catalogue are taken",
        bodies: &[Media::json("Strictness")],
        answers: &[Success::json(200, "Strictness")],
        ..of_hub(Method::Put, "/v1/catalogue", ADMINS, "catalogue_set", |asked| {
            Box::pin(event_types::set_strictness(asked))
        })
    },
    Route {
        summary: "What this hub delivers, as webhooks of OpenAPI 3.1",
        answers: &[Success::json(200, "Anything")],
        shows: Shows::InSight,
        ..of_hub(Method::Get, "/v1/catalogue/openapi.json", ALL, "catalogue_openapi", |asked| {
            Box::pin(event_types::openapi(asked))
        })
    },
    Route {
        summary: "What this hub delivers, as messages of AsyncAPI 3.0",
        answers: &[Success::json(200, "Anything")],
        shows: Shows::InSight,
        ..of_hub(Method::Get, "/v1/catalogue/asyncapi.json", ALL, "catalogue_asyncapi", |asked| {
            Box::pin(event_types::asyncapi(asked))
        })
    },
    Route {
        summary: "What became of an event at each endpoint, and whether that is final",
        answers: &[Success::json(200, "EventDeliveries")],
        problems: &[404],
        ..of_hub(
            Method::Get,
            "/v1/events/{event}/deliveries",
            WRITERS,
            "event_deliveries",
            |asked| Box::pin(sync::deliveries(asked)),
        )
    },
];
