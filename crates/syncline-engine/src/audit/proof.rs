//! A proof that one record was part of the log.

use thiserror::Error;

use super::commitment::{Canonical, Salt, commit};
use super::hash::Hash;
use super::leaf::{BatchLeaf, inner_leaf, inner_leaves};
use super::record::RecordFacts;
use super::tree::{
    Head, LeafPosition, Nodes, TreeError, inclusion_path, leaves_only, root_of, verify_inclusion,
};

/// Proves one record down from a head: record → inner tree → batch leaf → outer tree.
///
/// It carries the record's salt, so it is as personal as the record: hand it only to those who may
/// see the record. It discloses nothing about neighbours, the actor or the details.
///
/// Its text form is JSON: see [`to_json`](Self::to_json).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordProof {
    pub(super) salt: Salt,
    pub(super) record_index: u64,
    pub(super) record_path: Vec<Hash>,
    pub(super) leaf: BatchLeaf,
    pub(super) tree_size: u64,
    pub(super) tree_path: Vec<Hash>,
}

impl RecordProof {
    /// Builds the proof of record number `record_index` (from 0) of a batch.
    ///
    /// - `salt`: that of the record's commitment.
    /// - `commitments`: those of the whole batch, in its order.
    /// - `leaf`: the batch's leaf, from [`AuditEntry::leaf`](super::AuditEntry::leaf).
    /// - `tree_size`: size of the head that the proof shall be checked against.
    /// - `nodes`: hashes of the outer tree.
    ///
    /// # Errors
    ///
    /// - [`ProofError::RecordDiffers`] if the commitments are not those of the leaf.
    /// - [`ProofError::Tree`] if an index is outside its tree or a hash is missing.
    pub fn build(
        salt: Salt,
        commitments: &[Hash],
        record_index: u64,
        leaf: BatchLeaf,
        tree_size: u64,
        nodes: &mut Nodes<'_>,
    ) -> Result<Self, ProofError> {
        let inner = inner_leaves(commitments);
        let inner_head = leaf.facts.inner_head();
        if root_of(&inner) != inner_head.root {
            return Err(ProofError::RecordDiffers);
        }
        let in_batch = LeafPosition { index: record_index, size: inner_head.size };
        let record_path = inclusion_path(in_batch, &mut leaves_only(&inner))?;
        let in_log = LeafPosition { index: leaf.index, size: tree_size };
        let tree_path = inclusion_path(in_log, nodes)?;
        Ok(Self { salt, record_index, record_path, leaf, tree_size, tree_path })
    }

    /// Checks that the log under `head` holds exactly these facts about a record.
    ///
    /// # Errors
    ///
    /// - [`ProofError::SizeDiffers`] if the proof is for another head of the log; ask for a new one.
    /// - [`ProofError::RecordDiffers`] if the facts, the salt or the inner path are not those of
    ///   the batch.
    /// - [`ProofError::LeafDiffers`] if the batch is not in the log under that head.
    pub fn verify(&self, facts: &RecordFacts, head: &Head) -> Result<(), ProofError> {
        if head.size != self.tree_size {
            return Err(ProofError::SizeDiffers { proof: self.tree_size, head: head.size });
        }
        let record = inner_leaf(commit(&self.salt, &facts.canonical()));
        let inner_head = self.leaf.facts.inner_head();
        if !verify_inclusion(record, self.record_index, &inner_head, &self.record_path) {
            return Err(ProofError::RecordDiffers);
        }
        match verify_inclusion(self.leaf.hash(), self.leaf.index, head, &self.tree_path) {
            true => Ok(()),
            false => Err(ProofError::LeafDiffers),
        }
    }

    /// Returns the leaf of the batch that the record was part of.
    pub const fn leaf(&self) -> &BatchLeaf {
        &self.leaf
    }

    /// Returns the size of the head that the proof is checked against.
    pub const fn tree_size(&self) -> u64 {
        self.tree_size
    }
}

/// Why a proof could not be built or does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ProofError {
    /// The proof was made for another size of the log.
    #[error("proof is for a log of {proof} entries, the head names {head}")]
    SizeDiffers {
        /// Size in the proof.
        proof: u64,
        /// Size in the head.
        head: u64,
    },
    /// The record's facts are not those that the batch committed to.
    #[error("record is not the one that its batch committed to")]
    RecordDiffers,
    /// The batch is not in the log.
    #[error("batch is not in the log under this head")]
    LeafDiffers,
    /// A path could not be built.
    #[error(transparent)]
    Tree(#[from] TreeError),
}

impl ProofError {
    /// Returns the stable code of this error.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::SizeDiffers { .. } => "AUDIT_PROOF_SIZE_DIFFERS",
            Self::RecordDiffers => "AUDIT_PROOF_RECORD_DIFFERS",
            Self::LeafDiffers => "AUDIT_PROOF_LEAF_DIFFERS",
            Self::Tree(cause) => cause.code(),
        }
    }
}
