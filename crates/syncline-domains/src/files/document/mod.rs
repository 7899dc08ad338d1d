//! A file's bytes as items, and items as bytes. Pure.
//!
//! # What is refused, and how much
//!
//! A file that is truncated, empty, not JSON, in another encoding, or without an array under the
//! entity's name is refused whole ([`DocumentError`], `DATA_FORMAT_INVALID`): whoever asked learns
//! nothing about its records and so can delete none of them. An item that is broken, has no id or
//! shares its id with another is [`Rejected`] alone; it stays in the file byte for byte.
//!
//! A record that is not among [`Document::items`] was deleted only if
//! [`Document::is_gone`] says so: a rejected item may be the record.
//!
//! # How a file is written
//!
//! [`Document::rewrite`] changes only the items it was told to change. Everything else keeps its
//! bytes: other items, their order and the white space between them, unknown members, a byte order
//! mark, the end of the file. A changed item is laid out as JavaScript's
//! `JSON.stringify(value, null, 2)` does, indented as the line on which the item begins, with CR LF
//! if every line of the file ends so. An item that stood on one line stays on one line, with a space
//! after `:` and `,` if it had one after its first `:`. A new item goes to the end and is laid out
//! like the one before it.

mod error;
mod item;
mod layout;
mod lookup;
mod read;
mod renaming;
mod rewrite;

pub use error::{DocumentError, RewriteError};
pub use item::{Digest16, Item, Reason, Rejected};
pub use read::Document;
pub use rewrite::{Change, ChangeKind, Rewritten};
