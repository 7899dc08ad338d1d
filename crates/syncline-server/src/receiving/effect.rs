//! What a record becomes by what is told of it.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use syncline_hub::served::LatestEdit;
use syncline_model::clock::Clock;
use syncline_model::id::Writer;
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
    pub(super) fields: BTreeMap<&'h Path, &'h Leaf>,
    /// The latest edit of each field that is a register, also of one that was removed.
    pub(super) edited: &'h BTreeMap<Path, LatestEdit>,
    /// When the latest of them was, in milliseconds since the Unix epoch.
    pub(super) edited_ms: u64,
    /// As whom is written what is told.
    pub(super) writer: &'h Writer,
}

impl<'h> Here<'h> {
    /// Returns the other fields that cannot be there beside one.
    fn in_the_way(&self, path: &Path) -> Vec<&'h Path> {
        let above = path.ancestors().filter_map(|above| self.fields.get_key_value(&above));
        let below = self.fields.range::<Path, _>(path..).skip_while(|(other, _)| **other == path);
        let below = below.take_while(|(other, _)| path.is_prefix_of(other));
        above.chain(below).map(|(other, _)| *other).collect()
    }

    /// Returns how an edit compares with what is here. What adds up or is collected has no time of its own: then that
    /// of the record counts.
    fn compare(&self, path: &Path, (value, clock): (Option<&Leaf>, Clock)) -> Ordering {
        let of = |path: &Path| match (self.edited.get(path), self.fields.get(path)) {
            (Some(latest), _) => Some(latest.at),
            (None, Some(_)) => Some(Clock::new(self.edited_ms, 0)),
            (None, None) => None,
        };
        let known = self.in_the_way(path).into_iter().filter_map(of).chain(of(path)).max();
        let text = |leaf: Option<&Leaf>| leaf.map(|leaf| leaf.canonical().into_owned());
        // Of two that were written at the same time both hubs find the same one to be the latter; the other one is not
        // even put beside it, where it would look like the latter.
        let is_greater = || match text(value) > text(self.fields.get(path).copied()) {
            true => Ordering::Greater,
            false => Ordering::Equal,
        };
        known.map_or(Ordering::Greater, |known| clock.cmp(&known).then_with(is_greater))
    }

    /// Returns what becomes of a field: whether what is told takes the place of what is here, or is put beside it;
    /// `None` if neither.
    fn judge(&self, path: &Path, (value, clock): (Option<&Leaf>, Clock)) -> Option<bool> {
        let known = self.edited.get(path);
        if value == self.fields.get(path).copied() {
            // What is the same was edited later: so it is told of from here on.
            let is_later = value.is_some() && known.is_some_and(|known| clock > known.at);
            return is_later.then_some(true);
        }
        // An empty object says nothing of what is below it.
        let is_above = value.is_some_and(Leaf::is_empty_object)
            && self.in_the_way(path).iter().any(|other| path.is_prefix_of(other));
        match self.compare(path, (value, clock)) {
            _ if is_above => None,
            Ordering::Greater => Some(true),
            Ordering::Equal => None,
            // A writer never puts anything beside what it has written itself: that would be its next edit.
            Ordering::Less => {
                let all = self.in_the_way(path).into_iter().chain([path]);
                let latest =
                    all.filter_map(|path| self.edited.get(path)).max_by_key(|edit| edit.at);
                let is_own = latest.is_some_and(|latest| latest.by == *self.writer);
                (value.is_some() && !is_own).then_some(false)
            }
        }
    }
}

