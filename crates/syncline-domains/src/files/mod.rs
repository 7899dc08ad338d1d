//! Folders of JSON files: `<dir>/<entity>.json` holds `{"<entity>": [ {"id": …}, … ]}`.
//!
//! | You want | Read |
//! |---|---|
//! | a file's bytes as items, and items as bytes | [`document`] (pure) |
//! | a record changed without touching what the domain hides | [`patch`](mod@patch) (pure) |
//! | files read whole, replaced whole, and mended after a crash | [`disk`] |
//!
//! # What this kind promises
//!
//! - What was not changed keeps its bytes: records, order, white space, members that nobody knows.
//! - A file that cannot be read whole is an error, never an empty list; an item that cannot be read
//!   is reported and stays in the file as it is.
//! - A file is replaced as a whole or not at all, and only if it still holds what was read.
//!
//! # Example
//!
//! ```
//! use syncline_domains::files::document::{Change, Document};
//! use syncline_model::path::Path;
//!
//! let bytes = b"{\n  \"tasks\": [\n    {\n      \"id\": 1\n    },\n    {\n      \"id\": 2\n    }\n  ]\n}\n";
//! let document = Document::parse(bytes, "tasks", &Path::parse("/id")?)?;
//! assert_eq!(document.items()[1].id.as_str(), "2");
//! let first = document.items()[0].id.clone();
//! let without_first = document.rewrite(vec![Change::remove(first)])?.bytes;
//! assert_eq!(without_first, b"{\n  \"tasks\": [\n    {\n      \"id\": 2\n    }\n  ]\n}\n");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod disk;
pub mod document;
pub mod patch;
