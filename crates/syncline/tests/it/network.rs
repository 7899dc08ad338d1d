//! Real clients and the real program, with a network between them that fails, and kills of both.
//!
//! Each world begins with a seed, ends in peace, and is compared with what its users did. More of them:
//! `NETWORK_SEEDS=100 cargo test -p syncline --test it network::more_worlds -- --ignored`.

mod proxy;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};
use syncline_client::{Client, Edit, Network, Options, Query};

use crate::desk::Desk;
use crate::serve::Serving;
use proxy::{Proxy, Random};

const CLIENTS: usize = 3;
/// Edits of all clients in a world.
const EDITS: u64 = 240;
/// Records of each kind.
const RECORDS: u64 = 3;
/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// A defect of the surroundings, planted to see that the comparison finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Planted {
    /// A device comes back with the file that it had some time ago.
    QueueForgotten,
    /// The server comes back as it was some time ago, although it has answered since.
    AnswersForgotten,
}

/// What the users have done, as far as their clients have said that it is kept.
#[derive(Debug, Default)]
struct Done {
    /// By record: its fields, of which one user alone writes each.
    fields: BTreeMap<String, BTreeMap<String, Value>>,
    sums: BTreeMap<String, u64>,
    tags: BTreeMap<String, BTreeSet<String>>,
    deleted: BTreeSet<String>,
}

impl Done {
    /// Returns the records as they must be.
    fn records(&self) -> BTreeMap<String, Value> {
        let mut records: BTreeMap<String, Value> = BTreeMap::new();
        for (id, fields) in &self.fields {
            records.insert(id.clone(), json!(fields));
        }
        for (id, sum) in &self.sums {
            records.entry(id.clone()).or_insert_with(|| json!({}))["views"] = json!(sum);
        }
        for (id, tags) in &self.tags {
            records.entry(id.clone()).or_insert_with(|| json!({}))["tags"] = json!(tags);
        }
        records
    }
}

/// A client on its device.
struct Device {
    name: String,
    file: PathBuf,
    url: String,
    token: String,
    client: Option<Client>,
}

impl Device {
    fn client(&mut self) -> &Client {
        let Self { name, file, url, token, client } = self;
        client.get_or_insert_with(|| {
            let options = Options::new(file.as_path(), url, token).client_id(name);
            Client::open(options.entities(["tasks"])).unwrap()
        })
    }

    /// Returns its files, and what is in them.
    fn files(&self) -> Vec<(PathBuf, Option<Vec<u8>>)> {
        let path = |suffix: &str| PathBuf::from(format!("{}{suffix}", self.file.display()));
        ["", "-wal", "-shm"].map(path).map(|path| (path.clone(), fs::read(path).ok())).into()
    }

    /// Its program ends; with a fault it finds its file as it was before.
    fn restart(&mut self, forgotten: Option<Vec<(PathBuf, Option<Vec<u8>>)>>) {
        self.client = None;
        for (path, bytes) in forgotten.into_iter().flatten() {
            let _ = bytes.map_or_else(|| fs::remove_file(&path), |bytes| fs::write(&path, bytes));
        }
        self.client();
    }
}

