//! A hub behind HTTP: who may ask, what is asked, and what is answered.
//!
//! Everything is decided elsewhere: what an operation comes to by the hub, what is said by
//! `syncline-protocol`. This crate owns sockets, access tokens and the answers' form. `docs/protocol.md`
//! is what a client relies on.
//!
//! # Where to look
//!
//! | You want | Read |
//! |---|---|
//! | start and stop a server | [`Server`], [`Settings`] |
//! | every route, and who may use it | [`routes::TABLE`] |
//! | from a request to its route | `router.rs`, `asked.rs` |
//! | access tokens, roles, sessions, tickets, other issuers | `access/` |
//! | why a webhook does not verify | `signatures.rs` |
//! | what a hub has done of late | `activity.rs` |
//! | the dashboard's pages | `dashboard/` |
//! | hubs of their own | `hubs.rs` |
//! | hubs lent to commands of this machine | `loans.rs` |
//! | changes made once for many | `feed.rs` |
//! | figures for Prometheus | `metrics.rs`, `metrics/`, `undecided.rs` |
//! | who is told that a hub does badly | `alerting/` |
//! | on which threads the store is read, and how much of all each hub takes | `apart.rs`, `room.rs` |
//! | what is said when something is refused | `problem.rs` |
//!
//! # What this crate promises
//!
//! - **Nobody may do anything** but those whom the table of the routes names.
//! - **Nothing crosses from one hub to another**: each has its own folder, store and tokens.
//! - **Every queue, body and wait has a bound**; they stand in [`limits`].

mod access;
mod activity;
mod alerting;
mod apart;
mod application;
mod asked;
mod asyncapi;
mod body;
mod coding;
mod dashboard;
mod delivering;
mod document;
mod feed;
mod hubs;
pub mod limits;
mod loans;
mod metrics;
mod openapi;
mod origin;
mod pages;
mod problem;
mod provided;
mod rate;
mod receiving;
mod replicas;
mod reporting;
mod room;
mod router;
pub mod routes;
mod server;
mod settings;
mod signatures;
mod state;
mod tls;
mod traffic;
mod transforming;
mod undecided;
mod webhook_docs;
mod writers;

pub use access::{IssuerError, IssuerSettings, KeysError, Role, check_keys};
pub use alerting::{
    AlertReceiver, AlertSettings, Channel, MailSettings, MailTls, NotedAlert, ReceiverError,
};
pub use application::{AppError, AppSettings, SecretText};
pub use hubs::{FOLDER as HUBS_FOLDER, OpenError, Opened};
pub use rate::Rate;
pub use replicas::{Consistency, Known, Replica, Replicas};
pub use reporting::{Period, report_rows};
pub use server::{Server, StartError};
pub use settings::{Allowed, MetricsNames, Settings, TlsFiles, UnsafeSetting};
pub use tls::TlsError;
