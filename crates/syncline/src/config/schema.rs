//! The published schema.

/// The JSON Schema of `syncline.toml`, as it is published.
pub const SCHEMA: &str = include_str!("../../schemas/syncline.toml.schema.json");
