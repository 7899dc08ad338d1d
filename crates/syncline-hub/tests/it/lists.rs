//! Lists that only grow, of which somebody removes an element all the same.

use syncline_merge::rules::{EntityRules, FieldRules, Rule, Shape};
use syncline_model::path::Pattern;

use crate::desk::{Desk, entity};

fn desk() -> Desk {
    let mut desk = Desk::new();
    let log = FieldRules {
        pattern: Pattern::parse("/log").unwrap(),
        shape: Shape::Append { keep: 9 },
        rule: Rule::default(),
    };
    let rules = EntityRules { fields: vec![log], ..EntityRules::default() };
    desk.request.entities = vec![entity("contacts", rules)];
    write(&desk, [&["0"], &["0"]]);
    desk.sync().unwrap();
    desk
}

fn record(log: &[&str]) -> String {
    let log: Vec<String> = log.iter().map(|element| format!("\"{element}\"")).collect();
    format!(r#"{{"id":"a","log":[{}]}}"#, log.join(","))
}

fn write(desk: &Desk, [personal, business]: [&[&str]; 2]) {
    desk.contacts("personal", &[&record(personal)]);
    desk.contacts("business", &[&record(business)]);
}

#[test]
fn what_the_other_side_appended_comes_although_an_element_was_removed_meanwhile() {
    let desk = desk();
    write(&desk, [&[], &["0", "t"]]);
    let outcome = desk.sync().unwrap();
    assert_eq!(outcome.report.notices[0].code, "REMOVED_FROM_APPEND");
    for _ in 0..2 {
        for domain in ["personal", "business"] {
            assert_eq!(desk.held(domain), [record(&["0", "t"])], "{domain}");
        }
        assert!(!desk.sync().unwrap().wrote);
    }
}

#[test]
fn what_was_removed_stays_out_of_the_file_until_somebody_brings_more() {
    let desk = desk();
    write(&desk, [&[], &["0"]]);
    for _ in 0..2 {
        assert!(!desk.sync().unwrap().wrote);
        assert_eq!(desk.held("personal"), [record(&[])]);
    }
    write(&desk, [&[], &["0", "t"]]);
    desk.sync().unwrap();
    assert_eq!(desk.held("personal"), [record(&["0", "t"])]);
}

#[test]
fn an_element_of_its_own_beside_the_removal_leaves_the_list_to_its_writer() {
    let desk = desk();
    write(&desk, [&["p"], &["0"]]);
    desk.sync().unwrap();
    assert_eq!(desk.held("business"), [record(&["0", "p"])]);
    desk.sync().unwrap();
    assert_eq!(desk.held("personal"), [record(&["p"])]);
}
