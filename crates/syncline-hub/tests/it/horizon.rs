//! What is forgotten of the log and of deleted records, and what becomes of those who were away.

use std::collections::BTreeMap;

use syncline_engine::operate::Entities;
use syncline_engine::rows::{Batch, Key};
use syncline_hub::served::{Limits, Served};
use syncline_hub::{Forgotten, Retention};
use syncline_merge::fault::{Fault, plant};
use syncline_merge::operation::{Effect, FieldOperation};
use syncline_model::id::{EntityName, Position, RecordId};
use syncline_model::json::Leaf;
use syncline_model::path::Path;
use syncline_store::Store;
use syncline_store::memory::{MemoryDisk, MemoryStore};

use crate::served_client::{Client, RecordKey};
use crate::writer::memory;

const NOW_MS: u64 = 1_700_000_000_000;

fn serve(disk: &MemoryDisk) -> Served {
    Served::start(memory(disk), Entities::open(BTreeMap::new())).unwrap()
}

fn key(id: &str) -> RecordKey {
    (EntityName::new("tasks").unwrap(), RecordId::new(id).unwrap())
}

fn set(value: &str) -> Effect {
    let (path, value) = (Path::parse("/title").unwrap(), Leaf::string(value));
    Effect::Write(vec![FieldOperation::Set { path, value }])
}

fn edit(client: &mut Client, served: &Served, id: &str, effect: Effect) {
    client.make(&key(id), effect, false, NOW_MS);
    let answer = client.send(served, client.queue.len());
    client.take_answer(served, answer);
}

fn fetch(client: &mut Client, served: &Served) {
    while client.pull(served, Limits::default()).unwrap() {}
}

fn forget(served: &Served, changes: u64) -> Forgotten {
    served.forget(Retention { changes: Some(changes), ..Retention::default() }).unwrap()
}

/// A device that was away while a record was deleted and forgotten, with an edit of it and of another
/// one, and with one that it has made.
fn away(disk: &MemoryDisk, fault: Option<Fault>) -> (Served, Client) {
    let served = serve(disk);
    served.with_hub(move |_| plant(fault)).unwrap();
    let (mut desk, mut phone) = (Client::new("desk"), Client::new("phone"));
    for id in ["a", "b", "c"] {
        edit(&mut desk, &served, id, set("first"));
    }
    fetch(&mut phone, &served);
    phone.make(&key("a"), set("from away"), false, NOW_MS);
    phone.make(&key("b"), set("from away"), false, NOW_MS);
    phone.make(&key("new"), set("from away"), false, NOW_MS);
    edit(&mut desk, &served, "a", Effect::Delete);
    edit(&mut desk, &served, "b", set("second"));
    edit(&mut desk, &served, "c", Effect::Delete);
    edit(&mut desk, &served, "b", set("third"));
    let forgotten = forget(&served, 2);
    assert_eq!(forgotten, Forgotten { horizon: Position(5), changes: 5, records: 1, more: false });
    assert_eq!(forget(&served, 2).changes, 0, "and nothing twice");
    (served, phone)
}

/// What has still to be delivered is not forgotten, however old it is.
#[test]
fn nothing_is_forgotten_that_somebody_has_still_to_be_told() {
    let disk = MemoryDisk::new();
    let (served, mut desk) = (serve(&disk), Client::new("desk"));
    for value in ["first", "second", "third", "fourth"] {
        edit(&mut desk, &served, "a", set(value));
    }
    let keep = |needed_behind| Retention { age_ms: None, changes: Some(0), needed_behind };
    let reached = |needed: u64| served.forget(keep(Some(Position(needed)))).unwrap().horizon;
    assert_eq!(reached(0), Position(0));
    assert_eq!(reached(2), Position(2));
    assert_eq!(served.forget(keep(None)).unwrap().horizon, Position(4));
}

