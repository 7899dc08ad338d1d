//! Backing a hub up, and making one again (design note 0008).

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use syncline_domains::files::disk::SystemDisk;
use syncline_engine::audit::Head;
use syncline_engine::facts;
use syncline_engine::rows::{Batch, Key, Scan};
use syncline_store::backup::{
    At, Backup, BackupError, Catalog, Folder, Options, RestorePlan, Restored, begin_anew, compare,
    restore, start,
};
use syncline_store::limits::BACKUP_SEGMENT_MS;
use syncline_store::sqlite::SqliteStore;
use syncline_store::{Pipeline, Read as _, Store};

use crate::environment::{Environment, Machine};
use crate::error::HubError;
use crate::hub::{Hub, HubOptions, Parts, make_undo_folder, store_options};
use crate::place::Place;

/// Stands for the place of a store that was restored: none, wherever it was restored to.
const NO_PLACE: &[u8] = b"restored from a backup";

/// What restoring a backup on trial has shown.
#[derive(Clone, Copy, Debug)]
pub struct Tried {
    /// How many snapshots hold exactly what the commits before them left.
    pub compared: u64,
    /// The latest state, which was restored.
    pub restored: Restored,
    /// The head of its audit, which was verified.
    pub head: Head,
    /// How long it took until the restored hub was open.
    pub took: Duration,
}

impl Hub {
    /// Opens the hub as [`Hub::open`] does, and ships all that is committed to it to a folder until it is
    /// closed. No commit waits for that.
    ///
    /// # Errors
    ///
    /// As [`Hub::open`], and [`HubError::Backup`] if the folder cannot be used or is another hub's.
    pub fn open_backed_up(options: &HubOptions, to: &Path) -> Result<(Self, Backup), HubError> {
        Self::open_backed_up_every(options, to, Duration::from_millis(BACKUP_SEGMENT_MS))
    }

    /// As [`Hub::open_backed_up`]; a commit waits about `every` at most to be shipped.
    ///
    /// # Errors
    ///
    /// As [`Hub::open_backed_up`].
    pub fn open_backed_up_every(
        options: &HubOptions,
        to: &Path,
        every: Duration,
    ) -> Result<(Self, Backup), HubError> {
        let folder = &options.state_folder;
        let objects = Folder::create(to).map_err(|source| unusable("use", to, source))?;
        let store = SqliteStore::open(folder, &store_options(options))?;
        let place = Place::of(folder, store.epoch());
        make_undo_folder(folder)?;
        let random = Machine.random()?;
        let mut shipping = Options::new(|| Machine.now_ms(), random);
        shipping.segment_ms = u64::try_from(every.as_millis()).unwrap_or(u64::MAX);
        let (store, worker) = start(Box::new(store), Box::new(objects), shipping)?;
        let backup = store.backup();
        worker.spawn()?;
        let hub = Self::with_parts(Parts {
            store: Box::new(Pipeline::new(Box::new(store))),
            disk: Arc::new(SystemDisk),
            environment: Box::new(Machine),
            state_folder: folder.clone(),
            place,
        })?;
        Ok((hub, backup))
    }
}

fn unusable(action: &'static str, folder: &Path, source: io::Error) -> BackupError {
    BackupError::Object { action, object: folder.display().to_string(), source }
}

/// Decides what a restore has to read, and checks that the folder to restore into is empty or absent.
///
/// # Errors
///
/// - [`BackupError::NotEmpty`] if something is there.
/// - As [`Catalog::plan`].
pub fn plan_restore(from: &Path, at: At, state: &Path) -> Result<RestorePlan, BackupError> {
    match fs::read_dir(state) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(unusable("read", state, error)),
        Ok(mut entries) => {
            if entries.next().is_some() {
                return Err(BackupError::NotEmpty { path: state.display().to_string() });
            }
        }
    }
    let objects = Folder::open(from).map_err(|source| unusable("read", from, source))?;
    Catalog::read(&objects)?.plan(at)
}

