//! Faults that are planted to see that the checks find them.

use crate::store::StoreFault;

/// A defect of a hub, switched on for a whole run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PlantedFault {
    /// The store breaks a promise.
    Store(StoreFault),
    /// An operation that comes again is applied again.
    OperationsNotDeduplicated,
    /// The place in a peer's log is stored before the states that lead there.
    CursorBeforeApply,
    /// The audit's entry is committed after the change it tells of, in a transaction of its own.
    AuditOutsideTransaction,
    /// A conflict whose values are replaced is removed from the list.
    ConflictsForgotten,
    /// The clock is not stored: after a restart it starts with the wall.
    ClockNotStored,
    /// A peer's state is joined however far its clock is ahead.
    DriftNotChecked,
    /// Fields that no rule names are dropped when a peer's state arrives.
    UnknownFieldsDropped,
    /// An operation that comes again is told the hub's latest change.
    LatestChangeTold,
    /// A file that cannot be read counts as an empty one, and no guard is set.
    EmptiedFileDeletes,
}

impl PlantedFault {
    /// Every fault that the simulation itself can plant; more are in `syncline_merge::fault`.
    pub const ALL: [Self; 12] = [
        Self::Store(StoreFault::AcknowledgesBeforeSync),
        Self::Store(StoreFault::IgnoresFailedSync),
        Self::Store(StoreFault::NotFenced),
        Self::OperationsNotDeduplicated,
        Self::CursorBeforeApply,
        Self::AuditOutsideTransaction,
        Self::ConflictsForgotten,
        Self::ClockNotStored,
        Self::DriftNotChecked,
        Self::UnknownFieldsDropped,
        Self::LatestChangeTold,
        Self::EmptiedFileDeletes,
    ];

    /// Returns the requirement by which it is to show.
    pub const fn requirement(self) -> &'static str {
        match self {
            // Two hubs at one store apply an operation each.
            Self::Store(StoreFault::NotFenced) | Self::OperationsNotDeduplicated => "I6",
            Self::Store(_) => "I2",
            Self::CursorBeforeApply => "I16",
            Self::AuditOutsideTransaction => "I4",
            Self::ConflictsForgotten => "I10",
            Self::ClockNotStored | Self::DriftNotChecked => "I14",
            // A state that comes back without a field takes it away where it came from.
            Self::UnknownFieldsDropped | Self::LatestChangeTold => "I5",
            Self::EmptiedFileDeletes => "I19",
        }
    }

    /// Returns the fault of the store, if it is one.
    pub const fn of_store(self) -> Option<StoreFault> {
        match self {
            Self::Store(fault) => Some(fault),
            _ => None,
        }
    }
}
