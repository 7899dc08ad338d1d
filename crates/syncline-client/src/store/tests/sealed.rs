//! Sealed files: what their bytes show, whose key opens them, and another key for them.

use std::path::Path as FilePath;

use syncline_merge::operation::{Effect, FieldOperation};
use syncline_model::id::{EntityName, Position, RecordId};
use syncline_model::json::{Json, Leaf, Object};
use syncline_protocol::change::{Change, OpenConflict};
use syncline_protocol::message::{Follow, Keeping};
use syncline_protocol::outcome::{Shown, Status};

use super::{FakeHub, edit, open, outcome, path, seen, settle, settle_kept, told};
use crate::error::ClientError;
use crate::store::{Draft, Store, change_key};

type SealKey = [u8; 32];

const KEY: SealKey = [7; 32];
const OTHER: SealKey = [8; 32];

/// Words that stand in all parts of a file: values, names, texts, reasons, parameters, places.
const WORDS: [&str; 13] = [
    "alpha-entity",
    "bravo-id",
    "charlie-field",
    "delta-value",
    "echo-queued",
    "foxtrot-text",
    "golf-typed",
    "hotel-param",
    "india-reason",
    "juliet-conflict",
    "kilo-kept",
    "lima-token",
    "mike-place",
];

/// Returns which of the words stand in any file of a folder, as they are or within base64url.
fn found(folder: &FilePath) -> Vec<&'static str> {
    let mut all = Vec::new();
    for file in std::fs::read_dir(folder).unwrap() {
        all.extend(std::fs::read(file.unwrap().path()).unwrap());
        all.push(b'\n');
    }
    // A cursor holds its place encoded.
    let is_base64url = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    let mut decoded = Vec::new();
    for run in all.split(|b| !is_base64url(b)).filter(|run| run.len() >= 16) {
        for (start, cut) in (0..4).flat_map(|start| (0..4).map(move |cut| (start, cut))) {
            let text = std::str::from_utf8(&run[start..run.len() - cut]).unwrap();
            decoded.extend(syncline_model::base64url::decode(text).unwrap_or_default());
        }
    }
    let holds = |bytes: &[u8], word: &str| bytes.windows(word.len()).any(|w| w == word.as_bytes());
    WORDS.into_iter().filter(|word| holds(&all, word) || holds(&decoded, word)).collect()
}

fn named(id: &str, position: u64, json: &str) -> Change {
    let (entity, id) = (EntityName::new(WORDS[0]).unwrap(), RecordId::new(id).unwrap());
    Change { entity, id, ..told("t1", position, json) }
}

fn put(store: &mut Store, id: &str, field: &str, value: &str) {
    let key = (EntityName::new(WORDS[0]).unwrap(), RecordId::new(id).unwrap());
    let set = FieldOperation::Set { path: path(field), value: Leaf::string(value) };
    let draft = Draft { key, effect: Effect::Write(vec![set]), priority: false };
    store.enqueue(vec![draft], 1_000).unwrap();
}

