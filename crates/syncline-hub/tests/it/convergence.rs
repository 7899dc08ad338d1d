//! Random edits on both sides, random runs between them: nothing typed is lost, and both sides end
//! up the same.
//!
//! The checks know nothing of versions or stamps. They know what was typed where, and when files
//! were read: what stood in a file when a run read it stands in a file or in a conflict after it.

use std::collections::{BTreeMap, BTreeSet};

use syncline_engine::conflicts::{ConflictRow, Status};
use syncline_engine::link::Side;
use syncline_hub::{Hub, Silent};
use syncline_merge::conflict::ConflictKind;
use syncline_merge::rules::{Approver, Deletion, EntityRules, FieldRules, Rule, Shape};
use syncline_model::id::{RecordId, Writer};
use syncline_model::json::{Json, Number, Object, parse};
use syncline_model::path::Pattern;
use syncline_policy::Action;

use crate::desk::{Desk, entity};
use crate::hunt_kit::{no_guard, policy};
use crate::random::Random;

const DOMAINS: [&str; 2] = ["personal", "business"];
const ROUNDS: u64 = 10;

/// Histories for each set of rules. `CONVERGENCE_SEEDS` asks for more, `CONVERGENCE_SEED` for one.
const SEEDS: u64 = 2;

/// Something that was typed: it has to be somewhere after the next run.
#[derive(Clone, Debug)]
struct Typed {
    token: String,
    side: usize,
    id: String,
    field: String,
}

/// Two files, as their owners edit them.
struct World {
    name: &'static str,
    desk: Desk,
    hub: Option<Hub>,
    random: Random,
    files: [Vec<Object>; 2],
    /// What both sides held after the last run, by id.
    agreed: [BTreeMap<String, Object>; 2],
    /// The records with an open conflict after the last run, and whether they outlast a deletion by
    /// one side.
    open: BTreeMap<String, bool>,
    typed: Vec<Typed>,
    /// What was added to the sum of each record that was never deleted.
    sums: BTreeMap<String, i64>,
    count: u64,
    timed: bool,
    shaped: bool,
    /// The name of the last run.
    last_run: String,
    /// One run in so many is undone; never if nothing is said.
    undone_once_in: Option<usize>,
    /// Fields that business's gate restricts.
    restricted: &'static [(&'static str, Action)],
}

fn token_of(count: u64) -> String {
    format!("v{count}x")
}

fn id_of(object: &Object) -> String {
    match object.get("id") {
        Some(Json::String(text)) => text.clone(),
        Some(Json::Number(number)) => number.canonical(),
        other => panic!("an id of another kind: {other:?}"),
    }
}

impl World {
    fn new(name: &'static str, rules: EntityRules, timed: bool, shaped: bool, seed: u64) -> Self {
        let mut desk = Desk::new();
        desk.request.guard = no_guard();
        desk.request.entities = vec![entity("contacts", rules)];
        for domain in DOMAINS {
            desk.contacts(domain, &[]);
        }
        Self {
            name,
            desk,
            hub: None,
            random: Random::new(seed),
            files: [Vec::new(), Vec::new()],
            agreed: [BTreeMap::new(), BTreeMap::new()],
            open: BTreeMap::new(),
            typed: Vec::new(),
            sums: BTreeMap::new(),
            count: 0,
            timed,
            shaped,
            last_run: String::new(),
            undone_once_in: None,
            restricted: &[],
        }
    }

