//! Why a JSON text was refused.

use thiserror::Error;

use crate::limits::{DEPTH_MAX, NUMBER_DIGITS_MAX, NUMBER_EXPONENT_MAX, PATH_BYTES_MAX};

/// Why a JSON text was refused; offsets count bytes from the start of the text that was given.
///
/// It never holds content of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum JsonError {
    /// The text ends inside a value.
    #[error("the text ends at byte {offset}, inside a value")]
    UnexpectedEnd {
        /// Length of the text, in bytes.
        offset: usize,
    },
    /// A byte that cannot stand where it stands.
    #[error("expected {expected} at byte {offset}")]
    UnexpectedByte {
        /// Where the byte is.
        offset: usize,
        /// What would have been right.
        expected: &'static str,
    },
    /// Something follows the value.
    #[error("something follows the value, at byte {offset}")]
    TrailingData {
        /// Where the rest begins.
        offset: usize,
    },
    /// The text starts with a UTF-8 byte order mark.
    #[error("the text starts with a byte order mark")]
    ByteOrderMark,
    /// The text is not UTF-8.
    #[error("not UTF-8 at byte {offset}")]
    InvalidUtf8 {
        /// The first byte that does not belong.
        offset: usize,
    },
    /// A control character stands unescaped in a string.
    #[error("unescaped control character in a string at byte {offset}")]
    ControlCharacter {
        /// Where the character is.
        offset: usize,
    },
    /// A backslash is followed by something that JSON does not define.
    #[error("unknown escape in a string at byte {offset}")]
    InvalidEscape {
        /// Where the backslash is.
        offset: usize,
    },
    /// A `\u` escape is one half of a surrogate pair and its other half is missing.
    #[error("half a surrogate pair in a string at byte {offset}")]
    LoneSurrogate {
        /// Where the backslash is.
        offset: usize,
    },
    /// A number is not written as JSON wants it (leading zero, no digit after the point, …).
    #[error("malformed number at byte {offset}")]
    InvalidNumber {
        /// The first byte that does not belong.
        offset: usize,
    },
    /// A number has too many digits.
    #[error("the number at byte {offset} is too long; at most {NUMBER_DIGITS_MAX} digits are kept")]
    NumberTooLong {
        /// Where the number begins.
        offset: usize,
    },
    /// A number is too large or too close to zero.
    #[error("the number at byte {offset} is beyond 10^±{NUMBER_EXPONENT_MAX}")]
    NumberOutOfRange {
        /// Where the number begins.
        offset: usize,
    },
    /// An object has one key twice (after escapes are resolved).
    #[error("the key at byte {offset} stands twice among the {key_count} keys of its object")]
    DuplicateKey {
        /// Where the second occurrence begins.
        offset: usize,
        /// How many keys the object has, counting both.
        key_count: usize,
    },
    /// Arrays and objects are nested too deeply.
    #[error("nested deeper than {DEPTH_MAX} levels at byte {offset}")]
    TooDeep {
        /// Where the first level too many opens.
        offset: usize,
    },
    /// An object was expected and something else was found.
    #[error("expected an object at byte {offset}")]
    NotAnObject {
        /// Where the other value begins.
        offset: usize,
    },
    /// An array was expected and something else was found.
    #[error("expected an array at byte {offset}")]
    NotAnArray {
        /// Where the other value begins.
        offset: usize,
    },
    /// The keys that lead to a value make a path that is too long.
    #[error("the path of the value at byte {offset} is longer than {PATH_BYTES_MAX} bytes")]
    PathTooLong {
        /// Where the value's key begins; 0 if the value was not read from a text.
        offset: usize,
    },
}

