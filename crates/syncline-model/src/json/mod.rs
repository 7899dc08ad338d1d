//! JSON that loses nothing: exact numbers, ordered members, strict reading, one canonical form.
//!
//! # Where to look
//!
//! | You want | Read |
//! |---|---|
//! | a number compared and added by its exact decimal value | [`Number`] |
//! | a whole document as a tree | [`Json`], [`Object`], [`parse`] |
//! | one field's value as the merge state stores it | [`Leaf`] |
//! | a large file cut into records without a tree | [`raw`] |
//! | a record as (path, leaf) pairs and back | [`fields`] |
//! | why a text was refused | [`JsonError`] |
//!
//! # What this module promises
//!
//! - **Strict.** RFC 8259 with nothing added: duplicate keys, lone surrogates, a byte order mark,
//!   more than [`DEPTH_MAX`](crate::limits::DEPTH_MAX) levels and numbers beyond the limits are
//!   refused, by every reader here alike.
//! - **Exact.** A number keeps its digits as written; `1`, `1.0` and `1e0` are equal.
//! - **Silent.** Errors carry byte offsets and counts, never content.
//!
//! # Canonical form
//!
//! [`Json::to_canonical_string`] follows RFC 8785 (no whitespace, members sorted by the UTF-16 code
//! units of their keys, shortest escapes) but for numbers: RFC 8785 rounds to a double, here
//! every digit is kept. [`Number::canonical`] defines the text; where a double holds the number
//! exactly as written, both agree. `fixtures/json/canonical.json` holds examples.

mod error;
pub mod fields;
mod leaf;
mod number;
mod parse;
pub mod raw;
mod scan;
mod text;
mod value;

pub use error::JsonError;
pub use leaf::{Kind, Leaf};
pub use number::{Number, NumberError};
pub use parse::parse;
pub use text::write_string;
pub use value::{IntoMembers, Json, Object};
