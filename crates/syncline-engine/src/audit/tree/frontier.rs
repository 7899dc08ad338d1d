//! The right edge of a growing tree.

use super::head::Head;
use super::node::{empty_root, node_hash};
use crate::audit::bytes::{DecodeError, Reader, Writer};
use crate::audit::hash::Hash;
use crate::audit::limits::TREE_LEAVES_MAX;

/// Version of the encoded frontier.
const FRONTIER_VERSION: u8 = 1;
/// A version byte, a size and at most one peak per bit of the size.
const FRONTIER_BYTES_MAX: usize = 1 + 8 + 64 * 32;

/// An append-only tree, kept as its peaks: the roots of the complete subtrees that its size in
/// binary names, largest first. It holds at most one hash per bit of the size.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    peaks: Vec<Hash>,
}

impl Frontier {
    /// Returns the tree without leaves.
    pub const fn new() -> Self {
        Self { size: 0, peaks: Vec::new() }
    }

    /// Returns the number of leaves, which is the index of the next one.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Returns the peaks, largest subtree first.
    pub fn peaks(&self) -> &[Hash] {
        &self.peaks
    }

    /// Adds one leaf by its hash and returns its index; amortised one node hash.
    pub fn append(&mut self, leaf: Hash) -> u64 {
        let index = self.size;
        // Each trailing one bit is a complete subtree as large as the one just completed.
        let mut peak = leaf;
        for _ in 0..index.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                peak = node_hash(left, peak);
            }
        }
        self.peaks.push(peak);
        self.size = index.checked_add(1).expect("invariant: nobody appends 2^64 leaves");
        index
    }

    /// Adds leaves by their hashes, in order, and returns the index of the first.
    pub fn append_all(&mut self, leaves: impl IntoIterator<Item = Hash>) -> u64 {
        let first = self.size;
        for leaf in leaves {
            self.append(leaf);
        }
        first
    }

    /// Returns the root; O(log n) hashes.
    pub fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev().copied();
        match peaks.next() {
            None => empty_root(),
            Some(smallest) => peaks.fold(smallest, |right, left| node_hash(left, right)),
        }
    }

    /// Returns the size and the root as one value.
    pub fn head(&self) -> Head {
        Head { size: self.size, root: self.root() }
    }

    /// Returns the stored form: version, size, peaks.
    pub fn encode(&self) -> Vec<u8> {
        let start = Writer::new(FRONTIER_VERSION).number(self.size);
        self.peaks.iter().fold(start, |out, peak| out.hash(*peak)).finish()
    }

    /// Reads the stored form.
    ///
    /// # Errors
    ///
    /// Any [`DecodeError`]; the tree must then be rebuilt from the rows.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes, FRONTIER_VERSION, FRONTIER_BYTES_MAX)?;
        let size = reader.number()?;
        if size > TREE_LEAVES_MAX {
            return Err(DecodeError::TreeTooLarge { found: size, leaves_max: TREE_LEAVES_MAX });
        }
        let peaks = (0..size.count_ones()).map(|_| reader.hash()).collect::<Result<_, _>>()?;
        reader.finish()?;
        Ok(Self { size, peaks })
    }
}

/// Returns the root over leaf hashes, in order.
pub fn root_of(leaves: &[Hash]) -> Hash {
    let mut tree = Frontier::new();
    tree.append_all(leaves.iter().copied());
    tree.root()
}
