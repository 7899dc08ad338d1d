//! An undo of a run that appended to a list: nothing is doubled, and nothing is lost.

use syncline_hub::SyncOutcome;
use syncline_merge::rules::{EntityRules, FieldRules, Rule, Shape};
use syncline_model::path::Pattern;

use crate::desk::{Desk, entity};
use crate::hunt_kit::agreed;

fn rules(keep: u32) -> EntityRules {
    let field = |pattern: &str, shape| FieldRules {
        pattern: Pattern::parse(pattern).unwrap(),
        shape,
        rule: Rule::default(),
    };
    EntityRules {
        fields: vec![
            field("/log", Shape::Append { keep }),
            field("/pets", Shape::Keyed { key: "name".into() }),
            field("/pets/*/log", Shape::Append { keep }),
        ],
        ..EntityRules::default()
    }
}

/// Returns a record in which a list stands alone, or in a member.
type Written = fn(&str) -> String;

fn alone(log: &str) -> String {
    format!(r#"{{"id":"1","log":[{log}]}}"#)
}

fn in_a_member(log: &str) -> String {
    format!(r#"{{"id":"1","pets":[{{"log":[{log}],"name":"Rex"}}]}}"#)
}

/// Both sides agree on two elements that came one after the other.
fn desk(keep: u32, written: Written) -> Desk {
    let mut desk = agreed(&[&written(r#""h1""#)]);
    desk.request.entities = vec![entity("contacts", rules(keep))];
    desk.contacts("personal", &[]);
    desk.contacts("business", &[]);
    desk.sync().unwrap();
    desk.contacts("personal", &[&written(r#""h1""#)]);
    desk.sync().unwrap();
    desk.contacts("personal", &[&written(r#""h1","h2""#)]);
    desk.sync_to(&[&written(r#""h1","h2""#)]);
    desk
}

fn undo(desk: &Desk, run: &SyncOutcome) {
    desk.hub().undo(&run.report.sync_id, &desk.request, false).unwrap();
}

#[test]
fn what_a_run_appended_is_there_once_after_its_undo_and_the_next_run() {
    #[rustfmt::skip]
    let cases: [(u32, Written, &str, &str, &str); 7] = [
        (9, alone,       r#""h1","h2","pA""#, r#""h1","h2","pB""#, r#""h1","h2","pA","pB""#),
        (3, alone,       r#""h1","h2","pA""#, r#""h1","h2","pB""#, r#""h2","pA","pB""#),
        (9, alone,       r#""h1","h2","pA""#, r#""h1","h2""#,      r#""h1","h2","pA""#),
        (9, in_a_member, r#""h1","h2","pA""#, r#""h1","h2","pB""#, r#""h1","h2","pA","pB""#),
        (3, in_a_member, r#""h1","h2","pA""#, r#""h1","h2","pB""#, r#""h2","pA","pB""#),
        (9, alone,       r#""h1","h2","n""#,  r#""h1","h2","n","m""#, r#""h1","h2","n","m""#),
        (3, in_a_member, r#""h1","h2","n""#,  r#""h1","h2","n","m""#, r#""h2","n","m""#),
    ];
    for (keep, written, personal, business, expected) in cases {
        let desk = desk(keep, written);
        desk.contacts("personal", &[&written(personal)]);
        desk.contacts("business", &[&written(business)]);
        let before = desk.files();
        for _ in 0..3 {
            let run = desk.sync().unwrap();
            let expected = vec![written(expected)];
            assert_eq!(desk.both(), (expected.clone(), expected), "case: {personal} {business}");
            undo(&desk, &run);
            assert_eq!(desk.files(), before, "case: {personal} {business}");
        }
        desk.sync_to(&[&written(expected)]);
        desk.sync_is_idle();
    }
}

#[test]
fn what_is_appended_after_an_undo_comes_behind_what_the_run_had_appended() {
    let desk = desk(9, alone);
    desk.contacts("personal", &[&alone(r#""h1","h2","pA""#)]);
    undo(&desk, &desk.sync().unwrap());
    desk.contacts("business", &[&alone(r#""h1","h2","pB""#)]);
    desk.sync_to(&[&alone(r#""h1","h2","pA","pB""#)]);
    desk.sync_is_idle();
}

#[test]
fn a_list_that_came_or_went_with_a_run_comes_or_goes_again_after_its_undo() {
    let desk = desk(9, alone);
    desk.contacts("personal", &[r#"{"id":"1"}"#]);
    let run = desk.sync().unwrap();
    assert_eq!(desk.held("business"), [r#"{"id":"1"}"#]);
    undo(&desk, &run);
    assert_eq!(desk.held("business"), [alone(r#""h1","h2""#)]);
    desk.sync_to(&[r#"{"id":"1"}"#]);
    desk.contacts("personal", &[&alone(r#""n1""#)]);
    let run = desk.sync().unwrap();
    undo(&desk, &run);
    desk.sync_to(&[&alone(r#""n1""#)]);
    desk.sync_is_idle();
}

#[test]
fn what_was_appended_while_the_other_side_removed_the_list_stays_after_an_undo() {
    let desk = desk(9, alone);
    desk.contacts("personal", &[r#"{"id":"1"}"#]);
    desk.contacts("business", &[&alone(r#""h1","h2","pB""#)]);
    let run = desk.sync().unwrap();
    let after = desk.both();
    assert_eq!(after.0, [alone(r#""pB""#)]);
    undo(&desk, &run);
    desk.sync().unwrap();
    assert_eq!(desk.both(), after);
    desk.sync_is_idle();
}
