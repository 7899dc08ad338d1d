//! Every exit code, by the shortest way to it.

use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::desk::{Desk, numbered, synced as agreed};

fn two_equal() -> Desk {
    let desk = Desk::new();
    desk.contacts("personal", &numbered(0..100));
    desk.contacts("business", &numbered(0..100));
    desk
}

fn synced() -> Desk {
    let desk = two_equal();
    desk.run("sync").exits(0);
    desk
}

#[test]
fn done_is_0_and_so_is_nothing_to_do() {
    let desk = two_equal();
    desk.run("sync").exits(0);
    desk.run("sync").exits(0).says("Nothing to do");
}

#[test]
fn arguments_that_are_not_understood_are_2() {
    let desk = two_equal();
    let cases = [
        "",
        "nonsense",
        "sync --nonsense",
        "sync --source personal",
        "sync --direction sideways",
        "sync --max-delete many",
        "sync --source personal --target personal",
        "sync --entities pets",
        "sync --link nowhere",
        "sync --json --jsonl",
        "show",
        "conflicts resolve",
    ];
    for case in cases {
        let answer = desk.run(case);
        assert_eq!(answer.code, 2, "case: {case}\n{}{}", answer.stdout, answer.stderr);
    }
    assert!(!desk.path(".syncline").exists(), "a refusal writes nothing");
}

#[test]
fn configuration_domain_and_permission_are_3() {
    let desk = two_equal();
    desk.run("sync --source nowhere --target business").exits(3).says("DOMAIN_NOT_FOUND");
    desk.run("sync --config missing.toml").exits(3).says("CONFIG_UNREADABLE");
    desk.put("syncline.toml", b"nonsense = 1\n");
    desk.run("sync").exits(3).says("CONFIG_INVALID").says("syncline.toml:1");
    desk.run("check").exits(3);
    desk.put(
        "syncline.toml",
        b"[[permissions]]\nuser = \"mara\"\ndomain = \"personal\"\nallow = [\"read\"]\n",
    );
    desk.run("sync --user mara").exits(3).says("PERMISSION_DENIED");
    desk.run("sync --user other").exits(3).says("PERMISSION_DENIED");
    desk.run("log").exits(0);
}

#[test]
fn a_broken_item_is_4_and_the_others_are_done() {
    let desk = Desk::new();
    desk.contacts("personal", &json!([{ "id": "a", "name": "Ada" }, { "name": "No Id" }]));
    desk.contacts("business", &json!([]));
    let answer = desk.run("sync").exits(4).says("error report");
    assert!(!answer.stderr.contains("No Id"), "a report holds no values: {}", answer.stderr);
    assert_eq!(desk.read("business").len(), 1);
    let reports = desk.files(".syncline/reports");
    let report = reports.values().next().expect("an error report is written");
    let report: serde_json::Value = serde_json::from_slice(report).unwrap();
    let error = &report["errors"][0];
    for member in ["item", "reason", "fix", "code"] {
        assert!(error[member].as_str().is_some_and(|text| !text.is_empty()), "{member}: {report}");
    }
    assert!(String::from_utf8_lossy(&desk.bytes("data/personal/contacts.json")).contains("No Id"));
}

#[test]
fn an_open_conflict_is_5() {
    let desk = synced();
    let edit = |name: &str| {
        let mut records = numbered(0..100);
        records[7]["name"] = name.into();
        records
    };
    desk.contacts("personal", &edit("Left"));
    desk.contacts("business", &edit("Right"));
    desk.run("sync --on-conflict fail").exits(5).says("SYNC_CONFLICT");
    desk.run("sync").exits(5).says("decision");
    desk.run("sync").exits(5);
    desk.run("sync --on-conflict fail").exits(5).says("SYNC_CONFLICT");
    let record: serde_json::Value = desk.run("sync --json").exits(5).json();
    assert_eq!(
        (&record["status"], &record["results"]["contacts"]["open"]),
        (&"conflicts".into(), &1.into())
    );
    desk.run("conflicts resolve --all --take personal").exits(0);
    desk.run("sync").exits(0);
}

#[test]
fn a_guard_is_6() {
    let desk = synced();
    desk.contacts("personal", &numbered(0..1));
    desk.run("sync").exits(6).says("SAFETY_STOP").says("99 of 100");
    desk.run("sync --dry-run").exits(6);
    assert_eq!(desk.read("business").len(), 100);
}

#[test]
fn a_limit_is_6() {
    let desk = two_equal();
    desk.run("sync --max-items 99").exits(6).says("LIMIT_ITEMS");
    desk.run("sync --max-bytes 100B").exits(6).says("LIMIT_BYTES");
}

#[test]
fn no_run_leaves_more_records_than_the_next_one_would_read() {
    let desk = Desk::new();
    desk.contacts("personal", &numbered(0..6));
    desk.contacts("business", &numbered(6..12));
    desk.run("sync --max-items 11").exits(6).says("LIMIT_ITEMS").says("12");
    assert_eq!((desk.read("personal").len(), desk.read("business").len()), (6, 6));
    desk.run("sync --max-items 12").exits(0);
    desk.run("sync --max-items 12").exits(0);
}

