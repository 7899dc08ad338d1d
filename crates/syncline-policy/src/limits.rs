//! The bounds of a run and of a policy, each with its unit and its reason.

use crate::guard::{SafetyStop, Threshold};

/// Most records of one entity in one domain. Source: spec 001, "10,000 items per entity type".
pub const ITEMS_PER_ENTITY: u64 = 10_000;

/// Most bytes that one run reads over all its files. Source: spec 001, "100MB total data per sync".
pub const BYTES_PER_RUN: u64 = 100_000_000;

/// Longest that one run may take, in milliseconds. Source: spec 001, "5 minutes per sync operation".
pub const RUN_MS: u64 = 5 * 60 * 1_000;

/// Deletes that are never stopped, and above which the share decides. A handful of deletes in a
/// small list is everyday work; rclone's and vdirsyncer's accidents were in the hundreds.
pub const DELETES_DEFAULT: Threshold = Threshold { count: 10, percent: 20 };

/// Rewritten records that are never stopped, and above which the share decides. Half of a large
/// list rewritten at once is a broken export more often than work; a short list is edited by hand.
pub const CHANGES_DEFAULT: Threshold = Threshold { count: 100, percent: 50 };

/// Records of an entity that one client may delete within a while, at a hub that is served. A person
/// clears a list of a hundred; who deletes more than that, and more than a fifth, is asked about.
pub const PUSH_DELETES_DEFAULT: Threshold = Threshold { count: 100, percent: 20 };

/// Records of an entity that one client may change within a while. An application that writes thousands
/// does that every night; one that rewrites most of a long list is asked about.
pub const PUSH_CHANGES_DEFAULT: Threshold = Threshold { count: 10_000, percent: 50 };

/// The while within which deletes and changes of a client add up, in milliseconds: longer than a client
/// needs to send what it had queued.
pub const PUSH_WINDOW_MS: u64 = 10 * 60 * 1_000;

/// How long a client may do as it likes once an operator has allowed it, in milliseconds: enough to
/// come back and send.
pub const RELEASE_MS: u64 = 60 * 60 * 1_000;

/// Records that are remembered for the guard of pushes, of all clients together: some 20 MiB. Beyond it
/// the oldest are forgotten, and count no more.
pub const PUSH_RECORDS_MAX: usize = 1 << 20;

/// Most clients that are held at once, by entity: an operator reads the list.
pub const HOLDS_MAX: usize = 1_000;

/// How long a count of all records of an entity stands before it is done again, in milliseconds.
pub const COUNT_AGAIN_MS: u64 = 60 * 1_000;

/// Most rules in one policy. Every field of every record is held against them once per run.
pub const RULES_MAX: usize = 1_000;

/// Most bytes in the text that stands for a masked value. It is repeated in every record.
pub const MASK_BYTES_MAX: usize = 64;

/// Most values in one condition. Conditions compare in turn; longer lists belong in the data.
pub const CONDITION_VALUES_MAX: usize = 1_000;

/// Most bytes in the text of an expression. One that needs more is a program.
pub const EXPRESSION_BYTES_MAX: usize = 1_024;

/// Deepest nesting of an expression. Parsing and evaluating it go down the stack as deep.
pub const EXPRESSION_DEPTH_MAX: u16 = 32;

/// Most parts (names, literals, operators, calls) of an expression, loops written out.
pub const EXPRESSION_NODES_MAX: usize = 128;

/// Most steps that evaluating an expression may take, told from its text; a few milliseconds at
/// most, and microseconds for values of everyday size.
pub const EXPRESSION_COST_MAX: u64 = 100_000;

/// Most values that an expression is given. A register keeps no more concurrent ones than this.
pub const EXPRESSION_VALUES_MAX: usize = 16;

/// Most elements of a list among the values that an expression is given.
pub const EXPRESSION_LIST_MAX: usize = 256;

/// Most bytes, as JSON, of all values that an expression is given.
pub const EXPRESSION_INPUT_SIZE_MAX: usize = 16 * 1_024;

/// Most parts of a transformation of events: it may name each field of a long record.
pub const TRANSFORMATION_NODES_MAX: usize = 1_024;

/// Most steps that a transformation may take with an event, told before it runs: some tenths of a second.
pub const TRANSFORMATION_COST_MAX: u64 = 1_000_000;

