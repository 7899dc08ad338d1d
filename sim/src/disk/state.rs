//! The disk itself: names, files, and what goes wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::file::Content;
use crate::random::Random;

/// The system's number for "input/output error".
const EIO: i32 = 5;
/// The system's number for "no room".
const ENOSPC: i32 = 28;

/// How often operations fail, each in 1,000.
#[derive(Clone, Copy, Debug, Default)]
pub struct DiskRates {
    /// Reads that fail.
    pub read_error: u64,
    /// Writes, creations, renames and removals that fail.
    pub write_error: u64,
    /// Syncs that fail.
    pub sync_error: u64,
    /// Writes that find no room.
    pub full: u64,
    /// Of the failures above, those that last until the restart.
    pub sticky: u64,
    /// Reads of checked data in which a bit differs.
    pub flip: u64,
}

/// How a machine or a process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrashKind {
    /// The process ends; the page cache stays.
    Kill,
    /// The power goes; what was not synced may go with it.
    PowerCut,
}

/// A simulated disk; clones are handles on the same one.
#[derive(Clone, Debug)]
pub struct SimDisk(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    random: Random,
    rates: DiskRates,
    now_ms: u64,
    contents: BTreeMap<u64, Content>,
    folders: BTreeSet<PathBuf>,
    names: BTreeMap<PathBuf, u64>,
    durable_names: BTreeMap<PathBuf, u64>,
    /// Changes of names that no folder's sync has made durable, in order.
    unsynced_names: Vec<NameChange>,
    file_next: u64,
    broken: BTreeSet<PathBuf>,
    /// Operations until the machine stops; `None` while no stop is planned.
    operations_left: Option<u64>,
    stopped: bool,
    faults: BTreeMap<&'static str, u64>,
}

/// One change of names: all of it happens or nothing.
#[derive(Clone, Debug)]
struct NameChange {
    folder: PathBuf,
    entries: Vec<(PathBuf, Option<u64>)>,
}

