//! The bounds of a store, each with its unit and its reason.

/// Most bytes in one value. SQLite holds 1,000,000,000; a record of this size is a mistake, and a
/// row must fit in memory several times.
pub const VALUE_BYTES_MAX: usize = 64 << 20;

/// Most bytes in one batch, keys and values together: it is held in memory and doubled in the
/// write-ahead log before a checkpoint can shorten it.
pub const BATCH_BYTES_MAX: usize = 1 << 30;

const _: () = assert!(VALUE_BYTES_MAX < BATCH_BYTES_MAX);
