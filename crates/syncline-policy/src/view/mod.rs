//! Views: which records a client may see and follow, and which of their fields.
//!
//! A [`View`] is an entity, a [`Filter`] and a choice of fields. The filter is written in CEL; its
//! names are `record`, `claims` (what the client's token says) and `params` (what the client asks
//! for, declared and checked). [Bound](View::bind) to claims and parameters it is a
//! [`BoundFilter`]: a question to one record, answered without an allocation for most.
//!
//! A change is judged by both images of its record: [`Movement`] says whether it comes into the
//! view, leaves it, or changes within. An [`Index`] finds the views that a change may concern by
//! the fields that their filters compare with one value, so that a thousand clients who follow
//! what is theirs cost a change of one record little more than one client does.
//!
//! A [`Sight`] is what one reader is told: what its permit shows, narrowed to what it follows. A
//! [`SightIndex`] finds the sights that a change may concern, as an [`Index`] finds filters.
//!
//! A [`Permit`] says what the holder of one token may see and write at all, by filters of the same
//! kind.

mod access;
mod bound;
mod compile;
mod definition;
mod filter;
mod index;
mod sight;
#[cfg(test)]
mod tests;

pub use access::{AccessRule, Permit, Write, WriteDenied};
pub use bound::{BoundFilter, Movement};
pub use definition::{BindError, Parameter, View};
pub use filter::{Field, Filter, FilterError};
pub use index::Index;
pub use sight::{Access, BoundView, FollowError, Lens, Sight, SightIndex};
