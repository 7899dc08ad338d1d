//! Names and their indexes.

use std::collections::BTreeMap;

use smol_str::SmolStr;
use syncline_model::id::EntityName;
use syncline_model::path::Path;

use crate::compact::row::Row;
use crate::error::MessageError;
use crate::limits::{NAME_INDEXED_BYTES_MAX, NAMES_MAX};
use crate::part::{Part, at_most};
use crate::text::JsonText;

/// Names that were given an index. It only grows, and may serve many connections.
#[derive(Clone, Debug, Default)]
pub struct Names {
    by_name: BTreeMap<SmolStr, u32>,
}

impl Names {
    /// Returns a table without names.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns how many names have an index.
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    /// Returns whether no name has an index.
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// Returns the index of a name, a new one if there is room for it.
    fn index(&mut self, name: &str) -> Option<(u32, SmolStr)> {
        if let Some((name, index)) = self.by_name.get_key_value(name) {
            return Some((*index, name.clone()));
        }
        let index = u32::try_from(self.by_name.len()).ok()?;
        if self.by_name.len() >= NAMES_MAX || name.len() > NAME_INDEXED_BYTES_MAX {
            return None;
        }
        let name = SmolStr::from(name);
        self.by_name.insert(name.clone(), index);
        Some((index, name))
    }
}

/// Text under way in which names stand by their indexes.
pub(super) struct NamedText<'n> {
    pub(super) text: JsonText,
    names: &'n mut Names,
    used: UsedNames,
}

/// Names that a text uses, by index.
pub(super) type UsedNames = BTreeMap<u32, SmolStr>;

impl<'n> NamedText<'n> {
    pub(super) fn new(names: &'n mut Names) -> Self {
        Self { text: JsonText::default(), names, used: UsedNames::new() }
    }

    pub(super) fn name(&mut self, name: &str) -> &mut Self {
        match self.names.index(name) {
            Some((index, name)) => {
                self.text.raw(index);
                self.used.insert(index, name);
            }
            None => {
                self.text.string(name);
            }
        }
        self
    }

    pub(super) fn finish(self) -> (String, UsedNames) {
        (self.text.into_string(), self.used)
    }
}

/// Which names the other side of a connection was told.
#[derive(Clone, Debug, Default)]
pub(super) struct Told {
    /// One bit for each index.
    words: Vec<u64>,
}

impl Told {
    /// Returns the message that tells those of the names that were not told, if there are any, and
    /// takes note of that.
    pub(super) fn introduce(&mut self, used: &UsedNames) -> Option<String> {
        let mut text = JsonText::default();
        let mut next = None;
        for (&index, name) in used {
            if !self.insert(index) {
                continue;
            }
            match next {
                None => {
                    text.open('[').string("n").raw(index).open('[');
                }
                Some(next) if next != index => {
                    text.close(']').raw(index).open('[');
                }
                Some(_) => {}
            }
            text.string(name);
            next = Some(index + 1);
        }
        next.map(|_| {
            text.close(']').close(']');
            text.into_string()
        })
    }

    /// Takes note of an index; answers whether it was not there.
    fn insert(&mut self, index: u32) -> bool {
        let (word, bit) = (index as usize / 64, 1 << (index % 64));
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        match self.words.get_mut(word) {
            Some(word) if *word & bit == 0 => {
                *word |= bit;
                true
            }
            _ => false,
        }
    }
}

/// The names that the other side of a connection has told.
#[derive(Clone, Debug, Default)]
pub(super) struct KnownNames {
    names: BTreeMap<u32, Name>,
}

/// A name, and what it is read as, so that this is done once and not for each operation that has it.
#[derive(Clone, Debug)]
struct Name {
    text: SmolStr,
    /// The path that it is, if it looks like one.
    path: Option<Path>,
    /// The entity that it names, if it does not.
    entity: Option<EntityName>,
}

impl Name {
    fn new(text: &str) -> Self {
        let (path, entity) = match text.starts_with('/') {
            true => (Path::parse_field(text).ok(), None),
            false => (None, EntityName::new(text).ok()),
        };
        Self { text: text.into(), path, entity }
    }
}

impl KnownNames {
    /// Takes in a message that tells names: pairs of the first index and names.
    pub(super) fn learn(&mut self, row: &Row<'_>) -> Result<(), MessageError> {
        let last = u32::try_from(NAMES_MAX - 1).unwrap_or(u32::MAX);
        for pair in row.parts().get(1..).unwrap_or_default().chunks(2) {
            let [first, names] = pair else {
                return Err(row.form("an index and its names"));
            };
            let first = first.small("an index", last)?;
            for (index, part) in (first..).zip(names.elements("names", NAMES_MAX)?) {
                let name = part.string("a name")?;
                at_most("bytes of a name", name.len(), NAME_INDEXED_BYTES_MAX)?;
                if index > last || self.names.contains_key(&index) {
                    return Err(part.form("a name", "one index for each name"));
                }
                self.names.insert(index, Name::new(&name));
            }
        }
        Ok(())
    }

    /// Returns the name that stands here, by its index or as itself.
    pub(super) fn name(
        &self,
        part: &Part<'_>,
        place: &'static str,
    ) -> Result<SmolStr, MessageError> {
        match self.known(part, place)? {
            Some(known) => Ok(known.text.clone()),
            None => part.string(place).map(SmolStr::from),
        }
    }

    /// Returns the path of a field that stands here.
    pub(super) fn path(&self, part: &Part<'_>) -> Result<Path, MessageError> {
        let place = "a path";
        match self.known(part, place)? {
            Some(Name { path: Some(path), .. }) => Ok(path.clone()),
            Some(Name { text, .. }) => part.path(text),
            None => part.path(&part.string(place)?),
        }
    }

    /// Returns the entity that stands here.
    pub(super) fn entity(&self, part: &Part<'_>) -> Result<EntityName, MessageError> {
        match self.known(part, "entity")? {
            Some(Name { entity: Some(entity), .. }) => Ok(entity.clone()),
            Some(Name { text, .. }) => EntityName::new(text).map_err(part.id_error()),
            None => part.entity(),
        }
    }

    /// Returns the name whose index stands here; `None` where a name stands as itself.
    fn known(&self, part: &Part<'_>, place: &'static str) -> Result<Option<&Name>, MessageError> {
        if part.begins(b'"') {
            return Ok(None);
        }
        let index = part.small(place, u32::MAX)?;
        let unknown = MessageError::UnknownName { start: part.start };
        self.names.get(&index).map(Some).ok_or(unknown)
    }
}
