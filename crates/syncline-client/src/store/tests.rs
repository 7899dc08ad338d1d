//! The store against a hub in memory: whatever is lost on the way, and wherever the process is killed.

mod hub;
mod random;
mod sealed;

use std::path::Path as FilePath;

use syncline_merge::operation::{Effect, FieldOperation};
use syncline_model::cursor::Incarnation;
use syncline_model::id::{ClientId, EntityName, OperationId, Position, RecordId};
use syncline_model::json::Leaf;
use syncline_model::path::Path;
use syncline_protocol::change::{Change, Content, Gone, OpenConflict};
use syncline_protocol::cursor::StreamCursor;
use syncline_protocol::message::{Follow, Keeping, Page};
use syncline_protocol::outcome::{Outcome, Seen, Shown, Status};
use syncline_protocol::problem::Problem;
use syncline_protocol::token::TokenText;

use self::hub::FakeHub;
use super::{Draft, Key, Settled, Store};
use crate::edit::Edit;
use crate::error::{ClientError, StoreError};

pub(super) fn open(path: &FilePath) -> Store {
    Store::open(path, None, None).unwrap()
}

pub(super) fn key(id: &str) -> Key {
    (EntityName::new("tasks").unwrap(), RecordId::new(id).unwrap())
}

pub(super) fn path(text: &str) -> Path {
    Path::parse(text).unwrap()
}

pub(super) fn edit(
    store: &mut Store,
    id: &str,
    edit: impl FnOnce(Edit) -> Edit,
) -> Vec<OperationId> {
    let shown = store.rows().kept(&key(id)).unwrap().shown();
    let (effects, priority) = edit(Edit::new(shown)).finish().unwrap();
    let draft = |effect| Draft { key: key(id), effect, priority };
    store.enqueue(effects.into_iter().map(draft).collect(), 1_000).unwrap()
}

pub(super) fn shown(store: &Store, id: &str) -> Option<String> {
    let kept = store.rows().kept(&key(id)).unwrap();
    kept.shown().map(|fields| syncline_protocol::long::write_record(&fields))
}

fn settle(store: &mut Store, outcome: Outcome) -> super::Incoming {
    settle_kept(store, outcome, None)
}

/// Takes in the answer to an operation of the client itself.
fn settle_kept(
    store: &mut Store,
    outcome: Outcome,
    backed_up: Option<Position>,
) -> super::Incoming {
    let client = store.client().clone();
    let queued = store.rows().operation(&client, outcome.counter).unwrap().unwrap();
    let operation = Box::new(queued.operation);
    let settled = Settled::Outcome { operation, outcome, asked: Vec::new() };
    store.handle_settled(&client, &[settled], backed_up).unwrap()
}

fn seen(position: u64) -> Option<Seen> {
    let version = TokenText::new(&format!("t{position}")).unwrap();
    Some(Seen { position: Position(position), version })
}

fn outcome(counter: u64, status: Status, position: u64, shown: Shown) -> Outcome {
    let seen = if status.is_applied() { seen(position) } else { None };
    let problem = Problem {
        code: "GATE_REFUSED".into(),
        detail: "the field may not be written".into(),
        is_retryable: false,
    };
    let problem = (status == Status::Rejected).then(|| Box::new(problem));
    Outcome { counter, status, seen, shown, conflicts: Vec::new(), open: Vec::new(), problem }
}

fn fields(json: &str) -> Vec<(Path, Leaf)> {
    syncline_model::json::fields::flatten(json.as_bytes()).unwrap()
}

fn told(id: &str, position: u64, json: &str) -> Change {
    let (entity, id) = key(id);
    Change {
        entity,
        id,
        seen: seen(position).unwrap(),
        content: Content::Record(fields(json)),
        by: None,
        conflicts: Vec::new(),
    }
}

