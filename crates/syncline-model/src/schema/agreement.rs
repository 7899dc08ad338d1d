//! Whether two versions of a schema agree: what older writers send, and what older readers expect.
//!
//! Old and new clients write at once, so a new schema has to take what older writers send, and what
//! it lets through has to be what older readers expect. Only a part of JSON Schema is understood, and
//! anything else is refused rather than passed over.

use std::collections::BTreeSet;

use thiserror::Error;

use crate::json::{Json, Object};
use crate::limits::{DEPTH_MAX, SCHEMA_FINDINGS_MAX};
use crate::path::Path;

/// Keywords that only explain.
const ANNOTATIONS: &[&str] =
    &["$schema", "$id", "title", "description", "default", "examples", "format", "deprecated"];
/// Keywords that say which values fit.
const ASSERTIONS: &[&str] = &[
    "type",
    "enum",
    "properties",
    "required",
    "additionalProperties",
    "items",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "pattern",
];
/// Bounds from below and from above.
const BOUNDS: &[(&str, bool)] = &[
    ("minimum", true),
    ("minLength", true),
    ("minItems", true),
    ("maximum", false),
    ("maxLength", false),
    ("maxItems", false),
];
const TYPES: &[&str] = &["string", "number", "integer", "boolean", "object", "array", "null"];

/// A schema that is not understood.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the schema is not understood at `{at}`: {reason}")]
pub struct SchemaError {
    /// The keyword, as a JSON pointer into the schema.
    pub at: String,
    /// Why not.
    pub reason: &'static str,
}

impl SchemaError {
    /// Returns the stable code of the error.
    pub const fn code(&self) -> &'static str {
        "SCHEMA_MALFORMED"
    }
}

/// Whom a difference breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Breaks {
    /// What they write, and what was written before, does not fit the new schema.
    OlderWriters,
    /// What newer writers send does not fit the schema that they know.
    OlderReaders,
}

impl Breaks {
    /// Returns the words for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OlderWriters => "older writers",
            Self::OlderReaders => "older readers",
        }
    }
}

/// A difference between two versions of a schema that breaks somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The field; the root for the record as a whole.
    pub path: String,
    /// The keyword that differs.
    pub keyword: &'static str,
    /// Whom it breaks.
    pub breaks: Breaks,
    /// Why, in words.
    pub reason: &'static str,
}

/// Checks that a schema is one of an object and understood in all its parts.
///
/// # Errors
///
/// [`SchemaError`] names the first part that is not understood.
pub fn check_schema(schema: &Json) -> Result<(), SchemaError> {
    check(schema, "", 0)?;
    match schema.as_object().and_then(|schema| schema.get("type")).and_then(Json::as_str) {
        Some("object") => Ok(()),
        _ => Err(SchemaError { at: "/type".to_owned(), reason: "a record is an `object`" }),
    }
}

fn check(schema: &Json, at: &str, depth: usize) -> Result<(), SchemaError> {
    let refused = |keyword: &str, reason| {
        let step = keyword.replace('~', "~0").replace('/', "~1");
        let at = if keyword.is_empty() { at.to_owned() } else { format!("{at}/{step}") };
        Err(SchemaError { at, reason })
    };
    let Some(schema) = schema.as_object() else { return refused("", "a schema is an object") };
    if depth > DEPTH_MAX {
        return refused("", "it is nested too deep");
    }
    for (keyword, value) in schema.iter() {
        if !ANNOTATIONS.contains(&keyword) && !ASSERTIONS.contains(&keyword) {
            return refused(keyword, "the keyword is not known here");
        }
        let is_fit = match keyword {
            "title" | "description" | "pattern" | "format" => value.as_str().is_some(),
            "type" => types_of(Some(value)).is_some(),
            "enum" => value.as_array().is_some_and(|values| !values.is_empty()),
            "properties" => value.as_object().is_some(),
            "required" => names_of(Some(value)).is_some(),
            "additionalProperties" => matches!(value, Json::Bool(_)),
            "minimum" | "maximum" => value.as_number().is_some(),
            "minLength" | "maxLength" | "minItems" | "maxItems" => {
                value.as_number().and_then(|number| number.to_i64()).is_some_and(|n| n >= 0)
            }
            _ => true,
        };
        if !is_fit {
            return refused(keyword, "its value is not one that the keyword takes");
        }
    }
    for (name, inner) in properties(schema) {
        let step = name.replace('~', "~0").replace('/', "~1");
        check(inner, &format!("{at}/properties/{step}"), depth + 1)?;
    }
    match schema.get("items") {
        Some(items) => check(items, &format!("{at}/items"), depth + 1),
        None => Ok(()),
    }
}

/// Returns what breaks between an older version of a schema and a newer one, at most
/// [`SCHEMA_FINDINGS_MAX`] differences. Both are understood: see [`check_schema`].
pub fn compare(older: &Json, newer: &Json) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let (Some(older), Some(newer)) = (older.as_object(), newer.as_object()) {
        compare_at(older, newer, &Path::root(), &mut findings);
    }
    findings.truncate(SCHEMA_FINDINGS_MAX);
    findings
}

