//! Undoing in unlucky moments: twice, of an undo, after decisions, after edits, of deletions.

use syncline_engine::conflicts::Status;
use syncline_hub::{Choice, HubError, SyncOutcome, UndoOutcome};
use syncline_merge::rules::EntityRules;
use syncline_model::id::Writer;
use syncline_policy::Action;

use crate::desk::{Desk, entity};
use crate::hunt_kit::{agreed, no_guard, policy};

const ANN: &str = r#"{"id":"1","mail":"a@x","name":"Ann"}"#;
const BOB: &str = r#"{"id":"2","name":"Bob"}"#;
const CY: &str = r#"{"id":"3","name":"Cy"}"#;

fn undo(desk: &Desk, run: &SyncOutcome) -> Result<UndoOutcome, HubError> {
    desk.hub().undo(&run.report.sync_id, &desk.request, false)
}

#[test]
fn an_undo_of_a_run_that_deleted_brings_the_records_back_for_good() {
    let desk = agreed(&[ANN, BOB]);
    desk.contacts("personal", &[BOB]);
    let before = desk.files();
    let run = desk.sync().unwrap();
    assert_eq!(desk.held("business"), [BOB]);
    undo(&desk, &run).unwrap();
    assert_eq!(desk.files(), before);
    // Personal's deletion is an edit again; made undone by hand, Ann stays.
    desk.contacts("personal", &[ANN, BOB]);
    desk.sync_to(&[ANN, BOB]);
    desk.sync_is_idle();
}

#[test]
fn an_undo_is_made_once_and_can_be_undone() {
    let desk = agreed(&[ANN, BOB]);
    desk.contacts("personal", &[ANN, BOB, CY]);
    desk.contacts("business", &[&ANN.replace("a@x", "b@x"), BOB]);
    let before = desk.files();
    let run = desk.sync().unwrap();
    let after = desk.files();
    let mut undone = undo(&desk, &run).unwrap();
    assert_eq!(desk.files(), before);
    assert!(matches!(undo(&desk, &run), Err(HubError::NotUndoable { .. })));
    assert_eq!(desk.files(), before);
    // There and back again, each time byte for byte.
    for expected in [&after, &before, &after] {
        undone = desk.hub().undo(&undone.report.sync_id, &desk.request, false).unwrap();
        assert_eq!(desk.files(), *expected);
        assert!(undone.left.is_empty(), "{:?}", undone.left);
    }
    desk.sync_is_idle();
    desk.sync_to(&[&ANN.replace("a@x", "b@x"), BOB, CY]);
    desk.sync_is_idle();
}

#[test]
fn an_undo_that_removed_a_file_can_be_undone() {
    let mut desk = Desk::new();
    desk.request.guard = no_guard();
    desk.contacts("personal", &[ANN, BOB]);
    let before = desk.files();
    let run = desk.sync().unwrap();
    let after = desk.files();
    let undone = undo(&desk, &run).unwrap();
    assert_eq!(desk.files(), before, "there was no file in business");
    desk.hub().undo(&undone.report.sync_id, &desk.request, false).unwrap();
    assert_eq!(desk.files(), after);
    desk.sync_to(&[ANN, BOB]);
    desk.sync_is_idle();
}

#[test]
fn an_undo_of_an_undo_leaves_what_was_edited_since() {
    let desk = agreed(&[ANN, BOB]);
    desk.contacts("personal", &[&ANN.replace("Ann", "Anna"), &BOB.replace("Bob", "Rob")]);
    let run = desk.sync().unwrap();
    let undone = undo(&desk, &run).unwrap();
    desk.contacts("business", &[&ANN.replace("Ann", "Annika"), BOB]);
    let redone = desk.hub().undo(&undone.report.sync_id, &desk.request, false).unwrap();
    // What the undo had put into a file is not told apart from an edit: all of it is left.
    let left: Vec<&str> = redone.left.iter().map(|(_, _, id)| id.as_str()).collect();
    assert!(left.contains(&"1") && left.contains(&"2"), "{left:?}");
    assert_eq!(desk.held("business"), [&ANN.replace("Ann", "Annika"), BOB]);
    desk.sync().unwrap();
    desk.sync_is_idle();
}

