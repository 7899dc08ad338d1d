//! Operations of clients: a group of them is decided in order and saved as one batch.
//!
//! A shell takes what waits, loads the rows that the operations name ([`Rows`]), hands the
//! operations to a [`Group`] one by one and saves what the group answers with in one transaction.
//! Only then does it pass the answers on. Operations on one record see each other through the
//! group's rows, so that each is decided on what its predecessors left.
//!
//! One operation never fails its neighbours: what cannot be applied is answered with a
//! [`Rejection`], and the group goes on.

mod entities;
mod group;
mod operation;
mod rejection;
mod rows;
mod shaped;
mod sight;
#[cfg(test)]
mod tests;
mod unset;

pub use entities::Entities;
pub use group::{Accompanied, Decided, Group, GroupFacts};
pub use operation::{Answer, Applied, ClientOperation, Now, Repeated, STATE_BYTES_MAX};
pub use rejection::Rejection;
pub use rows::Rows;
