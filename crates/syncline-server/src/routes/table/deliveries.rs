//! Single deliveries, and those that are made again.

use super::{ADMINS, KEY, LIMIT, NEXT, of_hub, parameter};
use crate::routes::route::{Link, Media, Method, Route, Success};
use crate::routes::{deliveries, endpoints, replays};

/// The parameter of the routes of one replay, of the answer that began it.
const OF_REPLAY: &[(&str, &str)] = &[("replay", "$response.body#/id")];

pub(super) const ROUTES: &[Route] = &[
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
        summary: "Sends deliveries again that are chosen by time, type and what became of them; or counts them",
        headers: &[KEY],
        bodies: &[Media::json("NewReplay")],
        answers: &[
            Success {
                about: "It has begun",
                headers: &["Idempotency-Replayed"],
                ..Success::json(202, "Replay")
            },
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
];
