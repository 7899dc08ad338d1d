//! What the policy withholds appears nowhere else (C12).

use serde_json::json;

use crate::desk::Desk;

const CANARY: &str = "canary-7f3a";

#[test]
fn a_denied_value_is_nowhere_but_where_it_was_written() {
    let desk = Desk::new();
    desk.put(
        "syncline.toml",
        br#"
[domains.personal]
path = "data/personal"
[domains.business]
path = "data/business"
[domains.business.policy]
fields = [{ path = "/notes", action = "deny" }]
records = [{ path = "/category", equals = "private" }]
[entities.contacts.fields]
"/name" = "review"
"#,
    );
    let personal = |name: &str, notes: &str| {
        json!([
            { "id": "a", "name": name, "notes": format!("{CANARY}-{notes}") },
            { "id": "b", "name": format!("{CANARY}-b"), "category": "private" },
            { "id": "c", "name": "Chen" },
            { "name": format!("{CANARY}-broken") },
        ])
    };
    desk.contacts("personal", &personal("Ada", "one"));
    desk.contacts("business", &json!([{ "id": "a", "name": "Ada" }]));
    let mut said = Vec::new();
    said.push(desk.run("sync --report report.json -v").exits(4));
    desk.contacts("personal", &personal("Ada L.", "two"));
    desk.contacts(
        "business",
        &json!([{ "id": "a", "name": "A. Lovelace" }, { "id": "c", "name": "Chen" }]),
    );
    for command in [
        "plan -v",
        "sync -v",
        "sync --json",
        "status",
        "log",
        "log --json",
        "conflicts list --status all",
        "conflicts export -o f.json --status all",
        "doctor",
        "check",
        "audit export",
        "audit verify",
    ] {
        said.push(desk.run(command));
    }
    for answer in &said {
        assert!(!answer.stdout.contains(CANARY), "{}", answer.stdout);
        assert!(!answer.stderr.contains(CANARY), "{}", answer.stderr);
    }
    for (name, bytes) in desk.files("data/business") {
        assert!(!String::from_utf8_lossy(&bytes).contains(CANARY), "{name}");
    }
    for (name, bytes) in desk.files(".syncline/reports") {
        assert!(!String::from_utf8_lossy(&bytes).contains(CANARY), "{name}");
    }
    for name in ["report.json", "f.json"] {
        assert!(!String::from_utf8_lossy(&desk.bytes(name)).contains(CANARY), "{name}");
    }
    let kept = String::from_utf8(desk.bytes("data/personal/contacts.json")).unwrap();
    assert_eq!(kept.matches(CANARY).count(), 3, "the owner keeps everything");
}

#[test]
fn an_error_names_the_place_and_never_the_value() {
    let desk = Desk::new();
    let broken = format!("{{\"contacts\": [{{\"id\": \"a\", \"name\": \"{CANARY}\", oops}}]}}");
    desk.put("data/personal/contacts.json", broken.as_bytes());
    desk.contacts("business", &json!([]));
    let answer = desk.run("sync --entities contacts").exits(3);
    assert!(
        !answer.stderr.contains(CANARY) && !answer.stdout.contains(CANARY),
        "{}",
        answer.stderr
    );
}
