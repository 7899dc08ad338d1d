//! What an operation is, and how it is built and applied.

use sha2::{Digest as _, Sha256};
use thiserror::Error;

use crate::text::limits::{COMPONENTS_MAX, TEXT_CHARS_MAX};

/// One step of a [`TextOperation`]; lengths are in scalar values.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Component {
    /// Keeps this many characters of the base.
    Retain(usize),
    /// Adds this text.
    Insert(String),
    /// Drops this many characters of the base.
    Delete(usize),
}

/// Why an operation could not be built, applied, composed or transformed. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OperationError {
    /// The operation was made for a text of another length.
    #[error("operation expects {expected} characters, found {found}")]
    LengthMismatch {
        /// Length that the operation was made for, in scalar values.
        expected: usize,
        /// Length found, in scalar values.
        found: usize,
    },
    /// The operation says which text it was made for, and that is another one.
    #[error("operation was made for another text of the same length")]
    OtherText,
    /// The text before or after the operation is too long.
    #[error("operation reaches more than {chars_max} characters")]
    TooLong {
        /// The bound, in scalar values.
        chars_max: usize,
    },
    /// The operation has too many components.
    #[error("operation has more than {components_max} components")]
    TooManyComponents {
        /// The bound.
        components_max: usize,
    },
    /// A UTF-16 length ends within a surrogate pair, or behind the end of the text.
    #[error("UTF-16 offset {offset} is not at the edge of a character")]
    NotAtCharacter {
        /// Where, in UTF-16 code units from the start of the text.
        offset: usize,
    },
}

impl OperationError {
    /// Returns the stable code of the error.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::LengthMismatch { .. } => "TEXT_LENGTH_MISMATCH",
            Self::OtherText => "TEXT_DIFFERS",
            Self::TooLong { .. } => "TEXT_TOO_LONG",
            Self::TooManyComponents { .. } => "TEXT_OPERATION_TOO_LARGE",
            Self::NotAtCharacter { .. } => "TEXT_OFFSET_INVALID",
        }
    }
}

/// An edit of a whole text: what to keep, add and drop, from its start to its end.
///
/// Always in normal form, so equal edits compare equal: no empty component, no two neighbours of
/// one kind, and an insertion stands before the deletion at the same place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct TextOperation {
    components: Vec<Component>,
    base_len: usize,
    target_len: usize,
    made_for: Option<TextDigest>,
}

/// Tells a text from others of the same length: the first 8 bytes of the SHA-256 of its UTF-8, big end
/// first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TextDigest(pub u64);

impl TextDigest {
    /// Returns that of a text.
    pub fn of(text: &str) -> Self {
        let digest: [u8; 32] = Sha256::digest(text).into();
        let [a, b, c, d, e, f, g, h, ..] = digest;
        Self(u64::from_be_bytes([a, b, c, d, e, f, g, h]))
    }
}

impl TextOperation {
    /// Builds the operation that does `components` one after the other.
    ///
    /// They need not be in normal form. What they do not reach is *not* kept implicitly: the
    /// lengths retained and deleted add up to the length of the base.
    ///
    /// # Errors
    ///
    /// [`OperationError::TooLong`] and [`OperationError::TooManyComponents`] beyond the bounds of
    /// [`limits`](crate::text::limits).
    pub fn new(components: impl IntoIterator<Item = Component>) -> Result<Self, OperationError> {
        let mut builder = Builder::default();
        for component in components {
            match component {
                Component::Retain(len) => builder.retain(len)?,
                Component::Insert(text) => builder.insert(&text)?,
                Component::Delete(len) => builder.delete(len)?,
            }
        }
        Ok(builder.finish())
    }

    /// Returns the components in normal form, in the order of the text.
    pub fn components(&self) -> &[Component] {
        &self.components
    }

    /// Returns how long the text must be that this is applied to, in scalar values.
    pub const fn base_len(&self) -> usize {
        self.base_len
    }

    /// Returns how long the text is afterwards, in scalar values.
    pub const fn target_len(&self) -> usize {
        self.target_len
    }

    /// Returns which text it was made for, where it says so: it fits no other one then, however long.
    ///
    /// Where both ends have the same history a length is enough. Somebody who has lost a part of it might
    /// have another text of that length.
    pub const fn made_for(&self) -> Option<TextDigest> {
        self.made_for
    }

