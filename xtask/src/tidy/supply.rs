//! What this workspace downloads: from where, how much, under which licences.
//!
//! `deny.toml` is the one list of what is allowed; `cargo deny` reads it where it is installed,
//! and these checks read the same lines everywhere else.

use super::{Finding, licence};
use crate::failure::Failure;
use crate::manifest::{locked_packages, quoted, section_lines};
use crate::process::cargo;
use crate::repo::Repo;
use std::collections::{BTreeMap, BTreeSet};

/// Most packages in `Cargo.lock`. Each one is code that somebody else may change and that every
/// cold build pays for; raising this number is a decision, so it is a line in a diff. Serving a hub
/// brought some fifty: an HTTP stack, WebSockets, and the codings that browsers ask for.
const PACKAGES_MAX: usize = 330;
/// The only place where packages come from.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";
/// The list of what is allowed.
const RULES: &str = "deny.toml";
/// What is checked.
const LOCK: &str = "Cargo.lock";

/// Returns packages from elsewhere, packages that must not stand there twice, and a full lock.
pub(super) fn lock_file(repo: &Repo) -> Vec<Finding> {
    let packages = locked_packages(repo.text(LOCK).unwrap_or_default());
    let mut findings = Vec::new();
    let mut versions: BTreeMap<&str, usize> = BTreeMap::new();
    for package in &packages {
        *versions.entry(&package.name).or_default() += 1;
        if !package.source.is_empty() && package.source != REGISTRY {
            let message = format!("`{}` does not come from crates.io", package.name);
            findings.push(Finding::on_file(LOCK, message));
        }
    }
    if packages.len() > PACKAGES_MAX {
        let message = format!("{} packages; the cap is {PACKAGES_MAX}", packages.len());
        findings.push(Finding::on_file(LOCK, message));
    }
    for line in section_lines(repo.text(RULES).unwrap_or_default(), "[bans]") {
        let Some(name) = quoted(line).first().copied().filter(|_| line.contains("crate =")) else {
            continue;
        };
        let found = versions.get(name).copied().unwrap_or(0);
        if line.contains("deny-multiple-versions = true") && found > 1 {
            findings.push(Finding::on_file(LOCK, format!("`{name}` is there {found} times")));
        } else if !line.contains("deny-multiple-versions") && found > 0 {
            findings.push(Finding::on_file(LOCK, format!("`{name}` is banned by {RULES}")));
        }
    }
    findings
}

/// Returns the packages whose licence is not on the list.
///
/// # Errors
///
/// Fails when `cargo tree` does, for instance because a package cannot be downloaded.
pub(super) fn licences(repo: &Repo) -> Result<Vec<Finding>, Failure> {
    let output = cargo(&repo.root)
        .args(["tree", "--workspace", "--all-features", "--edges", "normal,build,dev"])
        .args(["--prefix", "none", "--format", "{p}|{l}"])
        .output()?;
    if !output.status.success() {
        let report = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(Failure::new(format!("cargo tree failed:\n{report}")));
    }
    let tree = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(licences_of_tree(&tree, repo.text(RULES).unwrap_or_default()))
}

fn licences_of_tree(tree: &str, rules: &str) -> Vec<Finding> {
    let allowed: Vec<&str> =
        section_lines(rules, "[licenses]").into_iter().flat_map(quoted).collect();
    let packages: BTreeSet<(&str, &str)> =
        tree.lines().filter_map(|line| line.trim_end_matches(" (*)").split_once('|')).collect();
    if packages.is_empty() {
        return vec![Finding::on_file(LOCK, "cargo tree named no package")];
    }
    packages
        .into_iter()
        .filter(|(_, expression)| !licence::is_allowed(expression, &allowed))
        .map(|(package, expression)| {
            let name = package.split(" (").next().unwrap_or(package);
            Finding::on_file(RULES, format!("`{name}` has the licence `{expression}`"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES_TEXT: &str = "[licenses]\nallow = [\n  \"MIT\", # most\n]\n[bans]\ndeny = [\n  \
        { crate = \"rustls\", deny-multiple-versions = true },\n  { crate = \"openssl\" },\n]\n";

    fn lock(packages: &[(&str, &str)]) -> Vec<Finding> {
        let text: String = packages
            .iter()
            .map(|(name, source)| {
                format!(
                    "[[package]]\nname = \"{name}\"\nversion = \"1.0.0\"\nsource = \"{source}\"\n"
                )
            })
            .collect();
        lock_file(&Repo::from_files(&[(LOCK, &text), (RULES, RULES_TEXT)]))
    }

    #[test]
    fn packages_come_from_the_registry_and_stand_there_once() {
        let cases = [
            ("good", vec![("a", REGISTRY), ("a", REGISTRY), ("rustls", REGISTRY)], 0),
            ("from git", vec![("a", "git+https://example.org/a")], 1),
            ("twice", vec![("rustls", REGISTRY), ("rustls", REGISTRY)], 1),
            ("banned", vec![("openssl", REGISTRY)], 1),
        ];
        for (name, packages, expected) in cases {
            assert_eq!(lock(&packages).len(), expected, "case: {name}");
        }
        assert_eq!(lock(&vec![("a", REGISTRY); PACKAGES_MAX + 1]).len(), 1, "the cap");
    }

    #[test]
    fn a_licence_that_is_not_on_the_list_is_found() {
        let tree = "a v1.0.0|MIT\nb v1.0.0 (proc-macro)|GPL-3.0\nb v1.0.0 (proc-macro)|GPL-3.0 (*)\n\
                    c v2.0.0|\n";
        let found = licences_of_tree(tree, RULES_TEXT);
        let messages: Vec<&str> = found.iter().map(|finding| finding.message.as_str()).collect();
        let expected = ["`b v1.0.0` has the licence `GPL-3.0`", "`c v2.0.0` has the licence ``"];
        assert_eq!(messages, expected);
        assert_eq!(licences_of_tree("", RULES_TEXT).len(), 1, "an empty answer proves nothing");
    }
}
