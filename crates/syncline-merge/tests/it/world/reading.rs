//! Edits of a file, and what they say: a second three-way difference, for this world's fields only.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};
use syncline_merge::display::{Fields, sum_value};
use syncline_merge::operation::{Effect, FieldOperation};
use syncline_merge::state::{Body, ElementId, Record};
use syncline_model::json::{Json, Leaf, Number, Object};
use syncline_model::path::Path;

use super::World;
use super::random::Random;
use crate::oracle::{ELEMENTS, KEEP, KEYS};

type Values = BTreeMap<String, Leaf>;

fn values(fields: Option<&Fields>) -> Values {
    let fields = fields.into_iter().flatten();
    fields.map(|(path, leaf)| (path.as_str().to_owned(), leaf.clone())).collect()
}

fn fields(values: Values) -> Fields {
    let paths = values.into_iter().map(|(path, leaf)| (Path::parse(&path).unwrap(), leaf));
    let mut fields: Fields = paths.collect();
    fields.sort_by(|a, b| a.0.cmp(&b.0));
    fields
}

fn elements(leaf: Option<&Leaf>) -> Vec<Leaf> {
    match leaf.map(Leaf::to_json) {
        Some(Json::Array(elements)) => {
            elements.iter().map(|element| Leaf::from_json(element).unwrap()).collect()
        }
        _ => vec![],
    }
}

fn array(elements: &[Leaf]) -> Leaf {
    let elements = elements.iter().map(Leaf::to_json);
    Leaf::from_json(&Json::Array(elements.collect())).unwrap()
}

fn members(leaf: Option<&Leaf>) -> BTreeMap<String, Values> {
    let member = |leaf: &Leaf| {
        let Json::Object(object) = leaf.to_json() else { unreachable!("members are objects") };
        let values =
            object.iter().map(|(key, value)| (format!("/{key}"), Leaf::from_json(value).unwrap()));
        let values: Values = values.collect();
        let key = values["/id"].as_string().unwrap().into_owned();
        (key, values)
    };
    elements(leaf).iter().map(member).collect()
}

fn member_array(members: &BTreeMap<String, Values>) -> Leaf {
    let objects = members.values().map(|values| {
        let mut object = Object::new();
        for (path, leaf) in values {
            object.insert(&path[1..], leaf.to_json());
        }
        Json::Object(object)
    });
    Leaf::from_json(&Json::Array(objects.collect())).unwrap()
}

/// Edits a file as somebody does who knows nothing of hubs.
pub(crate) fn edit(before: Option<Fields>, world: &World, random: &mut Random) -> Option<Fields> {
    if before.is_some() && random.chance(12) {
        return None;
    }
    let mut values = values(before.as_ref());
    for _ in 0..1 + random.below(2) {
        edit_field(&mut values, world, random);
    }
    Some(fields(values))
}

fn edit_field(values: &mut Values, world: &World, random: &mut Random) {
    let number = |random: &mut Random| i64::try_from(random.below(9)).unwrap() - 3;
    match random.below(11) {
        0..=3 => {
            let path = random.pick(&["/a", "/a/b", "/r", "/v"]);
            values.retain(|other, _| !other.starts_with("/a") || !path.starts_with("/a"));
            values.insert(path.into(), world.value(random));
        }
        4 => {
            let path = random.pick(&["/a", "/a/b", "/r", "/v", "/n", "/u", "/k", "/t"]);
            values.remove(path);
        }
        5 => {
            let old = values.get("/n").and_then(Leaf::as_number);
            let old = old.unwrap_or_else(|| Number::from(0_i64));
            let new = old.checked_add(&Number::from(number(random))).unwrap();
            values.insert("/n".into(), Leaf::parse(new.as_str()).unwrap());
        }
        6 => {
            let mut set = elements(values.get("/u"));
            let element = Leaf::parse(random.pick(&ELEMENTS)).unwrap();
            if set.contains(&element) {
                set.retain(|other| *other != element);
            } else {
                set.push(element);
            }
            values.insert("/u".into(), array(&set));
        }
        7 | 8 => {
            let mut all = members(values.get("/k"));
            edit_member(&mut all, world, random);
            values.insert("/k".into(), member_array(&all));
        }
        9 => {
            let mut list = elements(values.get("/l"));
            if random.chance(20) {
                list.pop();
            }
            list.push(Leaf::from(random.next() % 6));
            values.insert("/l".into(), array(&list));
        }
        _ => {
            let old = values.get("/t").and_then(Leaf::as_string).unwrap_or_default();
            let mut letters: Vec<char> = old.chars().collect();
            let letter = char::from_u32(0x3400 + u32::try_from(random.below(2_000)).unwrap());
            letters.insert(random.below(letters.len() + 1), letter.unwrap());
            if random.chance(30) {
                letters.remove(random.below(letters.len()));
            }
            let new: String = letters.into_iter().collect();
            values.insert("/t".into(), Leaf::string(&new));
        }
    }
}