impl SimDisk {
    /// Returns an empty disk that never fails by itself.
    pub fn new(random: Random) -> Self {
        Self(Arc::new(Mutex::new(State {
            random,
            rates: DiskRates::default(),
            now_ms: 0,
            contents: BTreeMap::new(),
            folders: BTreeSet::new(),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            unsynced_names: Vec::new(),
            file_next: 1,
            broken: BTreeSet::new(),
            operations_left: None,
            stopped: false,
            faults: BTreeMap::new(),
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says how often operations fail from now on.
    pub fn set_rates(&self, rates: DiskRates) {
        self.state().rates = rates;
    }

    /// Says what time it is, for the time of changes.
    pub fn set_now(&self, now_ms: u64) {
        self.state().now_ms = now_ms;
    }

    /// Ends all faults: the disk was replaced by a sound one with the same content.
    pub fn mend(&self) {
        let mut state = self.state();
        state.rates = DiskRates::default();
        state.broken.clear();
        state.operations_left = None;
    }

    /// Lets the machine stop at the operation that follows the next `operations`.
    pub fn stop_after(&self, operations: u64) {
        self.state().operations_left = Some(operations);
    }

    /// Takes a planned stop back.
    pub fn stop_never(&self) {
        self.state().operations_left = None;
    }

    /// Returns whether the machine has stopped.
    pub fn is_stopped(&self) -> bool {
        self.state().stopped
    }

    /// Ends what runs on the machine and starts it again; answers with what the disk holds then.
    pub fn restart(&self, kind: CrashKind) {
        let mut state = self.state();
        let state = &mut *state;
        state.operations_left = None;
        state.stopped = false;
        if kind == CrashKind::PowerCut {
            state.power_cut();
            state.broken.clear();
        }
    }

    /// Returns how often each kind of fault has happened.
    pub fn faults(&self) -> BTreeMap<&'static str, u64> {
        self.state().faults.clone()
    }

    /// Makes a folder and those above it; they are there for good.
    pub fn make_folder(&self, folder: &Path) {
        let mut state = self.state();
        for above in folder.ancestors() {
            state.folders.insert(above.to_path_buf());
        }
    }

    /// Reads a whole file.
    ///
    /// # Errors
    ///
    /// `NotFound`, or a fault.
    pub fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let mut state = self.state();
        let rate = state.rates.read_error;
        state.step(path, rate, "read error")?;
        state.content(path).map(|content| content.seen.clone())
    }

    /// Reads a whole file that carries checksums: a bit of it may differ.
    ///
    /// # Errors
    ///
    /// As [`SimDisk::read`].
    pub fn read_checked(&self, path: &Path) -> io::Result<Vec<u8>> {
        let mut bytes = self.read(path)?;
        let mut state = self.state();
        let rate = state.rates.flip;
        if state.random.chance(rate) {
            let index = state.random.index(bytes.len());
            let bit = state.random.below(8);
            if let Some(byte) = bytes.get_mut(index) {
                *byte ^= 1 << bit;
                state.count("bit flipped on read");
            }
        }
        Ok(bytes)
    }

    /// Makes an empty file, in the place of one that may be there.
    ///
    /// # Errors
    ///
    /// `NotFound` without the folder, or a fault.
    pub fn create(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.step_write(path)?;
        let folder = parent(path);
        if !state.folders.contains(&folder) {
            return Err(io::ErrorKind::NotFound.into());
        }
        if state.names.contains_key(path) {
            return state.content(path).map(|content| content.set_len(0));
        }
        let file = state.file_next;
        state.file_next += 1;
        let modified_ms = state.now_ms;
        state.contents.insert(file, Content::new(modified_ms));
        state.rename_entries(folder, vec![(path.to_path_buf(), Some(file))]);
        Ok(())
    }

    /// Writes into a file; where that fails, a part may be written.
    ///
    /// # Errors
    ///
    /// `NotFound`, or a fault.
    pub fn write(&self, path: &Path, offset: usize, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        let outcome = state.step_write(path);
        let mut written = bytes;
        if outcome.is_err() {
            let part = state.random.index(bytes.len() + 1);
            written = bytes.get(..part).unwrap_or_default();
        }
        let now_ms = state.now_ms;
        let content = state.content(path)?;
        content.write(offset, written);
        content.modified_ms = now_ms;
        outcome
    }

    /// Cuts a file to `len` bytes.
    ///
    /// # Errors
    ///
    /// `NotFound`, or a fault.
    pub fn truncate(&self, path: &Path, len: usize) -> io::Result<()> {
        let mut state = self.state();
        state.step_write(path)?;
        state.content(path).map(|content| content.set_len(len))
    }

    /// Brings a file's content to the platter; its name is its folder's.
    ///
    /// # Errors
    ///
    /// `NotFound`, or a fault; after a fault nobody knows what is on the platter.
    pub fn sync_file(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        let state = &mut *state;
        let rate = state.rates.sync_error;
        let outcome = state.step(path, rate, "sync error");
        let Some(content) = state.names.get(path).and_then(|file| state.contents.get_mut(file))
        else {
            return outcome.and(Err(io::ErrorKind::NotFound.into()));
        };
        match &outcome {
            Ok(()) => content.sync(),
            Err(_) if !state.stopped => content.sync_failed(&mut state.random),
            Err(_) => {}
        }
        outcome
    }

    /// Brings a folder's names to the platter.
    ///
    /// # Errors
    ///
    /// `NotFound`, or a fault.
    pub fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        let mut state = self.state();
        let state = &mut *state;
        let rate = state.rates.sync_error;
        state.step(folder, rate, "sync error")?;
        if !state.folders.contains(folder) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let (durable, rest) = std::mem::take(&mut state.unsynced_names)
            .into_iter()
            .partition(|change| change.folder == folder);
        state.unsynced_names = rest;
        let durable: Vec<NameChange> = durable;
        durable.into_iter().for_each(|change| change.apply(&mut state.durable_names));
        Ok(())
    }

    /// Gives a file another name in the same folder, in the place of a file that may be there.
    ///
    /// # Errors
    ///
    /// `NotFound`, or a fault.
    pub fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.step_write(to)?;
        let file = state.names.get(from).copied().ok_or(io::ErrorKind::NotFound)?;
        let entries = vec![(from.to_path_buf(), None), (to.to_path_buf(), Some(file))];
        state.rename_entries(parent(to), entries);
        Ok(())
    }

    /// Gives a file a second name.
    ///
    /// # Errors
    ///
    /// `NotFound`, `AlreadyExists`, or a fault.
    pub fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.step_write(to)?;
        let file = state.names.get(from).copied().ok_or(io::ErrorKind::NotFound)?;
        if state.names.contains_key(to) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        state.rename_entries(parent(to), vec![(to.to_path_buf(), Some(file))]);
        Ok(())
    }

