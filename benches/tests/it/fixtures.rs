//! The committed data sets of spec 001 are what the generator writes, and hold what they promise.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use syncline_benches::records::Plan;
use syncline_benches::spec001::{CONTACTS, FIVE_ENTITIES, write_fixtures};

pub(crate) fn fixtures_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures")
}

fn files_below(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut waiting = vec![dir.to_path_buf()];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
            } else {
                files.insert(
                    path.strip_prefix(dir).unwrap().to_path_buf(),
                    fs::read(&path).unwrap(),
                );
            }
        }
    }
    files
}

#[test]
fn making_the_spec_001_fixtures_again_gives_the_same_bytes() {
    let fresh = tempfile::tempdir().unwrap();
    write_fixtures(fresh.path()).unwrap();
    for set in ["contacts/data", "five-entities/data"] {
        let committed = files_below(&fixtures_dir().join("spec001").join(set));
        let made = files_below(&fresh.path().join(set));
        assert!(!made.is_empty());
        assert_eq!(
            committed.keys().collect::<Vec<_>>(),
            made.keys().collect::<Vec<_>>(),
            "{set} holds other files; run `cargo run -p syncline-benches --bin make-fixtures`"
        );
        for (path, bytes) in made {
            assert!(committed[&path] == bytes, "{set}/{} differs", path.display());
        }
    }
}

fn records(set: &str, domain: &str, entity: &str) -> BTreeMap<String, Value> {
    let path = fixtures_dir().join(format!("spec001/{set}/data/{domain}/{entity}.json"));
    let document: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let list = document[entity].as_array().unwrap();
    let by_id: BTreeMap<String, Value> = list
        .iter()
        .map(|record| (record["id"].as_str().unwrap().to_owned(), record.clone()))
        .collect();
    assert_eq!(by_id.len(), list.len(), "{set}/{domain}/{entity}: ids are unique");
    by_id
}

#[test]
fn the_spec_001_fixtures_hold_the_numbers_that_the_spec_prints() {
    // entity, source, target, union, shared ids with different contents
    #[rustfmt::skip]
    let five = [
        ("contacts",       150, 120, 180, 15),
        ("calendar",        45,  60,  85,  5),
        ("tasks",           80,  70,  95,  8),
        ("documents",      120,  90, 145, 10),
        ("communications",  55,  40,  60,  4),
    ];
    let sets =
        [("contacts", &[CONTACTS][..], &five[..1]), ("five-entities", &FIVE_ENTITIES, &five)];
    for (set, plans, rows) in sets {
        for (plan, row) in plans.iter().zip(rows) {
            assert_eq!(counts(set, plan), *row, "{set}");
        }
    }
    assert_eq!(five.iter().map(|row| row.1).sum::<usize>(), 450);
}

fn counts(set: &str, plan: &Plan) -> (&'static str, usize, usize, usize, usize) {
    let entity = plan.entity.name();
    let source = records(set, "personal", entity);
    let target = records(set, "business", entity);
    let shared: Vec<_> = source.keys().filter(|id| target.contains_key(*id)).collect();
    let differing = shared.iter().filter(|id| source[**id] != target[**id]).count();
    (entity, source.len(), target.len(), source.len() + target.len() - shared.len(), differing)
}

#[test]
fn expected_outputs_mark_every_value_that_changes_from_run_to_run() {
    let expected = fixtures_dir().join("spec001/expected");
    let contacts = fs::read_to_string(expected.join("example-1.stdout.txt")).unwrap();
    assert!(contacts.contains("Sync ID: {{SYNC_ID}}\nDuration: {{DURATION}}"));
    let record = fs::read_to_string(expected.join("sync-record.json")).unwrap();
    let record: Value = serde_json::from_str(&record).unwrap();
    assert_eq!(record["syncId"], "{{SYNC_ID}}");
    assert_eq!(record["timestamp"], "{{TIMESTAMP}}");
    assert_eq!(record["results"]["contacts"]["mergedCount"], 180);
}
