//! Conflicts, and the desk at which they are decided.

use super::{KEY, LIMIT, NEXT, READERS, REVIEWERS, of_hub, parameter};
use crate::routes::once::once;
use crate::routes::route::{Link, Media, Method, Route, Shows, Success};
use crate::routes::{conflicts, desk};

const OF_LISTED: &[(&str, &str)] = &[("conflict", "$response.body#/conflicts/0/conflict")];

pub(super) const ROUTES: &[Route] = &[
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
            Box::pin(once(asked, |asked| Box::pin(desk::together(asked))))
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
            |asked| Box::pin(once(asked, |asked| Box::pin(conflicts::resolve(asked)))),
        )
    },
];
