//! An undo beside an open conflict: it takes back what the run brought, and nothing else.

use std::collections::BTreeSet;

use syncline_engine::conflicts::Status;
use syncline_engine::link::{Direction, Side};
use syncline_hub::{Choice, SyncOutcome, UndoOutcome};
use syncline_merge::rules::{EntityRules, FieldRules, Rule, Shape};
use syncline_model::id::Writer;
use syncline_model::path::Pattern;

use crate::desk::{Desk, entity};
use crate::hunt_kit::agreed;

const FIRST: &str = r#"{"id":"n","p":"p0","q":"q0"}"#;

fn record(p: &str, q: &str) -> String {
    match q {
        "" => format!(r#"{{"id":"n","p":"{p}"}}"#),
        q => format!(r#"{{"id":"n","p":"{p}","q":"{q}"}}"#),
    }
}

/// Returns a desk where `q` waits for a decision, by the values of both sides.
fn contested(rule: Rule, personal: &str, business: &str) -> Desk {
    let mut desk = agreed(&[FIRST]);
    let rules = EntityRules { rule_default: rule, ..EntityRules::default() };
    desk.request.entities = vec![entity("contacts", rules)];
    desk.sync().unwrap();
    desk.contacts("personal", &[&record("p0", personal)]);
    desk.contacts("business", &[&record("p0", business)]);
    desk.sync().unwrap();
    assert_eq!(open(&desk).len(), 1);
    desk
}

/// What open conflicts are about: the paths, and what each side says.
type Undecided = BTreeSet<(String, BTreeSet<String>)>;

fn open(desk: &Desk) -> Undecided {
    let rows = desk.listed(Status::Open).into_iter().map(|row| {
        let sides = row.conflict.sides.iter().map(|side| {
            let writer = side.writer.as_ref().map_or("", |writer| writer.as_str());
            format!("{writer} {}", side.value.as_ref().map_or("nothing", |value| value.as_str()))
        });
        (row.conflict.path.as_str().to_owned(), sides.collect())
    });
    rows.collect()
}

fn undo(desk: &Desk, sync_id: &str) -> UndoOutcome {
    desk.hub().undo(sync_id, &desk.request, false).unwrap()
}

fn ends_as(desk: &Desk, after: &(Vec<String>, Vec<String>), undecided: &Undecided, case: &str) {
    desk.sync().unwrap();
    assert_eq!(desk.both(), *after, "{case}");
    assert_eq!(open(desk), *undecided, "{case}");
    desk.sync_is_idle();
}

#[test]
fn an_undone_edit_in_a_conflict_leaves_the_other_sides_value_there() {
    #[rustfmt::skip]
    let cases = [
        // what both say in the conflict, and then hold before the run
        ("the source edits its side",         ("1", "B"), (record("p1", "2"), record("p0", "B"))),
        ("the target removed the field",      ("1", ""),  (record("p1", "2"), record("p0", ""))),
        ("the source removed the field",      ("", "B"),  (record("p1", "2"), record("p0", "B"))),
        ("the source removes its side",       ("1", "B"), (record("p1", ""),  record("p0", "B"))),
        ("the target edits its side",         ("1", "B"), (record("p0", "1"), record("p1", "C"))),
        ("both edit their sides",             ("1", "B"), (record("p1", "2"), record("p0", "C"))),
        ("both edit all",                     ("1", "B"), (record("p1", "2"), record("p2", "C"))),
        ("an edit beside the conflict",       ("1", "B"), (record("p1", "1"), record("p0", "B"))),
    ];
    for rule in [Rule::Latest, Rule::Review] {
        for (name, (personal, business), before) in &cases {
            let case = &format!("case: {name}, {rule:?}");
            let desk = contested(rule.clone(), personal, business);
            desk.contacts("personal", &[&before.0]);
            desk.contacts("business", &[&before.1]);
            let files = desk.files();
            let run = desk.sync().unwrap();
            let (after, undecided, written) = (desk.both(), open(&desk), desk.files());
            if written == files {
                continue;
            }
            // Undone, and the undo undone, as often as one likes.
            let mut latest = run.report.sync_id;
            for expected in [&files, &written, &files, &written, &files] {
                latest = undo(&desk, &latest).report.sync_id;
                assert_eq!(desk.files(), *expected, "{case}");
            }
            ends_as(&desk, &after, &undecided, case);
        }
    }
}

#[test]
fn an_undone_undo_of_the_run_that_found_a_conflict_finds_it_again() {
    let mut desk = agreed(&[FIRST]);
    desk.request.entities = vec![entity("contacts", EntityRules::default())];
    desk.sync().unwrap();
    desk.contacts("personal", &[&record("P", "1")]);
    desk.contacts("business", &[&record("p0", "B")]);
    let run = desk.sync().unwrap();
    let (after, undecided) = (desk.both(), open(&desk));
    assert_eq!(undecided.len(), 1);
    let undone = undo(&desk, &run.report.sync_id);
    assert!(open(&desk).is_empty(), "the conflict came with the run");
    undo(&desk, &undone.report.sync_id);
    assert_eq!(open(&desk), undecided);
    ends_as(&desk, &after, &undecided, "undone twice");
}

fn keyed() -> EntityRules {
    let pattern = Pattern::parse("/k").unwrap();
    let shape = Shape::Keyed { key: "t".into() };
    let fields = vec![FieldRules { pattern, shape, rule: Rule::default() }];
    EntityRules { fields, ..EntityRules::default() }
}

fn member(value: &str) -> String {
    format!(r#"{{"id":"n","k":[{{"t":"h","v":"{value}"}}]}}"#)
}

fn decided(desk: &Desk, by: &str) -> SyncOutcome {
    let row = desk.listed(Status::Open).remove(0);
    let entities = [desk.request.entities[0].entity.clone()];
    let choice = Choice::Writer(Writer::new(by).unwrap());
    desk.hub().resolve(&row.conflict_id(), &choice, &desk.request.actor, &entities).unwrap();
    desk.sync().unwrap()
}

#[test]
fn a_carried_decision_within_a_member_of_an_array_is_taken_back() {
    for by in ["personal", "business"] {
        let mut desk = agreed(&[&member("0")]);
        desk.request.entities = vec![entity("contacts", keyed())];
        desk.contacts("personal", &[]);
        desk.contacts("business", &[]);
        desk.sync().unwrap();
        desk.contacts("personal", &[&member("0")]);
        desk.sync_to(&[&member("0")]);
        desk.contacts("personal", &[&member("P")]);
        desk.contacts("business", &[&member("B")]);
        desk.sync().unwrap();
        let (before, undecided) = (desk.both(), open(&desk));
        assert_eq!(undecided.len(), 1);
        let run = decided(&desk, by);
        assert_ne!(desk.both(), before);
        let undone = undo(&desk, &run.report.sync_id);
        assert_eq!((undone.reopened, undone.comes_again.len()), (1, 0), "{by}");
        ends_as(&desk, &before, &undecided, by);
    }
}

#[test]
fn the_undo_of_a_mirror_names_all_that_it_writes_again() {
    let item = |id: &str, v: &str| format!(r#"{{"id":"{id}","v":"{v}"}}"#);
    let mut desk = agreed(&[&item("a", "0"), &item("b", "0")]);
    desk.request.direction = Direction::SourceToTarget;
    desk.sync().unwrap();
    // One is edited, one removed and one added where nobody is asked.
    desk.contacts("business", &[&item("a", "B"), &item("n", "B")]);
    let before = desk.files();
    let run = desk.sync().unwrap();
    let undone = undo(&desk, &run.report.sync_id);
    assert_eq!(desk.files(), before);
    let again: Vec<(Side, &str)> =
        undone.comes_again.iter().map(|(side, _, id)| (*side, id.as_str())).collect();
    assert_eq!(again, [(Side::Target, "a"), (Side::Target, "b"), (Side::Target, "n")]);
    desk.sync().unwrap();
    assert_eq!(desk.both().1, [item("a", "0"), item("b", "0")]);
}
