//! The leaf of one batch: what everybody may know, plus commitments to the rest.

use super::bytes::{DecodeError, FieldError, Reader, Writer, check_length, check_word};
use super::hash::Hash;
use super::limits::{
    BATCH_RECORDS_MAX, LEAF_BYTES_MAX, ORIGIN_BYTES_MAX, RUN_BYTES_MAX, WORD_BYTES_MAX,
};
use super::tree::{Head, leaf_hash, root_of};

/// Version of the encoded leaf.
const LEAF_VERSION: u8 = 1;

/// The open facts of a batch: names and counts, nothing personal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchFacts {
    /// When the hub decided, in milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// Area, as an upper-case word: `CROSS_DOMAIN`.
    pub category: String,
    /// What happened, as an upper-case word: `DATA_SYNC`, `CONFLICT_RESOLVED`, `UNDO`, `REFUSED`.
    pub action: String,
    /// Name of the domain, client or hub that the batch came from.
    pub origin: String,
    /// Run that the batch belongs to, if any.
    pub run: Option<String>,
    /// Number of records under `inner_root`.
    pub record_count: u64,
    /// Root over the records' commitments; see [`inner_root`].
    pub inner_root: Hash,
}

impl BatchFacts {
    pub(super) fn check(&self) -> Result<(), FieldError> {
        check_word("category", &self.category)?;
        check_word("action", &self.action)?;
        check_length("origin", self.origin.as_bytes(), ORIGIN_BYTES_MAX)?;
        check_length("run", self.run.as_deref().unwrap_or_default().as_bytes(), RUN_BYTES_MAX)?;
        match self.record_count <= BATCH_RECORDS_MAX {
            true => Ok(()),
            false => Err(FieldError::TooManyRecords {
                found: self.record_count,
                records_max: BATCH_RECORDS_MAX,
            }),
        }
    }

    pub(super) fn write(&self, out: Writer) -> Writer {
        out.number(self.at_ms)
            .text(&self.category)
            .text(&self.action)
            .text(&self.origin)
            .optional_text(self.run.as_deref())
            .number(self.record_count)
            .hash(self.inner_root)
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let facts = Self {
            at_ms: reader.number()?,
            category: reader.text("category", WORD_BYTES_MAX)?.into(),
            action: reader.text("action", WORD_BYTES_MAX)?.into(),
            origin: reader.text("origin", ORIGIN_BYTES_MAX)?.into(),
            run: reader.optional_text("run", RUN_BYTES_MAX)?.map(Into::into),
            record_count: reader.number()?,
            inner_root: reader.hash()?,
        };
        facts.check()?;
        Ok(facts)
    }

    /// Returns size and root of the inner tree.
    pub(super) fn inner_head(&self) -> Head {
        Head { size: self.record_count, root: self.inner_root }
    }
}

/// Returns the root of the inner tree over the records' commitments, in the order of the batch.
///
/// A batch without records (a refusal, say) has the root of the empty tree.
pub fn inner_root(commitments: &[Hash]) -> Hash {
    root_of(&inner_leaves(commitments))
}

/// Returns the leaf hashes of the inner tree.
pub(super) fn inner_leaves(commitments: &[Hash]) -> Vec<Hash> {
    commitments.iter().map(|commitment| inner_leaf(*commitment)).collect()
}

/// Returns the leaf hash of one record in the inner tree. Its content has 32 bytes and a batch leaf
/// always more, so a leaf of the inner tree cannot pass for one of the outer tree.
pub fn inner_leaf(commitment: Hash) -> Hash {
    leaf_hash(commitment.as_bytes())
}

/// The content of one leaf: everything that the tree covers, and nothing that must be forgotten.
///
/// Canonical bytes (version 1): `01`, index, time, category, action, origin, run (optional text),
/// record count, inner root, commitment to the actor, commitment to the details.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchLeaf {
    pub(super) index: u64,
    pub(super) facts: BatchFacts,
    pub(super) actor: Hash,
    pub(super) details: Hash,
}

impl BatchLeaf {
    /// Returns the place of the leaf in the log, from 0.
    pub const fn index(&self) -> u64 {
        self.index
    }

    /// Returns the open facts of the batch.
    pub const fn facts(&self) -> &BatchFacts {
        &self.facts
    }

    /// Returns the hash that stands in the tree.
    pub fn hash(&self) -> Hash {
        leaf_hash(&self.encode())
    }

    /// Returns the canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        let start = Writer::new(LEAF_VERSION).number(self.index);
        self.facts.write(start).hash(self.actor).hash(self.details).finish()
    }

    /// Reads the canonical bytes.
    ///
    /// # Errors
    ///
    /// Any [`DecodeError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes, LEAF_VERSION, LEAF_BYTES_MAX)?;
        let leaf = Self {
            index: reader.number()?,
            facts: BatchFacts::read(&mut reader)?,
            actor: reader.hash()?,
            details: reader.hash()?,
        };
        reader.finish()?;
        Ok(leaf)
    }
}
