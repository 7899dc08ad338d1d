//! Who may do what: tokens, tickets for WebSockets, and sessions of the dashboard.

use super::{ADMINS, ALL, KEY, READERS, of_hub};
use crate::routes::once::once;
use crate::routes::route::{Link, Media, Method, Route, Shows, Success};
use crate::routes::{session, tokens};

pub(super) const ROUTES: &[Route] = &[
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
];
