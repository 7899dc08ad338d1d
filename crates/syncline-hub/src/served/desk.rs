//! What a person who decides conflicts works with: what each decision would show, several conflicts
//! at once, and those that are put aside; as far as that person may see and write.

use std::sync::Arc;

use syncline_engine::conflicts::{ConflictRow, Status};
use syncline_engine::rows::Key;
use syncline_merge::codec::decode_record;
use syncline_merge::display::Fields;
use syncline_model::id::EntityName;
use syncline_model::json::{Json, Object, parse};
use syncline_policy::view::{Lens, Sight};

use super::read::lens_of;
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
    /// Returns what a record would show after each decision that its conflict offers to somebody: those
    /// that this one may not take are left out.
    ///
    /// - `at_ms`: the time by the wall clock.
    ///
    /// # Errors
    ///
    /// [`ServeError::Hub`] as [`Served::conflict_for`].
    pub fn offers(
        &self,
        sight: &Sight,
        id: &str,
        at_ms: u64,
    ) -> Result<(ConflictRow, Vec<Foreseen>), ServeError> {
        let row = self.conflict_for(sight, id)?;
        let mut offers = Vec::new();
        for choice in offered(&row) {
            match self.foresee(sight, &row, &choice, at_ms) {
                Ok(record) => offers.push(Foreseen { choice, record }),
                Err(ServeError::Hub(error)) if matches!(*error, HubError::Denied(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok((row, offers))
    }

    /// Returns what a record would show if its conflict were decided so, of the fields that are in sight
    /// now; `None` if it would be gone.
    ///
    /// # Errors
    ///
    /// [`ServeError::Hub`] as [`Served::resolve_for`].
    pub fn foresee(
        &self,
        sight: &Sight,
        row: &ConflictRow,
        choice: &Choice,
        at_ms: u64,
    ) -> Result<Option<Fields>, ServeError> {
        let rules = self.entities().rules(&row.entity).cloned().unwrap_or_default();
        let key = Key::Record { entity: row.entity.clone(), id: row.id.clone() };
        let bytes = self.reader()?.get(&key)?;
        let foreseen = foreseen(row, choice, bytes.as_deref(), &rules, sight, at_ms)?;
        if sight.is_everything() {
            return Ok(foreseen);
        }
        let record = bytes.as_deref().and_then(|bytes| decode_record(bytes).ok());
        let lens = record.as_ref().and_then(|now| lens_of(sight, &row.entity, now, &rules));
        let gone = || HubError::ConflictNotFound { id: row.conflict_id() };
        let lens: Lens<'_> = lens.ok_or_else(gone)?;
        Ok(foreseen.map(|fields| lens.shown(&fields)))
    }

    /// Returns open conflicts that are about the same as this one, itself among them: the same field
    /// of the same type of record, between the same writers. At most [`CONFLICTS_AT_ONCE_MAX`].
    ///
    /// # Errors
    ///
    /// [`ServeError::Hub`] as [`Served::conflict_for`].
    pub fn alike(&self, sight: &Sight, id: &str) -> Result<Vec<ConflictRow>, ServeError> {
        let row = self.conflict_for(sight, id)?;
        let (mut alike, mut after) = (Vec::new(), None);
        loop {
            let (entity, limit) = (&row.entity, CONFLICTS_LISTED_MAX);
            let page = self.open_conflicts_for(sight, Some(entity), after.as_ref(), limit)?;
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
    /// [`ServeError::Hub`] as [`Served::resolve_for`], of the first that cannot be decided so.
    pub fn resolve_together(
        &self,
        sight: &Arc<Sight>,
        together: &Together,
        choice: Choice,
        actor: Actor,
    ) -> Result<Vec<ConflictRow>, ServeError> {
        let rows = match together {
            Together::Like(id) => self.alike(sight, id)?,
            Together::These(ids) => {
                let mut rows: Vec<ConflictRow> = Vec::new();
                for id in ids {
                    let row = self.conflict_for(sight, id)?;
                    // Named twice, it is decided once.
                    if !rows.contains(&row) {
                        rows.push(row);
                    }
                }
                rows
            }
        };
        let (sight, entities) = (Arc::clone(sight), self.entities().clone());
        let rules = move |entity: &EntityName| entities.rules(entity).cloned();
        Ok(self.with_hub(move |hub| hub.resolve_all(rows, &choice, &actor, &sight, rules))??)
    }

    /// Puts an open conflict aside. It stays open; its list says who has done so, and when.
    ///
    /// # Errors
    ///
    /// [`ServeError::Hub`] as [`Served::conflict_for`], and if it is not open.
    pub fn skip(&self, sight: &Sight, id: &str, actor: Actor) -> Result<ConflictRow, ServeError> {
        // By its whole id: others that are not in sight may begin alike.
        let id = self.conflict_for(sight, id)?.conflict_id();
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
