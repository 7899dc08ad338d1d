use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use syncline_merge::display::Fields;
use syncline_merge::operation::{Effect, FieldOperation};
use syncline_merge::text::ot::{Component, TextOperation};
use syncline_model::json::fields::{flatten, unflatten};
use syncline_model::json::{Json, Leaf, Number};
use syncline_model::path::Path;

use super::{Unfit, correct, predict};
use crate::change::{Content, Gone};
use crate::outcome::Shown;

fn path(text: &str) -> Path {
    Path::parse(text).unwrap()
}

fn leaf(text: &str) -> Leaf {
    Leaf::parse(text).unwrap()
}

fn record(text: &str) -> Fields {
    flatten(text.as_bytes()).unwrap()
}

fn text_of(record: Option<&Fields>) -> String {
    record.map_or_else(
        || "none".to_owned(),
        |fields| {
            let object = unflatten(fields.iter().map(|(path, leaf)| (path, leaf)));
            Json::Object(object.unwrap()).to_compact_string()
        },
    )
}

fn set(at: &str, value: &str) -> FieldOperation {
    FieldOperation::Set { path: path(at), value: leaf(value) }
}

fn unset(at: &str) -> FieldOperation {
    FieldOperation::Unset { path: path(at) }
}

fn inc(at: &str, by: &str) -> FieldOperation {
    FieldOperation::Increment { path: path(at), by: Number::parse(by).unwrap() }
}

fn reset(at: &str) -> FieldOperation {
    FieldOperation::Reset { path: path(at) }
}

fn add(at: &str, element: &str) -> FieldOperation {
    FieldOperation::Add { path: path(at), element: leaf(element) }
}

fn remove(at: &str, element: &str) -> FieldOperation {
    FieldOperation::Remove { path: path(at), element: leaf(element) }
}

fn append(at: &str, value: &str) -> FieldOperation {
    FieldOperation::Append { path: path(at), value: leaf(value), id: None }
}

fn begin(at: &str, text: &str) -> FieldOperation {
    FieldOperation::BeginText { path: path(at), text: text.into() }
}

fn edit(at: &str, components: Vec<Component>) -> FieldOperation {
    FieldOperation::EditText { path: path(at), edit: TextOperation::new(components).unwrap() }
}

fn put(at: &str, key: &str, create: bool, fields: Vec<FieldOperation>) -> FieldOperation {
    FieldOperation::PutMember { path: path(at), key: key.into(), create, fields }
}

fn drop_member(at: &str, key: &str) -> FieldOperation {
    FieldOperation::RemoveMember { path: path(at), key: key.into() }
}

fn check(cases: Vec<(&str, &str, Vec<FieldOperation>, &str)>) {
    for (name, before, operations, expected) in cases {
        let before = (before != "none").then(|| record(before));
        let after = predict(before.as_ref(), &Effect::Write(operations));
        assert_eq!(text_of(after.as_ref()), expected, "case: {name}");
    }
}

