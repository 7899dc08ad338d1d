//! Who may do what: access tokens, their roles, sessions of pages, and tickets for those who cannot send headers.
//!
//! Whoever shows no token that the hub knows may do nothing. A token is a random number of 256 bits;
//! the hub keeps only its hash, in a file that only its owner may read. Tokens of other issuers are taken
//! where a setting names the issuer.

mod cookie;
mod file;
mod issuers;
mod jwt;
pub(crate) mod next_auth;
mod role;
mod session;
mod ticket;
mod token;

pub(crate) use cookie::Cookie;
pub(crate) use file::replace;
pub(crate) use issuers::Issuers;
pub use issuers::{IssuerError, IssuerSettings, check_keys};
pub use jwt::KeysError;
pub use role::Role;
pub(crate) use session::Sessions;
pub(crate) use ticket::Tickets;
pub(crate) use token::{Caller, NewToken, TokenRow, Tokens, TokensError, now_ms, random_id};