#[test]
fn what_was_edited_on_one_side_since_stays_on_both() {
    let desk = agreed(&[ANN, BOB]);
    // The run writes both sides, and Ann on both.
    desk.contacts("personal", &[&ANN.replace("Ann", "Anna"), &BOB.replace("Bob", "Rob")]);
    desk.contacts("business", &[&ANN.replace("a@x", "b@x"), BOB]);
    let run = desk.sync().unwrap();
    let merged = ANN.replace("Ann", "Anna").replace("a@x", "b@x");
    let business = desk.read("business/contacts.json").replace("Anna", "Annika");
    desk.write("business/contacts.json", &business);
    let undone = undo(&desk, &run).unwrap();
    assert!(undone.left.iter().any(|(_, _, id)| id.as_str() == "1"));
    assert!(desk.held("personal").contains(&merged), "{:?}", desk.both());
    assert!(desk.held("business").contains(&merged.replace("Anna", "Annika")));
    assert!(desk.held("business").contains(&BOB.to_owned()), "Bob went back");
    desk.sync_to(&[&merged.replace("Anna", "Annika"), &BOB.replace("Bob", "Rob")]);
}

#[test]
fn an_undo_of_the_run_that_wrote_a_decision_does_not_open_it_again() {
    let mut desk = agreed(&[ANN, BOB]);
    desk.request.entities = vec![entity("contacts", EntityRules::default())];
    desk.sync().unwrap();
    desk.contacts("personal", &[&ANN.replace("Ann", "Anna"), BOB]);
    desk.contacts("business", &[&ANN.replace("Ann", "Anne"), BOB]);
    desk.sync().unwrap();
    let open = desk.listed(Status::Open)[0].conflict_id();
    let entities = [desk.request.entities[0].entity.clone()];
    let choice = Choice::Writer(Writer::new("business").unwrap());
    desk.hub().resolve(&open, &choice, &desk.request.actor, &entities).unwrap();
    let run = desk.sync().unwrap();
    undo(&desk, &run).unwrap();
    desk.sync_to(&[&ANN.replace("Ann", "Anne"), BOB]);
    assert!(desk.listed(Status::Open).is_empty());
}

#[test]
fn an_undo_of_a_run_that_only_followed_new_rules_deletes_nothing() {
    let mut desk = Desk::new();
    desk.request.guard = no_guard();
    let (private, open) = (r#"{"id":"1","kind":"p","name":"Ann"}"#, r#"{"id":"2","kind":"o"}"#);
    let mut closed = policy(&[]);
    crate::hunt_kit::keep_back(&mut closed, "/kind", "\"p\"");
    desk.set_policy(syncline_engine::link::Side::Target, closed);
    desk.contacts("personal", &[private, open]);
    desk.contacts("business", &[]);
    desk.sync().unwrap();
    assert_eq!(desk.held("business"), [open]);
    desk.set_policy(syncline_engine::link::Side::Target, policy(&[]));
    let run = desk.sync().unwrap();
    assert_eq!(desk.held("business"), [private, open]);
    undo(&desk, &run).unwrap();
    desk.sync().unwrap();
    assert_eq!(desk.held("personal"), [private, open], "nothing is deleted by an undo");
    desk.sync_to(&[private, open]);
}

#[test]
fn an_undo_with_masked_and_one_way_fields_lets_no_field_be_edited() {
    let item = r#"{"id":"1","mail":"a@x","name":"Ann","phone":"5"}"#;
    for action in [Action::Mask, Action::OutOnly, Action::InOnly, Action::Deny] {
        let mut desk = Desk::new();
        desk.request.guard = no_guard();
        desk.set_policy(syncline_engine::link::Side::Target, policy(&[("/phone", action)]));
        desk.contacts("personal", &[item]);
        desk.contacts("business", &[]);
        desk.sync().unwrap();
        desk.contacts("personal", &[&item.replace("Ann", "Anna")]);
        let run = desk.sync().unwrap();
        let business = desk.held("business");
        undo(&desk, &run).unwrap();
        desk.sync().unwrap();
        assert_eq!(desk.held("personal"), [item.replace("Ann", "Anna")], "{action:?}");
        assert_eq!(desk.held("business"), business, "{action:?}");
        assert!(desk.hub().conflicts().unwrap().is_empty(), "{action:?}");
    }
}
