//! What an event says, read from the log.

use syncline_engine::deliver::EventRef;
use syncline_engine::event::{data_of, trace_of};
use syncline_engine::log::{ChangeKind, LogEntry};
use syncline_engine::rows::Key;
use syncline_merge::codec::decode_record;
use syncline_merge::display::{Fields, to_object, visible};
use syncline_model::id::{Position, SiteId, Writer};
use syncline_model::json::{Json, Object};
use syncline_store::Read;

use super::super::{ServeError, Served};
use crate::error::HubError;
use crate::runs::decode_entry;

/// What an event says, beside what its [`EventRef`] says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// A JSON text: what the application said; or, of a change, the record. Of an update it is the record as
    /// it is by now, which is never older than the change: what came later is told again as newer.
    pub data: Box<str>,
    /// Who made it.
    pub origin: Writer,
    /// The hubs that it came through, this one last.
    pub hops: Vec<SiteId>,
    /// The trace that it belongs to, as the header of who emitted it said.
    pub trace: Option<Box<str>>,
}

/// Reads an entry of the log; `None` if it is forgotten.
pub(super) fn entry_at(
    rows: &dyn Read,
    position: Position,
) -> Result<Option<LogEntry>, ServeError> {
    let bytes = rows.get(&Key::Log(position))?;
    Ok(bytes.map(|bytes| decode_entry(&bytes)).transpose()?)
}

/// Returns what an event says; `None` if nothing of it is kept.
pub(super) fn content(
    rows: &dyn Read,
    served: &Served,
    event: &EventRef,
    entry: &LogEntry,
) -> Result<Option<Content>, ServeError> {
    let object = |fields: &Fields| Json::Object(to_object(fields));
    let data = match (entry.kind, &entry.before, &entry.after) {
        (ChangeKind::Event, ..) => data_of(entry),
        (_, None, Some(fields)) | (_, Some(fields), None) => Some(object(fields)),
        (_, Some(_), Some(changed)) => {
            let key = Key::Record { entity: event.entity.clone(), id: event.id.clone() };
            let damaged = |source| HubError::Damaged { table: "records", source };
            let record = rows.get(&key)?.map(|bytes| decode_record(&bytes)).transpose();
            let rules = served.entities().rules(&event.entity).cloned().unwrap_or_default();
            let now = record.map_err(damaged)?.and_then(|record| visible(&record, &rules, None));
            // One that is gone by now is told of by what changed, and then as deleted.
            Some(object(now.as_ref().unwrap_or(changed)))
        }
        (_, None, None) => Some(Json::Object(Object::new())),
    };
    let (origin, mut hops) = (entry.origin.clone(), entry.hops.clone());
    hops.extend(served.sites().first());
    let trace = trace_of(entry);
    Ok(data.map(|data| Content { data: data.to_compact_string().into(), origin, hops, trace }))
}
