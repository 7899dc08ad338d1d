//! Reading and writing of single rows.

use std::borrow::Cow;

use rusqlite::{Connection, OptionalExtension, Params, Row};
use syncline_merge::display::Fields;
use syncline_model::id::{ClientId, EntityName, Position, RecordId};
use syncline_model::json::fields::flatten;
use syncline_model::json::{Json, Object, parse};
use syncline_model::path::Path;
use syncline_protocol::change::OpenConflict;
use syncline_protocol::cursor::StreamCursor;
use syncline_protocol::long::{read_operation, write_record};
use syncline_protocol::operation::Operation;
use syncline_protocol::token::TokenText;

use super::{Confirmed, Kept, Key, Queued, Refusal, Rows, Seal};
use crate::error::StoreError;

pub(super) const fn damaged(table: &'static str) -> StoreError {
    StoreError::Damaged { table }
}

/// Returns the number that a statement answers with.
pub(super) fn count(connection: &Connection, sql: &str) -> Result<u64, StoreError> {
    let count: i64 =
        connection.query_one(sql, (), |row| row.get(0)).map_err(StoreError::on("count"))?;
    Ok(count.unsigned_abs())
}

/// Carries out a statement that is used often; returns how many rows it changed.
pub(super) fn execute(
    connection: &Connection,
    action: &'static str,
    sql: &str,
    params: impl Params,
) -> Result<usize, StoreError> {
    connection
        .prepare_cached(sql)
        .and_then(|mut statement| statement.execute(params))
        .map_err(StoreError::on(action))
}

fn conflicts_text(conflicts: &[OpenConflict]) -> String {
    let one = |conflict: &OpenConflict| {
        let mut object = Object::new();
        object.insert("id", &*conflict.id);
        object.insert("path", conflict.path.as_str());
        Json::from(object)
    };
    Json::from(conflicts.iter().map(one).collect::<Vec<_>>()).to_compact_string()
}

fn conflicts_of(text: &str) -> Result<Vec<OpenConflict>, StoreError> {
    let one = |json: &Json| {
        let object = json.as_object()?;
        let path = Path::parse(object.get("path")?.as_str()?).ok()?;
        Some(OpenConflict { id: object.get("id")?.as_str()?.into(), path })
    };
    let json = parse(text.as_bytes()).ok();
    let list = json.as_ref().and_then(Json::as_array);
    list.and_then(|list| list.iter().map(one).collect()).ok_or(damaged("records"))
}

/// A row of `queue` as SQLite has it.
struct RawQueued {
    sequence: i64,
    client: String,
    counter: i64,
    operation: Vec<u8>,
    priority: bool,
    code: Option<String>,
    detail: Option<String>,
    is_resent: bool,
}

/// How an operation stands in the queue.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stands {
    pub(super) sequence: i64,
    /// Whether it was set aside.
    pub(super) is_aside: bool,
    /// As [`Queued::is_resent`].
    pub(super) is_resent: bool,
}

/// The columns that [`RawQueued::read`] reads.
const QUEUED: &str = "sequence, client, operation, priority, code, detail, resent, counter";

impl RawQueued {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            sequence: row.get(0)?,
            client: row.get(1)?,
            operation: row.get(2)?,
            priority: row.get(3)?,
            code: row.get(4)?,
            detail: row.get(5)?,
            is_resent: row.get(6)?,
            counter: row.get(7)?,
        })
    }

    fn parse(self, seal: &Seal) -> Result<Queued, StoreError> {
        let counter = self.counter.to_string();
        let text = seal.open("queue", self.operation, &[OPERATION, &self.client, &counter])?;
        let detail = self
            .detail
            .map(|detail| seal.open_text("queue", detail, &[DETAIL, &self.client, &counter]));
        let detail = detail.transpose()?.unwrap_or_default().into();
        let refusal = self.code.map(|code| Refusal { code: code.into(), detail });
        Ok(Queued {
            sequence: self.sequence,
            client: ClientId::new(&self.client).map_err(|_| damaged("queue"))?,
            operation: read_operation(text.as_bytes()).map_err(|_| damaged("queue"))?,
            priority: self.priority,
            refusal,
            is_resent: self.is_resent,
        })
    }
}

/// The kinds of places that contents stand in.
pub(super) const OPERATION: &str = "operation";
pub(super) const TEXTS: &str = "texts";
pub(super) const DETAIL: &str = "detail";
const FIELDS: &str = "fields";
const TOKEN: &str = "token";
const CONFLICTS: &str = "conflicts";
const CURSOR: &str = "cursor";

/// What stands where a record has no conflicts, also in a sealed file.
const NO_CONFLICTS: &str = "[]";

