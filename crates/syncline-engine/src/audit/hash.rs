//! A digest and its hexadecimal text.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};
use thiserror::Error;

/// A digest of 32 bytes: SHA-256 for commitments and the tree, BLAKE3 for the content that they
/// commit to. Its text form is 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash([u8; 32]);

impl Hash {
    /// Wraps 32 bytes.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Returns the 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Returns the SHA-256 of `parts`, one after the other, without separators.
    pub(super) fn of(parts: &[&[u8]]) -> Self {
        let mut state = Sha256::new();
        for part in parts {
            state.update(part);
        }
        Self(state.finalize().into())
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&to_hex(&self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Hash({self})")
    }
}

impl FromStr for Hash {
    type Err = HashTextError;

    fn from_str(text: &str) -> Result<Self, HashTextError> {
        let bytes = from_hex(text)?;
        let found_bytes = bytes.len();
        <[u8; 32]>::try_from(bytes)
            .map(Self)
            .map_err(|_| HashTextError::WrongLength { found_bytes })
    }
}

/// Why a text is not a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HashTextError {
    /// A character is no lower-case hexadecimal digit, or the last byte is half.
    #[error("not lower-case hexadecimal at byte {offset}")]
    NotHex {
        /// Where, in bytes from the start of the text.
        offset: usize,
    },
    /// The text is hexadecimal, but not of 32 bytes.
    #[error("a hash has 32 bytes, this text {found_bytes}")]
    WrongLength {
        /// Number of bytes written in the text.
        found_bytes: usize,
    },
}

impl HashTextError {
    /// Returns the stable code of this error.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotHex { .. } => "AUDIT_NOT_HEX",
            Self::WrongLength { .. } => "AUDIT_HASH_LENGTH",
        }
    }
}

/// Returns `bytes` as lower-case hexadecimal.
pub fn to_hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// Reads lower-case hexadecimal; upper case is refused, so that a value has one text only.
///
/// # Errors
///
/// [`HashTextError::NotHex`] names the first character that is none, or the one that is left over.
pub fn from_hex(text: &str) -> Result<Vec<u8>, HashTextError> {
    let digit = |offset: usize, byte: u8| match byte {
        b'0'..=b'9' => Ok(byte - b'0'),
        b'a'..=b'f' => Ok(byte - b'a' + 10),
        _ => Err(HashTextError::NotHex { offset }),
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let mut bytes = Vec::with_capacity(pairs.len());
    for (number, [high, low]) in pairs.iter().enumerate() {
        bytes.push(digit(2 * number, *high)? << 4 | digit(2 * number + 1, *low)?);
    }
    match rest.is_empty() {
        true => Ok(bytes),
        false => Err(HashTextError::NotHex { offset: text.len() - 1 }),
    }
}
