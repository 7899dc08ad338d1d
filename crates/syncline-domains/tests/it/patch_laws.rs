//! Laws of patches: what is visible becomes what was asked for, what is hidden stays.

use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use syncline_domains::files::patch::{PatchError, patch};
use syncline_model::json::fields::flatten_json;
use syncline_model::json::{Json, Leaf, Object};
use syncline_model::path::Path;

type Fields = Vec<(Path, Leaf)>;

fn object() -> impl Strategy<Value = Object> {
    let scalar = prop_oneof![(0_u64..3).prop_map(Json::from), Just(Json::Array(vec![Json::Null])),];
    let value = scalar.prop_recursive(3, 16, 4, |inner| {
        vec(("[a-c]", inner), 0..4).prop_map(|it| it.into_iter().collect::<Object>().into())
    });
    vec(("[a-d]", value), 0..5).prop_map(|members| members.into_iter().collect())
}

fn fields(object: &Object) -> Fields {
    flatten_json(object).unwrap()
}

fn parts(object: &Object, is_hidden: impl Fn(&Path) -> bool) -> (Fields, Fields) {
    fields(object).into_iter().partition(|(path, _)| is_hidden(path))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Policies hide whole members: then every change can be written.
    #[test]
    fn hidden_members_stay_and_visible_ones_become_what_was_asked(
        own in object(), other in object(), hidden in btree_set("[a-d]", 0..3),
    ) {
        let is_hidden = |path: &Path| path.segments().next().is_some_and(|key| hidden.contains(&*key));
        let (kept, before) = parts(&own, is_hidden);
        let (_, after) = parts(&other, is_hidden);
        let record = patch(Some(&own), None, &before, &after).unwrap();
        let (kept_now, visible_now) = parts(&record, is_hidden);
        prop_assert_eq!(visible_now, after);
        prop_assert_eq!(kept_now, kept);
        // Members that are there before and after keep their order.
        let order: Vec<&str> = record.keys().filter(|key| own.contains_key(key)).collect();
        let expected: Vec<&str> = own.keys().filter(|key| record.contains_key(key)).collect();
        prop_assert_eq!(order, expected);
    }

    /// Hidden fields strewn about may stand in the way; they are never lost.
    #[test]
    fn no_hidden_field_is_ever_lost(own in object(), other in object(), salt in any::<u64>()) {
        let is_hidden = |path: &Path| {
            path.as_str().bytes().fold(salt, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(31)) & 4 == 0
        };
        let (kept, before) = parts(&own, is_hidden);
        let (_, after) = parts(&other, is_hidden);
        let not_empty = |fields: Fields| -> Fields {
            fields.into_iter().filter(|(_, leaf)| !leaf.is_empty_object()).collect()
        };
        match patch(Some(&own), None, &before, &after) {
            Ok(record) => {
                let (kept_now, visible_now) = parts(&record, is_hidden);
                prop_assert_eq!(not_empty(kept_now), not_empty(kept));
                prop_assert_eq!(not_empty(visible_now), not_empty(after));
            }
            Err(PatchError::Blocked { path }) => {
                let near = |hidden: &Path| hidden.is_prefix_of(&path) || path.is_prefix_of(hidden);
                prop_assert!(kept.iter().any(|(hidden, _)| near(hidden)));
            }
            Err(error) => prop_assert!(false, "{error}"),
        }
    }

    #[test]
    fn a_new_record_is_ordered_like_its_template(template in object()) {
        let record = patch(None, Some(&template), &[], &fields(&template)).unwrap();
        let (text, expected) = (Json::from(record), Json::from(template));
        prop_assert_eq!(text.to_compact_string(), expected.to_compact_string());
    }

    #[test]
    fn without_a_difference_the_record_keeps_its_spelling(own in object()) {
        let same = fields(&own);
        let record = patch(Some(&own), None, &same, &same).unwrap();
        prop_assert_eq!(Json::from(record).to_compact_string(), Json::from(own).to_compact_string());
    }
}

#[test]
fn patches_of_one_record() {
    #[rustfmt::skip]
    let rows = [
        // name, own, visible before, visible after, expected
        ("a value keeps its place", r#"{"a":1,"b":2}"#, r#"{"a":1,"b":2}"#, r#"{"a":3,"b":2}"#, Some(r#"{"a":3,"b":2}"#)),
        ("equal numbers keep their spelling", r#"{"a":1.0}"#, r#"{"a":1}"#, r#"{"a":1.00}"#, Some(r#"{"a":1.0}"#)),
        ("an emptied object vanishes", r#"{"a":{"b":1},"c":2}"#, r#"{"a":{"b":1},"c":2}"#, r#"{"c":2}"#, Some(r#"{"c":2}"#)),
        ("unless it is meant to be empty", r#"{"a":{"b":1},"c":2}"#, r#"{"a":{"b":1},"c":2}"#, r#"{"a":{},"c":2}"#, Some(r#"{"a":{},"c":2}"#)),
        ("a scalar becomes an object in place", r#"{"a":1,"c":2}"#, r#"{"a":1,"c":2}"#, r#"{"a":{"b":1},"c":2}"#, Some(r#"{"a":{"b":1},"c":2}"#)),
        ("an object becomes a scalar in place", r#"{"a":{"b":1},"c":2}"#, r#"{"a":{"b":1},"c":2}"#, r#"{"a":1,"c":2}"#, Some(r#"{"a":1,"c":2}"#)),
        ("what is hidden keeps its object", r#"{"a":{"b":1,"h":2}}"#, r#"{"a":{"b":1}}"#, r#"{}"#, Some(r#"{"a":{"h":2}}"#)),
        ("a hidden value is not overwritten", r#"{"a":1}"#, r#"{}"#, r#"{"a":2}"#, None),
        ("a hidden value is not built over", r#"{"a":1}"#, r#"{}"#, r#"{"a":{"b":2}}"#, None),
        ("a hidden object is not replaced", r#"{"a":{"h":1}}"#, r#"{}"#, r#"{"a":2}"#, None),
        ("more than was seen is not removed", r#"{"a":{"h":1}}"#, r#"{"a":{}}"#, r#"{}"#, Some(r#"{"a":{"h":1}}"#)),
        ("keys are unescaped", r#"{"a/b":1}"#, r#"{"a/b":1}"#, r#"{"a/b":2,"":3}"#, Some(r#"{"a/b":2,"":3}"#)),
    ];
    let read = |text: &str| {
        let value = syncline_model::json::parse(text.as_bytes()).unwrap();
        value.as_object().unwrap().clone()
    };
    for (name, own, before, after, expected) in rows {
        let record = patch(Some(&read(own)), None, &fields(&read(before)), &fields(&read(after)));
        let text = record.ok().map(|record| Json::from(record).to_compact_string());
        assert_eq!(text.as_deref(), expected, "case: {name}");
    }
}
