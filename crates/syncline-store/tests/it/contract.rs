//! One suite for every store.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use syncline_engine::rows::{Batch, Key, Scan};
use syncline_model::id::Position;
use syncline_store::limits::VALUE_BYTES_MAX;
use syncline_store::{Advice, Store};

use crate::fixture::*;

const ALL: usize = usize::MAX;

/// At least two rows of every table, in the order of their keys.
fn one_of_each() -> Vec<Key> {
    vec![
        record("contacts", "a"),
        record("contacts", "b"),
        record("contacts", "é"),
        record("tasks", "a"),
        log(1),
        log(2),
        log(300),
        result("phone", 1),
        result("phone", 20),
        result("tablet", 3),
        Key::Client(client("phone")),
        Key::Client(client("tablet")),
        base("business", "contacts", "a"),
        base("business", "contacts", "b"),
        base("business", "tasks", "a"),
        base("personal", "contacts", "a"),
        conflict("contacts", "a", "0f"),
        conflict("contacts", "a", "1"),
        conflict("contacts", "b", "0f"),
        open_conflict("contacts", "a", "1"),
        open_conflict("contacts", "b", "0f"),
        open_conflict("tasks", "a", "1"),
        run("r1"),
        run("r2"),
        domain_state("business", None),
        domain_state("business", Some("contacts")),
        domain_state("personal", None),
        journal("r1", "business", "contacts"),
        journal("r2", "business", "contacts"),
        undo("r1", "contacts", "b"),
        undo("r2", "contacts", "a"),
        Key::Audit(0),
        Key::Audit(1),
        schema("contacts", 1),
        schema("contacts", 12),
        schema("tasks", 2),
        meta("clock"),
        meta("site"),
        Key::Endpoint(endpoint("bank")),
        Key::Endpoint(endpoint("shop")),
        Key::Cursor(endpoint("bank")),
        Key::Cursor(endpoint("shop")),
        delivery("bank", 7),
        delivery("shop", 2),
        delivery("shop", 30),
        delivery("shop", 400),
        lane("bank", "tasks", "a", 7),
        lane("shop", "contacts", "a", 2),
        lane("shop", "contacts", "a", 30),
        lane("shop", "contacts", "b", 1),
        lane("shop", "tasks", "a", 400),
        due(5, "shop", 2),
        due(40, "bank", 7),
        due(40, "shop", 1),
        dead_letter("bank", 3),
        dead_letter("shop", 4),
        dead_letter("shop", 50),
        received("personal", "tasks", "t1"),
        received("personal", "tasks", "t2"),
    ]
}

fn filled(place: &dyn Place) -> Box<dyn Store> {
    let mut store = place.open();
    let mut keys = one_of_each();
    keys.reverse();
    store.commit(&puts(&keys)).unwrap();
    store
}

#[test]
fn a_key_is_found_with_its_own_value() {
    on_every_store(|place| {
        let store = filled(place);
        let count = one_of_each().len();
        for (index, key) in one_of_each().iter().enumerate() {
            let value = (count - 1 - index).to_string().into_bytes();
            assert_eq!(store.get(key).unwrap(), Some(value), "{key:?}");
        }
        assert_eq!(store.get(&record("contacts", "c")).unwrap(), None);
        assert_eq!(store.get(&domain_state("personal", Some("contacts"))).unwrap(), None);
    });
}

