//! Black-box tests of the generator, the committed data sets and the peer.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::print_stderr, reason = "a skipped test says so")]

mod examples;
mod fixtures;
mod odd_files;
mod peer;
