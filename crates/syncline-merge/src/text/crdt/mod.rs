//! The state a record keeps at a path of shape `text`: every change joins with every other.
//!
//! A [`TextState`] is a set of facts that only grows: *runs* (this change put this text there) and
//! *deletions* (this change dropped these characters). Facts never change, so joining two states is
//! the union of their facts, and the text is a function of the facts alone: whoever has seen the
//! same changes shows the same text, in whatever order and however often they came.
//!
//! An edit made on an older text (a client that was offline, a file read a while ago) is applied
//! [`apply_operation_at`](TextState::apply_operation_at) what its author had seen; no transformation
//! is needed and no history but the facts.
//!
//! Runs hang together as a tree (Fugue): two people typing at the same place get their texts one
//! after the other, never letter by letter. `docs/design/0001-text-crdt.md` says why this and no
//! library, and what it costs.
//!
//! # Source
//!
//! Weidner and Kleppmann, "The Art of the Fugue: Minimizing Interleaving in Collaborative Text
//! Editing" (2023), the tree form; runs instead of single characters are ours.

mod codec;
mod edit;
#[cfg(test)]
mod laws;
mod run;
mod sequence;
mod state;

pub use codec::StateError;
pub use state::{TextError, TextState};
