//! The bounds of merging, each with its unit and its reason.

/// Most values that a register holds. At the bound the hub restates the visible value and moves
/// the others into the conflict's history, so that blind writers cannot grow a field for ever.
pub const REGISTER_VALUES_MAX: usize = 16;

/// Deepest that keyed arrays may nest within keyed arrays.
pub const KEYED_DEPTH_MAX: usize = 4;
