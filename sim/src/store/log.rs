//! The store's one file, and its handles.

use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use syncline_engine::rows::{Batch, Key, Scan};
use syncline_model::id::PartitionId;
use syncline_store::memory::{MemoryDisk, MemoryStore};
use syncline_store::{Epoch, Read, Store, StoreError, check};

use super::frame::{Frame, decode, encode};
use crate::disk::{SimDisk, Stat};

/// How often a file is read again before two readings must have agreed.
const READINGS_MAX: usize = 8;

/// A promise of stores that is broken on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreFault {
    /// A commit answers before it has synced.
    AcknowledgesBeforeSync,
    /// A failed sync counts as done.
    IgnoresFailedSync,
    /// A handle goes on writing although another one was opened.
    NotFenced,
}

/// A handle on a store: the only writer of its folder.
#[derive(Debug)]
pub struct SimStore {
    disk: SimDisk,
    path: PathBuf,
    rows: MemoryStore,
    epoch: u64,
    /// Bytes of the file that are sound.
    end: usize,
    /// The file that this handle has made.
    file: u64,
    stopped: bool,
    fault: Option<StoreFault>,
}

impl SimStore {
    /// Opens the store in `folder`, which must exist, and fences every earlier handle.
    ///
    /// # Errors
    ///
    /// - [`StoreError::Damaged`] if a frame is broken that is not the last one.
    /// - [`StoreError::File`] if the disk fails; the store is as it was.
    pub fn open(
        disk: &SimDisk,
        folder: &Path,
        fault: Option<StoreFault>,
    ) -> Result<Self, StoreError> {
        let path = folder.join("store.log");
        let failed = |action| {
            let path = path.clone();
            move |source| StoreError::File { action, path, source }
        };
        let bytes = read_twice(disk, &path).map_err(failed("read"))?;
        let frames = sound_frames(&bytes, &path)?;
        let epoch = 1 + frames.iter().map(|frame| frame.epoch).max().unwrap_or_default();
        let mut rows = MemoryStore::open(&MemoryDisk::new());
        let mut sound = Vec::with_capacity(bytes.len());
        let mut from = 0;
        for frame in frames {
            sound.extend_from_slice(bytes.get(from..from + frame.bytes).unwrap_or_default());
            from += frame.bytes;
            rows.commit(&frame.batch)?;
        }
        sound.extend(encode(epoch, &Batch::new()));
        let fresh = folder.join("store.new");
        replace(disk, folder, &fresh, &path, &sound).map_err(failed("write"))?;
        let file = disk.stat(&path).map_or(0, |stat: Stat| stat.file);
        let end = sound.len();
        Ok(Self { disk: disk.clone(), path, rows, epoch, end, file, stopped: false, fault })
    }

    /// Returns whether a failed commit has stopped the handle.
    pub const fn is_stopped(&self) -> bool {
        self.stopped
    }

    fn running(&self) -> Result<(), StoreError> {
        if self.stopped { Err(StoreError::Stopped) } else { Ok(()) }
    }

    /// Appends one frame and syncs it.
    fn append(&mut self, frame: &[u8]) -> Result<(), StoreError> {
        if let Err(error) = self.disk.write(&self.path, self.end, frame) {
            let no_room = error.kind() == io::ErrorKind::StorageFull;
            // Without room nothing was taken, provided that the part written can be cut off again.
            let cut = self.disk.truncate(&self.path, self.end);
            if no_room && cut.is_ok() && self.disk.sync_file(&self.path).is_ok() {
                return Err(StoreError::Full);
            }
            return Err(self.stop());
        }
        if self.fault == Some(StoreFault::AcknowledgesBeforeSync) {
            return Ok(());
        }
        match self.disk.sync_file(&self.path) {
            Err(_)
                if self.fault != Some(StoreFault::IgnoresFailedSync) || self.disk.is_stopped() =>
            {
                Err(self.stop())
            }
            _ => Ok(()),
        }
    }

    fn stop(&mut self) -> StoreError {
        self.stopped = true;
        let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR_FSYNC);
        StoreError::Unknown { source: rusqlite::Error::SqliteFailure(code, None) }
    }
}

/// Reads a file until two readings agree: a bit may differ on the way.
fn read_twice(disk: &SimDisk, path: &Path) -> io::Result<Vec<u8>> {
    let read = || match disk.read_checked(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        read => read,
    };
    let mut last = read()?;
    for _ in 0..READINGS_MAX {
        let again = read()?;
        if again == last {
            return Ok(last);
        }
        last = again;
    }
    Err(io::ErrorKind::InvalidData.into())
}

