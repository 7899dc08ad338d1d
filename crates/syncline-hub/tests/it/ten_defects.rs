//! The ten defects of a merge without a memory, as spec 001 sketches it, each with what is right.

use syncline_engine::conflicts::Status;

use crate::desk::Desk;

const ANN: &str = r#"{"email":"a@x","id":"1","name":"Ann","phone":"1"}"#;
const BOB: &str = r#"{"id":"2","name":"Bob"}"#;

fn agreed() -> Desk {
    let desk = Desk::new();
    desk.contacts("personal", &[ANN, BOB]);
    desk.contacts("business", &[ANN, BOB]);
    desk.sync().unwrap();
    desk
}

#[test]
fn defect_1_what_the_target_deleted_does_not_come_back() {
    let desk = agreed();
    desk.contacts("business", &[ANN]);
    desk.sync_to(&[ANN]);
    desk.sync_is_idle();
}

#[test]
fn defect_2_what_the_source_deleted_goes_from_the_target() {
    let desk = agreed();
    desk.contacts("personal", &[ANN]);
    desk.sync_to(&[ANN]);
    desk.sync_is_idle();
}

#[test]
fn defect_3_an_untouched_source_does_not_overwrite_an_edited_target() {
    let item = |name: &str, year: u32| {
        format!(r#"{{"id":"1","lastModified":"{year}-01-01T00:00:00Z","name":"{name}"}}"#)
    };
    // Whatever its clock says: an edit is an edit.
    for year in [2031, 2001] {
        let desk = Desk::new();
        desk.contacts("personal", &[&item("old", 2020)]);
        desk.contacts("business", &[&item("old", 2020)]);
        desk.sync().unwrap();
        desk.contacts("business", &[&item("new", year)]);
        desk.sync_to(&[&item("new", year)]);
    }
}

#[test]
fn defect_4_an_e_mail_here_and_a_phone_there_are_both_kept_without_a_conflict() {
    let desk = agreed();
    desk.contacts("personal", &[&ANN.replace("a@x", "b@x"), BOB]);
    desk.contacts("business", &[&ANN.replace(r#""1"}"#, r#""2"}"#), BOB]);
    desk.sync_to(&[r#"{"email":"b@x","id":"1","name":"Ann","phone":"2"}"#, BOB]);
    assert!(desk.hub().conflicts().unwrap().is_empty());
}

#[test]
fn defect_5_an_item_without_an_id_is_reported_and_stays() {
    let desk = agreed();
    let nobody = r#"{"name":"nobody"}"#;
    desk.contacts("personal", &[ANN, nobody, BOB]);
    let outcome = desk.sync().unwrap();
    let problem = &outcome.report.problems[0];
    assert_eq!(problem.code, "DATA_FORMAT_INVALID");
    assert_eq!(problem.item.as_deref(), Some("#1"));
    assert_eq!(outcome.report.entities[0].1.failed, 1);
    assert!(desk.read("personal/contacts.json").contains(nobody));
    assert_eq!(desk.held("business"), [ANN, BOB]);
}

#[test]
fn defect_6_what_nobody_touched_keeps_its_bytes_and_a_second_run_writes_nothing() {
    let desk = agreed();
    let odd = r#"{"id" : "9",   "n": 1.50, "b":"\u00e9"}"#;
    desk.contacts("personal", &[odd, ANN, BOB]);
    desk.contacts("business", &[&ANN.replace("Ann", "Anna"), BOB]);
    desk.sync().unwrap();
    assert!(desk.read("personal/contacts.json").contains(odd));
    assert!(!desk.read("business/contacts.json").contains("syncedAt"));
    desk.sync_is_idle();
}

#[test]
fn defect_7_zero_is_an_id_and_a_number_is_the_text_of_it() {
    let desk = Desk::new();
    desk.contacts("personal", &[r#"{"id":0,"name":"zero"}"#, r#"{"id":1,"a":1}"#]);
    desk.contacts("business", &[r#"{"id":"1","b":2}"#]);
    desk.sync().unwrap();
    assert_eq!(desk.held("personal"), [r#"{"a":1,"b":2,"id":1}"#, r#"{"id":0,"name":"zero"}"#]);
    assert_eq!(desk.held("business"), [r#"{"a":1,"b":2,"id":"1"}"#, r#"{"id":0,"name":"zero"}"#]);
    desk.sync_is_idle();
}

#[test]
fn defect_8_items_that_share_an_id_are_reported_and_none_is_lost() {
    let desk = agreed();
    let other = ANN.replace("Ann", "Other");
    desk.contacts("personal", &[ANN, &other, BOB, BOB]);
    let outcome = desk.sync().unwrap();
    let codes: Vec<&str> = outcome.report.problems.iter().map(|p| p.code.as_str()).collect();
    assert!(codes.contains(&"DUPLICATE_ID"), "{codes:?}");
    let personal = desk.read("personal/contacts.json");
    assert!(personal.contains(ANN) && personal.contains(&other));
    assert_eq!(desk.held("business"), [ANN, BOB]);
}

/// The same person under two ids stays two records: nothing is joined or lost without being asked
/// for. Suggesting links between such records is a command of its own.
#[test]
fn defect_9_one_person_under_two_ids_is_neither_joined_nor_lost() {
    let desk = agreed();
    let again = ANN.replace(r#""id":"1""#, r#""id":"b-77""#);
    desk.contacts("business", &[ANN, BOB, &again]);
    desk.sync_to(&[ANN, &again, BOB]);
    desk.sync_is_idle();
}

#[test]
fn defect_10_fields_that_only_the_target_knows_are_kept_and_cross() {
    let desk = agreed();
    let more = r#"{"costCenter":{"unit":"R&D"},"email":"a@x","id":"1","name":"Ann","phone":"1"}"#;
    desk.contacts("business", &[more, BOB]);
    desk.contacts("personal", &[&ANN.replace("Ann", "Anna"), BOB]);
    desk.sync_to(&[&more.replace("Ann", "Anna"), BOB]);
    assert!(desk.listed(Status::Open).is_empty());
}