    fn restrict(&mut self, restricted: &'static [(&'static str, Action)]) {
        let paths: Vec<String> = restricted.iter().map(|(f, _)| format!("/{f}")).collect();
        let rules = paths.iter().map(String::as_str).zip(restricted);
        let rules: Vec<(&str, Action)> = rules.map(|(path, (_, action))| (path, *action)).collect();
        self.desk.set_policy(Side::Target, policy(&rules));
        self.restricted = restricted;
    }

    fn action(&self, field: &str) -> Action {
        let found = self.restricted.iter().find(|(known, _)| *known == field);
        found.map_or(Action::Allow, |(_, action)| *action)
    }

    fn type_in(&mut self, side: usize, id: &str, field: &str) -> String {
        self.count += 1;
        let token = token_of(self.count);
        let (id, field) = (id.to_owned(), field.to_owned());
        self.typed.push(Typed { token: token.clone(), side, id, field });
        token
    }

    fn edit(&mut self, side: usize) {
        let at = self.random.below(self.files[side].len());
        match self.random.below(14) {
            0 | 1 => self.add(side),
            2 if !self.files[side].is_empty() => {
                let gone = self.files[side].remove(at);
                self.sums.remove(&id_of(&gone));
                // Somebody changes their mind and types the record anew.
                if self.random.once_in(3) {
                    let id = gone.get("id").unwrap().clone();
                    self.add_with(side, id);
                }
            }
            3 => {
                let count = self.files[side].len();
                self.files[side].rotate_left(if count == 0 { 0 } else { at % count });
            }
            4 => self.add_deleted_again(side),
            _ if self.files[side].is_empty() => self.add(side),
            _ => self.edit_item(side, at),
        }
    }

    fn add(&mut self, side: usize) {
        self.count += 1;
        let id = match self.count % 3 {
            0 => Json::Number(Number::from(i64::try_from(self.count).unwrap())),
            _ => Json::String(format!("r{}", self.count)),
        };
        self.sums.insert(
            match &id {
                Json::String(text) => text.clone(),
                _ => self.count.to_string(),
            },
            0,
        );
        self.add_with(side, id);
    }

    /// Brings a record back that this side does not have and the other may have.
    fn add_deleted_again(&mut self, side: usize) {
        let here: BTreeSet<String> = self.files[side].iter().map(id_of).collect();
        let known = (1..=self.count).filter(|n| n % 3 != 0).map(|n| format!("r{n}"));
        let gone: Vec<String> = known.filter(|id| !here.contains(id)).collect();
        let used: Vec<String> =
            gone.into_iter().filter(|id| self.typed_ids().contains(id)).collect();
        if used.is_empty() {
            return;
        }
        let id = used[self.random.below(used.len())].clone();
        self.sums.remove(&id);
        self.add_with(side, Json::String(id));
    }

    fn typed_ids(&self) -> BTreeSet<String> {
        let held = self.files.iter().flatten().map(id_of);
        held.chain(self.typed.iter().map(|typed| typed.id.clone())).collect()
    }

    fn add_with(&mut self, side: usize, id: Json) {
        let mut object = Object::new();
        object.insert("id", id);
        let id = id_of(&object);
        let token = self.type_in(side, &id, "a");
        object.insert("a", token.as_str());
        object.insert("n", Json::Number(Number::from(7_i64)));
        if self.shaped && self.sums.contains_key(&id) {
            object.insert("sum", Json::Number(Number::from(0_i64)));
        }
        self.touch(&mut object);
        self.files[side].push(object);
    }

    fn touch(&mut self, object: &mut Object) {
        if self.timed {
            self.count += 1;
            let text = format!("2020-01-01T{:02}:{:02}:00Z", self.count / 60 % 24, self.count % 60);
            object.insert("lastModified", text.as_str());
        }
    }

    fn edit_item(&mut self, side: usize, at: usize) {
        let mut object = self.files[side][at].clone();
        let id = id_of(&object);
        let kinds = if self.shaped { 16 } else { 9 };
        match self.random.below(kinds) {
            0 => self.set(side, &id, &mut object, "a"),
            1 => self.set(side, &id, &mut object, "b"),
            2 => {
                let field = ["b", "arr", "o", "n"][self.random.below(4)];
                object.remove(field);
            }
            3 => {
                self.count += 1;
                let number = i64::try_from(self.count % 50).unwrap();
                object.insert("n", Json::Number(Number::from(number)));
            }
            4 => self.set(side, &id, &mut object, "o"),
            5 | 6 => self.edit_nested(side, &id, &mut object),
            7 | 8 => self.edit_array(side, &id, &mut object, "arr"),
            9 | 10 => self.add_to_sum(&id, &mut object),
            11 => self.edit_array(side, &id, &mut object, "tags"),
            12 => {
                let token = self.type_in(side, &id, "logs");
                let mut list = array(&object, "logs");
                list.push(Json::String(token));
                object.insert("logs", Json::Array(list));
            }
            13 => {
                let token = self.type_in(side, &id, "text");
                let before = object.get("text").and_then(Json::as_str).unwrap_or_default();
                let text = format!("{before} {token}");
                object.insert("text", text.as_str());
            }
            _ => self.edit_member(side, &id, &mut object),
        }
        self.touch(&mut object);
        self.files[side][at] = object;
    }

    fn set(&mut self, side: usize, id: &str, object: &mut Object, field: &str) {
        let token = self.type_in(side, id, field);
        object.insert(field, token.as_str());
    }

    fn edit_nested(&mut self, side: usize, id: &str, object: &mut Object) {
        let mut inner = match object.get("o") {
            Some(Json::Object(inner)) => inner.clone(),
            _ => Object::new(),
        };
        match self.random.below(5) {
            0 => drop(inner.remove("x")),
            1 => inner = Object::new(),
            n => {
                let token = self.type_in(side, id, "o");
                inner.insert(["x", "y", "z"][n - 2], token.as_str());
            }
        }
        object.insert("o", Json::Object(inner));
    }

    fn edit_array(&mut self, side: usize, id: &str, object: &mut Object, field: &str) {
        let mut list = array(object, field);
        match self.random.below(4) {
            0 if !list.is_empty() => drop(list.remove(self.random.below(list.len()))),
            1 => list.reverse(),
            _ => list.push(Json::String(self.type_in(side, id, field))),
        }
        object.insert(field, Json::Array(list));
    }

    fn add_to_sum(&mut self, id: &str, object: &mut Object) {
        let Some(sum) = object.get("sum").and_then(Json::as_number) else {
            return;
        };
        let by = i64::try_from(self.random.below(9)).unwrap() - 3;
        let sum = sum.checked_add(&Number::from(by)).unwrap();
        object.insert("sum", Json::Number(sum));
        if let Some(known) = self.sums.get_mut(id) {
            *known += by;
        }
    }

    fn edit_member(&mut self, side: usize, id: &str, object: &mut Object) {
        let mut list = array(object, "members");
        match self.random.below(5) {
            0 if !list.is_empty() => drop(list.remove(self.random.below(list.len()))),
            1 => list.reverse(),
            _ => {
                let token = self.type_in(side, id, "members");
                let key = format!("m{}", self.random.below(4));
                let field = ["v", "w"][self.random.below(2)];
                let known = list.iter_mut().find_map(|member| match member {
                    Json::Object(o) if o.get("id").and_then(Json::as_str) == Some(&key) => Some(o),
                    _ => None,
                });
                if let Some(member) = known {
                    member.insert(field, token.as_str());
                } else {
                    let mut member = Object::new();
                    member.insert("id", key.as_str());
                    member.insert(field, token.as_str());
                    list.push(Json::Object(member));
                }
            }
        }
        object.insert("members", Json::Array(list));
    }

    /// Writes a file with members, spaces and numbers spelled as it comes.
    fn write(&mut self, side: usize) {
        let mut items = Vec::new();
        for item in self.files[side].clone() {
            let text = self.spell(&Json::Object(item));
            items.push(text);
        }
        let items: Vec<&str> = items.iter().map(String::as_str).collect();
        self.desk.contacts(DOMAINS[side], &items);
    }

    fn spell(&mut self, value: &Json) -> String {
        match value {
            Json::Object(object) => {
                let mut members: Vec<(String, Json)> =
                    object.iter().map(|(key, value)| (key.to_owned(), value.clone())).collect();
                if self.random.once_in(4) {
                    members.reverse();
                }
                let mut parts = Vec::new();
                for (key, value) in members {
                    let is_number = matches!(value, Json::Number(_));
                    let text = self.spell(&value);
                    let respelled = is_number && key != "id" && !text.contains(['.', 'e', 'E']);
                    let text = if respelled && self.random.once_in(4) {
                        format!("{text}.0")
                    } else {
                        text
                    };
                    parts.push(format!("{}:{text}", Json::String(key).to_compact_string()));
                }
                let separator = [",", ", ", ",\n  "][self.random.below(3)];
                format!("{{{}}}", parts.join(separator))
            }
            Json::Array(elements) => {
                let mut parts = Vec::new();
                for element in elements {
                    parts.push(self.spell(element));
                }
                format!("[{}]", parts.join(", "))
            }
            value => value.to_compact_string(),
        }
    }

    fn read(&self, side: usize) -> Vec<Object> {
        let text = self.desk.read(&format!("{}/contacts.json", DOMAINS[side]));
        let Json::Object(file) = parse(text.as_bytes()).unwrap() else {
            panic!("no object");
        };
        let items = file.get("contacts").unwrap().as_array().unwrap();
        let items = items.iter().map(|item| item.as_object().unwrap().clone());
        items.collect()
    }

    fn sync(&mut self) -> Vec<ConflictRow> {
        if self.random.once_in(3) {
            self.hub = None;
        }
        let desk = &self.desk;
        let hub = self.hub.get_or_insert_with(|| desk.hub());
        let outcome = hub.sync(&desk.request, &mut Silent).unwrap();
        assert!(outcome.report.problems.is_empty(), "{:?}", outcome.report.problems);
        self.last_run = outcome.report.sync_id;
        hub.conflicts().unwrap()
    }

    /// Undoes the last run: the files are what they were before it, and the edits are edits again.
    fn undo(&mut self, before: &(String, String), context: &str) {
        let desk = &self.desk;
        let hub = self.hub.get_or_insert_with(|| desk.hub());
        hub.undo(&self.last_run, &desk.request, false).unwrap();
        assert_eq!(self.desk.files(), *before, "undone {context}");
        self.files = [self.read(0), self.read(1)];
    }

    /// Runs, and checks what the run did to what had been typed.
    fn run(&mut self, context: &str) {
        for side in 0..2 {
            self.write(side);
        }
        let read: [BTreeMap<String, Object>; 2] = [by_id(&self.files[0]), by_id(&self.files[1])];
        let before = self.desk.files();
        let conflicts = self.sync();
        self.files = [self.read(0), self.read(1)];
        let held = [by_id(&self.files[0]), by_id(&self.files[1])];
        self.check_typed(&read, &held, &conflicts, context);
        self.check_deleted(&read, &held, context);
        self.check_equal(&held, &conflicts, context);
        if self.shaped {
            for (id, expected) in &self.sums {
                for held in held.iter().filter_map(|held| held.get(id)) {
                    let sum = held.get("sum").and_then(Json::as_number);
                    let expected = Number::from(*expected);
                    assert_eq!(sum, Some(&expected), "sum of {id} {context}");
                }
            }
        }
        let undone = self.undone_once_in;
        if undone.is_some_and(|bound| self.random.once_in(bound)) {
            return self.undo(&before, context);
        }
        self.typed.clear();
        let listed = |id: &RecordId, is: &dyn Fn(&ConflictRow) -> bool| {
            conflicts.iter().any(|row| row.id == *id && is(row))
        };
        // Who may not see a field at all deletes the record with what it holds there; and a value whose
        // writer deletes the record itself is not kept for the other side's sake.
        let is_seen_and_open = |row: &ConflictRow| {
            let field = row.conflict.path.segments().next();
            row.status == Status::Open
                && field.is_some_and(|field| self.action(&field) == Action::Allow)
        };
        let was_deleted = |row: &ConflictRow| row.conflict.kind == ConflictKind::Deletion;
        let open = conflicts.iter().filter(|row| row.status == Status::Open).map(|row| &row.id);
        let outlasts = |id: &RecordId| listed(id, &is_seen_and_open) && !listed(id, &was_deleted);
        self.open = open.map(|id| (id.as_str().to_owned(), outlasts(id))).collect();
        self.agreed = held;
    }

    /// What stood in a file when it was read is live, or in a conflict.
    fn check_typed(
        &self,
        read: &[BTreeMap<String, Object>; 2],
        held: &[BTreeMap<String, Object>; 2],
        conflicts: &[ConflictRow],
        context: &str,
    ) {
        let text = |held: &BTreeMap<String, Object>, id: &str| {
            held.get(id)
                .map(|item| Json::Object(item.clone()).to_compact_string())
                .unwrap_or_default()
        };
        for typed in &self.typed {
            if !text(&read[typed.side], &typed.id).contains(&typed.token) {
                continue;
            }
            let sees = |side: usize| text(&held[side], &typed.id).contains(&typed.token);
            let other = 1 - typed.side;
            match (self.action(&typed.field), typed.side) {
                (Action::Allow, _) | (Action::OutOnly, 1) | (Action::InOnly, 0) => {}
                // Edits of such a field are not taken.
                (Action::InOnly | Action::Mask, 1) => {
                    assert!(!sees(other), "it left the domain: {typed:?} {context}");
                    continue;
                }
                _ => {
                    assert!(!sees(other), "it entered the domain: {typed:?} {context}");
                    let listed = conflicts.iter().filter(|row| row.id.as_str() == typed.id);
                    let listed = format!("{:?}", listed.collect::<Vec<_>>());
                    let deleted = !read[other].contains_key(&typed.id);
                    let kept = sees(typed.side) || listed.contains(&typed.token) || deleted;
                    assert!(kept, "a hidden field was lost: {typed:?} {context}");
                    continue;
                }
            }
            let live = (0..2).any(|side| text(&held[side], &typed.id).contains(&typed.token));
            let of_record = conflicts.iter().filter(|row| row.id.as_str() == typed.id);
            let listed = of_record
                .clone()
                .any(|row| format!("{:?}", row.conflict.sides).contains(&typed.token));
            assert!(
                live || listed,
                "lost {typed:?} {context}\nread {}\n     {}\nheld {}\n     {}",
                text(&read[0], &typed.id),
                text(&read[1], &typed.id),
                text(&held[0], &typed.id),
                text(&held[1], &typed.id),
            );
            // An edit that only one side made is no conflict: it is live on both sides.
            let field = |items: &BTreeMap<String, Object>| {
                items.get(&typed.id).and_then(|item| item.get(&typed.field)).cloned()
            };
            let lacked_before = !self.agreed[other].contains_key(&typed.id);
            let untouched = field(&read[other]) == field(&self.agreed[other]);
            let open = of_record.clone().any(|row| row.status == Status::Open);
            let other_has = read[other].contains_key(&typed.id) || lacked_before;
            // Who gives a field and never gets it has not seen the other's values.
            let sees_all = self.action(&typed.field) != Action::OutOnly;
            if untouched && !open && other_has && sees_all {
                let everywhere =
                    held.iter().all(|held| text(held, &typed.id).contains(&typed.token));
                assert!(everywhere, "a disjoint edit did not arrive: {typed:?} {context}");
            }
        }
    }

    /// What one side deleted and the other had left alone is gone, unless the other held a value of
    /// its own there, which the one that deleted was not shown.
    fn check_deleted(
        &self,
        read: &[BTreeMap<String, Object>; 2],
        held: &[BTreeMap<String, Object>; 2],
        context: &str,
    ) {
        for id in self.agreed[0].keys().filter(|id| self.agreed[1].contains_key(*id)) {
            let states = [0, 1].map(|side| (read[side].get(id), self.agreed[side].get(id)));
            let deleted = states.iter().any(|(now, _)| now.is_none());
            let edited = states.iter().any(|(now, before)| now.is_some() && now != before);
            let one_has_it = states.iter().any(|(now, _)| now.is_some());
            if let (true, true, Some(outlasts)) = (deleted, one_has_it, self.open.get(id)) {
                let is_kept = held.iter().all(|held| held.contains_key(id));
                assert!(
                    is_kept || !outlasts,
                    "{id} went with a value that was not shown {context}"
                );
            } else if deleted && !edited {
                let back = held.iter().any(|held| held.contains_key(id));
                assert!(!back, "{id} was deleted and came back {context}");
            }
        }
    }

    /// Both sides hold the same, but for fields of which an open conflict is listed.
    fn check_equal(
        &self,
        held: &[BTreeMap<String, Object>; 2],
        conflicts: &[ConflictRow],
        context: &str,
    ) {
        let ids: BTreeSet<&String> = held.iter().flat_map(BTreeMap::keys).collect();
        for id in ids {
            let [a, b] = [held[0].get(id), held[1].get(id)];
            let open: Vec<&ConflictRow> = conflicts
                .iter()
                .filter(|row| row.id.as_str() == *id && row.status == Status::Open)
                .collect();
            let (Some(a), Some(b)) = (a, b) else {
                panic!("{id} is on one side only {context}: {a:?} {b:?}");
            };
            let fields: BTreeSet<&str> = a.keys().chain(b.keys()).collect();
            for field in fields {
                // What waits for approval is shown to both.
                let waits = !self.name.starts_with("approval");
                let is_open = waits
                    && open.iter().any(|row| {
                        row.conflict.path.segments().next().is_some_and(|key| key == field)
                    });
                let is_time = field == "lastModified" && waits && !open.is_empty();
                if self.action(field) != Action::Allow {
                    continue;
                }
                let same = in_any_order(a, field) == in_any_order(b, field);
                if !is_open && !is_time && !same {
                    let (a, b) = (a.get(field), b.get(field));
                    panic!("{id}/{field} differs {context}: {a:?} and {b:?}\nopen: {open:?}");
                }
            }
        }
    }

    fn check_idle(&mut self, context: &str) {
        self.hub = None;
        let (files, log) = (self.desk.files(), self.desk.log_length());
        self.sync();
        self.hub = None;
        assert_eq!(self.desk.files(), files, "{context}");
        assert_eq!(self.desk.log_length(), log, "{context}");
    }
}