/// Rows of every table that has summed rows, numbers or texts for keys, as many as make several statements and
/// some over: written, written once more beside new ones, with some gone and one large among them.
#[test]
fn of_many_rows_in_one_batch_each_has_its_own_last_value() {
    let large = vec![7_u8; 300 << 10];
    on_every_store(|place| {
        let mut store = place.open();
        let mut expected = BTreeMap::new();
        for round in 0..3_u64 {
            let mut batch = Batch::new();
            for number in 1..=37 + 20 * round {
                let id = format!("t{number:03}");
                for (index, key) in [record("tasks", &id), log(number), result("phone", number)]
                    .into_iter()
                    .enumerate()
                {
                    if round > 0 && number > 40 && (number + index as u64).is_multiple_of(11) {
                        batch.delete(key.clone());
                        expected.remove(&key);
                        continue;
                    }
                    let value = match (round, number) {
                        (1, 20) => large.clone(),
                        _ => format!("{round} {index} {number}").into_bytes(),
                    };
                    batch.put(key.clone(), value.clone());
                    expected.insert(key, value);
                }
            }
            store.commit(&batch).unwrap();
            let mut found = BTreeMap::new();
            let results = Scan::Results { client: client("phone") };
            for scan in [Scan::AllRecords, Scan::Log { from: Position(0) }, results] {
                store
                    .scan(&scan, None, ALL, &mut |key, value| {
                        found.insert(key.clone(), value.to_vec());
                        ControlFlow::Continue(())
                    })
                    .unwrap();
            }
            assert!(found == expected, "round {round}");
        }
    });
}

#[test]
fn many_keys_are_answered_in_the_order_asked() {
    on_every_store(|place| {
        let store = filled(place);
        let asked = [meta("site"), record("contacts", "z"), log(2), meta("site")];
        let expected: Vec<_> = asked.iter().map(|key| store.get(key).unwrap()).collect();
        assert_eq!(store.get_many(&asked).unwrap(), expected);
        assert_eq!(store.get_many(&[]).unwrap(), []);
    });
}

#[test]
fn a_scan_shows_its_stretch_in_order() {
    let contacts = || entity("contacts");
    #[rustfmt::skip]
    let cases: Vec<(Scan, Vec<Key>)> = vec![
        (Scan::Records { entity: contacts() },
            vec![record("contacts", "a"), record("contacts", "b"), record("contacts", "é")]),
        (Scan::Records { entity: entity("contact") }, vec![]),
        (Scan::AllRecords, vec![record("contacts", "a"), record("contacts", "b"),
            record("contacts", "é"), record("tasks", "a")]),
        (Scan::Log { from: Position(0) }, vec![log(1), log(2), log(300)]),
        (Scan::Log { from: Position(2) }, vec![log(2), log(300)]),
        (Scan::Log { from: Position(u64::MAX) }, vec![]),
        (Scan::LogLatest, vec![log(300), log(2), log(1)]),
        (Scan::Results { client: client("phone") }, vec![result("phone", 1), result("phone", 20)]),
        (Scan::Bases { domain: domain("business"), entity: contacts() },
            vec![base("business", "contacts", "a"), base("business", "contacts", "b")]),
        (Scan::Conflicts, vec![conflict("contacts", "a", "0f"), conflict("contacts", "a", "1"),
            conflict("contacts", "b", "0f")]),
        (Scan::ConflictsOf { entity: contacts(), id: record_id("a") },
            vec![conflict("contacts", "a", "0f"), conflict("contacts", "a", "1")]),
        (Scan::OpenConflicts { entity: contacts() },
            vec![open_conflict("contacts", "a", "1"), open_conflict("contacts", "b", "0f")]),
        (Scan::Runs, vec![run("r1"), run("r2")]),
        (Scan::RunsLatest, vec![run("r2"), run("r1")]),
        (Scan::Domains, vec![domain_state("business", None),
            domain_state("business", Some("contacts")), domain_state("personal", None)]),
        (Scan::Journal,
            vec![journal("r1", "business", "contacts"), journal("r2", "business", "contacts")]),
        (Scan::Undo, vec![undo("r1", "contacts", "b"), undo("r2", "contacts", "a")]),
        (Scan::Audit { from: 0 }, vec![Key::Audit(0), Key::Audit(1)]),
        (Scan::Audit { from: 1 }, vec![Key::Audit(1)]),
        (Scan::AuditLatest, vec![Key::Audit(1), Key::Audit(0)]),
        (Scan::Schemas { entity: contacts() }, vec![schema("contacts", 1), schema("contacts", 12)]),
        (Scan::Meta, vec![meta("clock"), meta("site")]),
        (Scan::Endpoints, vec![Key::Endpoint(endpoint("bank")), Key::Endpoint(endpoint("shop"))]),
        (Scan::Deliveries { endpoint: endpoint("shop"), from: Position(0) },
            vec![delivery("shop", 2), delivery("shop", 30), delivery("shop", 400)]),
        (Scan::Deliveries { endpoint: endpoint("shop"), from: Position(3) },
            vec![delivery("shop", 30), delivery("shop", 400)]),
        (Scan::Deliveries { endpoint: endpoint("car"), from: Position(0) }, vec![]),
        (Scan::DeliveriesLatest { endpoint: endpoint("shop") },
            vec![delivery("shop", 400), delivery("shop", 30), delivery("shop", 2)]),
        (Scan::DeliveriesLatest { endpoint: endpoint("bank") }, vec![delivery("bank", 7)]),
        (Scan::Lanes { endpoint: endpoint("shop") }, vec![lane("shop", "contacts", "a", 2),
            lane("shop", "contacts", "a", 30), lane("shop", "contacts", "b", 1),
            lane("shop", "tasks", "a", 400)]),
        (Scan::Lane { endpoint: endpoint("shop"), entity: contacts(), id: record_id("a") },
            vec![lane("shop", "contacts", "a", 2), lane("shop", "contacts", "a", 30)]),
        (Scan::Lane { endpoint: endpoint("shop"), entity: contacts(), id: record_id("c") }, vec![]),
        (Scan::Due, vec![due(5, "shop", 2), due(40, "bank", 7), due(40, "shop", 1)]),
        (Scan::DeadLetters { endpoint: endpoint("shop") },
            vec![dead_letter("shop", 4), dead_letter("shop", 50)]),
        (Scan::DeadLettersLatest { endpoint: endpoint("shop") },
            vec![dead_letter("shop", 50), dead_letter("shop", 4)]),
    ];
    on_every_store(|place| {
        let store = filled(place);
        for (scan, expected) in &cases {
            assert_eq!(&keys(&*store, scan, None, ALL), expected, "{scan:?}");
            let mut paged = Vec::new();
            while let Some(key) = keys(&*store, scan, paged.last(), 1).pop() {
                paged.push(key);
            }
            assert_eq!(&paged, expected, "{scan:?}, one row per page");
        }
    });
}

