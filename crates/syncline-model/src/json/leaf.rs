//! One field's value, as the merge state stores it.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use smol_str::SmolStr;

use super::error::JsonError;
use super::number::{self, Number};
use super::parse::read_value;
use super::raw;
use super::scan::{Scanner, StringToken};
use super::text::write_string;
use super::value::Json;

/// One JSON value as compact text: small, shared, cheap to clone.
///
/// The text has no whitespace and the shortest escapes; digits of numbers and the order of members
/// are as they were. Equality, order and hash are those of the [canonical](Self::canonical) text,
/// so `1.0` equals `1` and `{"a":1,"b":2}` equals `{"b":2,"a":1}`. The order is that of the texts'
/// bytes: total and the same everywhere, but not the order of numbers; use
/// [`as_number`](Self::as_number) for that.
#[derive(Clone)]
pub struct Leaf {
    text: SmolStr,
}

/// What kind of value a JSON text holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool,
    /// A number.
    Number,
    /// A string.
    String,
    /// An array.
    Array,
    /// An object.
    Object,
}

impl Kind {
    /// Returns the kind's name as JSON Schema spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool => "boolean",
            Self::Number => "number",
            Self::String => "string",
            Self::Array => "array",
            Self::Object => "object",
        }
    }

    /// Returns the kind of the value that begins with this byte.
    const fn of(first: u8) -> Self {
        match first {
            b'n' => Self::Null,
            b't' | b'f' => Self::Bool,
            b'"' => Self::String,
            b'[' => Self::Array,
            b'{' => Self::Object,
            _ => Self::Number,
        }
    }
}

/// Returns whether a text is one JSON string without escapes, as nearly all stored values are: it
/// is its own compact form.
fn is_plain_string(text: &str) -> bool {
    let inner = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    let is_plain = |byte: u8| byte >= 0x20 && byte != b'"' && byte != b'\\';
    // A fold without a way out early looks at many bytes at once.
    let all = |text: &str| text.bytes().fold(true, |plain, byte| plain & is_plain(byte));
    inner.is_some_and(all)
}

/// Returns whether a text is a word of JSON or a natural number of few digits: it is its own
/// compact form.
fn is_plain_scalar(text: &str) -> bool {
    const DIGITS_MAX: usize = 15;
    let is_natural = |text: &str| {
        text.len() <= DIGITS_MAX
            && text.bytes().all(|byte| byte.is_ascii_digit())
            && (text.len() == 1 || !text.starts_with('0'))
    };
    matches!(text, "null" | "true" | "false") || (!text.is_empty() && is_natural(text))
}

impl Leaf {
    /// Returns `null`.
    pub fn null() -> Self {
        Self { text: "null".into() }
    }

    /// Returns `{}`.
    pub fn empty_object() -> Self {
        Self { text: "{}".into() }
    }

    /// Returns the string that says `text`. To read JSON use [`Leaf::parse`].
    pub fn string(text: &str) -> Self {
        let mut out = String::with_capacity(text.len() + 2);
        write_string(text, &mut out);
        Self { text: out.into() }
    }

    /// Reads a JSON value of any kind.
    ///
    /// # Errors
    ///
    /// As [`parse`](super::parse).
    pub fn parse(text: &str) -> Result<Self, JsonError> {
        Self::from_raw(text.as_bytes())
    }

    /// Reads a JSON value of any kind from bytes that were not checked.
    ///
    /// # Errors
    ///
    /// As [`parse`](super::parse).
    pub fn from_raw(bytes: &[u8]) -> Result<Self, JsonError> {
        if let Ok(text) = std::str::from_utf8(bytes)
            && (is_plain_string(text) || is_plain_scalar(text))
        {
            return Ok(Self { text: text.into() });
        }
        let mut scanner = Scanner::strict(bytes)?;
        if matches!(scanner.peek()?, b'{' | b'[') {
            raw::validate(bytes)?;
            return Self::read(&mut scanner);
        }
        // What holds no other values is checked while it is read.
        let leaf = Self::read(&mut scanner)?;
        scanner.finish()?;
        Ok(leaf)
    }

    /// Takes a value from a tree.
    ///
    /// # Errors
    ///
    /// [`JsonError::TooDeep`] if it has too many levels to be read back; a tree that was read from
    /// a text never has.
    pub fn from_json(value: &Json) -> Result<Self, JsonError> {
        Ok(match value {
            Json::String(text) => Self::string(text),
            // Only what holds other values has levels.
            Json::Array(_) | Json::Object(_) => {
                let text = value.to_compact_string();
                raw::validate(text.as_bytes())?;
                Self { text: text.into() }
            }
            Json::Number(number) => Self { text: number.as_str().into() },
            Json::Null => Self::null(),
            Json::Bool(value) => Self { text: if *value { "true" } else { "false" }.into() },
        })
    }

    /// Reads the next value of a text that was validated.
    pub(super) fn read(scanner: &mut Scanner<'_>) -> Result<Self, JsonError> {
        Ok(match scanner.peek()? {
            b'{' | b'[' => {
                let mut out = String::new();
                compact(scanner, &mut out)?;
                Self { text: out.into() }
            }
            b'"' => {
                let token = scanner.string()?;
                if token.escaped {
                    let mut out = String::with_capacity(token.span.len());
                    push_string(scanner, token, &mut out)?;
                    Self { text: out.into() }
                } else {
                    Self { text: scanner.text(token.span)?.into() }
                }
            }
            _ => {
                let span = scanner.skip_value()?;
                Self { text: scanner.text(span)?.into() }
            }
        })
    }

    /// Returns the compact text, which is valid JSON.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns what kind of value it is.
    pub fn kind(&self) -> Kind {
        Kind::of(self.text.as_bytes().first().copied().unwrap_or_default())
    }

