//! Requirement I15 over random records and random chains of migrations.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::schema::{Chain, Conversion, Forward, Otherwise};

type Fields = BTreeMap<Path, Leaf>;

/// Few names on two levels, so that steps, fields and strays meet.
fn any_path() -> impl Strategy<Value = Path> {
    prop_oneof!["/[a-d]", "/[a-d]/[a-c]"].prop_map(|text| path(&text))
}

/// Few values, of each kind, among them those that look alike.
fn any_leaf() -> impl Strategy<Value = Leaf> {
    let texts = [
        "null",
        "true",
        "false",
        "1",
        "1.0",
        "2",
        "12.50",
        "\"1\"",
        "\"2\"",
        "\"01\"",
        "\"true\"",
        "\"x\"",
        "{}",
        "[]",
        "[1,\"x\",null]",
        "[\"2\",[\"1\"],{\"k\":\"1\"}]",
    ];
    prop::sample::select(texts.to_vec()).prop_map(leaf)
}

fn any_record() -> impl Strategy<Value = Fields> {
    prop::collection::btree_map(any_path(), any_leaf(), 0..8)
}

/// Steps that add no default: they only exchange paths and values.
fn exchanging_step() -> impl Strategy<Value = Step> {
    let scalars = ["1", "2", "\"1\"", "\"2\"", "\"x\"", "true"];
    let values = || Just(scalars.map(leaf).to_vec()).prop_shuffle();
    let map = (any_path(), values(), values(), 1usize..5, any::<bool>()).prop_map(
        |(path, old, new, count, keeps)| {
            let pairs = old.into_iter().zip(new).take(count).collect();
            let otherwise = if keeps { Otherwise::Keep } else { Otherwise::Refuse };
            Step::Map { path, pairs, otherwise }
        },
    );
    let conversion = prop::sample::select(vec![
        Conversion::StringToNumber,
        Conversion::NumberToString,
        Conversion::StringToBool,
        Conversion::BoolToString,
    ]);
    prop_oneof![
        4 => (any_path(), any_path()).prop_map(|(from, to)| Step::Rename { from, to }),
        1 => any_path().prop_map(|path| Step::Add { path, default: None }),
        1 => any_path().prop_map(|path| Step::Remove { path, default: None }),
        2 => (any_path(), any_path()).prop_map(|(field, object)| Step::Wrap { field, object }),
        2 => any_path().prop_map(|field| Step::Hoist { field }),
        3 => map,
        1 => (any_path(), conversion).prop_map(|(path, conversion)| Step::Convert { path, conversion }),
    ]
}

/// Steps, also such that add a default.
fn any_step() -> impl Strategy<Value = Step> {
    let default = prop::sample::select(vec!["0", "\"x\"", "[]"]).prop_map(leaf);
    let adding =
        (any_path(), default).prop_map(|(path, leaf)| Step::Add { path, default: Some(leaf) });
    prop_oneof![3 => exchanging_step(), 1 => adding]
}

/// A row of versions 1, 2, …, with the steps that are acceptable.
fn row(steps: impl Strategy<Value = Step>) -> impl Strategy<Value = Migrations> {
    let one = prop::collection::vec(steps, 0..5);
    prop::collection::vec(one, 1..4).prop_map(|migrations| {
        let bare =
            (1..).zip(&migrations).map(|(from, _)| (SchemaVersion(from), SchemaVersion(from + 1)));
        let mut registry = Migrations::new();
        registry.declare(SchemaVersion(1), SchemaId::of(&Json::Null)).expect("new");
        for ((from, to), steps) in bare.zip(&migrations) {
            registry.declare(to, SchemaId::of(&Json::Null)).expect("new");
            let is_fine = |step: &&Step| Migration::new(from, to, vec![Step::clone(step)]).is_ok();
            let steps = steps.iter().filter(is_fine).cloned().collect();
            let fine = Migration::new(from, to, steps).expect("steps that are fine one by one");
            if registry.register(fine).is_err() {
                // A name was used again: this version differs from the last in nothing.
                registry.register(migration(from.0, to.0, vec![])).expect("no steps");
            }
        }
        registry
    })
}

fn ends(registry: &Migrations) -> (Chain<'_>, Chain<'_>) {
    let last = registry.versions().last().expect("at least two versions");
    let chain = |from, to| registry.chain(from, to).expect("a row");
    (chain(SchemaVersion(1), last), chain(last, SchemaVersion(1)))
}

fn list(fields: &Fields) -> Vec<(Path, Leaf)> {
    fields.iter().map(|(path, leaf)| (path.clone(), leaf.clone())).collect()
}

