//! A hub is lost and made again from its backup: what it had acknowledged is sent again by those who wrote it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use syncline_client::{Client, Event, Number, Query, Transaction};

use crate::hub::{PATIENCE, TestHub, eventually};
use crate::live::settle;

fn json(client: &Client, id: &str) -> Option<String> {
    client.get("tasks", id).unwrap().map(|record| record.to_json().to_compact_string())
}

fn number(client: &Client, id: &str, path: &str) -> Option<Number> {
    client.get("tasks", id).unwrap().and_then(|record| record.number(path))
}

fn sent(client: &Client) {
    eventually("all is sent", || client.status().pending == 0);
}

/// Nothing is kept any longer once it is in the backup.
fn backed_up(hub: &TestHub, clients: [&Client; 2]) {
    hub.ship();
    eventually("told", || clients.iter().all(|client| client.status().kept == 0));
}

/// Does something while it is looked whether the one who wrote it all ever sees anything twice, or not at
/// all.
fn while_watched(client: &Client, work: impl FnOnce()) {
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let live = client.subscribe(Query::new("tasks")).unwrap();
        let is_over = &is_over;
        scope.spawn(move || {
            while !is_over.load(Ordering::SeqCst) {
                let Some(event) = live.next_within(Duration::from_millis(20)) else { continue };
                let records = match event {
                    Event::Refresh(records) => records,
                    Event::Delta { changed, .. } => changed,
                };
                for record in records.iter().filter(|record| record.id().as_str() == "t1") {
                    let n = record.number("/n").unwrap().to_i64().unwrap();
                    assert!((21..=121).contains(&n), "{n}");
                }
            }
        });
        work();
        is_over.store(true, Ordering::SeqCst);
    });
}

#[test]
fn a_hub_without_a_backup_leaves_nothing_to_be_kept() {
    let (hub, folder) = (TestHub::start(), tempfile::tempdir().unwrap());
    let client = hub.client(&folder, "a");
    client.edit("tasks", "t1", |r| r.increment("/n", 1)).unwrap();
    sent(&client);
    assert_eq!((client.status().kept, client.status().unkept), (0, 0));
}

#[test]
fn what_was_acknowledged_and_is_in_no_backup_is_sent_again_exactly_once() {
    let (mut hub, folder) = (TestHub::start_backed_up(), tempfile::tempdir().unwrap());
    let (a, b) = (hub.client(&folder, "a"), hub.client(&folder, "b"));
    for id in ["t0", "t1", "t3"] {
        a.edit("tasks", id, |r| r.set("/title", "Old").increment("/n", 1)).unwrap();
    }
    a.edit("tasks", "t1", |r| r.begin_text("/notes", "one two")).unwrap();
    settle(&a, &b);
    assert!(a.status().kept > 0, "no backup holds it yet");
    backed_up(&hub, [&a, &b]);

    // From here on all of it will be lost. Each goes on from what the other wrote.
    for _ in 0..20 {
        a.edit("tasks", "t1", |r| r.increment("/n", 1)).unwrap();
    }
    a.edit("tasks", "t2", |r| r.set("/title", "New of a").increment("/n", 5)).unwrap();
    a.edit("tasks", "t1", |r| r.splice_text("/notes", 0, 0, "zero ")).unwrap();
    settle(&a, &b);
    b.edit("tasks", "t2", |r| r.set("/title", "And of b").increment("/n", 7)).unwrap();
    b.edit("tasks", "t1", |r| r.increment("/n", 100).add("/tags", "x")).unwrap();
    b.delete("tasks", "t0").unwrap();
    settle(&a, &b);
    a.edit("tasks", "t2", |r| r.set("/done", true).increment("/n", 1)).unwrap();
    a.edit("tasks", "t3", |r| r.set("/title", "First")).unwrap();
    a.edit("tasks", "t3", |r| r.set("/title", "Second")).unwrap();
    settle(&a, &b);
    let before: Vec<_> = ["t0", "t1", "t2", "t3"].map(|id| json(&a, id)).into();
    assert!(a.status().kept > 0 && b.status().kept > 0);

    hub.lose();
    // Made while there is no hub, on what was seen of the lost one.
    a.edit("tasks", "t2", |r| r.increment("/n", 1_000)).unwrap();
    b.edit("tasks", "t3", |r| r.set("/due", "today")).unwrap();
    while_watched(&a, || {
        hub.resume();
        settle(&a, &b);
    });
    assert_eq!(a.quarantine().unwrap(), [], "nothing was refused");
    assert_eq!(b.quarantine().unwrap(), [], "nothing was refused");
    for client in [&a, &b] {
        let n = |id: &str| number(client, id, "/n").unwrap().to_i64();
        assert_eq!((n("t1"), n("t2"), n("t3")), (Some(121), Some(1_013), Some(1)));
        assert_eq!(json(client, "t0"), None, "it was deleted");
        assert_eq!(
            client.get("tasks", "t1").unwrap().unwrap().text("/notes").unwrap(),
            "zero one two"
        );
        assert_eq!(client.get("tasks", "t2").unwrap().unwrap().text("/title").unwrap(), "And of b");
        let third = client.get("tasks", "t3").unwrap().unwrap();
        assert_eq!(
            (third.text("/title").unwrap(), third.text("/due").unwrap()),
            ("Second".into(), "today".into())
        );
    }
    assert_eq!(json(&a, "t1"), before[1]);
    // The new life has a backup of its own, and so nothing is kept for long.
    assert!(a.status().kept > 0);
    backed_up(&hub, [&a, &b]);
    // Nothing of it comes again.
    hub.lose();
    hub.resume();
    settle(&a, &b);
    assert_eq!(number(&b, "t2", "/n").unwrap().to_i64(), Some(1_013));
}

