//! Salted commitments: hashes that prove content while its salt is kept, and say nothing after.
//!
//! `commit(salt, canonical) = SHA-256("syncline/audit/commitment/1" ‖ 0x00 ‖ salt ‖ canonical)`
//!
//! - The prefix separates commitments from leaves (`0x00`), nodes (`0x01`) and every other use of
//!   SHA-256. The salt has a fixed length, so salt and content cannot be shifted into each other.
//! - What kind of content it is stands in the content: canonical bytes open with a version and a
//!   kind ([`Canonical`]), so a record's commitment never opens as an actor's.
//! - A salt is 32 random bytes (or is derived from a key that can be shredded), is used for one
//!   commitment, and is stored apart from the tree. Without it nobody can test a guess.

use std::fmt;

use super::bytes::{DecodeError, Reader, Writer};
use super::hash::Hash;

const COMMITMENT_PREFIX: &[u8] = b"syncline/audit/commitment/1\0";

/// 32 unpredictable bytes that hide the content of one commitment. Its debug text hides them too.
#[derive(Clone, PartialEq, Eq)]
pub struct Salt([u8; 32]);

impl Salt {
    /// Wraps 32 bytes, which the caller took from a cryptographic random source or key derivation.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Returns the bytes, for storing; never for logs.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Salt {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Salt(hidden)")
    }
}

/// Returns the commitment to `canonical` under `salt`; see the [module](self) for the formula.
pub fn commit(salt: &Salt, canonical: &[u8]) -> Hash {
    Hash::of(&[COMMITMENT_PREFIX, salt.as_bytes(), canonical])
}

/// Content with exactly one encoding: a version byte, a kind byte, then fields.
pub trait Canonical: Sized {
    /// Length of the longest encoding, in bytes.
    const BYTES_MAX: usize;

    /// Returns the encoding.
    fn canonical(&self) -> Vec<u8>;

    /// Reads the encoding; the result encodes to the same bytes.
    ///
    /// # Errors
    ///
    /// Any [`DecodeError`].
    fn from_canonical(bytes: &[u8]) -> Result<Self, DecodeError>;
}

/// Content under a commitment, which can be forgotten without changing the commitment.
#[derive(Clone, PartialEq, Eq)]
pub enum Shreddable<T> {
    /// The content is there, and its salt proves it.
    Open {
        /// Salt of the commitment.
        salt: Salt,
        /// The content.
        value: T,
    },
    /// Salt and content are gone for good.
    Shredded {
        /// What remains.
        commitment: Hash,
    },
}

impl<T: Canonical> Shreddable<T> {
    /// Puts `value` under a commitment with a fresh `salt`.
    pub const fn open(salt: Salt, value: T) -> Self {
        Self::Open { salt, value }
    }

    /// Returns the commitment, which shredding does not change.
    pub fn commitment(&self) -> Hash {
        match self {
            Self::Open { salt, value } => commit(salt, &value.canonical()),
            Self::Shredded { commitment } => *commitment,
        }
    }

    /// Returns the content unless it is shredded.
    pub const fn value(&self) -> Option<&T> {
        match self {
            Self::Open { value, .. } => Some(value),
            Self::Shredded { .. } => None,
        }
    }

    /// Forgets salt and content.
    pub fn shred(&mut self) {
        *self = Self::Shredded { commitment: self.commitment() };
    }

    pub(super) fn write(&self, out: Writer) -> Writer {
        match self {
            Self::Shredded { commitment } => out.byte(0).hash(*commitment),
            Self::Open { salt, value } => {
                out.byte(1).fixed(salt.as_bytes()).blob(&value.canonical())
            }
        }
    }

    pub(super) fn read(reader: &mut Reader<'_>, field: &'static str) -> Result<Self, DecodeError> {
        if !reader.flag()? {
            return Ok(Self::Shredded { commitment: reader.hash()? });
        }
        let salt = Salt::new(reader.fixed()?);
        let value = T::from_canonical(reader.blob(field, T::BYTES_MAX)?)?;
        Ok(Self::Open { salt, value })
    }
}

impl<T> fmt::Debug for Shreddable<T> {
    /// Tells the state only: the content may be personal data.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open { .. } => out.write_str("Open(hidden)"),
            Self::Shredded { commitment } => write!(out, "Shredded({commitment})"),
        }
    }
}
