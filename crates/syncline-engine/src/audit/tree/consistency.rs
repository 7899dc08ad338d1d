//! Proofs that a tree only grew.

use std::ops::Range;

use super::head::Head;
use super::node::{Nodes, TreeError, empty_root, node_hash, range_root, split_of};
use crate::audit::hash::Hash;
use crate::audit::limits::PATH_HASHES_MAX;

/// Sizes of one tree at two times, in leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Number of leaves then.
    pub old: u64,
    /// Number of leaves now.
    pub new: u64,
}

/// Returns the path that proves the tree of `sizes.old` leaves to be the beginning of the tree of
/// `sizes.new`. It is empty if the old tree is empty or nothing was added.
///
/// # Errors
///
/// - [`TreeError::Shrunk`] if the old tree is the larger one.
/// - [`TreeError::LeafMissing`] if `nodes` lacks a leaf.
///
/// # Source
///
/// RFC 6962 §2.1.2, `PROOF(m, D[n])`.
pub fn consistency_path(sizes: Sizes, nodes: &mut Nodes<'_>) -> Result<Vec<Hash>, TreeError> {
    let Sizes { old, new } = sizes;
    if old > new {
        return Err(TreeError::Shrunk { old, new });
    }
    let mut path = Vec::new();
    if old > 0 {
        collect(0..new, old, nodes, &mut path)?;
    }
    Ok(path)
}

/// Adds the path within `range`, lowest hash first. `old_end` is where the old tree ends.
fn collect(
    range: Range<u64>,
    old_end: u64,
    nodes: &mut Nodes<'_>,
    path: &mut Vec<Hash>,
) -> Result<(), TreeError> {
    if old_end == range.end {
        // The old tree's own root is known to whoever verifies; any other subtree must be told.
        if range.start > 0 {
            path.push(range_root(range, nodes)?);
        }
        return Ok(());
    }
    let split = split_of(&range);
    let sibling = if old_end <= split {
        collect(range.start..split, old_end, nodes, path)?;
        range_root(split..range.end, nodes)?
    } else {
        collect(split..range.end, old_end, nodes, path)?;
        range_root(range.start..split, nodes)?
    };
    path.push(sibling);
    Ok(())
}

/// Tells whether `path` proves that the log with head `old` grew into the log with head `new`.
///
/// # Source
///
/// RFC 9162 §2.1.4.2; an empty old tree, which the RFC leaves out, is the beginning of every tree.
pub fn verify_consistency(old: &Head, new: &Head, path: &[Hash]) -> bool {
    if old.size > new.size || path.len() > PATH_HASHES_MAX {
        return false;
    }
    if old.size == new.size {
        return path.is_empty() && old.root == new.root;
    }
    if old.size == 0 {
        return path.is_empty() && old.root == empty_root();
    }
    let (mut place, mut last) = (old.size - 1, new.size - 1);
    while place & 1 == 1 {
        place >>= 1;
        last >>= 1;
    }
    // An old tree that is one complete subtree starts from its own root, which is not in the path.
    let (start, rest) = match (old.size.is_power_of_two(), path.split_first()) {
        (true, _) => (old.root, path),
        (false, Some((first, rest))) => (*first, rest),
        (false, None) => return false,
    };
    let (mut old_root, mut new_root) = (start, start);
    for &sibling in rest {
        if last == 0 {
            return false;
        }
        if place & 1 == 1 || place == last {
            old_root = node_hash(sibling, old_root);
            new_root = node_hash(sibling, new_root);
            while place & 1 == 0 && place != 0 {
                place >>= 1;
                last >>= 1;
            }
        } else {
            new_root = node_hash(new_root, sibling);
        }
        place >>= 1;
        last >>= 1;
    }
    last == 0 && old_root == old.root && new_root == new.root
}
