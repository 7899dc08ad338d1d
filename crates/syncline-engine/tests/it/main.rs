//! Tests of the engine through its public parts.
//!
//! | You want | Read |
//! |---|---|
//! | stored rows that must be read for ever | `golden` |
//! | deliveries, whatever happens to hub and receivers | `deliveries` |
//! | the rows of deliveries | `delivery_rows` |
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod deliveries;
mod delivery_rows;
mod delivery_world;
mod golden;
