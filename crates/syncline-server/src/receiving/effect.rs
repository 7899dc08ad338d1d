//! What a record becomes by what is told of it.

use syncline_model::json::fields::flatten_json;
use syncline_model::json::{Json, JsonError, Leaf, Object};
use syncline_model::path::Path;

/// Returns the parts of the operation that gives a record these fields; `None` if it has them.
///
/// Fields that are not told of stay: an application tells what it knows. A field that stands where another one
/// is told to have fields of its own, or the other way round, makes room.
///
/// # Errors
///
/// [`JsonError`] if names make a path too long.
pub(super) fn effect(data: &Object, had: &[(Path, Leaf)]) -> Result<Option<Object>, JsonError> {
    let told = flatten_json(data)?;
    let is_there = |path: &Path, leaf| had.iter().any(|(p, l)| p == path && l == leaf);
    // An empty object says nothing of what is below it.
    let has_below = |path: &Path| had.iter().any(|(p, _)| p != path && path.is_prefix_of(p));
    let new: Vec<_> = told
        .iter()
        .filter(|(path, leaf)| !is_there(path, leaf))
        .filter(|(path, leaf)| !(leaf.is_empty_object() && has_below(path)))
        .collect();
    if new.is_empty() {
        return Ok(None);
    }
    let is_in_the_way = |path: &Path| {
        let is_apart =
            |new: &Path| new != path && (new.is_prefix_of(path) || path.is_prefix_of(new));
        new.iter().any(|(new, _)| is_apart(new))
    };
    let gone = had.iter().map(|(path, _)| path).filter(|path| is_in_the_way(path));
    let gone: Vec<Json> = gone.map(|path| path.as_str().into()).collect();
    let (mut set, mut effect) = (Object::new(), Object::new());
    for (path, leaf) in new {
        set.insert(path.as_str(), leaf.to_json());
    }
    effect.insert("set", set);
    if !gone.is_empty() {
        effect.insert("unset", gone);
    }
    Ok(Some(effect))
}

#[cfg(test)]
mod tests {
    use super::*;
    use syncline_model::json::parse;

    fn object(text: &str) -> Object {
        parse(text.as_bytes()).unwrap().as_object().unwrap().clone()
    }

    #[test]
    fn what_is_told_is_written_where_it_differs_and_nothing_else_is_touched() {
        #[rustfmt::skip]
        let cases = [
            (r#"{"a":1,"b":{"c":2}}"#, r#"{"a":1,"b":{"c":2}}"#, None),
            (r#"{"a":1}"#,             r#"{}"#,                  None),
            (r#"{"a":1,"b":2}"#,       r#"{"b":3}"#,             Some(r#"{"set":{"/b":3}}"#)),
            (r#"{"a":1}"#,             r#"{"a":null}"#,          Some(r#"{"set":{"/a":null}}"#)),
            (r#"{"a":1}"#,             r#"{"a":{"b":2}}"#,       Some(r#"{"set":{"/a/b":2},"unset":["/a"]}"#)),
            (r#"{"a":{"b":2,"c":3}}"#, r#"{"a":[1]}"#,           Some(r#"{"set":{"/a":[1]},"unset":["/a/b","/a/c"]}"#)),
            (r#"{"a":{"b":2}}"#,       r#"{"a":{}}"#,            None),
            (r#"{"a":1}"#,             r#"{"b":{}}"#,            Some(r#"{"set":{"/b":{}}}"#)),
            (r#"{"a":1.0}"#,           r#"{"a":1}"#,             None),
        ];
        for (had, told, expected) in cases {
            let had = flatten_json(&object(had)).unwrap();
            let made = effect(&object(told), &had).unwrap();
            let made = made.map(|made| Json::Object(made).to_compact_string());
            assert_eq!(made.as_deref(), expected, "{told}");
        }
    }
}
