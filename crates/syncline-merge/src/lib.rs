//! How concurrent changes of a record become one, on every hub the same, without losing any.
//!
//! This crate owns the state of a record and its join, the operations that writers commit, what is
//! shown of the state by rules, and conflicts. It never reads a clock, a file, a socket or a source
//! of randomness, and never decides by the order in which changes arrive.

mod alike;
mod apply;
pub mod codec;
pub mod commit;
pub mod conflict;
pub mod diff;
pub mod display;
pub mod dots;
pub mod error;
pub mod exchange;
pub mod fault;
pub mod flat;
pub mod join;
pub mod limits;
pub mod operation;
pub mod plain;
pub mod restore;
pub mod rules;
pub mod state;
pub mod text;
pub mod token;
pub mod uphold;
