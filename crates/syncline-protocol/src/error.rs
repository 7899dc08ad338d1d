//! Why a message cannot be read, or an operation not be written.

use syncline_model::cursor::CursorError;
use syncline_model::id::IdError;
use syncline_model::json::JsonError;
use syncline_model::path::{Path, PathError};
use thiserror::Error;

use crate::problem::Problem;
use crate::token::TokenError;

/// Why a message, a body or an operation cannot be read.
///
/// It says where and what would have been right, never what stood there.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MessageError {
    /// It is larger than any such message.
    #[error("{what}: {found} found, at most {max} are accepted")]
    TooLarge {
        /// What there is too much of.
        what: &'static str,
        /// How much of it there is.
        found: usize,
        /// Most that is accepted.
        max: usize,
    },
    /// A part of it is not the JSON that it should be.
    #[error("{place}: {source}, counted from byte {start}")]
    Json {
        /// Which part.
        place: &'static str,
        /// Where the part begins, in bytes from the start of the message.
        start: usize,
        /// What is wrong with the part.
        source: JsonError,
    },
    /// A member is lacking.
    #[error("`{name}` is lacking in the object at byte {start}")]
    Lacking {
        /// The member.
        name: &'static str,
        /// Where the object begins, in bytes from the start of the message.
        start: usize,
    },
    /// A member is there that has no meaning.
    #[error("the member at byte {start} has no meaning here")]
    Unknown {
        /// Where it begins, in bytes from the start of the message.
        start: usize,
    },
    /// A part of it has another form.
    #[error("{place} at byte {start}: expected {expected}")]
    Form {
        /// Which part.
        place: &'static str,
        /// Where it begins, in bytes from the start of the message.
        start: usize,
        /// What would have been right.
        expected: &'static str,
    },
    /// A name or an id is none.
    #[error("byte {start}: {source}")]
    Id {
        /// Where it begins, in bytes from the start of the message.
        start: usize,
        /// Why it is none.
        source: IdError,
    },
    /// A path is none.
    #[error("byte {start}: {source}")]
    Path {
        /// Where it begins, in bytes from the start of the message.
        start: usize,
        /// Why it is none.
        source: PathError,
    },
    /// A token is none.
    #[error(transparent)]
    Base(#[from] TokenError),
    /// A cursor is none.
    #[error(transparent)]
    Cursor(#[from] CursorError),
    /// An operation writes one field twice by the same part.
    #[error("`{path}` is written twice by one part of the operation")]
    Twice {
        /// The field.
        path: Path,
    },
    /// A value is nested too deeply for the field.
    #[error("`{path}` would be nested too deeply")]
    TooDeep {
        /// The field.
        path: Path,
    },
    /// A name was given by an index that no name has; something of the connection was lost.
    #[error("the index at byte {start} has no name")]
    UnknownName {
        /// Where it begins, in bytes from the start of the message.
        start: usize,
    },
}

impl MessageError {
    /// Returns the stable code of the error in a message or a body.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "MESSAGE_TOO_LARGE",
            Self::Base(error) => error.code(),
            Self::Cursor(error) => error.code(),
            _ => "MESSAGE_MALFORMED",
        }
    }

    /// Returns the problem as the answer to one operation.
    pub fn to_operation_problem(&self) -> Problem {
        let code = match self {
            Self::Base(error) => error.code(),
            _ => "OPERATION_MALFORMED",
        };
        self.with_code(code)
    }

    /// Returns the problem as the answer to a message or a body.
    pub fn to_problem(&self) -> Problem {
        self.with_code(self.code())
    }

    /// Returns whether the fault is not one of the operation but of the connection: it would be
    /// accepted by another one.
    pub(crate) const fn is_of_connection(&self) -> bool {
        matches!(self, Self::UnknownName { .. })
    }

    fn with_code(&self, code: &'static str) -> Problem {
        Problem { code: code.into(), detail: self.to_string().into(), is_retryable: false }
    }
}

/// Why an operation has no form in which it could be sent.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Unwritable {
    /// It writes nothing.
    #[error("the operation writes nothing")]
    Empty,
    /// It writes one field twice by the same part.
    #[error("the operation writes `{path}` twice by the same part")]
    Twice {
        /// The field.
        path: Path,
    },
    /// Its parts meet in a field and are not in the order in which they are carried out.
    #[error("the operation writes `{path}` in another order than operations are carried out in")]
    Order {
        /// The field.
        path: Path,
    },
    /// A part is one that only a hub makes.
    #[error("the operation writes `{path}` as only a hub does")]
    Foreign {
        /// The field.
        path: Path,
    },
    /// It stands in for an operation that could not be read.
    #[error("the operation could not be read")]
    Unread,
}

impl Unwritable {
    /// Returns the stable code of the error.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Empty
            | Self::Twice { .. }
            | Self::Order { .. }
            | Self::Foreign { .. }
            | Self::Unread => "OPERATION_MALFORMED",
        }
    }
}
