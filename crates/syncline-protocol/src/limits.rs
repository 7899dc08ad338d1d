//! The bounds of the protocol, each with its unit and its reason.

/// The version of the protocol that this crate speaks.
pub const PROTOCOL_VERSION: u32 = 1;

/// Most operations in one push. As many as a hub commits at once (design §6).
pub const PUSH_OPERATIONS_MAX: usize = 1_000;

/// Longest message, in bytes, once it is decompressed. As large as the state of one record may be.
pub const MESSAGE_BYTES_MAX: usize = 8 << 20;

/// Longest answer that a client reads, in bytes, once it is decompressed: one change is sent whatever
/// its size, and the names of its fields may take as much as their values.
pub const ANSWER_BYTES_MAX: usize = 2 * MESSAGE_BYTES_MAX;

/// Last counter of an operation and last position, so that signed integers of 64 bits hold them.
pub const COUNTER_MAX: u64 = i64::MAX as u64;

/// Most members inside one another that an operation writes into: each takes two levels of the JSON
/// that a record is.
pub const MEMBER_LEVELS_MAX: usize = syncline_model::limits::DEPTH_MAX / 2;

/// Longest code or detail of a problem, in bytes.
pub const PROBLEM_TEXT_BYTES_MAX: usize = 16 << 10;

/// Most conflicts of one record, or of one operation, that a client is told.
pub const CONFLICTS_MAX: usize = FIELD_OPERATIONS_MAX;

/// Longest id of a conflict, in bytes.
pub const CONFLICT_ID_BYTES_MAX: usize = 1 << 10;

/// Most field operations of one operation, with those inside members. A record has fewer fields.
pub const FIELD_OPERATIONS_MAX: usize = 10_000;

/// Most operations that one may come after. Source: as many as a client has under way (design §10).
pub const AFTER_MAX: usize = 100;

/// Most changes in one page of a pull.
pub const PULL_CHANGES_MAX: usize = 1_000;

/// Changes in one page of a pull, unless a client asks for another number.
pub const PULL_CHANGES_DEFAULT: usize = 500;

/// How large a page of a pull grows, in bytes; one change is sent whatever its size.
pub const PULL_BYTES: usize = 1 << 20;

/// Longest wait of a pull for changes, in milliseconds. Source: proxies give up after a minute.
pub const PULL_WAIT_MS_MAX: u64 = 30_000;

/// Longest text of a token, in bytes: a record with hundreds of sums and open conflicts.
pub const TOKEN_TEXT_BYTES_MAX: usize = 64 << 10;

/// Longest text of a stream's cursor, in bytes.
pub const CURSOR_TEXT_BYTES_MAX: usize = 8 << 10;

/// Most names that one side of a connection gives an index. Beyond it names stand as themselves.
pub const NAMES_MAX: usize = 4_096;

/// Longest name that is given an index, in bytes; longer ones stand as themselves. With
/// [`NAMES_MAX`] it bounds what one connection remembers.
pub const NAME_INDEXED_BYTES_MAX: usize = 256;

/// Shortest text that is compressed without a dictionary, in bytes: below it codings add more than they
/// save.
pub const COMPRESSED_BYTES_MIN: usize = 256;

/// As [`COMPRESSED_BYTES_MIN`], with a dictionary: it pays for what is hardly longer than an edit of one field.
pub const COMPRESSED_BY_DICTIONARY_BYTES_MIN: usize = 32;

/// How many times its size a compressed message may grow, once it grows beyond
/// [`COMPRESSION_FREE_BYTES`]. A page of records of one kind grows some 20 times.
pub const COMPRESSION_RATIO_MAX: usize = 250;

/// How large a compressed message may grow whatever its size, in bytes.
pub const COMPRESSION_FREE_BYTES: usize = 64 << 10;

/// Memory that a compressed message may ask for to look back, as a power of two of bytes.
pub const COMPRESSION_WINDOW_LOG_MAX: u32 = 24;

/// Shortest value that is told by what differs from the former one, in bytes: below it the digest and the frame
/// take a tenth or more of what they save.
pub const DELTA_TEXT_BYTES_MIN: usize = 4 << 10;

/// How many times as long as the frame a text is at least that is told by what differs. Otherwise it is sent as
/// it is: compressed with its message it may be as short.
pub const DELTA_PART: usize = 4;

/// Most views that one connection follows.
pub const VIEWS_MAX: usize = 64;

/// Most stretches in which a client tells what it holds of a view: with names of some ten bytes they take
/// 150 KB, and of 100,000 records one that differs has 49 told.
pub const STRETCHES_MAX: usize = 2_048;

