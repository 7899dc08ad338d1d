//! What can go wrong with a backup.

use std::io;

use thiserror::Error;

use crate::{Advice, StoreError};

/// Why a backup could not be written, read or restored. Messages hold names of objects, sizes and
/// numbers, never a value.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BackupError {
    /// The folder or one of its objects could not be used.
    #[error("cannot {action} {object}")]
    Object {
        /// What was tried: `list`, `read`, `write`, `remove`.
        action: &'static str,
        /// The object, or the folder.
        object: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// There is no backup in the folder.
    #[error("there is no backup in the folder")]
    Empty,
    /// The folder holds the backup of another hub.
    #[error("the folder holds the backup of another hub")]
    Foreign,
    /// An object is not what was written.
    #[error("{object} is damaged: {reason}")]
    Damaged {
        /// The object.
        object: String,
        /// What was found.
        reason: String,
    },
    /// An object is missing, or stands twice.
    #[error("{reason}, before {object}")]
    Gap {
        /// The object behind the gap.
        object: String,
        /// What is missing.
        reason: String,
    },
    /// An object was written by a newer version of the program.
    #[error("{object} has format {found}; this program reads up to {supported_max}")]
    TooNew {
        /// The object.
        object: String,
        /// Its format.
        found: u8,
        /// Highest format that this program reads.
        supported_max: u8,
    },
    /// Commits lie in the backup whose snapshot does not.
    #[error(
        "the commits from {first} to {last} are in the backup without the snapshot before them"
    )]
    Unfinished {
        /// The first of them.
        first: u64,
        /// The last of them.
        last: u64,
    },
    /// The backup holds no state of that time or commit.
    #[error("the backup holds no state as of {wanted}")]
    NotReached {
        /// What was asked for.
        wanted: String,
    },
    /// A snapshot differs from the one before it with the commits in between.
    #[error("{object} does not hold what the commits before it left: it differs in table {table}")]
    Inconsistent {
        /// The snapshot.
        object: String,
        /// The first table in which it differs.
        table: &'static str,
    },
    /// A snapshot was given up because the folder took too long.
    #[error("the folder took nothing of a snapshot for {waited_ms} ms")]
    Slow {
        /// How long, in milliseconds.
        waited_ms: u64,
    },
    /// The folder to restore into is not empty.
    #[error("{path} is not empty")]
    NotEmpty {
        /// The folder.
        path: String,
    },
    /// The machine gives no thread.
    #[error("the machine gives no thread for the backup")]
    Thread(#[source] io::Error),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl BackupError {
    /// Returns the stable code of the error.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Object { .. } => "BACKUP_FOLDER",
            Self::Empty => "BACKUP_EMPTY",
            Self::Foreign => "BACKUP_FOREIGN",
            Self::Damaged { .. } => "BACKUP_DAMAGED",
            Self::Gap { .. } => "BACKUP_GAP",
            Self::TooNew { .. } => "BACKUP_TOO_NEW",
            Self::Unfinished { .. } => "BACKUP_UNFINISHED",
            Self::NotReached { .. } => "BACKUP_NOT_REACHED",
            Self::Inconsistent { .. } => "BACKUP_INCONSISTENT",
            Self::Slow { .. } => "BACKUP_SLOW",
            Self::NotEmpty { .. } => "RESTORE_NOT_EMPTY",
            Self::Thread(_) => "BACKUP_THREAD",
            Self::Store(error) => error.code(),
        }
    }

    /// Returns what the caller should do.
    pub const fn advice(&self) -> Advice {
        match self {
            Self::Object { .. } | Self::Slow { .. } | Self::Unfinished { .. } | Self::Thread(_) => {
                Advice::Retry
            }
            Self::NotReached { .. } | Self::NotEmpty { .. } => Advice::GiveUp,
            Self::Empty
            | Self::Foreign
            | Self::Damaged { .. }
            | Self::Gap { .. }
            | Self::TooNew { .. }
            | Self::Inconsistent { .. } => Advice::AskHuman,
            Self::Store(error) => error.advice(),
        }
    }

    /// Returns what a person can do, as one sentence.
    pub const fn remedy(&self) -> &'static str {
        match self {
            Self::Object { .. } => {
                "check that the folder exists, belongs to you and has room; then try again"
            }
            Self::Empty => "name the folder that a backup was written to",
            Self::Foreign => "name another folder: each hub has its own",
            Self::Damaged { .. } | Self::Gap { .. } | Self::Inconsistent { .. } => {
                "look: syncline verify --from <folder>    and restore a time before it: --at <time>"
            }
            Self::TooNew { .. } => "use the newer program that wrote the backup",
            Self::Unfinished { .. } => {
                "wait until the running hub has written it, or restore an earlier time: --at <time>"
            }
            Self::NotReached { .. } => "list what there is: syncline verify --from <folder>",
            Self::Slow { .. } => "use a faster folder; the backup tries again by itself",
            Self::NotEmpty { .. } => {
                "name a folder that does not exist, or move what is there aside"
            }
            Self::Thread(_) => "end other programs, then try again",
            Self::Store(error) => error.remedy(),
        }
    }

    /// Says what was tried with which object.
    pub(super) fn object(
        action: &'static str,
        object: impl ToString,
    ) -> impl FnOnce(io::Error) -> Self {
        let object = object.to_string();
        move |source| Self::Object { action, object, source }
    }
}
