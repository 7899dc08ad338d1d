//! The lock file: one process at a time has a store open.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path;

use crate::StoreError;

/// A lock that lasts as long as the value, or the process, lives.
///
/// The operating system holds the lock, not the file's content: the file of a dead process is no
/// obstacle. Its text only tells a person who the holder is.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
}

impl Lock {
    /// Locks the file, which is created where it does not exist, and writes this process into it.
    pub(super) fn take(path: &Path) -> Result<Self, StoreError> {
        let fail =
            |action| move |source| StoreError::File { action, path: path.to_owned(), source };
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path).map_err(fail("open"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::Locked {
                    path: path.to_owned(),
                    holder: holder(&mut file),
                });
            }
            Err(TryLockError::Error(source)) => return Err(fail("lock")(source)),
        }
        let text = format!("pid {}\nboot {}\n", std::process::id(), boot_id());
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| file.write_all(text.as_bytes()))
            .map_err(fail("write"))?;
        Ok(Self { file })
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing alone would not do: a process that is just being started holds a copy of the file.
        // Failing to unlock leaves the lock to the end of the process, which is safe.
        let _ = self.file.unlock();
    }
}

/// The file that says whom a store was lent to.
const LOAN_FILE: &str = "syncline.loan";

/// Says that a process works with a store that it has borrowed, as long as the value, or the process,
/// lives.
#[derive(Debug)]
pub struct LoanLock {
    _lock: Lock,
}

impl LoanLock {
    /// Takes it.
    ///
    /// # Errors
    ///
    /// [`StoreError::Locked`] if another borrower works with the store of that folder still.
    pub fn take(folder: &Path) -> Result<Self, StoreError> {
        Lock::take(&folder.join(LOAN_FILE)).map(|lock| Self { _lock: lock })
    }

    /// Checks that no borrower works with the store of a folder any more.
    ///
    /// # Errors
    ///
    /// As [`LoanLock::take`].
    pub fn check(folder: &Path) -> Result<(), StoreError> {
        match folder.join(LOAN_FILE).exists() {
            true => Self::take(folder).map(drop),
            false => Ok(()),
        }
    }
}

/// Returns what the file says of its holder: its first line, if that looks like one of ours.
fn holder(file: &mut File) -> String {
    const TEXT_BYTES_MAX: u64 = 256;
    let mut text = String::new();
    let read = file.take(TEXT_BYTES_MAX).read_to_string(&mut text);
    let pid = text.lines().next().and_then(|line| line.strip_prefix("pid "));
    match (read, pid.and_then(|pid| pid.parse::<u32>().ok())) {
        (Ok(_), Some(pid)) => format!("pid {pid}"),
        _ => "it did not say which".to_owned(),
    }
}

/// Returns what tells this start of the machine from others, or `unknown`.
fn boot_id() -> String {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    if id.trim().is_empty() { "unknown".to_owned() } else { id.trim().to_owned() }
}