/// Most bytes of the names of those stretches together: a hub holds them while it tells what differs.
pub const STRETCH_NAMES_BYTES_MAX: usize = 256 << 10;

/// Most entities that one view names.
pub const VIEW_ENTITIES_MAX: usize = 256;

/// Longest name of a view, in bytes.
pub const VIEW_NAME_BYTES_MAX: usize = 64;

/// Longest parameters of a view, in bytes of JSON.
pub const VIEW_PARAMS_BYTES_MAX: usize = 16 << 10;

/// Messages with changes that may be unacknowledged, unless a client asks for another number.
pub const WINDOW_DEFAULT: u32 = 64;

/// Most messages with changes that may be unacknowledged.
pub const WINDOW_MAX: u32 = 1_024;

/// How often a hub sends a ping, in milliseconds. Source: spec 003, heartbeat 30 s.
pub const HEARTBEAT_MS: u64 = 30_000;

/// How long a hub waits for the first message of a connection, in milliseconds.
pub const HELLO_MS_MAX: u64 = 10_000;

/// How long a client gathers operations while a batch is unanswered, in milliseconds, at most.
/// Source: spec 003, batches of 100 or 200 ms.
pub const BATCH_WINDOW_MS_MAX: u64 = 200;

/// How many operations end the gathering at once. Source: as [`BATCH_WINDOW_MS_MAX`].
pub const BATCH_OPERATIONS: usize = 100;

/// How many pushes of a client may be unanswered before it gathers until one is, priority operations
/// aside: enough to keep a hub busy across a round trip.
pub const PUSHES_UNANSWERED: usize = 4;

/// How many pushes a hub takes in before it has answered one of them.
pub const PUSHES_UNANSWERED_MAX: usize = 8;

/// First bound of the random wait before a client tries again, in milliseconds. Source: design §7.
pub const RETRY_MS_FIRST: u64 = 1_000;

/// Last bound of that wait, in milliseconds. Source: design §7.
pub const RETRY_MS_MAX: u64 = 30_000;

/// Fewest bytes of a symmetric secret. Source: Standard Webhooks 1.0.0.
pub const WEBHOOK_SECRET_BYTES_MIN: usize = 24;

/// Most bytes of a symmetric secret. Source: Standard Webhooks 1.0.0.
pub const WEBHOOK_SECRET_BYTES_MAX: usize = 64;

/// Longest plain secret of spec 004, in bytes.
pub const WEBHOOK_PLAIN_SECRET_BYTES_MAX: usize = 1_024;

/// Most active secrets of one endpoint or receiver: a former and a new one of each kind, and some to spare.
pub const WEBHOOK_SECRETS_MAX: usize = 8;

/// Most signatures of one header that are looked at, so that verifying has an end: as many secrets as we would
/// sign with ourselves, twice.
pub const WEBHOOK_SIGNATURES_MAX: usize = 2 * WEBHOOK_SECRETS_MAX;

/// Longest value of `webhook-signature`, in bytes. Each Ed25519 signature takes 93.
pub const WEBHOOK_SIGNATURE_BYTES_MAX: usize = 4 << 10;

/// How far the clocks of sender and receiver may be apart, in seconds, both ways. Source: the official
/// libraries of Standard Webhooks.
pub const WEBHOOK_TOLERANCE_S: u64 = 300;

/// Longest value of `Content-Digest` that is read, in bytes. All registered algorithms together take 400.
pub const CONTENT_DIGEST_BYTES_MAX: usize = 1_024;

/// Longest wait that a receiver may ask for, in milliseconds: a day.
pub const RETRY_AFTER_MS_MAX: u64 = 86_400_000;

/// Longest body that holds its data, in bytes, unless an endpoint says otherwise. Longer ones say where the
/// data is.
pub const WEBHOOK_BODY_BYTES: usize = 256 << 10;

const _: () = assert!(BATCH_OPERATIONS <= PUSH_OPERATIONS_MAX);
const _: () = assert!(RETRY_MS_FIRST <= RETRY_MS_MAX);
const _: () = assert!(PUSHES_UNANSWERED < PUSHES_UNANSWERED_MAX);
const _: () = assert!(PULL_BYTES <= MESSAGE_BYTES_MAX);
const _: () = assert!(2 * MESSAGE_BYTES_MAX <= 1 << COMPRESSION_WINDOW_LOG_MAX);
const _: () = assert!(ANSWER_BYTES_MAX <= 1 << COMPRESSION_WINDOW_LOG_MAX);
const _: () = assert!(WEBHOOK_SIGNATURES_MAX * 93 <= WEBHOOK_SIGNATURE_BYTES_MAX);
