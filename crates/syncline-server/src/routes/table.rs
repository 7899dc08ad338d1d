//! The table of the routes.

use super::route::{Access, Handler, Method, Pace, Route, Scope};
use super::{conflicts, events, health, hubs, live, pull, push, records, tokens};
use crate::access::Role;

/// Those who read records.
const READERS: Access = Access::Roles(&[Role::Client, Role::Reviewer, Role::Admin]);
/// Those who follow changes, also with a ticket.
const LIVE: Access = Access::RolesOrTicket(&[Role::Client, Role::Reviewer, Role::Admin]);
/// Those who write records.
const WRITERS: Access = Access::Roles(&[Role::Client, Role::Admin]);
/// Those who decide conflicts.
const REVIEWERS: Access = Access::Roles(&[Role::Reviewer, Role::Admin]);
/// Those who look after the hub.
const KEEPERS: Access = Access::Roles(&[Role::Operator, Role::Admin]);
/// Those who say who may do what.
const ADMINS: Access = Access::Roles(&[Role::Admin]);

/// What a request may ask of an answer that shows what another answer showed.
const AFTER: (&str, &str) = ("after", "a cursor: answer only once the hub stands there");
const ENTITIES: (&str, &str) = ("entities", "names with commas between them; all without it");
const LIMIT: (&str, &str) = ("limit", "how many at most");
const NEXT: (&str, &str) = ("cursor", "`next` of the page before");
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
        body: None,
        answer: (200, None),
        problems: &[],
        pace: Pace::Works,
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
        answer: (200, Some("Text")),
        ..of_server("/livez", Access::Everybody, "livez", |asked| Box::pin(health::livez(asked)))
    },
    Route {
        summary: "Whether requests are taken",
        answer: (200, Some("Text")),
        ..of_server("/readyz", Access::Everybody, "readyz", |asked| Box::pin(health::readyz(asked)))
    },
    Route {
        summary: "How the hub does",
        answer: (200, Some("Health")),
        ..of_server("/healthz", Access::Everybody, "healthz", |asked| {
            Box::pin(health::healthz(asked))
        })
    },
    Route {
        summary: "Figures for Prometheus",
        answer: (200, Some("Text")),
        ..of_server("/metrics", KEEPERS, "metrics", |asked| Box::pin(health::metrics(asked)))
    },
    Route {
        summary: "This description",
        answer: (200, Some("Anything")),
        ..of_server("/openapi.json", Access::Everybody, "openapi", |asked| {
            Box::pin(health::openapi(asked))
        })
    },
    Route {
        summary: "What a code means and what to do",
        answer: (200, Some("Text")),
        problems: &[404],
        ..of_server("/problems/{code}", Access::Everybody, "problem", |asked| {
            Box::pin(health::problem(asked))
        })
    },
    Route {
        summary: "Lists the hubs of this server",
        answer: (200, Some("Hubs")),
        ..of_server("/v1/hubs", ADMINS, "hubs_list", |asked| Box::pin(hubs::list(asked)))
    },
    Route {
        method: Method::Post,
        summary: "Makes a hub of its own",
        body: Some("NewHub"),
        answer: (201, Some("Hub")),
        problems: &[409],
        ..of_server("/v1/hubs", ADMINS, "hubs_make", |asked| Box::pin(hubs::make(asked)))
    },
    Route {
        summary: "Lists the access tokens, without their texts",
        answer: (200, Some("Tokens")),
        ..of_hub(Method::Get, "/v1/tokens", ADMINS, "tokens_list", |asked| {
            Box::pin(tokens::list(asked))
        })
    },
    Route {
        summary: "Makes an access token; its text is told once",
        body: Some("NewToken"),
        answer: (201, Some("Token")),
        problems: &[409],
        ..of_hub(Method::Post, "/v1/tokens", ADMINS, "tokens_make", |asked| {
            Box::pin(tokens::make(asked))
        })
    },
    Route {
        summary: "Revokes an access token at once, on open connections too",
        answer: (204, None),
        problems: &[404],
        ..of_hub(Method::Delete, "/v1/tokens/{token}", ADMINS, "tokens_revoke", |asked| {
            Box::pin(tokens::revoke(asked))
        })
    },
    Route {
        summary: "Makes a ticket for one WebSocket, good for 30 s",
        answer: (201, Some("Ticket")),
        ..of_hub(Method::Post, "/v1/tickets", READERS, "tickets_make", |asked| {
            Box::pin(tokens::ticket(asked))
        })
    },
    Route {
        summary: "Takes operations of a client; one result for each",
        body: Some("Push"),
        answer: (200, Some("Results")),
        ..of_hub(Method::Post, "/v1/push", WRITERS, "push", |asked| Box::pin(push::push(asked)))
    },
    Route {
        summary: "A page of changes; without a cursor all records first",
        query: &[
            ("cursor", "where to go on"),
            ENTITIES,
            LIMIT,
            ("wait", "seconds, at most 30, to wait for something new"),
            AFTER,
        ],
        answer: (200, Some("Page")),
        problems: &[410],
        pace: Pace::Waits,
        ..of_hub(Method::Get, "/v1/pull", READERS, "pull", |asked| Box::pin(pull::pull(asked)))
    },
    Route {
        summary: "Changes as server-sent events",
        query: &[("cursor", "where to go on; Last-Event-ID comes first"), ENTITIES],
        answer: (200, Some("Events")),
        problems: &[410],
        pace: Pace::Waits,
        ..of_hub(Method::Get, "/v1/events", READERS, "events", |asked| {
            Box::pin(events::events(asked))
        })
    },
    Route {
        summary: "Operations and changes on a WebSocket, subprotocol syncline.v1",
        query: &[("ticket", "instead of an access token")],
        answer: (101, None),
        problems: &[426],
        pace: Pace::Waits,
        ..of_hub(Method::Get, "/v1/live", LIVE, "live", |asked| Box::pin(live::live(asked)))
    },
    Route {
        summary: "Lists records in the order of their ids",
        query: &[LIMIT, NEXT, AFTER],
        answer: (200, Some("Records")),
        problems: &[404, 410],
        ..of_hub(Method::Get, "/v1/entities/{entity}/records", READERS, "records_list", |asked| {
            Box::pin(records::list(asked))
        })
    },
    Route {
        summary: "Makes a record under an id that the hub chooses",
        body: Some("Record"),
        answer: (201, Some("Change")),
        problems: &[404, 409, 422],
        ..of_hub(Method::Post, "/v1/entities/{entity}/records", WRITERS, "records_make", |asked| {
            Box::pin(records::post(asked))
        })
    },
    Route {
        summary: "A record as it is, or as it was",
        query: &[("at", "a time, as RFC 3339 writes it: the record as it was then"), AFTER],
        answer: (200, Some("Change")),
        problems: &[404, 410, 422],
        ..of_hub(Method::Get, RECORD, READERS, "record", |asked| Box::pin(records::get(asked)))
    },
    Route {
        summary: "Replaces a record, or makes it",
        body: Some("Record"),
        answer: (200, Some("Change")),
        problems: &[404, 409, 412, 422],
        ..of_hub(Method::Put, RECORD, WRITERS, "record_replace", |asked| {
            Box::pin(records::put(asked))
        })
    },
    Route {
        summary: "Changes a record: a merge patch, or the parts of an operation",
        body: Some("Patch"),
        answer: (200, Some("Change")),
        problems: &[404, 409, 412, 422],
        ..of_hub(Method::Patch, RECORD, WRITERS, "record_change", |asked| {
            Box::pin(records::patch(asked))
        })
    },
    Route {
        summary: "Deletes a record",
        answer: (204, None),
        problems: &[404, 409, 412, 422],
        ..of_hub(Method::Delete, RECORD, WRITERS, "record_delete", |asked| {
            Box::pin(records::delete(asked))
        })
    },
    Route {
        summary: "What a record went through, the newest first",
        query: &[LIMIT, ("before", "the position before which to look on")],
        answer: (200, Some("History")),
        problems: &[404],
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
        query: &[("entity", "only of this one"), ("status", "open, or all"), LIMIT, NEXT],
        answer: (200, Some("Conflicts")),
        ..of_hub(Method::Get, "/v1/conflicts", READERS, "conflicts_list", |asked| {
            Box::pin(conflicts::list(asked))
        })
    },
    Route {
        summary: "One conflict: who, when, all sides, and what was there before",
        answer: (200, Some("Anything")),
        problems: &[404],
        ..of_hub(Method::Get, "/v1/conflicts/{conflict}", READERS, "conflict", |asked| {
            Box::pin(conflicts::show(asked))
        })
    },
    Route {
        summary: "Decides a conflict",
        body: Some("Choice"),
        answer: (200, Some("Anything")),
        problems: &[404, 409, 422],
        ..of_hub(
            Method::Post,
            "/v1/conflicts/{conflict}/resolve",
            REVIEWERS,
            "conflict_resolve",
            |asked| Box::pin(conflicts::resolve(asked)),
        )
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
        assert_eq!(open, ["livez", "readyz", "healthz", "openapi", "problem"]);
        for route in TABLE {
            assert!(route.access.roles().contains(&Role::Admin), "{}", route.name);
            assert!(!route.summary.is_empty(), "{}", route.name);
            assert!(
                route.scope == Scope::Server || route.path.starts_with("/v1/"),
                "{}",
                route.path
            );
        }
    }
}
