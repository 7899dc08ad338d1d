//! Spec 001's spelling: its arguments, its texts, its sync record, its error codes.
//!
//! The work is the same three-way merge; the source wins conflicts, and every other value is kept
//! in a settled conflict.

mod command;
mod record;
mod text;

pub use command::run;
