//! The simulated disk as file domains see it.

use std::io;
use std::path::Path;

use syncline_domains::files::disk::{Disk, Facts, FileIdentity, FileKind, Place, WriteError};

use super::state::SimDisk;

impl Disk for SimDisk {
    fn place(&self, path: &Path) -> io::Result<Place> {
        if self.stat(path).is_some() || self.is_folder(path) {
            return Ok(Place::Found(path.to_path_buf()));
        }
        let folder = path.parent().is_some_and(|folder| self.is_folder(folder));
        Ok(if folder { Place::Missing(path.to_path_buf()) } else { Place::FolderMissing })
    }

    fn facts(&self, path: &Path) -> io::Result<Facts> {
        let (kind, len, modified_ms, inode) = match self.stat(path) {
            Some(stat) => (FileKind::Regular, stat.len as u64, stat.modified_ms, stat.file),
            None if self.is_folder(path) => (FileKind::Folder, 0, 0, 0),
            None => return Err(io::ErrorKind::NotFound.into()),
        };
        Ok(Facts {
            kind,
            len,
            modified_ns: modified_ms.saturating_mul(1_000_000),
            identity: FileIdentity { device: 1, inode },
            mode: 0o600,
        })
    }

    fn read_into(&self, path: &Path, sink: &mut dyn io::Write) -> io::Result<()> {
        sink.write_all(&self.read(path)?)
    }

    fn write_new(&self, path: &Path, bytes: &[u8], _mode: u32) -> Result<(), WriteError> {
        if self.stat(path).is_some() {
            return Err(WriteError::Create(io::ErrorKind::AlreadyExists.into()));
        }
        self.create(path).map_err(WriteError::Create)?;
        self.write(path, 0, bytes).map_err(WriteError::Write)?;
        self.sync_file(path).map_err(WriteError::Sync)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        Self::rename(self, from, to)
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        Self::link(self, from, to)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        Self::sync_folder(self, folder)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        Self::remove(self, path)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        let files = Self::list(self, folder)?;
        let name = |path: &std::path::PathBuf| path.file_name()?.to_str().map(str::to_owned);
        Ok(files.iter().filter_map(name).collect())
    }
}