/// `after` may be a key that is no row, or of another stretch: order decides.
#[test]
fn a_scan_goes_on_behind_any_key() {
    let contacts = || Scan::Records { entity: entity("contacts") };
    let all = || vec![record("contacts", "a"), record("contacts", "b"), record("contacts", "é")];
    #[rustfmt::skip]
    let cases: Vec<(&str, Scan, Key, Vec<Key>)> = vec![
        ("between rows", contacts(), record("contacts", "aa"), all()[1..].to_vec()),
        ("the last row", contacts(), record("contacts", "é"), vec![]),
        ("an earlier stretch", contacts(), record("a", "z"), all()),
        ("a later stretch", contacts(), record("tasks", "a"), vec![]),
        ("a later table", contacts(), log(1), vec![]),
        ("an earlier table", Scan::Log { from: Position(0) }, record("z", "z"), vec![log(1), log(2), log(300)]),
        ("below the first", Scan::Log { from: Position(2) }, log(1), vec![log(2), log(300)]),
        ("beyond SQL", Scan::Log { from: Position(2) }, log(u64::MAX), vec![]),
        ("backward", Scan::LogLatest, log(300), vec![log(2), log(1)]),
        ("backward from beyond SQL", Scan::LogLatest, log(u64::MAX), vec![log(300), log(2), log(1)]),
        ("backward, an earlier table", Scan::LogLatest, record("a", "a"), vec![]),
        ("backward, a later table", Scan::LogLatest, meta("site"), vec![log(300), log(2), log(1)]),
        ("backward, within a part", Scan::DeliveriesLatest { endpoint: endpoint("shop") },
            delivery("shop", 30), vec![delivery("shop", 2)]),
        ("backward, a part before", Scan::DeliveriesLatest { endpoint: endpoint("shop") },
            delivery("bank", 9), vec![]),
        ("backward, a part behind", Scan::DeliveriesLatest { endpoint: endpoint("bank") },
            delivery("shop", 9), vec![delivery("bank", 7)]),
        ("backward, between rows", Scan::RunsLatest, run("r1x"), vec![run("r1")]),
    ];
    on_every_store(|place| {
        let store = filled(place);
        for (name, scan, after, expected) in &cases {
            assert_eq!(&keys(&*store, scan, Some(after), ALL), expected, "case: {name}");
        }
    });
}