/// A part of what is told.
#[derive(Debug, PartialEq)]
pub(super) struct Change {
    /// When it was edited.
    pub(super) edited: Clock,
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
    let named: Vec<(&Path, Clock)> = match edited {
        [(path, clock)] if path.is_root() => told.keys().map(|path| (path, *clock)).collect(),
        // Where fields are named, the root only says since when the record is there.
        named => named.iter().map(|(path, clock)| (path, *clock)).collect(),
    };
    let mut parts: BTreeMap<(bool, Clock), (Object, BTreeSet<&str>)> = BTreeMap::new();
    for (path, clock) in named.into_iter().filter(|(path, _)| !path.is_root()) {
        let value = told.get(path);
        let Some(has_seen) = here.judge(path, (value, clock)) else { continue };
        let (set, unset) = parts.entry((has_seen, clock)).or_default();
        match value {
            Some(leaf) => {
                set.insert(path.as_str(), leaf.to_json());
                unset.extend(
                    here.in_the_way(path).iter().filter(|_| has_seen).map(|other| other.as_str()),
                );
            }
            None => {
                unset.insert(path.as_str());
            }
        }
    }
    Ok(parts.into_iter().map(|((has_seen, edited), part)| change(edited, has_seen, part)).collect())
}

fn change(edited: Clock, has_seen: bool, (set, unset): (Object, BTreeSet<&str>)) -> Change {
    let mut effect = Object::new();
    if !set.is_empty() {
        effect.insert("set", set);
    }
    if !unset.is_empty() {
        let unset: Vec<Json> = unset.into_iter().map(Json::from).collect();
        effect.insert("unset", unset);
    }
    Change { edited, has_seen, effect }
}

/// Returns what becomes of a record that is not here: all of it, of which what is not named was edited before anything.
///
/// # Errors
///
/// As [`changes`].
pub(super) fn made_anew(data: &Object, edited: &[(Path, Clock)]) -> Result<Vec<Change>, JsonError> {
    let whole = match edited {
        [(path, clock)] if path.is_root() => *clock,
        _ => Clock::default(),
    };
    let named: BTreeMap<&Path, Clock> = edited.iter().map(|(path, clock)| (path, *clock)).collect();
    let mut parts: BTreeMap<Clock, Object> = BTreeMap::new();
    for (path, leaf) in flatten_json(data)? {
        let clock = named.get(&path).copied().unwrap_or(whole);
        parts.entry(clock).or_default().insert(path.as_str(), leaf.to_json());
    }
    let changes = parts.into_iter().map(|(clock, set)| change(clock, true, (set, BTreeSet::new())));
    Ok(changes.collect())
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
            (r#"{"a":1}"#,       r#"{"a":1}"#,       vec![("/a", 5)],            ""),
            (r#"{"a":1}"#,       r#"{"a":1}"#,       vec![("/a", 9)],            r#"9:{"set":{"/a":1}}"#),
            (r#"{"a":1,"b":2}"#, r#"{"a":1,"b":3}"#, vec![("", 9), ("/b", 7)],   r#"7:{"set":{"/b":3}}"#),
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
            let by = Writer::new("somebody").unwrap();
            let latest = LatestEdit { at: clock(5), by: by.clone() };
            let known = fields.iter().map(|(path, _)| (path.clone(), latest.clone())).collect();
            let writer = Writer::new("hook-1").unwrap();
            let here_now = Here {
                fields: fields.iter().map(|(path, leaf)| (path, leaf)).collect(),
                edited: &known,
                edited_ms: 5,
                writer: &writer,
            };
            let edited: Vec<_> = edited
                .into_iter()
                .map(|(path, millis)| (Path::parse(path).unwrap(), clock(millis)))
                .collect();
            let made = changes(&object(told), &edited, &here_now).unwrap();
            let said = made.into_iter().map(|Change { edited, has_seen, effect }| {
                let (sign, at_ms) = (if has_seen { "" } else { "-" }, edited.millis());
                format!("{sign}{at_ms}:{}", Json::Object(effect).to_compact_string())
            });
            assert_eq!(said.collect::<Vec<_>>().join(" "), expected, "{here} {told} {edited:?}");
            let own = Here { writer: &by, ..here_now };
            let own = changes(&object(told), &edited, &own).unwrap();
            assert!(own.iter().all(|change| change.has_seen), "nothing is put beside its own");
        }
    }
}
