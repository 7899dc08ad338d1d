//! The alphabet of every stored form: varints, fixed numbers, tags, counted bytes and text.
//!
//! A [`Writer`] appends to a `Vec<u8>`; a [`Reader`] borrows from a slice and allocates nothing.
//! Each value has exactly one encoding, so equal values are equal bytes and a damaged form is
//! refused rather than read as something else. Decoding bytes from anywhere never panics.
//!
//! | Item | Bytes |
//! |---|---|
//! | `u8` | one byte; also the tag before a choice |
//! | `varint` | unsigned LEB128 of a `u64`, shortest form only, at most 10 bytes |
//! | `u64_be` | 8 bytes, big end first, so that encodings sort as the numbers do |
//! | `array` | that many bytes, as they are |
//! | `bytes`, `str` | a varint length in bytes, then the bytes (UTF-8 for `str`) |
//!
//! # Example
//!
//! ```
//! use syncline_model::codec::{Reader, Writer};
//!
//! let mut writer = Writer::new();
//! writer.varint(300);
//! writer.str("tasks");
//! let stored = writer.into_bytes();
//!
//! let mut reader = Reader::new(&stored);
//! assert_eq!(reader.varint()?, 300);
//! assert_eq!(reader.str()?, "tasks");
//! reader.finish()?;
//! # Ok::<(), syncline_model::codec::DecodeError>(())
//! ```

use thiserror::Error;

/// Why stored bytes could not be read, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("stored bytes are damaged at byte {offset}: {damage}")]
pub struct DecodeError {
    /// Where the damaged item starts, in bytes from the start of the [`Reader`]'s slice.
    pub offset: usize,
    /// What is wrong there.
    pub damage: Damage,
}

impl DecodeError {
    /// Returns the stable code of the error.
    pub const fn code(&self) -> &'static str {
        "DECODE_DAMAGED"
    }
}

/// What is wrong with stored bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Damage {
    /// The bytes end within an item.
    #[error("{missing_bytes} byte(s) are missing")]
    Truncated {
        /// How many more bytes the item needs.
        missing_bytes: u64,
    },
    /// A length or a count claims more than the bytes that are left can hold.
    #[error("a length claims {claimed} but only {remaining_bytes} byte(s) are left")]
    LengthBeyondEnd {
        /// The length in bytes, or the count of items.
        claimed: u64,
        /// What is left after the length.
        remaining_bytes: usize,
    },
    /// A varint is longer than it needs to be.
    #[error("a varint is longer than its value needs")]
    VarintOverlong,
    /// A varint does not fit into 64 bits.
    #[error("a varint does not fit into 64 bits")]
    VarintOverflow,
    /// A text is not UTF-8.
    #[error("a text is not UTF-8")]
    NotUtf8,
    /// A tag, a format version or a flag that this reader does not know.
    #[error("tag {tag} is unknown")]
    UnknownTag {
        /// The tag found.
        tag: u8,
    },
    /// A well-formed item whose value is not allowed there: out of range, out of order, given twice.
    #[error("{what} is not acceptable here")]
    NotAcceptable {
        /// Which item, in words of the format.
        what: &'static str,
    },
    /// Bytes are left after the end.
    #[error("{extra_bytes} byte(s) follow the end")]
    Trailing {
        /// How many.
        extra_bytes: usize,
    },
}

/// Longest encoding of a varint, in bytes: 64 bits, seven a byte.
pub const VARINT_BYTES_MAX: usize = 10;

