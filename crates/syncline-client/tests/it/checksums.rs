//! A client that is wrong without knowing finds out, and repairs itself.

use std::sync::atomic::Ordering;

use rusqlite::Connection;
use syncline_client::{Client, Notice};

use crate::hub::{PATIENCE, TestHub, eventually};

fn json(client: &Client, id: &str) -> Option<String> {
    // What is damaged cannot be read until it is repaired.
    let record = client.get("tasks", id).ok().flatten();
    record.map(|record| record.to_json().to_compact_string())
}

#[test]
fn a_client_that_holds_something_else_than_the_hub_shows_finds_out_and_reads_it_anew() {
    let (hub, folder) = (TestHub::start(), tempfile::tempdir().unwrap());
    let (equal, different) = (&hub.told.equal, &hub.told.different);
    let a = hub.client(&folder, "a");
    for id in ["t1", "t2", "t3"] {
        a.edit("tasks", id, |r| r.set("/title", "Call").set("/n", 1)).unwrap();
    }
    a.wait_until_synced(PATIENCE).unwrap();
    drop(a);
    // Each time that it is opened it compares once it has everything.
    let a = hub.client(&folder, "a");
    eventually("compared", || equal.load(Ordering::SeqCst) > 0);
    assert_eq!((different.load(Ordering::SeqCst), a.status().repairs), (0, 0));
    let whole = json(&a, "t1");
    drop(a);

    let spoil = [
        "UPDATE records SET fields = CAST('{\"title\":\"Rotten\",\"n\":1}' AS BLOB) WHERE id = 't1'",
        "UPDATE records SET fields = CAST('{\"n\":' AS BLOB) WHERE id = 't1'",
        "DELETE FROM records WHERE id = 't1'",
        "INSERT INTO records (entity, id, fields, position) VALUES ('tasks', 't9', CAST('{}' AS BLOB), 1)",
    ];
    for (at, sql) in spoil.into_iter().enumerate() {
        let file = Connection::open(folder.path().join("a.db")).unwrap();
        assert_eq!(file.execute(sql, ()).unwrap(), 1, "{sql}");
        drop(file);
        let a = hub.client(&folder, "a");
        // Offline edits wait meanwhile, and are not touched.
        a.edit("tasks", "t3", |r| r.increment("/times", 1)).unwrap();
        eventually(sql, || a.status().repairs == 1);
        eventually(sql, || json(&a, "t1") == whole && json(&a, "t9").is_none());
        let problem = |notice: &Notice| matches!(notice, Notice::Problem { code, .. } if &**code == "VIEW_DIFFERS");
        assert!(a.notices().iter().any(problem), "{sql}");
        a.wait_until_synced(PATIENCE).unwrap();
        let times = a.get("tasks", "t3").unwrap().unwrap().number("/times").unwrap();
        assert_eq!(times.to_i64(), Some(at as i64 + 1));
        assert_eq!(different.load(Ordering::SeqCst), at as u64 + 1, "the hub was told");
    }
}
