//! The audit: it verifies, it proves, and it notices a flipped byte (C16).

use serde_json::{Value, json};
use syncline_engine::rows::{Batch, Key};
use syncline_store::sqlite::{Options, SqliteStore};
use syncline_store::{Read, Store};

use crate::desk::{Desk, numbered};

fn synced() -> Desk {
    let desk = Desk::new();
    desk.contacts("personal", &numbered(0..5));
    desk.contacts("business", &json!([]));
    desk.run("sync").exits(0);
    desk
}

#[test]
fn an_intact_audit_verifies_and_its_head_is_that_of_the_run() {
    let desk = synced();
    let verified = desk.run("audit verify --json").exits(0).json();
    let log = desk.run("log --json").exits(0).json();
    assert_eq!(verified["head"], log["runs"][0]["auditHead"]);
}

#[test]
fn a_record_can_be_proved() {
    let desk = synced();
    let proof = desk.run("audit prove contacts c003 --json").exits(0).json();
    assert_eq!((&proof["entity"], &proof["id"]), (&"contacts".into(), &"c003".into()));
    assert!(proof["proof"]["tree_size"].is_u64());
    desk.run("audit prove contacts nobody").exits(2).says("CHANGE_NOT_FOUND");
}

#[test]
fn one_flipped_byte_in_the_audit_is_found_and_named() {
    let desk = synced();
    desk.run("sync").exits(0);
    desk.run("sync").exits(0);
    let mut store = SqliteStore::open(&desk.path(".syncline"), &Options::default()).unwrap();
    let key = Key::Audit(1);
    let mut bytes = store.get(&key).unwrap().unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    store.commit(Batch::new().put(key, bytes)).unwrap();
    drop(store);
    desk.run("audit verify").exits(9).says("entry 1");
    desk.run("audit verify --json").exits(9);
    desk.run("doctor").exits(9);
}

#[test]
fn a_refusal_is_noted() {
    let desk = synced();
    desk.put(
        "syncline.toml",
        b"[[permissions]]\nuser = \"mara\"\ndomain = \"personal\"\nallow = [\"read\"]\n",
    );
    desk.run("sync --user mara").exits(3);
    desk.run("audit export").exits(3).says("PERMISSION_DENIED");
    std::fs::remove_file(desk.path("syncline.toml")).unwrap();
    let exported = desk.run("audit export").exits(0).stdout;
    let last: Value = serde_json::from_str(exported.lines().rev().nth(1).unwrap()).unwrap();
    assert_eq!((&last["action"], &last["user"]), (&"REFUSED".into(), &"mara".into()));
}
