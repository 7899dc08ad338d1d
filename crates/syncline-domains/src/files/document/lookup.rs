//! Finding the id of an item without reading the item as a tree.
//!
//! The item's text is known to be well-formed, so that strings, brackets and commas are enough to
//! find the way. On any other text the answers are of no use, but nothing panics or loops.

use std::borrow::Cow;

use syncline_model::id::{IdError, RecordId};
use syncline_model::json::{self, Json, Kind};

/// The id of an item, as it was found.
pub(super) enum Found {
    /// No id: absent, `null` or the empty text.
    Nothing,
    /// The keys that lead to the id stand there twice.
    Several,
    /// The id is neither a text nor a number.
    OtherType(Kind),
    /// The id is too long or holds a control character.
    Invalid(IdError),
    /// The id, and whether it is a number.
    Id(RecordId, bool),
}

/// Reads the id at `keys` of the object `item`.
///
/// `sound` tells that no object of the item has a key twice, so that the first match is the only
/// one.
pub(super) fn id_of(item: &[u8], keys: &[Cow<'_, str>], sound: bool) -> Found {
    let mut value = item;
    for key in keys {
        let mut matches = Members::of(value).filter(|(name, _)| is_key(name, key));
        match matches.next() {
            None => return Found::Nothing,
            Some(_) if !sound && matches.next().is_some() => return Found::Several,
            Some((_, member)) => value = member,
        }
    }
    let (text, is_number) = match kind(value) {
        Kind::Null => return Found::Nothing,
        Kind::String => (string_text(value), false),
        Kind::Number => (std::str::from_utf8(value).ok().map(Cow::Borrowed), true),
        other => return Found::OtherType(other),
    };
    match text.as_deref().map(RecordId::new) {
        None | Some(Err(IdError::Empty { .. })) => Found::Nothing,
        Some(Err(error)) => Found::Invalid(error),
        Some(Ok(id)) => Found::Id(id, is_number),
    }
}

/// Returns the kind of a well-formed value.
pub(super) fn kind(value: &[u8]) -> Kind {
    match value.first() {
        Some(b'n') => Kind::Null,
        Some(b't' | b'f') => Kind::Bool,
        Some(b'"') => Kind::String,
        Some(b'[') => Kind::Array,
        Some(b'{') => Kind::Object,
        _ => Kind::Number,
    }
}

/// Returns what a string says; nothing if it is broken.
fn string_text(string: &[u8]) -> Option<Cow<'_, str>> {
    let inner = string.get(1..string.len().checked_sub(1)?)?;
    if !inner.contains(&b'\\') {
        return std::str::from_utf8(inner).ok().map(Cow::Borrowed);
    }
    match json::parse(string) {
        Ok(Json::String(text)) => Some(Cow::Owned(text)),
        _ => None,
    }
}

fn is_key(name: &[u8], key: &str) -> bool {
    string_text(name).is_some_and(|name| name == key)
}

/// The members of an object: the text of the key with its quotes, the text of the value.
struct Members<'a> {
    text: &'a [u8],
    position: usize,
}

impl<'a> Members<'a> {
    /// Begins at the first member; a value that is no object has none.
    fn of(value: &'a [u8]) -> Self {
        let position = if kind(value) == Kind::Object { 1 } else { value.len() };
        Self { text: value, position }
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let key_start = self.position
            + self.text.get(self.position..)?.iter().position(|&byte| byte == b'"')?;
        let key_end = string_end(self.text, key_start);
        let rest = self.text.get(key_end..)?;
        let value_start = key_end + rest.iter().position(|byte| !b" \t\r\n:".contains(byte))?;
        let value_end = value_end(self.text, value_start);
        self.position = value_end;
        Some((self.text.get(key_start..key_end)?, self.text.get(value_start..value_end)?))
    }
}

/// Returns the offset behind the string that begins at `start`.
pub(super) fn string_end(text: &[u8], start: usize) -> usize {
    let mut position = start + 1;
    loop {
        match text.get(position) {
            None => return text.len(),
            Some(b'"') => return position + 1,
            Some(b'\\') => position += 2,
            Some(_) => position += 1,
        }
    }
}

/// Returns the offset behind the value that begins at `start`.
fn value_end(text: &[u8], start: usize) -> usize {
    let mut position = start;
    let mut level = 0_usize;
    while let Some(&byte) = text.get(position) {
        match byte {
            b'"' => {
                position = string_end(text, position);
                if level == 0 {
                    return position;
                }
                continue;
            }
            b'{' | b'[' => level += 1,
            b'}' | b']' if level <= 1 => return if level == 1 { position + 1 } else { position },
            b'}' | b']' => level -= 1,
            b',' | b' ' | b'\t' | b'\r' | b'\n' if level == 0 => return position,
            _ => {}
        }
        position += 1;
    }
    text.len()
}
