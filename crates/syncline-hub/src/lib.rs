//! A hub that runs: engine, store and domains put together, without HTTP.
//!
//! This crate loads rows and files, lets the engine decide, saves what it answers in one
//! transaction, and only then writes to the domains. All decisions are the engine's.
//!
//! # Where to look
//!
//! | You want | Read |
//! |---|---|
//! | open a hub | [`Hub`] |
//! | synchronise two folders of files | [`Hub::sync`], [`SyncRequest`] |
//! | records that may be the same under two ids | [`Hub::twins`] |
//! | commit operations of clients, in groups | [`Writer`], [`Handle`] |
//! | serve clients from many threads | [`served::Served`] |
//! | ship what is committed to a folder, restore it | [`Hub::open_backed_up`], [`restore_state`] |
//! | lend a hub to a command of another process | [`Hub::lend`], [`Hub::borrowed`] |
//! | what can go wrong | [`HubError`] |

mod audit;
mod backup;
mod bases;
pub mod catalogue;
mod conflicts;
mod environment;
mod error;
mod held;
mod horizon;
mod hub;
pub mod limits;
mod loan;
mod location;
mod narrowing;
mod outcome;
mod place;
mod request;
mod runs;
mod schemas;
pub mod served;
mod sync;
mod twins;
mod undo;
mod view;
mod writer;

pub use audit::ChangeProof;
pub use backup::{Tried, plan_restore, restore_state, try_restore};
pub use conflicts::Choice;
pub use environment::{Environment, Machine};
pub use error::HubError;
pub use horizon::{Forgotten, Retention};
pub use hub::{Hub, HubOptions, Parts};
pub use location::Moved;
pub use narrowing::{Chosen, Narrowing};
pub use outcome::{
    Action, ActionKind, FieldChange, FoundConflict, HistoryEntry, RecordView, SyncOutcome,
    UndoOutcome,
};
pub use place::Place;
pub use request::{Actor, FileDomain, FileEntity, Progress, Silent, SyncRequest};
pub use schemas::{Registered, SchemaRow};
pub use sync::timestamp;
pub use syncline_store::backup::{At as RestoreAt, Backup, Health as BackupHealth};
pub use writer::{Handle, Pending, Writer, WriterError};
