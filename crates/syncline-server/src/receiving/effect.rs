//! What a record becomes by what is told of it.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use syncline_model::clock::Clock;
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

/// A record as it is here.
pub(super) struct Here<'h> {
    /// Its fields.
    pub(super) fields: &'h [(Path, Leaf)],
    /// When each field was edited that is a register, also one that was removed.
    pub(super) edited: &'h BTreeMap<Path, Clock>,
    /// When the latest of them was, in milliseconds since the Unix epoch.
    pub(super) edited_ms: u64,
}

impl Here<'_> {
    fn value(&self, path: &Path) -> Option<&Leaf> {
        self.fields.iter().find(|(found, _)| found == path).map(|(_, leaf)| leaf)
    }

    /// Returns the other fields that cannot be there beside one.
    fn in_the_way<'h>(&'h self, path: &'h Path) -> impl Iterator<Item = &'h Path> {
        let paths = self.fields.iter().map(|(found, _)| found);
        let is_apart = |other: &Path| other.is_prefix_of(path) || path.is_prefix_of(other);
        paths.filter(move |other| *other != path && is_apart(other))
    }

    /// Returns how an edit compares with what is here. What adds up or is collected has no time of its own: then that
    /// of the record counts.
    fn compare(&self, path: &Path, (value, clock): (Option<&Leaf>, Clock)) -> Ordering {
        let of = |path: &Path| match (self.edited.get(path), self.value(path)) {
            (Some(clock), _) => Some(*clock),
            (None, Some(_)) => Some(Clock::new(self.edited_ms, 0)),
            (None, None) => None,
        };
        let known = self.in_the_way(path).filter_map(of).chain(of(path)).max();
        let text = |leaf: Option<&Leaf>| leaf.map(|leaf| leaf.canonical().into_owned());
        // Of two that were written at the same time both hubs find the same one to be the latter; the other one is not
        // even put beside it, where it would look like the latter.
        let is_greater = || match text(value) > text(self.value(path)) {
            true => Ordering::Greater,
            false => Ordering::Equal,
        };
        known.map_or(Ordering::Greater, |known| clock.cmp(&known).then_with(is_greater))
    }
}

/// A part of what is told.
#[derive(Debug, PartialEq)]
pub(super) struct Change {
    /// When it was edited, in milliseconds since the Unix epoch.
    pub(super) at_ms: u64,
    /// Whether it takes the place of what is here; else it is older, and beside that.
    pub(super) has_seen: bool,
    /// The parts of the operation.
    pub(super) effect: Object,
}