/// Longest event that is transformed, in bytes: as long as a body that is sent whole.
pub const TRANSFORMATION_INPUT_BYTES_MAX: usize = 256 << 10;

/// Longest data that a transformation makes, in bytes.
pub const TRANSFORMATION_OUTPUT_BYTES_MAX: usize = 256 << 10;

/// Deepest nesting of the data that a transformation makes.
pub const TRANSFORMATION_DEPTH_MAX: usize = 64;

/// Longest text of a view's filter, in bytes.
pub const FILTER_BYTES_MAX: usize = 4_096;

/// Most parts (names, literals, operators, calls) of a filter: it is asked of every change.
pub const FILTER_PARTS_MAX: usize = 256;

/// Most elements of a list in a filter or a parameter.
pub const FILTER_LIST_MAX: usize = 1_000;

/// Longest value of a claim or a parameter that a filter compares with, in bytes.
pub const FILTER_VALUE_BYTES_MAX: usize = 16 << 10;

const _: () = assert!(DELETES_DEFAULT.percent < CHANGES_DEFAULT.percent);
const _: () = assert!(PUSH_DELETES_DEFAULT.percent < PUSH_CHANGES_DEFAULT.percent);

/// What one run may read and how long it may take.
///
/// # Example
///
/// ```
/// use syncline_policy::Limits;
///
/// let limits = Limits::default();
/// assert!(limits.check_items("contacts", 10_000).is_ok());
/// assert_eq!(limits.check_items("contacts", 10_001).unwrap_err().code(), "LIMIT_ITEMS");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most records of one entity in one domain.
    pub items_per_entity: u64,
    /// Most bytes read by one run, over all entities and domains.
    pub bytes_per_run: u64,
    /// Longest duration of one run, in milliseconds.
    pub run_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { items_per_entity: ITEMS_PER_ENTITY, bytes_per_run: BYTES_PER_RUN, run_ms: RUN_MS }
    }
}

impl Limits {
    /// Checks the number of records of `entity` in one domain. The bound is inclusive.
    ///
    /// # Errors
    ///
    /// [`SafetyStop::Items`]; the run stops before it writes anything.
    pub fn check_items(&self, entity: &str, items: u64) -> Result<(), SafetyStop> {
        if items <= self.items_per_entity {
            return Ok(());
        }
        let entity = entity.to_owned();
        Err(SafetyStop::Items { entity, items, items_max: self.items_per_entity })
    }

    /// Checks the bytes that a run is about to read, in total. The bound is inclusive.
    ///
    /// # Errors
    ///
    /// [`SafetyStop::Bytes`]; the run stops before it reads the files.
    pub fn check_bytes(&self, bytes: u64) -> Result<(), SafetyStop> {
        if bytes <= self.bytes_per_run {
            return Ok(());
        }
        Err(SafetyStop::Bytes { bytes, bytes_max: self.bytes_per_run })
    }

    /// Checks how long a run has taken so far, in milliseconds. The bound is inclusive.
    ///
    /// # Errors
    ///
    /// [`SafetyStop::Time`]; the run ends between two steps and can be started again.
    pub fn check_time(&self, elapsed_ms: u64) -> Result<(), SafetyStop> {
        if elapsed_ms <= self.run_ms {
            return Ok(());
        }
        Err(SafetyStop::Time { elapsed_ms, run_ms_max: self.run_ms })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Boundaries in pairs: the limit itself passes, one more does not.
    #[test]
    fn a_run_at_its_limit_passes_and_one_past_it_stops() {
        let limits = Limits { items_per_entity: 3, bytes_per_run: 5, run_ms: 7 };
        let code = |result: Result<(), SafetyStop>| result.err().map(|stop| stop.code());
        assert_eq!(code(limits.check_items("tasks", 3)), None);
        assert_eq!(code(limits.check_items("tasks", 4)), Some("LIMIT_ITEMS"));
        assert_eq!(code(limits.check_bytes(5)), None);
        assert_eq!(code(limits.check_bytes(6)), Some("LIMIT_BYTES"));
        assert_eq!(code(limits.check_time(7)), None);
        assert_eq!(code(limits.check_time(8)), Some("LIMIT_TIME"));
    }

    #[test]
    fn the_default_limits_are_those_of_spec_001() {
        let expected =
            Limits { items_per_entity: 10_000, bytes_per_run: 100_000_000, run_ms: 300_000 };
        assert_eq!(Limits::default(), expected);
    }
}
