//! A file replaced as a whole, if it still holds what was read.

use std::io;
use std::path::{Path, PathBuf};

use syncline_model::id::RunId;

use super::access::{Disk, Facts, FileIdentity, Place};
use super::error::{DiskError, Step};
use super::reading::{Digest, place, regular_facts, seen};

/// What stands between a file's name and the run's in the name of a staged file.
const MARK: &str = ".syncline-";

/// Mode of a file that did not exist before.
const MODE_NEW: u32 = 0o600;

/// New content of a file, durable beside it and not yet in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Staged {
    /// The file to be replaced, without symbolic links.
    pub target: PathBuf,
    /// Where the new content is.
    pub path: PathBuf,
    /// Digest of the new content.
    pub digest: Digest,
}

/// A file that was replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The file, without symbolic links.
    pub target: PathBuf,
    /// Digest of its content.
    pub digest: Digest,
    /// When it was written, milliseconds since 1970.
    pub modified_ms: u64,
    /// Which file it is.
    pub identity: FileIdentity,
    /// Where the old file is, if it was to be kept and there was one.
    pub kept: Option<PathBuf>,
    /// Whether somebody wrote into the old file in the moment in which it was replaced. Their text
    /// is in the kept file, and nowhere else.
    pub late_edit: bool,
}

/// Writes the new content of a file beside it, durably.
///
/// - `target`: the file, which need not exist; its folder has to.
/// - `run`: part of the name, so that a later run knows whose it was.
///
/// # Errors
///
/// [`DiskError`]; nothing of the new content is left then, as far as the disk lets it be removed.
pub fn stage(
    disk: &dyn Disk,
    target: &Path,
    bytes: &[u8],
    run: &RunId,
) -> Result<Staged, DiskError> {
    let (target, mode) = match place(disk, target)? {
        Place::Found(target) => {
            let facts = regular_facts(disk, &target)?;
            let mode = facts.map_or(MODE_NEW, |facts| facts.mode);
            (target, mode)
        }
        Place::Missing(target) => (target, MODE_NEW),
        _ => {
            return Err(DiskError::FolderMissing { path: target.to_owned() });
        }
    };
    let path = staged_path(&target, run);
    // Only this run writes under this name: what is there is its own, from before a crash.
    remove_if_there(disk, &path)?;
    let written =
        disk.write_new(&path, bytes, mode).map_err(|error| DiskError::writing(&path, error));
    // Its name has to last, too: a journal entry will rely on it.
    let durable = written.and_then(|()| {
        sync_folder_of(disk, &path).map_err(|error| DiskError::at(Step::SyncFolder, &path, error))
    });
    durable.inspect_err(|_| {
        let _ = disk.remove(&path);
    })?;
    Ok(Staged { target, path, digest: Digest::of(bytes) })
}

impl Staged {
    /// Puts the new content in the file's place, if the file still holds what was read.
    ///
    /// - `expected_old`: digest of what was read; nothing if the file was missing.
    /// - `keep`: where the old file stays for undo, in a folder that exists. Another name of the
    ///   same file where the device is the same, else a copy.
    ///
    /// The comparison is made right before the file is replaced. An editor that saves within that
    /// moment by replacing the file itself cannot be seen; one that writes into it can, where the
    /// old file is kept under a second name, see [`Published::late_edit`]. Where no file was, none
    /// is ever replaced, but on file systems without second names.
    ///
    /// # Errors
    ///
    /// [`DiskError::Changed`] if the file holds something else, [`DiskError::OutcomeUnknown`] if
    /// the folder could not be synced, else as reading and writing. But for `OutcomeUnknown` the
    /// file is what it was and the staged content is removed.
    pub fn publish(
        self,
        disk: &dyn Disk,
        expected_old: Option<Digest>,
        keep: Option<&Path>,
    ) -> Result<Published, DiskError> {
        let replaced = match expected_old {
            Some(old) => self.replace(disk, old, keep),
            None => self.create(disk).map(|()| (None, false)),
        };
        let (kept, late_edit) = replaced.inspect_err(|_| {
            // Best effort: what cannot be removed is found by `leftovers`.
            let _ = disk.remove(&self.path);
        })?;
        self.make_durable(disk)?;
        let facts = disk.facts(&self.target);
        let facts = facts.map_err(|source| self.outcome_unknown(source))?;
        Ok(Published {
            target: self.target,
            digest: self.digest,
            modified_ms: facts.modified_ns / 1_000_000,
            identity: facts.identity,
            kept,
            late_edit,
        })
    }

