//! The life of a conflict: found, listed, decided, settled for good (the offline half of C18).

use serde_json::{Value, json};

use crate::desk::Desk;

fn records(email: &str, tag: &str) -> Value {
    json!([
        { "id": "ada", "email": format!("ada@{email}"), "tags": [tag] },
        { "id": "ben", "email": format!("ben@{email}") },
    ])
}

/// Two records whose `email` and `tags` both sides have changed, under the rule `review`.
fn desk() -> Desk {
    let desk = Desk::new();
    desk.put(
        "syncline.toml",
        b"[entities.contacts.fields]\n\"/email\" = \"review\"\n\"/tags\" = \"review\"\n",
    );
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
    // The two differ, and what they agreed on last is neither's value.
    for what in ["contacts", "contacts ada"] {
        desk.run(&format!("diff {what}"))
            .exits(0)
            .says("ada@old")
            .says("ada@home")
            .says("ada@work");
    }
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
fn an_edit_of_the_side_that_was_taken_goes_on_from_the_decision() {
    let desk = desk();
    desk.run("conflicts resolve --record ben --path /email --take personal").exits(0);
    let edited = |record: &str, email: &str, domain: &str| {
        let mut records = desk.read(domain);
        records.get_mut(record).unwrap()["email"] = json!(email);
        desk.contacts(domain, &json!(records.values().collect::<Vec<_>>()));
    };
    edited("ben", "ben@new", "personal");
    desk.run("sync").exits(5);
    assert_eq!(desk.read("business")["ben"]["email"], "ben@new");
    assert!(open(&desk).iter().all(|conflict| conflict["id"] == "ada"));
    // The other side did not know the decision: what it says since is a question again.
    desk.run("conflicts resolve --record ada --path /email --take personal").exits(0);
    edited("ada", "ada@later", "business");
    desk.run("sync").exits(5);
    let asked = open(&desk).into_iter().find(|conflict| conflict["path"] == "/email").unwrap();
    assert_eq!(asked["id"], "ada");
    assert_eq!(desk.read("business")["ada"]["email"], "ada@later");
}

#[test]
fn a_conflict_over_several_links_names_what_was_agreed_last() {
    let desk = Desk::new();
    desk.put(
        "syncline.toml",
        b"[domains.personal]\npath = \"data/personal\"\n\
          [domains.business]\npath = \"data/business\"\n[domains.club]\npath = \"data/club\"\n\
          [entities.contacts]\n\
          [links.work]\nsource = \"personal\"\ntarget = \"business\"\n\
          [links.sport]\nsource = \"business\"\ntarget = \"club\"\n",
    );
    std::fs::create_dir(desk.path("data/club")).unwrap();
    let record = |email: &str| json!([{ "id": "a", "email": email }]);
    desk.contacts("personal", &record("first"));
    desk.run("sync").exits(0);
    desk.contacts("personal", &record("home"));
    desk.contacts("club", &record("club"));
    desk.run("sync").exits(5);
    assert_eq!(open(&desk)[0]["base"], "first");
    desk.contacts("business", &record("work"));
    desk.run("sync").exits(5);
    assert_eq!(open(&desk)[0]["base"], "first", "the conflict that goes on keeps its base");
}

#[test]
fn a_conflict_within_a_member_of_an_array_names_what_was_there() {
    let desk = Desk::new();
    let rule = br#"[entities.contacts.fields]
"/phones" = { shape = "keyed", key = "kind" }
"#;
    desk.put("syncline.toml", rule);
    let record = |n: &str| json!([{ "id": "a", "phones": [{ "kind": "home/1", "n": n }] }]);
    for (personal, business, code) in [("0", "0", 0), ("1", "2", 5)] {
        desk.contacts("personal", &record(personal));
        desk.contacts("business", &record(business));
        desk.run("sync").exits(code);
    }
    assert_eq!(open(&desk)[0]["base"], "0");
    desk.run("conflicts resolve --all --take personal").exits(0);
    desk.contacts("personal", &record("3"));
    desk.run("sync").exits(0);
    assert_eq!(desk.read("business")["a"]["phones"][0]["n"], "3");
}

#[test]
fn a_clock_that_is_wrong_by_years_decides_nothing_alone() {
    #[rustfmt::skip]
    let cases = [
        ("one is far in the future", "2026-01-01T00:00:00Z", "2099-01-01T00:00:00Z", "2026-11-20T11:00:00Z"),
        ("both are before what they replace", "2099-01-01T00:00:00Z", "2026-11-20T10:00:00Z", "2026-11-20T11:00:00Z"),
    ];
    for (name, base, personal, business) in cases {
        let desk = Desk::new();
        let record = |v: &str, at: &str| json!([{ "id": "a", "v": v, "lastModified": at }]);
        desk.contacts("personal", &record("0", base));
        desk.contacts("business", &record("0", base));
        desk.run("sync").exits(0);
        desk.contacts("personal", &record("P", personal));
        desk.contacts("business", &record("B", business));
        assert_eq!(desk.run("sync").code, 5, "{name}");
        assert_eq!(desk.read("personal")["a"]["v"], "P", "{name}");
        assert_eq!(desk.read("business")["a"]["v"], "B", "{name}");
    }
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

#[test]
fn too_little_of_an_id_names_no_conflict_and_the_record_decides_nothing() {
    let desk = desk();
    let before = open(&desk);
    // One of these is what the id of some conflict begins with.
    for digit in "0123456789abcdef".chars() {
        for start in [format!("{digit}"), format!("{digit}{digit}{digit}")] {
            for command in ["show", "resolve --take personal"] {
                let answer = desk.run(&format!("conflicts {command} {start}")).exits(2);
                answer.says("CONFLICT_ID_SHORT").says("--record");
            }
        }
    }
    assert_eq!(open(&desk), before);
    let id = id_of(&desk, "ada", "/email");
    desk.run(&format!("conflicts resolve {} --take personal", &id[..4])).exits(0);
}

#[test]
fn what_begins_the_ids_of_several_conflicts_decides_none_and_is_told_as_that() {
    let desk = Desk::new();
    desk.put("syncline.toml", b"[entities.contacts.fields]\n\"/email\" = \"review\"\n");
    for domain in ["personal", "business"] {
        let record = |n| json!({ "id": format!("r{n}"), "email": format!("{n}@{domain}") });
        desk.contacts(domain, &(0..1_500).map(record).collect());
    }
    desk.run("sync").exits(5);
    let mut ids: Vec<String> =
        open(&desk).iter().map(|c| c["conflict"].as_str().unwrap().to_owned()).collect();
    ids.sort();
    // Among so many, two begin alike.
    let pair = ids.windows(2).find(|pair| pair[0][..4] == pair[1][..4]).unwrap();
    for command in ["show", "resolve --take personal"] {
        let answer = desk.run(&format!("conflicts {command} {}", &pair[0][..4])).exits(2);
        answer.says("CONFLICT_ID_SHORT").says("several").says("--status all");
    }
    assert_eq!(open(&desk).len(), ids.len());
    desk.run(&format!("conflicts resolve {} --take personal", pair[0])).exits(0);
}

#[test]
fn an_id_that_is_printed_is_one_that_can_be_decided() {
    let desk = desk();
    desk.run("conflicts resolve --all --take personal").exits(0);
    desk.run("sync").exits(0);
    desk.contacts("personal", &records("one", "one"));
    desk.contacts("business", &records("two", "two"));
    for command in ["plan", "sync --dry-run"] {
        let plan = desk.run(command).exits(5).stdout;
        let mut told = plan.lines().filter(|line| line.contains("conflict a")).peekable();
        assert!(told.peek().is_some(), "{plan}");
        assert!(told.all(|line| line.ends_with("waits for your decision")), "{plan}");
    }
    let plan = desk.run("plan --json").exits(5).json();
    assert!(plan["conflicts"].as_array().unwrap().iter().all(|c| c["conflict"].is_null()));
    let told = desk.run("sync").exits(5).stdout;
    let ids =
        told.lines().filter_map(|line| line.split_once("your decision   [")?.1.split(']').next());
    let ids: Vec<&str> = ids.collect();
    assert!(!ids.is_empty(), "{told}");
    for id in ids {
        desk.run(&format!("conflicts resolve {id} --take personal")).exits(0);
    }
}
