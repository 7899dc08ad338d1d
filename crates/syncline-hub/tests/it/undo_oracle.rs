//! Random histories with undos: of edits, runs, decisions, undos and undos of undos.
//!
//! The checks know nothing of versions or stamps. They know what was typed where, and what its author
//! saw in the file then:
//!
//! - What nobody has replaced, removed or decided against since is in a file or in a conflict after
//!   every run.
//! - A run that is undone and made again ends as it did before; so does one whose undo is undone.
//! - Runs, mirrors and copies are undone one after the other, the latest first: each leaves the files of before it.
//! - A run directly after a run writes nothing.

use std::collections::BTreeSet;

use syncline_engine::conflicts::{ConflictRow, Status};
use syncline_engine::link::{Direction, LinkedDomain};
use syncline_hub::{Choice, Hub, HubError, Silent, SyncOutcome, SyncRequest};
use syncline_merge::conflict::ConflictKind;
use syncline_merge::fault::{Fault, with_fault};
use syncline_merge::rules::{Deletion, EntityRules, FieldRules, Rule, Shape};
use syncline_model::id::DomainName;
use syncline_model::json::{Json, Number, Object, parse};
use syncline_model::path::Pattern;

use crate::desk::{Desk, entity};
use crate::hunt_kit::no_guard;
use crate::random::Random;

const DOMAINS: [&str; 3] = ["personal", "business", "club"];

const DIRECTIONS: [Direction; 4] = [
    Direction::Bidirectional,
    Direction::SourceToTarget,
    Direction::TargetToSource,
    Direction::Copy,
];

/// Steps of a history.
const STEPS: usize = 10;

/// Histories for each set of rules. `UNDO_SEEDS` asks for more, `UNDO_SEED` for one.
const SEEDS: u64 = 4;

/// Histories within which a planted fault has to be found.
const SEEDS_FOR_FAULT: u64 = 40;

/// Records that a history deals with.
const RECORDS: usize = 2;

/// Something that was typed and that nobody has replaced since.
#[derive(Clone, Debug)]
struct Typed {
    token: String,
    id: String,
}

/// Domains in a row, each linked to the next.
struct World {
    desk: Desk,
    links: Vec<SyncRequest>,
    hub: Option<Hub>,
    random: Random,
    files: Vec<Vec<Object>>,
    typed: Vec<Typed>,
    count: usize,
    is_shaped: bool,
    context: String,
    story: Vec<String>,
}

/// What both sides of a link hold, and what is undecided: the fields, and what each side says.
type Seen = (Vec<String>, Vec<String>);

impl World {
    fn new(name: &str, domains: usize, rules: EntityRules, seed: u64) -> Self {
        let mut desk = Desk::new();
        desk.request.guard = no_guard();
        desk.request.entities = vec![entity("contacts", rules)];
        let domain = |name: &str| {
            let mut domain = desk.request.source.clone();
            domain.domain = LinkedDomain::open(DomainName::new(name).unwrap());
            domain.folder = desk.path(name);
            std::fs::create_dir_all(&domain.folder).unwrap();
            domain
        };
        let link = |pair: &[&str]| SyncRequest {
            source: domain(pair[0]),
            target: domain(pair[1]),
            ..desk.request.clone()
        };
        let links = DOMAINS[..domains].windows(2).map(link).collect();
        let mut world = Self {
            desk,
            links,
            hub: None,
            random: Random::new(seed),
            files: vec![Vec::new(); domains],
            typed: Vec::new(),
            count: 0,
            is_shaped: name.contains("shapes"),
            context: format!("{name}, seed {seed}"),
            story: Vec::new(),
        };
        for at in 0..domains {
            world.files[at] = (0..RECORDS).map(|n| world.first(n)).collect();
            world.write(at);
        }
        for link in (0..domains - 1).chain(0..domains - 1) {
            world.sync(link);
        }
        world
    }

    /// Returns a record as all domains hold it in the beginning.
    fn first(&self, number: usize) -> Object {
        let mut object = Object::new();
        object.insert("id", format!("r{number}"));
        object.insert("p", "p0");
        object.insert("q", "q0");
        if self.is_shaped {
            object.insert("sum", Json::Number(Number::from(7_i64)));
            object.insert("tags", Json::Array(vec!["t0".into()]));
            object.insert("log", Json::Array(vec!["h0".into()]));
            object.insert("text", "Once upon a time.");
            let mut member = Object::new();
            member.insert("t", "h");
            member.insert("v", "m0");
            object.insert("k", Json::Array(vec![Json::Object(member)]));
        }
        object
    }

