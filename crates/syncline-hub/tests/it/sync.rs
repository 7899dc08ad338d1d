//! Synchronising two folders.

use std::path::Path;

use syncline_engine::link::Side;
use syncline_engine::rows::Scan;
use syncline_hub::{ActionKind, HubError, Silent, SyncOutcome};

use crate::desk::Desk;

fn fixture(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/spec001");
    std::fs::read_to_string(root.join(name)).unwrap()
}

fn log_length(desk: &Desk) -> usize {
    let mut count = 0;
    let hub = desk.hub();
    let from = syncline_model::id::Position(0);
    hub.rows()
        .scan(&Scan::Log { from }, None, usize::MAX, &mut |_, _| {
            count += 1;
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
    count
}

#[test]
fn the_contacts_of_spec_001_come_to_its_counts_and_a_second_run_changes_nothing() {
    let desk = Desk::new();
    desk.write("personal/contacts.json", &fixture("contacts/data/personal/contacts.json"));
    desk.write("business/contacts.json", &fixture("contacts/data/business/contacts.json"));
    let outcome = desk.sync().unwrap();
    let contacts = &outcome.report.entities[0].1;
    assert_eq!(contacts.read, [150, 120]);
    assert_eq!((contacts.merged, contacts.conflicts, contacts.manual), (180, 15, 0));
    assert_eq!(contacts.added, [30, 60]);
    assert_eq!(desk.held("personal"), desk.held("business"));

    let before = (desk.read("personal/contacts.json"), desk.read("business/contacts.json"));
    let entries = log_length(&desk);
    let outcome = desk.sync().unwrap();
    let contacts = &outcome.report.entities[0].1;
    assert_eq!(contacts.read, [180, 180]);
    assert_eq!((contacts.merged, contacts.conflicts, contacts.unchanged), (180, 0, 180));
    assert!(outcome.actions.is_empty() && !outcome.wrote);
    assert_eq!(before, (desk.read("personal/contacts.json"), desk.read("business/contacts.json")));
    assert_eq!(log_length(&desk), entries, "no change, no entry");
}

#[test]
fn disjoint_edits_deletions_and_conflicts_merge() {
    let desk = Desk::new();
    let ann = r#"{"id":"1","name":"Ann","email":"a@x","phone":"1"}"#;
    let bob = r#"{"id":"2","name":"Bob"}"#;
    desk.contacts("personal", &[ann, bob]);
    desk.contacts("business", &[ann, bob]);
    desk.sync().unwrap();
    // Ann: e-mail here, phone there, name on both. Bob: deleted there.
    desk.contacts("personal", &[r#"{"id":"1","name":"Anna","email":"b@x","phone":"1"}"#, bob]);
    desk.contacts(
        "business",
        &[r#"{"id":"1","name":"Anne","email":"a@x","phone":"2"}"#, r#"{"id":"3","name":"Cy"}"#],
    );
    let outcome = desk.sync().unwrap();
    let expected =
        [r#"{"email":"b@x","id":"1","name":"Anna","phone":"2"}"#, r#"{"id":"3","name":"Cy"}"#];
    assert_eq!(desk.held("personal"), expected);
    assert_eq!(desk.held("business"), expected);
    let contacts = &outcome.report.entities[0].1;
    assert_eq!((contacts.conflicts, contacts.manual), (1, 0));
    assert_eq!((contacts.added, contacts.updated, contacts.deleted), ([1, 0], [1, 1], [1, 0]));
    let deleted = outcome.actions.iter().find(|a| a.kind == ActionKind::Delete).unwrap();
    assert_eq!((deleted.side, deleted.id.as_str()), (Side::Source, "2"));
    assert_eq!(outcome.conflicts.len(), 1);
    // The loser is edited on: the source's value was seen, so the edit replaces it.
    desk.contacts(
        "business",
        &[r#"{"id":"1","name":"Annette","email":"b@x","phone":"2"}"#, r#"{"id":"3","name":"Cy"}"#],
    );
    let outcome = desk.sync().unwrap();
    assert_eq!(outcome.report.entities[0].1.conflicts, 0, "cause beats priority");
    assert!(desk.held("personal")[0].contains("Annette"));
}

#[test]
fn what_cannot_be_read_whole_never_deletes() {
    let many: Vec<String> = (0..40).map(|n| format!(r#"{{"id":"{n}","name":"N{n}"}}"#)).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    for (name, text) in [
        ("empty file", ""),
        ("truncated", r#"{"contacts": [{"id":"1""#),
        ("emptied list", r#"{"contacts": []}"#),
        ("other member", r#"{"people": []}"#),
        ("one of forty", r#"{"contacts": [{"id":"0","name":"N0"}]}"#),
    ] {
        let desk = Desk::new();
        desk.contacts("personal", &many);
        desk.contacts("business", &many);
        desk.sync().unwrap();
        let business = desk.read("business/contacts.json");
        desk.write("personal/contacts.json", text);
        match desk.sync() {
            Ok(outcome) => assert!(!outcome.report.problems.is_empty(), "{name}"),
            Err(HubError::Safety(_)) => {}
            Err(error) => panic!("{name}: {error}"),
        }
        assert_eq!(desk.read("business/contacts.json"), business, "{name}");
        std::fs::remove_file(desk.path("personal/contacts.json")).unwrap();
        let _ = desk.sync();
        assert_eq!(desk.read("business/contacts.json"), business, "{name}: missing");
    }
}

#[test]
fn a_plan_writes_nothing_and_says_what_a_run_does() {
    let desk = Desk::new();
    desk.contacts("personal", &[r#"{"id":"1","name":"Ann"}"#]);
    desk.contacts("business", &[r#"{"id":"2","name":"Bob"}"#]);
    let before = (desk.read("personal/contacts.json"), desk.read("business/contacts.json"));
    let plan = desk.hub().plan(&desk.request, &mut Silent).unwrap();
    assert_eq!(before, (desk.read("personal/contacts.json"), desk.read("business/contacts.json")));
    assert_eq!(log_length(&desk), 0);
    let run = desk.sync().unwrap();
    let told = |outcome: &SyncOutcome| -> Vec<_> {
        outcome.actions.iter().map(|a| (a.id.clone(), a.side, a.kind)).collect()
    };
    assert_eq!(told(&plan), told(&run));
    assert!(plan.actions.iter().all(|action| !action.fields.is_empty()), "a plan tells the fields");
    assert_eq!(plan.inputs, run.inputs);
}
