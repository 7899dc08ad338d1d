//! A disk that forgets what was not synced, fails where it is told to, and lets others write.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use syncline_domains::files::disk::{Disk, Facts, FileIdentity, FileKind, Place, WriteError};

/// What happens at one operation, counted from 0. Reading counts, looking at facts does not.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// The power goes: the operation is done in part, all later ones fail.
    Crash,
    /// The operation fails with this error, once; a write leaves half a file.
    Fail(io::ErrorKind),
    /// Somebody writes into a file just before; where a file is read, just after.
    WriteInto(PathBuf, &'static [u8]),
    /// Somebody replaces a file just then.
    Replace(PathBuf, &'static [u8]),
}

/// How much of what was not synced a crash leaves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Left {
    /// How many of the pending changes of names in the target's folder last, in their order.
    pub(crate) names: usize,
    /// The same of all other folders.
    pub(crate) other_names: usize,
    /// How many bytes of a file that was not synced.
    pub(crate) bytes: usize,
}

/// A change of names that is not durable: what each name led to before.
#[derive(Clone)]
struct Pending {
    folder: PathBuf,
    before: Vec<(PathBuf, Option<u64>)>,
}

#[derive(Clone, Default)]
struct File {
    bytes: Vec<u8>,
    synced: bool,
    modified_ns: u64,
}

#[derive(Clone, Default)]
struct State {
    files: BTreeMap<u64, File>,
    names: BTreeMap<PathBuf, u64>,
    pending: Vec<Pending>,
    operations: usize,
    folder_syncs: usize,
    event: Option<(usize, Event)>,
    crashed: bool,
    links: bool,
    clock: u64,
}

/// A disk in memory.
pub(crate) struct SimDisk(Mutex<State>);

impl SimDisk {
    /// Returns an empty disk on which something happens at an operation.
    pub(crate) fn new(event: Option<(usize, Event)>, links: bool) -> Self {
        Self(Mutex::new(State { event, links, ..State::default() }))
    }

    /// Puts a durable file there.
    pub(crate) fn put(&self, path: &str, bytes: &[u8]) {
        self.0.lock().unwrap().replace(Path::new(path), bytes);
    }

    pub(crate) fn content(&self, path: &str) -> Option<Vec<u8>> {
        let state = self.0.lock().unwrap();
        let number = state.names.get(Path::new(path))?;
        Some(state.files[number].bytes.clone())
    }

    pub(crate) fn names(&self) -> Vec<String> {
        let state = self.0.lock().unwrap();
        state.names.keys().map(|path| path.to_str().unwrap().to_owned()).collect()
    }

    pub(crate) fn operations(&self) -> usize {
        self.0.lock().unwrap().operations
    }

    /// Returns how often a folder was synced.
    pub(crate) fn folder_syncs(&self) -> usize {
        self.0.lock().unwrap().folder_syncs
    }

    /// Returns how many changes of names in a folder may be lost.
    pub(crate) fn pending(&self, folder: &str) -> usize {
        let state = self.0.lock().unwrap();
        let is_inside = |pending: &&Pending| pending.folder == Path::new(folder);
        state.pending.iter().filter(is_inside).count()
    }

    /// Returns the disk as it is found after the power came back.
    pub(crate) fn after_crash(&self, left: Left, event: Option<(usize, Event)>) -> Self {
        let mut state = self.0.lock().unwrap().clone();
        let (mut names, mut other_names) = (left.names, left.other_names);
        let mut lost = std::mem::take(&mut state.pending);
        lost.retain(|pending| {
            let here = pending.folder == Path::new("/d");
            let lasting = if here { &mut names } else { &mut other_names };
            let is_lost = *lasting == 0;
            *lasting = lasting.saturating_sub(1);
            is_lost
        });
        for (path, number) in lost.into_iter().rev().flat_map(|pending| pending.before) {
            match number {
                Some(number) => state.names.insert(path, number),
                None => state.names.remove(&path),
            };
        }
        for file in state.files.values_mut().filter(|file| !file.synced) {
            file.bytes.truncate(left.bytes);
            file.synced = true;
        }
        (state.crashed, state.operations, state.event) = (false, 0, event);
        Self(Mutex::new(state))
    }

    fn operate<T>(
        &self,
        work: impl FnOnce(&mut State, Option<&Event>) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut state = self.0.lock().unwrap();
        let at = state.operations;
        state.operations += 1;
        if state.crashed {
            return Err(io::ErrorKind::Other.into());
        }
        let event = state.event.clone().filter(|(when, _)| *when == at).map(|(_, event)| event);
        match &event {
            Some(Event::WriteInto(path, bytes)) => {
                state.clock += 1;
                let modified_ns = state.clock;
                if let Some(number) = state.names.get(path).copied() {
                    let file = File { bytes: bytes.to_vec(), synced: true, modified_ns };
                    state.files.insert(number, file);
                }
            }
            Some(Event::Replace(path, bytes)) => state.replace(path, bytes),
            Some(Event::Crash) => state.crashed = true,
            _ => {}
        }
        work(&mut state, event.as_ref())
    }

