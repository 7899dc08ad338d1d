//! What other applications tell, and the monitoring of spec 004.

use super::{ADMINS, APP_ADMINS, KEY, of_hub, parameter};
use crate::routes::once::once;
use crate::routes::route::{Access, Link, Media, Method, Pace, Parameter, Route, Shows, Success};
use crate::routes::{receive, receivers, sync};

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

pub(super) const ROUTES: &[Route] = &[
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
];