/// What was seen of a life is known to none that is made of an older backup, but by what clients say.
#[test]
fn what_was_done_between_two_restores_of_one_backup_is_sent_again_to_the_second() {
    let (mut hub, folder) = (TestHub::start_backed_up(), tempfile::tempdir().unwrap());
    let (a, b) = (hub.client(&folder, "a"), hub.client(&folder, "b"));
    a.edit("tasks", "t0", |r| r.set("/title", "Old")).unwrap();
    a.edit("tasks", "t1", |r| r.set("/n", 0).increment("/n", 1).begin_text("/notes", "one"))
        .unwrap();
    settle(&a, &b);
    backed_up(&hub, [&a, &b]);
    hub.copy_backup();
    hub.lose();
    hub.resume();
    settle(&a, &b);

    // The life between: each goes on from what the other wrote in it.
    a.edit("tasks", "t1", |r| r.increment("/n", 10).splice_text("/notes", 3, 0, " two")).unwrap();
    a.edit("tasks", "t2", |r| r.set("/title", "New of a").increment("/n", 5)).unwrap();
    settle(&a, &b);
    b.edit("tasks", "t1", |r| r.increment("/n", 100)).unwrap();
    b.edit("tasks", "t2", |r| r.set("/title", "And of b").increment("/n", 7)).unwrap();
    b.delete("tasks", "t0").unwrap();
    settle(&a, &b);

    hub.lose_with_backup();
    // Made while there is no hub, on what was seen of the life between.
    a.edit("tasks", "t1", |r| r.increment("/n", 1_000)).unwrap();
    b.edit("tasks", "t2", |r| r.set("/due", "today")).unwrap();
    hub.resume();
    settle(&a, &b);
    assert_eq!(a.quarantine().unwrap(), [], "nothing was refused");
    assert_eq!(b.quarantine().unwrap(), [], "nothing was refused");
    for client in [&a, &b] {
        assert_eq!(json(client, "t0"), None, "it was deleted");
        let n = |id: &str| number(client, id, "/n").unwrap().to_i64();
        assert_eq!((n("t1"), n("t2")), (Some(1_111), Some(12)));
        let [first, second] = ["t1", "t2"].map(|id| client.get("tasks", id).unwrap().unwrap());
        assert_eq!(first.text("/notes").unwrap(), "one two");
        assert_eq!(second.text("/title").unwrap(), "And of b");
        assert_eq!(second.text("/due").unwrap(), "today");
    }
}

#[test]
fn what_the_backup_has_after_all_is_a_duplicate_however_much_it_is() {
    let (mut hub, folder) = (TestHub::start_backed_up(), tempfile::tempdir().unwrap());
    let a = hub.client(&folder, "a");
    // More than the hub keeps results of.
    const TIMES: i64 = 1_600;
    let ids: Vec<String> = (0..20).map(|at| format!("t{at}")).collect();
    for _ in 0..TIMES / 20 {
        let one = |id: &String, all: &mut Transaction<'_>| {
            all.edit("tasks", id, |r| r.increment("/n", 1))
        };
        a.transaction(|all| ids.iter().try_for_each(|id| one(id, all))).unwrap();
    }
    sent(&a);
    a.go_offline();
    eventually("offline", || a.status().network == syncline_client::Network::Offline);
    assert_eq!(a.status().kept, TIMES as u64);
    // The client does not learn of it.
    hub.ship();
    hub.lose();
    hub.resume();
    a.go_online();
    a.edit("tasks", "t1", |r| r.increment("/n", 1)).unwrap();
    a.wait_until_synced(PATIENCE).unwrap();
    assert_eq!(a.quarantine().unwrap(), []);
    for id in &ids {
        let more = i64::from(id == "t1");
        assert_eq!(number(&a, id, "/n").unwrap().to_i64(), Some(TIMES / 20 + more), "{id}");
    }
}

