//! What is to be seen of migrations from outside: tables first, then the laws.

mod chain;
mod format_versions;
mod laws;
mod steps;

use crate::json::{Json, Leaf, fields, parse};
use crate::path::Path;

use super::{Migration, Migrations, SchemaId, SchemaVersion, Step};

fn path(text: &str) -> Path {
    Path::parse(text).expect("a path")
}

fn leaf(text: &str) -> Leaf {
    Leaf::parse(text).expect("a JSON value")
}

fn record(text: &str) -> Vec<(Path, Leaf)> {
    fields::flatten(text.as_bytes()).expect("a record")
}

fn json(text: &str) -> Json {
    parse(text.as_bytes()).expect("a JSON text")
}

fn rename(from: &str, to: &str) -> Step {
    Step::Rename {
        from: path(from),
        to: path(to),
    }
}

fn add(at: &str, default: Option<&str>) -> Step {
    Step::Add {
        path: path(at),
        default: default.map(leaf),
    }
}

fn remove(at: &str, default: Option<&str>) -> Step {
    Step::Remove {
        path: path(at),
        default: default.map(leaf),
    }
}

fn migration(from: u32, to: u32, steps: Vec<Step>) -> Migration {
    Migration::new(SchemaVersion(from), SchemaVersion(to), steps).expect("a migration")
}

/// A registry of these migrations, with every version that they name.
fn registry(migrations: impl IntoIterator<Item = Migration>) -> Migrations {
    let mut registry = Migrations::new();
    for migration in migrations {
        for version in [migration.from(), migration.to()] {
            let id = SchemaId::of(&Json::from(u64::from(version.0)));
            registry.declare(version, id).expect("a declared version");
        }
        registry
            .register(migration)
            .expect("an acceptable migration");
    }
    registry
}
