//! A part of a message, and what it says. Nothing is judged before it is looked at, so that a fault
//! in one part stays there; what is looked at is judged strictly and by itself.

use std::borrow::Cow;

use syncline_merge::display::Fields;
use syncline_merge::text::ot::{Component, TextDigest, TextOperation};
use syncline_model::base64url;
use syncline_model::id::{EntityName, IdError, RecordId};
use syncline_model::json::fields::{flatten, unflatten};
use syncline_model::json::raw::{self, LenientMember, Span};
use syncline_model::json::{Json, JsonError, Leaf, Number, parse};
use syncline_model::path::Path;

use crate::delta::{Delta, Kind};
use crate::error::MessageError;
use crate::limits::{AFTER_MAX, COUNTER_MAX, MESSAGE_BYTES_MAX};
use crate::token::TokenText;

/// One JSON value within a message.
#[derive(Clone, Copy)]
pub(crate) struct Part<'a> {
    pub(crate) bytes: &'a [u8],
    /// Where it begins, in bytes from the start of the message.
    pub(crate) start: usize,
}

/// The members of an object.
pub(crate) struct Members<'a> {
    start: usize,
    members: Vec<LenientMember<'a>>,
}

impl<'a> Part<'a> {
    /// Takes a whole message of at most so many bytes.
    pub(crate) fn whole(bytes: &'a [u8], bytes_max: usize) -> Result<Self, MessageError> {
        at_most("bytes of a message", bytes.len(), bytes_max)?;
        Ok(Self { bytes, start: 0 })
    }

