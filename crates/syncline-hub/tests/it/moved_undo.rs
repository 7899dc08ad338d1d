//! Undo, plans and moves: what a run wrote comes back in its place, or nothing does.

use std::collections::BTreeMap;

use syncline_hub::{HubError, Silent};

use crate::desk::Desk;
use crate::hunt_kit::{agreed, files_below};

const ANN: &str = r#"{"id":"1","name":"Ann"}"#;
const BOB: &str = r#"{"id":"2","name":"Bob"}"#;
const CY: &str = r#"{"id":"3","name":"Cy"}"#;

/// Returns all files but the state's.
fn files(desk: &Desk) -> BTreeMap<String, Vec<u8>> {
    let mut files = files_below(&desk.path(""));
    files.retain(|name, _| !name.contains("/.syncline/"));
    files
}

fn synced(desk: &Desk) -> String {
    desk.sync().unwrap().report.sync_id
}

fn undo(desk: &Desk, run: &str) -> Result<(), HubError> {
    desk.hub().undo(run, &desk.request, false).map(|_| ())
}

/// Expects that a run cannot be undone since it wrote in `wrote`, and that nothing is written.
fn refused(desk: &Desk, run: &str, wrote: &str, case: &str) {
    let before = files(desk);
    for dry_run in [true, false] {
        let error = desk.hub().undo(run, &desk.request, dry_run).map(|_| ()).unwrap_err();
        assert_eq!(error.code(), "RUN_NOT_UNDOABLE", "{case}");
        let place = desk.path(wrote).canonicalize().unwrap();
        let told = error.to_string();
        assert!(told.contains(place.to_str().unwrap()), "{case}: {told}");
        assert_eq!(files(desk), before, "{case}");
    }
}

fn place_elsewhere(desk: &Desk, items: &[&str]) {
    std::fs::create_dir(desk.path("elsewhere")).unwrap();
    desk.contacts("elsewhere", items);
}

#[test]
fn a_run_in_another_folder_is_not_undone_once_the_path_is_corrected() {
    for items in [&[][..], &[&*ANN.replace("Ann", "W"), r#"{"id":"9","name":"Zoe"}"#]] {
        let mut desk = agreed(&[ANN, BOB, CY]);
        place_elsewhere(&desk, items);
        let found = files(&desk);
        desk.request.target.folder = desk.path("elsewhere");
        let run = synced(&desk);
        desk.request.target.folder = desk.path("business");
        refused(&desk, &run, "elsewhere/contacts.json", "the path is right again");
        desk.request.target.folder = desk.path("elsewhere");
        undo(&desk, &run).unwrap();
        assert_eq!(files(&desk), found, "in its place it comes back");
        desk.request.target.folder = desk.path("business");
        assert!(!desk.sync().unwrap().wrote);
        assert_eq!(files(&desk), found);
    }
}

#[test]
fn a_run_from_before_a_move_is_not_undone_in_the_new_folder() {
    let mut desk = agreed(&[ANN]);
    desk.contacts("personal", &[&ANN.replace("Ann", "Anna"), BOB]);
    let run = synced(&desk);
    place_elsewhere(&desk, &[&ANN.replace("Ann", "Anna"), BOB]);
    desk.request.target.folder = desk.path("elsewhere");
    refused(&desk, &run, "business/contacts.json", "before a run in the new folder");
    synced(&desk);
    refused(&desk, &run, "business/contacts.json", "after one");
}

#[test]
fn one_file_that_is_elsewhere_holds_back_the_whole_undo() {
    let desk = agreed(&[ANN, BOB]);
    desk.contacts("personal", &[&ANN.replace("Ann", "Anna"), BOB]);
    desk.contacts("business", &[ANN, &BOB.replace("Bob", "Rob")]);
    let run = synced(&desk);
    place_elsewhere(&desk, &[ANN]);
    let file = desk.path("business/contacts.json");
    std::fs::rename(&file, desk.path("business/kept.json")).unwrap();
    std::os::unix::fs::symlink("../elsewhere/contacts.json", &file).unwrap();
    let before = files(&desk);
    let error = undo(&desk, &run).unwrap_err();
    assert!(error.to_string().contains("elsewhere/contacts.json"), "{error}");
    assert_eq!(files(&desk), before);
}

#[test]
fn an_undo_of_what_only_the_other_side_was_given_loses_nothing_after_a_move() {
    let mut desk = agreed(&[ANN]);
    desk.contacts("business", &[&ANN.replace("Ann", "Anna"), BOB]);
    let run = synced(&desk);
    place_elsewhere(&desk, &[ANN, CY]);
    desk.request.target.folder = desk.path("elsewhere");
    undo(&desk, &run).unwrap();
    assert_eq!(desk.held("personal"), [ANN], "the file that the run wrote");
    assert_eq!(desk.held("elsewhere"), [ANN, CY]);
    assert_eq!(desk.held("business"), [&ANN.replace("Ann", "Anna"), BOB]);
    synced(&desk);
    assert_eq!(desk.held("personal"), [ANN, CY]);
    assert_eq!(desk.held("elsewhere"), [ANN, CY]);
    desk.request.target.folder = desk.path("business");
    synced(&desk);
    assert_eq!(desk.held("business").len(), 3, "what was typed there is there");
    desk.sync_is_idle();
}

#[test]
fn an_undo_in_another_folder_can_itself_be_undone_there() {
    let mut desk = agreed(&[ANN, BOB]);
    place_elsewhere(&desk, &[&ANN.replace("Ann", "W"), CY]);
    desk.request.target.folder = desk.path("elsewhere");
    let run = synced(&desk);
    let after = files(&desk);
    let outcome = desk.hub().undo(&run, &desk.request, false).unwrap();
    undo(&desk, &outcome.report.sync_id).unwrap();
    assert_eq!(files(&desk), after);
}

#[test]
fn a_project_that_was_moved_with_its_state_can_be_undone() {
    let outer = tempfile::tempdir().unwrap();
    let desk = agreed(&[ANN]);
    desk.contacts("personal", &[ANN, BOB]);
    let run = synced(&desk);
    let moved = outer.path().join("moved");
    std::fs::rename(desk.path(""), &moved).unwrap();
    let mut request = desk.request.clone();
    for domain in [&mut request.source, &mut request.target] {
        domain.folder = moved.join(domain.domain.name.as_str());
    }
    let options =
        syncline_hub::HubOptions { state_folder: moved.join(".syncline"), check_store: false };
    let mut hub = syncline_hub::Hub::open(&options).unwrap();
    hub.undo(&run, &request, false).unwrap();
    let business = std::fs::read_to_string(moved.join("business/contacts.json")).unwrap();
    assert!(!business.contains("Bob"), "{business}");
}

#[test]
fn a_plan_is_not_carried_out_in_another_folder_although_it_holds_the_same() {
    let mut desk = agreed(&[ANN]);
    place_elsewhere(&desk, &[ANN]);
    desk.contacts("personal", &[ANN, BOB]);
    let plan = desk.hub().plan(&desk.request, &mut Silent).unwrap();
    desk.request.target.folder = desk.path("elsewhere");
    desk.request.expected_inputs = Some(plan.inputs);
    let before = files(&desk);
    assert!(matches!(desk.sync(), Err(HubError::StalePlan)));
    assert_eq!(files(&desk), before);
}
