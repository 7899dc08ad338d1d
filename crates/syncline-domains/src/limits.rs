//! The bounds of the domains, each with its unit and its reason.

/// Most bytes of one file of a `files` domain, unless the configuration says otherwise. It is looked
/// up before anything is read. Source: spec 001, "Maximum 100MB total data per sync".
pub const FILE_BYTES_MAX: u64 = 100_000_000;

/// How often a file is read again because it changed while it was read. A writer that needs longer
/// than that is still at work.
pub const READ_ATTEMPTS_MAX: u32 = 3;

/// Most bytes in the text of a time. The longest RFC 3339 time with nine digits after the second
/// has 35; more digits are allowed, and ignored.
pub const TIME_TEXT_BYTES_MAX: usize = 64;

/// Numbers from here on are milliseconds since 1970, smaller ones seconds: 10^11 ms is March 1973,
/// 10^11 s is the year 5138.
pub const UNIX_MS_MIN: u64 = 100_000_000_000;
