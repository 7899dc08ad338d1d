//! Two clients and a hub: offline edits, lost connections, refused tokens, killed hubs.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use syncline_client::{Client, Fate, Network, Notice, Query, Strategy};

use crate::hub::{PATIENCE, TestHub, eventually};

fn json(client: &Client, id: &str) -> Option<String> {
    client.get("tasks", id).unwrap().map(|record| record.to_json().to_compact_string())
}

fn is_offline(client: &Client) -> bool {
    client.status().network == Network::Offline
}

/// Waits until both have sent and fetched everything and show the same.
pub(crate) fn settle(a: &Client, b: &Client) {
    a.wait_until_synced(PATIENCE).unwrap();
    b.wait_until_synced(PATIENCE).unwrap();
    let all = |client: &Client| {
        let records = client.query(&Query::new("tasks")).unwrap();
        let one = |r: &syncline_client::Record| (r.id().clone(), r.to_json().to_compact_string());
        records.iter().map(one).collect::<Vec<_>>()
    };
    eventually("both show the same", || all(a) == all(b));
}

#[test]
fn an_edit_reaches_the_other_client() {
    let (hub, folder) = (TestHub::start(), tempfile::tempdir().unwrap());
    let (a, b) = (hub.client(&folder, "a"), hub.client(&folder, "b"));
    let live = b.subscribe(Query::new("tasks")).unwrap();
    let edited = a
        .edit("tasks", "t1", |r| r.set("/title", "Call").increment("/views", 1).add("/tags", "x"))
        .unwrap();
    assert_eq!(a.wait_for(&edited, PATIENCE).unwrap(), Fate::Confirmed);
    eventually("it arrived", || json(&b, "t1").is_some());
    assert_eq!(json(&a, "t1"), json(&b, "t1"));
    assert!(live.try_next().is_some());
    assert_eq!(a.status().pending, 0);
}

