//! Whether the file is the one that was there before. A copy, or an old state that was put back, would
//! use counters again that the other one has used; its new operations get another name.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use crate::error::StoreError;

/// Says which opening of the file was the last, outside of it, and that a process has it open.
#[derive(Debug)]
pub(super) struct Witness {
    file: File,
    path: PathBuf,
}

impl Witness {
    /// Locks the witness beside `database` for as long as the value lives.
    ///
    /// # Errors
    ///
    /// [`StoreError::Locked`] if another process has it.
    pub(super) fn take(database: &Path) -> Result<Self, StoreError> {
        let mut name = database.as_os_str().to_owned();
        name.push(".lock");
        let path = PathBuf::from(name);
        let fail = |source| StoreError::File { action: "open", path: path.clone(), source };
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&path).map_err(fail)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { file, path }),
            Err(TryLockError::WouldBlock) => Err(StoreError::Locked { path: database.to_owned() }),
            Err(TryLockError::Error(source)) => Err(fail(source)),
        }
    }

    /// Returns which opening it noted last; `None` if none or if it cannot be read.
    pub(super) fn noted(&mut self) -> Option<u64> {
        const TEXT_BYTES_MAX: u64 = 32;
        let mut text = String::new();
        self.file.rewind().ok()?;
        (&mut self.file).take(TEXT_BYTES_MAX).read_to_string(&mut text).ok()?;
        text.trim().parse().ok()
    }

    /// Notes which opening is the present one.
    pub(super) fn note(&mut self, opening: u64) -> Result<(), StoreError> {
        let fail = |source| StoreError::File { action: "write", path: self.path.clone(), source };
        let text = format!("{opening}\n");
        self.file
            .rewind()
            .and_then(|()| self.file.set_len(0))
            .and_then(|()| self.file.write_all(text.as_bytes()))
            .and_then(|()| self.file.sync_all())
            .map_err(fail)
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        // Closing alone would not do: a process that is just being started holds a copy of the file.
        let _ = self.file.unlock();
    }
}

/// Returns the identity of a file: its number, and when it was born, since a system gives the number
/// of a removed file to the next one.
#[cfg(unix)]
pub(super) fn identity_of(file: &Path) -> String {
    use std::os::unix::fs::MetadataExt;
    let Ok(metadata) = std::fs::metadata(file) else {
        return String::new();
    };
    let born = metadata.created().ok();
    let born = born.and_then(|born| born.duration_since(std::time::UNIX_EPOCH).ok());
    let born = born.map_or(0, |born| born.as_nanos());
    format!("{}:{}:{born}", metadata.dev(), metadata.ino())
}

/// Returns the path, where a system tells files by nothing else.
#[cfg(not(unix))]
pub(super) fn identity_of(file: &Path) -> String {
    std::fs::canonicalize(file).map_or_else(|_| String::new(), |path| path.display().to_string())
}
