//! The example data tells the story that its STORY.md says it tells.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use syncline_benches::records::Entity;

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/personal-business")
}

fn ids(set: &str, domain: &str, entity: Entity) -> BTreeSet<String> {
    let name = entity.name();
    let path = example().join(format!("{set}/{domain}/{name}.json"));
    let document: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let records = document[name].as_array().unwrap().iter();
    records.map(|record| record["id"].as_str().unwrap().to_owned()).collect()
}

/// What the policy of the example keeps at home.
const WITHHELD: [&str; 6] = [
    "contact-mum",
    "contact-hugo",
    "event-dentist",
    "event-recital",
    "task-garden",
    "message-hugo-game",
];

#[test]
fn the_second_act_starts_where_the_first_ended() {
    let edits: BTreeMap<&str, Vec<(&str, bool)>> = BTreeMap::from([
        (
            "personal",
            vec![
                ("contact-jun", true),
                ("message-jun-hello", true),
                ("contact-farid", false),
                ("task-tax", false),
            ],
        ),
        ("business", vec![("contact-gita", false)]),
    ]);
    for entity in Entity::ALL {
        let personal = ids("data", "personal", entity);
        let business = ids("data", "business", entity);
        let everything: BTreeSet<String> = personal.union(&business).cloned().collect();
        let at_work: BTreeSet<String> =
            everything.iter().filter(|id| !WITHHELD.contains(&id.as_str())).cloned().collect();
        for (domain, mut expected) in [("personal", everything), ("business", at_work)] {
            let prefix = entity.id(0).trim_end_matches(char::is_numeric).to_owned();
            for (id, added) in edits[domain].iter().filter(|(id, _)| id.starts_with(&prefix)) {
                let changed =
                    if *added { expected.insert((*id).to_owned()) } else { expected.remove(*id) };
                assert!(changed, "{id} in {domain}");
            }
            assert_eq!(ids("edits/2-a-week-later", domain, entity), expected, "{domain}");
        }
    }
}

#[test]
fn the_studio_holds_no_private_word_at_the_start() {
    for word in ["divorce", "letterpress", "sad", "notes", "Mum", "Dentist", "fence", "Game"] {
        let holds = |set: &str, domain: &str| {
            Entity::ALL.into_iter().any(|entity| {
                let path = example().join(format!("{set}/{domain}/{}.json", entity.name()));
                fs::read_to_string(path).unwrap().contains(word)
            })
        };
        assert!(holds("data", "personal"), "`{word}` is no canary");
        assert!(!holds("data", "business"), "`{word}` is at work already");
        assert!(!holds("edits/2-a-week-later", "business"), "`{word}` crossed in the edits");
    }
}

#[test]
fn every_file_of_the_example_is_small_enough_to_be_read() {
    let count = |domain: &str| {
        Entity::ALL.into_iter().map(|entity| ids("data", domain, entity).len()).sum::<usize>()
    };
    assert_eq!((count("personal"), count("business")), (32, 31));
    for entity in Entity::ALL {
        for domain in ["personal", "business"] {
            assert!((6..=10).contains(&ids("data", domain, entity).len()), "{domain} {entity:?}");
        }
    }
}