/// Returns a field; the order of a union's or a keyed array's elements says nothing.
fn in_any_order(item: &Object, field: &str) -> Option<Json> {
    let value = item.get(field)?.clone();
    match (field, &value) {
        ("tags" | "members", Json::Array(elements)) => {
            let mut texts: Vec<String> = elements.iter().map(Json::to_canonical_string).collect();
            texts.sort();
            Some(Json::Array(texts.into_iter().map(Json::String).collect()))
        }
        _ => Some(value),
    }
}

fn by_id(items: &[Object]) -> BTreeMap<String, Object> {
    items.iter().map(|item| (id_of(item), item.clone())).collect()
}

fn array(object: &Object, field: &str) -> Vec<Json> {
    let list = object.get(field).and_then(Json::as_array);
    list.map(<[Json]>::to_vec).unwrap_or_default()
}

fn explore(name: &'static str, rules: impl Fn() -> EntityRules, timed: bool, shaped: bool) {
    explore_restricted(name, rules, timed, shaped, &[]);
}

fn explore_restricted(
    name: &'static str,
    rules: impl Fn() -> EntityRules,
    timed: bool,
    shaped: bool,
    restricted: &'static [(&'static str, Action)],
) {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seeds = match number("CONVERGENCE_SEED") {
        Some(seed) => seed..seed + 1,
        None => 1..number("CONVERGENCE_SEEDS").unwrap_or(SEEDS) + 1,
    };
    for seed in seeds {
        let mut world = World::new(name, rules(), timed, shaped, seed);
        world.restrict(restricted);
        world.undone_once_in = name.ends_with("undone").then_some(3);
        for round in 1..=ROUNDS {
            for _ in 0..3 + world.random.below(8) {
                let side = world.random.below(2);
                world.edit(side);
            }
            let context = format!("({}, seed {seed}, round {round})", world.name);
            world.run(&context);
        }
        let context = format!("({name}, seed {seed}, at the end)");
        world.undone_once_in = None;
        world.run(&context);
        world.run(&context);
        world.check_idle(&context);
    }
}

