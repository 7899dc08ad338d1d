//! The routes: one table, from which the router, the description of the interface and the tests of
//! who may do what are made.
//!
//! | You want | Read |
//! |---|---|
//! | all routes, and who may use them | [`TABLE`] |
//! | what is said of a route | [`Route`] |
//! | health, metrics, pages of problems | `health.rs` |
//! | how a hub does, and did of late, and what is too bad | `overview.rs`, `alerts.rs` |
//! | operations and changes | `push.rs`, `pull.rs`, `events.rs`, `live.rs` |
//! | events that applications emit, and where they go | `emit.rs`, `endpoints.rs`, `endpoint_form.rs` |
//! | what is delivered again | `replays.rs` |
//! | single deliveries, and those that were given up | `deliveries.rs` |
//! | why a webhook does not verify | `verify.rs` |
//! | which events there are | `event_types.rs` |
//! | spec 004's monitoring, and what became of an event | `sync.rs` |
//! | what applications tell, and who takes it in | `receive.rs`, `receivers.rs` |
//! | records one by one, conflicts | `records.rs`, `conflicts.rs` |
//! | what a person who decides conflicts works with | `desk.rs` |
//! | log, audit, runs, domains, what was refused | `books.rs` |
//! | clients that wait for an operator's word, and their copies | `held.rs` |
//! | schemas of entities | `schemas.rs` |
//! | migrations between their versions | `migrations.rs` |
//! | requests that may be repeated | `once.rs` |
//! | access tokens, sessions, tickets, hubs | `tokens.rs`, `session.rs`, `hubs.rs` |

mod alerts;
mod answer;
mod books;
mod conflicts;
mod deliveries;
mod desk;
mod domains;
mod emit;
mod endpoint_form;
mod endpoints;
mod event_types;
mod events;
mod health;
mod held;
mod hubs;
mod live;
mod migrations;
mod once;
mod overview;
mod pull;
mod push;
mod receive;
mod receivers;
mod records;
mod replays;
mod report;
mod route;
mod schemas;
mod session;
mod stream;
mod sync;
mod table;
mod tokens;
mod told;
mod verify;

pub(crate) use answer::Answer;
pub(crate) use once::forget_keys;
pub(crate) use route::Pace;
pub use route::{Access, Link, Media, Method, Parameter, Route, Scope, Shows, Success};
pub use table::TABLE;
