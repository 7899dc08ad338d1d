//! A file replaced as a whole, if it still holds what was read.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use syncline_model::id::RunId;

use super::access::{Disk, Facts, FileIdentity, Place, Writing};
use super::error::{DiskError, Step};
use super::patience::patiently;
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

/// Writes the new content of a file beside it. Its bytes are durable then; its name is once
/// [`sync_folders`] was called, which has to be before anything relies on it.
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
    let (staged, staging) = begin_stage(disk, target, bytes.to_vec(), run)?;
    staging.wait(disk)?;
    Ok(staged)
}

/// Begins what [`stage`] does: the new content is on its way, and there after [`Staging::wait`].
///
/// # Errors
///
/// [`DiskError`]; nothing was begun then.
pub fn begin_stage(
    disk: &dyn Disk,
    target: &Path,
    bytes: Vec<u8>,
    run: &RunId,
) -> Result<(Staged, Staging), DiskError> {
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
    remove_if_there(disk, &path).map_err(|error| error.of_target(&target))?;
    let digest = Digest::of(&bytes);
    let writing = disk.begin_write(&path, bytes, mode);
    let staging = Staging { target: target.clone(), path: path.clone(), writing };
    Ok((Staged { target, path, digest }, staging))
}

/// New content on its way to the disk.
#[derive(Debug)]
pub struct Staging {
    target: PathBuf,
    path: PathBuf,
    writing: Writing,
}

impl Staging {
    /// Waits until the new content is durable.
    ///
    /// # Errors
    ///
    /// [`DiskError`]; nothing of the new content is left then, as far as the disk lets it be removed.
    pub fn wait(self, disk: &dyn Disk) -> Result<(), DiskError> {
        let Self { target, path, writing } = self;
        let written = writing.wait();
        let written = written.map_err(|error| DiskError::writing(&path, error).of_target(&target));
        written.inspect_err(|_| {
            let _ = disk.remove(&path);
        })
    }
}

/// Makes the names of files durable: each of their folders is synced once.
///
/// # Errors
///
/// [`DiskError`] of the first file whose folder cannot be synced.
pub fn sync_folders<'a>(
    disk: &dyn Disk,
    files: impl IntoIterator<Item = &'a Path>,
) -> Result<(), DiskError> {
    let mut folders = Folders::new(disk);
    let mut sync = |file| folders.sync(file).map_err(|e| DiskError::at(Step::SyncFolder, file, e));
    files.into_iter().try_for_each(&mut sync)
}

/// A staged file that is to take the place of another.
#[derive(Clone, Debug)]
pub struct Replacement {
    /// The new content.
    pub staged: Staged,
    /// Digest of what was read; nothing if the file was missing.
    pub expected_old: Option<Digest>,
    /// Where the old file stays for undo, in a folder that exists. Another name of the same file
    /// where the device is the same, else a copy.
    pub keep: Option<PathBuf>,
}

/// Puts new contents in the places of their files, each as [`Staged::publish`] does; but a step is
/// made for all of them before the next one, so that every folder is synced once for all.
///
/// Answers in the order of `replacements`; one that fails keeps no other from its place.
pub fn publish_all(
    disk: &dyn Disk,
    replacements: Vec<Replacement>,
) -> Vec<Result<Published, DiskError>> {
    let attempts = replacements.into_iter();
    let mut attempts: Vec<_> =
        attempts.map(|of| Attempt { of, kept: None, failed: None }).collect();
    // Keeping comes first: it takes long, and nothing long may stand between the comparison and the
    // replacement.
    each(&mut attempts, |attempt| attempt.keep_old(disk));
    let mut folders = Folders::new(disk);
    each(&mut attempts, |attempt| attempt.sync_kept(disk, &mut folders));
    each(&mut attempts, |attempt| attempt.replace(disk));
    let mut folders = Folders::new(disk);
    each(&mut attempts, |attempt| attempt.sync_replaced(&mut folders));
    attempts.into_iter().map(|attempt| attempt.end(disk)).collect()
}

