//! Planted faults: known ways to lose changes on a live connection, switched on one at a time by the
//! suite that must catch them. Without the feature `planted-faults` every question here is answered
//! "no" at compile time.

/// A way to lose changes, or to break a bound, that the suite must catch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// A hub never tells a client what it wrote itself, whether or not a result has told it.
    EchoLostAfterReconnect,
    /// A client acknowledges changes, and goes on from there, before its shell has stored them.
    AckBeforeStored,
    /// A hub hands out a cursor behind what it has told.
    CursorBeyondTold,
    /// A client sends an operation again under another counter.
    ResentWithNewCounter,
    /// After a refusal the rest of the lane goes on.
    LaneGoesOn,
    /// A hub sends changes whether or not the client has acknowledged the former ones.
    WindowIgnored,
    /// A client that has lost its connection takes what it had sent for answered.
    UnansweredForgotten,
    /// A hub takes ready-made changes that begin behind where the view stands.
    LiveAcrossGap,
    /// A client goes on with a lane whose first operation has to be sent again later.
    BehindOvertaken,
    /// A client takes a batch of results for those of the push that it sent last.
    ResultsOfNewest,
}

#[cfg(any(test, feature = "planted-faults"))]
mod switch {
    use std::cell::Cell;

    use super::Fault;

    thread_local! {
        static ACTIVE: Cell<Option<Fault>> = const { Cell::new(None) };
    }

    /// Runs `body` with `fault` planted in this thread.
    pub fn with_fault<T>(fault: Fault, body: impl FnOnce() -> T) -> T {
        struct Restore(Option<Fault>);
        impl Drop for Restore {
            fn drop(&mut self) {
                ACTIVE.with(|active| active.set(self.0));
            }
        }
        let _restore = Restore(ACTIVE.with(|active| active.replace(Some(fault))));
        body()
    }

    /// Returns whether `fault` is planted in this thread.
    pub fn is_planted(fault: Fault) -> bool {
        ACTIVE.with(Cell::get) == Some(fault)
    }
}

#[cfg(any(test, feature = "planted-faults"))]
pub use switch::{is_planted, with_fault};

/// Returns whether `fault` is planted: never, without the feature `planted-faults`.
#[cfg(not(any(test, feature = "planted-faults")))]
pub const fn is_planted(_fault: Fault) -> bool {
    false
}
