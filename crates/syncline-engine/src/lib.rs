//! The hub's decisions: what a command makes of the rows that a shell has loaded.
//!
//! Load → decide → save: a shell loads rows, calls a function of this crate, saves the writes that
//! it answers with in one transaction, and only then acts. Nothing here reads a clock, a file, a
//! socket or a source of randomness.
//!
//! # Where to look
//!
//! | You want | Read |
//! |---|---|
//! | what is stored where | [`rows`] |
//! | what a domain is known to hold | [`bases`] |
//! | what flows between two domains | [`link`] |
//! | what a synchronisation does to one record | [`sync`] |
//! | which records may be the same under two ids | [`twins`] |
//! | what a client's operations come to | [`operate`], [`results`] |
//! | what a reader of the log is told | [`feed`] |
//! | what the log says | [`log`] |
//! | which entry of it is an event | [`event`] |
//! | what an undo goes back to | [`undo`] |
//! | how it can be proved later | [`audit`] |
//! | what was received before | [`received`] |
//! | which event goes to which endpoint, and when | [`deliver`] |
//! | when somebody is told that a hub does badly | [`alert`] |

pub mod alert;
pub mod audit;
pub mod bases;
pub mod conflicts;
pub mod deliver;
pub mod event;
pub mod facts;
pub mod feed;
pub mod index;
pub mod limits;
pub mod link;
pub mod log;
pub mod operate;
pub mod received;
pub mod results;
pub mod rows;
pub mod seen;
pub mod sync;
pub mod tally;
pub mod twins;
pub mod undo;
