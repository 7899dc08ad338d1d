//! Operational transformation of plain text: insert, delete, retain (spec 003).
//!
//! A [`TextOperation`] walks over a whole text from its start. Two operations made on the same text
//! become one result by [`transform`]; it satisfies TP1: whichever of the two is applied first, the
//! other one transformed gives the same text. Only a total order of operations (a hub's log) is
//! needed beyond that; between hubs, where there is none, [`crdt`](super::crdt) is used.
//!
//! # Source
//!
//! Ellis and Gibbs, "Concurrency Control in Groupware Systems" (1989); the whole-document form with
//! compose is that of Wang, Mah and Lassen, "Google Wave Operational Transformation" (2010).

mod compose;
mod cursor;
#[cfg(test)]
mod laws;
mod operation;
mod transform;

pub use operation::{Component, OperationError, TextDigest, TextOperation};
pub use transform::{Side, transform};

pub(super) use cursor::{Cursor, Step};
pub(super) use operation::Builder;