/// Edits something, and writes down what was kept.
fn edit(device: &mut Device, number: u64, random: &mut Random, done: &mut Done) {
    let name = device.name.clone();
    let value = format!("{name}-{number}");
    let (shared, own) = (format!("sum-{}", random.below(RECORDS)), format!("own-{name}-{number}"));
    let kind = random.below(10);
    let client = device.client();
    match kind {
        0..3 => {
            let by = 1 + random.below(9);
            client.edit("tasks", &shared, |r: Edit| r.increment("/views", by as i64)).unwrap();
            *done.sums.entry(shared).or_default() += by;
        }
        3..5 => {
            client.edit("tasks", &shared, |r| r.add("/tags", value.as_str())).unwrap();
            done.tags.entry(shared).or_default().insert(value);
        }
        5..8 => {
            let (id, field) = (format!("mix-{}", random.below(RECORDS)), format!("by-{name}"));
            let path = format!("/{field}");
            client.edit("tasks", &id, |r| r.set(&path, value.as_str())).unwrap();
            done.fields.entry(id).or_default().insert(field, json!(value));
        }
        8 => {
            client.edit("tasks", &own, |r| r.set("/title", value.as_str())).unwrap();
            done.fields.entry(own).or_default().insert("title".into(), json!(value));
        }
        _ => {
            let prefix = format!("own-{name}-");
            let known = done.fields.keys().find(|id| id.starts_with(&prefix)).cloned();
            let Some(id) = known else { return };
            client.delete("tasks", &id).unwrap();
            done.fields.remove(&id);
            done.deleted.insert(id);
        }
    }
}

/// Makes a record that nobody ever deletes.
fn make(device: &mut Device, number: u64, done: &mut Done) {
    let id = format!("kept-{}-{number}", device.name);
    device.client().edit("tasks", &id, |r| r.set("/title", "kept")).unwrap();
    done.fields.entry(id).or_default().insert("title".into(), json!("kept"));
}

