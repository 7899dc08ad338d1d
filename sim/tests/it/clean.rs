//! Worlds without planted faults.

use syncline_sim::replay::run_twice;

/// Runs seeds twice each; every requirement must hold, and both runs must be equal.
fn check(seeds: std::ops::Range<u64>) {
    for seed in seeds {
        let verdict = run_twice(seed, None);
        let first = verdict.outcome.violations.first();
        let trace = verdict.outcome.trace.join("\n");
        assert!(first.is_none(), "seed {seed}: {first:?}\n{trace}");
        assert_eq!(verdict.second_hash, None, "seed {seed}: two runs differ");
    }
}

/// Goal: whatever happens to hubs, disks, networks, clocks and files, every requirement of
/// `docs/requirements/reliability.md` holds. Two hundred worlds, in four parts that run side by
/// side.
#[test]
fn every_requirement_holds_in_worlds_1_to_50() {
    check(1..51);
}

#[test]
fn every_requirement_holds_in_worlds_51_to_100() {
    check(51..101);
}

#[test]
fn every_requirement_holds_in_worlds_101_to_150() {
    check(101..151);
}

#[test]
fn every_requirement_holds_in_worlds_151_to_200() {
    check(151..201);
}

/// A run ends with an unknown outcome after it has written a file. Then a person removes from that
/// file a record that an earlier run had brought there: the next run must not bring it back.
#[test]
fn a_deletion_after_a_run_of_unknown_outcome_stays() {
    let verdict = run_twice(134, None);
    assert!(verdict.is_clean(), "{:?}", verdict.outcome.violations.first());
}

/// A simulation in which nothing goes wrong shows nothing.
#[test]
fn worlds_are_full_of_faults_and_of_work() {
    let mut faults = std::collections::BTreeMap::new();
    let mut work = std::collections::BTreeMap::new();
    for seed in 1..21 {
        let outcome = syncline_sim::world::run(seed, None);
        for (kind, count) in outcome.faults {
            *faults.entry(kind).or_insert(0) += count;
        }
        for (kind, count) in outcome.work {
            *work.entry(kind).or_insert(0) += count;
        }
    }
    for kind in [
        "message lost",
        "message doubled",
        "message into a partition",
        "machine without power",
        "process killed",
        "stopped within an operation",
        "sync error",
        "no room",
        "bit flipped on read",
        "second start",
        "clock jump",
        "file emptied, cut off or lost",
        "unsynced data lost or torn",
        "names lost",
    ] {
        assert!(faults.contains_key(kind), "no world of twenty has: {kind}; there are {faults:?}");
    }
    for kind in ["operation answered", "exchange", "run over folders", "undo", "edit of a file"] {
        assert!(work.get(kind).is_some_and(|count| *count >= 10), "too little: {kind} in {work:?}");
    }
}
