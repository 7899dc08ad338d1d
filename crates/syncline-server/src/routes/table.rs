//! The table of the routes.

use super::once::once;
use super::route::{
    Access, Handler, Link, Media, Method, Pace, Parameter, Route, Scope, Shows, Success,
};
use super::{
    books, conflicts, deliveries, desk, domains, emit, endpoints, event_types, events, health,
    held, hubs, live, migrations, overview, pull, push, receive, receivers, records, replays,
    report, schemas, session, sync, tokens, told, verify,
};
use crate::access::Role;

/// Those who read records.
const READERS: Access = Access::Roles(&[Role::Client, Role::Reviewer, Role::Editor, Role::Admin]);
/// Those who follow changes, also with a ticket.
const LIVE: Access =
    Access::RolesOrTicket(&[Role::Client, Role::Reviewer, Role::Editor, Role::Admin]);
/// Those who write records.
pub(super) const WRITERS: Access = Access::Roles(&[Role::Client, Role::Editor, Role::Admin]);
/// Those who decide conflicts.
const REVIEWERS: Access = Access::Roles(&[Role::Reviewer, Role::Editor, Role::Admin]);
/// Those who look after the hub.
const KEEPERS: Access = Access::Roles(&[Role::Operator, Role::Admin]);
/// Those who say who may do what, and admins of the application that works with the hub.
const APP_ADMINS: Access = Access::RolesOrSignIn(&[Role::Admin]);
/// All who have a token.
const ALL: Access = Access::Roles(&Role::ALL);
/// Those who say who may do what.
const ADMINS: Access = Access::Roles(&[Role::Admin]);

/// Returns a parameter.
const fn parameter(name: &'static str, schema: &'static str, about: &'static str) -> Parameter {
    Parameter { name, schema, about }
}

/// What a request may ask of an answer that shows what another answer showed.
const AFTER: Parameter =
    parameter("after", "Cursor", "answer only once the hub stands there; otherwise 503");
const HOLDS: Parameter = parameter(
    "after",
    "Cursor",
    "a cursor, or a version of the record: answer only once the hub holds it; otherwise 503",
);
const ENTITIES: Parameter =
    parameter("entities", "EntityNames", "names with commas between them; all without it");
const VIEW: Parameter = parameter("view", "ViewName", "a view by its name, instead of entities");
const PARAMS: Parameter =
    parameter("params", "ViewParams", "an object in JSON with the parameters of the view");
const LIMIT: Parameter = parameter("limit", "Limit", "how many at most");
const NEXT: Parameter = parameter("cursor", "Place", "`next` of the page before");
const FROM: Parameter = parameter("cursor", "Cursor", "where to go on");
/// Of two that carry the same key only the first is carried out.
const KEY: Parameter =
    parameter("Idempotency-Key", "IdempotencyKey", "sent again with it, it is done once");
const IF_MATCH: Parameter =
    parameter("If-Match", "EntityTags", "only if the record is still one of these; otherwise 412");
const IF_NONE_MATCH: Parameter = parameter(
    "If-None-Match",
    "EntityTags",
    "only if the record is none of these; `*`: only if it is not there",
);
/// Which trace an event belongs to.
const TRACE: Parameter =
    parameter("traceparent", "Text", "told with each delivery, as W3C Trace Context has it");
const WRITE_HEADERS: &[Parameter] = &[KEY, IF_MATCH, IF_NONE_MATCH];
/// A record as it is after a write.
const CHANGED: Success =
    Success { headers: &["ETag", "Idempotency-Replayed"], ..Success::json(200, "Change") };
const MADE: Success = Success {
    about: "It was not there",
    headers: &["ETag", "Idempotency-Replayed"],
    ..Success::json(201, "Change")
};
const HEALTH: Media = Media { media_type: "application/health+json", schema: "Health" };
const TEXT: Media = Media { media_type: "text/plain", schema: "Text" };
/// The parameters of the routes of one record, of the answer that made it.
const OF_MADE: &[(&str, &str)] =
    &[("entity", "$response.body#/entity"), ("id", "$response.body#/id")];
const OF_LISTED: &[(&str, &str)] = &[("conflict", "$response.body#/conflicts/0/conflict")];
const TO_RECORD: &[Link] = &[
    Link { route: "record", parameters: OF_MADE },
    Link { route: "record_replace", parameters: OF_MADE },
    Link { route: "record_change", parameters: OF_MADE },
    Link { route: "record_delete", parameters: OF_MADE },
    Link { route: "record_history", parameters: OF_MADE },
];
/// The parameter of the routes of one replay, of the answer that began it.
const OF_REPLAY: &[(&str, &str)] = &[("replay", "$response.body#/id")];
/// What only cron jobs know.
const CRON_SECRET: Parameter =
    parameter("x-cron-secret", "Text", "the secret; or `Authorization: Bearer` with it");
