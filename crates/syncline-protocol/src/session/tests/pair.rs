//! Runs by seed, and the planted faults that they find.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::world::World;
use crate::session::fault::{Fault, with_fault};

/// Seeds of every run of the suite.
const SEEDS: u64 = 40;
/// Seeds that found a fault of ours: what was asked for after two refusals was asked for no more.
const SEEDS_REGRESSED: [u64; 3] = [178, 415, 524];
/// Seeds until a planted fault must have been found.
const SEEDS_OF_FAULT: u64 = 100;
/// Seeds of the long run.
const SEEDS_LONG: u64 = 3_000;

fn run(seed: u64) -> u64 {
    World::new(seed).run().trace
}

fn run_all(seeds: impl IntoIterator<Item = u64>) {
    let is_bad = |seed: &u64| catch_unwind(AssertUnwindSafe(|| run(*seed))).is_err();
    let bad: Vec<u64> = seeds.into_iter().filter(is_bad).collect();
    assert!(bad.is_empty(), "seeds {bad:?}");
}

#[test]
fn every_change_arrives_once_whatever_the_network_does() {
    run_all((0..SEEDS).chain(SEEDS_REGRESSED));
}

#[test]
#[ignore = "takes minutes: cargo test -p syncline-protocol every_change -- --ignored"]
fn every_change_arrives_once_in_thousands_of_runs() {
    run_all(0..SEEDS_LONG);
}

/// An operation whose result was lost is sent again, and then its result tells the record.
#[test]
fn own_changes_need_not_be_told_again_after_a_lost_connection() {
    with_fault(Fault::EchoLostAfterReconnect, || run_all(0..SEEDS / 4));
}

#[test]
fn what_a_client_holds_alike_is_not_told_again() {
    let same: usize = (0..SEEDS).step_by(6).map(|seed| World::new(seed).run().same).sum();
    assert!(same > 20, "{same} stretches");
}

#[test]
fn a_seed_runs_the_same_twice() {
    for seed in 0..5 {
        assert_eq!(run(seed), run(seed), "seed {seed}");
    }
}

/// Returns the first seed that finds the fault.
fn found(fault: Fault) -> Option<u64> {
    let is_found = |seed: &u64| catch_unwind(AssertUnwindSafe(|| run(*seed))).is_err();
    with_fault(fault, || (0..SEEDS_OF_FAULT).find(is_found))
}

#[test]
fn every_planted_fault_is_found() {
    let faults = [
        Fault::NewerLeftOut,
        Fault::AckBeforeStored,
        Fault::CursorBeyondTold,
        Fault::ResentWithNewCounter,
        Fault::LaneGoesOn,
        Fault::WindowIgnored,
        Fault::UnansweredForgotten,
        Fault::LiveAcrossGap,
        Fault::SnapshotWithoutTold,
        Fault::ChangesBeforeResults,
        Fault::ChangesBeforeAnswers,
        Fault::BehindOvertaken,
        Fault::OthersSteppedOver,
    ];
    let missed: Vec<Fault> = faults.into_iter().filter(|fault| found(*fault).is_none()).collect();
    assert!(missed.is_empty(), "not found: {missed:?}");
}
