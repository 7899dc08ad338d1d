//! Random histories of domains that move: edits, runs, undos, and folders that are new, old copies, or
//! left and come back to.
//!
//! The checks know nothing of versions or stamps. They know what was typed in which folder, and what
//! its author saw there:
//!
//! - What nobody has replaced or removed who saw it is in a file or in a conflict after every run.
//! - No run deletes because of a move, and while a conflict is open each side keeps its own value.
//! - A count never holds more than was counted, and a run directly after a run writes nothing.
//! - Nobody writes into a folder to which no domain leads, and an undo that is refused writes nothing.

use std::collections::{BTreeMap, BTreeSet};

use syncline_engine::conflicts::{ConflictRow, Status};
use syncline_engine::link::Side;
use syncline_hub::{Hub, Silent};
use syncline_merge::conflict::ConflictKind;
use syncline_merge::fault::{Fault, with_fault};
use syncline_merge::rules::{EntityRules, FieldRules, Rule, Shape};
use syncline_model::json::{Json, Number, Object, parse};
use syncline_model::path::Pattern;

use crate::desk::{Desk, entity, source_wins};
use crate::hunt_kit::no_guard;
use crate::random::Random;

/// Steps of a history.
const STEPS: usize = 12;

/// Histories for each set of rules. `MOVE_SEEDS` asks for more, `MOVE_SEED` for one.
const SEEDS: u64 = 15;

/// Histories within which a planted fault has to be found.
const SEEDS_FOR_FAULT: u64 = 40;

const FIELDS: [&str; 2] = ["p", "q"];

/// What is counted in the beginning.
const COUNTED: i64 = 7;

/// Something that was typed and that nobody has replaced since.
#[derive(Clone, Debug)]
struct Typed {
    token: String,
    id: String,
    /// Whether a run has read it, so that it stands in a file to which a domain leads, or is asked for.
    is_read: bool,
}

/// The records of a file, by id.
type Records = BTreeMap<String, Object>;

/// A run that wrote, and what was known before it: its undo leads back there.
struct Run {
    id: String,
    known: [BTreeSet<String>; 2],
    /// Where each domain was before and after it.
    were: [[String; 2]; 2],
}

struct World {
    desk: Desk,
    hub: Hub,
    random: Random,
    /// The folders that each domain ever led to; the last one it leads to now.
    folders: [Vec<String>; 2],
    /// Where each domain was at the last run.
    were: [String; 2],
    /// What files held at some time, by domain.
    copies: [Vec<String>; 2],
    /// The ids that the other side knows to have been in a domain's file at the last run.
    known: [BTreeSet<String>; 2],
    typed: Vec<Typed>,
    typed_count: usize,
    counted: i64,
    runs: Vec<Run>,
    story: Vec<String>,
    context: String,
}