fn by(rule: Rule) -> EntityRules {
    EntityRules { rule_default: rule, ..EntityRules::default() }
}

fn approved(rule: Rule) -> Rule {
    Rule::Approval { provisional: rule.into(), approvers: [Approver::User("ann".into())].into() }
}

fn shapes() -> EntityRules {
    let field = |pattern: &str, shape| FieldRules {
        pattern: Pattern::parse(pattern).unwrap(),
        shape,
        rule: Rule::Latest,
    };
    EntityRules {
        fields: vec![
            field("/sum", Shape::Sum { minimum: None }),
            field("/tags", Shape::Union),
            field("/members", Shape::Keyed { key: "id".into() }),
            field("/logs", Shape::Append { keep: 10_000 }),
            field("/text", Shape::Text),
        ],
        rule_default: priority(),
        ..EntityRules::default()
    }
}

fn priority() -> Rule {
    Rule::Priority([Writer::new("personal").unwrap()].into())
}

#[test]
fn under_priority_of_the_source_both_sides_converge() {
    explore("priority", || by(priority()), false, false);
}

#[test]
fn under_the_latest_time_both_sides_converge() {
    explore("latest, timed", || by(Rule::Latest), true, false);
}

#[test]
fn without_times_both_sides_converge_but_for_open_conflicts() {
    explore("latest, untimed", || by(Rule::Latest), false, false);
    explore("review", || by(Rule::Review), false, false);
}