    fn tell(&mut self, line: String) {
        self.story.push(line);
    }

    fn fail(&self, problem: &str) -> ! {
        panic!("{problem}\n({})\n{}", self.context, self.story.join("\n"));
    }

    fn type_in(&mut self, id: &str) -> String {
        self.count += 1;
        let token = format!("v{}x", self.count);
        self.typed.push(Typed { token: token.clone(), id: id.to_owned() });
        token
    }

    /// What is seen in a place and gives way there is lost to nobody.
    fn gives_way(&mut self, id: &str, seen: &str) {
        self.typed.retain(|typed| typed.id != id || !seen.contains(&typed.token));
    }

    fn edit(&mut self, at: usize) {
        let draw = self.random.below(12);
        let present = self.files[at].len();
        if draw == 0 || present == 0 {
            let number = self.random.below(RECORDS + 1);
            let id = format!("r{number}");
            if self.files[at].iter().all(|item| id_of(item) != id) {
                let mut object = Object::new();
                object.insert("id", id.as_str());
                object.insert("p", self.type_in(&id));
                self.files[at].push(object);
                self.tell(format!("{} adds {id}", DOMAINS[at]));
            }
        } else if draw == 1 {
            let index = self.random.below(present);
            let gone = self.files[at].remove(index);
            let id = id_of(&gone);
            self.gives_way(&id, &Json::Object(gone).to_compact_string());
            // Of what a rule has settled it had seen the rest as well.
            let mut settled = self.present();
            settled.retain(|row| row.status == Status::Settled && row.id.as_str() == id);
            settled
                .iter()
                .for_each(|row| self.gives_way(&id, &format!("{:?}", row.conflict.sides)));
            self.tell(format!("{} deletes {id}", DOMAINS[at]));
        } else {
            let index = self.random.below(present);
            let mut object = self.files[at][index].clone();
            self.edit_item(&mut object);
            let text = Json::Object(object.clone()).to_compact_string();
            self.tell(format!("{} edits: {text}", DOMAINS[at]));
            self.files[at][index] = object;
        }
        self.write(at);
    }

    /// Lets the last two domains edit one field alike, remove it, or type two values into it: what the
    /// last one says is taken in by its link, which may write no file then.
    fn edit_in_both(&mut self) {
        let ats = [self.files.len() - 2, self.files.len() - 1];
        let id = format!("r{}", self.random.below(RECORDS));
        let found = ats.map(|at| self.files[at].iter().position(|item| id_of(item) == id));
        let [Some(first), Some(second)] = found else { return };
        let mut objects = [self.files[ats[0]][first].clone(), self.files[ats[1]][second].clone()];
        match self.random.below(3) {
            0 => objects.iter_mut().for_each(|object| self.set(&id, object, "p")),
            1 => {
                let seen = spelled(objects[1].get("p"));
                self.gives_way(&id, &seen);
                self.set(&id, &mut objects[0], "p");
                let typed = objects[0].get("p").cloned().expect("it was set");
                objects[1].insert("p", typed);
            }
            _ => {
                for object in &mut objects {
                    self.gives_way(&id, &spelled(object.get("p")));
                    object.remove("p");
                }
            }
        }
        for (at, object) in ats.into_iter().zip(objects) {
            let text = Json::Object(object.clone()).to_compact_string();
            self.tell(format!("{} edits: {text}", DOMAINS[at]));
            let index = if at == ats[0] { first } else { second };
            self.files[at][index] = object;
            self.write(at);
        }
    }