#[test]
fn an_edit_is_shown_at_once_and_survives_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("app.db");
    let mut store = open(&file);
    edit(&mut store, "t1", |r| r.set("/title", "Call back").increment("/views", 2));
    let expected = Some(r#"{"title":"Call back","views":2}"#.to_owned());
    assert_eq!(shown(&store, "t1"), expected);
    let client = store.client().clone();
    drop(store);
    let mut store = open(&file);
    assert_eq!(shown(&store, "t1"), expected);
    assert_eq!(*store.client(), client, "the same file keeps its name");
    let ids = edit(&mut store, "t1", |r| r.set("/done", true));
    assert_eq!(ids[0].counter, 2, "counters go on");
}

#[test]
fn what_is_read_at_once_is_of_one_moment() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(&folder.path().join("app.db"));
    edit(&mut store, "t1", |r| r.set("/title", "Call back"));
    let reader = store.reader().unwrap();
    let reading = reader.read().unwrap();
    // The hub's answer is stored between the reading of the record and of what waits for it.
    let confirmed = reading.rows().confirmed(&key("t1")).unwrap();
    settle(&mut store, outcome(1, Status::Applied, 1, Shown::AsPredicted));
    let queued = reading.rows().queued(&key("t1")).unwrap();
    assert!(confirmed.is_none() && queued.len() == 1, "the edit is in neither: {queued:?}");
    drop(reading);
    let reading = reader.read().unwrap();
    assert!(reading.rows().confirmed(&key("t1")).unwrap().is_some());
    assert!(reading.rows().queued(&key("t1")).unwrap().is_empty());
}

#[test]
fn counters_are_never_used_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("app.db");
    let mut store = open(&file);
    edit(&mut store, "t1", |r| r.set("/a", 1));
    settle(&mut store, outcome(1, Status::Applied, 1, Shown::AsPredicted));
    assert_eq!(store.counts(), (0, 0));
    drop(store);
    let ids = edit(&mut open(&file), "t1", |r| r.set("/a", 2));
    assert_eq!(ids[0].counter, 2);
}

#[test]
fn a_copy_of_the_file_gets_another_name_and_what_waits_keeps_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let (file, copy) = (folder.path().join("app.db"), folder.path().join("copy.db"));
    let mut store = open(&file);
    edit(&mut store, "t1", |r| r.set("/a", 1));
    let first = store.client().clone();
    drop(store);
    std::fs::copy(&file, &copy).unwrap();
    std::fs::copy(folder.path().join("app.db.lock"), folder.path().join("copy.db.lock")).unwrap();
    let mut copied = open(&copy);
    assert_ne!(*copied.client(), first);
    assert_eq!(copied.rows().oldest_client().unwrap(), Some(first.clone()));
    let ids = edit(&mut copied, "t1", |r| r.set("/a", 2));
    assert_eq!((ids[0].client != first, ids[0].counter), (true, 1));
    assert_eq!(*open(&file).client(), first, "the original goes on as it was");
}

#[test]
fn what_is_made_under_another_name_counts_on_what_was_made_before_it() {
    for (status, expected) in [(Status::Applied, Some("t1")), (Status::Merged, None)] {
        let folder = tempfile::tempdir().unwrap();
        let (file, copy) = (folder.path().join("app.db"), folder.path().join("copy.db"));
        let mut store = open(&file);
        edit(&mut store, "t1", |r| r.set("/a", 1));
        let first = store.client().clone();
        drop(store);
        std::fs::copy(&file, &copy).unwrap();
        let mut store = open(&copy);
        let delete = Draft { key: key("t1"), effect: Effect::Delete, priority: false };
        store.enqueue(vec![delete], 1_000).unwrap();
        edit(&mut store, "t1", |r| r.set("/b", 2));
        let operation = store.rows().operation(&first, 1).unwrap().unwrap().operation;
        let seen = Seen { position: Position(1), version: TokenText::new("t1").unwrap() };
        let shown = match status {
            Status::Applied => Shown::AsPredicted,
            _ => Shown::Record(Some(Vec::new())),
        };
        let (conflicts, open, problem) = (Vec::new(), Vec::new(), None);
        let outcome =
            Outcome { counter: 1, status, seen: Some(seen), shown, conflicts, open, problem };
        let settled = Settled::Outcome { operation: operation.into(), outcome, asked: Vec::new() };
        store.handle_settled(&first, &[settled], None).unwrap();
        let waiting = store.rows().queued(&key("t1")).unwrap();
        let bases: Vec<Option<&str>> = waiting
            .iter()
            .map(|queued| queued.operation.base.as_ref().map(TokenText::as_str))
            .collect();
        assert_eq!(bases, [expected; 2], "{status:?}");
    }
}