/// Leaves something in every column of every table.
fn fill(store: &mut Store) {
    let hub = FakeHub::new();
    let mut params = Object::new();
    params.insert("team", Json::from("hotel-param"));
    store.follow(&[Follow::default(), Follow::view("of-a-team", params)]).unwrap();
    let mut first = named("bravo-id", 1, r#"{"charlie-field":"delta-value"}"#);
    let conflict = OpenConflict { id: "c1".into(), path: path("/juliet-conflict") };
    first.conflicts = vec![conflict];
    let mut second = named("text", 2, r#"{"n":"foxtrot-text"}"#);
    second.seen.version = syncline_protocol::token::TokenText::new("lima-token").unwrap();
    store.handle_page(0, &hub.page(2, vec![first.clone(), second]), false).unwrap();
    store.handle_page(1, &hub.snapshot_page(2, Some("mike-place"), vec![first]), true).unwrap();
    // Kept until it is backed up, refused, and waiting.
    put(store, "bravo-id", "/a", "kilo-kept");
    let applied = outcome(1, Status::Applied, 3, Shown::AsPredicted);
    settle_kept(store, applied, Some(Position(0)));
    put(store, "refused", "/a", "b");
    let mut refused = outcome(2, Status::Rejected, 0, Shown::AsPredicted);
    refused.problem.as_mut().unwrap().detail = "india-reason".into();
    settle(store, refused);
    put(store, "bravo-id", "/charlie-field", "echo-queued");
    let key = (EntityName::new(WORDS[0]).unwrap(), RecordId::new("text").unwrap());
    let shown = store.rows().kept(&key).unwrap().shown();
    let typed = crate::edit::Edit::new(shown).splice_text("/n", 0, 0, "golf-typed ");
    let (effects, priority) = typed.finish().unwrap();
    let draft = |effect| Draft { key: key.clone(), effect, priority };
    store.enqueue(effects.into_iter().map(draft).collect(), 1_000).unwrap();
}

/// Returns all that is shown, waits or stands aside, and how far the views have come.
fn told_by(store: &Store) -> String {
    let rows = store.rows();
    let entity = EntityName::new(WORDS[0]).unwrap();
    let ids = rows.ids(&entity).unwrap();
    let kept = |id: &RecordId| rows.kept(&(entity.clone(), id.clone())).unwrap();
    let records: Vec<_> = ids.iter().map(kept).collect();
    let cursors = [0, 1].map(|view| rows.cursor(view).unwrap());
    let waiting = (rows.pending(100).unwrap(), rows.aside().unwrap());
    let contested = rows.contested().unwrap();
    let counts = (store.counts(), store.kept_counts());
    format!("{ids:?} {records:?} {cursors:?} {waiting:?} {contested:?} {counts:?}")
}

fn opened(file: &FilePath, key: Option<&SealKey>) -> Store {
    Store::open(file, None, key).unwrap()
}

fn code(file: &FilePath, key: Option<&SealKey>) -> &'static str {
    Store::open(file, None, key).map(drop).unwrap_err().code()
}

#[test]
fn the_bytes_of_a_sealed_file_show_nothing_and_those_of_a_plain_one_all_of_it() {
    let mut told = Vec::new();
    for (key, expected) in [(None, WORDS.to_vec()), (Some(KEY), Vec::new())] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("app.db");
        let mut store = opened(&file, key.as_ref());
        fill(&mut store);
        assert_eq!(found(folder.path()), expected, "with its log");
        // What another life of the hub lacks goes back into the queue.
        let (client, life) = (store.client().clone(), syncline_model::cursor::Incarnation(9));
        let before = told_by(&store);
        drop(store);
        assert_eq!(found(folder.path()), expected, "closed");
        let mut store = opened(&file, key.as_ref());
        assert_eq!(told_by(&store), before, "what was kept is read again");
        assert!(store.handle_incarnation(life, &client, Keeping::default()).unwrap());
        let anew = told_by(&store).replace(client.as_str(), "client");
        told.push(anew);
        assert_eq!(found(folder.path()), expected, "with its log");
    }
    assert_eq!(told[0], told[1], "a sealed file is no other");
}

#[test]
fn whatever_was_kept_is_gone_once_the_file_is_wiped() {
    for key in [None, Some(KEY)] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("app.db");
        let mut store = opened(&file, key.as_ref());
        fill(&mut store);
        store.wipe().unwrap();
        assert_eq!(found(folder.path()), Vec::<&str>::new(), "{key:?}");
        drop(store);
        let raw = rusqlite::Connection::open(&file).unwrap();
        for table in ["records", "views", "members", "queue", "kept", "anchors"] {
            let count = format!("SELECT count(*) FROM {table}");
            let count: i64 = raw.query_row(&count, (), |row| row.get(0)).unwrap();
            assert_eq!(count, 0, "{table}, {key:?}");
        }
    }
}

#[test]
fn a_wrong_key_opens_nothing_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (sealed, plain) = (folder.path().join("sealed.db"), folder.path().join("plain.db"));
    fill(&mut opened(&sealed, Some(&KEY)));
    fill(&mut opened(&plain, None));
    for (file, wrong) in [(&sealed, Some(OTHER)), (&sealed, None), (&plain, Some(KEY))] {
        let before = std::fs::read(file).unwrap();
        assert_eq!(code(file, wrong.as_ref()), "CLIENT_STORE_KEY", "{wrong:?}");
        let changed = change_key(file, wrong.as_ref(), Some(&OTHER)).unwrap_err();
        assert_eq!(changed.code(), "CLIENT_STORE_KEY", "{wrong:?}");
        assert_eq!(std::fs::read(file).unwrap(), before, "{wrong:?}");
    }
    let none = folder.path().join("none.db");
    let missing = change_key(&none, None, Some(&KEY)).unwrap_err();
    assert_eq!((missing.code(), none.exists()), ("CLIENT_STORE_FILE", false));
}

