//! Emitters and the hub killed at random, and a receiver that fails at random: what was taken is delivered.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};
use syncline_protocol::webhook::secret::Secret;
use syncline_protocol::webhook::verify::{Received, Verifier};

use crate::desk::Desk;
use crate::serve::Serving;

/// Kills, unless [`KILLS_VARIABLE`] says how many.
const KILLS: u32 = 40;
const KILLS_VARIABLE: &str = "SYNCLINE_DELIVERY_KILLS";
const EMITTERS: usize = 3;
/// Records of one emitter, in turn.
const RECORDS: u64 = 4;
const ENDPOINTS: [&str; 2] = ["one", "two"];
const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// xorshift64: small, seedable, the same everywhere.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// A program that emits one event after the other, and writes down which of them the hub has taken. One that
/// is killed goes on with greater numbers in its next life.
pub(crate) struct Emitter {
    child: Child,
    pub(crate) taken: PathBuf,
}

const EMIT: &str = r#"
n=$FIRST
while :; do
  n=$((n + 1))
  event="{\"events\":[{\"type\":\"tasks.told\",\"resourceType\":\"tasks\",\"resourceId\":\"$NAME-$((n % RECORDS))\",\"data\":{\"n\":$n}}]}"
  status=$(curl -s -o /dev/null -w '%{http_code}' -H "Authorization: Bearer $TOKEN" \
    -H 'Content-Type: application/json' --data "$event" "http://$HUB/v1/events")
  if [ "$status" = 200 ]; then echo "$NAME $n" >> "$TAKEN"; fi
done
"#;

impl Emitter {
    pub(crate) fn start(desk: &Desk, serving: &Serving, (name, life): (usize, u64)) -> Self {
        let taken = desk.path(&format!("taken-{name}.txt"));
        let child = Command::new("sh")
            .args(["-c", EMIT])
            .env("FIRST", (life * 1_000_000).to_string())
            .env("NAME", format!("e{name}"))
            .env("RECORDS", RECORDS.to_string())
            .env("TOKEN", &serving.token)
            .env("HUB", &serving.address)
            .env("TAKEN", &taken)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .unwrap();
        Self { child, taken }
    }
}

impl Drop for Emitter {
    fn drop(&mut self) {
        // It and the request that it is at.
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        let _ = self.child.wait();
    }
}

/// A delivery as the receiver has written it down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    endpoint: String,
    record: String,
    number: u64,
    id: String,
}

/// A receiver that verifies, writes down what it takes before it answers, and fails now and then.
pub(crate) struct Receiver {
    address: String,
    log: PathBuf,
}

impl Receiver {
    pub(crate) fn start(log: PathBuf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let file = OpenOptions::new().create(true).append(true).open(&log).unwrap();
        let shared = Arc::new(Mutex::new((file, Dice(0x5eed_de11))));
        std::thread::spawn(move || {
            for socket in listener.incoming() {
                let (socket, shared) = (socket.unwrap(), Arc::clone(&shared));
                // A connection ends with the hub that has made it.
                std::thread::spawn(move || while let Some(()) = exchange(&socket, &shared) {});
            }
        });
        Self { address, log }
    }

    pub(crate) fn lines(&self) -> Vec<Line> {
        let whole = std::fs::read_to_string(&self.log).unwrap();
        let line = |line: &str| {
            let words: Vec<&str> = line.split(' ').collect();
            let [endpoint, record, number, id] = words[..] else { panic!("{line}") };
            Line {
                endpoint: endpoint.to_owned(),
                record: record.to_owned(),
                number: number.parse().unwrap(),
                id: id.to_owned(),
            }
        };
        whole.lines().map(line).collect()
    }
}

