//! Writers that are not shown a field: of it they have seen what they had seen before, and their own
//! changes since; of everything else what they were shown last.

use crate::desk::{Desk, rules};
use syncline_merge::rules::{Rule, Shape};

/// A writer that is shown its own value of a conflict writes beside it. Whoever deletes the record then,
/// and was shown the other value, does not delete this one.
#[test]
fn the_own_value_of_an_open_conflict_outlasts_a_write_beside_it() {
    for withheld in [None, Some("/h")] {
        let mut desk = Desk::new(rules(&[("/v", Shape::Register, Rule::Review)]));
        let both = r#"{"h":1,"v":0,"w":0}"#;
        desk.read("a", Some(both));
        desk.read("b", Some(both));
        desk.write("a");
        desk.read("a", Some(r#"{"h":1,"v":1,"w":0}"#));
        desk.read("b", Some(r#"{"h":1,"v":2,"w":0}"#));
        let mine = match withheld {
            Some(path) => desk.write_but("a", path),
            None => desk.write("a"),
        };
        assert_eq!(mine.as_deref(), Some(r#"{"h":1,"v":1,"w":0}"#), "{withheld:?}");
        desk.read("a", Some(r#"{"h":1,"v":1,"w":5}"#));
        desk.write("b");
        desk.read("b", None);
        assert!(desk.write("a").is_some_and(|kept| kept.contains(r#""v":1"#)), "{withheld:?}");
    }
}

/// Of two texts that were begun apart the writer edits the one that it was shown, although it has begun
/// the other one itself.
#[test]
fn an_own_text_that_is_shown_no_more_is_not_the_one_that_is_edited() {
    for withheld in [None, Some("/h")] {
        let mut desk = Desk::new(rules(&[("/t", Shape::Text, Rule::Latest)]));
        desk.read("a", Some(r#"{"h":1}"#));
        desk.read("b", Some(r#"{"h":1}"#));
        desk.write("a");
        desk.read("a", Some(r#"{"h":1,"t":"one two"}"#));
        desk.read("b", Some(r#"{"h":1,"t":"six ten"}"#));
        let shown = match withheld {
            Some(path) => desk.write_but("a", path),
            None => desk.write("a"),
        };
        assert_eq!(shown.as_deref(), Some(r#"{"h":1,"t":"six ten"}"#), "{withheld:?}");
        desk.read("a", Some(r#"{"h":1,"t":"six tens"}"#));
        assert_eq!(desk.write("b").as_deref(), Some(r#"{"h":1,"t":"six tens"}"#), "{withheld:?}");
    }
}

/// Of the field that it is not shown a writer goes on from its own changes: its second value replaces its
/// first one, and not that of another writer.
#[test]
fn a_field_that_is_not_shown_is_edited_from_the_own_value_on() {
    let mut desk = Desk::new(rules(&[("/h", Shape::Register, Rule::Review)]));
    for writer in ["a", "b"] {
        desk.read(writer, Some(r#"{"h":0,"w":0}"#));
    }
    desk.write("a");
    for mine in 1..=3 {
        desk.read("a", Some(&format!(r#"{{"h":{mine},"w":{mine}}}"#)));
        desk.read("b", Some(r#"{"h":9,"w":0}"#));
        desk.write_but("a", "/h");
        let register = desk.record.as_ref().unwrap().body.registers.values().next().unwrap();
        let values = register.values().filter_map(|entry| entry.value.as_ref());
        let mut values: Vec<String> = values.map(|value| value.to_string()).collect();
        values.sort();
        assert_eq!(values, [mine.to_string(), "9".into()]);
    }
}

/// Who meets a record and lacks a field has not seen either what stands in the field's place beside it.
#[test]
fn what_gave_way_to_a_field_that_a_writer_lacks_was_not_shown_to_it() {
    let mut desk = Desk::new(rules(&[]));
    desk.read("a", Some(r#"{"w":0,"v":1}"#));
    desk.read("b", Some(r#"{"w":0,"v":{"x":2}}"#));
    assert_eq!(desk.write("b").as_deref(), Some(r#"{"v":{"x":2},"w":0}"#));
    desk.read("c", Some(r#"{"w":0}"#));
    desk.read("c", Some(r#"{"w":0,"v":3}"#));
    let registers = &desk.record.as_ref().unwrap().body.registers;
    let values = registers.values().flat_map(|register| register.values());
    let mut values: Vec<String> =
        values.filter_map(|entry| Some(entry.value.as_ref()?.to_string())).collect();
    values.sort();
    assert_eq!(values, ["0", "1", "2", "3"]);
}

/// A writer made a member of a field that it is not shown any more. Once the record was deleted there, and
/// it begins a new one, the members of the old life are not its own, also where somebody else has kept
/// the record up.
#[test]
fn who_creates_a_record_anew_brings_none_of_its_own_back_that_it_was_not_shown() {
    let keyed = Shape::Keyed { key: "id".into() };
    let sum = Shape::Sum { minimum: None };
    let fields = [("/k", keyed, Rule::Latest), ("/k/*/n", sum, Rule::Latest)];
    let mut desk = Desk::new(rules(&fields));
    desk.read("a", Some(r#"{"w":0}"#));
    desk.write("a");
    desk.write("b");
    desk.read("a", Some(r#"{"k":[{"id":"x","n":4}],"w":0}"#));
    desk.write("c");
    desk.read("c", None);
    assert_eq!(desk.write_but("a", "/k"), None);
    desk.read("b", Some(r#"{"w":1}"#));
    desk.read("a", Some(r#"{"k":[{"id":"y","n":2}]}"#));
    assert_eq!(desk.write("d").as_deref(), Some(r#"{"k":[{"id":"y","n":2}],"w":1}"#));
}
