//! Reading JSON text without a tree: checking it, and cutting objects and arrays into slices.
//!
//! Everything is as strict as [`parse`](super::parse) and refuses the same texts with the same
//! error. The cost is one pass over the bytes; nothing is copied but keys that contain escapes.
//!
//! The `_lenient` functions serve files in which one bad record must not hold up the others: a
//! fault that stays inside one part ([`JsonError::is_contained`]) is reported beside that part.
//! Any other fault means that the borders of the parts cannot be trusted, and fails the whole.
//! Every part is judged as [`validate`] judges it alone: its levels are counted from itself.
//!
//! # Example
//!
//! ```
//! use syncline_model::json::raw;
//!
//! let file = br#"{"tasks": [{"id": 1}, {"id": 2}], "note": "kept"}"#;
//! let members = raw::members(file)?;
//! assert_eq!(members[0].key, "tasks");
//! let tasks = raw::elements(members[0].value)?;
//! assert_eq!(tasks[1].value, br#"{"id": 2}"#);
//! # Ok::<(), syncline_model::json::JsonError>(())
//! ```

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;

use super::error::JsonError;
use super::scan::Scanner;

/// Keys of an object that are compared one by one.
const KEYS_COMPARED_MAX: usize = 16;

/// Where something stands in a text: byte offsets, the end not included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// Offset of the first byte.
    pub start: usize,
    /// Offset behind the last byte; at least `start`.
    pub end: usize,
}

impl Span {
    /// Returns the length in bytes.
    pub const fn len(self) -> usize {
        self.end - self.start
    }

    /// Tells whether nothing is in the span.
    pub const fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// Returns the span as a range, to slice with.
    pub const fn range(self) -> Range<usize> {
        self.start..self.end
    }
}

/// One member of an object, as it stands in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member<'a> {
    /// The key, with escapes resolved.
    pub key: Cow<'a, str>,
    /// Where the key stands, with its quotes.
    pub key_span: Span,
    /// The text of the value, without whitespace around it.
    pub value: &'a [u8],
    /// Where the value stands.
    pub value_span: Span,
}

/// One element of an array, as it stands in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element<'a> {
    /// The text of the element, without whitespace around it.
    pub value: &'a [u8],
    /// Where the element stands.
    pub span: Span,
}

/// Checks that `bytes` is one JSON value.
///
/// # Errors
///
/// Any [`JsonError`] that [`parse`](super::parse) would return, and no other.
pub fn validate(bytes: &[u8]) -> Result<(), JsonError> {
    let mut scanner = Scanner::strict(bytes)?;
    scanner.skip_value()?;
    scanner.finish()
}

/// Returns the members of the object in `bytes`, in their order; keys are unique.
///
/// # Errors
///
/// [`JsonError::NotAnObject`] if the text begins another value, else as [`validate`].
pub fn members(bytes: &[u8]) -> Result<Vec<Member<'_>>, JsonError> {
    let mut found = Vec::new();
    let mut scanner = Scanner::strict(bytes)?;
    let mut more = scanner.open_object()?;
    while more {
        let key = read_key(&mut scanner)?;
        let value_span = scanner.skip_value()?;
        found.push(key.with_value(&scanner, value_span));
        more = scanner.next_member()?;
    }
    check_unique(found.iter())?;
    scanner.finish()?;
    Ok(found)
}

/// Returns the members of the object in `bytes`, each with the fault that is inside its value.
///
/// # Errors
///
/// As [`members`]; contained faults count only in the object's own keys.
pub fn members_lenient(bytes: &[u8]) -> Result<Vec<LenientMember<'_>>, JsonError> {
    let mut found = Vec::new();
    let mut scanner = Scanner::lenient(bytes)?;
    let mut more = scanner.open_object()?;
    while more {
        let key = read_key(&mut scanner)?;
        let (value_span, fault) = scanner.skip_value_lenient()?;
        found.push((key.with_value(&scanner, value_span), fault.map_or(Ok(()), Err)));
        more = scanner.next_member()?;
    }
    check_unique(found.iter().map(|(member, _)| member))?;
    scanner.finish()?;
    Ok(found)
}

/// A member and whether its value is sound.
pub type LenientMember<'a> = (Member<'a>, Result<(), JsonError>);

/// Where an element stands and whether it is sound.
pub type LenientElement = (Span, Result<(), JsonError>);

/// Returns the elements of the array in `bytes`, in their order.
///
/// # Errors
///
/// [`JsonError::NotAnArray`] if the text begins another value, else as [`validate`].
pub fn elements(bytes: &[u8]) -> Result<Vec<Element<'_>>, JsonError> {
    let mut found = Vec::new();
    let mut scanner = Scanner::strict(bytes)?;
    let mut more = scanner.open_array()?;
    while more {
        let span = scanner.skip_value()?;
        found.push(Element { value: scanner.slice(span), span });
        more = scanner.next_element()?;
    }
    scanner.finish()?;
    Ok(found)
}

