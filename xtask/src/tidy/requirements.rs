//! Every requirement that the project claims names a test that exists.
//!
//! The tables in `docs/requirements/` have the columns *Id*, *Requirement* and *Shown by*; the
//! last one holds tests as `` `crate::name_of_the_test` ``, and those of the TypeScript workspaces as
//! `` `sdk/client::the sentence of the test` ``. What is measured holds scenarios of benchmarks, as `` `bench hooks::rate` ``.

use super::Finding;
use crate::repo::{Repo, parent};
use crate::rust_source::{mask, test_functions};
use std::collections::{BTreeMap, BTreeSet};

/// Where the tables are.
const FOLDER: &str = "docs/requirements";
/// Where the benchmarks are, and the list of scenarios in each.
const BENCHMARKS: (&str, &str) = ("benches/src/bin/", "enum Scenario {");
/// Columns of a table.
const COLUMNS: usize = 3;

/// Returns rows without a test, with a test that is not there, and ids claimed twice.
pub(super) fn check(repo: &Repo) -> Vec<Finding> {
    let tests = tests_by_crate(repo);
    let mut ids = BTreeSet::new();
    let mut findings = Vec::new();
    for (path, text) in repo.texts(&[".md"]).filter(|(path, _)| parent(path) == FOLDER) {
        if path.ends_with("/README.md") {
            continue;
        }
        for (number, line) in text.lines().enumerate() {
            let Some(cells) = row(line) else { continue };
            let mut wrong =
                |message: String| findings.push(Finding::on_line(path, number + 1, message));
            if cells.len() != COLUMNS || cells.iter().any(|cell| cell.is_empty()) {
                wrong("a row has three columns: Id, Requirement, Shown by".to_owned());
                continue;
            }
            if !ids.insert(cells[0].to_owned()) {
                wrong(format!("`{}` is claimed twice", cells[0]));
            }
            let named: Vec<&str> = cells[2].split('`').skip(1).step_by(2).collect();
            if named.is_empty() {
                wrong(format!("`{}` names no test", cells[0]));
            }
            for test in named.into_iter().filter(|test| !exists(&tests, test)) {
                wrong(format!("no test `{test}`; write `crate::name_of_the_test`"));
            }
        }
    }
    findings
}

/// Returns the cells of a table row; nothing for other lines, the heading and the rule below it.
fn row(line: &str) -> Option<Vec<&str>> {
    let inside = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    let cells: Vec<&str> = inside.split('|').map(str::trim).collect();
    let is_rule = cells.iter().all(|cell| cell.chars().all(|c| c == '-' || c == ':'));
    (!is_rule && cells[0] != "Id").then_some(cells)
}

fn exists(tests: &BTreeMap<String, BTreeSet<String>>, named: &str) -> bool {
    let Some((owner, rest)) = named.split_once("::") else {
        return false;
    };
    let name = rest.rsplit("::").next().unwrap_or(rest);
    tests.get(owner).is_some_and(|names| names.contains(name))
}

fn tests_by_crate(repo: &Repo) -> BTreeMap<String, BTreeSet<String>> {
    let mut tests = BTreeMap::new();
    for one in repo.crates() {
        let names: BTreeSet<String> = repo
            .rust_files(&one.folder)
            .iter()
            .flat_map(|(_, text)| {
                let masked = mask(text);
                test_functions(&masked).into_iter().map(str::to_owned).collect::<Vec<String>>()
            })
            .collect();
        tests.insert(one.manifest.name, names);
    }
    for (path, text) in repo.texts(&[".test.ts", ".test.tsx"]) {
        let mut parts = path.split('/');
        if let (Some("sdk"), Some(workspace)) = (parts.next(), parts.next()) {
            let names: &mut BTreeSet<String> = tests.entry(format!("sdk/{workspace}")).or_default();
            names.extend(sentences(text).map(str::to_owned));
        }
    }
    for (path, text) in repo.texts(&["/main.rs"]) {
        let benchmark = path.strip_prefix(BENCHMARKS.0);
        if let Some(name) = benchmark.and_then(|path| path.strip_suffix("/main.rs")) {
            tests.insert(format!("bench {name}"), scenarios(text).collect());
        }
    }
    tests
}

/// Returns the scenarios of a benchmark, as its command line names them.
fn scenarios(text: &str) -> impl Iterator<Item = String> {
    let listed = text.split(BENCHMARKS.1).nth(1).and_then(|rest| rest.split('}').next());
    let names = listed.unwrap_or_default().lines().map(str::trim);
    names.filter_map(|line| line.strip_suffix(',')).map(str::to_lowercase)
}

/// Returns the sentences of the tests of a TypeScript file: `it("…"` and `test("…"`.
fn sentences(text: &str) -> impl Iterator<Item = &str> {
    let named = text.lines().filter_map(|line| {
        let line = line.trim_start();
        line.strip_prefix("it(\"").or_else(|| line.strip_prefix("test(\""))
    });
    named.filter_map(|rest| rest.split('"').next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_without_its_test_is_found() {
        let cases = [
            ("shown", "| C1 | Prints totals. | `a::totals_are_printed` |", ""),
            ("in a module", "| C1 | Prints totals. | `a::it::totals_are_printed` |", ""),
            ("two tests", "| C1 | X. | `a::totals_are_printed`, `a::gone` |", "no test `a::gone`"),
            ("not a test", "| C1 | X. | `a::not_a_test` |", "no test"),
            ("other crate", "| C1 | X. | `b::totals_are_printed` |", "no test"),
            ("nothing named", "| C1 | X. | soon |", "names no test"),
            ("short row", "| C1 | X. |", "three columns"),
            ("a sentence", "| C1 | X. | `sdk/web::edits stay` |", ""),
            ("a scenario", "| C1 | X. | `bench hub::fan` |", ""),
            ("no such scenario", "| C1 | X. | `bench hub::many` |", "no test"),
            ("no such benchmark", "| C1 | X. | `bench hooks::fan` |", "no test"),
            ("no such sentence", "| C1 | X. | `sdk/web::edits go` |", "no test"),
        ];
        for (name, row, expected) in cases {
            let table = format!("| Id | Requirement | Shown by |\n|---|:--|---|\n{row}\n");
            let found = check(&Repo::from_files(&[
                ("crates/a/Cargo.toml", "[package]\nname = \"a\"\n"),
                ("crates/a/src/lib.rs", "#[test]\nfn totals_are_printed() {}\nfn not_a_test() {}"),
                (
                    "benches/src/bin/hub/main.rs",
                    "enum Scenario {\n    /// Deliveries, many.\n    Fan,\n}\nenum Other {\n    Many,\n}\n",
                ),
                ("sdk/web/test/a.test.ts", "  it(\"edits stay\", () => {});\n"),
                ("docs/requirements/command.md", &table),
            ]));
            match expected {
                "" => assert_eq!(found, [], "case: {name}"),
                _ => {
                    assert!(found.len() == 1 && found[0].message.contains(expected), "case: {name}")
                }
            }
        }
    }

    #[test]
    fn an_id_is_claimed_once() {
        let table = "| C1 | X. | `a::t` |\n";
        let found = check(&Repo::from_files(&[
            ("crates/a/Cargo.toml", "[package]\nname = \"a\"\n"),
            ("crates/a/src/lib.rs", "#[test]\nfn t() {}"),
            ("docs/requirements/one.md", table),
            ("docs/requirements/two.md", table),
        ]));
        assert!(found.len() == 1 && found[0].message.contains("twice"));
    }
}
