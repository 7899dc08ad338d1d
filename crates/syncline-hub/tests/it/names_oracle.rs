//! Random histories of renames: declared, changed and dropped between edits on both sides, runs and
//! undos.
//!
//! The checks know nothing of indexes or bases. They know the latest value of each field that anybody
//! has typed, and find a field in a file by its value, since each is typed once:
//!
//! - After every run home holds the latest value of each field, under the names of home, and no other.
//! - A run after a change of the configuration alone writes nothing at home.
//! - Business holds the latest value of each field that has a place there, once.

use std::collections::BTreeMap;

use syncline_engine::sync::Rename;
use syncline_hub::SyncOutcome;
use syncline_merge::fault::{Fault, with_fault};
use syncline_model::id::EntityName;
use syncline_model::json::Leaf;
use syncline_model::json::fields::{flatten, unflatten};
use syncline_model::path::Path;

use crate::desk::Desk;
use crate::hunt_kit::no_guard;
use crate::random::Random;

/// Steps of a history.
const STEPS: usize = 14;

/// Histories of a test run. `NAMES_SEEDS` asks for more, `NAMES_SEED` for one.
const SEEDS: u64 = 40;

/// Histories within which a planted fault has to be found.
const SEEDS_FOR_FAULT: u64 = 10;

/// The fields of home.
const FIELDS: [&str; 5] = ["/l", "/m", "/n", "/o/x", "/o/y"];

const RECORDS: [&str; 2] = ["a", "b"];

