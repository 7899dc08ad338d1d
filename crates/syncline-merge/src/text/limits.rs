//! The bounds of text, each with its unit and its reason.

/// Longest text that an operation may start from or result in, in scalar values. A tenth of what
/// spec 001 lets a whole run hold (100 MB), so that one field never fills a run.
pub const TEXT_CHARS_MAX: usize = 10_000_000;

/// Most components in one operation. An edit of a person has a handful, a rewrite of a book by
/// `from_diff` some tens of thousands; the bound keeps a forged one from costing minutes.
pub const COMPONENTS_MAX: usize = 1 << 18;

/// Most lines, both texts together, that a diff compares by lines; more are compared by words.
/// Reason: bounded time without a clock. Measured: two random texts at this bound take about 0.7
/// CPU-seconds, edited ones some milliseconds.
pub const DIFF_LINES_MAX: usize = 1 << 17;

/// Most words, both texts together, that a diff compares within the changed lines; what is beyond
/// becomes one replacement between common start and common end. Reason: as [`DIFF_LINES_MAX`].
pub const DIFF_WORDS_MAX: usize = 1 << 17;

/// Longest run of the replicated text, in scalar values; longer insertions are stored as a chain.
/// Reason: finding a character within a run reads the run.
pub const RUN_CHARS_MAX: usize = 1 << 10;

/// Encoded size of a replicated text beyond which no further operation is accepted, in bytes: the
/// longest text, twice over for its history. Joining is never refused, so that hubs converge.
pub const STATE_BYTES_MAX: usize = 2 * TEXT_CHARS_MAX;

/// Largest encoded state that is read, in bytes. Far above [`STATE_BYTES_MAX`], because a join of
/// states that are each below that bound must stay readable.
pub const STATE_BYTES_READ_MAX: usize = 8 * STATE_BYTES_MAX;

const _: () = assert!(RUN_CHARS_MAX < TEXT_CHARS_MAX);
const _: () = assert!(STATE_BYTES_READ_MAX < u32::MAX as usize);
