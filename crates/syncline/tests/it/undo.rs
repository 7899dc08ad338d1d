//! Taking a run back.

use serde_json::json;

use crate::desk::{Desk, numbered};

fn last_run(desk: &Desk) -> String {
    let log = desk.run("log --json").exits(0).json();
    log["runs"][0]["syncId"].as_str().unwrap().to_owned()
}

#[test]
fn undo_restores_both_sides_byte_for_byte() {
    let desk = Desk::copy_of("fixtures/spec001/five-entities");
    let before = desk.files("data");
    desk.run("sync --on-conflict source").exits(0);
    assert_ne!(desk.files("data"), before);
    let run = last_run(&desk);
    desk.run(&format!("undo {run} --plan")).exits(0).says("Nothing written");
    assert_ne!(desk.files("data"), before);
    desk.run(&format!("undo {run} --yes")).exits(0).says("byte for byte");
    assert_eq!(desk.files("data"), before);
}

#[test]
fn an_undo_can_be_undone_byte_for_byte() {
    let desk = Desk::copy_of("fixtures/spec001/five-entities");
    desk.run("sync --on-conflict source").exits(0);
    let after = desk.files("data");
    desk.run("undo latest --yes").exits(0);
    assert_ne!(desk.files("data"), after);
    desk.run("undo latest --yes").exits(0).says("byte for byte");
    assert_eq!(desk.files("data"), after);
    desk.run("sync --on-conflict source").exits(0).says("Nothing to do");
}

#[test]
fn the_latest_run_that_is_undone_is_the_latest_that_wrote_a_file() {
    let desk = Desk::new();
    desk.contacts("personal", &numbered(0..3));
    desk.contacts("business", &json!([]));
    let before = desk.files("data");
    desk.run("sync").exits(0);
    let wrote = last_run(&desk);
    desk.run("sync").exits(0).says("Nothing to do");
    assert_ne!(last_run(&desk), wrote);
    desk.run("undo latest --yes").exits(0).says(&wrote);
    assert_eq!(desk.files("data"), before);
    desk.run(&format!("undo {wrote} --yes")).exits(6).says("it was undone already");
}

#[test]
fn where_no_run_has_written_a_file_there_is_nothing_to_undo() {
    let desk = Desk::new();
    desk.contacts("personal", &numbered(0..3));
    desk.contacts("business", &numbered(0..3));
    desk.run("sync").exits(0);
    desk.run("undo latest --yes").exits(6).says("no run has written a file");
}

#[test]
fn undo_leaves_and_lists_what_was_edited_since() {
    let desk = Desk::new();
    desk.contacts("personal", &numbered(0..3));
    desk.contacts("business", &json!([]));
    desk.run("sync").exits(0);
    let run = last_run(&desk);
    let mut edited = numbered(0..3);
    edited[1]["name"] = "Edited".into();
    desk.contacts("business", &edited);
    desk.run("sync").exits(0);
    let answer = desk.run(&format!("undo {run} --yes")).exits(0);
    assert!(answer.stdout.contains("c001"), "{}", answer.stdout);
    let business = desk.read("business");
    assert_eq!(business.keys().collect::<Vec<_>>(), ["c001"]);
    assert_eq!(business["c001"]["name"], "Edited");
}

#[test]
fn undo_asks_and_without_a_terminal_needs_a_yes() {
    let desk = Desk::new();
    desk.contacts("personal", &numbered(0..3));
    desk.contacts("business", &json!([]));
    desk.run("sync").exits(0);
    let before = desk.files("data");
    let run = last_run(&desk);
    desk.run(&format!("undo {run}")).exits(2).says("CONFIRMATION_NEEDED");
    assert_eq!(desk.files("data"), before);
    desk.run("undo sync-19700101-000000 --yes").exits(2).says("RUN_NOT_FOUND");
    desk.run(&format!("undo {run} --yes")).exits(0);
    desk.run(&format!("undo {run} --yes")).exits(6).says("RUN_NOT_UNDOABLE");
}

/// Returns a desk with one open conflict, whose value is `1` in personal and `2` in business.
fn undecided() -> Desk {
    let desk = Desk::new();
    desk.contacts("personal", &json!([{"id": "a", "p": "1"}]));
    desk.contacts("business", &json!([{"id": "a", "p": "2"}]));
    desk.run("sync --entities contacts");
    desk
}

#[test]
fn an_undo_of_a_carried_decision_or_preference_restores_both_sides() {
    for (decide, sync) in [
        ("conflicts resolve --all --take personal", "sync --entities contacts"),
        ("conflicts resolve --all --take business", "sync --entities contacts"),
        ("conflicts resolve --all --take both", "sync --entities contacts"),
        ("conflicts list", "sync --entities contacts --on-conflict source"),
    ] {
        let desk = undecided();
        let before = desk.files("data");
        desk.run(decide).exits(0);
        desk.run(sync).exits(0);
        assert_ne!(desk.files("data"), before, "{decide}");
        desk.run("undo latest --yes").exits(0).says("byte for byte");
        assert_eq!(desk.files("data"), before, "{decide}");
        desk.run("conflicts list").says("open");
        desk.run("sync --entities contacts");
        assert_eq!(desk.files("data"), before, "{decide}: not done again by itself");
    }
}