/// The renames of a domain: pairs of the hub's name and its own.
type Renames = Vec<[&'static str; 2]>;

/// One item: its fields, under the names of its file.
type Item = BTreeMap<Path, String>;

fn path(text: &str) -> Path {
    Path::parse(text).unwrap()
}

/// What may be declared together with what else is declared.
const DECLARED: &[&[[&str; 2]]] = &[
    &[["/l", "/Bl"]],
    &[["/l", "/Cl"]],
    &[["/l", "/w/l"]],
    &[["/m", "/Bm"]],
    &[["/l", "/m"], ["/m", "/l"]],
    &[["/m", "/n"], ["/n", "/m"]],
    &[["/l", "/m"], ["/m", "/Bm"]],
    &[["/l", "/m"], ["/m", "/n"], ["/n", "/l"]],
    &[["/l", "/m"]],
    &[["/m", "/n"]],
    &[["/o", "/Bo"]],
    &[["/o", "/w/o"]],
    &[["/o/x", "/Bx"]],
    &[["/o/x", "/o/z"]],
    &[["/o/x", "/o/y"], ["/o/y", "/o/x"]],
    &[["/o/x", "/n"]],
];

struct World {
    desk: Desk,
    random: Random,
    renames: Renames,
    /// All that were ever declared.
    ever: Renames,
    /// The latest value of each field, by record.
    latest: BTreeMap<&'static str, Item>,
    /// Records of which business holds what was a field's old name beside its present one.
    with_leftover: Vec<&'static str>,
    typed: usize,
    last_run: Option<String>,
    story: Vec<String>,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut desk = Desk::new();
        desk.request.guard = no_guard();
        let world = Self {
            desk,
            random: Random::new(seed),
            renames: Renames::new(),
            ever: Renames::new(),
            latest: BTreeMap::new(),
            with_leftover: Vec::new(),
            typed: 0,
            last_run: None,
            story: vec![format!("seed {seed}")],
        };
        world.write("personal", &BTreeMap::new());
        world.write("business", &BTreeMap::new());
        world
    }

    fn told(&self) -> String {
        let files = ["personal", "business"].map(|domain| self.desk.held(domain).join(", "));
        format!("{}\n{}", self.story.join("\n"), files.join("\n"))
    }

    fn items(&self, domain: &str) -> BTreeMap<String, Item> {
        let held = self.desk.held(domain).into_iter();
        let item = |text: String| {
            let fields = flatten(text.as_bytes()).unwrap().into_iter();
            let text = |leaf: Leaf| leaf.as_str().trim_matches('"').to_owned();
            let mut item: Item = fields.map(|(path, leaf)| (path, text(leaf))).collect();
            (item.remove(&path("/id")).unwrap(), item)
        };
        held.map(item).collect()
    }

    fn write(&self, domain: &str, items: &BTreeMap<String, Item>) {
        let item = |(id, fields): (&String, &Item)| {
            let mut fields: BTreeMap<Path, Leaf> =
                fields.iter().map(|(path, text)| (path.clone(), Leaf::string(text))).collect();
            fields.insert(path("/id"), Leaf::string(id));
            let object = unflatten(fields.iter()).unwrap();
            syncline_model::json::Json::Object(object).to_compact_string()
        };
        let items: Vec<String> = items.iter().map(item).collect();
        self.desk.contacts(domain, &items.iter().map(String::as_str).collect::<Vec<_>>());
    }

    /// Returns the name of a field in a record that is written to business now.
    fn present(&self, hub: &Path) -> Path {
        let around = |[from, to]: &[&str; 2]| Some(path(to).join(&hub.strip_prefix(&path(from))?));
        self.renames.iter().find_map(around).unwrap_or_else(|| hub.clone())
    }

    /// Returns whether another field has the name of this one in business now.
    fn has_no_place(&self, hub: &Path) -> bool {
        self.present(hub) == *hub && self.renames.iter().any(|[_, to]| path(to).is_prefix_of(hub))
    }

    /// Returns whether a present name says for sure which field it stands for, also in a record that
    /// is older: it was never the name of another one.
    fn is_certain(&self, hub: &Path, name: &Path) -> bool {
        let is_other =
            |[from, to]: &[&str; 2]| path(to).is_prefix_of(name) && !path(from).is_prefix_of(hub);
        let is_field = |other: &&str| path(other) == *name;
        !self.ever.iter().any(is_other) && (name == hub || !FIELDS.iter().any(is_field))
    }

    fn value(&mut self) -> String {
        self.typed += 1;
        format!("v{}", self.typed)
    }

    fn declare(&mut self) {
        let mut renames = Renames::new();
        for _ in 0..self.random.below(4) {
            let more = DECLARED[self.random.below(DECLARED.len())];
            let touches =
                |a: &str, b: &str| path(a).is_prefix_of(&path(b)) || path(b).is_prefix_of(&path(a));
            let clash =
                |[a, b]: &[&str; 2]| more.iter().any(|[c, d]| touches(a, c) || touches(b, d));
            if !renames.iter().any(clash) {
                renames.extend(more.iter().copied());
            }
        }
        self.set(renames);
    }

    fn set(&mut self, renames: Renames) {
        self.story.push(format!("declare {renames:?}"));
        let rename = |[hub, domain]: &[&str; 2]| Rename { hub: path(hub), domain: path(domain) };
        let declared = renames.iter().map(rename).collect();
        self.desk.request.target.renames =
            [(EntityName::new("contacts").unwrap(), declared)].into();
        self.ever.extend(&renames);
        self.renames = renames;
    }

    /// Drops the renames that take the name of another field: an undo takes back what has crossed, and
    /// that could not cross again.
    fn give_all_a_place(&mut self) {
        if FIELDS.iter().any(|field| self.has_no_place(&path(field))) {
            self.set(Renames::new());
        }
    }

    fn edit_at_home(&mut self) {
        let id = RECORDS[self.random.below(RECORDS.len())];
        let field = path(FIELDS[self.random.below(FIELDS.len())]);
        let value = self.value();
        let latest = self.latest.entry(id).or_default();
        match latest.len() > 2 && field != path("/o/y") && self.random.once_in(5) {
            true => latest.remove(&field),
            false => latest.insert(field.clone(), value.clone()),
        };
        let latest = latest.clone();
        self.story.push(format!("home {id} {field}: {:?}", latest.get(&field)));
        let mut items = self.items("personal");
        items.insert(id.to_owned(), latest);
        self.write("personal", &items);
    }

    /// Edits a field of business under the name that it has there, or under its present one.
    fn edit_in_business(&mut self) {
        let id = RECORDS[self.random.below(RECORDS.len())];
        let field = path(FIELDS[self.random.below(FIELDS.len())]);
        if self.has_no_place(&field) {
            return;
        }
        let mut items = self.items("business");
        let item = items.entry(id.to_owned()).or_default();
        let latest = self.latest.get(id).and_then(|latest| latest.get(&field)).cloned();
        let place = latest.and_then(|value| {
            let held = item.iter().find(|(_, held)| **held == value);
            held.map(|(path, _)| path.clone())
        });
        let present = self.present(&field);
        let is_free =
            !item.keys().any(|name| name.is_prefix_of(&present) || present.is_prefix_of(name));
        let may_type = is_free && self.is_certain(&field, &present);
        let value = self.value();
        let is_leftover = self.with_leftover.contains(&id);
        let mut typed = Some(value.clone());
        match place {
            Some(old) if may_type && self.random.once_in(3) => {
                // Of two names the old one is left, or not.
                match self.random.once_in(2) {
                    true => drop(item.remove(&old)),
                    false => self.with_leftover.push(id),
                }
                item.insert(present.clone(), value);
            }
            Some(old) if item.len() > 2 && !is_leftover && self.random.once_in(6) => {
                if field == path("/o/y") {
                    return;
                }
                item.remove(&old);
                typed = None;
            }
            Some(old) => drop(item.insert(old, value)),
            None if may_type => drop(item.insert(present, value)),
            None => return,
        }
        self.story.push(format!("business {id} {field}: {typed:?} -> {item:?}"));
        let latest = self.latest.entry(id).or_default();
        match typed {
            Some(value) => latest.insert(field, value),
            None => latest.remove(&field),
        };
        self.write("business", &items);
    }

    fn sync(&mut self) -> SyncOutcome {
        self.story.push("sync".to_owned());
        let run = self.desk.sync().unwrap_or_else(|error| panic!("{error:?}\n{}", self.told()));
        if run.wrote {
            self.last_run = Some(run.report.sync_id.clone());
        }
        assert!(run.report.problems.is_empty(), "{:?}\n{}", run.report.problems, self.told());
        self.check();
        run
    }

    fn check(&self) {
        let latest = self.latest.iter().map(|(id, item)| ((*id).to_owned(), item.clone()));
        let latest: BTreeMap<String, Item> = latest.collect();
        assert_eq!(self.items("personal"), latest, "home\n{}", self.told());
        let business = self.items("business");
        for (id, item) in &latest {
            for (field, value) in item.iter().filter(|(field, _)| !self.has_no_place(field)) {
                let held = business[id].values().filter(|held| *held == value).count();
                assert_eq!(held, 1, "{id} {field} in business\n{}", self.told());
            }
        }
    }

    /// Changes the configuration and nothing else.
    fn change_the_configuration(&mut self) {
        self.declare();
        let before = self.desk.read("personal/contacts.json");
        self.sync();
        assert_eq!(self.desk.read("personal/contacts.json"), before, "{}", self.told());
    }

    /// Undoes the latest run, or that and the undo; under other names perhaps.
    fn undo(&mut self) {
        let Some(run) = self.last_run.take() else { return };
        if self.random.once_in(3) {
            self.declare();
        }
        self.give_all_a_place();
        self.story.push("undo".to_owned());
        let undone = self.desk.hub().undo(&run, &self.desk.request, false);
        let undone = undone.unwrap_or_else(|error| panic!("{error:?}\n{}", self.told()));
        if self.random.once_in(3) {
            self.declare();
        }
        self.give_all_a_place();
        if self.random.once_in(3) {
            self.story.push("undo of the undo".to_owned());
            let again = self.desk.hub().undo(&undone.report.sync_id, &self.desk.request, false);
            again.unwrap_or_else(|error| panic!("{error:?}\n{}", self.told()));
        }
        self.sync();
    }

    fn step(&mut self) {
        match self.random.below(8) {
            0 | 1 => self.change_the_configuration(),
            2 => self.undo(),
            3 | 4 => {
                self.edit_at_home();
                self.sync();
            }
            _ => {
                self.edit_in_business();
                self.sync();
            }
        }
    }
}

fn play(seed: u64) {
    let mut world = World::new(seed);
    world.declare();
    for _ in 0..4 {
        world.edit_at_home();
    }
    world.sync();
    for _ in 0..STEPS {
        world.step();
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn no_rename_moves_a_value_or_brings_an_old_one_back() {
    match number("NAMES_SEED") {
        Some(seed) => play(seed),
        None => (1..=number("NAMES_SEEDS").unwrap_or(SEEDS)).for_each(play),
    }
}

#[test]
fn items_that_are_read_under_the_names_of_today_are_found() {
    let fails = |seed| {
        let history = || play(seed);
        with_fault(Fault::NamesOfToday, || std::panic::catch_unwind(history)).is_err()
    };
    assert!((1..=SEEDS_FOR_FAULT).any(fails), "the checks do not see it");
}
