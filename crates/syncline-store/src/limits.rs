//! The bounds of a store, each with its unit and its reason.

/// Most bytes in one value. SQLite holds 1,000,000,000; a record of this size is a mistake, and a
/// row must fit in memory several times.
pub const VALUE_BYTES_MAX: usize = 64 << 20;

/// Most bytes in one batch, keys and values together: it is held in memory and doubled in the
/// write-ahead log before a checkpoint can shorten it.
pub const BATCH_BYTES_MAX: usize = 1 << 30;

const _: () = assert!(VALUE_BYTES_MAX < BATCH_BYTES_MAX);

/// Size of a page of a new SQLite store, in bytes. Every row changed costs one page in the log.
pub const PAGE_BYTES: i64 = 4096;

/// Memory for pages of one SQLite connection, in KiB: the inner pages of a million records, not all
/// leaves. SQLite walks all of it at the end of every transaction that has split a page.
pub const CACHE_KIB: i64 = 16 << 10;

/// The same for a connection that only reads, in KiB: it walks stretches in order of their keys, and
/// sees no page twice.
pub const READER_CACHE_KIB: i64 = 2 << 10;

/// The same while a batch is written that comes in pieces, in KiB: each piece is sorted by key, and
/// what does not fit goes into the log early.
pub const PIECES_CACHE_KIB: i64 = 6 << 10;

/// Most connections that read beside the writer at once: more would not be faster, and each has its
/// own cache.
pub const READERS_MAX: usize = 8;

/// How far the write-ahead log may grow before its pages are moved into the database, in frames of
/// one page: a page that changes often is moved once, and opening after a crash reads no more.
pub const LOG_FRAMES_PER_CHECKPOINT: i64 = 4_096;

/// How long the file of the write-ahead log may stay once its pages were moved, in bytes.
pub const LOG_BYTES_KEPT_MAX: i64 = 64 << 20;

const _: () = assert!(LOG_FRAMES_PER_CHECKPOINT * PAGE_BYTES <= LOG_BYTES_KEPT_MAX);

const _: () = assert!(READER_CACHE_KIB < PIECES_CACHE_KIB && PIECES_CACHE_KIB <= CACHE_KIB);