    /// Returns the same edit, which says which text it was made for.
    #[must_use]
    pub fn made_for_text(self, digest: TextDigest) -> Self {
        Self { made_for: Some(digest), ..self }
    }

    /// Returns whether the operation leaves every text as it is.
    pub fn is_identity(&self) -> bool {
        self.components.iter().all(|component| matches!(component, Component::Retain(_)))
    }

    /// Returns `base` with the edit made, in time linear in the text.
    ///
    /// # Errors
    ///
    /// [`OperationError::LengthMismatch`] if `base` is not [`base_len`](Self::base_len) long,
    /// [`OperationError::OtherText`] if it is not the text that the operation [was made
    /// for](Self::made_for).
    pub fn apply(&self, base: &str) -> Result<String, OperationError> {
        self.check_base(base)?;
        let mut result = String::with_capacity(base.len());
        let mut rest = base;
        for component in &self.components {
            match component {
                Component::Retain(len) => {
                    let (kept, after) = split_chars(rest, *len);
                    result.push_str(kept);
                    rest = after;
                }
                Component::Insert(text) => result.push_str(text),
                Component::Delete(len) => rest = split_chars(rest, *len).1,
            }
        }
        Ok(result)
    }

    /// Returns the operation that takes the result of this one back to `base`.
    ///
    /// # Errors
    ///
    /// As [`apply`](Self::apply).
    pub fn invert(&self, base: &str) -> Result<Self, OperationError> {
        self.check_base(base)?;
        let mut builder = Builder::default();
        let mut rest = base;
        for component in &self.components {
            match component {
                Component::Retain(len) => {
                    rest = split_chars(rest, *len).1;
                    builder.retain(*len)?;
                }
                Component::Insert(text) => builder.delete(text.chars().count())?,
                Component::Delete(len) => {
                    let (dropped, after) = split_chars(rest, *len);
                    builder.insert(dropped)?;
                    rest = after;
                }
            }
        }
        Ok(builder.finish())
    }

    fn check_base(&self, base: &str) -> Result<(), OperationError> {
        let found = base.chars().count();
        if found != self.base_len {
            return Err(OperationError::LengthMismatch { expected: self.base_len, found });
        }
        match self.made_for {
            Some(digest) if digest != TextDigest::of(base) => Err(OperationError::OtherText),
            _ => Ok(()),
        }
    }
}

/// Splits `text` behind `len` scalar values, or at its end if it is shorter.
pub(crate) fn split_chars(text: &str, len: usize) -> (&str, &str) {
    match text.char_indices().nth(len) {
        Some((offset, _)) => text.split_at(offset),
        None => (text, ""),
    }
}

/// Collects components into normal form and keeps them within the bounds.
#[derive(Default)]
pub(crate) struct Builder {
    operation: TextOperation,
}

impl Builder {
    /// Keeps `len` characters of the base.
    pub(crate) fn retain(&mut self, len: usize) -> Result<(), OperationError> {
        let base_len = grown(self.operation.base_len, len)?;
        self.operation.target_len = grown(self.operation.target_len, len)?;
        self.operation.base_len = base_len;
        if len == 0 {
            return Ok(());
        }
        if let Some(Component::Retain(last)) = self.operation.components.last_mut() {
            *last += len;
            return Ok(());
        }
        self.push(Component::Retain(len))
    }

    /// Drops `len` characters of the base.
    pub(crate) fn delete(&mut self, len: usize) -> Result<(), OperationError> {
        self.operation.base_len = grown(self.operation.base_len, len)?;
        if len == 0 {
            return Ok(());
        }
        if let Some(Component::Delete(last)) = self.operation.components.last_mut() {
            *last += len;
            return Ok(());
        }
        self.push(Component::Delete(len))
    }

    /// Adds `text`, before a deletion at the same place.
    pub(crate) fn insert(&mut self, text: &str) -> Result<(), OperationError> {
        self.operation.target_len = grown(self.operation.target_len, text.chars().count())?;
        if text.is_empty() {
            return Ok(());
        }
        let deleted = match self.operation.components.last() {
            Some(Component::Delete(_)) => self.operation.components.pop(),
            _ => None,
        };
        if let Some(Component::Insert(last)) = self.operation.components.last_mut() {
            last.push_str(text);
        } else {
            self.push(Component::Insert(text.to_owned()))?;
        }
        deleted.map_or(Ok(()), |component| self.push(component))
    }