#[test]
fn a_state_that_was_put_back_gets_another_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("app.db");
    drop(open(&file));
    let old = std::fs::read(&file).unwrap();
    let mut store = open(&file);
    edit(&mut store, "t1", |r| r.set("/a", 1));
    let client = store.client().clone();
    drop(store);
    std::fs::write(&file, old).unwrap();
    let _ = std::fs::remove_file(folder.path().join("app.db-wal"));
    assert_ne!(*open(&file).client(), client, "it would use counter 1 again");
}

#[test]
fn a_file_that_is_open_or_newer_or_foreign_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("app.db");
    let store = open(&file);
    let again = |file: &FilePath| Store::open(file, None, None).map(drop);
    let code = |result: Result<(), ClientError>| result.unwrap_err().code();
    assert_eq!(code(again(&file)), "CLIENT_STORE_LOCKED");
    drop(store);
    let raw = rusqlite::Connection::open(&file).unwrap();
    raw.pragma_update(None, "user_version", 99).unwrap();
    drop(raw);
    assert!(matches!(
        again(&file),
        Err(ClientError::Store(StoreError::TooNew { found: 99, supported_max: 1 }))
    ));
    let foreign = folder.path().join("foreign.db");
    let raw = rusqlite::Connection::open(&foreign).unwrap();
    raw.execute_batch("CREATE TABLE other (a)").unwrap();
    drop(raw);
    assert_eq!(code(again(&foreign)), "CLIENT_STORE_FOREIGN");
    let text = folder.path().join("text.db");
    std::fs::write(&text, "not a database at all, but long enough to have a header of its own")
        .unwrap();
    assert_eq!(code(again(&text)), "CLIENT_STORE_FOREIGN");
}