    /// Removes the new content.
    ///
    /// # Errors
    ///
    /// [`DiskError`] if it is still there.
    pub fn discard(self, disk: &dyn Disk) -> Result<(), DiskError> {
        remove_if_there(disk, &self.path)
    }

    /// Replaces a file that is there.
    fn replace(
        &self,
        disk: &dyn Disk,
        old: Digest,
        keep: Option<&Path>,
    ) -> Result<(Option<PathBuf>, bool), DiskError> {
        // Keeping comes first: it takes long, and nothing long may stand between the comparison
        // and the replacement.
        let kept = keep.map(|keep| self.keep(disk, old, keep)).transpose()?;
        let replaced = self.check(disk, old).and_then(|facts| {
            let renamed = disk.rename(&self.path, &self.target);
            renamed.map_err(|error| DiskError::at(Step::Replace, &self.target, error))?;
            Ok(facts)
        });
        // A kept file tells those who mend a crash that the old one was replaced.
        let facts = replaced.inspect_err(|_| {
            if let Some(Kept { path, is_new: true }) = &kept {
                let _ = disk.remove(path);
            }
        })?;
        let kept = kept.map(|kept| kept.path);
        let late_edit = kept.as_deref().is_some_and(|path| was_written(disk, path, &facts));
        Ok((kept, late_edit))
    }

    /// Returns what is known of the target, if it holds what it held.
    fn check(&self, disk: &dyn Disk, old: Digest) -> Result<Facts, DiskError> {
        let changed = || DiskError::Changed { path: self.target.clone() };
        let (found, facts) = seen(disk, &self.target)?.ok_or_else(changed)?;
        let is_same = found == old && regular_facts(disk, &self.target)? == Some(facts);
        if is_same { Ok(facts) } else { Err(changed()) }
    }

    /// Puts the new content where no file is. A name that was taken meanwhile is never overwritten.
    fn create(&self, disk: &dyn Disk) -> Result<(), DiskError> {
        let failed = |error| DiskError::at(Step::Replace, &self.target, error);
        match disk.link(&self.path, &self.target) {
            // A staged file that stays is harmless: it is found by `leftovers`.
            Ok(()) => {
                let _ = disk.remove(&self.path);
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Err(DiskError::Changed { path: self.target.clone() })
            }
            Err(_) if regular_facts(disk, &self.target)?.is_some() => {
                Err(DiskError::Changed { path: self.target.clone() })
            }
            // The file system knows no second names.
            Err(_) => disk.rename(&self.path, &self.target).map_err(failed),
        }
    }

    /// Keeps the old file; an earlier attempt, cut off by a crash, may have kept it already.
    fn keep(&self, disk: &dyn Disk, old: Digest, keep: &Path) -> Result<Kept, DiskError> {
        let failed = |error| DiskError::at(Step::Keep, keep, error);
        let is_new = match seen(disk, keep)? {
            Some((found, _)) if found == old => false,
            Some(_) => return Err(failed(io::ErrorKind::AlreadyExists.into())),
            None => true,
        };
        if is_new && disk.link(&self.target, keep).is_err() {
            self.copy(disk, old, keep)?;
        }
        let path = keep.to_owned();
        sync_folder_of(disk, keep).map_err(failed)?;
        Ok(Kept { path, is_new })
    }

