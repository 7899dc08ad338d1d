//! Fuzz targets: everything that reads bytes from outside, and the merge against a plain oracle.
//!
//! Each target takes any bytes and panics only if the code under test is wrong. The corpora in
//! `fuzz/corpus/<target>/` are replayed by this crate's tests on every run, together with seeded
//! mutations of them; `fuzz/libfuzzer/` drives the same targets with coverage feedback, where a
//! nightly toolchain is at hand (`cargo +nightly fuzz run --fuzz-dir fuzz/libfuzzer json`).

mod decoders;
mod merge;
mod messages;
mod replay;
mod targets;
mod text;
mod webhook;

pub use replay::replay;
pub use targets::{TARGETS, Target};
