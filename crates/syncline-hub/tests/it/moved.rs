//! A domain that leads to another folder than before: what is missing there was deleted by nobody.

use syncline_engine::conflicts::Status;
use syncline_engine::link::{Direction, Side};
use syncline_hub::{Narrowing, SyncOutcome};
use syncline_merge::rules::{FieldRules, Rule, Shape};
use syncline_model::id::RecordId;
use syncline_model::path::Pattern;

use crate::desk::Desk;
use crate::hunt_kit::{agreed, no_guard};

const ANN: &str = r#"{"id":"1","name":"Ann"}"#;
const BOB: &str = r#"{"id":"2","name":"Bob"}"#;
const CY: &str = r#"{"id":"3","name":"Cy"}"#;

fn codes(outcome: &SyncOutcome) -> Vec<&str> {
    outcome.report.notices.iter().map(|notice| notice.code.as_str()).collect()
}

/// Returns both sides' contacts, where the business has moved.
fn both(desk: &Desk) -> [Vec<String>; 2] {
    ["personal", "elsewhere"].map(|domain| desk.held(domain))
}

/// Points the business to another folder with these contacts.
fn move_business(desk: &mut Desk, items: &[&str]) {
    std::fs::create_dir(desk.path("elsewhere")).unwrap();
    desk.contacts("elsewhere", items);
    desk.request.target.folder = desk.path("elsewhere");
}

#[test]
fn nothing_is_deleted_at_home_that_another_folder_lacks_and_differences_are_conflicts() {
    let mut desk = agreed(&[ANN, BOB, CY]);
    move_business(&mut desk, &[&ANN.replace("Ann", "Stale"), CY]);
    let plan = desk.hub().plan(&desk.request, &mut syncline_hub::Silent).unwrap();
    assert_eq!(codes(&plan), ["DOMAIN_MOVED"]);
    assert_eq!(plan.report.entities[0].1.deleted, [0, 0]);
    let outcome = desk.sync().unwrap();
    assert_eq!(codes(&outcome), ["DOMAIN_MOVED"]);
    let told = &outcome.report.notices[0];
    let real = |name: &str| desk.path(name).canonicalize().unwrap().display().to_string();
    assert!(told.reason.contains(&real("business")), "{}", told.reason);
    assert!(told.reason.contains(&real("elsewhere")), "{}", told.reason);
    assert!(told.reason.ends_with(": 2"), "Ann differs, Bob is missing: {}", told.reason);
    assert_eq!(both(&desk), [vec![ANN, BOB, CY], vec![ANN, BOB, CY]], "the source wins, and");
    assert_eq!(desk.listed(Status::Settled).len(), 1, "the loser is listed");
    // From here on the folder is the domain's: told once, and deletions count again.
    desk.contacts("elsewhere", &[ANN, BOB]);
    let outcome = desk.sync().unwrap();
    assert_eq!(codes(&outcome), Vec::<&str>::new());
    assert_eq!(desk.held("personal"), [ANN, BOB]);
}

#[test]
fn an_empty_folder_is_filled_and_nothing_stops() {
    let mut desk = agreed(&[ANN, BOB]);
    desk.request.guard = Default::default();
    std::fs::create_dir(desk.path("elsewhere")).unwrap();
    desk.request.target.folder = desk.path("elsewhere");
    desk.sync().unwrap();
    assert_eq!(both(&desk), [vec![ANN, BOB], vec![ANN, BOB]]);
}

