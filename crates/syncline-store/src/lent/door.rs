//! Where borrower and lender meet: a socket in the folder of the store.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// The socket, within the store's folder.
const SOCKET_FILE: &str = "syncline.sock";

/// Longest path of a socket, in bytes. Source: `sun_path` has 104 with its end on macOS and the BSDs.
const PATH_BYTES_MAX: usize = 100;

/// The way to the socket of a folder.
pub struct Door {
    path: PathBuf,
    /// Keeps a shorter way open where the path is too long.
    _folder: Option<File>,
}

impl Door {
    /// Finds the way.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::InvalidFilename`] if the path is too long for a socket, but on Linux, where the
    /// folder is named by its number; what the system says of that one.
    pub fn of(folder: &Path) -> io::Result<Self> {
        let path = folder.join(SOCKET_FILE);
        if path.as_os_str().len() <= PATH_BYTES_MAX {
            return Ok(Self { path, _folder: None });
        }
        if !cfg!(target_os = "linux") {
            let text = format!("{} has more than {PATH_BYTES_MAX} bytes", path.display());
            return Err(io::Error::new(io::ErrorKind::InvalidFilename, text));
        }
        let folder = File::open(folder)?;
        let number = std::os::fd::AsRawFd::as_raw_fd(&folder);
        let path = format!("/proc/self/fd/{number}/{SOCKET_FILE}").into();
        Ok(Self { path, _folder: Some(folder) })
    }

    /// Returns the path by which this process reaches it, as long as the value lives.
    pub fn path(&self) -> &Path {
        &self.path
    }
}