/// Returns what becomes of the fields of a record of which a hub tells when they were edited: what was edited later
/// than what is here takes its place.
///
/// # Errors
///
/// [`JsonError`] if names make a path too long.
pub(super) fn changes(
    data: &Object,
    edited: &[(Path, Clock)],
    here: &Here<'_>,
) -> Result<Vec<Change>, JsonError> {
    let told: BTreeMap<Path, Leaf> = flatten_json(data)?.into_iter().collect();
    let each = edited.iter().flat_map(|(path, clock)| match path.is_root() {
        true => told.keys().map(|path| (path, *clock)).collect(),
        false => vec![(path, *clock)],
    });
    let mut parts: BTreeMap<(bool, u64), (Object, BTreeSet<&str>)> = BTreeMap::new();
    for (path, clock) in each {
        let (value, had) = (told.get(path), here.value(path));
        // An empty object says nothing of what is below it.
        let is_above = value.is_some_and(Leaf::is_empty_object)
            && here.in_the_way(path).any(|other| path.is_prefix_of(other));
        let order = here.compare(path, (value, clock));
        if value == had || is_above || order == Ordering::Equal {
            continue;
        }
        let has_seen = order == Ordering::Greater;
        let (set, unset) = parts.entry((has_seen, clock.millis())).or_default();
        match value {
            Some(leaf) => {
                set.insert(path.as_str(), leaf.to_json());
                unset.extend(here.in_the_way(path).filter(|_| has_seen).map(Path::as_str));
            }
            None if has_seen => {
                unset.insert(path.as_str());
            }
            None => {}
        }
    }
    let change = |((has_seen, at_ms), (set, unset)): (_, (Object, BTreeSet<&str>))| {
        let mut effect = Object::new();
        if !set.is_empty() {
            effect.insert("set", set);
        }
        if !unset.is_empty() {
            let unset: Vec<Json> = unset.into_iter().map(Json::from).collect();
            effect.insert("unset", unset);
        }
        (!effect.is_empty()).then_some(Change { at_ms, has_seen, effect })
    };
    Ok(parts.into_iter().filter_map(change).collect())
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

    #[test]
    fn of_each_field_that_holds_which_was_edited_later() {
        let clock = |millis| Clock::new(millis, 0);
        #[rustfmt::skip]
        let cases = [
            // here, edited    told          edited              set and unset as seen, or beside what is here
            (r#"{"a":1,"b":2}"#, r#"{"a":9,"b":3}"#, vec![("/b", 9)],            r#"9:{"set":{"/b":3}}"#),
            (r#"{"a":1}"#,       r#"{"a":2}"#,       vec![("/a", 4)],            r#"-4:{"set":{"/a":2}}"#),
            (r#"{"a":1}"#,       r#"{"a":2}"#,       vec![("/a", 5)],            r#"5:{"set":{"/a":2}}"#),
            (r#"{"a":2}"#,       r#"{"a":1}"#,       vec![("/a", 5)],            ""),
            (r#"{"a":1}"#,       r#"{"a":1}"#,       vec![("/a", 9)],            ""),
            (r#"{"a":1,"b":2}"#, r#"{"b":2}"#,       vec![("/a", 9)],            r#"9:{"unset":["/a"]}"#),
            (r#"{"a":1,"b":2}"#, r#"{"b":2}"#,       vec![("/a", 4)],            ""),
            (r#"{"a":1}"#,       r#"{"b":2}"#,       vec![("/b", 1)],            r#"1:{"set":{"/b":2}}"#),
            (r#"{"a":1}"#,       r#"{"a":{"b":2}}"#, vec![("/a", 9), ("/a/b", 9)], r#"9:{"set":{"/a/b":2},"unset":["/a"]}"#),
            (r#"{"a":1}"#,       r#"{"a":{"b":2}}"#, vec![("/a/b", 4)],          r#"-4:{"set":{"/a/b":2}}"#),
            (r#"{"a":{"b":2}}"#, r#"{"a":{}}"#,      vec![("/a", 9)],            ""),
            (r#"{"a":1,"b":2}"#, r#"{"a":8,"b":9}"#, vec![("", 9)],              r#"9:{"set":{"/a":8,"/b":9}}"#),
            (r#"{"a":1,"b":2}"#, r#"{"a":8,"b":9}"#, vec![("/a", 4), ("/b", 9)], r#"-4:{"set":{"/a":8}} 9:{"set":{"/b":9}}"#),
        ];
        for (here, told, edited, expected) in cases {
            let fields = flatten_json(&object(here)).unwrap();
            let known = fields.iter().map(|(path, _)| (path.clone(), clock(5))).collect();
            let here_now = Here { fields: &fields, edited: &known, edited_ms: 5 };
            let edited: Vec<_> = edited
                .into_iter()
                .map(|(path, millis)| (Path::parse(path).unwrap(), clock(millis)))
                .collect();
            let made = changes(&object(told), &edited, &here_now).unwrap();
            let said = made.into_iter().map(|Change { at_ms, has_seen, effect }| {
                let sign = if has_seen { "" } else { "-" };
                format!("{sign}{at_ms}:{}", Json::Object(effect).to_compact_string())
            });
            assert_eq!(said.collect::<Vec<_>>().join(" "), expected, "{here} {told} {edited:?}");
        }
    }
}