#[test]
fn what_two_clients_did_offline_is_merged_when_they_come_back() {
    let (hub, folder) = (TestHub::start(), tempfile::tempdir().unwrap());
    let (a, b) = (hub.client(&folder, "a"), hub.client(&folder, "b"));
    a.edit("tasks", "t1", |r| r.set("/title", "Call").increment("/views", 1)).unwrap();
    settle(&a, &b);
    for client in [&a, &b] {
        client.go_offline();
        eventually("offline", || is_offline(client));
    }
    a.edit("tasks", "t1", |r| r.set("/title", "Call back").increment("/views", 10)).unwrap();
    a.edit("tasks", "t2", |r| r.set("/title", "New of a")).unwrap();
    b.edit("tasks", "t1", |r| r.set("/due", "today").increment("/views", 100)).unwrap();
    b.edit("tasks", "t1", |r| r.add("/tags", "urgent")).unwrap();
    assert_eq!(a.status().pending, 2);
    a.go_online();
    b.go_online();
    settle(&a, &b);
    let expected = r#"{"due":"today","tags":["urgent"],"title":"Call back","views":111}"#;
    assert_eq!(json(&a, "t1").as_deref(), Some(expected));
    assert_eq!(json(&b, "t2").as_deref(), Some(r#"{"title":"New of a"}"#));
}

#[test]
fn a_hub_that_is_killed_and_started_again_loses_and_repeats_nothing() {
    let (mut hub, folder) = (TestHub::start(), tempfile::tempdir().unwrap());
    let (a, b) = (hub.client(&folder, "a"), hub.client(&folder, "b"));
    for round in 0..3 {
        for _ in 0..20 {
            a.edit("tasks", "t1", |r| r.increment("/views", 1)).unwrap();
            b.edit("tasks", "t1", |r| r.increment("/views", 1)).unwrap();
        }
        if round < 2 {
            hub.kill();
            a.edit("tasks", "t1", |r| r.increment("/views", 1)).unwrap();
            hub.resume();
        }
    }
    settle(&a, &b);
    assert_eq!(json(&a, "t1").as_deref(), Some(r#"{"views":122}"#));
}

#[test]
fn connections_that_are_cut_again_and_again_repeat_nothing() {
    let (hub, folder) = (TestHub::start(), tempfile::tempdir().unwrap());
    let (a, b) = (hub.client(&folder, "a"), hub.client(&folder, "b"));
    settle(&a, &b);
    for cut_after in [2, 3, 2, 4] {
        hub.told.cut_after.store(cut_after, Ordering::Relaxed);
        for _ in 0..10 {
            a.edit("tasks", "t1", |r| r.increment("/views", 1).append("/log", "a")).unwrap();
            b.edit("tasks", "t1", |r| r.increment("/views", 1).append("/log", "b")).unwrap();
        }
        a.go_offline();
        a.go_online();
        std::thread::sleep(Duration::from_millis(300));
    }
    hub.told.cut_after.store(0, Ordering::Relaxed);
    settle(&a, &b);
    let record = a.get("tasks", "t1").unwrap().unwrap();
    assert_eq!(record.number("/views").unwrap().as_str(), "80");
    assert_eq!(record.get("/log").unwrap().as_array().unwrap().len(), 80);
}

#[test]
fn a_client_that_is_opened_again_goes_on_where_it_was() {
    let (hub, folder) = (TestHub::start(), tempfile::tempdir().unwrap());
    let (a, b) = (hub.client(&folder, "a"), hub.client(&folder, "b"));
    b.edit("tasks", "t1", |r| r.set("/a", 1)).unwrap();
    settle(&a, &b);
    a.go_offline();
    a.edit("tasks", "t1", |r| r.set("/b", 2)).unwrap();
    drop(a);
    b.edit("tasks", "t2", |r| r.set("/a", 1)).unwrap();
    let a = hub.client(&folder, "a");
    settle(&a, &b);
    assert_eq!(json(&b, "t1").as_deref(), Some(r#"{"a":1,"b":2}"#));
    assert!(json(&a, "t2").is_some());
}

#[test]
fn a_refused_token_drops_nothing_and_a_new_one_is_fetched() {
    let (hub, folder) = (TestHub::start(), tempfile::tempdir().unwrap());
    "newer".clone_into(&mut hub.told.token.lock().unwrap());
    let a = hub.client(&folder, "a");
    a.edit("tasks", "t1", |r| r.set("/a", 1)).unwrap();
    eventually("it is told", || a.notices().contains(&Notice::Unauthorised));
    let status = a.status();
    assert_eq!((status.pending, status.is_unauthorised), (1, true));
    a.set_token("newer");
    a.wait_until_synced(PATIENCE).unwrap();
    assert!(!a.status().is_unauthorised);
    // By a function of the app.
    let told = Arc::clone(&hub.told);
    let fetch = move || Some(told.token.lock().unwrap().clone());
    let options = hub.options(folder.path().join("c.db"), "c").refresh_token(fetch);
    let c = Client::open(options).unwrap();
    c.wait_until_synced(PATIENCE).unwrap();
    assert!(json(&c, "t1").is_some());
    assert!(hub.told.refused.load(Ordering::Relaxed) >= 2);
}

#[test]
fn a_deleted_record_is_gone_everywhere_and_an_edit_at_the_same_time_keeps_it() {
    let (hub, folder) = (TestHub::start(), tempfile::tempdir().unwrap());
    let (a, b) = (hub.client(&folder, "a"), hub.client(&folder, "b"));
    for id in ["t1", "t2"] {
        a.edit("tasks", id, |r| r.set("/a", 1)).unwrap();
    }
    settle(&a, &b);
    b.go_offline();
    eventually("offline", || is_offline(&b));
    a.delete("tasks", "t1").unwrap();
    a.delete("tasks", "t2").unwrap();
    b.edit("tasks", "t2", |r| r.set("/b", 2)).unwrap();
    a.wait_until_synced(PATIENCE).unwrap();
    b.go_online();
    settle(&a, &b);
    assert_eq!(json(&b, "t1"), None);
    assert!(json(&a, "t2").is_some_and(|record| record.contains(r#""b":2"#)));
    // A record that was deleted may begin anew.
    b.edit("tasks", "t1", |r| r.set("/c", 3)).unwrap();
    settle(&a, &b);
    assert_eq!(json(&a, "t1").as_deref(), Some(r#"{"c":3}"#));
}

#[test]
fn strategies_say_when_edits_are_sent() {
    let (hub, folder) = (TestHub::start(), tempfile::tempdir().unwrap());
    let b = hub.client(&folder, "b");
    let open = |name: &str, strategy| {
        let options = hub.options(folder.path().join(format!("{name}.db")), name);
        Client::open(options.strategy(strategy)).unwrap()
    };
    let arrived = |id: &str| json(&b, id).is_some();
    // Only when it is told to.
    let manual = open("manual", Strategy::EventDriven);
    manual.edit("tasks", "manual", |r| r.set("/a", 1)).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    assert!(is_offline(&manual) && !arrived("manual"));
    manual.sync();
    eventually("it arrived", || arrived("manual"));
    eventually("it left", || is_offline(&manual));
    // Every so often.
    let scheduled = open("scheduled", Strategy::Scheduled(Duration::from_millis(500)));
    eventually("it left", || is_offline(&scheduled));
    scheduled.edit("tasks", "scheduled", |r| r.set("/a", 1)).unwrap();
    eventually("it arrived", || arrived("scheduled"));
    // When enough wait.
    let within = Duration::from_secs(3_600);
    let batch = open("batch", Strategy::Batch { operations: 3, within });
    batch.edit("tasks", "batch", |r| r.set("/a", 1)).unwrap();
    batch.edit("tasks", "batch", |r| r.set("/a", 2)).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    assert!(!arrived("batch"));
    batch.edit("tasks", "batch", |r| r.set("/a", 3)).unwrap();
    eventually("it arrived", || arrived("batch"));
}

#[test]
fn what_is_urgent_does_not_wait_for_a_batch_and_takes_along_what_does() {
    let (hub, folder) = (TestHub::start(), tempfile::tempdir().unwrap());
    let within = Duration::from_secs(3_600);
    let batch = Strategy::Batch { operations: 100, within };
    let options = hub.options(folder.path().join("a.db"), "a").strategy(batch);
    let client = Client::open(options).unwrap();
    client.wait_until_synced(PATIENCE).unwrap();
    client.edit("tasks", "t1", |r| r.set("/title", "waits")).unwrap();
    let urgent = client.edit("tasks", "t2", |r| r.set("/title", "now").priority()).unwrap();
    assert_eq!(client.wait_for(&urgent, PATIENCE).unwrap(), Fate::Confirmed);
    client.wait_until_synced(PATIENCE).unwrap();
    assert_eq!(client.status().pending, 0);
}

#[test]
fn what_may_have_been_sent_before_a_restart_is_asked_for_at_once_also_in_batches() {
    let (hub, folder) = (TestHub::start(), tempfile::tempdir().unwrap());
    let path = folder.path().join("a.db");
    let before = Client::open(hub.options(path.clone(), "a")).unwrap();
    before.wait_until_synced(PATIENCE).unwrap();
    before.go_offline();
    eventually("offline", || is_offline(&before));
    let edited = before.edit("tasks", "t1", |r| r.increment("/views", 1)).unwrap();
    drop(before);
    let within = Duration::from_secs(3_600);
    let batch = Strategy::Batch { operations: 100, within };
    let client = Client::open(hub.options(path, "a").strategy(batch)).unwrap();
    assert_eq!(client.wait_for(&edited, PATIENCE).unwrap(), Fate::Confirmed);
    assert_eq!(json(&client, "t1").as_deref(), Some(r#"{"views":1}"#));
}

#[test]
fn an_edit_that_no_message_holds_is_refused_and_stands_in_nobodys_way() {
    let (hub, folder) = (TestHub::start(), tempfile::tempdir().unwrap());
    let client = hub.client(&folder, "a");
    let large = "x".repeat(9 << 20);
    let refused = client.edit("tasks", "large", |r| r.set("/body", large.as_str()));
    assert_eq!(refused.unwrap_err().code(), "CLIENT_EDIT_TOO_LARGE");
    // What is escaped takes six times as many bytes.
    let control = "\u{1}".repeat(2 << 20);
    let refused = client.edit("tasks", "large", |r| r.begin_text("/body", &control));
    assert_eq!(refused.unwrap_err().code(), "CLIENT_EDIT_TOO_LARGE");
    assert_eq!((client.status().pending, json(&client, "large")), (0, None));
    let small = client.edit("tasks", "small", |r| r.set("/title", "x")).unwrap();
    assert_eq!(client.wait_for(&small, PATIENCE).unwrap(), Fate::Confirmed);
}

#[test]
fn texts_full_of_what_is_escaped_go_in_pushes_that_the_hub_takes() {
    let (hub, folder) = (TestHub::start(), tempfile::tempdir().unwrap());
    let client = hub.client(&folder, "a");
    client.wait_until_synced(PATIENCE).unwrap();
    client.go_offline();
    eventually("offline", || is_offline(&client));
    let control = "\u{1}".repeat(1 << 20);
    for id in ["t1", "t2", "t3"] {
        client.edit("tasks", id, |r| r.begin_text("/body", &control)).unwrap();
    }
    client.go_online();
    client.wait_until_synced(PATIENCE).unwrap();
    assert_eq!(client.status().pending, 0);
}

#[test]
fn a_copy_of_a_file_sends_what_waits_once_and_its_own_edits_as_well() {
    let (hub, folder) = (TestHub::start(), tempfile::tempdir().unwrap());
    let (a, b) = (hub.client(&folder, "a"), hub.client(&folder, "b"));
    a.wait_until_synced(PATIENCE).unwrap();
    a.go_offline();
    eventually("offline", || is_offline(&a));
    a.edit("tasks", "t1", |r| r.increment("/views", 1)).unwrap();
    drop(a);
    std::fs::copy(folder.path().join("a.db"), folder.path().join("copy.db")).unwrap();
    let (a, copy) = (hub.client(&folder, "a"), hub.client(&folder, "copy"));
    assert_ne!(a.id(), copy.id());
    a.edit("tasks", "t1", |r| r.increment("/views", 10)).unwrap();
    copy.edit("tasks", "t1", |r| r.increment("/views", 100)).unwrap();
    settle(&a, &copy);
    settle(&a, &b);
    assert_eq!(json(&b, "t1").as_deref(), Some(r#"{"views":111}"#));
}

#[test]
fn many_edits_that_were_made_offline_are_sent_in_one_go() {
    let (hub, folder) = (TestHub::start(), tempfile::tempdir().unwrap());
    let (a, b) = (hub.client(&folder, "a"), hub.client(&folder, "b"));
    a.go_offline();
    for round in 0..10 {
        let edits = |all: &mut syncline_client::Transaction<'_>| {
            (0..500).try_for_each(|at| {
                let id = format!("t{}", at % 50);
                all.edit("tasks", &id, |r| r.increment("/views", 1).set("/round", round))
            })
        };
        a.transaction(edits).unwrap();
    }
    assert_eq!(a.status().pending, 5_000);
    a.go_online();
    settle(&a, &b);
    let records = b.query(&Query::new("tasks")).unwrap();
    assert_eq!(records.len(), 50);
    assert!(records.iter().all(|r| r.number("/views").unwrap().as_str() == "100"));
}
