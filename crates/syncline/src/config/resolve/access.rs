//! Permissions, limits, guards and who is told.

use std::collections::BTreeMap;

use syncline_model::id::DomainName;
use syncline_policy::{Grant, Guard, Limits, Permissions, Threshold};

use super::super::document::{LimitsText, NotifyText, NumberOrText, Ordered, PermissionText};
use super::super::error::{At, Refusal};
use super::super::limits::PEOPLE_MAX;
use super::super::names;
use super::super::program::{COMMAND, words};
use super::super::settings::{CONFLICT_ID, Entity, Notify};
use super::super::units;
use super::entities::defined;
use super::links::domain;
use super::{unknown_word, within};

pub(super) fn permissions(
    texts: &[PermissionText],
    domains: &[DomainName],
    entities: &[Entity],
) -> Result<Permissions, Refusal> {
    let entities: Vec<_> = entities.iter().map(|entity| entity.name.clone()).collect();
    let mut permissions = Permissions::default();
    for (index, text) in texts.iter().enumerate() {
        let at = At::new("permissions").index(index);
        if text.user.is_empty() {
            let why = "every grant belongs to one user";
            return Err(Refusal::new(at.key("user"), "is empty", why, "name the user"));
        }
        let domain = match text.domain.as_deref() {
            None | Some("*") => None,
            Some(name) => Some(domain(name, &at.key("domain"), domains)?),
        };
        let granted = text.entities.as_ref().map(|listed| {
            let at = at.key("entities");
            let listed = listed.iter().enumerate();
            listed.map(|(index, name)| defined(name, &at.index(index), &entities)).collect()
        });
        let mut grant = Grant { domain, entities: granted.transpose()?, read: false, write: false };
        for (index, word) in text.allow.iter().enumerate() {
            match word.as_str() {
                "read" => grant.read = true,
                "write" => grant.write = true,
                _ => {
                    let at = at.key("allow").index(index);
                    return Err(unknown_word(at, "permission", "read, write"));
                }
            }
        }
        permissions.grant(&text.user, grant);
    }
    Ok(permissions)
}

/// Reads who has which role.
pub(super) fn roles(
    texts: &Ordered<Vec<String>>,
) -> Result<BTreeMap<String, Vec<String>>, Refusal> {
    let mut roles = BTreeMap::new();
    for (name, users) in texts.iter() {
        let at = At::new("roles").key(name);
        names::check("role", name, &at)?;
        people(users, &at)?;
        roles.insert(name.to_owned(), users.clone());
    }
    Ok(roles)
}

/// Refuses a list of people that names nobody, or somebody without a name or twice.
pub(super) fn people(names: &[String], at: &At) -> Result<(), Refusal> {
    within(names.len(), PEOPLE_MAX, at)?;
    if names.is_empty() {
        let why = "what waits for nobody waits for ever";
        return Err(Refusal::new(at.clone(), "names nobody", why, "name at least one user"));
    }
    for (index, name) in names.iter().enumerate() {
        let earlier = names.iter().take(index);
        let what = match () {
            () if name.is_empty() => "is empty",
            () if earlier.clone().any(|other| other == name) => "stands twice",
            () => continue,
        };
        let why = "every entry names one user or role";
        return Err(Refusal::new(at.index(index), what, why, "leave it out"));
    }
    Ok(())
}

pub(super) fn limits(text: &LimitsText) -> Result<Limits, Refusal> {
    let at = At::new("limits");
    let mut limits = Limits::default();
    if let Some(items) = text.items_per_entity {
        limits.items_per_entity = positive(Some(items), &at.key("items_per_entity"), "10000")?;
    }
    if let Some(size) = &text.bytes_per_run {
        let bytes = match size {
            NumberOrText::Number(bytes) => Some(*bytes),
            NumberOrText::Text(text) => units::bytes(text),
        };
        limits.bytes_per_run = positive(bytes, &at.key("bytes_per_run"), "\"100MB\"")?;
    }
    if let Some(duration) = &text.run_time {
        limits.run_ms = positive(units::millis(duration), &at.key("run_time"), "\"5m\"")?;
    }
    Ok(limits)
}

/// Refuses what could not be read and zero, which would stop every run.
fn positive(value: Option<u64>, at: &At, example: &str) -> Result<u64, Refusal> {
    let next = format!("write it such as {example}");
    value.filter(|value| *value > 0).ok_or_else(|| {
        Refusal::new(at.clone(), "is not a limit", "a limit is a number above zero", &next)
    })
}

pub(super) fn guard(text: &LimitsText) -> Result<Guard, Refusal> {
    let threshold = |name: &str, given: &Option<NumberOrText>, usual: Threshold| match given {
        None => Ok(usual),
        Some(text) => text.to_string().parse().map_err(|error: syncline_policy::ThresholdError| {
            let why = "a guard allows a number of records, or a share of them";
            let next = "write it such as 99 or \"20%\"";
            Refusal::new(At::new("limits").key(name), error.to_string(), why, next)
        }),
    };
    let usual = Guard::default();
    Ok(Guard {
        max_delete: threshold("max_delete", &text.max_delete, usual.max_delete)?,
        max_change: threshold("max_change", &text.max_change, usual.max_change)?,
        ..usual
    })
}

pub(super) fn notify(text: &NotifyText) -> Result<Notify, Refusal> {
    if text.command.first().is_some_and(String::is_empty) {
        let at = At::new("notify").key("command").index(0);
        return Err(Refusal::new(at, "is empty", "it names a program", "name the program first"));
    }
    let known = ["http://", "https://", "env:", "file:", COMMAND];
    if text.url.as_ref().is_some_and(|url| !known.iter().any(|scheme| url.starts_with(scheme))) {
        return Err(Refusal::new(
            At::new("notify").key("url"),
            "is not an address that a report can be posted to",
            "reports go to `https://…`, or to the address found in `env:NAME`, `file:PATH` or `cmd:PROGRAM`",
            "write a full address",
        ));
    }
    let command = text.url.as_deref().and_then(|url| url.strip_prefix(COMMAND));
    if command.is_some_and(|command| words(command).is_none_or(|words| words.is_empty())) {
        let why = "`cmd:` starts a program and takes what it prints";
        let next = "write a program and its arguments, with every quote closed";
        return Err(Refusal::new(At::new("notify").key("url"), "names no program", why, next));
    }
    let is_link = |link: &String| {
        let is_address = ["http://", "https://"].iter().any(|scheme| link.starts_with(scheme));
        is_address && link.contains(CONFLICT_ID)
    };
    if !text.link.iter().all(is_link) {
        let what = "is not an address of a conflict";
        let why = "a notice names each conflict by a link to it, with its id in place of `{id}`";
        let next = "write it such as \"https://example.org/conflicts/{id}\"";
        return Err(Refusal::new(At::new("notify").key("link"), what, why, next));
    }
    let NotifyText { command, url, link } = text.clone();
    Ok(Notify { command, url, link })
}
