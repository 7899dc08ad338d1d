//! Why a served hub did not do what it was asked to.

use std::sync::Arc;

use syncline_model::cursor::CursorError;
use syncline_model::id::Position;
use syncline_protocol::problem::Problem;
use syncline_protocol::token::TokenError;
use syncline_store::StoreError;
use thiserror::Error;

use crate::error::HubError;
use crate::writer::WriterError;

/// Why a served hub did not do what it was asked to.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum ServeError {
    /// Too many operations wait. Nothing was applied.
    #[error("the hub is busy: too many operations wait")]
    Busy,
    /// The writer did not answer; operations are sent again with the same ids.
    #[error(transparent)]
    Writer(WriterError),
    /// The hub failed.
    #[error(transparent)]
    Hub(Arc<HubError>),
    /// The cursor cannot be used here.
    #[error(transparent)]
    Cursor(#[from] CursorError),
    /// The cursor stands where the hub has not been: the hub has lost what came before.
    #[error("the cursor stands at {} and the log ends at {}", .position.0, .end.0)]
    CursorAhead {
        /// Where the cursor stands.
        position: Position,
        /// Where the log ends.
        end: Position,
    },
    /// What follows the cursor is not kept any more.
    #[error("the log does not reach back to the cursor, which stands at {}", .position.0)]
    CursorExpired {
        /// Where the cursor stands.
        position: Position,
    },
    /// The cursor is one of somebody who was told something else.
    #[error("the cursor belongs to another view, or to other rights than the token has now")]
    CursorScope,
    /// Somebody else speaks as this client.
    #[error("somebody else speaks as this client; take another name for it")]
    ClientOfAnother,
    /// The hub was configured with no view of that name.
    #[error("the hub has no view of this name")]
    ViewUnknown,
    /// What was seen of a record is told by a token that is none of it.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The hub does not serve the entity.
    #[error("the hub does not know this entity")]
    EntityUnknown,
    /// The log does not reach back so far any more.
    #[error("what was before position {} of the log is forgotten", .horizon.0 + 1)]
    PastForgotten {
        /// The last position that is forgotten.
        horizon: Position,
    },
    /// The state lies too far back in the log to be found by reading it.
    #[error("the record's past lies more than {entries_max} changes of the log back")]
    TooFarBack {
        /// How many changes are read at most.
        entries_max: usize,
    },
}

impl ServeError {
    /// Returns the stable code of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Busy => "HUB_BUSY",
            Self::Writer(error) => error.code(),
            Self::Hub(error) => error.code(),
            Self::Cursor(error) => error.code(),
            Self::CursorAhead { .. } => "CURSOR_AHEAD",
            Self::CursorExpired { .. } => "CURSOR_EXPIRED",
            Self::CursorScope => "CURSOR_SCOPE",
            Self::ClientOfAnother => "CLIENT_OF_ANOTHER",
            Self::ViewUnknown => "VIEW_UNKNOWN",
            Self::Token(error) => error.code(),
            Self::EntityUnknown => "OPERATION_ENTITY_UNKNOWN",
            Self::PastForgotten { .. } => "HISTORY_FORGOTTEN",
            Self::TooFarBack { .. } => "HISTORY_TOO_FAR",
        }
    }

    /// Returns the table of a row that cannot be read, if that is what failed.
    pub fn damaged_table(&self) -> Option<&'static str> {
        match self {
            Self::Hub(error) => match &**error {
                HubError::Damaged { table, .. } | HubError::Row { table } => Some(table),
                _ => None,
            },
            _ => None,
        }
    }

    /// Returns whether the same request may succeed later.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Busy | Self::Writer(_) => true,
            Self::Hub(error) => error.is_transient(),
            _ => false,
        }
    }

    /// Returns whether what was asked for may have been done although there is an error.
    pub const fn is_unknown(&self) -> bool {
        matches!(self, Self::Writer(WriterError::OutcomeUnknown))
    }

    /// Returns the error as a person and a program are told. It holds no value of a record.
    pub fn problem(&self) -> Problem {
        Problem {
            code: self.code().into(),
            detail: self.to_string().into(),
            is_retryable: self.is_retryable(),
        }
    }
}

impl From<HubError> for ServeError {
    fn from(error: HubError) -> Self {
        Self::Hub(Arc::new(error))
    }
}

impl From<StoreError> for ServeError {
    fn from(error: StoreError) -> Self {
        Self::Hub(Arc::new(error.into()))
    }
}

impl From<WriterError> for ServeError {
    fn from(error: WriterError) -> Self {
        match error {
            WriterError::Busy => Self::Busy,
            error => Self::Writer(error),
        }
    }
}
