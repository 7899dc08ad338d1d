//! Runs every rule.

use super::{
    Finding, dead_files, edges, error_pages, fences, fences_fire, layout, prose, requirements,
    sizes, supply,
};
use crate::failure::Failure;
use crate::repo::Repo;
use std::path::Path;

/// Checks the repository and prints what is wrong, then the longest files and functions.
///
/// # Errors
///
/// Fails when a rule is broken, or when a tool that a rule needs could not be run.
pub(crate) fn run(root: &Path) -> Result<(), Failure> {
    let repo = Repo::load(root)?;
    let mut findings = rules_on_files(&repo);
    findings.extend(supply::licences(&repo)?);
    findings.extend(fences_fire::check(&repo)?);
    findings.sort();
    findings.dedup();
    sizes::print(&repo);
    for finding in &findings {
        println!("{finding}");
    }
    match findings.len() {
        0 => {
            println!("tidy: {} files, nothing to mend", repo.paths().count());
            Ok(())
        }
        count => Err(Failure::new(format!("tidy: {count} broken rules"))),
    }
}

/// Runs the rules that need nothing but the files; fast enough to be a unit test.
fn rules_on_files(repo: &Repo) -> Vec<Finding> {
    let rules: &[fn(&Repo) -> Vec<Finding>] = &[
        edges::check,
        fences::check,
        layout::check,
        dead_files::check,
        error_pages::check,
        requirements::check,
        prose::check,
        supply::lock_file,
    ];
    rules.iter().flat_map(|rule| rule(repo)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repo::find_root;

    #[test]
    fn this_repository_is_tidy() {
        let root = find_root(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
        let repo = Repo::load(&root).unwrap();
        let found: Vec<String> = rules_on_files(&repo).iter().map(ToString::to_string).collect();
        assert!(found.is_empty(), "{}", found.join("\n"));
    }
}
