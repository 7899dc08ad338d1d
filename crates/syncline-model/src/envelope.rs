//! The envelope for values at rest: in the images of the log, bases, conflicts and what an undo goes
//! back to.
//!
//! Only plain values are written yet. The place and the form are settled, so that sealing will not
//! change a row.
//!
//! A value is stored plain, or sealed under a key that can be destroyed when its subject is erased.
//! A reader takes both, so that a sealed value is passed on untouched.
//!
//! | Envelope | Bytes |
//! |---|---|
//! | plain | `01`, the value to the end |
//! | sealed | `02`, key id (counted text), nonce (counted bytes), ciphertext to the end |
//!
//! An envelope fills its column or its counted item: it has no length of its own.
//!
//! # Example
//!
//! ```
//! use syncline_model::envelope::Envelope;
//!
//! let stored = Envelope::Plain(b"\"Ada\"").encode();
//! assert_eq!(Envelope::decode(&stored)?.plain()?, b"\"Ada\"");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::fmt;

use thiserror::Error;

use crate::codec::{Damage, DecodeError, Reader, Writer};
use crate::limits::{ENVELOPE_KEY_ID_BYTES_MAX, ENVELOPE_NONCE_BYTES_MAX};

/// The version of the stored form that this module writes.
pub const FORMAT_VERSION: u8 = 1;

/// The tags of version 1. A new kind of envelope takes a new tag; a tag is never used again.
const PLAIN: u8 = 0x01;
const SEALED: u8 = 0x02;

/// A value at rest, borrowed from the stored bytes. `Debug` shows lengths, never the value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Envelope<'a> {
    /// The value itself.
    Plain(&'a [u8]),
    /// The value, encrypted.
    Sealed(Sealed<'a>),
}

/// An encrypted value, opaque here: whoever holds the key knows the cipher.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Sealed<'a> {
    key_id: &'a str,
    nonce: &'a [u8],
    ciphertext: &'a [u8],
}

/// Why a value could not be taken from its envelope, or put into one.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EnvelopeError {
    /// The value is encrypted. The caller asks the keeper of keys, or says that the value is gone.
    #[error("the value is sealed under a key")]
    Sealed,
    /// A key id or a nonce is empty or too long.
    #[error("the {part} of a sealed value has {bytes} bytes; 1 to {bytes_max} are accepted")]
    Part {
        /// `key id` or `nonce`.
        part: &'static str,
        /// Length found, in bytes.
        bytes: usize,
        /// Longest accepted, in bytes.
        bytes_max: usize,
    },
}

impl EnvelopeError {
    /// Returns the stable code of the error.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Sealed => "ENVELOPE_SEALED",
            Self::Part { .. } => "ENVELOPE_INVALID",
        }
    }
}

impl<'a> Sealed<'a> {
    /// Puts together an encrypted value.
    ///
    /// - `key_id`: which key opens it, 1 to [`ENVELOPE_KEY_ID_BYTES_MAX`] bytes.
    /// - `nonce`: 1 to [`ENVELOPE_NONCE_BYTES_MAX`] bytes, unique for that key.
    ///
    /// # Errors
    ///
    /// [`EnvelopeError::Part`] if one of them is empty or too long.
    pub fn new(
        key_id: &'a str,
        nonce: &'a [u8],
        ciphertext: &'a [u8],
    ) -> Result<Self, EnvelopeError> {
        check("key id", key_id.len(), ENVELOPE_KEY_ID_BYTES_MAX)?;
        check("nonce", nonce.len(), ENVELOPE_NONCE_BYTES_MAX)?;
        Ok(Self { key_id, nonce, ciphertext })
    }

    /// Returns which key opens the value.
    pub const fn key_id(&self) -> &'a str {
        self.key_id
    }

    /// Returns the number used once with that key.
    pub const fn nonce(&self) -> &'a [u8] {
        self.nonce
    }

    /// Returns the encrypted bytes.
    pub const fn ciphertext(&self) -> &'a [u8] {
        self.ciphertext
    }
}

fn check(part: &'static str, bytes: usize, bytes_max: usize) -> Result<(), EnvelopeError> {
    if (1..=bytes_max).contains(&bytes) {
        return Ok(());
    }
    Err(EnvelopeError::Part { part, bytes, bytes_max })
}

