//! Runs that are narrowed to some records.

use serde_json::{Value, json};

use crate::desk::{Desk, synced};

const TWO_LINKS: &str = "[domains.personal]\npath = \"data/personal\"\n\
    [domains.business]\npath = \"data/business\"\n[domains.club]\npath = \"data/club\"\n\
    [entities.contacts]\n[entities.tasks]\n\
    [links.work]\nsource = \"personal\"\ntarget = \"business\"\n\
    [links.sport]\nsource = \"personal\"\ntarget = \"club\"\nentities = [\"tasks\"]\n";

/// Two entities that both hold the records `a` and `b`, of which nothing is synced yet.
fn two_entities() -> Desk {
    let desk = Desk::new();
    let records = json!([{ "id": "a", "name": "A" }, { "id": "b", "name": "B" }]);
    for entity in ["contacts", "tasks"] {
        desk.write("personal", entity, &json!({ entity: records }));
        desk.write("business", entity, &json!({ entity: [] }));
    }
    desk
}

fn ids(desk: &Desk, entity: &str) -> Vec<String> {
    desk.read_entity("business", entity).into_keys().collect()
}

#[test]
fn an_id_means_its_record_everywhere_or_in_one_entity() {
    #[rustfmt::skip]
    let cases: &[(&str, &[&str], &[&str])] = &[
        ("--id a",                          &["a"],      &["a"]),
        ("--id contacts:a",                 &["a"],      &[]),
        ("--id contacts:a --id tasks:b",    &["a"],      &["b"]),
        ("--id contacts:a --id b",          &["a", "b"], &["b"]),
        ("--id pets:a",                     &[],         &[]),
        ("--only a --id contacts:b",        &["a", "b"], &["a"]),
        ("--only contacts:name=A",          &["a"],      &[]),
        ("--only contacts:name=A --only b", &["a", "b"], &["b"]),
    ];
    for (arguments, contacts, tasks) in cases {
        let desk = two_entities();
        desk.run(&format!("sync --entities contacts,tasks {arguments}")).exits(0);
        assert_eq!(ids(&desk, "contacts"), *contacts, "case: {arguments}");
        assert_eq!(ids(&desk, "tasks"), *tasks, "case: {arguments}");
        desk.run("sync --entities contacts,tasks").exits(0);
        for entity in ["contacts", "tasks"] {
            assert_eq!(ids(&desk, entity), ["a", "b"], "what was left out comes next: {arguments}");
        }
    }
}

#[test]
fn an_id_with_a_colon_is_an_id_unless_it_begins_with_an_entity() {
    let desk = Desk::new();
    let records = json!([{ "id": "urn:a", "name": "A" }, { "id": "contacts:b", "name": "B" }]);
    desk.contacts("personal", &records);
    desk.contacts("business", &json!([]));
    desk.run("sync --id urn:a").exits(0);
    assert_eq!(ids(&desk, "contacts"), ["urn:a"]);
    desk.run("sync --id contacts:b").exits(0);
    assert_eq!(ids(&desk, "contacts"), ["urn:a"], "the record `b` of the contacts: there is none");
    desk.run("sync --id contacts:contacts:b").exits(0);
    assert_eq!(ids(&desk, "contacts").len(), 2);
}

#[test]
fn of_several_links_those_run_that_carry_what_is_named() {
    #[rustfmt::skip]
    let cases: &[(&str, &[&str])] = &[
        ("--id a",                                 &["business", "club"]),
        ("--id contacts:a",                        &["business"]),
        ("--id tasks:a",                           &["business", "club"]),
        ("--only contacts:name=A --only tasks:name=B", &["business", "club"]),
    ];
    for (arguments, expected) in cases {
        let desk = two_entities();
        desk.put("syncline.toml", TWO_LINKS.as_bytes());
        std::fs::create_dir(desk.path("data/club")).unwrap();
        let document = desk.run(&format!("sync --json {arguments}")).exits(0).json();
        let runs = document["runs"].as_array().cloned().unwrap_or_else(|| vec![document]);
        let targets: Vec<&Value> = runs.iter().map(|run| &run["targetDomain"]).collect();
        assert_eq!(targets, *expected, "case: {arguments}");
    }
}

#[test]
fn manual_is_another_word_for_ask() {
    let desk = synced(3);
    for (domain, name) in [("personal", "Here"), ("business", "There")] {
        desk.contacts(
            domain,
            &json!([{ "id": "c000", "name": name }, desk.read(domain)["c001"],
            desk.read(domain)["c002"]]),
        );
    }
    for word in ["ask", "manual", "review"] {
        let plan = desk.run(&format!("plan --json --on-conflict {word}")).exits(5).json();
        assert_eq!(plan["conflicts"][0]["open"], true, "{word}");
    }
}

/// A contact, and when it says that it was edited.
fn contact(id: &str, name: &str, day: u32) -> Value {
    json!({ "id": id, "name": name, "lastModified": format!("2026-01-{day:02}T10:00:00Z") })
}

fn name(desk: &Desk, domain: &str, id: &str) -> Option<String> {
    Some(desk.read(domain).get(id)?["name"].as_str().unwrap().to_owned())
}

