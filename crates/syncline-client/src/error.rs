//! What can go wrong with a client.

use std::path::PathBuf;

use syncline_merge::text::ot::OperationError;
use syncline_model::id::IdError;
use syncline_model::json::{JsonError, NumberError};
use syncline_model::path::PathError;
use syncline_protocol::error::Unwritable;
use thiserror::Error;

/// Why a client could not do what it was asked to. Whatever was queued before stays queued.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ClientError {
    /// A name or an id is not one.
    #[error(transparent)]
    Id(#[from] IdError),
    /// An edit cannot be made.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// What is kept on this device cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The address of the hub is not one.
    #[error("the address of a hub begins with http:// or https:// and names a host")]
    Address,
    /// The queue is full.
    #[error("{queued} operations wait to be sent; no more are accepted until some were")]
    QueueFull {
        /// How many wait.
        queued: u64,
    },
    /// No such operation was set aside.
    #[error("operation {counter} is not among those set aside")]
    OperationUnknown {
        /// The counter that was named.
        counter: u64,
    },
    /// What was waited for did not come in time.
    #[error("it did not happen within {waited_ms} ms; nothing is lost by that")]
    Timeout {
        /// How long was waited, in milliseconds.
        waited_ms: u64,
    },
    /// The client was closed or logged out.
    #[error("the client is closed")]
    Closed,
    /// The machine gives no random numbers or no thread.
    #[error("the machine gives no {what}")]
    Machine {
        /// What it does not give.
        what: &'static str,
    },
}

/// Why an edit cannot be made. Nothing of it was.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EditError {
    /// A path is not one.
    #[error(transparent)]
    Path(#[from] PathError),
    /// A value is not one.
    #[error(transparent)]
    Value(#[from] JsonError),
    /// A number is not one.
    #[error(transparent)]
    Number(#[from] NumberError),
    /// An edit of a text does not fit.
    #[error(transparent)]
    Text(#[from] OperationError),
    /// It cannot be said in one operation of the protocol.
    #[error(transparent)]
    Unwritable(#[from] Unwritable),
    /// A text is edited where there is none.
    #[error("the field holds no text")]
    NotAText,
    /// The edit writes nothing.
    #[error("the edit writes no field")]
    Empty,
    /// What the edit writes is larger than any message.
    #[error(
        "the edit takes {bytes} bytes, more than the {} of a message",
        crate::limits::OPERATION_BYTES_MAX
    )]
    TooLarge {
        /// How many bytes it takes as JSON.
        bytes: usize,
    },
}

/// Why what is kept on the device cannot be read or written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// SQLite says no.
    #[error("cannot {action}")]
    Sqlite {
        /// What was tried.
        action: &'static str,
        /// What SQLite says.
        #[source]
        source: rusqlite::Error,
    },
    /// A file cannot be used.
    #[error("cannot {action} {}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// Which file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// Another process has the file open.
    #[error("{} is open in another process", path.display())]
    Locked {
        /// Which file.
        path: PathBuf,
    },
    /// A newer program wrote the file.
    #[error("the file has format {found}; this program reads up to {supported_max}")]
    TooNew {
        /// The format found.
        found: i64,
        /// The newest format that this program reads.
        supported_max: i64,
    },
    /// The file belongs to another program.
    #[error("{} is not the file of a client", path.display())]
    Foreign {
        /// Which file.
        path: PathBuf,
    },
    /// A row cannot be read.
    #[error("a row of `{table}` cannot be read")]
    Damaged {
        /// Which table.
        table: &'static str,
    },
    /// The file is sealed with another key.
    #[error("the file is sealed with another key")]
    Key,
    /// The file is sealed, and no key was given.
    #[error("the file is sealed, and no key was given")]
    Sealed,
    /// A key was given, and the file is not sealed.
    #[error("the file is not sealed; `change_key` seals it")]
    NotSealed,
    /// Nothing can be sealed: the machine gives no random numbers.
    #[error("the machine gives no random numbers, so nothing can be sealed")]
    Unsealable,
}

impl ClientError {
    /// Returns the stable code of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Id(error) => error.code(),
            Self::Edit(error) => error.code(),
            Self::Store(error) => error.code(),
            Self::Address => "CLIENT_ADDRESS_INVALID",
            Self::QueueFull { .. } => "CLIENT_QUEUE_FULL",
            Self::OperationUnknown { .. } => "CLIENT_OPERATION_UNKNOWN",
            Self::Timeout { .. } => "CLIENT_TIMEOUT",
            Self::Closed => "CLIENT_CLOSED",
            Self::Machine { .. } => "CLIENT_MACHINE",
        }
    }
}

impl EditError {
    /// Returns the stable code of the error.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Path(error) => error.code(),
            Self::Value(error) => error.code(),
            Self::Number(error) => error.code(),
            Self::Text(error) => error.code(),
            Self::Unwritable(error) => error.code(),
            Self::NotAText => "CLIENT_EDIT_NOT_A_TEXT",
            Self::Empty => "CLIENT_EDIT_EMPTY",
            Self::TooLarge { .. } => "CLIENT_EDIT_TOO_LARGE",
        }
    }
}

impl StoreError {
    /// Returns the stable code of the error.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Sqlite { .. } => "CLIENT_STORE_FAILED",
            Self::File { .. } => "CLIENT_STORE_FILE",
            Self::Locked { .. } => "CLIENT_STORE_LOCKED",
            Self::TooNew { .. } => "CLIENT_STORE_TOO_NEW",
            Self::Foreign { .. } => "CLIENT_STORE_FOREIGN",
            Self::Damaged { .. } => "CLIENT_STORE_DAMAGED",
            Self::Key | Self::Sealed | Self::NotSealed => "CLIENT_STORE_KEY",
            Self::Unsealable => "CLIENT_MACHINE",
        }
    }

    /// Says what was tried when SQLite said no.
    pub(crate) fn on(action: &'static str) -> impl Fn(rusqlite::Error) -> Self {
        move |source| Self::Sqlite { action, source }
    }
}
