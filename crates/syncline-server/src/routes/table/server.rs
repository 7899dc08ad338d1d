//! The server itself: whether it lives, how it does, what it describes, and its hubs.

use super::{ADMINS, KEEPERS, KEY, of_server};
use crate::routes::once::once;
use crate::routes::route::{Access, Media, Method, Route, Shows, Success};
use crate::routes::{health, hubs};

const HEALTH: Media = Media { media_type: "application/health+json", schema: "Health" };
const TEXT: Media = Media { media_type: "text/plain", schema: "Text" };

pub(super) const ROUTES: &[Route] = &[
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
];
