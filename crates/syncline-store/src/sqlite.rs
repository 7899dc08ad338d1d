//! A store in one SQLite file.
//!
//! A store is a folder of mode 0700:
//!
//! | File | Holds |
//! |---|---|
//! | `syncline.db` | the rows, one table per kind of row, readable with the `sqlite3` shell |
//! | `syncline.db-wal`, `-shm` | SQLite's write-ahead log and its index; part of the store |
//! | `syncline.lock` | who has the store open; locked as long as that process lives |
//! | `syncline.loan` | whom it was lent to last; locked as long as that one works with it |
//!
//! # What makes a commit durable
//!
//! Every commit is one `BEGIN IMMEDIATE` transaction in WAL mode with `synchronous=FULL`: SQLite
//! syncs the write-ahead log before `COMMIT` answers. One connection writes, and it alone moves
//! pages from the log into the database (`wal_autocheckpoint=0`), so no two checkpoints ever meet.
//! After a failed sync nobody knows what the disk holds: the handle stops, and the next opener
//! recovers from the log.
//!
//! # Who may write
//!
//! The lock file keeps a second process out. Should it fail (removed by hand, a file system
//! without locks), the epoch does the rest: each opener raises it, and each commit of an earlier
//! opener finds that and is refused.
//!
//! A store that is [lent](crate::lent) has a second lock, the borrower's: whoever opens the store after
//! its lender was killed waits for the borrower as well, which may still be writing files.

mod commit;
mod lock;
mod open;
mod read;
mod snapshots;
mod tables;

pub use open::{Check, DATABASE_FILE, LOCK_FILE, Options};

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use rusqlite::config::DbConfig;
use syncline_engine::rows::{Batch, Key, Scan};
use syncline_model::id::PartitionId;

use crate::limits::{CACHE_KIB, PIECES_CACHE_KIB};
use crate::store::check;
use crate::{Epoch, Piece, Read, Snapshots, Store, StoreError};
pub use lock::LoanLock;
use lock::Lock;
use read::Rows;
use snapshots::Readers;

/// A handle on a store in SQLite: the only writer of its folder.
#[derive(Debug)]
pub struct SqliteStore {
    rows: Rows,
    path: PathBuf,
    epoch: u64,
    checkpoints: commit::Checkpoints,
    stopped: bool,
    /// Held until the connection is closed: fields are dropped in the order written here.
    _lock: Lock,
}

/// Whoever forgets to close leaves no log behind either: in the database every damaged row is named,
/// while a damaged log looks like one that was cut off by a crash.
impl Drop for SqliteStore {
    fn drop(&mut self) {
        if !self.stopped {
            // Best effort: the next opener reads the log as well.
            let _ = commit::truncate_log(&self.rows.connection);
        }
    }
}

impl SqliteStore {
    /// Opens the store in `folder`, which is created where it does not exist, and fences every
    /// earlier opener.
    ///
    /// # Errors
    ///
    /// - [`StoreError::Locked`] if another process, or this one, has it open.
    /// - [`StoreError::TooNew`] if a newer program wrote it; nothing was touched.
    /// - [`StoreError::Damaged`] if the file is not a store or is broken.
    /// - [`StoreError::File`] if the folder or a file cannot be created.
    /// - [`StoreError::Full`], [`StoreError::Busy`] or [`StoreError::Sqlite`] otherwise.
    pub fn open(folder: &Path, options: &Options) -> Result<Self, StoreError> {
        open::folder(folder)?;
        let lock = Lock::take(&folder.join(LOCK_FILE))?;
        LoanLock::check(folder)?;
        let path = folder.join(DATABASE_FILE);
        let (connection, epoch) = open::database(&path, options)?;
        let rows = Rows::new(connection, options.partition, &path);
        if options.check == Check::Pages {
            rows.check_all()?;
        }
        Ok(Self {
            rows,
            path,
            epoch,
            checkpoints: commit::Checkpoints::default(),
            stopped: false,
            _lock: lock,
        })
    }

    /// Checks every page and every row of the store in `folder`, which another handle may have open.
    ///
    /// # Errors
    ///
    /// [`StoreError::Damaged`] if something is broken; [`StoreError::Sqlite`] if it cannot be read.
    pub fn look_for_damage(folder: &Path, partition: PartitionId) -> Result<(), StoreError> {
        let path = folder.join(DATABASE_FILE);
        let connection = open::reader(&path)?;
        open::check_pages(&connection, &path)?;
        Rows::new(connection, partition, &path).check_all()
    }

    /// Returns whether a failed commit has stopped the handle.
    pub const fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// Stops the handle if nobody knows what a commit came to.
    fn known<T>(&mut self, committed: Result<T, StoreError>) -> Result<T, StoreError> {
        if let Err(StoreError::Unknown { .. }) = &committed {
            self.stopped = true;
        }
        committed
    }

    fn running(&self) -> Result<(), StoreError> {
        if self.stopped { Err(StoreError::Stopped) } else { Ok(()) }
    }
}

impl Read for SqliteStore {
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

    fn together(&self, reads: &mut dyn FnMut()) -> Result<(), StoreError> {
        self.running()?;
        self.rows.together(reads)
    }
}

impl Store for SqliteStore {
    fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        self.running()?;
        check(batch)?;
        let committed = commit::commit(&self.rows, self.epoch, batch);
        self.known(committed)?;
        self.tidy();
        Ok(())
    }

    fn commit_pieces(&mut self, next: &mut dyn FnMut() -> Piece) -> Result<bool, StoreError> {
        self.running()?;
        let connection = &self.rows.connection;
        // The size of the cache says nothing about what is written: it may fail to change.
        let _ = connection.pragma_update(None, "cache_size", -PIECES_CACHE_KIB);
        let committed = commit::commit_pieces(&self.rows, self.epoch, next);
        let _ = connection.pragma_update(None, "cache_size", -CACHE_KIB);
        self.known(committed)
    }

    fn tidy(&mut self) {
        // What was committed is durable already. A checkpoint that fails says the disk is ill: stop
        // before the next commit rather than take back the last one.
        if !self.stopped && self.checkpoints.after_commit(&self.rows.connection).is_err() {
            self.stopped = true;
        }
    }

    fn reader(&self) -> Result<Box<dyn Read + Send>, StoreError> {
        self.running()?;
        let connection = open::reader(&self.path)?;
        Ok(Box::new(Rows::new(connection, self.rows.partition, &self.path)))
    }

    fn live_reader(&self) -> Result<Option<Box<dyn Read + Send>>, StoreError> {
        self.running()?;
        let connection = open::live_reader(&self.path)?;
        Ok(Some(Box::new(Rows::new(connection, self.rows.partition, &self.path))))
    }

    fn snapshots(&self) -> Result<Option<Box<dyn Snapshots>>, StoreError> {
        self.running()?;
        Ok(Some(Box::new(Readers::new(&self.path, self.rows.partition))))
    }

    fn epoch(&self) -> Epoch {
        Epoch(self.epoch)
    }

    fn partition(&self) -> PartitionId {
        self.rows.partition
    }

    fn close(self: Box<Self>) -> Result<(), StoreError> {
        if self.stopped {
            // The log is what the next opener recovers from: leave it alone.
            return Ok(());
        }
        commit::truncate_log(&self.rows.connection)
    }
}

/// Keeps SQLite from moving the log on its own when a connection closes, as after a failed sync.
fn leave_log_on_close(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).map(|_| ())
}
