//! Files read whole, replaced whole, and mended after a crash.
//!
//! | You want | Read |
//! |---|---|
//! | a file's bytes, their digest and what is known of it | [`read`](fn@read) |
//! | a file replaced if it still holds what was read | [`stage`](fn@stage), [`Staged::publish`] |
//! | a replacement that a crash cut off finished | [`journal`] |
//! | files that dead runs left behind | [`leftovers`] |
//! | what all of it stands on | [`Disk`], [`SystemDisk`] |
//!
//! # How a file is replaced
//!
//! `stage` writes `<dir>/.<file>.syncline-<run>`, with the rights of the file that it will replace,
//! and syncs it. The caller then notes a [`journal::Entry`] durably. `publish` keeps the old file
//! under another name (for undo), compares the digest of the file with the one that was read,
//! renames and syncs the folder. At every moment the name leads to the old file or to the new one,
//! whole. After a crash [`journal::recover`] finishes what was noted.
//!
//! # What is followed and what is not
//!
//! - A symbolic link is followed, and the file it leads to is replaced; the link stays. A link that
//!   leads nowhere is an error and never a missing file: a disk may not be mounted.
//! - A file with several names (hard links) gets a new one; the other names keep the old content.
//! - Only regular files are opened. Devices, pipes and folders are refused unopened.
//! - Owner, access lists and extended attributes of a replaced file are those of a new file; its
//!   mode is kept. A file that did not exist gets mode 0600: records are personal data.

mod access;
mod error;
pub mod journal;
mod patience;
mod reading;
mod staging;
mod system;

pub use access::{Disk, Facts, FileIdentity, FileKind, Place, WriteError, Writing};
pub use error::{DiskError, Step};
pub use patience::pause_before_next;
pub use reading::{Digest, Present, Reading, digest, read};
pub use staging::{
    Leftover, Published, Replacement, Staged, Staging, begin_stage, leftovers, publish_all, stage,
    sync_folders,
};
pub use system::SystemDisk;
