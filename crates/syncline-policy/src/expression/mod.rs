//! Expressions that a person writes to choose or compute one value of several.
//!
//! The language is CEL, the Common Expression Language, without what would make an answer depend on
//! anything but its input: no clock, no time stamps, no regular expressions; and no maps, but in a
//! [`Transformation`] and an [`EventFilter`]. What an
//! expression may cost is bounded before it ever runs, for the largest input that it is given.
//!
//! | You want | Read |
//! |---|---|
//! | a compiled expression and its answer | [`Expression`] |
//! | why a text is no expression | [`ExpressionError`] |
//! | the bound on what evaluating costs | `cost.rs` |
//! | what is sent of an event, made by an expression | [`Transformation`] |
//! | which events an endpoint gets | [`EventFilter`] |
//! | field values as the language sees them | `values.rs` |
//!
//! # Source
//!
//! The CEL language definition, `cel-expr/cel-spec`; how costs are estimated follows its section on
//! performance.

mod cost;
mod event_filter;
mod program;
mod transformation;
mod values;

pub use event_filter::{EventFilter, EventFilterError, EventFilterFailure};
pub use program::{Expression, ExpressionError};
pub use transformation::{Transformation, TransformationError, TransformationFailure};