#[test]
fn a_folder_that_was_renamed_with_its_files_goes_on_as_before() {
    let mut desk = Desk::new();
    let rule = |pattern: &str, shape| FieldRules {
        pattern: Pattern::parse(pattern).unwrap(),
        shape,
        rule: Rule::Latest,
    };
    let rules = &mut desk.request.entities[0].entity.rules;
    rules.fields.push(rule("/visits", Shape::Sum { minimum: None }));
    rules.fields.push(rule("/log", Shape::Append { keep: 10 }));
    rules.fields.push(FieldRules { rule: Rule::Review, ..rule("/open", Shape::Register) });
    let before = r#"{"id":"1","log":["a"],"open":"0","visits":5}"#;
    desk.contacts("personal", &[before, BOB]);
    desk.contacts("business", &[before, BOB]);
    desk.sync().unwrap();
    desk.contacts("personal", &[&before.replace("\"0\"", "\"P\""), BOB]);
    desk.contacts("business", &[&before.replace("\"0\"", "\"B\""), BOB]);
    desk.sync().unwrap();
    assert_eq!(desk.listed(Status::Open).len(), 1);

    std::fs::rename(desk.path("business"), desk.path("elsewhere")).unwrap();
    desk.request.target.folder = desk.path("elsewhere");
    let files = both(&desk);
    let outcome = desk.sync().unwrap();
    assert_eq!(codes(&outcome), ["DOMAIN_MOVED"]);
    assert!(outcome.report.notices[0].reason.ends_with("as they were left"));
    assert!(!outcome.wrote);
    assert_eq!(both(&desk), files);
    assert_eq!(desk.listed(Status::Open).len(), 1, "the same question, once");
    desk.contacts("elsewhere", &[&before.replace("5", "7").replace("\"0\"", "\"B\"")]);
    desk.sync().unwrap();
    assert!(desk.held("personal")[0].contains("\"visits\":7"), "what was known is known");
}

#[test]
fn a_renamed_folder_with_one_edit_keeps_what_is_known_of_the_others() {
    let mut desk = agreed(&[ANN, BOB, CY]);
    std::fs::rename(desk.path("business"), desk.path("elsewhere")).unwrap();
    desk.request.target.folder = desk.path("elsewhere");
    desk.contacts("elsewhere", &[&ANN.replace("Ann", "Anna"), BOB, CY]);
    desk.contacts("personal", &[ANN, CY]);
    desk.sync().unwrap();
    assert_eq!(desk.held("elsewhere").len(), 2, "what was deleted at home goes here too");
    assert_eq!(desk.listed(Status::Settled).len(), 1, "the edit is met as at a first meeting");
}

#[test]
fn a_link_that_leads_elsewhere_is_another_folder_and_another_spelling_is_not() {
    let mut desk = agreed(&[ANN, BOB]);
    desk.request.target.folder = desk.path("personal/../business");
    assert_eq!(codes(&desk.sync().unwrap()), Vec::<&str>::new());
    std::fs::create_dir(desk.path("elsewhere")).unwrap();
    desk.contacts("elsewhere", &[ANN]);
    std::fs::rename(desk.path("business"), desk.path("former")).unwrap();
    std::os::unix::fs::symlink(desk.path("elsewhere"), desk.path("business")).unwrap();
    assert_eq!(codes(&desk.sync().unwrap()), ["DOMAIN_MOVED"]);
    assert_eq!(desk.held("personal"), [ANN, BOB]);
}

#[test]
fn another_file_of_the_same_folder_is_another_place() {
    let mut desk = agreed(&[ANN, BOB]);
    desk.request.entities[0].file = "people.json".to_owned();
    desk.write("personal/people.json", &format!("{{\"contacts\": [{ANN},{BOB},{CY}]}}"));
    desk.write("business/people.json", &format!("{{\"contacts\": [{ANN}]}}"));
    let outcome = desk.sync().unwrap();
    assert_eq!(codes(&outcome), ["DOMAIN_MOVED", "DOMAIN_MOVED"]);
    assert!(desk.read("personal/people.json").contains("Bob"));
}

#[test]
fn a_project_that_is_moved_with_its_state_goes_on_as_before() {
    let outer = tempfile::tempdir().unwrap();
    let mut desk = Desk::new();
    desk.request.guard = no_guard();
    desk.contacts("personal", &[ANN, BOB]);
    desk.contacts("business", &[ANN, BOB]);
    desk.sync().unwrap();
    let moved = outer.path().join("moved");
    std::fs::rename(desk.path(""), &moved).unwrap();
    for domain in [&mut desk.request.source, &mut desk.request.target] {
        domain.folder = moved.join(domain.domain.name.as_str());
    }
    std::fs::write(moved.join("business/contacts.json"), format!("{{\"contacts\": [{ANN}]}}"))
        .unwrap();
    let state_folder = moved.join(".syncline");
    let options = syncline_hub::HubOptions { state_folder, check_store: false };
    let mut hub = syncline_hub::Hub::open(&options).unwrap();
    let outcome = hub.sync(&desk.request, &mut syncline_hub::Silent).unwrap();
    assert_eq!(codes(&outcome), Vec::<&str>::new());
    assert_eq!(outcome.report.entities[0].1.deleted, [1, 0], "Bob was deleted by somebody");
}