/// What a webhook is signed with: Standard Webhooks, spec 004's signature, or both.
const SIGNATURES: &[Parameter] = &[
    parameter("webhook-id", "Text", "the id of the message, of Standard Webhooks"),
    parameter("webhook-timestamp", "Text", "when it was sent, in seconds since 1970"),
    parameter("webhook-signature", "Text", "`v1,…` or `v1a,…` over id, time and body"),
    parameter("x-webhook-signature", "Text", "HMAC-SHA256 of the body in hexadecimal"),
];
/// One record.
const RECORD: &str = "/v1/entities/{entity}/records/{id}";

/// A route of every hub, to be changed where it differs.
const fn of_hub(
    method: Method,
    path: &'static str,
    access: Access,
    name: &'static str,
    handler: Handler,
) -> Route {
    Route {
        method,
        path,
        scope: Scope::Hub,
        access,
        name,
        summary: "",
        query: &[],
        headers: &[],
        bodies: &[],
        answers: &[],
        problems: &[],
        links: &[],
        pace: Pace::Works,
        // Whoever adds a route says what it shows.
        shows: Shows::Everything,
        handler,
    }
}

/// A route to look at that is there once, to be changed where it differs.
const fn of_server(
    path: &'static str,
    access: Access,
    name: &'static str,
    handler: Handler,
) -> Route {
    Route { scope: Scope::Server, ..of_hub(Method::Get, path, access, name, handler) }
}

