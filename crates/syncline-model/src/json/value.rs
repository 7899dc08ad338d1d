//! A JSON document as a tree.

use super::number::Number;
use crate::path::Path;

/// One JSON value.
///
/// Equality is that of content: the order of an object's members does not count, numbers are
/// compared by value, the order of an array's elements does count.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Json {
    /// `null`.
    #[default]
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, with its digits as written.
    Number(Number),
    /// A string.
    String(String),
    /// An array.
    Array(Vec<Json>),
    /// An object.
    Object(Object),
}

impl Json {
    /// Returns the object, if it is one.
    pub const fn as_object(&self) -> Option<&Object> {
        match self {
            Self::Object(object) => Some(object),
            _ => None,
        }
    }

    /// Returns the elements, if it is an array.
    pub fn as_array(&self) -> Option<&[Self]> {
        match self {
            Self::Array(elements) => Some(elements),
            _ => None,
        }
    }

    /// Returns the text, if it is a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the number, if it is one.
    pub const fn as_number(&self) -> Option<&Number> {
        match self {
            Self::Number(number) => Some(number),
            _ => None,
        }
    }

    /// Returns the truth value, if it is one.
    pub const fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// Tells whether it is `null`.
    pub const fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Returns the value at `path`, itself at the root. Arrays are never descended into.
    pub fn at(&self, path: &Path) -> Option<&Self> {
        path.segments().try_fold(self, |value, key| value.as_object()?.get(&key))
    }
}

impl From<bool> for Json {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i32> for Json {
    fn from(value: i32) -> Self {
        Self::Number(i64::from(value).into())
    }
}

impl From<i64> for Json {
    fn from(value: i64) -> Self {
        Self::Number(value.into())
    }
}

impl From<u64> for Json {
    fn from(value: u64) -> Self {
        Self::Number(value.into())
    }
}

impl From<Number> for Json {
    fn from(value: Number) -> Self {
        Self::Number(value)
    }
}

impl From<&str> for Json {
    fn from(value: &str) -> Self {
        Self::String(value.to_owned())
    }
}

impl From<String> for Json {
    fn from(value: String) -> Self {
        Self::String(value)
    }
}

impl From<Vec<Self>> for Json {
    fn from(value: Vec<Self>) -> Self {
        Self::Array(value)
    }
}

impl From<Object> for Json {
    fn from(value: Object) -> Self {
        Self::Object(value)
    }
}

/// Objects with at most this many members are searched from end to end.
const LINEAR_MEMBERS_MAX: usize = 16;

/// The members of an object: unique keys, in the order in which they were inserted.
///
/// Looking up a key takes log n steps. Equality ignores the order.
#[derive(Clone, Debug, Default)]
pub struct Object {
    members: Vec<(Box<str>, Json)>,
    /// The members' indexes, sorted by key; empty while the object is small.
    by_key: Vec<usize>,
}

impl Object {
    /// Returns an object without members.
    pub const fn new() -> Self {
        Self { members: Vec::new(), by_key: Vec::new() }
    }

    /// Returns the number of members.
    pub const fn len(&self) -> usize {
        self.members.len()
    }

    /// Tells whether there are no members.
    pub const fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Returns the value of a key.
    pub fn get(&self, key: &str) -> Option<&Json> {
        let index = self.index_of(key).ok()?;
        self.members.get(index).map(|(_, value)| value)
    }

    /// Returns the value of a key, to be changed in place.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Json> {
        let index = self.index_of(key).ok()?;
        self.members.get_mut(index).map(|(_, value)| value)
    }

    /// Tells whether the key is there.
    pub fn contains_key(&self, key: &str) -> bool {
        self.index_of(key).is_ok()
    }

    /// Sets the value of a key and returns the one before, if there was one.
    ///
    /// A new key goes to the end, a known one keeps its place.
    pub fn insert(&mut self, key: impl Into<Box<str>>, value: impl Into<Json>) -> Option<Json> {
        let key = key.into();
        let value = value.into();
        match self.index_of(&key) {
            Ok(index) => {
                let (_, known) = self.members.get_mut(index)?;
                Some(std::mem::replace(known, value))
            }
            Err(slot) => {
                self.members.push((key, value));
                if self.by_key.is_empty() {
                    self.index_when_large();
                } else {
                    self.by_key.insert(slot, self.members.len() - 1);
                }
                None
            }
        }
    }

