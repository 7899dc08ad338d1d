//! Records as fields, and back.

use proptest::prelude::*;
use syncline_model::json::fields::{FieldsError, flatten, flatten_json, overlong_path, unflatten};
use syncline_model::json::{Json, JsonError, Leaf, Object, parse};
use syncline_model::path::Path;

use crate::json_support::{object, write_oddly};

fn path(text: &str) -> Path {
    Path::parse(text).unwrap()
}

fn build(fields: &[(&str, &str)]) -> Result<Object, FieldsError> {
    let fields: Vec<(Path, Leaf)> =
        fields.iter().map(|(pointer, text)| (path(pointer), Leaf::parse(text).unwrap())).collect();
    unflatten(fields.iter().map(|(path, leaf)| (path, leaf)))
}

proptest! {
    #[test]
    fn a_record_is_the_sum_of_its_fields(record in object(), choices in any::<[u8; 31]>()) {
        let flat = flatten_json(&record).unwrap();
        let text = write_oddly(&Json::Object(record.clone()), &choices);
        prop_assert_eq!(&flatten(text.as_bytes()).unwrap(), &flat);
        prop_assert!(flat.is_sorted_by(|(a, _), (b, _)| a < b));
        let again = unflatten(flat.iter().map(|(path, leaf)| (path, leaf))).unwrap();
        prop_assert_eq!(&again, &record);
        let backwards = unflatten(flat.iter().rev().map(|(path, leaf)| (path, leaf))).unwrap();
        prop_assert_eq!(&backwards, &record);
        let whole = Json::Object(record);
        for (path, leaf) in &flat {
            prop_assert_eq!(whole.at(path), Some(&leaf.to_json()));
            let is_object = leaf.kind() == syncline_model::json::Kind::Object;
            prop_assert_eq!(is_object, leaf.is_empty_object());
        }
    }
}

