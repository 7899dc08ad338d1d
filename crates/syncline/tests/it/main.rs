//! Black-box tests of the command `syncline`: the built program, in folders of its own.
//!
//! | You want | Read |
//! |---|---|
//! | a folder with data and the program at hand | `desk.rs` |
//! | exit codes, one row each | `exit_codes.rs` |
//! | spec 001's texts, records and spellings | `spec001.rs` |
//! | what the naive merge gets wrong | `defects.rs` |
//! | guards, dry runs, broken files | `safety.rs` |
//! | undo, conflicts, audit | `undo.rs`, `conflicts.rs`, `audit.rs`, `proofs.rs` |
//! | records that may be the same | `twins.rs` |
//! | one way, deleting nothing | `copies.rs` |
//! | runs of some records only | `narrowed.rs` |
//! | several links in one run | `links.rs` |
//! | what must not cross, and who may look | `privacy.rs`, `permissions.rs` |
//! | domains that are not apart | `places.rs` |
//! | any text as a configuration | `odd_configurations.rs` |
//! | what is said is true | `words.rs` |
//! | JSON, help, completions | `documents.rs`, `describe.rs` |
//! | killed at every sync to disk | `kills.rs` |
//! | killed, or replaced, while it delivers | `delivery_kills.rs`, `delivery_stops.rs` |
//! | configurations of the user, by name | `profiles.rs` |
//! | a hub that is served | `serve.rs` |
//! | commands on its state meanwhile | `borrowed.rs` |
//! | one server after the other | `rolling.rs` |
//! | requests that mean harm | `hostile.rs` |
//! | a network that fails between it and real clients | `network.rs` |
//! | TypeScript from schemas | `typescript.rs` |
//! | figures, rules and alerts of Prometheus | `monitoring.rs` |
//! | events and deliveries of a served hub, types of events | `hooks.rs`, `events.rs` |
//! | somebody who is told that a hub does badly | `alerts.rs` |
//! | watch, notices | `watch.rs`, `notices.rs`, `receiver.rs` |

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]
#![expect(clippy::print_stderr, reason = "a test that is skipped says so")]

mod alerts;
mod approval;
mod audit;
mod backup;
mod borrowed;
mod conflicts;
mod copies;
mod custom;
mod defects;
mod delivery_kills;
mod delivery_stops;
mod describe;
mod desk;
mod documents;
mod encrypted;
mod events;
mod exit_codes;
mod hooks;
mod hostile;
mod issuers;
mod kills;
mod links;
mod monitoring;
mod narrowed;
mod network;
mod notices;
mod odd_configurations;
mod permissions;
mod places;
mod privacy;
#[cfg(unix)]
mod profiles;
mod proofs;
mod receiver;
mod refusals;
mod rolling;
mod safety;
mod serve;
mod serve_folders;
mod shapes;
mod spec001;
mod twins;
mod typescript;
mod undo;
mod watch;
mod words;