fn edit_member(all: &mut BTreeMap<String, Values>, world: &World, random: &mut Random) {
    let key = random.pick(&KEYS);
    if all.contains_key(key) && random.chance(25) {
        all.remove(key);
        return;
    }
    let member = all.entry(key.into()).or_default();
    member.insert("/id".into(), Leaf::string(key));
    if random.chance(60) {
        member.insert("/x".into(), world.value(random));
    } else {
        let old = member.get("/n").and_then(Leaf::as_number);
        let new = old.unwrap_or_else(|| Number::from(0_i64)).checked_add(&Number::from(2_i64));
        member.insert("/n".into(), Leaf::parse(new.unwrap().as_str()).unwrap());
    }
}

/// Whether a file shows a value that was to be written on a path that was to be changed.
pub(crate) fn meant_value_is_there(
    before: Option<&Fields>,
    meant: Option<&Fields>,
    now: Option<&Fields>,
) -> bool {
    let (before, now) = (values(before), values(now));
    let mut changed =
        values(meant).into_iter().filter(|(path, leaf)| before.get(path) != Some(leaf));
    changed.any(|(path, leaf)| now.get(&path) == Some(&leaf))
}

/// What a file says whose base is known; nothing if it says nothing.
///
/// - `others`: what others have appended to the list, each run from what the file had seen on.
pub(crate) fn effect_of(
    base: Option<&Fields>,
    file: Option<&Fields>,
    others: &[Vec<(ElementId, Leaf)>],
) -> Option<Effect> {
    match (base, file) {
        (None, None) => None,
        (Some(_), None) => Some(Effect::Delete),
        (base, Some(file)) => {
            let mut operations = changes("", &values(base), &values(Some(file)));
            name_what_others_have_appended(&mut operations, others);
            let says = base.is_none() || !operations.is_empty();
            says.then_some(Effect::Write(operations))
        }
    }
}

/// As far as a file and somebody else begin alike with what they append, it is the same.
fn name_what_others_have_appended(
    operations: &mut [FieldOperation],
    others: &[Vec<(ElementId, Leaf)>],
) {
    let mut appends = Vec::new();
    for operation in operations {
        if let FieldOperation::Append { value, id, .. } = operation {
            appends.push((value.clone(), id));
        }
    }
    let mut best: &[(ElementId, Leaf)] = &[];
    for run in others {
        let mut alike = 0;
        while alike < run.len().min(appends.len()) && run[alike].1 == appends[alike].0 {
            alike += 1;
        }
        if alike > best.len() {
            best = &run[..alike];
        }
    }
    for ((_, id), (name, _)) in appends.into_iter().zip(best) {
        *id = Some(*name);
    }
}

fn parsed(path: &str) -> Path {
    Path::parse(path).unwrap()
}

fn is_sum(within: &str, path: &str) -> bool {
    path == "/n" && (within.is_empty() || within == "/k")
}

/// Whether a file shows an array without elements: every array of this world has elements of a
/// shape, and beside them a register says that it is there.
fn says_empty(leaf: &Leaf) -> bool {
    leaf.as_str() == "[]"
}

fn changes(within: &str, base: &Values, file: &Values) -> Vec<FieldOperation> {
    let mut said = Vec::new();
    for path in base.keys().filter(|path| !file.contains_key(*path)) {
        said.push(FieldOperation::Unset { path: parsed(path) });
    }
    for (name, new) in file.iter().filter(|(path, new)| base.get(*path) != Some(new)) {
        let (old, path) = (base.get(name), parsed(name));
        if says_empty(new) {
            said.push(FieldOperation::Set { path: path.clone(), value: new.clone() });
        }
        match name.as_str() {
            "/u" => {
                let (old, new) = (elements(old), elements(Some(new)));
                for element in new.iter().filter(|element| !old.contains(element)) {
                    let (path, element) = (path.clone(), element.clone());
                    said.push(FieldOperation::Add { path, element });
                }
                for element in old.iter().filter(|element| !new.contains(element)) {
                    let (path, element) = (path.clone(), element.clone());
                    said.push(FieldOperation::Remove { path, element });
                }
            }
            "/k" => said.extend(member_changes(&members(old), &members(Some(new)))),
            "/l" => {
                let (mut left, new) = (elements(old), elements(Some(new)));
                let is_full = left.len() >= KEEP as usize;
                let fed_again = (0..new.len()).find(|at| new[*at..].starts_with(&left));
                let cut = fed_again.filter(|_| is_full).unwrap_or_default();
                for value in new.into_iter().skip(cut) {
                    match left.iter().position(|old| *old == value) {
                        Some(at) => drop(left.swap_remove(at)),
                        None => {
                            let path = path.clone();
                            said.push(FieldOperation::Append { path, value, id: None });
                        }
                    }
                }
            }
            "/t" => said.push(FieldOperation::BeginText { path, text: String::new() }),
            name if is_sum(within, name) => {
                let old = old.and_then(Leaf::as_number).unwrap_or_else(|| Number::from(0_i64));
                let by = new.as_number().unwrap().checked_sub(&old).unwrap();
                said.push(FieldOperation::Increment { path, by });
            }
            _ => said.push(FieldOperation::Set { path, value: new.clone() }),
        }
    }
    index_appends(&mut said);
    said
}

