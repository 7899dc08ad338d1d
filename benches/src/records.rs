//! Believable records of the five entities of spec 001, made from a seed.
//!
//! Every record is a pure function of (seed, entity, number), so a file of a million records is
//! written as a stream, in constant memory, and is the same on every machine.

mod dice;
mod json;
mod plan;
mod shapes;
mod words;

pub use dice::Dice;
pub use json::Json;
pub use plan::{Plan, Side, write_entity_file};
pub use shapes::{Entity, fresh_value, record};