    /// Removes a file's name.
    ///
    /// # Errors
    ///
    /// `NotFound`, or a fault.
    pub fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.step_write(path)?;
        if !state.names.contains_key(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        state.rename_entries(parent(path), vec![(path.to_path_buf(), None)]);
        Ok(())
    }

    /// Returns the files of a folder, sorted by name.
    ///
    /// # Errors
    ///
    /// `NotFound`, or a fault.
    pub fn list(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        let mut state = self.state();
        let rate = state.rates.read_error;
        state.step(folder, rate, "read error")?;
        if !state.folders.contains(folder) {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(state.names.keys().filter(|path| parent(path) == folder).cloned().collect())
    }

    /// Returns length and time of the last change of a file; nothing if there is no such file.
    pub fn stat(&self, path: &Path) -> Option<Stat> {
        let mut state = self.state();
        let file = *state.names.get(path)?;
        let content = state.contents.get_mut(&file)?;
        Some(Stat { len: content.seen.len(), modified_ms: content.modified_ms, file })
    }

    /// Returns whether there is such a folder.
    pub fn is_folder(&self, folder: &Path) -> bool {
        self.state().folders.contains(folder)
    }

    /// Returns what a user of the machine sees, without any fault; nothing if there is no file.
    pub fn peek(&self, path: &Path) -> Option<Vec<u8>> {
        let mut state = self.state();
        let content = state.content(path).ok();
        content.map(|content| content.seen.clone())
    }

    /// Lets a user of the machine lose a file, durably and without any fault.
    pub fn lose(&self, path: &Path) {
        let mut state = self.state();
        state.names.remove(path);
        for change in &mut state.unsynced_names {
            change.entries.retain(|(name, _)| name != path);
        }
        state.durable_names.remove(path);
    }

    /// Lets a user of the machine save a file, durably and without any fault.
    pub fn poke(&self, path: &Path, bytes: &[u8]) {
        let mut state = self.state();
        let state = &mut *state;
        let file = state.file_next;
        state.file_next += 1;
        let mut content = Content::new(state.now_ms);
        content.write(0, bytes);
        content.sync();
        state.contents.insert(file, content);
        state.names.insert(path.to_path_buf(), file);
        // The user's save ends whatever was under way with that name.
        for change in &mut state.unsynced_names {
            change.entries.retain(|(name, _)| name != path);
        }
        state.durable_names.insert(path.to_path_buf(), file);
    }
}

/// What is known of a file without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// Length in bytes.
    pub len: usize,
    /// Time of the last change, in virtual milliseconds.
    pub modified_ms: u64,
    /// The file's number, as an inode's.
    pub file: u64,
}

impl NameChange {
    fn apply(self, names: &mut BTreeMap<PathBuf, u64>) {
        for (path, file) in self.entries {
            match file {
                Some(file) => names.insert(path, file),
                None => names.remove(&path),
            };
        }
    }
}

impl State {
    fn count(&mut self, fault: &'static str) {
        *self.faults.entry(fault).or_default() += 1;
    }

