//! `syncline serve --watch`: folders and clients of one hub.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::desk::{Desk, numbered};
use crate::serve::{ERRORS, OUT, Serving};

const PATIENCE: Duration = Duration::from_secs(30);
const CONFIGURATION: &str = "[domains.personal]\npath = \"data/personal\"\n\
    [domains.business]\npath = \"data/business\"\n[entities.contacts]\n\
    [entities.contacts.fields]\n\"/calls\" = \"sum\"\n\
    [links.both]\nsource = \"personal\"\ntarget = \"business\"\n";

/// A desk with three contacts at home and none at work.
fn begun() -> Desk {
    let desk = Desk::new();
    desk.put("syncline.toml", CONFIGURATION.as_bytes());
    desk.contacts("personal", &numbered(0..3));
    desk
}

#[track_caller]
fn wait_until(what: &str, mut is_done: impl FnMut() -> bool) -> Duration {
    let begun = Instant::now();
    while !is_done() {
        assert!(begun.elapsed() < PATIENCE, "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
    begun.elapsed()
}

/// Returns a record of a folder; null if it is not there.
fn in_folder(desk: &Desk, domain: &str, id: &str) -> Value {
    let path = desk.path(&format!("data/{domain}/contacts.json"));
    let bytes = std::fs::read(path).unwrap_or_default();
    let file: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let records = file["contacts"].as_array().cloned().unwrap_or_default();
    records.into_iter().find(|record| record["id"] == id).unwrap_or_default()
}

fn in_both(desk: &Desk, id: &str) -> [Value; 2] {
    ["personal", "business"].map(|domain| in_folder(desk, domain, id))
}

fn path(id: &str) -> String {
    format!("/v1/entities/contacts/records/{id}")
}

/// Returns a record of the hub; null if it is not there.
fn at_hub(serving: &Serving, id: &str) -> Value {
    let (status, answer) = serving.ask("GET", &path(id), &json!({})).unwrap();
    if status == 200 { answer["record"].clone() } else { Value::Null }
}

fn push(serving: &Serving, client: &str, mut operation: Value) {
    operation["at"] = json!("2026-11-20T10:00:00.000Z");
    operation["entity"] = json!("contacts");
    let push = json!({ "client": client, "ops": [operation] });
    let (status, answer) = serving.ask("POST", "/v1/push", &push).unwrap();
    assert_eq!(status, 200, "{answer}");
}

fn errors(desk: &Desk) -> String {
    String::from_utf8(desk.bytes(ERRORS)).unwrap()
}

#[test]
fn what_a_client_or_a_folder_changes_is_everywhere_within_a_second() {
    let desk = begun();
    let serving = Serving::start(&desk, &["--watch"]);
    wait_until("the folders meet", || !in_folder(&desk, "business", "c002").is_null());
    wait_until("clients see folders", || at_hub(&serving, "c001")["name"] == "Name 1");

    serving.ask("PUT", &path("new"), &json!({ "name": "By phone", "calls": 1 })).unwrap();
    let record = json!({ "id": "new", "name": "By phone", "calls": 1 });
    let took =
        wait_until("a client's record", || in_both(&desk, "new").iter().all(|r| *r == record));
    assert!(took < Duration::from_secs(1) || is_machine_busy(), "took {took:?}");

    let mut edited = numbered(0..3);
    edited[1]["name"] = json!("Edited at home");
    edited.as_array_mut().unwrap().push(record.clone());
    desk.contacts("personal", &edited);
    let took =
        wait_until("a folder's edit", || at_hub(&serving, "c001")["name"] == "Edited at home");
    assert!(took < Duration::from_secs(1) || is_machine_busy(), "took {took:?}");
    wait_until("the other folder", || {
        in_folder(&desk, "business", "c001")["name"] == "Edited at home"
    });

    // Its answer has no body.
    let _ = serving.ask("DELETE", &path("c000"), &json!({}));
    wait_until("a client deletes", || in_both(&desk, "c000").iter().all(Value::is_null));
    let left = json!([edited[1], edited[2]]);
    desk.contacts("business", &left);
    wait_until("a folder deletes", || at_hub(&serving, "new").is_null());
    wait_until("from the other one, too", || in_folder(&desk, "personal", "new").is_null());
    serving.signal(Signal::TERM);
    assert_eq!(serving.ends(), 0);
    desk.run("sync").exits(0).says("Nothing to do");
}

/// A client was offline, and both folders were edited meanwhile: sums add up, other fields join.
#[test]
fn edits_of_one_record_by_a_client_and_both_folders_are_merged() {
    let desk = begun();
    let mut contacts = numbered(0..1);
    contacts[0]["calls"] = json!(10);
    desk.contacts("personal", &contacts);
    desk.contacts("business", &contacts);
    desk.run("sync").exits(0);
    contacts[0]["calls"] = json!(13);
    contacts[0]["city"] = json!("Leeds");
    desk.contacts("personal", &contacts);
    contacts[0]["calls"] = json!(15);
    contacts[0]["city"] = json!(null);
    contacts[0]["phone"] = json!("1");
    contacts[0].as_object_mut().unwrap().remove("city");
    desk.contacts("business", &contacts);
    let serving = Serving::start(&desk, &["--watch"]);
    push(&serving, "phone", json!({ "op": 1, "id": "c000", "inc": { "/calls": 100 } }));
    let merged = json!({ "name": "Name 0", "calls": 118, "city": "Leeds", "phone": "1" });
    wait_until("merged at the hub", || at_hub(&serving, "c000") == merged);
    let mut whole = merged;
    whole["id"] = json!("c000");
    wait_until("and in both folders", || in_both(&desk, "c000").iter().all(|r| *r == whole));
}

#[test]
fn what_is_no_concern_of_the_folders_causes_no_run() {
    let desk = begun();
    let serving = Serving::start(&desk, &["--watch"]);
    wait_until("the folders meet", || !in_folder(&desk, "business", "c002").is_null());
    let runs = || String::from_utf8(desk.bytes(OUT)).unwrap().lines().count() - 1;
    wait_until("it is told", || runs() == 1);
    for number in 0..50 {
        let path = format!("/v1/entities/elsewhere/records/{number}");
        serving.ask("PUT", &path, &json!({ "name": "x" })).unwrap();
    }
    std::thread::sleep(Duration::from_millis(700));
    assert_eq!(runs(), 1, "neither that nor our own writes");
    serving.ask("PUT", &path("c000"), &json!({ "name": "y" })).unwrap();
    wait_until("this one", || in_folder(&desk, "business", "c000")["name"] == "y");
}

#[test]
fn a_folder_that_cannot_be_read_holds_up_no_client_and_is_told_once() {
    let desk = begun();
    let serving = Serving::start(&desk, &["--watch"]);
    wait_until("the folders meet", || !in_folder(&desk, "business", "c002").is_null());
    desk.put("data/business/contacts.json", b"{\"contacts\": [");
    // It may be seen empty before, while it is written.
    let wrong = "DATA_FORMAT_INVALID: business/contacts: the file is not JSON";
    wait_until("it is told", || errors(&desk).contains(wrong));
    for number in 0..20 {
        serving.ask("PUT", &path("c000"), &json!({ "name": number })).unwrap();
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(at_hub(&serving, "c000")["name"], 19);
    assert_eq!(errors(&desk).matches(wrong).count(), 1, "{}", errors(&desk));
    desk.contacts("business", &numbered(0..3));
    wait_until("mended", || in_folder(&desk, "business", "c000")["name"] == 19);
}

#[test]
fn an_emptied_folder_deletes_nothing_at_clients() {
    let desk = begun();
    let serving = Serving::start(&desk, &["--watch"]);
    wait_until("the folders meet", || !in_folder(&desk, "business", "c002").is_null());
    desk.contacts("business", &json!([]));
    wait_until("it is stopped", || errors(&desk).contains("SAFETY_STOP"));
    assert_eq!(at_hub(&serving, "c001")["name"], "Name 1");
    assert!(!in_folder(&desk, "personal", "c001").is_null());
}

#[test]
fn under_another_configuration_nothing_crosses_and_clients_are_served_as_before() {
    let desk = begun();
    let serving = Serving::start(&desk, &["--watch"]);
    wait_until("the folders meet", || !in_folder(&desk, "business", "c002").is_null());
    desk.put("syncline.toml", CONFIGURATION.replace("sum", "max").as_bytes());
    serving.ask("PUT", &path("c000"), &json!({ "name": "y" })).unwrap();
    wait_until("it is told", || errors(&desk).contains("SERVE_RECONFIGURED"));
    std::thread::sleep(Duration::from_millis(700));
    assert_eq!(in_folder(&desk, "business", "c000")["name"], "Name 0");
    assert_eq!(at_hub(&serving, "c000")["name"], "y");
    desk.put("syncline.toml", CONFIGURATION.as_bytes());
    wait_until("taken back", || in_folder(&desk, "business", "c000")["name"] == "y");
    serving.signal(Signal::INT);
    assert_eq!(serving.ends(), 0);
}

#[test]
fn a_watch_that_cannot_begin_serves_nothing() {
    let desk = begun();
    desk.run("serve --watch --json --listen 127.0.0.1:0").exits(2).says("--jsonl");
    std::fs::remove_dir_all(desk.path("data/business")).unwrap();
    desk.run("serve --watch --listen 127.0.0.1:0").exits(3).says("DOMAIN_NOT_FOUND");
}

#[test]
fn a_hub_whose_state_is_taken_away_is_not_served_any_more() {
    let desk = begun();
    let serving = Serving::start(&desk, &["--watch"]);
    wait_until("the folders meet", || !in_folder(&desk, "business", "c002").is_null());
    std::fs::rename(desk.path(".syncline"), desk.path("elsewhere")).unwrap();
    desk.contacts("personal", &numbered(0..4));
    assert_eq!(serving.ends(), 8);
    assert!(errors(&desk).contains("STATE_GONE"));
}

/// Clients and folders write until the program is killed, three times: in the end all hold the same.
#[test]
fn kills_while_clients_and_folders_write_leave_all_equal() {
    let desk = begun();
    for round in 0..3_u64 {
        let serving = Serving::start(&desk, &["--watch"]);
        wait_until("the folders meet", || !in_folder(&desk, "business", "c002").is_null());
        for number in 0..20 {
            let id = format!("r{round}-{number}");
            serving.ask("PUT", &path(&id), &json!({ "name": number })).unwrap();
            let set = json!({ "/city": format!("{round}-{number}") });
            let operation = number + 1 + round * 100;
            push(&serving, "phone", json!({ "op": operation, "id": "c001", "set": set }));
            std::thread::sleep(Duration::from_millis(20 * (round + 1)));
        }
        serving.signal(Signal::KILL);
        serving.ends();
    }
    let serving = Serving::start(&desk, &["--watch"]);
    for id in (0..3).flat_map(|round| (0..20).map(move |number| format!("r{round}-{number}"))) {
        wait_until(&id, || in_both(&desk, &id).iter().all(|record| !record.is_null()));
        assert!(!at_hub(&serving, &id).is_null());
    }
    wait_until("the last", || in_both(&desk, "c001").iter().all(|record| record["city"] == "2-19"));
    serving.signal(Signal::TERM);
    assert_eq!(serving.ends(), 0);
    desk.run("sync").exits(0).says("Nothing to do");
}

/// Returns whether more processes want to run than there are processors; a time then says nothing.
fn is_machine_busy() -> bool {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load: f64 = load.split(' ').next().and_then(|one| one.parse().ok()).unwrap_or_default();
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    load > processors as f64
}
