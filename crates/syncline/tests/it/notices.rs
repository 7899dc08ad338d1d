//! Somebody is told when a run fails, and never a value.

use serde_json::Value;

use crate::desk::{Desk, numbered};

fn failing() -> Desk {
    let desk = Desk::new();
    desk.contacts("personal", &numbered(0..100));
    desk.contacts("business", &numbered(0..100));
    desk.run("sync").exits(0);
    desk.contacts("personal", &numbered(0..1));
    desk
}

#[test]
fn a_command_is_told_of_a_stop_and_not_of_a_success() {
    let desk = failing();
    desk.run_words(&["sync", "--notify", "tee notice.json"]).exits(6);
    let notice: Value = serde_json::from_slice(&desk.bytes("notice.json")).unwrap();
    assert_eq!((&notice["code"], &notice["exit"]), (&"SAFETY_STOP".into(), &6.into()));
    desk.contacts("personal", &numbered(0..100));
    desk.run_words(&["sync", "--notify", "tee success.json"]).exits(0);
    assert!(!desk.path("success.json").exists());
}

#[test]
fn a_receiver_that_fails_does_not_change_how_the_run_ended() {
    let desk = failing();
    desk.run_words(&["sync", "--notify", "false"]).exits(6).says("NOTICE_FAILED");
    desk.run_words(&["sync", "--notify", "http://127.0.0.1:1/hook"]).exits(6).says("NOTICE_FAILED");
}

#[test]
fn an_https_address_is_refused_before_the_run() {
    let desk = failing();
    desk.run_words(&["sync", "--notify", "https://example.com/hook"]).exits(3).says("curl");
}