/// Takes one delivery of a connection; nothing once that is over.
fn exchange(socket: &TcpStream, shared: &Mutex<(File, Dice)>) -> Option<()> {
    let (mut reader, mut headers) = (BufReader::new(socket), BTreeMap::new());
    let mut first = String::new();
    reader.read_line(&mut first).ok().filter(|bytes| *bytes > 0)?;
    let endpoint = first.split(' ').nth(1)?.trim_start_matches('/').to_owned();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|bytes| *bytes > 0)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let mut body = vec![0; headers["content-length"].parse().unwrap()];
    reader.read_exact(&mut body).ok()?;
    let header = |name: &str| headers.get(name).map(String::as_bytes);
    let received = Received {
        id: header("webhook-id"),
        timestamp: header("webhook-timestamp"),
        signature: header("webhook-signature"),
        plain_signature: None,
        body: &body,
    };
    let now_s = headers["webhook-timestamp"].parse().unwrap();
    let secret = Secret::parse(SECRET).unwrap();
    Verifier::new([&secret]).unwrap().verify(&received, now_s).expect("it is signed");
    let told: Value = serde_json::from_slice(&body).unwrap();
    let mut shared = shared.lock().unwrap();
    let (file, dice) = &mut *shared;
    let fate = dice.below(100);
    if fate >= 10 {
        let (record, number) = (told["resourceId"].as_str().unwrap(), &told["data"]["n"]);
        let line = format!("{endpoint} {record} {number} {}\n", headers["webhook-id"]);
        file.write_all(line.as_bytes()).unwrap();
    }
    drop(shared);
    let answer = match fate {
        0..10 => "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n",
        // It was taken, and nobody is told.
        10..13 => return None,
        _ => "HTTP/1.1 204 No Content\r\n\r\n",
    };
    (&*socket).write_all(answer.as_bytes()).ok()
}

/// Checks what was received against what the hub has taken: nothing is lost, one event has one id, and within a
/// record nothing comes after what is newer, not even again.
pub(crate) fn check(lines: &[Line], taken: &BTreeSet<(String, u64)>) -> Result<(), String> {
    let mut ids: BTreeMap<(String, u64), &str> = BTreeMap::new();
    let mut events: BTreeMap<&str, (String, u64)> = BTreeMap::new();
    let mut latest: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    let mut received = BTreeSet::new();
    for line in lines {
        let (emitter, _) = line.record.split_once('-').ok_or("no record of an emitter")?;
        let event = (emitter.to_owned(), line.number);
        if *ids.entry(event.clone()).or_insert(&line.id) != line.id
            || *events.entry(&line.id).or_insert(event.clone()) != event
        {
            return Err(format!("another id: {line:?}"));
        }
        let before = latest.entry((&line.endpoint, &line.record)).or_default();
        if *before > line.number {
            return Err(format!("after {before}: {line:?}"));
        }
        *before = line.number;
        received.insert((line.endpoint.as_str(), event));
    }
    for (endpoint, event) in
        ENDPOINTS.iter().flat_map(|name| taken.iter().map(move |one| (name, one)))
    {
        if !received.contains(&(*endpoint, event.clone())) {
            return Err(format!("lost at {endpoint}: {event:?}"));
        }
    }
    Ok(())
}

pub(crate) fn taken(paths: &[PathBuf]) -> BTreeSet<(String, u64)> {
    let read = |path: &PathBuf| std::fs::read_to_string(path).unwrap_or_default();
    let whole: String = paths.iter().map(read).collect();
    let event = |line: &str| {
        let (name, number) = line.split_once(' ').unwrap();
        (name.to_owned(), number.parse().unwrap())
    };
    whole.lines().map(event).collect()
}

pub(crate) fn make_endpoints(serving: &Serving, receiver: &Receiver) {
    // A tenth is refused each time: with so many attempts nothing is given up.
    let schedule: Vec<u64> = std::iter::once(0).chain([20; 60]).collect();
    for id in ENDPOINTS {
        let url = format!("http://{}/{id}", receiver.address);
        let endpoint = json!({ "id": id, "url": url, "secrets": [SECRET], "schedule": schedule });
        let (status, told) = serving.ask("POST", "/v1/endpoints", &endpoint).unwrap();
        assert_eq!(status, 201, "{told}");
    }
}