/// Does a step of all attempts that have not failed.
fn each(attempts: &mut [Attempt], mut step: impl FnMut(&mut Attempt) -> Result<(), DiskError>) {
    for attempt in attempts.iter_mut().filter(|attempt| attempt.failed.is_none()) {
        attempt.failed = step(attempt).err();
    }
}

/// A replacement on its way.
struct Attempt {
    of: Replacement,
    kept: Option<Kept>,
    failed: Option<DiskError>,
}

impl Attempt {
    /// Keeps the old file, if there is one and it is to be kept.
    fn keep_old(&mut self, disk: &dyn Disk) -> Result<(), DiskError> {
        let Replacement { staged, expected_old, keep } = &self.of;
        if let (Some(old), Some(keep)) = (expected_old, keep) {
            let kept = staged.keep(disk, *old, keep);
            self.kept = Some(kept.inspect_err(|_| self.give_up(disk))?);
        }
        Ok(())
    }

    fn sync_kept(&mut self, disk: &dyn Disk, folders: &mut Folders<'_>) -> Result<(), DiskError> {
        let Some(kept) = &self.kept else { return Ok(()) };
        let synced = folders.sync(&kept.path);
        let synced = synced.map_err(|error| DiskError::at(Step::Keep, &kept.path, error));
        synced.inspect_err(|_| self.give_up(disk))
    }

    /// Puts the new content in its place, if the file holds what it held.
    fn replace(&mut self, disk: &dyn Disk) -> Result<(), DiskError> {
        let staged = &self.of.staged;
        let replaced = match self.of.expected_old {
            Some(old) => staged.replace(disk, old).map(Some),
            None => staged.create(disk).map(|()| None),
        };
        let facts = replaced.inspect_err(|error| {
            if !error.outcome_is_unknown() {
                self.give_up(disk);
            }
        })?;
        if let (Some(kept), Some(facts)) = (&mut self.kept, facts) {
            kept.late_edit = was_written(disk, &kept.path, &facts);
        }
        Ok(())
    }

    fn sync_replaced(&self, folders: &mut Folders<'_>) -> Result<(), DiskError> {
        let staged = &self.of.staged;
        folders.sync(&staged.target).map_err(|source| staged.outcome_unknown(source))
    }

    /// Removes what an attempt leaves that was given up before the file was replaced.
    fn give_up(&self, disk: &dyn Disk) {
        // A kept file tells those who mend a crash that the old one was replaced.
        if let Some(Kept { path, is_new: true, .. }) = &self.kept {
            let _ = disk.remove(path);
        }
        // Best effort: what cannot be removed is found by `leftovers`.
        let _ = disk.remove(&self.of.staged.path);
    }

    fn end(self, disk: &dyn Disk) -> Result<Published, DiskError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let Staged { target, digest, .. } = &self.of.staged;
        let inspect = || disk.facts(target).map_err(|e| DiskError::at(Step::Inspect, target, e));
        let facts = patiently(disk, inspect);
        let unknown = |error| self.of.staged.outcome_unknown(io::Error::other(error));
        let facts = facts.map_err(unknown)?;
        let late_edit = self.kept.as_ref().is_some_and(|kept| kept.late_edit);
        Ok(Published {
            target: target.clone(),
            digest: *digest,
            modified_ms: facts.modified_ns / 1_000_000,
            identity: facts.identity,
            kept: self.kept.map(|kept| kept.path),
            late_edit,
        })
    }
}

/// Folders that are synced once each: who asks again is told what it came to.
struct Folders<'a> {
    disk: &'a dyn Disk,
    synced: BTreeMap<PathBuf, Result<(), (io::ErrorKind, String)>>,
}

impl<'a> Folders<'a> {
    fn new(disk: &'a dyn Disk) -> Self {
        Self { disk, synced: BTreeMap::new() }
    }

