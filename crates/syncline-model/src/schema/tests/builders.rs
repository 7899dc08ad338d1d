//! Short ways to write paths, values, steps and registries.

use crate::json::{Json, Leaf, fields, parse};
use crate::path::Path;
use crate::schema::{Migration, Migrations, SchemaId, SchemaVersion, Step};

pub(super) fn path(text: &str) -> Path {
    Path::parse(text).expect("a path")
}

pub(super) fn leaf(text: &str) -> Leaf {
    Leaf::parse(text).expect("a JSON value")
}

pub(super) fn record(text: &str) -> Vec<(Path, Leaf)> {
    fields::flatten(text.as_bytes()).expect("a record")
}

pub(super) fn json(text: &str) -> Json {
    parse(text.as_bytes()).expect("a JSON text")
}

pub(super) fn rename(from: &str, to: &str) -> Step {
    Step::Rename { from: path(from), to: path(to) }
}

pub(super) fn add(at: &str, default: Option<&str>) -> Step {
    Step::Add { path: path(at), default: default.map(leaf) }
}

pub(super) fn remove(at: &str, default: Option<&str>) -> Step {
    Step::Remove { path: path(at), default: default.map(leaf) }
}

pub(super) fn migration(from: u32, to: u32, steps: Vec<Step>) -> Migration {
    Migration::new(SchemaVersion(from), SchemaVersion(to), steps).expect("a migration")
}

/// A registry of these migrations, with every version that they name.
pub(super) fn registry(migrations: impl IntoIterator<Item = Migration>) -> Migrations {
    let mut registry = Migrations::new();
    for migration in migrations {
        for version in [migration.from(), migration.to()] {
            let id = SchemaId::of(&Json::from(u64::from(version.0)));
            registry.declare(version, id).expect("a declared version");
        }
        registry.register(migration).expect("an acceptable migration");
    }
    registry
}
