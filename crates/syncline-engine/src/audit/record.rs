//! What the log commits to about one record of a batch.

use std::fmt;

use super::bytes::{DecodeError, FieldError, Reader, Writer, check_length};
use super::commitment::Canonical;
use super::hash::Hash;
use super::limits::{ENTITY_BYTES_MAX, RECORD_ID_BYTES_MAX, STAMP_BYTES_MAX};

const RECORD_VERSION: u8 = 1;
const RECORD_KIND: u8 = b'r';

/// Which record changed, by which change, from what to what.
///
/// Canonical bytes (version 1): `01`, `'r'`, entity (text), id (text), stamp (blob), before
/// (optional hash), after (optional hash).
#[derive(Clone, PartialEq, Eq)]
pub struct RecordFacts {
    entity: String,
    id: String,
    stamp: Vec<u8>,
    before: Option<Hash>,
    after: Option<Hash>,
}

impl RecordFacts {
    /// Gathers the facts of one record.
    ///
    /// - `entity`, `id`: name the record.
    /// - `stamp`: names the change, in its stored encoding.
    /// - `before`, `after`: digests of the record in canonical form; `None` where it did not exist.
    ///
    /// # Errors
    ///
    /// [`FieldError::TooLong`] if a field is above its limit.
    pub fn new(
        entity: &str,
        id: &str,
        stamp: &[u8],
        before: Option<Hash>,
        after: Option<Hash>,
    ) -> Result<Self, FieldError> {
        check_length("entity", entity.as_bytes(), ENTITY_BYTES_MAX)?;
        check_length("id", id.as_bytes(), RECORD_ID_BYTES_MAX)?;
        check_length("stamp", stamp, STAMP_BYTES_MAX)?;
        Ok(Self { entity: entity.into(), id: id.into(), stamp: stamp.into(), before, after })
    }

    /// Returns the entity's name.
    pub fn entity(&self) -> &str {
        &self.entity
    }

    /// Returns the record's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the encoded stamp of the change.
    pub fn stamp(&self) -> &[u8] {
        &self.stamp
    }

    /// Returns the digest of the record before the change; `None` if it did not exist.
    pub const fn before(&self) -> Option<Hash> {
        self.before
    }

    /// Returns the digest of the record after the change; `None` if it is gone.
    pub const fn after(&self) -> Option<Hash> {
        self.after
    }
}

impl fmt::Debug for RecordFacts {
    /// Leaves the digests out: an unsalted digest of a short record can be guessed.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("RecordFacts")
            .field("entity", &self.entity)
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl Canonical for RecordFacts {
    const BYTES_MAX: usize = 128 + ENTITY_BYTES_MAX + RECORD_ID_BYTES_MAX + STAMP_BYTES_MAX;

    fn canonical(&self) -> Vec<u8> {
        Writer::new(RECORD_VERSION)
            .byte(RECORD_KIND)
            .text(&self.entity)
            .text(&self.id)
            .blob(&self.stamp)
            .optional_hash(self.before)
            .optional_hash(self.after)
            .finish()
    }

    fn from_canonical(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes, RECORD_VERSION, Self::BYTES_MAX)?;
        reader.kind(RECORD_KIND)?;
        let entity = reader.text("entity", ENTITY_BYTES_MAX)?;
        let id = reader.text("id", RECORD_ID_BYTES_MAX)?;
        let stamp = reader.blob("stamp", STAMP_BYTES_MAX)?;
        let (before, after) = (reader.optional_hash()?, reader.optional_hash()?);
        reader.finish()?;
        Ok(Self::new(entity, id, stamp, before, after)?)
    }
}
