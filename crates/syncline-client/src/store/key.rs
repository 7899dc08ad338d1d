//! Another key for a client's file.

use std::collections::BTreeSet;
use std::path::Path as FilePath;

use rusqlite::Connection;

use super::open::{UNCLEAN, clean_up, put};
use super::rows::{DETAIL, OPERATION, TEXTS, execute};
use super::{Key, Rows, Seal, Store, StoreError, commit};
use crate::error::ClientError;

/// Seals all that a client's file holds with another key, in one transaction: it is all done, or nothing is
/// changed. Nobody may have the file open meanwhile. What was kept under the former key is removed from the
/// file afterwards; after a crash the next opening does that.
///
/// - `from`: the key of the file; `None` if it is not sealed.
/// - `to`: the new one; `None` to seal nothing any more.
///
/// ```
/// use syncline_client::{Client, Options, change_key};
///
/// # let folder = tempfile::tempdir()?;
/// let file = folder.path().join("app.db");
/// # drop(Client::open(Options::offline(&file))?);
/// change_key(&file, None, Some(&[7; 32]))?;
/// let client = Client::open(Options::offline(&file).key([7; 32]))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// [`ClientError::Store`]: `from` does not open the file, a process has it open, a row cannot be read, or the
/// disk says no. Everything is as it was.
pub fn change_key(
    path: impl AsRef<FilePath>,
    from: Option<&[u8; 32]>,
    to: Option<&[u8; 32]>,
) -> Result<(), ClientError> {
    let path = path.as_ref();
    if !path.exists() {
        let source = std::io::ErrorKind::NotFound.into();
        return Err(StoreError::File { action: "open", path: path.to_owned(), source }.into());
    }
    let mut store = Store::open(path, None, from)?;
    // Where a view is not known yet its table is not there either.
    store.make_members()?;
    let (old, new) = (store.seal.clone(), Seal::new(to)?);
    // What SQLite puts aside while it works would be plain, and elsewhere.
    let fail = StoreError::on(ACTION);
    store.connection.pragma_update(None, "temp_store", "MEMORY").map_err(&fail)?;
    let transaction = store.begin()?;
    let between = Between {
        old: Rows { connection: &transaction, seal: &old },
        new: Rows { connection: &transaction, seal: &new },
    };
    between.records()?;
    between.anchors()?;
    between.members()?;
    for table in ["queue", "kept"] {
        between.operations(table)?;
    }
    between.views()?;
    put(&transaction, "seal", &new.note())?;
    put(&transaction, UNCLEAN, "")?;
    commit(transaction, ACTION)?;
    Ok(clean_up(&store.connection)?)
}

/// The same rows as they were kept, and as they are to be.
struct Between<'a> {
    old: Rows<'a>,
    new: Rows<'a>,
}

const ACTION: &str = "seal the file";

