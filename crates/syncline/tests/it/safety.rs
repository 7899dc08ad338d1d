//! Nothing is deleted by accident, and what only looks writes nothing.

use std::fs;

use serde_json::json;

use crate::desk::{Desk, numbered, synced};

#[test]
fn deleting_99_of_100_stops_and_can_be_allowed_once() {
    let desk = synced(100);
    desk.contacts("personal", &numbered(0..1));
    let before = desk.files("data");
    desk.run("sync").exits(6).says("SAFETY_STOP").says("--max-delete");
    assert_eq!(desk.files("data"), before);
    desk.run("sync --max-delete 99").exits(0);
    assert_eq!(desk.read("business").len(), 1);
}

#[test]
fn an_emptied_side_stops_whatever_the_thresholds_say() {
    let desk = synced(5);
    desk.contacts("business", &json!([]));
    let before = desk.files("data");
    desk.run("sync --max-delete 100%").exits(6).says("SAFETY_STOP");
    assert_eq!(desk.files("data"), before);
    desk.run("sync --max-delete 100% --allow-emptied").exits(0);
    assert_eq!(desk.read("personal").len(), 0);
}

#[test]
fn a_file_that_cannot_be_read_is_told_by_whatever_looks_as_by_the_run() {
    let desk = synced(3);
    desk.put("data/personal/contacts.json", br#"{"contacts"#);
    let looks = ["plan", "plan --exit-code", "sync --dry-run", "status", "diff contacts", "sync"];
    let told = looks.map(|command| match command {
        "diff contacts" => desk.run(command),
        _ => desk.run(&format!("{command} --entities contacts")),
    });
    let told = looks.iter().zip(told.map(|answer| answer.exits(3)));
    let warnings = told.map(|(command, answer)| {
        assert!(!answer.stdout.contains("No record differs"), "{command}");
        let line =
            answer.stderr.lines().find(|line| line.starts_with("warning ")).map(str::to_owned);
        line.unwrap_or_else(|| panic!("{command} does not say so: {}", answer.stderr))
    });
    let warnings: std::collections::BTreeSet<String> = warnings.collect();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    let status = desk.run("status --json --entities contacts").exits(3).json();
    assert_eq!(status["errors"][0]["entity"], "contacts");
    // With a second entity that can be read the rest is done, or would be.
    for command in ["plan", "status", "sync"] {
        desk.run(command).exits(4).says("DATA_FORMAT_INVALID");
    }
}

#[test]
fn a_file_that_is_broken_or_gone_never_deletes() {
    let whole = serde_json::to_vec(&json!({ "contacts": numbered(0..50) })).unwrap();
    let half = whole.get(..whole.len() / 2).unwrap().to_vec();
    let mut torn = whole.clone();
    torn[whole.len() / 2..].fill(0);
    let cases: [(&str, Option<&[u8]>); 6] = [
        ("truncated", Some(&half)),
        ("half written", Some(&torn)),
        ("empty", Some(b"")),
        ("another list", Some(br#"{"people": []}"#)),
        ("not an object", Some(b"[]")),
        ("gone", None),
    ];
    for (name, bytes) in cases {
        let desk = synced(50);
        let path = desk.path("data/personal/contacts.json");
        match bytes {
            Some(bytes) => fs::write(&path, bytes).unwrap(),
            None => fs::remove_file(&path).unwrap(),
        }
        let business = desk.bytes("data/business/contacts.json");
        let answer = desk.run("sync");
        assert!([3, 4, 6].contains(&answer.code), "{name}: {} {}", answer.code, answer.stderr);
        assert_eq!(desk.bytes("data/business/contacts.json"), business, "{name}");
        if let Some(bytes) = bytes {
            assert_eq!(desk.bytes("data/personal/contacts.json"), bytes, "{name}");
        }
    }
}

#[test]
fn a_file_that_may_not_be_read_never_deletes() {
    use std::os::unix::fs::PermissionsExt;
    let desk = synced(50);
    let path = desk.path("data/personal/contacts.json");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::read(&path).is_ok() {
        eprintln!("SKIPPED: this user may read everything");
        return;
    }
    let business = desk.bytes("data/business/contacts.json");
    assert_ne!(desk.run("sync").code, 0);
    assert_eq!(desk.bytes("data/business/contacts.json"), business);
}

#[test]
fn lost_state_deletes_nothing_and_doubles_nothing() {
    let desk = synced(20);
    desk.contacts("personal", &numbered(0..10));
    fs::remove_dir_all(desk.path(".syncline")).unwrap();
    desk.run("sync").exits(0);
    assert_eq!((desk.read("personal").len(), desk.read("business").len()), (20, 20));
}

#[test]
fn a_dry_run_and_a_plan_write_no_data_and_leave_no_run() {
    let desk = synced(5);
    desk.contacts("personal", &numbered(0..9));
    let (data, log) = (desk.files("data"), desk.run("log --json").exits(0).stdout);
    desk.run("sync --dry-run").exits(0).says("Nothing written. Apply: syncline sync");
    desk.run("plan").exits(0).says("c005");
    desk.run("status").exits(0).says("changes pending");
    desk.run("diff contacts").exits(0).says("c005");
    assert_eq!(desk.files("data"), data);
    assert_eq!(desk.run("log --json").exits(0).stdout, log);
}

#[test]
fn a_plan_is_what_the_run_does_and_is_refused_once_anything_moved() {
    let desk = synced(5);
    desk.contacts("personal", &numbered(0..9));
    desk.run("plan -o plan.json").exits(0).says("syncline apply plan.json");
    let plan: serde_json::Value = serde_json::from_slice(&desk.bytes("plan.json")).unwrap();
    desk.run("apply plan.json").exits(0);
    assert_eq!(desk.read("business").len(), 9);
    assert_eq!(plan["actions"].as_array().unwrap().len(), 4);
    desk.run("apply plan.json").exits(6).says("PLAN_STALE");
    desk.run("plan -o plan.json").exits(0);
    desk.contacts("business", &numbered(0..10));
    let before = desk.files("data");
    desk.run("apply plan.json").exits(6).says("PLAN_STALE");
    assert_eq!(desk.files("data"), before);
    desk.put("other.json", b"{}");
    desk.run("apply other.json").exits(2).says("PLAN_INVALID");
}

#[test]
fn a_second_run_adds_one_run_and_one_audit_entry_and_nothing_else() {
    let desk = Desk::copy_of("fixtures/spec001/five-entities");
    desk.run("sync --on-conflict source").exits(0);
    let counts = |desk: &Desk| {
        let runs = desk.run("log --json").exits(0).json();
        let audit = desk.run("audit export").exits(0).stdout;
        (runs["runs"].as_array().unwrap().len(), audit.lines().count())
    };
    let (data, (runs, entries)) = (desk.files("data"), counts(&desk));
    desk.run("sync --on-conflict source").exits(0).says("Nothing to do");
    assert_eq!(desk.files("data"), data);
    assert_eq!(counts(&desk), (runs + 1, entries + 1));
}

#[test]
fn only_the_records_that_are_asked_for_are_touched() {
    let desk = Desk::new();
    desk.contacts(
        "personal",
        &json!([
            { "id": "a", "category": "work" }, { "id": "b", "category": "home" }, { "id": "c" },
        ]),
    );
    desk.contacts("business", &json!([]));
    desk.run("sync --only contacts:category=work --only c").exits(0);
    let business = desk.read("business");
    let found: Vec<&String> = business.keys().collect();
    assert_eq!(found, ["a", "c"]);
}

#[test]
fn a_mirror_is_guarded_too_and_can_be_undone() {
    let desk = synced(30);
    desk.contacts("business", &numbered(0..60));
    let before = desk.files("data");
    desk.run("sync --mode mirror").exits(6).says("SAFETY_STOP");
    assert_eq!(desk.files("data"), before);
    let report = desk.run("sync --mode mirror --max-delete 50% --json").exits(0).json();
    assert_eq!(desk.read("business").len(), 30);
    desk.run(&format!("undo {} --yes", report["syncId"].as_str().unwrap())).exits(0);
    assert_eq!(desk.files("data"), before);
}

#[test]
fn the_state_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let desk = synced(1);
    let mode =
        |desk: &Desk| fs::metadata(desk.path(".syncline")).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&desk), 0o700);
    fs::set_permissions(desk.path(".syncline"), fs::Permissions::from_mode(0o755)).unwrap();
    desk.run("doctor").exits(3).says("doctor --repair");
    desk.run("doctor --repair").exits(0);
    assert_eq!(mode(&desk), 0o700);
    // The copies of records, the list of errors and what else is written there.
    let listed = [desk.read("personal")["c000"].clone(), json!({ "name": "no id" })];
    desk.contacts("personal", &json!(listed));
    desk.run("sync").exits(4);
    desk.run("cross-domain-sync --source personal --target business").exits(4);
    let mut folders = vec![desk.path(".syncline")];
    let mut seen = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let is_folder = path.is_dir();
            let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, if is_folder { 0o700 } else { 0o600 }, "{}", path.display());
            seen.push(path.file_name().unwrap().to_string_lossy().into_owned());
            folders.extend(is_folder.then_some(path));
        }
    }
    for name in ["records", "reports", "undo", "witness"] {
        assert!(seen.iter().any(|seen| seen == name), "{name}: {seen:?}");
    }
}

#[test]
fn looking_leaves_no_state_behind() {
    let desk = Desk::new();
    desk.contacts("personal", &numbered(0..3));
    for command in ["plan", "sync --dry-run", "status", "diff contacts", "check", "doctor"] {
        desk.run(command).exits(0);
    }
    desk.run("log").exits(3).says("STATE_MISSING");
    assert!(!desk.path(".syncline").exists());
    // A plan that was made before there was any state can be applied.
    desk.run("plan -o plan.json").exits(0);
    desk.run("apply plan.json").exits(0);
    assert_eq!(desk.read("business").len(), 3);
}
