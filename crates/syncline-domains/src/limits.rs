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
