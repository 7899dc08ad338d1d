//! Bounds of everything the audit log stores or reads. Sizes are in bytes unless the name says
//! otherwise. All are ours; they are far above what the hub writes and keep hostile input small.

/// Longest category or action (`CROSS_DOMAIN`, `DATA_SYNC`).
pub const WORD_BYTES_MAX: usize = 64;
/// Longest name of an origin (a domain, a client).
pub const ORIGIN_BYTES_MAX: usize = 256;
/// Longest run id.
pub const RUN_BYTES_MAX: usize = 128;
/// Longest user or session name of an actor.
pub const ACTOR_NAME_BYTES_MAX: usize = 256;
/// Longest details text of an entry: names, counts and ids, never values.
pub const DETAILS_BYTES_MAX: usize = 16 * 1024;
/// Longest entity name.
pub const ENTITY_BYTES_MAX: usize = 256;
/// Longest record id.
pub const RECORD_ID_BYTES_MAX: usize = 1024;
/// Longest encoded stamp of a change.
pub const STAMP_BYTES_MAX: usize = 128;
/// Most records under one leaf: the hashes of a batch, 32 bytes each, are held in memory. A first run
/// over two files of a million records has more changes than that.
pub const BATCH_RECORDS_MAX: u64 = 8_000_000;
/// Most leaves that a stored tree or a head may claim. At 10,000 batches a second this lasts
/// 800 years.
pub const TREE_LEAVES_MAX: u64 = 1 << 48;
/// Longest inclusion or consistency path, in hashes: one per level on either side.
pub const PATH_HASHES_MAX: usize = 128;
/// Most proofs of inclusion that one pass over the tree answers.
pub const PROOFS_PER_PASS_MAX: usize = 10_000;
/// Largest encoded batch leaf.
pub const LEAF_BYTES_MAX: usize = 1024;
/// Largest stored row.
pub const ROW_BYTES_MAX: usize = 32 * 1024;
/// Longest text of a record proof.
pub const PROOF_TEXT_BYTES_MAX: usize = 32 * 1024;

/// A hexadecimal hash in a JSON list: 64 digits, two quotes and a comma.
const HASH_TEXT_BYTES: usize = 67;
/// Version, numbers, tags, lengths and hashes of a leaf or a row.
const FIXED_BYTES_MAX: usize = 256;

const _: () = assert!(
    2 * WORD_BYTES_MAX + ORIGIN_BYTES_MAX + RUN_BYTES_MAX + FIXED_BYTES_MAX <= LEAF_BYTES_MAX,
    "every valid leaf must fit"
);
const _: () = assert!(
    LEAF_BYTES_MAX + 2 * ACTOR_NAME_BYTES_MAX + DETAILS_BYTES_MAX + FIXED_BYTES_MAX
        <= ROW_BYTES_MAX,
    "every valid row must fit"
);
const _: () = assert!(
    2 * PATH_HASHES_MAX * HASH_TEXT_BYTES + 2 * LEAF_BYTES_MAX + 512 <= PROOF_TEXT_BYTES_MAX,
    "every valid proof must fit"
);
