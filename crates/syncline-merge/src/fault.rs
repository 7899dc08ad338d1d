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
    /// A hub that joins late is not told what its peers have forgotten.
    LateHubNotToldWhatIsGone,
    /// Values for which a rule fails are left out, and it is asked for the others.
    FailedRuleLeavesOut,
    /// A digest is one of the fields alone, not of what keeps or deletes their record.
    DigestOfFields,
    /// Who takes a batch takes it for known also where records were withheld whole.
    WithheldRecordCountsAsKnown,
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
    /// Of what a site has added to a sum, the count that was here first stays.
    FirstCountStays,
    /// What a site has added to a sum counts again with a state that says the same.
    AddedAgain,
    /// The token that answers an operation does not hold its change.
    TokenWithoutOwn,
    /// Removing an element removes also those additions that its writer had not seen.
    RemovalTakesUnseen,
    /// A write says anew all fields that its writer had seen.
    WrittenWhole,
    /// Edits within ten seconds of each other count as made at once: the greater site wins.
    AlmostAtOnce,
    /// Numbers within a value are written anew, in their shortest form.
    NumbersShortened,
    /// A domain that lacks a field which left its scope is taken to have removed it.
    ScopeTakenForRemoval,
    /// An undo leaves the target's file as it is.
    UndoForgetsTarget,
    /// An undo of a file that was edited since forgets one record.
    UndoForgetsRecord,
    /// An undo of a file that was edited since brings back all of it.
    UndoTakesEdits,
    /// A domain that holds what the hub knows of it is taken to have edited it.
    EchoTakenForEdit,
    /// Who is shown a value that waits for approval replaces it, as if it were settled.
    ProvisionalReplaced,
    /// A value that waits for approval counts as settled by its rule.
    ProvisionalSettles,
    /// While a value waits for approval, its writer goes on seeing its own.
    ProvisionalNotForAll,

    /// A reader is told the fields of a stretch of the log although the record changed again behind it.
    FieldsOfOldStretch,
    /// A reader is told fields although it sees a value of its own in a conflict.
    FieldsWhileWaiting,
    /// A reader is told fields of a record that began within the stretch.
    FieldsOfNewRecord,
    /// A reader is not told that a record went out of its sight.
    MoveOutNotTold,
    /// A reader is told only the fields of a record that came into its sight.
    MoveInAsFields,
    /// A reader is told that a record is gone which it never saw.
    UnseenToldGone,
    /// A reader is told that a field has no value any more which it does not see.
    HiddenUnset,
    /// A reader is told fields of a record which it does not see.
    HiddenTold,
    /// A token says that a field was seen which its holder does not see.
    HiddenClaimed,
    /// The token of a deletion says what is kept of the record.
    DeletedClaimed,
    /// Who had seen nothing of a deleted record brings it back by writing to it.
    DeletedBroughtBack,
    /// A reader is told the values of conflicts that were decided before the record came into its sight.
    PastConflictsTold,
    /// A reader who is not told everything is told of changes up to now only, of a stretch that ends before.
    LaterNotRead,
    /// The cursor of a page that is full stands behind what was left out of it.
    CursorBehindLeftOut,
    /// After a snapshot the log goes on from where the snapshot ended.
    SnapshotSkips,
    /// What a client holds alike but for a conflict that waits is not told to it.
    WaitingIsSame,
    /// A stretch that a client holds, and of which the hub shows nothing, counts as held alike.
    NothingIsSame,
    /// A client is told that an operation was applied, and nothing of what it did not predict.
    TruthNotTold,
    /// A client that had not seen all of a record is told only what it did not predict.
    MergedNotTold,
    /// A base whose details were left out is taken to have seen all that there is now.
    ShortBaseGuessed,
    /// A reader is told a token without its details although it holds others.
    DetailsLeftOut,
    /// The guard of pushes counts each group of operations for itself.
    PushesCountedAlone,

    /// After a crash an event that was claimed counts as never attempted.
    ClaimedCountsAsFresh,
    /// A cursor does not say which events it has passed over.
    WaitingNotInCursor,
    /// An attempt is counted only when it has ended.
    SentBeforeCounted,
    /// A delivery is tried for ever.
    AttemptsUnbounded,
    /// An attempt of which nobody knows what came, because the hub ended, counts as the last one of its
    /// schedule.
    CutOffCountsAsLast,
    /// The others of a lane go on while its first one waits for another try.
    FailedLeavesLane,
    /// Between the end of a delivery and the next of its lane, nothing on disk says that the lane goes on.
    DueForgotten,
    /// The others of a lane are left on disk, and its first one is not.
    ParkedWithoutFirst,
    /// The next of a lane, of which others are on disk, is not.
    NextWithoutRow,
    /// What was counted and had to wait is sent although its endpoint must be left alone by now.
    CountedGoesOut,
    /// What was counted and is put back counts as attempted.
    PutBackStaysCounted,
    /// That an endpoint has asked for a pause is not in the row of its cursor.
    PauseForgotten,
    /// That an endpoint is left alone because it fails is not in the row of its cursor.
    RestForgotten,
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

    /// Returns the fault that is planted in this thread.
    pub fn planted() -> Option<Fault> {
        ACTIVE.with(Cell::get)
    }

    /// Plants a fault in this thread for as long as it lives: for one that somebody else has begun.
    pub fn plant(fault: Option<Fault>) {
        ACTIVE.with(|active| active.set(fault));
    }

    /// Returns whether `fault` is planted in this thread.
    pub fn is_planted(fault: Fault) -> bool {
        ACTIVE.with(Cell::get) == Some(fault)
    }
}

#[cfg(feature = "planted-faults")]
pub use switch::{is_planted, plant, planted, with_fault};

/// Returns the fault that is planted in this thread: none, without the feature `planted-faults`.
#[cfg(not(feature = "planted-faults"))]
pub const fn planted() -> Option<Fault> {
    None
}

/// Plants nothing, without the feature `planted-faults`.
#[cfg(not(feature = "planted-faults"))]
pub const fn plant(_fault: Option<Fault>) {}

/// Returns whether `fault` is planted: never, without the feature `planted-faults`.
#[cfg(not(feature = "planted-faults"))]
pub const fn is_planted(_fault: Fault) -> bool {
    false
}
