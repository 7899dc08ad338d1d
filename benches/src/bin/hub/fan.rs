//! One change, many clients: what it costs the hub to tell all, how fast it is, what a connection holds, and how all
//! come back at once.

use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::load::Writer;
use syncline_benches::http::Connection;
use syncline_benches::report::{Figure, Goal, Report};
use syncline_benches::served::Hub;

/// The views of a hub for crowds.
const VIEWS: &str = r#"
[views.of-an-owner]
entity = "tasks"
filter = "record.owner == params.owner"
params = { owner = "text" }

[views.open]
entity = "tasks"
filter = "record.state == params.state"
params = { state = "text" }
"#;
/// Clients that share an access token.
const CLIENTS_PER_TOKEN: u64 = 100;
/// Changes of a burst.
const BURST: usize = 1_000;
/// Messages that one acknowledgement covers: as many as where the client for Rust has a window of 64.
const ACKED_AT_ONCE: u64 = 8;
/// How long a crowd may take for anything, in seconds.
const PATIENCE_S: u64 = 120;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// A crowd of clients in a process of its own.
struct Crowd {
    process: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
    tokens: Vec<String>,
    /// How many changes each of them was told.
    told: u64,
}

impl Crowd {
    /// Begins a crowd of at most so many clients, with access tokens of their own.
    fn begin(hub: &Hub, clients: u64) -> Outcome<Self> {
        let mut connection = Connection::open(hub.address, &hub.token)?;
        let mut tokens = Vec::new();
        for number in 0..clients.div_ceil(CLIENTS_PER_TOKEN) {
            let body = json!({"name": format!("crowd {number}"), "role": "client"}).to_string();
            let (status, answer) = connection.send("POST", "/v1/tokens", body.as_bytes())?;
            let answer: Value = serde_json::from_slice(answer)?;
            let token = answer["token"].as_str().ok_or_else(|| format!("{status}: {answer}"))?;
            tokens.push(token.to_owned());
        }
        let mut process = Command::new(std::env::current_exe()?)
            .arg("--is-crowd")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let orders = process.stdin.take().ok_or("no input")?;
        let answers = BufReader::new(process.stdout.take().ok_or("no output")?);
        Ok(Self { process, orders, answers, tokens, told: 0 })
    }

    fn order(&mut self, order: &Value) -> Outcome<Value> {
        writeln!(self.orders, "{order}")?;
        self.orders.flush()?;
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        serde_json::from_str(&line).map_err(|_| "the crowd has gone".into())
    }

    /// Connects clients `first..first + clients` of `of`, and waits until all are up to date.
    fn open(&mut self, hub: &Hub, who: &Clients, jitter_ms: u64) -> Outcome<Opened> {
        let answer = self.order(&json!({
            "do": "open", "address": hub.address.to_string(), "tokens": self.tokens, "first": who.first,
            "clients": who.clients, "of": who.of, "view": who.view, "is_own": who.is_own, "ack_every": ACKED_AT_ONCE,
            "jitter_ms": jitter_ms, "timeout_s": PATIENCE_S,
        }))?;
        let number = |name: &str| answer[name].as_u64().unwrap_or_default();
        if number("connected") != who.first + who.clients || number("wrong") > 0 {
            return Err(format!("not all are connected: {answer}").into());
        }
        let took_s = answer["took_s"].as_f64().unwrap_or(f64::NAN);
        Ok(Opened { took_s, busy: number("busy"), worse: number("worse") })
    }

    /// Waits until each client was told so many more changes, and no other; returns when the last one was.
    fn await_changes(&mut self, clients: u64, changes: u64) -> Outcome<Duration> {
        self.told += changes;
        let answer = self.order(&json!({
            "do": "await", "clients": clients, "changes": self.told, "timeout_s": PATIENCE_S,
        }))?;
        if answer["exactly"].as_u64() != Some(clients) || answer["wrong"].as_u64() != Some(0) {
            return Err(format!("not all were told {} changes each: {answer}", self.told).into());
        }
        let at = Duration::from_micros(answer["last_us"].as_u64().unwrap_or_default());
        Ok(at)
    }

