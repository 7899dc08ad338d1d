//! The guards that stop a run before it writes: too many deletes, too many rewrites, an emptied side.
//!
//! A guard judges one entity on one side, with the whole plan known and nothing written yet.

mod push;

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

pub use push::{Counted, Deed, Hold, PushGuard, PushHeld, PushLimits};

use crate::limits::{CHANGES_DEFAULT, DELETES_DEFAULT};

/// How many records of a side may be touched: the greater of a number and a share.
///
/// Written `"20%"` or `"99"`; 100 % lets everything through.
///
/// ```
/// use syncline_policy::Threshold;
///
/// let threshold: Threshold = "20%".parse()?;
/// assert_eq!(threshold.allowed(99), 19);
/// assert_eq!(Threshold { count: 10, percent: 20 }.allowed(5), 10);
/// # Ok::<(), syncline_policy::ThresholdError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Threshold {
    /// Records that are always allowed.
    pub count: u64,
    /// Share of the side's records that is allowed, in percent, 0 to 100.
    pub percent: u8,
}

impl Threshold {
    /// Lets everything through.
    pub const UNLIMITED: Self = Self { count: u64::MAX, percent: 100 };

    /// Returns a threshold of exactly `count` records.
    pub const fn count(count: u64) -> Self {
        Self { count, percent: 0 }
    }

    /// Returns how many records of a side that holds `size` may be touched. Shares are rounded down.
    pub fn allowed(self, size: u64) -> u64 {
        let share = u128::from(size) * u128::from(self.percent) / 100;
        self.count.max(u64::try_from(share).unwrap_or(u64::MAX))
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.count, self.percent) {
            (u64::MAX, _) | (_, 100..) => f.write_str("no limit"),
            (count, 0) => write!(f, "{count}"),
            (0, percent) => write!(f, "{percent} %"),
            (count, percent) => write!(f, "the greater of {count} and {percent} %"),
        }
    }
}

impl FromStr for Threshold {
    type Err = ThresholdError;

    fn from_str(text: &str) -> Result<Self, ThresholdError> {
        let Some(share) = text.strip_suffix('%') else {
            return text.trim().parse().map(Self::count).map_err(|_| ThresholdError::NotANumber);
        };
        match share.trim().parse::<u64>().map(u8::try_from) {
            Ok(Ok(percent)) if percent <= 100 => Ok(Self { count: 0, percent }),
            Ok(_) => Err(ThresholdError::AboveHundred),
            Err(_) => Err(ThresholdError::NotANumber),
        }
    }
}

/// Why a threshold could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ThresholdError {
    /// Neither a whole number nor a whole number with a percent sign.
    #[error("a threshold is a number of records such as 99, or a share such as \"20%\"")]
    NotANumber,
    /// A share above 100 %.
    #[error("a share is at most \"100%\"")]
    AboveHundred,
}

impl ThresholdError {
    /// Returns the stable code of this error.
    pub const fn code(self) -> &'static str {
        "THRESHOLD_INVALID"
    }
}

/// The guards of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guard {
    /// Deletes that one run may write, per entity and side.
    pub max_delete: Threshold,
    /// Rewrites of records already agreed on that one run may write, per entity and side.
    pub max_change: Threshold,
    /// Whether a side that was emptied may empty the other. False unless a person says so for a run.
    pub allow_emptied: bool,
}

impl Default for Guard {
    fn default() -> Self {
        Self { max_delete: DELETES_DEFAULT, max_change: CHANGES_DEFAULT, allow_emptied: false }
    }
}

/// What a plan would do to one entity on one side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Toll<'a> {
    /// The entity.
    pub entity: &'a str,
    /// The domain that would be written.
    pub side: &'a str,
    /// Records that this side holds before the run.
    pub size_before: u64,
    /// Records that would be deleted. Moves and re-adds under the same id do not count.
    pub deletes: u64,
    /// Records that would be rewritten, of those that this side held at the last run. Additions and
    /// the first meeting of two sides do not count.
    pub changes: u64,
    /// What became of the side that the deletes come from.
    pub origin: Origin,
}

