//! What is said is true: endings, hints, errors, and the trace of a run that was stopped.

use std::fs::File;

use serde_json::{Value, json};

use crate::desk::{Desk, answer, numbered, synced};
use crate::documents::check;

#[test]
fn both_sides_agree_is_said_only_where_they_do() {
    const AGREE: &str = "both sides agree";
    let open = || {
        let desk = Desk::new();
        desk.contacts("personal", &json!([{ "id": "a", "p": "1" }]));
        desk.contacts("business", &json!([{ "id": "a", "p": "2" }]));
        desk
    };
    let broken = |text: &[u8]| {
        let desk = synced(3);
        desk.put("data/personal/contacts.json", text);
        desk
    };
    let twice = || {
        let desk = synced(3);
        let mut records = numbered(0..3);
        let again = json!({ "id": "c000", "x": 1 });
        records.as_array_mut().unwrap().push(again);
        desk.contacts("personal", &records);
        desk
    };
    let cases = [
        ("nothing to do", synced(3), "sync", 0, true),
        ("a plan of nothing", synced(3), "plan", 0, true),
        ("an open conflict", open(), "sync", 5, false),
        ("a broken file", broken(b"{"), "sync --entities contacts", 3, false),
        ("a duplicate", twice(), "sync", 4, false),
    ];
    for (name, desk, command, code, is_said) in cases {
        let answer = desk.run(command).exits(code);
        assert_eq!(answer.stdout.contains(AGREE), is_said, "case: {name}\n{}", answer.stdout);
    }
    let desk = synced(3);
    desk.contacts("personal", &numbered(0..4));
    let answer = desk.run("sync --only c001").exits(0);
    assert!(!answer.stdout.contains(AGREE), "{}", answer.stdout);
}

#[test]
fn an_entity_with_open_conflicts_is_never_said_to_have_nothing_to_do() {
    let desk = Desk::new();
    desk.contacts("personal", &json!([{ "id": "a", "p": "1" }]));
    desk.contacts("business", &json!([{ "id": "a", "p": "2" }]));
    for _ in 0..2 {
        let answer = desk
            .run("sync --entities contacts")
            .exits(5)
            .says("to decide 1")
            .says("Nothing written.");
        assert!(!answer.stdout.contains("nothing to do"), "{}", answer.stdout);
    }
}

#[test]
fn a_stop_says_what_became_of_the_other_side_and_what_to_do() {
    let emptied = synced(20);
    emptied.contacts("personal", &json!([]));
    let gone = synced(20);
    std::fs::remove_file(gone.path("data/personal/contacts.json")).unwrap();
    let renamed = synced(20);
    renamed.contacts("personal", &numbered(20..40));
    let first = Desk::new();
    first.contacts("personal", &numbered(0..3));
    first.contacts("business", &numbered(3..6));
    let cases = [
        (emptied, "sync", "the other side was emptied"),
        (gone, "sync", "the file of the other side is missing"),
        (renamed, "sync", "contacts: would delete 20 of 20"),
        (first, "sync --mode mirror", "contacts: would delete 3 of 3"),
    ];
    for (desk, command, said) in cases {
        let text = desk.run(command).exits(6).says(said).stderr;
        assert_eq!(text.contains("emptied;"), said.contains("emptied"), "{text}");
    }
}

#[test]
fn a_plan_that_would_be_stopped_offers_nothing_to_apply_and_a_save_keeps_the_flags() {
    let desk = synced(100);
    desk.contacts("personal", &numbered(0..1));
    let answer = desk.run("plan").exits(6).says("Nothing written.");
    assert!(!answer.stdout.contains("Apply"), "{}", answer.stdout);
    desk.run("plan --max-delete 99 --entities contacts")
        .exits(0)
        .says("Apply: syncline sync --entities contacts --max-delete 99")
        .says("save: syncline plan --entities contacts --max-delete 99 -o plan.json");
}

#[test]
fn every_hint_of_spec_001s_spelling_can_be_followed() {
    let desk = synced(100);
    desk.contacts("business", &numbered(0..1));
    let spelled = "cross-domain-sync --source business --target personal --entities contacts";
    let said = desk.run(spelled).exits(6).stderr;
    let after = |word: &str| {
        let (_, rest) = said.split_once(word).unwrap();
        rest.lines().next().unwrap().trim().strip_prefix("syncline ").unwrap().to_owned()
    };
    desk.run(&after("look: ")).exits(6).says("would delete 99 of 100 in personal");
    desk.run(&after("allow once: ")).exits(0);
    assert_eq!(desk.read("personal").len(), 1);
}

