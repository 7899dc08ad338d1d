//! Planted faults: known ways to lose data, switched on one at a time by the suite that must
//! catch them. Without the feature `planted-faults` every question here is answered "no" at
//! compile time.

/// A way to lose data or to diverge that the suite must catch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// A state is joined by "greatest clock per site" although it lacks paths that were withheld.
    WithheldPathsDeleteAtHome,
    /// A roaming client's token is joined into the record's version.
    BaseJoinedIntoVersion,
    /// A roaming client's token is ignored: an operation whose base is missing here is applied.
    BaseNotChecked,
    /// Queued operations of one writer do not cover each other.
    OwnOperationsConflict,
    /// A register keeps only the value that is shown.
    LosersDropped,
    /// A rule prunes the state it displays.
    RulePrunes,
    /// A plain writer without a base adds its counter instead of stating a floor.
    BlindCounterAdds,
    /// After a crash between write-back and confirmation the old base is used.
    IntentForgotten,
    /// An operation is tried again at another hub, which does not know its result.
    RetriedElsewhere,
    /// A forgotten tombstone leaves no floor.
    NoFloor,
    /// A restored hub goes on with its old site.
    StampsReused,
    /// A hub settles every conflict that a rule can decide, and answers the settlements of others.
    SettledByRule,
    /// Re-creation keeps the fields of the deleted life.
    OldFieldsShown,
    /// Removing a keyed member removes its fields.
    MembersTorn,
    /// Join cuts edit times to the local clock.
    JoinClampsClocks,
    /// Writes without a base pile up without bound.
    BlindWritesGrow,
    /// A partial state is joined as if it were whole.
    FieldDeltasWithoutStart,
    /// The exchange skips a record whose greatest clock the peer has seen.
    HighestClockSkips,
    /// After an undo every writer counts as having seen all of the record.
    UndoSeesAll,
    /// A domain that leads to another folder is taken for the one that was known.
    MoveNotSeen,
    /// A side makes a private record public although the other says what it has not seen.
    PublicByEither,
    /// Who meets a record anew contradicts only what was written once, not who holds it.
    NothingUpheld,
    /// An item is read under the names of today, whatever it was written under.
    NamesOfToday,
}

#[cfg(feature = "planted-faults")]
mod switch {
    use super::Fault;
    use std::cell::Cell;

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

#[cfg(feature = "planted-faults")]
pub use switch::{is_planted, with_fault};

/// Returns whether `fault` is planted: never, without the feature `planted-faults`.
#[cfg(not(feature = "planted-faults"))]
pub const fn is_planted(_fault: Fault) -> bool {
    false
}
