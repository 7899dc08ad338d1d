//! The fences round the pure crates stand and are complete.
//!
//! `clippy.toml` beside a pure crate makes a call to a clock, a file or a socket an error. The
//! scan of the text here catches what an import under another name might hide from a reader.

use super::{Finding, edges};
use crate::repo::{Crate, Repo};
use crate::rust_source::{closing_brace, line_of, mask, without_tests, word_offsets};

/// One thing that no pure crate may use, and a statement that uses it.
pub(super) struct Forbidden {
    /// Path as it stands in `clippy.toml`.
    pub(super) path: &'static str,
    /// A statement that compiles and breaks the rule; planted to see the fence fire.
    pub(super) statement: &'static str,
}

const fn forbidden(path: &'static str, statement: &'static str) -> Forbidden {
    Forbidden { path, statement }
}

/// What every fence has to name.
#[rustfmt::skip]
pub(super) const FORBIDDEN: &[Forbidden] = &[
    forbidden("std::time::SystemTime::now", "let _ = std::time::SystemTime::now();"),
    forbidden("std::time::Instant::now", "let _ = std::time::Instant::now();"),
    forbidden("std::env::var", "let _ = std::env::var(\"A\");"),
    forbidden("std::env::vars", "let _ = std::env::vars();"),
    forbidden("std::env::args", "let _ = std::env::args();"),
    forbidden("std::env::current_dir", "let _ = std::env::current_dir();"),
    forbidden("std::thread::sleep", "std::thread::sleep(std::time::Duration::ZERO);"),
    forbidden("std::thread::spawn", "let _ = std::thread::spawn(|| ());"),
    forbidden("std::fs::read", "let _ = std::fs::read(\"a\");"),
    forbidden("std::fs::read_to_string", "let _ = std::fs::read_to_string(\"a\");"),
    forbidden("std::fs::write", "let _ = std::fs::write(\"a\", \"b\");"),
    forbidden("std::fs::File::open", "let _ = std::fs::File::open(\"a\");"),
    forbidden("std::fs::File::create", "let _ = std::fs::File::create(\"a\");"),
    forbidden("std::process::Command::new", "let _ = std::process::Command::new(\"a\");"),
    forbidden("std::net::TcpStream::connect", "let _ = std::net::TcpStream::connect(\"a:1\");"),
    forbidden("std::collections::HashMap", "let _ = std::collections::HashMap::<u8, u8>::new();"),
    forbidden("std::collections::HashSet", "let _ = std::collections::HashSet::<u8>::new();"),
    forbidden("std::hash::RandomState", "let _ = std::hash::RandomState::new();"),
];

/// Modules of the standard library that reach outside.
const MODULES: &[&str] = &["env", "fs", "net", "process", "thread"];
/// Types that bring a clock or an order that differs per run.
const TYPES: &[&str] = &["SystemTime", "Instant", "HashMap", "HashSet", "RandomState"];

/// Returns the pure crates.
pub(super) fn pure_crates(repo: &Repo) -> Vec<Crate> {
    let is_pure = |one: &Crate| {
        edges::LAYERS.iter().any(|layer| layer.pure && layer.name == one.manifest.name)
    };
    repo.crates().into_iter().filter(is_pure).collect()
}

/// Returns holes in the fences and code that stands outside them.
pub(super) fn check(repo: &Repo) -> Vec<Finding> {
    let mut findings = Vec::new();
    for one in pure_crates(repo) {
        findings.extend(fence(repo, &one.folder));
        let sources = format!("{}/src/", one.folder);
        for (path, text) in repo.rust_files(&one.folder) {
            if path.starts_with(&sources) && !is_test_file(path) {
                findings.extend(source(path, text));
            }
        }
    }
    findings
}