impl World {
    fn new(name: &str, rules: EntityRules, seed: u64) -> Self {
        let mut desk = Desk::new();
        desk.request.guard = no_guard();
        desk.request.entities = vec![entity("contacts", rules)];
        let first = ["r0", "r1", "r2"].map(|id| {
            format!(r#"{{"id":"{id}","p":"p0","q":"q0","sum":{COUNTED},"tags":["t0"]}}"#)
        });
        let first: Vec<&str> = first.iter().map(String::as_str).collect();
        desk.contacts("personal", &first);
        desk.contacts("business", &first);
        let hub = desk.hub();
        let mut world = Self {
            desk,
            hub,
            random: Random::new(seed),
            folders: ["personal", "business"].map(|folder| vec![folder.to_owned()]),
            were: ["personal", "business"].map(str::to_owned),
            copies: [Vec::new(), Vec::new()],
            known: [BTreeSet::new(), BTreeSet::new()],
            typed: Vec::new(),
            typed_count: 0,
            counted: COUNTED,
            runs: Vec::new(),
            story: Vec::new(),
            context: format!("{name}, seed {seed}"),
        };
        world.sync();
        world
    }

    fn told(&self) -> String {
        format!("{}\n{}", self.context, self.story.join("\n"))
    }

    fn folder(&self, side: usize) -> &str {
        self.folders[side].last().unwrap()
    }

    fn text(&self, folder: &str) -> String {
        let path = self.desk.path(&format!("{folder}/contacts.json"));
        std::fs::read_to_string(path).unwrap_or_default()
    }

    fn records(&self, side: usize) -> Records {
        let Ok(file) = parse(self.text(self.folder(side)).as_bytes()) else {
            return Records::new();
        };
        let items = file.at(&syncline_model::path::Path::parse("/contacts").unwrap()).unwrap();
        let record = |item: &Json| {
            let Json::Object(record) = item else { panic!("no record") };
            (record.get("id").and_then(Json::as_str).unwrap().to_owned(), record.clone())
        };
        items.as_array().unwrap().iter().map(record).collect()
    }

    fn write(&self, side: usize, records: Records) {
        let items: Vec<String> =
            records.into_values().map(|record| Json::Object(record).to_compact_string()).collect();
        let items: Vec<&str> = items.iter().map(String::as_str).collect();
        self.desk.contacts(self.folder(side), &items);
    }

    /// Returns the files of all folders that any domain ever led to.
    fn files(&self) -> BTreeMap<String, String> {
        let folders = self.folders.iter().flatten();
        folders.map(|folder| (folder.clone(), self.text(folder))).collect()
    }

    fn step(&mut self) {
        let side = self.random.below(2);
        match self.random.below(12) {
            0..5 => self.edit(side),
            5 => self.delete(side),
            6 | 7 => self.lead_elsewhere(side),
            8 => self.undo(),
            _ => self.sync(),
        }
    }

    fn type_in(&mut self, id: &str) -> String {
        self.typed_count += 1;
        let token = format!("v{}x", self.typed_count);
        self.typed.push(Typed { token: token.clone(), id: id.to_owned(), is_read: false });
        token
    }

    /// Forgets what somebody replaces who sees it.
    fn is_replaced(&mut self, id: &str, seen: &str) {
        self.typed.retain(|typed| typed.id != id || !seen.contains(&typed.token));
    }

    fn edit(&mut self, side: usize) {
        let mut records = self.records(side);
        let id = format!("r{}", self.random.below(5));
        let mut record = records.remove(&id).unwrap_or_else(|| {
            let mut record = Object::new();
            record.insert("id", id.as_str());
            record
        });
        match self.random.below(4) {
            0 => {
                let by = i64::try_from(self.random.below(3) + 1).unwrap();
                let one = Number::from(by);
                let sum = match record.get("sum") {
                    Some(Json::Number(sum)) => sum.checked_add(&one).unwrap(),
                    _ => one,
                };
                self.counted += by;
                self.story.push(format!("{side} counts {by} in {id}"));
                record.insert("sum", Json::Number(sum));
            }
            1 => {
                let token = self.type_in(&id);
                self.story.push(format!("{side} adds {token} to {id}"));
                let tags = record.get("tags").and_then(Json::as_array).unwrap_or_default();
                let tags = tags.iter().cloned().chain([Json::from(token)]).collect();
                record.insert("tags", Json::Array(tags));
            }
            _ => {
                let field = FIELDS[self.random.below(FIELDS.len())];
                let seen = record.get(field).map(Json::to_compact_string).unwrap_or_default();
                self.is_replaced(&id, &seen);
                let token = self.type_in(&id);
                self.story.push(format!("{side} types {token} over {seen} in {id}/{field}"));
                record.insert(field, token);
            }
        }
        records.insert(id, record);
        self.write(side, records);
    }

    fn delete(&mut self, side: usize) {
        let mut records = self.records(side);
        let id = format!("r{}", self.random.below(5));
        if let Some(record) = records.remove(&id) {
            self.story.push(format!("{side} deletes {id}"));
            self.is_replaced(&id, &Json::Object(record).to_compact_string());
            self.write(side, records);
        }
    }

    /// Points a domain to a new folder, which may hold an old copy, or back to a former one.
    fn lead_elsewhere(&mut self, side: usize) {
        let number = self.folders[side].len();
        let fresh = format!("{}{number}", ["p", "b"][side]);
        let folder = match self.random.below(4) {
            0 | 1 if number > 1 => self.folders[side][self.random.below(number - 1)].clone(),
            choice => {
                std::fs::create_dir(self.desk.path(&fresh)).unwrap();
                let copies = &self.copies[side];
                if choice < 3
                    && let Some(copy) = copies.get(self.random.below(copies.len()))
                {
                    self.desk.write(&format!("{fresh}/contacts.json"), copy);
                }
                fresh
            }
        };
        self.story.push(format!("{side} leads to {folder}: {}", self.text(&folder)));
        let path = self.desk.path(&folder);
        let request = &mut self.desk.request;
        let domain = if side == 0 { &mut request.source } else { &mut request.target };
        domain.folder = path;
        self.folders[side].push(folder);
    }

    fn undo(&mut self) {
        let Some(run) = self.runs.pop() else { return };
        let before = self.files();
        let undone = self.hub.undo(&run.id, &self.desk.request, false);
        self.story
            .push(format!("undo: {:?}", undone.as_ref().map(|_| ()).map_err(ToString::to_string)));
        let after = self.files();
        match undone {
            Ok(_) => {
                for (side, known) in run.known.into_iter().enumerate() {
                    // What a domain deleted before the run is deleted by it again.
                    self.known[side].extend(known);
                    if self.were[side] == run.were[1][side] {
                        self.were[side].clone_from(&run.were[0][side]);
                    }
                }
                self.nobody_wrote_elsewhere(&before);
                // What the other side was given is only where it was typed again.
                self.typed.iter_mut().for_each(|typed| typed.is_read = false);
            }
            Err(_) => {
                assert_eq!(after, before, "a refused undo wrote: {}", self.told());
                self.runs.push(run);
            }
        }
    }

    fn nobody_wrote_elsewhere(&self, before: &BTreeMap<String, String>) {
        for (folder, text) in self.files() {
            let is_led_to = [0, 1].iter().any(|side| self.folder(*side) == folder);
            assert!(is_led_to || before[&folder] == text, "{folder} was written: {}", self.told());
        }
    }

    fn sync(&mut self) {
        let before = self.files();
        let held = [0, 1].map(|side| self.records(side));
        let outcome = self.hub.sync(&self.desk.request, &mut Silent).unwrap();
        self.story.push(format!(
            "sync -> {:?} {:?}",
            [0, 1].map(|s| self.text(self.folder(s))),
            outcome.wrote
        ));
        assert!(
            outcome.report.problems.is_empty(),
            "{:?} {}",
            outcome.report.problems,
            self.told()
        );
        let led_to = [0, 1].map(|side| self.folder(side).to_owned());
        if outcome.wrote {
            let (id, known) = (outcome.report.sync_id, self.known.clone());
            self.runs.push(Run { id, known, were: [self.were.clone(), led_to.clone()] });
        }
        self.nobody_wrote_elsewhere(&before);
        self.nothing_went_because_of_a_move(&held);
        let rows = self.hub.conflicts().unwrap();
        self.each_side_keeps_its_own(&held, &rows);
        self.nothing_typed_is_lost(&rows);
        self.nothing_is_counted_twice();
        let files = self.files();
        let again = self.hub.sync(&self.desk.request, &mut Silent).unwrap();
        assert!(!again.wrote && self.files() == files, "not idle: {}", self.told());
        self.were = led_to;
        for side in 0..2 {
            self.known[side] = self.records(side).into_keys().collect();
            let text = self.text(self.folder(side));
            self.copies[side].push(text);
        }
    }

    /// Expects that a record which was there goes only if somebody deleted it from a file that was
    /// read before at the same place.
    fn nothing_went_because_of_a_move(&self, held: &[Records; 2]) {
        for side in 0..2 {
            let other = 1 - side;
            let after = self.records(side);
            for id in held[side].keys().filter(|id| !after.contains_key(*id)) {
                let was_deleted = self.known[other].contains(id) && !held[other].contains_key(id);
                let has_moved = self.folder(other) != self.were[other];
                assert!(was_deleted && !has_moved, "{id} is gone: {}", self.told());
            }
        }
    }

    fn each_side_keeps_its_own(&self, held: &[Records; 2], rows: &[ConflictRow]) {
        let is_asked = |row: &&ConflictRow| {
            row.status == Status::Open && row.conflict.kind == ConflictKind::Values
        };
        for row in rows.iter().filter(is_asked) {
            let field = row.conflict.path.as_str().trim_start_matches('/').to_owned();
            let value = |records: &Records| records.get(row.id.as_str())?.get(&field).cloned();
            for side in Side::BOTH.map(Side::index) {
                let (before, after) = (value(&held[side]), value(&self.records(side)));
                let keeps = before.is_none() || before == after;
                assert!(keeps, "{side} lost its own {}/{field}: {}", row.id, self.told());
            }
        }
    }

    fn nothing_typed_is_lost(&mut self, rows: &[ConflictRow]) {
        let all: String = self.files().into_values().collect();
        let led_to: String = [0, 1].map(|side| self.text(self.folder(side))).concat();
        let listed = |row: &&ConflictRow| matches!(row.status, Status::Open | Status::Settled);
        let said = rows.iter().filter(listed).flat_map(|row| &row.conflict.sides);
        let said = said.filter_map(|side| Some(side.value.as_ref()?.to_json().to_compact_string()));
        let said: String = said.collect();
        let context = self.told();
        self.typed.retain_mut(|typed| {
            let is_in = |text: &str| text.contains(&typed.token);
            let is_there = is_in(&led_to) || is_in(&said) || (!typed.is_read && is_in(&all));
            assert!(is_there, "{} is lost: {context}", typed.token);
            typed.is_read |= is_in(&led_to);
            // Who edits next decides of what a rule has settled and told.
            is_in(&led_to) || !is_in(&said)
        });
    }

    fn nothing_is_counted_twice(&self) {
        for side in 0..2 {
            for record in self.records(side).into_values() {
                if let Some(Json::Number(sum)) = record.get("sum") {
                    assert!(*sum <= Number::from(self.counted), "counted twice: {}", self.told());
                }
            }
        }
    }
}

fn rules(name: &str) -> EntityRules {
    let mut rules = if name == "the source wins" { source_wins() } else { EntityRules::default() };
    let field = |pattern: &str, shape| FieldRules {
        pattern: Pattern::parse(pattern).unwrap(),
        shape,
        rule: Rule::Latest,
    };
    rules.fields.push(field("/sum", Shape::Sum { minimum: None }));
    rules.fields.push(field("/tags", Shape::Union));
    rules
}

fn play(name: &str, seed: u64) {
    let mut world = World::new(name, rules(name), seed);
    for _ in 0..STEPS {
        world.step();
    }
    world.sync();
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn play_all(name: &str) {
    match number("MOVE_SEED") {
        Some(seed) => play(name, seed),
        None => (1..=number("MOVE_SEEDS").unwrap_or(SEEDS)).for_each(|seed| play(name, seed)),
    }
}

#[test]
fn where_a_person_decides_domains_that_move_lose_nothing() {
    play_all("a person decides");
}

#[test]
fn where_the_source_wins_domains_that_move_lose_nothing() {
    play_all("the source wins");
}

#[test]
fn a_move_that_is_not_seen_and_a_value_that_is_not_upheld_are_found() {
    for fault in [Fault::MoveNotSeen, Fault::NothingUpheld] {
        let fails = |seed| {
            let history = || play("a person decides", seed);
            with_fault(fault, || std::panic::catch_unwind(history)).is_err()
        };
        assert!((1..=SEEDS_FOR_FAULT).any(fails), "the checks do not see {fault:?}");
    }
}
