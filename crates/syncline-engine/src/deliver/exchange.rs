//! What the machine and its shell say to each other.

use std::collections::BTreeSet;
use std::sync::Arc;

use syncline_model::id::{EndpointId, EntityName, Position, RecordId};
use thiserror::Error;

use super::breaker::BreakerState;
use super::cursor::{CursorRow, DisableReason, Disabled};
use super::delivery::{Delivery, EventRef};
use super::limits::Millis;
use super::settings::Settings;
use super::stored::LaneName;

/// One attempt to be made, which is counted already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sending {
    /// The endpoint.
    pub endpoint: EndpointId,
    /// Which of the endpoints of that id, one after the other: one that was removed and made anew is another.
    pub made: u64,
    /// What to send.
    pub event: Arc<EventRef>,
    /// Which attempt of this delivery it is, counted from 1; a replay counts anew.
    pub attempt: u32,
    /// Whether somebody has asked for it again.
    pub is_replay: bool,
}

/// What is to be read before anything else can be decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Load {
    /// A page of the log: answer with [`Dispatch::handle_entries`](super::Dispatch::handle_entries).
    Log(LogRead),
    /// The first deliveries of a lane: answer with [`Dispatch::handle_lane`](super::Dispatch::handle_lane).
    Lane(LaneRead),
    /// Rows of deliveries: answer with [`Dispatch::handle_rows`](super::Dispatch::handle_rows).
    Rows(RowsRead),
}

/// A page of the log that is to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogRead {
    /// For whom; nothing for all that read together.
    pub endpoint: Option<EndpointId>,
    /// Behind which position.
    pub after: Position,
    /// Up to which position, that one included.
    pub until: Position,
    /// Most entries to look at, whether they are events or not.
    pub entries_max: usize,
}

/// The rows of a lane that are to be read: the first ones of
/// [`Scan::Lane`](crate::rows::Scan::Lane), and their deliveries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneRead {
    /// The endpoint.
    pub endpoint: EndpointId,
    /// The type of record.
    pub entity: EntityName,
    /// Which record.
    pub id: RecordId,
    /// Most rows.
    pub rows_max: usize,
}

/// The rows of deliveries that are to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowsRead {
    /// The endpoint.
    pub endpoint: EndpointId,
    /// Which ones.
    pub positions: Vec<Position>,
}

/// What the store holds of an endpoint when the hub starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The endpoint.
    pub endpoint: EndpointId,
    /// What the operator has settled.
    pub settings: Arc<Settings>,
    /// Its cursor.
    pub cursor: CursorRow,
    /// The positions behind [`CursorRow::settled`] that have a row:
    /// [`Scan::Deliveries`](crate::rows::Scan::Deliveries) from there.
    pub rows: BTreeSet<Position>,
    /// Its rows of [`Scan::Due`](crate::rows::Scan::Due), in their order, each with its lane
    /// ([`decode_due`](super::decode_due)).
    pub due: Vec<(Millis, Position, LaneName)>,
}

/// Something that an operator should know.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// An endpoint did nothing but fail for some part of the time after which it is disabled.
    WillDisable {
        /// The endpoint.
        endpoint: EndpointId,
        /// Which part, in per cent.
        percent: u8,
        /// When it is disabled, in milliseconds since the Unix epoch.
        disable_at_ms: Millis,
    },
    /// An endpoint was disabled.
    Disabled {
        /// The endpoint.
        endpoint: EndpointId,
        /// Why.
        reason: DisableReason,
    },
    /// An endpoint is left alone for a while, or is not any more.
    Breaker {
        /// The endpoint.
        endpoint: EndpointId,
        /// How its breaker stands now.
        state: BreakerState,
    },
    /// A delivery was given up.
    Dead {
        /// The endpoint.
        endpoint: EndpointId,
        /// The event's place in the log.
        position: Position,
    },
    /// The row of a delivery that was not final is missing: the store lost it, or somebody deleted it.
    RowMissing {
        /// The endpoint.
        endpoint: EndpointId,
        /// The event's place in the log.
        position: Position,
    },
    /// A row of an endpoint cannot be read: nothing is sent to it until it is made anew, or the store is
    /// restored. It is the shell that finds this.
    Damaged {
        /// The endpoint.
        endpoint: EndpointId,
        /// The table of the row.
        table: &'static str,
    },
    /// A row that something was to be sent of cannot be read: that is lost, and what stands behind it goes on. It is
    /// the shell that finds this.
    RowDamaged {
        /// The endpoint whose row it is; nothing for an entry of the log.
        endpoint: Option<EndpointId>,
        /// The event's place in the log.
        position: Position,
        /// The table of the row.
        table: &'static str,
    },
    /// The row of a replay cannot be read: it does not go on. It is the shell that finds this.
    ReplayDamaged {
        /// The id of the replay.
        replay: Box<str>,
    },
    /// The row of a type of event in the catalogue cannot be read: such events are not emitted until the type is put
    /// anew, or the store is restored. It is the shell that finds this.
    EventTypeDamaged {
        /// The name of the row.
        row: Box<str>,
    },
    /// All deliveries of the hub stand still, since its store fails; they are taken up again once it does not. It
    /// is the shell that finds this.
    Stopped {
        /// The code of what failed.
        code: &'static str,
    },
}

