//! The suite sees: every known way to lose data, planted on purpose, is caught.

use syncline_merge::fault::{Fault, with_fault};

use crate::world::{More, Wish, play};

/// Histories within which each fault must be caught.
const HISTORIES_MAX: u64 = 2_000;

const FAULTS: [Fault; 18] = [
    Fault::WithheldPathsDeleteAtHome,
    Fault::BaseJoinedIntoVersion,
    Fault::BaseNotChecked,
    Fault::OwnOperationsConflict,
    Fault::LosersDropped,
    Fault::RulePrunes,
    Fault::BlindCounterAdds,
    Fault::IntentForgotten,
    Fault::RetriedElsewhere,
    Fault::NoFloor,
    Fault::StampsReused,
    Fault::SettledByRule,
    Fault::OldFieldsShown,
    Fault::MembersTorn,
    Fault::JoinClampsClocks,
    Fault::BlindWritesGrow,
    Fault::FieldDeltasWithoutStart,
    Fault::HighestClockSkips,
];

/// Faults that only histories catch which play something more.
const FAULTS_OF_MORE: [(Fault, More); 7] = [
    (Fault::LateHubNotToldWhatIsGone, More::LateHubs),
    (Fault::FailedRuleLeavesOut, More::FailingRules),
    (Fault::DigestOfFields, More::Digests),
    (Fault::WithheldRecordCountsAsKnown, More::WithheldRecords),
    (Fault::ProvisionalReplaced, More::Approvals),
    (Fault::ProvisionalSettles, More::Approvals),
    (Fault::ProvisionalNotForAll, More::Approvals),
];

/// The first history that fails with the fault, and what it says first.
fn caught(fault: Fault, more: &[More]) -> Option<(u64, String)> {
    with_fault(fault, || {
        (0..HISTORIES_MAX).find_map(|seed| {
            let failure = play(seed, &Wish { more, ..Wish::default() }).err()?;
            Some((seed, failure.what.lines().next().unwrap_or_default().to_owned()))
        })
    })
}

#[test]
fn every_planted_fault_is_caught() {
    let mut table = String::new();
    let mut missed = Vec::new();
    let faults = FAULTS.into_iter().map(|fault| (fault, vec![]));
    let of_more = FAULTS_OF_MORE.into_iter().map(|(fault, more)| (fault, vec![more]));
    for (fault, more) in faults.chain(of_more) {
        match caught(fault, &more) {
            Some((seed, what)) => table += &format!("{fault:?}: history {seed}: {what}\n"),
            None => missed.push(fault),
        }
    }
    // `cargo test -- --nocapture faults` shows the table.
    std::io::Write::write_all(&mut std::io::stderr(), table.as_bytes()).unwrap();
    assert!(missed.is_empty(), "not caught in {HISTORIES_MAX} histories: {missed:?}");
}
