//! Every store is a sorted map: random batches, compared with one.

use std::collections::BTreeMap;

use proptest::prelude::*;
use syncline_engine::rows::{Batch, Key, Scan};
use syncline_model::id::Position;
use syncline_store::memory::MemoryDisk;

use crate::fixture::*;

type Model = BTreeMap<Key, Vec<u8>>;

#[derive(Clone, Debug)]
enum Step {
    Commit(Vec<(Key, Option<Vec<u8>>)>),
    /// Begins a commit, which the next change or opening finishes.
    Begin(Vec<(Key, Option<Vec<u8>>)>),
    Scan(Scan, Option<Key>, usize),
    Reopen,
}

fn key() -> impl Strategy<Value = Key> {
    let name = "[ab]";
    prop_oneof![
        4 => (name, "[a-cж]{1,2}").prop_map(|(name, id)| record(&name, &id)),
        2 => (0u64..6).prop_map(log),
        1 => (name, 0u64..4).prop_map(|(name, counter)| result(&name, counter)),
        1 => name.prop_map(|name| Key::Client(client(&name))),
        2 => (name, name, name).prop_map(|(of, name, id)| base(&of, &name, &id)),
        2 => (name, name, "[0-9a-f]{1,2}").prop_map(|(name, id, hex)| conflict(&name, &id, &hex)),
        1 => name.prop_map(|id| run(&id)),
        1 => (name, prop::option::of(name))
            .prop_map(|(of, name)| domain_state(&of, name.as_deref())),
        1 => (name, name, name).prop_map(|(id, of, name)| journal(&id, &of, &name)),
        1 => (name, name, name).prop_map(|(run, of, id)| undo(&run, &of, &id)),
        1 => (0u64..4).prop_map(Key::Audit),
        1 => (name, 0u32..4).prop_map(|(name, version)| schema(&name, version)),
        1 => name.prop_map(|name| meta(&name)),
        1 => name.prop_map(|name| Key::Endpoint(endpoint(&name))),
        1 => name.prop_map(|name| Key::Cursor(endpoint(&name))),
        2 => (name, 0u64..6).prop_map(|(name, at)| delivery(&name, at)),
        2 => (name, name, name, 0u64..4).prop_map(|(name, of, id, at)| lane(&name, &of, &id, at)),
        1 => (0u64..4, name, 0u64..4).prop_map(|(ms, name, at)| due(ms, &name, at)),
        1 => (name, 0u64..4).prop_map(|(name, at)| dead_letter(&name, at)),
        1 => (name, name, name).prop_map(|(by, of, id)| received(&by, &of, &id)),
    ]
}

