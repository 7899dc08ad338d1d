//! The bounds of the model, each with its unit and its reason.

/// Most bytes in a record's id. Long enough for URIs and message ids; short enough for an index key.
pub const RECORD_ID_BYTES_MAX: usize = 512;

/// Most bytes in the name of an entity, a domain, a writer or a client.
pub const NAME_BYTES_MAX: usize = 128;

/// Most bytes in the id of an event: it travels in a header of every delivery, and a UUID, a digest or a
/// path of the sender fits.
pub const EVENT_ID_BYTES_MAX: usize = 128;

/// Most bytes in the type of an event: the name of an entity, a dot, and what happened to it.
pub const EVENT_TYPE_BYTES_MAX: usize = NAME_BYTES_MAX + 32;

/// Most bytes in the id of an endpoint: a UUID or a name that a person gave.
pub const ENDPOINT_ID_BYTES_MAX: usize = 64;

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

/// Most arrays and objects inside one another in a JSON text. Far beyond real records, and small
/// enough for readers that recurse (here and in databases and browsers).
pub const DEPTH_MAX: usize = 64;

/// Most significant digits of a number. PostgreSQL's `numeric` declares at most 1,000.
pub const NUMBER_DIGITS_MAX: usize = 1_000;

/// Most bytes in a number as it is written, with zeros that do not count.
pub const NUMBER_TEXT_BYTES_MAX: usize = 1_100;

/// Largest exponent, up or down, of a number's first digit. Beyond decimal128 (6,144).
pub const NUMBER_EXPONENT_MAX: i64 = 9_999;

// The canonical text of a number within the limits is within them too: sign, point, `e+9999`.
const _: () = assert!(NUMBER_DIGITS_MAX + 8 <= NUMBER_TEXT_BYTES_MAX);

/// Most segments of a path: a field of the deepest object that a JSON text may hold.
pub const PATH_SEGMENTS_MAX: usize = DEPTH_MAX;

/// Most bytes in a path, with its escapes. Paths are index keys and travel in every change.
pub const PATH_BYTES_MAX: usize = 4_096;

/// Most steps of one migration. More than a schema has fields.
pub const SCHEMA_STEPS_MAX: usize = 1_000;

/// Most pairs of values that one step maps.
pub const SCHEMA_PAIRS_MAX: usize = 1_000;

/// Most differences between two schemas that are told.
pub const SCHEMA_FINDINGS_MAX: usize = 100;

/// Most versions of one entity's schema. A way between two is looked for among all of them.
pub const SCHEMA_VERSIONS_MAX: usize = 256;