/// Copies a folder that nobody writes to.
fn copy(from: &std::path::Path, to: &std::path::Path) {
    fs::create_dir_all(to).unwrap();
    fs::set_permissions(to, fs::metadata(from).unwrap().permissions()).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else if entry.file_type().unwrap().is_file() {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// A world on its way.
struct World {
    desk: Desk,
    serving: Option<Serving>,
    proxy: Proxy,
    devices: Vec<Device>,
    random: Random,
    done: Done,
    planted: Option<Planted>,
}

impl World {
    fn new(seed: u64, planted: Option<Planted>) -> Self {
        let desk = Desk::new();
        let serving = Serving::start(&desk, &[]);
        let proxy = Proxy::start(&serving.address, seed);
        let device = |number: usize| Device {
            name: format!("d{number}"),
            file: desk.path(&format!("d{number}.db")),
            url: format!("http://{}", proxy.address),
            token: serving.token.clone(),
            client: None,
        };
        let devices = (0..CLIENTS).map(device).collect();
        let (random, done) = (Random::new(!seed), Done::default());
        Self { desk, serving: Some(serving), proxy, devices, random, done, planted }
    }

    fn play(&mut self) {
        let kills: BTreeSet<u64> = (0..3).map(|_| self.random.below(EDITS)).collect();
        for number in 0..EDITS {
            let index = usize::try_from(self.random.below(CLIENTS as u64)).unwrap();
            edit(&mut self.devices[index], number, &mut self.random, &mut self.done);
            if kills.contains(&number) {
                self.kill_server();
            }
            match self.random.below(40) {
                0 => self.kill_device(index, number),
                1 => self.devices[index].client().go_offline(),
                2 => self.proxy.part(self.random.next()),
                // Who comes back does not wait as long as who was refused.
                3..12 => self.devices[index].client().go_online(),
                _ => std::thread::sleep(Duration::from_millis(self.random.below(12))),
            }
        }
    }

    /// The server is killed and starts again, on the same port.
    fn kill_server(&mut self) {
        let state = self.desk.path(".syncline");
        let was = self.desk.path("was");
        if self.planted == Some(Planted::AnswersForgotten) && !was.exists() {
            self.end_server(Signal::TERM);
            copy(&state, &was);
            self.start_server();
            self.settle();
            make(&mut self.devices[0], 0, &mut self.done);
            self.settle();
        }
        self.end_server(Signal::KILL);
        if was.exists() {
            fs::remove_dir_all(&state).unwrap();
            fs::rename(&was, &state).unwrap();
        }
        self.start_server();
    }

    fn end_server(&mut self, signal: Signal) {
        if let Some(serving) = self.serving.take() {
            serving.signal(signal);
            serving.ends();
        }
    }

    fn start_server(&mut self) {
        let address = self.proxy.target();
        let child = Serving::spawn(&self.desk, &address, &[]);
        self.serving = Some(Serving::once_ready(&self.desk, child));
    }

    fn kill_device(&mut self, index: usize, number: u64) {
        let is_planted = self.planted == Some(Planted::QueueForgotten);
        let before = is_planted.then(|| {
            self.devices[index].client().go_offline();
            let before = self.devices[index].files();
            make(&mut self.devices[index], number, &mut self.done);
            before
        });
        self.devices[index].restart(before);
    }

    /// Waits until every client has its answers and has seen all.
    fn settle(&mut self) {
        let begun = Instant::now();
        for device in &mut self.devices {
            let client = device.client();
            let mut nudged = Instant::now();
            client.go_online();
            loop {
                let status = client.status();
                if status.pending == 0 && status.network == Network::UpToDate {
                    break;
                }
                if nudged.elapsed() > Duration::from_secs(1) && status.network == Network::Offline {
                    // Nobody waits for the longest pause between two attempts.
                    client.go_offline();
                    client.go_online();
                    nudged = Instant::now();
                }
                assert!(begun.elapsed() < PATIENCE, "{} waits for ever: {status:?}", device.name);
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    }

    /// Returns what is not as its users have made it, once nothing goes wrong any more.
    fn end(&mut self) -> Vec<String> {
        self.proxy.heal();
        self.settle();
        let expected = self.done.records();
        let hub = self.hub_shows();
        let mut findings = differences("the hub", &hub, &expected);
        for device in &mut self.devices {
            let name = device.name.clone();
            let begun = Instant::now();
            let found = loop {
                let records = device.client().query(&Query::new("tasks")).unwrap();
                let records = records.iter().map(|record| {
                    let json = record.to_json().to_compact_string();
                    (record.id().to_string(), serde_json::from_str(&json).unwrap())
                });
                let found: BTreeMap<String, Value> = records.map(sorted).collect();
                // What others did last may still be on its way.
                if found == hub || begun.elapsed() > Duration::from_secs(10) {
                    break found;
                }
                std::thread::sleep(Duration::from_millis(20));
            };
            findings.extend(differences(&name, &found, &hub));
            let refused = device.client().quarantine().unwrap().len();
            if refused > 0 {
                findings.push(format!("{refused} operation(s) of {name} are refused"));
            }
        }
        findings
    }

    fn hub_shows(&self) -> BTreeMap<String, Value> {
        let serving = self.serving.as_ref().unwrap();
        let mut records = BTreeMap::new();
        let mut path = "/v1/entities/tasks/records?limit=100".to_owned();
        loop {
            let (status, page) = serving.ask("GET", &path, &json!({})).unwrap();
            assert_eq!(status, 200, "{page}");
            for row in page["records"].as_array().unwrap() {
                let id = row["id"].as_str().unwrap().to_owned();
                records.extend([sorted((id, row["record"].clone()))]);
            }
            let Some(next) = page["next"].as_str() else { return records };
            path = format!("/v1/entities/tasks/records?limit=100&cursor={next}");
        }
    }
}

/// Elements of a set have an order of their own.
fn sorted((id, mut record): (String, Value)) -> (String, Value) {
    if let Some(tags) = record["tags"].as_array_mut() {
        tags.sort_by_key(Value::to_string);
    } else if let Some(fields) = record.as_object_mut() {
        fields.remove("tags");
    }
    (id, record)
}

fn differences(
    who: &str,
    found: &BTreeMap<String, Value>,
    expected: &BTreeMap<String, Value>,
) -> Vec<String> {
    let ids: BTreeSet<&String> = found.keys().chain(expected.keys()).collect();
    let differs = ids.into_iter().filter(|id| found.get(*id) != expected.get(*id));
    let one = |id: &String| {
        format!("{who} shows {id} as {:?}, not {:?}", found.get(id), expected.get(id))
    };
    differs.map(one).collect()
}

fn run(seed: u64, planted: Option<Planted>) -> (Vec<String>, u64) {
    let mut world = World::new(seed, planted);
    world.play();
    let findings = world.end();
    (findings, world.proxy.wrong())
}

fn check(seed: u64) {
    let (findings, wrong) = run(seed, None);
    assert!(findings.is_empty(), "seed {seed}: {findings:#?}");
    assert!(wrong >= 5, "seed {seed}: only {wrong} connections went wrong");
}

#[test]
fn whatever_the_network_does_clients_and_server_lose_nothing_and_end_equal() {
    for seed in 1..3 {
        check(seed);
    }
}

#[test]
fn a_device_that_forgets_what_it_has_queued_is_found() {
    let (findings, _) = run(1, Some(Planted::QueueForgotten));
    assert!(findings.iter().any(|finding| finding.contains("kept-")), "{findings:?}");
}

#[test]
fn a_server_that_forgets_what_it_has_answered_is_found() {
    let (findings, _) = run(1, Some(Planted::AnswersForgotten));
    assert!(findings.iter().any(|finding| finding.contains("kept-")), "{findings:?}");
}

/// Bytes that nothing compresses, in base64 as a document holds them.
fn photo(put_in: &[u8]) -> String {
    let mut random = Random::new(7);
    let mut bytes: Vec<u8> = (0..1 << 17).flat_map(|_| random.next().to_be_bytes()).collect();
    bytes.splice(500_000..500_000, put_in.iter().copied());
    let text = syncline_model::base64url::encode(&bytes).replace('-', "+").replace('_', "/");
    format!("{text}{}", "=".repeat(text.len().wrapping_neg() % 4))
}

/// A photo of 1 MiB, into which three bytes are put: from one device to the hub, and from there to another.
#[test]
fn a_few_bytes_put_into_a_large_field_travel_alone() {
    let desk = Desk::new();
    let serving = Serving::start(&desk, &[]);
    let devices = ["writer", "reader"].map(|name| {
        let proxy = Proxy::start(&serving.address, 1);
        proxy.heal();
        let options = Options::new(
            desk.path(&format!("{name}.db")),
            &format!("http://{}", proxy.address),
            &serving.token,
        );
        let client = Client::open(options.client_id(name).entities(["photos"])).unwrap();
        (client, proxy)
    });
    let [(writer, up), (reader, down)] = &devices;
    let arrives = |text: &str| {
        let begun = Instant::now();
        let is_there = |client: &Client| {
            let held = client.get("photos", "p1").unwrap().and_then(|record| record.get("/data"));
            client.status().pending == 0 && held.is_some_and(|held| held.as_str() == Some(text))
        };
        while !is_there(writer) || !is_there(reader) {
            assert!(begun.elapsed() < PATIENCE, "it never arrives");
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    let set = |text: &str| writer.edit("photos", "p1", |r: Edit| r.set("/data", text)).unwrap();
    for (put_in, is_first) in [(&b""[..], true), (b"xyz", false), (b"x", false), (b"", false)] {
        let before = [up, down].map(Proxy::carried);
        let text = photo(put_in);
        set(&text);
        arrives(&text);
        let [up, down] = [up, down].map(Proxy::carried);
        let carried = [up - before[0], down - before[1]];
        let most = if is_first { 2 << 20 } else { 2_048 };
        assert!(carried.iter().all(|bytes| *bytes < most), "{carried:?} for {put_in:?}");
    }
}

#[test]
#[ignore = "takes minutes: NETWORK_SEEDS=100 cargo test -p syncline --test it network::more_worlds -- --ignored"]
fn more_worlds() {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let first = number("NETWORK_FIRST").unwrap_or(1);
    for seed in first..first + number("NETWORK_SEEDS").unwrap_or(20) {
        check(seed);
    }
}