/// What became of the side that the deletes of a plan come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It holds records, or held none at the last run.
    Holds,
    /// It held records at the last run and holds none now.
    Emptied,
    /// It held records at the last run, and its file is gone.
    Missing,
}

/// Judges what a plan would do to one entity on one side.
///
/// An emptied side stops whatever the thresholds say, as does a plan that would empty one: a list is
/// emptied by a failed export or an unmounted disk more often than by its owner.
///
/// # Errors
///
/// [`SafetyStop::Emptied`], [`SafetyStop::Deletes`] or [`SafetyStop::Changes`], in this order.
/// The caller writes nothing on any side, and shows the plan.
pub fn judge(toll: Toll<'_>, guard: &Guard) -> Result<(), SafetyStop> {
    let entity = || toll.entity.to_owned();
    let side = || toll.side.to_owned();
    let Toll { size_before, deletes, changes, .. } = toll;
    let empties = toll.origin != Origin::Holds || deletes >= size_before;
    if deletes > 0 && empties && !guard.allow_emptied {
        let (entity, side, origin) = (entity(), side(), toll.origin);
        return Err(SafetyStop::Emptied { entity, side, deletes, size_before, origin });
    }
    let deletes_max = guard.max_delete.allowed(size_before);
    if deletes > deletes_max {
        let (entity, side) = (entity(), side());
        return Err(SafetyStop::Deletes { entity, side, deletes, size_before, deletes_max });
    }
    let changes_max = guard.max_change.allowed(size_before);
    if changes > changes_max {
        let (entity, side) = (entity(), side());
        return Err(SafetyStop::Changes { entity, side, changes, size_before, changes_max });
    }
    Ok(())
}

/// Why a run was stopped before it wrote.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SafetyStop {
    /// One side held records and holds none now, or the plan would leave none.
    #[error(
        "{entity}: {}would delete {deletes} of {size_before} in {side}",
        emptied_because(*origin)
    )]
    Emptied {
        /// The entity.
        entity: String,
        /// The domain that would be written.
        side: String,
        /// Records that would be deleted there.
        deletes: u64,
        /// Records that it holds now.
        size_before: u64,
        /// What became of the other side; where that holds records, the plan would leave none here.
        origin: Origin,
    },
    /// More deletes than the guard allows.
    #[error(
        "{entity}: would delete {deletes} of {size_before} in {side}; at most {deletes_max} are allowed"
    )]
    Deletes {
        /// The entity.
        entity: String,
        /// The domain that would be written.
        side: String,
        /// Records that would be deleted there.
        deletes: u64,
        /// Records that it holds now.
        size_before: u64,
        /// Deletes that the guard allows there.
        deletes_max: u64,
    },
    /// More rewrites than the guard allows.
    #[error(
        "{entity}: would rewrite {changes} of {size_before} in {side}; at most {changes_max} are allowed"
    )]
    Changes {
        /// The entity.
        entity: String,
        /// The domain that would be written.
        side: String,
        /// Records that would be rewritten there.
        changes: u64,
        /// Records that it holds now.
        size_before: u64,
        /// Rewrites that the guard allows there.
        changes_max: u64,
    },
    /// One entity holds more records than a run may read, or would after the run.
    #[error(
        "{entity}: one side holds {items} records, now or after the run; at most {items_max} are read in a run"
    )]
    Items {
        /// The entity.
        entity: String,
        /// Records, now or after the run.
        items: u64,
        /// The limit, in records.
        items_max: u64,
    },
    /// The files of a run are larger than it may read.
    #[error("the files hold {bytes} bytes; at most {bytes_max} are read in a run")]
    Bytes {
        /// Size of all files, in bytes.
        bytes: u64,
        /// The limit, in bytes.
        bytes_max: u64,
    },
    /// A run that asks for a clean start finds work of earlier ones.
    #[error("{}", unfinished(*open, *failed))]
    NotClean {
        /// Conflicts of its entities that wait for a person.
        open: u64,
        /// Records and files that failed in the latest run.
        failed: u64,
    },
    /// The run took longer than it may.
    #[error("the run has taken {elapsed_ms} ms; at most {run_ms_max} ms are allowed")]
    Time {
        /// Time since the run began, in milliseconds.
        elapsed_ms: u64,
        /// The limit, in milliseconds.
        run_ms_max: u64,
    },
}