/// Makes a state folder again. It is there whole or not at all. A hub that is opened on it is a new site
/// with a new incarnation, and reads its domains anew.
///
/// - `progress`: called with the bytes that were read so far.
///
/// # Errors
///
/// - As [`plan_restore`].
/// - [`BackupError`] if an object cannot be trusted or the state cannot be written.
pub fn restore_state(
    from: &Path,
    at: At,
    state: &Path,
    progress: &mut dyn FnMut(u64),
) -> Result<Restored, BackupError> {
    let plan = plan_restore(from, at, state)?;
    let beside = beside(state)?;
    let made = make(from, &plan, at, &beside, progress).and_then(|restored| {
        let renamed = fs::rename(&beside, state).and_then(|()| match state.parent() {
            #[cfg(unix)]
            Some(parent) if !parent.as_os_str().is_empty() => fs::File::open(parent)?.sync_all(),
            _ => Ok(()),
        });
        renamed.map_err(|source| unusable("make", state, source))?;
        Ok(restored)
    });
    if made.is_err() {
        // What stays behind is in nobody's way.
        let _ = fs::remove_dir_all(&beside);
    }
    made
}

/// Returns a folder that does not exist, beside another one.
fn beside(state: &Path) -> Result<PathBuf, BackupError> {
    let no_random = |_| unusable("make", state, io::ErrorKind::Other.into());
    let random = Machine.random().map_err(no_random)?;
    let tail: String = random.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let mut name = state.file_name().unwrap_or_default().to_owned();
    name.push(format!(".restoring-{tail}"));
    Ok(state.with_file_name(name))
}

/// Fills the store of a new folder.
fn make(
    from: &Path,
    plan: &RestorePlan,
    at: At,
    state: &Path,
    progress: &mut dyn FnMut(u64),
) -> Result<Restored, BackupError> {
    let objects = Folder::open(from).map_err(|source| unusable("read", from, source))?;
    let mut store = SqliteStore::open(state, &syncline_store::sqlite::Options::default())?;
    let mut marks = Batch::new();
    marks.put(Key::Meta(facts::PLACE), NO_PLACE.to_vec());
    // Cursors of the past say nothing about this one. Its tokens are understood: see `Hub::take_site`.
    marks.delete(Key::Meta(facts::INCARNATION));
    if at != At::Latest {
        // Who was to have no access any more since then would have it again.
        marks.delete(Key::Meta(facts::ACCESS_TOKENS));
    }
    let restored = restore(&objects, plan, &mut store, marks, progress)?;
    begin_anew(&mut store)?;
    // Writes that were under way then are over: the domains are read anew.
    let mut over = Batch::new();
    store.scan(&Scan::Journal, None, usize::MAX, &mut |key, _| {
        over.delete(key.clone());
        std::ops::ControlFlow::Continue(())
    })?;
    store.commit(&over)?;
    Box::new(store).close()?;
    Ok(restored)
}

/// Restores a backup on trial, in a folder that does not exist yet and is removed afterwards: compares its
/// snapshots with the commits between them, and verifies the audit of its latest state.
///
/// # Errors
///
/// - [`HubError::Backup`] if it cannot be restored or a snapshot differs.
/// - [`HubError::Audit`] names the first damaged entry.
pub fn try_restore(
    from: &Path,
    scratch: &Path,
    progress: &mut dyn FnMut(u64),
) -> Result<Tried, HubError> {
    let tried = try_in(from, scratch, progress);
    // What stays behind is a folder of the caller's choice.
    let _ = fs::remove_dir_all(scratch);
    tried
}

fn try_in(from: &Path, scratch: &Path, progress: &mut dyn FnMut(u64)) -> Result<Tried, HubError> {
    let objects = Folder::open(from).map_err(|source| unusable("read", from, source))?;
    let replayed = scratch.join("replayed");
    let mut store = SqliteStore::open(&replayed, &syncline_store::sqlite::Options::default())?;
    let compared = compare(&objects, &mut store, progress)?;
    drop(store);
    // Room for the other one.
    let _ = fs::remove_dir_all(&replayed);
    let began = Instant::now();
    let state = scratch.join("restored");
    let restored = restore_state(from, At::Latest, &state, progress)?;
    let hub = Hub::open(&HubOptions { state_folder: state, check_store: false })?;
    let took = began.elapsed();
    let head = hub.audit_verify()?;
    hub.close()?;
    Ok(Tried { compared, restored, head, took })
}