    /// Keeps the old file as a copy, which has its name only once it is whole.
    fn copy(&self, disk: &dyn Disk, old: Digest, keep: &Path) -> Result<(), DiskError> {
        let changed = || DiskError::Changed { path: self.target.clone() };
        regular_facts(disk, &self.target)?.ok_or_else(changed)?;
        let mut bytes = Vec::new();
        disk.read_into(&self.target, &mut bytes)
            .map_err(|error| DiskError::at(Step::Read, &self.target, error))?;
        if Digest::of(&bytes) != old {
            return Err(changed());
        }
        let part = part_path(keep);
        remove_if_there(disk, &part)?;
        let written = disk.write_new(&part, &bytes, MODE_NEW);
        let written = written.map_err(|error| DiskError::writing(&part, error));
        let named = written.and_then(|()| {
            disk.rename(&part, keep).map_err(|error| DiskError::at(Step::Keep, keep, error))
        });
        named.inspect_err(|_| {
            let _ = disk.remove(&part);
        })
    }

    pub(super) fn make_durable(&self, disk: &dyn Disk) -> Result<(), DiskError> {
        sync_folder_of(disk, &self.target).map_err(|source| self.outcome_unknown(source))
    }

    fn outcome_unknown(&self, source: io::Error) -> DiskError {
        let path = self.target.clone();
        DiskError::OutcomeUnknown { path, source }
    }
}

/// The old file under its other name.
struct Kept {
    path: PathBuf,
    /// Whether this attempt made it.
    is_new: bool,
}

/// Tells whether the kept file, if it is the very file that was checked, was written since.
fn was_written(disk: &dyn Disk, kept: &Path, checked: &Facts) -> bool {
    match disk.facts(kept) {
        Ok(now) if now.identity == checked.identity => {
            (now.len, now.modified_ns) != (checked.len, checked.modified_ns)
        }
        _ => false,
    }
}

fn sync_folder_of(disk: &dyn Disk, file: &Path) -> io::Result<()> {
    disk.sync_folder(file.parent().unwrap_or(Path::new("/")))
}

pub(super) fn remove_if_there(disk: &dyn Disk, path: &Path) -> Result<(), DiskError> {
    match disk.remove(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(DiskError::at(Step::Remove, path, error))
        }
        _ => Ok(()),
    }
}

/// Returns where the new content of a file is staged by a run.
fn staged_path(target: &Path, run: &RunId) -> PathBuf {
    let is_plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let run: String = run.as_str().chars().map(|c| if is_plain(&c) { c } else { '-' }).collect();
    let file = target.file_name().unwrap_or_default().to_string_lossy();
    target.with_file_name(format!(".{file}{MARK}{run}"))
}

/// Returns where a copy is made of a file that is kept.
fn part_path(keep: &Path) -> PathBuf {
    let file = keep.file_name().unwrap_or_default().to_string_lossy();
    keep.with_file_name(format!(".{file}{MARK}part"))
}

/// A staged file that its run left behind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Leftover {
    /// The staged file.
    pub path: PathBuf,
    /// Name of the file that it would have replaced.
    pub file: String,
    /// The run, with `-` for every character that has no place in a name.
    pub run: String,
}

/// Returns the staged files in a folder, sorted. Those of runs that neither work nor have a journal
/// entry can be removed.
///
/// # Errors
///
/// [`DiskError`] if the folder cannot be listed.
pub fn leftovers(disk: &dyn Disk, folder: &Path) -> Result<Vec<Leftover>, DiskError> {
    let names = disk.list(folder).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => DiskError::FolderMissing { path: folder.to_owned() },
        _ => DiskError::at(Step::List, folder, error),
    })?;
    let mut found: Vec<Leftover> = names
        .iter()
        .filter_map(|name| {
            let (file, run) = name.strip_prefix('.')?.rsplit_once(MARK)?;
            let (path, file, run) = (folder.join(name), file.to_owned(), run.to_owned());
            Some(Leftover { path, file, run })
        })
        .collect();
    found.sort();
    Ok(found)
}
