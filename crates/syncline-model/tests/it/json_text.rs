//! Trees and their texts: reading, writing, canonical form, equality, order of members.

use proptest::prelude::*;
use syncline_model::json::{Json, Object, parse};

use crate::json_support::{json, object, write_oddly};

fn read(text: &str) -> Json {
    parse(text.as_bytes()).unwrap()
}

fn reversed(value: &Json) -> Json {
    match value {
        Json::Array(elements) => Json::Array(elements.iter().map(reversed).collect()),
        Json::Object(object) => {
            let members = object.iter().rev().map(|(key, value)| (key, reversed(value)));
            Json::Object(members.collect())
        }
        scalar => scalar.clone(),
    }
}

fn members_reversed(object: &Object) -> Object {
    let members = object.iter().rev().map(|(key, value)| match value {
        Json::Object(inner) => (key, Json::Object(members_reversed(inner))),
        other => (key, other.clone()),
    });
    members.collect()
}

proptest! {
    #[test]
    fn every_text_of_a_value_reads_as_that_value(value in json(), choices in any::<[u8; 31]>()) {
        prop_assert_eq!(&read(&write_oddly(&value, &choices)), &value);
        prop_assert_eq!(&read(&value.to_compact_string()), &value);
        prop_assert_eq!(&read(&value.to_pretty_string()), &value);
        prop_assert_eq!(&read(&value.to_canonical_string()), &value);
    }

    #[test]
    fn texts_keep_digits_and_order(value in json(), choices in any::<[u8; 31]>()) {
        let read = read(&write_oddly(&value, &choices));
        prop_assert_eq!(read.to_compact_string(), value.to_compact_string());
        prop_assert_eq!(read.to_pretty_string(), value.to_pretty_string());
    }

    #[test]
    fn canonical_text_is_its_own_canonical_text(value in json()) {
        let canonical = value.to_canonical_string();
        prop_assert_eq!(&read(&canonical).to_canonical_string(), &canonical);
        prop_assert_eq!(&read(&canonical).to_compact_string(), &canonical);
        prop_assert_eq!(&reversed(&value).to_canonical_string(), &canonical);
    }

    #[test]
    fn equality_is_that_of_canonical_texts(a in json(), b in json()) {
        prop_assert_eq!(a == b, a.to_canonical_string() == b.to_canonical_string());
        prop_assert_eq!(&reversed(&a), &a);
    }

    #[test]
    fn an_ordered_object_has_the_same_content(content in object(), template in object()) {
        let ordered = content.ordered_like(&template);
        prop_assert_eq!(&ordered, &content);
        let known: Vec<&str> = template.keys().filter(|key| content.contains_key(key)).collect();
        let new = content.keys().filter(|key| !template.contains_key(key));
        let expected: Vec<&str> = known.into_iter().chain(new).collect();
        prop_assert_eq!(ordered.keys().collect::<Vec<_>>(), expected);
        // Its own members, read in any order, go back to the order they had; arrays are values.
        let shuffled = members_reversed(&content);
        let again = Json::Object(shuffled.ordered_like(&content));
        prop_assert_eq!(again.to_compact_string(), Json::Object(content).to_compact_string());
    }

    /// Small and large objects find, replace and remove alike.
    #[test]
    fn an_object_is_an_ordered_map(steps in prop::collection::vec((any::<bool>(), 0_u8..40), 0..120)) {
        let mut object = Object::new();
        let mut model: Vec<(String, Json)> = Vec::new();
        for (number, (is_insert, key)) in (0_i64..).zip(steps) {
            let key = format!("k{key}");
            let known = model.iter().position(|(name, _)| *name == key);
            if is_insert {
                let before = object.insert(key.as_str(), number);
                match known {
                    Some(at) => {
                        let replaced = std::mem::replace(&mut model[at].1, number.into());
                        prop_assert_eq!(before, Some(replaced));
                    }
                    None => model.push((key, number.into())),
                }
            } else {
                prop_assert_eq!(object.remove(&key), known.map(|at| model.remove(at).1));
            }
            let members: Vec<_> = object.iter().map(|(k, v)| (k.to_owned(), v.clone())).collect();
            prop_assert_eq!(&members, &model);
            prop_assert!(model.iter().all(|(key, value)| object.get(key) == Some(value)));
            prop_assert_eq!(object.len(), model.len());
        }
    }
}

#[test]
fn values_that_differ_are_not_equal() {
    let cases = [
        ("1", "\"1\""),
        ("0", "false"),
        ("null", "false"),
        ("[]", "{}"),
        ("[1,2]", "[2,1]"),
        ("{\"a\":1}", "{\"a\":1,\"b\":1}"),
        ("{\"a\":null}", "{}"),
        ("1", "1.0000000000000000001"),
        ("\"é\"", "\"e\u{301}\""),
    ];
    for (a, b) in cases {
        assert_ne!(read(a), read(b), "{a} and {b}");
    }
}

#[test]
fn an_object_of_many_members_is_read_and_compared_quickly() {
    let members = (0..20_000_i64).map(|n| (format!("k{}", n * 7_919 % 20_000), Json::from(n)));
    let object: Object = members.collect();
    assert_eq!(object.len(), 20_000);
    let value = Json::Object(object);
    assert_eq!(read(&value.to_canonical_string()), value);
}
