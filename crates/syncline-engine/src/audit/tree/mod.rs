//! The Merkle tree of RFC 6962 §2: SHA-256, `0x00` before a leaf, `0x01` before a node.
//!
//! A [`Frontier`] appends in O(log n) memory and names the [`Head`]; paths prove that a leaf is
//! under a head, or that one head grew into another. Verification needs only heads and paths.
//!
//! # Source
//!
//! RFC 6962 §2.1 (hashing, paths); RFC 9162 §2.1.3.2 and §2.1.4.2 (verification).

mod consistency;
mod frontier;
mod head;
mod inclusion;
mod node;

pub use consistency::{Sizes, consistency_path, verify_consistency};
pub use frontier::{Frontier, root_of};
pub use head::{Head, HeadTextError};
pub use inclusion::{LeafPosition, inclusion_path, inclusion_paths, verify_inclusion};
pub use node::{Node, Nodes, TreeError, empty_root, leaf_hash, leaves_only, node_hash};
