//! Every error code has a page in `docs/errors/`, and every page belongs to a code.

use super::Finding;
use crate::repo::{Repo, file_name, parent};
use crate::rust_source::{functions, line_of, mask};
use std::collections::BTreeMap;

/// Where the pages are.
const FOLDER: &str = "docs/errors";
/// What every page says, in this order; `docs/errors/README.md` explains them.
const SECTIONS: &[&str] = &["## Meaning", "## Cause", "## What to do"];

/// Returns codes without a page, pages without a code, and pages that lack a section.
pub(super) fn check(repo: &Repo) -> Vec<Finding> {
    let codes = codes(repo);
    let mut findings = Vec::new();
    for (code, (path, line)) in &codes {
        if !repo.has(&format!("{FOLDER}/{code}.md")) {
            let message = format!("`{code}` has no page: write {FOLDER}/{code}.md");
            findings.push(Finding::on_line(path, *line, message));
        }
    }
    for (path, text) in repo.texts(&[".md"]).filter(|(path, _)| parent(path) == FOLDER) {
        let name = file_name(path).trim_end_matches(".md");
        if name == "README" {
            continue;
        }
        if !codes.contains_key(name) {
            let message =
                "no `fn code` and no client in TypeScript answers this code: remove the page";
            findings.push(Finding::on_file(path, message));
        }
        findings.extend(sections_missing(path, name, text));
    }
    findings
}

fn sections_missing(path: &str, name: &str, text: &str) -> Vec<Finding> {
    let title = format!("# {name}");
    std::iter::once(title.as_str())
        .chain(SECTIONS.iter().copied())
        .filter(|heading| !text.lines().any(|line| line.trim_end() == *heading))
        .map(|heading| Finding::on_file(path, format!("the page lacks the line `{heading}`")))
        .collect()
}

/// Returns every code that a function named `code` can answer, with the place of its first use.
fn codes(repo: &Repo) -> BTreeMap<String, (String, usize)> {
    let mut codes = BTreeMap::new();
    for (path, text) in repo.texts(&[".rs"]).filter(|(path, _)| path.starts_with("crates/")) {
        let masked = mask(text);
        for function in functions(&masked).iter().filter(|function| function.name == "code") {
            for (start, end) in literals(&masked, function.start, function.end) {
                if is_code(&text[start..end]) {
                    let place = (path.to_owned(), line_of(text, start));
                    codes.entry(text[start..end].to_owned()).or_insert(place);
                }
            }
        }
    }
    for (path, text) in repo.texts(&[".ts", ".tsx"]).filter(|(path, _)| is_published(path)) {
        for (start, code) in quoted_codes(text) {
            codes.entry(code.to_owned()).or_insert_with(|| (path.to_owned(), line_of(text, start)));
        }
    }
    codes
}

/// Returns whether a file is part of what is published for TypeScript.
fn is_published(path: &str) -> bool {
    path.starts_with("sdk/") && path.contains("/src/")
}

/// Returns codes in quotes. There is one function for all errors of TypeScript, so what looks like a
/// code is one: several words in capitals, joined by `_`.
fn quoted_codes(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.match_indices('"').filter_map(|(quote, _)| {
        let (word, _) = text[quote + 1..].split_once('"')?;
        (is_code(word) && word.contains('_')).then_some((quote + 1, word))
    })
}

/// Returns the insides of the string literals in a range of masked code.
fn literals(masked: &str, start: usize, end: usize) -> Vec<(usize, usize)> {
    let quotes: Vec<usize> =
        masked[start..end].match_indices('"').map(|(at, _)| start + at).collect();
    quotes.chunks_exact(2).map(|pair| (pair[0] + 1, pair[1])).collect()
}

fn is_code(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_uppercase())
        && text.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    const ERROR: (&str, &str) = (
        "crates/a/src/error.rs",
        "impl E {\n  fn code(&self) -> &str {\n    match self { Self::A => \"CLOCK_AHEAD\" }\n  }\n\
         fn name() -> &str { \"NOT_A_CODE\" }\n}",
    );
    const PAGE: &str = "# CLOCK_AHEAD\n\n## Meaning\n\n## Cause\n\n## What to do\n";

    #[test]
    fn a_client_in_typescript_answers_codes_too() {
        let page = ("docs/errors/CLOCK_AHEAD.md", PAGE);
        let client = (
            "sdk/a/src/clock.ts",
            "// It isn't.\nthrow new SynclineError(\"CLOCK_AHEAD\", \"x\");",
        );
        assert_eq!(check(&Repo::from_files(&[client, page])), []);
        let found = check(&Repo::from_files(&[client]));
        assert_eq!((found.len(), found[0].line), (1, 2), "a code without a page");
        let test = ("sdk/a/test/clock.test.ts", client.1);
        assert_eq!(check(&Repo::from_files(&[test])), [], "a test answers nobody");
    }

    #[test]
    fn codes_and_pages_belong_together() {
        let page = ("docs/errors/CLOCK_AHEAD.md", PAGE);
        let readme = ("docs/errors/README.md", "# Errors");
        assert_eq!(check(&Repo::from_files(&[ERROR, page, readme])), []);

        let found = check(&Repo::from_files(&[ERROR, readme]));
        assert_eq!((found.len(), found[0].line), (1, 3), "a code without a page");

        let found = check(&Repo::from_files(&[page]));
        assert!(found[0].message.contains("no `fn code`"), "a page without a code");

        let short = PAGE.replace("## Cause\n", "");
        let found = check(&Repo::from_files(&[ERROR, ("docs/errors/CLOCK_AHEAD.md", &short)]));
        assert!(found[0].message.contains("## Cause"), "a page without a cause");
    }
}