/// Returns what happened to the other side, where something did.
const fn emptied_because(origin: Origin) -> &'static str {
    match origin {
        Origin::Holds => "",
        Origin::Emptied => "the other side was emptied; ",
        Origin::Missing => "the file of the other side is missing; ",
    }
}

/// Returns what earlier runs have left.
fn unfinished(open: u64, failed: u64) -> String {
    let left = [(open, "open conflicts"), (failed, "items that failed in the latest run")];
    let left = left.into_iter().filter(|(count, _)| *count > 0);
    let left: Vec<String> = left.map(|(count, what)| format!("{what}: {count}")).collect();
    left.join(", ")
}

impl SafetyStop {
    /// Returns the stable code, which has a page in `docs/errors/`.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Emptied { .. } | Self::Deletes { .. } | Self::Changes { .. } => "SAFETY_STOP",
            Self::Items { .. } => "LIMIT_ITEMS",
            Self::Bytes { .. } => "LIMIT_BYTES",
            Self::Time { .. } => "LIMIT_TIME",
            Self::NotClean { .. } => "NOT_CLEAN",
        }
    }

    /// Returns what the caller should do. Only time runs out by chance; the rest needs a person.
    pub const fn advice(&self) -> Advice {
        match self {
            Self::Time { .. } => Advice::RunAgain,
            _ => Advice::AskHuman,
        }
    }
}