    fn cut(&mut self) -> Outcome<()> {
        self.order(&json!({"do": "cut"})).map(drop)
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Which clients connect, and what they follow.
struct Clients {
    first: u64,
    clients: u64,
    of: u64,
    view: Value,
    is_own: bool,
}

/// How connecting went.
struct Opened {
    took_s: f64,
    busy: u64,
    worse: u64,
}

impl Clients {
    /// All of so many clients, who follow the same view.
    fn alike(clients: u64) -> Self {
        let view = json!({"view": "open", "params": {"state": "open"}});
        Self { first: 0, clients, of: clients, view, is_own: false }
    }
}

fn begin(binary: &Path, folder: &Path) -> Outcome<Hub> {
    std::fs::write(folder.join("syncline.toml"), VIEWS)?;
    Ok(Hub::start(binary, folder)?)
}

/// Counts deliveries for the hub's processor time: many changes at once, and one by one.
pub(crate) fn deliveries(
    report: &Report,
    binary: &Path,
    clients: u64,
    bursts: u64,
    spaced: u64,
) -> Outcome<()> {
    let folder = tempfile::tempdir()?;
    let hub = begin(binary, folder.path())?;
    let mut writer = Writer::open(&hub, "writer", BURST)?;
    writer.push(0..BURST)?;
    let mut crowd = Crowd::begin(&hub, clients)?;
    crowd.open(&hub, &Clients::alike(clients), 500)?;
    writer.connect_again(&hub)?;
    let mut measured = |what: &str, times: u64, records: usize, goal: f64, how: &str| {
        let before = hub.processor_time();
        for time in 0..times {
            let first = if records == 1 { time as usize % BURST } else { 0 };
            writer.push(first..first + records)?;
            crowd.await_changes(clients, records as u64)?;
        }
        let processor = hub.processor_time() - before;
        let deliveries = (clients * times * records as u64) as f64;
        report.figure(&Figure {
            part: "fan",
            what,
            value: deliveries / processor.as_secs_f64().max(0.01),
            unit: "deliveries per CPU-s of the hub",
            goal: Goal::AtLeast(goal),
            processor: Some(processor),
            how,
        });
        Outcome::Ok(())
    };
    let how = format!(
        "{clients} clients with a view, each told {bursts} times {BURST} changes that one request has made, and \
         acknowledging {ACKED_AT_ONCE} messages at once; the time of the writes is counted too"
    );
    measured("in bursts", bursts, BURST, 1_000_000.0, &how)?;
    let how = format!(
        "{clients} clients with a view, each told {spaced} changes one by one, the next when all have read it, {ACKED_AT_ONCE} \
         acknowledged at once"
    );
    measured("spaced", spaced, 1, 120_000.0, &how)
}

/// Holds many connections, tells all of one change, cuts them and lets all come back.
pub(crate) fn crowd(report: &Report, binary: &Path, clients: u64) -> Outcome<()> {
    let folder = tempfile::tempdir()?;
    let hub = begin(binary, folder.path())?;
    let mut writer = Writer::open(&hub, "writer", 1)?;
    writer.push([0])?;
    let mut crowd = Crowd::begin(&hub, clients)?;
    let (before, processor) = (hub.resident_bytes(), hub.processor_time());
    let opened = crowd.open(&hub, &Clients::alike(clients), 2_000)?;
    report.say(&format!(
        "  {clients} connected in {:.1} s, {} told to come back later",
        opened.took_s, opened.busy
    ));
    let figure = |what: &str, value: f64, unit, most: f64, processor, how: &str| {
        let goal = Goal::AtMost(most);
        report.figure(&Figure { part: "crowd", what, value, unit, goal, processor, how });
    };
    std::thread::sleep(Duration::from_secs(2));
    let held = hub.resident_bytes().saturating_sub(before) as f64 / clients as f64 / 1_024.0;
    let how = format!(
        "resident memory of the hub with {clients} WebSockets, each with token, view and cursor, less that before, for \
         each"
    );
    let processor = Some(hub.processor_time() - processor);
    figure("memory of a connection", held, "KiB", 12.0, processor, &how);
    writer.connect_again(&hub)?;
    let (mut took, before) = (Vec::new(), hub.processor_time());
    for _ in 0..5 {
        let start = SystemTime::now().duration_since(UNIX_EPOCH)?;
        writer.push([0])?;
        let last = crowd.await_changes(clients, 1)?;
        took.push(last.saturating_sub(start).as_secs_f64());
    }
    let slowest = took.iter().copied().fold(f64::NAN, f64::max);
    let how = format!("the slowest of 5, from the request until the last of {clients} has read it");
    figure("one change to all in", slowest, "s", 1.0, Some(hub.processor_time() - before), &how);
    // What is made while nobody is there, everybody is told by the cursor.
    crowd.cut()?;
    std::thread::sleep(Duration::from_millis(200));
    writer.connect_again(&hub)?;
    writer.push([0])?;
    let before = hub.processor_time();
    let start = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let opened = crowd.open(&hub, &Clients::alike(clients), 1_000)?;
    let last = crowd.await_changes(clients, 1)?;
    let processor = Some(hub.processor_time() - before);
    let how = format!(
        "all {clients} connections cut at once, each client back after a random time within 1 s, and told by its cursor \
         of what it missed; {} told 503 with Retry-After; {} MiB resident afterwards",
        opened.busy,
        hub.resident_bytes() >> 20
    );
    figure("all back in", last.saturating_sub(start).as_secs_f64(), "s", 10.0, processor, &how);
    let how = "refused or cut connections and other answers, while all came back";
    figure("worse than 503 with Retry-After", opened.worse as f64, "times", 0.0, None, how);
    Ok(())
}

/// Compares what a change costs with few views that do not match, and with many.
pub(crate) fn views(
    report: &Report,
    binary: &Path,
    few: u64,
    many: u64,
    changes: u64,
) -> Outcome<()> {
    let folder = tempfile::tempdir()?;
    let hub = begin(binary, folder.path())?;
    let mut writer = Writer::open(&hub, "writer", BURST)?;
    writer.push(0..BURST)?;
    let mut crowd = Crowd::begin(&hub, many)?;
    let view = json!({"view": "of-an-owner", "params": {"owner": "nobody-"}});
    let clients =
        |first, clients| Clients { first, clients, of: many, view: view.clone(), is_own: true };
    let mut cost = |what: String| {
        writer.connect_again(&hub)?;
        let before = hub.processor_time();
        let mut at = 0;
        for _ in 0..changes.div_ceil(100) {
            writer.push((0..100).map(|index| (at + index) % BURST))?;
            at = (at + 100) % BURST;
        }
        let spent = (hub.processor_time() - before).as_secs_f64();
        let each_us = spent * 1e6 / changes as f64;
        report.say(&format!("  {what}: {each_us:.1} µs of the hub's processor for a change"));
        Outcome::Ok((each_us, Duration::from_secs_f64(spent)))
    };
    crowd.open(&hub, &clients(0, few), 100)?;
    cost("at first".to_owned())?;
    let (before, _) = cost(format!("{few} views that do not match"))?;
    let resident = hub.resident_bytes();
    crowd.open(&hub, &clients(few, many - few), 2_000)?;
    std::thread::sleep(Duration::from_secs(2));
    let held = hub.resident_bytes().saturating_sub(resident) as f64 / (many - few) as f64 / 1_024.0;
    let (with, processor) = cost(format!("{many} views that do not match"))?;
    crowd.cut()?;
    std::thread::sleep(Duration::from_millis(500));
    crowd.open(&hub, &clients(0, few), 100)?;
    let (after, _) = cost(format!("{few} again"))?;
    let how = format!(
        "processor time of the hub for each of {changes} changes, 100 in a request, with {many} connected views of which \
         none matches, to the mean of {few} before and afterwards"
    );
    let value = with / ((before + after) / 2.0);
    let (part, unit, goal) = ("views", "×", Goal::AtMost(1.2));
    let what = "cost of a change";
    report.figure(&Figure { part, what, value, unit, goal, processor: Some(processor), how: &how });
    let how = "as in crowd, but each with a view of its own";
    let (what, unit, goal) =
        ("memory of a connection with its own view", "KiB", Goal::AtMost(12.0));
    let processor = None;
    report.figure(&Figure { part, what, value: held, unit, goal, processor, how });
    Ok(())
}