fn compare_at(older: &Object, newer: &Object, path: &Path, findings: &mut Vec<Finding>) {
    use Breaks::{OlderReaders, OlderWriters};
    if findings.len() >= SCHEMA_FINDINGS_MAX {
        return;
    }
    let mut found = |keyword, breaks, reason| {
        findings.push(Finding { path: path.as_str().to_owned(), keyword, breaks, reason });
    };
    let (was, is) = (types_of(older.get("type")), types_of(newer.get("type")));
    if let (Some(was), Some(is)) = (was, is) {
        if !was.is_subset(&is) {
            found("type", OlderWriters, "values of a type that it had do not fit any more");
        }
        if !is.is_subset(&was) {
            found("type", OlderReaders, "it may hold a type that they do not expect");
        }
    }
    let values =
        |schema: &Object| schema.get("enum").and_then(Json::as_array).map(<[Json]>::to_vec);
    match (values(older), values(newer)) {
        (None, None) => {}
        (None, Some(_)) => found("enum", OlderWriters, "values that fitted do not any more"),
        (Some(_), None) => found("enum", OlderReaders, "it may hold values that they do not know"),
        (Some(was), Some(is)) => {
            if was.iter().any(|value| !is.contains(value)) {
                found("enum", OlderWriters, "values that fitted do not any more");
            }
            if is.iter().any(|value| !was.contains(value)) {
                found("enum", OlderReaders, "it may hold values that they do not know");
            }
        }
    }
    for (keyword, is_lower) in BOUNDS {
        let bound = |schema: &Object| schema.get(keyword).and_then(Json::as_number).cloned();
        let (is_narrower, is_wider) = match (bound(older), bound(newer)) {
            (None, None) => (false, false),
            (None, Some(_)) => (true, false),
            (Some(_), None) => (false, true),
            (Some(was), Some(is)) if *is_lower => (is > was, is < was),
            (Some(was), Some(is)) => (is < was, is > was),
        };
        if is_narrower {
            found(keyword, OlderWriters, "values beyond the new bound do not fit any more");
        }
        if is_wider {
            found(keyword, OlderReaders, "it may hold values beyond the bound that they know");
        }
    }
    if older.get("pattern") != newer.get("pattern") {
        if newer.contains_key("pattern") {
            found("pattern", OlderWriters, "texts may not fit another pattern");
        }
        if older.contains_key("pattern") {
            found("pattern", OlderReaders, "it may hold texts of another pattern");
        }
    }
    compare_members(older, newer, &mut found);
    for (name, was) in properties(older) {
        let is = properties(newer).find(|(other, _)| *other == name).map(|(_, is)| is);
        if let (Some(was), Some(is)) = (was.as_object(), is.and_then(Json::as_object)) {
            compare_at(was, is, &below(path, name), findings);
        }
    }
    let items = |schema: &Object| schema.get("items").and_then(Json::as_object).cloned();
    if let (Some(was), Some(is)) = (items(older), items(newer)) {
        compare_at(&was, &is, &below(path, "*"), findings);
    }
}

/// Returns the path of a member; of one that is too long the path above it.
fn below(path: &Path, name: &str) -> Path {
    path.child(name).unwrap_or_else(|_| path.clone())
}

fn compare_members(
    older: &Object,
    newer: &Object,
    found: &mut impl FnMut(&'static str, Breaks, &'static str),
) {
    use Breaks::{OlderReaders, OlderWriters};
    let was = names_of(older.get("required")).unwrap_or_default();
    let is = names_of(newer.get("required")).unwrap_or_default();
    if !is.is_subset(&was) {
        found("required", OlderWriters, "records without a field that is required now do not fit");
    }
    if !was.is_subset(&is) {
        found("required", OlderReaders, "a field that they expect may be missing");
    }
    let is_closed =
        |schema: &Object| schema.get("additionalProperties") == Some(&Json::Bool(false));
    let lacks = |one: &Object, other: &Object| {
        properties(other).any(|(name, _)| properties(one).all(|(known, _)| known != name))
    };
    if is_closed(newer) && (!is_closed(older) || lacks(newer, older)) {
        found("additionalProperties", OlderWriters, "fields that were allowed are not any more");
    }
    if is_closed(older) && (!is_closed(newer) || lacks(older, newer)) {
        found("additionalProperties", OlderReaders, "it may hold fields that they do not allow");
    }
}

fn properties(schema: &Object) -> impl Iterator<Item = (&str, &Json)> {
    schema.get("properties").and_then(Json::as_object).into_iter().flat_map(Object::iter)
}

/// Returns the types that fit; every type where nothing is said, nothing where it is not understood.
fn types_of(said: Option<&Json>) -> Option<BTreeSet<&str>> {
    let Some(said) = said else { return Some(TYPES.iter().copied().collect()) };
    let words: Vec<&str> = match said {
        Json::String(word) => vec![word],
        Json::Array(words) => words.iter().map(Json::as_str).collect::<Option<_>>()?,
        _ => return None,
    };
    let is_known = !words.is_empty() && words.iter().all(|word| TYPES.contains(word));
    let mut types: BTreeSet<&str> = words.into_iter().collect();
    if types.contains("number") {
        types.insert("integer");
    }
    is_known.then_some(types)
}