    /// Makes the name of a file durable.
    fn sync(&mut self, file: &Path) -> io::Result<()> {
        let folder = file.parent().unwrap_or(Path::new("/"));
        let told = match self.synced.get(folder) {
            Some(told) => told.clone(),
            None => {
                let told = self.disk.sync_folder(folder);
                let told = told.map_err(|error| (error.kind(), error.to_string()));
                self.synced.insert(folder.to_owned(), told.clone());
                told
            }
        };
        told.map_err(|(kind, text)| io::Error::new(kind, text))
    }
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
        let keep = keep.map(Path::to_owned);
        let alone = Replacement { staged: self, expected_old, keep };
        let mut published = publish_all(disk, vec![alone]);
        published.pop().expect("invariant: one replacement has one answer")
    }

    /// Removes the new content.
    ///
    /// # Errors
    ///
    /// [`DiskError`] if it is still there.
    pub fn discard(self, disk: &dyn Disk) -> Result<(), DiskError> {
        remove_if_there(disk, &self.path)
    }

    /// Replaces a file that is there; answers what is known of the old one.
    fn replace(&self, disk: &dyn Disk, old: Digest) -> Result<Facts, DiskError> {
        patiently(disk, || {
            let facts = self.check(disk, old)?;
            self.placed(disk, disk.rename(&self.path, &self.target))?;
            Ok(facts)
        })
    }

    /// Judges a step that puts the new content in its place. A server that was not heard in time may
    /// have done it all the same: then the step has succeeded, and where that cannot be seen its
    /// outcome is unknown.
    fn placed(&self, disk: &dyn Disk, step: io::Result<()>) -> Result<(), DiskError> {
        let Err(source) = step else { return Ok(()) };
        let error = DiskError::at(Step::Replace, &self.target, source);
        if !error.is_passing() {
            return Err(error);
        }
        match patiently(disk, || seen(disk, &self.target)) {
            Ok(Some((found, _))) if found == self.digest => Ok(()),
            Ok(_) => Err(error),
            Err(unseen) => Err(self.outcome_unknown(io::Error::other(unseen))),
        }
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
        patiently(disk, || self.create_once(disk))
    }

    fn create_once(&self, disk: &dyn Disk) -> Result<(), DiskError> {
        let changed = || DiskError::Changed { path: self.target.clone() };
        let linked = disk.link(&self.path, &self.target);
        if linked.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::AlreadyExists) {
            return Err(changed());
        }
        match self.placed(disk, linked) {
            // A staged file that stays is harmless: it is found by `leftovers`.
            Ok(()) => {
                let _ = disk.remove(&self.path);
                Ok(())
            }
            Err(error) if error.is_passing() || error.outcome_is_unknown() => Err(error),
            Err(_) if regular_facts(disk, &self.target)?.is_some() => Err(changed()),
            // The file system knows no second names.
            Err(_) => self.placed(disk, disk.rename(&self.path, &self.target)),
        }
    }

    /// Keeps the old file; an earlier attempt, cut off by a crash, may have kept it already.
    fn keep(&self, disk: &dyn Disk, old: Digest, keep: &Path) -> Result<Kept, DiskError> {
        let failed = |error| DiskError::at(Step::Keep, keep, error);
        let is_new = match patiently(disk, || seen(disk, keep))? {
            Some((found, _)) if found == old => false,
            Some(_) => return Err(failed(io::ErrorKind::AlreadyExists.into())),
            None => true,
        };
        let link = || disk.link(&self.target, keep).map_err(failed);
        if is_new && patiently(disk, link).is_err() {
            patiently(disk, || self.copy(disk, old, keep))?;
        }
        Ok(Kept { path: keep.to_owned(), is_new, late_edit: false })
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
        Folders::new(disk).sync(&self.target).map_err(|source| self.outcome_unknown(source))
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
    /// Whether somebody wrote into it in the moment in which it was replaced.
    late_edit: bool,
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
