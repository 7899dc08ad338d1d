//! The life of a conflict: found, listed, decided, settled for good (the offline half of C18).

use serde_json::{Value, json};

use crate::desk::Desk;

/// Two records whose `email` and `tags` both sides have changed, under the rule `review`.
fn desk() -> Desk {
    let desk = Desk::new();
    desk.put(
        "syncline.toml",
        b"[entities.contacts.fields]\n\"/email\" = \"review\"\n\"/tags\" = \"review\"\n",
    );
    let records = |email: &str, tag: &str| {
        json!([
            { "id": "ada", "email": format!("ada@{email}"), "tags": [tag] },
            { "id": "ben", "email": format!("ben@{email}") },
        ])
    };
    desk.contacts("personal", &records("old", "old"));
    desk.contacts("business", &records("old", "old"));
    desk.run("sync").exits(0);
    desk.contacts("personal", &records("home", "home"));
    desk.contacts("business", &records("work", "work"));
    desk.run("sync").exits(5);
    desk
}

fn open(desk: &Desk) -> Vec<Value> {
    let listed = desk.run("conflicts list --json").exits(0).json();
    listed["conflicts"].as_array().unwrap().clone()
}

fn id_of(desk: &Desk, record: &str, path: &str) -> String {
    let found = open(desk).into_iter().find(|c| c["id"] == record && c["path"] == path);
    found.unwrap()["conflict"].as_str().unwrap().to_owned()
}

#[test]
fn an_open_conflict_is_listed_and_shown_with_all_values_and_nobody_loses_theirs() {
    let desk = desk();
    assert_eq!(open(&desk).len(), 3);
    let id = id_of(&desk, "ada", "/email");
    desk.run("conflicts list").exits(0).says(&id[..10]).says("ada@home").says("ada@work");
    desk.run(&format!("conflicts show {}", &id[..8]))
        .exits(0)
        .says("ada@old")
        .says("personal")
        .says("--take");
    assert_eq!(desk.read("personal")["ada"]["email"], "ada@home");
    assert_eq!(desk.read("business")["ada"]["email"], "ada@work");
    desk.run("conflicts show 0000").exits(2).says("CONFLICT_NOT_FOUND");
}

#[test]
fn a_decision_reaches_both_sides_and_the_question_does_not_come_back() {
    let desk = desk();
    let id = id_of(&desk, "ada", "/email");
    desk.run(&format!("conflicts resolve {id} --take personal")).exits(0);
    desk.run("conflicts resolve --record ben --take target").exits(0);
    desk.run("conflicts resolve --path /tags --take both").exits(0);
    assert_eq!(open(&desk).len(), 0);
    desk.run("sync").exits(0);
    for domain in ["personal", "business"] {
        let records = desk.read(domain);
        assert_eq!(records["ada"]["email"], "ada@home", "{domain}");
        assert_eq!(records["ben"]["email"], "ben@work", "{domain}");
        assert_eq!(records["ada"]["tags"].as_array().unwrap().len(), 2, "{domain}");
    }
    let before = desk.files("data");
    desk.run("sync").exits(0).says("Nothing to do");
    assert_eq!(desk.files("data"), before);
    assert_eq!(open(&desk).len(), 0);
}

#[test]
fn a_value_of_ones_own_settles_a_conflict() {
    let desk = desk();
    let id = id_of(&desk, "ada", "/email");
    desk.run(&format!("conflicts resolve {id} --value nonsense")).exits(2);
    desk.run_words(&["conflicts", "resolve", &id, "--value", "\"ada@new\""]).exits(0);
    desk.run("conflicts resolve --all --take source").exits(0);
    desk.run("sync").exits(0);
    for domain in ["personal", "business"] {
        assert_eq!(desk.read(domain)["ada"]["email"], "ada@new", "{domain}");
    }
}

#[test]
fn an_exported_file_is_decided_and_imported_whole_or_not_at_all() {
    let desk = desk();
    desk.run("conflicts export -o f.json").exits(0);
    let mut file: Value = serde_json::from_slice(&desk.bytes("f.json")).unwrap();
    for conflict in file["conflicts"].as_array_mut().unwrap() {
        conflict["decide"] = json!({ "take": "personal" });
    }
    let mut broken = file.clone();
    broken["conflicts"][2]["decide"] = json!({ "take": "nobody" });
    desk.put("broken.json", broken.to_string().as_bytes());
    desk.run("conflicts import broken.json").exits(2).says("DECISION_INVALID").says("decision 3");
    assert_eq!(open(&desk).len(), 3, "no decision of a broken file is taken");
    desk.put("f.json", file.to_string().as_bytes());
    desk.run("conflicts import f.json").exits(0);
    assert_eq!(open(&desk).len(), 0);
    desk.run("conflicts import f.json").exits(2).says("DECISION_INVALID");
    desk.run("sync").exits(0);
    assert_eq!(desk.read("business")["ben"]["email"], "ben@home");
}

#[test]
fn a_deletion_against_an_edit_can_be_kept_or_deleted() {
    for (flag, is_there) in [("--keep", true), ("--delete", false)] {
        let desk = Desk::new();
        desk.put("syncline.toml", b"[entities.contacts]\ndeletion = \"review\"\n");
        let both = json!([{ "id": "a", "phone": "1" }, { "id": "b" }, { "id": "c" }]);
        desk.contacts("personal", &both);
        desk.contacts("business", &both);
        desk.run("sync").exits(0);
        desk.contacts("personal", &json!([{ "id": "b" }, { "id": "c" }]));
        desk.contacts(
            "business",
            &json!([{ "id": "a", "phone": "2" }, { "id": "b" }, { "id": "c" }]),
        );
        desk.run("sync").exits(5);
        let id = open(&desk)[0]["conflict"].as_str().unwrap().to_owned();
        desk.run(&format!("conflicts resolve {id} {flag}")).exits(0);
        desk.run("sync").exits(0);
        for domain in ["personal", "business"] {
            assert_eq!(desk.read(domain).contains_key("a"), is_there, "{flag} {domain}");
        }
    }
}
