//! Taking a run back.

use serde_json::json;

use crate::desk::{Desk, numbered};

fn last_run(desk: &Desk) -> String {
    let log = desk.run("log --json").exits(0).json();
    log["runs"][0]["syncId"].as_str().unwrap().to_owned()
}

#[test]
fn undo_restores_both_sides_byte_for_byte() {
    let desk = Desk::copy_of("fixtures/spec001/five-entities");
    let before = desk.files("data");
    desk.run("sync --on-conflict source").exits(0);
    assert_ne!(desk.files("data"), before);
    let run = last_run(&desk);
    desk.run(&format!("undo {run} --plan")).exits(0).says("Nothing written");
    assert_ne!(desk.files("data"), before);
    desk.run(&format!("undo {run} --yes")).exits(0).says("byte for byte");
    assert_eq!(desk.files("data"), before);
}

#[test]
fn an_undo_can_be_undone_byte_for_byte() {
    let desk = Desk::copy_of("fixtures/spec001/five-entities");
    desk.run("sync --on-conflict source").exits(0);
    let after = desk.files("data");
    desk.run("undo latest --yes").exits(0);
    assert_ne!(desk.files("data"), after);
    desk.run("undo latest --yes").exits(0).says("byte for byte");
    assert_eq!(desk.files("data"), after);
    desk.run("sync --on-conflict source").exits(0).says("Nothing to do");
}

#[test]
fn undo_leaves_and_lists_what_was_edited_since() {
    let desk = Desk::new();
    desk.contacts("personal", &numbered(0..3));
    desk.contacts("business", &json!([]));
    desk.run("sync").exits(0);
    let run = last_run(&desk);
    let mut edited = numbered(0..3);
    edited[1]["name"] = "Edited".into();
    desk.contacts("business", &edited);
    desk.run("sync").exits(0);
    let answer = desk.run(&format!("undo {run} --yes")).exits(0);
    assert!(answer.stdout.contains("c001"), "{}", answer.stdout);
    let business = desk.read("business");
    assert_eq!(business.keys().collect::<Vec<_>>(), ["c001"]);
    assert_eq!(business["c001"]["name"], "Edited");
}

#[test]
fn undo_asks_and_without_a_terminal_needs_a_yes() {
    let desk = Desk::new();
    desk.contacts("personal", &numbered(0..3));
    desk.contacts("business", &json!([]));
    desk.run("sync").exits(0);
    let before = desk.files("data");
    let run = last_run(&desk);
    desk.run(&format!("undo {run}")).exits(2).says("CONFIRMATION_NEEDED");
    assert_eq!(desk.files("data"), before);
    desk.run("undo sync-19700101-000000 --yes").exits(2).says("RUN_NOT_FOUND");
    desk.run(&format!("undo {run} --yes")).exits(0);
    desk.run(&format!("undo {run} --yes")).exits(6).says("RUN_NOT_UNDOABLE");
}
