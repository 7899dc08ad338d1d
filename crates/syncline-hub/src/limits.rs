//! The bounds of a hub, each with its unit and its reason.

/// Most files kept for undo. Older ones are removed: they cost disk and hold personal data.
pub const UNDO_FILES_MAX: usize = 200;

/// Most bytes kept for undo, for the same reason; the copies of the latest run always stay.
pub const UNDO_BYTES_MAX: u64 = 1 << 30;

/// Most commands that wait for the writer. Beyond it those who ask wait themselves.
pub const COMMANDS_WAITING_MAX: usize = 4_096;

/// How many bytes of pushed operations wait for the writer or are under way, about: beyond it a push
/// is refused, unless it is the only one.
pub const PUSHED_BYTES_MAX: usize = 64 << 20;

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

/// Most entries of the log that are read for one page of changes: those of entities that a reader
/// does not follow count as well.
pub const PAGE_ENTRIES_MAX: usize = 10_000;

/// How many bytes of the log are read for one page of changes, about: an entry holds images.
pub const PAGE_LOG_BYTES: usize = 16 << 20;

/// Most entries of the log that are read behind a page to say what became of its records, for a reader
/// who is not told everything: a tenth of a second. One who is further behind begins anew.
pub const PAGE_BEHIND_MAX: usize = 100_000;

/// Most records that are looked at for one page of a snapshot: deleted ones count as well.
pub const PAGE_RECORDS_MAX: usize = 10_000;

/// Most entries of the log that are read to find changes of one record, before it is said where to go
/// on. There is no index by record: they are found by reading.
pub const HISTORY_ENTRIES_MAX: usize = 100_000;

/// Most entries of the log that are gone back for what a record was: some seconds of reading.
pub const PAST_ENTRIES_MAX: usize = 1_000_000;

/// How many of these are read as of one moment: a reader is kept for moments only.
pub const PAST_ENTRIES_AT_ONCE: usize = 20_000;

const _: () = assert!(PAST_ENTRIES_AT_ONCE < PAST_ENTRIES_MAX);

/// How many changes of the log are forgotten at once, about: some tenths of a second, in which the writer
/// does nothing else.
pub const FORGOTTEN_AT_ONCE: u64 = 5_000;

/// Most records that are looked at to know how many of an entity there are, for the guard of pushes: some
/// tenths of a second, in which the writer does nothing else.
pub const COUNTED_ROWS_MAX: usize = 100_000;

/// Most conflicts in one answer.
pub const CONFLICTS_LISTED_MAX: usize = 1_000;

/// Most types of events in the catalogue of a hub: they are held in memory, compiled.
pub const EVENT_TYPES_MAX: usize = 1_000;

/// Most versions of one type of event: whoever emits tries them one after the other.
pub const EVENT_VERSIONS_MAX: usize = 16;

/// Most examples of one version of a type of event.
pub const EVENT_EXAMPLES_MAX: usize = 16;

/// Longest description of a type of event, in bytes.
pub const EVENT_DESCRIPTION_BYTES_MAX: usize = 4 << 10;

/// Memory that a compiled pattern of a schema may take, in bytes.
pub(crate) const PATTERN_PROGRAM_BYTES_MAX: usize = 256 << 10;

/// Memory that matching a pattern may take, in bytes.
pub(crate) const PATTERN_DFA_BYTES_MAX: usize = 256 << 10;

/// Longest schema of an entity, in bytes.
pub const SCHEMA_BYTES_MAX: usize = 64 << 10;

/// Rows that are looked at for one page of a list whose rows are few among others.
pub const SIFTED_ROWS_MAX: usize = 10_000;

/// Most conflicts that are decided at once: each is a transaction, during which others wait.
pub const CONFLICTS_AT_ONCE_MAX: usize = 100;

/// Most records in one list.
pub const RECORDS_LISTED_MAX: usize = 1_000;

/// Former sites that a hub keeps: the first one and the latest. A hub is restored or moved a few times in its
/// life; tokens of the others say themselves whose they are.
pub const PAST_SITES_MAX: usize = 16;

/// How long the hub rests between two sums of all that is shown, as a multiple of what the last one took: a
/// tenth of one processor goes there at most.
pub const CHECKS_REST: u32 = 9;

/// Bytes of entries of the log that are kept in memory until what they tell is sent: some pages of small ones.
pub(crate) const DELIVERY_ENTRIES_BYTES_MAX: usize = 16 << 20;

/// Bytes after which a page of the log is not read on for deliveries; its last entry may be longer.
pub(crate) const DELIVERY_PAGE_BYTES_MAX: usize = 8 << 20;

/// How far the clock may go back before deliveries begin anew by the new time, in milliseconds: what is due would
/// wait for the old one.
pub(crate) const CLOCK_BACK_MS_MAX: u64 = 5_000;

/// How often one turn of the deliveries reads before it sends: others have their turn at the writer in between.
pub(crate) const DELIVERY_LOADS_MAX: usize = 64;

