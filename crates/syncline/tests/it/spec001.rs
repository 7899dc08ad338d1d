//! Spec 001: its three examples to the byte, its sync record, its audit entry, its spellings.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use crate::desk::{Answer, Desk, answer, repository};

const EXAMPLE_1: &str = "--source personal --target business --entities contacts";
const EXAMPLE_2: &str = "--source personal --target business --direction bidirectional";

fn golden(name: &str) -> String {
    fs::read_to_string(repository(&format!("fixtures/spec001/expected/{name}"))).unwrap()
}

/// Returns whether a text is a golden one, whose placeholders stand for what cannot be known.
fn is_like(text: &str, golden: &str) -> bool {
    let (mut text_lines, mut golden_lines) = (text.lines(), golden.lines());
    loop {
        match (text_lines.next(), golden_lines.next()) {
            (None, None) => return text.ends_with('\n') == golden.ends_with('\n'),
            (Some(text), Some(golden)) if is_line_like(text, golden) => {}
            _ => return false,
        }
    }
}

fn is_line_like(text: &str, golden: &str) -> bool {
    let Some((before, rest)) = golden.split_once("{{") else {
        return text == golden;
    };
    let Some((name, after)) = rest.split_once("}}") else {
        return text == golden;
    };
    let found = text.strip_prefix(before).and_then(|text| text.strip_suffix(after));
    found.is_some_and(|found| match name {
        "SYNC_ID" => is_sync_id(found),
        "DURATION" => {
            let (whole, tenths) = found.split_once('.').unwrap_or_default();
            whole.parse::<u32>().is_ok() && tenths.len() == 1 && tenths.parse::<u32>().is_ok()
        }
        _ => false,
    })
}

fn is_sync_id(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let digits =
        |part: &str, count: usize| part.len() == count && part.bytes().all(|b| b.is_ascii_digit());
    match parts.as_slice() {
        ["sync", date, time] => digits(date, 8) && digits(time, 6),
        ["sync", date, time, again] => digits(date, 8) && digits(time, 6) && digits(again, 2),
        _ => false,
    }
}

fn run(desk: &Desk, arguments: &str) -> Answer {
    desk.run(&format!("cross-domain-sync {arguments}"))
}

#[test]
fn example_1_prints_what_spec_001_prints() {
    let desk = Desk::copy_of("fixtures/spec001/contacts");
    let answer = run(&desk, EXAMPLE_1).exits(0);
    let golden = golden("example-1.stdout.txt");
    assert!(is_like(&answer.stdout, &golden), "expected\n{golden}\nfound\n{}", answer.stdout);
    assert_eq!(answer.stderr, "");
    assert_eq!((desk.read("personal").len(), desk.read("business").len()), (180, 180));
}

#[test]
fn example_2_prints_what_spec_001_prints() {
    let desk = Desk::copy_of("fixtures/spec001/five-entities");
    let answer = run(&desk, EXAMPLE_2).exits(0);
    let golden = golden("example-2.stdout.txt");
    assert!(is_like(&answer.stdout, &golden), "expected\n{golden}\nfound\n{}", answer.stdout);
}

#[test]
fn example_3_prints_what_spec_001_prints() {
    let desk = Desk::copy_of("fixtures/spec001/contacts");
    let answer = run(&desk, "--source nonexistent --target business").exits(3);
    assert_eq!((answer.stdout.as_str(), answer.stderr), ("", golden("example-3.stderr.txt")));
}

