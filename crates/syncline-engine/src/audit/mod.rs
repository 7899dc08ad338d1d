//! The audit log: a Merkle tree of salted commitments, one leaf per batch of one origin.
//!
//! Every batch the hub commits leaves one [`AuditEntry`]. Its leaf hash goes into an append-only
//! tree (RFC 6962 hashing), and it names the root of an inner tree with one salted commitment per
//! record. The tree therefore proves *what happened to which record*, without holding anything that
//! can be guessed once a salt is dropped.
//!
//! ```text
//! Head sha256:<root>@<size>
//!  └─ outer tree: one leaf per entry ── BatchLeaf (kind, time, run, origin, actor*, details*, count)
//!                                        └─ inner tree: one commitment* per record
//!                                                        * salted; shredding drops the salt
//! ```
//!
//! # Where to look
//!
//! | You want | Read |
//! |---|---|
//! | tree hashing, roots, proofs of inclusion and consistency | [`tree`] |
//! | how content is hidden and shredded | [`commitment`] |
//! | what a record's commitment says | [`RecordFacts`] |
//! | the readable row and its stored bytes | [`AuditEntry`] |
//! | a proof for one record, as text for export | [`RecordProof`] |
//! | finding the first damaged row | [`Verifier`] |
//!
//! # What this module promises
//!
//! - **Pure.** Salts and times come in as arguments.
//! - **Shredding keeps every proof valid.** A leaf covers commitments only; dropping a salt changes
//!   no hash.
//! - **One value, one encoding.** Whatever decodes encodes to the same bytes, so no stored byte can
//!   change unseen.
//! - **No decoder panics**, and every decoded size is bounded (see [`limits`]).
//!
//! # Example
//!
//! ```
//! use syncline_engine::audit::{
//!     Actor, AuditEntry, BatchFacts, Details, Head, RecordFacts, RecordProof, Salt, Shreddable,
//!     inner_root, tree::{Frontier, leaves_only},
//! };
//!
//! // One batch with one record; the shell supplies the random salts.
//! let record = RecordFacts::new("contacts", "c1", b"stamp", None, None)?;
//! let kept = Shreddable::open(Salt::new([1; 32]), record.clone());
//! let commitments = [kept.commitment()];
//! let facts = BatchFacts {
//!     at_ms: 1_000,
//!     category: "CROSS_DOMAIN".into(),
//!     action: "DATA_SYNC".into(),
//!     origin: "crm".into(),
//!     run: None,
//!     record_count: 1,
//!     inner_root: inner_root(&commitments),
//! };
//! let actor = Shreddable::open(Salt::new([2; 32]), Actor::new(Some("ann"), None)?);
//! let details = Shreddable::open(Salt::new([3; 32]), Details::none());
//! let mut log = Frontier::new();
//! let mut entry = AuditEntry::new(log.size(), facts, actor, details)?;
//! log.append(entry.leaf_hash());
//!
//! // A proof of that record, checked against nothing but the head.
//! let leaves = [entry.leaf_hash()];
//! let proof = RecordProof::build(
//!     Salt::new([1; 32]), &commitments, 0, entry.leaf(), log.size(), &mut leaves_only(&leaves),
//! )?;
//! let head: Head = log.head();
//! proof.verify(&record, &head)?;
//!
//! // Forgetting who did it changes no hash.
//! entry.shred_actor();
//! assert_eq!(entry.leaf_hash(), leaves[0]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod bytes;
pub mod commitment;
pub mod entry;
mod hash;
mod leaf;
pub mod limits;
pub mod proof;
mod proof_text;
mod record;
pub mod tree;
pub mod verify;

#[cfg(test)]
mod tests;

pub use bytes::{DecodeError, FieldError};
pub use commitment::{Canonical, Salt, Shreddable, commit};
pub use entry::{Actor, AuditEntry, Details, StoredEntry};
pub use hash::{Hash, HashTextError, from_hex, to_hex};
pub use leaf::{BatchFacts, BatchLeaf, inner_leaf, inner_root};
pub use proof::{ProofError, RecordProof};
pub use proof_text::ProofTextError;
pub use record::RecordFacts;
pub use tree::{Frontier, Head};
pub use verify::{Damage, Verifier};