impl JsonError {
    /// Returns the stable code; codes are never renamed or used again.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::UnexpectedEnd { .. } => "JSON_UNEXPECTED_END",
            Self::UnexpectedByte { .. } => "JSON_UNEXPECTED_BYTE",
            Self::TrailingData { .. } => "JSON_TRAILING_DATA",
            Self::ByteOrderMark => "JSON_BYTE_ORDER_MARK",
            Self::InvalidUtf8 { .. } => "JSON_INVALID_UTF8",
            Self::ControlCharacter { .. } => "JSON_CONTROL_CHARACTER",
            Self::InvalidEscape { .. } => "JSON_INVALID_ESCAPE",
            Self::LoneSurrogate { .. } => "JSON_LONE_SURROGATE",
            Self::InvalidNumber { .. } => "JSON_INVALID_NUMBER",
            Self::NumberTooLong { .. } => "JSON_NUMBER_TOO_LONG",
            Self::NumberOutOfRange { .. } => "JSON_NUMBER_OUT_OF_RANGE",
            Self::DuplicateKey { .. } => "JSON_DUPLICATE_KEY",
            Self::TooDeep { .. } => "JSON_TOO_DEEP",
            Self::NotAnObject { .. } => "JSON_NOT_AN_OBJECT",
            Self::NotAnArray { .. } => "JSON_NOT_AN_ARRAY",
            Self::PathTooLong { .. } => "JSON_PATH_TOO_LONG",
        }
    }

    /// Returns what the person who owns the text can do; trying again unchanged never helps.
    pub const fn advice(&self) -> &'static str {
        match self {
            Self::UnexpectedEnd { .. } => "complete the text; the writer may have been interrupted",
            Self::UnexpectedByte { .. } => {
                "correct the text at this byte; it is not JSON (RFC 8259)"
            }
            Self::TrailingData { .. } => "keep one value per text and remove what follows it",
            Self::ByteOrderMark => "save the text as UTF-8 without a byte order mark",
            Self::InvalidUtf8 { .. } => "save the text as UTF-8",
            Self::ControlCharacter { .. } => "write the character as an escape, such as \\n or \\t",
            Self::InvalidEscape { .. } => {
                "use the escapes of RFC 8259 only, and \\\\ for a backslash"
            }
            Self::LoneSurrogate { .. } => "write both halves of the pair, or the character itself",
            Self::InvalidNumber { .. } => "write the number as JSON does, or as a string",
            Self::NumberTooLong { .. } | Self::NumberOutOfRange { .. } => {
                "write the number with fewer digits or a smaller exponent, or as a string"
            }
            Self::DuplicateKey { .. } => "remove or rename one of the two keys",
            Self::TooDeep { .. } => "nest the value less deeply",
            Self::NotAnObject { .. } => "put the members into an object",
            Self::NotAnArray { .. } => "put the elements into an array",
            Self::PathTooLong { .. } => "shorten the keys or nest them less deeply",
        }
    }

    /// Returns where the fault is, in bytes from the start of the text.
    pub const fn offset(&self) -> usize {
        match *self {
            Self::ByteOrderMark => 0,
            Self::UnexpectedEnd { offset }
            | Self::UnexpectedByte { offset, .. }
            | Self::TrailingData { offset }
            | Self::InvalidUtf8 { offset }
            | Self::ControlCharacter { offset }
            | Self::InvalidEscape { offset }
            | Self::LoneSurrogate { offset }
            | Self::InvalidNumber { offset }
            | Self::NumberTooLong { offset }
            | Self::NumberOutOfRange { offset }
            | Self::DuplicateKey { offset, .. }
            | Self::TooDeep { offset }
            | Self::NotAnObject { offset }
            | Self::NotAnArray { offset }
            | Self::PathTooLong { offset } => offset,
        }
    }

    /// Tells whether the text around the fault is still well-formed.
    ///
    /// Such a fault (a duplicate key, half a surrogate pair, too many levels, a number beyond the
    /// limits, bytes in a string that are not UTF-8) stays inside its element; see
    /// [`raw::elements_lenient`](super::raw::elements_lenient).
    pub const fn is_contained(&self) -> bool {
        matches!(
            self,
            Self::DuplicateKey { .. }
                | Self::LoneSurrogate { .. }
                | Self::TooDeep { .. }
                | Self::NumberTooLong { .. }
                | Self::NumberOutOfRange { .. }
                | Self::InvalidUtf8 { .. }
        )
    }
}
