//! Opening a store on disk: who may, what is found, what it looks like from outside.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rusqlite::Connection;
use syncline_engine::rows::{Batch, Key, Scan, Table};
use syncline_store::sqlite::{Check, DATABASE_FILE, LOCK_FILE, Options, SqliteStore};
use syncline_store::{Advice, Read, Store, StoreError};

use crate::fixture::*;

fn open(folder: &Path) -> Result<SqliteStore, StoreError> {
    SqliteStore::open(folder, &Options { check: Check::Pages, ..Options::default() })
}

#[test]
fn a_second_opener_is_told_who_holds_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let _first = open(folder.path()).unwrap();
    let error = open(folder.path()).unwrap_err();
    assert_eq!((error.code(), error.advice()), ("STORE_LOCKED", Advice::AskHuman));
    let holder = format!("pid {}", std::process::id());
    assert!(error.to_string().contains(&holder), "{error}");
}

#[test]
fn the_lock_file_of_a_dead_process_is_no_obstacle() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(LOCK_FILE), "pid 1\nboot somewhere else\n").unwrap();
    let store = open(folder.path()).unwrap();
    let text = fs::read_to_string(folder.path().join(LOCK_FILE)).unwrap();
    assert!(text.starts_with(&format!("pid {}\nboot ", std::process::id())), "{text}");
    drop(store);
    open(folder.path()).unwrap();
}

#[test]
fn only_the_owner_may_look() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("state").join("hub");
    let mut store = open(&folder).unwrap();
    store.commit(&puts(&[meta("a")])).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    let mut names: Vec<String> = Vec::new();
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{path:?}");
        names.push(path.file_name().unwrap().to_string_lossy().into_owned());
    }
    names.sort();
    assert_eq!(names, ["syncline.db", "syncline.db-shm", "syncline.db-wal", "syncline.lock"]);
}

#[test]
fn a_store_of_a_newer_program_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    open(folder.path()).map(Box::new).unwrap().close().unwrap();
    let path = folder.path().join(DATABASE_FILE);
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 3).unwrap();
    let before = fs::read(&path).unwrap();
    let error = open(folder.path()).unwrap_err();
    assert!(matches!(error, StoreError::TooNew { found: 3, supported_max: 2 }), "{error:?}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn what_is_no_store_is_refused_and_left_alone() {
    let foreign = |path: &Path| {
        Connection::open(path).unwrap().execute_batch("CREATE TABLE songs (title TEXT)").unwrap();
    };
    let text = |path: &Path| fs::write(path, "not a database at all".repeat(300)).unwrap();
    let cut = |path: &Path| {
        open(path.parent().unwrap()).map(Box::new).unwrap().close().unwrap();
        fs::OpenOptions::new().write(true).open(path).unwrap().set_len(8_192).unwrap();
    };
    let scribbled = |path: &Path| {
        let mut store = Box::new(open(path.parent().unwrap()).unwrap());
        store.commit(&puts(&(0..2_000).map(log).collect::<Vec<_>>())).unwrap();
        store.close().unwrap();
        let mut bytes = fs::read(path).unwrap();
        let middle = bytes.len() / 8192 * 4096;
        bytes[middle..middle + 64].fill(0xa5);
        fs::write(path, bytes).unwrap();
    };
    type Make<'a> = &'a dyn Fn(&Path);
    let cases: [(&str, Make<'_>); 4] = [
        ("another program's database", &foreign),
        ("a text", &text),
        ("a store cut short", &cut),
        ("a store with a page scribbled over", &scribbled),
    ];
    for (name, make) in cases {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(DATABASE_FILE);
        make(&path);
        let error = open(folder.path()).unwrap_err();
        let expected = ("STORE_DAMAGED", Advice::AskHuman);
        assert_eq!((error.code(), error.advice()), expected, "case: {name}: {error}");
    }
}

#[test]
fn an_empty_file_becomes_a_store() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(DATABASE_FILE), "").unwrap();
    open(folder.path()).unwrap().commit(&puts(&[meta("a")])).unwrap();
}

