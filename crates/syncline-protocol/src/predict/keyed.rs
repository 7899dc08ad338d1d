//! Arrays whose members have keys.
//!
//! A client does not know under which name a member bears its key. It is judged by the members: a
//! name is good if every member has a text or a number under it, no two the same.

use std::collections::BTreeMap;

use syncline_merge::operation::FieldOperation;
use syncline_model::json::fields::{flatten_json, unflatten};
use syncline_model::json::{Json, Leaf, Object};
use syncline_model::path::Path;

use super::array::{elements, put_array};
use super::{Tree, write};

/// The name that members bear their key under if several are good.
const NAME_PREFERRED: &str = "id";

/// Writes into members and removes some; what is no array stays as it is.
///
/// Which member has which key is judged once, before anything is written.
pub(super) fn write_members(tree: &mut Tree, path: &Path, operations: &[FieldOperation]) {
    let known = tree.get(path);
    let Some(elements) = known.map_or_else(|| Some(Vec::new()), elements) else { return };
    let mut members = Members::new(elements);
    let mut is_written = false;
    for operation in operations {
        is_written |= match operation {
            FieldOperation::PutMember { key, create, fields, .. } => {
                members.put(key, *create, fields)
            }
            FieldOperation::RemoveMember { key, .. } => members.remove(key),
            _ => false,
        };
    }
    if is_written {
        put_array(tree, path, members.elements.iter().flatten());
    }
}

struct Members {
    /// `None` where one was removed.
    elements: Vec<Option<Leaf>>,
    /// By good name, the member of each key.
    by_name: BTreeMap<String, BTreeMap<Box<str>, usize>>,
    /// Members that were not there before.
    new: BTreeMap<Box<str>, usize>,
}

impl Members {
    fn new(elements: Vec<Leaf>) -> Self {
        let by_name = good_names(&elements);
        Self { elements: elements.into_iter().map(Some).collect(), by_name, new: BTreeMap::new() }
    }

    fn put(&mut self, key: &str, create: bool, fields: &[FieldOperation]) -> bool {
        let place = self.place(key);
        let held = place.and_then(|place| self.elements.get(place)).and_then(Option::as_ref);
        let Some(member) = written(held.filter(|_| !create), fields) else {
            return false;
        };
        match place.and_then(|place| self.elements.get_mut(place)) {
            Some(slot) => *slot = Some(member),
            None => {
                self.new.insert(key.into(), self.elements.len());
                self.elements.push(Some(member));
            }
        }
        true
    }

    fn remove(&mut self, key: &str) -> bool {
        let slot = self.place(key).and_then(|place| self.elements.get_mut(place));
        slot.is_some_and(|slot| slot.take().is_some())
    }

    /// Returns which member has a key: by the name that is preferred, else the first under which
    /// it is found.
    fn place(&self, key: &str) -> Option<usize> {
        let preferred = self.by_name.get(NAME_PREFERRED);
        let mut names = preferred.into_iter().chain(self.by_name.values());
        names.find_map(|places| places.get(key)).or_else(|| self.new.get(key)).copied()
    }
}

/// Returns the names under which every member has a text or a number, no two the same, and where
/// each of these stands.
fn good_names(elements: &[Leaf]) -> BTreeMap<String, BTreeMap<Box<str>, usize>> {
    let mut names: BTreeMap<String, BTreeMap<Box<str>, usize>> = BTreeMap::new();
    for (place, element) in elements.iter().enumerate() {
        let Json::Object(member) = element.to_json() else {
            return BTreeMap::new();
        };
        let keys = member.iter().filter_map(|(name, value)| Some((name, key_text(value)?)));
        for (name, key) in keys {
            // One that misses a member or has two of one key is never as long as the array.
            names.entry(name.to_owned()).or_default().entry(key).or_insert(place);
        }
    }
    names.retain(|_, places| places.len() == elements.len());
    names
}

/// Returns what a value says as a key.
fn key_text(value: &Json) -> Option<Box<str>> {
    match value {
        Json::String(text) => Some(text.as_str().into()),
        Json::Number(number) => Some(number.canonical().into()),
        _ => None,
    }
}

/// Returns a member after it was written into as a record is, `None` if it cannot hold that.
fn written(held: Option<&Leaf>, fields: &[FieldOperation]) -> Option<Leaf> {
    let held = match held.map(Leaf::to_json) {
        None => Object::new(),
        Some(Json::Object(member)) => member,
        Some(_) => return None,
    };
    let mut tree: Tree = flatten_json(&held).ok()?.into_iter().collect();
    write(&mut tree, fields);
    let member = unflatten(tree.iter()).ok()?;
    Leaf::from_json(&member.into()).ok()
}
