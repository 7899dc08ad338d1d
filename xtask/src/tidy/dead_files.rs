//! Every Rust file is compiled: reachable by `mod` from a crate root.

use super::Finding;
use crate::repo::{Crate, Repo, file_name, parent, resolve};
use crate::rust_source::{mask, word_offsets};
use std::collections::BTreeSet;

/// Returns the Rust files that no crate root reaches.
pub(super) fn check(repo: &Repo) -> Vec<Finding> {
    let mut findings = Vec::new();
    for one in repo.crates() {
        let files = repo.rust_files(&one.folder);
        let mut waiting: Vec<String> = files
            .iter()
            .map(|(path, _)| (*path).to_owned())
            .filter(|path| is_root(&one, path))
            .collect();
        let mut alive = BTreeSet::new();
        while let Some(path) = waiting.pop() {
            if let Some(text) = repo.text(&path) {
                waiting.extend(modules(repo, &one, &path, text));
                alive.insert(path);
            }
        }
        findings.extend(
            files
                .iter()
                .filter(|(path, _)| !alive.contains(*path))
                .map(|(path, _)| Finding::on_file(path, "dead file: no `mod` reaches it")),
        );
    }
    findings
}

fn is_root(one: &Crate, path: &str) -> bool {
    let inside = &path[one.folder.len() + 1..];
    let is_target = |folder: &str| {
        let Some(rest) = inside.strip_prefix(folder) else {
            return false;
        };
        !rest.contains('/') || rest.matches('/').count() == 1 && rest.ends_with("/main.rs")
    };
    matches!(inside, "src/lib.rs" | "src/main.rs" | "build.rs")
        || ["src/bin/", "tests/", "benches/", "examples/"].into_iter().any(is_target)
        || one.manifest.target_paths.iter().any(|target| target == inside)
}

/// Returns the files that the `mod` lines of a file name and that are there.
fn modules(repo: &Repo, one: &Crate, path: &str, text: &str) -> Vec<String> {
    let code = mask(text);
    let name = file_name(path);
    let owns_folder = matches!(name, "mod.rs" | "lib.rs" | "main.rs") || is_root(one, path);
    let folder = match owns_folder {
        true => parent(path).to_owned(),
        false => path.trim_end_matches(".rs").to_owned(),
    };
    let mut found = Vec::new();
    for at in word_offsets(&code, "mod") {
        let module = code[at + 3..].split(';').next().unwrap_or_default().trim();
        if module.is_empty() || !module.chars().all(|c| c.is_alphanumeric() || c == '_') {
            continue;
        }
        found.push(format!("{folder}/{module}.rs"));
        found.push(format!("{folder}/{module}/mod.rs"));
    }
    // `#[path = "…"]` and `include!("…")` are relative to the folder of the file itself.
    for marker in ["path = \"", "include!(\""] {
        for (at, _) in code.match_indices(marker) {
            let inside = &text[at + marker.len()..];
            let target = inside.split('"').next().unwrap_or_default();
            found.extend(resolve(parent(path), target));
        }
    }
    found.retain(|path| repo.has(path));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_no_mod_reaches_is_found() {
        let repo = Repo::from_files(&[
            ("crates/a/Cargo.toml", "[package]\nname = \"a\"\n[[bin]]\npath = \"odd/x.rs\"\n"),
            ("crates/a/src/lib.rs", "mod b;\n// mod dead;\n#[path = \"other/e.rs\"]\nmod d;\n"),
            ("crates/a/src/b.rs", "pub(crate) mod c;"),
            ("crates/a/src/b/c.rs", ""),
            ("crates/a/src/other/e.rs", ""),
            ("crates/a/src/bin/tool.rs", "mod part;"),
            ("crates/a/src/bin/part.rs", ""),
            ("crates/a/odd/x.rs", ""),
            ("crates/a/tests/it/main.rs", "mod laws;"),
            ("crates/a/tests/it/laws.rs", ""),
            ("crates/a/tests/it/forgotten.rs", ""),
            ("crates/a/src/dead.rs", ""),
        ]);
        let found: Vec<String> = check(&repo).into_iter().map(|finding| finding.path).collect();
        assert_eq!(found, ["crates/a/src/dead.rs", "crates/a/tests/it/forgotten.rs"]);
    }
}