#[test]
fn partitions_of_one_file_do_not_see_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let of = |number| Options {
        partition: syncline_model::id::PartitionId(number),
        ..Options::default()
    };
    let key = record("contacts", "a");
    let mut store = SqliteStore::open(folder.path(), &of(0)).unwrap();
    store.commit(&puts(std::slice::from_ref(&key))).unwrap();
    drop(store);
    let mut store = SqliteStore::open(folder.path(), &of(1)).unwrap();
    assert_eq!((store.get(&key).unwrap(), store.epoch().0), (None, 1));
    assert_eq!(keys(&store, &Scan::AllRecords, None, 9), []);
    store.commit(Batch::new().delete(key.clone())).unwrap();
    drop(store);
    let store = SqliteStore::open(folder.path(), &of(0)).unwrap();
    assert_eq!((store.get(&key).unwrap(), store.epoch().0), (Some(b"0".to_vec()), 2));
}

/// The file is made to be read by people with the `sqlite3` shell.
#[test]
fn tables_and_columns_have_the_names_of_the_glossary() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Box::new(open(folder.path()).unwrap());
    store.commit(&puts(&[record("contacts", "a"), Key::Audit(7)])).unwrap();
    store.close().unwrap();
    let connection = Connection::open(folder.path().join(DATABASE_FILE)).unwrap();
    for table in Table::ALL {
        let sql = format!("SELECT sql FROM sqlite_schema WHERE name = '{}'", table.name());
        let sql: String = connection.query_one(&sql, (), |row| row.get(0)).unwrap();
        assert!(sql.contains("partition INTEGER NOT NULL") && sql.contains("STRICT"), "{sql}");
    }
    let sql = "SELECT entity || '/' || id || '=' || CAST(state AS TEXT) FROM records";
    let row: String = connection.query_one(sql, (), |row| row.get(0)).unwrap();
    assert_eq!(row, "contacts/a=0");
}

/// Requirement: deleted values are overwritten, and a foreign program can recognise the file.
#[test]
fn the_file_carries_its_settings() {
    let folder = tempfile::tempdir().unwrap();
    open(folder.path()).map(Box::new).unwrap().close().unwrap();
    let connection = Connection::open(folder.path().join(DATABASE_FILE)).unwrap();
    let cases = [("application_id", 0x5359_4e43), ("user_version", 2), ("auto_vacuum", 2)];
    for (name, expected) in cases {
        let sql = format!("PRAGMA {name}");
        let found: i64 = connection.query_one(&sql, (), |row| row.get(0)).unwrap();
        assert_eq!(found, expected, "{name}");
    }
    let mode: String = connection.query_one("PRAGMA journal_mode", (), |row| row.get(0)).unwrap();
    assert_eq!(mode, "wal");
}

#[test]
fn the_log_stays_bounded_while_no_reader_holds_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Box::new(open(folder.path()).unwrap());
    let mut longest = 0;
    for round in 0..180u64 {
        let mut batch = Batch::new();
        for index in 0..200 {
            batch.put(log(round * 200 + index), vec![7; 4_000]);
        }
        store.commit(&batch).unwrap();
        let wal = folder.path().join("syncline.db-wal");
        longest = longest.max(fs::metadata(wal).unwrap().len());
    }
    let whole = fs::metadata(folder.path().join(DATABASE_FILE)).unwrap().len();
    assert!(longest < 64 << 20, "the log grew to {longest} bytes of {whole}");
    store.close().unwrap();
    assert_eq!(fs::metadata(folder.path().join("syncline.db-wal")).map_or(0, |file| file.len()), 0);
}

/// Returns the statements of all tables of the store in `folder`.
fn layout(folder: &Path) -> String {
    let connection = Connection::open(folder.join(DATABASE_FILE)).unwrap();
    let sql = "SELECT group_concat(sql || ';', char(10)) || char(10) FROM
               (SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name)";
    connection.query_one(sql, (), |row| row.get(0)).unwrap()
}

/// The layout of the file is a promise to every later version of the program.
#[test]
fn the_layout_of_format_2_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    open(folder.path()).map(Box::new).unwrap().close().unwrap();
    let layout = layout(folder.path());
    if std::env::var("SYNCLINE_GOLDEN").is_ok_and(|word| word == "write") {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/golden/layout-2.sql");
        fs::write(file, &layout).unwrap();
    }
    let golden = include_str!("golden/layout-2.sql");
    assert!(
        layout.trim() == golden.trim(),
        "bump FORMAT, migrate, and keep the old layout:\n{layout}"
    );
}

