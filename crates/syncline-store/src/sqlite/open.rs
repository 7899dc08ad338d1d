//! Opening a store: its folder, its format, its settings, its epoch.

use std::fs::{DirBuilder, File, OpenOptions};
use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use syncline_model::id::PartitionId;

use super::leave_log_on_close;
use super::tables::{FORMAT, schema, tables_since};
use crate::StoreError;
use crate::limits::{CACHE_KIB, LOG_BYTES_KEPT_MAX, PAGE_BYTES, READER_CACHE_KIB};

/// The file of the rows, within the store's folder.
pub const DATABASE_FILE: &str = "syncline.db";

/// The file that says who has the store open, within the store's folder.
pub const LOCK_FILE: &str = "syncline.lock";

/// Marks the file as a store of this program: `SYNC` in ASCII.
const APPLICATION_ID: i64 = 0x5359_4e43;

/// Oldest SQLite that does not lose pages when two connections restart the log at once.
/// Source: <https://sqlite.org/wal.html#walresetbug>.
const SQLITE_VERSION_MIN: i32 = 3_051_003;

/// How long to wait for a foreign program that has the database locked, in milliseconds.
pub(super) const BUSY_MS_MAX: u64 = 5_000;

/// How to open a store.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// The partition to read and write.
    pub partition: PartitionId,
    /// What to check before anything is read.
    pub check: Check,
}

/// What to check when a store is opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Check {
    /// Nothing but the header of the file.
    #[default]
    Header,
    /// The structure of every page (`quick_check`); takes as long as reading the whole file.
    Pages,
}

/// Creates the folder, for the eyes of its owner only, where it does not exist.
pub(super) fn folder(folder: &Path) -> Result<(), StoreError> {
    if folder.is_dir() {
        return Ok(());
    }
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    let created = builder.create(folder);
    created.and_then(|()| sync_folder(folder.parent())).map_err(|source| StoreError::File {
        action: "create",
        path: folder.to_owned(),
        source,
    })
}