impl Rows<'_> {
    /// Returns the names of a record as they are kept.
    pub(super) fn names<'k>(&self, key: &'k Key) -> (Cow<'k, str>, Cow<'k, str>) {
        let (entity, id) = (key.0.as_str(), key.1.as_str());
        (self.entity(entity), self.seal.name(id, &["id", entity]))
    }

    /// Returns the name of a type of record as it is kept.
    fn entity<'k>(&self, entity: &'k str) -> Cow<'k, str> {
        self.seal.name(entity, &["entity"])
    }

    /// Returns the record that a row names.
    pub(super) fn key(
        &self,
        table: &'static str,
        entity: &str,
        id: &str,
    ) -> Result<Key, StoreError> {
        let entity = self.seal.opened_name(table, entity, &["entity"])?;
        let entity = EntityName::new(&entity).map_err(|_| damaged(table))?;
        let id = self.seal.opened_name(table, id, &["id", entity.as_str()])?;
        let id = RecordId::new(&id).map_err(|_| damaged(table))?;
        Ok((entity, id))
    }
}

impl Rows<'_> {
    /// Returns what is kept of a record.
    pub(crate) fn kept(&self, key: &Key) -> Result<Kept, StoreError> {
        Ok(Kept {
            confirmed: self.confirmed(key)?,
            anchors: self.anchors(key)?,
            queued: self.queued(key)?,
        })
    }

    /// Returns what the hub has confirmed of a record.
    pub(crate) fn confirmed(&self, key: &Key) -> Result<Option<Confirmed>, StoreError> {
        type Raw = (Option<Vec<u8>>, Option<String>, i64, String);
        let raw: Option<Raw> = self
            .connection
            .prepare_cached(
                "SELECT fields, token, position, conflicts FROM records \
                 WHERE entity = ?1 AND id = ?2",
            )
            .and_then(|mut statement| {
                let row = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
                statement.query_row(self.names(key), row).optional()
            })
            .map_err(StoreError::on("read a record"))?;
        let Some((fields, token, position, conflicts)) = raw else { return Ok(None) };
        let fields = fields.map(|fields| self.fields(key, fields)).transpose()?;
        let token = self.token(key, token)?;
        let conflicts = match &*conflicts {
            NO_CONFLICTS => conflicts,
            _ => self.seal.open_text("records", conflicts, &of_record(CONFLICTS, key))?,
        };
        Ok(Some(Confirmed {
            fields,
            token,
            position: Position(position.unsigned_abs()),
            conflicts: conflicts_of(&conflicts)?,
        }))
    }

    pub(super) fn fields(&self, key: &Key, bytes: Vec<u8>) -> Result<Fields, StoreError> {
        let text = self.seal.open("records", bytes, &of_record(FIELDS, key))?;
        flatten(text.as_bytes()).map_err(|_| damaged("records"))
    }

    /// Returns a token that is kept with a record.
    pub(super) fn token(
        &self,
        key: &Key,
        token: Option<String>,
    ) -> Result<Option<TokenText>, StoreError> {
        let Some(token) = token else { return Ok(None) };
        let token = self.seal.open_text("records", token, &of_record(TOKEN, key))?;
        TokenText::new(&token).map(Some).map_err(|_| damaged("records"))
    }

    /// Keeps what the hub has confirmed of a record.
    ///
    /// - `snapshot`: the snapshot that shows it; `None` leaves what is known of that.
    pub(super) fn put_confirmed(
        &self,
        key: &Key,
        confirmed: &Confirmed,
        snapshot: Option<i64>,
    ) -> Result<(), StoreError> {
        let fields = confirmed.fields.as_ref().map(write_record);
        let fields = fields.map(|fields| self.seal.close(fields, &of_record(FIELDS, key)));
        let token = confirmed.token.as_ref();
        let token = token.map(|token| self.seal.close_text(token.as_str(), &of_record(TOKEN, key)));
        let conflicts = conflicts_text(&confirmed.conflicts);
        let conflicts = match &*conflicts {
            NO_CONFLICTS => conflicts.as_str().into(),
            _ => self.seal.close_text(&conflicts, &of_record(CONFLICTS, key))?,
        };
        let (entity, id) = self.names(key);
        let position = i64::try_from(confirmed.position.0).map_err(|_| damaged("records"))?;
        execute(
            self.connection,
            "write a record",
            "INSERT INTO records (entity, id, fields, token, position, conflicts, snapshot) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, coalesce(?7, 0)) ON CONFLICT (entity, id) DO UPDATE \
             SET fields = excluded.fields, token = excluded.token, position = excluded.position, \
             conflicts = excluded.conflicts, snapshot = coalesce(?7, snapshot)",
            (entity, id, fields.transpose()?, token.transpose()?, position, conflicts, snapshot),
        )?;
        Ok(())
    }

    /// Returns the operations of a record, in order, with those that were set aside.
    pub(crate) fn queued(&self, key: &Key) -> Result<Vec<Queued>, StoreError> {
        let sql =
            format!("SELECT {QUEUED} FROM queue WHERE entity = ?1 AND id = ?2 ORDER BY sequence");
        self.queued_by(&sql, self.names(key))
    }

    /// Returns operations that wait, in order, at most `limit`.
    pub(crate) fn pending(&self, limit: usize) -> Result<Vec<Queued>, StoreError> {
        let sql =
            format!("SELECT {QUEUED} FROM queue WHERE code IS NULL ORDER BY sequence LIMIT ?1");
        self.queued_by(&sql, [i64::try_from(limit).unwrap_or(i64::MAX)])
    }

    /// Returns the operations that were set aside, in order.
    pub(crate) fn aside(&self) -> Result<Vec<Queued>, StoreError> {
        let sql = format!("SELECT {QUEUED} FROM queue WHERE code IS NOT NULL ORDER BY sequence");
        self.queued_by(&sql, ())
    }

    /// Returns operations of a client that wait and whose lane does not stand, behind `after`, in
    /// order, at most `limit`. It costs the same however many wait: they are read in their order, where
    /// an index by client would have all of them sorted first.
    pub(crate) fn waiting(
        &self,
        client: &ClientId,
        after: i64,
        limit: usize,
    ) -> Result<Vec<Queued>, StoreError> {
        let sql = format!(
            "SELECT {QUEUED} FROM queue AS q NOT INDEXED WHERE client = ?1 AND sequence > ?2 \
             AND code IS NULL AND (asked OR resent OR NOT EXISTS (SELECT 1 FROM queue AS r WHERE r.code IS NOT NULL \
             AND r.entity = q.entity AND r.id = q.id AND r.sequence < q.sequence)) \
             ORDER BY sequence LIMIT ?3"
        );
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.queued_by(&sql, (client.as_str(), after, limit))
    }

    /// Returns whether an operation of a client waits that has a lower counter.
    pub(super) fn is_waiting_before(
        &self,
        client: &ClientId,
        counter: u64,
    ) -> Result<bool, StoreError> {
        let counter = i64::try_from(counter).unwrap_or(i64::MAX);
        self.connection
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM queue WHERE client = ?1 AND counter < ?2 AND code IS NULL)",
            )
            .and_then(|mut statement| statement.query_one((client.as_str(), counter), |row| row.get(0)))
            .map_err(StoreError::on("read the queue"))
    }

    /// Returns whether an operation of a client waits behind `after` that does not wait for company, and may go.
    pub(crate) fn is_urgent_waiting(
        &self,
        client: &ClientId,
        after: i64,
    ) -> Result<bool, StoreError> {
        self.connection
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM queue AS q NOT INDEXED WHERE client = ?1 AND sequence > ?2 \
                 AND priority AND code IS NULL AND (asked OR resent OR NOT EXISTS (SELECT 1 FROM queue AS r \
                 WHERE r.code IS NOT NULL AND r.entity = q.entity AND r.id = q.id AND r.sequence < q.sequence)))",
            )
            .and_then(|mut statement| statement.query_one((client.as_str(), after), |row| row.get(0)))
            .map_err(StoreError::on("read the queue"))
    }

    /// Returns operations of a client that wait behind `after`, whether their lane stands or not.
    pub(super) fn all_waiting(
        &self,
        client: &ClientId,
        after: i64,
    ) -> Result<Vec<Queued>, StoreError> {
        let sql = format!(
            "SELECT {QUEUED} FROM queue NOT INDEXED WHERE client = ?1 AND sequence > ?2 \
             AND code IS NULL ORDER BY sequence"
        );
        self.queued_by(&sql, (client.as_str(), after))
    }

    /// Returns the operations of a client that edit texts and are sent again, in order.
    pub(super) fn resent_texts(&self, client: &ClientId) -> Result<Vec<Queued>, StoreError> {
        let sql = format!(
            "SELECT {QUEUED} FROM queue WHERE client = ?1 AND resent AND texts IS NOT NULL \
             ORDER BY sequence"
        );
        self.queued_by(&sql, [client.as_str()])
    }

    /// Returns one operation.
    pub(crate) fn operation(
        &self,
        client: &ClientId,
        counter: u64,
    ) -> Result<Option<Queued>, StoreError> {
        let sql = format!("SELECT {QUEUED} FROM queue WHERE client = ?1 AND counter = ?2");
        let counter = i64::try_from(counter).unwrap_or(i64::MAX);
        Ok(self.queued_by(&sql, (client.as_str(), counter))?.pop())
    }

    /// Returns the client of the oldest operation that waits and can be sent, or was applied by a former life
    /// of the hub and is to be sent again.
    pub(crate) fn oldest_client(&self) -> Result<Option<ClientId>, StoreError> {
        if let Some(client) = self.client_of_past()? {
            return Ok(Some(client));
        }
        let client: Option<String> = self
            .connection
            .prepare_cached(
                "SELECT client FROM queue AS q WHERE code IS NULL AND (asked OR resent OR NOT EXISTS \
                 (SELECT 1 FROM queue AS r WHERE r.code IS NOT NULL AND r.entity = q.entity \
                 AND r.id = q.id AND r.sequence < q.sequence)) ORDER BY sequence LIMIT 1",
            )
            .and_then(|mut statement| statement.query_row((), |row| row.get(0)).optional())
            .map_err(StoreError::on("read the queue"))?;
        client.map(|client| ClientId::new(&client).map_err(|_| damaged("queue"))).transpose()
    }

    fn queued_by(&self, sql: &str, params: impl Params) -> Result<Vec<Queued>, StoreError> {
        let raw: Vec<RawQueued> = self
            .connection
            .prepare_cached(sql)
            .and_then(|mut statement| statement.query_map(params, RawQueued::read)?.collect())
            .map_err(StoreError::on("read the queue"))?;
        raw.into_iter().map(|raw| raw.parse(self.seal)).collect()
    }

    /// Returns how an operation stands in the queue that the hub has answered: what it does is known, and
    /// not read again.
    pub(super) fn stands(
        &self,
        client: &ClientId,
        operation: &Operation,
    ) -> Result<Option<Stands>, StoreError> {
        let counter = i64::try_from(operation.counter).unwrap_or(i64::MAX);
        self.connection
            .prepare_cached(
                "SELECT sequence, code IS NOT NULL, resent FROM queue WHERE client = ?1 AND counter = ?2",
            )
            .and_then(|mut statement| {
                let row = |row: &Row<'_>| {
                    let (sequence, is_aside, is_resent) = (row.get(0)?, row.get(1)?, row.get(2)?);
                    Ok(Stands { sequence, is_aside, is_resent })
                };
                statement.query_row((client.as_str(), counter), row).optional()
            })
            .map_err(StoreError::on("read the queue"))
    }

    /// Returns the ids of an entity of which anything is kept, sorted.
    pub(crate) fn ids(&self, entity: &EntityName) -> Result<Vec<RecordId>, StoreError> {
        let ids: Vec<String> = self
            .connection
            .prepare_cached(
                "SELECT id FROM records WHERE entity = ?1 UNION SELECT id FROM queue \
                 WHERE entity = ?1",
            )
            .and_then(|mut statement| {
                statement.query_map([self.entity(entity.as_str())], |row| row.get(0))?.collect()
            })
            .map_err(StoreError::on("read the records"))?;
        let opened = |id: &String| {
            let id = self.seal.opened_name("records", id, &["id", entity.as_str()])?;
            RecordId::new(&id).map_err(|_| damaged("records"))
        };
        let mut ids = ids.iter().map(opened).collect::<Result<Vec<_>, StoreError>>()?;
        ids.sort_unstable();
        Ok(ids)
    }

    /// Returns the records that have conflicts that wait for a person.
    pub(crate) fn contested(&self) -> Result<Vec<Key>, StoreError> {
        let keys: Vec<(String, String)> = self
            .connection
            .prepare_cached("SELECT entity, id FROM records WHERE conflicts <> '[]'")
            .and_then(|mut statement| {
                statement.query_map((), |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
            })
            .map_err(StoreError::on("read the conflicts"))?;
        let keys = keys.iter().map(|(entity, id)| self.key("records", entity, id));
        let mut keys = keys.collect::<Result<Vec<_>, _>>()?;
        keys.sort_unstable();
        Ok(keys)
    }

    /// Returns where to go on with a view; `None` begins with all records.
    pub(crate) fn cursor(&self, view: u32) -> Result<Option<StreamCursor>, StoreError> {
        let text: Option<Option<String>> = self
            .connection
            .prepare_cached("SELECT cursor FROM views WHERE view = ?1")
            .and_then(|mut statement| statement.query_row([view], |row| row.get(0)).optional())
            .map_err(StoreError::on("read a cursor"))?;
        let cursor = text.flatten().map(|text| {
            let text = self.seal.open_text("views", text, &[CURSOR, &view.to_string()])?;
            text.parse().map_err(|_| damaged("views"))
        });
        cursor.transpose()
    }

    /// Returns a cursor as it is kept.
    pub(super) fn cursor_text(
        &self,
        view: u32,
        cursor: &StreamCursor,
    ) -> Result<String, StoreError> {
        let text = cursor.to_string();
        Ok(self.seal.close_text(&text, &[CURSOR, &view.to_string()])?.into_owned())
    }
}

/// Returns the place of a content of a record.
fn of_record<'k>(kind: &'k str, key: &'k Key) -> [&'k str; 3] {
    [kind, key.0.as_str(), key.1.as_str()]
}
