//! A disk with a page cache: what was not synced may be lost, torn or half there after a power cut.
//!
//! | What may happen | When |
//! |---|---|
//! | unsynced sectors of 512 bytes or 4 KiB are lost, each for itself | power cut |
//! | creations, renames and removals of a folder are lost, latest first | power cut |
//! | a read, a write or a sync fails, once or from now on | any time |
//! | a failed sync drops what it should have written, and the next one says that all is well | any time |
//! | no room | any time |
//! | a bit differs in what was read | any time, only for reads that ask for it |
//! | everything fails until the restart | after the operation that was named |
//!
//! # Source
//!
//! Rebello et al., "Can applications recover from fsync failures?" (2020), for what a failed sync
//! does to the page cache.

mod domain;
mod file;
mod state;

pub use state::{CrashKind, DiskRates, SimDisk, Stat};