/// What to do after a refusal of this crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advice {
    /// Start the run again: it goes on where it stopped.
    RunAgain,
    /// Show it to a person, who looks at the plan and may raise the limit for one run.
    AskHuman,
    /// Trying again changes nothing until somebody changes the configuration.
    GiveUp,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TOLL: Toll<'_> = Toll {
        entity: "contacts",
        side: "business",
        size_before: 100,
        deletes: 0,
        changes: 0,
        origin: Origin::Holds,
    };

    /// One row per branch of `judge`; boundaries in pairs.
    #[test]
    fn a_guard_lets_everyday_work_pass_and_stops_accidents() {
        let raised = Guard {
            max_delete: Threshold::UNLIMITED,
            max_change: Threshold::UNLIMITED,
            allow_emptied: false,
        };
        let allowed = Guard { allow_emptied: true, ..raised };
        let normal = Guard::default();
        #[rustfmt::skip]
        let cases = [
            ("nothing to do",              TOLL, normal, "ok"),
            ("20 % of deletes",            Toll { deletes: 20, ..TOLL }, normal, "ok"),
            ("one more than 20 %",         Toll { deletes: 21, ..TOLL }, normal, "deletes"),
            ("99 of 100",                  Toll { deletes: 99, ..TOLL }, normal, "deletes"),
            ("99 of 100, raised",          Toll { deletes: 99, ..TOLL }, raised, "ok"),
            ("ten of a short list",        Toll { deletes: 10, size_before: 11, ..TOLL }, normal, "ok"),
            ("all of a short list",        Toll { deletes: 3, size_before: 3, ..TOLL }, normal, "emptied"),
            ("all, raised",                Toll { deletes: 100, ..TOLL }, raised, "emptied"),
            ("all, allowed by a person",   Toll { deletes: 100, ..TOLL }, allowed, "ok"),
            ("the origin was emptied",     Toll { deletes: 1, origin: Origin::Emptied, ..TOLL }, raised, "emptied"),
            ("emptied, yet no deletes",    Toll { origin: Origin::Emptied, ..TOLL }, normal, "ok"),
            ("100 rewrites",               Toll { changes: 100, ..TOLL }, normal, "ok"),
            ("half of a long list",        Toll { changes: 5_000, size_before: 10_000, ..TOLL }, normal, "ok"),
            ("one more than half",         Toll { changes: 5_001, size_before: 10_000, ..TOLL }, normal, "changes"),
            ("one more, raised",           Toll { changes: 5_001, size_before: 10_000, ..TOLL }, raised, "ok"),
        ];
        for (name, toll, guard, expected) in cases {
            let found = match judge(toll, &guard) {
                Ok(()) => "ok",
                Err(SafetyStop::Emptied { .. }) => "emptied",
                Err(SafetyStop::Deletes { .. }) => "deletes",
                Err(SafetyStop::Changes { .. }) => "changes",
                Err(_) => "other",
            };
            assert_eq!(found, expected, "case: {name}");
        }
    }

    #[test]
    fn a_stop_names_counts_and_its_code() {
        let stop = judge(Toll { deletes: 99, ..TOLL }, &Guard::default()).unwrap_err();
        let text = "contacts: would delete 99 of 100 in business; at most 20 are allowed";
        assert_eq!((stop.code(), stop.advice()), ("SAFETY_STOP", Advice::AskHuman));
        assert_eq!(stop.to_string(), text);
    }

    /// A side is said to be emptied only where it was.
    #[test]
    fn a_stop_says_what_became_of_the_other_side() {
        let all = "contacts: would delete 100 of 100 in business";
        let emptied = "contacts: the other side was emptied; would delete 100 of 100 in business";
        let missing =
            "contacts: the file of the other side is missing; would delete 100 of 100 in business";
        let cases = [(Origin::Holds, all), (Origin::Emptied, emptied), (Origin::Missing, missing)];
        for (origin, text) in cases {
            let toll = Toll { deletes: 100, origin, ..TOLL };
            assert_eq!(judge(toll, &Guard::default()).unwrap_err().to_string(), text);
        }
    }

    #[test]
    fn a_threshold_is_a_number_or_a_share_and_nothing_else() {
        let share = |percent| Ok(Threshold { count: 0, percent });
        #[rustfmt::skip]
        let cases = [
            ("99", Ok(Threshold::count(99))), ("0", Ok(Threshold::count(0))),
            ("20%", share(20)), ("20 %", share(20)), ("100%", share(100)), ("0%", share(0)),
            ("101%", Err(ThresholdError::AboveHundred)),
            ("300%", Err(ThresholdError::AboveHundred)), ("-1", Err(ThresholdError::NotANumber)),
            ("1.5%", Err(ThresholdError::NotANumber)), ("", Err(ThresholdError::NotANumber)),
            ("%", Err(ThresholdError::NotANumber)), ("many", Err(ThresholdError::NotANumber)),
        ];
        for (text, expected) in cases {
            assert_eq!(text.parse::<Threshold>(), expected, "case: {text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        /// Whoever is allowed more deletes is never stopped where another passed.
        #[test]
        fn a_wider_guard_never_stops_what_a_narrower_one_passed(
            size_before in any::<u64>(), deletes in any::<u64>(),
            count in any::<u64>(), percent in 0_u8..=99,
        ) {
            let toll = Toll { size_before, deletes, ..TOLL };
            let narrow = Guard { max_delete: Threshold { count, percent }, ..Guard::default() };
            let wide = Threshold { count: count.saturating_add(1), percent: percent + 1 };
            let wide = Guard { max_delete: wide, ..narrow };
            prop_assert!(judge(toll, &narrow).is_err() || judge(toll, &wide).is_ok());
        }
    }
}
