//! From what is written to what is meant: defaults filled in, words understood, names checked.

mod access;
mod alerts;
mod domains;
mod entities;
mod issuers;
mod links;
mod monitoring;
mod served;

use std::path::PathBuf;

use syncline_model::path::{Path as FieldPath, PathError, Pattern};

use super::document::{Document, DomainText, EntityText, Ordered};
use super::error::{At, Refusal};
use super::limits::PARTS_MAX;
use super::profile::Start;
use super::settings::Config;

#[cfg(test)]
pub(super) use domains::ACTIONS;
#[cfg(test)]
pub(super) use entities::DELETIONS;
#[cfg(test)]
pub(super) use links::{DIRECTIONS, PREFERENCES};

/// The domains of spec 001, used where a configuration names none.
pub(super) const DOMAINS: [&str; 2] = ["personal", "business"];

/// The entities of spec 001, used where a configuration names none.
pub(super) const ENTITIES: [&str; 5] =
    ["contacts", "calendar", "tasks", "documents", "communications"];

/// Resolves a document whose paths start at `start`.
pub(super) fn resolve(mut document: Document, start: Start<'_>) -> Result<Config, Refusal> {
    let served = served::resolve(&document)?;
    let is_only_served = is_only_served(&document);
    fill_in(&mut document);
    for (name, count) in [
        ("domains", document.domains.0.len()),
        ("entities", document.entities.0.len()),
        ("links", document.links.0.len()),
        ("roles", document.roles.0.len()),
    ] {
        within(count, PARTS_MAX, &At::new(name))?;
    }
    let domain_names = document
        .domains
        .iter()
        .map(|(name, _)| super::names::domain(name, &At::new("domains").key(name)))
        .collect::<Result<Vec<_>, _>>()?;
    let links = links::resolve(&document, &domain_names)?;
    let roles = access::roles(&document.roles)?;
    let entities = entities::resolve(&document.entities, &domain_names, &links, &roles)?;
    for link in &links {
        let at = At::new("links").key(&link.name).key("filter");
        for (index, filter) in link.filter.iter().enumerate() {
            let at = at.index(index);
            domains::check_id(&filter.condition, filter.entity.as_ref(), &entities, &at)?;
        }
    }
    let domains = domains::resolve(&document.domains, &entities, start)?;
    Ok(Config {
        state: start.state(document.state.as_deref())?,
        permissions: access::permissions(&document.permissions, &domain_names, &entities)?,
        access: served,
        issuers: issuers::resolve(&document.issuers, start)?,
        roles,
        limits: access::limits(&document.limits)?,
        guard: access::guard(&document.limits)?,
        notify: access::notify(&document.notify)?,
        metrics: monitoring::metrics(&document.metrics)?,
        alerts: alerts::alerts(&document.alerts)?,
        domains,
        entities,
        links,
        is_source_first: false,
        is_only_served,
    })
}

/// Returns whether a document names what a hub that is served needs, and nothing that is synchronised.
fn is_only_served(document: &Document) -> bool {
    let is_served = !document.views.is_empty()
        || !document.access.is_empty()
        || !document.issuers.is_empty()
        || !document.alerts.to.is_empty()
        || !document.alerts.rules.is_empty();
    is_served && document.domains.is_empty() && document.links.is_empty()
}

/// Fills in the domains and entities of spec 001 where a document names none.
fn fill_in(document: &mut Document) {
    if document.domains.is_empty() {
        document.domains = Ordered(DOMAINS.map(|name| (name.to_owned(), folder(name))).into());
    }
    if document.entities.is_empty() {
        let standard = ENTITIES.map(|name| (name.to_owned(), EntityText::default()));
        document.entities = Ordered(standard.into());
    }
}

/// Returns a domain of kind `files` at its usual place.
pub(super) fn folder(name: &str) -> DomainText {
    DomainText {
        kind: "files".to_owned(),
        path: PathBuf::from("data").join(name),
        writable: true,
        policy: super::document::PolicyText::default(),
        rename: Ordered::default(),
    }
}

/// Refuses more parts than a configuration may have.
fn within(count: usize, count_max: usize, at: &At) -> Result<(), Refusal> {
    if count <= count_max {
        return Ok(());
    }
    let what = format!("has {count} parts; at most {count_max} are accepted");
    Err(Refusal::new(at.clone(), what, "every part costs time in every run", "use fewer"))
}

/// Refuses a word that is not in a list, and names the list.
fn unknown_word(at: At, kind: &str, words: &str) -> Refusal {
    let what = format!("unknown {kind}");
    let why = "a word that is not understood is never guessed";
    Refusal::new(at, what, why, &format!("use one of: {words}"))
}

/// Refuses a name that is defined nowhere, and names those that are.
fn undefined<'a>(at: At, kind: &str, name: &str, known: impl Iterator<Item = &'a str>) -> Refusal {
    let known = known.collect::<Vec<_>>().join(", ");
    let what = format!("no {kind} is called `{}`", name.escape_debug());
    let why = "a name that is defined nowhere would silently mean nothing";
    Refusal::new(at, what, why, &format!("use one of: {known}; or define it"))
}

/// Reads a pointer to a field.
fn pointer(text: &str, at: &At) -> Result<FieldPath, Refusal> {
    let next = "write it as a JSON Pointer, such as `/name` or `/address/city`";
    let why = "fields are named by JSON Pointers (RFC 6901)";
    FieldPath::parse_field(text)
        .map_err(|error| Refusal::new(at.clone(), error.to_string(), why, next))
}

/// Reads a pattern of fields.
fn pattern(text: &str, at: &At) -> Result<Pattern, Refusal> {
    let next = "write it as `/name`, `/phones/*` or `/address/**`";
    let why = "fields are named by JSON Pointers with `*` for one step and `/**` for all below";
    let pattern = if text.is_empty() { Err(PathError::Root) } else { Pattern::parse(text) };
    pattern.map_err(|error| Refusal::new(at.clone(), error.to_string(), why, next))
}