#[test]
fn another_key_shows_the_same_and_leaves_nothing_of_the_former_one_behind() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("app.db");
    let mut store = opened(&file, None);
    fill(&mut store);
    let before = told_by(&store);
    drop(store);
    let mut from = None;
    for to in [Some(KEY), Some(OTHER), Some(OTHER), None] {
        change_key(&file, from.as_ref(), to.as_ref()).unwrap();
        let expected = if to.is_none() { WORDS.to_vec() } else { Vec::new() };
        assert_eq!(found(folder.path()), expected, "{to:?}");
        if from != to {
            assert_eq!(code(&file, from.as_ref()), "CLIENT_STORE_KEY", "{to:?}");
        }
        assert_eq!(told_by(&opened(&file, to.as_ref())), before, "{to:?}");
        from = to;
    }
}

#[test]
fn a_change_of_the_key_that_was_cut_is_not_begun_or_is_finished() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("app.db");
    fill(&mut opened(&file, None));
    // A row that cannot be read: all stays as it was.
    let raw = rusqlite::Connection::open(&file).unwrap();
    let (good, bad) = ("UPDATE records SET fields = ?1 WHERE id = 'text'", b"{".to_vec());
    let fields: Vec<u8> = raw
        .query_row("SELECT fields FROM records WHERE id = 'text'", (), |row| row.get(0))
        .unwrap();
    raw.execute(good, [bad]).unwrap();
    drop(raw);
    assert_eq!(change_key(&file, None, Some(&KEY)).unwrap_err().code(), "CLIENT_STORE_DAMAGED");
    assert_eq!(found(folder.path()), WORDS, "it is plain");
    let raw = rusqlite::Connection::open(&file).unwrap();
    raw.execute(good, [fields]).unwrap();
    drop(raw);
    let before = told_by(&open(&file));
    change_key(&file, None, Some(&KEY)).unwrap();
    // Killed before the plain rows had left the file: the next opening does that.
    let raw = rusqlite::Connection::open(&file).unwrap();
    raw.execute("INSERT INTO meta VALUES ('unclean', '')", ()).unwrap();
    raw.execute_batch(
        "CREATE TABLE rest (a); INSERT INTO rest VALUES ('delta-value'); DROP TABLE rest",
    )
    .unwrap();
    drop(raw);
    assert_eq!(found(folder.path()), ["delta-value"]);
    assert_eq!(told_by(&opened(&file, Some(&KEY))), before);
    assert_eq!(found(folder.path()), Vec::<&str>::new());
}

#[test]
fn a_row_that_was_put_in_the_place_of_another_is_not_taken_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("app.db");
    let mut store = opened(&file, Some(&KEY));
    edit(&mut store, "t1", |r| r.set("/pay", 1));
    edit(&mut store, "t2", |r| r.set("/pay", 2));
    let hub = FakeHub::new();
    let both = vec![told("t1", 1, r#"{"pay":1}"#), told("t2", 1, r#"{"pay":2}"#)];
    store.handle_page(0, &hub.page(1, both), false).unwrap();
    assert_eq!(seen(1).unwrap().position, Position(1));
    drop(store);
    let raw = rusqlite::Connection::open(&file).unwrap();
    raw.execute_batch(
        "UPDATE queue SET operation = (SELECT operation FROM queue WHERE counter = 1)",
    )
    .unwrap();
    raw.execute_batch("UPDATE records SET fields = (SELECT fields FROM records LIMIT 1)").unwrap();
    drop(raw);
    let store = opened(&file, Some(&KEY));
    let damaged = |result: Result<(), ClientError>| result.unwrap_err().code();
    let rows = store.rows();
    assert_eq!(damaged(rows.pending(9).map(drop).map_err(Into::into)), "CLIENT_STORE_DAMAGED");
    let confirmed = ["t1", "t2"].map(|id| rows.confirmed(&super::key(id)).is_err());
    assert_eq!(confirmed.iter().filter(|is_damaged| **is_damaged).count(), 1);
}