impl<'a> Envelope<'a> {
    /// Returns the stored form.
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::with_capacity(self.encoded_bytes_max());
        self.write(&mut writer);
        writer.into_bytes()
    }

    /// Appends the stored form; nothing may follow it within its item.
    pub fn write(&self, writer: &mut Writer) {
        match self {
            Self::Plain(value) => {
                writer.u8(PLAIN);
                writer.raw(value);
            }
            Self::Sealed(sealed) => {
                writer.u8(SEALED);
                writer.str(sealed.key_id);
                writer.bytes(sealed.nonce);
                writer.raw(sealed.ciphertext);
            }
        }
    }

    fn encoded_bytes_max(&self) -> usize {
        match self {
            Self::Plain(value) => 1 + value.len(),
            Self::Sealed(sealed) => {
                1 + 2 + sealed.key_id.len() + 2 + sealed.nonce.len() + sealed.ciphertext.len()
            }
        }
    }

    /// Reads the stored form, which is all of `stored`.
    ///
    /// # Errors
    ///
    /// [`DecodeError`]: a tag that this version does not know, or a damaged sealed value. The
    /// caller keeps the bytes and reports the row.
    pub fn decode(stored: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(stored);
        match reader.u8()? {
            PLAIN => Ok(Self::Plain(reader.rest())),
            SEALED => {
                let start = reader.offset();
                let (key_id, nonce) = (reader.str()?, reader.bytes()?);
                let sealed = Sealed::new(key_id, nonce, reader.rest()).map_err(|_| {
                    let what = "the length of a key id or a nonce";
                    Reader::damaged_at(start, Damage::NotAcceptable { what })
                })?;
                Ok(Self::Sealed(sealed))
            }
            tag => Err(Reader::damaged_at(0, Damage::UnknownTag { tag })),
        }
    }

    /// Reads a stored form of which only a plain value is of use.
    ///
    /// # Errors
    ///
    /// As [`Envelope::decode`], and if the value is encrypted.
    pub fn open(stored: &'a [u8]) -> Result<&'a [u8], DecodeError> {
        let sealed = |_| Reader::damaged_at(0, Damage::NotAcceptable { what: "value under a key" });
        Self::decode(stored)?.plain().map_err(sealed)
    }

    /// Returns the value, if it is not encrypted.
    ///
    /// # Errors
    ///
    /// [`EnvelopeError::Sealed`] if it is.
    pub const fn plain(&self) -> Result<&'a [u8], EnvelopeError> {
        match self {
            Self::Plain(value) => Ok(value),
            Self::Sealed(_) => Err(EnvelopeError::Sealed),
        }
    }
}

impl fmt::Debug for Envelope<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(value) => write!(f, "Plain({} bytes)", value.len()),
            Self::Sealed(sealed) => sealed.fmt(f),
        }
    }
}

impl fmt::Debug for Sealed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed(key {:?}, {} bytes)", self.key_id, self.ciphertext.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PLAIN_FILE: &[u8] =
        include_bytes!("../../../fixtures/model/v1/envelope-plain-value-that-looks-sealed.bin");
    const EMPTY_FILE: &[u8] =
        include_bytes!("../../../fixtures/model/v1/envelope-plain-empty-value.bin");
    const SEALED_FILE: &[u8] =
        include_bytes!("../../../fixtures/model/v1/envelope-sealed-with-empty-ciphertext.bin");
    const TAG_FILE: &[u8] =
        include_bytes!("../../../fixtures/model/v1/envelope-tag-of-a-later-version.bin");
    const KEYLESS_FILE: &[u8] =
        include_bytes!("../../../fixtures/model/v1/envelope-sealed-without-key-id.bin");

    #[test]
    fn golden_bytes_are_written_and_read() -> Result<(), EnvelopeError> {
        let sealed = Sealed::new("subject-7", &[9; 24], b"")?;
        let cases = [
            ("plain", PLAIN_FILE, Envelope::Plain(&[SEALED, 0])),
            ("empty", EMPTY_FILE, Envelope::Plain(b"")),
            ("sealed", SEALED_FILE, Envelope::Sealed(sealed)),
        ];
        for (name, file, envelope) in cases {
            assert_eq!(envelope.encode(), file, "bump the format version: {name}");
            assert_eq!(Envelope::decode(file), Ok(envelope), "case: {name}");
        }
        Ok(())
    }

    #[test]
    fn what_is_not_an_envelope_is_refused() {
        let damaged = |offset, damage| Err(DecodeError { offset, damage });
        let what = "the length of a key id or a nonce";
        let cases: [(&str, &[u8], _); 3] = [
            ("nothing", b"", damaged(0, Damage::Truncated { missing_bytes: 1 })),
            ("later tag", TAG_FILE, damaged(0, Damage::UnknownTag { tag: 3 })),
            ("no key id", KEYLESS_FILE, damaged(1, Damage::NotAcceptable { what })),
        ];
        for (name, stored, expected) in cases {
            assert_eq!(Envelope::decode(stored), expected, "case: {name}");
        }
        let long = "k".repeat(ENVELOPE_KEY_ID_BYTES_MAX + 1);
        assert!(Sealed::new(&long, b"n", b"").is_err());
        assert!(Sealed::new("k", &[0; ENVELOPE_NONCE_BYTES_MAX + 1], b"").is_err());
    }

    #[test]
    fn a_sealed_value_is_not_taken_for_a_plain_one_and_no_value_is_shown() {
        let sealed = Envelope::decode(SEALED_FILE).expect("golden file");
        assert_eq!(sealed.plain(), Err(EnvelopeError::Sealed));
        assert!(Envelope::open(SEALED_FILE).is_err());
        assert_eq!(Envelope::open(PLAIN_FILE), Ok(&[SEALED, 0][..]));
        assert_eq!(format!("{:?}", Envelope::Plain(b"Ada")), "Plain(3 bytes)");
        assert_eq!(format!("{sealed:?}"), "Sealed(key \"subject-7\", 0 bytes)");
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic_and_an_accepted_envelope_has_one_form(
            tag in 0u8..4, rest in prop::collection::vec(any::<u8>(), 0..60),
        ) {
            let stored = [&[tag][..], &rest].concat();
            if let Ok(envelope) = Envelope::decode(&stored) {
                prop_assert_eq!(envelope.encode(), stored);
            }
        }
    }
}
