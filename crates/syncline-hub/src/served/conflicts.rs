//! Conflicts: looking at them and deciding them.

use syncline_engine::conflicts::ConflictRow;
use syncline_engine::rows::{Key, Scan};
use syncline_model::id::EntityName;

use super::read::rows_of;
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
        let limit = limit.clamp(1, CONFLICTS_LISTED_MAX);
        let rows = self.reader()?;
        let found = rows_of(&*rows, &Scan::Conflicts, after, limit)?;
        let next = found.last().filter(|_| found.len() == limit).map(|(key, _)| key.clone());
        Ok(ConflictList { conflicts: found.into_iter().map(|(_, row)| row).collect(), next })
    }

    /// Returns the conflicts of an entity that wait for a person, by record and id; as
    /// [`Served::conflicts`].
    ///
    /// # Errors
    ///
    /// As [`Served::conflicts`].
    pub fn open_conflicts(
        &self,
        entity: &EntityName,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<ConflictList, ServeError> {
        let limit = limit.clamp(1, CONFLICTS_LISTED_MAX);
        let rows = self.reader()?;
        let scan = Scan::OpenConflicts { entity: entity.clone() };
        let mut keys = Vec::new();
        rows.scan(&scan, after.map(open_key).as_ref(), limit, &mut |key, _| {
            keys.push(listed_key(key));
            std::ops::ControlFlow::Continue(())
        })?;
        let next = keys.last().filter(|_| keys.len() == limit).cloned();
        let damaged = |_| HubError::Row { table: "conflicts" };
        let values = rows.get_many(&keys)?.into_iter().flatten();
        let conflicts = values.map(|bytes| ConflictRow::decode(&bytes).map_err(damaged));
        Ok(ConflictList { conflicts: conflicts.collect::<Result<_, _>>()?, next })
    }

    /// Returns the conflict with an id, or with an id that begins so and is the only one.
    ///
    /// # Errors
    ///
    /// [`ServeError::Hub`] as [`Hub::conflict`](crate::Hub::conflict).
    pub fn conflict(&self, id: &str) -> Result<ConflictRow, ServeError> {
        let rows = self.reader()?;
        let listed = || {
            let found = rows_of(&*rows, &Scan::Conflicts, None, usize::MAX)?;
            Ok::<_, ServeError>(found.into_iter().map(|(_, row)| row).collect())
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
        let (id, entities) = (id.to_owned(), self.entities().clone());
        let rules = move |entity: &EntityName| entities.rules(entity).cloned();
        Ok(self.with_hub(move |hub| hub.resolve_by(&id, &choice, &actor, rules))??)
    }
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
