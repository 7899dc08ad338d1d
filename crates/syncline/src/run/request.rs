//! From arguments and configuration to a request.

use syncline_engine::link::{Direction, LinkedDomain, LinkedEntity, Side};
use syncline_engine::sync::Rename;
use syncline_hub::{FileDomain, FileEntity, SyncRequest};
use syncline_merge::rules::EntityRules;
use syncline_model::id::Writer;
use syncline_policy::{Access, Guard, Limits, PermissionDenied};

use super::context::Context;
use super::only;
use super::plan_file::command_line;
use super::rules::{Decider, rules};
use crate::arguments::{DirectionWord, Mode, Preference, SyncOptions};
use crate::config::check::refusal;
use crate::config::{Config, Direction as ConfiguredDirection, Domain, Entity, Link};
use crate::failure::{Failure, Refusal};

/// A request, and the link that it is for.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// The link, turned as it was asked for.
    pub link: Link,
    /// The request.
    pub request: SyncRequest,
    /// The command that shows what it would do.
    pub look: Box<str>,
}

/// Makes a request of what was asked for and what is configured, and judges whether the user may
/// look at it; for more than that, see [`may_write`].
///
/// # Errors
///
/// [`Failure::Command`] if domains, entities or the link are not known, and
/// [`Failure::Permission`] if the user may not read this.
pub fn prepare(
    context: &Context,
    config: &Config,
    options: &SyncOptions,
) -> Result<Prepared, Failure> {
    let link = link(config, options)?;
    let names: Vec<String> = config.domains.iter().map(|domain| domain.name.to_string()).collect();
    let side = |side: &'static str, name: &str| {
        let found = config.domain(name).filter(|domain| domain.path.exists());
        found.ok_or_else(|| Refusal::DomainNotFound {
            side,
            name: name.to_owned(),
            known: names.clone(),
        })
    };
    let source = side("Source", link.source.as_str())?;
    let target = side("Target", link.target.as_str())?;
    let asked = entities(config, &link, options)?;
    if let Some(finding) = refusal(config, &link, &asked, options.max_delete.is_some()) {
        return Err(Refusal::from(finding).into());
    }
    let decider = |entity: &Entity| match options.on_conflict {
        None | Some(Preference::Fail) => Decider::configured(config, &link, entity),
        Some(Preference::Ask) => Decider::Person,
        Some(Preference::Source) => Decider::Side(link.source.clone()),
        Some(Preference::Target) => Decider::Side(link.target.clone()),
        Some(Preference::Newer) => Decider::Newer,
        Some(Preference::Both) => Decider::Both,
    };
    // What is asked for on the command line comes before everything that is written.
    let fields_first =
        link.fields_first && matches!(options.on_conflict, None | Some(Preference::Fail));
    let mut entities: Vec<FileEntity> = asked
        .into_iter()
        .map(|entity| file_entity(entity, rules(entity, &decider(entity), fields_first)))
        .collect();
    let (mut source, mut target) = (file_domain(source), file_domain(target));
    add_filter(&link, &mut source.domain);
    add_filter(&link, &mut target.domain);
    let request = SyncRequest {
        narrowing: only::narrowing(config, options, [&source, &target], &mut entities)?,
        source,
        target,
        others: others(config, &link),
        entities,
        direction: direction(&link, options),
        limits: limits(context, config, options),
        guard: guard(config, options),
        actor: context.actor(),
        fail_on_conflict: options.on_conflict == Some(Preference::Fail),
        require_clean: options.require_clean,
        unites_twins: options.match_twins,
        expected_inputs: None,
    };
    may_read(config, &request)?;
    for id in only::unknown_ids(&request) {
        context.output.warn(&format!("neither side has a record `{}`", id.as_str().escape_debug()));
    }
    Ok(Prepared { link, request, look: command_line("plan", options).into() })
}

