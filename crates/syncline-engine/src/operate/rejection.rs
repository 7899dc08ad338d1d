//! Why an operation was not applied.

use syncline_merge::error::{Advice, Refusal};
use syncline_policy::PushHeld;
use syncline_policy::view::WriteDenied;
use syncline_protocol::delta::Unfit;
use thiserror::Error;

use super::STATE_BYTES_MAX;

/// Why an operation was not applied. Nothing of it was.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Rejection {
    /// The record's state does not allow it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Its result is not kept any more: whether it was applied is unknown.
    #[error("operation {counter} is too old: results up to {floor} are not kept any more")]
    TooOld {
        /// The operation's counter.
        counter: u64,
        /// The highest counter whose result is not kept.
        floor: u64,
    },
    /// A counter is not between 1 and 2^63 - 1.
    #[error("a counter lies between 1 and 2^63 - 1")]
    Counter,
    /// The counter names another operation already.
    #[error("operation {counter} was one on another record: counters are never used again")]
    CounterReused {
        /// The operation's counter.
        counter: u64,
    },
    /// What the client says that it had seen is not what this hub has told it.
    #[error("the base is no token that this hub gave out for the record")]
    Base {
        /// Why, as a stable code.
        code: &'static str,
    },
    /// The client left out a part of the base that the hub cannot add any more.
    #[error("the record has changed since: say the base in full")]
    BaseShort,
    /// A large text was told by what differs from another value than the hub shows, or is damaged.
    #[error(transparent)]
    Delta(#[from] Unfit),
    /// The hub does not know the entity.
    #[error("the hub does not know this entity")]
    EntityUnknown,
    /// Who sent it may not do that.
    #[error(transparent)]
    Denied(#[from] WriteDenied),
    /// Who sent it may not emit events: it does not see everything.
    #[error("only who may see and write everything may emit events")]
    EventDenied,
    /// The event was emitted before, and said something else.
    #[error("an event of this id was emitted before, and said something else")]
    EventReused,
    /// Who sent it deletes or changes more than passes without an operator's word.
    #[error(transparent)]
    Held(#[from] PushHeld),
    /// An operation that must come first has not arrived yet.
    #[error("operation {counter}, which must come first, has not been applied")]
    Waits {
        /// The operation that is missing.
        counter: u64,
    },
    /// An operation that must come first was refused for good.
    #[error("operation {counter}, which must come first, was refused")]
    AfterRefused {
        /// The operation that was refused.
        counter: u64,
    },
    /// The record would grow beyond its bound. By how much tells of fields that may not be in sight.
    #[error("the record would have more than {STATE_BYTES_MAX} bytes")]
    TooLarge,
    /// What the hub holds of the record cannot be read.
    #[error("what the hub holds of the record is damaged")]
    Damaged,
}

impl Rejection {
    /// Returns the stable code of the rejection.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.code(),
            Self::TooOld { .. } => "OPERATION_TOO_OLD",
            Self::Counter => "OPERATION_COUNTER_INVALID",
            Self::CounterReused { .. } => "OPERATION_COUNTER_REUSED",
            Self::Base { code } => code,
            Self::BaseShort => "BASE_SHORT",
            Self::Delta(unfit) => unfit.code(),
            Self::EntityUnknown => "OPERATION_ENTITY_UNKNOWN",
            Self::Denied(denied) => denied.code(),
            Self::EventDenied => "EVENT_DENIED",
            Self::EventReused => "EVENT_ID_REUSED",
            Self::Held(held) => held.code(),
            Self::Waits { .. } => "OPERATION_WAITS",
            Self::AfterRefused { .. } => "OPERATION_AFTER_REFUSED",
            Self::TooLarge => "RECORD_TOO_LARGE",
            Self::Damaged => "RECORD_DAMAGED",
        }
    }

    /// Returns what the client should do.
    pub const fn advice(&self) -> Advice {
        match self {
            Self::Refused(refusal) => refusal.advice(),
            Self::Waits { .. }
            | Self::Held(_)
            | Self::Damaged
            | Self::BaseShort
            | Self::Delta(_) => Advice::Retry,
            Self::TooOld { .. } | Self::Base { .. } => Advice::ReadAgain,
            Self::Counter
            | Self::CounterReused { .. }
            | Self::EntityUnknown
            | Self::Denied(_)
            | Self::EventDenied
            | Self::EventReused
            | Self::AfterRefused { .. }
            | Self::TooLarge => Advice::GiveUp,
        }
    }

    /// Returns whether the rejection is kept as the operation's result: it can never succeed, and
    /// the entity and the counter can be stored.
    pub(super) const fn is_final(&self) -> bool {
        let storable =
            !matches!(self, Self::Counter | Self::CounterReused { .. } | Self::EntityUnknown);
        storable && matches!(self.advice(), Advice::GiveUp)
    }
}
