//! Undoing in unlucky moments: twice, of an undo, after decisions, after edits, of deletions.

use syncline_engine::conflicts::Status;
use syncline_engine::link::{LinkedDomain, Side};
use syncline_hub::{Choice, HubError, Silent, SyncOutcome, UndoOutcome};
use syncline_merge::rules::{Deletion, EntityRules};
use syncline_model::id::{DomainName, Writer};
use syncline_model::json::Json;
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
fn a_file_that_was_laid_out_anew_goes_back_but_for_what_was_edited() {
    let spread = |items: &[&str]| {
        let items = items.join(",").replace(':', " :\n  ");
        format!("{{ \"contacts\" :\n[ {} ] }}\n", items.replace("},{", "} ,\n {"))
    };
    // The order of members and the spelling of a text say nothing either.
    let told = [r#"{"name":"\u0041nn","mail":"b@x","id":"1"}"#, BOB, CY];
    let edited = [told[0], r#"{"id":"2","name":"Bo"}"#, CY];
    for (items, is_edited) in [(told, false), (edited, true)] {
        for syncs_before in [false, true] {
            let desk = agreed(&[ANN, BOB]);
            desk.contacts(
                "personal",
                &[&ANN.replace("a@x", "b@x"), &BOB.replace("Bob", "Rob"), CY],
            );
            desk.contacts("business", &[ANN, &BOB.replace("}", r#","tel":"7"}"#)]);
            let before = (desk.held("personal"), desk.held("business"));
            let run = desk.sync().unwrap();
            let both = [told[0], r#"{"id":"2","name":"Rob","tel":"7"}"#, CY];
            let items = if is_edited { items } else { both };
            desk.write("business/contacts.json", &spread(&items));
            if syncs_before && !is_edited {
                desk.sync_is_idle();
            }
            let undone = undo(&desk, &run).unwrap();
            let left: Vec<&str> = undone.left.iter().map(|(_, _, id)| id.as_str()).collect();
            let business = desk.held("business");
            if is_edited {
                assert_eq!(left, ["2", "2"], "in both files");
                assert!(business.contains(&ANN.to_owned()), "{business:?}");
                assert!(business.contains(&edited[1].to_owned()), "{business:?}");
            } else {
                assert!(left.is_empty(), "{left:?}");
                assert_eq!((desk.held("personal"), business), before);
            }
        }
    }
}

#[test]
fn an_undo_tells_what_comes_what_goes_and_what_changes() {
    let desk = agreed(&[ANN, BOB]);
    desk.contacts("personal", &[ANN, CY]);
    desk.contacts("business", &[&ANN.replace("a@x", "b@x"), BOB]);
    let run = desk.sync().unwrap();
    let counts = |outcome: &UndoOutcome| {
        let (_, contacts) = outcome.report.entities.first().unwrap();
        [contacts.added, contacts.updated, contacts.deleted]
    };
    let undone = undo(&desk, &run).unwrap();
    assert_eq!(counts(&undone), [[0, 1], [1, 0], [0, 1]]);
    let again = desk.hub().undo(&undone.report.sync_id, &desk.request, false).unwrap();
    assert_eq!(counts(&again), [[0, 1], [1, 0], [0, 1]]);
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
    let left: Vec<&str> = redone.left.iter().map(|(_, _, id)| id.as_str()).collect();
    assert_eq!(left, ["1"]);
    let rob = BOB.replace("Bob", "Rob");
    assert_eq!(desk.held("business"), [ANN.replace("Ann", "Annika"), rob]);
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

/// Returns a desk where Ann's name waits for a decision: Anna in personal, Anne in business.
fn undecided() -> Desk {
    let mut desk = agreed(&[ANN, BOB]);
    desk.request.entities = vec![entity("contacts", EntityRules::default())];
    desk.sync().unwrap();
    desk.contacts("personal", &[&ANN.replace("Ann", "Anna"), BOB]);
    desk.contacts("business", &[&ANN.replace("Ann", "Anne"), BOB]);
    desk.sync().unwrap();
    assert_eq!(desk.listed(Status::Open).len(), 1);
    desk
}

fn resolve(desk: &Desk, choice: &Choice) {
    let open = desk.listed(Status::Open)[0].conflict_id();
    let entities = [desk.request.entities[0].entity.clone()];
    desk.hub().resolve(&open, choice, &desk.request.actor, &entities).unwrap();
}

fn take(writer: &str) -> Choice {
    Choice::Writer(Writer::new(writer).unwrap())
}

#[test]
fn an_undo_of_the_run_that_carried_a_decision_opens_the_conflict_again() {
    let both = Choice::Both { separator: " / ".into() };
    for choice in [take("personal"), take("business"), both] {
        let desk = undecided();
        let before = desk.files();
        resolve(&desk, &choice);
        let run = desk.sync().unwrap();
        let after = desk.files();
        assert_ne!(after, before);
        let plan = desk.hub().undo(&run.report.sync_id, &desk.request, true).unwrap();
        let undone = undo(&desk, &run).unwrap();
        assert_eq!(desk.files(), before, "{choice:?}");
        assert_eq!((undone.left.len(), undone.reopened), (0, 1), "{choice:?}");
        assert_eq!((plan.restored, plan.reopened), (undone.restored, undone.reopened));
        assert!(undone.comes_again.is_empty(), "{:?}", undone.comes_again);
        // The decision is not carried again by itself, and neither side's value is lost.
        assert_eq!(desk.listed(Status::Open).len(), 1);
        desk.sync_is_idle();
        // Undone again, the decision is there again; decided anew, the new one holds.
        let redone = desk.hub().undo(&undone.report.sync_id, &desk.request, false).unwrap();
        assert_eq!(desk.files(), after, "{choice:?}");
        desk.sync_is_idle();
        assert!(desk.listed(Status::Open).is_empty());
        desk.hub().undo(&redone.report.sync_id, &desk.request, false).unwrap();
        assert_eq!(desk.files(), before, "{choice:?}");
    }
}

#[test]
fn a_conflict_that_an_undo_opened_is_decided_anew() {
    let desk = undecided();
    resolve(&desk, &take("personal"));
    let run = desk.sync().unwrap();
    undo(&desk, &run).unwrap();
    resolve(&desk, &take("business"));
    desk.sync_to(&[&ANN.replace("Ann", "Anne"), BOB]);
    desk.sync_is_idle();
}

#[test]
fn a_side_that_edits_after_such_an_undo_says_only_what_it_edits() {
    let desk = undecided();
    resolve(&desk, &take("personal"));
    let run = desk.sync().unwrap();
    undo(&desk, &run).unwrap();
    desk.contacts("business", &[&ANN.replace("Ann", "Annika"), BOB]);
    desk.sync().unwrap();
    let names: Vec<_> = desk.listed(Status::Open).into_iter().collect();
    assert_eq!(names.len(), 1, "still personal's value against business'");
    let sides: Vec<_> = names[0].conflict.sides.iter().map(|side| side.value.clone()).collect();
    assert_eq!(sides.len(), 2, "{sides:?}");
    assert_eq!(desk.held("personal"), [&ANN.replace("Ann", "Anna"), BOB]);
    assert_eq!(desk.held("business"), [&ANN.replace("Ann", "Annika"), BOB]);
}

#[test]
fn an_undo_of_a_decided_deletion_opens_it_again() {
    let mut desk = agreed(&[ANN, BOB]);
    let rules = EntityRules { deletion: Deletion::Review, ..EntityRules::default() };
    desk.request.entities = vec![entity("contacts", rules)];
    desk.sync().unwrap();
    desk.contacts("personal", &[BOB]);
    desk.contacts("business", &[&ANN.replace("Ann", "Anne"), BOB]);
    desk.sync().unwrap();
    let before = desk.files();
    resolve(&desk, &Choice::Delete);
    let run = desk.sync().unwrap();
    assert_eq!(desk.held("business"), [BOB]);
    let undone = undo(&desk, &run).unwrap();
    assert_eq!(desk.files(), before);
    assert_eq!((undone.left.len(), undone.reopened), (0, 1));
    desk.sync_is_idle();
    assert_eq!(desk.listed(Status::Open).len(), 1);
    resolve(&desk, &Choice::Keep);
    desk.sync().unwrap();
    assert!(desk.held("business").contains(&ANN.replace("Ann", "Anne")));
}

#[test]
fn a_decision_that_travels_with_an_edit_is_taken_back_with_it() {
    let desk = undecided();
    resolve(&desk, &take("personal"));
    desk.contacts("personal", &[&ANN.replace("Ann", "Anna").replace("a@x", "b@x"), BOB]);
    let before = desk.files();
    let run = desk.sync().unwrap();
    let undone = undo(&desk, &run).unwrap();
    assert_eq!(desk.files(), before);
    assert_eq!((undone.left.len(), undone.reopened), (0, 1));
    desk.sync().unwrap();
    assert_eq!(desk.listed(Status::Open).len(), 1);
    let mail = "b@x";
    assert_eq!(desk.held("personal"), [&ANN.replace("Ann", "Anna").replace("a@x", mail), BOB]);
    assert_eq!(desk.held("business"), [&ANN.replace("Ann", "Anne").replace("a@x", mail), BOB]);
}

#[test]
fn an_undo_of_a_run_that_settled_by_other_rules_goes_back_to_the_open_conflict() {
    let mut desk = undecided();
    let before = desk.files();
    let review = std::mem::take(&mut desk.request.entities);
    desk.request.entities = vec![entity("contacts", crate::desk::source_wins())];
    let run = desk.sync().unwrap();
    assert_ne!(desk.files(), before);
    desk.request.entities = review;
    let undone = undo(&desk, &run).unwrap();
    assert_eq!(desk.files(), before);
    assert!(undone.left.is_empty() && undone.comes_again.is_empty(), "{undone:?}");
    desk.sync_is_idle();
    resolve(&desk, &take("business"));
    desk.sync_to(&[&ANN.replace("Ann", "Anne"), BOB]);
}

#[test]
fn an_undo_of_a_run_that_followed_a_wider_policy_brings_the_mask_back_and_says_so() {
    let mut desk = Desk::new();
    desk.request.guard = no_guard();
    let item = r#"{"id":"1","name":"Ann","ssn":"S1"}"#;
    desk.set_policy(Side::Target, policy(&[("/ssn", Action::Mask)]));
    desk.contacts("personal", &[item]);
    desk.contacts("business", &[]);
    desk.sync().unwrap();
    let before = desk.files();
    desk.set_policy(Side::Target, policy(&[]));
    let run = desk.sync().unwrap();
    assert_eq!(desk.held("business"), [item]);
    let undone = undo(&desk, &run).unwrap();
    assert_eq!(desk.files(), before, "the secret is gone again");
    assert!(undone.left.is_empty(), "{:?}", undone.left);
    let (side, _, id) = &undone.comes_again[0];
    assert_eq!((*side, id.as_str()), (Side::Target, "1"), "as the policy still says");
    // With the old policy nothing moves, and no mask was taken for a value.
    desk.set_policy(Side::Target, policy(&[("/ssn", Action::Mask)]));
    desk.sync_is_idle();
    assert_eq!(desk.held("personal"), [item]);
    // With the wider one the value comes.
    desk.set_policy(Side::Target, policy(&[]));
    desk.sync_to(&[item]);
    assert!(desk.hub().conflicts().unwrap().is_empty());
}

#[test]
fn an_undo_of_the_second_link_takes_away_what_it_brought() {
    let desk = Desk::new();
    let mut first = desk.request.clone();
    first.guard = no_guard();
    let mut second = first.clone();
    second.source = first.target.clone();
    second.target.domain = LinkedDomain::open(DomainName::new("club").unwrap());
    second.target.folder = desk.path("club");
    std::fs::create_dir(desk.path("club")).unwrap();
    let sync = |request| desk.hub().sync(request, &mut Silent).unwrap();
    desk.contacts("personal", &[ANN]);
    for domain in ["business", "club"] {
        desk.contacts(domain, &[]);
    }
    sync(&first);
    sync(&second);
    // A record that is new, and one that is edited.
    desk.contacts("personal", &[&ANN.replace("a@x", "b@x"), BOB]);
    let before = desk.read("club/contacts.json");
    sync(&first);
    let run = sync(&second);
    assert_eq!(desk.held("club").len(), 2);
    let undone = desk.hub().undo(&run.report.sync_id, &second, false).unwrap();
    assert_eq!(desk.read("club/contacts.json"), before);
    assert!(undone.left.is_empty(), "{:?}", undone.left);
    assert_eq!(undone.comes_again.len(), 2, "the other domains still hold them");
    // An edit there meets the other one: neither is dropped, and nothing is deleted anywhere.
    desk.contacts("club", &[&ANN.replace("Ann", "Anna")]);
    sync(&second);
    sync(&first);
    let merged = ANN.replace("Ann", "Anna").replace("a@x", "b@x");
    for domain in ["personal", "business", "club"] {
        assert_eq!(desk.held(domain), [&merged, BOB], "{domain}");
    }
}

#[test]
fn an_undo_that_restores_nothing_is_refused_and_not_used_up() {
    let desk = agreed(&[ANN, BOB]);
    desk.contacts("personal", &[&ANN.replace("Ann", "Anna"), BOB]);
    let run = desk.sync().unwrap();
    let left_by_run = desk.read("business/contacts.json");
    desk.contacts("business", &[&ANN.replace("Ann", "Annika"), BOB]);
    let before = desk.files();
    let plan = desk.hub().undo(&run.report.sync_id, &desk.request, true).unwrap();
    assert!(plan.restores_nothing());
    let refused = undo(&desk, &run);
    assert!(matches!(refused, Err(HubError::NotUndoable { .. })), "{refused:?}");
    assert_eq!(desk.files(), before);
    let status = desk.hub().run(&run.report.sync_id).unwrap();
    assert_eq!(status.get("status").and_then(Json::as_str), Some("success"));
    // Once the edit is gone the run can still be undone.
    desk.write("business/contacts.json", &left_by_run);
    undo(&desk, &run).unwrap();
    assert_eq!(desk.held("business"), [ANN, BOB]);
}

#[test]
fn a_carried_decision_in_a_file_that_was_edited_since_goes_back_alone() {
    let desk = undecided();
    resolve(&desk, &take("personal"));
    let run = desk.sync().unwrap();
    desk.contacts("business", &[&ANN.replace("Ann", "Anna"), &BOB.replace("Bob", "Rob"), CY]);
    let undone = undo(&desk, &run).unwrap();
    assert_eq!((undone.restored, undone.reopened), ([0, 1], 1));
    let expected = [&ANN.replace("Ann", "Anne"), &BOB.replace("Bob", "Rob"), CY];
    assert_eq!(desk.held("business"), expected);
    assert_eq!(undone.left, [], "what the run did not write is no matter of its undo");
}

#[test]
fn an_undo_after_a_record_was_decided_anew_leaves_it() {
    let desk = undecided();
    resolve(&desk, &take("personal"));
    let run = desk.sync().unwrap();
    desk.contacts("personal", &[&ANN.replace("Ann", "Anja"), BOB]);
    desk.sync().unwrap();
    let before = desk.files();
    assert!(matches!(undo(&desk, &run), Err(HubError::NotUndoable { .. })));
    assert_eq!(desk.files(), before);
}

#[test]
fn an_undo_of_a_run_that_only_followed_new_rules_deletes_nothing() {
    let mut desk = Desk::new();
    desk.request.guard = no_guard();
    let (private, open) = (r#"{"id":"1","kind":"p","name":"Ann"}"#, r#"{"id":"2","kind":"o"}"#);
    let mut closed = policy(&[]);
    crate::hunt_kit::keep_back(&mut closed, "/kind", "\"p\"");
    desk.set_policy(Side::Target, closed);
    desk.contacts("personal", &[private, open]);
    desk.contacts("business", &[]);
    desk.sync().unwrap();
    assert_eq!(desk.held("business"), [open]);
    desk.set_policy(Side::Target, policy(&[]));
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
        desk.set_policy(Side::Target, policy(&[("/phone", action)]));
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
