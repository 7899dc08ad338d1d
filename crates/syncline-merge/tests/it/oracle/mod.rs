//! The causal oracle: what a state must hold, told from sets of changes and never from versions.
//!
//! Every committed change says what it adds (items in slots) and which earlier changes' items it
//! drops: those that its writer had seen, as an explicit set. A site's state is then determined by
//! the set of changes that it has received of each field: an item is there if its change was
//! received and no received change drops it. `docs/design/0003-merge.md` says what each operation
//! drops; [`mirror`] is the same page, read by somebody who does not know of versions.

mod changes;
pub(crate) mod expect;
pub(crate) mod mirror;
pub(crate) mod set;

pub(crate) use changes::*;
