//! An undo beside policies: what a file held under them is its own, and what a later rule keeps back
//! stays by itself.

use syncline_engine::link::Side;
use syncline_hub::{HubError, UndoOutcome};
use syncline_model::id::{EntityName, RecordId};
use syncline_model::json::Json;
use syncline_policy::Action;

use crate::desk::Desk;
use crate::hunt_kit::{agreed, keep_back, no_guard, policy};

const ACTIONS: [Action; 4] = [Action::Deny, Action::Mask, Action::InOnly, Action::OutOnly];

fn item(id: &str, n: &str) -> String {
    format!(r#"{{"id":"{id}","n":"{n}","p":"0"}}"#)
}

fn undo(desk: &Desk, sync_id: &str) -> Result<UndoOutcome, HubError> {
    desk.hub().undo(sync_id, &desk.request, false)
}

fn undone(desk: &Desk, sync_id: &str) -> UndoOutcome {
    undo(desk, sync_id).unwrap()
}

fn sync(desk: &Desk) -> String {
    desk.sync().unwrap().report.sync_id
}

fn assert_refused(undone: Result<UndoOutcome, HubError>, context: &str) {
    assert!(matches!(undone, Err(HubError::NotUndoable { .. })), "{context}: {undone:?}");
}

fn ids(records: &[(Side, EntityName, RecordId)]) -> Vec<(Side, &str)> {
    records.iter().map(|(side, _, id)| (*side, id.as_str())).collect()
}

/// Returns the report of a run, as it is stored.
fn row(desk: &Desk, sync_id: &str) -> Json {
    Json::Object(desk.hub().run(sync_id).unwrap())
}

/// Whoever typed the value, and whoever's rule it is: it came before the run.
#[test]
fn a_file_gets_back_what_it_held_under_the_rules_of_the_run() {
    let z = item("z", "0");
    for (first, other) in [("personal", "business"), ("business", "personal")] {
        for side in Side::BOTH {
            for action in ACTIONS {
                for loses in ["personal", "business", "both", "nobody"] {
                    let context = format!("{first} first, {action:?} at {side:?}, {loses}");
                    let mut desk = agreed(&[&z]);
                    desk.contacts(first, &[&item("a", "0"), &z]);
                    sync(&desk);
                    desk.set_policy(side, policy(&[("/n", action)]));
                    if loses != "nobody" {
                        sync(&desk);
                    }
                    for domain in [first, other] {
                        if [domain, "both"].contains(&loses) {
                            desk.contacts(domain, &[&z]);
                        }
                    }
                    let (before, known) = (desk.files(), at_hub(&desk));
                    let run = sync(&desk);
                    let after = desk.files();
                    if after == before {
                        continue;
                    }
                    let outcome = undone(&desk, &run);
                    assert_eq!(desk.files(), before, "{context}");
                    assert_eq!(at_hub(&desk), known, "{context}");
                    assert!(outcome.left.is_empty() && outcome.withheld.is_empty(), "{context}");
                    // What was edited before the run is an edit again, under the same rules.
                    sync(&desk);
                    assert_eq!(desk.files(), after, "{context}");
                    desk.sync_is_idle();
                }
            }
        }
    }
}

/// Returns what the hub shows of the record, and knows both domains to hold.
fn at_hub(desk: &Desk) -> String {
    let entity = &desk.request.entities[0].entity;
    let id = RecordId::new("a").unwrap();
    let view = desk.hub().record(entity, &id, &desk.request).unwrap();
    format!("{:?} {:?}", view.hub, view.bases)
}

/// A desk where a run took two records from business, and a rule for one of them came then.
fn kept_by_a_later_rule() -> (Desk, String, [String; 2]) {
    let [a, b] = [item("a", "SECRET"), r#"{"id":"b","p":"0"}"#.to_owned()];
    let mut desk = agreed(&[]);
    desk.contacts("personal", &[&a, &b]);
    sync(&desk);
    desk.contacts("personal", &[]);
    let run = sync(&desk);
    assert!(desk.held("business").is_empty());
    desk.set_policy(Side::Target, policy(&[("/n", Action::Deny)]));
    (desk, run, [a, b])
}

#[test]
fn what_a_later_rule_keeps_back_is_left_and_the_rest_is_undone() {
    let (mut desk, run, [a, b]) = kept_by_a_later_rule();
    let dry = desk.hub().undo(&run, &desk.request, true).unwrap();
    let outcome = undone(&desk, &run);
    for outcome in [dry, outcome] {
        assert_eq!(ids(&outcome.withheld), [(Side::Target, "a")]);
        assert!(outcome.left.is_empty(), "{:?}", outcome.left);
        assert_eq!(outcome.restored, [0, 1]);
        assert!(outcome.files_exact.is_empty(), "{:?}", outcome.files_exact);
    }
    assert_eq!(desk.held("business"), [b.as_str()]);
    let left = row(&desk, &run).to_canonical_string();
    assert!(left.contains(r#""undoLeft":{"contacts":["a"]}"#), "{left}");
    // While the rule stands the rest cannot be undone, and that is not used up.
    assert_refused(undo(&desk, &run), "the rule stands");
    desk.set_policy(Side::Target, policy(&[]));
    let rest = undone(&desk, &run);
    assert!(rest.left.is_empty() && rest.withheld.is_empty(), "{rest:?}");
    assert_eq!(rest.restored, [0, 1]);
    assert_eq!(desk.held("business"), [a, b]);
    assert_refused(undo(&desk, &run), "all of it is undone");
    // What was edited before the run is an edit again.
    desk.sync_to(&[]);
    desk.sync_is_idle();
}

#[test]
fn both_undos_of_a_run_can_be_undone_and_an_earlier_run_behind_them() {
    let (mut desk, run, [a, b]) = kept_by_a_later_rule();
    let first = undone(&desk, &run).report.sync_id;
    desk.set_policy(Side::Target, policy(&[]));
    let second = undone(&desk, &run).report.sync_id;
    assert_eq!(desk.held("business"), [a.as_str(), b.as_str()]);
    let runs = desk.hub().runs(10).unwrap();
    let earlier = runs[3].get("syncId").and_then(Json::as_str).unwrap();
    let gone = desk.hub().undo(earlier, &desk.request, true).unwrap();
    assert!(gone.left.is_empty(), "nothing stands that came since: {:?}", gone.left);
    undone(&desk, &second);
    assert_eq!(desk.held("business"), [b.as_str()]);
    undone(&desk, &first);
    assert!(desk.held("business").is_empty());
    desk.sync_to(&[]);
    desk.sync_is_idle();
}

/// What the first undo brought back stays, whatever became of it.
#[test]
fn the_undo_of_the_rest_touches_nothing_else() {
    let (mut desk, run, [a, b]) = kept_by_a_later_rule();
    let first = undone(&desk, &run).report.sync_id;
    undone(&desk, &first);
    assert!(desk.held("business").is_empty(), "the undo is undone: {b}");
    desk.set_policy(Side::Target, policy(&[]));
    let rest = undone(&desk, &run);
    assert!(rest.left.is_empty(), "{:?}", rest.left);
    assert_eq!(desk.held("business"), [a]);
}

#[test]
fn a_record_that_is_left_on_one_side_is_left_on_both() {
    let item = |n: &str, q: &str| format!(r#"{{"id":"a","n":"{n}","q":"{q}"}}"#);
    let z = |v: &str| format!(r#"{{"id":"z","v":"{v}"}}"#);
    let mut desk = agreed(&[]);
    desk.contacts("personal", &[&item("SECRET", "0"), &z("0")]);
    sync(&desk);
    desk.contacts("personal", &[&item("1", "0"), &z("1")]);
    desk.contacts("business", &[&item("SECRET", "1"), &z("0")]);
    let run = sync(&desk);
    assert_eq!(desk.both(), (vec![item("1", "1"), z("1")], vec![item("1", "1"), z("1")]));
    desk.set_policy(Side::Target, policy(&[("/n", Action::Deny)]));
    let outcome = undone(&desk, &run);
    assert_eq!(ids(&outcome.withheld), [(Side::Source, "a"), (Side::Target, "a")]);
    assert_eq!(desk.both(), (vec![item("1", "1"), z("1")], vec![item("1", "1"), z("0")]));
    desk.set_policy(Side::Target, policy(&[]));
    undone(&desk, &run);
    let before = (vec![item("1", "0"), z("1")], vec![item("SECRET", "1"), z("0")]);
    assert_eq!(desk.both(), before);
    sync(&desk);
    assert_eq!(desk.both(), (vec![item("1", "1"), z("1")], vec![item("1", "1"), z("1")]));
    desk.sync_is_idle();
}

/// The undo of an undo does again what its run did, under the policy of that one.
#[test]
fn what_crossed_while_a_rule_was_dropped_is_not_brought_back_by_an_undo_of_its_undo() {
    let item = |p: &str, c: &str| format!(r#"{{"c":"{c}","id":"a","p":"{p}"}}"#);
    let mut private = policy(&[]);
    keep_back(&mut private, "/c", r#""x""#);
    for (rule, c) in [(private, "x"), (policy(&[("/p", Action::Deny)]), "y")] {
        for side in Side::BOTH {
            let mut desk = agreed(&[r#"{"id":"z"}"#]);
            desk.set_policy(side, rule.clone());
            desk.contacts("personal", &[&item("SECRET", c), r#"{"id":"z"}"#]);
            sync(&desk);
            assert!(!desk.files().1.contains("SECRET"));
            desk.set_policy(side, policy(&[]));
            let run = sync(&desk);
            assert!(desk.files().1.contains("SECRET"));
            desk.set_policy(side, rule.clone());
            let redo = undone(&desk, &run).report.sync_id;
            assert!(!desk.files().1.contains("SECRET"));
            assert_refused(undo(&desk, &redo), c);
            assert!(!desk.files().1.contains("SECRET"));
        }
    }
}

/// It is not the rule that came since, but the record that has become private.
#[test]
fn what_has_become_private_under_the_rules_of_the_run_is_left() {
    let item = |id: &str, p: &str, c: &str| format!(r#"{{"c":"{c}","id":"{id}","p":"{p}"}}"#);
    let mut private = policy(&[]);
    keep_back(&mut private, "/c", r#""x""#);
    for side in Side::BOTH {
        let mut desk = Desk::new();
        desk.request.guard = no_guard();
        desk.set_policy(side, private.clone());
        desk.contacts("personal", &[&item("a", "SECRET", "y"), &item("b", "0", "y")]);
        desk.contacts("business", &[]);
        sync(&desk);
        desk.contacts("personal", &[]);
        let run = sync(&desk);
        desk.contacts("personal", &[&item("a", "SECRET", "x")]);
        let outcome = undone(&desk, &run);
        assert_eq!(ids(&outcome.withheld), [(Side::Target, "a")], "{side:?}");
        assert_eq!(desk.held("business"), [item("b", "0", "y")], "{side:?}");
        // Public again, the record is as it was left.
        desk.contacts("personal", &[]);
        undone(&desk, &run);
        assert_eq!(desk.held("business").len(), 2, "{side:?}");
    }
}

/// What makes it private stands where the run has let it stand, and wrote all the same.
#[test]
fn what_the_run_did_not_take_for_private_comes_back() {
    let item = |k: &str, n: &str| format!(r#"{{"id":"a","k":"{k}","n":"{n}"}}"#);
    let mut desk = agreed(&[&item("i", "0")]);
    let mut rule = policy(&[("/k", Action::Deny)]);
    desk.set_policy(Side::Source, rule.clone());
    desk.contacts("personal", &[&item("own", "0")]);
    desk.contacts("business", &[&item("x", "0")]);
    sync(&desk);
    keep_back(&mut rule, "/k", r#""x""#);
    desk.set_policy(Side::Source, rule);
    desk.contacts("personal", &[&item("own", "1")]);
    let before = desk.files();
    let run = sync(&desk);
    assert_eq!(desk.held("business"), [item("x", "1")]);
    undone(&desk, &run);
    assert_eq!(desk.files(), before);
}

/// A rule for something else is another policy: the undo asks, as if it knew nothing of the run's.
#[test]
fn under_other_policies_than_those_of_the_run_an_undo_asks() {
    for is_moved in [true, false] {
        let mut desk = agreed(&[]);
        desk.contacts("personal", &[&item("a", "SECRET")]);
        sync(&desk);
        desk.set_policy(Side::Target, policy(&[("/n", Action::Deny)]));
        desk.contacts("personal", &[]);
        let run = sync(&desk);
        match is_moved {
            true => {
                desk.set_policy(Side::Target, policy(&[]));
                desk.set_policy(Side::Source, policy(&[("/n", Action::Deny)]));
            }
            false => {
                let more = policy(&[("/n", Action::Deny), ("/m", Action::Deny)]);
                desk.set_policy(Side::Target, more);
            }
        }
        assert_refused(undo(&desk, &run), "another policy");
        assert!(desk.held("business").is_empty());
    }
}
