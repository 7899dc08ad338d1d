//! The bounds of a client, each with its unit and its reason.

/// Most operations that wait in the queue, with those set aside. Ten times what a device gathers that
/// was offline for a month (order: 100,000 queued operations are sent in seconds).
pub const QUEUE_OPERATIONS_MAX: u64 = 1_000_000;

/// Most bytes of one operation as JSON. A message holds it with its names; a larger one no hub could take, and
/// everything behind it would wait for ever.
pub const OPERATION_BYTES_MAX: usize = syncline_protocol::limits::MESSAGE_BYTES_MAX - (64 << 10);

/// Most applied operations that are kept until the hub is backed up that far; beyond it the oldest go. At a
/// thousand a second it is a quarter of an hour in which the backup of the hub fails.
pub const KEPT_OPERATIONS_MAX: u64 = 1_000_000;

/// How long after one comparison with the hub the next is made, in milliseconds, about: what was missed by
/// a fault of either side is found within that time.
pub const CHECK_MS: u64 = 600_000;

/// Most events that wait for a subscriber; beyond it they become one refresh.
pub const SUBSCRIPTION_EVENTS_MAX: usize = 256;

/// Most notices that wait for the app; beyond it the oldest are dropped and counted.
pub const NOTICES_MAX: usize = 1_024;

/// Most deleted records that are remembered. One that was forgotten is begun anew by a write that
/// says it has seen nothing.
pub const DELETED_RECORDS_MAX: i64 = 10_000;

/// Most text edits of one record that are made anew for the text that the hub answered with. What was
/// typed within one round trip is far less; more than that the hub merges.
pub const TEXT_EDITS_REBASED_MAX: usize = 256;

/// How long SQLite waits for a foreign program that has the file locked, in milliseconds.
pub const BUSY_MS_MAX: u64 = 5_000;

/// Records of which what is kept is held in memory, since they were edited lately.
pub const RECORDS_LATELY_MAX: usize = 256;
