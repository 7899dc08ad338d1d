//! Opening a client's file: its format, its settings, whose it is.

use std::fs::{File, OpenOptions};
use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Transaction, TransactionBehavior};
use syncline_model::id::ClientId;

use super::place::{Witness, identity_of};
use super::seal::Seal;
use super::tables::{APPLICATION_ID, FORMAT, SCHEMA};
use super::{clean, commit};
use crate::error::{ClientError, StoreError};
use crate::limits::{BUSY_MS_MAX, DELETED_RECORDS_MAX};
use crate::machine;

/// Statements that a connection keeps prepared: all that there are, by far.
const STATEMENTS_CACHED: usize = 128;

/// A client's file that was opened for writing.
pub(super) struct Opened {
    pub(super) connection: Connection,
    pub(super) witness: Witness,
    /// Whose new operations are.
    pub(super) client: ClientId,
    /// The counter of the next operation.
    pub(super) next: u64,
    /// How its contents are kept.
    pub(super) seal: Seal,
}

/// Stands while what was kept under the key before may still be in the file.
pub(super) const UNCLEAN: &str = "unclean";

/// Opens the file, and makes it where there is none.
///
/// - `name`: what the app calls the client; `None` takes what the file says.
/// - `key`: what its contents are sealed with.
pub(super) fn open(
    path: &Path,
    name: Option<&ClientId>,
    key: Option<&[u8; 32]>,
) -> Result<Opened, ClientError> {
    let mut witness = Witness::take(path)?;
    create_file(path)?;
    let fail = StoreError::on("open the file");
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(&fail)?;
    connection.busy_timeout(Duration::from_millis(BUSY_MS_MAX)).map_err(&fail)?;
    let is_new = recognise(&connection, path)?;
    connection.pragma_update(None, "journal_mode", "WAL").map_err(&fail)?;
    connection.pragma_update(None, "synchronous", "FULL").map_err(&fail)?;
    settings(&connection).map_err(&fail)?;
    let noted = witness.noted();
    let transaction =
        connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(&fail)?;
    if is_new {
        transaction.execute_batch(SCHEMA).map_err(&fail)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(&fail)?;
        transaction.pragma_update(None, "user_version", FORMAT).map_err(&fail)?;
    }
    let seal = seal_of(&transaction, key)?;
    let opening = number(&transaction, "opening")?.unwrap_or_default();
    let identity = identity_of(path);
    let is_same = opening == 0
        || (noted == Some(opening) && get(&transaction, "identity")?.as_ref() == Some(&identity));
    let client = name_of(&transaction, name, is_same)?;
    put(&transaction, "opening", &(opening + 1).to_string())?;
    put(&transaction, "identity", &identity)?;
    let next = number(&transaction, "next")?.unwrap_or(1);
    transaction
        .execute(
            "DELETE FROM records WHERE fields IS NULL AND position < (SELECT min(position) FROM \
             (SELECT position FROM records WHERE fields IS NULL ORDER BY position DESC LIMIT ?1))",
            [DELETED_RECORDS_MAX],
        )
        .map_err(&fail)?;
    commit(transaction, "open the file")?;
    // A crash in between takes the file for a copy, which costs no more than a new name.
    witness.note(opening + 1)?;
    if get(&connection, UNCLEAN)?.is_some() {
        clean_up(&connection)?;
    }
    Ok(Opened { connection, witness, client, next, seal })
}

/// Opens a connection that only reads.
pub(super) fn reader(path: &Path) -> Result<Connection, StoreError> {
    let open = || -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(Duration::from_millis(BUSY_MS_MAX))?;
        settings(&connection)?;
        Ok(connection)
    };
    open().map_err(StoreError::on("open a reader"))
}

fn settings(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(STATEMENTS_CACHED);
    // Otherwise statements with a bound limit are prepared anew for every value.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update(None, "secure_delete", "FAST")
}

