//! After a run: undoing it, deciding its conflicts, proving it.

use syncline_engine::conflicts::Status;
use syncline_engine::rows::{Batch, Key};
use syncline_hub::{Choice, HubError};
use syncline_merge::rules::EntityRules;
use syncline_model::id::{EntityName, RecordId, Writer};
use syncline_model::json::Json;
use syncline_store::sqlite::{Options, SqliteStore};
use syncline_store::{Read, Store};

use crate::desk::{Desk, entity};

const ANN: &str = r#"{"id":"1","name":"Ann","email":"a@x","phone":"1"}"#;
const BOB: &str = r#"{"id":"2","name":"Bob"}"#;

fn files(desk: &Desk) -> (String, String) {
    (desk.read("personal/contacts.json"), desk.read("business/contacts.json"))
}

#[test]
fn undo_restores_both_files_byte_for_byte_and_the_next_run_does_the_same_again() {
    let desk = Desk::new();
    desk.contacts("personal", &[ANN, BOB]);
    desk.contacts("business", &[ANN]);
    let first = files(&desk);
    let run = desk.sync().unwrap();
    let after_first = files(&desk);
    desk.hub().undo(&run.report.sync_id, &desk.request, false).unwrap();
    assert_eq!(files(&desk), first, "the first run");
    desk.sync().unwrap();
    assert_eq!(files(&desk), after_first, "the first run again");

    desk.contacts("personal", &[r#"{"id":"1","name":"Anna","email":"b@x","phone":"1"}"#]);
    desk.contacts("business", &[r#"{"id":"1","name":"Anne","email":"a@x","phone":"2"}"#, BOB]);
    let edited = files(&desk);
    let run = desk.sync().unwrap();
    let merged = (desk.held("personal"), desk.held("business"));
    assert_eq!(merged.0, merged.1);
    let id = &run.report.sync_id;
    let plan = desk.hub().undo(id, &desk.request, true).unwrap();
    assert_eq!(plan.files_exact.len(), 2);
    let undone = desk.hub().undo(id, &desk.request, false).unwrap();
    assert_eq!(undone.restored, plan.restored);
    assert_eq!(files(&desk), edited, "both sides byte for byte");
    let again = desk.hub().undo(id, &desk.request, false);
    assert!(matches!(again, Err(HubError::NotUndoable { .. })));
    desk.sync().unwrap();
    assert_eq!((desk.held("personal"), desk.held("business")), merged, "edits are edits again");
}

#[test]
fn undo_leaves_what_was_edited_since_and_lists_it() {
    let desk = Desk::new();
    desk.contacts("personal", &[ANN, BOB]);
    desk.contacts("business", &[ANN, BOB]);
    desk.sync().unwrap();
    desk.contacts(
        "personal",
        &[r#"{"id":"1","name":"Anna","email":"a@x","phone":"1"}"#, r#"{"id":"2","name":"Rob"}"#],
    );
    let run = desk.sync().unwrap();
    let business = desk.read("business/contacts.json").replace("Rob", "Robert");
    desk.write("business/contacts.json", &business);
    let undone = desk.hub().undo(&run.report.sync_id, &desk.request, false).unwrap();
    assert_eq!(undone.left.len(), 1);
    assert_eq!(undone.left[0].2.as_str(), "2");
    assert!(desk.held("business").iter().any(|item| item.contains("\"Ann\"")));
    assert!(desk.held("business").iter().any(|item| item.contains("Robert")));
}

#[test]
fn a_conflict_is_decided_and_the_decision_survives_the_next_runs() {
    for (choice, expected) in [
        (Choice::Writer(Writer::new("business").unwrap()), r#""Anne""#),
        (Choice::Writer(Writer::new("personal").unwrap()), r#""Anna""#),
        (Choice::Both { separator: " / ".into() }, r#""Anna / Anne""#),
        (Choice::Value(Some("\"Annika\"".parse_leaf())), r#""Annika""#),
    ] {
        let mut desk = Desk::new();
        desk.request.entities = vec![entity("contacts", EntityRules::default())];
        desk.contacts("personal", &[ANN]);
        desk.contacts("business", &[ANN]);
        desk.sync().unwrap();
        desk.contacts("personal", &[&ANN.replace("Ann", "Anna")]);
        desk.contacts("business", &[&ANN.replace("Ann", "Anne")]);
        let run = desk.sync().unwrap();
        assert_eq!(run.report.entities[0].1.manual, 1, "no time to trust: a person decides");
        assert!(desk.held("personal")[0].contains("Anna"), "each side keeps its own");
        assert!(desk.held("business")[0].contains("Anne"), "each side keeps its own");
        let mut hub = desk.hub();
        let open: Vec<_> =
            hub.conflicts().unwrap().into_iter().filter(|c| c.status == Status::Open).collect();
        assert_eq!(open.len(), 1);
        assert_eq!(open[0].base.as_ref().unwrap().as_str(), r#""Ann""#);
        let entities = [desk.request.entities[0].entity.clone()];
        let id = open[0].conflict_id();
        hub.resolve(&id[..8], &choice, &desk.request.actor, &entities).unwrap();
        assert!(hub.resolve(&id, &choice, &desk.request.actor, &entities).is_err());
        drop(hub);
        for _ in 0..2 {
            desk.sync().unwrap();
            for domain in ["personal", "business"] {
                assert!(desk.held(domain)[0].contains(expected), "{expected} in {domain}");
            }
        }
        let rows = desk.hub().conflicts().unwrap();
        assert!(rows.iter().all(|row| row.status == Status::Resolved));
    }
}

#[test]
fn the_audit_verifies_proves_a_change_and_names_a_flipped_byte() {
    let desk = Desk::new();
    desk.contacts("personal", &[ANN, BOB]);
    desk.contacts("business", &[]);
    desk.sync().unwrap();
    desk.sync().unwrap();
    let hub = desk.hub();
    assert_eq!(hub.audit_verify().unwrap().size, 2);
    let (contacts, id) = (EntityName::new("contacts").unwrap(), RecordId::new("1").unwrap());
    let proof = hub.audit_prove(&contacts, &id, None).unwrap();
    proof.proof.verify(&proof.facts, &proof.head).unwrap();
    drop(hub);
    let state = desk.path(".syncline");
    for (key, place) in [(Key::Audit(1), "1"), (Key::Log(syncline_model::id::Position(1)), "0")] {
        let mut store = SqliteStore::open(&state, &Options::default()).unwrap();
        let bytes = store.get(&key).unwrap().unwrap();
        let mut flipped = bytes.clone();
        let middle = flipped.len() / 2;
        flipped[middle] ^= 1;
        store.commit(Batch::new().put(key.clone(), flipped)).unwrap();
        drop(store);
        match desk.hub().audit_verify() {
            Err(HubError::Audit { finding: named, .. }) => {
                assert!(named.contains(place), "{named}")
            }
            Err(HubError::Damaged { table, .. }) => assert_eq!(table, "log"),
            other => panic!("not seen: {other:?}"),
        }
        let mut store = SqliteStore::open(&state, &Options::default()).unwrap();
        store.commit(Batch::new().put(key, bytes)).unwrap();
    }
    desk.hub().audit_verify().unwrap();
}

#[test]
fn a_damaged_head_of_the_audit_stops_a_run_and_stays_as_evidence() {
    let desk = Desk::new();
    desk.contacts("personal", &[ANN]);
    desk.contacts("business", &[]);
    desk.sync().unwrap();
    let key = Key::Meta(syncline_engine::facts::AUDIT_HEAD);
    let mut store = SqliteStore::open(&desk.path(".syncline"), &Options::default()).unwrap();
    let mut head = store.get(&key).unwrap().unwrap();
    *head.last_mut().unwrap() ^= 1;
    store.commit(Batch::new().put(key, head)).unwrap();
    drop(store);
    desk.contacts("personal", &[ANN, BOB]);
    let before = files(&desk);
    assert!(matches!(desk.sync(), Err(HubError::Audit { .. })));
    assert_eq!(files(&desk), before);
    assert!(desk.hub().audit_verify().is_err(), "the damage can still be seen");
}

#[test]
fn a_mirror_overwrites_its_target_behind_the_guard_and_can_be_undone() {
    let mut desk = Desk::new();
    desk.request.direction = syncline_engine::link::Direction::SourceToTarget;
    desk.contacts("personal", &[ANN]);
    desk.contacts("business", &[r#"{"id":"1","name":"Other"}"#, BOB]);
    let before = files(&desk);
    let run = desk.sync().unwrap();
    assert_eq!(desk.held("business"), desk.held("personal"));
    assert_eq!(files(&desk).0, before.0, "the source is never written");
    desk.hub().undo(&run.report.sync_id, &desk.request, false).unwrap();
    assert_eq!(files(&desk), before);
}

#[test]
fn a_report_never_holds_values() {
    let desk = Desk::new();
    desk.contacts("personal", &[r#"{"id":"1","name":"CANARY-1"}"#]);
    desk.contacts("business", &[r#"{"id":"1","name":"CANARY-2"}"#]);
    let run = desk.sync().unwrap();
    let report = Json::Object(run.report.to_json()).to_compact_string();
    assert!(!report.contains("CANARY"), "{report}");
    for entry in desk.hub().audit_entries(0, 10).unwrap() {
        assert!(!format!("{entry:?}").contains("CANARY"));
    }
}

#[test]
fn a_field_with_another_name_in_one_domain_is_the_same_field() {
    let mut desk = Desk::new();
    let path = |text| syncline_model::path::Path::parse(text).unwrap();
    let rename = syncline_engine::sync::Rename { hub: path("/phone"), domain: path("/tel") };
    let contacts = EntityName::new("contacts").unwrap();
    desk.request.target.renames = [(contacts, vec![rename])].into();
    desk.contacts("personal", &[r#"{"id":"1","phone":"1"}"#]);
    desk.contacts("business", &[r#"{"id":"1","tel":"1","phone":"internal"}"#]);
    let first = desk.sync().unwrap();
    assert_eq!(first.report.entities[0].1.conflicts, 0);
    assert_eq!(told(&first), ["FIELD_NAMED_TWICE"]);
    desk.contacts("business", &[r#"{"id":"1","tel":"2","phone":"internal"}"#]);
    desk.sync().unwrap();
    assert_eq!(desk.held("personal"), [r#"{"id":"1","phone":"2"}"#]);
    assert_eq!(desk.held("business"), [r#"{"id":"1","phone":"internal","tel":"2"}"#]);
}

/// Returns a desk where business has another name for one field.
fn with_rename(desk: Desk, hub: &str, own: &str) -> Desk {
    let path = |text| syncline_model::path::Path::parse(text).unwrap();
    let rename = syncline_engine::sync::Rename { hub: path(hub), domain: path(own) };
    let mut desk = desk;
    desk.request.target.renames = [(EntityName::new("contacts").unwrap(), vec![rename])].into();
    desk
}

fn told(run: &syncline_hub::SyncOutcome) -> Vec<&str> {
    run.report.notices.iter().map(|notice| notice.code.as_str()).collect()
}

/// The field was never removed: the next write of the record gives it its new name.
#[test]
fn a_rename_that_is_added_later_deletes_nothing() {
    let desk = Desk::new();
    desk.contacts("personal", &[r#"{"id":"1","phone":"PP"}"#]);
    desk.sync().unwrap();
    let desk = with_rename(desk, "/phone", "/workPhone");
    let run = desk.sync().unwrap();
    assert!(!run.wrote && told(&run).is_empty(), "{:?}", run.actions);
    assert_eq!(desk.held("personal"), [r#"{"id":"1","phone":"PP"}"#]);
    desk.contacts("personal", &[r#"{"id":"1","phone":"PQ"}"#]);
    desk.sync().unwrap();
    assert_eq!(desk.held("business"), [r#"{"id":"1","workPhone":"PQ"}"#]);
    desk.contacts("business", &[r#"{"id":"1"}"#]);
    desk.sync().unwrap();
    assert_eq!(desk.held("personal"), [r#"{"id":"1"}"#], "a removal is one afterwards");
}

/// Nor was it when the rename is taken out again, or becomes another one: the record has its old name
/// until it is written next.
#[test]
fn a_rename_that_is_taken_out_or_changed_deletes_nothing() {
    for other in [None, Some("/mobile")] {
        let mut desk = with_rename(Desk::new(), "/phone", "/tel");
        desk.contacts("personal", &[r#"{"id":"1","n":1,"phone":"P"}"#]);
        desk.sync().unwrap();
        let (before, personal) = (desk.held("business"), desk.held("personal"));
        assert_eq!(before, [r#"{"id":"1","n":1,"tel":"P"}"#]);
        desk = match other {
            Some(own) => with_rename(desk, "/phone", own),
            None => {
                desk.request.target.renames.clear();
                desk
            }
        };
        for _ in 0..2 {
            let run = desk.sync().unwrap();
            assert!(!run.wrote && told(&run).is_empty(), "{:?}", run.actions);
            assert_eq!(
                (desk.held("business"), desk.held("personal")),
                (before.clone(), personal.clone())
            );
        }
        // Business edits the field under its old name, and another one.
        desk.contacts("business", &[r#"{"id":"1","tel":"B","n":2}"#]);
        desk.sync().unwrap();
        assert_eq!(desk.held("personal"), [r#"{"id":"1","n":2,"phone":"B"}"#]);
        desk.contacts("personal", &[r#"{"id":"1","n":2,"phone":"Q"}"#]);
        let run = desk.sync().unwrap();
        let name = other.map_or("phone", |own| own.trim_start_matches('/'));
        let business = desk.held("business");
        assert!(business[0].contains(&format!(r#""{name}":"Q""#)), "{business:?}");
        assert!(!business[0].contains("tel"), "{business:?}");
        desk.hub().undo(&run.report.sync_id, &desk.request, false).unwrap();
        desk.sync().unwrap();
        assert_eq!(desk.held("personal"), [r#"{"id":"1","n":2,"phone":"Q"}"#]);
        assert_eq!(desk.held("business"), business);
        // A new record is what it says.
        desk.contacts("business", &[&business[0], r#"{"id":"2","tel":"own"}"#]);
        desk.sync().unwrap();
        assert_eq!(desk.held("personal")[1], r#"{"id":"2","tel":"own"}"#);
    }
}

/// A field of the hub whose name business has for another one has no place there.
#[test]
fn a_field_whose_name_is_taken_in_a_domain_is_out_of_its_scope() {
    let desk = with_rename(Desk::new(), "/phone", "/workPhone");
    desk.contacts("personal", &[r#"{"id":"1","phone":"PP","workPhone":"PW"}"#]);
    assert_eq!(told(&desk.sync().unwrap()), ["FIELD_WITHOUT_PLACE"]);
    assert_eq!(desk.held("business"), [r#"{"id":"1","workPhone":"PP"}"#]);
    desk.contacts("business", &[r#"{"id":"1","workPhone":"PQ","note":"x"}"#]);
    desk.sync().unwrap();
    let personal = [r#"{"id":"1","note":"x","phone":"PQ","workPhone":"PW"}"#];
    let sorted = |desk: &Desk| {
        let held = desk.held("personal");
        let flat = syncline_model::json::fields::flatten(held[0].as_bytes()).unwrap();
        flat == syncline_model::json::fields::flatten(personal[0].as_bytes()).unwrap()
    };
    assert!(sorted(&desk), "{:?}", desk.held("personal"));
}

trait ParseLeaf {
    fn parse_leaf(&self) -> syncline_model::json::Leaf;
}

impl ParseLeaf for &str {
    fn parse_leaf(&self) -> syncline_model::json::Leaf {
        syncline_model::json::Leaf::parse(self).unwrap()
    }
}