impl Notice {
    /// Returns the stable word for it, as in answers, metrics and the audit.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::WillDisable { .. } => "endpoint_will_be_disabled",
            Self::Disabled { .. } => "endpoint_disabled",
            Self::Breaker { state: BreakerState::Closed, .. } => "breaker_closed",
            Self::Breaker { state: BreakerState::Open { .. }, .. } => "breaker_open",
            Self::Breaker { state: BreakerState::HalfOpen, .. } => "breaker_half_open",
            Self::Dead { .. } => "delivery_dead",
            Self::RowMissing { .. } => "delivery_missing",
            Self::Damaged { .. } => "endpoint_damaged",
            Self::RowDamaged { .. } => "row_damaged",
            Self::ReplayDamaged { .. } => "replay_damaged",
            Self::EventTypeDamaged { .. } => "event_type_damaged",
            Self::Stopped { .. } => "deliveries_stopped",
        }
    }

    /// Returns the endpoint that it is of, if it is of one.
    pub const fn endpoint(&self) -> Option<&EndpointId> {
        match self {
            Self::WillDisable { endpoint, .. }
            | Self::Disabled { endpoint, .. }
            | Self::Breaker { endpoint, .. }
            | Self::Dead { endpoint, .. }
            | Self::RowMissing { endpoint, .. }
            | Self::Damaged { endpoint, .. } => Some(endpoint),
            Self::RowDamaged { endpoint, .. } => endpoint.as_ref(),
            Self::ReplayDamaged { .. } | Self::EventTypeDamaged { .. } | Self::Stopped { .. } => {
                None
            }
        }
    }
}

/// Why something that a person asks for is not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Refusal {
    /// There is no such endpoint.
    #[error("there is no such endpoint")]
    EndpointUnknown,
    /// There are too many endpoints.
    #[error("there are {endpoints_max} endpoints already, which is the most")]
    TooManyEndpoints {
        /// How many there may be.
        endpoints_max: usize,
    },
    /// There is no such delivery, or not yet.
    #[error("there is no such delivery that waits")]
    DeliveryUnknown,
    /// An attempt is under way.
    #[error("an attempt is under way; ask again when it has ended")]
    UnderWay,
    /// The endpoint is not disabled.
    #[error("the endpoint is not disabled")]
    NotDisabled,
    /// No test has reached it lately.
    #[error(
        "no test has reached the endpoint since it was disabled and got its address, in the last {minutes} minutes; send one first"
    )]
    NotTested {
        /// How long a test counts.
        minutes: u64,
    },
    /// The endpoint still takes over what a former life of the hub has left.
    #[error("the endpoint still reads what it had claimed before the hub was started; ask again")]
    Recovering,
}

impl Refusal {
    /// Returns the stable code of the error.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::EndpointUnknown => "ENDPOINT_UNKNOWN",
            Self::TooManyEndpoints { .. } => "ENDPOINT_TOO_MANY",
            Self::DeliveryUnknown => "DELIVERY_UNKNOWN",
            Self::UnderWay | Self::Recovering => "DELIVERY_UNDER_WAY",
            Self::NotDisabled => "ENDPOINT_NOT_DISABLED",
            Self::NotTested { .. } => "ENDPOINT_NOT_TESTED",
        }
    }
}

/// What becomes of the events that came while an endpoint was disabled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backlog {
    /// They are delivered now.
    Deliver,
    /// They are left out, up to this position; they can be replayed.
    Skip {
        /// Up to where, that one included.
        to: Position,
    },
}

/// One delivery that is to be made again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replay {
    /// The event.
    pub event: Arc<EventRef>,
    /// The delivery's row, if there is one.
    pub row: Option<Delivery>,
}

/// What became of deliveries that were to be made again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// How many were looked at, from the first on; the others are to be given again later.
    pub looked_at: usize,
    /// How many of these are made again; the others were not final, or cannot be yet.
    pub taken: usize,
}

/// How an endpoint is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndpointFacts {
    /// How many deliveries are in memory. What waits on disk behind those that fail is not counted.
    pub pending: usize,
    /// How many of them wait for another try.
    pub retrying: usize,
    /// How many are being sent.
    pub in_flight: u32,
    /// Since when the oldest delivery in memory waits, in milliseconds since the Unix epoch: since its event was taken,
    /// or since it is made again.
    pub oldest_ms: Option<Millis>,
    /// Up to where it has read the log.
    pub read_to: Position,
    /// Behind which position the log is still needed for it.
    pub settled: Position,
    /// How many entries of the log it has not read yet.
    pub lag: u64,
    /// How its breaker stands.
    pub breaker: BreakerState,
    /// Before when nothing is sent because it has asked for a pause; 0 if it has not.
    pub hold_until_ms: Millis,
    /// Whether and why it is disabled.
    pub disabled: Option<Disabled>,
    /// Since when it did nothing but fail, if so.
    pub failing_since_ms: Option<Millis>,
    /// When it is disabled if it goes on failing.
    pub disable_at_ms: Option<Millis>,
}