#[test]
fn a_run_that_was_stopped_leaves_a_run_an_audit_entry_and_its_report() {
    let desk = synced(100);
    desk.contacts("personal", &numbered(0..1));
    desk.run("sync --report report.json").exits(6);
    let report: Value = serde_json::from_slice(&desk.bytes("report.json")).unwrap();
    check(&report);
    assert_eq!(
        (&report["status"], &report["errors"][0]["code"]),
        (&"stopped".into(), &"SAFETY_STOP".into())
    );
    desk.run("status").exits(0).says("stopped");
    desk.run("log").exits(0).says("stopped");
    desk.run("show latest").exits(0).says("would delete 99 of 100");
    check(&desk.run("log --json").exits(0).json());
    let spelled = "cross-domain-sync --source personal --target business --entities contacts";
    desk.run(spelled).exits(6);
    let records = desk.files(".syncline/records");
    let record: Value = serde_json::from_slice(records.values().next().unwrap()).unwrap();
    assert_eq!(record["status"], "stopped");
    let audit = desk.run("audit export").exits(0).stdout;
    let refused =
        audit.lines().filter(|line| line.contains("REFUSED") && line.contains("SAFETY_STOP"));
    assert_eq!(refused.count(), 2);
    desk.run("audit verify").exits(0);
    // The stopped runs stand in nobody's way.
    let stopped = report["syncId"].as_str().unwrap();
    desk.run(&format!("undo {stopped} --yes")).exits(6).says("RUN_NOT_UNDOABLE");
    desk.run("sync --max-delete 99").exits(0);
    desk.contacts("personal", &json!([]));
    desk.run("sync").exits(6);
    desk.contacts("personal", &numbered(0..1));
    desk.run("undo latest --yes").exits(0);
    assert_eq!(desk.read("business").len(), 100);
}

#[test]
fn usage_errors_have_the_form_of_all_errors() {
    let desk = Desk::new();
    let cases = [
        "sync --bogus",
        "sync --source",
        "sync --timeout abc",
        "nonsense",
        "",
        "cross-domain-sync --source personal",
    ];
    for case in cases {
        let answer = desk.run(case).exits(2).says("error USAGE_INVALID: ").says("\n  next: ");
        assert_eq!(
            (answer.stdout.as_str(), answer.stderr.lines().count()),
            ("", 3),
            "case: {case}"
        );
        let document = desk.run(&format!("{case} --json")).exits(2).json();
        check(&document);
        assert_eq!(document["code"], "USAGE_INVALID", "case: {case}");
    }
    desk.run("sync --help").exits(0).says("Usage");
    desk.run("--version").exits(0).says("syncline ");
}

#[test]
fn an_exported_audit_is_lines_or_one_document() {
    let desk = synced(1);
    let document = desk.run("audit export --json").exits(0).json();
    check(&document);
    let lines = desk.run("audit export").exits(0).stdout;
    assert_eq!(document["entries"].as_array().unwrap().len(), lines.lines().count());
    desk.run("audit export -o audit.jsonl").exits(0);
    assert_eq!(desk.bytes("audit.jsonl"), lines.as_bytes());
    desk.run("audit prove contacts nope").exits(2).says("CHANGE_NOT_FOUND").says("nope");
}

#[test]
fn an_output_that_takes_nothing_is_no_success() {
    let desk = synced(1);
    for arguments in ["log", "sync --json", "completions bash", "--help"] {
        let mut command = desk.command(&arguments.split(' ').collect::<Vec<_>>());
        let full = File::options().write(true).open("/dev/full").unwrap();
        let answer = answer(&command.stdout(full).output().unwrap());
        answer.exits(8).says("FILE_UNUSABLE").says("standard output");
    }
}

#[test]
fn a_mistyped_path_makes_no_folder_and_an_export_overwrites_nothing() {
    let desk = synced(2);
    desk.run("apply nofile.json").exits(3).says("FILE_UNUSABLE");
    for command in [
        "sync --report new/r.json",
        "plan -o new/p.json",
        "audit export -o new/a",
        "conflicts export -o new/c",
    ] {
        desk.run(command).exits(3).says("FILE_UNUSABLE");
        assert!(!desk.path("new").exists(), "case: {command}");
    }
    desk.run("conflicts export -o f.json").exits(0);
    desk.put("f.json", b"decided");
    desk.run("conflicts export -o f.json").exits(2).says("FILE_EXISTS");
    assert_eq!(desk.bytes("f.json"), b"decided");
    desk.run("conflicts export -o f.json --force").exits(0);
    assert_ne!(desk.bytes("f.json"), b"decided");
    for command in
        ["conflicts resolve --entity nope --take personal", "conflicts list --entity nope"]
    {
        desk.run(command).exits(2).says("ENTITY_TYPE_UNSUPPORTED");
    }
}

#[test]
fn a_domain_that_may_not_be_written_says_what_waits_for_it() {
    let desk = Desk::new();
    let text = "[domains.personal]\npath = \"data/personal\"\n\
        [domains.business]\npath = \"data/business\"\nwritable = false\n[entities.contacts]\n";
    desk.put("syncline.toml", text.as_bytes());
    desk.contacts("personal", &numbered(0..2));
    desk.contacts("business", &numbered(0..2));
    let quiet = desk.run("sync").exits(0);
    assert!(!quiet.stderr.contains("DOMAIN_READ_ONLY"), "{}", quiet.stderr);
    let mut edited = numbered(0..2);
    edited[0]["name"] = "Edited".into();
    desk.contacts("personal", &edited);
    let answer = desk.run("sync").exits(0).says("DOMAIN_READ_ONLY").says("business");
    assert!(!answer.stdout.contains("both sides agree"), "{}", answer.stdout);
    desk.contacts("personal", &numbered(0..3));
    let spelled = "cross-domain-sync --source personal --target business --entities contacts";
    desk.run(spelled).exits(0).says("DOMAIN_READ_ONLY");
}

