//! Events: what an application tells of a record, and what a change tells by itself.
//!
//! An event is an entry of the log. One that an application emits stands there with what it says, in the
//! same transaction as the change it speaks of, if it speaks of one; it changes no record. A change
//! of a record is an event by itself: `<entity>.created`, `.updated` or `.deleted`. Emitted along with
//! an event of just that type it is none: nobody is told twice of one thing.

use syncline_merge::display::{Fields, to_object};
use syncline_model::id::{EntityName, EventId, EventType, OperationId, Position};
use syncline_model::json::fields::flatten_json;
use syncline_model::json::{Json, JsonError, Object};

use crate::log::{ChangeKind, LogEntry};

/// Members of the image of an event in the log.
const TYPE: &str = "type";
const ID: &str = "id";
const DATA: &str = "data";
/// Only there where who emits it has said it.
const TRACE: &str = "trace";

/// Returns the id of an event that came as an operation: sent again, it is the same.
pub fn id_of_operation(operation: &OperationId) -> EventId {
    let mut hasher = blake3::Hasher::new();
    hasher.update(operation.client.as_str().as_bytes());
    hasher.update(&operation.counter.to_be_bytes());
    let digest = hasher.finalize().to_hex();
    made(&format!("evt_{}", digest.get(..32).unwrap_or_default()))
}

/// Returns the id of the event that a change is. A place in the log is filled again by another change
/// where a hub is restored; that one is of another site.
fn id_of_change(position: Position, entry: &LogEntry) -> EventId {
    let (clock, site) = (entry.stamp.clock.0, entry.stamp.site.0);
    made(&format!("chg_{site:016x}_{clock:x}_{}", position.0))
}

fn made(text: &str) -> EventId {
    EventId::new(text).expect("invariant: letters, digits and `_`, and few of them")
}

/// An event that an application emits.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Its id.
    pub id: EventId,
    /// What kind of event.
    pub kind: EventType,
    /// What it says, as fields of the log.
    image: Fields,
}

impl Event {
    /// Makes an event.
    ///
    /// # Errors
    ///
    /// [`JsonError`] if the data has names that make a path too long.
    pub fn new(id: EventId, kind: EventType, data: Json) -> Result<Self, JsonError> {
        let mut object = Object::new();
        object.insert(TYPE, kind.as_str());
        object.insert(ID, id.as_str());
        object.insert(DATA, data);
        Ok(Self { id, kind, image: flatten_json(&object)? })
    }

    /// Keeps with it which trace it belongs to. That is no part of what it says: sent again with another one, the event
    /// is the same.
    #[must_use]
    pub fn with_trace(mut self, trace: &str) -> Self {
        let mut object = Object::new();
        object.insert(TRACE, trace);
        // One short name is no path that is too long.
        self.image.extend(flatten_json(&object).unwrap_or_default());
        self.image.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        self
    }

    /// Returns what it says.
    pub fn data(&self) -> Option<Json> {
        to_object(&self.image).remove(DATA)
    }

    /// Returns how long it is in the log, in bytes, about.
    pub fn bytes(&self) -> usize {
        self.image.iter().map(|(path, leaf)| path.as_str().len() + leaf.as_str().len()).sum()
    }

    /// Returns what tells it from others of the same id: a digest of all that it says.
    pub(crate) fn digest(&self) -> [u8; 16] {
        let trace = path_of(TRACE);
        let said = self.image.iter().filter(|(path, _)| path.as_str() != trace);
        let digest = crate::log::digest(&said.cloned().collect());
        let (head, _) = digest.as_bytes().split_first_chunk().expect("invariant: it has 32 bytes");
        *head
    }

    /// Returns what the log says of it.
    pub(crate) const fn image(&self) -> &Fields {
        &self.image
    }
}

/// What is told of an entry of the log that is an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventHead {
    /// The event's id.
    pub id: EventId,
    /// What kind of event.
    pub kind: EventType,
}

fn path_of(member: &str) -> String {
    format!("/{member}")
}

/// Returns a member of what an application has emitted, if it is a text.
fn text_of(entry: &LogEntry, member: &str) -> Option<String> {
    let path = path_of(member);
    let (_, leaf) = entry.after.as_ref()?.iter().find(|(found, _)| found.as_str() == path)?;
    match leaf.to_json() {
        Json::String(text) => Some(text),
        _ => None,
    }
}

/// How a change of a record is called, behind the name of its entity.
const CREATED: &str = "created";
const UPDATED: &str = "updated";
const DELETED: &str = "deleted";

/// Returns the event that an entry of the log is; `None` if it is none: it tells of a domain, or another
/// entry tells of it.
pub fn head_of(position: Position, entry: &LogEntry) -> Option<EventHead> {
    if entry.kind == ChangeKind::Event {
        let id = EventId::new(&text_of(entry, ID)?).ok()?;
        return Some(EventHead { id, kind: EventType::new(&text_of(entry, TYPE)?).ok()? });
    }
    if !entry.kind.changes_a_record() || entry.kind == ChangeKind::Told {
        return None;
    }
    let kind = type_of_change(&entry.entity, (entry.before.is_some(), entry.after.is_some()))?;
    Some(EventHead { id: id_of_change(position, entry), kind })
}

/// Returns the types of the events that changes of an entity are: made, changed and deleted.
pub fn types_of_changes(entity: &EntityName) -> [EventType; 3] {
    [CREATED, UPDATED, DELETED].map(|how| type_of(entity, how))
}

/// Returns the type of a change, by whether the record was there and whether it is; `None` if it never was.
pub(crate) fn type_of_change(entity: &EntityName, was_and_is: (bool, bool)) -> Option<EventType> {
    let how = match was_and_is {
        (false, false) => return None,
        (false, true) => CREATED,
        (true, true) => UPDATED,
        (true, false) => DELETED,
    };
    Some(type_of(entity, how))
}

/// Returns what becomes of a name and a word. What no type may hold becomes `_`; a name has fewer bytes than a type.
fn type_of(entity: &EntityName, how: &str) -> EventType {
    let allowed = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    let entity: String = entity.as_str().chars().map(allowed).collect();
    EventType::new(&format!("{entity}.{how}")).expect("invariant: two words, and short ones")
}

/// Returns what an event says that an application has emitted; `None` if the entry is no such event.
pub fn data_of(entry: &LogEntry) -> Option<Json> {
    if entry.kind != ChangeKind::Event {
        return None;
    }
    to_object(entry.after.as_ref()?).remove(DATA)
}

/// Returns which trace an event belongs to that an application has emitted, if it has said that.
pub fn trace_of(entry: &LogEntry) -> Option<Box<str>> {
    let is_emitted = entry.kind == ChangeKind::Event;
    is_emitted.then(|| text_of(entry, TRACE))?.map(Into::into)
}
