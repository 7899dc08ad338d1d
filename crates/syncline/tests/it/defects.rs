//! The ten defects of a merge without a base, each with the right behaviour (C2).

use serde_json::{Value, json};

use crate::desk::Desk;

fn agreed(records: &Value) -> Desk {
    let desk = Desk::new();
    desk.put("syncline.toml", b"[entities.contacts]\ntime = \"/lastModified\"\n");
    desk.contacts("personal", records);
    desk.contacts("business", records);
    desk.run("sync").exits(0);
    desk
}

fn three() -> Value {
    json!([
        { "id": "a", "name": "Ada", "phone": "1", "email": "a@x" },
        { "id": "b", "name": "Ben", "phone": "2" },
        { "id": "c", "name": "Chen", "phone": "3" },
    ])
}

/// Returns the records without the one at an index.
fn without(records: &Value, index: usize) -> Value {
    let mut records = records.clone();
    records.as_array_mut().unwrap().remove(index);
    records
}

#[test]
fn a_delete_in_the_target_does_not_come_back() {
    let desk = agreed(&three());
    desk.contacts("business", &without(&three(), 1));
    desk.run("sync").exits(0);
    desk.run("sync").exits(0);
    for domain in ["personal", "business"] {
        assert!(!desk.read(domain).contains_key("b"), "{domain}");
    }
}

#[test]
fn a_delete_in_the_source_reaches_the_target() {
    let desk = agreed(&three());
    desk.contacts("personal", &without(&three(), 1));
    desk.run("sync").exits(0);
    assert!(!desk.read("business").contains_key("b"));
}

#[test]
fn an_older_source_does_not_overwrite_a_newer_target() {
    let desk = agreed(&three());
    let mut newer = three();
    newer[0]["phone"] = "new".into();
    desk.contacts("business", &newer);
    desk.run("sync").exits(0);
    assert_eq!(desk.read("personal")["a"]["phone"], "new");
}

#[test]
fn disjoint_edits_of_one_record_are_both_kept() {
    let desk = agreed(&three());
    let (mut left, mut right) = (three(), three());
    left[0]["email"] = "new@x".into();
    right[0]["phone"] = "999".into();
    desk.contacts("personal", &left);
    desk.contacts("business", &right);
    desk.run("sync").exits(0);
    for domain in ["personal", "business"] {
        let record = desk.read(domain)["a"].clone();
        assert_eq!((&record["email"], &record["phone"]), (&"new@x".into(), &"999".into()));
    }
    let all = desk.run("conflicts list --status all --json").exits(0).json();
    assert_eq!(all["conflicts"], json!([]));
}

#[test]
fn an_item_without_an_id_is_reported_and_stays() {
    let desk = Desk::new();
    desk.contacts("personal", &json!([{ "name": "Nobody" }, { "id": "a", "name": "Ada" }]));
    desk.contacts("business", &json!([]));
    let before = desk.bytes("data/personal/contacts.json");
    desk.run("sync").exits(4);
    assert_eq!(desk.read("business").len(), 1);
    assert_eq!(desk.bytes("data/personal/contacts.json"), before);
}

#[test]
fn untouched_items_are_not_stamped_and_a_second_run_writes_nothing() {
    let desk = Desk::new();
    desk.contacts("personal", &three());
    desk.contacts("business", &json!([]));
    desk.run("sync").exits(0);
    assert_eq!(desk.read("business")["a"], three()[0]);
    let before = desk.files("data");
    desk.run("sync").exits(0);
    assert_eq!(desk.files("data"), before);
}

#[test]
fn zero_is_an_id_and_a_number_is_its_text() {
    let desk = Desk::new();
    desk.contacts("personal", &json!([{ "id": 0, "name": "Zero" }, { "id": 1, "name": "One" }]));
    desk.contacts("business", &json!([{ "id": "1", "name": "One" }]));
    desk.run("sync").exits(0);
    let business = desk.read("business");
    assert_eq!(business.len(), 2, "one record, not two, has the id 1");
    assert_eq!(business["0"]["name"], "Zero");
}

#[test]
fn items_with_the_same_id_are_reported_and_none_is_dropped() {
    // Whether they differ, how many are reported, and what crosses.
    let cases: [(&str, &str, usize, &[&str]); 3] =
        [("1", "3", 2, &["b"]), ("1", "1", 1, &["a", "b"]), ("1", "1 ", 2, &["b"])];
    for (one, other, reported, crossing) in cases {
        let desk = Desk::new();
        let twice = json!([
            { "id": "a", "phone": one }, { "id": "b", "phone": "2" }, { "id": "a", "phone": other },
        ]);
        desk.contacts("personal", &twice);
        desk.contacts("business", &json!([]));
        let before = desk.bytes("data/personal/contacts.json");
        // Also in a second run, which has nothing else to do.
        for run in ["first", "second"] {
            let context = format!("{run} run with {one:?} and {other:?}");
            desk.run("sync").exits(4).says("DUPLICATE_ID").says("error report");
            assert_eq!(desk.bytes("data/personal/contacts.json"), before, "{context}");
            let ids: Vec<String> = desk.read("business").into_keys().collect();
            assert_eq!(ids, crossing, "{context}");
        }
        let reports = desk.files(".syncline/reports");
        assert_eq!(reports.len(), 2);
        for report in reports.values() {
            let report: Value = serde_json::from_slice(report).unwrap();
            let errors = report["errors"].as_array().unwrap();
            assert_eq!(errors.len(), reported, "{report}");
            assert!(errors.iter().all(|error| error["item"] == "a"), "{report}");
        }
    }
}

#[test]
fn the_same_person_under_two_ids_stays_two_records_until_a_person_links_them() {
    let desk = Desk::new();
    desk.contacts("personal", &json!([{ "id": "p1", "email": "ada@x" }]));
    desk.contacts("business", &json!([{ "id": "b1", "email": "ada@x" }]));
    desk.run("sync").exits(0);
    let before = desk.files("data");
    desk.run("sync").exits(0);
    assert_eq!(desk.files("data"), before, "and they do not multiply");
    assert_eq!(desk.read("personal").len(), 2);
}

#[test]
fn fields_that_only_one_side_knows_are_kept() {
    let desk = Desk::new();
    desk.contacts("personal", &json!([{ "id": "a", "name": "Ada" }]));
    desk.contacts("business", &json!([{ "id": "a", "name": "Ada", "costCenter": "4711" }]));
    desk.run("sync").exits(0);
    for domain in ["personal", "business"] {
        assert_eq!(desk.read(domain)["a"]["costCenter"], "4711", "{domain}");
    }
}
