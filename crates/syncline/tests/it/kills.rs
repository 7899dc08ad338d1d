//! The program killed while it synchronises: at every sync to disk, and at random moments.
//!
//! Both sides count something up, and counts add up: an edit that is lost or taken twice shows in
//! the sum. After each kill the next run must need no help.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::desk::Desk;

/// Kills at random moments.
const RANDOM_KILLS: u32 = 200;

/// More syncs to disk than a run makes; the sweep ends at the first run that is not killed.
pub(crate) const SYNCS_MAX: u32 = 200;

const CONFIGURATION: &str = r#"
[domains.personal]
path = "data/personal"
[domains.business]
path = "data/business"
[entities.tasks]
[entities.tasks.fields]
"/minutes" = "sum"
[links.two]
source = "personal"
target = "business"
entities = ["tasks"]
"#;

fn tasks(desk: &Desk, domain: &str, records: &[Value]) {
    desk.write(domain, "tasks", &json!({ "tasks": records }));
}

/// Adds to the minutes of the first task, gives the second a title, and adds a third.
pub(crate) fn edit(desk: &Desk, domain: &str, by: u64, name: &str) {
    let mut records: Vec<Value> = desk.read_entity(domain, "tasks").into_values().collect();
    let minutes = records[0]["minutes"].as_u64().unwrap();
    records[0]["minutes"] = json!(minutes + by);
    records[1][format!("title-{domain}")] = json!(name);
    records.push(json!({ "id": format!("u-{domain}-{name}"), "minutes": 1 }));
    tasks(desk, domain, &records);
}

/// Returns a desk whose two sides have met once, in a folder with the configuration.
pub(crate) fn prepared() -> Desk {
    let desk = Desk::new();
    desk.put("syncline.toml", CONFIGURATION.as_bytes());
    let both = [json!({ "id": "t1", "minutes": 0 }), json!({ "id": "t2", "minutes": 0 })];
    tasks(&desk, "personal", &both);
    tasks(&desk, "business", &both);
    desk.run("sync").exits(0);
    desk
}

#[track_caller]
pub(crate) fn assert_whole(desk: &Desk, minutes: u64, names: &[(&str, String)], context: &str) {
    let personal = desk.read_entity("personal", "tasks");
    assert_eq!(personal, desk.read_entity("business", "tasks"), "{context}");
    assert_eq!(personal["t1"]["minutes"], json!(minutes), "{context}");
    for (domain, name) in names {
        assert!(
            personal.contains_key(&format!("u-{domain}-{name}")),
            "{context}: u-{domain}-{name}"
        );
    }
}

#[test]
fn a_kill_at_every_sync_to_disk_loses_nothing_and_needs_no_help() {
    let mut killed = 0;
    for at in 1..=SYNCS_MAX {
        let desk = prepared();
        edit(&desk, "personal", 3, "a");
        edit(&desk, "business", 4, "b");
        let status = Command::new("strace")
            .args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync,fdatasync", "-e"])
            .arg(format!("inject=fsync,fdatasync:signal=SIGKILL:when={at}"))
            .args([env!("CARGO_BIN_EXE_syncline"), "sync"])
            .current_dir(desk.path(""))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .expect("strace is needed: scripts/install-test-packages.sh installs it");
        let finished = status.success();
        desk.run("sync").exits(0);
        let names = [("personal", "a".to_owned()), ("business", "b".to_owned())];
        assert_whole(&desk, 7, &names, &format!("killed at sync {at}"));
        assert_no_leftovers(&desk.path("data/personal"));
        assert_no_leftovers(&desk.path("data/business"));
        if finished {
            break;
        }
        killed += 1;
    }
    assert!((5..SYNCS_MAX).contains(&killed), "{killed} kills: the sweep saw the whole run");
}

pub(crate) fn assert_no_leftovers(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name();
        assert_eq!(name.to_string_lossy(), "tasks.json", "in {}", folder.display());
    }
}

#[test]
fn two_hundred_random_kills_lose_nothing_and_need_no_help() {
    let desk = prepared();
    let mut dice = 0x5eed_u64;
    let (mut minutes, mut names) = (0, Vec::new());
    for round in 0..RANDOM_KILLS {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        if round % 10 == 0 {
            edit(&desk, "personal", 1, &format!("{round}"));
            edit(&desk, "business", 2, &format!("{round}"));
            minutes += 3;
            names.extend(["personal", "business"].map(|domain| (domain, format!("{round}"))));
        }
        let mut child =
            desk.command(&["sync"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_micros(dice % 40_000));
        // It may be done already; then this kill is one that found nobody.
        let _ = child.kill();
        child.wait().unwrap();
        if round % 10 == 9 {
            desk.run("sync").exits(0);
            assert_whole(&desk, minutes, &names, &format!("round {round}"));
        }
    }
    desk.run("audit verify").exits(0);
}
