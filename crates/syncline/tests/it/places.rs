//! Domains that are not apart are refused before anything is read or written.

use crate::desk::{Answer, Desk, synced};

const COMMANDS: &[&str] = &[
    "sync",
    "sync --dry-run",
    "plan",
    "watch --jsonl",
    "status",
    "diff contacts",
    "twins",
    "cross-domain-sync --source personal --target business",
];

/// A desk whose business domain lies at `business`, and hides `ssn` from who reads there.
fn desk(business: &str, state: &str) -> Desk {
    let desk = Desk::new();
    let text = format!(
        "state = \"{state}\"\n[domains.personal]\npath = \"data/personal\"\n\
         [domains.business]\npath = \"{business}\"\n\
         [domains.business.policy]\nfields = [{{ path = \"/ssn\", action = \"mask\" }}]\n\
         [entities.contacts]\n"
    );
    desk.put("syncline.toml", text.as_bytes());
    desk.contacts("personal", &serde_json::json!([{ "id": "a", "ssn": "only copy" }]));
    desk
}

fn refused(desk: &Desk, code: &str) {
    let before = desk.files("");
    desk.run("check").exits(3).says(code);
    for command in COMMANDS {
        let answer: Answer = desk.run(command);
        assert_eq!(answer.code, 3, "case: {command}\n{}{}", answer.stdout, answer.stderr);
        answer.says(code);
        assert_eq!(desk.files(""), before, "case: {command}");
    }
}

#[test]
fn one_folder_for_two_domains_is_refused_however_it_is_written() {
    for business in ["data/personal", "data/../data/personal", "data", "data/personal/inner"] {
        let desk = desk(business, ".syncline");
        std::fs::create_dir_all(desk.path(business)).unwrap();
        refused(&desk, "CHECK_DOMAINS_OVERLAP");
    }
    let desk = desk("data/link", ".syncline");
    std::os::unix::fs::symlink("personal", desk.path("data/link")).unwrap();
    desk.run("check").exits(3).says("CHECK_DOMAINS_OVERLAP");
    desk.run("sync").exits(3).says("CHECK_DOMAINS_OVERLAP");
    assert_eq!(desk.read("personal")["a"]["ssn"], "only copy");
}

#[test]
fn one_file_for_two_domains_is_refused() {
    let desk = desk("data/business", ".syncline");
    let link = desk.path("data/business/contacts.json");
    std::os::unix::fs::symlink("../personal/contacts.json", link).unwrap();
    refused(&desk, "CHECK_DOMAINS_OVERLAP");
}

#[test]
fn a_domain_in_the_folder_of_the_state_is_refused() {
    for business in ["hub", "hub/undo/business"] {
        let desk = desk(business, "hub");
        std::fs::create_dir_all(desk.path(business)).unwrap();
        refused(&desk, "CHECK_STATE_IN_DOMAIN");
    }
}

#[test]
fn a_state_in_a_folder_of_its_own_below_a_domain_is_no_trouble() {
    let desk = desk("data/business", "data/personal/.syncline");
    desk.run("sync").exits(0);
}

#[test]
fn a_domain_in_another_folder_is_told_by_every_command_and_deletes_nothing() {
    let desk = synced(3);
    let moved = br#"[domains]
personal.path = "data/personal"
business.path = "data/old"
[links.work]
source = "personal"
target = "business"
entities = ["contacts"]
"#;
    desk.put("data/old/contacts.json", br#"{"contacts":[{"id":"c000","name":"Old"}]}"#);
    desk.put("syncline.toml", moved);
    let places = |answer: Answer| answer.says("data/business").says("data/old");
    places(desk.run("check").exits(0).says("CHECK_DOMAIN_MOVED"));
    places(desk.run("plan").says("DOMAIN_MOVED"));
    places(desk.run("status").says("DOMAIN_MOVED"));
    let status = desk.run("status --json").json();
    assert_eq!(status["notices"][0]["code"], "DOMAIN_MOVED");
    let synced = desk.run("sync --json").exits(5);
    assert_eq!(synced.json()["notices"][0]["code"], "DOMAIN_MOVED");
    assert_eq!(desk.read("personal")["c000"]["name"], "Name 0", "a person decides");
    assert_eq!(desk.read("personal").len(), 3);
    assert_eq!(desk.read("old").len(), 3);
    let again = desk.run("sync --json");
    assert!(again.json()["notices"].as_array().is_none_or(Vec::is_empty), "{}", again.stdout);
    let checked = desk.run("check --json").json();
    assert!(!checked.to_string().contains("CHECK_DOMAIN_MOVED"), "it is told once");
}
