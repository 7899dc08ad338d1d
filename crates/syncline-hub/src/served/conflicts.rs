//! Conflicts: looking at them and deciding them.

use std::sync::Arc;

use syncline_engine::conflicts::{ConflictRow, Status};
use syncline_engine::rows::{Key, Scan, Table};
use syncline_engine::seen;
use syncline_merge::codec::decode_record;
use syncline_merge::conflict::Conflict;
use syncline_merge::fault::{Fault, is_planted};
use syncline_model::id::EntityName;
use syncline_policy::view::Sight;
use syncline_store::Read;

use super::read::{lens_of, rows_of};
use super::{ServeError, Served};
use crate::conflicts::{Choice, conflict_named};
use crate::error::HubError;
use crate::limits::CONFLICTS_LISTED_MAX;
use crate::request::Actor;

/// Some of the conflicts, by entity, record and id.
#[derive(Clone, Debug, PartialEq)]
pub struct ConflictList {
    /// The conflicts.
    pub conflicts: Vec<ConflictRow>,
    /// Behind which row to go on; `None` if these were the last.
    pub next: Option<Key>,
}

impl Served {
    /// Returns all conflicts, whatever became of them, by entity, record and id.
    ///
    /// - `after`: the row behind which to begin.
    /// - `limit`: how many at most, up to [`CONFLICTS_LISTED_MAX`].
    ///
    /// # Errors
    ///
    /// [`ServeError::Hub`] if they cannot be read.
    pub fn conflicts(&self, after: Option<&Key>, limit: usize) -> Result<ConflictList, ServeError> {
        self.conflicts_for(&Sight::everything(&[]), after, limit)
    }

