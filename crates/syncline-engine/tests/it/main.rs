//! Tests of the engine through its public parts.
//!
//! | You want | Read |
//! |---|---|
//! | stored rows that must be read for ever | `golden` |
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod golden;
