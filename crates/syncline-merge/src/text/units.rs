//! Scalar values and UTF-16: offsets of JavaScript peers.
//!
//! A JavaScript string counts UTF-16 code units; a character outside the basic plane (most emoji)
//! counts two there and one here.

use super::ot::{Component, OperationError, TextOperation};

/// Returns the offset in scalar values of the UTF-16 offset `utf16` in `text`; linear in `text`.
///
/// # Errors
///
/// [`OperationError::NotAtCharacter`] if `utf16` is within a surrogate pair or behind the end.
pub fn from_utf16_offset(text: &str, utf16: usize) -> Result<usize, OperationError> {
    let mut reader = Utf16Reader::new(text);
    reader.skip_units(utf16)
}

/// Returns the UTF-16 offset of the offset `chars` (in scalar values) in `text`, or of the end of
/// `text` if it is shorter; linear in `text`.
pub fn to_utf16_offset(text: &str, chars: usize) -> usize {
    text.chars().take(chars).map(char::len_utf16).sum()
}

/// Builds the operation on `base` whose lengths were counted in UTF-16 code units.
///
/// # Errors
///
/// [`OperationError::NotAtCharacter`] if a component ends within a surrogate pair or behind the end
/// of `base`; otherwise as [`TextOperation::new`].
pub fn from_utf16(
    base: &str,
    components: impl IntoIterator<Item = Component>,
) -> Result<TextOperation, OperationError> {
    let mut reader = Utf16Reader::new(base);
    let mut converted = Vec::new();
    for component in components {
        converted.push(match component {
            Component::Retain(units) => Component::Retain(reader.skip_units(units)?),
            Component::Delete(units) => Component::Delete(reader.skip_units(units)?),
            Component::Insert(text) => Component::Insert(text),
        });
    }
    TextOperation::new(converted)
}

/// Returns the components of `operation` with lengths in UTF-16 code units of `base`.
///
/// # Errors
///
/// [`OperationError::LengthMismatch`] if `operation` was not made for a text as long as `base`.
pub fn to_utf16(base: &str, operation: &TextOperation) -> Result<Vec<Component>, OperationError> {
    let found = base.chars().count();
    if found != operation.base_len() {
        return Err(OperationError::LengthMismatch { expected: operation.base_len(), found });
    }
    let mut rest = base.chars();
    let mut units_of = |len: usize| rest.by_ref().take(len).map(char::len_utf16).sum();
    Ok(operation
        .components()
        .iter()
        .map(|component| match component {
            Component::Retain(len) => Component::Retain(units_of(*len)),
            Component::Delete(len) => Component::Delete(units_of(*len)),
            Component::Insert(text) => Component::Insert(text.clone()),
        })
        .collect())
}

struct Utf16Reader<'a> {
    rest: std::str::Chars<'a>,
    offset: usize,
}

impl<'a> Utf16Reader<'a> {
    fn new(text: &'a str) -> Self {
        Self { rest: text.chars(), offset: 0 }
    }

    /// Moves `units` code units on and returns how many scalar values that is.
    fn skip_units(&mut self, units: usize) -> Result<usize, OperationError> {
        let mut left = units;
        let mut chars = 0;
        while left > 0 {
            let width = self.rest.next().map(char::len_utf16).filter(|width| *width <= left);
            let Some(width) = width else {
                let offset = self.offset.saturating_add(units);
                return Err(OperationError::NotAtCharacter { offset });
            };
            left -= width;
            chars += 1;
        }
        self.offset += units;
        Ok(chars)
    }
}

#[cfg(test)]
mod tests {
    use super::Component::{Delete, Insert, Retain};
    use super::*;

    #[test]
    fn offsets_stand_at_characters() {
        let text = "a😀é𝄞";
        let cases = [
            ("start", 0, Some(0)),
            ("before the pair", 1, Some(1)),
            ("within the pair", 2, None),
            ("behind the pair", 3, Some(2)),
            ("behind the accent", 4, Some(3)),
            ("end", 6, Some(4)),
            ("behind the end", 7, None),
            ("far behind the end", usize::MAX, None),
        ];
        for (name, utf16, chars) in cases {
            assert_eq!(from_utf16_offset(text, utf16).ok(), chars, "case: {name}");
            if let Some(chars) = chars {
                assert_eq!(to_utf16_offset(text, chars), utf16, "case: {name}");
            }
        }
    }

    #[test]
    fn a_javascript_edit_and_back() {
        let base = "😀 ok 😀";
        let units = vec![Retain(3), Insert("𝄞".into()), Delete(2), Retain(3)];
        let operation = from_utf16(base, units.clone()).unwrap();
        assert_eq!(operation.apply(base).unwrap(), "😀 𝄞 😀");
        assert_eq!(to_utf16(base, &operation).unwrap(), units);
        assert_eq!(from_utf16(base, [Retain(1)]).unwrap_err().code(), "TEXT_OFFSET_INVALID");
    }
}
