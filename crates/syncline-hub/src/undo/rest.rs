//! What an undo has left of a run, since a policy kept it: it can be undone another time.

use std::collections::BTreeSet;

use syncline_model::id::{EntityName, RecordId};
use syncline_model::json::{Json, Object};

use super::happened::RecordKey;
use crate::error::HubError;

/// In the report of a run that was undone: the ids of the records that a policy kept, by entity.
pub(super) const UNDO_LEFT: &str = "undoLeft";

/// Returns what undos have left of a run; nothing if that is nothing.
///
/// # Errors
///
/// [`HubError::Row`] if it is no list of records.
pub(super) fn rest_of(run: &Object) -> Result<Option<BTreeSet<RecordKey>>, HubError> {
    let damaged = || HubError::Row { table: "runs" };
    let Some(left) = run.get(UNDO_LEFT) else { return Ok(None) };
    let Json::Object(entities) = left else { return Err(damaged()) };
    let mut rest = BTreeSet::new();
    for (entity, ids) in entities.iter() {
        let entity = EntityName::new(entity).map_err(|_| damaged())?;
        for id in ids.as_array().ok_or_else(damaged)? {
            let id = id.as_str().and_then(|id| RecordId::new(id).ok()).ok_or_else(damaged)?;
            rest.insert((entity.clone(), id));
        }
    }
    Ok(Some(rest))
}

/// Returns what an undo leaves as [`rest_of`] reads it.
pub(super) fn rest_to_json(rest: &BTreeSet<RecordKey>) -> Object {
    let mut left = Object::new();
    let mut of_entity: Vec<Json> = Vec::new();
    let mut records = rest.iter().peekable();
    while let Some((entity, id)) = records.next() {
        of_entity.push(Json::from(id.as_str()));
        if records.peek().is_none_or(|(next, _)| next != entity) {
            left.insert(entity.as_str(), Json::Array(std::mem::take(&mut of_entity)));
        }
    }
    left
}