/// Reads stored bytes front to back, borrowing from them.
///
/// After an error the position is unchanged, at the start of the item that could not be read.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    /// Starts at the front of `bytes`.
    #[inline]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, offset: 0 }
    }

    /// Returns how many bytes were read.
    #[inline]
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// Returns how many bytes are left.
    #[inline]
    pub const fn remaining(&self) -> usize {
        self.bytes.len() - self.offset
    }

    /// Returns whether nothing is left.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.remaining() == 0
    }

    /// Reads a tag of one byte.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] at the end of the bytes, or if `accept` does not know the tag.
    pub fn tag<T>(&mut self, accept: impl FnOnce(u8) -> Option<T>) -> Result<T, DecodeError> {
        let at = self.offset;
        let tag = self.u8()?;
        accept(tag).ok_or_else(|| Self::damaged_at(at, Damage::UnknownTag { tag }))
    }

    /// Reads whether something is so: a byte that is 0 or 1.
    ///
    /// # Errors
    ///
    /// As [`tag`](Self::tag).
    pub fn flag(&mut self) -> Result<bool, DecodeError> {
        self.tag(|tag| match tag {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        })
    }

    /// Returns the error that the item at `offset` is damaged in this way.
    ///
    /// For decoders built on this one: take [`offset`](Self::offset) before reading the item.
    #[inline]
    pub const fn damaged_at(offset: usize, damage: Damage) -> DecodeError {
        DecodeError { offset, damage }
    }

    /// Reads one byte.
    ///
    /// # Errors
    ///
    /// [`Damage::Truncated`] at the end.
    #[inline]
    pub fn u8(&mut self) -> Result<u8, DecodeError> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    /// Reads a number of 64 bits, big end first.
    ///
    /// # Errors
    ///
    /// [`Damage::Truncated`] if fewer than 8 bytes are left.
    #[inline]
    pub fn u64_be(&mut self) -> Result<u64, DecodeError> {
        self.array().map(u64::from_be_bytes)
    }

    /// Reads `N` bytes as they are.
    ///
    /// # Errors
    ///
    /// [`Damage::Truncated`] if fewer are left.
    #[inline]
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let rest = self.bytes.get(self.offset..).unwrap_or_default();
        let Some(head) = rest.first_chunk::<N>() else {
            let missing_bytes = (N - rest.len()) as u64;
            return Err(Self::damaged_at(self.offset, Damage::Truncated { missing_bytes }));
        };
        self.offset += N;
        Ok(*head)
    }

    /// Reads a number in its shortest LEB128 form.
    ///
    /// # Errors
    ///
    /// [`Damage::Truncated`], [`Damage::VarintOverlong`] or [`Damage::VarintOverflow`].
    #[inline]
    pub fn varint(&mut self) -> Result<u64, DecodeError> {
        let rest = self.bytes.get(self.offset..).unwrap_or_default();
        if let Some(&byte) = rest.first()
            && byte < 0x80
        {
            self.offset += 1;
            return Ok(u64::from(byte));
        }
        self.varint_of_many_bytes()
    }

    /// Apart, so that the short form, which nearly all numbers have, is read where it is asked for.
    #[inline(never)]
    fn varint_of_many_bytes(&mut self) -> Result<u64, DecodeError> {
        let rest = self.bytes.get(self.offset..).unwrap_or_default();
        let mut value = 0u64;
        for (index, &byte) in rest.iter().take(VARINT_BYTES_MAX).enumerate() {
            let septet = u64::from(byte & 0x7f);
            if index == VARINT_BYTES_MAX - 1 && byte > 1 {
                return Err(Self::damaged_at(self.offset, Damage::VarintOverflow));
            }
            value |= septet << (7 * index);
            if byte & 0x80 == 0 {
                if byte == 0 && index > 0 {
                    return Err(Self::damaged_at(self.offset, Damage::VarintOverlong));
                }
                self.offset += index + 1;
                return Ok(value);
            }
        }
        Err(Self::damaged_at(self.offset, Damage::Truncated { missing_bytes: 1 }))
    }

    /// Reads how many items follow, each of at least `item_bytes_min` (≥ 1) bytes.
    ///
    /// The answer is bounded by the bytes that are left, so that a vector of that capacity may be
    /// allocated before the items are read.
    ///
    /// # Errors
    ///
    /// Those of [`varint`](Self::varint), and [`Damage::LengthBeyondEnd`] if so many cannot follow.
    #[inline]
    pub fn count(&mut self, item_bytes_min: usize) -> Result<usize, DecodeError> {
        debug_assert!(item_bytes_min > 0, "an item of no bytes would leave the count unbounded");
        let start = self.offset;
        let claimed = self.varint()?;
        let remaining_bytes = self.remaining();
        let items_max = remaining_bytes / item_bytes_min.max(1);
        match usize::try_from(claimed) {
            Ok(count) if count <= items_max => Ok(count),
            _ => {
                self.offset = start;
                Err(Self::damaged_at(start, Damage::LengthBeyondEnd { claimed, remaining_bytes }))
            }
        }
    }

    /// Reads counted bytes.
    ///
    /// # Errors
    ///
    /// Those of [`varint`](Self::varint), and [`Damage::LengthBeyondEnd`].
    #[inline]
    pub fn bytes(&mut self) -> Result<&'a [u8], DecodeError> {
        let count = self.count(1)?;
        let start = self.offset;
        let bytes = self.bytes.get(start..start + count).unwrap_or_default();
        self.offset += count;
        Ok(bytes)
    }

    /// Reads counted text.
    ///
    /// # Errors
    ///
    /// Those of [`bytes`](Self::bytes), and [`Damage::NotUtf8`].
    #[inline]
    pub fn str(&mut self) -> Result<&'a str, DecodeError> {
        let start = self.offset;
        let bytes = self.bytes()?;
        std::str::from_utf8(bytes).map_err(|_| {
            self.offset = start;
            Self::damaged_at(start, Damage::NotUtf8)
        })
    }

    /// Reads counted bytes if they are these; answers whether they were. Otherwise, and where the
    /// bytes are damaged, nothing is read.
    #[inline]
    pub fn skip_bytes(&mut self, wanted: &[u8]) -> bool {
        let start = self.offset;
        let found = self.bytes().is_ok_and(|bytes| bytes == wanted);
        if !found {
            self.offset = start;
        }
        found
    }

    /// Reads everything that is left.
    pub fn rest(&mut self) -> &'a [u8] {
        let rest = self.bytes.get(self.offset..).unwrap_or_default();
        self.offset = self.bytes.len();
        rest
    }

    /// Ends the reading.
    ///
    /// # Errors
    ///
    /// [`Damage::Trailing`] if something is left.
    #[inline]
    pub const fn finish(self) -> Result<(), DecodeError> {
        match self.remaining() {
            0 => Ok(()),
            extra_bytes => Err(Self::damaged_at(self.offset, Damage::Trailing { extra_bytes })),
        }
    }
}

