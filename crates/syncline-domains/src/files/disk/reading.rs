//! A file read whole.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::access::{Disk, Facts, FileIdentity, FileKind, Place};
use super::error::{DiskError, Step};
use super::patience::patiently;
use crate::limits::READ_ATTEMPTS_MAX;

/// The BLAKE3 digest of a file's bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// Returns the digest of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(blake3::hash(bytes).into())
    }

    /// Reads the text of a digest: 64 lower-case hexadecimal digits.
    pub fn from_hex(text: &str) -> Option<Self> {
        let hex = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if text.len() != 64 || !text.as_bytes().iter().all(hex) {
            return None;
        }
        let mut bytes = [0; 32];
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(text.get(index * 2..index * 2 + 2)?, 16).ok()?;
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

/// What was found where a file was looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading {
    /// The folder is there and the file is not.
    Missing,
    /// The file.
    Present(Present),
}

/// A file as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Present {
    /// All of its bytes.
    pub bytes: Vec<u8>,
    /// Their digest.
    pub digest: Digest,
    /// When it was written last, milliseconds since 1970; 0 if that is not known.
    pub modified_ms: u64,
    /// Which file it was.
    pub identity: FileIdentity,
}

/// Reads a file whole, if it has at most `bytes_max` bytes; the size is looked up first.
///
/// A file that changes while it is read is read again, a few times; so is one that a passing error
/// kept from being read, after a pause.
///
/// # Errors
///
/// [`DiskError`]: any but `OutcomeUnknown`. A file that cannot be read is never `Missing`.
pub fn read(disk: &dyn Disk, path: &Path, bytes_max: u64) -> Result<Reading, DiskError> {
    patiently(disk, || read_once(disk, path, bytes_max))
}

fn read_once(disk: &dyn Disk, path: &Path, bytes_max: u64) -> Result<Reading, DiskError> {
    let Some(place) = find(disk, path)? else {
        return Ok(Reading::Missing);
    };
    for _ in 0..READ_ATTEMPTS_MAX {
        let Some(facts) = regular_facts(disk, &place)? else {
            return Ok(Reading::Missing);
        };
        check_size(&place, facts.len, bytes_max)?;
        let capacity = usize::try_from(facts.len).unwrap_or(0);
        let mut sink = Bounded { sink: Vec::with_capacity(capacity), left: bytes_max, over: false };
        let result = disk.read_into(&place, &mut sink);
        if sink.over {
            return Err(too_large(&place, bytes_max.saturating_add(1), bytes_max));
        }
        result.map_err(|error| DiskError::at(Step::Read, &place, error))?;
        let bytes = sink.sink;
        if regular_facts(disk, &place)? == Some(facts) && bytes.len() as u64 == facts.len {
            let modified_ms = facts.modified_ns / 1_000_000;
            let digest = Digest::of(&bytes);
            let identity = facts.identity;
            return Ok(Reading::Present(Present { bytes, digest, modified_ms, identity }));
        }
    }
    Err(DiskError::Changed { path: place })
}

/// Returns the digest of a file of any size, without holding it; nothing if it is missing.
///
/// # Errors
///
/// As [`read`](fn@read), but for the size.
pub fn digest(disk: &dyn Disk, path: &Path) -> Result<Option<Digest>, DiskError> {
    patiently(disk, || match find(disk, path)? {
        Some(place) => Ok(seen(disk, &place)?.map(|(digest, _)| digest)),
        None => Ok(None),
    })
}

/// Returns the digest of the file at a path without links and what was known of it before.
pub(super) fn seen(disk: &dyn Disk, path: &Path) -> Result<Option<(Digest, Facts)>, DiskError> {
    let Some(facts) = regular_facts(disk, path)? else {
        return Ok(None);
    };
    let mut hasher = blake3::Hasher::new();
    match disk.read_into(path, &mut hasher) {
        Ok(()) => Ok(Some((Digest(hasher.finalize().into()), facts))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(DiskError::at(Step::Read, path, error)),
    }
}

/// Returns the path without links of what is there; nothing if the file is missing.
fn find(disk: &dyn Disk, path: &Path) -> Result<Option<PathBuf>, DiskError> {
    match place(disk, path)? {
        Place::Found(place) => Ok(Some(place)),
        _ => Ok(None),
    }
}

/// Returns where a path leads; links and folders that are missing are errors.
pub(super) fn place(disk: &dyn Disk, path: &Path) -> Result<Place, DiskError> {
    match disk.place(path) {
        Err(error) => Err(DiskError::at(Step::Inspect, path, error)),
        Ok(Place::BrokenLink) => Err(DiskError::BrokenLink { path: path.to_owned() }),
        Ok(Place::FolderMissing) => Err(DiskError::FolderMissing { path: path.to_owned() }),
        Ok(place) => Ok(place),
    }
}

/// Returns what is known of a regular file; nothing if it is not there.
pub(super) fn regular_facts(disk: &dyn Disk, path: &Path) -> Result<Option<Facts>, DiskError> {
    match disk.facts(path) {
        Ok(facts) if facts.kind == FileKind::Regular => Ok(Some(facts)),
        Ok(_) => Err(DiskError::NotAFile { path: path.to_owned() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(DiskError::at(Step::Inspect, path, error)),
    }
}

fn check_size(path: &Path, bytes: u64, bytes_max: u64) -> Result<(), DiskError> {
    if bytes > bytes_max { Err(too_large(path, bytes, bytes_max)) } else { Ok(()) }
}

fn too_large(path: &Path, bytes: u64, bytes_max: u64) -> DiskError {
    DiskError::TooLarge { path: path.to_owned(), bytes, bytes_max }
}

/// A buffer that takes no more than so many bytes.
struct Bounded {
    sink: Vec<u8>,
    left: u64,
    over: bool,
}

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.left.checked_sub(bytes.len() as u64) {
            Some(left) => {
                self.left = left;
                self.sink.extend_from_slice(bytes);
                Ok(bytes.len())
            }
            None => {
                self.over = true;
                Err(io::ErrorKind::FileTooLarge.into())
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
