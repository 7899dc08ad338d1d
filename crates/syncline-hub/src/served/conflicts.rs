//! Conflicts: looking at them and deciding them.

use syncline_engine::conflicts::ConflictRow;
use syncline_engine::rows::Key;
use syncline_model::id::EntityName;

use super::{ServeError, Served};
use crate::conflicts::Choice;
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
    /// Returns conflicts, by entity, record and id.
    ///
    /// - `entity`: only of this one, and only those that wait for a person; `None` returns all,
    ///   whatever became of them.
    /// - `after`: the row behind which to begin.
    ///
    /// # Errors
    ///
    /// [`ServeError::Hub`] if they cannot be read.
    pub fn conflicts(
        &self,
        _entity: Option<&EntityName>,
        _after: Option<&Key>,
        _limit: usize,
    ) -> Result<ConflictList, ServeError> {
        Err(ServeError::Busy)
    }

    /// Returns the conflict with an id, or with an id that begins so and is the only one.
    ///
    /// # Errors
    ///
    /// [`ServeError::Hub`] as [`Hub::conflict`](crate::Hub::conflict).
    pub fn conflict(&self, _id: &str) -> Result<ConflictRow, ServeError> {
        Err(ServeError::Busy)
    }

    /// Decides a conflict.
    ///
    /// # Errors
    ///
    /// [`ServeError::Hub`] as [`Hub::resolve`](crate::Hub::resolve).
    pub fn resolve(
        &self,
        _id: &str,
        _choice: Choice,
        _actor: Actor,
    ) -> Result<ConflictRow, ServeError> {
        Err(ServeError::Busy)
    }
}
