//! Proofs that a leaf is in a tree.

use std::ops::Range;

use super::head::Head;
use super::node::{Node, Nodes, TreeError, node_hash, range_root, split_of};
use crate::audit::hash::Hash;
use crate::audit::limits::{PATH_HASHES_MAX, PROOFS_PER_PASS_MAX};

/// A leaf of a tree of a certain size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeafPosition {
    /// Number of the leaf, from 0.
    pub index: u64,
    /// Number of leaves in the tree.
    pub size: u64,
}

/// Returns the path that proves one leaf: sibling hashes from the leaf up to the root.
///
/// # Errors
///
/// As [`inclusion_paths`].
///
/// # Source
///
/// RFC 6962 §2.1.1, `PATH(m, D[n])`.
pub fn inclusion_path(at: LeafPosition, nodes: &mut Nodes<'_>) -> Result<Vec<Hash>, TreeError> {
    let paths = inclusion_paths(&[at.index], at.size, nodes)?;
    Ok(paths.into_iter().next().unwrap_or_default())
}

/// Returns one path per entry of `indexes` (any order, repeats allowed), in one pass over the tree.
///
/// Every subtree is hashed once, however many paths share it.
///
/// # Errors
///
/// - [`TreeError::OutsideTree`] if an index is not below `size`.
/// - [`TreeError::LeafMissing`] if `nodes` lacks a leaf.
/// - [`TreeError::TooManyPaths`] above [`PROOFS_PER_PASS_MAX`]; ask in parts.
pub fn inclusion_paths(
    indexes: &[u64],
    size: u64,
    nodes: &mut Nodes<'_>,
) -> Result<Vec<Vec<Hash>>, TreeError> {
    if indexes.len() > PROOFS_PER_PASS_MAX {
        let (found, paths_max) = (indexes.len(), PROOFS_PER_PASS_MAX);
        return Err(TreeError::TooManyPaths { found, paths_max });
    }
    if let Some(&index) = indexes.iter().find(|index| **index >= size) {
        return Err(TreeError::OutsideTree { index, size });
    }
    let mut paths = vec![Vec::new(); indexes.len()];
    let mut wanted: Vec<Wanted<'_>> =
        indexes.iter().zip(&mut paths).map(|(&index, path)| Wanted { index, path }).collect();
    wanted.sort_by_key(|wanted| wanted.index);
    if !wanted.is_empty() {
        collect(0..size, &mut wanted, nodes)?;
    }
    Ok(paths)
}

/// A leaf whose path is being built.
struct Wanted<'a> {
    index: u64,
    path: &'a mut Vec<Hash>,
}

/// Returns the root over `range` and, on the way up, adds to each wanted leaf's path the sibling
/// of the subtree that the leaf is in. `wanted` is sorted by index and lies within `range`.
fn collect(
    range: Range<u64>,
    wanted: &mut [Wanted<'_>],
    nodes: &mut Nodes<'_>,
) -> Result<Hash, TreeError> {
    if wanted.is_empty() {
        return range_root(range, nodes);
    }
    if range.end - range.start == 1 {
        let index = range.start;
        return nodes(Node { level: 0, index }).ok_or(TreeError::LeafMissing { index });
    }
    let split = split_of(&range);
    let (in_left, in_right) =
        wanted.split_at_mut(wanted.partition_point(|wanted| wanted.index < split));
    let left = collect(range.start..split, in_left, nodes)?;
    let right = collect(split..range.end, in_right, nodes)?;
    in_left.iter_mut().for_each(|wanted| wanted.path.push(right));
    in_right.iter_mut().for_each(|wanted| wanted.path.push(left));
    Ok(node_hash(left, right))
}

/// Tells whether `path` proves that the leaf with hash `leaf` is number `index` under `head`.
///
/// # Source
///
/// RFC 9162 §2.1.3.2.
pub fn verify_inclusion(leaf: Hash, index: u64, head: &Head, path: &[Hash]) -> bool {
    if index >= head.size || path.len() > PATH_HASHES_MAX {
        return false;
    }
    // `place` and `last` are the numbers, on the level reached, of our node and of the last one.
    let (mut place, mut last) = (index, head.size - 1);
    let mut hash = leaf;
    for &sibling in path {
        if last == 0 {
            return false;
        }
        if place & 1 == 1 || place == last {
            hash = node_hash(sibling, hash);
            // The last node has no right sibling: it rises until it is a right child itself.
            while place & 1 == 0 && place != 0 {
                place >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(hash, sibling);
        }
        place >>= 1;
        last >>= 1;
    }
    last == 0 && hash == head.root
}
