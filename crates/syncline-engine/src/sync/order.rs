//! The order in which domains are given the elements of an array whose order says nothing.
//!
//! The elements of a union and the members of a keyed array have no order at the hub. People give
//! them one: the first telephone number is the preferred one. What is written follows the source,
//! and then the target, so that both end with the same order.

use std::collections::BTreeMap;

use syncline_merge::display::{Field, Fields};
use syncline_merge::rules::{EntityRules, Shape};
use syncline_model::json::{Json, Leaf, Object};

/// Puts elements into the order in which the domains of the link have them. Members that are objects
/// keep the order of their fields.
///
/// - `held`: what source and target hold, sorted by path.
pub(super) fn arrange(fields: &mut Fields, held: [&[Field]; 2], rules: &EntityRules) {
    for (path, leaf) in fields {
        let shape = rules.shape(path);
        if !matches!(shape, Shape::Union | Shape::Keyed { .. }) {
            continue;
        }
        let array = |fields: &[Field]| {
            let at = fields.binary_search_by(|(known, _)| known.cmp(path)).ok()?;
            elements(&fields.get(at)?.1)
        };
        let examples = held.into_iter().filter_map(array).flatten();
        if let Some(arranged) = elements(leaf).map(|elements| like(elements, examples, shape)) {
            // What was read as JSON can be written as JSON.
            *leaf = Leaf::from_json(&Json::Array(arranged)).unwrap_or_else(|_| leaf.clone());
        }
    }
}

fn elements(leaf: &Leaf) -> Option<Vec<Json>> {
    match leaf.to_json() {
        Json::Array(elements) => Some(elements),
        _ => None,
    }
}

/// Returns the elements in the order of the examples, the others after them.
fn like(elements: Vec<Json>, examples: impl Iterator<Item = Json>, shape: &Shape) -> Vec<Json> {
    let mut places: BTreeMap<String, (usize, Option<Object>)> = BTreeMap::new();
    for (place, example) in examples.enumerate() {
        let name = name(&example, shape);
        places.entry(name).or_insert_with(|| (place, object(example)));
    }
    let placed = elements.into_iter().map(|element| match places.get(&name(&element, shape)) {
        Some((place, example)) => (*place, with_fields_like(element, example.as_ref())),
        None => (usize::MAX, element),
    });
    let mut placed: Vec<(usize, Json)> = placed.collect();
    placed.sort_by_key(|(place, _)| *place);
    placed.into_iter().map(|(_, element)| element).collect()
}

/// Returns what tells an element from all others of its array.
fn name(element: &Json, shape: &Shape) -> String {
    let key = match (shape, element) {
        (Shape::Keyed { key }, Json::Object(member)) => member.get(key),
        _ => None,
    };
    key.unwrap_or(element).to_canonical_string()
}

fn object(example: Json) -> Option<Object> {
    match example {
        Json::Object(example) => Some(example),
        _ => None,
    }
}

fn with_fields_like(element: Json, example: Option<&Object>) -> Json {
    match (element, example) {
        (Json::Object(element), Some(example)) => Json::Object(element.ordered_like(example)),
        (element, _) => element,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use syncline_merge::rules::{FieldRules, Rule};
    use syncline_model::json::fields::flatten;
    use syncline_model::path::Pattern;

    fn arranged(shape: Shape, array: &str, held: [&str; 2]) -> String {
        let pattern = Pattern::parse("/f").unwrap();
        let fields = vec![FieldRules { pattern, shape, rule: Rule::default() }];
        let rules = EntityRules { fields, ..EntityRules::default() };
        let fields = |array: &str| match array {
            "" => Fields::new(),
            array => flatten(format!(r#"{{"f":{array},"g":[2,1]}}"#).as_bytes()).unwrap(),
        };
        let mut found = fields(array);
        let [source, target] = held.map(fields);
        arrange(&mut found, [&source, &target], &rules);
        assert_eq!(found[1].1.as_str(), "[2,1]", "a register keeps its order");
        found[0].1.as_str().to_owned()
    }

    #[test]
    fn elements_come_in_the_order_of_the_source_and_then_of_the_target() {
        let keyed = || Shape::Keyed { key: "t".into() };
        #[rustfmt::skip]
        let cases = [
            // shape, elements, held by the source, held by the target, written
            (Shape::Union, r#"["a","b","c"]"#, r#"["c","b"]"#, r#"["a","b","c"]"#, r#"["c","b","a"]"#),
            (Shape::Union, r#"["a","b","c"]"#, "", r#"["b","c","a"]"#, r#"["b","c","a"]"#),
            (Shape::Union, r#"["a","b"]"#, "", "", r#"["a","b"]"#),
            (Shape::Union, r#"["a","b"]"#, "7", r#""x""#, r#"["a","b"]"#),
            (Shape::Union, r#"["b","x"]"#, r#"["x","gone"]"#, "", r#"["x","b"]"#),
            (keyed(), r#"[{"n":1,"t":"a"},{"n":9,"t":"b"}]"#, r#"[{"t":"b","n":2},{"t":"a","n":1}]"#, "",
                r#"[{"t":"b","n":9},{"t":"a","n":1}]"#),
            (keyed(), r#"[{"n":1,"t":"a"},{"n":2,"t":"b"}]"#, "", r#"[{"t":"b","n":2},{"t":"a"}]"#,
                r#"[{"t":"b","n":2},{"t":"a","n":1}]"#),
        ];
        for (shape, array, source, target, written) in cases {
            let found = arranged(shape, array, [source, target]);
            assert_eq!(found, written, "{array} beside {source}, {target}");
        }
    }
}
