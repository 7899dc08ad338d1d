//! Leaves: compact texts that are equal, ordered and hashed by their canonical form.

use std::cmp::Ordering;
use std::hash::{DefaultHasher, Hash, Hasher};

use proptest::prelude::*;
use syncline_model::json::{Json, JsonError, Kind, Leaf, Number};

use crate::json_support::{json, write_oddly};

fn hash_of(leaf: &Leaf) -> u64 {
    let mut hasher = DefaultHasher::new();
    leaf.hash(&mut hasher);
    hasher.finish()
}

/// Values of which many are equal, but written in different ways.
fn close() -> impl Strategy<Value = Leaf> {
    let texts = [
        "1",
        "1.0",
        "1e0",
        "10",
        "0",
        "-0",
        "0e9",
        "\"1\"",
        "\"a\"",
        "\"\\u0061\"",
        "[1]",
        "[1.0]",
        "[]",
        "{}",
        "{\"a\":1,\"b\":2}",
        "{\"b\":2.0,\"a\":1}",
        "{\"a\":1}",
        "null",
        "true",
        "false",
        "\"/\"",
        "\"\\/\"",
        "\"\\n\"",
        "\"\\u000A\"",
        "1e21",
        "1000000000000000000000",
    ];
    let odd = prop::sample::select(texts.to_vec()).prop_map(|text| Leaf::parse(text).unwrap());
    let any = json().prop_map(|value| Leaf::from_json(&value).unwrap());
    prop_oneof![3 => odd, 1 => any]
}

proptest! {
    #[test]
    fn a_leaf_is_the_compact_text_of_its_value(value in json(), choices in any::<[u8; 31]>()) {
        let leaf = Leaf::parse(&write_oddly(&value, &choices)).unwrap();
        prop_assert_eq!(leaf.as_str(), value.to_compact_string());
        prop_assert!(Leaf::from_json(&value).unwrap().as_str() == leaf.as_str());
        prop_assert_eq!(leaf.canonical(), value.to_canonical_string());
        prop_assert!(Leaf::parse(leaf.as_str()).unwrap().as_str() == leaf.as_str());
        prop_assert_eq!(leaf.as_number(), value.as_number().cloned());
        prop_assert!(leaf.as_string().as_deref() == value.as_str());
        prop_assert_eq!(leaf.as_bool(), value.as_bool());
        prop_assert_eq!(leaf.is_null(), value.is_null());
        let is_empty_object = value.as_object().is_some_and(|object| object.is_empty());
        prop_assert_eq!(leaf.is_empty_object(), is_empty_object);
        prop_assert_eq!(leaf.to_json(), value);
    }

    #[test]
    fn equality_order_and_hash_agree(a in close(), b in close(), c in close()) {
        prop_assert_eq!(a == b, a.canonical() == b.canonical());
        prop_assert_eq!(a == b, a.to_json() == b.to_json());
        prop_assert_eq!(a == b, a.cmp(&b).is_eq());
        prop_assert_eq!(a == b, hash_of(&a) == hash_of(&b));
        prop_assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
        if a.cmp(&b).is_le() && b.cmp(&c).is_le() {
            prop_assert!(a.cmp(&c).is_le());
        }
    }
}

#[test]
fn a_leaf_knows_its_kind() {
    #[rustfmt::skip]
    let cases = [
        (Leaf::null(), Kind::Null, "null"),
        (Leaf::from(true), Kind::Bool, "true"),
        (Leaf::from(-3_i64), Kind::Number, "-3"),
        (Leaf::from(&Number::parse("1.50").unwrap()), Kind::Number, "1.50"),
        (Leaf::string("a\n\"b\""), Kind::String, "\"a\\n\\\"b\\\"\""),
        (Leaf::parse(" [ 1 , { } ] ").unwrap(), Kind::Array, "[1,{}]"),
        (Leaf::empty_object(), Kind::Object, "{}"),
    ];
    for (leaf, kind, text) in cases {
        assert_eq!((leaf.kind(), leaf.as_str()), (kind, text));
        assert_eq!(Leaf::parse(text).unwrap().cmp(&leaf), Ordering::Equal);
    }
}

#[test]
fn a_tree_that_could_not_be_read_back_is_no_leaf() {
    let nested = |levels| (0..levels).fold(Json::Null, |inner, _| Json::Array(vec![inner]));
    assert!(Leaf::from_json(&nested(64)).is_ok());
    assert_eq!(Leaf::from_json(&nested(65)), Err(JsonError::TooDeep { offset: 64 }));
}

/// Merge states hold one leaf per field: three words, within which most texts have room.
#[test]
fn a_leaf_is_three_words() {
    assert_eq!(size_of::<Leaf>(), 3 * size_of::<usize>());
    assert_eq!(size_of::<Option<Leaf>>(), size_of::<Leaf>());
}

#[test]
fn the_short_way_for_scalars_reads_what_the_strict_way_reads() {
    let texts = ["null", "true", "nul", "truee", "", "0", "00", "01", "7", "10", "-1", "1.0", "+1"];
    let digits = ["123456789012345", "1234567890123456", "1e5", "12a"];
    for text in texts.into_iter().chain(digits) {
        let texts = |leaf: Leaf| leaf.as_str().to_owned();
        let (short, strict) = (Leaf::parse(text), Leaf::from_raw(text.as_bytes()));
        assert_eq!(short.map(texts).ok(), strict.map(texts).ok(), "text: {text}");
    }
}

proptest! {
    #[test]
    fn the_short_way_for_plain_strings_reads_what_the_strict_way_reads(
        text in r#""?[a-z"\\ \x00-\x22\x7f-\u{a0}é😀u0-9]{0,6}"?"#
    ) {
        let (short, strict) = (Leaf::parse(&text), Leaf::from_raw(text.as_bytes()));
        let texts = |leaf: &Leaf| leaf.as_str().to_owned();
        prop_assert_eq!(short.as_ref().map(texts).ok(), strict.as_ref().map(texts).ok());
    }
}
