//! What can go wrong with files.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::access::WriteError;
use crate::Advice;

/// What was being done to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// Finding it and looking at its size and rights.
    Inspect,
    /// Reading it.
    Read,
    /// Creating it.
    Create,
    /// Writing it.
    Write,
    /// Waiting for its bytes to be durable.
    Sync,
    /// Keeping the old file under another name.
    Keep,
    /// Putting it in place of the old one.
    Replace,
    /// Waiting for its name to be durable.
    SyncFolder,
    /// Removing it.
    Remove,
    /// Listing the folder.
    List,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Inspect => "looked at",
            Self::Read => "read",
            Self::Create => "created",
            Self::Write => "written",
            Self::Sync => "synced",
            Self::Keep => "kept for undo",
            Self::Replace => "replaced",
            Self::SyncFolder => "made durable in its folder",
            Self::Remove => "removed",
            Self::List => "listed",
        })
    }
}

/// Why a file could not be read or written. It names paths and sizes, never content.
///
/// Unless [`outcome_is_unknown`](Self::outcome_is_unknown), the file still is what it was.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DiskError {
    /// The folder of the domain is not there.
    #[error("{path}: the folder is not there")]
    FolderMissing {
        /// The file that should be in it.
        path: PathBuf,
    },
    /// A symbolic link leads to nothing.
    #[error("{path}: the symbolic link leads nowhere")]
    BrokenLink {
        /// The link.
        path: PathBuf,
    },
    /// It is a folder, a device or a pipe.
    #[error("{path} is not a regular file")]
    NotAFile {
        /// What was to be read.
        path: PathBuf,
    },
    /// It is larger than is read.
    #[error("{path} has {bytes} bytes; at most {bytes_max} are read")]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size, in bytes; where it grew while it was read, at least that.
        bytes: u64,
        /// The limit, in bytes.
        bytes_max: u64,
    },
    /// It is not what was read any more, or does not stop changing.
    #[error("{path} was changed by somebody else meanwhile")]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// The system does not let this user do it.
    #[error("{path} could not be {step}: no permission")]
    Denied {
        /// The file.
        path: PathBuf,
        /// What was to be done.
        step: Step,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// There is no room left on the disk.
    #[error("{path} could not be {step}: the disk is full")]
    Full {
        /// The file.
        path: PathBuf,
        /// What was to be done.
        step: Step,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The disk takes no writes.
    #[error("{path} could not be {step}: the disk is read-only")]
    ReadOnly {
        /// The file.
        path: PathBuf,
        /// What was to be done.
        step: Step,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The disk could not do it.
    #[error("{path} could not be {step}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What was to be done.
        step: Step,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The file was replaced, but not durably for certain.
    #[error("{path} was replaced, but it is unknown whether that lasts")]
    OutcomeUnknown {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
}

impl DiskError {
    /// Makes the error of a step out of the system's.
    pub(super) fn at(step: Step, path: impl Into<PathBuf>, source: io::Error) -> Self {
        let path = path.into();
        match source.kind() {
            io::ErrorKind::PermissionDenied => Self::Denied { path, step, source },
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::Full { path, step, source }
            }
            io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly { path, step, source },
            _ => Self::Io { path, step, source },
        }
    }

    /// Tells of the file that was to be replaced where a disk or a folder that takes no writes refused
    /// one beside it, of which nobody has heard.
    pub(super) fn of_target(self, target: &Path) -> Self {
        let (path, step) = (target.to_owned(), Step::Replace);
        match self {
            Self::ReadOnly { source, .. } => Self::ReadOnly { path, step, source },
            Self::Denied { source, .. } => Self::Denied { path, step, source },
            other => other,
        }
    }

    /// Makes the error of writing a new file.
    pub(super) fn writing(path: impl Into<PathBuf>, error: WriteError) -> Self {
        match error {
            WriteError::Create(source) => Self::at(Step::Create, path, source),
            WriteError::Write(source) => Self::at(Step::Write, path, source),
            WriteError::Sync(source) => Self::at(Step::Sync, path, source),
        }
    }

    /// Returns the stable code; codes are never renamed or used again.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::FolderMissing { .. } => "DOMAIN_NOT_FOUND",
            Self::NotAFile { .. } => "DATA_FORMAT_INVALID",
            Self::TooLarge { .. } => "LIMIT_BYTES",
            Self::Changed { .. } => "FILE_CHANGED",
            Self::Denied { step: Step::Inspect | Step::Read | Step::List, .. } => {
                "PERMISSION_DENIED"
            }
            Self::Denied { .. } => "STORAGE_DENIED",
            Self::Full { .. } => "STORAGE_FULL",
            Self::ReadOnly { .. } => "STORAGE_READ_ONLY",
            Self::BrokenLink { .. } | Self::Io { .. } | Self::OutcomeUnknown { .. } => {
                "STORAGE_ERROR"
            }
        }
    }

    /// Returns what the caller should do.
    ///
    /// An error of syncing is never retried: the disk may have dropped what it could not write, and
    /// a second try would succeed without it.
    pub fn advice(&self) -> Advice {
        match self {
            Self::Changed { .. } => Advice::Retry,
            Self::Io { step: Step::Sync | Step::SyncFolder, .. } => Advice::AskHuman,
            Self::Io { source, .. } if is_transient(source) => Advice::Retry,
            _ => Advice::AskHuman,
        }
    }

    /// Tells whether the same step may succeed a moment later.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Io { .. }) && self.advice() == Advice::Retry
    }

    /// Tells whether the file may be the new one or, after a crash, the old one again.
    pub const fn outcome_is_unknown(&self) -> bool {
        matches!(self, Self::OutcomeUnknown { .. })
    }
}

fn is_transient(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(
        error.kind(),
        Kind::Interrupted
            | Kind::WouldBlock
            | Kind::TimedOut
            | Kind::ResourceBusy
            | Kind::StaleNetworkFileHandle
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What may not be read is a matter of the file, what may not be written one of where it lies.
    #[test]
    fn a_refused_write_has_another_code_than_a_refused_reading() {
        let denied =
            |step| DiskError::at(step, "a", io::Error::from(io::ErrorKind::PermissionDenied));
        for step in [Step::Inspect, Step::Read, Step::List] {
            assert_eq!(denied(step).code(), "PERMISSION_DENIED", "{step}");
        }
        for step in [Step::Create, Step::Write, Step::Keep, Step::Replace, Step::Remove] {
            assert_eq!(denied(step).code(), "STORAGE_DENIED", "{step}");
        }
        let told = denied(Step::Create).of_target(Path::new("contacts.json")).to_string();
        assert_eq!(told, "contacts.json could not be replaced: no permission");
    }

    #[test]
    fn a_full_disk_is_said_to_be_full_and_the_systems_words_are_its_source() {
        let full = || io::Error::from(io::ErrorKind::StorageFull);
        let error = DiskError::at(Step::Write, "contacts.json", full());
        assert_eq!(error.code(), "STORAGE_FULL");
        assert_eq!(error.to_string(), "contacts.json could not be written: the disk is full");
        let read_only = io::Error::from(io::ErrorKind::ReadOnlyFilesystem);
        let error = DiskError::at(Step::Remove, ".contacts.json.syncline-1", read_only);
        let error = error.of_target(Path::new("contacts.json"));
        assert_eq!(error.code(), "STORAGE_READ_ONLY");
        assert_eq!(error.to_string(), "contacts.json could not be replaced: the disk is read-only");
        let other = DiskError::at(Step::Write, "a", io::Error::other("the words"));
        assert!(!other.to_string().contains("the words"), "{other}");
    }
}
