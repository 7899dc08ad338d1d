//! What a person is asked, and what nobody needs to be asked.

use syncline_engine::conflicts::Status;
use syncline_engine::link::Side;
use syncline_hub::Choice;
use syncline_merge::rules::{EntityRules, Rule};
use syncline_model::id::Writer;
use syncline_policy::Action;

use crate::desk::{Desk, entity};
use crate::hunt_kit::{agreed, policy};

fn record(q: &str, s: &str) -> String {
    format!(r#"{{"id":"a","q":"{q}","s":"{s}"}}"#)
}

/// Returns who says what in the only open conflict.
fn question(desk: &Desk) -> Vec<String> {
    let open = desk.listed(Status::Open);
    assert_eq!(open.len(), 1, "{open:?}");
    let sides = open[0].conflict.sides.iter().map(|side| {
        let value = side.value.as_ref().map_or("nothing", |value| value.as_str());
        format!("{} {value}", side.writer.as_ref().unwrap().as_str())
    });
    let mut sides: Vec<String> = sides.collect();
    sides.sort();
    sides
}

/// Returns a desk where `q` of a record is in conflict; who is given `s` got it in the same run.
fn contested(given: Option<Side>) -> Desk {
    let first = record("0", "0");
    let mut desk = agreed(&[&first]);
    desk.request.entities = vec![entity("contacts", EntityRules::default())];
    let s = |side: Side| if given == Some(side.other()) { "1" } else { "0" };
    desk.contacts("personal", &[&record("P", s(Side::Source))]);
    desk.contacts("business", &[&record("B", s(Side::Target))]);
    desk.sync().unwrap();
    assert_eq!(question(&desk), [r#"business "B""#, r#"personal "P""#]);
    desk
}

fn take(desk: &Desk, side: &str) {
    let row = desk.listed(Status::Open).remove(0);
    let entities = [desk.request.entities[0].entity.clone()];
    let choice = Choice::Writer(Writer::new(side).unwrap());
    desk.hub().resolve(&row.conflict_id(), &choice, &desk.request.actor, &entities).unwrap();
}

#[test]
fn a_value_that_was_taken_can_be_edited_on_its_side_before_the_next_run() {
    for given in [None, Some(Side::Source), Some(Side::Target)] {
        for taken in ["personal", "business"] {
            let desk = contested(given);
            take(&desk, taken);
            let s = if given.is_some() { "1" } else { "0" };
            let edited = record("X", s);
            desk.contacts(taken, &[&edited]);
            desk.sync_to(&[&edited]);
            assert!(desk.listed(Status::Open).is_empty(), "{given:?}, {taken}");
            desk.sync_is_idle();
        }
    }
}

#[test]
fn a_record_whose_value_was_taken_can_be_deleted_there_before_the_next_run() {
    for given in [None, Some(Side::Source)] {
        let desk = contested(given);
        take(&desk, "personal");
        desk.contacts("personal", &[]);
        desk.sync_to(&[]);
        desk.sync_is_idle();
    }
}

#[test]
fn an_edit_of_the_side_that_was_not_taken_leaves_the_other_side_its_value() {
    for (taken, other) in [("personal", "business"), ("business", "personal")] {
        let desk = contested(None);
        let before = desk.held(taken);
        take(&desk, taken);
        desk.contacts(other, &[&record("X", "0")]);
        desk.sync().unwrap();
        assert_eq!(desk.held(taken), before);
        assert_eq!(desk.held(other), [record("X", "0")]);
        let value = if taken == "personal" { "P" } else { "B" };
        let mut sides = [format!("{taken} \"{value}\""), format!("{other} \"X\"")];
        sides.sort();
        assert_eq!(question(&desk), sides);
        desk.sync_is_idle();
    }
}

#[test]
fn a_rule_that_leaves_all_to_a_person_makes_no_question_of_what_one_side_did() {
    for side in ["personal", "business"] {
        for edited in [record("1", "0"), r#"{"id":"a","s":"0"}"#.to_owned()] {
            let mut desk = agreed(&[&record("0", "0")]);
            let rules = EntityRules { rule_default: Rule::Review, ..EntityRules::default() };
            desk.request.entities = vec![entity("contacts", rules)];
            desk.contacts(side, &[&edited]);
            desk.sync_to(&[&edited]);
            assert!(desk.listed(Status::Open).is_empty(), "{side}: {edited}");
            desk.sync_is_idle();
        }
    }
}

#[test]
fn a_domain_does_not_contradict_itself_in_a_field_that_only_leaves_it() {
    let item = |t: &str, w: &str| format!(r#"{{"id":"a","t":"{t}","w":"{w}"}}"#);
    for comes_from_business in [false, true] {
        let mut desk = Desk::new();
        desk.request.entities = vec![entity("contacts", EntityRules::default())];
        desk.set_policy(Side::Target, policy(&[("/t", Action::OutOnly)]));
        let first: &[&str] = if comes_from_business { &[] } else { &[&item("1", "0")] };
        desk.contacts("personal", first);
        desk.contacts("business", &[&item("1", "0")]);
        desk.sync_to(&[&item("1", "0")]);
        for (t, w) in [("2", "0"), ("3", "0"), ("4", "0")] {
            desk.contacts("business", &[&item(t, w)]);
            desk.sync_to(&[&item(t, w)]);
        }
        desk.contacts("personal", &[&item("4", "1")]);
        desk.sync_to(&[&item("4", "1")]);
        desk.contacts("business", &[&item("5", "1")]);
        desk.sync_to(&[&item("5", "1")]);
        assert!(desk.listed(Status::Open).is_empty(), "{comes_from_business}");
        // What somebody else wrote there is unknown to it: both are asked for.
        desk.contacts("personal", &[&item("9", "1")]);
        desk.sync().unwrap();
        desk.contacts("business", &[&item("6", "1")]);
        desk.sync().unwrap();
        assert_eq!(question(&desk), [r#"business "6""#, r#"personal "9""#]);
        desk.sync_is_idle();
    }
}

#[test]
fn a_time_before_what_an_edit_replaces_decides_for_neither_side() {
    let item = |v: &str, at: &str| format!(r#"{{"id":"a","v":"{v}","lastModified":"{at}"}}"#);
    let at = |day: &str| format!("2020-11-{day}T10:00:00Z");
    let (early, before, late) = (at("01"), at("10"), at("20"));
    for (personal, business, is_open) in [
        (&late, &early, true),
        (&early, &late, true),
        (&late, &at("15"), false),
        (&at("15"), &late, false),
        (&late, &late, true),
    ] {
        let mut desk = agreed(&[&item("0", &before)]);
        desk.request.entities = vec![entity("contacts", EntityRules::default())];
        desk.contacts("personal", &[&item("P", personal)]);
        desk.contacts("business", &[&item("B", business)]);
        desk.sync().unwrap();
        let open = desk.listed(Status::Open).len();
        assert_eq!(open == 1, is_open, "{personal}, {business}");
    }
}