#[test]
fn the_sync_record_has_spec_001s_members_first_and_in_order() {
    let desk = Desk::copy_of("fixtures/spec001/five-entities");
    let arguments = "--source personal --target business --entities contacts,calendar";
    run(&desk, &format!("{arguments} --direction bidirectional")).exits(0);
    let records = desk.files(".syncline/records");
    let (name, bytes) = records.iter().next().expect("a record is written");
    let text = String::from_utf8(bytes.clone()).unwrap();
    let record: Value = serde_json::from_str(&text).unwrap();
    let expected: Value = serde_json::from_str(&golden("sync-record.json")).unwrap();
    assert_eq!(*name, format!("/{}.json", record["syncId"].as_str().unwrap()));
    for (member, value) in expected.as_object().unwrap() {
        match value.as_str() {
            Some("{{SYNC_ID}}") => assert!(is_sync_id(record[member].as_str().unwrap())),
            Some("{{TIMESTAMP}}") => assert!(record[member].as_str().unwrap().ends_with('Z')),
            _ if member == "results" => {
                for (entity, counts) in value.as_object().unwrap() {
                    for (count, number) in counts.as_object().unwrap() {
                        assert_eq!(record["results"][entity][count], *number, "{entity} {count}");
                    }
                }
            }
            _ => assert_eq!(record[member], *value, "member {member}"),
        }
    }
    // serde_json sorts members, so their order is looked up in the text.
    let members = [
        "syncId",
        "timestamp",
        "sourceDomain",
        "targetDomain",
        "entities",
        "syncDirection",
        "results",
        "errors",
        "status",
        "schema",
    ];
    let places: Vec<usize> =
        members.iter().map(|member| text.find(&format!("\n  \"{member}\"")).unwrap()).collect();
    assert!(places.is_sorted(), "{text}");
}

#[test]
fn the_audit_names_category_action_user_and_session() {
    let desk = Desk::copy_of("fixtures/spec001/contacts");
    run(&desk, &format!("{EXAMPLE_1} --user mara --session s-17")).exits(0);
    let exported = desk.run("audit export").exits(0).stdout;
    let entries: Vec<Value> =
        exported.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let entry = entries.iter().find(|entry| entry["action"] == "DATA_SYNC").expect("an entry");
    assert_eq!(entry["category"], "CROSS_DOMAIN");
    assert_eq!((&entry["user"], &entry["session"]), (&"mara".into(), &"s-17".into()));
}

#[test]
fn the_source_wins_and_the_other_value_is_kept() {
    let desk = Desk::copy_of("fixtures/spec001/contacts");
    let before = desk.read("personal");
    let lost = desk.read("business");
    run(&desk, EXAMPLE_1).exits(0);
    let after = desk.read("business");
    let listed = desk.run("conflicts list --status settled --json").exits(0).json();
    let conflicts = listed["conflicts"].as_array().unwrap();
    let mut checked = 0;
    for conflict in conflicts.iter().filter(|conflict| conflict["path"] != "/lastModified") {
        let (id, path) = (conflict["id"].as_str().unwrap(), conflict["path"].as_str().unwrap());
        assert_eq!(after[id].pointer(path), before[id].pointer(path), "{id}{path}");
        let kept = conflict["sides"].as_array().unwrap().iter();
        let is_kept = kept.clone().any(|side| Some(&side["value"]) == lost[id].pointer(path));
        assert!(is_kept, "{id}{path} lost its other value");
        checked += 1;
    }
    assert_eq!(checked, 15);
}

#[test]
fn errors_have_spec_001s_codes() {
    let desk = Desk::copy_of("fixtures/spec001/contacts");
    run(&desk, "--source personal --target personal").exits(2).says("must be different");
    run(&desk, "--source personal --target business --entities pets")
        .exits(2)
        .says("Entity type 'pets' not supported");
    desk.put("data/business/contacts.json", b"{\"contacts\": [");
    let before = desk.files("data");
    run(&desk, EXAMPLE_1).exits(3).says("DATA_FORMAT_INVALID");
    assert_eq!(desk.files("data"), before);
}

#[test]
fn a_second_run_says_that_both_sides_are_equal_and_changes_no_file() {
    let desk = Desk::copy_of("fixtures/spec001/contacts");
    run(&desk, EXAMPLE_1).exits(0);
    let before = desk.files("data");
    run(&desk, EXAMPLE_1)
        .exits(0)
        .says("- Merged Count: 180 contacts")
        .says("- Conflicts Resolved: 0");
    assert_eq!(desk.files("data"), before);
}