/// Returns what is asked for link by link: those that are named, else the one between the domains
/// that are named, else all of the configuration that carry one of the entities.
pub fn each_link(config: &Config, options: &SyncOptions) -> Vec<SyncOptions> {
    let names: Vec<&String> = match (options.link.as_slice(), &options.source) {
        ([], Some(_)) => return vec![options.clone()],
        ([], None) => config.links.iter().map(|link| &link.name).collect(),
        (named, _) => named.iter().collect(),
    };
    if names.len() == 1 {
        return vec![options.clone()];
    }
    let asked = only::entities(config, options);
    let of_link = |name: &String| {
        let link = config.links.iter().find(|link| link.name == *name);
        let carries = |entity: &str| {
            link.is_none_or(|link| link.entities.iter().any(|known| known.as_str() == entity))
        };
        let entities: Vec<String> =
            asked.iter().filter(|entity| carries(entity)).cloned().collect();
        let takes_part = asked.is_empty() || !entities.is_empty();
        let options = only::within(config, options, carries).filter(|_| takes_part)?;
        Some(SyncOptions { link: vec![name.clone()], entities, ..options })
    };
    let each: Vec<SyncOptions> = names.iter().copied().filter_map(of_link).collect();
    let is_carried = |entity: &String| each.iter().any(|one| one.entities.contains(entity));
    match names.first() {
        // What no link carries is told by the first one.
        Some(first) if !asked.iter().all(is_carried) => {
            vec![SyncOptions { link: vec![(*first).clone()], ..options.clone() }]
        }
        Some(_) => each,
        None => vec![options.clone()],
    }
}

fn link(config: &Config, options: &SyncOptions) -> Result<Link, Refusal> {
    let known = || config.links.iter().map(|link| link.name.clone()).collect::<Vec<_>>();
    let unknown = |what: String| Refusal::LinkUnknown { what, known: known() };
    let found = match (options.link.as_slice(), &options.source, &options.target) {
        ([_, _, ..], ..) => return Err(unknown("one link at a time is asked for here".to_owned())),
        ([name], ..) => {
            let found = config.links.iter().find(|link| link.name == *name).cloned();
            found.ok_or_else(|| unknown(format!("there is no link `{name}`")))?
        }
        ([], Some(source), Some(target)) => between(config, source, target)?
            .ok_or_else(|| unknown(format!("no link joins `{source}` and `{target}`")))?,
        _ => match config.links.as_slice() {
            [link] => link.clone(),
            [] => return Err(unknown("there is no link".to_owned())),
            _ => return Err(unknown("there are several links".to_owned())),
        },
    };
    Ok(found)
}

/// Lets only those records cross at both gates that meet the filter of the link.
fn add_filter(link: &Link, domain: &mut LinkedDomain) {
    for filter in &link.filter {
        domain.policy.require(filter.entity.clone(), filter.condition.clone());
    }
}

/// Returns the link between two domains, both of which must be known and differ.
fn between(config: &Config, source: &str, target: &str) -> Result<Option<Link>, Refusal> {
    let known: Vec<String> = config.domains.iter().map(|domain| domain.name.to_string()).collect();
    for (side, name) in [("Source", source), ("Target", target)] {
        if config.domain(name).is_none() {
            return Err(Refusal::DomainNotFound { side, name: name.to_owned(), known });
        }
    }
    if source == target {
        return Err(Refusal::DomainsEqual { name: source.to_owned(), known });
    }
    Ok(config.link_for(source, target))
}

/// Returns the entities that are asked for, in the order asked for, else all of the link.
fn entities<'c>(
    config: &'c Config,
    link: &Link,
    options: &SyncOptions,
) -> Result<Vec<&'c Entity>, Refusal> {
    let known = || link.entities.iter().map(ToString::to_string).collect::<Vec<_>>();
    let asked = if options.entities.is_empty() { known() } else { options.entities.clone() };
    let mut found: Vec<&Entity> = Vec::new();
    for name in asked {
        let is_linked = link.entities.iter().any(|entity| entity.as_str() == name);
        let entity = config.entity(&name).filter(|_| is_linked);
        let entity = entity.ok_or_else(|| Refusal::EntityUnsupported { name, known: known() })?;
        if found.iter().all(|known| known.name != entity.name) {
            found.push(entity);
        }
    }
    Ok(found)
}

