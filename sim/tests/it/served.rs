//! Worlds of served hubs and whole clients.

use syncline_sim::replay::Kind;
use syncline_sim::served::run;

/// Runs seeds twice each; every requirement must hold, and both runs must be equal.
fn check(seeds: std::ops::Range<u64>) {
    for seed in seeds {
        let verdict = Kind::Served.run_twice(seed);
        let first = verdict.outcome.violations.first();
        let trace = verdict.outcome.trace.join("\n");
        assert!(first.is_none(), "seed {seed}: {first:?}\n{trace}");
        assert_eq!(verdict.second_hash, None, "seed {seed}: two runs differ");
    }
}

/// Goal: whatever happens to hubs, connections, devices and clocks, clients lose nothing, see what they
/// wrote, and all hold the same in the end; hubs of one server see nothing of each other.
#[test]
fn clients_of_served_hubs_lose_nothing_in_worlds_1_to_12() {
    check(1..13);
}

#[test]
fn clients_of_served_hubs_lose_nothing_in_worlds_13_to_24() {
    check(13..25);
}

/// A push of which the hub could commit a part only; a word that was typed before one that somebody deleted;
/// a text that a client has begun under a former name; an edit of a text that was as long as the one that a
/// restored hub holds; a record that was made after a forgetting and lost, and one that was made anew after it; rights that
/// change within a snapshot while the log stands still; a conflict that waited and was closed by a write.
#[test]
fn served_worlds_that_once_failed_are_clean() {
    for seed in [24, 36, 53, 68, 124, 167, 428, 508] {
        check(seed..seed + 1);
    }
}

#[test]
fn served_worlds_have_what_goes_wrong() {
    let mut work = std::collections::BTreeMap::new();
    // In few of them the hub is put back from a backup.
    for seed in (1..13).chain([26, 36, 48]) {
        for (kind, count) in run(seed, None).work {
            *work.entry(kind).or_insert(0) += count;
        }
    }
    let kinds = [
        ("connection cut", 20),
        ("device killed", 5),
        ("device follows something else", 5),
        ("device goes offline", 5),
        ("hub killed", 10),
        ("hub stopped", 2),
        ("hub failed", 5),
        ("hub restored", 1),
        ("edit of its own", 200),
        ("edit of a shared record", 200),
        ("word typed", 50),
        ("word deleted", 10),
        ("line appended", 50),
        ("log forgotten", 2),
        ("cursor behind the horizon", 1),
        ("operation held", 2),
        ("client let go on", 1),
        ("copy that is the same", 2),
        ("device failed to write", 5),
        ("device stopped by its disk", 5),
        ("later version started", 10),
    ];
    for (kind, fewest) in kinds {
        let count = work.get(kind).copied().unwrap_or_default();
        assert!(count >= fewest, "too little: {kind} in {work:?}");
    }
}
