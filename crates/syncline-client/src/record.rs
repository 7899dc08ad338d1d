//! A record as an app sees it.

use syncline_merge::display::Fields;
use syncline_model::id::{EntityName, RecordId};
use syncline_model::json::fields::unflatten;
use syncline_model::json::{Json, Leaf, Number, Object};
use syncline_model::path::Path;
use syncline_protocol::change::OpenConflict;

use crate::store::{Kept, Key};
use crate::view::value_of;

/// A record as it is shown: what the hub has confirmed, with the edits that wait.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    entity: EntityName,
    id: RecordId,
    fields: Fields,
    is_pending: bool,
    conflicts: Vec<OpenConflict>,
}

impl Record {
    /// Returns the record that is shown of what is kept; `None` if it is not there.
    pub(crate) fn of(key: &Key, kept: &Kept) -> Option<Self> {
        Self::shown(key, kept, kept.shown())
    }

    /// As [`of`](Self::of), where it is known what is shown.
    pub(crate) fn shown(key: &Key, kept: &Kept, fields: Option<Fields>) -> Option<Self> {
        let fields = fields?;
        let is_pending = kept.queued.iter().any(|queued| queued.refusal.is_none());
        let confirmed = kept.confirmed.as_ref();
        let conflicts = confirmed.map(|confirmed| confirmed.conflicts.clone());
        let conflicts = conflicts.unwrap_or_default();
        let (entity, id) = key.clone();
        Some(Self { entity, id, fields, is_pending, conflicts })
    }

    /// Returns the type of record.
    pub const fn entity(&self) -> &EntityName {
        &self.entity
    }

    /// Returns the id of the record.
    pub const fn id(&self) -> &RecordId {
        &self.id
    }

    /// Returns whether edits of it wait for the hub.
    pub const fn is_pending(&self) -> bool {
        self.is_pending
    }

    /// Returns the conflicts of the record that wait for a person.
    pub fn conflicts(&self) -> &[OpenConflict] {
        &self.conflicts
    }

    /// Returns the fields, sorted by path.
    pub const fn fields(&self) -> &Fields {
        &self.fields
    }

    /// Returns the value at a path; nothing if there is none.
    pub fn get(&self, path: &str) -> Option<Json> {
        value_at(&self.fields, path)
    }

    /// Returns the text at a path, if there is one.
    pub fn text(&self, path: &str) -> Option<String> {
        self.leaf(path)?.as_string().map(String::from)
    }

    /// Returns the number at a path, if there is one.
    pub fn number(&self, path: &str) -> Option<Number> {
        self.leaf(path)?.as_number()
    }

    /// Returns the truth value at a path, if there is one.
    pub fn bool(&self, path: &str) -> Option<bool> {
        self.leaf(path)?.as_bool()
    }

    /// Returns the whole record.
    pub fn to_json(&self) -> Json {
        let fields = self.fields.iter().map(|(path, leaf)| (path, leaf));
        Json::from(unflatten(fields).unwrap_or_else(|_| Object::new()))
    }

    pub(crate) fn leaf(&self, path: &str) -> Option<&Leaf> {
        value_of(&self.fields, &Path::parse_field(path).ok()?)
    }
}

/// Returns the value at a path: a leaf, or the object of what is below.
pub(crate) fn value_at(fields: &Fields, path: &str) -> Option<Json> {
    let path = Path::parse_field(path).ok()?;
    if let Some(leaf) = value_of(fields, &path) {
        return Some(leaf.to_json());
    }
    let inside = fields.iter().filter_map(|(known, leaf)| Some((known.strip_prefix(&path)?, leaf)));
    let inside: Vec<(Path, &Leaf)> = inside.collect();
    if inside.is_empty() {
        return None;
    }
    unflatten(inside.iter().map(|(path, leaf)| (path, *leaf))).ok().map(Json::from)
}
