//! Where things stand and what they are called: crate docs, thin `lib.rs` and `mod.rs`, names
//! that say something, a guide in every folder.

use super::Finding;
use crate::repo::{Repo, file_name, parent};
use crate::rust_source::{item_end, line_of, mask};

/// Longest `lib.rs` or `mod.rs`, in lines with their docs. Longer ones hold something else too.
const ENTRY_LINES_MAX: usize = 150;
/// Most files in a folder that explains itself by their names alone.
const FILES_WITHOUT_GUIDE_MAX: usize = 5;
/// Names that say nothing about what is inside.
const NAMES_EMPTY: &[&str] =
    &["common", "helper", "helpers", "manager", "misc", "shared", "types", "util", "utils"];
/// What a source file is, as opposed to data.
const SOURCE_ENDINGS: &[&str] = &[".rs", ".ts", ".tsx", ".js", ".mjs", ".sh"];

/// Returns what stands in the wrong place or under a wrong name.
pub(super) fn check(repo: &Repo) -> Vec<Finding> {
    let mut findings: Vec<Finding> = repo.paths().filter_map(empty_name).collect();
    for one in repo.crates() {
        for (path, text) in repo.rust_files(&one.folder) {
            if is_crate_root(&one.folder, path) && !opens_with_docs(text) {
                findings.push(Finding::on_file(path, "a crate opens with `//!`: what it owns"));
            }
            if matches!(file_name(path), "lib.rs" | "mod.rs") {
                findings.extend(entry(path, text));
            }
        }
    }
    findings.extend(folders_without_guide(repo));
    findings
}

fn empty_name(path: &str) -> Option<Finding> {
    let is_source = SOURCE_ENDINGS.iter().any(|ending| path.ends_with(ending));
    let is_empty = |part: &str| NAMES_EMPTY.contains(&part.split('.').next().unwrap_or(part));
    let part = path.split('/').find(|part| is_source && is_empty(part))?;
    Some(Finding::on_file(path, format!("`{part}` says nothing: name what it is about")))
}

fn is_crate_root(folder: &str, path: &str) -> bool {
    let inside = &path[folder.len() + 1..];
    matches!(inside, "src/lib.rs" | "src/main.rs")
        || inside.starts_with("src/bin/") && inside.matches('/').count() == 2
        || inside.starts_with("tests/") && inside.ends_with("/main.rs")
}

fn opens_with_docs(text: &str) -> bool {
    text.lines()
        .map(str::trim)
        .find(|line| !line.is_empty() && !line.starts_with("#!") && !line.starts_with("// "))
        .is_some_and(|line| line.starts_with("//!"))
}

/// `lib.rs` and `mod.rs` hold docs, `mod` and `use`.
fn entry(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let lines = text.lines().count();
    if lines > ENTRY_LINES_MAX {
        let message = format!("{lines} lines; at most {ENTRY_LINES_MAX}: only docs, mod and use");
        findings.push(Finding::on_file(path, message));
    }
    let code = mask(text);
    let mut at = 0;
    while let Some(start) = code[at..].find(|c: char| !c.is_whitespace()).map(|skip| at + skip) {
        let rest = &code[start..];
        if rest.starts_with('#') {
            at = start + attribute_length(rest);
            continue;
        }
        // `use` may hold braces of its own; everything else ends at its first brace or semicolon.
        let is_use = words(rest).any(|word| word == "use");
        let end = match rest.find(';') {
            Some(length) if is_use => start + length + 1,
            _ => item_end(&code, start),
        };
        let is_entry =
            is_use || words(rest).any(|word| word == "mod") && code[start..end].ends_with(';');
        if !is_entry {
            let message = "only docs, `mod` and `use` here: move this to a module of its own";
            findings.push(Finding::on_line(path, line_of(text, start), message));
        }
        at = end;
    }
    findings
}

/// Returns the words of an item's head: `pub(crate) use x` gives pub, crate, use.
fn words(item: &str) -> impl Iterator<Item = &str> {
    item.split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|word| !word.is_empty())
        .take_while({
            let mut done = false;
            move |word| {
                let go_on = !done;
                done = !matches!(*word, "pub" | "crate" | "super" | "in" | "extern");
                go_on
            }
        })
}

