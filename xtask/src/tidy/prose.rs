//! What the text of the repository may say: links that lead somewhere, no path outside the
//! repository, no unexplained work left open, no test switched off without a reason.

use super::Finding;
use crate::repo::{Repo, parent, resolve};
use crate::rust_source::{line_of, mask, word_offsets};

/// What is written by hand and read here.
const ENDINGS: &[&str] =
    &[".rs", ".md", ".toml", ".sh", ".js", ".mjs", ".ts", ".json", ".yml", ".yaml", ".ci/run"];
/// Paths that exist on one machine only. Split, so that this file does not find itself.
const PATHS_OUTSIDE: &[&str] = &[concat!("/wo", "rk/"), concat!("../sha", "red/")];
/// Marks of open work; each needs an issue or a page behind it, in brackets.
const MARKS: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];

/// Returns what the texts say wrongly.
pub(super) fn check(repo: &Repo) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in repo.texts(&[""]).filter(|(path, _)| !path.starts_with("fixtures/")) {
        findings.extend(paths_outside(path, text));
    }
    for (path, text) in repo.texts(ENDINGS) {
        findings.extend(marks(path, text));
        if path.ends_with(".md") {
            findings.extend(links(repo, path, text));
        }
        if path.ends_with(".rs") {
            findings.extend(tests_switched_off(path, text));
        }
    }
    findings
}

fn paths_outside(path: &str, text: &str) -> Vec<Finding> {
    let found = PATHS_OUTSIDE.iter().flat_map(|outside| text.match_indices(outside));
    found
        // `/phones/…/0` is a pointer into a record, not a path of a machine.
        .filter(|(at, _)| !text[..*at].ends_with(|c: char| c.is_alphanumeric()))
        .map(|(at, outside)| {
            let message = format!("`{outside}` lies outside the repository");
            Finding::on_line(path, line_of(text, at), message)
        })
        .collect()
}

fn marks(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for mark in MARKS {
        for at in word_offsets(text, mark) {
            let reason = text[at + mark.len()..].strip_prefix('(').and_then(|rest| rest.find(')'));
            if reason.is_none_or(|length| length == 0) {
                let message = format!("{mark} without context: {mark}(issue or page)");
                findings.push(Finding::on_line(path, line_of(text, at), message));
            }
        }
    }
    findings
}

fn tests_switched_off(path: &str, text: &str) -> Vec<Finding> {
    let masked = mask(text);
    let found = masked.match_indices("#[ignore]");
    found
        .map(|(at, _)| {
            let message = "a test switched off needs a reason: #[ignore = \"…\"]";
            Finding::on_line(path, line_of(text, at), message)
        })
        .collect()
}

/// Every relative link of a Markdown file leads to a file or folder of the repository.
fn links(repo: &Repo, path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut fenced = false;
    for (number, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if fenced {
            continue;
        }
        // Code between backticks is no link.
        let prose: Vec<&str> = line.split('`').step_by(2).collect();
        let prose = prose.join(" ");
        for target in prose.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = target.split('#').next().unwrap_or_default();
            let is_elsewhere = file.contains("://") || file.starts_with("mailto:");
            if file.is_empty() || is_elsewhere {
                continue;
            }
            if !resolve(parent(path), file).is_some_and(|found| repo.has(&found)) {
                let message = format!("the link to `{file}` leads nowhere");
                findings.push(Finding::on_line(path, number + 1, message));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(path: &str, text: &str) -> Vec<Finding> {
        check(&Repo::from_files(&[("docs/glossary.md", "# Glossary"), (path, text)]))
    }

    #[test]
    fn links_lead_somewhere() {
        let cases = [
            ("file", "[a](glossary.md)", 0),
            ("folder", "[a](../docs/)", 0),
            ("place in a file", "[a](glossary.md#record)", 0),
            ("place on this page", "[a](#record)", 0),
            ("web", "[a](https://example.org/x)", 0),
            ("code", "`[a](gone.md)`", 0),
            ("fenced code", "```\n[a](gone.md)\n```", 0),
            ("gone", "[a](glossary.md) [b](gone.md)", 1),
            ("outside", "[a](../../x.md)", 1),
        ];
        for (name, text, expected) in cases {
            assert_eq!(findings("docs/a.md", text).len(), expected, "case: {name}");
        }
    }

    #[test]
    fn words_that_need_context_are_found() {
        for mark in MARKS {
            assert_eq!(findings("a.rs", &format!("// {mark}: later")).len(), 1);
            assert_eq!(findings("a.rs", &format!("// {mark}(): later")).len(), 1);
            assert_eq!(findings("a.rs", &format!("// {mark}(#12): later")), []);
        }
    }

    #[test]
    fn paths_of_one_machine_are_found() {
        for outside in PATHS_OUTSIDE {
            assert_eq!(findings("run", &format!("x = \"{outside}y\"")).len(), 1);
            assert_eq!(findings("fixtures/a.json", &format!("\"{outside}y\"")), []);
            assert_eq!(findings("a.rs", &format!("\"/phones{outside}0\"")), []);
        }
    }

    #[test]
    fn a_test_switched_off_without_reason_is_found() {
        assert_eq!(findings("a.rs", "#[test]\n#[ignore]\nfn a() {}").len(), 1);
        assert_eq!(findings("a.rs", "#[test]\n#[ignore = \"an hour\"]\nfn a() {}"), []);
        assert_eq!(findings("a.rs", "const A: &str = \"#[ignore]\";"), []);
    }
}
