//! Plain writers at one hub: what a person sees who keeps the same records in two places.

use crate::desk::{Desk, rules};
use syncline_merge::commit::Site;
use syncline_merge::conflict::{ConflictKind, Decision, conflicts, settle};
use syncline_merge::display::{same_by_shape, visible};
use syncline_merge::join::join;
use syncline_merge::plain::{Intent, Notice, Reading, take};
use syncline_merge::restore::{Renewals, restore};
use syncline_merge::rules::{EntityRules, Rule, Shape};
use syncline_merge::state::Record;
use syncline_merge::token::Token;
use syncline_model::clock::Clock;
use syncline_model::id::{SiteId, Writer};
use syncline_model::json::Leaf;
use syncline_model::json::fields::flatten;
use syncline_model::version::Version;

type Case<'a> = (&'a str, EntityRules, &'a str, Option<&'a str>, Option<&'a str>, Option<&'a str>);

/// One row: rules, what both held at first, what each holds now, what both hold in the end.
#[test]
fn two_writers_merge_field_by_field() {
    let sum = || Shape::Sum { minimum: None };
    let keyed = || Shape::Keyed { key: "k".into() };
    #[rustfmt::skip]
    let cases: Vec<Case<'_>> = vec![
        ("disjoint edits both survive", rules(&[]),
            r#"{"a":1,"b":1}"#, Some(r#"{"a":2,"b":1}"#), Some(r#"{"a":1,"b":2}"#), Some(r#"{"a":2,"b":2}"#)),
        ("the later of two edits is shown", rules(&[]),
            r#"{"a":1}"#, Some(r#"{"a":2}"#), Some(r#"{"a":3}"#), Some(r#"{"a":3}"#)),
        ("a field removed here and untouched there is removed", rules(&[]),
            r#"{"a":1,"b":1}"#, Some(r#"{"a":1}"#), Some(r#"{"a":1,"b":1}"#), Some(r#"{"a":1}"#)),
        ("a deletion of an untouched record deletes", rules(&[]),
            r#"{"a":1}"#, None, Some(r#"{"a":1}"#), None),
        ("an edit wins over a deletion", rules(&[]),
            r#"{"a":1,"b":1}"#, None, Some(r#"{"a":2,"b":1}"#), Some(r#"{"a":2,"b":1}"#)),
        ("increments add up", rules(&[("/n", sum(), Rule::Latest)]),
            r#"{"n":10}"#, Some(r#"{"n":13}"#), Some(r#"{"n":8}"#), Some(r#"{"n":11}"#)),
        ("unions keep additions and removals", rules(&[("/t", Shape::Union, Rule::Latest)]),
            r#"{"t":["a","b"]}"#, Some(r#"{"t":["a","b","c"]}"#), Some(r#"{"t":["b"]}"#), Some(r#"{"t":["b","c"]}"#)),
        ("members of keyed arrays merge field by field", rules(&[("/p", keyed(), Rule::Latest)]),
            r#"{"p":[{"k":"h","n":1,"m":1}]}"#, Some(r#"{"p":[{"k":"h","n":2,"m":1}]}"#),
            Some(r#"{"p":[{"k":"h","n":1,"m":3},{"k":"w","n":9}]}"#),
            Some(r#"{"p":[{"k":"h","m":3,"n":2},{"k":"w","n":9}]}"#)),
        ("an edited member survives its removal whole", rules(&[("/p", keyed(), Rule::Latest)]),
            r#"{"p":[{"k":"h","n":1,"m":1}]}"#, Some(r#"{"p":[]}"#), Some(r#"{"p":[{"k":"h","n":2,"m":1}]}"#),
            Some(r#"{"p":[{"k":"h","m":1,"n":2}]}"#)),
        ("appends of both sides are kept", rules(&[("/l", Shape::Append { keep: 10 }, Rule::Latest)]),
            r#"{"l":["x"]}"#, Some(r#"{"l":["x","y"]}"#), Some(r#"{"l":["x","z"]}"#), Some(r#"{"l":["x","y","z"]}"#)),
        ("texts interweave", rules(&[("/t", Shape::Text, Rule::Latest)]),
            r#"{"t":"one two"}"#, Some(r#"{"t":"ONE two"}"#), Some(r#"{"t":"one two three"}"#),
            Some(r#"{"t":"ONE two three"}"#)),
        ("the greatest is shown", rules(&[("/n", Shape::Register, Rule::Max)]),
            r#"{"n":9}"#, Some(r#"{"n":100}"#), Some(r#"{"n":20}"#), Some(r#"{"n":100}"#)),
        ("the least is shown", rules(&[("/n", Shape::Register, Rule::Min)]),
            r#"{"n":9}"#, Some(r#"{"n":100}"#), Some(r#"{"n":20}"#), Some(r#"{"n":20}"#)),
        ("a writer has priority", rules(&[("/n", Shape::Register,
                Rule::Priority([Writer::new("a").unwrap()].into()))]),
            r#"{"n":9}"#, Some(r#"{"n":1}"#), Some(r#"{"n":2}"#), Some(r#"{"n":1}"#)),
        ("both texts are shown in order of time", rules(&[("/n", Shape::Register,
                Rule::Concat { separator: "; ".into() })]),
            r#"{"n":"x"}"#, Some(r#"{"n":"y"}"#), Some(r#"{"n":"z"}"#), Some(r#"{"n":"y; z"}"#)),
        ("a value that no shape holds is kept", rules(&[("/t", Shape::Union, Rule::Latest)]),
            r#"{"t":["a"]}"#, Some(r#"{"t":"none"}"#), Some(r#"{"t":["a"]}"#), Some(r#"{"t":"none"}"#)),
        ("a leaf becomes an object", rules(&[]),
            r#"{"n":"Ann Lee"}"#, Some(r#"{"n":{"first":"Ann"}}"#), Some(r#"{"n":"Ann Lee"}"#),
            Some(r#"{"n":{"first":"Ann"}}"#)),
    ];
    cases.into_iter().for_each(check);
}

/// While a conflict is open each writer is shown its own value: what it does to the whole record, or
/// to the member around the field, does not take along the value that it was not shown.
#[test]
fn a_value_that_was_not_shown_outlasts_a_deletion() {
    let keyed = || Shape::Keyed { key: "k".into() };
    let review = |path, shape| {
        rules(&[
            (path, shape, Rule::Latest),
            ("/v", Shape::Register, Rule::Review),
            ("/p/*/v", Shape::Register, Rule::Review),
        ])
    };
    // Rows: what both held, what each wrote, what the first writes then, and how it deletes.
    let rows = [
        (r#"{"v":0,"w":0}"#, r#"{"v":1,"w":0}"#, r#"{"v":2,"w":0}"#, None, None),
        (
            r#"{"v":0,"w":0}"#,
            r#"{"v":1,"w":0}"#,
            r#"{"v":2,"w":0}"#,
            Some(r#"{"v":1,"w":5}"#),
            None,
        ),
        (
            r#"{"p":[{"k":"h","v":0}]}"#,
            r#"{"p":[{"k":"h","v":1}]}"#,
            r#"{"p":[{"k":"h","v":2}]}"#,
            None,
            Some(r#"{"p":[]}"#),
        ),
        (
            r#"{"p":[{"k":"h","v":0}]}"#,
            r#"{"p":[{"k":"h","v":1}]}"#,
            r#"{"p":[{"k":"h","v":2}]}"#,
            Some(r#"{"p":[{"k":"h","v":1,"w":5}]}"#),
            Some("{}"),
        ),
    ];
    for (both, a, b, then, deleted) in rows {
        let mut desk = Desk::new(review("/p", keyed()));
        desk.read("a", Some(both));
        desk.read("b", Some(both));
        desk.read("a", Some(a));
        desk.read("b", Some(b));
        assert_eq!((desk.write("a").as_deref(), desk.write("b").as_deref()), (Some(a), Some(b)));
        if let Some(then) = then {
            desk.read("a", Some(then));
            assert_eq!(desk.write("a").as_deref(), Some(then));
        }
        desk.read("a", deleted);
        let kept = desk.write("b").expect(b);
        assert!(kept.contains(r#""v":2"#), "{b}: {kept}");
        // Who has decided has seen both, and may delete.
        let conflict = conflicts(desk.record.as_ref().unwrap(), &desk.rules);
        assert!(conflict.iter().any(|conflict| conflict.open), "{b}: {conflict:?}");
    }
}

/// Two edits of one time: none of them is the later one, so nobody's value gives way by itself.
#[test]
fn edits_of_the_same_time_wait_for_a_person() {
    let mut desk = Desk::new(rules(&[]));
    for (a, b, is_open) in [(5_000, 5_000, true), (5_000, 5_001, false)] {
        let name = |name| Writer::new(name).unwrap();
        let mut values = Vec::new();
        let mut record = None;
        for (writer, ms, text) in [("a", a, r#"{"v":1}"#), ("b", b, r#"{"v":2}"#)] {
            let fields = flatten(text.as_bytes()).unwrap();
            let writer = name(writer);
            let edited = Clock::new(ms, 0);
            let reading = Reading {
                fields: Some(&fields),
                writer: &writer,
                edited,
                timed: true,
                written: None,
            };
            let floor = Version::new();
            let clock = &mut desk.clock;
            let mut site = Site { id: SiteId(1), clock, now_ms: 9_000, floor: &floor, lost: &[] };
            let taken = take(record, None, &reading, &desk.rules, &mut site).unwrap();
            record = taken.record;
            values.push(fields);
        }
        let record = record.unwrap();
        let found = conflicts(&record, &desk.rules);
        assert_eq!(found.iter().map(|conflict| conflict.open).collect::<Vec<_>>(), [is_open]);
        let seen_by = |writer| visible(&record, &desk.rules, Some(&name(writer))).unwrap();
        assert_eq!(seen_by("a"), values[if is_open { 0 } else { 1 }]);
        assert_eq!(seen_by("b"), values[1]);
    }
}

fn check((name, rules, base, a, b, expected): Case<'_>) {
    let mut desk = Desk::new(rules);
    desk.read("a", Some(base));
    desk.read("b", Some(base));
    desk.write("a");
    desk.write("b");
    desk.read("a", a);
    desk.read("b", b);
    assert_eq!(desk.write("a").as_deref(), expected, "a: {name}");
    assert_eq!(desk.write("b").as_deref(), expected, "b: {name}");
    let before = desk.record.clone();
    desk.read("a", expected);
    desk.read("b", expected);
    assert_eq!(desk.record, before, "an echo is no change: {name}");
}

#[test]
fn an_array_without_elements_is_there_all_the_same() {
    let union = || rules(&[("/t", Shape::Union, Rule::Latest)]);
    let keyed = || rules(&[("/p", Shape::Keyed { key: "k".into() }, Rule::Latest)]);
    #[rustfmt::skip]
    let cases: Vec<Case<'_>> = vec![
        ("an empty array stays and is filled", union(),
            r#"{"t":[]}"#, Some(r#"{"t":["a"]}"#), Some(r#"{"t":[]}"#), Some(r#"{"t":["a"]}"#)),
        ("an emptied array stays empty", union(),
            r#"{"t":["a"]}"#, Some(r#"{"t":[]}"#), Some(r#"{"t":["a"]}"#), Some(r#"{"t":[]}"#)),
        ("an emptied array and an addition", union(),
            r#"{"t":["a"]}"#, Some(r#"{"t":[]}"#), Some(r#"{"t":["a","b"]}"#), Some(r#"{"t":["b"]}"#)),
        ("an empty keyed array stays", keyed(),
            r#"{"p":[],"x":1}"#, Some(r#"{"p":[],"x":2}"#), Some(r#"{"p":[],"x":1}"#), Some(r#"{"p":[],"x":2}"#)),
        ("a removed array is removed", union(),
            r#"{"t":["a"],"x":1}"#, Some(r#"{"x":1}"#), Some(r#"{"t":["a"],"x":1}"#), Some(r#"{"x":1}"#)),
    ];
    cases.into_iter().for_each(check);
}

#[test]
fn under_review_each_side_keeps_its_value_until_a_person_decides() {
    let rules = rules(&[("/**", Shape::Register, Rule::Review)]);
    let mut desk = Desk::new(rules.clone());
    desk.read("a", Some(r#"{"n":1}"#));
    desk.read("b", Some(r#"{"n":1}"#));
    desk.write("a");
    desk.write("b");
    desk.read("a", Some(r#"{"n":2}"#));
    desk.read("b", Some(r#"{"n":3}"#));
    assert_eq!(desk.write("a").as_deref(), Some(r#"{"n":2}"#));
    assert_eq!(desk.write("b").as_deref(), Some(r#"{"n":3}"#));
    desk.read("a", Some(r#"{"n":4}"#));
    assert_eq!(desk.write("b").as_deref(), Some(r#"{"n":3}"#), "an edit does not settle");
    let record = desk.record.as_mut().unwrap();
    let found = conflicts(record, &rules);
    assert_eq!(found.len(), 1);
    assert!(found[0].open && found[0].sides.len() == 2);
    let floor = Version::new();
    let mut site =
        Site { id: SiteId(1), clock: &mut desk.clock, now_ms: 5_000, floor: &floor, lost: &[] };
    let chosen = Decision::Value(found[0].sides[0].value.clone());
    let me = Writer::new("me").unwrap();
    let (path, stamps) = (&found[0].path, &found[0].stamps);
    settle(record, path, stamps, chosen.clone(), &me, &mut site).unwrap();
    assert!(settle(record, path, stamps, chosen, &me, &mut site).is_err(), "stale the second time");
    assert!(conflicts(desk.record.as_ref().unwrap(), &rules).is_empty());
    assert_eq!(desk.write("a"), desk.write("b"));
}

#[test]
fn without_a_base_nothing_is_deleted_and_differences_are_conflicts() {
    let mut desk = Desk::new(EntityRules::default());
    desk.read("a", Some(r#"{"a":1,"b":1,"only-a":1}"#));
    desk.read("b", Some(r#"{"a":1,"b":2,"only-b":1}"#));
    let expected = r#"{"a":1,"b":2,"only-a":1,"only-b":1}"#;
    assert_eq!(desk.write("a").as_deref(), Some(expected));
    let found = conflicts(desk.record.as_ref().unwrap(), &desk.rules);
    assert_eq!(found.len(), 1, "only /b differs");
    // Lost state: the bases are gone, one side still holds what was deleted.
    desk.write("b");
    desk.read("a", None);
    assert_eq!(desk.write("b"), None);
    *desk.base("b") = None;
    desk.read("b", Some(expected));
    assert_eq!(desk.notices, [Notice::DeletedHere]);
    assert_eq!(desk.shown("b"), None, "a deleted record does not come back by itself");
}

/// Of a record of which nothing is left, the version tells how it came to that.
#[test]
fn an_empty_record_is_created_where_it_was_taken_back_and_reported_where_it_was_forgotten() {
    let mut desk = Desk::new(rules(&[]));
    desk.read("a", Some(r#"{"v":1}"#));
    let created = desk.record.take().unwrap();

    let floor = Version::new();
    let clock = &mut desk.clock;
    let mut site = Site { id: SiteId(1), clock, now_ms: 2_000, floor: &floor, lost: &[] };
    let taken_back =
        restore(&created, &Record::default(), &Renewals::new(), &mut [], &mut site).unwrap();
    let taken_back = taken_back.unwrap().record;
    let forgotten = join(&created, &Record::begun(&created.version)).unwrap();
    assert!(taken_back.is_empty() && forgotten.is_empty());

    let deleted_here = || vec![Notice::DeletedHere];
    let cases = [
        ("taken back", taken_back.clone(), vec![]),
        ("forgotten", forgotten.clone(), deleted_here()),
        (
            "taken back, and known where an earlier life was forgotten",
            join(&taken_back, &Record::begun(&created.version)).unwrap(),
            vec![],
        ),
        (
            "taken back, and forgotten since",
            join(&forgotten, &Record::begun(&taken_back.version)).unwrap(),
            deleted_here(),
        ),
    ];
    for (name, record, notices) in cases {
        let is_created = notices.is_empty();
        let mut desk = Desk { record: Some(record), ..Desk::new(rules(&[])) };
        desk.read("b", Some(r#"{"v":1}"#));
        assert_eq!(desk.notices, notices, "case: {name}");
        assert_eq!(desk.shown("b").is_some(), is_created, "case: {name}");
    }
}

#[test]
fn a_crash_between_writing_and_confirming_is_not_taken_for_an_edit() {
    let mut desk = Desk::new(rules(&[("/n", Shape::Sum { minimum: None }, Rule::Latest)]));
    desk.read("a", Some(r#"{"n":1}"#));
    desk.read("b", Some(r#"{"n":1}"#));
    desk.write("a");
    desk.write("b");
    desk.read("a", Some(r#"{"n":5}"#));
    let token = Token::of(desk.record.as_ref().unwrap(), &desk.rules, None, &[]);
    let rendering = desk.shown("b");
    desk.base("b").as_mut().unwrap().intent = Some(Intent { rendering, token });
    // The write happened, its confirmation did not: 5 is not an addition of 4.
    desk.read("b", Some(r#"{"n":5}"#));
    assert_eq!(desk.write("a").as_deref(), Some(r#"{"n":5}"#));
}

#[test]
fn a_value_of_another_type_is_never_dropped_without_a_word() {
    // An object is its fields.
    let said_by_p = |value| if value == r#"{"o":1}"# { "1" } else { value };
    let sum = Shape::Sum { minimum: None };
    let (append, keyed) = (Shape::Append { keep: 9 }, Shape::Keyed { key: "k".into() });
    let h = r#"["h1","h2"]"#;
    let (members, changed) = (r#"[{"k":"a","n":1},{"k":"b"}]"#, r#"[{"k":"a","n":2},{"k":"b"}]"#);
    for (shape, first, unfit, fitting) in [
        (sum, "10", r#""x""#, "11"),
        (Shape::Union, r#"["x","y"]"#, r#""str""#, r#"["y","z"]"#),
        (append.clone(), h, r#"{"o":1}"#, r#"["h1","h2","NEW"]"#),
        (append, h, "null", r#"["h1","h2","NEW"]"#),
        (keyed, members, "7", changed),
        (Shape::Text, r#""old""#, "7", r#""old and new""#),
    ] {
        for unfit_first in [true, false] {
            let field = |value: &str| format!(r#"{{"f":{value}}}"#);
            let mut desk = Desk::new(rules(&[("/f", shape.clone(), Rule::Latest)]));
            desk.read("p", Some(&field(first)));
            desk.read("b", Some(&field(first)));
            let order = [("p", unfit), ("b", fitting)];
            let order = if unfit_first { order } else { [order[1], order[0]] };
            for (writer, value) in order {
                desk.read(writer, Some(&field(value)));
            }
            let found = conflicts(desk.record.as_ref().unwrap(), &desk.rules);
            let context = format!("{shape:?} {unfit_first}: {found:?}");
            let [conflict] = &found[..] else { panic!("{context}") };
            assert_eq!(conflict.kind, ConflictKind::Shapes, "{context}");
            let said: Vec<_> = conflict.sides.iter().flat_map(|side| &side.value).collect();
            assert_eq!(said.len(), 2, "{context}");
            assert_eq!(said[0].as_str(), said_by_p(unfit), "{context}");
            let shaped = Leaf::parse(fitting).unwrap();
            assert!(same_by_shape(&shape, said[1], &shaped), "{context}");
        }
    }
}

#[test]
fn a_field_whose_shape_was_changed_is_taken_along_by_its_first_edit() {
    let sum = || Shape::Sum { minimum: None };
    let append = || Shape::Append { keep: 9 };
    let keyed = || Shape::Keyed { key: "k".into() };
    let (one, two) = (r#"[{"k":"a","n":1}]"#, r#"[{"k":"a","n":2}]"#);
    let three = r#"[{"k":"a","n":1},{"k":"b"}]"#;
    let merged = r#"[{"k":"a","n":2},{"k":"b"}]"#;
    #[rustfmt::skip]
    let cases = [
        (Shape::Register, Shape::Union, r#"["a","b"]"#, r#"["a","b","c"]"#, r#"["a","b","d"]"#, r#"["a","b","c","d"]"#),
        (Shape::Register, append(), r#"["b","a"]"#, r#"["b","a","c"]"#, r#"["b","a","d"]"#, r#"["b","a","c","d"]"#),
        (Shape::Register, keyed(), one, two, three, merged),
        (Shape::Register, sum(), "7", "8", "9", "10"),
        (Shape::Register, Shape::Text, r#""old""#, r#""new""#, r#""old""#, r#""new""#),
        (Shape::Union, append(), r#"["a","b"]"#, r#"["a","b","c"]"#, r#"["a","b"]"#, r#"["a","b","c"]"#),
        (append(), Shape::Union, r#"["b","a"]"#, r#"["b","a","c"]"#, r#"["b","a"]"#, r#"["a","b","c"]"#),
        (Shape::Union, Shape::Register, r#"["a","b"]"#, r#"["b","c"]"#, r#"["a","b"]"#, r#"["b","c"]"#),
        (sum(), Shape::Register, "7", "8", "7", "8"),
    ];
    for (before, after, first, p, b, both) in cases {
        let field = |value: &str| format!(r#"{{"f":{value},"o":1}}"#);
        let mut desk = Desk::new(rules(&[("/f", before.clone(), Rule::Latest)]));
        desk.read("p", Some(&field(first)));
        desk.read("b", Some(&field(first)));
        desk.write("p");
        desk.write("b");
        desk.rules = rules(&[("/f", after.clone(), Rule::Latest)]);
        desk.read("p", Some(&field(p)));
        desk.read("b", Some(&field(b)));
        let context = format!("{before:?} to {after:?}: {:?}", desk.record);
        assert_eq!(desk.write("p"), Some(field(both)), "{context}");
        assert_eq!(desk.write("b"), Some(field(both)), "{context}");
        assert_eq!(conflicts(desk.record.as_ref().unwrap(), &desk.rules), [], "{context}");
    }
}

#[test]
fn a_shape_that_is_dropped_and_declared_again_goes_on_from_what_is_there() {
    let keyed = Shape::Keyed { key: "k".into() };
    let members = [
        r#"[{"k":"h","v":1}]"#,
        r#"[{"k":"h","v":2},{"k":"w","v":1}]"#,
        r#"[{"k":"h","v":2},{"k":"w"},{"k":"x","v":9}]"#,
        r#"[{"k":"h","v":4},{"k":"w"},{"k":"x","v":9}]"#,
    ];
    let lists = [r#"["a"]"#, r#"["a","b"]"#, r#"["a","b","c"]"#, r#"["a","b","c","d"]"#];
    for (shape, values) in [
        (Shape::Sum { minimum: None }, ["5", "7", "17", "18"]),
        (keyed, members),
        (Shape::Union, lists),
        (Shape::Append { keep: 9 }, lists),
        (Shape::Text, [r#""a""#, r#""ab""#, r#""abc""#, r#""abcd""#]),
    ] {
        for editors in [["p", "p", "p"], ["p", "b", "p"], ["p", "p", "b"]] {
            let field = |value: &str| format!(r#"{{"f":{value},"o":1}}"#);
            let mut desk = Desk::new(EntityRules::default());
            desk.read("p", Some(&field(values[0])));
            desk.read("b", Some(&field(values[0])));
            desk.write("p");
            desk.write("b");
            let shapes = [&shape, &Shape::Register, &shape];
            for ((shape, value), editor) in shapes.into_iter().zip(&values[1..]).zip(editors) {
                desk.rules = rules(&[("/f", shape.clone(), Rule::Latest)]);
                let other = if editor == "p" { "b" } else { "p" };
                desk.read(editor, Some(&field(value)));
                let context = format!("{shape:?} {value} {editor}: {:?}", desk.record);
                let found = desk.write(other).unwrap();
                let expected = Leaf::parse(&field(value)).unwrap();
                let found = Leaf::parse(&found).unwrap();
                assert!(says_the_same(&found, &expected), "{context}: {}", found.as_str());
                desk.write(editor);
                assert_eq!(conflicts(desk.record.as_ref().unwrap(), &desk.rules), [], "{context}");
            }
        }
    }
}

/// Returns whether two objects are the same, but for the order of the elements of arrays.
fn says_the_same(a: &Leaf, b: &Leaf) -> bool {
    let parts = |leaf: &Leaf| {
        let mut parts: Vec<char> = leaf.canonical().chars().collect();
        parts.sort_unstable();
        parts
    };
    parts(a) == parts(b)
}