    /// Removes a key and returns its value; the others keep their order. Takes n steps.
    pub fn remove(&mut self, key: &str) -> Option<Json> {
        let removed = self.index_of(key).ok()?;
        let (_, value) = self.members.remove(removed);
        self.by_key.retain(|&index| index != removed);
        for index in self.by_key.iter_mut().filter(|index| **index > removed) {
            *index -= 1;
        }
        Some(value)
    }

    /// Returns the members in their order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Json)> + DoubleEndedIterator {
        self.members.iter().map(|(key, value)| (key.as_ref(), value))
    }

    /// Returns the keys in their order.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &str> + DoubleEndedIterator {
        self.iter().map(|(key, _)| key)
    }

    /// Returns the same content with the members that `template` has too first, in its order, and
    /// the others after them in their own; objects inside objects alike.
    #[must_use]
    pub fn ordered_like(&self, template: &Self) -> Self {
        let mut ordered = Self::new();
        for (key, example) in template.iter() {
            match (self.get(key), example) {
                (Some(Json::Object(value)), Json::Object(example)) => {
                    ordered.insert(key, value.ordered_like(example));
                }
                (Some(value), _) => {
                    ordered.insert(key, value.clone());
                }
                (None, _) => {}
            }
        }
        for (key, value) in self.iter().filter(|(key, _)| !template.contains_key(key)) {
            ordered.insert(key, value.clone());
        }
        ordered
    }

    /// Returns the object at `key`, after putting an empty one there if there is none.
    pub(super) fn object_at(&mut self, key: &str) -> &mut Self {
        if !matches!(self.get(key), Some(Json::Object(_))) {
            self.insert(key, Self::new());
        }
        match self.get_mut(key) {
            Some(Json::Object(object)) => object,
            _ => unreachable!("invariant: an object was put there"),
        }
    }

    /// Returns where the key's member is, else where its index belongs among the sorted ones.
    fn index_of(&self, key: &str) -> Result<usize, usize> {
        if self.by_key.is_empty() {
            let found = self.members.iter().position(|(known, _)| **known == *key);
            return found.ok_or(0);
        }
        let key_at = |index: usize| self.members.get(index).map(|(known, _)| known.as_ref());
        let slot = self.by_key.binary_search_by(|&index| key_at(index).cmp(&Some(key)))?;
        self.by_key.get(slot).copied().ok_or(slot)
    }

    fn index_when_large(&mut self) {
        if self.members.len() <= LINEAR_MEMBERS_MAX {
            return;
        }
        let mut sorted: Vec<(&str, usize)> =
            self.members.iter().enumerate().map(|(at, (key, _))| (key.as_ref(), at)).collect();
        sorted.sort_unstable();
        self.by_key = sorted.into_iter().map(|(_, at)| at).collect();
    }
}

impl PartialEq for Object {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len()
            && self.iter().all(|(key, value)| other.get(key).is_some_and(|same| same == value))
    }
}

impl Eq for Object {}

impl<K: Into<Box<str>>, V: Into<Json>> FromIterator<(K, V)> for Object {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(members: I) -> Self {
        let mut object = Self::new();
        object.extend(members);
        object
    }
}

impl<K: Into<Box<str>>, V: Into<Json>> Extend<(K, V)> for Object {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, members: I) {
        for (key, value) in members {
            self.insert(key, value);
        }
    }
}

/// The members of a taken-apart object, in their order.
pub type IntoMembers =
    std::iter::Map<std::vec::IntoIter<(Box<str>, Json)>, fn((Box<str>, Json)) -> (String, Json)>;

impl IntoIterator for Object {
    type Item = (String, Json);
    type IntoIter = IntoMembers;

    fn into_iter(self) -> IntoMembers {
        self.members.into_iter().map(|(key, value)| (key.into_string(), value))
    }
}
