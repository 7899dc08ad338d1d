//! Starts a benchmark by name, in release.

use crate::failure::Failure;
use crate::process::{cargo, run};
use std::path::Path;

/// Name of a benchmark and the question it answers.
const BENCHMARKS: &[(&str, &str)] = &[
    ("client", "what the TypeScript client takes and gives, against PouchDB and RxDB"),
    ("files", "how long one sync of folders of JSON takes, against a plain script"),
    ("hooks", "how many webhooks a hub delivers, and how soon, against BullMQ and pg-boss"),
    ("hub", "what a served hub takes and gives, against PouchDB with express-pouchdb"),
    ("ingest", "how many operations of clients a hub takes durably, against raw SQLite"),
    ("merge", "how many records one processor merges, from stored bytes to stored bytes"),
];
/// Folder of the crate that holds them, and its name.
const BENCHES: (&str, &str) = ("benches", "syncline-benches");

/// Runs the benchmark `name` with `arguments`; without a name, lists them.
///
/// # Errors
///
/// Fails for an unknown name and when the benchmark does.
pub(crate) fn start(root: &Path, name: Option<&str>, arguments: &[String]) -> Result<(), Failure> {
    let Some(name) = name else {
        for (name, question) in BENCHMARKS {
            println!("{name:<10} {question}");
        }
        return Ok(());
    };
    if !BENCHMARKS.iter().any(|(known, _)| *known == name) {
        let known: Vec<&str> = BENCHMARKS.iter().map(|(known, _)| *known).collect();
        return Err(Failure::usage(format!(
            "no benchmark `{name}`; there is: {}",
            known.join(", ")
        )));
    }
    let (folder, package) = BENCHES;
    if !root.join(folder).join("Cargo.toml").is_file() {
        return Err(Failure::new(format!("the crate `{package}` is not there yet")));
    }
    let mut command = cargo(root);
    command.args(["run", "--release", "--package", package, "--bin", name, "--"]).args(arguments);
    run(&mut command)
}
