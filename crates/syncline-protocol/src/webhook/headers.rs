//! Headers of a request: names that are ours, values that any header may have.

use std::ops::Range;

/// Headers in the order in which they were added. All values are in one text, so that a request takes two
/// allocations and not one for each header.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers {
    values: String,
    parts: Vec<(&'static str, Range<usize>)>,
}

impl Headers {
    /// Adds a header. What no value may hold, and what CloudEvents wants encoded, becomes `%` and two
    /// hexadecimal digits: control characters, blanks, `"`, `%` and everything beyond ASCII.
    pub fn push(&mut self, name: &'static str, value: &str) {
        self.push_parts(name, &[value]);
    }

    /// Adds a header whose value has several parts; see [`push`](Self::push).
    pub fn push_parts(&mut self, name: &'static str, parts: &[&str]) {
        self.push_with(name, |values| parts.iter().for_each(|part| push_encoded(part, values)));
    }

    /// Adds a header whose value `write` appends: visible ASCII and blanks, nothing else.
    pub(super) fn push_with(&mut self, name: &'static str, write: impl FnOnce(&mut String)) {
        let start = self.values.len();
        write(&mut self.values);
        debug_assert!(self.values.bytes().skip(start).all(|byte| matches!(byte, b' '..=b'~')));
        self.parts.push((name, start..self.values.len()));
    }

    /// Returns names and values, in the order in which they were added.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let value = |range: &Range<usize>| self.values.get(range.clone()).unwrap_or_default();
        self.parts.iter().map(move |(name, range)| (*name, value(range)))
    }

    /// Returns the value of a header; of the first one of that name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find_map(|(found, value)| (found == name).then_some(value))
    }

    /// Parts the headers into all values and where those of each name are: for a sender that makes slices of one
    /// buffer of them.
    pub fn into_parts(self) -> (String, Vec<(&'static str, Range<usize>)>) {
        (self.values, self.parts)
    }
}

/// Appends a text with everything encoded that a value of a header may not hold.
fn push_encoded(text: &str, out: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let is_plain = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'%';
    if text.bytes().all(is_plain) {
        return out.push_str(text);
    }
    for byte in text.bytes() {
        if is_plain(byte) {
            out.push(char::from(byte));
        } else {
            let digit = |half: u8| char::from(DIGITS[usize::from(half & 0xF)]);
            out.extend(['%', digit(byte >> 4), digit(byte)]);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_text_breaks_out_of_its_header(values in prop::collection::vec(".{0,20}", 0..5)) {
            let mut headers = Headers::default();
            for value in &values {
                headers.push("x-a", value);
            }
            prop_assert_eq!(headers.iter().count(), values.len());
            prop_assert!(headers.iter().all(|(_, value)| value.bytes().all(|byte| byte.is_ascii_graphic())));
            let (text, parts) = headers.clone().into_parts();
            let sliced: Vec<_> = parts.into_iter().map(|(name, range)| (name, &text[range])).collect();
            prop_assert_eq!(sliced, headers.iter().collect::<Vec<_>>());
        }
    }
}
