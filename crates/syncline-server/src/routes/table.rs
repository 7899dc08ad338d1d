//! The table of the routes.

use super::route::{Access, Handler, Method, Pace, Route, Scope};
use super::{health, hubs, tokens};
use crate::access::Role;

/// Those who read records.
const READERS: Access = Access::Roles(&[Role::Client, Role::Reviewer, Role::Admin]);
/// Those who look after the hub.
const KEEPERS: Access = Access::Roles(&[Role::Operator, Role::Admin]);
/// Those who say who may do what.
const ADMINS: Access = Access::Roles(&[Role::Admin]);

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