#[test]
fn a_narrowed_run_forgets_what_it_leaves_out_as_well() {
    let mut desk = agreed(&[ANN, BOB, CY]);
    move_business(&mut desk, &[CY]);
    let ann: Narrowing = [RecordId::new("1").unwrap()].into_iter().collect();
    desk.request.narrowing = ann;
    assert_eq!(codes(&desk.sync().unwrap()), ["DOMAIN_MOVED"]);
    assert_eq!(both(&desk), [vec![ANN, BOB, CY], vec![ANN, CY]]);
    desk.request.narrowing = Narrowing::default();
    assert_eq!(codes(&desk.sync().unwrap()), Vec::<&str>::new());
    assert_eq!(both(&desk), [vec![ANN, BOB, CY], vec![ANN, BOB, CY]]);
}

#[test]
fn a_mirror_of_another_folder_removes_nothing_that_both_sides_knew() {
    let mut desk = agreed(&[ANN, BOB, CY]);
    move_business(&mut desk, &[ANN]);
    desk.request.direction = Direction::TargetToSource;
    desk.sync().unwrap();
    assert_eq!(desk.held("personal"), [ANN, BOB, CY]);
}

#[test]
fn a_run_that_fails_has_not_met_the_folder() {
    let mut desk = agreed(&[ANN, BOB]);
    move_business(&mut desk, &[ANN]);
    desk.write("elsewhere/contacts.json", "{");
    desk.sync().unwrap();
    desk.contacts("elsewhere", &[ANN]);
    assert_eq!(codes(&desk.sync().unwrap()), ["DOMAIN_MOVED"]);
    assert_eq!(desk.held("personal"), [ANN, BOB]);
    let (hub, id) = (desk.hub(), RecordId::new("2").unwrap());
    let seen = hub.record(&desk.request.entities[0].entity, &id, &desk.request).unwrap();
    assert!(seen.held[Side::Target.index()].is_some(), "it was brought there");
}

#[test]
fn an_undo_of_the_first_run_in_another_folder_brings_both_back() {
    let mut desk = agreed(&[ANN, BOB]);
    move_business(&mut desk, &[&ANN.replace("Ann", "Stale"), CY]);
    let before = both(&desk);
    let outcome = desk.sync().unwrap();
    assert_eq!(both(&desk), [vec![ANN, BOB, CY], vec![ANN, BOB, CY]]);
    desk.hub().undo(&outcome.report.sync_id, &desk.request, false).unwrap();
    assert_eq!(both(&desk), before);
    // The folder is met for the first time again: nothing is deleted, and nothing is overwritten.
    let outcome = desk.sync().unwrap();
    assert_eq!(codes(&outcome), ["DOMAIN_MOVED"]);
    assert_eq!(both(&desk), [vec![ANN, BOB, CY], vec![ANN, BOB, CY]]);
}

/// Puts another file in the place of the business's: a link to it.
fn link_business(desk: &Desk, leads_to: &str) {
    let file = desk.path("business/contacts.json");
    let _ = std::fs::remove_file(&file);
    std::os::unix::fs::symlink(desk.path(leads_to), file).unwrap();
}

fn place_elsewhere(desk: &Desk, folder: &str, items: &[&str]) {
    std::fs::create_dir_all(desk.path(folder)).unwrap();
    desk.contacts(folder, items);
}

#[test]
fn a_file_that_is_a_link_to_another_one_deletes_nothing_and_overwrites_nothing() {
    let mut desk = agreed(&[ANN, BOB, CY]);
    desk.request.entities[0].entity.rules = Default::default();
    desk.sync().unwrap();
    let stale = ANN.replace("Ann", "Stale");
    place_elsewhere(&desk, "elsewhere", &[&stale]);
    link_business(&desk, "elsewhere/contacts.json");
    let outcome = desk.sync().unwrap();
    assert_eq!(codes(&outcome), ["DOMAIN_MOVED"]);
    assert!(outcome.report.notices[0].reason.contains("elsewhere/contacts.json"));
    assert_eq!(both(&desk), [vec![ANN, BOB, CY], vec![&stale, BOB, CY]], "a person decides");
    assert_eq!(desk.listed(Status::Open).len(), 1);
    let link = std::fs::symlink_metadata(desk.path("business/contacts.json")).unwrap();
    assert!(link.is_symlink(), "what the link leads to is written");
    desk.sync_is_idle();
}

