use super::*;
use crate::schema::{ChainError, Readiness, RegisterError};

fn versions(registry: &Migrations, from: u32, to: u32) -> Result<Vec<u32>, &'static str> {
    let chain = registry.chain(SchemaVersion(from), SchemaVersion(to));
    let chain = chain.map_err(|error| error.code())?;
    Ok(chain.versions().map(|version| version.0).collect())
}

#[test]
fn the_shortest_chain_is_found_the_same_everywhere() {
    let edges =
        [(1, 2), (2, 3), (3, 4), (1, 3), (1, 10), (10, 11), (2, 5), (3, 5), (5, 6), (20, 21)];
    let registry = registry(edges.map(|(from, to)| migration(from, to, vec![])));
    #[rustfmt::skip]
    let cases = [
        ("same version", 2, 2, Ok(vec![2])),
        ("one up", 1, 2, Ok(vec![1, 2])),
        ("a short cut", 1, 4, Ok(vec![1, 3, 4])),
        ("down", 4, 1, Ok(vec![4, 3, 1])),
        ("through a branch", 11, 2, Ok(vec![11, 10, 1, 2])),
        ("equally short: lowest first", 1, 6, Ok(vec![1, 2, 5, 6])),
        ("equally short, down", 6, 1, Ok(vec![6, 5, 2, 1])),
        ("another island", 1, 21, Err("SCHEMA_NO_PATH")),
        ("unknown source", 99, 1, Err("SCHEMA_NO_PATH")),
        ("unknown target", 1, 99, Err("SCHEMA_NO_PATH")),
        ("unknown, the same", 99, 99, Err("SCHEMA_NO_PATH")),
    ];
    for (name, from, to, expected) in cases {
        assert_eq!(versions(&registry, from, to), expected, "case: {name}");
    }
    let error = registry.chain(SchemaVersion(1), SchemaVersion(21)).expect_err("no path");
    let (from, to) = (SchemaVersion(1), SchemaVersion(21));
    assert_eq!(error, ChainError::NoPath { from, to });
    assert_eq!(error.to_string(), "no migrations lead from schema version 1 to 21");
}

#[test]
fn a_change_of_an_unknown_version_waits() {
    let mut registry = registry([migration(1, 2, vec![rename("/a", "/b")])]);
    let id = SchemaId::of(&Json::from("schema 7"));
    registry.declare(SchemaVersion(7), id).expect("a new version");
    let cases = [
        ("own version", 2, 2, "apply"),
        ("older client", 2, 1, "migrate [1, 2]"),
        ("newer client, older hub", 1, 2, "migrate [2, 1]"),
        ("version never heard of", 2, 3, "wait"),
        ("schema known, migration missing", 2, 7, "wait"),
        ("version 0", 2, 0, "wait"),
    ];
    for (name, known, found, expected) in cases {
        let readiness = match registry.readiness(SchemaVersion(known), SchemaVersion(found)) {
            Readiness::Apply => "apply".to_owned(),
            Readiness::Migrate(chain) => {
                let versions: Vec<u32> = chain.versions().map(|version| version.0).collect();
                format!("migrate {versions:?}")
            }
            Readiness::StoreAndWait => "wait".to_owned(),
        };
        assert_eq!(readiness, expected, "case: {name}");
    }
}

#[test]
fn an_operation_of_one_version_is_applied_at_another() {
    let registry = registry([
        migration(1, 2, vec![rename("/mail", "/email")]),
        migration(2, 3, vec![Step::Wrap { field: path("/email"), object: path("/contact") }]),
        migration(1, 9, vec![rename("/mail", "/post")]),
    ]);
    let cases = [
        ("up", 1, 3, "/mail", "/contact/email"),
        ("inside of it", 1, 3, "/mail/host", "/contact/email/host"),
        ("down", 3, 1, "/contact/email", "/mail"),
        ("another branch", 3, 9, "/contact/email", "/post"),
        ("unknown field", 1, 3, "/note", "/note"),
    ];
    for (name, from, to, before, after) in cases {
        let chain = registry.chain(SchemaVersion(from), SchemaVersion(to)).expect("a chain");
        assert_eq!(chain.path(path(before)), Ok(path(after)), "case: {name}");
    }
}

