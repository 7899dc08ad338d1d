//! The table of the routes: who may ask what, with what, and what is answered.
//!
//! | You want | Read |
//! |---|---|
//! | the server itself: whether it lives, how it does, what it describes, and its hubs | `server.rs` |
//! | who may do what: tokens, tickets for WebSockets, and sessions of the dashboard | `access.rs` |
//! | what is sent and told of changes, and the copies that clients hold | `sync.rs` |
//! | records, and the schemas that they have | `records.rs` |
//! | conflicts, and the desk at which they are decided | `conflicts.rs` |
//! | what applications emit, and the catalogue of its types | `events.rs` |
//! | where events are delivered to | `endpoints.rs` |
//! | single deliveries, and those that are made again | `deliveries.rs` |
//! | what other applications tell, and the monitoring of spec 004 | `receivers.rs` |
//! | what has happened, and how the hub does: log, audit, runs, domains, overview and report | `books.rs` |

mod access;
mod books;
mod conflicts;
mod deliveries;
mod endpoints;
mod events;
mod receivers;
mod records;
mod server;
mod sync;

use std::sync::LazyLock;

use super::route::{Access, Handler, Method, Pace, Parameter, Route, Scope, Shows};
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
const LIMIT: Parameter = parameter("limit", "Limit", "how many at most");
const NEXT: Parameter = parameter("cursor", "Place", "`next` of the page before");
/// Of two that carry the same key only the first is carried out.
const KEY: Parameter =
    parameter("Idempotency-Key", "IdempotencyKey", "sent again with it, it is done once");

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
pub static TABLE: LazyLock<Vec<Route>> = LazyLock::new(|| {
    let subjects = [
        server::ROUTES,
        access::ROUTES,
        sync::ROUTES,
        records::ROUTES,
        conflicts::ROUTES,
        events::ROUTES,
        endpoints::ROUTES,
        deliveries::ROUTES,
        receivers::ROUTES,
        books::ROUTES,
    ];
    subjects.concat()
});

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
        for route in TABLE.iter() {
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