/// Returns where the elements of the array in `bytes` stand, each with the fault inside of it.
///
/// Offsets in the faults count from the start of `bytes`.
///
/// # Errors
///
/// As [`elements`], but never a fault that is contained in one element.
pub fn elements_lenient(bytes: &[u8]) -> Result<Vec<LenientElement>, JsonError> {
    let mut scanner = Scanner::lenient(bytes)?;
    let found = read_elements_lenient(&mut scanner)?;
    scanner.finish()?;
    Ok(found)
}

/// Calls back with where each element of the array in `bytes` stands, in their order, whether it is sound or
/// not: for who judges the elements one by one, and holds them in a form of its own.
///
/// # Errors
///
/// As [`elements_lenient`]; some elements may have been told before.
pub fn for_each_element(bytes: &[u8], mut told: impl FnMut(Span)) -> Result<(), JsonError> {
    let mut scanner = Scanner::lenient(bytes)?;
    let mut more = scanner.open_array()?;
    while more {
        let (span, _) = scanner.skip_value_lenient()?;
        told(span);
        more = scanner.next_element()?;
    }
    scanner.finish()
}

/// A member of a document made of collections; see [`collections`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collection<'a> {
    /// The member itself.
    pub member: Member<'a>,
    /// What its value holds.
    pub content: Content,
}

/// What a member of a document holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// An array: where its elements stand in the document, each with the fault inside of it.
    Elements(Vec<LenientElement>),
    /// Any other value, and whether it is sound.
    Other(Result<(), JsonError>),
}

/// Cuts a document `{"<name>": [<record>, …], …}` into its records, in one pass.
///
/// The same as [`members_lenient`] and, for every array, [`elements_lenient`], with all spans and
/// offsets counted from the start of `bytes`.
///
/// # Errors
///
/// As [`members_lenient`].
pub fn collections(bytes: &[u8]) -> Result<Vec<Collection<'_>>, JsonError> {
    let mut found: Vec<Collection<'_>> = Vec::new();
    let mut scanner = Scanner::lenient(bytes)?;
    let mut more = scanner.open_object()?;
    while more {
        let key = read_key(&mut scanner)?;
        let (value_span, content) = if scanner.peek()? == b'[' {
            let start = scanner.position();
            let elements = read_elements_lenient(&mut scanner)?;
            (Span { start, end: scanner.position() }, Content::Elements(elements))
        } else {
            let (span, fault) = scanner.skip_value_lenient()?;
            (span, Content::Other(fault.map_or(Ok(()), Err)))
        };
        found.push(Collection { member: key.with_value(&scanner, value_span), content });
        more = scanner.next_member()?;
    }
    check_unique(found.iter().map(|collection| &collection.member))?;
    scanner.finish()?;
    Ok(found)
}

/// A key whose value is to be read next.
struct ReadKey<'a> {
    text: Cow<'a, str>,
    span: Span,
}

impl<'a> ReadKey<'a> {
    fn with_value(self, scanner: &Scanner<'a>, value_span: Span) -> Member<'a> {
        let value = scanner.slice(value_span);
        Member { key: self.text, key_span: self.span, value, value_span }
    }
}

fn read_key<'a>(scanner: &mut Scanner<'a>) -> Result<ReadKey<'a>, JsonError> {
    let token = scanner.key()?;
    Ok(ReadKey { text: scanner.string_text(token)?, span: token.span })
}

fn read_elements_lenient(scanner: &mut Scanner<'_>) -> Result<Vec<LenientElement>, JsonError> {
    let mut found = Vec::new();
    let mut more = scanner.open_array()?;
    while more {
        let (span, fault) = scanner.skip_value_lenient()?;
        found.push((span, fault.map_or(Ok(()), Err)));
        more = scanner.next_element()?;
    }
    Ok(found)
}

/// Refuses members of which two have the same key.
fn check_unique<'m, 'a: 'm>(
    members: impl Iterator<Item = &'m Member<'a>> + Clone,
) -> Result<(), JsonError> {
    let key_count = members.clone().count();
    let mut keys = BTreeSet::new();
    let mut is_twice = |index: usize, key: &'m str| match key_count {
        // To compare each with those before it costs less than a set of them.
        ..=KEYS_COMPARED_MAX => members.clone().take(index).any(|before| before.key == key),
        _ => !keys.insert(key),
    };
    let duplicate =
        members.clone().enumerate().find(|(index, member)| is_twice(*index, &member.key));
    duplicate.map_or(Ok(()), |(_, member)| {
        Err(JsonError::DuplicateKey { offset: member.key_span.start, key_count })
    })
}