#[test]
fn a_path_beyond_the_limits_is_refused() {
    let deep = "/d".repeat(crate::limits::PATH_SEGMENTS_MAX);
    let registry = registry([migration(1, 2, vec![rename("/a", "/b/c")])]);
    let chain = registry.chain(SchemaVersion(1), SchemaVersion(2)).expect("a chain");
    let inside = path(&format!("/a{}", &deep[2..]));
    assert_eq!(chain.path(inside).expect_err("one too many").code(), "SCHEMA_PATH_LIMIT");
}

#[test]
fn a_registry_refuses_what_would_mix_up_versions() {
    let mut registry = registry([migration(1, 2, vec![rename("/a", "/b")])]);
    let (known, found) = (SchemaId::of(&Json::from(1_u64)), SchemaId::of(&Json::from("other")));
    let version = SchemaVersion(1);
    assert_eq!(registry.declare(version, known), Ok(()), "again the same");
    assert_eq!(
        registry.declare(version, found),
        Err(RegisterError::Redefined { version, known, found })
    );
    assert_eq!(registry.register(migration(1, 2, vec![rename("/a", "/b")])), Ok(()));
    let (from, to) = (SchemaVersion(1), SchemaVersion(2));
    assert_eq!(
        registry.register(migration(1, 2, vec![])),
        Err(RegisterError::MigrationDiffers { from, to })
    );
    let version = SchemaVersion(5);
    assert_eq!(
        registry.register(migration(1, 5, vec![])),
        Err(RegisterError::UnknownVersion { version })
    );
}

#[test]
fn a_removed_name_is_not_given_to_another_field() {
    let is_refused = |migrations: Vec<Migration>| {
        let mut registry = Migrations::new();
        for version in 1..=4 {
            let id = SchemaId::of(&Json::from(u64::from(version)));
            registry.declare(SchemaVersion(version), id).expect("a new version");
        }
        let found: Result<Vec<()>, _> =
            migrations.into_iter().map(|migration| registry.register(migration)).collect();
        matches!(found, Err(RegisterError::PathReused { .. }))
    };
    let (gone, new) = (|| vec![remove("/x", None)], || vec![add("/x", None)]);
    let inside = || vec![add("/x/y", None)];
    #[rustfmt::skip]
    let cases = [
        ("removed, then added", vec![migration(1, 2, gone()), migration(2, 3, new())], true),
        ("removed last of all", vec![migration(2, 3, new()), migration(1, 2, gone())], true),
        ("added two versions later",
            vec![migration(1, 2, gone()), migration(2, 3, vec![]), migration(3, 4, new())], true),
        ("removed two versions before",
            vec![migration(2, 3, vec![]), migration(3, 4, new()), migration(1, 2, gone())], true),
        ("joined by a migration between",
            vec![migration(1, 2, gone()), migration(3, 4, new()), migration(2, 3, vec![])], true),
        ("inside of it", vec![migration(1, 2, gone()), migration(2, 3, inside())], true),
        ("in one migration", vec![migration(1, 2, [gone(), new()].concat())], true),
        ("added, then removed", vec![migration(1, 2, new()), migration(2, 3, gone())], false),
        ("in another branch", vec![migration(1, 2, gone()), migration(1, 3, new())], false),
    ];
    for (name, migrations, expected) in cases {
        assert_eq!(is_refused(migrations), expected, "case: {name}");
    }
}

#[test]
fn the_id_of_a_schema_is_that_of_its_content() {
    let id = |text| SchemaId::of(&json(text));
    assert_eq!(id(r#"{"a": 1.0, "b": {}}"#), id(r#"{"b":{},"a":1}"#));
    assert_ne!(id(r#"{"a":1}"#), id(r#"{"a":2}"#));
    let empty = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
    assert_eq!(id("{}").to_string(), empty, "SHA-256 of the two bytes");
    assert_eq!(SchemaId::from_bytes(*id("{}").as_bytes()), id("{}"));
}