    fn edit_item(&mut self, object: &mut Object) {
        let id = id_of(object);
        let draw = self.random.below(if self.is_shaped { 14 } else { 6 });
        match draw {
            0 | 1 | 6 => self.set(&id, object, "p"),
            2 | 3 | 7 => self.set(&id, object, "q"),
            4 | 5 => {
                let field = if draw == 4 { "q" } else { "p" };
                self.gives_way(&id, &spelled(object.get(field)));
                object.remove(field);
            }
            8 => {
                let number = object.get("sum").and_then(Json::as_number);
                if let Some(sum) = number {
                    let by = Number::from(i64::try_from(1 + self.random.below(5)).unwrap());
                    object.insert("sum", Json::Number(sum.checked_add(&by).unwrap()));
                }
            }
            9 => {
                let mut list = array(object, "tags");
                if list.len() > 1 && self.random.below(3) == 0 {
                    let gone = list.remove(self.random.below(list.len()));
                    self.gives_way(&id, &gone.to_compact_string());
                } else {
                    list.push(Json::from(self.type_in(&id)));
                }
                object.insert("tags", Json::Array(list));
            }
            10 => {
                let mut list = array(object, "log");
                list.push(Json::from(self.type_in(&id)));
                object.insert("log", Json::Array(list));
            }
            11 => {
                let text = object.get("text").and_then(Json::as_str).unwrap_or_default();
                let text = format!("{text} {}", self.type_in(&id));
                object.insert("text", text);
            }
            _ => self.edit_member(&id, object),
        }
    }

    fn edit_member(&mut self, id: &str, object: &mut Object) {
        let mut members = array(object, "k");
        let key = ["h", "w"][self.random.below(2)];
        let is_it = |member: &Json| {
            member.as_object().and_then(|object| object.get("t")) == Some(&Json::from(key))
        };
        match members.iter().position(is_it) {
            Some(at) if self.random.below(5) == 0 => {
                let gone = members.remove(at);
                self.gives_way(id, &gone.to_compact_string());
            }
            Some(at) => {
                let mut member = members[at].as_object().unwrap().clone();
                self.set(id, &mut member, "v");
                members[at] = Json::Object(member);
            }
            None => {
                let mut member = Object::new();
                member.insert("t", key);
                member.insert("v", self.type_in(id));
                members.push(Json::Object(member));
            }
        }
        object.insert("k", Json::Array(members));
    }

    fn set(&mut self, id: &str, object: &mut Object, field: &str) {
        self.gives_way(id, &spelled(object.get(field)));
        let token = self.type_in(id);
        object.insert(field, token);
    }

    fn write(&self, at: usize) {
        let items =
            self.files[at].iter().map(|item| Json::Object(item.clone()).to_compact_string());
        let items: Vec<String> = items.collect();
        let items: Vec<&str> = items.iter().map(String::as_str).collect();
        self.desk.contacts(DOMAINS[at], &items);
    }

    fn read(&mut self) {
        for at in 0..self.files.len() {
            let text = self.text(at);
            let file = parse(text.as_bytes()).unwrap();
            let items = file.as_object().unwrap().get("contacts").unwrap().as_array().unwrap();
            self.files[at] = items.iter().map(|item| item.as_object().unwrap().clone()).collect();
        }
    }

    fn text(&self, at: usize) -> String {
        self.desk.read(&format!("{}/contacts.json", DOMAINS[at]))
    }

    fn texts(&self, link: usize) -> [String; 2] {
        [self.text(link), self.text(link + 1)]
    }

    fn hub(&mut self) -> &mut Hub {
        if self.random.below(4) == 0 {
            self.hub = None;
        }
        let desk = &self.desk;
        self.hub.get_or_insert_with(|| desk.hub())
    }

    /// Runs a link and checks that nothing is lost.
    fn sync(&mut self, link: usize) -> SyncOutcome {
        let request = self.links[link].clone();
        let outcome = self.hub().sync(&request, &mut Silent).unwrap();
        self.tell(format!("sync {link}: {}", outcome.report.sync_id));
        if !outcome.report.problems.is_empty() {
            self.fail(&format!("{:?}", outcome.report.problems));
        }
        self.read();
        self.tell_files();
        self.check_typed();
        outcome
    }

    fn tell_files(&mut self) {
        for (domain, items) in DOMAINS.iter().zip(&self.files) {
            let items = items.iter().cloned().map(Json::Object);
            let items: Vec<String> = items.map(|item| item.to_compact_string()).collect();
            self.story.push(format!("  {domain}: {}", items.join(" ")));
        }
        let present = self.present();
        let told: Vec<String> = present.iter().map(spelled_conflict).collect();
        self.tell(format!("  undecided: {told:?}"));
    }

    fn present(&mut self) -> Vec<ConflictRow> {
        let mut rows = self.hub().conflicts().unwrap();
        rows.retain(|row| matches!(row.status, Status::Open | Status::Settled));
        rows
    }

