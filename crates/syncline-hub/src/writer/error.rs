//! Why the writer did not answer an operation.

use std::sync::Arc;

use syncline_store::Advice;
use thiserror::Error;

use crate::error::HubError;

/// Why the writer did not answer an operation. The operation itself may be sound.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum WriterError {
    /// Too many commands wait. Nothing was applied.
    #[error("too many commands wait for the hub")]
    Busy,
    /// The writer has ended. Nothing was applied.
    #[error("the hub's writer has ended")]
    Stopped {
        /// The code of the failure that ended it; `None` if someone asked it to.
        code: Option<&'static str>,
    },
    /// The group could not be committed. Nothing was applied now; what an earlier sending of unknown
    /// outcome did stays as it is.
    #[error("the hub could not commit the operation")]
    Failed {
        /// What went wrong.
        #[source]
        source: Arc<HubError>,
    },
    /// The hub failed on the way: the operation was applied or not.
    #[error("whether the operation was applied is unknown; send it again with the same id")]
    OutcomeUnknown,
}

impl WriterError {
    /// Returns the stable code of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Busy => "WRITER_BUSY",
            Self::Stopped { .. } => "WRITER_STOPPED",
            Self::Failed { source } => source.code(),
            Self::OutcomeUnknown => "OUTCOME_UNKNOWN",
        }
    }

    /// Returns what the sender should do. Sending the same operation again, with the same id, is
    /// always safe.
    pub fn advice(&self) -> Advice {
        match self {
            Self::Busy => Advice::Retry,
            Self::Stopped { .. } | Self::OutcomeUnknown => Advice::Reopen,
            Self::Failed { source } => match &**source {
                HubError::Store(error) => error.advice(),
                _ => Advice::AskHuman,
            },
        }
    }
}
