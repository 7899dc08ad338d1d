//! `--mode copy`: the target takes what the source has, nothing is deleted, and a merge afterwards
//! knows what happened.

use serde_json::{Value, json};

use crate::desk::{Desk, synced};
use crate::documents::check;

const COPY: &str = "sync --mode copy";

/// Contacts from texts such as `a b=New`.
fn contacts(text: &str) -> Value {
    let contact = |word: &str| {
        let (id, name) = word.split_once('=').unwrap_or((word, "Old"));
        json!({ "id": id, "name": name })
    };
    text.split_whitespace().map(contact).collect()
}

/// Returns the contacts of a domain in the same spelling, in order of their ids.
fn held(desk: &Desk, domain: &str) -> String {
    let words = desk.read(domain).into_iter().map(|(id, record)| match record["name"].as_str() {
        Some("Old") | None => id,
        Some(name) => format!("{id}={name}"),
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Lets both sides agree on the records `a` to `e`, then edits them.
fn edited(personal: &str, business: &str) -> Desk {
    let desk = Desk::new();
    for domain in ["personal", "business"] {
        desk.contacts(domain, &contacts("a b c d e"));
    }
    desk.run("sync").exits(0);
    desk.contacts("personal", &contacts(personal));
    desk.contacts("business", &contacts(business));
    desk
}

#[test]
fn a_copy_adds_and_updates_and_a_merge_afterwards_does_what_is_left() {
    #[rustfmt::skip]
    let cases = [
        // what happened,                  personal,        business,        after a copy,       after a merge
        ("nothing",                        "a b c d e",     "a b c d e",     "a b c d e",        "a b c d e"),
        ("added in the source",            "a b c d e f",   "a b c d e",     "a b c d e f",      "a b c d e f"),
        ("added in the target",            "a b c d e",     "a b c d e t",   "a b c d e t",      "a b c d e t"),
        ("edited in the source",           "a=S b c d e",   "a b c d e",     "a=S b c d e",      "a=S b c d e"),
        ("edited in the target",           "a b c d e",     "a=T b c d e",   "a b c d e",        "a b c d e"),
        ("edited in both",                 "a=S b c d e",   "a=T b c d e",   "a=S b c d e",      "a=S b c d e"),
        ("deleted in the source",          "b c d e",       "a b c d e",     "a b c d e",        "b c d e"),
        ("deleted there, edited here",     "b c d e",       "a=T b c d e",   "a=T b c d e",      "a=T b c d e"),
        ("deleted in the target",          "a b c d e",     "b c d e",       "a b c d e",        "a b c d e"),
        ("deleted there, edited in source","a=S b c d e",   "b c d e",       "a=S b c d e",      "a=S b c d e"),
        ("deleted in both",                "b c d e",       "b c d e",       "b c d e",          "b c d e"),
        ("all at once",                    "b=S c d e f",   "a c=T d e t",   "a b=S c d e f t",  "b=S c d e f t"),
    ];
    for (name, personal, business, copied, merged) in cases {
        let desk = edited(personal, business);
        let before = desk.bytes("data/personal/contacts.json");
        desk.run("sync --mode copy --dry-run").exits(0);
        assert_eq!(held(&desk, "business"), business, "a plan: {name}");
        for round in ["first", "second"] {
            desk.run(COPY).exits(0);
            assert_eq!(held(&desk, "business"), copied, "{round} copy: {name}");
        }
        let again = desk.run(COPY).exits(0);
        assert!(again.stdout.contains("Nothing to do.   sync-"), "{name}: {}", again.stdout);
        assert_eq!(desk.bytes("data/personal/contacts.json"), before, "the source: {name}");
        desk.run("sync").exits(0);
        for domain in ["personal", "business"] {
            assert_eq!(held(&desk, domain), merged, "merge in {domain}: {name}");
        }
        desk.run("sync").exits(0).says("both sides agree");
    }
}

#[test]
fn what_changes_between_a_copy_and_a_merge_is_an_edit_like_any_other() {
    #[rustfmt::skip]
    let cases = [
        // `a` is deleted in the source, and a copy keeps it; then
        ("it is edited in the target",       "b c d e",     "a=T b c d e", "a=T b c d e"),
        ("it is deleted in the target",      "b c d e",     "b c d e",     "b c d e"),
        ("it comes back in the source",      "a=S b c d e", "a b c d e",   "a=S b c d e"),
        ("another is deleted in the target", "b c d e",     "a c d e",     "c d e"),
        ("another is edited on both sides",  "b=S c d e",   "a b c=T d e", "b=S c=T d e"),
    ];
    for (name, personal, business, merged) in cases {
        let desk = edited("b c d e", "a b c d e");
        desk.run(COPY).exits(0);
        desk.contacts("personal", &contacts(personal));
        desk.contacts("business", &contacts(business));
        desk.run("sync").exits(0);
        for domain in ["personal", "business"] {
            assert_eq!(held(&desk, domain), merged, "{domain}: {name}");
        }
    }
}

#[test]
fn what_both_sides_deleted_before_or_after_a_copy_can_come_again() {
    for business in ["a b c d e", "b c d e"] {
        let desk = edited("b c d e", business);
        desk.run(COPY).exits(0);
        desk.contacts("business", &contacts("b c d e"));
        desk.run("sync").exits(0);
        desk.contacts("personal", &contacts("a b c d e"));
        desk.run("sync").exits(0);
        for domain in ["personal", "business"] {
            assert_eq!(held(&desk, domain), "a b c d e", "{domain} after {business}");
        }
    }
}

#[test]
fn a_first_copy_keeps_what_only_the_target_has_and_is_undone_byte_for_byte() {
    let desk = Desk::new();
    desk.contacts("personal", &contacts("a=S b"));
    desk.contacts("business", &contacts("a=T t"));
    let before = desk.files("data");
    let run = desk.run("sync --mode copy --json").exits(0).json();
    check(&run);
    assert_eq!((&run["syncDirection"], &run["mode"]), (&json!("source_to_target"), &json!("copy")));
    let counts = &run["results"]["contacts"];
    assert_eq!((&counts["mergedCount"], &counts["deleted"]["target"]), (&json!(3), &json!(0)));
    assert_eq!(held(&desk, "business"), "a=S b t");
    check(&desk.run("log --json").json());
    desk.run("undo latest --yes").exits(0);
    assert_eq!(desk.files("data"), before);
    desk.run("sync --on-conflict source").exits(0);
    for domain in ["personal", "business"] {
        assert_eq!(held(&desk, domain), "a=S b t", "{domain}");
    }
}

#[test]
fn a_source_that_is_gone_for_a_while_loses_nothing_by_a_copy() {
    let desk = synced(20);
    let file = desk.path("data/personal/contacts.json");
    let bytes = std::fs::read(&file).unwrap();
    for gone in [None, Some("{\"contacts\": []}")] {
        match gone {
            Some(text) => std::fs::write(&file, text).unwrap(),
            None => std::fs::remove_file(&file).unwrap(),
        }
        desk.run(COPY).exits(0);
        assert_eq!(desk.read("business").len(), 20);
        desk.run("sync").exits(6).says("SAFETY_STOP");
        std::fs::write(&file, &bytes).unwrap();
        // An edit meanwhile is one edit, and no conflict with a record that came back.
        let mut business: Vec<Value> = desk.read("business").into_values().collect();
        business[3]["name"] = "Edited".into();
        desk.contacts("business", &json!(business));
        let merged = desk.run("sync --json").exits(0).json();
        assert_eq!(merged["results"]["contacts"]["conflicts"], 0, "{merged}");
        assert_eq!(desk.read("personal"), desk.read("business"));
        std::fs::write(&file, &bytes).unwrap();
        desk.run("sync").exits(0);
    }
}

#[test]
fn a_copy_rewrites_behind_the_guard() {
    let desk = synced(200);
    let renamed: Vec<Value> = (0..200).map(|id| json!({ "id": format!("c{id:03}") })).collect();
    desk.contacts("personal", &json!(renamed));
    desk.run(COPY).exits(6).says("SAFETY_STOP");
    desk.run("sync --mode copy --direction source_to_target").exits(2);
}
