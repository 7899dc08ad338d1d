//! Filled in with the harness.