    fn check_typed(&mut self) {
        let present = self.present();
        let listed: Vec<String> =
            present.iter().map(|row| format!("{:?}", row.conflict.sides)).collect();
        let files: Vec<String> = (0..self.files.len()).map(|at| self.text(at)).collect();
        let is_there = |token: &str| files.iter().chain(&listed).any(|text| text.contains(token));
        if let Some(lost) = self.typed.iter().find(|typed| !is_there(&typed.token)) {
            self.fail(&format!("lost: {lost:?}"));
        }
    }

    fn seen(&mut self, link: usize) -> Seen {
        let present = self.present();
        let mut undecided: Vec<String> = present.iter().map(spelled_conflict).collect();
        undecided.sort();
        // Who has no value of its own in a conflict is shown the latest one: by the time of a file,
        // which is another after an undo.
        let contested = |item: &Object| {
            let of_record = present.iter().filter(|row| row.id.as_str() == id_of(item));
            let fields = of_record.filter_map(|row| row.conflict.path.segments().next());
            fields.map(std::borrow::Cow::into_owned).collect::<Vec<String>>()
        };
        let held = |items: &Vec<Object>| {
            let mut items: Vec<String> = items
                .iter()
                .map(|item| {
                    let mut item = item.clone();
                    contested(&item).iter().for_each(|field| drop(item.remove(field)));
                    spelled_record(&item)
                })
                .collect();
            items.sort();
            items.join(" ")
        };
        (self.files[link..link + 2].iter().map(held).collect(), undecided)
    }

    fn is_idle(&mut self, link: usize) {
        let (files, log) = (self.texts(link), self.log_length());
        let outcome = self.sync(link);
        if outcome.wrote || self.texts(link) != files || self.log_length() != log {
            self.fail("a run directly after a run wrote something");
        }
    }

    fn log_length(&mut self) -> u64 {
        self.hub().position().0
    }

    fn resolve(&mut self) {
        let mut open = self.present();
        open.retain(|row| row.status == Status::Open);
        if open.is_empty() {
            return;
        }
        let row = open.swap_remove(self.random.below(open.len()));
        let choice = match row.conflict.kind {
            ConflictKind::Values => {
                let side = &row.conflict.sides[self.random.below(row.conflict.sides.len())];
                Choice::Writer(side.writer.clone().unwrap())
            }
            ConflictKind::Deletion => [Choice::Keep, Choice::Delete][self.random.below(2)].clone(),
            _ => return,
        };
        let (id, record) = (row.conflict_id(), row.id.as_str().to_owned());
        let sides = row.conflict.sides.clone();
        self.tell(format!("decide {}: {choice:?}", spelled_conflict(&row)));
        let actor = self.desk.request.actor.clone();
        let entities = [self.desk.request.entities[0].entity.clone()];
        match self.hub().resolve(&id, &choice, &actor, &entities) {
            Ok(_) => {}
            // Another decision on the record came before.
            Err(HubError::ConflictStale { .. }) => return,
            Err(error) => self.fail(&error.to_string()),
        }
        match choice {
            // Who decides that the record goes decides on all of it.
            Choice::Delete => self.typed.retain(|typed| typed.id != record),
            Choice::Writer(writer) => {
                let own = sides.iter().filter(|side| side.writer.as_ref() == Some(&writer));
                let taken = own.max_by_key(|side| (side.edited, side.stamp)).unwrap();
                let taken = format!("{:?}", taken.value);
                let others = sides.iter().map(|side| format!("{:?}", side.value));
                let lost: Vec<String> = others.filter(|value| *value != taken).collect();
                lost.iter().for_each(|value| self.gives_way(&record, value));
            }
            _ => {}
        }
    }

    fn undo(&mut self, link: usize, sync_id: &str) -> Option<String> {
        let request = self.links[link].clone();
        let undone = self.hub().undo(sync_id, &request, false);
        self.read();
        match undone {
            Ok(undone) => {
                self.tell(format!("undo of {sync_id}: {}", undone.report.sync_id));
                self.tell_files();
                Some(undone.report.sync_id)
            }
            Err(HubError::NotUndoable { .. }) => None,
            Err(error) => self.fail(&error.to_string()),
        }
    }