/// All routes.
pub const TABLE: &[Route] = &[
    Route {
        summary: "Whether the process lives",
        answers: &[Success::with(200, TEXT)],
        shows: Shows::Nothing,
        ..of_server("/livez", Access::Everybody, "livez", |asked| Box::pin(health::livez(asked)))
    },
    Route {
        summary: "Whether requests are taken",
        answers: &[Success::with(200, TEXT)],
        shows: Shows::Nothing,
        ..of_server("/readyz", Access::Everybody, "readyz", |asked| Box::pin(health::readyz(asked)))
    },
    Route {
        summary: "How the hub does",
        answers: &[
            Success::with(200, HEALTH),
            Success { about: "It does not do well", ..Success::with(503, HEALTH) },
        ],
        shows: Shows::Nothing,
        ..of_server("/healthz", Access::Everybody, "healthz", |asked| {
            Box::pin(health::healthz(asked))
        })
    },
    Route {
        summary: "Figures for Prometheus",
        answers: &[Success::with(
            200,
            Media { media_type: "application/openmetrics-text", schema: "Text" },
        )],
        shows: Shows::Nothing,
        ..of_server("/metrics", KEEPERS, "metrics", |asked| Box::pin(health::metrics(asked)))
    },
    Route {
        summary: "This description",
        answers: &[Success::json(200, "Anything")],
        shows: Shows::Nothing,
        ..of_server("/openapi.json", Access::Everybody, "openapi", |asked| {
            Box::pin(health::openapi(asked))
        })
    },
    Route {
        summary: "The description of what is streamed, AsyncAPI 3.0",
        answers: &[Success::json(200, "Anything")],
        shows: Shows::Nothing,
        ..of_server("/asyncapi.json", Access::Everybody, "asyncapi", |asked| {
            Box::pin(health::asyncapi(asked))
        })
    },
    Route {
        summary: "What a code means and what to do",
        answers: &[Success::with(200, Media { media_type: "text/markdown", schema: "Text" })],
        problems: &[404],
        shows: Shows::Nothing,
        ..of_server("/problems/{code}", Access::Everybody, "problem", |asked| {
            Box::pin(health::problem(asked))
        })
    },
    Route {
        summary: "Lists the hubs of this server",
        answers: &[Success::json(200, "Hubs")],
        shows: Shows::Nothing,
        ..of_server("/v1/hubs", ADMINS, "hubs_list", |asked| Box::pin(hubs::list(asked)))
    },
    Route {
        method: Method::Post,
        summary: "Makes a hub of its own",
        headers: &[KEY],
        bodies: &[Media::json("NewHub")],
        answers: &[Success { headers: &["Idempotency-Replayed"], ..Success::json(201, "Hub") }],
        problems: &[409, 422],
        shows: Shows::Nothing,
        ..of_server("/v1/hubs", ADMINS, "hubs_make", |asked| {
            Box::pin(once(asked, |asked| Box::pin(hubs::make(asked))))
        })
    },
    Route {
        summary: "Lists the access tokens, without their texts",
        answers: &[Success::json(200, "Tokens")],
        shows: Shows::Nothing,
        ..of_hub(Method::Get, "/v1/tokens", ADMINS, "tokens_list", |asked| {
            Box::pin(tokens::list(asked))
        })
    },
    Route {
        summary: "Makes an access token; its text is told once",
        headers: &[KEY],
        bodies: &[Media::json("NewToken")],
        answers: &[Success { headers: &["Idempotency-Replayed"], ..Success::json(201, "Token") }],
        links: &[Link { route: "tokens_revoke", parameters: &[("token", "$response.body#/id")] }],
        problems: &[409, 422],
        shows: Shows::Nothing,
        ..of_hub(Method::Post, "/v1/tokens", ADMINS, "tokens_make", |asked| {
            Box::pin(once(asked, |asked| Box::pin(tokens::make(asked))))
        })
    },
    Route {
        summary: "Revokes an access token at once, on open connections too",
        answers: &[Success::empty(204)],
        problems: &[404],
        shows: Shows::Nothing,
        ..of_hub(Method::Delete, "/v1/tokens/{token}", ADMINS, "tokens_revoke", |asked| {
            Box::pin(tokens::revoke(asked))
        })
    },
    Route {
        summary: "Makes a ticket for one WebSocket, good for 30 s",
        answers: &[Success::json(201, "Ticket")],
        shows: Shows::Nothing,
        ..of_hub(Method::Post, "/v1/tickets", READERS, "tickets_make", |asked| {
            Box::pin(tokens::ticket(asked))
        })
    },
    Route {
        summary: "Signs in to the dashboard: a session in a cookie, made with an access token",
        answers: &[Success { headers: &["Set-Cookie"], ..Success::json(201, "Session") }],
        shows: Shows::Nothing,
        ..of_hub(Method::Post, "/v1/session", ALL, "session_make", |asked| {
            Box::pin(session::make(asked))
        })
    },
    Route {
        summary: "Who asks, and what a session has to show to change anything",
        answers: &[Success::json(200, "Session")],
        shows: Shows::Nothing,
        ..of_hub(Method::Get, "/v1/session", ALL, "session", |asked| Box::pin(session::get(asked)))
    },
    Route {
        summary: "Ends the session that asks",
        answers: &[Success { headers: &["Set-Cookie"], ..Success::empty(204) }],
        shows: Shows::Nothing,
        ..of_hub(Method::Delete, "/v1/session", ALL, "session_end", |asked| {
            Box::pin(session::end(asked))
        })
    },
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
        summary: "Lists the endpoints, and how each does",
        answers: &[Success::json(200, "Endpoints")],
        ..of_hub(Method::Get, "/v1/endpoints", ADMINS, "endpoints", |asked| {
            Box::pin(endpoints::list(asked))
        })
    },
    Route {
        summary: "Makes an endpoint, which gets the events from then on",
        headers: &[KEY],
        bodies: &[Media::json("NewEndpoint")],
        answers: &[
            Success { headers: &["Idempotency-Replayed"], ..Success::json(201, "Endpoint") },
            Success { about: "It is there already, and so", ..Success::json(200, "Endpoint") },
        ],
        problems: &[409, 422],
        links: &[Link { route: "endpoint", parameters: &[("endpoint", "$response.body#/id")] }],
        ..of_hub(Method::Post, "/v1/endpoints", ADMINS, "endpoint_make", |asked| {
            Box::pin(endpoints::make(asked))
        })
    },
    Route {
        summary: "An endpoint, and how it does",
        answers: &[Success::json(200, "Endpoint")],
        problems: &[404],
        ..of_hub(Method::Get, "/v1/endpoints/{endpoint}", ADMINS, "endpoint", |asked| {
            Box::pin(endpoints::get(asked))
        })
    },
    Route {
        summary: "Changes what is settled of an endpoint; it goes on where it is",
        bodies: &[Media::json("EndpointChange")],
        answers: &[Success::json(200, "Endpoint")],
        problems: &[404, 409, 422],
        ..of_hub(Method::Patch, "/v1/endpoints/{endpoint}", ADMINS, "endpoint_change", |asked| {
            Box::pin(endpoints::change(asked))
        })
    },
    Route {
        summary: "Removes an endpoint, with what is known of its deliveries",
        answers: &[Success::empty(204)],
        problems: &[404],
        ..of_hub(Method::Delete, "/v1/endpoints/{endpoint}", ADMINS, "endpoint_remove", |asked| {
            Box::pin(endpoints::remove(asked))
        })
    },
    Route {
        summary: "Sends nothing more to an endpoint",
        answers: &[Success::json(200, "Endpoint")],
        problems: &[404, 409],
        ..of_hub(
            Method::Post,
            "/v1/endpoints/{endpoint}/disable",
            ADMINS,
            "endpoint_disable",
            |asked| Box::pin(endpoints::disable(asked)),
        )
    },
    Route {
        summary: "Sends an endpoint a test, and says what came of it",
        answers: &[Success::json(200, "Tested")],
        problems: &[404, 409],
        ..of_hub(Method::Post, "/v1/endpoints/{endpoint}/test", ADMINS, "endpoint_test", |asked| {
            Box::pin(endpoints::test(asked))
        })
    },
    Route {
        summary: "Enables an endpoint again that a test has reached",
        bodies: &[Media::json("Enabling")],
        answers: &[Success::json(200, "Endpoint")],
        problems: &[404, 409],
        ..of_hub(
            Method::Post,
            "/v1/endpoints/{endpoint}/enable",
            ADMINS,
            "endpoint_enable",
            |asked| Box::pin(endpoints::enable(asked)),
        )
    },
    Route {
        summary: "What a transformation makes of an event; nothing is sent",
        bodies: &[Media::json("TransformPreview")],
        answers: &[Success::json(200, "Previewed")],
        problems: &[404, 422],
        ..of_hub(
            Method::Post,
            "/v1/endpoints/{endpoint}/transform-preview",
            ADMINS,
            "endpoint_transform_preview",
            |asked| Box::pin(endpoints::preview(asked)),
        )
    },
    Route {
        summary: "Gives an endpoint a new secret; the former ones sign as well for a while",
        headers: &[KEY],
        bodies: &[Media::json("Rotation")],
        answers: &[Success { headers: &["Idempotency-Replayed"], ..Success::json(200, "Rotated") }],
        problems: &[404, 409, 422],
        ..of_hub(
            Method::Post,
            "/v1/endpoints/{endpoint}/rotate",
            ADMINS,
            "endpoint_rotate",
            |asked| Box::pin(once(asked, |asked| Box::pin(endpoints::rotate(asked)))),
        )
    },
    Route {
        summary: "Verifies a webhook as a receiver of the endpoint would, and says what is wrong",
        bodies: &[Media::json("ReceivedWebhook")],
        answers: &[Success::json(200, "Verified")],
        problems: &[404],
        ..of_hub(
            Method::Post,
            "/v1/endpoints/{endpoint}/verify",
            ADMINS,
            "endpoint_verify",
            |asked| Box::pin(verify::verify(asked)),
        )
    },
    Route {
        summary: "What an operator should know of the deliveries since the hub was started, the latest first",
        query: &[LIMIT, parameter("before", "Position", "only notices with a lower number")],
        answers: &[Success::json(200, "Notices")],
        ..of_hub(Method::Get, "/v1/notices", KEEPERS, "notices", |asked| {
            Box::pin(endpoints::notices(asked))
        })
    },
    Route {
        summary: "What became of the events at an endpoint, the latest first",
        query: &[
            LIMIT,
            parameter("before", "Position", "only events before this place in the log"),
            parameter("state", "DeliveryStates", "only those that are so; with commas between"),
            parameter("from", "Time", "only events that the hub took from this time on"),
            parameter("to", "Time", "only events that it took before this time"),
        ],
        answers: &[Success::json(200, "Deliveries")],
        problems: &[404],
        ..of_hub(
            Method::Get,
            "/v1/endpoints/{endpoint}/deliveries",
            ADMINS,
            "deliveries",
            |asked| Box::pin(deliveries::list(asked)),
        )
    },
    Route {
        summary: "What became of one event at an endpoint, attempt by attempt, and what is sent of it",
        query: &[parameter("body", "Flag", "shows the body, too")],
        answers: &[Success::json(200, "Delivery")],
        problems: &[404],
        ..of_hub(
            Method::Get,
            "/v1/endpoints/{endpoint}/deliveries/{position}",
            ADMINS,
            "delivery",
            |asked| Box::pin(deliveries::one(asked)),
        )
    },
    Route {
        summary: "Deliveries that were given up, of all endpoints or of one",
        query: &[parameter("endpoint", "EndpointId", "only to this one"), LIMIT, NEXT],
        answers: &[Success::json(200, "DeadDeliveries")],
        problems: &[404, 410],
        ..of_hub(Method::Get, "/v1/deliveries/dead", ADMINS, "dead_deliveries", |asked| {
            Box::pin(deliveries::dead(asked))
        })
    },
    Route {
        summary: "What the event of a delivery says, by now",
        answers: &[Success::json(200, "DeliveryData")],
        problems: &[404, 422],
        ..of_hub(
            Method::Get,
            "/v1/endpoints/{endpoint}/deliveries/{position}/data",
            ADMINS,
            "delivery_data",
            |asked| Box::pin(endpoints::data(asked)),
        )
    },
    Route {
        summary: "Tries a delivery that waits for its time at once",
        answers: &[Success::empty(204)],
        problems: &[404, 409],
        ..of_hub(
            Method::Post,
            "/v1/endpoints/{endpoint}/deliveries/{position}/retry",
            ADMINS,
            "delivery_retry",
            |asked| Box::pin(endpoints::retry(asked)),
        )
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
        summary: "Sends deliveries again that are chosen by time, type and what became of them; or counts them",
        headers: &[KEY],
        bodies: &[Media::json("NewReplay")],
        answers: &[
            Success { about: "It has begun", ..Success::json(202, "Replay") },
            Success { about: "What it would send", ..Success::json(200, "ReplayCount") },
        ],
        problems: &[404, 409, 422],
        links: &[
            Link { route: "replay", parameters: OF_REPLAY },
            Link { route: "replay_stop", parameters: OF_REPLAY },
        ],
        ..of_hub(Method::Post, "/v1/replays", ADMINS, "replay_begin", |asked| {
            Box::pin(replays::begin(asked))
        })
    },
    Route {
        summary: "Lists what was sent again and is being sent again, the latest first",
        answers: &[Success::json(200, "Replays")],
        ..of_hub(Method::Get, "/v1/replays", ADMINS, "replays", |asked| {
            Box::pin(replays::list(asked))
        })
    },
    Route {
        summary: "How far a replay is",
        answers: &[Success::json(200, "Replay")],
        problems: &[404],
        ..of_hub(Method::Get, "/v1/replays/{replay}", ADMINS, "replay", |asked| {
            Box::pin(replays::get(asked))
        })
    },
    Route {
        summary: "Ends a replay: what is in the queues is sent, and nothing more of it",
        answers: &[Success::json(200, "Replay")],
        problems: &[404],
        ..of_hub(Method::Delete, "/v1/replays/{replay}", ADMINS, "replay_stop", |asked| {
            Box::pin(replays::stop(asked))
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
    Route {
        summary: "How many deliveries wait, are under way, and were given up",
        answers: &[Success::json(200, "QueueStatus")],
        shows: Shows::Nothing,
        ..of_hub(Method::Get, "/api/sync/status", APP_ADMINS, "sync_status", |asked| {
            Box::pin(sync::status(asked))
        })
    },
    Route {
        summary: "Has deliveries that are due within a minute be tried at once",
        headers: &[CRON_SECRET],
        answers: &[Success::json(200, "QueueProcessed")],
        shows: Shows::Nothing,
        ..of_hub(Method::Post, "/api/sync/process", Access::Cron, "sync_process", |asked| {
            Box::pin(sync::process(asked))
        })
    },
    Route {
        summary: "As `POST`, for cron jobs that only look",
        headers: &[CRON_SECRET],
        answers: &[Success::json(200, "QueueProcessed")],
        shows: Shows::Nothing,
        ..of_hub(Method::Get, "/api/sync/process", Access::Cron, "sync_process_get", |asked| {
            Box::pin(sync::process(asked))
        })
    },
    Route {
        summary: "How deliveries do, and what failed",
        answers: &[
            Success::json(200, "SyncHealth"),
            Success { about: "Most of them fail", ..Success::json(503, "SyncHealth") },
        ],
        shows: Shows::Everything,
        ..of_hub(Method::Get, "/api/sync/health", APP_ADMINS, "sync_health", |asked| {
            Box::pin(sync::health(asked))
        })
    },
    Route {
        summary: "Takes in what an application tells of a record, once",
        headers: SIGNATURES,
        bodies: &[
            Media::json("Told"),
            Media { media_type: "application/cloudevents+json", schema: "CloudEvent" },
        ],
        answers: &[Success::json(200, "Received")],
        problems: &[404, 422],
        // It waits for its place once it is known who has sent it.
        pace: Pace::Waits,
        shows: Shows::Nothing,
        ..of_hub(
            Method::Post,
            "/api/webhooks/{receiver}",
            Access::Signed,
            "webhook_receive",
            |asked| Box::pin(receive::receive(asked)),
        )
    },
    Route {
        summary: "Lists who takes in what applications tell",
        answers: &[Success::json(200, "Receivers")],
        shows: Shows::Nothing,
        ..of_hub(Method::Get, "/v1/receivers", ADMINS, "receivers", |asked| {
            Box::pin(receivers::list(asked))
        })
    },
    Route {
        summary: "Makes a receiver, which takes in what an application tells",
        headers: &[KEY],
        bodies: &[Media::json("NewReceiver")],
        answers: &[Success {
            headers: &["Idempotency-Replayed"],
            ..Success::json(201, "Receiver")
        }],
        problems: &[409, 422],
        links: &[Link { route: "receiver", parameters: &[("receiver", "$response.body#/name")] }],
        ..of_hub(Method::Post, "/v1/receivers", ADMINS, "receiver_make", |asked| {
            Box::pin(once(asked, |asked| Box::pin(receivers::make(asked))))
        })
    },
    Route {
        summary: "A receiver, without its secrets",
        answers: &[Success::json(200, "Receiver")],
        problems: &[404],
        shows: Shows::Nothing,
        ..of_hub(Method::Get, "/v1/receivers/{receiver}", ADMINS, "receiver", |asked| {
            Box::pin(receivers::get(asked))
        })
    },
    Route {
        summary: "Removes a receiver",
        answers: &[Success::empty(204)],
        problems: &[404],
        ..of_hub(Method::Delete, "/v1/receivers/{receiver}", ADMINS, "receiver_remove", |asked| {
            Box::pin(receivers::remove(asked))
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
        summary: "Lists records in the order of their ids",
        query: &[LIMIT, NEXT, AFTER],
        answers: &[Success { headers: &["Link"], ..Success::json(200, "Records") }],
        problems: &[404, 410],
        shows: Shows::InSight,
        ..of_hub(Method::Get, "/v1/entities/{entity}/records", READERS, "records_list", |asked| {
            Box::pin(records::list(asked))
        })
    },
    Route {
        summary: "Makes a record under an id that the hub chooses",
        headers: &[KEY],
        bodies: &[Media::json("Record")],
        answers: &[Success {
            headers: &["ETag", "Location", "Idempotency-Replayed"],
            ..Success::json(201, "Change")
        }],
        links: TO_RECORD,
        problems: &[404, 409, 422],
        shows: Shows::InSight,
        ..of_hub(Method::Post, "/v1/entities/{entity}/records", WRITERS, "records_make", |asked| {
            Box::pin(records::post(asked))
        })
    },
    Route {
        summary: "A record as it is, or as it was",
        query: &[parameter("at", "Time", "the record as it was then"), HOLDS],
        headers: &[IF_NONE_MATCH],
        answers: &[
            Success { headers: &["ETag"], ..Success::json(200, "Change") },
            Success {
                about: "It is what `If-None-Match` names",
                headers: &["ETag"],
                ..Success::empty(304)
            },
        ],
        problems: &[404, 410, 422],
        shows: Shows::InSight,
        ..of_hub(Method::Get, RECORD, READERS, "record", |asked| Box::pin(records::get(asked)))
    },
    Route {
        summary: "Replaces a record, or makes it",
        headers: WRITE_HEADERS,
        bodies: &[Media::json("Record")],
        answers: &[CHANGED, MADE],
        links: TO_RECORD,
        problems: &[404, 409, 412, 422],
        shows: Shows::InSight,
        ..of_hub(Method::Put, RECORD, WRITERS, "record_replace", |asked| {
            Box::pin(records::put(asked))
        })
    },
    Route {
        summary: "Changes a record: a merge patch, or the parts of an operation",
        headers: WRITE_HEADERS,
        bodies: &[
            Media::json("Parts"),
            Media { media_type: "application/merge-patch+json", schema: "MergePatch" },
        ],
        answers: &[CHANGED],
        problems: &[404, 409, 412, 422],
        shows: Shows::InSight,
        ..of_hub(Method::Patch, RECORD, WRITERS, "record_change", |asked| {
            Box::pin(records::patch(asked))
        })
    },
    Route {
        summary: "Deletes a record",
        headers: WRITE_HEADERS,
        answers: &[Success { headers: &["Idempotency-Replayed"], ..Success::empty(204) }],
        problems: &[404, 409, 412, 422],
        shows: Shows::InSight,
        ..of_hub(Method::Delete, RECORD, WRITERS, "record_delete", |asked| {
            Box::pin(records::delete(asked))
        })
    },
    Route {
        summary: "What a record went through, the newest first",
        query: &[LIMIT, parameter("before", "Position", "the position before which to look on")],
        answers: &[Success::json(200, "History")],
        problems: &[404],
        shows: Shows::InSight,
        ..of_hub(
            Method::Get,
            "/v1/entities/{entity}/records/{id}/history",
            READERS,
            "record_history",
            |asked| Box::pin(records::history(asked)),
        )
    },
    Route {
        summary: "Lists conflicts that wait for a person",
        query: &[
            parameter("entity", "EntityName", "only of this one"),
            parameter("status", "ConflictStatus", "which ones; `open` without it"),
            LIMIT,
            NEXT,
        ],
        answers: &[Success::json(200, "Conflicts")],
        problems: &[410],
        links: &[
            Link { route: "conflict", parameters: OF_LISTED },
            Link { route: "conflict_offers", parameters: OF_LISTED },
            Link { route: "conflict_foresee", parameters: OF_LISTED },
            Link { route: "conflict_alike", parameters: OF_LISTED },
            Link { route: "conflict_skip", parameters: OF_LISTED },
            Link { route: "conflict_resolve", parameters: OF_LISTED },
        ],
        shows: Shows::InSight,
        ..of_hub(Method::Get, "/v1/conflicts", READERS, "conflicts_list", |asked| {
            Box::pin(conflicts::list(asked))
        })
    },
    Route {
        summary: "One conflict: who, when, all sides, and what was there before",
        answers: &[Success::json(200, "Conflict")],
        problems: &[404],
        shows: Shows::InSight,
        ..of_hub(Method::Get, "/v1/conflicts/{conflict}", READERS, "conflict", |asked| {
            Box::pin(conflicts::show(asked))
        })
    },
    Route {
        method: Method::Post,
        summary: "Decides several conflicts alike: all of them, or none",
        headers: &[KEY],
        bodies: &[Media::json("Together")],
        answers: &[Success {
            headers: &["Idempotency-Replayed"],
            ..Success::json(200, "Conflicts")
        }],
        problems: &[404, 409, 422],
        shows: Shows::InSight,
        ..of_hub(Method::Post, "/v1/conflicts/resolve", REVIEWERS, "conflicts_resolve", |asked| {
            Box::pin(desk::together(asked))
        })
    },
    Route {
        summary: "What the record would be after each decision that a conflict offers",
        answers: &[Success::json(200, "Offers")],
        problems: &[404, 409],
        shows: Shows::InSight,
        ..of_hub(
            Method::Get,
            "/v1/conflicts/{conflict}/preview",
            REVIEWERS,
            "conflict_offers",
            |asked| Box::pin(desk::offers(asked)),
        )
    },
    Route {
        summary: "What the record would be after a decision of one's own",
        bodies: &[Media::json("Choice")],
        answers: &[Success::json(200, "Offer")],
        problems: &[404, 409, 422],
        shows: Shows::InSight,
        ..of_hub(
            Method::Post,
            "/v1/conflicts/{conflict}/preview",
            REVIEWERS,
            "conflict_foresee",
            |asked| Box::pin(desk::foresee(asked)),
        )
    },
    Route {
        summary: "Open conflicts about the same field, between the same writers; at most 100",
        answers: &[Success::json(200, "Conflicts")],
        problems: &[404],
        shows: Shows::InSight,
        ..of_hub(
            Method::Get,
            "/v1/conflicts/{conflict}/similar",
            REVIEWERS,
            "conflict_alike",
            |asked| Box::pin(desk::alike(asked)),
        )
    },
    Route {
        summary: "Puts a conflict aside: it stays open, and the list says so",
        answers: &[Success::json(200, "Conflict")],
        problems: &[404, 422],
        shows: Shows::InSight,
        ..of_hub(
            Method::Post,
            "/v1/conflicts/{conflict}/skip",
            REVIEWERS,
            "conflict_skip",
            |asked| Box::pin(desk::skip(asked)),
        )
    },
    Route {
        summary: "Decides a conflict",
        headers: &[KEY],
        bodies: &[Media::json("Choice")],
        answers: &[Success {
            headers: &["Idempotency-Replayed"],
            ..Success::json(200, "Conflict")
        }],
        problems: &[404, 409, 422],
        shows: Shows::InSight,
        ..of_hub(
            Method::Post,
            "/v1/conflicts/{conflict}/resolve",
            REVIEWERS,
            "conflict_resolve",
            |asked| Box::pin(conflicts::resolve(asked)),
        )
    },
    Route {
        summary: "Changes in the order of the log: who, when, which fields; no values",
        query: &[LIMIT, NEXT],
        answers: &[Success::json(200, "Log")],
        problems: &[410],
        ..of_hub(Method::Get, "/v1/log", REVIEWERS, "log", |asked| Box::pin(books::log(asked)))
    },
    Route {
        summary: "Entries of the audit; a page may have few of those asked for, and not be the last",
        query: &[
            parameter("order", "AuditOrder", "which come first; `oldest` without it"),
            parameter("category", "AuditWord", "only of this one, such as `DELIVERY`"),
            parameter("action", "AuditWord", "only this one, such as `ENDPOINT_DISABLED`"),
            parameter("user", "AuditWord", "only what this one did"),
            parameter("from", "Time", "only from this time on"),
            parameter("to", "Time", "only before this time"),
            LIMIT,
            NEXT,
        ],
        answers: &[Success::json(200, "Audit")],
        problems: &[410],
        ..of_hub(Method::Get, "/v1/audit", ADMINS, "audit", |asked| Box::pin(books::audit(asked)))
    },
    Route {
        summary: "The head of the audit, to be kept elsewhere",
        answers: &[Success::json(200, "AuditHead")],
        shows: Shows::Nothing,
        ..of_hub(Method::Get, "/v1/audit/head", KEEPERS, "audit_head", |asked| {
            Box::pin(books::head(asked))
        })
    },
    Route {
        summary: "Verifies the audit from its first entry to its head; reads all of the log",
        answers: &[Success::json(200, "AuditVerified")],
        shows: Shows::Nothing,
        ..of_hub(Method::Get, "/v1/audit/verify", KEEPERS, "audit_verify", |asked| {
            Box::pin(books::verify(asked))
        })
    },
    Route {
        summary: "Proves that a change of a record was recorded; reads all of the log",
        query: &[parameter(
            "run",
            "RunName",
            "the id of the run that brought the change; else the latest change",
        )],
        answers: &[Success::json(200, "AuditProof")],
        problems: &[404],
        ..of_hub(Method::Get, "/v1/audit/proof/{entity}/{id}", ADMINS, "audit_proof", |asked| {
            Box::pin(books::proof(asked))
        })
    },
    Route {
        summary: "Runs of synchronisations and groups of the writer, the latest first",
        query: &[LIMIT, NEXT],
        answers: &[Success::json(200, "Runs")],
        problems: &[410],
        shows: Shows::Nothing,
        ..of_hub(Method::Get, "/v1/runs", KEEPERS, "runs", |asked| Box::pin(books::runs(asked)))
    },
    Route {
        summary: "One run",
        answers: &[Success::json(200, "Run")],
        problems: &[404],
        shows: Shows::Nothing,
        ..of_hub(Method::Get, "/v1/runs/{run}", KEEPERS, "run", |asked| Box::pin(books::run(asked)))
    },
    Route {
        summary: "Folders, clients and applications, each with a verdict: why, since when, what to do",
        query: &[LIMIT, NEXT],
        problems: &[410],
        answers: &[Success::json(200, "Domains")],
        shows: Shows::Nothing,
        ..of_hub(Method::Get, "/v1/domains", KEEPERS, "domains", |asked| {
            Box::pin(domains::list(asked))
        })
    },
    Route {
        summary: "Operations that were refused for good, as long as the hub knows of them",
        query: &[parameter("client", "ClientId", "only of this one"), LIMIT, NEXT],
        answers: &[Success::json(200, "DeadLetters")],
        problems: &[410],
        shows: Shows::Nothing,
        ..of_hub(Method::Get, "/v1/dead-letters", KEEPERS, "dead_letters", |asked| {
            Box::pin(books::dead_letters(asked))
        })
    },
    Route {
        summary: "How the hub does, and what happened in the last ten minutes, every 5 s",
        query: &[parameter("since", "Position", "`n` of the latest sample that one has")],
        answers: &[Success::json(200, "Overview")],
        shows: Shows::Nothing,
        ..of_hub(Method::Get, "/v1/overview", KEEPERS, "overview", |asked| {
            Box::pin(overview::overview(asked))
        })
    },
    Route {
        summary: "What the hub did in the latest day or week, in numbers",
        query: &[parameter("period", "ReportPeriod", "a day without it")],
        answers: &[Success::json(200, "Report")],
        shows: Shows::Nothing,
        ..of_hub(Method::Get, "/v1/report", KEEPERS, "report", |asked| {
            Box::pin(report::report(asked))
        })
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
    Route {
        summary: "All versions of all schemas, without the schemas",
        query: &[LIMIT, NEXT],
        answers: &[Success::json(200, "Schemas")],
        problems: &[410],
        shows: Shows::InSight,
        ..of_hub(Method::Get, "/v1/schemas", ALL, "schemas", |asked| Box::pin(schemas::list(asked)))
    },
    Route {
        summary: "A version of the schema of an entity, the latest unless another is asked for",
        query: &[parameter("version", "SchemaVersion", "which version")],
        answers: &[Success::json(200, "SchemaRow")],
        problems: &[404],
        shows: Shows::InSight,
        ..of_hub(Method::Get, "/v1/schemas/{entity}", ALL, "schema", |asked| {
            Box::pin(schemas::get(asked))
        })
    },
    Route {
        summary: "Registers the next version of the schema of an entity",
        query: &[parameter("breaking", "Breaking", "`accept`: also if older writers are broken")],
        bodies: &[Media::json("EntitySchema")],
        answers: &[
            Success {
                about: "It is the latest version already",
                ..Success::json(200, "SchemaRow")
            },
            Success { about: "It is a new version", ..Success::json(201, "SchemaRow") },
        ],
        problems: &[409, 422],
        ..of_hub(Method::Put, "/v1/schemas/{entity}", ADMINS, "schema_register", |asked| {
            Box::pin(schemas::put(asked))
        })
    },
    Route {
        summary: "What a schema would break",
        bodies: &[Media::json("EntitySchema")],
        answers: &[Success::json(200, "SchemaChecked")],
        problems: &[422],
        shows: Shows::InSight,
        ..of_hub(Method::Post, "/v1/schemas/{entity}/check", ALL, "schema_check", |asked| {
            Box::pin(schemas::check(asked))
        })
    },
    Route {
        summary: "Registers how records get from one version of a schema to the next",
        bodies: &[Media::json("Migration")],
        answers: &[
            Success { about: "It is registered already", ..Success::json(200, "SchemaRow") },
            Success { about: "It is new", ..Success::json(201, "SchemaRow") },
        ],
        problems: &[404, 409, 422],
        ..of_hub(
            Method::Put,
            "/v1/schemas/{entity}/migration",
            ADMINS,
            "migration_register",
            |asked| Box::pin(migrations::put(asked)),
        )
    },
    Route {
        summary: "Brings a page of records to the latest version of their schema",
        query: &[
            parameter("from", "SchemaVersion", "the oldest version that is looked for"),
            parameter("dryRun", "DryRun", "`true`: only tells what would be done"),
            LIMIT,
            NEXT,
        ],
        answers: &[Success::json(200, "Migrated")],
        problems: &[404, 409, 410, 422],
        ..of_hub(Method::Post, "/v1/schemas/{entity}/migrate", ADMINS, "migrate", |asked| {
            Box::pin(migrations::migrate(asked))
        })
    },
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_route_is_there_once_and_only_health_is_open() {
        let names: BTreeSet<&str> = TABLE.iter().map(|route| route.name).collect();
        let ways: BTreeSet<_> = TABLE.iter().map(|route| (route.path, route.method)).collect();
        assert_eq!((names.len(), ways.len()), (TABLE.len(), TABLE.len()));
        let open = TABLE.iter().filter(|route| route.access == Access::Everybody);
        let open: Vec<&str> = open.map(|route| route.name).collect();
        assert_eq!(open, ["livez", "readyz", "healthz", "openapi", "asyncapi", "problem"]);
        let named = |access| {
            let routes = TABLE.iter().filter(|route| route.access == access);
            routes.map(|route| route.name).collect::<Vec<_>>()
        };
        assert_eq!(named(Access::Signed), ["webhook_receive"]);
        assert_eq!(named(Access::Cron), ["sync_process", "sync_process_get"]);
        for route in TABLE {
            assert!(route.access.roles().contains(&Role::Admin), "{}", route.name);
            assert!(!route.summary.is_empty(), "{}", route.name);
            assert!(
                route.scope == Scope::Server
                    || ["/v1/", "/api/"].iter().any(|start| route.path.starts_with(start)),
                "{}",
                route.path
            );
        }
    }
}