fn scan() -> impl Strategy<Value = Scan> {
    let name = "[ab]";
    prop_oneof![
        name.prop_map(|name| Scan::Records { entity: entity(&name) }),
        Just(Scan::AllRecords),
        (0u64..6).prop_map(|from| Scan::Log { from: Position(from) }),
        Just(Scan::LogLatest),
        name.prop_map(|name| Scan::Results { client: client(&name) }),
        (name, name)
            .prop_map(|(of, name)| Scan::Bases { domain: domain(&of), entity: entity(&name) }),
        Just(Scan::Conflicts),
        (name, name)
            .prop_map(|(name, id)| Scan::ConflictsOf { entity: entity(&name), id: record_id(&id) }),
        name.prop_map(|name| Scan::OpenConflicts { entity: entity(&name) }),
        Just(Scan::Runs),
        Just(Scan::RunsLatest),
        Just(Scan::Domains),
        Just(Scan::Journal),
        Just(Scan::Undo),
        (0u64..4).prop_map(|from| Scan::Audit { from }),
        Just(Scan::AuditLatest),
        name.prop_map(|name| Scan::Schemas { entity: entity(&name) }),
        Just(Scan::Meta),
        Just(Scan::Endpoints),
        (name, 0u64..6).prop_map(|(name, from)| {
            Scan::Deliveries { endpoint: endpoint(&name), from: Position(from) }
        }),
        name.prop_map(|name| Scan::DeliveriesLatest { endpoint: endpoint(&name) }),
        name.prop_map(|name| Scan::Lanes { endpoint: endpoint(&name) }),
        (name, name, name).prop_map(|(name, of, id)| {
            Scan::Lane { endpoint: endpoint(&name), entity: entity(&of), id: record_id(&id) }
        }),
        Just(Scan::Due),
        name.prop_map(|name| Scan::DeadLetters { endpoint: endpoint(&name) }),
        name.prop_map(|name| Scan::DeadLettersLatest { endpoint: endpoint(&name) }),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let write = || (key(), prop::option::weighted(0.7, prop::collection::vec(any::<u8>(), 0..40)));
    prop_oneof![
        2 => prop::collection::vec(write(), 0..12).prop_map(Step::Commit),
        2 => prop::collection::vec(write(), 0..12).prop_map(Step::Begin),
        4 => (scan(), prop::option::of(key()), 0usize..6)
            .prop_map(|(scan, after, limit)| Step::Scan(scan, after, limit)),
        1 => Just(Step::Reopen),
    ]
}

/// The plain definition of a scan: filter, order, cut.
fn expected(model: &Model, scan: &Scan, after: Option<&Key>, limit: usize) -> Vec<(Key, Vec<u8>)> {
    let row = |(key, value): (&Key, &Vec<u8>)| (key.clone(), value.clone());
    let inside = |row: &(Key, Vec<u8>)| scan.contains(&row.0);
    if scan.is_backward() {
        let after = |row: &(Key, Vec<u8>)| after.is_none_or(|after| row.0 < *after);
        model.iter().rev().map(row).filter(inside).filter(after).take(limit).collect()
    } else {
        let after = |row: &(Key, Vec<u8>)| after.is_none_or(|after| row.0 > *after);
        model.iter().map(row).filter(inside).filter(after).take(limit).collect()
    }
}

/// Returns a batch of these writes, which the model takes over.
fn batch(writes: &[(Key, Option<Vec<u8>>)], model: &mut Model) -> Batch {
    let mut batch = Batch::new();
    for (key, value) in writes {
        match value {
            Some(value) => {
                batch.put(key.clone(), value.clone());
                model.insert(key.clone(), value.clone());
            }
            None => {
                batch.delete(key.clone());
                model.remove(key);
            }
        }
    }
    batch
}

fn check(place: &dyn Place, steps: &[Step]) {
    let mut model = Model::new();
    let mut store = place.open();
    for step in steps {
        match step {
            Step::Commit(writes) => {
                store.finish().unwrap();
                store.commit(&batch(writes, &mut model)).unwrap();
            }
            Step::Begin(writes) => {
                store.finish().unwrap();
                store.begin(batch(writes, &mut model), Box::new(|| ())).unwrap();
            }
            Step::Scan(scan, after, limit) => {
                let found = rows(&*store, scan, after.as_ref(), *limit);
                assert_eq!(found, expected(&model, scan, after.as_ref(), *limit), "{step:?}");
            }
            Step::Reopen => {
                store.finish().unwrap();
                drop(store);
                store = place.open();
            }
        }
    }
    let asked: Vec<Key> = model.keys().cloned().collect();
    let values: Vec<_> = model.into_values().map(Some).collect();
    assert_eq!(store.get_many(&asked).unwrap(), values);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn memory_is_a_sorted_map(steps in prop::collection::vec(step(), 1..20)) {
        check(&MemoryDisk::new(), &steps);
    }

    /// What is begun is read as if it were committed: by key, many at once and in stretches.
    #[test]
    fn a_pipeline_is_a_sorted_map(steps in prop::collection::vec(step(), 1..20)) {
        check(&Piped(MemoryDisk::new()), &steps);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn sqlite_is_a_sorted_map(steps in prop::collection::vec(step(), 1..20)) {
        check(&tempfile::tempdir().unwrap(), &steps);
    }

    #[test]
    fn a_pipeline_over_sqlite_is_a_sorted_map(steps in prop::collection::vec(step(), 1..20)) {
        check(&Piped(tempfile::tempdir().unwrap()), &steps);
    }
}