    /// Runs, undoes the run, and some of the undos; in the end all is as it was after the run.
    fn there_and_back(&mut self, link: usize) {
        let before = self.texts(link);
        let has_decisions = self.has_uncarried_decisions(link);
        let outcome = self.sync(link);
        // A list that lost elements without their list is only reported, by the run that sees it.
        let is_told =
            outcome.report.notices.iter().any(|notice| notice.code == "REMOVED_FROM_APPEND");
        if !outcome.wrote || is_told {
            return;
        }
        let (after, seen) = (self.texts(link), self.seen(link));
        let mut latest = outcome.report.sync_id;
        let depth = 1 + self.random.below(4);
        for turn in 0..depth {
            let Some(undone) = self.undo(link, &latest) else {
                self.fail("the latest run cannot be undone");
            };
            latest = undone;
            let expected = if turn % 2 == 0 { &before } else { &after };
            if self.texts(link) != *expected {
                self.fail("the files are not what they were");
            }
        }
        if self.random.below(3) == 0 {
            // Somebody goes on from there.
            for _ in 0..=self.random.below(2) {
                let at = self.random.below(self.files.len());
                self.edit(at);
            }
            self.sync(link);
            return self.is_idle(link);
        }
        let again = self.sync(link);
        // A decision that was taken back is not carried again.
        let is_done = depth.is_multiple_of(2);
        if !is_done && has_decisions {
            return self.is_idle(link);
        }
        if is_done && again.wrote {
            self.fail("a run that was undone and done again left something to do");
        }
        let found = self.seen(link);
        if found != seen {
            self.fail(&format!("after its undo the run ended otherwise\n{seen:?}\n{found:?}"));
        }
        self.is_idle(link);
    }

    /// Runs the links in turn, undoes what wrote, the latest first, and runs them again: in the end
    /// all is as it was after the runs.
    fn one_after_the_other(&mut self) {
        let mut turns: Vec<usize> = (0..self.links.len()).collect();
        turns.extend(0..self.random.below(self.links.len() + 1));
        let has_decisions = self.has_uncarried_decisions(0);
        let mut undoable = Vec::new();
        for link in &turns {
            let before = self.all_texts();
            let outcome = self.sync(*link);
            let notices = &outcome.report.notices;
            if notices.iter().any(|notice| notice.code == "REMOVED_FROM_APPEND") {
                return;
            }
            if outcome.wrote {
                undoable.push((*link, outcome.report.sync_id, before));
            }
        }
        let seen: Vec<Seen> = (0..self.links.len()).map(|link| self.seen(link)).collect();
        for (link, sync_id, before) in undoable.into_iter().rev() {
            if self.undo(link, &sync_id).is_none() {
                self.fail("a run cannot be undone although all that came since was");
            }
            if self.all_texts() != before {
                self.fail("the files are not what they were");
            }
        }
        turns.iter().for_each(|link| drop(self.sync(*link)));
        let found: Vec<Seen> = (0..self.links.len()).map(|link| self.seen(link)).collect();
        if !has_decisions && found != seen {
            self.fail(&format!("after their undo the runs ended otherwise\n{seen:?}\n{found:?}"));
        }
    }

    /// Runs links as mirrors, copies and merges, and undoes what wrote, the latest first: in the end all
    /// is as it was before them.
    fn mirrors_and_back(&mut self) {
        let mut undoable = Vec::new();
        for _ in 0..2 + self.random.below(3) {
            let link = self.random.below(self.links.len());
            let before = self.all_texts();
            let mut request = self.links[link].clone();
            request.direction = DIRECTIONS[self.random.below(DIRECTIONS.len())];
            let outcome = self.hub().sync(&request, &mut Silent).unwrap();
            let (direction, sync_id) = (request.direction, outcome.report.sync_id);
            self.tell(format!("{direction:?} {link}: {sync_id}"));
            self.read();
            self.tell_files();
            if outcome.wrote {
                undoable.push((link, sync_id, before));
            }
        }
        for (link, sync_id, before) in undoable.into_iter().rev() {
            if self.undo(link, &sync_id).is_none() {
                self.fail("a run cannot be undone although all that came since was");
            }
            if self.all_texts() != before {
                self.fail("the files are not what they were");
            }
        }
        let link = self.random.below(self.links.len());
        self.sync(link);
    }

    fn all_texts(&self) -> Vec<String> {
        (0..self.files.len()).map(|at| self.text(at)).collect()
    }