/// Creates an empty file with narrow permissions; SQLite gives its log the same.
fn create_file(path: &Path) -> Result<(), StoreError> {
    if path.exists() {
        return Ok(());
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let created = options.open(path).and_then(|_| File::open(folder)?.sync_all());
    created.map_err(|source| StoreError::File { action: "create", path: path.to_owned(), source })
}

/// Says whether the file is still empty, and refuses what is not a client's file of this format.
fn recognise(connection: &Connection, path: &Path) -> Result<bool, StoreError> {
    let foreign = || StoreError::Foreign { path: path.to_owned() };
    let number = |sql| -> Result<i64, StoreError> {
        connection.query_one(sql, (), |row| row.get(0)).map_err(|source| {
            match source.sqlite_error_code() {
                Some(rusqlite::ErrorCode::NotADatabase) => foreign(),
                _ => StoreError::Sqlite { action: "recognise the file", source },
            }
        })
    };
    let objects = number("SELECT count(*) FROM sqlite_schema")?;
    let format = number("PRAGMA user_version")?;
    match (objects, number("PRAGMA application_id")?) {
        (0, 0) => Ok(true),
        (_, APPLICATION_ID) if format > FORMAT => {
            Err(StoreError::TooNew { found: format, supported_max: FORMAT })
        }
        (1.., APPLICATION_ID) if format == FORMAT => Ok(false),
        _ => Err(foreign()),
    }
}

/// Returns how contents are kept. Refuses a file that another key has sealed, or that none has where one is
/// given.
fn seal_of(transaction: &Transaction<'_>, key: Option<&[u8; 32]>) -> Result<Seal, ClientError> {
    if let Some(note) = get(transaction, "seal")? {
        return Ok(Seal::of_note(key, &note)?);
    }
    let seal = Seal::new(key)?;
    put(transaction, "seal", &seal.note())?;
    Ok(seal)
}

/// Has what was kept under another key leave the file.
pub(super) fn clean_up(connection: &Connection) -> Result<(), StoreError> {
    let fail = StoreError::on("clean the file");
    clean(connection).map_err(&fail)?;
    connection.execute("DELETE FROM meta WHERE key = ?1", [UNCLEAN]).map_err(&fail)?;
    Ok(())
}

/// Returns whose new operations are: the app's name for the client and a random word. A copy, a file
/// that was put back, and another name get a new word; what waits keeps the old one.
fn name_of(
    transaction: &Transaction<'_>,
    given: Option<&ClientId>,
    is_same: bool,
) -> Result<ClientId, ClientError> {
    let known = get(transaction, "client")?;
    let base = get(transaction, "name")?;
    let wanted = match (given, &base) {
        (Some(given), _) => given.as_str().to_owned(),
        (None, Some(base)) => base.clone(),
        (None, None) => "client".to_owned(),
    };
    let is_wanted = base.as_deref() == Some(wanted.as_str());
    if let (Some(known), true, true) = (known, is_same, is_wanted) {
        return Ok(ClientId::new(&known)?);
    }
    // A name alone would not do: a device whose file was lost counts from 1 again, and the hub would
    // take its operations for those that it has answered.
    let client = format!("{wanted}~{}", random_word()?);
    put(transaction, "next", "1")?;
    let client = ClientId::new(&client)?;
    put(transaction, "name", &wanted)?;
    put(transaction, "client", client.as_str())?;
    Ok(client)
}

/// Returns 12 random hexadecimal digits.
fn random_word() -> Result<String, ClientError> {
    let bytes = machine::random().ok_or(ClientError::Machine { what: "random numbers" })?;
    Ok(format!("{:012x}", u64::from_be_bytes(bytes) >> 16))
}

/// Returns what is kept under a key.
pub(super) fn get(connection: &Connection, key: &str) -> Result<Option<String>, StoreError> {
    connection
        .prepare_cached("SELECT value FROM meta WHERE key = ?1")
        .and_then(|mut statement| statement.query_row([key], |row| row.get(0)).optional())
        .map_err(StoreError::on("read the settings"))
}

/// Keeps a value under a key.
pub(super) fn put(connection: &Connection, key: &str, value: &str) -> Result<(), StoreError> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)")
        .and_then(|mut statement| statement.execute([key, value]))
        .map_err(StoreError::on("write the settings"))?;
    Ok(())
}

fn number(connection: &Connection, key: &str) -> Result<Option<u64>, StoreError> {
    let text = get(connection, key)?;
    text.map(|text| text.parse().map_err(|_| StoreError::Damaged { table: "meta" })).transpose()
}
