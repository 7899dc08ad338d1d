//! The disk of the machine.

use std::fs::{self, File, OpenOptions, Permissions};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::thread;

use super::access::{Disk, Facts, FileIdentity, FileKind, Place, WriteError, Writing};
use super::patience::pause_before_next;

/// The disk of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemDisk;

/// How much of a file is read at once, in bytes: few calls, and the piece stays in the cache of the
/// processor while it is digested.
const PIECE_BYTES: usize = 128 << 10;

/// From so many bytes on a file is written on a thread of its own: less is done before one is made.
const BESIDE_BYTES_MIN: usize = 64 << 10;

/// Rights while a file is being written: nobody else reads it.
const MODE_WRITING: u32 = 0o600;
/// The bits of a mode that are rights.
const MODE_RIGHTS: u32 = 0o7777;

impl Disk for SystemDisk {
    fn place(&self, path: &Path) -> io::Result<Place> {
        if let Some(found) = if_there(fs::canonicalize(path))? {
            return Ok(Place::Found(found));
        }
        if if_there(fs::symlink_metadata(path))?.is_some() {
            return Ok(Place::BrokenLink);
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = fs::canonicalize(folder.unwrap_or(Path::new(".")));
        Ok(match (if_there(folder)?, path.file_name()) {
            (Some(folder), Some(name)) => Place::Missing(folder.join(name)),
            _ => Place::FolderMissing,
        })
    }

    fn facts(&self, path: &Path) -> io::Result<Facts> {
        let metadata = fs::symlink_metadata(path)?;
        let kind = if metadata.is_file() {
            FileKind::Regular
        } else if metadata.is_dir() {
            FileKind::Folder
        } else {
            FileKind::Other
        };
        Ok(Facts {
            kind,
            len: metadata.len(),
            modified_ns: modified_ns(&metadata),
            identity: FileIdentity { device: metadata.dev(), inode: metadata.ino() },
            mode: metadata.mode() & MODE_RIGHTS,
        })
    }

    fn read_into(&self, path: &Path, sink: &mut dyn Write) -> io::Result<()> {
        let mut file = File::open(path)?;
        let mut piece = vec![0; PIECE_BYTES];
        loop {
            match file.read(&mut piece) {
                Ok(0) => return Ok(()),
                Ok(read) => sink.write_all(piece.get(..read).unwrap_or_default())?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn write_new(&self, path: &Path, bytes: &[u8], mode: u32) -> Result<(), WriteError> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(MODE_WRITING);
        let mut file = options.open(path).map_err(WriteError::Create)?;
        file.write_all(bytes).map_err(WriteError::Write)?;
        if mode != MODE_WRITING {
            let rights = Permissions::from_mode(mode);
            file.set_permissions(rights).map_err(WriteError::Write)?;
        }
        file.sync_all().map_err(WriteError::Sync)
    }

    fn begin_write(&self, path: &Path, bytes: Vec<u8>, mode: u32) -> Writing {
        if bytes.len() < BESIDE_BYTES_MIN {
            return Writing::Ended(self.write_new(path, &bytes, mode));
        }
        let path = path.to_owned();
        Writing::UnderWay(thread::spawn(move || Self.write_new(&path, &bytes, mode)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::hard_link(from, to)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        File::open(folder)?.sync_all()
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(folder)? {
            names.extend(entry?.file_name().into_string());
        }
        Ok(names)
    }

    fn pause(&self, tries: u32) -> bool {
        let random = RandomState::new().build_hasher().finish();
        let pause = pause_before_next(tries, random);
        pause.inspect(|pause| thread::sleep(*pause)).is_some()
    }
}

/// Takes "nothing is there" for an answer.
fn if_there<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn modified_ns(metadata: &fs::Metadata) -> u64 {
    let seconds = u64::try_from(metadata.mtime()).unwrap_or(0);
    let nanoseconds = u64::try_from(metadata.mtime_nsec()).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds)
}
