//! An offline-first client of a hub.
//!
//! It keeps the records that it follows in an SQLite file, queues edits there, shows them at once and
//! sends them when it can; what others do comes in while it is connected. It never merges: the hub
//! does (`docs/protocol.md`).
//!
//! # Where to look
//!
//! | You want | Read |
//! |---|---|
//! | everything that an app calls | [`Client`] |
//! | address, access token, name, when edits are sent | [`Options`], [`Strategy`] |
//! | a file that can be read with a key only | [`Options::key`], [`change_key`] |
//! | what an edit can do | [`Edit`] |
//! | records by their values, and in which order | [`Query`] |
//! | to be told what changes | [`Subscription`], [`Event`] |
//! | edits that the hub refused | [`Client::quarantine`], [`Notice`] |
//! | what can go wrong | [`ClientError`] |
//!
//! # What this crate promises
//!
//! - **An edit is durable when the call returns,** and leaves the queue only with the hub's answer.
//! - **Every step is one transaction.** Killed at any moment, it loses nothing and repeats nothing.
//! - **One bad edit holds up its own record only.**
//!
//! # Example
//!
//! ```
//! use syncline_client::{Client, Options, Order, Query};
//!
//! let folder = tempfile::tempdir()?;
//! // `Options::new(path, url, token)` connects; without an address edits wait in the file.
//! let client = Client::open(Options::offline(folder.path().join("app.db")).client_id("phone-7"))?;
//! client.edit("tasks", "t1", |r| r.set("/title", "Call back").set("/done", false))?;
//! let open = client.query(&Query::new("tasks").eq("/done", false).sort("/title", Order::Rising))?;
//! assert_eq!(open[0].text("/title").as_deref(), Some("Call back"));
//! assert_eq!(client.status().pending, 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod client;
mod connection;
mod edit;
mod error;
pub mod limits;
mod machine;
mod options;
mod query;
mod record;
mod state;
mod status;
mod store;
mod subscription;
mod view;

#[cfg(feature = "simulated")]
pub use connection::simulated;

pub use client::{Client, Edited, Fate, Transaction, Waiting};
pub use edit::Edit;
pub use error::{ClientError, EditError, StoreError};
pub use options::{Options, Strategy};
pub use query::{Order, Query};
pub use record::Record;
pub use status::{Network, Notice, Status};
pub use store::{Refusal, change_key};
pub use subscription::{Event, Subscription};
pub use syncline_merge::operation::{Effect, FieldOperation};
pub use syncline_merge::text::ot::{Component, TextOperation};
pub use syncline_model::id::{ClientId, EntityName, OperationId, RecordId};
pub use syncline_model::json::{Json, Number, Object};
pub use syncline_protocol::change::OpenConflict;
