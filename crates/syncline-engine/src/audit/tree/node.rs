//! Hashes of leaves and nodes, and roots of ranges of leaves.

use std::ops::Range;

use thiserror::Error;

use crate::audit::hash::Hash;

/// Returns the root of the tree without leaves: the SHA-256 of nothing.
pub fn empty_root() -> Hash {
    Hash::of(&[])
}

/// Returns the hash of a leaf with content `data`.
pub fn leaf_hash(data: &[u8]) -> Hash {
    Hash::of(&[&[0x00], data])
}

/// Returns the hash of a node from the hashes of its children.
pub fn node_hash(left: Hash, right: Hash) -> Hash {
    Hash::of(&[&[0x01], left.as_bytes(), right.as_bytes()])
}

/// A complete subtree: the `2^level` leaves from `index * 2^level` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Node {
    /// Height above the leaves; a leaf has level 0.
    pub level: u32,
    /// Number of this subtree among those of its level, from 0.
    pub index: u64,
}

/// What paths are made from: answers the hash of a complete subtree.
///
/// `None` above level 0 means "not stored; compute it from its children". A caller that knows only
/// leaf hashes answers level 0 ([`leaves_only`]), and a path costs O(n) hashes; a caller that also
/// stores subtrees pays O(log n). Calls come from left to right within one path.
pub type Nodes<'a> = dyn FnMut(Node) -> Option<Hash> + 'a;

/// Returns [`Nodes`] over leaf hashes held in memory.
pub fn leaves_only(leaves: &[Hash]) -> impl FnMut(Node) -> Option<Hash> {
    |node| match node.level {
        0 => usize::try_from(node.index).ok().and_then(|index| leaves.get(index).copied()),
        _ => None,
    }
}

/// Why a path could not be built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TreeError {
    /// The leaf is not in a tree of that size.
    #[error("leaf {index} is outside a tree of {size} leaves")]
    OutsideTree {
        /// The leaf asked for.
        index: u64,
        /// Number of leaves.
        size: u64,
    },
    /// The older tree is larger than the newer one.
    #[error("a tree of {new} leaves cannot have grown from one of {old}")]
    Shrunk {
        /// Leaves of the older tree.
        old: u64,
        /// Leaves of the newer tree.
        new: u64,
    },
    /// A leaf hash was not supplied.
    #[error("hash of leaf {index} is missing")]
    LeafMissing {
        /// The leaf without a hash.
        index: u64,
    },
    /// Too many paths were asked for at once.
    #[error("{found} paths asked for at once; at most {paths_max} are built")]
    TooManyPaths {
        /// Number of paths asked for.
        found: usize,
        /// The limit.
        paths_max: usize,
    },
}

impl TreeError {
    /// Returns the stable code of this error.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::OutsideTree { .. } => "AUDIT_OUTSIDE_TREE",
            Self::Shrunk { .. } => "AUDIT_TREE_SHRUNK",
            Self::LeafMissing { .. } => "AUDIT_LEAF_MISSING",
            Self::TooManyPaths { .. } => "AUDIT_TOO_MANY_PATHS",
        }
    }
}

/// Returns where a tree over `range` (two leaves or more) splits: after the largest power of two
/// that is smaller than its length.
pub(super) fn split_of(range: &Range<u64>) -> u64 {
    let last = range.end - range.start - 1;
    range.start + (1 << last.ilog2())
}

/// Returns the root over a non-empty `range` that arose by splitting a tree.
pub(super) fn range_root(range: Range<u64>, nodes: &mut Nodes<'_>) -> Result<Hash, TreeError> {
    let count = range.end - range.start;
    if count.is_power_of_two() {
        let level = count.ilog2();
        if let Some(hash) = nodes(Node { level, index: range.start >> level }) {
            return Ok(hash);
        }
        if level == 0 {
            return Err(TreeError::LeafMissing { index: range.start });
        }
    }
    let split = split_of(&range);
    let left = range_root(range.start..split, nodes)?;
    let right = range_root(split..range.end, nodes)?;
    Ok(node_hash(left, right))
}
