//! JSON output: one document, nothing else, as the shipped schemas say (C14).

use std::fs;

use serde_json::Value;

use crate::desk::{Desk, numbered, repository};

/// Checks a document against the schema that it names itself.
#[track_caller]
pub(crate) fn check(document: &Value) {
    let name = document["schema"].as_str().expect("a document names its schema");
    let (name, version) = name.split_once('/').expect("a schema has a version");
    assert_eq!(version, "1");
    let path = repository(&format!("crates/syncline/schemas/{name}.schema.json"));
    let schema = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let problems: Vec<String> = validator
        .iter_errors(document)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(problems.is_empty(), "{name}: {problems:#?}\n{document:#}");
}

fn desk() -> Desk {
    let desk = Desk::copy_of("fixtures/spec001/contacts");
    desk.put("syncline.toml", b"[entities.contacts.fields]\n\"/phone\" = \"review\"\n");
    desk
}

#[test]
fn every_document_is_as_its_schema_says() {
    let desk = desk();
    let first = desk.run("sync --json --report report.json").json();
    check(&first);
    check(&serde_json::from_slice(&desk.bytes("report.json")).unwrap());
    let run = first["syncId"].as_str().unwrap().to_owned();
    let conflict = desk.run("conflicts list --status all --json").json();
    assert!(!conflict["conflicts"].as_array().unwrap().is_empty());
    let id = conflict["conflicts"][0]["conflict"].as_str().unwrap().to_owned();
    desk.run("conflicts export -o f.json --status all").exits(0);
    check(&serde_json::from_slice(&desk.bytes("f.json")).unwrap());
    let mut records = numbered(0..3);
    records[0]["id"] = "new-contact".into();
    desk.contacts("business", &records);
    let commands = [
        "plan --json".to_owned(),
        "sync --dry-run --json".to_owned(),
        "status --json".to_owned(),
        "diff contacts --json".to_owned(),
        "twins --json".to_owned(),
        "log --json".to_owned(),
        format!("show {run} --json"),
        format!("undo {run} --plan --json"),
        "conflicts list --status all --json".to_owned(),
        format!("conflicts show {id} --json"),
        "check --json".to_owned(),
        "doctor --json".to_owned(),
        "audit verify --json".to_owned(),
        "audit prove contacts contact-001 --json".to_owned(),
        "version --json".to_owned(),
        "sync --entities pets --json".to_owned(),
        "show nothing --json".to_owned(),
        "cross-domain-sync --source nowhere --target business --json".to_owned(),
    ];
    for command in commands {
        let answer = desk.run(&command);
        assert!(!answer.stdout.is_empty(), "{command}: {}", answer.stderr);
        check(&answer.json());
    }
    for line in desk.run("audit export").exits(0).stdout.lines() {
        check(&serde_json::from_str(line).unwrap());
    }
    for line in desk.run("log --jsonl").exits(0).stdout.lines() {
        check(&serde_json::from_str(line).unwrap());
    }
}

#[test]
fn an_error_report_is_as_its_schema_says() {
    let desk = Desk::new();
    desk.contacts("personal", &serde_json::json!([{ "name": "No Id" }]));
    desk.run("sync").exits(4);
    let reports = desk.files(".syncline/reports");
    check(&serde_json::from_slice(reports.values().next().unwrap()).unwrap());
}

#[test]
fn quiet_says_nothing_when_all_is_well_and_colours_come_only_when_asked_for() {
    let desk = Desk::copy_of("fixtures/spec001/contacts");
    let quiet = desk.run("sync -q --on-conflict source").exits(0);
    assert_eq!((quiet.stdout.as_str(), quiet.stderr.as_str()), ("", ""));
    desk.contacts("personal", &numbered(0..200));
    let plain = desk.run("plan --max-delete 100% --max-change 100%");
    assert!(!plain.stdout.contains('\x1b'), "{}", plain.stdout);
    let colored = desk.run("plan --max-delete 100% --max-change 100% --color always");
    assert!(colored.stdout.contains('\x1b'), "{}", colored.stdout);
}

#[test]
fn every_line_names_its_schema_and_is_as_that_says() {
    let desk = desk();
    desk.contacts(
        "business",
        &serde_json::json!([{ "id": "other", "name": "Ada", "email": "a@b" }]),
    );
    desk.contacts("personal", &serde_json::json!([{ "id": "own", "name": "Ada", "email": "a@b" }]));
    let config =
        "[entities.contacts]\nidentify = [\"/email\"]\nfields = { \"/phone\" = \"review\" }\n";
    desk.put("syncline.toml", config.as_bytes());
    for command in ["diff contacts", "twins", "check", "log", "conflicts list --status all"] {
        let answer = desk.run(&format!("{command} --jsonl"));
        let lines = answer.stdout.lines().map(|line| serde_json::from_str(line).unwrap());
        let count = lines.map(|line: Value| check(&line)).count();
        assert!(
            count > 0 || ["log", "conflicts list --status all"].contains(&command),
            "{command}"
        );
        desk.run("sync");
    }
}
