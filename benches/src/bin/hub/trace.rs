//! A fixed course of edits: how many bytes it takes over the wire, and what becomes of it where two make it at once.
//!
//! Of 100 edits 70 set one field, 15 count, 10 put a few characters into a text and 5 begin a record. Records have 12
//! fields and some 600 bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;
use syncline_client::{Client, Edit, Options, Query, Strategy};

use crate::wire::Wire;
use syncline_benches::http::Connection;
use syncline_benches::report::{Figure, Goal, Report};
use syncline_benches::served::Hub;

/// The rules of `examples/personal-business`, and a text.
const RULES: &str = r#"
[entities.contacts.fields]
"/tags" = "union"
"/email" = "review"
"/loggedMinutes" = "sum"
"/notes" = "text"
[entities.calendar.fields]
"/attendees" = "union"
"/loggedMinutes" = "sum"
"/notes" = "text"
[entities.tasks.fields]
"/loggedMinutes" = "sum"
"/notes" = "text"
[entities.documents.fields]
"/version" = "max"
"/loggedMinutes" = "sum"
"/notes" = "text"
[entities.communications.fields]
"/loggedMinutes" = "sum"
"/notes" = "text"
"#;
const ENTITIES: [&str; 5] = ["contacts", "calendar", "tasks", "documents", "communications"];
/// Fields with plain values; with minutes and notes there are 12.
const PLAIN: [&str; 10] = [
    "/title",
    "/email",
    "/status",
    "/owner",
    "/phone",
    "/address",
    "/city",
    "/company",
    "/version",
    "/category",
];
/// Edits that are sent at once.
const BATCH: u64 = 100;
/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(60);

