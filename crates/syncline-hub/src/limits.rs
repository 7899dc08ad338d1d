//! The bounds of a hub, each with its unit and its reason.

/// Most files kept for undo. Older ones are removed: they cost disk and hold personal data.
pub const UNDO_FILES_MAX: usize = 200;

/// Most bytes kept for undo, for the same reason; the copies of the latest run always stay.
pub const UNDO_BYTES_MAX: u64 = 1 << 30;

/// Most commands that wait for the writer. Beyond it those who ask wait themselves.
pub const COMMANDS_WAITING_MAX: usize = 4_096;

/// Most operations committed as one group. Source: design §6.
pub const GROUP_OPERATIONS_MAX: usize = 1_000;

/// Fewest operations for which it is worth to split those that are known into two groups, one
/// committed while the other is decided: each commit has a cost of its own.
pub const GROUP_SPLIT_MIN: usize = 8;

/// How long a group waits for more operations under load, in milliseconds. Source: design §6.
pub const GROUP_WINDOW_MS: u64 = 2;

/// How much one group saves, in bytes, before the rest waits for the next one: far below what a
/// batch of the store may hold, and little enough to stay in memory twice.
pub const GROUP_BYTES_MAX: usize = 64 << 20;

const _: () = assert!(
    GROUP_BYTES_MAX + 4 * syncline_engine::operate::STATE_BYTES_MAX
        < syncline_store::limits::BATCH_BYTES_MAX
);

/// Clients whose results are held in memory: 256 with a full window take some 50 MiB.
pub const CLIENTS_CACHED_MAX: usize = 256;

/// How many bytes of a run's rows are handed to the store at once: they are sorted by key before they
/// are written, so that a page is dirtied once for many of them.
pub const PIECE_BYTES: usize = 1 << 20;

/// Most pieces of a run's rows that wait for the store: it is never idle for want of one, and memory
/// holds few.
pub const PIECES_WAITING_MAX: usize = 1;

/// Most groups of plans that wait to become rows.
pub const PLANS_WAITING_MAX: usize = 2;

/// Most runs that are looked back at for the latest one of a link: some 100 KiB of reports.
pub const RUNS_LOOKED_BACK_MAX: usize = 100;

/// Most runs that are looked at for the name of a new one: those of its second, and those that a clock
/// named that was ahead.
pub const RUNS_NAMED_ALIKE_MAX: usize = 1_000;

/// Fewest digits of a conflict's id that name it. One or two may well be the id of a record, which
/// would decide the conflict of another one.
pub const CONFLICT_DIGITS_MIN: usize = 4;