fn file_entity(entity: &Entity, rules: EntityRules) -> FileEntity {
    FileEntity {
        entity: LinkedEntity::new(
            entity.name.clone(),
            rules,
            entity.id.clone(),
            entity.time.clone(),
        ),
        file: entity.file.clone(),
        identifying: entity.identify.clone(),
    }
}

/// Returns the domains of the configuration that are not of the link.
fn others(config: &Config, link: &Link) -> Vec<LinkedDomain> {
    let is_other = |domain: &&Domain| ![&link.source, &link.target].contains(&&domain.name);
    config.domains.iter().filter(is_other).map(|domain| file_domain(domain).domain).collect()
}

fn file_domain(domain: &Domain) -> FileDomain {
    let renames = domain.renames.iter().map(|(entity, renames)| {
        let renames = renames.iter().map(|rename| {
            let (hub, domain) = (rename.hub.clone(), rename.domain.clone());
            Rename { hub, domain }
        });
        (entity.clone(), renames.collect())
    });
    FileDomain {
        domain: LinkedDomain {
            name: domain.name.clone(),
            writer: Writer::from(&domain.name),
            writable: domain.writable,
            policy: domain.policy.clone(),
        },
        folder: domain.path.clone(),
        renames: renames.collect(),
    }
}

fn direction(link: &Link, options: &SyncOptions) -> Direction {
    match (options.direction, options.mode) {
        (Some(DirectionWord::Bidirectional), _) | (None, Some(Mode::Merge)) => {
            Direction::Bidirectional
        }
        (Some(DirectionWord::SourceToTarget), _) | (None, Some(Mode::Mirror)) => {
            Direction::SourceToTarget
        }
        (Some(DirectionWord::TargetToSource), _) => Direction::TargetToSource,
        (None, Some(Mode::Copy)) => Direction::Copy,
        (None, None) => match link.direction {
            ConfiguredDirection::Bidirectional => Direction::Bidirectional,
            ConfiguredDirection::SourceToTarget => Direction::SourceToTarget,
            ConfiguredDirection::TargetToSource => Direction::TargetToSource,
        },
    }
}

fn limits(context: &Context, config: &Config, options: &SyncOptions) -> Limits {
    Limits {
        items_per_entity: options.max_items.unwrap_or(config.limits.items_per_entity),
        bytes_per_run: options.max_bytes.unwrap_or(config.limits.bytes_per_run),
        run_ms: context.global.timeout.unwrap_or(config.limits.run_ms),
    }
}

fn guard(config: &Config, options: &SyncOptions) -> Guard {
    Guard {
        max_delete: options.max_delete.unwrap_or(config.guard.max_delete),
        max_change: options.max_change.unwrap_or(config.guard.max_change),
        allow_emptied: options.allow_emptied || config.guard.allow_emptied,
    }
}

/// Judges whether the user may read both domains.
fn may_read(config: &Config, request: &SyncRequest) -> Result<(), PermissionDenied> {
    Side::BOTH.into_iter().try_for_each(|side| judge(config, request, side, Access::Read))
}

/// Judges whether the user may write the domains that take changes.
///
/// # Errors
///
/// [`PermissionDenied`] names the first domain and entity that the user may not write.
pub fn may_write(config: &Config, request: &SyncRequest) -> Result<(), PermissionDenied> {
    let takes =
        |side: &Side| request.direction.takes(*side) && request.domain(*side).domain.writable;
    let mut sides = Side::BOTH.into_iter().filter(takes);
    sides.try_for_each(|side| judge(config, request, side, Access::Write))
}

fn judge(
    config: &Config,
    request: &SyncRequest,
    side: Side,
    access: Access,
) -> Result<(), PermissionDenied> {
    let user = request.actor.user.as_deref().unwrap_or_default();
    let domain = &request.domain(side).domain.name;
    let mut entities = request.entities.iter();
    entities
        .try_for_each(|entity| config.permissions.judge(user, domain, &entity.entity.name, access))
}
