//! Text that several people write at once: operations, three-way merge, replicated state.
//!
//! Positions and lengths are counted in **Unicode scalar values** (Rust `char`s) everywhere in this
//! module; [`units`] converts from and to the UTF-16 offsets of JavaScript peers.
//!
//! # Where to look
//!
//! | You want | Read |
//! |---|---|
//! | an edit as retain, insert, delete; compose, invert, transform | [`ot`] |
//! | the edit that turns one text into another | [`ot::TextOperation::from_diff`] |
//! | two edited copies of a text made one | [`merge3()`] |
//! | the state a record keeps at a path of shape `text` | [`crdt`] |
//! | every bound, with its reason | [`limits`] |
//!
//! # Example
//!
//! ```
//! use syncline_merge::text::{Side, merge3};
//!
//! let base = "Milk\nBread\n";
//! let local = "Milk (2 l)\nBread\n";
//! let remote = "Milk\nBread\nEggs\n";
//! assert_eq!(merge3(base, local, remote, Side::Left)?, "Milk (2 l)\nBread\nEggs\n");
//! # Ok::<(), syncline_merge::text::ot::OperationError>(())
//! ```

pub mod crdt;
mod diff;
pub mod limits;
mod merge3;
pub mod ot;
pub mod units;

pub use merge3::merge3;
pub use ot::Side;