    /// An operation on names of one folder: it happens, and then the power goes; or it fails.
    fn rename_like(
        &self,
        paths: &[&Path],
        work: impl FnOnce(&mut State) -> io::Result<()>,
    ) -> io::Result<()> {
        self.operate(|state, event| {
            if let Some(Event::Fail(kind)) = event {
                return Err((*kind).into());
            }
            let pending = state.note(paths);
            work(state)?;
            state.pending.push(pending);
            if state.crashed { Err(io::ErrorKind::Other.into()) } else { Ok(()) }
        })
    }
}

impl State {
    /// Notes what names lead to; the last one says in which folder they are.
    fn note(&self, paths: &[&Path]) -> Pending {
        let folder = paths.last().and_then(|path| path.parent()).unwrap();
        let before = |path: &&Path| ((*path).to_owned(), self.names.get(*path).copied());
        Pending { folder: folder.to_owned(), before: paths.iter().map(before).collect() }
    }

    /// Puts a durable file there.
    fn replace(&mut self, path: &Path, bytes: &[u8]) {
        let number = self.create(path, bytes, true);
        for pending in &mut self.pending {
            pending.before.retain(|(known, _)| known != path);
        }
        debug_assert_eq!(self.names.get(path), Some(&number));
    }

    fn create(&mut self, path: &Path, bytes: &[u8], synced: bool) -> u64 {
        self.clock += 1;
        let number = self.files.len() as u64;
        let file = File { bytes: bytes.to_vec(), synced, modified_ns: self.clock };
        self.files.insert(number, file);
        self.names.insert(path.to_owned(), number);
        number
    }

    fn file(&self, path: &Path) -> io::Result<(u64, &File)> {
        let number = self.names.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok((*number, &self.files[number]))
    }
}

impl Disk for SimDisk {
    fn place(&self, path: &Path) -> io::Result<Place> {
        let there = self.0.lock().unwrap().names.contains_key(path);
        Ok(if there { Place::Found(path.to_owned()) } else { Place::Missing(path.to_owned()) })
    }

    fn facts(&self, path: &Path) -> io::Result<Facts> {
        let state = self.0.lock().unwrap();
        let (inode, file) = state.file(path)?;
        Ok(Facts {
            kind: FileKind::Regular,
            len: file.bytes.len() as u64,
            modified_ns: file.modified_ns,
            identity: FileIdentity { device: 1, inode },
            mode: 0o600,
        })
    }

    fn read_into(&self, path: &Path, sink: &mut dyn io::Write) -> io::Result<()> {
        let bytes = self.0.lock().unwrap().file(path)?.1.bytes.clone();
        self.operate(|state, event| match event {
            Some(Event::Fail(kind)) => Err((*kind).into()),
            _ if state.crashed => Err(io::ErrorKind::Other.into()),
            _ => Ok(()),
        })?;
        sink.write_all(&bytes)
    }

    fn write_new(&self, path: &Path, bytes: &[u8], _mode: u32) -> Result<(), WriteError> {
        let written = self.operate(|state, event| {
            if state.names.contains_key(path) {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            let pending = state.note(&[path]);
            state.pending.push(pending);
            let fails = match event {
                Some(Event::Fail(kind)) => Some(*kind),
                _ if state.crashed => Some(io::ErrorKind::Other),
                _ => None,
            };
            state.create(path, bytes, fails.is_none());
            fails.map_or(Ok(()), |kind| Err(kind.into()))
        });
        written.map_err(WriteError::Sync)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.rename_like(&[from, to], |state| {
            let number = state.names.remove(from).ok_or(io::ErrorKind::NotFound)?;
            state.names.insert(to.to_owned(), number);
            Ok(())
        })
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.rename_like(&[to], |state| {
            if !state.links {
                return Err(io::ErrorKind::CrossesDevices.into());
            }
            let number = *state.names.get(from).ok_or(io::ErrorKind::NotFound)?;
            if state.names.contains_key(to) {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            state.names.insert(to.to_owned(), number);
            Ok(())
        })
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        self.operate(|state, event| match event {
            Some(Event::Fail(kind)) => Err((*kind).into()),
            _ if state.crashed => Err(io::ErrorKind::Other.into()),
            _ => {
                state.pending.retain(|pending| pending.folder != folder);
                state.folder_syncs += 1;
                Ok(())
            }
        })
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.rename_like(&[path], |state| {
            state.names.remove(path).ok_or(io::ErrorKind::NotFound)?;
            Ok(())
        })
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        let state = self.0.lock().unwrap();
        let inside = state.names.keys().filter_map(|path| path.strip_prefix(folder).ok());
        Ok(inside.map(|name| name.to_str().unwrap().to_owned()).collect())
    }
}