#[test]
fn values_are_set_and_unset() {
    check(vec![
        ("no record", "none", vec![set("/a", "1")], r#"{"a":1}"#),
        ("a new field", r#"{"a":1}"#, vec![set("/b/c", "null")], r#"{"a":1,"b":{"c":null}}"#),
        ("what is above goes", r#"{"a":1}"#, vec![set("/a/b", "2")], r#"{"a":{"b":2}}"#),
        ("an empty object above goes", r#"{"a":{}}"#, vec![set("/a/b", "2")], r#"{"a":{"b":2}}"#),
        (
            "what is below goes",
            r#"{"a":{"b":1,"c":{"d":2}},"a-b":3}"#,
            vec![set("/a", "[]")],
            r#"{"a":[],"a-b":3}"#,
        ),
        ("an empty object is a value", r#"{"a":{"b":1}}"#, vec![set("/a", "{}")], r#"{"a":{}}"#),
        (
            "an object is its fields",
            r#"{"a":{"b":1}}"#,
            vec![set("/a", r#"{"c":{"d":2}}"#)],
            r#"{"a":{"c":{"d":2}}}"#,
        ),
        ("digits are kept", r#"{"a":1}"#, vec![set("/a", "1.10")], r#"{"a":1.10}"#),
        ("a field goes", r#"{"a":1,"b":2}"#, vec![unset("/a")], r#"{"b":2}"#),
        (
            "all below goes, and what is left empty",
            r#"{"a":{"b":{"c":1}},"d":2}"#,
            vec![unset("/a/b")],
            r#"{"d":2}"#,
        ),
        (
            "nothing goes that is not there",
            r#"{"a":1}"#,
            vec![unset("/a/b"), unset("/c")],
            r#"{"a":1}"#,
        ),
        ("the last field goes", r#"{"a":1}"#, vec![unset("/a")], "{}"),
    ]);
}

#[test]
fn sums_are_counted_exactly() {
    let large = r#"{"a":12345678901234567890.5}"#;
    check(vec![
        ("added", large, vec![inc("/a", "0.25")], r#"{"a":12345678901234567890.75}"#),
        ("taken away", r#"{"a":1}"#, vec![inc("/a", "-1.50")], r#"{"a":-0.5}"#),
        ("none is 0", "{}", vec![inc("/a", "1.50")], r#"{"a":1.5}"#),
        (
            "no number",
            r#"{"a":"x","b":null}"#,
            vec![inc("/a", "1"), inc("/b", "1")],
            r#"{"a":"x","b":null}"#,
        ),
        ("too many digits", r#"{"a":1e9000}"#, vec![inc("/a", "1")], r#"{"a":1e9000}"#),
        ("reset", r#"{"a":7}"#, vec![reset("/a"), reset("/b")], r#"{"a":0,"b":0}"#),
        ("no number is reset", r#"{"a":"x"}"#, vec![reset("/a")], r#"{"a":"x"}"#),
        (
            "reset after it was added to",
            r#"{"a":7}"#,
            vec![inc("/a", "1"), reset("/a")],
            r#"{"a":0}"#,
        ),
    ]);
}

#[test]
fn elements_come_and_go() {
    check(vec![
        (
            "added",
            r#"{"a":["x"]}"#,
            vec![add("/a", "\"y\""), add("/a", "\"x\"")],
            r#"{"a":["x","y"]}"#,
        ),
        ("added once", "{}", vec![add("/a", "1"), add("/a", "1.0")], r#"{"a":[1]}"#),
        (
            "there in another order",
            r#"{"a":[{"b":1,"c":2}]}"#,
            vec![add("/a", r#"{"c":2.0,"b":1}"#)],
            r#"{"a":[{"b":1,"c":2}]}"#,
        ),
        ("removed", r#"{"a":[1,2,1.0]}"#, vec![remove("/a", "1")], r#"{"a":[2]}"#),
        ("an empty array stays", r#"{"a":[1]}"#, vec![remove("/a", "1")], r#"{"a":[]}"#),
        (
            "nothing to remove",
            r#"{"a":[1]}"#,
            vec![remove("/a", "2"), remove("/b", "2")],
            r#"{"a":[1]}"#,
        ),
        (
            "added, removed, added",
            r#"{"a":[1,2]}"#,
            vec![remove("/a", "1"), add("/a", "1")],
            r#"{"a":[2,1]}"#,
        ),
        (
            "no array",
            r#"{"a":"x"}"#,
            vec![add("/a", "1"), remove("/a", "1"), append("/a", "1")],
            r#"{"a":"x"}"#,
        ),
        (
            "appended",
            r#"{"a":[1]}"#,
            vec![append("/a", "1"), append("/b", "2")],
            r#"{"a":[1,1],"b":[2]}"#,
        ),
    ]);
}

#[test]
fn texts_are_begun_and_edited() {
    use Component::{Delete, Insert, Retain};
    let edits = || vec![Retain(1), Insert("é".into()), Delete(1), Retain(1)];
    check(vec![
        ("begun", r#"{"a":7}"#, vec![begin("/a", "\"x\"")], r#"{"a":"\"x\""}"#),
        ("edited by characters", r#"{"a":"😀bc"}"#, vec![edit("/a", edits())], r#"{"a":"😀éc"}"#),
        ("of another length", r#"{"a":"abcd"}"#, vec![edit("/a", edits())], r#"{"a":"abcd"}"#),
        ("no text", r#"{"a":100}"#, vec![edit("/a", edits())], r#"{"a":100}"#),
        ("none", "{}", vec![edit("/a", vec![Insert("x".into())])], "{}"),
    ]);
}

#[test]
fn members_are_found_by_what_tells_them_apart() {
    let two = r#"{"a":[{"id":1,"n":"x"},{"id":"2","n":"x","o":{"p":3}}]}"#;
    let order = r#"{"a":[{"order":2,"uuid":"u1"},{"order":1,"uuid":"u2"}]}"#;
    let crossed = r#"{"a":[{"id":"1","aa":"2"},{"id":"2","aa":"1"}]}"#;
    let n = |value: &str| vec![set("/n", value)];
    check(vec![
        (
            "written into",
            two,
            vec![put("/a", "2", false, n("null"))],
            r#"{"a":[{"id":1,"n":"x"},{"id":"2","n":null,"o":{"p":3}}]}"#,
        ),
        (
            "a number is a key",
            two,
            vec![put("/a", "1", false, n("2"))],
            r#"{"a":[{"id":1,"n":2},{"id":"2","n":"x","o":{"p":3}}]}"#,
        ),
        (
            "made anew",
            two,
            vec![put("/a", "2", true, vec![set("/id", "\"2\"")])],
            r#"{"a":[{"id":1,"n":"x"},{"id":"2"}]}"#,
        ),
        (
            "a new one",
            two,
            vec![put("/a", "x", true, n("1"))],
            r#"{"a":[{"id":1,"n":"x"},{"id":"2","n":"x","o":{"p":3}},{"n":1}]}"#,
        ),
        (
            "no array yet",
            "{}",
            vec![put("/a", "x", true, vec![set("/id", "\"x\"")])],
            r#"{"a":[{"id":"x"}]}"#,
        ),
        (
            "by another name",
            order,
            vec![put("/a", "u2", false, n("1"))],
            r#"{"a":[{"order":2,"uuid":"u1"},{"n":1,"order":1,"uuid":"u2"}]}"#,
        ),
        (
            "`id` before others",
            crossed,
            vec![put("/a", "2", false, n("1"))],
            r#"{"a":[{"id":"1","aa":"2"},{"aa":"1","id":"2","n":1}]}"#,
        ),
    ]);
}

#[test]
fn members_come_and_go() {
    let two = r#"{"a":[{"id":1,"n":"x"},{"id":"2","n":"x","o":{"p":3}}]}"#;
    let n = |value: &str| vec![set("/n", value)];
    check(vec![
        (
            "one goes",
            two,
            vec![drop_member("/a", "1")],
            r#"{"a":[{"id":"2","n":"x","o":{"p":3}}]}"#,
        ),
        ("the last goes", r#"{"a":[{"id":1}]}"#, vec![drop_member("/a", "1")], r#"{"a":[]}"#),
        ("none goes", two, vec![drop_member("/a", "3"), drop_member("/b", "1")], two),
        (
            "one goes, one is written into",
            two,
            vec![put("/a", "2", false, vec![unset("/n"), unset("/o")]), drop_member("/a", "1")],
            r#"{"a":[{"id":"2"}]}"#,
        ),
        (
            "inside of members",
            r#"{"a":[{"b":[{"id":5}],"id":1}]}"#,
            vec![put("/a", "1", false, vec![put("/b", "5", false, vec![inc("/c", "2")])])],
            r#"{"a":[{"b":[{"c":2,"id":5}],"id":1}]}"#,
        ),
        (
            "elements that are no members",
            r#"{"a":[1]}"#,
            vec![put("/a", "1", false, n("1"))],
            r#"{"a":[1,{"n":1}]}"#,
        ),
        ("no array", r#"{"a":7}"#, vec![put("/a", "1", false, n("1"))], r#"{"a":7}"#),
    ]);
}

#[test]
fn a_deleted_record_is_gone_and_may_come_back() {
    let held = record(r#"{"a":1}"#);
    assert_eq!(predict(Some(&held), &Effect::Delete), None);
    assert_eq!(predict(None, &Effect::Delete), None);
    let again = predict(None, &Effect::Write(vec![set("/b", "2")]));
    assert_eq!(again, Some(record(r#"{"b":2}"#)));
}

#[test]
fn what_does_not_fit_what_is_held_is_refused() {
    let text = |components| vec![(path("/a"), TextOperation::new(components).unwrap())];
    let fields =
        |set: Fields, unset, text| Content::Fields { set, unset, text, deltas: Vec::new() };
    let changes = [
        ("no record", None, fields(record(r#"{"a":1}"#), vec![], vec![]), Err(Unfit)),
        (
            "another text",
            Some(r#"{"a":"xy"}"#),
            fields(vec![], vec![], text(vec![Component::Delete(1)])),
            Err(Unfit),
        ),
        ("no text", Some(r#"{"a":7}"#), fields(vec![], vec![], text(vec![])), Err(Unfit)),
        (
            "all that is below goes first",
            Some(r#"{"a":"xy","b":{"c":1,"d":2}}"#),
            fields(
                record(r#"{"b":{"d":3}}"#),
                vec![path("/b"), path("/z")],
                text(vec![Component::Retain(1), Component::Delete(1)]),
            ),
            Ok(Some(record(r#"{"a":"x","b":{"d":3}}"#))),
        ),
        (
            "a whole record",
            None,
            Content::Record(record(r#"{"a":1}"#)),
            Ok(Some(record(r#"{"a":1}"#))),
        ),
        ("gone", Some("{}"), Content::Gone(Gone::Deleted), Ok(None)),
        ("gone already", None, Content::Gone(Gone::Unscoped), Ok(None)),
    ];
    for (name, held, content, expected) in changes {
        assert_eq!(content.apply(held.map(record)), expected, "case: {name}");
    }
    let but = Shown::But { set: record(r#"{"a":1}"#), unset: vec![] };
    assert_eq!(but.apply(None), Err(Unfit));
}

/// Records with few fields, of which some are above or below those of others.
fn any_record() -> impl Strategy<Value = Option<Fields>> {
    let names = select(vec!["/a", "/a/b", "/a/b/c", "/a-b", "/d", "/e", "/e/0", "/f~1g"]);
    let values = select(vec![
        "1",
        "1.0",
        "null",
        "{}",
        "[]",
        "[1,\"x\"]",
        "\"x\"",
        "\"xyz\"",
        "0",
        "[{\"id\":1,\"n\":2}]",
    ]);
    let fields = vec((names, values), 0..6).prop_map(|fields| {
        let mut kept: Fields = Vec::new();
        for (name, value) in fields {
            let name = path(name);
            if kept.iter().all(|(p, _)| !p.is_prefix_of(&name) && !name.is_prefix_of(p)) {
                kept.push((name, leaf(value)));
            }
        }
        kept.sort_by(|(a, _), (b, _)| a.cmp(b));
        kept
    });
    proptest::option::weighted(0.9, fields)
}

/// Operations on the fields of [`any_record`].
pub(crate) fn any_operations() -> impl Strategy<Value = Vec<FieldOperation>> {
    let names = select(vec!["/a", "/a/b", "/a/b/c", "/a-b", "/d", "/e", "/f~1g"]);
    let values = select(vec!["1", "-0.10", "null", "{}", "[2]", "\"x\"", "{\"id\":1}"]);
    let simple = (0..9_usize, names.clone(), values).prop_map(|(kind, at, value)| match kind {
        0 | 1 => set(at, value),
        2 => unset(at),
        3 => inc(at, "0.25"),
        4 => reset(at),
        5 => add(at, value),
        6 => remove(at, value),
        7 => append(at, value),
        _ => begin(at, "xyz"),
    });
    let edits = (names.clone(), 0..4_usize).prop_map(|(at, kept)| {
        edit(at, vec![Component::Retain(kept), Component::Insert("é".into())])
    });
    let keys = select(vec!["1", "2"]);
    let puts = (names.clone(), keys.clone(), any::<bool>(), vec(simple.clone(), 0..3))
        .prop_map(|(at, key, create, fields)| put(at, key, create, fields));
    let drops = (names, keys).prop_map(|(at, key)| drop_member(at, key));
    vec(prop_oneof![6 => simple, 1 => edits, 2 => puts, 1 => drops], 1..8)
}

fn is_sound(fields: &Fields) -> bool {
    fields.windows(2).all(|pair| pair[0].0 < pair[1].0 && !pair[0].0.is_prefix_of(&pair[1].0))
}

/// Returns the texts too, for leaves with other digits are equal.
fn exactly(record: Option<&Fields>) -> Option<Vec<(String, String)>> {
    let texts = |fields: &Fields| {
        fields.iter().map(|(p, l)| (p.as_str().to_owned(), l.as_str().to_owned())).collect()
    };
    record.map(texts)
}

proptest! {
    #[test]
    fn a_correction_leads_from_what_is_predicted_to_what_is_true(p in any_record(), a in any_record()) {
        let corrected = correct(p.as_ref(), a.as_ref()).apply(p).unwrap();
        prop_assert_eq!(exactly(corrected.as_ref()), exactly(a.as_ref()));
    }

    #[test]
    fn nothing_is_told_of_what_is_as_predicted(p in any_record()) {
        prop_assert_eq!(correct(p.as_ref(), p.as_ref()), Shown::AsPredicted);
    }

    #[test]
    fn what_is_predicted_is_a_record(held in any_record(), operations in any_operations()) {
        let predicted = predict(held.as_ref(), &Effect::Write(operations)).unwrap();
        prop_assert!(is_sound(&predicted), "{predicted:?}");
        text_of(Some(&predicted));
    }

    #[test]
    fn parts_are_carried_out_one_after_the_other(held in any_record(), operations in any_operations()) {
        // Members of an array are judged once for all of its parts; everything else is in turn.
        let is_member = |o: &FieldOperation| {
            matches!(o, FieldOperation::PutMember { .. } | FieldOperation::RemoveMember { .. })
        };
        prop_assume!(!operations.iter().any(is_member));
        let at_once = predict(held.as_ref(), &Effect::Write(operations.clone()));
        let in_turn = operations.into_iter().fold(held, |held, one| {
            predict(held.as_ref(), &Effect::Write(vec![one]))
        });
        prop_assert_eq!(exactly(at_once.as_ref()), exactly(in_turn.as_ref()));
    }
}
