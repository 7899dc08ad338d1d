//! The bounds of a store, each with its unit and its reason.

/// Most bytes in one value. SQLite holds 1,000,000,000; a record of this size is a mistake, and a
/// row must fit in memory several times.
pub const VALUE_BYTES_MAX: usize = 64 << 20;

/// Most bytes of values that one statement writes: SQLite holds a copy of them meanwhile.
pub const ROWS_AT_ONCE_BYTES_MAX: usize = 256 << 10;

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
pub const LOG_FRAMES_PER_CHECKPOINT: i64 = 12_288;

/// How long the file of the write-ahead log may stay once its pages were moved, in bytes.
pub const LOG_BYTES_KEPT_MAX: i64 = 64 << 20;

const _: () = assert!(LOG_FRAMES_PER_CHECKPOINT * PAGE_BYTES <= LOG_BYTES_KEPT_MAX);

const _: () = assert!(READER_CACHE_KIB < PIECES_CACHE_KIB && PIECES_CACHE_KIB <= CACHE_KIB);

/// Most bytes of rows in a segment of a backup, unless a single commit has more: what a folder takes in
/// one go without delay.
pub const BACKUP_SEGMENT_BYTES: usize = 4 << 20;

/// Longest time that a commit waits to be shipped to a folder that takes it, in milliseconds: a
/// twelfth of the minute that may be lost at most.
pub const BACKUP_SEGMENT_MS: u64 = 5_000;

/// Most bytes of rows that wait to be shipped. Beyond it the stream breaks and a snapshot is taken.
pub const BACKUP_WAITING_BYTES_MAX: usize = 64 << 20;

/// Bytes of rows that are read at a time for a snapshot, and written at a time by a restore.
pub const BACKUP_PIECE_BYTES: usize = 1 << 20;

/// Most bytes of a block of an object: a commit that was allowed to wait, or a piece with one value.
pub const BACKUP_BLOCK_BYTES_MAX: usize = 192 << 20;

const _: () = assert!(BACKUP_SEGMENT_BYTES < BACKUP_WAITING_BYTES_MAX);

const _: () = assert!(BACKUP_WAITING_BYTES_MAX + VALUE_BYTES_MAX < BACKUP_BLOCK_BYTES_MAX);

/// Bytes of segments after which a snapshot is taken, unless the last one was more than twice as long:
/// how much a restore has to replay.
pub const BACKUP_SNAPSHOT_AFTER_BYTES: u64 = 64 << 20;

/// How many snapshots are kept, with the segments behind them.
pub const BACKUP_SNAPSHOTS_KEPT: usize = 3;

/// How long a snapshot may wait for its folder, in milliseconds: meanwhile the store's own log cannot be
/// shortened.
pub const BACKUP_SNAPSHOT_STALL_MS_MAX: u64 = 30_000;

/// The pauses between attempts to use a folder that fails, in milliseconds: the first, doubled each
/// time, and the longest.
pub const BACKUP_RETRY_MS: (u64, u64) = (500, 15_000);

/// How long closing a store waits for its backup, in milliseconds.
pub const BACKUP_CLOSE_MS_MAX: u64 = 10_000;

/// What the keys of a batch that is lent take beside their texts, and what frames it, in bytes.
pub const LOAN_MESSAGE_EXTRA_BYTES: usize = 256 << 20;

const _: () = assert!(BATCH_BYTES_MAX + LOAN_MESSAGE_EXTRA_BYTES <= u32::MAX as usize);

/// Bytes of rows after which a page of a stretch that a borrower reads is full.
pub const LOAN_PAGE_BYTES: usize = 1 << 20;

/// Most rows of such a page.
pub const LOAN_PAGE_ROWS: usize = 8_192;

/// Most readers that a borrower may have open.
pub const LOAN_READERS_MAX: usize = 8;

/// Most pieces of a borrower's batch that wait to be written.
pub const LOAN_PIECES_WAITING_MAX: usize = 2;