    /// Returns whether it begins as an object, an array or a string does.
    pub(crate) fn begins(&self, with: u8) -> bool {
        self.bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&with)
    }

    pub(crate) fn is_null(&self) -> bool {
        self.bytes == b"null"
    }

    pub(crate) fn json_error(&self, place: &'static str) -> impl Fn(JsonError) -> MessageError {
        let start = self.start;
        move |source| MessageError::Json { place, start, source }
    }

    pub(crate) const fn form(&self, place: &'static str, expected: &'static str) -> MessageError {
        MessageError::Form { place, start: self.start, expected }
    }

    pub(crate) fn members(&self, place: &'static str) -> Result<Members<'a>, MessageError> {
        let members = raw::members_lenient(self.bytes).map_err(self.json_error(place))?;
        Ok(Members { start: self.start, members })
    }

    /// Returns the elements of an array, at most so many.
    pub(crate) fn elements(
        &self,
        place: &'static str,
        count_max: usize,
    ) -> Result<Vec<Self>, MessageError> {
        let mut elements = Vec::new();
        let found = raw::for_each_element(self.bytes, |span| elements.push(self.within(span)));
        found.map_err(self.json_error(place))?;
        at_most(place, elements.len(), count_max)?;
        Ok(elements)
    }

    fn within(&self, span: Span) -> Self {
        let bytes = self.bytes.get(span.range()).unwrap_or_default();
        Self { bytes, start: self.start + span.start }
    }

    pub(crate) fn string(&self, place: &'static str) -> Result<Cow<'a, str>, MessageError> {
        let inner = self.bytes.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\""));
        let is_plain = |byte: &u8| (0x20..0x7f).contains(byte) && !b"\"\\".contains(byte);
        if let Some(inner) = inner.filter(|inner| inner.iter().all(is_plain))
            && let Ok(text) = std::str::from_utf8(inner)
        {
            return Ok(Cow::Borrowed(text));
        }
        match parse(self.bytes).map_err(self.json_error(place))? {
            Json::String(text) => Ok(Cow::Owned(text)),
            _ => Err(self.form(place, "a text")),
        }
    }

    pub(crate) fn number(&self, place: &'static str) -> Result<Number, MessageError> {
        let number = self.leaf(place)?.as_number();
        number.ok_or_else(|| self.form(place, "a number"))
    }

    /// Reads a natural number of at most so much.
    pub(crate) fn natural(&self, place: &'static str, max: u64) -> Result<u64, MessageError> {
        let number = match plain_natural(self.bytes) {
            Some(number) => Some(number),
            None => self.number(place)?.to_i64().and_then(|number| u64::try_from(number).ok()),
        };
        number
            .filter(|number| *number <= max)
            .ok_or_else(|| self.form(place, "a natural number within its bounds"))
    }

    /// Reads a natural number that counts things here.
    pub(crate) fn count(&self, place: &'static str, max: usize) -> Result<usize, MessageError> {
        let max = u64::try_from(max).unwrap_or(u64::MAX);
        let count = self.natural(place, max)?;
        usize::try_from(count).map_err(|_| self.form(place, "a smaller number"))
    }

    pub(crate) fn small(&self, place: &'static str, max: u32) -> Result<u32, MessageError> {
        let number = self.natural(place, u64::from(max))?;
        u32::try_from(number).map_err(|_| self.form(place, "a smaller number"))
    }

    pub(crate) fn bool(&self, place: &'static str) -> Result<bool, MessageError> {
        match self.bytes {
            b"true" => Ok(true),
            b"false" => Ok(false),
            _ => Err(self.form(place, "`true` or `false`")),
        }
    }

    pub(crate) fn leaf(&self, place: &'static str) -> Result<Leaf, MessageError> {
        Leaf::from_raw(self.bytes).map_err(self.json_error(place))
    }

    pub(crate) fn id_error(&self) -> impl Fn(IdError) -> MessageError {
        let start = self.start;
        move |source| MessageError::Id { start, source }
    }

    pub(crate) fn entity(&self) -> Result<EntityName, MessageError> {
        EntityName::new(&self.string("entity")?).map_err(self.id_error())
    }

    pub(crate) fn record_id(&self) -> Result<RecordId, MessageError> {
        RecordId::new(&self.string("id")?).map_err(self.id_error())
    }

    pub(crate) fn counter(&self) -> Result<u64, MessageError> {
        let counter = self.natural("op", COUNTER_MAX)?;
        if counter == 0 { Err(self.form("op", "a counter from 1")) } else { Ok(counter) }
    }

    /// Reads counters of operations that come before `counter`.
    pub(crate) fn after(&self, counter: u64) -> Result<Vec<u64>, MessageError> {
        let read = |part: &Self| match part.counter()? {
            before if before < counter => Ok(before),
            _ => Err(part.form("after", "the counter of an earlier operation")),
        };
        self.elements("after", AFTER_MAX)?.iter().map(read).collect()
    }

    pub(crate) fn token(&self, place: &'static str) -> Result<TokenText, MessageError> {
        Ok(TokenText::new(&self.string(place)?)?)
    }

    pub(crate) fn record(&self, place: &'static str) -> Result<Fields, MessageError> {
        flatten(self.bytes).map_err(self.json_error(place))
    }

    /// Reads the path of a field.
    pub(crate) fn path(&self, text: &str) -> Result<Path, MessageError> {
        Path::parse_field(text).map_err(|source| MessageError::Path { start: self.start, source })
    }

    /// Reads the path of a field or of the record itself.
    pub(crate) fn path_or_root(&self, text: &str) -> Result<Path, MessageError> {
        Path::parse(text).map_err(|source| MessageError::Path { start: self.start, source })
    }

    /// Reads the value of a field; an object that has members is its fields.
    pub(crate) fn value_at(&self, path: &Path, fields: &mut Fields) -> Result<(), MessageError> {
        let leaf = self.leaf("a value")?;
        if !leaf.as_str().starts_with('{') || leaf.is_empty_object() {
            check_depth(path, &leaf)?;
            fields.push((path.clone(), leaf));
            return Ok(());
        }
        for (inner, leaf) in self.record("a value")? {
            let inner = self.path(path.join(&inner).as_str())?;
            check_depth(&inner, &leaf)?;
            fields.push((inner, leaf));
        }
        Ok(())
    }

    /// Reads elements of an array at `path`.
    pub(crate) fn elements_at(
        &self,
        path: &Path,
        count_max: usize,
    ) -> Result<Vec<Leaf>, MessageError> {
        let array = self.leaf("elements")?;
        check_depth(path, &array)?;
        let elements = self.elements("elements", count_max)?;
        elements.iter().map(|element| element.leaf("an element")).collect()
    }

    /// Reads an edit of a text.
    pub(crate) fn edit(&self) -> Result<TextOperation, MessageError> {
        let parts = self.elements("an edit", syncline_merge::text::limits::COMPONENTS_MAX + 1)?;
        let said = parts.first().filter(|part| part.begins(b'{'));
        let made_for = said.map(Self::text_digest).transpose()?;
        let parts = parts.get(usize::from(made_for.is_some())..).unwrap_or_default();
        let components: Result<Vec<Component>, MessageError> =
            parts.iter().map(Self::component).collect();
        let edit = TextOperation::new(components?)
            .map_err(|_| self.form("an edit", "one of a text within its bounds"))?;
        Ok(match made_for {
            Some(digest) => edit.made_for_text(digest),
            None => edit,
        })
    }

    /// Reads which text an edit was made for.
    fn text_digest(&self) -> Result<TextDigest, MessageError> {
        let members = self.members("an edit")?;
        members.only(&["of"])?;
        let digits = members.need("of")?.string("an edit")?;
        let is_hex = digits.len() == 16 && !digits.contains('+');
        let digest = u64::from_str_radix(&digits, 16).ok().filter(|_| is_hex);
        digest.map(TextDigest).ok_or_else(|| self.form("an edit", "the 16 digits of a text"))
    }

    /// Reads a delta: what it is about, how many bytes it grows to, which text it makes, and its frame.
    pub(crate) fn delta(&self) -> Result<Delta, MessageError> {
        let parts = self.elements("a delta", 4)?;
        let [kind, bytes, digest, frame] = parts.as_slice() else {
            return Err(self.form("a delta", "what it is about, a length, a digest and a frame"));
        };
        let number = kind.count("a delta", Kind::ALL.len())?;
        let digits = digest.string("a delta")?;
        let is_hex = digits.len() == 32 && !digits.contains('+');
        let number_of = u128::from_str_radix(&digits, 16).ok().filter(|_| is_hex);
        let encoded = base64url::decode(&frame.string("a delta")?);
        Ok(Delta {
            kind: Kind::ALL
                .get(number)
                .copied()
                .ok_or_else(|| kind.form("a delta", "what it is about, 0 to 2"))?,
            bytes: bytes.count("a delta", MESSAGE_BYTES_MAX)?,
            digest: number_of.ok_or_else(|| digest.form("a delta", "a digest of 32 digits"))?,
            frame: encoded.map_err(|_| frame.form("a delta", "a frame as base64url"))?.into(),
        })
    }

    fn component(&self) -> Result<Component, MessageError> {
        if self.begins(b'"') {
            return Ok(Component::Insert(self.string("an edit")?.into_owned()));
        }
        let refused = || self.form("an edit", "texts and numbers of characters");
        let chars = self.number("an edit")?.to_i64().ok_or_else(refused)?;
        let len = usize::try_from(chars.unsigned_abs()).map_err(|_| refused())?;
        Ok(if chars < 0 { Component::Delete(len) } else { Component::Retain(len) })
    }
}