#[test]
fn a_run_takes_what_was_edited_since_and_the_next_one_takes_the_rest() {
    let desk = Desk::new();
    let all = ["early", "late", "there", "untimed", "stale", "gone", "lost"];
    let mut agreed: Vec<Value> = all.iter().map(|id| contact(id, "Old", 1)).collect();
    agreed.push(json!({ "id": "dated", "name": "Old" }));
    desk.contacts("personal", &json!(agreed));
    desk.contacts("business", &json!(agreed));
    desk.run("sync").exits(0);
    let personal = [
        contact("early", "New", 4),
        contact("late", "New", 6),
        contact("there", "Old", 1),
        json!({ "id": "untimed", "name": "New" }),
        contact("stale", "New", 1),
        contact("lost", "New", 7),
        contact("fresh", "New", 8),
        contact("aged", "New", 2),
        contact("dated", "New", 2),
    ];
    desk.contacts("personal", &json!(personal));
    agreed[2] = contact("there", "New", 5);
    agreed.retain(|record| record["id"] != "lost");
    desk.contacts("business", &json!(agreed));
    let before = desk.files("data");
    let since = "--since 2026-01-05T11:00:00+01:00";
    desk.run(&format!("plan {since}")).exits(0).says("MISSING_LEFT");
    assert_eq!(desk.files("data"), before);

    let answer = desk.run(&format!("sync {since}")).exits(0).says("MISSING_LEFT").says("time: 2");
    assert!(!answer.stdout.contains("both sides agree"), "{}", answer.stdout);
    #[rustfmt::skip]
    let cases = [
        ("early",   "personal wrote before",            Some("New"), Some("Old")),
        ("late",    "personal wrote after",             Some("New"), Some("New")),
        ("there",   "business wrote at that moment",    Some("New"), Some("New")),
        ("untimed", "no time to go by",                 Some("New"), Some("New")),
        ("stale",   "edited, its time left as it was",  Some("New"), Some("New")),
        ("dated",   "its first time is before",         Some("New"), Some("Old")),
        ("gone",    "deleted in personal",              None,        Some("Old")),
        ("lost",    "deleted in business, edited here", Some("New"), None),
        ("fresh",   "new, written after",               Some("New"), Some("New")),
        ("aged",    "new, written before",              Some("New"), None),
    ];
    for (id, case, personal, business) in cases {
        let found = ["personal", "business"].map(|domain| name(&desk, domain, id));
        let expected = [personal, business].map(|name| name.map(str::to_owned));
        assert_eq!(found, expected, "{id}: {case}");
    }
    desk.run(&format!("sync {since}")).exits(0).says("Nothing to do.");

    desk.run("sync").exits(0);
    assert_eq!(desk.read("personal"), desk.read("business"));
    for (id, _, personal, _) in cases {
        assert_eq!(name(&desk, "business", id).as_deref(), personal, "{id}");
    }
    desk.run("sync").exits(0).says("both sides agree");
}

#[test]
fn a_mirror_of_late_edits_removes_nothing() {
    let desk = synced(20);
    desk.contacts("personal", &json!([contact("c000", "New", 6), contact("c001", "New", 2)]));
    desk.run("sync --mode mirror --since 2026-01-05T00:00:00Z").exits(0).says("MISSING_LEFT");
    assert_eq!(desk.read("business").len(), 20);
    assert_eq!(name(&desk, "business", "c000").as_deref(), Some("New"));
    assert_eq!(name(&desk, "business", "c001").as_deref(), Some("Name 1"));
    desk.run("sync --mode mirror").exits(6);
    desk.run("sync --mode mirror --max-delete 18").exits(0);
    assert_eq!(desk.read("personal"), desk.read("business"));
}

#[test]
fn a_saved_plan_means_the_moment_at_which_it_was_made() {
    let desk = Desk::new();
    desk.contacts("personal", &json!([contact("a", "A", 4), contact("b", "B", 6)]));
    desk.contacts("business", &json!([]));
    desk.run("plan --since 2026-01-05T00:00:00Z -o plan.json").exits(0);
    desk.run("apply plan.json").exits(0);
    assert_eq!(ids(&desk, "contacts"), ["b"]);
    let plan = desk.run("plan --since 1h --json").exits(0).json();
    let words = plan["arguments"].as_array().unwrap();
    let at = words.iter().position(|word| word == "--since").unwrap() + 1;
    assert!(words[at].as_str().unwrap().ends_with('Z'), "{words:?}");
    desk.run("sync --since yesterday").exits(2).says("USAGE_INVALID").says("12h");
}

#[test]
fn what_names_no_value_is_refused_and_an_unknown_id_is_told() {
    let desk = synced(3);
    for only in ["contacts:", "contacts:name", "tasks:x"] {
        desk.run(&format!("sync --only {only}")).exits(2).says("names no value").says("--id");
    }
    for asked in ["--only bad", "--id bad", "--id contacts:bad", "--id bad --id c000"] {
        let answer = desk.run(&format!("sync {asked}")).exits(0);
        assert!(answer.stderr.contains("neither side has a record `bad`"), "{asked}");
        assert!(!answer.stderr.contains("c000"), "{asked}");
    }
}
