//! Known defects, planted one at a time: a simulation that does not find them proves nothing.

use syncline_merge::fault::{Fault, with_fault};
use syncline_sim::fault::PlantedFault;
use syncline_sim::replay::first_seed_that_finds;
use syncline_sim::world::run;

/// A fault must be found within so many seeds.
const SEEDS_MAX: u64 = 2_000;

/// The defects of merge that show in these worlds; its own suite plants the rest.
const MERGE_FAULTS: [Fault; 4] = [
    Fault::LosersDropped,
    Fault::BaseNotChecked,
    Fault::OldFieldsShown,
    Fault::OwnOperationsConflict,
];

#[test]
#[expect(clippy::print_stdout, reason = "how many seeds it takes is worth knowing")]
fn every_planted_fault_is_found() {
    for fault in PlantedFault::ALL {
        let found = first_seed_that_finds(fault, 1..SEEDS_MAX + 1);
        let (seed, outcome) = found.unwrap_or_else(|| panic!("{fault:?} is not found"));
        assert!(run(seed, None).violations.is_empty(), "seed {seed} fails without {fault:?}");
        let first = outcome.violations.first().expect("a finding");
        println!("{fault:?}: found by seed {seed}: {} {}", first.requirement, first.finding);
    }
}

#[test]
#[expect(clippy::print_stdout, reason = "how many seeds it takes is worth knowing")]
fn planted_faults_of_merge_are_found() {
    for fault in MERGE_FAULTS {
        let mut outcomes =
            (1..=SEEDS_MAX).map(|seed| (seed, with_fault(fault, || run(seed, None))));
        let found = outcomes.find(|(_, outcome)| !outcome.violations.is_empty());
        let (seed, outcome) = found.unwrap_or_else(|| panic!("{fault:?} is not found"));
        assert!(run(seed, None).violations.is_empty(), "seed {seed} fails without {fault:?}");
        let first = outcome.violations.first().expect("a finding");
        println!("{fault:?}: found by seed {seed}: {} {}", first.requirement, first.finding);
    }
}
