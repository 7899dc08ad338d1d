//! Runs all checks.

use syncline_hub::Moved;
use syncline_model::id::DomainName;

use super::super::load::Loaded;
use super::finding::{Finding, Findings};
use super::{leaks, links, places, rules, safety};

/// Returns what is unsafe, slow or forgotten in a configuration; the gravest first, then in the
/// order of the file.
///
/// It lists folders and asks for the size of files; it opens no record and writes nothing.
///
/// - `moved`: the domains that are somewhere else than when they were last synchronised, as far as
///   that is known.
pub fn check(loaded: &Loaded, moved: &[(DomainName, Moved)]) -> Vec<Finding> {
    let mut findings = Findings::new(loaded.text.as_deref());
    let config = &loaded.config;
    places::check(config, &mut findings);
    places::moved(moved, &mut findings);
    rules::check(config, &mut findings);
    links::check(config, &mut findings);
    leaks::check(config, config.entities.iter(), &mut findings);
    safety::check(loaded, &mut findings);
    let mut found = findings.found;
    found.sort_by_key(|finding| {
        let line = finding.position.map_or((usize::MAX, 0), |at| (at.line, at.column));
        (std::cmp::Reverse(finding.severity), line)
    });
    found
}