#[test]
fn a_lock_is_7_and_names_the_process() {
    let desk = two_equal();
    let mut watch = desk.command(&["watch"]);
    let mut watch = watch.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    let answer = loop {
        let answer = desk.run("log");
        if answer.code == 7 || Instant::now() > deadline {
            break answer;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let pid = watch.id();
    watch.kill().unwrap();
    watch.wait().unwrap();
    answer.exits(7).says("STORE_LOCKED").says(&format!("pid {pid}"));
    // The lock of a process that is gone is no lock.
    desk.run("sync").exits(0);
}

#[test]
fn a_time_out_is_8() {
    let desk = Desk::new();
    desk.contacts("personal", &numbered(0..5_000));
    desk.run("sync --timeout 0s").exits(8).says("LIMIT_TIME");
}

#[test]
fn a_file_that_the_disk_does_not_give_is_8_and_beside_a_broken_item_4() {
    let desk = two_equal();
    let file = desk.path("data/business/contacts.json");
    std::fs::remove_file(&file).unwrap();
    std::os::unix::fs::symlink("contacts.json", &file).unwrap();
    // Alone it fails the whole run.
    for command in
        ["sync", "plan", "status", "cross-domain-sync --source personal --target business"]
    {
        desk.run(command).exits(8).says("STORAGE_ERROR");
    }
    desk.write("personal", "tasks", &json!({ "tasks": [{ "id": "t" }] }));
    desk.run("sync").exits(8).says("STORAGE_ERROR");
    assert!(String::from_utf8_lossy(&desk.bytes("data/business/tasks.json")).contains("\"t\""));
    desk.write("personal", "tasks", &json!({ "tasks": [{ "id": "t" }, { "name": "no id" }] }));
    desk.run("sync").exits(4).says("STORAGE_ERROR");
}

#[test]
fn a_state_folder_that_the_disk_does_not_give_is_8() {
    let desk = Desk::new();
    desk.contacts("personal", &numbered(0..2));
    std::fs::create_dir(desk.path(".syncline")).unwrap();
    desk.put(".syncline/undo", b"");
    desk.run("sync").exits(8).says("STORAGE_ERROR");
    std::fs::remove_file(desk.path(".syncline/undo")).unwrap();
    desk.run("sync").exits(0);
}

#[test]
fn pending_changes_are_10_if_asked_for() {
    let desk = two_equal();
    desk.run("plan --exit-code").exits(0);
    desk.contacts("personal", &numbered(0..101));
    desk.run("plan").exits(0);
    desk.run("plan --exit-code").exits(10);
    desk.run("sync --dry-run --exit-code").exits(10);
    desk.run("sync --exit-code").exits(2);
}

#[test]
fn ctrl_c_is_130() {
    let desk = two_equal();
    let mut watch = desk.command(&["watch"]);
    let mut watch = watch.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    while !desk.path(".syncline").exists() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(20));
    }
    let pid = watch.id().to_string();
    std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap();
    assert_eq!(watch.wait().unwrap().code(), Some(130));
    desk.run("sync").exits(0);
}

#[test]
fn what_is_not_clean_is_6_until_it_is_decided_or_mended() {
    let desk = agreed(2);
    desk.run("sync --require-clean").exits(0);
    for (domain, name) in [("personal", "Here"), ("business", "There")] {
        let second = desk.read(domain)["c001"].clone();
        desk.contacts(domain, &json!([{ "id": "c000", "name": name }, second]));
    }
    desk.run("sync --on-conflict ask").exits(5);
    let before = desk.files("data");
    desk.run("plan --require-clean").exits(6).says("NOT_CLEAN");
    desk.run("sync --require-clean").exits(6).says("open conflicts: 1").says("conflicts list");
    desk.run("sync --require-clean --entities tasks").exits(0);
    assert_eq!(desk.files("data"), before);
    let log = desk.run("log --json").json();
    let stopped = log["runs"].as_array().unwrap().iter().filter(|run| run["status"] == "stopped");
    assert_eq!(stopped.count(), 1, "the stop of the sync is on record");
    desk.run("conflicts resolve --all --take personal").exits(0);
    desk.run("sync --require-clean").exits(0);

    let mended = desk.read("personal");
    desk.contacts("personal", &json!([mended["c000"], mended["c001"], { "name": "no id" }]));
    desk.run("sync").exits(4);
    let [first, second] = [(), ()].map(|()| desk.run("sync --require-clean").exits(6));
    for stopped in [first, second] {
        stopped.says("failed in the latest run: 1").says("show latest");
    }
    desk.contacts("personal", &json!([mended["c000"], mended["c001"]]));
    desk.run("sync --require-clean").exits(6);
    desk.run("sync").exits(0);
    desk.run("sync --require-clean").exits(0);
}