/// Goal: an update of the program finds the rows of the former one, and may write those of today.
#[test]
fn a_store_of_format_1_gets_the_tables_of_today_and_keeps_its_rows() {
    let folder = tempfile::tempdir().unwrap();
    let connection = Connection::open(folder.path().join(DATABASE_FILE)).unwrap();
    connection.execute_batch(include_str!("golden/layout-1.sql")).unwrap();
    let marks = "PRAGMA application_id = 0x53594e43; PRAGMA user_version = 1;
                 INSERT INTO epochs VALUES (0, 7); INSERT INTO log VALUES (0, 1, x'61');";
    connection.execute_batch(marks).unwrap();
    drop(connection);
    for epoch in 8..10 {
        let mut store = open(folder.path()).unwrap();
        assert_eq!(store.epoch().0, epoch);
        assert_eq!(store.get(&log(1)).unwrap().as_deref(), Some(&b"a"[..]));
        let key = delivery("shop", epoch);
        store.commit(&puts(std::slice::from_ref(&key))).unwrap();
        assert_eq!(store.get(&key).unwrap().as_deref(), Some(&b"0"[..]));
        Box::new(store).close().unwrap();
    }
    assert_eq!(layout(folder.path()).trim(), include_str!("golden/layout-2.sql").trim());
}

/// Goal: what somebody else has changed is told instead of being used. Method: in every table that
/// carries sums one row is changed beneath the store, in its value or by giving it the key of another.
#[test]
fn a_row_that_was_changed_beneath_the_store_is_told() {
    let rows = [
        (record("contacts", "a"), "state", "id"),
        (result("phone", 1), "outcome", "client"),
        (Key::Client(client("phone")), "state", "client"),
        (base("business", "contacts", "a"), "base", "id"),
        (conflict("contacts", "a", "0f"), "state", "id"),
        (open_conflict("contacts", "a", "0f"), "state", "id"),
        (run("r1"), "report", "run"),
        (domain_state("business", None), "state", "domain"),
        (journal("r1", "business", "contacts"), "entry", "entity"),
        (undo("r1", "contacts", "a"), "found", "id"),
        (schema("contacts", 1), "schema", "entity"),
        (Key::Endpoint(endpoint("shop")), "settings", "endpoint"),
        (Key::Cursor(endpoint("shop")), "state", "endpoint"),
        (delivery("shop", 1), "state", "endpoint"),
        (lane("shop", "contacts", "a", 1), "state", "id"),
        (due(7, "shop", 1), "state", "endpoint"),
        (dead_letter("shop", 1), "reason", "endpoint"),
        (received("shop", "tasks", "t1"), "taken", "id"),
    ];
    let summed: BTreeSet<Table> = rows.iter().map(|(key, ..)| key.table()).collect();
    let others = [Table::Audit, Table::Log, Table::Meta];
    assert_eq!(
        summed.len() + others.len(),
        Table::ALL.len(),
        "every table is here or proves itself"
    );
    for (key, value, part) in rows {
        let name = key.table().name();
        for change in [format!("{value} = x'{}'", "77"), format!("{part} = 'other'")] {
            let folder = tempfile::tempdir().unwrap();
            let mut store = Box::new(open(folder.path()).unwrap());
            let mut batch = Batch::new();
            batch.put(key.clone(), b"v".to_vec());
            store.commit(&batch).unwrap();
            assert_eq!(store.get(&key).unwrap().as_deref(), Some(&b"v"[..]));
            store.close().unwrap();
            let connection = Connection::open(folder.path().join(DATABASE_FILE)).unwrap();
            connection.execute(&format!("UPDATE {name} SET {change}"), ()).unwrap();
            drop(connection);
            let damaged = |error: StoreError| {
                assert_eq!(error.code(), "STORE_DAMAGED", "{name}, {change}");
                assert!(error.to_string().contains(name), "{error}");
            };
            damaged(open(folder.path()).map(|_| ()).unwrap_err());
            let store = SqliteStore::open(folder.path(), &Options::default()).unwrap();
            if change.starts_with(value) {
                damaged(store.get(&key).unwrap_err());
            } else {
                assert_eq!(store.get(&key).unwrap(), None);
            }
        }
    }
}
