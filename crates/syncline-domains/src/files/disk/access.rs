//! What is asked of a disk.

use std::io;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

/// A disk: the real one, or a simulation that loses what was not synced.
///
/// Paths are used as they are given; only [`place`](Self::place) follows symbolic links.
pub trait Disk: Send + Sync {
    /// Returns where a path leads, following symbolic links.
    ///
    /// # Errors
    ///
    /// Any error of the system but that nothing is there.
    fn place(&self, path: &Path) -> io::Result<Place>;

    /// Returns what is known of the file at a path that is no link; `NotFound` if there is none.
    ///
    /// # Errors
    ///
    /// Any error of the system.
    fn facts(&self, path: &Path) -> io::Result<Facts>;

    /// Reads a file from its beginning to its end into `sink`, piece by piece.
    ///
    /// # Errors
    ///
    /// Any error of the system, and any of `sink`, which ends the reading.
    fn read_into(&self, path: &Path, sink: &mut dyn io::Write) -> io::Result<()>;

    /// Creates a file that is not there yet, writes it whole and syncs it.
    ///
    /// # Errors
    ///
    /// [`WriteError`]. Part of the file may be there then.
    fn write_new(&self, path: &Path, bytes: &[u8], mode: u32) -> Result<(), WriteError>;

    /// Begins what [`write_new`](Self::write_new) does; a disk may do it beside what its caller does
    /// meanwhile. Nothing is known of the file before [`Writing::wait`].
    fn begin_write(&self, path: &Path, bytes: Vec<u8>, mode: u32) -> Writing {
        Writing::Ended(self.write_new(path, &bytes, mode))
    }

    /// Gives a file a new name; what had that name vanishes. Both are in one folder.
    ///
    /// # Errors
    ///
    /// Any error of the system.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Gives a file a second name; `AlreadyExists` if the name is taken.
    ///
    /// # Errors
    ///
    /// Any error of the system, such as `CrossesDevices`, or that links are not supported.
    fn link(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Makes the names in a folder durable.
    ///
    /// # Errors
    ///
    /// Any error of the system; it is then unknown which names will be there after a crash.
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    ///
    /// Any error of the system.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Returns the names in a folder that are UTF-8, in any order.
    ///
    /// # Errors
    ///
    /// Any error of the system.
    fn list(&self, folder: &Path) -> io::Result<Vec<String>>;

    /// Waits a moment before a step is tried again that a passing error ended, and tells whether it
    /// is to be tried at all, after so many `tries`. A disk without patience is asked once.
    fn pause(&self, tries: u32) -> bool {
        let _ = tries;
        false
    }
}

/// A new file on its way to the disk.
#[derive(Debug)]
pub enum Writing {
    /// It ended.
    Ended(Result<(), WriteError>),
    /// A thread of its own does it.
    UnderWay(JoinHandle<Result<(), WriteError>>),
}

impl Writing {
    /// Waits for the end.
    ///
    /// # Errors
    ///
    /// [`WriteError`], as of [`Disk::write_new`].
    pub fn wait(self) -> Result<(), WriteError> {
        match self {
            Self::Ended(result) => result,
            Self::UnderWay(thread) => {
                thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            }
        }
    }
}

/// Where a path leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Something is there: its path without symbolic links.
    Found(PathBuf),
    /// The folder is there and nothing in it has the name. The path is without symbolic links.
    Missing(PathBuf),
    /// A symbolic link is there, and nothing where it leads.
    BrokenLink,
    /// The folder is not there.
    FolderMissing,
}

/// What is known of a file without opening it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// What kind of file it is.
    pub kind: FileKind,
    /// Length in bytes.
    pub len: u64,
    /// When it was written last, nanoseconds since 1970; 0 if that is not known.
    pub modified_ns: u64,
    /// Which file it is.
    pub identity: FileIdentity,
    /// Rights, as in the last twelve bits of a Unix mode.
    pub mode: u32,
}

/// Which file a name leads to, among all files that are there at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileIdentity {
    /// Number of the device.
    pub device: u64,
    /// Number of the file on the device.
    pub inode: u64,
}

/// What kind of file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    Regular,
    /// A folder.
    Folder,
    /// A device, a pipe, a socket or a link.
    Other,
}

/// Why a new file is not there for certain.
#[derive(Debug)]
pub enum WriteError {
    /// It could not be created.
    Create(io::Error),
    /// It could not be written to its end.
    Write(io::Error),
    /// It could not be synced. What is on the disk is unknown, and syncing again would not tell.
    Sync(io::Error),
}