#[test]
fn fields_are_what_is_not_an_object_with_members() {
    #[rustfmt::skip]
    let cases: &[(&str, &[(&str, &str)])] = &[
        ("{}", &[]),
        (r#"{"a":1}"#, &[("/a", "1")]),
        (r#"{"a":{}}"#, &[("/a", "{}")]),
        (r#"{"a":{"b":{}}}"#, &[("/a/b", "{}")]),
        (r#"{"a":[ {"b": 1} ]}"#, &[("/a", r#"[{"b":1}]"#)]),
        (r#"{"a":{"0":1,"1":2}}"#, &[("/a/0", "1"), ("/a/1", "2")]),
        (r#"{"":{"":0}}"#, &[("//", "0")]),
        (r#"{"a/b":1,"m~n":2}"#, &[("/a~1b", "1"), ("/m~0n", "2")]),
        (r#"{"a-b":1,"a":{"x":2},"a b":3}"#, &[("/a/x", "2"), ("/a b", "3"), ("/a-b", "1")]),
        (r#"{"\u0061":1.50}"#, &[("/a", "1.50")]),
    ];
    for (text, expected) in cases {
        let flat = flatten(text.as_bytes()).unwrap();
        let found: Vec<_> = flat.iter().map(|(p, l)| (p.as_str(), l.as_str())).collect();
        assert_eq!(found, *expected, "{text}");
    }
}

#[test]
fn fields_that_cannot_stand_together_are_refused() {
    let overlap = |outer, inner| FieldsError::Overlap { outer: path(outer), inner: path(inner) };
    #[rustfmt::skip]
    let cases: &[(&[(&str, &str)], FieldsError)] = &[
        (&[("", "1")],                                  FieldsError::RootPath),
        (&[("/a", "1"), ("/a", "1")],                   overlap("/a", "/a")),
        (&[("/a", "1"), ("/a/b", "1")],                 overlap("/a", "/a/b")),
        (&[("/a/b", "1"), ("/a", "{}")],                overlap("/a", "/a/b")),
        (&[("/a/b/c", "1"), ("/a-b", "2"), ("/a", "1")], overlap("/a", "/a/b/c")),
    ];
    for (fields, error) in cases {
        assert_eq!(build(fields).as_ref(), Err(error), "{fields:?}");
        assert!(!error.code().is_empty() && !error.advice().is_empty());
    }
    assert!(build(&[("/a", "1"), ("/ab", "2"), ("/b/a", "3")]).is_ok());
}

#[test]
fn members_come_in_the_order_of_the_fields() {
    let object = build(&[("/z", "1"), ("/b/y", "2"), ("/a", "3"), ("/b/x", "4")]).unwrap();
    assert_eq!(Json::Object(object).to_compact_string(), r#"{"z":1,"b":{"y":2,"x":4},"a":3}"#);
}

#[test]
fn limits_of_depth_and_length_hold_in_both_directions() {
    let nested = |levels: usize| format!("{}1{}", "{\"a\":".repeat(levels), "}".repeat(levels));
    let flat = flatten(nested(64).as_bytes()).unwrap();
    assert_eq!(flat[0].0.depth(), 64);
    let (deepest, leaf) = &flat[0];
    assert!(unflatten([(deepest, leaf)]).is_ok());
    let array = Leaf::parse("[]").unwrap();
    let refused = FieldsError::TooDeep { path: deepest.clone() };
    assert_eq!(unflatten([(deepest, &array)]), Err(refused));
    assert_eq!(flatten(nested(65).as_bytes()), Err(JsonError::TooDeep { offset: 64 * 5 }));

    let tree = |levels: usize| {
        let inner = (1..levels)
            .fold(Json::from(1_i64), |value, _| Json::Object([("a", value)].into_iter().collect()));
        Object::from_iter([("a", inner)])
    };
    assert!(flatten_json(&tree(64)).is_ok());
    assert_eq!(flatten_json(&tree(65)), Err(JsonError::TooDeep { offset: 0 }));

    let long = |bytes: usize| format!("{{\"b\":0, \"{}\":1}}", "k".repeat(bytes));
    assert!(flatten(long(4_095).as_bytes()).is_ok());
    assert_eq!(flatten(long(4_096).as_bytes()), Err(JsonError::PathTooLong { offset: 8 }));
}

#[test]
fn only_an_object_has_fields() {
    for text in ["[]", "1", "null", " \"{}\""] {
        let offset = text.len() - text.trim_start().len();
        assert_eq!(flatten(text.as_bytes()), Err(JsonError::NotAnObject { offset }), "{text}");
    }
    assert_eq!(flatten(b"{"), Err(parse(b"{").unwrap_err()));
}

/// Keys by their length, one inside of the other, and what stands in the innermost one.
#[test]
fn a_path_that_is_too_long_is_found_without_its_fields() {
    let cases: &[(&[usize], &str)] = &[
        (&[4095], "1"),
        (&[4096], "1"),
        (&[1500, 1500], "1"),
        (&[2000, 2094], "1"),
        (&[2000, 2095], "{}"),
        (&[2000, 2095], "[{}]"),
        (&[1024, 1024, 1024, 1024], r#""x""#),
        (&[5000], r#"{"a":1}"#),
        (&[2047], "1"),
    ];
    for (lengths, value) in cases {
        for character in ["k", "/", "é"] {
            let mut text = (*value).to_owned();
            for length in lengths.iter().rev() {
                text = format!(r#"{{"id":"1","{}":{text}}}"#, character.repeat(*length));
            }
            let refused = match flatten(text.as_bytes()) {
                Err(JsonError::PathTooLong { offset }) => Some(offset),
                other => other.map(|_| None).unwrap(),
            };
            assert_eq!(overlong_path(text.as_bytes()), refused, "{lengths:?} {character} {value}");
        }
    }
    assert_eq!(overlong_path(&b"[".repeat(5000)), None);
}