#[test]
fn who_was_away_too_long_begins_anew_and_brings_back_nothing_that_is_gone() {
    let disk = MemoryDisk::new();
    let (served, mut phone) = away(&disk, None);
    let behind = phone.page(&served, Limits::default()).unwrap_err();
    assert_eq!((behind.code(), behind.is_retryable()), ("CURSOR_EXPIRED", false));
    served.stop().unwrap();
    let served = serve(&disk);
    assert_eq!(served.horizon().unwrap(), Position(5));

    phone.begin_anew();
    fetch(&mut phone, &served);
    assert!(!phone.held.contains_key(&key("a")) && phone.held.contains_key(&key("b")));
    let answer = phone.send(&served, 3);
    phone.take_answer(&served, answer);
    let aside: Vec<u64> = phone.aside.iter().map(|(counter, _)| *counter).collect();
    assert_eq!((aside, phone.queue.len()), (vec![1], 0), "{:?}", phone.aside);
    assert!(phone.now(&served, &key("a")).is_none(), "it does not come back by itself");
    assert!(phone.now(&served, &key("new")).is_some(), "what it has made is there");
    assert!(phone.now(&served, &key("b")).is_some());
    // Made anew by somebody who knows that it was gone it is there again.
    edit(&mut phone, &served, "a", set("anew"));
    assert!(phone.now(&served, &key("a")).is_some());

    // The audit stays whole; what is forgotten cannot be shown as it was.
    served.audit_verify().unwrap();
    let past = served.record_at(&key("b").0, &key("b").1, 0).unwrap_err();
    assert_eq!(past.code(), "HISTORY_FORGOTTEN");
    let first = served.history(&key("b").0, &key("b").1, None, 100).unwrap().changes;
    assert!(first.iter().all(|change| change.position > Position(5)), "{first:?}");
    assert!(served.log(Position(0), 100).unwrap().iter().all(|(at, _)| *at > Position(5)));
}

/// Who reads on from behind the horizon is told of all that follows; of what is not forgotten nothing is.
#[test]
fn who_has_read_as_far_as_the_horizon_goes_on() {
    let served = serve(&MemoryDisk::new());
    let (mut desk, mut phone) = (Client::new("desk"), Client::new("phone"));
    for id in ["a", "b", "c"] {
        edit(&mut desk, &served, id, set("first"));
    }
    fetch(&mut phone, &served);
    edit(&mut desk, &served, "a", Effect::Delete);
    assert_eq!(forget(&served, 1).horizon, Position(3));
    fetch(&mut phone, &served);
    assert_eq!(phone.held[&key("a")].fields, None);
    assert_eq!(
        forget(&served, 0),
        Forgotten { horizon: Position(4), changes: 1, records: 1, more: false }
    );
    fetch(&mut phone, &served);
    // It knows that the record was gone.
    edit(&mut phone, &served, "a", set("again"));
    assert_eq!((phone.aside.len(), phone.now(&served, &key("a")).is_some()), (0, true));
    fetch(&mut desk, &served);
    assert!(desk.held[&key("a")].fields.is_some());
}

/// The suite sees a hub that does not know what it has forgotten: an edit of it is never answered.
#[test]
fn a_hub_that_forgets_that_it_forgot_is_found_out() {
    let (served, mut phone) = away(&MemoryDisk::new(), Some(Fault::NoFloor));
    phone.begin_anew();
    fetch(&mut phone, &served);
    let answer = phone.send(&served, 3);
    phone.take_answer(&served, answer);
    assert_eq!((phone.aside.len(), phone.queue.len()), (0, 1));
}

/// What was taken out of the log without a word in the audit is missed.
#[test]
fn a_log_that_somebody_has_cut_is_not_one_that_was_forgotten() {
    let disk = MemoryDisk::new();
    let (served, _) = away(&disk, None);
    served.audit_verify().unwrap();
    served.stop().unwrap();
    let mut store = MemoryStore::open(&disk);
    let mut batch = Batch::new();
    batch.delete(Key::Log(Position(6)));
    store.commit(&batch).unwrap();
    drop(store);
    let damage = serve(&disk).audit_verify().unwrap_err();
    assert!(damage.code().starts_with("AUDIT_DAMAGED"), "{damage:?}");
}
