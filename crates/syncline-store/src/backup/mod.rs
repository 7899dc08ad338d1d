//! Backup: what is committed to a store goes on to a folder, from which a store can be made again.
//!
//! A backup is a set of immutable objects, each of which says in its name where it belongs. A
//! *snapshot* holds all rows as of one commit, a *segment* the rows of the commits after another. An
//! unbroken row of commits is a *stream*; where it breaks, a new one begins with a snapshot of its own
//! (design note 0008).
//!
//! # Where to look
//!
//! | You want | Read |
//! |---|---|
//! | ship what is committed to a store | [`Shipping`], [`Worker`] |
//! | how far the backup is behind | [`Backup::health`] |
//! | where objects lie | [`Objects`], [`Folder`] |
//! | what a listing says | [`Catalog`], [`ObjectName`] |
//! | make a store again, or check that one can be made | [`restore`], [`verify`], [`compare`] |
//! | what can go wrong | [`BackupError`] |

mod catalog;
mod error;
mod format;
mod name;
mod objects;
mod queue;
mod restore;
pub(crate) mod row;
mod shipping;
mod verify;
mod worker;

pub use catalog::{At, Catalog, Listed, RestorePlan, Stream};
pub use error::BackupError;
pub use name::{Kind, ObjectName, StreamId};
pub use objects::{Folder, Objects, Writing};
pub use queue::{Backup, Health};
pub use restore::{Restored, restore};
pub use shipping::Shipping;
pub use verify::{Verified, compare, verify};
pub use worker::{Options, Worker, begin_anew, start};
