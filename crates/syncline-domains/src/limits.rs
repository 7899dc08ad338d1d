//! The bounds of the domains, each with its unit and its reason.

/// Most bytes of one file of a `files` domain, unless the configuration says otherwise. It is looked
/// up before anything is read. Source: spec 001, "Maximum 100MB total data per sync".
pub const FILE_BYTES_MAX: u64 = 100_000_000;

/// How often a file is read again because it changed while it was read. A writer that needs longer
/// than that is still at work.
pub const READ_ATTEMPTS_MAX: u32 = 3;

/// Most tries of one step that a passing error ends. What does not pass within some seconds is for a
/// later run.
pub const TRIES_MAX: u32 = 3;

/// Longest pause before the second try, in milliseconds; doubled for every further one.
pub const PAUSE_MS_FIRST_MAX: u64 = 400;

/// The ports that a webhook may be sent to, unless the configuration says otherwise.
pub const APP_PORTS: &[u16] = &[80, 443, 8_080, 8_443];

/// Longest URL that is sent to, in bytes. Source: what every server and proxy takes.
pub const APP_URL_BYTES_MAX: usize = 2_048;

/// Most addresses of one host that are tried. All that it has are looked at.
pub const APP_ADDRESSES_TRIED_MAX: usize = 4;

/// How long the addresses of a host stay known, in milliseconds: connections that are opened at once look them up
/// once. What they were found to be is what is connected to.
pub const APP_RESOLVED_MS_MAX: u64 = 5_000;

/// Most requests under way to one host, and so most connections to it.
pub const APP_HOST_CONNECTIONS_MAX: usize = 512;

/// Most connections to all hosts, idle ones included.
pub const APP_CONNECTIONS_MAX: usize = 1_024;

/// How long a connection is kept that nothing is sent on, in milliseconds.
pub const APP_IDLE_MS_MAX: u64 = 20_000;

/// How long a connection is used at all, in milliseconds: after it a host's new addresses are found.
pub const APP_CONNECTION_MS_MAX: u64 = 300_000;

/// How long looking up, connecting and encrypting may take together, in milliseconds.
pub const APP_CONNECT_MS_MAX: u64 = 5_000;

/// How long a request may take from its beginning to the status of its answer, in milliseconds, unless the endpoint
/// says otherwise. Source: Standard Webhooks, 15 to 30 s.
pub const APP_SEND_MS: u64 = 30_000;

/// How long the body of an answer is waited for once its status is there, in milliseconds. The status decides; the
/// body is only shown.
pub const APP_ANSWER_BODY_MS_MAX: u64 = 1_000;

/// Most bytes of the body of an answer that are read. A connection with more to come is closed.
pub const APP_ANSWER_BYTES_MAX: usize = 16 << 10;

/// Most bytes of the head of an answer.
pub const APP_ANSWER_HEAD_BYTES_MAX: usize = 16 << 10;

/// Most bytes of an answer that are kept to be shown.
pub const APP_EXCERPT_BYTES_MAX: usize = 1 << 10;

/// Longest body that is sent, in bytes.
pub const APP_REQUEST_BYTES_MAX: usize = 1 << 20;

const _: () = assert!(APP_HOST_CONNECTIONS_MAX < APP_CONNECTIONS_MAX);
const _: () = assert!(APP_EXCERPT_BYTES_MAX <= APP_ANSWER_BYTES_MAX);
const _: () = assert!(APP_CONNECT_MS_MAX < APP_SEND_MS);