impl Between<'_> {
    const fn connection(&self) -> &Connection {
        self.old.connection
    }

    /// Returns which records a table names, and a number with each.
    fn keys(&self, table: &'static str, number: &str) -> Result<Vec<(Key, i64)>, StoreError> {
        let rows: Vec<(String, String, i64)> = self
            .connection()
            .prepare(&format!("SELECT entity, id, {number} FROM {table}"))
            .and_then(|mut statement| {
                let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
                statement.query_map((), row)?.collect()
            })
            .map_err(StoreError::on(ACTION))?;
        let opened = |(entity, id, number): (String, String, i64)| {
            Ok((self.old.key(table, &entity, &id)?, number))
        };
        rows.into_iter().map(opened).collect()
    }

    fn records(&self) -> Result<(), StoreError> {
        for (key, snapshot) in self.keys("records", "snapshot")? {
            let confirmed = self.old.confirmed(&key)?;
            let confirmed = confirmed.ok_or(StoreError::Damaged { table: "records" })?;
            self.old.forget(&key)?;
            self.new.put_confirmed(&key, &confirmed, Some(snapshot))?;
        }
        Ok(())
    }

    fn anchors(&self) -> Result<(), StoreError> {
        let keys: BTreeSet<(Key, i64)> = self.keys("anchors", "0")?.into_iter().collect();
        for (key, _) in keys {
            let anchors = self.old.anchors(&key)?;
            let sql = "DELETE FROM anchors WHERE entity = ?1 AND id = ?2";
            execute(self.connection(), ACTION, sql, self.old.names(&key))?;
            for anchor in &anchors {
                self.new.put_anchor(&key, anchor)?;
            }
        }
        Ok(())
    }

    fn members(&self) -> Result<(), StoreError> {
        let keys: BTreeSet<(Key, i64)> = self.keys("members", "0")?.into_iter().collect();
        for (key, _) in keys {
            let (old_entity, old_id) = self.old.names(&key);
            let (entity, id) = self.new.names(&key);
            let sql = "UPDATE members SET entity = ?3, id = ?4 WHERE entity = ?1 AND id = ?2";
            execute(self.connection(), ACTION, sql, (old_entity, old_id, entity, id))?;
        }
        Ok(())
    }

    /// Seals the operations of a table anew: of what waits, or of what is kept.
    fn operations(&self, table: &'static str) -> Result<(), StoreError> {
        type Raw = (String, i64, Vec<u8>, Option<Vec<u8>>);
        for (key, sequence) in self.keys(table, "sequence")? {
            let sql = format!(
                "SELECT client, counter, operation, texts FROM {table} WHERE sequence = ?1"
            );
            let (client, counter, operation, texts): Raw = self
                .connection()
                .query_one(&sql, [sequence], |row| row.try_into())
                .map_err(StoreError::on(ACTION))?;
            let counter = counter.to_string();
            let anew = |bytes: Vec<u8>, kind: &str| {
                let at = [kind, &client, &counter];
                self.new.seal.close(self.old.seal.open(table, bytes, &at)?, &at)
            };
            let operation = anew(operation, OPERATION)?;
            let texts = texts.map(|texts| anew(texts, TEXTS)).transpose()?;
            let (entity, id) = self.new.names(&key);
            let sql = format!(
                "UPDATE {table} SET entity = ?2, id = ?3, operation = ?4, texts = ?5 \
                 WHERE sequence = ?1"
            );
            execute(self.connection(), ACTION, &sql, (sequence, entity, id, operation, texts))?;
            if table == "queue" {
                self.detail(sequence, &[DETAIL, &client, &counter])?;
            }
        }
        Ok(())
    }

    /// Seals why an operation was set aside anew.
    fn detail(&self, sequence: i64, at: &[&str]) -> Result<(), StoreError> {
        let sql = "SELECT detail FROM queue WHERE sequence = ?1";
        let detail: Option<String> = self
            .connection()
            .query_one(sql, [sequence], |row| row.get(0))
            .map_err(StoreError::on(ACTION))?;
        let Some(detail) = detail else { return Ok(()) };
        let detail = self.old.seal.open_text("queue", detail, at)?;
        let detail = self.new.seal.close_text(&detail, at)?;
        let sql = "UPDATE queue SET detail = ?2 WHERE sequence = ?1";
        execute(self.connection(), ACTION, sql, (sequence, detail))?;
        Ok(())
    }

    fn views(&self) -> Result<(), StoreError> {
        for (view, follows) in (0_u32..).zip(self.old.described()?) {
            let cursor = self.old.cursor(view)?;
            let cursor = cursor.map(|cursor| self.new.cursor_text(view, &cursor)).transpose()?;
            let follows = self.new.description(view, &follows)?;
            let sql = "UPDATE views SET entities = ?2, cursor = ?3 WHERE view = ?1";
            execute(self.connection(), ACTION, sql, (view, follows, cursor))?;
        }
        Ok(())
    }
}
