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