/// Syncs a folder, so that a name in it survives a power cut.
fn sync_folder(folder: Option<&Path>) -> std::io::Result<()> {
    match folder {
        Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

/// Opens the database, makes it where there is none, and raises the epoch, which is returned.
pub(super) fn database(path: &Path, options: &Options) -> Result<(Connection, u64), StoreError> {
    assert!(
        rusqlite::version_number() >= SQLITE_VERSION_MIN,
        "the SQLite within this program is too old to be trusted with a log"
    );
    create_file(path)?;
    let fail = |source| failed(path, "open the store", source);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(fail)?;
    connection.busy_timeout(Duration::from_millis(BUSY_MS_MAX)).map_err(fail)?;
    let found = recognise(&connection, path)?;
    settings(&connection, found.is_none()).map_err(fail)?;
    let mode: String =
        connection.query_one("PRAGMA journal_mode = WAL", (), |row| row.get(0)).map_err(fail)?;
    if mode != "wal" {
        let reason = format!("its journal mode stays {mode}; the file system cannot hold a store");
        return Err(StoreError::Damaged { path: path.to_owned(), reason });
    }
    if options.check == Check::Pages {
        check_pages(&connection, path)?;
    }
    let epoch = start_epoch(&mut connection, found, options.partition).map_err(fail)?;
    Ok((connection, epoch))
}

/// Creates an empty file with narrow permissions; SQLite gives its log the same.
fn create_file(path: &Path) -> Result<(), StoreError> {
    let fail = |source| StoreError::File { action: "create", path: path.to_owned(), source };
    if path.exists() {
        return Ok(());
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(fail)?;
    sync_folder(path.parent()).map_err(fail)
}

/// Returns the format of the tables, or nothing if the database is still empty; refuses what is not a
/// store that this program can read.
fn recognise(connection: &Connection, path: &Path) -> Result<Option<i64>, StoreError> {
    let number = |sql| -> Result<i64, StoreError> {
        connection
            .query_one(sql, (), |row| row.get(0))
            .map_err(|source| failed(path, "recognise the store", source))
    };
    let objects = number("SELECT count(*) FROM sqlite_schema")?;
    let application = number("PRAGMA application_id")?;
    let format = number("PRAGMA user_version")?;
    match (objects, application) {
        (0, 0) => Ok(None),
        (_, APPLICATION_ID) if format > FORMAT => {
            Err(StoreError::TooNew { found: format, supported_max: FORMAT })
        }
        (1.., APPLICATION_ID) if format > 0 => Ok(Some(format)),
        (_, APPLICATION_ID) => {
            let reason = format!("its format {format} was never written by any program");
            Err(StoreError::Damaged { path: path.to_owned(), reason })
        }
        _ => {
            let reason = "the database belongs to another program".to_owned();
            Err(StoreError::Damaged { path: path.to_owned(), reason })
        }
    }
}

/// Settles everything that makes commits durable and files trustworthy.
fn settings(connection: &Connection, is_new: bool) -> rusqlite::Result<()> {
    leave_log_on_close(connection)?;
    plan_once(connection)?;
    if is_new {
        // Both count only while the file is empty.
        connection.pragma_update(None, "page_size", PAGE_BYTES)?;
        connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    }
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.pragma_update(None, "journal_size_limit", LOG_BYTES_KEPT_MAX)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "secure_delete", "FAST")?;
    connection.pragma_update(None, "mmap_size", 0)?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    // How pages were before a statement is kept while it runs: of few pages, and not in a file.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    distrust(connection)
}

/// Keeps plans whatever is bound. Every statement has one way, by its key; without this SQLite would plan one anew each
/// time that a limit is bound.
pub(super) fn plan_once(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map(|_| ())
}

/// Settles what readers need, too: believe nothing that the file says of itself.
fn distrust(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)
}

pub(super) fn check_pages(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let answer: String = connection
        .query_one("PRAGMA quick_check(1)", (), |row| row.get(0))
        .map_err(|source| failed(path, "check the pages", source))?;
    if answer == "ok" {
        return Ok(());
    }
    let reason = "the check of its pages found a broken one".to_owned();
    Err(StoreError::Damaged { path: path.to_owned(), reason })
}

/// Makes the tables that the store lacks and raises the epoch, in one transaction.
///
/// - `found`: the format of its tables; nothing for a new store.
fn start_epoch(
    connection: &mut Connection,
    found: Option<i64>,
    partition: PartitionId,
) -> rusqlite::Result<u64> {
    let transaction =
        connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    if found.is_none() {
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    }
    if found != Some(FORMAT) {
        transaction.execute_batch(&found.map_or_else(schema, tables_since))?;
        transaction.pragma_update(None, "user_version", FORMAT)?;
    }
    let epoch: i64 = transaction.query_one(
        "INSERT INTO epochs (partition, epoch) VALUES (?1, 1) \
         ON CONFLICT (partition) DO UPDATE SET epoch = epoch + 1 RETURNING epoch",
        [partition.0],
        |row| row.get(0),
    )?;
    transaction.commit()?;
    Ok(epoch.cast_unsigned())
}

/// Opens a connection that only reads, and pins it to what is committed now.
pub(super) fn reader(path: &Path) -> Result<Connection, StoreError> {
    let connection = live_reader(path)?;
    pin(&connection, path)?;
    Ok(connection)
}

/// Pins a connection that only reads to what is committed now, until it ends its transaction.
pub(super) fn pin(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let pin = || {
        connection.prepare_cached("BEGIN")?.execute(())?;
        // A transaction sees the moment of its first read, not that of its beginning.
        let mut statement = connection.prepare_cached("SELECT count(*) FROM epochs")?;
        statement.query_one((), |row| row.get::<_, i64>(0))
    };
    pin().map(|_| ()).map_err(|source| failed(path, "open a reader", source))
}

/// Opens a connection that only reads: each statement sees what is committed by then.
pub(super) fn live_reader(path: &Path) -> Result<Connection, StoreError> {
    let open = || -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(Duration::from_millis(BUSY_MS_MAX))?;
        leave_log_on_close(&connection)?;
        plan_once(&connection)?;
        connection.pragma_update(None, "cache_size", -READER_CACHE_KIB)?;
        distrust(&connection)?;
        Ok(connection)
    };
    open().map_err(|source| failed(path, "open a reader", source))
}

/// Says what a failure of SQLite outside a commit means.
pub(super) fn failed(path: &Path, action: &'static str, source: rusqlite::Error) -> StoreError {
    let damaged =
        |reason: &str| StoreError::Damaged { path: path.to_owned(), reason: reason.to_owned() };
    match source.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => damaged("the file is not a database"),
        Some(ErrorCode::DatabaseCorrupt) => damaged("a page of the database is broken"),
        Some(ErrorCode::DiskFull) => StoreError::Full,
        Some(ErrorCode::DatabaseBusy) => StoreError::Busy { waited_ms: BUSY_MS_MAX },
        _ => StoreError::Sqlite { action, source },
    }
}