    /// Returns the operation.
    pub(crate) fn finish(self) -> TextOperation {
        self.operation
    }

    fn push(&mut self, component: Component) -> Result<(), OperationError> {
        if self.operation.components.len() >= COMPONENTS_MAX {
            return Err(OperationError::TooManyComponents { components_max: COMPONENTS_MAX });
        }
        self.operation.components.push(component);
        Ok(())
    }
}

fn grown(len: usize, more: usize) -> Result<usize, OperationError> {
    match len.checked_add(more) {
        Some(sum) if sum <= TEXT_CHARS_MAX => Ok(sum),
        _ => Err(OperationError::TooLong { chars_max: TEXT_CHARS_MAX }),
    }
}

#[cfg(test)]
mod tests {
    use super::Component::{Delete, Insert, Retain};
    use super::*;

    #[test]
    fn components_come_out_in_normal_form() {
        let cases = [
            ("nothing", vec![], vec![]),
            ("empty parts", vec![Retain(0), Insert(String::new()), Delete(0)], vec![]),
            (
                "neighbours",
                vec![Retain(1), Retain(2), Delete(1), Delete(1)],
                vec![Retain(3), Delete(2)],
            ),
            (
                "insertions round a deletion",
                vec![Insert("a".into()), Delete(2), Insert("b".into()), Delete(1)],
                vec![Insert("ab".into()), Delete(3)],
            ),
        ];
        for (name, given, expected) in cases {
            let operation = TextOperation::new(given).unwrap();
            assert_eq!(operation.components(), expected, "case: {name}");
        }
    }

    #[test]
    fn bounds_are_errors_and_never_panics() {
        let cases = [
            ("overflow", vec![Retain(usize::MAX), Retain(1)], "TEXT_TOO_LONG"),
            ("one past the bound", vec![Delete(TEXT_CHARS_MAX), Delete(1)], "TEXT_TOO_LONG"),
            ("target", vec![Retain(TEXT_CHARS_MAX), Insert("x".into())], "TEXT_TOO_LONG"),
        ];
        for (name, given, code) in cases {
            assert_eq!(TextOperation::new(given).unwrap_err().code(), code, "case: {name}");
        }
        assert!(TextOperation::new([Retain(TEXT_CHARS_MAX)]).is_ok());
        let alternating = |len| (0..len).map(|i| if i % 2 == 0 { Retain(1) } else { Delete(1) });
        assert!(TextOperation::new(alternating(COMPONENTS_MAX)).is_ok());
        let error = TextOperation::new(alternating(COMPONENTS_MAX + 1)).unwrap_err();
        assert_eq!(error.code(), "TEXT_OPERATION_TOO_LARGE");
    }

    #[test]
    fn applying_to_a_text_of_another_length_is_refused() {
        let operation = TextOperation::new([Retain(2), Insert("é".into()), Delete(1)]).unwrap();
        for (name, base, expected) in [
            ("fits", "a😀b", Some("a😀é")),
            ("too short", "a😀", None),
            ("too long", "a😀bc", None),
        ] {
            assert_eq!(operation.apply(base).ok().as_deref(), expected, "case: {name}");
            assert_eq!(operation.invert(base).is_ok(), expected.is_some(), "case: {name}");
        }
    }

    #[test]
    fn an_edit_that_says_which_text_it_was_made_for_fits_no_other_one_of_that_length() {
        let said = TextDigest::of("one two");
        assert_eq!(said, TextDigest(0x8ab6_3e29_a4ba_14e4));
        let operation = TextOperation::new([Retain(4), Delete(3)]).unwrap().made_for_text(said);
        assert_eq!(operation.apply("one two").unwrap(), "one ");
        assert_eq!(operation.apply("two one").unwrap_err().code(), "TEXT_DIFFERS");
        let then = TextOperation::new([Retain(4), Insert("six".into())]).unwrap();
        assert_eq!(operation.compose(&then).unwrap().made_for(), Some(said));
    }
}
