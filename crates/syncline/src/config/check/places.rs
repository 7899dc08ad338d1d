//! Folders and files: whether domains are there, apart, readable, writable and small enough.

use std::fs;
use std::path::{Component, Path, PathBuf};

use syncline_hub::Moved;
use syncline_model::id::DomainName;

use super::super::error::At;
use super::super::settings::{Config, Direction, Domain, Entity, Link};
use super::finding::{Fault, Findings};

pub(super) fn check(config: &Config, findings: &mut Findings<'_>) {
    // A hub that is served needs no folders: those of spec 001 are missed only by who has begun with them.
    if config.is_only_served && config.domains.iter().all(|domain| !domain.path.exists()) {
        return exposed(config, findings);
    }
    for domain in &config.domains {
        folder(config, domain, findings);
    }
    let domains: Vec<&Domain> = config.domains.iter().collect();
    apart(&domains, &config.state, findings);
    exposed(config, findings);
    for link in &config.links {
        entity_files(config, link, findings);
    }
}

fn at(domain: &Domain) -> At {
    At::new("domains").key(domain.name.as_str())
}

fn folder(config: &Config, domain: &Domain, findings: &mut Findings<'_>) {
    let at = at(domain).key("path");
    let Ok(metadata) = fs::metadata(&domain.path) else {
        let what = "the folder does not exist";
        let why = "a run stops at a domain that is not there: it is not taken for an empty one";
        return findings.add(Fault::DomainMissing, &at, what, why, "create it or correct the path");
    };
    if !metadata.is_dir() || fs::read_dir(&domain.path).is_err() {
        let what = "is not a folder that can be listed";
        let why = "its records cannot be read";
        let mend = "correct the path, or let this user read the folder";
        return findings.add(Fault::DomainUnreadable, &at, what, why, mend);
    }
    let is_written = config.links.iter().any(|link| writes_into(link, domain));
    if metadata.permissions().readonly() && is_written && domain.writable {
        let why = "a link writes here, and files are replaced by new ones in the folder";
        let mend = "let this user write the folder, or set `writable = false`";
        findings.add(Fault::DomainUnwritable, &at, "the folder is read-only", why, mend);
    }
}

/// Reports domains that are somewhere else than when they were last synchronised.
pub(super) fn moved(moved: &[(DomainName, Moved)], findings: &mut Findings<'_>) {
    for (domain, Moved { from, to }) in moved {
        let at = At::new("domains").key(domain.as_str()).key("path");
        let what = format!("was synchronised in {from}, and is {to} now");
        let why = "what is missing there was deleted by nobody: the next run meets its records for \
                   the first time and deletes nothing because of them";
        let mend = "correct the path if it is the wrong folder; look: syncline plan";
        findings.add(Fault::DomainMoved, &at, what, why, mend);
    }
}

/// Returns whether records flow into this domain.
pub(super) fn writes_into(link: &Link, domain: &Domain) -> bool {
    match link.direction {
        Direction::Bidirectional => link.source == domain.name || link.target == domain.name,
        Direction::SourceToTarget => link.target == domain.name,
        Direction::TargetToSource => link.source == domain.name,
    }
}

/// Returns the real place of a path, or the path without `.` and `..` where nothing is there yet.
fn place(path: &Path) -> PathBuf {
    if let Ok(real) = fs::canonicalize(path) {
        return real;
    }
    let mut plain = PathBuf::new();
    for component in std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => drop(plain.pop()),
            other => plain.push(other),
        }
    }
    plain
}

/// Reports an entity whose file is the same on both sides, by a symbolic link.
fn one_file([source, target]: [&Domain; 2], entity: &Entity, findings: &mut Findings<'_>) {
    let file = |domain: &Domain| fs::canonicalize(domain.path.join(&entity.file)).ok();
    if let (Some(of_source), Some(of_target)) = (file(source), file(target))
        && of_source == of_target
    {
        let what = format!("has the file of `{}` for `{}`", source.name, entity.name);
        let why = "both domains would write the same file, and a delete would meet itself";
        let mend = "give every domain a file of its own";
        findings.add(Fault::DomainsOverlap, &at(target).key("path"), what, why, mend);
    }
}

fn overlap(place: &Path, other: &Path) -> bool {
    place.starts_with(other) || other.starts_with(place)
}

/// Reports domains that share a folder with each other or with the hub's state.
fn apart(domains: &[&Domain], state: &Path, findings: &mut Findings<'_>) {
    let placed: Vec<_> = domains.iter().map(|domain| (*domain, place(&domain.path))).collect();
    for (index, (domain, place)) in placed.iter().enumerate() {
        for (other, other_place) in placed.iter().take(index) {
            if overlap(place, other_place) {
                let what = format!("is the folder of `{}`, or lies in it or around it", other.name);
                let why = "both domains would write the same files, and a delete would meet itself";
                let mend = "give every domain a folder of its own";
                findings.add(Fault::DomainsOverlap, &at(domain).key("path"), what, why, mend);
            }
        }
    }
    let state = place(state);
    if placed.iter().any(|(_, place)| place.starts_with(&state)) {
        let why = "the hub's files and the records would lie among each other";
        let mend = "give the state a folder of its own";
        let what = "is the folder of a domain, or holds it";
        findings.add(Fault::StateInDomain, &At::new("state"), what, why, mend);
    }
}

fn exposed(config: &Config, findings: &mut Findings<'_>) {
    if is_exposed(&config.state) {
        let what = "other users can look into the state folder";
        let why = "it holds the records of all domains, those too that a policy keeps apart";
        findings.add(Fault::StateExposed, &At::new("state"), what, why, "run `chmod 700` on it");
    }
}

/// Returns whether somebody beside its owner may look into a folder or a file.
#[cfg(unix)]
pub(super) fn is_exposed(folder: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(folder).is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
pub(super) fn is_exposed(_folder: &Path) -> bool {
    false
}

/// Looks at the files of a link: whether they are there, and whether one run may read them.
fn entity_files(config: &Config, link: &Link, findings: &mut Findings<'_>) {
    let at = At::new("links").key(&link.name);
    let sides: Vec<_> = config
        .domains
        .iter()
        .filter(|domain| domain.name == link.source || domain.name == link.target)
        .collect();
    if sides.iter().any(|domain| !domain.path.is_dir()) {
        return; // It is reported as missing; its files are no news.
    }
    let mut bytes = 0_u64;
    for entity in config.entities.iter().filter(|entity| link.entities.contains(&entity.name)) {
        if let [source, target] = sides.as_slice()
            && !overlap(&place(&source.path), &place(&target.path))
        {
            one_file([*source, *target], entity, findings);
        }
        let sizes = sides.iter().map(|domain| fs::metadata(domain.path.join(&entity.file)));
        let sizes: Vec<_> = sizes.filter_map(Result::ok).map(|found| found.len()).collect();
        if sizes.is_empty() {
            let what = format!("no domain of this link holds `{}`", entity.name);
            let why = "a misspelt file or entity looks like one without records";
            let mend = "correct `file`, or leave the entity out of the link's `entities`";
            findings.add(Fault::EntityNowhere, &at.key("entities"), what, why, mend);
        }
        bytes = bytes.saturating_add(sizes.iter().sum());
    }
    if bytes > config.limits.bytes_per_run {
        let bytes_max = config.limits.bytes_per_run;
        let what = format!("its files hold {bytes} bytes; a run reads at most {bytes_max}");
        let why = "a run stops before it reads them (LIMIT_BYTES)";
        let mend = "raise `limits.bytes_per_run`, or sync fewer entities at once";
        findings.add(Fault::FileTooLarge, &at, what, why, mend);
    }
}
