//! One commit: one transaction, synced; and the moving of pages from the log afterwards.

use std::slice;
use std::time::Duration;

use rusqlite::{CachedStatement, Connection, ErrorCode};
use syncline_engine::rows::{Batch, Key, Table};

use super::open::{BUSY_MS_MAX, failed};
use super::read::Rows;
use super::tables::{ROWS_AT_ONCE, Statements, statements, sum};
use crate::limits::{LOG_FRAMES_PER_CHECKPOINT, ROWS_AT_ONCE_BYTES_MAX};
use crate::store::check;
use crate::{Piece, StoreError};

/// Where in a commit SQLite failed.
enum Stage {
    /// Before anything was written.
    Begin,
    /// While rows were written or the transaction was made durable.
    Write,
}

/// Writes the batch in one transaction and answers when it is synced.
pub(super) fn commit(rows: &Rows, epoch: u64, batch: &Batch) -> Result<(), StoreError> {
    let fail = |stage| move |source| settle(rows, stage, source);
    begin(rows, epoch)?;
    write(rows, &batch.writes()).map_err(fail(Stage::Write))?;
    run(&rows.connection, "COMMIT").map_err(fail(Stage::Write))
}

/// Writes the pieces of a batch in one transaction and answers when it is synced; `false` if it was
/// abandoned. Pages that the cache has no room for go into the log ahead of the commit, where
/// nobody sees them.
pub(super) fn commit_pieces(
    rows: &Rows,
    epoch: u64,
    next: &mut dyn FnMut() -> Piece,
) -> Result<bool, StoreError> {
    let fail = |source| settle(rows, Stage::Write, source);
    let mut piece = next();
    if matches!(piece, Piece::Abandon) {
        return Ok(false);
    }
    begin(rows, epoch)?;
    loop {
        let batch = match piece {
            Piece::Rows(batch) => batch,
            Piece::End => break,
            Piece::Abandon => {
                run(&rows.connection, "ROLLBACK").map_err(fail)?;
                return Ok(false);
            }
        };
        if let Err(error) = check(&batch) {
            run(&rows.connection, "ROLLBACK").map_err(fail)?;
            return Err(error);
        }
        write(rows, &batch.writes()).map_err(fail)?;
        piece = next();
    }
    run(&rows.connection, "COMMIT").map_err(fail)?;
    Ok(true)
}

/// Begins a transaction of the latest opener.
fn begin(rows: &Rows, epoch: u64) -> Result<(), StoreError> {
    let fail = |stage| move |source| settle(rows, stage, source);
    run(&rows.connection, "BEGIN IMMEDIATE").map_err(fail(Stage::Begin))?;
    let found = current_epoch(rows).map_err(fail(Stage::Write))?;
    if found != epoch {
        run(&rows.connection, "ROLLBACK").map_err(fail(Stage::Write))?;
        return Err(StoreError::Fenced { ours: epoch, found });
    }
    Ok(())
}

fn current_epoch(rows: &Rows) -> rusqlite::Result<u64> {
    let sql = "SELECT epoch FROM epochs WHERE partition = ?1";
    let mut statement = rows.connection.prepare_cached(sql)?;
    statement.query_one([rows.partition.0], |row| row.get::<_, i64>(0)).map(i64::cast_unsigned)
}

/// Writes rows that are sorted by key, so that each page is dirtied once.
fn write(rows: &Rows, writes: &[(&Key, Option<&[u8]>)]) -> rusqlite::Result<()> {
    let table_of = |write: &(&Key, Option<&[u8]>)| write.0.table();
    for of_table in writes.chunk_by(|a, b| table_of(a) == table_of(b)) {
        let Some(table) = of_table.first().map(table_of) else {
            continue;
        };
        write_table(rows, table, of_table)?;
    }
    Ok(())
}

