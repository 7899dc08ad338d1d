//! Tests against the golden messages and vectors in `fixtures/protocol`, which other implementations
//! replay too.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod checksums;
mod cursors;
mod deltas;
mod golden;
mod prediction;
mod schema;

use std::path::PathBuf;

/// The folder of the golden files of this version.
fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/protocol/v1")
}

/// Returns the names and the texts of the golden messages, by name.
#[expect(clippy::disallowed_methods, reason = "this test reads fixtures; the crate does not")]
fn messages(ending: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = std::fs::read_dir(folder().join("messages"))
        .unwrap()
        .filter_map(|entry| {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let stem = name.strip_suffix(ending)?.to_owned();
            let text = std::fs::read_to_string(folder().join("messages").join(&name)).unwrap();
            Some((stem, text))
        })
        .collect();
    found.sort();
    found
}

/// Returns what a golden file holds; `BLESS=1` writes a file that is not there yet.
#[expect(clippy::disallowed_methods, reason = "this test reads fixtures; the crate does not")]
fn golden(name: &str, written: &str) -> String {
    let file = folder().join("messages").join(name);
    if std::env::var_os("BLESS").is_some() && !file.exists() {
        std::fs::write(&file, written).unwrap();
    }
    std::fs::read_to_string(&file).unwrap_or_default()
}
