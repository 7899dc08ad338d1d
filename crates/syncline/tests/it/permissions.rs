//! Whoever may not read both domains sees nothing of what the hub has stored.

use serde_json::json;

use crate::desk::Desk;

/// One open conflict; alice may do everything, bob only read tasks, eve nothing.
fn desk() -> Desk {
    let desk = Desk::new();
    let text = "[entities.contacts]\n[entities.tasks]\n\
        [[permissions]]\nuser = \"alice\"\nallow = [\"read\", \"write\"]\n\
        [[permissions]]\nuser = \"bob\"\nentities = [\"tasks\"]\nallow = [\"read\"]\n\
        [[permissions]]\nuser = \"half\"\ndomain = \"personal\"\nallow = [\"read\"]\n";
    desk.put("syncline.toml", text.as_bytes());
    desk.contacts("personal", &json!([{ "id": "a", "p": "CANARY-P" }]));
    desk.contacts("business", &json!([{ "id": "a", "p": "CANARY-B" }]));
    desk.write("personal", "tasks", &json!({ "tasks": [{ "id": "t" }] }));
    desk.run("sync --user alice").exits(5);
    desk
}

#[test]
fn what_is_stored_is_shown_only_to_who_may_read_both_domains() {
    let desk = desk();
    let listed = desk.run("conflicts list --user alice --json").exits(0).json();
    let id = listed["conflicts"][0]["conflict"].as_str().unwrap().to_owned();
    let commands = [
        "conflicts list".to_owned(),
        "conflicts list --status all --entity contacts".to_owned(),
        "conflicts list --json".to_owned(),
        format!("conflicts show {id}"),
        "conflicts export -o x.json".to_owned(),
        format!("conflicts resolve {id} --take personal"),
        "log".to_owned(),
        "show latest".to_owned(),
        "audit export".to_owned(),
        "audit prove contacts a".to_owned(),
    ];
    for command in &commands {
        for user in ["eve", "half", "bob"] {
            let answer = desk.run(&format!("{command} --user {user}"));
            let said = answer.stdout.clone() + &answer.stderr;
            assert_eq!(answer.code, 3, "case: {command} by {user}\n{said}");
            assert!(said.contains("PERMISSION_DENIED"), "case: {command} by {user}\n{said}");
            assert!(!said.contains("CANARY"), "case: {command} by {user}\n{said}");
        }
    }
    assert!(!desk.path("x.json").exists());
    for command in &commands {
        desk.run(&format!("{command} --user alice")).exits(0);
    }
}

#[test]
fn a_grant_for_one_entity_shows_that_entity_and_a_refusal_is_audited() {
    let desk = desk();
    desk.run("conflicts list --entity tasks --user bob").exits(0).says("No conflicts");
    desk.run("audit prove tasks t --user bob").exits(0);
    desk.run("audit verify --user eve").exits(0);
    desk.run("sync --entities tasks --user alice").exits(0);
    desk.run("log --user bob").exits(0).says("left out");
    desk.run("conflicts list --user eve").exits(3);
    let entries = desk.run("audit export --user alice").exits(0).stdout;
    let refused = entries.lines().filter(|line| line.contains("REFUSED") && line.contains("eve"));
    assert_eq!(refused.count(), 1);
}

#[test]
fn who_may_only_read_may_look_at_what_a_sync_would_do_and_not_do_it() {
    let desk = desk();
    let text = String::from_utf8(desk.bytes("syncline.toml")).unwrap();
    let text = text + "[[permissions]]\nuser = \"carol\"\nallow = [\"read\"]\n";
    desk.put("syncline.toml", text.as_bytes());
    desk.contacts("personal", &json!([{ "id": "a", "p": "CANARY-P", "q": "new" }]));
    let before = desk.files("data");
    // The plan of a run that leaves a conflict exits as that run does.
    for (command, exit) in [
        ("plan", 5),
        ("plan -o plan.json", 5),
        ("sync --dry-run", 5),
        ("diff contacts", 0),
        ("status", 0),
        ("twins", 0),
    ] {
        desk.run(&format!("{command} --user carol")).exits(exit);
        desk.run(&format!("{command} --user half")).exits(3).says("PERMISSION_DENIED");
    }
    let listed = desk.run("conflicts list --user carol --json").exits(0).json();
    let id = listed["conflicts"][0]["conflict"].as_str().unwrap();
    let resolve = format!("conflicts resolve {id} --take personal");
    for command in ["sync", "apply plan.json", "undo latest --yes", "watch", resolve.as_str()] {
        let answer = desk.run(&format!("{command} --user carol")).exits(3);
        answer.says("may not write");
    }
    assert_eq!(desk.files("data"), before);
    desk.run("apply plan.json --user alice").exits(5);
}
