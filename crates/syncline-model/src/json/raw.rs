//! Reading JSON text without a tree: checking it, and cutting objects and arrays into slices.
//!
//! Everything is as strict as [`parse`](super::parse) and refuses the same texts with the same
//! error. The cost is one pass over the bytes; nothing is copied but keys that contain escapes.
//!
//! The `_lenient` functions serve files in which one bad record must not hold up the others: a
//! fault that stays inside one part ([`JsonError::is_contained`]) is reported beside that part.
//! Any other fault means that the borders of the parts cannot be trusted, and fails the whole.
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
        found.push(read_member(&mut scanner, Scanner::skip_value)?.0);
        more = scanner.next_member()?;
    }
    check_unique(&found)?;
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
        let (member, _) = read_member(&mut scanner, |scanner| lenient_value(scanner))?;
        let fault = scanner.take_fault(member.value_span);
        found.push((member, fault.map_or(Ok(()), Err)));
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
        found.push(Element {
            value: scanner.slice(span),
            span,
        });
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
        let mut content = Content::Other(Ok(()));
        let (member, is_array) = read_member(&mut scanner, |scanner| {
            if scanner.peek()? != b'[' {
                return lenient_value(scanner);
            }
            let start = scanner.position();
            content = Content::Elements(read_elements_lenient(scanner)?);
            Ok(Span {
                start,
                end: scanner.position(),
            })
        })?;
        if !is_array && let Some(fault) = scanner.take_fault(member.value_span) {
            content = Content::Other(Err(fault));
        }
        found.push(Collection { member, content });
        more = scanner.next_member()?;
    }
    check_unique(found.iter().map(|collection| &collection.member))?;
    scanner.finish()?;
    Ok(found)
}

/// Reads a key strictly and its value by `read_value`; tells also whether the value is an array.
fn read_member<'a>(
    scanner: &mut Scanner<'a>,
    read_value: impl FnOnce(&mut Scanner<'a>) -> Result<Span, JsonError>,
) -> Result<(Member<'a>, bool), JsonError> {
    scanner.set_lenient(false);
    let token = scanner.key()?;
    let key = scanner.string_text(token)?;
    let is_array = scanner.peek()? == b'[';
    let value_span = read_value(scanner)?;
    let value = scanner.slice(value_span);
    Ok((
        Member {
            key,
            key_span: token.span,
            value,
            value_span,
        },
        is_array,
    ))
}

fn lenient_value(scanner: &mut Scanner<'_>) -> Result<Span, JsonError> {
    scanner.set_lenient(true);
    scanner.skip_value()
}

fn read_elements_lenient(scanner: &mut Scanner<'_>) -> Result<Vec<LenientElement>, JsonError> {
    let mut found = Vec::new();
    let mut more = scanner.open_array()?;
    while more {
        let span = lenient_value(scanner)?;
        found.push((span, scanner.take_fault(span).map_or(Ok(()), Err)));
        more = scanner.next_element()?;
    }
    Ok(found)
}

/// Refuses members of which two have the same key.
fn check_unique<'m, 'a: 'm>(
    members: impl IntoIterator<Item = &'m Member<'a>>,
) -> Result<(), JsonError> {
    let mut keys = BTreeSet::new();
    let mut duplicate = None;
    let mut key_count = 0;
    for member in members {
        key_count += 1;
        if !keys.insert(member.key.as_ref()) && duplicate.is_none() {
            duplicate = Some(member.key_span.start);
        }
    }
    duplicate.map_or(Ok(()), |offset| {
        Err(JsonError::DuplicateKey { offset, key_count })
    })
}