    /// Returns the value as a tree.
    pub fn to_json(&self) -> Json {
        self.read_checked(read_value)
    }

    /// Returns the canonical text; equal leaves have the same one. Scalars rarely cost anything.
    pub fn canonical(&self) -> Cow<'_, str> {
        let owned = match self.kind() {
            Kind::Null | Kind::Bool | Kind::String => return Cow::Borrowed(&self.text),
            Kind::Number if number::is_canonical(&self.text) => return Cow::Borrowed(&self.text),
            Kind::Number => number::canonical(&self.text),
            Kind::Array | Kind::Object if self.text.len() == 2 => {
                return Cow::Borrowed(&self.text);
            }
            Kind::Array | Kind::Object => self.to_json().to_canonical_string(),
        };
        if owned == *self.text { Cow::Borrowed(&self.text) } else { Cow::Owned(owned) }
    }

    /// Returns the number, if it is one.
    pub fn as_number(&self) -> Option<Number> {
        (self.kind() == Kind::Number).then(|| Number::from_checked(&self.text))
    }

    /// Returns the string, if it is one.
    pub fn as_string(&self) -> Option<Cow<'_, str>> {
        if self.kind() != Kind::String {
            return None;
        }
        Some(self.read_checked(|scanner| {
            let token = scanner.string()?;
            scanner.string_text(token)
        }))
    }

    /// Returns the truth value, if it is one.
    pub fn as_bool(&self) -> Option<bool> {
        (self.kind() == Kind::Bool).then(|| &*self.text == "true")
    }

    /// Tells whether it is `null`.
    pub fn is_null(&self) -> bool {
        self.kind() == Kind::Null
    }

    /// Tells whether it is `{}`, the only object that is a leaf of a record.
    pub fn is_empty_object(&self) -> bool {
        &*self.text == "{}"
    }

    /// Returns how many arrays and objects are nested in it; 0 for a scalar.
    pub(super) fn levels(&self) -> usize {
        let (mut level, mut deepest) = (0_usize, 0);
        let mut bytes = self.text.bytes();
        while let Some(byte) = bytes.next() {
            match byte {
                b'[' | b'{' => {
                    level += 1;
                    deepest = deepest.max(level);
                }
                b']' | b'}' => level -= 1,
                b'"' => skip_string(&mut bytes),
                _ => {}
            }
        }
        deepest
    }

    fn read_checked<'t, T>(
        &'t self,
        read: impl FnOnce(&mut Scanner<'t>) -> Result<T, JsonError>,
    ) -> T {
        Scanner::strict(self.text.as_bytes())
            .and_then(|mut scanner| read(&mut scanner))
            .expect("invariant: the text of a leaf was validated when it was made")
    }
}

/// Goes past the rest of a string whose opening quote was taken.
fn skip_string(bytes: &mut std::str::Bytes<'_>) {
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => return,
            b'\\' => {
                bytes.next();
            }
            _ => {}
        }
    }
}

/// Appends the next value of a validated text without its whitespace.
fn compact(scanner: &mut Scanner<'_>, out: &mut String) -> Result<(), JsonError> {
    match scanner.peek()? {
        b'{' => {
            out.push('{');
            let mut more = scanner.open_object()?;
            while more {
                let token = scanner.key()?;
                push_string(scanner, token, out)?;
                out.push(':');
                compact(scanner, out)?;
                more = scanner.next_member()?;
                out.push_str(if more { "," } else { "" });
            }
            out.push('}');
        }
        b'[' => {
            out.push('[');
            let mut more = scanner.open_array()?;
            while more {
                compact(scanner, out)?;
                more = scanner.next_element()?;
                out.push_str(if more { "," } else { "" });
            }
            out.push(']');
        }
        b'"' => {
            let token = scanner.string()?;
            push_string(scanner, token, out)?;
        }
        _ => {
            let span = scanner.skip_value()?;
            out.push_str(scanner.text(span)?);
        }
    }
    Ok(())
}

/// Appends a string of a validated text with the shortest escapes.
fn push_string(
    scanner: &Scanner<'_>,
    token: StringToken,
    out: &mut String,
) -> Result<(), JsonError> {
    if token.escaped {
        write_string(&scanner.string_text(token)?, out);
    } else {
        out.push_str(scanner.text(token.span)?);
    }
    Ok(())
}

impl PartialEq for Leaf {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        if self.text == other.text {
            return true;
        }
        match (self.kind(), other.kind()) {
            // Each of these has one text.
            (Kind::Null | Kind::Bool | Kind::String, _) => false,
            (mine, theirs) => mine == theirs && self.canonical() == other.canonical(),
        }
    }
}

impl Eq for Leaf {}

impl PartialOrd for Leaf {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Leaf {
    fn cmp(&self, other: &Self) -> Ordering {
        if self.text == other.text {
            return Ordering::Equal;
        }
        self.canonical().cmp(&other.canonical())
    }
}

impl Hash for Leaf {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.canonical().hash(state);
    }
}

impl fmt::Display for Leaf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Leaf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Leaf({})", self.text)
    }
}

impl From<bool> for Leaf {
    fn from(value: bool) -> Self {
        Self { text: if value { "true" } else { "false" }.into() }
    }
}

impl From<i64> for Leaf {
    fn from(value: i64) -> Self {
        Self { text: value.to_string().into() }
    }
}

impl From<u64> for Leaf {
    fn from(value: u64) -> Self {
        Self { text: value.to_string().into() }
    }
}

impl From<&Number> for Leaf {
    fn from(value: &Number) -> Self {
        Self { text: value.as_str().into() }
    }
}