/// The contacts of the business lie in a file whose name is as long as any may be, by a link: no new
/// file can stand beside it.
fn unwritable() -> Desk {
    let desk = Desk::new();
    desk.contacts("personal", &numbered(0..2));
    desk.put(&"x".repeat(250), br#"{"contacts":[]}"#);
    let link = desk.path("data/business/contacts.json");
    std::os::unix::fs::symlink(format!("../../{}", "x".repeat(250)), link).unwrap();
    desk
}

#[test]
fn a_run_that_a_disk_ended_is_in_the_log_the_status_and_the_audit() {
    let desk = unwritable();
    desk.run("sync --report report.json").exits(8).says("STORAGE_ERROR");
    let report: Value = serde_json::from_slice(&desk.bytes("report.json")).unwrap();
    check(&report);
    assert_eq!(
        (&report["status"], &report["errors"][0]["code"]),
        (&"failed".into(), &"STORAGE_ERROR".into())
    );
    desk.run("status").says("failed");
    desk.run("log").exits(0).says("failed");
    desk.run("show latest").exits(0).says("STORAGE_ERROR");
    desk.run("undo latest -y").exits(6).says("RUN_NOT_UNDOABLE");
    let audit = desk.run("audit export").exits(0).stdout;
    let failed = audit.lines().filter(|line| line.contains("FAILED"));
    assert_eq!(failed.filter(|line| line.contains("STORAGE_ERROR")).count(), 1);
    desk.run("audit verify").exits(0);
    // What failed for the disk's sake is nothing to be mended in the records.
    assert!(!desk.run("sync --require-clean").exits(8).stderr.contains("NOT_CLEAN"));
}

#[test]
fn what_only_looks_lists_no_guard() {
    let desk = Desk::new();
    for (command, is_listed) in
        [("sync", true), ("plan", true), ("diff", false), ("status", false), ("twins", false)]
    {
        let help = desk.run(&format!("{command} --help")).exits(0).stdout;
        for guard in ["--max-delete", "--max-change", "--allow-emptied"] {
            assert_eq!(help.contains(guard), is_listed, "case: {command} {guard}\n{help}");
        }
    }
}

#[test]
fn the_hint_after_a_stop_asks_for_the_same_again() {
    let desk = synced(100);
    desk.contacts("personal", &numbered(0..1));
    let look = "look: syncline plan --source personal --target business --entities contacts \
        --mode mirror    allow once";
    let flags = "--mode mirror --entities contacts --source personal --target business";
    desk.run(&format!("sync {flags}")).exits(6).says(look);
    desk.run(&format!("plan {flags}")).exits(6).says(look);
    for (domain, name) in [("personal", "Here"), ("business", "There")] {
        desk.contacts(domain, &json!([{ "id": "c000", "name": name }]));
    }
    let answer = desk.run("sync --id c000 --on-conflict fail").exits(5);
    answer.says("look: syncline plan --on-conflict fail --id c000    or leave out");
}

/// What nobody can read is not said to be missing.
#[test]
fn a_comparison_says_of_which_side_nobody_knows() {
    let desk = synced(2);
    let twice = json!([{ "id": "c000", "name": "x" }, { "id": "c000", "name": "y" },
        { "id": "c001", "name": "Name 1" }]);
    desk.contacts("business", &twice);
    desk.run("sync").exits(4);
    let answer = desk.run("diff contacts c000");
    let said = "what business holds of it cannot be read";
    assert!(
        answer.stdout.contains("\"Name 0\"  ?") && answer.stdout.contains(said),
        "{}",
        answer.stdout
    );
    let document = desk.run("diff contacts c000 --json").json();
    check(&document);
    let found = &document["records"][0];
    assert_eq!((&found["unreadable"], &found["target"]), (&json!(["business"]), &json!(null)));
    // What is really missing is still shown as that, and what is there as it is.
    let plain = desk.run("diff contacts c001").exits(0);
    assert!(!plain.stdout.contains('?'), "{}", plain.stdout);
    desk.contacts("business", &json!([{ "id": "c001", "name": "Name 1" }]));
    let gone = desk.run("diff contacts c000").exits(0).stdout;
    assert!(gone.contains("\"Name 0\"  -") && !gone.contains('?'), "{gone}");
    // An item without an id may be any that is missing.
    desk.contacts("business", &json!([{ "name": "Name 0" }, { "id": "c001", "name": "Name 1" }]));
    desk.run("diff contacts c000").says(said);
}
