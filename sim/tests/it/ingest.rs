//! Worlds of one hub and its writer.

use syncline_sim::ingest::{IngestFault, run};
use syncline_sim::replay::Kind;

/// A fault must be found within so many seeds.
const SEEDS_MAX: u64 = 500;

/// Goal: whatever the writer of a hub is cut off in, what was answered is there, once, and nothing
/// else that was said not to be.
#[test]
fn every_answer_of_a_writer_is_true_in_worlds_1_to_150() {
    for seed in 1..151 {
        let verdict = Kind::Ingest.run_twice(seed);
        let first = verdict.outcome.violations.first();
        let trace = verdict.outcome.trace.join("\n");
        assert!(first.is_none(), "seed {seed}: {first:?}\n{trace}");
        assert_eq!(verdict.second_hash, None, "seed {seed}: two runs differ");
    }
}

#[test]
#[expect(clippy::print_stdout, reason = "how many seeds it takes is worth knowing")]
fn every_fault_below_a_writer_is_found() {
    for fault in IngestFault::ALL {
        let mut outcomes = (1..=SEEDS_MAX).map(|seed| (seed, run(seed, Some(fault))));
        let found = outcomes.find(|(_, outcome)| !outcome.violations.is_empty());
        let (seed, outcome) = found.unwrap_or_else(|| panic!("{fault:?} is not found"));
        assert!(run(seed, None).violations.is_empty(), "seed {seed} fails without {fault:?}");
        let first = outcome.violations.first().expect("a finding");
        println!("{fault:?}: found by seed {seed}: {} {}", first.requirement, first.finding);
    }
}

#[test]
fn writers_are_cut_off_and_refuse() {
    let mut work = std::collections::BTreeMap::new();
    for seed in 1..41 {
        for (kind, count) in run(seed, None).work {
            *work.entry(kind).or_insert(0) += count;
        }
    }
    let kinds = [
        ("crash", 40),
        ("operation not answered", 40),
        ("operation answered", 40),
        ("look", 40),
        // A group failed, and the next one had been decided on top of it or still waited.
        ("cut off between groups", 10),
    ];
    for (kind, fewest) in kinds {
        let count = work.get(kind).copied().unwrap_or_default();
        assert!(count >= fewest, "too little: {kind} in {work:?}");
    }
}
