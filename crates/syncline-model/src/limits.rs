//! The bounds of the model, each with its unit and its reason.

/// Most bytes in a record's id. Long enough for URIs and message ids; short enough for an index key.
pub const RECORD_ID_BYTES_MAX: usize = 512;

/// Most bytes in the name of an entity, a domain, a writer or a client.
pub const NAME_BYTES_MAX: usize = 128;

/// Most a peer hub's clock may be ahead of ours, in milliseconds. Its state is refused whole beyond
/// it, and a writer's claimed edit time is cut to it (requirement I14).
pub const DRIFT_MS_MAX: u64 = 60_000;

/// Largest wall-clock millisecond that a [`Clock`](crate::clock::Clock) can hold: 48 bits.
pub const CLOCK_MS_MAX: u64 = (1 << 48) - 1;

/// Most hops that a change may have travelled between hubs before it is refused as a loop.
pub const HOPS_MAX: usize = 32;

/// Most partitions that a cursor follows. Enough for one hub on PostgreSQL; keeps the token short.
pub const CURSOR_PARTITIONS_MAX: usize = 256;

/// Longest text of a cursor, in bytes. Fits with its URL into the 8 KiB request line that servers
/// accept, and holds the widest cursor: 23 bytes and 13 for each partition, in base64.
pub const CURSOR_TEXT_BYTES_MAX: usize = 4_608;

const _: () = assert!((23 + 13 * CURSOR_PARTITIONS_MAX).div_ceil(3) * 4 <= CURSOR_TEXT_BYTES_MAX);

/// Most bytes in the id of the key that seals a value.
pub const ENVELOPE_KEY_ID_BYTES_MAX: usize = 128;

/// Most bytes in the nonce of a sealed value. Ciphers in use need 12 to 24.
pub const ENVELOPE_NONCE_BYTES_MAX: usize = 32;