fn names_of(said: Option<&Json>) -> Option<BTreeSet<&str>> {
    said?.as_array()?.iter().map(Json::as_str).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::parse;

    fn schema(text: &str) -> Json {
        let json = parse(text.as_bytes()).unwrap();
        assert_eq!(check_schema(&json), Ok(()), "{text}");
        json
    }

    /// A schema of one field, `/a`.
    fn field(text: &str) -> Json {
        schema(&format!(r#"{{"type":"object","properties":{{"a":{text}}}}}"#))
    }

    #[test]
    fn what_breaks_whom_is_told() {
        #[rustfmt::skip]
        let cases = [
            // name                      older                     newer                               writers readers
            ("nothing",                  r#"{"type":"string"}"#,   r#"{"type":"string"}"#,             0, 0),
            ("another title",            r#"{"title":"A"}"#,       r#"{"title":"B"}"#,                 0, 0),
            ("a type more",              r#"{"type":"string"}"#,   r#"{"type":["string","null"]}"#,    0, 1),
            ("a type less",              r#"{"type":["string","null"]}"#, r#"{"type":"string"}"#,      1, 0),
            ("another type",             r#"{"type":"string"}"#,   r#"{"type":"number"}"#,             1, 1),
            ("integers are numbers",     r#"{"type":"integer"}"#,  r#"{"type":"number"}"#,             0, 1),
            ("a word more",              r#"{"enum":["x"]}"#,      r#"{"enum":["x","y"]}"#,            0, 1),
            ("a word less",              r#"{"enum":["x","y"]}"#,  r#"{"enum":["x"]}"#,                1, 0),
            ("a higher minimum",         r#"{"minimum":1}"#,       r#"{"minimum":2}"#,                 1, 0),
            ("a lower minimum",          r#"{"minimum":2}"#,       r#"{"minimum":1}"#,                 0, 1),
            ("a new maximum",            "{}",                     r#"{"maxLength":9}"#,               1, 0),
            ("another pattern",          r#"{"pattern":"a"}"#,     r#"{"pattern":"b"}"#,               1, 1),
            ("deeper, in an array",      r#"{"items":{"type":"string"}}"#, r#"{"items":{"type":"null"}}"#, 1, 1),
        ];
        for (name, older, newer, writers, readers) in cases {
            let findings = compare(&field(older), &field(newer));
            let count = |breaks| findings.iter().filter(|one| one.breaks == breaks).count();
            let counts = (count(Breaks::OlderWriters), count(Breaks::OlderReaders));
            assert_eq!(counts, (writers, readers), "{name}: {findings:?}");
            assert!(findings.iter().all(|one| one.path.starts_with("/a")), "{name}");
        }
    }

    #[test]
    fn fields_that_come_and_go_break_only_where_others_are_not_allowed() {
        let open = schema(r#"{"type":"object","properties":{"a":{}}}"#);
        let more = schema(r#"{"type":"object","properties":{"a":{},"b":{}}}"#);
        assert_eq!(compare(&open, &more), []);
        assert_eq!(compare(&more, &open), []);
        let needed = schema(r#"{"type":"object","properties":{"a":{}},"required":["a"]}"#);
        assert_eq!(compare(&open, &needed)[0].breaks, Breaks::OlderWriters);
        assert_eq!(compare(&needed, &open)[0].breaks, Breaks::OlderReaders);
        let closed =
            schema(r#"{"type":"object","properties":{"a":{}},"additionalProperties":false}"#);
        assert_eq!(compare(&open, &closed)[0].breaks, Breaks::OlderWriters);
        assert_eq!(compare(&closed, &more)[0].breaks, Breaks::OlderReaders);
    }

    #[test]
    fn what_is_not_understood_is_refused_with_its_place() {
        let cases = [
            ("[]", ""),
            ("{}", "/type"),
            (r#"{"type":"array"}"#, "/type"),
            (r#"{"type":"object","$ref":"x"}"#, "/$ref"),
            (r#"{"type":"object","properties":{"a/b":{"type":"text"}}}"#, "/properties/a~1b/type"),
            (r#"{"type":"object","properties":{"a":{"enum":[]}}}"#, "/properties/a/enum"),
            (r#"{"type":"object","properties":{"a":{"items":[]}}}"#, "/properties/a/items"),
            (r#"{"type":"object","required":[1]}"#, "/required"),
            (r#"{"type":"object","additionalProperties":{}}"#, "/additionalProperties"),
        ];
        for (text, at) in cases {
            let refused = check_schema(&parse(text.as_bytes()).unwrap()).unwrap_err();
            assert_eq!((refused.at.as_str(), refused.code()), (at, "SCHEMA_MALFORMED"), "{text}");
        }
    }
}
