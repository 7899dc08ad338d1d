//! Tests of the crate through its public interface.

#![cfg(test)]

mod json_fields;
mod json_leaf;
mod json_number;
mod json_path;
mod json_raw;
mod json_support;
mod json_text;
mod json_vectors;