/// The index of an appended element counts the operations of one change, in order of path.
fn index_appends(said: &mut [FieldOperation]) {
    said.sort_by(|a, b| a.path().cmp(b.path()));
}

fn member_changes(
    base: &BTreeMap<String, Values>,
    file: &BTreeMap<String, Values>,
) -> Vec<FieldOperation> {
    let mut said = Vec::new();
    let nothing = Values::new();
    for (key, new) in file {
        let old = base.get(key);
        let fields = changes("/k", old.unwrap_or(&nothing), new);
        let create = old.is_none();
        if create || !fields.is_empty() {
            let (path, key) = (parsed("/k"), key.as_str().into());
            said.push(FieldOperation::PutMember { path, key, create, fields });
        }
    }
    for key in base.keys().filter(|key| !file.contains_key(*key)) {
        let (path, key) = (parsed("/k"), key.as_str().into());
        said.push(FieldOperation::RemoveMember { path, key });
    }
    said
}

/// What a file states whose base is not known: what is there and differs from what is shown.
pub(crate) fn statement_of(
    record: Option<&Record>,
    shown: &Fields,
    file: &Fields,
) -> Vec<FieldOperation> {
    let (shown, file) = (values(Some(shown)), values(Some(file)));
    states("", record.map(|record| &record.body), &shown, &file)
}

fn states(within: &str, body: Option<&Body>, shown: &Values, file: &Values) -> Vec<FieldOperation> {
    let mut said = Vec::new();
    for (name, new) in file.iter().filter(|(path, new)| shown.get(*path) != Some(new)) {
        let (old, path) = (shown.get(name), parsed(name));
        if old.is_none() && says_empty(new) {
            said.push(FieldOperation::Set { path: path.clone(), value: new.clone() });
        }
        match name.as_str() {
            "/u" => {
                let old = elements(old);
                for element in elements(Some(new)) {
                    if !old.contains(&element) {
                        said.push(FieldOperation::Add { path: path.clone(), element });
                    }
                }
            }
            "/k" => {
                let known = body.and_then(|body| body.keyed.get(&path));
                let (old, nothing) = (members(old), Values::new());
                for (key, new) in members(Some(new)) {
                    let member = known.and_then(|known| known.get(&*key));
                    let inside = member.map(|member| &member.body);
                    let fields = states("/k", inside, old.get(&key).unwrap_or(&nothing), &new);
                    if !fields.is_empty() || member.is_none_or(|m| m.live.is_empty()) {
                        let (path, key) = (path.clone(), key.as_str().into());
                        said.push(FieldOperation::PutMember { path, key, create: false, fields });
                    }
                }
            }
            "/l" => said.extend(blind_appends(&path, &elements(old), &elements(Some(new)))),
            "/t" => said.push(FieldOperation::BeginText { path, text: String::new() }),
            name if is_sum(within, name) => said.extend(floor(body, path, new)),
            _ => said.push(FieldOperation::Set { path, value: new.clone() }),
        }
    }
    index_appends(&mut said);
    said
}

/// A floor of the stated value less what the additions make, if it is above the greatest.
fn floor(body: Option<&Body>, path: Path, new: &Leaf) -> Option<FieldOperation> {
    let stated = new.as_number().unwrap();
    let Some(sum) = body.and_then(|body| body.sums.get(&path)) else {
        return Some(FieldOperation::Floor { path, value: stated });
    };
    let greatest = sum.floors.values().max();
    let zero = Number::from(0_i64);
    let whole = sum_value(sum).unwrap();
    let added = whole.checked_sub(greatest.unwrap_or(&zero)).unwrap();
    let value = stated.checked_sub(&added).unwrap();
    let higher = greatest.is_none_or(|greatest| value > *greatest);
    higher.then_some(FieldOperation::Floor { path, value })
}

/// Of a list that is longer than what is kept the last elements count: the others went, or would go.
fn blind_appends(path: &Path, shown: &[Leaf], file: &[Leaf]) -> Vec<FieldOperation> {
    let mut left = shown.to_vec();
    let mut before: Vec<&Leaf> = Vec::new();
    let mut said = Vec::new();
    let too_old = file.len().saturating_sub(KEEP as usize);
    for (index, value) in file.iter().enumerate() {
        let occurrence = before.iter().filter(|other| **other == value).count();
        before.push(value);
        if index < too_old {
            continue;
        }
        if let Some(at) = left.iter().position(|old| old == value) {
            left.swap_remove(at);
            continue;
        }
        let digest = Sha256::digest(value.canonical().as_bytes());
        let hash: [u8; 16] = digest[..16].try_into().unwrap();
        let id = Some(ElementId::Content(hash, u32::try_from(occurrence).unwrap()));
        said.push(FieldOperation::Append { path: path.clone(), value: value.clone(), id });
    }
    said
}