    /// As [`Served::conflicts`], of those that are in sight: there may be fewer than asked for, and more
    /// behind them all the same.
    ///
    /// # Errors
    ///
    /// As [`Served::conflicts`].
    pub fn conflicts_for(
        &self,
        sight: &Sight,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<ConflictList, ServeError> {
        let limit = limit.clamp(1, CONFLICTS_LISTED_MAX);
        let rows = self.reader()?;
        let found = rows_of(&*rows, &Scan::Conflicts, after, limit)?;
        let next = found.last().filter(|_| found.len() == limit).map(|(key, _)| key.clone());
        let found = found.into_iter().map(|(_, row)| row).collect();
        Ok(ConflictList { conflicts: self.in_sight(sight, &*rows, found)?, next })
    }

    /// Returns the conflicts of one entity, or of all, that wait for a person, by entity, record and id;
    /// as [`Served::conflicts`].
    ///
    /// # Errors
    ///
    /// As [`Served::conflicts`].
    pub fn open_conflicts(
        &self,
        entity: Option<&EntityName>,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<ConflictList, ServeError> {
        self.open_conflicts_for(&Sight::everything(&[]), entity, after, limit)
    }

    /// As [`Served::open_conflicts`], of those that are in sight, as [`Served::conflicts_for`].
    ///
    /// # Errors
    ///
    /// As [`Served::conflicts`].
    pub fn open_conflicts_for(
        &self,
        sight: &Sight,
        entity: Option<&EntityName>,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<ConflictList, ServeError> {
        let limit = limit.clamp(1, CONFLICTS_LISTED_MAX);
        let rows = self.reader()?;
        let scan = match entity.cloned() {
            Some(entity) => Scan::OpenConflicts { entity },
            None => Scan::Whole(Table::OpenConflicts),
        };
        let mut keys = Vec::new();
        rows.scan(&scan, after.map(open_key).as_ref(), limit, &mut |key, _| {
            keys.push(listed_key(key));
            std::ops::ControlFlow::Continue(())
        })?;
        let next = keys.last().filter(|_| keys.len() == limit).cloned();
        let damaged = |_| HubError::Row { table: "conflicts" };
        let values = rows.get_many(&keys)?.into_iter().flatten();
        let conflicts = values.map(|bytes| ConflictRow::decode(&bytes).map_err(damaged));
        let found = conflicts.collect::<Result<_, HubError>>()?;
        Ok(ConflictList { conflicts: self.in_sight(sight, &*rows, found)?, next })
    }

    /// Returns the conflict with an id, or with an id that begins so and is the only one.
    ///
    /// # Errors
    ///
    /// [`ServeError::Hub`] as [`Hub::conflict`](crate::Hub::conflict).
    pub fn conflict(&self, id: &str) -> Result<ConflictRow, ServeError> {
        self.conflict_for(&Sight::everything(&[]), id)
    }

    /// As [`Served::conflict`], among those that are in sight.
    ///
    /// # Errors
    ///
    /// As [`Served::conflict`].
    pub fn conflict_for(&self, sight: &Sight, id: &str) -> Result<ConflictRow, ServeError> {
        let rows = self.reader()?;
        let listed = || {
            let found = rows_of(&*rows, &Scan::Conflicts, None, usize::MAX)?;
            self.in_sight(sight, &*rows, found.into_iter().map(|(_, row)| row).collect())
        };
        conflict_named(id, listed)
    }

    /// Decides a conflict.
    ///
    /// # Errors
    ///
    /// [`ServeError::Hub`] as [`Hub::resolve`](crate::Hub::resolve).
    pub fn resolve(
        &self,
        id: &str,
        choice: Choice,
        actor: Actor,
    ) -> Result<ConflictRow, ServeError> {
        self.resolve_for(&Arc::new(Sight::everything(&[])), id, choice, actor)
    }

    /// As [`Served::resolve`], for someone who may see and write no more than this: to decide is to write
    /// the field.
    ///
    /// # Errors
    ///
    /// As [`Served::resolve`]; one that is not in sight is not found.
    pub fn resolve_for(
        &self,
        sight: &Arc<Sight>,
        id: &str,
        choice: Choice,
        actor: Actor,
    ) -> Result<ConflictRow, ServeError> {
        let id = match sight.is_everything() {
            true => id.to_owned(),
            // By its whole id: others may begin alike.
            false => self.conflict_for(sight, id)?.conflict_id(),
        };
        let (sight, entities) = (Arc::clone(sight), self.entities().clone());
        let rules = move |entity: &EntityName| entities.rules(entity).cloned();
        Ok(self.with_hub(move |hub| hub.resolve_by(&id, &choice, &actor, &sight, rules))??)
    }

    /// Returns those of some conflicts that are in sight. One of whether a record is there is for those
    /// who see all of it.
    fn in_sight(
        &self,
        sight: &Sight,
        rows: &dyn Read,
        found: Vec<ConflictRow>,
    ) -> Result<Vec<ConflictRow>, ServeError> {
        if sight.is_everything() {
            return Ok(found);
        }
        let key =
            |row: &ConflictRow| Key::Record { entity: row.entity.clone(), id: row.id.clone() };
        let keys: Vec<Key> = found.iter().map(key).collect();
        let records = rows.get_many(&keys)?;
        let is_shown = |(row, bytes): &(ConflictRow, Option<Vec<u8>>)| {
            let record = bytes.as_deref().and_then(|bytes| decode_record(bytes).ok());
            let rules = self.entities().rules(&row.entity);
            let (Some(record), Some(rules)) = (record, rules) else { return false };
            let path = &row.conflict.path;
            lens_of(sight, &row.entity, &record, rules).is_some_and(|lens| {
                lens.is_all() || (!path.is_root() && seen::shows_conflict(path, &record, &lens))
            })
        };
        let shown = found.into_iter().zip(records).filter(is_shown);
        Ok(shown.map(|(row, _)| told(row)).collect())
    }
}

/// Returns what somebody is told of a conflict who does not see everything. The values of one that waits
/// are those of the record now; those of the past may be from before it came into sight.
fn told(row: ConflictRow) -> ConflictRow {
    if row.status == Status::Open || is_planted(Fault::PastConflictsTold) {
        return row;
    }
    let conflict = Conflict { sides: Vec::new(), shown: None, ..row.conflict };
    ConflictRow { conflict, base: None, decision: None, ..row }
}

/// Returns the row that says that a conflict waits, of the row that says what it is.
fn open_key(listed: &Key) -> Key {
    match listed.clone() {
        Key::Conflict { entity, id, conflict } => Key::OpenConflict { entity, id, conflict },
        other => other,
    }
}

/// Returns the row that says what a conflict is, of the row that says that it waits.
fn listed_key(open: &Key) -> Key {
    match open.clone() {
        Key::OpenConflict { entity, id, conflict } => Key::Conflict { entity, id, conflict },
        other => other,
    }
}
