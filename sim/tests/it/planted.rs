//! Known defects, planted one at a time: a simulation that does not find them proves nothing.

use std::collections::BTreeSet;

use syncline_merge::fault::{Fault, with_fault};
use syncline_protocol::session::fault as session;
use syncline_sim::fault::PlantedFault;
use syncline_sim::ingest::{self, IngestFault};
use syncline_sim::served::{self, ServedFault};
use syncline_sim::world::{Outcome, run};

/// A fault must be found within so many seeds.
const SEEDS_MAX: u64 = 2_000;
/// So many seeds may show it by something else before.
const OTHERS_MAX: usize = 8;

/// The defects of merge, of the engine and of the hub that show in worlds of hubs, clients and folders,
/// and by which requirement; merge's own suite plants the rest.
const FLEET_FAULTS: [(Fault, &str); 15] = [
    (Fault::LosersDropped, "I2"),
    (Fault::BaseNotChecked, "I4"),
    (Fault::OldFieldsShown, "I3"),
    (Fault::OwnOperationsConflict, "I2"),
    (Fault::FirstCountStays, "I1"),
    (Fault::AddedAgain, "I5"),
    (Fault::RemovalTakesUnseen, "I8"),
    (Fault::WrittenWhole, "I8"),
    (Fault::AlmostAtOnce, "I9"),
    (Fault::NumbersShortened, "I15"),
    (Fault::ScopeTakenForRemoval, "I17"),
    (Fault::UndoForgetsTarget, "I20"),
    (Fault::UndoForgetsRecord, "I20"),
    (Fault::UndoTakesEdits, "I20"),
    (Fault::EchoTakenForEdit, "I22"),
];

/// Those that show in worlds of a writer.
const WRITER_FAULTS: [(Fault, &str); 1] = [(Fault::TokenWithoutOwn, "I7")];

/// Those that show in worlds of served hubs and whole clients.
const SERVED_FAULTS: [(Fault, &str); 6] = [
    (Fault::SnapshotSkips, "I7"),
    (Fault::NumbersShortened, "I15"),
    (Fault::NoFloor, "I21"),
    (Fault::ShortBaseGuessed, "I2"),
    (Fault::DetailsLeftOut, "I2"),
    (Fault::PushesCountedAlone, "I19"),
];

/// Those of what is told to who may not see everything.
const SIGHT_FAULTS: [(Fault, &str); 4] = [
    (Fault::HiddenTold, "I18"),
    (Fault::HiddenUnset, "I18"),
    (Fault::UnseenToldGone, "I18"),
    (Fault::MoveOutNotTold, "I18"),
];

/// Those of the two ends of a connection, which show there too; the protocol's own suite plants the rest.
const SESSION_FAULTS: [(session::Fault, &str); 3] = [
    (session::Fault::ResentWithNewCounter, "I7"),
    (session::Fault::UnansweredForgotten, "I7"),
    (session::Fault::MovesLeftOut, "I7"),
];

/// Runs seeds until one shows a fault by `requirement`: each seed that shows it, by whatever, is clean without the
/// fault. One may show it by another requirement first, since many follow from one another.
#[expect(clippy::print_stdout, reason = "how many seeds it takes is worth knowing")]
fn is_found(
    fault: &dyn std::fmt::Debug,
    requirement: &str,
    with: impl Fn(u64) -> Outcome,
    without: impl Fn(u64) -> Outcome,
) {
    let mut others = Vec::new();
    for seed in 1..=SEEDS_MAX {
        let outcome = with(seed);
        let Some(first) = outcome.violations.first() else { continue };
        assert!(without(seed).violations.is_empty(), "seed {seed} fails without {fault:?}");
        let mut found = outcome.violations.iter();
        if let Some(found) = found.find(|found| found.requirement == requirement) {
            println!("{fault:?}: found by seed {seed}: {requirement} {}", found.finding);
            return;
        }
        others.push(format!("seed {seed}: {} {}", first.requirement, first.finding));
        assert!(others.len() < OTHERS_MAX, "{fault:?} does not show by {requirement}: {others:#?}");
    }
    panic!("{fault:?} is not found by {requirement}: {others:#?}");
}

