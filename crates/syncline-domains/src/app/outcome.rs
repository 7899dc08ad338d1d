//! What became of a request.

use std::time::Duration;

use thiserror::Error;

use super::guard::Refusal;

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The status of the answer, or why there was none. Whether a status is a success is for the caller to say; a
    /// redirect is a status like any other.
    pub answer: Result<u16, Failure>,
    /// How long the receiver asks to be left alone, in milliseconds; at most a day.
    pub retry_after_ms: Option<u64>,
    /// How long it took, from the beginning to the status or the failure.
    pub duration: Duration,
    /// The beginning of what was answered, short and harmless.
    pub excerpt: Box<str>,
}

/// Why a request has no answer. Nothing of host, answer or request is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Failure {
    /// It may not be sent there.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The name of the host has no address.
    #[error("the name of the host has no address")]
    Unknown,
    /// No connection was made.
    #[error("no connection could be made")]
    Unreachable,
    /// The host is not trusted, or does not speak TLS as it should.
    #[error("the host could not be trusted")]
    NotTrusted,
    /// It took too long.
    #[error("{} took too long", phase.as_str())]
    TimedOut {
        /// What was waited for.
        phase: Phase,
    },
    /// The connection ended before there was an answer.
    #[error("the connection was lost before there was an answer")]
    Lost,
    /// What came is not HTTP.
    #[error("the answer is not HTTP")]
    Malformed,
    /// The request is larger than any that is sent.
    #[error("the request has {found} bytes, at most {max} are sent")]
    TooLarge {
        /// Its length, in bytes.
        found: usize,
        /// Most that is sent, in bytes.
        max: usize,
    },
}

/// What was waited for when the time was over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The addresses of the host, a connection, its encryption.
    Connection,
    /// The status of the answer.
    Answer,
}

impl Phase {
    /// Returns what was waited for, in words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connection => "connecting",
            Self::Answer => "the answer",
        }
    }
}

impl Failure {
    /// Returns the stable code of the failure.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.code(),
            Self::Unknown => "DELIVERY_HOST_UNKNOWN",
            Self::Unreachable => "DELIVERY_HOST_UNREACHABLE",
            Self::NotTrusted => "DELIVERY_HOST_NOT_TRUSTED",
            Self::TimedOut { .. } => "DELIVERY_TIMED_OUT",
            Self::Lost => "DELIVERY_CONNECTION_LOST",
            Self::Malformed => "DELIVERY_ANSWER_MALFORMED",
            Self::TooLarge { .. } => "DELIVERY_TOO_LARGE",
        }
    }
}
