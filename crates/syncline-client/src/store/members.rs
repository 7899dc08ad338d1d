//! Which view shows which record: one that several show leaves the client with the last of them.
//!
//! A client with one view needs no rows for that: what its snapshot has not shown goes.

use std::borrow::Cow;

use rusqlite::{OptionalExtension, Params};
use syncline_model::json::Json;
use syncline_protocol::message::Follow;

use super::kept::as_row;
use super::open::{get, put};
use super::rows::{damaged, execute};
use super::{Key, Rows, Store, StoreError, commit};

/// Which view shows which record, and in which of its snapshots it did.
const TABLE: &str = "
CREATE TABLE IF NOT EXISTS members (
    entity TEXT NOT NULL,
    id TEXT NOT NULL,
    view INTEGER NOT NULL,
    snapshot INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (entity, id, view)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS members_of_views ON members (view, snapshot);
";

/// The setting that says up to where in the log records that no view shows are to be dropped.
const UNSWEPT: &str = "unswept";

impl Store {
    /// Makes the table of members where it is not there.
    pub(super) fn make_members(&self) -> Result<(), StoreError> {
        self.connection.execute_batch(TABLE).map_err(StoreError::on("write the views"))
    }

    /// Takes note of what the views follow. Where that is something else than before all of them begin
    /// anew: a record may have been shown by one that is not there any more.
    pub(crate) fn follow(&mut self, follows: &[Follow]) -> Result<(), StoreError> {
        let seal = self.seal.clone();
        let transaction = self.begin()?;
        transaction.execute_batch(TABLE).map_err(StoreError::on("write the views"))?;
        let rows = Rows { connection: &transaction, seal: &seal };
        let known = rows.described()?;
        let wanted: Vec<String> = follows.iter().map(described).collect();
        if known != wanted {
            execute(&transaction, "drop the views", "DELETE FROM views", ())?;
            execute(&transaction, "drop the views", "DELETE FROM members", ())?;
            rows.forget_sweep()?;
            for (view, text) in (0_u32..).zip(wanted) {
                let sql = "INSERT INTO views (view, entities) VALUES (?1, ?2)";
                execute(&transaction, "write a view", sql, (view, rows.description(view, &text)?))?;
            }
        }
        commit(transaction, "write the views")
    }
}

/// Describes what is followed: where it is another text the view begins anew.
fn described(follow: &Follow) -> String {
    match &follow.view {
        None => {
            let names = follow.entities.iter().map(|entity| entity.as_str());
            names.collect::<Vec<_>>().join("\n")
        }
        Some(view) => {
            let params = Json::Object(view.params.clone()).to_canonical_string();
            format!("\0{}\0{params}", view.name)
        }
    }
}

impl Rows<'_> {
    /// Returns what each view follows.
    pub(super) fn described(&self) -> Result<Vec<String>, StoreError> {
        let known: Vec<String> = self
            .connection
            .prepare_cached("SELECT entities FROM views ORDER BY view")
            .and_then(|mut statement| statement.query_map((), |row| row.get(0))?.collect())
            .map_err(StoreError::on("read the views"))?;
        let open = |(view, text): (u32, String)| {
            self.seal.open_text("views", text, &["follows", &view.to_string()])
        };
        (0..).zip(known).map(open).collect()
    }

    /// Returns what a view follows as it is kept.
    pub(super) fn description<'t>(
        &self,
        view: u32,
        text: &'t str,
    ) -> Result<Cow<'t, str>, StoreError> {
        self.seal.close_text(text, &["follows", &view.to_string()])
    }

    /// Returns whether there is more than one view.
    pub(super) fn has_views(&self) -> Result<bool, StoreError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT count(*) > 1 FROM views")
            .map_err(StoreError::on("read the views"))?;
        statement.query_row((), |row| row.get(0)).map_err(StoreError::on("read the views"))
    }

    /// Takes note of whether one view of several shows a record; answers whether another one does.
    pub(super) fn note_member(
        &self,
        view: u32,
        key: &Key,
        is_shown: bool,
        snapshot: Option<i64>,
    ) -> Result<bool, StoreError> {
        let (entity, id) = self.names(key);
        let (entity, id) = (&*entity, &*id);
        if is_shown {
            let sql = "INSERT INTO members (entity, id, view, snapshot) \
                       VALUES (?1, ?2, ?3, coalesce(?4, 0)) ON CONFLICT (entity, id, view) \
                       DO UPDATE SET snapshot = coalesce(?4, snapshot)";
            let row = (entity, id, view, snapshot);
            execute(self.connection, "write which view shows a record", sql, row)?;
        } else {
            let sql = "DELETE FROM members WHERE entity = ?1 AND id = ?2 AND view = ?3";
            execute(self.connection, "write which view shows a record", sql, (entity, id, view))?;
        }
        let sql = "SELECT 1 FROM members WHERE entity = ?1 AND id = ?2 AND view <> ?3 LIMIT 1";
        let found: Option<i64> = self
            .connection
            .prepare_cached(sql)
            .and_then(|mut statement| {
                statement.query_row((entity, id, view), |row| row.get(0)).optional()
            })
            .map_err(StoreError::on("read which view shows a record"))?;
        Ok(found.is_some())
    }

    /// Forgets a record; operations on it stay.
    pub(super) fn forget(&self, key: &Key) -> Result<(), StoreError> {
        let sql = "DELETE FROM records WHERE entity = ?1 AND id = ?2";
        execute(self.connection, "forget a record", sql, self.names(key))?;
        Ok(())
    }

    /// Drops the records that a snapshot has not shown of the only view, or takes note that what no view shows
    /// is to be dropped; what is newer than the snapshot comes by the log.
    pub(super) fn drop_unshown(
        &self,
        view: u32,
        snapshot: i64,
        began: i64,
    ) -> Result<Vec<Key>, StoreError> {
        if !self.has_views()? {
            let sql = "DELETE FROM records WHERE snapshot <> ?1 AND position <= ?2 \
                       RETURNING entity, id";
            return self.dropped(sql, (snapshot, began));
        }
        let sql = "DELETE FROM members WHERE view = ?1 AND snapshot <> ?2";
        execute(self.connection, "drop what a view shows no more", sql, (view, snapshot))?;
        let due = self.unswept()?.map_or(began, |known| known.max(began));
        put(self.connection, UNSWEPT, &due.to_string())?;
        Ok(Vec::new())
    }

    /// Drops the records that no view shows, as far as every view has come: of what is newer one may still have to
    /// tell what only a result has told. What is left goes once each has come to where the last snapshot began.
    ///
    /// - `is_through`: whether a snapshot has just ended.
    pub(super) fn sweep(&self, is_through: bool) -> Result<Vec<Key>, StoreError> {
        let Some(due) = self.unswept()? else { return Ok(Vec::new()) };
        let incarnation = get(self.connection, "incarnation")?;
        let mut reached = due;
        for view in (0_u32..).take(self.described()?.len()) {
            // Until each has been through once nobody knows what they show together.
            let cursor = self.cursor(view)?.filter(|cursor| {
                cursor.snapshot.is_none()
                    && incarnation == Some(cursor.log.incarnation().to_string())
            });
            let Some(cursor) = cursor else { return Ok(Vec::new()) };
            reached = reached.min(as_row(cursor.position()));
        }
        if reached < due && !is_through {
            return Ok(Vec::new());
        }
        if reached == due {
            self.forget_sweep()?;
        }
        let sql = "DELETE FROM records WHERE position <= ?1 AND NOT EXISTS (\
                       SELECT 1 FROM members \
                       WHERE members.entity = records.entity AND members.id = records.id) \
                   RETURNING entity, id";
        self.dropped(sql, [reached])
    }

    /// Nothing is to be dropped: the views begin anew.
    pub(super) fn forget_sweep(&self) -> Result<(), StoreError> {
        execute(self.connection, "drop records", "DELETE FROM meta WHERE key = ?1", [UNSWEPT])?;
        Ok(())
    }

    /// Returns up to where in the log records that no view shows are to be dropped.
    fn unswept(&self) -> Result<Option<i64>, StoreError> {
        let due = get(self.connection, UNSWEPT)?;
        due.map(|due| due.parse().map_err(|_| damaged("meta"))).transpose()
    }

    fn dropped(&self, sql: &str, values: impl Params) -> Result<Vec<Key>, StoreError> {
        let dropped: Vec<(String, String)> = self
            .connection
            .prepare_cached(sql)
            .and_then(|mut statement| {
                let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
                statement.query_map(values, row)?.collect()
            })
            .map_err(StoreError::on("drop records"))?;
        dropped.iter().map(|(entity, id)| self.key("records", entity, id)).collect()
    }
}
