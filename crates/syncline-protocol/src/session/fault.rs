//! Planted faults: known ways to lose changes on a live connection, switched on one at a time by the
//! suite that must catch them. Without the feature `planted-faults` every question here is answered
//! "no" at compile time.

/// A way to lose changes, or to break a bound, that the suite must catch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// A hub never tells a client what it wrote itself, whether or not a result has told it. This one
    /// is harmless: an operation whose result was lost is sent again, and then the result tells it.
    EchoLostAfterReconnect,
    /// A hub leaves out all changes of a record that a result has told, also newer ones.
    NewerLeftOut,
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
    /// A hub that has told what it has applied steps over what others have written in between.
    OthersSteppedOver,
    /// A hub takes ready-made changes that begin behind where the view stands.
    LiveAcrossGap,
    /// A hub leaves out of a snapshot what a result has told.
    SnapshotWithoutTold,
    /// A hub sends changes before the results of what they may hold.
    ChangesBeforeResults,
    /// A client stores changes before it knows what became of what it had sent.
    ChangesBeforeAnswers,
    /// A hub leaves out what a result has told, also that a view shows a record now, or no more.
    MovesLeftOut,
    /// A hub asks what a client holds before it has answered what it has taken.
    AskedBeforeResults,
    /// A hub goes on behind a snapshot from where the log stands when it hears what the client holds, not from
    /// where it stood when it asked.
    AnewFromLater,
    /// Whoever reads a delta takes whatever it makes of what is held.
    DeltaUnchecked,
    /// A client goes on with a lane whose first operation has to be sent again later.
    BehindOvertaken,
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
