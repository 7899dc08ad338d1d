//! What `deploy/monitoring/` names is there: a real Prometheus reads a real hub by the configuration that is shipped.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::alerts::Sink;
use crate::desk::{Desk, repository};
use crate::serve::{Serving, ask};

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);
/// How often Prometheus reads the hub and computes its rules here.
const INTERVAL: &str = "1s";
const CONFIGURATION: &str = "[metrics]\nprefix = \"rdap_sync\"\nregion = \"eu-west\"\n\
    [entities.tasks.fields]\n\"/size\" = \"max\"\n\"/title\" = \"review\"\n";

/// A Prometheus of its own; it ends with this.
struct Prometheus {
    child: Child,
    address: String,
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks Prometheus; nothing if it does not answer. By the old version of HTTP, in which an answer comes in one piece.
fn read(address: &str, path: &str) -> Option<(u16, Value)> {
    let mut socket = TcpStream::connect(address).ok()?;
    socket.set_read_timeout(Some(PATIENCE)).ok()?;
    socket.write_all(format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n").as_bytes()).ok()?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, serde_json::from_str(body).ok()?))
}

/// Returns a program of Prometheus, which is unpacked into the build's folder if it is not there.
fn program(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("prometheus");
    let installed = Command::new("bash")
        .arg(repository("scripts/install-prometheus.sh"))
        .arg(&folder)
        .output()
        .unwrap();
    assert!(installed.status.success(), "{}", String::from_utf8_lossy(&installed.stderr));
    folder.join("usr/bin").join(name)
}

fn promtool(arguments: &[&str]) {
    let ended = Command::new(program("promtool"))
        .args(arguments)
        .current_dir(repository("deploy/monitoring"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ended.stdout).into_owned();
    assert!(ended.status.success(), "{said}{}", String::from_utf8_lossy(&ended.stderr));
}

#[test]
fn each_rule_computes_what_it_says_and_each_alert_fires_on_its_condition_only() {
    promtool(&["check", "rules", "rdap_sync.rules.yml"]);
    promtool(&["test", "rules", "rdap_sync.tests.yml"]);
}

impl Prometheus {
    /// Starts it with the configuration that is shipped, faster and at another address.
    fn start(desk: &Desk, hub: &Serving) -> Self {
        let shipped = fs::read_to_string(repository("deploy/monitoring/prometheus.yml")).unwrap();
        let written = shipped.replace("15s", INTERVAL).replace("127.0.0.1:8787", &hub.address);
        assert!(written.contains(INTERVAL) && written.contains(&hub.address), "{shipped}");
        desk.put("prometheus.yml", written.as_bytes());
        let body = json!({ "name": "prometheus", "role": "operator" });
        let (_, made) = hub.ask("POST", "/v1/tokens", &body).unwrap();
        desk.put("operator.token", made["token"].as_str().unwrap().as_bytes());
        let rules = fs::read(repository("deploy/monitoring/rdap_sync.rules.yml")).unwrap();
        desk.put("rdap_sync.rules.yml", &rules);
        // The port is free until somebody else takes it: then Prometheus ends, and the next one is tried.
        for _ in 0..5 {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let address = format!("127.0.0.1:{port}");
            let log = fs::File::create(desk.path("prometheus.log")).unwrap();
            let child = Command::new(program("prometheus"))
                .arg(format!("--config.file={}", desk.path("prometheus.yml").display()))
                .arg(format!("--storage.tsdb.path={}", desk.path("tsdb").display()))
                .arg(format!("--web.listen-address={address}"))
                .stdout(Stdio::null())
                .stderr(log)
                .spawn()
                .unwrap();
            let mut this = Self { child, address };
            if this.is_ready() {
                return this;
            }
        }
        panic!("{}", String::from_utf8_lossy(&desk.bytes("prometheus.log")));
    }

    fn is_ready(&mut self) -> bool {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE && self.child.try_wait().unwrap().is_none() {
            if let Some((200, _)) = read(&self.address, "/api/v1/query?query=1") {
                return true;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        false
    }

    /// Returns what an expression comes to: one sample per series.
    fn query(&self, expression: &str) -> Vec<Value> {
        let bytes = expression.bytes();
        let encoded: String = bytes.map(|byte| format!("%{byte:02X}")).collect();
        let path = format!("/api/v1/query?query={encoded}");
        let (status, answer) = read(&self.address, &path).unwrap();
        assert_eq!((status, &answer["status"]), (200, &json!("success")), "{expression}: {answer}");
        answer["data"]["result"].as_array().unwrap().clone()
    }
}

/// Returns the values of a member of the rules, which stand on one line or, folded, on those behind it.
fn rules(member: &str) -> Vec<String> {
    let text = fs::read_to_string(repository("deploy/monitoring/rdap_sync.rules.yml")).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let begin = format!("{member}: ");
    let mut found = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let Some(value) = line.trim_start().trim_start_matches("- ").strip_prefix(&begin) else {
            continue;
        };
        let indent = |line: &str| line.len() - line.trim_start().len();
        found.push(match value {
            ">-" => {
                let behind = lines[index + 1..].iter();
                let folded = behind.take_while(|behind| indent(behind) > indent(line));
                folded.map(|line| line.trim()).collect::<Vec<_>>().join(" ")
            }
            value => value.to_owned(),
        });
    }
    found
}

/// Returns the names of figures of the hub in an expression.
fn figures(expression: &str) -> BTreeSet<String> {
    let words = expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != ':');
    let words = words.filter(|word| word.starts_with("rdap_sync_"));
    words.map(str::to_owned).collect()
}

/// Returns the expressions of the dashboard, for every region and hub.
fn panels() -> Vec<(String, String)> {
    let text = fs::read(repository("deploy/monitoring/rdap_sync.dashboard.json")).unwrap();
    let dashboard: Value = serde_json::from_slice(&text).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.flat_map(|panel| {
        let targets = panel["targets"].as_array().cloned().unwrap_or_default();
        let title = panel["title"].as_str().unwrap().to_owned();
        targets.into_iter().map(move |target| {
            let expression = target["expr"].as_str().unwrap();
            let expression = expression.replace("$hub", ".*").replace("$region", ".*");
            assert!(!expression.contains('$'), "an unknown variable: {expression}");
            (title.clone(), expression)
        })
    });
    targets.collect()
}

/// Pushes operations of a client, with a word for what became of each.
fn push(hub: &Serving, client: &str, operations: &Value) -> Vec<String> {
    let body = json!({ "client": client, "ops": operations });
    let (status, answer) = hub.ask("POST", "/v1/push", &body).unwrap();
    assert_eq!(status, 200, "{answer}");
    let results = answer["results"].as_array().unwrap().iter();
    results.map(|result| result["status"].as_str().unwrap().to_owned()).collect()
}

/// When everything is edited.
const AT: &str = "2026-11-20T10:00:00.000Z";

fn set(number: u64, id: &str, path: &str, value: &Value) -> Value {
    json!({ "op": number, "entity": "tasks", "id": id, "at": AT, "set": { path: value } })
}

/// Has happen what the rules are about: conflicts of both kinds, one of which is decided, deletions and refusals.
fn happens(hub: &Serving, round: u64) {
    let id = format!("t{round}");
    for (client, size) in [("phone", 1), ("tablet", 2)] {
        let number = round * 10;
        let gone = json!({ "op": number + 3, "entity": "tasks", "id": format!("{id}-{client}"), "at": AT, "delete": true });
        let operations = json!([
            set(number + 1, &id, "/size", &json!(size)),
            set(number + 2, &id, "/title", &json!(client)),
            gone,
            { "op": number + 4, "entity": "tasks", "id": id, "at": AT, "inc": { "/size": "much" } },
        ]);
        let became = push(hub, client, &operations);
        assert_eq!(became[3], "rejected", "{became:?}");
    }
    let (_, listed) = hub.ask("GET", "/v1/conflicts?status=open", &json!({})).unwrap();
    let open = &listed["conflicts"][0]["conflict"];
    let path = format!("/v1/conflicts/{}/resolve", open.as_str().unwrap());
    let (status, answer) = hub.ask("POST", &path, &json!({ "take": "phone" })).unwrap();
    assert_eq!(status, 200, "{answer}");
}

/// Has a client compare its copy of an entity without records with the hub's: all that is nothing adds up to 0.
fn compares(hub: &Serving) {
    let body = json!({ "name": "copy", "role": "client", "client": "copy" });
    let (_, made) = hub.ask("POST", "/v1/tokens", &body).unwrap();
    let token = made["token"].as_str().unwrap();
    let pull = |query: &str| {
        let path = format!("/v1/pull?entities=none{query}");
        ask(&hub.address, token, "GET", &path, &json!({})).unwrap().1
    };
    let begun = pull("");
    let compared = pull(&format!("&cursor={}&sum={:032}", begun["cursor"].as_str().unwrap(), 0));
    assert_eq!(compared["equal"], json!(true), "{compared}");
}

/// Returns those of some expressions that come to nothing, or to no number.
fn without_data<'e>(prometheus: &Prometheus, expressions: &'e [String]) -> Vec<&'e String> {
    let has_data = |expression: &&String| {
        let samples = prometheus.query(expression);
        samples.iter().any(|sample| sample["value"][1].as_str().is_some_and(|it| it != "NaN"))
    };
    expressions.iter().filter(|expression| !has_data(expression)).collect()
}

#[test]
fn a_real_prometheus_finds_in_a_real_hub_all_that_rules_and_dashboard_name() {
    let desk = Desk::new();
    desk.put("syncline.toml", CONFIGURATION.as_bytes());
    let backup = desk.path("backup").display().to_string();
    let hub = Serving::start(&desk, &["--deliver-to", "loopback", "--backup-to", &backup]);
    // Nobody listens there.
    let endpoint =
        json!({ "id": "admin", "url": "http://127.0.0.1:1/hook", "events": ["tasks.*"] });
    let (status, answer) = hub.ask("POST", "/v1/endpoints", &endpoint).unwrap();
    assert_eq!(status, 201, "{answer}");
    let sink = Sink::start();
    let url = format!("http://127.0.0.1:{}/hook", sink.port);
    let endpoint = json!({ "id": "taken", "url": url, "events": ["tasks.*"] });
    assert_eq!(hub.ask("POST", "/v1/endpoints", &endpoint).unwrap().0, 201);
    compares(&hub);
    let prometheus = Prometheus::start(&desk, &hub);
    // What is recorded under a name, and what a dashboard shows.
    let mut wanted: Vec<String> = rules("record");
    assert!(wanted.len() >= 15, "{wanted:?}");
    let alarms = rules("expr");
    assert!(alarms.len() >= wanted.len() + 10, "{alarms:?}");
    wanted.extend(alarms.iter().flat_map(|expression| figures(expression)));
    wanted.extend(panels().into_iter().map(|(_, expression)| expression));
    wanted.push("up{job=\"rdap_sync\"} == 1".to_owned());
    // A rate is one of at least two readings: it goes on until there are.
    let begun = Instant::now();
    for round in 1.. {
        happens(&hub, round);
        std::thread::sleep(Duration::from_secs(1));
        let missing = without_data(&prometheus, &wanted);
        if missing.is_empty() {
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "there is no data of {missing:#?}");
    }
    let regions = prometheus.query("count by (region, hub) (rdap_sync_operation_total)");
    assert_eq!(regions.len(), 1, "{regions:?}");
    assert_eq!(regions[0]["metric"], json!({ "region": "eu-west", "hub": "default" }));
    let consistency = prometheus.query("rdap_sync:data_consistency:ratio");
    assert_eq!(consistency[0]["value"][1], json!("1"), "{consistency:?}");
    // All is well but for what is refused: two of eight, again and again.
    let rate = prometheus.query("sum by (hub) (rdap_sync:error_rate:5m)");
    let rate: f64 = rate[0]["value"][1].as_str().unwrap().parse().unwrap();
    assert!((0.15..0.35).contains(&rate), "{rate}");
    let pending = prometheus.query("rdap_sync:queue_depth > 0");
    assert_eq!(pending.len(), 1, "an endpoint that nobody serves");
    let other = prometheus.query("{__name__=~\"syncline_.*\"}");
    assert!(other.is_empty(), "figures with another beginning: {other:?}");
}

#[test]
fn the_dashboard_has_the_panels_of_spec_002_and_is_read_anew_every_five_seconds() {
    let text = fs::read(repository("deploy/monitoring/rdap_sync.dashboard.json")).unwrap();
    let dashboard: Value = serde_json::from_slice(&text).unwrap();
    let titles: Vec<&str> = dashboard["panels"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|panel| panel["title"].as_str())
        .collect();
    for title in [
        "Operations Overview",
        "Data Consistency",
        "Error Rate by Region",
        "Synchronization Latency",
        "Queue Depth",
        "Region Replication Lag",
        "Delivery Attempts",
        "Time to Deliver",
        "Deliveries Waiting",
        "Oldest Undelivered Event",
        "Breakers",
    ] {
        assert!(titles.contains(&title), "{title}: {titles:?}");
    }
    assert_eq!(
        (&dashboard["title"], &dashboard["refresh"]),
        (&json!("RDAP Synchronization Dashboard"), &json!("5s"))
    );
}
