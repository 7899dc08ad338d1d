//! The bounds of what the engine keeps, each with its unit and its reason.

/// Most different sets of names that the items of one entity may have in a domain: one byte tells each
/// item's, zero the hub's. It takes as many changes of the configuration, each with items that nobody
/// has written since; beyond it second names of a field are forgotten first.
pub const NAMINGS_MAX: usize = 255;
