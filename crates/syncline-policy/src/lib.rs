//! Gates as decisions: what may cross, who may do what, and what stops a run.
//!
//! This crate owns the answers and none of the acts: it reads no file, no clock and no environment,
//! and writes nothing. A caller brings paths, values and counts, and gets a decision. It never
//! merges, and never sees a record as a whole.
//!
//! # Where to look
//!
//! | You want | Read |
//! |---|---|
//! | whether a field crosses between a domain and the hub | [`DomainPolicy`], [`EntityGate`] |
//! | whether a record crosses at all | [`RecordRule`], [`Condition`] |
//! | whether a user may read or write | [`Permissions`] |
//! | whether a plan deletes or rewrites too much | [`guard`] |
//! | whether a client of a served hub does | [`PushGuard`] |
//! | a value computed from concurrent ones, by an expression | [`Expression`] |
//! | which records and fields a client follows | [`view`] |
//! | whether a run reads too much or takes too long | [`Limits`] |
//!
//! # What this crate promises
//!
//! - **Refusal is the safe side.** A field under a rule is withheld with everything inside of it; an
//!   array that holds something withheld is withheld whole; with permissions, whatever is not
//!   granted is refused.
//! - **Silent.** Errors carry names and counts, never values.
//!
//! # Example
//!
//! ```
//! use syncline_policy::guard::{Guard, Origin, Toll, judge};
//!
//! let toll = Toll {
//!     entity: "contacts",
//!     side: "business",
//!     size_before: 100,
//!     deletes: 99,
//!     changes: 0,
//!     origin: Origin::Holds,
//! };
//! assert_eq!(judge(toll, &Guard::default()).unwrap_err().code(), "SAFETY_STOP");
//! ```

mod condition;
mod expression;
mod gate;
pub mod guard;
pub mod limits;
mod permissions;
pub mod view;

pub use condition::Condition;
pub use expression::{
    EventFilter, EventFilterError, EventFilterFailure, Expression, ExpressionError, Transformation,
    TransformationError, TransformationFailure,
};
pub use gate::{
    Action, Crossing, Direction, DomainPolicy, EntityGate, Fallback, Judgement, MASK, MaskError,
    RecordRule, Rule,
};
pub use guard::{
    Advice, Counted, Deed, Guard, Hold, Origin, PushGuard, PushHeld, PushLimits, SafetyStop,
    Threshold, ThresholdError, Toll,
};
pub use limits::Limits;
pub use permissions::{Access, EVERYBODY, Grant, PermissionDenied, Permissions};