fn write_table(
    rows: &Rows,
    table: Table,
    writes: &[(&Key, Option<&[u8]>)],
) -> rusqlite::Result<()> {
    let statements = statements(table);
    for some in writes.chunks(ROWS_AT_ONCE) {
        let bytes = some.iter().map(|(_, value)| value.map_or(0, <[u8]>::len)).sum::<usize>();
        let is_put = some.iter().all(|(_, value)| value.is_some());
        if some.len() == ROWS_AT_ONCE && is_put && bytes <= ROWS_AT_ONCE_BYTES_MAX {
            let mut put = rows.connection.prepare_cached(&statements.put_many)?;
            put_rows(rows, &mut put, statements, some)?;
            continue;
        }
        let mut put = rows.connection.prepare_cached(&statements.put)?;
        let mut delete = rows.connection.prepare_cached(&statements.delete)?;
        for write in some {
            match write {
                (_, Some(_)) => put_rows(rows, &mut put, statements, slice::from_ref(write))?,
                (key, None) => {
                    rows.bind(&mut delete, key)?;
                    delete.raw_execute()?;
                }
            }
        }
    }
    Ok(())
}

/// Writes as many rows as a statement takes.
fn put_rows(
    rows: &Rows,
    put: &mut CachedStatement<'_>,
    statements: &Statements,
    writes: &[(&Key, Option<&[u8]>)],
) -> rusqlite::Result<()> {
    let mut index = 2;
    for (key, value) in writes {
        let Some(value) = value else { continue };
        index = rows.bind_at(put, index, key)?;
        put.raw_bind_parameter(index, value)?;
        index += 1;
        if statements.summed {
            put.raw_bind_parameter(index, sum(key, value))?;
            index += 1;
        }
    }
    put.raw_execute().map(|_| ())
}

/// Rolls back what is open and says what the failure means for the batch.
fn settle(rows: &Rows, stage: Stage, source: rusqlite::Error) -> StoreError {
    let connection = &rows.connection;
    let rolled_back = connection.is_autocommit() || run(connection, "ROLLBACK").is_ok();
    match (source.sqlite_error_code(), stage) {
        // A full disk cuts the write of the log short: without its last frame no commit is there.
        (Some(ErrorCode::DiskFull), _) if rolled_back => StoreError::Full,
        (Some(ErrorCode::DatabaseBusy), Stage::Begin) => {
            StoreError::Busy { waited_ms: BUSY_MS_MAX }
        }
        (Some(ErrorCode::ConstraintViolation | ErrorCode::TooBig), _) if rolled_back => {
            StoreError::Sqlite { action: "commit", source }
        }
        (Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase), _) if rolled_back => {
            failed(&rows.path, "commit", source)
        }
        _ => StoreError::Unknown { source },
    }
}

/// Decides when to move pages from the write-ahead log into the database.
#[derive(Debug)]
pub(super) struct Checkpoints {
    /// The next checkpoint comes when the log has this many frames.
    due_at_frames: i64,
}

impl Default for Checkpoints {
    fn default() -> Self {
        Self { due_at_frames: LOG_FRAMES_PER_CHECKPOINT }
    }
}

impl Checkpoints {
    /// Moves pages if the log has grown beyond its bound.
    ///
    /// A reader may keep the log from being used again; then the next try waits until it has grown
    /// by the bound once more.
    pub(super) fn after_commit(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let frames = checkpoint(connection, "PRAGMA wal_checkpoint(NOOP)")?;
        if frames < self.due_at_frames - LOG_FRAMES_PER_CHECKPOINT {
            // The log started anew.
            self.due_at_frames = LOG_FRAMES_PER_CHECKPOINT;
        }
        if frames >= self.due_at_frames {
            checkpoint(connection, "PRAGMA wal_checkpoint(PASSIVE)")?;
            self.due_at_frames = frames + LOG_FRAMES_PER_CHECKPOINT;
        }
        Ok(())
    }
}

/// Moves all pages and shortens the log to nothing, unless a reader still needs it: nobody waits.
pub(super) fn truncate_log(connection: &Connection) -> Result<(), StoreError> {
    let truncated = connection
        .busy_timeout(Duration::ZERO)
        .and_then(|()| checkpoint(connection, "PRAGMA wal_checkpoint(TRUNCATE)"));
    match truncated {
        Ok(_) => Ok(()),
        // A reader holds the log; the next opener tidies up.
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => Ok(()),
        Err(source) => {
            let path = connection.path().unwrap_or_default();
            Err(failed(path.as_ref(), "checkpoint", source))
        }
    }
}

/// Runs a checkpoint and returns how many frames the log has.
fn checkpoint(connection: &Connection, sql: &str) -> rusqlite::Result<i64> {
    // Columns: whether it was held up, frames in the log, frames moved.
    connection.prepare_cached(sql)?.query_one((), |row| row.get(1))
}

fn run(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute(()).map(|_| ())
}
