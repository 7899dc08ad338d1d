//! What can go wrong with a store, and what to do then.

use std::path::PathBuf;

use thiserror::Error;

/// What a caller does about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Advice {
    /// Nothing was applied: try the same again, after a pause.
    Retry,
    /// Stop, do not acknowledge, and open the store again: it recovers what was acknowledged.
    Reopen,
    /// The same call can never succeed: change the call.
    GiveUp,
    /// Only a person can help; [`StoreError::remedy`] says how.
    AskHuman,
}

/// Why a store could not be opened, read or written.
///
/// Unless it is [`StoreError::Unknown`], an error of a commit means that nothing of the batch was
/// applied. Messages hold names of files, sizes and numbers, never a value.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Another process has the store open.
    #[error("{path} is open in another process ({holder})")]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// What the lock file says of its holder: `pid 4711`, or that it says nothing.
        holder: String,
    },
    /// Another opener took the store over; this handle may never write again.
    #[error("the store was taken over: this handle has epoch {ours}, the store {found}")]
    Fenced {
        /// The epoch that this handle opened.
        ours: u64,
        /// The epoch that the store is in.
        found: u64,
    },
    /// The store was written by a newer version of the program.
    #[error("the store has format {found}; this program reads up to {supported_max}")]
    TooNew {
        /// Format of the store.
        found: i64,
        /// Highest format that this program reads.
        supported_max: i64,
    },
    /// The file is not a store, or its content is broken.
    #[error("{path} is not a sound store: {reason}")]
    Damaged {
        /// The store's file.
        path: PathBuf,
        /// What was found, without any value.
        reason: String,
    },
    /// An earlier commit ended in [`StoreError::Unknown`]: nothing is read or written any more.
    #[error("the store has stopped after a failed commit; open it again")]
    Stopped,
    /// The disk failed while a commit was on its way: the batch may be there or not.
    #[error("the disk failed during a commit; whether the batch was kept is unknown")]
    Unknown {
        /// What SQLite said.
        #[source]
        source: rusqlite::Error,
    },
    /// There is no room on the disk. Nothing of the batch was applied.
    #[error("no room left on the disk of the store")]
    Full,
    /// Another process held the database for too long. Nothing was applied.
    #[error("the database stayed locked by another process for {waited_ms} ms")]
    Busy {
        /// How long this handle waited, in milliseconds.
        waited_ms: u64,
    },
    /// A number of a key is beyond the signed 64-bit integers of SQL. Nothing was applied.
    #[error("a number in a key of table {table} is beyond 2^63 - 1")]
    KeyRange {
        /// Table of the row.
        table: &'static str,
    },
    /// A value or a batch is too long. Nothing was applied.
    #[error("{what} has {bytes} bytes; at most {bytes_max} are accepted")]
    TooLarge {
        /// What is too long: `a value of records`, `a batch`.
        what: String,
        /// Its length, in bytes.
        bytes: usize,
        /// The bound, in bytes.
        bytes_max: usize,
    },
    /// A file or folder of the store could not be used.
    #[error("cannot {action} {path}")]
    File {
        /// What was tried: `create`, `open`, `lock`.
        action: &'static str,
        /// Which file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// SQLite refused or failed; nothing was applied.
    #[error("SQLite failed while the store tried to {action}")]
    Sqlite {
        /// What was tried.
        action: &'static str,
        /// What SQLite said.
        #[source]
        source: rusqlite::Error,
    },
    /// The store was another process's, which has ended or broken off: a batch that was on its way
    /// may be there or not.
    #[error(
        "the process that serves the hub has ended; whether the last write was kept is unknown"
    )]
    LenderGone,
}

impl StoreError {
    /// Returns the stable code of the error.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Locked { .. } => "STORE_LOCKED",
            Self::Fenced { .. } => "STORE_FENCED",
            Self::TooNew { .. } => "STORE_TOO_NEW",
            Self::Damaged { .. } => "STORE_DAMAGED",
            Self::Stopped => "STORE_STOPPED",
            Self::Unknown { .. } => "STORE_UNKNOWN",
            Self::Full => "STORE_FULL",
            Self::Busy { .. } => "STORE_BUSY",
            Self::KeyRange { .. } => "STORE_KEY_RANGE",
            Self::TooLarge { .. } => "STORE_TOO_LARGE",
            Self::File { .. } => "STORE_FILE",
            Self::Sqlite { .. } => "STORE_SQLITE",
            Self::LenderGone => "STORE_LENDER_GONE",
        }
    }

    /// Returns what the caller should do.
    pub const fn advice(&self) -> Advice {
        match self {
            Self::Busy { .. } => Advice::Retry,
            Self::Stopped | Self::Unknown { .. } | Self::LenderGone => Advice::Reopen,
            Self::KeyRange { .. } | Self::TooLarge { .. } | Self::Fenced { .. } => Advice::GiveUp,
            Self::Locked { .. }
            | Self::TooNew { .. }
            | Self::Damaged { .. }
            | Self::Full
            | Self::File { .. }
            | Self::Sqlite { .. } => Advice::AskHuman,
        }
    }

    /// Returns what a person can do, as one sentence.
    pub const fn remedy(&self) -> &'static str {
        match self {
            Self::Locked { .. } => "wait for the other process or end it; then try again",
            Self::Fenced { .. } => "end this process: another one writes this store now",
            Self::TooNew { .. } => "use the newer program that wrote the store",
            Self::Damaged { .. } => {
                "move the store aside with its -wal file, then restore a backup or start a new store; \
                 records in domains are untouched"
            }
            Self::Stopped | Self::Unknown { .. } => {
                "check the disk, then start again: what was acknowledged is recovered"
            }
            Self::Full => "free some room on the disk, then try again",
            Self::Busy { .. } => "close other programs that have the database open, then try again",
            Self::KeyRange { .. } => "use numbers below 2^63",
            Self::TooLarge { .. } => "send less at once",
            Self::File { .. } => "check that the folder exists and belongs to you",
            Self::LenderGone => {
                "run the command again: whoever opens the hub finishes what was begun"
            }
            Self::Sqlite { .. } => "check the disk; if it is sound, report this as a bug",
        }
    }
}