type Outcome<T> = Result<T, Box<dyn Error>>;
/// A type of record and the id of one.
type Place = (&'static str, String);

/// What is the same on every machine.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

/// What somebody does.
enum Step {
    Set { place: Place, path: &'static str, value: String },
    Count { place: Place, minutes: i64 },
    Type { place: Place, at: u64, text: String },
    Begin { place: Place },
}

/// A course of edits.
struct Course {
    dice: Dice,
    /// Who edits; names the records that are begun.
    who: &'static str,
    records: Vec<Place>,
    steps: u64,
}

impl Course {
    fn new(who: &'static str, seed: u64, records: u64) -> Self {
        let records = (0..records).map(|index| place("shared", index)).collect();
        Self { dice: Dice(seed), who, records, steps: 0 }
    }

    fn next(&mut self) -> Step {
        self.steps += 1;
        let dice = &mut self.dice;
        let kind = dice.below(100);
        let index = dice.below(self.records.len() as u64);
        let place_of_one = self.records[usize::try_from(index).unwrap_or_default()].clone();
        match kind {
            0..70 => {
                let path = PLAIN[usize::try_from(dice.below(10)).unwrap_or_default()];
                let value = plain(path, dice.below(1_000_000));
                Step::Set { place: place_of_one, path, value }
            }
            70..85 => Step::Count { place: place_of_one, minutes: 5 + 5 * dice.below(12) as i64 },
            85..95 => {
                let text = format!(" word{:04}", dice.below(10_000));
                Step::Type { place: place_of_one, at: dice.below(1_000), text }
            }
            _ => {
                let place = place(self.who, self.steps);
                self.records.push(place.clone());
                Step::Begin { place }
            }
        }
    }
}

impl Step {
    fn place(&self) -> &Place {
        match self {
            Self::Set { place, .. }
            | Self::Count { place, .. }
            | Self::Type { place, .. }
            | Self::Begin { place } => place,
        }
    }

    fn carry_out(&self, client: &Client) -> Outcome<()> {
        let (entity, id) = self.place();
        client.edit(entity, id, |edit| match self {
            Self::Set { path, value, .. } => edit.set(path, value.as_str()),
            Self::Count { minutes, .. } => edit.increment("/loggedMinutes", *minutes),
            Self::Type { at, text, .. } => {
                let length =
                    edit.get("/notes").and_then(|notes| Some(notes.as_str()?.chars().count()));
                let length = length.unwrap_or_default() as u64 + 1;
                edit.splice_text(
                    "/notes",
                    usize::try_from(at % length).unwrap_or_default(),
                    0,
                    text,
                )
            }
            Self::Begin { .. } => whole(edit, id),
        })?;
        Ok(())
    }
}

fn place(who: &str, index: u64) -> Place {
    let entity = ENTITIES[usize::try_from(index % 5).unwrap_or_default()];
    (entity, format!("{who}-{index:05}"))
}

/// Returns a value that a field may have, for a number.
fn plain(path: &str, number: u64) -> String {
    match path {
        "/title" => format!("Call customer {number} about the offer"),
        "/email" => format!("person.{number}@company-{}.example", number % 97),
        "/status" => {
            ["open", "waiting", "done"][usize::try_from(number % 3).unwrap_or_default()].to_owned()
        }
        "/phone" => format!("+49 30 {number:07}"),
        "/address" => format!("{} Long Street, second floor", number % 999),
        "/version" => format!("{number:06}"),
        _ => format!("{} {}", &path[1..], number % 9_999),
    }
}

/// Writes all fields of a record: some 600 bytes.
fn whole(edit: Edit, id: &str) -> Edit {
    let number = id.bytes().fold(7, |sum: u64, byte| (sum * 31 + u64::from(byte)) % 1_000_003);
    let mut edit = edit;
    for path in PLAIN {
        edit = edit.set(path, plain(path, number).as_str());
    }
    edit.set("/loggedMinutes", 0).set("/notes", notes().as_str())
}

/// Returns the text of a record that was just begun.
fn notes() -> String {
    "They asked for two weeks, and for a price in writing. ".repeat(5)
}

/// Two clients with wires of their own to one hub, which hold the same records.
struct World {
    hub: Hub,
    clients: [Client; 2],
    wires: [Wire; 2],
}

fn begin(binary: &Path, folder: &Path, records: u64, strategy: Strategy) -> Outcome<World> {
    std::fs::write(folder.join("syncline.toml"), RULES)?;
    let hub = Hub::start(binary, folder)?;
    let url = |address| format!("http://{address}");
    // The records are made over a connection that nobody counts.
    let maker = Client::open(Options::new(folder.join("maker.db"), &url(hub.address), &hub.token))?;
    maker.transaction(|all| {
        (0..records).try_for_each(|index| {
            let (entity, id) = place("shared", index);
            all.edit(entity, &id, |edit| whole(edit, &id))
        })
    })?;
    maker.wait_until_synced(PATIENCE)?;
    drop(maker);
    let wires = [Wire::to(hub.address)?, Wire::to(hub.address)?];
    let open = |index: usize, strategy| -> Outcome<Client> {
        let file = folder.join(format!("client-{index}.db"));
        let options = Options::new(file, &url(wires[index].address), &hub.token);
        let client = Client::open(options.client_id(["a", "b"][index]).strategy(strategy))?;
        client.wait_until_synced(PATIENCE)?;
        Ok(client)
    };
    let clients = [open(0, strategy)?, open(1, Strategy::Immediate)?];
    Ok(World { hub, clients, wires })
}

impl World {
    fn bytes(&self) -> u64 {
        self.wires.iter().map(Wire::bytes).sum()
    }

    /// Waits until both clients show a record alike and nothing waits.
    fn await_record(&self, (entity, id): &Place) -> Outcome<()> {
        let start = Instant::now();
        loop {
            let shown = |client: &Client| {
                client
                    .get(entity, id)
                    .map(|record| record.map(|record| record.to_json().to_compact_string()))
            };
            let is_sent = self.clients.iter().all(|client| client.status().pending == 0);
            if is_sent && shown(&self.clients[0])? == shown(&self.clients[1])? {
                return Ok(());
            }
            if start.elapsed() > PATIENCE {
                return Err(format!("the clients differ in {entity} {id}").into());
            }
            std::thread::sleep(Duration::from_micros(500));
        }
    }

    /// Waits until nothing goes over the wires any more.
    fn settle(&self) {
        let mut before = self.bytes();
        loop {
            std::thread::sleep(Duration::from_millis(300));
            let now = self.bytes();
            if now == before {
                return;
            }
            before = now;
        }
    }

    /// Returns all records as a client shows them.
    fn records(&self, client: usize) -> Outcome<BTreeMap<Place, Value>> {
        let mut records = BTreeMap::new();
        for entity in ENTITIES {
            for record in self.clients[client].query(&Query::new(entity))? {
                let json = serde_json::from_str(&record.to_json().to_compact_string())?;
                records.insert((entity, record.id().to_string()), json);
            }
        }
        Ok(records)
    }
}

/// Counts bytes while one client edits and another follows, in batches and one by one.
pub(crate) fn bytes(report: &Report, binary: &Path, records: u64, edits: u64) -> Outcome<()> {
    let batches = Strategy::Batch { operations: BATCH as usize, within: Duration::from_secs(600) };
    for (what, strategy, at_once, goal) in [
        ("bytes saved in batches of 100", batches, BATCH, 0.92),
        ("bytes saved live", Strategy::Immediate, 1, 0.80),
    ] {
        let folder = tempfile::tempdir()?;
        let world = begin(binary, folder.path(), records, strategy)?;
        world.settle();
        let (before, processor) = (world.bytes(), world.hub.processor_time());
        let mut course = Course::new("begun", 3, records);
        let mut whole = 0;
        for edit in 1..=edits {
            let step = course.next();
            step.carry_out(&world.clients[0])?;
            let (entity, id) = step.place();
            let record =
                world.clients[0].get(entity, id)?.ok_or("a record that is edited is there")?;
            // Once to the hub, once to who follows.
            whole += 2 * record.to_json().to_compact_string().len() as u64;
            if edit % at_once == 0 {
                world.await_record(step.place())?;
            }
        }
        world.settle();
        let processor = Some(world.hub.processor_time() - processor);
        let sent = world.bytes() - before;
        if world.records(0)? != world.records(1)? {
            return Err("the clients hold different records".into());
        }
        let how = format!(
            "{edits} edits of records of some 600 bytes by A, followed by B: {sent} bytes of TCP payload on both sockets, \
             both ways, {:.0} for an edit, to {whole} of whole records as JSON, once to the hub and once to B",
            sent as f64 / edits as f64
        );
        let (part, value, unit) = ("trace", 1.0 - sent as f64 / whole as f64, "of all");
        let goal = if edits.is_multiple_of(at_once) { Goal::AtLeast(goal) } else { Goal::None };
        report.figure(&Figure { part, what, value, unit, goal, processor, how: &how });
    }
    Ok(())
}

/// What two made of the same records without seeing each other, and must not be lost.
#[derive(Default)]
struct Kept {
    minutes: BTreeMap<Place, i64>,
    characters: BTreeMap<Place, usize>,
    begun: BTreeSet<Place>,
    /// Fields that both have set to different values in the same round.
    contested: BTreeSet<(Place, &'static str)>,
}

/// Lets two clients edit the same records while neither is connected, again and again.
pub(crate) fn concurrent(
    report: &Report,
    binary: &Path,
    records: u64,
    edits: u64,
    rounds: u64,
) -> Outcome<()> {
    let folder = tempfile::tempdir()?;
    let world = begin(binary, folder.path(), records, Strategy::Immediate)?;
    let before = world.records(0)?;
    let processor = world.hub.processor_time();
    let mut courses = [Course::new("by-a", 5, records), Course::new("by-b", 11, records)];
    let mut kept = Kept::default();
    for _ in 0..rounds {
        // What only one of them has is edited by nobody else.
        courses.iter_mut().for_each(|course| course.records.truncate(before.len()));
        round(&world, &mut courses, edits / rounds / 2, &mut kept)?;
    }
    let processor = Some(world.hub.processor_time() - processor);
    let conflicts = conflicts(&world.hub)?;
    let lost = lost(&kept, &before, &world.records(0)?, &conflicts);
    let open = conflicts.iter().filter(|conflict| conflict["status"] == "open").count();
    let settled = 1.0 - open as f64 / conflicts.len().max(1) as f64;
    let how = format!(
        "{edits} edits by two clients, neither connected, in {rounds} rounds; {} conflicts under the rules of \
         examples/personal-business, {open} of which wait for a person; the five types of record in equal shares",
        conflicts.len()
    );
    let part = "trace";
    let (what, unit, goal) = ("conflicts that settle by rule", "of all", Goal::AtLeast(0.95));
    report.figure(&Figure { part, what, value: settled, unit, goal, processor, how: &how });
    let how = format!(
        "{} fields that both had set otherwise without a conflict, {} counters that do not add up, {} texts of another \
         length, {} records that were begun and are missing; of {} such fields, {} counters, {} texts and {} records",
        lost[0],
        lost[1],
        lost[2],
        lost[3],
        kept.contested.len(),
        kept.minutes.len(),
        kept.characters.len(),
        kept.begun.len()
    );
    let (what, unit, goal) = ("edits that were dropped", "", Goal::AtMost(0.0));
    let value = lost.iter().sum::<usize>() as f64;
    report.figure(&Figure { part, what, value, unit, goal, processor: None, how: &how });
    if value > 0.0 {
        return Err("edits were dropped".into());
    }
    Ok(())
}

/// Lets both edit while neither is connected, and then come back and meet.
fn round(world: &World, courses: &mut [Course; 2], edits: u64, kept: &mut Kept) -> Outcome<()> {
    world.clients.iter().for_each(Client::go_offline);
    let mut set = [BTreeMap::new(), BTreeMap::new()];
    for (side, course) in courses.iter_mut().enumerate() {
        for _ in 0..edits {
            let step = course.next();
            step.carry_out(&world.clients[side])?;
            let place = step.place().clone();
            match step {
                Step::Set { path, value, .. } => drop(set[side].insert((place, path), value)),
                Step::Count { minutes, .. } => *kept.minutes.entry(place).or_default() += minutes,
                Step::Type { text, .. } => {
                    *kept.characters.entry(place).or_default() += text.chars().count();
                }
                Step::Begin { .. } => drop(kept.begun.insert(place)),
            }
        }
    }
    let [first, second] = &set;
    let is_contested =
        |(field, value): &(&_, &String)| second.get(*field).is_some_and(|other| other != *value);
    kept.contested.extend(first.iter().filter(is_contested).map(|(field, _)| field.clone()));
    world.clients.iter().for_each(Client::go_online);
    for client in &world.clients {
        client.wait_until_synced(PATIENCE)?;
    }
    let start = Instant::now();
    loop {
        let different = different(&world.records(0)?, &world.records(1)?);
        // While a person has not decided each is shown its own value.
        let waits =
            if different.is_empty() { BTreeSet::new() } else { open(&conflicts(&world.hub)?) };
        let wrong: Vec<_> = different.difference(&waits).collect();
        if wrong.is_empty() {
            return Ok(());
        }
        if start.elapsed() > PATIENCE {
            return Err(format!("the clients hold different records: {wrong:?}").into());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A field: the type of record, its id, and the path.
type Field = [String; 3];

/// Returns the fields that two do not hold alike; of a record that only one holds the record itself.
fn different(first: &BTreeMap<Place, Value>, second: &BTreeMap<Place, Value>) -> BTreeSet<Field> {
    let places: BTreeSet<&Place> = first.keys().chain(second.keys()).collect();
    let fields_of = |place: &Place| -> Vec<String> {
        let (Some(first), Some(second)) = (first.get(place), second.get(place)) else {
            return vec![String::new()];
        };
        let names = [first, second].into_iter().filter_map(Value::as_object).flat_map(|o| o.keys());
        names.filter(|name| first[*name] != second[*name]).map(|name| format!("/{name}")).collect()
    };
    let fields = places.into_iter().flat_map(|place| {
        let field = |path| [place.0.to_owned(), place.1.clone(), path];
        fields_of(place).into_iter().map(field)
    });
    fields.collect()
}

/// Returns the fields of which a person has to decide.
fn open(conflicts: &[Value]) -> BTreeSet<Field> {
    let text = |conflict: &Value, name| conflict[name].as_str().unwrap_or_default().to_owned();
    let open = conflicts.iter().filter(|conflict| conflict["status"] == "open");
    open.map(|conflict| ["entity", "id", "path"].map(|name| text(conflict, name))).collect()
}

/// Counts what is missing: conflicts, minutes, characters, records.
fn lost(
    kept: &Kept,
    before: &BTreeMap<Place, Value>,
    after: &BTreeMap<Place, Value>,
    conflicts: &[Value],
) -> [usize; 4] {
    let listed: BTreeSet<[&str; 3]> = conflicts
        .iter()
        .map(|conflict| {
            ["entity", "id", "path"].map(|name| conflict[name].as_str().unwrap_or_default())
        })
        .collect();
    let minutes = |records: &BTreeMap<Place, Value>, place| {
        records.get(place).and_then(|record| record["loggedMinutes"].as_i64()).unwrap_or_default()
    };
    let characters = |records: &BTreeMap<Place, Value>, place| {
        // One that was not there was begun meanwhile.
        let Some(record) = records.get(place) else { return notes().chars().count() };
        record["notes"].as_str().map_or(0, |notes| notes.chars().count())
    };
    let is_listed =
        |((entity, id), path): &&(Place, &str)| listed.contains(&[*entity, id.as_str(), *path]);
    [
        kept.contested.iter().filter(|field| !is_listed(field)).count(),
        kept.minutes
            .iter()
            .filter(|(place, sum)| minutes(after, *place) != minutes(before, *place) + **sum)
            .count(),
        kept.characters
            .iter()
            .filter(|(place, sum)| characters(after, *place) != characters(before, *place) + **sum)
            .count(),
        kept.begun.iter().filter(|place| !after.contains_key(*place)).count(),
    ]
}

/// Returns all conflicts of a hub.
fn conflicts(hub: &Hub) -> Outcome<Vec<Value>> {
    let mut connection = Connection::open(hub.address, &hub.token)?;
    let (mut all, mut address) = (Vec::new(), "/v1/conflicts?status=all&limit=1000".to_owned());
    loop {
        let (status, page) = connection.send("GET", &address, b"")?;
        let mut page: Value = serde_json::from_slice(page)?;
        let Some(conflicts) = page["conflicts"].as_array_mut() else {
            return Err(format!("{status}: {page}").into());
        };
        all.append(conflicts);
        let Some(next) = page["next"].as_str() else { return Ok(all) };
        address = format!("/v1/conflicts?status=all&limit=1000&cursor={next}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_course_is_what_it_says_and_the_same_every_time() {
        let mut counts = [0; 4];
        let (mut course, mut again) = (Course::new("x", 3, 50), Course::new("x", 3, 50));
        for _ in 0..10_000 {
            let step = course.next();
            assert_eq!(step.place(), again.next().place());
            counts[match step {
                Step::Set { .. } => 0,
                Step::Count { .. } => 1,
                Step::Type { .. } => 2,
                Step::Begin { .. } => 3,
            }] += 1;
        }
        for (count, wanted) in counts.into_iter().zip([7_000_i32, 1_500, 1_000, 500]) {
            assert!((count - wanted).abs() < 150, "{counts:?}");
        }
    }

    #[test]
    fn who_holds_something_else_is_told_apart_from_whose_conflict_waits() {
        let one = |id: &str, title: &str| {
            (("tasks", id.to_owned()), serde_json::json!({"title": title, "city": "x"}))
        };
        let first = BTreeMap::from([one("t1", "a"), one("t2", "b"), one("t3", "c")]);
        let second = BTreeMap::from([one("t1", "a"), one("t2", "other")]);
        let field = |id: &str, path: &str| ["tasks", id, path].map(str::to_owned);
        let found = different(&first, &second);
        assert_eq!(found, BTreeSet::from([field("t2", "/title"), field("t3", "")]));
        let conflict = |status: &str| serde_json::json!({"entity": "tasks", "id": "t2", "path": "/title", "status": status});
        assert_eq!(open(&[conflict("settled")]), BTreeSet::new());
        assert_eq!(open(&[conflict("open")]), BTreeSet::from([field("t2", "/title")]));
    }

    #[test]
    fn what_is_missing_is_counted() {
        let place = || ("tasks", "t1".to_owned());
        let mut kept = Kept::default();
        kept.contested.insert((place(), "/title"));
        kept.minutes.insert(place(), 5);
        kept.characters.insert(place(), 2);
        kept.begun.insert(("tasks", "t2".to_owned()));
        let all = |records: Value| -> BTreeMap<Place, Value> {
            let records = records.as_object().cloned().unwrap_or_default();
            records.into_iter().map(|(id, record)| (("tasks", id), record)).collect()
        };
        let before = all(serde_json::json!({"t1": {"loggedMinutes": 1, "notes": "ab"}}));
        let whole = all(serde_json::json!({"t1": {"loggedMinutes": 6, "notes": "abcd"}, "t2": {}}));
        let conflict = serde_json::json!({"entity": "tasks", "id": "t1", "path": "/title"});
        assert_eq!(lost(&kept, &before, &whole, &[conflict]), [0; 4]);
        assert_eq!(lost(&kept, &before, &before, &[]), [1; 4]);
    }
}