/// Returns the sound frames; what follows them must be the torn end of the last commit.
fn sound_frames(bytes: &[u8], path: &Path) -> Result<Vec<Frame>, StoreError> {
    let mut frames = Vec::new();
    let mut at = 0;
    while let Some(frame) = bytes.get(at..).and_then(decode) {
        at += frame.bytes;
        frames.push(frame);
    }
    let torn = bytes.get(at..).unwrap_or_default();
    // Only one frame is ever unsynced: a sound frame behind a broken one was acknowledged.
    if (1..torn.len()).any(|skip| torn.get(skip..).and_then(decode).is_some()) {
        return Err(StoreError::Damaged {
            path: path.to_path_buf(),
            reason: format!("a broken frame at byte {at} with sound ones behind it"),
        });
    }
    Ok(frames)
}

fn replace(
    disk: &SimDisk,
    folder: &Path,
    fresh: &Path,
    path: &Path,
    bytes: &[u8],
) -> io::Result<()> {
    disk.create(fresh)?;
    disk.write(fresh, 0, bytes)?;
    disk.sync_file(fresh)?;
    disk.rename(fresh, path)?;
    disk.sync_folder(folder)
}

impl Read for SimStore {
    fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, StoreError> {
        self.running()?;
        self.rows.get(key)
    }

    fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        self.running()?;
        self.rows.get_many(keys)
    }

    fn scan(
        &self,
        scan: &Scan,
        after: Option<&Key>,
        limit: usize,
        row: &mut dyn FnMut(&Key, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.running()?;
        self.rows.scan(scan, after, limit, row)
    }
}

impl Store for SimStore {
    fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        self.running()?;
        check(batch)?;
        let found = self.disk.stat(&self.path).map(|stat| stat.file);
        if found != Some(self.file) && self.fault != Some(StoreFault::NotFenced) {
            return Err(StoreError::Fenced { ours: self.epoch, found: self.epoch + 1 });
        }
        let frame = encode(self.epoch, batch);
        self.append(&frame)?;
        self.end += frame.len();
        self.rows.commit(batch)
    }

    fn reader(&self) -> Result<Box<dyn Read + Send>, StoreError> {
        self.running()?;
        self.rows.reader()
    }

    fn epoch(&self) -> Epoch {
        Epoch(self.epoch)
    }

    fn partition(&self) -> PartitionId {
        self.rows.partition()
    }

    fn close(self: Box<Self>) -> Result<(), StoreError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::{CrashKind, DiskRates};
    use crate::random::Random;
    use syncline_engine::rows::MetaName;

    const FOLDER: &str = "/store";

    fn key(number: u64) -> Key {
        Key::Meta(MetaName::new(&format!("n{number}")).unwrap())
    }

    fn batch(number: u64) -> Batch {
        let mut batch = Batch::new();
        batch.put(key(number), vec![7; 700]);
        batch
    }

    /// Runs one store through failures and restarts; answers which acknowledged rows are gone.
    fn lost_rows(seed: u64, fault: Option<StoreFault>) -> Vec<u64> {
        let mut random = Random::new(seed);
        let disk = SimDisk::new(random.split());
        disk.make_folder(Path::new(FOLDER));
        let mut acknowledged = Vec::new();
        for round in 0..6 {
            disk.set_rates(DiskRates {
                write_error: 10,
                sync_error: 30,
                full: 20,
                flip: 300,
                ..DiskRates::default()
            });
            if let Ok(mut store) = SimStore::open(&disk, Path::new(FOLDER), fault) {
                disk.stop_after(random.below(40));
                for number in round * 100..round * 100 + 10 {
                    if store.commit(&batch(number)).is_ok() {
                        acknowledged.push(number);
                    }
                }
            }
            disk.restart(if random.chance(300) { CrashKind::Kill } else { CrashKind::PowerCut });
        }
        disk.mend();
        let Ok(store) = SimStore::open(&disk, Path::new(FOLDER), None) else {
            return acknowledged;
        };
        acknowledged.retain(|number| store.get(&key(*number)).unwrap().is_none());
        acknowledged
    }

    #[test]
    fn what_was_acknowledged_is_there_after_every_crash() {
        for seed in 0..300 {
            assert!(lost_rows(seed, None).is_empty(), "seed {seed}");
        }
    }

    #[test]
    fn a_store_that_breaks_its_promise_is_found_out() {
        for fault in [StoreFault::AcknowledgesBeforeSync, StoreFault::IgnoresFailedSync] {
            let found = (0..300).find(|seed| !lost_rows(*seed, Some(fault)).is_empty());
            assert!(found.is_some(), "{fault:?}");
        }
    }

    #[test]
    fn a_later_handle_fences_the_earlier_one() {
        let disk = SimDisk::new(Random::new(1));
        disk.make_folder(Path::new(FOLDER));
        let mut first = SimStore::open(&disk, Path::new(FOLDER), None).unwrap();
        let mut second = SimStore::open(&disk, Path::new(FOLDER), None).unwrap();
        assert!(matches!(first.commit(&batch(1)), Err(StoreError::Fenced { .. })));
        second.commit(&batch(2)).unwrap();
    }
}