#[test]
fn under_computed_values_both_sides_converge() {
    explore("max", || by(Rule::Max), false, false);
    explore("min", || by(Rule::Min), true, false);
    let separator = || " | ".into();
    explore("concat", || by(Rule::Concat { separator: separator() }), false, false);
}

#[test]
fn what_waits_for_approval_is_the_same_on_both_sides() {
    let max = || by(approved(Rule::Max));
    explore("approval, max", max, false, false);
    explore("approval, latest", || by(approved(Rule::Latest)), true, false);
    explore("approval, min, undone", || by(approved(Rule::Min)), false, false);
    let closed: &[_] = &[("b", Action::Deny), ("o", Action::OutOnly), ("arr", Action::InOnly)];
    explore_restricted("approval, gate", max, false, false, closed);
}

#[test]
fn under_every_shape_both_sides_converge() {
    explore("shapes", shapes, false, true);
}

#[test]
fn with_deletions_under_review_both_sides_converge() {
    let rules = || EntityRules { deletion: Deletion::Review, ..by(priority()) };
    explore("review of deletions", rules, false, false);
}

#[test]
fn behind_a_gate_both_sides_converge_and_nothing_crosses_that_may_not() {
    use Action::{Deny, InOnly, Mask, OutOnly};
    let closed: &[_] = &[("b", Deny), ("o", OutOnly), ("arr", InOnly)];
    explore_restricted("gate", || by(priority()), false, false, closed);
    let masked: &[_] = &[("b", Mask), ("o", InOnly), ("arr", Deny)];
    explore_restricted("mask", || by(Rule::Latest), true, false, masked);
    explore_restricted("gate, review", || by(Rule::Review), false, false, closed);
}

#[test]
fn runs_that_are_undone_lose_nothing_and_come_to_the_same_end() {
    explore("undone", || by(priority()), false, false);
    explore("latest, undone", || by(Rule::Latest), true, false);
    explore("review, undone", || by(Rule::Review), false, false);
}