impl<'a> Members<'a> {
    /// Returns the value of a member, if it is there.
    pub(crate) fn get(&self, name: &str) -> Option<Part<'a>> {
        self.iter().find(|(key, _)| *key == name).map(|(_, part)| part)
    }

    pub(crate) fn need(&self, name: &'static str) -> Result<Part<'a>, MessageError> {
        self.get(name).ok_or(MessageError::Lacking { name, start: self.start })
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, Part<'a>)> {
        self.members.iter().map(|(member, _)| {
            let start = self.start + member.value_span.start;
            (&*member.key, Part { bytes: member.value, start })
        })
    }

    /// Returns where the object begins, in bytes from the start of the message.
    pub(crate) const fn start(&self) -> usize {
        self.start
    }

    pub(crate) const fn len(&self) -> usize {
        self.members.len()
    }

    /// Refuses members that have another name than these.
    pub(crate) fn only(&self, known: &[&str]) -> Result<(), MessageError> {
        match self.members.iter().find(|(member, _)| !known.contains(&&*member.key)) {
            Some((member, _)) => {
                Err(MessageError::Unknown { start: self.start + member.key_span.start })
            }
            None => Ok(()),
        }
    }
}

/// Returns the number that a few digits say, as nearly all natural numbers of a message are written; nothing
/// where it takes more to know what stands there.
fn plain_natural(bytes: &[u8]) -> Option<u64> {
    const DIGITS_MAX: usize = 18;
    let is_plain = (1..=DIGITS_MAX).contains(&bytes.len())
        && bytes.iter().all(u8::is_ascii_digit)
        && (bytes.len() == 1 || !bytes.starts_with(b"0"));
    is_plain.then(|| bytes.iter().fold(0, |number, byte| 10 * number + u64::from(byte - b'0')))
}

/// Refuses more than there may be.
pub(crate) const fn at_most(
    what: &'static str,
    found: usize,
    max: usize,
) -> Result<(), MessageError> {
    if found > max { Err(MessageError::TooLarge { what, found, max }) } else { Ok(()) }
}

/// Refuses a value with which the record could not be read back.
fn check_depth(path: &Path, leaf: &Leaf) -> Result<(), MessageError> {
    if !leaf.as_str().starts_with('[') {
        return Ok(());
    }
    let too_deep = |_| MessageError::TooDeep { path: path.clone() };
    unflatten([(path, leaf)]).map(drop).map_err(too_deep)
}

/// Sorts fields that were read one by one, of which none is above another or the same.
pub(crate) fn sorted(mut fields: Fields) -> Result<Fields, MessageError> {
    fields.sort_by(|(a, _), (b, _)| a.cmp(b));
    let twice = fields.windows(2).find_map(|pair| match pair {
        [(a, _), (b, _)] if a.is_prefix_of(b) => Some(b.clone()),
        _ => None,
    });
    twice.map_or(Ok(fields), |path| Err(MessageError::Twice { path }))
}