#[test]
fn a_link_that_is_turned_or_made_a_file_again_is_another_place() {
    let linked = || {
        let desk = agreed(&[ANN, BOB]);
        place_elsewhere(&desk, "elsewhere", &[ANN, BOB]);
        link_business(&desk, "elsewhere/contacts.json");
        assert!(desk.sync().unwrap().report.notices[0].reason.ends_with("as they were left"));
        desk.sync_is_idle();
        desk
    };
    type Turn = fn(&Desk);
    let turns: [(&str, Turn); 3] = [
        ("to another file", |desk| {
            place_elsewhere(desk, "third", &[ANN]);
            link_business(desk, "third/contacts.json");
        }),
        ("to a file of the same folder", |desk| {
            desk.write("business/other.json", &format!("{{\"contacts\": [{ANN}]}}"));
            link_business(desk, "business/other.json");
        }),
        ("replaced by a file, as editors do that save beside and rename", |desk| {
            desk.write("business/saved", &format!("{{\"contacts\": [{ANN}]}}"));
            std::fs::rename(desk.path("business/saved"), desk.path("business/contacts.json"))
                .unwrap();
        }),
    ];
    for (case, turn) in turns {
        let desk = linked();
        turn(&desk);
        assert_eq!(codes(&desk.sync().unwrap()), ["DOMAIN_MOVED"], "{case}");
        assert_eq!(desk.both().0, [ANN, BOB], "{case}");
        assert_eq!(desk.both().1, [ANN, BOB], "{case}");
        desk.sync_is_idle();
        desk.contacts("business", &[BOB]);
        desk.sync().unwrap();
        assert_eq!(desk.held("personal"), [BOB], "{case}: it is the domain's from then on");
    }
}

#[test]
fn a_link_that_leads_nowhere_deletes_nothing_and_goes_on_once_it_leads_back() {
    let desk = agreed(&[ANN, BOB]);
    place_elsewhere(&desk, "elsewhere", &[ANN, BOB]);
    link_business(&desk, "elsewhere/contacts.json");
    desk.sync().unwrap();
    std::fs::rename(desk.path("elsewhere"), desk.path("away")).unwrap();
    let outcome = desk.sync().unwrap();
    assert!(!outcome.report.problems.is_empty());
    assert_eq!(desk.held("personal"), [ANN, BOB]);
    std::fs::rename(desk.path("away"), desk.path("elsewhere")).unwrap();
    desk.contacts("elsewhere", &[ANN]);
    assert_eq!(codes(&desk.sync().unwrap()), Vec::<&str>::new());
    assert_eq!(desk.held("personal"), [ANN], "a deletion there is one");
}

#[test]
fn one_file_of_several_that_is_a_link_moves_alone() {
    let mut desk = agreed(&[ANN, BOB]);
    let notes = crate::desk::entity("notes", crate::desk::source_wins());
    desk.request.entities.push(notes);
    for domain in ["personal", "business"] {
        desk.write(&format!("{domain}/notes.json"), &format!("{{\"notes\": [{ANN},{BOB}]}}"));
    }
    desk.sync().unwrap();
    place_elsewhere(&desk, "elsewhere", &[ANN]);
    link_business(&desk, "elsewhere/contacts.json");
    desk.write("business/notes.json", &format!("{{\"notes\": [{ANN}]}}"));
    let outcome = desk.sync().unwrap();
    assert_eq!(codes(&outcome), ["DOMAIN_MOVED"]);
    assert_eq!(outcome.report.notices[0].entity.as_ref().unwrap().as_str(), "contacts");
    assert_eq!(desk.held("personal"), [ANN, BOB]);
    assert!(!desk.read("personal/notes.json").contains("Bob"), "that one was deleted");
}