#[test]
fn the_program_called_cross_domain_sync_speaks_spec_001() {
    for name in ["cross_domain_sync", "cross_domain_sync.js"] {
        let desk = Desk::copy_of("fixtures/spec001/contacts");
        let program = desk.path(name);
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_syncline"), &program).unwrap();
        let output = Command::new(&program)
            .args(EXAMPLE_1.split(' '))
            .current_dir(desk.path(""))
            .output()
            .unwrap();
        let answer = answer(&output).exits(0);
        assert!(is_like(&answer.stdout, &golden("example-1.stdout.txt")), "{}", answer.stdout);
    }
}

#[test]
fn the_shim_for_node_passes_everything_through() {
    let desk = Desk::copy_of("fixtures/spec001/contacts");
    let shim = repository("packaging/node/cross_domain_sync.js");
    let node = |arguments: &str| {
        let mut command = Command::new("node");
        command.arg(&shim).args(arguments.split(' ')).current_dir(desk.path(""));
        command.env("SYNCLINE_BIN", env!("CARGO_BIN_EXE_syncline")).output()
    };
    let Ok(output) = node(EXAMPLE_1) else {
        eprintln!("SKIPPED: node is not installed");
        return;
    };
    let done = answer(&output).exits(0);
    assert!(is_like(&done.stdout, &golden("example-1.stdout.txt")), "{}", done.stdout);
    let failed = answer(&node("--source nonexistent --target business").unwrap()).exits(3);
    assert_eq!(failed.stderr, golden("example-3.stderr.txt"));
}

