//! Worlds of one hub and its writer.

use syncline_sim::ingest::run;
use syncline_sim::replay::Kind;

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
