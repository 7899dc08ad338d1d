//! Seeds run twice, and seeds that once failed.

use crate::fault::PlantedFault;
use crate::world::{Outcome, run};
use crate::{ingest, served};

/// What two runs of one seed came to.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// The first run.
    pub outcome: Outcome,
    /// The hash of the second run, if it differs: something depends on more than the seed.
    pub second_hash: Option<u64>,
}

impl Verdict {
    /// Returns whether every requirement was met, twice in the same way.
    pub fn is_clean(&self) -> bool {
        self.outcome.violations.is_empty() && self.second_hash.is_none()
    }
}

/// A kind of worlds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// Hubs, clients and folders: see [`world`](crate::world).
    #[default]
    Fleet,
    /// One hub and its writer: see [`ingest`](crate::ingest).
    Ingest,
    /// Served hubs and whole clients: see [`served`](crate::served).
    Served,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Fleet, Self::Ingest, Self::Served];

    /// Runs the world of a seed twice.
    pub fn run_twice(self, seed: u64) -> Verdict {
        match self {
            Self::Fleet => twice(|| run(seed, None)),
            Self::Ingest => twice(|| ingest::run(seed, None)),
            Self::Served => twice(|| served::run(seed, None)),
        }
    }
}

/// Runs a seed's world of hubs, clients and folders twice.
pub fn run_twice(seed: u64, fault: Option<PlantedFault>) -> Verdict {
    twice(|| run(seed, fault))
}

fn twice(run: impl Fn() -> Outcome) -> Verdict {
    let outcome = run();
    let second = run().hash;
    let second_hash = (second != outcome.hash).then_some(second);
    Verdict { outcome, second_hash }
}

/// Reads the seeds of a file: one number a line; what follows a `#` says what broke.
///
/// # Errors
///
/// The first line that holds no number.
pub fn parse_seeds(text: &str) -> Result<Vec<u64>, String> {
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    let seeds = lines.filter(|line| !line.is_empty());
    seeds.map(|line| line.parse().map_err(|_| line.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_seeds_has_numbers_and_remarks() {
        assert_eq!(parse_seeds("# lost\n7 # acknowledged\n\n12\n"), Ok(vec![7, 12]));
        assert_eq!(parse_seeds("seven"), Err("seven".to_owned()));
    }
}
