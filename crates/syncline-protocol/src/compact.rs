//! The compact form: arrays, with names said once per connection and direction.
//!
//! | You want | Read |
//! |---|---|
//! | to write what a client says | [`ClientWriter`] |
//! | to write what a hub says | [`HubWriter`], [`EncodedPage`] |
//! | to read either | [`Reader`] |
//! | names and their indexes | [`Names`] |
//!
//! A hub has one table of names for all who may be told the same page: a page is encoded once and
//! remembers which names it uses. A connection is told those that it does not know yet, and no
//! others: names of fields may be as private as what is in them.

mod answer;
mod message;
mod names;
mod operation;
mod row;
#[cfg(test)]
mod tests;

pub use answer::EncodedPage;
pub use message::{ClientWriter, HubWriter, Messages, Reader};
pub use names::Names;