/// Appends items to stored bytes. It never fails.
#[derive(Clone, Debug, Default)]
pub struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// Starts with nothing.
    #[inline]
    pub const fn new() -> Self {
        Self { bytes: Vec::new() }
    }

    /// Starts with nothing, and room for `capacity_bytes`.
    #[inline]
    pub fn with_capacity(capacity_bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(capacity_bytes) }
    }

    /// Goes on after what `bytes` holds, so that a buffer may be used again.
    pub const fn onto(bytes: Vec<u8>) -> Self {
        Self { bytes }
    }

    /// Appends one byte.
    #[inline]
    pub fn u8(&mut self, value: u8) {
        self.bytes.push(value);
    }

    /// Appends a number of 64 bits, big end first.
    #[inline]
    pub fn u64_be(&mut self, value: u64) {
        self.bytes.extend_from_slice(&value.to_be_bytes());
    }

    /// Appends a number in its shortest LEB128 form: one byte below 128, ten at most.
    #[inline]
    pub fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }

    /// Appends how many items follow; the items are the caller's next calls.
    #[inline]
    pub fn count(&mut self, count: usize) {
        self.varint(count as u64);
    }

    /// Appends counted bytes.
    #[inline]
    pub fn bytes(&mut self, value: &[u8]) {
        self.count(value.len());
        self.raw(value);
    }

    /// Appends counted text.
    #[inline]
    pub fn str(&mut self, value: &str) {
        self.bytes(value.as_bytes());
    }

    /// Appends bytes as they are: an array, or the rest of the form.
    #[inline]
    pub fn raw(&mut self, value: &[u8]) {
        self.bytes.extend_from_slice(value);
    }

    /// Returns what was written so far.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns what was written.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

#[cfg(test)]
mod tests;
