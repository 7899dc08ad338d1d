use super::*;
use crate::json::Object;
use crate::path::PathError;
use crate::schema::{
    Conversion, DefineError, FormError, MigrateError, Otherwise, StepError, drop_filled_objects,
};

/// Takes `before` from version 1 to 2 by the steps, and back, in the JSON of sorted fields.
fn check(name: &str, steps: Vec<Step>, before: &str, after: &str, back: &str) {
    let registry = registry([migration(1, 2, steps)]);
    let up = registry.chain(SchemaVersion(1), SchemaVersion(2)).expect("a chain");
    let down = registry.chain(SchemaVersion(2), SchemaVersion(1)).expect("a chain");
    let migrated = up.fields(record(before)).expect("a record that migrates");
    assert_eq!(migrated, record(after), "up, case: {name}");
    assert_eq!(down.fields(migrated), Ok(record(back)), "down, case: {name}");
}

#[test]
fn every_step_has_its_way_up_and_down() {
    let wrap = || vec![Step::Wrap { field: path("/city"), object: path("/address") }];
    let hoist = || vec![Step::Hoist { field: path("/name/full") }];
    #[rustfmt::skip]
    let cases = [
        // name, steps, version 1, version 2, back at version 1 if it differs
        ("rename", vec![rename("/a", "/b")], r#"{"a":1,"z":0}"#, r#"{"b":1,"z":0}"#, None),
        ("rename takes what is inside", vec![rename("/a", "/b/c")],
            r#"{"a":{"x":1,"y":{}}}"#, r#"{"b":{"c":{"x":1,"y":{}}}}"#, None),
        ("rename is not by prefix of the text", vec![rename("/a", "/b")],
            r#"{"ab":1}"#, r#"{"ab":1}"#, None),
        ("rename exchanges a stray field", vec![rename("/a", "/b")],
            r#"{"a":1,"b":2}"#, r#"{"a":2,"b":1}"#, None),
        ("renames in a row", vec![rename("/a", "/b"), rename("/b", "/c")],
            r#"{"a":1}"#, r#"{"c":1}"#, None),
        ("keys with escapes", vec![rename("/a~1b", "/c~0d")],
            r#"{"a/b":1}"#, r#"{"c~d":1}"#, None),
        ("add with a default", vec![add("/n", Some("0"))],
            r#"{"a":1}"#, r#"{"a":1,"n":0}"#, Some(r#"{"a":1,"n":0}"#)),
        ("add keeps what is there", vec![add("/n", Some("0"))],
            r#"{"n":7.50}"#, r#"{"n":7.50}"#, None),
        ("add keeps null", vec![add("/n", Some("0"))], r#"{"n":null}"#, r#"{"n":null}"#, None),
        ("add keeps what is inside", vec![add("/n", Some("0"))],
            r#"{"n":{"x":1}}"#, r#"{"n":{"x":1}}"#, None),
        ("add does not reach into a scalar", vec![add("/n/x", Some("0"))],
            r#"{"n":"text"}"#, r#"{"n":"text"}"#, None),
        ("add without default", vec![add("/n", None)], "{}", "{}", None),
        ("remove keeps the value for old readers", vec![remove("/f", Some("\"\""))],
            r#"{"f":"x"}"#, r#"{"f":"x"}"#, None),
        ("remove gives old readers a default", vec![remove("/f", Some("\"\""))],
            "{}", "{}", Some(r#"{"f":""}"#)),
        ("wrap", wrap(), r#"{"city":"X"}"#, r#"{"address":{"city":"X"}}"#, None),
        ("wrap into an object with members", wrap(),
            r#"{"address":{"zip":1},"city":"X"}"#, r#"{"address":{"city":"X","zip":1}}"#, None),
        ("hoist", hoist(), r#"{"name":{"full":"X","of":1}}"#, r#"{"full":"X","name":{"of":1}}"#,
            None),
    ];
    for (name, steps, before, after, back) in cases {
        check(name, steps, before, after, back.unwrap_or(before));
    }
}

#[test]
fn values_are_exchanged_one_for_one() {
    let map = |otherwise| {
        let pairs = vec![
            (leaf("\"open\""), leaf("\"todo\"")),
            (leaf("\"todo\""), leaf("\"later\"")),
            (leaf("1"), leaf("true")),
        ];
        vec![Step::Map { path: path("/s"), pairs, otherwise }]
    };
    let convert = |conversion| vec![Step::Convert { path: path("/s"), conversion }];
    let (keep, refuse) = (|| map(Otherwise::Keep), || map(Otherwise::Refuse));
    #[rustfmt::skip]
    let cases = [
        // name, steps, version 1, version 2; None: refused with this code
        ("mapped", keep(), r#""open""#, Ok(r#""todo""#)),
        ("mapped in a row, once", keep(), r#""todo""#, Ok(r#""later""#)),
        ("a stray value takes the name left free", keep(), r#""later""#, Ok(r#""open""#)),
        ("numbers by value", keep(), "1.0", Ok("true")),
        ("unlisted", keep(), r#""done""#, Ok(r#""done""#)),
        ("null stays", refuse(), "null", Ok("null")),
        ("each element", keep(), r#"["open",null,"done"]"#, Ok(r#"["todo",null,"done"]"#)),
        ("unlisted is refused", refuse(), r#""done""#, Err("SCHEMA_VALUE_UNMAPPED")),
        ("stray is refused", refuse(), r#""later""#, Err("SCHEMA_VALUE_UNMAPPED")),
        ("text to number", convert(Conversion::StringToNumber), r#""-12.5""#, Ok("-12.5")),
        ("leading zero", convert(Conversion::StringToNumber), r#""012""#, Err("SCHEMA_VALUE_LOSSY")),
        ("trailing zero", convert(Conversion::StringToNumber), r#""1.50""#, Err("SCHEMA_VALUE_LOSSY")),
        ("no number", convert(Conversion::StringToNumber), r#""n/a""#, Err("SCHEMA_VALUE_LOSSY")),
        ("a number already", convert(Conversion::StringToNumber), "12", Err("SCHEMA_VALUE_LOSSY")),
        ("number to text", convert(Conversion::NumberToString), "1e21", Ok(r#""1e+21""#)),
        ("text to truth", convert(Conversion::StringToBool), r#""true""#, Ok("true")),
        ("other spelling", convert(Conversion::StringToBool), r#""True""#, Err("SCHEMA_VALUE_LOSSY")),
        ("truth to text", convert(Conversion::BoolToString), "[false,null]", Ok(r#"["false",null]"#)),
        ("an object", convert(Conversion::BoolToString), "{}", Err("SCHEMA_VALUE_LOSSY")),
    ];
    for (name, steps, before, expected) in cases {
        let registry = registry([migration(1, 2, steps)]);
        let up = registry.chain(SchemaVersion(1), SchemaVersion(2)).expect("a chain");
        let down = registry.chain(SchemaVersion(2), SchemaVersion(1)).expect("a chain");
        let found = up.write(path("/s"), leaf(before)).map_err(|error| error.code());
        assert_eq!(found, expected.map(|text| (path("/s"), leaf(text))), "case: {name}");
        if let Ok((at, value)) = found {
            assert_eq!(down.write(at, value), Ok((path("/s"), leaf(before))), "case: {name}");
        }
    }
}

#[test]
fn a_refusal_names_the_field_and_the_versions_but_no_value() {
    let conversion = Conversion::StringToNumber;
    let steps = vec![rename("/a", "/b"), Step::Convert { path: path("/b"), conversion }];
    let registry = registry([migration(1, 2, steps)]);
    let chain = registry.chain(SchemaVersion(1), SchemaVersion(2)).expect("a chain");
    let error = chain.fields(record(r#"{"a":"secret"}"#)).expect_err("a lossy value");
    let (from, to) = (SchemaVersion(1), SchemaVersion(2));
    assert_eq!(error, MigrateError::Lossy { path: path("/b"), from, to });
    assert!(!format!("{error} {error:?}").contains("secret"));
}

#[test]
fn an_empty_object_that_is_filled_is_kept_for_the_way_back() {
    let steps = vec![Step::Wrap { field: path("/city"), object: path("/address") }];
    let registry = registry([migration(1, 2, steps)]);
    let chain = |from, to| registry.chain(SchemaVersion(from), SchemaVersion(to)).expect("a chain");
    let before = record(r#"{"address":{},"city":"X","other":{}}"#);
    let mut after = chain(1, 2).fields(before.clone()).expect("a record that migrates");
    assert_eq!(chain(2, 1).fields(after.clone()), Ok(before));
    drop_filled_objects(&mut after);
    assert_eq!(after, record(r#"{"address":{"city":"X"},"other":{}}"#));

    // A value that stands where an object should be is not dropped: somebody has to decide.
    let before = record(r#"{"address":"12 High Street","city":"X"}"#);
    let mut after = chain(1, 2).fields(before).expect("a record that migrates");
    drop_filled_objects(&mut after);
    assert_eq!(after.len(), 2);
}

#[test]
fn a_default_goes_into_an_empty_object() {
    let registry = registry([migration(1, 2, vec![add("/n/x", Some("0"))])]);
    let chain = registry.chain(SchemaVersion(1), SchemaVersion(2)).expect("a chain");
    let mut after = chain.fields(record(r#"{"n":{}}"#)).expect("a record that migrates");
    drop_filled_objects(&mut after);
    assert_eq!(after, record(r#"{"n":{"x":0}}"#));
}

#[test]
fn a_step_without_a_way_back_is_refused() {
    let map = |pairs: &[(&str, &str)]| {
        let pairs = pairs.iter().map(|(old, new)| (leaf(old), leaf(new))).collect();
        Step::Map { path: path("/s"), pairs, otherwise: Otherwise::Keep }
    };
    let overlap = |from, to| StepError::Overlap { from: path(from), to: path(to) };
    let ambiguous = |index| StepError::PairNotInvertible { path: path("/s"), index };
    let not_scalar = |index| StepError::PairNotScalar { path: path("/s"), index };
    let no_pairs = StepError::PairCount { path: path("/s"), pairs: 0, pairs_max: 1_000 };
    let hoist = Step::Hoist { field: path("/a") };
    #[rustfmt::skip]
    let cases = [
        ("into itself", rename("/a", "/a/b"), overlap("/a", "/a/b")),
        ("out of itself", rename("/a/b", "/a"), overlap("/a/b", "/a")),
        ("onto itself", rename("/a", "/a"), overlap("/a", "/a")),
        ("not inside", hoist, StepError::NotInside { field: path("/a") }),
        ("default is a tree", add("/s", Some(r#"{"a":1}"#)), StepError::DefaultNotLeaf { path: path("/s") }),
        ("the root", add("", None), StepError::Path(PathError::Root)),
        ("two to one", map(&[("1", "2"), ("3", "2.0")]), ambiguous(1)),
        ("one to two", map(&[("1", "2"), ("1", "3")]), ambiguous(1)),
        ("null", map(&[("1", "null")]), not_scalar(0)),
        ("array", map(&[("1", "2"), ("[]", "3")]), not_scalar(1)),
        ("no pairs", map(&[]), no_pairs),
    ];
    for (name, step, source) in cases {
        let steps = vec![rename("/x", "/y"), step];
        let found = Migration::new(SchemaVersion(1), SchemaVersion(2), steps);
        assert_eq!(found, Err(DefineError::Step { index: 1, source }), "case: {name}");
    }
    let (from, to) = (SchemaVersion(2), SchemaVersion(2));
    assert_eq!(Migration::new(from, to, vec![]), Err(DefineError::NotUp { from, to }));
}

const EVERY_STEP: &str =
    include_str!("../../../../../fixtures/model/v1/migration-with-every-kind-of-step.json");

#[test]
fn the_golden_migration_is_read_and_written() {
    let golden = json(EVERY_STEP);
    let migration = Migration::from_json(&golden).expect("the golden migration");
    assert_eq!(migration.steps().len(), 9);
    assert_eq!(migration.to_json(), golden, "bump the format version");
}

#[test]
fn a_malformed_migration_is_refused_with_its_place() {
    let step = |text: &str| json(&format!(r#"{{"from":1,"to":2,"steps":[{text}]}}"#));
    let cases = [
        ("no object", json("[]"), "migration", false),
        ("no steps", json(r#"{"from":1,"to":2}"#), "migration.steps", false),
        ("negative", json(r#"{"from":-1,"to":2,"steps":[]}"#), "migration.from", false),
        ("more", json(r#"{"from":1,"to":2,"steps":[],"x":0}"#), "migration", true),
        ("unknown step", step(r#"{"drop":{}}"#), "steps[0]", false),
        (
            "two in one",
            step(r#"{"add":{"path":"/a"},"hoist":{"field":"/b/c"}}"#),
            "steps[0]",
            false,
        ),
        ("the root", step(r#"{"add":{"path":""}}"#), "steps[0].add.path", false),
        ("unknown member", step(r#"{"add":{"path":"/a","value":1}}"#), "steps[0].add", true),
        (
            "unknown word",
            step(r#"{"convert":{"path":"/a","conversion":"string-to-date"}}"#),
            "steps[0].convert.conversion",
            false,
        ),
        (
            "a triple",
            step(r#"{"map":{"path":"/a","pairs":[[1,2,3]],"otherwise":"keep"}}"#),
            "steps[0].map.pairs",
            false,
        ),
    ];
    for (name, json, at, is_unknown) in cases {
        match Migration::from_json(&json) {
            Err(FormError::Expected { place, .. }) if !is_unknown => {
                assert_eq!(place, at, "case: {name}");
            }
            Err(FormError::UnknownMember { place }) if is_unknown => {
                assert_eq!(place, at, "case: {name}");
            }
            other => panic!("case {name}: {other:?}"),
        }
    }
    let same = Json::Object(Object::from_iter([("from", 1_u64), ("to", 1)]));
    assert!(Migration::from_json(&same).is_err());
}
