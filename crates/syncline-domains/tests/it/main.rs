//! Tests of the domains from outside.

#![cfg(feature = "files")]
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

#[cfg(feature = "app")]
mod app;
mod document_laws;
mod fixtures;
mod patch_laws;
mod real_disk;
mod sim_disk;
mod staging;
