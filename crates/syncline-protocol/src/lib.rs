//! What clients and a served hub say to each other: messages, their forms, and the machines that
//! take part in a conversation. Nothing here reads a clock, a file or a socket.
//!
//! `docs/protocol.md` is the definition; this crate follows it.
//!
//! # Where to look
//!
//! | You want | Read |
//! |---|---|
//! | what is said | [`message`] |
//! | an operation, and what it came to | [`operation`], [`outcome`] |
//! | a record that changed | [`change`] |
//! | what a client had seen of a record | [`token`] |
//! | what an operation does as far as a client can tell | [`predict`] |
//! | where a client stands | [`cursor`] |
//! | what a client holds, told in few bytes | [`checksum`], [`holdings`] |
//! | the two ends of a live connection | [`session`] |
//! | how all that is written and read | [`long`], [`compact`] |
//! | compressed messages | [`compress`] |
//! | a large text told by what differs | [`delta`] |
//! | what applications are told over HTTP, signed | [`webhook`] |
//!
//! # What this crate promises
//!
//! - **Pure.** Same inputs, same outputs. Time and random bytes come in as arguments.
//! - **Input is never trusted.** Every reader is bounded and answers with an error, whatever it gets.

pub mod change;
pub mod checksum;
pub mod compact;
pub mod compress;
pub mod cursor;
pub mod delta;
pub mod error;
pub mod holdings;
pub mod limits;
pub mod long;
pub mod message;
pub mod operation;
mod order;
pub mod outcome;
mod part;
pub mod predict;
pub mod problem;
#[cfg(test)]
mod samples;
pub mod session;
mod text;
pub mod time;
pub mod token;
pub mod webhook;
