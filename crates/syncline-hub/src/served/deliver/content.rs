//! What an event says, read from the log.

use std::collections::BTreeSet;

use syncline_engine::deliver::EventRef;
use syncline_engine::event::{data_of, trace_of, types_of_changes};
use syncline_engine::log::{ChangeKind, LogEntry};
use syncline_engine::rows::Key;
use syncline_merge::codec::decode_record;
use syncline_merge::display::{Fields, to_object, visible};
use syncline_merge::state::Record;
use syncline_model::clock::{Clock, Stamp};
use syncline_model::id::{Position, SiteId, Writer};
use syncline_model::json::{Json, Object};
use syncline_model::path::Path;
use syncline_store::Read;

use super::super::{ServeError, Served};
use crate::error::HubError;
use crate::runs::decode_entry;

/// Most entries of the log that one operation leaves between a change and the event that it came with: registers that had
/// grown to their bound.
const ENTRIES_OF_A_CHANGE_MAX: usize = 64;

/// What an event says, beside what its [`EventRef`] says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// A JSON text: what the application said; or, of a change, the record. Of an update it is the record as
    /// it is by now, which is never older than the change: what came later is told again as newer.
    pub data: Box<str>,
    /// Of a change of a record: a JSON object that says by path when each of the changed fields was edited; what is
    /// not in the data was removed. That of the record as a whole stands under the root.
    pub edited: Option<Box<str>>,
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
    let told = match entry.kind {
        ChangeKind::Event => match told_change(rows, event, entry)? {
            Some(change) => Some(of_change(rows, served, event, &change)?),
            None => data_of(entry).map(|data| (data, None)),
        },
        _ => Some(of_change(rows, served, event, entry)?),
    };
    let (origin, mut hops) = (entry.origin.clone(), entry.hops.clone());
    hops.extend(served.sites().first());
    let trace = trace_of(entry);
    Ok(told.map(|(data, edited)| {
        let (data, edited) = (data.to_compact_string().into(), edited.map(written));
        Content { data, edited, origin, hops, trace }
    }))
}

/// Returns the change that an application has emitted an event along with, if the event tells just that and nothing
/// beside it.
fn told_change(
    rows: &dyn Read,
    event: &EventRef,
    entry: &LogEntry,
) -> Result<Option<LogEntry>, ServeError> {
    let says_nothing =
        data_of(entry).is_some_and(|data| data.as_object().is_some_and(Object::is_empty));
    if !says_nothing || !types_of_changes(&event.entity).contains(&event.event_type) {
        return Ok(None);
    }
    let mut position = event.position;
    for _ in 0..ENTRIES_OF_A_CHANGE_MAX {
        let Some(before) = position.0.checked_sub(1).map(Position) else { break };
        position = before;
        match entry_at(rows, position)? {
            Some(change) if change.kind == ChangeKind::Told && change.stamp == entry.stamp => {
                return Ok(Some(change));
            }
            Some(other) if other.kind == ChangeKind::Cap => {}
            _ => break,
        }
    }
    Ok(None)
}

/// Returns what is told of a change: the record, and when what it changed was edited.
fn of_change(
    rows: &dyn Read,
    served: &Served,
    event: &EventRef,
    entry: &LogEntry,
) -> Result<(Json, Option<Edited>), ServeError> {
    let key = Key::Record { entity: event.entity.clone(), id: event.id.clone() };
    let damaged = |source| HubError::Damaged { table: "records", source };
    let record = rows.get(&key)?.map(|bytes| decode_record(&bytes)).transpose().map_err(damaged)?;
    let object = |fields: &Fields| Json::Object(to_object(fields));
    let data = match (&entry.before, &entry.after) {
        (None, Some(fields)) | (Some(fields), None) => object(fields),
        (Some(_), Some(changed)) => {
            let rules = served.entities().rules(&event.entity).cloned().unwrap_or_default();
            let now = record.as_ref().and_then(|record| visible(record, &rules, None));
            // One that is gone by now is told of by what changed, and then as deleted.
            object(now.as_ref().unwrap_or(changed))
        }
        (None, None) => Json::Object(Object::new()),
    };
    Ok((data, record.and_then(|record| edited(&record, entry))))
}

/// When what is told was edited, as the hub that it came from knows it: by path, that of the root for the record as
/// a whole.
type Edited = Vec<(Path, Clock)>;

/// Returns when what a change has changed was edited. What was changed again since is left out: that is told by itself.
fn edited(record: &Record, entry: &LogEntry) -> Option<Edited> {
    // What another hub brought in a state has the stamps of that one.
    if matches!(entry.kind, ChangeKind::Join | ChangeKind::Overwrite) {
        return None;
    }
    let (before, after) = match (&entry.before, &entry.after) {
        (_, None) => return Some(vec![(Path::root(), deleted(record, entry.stamp))]),
        (before, Some(after)) => (before.as_ref(), after),
    };
    let shown = before.into_iter().chain([after]).flatten().map(|(path, _)| path);
    // What one that was made anew no longer has is removed by that, though nobody saw it since it was deleted.
    let registers = record.body.registers.iter();
    let written = registers.filter(|(_, values)| values.get(&entry.stamp).is_some());
    let changed: BTreeSet<&Path> = shown.chain(written.map(|(path, _)| path)).collect();
    let when = |path: &Path| {
        let Some(register) = record.body.registers.get(path) else {
            return Some(entry.stamp.clock);
        };
        let (stamp, latest) =
            register.iter().max_by_key(|(stamp, value)| (value.edited, **stamp))?;
        (*stamp == entry.stamp).then_some(latest.edited)
    };
    let edited = changed.into_iter().filter_map(|path| Some((path.clone(), when(path)?)));
    let mut edited: Edited = edited.collect();
    if before.is_none() {
        let made = entry.stamp.clock;
        let is_same = edited.iter().all(|(_, clock)| *clock == edited[0].1);
        let is_of_then = edited.iter().all(|(_, clock)| clock.millis() == made.millis());
        match edited.len() == after.len() && is_same && is_of_then {
            // However many fields it has, it is named once.
            true => {
                edited = edited.pop().map(|(_, clock)| (Path::root(), clock)).into_iter().collect()
            }
            // Whatever was edited when, it is there again from now on.
            false => edited.push((Path::root(), made)),
        }
    }
    Some(edited)
}

/// Returns when a record was deleted by a change, which is after all that was written of it before.
pub(in super::super) fn deleted(record: &Record, by: Stamp) -> Clock {
    let all = record.body.registers.iter().flat_map(|(_, values)| values.iter());
    let before = all.filter(|(stamp, _)| **stamp < by).map(|(_, value)| value.edited).max();
    by.clock.max(Clock(before.unwrap_or_default().0.saturating_add(1)))
}

fn written(edited: Edited) -> Box<str> {
    let mut object = Object::new();
    for (path, clock) in edited {
        object.insert(path.as_str(), clock.to_string());
    }
    Json::Object(object).to_compact_string().into()
}