    /// Returns whether a decision has not reached both sides yet, as far as can be told.
    fn has_uncarried_decisions(&mut self, _link: usize) -> bool {
        let rows = self.hub().conflicts().unwrap();
        rows.iter().any(|row| row.status == Status::Resolved)
    }

    fn step(&mut self) {
        for _ in 0..self.random.below(4) {
            let at = self.random.below(self.files.len());
            self.edit(at);
        }
        let link = self.random.below(self.links.len());
        match self.random.below(12) {
            10 | 11 => self.mirrors_and_back(),
            0..=2 => {
                self.sync(link);
                self.is_idle(link);
            }
            3 | 4 => self.resolve(),
            5 | 6 if self.links.len() > 1 => {
                if self.random.below(2) == 0 {
                    self.edit_in_both();
                }
                self.one_after_the_other();
            }
            _ => self.there_and_back(link),
        }
    }
}

fn id_of(object: &Object) -> String {
    object.get("id").and_then(Json::as_str).unwrap().to_owned()
}

fn array(object: &Object, field: &str) -> Vec<Json> {
    let list = object.get(field).and_then(Json::as_array);
    list.map(<[Json]>::to_vec).unwrap_or_default()
}

fn spelled(value: Option<&Json>) -> String {
    value.map(Json::to_compact_string).unwrap_or_default()
}

/// Returns a record as text; the order of a union's or a keyed array's elements says nothing.
fn spelled_record(item: &Object) -> String {
    let mut item = item.clone();
    for field in ["tags", "k"] {
        if item.get(field).is_some() {
            let mut list: Vec<Json> = array(&item, field);
            list.sort_by_key(Json::to_canonical_string);
            item.insert(field, Json::Array(list));
        }
    }
    Json::Object(item).to_canonical_string()
}

fn spelled_conflict(row: &ConflictRow) -> String {
    let side = |side: &syncline_merge::conflict::Side| {
        let writer = side.writer.as_ref().map_or("-", |writer| writer.as_str());
        let value = side.value.as_ref().map_or("(nothing)", |value| value.as_str());
        format!("{writer} {value}")
    };
    let sides: BTreeSet<String> = row.conflict.sides.iter().map(side).collect();
    let (id, path, status) = (row.id.as_str(), row.conflict.path.as_str(), row.status.as_str());
    format!("{id}{path} {status} {:?} {sides:?}", row.conflict.kind)
}

fn explore(name: &str, domains: usize, rules: impl Fn() -> EntityRules) {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seeds = match number("UNDO_SEED") {
        Some(seed) => seed..seed + 1,
        None => 1..number("UNDO_SEEDS").unwrap_or(SEEDS) + 1,
    };
    for seed in seeds {
        play(name, domains, rules(), seed);
    }
}

fn play(name: &str, domains: usize, rules: EntityRules, seed: u64) {
    let mut world = World::new(name, domains, rules, seed);
    for _ in 0..STEPS {
        world.step();
    }
}

#[test]
fn an_undo_after_which_a_side_counts_as_having_seen_all_is_found() {
    let fails = |seed| {
        let history = || play("planted", 2, EntityRules::default(), seed);
        with_fault(Fault::UndoSeesAll, || std::panic::catch_unwind(history)).is_err()
    };
    assert!((1..=SEEDS_FOR_FAULT).any(fails), "the checks do not see it");
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
            field("/k", Shape::Keyed { key: "t".into() }),
            field("/log", Shape::Append { keep: 10_000 }),
            field("/text", Shape::Text),
        ],
        ..EntityRules::default()
    }
}

#[test]
fn undone_runs_of_two_domains_lose_nothing_and_end_the_same() {
    explore("latest", 2, EntityRules::default);
}

#[test]
fn undone_runs_under_review_lose_nothing_and_end_the_same() {
    let rules = || EntityRules {
        rule_default: Rule::Review,
        deletion: Deletion::Review,
        ..EntityRules::default()
    };
    explore("review", 2, rules);
}

#[test]
fn undone_runs_of_three_domains_lose_nothing_and_end_the_same() {
    explore("three", 3, EntityRules::default);
}

#[test]
fn undone_runs_with_every_shape_lose_nothing_and_end_the_same() {
    explore("shapes", 2, shapes);
}

#[test]
fn undone_runs_of_three_domains_with_every_shape_lose_nothing_and_end_the_same() {
    explore("three, shapes", 3, shapes);
}
