//! What the two ends promise, alone and as a pair with a bad network between them.
//!
//! | You want | Read |
//! |---|---|
//! | the network, the clock, and what may happen | `world` |
//! | a hub of one table in memory; what it is to keep | `model` |
//! | a client's shell and its disk; what it may do | `shell` |
//! | the runs, and the planted faults that they find | `pair` |

mod model;
mod pair;
mod random;
mod shell;
mod world;

use syncline_model::id::{EntityName, RecordId};

/// A record's name.
type Key = (EntityName, RecordId);
