//! Runs all checks.

use syncline_hub::Moved;
use syncline_model::id::DomainName;
use syncline_policy::Guard;

use super::super::load::Loaded;
use super::super::settings::{Config, Domain, Entity, Link};
use super::finding::{Finding, Findings, Severity};
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
    rules::fields(config, &mut findings);
    rules::policies(config, &mut findings);
    links::check(config, &mut findings);
    leaks::check(config, config.entities.iter(), &mut findings);
    links::preferences(config, config.entities.iter(), &mut findings);
    safety::check(loaded, &mut findings);
    let mut found = findings.found;
    found.sort_by_key(|finding| {
        let line = finding.position.map_or((usize::MAX, 0), |at| (at.line, at.column));
        (std::cmp::Reverse(finding.severity), line)
    });
    found
}

/// Returns the first error that [`check`] would report of what a run is about: its link, the domains
/// of that, and these entities. Every command that reads the domains asks before it does.
///
/// Two errors are told by the run itself, since its options say more than the configuration: a
/// folder that is missing, and files that are larger than the run may read (`LIMIT_BYTES`).
///
/// - `has_own_guard`: whether the run is given a bound on deletions of its own.
pub fn refusal(
    config: &Config,
    link: &Link,
    entities: &[&Entity],
    has_own_guard: bool,
) -> Option<Finding> {
    let is_end = |domain: &&Domain| [&link.source, &link.target].contains(&&domain.name);
    let mut of_run = Config {
        entities: entities.iter().copied().cloned().collect(),
        links: vec![link.clone()],
        ..config.clone()
    };
    of_run.limits.bytes_per_run = u64::MAX;
    if has_own_guard {
        of_run.guard = Guard::default();
    }
    let mut findings = Findings::new(None);
    // A priority may name any domain there is.
    rules::fields(&of_run, &mut findings);
    of_run.domains = config.domains.iter().filter(is_end).cloned().collect();
    places::check(&of_run, &mut findings);
    rules::policies(&of_run, &mut findings);
    links::check(&of_run, &mut findings);
    leaks::check(config, entities.iter().copied(), &mut findings);
    links::preferences(config, entities.iter().copied(), &mut findings);
    safety::secrets(config, &mut findings);
    findings.found.into_iter().find(|finding| finding.severity == Severity::Error)
}