#[test]
fn an_undo_that_restores_nothing_is_refused_and_can_be_tried_again() {
    let desk = Desk::new();
    desk.contacts("personal", &numbered(0..1));
    desk.contacts("business", &numbered(0..1));
    desk.run("sync").exits(0);
    let mut edited = numbered(0..1);
    edited[0]["name"] = "Edited".into();
    desk.contacts("personal", &edited);
    desk.run("sync").exits(0);
    let written = desk.files("data");
    edited[0]["name"] = "Edited again".into();
    desk.contacts("business", &edited);
    let refused = desk.run("undo latest --yes").exits(6).says("RUN_NOT_UNDOABLE");
    let named = "business/contacts c000";
    assert!(refused.stdout.contains(named), "{}", refused.stdout);
    desk.run("undo latest --plan --json").exits(6);
    let log = desk.run("log --json").exits(0).json();
    assert_eq!(log["runs"][0]["status"], "success");
    edited[0]["name"] = "Edited".into();
    for (name, bytes) in &written {
        std::fs::write(desk.path("data").join(name.trim_start_matches('/')), bytes).unwrap();
    }
    desk.run("undo latest --yes").exits(0).says("byte for byte");
}

#[test]
fn what_a_policy_keeps_back_is_named_and_undone_once_it_may_be() {
    let deny = "[domains.personal]\npath = \"data/personal\"\n\
                [domains.business]\npath = \"data/business\"\n\
                policy.fields = [{ path = \"/n\", action = \"deny\" }]\n";
    let desk = Desk::new();
    desk.contacts("personal", &json!([{"id": "a", "n": "1"}, {"id": "b"}]));
    desk.contacts("business", &json!([]));
    desk.run("sync").exits(0);
    desk.contacts("personal", &json!([]));
    desk.run("sync --max-delete 10 --allow-emptied").exits(0);
    let run = last_run(&desk);
    desk.put("syncline.toml", deny.as_bytes());
    let named = "1 kept from a domain by its policy, left as they are: business/contacts a";
    desk.run(&format!("undo {run} --plan")).exits(0).says(named);
    let document = desk.run(&format!("undo {run} --plan --json")).exits(0).json();
    crate::documents::check(&document);
    let left = json!([{"domain": "business", "entity": "contacts", "id": "a"}]);
    assert_eq!((&document["withheld"], &document["left"]), (&left, &json!([])));
    let again = format!("syncline undo {run}");
    desk.run(&format!("undo {run} --yes")).exits(0).says(named).says(&again);
    crate::documents::check(&desk.run("log --json").exits(0).json());
    assert_eq!(desk.read("business").keys().collect::<Vec<_>>(), ["b"]);
    desk.run(&format!("undo {run} --yes"))
        .exits(6)
        .says("a policy keeps from a domain")
        .says(named);
    desk.put("syncline.toml", deny.replace("deny", "allow").as_bytes());
    desk.run(&format!("undo {run} --yes")).exits(0);
    assert_eq!(desk.read("business").keys().collect::<Vec<_>>(), ["a", "b"]);
    desk.run(&format!("undo {run} --yes")).exits(6).says("it was undone already");
}

/// What a rule settles waits for nobody once a person's decision is taken back.
#[test]
fn an_undo_says_open_only_of_a_conflict_that_waits() {
    for (rule, said, status) in [
        ("\"review\"", "1 conflict is open again", "open"),
        (
            "{ priority = [\"personal\"] }",
            "1 decision is taken back, and the rules settle again",
            "settled",
        ),
    ] {
        let desk = Desk::new();
        let config = format!("[entities.contacts]\nfields = {{ \"/phone\" = {rule} }}\n");
        desk.put("syncline.toml", config.as_bytes());
        for phones in [["1", "1"], ["2", "3"]] {
            for (domain, phone) in ["personal", "business"].into_iter().zip(phones) {
                desk.contacts(domain, &json!([{ "id": "a", "phone": phone }]));
            }
            desk.run("sync");
        }
        desk.run("conflicts resolve --record a --take business --status all").exits(0);
        desk.run("sync").exits(0);
        let before = desk.files("data");
        let plan = desk.run("undo latest --plan").exits(0).says(said);
        assert_eq!(desk.files("data"), before);
        let document = desk.run("undo latest --plan --json").exits(0).json();
        crate::documents::check(&document);
        let undone = desk.run("undo latest --yes").exits(0).says(said);
        for answer in [plan, undone] {
            assert_eq!(answer.stdout.contains("open again"), status == "open", "{}", answer.stdout);
        }
        let listed = desk.run("conflicts list --status all --json").exits(0).json();
        let found = listed["conflicts"].as_array().unwrap();
        assert!(found.iter().any(|row| row["status"] == status), "{listed:#}");
        let waits = found.iter().any(|row| row["status"] == "open");
        assert_eq!(waits, status == "open", "{listed:#}");
    }
}