#[test]
fn a_scan_stops_at_its_limit_and_where_it_is_told() {
    on_every_store(|place| {
        let store = filled(place);
        assert_eq!(keys(&*store, &Scan::AllRecords, None, 0), []);
        assert_eq!(keys(&*store, &Scan::AllRecords, None, 2).len(), 2);
        let mut shown = 0;
        let mut stop_at_third = |_: &Key, _: &[u8]| {
            shown += 1;
            if shown == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        store.scan(&Scan::AllRecords, None, ALL, &mut stop_at_third).unwrap();
        assert_eq!(shown, 3);
    });
}

#[test]
fn a_scan_may_read_other_rows_meanwhile() {
    on_every_store(|place| {
        let store = filled(place);
        let mut found = Vec::new();
        let mut look_up = |key: &Key, value: &[u8]| {
            found
                .push(store.get_many(std::slice::from_ref(key)).unwrap() == [Some(value.to_vec())]);
            ControlFlow::Continue(())
        };
        store.scan(&Scan::AllRecords, None, ALL, &mut look_up).unwrap();
        assert_eq!(found, [true; 4]);
    });
}

#[test]
fn the_last_write_of_a_key_counts() {
    on_every_store(|place| {
        let mut store = place.open();
        let (a, b) = (meta("a"), meta("b"));
        let mut batch = Batch::new();
        batch.put(a.clone(), b"1".to_vec()).delete(a.clone()).put(a.clone(), b"2".to_vec());
        batch.put(b.clone(), b"1".to_vec()).delete(b.clone());
        store.commit(&batch).unwrap();
        assert_eq!(store.get(&a).unwrap(), Some(b"2".to_vec()));
        assert_eq!(store.get(&b).unwrap(), None);
    });
}

#[test]
fn a_deleted_row_is_gone_and_may_come_again() {
    on_every_store(|place| {
        let mut store = filled(place);
        let key = record("contacts", "b");
        store.commit(Batch::new().delete(key.clone()).delete(record("never", "there"))).unwrap();
        assert_eq!(store.get(&key).unwrap(), None);
        assert_eq!(keys(&*store, &Scan::AllRecords, None, ALL).len(), 3);
        store.commit(Batch::new().put(key.clone(), vec![])).unwrap();
        assert_eq!(store.get(&key).unwrap(), Some(vec![]), "an empty value is a value");
    });
}

#[test]
fn a_refused_batch_leaves_nothing_applied() {
    let beyond = i64::MAX as u64 + 1;
    on_every_store(|place| {
        let mut store = place.open();
        let refused = [
            ("a counter beyond SQL", result("phone", beyond), vec![], "STORE_KEY_RANGE"),
            ("a position beyond SQL", log(u64::MAX), vec![], "STORE_KEY_RANGE"),
            ("a long value", meta("b"), vec![0; VALUE_BYTES_MAX + 1], "STORE_TOO_LARGE"),
        ];
        for (name, key, value, code) in refused {
            assert_eq!(store.get(&key).unwrap(), None, "case: {name}");
            let mut batch = Batch::new();
            batch.put(meta("a"), vec![1]).put(key, value).put(meta("z"), vec![1]);
            let error = store.commit(&batch).unwrap_err();
            assert_eq!((error.code(), error.advice()), (code, Advice::GiveUp), "case: {name}");
            assert_eq!(keys(&*store, &Scan::Meta, None, ALL), [], "case: {name}");
        }
        store.commit(&puts(&[result("phone", beyond - 1)])).unwrap();
    });
}

#[test]
fn a_batch_may_be_empty() {
    on_every_store(|place| {
        let mut store = filled(place);
        store.commit(&Batch::new()).unwrap();
        assert_eq!(keys(&*store, &Scan::AllRecords, None, ALL).len(), 4);
    });
}

#[test]
fn a_value_of_a_megabyte_comes_back() {
    on_every_store(|place| {
        let mut store = place.open();
        let value: Vec<u8> = (0..1_048_576u32).map(|index| (index % 251) as u8).collect();
        let key = record("contacts", "big");
        store.commit(Batch::new().put(key.clone(), value.clone())).unwrap();
        assert_eq!(store.get(&key).unwrap(), Some(value));
    });
}

#[test]
fn ids_are_any_text_and_sort_by_their_bytes() {
    let ids = [" ", "%_'\"\\", "0", "A", "a", "a\u{301}", "b", "á", "жмых", "\u{ffff}", "🦀"];
    on_every_store(|place| {
        let mut store = place.open();
        let sorted: Vec<Key> = ids.iter().map(|id| record("contacts", id)).collect();
        store.commit(&puts(&sorted)).unwrap();
        let scan = Scan::Records { entity: entity("contacts") };
        assert_eq!(keys(&*store, &scan, None, ALL), sorted);
        assert_eq!(keys(&*store, &scan, Some(&sorted[6]), ALL), sorted[7..]);
    });
}

#[test]
fn a_reader_sees_the_moment_it_was_made() {
    on_every_store(|place| {
        let mut store = filled(place);
        let reader = store.reader().unwrap();
        let key = record("contacts", "a");
        let before = store.get(&key).unwrap();
        let mut batch = Batch::new();
        batch.put(key.clone(), b"new".to_vec()).delete(record("contacts", "b"));
        store.commit(&batch).unwrap();
        assert_eq!(reader.get(&key).unwrap(), before);
        assert_eq!(keys(&*reader, &Scan::AllRecords, None, ALL).len(), 4);
        let later = store.reader().unwrap();
        assert_eq!(later.get_many(&[key]).unwrap(), [Some(b"new".to_vec())]);
        let moved = std::thread::spawn(move || keys(&*later, &Scan::AllRecords, None, ALL).len());
        assert_eq!(moved.join().unwrap(), 3);
        store.close().unwrap();
        assert_eq!(keys(&*reader, &Scan::AllRecords, None, ALL).len(), 4);
    });
}

#[test]
fn what_was_committed_is_there_after_reopening() {
    on_every_store(|place| {
        let mut store = filled(place);
        let first = store.epoch();
        store.commit(&puts(&[meta("late")])).unwrap();
        drop(store);
        let store = place.open();
        assert!(store.epoch() > first);
        assert_eq!(store.get(&meta("late")).unwrap(), Some(b"0".to_vec()));
        store.close().unwrap();
        assert_eq!(keys(&*place.open(), &Scan::AllRecords, None, ALL).len(), 4);
    });
}

#[test]
fn an_earlier_opener_never_writes_again() {
    on_every_store(|place| {
        let mut earlier = filled(place);
        let mut later = place.take_over();
        for batch in [puts(&[meta("stale")]), Batch::new()] {
            let error = earlier.commit(&batch).unwrap_err();
            assert_eq!((error.code(), error.advice()), ("STORE_FENCED", Advice::GiveUp));
        }
        later.commit(&puts(&[meta("fresh")])).unwrap();
        assert_eq!(later.get(&meta("stale")).unwrap(), None);
        assert_eq!(earlier.commit(&puts(&[meta("stale")])).unwrap_err().code(), "STORE_FENCED");
    });
}
