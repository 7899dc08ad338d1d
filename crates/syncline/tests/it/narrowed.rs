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
        let plan = desk.run(&format!("plan --json --on-conflict {word}")).exits(0).json();
        assert_eq!(plan["conflicts"][0]["open"], true, "{word}");
    }
}
