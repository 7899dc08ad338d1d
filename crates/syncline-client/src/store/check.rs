//! Comparing what is confirmed with what the hub shows (`docs/protocol.md` §10).

use syncline_model::id::EntityName;
use syncline_protocol::checksum::Checksum;
use syncline_protocol::cursor::StreamCursor;
use thiserror::Error;

use super::open::get;
use super::rows::execute;
use super::{Rows, Store, StoreError, commit};

/// The confirmed records of a view are not those that the hub shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the records were not those that the hub shows; they are read anew")]
pub(crate) struct Differs;

impl Differs {
    /// Returns the stable code of the finding.
    pub(crate) const fn code(self) -> &'static str {
        "VIEW_DIFFERS"
    }
}

impl Store {
    /// Says whether the confirmed records of a view are those that the hub shows as of `cursor`, all changes up
    /// to there being stored; `None` if nothing can be said, because more is known of one of them.
    ///
    /// - `entities`: those that the view follows; none for all.
    pub(crate) fn is_as_shown(
        &self,
        view: u32,
        entities: &[EntityName],
        cursor: &StreamCursor,
        checksum: Checksum,
    ) -> Result<Option<bool>, StoreError> {
        let rows = self.rows();
        let is_of_this_life =
            get(rows.connection, "incarnation")? == Some(cursor.log.incarnation().to_string());
        let stands = rows.cursor(view)?.is_some_and(|stored| {
            stored.snapshot.is_none() && stored.position() <= cursor.position()
        });
        if !is_of_this_life || !stands {
            return Ok(None);
        }
        let held = rows.checksum(entities, cursor.position().0)?;
        Ok(held.map(|held| held == checksum))
    }

    /// Has all views begin anew: something is not as it should be. What cannot be read any more is dropped, so
    /// that it can be replaced.
    pub(crate) fn begin_anew(&mut self) -> Result<(), StoreError> {
        let seal = self.seal.clone();
        let transaction = self.begin()?;
        let rows = Rows { connection: &transaction, seal: &seal };
        rows.drop_unreadable()?;
        rows.forget_cursors()?;
        commit(transaction, "forget the cursors")?;
        self.repairs += 1;
        self.lately.clear();
        Ok(())
    }

    /// Returns how often a view was begun anew since the file was opened, because it was not what the hub
    /// showed.
    pub(crate) const fn repairs(&self) -> u64 {
        self.repairs
    }
}

impl Rows<'_> {
    /// Drops confirmed records that cannot be read.
    fn drop_unreadable(&self) -> Result<(), StoreError> {
        let fail = StoreError::on("look for damage");
        let sql = "SELECT entity, id, fields FROM records WHERE fields IS NOT NULL";
        let mut statement = self.connection.prepare_cached(sql).map_err(&fail)?;
        let mut found = statement.query(()).map_err(&fail)?;
        let mut unreadable: Vec<(String, String)> = Vec::new();
        while let Some(row) = found.next().map_err(&fail)? {
            let (entity, id, fields): (String, String, Vec<u8>) = row
                .try_into()
                .map_err(|source| StoreError::Sqlite { action: "look for damage", source })?;
            let key = self.key("records", &entity, &id);
            if key.and_then(|key| self.fields(&key, fields)).is_err() {
                unreadable.push((entity, id));
            }
        }
        for (entity, id) in unreadable {
            let sql = "DELETE FROM records WHERE entity = ?1 AND id = ?2";
            execute(self.connection, "drop a damaged record", sql, (entity, id))?;
        }
        Ok(())
    }

    /// Returns what the confirmed records add up to; `None` if one of them is newer than `position`, or of
    /// another life of the hub.
    fn checksum(
        &self,
        entities: &[EntityName],
        position: u64,
    ) -> Result<Option<Checksum>, StoreError> {
        let fail = StoreError::on("add the records up");
        let sql = "SELECT entity, id, fields, position FROM records";
        let mut statement = self.connection.prepare_cached(sql).map_err(&fail)?;
        let mut found = statement.query(()).map_err(&fail)?;
        let mut sum = Checksum::default();
        while let Some(row) = found.next().map_err(&fail)? {
            type Raw = (String, String, Option<Vec<u8>>, i64);
            let (entity, id, fields, at): Raw = row
                .try_into()
                .map_err(|source| StoreError::Sqlite { action: "add the records up", source })?;
            let Ok(key) = self.key("records", &entity, &id) else {
                return Ok(Some(Checksum::default()));
            };
            let (entity, id) = &key;
            if !entities.is_empty() && !entities.contains(entity) {
                continue;
            }
            if at.unsigned_abs() > position {
                return Ok(None);
            }
            if let Some(fields) = fields {
                // What cannot be read any more is not what the hub shows.
                let Ok(fields) = self.fields(&key, fields) else {
                    return Ok(Some(Checksum::default()));
                };
                sum.add(entity, id, &fields);
            }
        }
        Ok(Some(sum))
    }
}
