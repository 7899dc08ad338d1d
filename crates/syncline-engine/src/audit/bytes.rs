//! Canonical bytes: a version byte, then fields in a fixed order.
//!
//! Numbers are 8 bytes big-endian; texts carry a 4-byte big-endian length; an optional field starts
//! with 0 (absent) or 1. There is exactly one encoding of a value, so equal values have equal
//! hashes and no byte of an encoding is free to change.

use thiserror::Error;

use super::hash::Hash;
use super::limits::WORD_BYTES_MAX;

/// Why the value of a field cannot be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FieldError {
    /// The value is longer than its limit.
    #[error("field `{field}` has {found_bytes} bytes; at most {bytes_max} are kept")]
    TooLong {
        /// Name of the field.
        field: &'static str,
        /// Its length in bytes.
        found_bytes: usize,
        /// The limit, in bytes.
        bytes_max: usize,
    },
    /// The value is not an upper-case word such as `DATA_SYNC`.
    #[error("field `{field}` is not a word of A-Z, 0-9 and _")]
    NotAWord {
        /// Name of the field.
        field: &'static str,
    },
    /// More records than one batch may hold.
    #[error("batch has {found} records; at most {records_max} are kept under one leaf")]
    TooManyRecords {
        /// Number of records.
        found: u64,
        /// The limit.
        records_max: u64,
    },
}

impl FieldError {
    /// Returns the stable code of this error.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLong { .. } => "AUDIT_FIELD_TOO_LONG",
            Self::NotAWord { .. } => "AUDIT_FIELD_NOT_A_WORD",
            Self::TooManyRecords { .. } => "AUDIT_TOO_MANY_RECORDS",
        }
    }
}

/// Why stored bytes cannot be read. Offsets count bytes from the start of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The bytes end inside a field.
    #[error("bytes end early, in a field that starts at byte {offset}")]
    Truncated {
        /// Where the field starts.
        offset: usize,
    },
    /// Bytes follow the last field.
    #[error("unexpected bytes after the last field, from byte {offset}")]
    Trailing {
        /// Where the surplus starts.
        offset: usize,
    },
    /// The whole input is larger than any valid one.
    #[error("input has {found_bytes} bytes; at most {bytes_max} are read")]
    TooLarge {
        /// Length of the input, in bytes.
        found_bytes: usize,
        /// The limit, in bytes.
        bytes_max: usize,
    },
    /// The first byte names a version that this program does not read.
    #[error("format version {found}; this program reads {supported}")]
    UnknownVersion {
        /// Version of the input.
        found: u8,
        /// The version that is read.
        supported: u8,
    },
    /// A byte that selects a variant has no meaning.
    #[error("unknown variant {found} at byte {offset}")]
    UnknownVariant {
        /// The byte.
        found: u8,
        /// Where it stands.
        offset: usize,
    },
    /// A text is not UTF-8.
    #[error("field `{field}` is not UTF-8")]
    NotUtf8 {
        /// Name of the field.
        field: &'static str,
    },
    /// The tree claims more leaves than any real one.
    #[error("tree of {found} leaves; at most {leaves_max} are read")]
    TreeTooLarge {
        /// Claimed number of leaves.
        found: u64,
        /// The limit.
        leaves_max: u64,
    },
    /// A field holds what must not be stored.
    #[error(transparent)]
    Field(#[from] FieldError),
}

impl DecodeError {
    /// Returns the stable code of this error.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Truncated { .. } => "AUDIT_BYTES_TRUNCATED",
            Self::Trailing { .. } => "AUDIT_BYTES_TRAILING",
            Self::TooLarge { .. } => "AUDIT_BYTES_TOO_LARGE",
            Self::UnknownVersion { .. } => "AUDIT_VERSION_UNKNOWN",
            Self::UnknownVariant { .. } => "AUDIT_VARIANT_UNKNOWN",
            Self::NotUtf8 { .. } => "AUDIT_NOT_UTF8",
            Self::TreeTooLarge { .. } => "AUDIT_TREE_TOO_LARGE",
            Self::Field(cause) => cause.code(),
        }
    }
}

/// Checks that `value` fits in `bytes_max` bytes.
pub(super) fn check_length(
    field: &'static str,
    value: &[u8],
    bytes_max: usize,
) -> Result<(), FieldError> {
    let found_bytes = value.len();
    match found_bytes <= bytes_max {
        true => Ok(()),
        false => Err(FieldError::TooLong { field, found_bytes, bytes_max }),
    }
}

/// Checks that `value` is a word such as `DATA_SYNC`.
pub(super) fn check_word(field: &'static str, value: &str) -> Result<(), FieldError> {
    check_length(field, value.as_bytes(), WORD_BYTES_MAX)?;
    let starts_well = value.bytes().next().is_some_and(|byte| byte.is_ascii_uppercase());
    let is_word_byte =
        |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    match starts_well && value.bytes().all(is_word_byte) {
        true => Ok(()),
        false => Err(FieldError::NotAWord { field }),
    }
}

