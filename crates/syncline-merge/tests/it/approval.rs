//! Fields whose value is shown to all at once, and stays open until somebody approves it.

use syncline_merge::commit::Site;
use syncline_merge::conflict::{Decision, conflicts, settle};
use syncline_merge::rules::{Approver, Rule, Shape};
use syncline_model::id::{SiteId, Writer};
use syncline_model::json::Leaf;
use syncline_model::version::Version;

use crate::desk::{Desk, rules};

/// Two price lists that hold 10, under a rule whose value must be approved.
fn prices(provisional: Rule) -> Desk {
    let approvers = [Approver::Role("manager".into())].into();
    let rule = Rule::Approval { provisional: provisional.into(), approvers };
    let mut desk = Desk::new(rules(&[("/price", Shape::Register, rule)]));
    for list in ["a", "b"] {
        desk.read(list, Some(r#"{"name":"tea","price":10}"#));
        desk.write(list);
    }
    desk
}

/// Reads what the lists say, writes them, and answers what both hold then, and whether it waits.
fn say(desk: &mut Desk, said: &[(&str, &str)]) -> (String, bool) {
    for (list, price) in said {
        desk.read(list, Some(&format!(r#"{{"name":"tea","price":{price}}}"#)));
    }
    let both = ["a", "b"].map(|list| desk.write(list).unwrap());
    assert_eq!(both[0], both[1], "everybody sees the same");
    let before = desk.record.clone();
    ["a", "b"].iter().zip(&both).for_each(|(list, text)| desk.read(list, Some(text)));
    assert_eq!(desk.record, before, "an echo is no change");
    let price = both[0].replace(r#"{"name":"tea","price":"#, "").replace('}', "");
    (price, open(desk))
}

fn open(desk: &Desk) -> bool {
    conflicts(desk.record.as_ref().unwrap(), &desk.rules).iter().any(|conflict| conflict.open)
}

#[test]
fn everybody_sees_the_provisional_value_and_nobody_settles_it_by_writing() {
    // Rows: the rule, and what is said step by step, with what is shown then and whether it waits.
    type Step<'a> = (&'a [(&'a str, &'a str)], &'a str, bool);
    let both: &[(&str, &str)] = &[("a", "12.5"), ("b", "11")];
    let rows: [(&str, Rule, &[Step<'_>]); 6] = [
        ("one writer alone waits for nobody", Rule::Max, &[(&[("a", "8")], "8", false)]),
        (
            "the same value waits for nobody",
            Rule::Max,
            &[(&[("a", "11"), ("b", "11")], "11", false)],
        ),
        (
            "the greatest",
            Rule::Max,
            &[
                (both, "12.5", true),
                // Its own value, for a greater one: what the other says stays.
                (&[("b", "13")], "13", true),
                (&[("b", "9")], "12.5", true),
                (&[("b", "11")], "12.5", true),
                // The other gives its value up for the same.
                (&[("a", "11")], "11", false),
            ],
        ),
        ("the least", Rule::Min, &[(both, "11", true), (&[("a", "10")], "10", true)]),
        ("the latest", Rule::Latest, &[(both, "11", true), (&[("a", "3")], "3", true)]),
        (
            "the preferred",
            Rule::Priority([Writer::new("a").unwrap()].into()),
            &[(both, "12.5", true), (&[("b", "40")], "12.5", true)],
        ),
    ];
    for (name, rule, steps) in rows {
        let mut desk = prices(rule);
        for (number, (said, shown, waits)) in steps.iter().enumerate() {
            assert_eq!(say(&mut desk, said), ((*shown).to_owned(), *waits), "{name}: {number}");
        }
    }
}

#[test]
fn a_stranger_adds_a_value_and_replaces_none() {
    let mut desk = prices(Rule::Max);
    say(&mut desk, &[("a", "12.5"), ("b", "11")]);
    desk.write("c");
    desk.read("c", Some(r#"{"name":"tea","price":5}"#));
    let found = conflicts(desk.record.as_ref().unwrap(), &desk.rules);
    assert_eq!(found[0].sides.len(), 3);
    assert_eq!(say(&mut desk, &[]), ("12.5".to_owned(), true));
}

#[test]
fn a_deletion_takes_no_value_along_that_waits_for_approval() {
    let mut desk = prices(Rule::Max);
    say(&mut desk, &[("a", "12.5"), ("b", "11")]);
    desk.read("b", None);
    assert_eq!(say(&mut desk, &[]), ("12.5".to_owned(), true));
}

#[test]
fn an_approval_settles_it_and_later_writes_go_on_from_there() {
    let mut desk = prices(Rule::Max);
    say(&mut desk, &[("a", "12.5"), ("b", "11")]);
    let record = desk.record.as_mut().unwrap();
    let found = conflicts(record, &desk.rules);
    let (now_ms, floor) = (desk.now_ms, Version::new());
    let mut site = Site { id: SiteId(1), clock: &mut desk.clock, now_ms, floor: &floor, lost: &[] };
    let approved = Decision::Value(Some(Leaf::from(12_i64)));
    let carol = Writer::new("carol").unwrap();
    settle(record, &found[0].path, &found[0].stamps, approved, &carol, &mut site).unwrap();
    assert_eq!(say(&mut desk, &[]), ("12".to_owned(), false));
    assert_eq!(say(&mut desk, &[("b", "9")]), ("9".to_owned(), false));
}

#[test]
fn an_approver_is_a_user_or_has_a_role() {
    let (carol, manager) = (Approver::User("carol".into()), Approver::Role("manager".into()));
    let roles = ["manager".to_owned()];
    assert!(carol.is_meant(Some("carol"), &[]) && manager.is_meant(None, &roles));
    assert!(!carol.is_meant(Some("bob"), &["carol".to_owned()]));
    assert!(!manager.is_meant(Some("manager"), &[]) && !manager.is_meant(None, &[]));
}