#[test]
fn a_refused_edit_is_taken_back_with_what_came_after_it_and_its_lane_stands() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(&folder.path().join("app.db"));
    let drafts = |id: &str, value: i64| Draft {
        key: key(id),
        effect: Effect::Write(vec![FieldOperation::Set {
            path: path("/a"),
            value: Leaf::from(value),
        }]),
        priority: false,
    };
    // One transaction on two records, an edit of the first of them, and one of a third.
    store.enqueue(vec![drafts("t1", 1), drafts("t2", 2)], 1_000).unwrap();
    edit(&mut store, "t1", |r| r.set("/b", 3));
    edit(&mut store, "t3", |r| r.set("/a", 4));
    let refused = settle(&mut store, outcome(1, Status::Rejected, 0, Shown::AsPredicted)).refused;
    let codes: Vec<(u64, &str)> =
        refused.iter().map(|(id, _, why)| (id.counter, &*why.code)).collect();
    assert_eq!(codes, [(1, "GATE_REFUSED"), (2, "OPERATION_AFTER_REFUSED")]);
    assert_eq!(shown(&store, "t1").as_deref(), Some(r#"{"b":3}"#));
    assert_eq!(shown(&store, "t2"), None);
    let client = store.client().clone();
    let sent = |store: &Store| -> Vec<u64> {
        let waiting = store.rows().waiting(&client, 0, 10).unwrap();
        waiting.iter().map(|queued| queued.operation.counter).collect()
    };
    assert_eq!(sent(&store), [4], "only the third record goes on");
    let id = |counter| OperationId { client: client.clone(), counter };
    let (_, again) = store.retry(&id(1), 2_000).unwrap();
    assert_eq!(again[0].counter, 5, "it is a new operation");
    store.discard(&id(2)).unwrap();
    assert_eq!(sent(&store), [3, 4, 5]);
    assert!(matches!(store.discard(&id(2)), Err(ClientError::OperationUnknown { counter: 2 })));
}

#[test]
fn what_is_older_than_what_is_held_is_ignored() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(&folder.path().join("app.db"));
    let hub = FakeHub::new();
    edit(&mut store, "t1", |r| r.set("/a", 1));
    store.handle_page(0, &hub.page(9, vec![told("t1", 9, r#"{"a":9}"#)]), false).unwrap();
    let record = Shown::Record(Some(fields(r#"{"a":1}"#)));
    settle(&mut store, outcome(1, Status::Merged, 3, record));
    assert_eq!(shown(&store, "t1").as_deref(), Some(r#"{"a":9}"#));
    store.handle_page(0, &hub.page(9, vec![told("t1", 8, r#"{"a":8}"#)]), false).unwrap();
    assert_eq!(shown(&store, "t1").as_deref(), Some(r#"{"a":9}"#));
}

#[test]
fn a_snapshot_drops_what_it_does_not_show_and_no_operation() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(&folder.path().join("app.db"));
    let hub = FakeHub::new();
    let all = vec![told("t1", 1, r#"{"a":1}"#), told("t2", 2, r#"{"a":2}"#)];
    store.handle_page(0, &hub.page(2, all), false).unwrap();
    edit(&mut store, "t2", |r| r.set("/b", 5));
    // A result that is newer than the snapshot, which begins at 5.
    edit(&mut store, "t3", |r| r.set("/a", 3));
    settle(&mut store, outcome(2, Status::Applied, 6, Shown::AsPredicted));
    let first = hub.snapshot_page(5, Some("t1"), vec![told("t1", 4, r#"{"a":4}"#)]);
    store.handle_page(0, &first, true).unwrap();
    assert_eq!(shown(&store, "t2").as_deref(), Some(r#"{"a":2,"b":5}"#), "not yet");
    let incoming = store.handle_page(0, &hub.snapshot_page(5, None, vec![]), false).unwrap();
    assert_eq!(incoming.touched, [key("t2")]);
    assert_eq!(shown(&store, "t1").as_deref(), Some(r#"{"a":4}"#));
    assert_eq!(shown(&store, "t2").as_deref(), Some(r#"{"b":5}"#), "the edit stays");
    assert_eq!(shown(&store, "t3").as_deref(), Some(r#"{"a":3}"#), "it comes by the log");
}

#[test]
fn only_conflicts_that_wait_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(&folder.path().join("app.db"));
    let waiting = |store: &Store| {
        let confirmed = store.rows().confirmed(&key("t1")).unwrap().unwrap();
        confirmed.conflicts.into_iter().map(|waits| waits.id.to_string()).collect::<Vec<_>>()
    };
    let waits = OpenConflict { id: "c2".into(), path: Path::root() };
    #[rustfmt::skip]
    let cases = [
        (vec!["c1"], vec![], vec![]), (vec!["c2"], vec![waits], vec!["c2"]),
        (vec![], vec![], vec!["c2"]), (vec!["c3"], vec![], vec![]),
    ];
    for (counter, (brought, open, expected)) in (1..).zip(cases) {
        edit(&mut store, "t1", |r| r.set("/a", counter as i64));
        let record = Shown::Record(Some(fields(r#"{"a":1}"#)));
        let mut told = outcome(counter, Status::Conflict, counter, record);
        told.conflicts = brought.into_iter().map(Into::into).collect();
        told.open = open;
        settle(&mut store, told);
        assert_eq!(waiting(&store), expected, "{counter}");
    }
}

#[test]
fn positions_of_another_incarnation_are_older() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(&folder.path().join("app.db"));
    let hub = FakeHub::new();
    store.handle_page(0, &hub.page(90, vec![told("t1", 90, r#"{"a":1}"#)]), false).unwrap();
    edit(&mut store, "t1", |r| r.set("/a", 2));
    let (client, incarnation) = (store.client().clone(), Incarnation(77));
    store.handle_incarnation(incarnation, &client, Default::default()).unwrap();
    let record = Shown::Record(Some(fields(r#"{"a":2,"old":true}"#)));
    settle(&mut store, outcome(1, Status::Merged, 3, record));
    assert_eq!(shown(&store, "t1").as_deref(), Some(r#"{"a":2,"old":true}"#));
}

#[test]
fn what_is_sent_again_is_shown_once_before_meanwhile_and_after() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("app.db");
    let mut store = open(&file);
    let (client, [life, next]) = (store.client().clone(), [5, 77].map(Incarnation));
    let backed_up = |position| Keeping { backed_up: Some(Position(position)), floor: 0 };
    assert!(!store.handle_incarnation(life, &client, backed_up(0)).unwrap());
    let shows = |store: &Store, n: u64| {
        let expected = format!(r#"{{"n":{n}}}"#);
        assert_eq!(shown(store, "t1").as_deref(), Some(expected.as_str()));
    };
    for counter in 1..=3 {
        edit(&mut store, "t1", |r| r.increment("/n", 1));
        let outcome = outcome(counter, Status::Applied, counter, Shown::AsPredicted);
        settle_kept(&mut store, outcome, Some(Position(0)));
    }
    edit(&mut store, "t1", |r| r.increment("/n", 10));
    store.handle_backed_up(Position(1)).unwrap();
    assert_eq!((store.kept_counts(), store.counts()), ((2, 0), (1, 0)));
    shows(&store, 13);
    // The hub is another one, which lacks the latter two.
    assert!(store.handle_incarnation(next, &client, backed_up(1)).unwrap());
    assert_eq!((store.kept_counts(), store.counts()), ((0, 0), (3, 0)));
    shows(&store, 13);
    drop(store);
    let mut store = open(&file);
    shows(&store, 13);
    let waiting = store.rows().waiting(&client, 0, 10).unwrap();
    let counters: Vec<u64> = waiting.iter().map(|queued| queued.operation.counter).collect();
    assert_eq!(counters, [2, 3, 4], "in their old order");
    assert!(!store.handle_incarnation(next, &client, backed_up(1)).unwrap(), "once");
    for (counter, n) in [(2, 2), (3, 3), (4, 13)] {
        let record = Shown::Record(Some(fields(&format!(r#"{{"n":{n}}}"#))));
        let outcome = outcome(counter, Status::Merged, counter, record);
        settle_kept(&mut store, outcome, Some(Position(1)));
        shows(&store, 13);
    }
    assert_eq!(
        (store.kept_counts(), store.counts()),
        ((3, 0), (0, 0)),
        "until this one is backed up"
    );
}

#[test]
fn what_does_not_fit_has_all_records_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(&folder.path().join("app.db"));
    let hub = FakeHub::new();
    store.follow(&[Follow::default()]).unwrap();
    store.handle_page(0, &hub.page(2, vec![told("t1", 2, r#"{"a":1}"#)]), false).unwrap();
    let content = Content::Fields {
        set: fields(r#"{"a":1}"#),
        unset: Vec::new(),
        text: Vec::new(),
        deltas: Vec::new(),
    };
    let change = Change { content, ..told("t9", 3, "{}") };
    let incoming = store.handle_page(0, &hub.page(3, vec![change]), false).unwrap();
    assert!(incoming.is_unfit);
    assert_eq!(store.rows().cursor(0).unwrap(), None);
    assert_eq!(shown(&store, "t1").as_deref(), Some(r#"{"a":1}"#), "it is kept until then");
}

fn unscoped(id: &str, position: u64) -> Change {
    Change { content: Content::Gone(Gone::Unscoped), ..told(id, position, "{}") }
}

#[test]
fn a_record_that_goes_out_of_sight_is_forgotten_and_its_operations_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(&folder.path().join("app.db"));
    let hub = FakeHub::new();
    store.follow(&[Follow::default()]).unwrap();
    let page = vec![told("t1", 1, r#"{"a":1}"#), told("t2", 1, r#"{"a":1}"#)];
    store.handle_page(0, &hub.page(1, page), false).unwrap();
    edit(&mut store, "t2", |r| r.set("/b", 2));
    let page = hub.page(3, vec![unscoped("t1", 2), unscoped("t2", 3)]);
    let incoming = store.handle_page(0, &page, false).unwrap();
    assert_eq!(incoming.touched, [key("t1"), key("t2")]);
    assert_eq!(shown(&store, "t1"), None);
    assert_eq!(shown(&store, "t2").as_deref(), Some(r#"{"b":2}"#), "what is waiting is shown");
    assert!(store.rows().kept(&key("t2")).unwrap().confirmed.is_none());
    let client = store.client().clone();
    let waiting = store.rows().waiting(&client, 0, 10).unwrap();
    let base = waiting[0].operation.base.as_ref().map(|base| base.as_str());
    assert_eq!(base, Some("t1"), "the operation says what its writer had seen");
    // Its result tells more than the log did: it is newer.
    let record = Shown::Record(Some(fields(r#"{"a":1,"b":2}"#)));
    settle(&mut store, outcome(1, Status::Merged, 9, record));
    store.handle_page(0, &hub.page(4, vec![unscoped("t2", 4)]), false).unwrap();
    assert_eq!(shown(&store, "t2").as_deref(), Some(r#"{"a":1,"b":2}"#));
}

#[test]
fn a_record_leaves_with_the_last_view_that_shows_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(&folder.path().join("app.db"));
    let hub = FakeHub::new();
    let views = ["a", "b"].map(|name| Follow::view(name, syncline_model::json::Object::new()));
    store.follow(&views).unwrap();
    let some = |ids: &[&str], at| ids.iter().map(|id| told(id, at, r#"{"a":1}"#)).collect();
    store.handle_page(0, &hub.snapshot_page(5, None, some(&["t1", "t2"], 5)), true).unwrap();
    store.handle_page(1, &hub.snapshot_page(6, None, some(&["t2", "t3"], 6)), true).unwrap();
    let all = |store: &Store| ["t1", "t2", "t3"].map(|id| shown(store, id).is_some());
    assert_eq!(all(&store), [true, true, true]);
    store.handle_page(0, &hub.page(7, vec![unscoped("t2", 7)]), false).unwrap();
    assert_eq!(all(&store), [true, true, true], "the other view shows it");
    store.handle_page(1, &hub.page(8, vec![unscoped("t2", 8)]), false).unwrap();
    assert_eq!(all(&store), [true, false, true]);
    // One view begins anew and does not show its record any more.
    store.handle_page(1, &hub.snapshot_page(9, None, some(&["t2"], 9)), true).unwrap();
    assert_eq!(all(&store), [true, true, false]);
    // Both begin anew: until both are through nothing is dropped.
    store.follow(&views[..1]).unwrap();
    store.follow(&views).unwrap();
    store.handle_page(0, &hub.snapshot_page(10, None, some(&["t3"], 10)), true).unwrap();
    assert_eq!(all(&store), [true, true, true]);
    store.handle_page(1, &hub.snapshot_page(10, None, some(&["t2"], 10)), true).unwrap();
    assert_eq!(all(&store), [false, true, true]);
    store.follow(&views[1..]).unwrap();
    store.handle_page(0, &hub.snapshot_page(11, None, some(&["t2"], 11)), true).unwrap();
    assert_eq!(all(&store), [false, true, false]);
}

#[test]
fn what_only_a_result_has_told_stays_until_every_view_has_come_so_far() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(&folder.path().join("app.db"));
    let hub = FakeHub::new();
    let views = ["a", "b"].map(|name| Follow::view(name, syncline_model::json::Object::new()));
    store.follow(&views).unwrap();
    store.handle_page(0, &hub.snapshot_page(3, None, Vec::new()), true).unwrap();
    edit(&mut store, "t1", |r| r.set("/a", 1));
    edit(&mut store, "t2", |r| r.set("/a", 1));
    let record = || Shown::Record(Some(fields(r#"{"a":1}"#)));
    settle(&mut store, outcome(1, Status::Merged, 20, record()));
    settle(&mut store, outcome(2, Status::Merged, 21, record()));
    let all = |store: &Store| ["t1", "t2"].map(|id| shown(store, id).is_some());
    store.handle_page(1, &hub.snapshot_page(37, None, Vec::new()), true).unwrap();
    assert_eq!(all(&store), [true, true], "the first view stands before them");
    let page = hub.page(20, vec![told("t1", 20, r#"{"a":1}"#)]);
    store.handle_page(0, &page, false).unwrap();
    assert_eq!(all(&store), [true, true]);
    store.handle_page(0, &hub.page(40, Vec::new()), false).unwrap();
    assert_eq!(all(&store), [true, false], "no view shows the other one");
}

#[test]
fn edits_of_a_text_are_read_against_what_their_writer_saw() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(&folder.path().join("app.db"));
    let hub = FakeHub::new();
    store.handle_page(0, &hub.page(1, vec![told("t1", 1, r#"{"n":"abc"}"#)]), false).unwrap();
    edit(&mut store, "t1", |r| r.text("/n", "abcX"));
    let client = store.client().clone();
    let sent = store.rows().waiting(&client, 0, 10).unwrap();
    store.note_handed(&client, sent[0].operation.counter);
    // Somebody else types in front meanwhile.
    let page = hub.page(2, vec![told("t1", 2, r#"{"n":"ZZabc","t":1}"#)]);
    store.handle_page(0, &page, false).unwrap();
    assert_eq!(shown(&store, "t1").as_deref(), Some(r#"{"n":"abcX","t":1}"#));
    edit(&mut store, "t1", |r| r.text("/n", "abcXY").set("/t", 2));
    let waiting = store.rows().waiting(&client, 0, 10).unwrap();
    let base = |at: usize| waiting[at].operation.base.as_ref().map(|base| base.as_str());
    assert_eq!((base(0), base(1), base(2)), (Some("t1"), Some("t1"), Some("t2")));
    assert_eq!(waiting[1].operation.after, [1]);
    // The hub answers the first: the others were never handed out, and are made anew.
    let record = Shown::Record(Some(fields(r#"{"n":"ZZabcX","t":1}"#)));
    settle(&mut store, outcome(1, Status::Merged, 3, record));
    assert_eq!(shown(&store, "t1").as_deref(), Some(r#"{"n":"ZZabcXY","t":2}"#));
    let waiting = store.rows().waiting(&client, 0, 10).unwrap();
    assert_eq!(waiting[0].operation.base.as_ref().unwrap().as_str(), "t3");
    let FieldOperation::EditText { edit, .. } = (match &waiting[0].operation.effect {
        Effect::Write(operations) => &operations[0],
        Effect::Delete => unreachable!(),
    }) else {
        unreachable!()
    };
    assert_eq!(edit.apply("ZZabcX").unwrap(), "ZZabcXY");
}

/// What is deleted is what its writer saw, not what a comparison takes for that.
#[test]
fn an_edit_in_the_midst_of_what_others_changed_stays_as_it_is() {
    #[rustfmt::skip]
    let cases = [
        // what, what the user makes of "a-1 a-2 ", what others make of it, whether the edit is made anew
        ("a word typed before one that is deleted", "a-1 ",         "a-1 a-3 a-2 ", false),
        ("a word in the place of a deleted one",    "a-1 ",         "a-1 a-3 ",     false),
        ("typed into what others change",           "a-1 b a-2 ",   "a-3 a-2 a-4 ", false),
        ("typed at the end",                        "a-1 a-2 b ",   "a-3 a-2 ",     true),
        ("deleted before what others typed",        "a-2 ",         "a-1 a-2 b ",   true),
    ];
    for (name, own, others, is_anew) in cases {
        let folder = tempfile::tempdir().unwrap();
        let mut store = open(&folder.path().join("app.db"));
        let hub = FakeHub::new();
        let page = hub.page(1, vec![told("t1", 1, r#"{"n":"a-1 a-2 "}"#)]);
        store.handle_page(0, &page, false).unwrap();
        edit(&mut store, "t1", |r| r.text("/n", own));
        let before = store.rows().waiting(&store.client().clone(), 0, 10).unwrap();
        let page = hub.page(2, vec![told("t1", 2, &format!(r#"{{"n":"{others}"}}"#))]);
        store.handle_page(0, &page, false).unwrap();
        let after = store.rows().waiting(&store.client().clone(), 0, 10).unwrap();
        let base = after[0].operation.base.as_ref().unwrap().as_str();
        assert_eq!(base, if is_anew { "t2" } else { "t1" }, "case: {name}");
        assert_eq!(before[0].operation == after[0].operation, !is_anew, "case: {name}");
    }
}

#[test]
fn a_refused_edit_of_a_text_is_made_anew_for_the_text_of_now() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(&folder.path().join("app.db"));
    let hub = FakeHub::new();
    store.handle_page(0, &hub.page(1, vec![told("t1", 1, r#"{"n":"abc"}"#)]), false).unwrap();
    edit(&mut store, "t1", |r| r.text("/n", "abcX"));
    settle(&mut store, outcome(1, Status::Rejected, 0, Shown::AsPredicted));
    let page = hub.page(2, vec![told("t1", 2, r#"{"n":"ZZabc"}"#)]);
    store.handle_page(0, &page, false).unwrap();
    assert_eq!(shown(&store, "t1").as_deref(), Some(r#"{"n":"ZZabc"}"#));
    let client = store.client().clone();
    store.retry(&OperationId { client, counter: 1 }, 2_000).unwrap();
    assert_eq!(shown(&store, "t1").as_deref(), Some(r#"{"n":"ZZabcX"}"#));
}

#[test]
fn wiping_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("app.db");
    let mut store = open(&file);
    edit(&mut store, "t1", |r| r.set("/secret", "hidden-words-of-mine"));
    let client: ClientId = store.client().clone();
    store.wipe().unwrap();
    assert_eq!(shown(&store, "t1"), None);
    drop(store);
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        let holds = bytes.windows(12).any(|window| window == b"hidden-words");
        assert!(!holds, "the words are still on disk");
    }
    assert_ne!(*open(&file).client(), client);
}

#[test]
fn a_short_token_of_a_change_has_the_details_of_what_is_held() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(&folder.path().join("app.db"));
    let mut take_in = |id: &str, position: u64, version: &str| {
        let mut change = told(id, position, r#"{"title":"Call back"}"#);
        change.seen.version = TokenText::new(version).unwrap();
        let cursor = StreamCursor::at_position(Incarnation(7), Position(position));
        let page = Page {
            changes: vec![change],
            cursor,
            more: false,
            is_snapshot: false,
            begins: false,
            same: None,
        };
        let incoming = store.handle_page(0, &page, false).unwrap();
        let confirmed = store.rows().confirmed(&key(id)).unwrap();
        let token = confirmed.and_then(|confirmed| confirmed.token);
        (incoming.is_unfit, token.map(|token| token.as_str().to_owned()))
    };
    assert_eq!(take_in("t1", 1, "AA~BB"), (false, Some("AA~BB".to_owned())));
    assert_eq!(take_in("t1", 2, "~CC"), (false, Some("AA~CC".to_owned())));
    assert_eq!(take_in("t1", 3, "DD~EE"), (false, Some("DD~EE".to_owned())));
    assert_eq!(take_in("t2", 4, "~CC"), (true, None), "something was lost: all is read again");
}