fn exact(fields: &[(Path, Leaf)]) -> Vec<(String, String)> {
    let texts = |(path, leaf): &(Path, Leaf)| (path.to_string(), leaf.canonical().into_owned());
    fields.iter().map(texts).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn brought_forward_once_is_brought_forward(
        registry in row(any_step()), record in any_record(),
    ) {
        let (up, _) = ends(&registry);
        if let Ok(forward) = Forward::new(up.migrations())
            && let Ok(once) = forward.fields(&list(&record))
        {
            prop_assert_eq!(forward.fields(&once), Ok(once.clone()));
            // No field is lost on the way: only empty objects go that have members by then.
            let count = |fields: &[(Path, Leaf)]| {
                fields.iter().filter(|(_, leaf)| !leaf.is_empty_object()).count()
            };
            prop_assert!(count(&once) >= count(&list(&record)));
        }
    }

    #[test]
    fn up_and_down_is_where_it_began(
        registry in row(exchanging_step()), record in any_record(), downwards in any::<bool>(),
    ) {
        let (up, down) = ends(&registry);
        let (there, back) = if downwards { (down, up) } else { (up, down) };
        let before = list(&record);
        // A refused value is no loss: the record stays where it is.
        if let Ok(migrated) = there.fields(before.clone()) {
            prop_assert_eq!(migrated.len(), before.len());
            let returned = back.fields(migrated).expect("what went over comes back");
            prop_assert_eq!(exact(&returned), exact(&before));
        }
    }

    #[test]
    fn a_field_that_no_step_names_is_untouched(
        registry in row(exchanging_step()), record in any_record(), value in any_leaf(),
    ) {
        let stray = path("/unknown/field");
        let mut record = record;
        record.insert(stray.clone(), value.clone());
        let (up, _) = ends(&registry);
        if let Ok(migrated) = up.fields(list(&record)) {
            let found = migrated.iter().find(|(path, _)| *path == stray);
            prop_assert_eq!(found.map(|(_, leaf)| leaf.as_str()), Some(value.as_str()));
        }
    }

    #[test]
    fn an_old_replica_edits_and_loses_nothing(
        registry in row(exchanging_step()), newest in any_record(), place in any_path(),
        value in any_leaf(),
    ) {
        // The newest version's record goes down, is edited there as a whole, and comes back.
        let (up, down) = ends(&registry);
        if let Ok(old) = down.fields(list(&newest)) {
            let mut old: Fields = old.into_iter().collect();
            old.insert(place.clone(), value.clone());
            if let Ok(returned) = up.fields(list(&old)) {
                let (at, written) = up.write(place, value).expect("it went up with the record");
                let mut expected = newest.clone();
                expected.insert(at, written);
                prop_assert_eq!(exact(&returned), exact(&list(&expected)));
            }
        }
    }

    #[test]
    fn write_then_migrate_is_migrate_then_write(
        registry in row(exchanging_step()), record in any_record(), place in any_path(),
        value in prop::option::of(any_leaf()),
    ) {
        let (up, _) = ends(&registry);
        let mut edited = record.clone();
        match &value {
            Some(value) => edited.insert(place.clone(), value.clone()),
            None => edited.remove(&place),
        };
        if let (Ok(before), Ok(after)) = (up.fields(list(&record)), up.fields(list(&edited))) {
            let mut expected: Fields = before.into_iter().collect();
            match value {
                Some(value) => {
                    let (at, value) = up.write(place, value).expect("it went up with the record");
                    expected.insert(at, value);
                }
                None => {
                    expected.remove(&up.path(place).expect("a short path"));
                }
            }
            prop_assert_eq!(exact(&after), exact(&list(&expected)));
        }
    }

    #[test]
    fn different_paths_stay_different(
        registry in row(exchanging_step()), one in any_path(), other in any_path(),
    ) {
        let (up, down) = ends(&registry);
        let there = up.path(one.clone()).expect("a short path");
        prop_assert_eq!(there == up.path(other.clone()).expect("a short path"), one == other);
        prop_assert_eq!(down.path(there), Ok(one));
    }

    #[test]
    fn defaults_are_all_that_is_ever_new(
        steps in prop::collection::vec((any_path(), any_leaf(), any::<bool>()), 0..5),
        record in any_record(),
    ) {
        let steps: Vec<Step> = steps.into_iter().map(|(path, default, adds)| {
            let default = Some(default);
            if adds { Step::Add { path, default } } else { Step::Remove { path, default } }
        }).collect();
        let mut registry = registry([migration(1, 2, vec![])]);
        registry.declare(SchemaVersion(3), SchemaId::of(&Json::Null)).expect("new");
        let accepted = registry.register(migration(2, 3, steps.clone()));
        prop_assume!(accepted.is_ok());
        let (up, down) = ends(&registry);
        let returned = up.fields(list(&record)).and_then(|migrated| down.fields(migrated));
        let returned: Fields = returned.expect("defaults are never refused").into_iter().collect();
        for (path, leaf) in &record {
            prop_assert_eq!(returned.get(path).map(Leaf::as_str), Some(leaf.as_str()));
        }
        for (path, leaf) in returned.iter().filter(|(path, _)| !record.contains_key(path)) {
            let is_default = |step: &Step| match step {
                Step::Add { path: at, default } | Step::Remove { path: at, default } => {
                    at == path && default.as_ref() == Some(leaf)
                }
                _ => false,
            };
            prop_assert!(steps.iter().any(is_default), "{} is new", path);
        }
    }

    #[test]
    fn a_migration_comes_back_from_its_json(registry in row(exchanging_step())) {
        let (up, _) = ends(&registry);
        for pair in up.versions().collect::<Vec<_>>().windows(2) {
            let [from, to] = pair else { continue };
            let chain = registry.chain(*from, *to).expect("neighbours");
            let migration = chain.migrations().next().expect("one hop");
            prop_assert_eq!(Migration::from_json(&migration.to_json()), Ok(migration.clone()));
        }
    }
}