#[test]
fn every_planted_fault_is_found() {
    for fault in PlantedFault::ALL {
        is_found(
            &fault,
            fault.requirement(),
            |seed| run(seed, Some(fault)),
            |seed| run(seed, None),
        );
    }
}

#[test]
fn planted_faults_of_merge_are_found() {
    for (fault, requirement) in FLEET_FAULTS {
        let with = |seed| with_fault(fault, || run(seed, None));
        is_found(&fault, requirement, with, |seed| run(seed, None));
    }
}

#[test]
fn every_fault_below_a_writer_is_found() {
    for fault in IngestFault::ALL {
        let with = |seed| ingest::run(seed, Some(fault));
        is_found(&fault, fault.requirement(), with, |seed| ingest::run(seed, None));
    }
    for (fault, requirement) in WRITER_FAULTS {
        let with = |seed| with_fault(fault, || ingest::run(seed, None));
        is_found(&fault, requirement, with, |seed| ingest::run(seed, None));
    }
}

#[test]
fn every_fault_of_served_hubs_and_their_clients_is_found() {
    for fault in ServedFault::ALL {
        let with = |seed| served::run(seed, Some(fault));
        is_found(&fault, fault.requirement(), with, |seed| served::run(seed, None));
    }
}

#[test]
fn every_fault_of_what_clients_are_told_is_found() {
    for (fault, requirement) in SERVED_FAULTS.into_iter().chain(SIGHT_FAULTS) {
        let with = |seed| with_fault(fault, || served::run(seed, None));
        is_found(&fault, requirement, with, |seed| served::run(seed, None));
    }
    for (fault, requirement) in SESSION_FAULTS {
        let with = |seed| session::with_fault(fault, || served::run(seed, None));
        is_found(&fault, requirement, with, |seed| served::run(seed, None));
    }
}

/// The note names the planted faults by the requirement that each shows by, and leaves none out.
#[test]
fn the_note_names_every_planted_fault() {
    const NOTE: &str = include_str!("../../../docs/design/0004-simulation.md");
    let name = |fault: &dyn std::fmt::Debug| {
        let name = format!("{fault:?}");
        let name = name.trim_start_matches("Below(").trim_start_matches("Store(");
        name.trim_end_matches(')').to_owned()
    };
    let of_merge =
        FLEET_FAULTS.iter().chain(&WRITER_FAULTS).chain(&SERVED_FAULTS).chain(&SIGHT_FAULTS);
    let of_sessions = SESSION_FAULTS.iter().map(|(fault, requirement)| (name(fault), *requirement));
    let planted: BTreeSet<(String, String)> = of_merge
        .map(|(fault, requirement)| (name(fault), *requirement))
        .chain(PlantedFault::ALL.iter().map(|fault| (name(fault), fault.requirement())))
        .chain(IngestFault::ALL.iter().map(|fault| (name(fault), fault.requirement())))
        .chain(ServedFault::ALL.iter().map(|fault| (name(fault), fault.requirement())))
        .chain(of_sessions)
        .map(|(name, requirement)| (requirement.to_owned(), name))
        .collect();
    let rows = NOTE.lines().filter_map(|line| line.strip_prefix("| I"));
    let rows = rows.filter(|row| row.starts_with(|first: char| first.is_ascii_digit()));
    let named: BTreeSet<(String, String)> = rows
        .flat_map(|row| {
            let cells: Vec<&str> = row.trim_end_matches(" |").split(" | ").collect();
            let (id, last) = (format!("I{}", cells[0]), *cells.last().expect("a cell"));
            let names: Vec<String> =
                last.split('`').skip(1).step_by(2).map(str::to_owned).collect();
            assert!(!names.is_empty(), "nothing shows by {id}");
            names.into_iter().map(move |name| (id.clone(), name))
        })
        .collect();
    assert_eq!(named, planted);
}
