//! The fences round the pure crates really fire: every forbidden call is planted in a crate of
//! its own that carries the fence and the lint levels of this workspace, and clippy must refuse
//! each one. An entry whose path is misspelt would otherwise stand there for ever and stop nothing.

use super::Finding;
use super::fences::{FORBIDDEN, Forbidden, pure_crates};
use crate::failure::Failure;
use crate::manifest::section_lines;
use crate::process::cargo;
use crate::repo::Repo;
use std::fs;
use std::path::Path;

/// Returns the calls that a fence lets through.
///
/// # Errors
///
/// Fails when clippy is not installed or refuses the crate that breaks no rule.
pub(super) fn check(repo: &Repo) -> Result<Vec<Finding>, Failure> {
    let mut findings = Vec::new();
    let mut seen: Vec<&str> = Vec::new();
    for one in pure_crates(repo) {
        let path = format!("{}/clippy.toml", one.folder);
        let Some(fence) = repo.text(&path) else {
            continue;
        };
        if seen.contains(&fence) {
            continue; // Fences are copies of each other; the same text needs one proof.
        }
        seen.push(fence);
        let answer = clippy_on(repo, fence, "")?;
        if !answer.passed {
            let message = format!("clippy refuses a crate that breaks no rule:\n{}", answer.report);
            return Err(Failure::new(message));
        }
        let planted: Vec<&str> = FORBIDDEN.iter().map(|one| one.statement).collect();
        let answer = clippy_on(repo, fence, &planted.join("\n    "))?;
        findings.extend(let_through(&path, &answer));
    }
    if findings.is_empty() {
        println!("tidy: the fences of {} pure crates fire", pure_crates(repo).len());
    }
    Ok(findings)
}

/// What clippy said about the planted crate.
struct Answer {
    passed: bool,
    report: String,
}

fn let_through(path: &str, answer: &Answer) -> Vec<Finding> {
    if answer.passed {
        return vec![Finding::on_file(path, "the fence stops nothing: clippy passed")];
    }
    let stopped = |one: &Forbidden| {
        ["method", "type"].iter().any(|kind| {
            answer.report.contains(&format!("error: use of a disallowed {kind} `{}`", one.path))
        })
    };
    FORBIDDEN
        .iter()
        .filter(|one| !stopped(one))
        .map(|one| Finding::on_file(path, format!("the fence lets `{}` through", one.path)))
        .collect()
}

/// Runs clippy on a crate with `fence` and one function with `statements`.
fn clippy_on(repo: &Repo, fence: &str, statements: &str) -> Result<Answer, Failure> {
    // Beside this program: inside the target folder, and apart for builds in different ones.
    let folder = std::env::current_exe()?.with_file_name("fence-check");
    fs::create_dir_all(folder.join("src"))?;
    fs::write(folder.join("clippy.toml"), fence)?;
    fs::write(folder.join("Cargo.toml"), manifest(repo))?;
    let source = format!("//! Planted.\n/// Planted.\npub fn planted() {{\n    {statements}\n}}\n");
    fs::write(folder.join("src/lib.rs"), source)?;
    let output = clippy(&folder)?;
    Ok(Answer {
        passed: output.status.success(),
        report: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

fn clippy(folder: &Path) -> Result<std::process::Output, Failure> {
    let output = cargo(folder)
        .args(["clippy", "--quiet", "--offline", "--color", "never", "--target-dir"])
        .arg(folder.join("target"))
        .output()?;
    if String::from_utf8_lossy(&output.stderr).contains("no such command") {
        return Err(Failure::new("clippy is not installed: rustup component add clippy"));
    }
    Ok(output)
}

/// The lint levels come from the workspace: a fence is only as strong as the level it is read at.
fn manifest(repo: &Repo) -> String {
    let root = repo.text("Cargo.toml").unwrap_or_default();
    let lints = section_lines(root, "[workspace.lints.clippy]").join("\n");
    format!(
        "[package]\nname = \"fence-check\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
         [workspace]\n\n[lints.clippy]\n{lints}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_clippy_does_not_name_counts_as_let_through() {
        let named: Vec<String> = FORBIDDEN
            .iter()
            .skip(1)
            .map(|one| format!("error: use of a disallowed method `{}`", one.path))
            .collect();
        let answer = Answer { passed: false, report: named.join("\n") };
        let found = let_through("a", &answer);
        assert_eq!(found.len(), 1);
        assert!(found[0].message.contains("SystemTime::now"));
        let warned = Answer { passed: false, report: answer.report.replace("error:", "warning:") };
        assert_eq!(let_through("a", &warned).len(), FORBIDDEN.len(), "a warning is not a refusal");
        let passed = Answer { passed: true, report: String::new() };
        assert_eq!(let_through("a", &passed).len(), 1);
    }
}