#[test]
fn a_client_that_ends_before_it_could_send_again_does_so_when_it_is_opened() {
    let (mut hub, folder) = (TestHub::start_backed_up(), tempfile::tempdir().unwrap());
    let options = |hub: &TestHub| hub.options(folder.path().join("a.db"), "a");
    let a = Client::open(options(&hub)).unwrap();
    a.edit("tasks", "t1", |r| r.increment("/n", 1)).unwrap();
    sent(&a);
    hub.ship();
    eventually("told", || a.status().kept == 0);
    a.edit("tasks", "t1", |r| r.increment("/n", 10)).unwrap();
    a.edit("tasks", "t2", |r| r.increment("/n", 1)).unwrap();
    sent(&a);
    let kept = a.status().kept;
    assert_eq!(kept, 2);
    drop(a);
    hub.lose();
    hub.resume();
    let a = Client::open(options(&hub)).unwrap();
    a.wait_until_synced(PATIENCE).unwrap();
    assert_eq!(number(&a, "t1", "/n").unwrap().to_i64(), Some(11));
    assert_eq!(number(&a, "t2", "/n").unwrap().to_i64(), Some(1));
}

fn notes(client: &Client) -> Option<String> {
    client.get("tasks", "t1").unwrap().and_then(|record| record.text("/notes"))
}

/// An edit counts characters: on a text of which something was lost it must not be made by chance, because that is
/// as long as the one that it was made for.
#[test]
fn an_edit_of_a_text_is_not_made_in_another_one_of_the_same_length() {
    let (mut hub, folder) = (TestHub::start_backed_up(), tempfile::tempdir().unwrap());
    let (a, b) = (hub.client(&folder, "a"), hub.client(&folder, "b"));
    a.edit("tasks", "t1", |r| r.begin_text("/notes", "four three ")).unwrap();
    settle(&a, &b);
    backed_up(&hub, [&a, &b]);
    b.edit("tasks", "t1", |r| r.splice_text("/notes", 11, 0, "nine ")).unwrap();
    settle(&a, &b);
    a.edit("tasks", "t1", |r| r.splice_text("/notes", 0, 5, "")).unwrap();
    sent(&a);
    assert_eq!(notes(&a).unwrap(), "three nine ", "it is as long as the text in the backup");
    a.edit("tasks", "t1", |r| r.splice_text("/notes", 6, 5, "")).unwrap();
    sent(&a);
    b.go_offline();
    eventually("offline", || b.status().network == syncline_client::Network::Offline);
    hub.lose();
    hub.resume();
    sent(&a);
    b.go_online();
    settle(&a, &b);
    for client in [&a, &b] {
        assert_eq!(notes(client).unwrap(), "four three nine ", "words were not torn");
    }
    let refused = a.quarantine().unwrap();
    assert_eq!(refused.len(), 2, "{refused:?}");
    // Its user has them made anew, for the text of now.
    for refused in &refused {
        a.retry(&refused.operation).unwrap();
    }
    settle(&a, &b);
    assert_eq!(notes(&b).unwrap(), "three ");
}

/// What counts on lost edits of the same writer is applied once these are.
#[test]
fn edits_of_a_text_that_follow_each_other_are_all_sent_again() {
    let (mut hub, folder) = (TestHub::start_backed_up(), tempfile::tempdir().unwrap());
    let (a, b) = (hub.client(&folder, "a"), hub.client(&folder, "b"));
    a.edit("tasks", "t1", |r| r.begin_text("/notes", "one ")).unwrap();
    settle(&a, &b);
    backed_up(&hub, [&a, &b]);
    let appends = |word: &str| {
        let at = notes(&a).unwrap().chars().count();
        a.edit("tasks", "t1", |r| r.splice_text("/notes", at, 0, word)).unwrap();
    };
    a.edit("tasks", "t1", |r| r.set("/title", "Numbers")).unwrap();
    settle(&a, &b);
    for word in ["two ", "three "] {
        appends(word);
        settle(&a, &b);
    }
    a.go_offline();
    eventually("offline", || a.status().network == syncline_client::Network::Offline);
    appends("four ");
    hub.lose();
    appends("five ");
    hub.resume();
    a.go_online();
    settle(&a, &b);
    appends("six ");
    settle(&a, &b);
    assert_eq!(a.quarantine().unwrap(), [], "nothing was refused");
    for client in [&a, &b] {
        assert_eq!(notes(client).unwrap(), "one two three four five six ");
    }
}