fn attribute_length(text: &str) -> usize {
    let mut depth = 0_usize;
    for (at, c) in text.char_indices() {
        match c {
            '[' => depth += 1,
            ']' if depth == 1 => return at + 1,
            ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    text.len()
}

fn folders_without_guide(repo: &Repo) -> Vec<Finding> {
    repo.folders()
        .filter(|(_, files)| files.len() > FILES_WITHOUT_GUIDE_MAX)
        .filter(|(folder, files)| !has_guide(repo, folder, files))
        .map(|(folder, files)| {
            let message = format!(
                "{} files and no guide: add README.md, or docs to the module's entry",
                files.len()
            );
            Finding::on_file(folder, message)
        })
        .collect()
}

fn has_guide(repo: &Repo, folder: &str, files: &[&str]) -> bool {
    let docs = |path: String| repo.text(&path).is_some_and(opens_with_docs);
    let is_data =
        !files.iter().any(|path| SOURCE_ENDINGS.iter().any(|ending| path.ends_with(ending)));
    repo.has(&joined(folder, "README.md"))
        || ["mod.rs", "lib.rs", "main.rs"].iter().any(|name| docs(joined(folder, name)))
        || docs(format!("{folder}.rs"))
        || repo.text(&joined(folder, "index.ts")).is_some_and(|text| text.starts_with("/**"))
        || is_data && data_has_guide_above(repo, folder)
}

/// A corpus needs one guide at its top, not one per folder.
fn data_has_guide_above(repo: &Repo, folder: &str) -> bool {
    let mut above = parent(folder);
    while !above.is_empty() {
        if repo.has(&joined(above, "README.md")) {
            return true;
        }
        above = parent(above);
    }
    false
}

fn joined(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: (&str, &str) = ("crates/a/Cargo.toml", "[package]\nname = \"a\"\n");

    fn findings(files: &[(&str, &str)]) -> Vec<Finding> {
        check(&Repo::from_files(&[&[MANIFEST], files].concat()))
    }

    #[test]
    fn entries_hold_docs_mod_and_use_only() {
        let cases = [
            ("thin", "//! A.\n#![expect(x)]\nmod a;\npub(crate) mod b;\npub use a::{B, C};\n", 0),
            ("attribute on mod", "//! A.\n#[cfg(feature = \"x\")]\nmod a;\n", 0),
            ("a function", "//! A.\nmod a;\nfn f() { g(); }\nuse a::B;\n", 1),
            ("a constant", "//! A.\npub const N: usize = 1;\n", 1),
            ("an inline module", "//! A.\nmod a { fn f() {} }\n", 1),
            ("no docs", "mod a;\n", 1),
            ("comment first is no doc", "// A.\nmod a;\n", 1),
        ];
        for (name, text, expected) in cases {
            assert_eq!(findings(&[("crates/a/src/lib.rs", text)]).len(), expected, "case: {name}");
        }
        let long = "//! A.\n".repeat(ENTRY_LINES_MAX + 1);
        assert_eq!(findings(&[("crates/a/src/lib.rs", &long)]).len(), 1);
    }

    #[test]
    fn names_that_say_nothing_are_found() {
        for path in ["crates/a/src/utils.rs", "crates/a/src/common/x.rs", "sdk/src/helpers.ts"] {
            assert_eq!(findings(&[(path, "//! A.")]).len(), 1, "case: {path}");
        }
        assert_eq!(findings(&[("crates/a/src/common_prefix.rs", "//! A.")]), []);
        assert_eq!(findings(&[("fixtures/types/one.json", "{}")]), []);
    }

    #[test]
    fn a_folder_with_many_files_needs_a_guide() {
        let paths: Vec<String> = (0..6).map(|n| format!("fixtures/wire/v1/{n}.bin")).collect();
        let mut files: Vec<(&str, &str)> = paths.iter().map(|path| (path.as_str(), "")).collect();
        assert_eq!(findings(&files).len(), 1);
        files.push(("fixtures/README.md", "# Fixtures"));
        assert_eq!(findings(&files), []);
        let code: Vec<String> = (0..6).map(|n| format!("crates/a/src/x/{n}.rs")).collect();
        let mut files: Vec<(&str, &str)> = code.iter().map(|path| (path.as_str(), "")).collect();
        files.push(("crates/a/README.md", "# A"));
        assert_eq!(findings(&files).len(), 1, "code needs its guide in the folder");
        files.push(("crates/a/src/x.rs", "//! X."));
        assert_eq!(findings(&files), []);
        let code: Vec<String> = (0..6).map(|n| format!("sdk/a/src/x/{n}.ts")).collect();
        let mut files: Vec<(&str, &str)> = code.iter().map(|path| (path.as_str(), "")).collect();
        files.push(("sdk/a/src/x/index.ts", "export {};"));
        assert_eq!(findings(&files).len(), 1, "an entry without docs is no guide");
        files.pop();
        files.push(("sdk/a/src/x/index.ts", "/** X. */\n"));
        assert_eq!(findings(&files), []);
    }
}
