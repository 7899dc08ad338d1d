//! Conflicts: looking at them and deciding them.

use std::ops::ControlFlow;
use std::sync::Arc;

use syncline_engine::conflicts::{ConflictRow, Status};
use syncline_engine::rows::{ConflictId, Key, Scan, Table};
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
use crate::limits::{CONFLICTS_LISTED_MAX, PAGE_RECORDS_MAX};
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
        let rows = self.reader()?;
        self.listed(sight, &*rows, after, limit, |after, limit| {
            let found = rows_of(&*rows, &Scan::Conflicts, after, limit)?;
            Ok(found.into_iter().map(|(_, row)| row).collect())
        })
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

    /// Counts the conflicts that wait for a person; of more than `most` it says one more.
    ///
    /// # Errors
    ///
    /// [`ServeError::Hub`] if they cannot be read.
    pub fn open_conflicts_counted(&self, most: usize) -> Result<usize, ServeError> {
        let mut counted = 0;
        let scan = Scan::Whole(Table::OpenConflicts);
        self.reader()?.scan(&scan, None, most.saturating_add(1), &mut |_, _| {
            counted += 1;
            ControlFlow::Continue(())
        })?;
        Ok(counted)
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
        let rows = self.reader()?;
        let scan = match entity.cloned() {
            Some(entity) => Scan::OpenConflicts { entity },
            None => Scan::Whole(Table::OpenConflicts),
        };
        self.listed(sight, &*rows, after, limit, |after, limit| {
            let mut keys = Vec::new();
            rows.scan(&scan, after.map(open_key).as_ref(), limit, &mut |key, _| {
                keys.push(listed_key(key));
                ControlFlow::Continue(())
            })?;
            let damaged = |_| HubError::Row { table: "conflicts" };
            let values = rows.get_many(&keys)?.into_iter().flatten();
            let found = values.map(|bytes| ConflictRow::decode(&bytes).map_err(damaged));
            Ok(found.collect::<Result<_, HubError>>()?)
        })
    }

    /// Returns those of some conflicts that are in sight. Whether there are more is said of those that are
    /// in sight, too: how many others lie between them is nothing that the list tells.
    ///
    /// - `read`: reads at most so many behind a row.
    fn listed(
        &self,
        sight: &Sight,
        rows: &dyn Read,
        after: Option<&Key>,
        limit: usize,
        read: impl Fn(Option<&Key>, usize) -> Result<Vec<ConflictRow>, ServeError>,
    ) -> Result<ConflictList, ServeError> {
        let limit = limit.clamp(1, CONFLICTS_LISTED_MAX);
        let (mut conflicts, mut behind, mut looked_at) = (Vec::new(), after.cloned(), 0);
        loop {
            // One more than is told: whether there is one.
            let found = read(behind.as_ref(), limit + 1)?;
            let is_last = found.len() <= limit;
            looked_at += found.len();
            behind = found.last().map(key_of).transpose()?.or(behind);
            conflicts.extend(self.in_sight(sight, rows, found)?);
            let is_full = conflicts.len() > limit;
            if is_full || is_last || looked_at >= PAGE_RECORDS_MAX {
                conflicts.truncate(limit);
                let last = conflicts.last().filter(|_| is_full).map(key_of).transpose()?;
                let next = last.or(behind.filter(|_| !is_last));
                return Ok(ConflictList { conflicts, next });
            }
        }
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

/// Returns where the row of a conflict lies.
fn key_of(row: &ConflictRow) -> Result<Key, HubError> {
    let conflict = ConflictId::new(&row.conflict_id());
    let conflict = conflict.map_err(|_| HubError::Row { table: "conflicts" })?;
    Ok(Key::Conflict { entity: row.entity.clone(), id: row.id.clone(), conflict })
}

/// Returns the row that says that a conflict waits, of the row that says what it is.
fn open_key(listed: &Key) -> Key {
    match listed.clone() {
        Key::Conflict { entity, id, conflict } => Key::OpenConflict { entity, id, conflict },
        other => other,
    }
}

/// Returns the row that says what a conflict is, of the row that says that it waits.
pub(super) fn listed_key(open: &Key) -> Key {
    match open.clone() {
        Key::OpenConflict { entity, id, conflict } => Key::Conflict { entity, id, conflict },
        other => other,
    }
}
