//! Where events are delivered to.

use super::{ADMINS, KEEPERS, KEY, LIMIT, NEXT, of_hub, parameter};
use crate::routes::once::once;
use crate::routes::route::{Link, Media, Method, Route, Success};
use crate::routes::{endpoints, verify};

pub(super) const ROUTES: &[Route] = &[
    Route {
        summary: "Lists the endpoints by id, and how each does",
        query: &[LIMIT, NEXT],
        problems: &[410],
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
];
