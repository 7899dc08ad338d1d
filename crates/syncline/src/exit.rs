//! Exit codes: one number per kind of ending, the same for every command.

use std::process::ExitCode;

/// How the command ended, as the shell sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Exit {
    /// Done, or there was nothing to do.
    Ok = 0,
    /// Something that nobody expected.
    Unexpected = 1,
    /// The arguments are not understood.
    Usage = 2,
    /// The configuration, a domain or a permission does not allow it.
    Config = 3,
    /// Some records failed; the rest is done.
    Partial = 4,
    /// Conflicts wait for a person; the rest is done.
    Conflicts = 5,
    /// A guard or a limit stopped the run before it wrote.
    Safety = 6,
    /// Another process works on the same state.
    Locked = 7,
    /// A passing failure, or one of a disk: the same command may succeed later.
    Transient = 8,
    /// Stored state or the audit is damaged, or a proof does not hold.
    Integrity = 9,
    /// Changes are pending; only with `--exit-code`.
    Changes = 10,
    /// Interrupted by the person; nothing is half done.
    Interrupted = 130,
}

impl Exit {
    /// All of them, in order.
    pub const ALL: &'static [Self] = &[
        Self::Ok,
        Self::Unexpected,
        Self::Usage,
        Self::Config,
        Self::Partial,
        Self::Conflicts,
        Self::Safety,
        Self::Locked,
        Self::Transient,
        Self::Integrity,
        Self::Changes,
        Self::Interrupted,
    ];

    /// Returns the number.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// Returns which of two endings a command of several links ends with: the one with the higher
    /// number, but for changes that are pending, which are no failure.
    #[must_use]
    pub fn worse(self, other: Self) -> Self {
        let weight = |exit: &Self| match exit {
            Self::Ok => (0, *exit),
            Self::Changes => (1, *exit),
            failure => (2, *failure),
        };
        std::cmp::max_by_key(self, other, weight)
    }

    /// Returns what it means, in a few words.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Ok => "done, or nothing to do",
            Self::Unexpected => "something unexpected; please report it",
            Self::Usage => "the arguments are not understood",
            Self::Config => "configuration, domain or permission does not allow it",
            Self::Partial => "some records failed, the rest is done",
            Self::Conflicts => "conflicts wait for a decision, the rest is done",
            Self::Safety => "stopped by a guard or a limit; nothing was written",
            Self::Locked => "another process works on the same state",
            Self::Transient => "a passing failure or a time-out; run it again",
            Self::Integrity => {
                "stored state or the audit is damaged, see `syncline doctor`; or a proof fails"
            }
            Self::Changes => "changes are pending (only with --exit-code)",
            Self::Interrupted => "interrupted; nothing is half done",
        }
    }

    /// Returns the table of all codes for the help text.
    pub fn table() -> String {
        let mut table = String::from("Exit codes:\n");
        for exit in Self::ALL {
            table.push_str(&format!("  {:>3}  {}\n", exit.number(), exit.meaning()));
        }
        table
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.number())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pending_changes_hide_no_failure() {
        let cases = [
            (Exit::Ok, Exit::Changes, Exit::Changes),
            (Exit::Changes, Exit::Safety, Exit::Safety),
            (Exit::Partial, Exit::Safety, Exit::Safety),
            (Exit::Ok, Exit::Interrupted, Exit::Interrupted),
        ];
        for (one, other, expected) in cases {
            assert_eq!((one.worse(other), other.worse(one)), (expected, expected));
        }
    }

    /// Scripts depend on these numbers: they never change.
    #[test]
    fn the_numbers_are_the_published_ones() {
        let numbers: Vec<u8> = Exit::ALL.iter().map(|exit| exit.number()).collect();
        assert_eq!(numbers, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 130]);
        assert_eq!(Exit::table().lines().count(), Exit::ALL.len() + 1);
    }
}
