//! What a person who decides conflicts works with: what each decision would show, several conflicts
//! at once, and those that are put aside.

use syncline_engine::conflicts::{ConflictRow, Status};
use syncline_engine::rows::Key;
use syncline_merge::display::Fields;
use syncline_model::id::EntityName;
use syncline_model::json::{Json, Object, parse};

use super::{ServeError, Served};
use crate::conflicts::{Choice, foreseen, is_alike, offered, skipped_key};
use crate::error::HubError;
use crate::limits::{CONFLICTS_AT_ONCE_MAX, CONFLICTS_LISTED_MAX};
use crate::request::Actor;

/// What a decision would show.
#[derive(Clone, Debug, PartialEq)]
pub struct Foreseen {
    /// The decision.
    pub choice: Choice,
    /// The record as it would be; `None` if it would be gone.
    pub record: Option<Fields>,
}

/// Which conflicts are decided at once.
#[derive(Clone, Debug, PartialEq)]
pub enum Together {
    /// These.
    These(Vec<String>),
    /// This one, and others that are alike: see [`Served::alike`].
    Like(String),
}

impl Served {
    /// Returns what a record would show after each decision that its conflict offers.
    ///
    /// - `at_ms`: the time by the wall clock.
    ///
    /// # Errors
    ///
    /// [`ServeError::Hub`] as [`Served::conflict`].
    pub fn offers(&self, id: &str, at_ms: u64) -> Result<(ConflictRow, Vec<Foreseen>), ServeError> {
        let row = self.conflict(id)?;
        let mut offers = Vec::new();
        for choice in offered(&row) {
            let record = self.foresee(&row, &choice, at_ms)?;
            offers.push(Foreseen { choice, record });
        }
        Ok((row, offers))
    }

    /// Returns what a record would show if its conflict were decided so; `None` if it would be gone.
    ///
    /// # Errors
    ///
    /// [`ServeError::Hub`] as [`Served::resolve`].
    pub fn foresee(
        &self,
        row: &ConflictRow,
        choice: &Choice,
        at_ms: u64,
    ) -> Result<Option<Fields>, ServeError> {
        let rules = self.entities().rules(&row.entity).cloned().unwrap_or_default();
        let key = Key::Record { entity: row.entity.clone(), id: row.id.clone() };
        let record = self.reader()?.get(&key)?;
        Ok(foreseen(row, choice, record.as_deref(), &rules, at_ms)?)
    }

    /// Returns open conflicts that are about the same as this one, itself among them: the same field
    /// of the same type of record, between the same writers. At most [`CONFLICTS_AT_ONCE_MAX`].
    ///
    /// # Errors
    ///
    /// [`ServeError::Hub`] as [`Served::conflict`].
    pub fn alike(&self, id: &str) -> Result<Vec<ConflictRow>, ServeError> {
        let row = self.conflict(id)?;
        let (mut alike, mut after) = (Vec::new(), None);
        loop {
            let page = self.open_conflicts(&row.entity, after.as_ref(), CONFLICTS_LISTED_MAX)?;
            alike.extend(page.conflicts.into_iter().filter(|other| is_alike(&row, other)));
            after = page.next;
            if alike.len() >= CONFLICTS_AT_ONCE_MAX || after.is_none() {
                alike.truncate(CONFLICTS_AT_ONCE_MAX);
                return Ok(alike);
            }
        }
    }

    /// Decides several conflicts alike: all of them or, where one cannot be decided so, none.
    ///
    /// # Errors
    ///
    /// [`ServeError::Hub`] as [`Served::resolve`], of the first that cannot be decided so.
    pub fn resolve_together(
        &self,
        together: &Together,
        choice: Choice,
        actor: Actor,
    ) -> Result<Vec<ConflictRow>, ServeError> {
        let rows = match together {
            Together::Like(id) => self.alike(id)?,
            Together::These(ids) => {
                let mut rows: Vec<ConflictRow> = Vec::new();
                for id in ids {
                    let row = self.conflict(id)?;
                    // Named twice, it is decided once.
                    if !rows.contains(&row) {
                        rows.push(row);
                    }
                }
                rows
            }
        };
        let entities = self.entities().clone();
        let rules = move |entity: &EntityName| entities.rules(entity).cloned();
        Ok(self.with_hub(move |hub| hub.resolve_all(rows, &choice, &actor, rules))??)
    }

    /// Puts an open conflict aside. It stays open; its list says who has done so, and when.
    ///
    /// # Errors
    ///
    /// [`ServeError::Hub`] as [`Served::conflict`], and if it is not open.
    pub fn skip(&self, id: &str, actor: Actor) -> Result<ConflictRow, ServeError> {
        let id = id.to_owned();
        Ok(self.with_hub(move |hub| hub.skip(&id, &actor))??)
    }

    /// Returns who has put each of these conflicts aside, and when; `None` for those that are not.
    ///
    /// # Errors
    ///
    /// [`ServeError::Hub`] if it cannot be read.
    pub fn skipped(&self, rows: &[ConflictRow]) -> Result<Vec<Option<Object>>, ServeError> {
        let key = |row: &ConflictRow| skipped_key(&row.conflict_id());
        let keys = rows.iter().map(key).collect::<Result<Vec<_>, _>>()?;
        let found = self.reader()?.get_many(&keys)?;
        let read = |(row, bytes): (&ConflictRow, Option<Vec<u8>>)| {
            let Some(bytes) = bytes.filter(|_| row.status == Status::Open) else { return Ok(None) };
            match parse(&bytes) {
                Ok(Json::Object(skipped)) => Ok(Some(skipped)),
                _ => Err(HubError::Row { table: "meta" }.into()),
            }
        };
        rows.iter().zip(found).map(read).collect()
    }
}
