//! A server on a socket of its own, asked as its users ask.
//!
//! | You want | Read |
//! |---|---|
//! | a server and a client of HTTP at hand | `house.rs` |
//! | who may do what: every route, every role, forged tokens | `access.rs` |
//! | the dashboard's files, and signing in to it | `dashboard.rs`, `session.rs` |
//! | what is refused, and how that is said | `refusals.rs` |
//! | operations and changes, page by page | `changes.rs` |
//! | records one by one | `records.rs` |
//! | requests with a key, sent again | `once.rs` |
//! | conflicts | `conflicts.rs`, `desk.rs` |
//! | events that applications emit, and their deliveries | `emit.rs`, `deliveries.rs`, `replays.rs` |
//! | streams, cut again and again | `streams.rs`, `live.rs` |
//! | log, audit, runs, what was refused, schemas | `books.rs` |
//! | deliveries that were given up | `dead.rs` |
//! | why a webhook does not verify | `verify.rs` |
//! | webhooks that come in, as CloudEvents too, and once more | `receiving.rs`, `cloud_events.rs`, `received_again.rs` |
//! | how a hub does, at one look, and what is too bad | `overview.rs`, `alerts.rs` |
//! | what a hub did in a day or a week | `reports.rs` |
//! | how each folder, client and application does | `domains.rs` |
//! | which events there are | `event_types.rs` |
//! | records that are brought to the next version | `migrations.rs` |
//! | what Prometheus is told | `figures.rs` |
//! | hubs that know nothing of one another | `hubs.rs`, `apart.rs` |
//! | a store that hangs: who is held up, and what goes on | `hanging.rs` |
//! | what is made of events before they are sent | `transforming.rs` |

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod access;
mod alerts;
mod apart;
mod approval;
mod books;
mod changes;
mod cloud_events;
mod conflicts;
mod dashboard;
mod dead;
mod deliveries;
mod desk;
mod domains;
mod emit;
mod event_types;
mod figures;
mod hanging;
mod held;
mod horizon;
mod house;
mod hubs;
mod issuers;
mod live;
mod migrations;
mod monitoring;
mod once;
mod overview;
mod permits;
mod received_again;
mod receiving;
mod records;
mod refusals;
mod replays;
mod replicas;
mod reports;
mod session;
mod streams;
mod tls;
mod transforming;
mod two_hubs;
mod verify;