fn fence(repo: &Repo, folder: &str) -> Vec<Finding> {
    let path = format!("{folder}/clippy.toml");
    let Some(fence) = repo.text(&path) else {
        return vec![Finding::on_file(&path, "a pure crate needs this fence; copy another one")];
    };
    let missing = FORBIDDEN
        .iter()
        .filter(|one| !fence.contains(&format!("\"{}\"", one.path)))
        .map(|one| Finding::on_file(&path, format!("the fence lacks `{}`", one.path)));
    // A clippy.toml in a crate replaces the one at the root, it does not add to it.
    let thresholds = repo.text("clippy.toml").unwrap_or_default();
    let lost = thresholds
        .lines()
        .filter(|line| !line.trim().is_empty() && !fence.lines().any(|own| own == *line))
        .map(|line| Finding::on_file(&path, format!("repeat `{line}` of the root's clippy.toml")));
    missing.chain(lost).collect()
}

/// `tests.rs` beside a module and everything in a folder `tests` is compiled for tests only.
fn is_test_file(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/tests/")
}

fn source(path: &str, text: &str) -> Vec<Finding> {
    let code = without_tests(&mask(text));
    let mut found: Vec<(usize, String)> = Vec::new();
    for module in MODULES {
        let name = format!("std::{module}");
        found.extend(word_offsets(&code, &name).map(|at| (at, name.clone())));
    }
    for name in TYPES {
        found.extend(word_offsets(&code, name).map(|at| (at, (*name).to_owned())));
    }
    for (at, _) in code.match_indices("std::{") {
        let end = closing_brace(&code, at + 5).unwrap_or(code.len());
        for module in MODULES {
            found.extend(
                word_offsets(&code[at..end], module).map(|_| (at, format!("std::{module}"))),
            );
        }
    }
    for lint in ["disallowed_methods", "disallowed_types"] {
        found.extend(word_offsets(&code, lint).map(|at| (at, format!("an exception to {lint}"))));
    }
    found
        .into_iter()
        .map(|(at, what)| {
            let message = format!("a pure crate has no {what}: take the fact as an argument");
            Finding::on_line(path, line_of(text, at), message)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repo_with(fence: &str, source: &str) -> Vec<Finding> {
        check(&Repo::from_files(&[
            ("clippy.toml", "too-many-lines-threshold = 70\n"),
            ("crates/syncline-model/Cargo.toml", "[package]\nname = \"syncline-model\"\n"),
            ("crates/syncline-model/clippy.toml", fence),
            ("crates/syncline-model/src/lib.rs", source),
        ]))
    }

    fn whole_fence() -> String {
        let entries: Vec<String> =
            FORBIDDEN.iter().map(|one| format!("  {{ path = \"{}\" }},\n", one.path)).collect();
        format!("too-many-lines-threshold = 70\n{}", entries.concat())
    }

    #[test]
    fn a_hole_in_a_fence_is_found() {
        assert_eq!(repo_with(&whole_fence(), "//! Pure."), []);
        let hole = whole_fence().replace("std::env::var\"", "std::env::variable\"");
        assert!(repo_with(&hole, "")[0].message.contains("lacks `std::env::var`"));
        let loose = whole_fence().replace("= 70", "= 7000");
        assert!(repo_with(&loose, "")[0].message.contains("repeat `too-many-lines"));
    }

    #[test]
    fn code_that_reaches_outside_is_found() {
        let cases = [
            ("path", "fn f() { std::fs::read(\"a\"); }", 1),
            ("group", "use std::{collections::BTreeMap, fs};", 1),
            ("type under its own name", "use x::Instant;", 1),
            ("exception", "#[expect(clippy::disallowed_types, reason = \"x\")] fn f() {}", 1),
            ("comment", "// HashMap would differ per run, std::fs too", 0),
            ("test", "#[cfg(test)]\nmod tests { use std::collections::HashMap; }", 0),
            ("longer word", "struct Instantly;", 0),
        ];
        for (name, source, expected) in cases {
            assert_eq!(repo_with(&whole_fence(), source).len(), expected, "case: {name}");
        }
    }
}