/// Goal: every emit that was answered with 200 is delivered to every endpoint, duplicates carry the same id, and the
/// order of each record is kept, wherever emitters and the hub are killed. Method: kills at random moments of real
/// processes under load; a receiver that fails at random writes down what it takes.
#[test]
fn every_emit_that_returned_is_delivered_in_order_wherever_anybody_is_killed() {
    let kills = std::env::var(KILLS_VARIABLE).ok().map(|text| text.parse().unwrap());
    let kills: u32 = kills.unwrap_or(KILLS);
    let desk = Desk::new();
    let receiver = Receiver::start(desk.path("received.txt"));
    let options = ["--deliver-to", "loopback"];
    let mut serving = Serving::start(&desk, &options);
    make_endpoints(&serving, &receiver);
    let address = serving.address.clone();
    let mut lives = [0; EMITTERS];
    let start = |serving: &Serving, name, life| Emitter::start(&desk, serving, (name, life));
    let mut emitters: Vec<Emitter> = (0..EMITTERS).map(|name| start(&serving, name, 0)).collect();
    let mut dice = Dice(0x0dd_ba11);
    let mut hub_kills = 0;
    for _ in 0..kills {
        std::thread::sleep(Duration::from_millis(100 + dice.below(500)));
        if dice.below(3) == 0 {
            let name = usize::try_from(dice.below(EMITTERS as u64)).unwrap();
            lives[name] += 1;
            drop(emitters.remove(name));
            emitters.insert(name, start(&serving, name, lives[name]));
        } else {
            hub_kills += 1;
            drop(serving);
            serving = Serving::once_ready(&desk, Serving::spawn(&desk, &address, &options));
        }
    }
    let paths: Vec<PathBuf> = emitters.iter().map(|emitter| emitter.taken.clone()).collect();
    drop(emitters);
    let taken = taken(&paths);
    let begun = Instant::now();
    let lines = loop {
        let lines = receiver.lines();
        match check(&lines, &taken) {
            Ok(()) => break lines,
            Err(error) if error.starts_with("lost") && begun.elapsed() < PATIENCE => {
                std::thread::sleep(Duration::from_millis(50));
            }
            Err(error) => panic!("{error}"),
        }
    };
    assert!(hub_kills > 0 && taken.len() > EMITTERS, "{hub_kills} kills, {} taken", taken.len());
    assert_faults_are_found(&lines, &taken);
    eprintln!(
        "{hub_kills} kills of the hub, {} of emitters, {} events taken, {} deliveries",
        lives.iter().sum::<u64>(),
        taken.len(),
        lines.len()
    );
}

/// Proof that the check sees: faults that are planted in what was really received.
fn assert_faults_are_found(lines: &[Line], taken: &BTreeSet<(String, u64)>) {
    let first = taken.first().unwrap();
    let is_first = |line: &Line| line.record.starts_with(&first.0) && line.number == first.1;
    let lost = lines.iter().filter(|line| !(line.endpoint == "two" && is_first(line)));
    let lost: Vec<Line> = lost.cloned().collect();
    assert!(check(&lost, taken).unwrap_err().starts_with("lost"));
    let mut swapped = lines.to_vec();
    let (one, other) = (0..lines.len())
        .flat_map(|one| (one + 1..lines.len()).map(move |other| (one, other)))
        .find(|(one, other)| {
            let (one, other) = (&lines[*one], &lines[*other]);
            let is_lane = (&one.endpoint, &one.record) == (&other.endpoint, &other.record);
            is_lane && one.number < other.number
        })
        .unwrap();
    swapped.swap(one, other);
    assert!(check(&swapped, taken).unwrap_err().starts_with("after"));
    let mut renamed = lines.to_vec();
    let is_at_both = |line: &&Line| {
        let is_same = |other: &Line| other.id == line.id && other.endpoint == "one";
        line.endpoint == "two" && lines.iter().any(is_same)
    };
    let again = lines.iter().position(|line| is_at_both(&line)).unwrap();
    renamed[again].id.push('x');
    assert!(check(&renamed, taken).unwrap_err().starts_with("another id"));
}
