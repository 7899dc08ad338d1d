//! The bounds of a hub, each with its unit and its reason.

/// Most files kept for undo. Older ones are removed: they cost disk and hold personal data.
pub const UNDO_FILES_MAX: usize = 200;

/// Most commands that wait for the writer. Beyond it those who ask wait themselves.
pub const COMMANDS_WAITING_MAX: usize = 4_096;

/// Most operations committed as one group. Source: design §6.
pub const GROUP_OPERATIONS_MAX: usize = 1_000;