#[test]
fn the_two_configuration_files_of_spec_001_are_read() {
    let desk = Desk::new();
    desk.put("cross_domain_config.json", br#"{"domains": {"personal": {}, "business": {}}}"#);
    desk.put("entity_mappings.json", br#"{"contacts": {"idField": "key"}}"#);
    desk.contacts("personal", &serde_json::json!([{ "key": "a", "name": "Ada" }]));
    run(&desk, EXAMPLE_1).exits(0);
    assert!(String::from_utf8(desk.bytes("data/business/contacts.json")).unwrap().contains("Ada"));
}

/// Both sides differ in three fields; spec 001's two files say what happens to each.
fn configured(conflict_resolution: &str, merge_rules: &str) -> Desk {
    let desk = Desk::new();
    let sync = match conflict_resolution {
        "" => "{}".to_owned(),
        word => format!(r#"{{"sync": {{"conflictResolution": "{word}"}}}}"#),
    };
    desk.put("cross_domain_config.json", sync.as_bytes());
    let mappings = format!(r#"{{"contacts": {{"mergeRules": {merge_rules}}}}}"#);
    desk.put("entity_mappings.json", mappings.as_bytes());
    for (domain, n) in [("personal", 1), ("business", 2)] {
        let record = serde_json::json!([{
            "id": "a", "name": format!("{domain}"), "email": format!("{domain}@"), "n": n,
            "lastModified": format!("2026-01-12T1{n}:00:00Z"),
        }]);
        desk.contacts(domain, &record);
    }
    desk
}

#[test]
fn what_the_two_files_say_of_conflicts_is_done_or_refused() {
    let email_waits = r#"{"email": "manual-review"}"#;
    // Who is shown in `name`, who in `email`; nobody where the two sides keep their own.
    #[rustfmt::skip]
    let cases = [
        ("",                 "{}",                          0, Some("personal"), Some("personal")),
        ("source",           "{}",                          0, Some("personal"), Some("personal")),
        ("target",           "{}",                          0, Some("business"), Some("business")),
        ("newer",            "{}",                          0, Some("business"), Some("business")),
        ("manual",           "{}",                          5, None,             None),
        ("manual-review",    r#"{"name": "source-priority"}"#, 5, Some("personal"), None),
        ("",                 email_waits,                   5, Some("personal"), None),
        ("source",           email_waits,                   5, Some("personal"), None),
        ("target",           email_waits,                   5, Some("business"), None),
    ];
    for (word, rules, exit, name, email) in cases {
        let desk = configured(word, rules);
        let answer = run(&desk, EXAMPLE_1);
        let case = format!("case: {word} {rules}\n{}{}", answer.stdout, answer.stderr);
        assert_eq!(answer.code, exit, "{case}");
        assert_eq!(answer.stderr.contains("SYNC_CONFLICT"), exit == 5, "{case}");
        let sides = ["personal", "business"].map(|domain| desk.read(domain)["a"].clone());
        for (side, own) in sides.iter().zip(["personal", "business"]) {
            assert_eq!(side["name"], name.unwrap_or(own), "{case}");
            assert_eq!(side["email"], format!("{}@", email.unwrap_or(own)), "{case}");
        }
        let records = desk.files(".syncline/records");
        let record = String::from_utf8_lossy(records.values().next().unwrap()).into_owned();
        assert_eq!(record.contains("SYNC_CONFLICT"), exit == 5, "{case}\n{record}");
    }
    let desk = configured("coin-toss", "{}");
    run(&desk, EXAMPLE_1).exits(3).says("CONFIG_INVALID").says("conflictResolution");
    let desk = configured("", r#"{"email": "coin-toss"}"#);
    run(&desk, EXAMPLE_1).exits(3).says("CONFIG_INVALID");
}

#[test]
fn the_direction_of_the_configuration_holds_unless_one_is_asked_for() {
    for (asked, found) in [("", 0), (" --direction bidirectional", 1)] {
        let desk = Desk::new();
        desk.put("cross_domain_config.json", br#"{"sync": {"direction": "source_to_target"}}"#);
        desk.contacts("personal", &serde_json::json!([]));
        desk.contacts("business", &serde_json::json!([{ "id": "a" }]));
        desk.run(&format!("cross-domain-sync {EXAMPLE_1}{asked}"));
        assert_eq!(desk.read("personal").len(), found, "case:{asked}");
    }
}

#[test]
fn a_value_that_gives_way_to_a_mask_is_told() {
    let desk = Desk::new();
    let text =
        br#"{"domains": {"personal": {}, "business": {"policies": {"maskFields": ["phone"]}}}}"#;
    desk.put("cross_domain_config.json", text);
    desk.contacts("personal", &serde_json::json!([{ "id": "a", "phone": "1" }]));
    desk.contacts("business", &serde_json::json!([{ "id": "a", "phone": "CANARY" }]));
    let answer = run(&desk, EXAMPLE_1).exits(0).says("VALUE_REPLACED");
    assert!(!answer.stderr.contains("CANARY"), "{}", answer.stderr);
}

#[test]
fn the_source_that_is_named_wins_and_is_mirrored_in_either_order() {
    let held = |desk: &Desk| ["personal", "business"].map(|domain| desk.read(domain)["a"].clone());
    for (config, flag) in [
        ("{}", ""),
        (r#"{"sync": {"conflictResolution": "source"}}"#, ""),
        (r#"{"sync": {"direction": "source_to_target"}}"#, ""),
        ("{}", " --direction source_to_target"),
    ] {
        for (source, target) in [("personal", "business"), ("business", "personal")] {
            let desk = Desk::new();
            desk.put("cross_domain_config.json", config.as_bytes());
            for domain in [source, target] {
                desk.contacts(domain, &json!([{ "id": "a", "f": domain }]));
            }
            let spelled = format!(
                "cross-domain-sync --source {source} --target {target} --entities contacts{flag}"
            );
            desk.run(&spelled).exits(0);
            let expected = json!({ "id": "a", "f": source });
            assert_eq!(held(&desk), [expected.clone(), expected], "{config}{flag}: {source}");
            desk.run(&spelled).exits(0);
            assert_eq!(desk.read(target)["a"]["f"], source);
        }
    }
}