/// Builds canonical bytes field by field. Lengths were checked when the value was built.
pub(super) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// Starts an encoding with its version.
    pub(super) fn new(version: u8) -> Self {
        Self { bytes: vec![version] }
    }

    pub(super) fn byte(mut self, value: u8) -> Self {
        self.bytes.push(value);
        self
    }

    pub(super) fn number(mut self, value: u64) -> Self {
        self.bytes.extend_from_slice(&value.to_be_bytes());
        self
    }

    pub(super) fn fixed(mut self, value: &[u8; 32]) -> Self {
        self.bytes.extend_from_slice(value);
        self
    }

    pub(super) fn hash(self, value: Hash) -> Self {
        self.fixed(value.as_bytes())
    }

    pub(super) fn optional_hash(self, value: Option<Hash>) -> Self {
        match value {
            None => self.byte(0),
            Some(value) => self.byte(1).hash(value),
        }
    }

    pub(super) fn text(self, value: &str) -> Self {
        self.blob(value.as_bytes())
    }

    pub(super) fn optional_text(self, value: Option<&str>) -> Self {
        match value {
            None => self.byte(0),
            Some(value) => self.byte(1).text(value),
        }
    }

    pub(super) fn blob(mut self, value: &[u8]) -> Self {
        let length = u32::try_from(value.len()).expect("invariant: lengths are bounded by limits");
        self.bytes.extend_from_slice(&length.to_be_bytes());
        self.bytes.extend_from_slice(value);
        self
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

/// Reads canonical bytes field by field; every read is bounded and answers an error, never a panic.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    /// Opens `bytes`, which must be of version `supported` and no longer than `bytes_max`.
    pub(super) fn new(
        bytes: &'a [u8],
        supported: u8,
        bytes_max: usize,
    ) -> Result<Self, DecodeError> {
        let found_bytes = bytes.len();
        if found_bytes > bytes_max {
            return Err(DecodeError::TooLarge { found_bytes, bytes_max });
        }
        let mut reader = Self { rest: bytes, offset: 0 };
        match reader.byte()? {
            found if found == supported => Ok(reader),
            found => Err(DecodeError::UnknownVersion { found, supported }),
        }
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], DecodeError> {
        let offset = self.offset;
        let (taken, rest) =
            self.rest.split_at_checked(count).ok_or(DecodeError::Truncated { offset })?;
        self.rest = rest;
        self.offset += count;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let offset = self.offset;
        self.take(N)?.try_into().map_err(|_| DecodeError::Truncated { offset })
    }

    pub(super) fn byte(&mut self) -> Result<u8, DecodeError> {
        let [value] = self.array::<1>()?;
        Ok(value)
    }

    pub(super) fn number(&mut self) -> Result<u64, DecodeError> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    pub(super) fn fixed(&mut self) -> Result<[u8; 32], DecodeError> {
        self.array()
    }

    pub(super) fn hash(&mut self) -> Result<Hash, DecodeError> {
        Ok(Hash::new(self.array()?))
    }

    /// Reads a byte that must be 0 or 1.
    pub(super) fn flag(&mut self) -> Result<bool, DecodeError> {
        let offset = self.offset;
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            found => Err(DecodeError::UnknownVariant { found, offset }),
        }
    }

    /// Reads a byte that must be `expected`: the kind of the content.
    pub(super) fn kind(&mut self, expected: u8) -> Result<(), DecodeError> {
        let offset = self.offset;
        match self.byte()? {
            found if found == expected => Ok(()),
            found => Err(DecodeError::UnknownVariant { found, offset }),
        }
    }

    pub(super) fn optional_hash(&mut self) -> Result<Option<Hash>, DecodeError> {
        Ok(if self.flag()? { Some(self.hash()?) } else { None })
    }

    pub(super) fn blob(
        &mut self,
        field: &'static str,
        bytes_max: usize,
    ) -> Result<&'a [u8], DecodeError> {
        let offset = self.offset;
        let length = u32::from_be_bytes(self.array()?);
        let found_bytes = usize::try_from(length).map_err(|_| DecodeError::Truncated { offset })?;
        if found_bytes > bytes_max {
            return Err(FieldError::TooLong { field, found_bytes, bytes_max }.into());
        }
        self.take(found_bytes)
    }

    pub(super) fn text(
        &mut self,
        field: &'static str,
        bytes_max: usize,
    ) -> Result<&'a str, DecodeError> {
        let bytes = self.blob(field, bytes_max)?;
        std::str::from_utf8(bytes).map_err(|_| DecodeError::NotUtf8 { field })
    }

    pub(super) fn optional_text(
        &mut self,
        field: &'static str,
        bytes_max: usize,
    ) -> Result<Option<&'a str>, DecodeError> {
        Ok(if self.flag()? { Some(self.text(field, bytes_max)?) } else { None })
    }

    /// Ends reading; nothing may be left.
    pub(super) fn finish(self) -> Result<(), DecodeError> {
        match self.rest.is_empty() {
            true => Ok(()),
            false => Err(DecodeError::Trailing { offset: self.offset }),
        }
    }
}