/// Most notices that one entry of the audit names; of more it says how many.
pub(crate) const NOTICES_AUDITED_MAX: usize = 100;

/// Most entries of the log that cannot be read of which operators are told in one life of a hub: where there are
/// more, the first ones say what is to be done.
pub(crate) const DAMAGED_ENTRIES_TOLD_MAX: usize = 1_024;

/// Rows of a removed endpoint that are deleted with one turn: some milliseconds, for which the others wait.
pub(crate) const DELIVERIES_REMOVED_AT_ONCE: usize = 1_000;

/// Bytes of what attempts say that are in memory at once, of those that say much. As much again is the bodies that
/// are made of it.
pub(crate) const CONTENTS_BYTES_MAX: usize = 32 << 20;

/// From how many bytes on what an attempt says is counted: a sender has 1,024 at once, which are 16 MB of less.
pub(crate) const CONTENT_COUNTED_BYTES_MIN: usize = 16 << 10;

/// How many contents that are counted may begin before one that waits for more room than there is: after that all
/// wait for it.
pub(crate) const CONTENT_PASSES_MAX: usize = 256;

/// Rows that cannot be read which are passed by to find the next one that can: some milliseconds.
pub(crate) const ROWS_PASSED_MAX: usize = 1_000;

/// Deliveries that are looked at for a replay in one turn: some tens of milliseconds.
pub(crate) const REPLAY_ROWS_AT_ONCE: usize = 500;

/// Deliveries of an endpoint in memory beyond which a replay gives it no more: what is new has to have room.
pub(crate) const REPLAY_AHEAD_MAX: usize = 1_000;

/// How long a replay keeps what it has yet to look at from being deleted with its time, in milliseconds: a week, in
/// which thirty million deliveries are made again, 50 a second. An endpoint that takes none keeps nothing for ever.
pub const REPLAY_HOLDS_MS_MAX: u64 = 7 * 86_400_000;

/// Rows that are looked at to count what a replay would send: some seconds of reading. Beyond, it is said that
/// there may be more.
pub(crate) const REPLAY_COUNTED_ROWS_MAX: usize = 1_000_000;

/// Types of events that a count names one by one.
pub(crate) const REPLAY_TYPES_TOLD_MAX: usize = 200;

/// Most replays of one hub that are under way.
pub const REPLAYS_RUNNING_MAX: usize = 16;

/// Most replays of one hub that are remembered, those that have ended too: somebody may look tomorrow.
pub(crate) const REPLAYS_KEPT_MAX: usize = 100;

/// Most endpoints of one replay.
pub const REPLAY_ENDPOINTS_MAX: usize = 100;

const _: () = assert!(REPLAYS_RUNNING_MAX < REPLAYS_KEPT_MAX);
const _: () =
    assert!(REPLAY_ROWS_AT_ONCE + REPLAY_AHEAD_MAX < syncline_engine::deliver::limits::PENDING_MAX);
const _: () = assert!(REPLAY_ROWS_AT_ONCE <= syncline_engine::deliver::limits::REPLAY_TAKEN_MAX);

/// Most entries of the log that are read for one list of events: as many as a page of deliveries has.
pub const EVENTS_TOLD_ENTRIES_MAX: usize = 1_000;

/// How many bytes of the log are read for one list of events, and how many bytes of data are told, about.
pub const EVENTS_TOLD_BYTES_MAX: usize = 4 << 20;

/// Most conflicts that wait for a person and are counted: a look at more would take more than moments.
pub const WAITING_COUNTED_MAX: usize = 100_000;

/// Most of them of which it is remembered since when they wait, some hundred bytes each.
pub(crate) const WAITING_WATCHED_MAX: usize = 10_000;

/// Entries of the log that are looked at for an event of which only the id is known.
pub const EVENT_ENTRIES_LOOKED_AT_MAX: u64 = 1_000;

/// Entries behind the change of an operation among which the event stands that it was emitted with: those of registers
/// that were settled at their bound stand between.
pub const EVENT_NEIGHBOURS_MAX: u64 = 64;

/// Deliveries that are looked at for one page of a list: some tens of milliseconds.
pub(crate) const DELIVERIES_LOOKED_AT_MAX: usize = 10_000;

/// Deliveries that are read at once where their places are known.
pub(crate) const DELIVERY_ROWS_AT_ONCE: usize = 256;

/// Keys of deliveries that are not final that are looked at for one page of a list: some tens of milliseconds. Where there
/// are more, they are found among all deliveries.
pub(crate) const LANE_KEYS_LOOKED_AT_MAX: usize = 50_000;

/// Rows of messages that are forgotten, and of requests that are looked at, in one piece: some tens of milliseconds.
pub(crate) const RECEIVED_FORGOTTEN_AT_ONCE: usize = 1_000;

/// Rows of deliveries that are looked at in one piece of a sweep: some tens of milliseconds.
pub(crate) const DELIVERIES_SWEPT_AT_ONCE: usize = 2_000;
