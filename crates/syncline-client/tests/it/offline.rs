//! A client without a network.

use std::time::Duration;

use syncline_client::{
    Client, ClientError, Edited, Event, Network, Object, Options, Order, Query, Record, limits,
};

fn client(folder: &tempfile::TempDir) -> Client {
    Client::open(Options::offline(folder.path().join("app.db"))).unwrap()
}

fn ids(event: &Event) -> (Vec<String>, Vec<String>) {
    let id = |record: &Record| record.id().to_string();
    match event {
        Event::Refresh(records) => (records.iter().map(id).collect(), Vec::new()),
        Event::Delta { changed, removed } => {
            (changed.iter().map(id).collect(), removed.iter().map(ToString::to_string).collect())
        }
    }
}

fn object(members: &[(&str, i64)]) -> Object {
    members.iter().map(|(key, value)| (*key, *value)).collect()
}

#[test]
fn a_live_query_tells_what_comes_in_moves_and_leaves() {
    let folder = tempfile::tempdir().unwrap();
    let client = client(&folder);
    for (id, due) in [("a", 3), ("b", 1), ("c", 2)] {
        client.edit("tasks", id, |r| r.set("/due", due).set("/done", false)).unwrap();
    }
    let query = Query::new("tasks").eq("/done", false).sort("/due", Order::Rising).limit(2);
    let live = client.subscribe(query.clone()).unwrap();
    let next = || ids(&live.next_within(Duration::from_secs(5)).unwrap());
    let owned = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
    assert_eq!(next(), (owned(&["b", "c"]), vec![]));
    client.edit("tasks", "b", |r| r.set("/done", true)).unwrap();
    assert_eq!(next(), (owned(&["a"]), owned(&["b"])), "the third moves up");
    client.edit("tasks", "d", |r| r.set("/due", 0).set("/done", false)).unwrap();
    assert_eq!(next(), (owned(&["d"]), owned(&["a"])));
    client.delete("tasks", "c").unwrap();
    assert_eq!(next(), (owned(&["a"]), owned(&["c"])));
    client.edit("notes", "x", |r| r.set("/due", 0).set("/done", false)).unwrap();
    assert_eq!(live.try_next(), None, "another entity");
    let now = client.query(&query).unwrap();
    let now: Vec<String> = now.iter().map(|record| record.id().to_string()).collect();
    assert_eq!(now, ["d", "a"]);
}

#[test]
fn a_subscriber_that_does_not_keep_up_is_told_all_of_it_again() {
    let folder = tempfile::tempdir().unwrap();
    let client = client(&folder);
    let live = client.subscribe(Query::new("tasks")).unwrap();
    assert_eq!(live.try_next(), Some(Event::Refresh(Vec::new())));
    let ids: Vec<String> = (0..10).map(|at| format!("t{at}")).collect();
    client
        .transaction(|all| ids.iter().try_for_each(|id| all.edit("tasks", id, |r| r.set("/a", 0))))
        .unwrap();
    for _ in 0..limits::SUBSCRIPTION_EVENTS_MAX {
        client.edit("tasks", "t0", |r| r.increment("/n", 1)).unwrap();
    }
    let Some(Event::Refresh(records)) = live.try_next() else { panic!("one refresh") };
    assert_eq!(records.len(), 10);
    assert_eq!(live.try_next(), None);
}

#[test]
fn an_edit_that_cannot_be_made_queues_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let client = client(&folder);
    let code = |result: Result<Edited, ClientError>| result.unwrap_err().code();
    assert_eq!(code(client.edit("tasks", "t", |r| r.set("title", 1))), "PATH_NO_LEADING_SLASH");
    assert_eq!(code(client.edit("tasks", "", |r| r.set("/title", 1))), "ID_INVALID");
    assert_eq!(code(client.edit("tasks", "t", |r| r)), "CLIENT_EDIT_EMPTY");
    let spliced = client.edit("tasks", "t", |r| r.set("/a", 1).splice_text("/a", 0, 0, "x"));
    assert_eq!(code(spliced), "CLIENT_EDIT_NOT_A_TEXT");
    let failed = client.transaction(|all| {
        all.edit("tasks", "t", |r| r.set("/a", 1))?;
        all.edit("tasks", "", |r| r.set("/a", 1))
    });
    assert_eq!(code(failed), "ID_INVALID");
    assert_eq!(client.status().pending, 0);
    assert_eq!(client.get("tasks", "t").unwrap(), None);
}

#[test]
fn steps_of_an_edit_see_each_other_and_keep_their_order() {
    let folder = tempfile::tempdir().unwrap();
    let client = client(&folder);
    client
        .edit("tasks", "t", |r| {
            r.set("/a", object(&[("x", 1), ("y", 2)]))
                .unset("/a/x")
                .set("/a/z", 3)
                .set("/b", 1)
                .set("/b", 2)
                .add("/tags", "one")
                .add("/tags", "two")
                .remove("/tags", "one")
                .text("/n", "hello")
                .text("/n", "hello you")
                .increment("/views", 2)
                .increment("/views", 3)
        })
        .unwrap();
    let expected = r#"{"a":{"y":2,"z":3},"b":2,"n":"hello you","tags":["two"],"views":5}"#;
    let shown = client.get("tasks", "t").unwrap().unwrap();
    assert_eq!(shown.to_json().to_compact_string(), expected);
    client.edit("tasks", "t", |r| r.set("/a", object(&[("y", 9)]))).unwrap();
    let shown = client.get("tasks", "t").unwrap().unwrap();
    assert_eq!(shown.get("/a").unwrap().to_compact_string(), r#"{"y":9}"#);
}

#[test]
fn members_of_a_keyed_array_are_written_by_their_key() {
    let folder = tempfile::tempdir().unwrap();
    let client = client(&folder);
    let lines = |client: &Client| {
        client.get("orders", "7").unwrap().unwrap().get("/lines").unwrap().to_compact_string()
    };
    client
        .edit("orders", "7", |r| {
            r.put("/lines", "a", |m| m.set("/id", "a").set("/count", 1))
                .put("/lines", "b", |m| m.set("/id", "b").set("/count", 2))
        })
        .unwrap();
    assert_eq!(lines(&client), r#"[{"count":1,"id":"a"},{"count":2,"id":"b"}]"#);
    client
        .edit("orders", "7", |r| {
            r.put("/lines", "b", |m| m.set("/count", 5)).drop_member("/lines", "a")
        })
        .unwrap();
    assert_eq!(lines(&client), r#"[{"count":5,"id":"b"}]"#);
}

#[test]
fn a_client_without_an_address_waits_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let client = client(&folder);
    let edited = client.edit("tasks", "t", |r| r.set("/a", 1)).unwrap();
    assert_eq!(client.status().network, Network::Offline);
    let waited = client.wait_for(&edited, Duration::from_millis(20));
    assert!(matches!(waited, Err(ClientError::Timeout { waited_ms: 20 })));
    assert_eq!(client.pending(10).unwrap().len(), 1);
}