    fn content(&mut self, path: &Path) -> io::Result<&mut Content> {
        let file = self.names.get(path);
        let content = file.and_then(|file| self.contents.get_mut(file));
        content.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn rename_entries(&mut self, folder: PathBuf, entries: Vec<(PathBuf, Option<u64>)>) {
        let change = NameChange { folder, entries };
        change.clone().apply(&mut self.names);
        self.unsynced_names.push(change);
    }

    fn step_write(&mut self, path: &Path) -> io::Result<()> {
        let rate = self.rates.full;
        if !self.stopped && self.random.chance(rate) {
            self.count("no room");
            return Err(io::Error::from_raw_os_error(ENOSPC));
        }
        let rate = self.rates.write_error;
        self.step(path, rate, "write error")
    }

    /// Counts an operation and decides whether it fails.
    fn step(&mut self, path: &Path, rate: u64, fault: &'static str) -> io::Result<()> {
        match &mut self.operations_left {
            Some(0) => {
                self.stopped = true;
                self.operations_left = None;
                self.count("stopped within an operation");
            }
            Some(left) => *left -= 1,
            None => {}
        }
        if self.stopped {
            return Err(io::Error::other("the machine has stopped"));
        }
        if self.broken.contains(path) || self.random.chance(rate) {
            let sticky = self.rates.sticky;
            if self.random.chance(sticky) {
                self.broken.insert(path.to_path_buf());
            }
            self.count(fault);
            return Err(io::Error::from_raw_os_error(EIO));
        }
        Ok(())
    }

    fn power_cut(&mut self) {
        self.count("power cut");
        let mut cut = BTreeSet::new();
        let chance = self.random.below(1_001);
        for change in std::mem::take(&mut self.unsynced_names) {
            let lost = cut.contains(&change.folder) || !self.random.chance(chance);
            if lost {
                cut.insert(change.folder.clone());
            } else {
                change.apply(&mut self.durable_names);
            }
        }
        if !cut.is_empty() {
            self.count("names lost");
        }
        self.names.clone_from(&self.durable_names);
        let kept: BTreeSet<u64> = self.names.values().copied().collect();
        self.contents.retain(|file, _| kept.contains(file));
        let mut torn = 0;
        for content in self.contents.values_mut() {
            let before = content.seen.clone();
            content.power_cut(&mut self.random);
            torn += u64::from(content.seen != before);
        }
        if torn > 0 {
            *self.faults.entry("unsynced data lost or torn").or_default() += torn;
        }
    }
}

fn parent(path: &Path) -> PathBuf {
    path.parent().unwrap_or_else(|| Path::new("/")).to_path_buf()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The classic: write a new file, sync it, rename it over the old one; without a sync of the
    /// folder the old name may come back, and never anything else.
    #[test]
    fn a_rename_without_a_sync_of_the_folder_may_be_lost() {
        let (mut old, mut new) = (0, 0);
        for seed in 0..300 {
            let disk = SimDisk::new(Random::new(seed));
            disk.make_folder(Path::new("/d"));
            let (file, fresh) = (Path::new("/d/f"), Path::new("/d/f.new"));
            disk.poke(file, b"old");
            disk.create(fresh).unwrap();
            disk.write(fresh, 0, b"new").unwrap();
            disk.sync_file(fresh).unwrap();
            disk.rename(fresh, file).unwrap();
            disk.restart(CrashKind::PowerCut);
            match disk.read(file).unwrap().as_slice() {
                b"old" => old += 1,
                b"new" => new += 1,
                other => panic!("seed {seed}: {other:?}"),
            }
        }
        assert!(old > 50 && new > 50, "old {old}, new {new}");
    }

    #[test]
    fn a_synced_rename_is_never_lost() {
        for seed in 0..100 {
            let disk = SimDisk::new(Random::new(seed));
            disk.make_folder(Path::new("/d"));
            let (file, fresh) = (Path::new("/d/f"), Path::new("/d/f.new"));
            disk.poke(file, b"old");
            disk.create(fresh).unwrap();
            disk.write(fresh, 0, b"new").unwrap();
            disk.sync_file(fresh).unwrap();
            disk.rename(fresh, file).unwrap();
            disk.sync_folder(Path::new("/d")).unwrap();
            disk.restart(CrashKind::PowerCut);
            assert_eq!(disk.read(file).unwrap(), b"new", "seed {seed}");
        }
    }

    #[test]
    fn the_machine_stops_where_it_was_told_to_and_works_after_the_restart() {
        let disk = SimDisk::new(Random::new(1));
        disk.make_folder(Path::new("/d"));
        disk.stop_after(1);
        disk.create(Path::new("/d/f")).unwrap();
        assert!(disk.write(Path::new("/d/f"), 0, b"x").is_err());
        assert!(disk.is_stopped() && disk.read(Path::new("/d/f")).is_err());
        disk.restart(CrashKind::Kill);
        assert!(disk.read(Path::new("/d/f")).is_ok());
    }
}
