//! Who may do what: access tokens, their roles, and tickets for those who cannot send headers.
//!
//! Whoever shows no token that the hub knows may do nothing. A token is a random number of 256 bits;
//! the hub keeps only its hash, in a file that only its owner may read.

mod file;
mod role;
mod ticket;
mod token;

pub use role::Role;
pub(crate) use ticket::Tickets;
pub(crate) use token::{Caller, NewToken, TokenRow, Tokens, TokensError, now_ms, random_id};
