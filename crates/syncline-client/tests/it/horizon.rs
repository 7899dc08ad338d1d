//! A device that was away for longer than the hub keeps what it has forgotten.

use syncline_client::Client;

use crate::hub::{PATIENCE, TestHub, eventually};

fn json(client: &Client, id: &str) -> Option<String> {
    let record = client.get("tasks", id).unwrap();
    record.map(|record| record.to_json().to_compact_string())
}

#[test]
fn a_device_that_was_away_too_long_loses_no_edit_and_brings_nothing_back() {
    let (mut hub, folder) = (TestHub::start(), tempfile::tempdir().unwrap());
    let (desk, phone) = (hub.client(&folder, "desk"), hub.client(&folder, "phone"));
    for id in ["gone", "kept", "other"] {
        desk.edit("tasks", id, |r| r.set("/title", id)).unwrap();
    }
    desk.wait_until_synced(PATIENCE).unwrap();
    eventually("it is there", || {
        ["gone", "kept", "other"].iter().all(|id| json(&phone, id).is_some())
    });
    phone.go_offline();
    let late = phone.edit("tasks", "gone", |r| r.set("/title", "from away")).unwrap();
    phone.edit("tasks", "kept", |r| r.increment("/n", 1)).unwrap();
    phone.edit("tasks", "new", |r| r.set("/title", "from away")).unwrap();

    desk.delete("tasks", "gone").unwrap();
    desk.wait_until_synced(PATIENCE).unwrap();
    for m in 0..5 {
        desk.edit("tasks", "kept", |r| r.set("/m", m)).unwrap();
    }
    desk.wait_until_synced(PATIENCE).unwrap();
    // What was sent together is forgotten together.
    let forgotten = hub.forget(1);
    assert!(forgotten.changes >= 4 && forgotten.records == 1, "{forgotten:?}");

    phone.go_online();
    phone.wait_until_synced(PATIENCE).unwrap();
    desk.wait_until_synced(PATIENCE).unwrap();
    let kept = Some(r#"{"m":4,"n":1,"title":"kept"}"#.to_owned());
    eventually("both hold the same", || {
        [&desk, &phone].iter().all(|client| {
            json(client, "gone").is_none()
                && json(client, "kept") == kept
                && json(client, "other").is_some()
                && json(client, "new").is_some()
        })
    });
    // What builds on what is forgotten is with the user, whole, and says why.
    let aside = phone.quarantine().unwrap();
    let aside: Vec<_> = aside
        .iter()
        .map(|one| (&one.operation, one.refusal.as_ref().map(|it| &*it.code)))
        .collect();
    assert_eq!(aside, [(&late.operations()[0], Some("REBASE"))]);
    phone.discard(&late.operations()[0]).unwrap();
    phone.edit("tasks", "gone", |r| r.set("/title", "anew")).unwrap();
    eventually("made anew it is there", || json(&desk, "gone").is_some());
}
