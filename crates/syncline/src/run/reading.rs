//! Who may look at what the hub has stored: conflicts, runs, the audit.
//!
//! What is stored holds values of both domains of a link, or tells of them. So whoever looks must be
//! granted `read` on both, as for a sync.

use syncline_hub::Hub;
use syncline_model::id::{DomainName, EntityName};
use syncline_model::json::{Json, Object};
use syncline_policy::{Access, PermissionDenied};

use super::context::Context;
use crate::config::Config;
use crate::failure::Failure;

/// Judges whether the user may read an entity, or every one, in all domains between which it flows.
/// A refusal leaves an entry in the audit.
///
/// # Errors
///
/// [`Failure::Permission`].
pub fn may_read(
    context: &Context,
    config: &Config,
    hub: &mut Hub,
    entity: Option<&EntityName>,
) -> Result<(), Failure> {
    judge(context, config, entity).map_err(|denied| noted(context, hub, denied))
}

/// Judges whether the user may read of a run: its entities in both of its domains. A refusal leaves
/// an entry in the audit.
///
/// # Errors
///
/// [`Failure::Permission`].
pub fn may_read_run(
    context: &Context,
    config: &Config,
    hub: &mut Hub,
    run: &Object,
) -> Result<(), Failure> {
    judge_run(context, config, run).map_err(|denied| noted(context, hub, denied))
}

/// Leaves an entry in the audit for a refused permission.
pub fn note_refusal(context: &Context, hub: &mut Hub, denied: &PermissionDenied) {
    let mut details = Object::new();
    details.insert("code", denied.code());
    details.insert("domain", denied.domain.as_str());
    details.insert("entity", denied.entity.as_str());
    // The refusal stands whether or not it can be noted.
    let _ = hub.audit_note("CROSS_DOMAIN", "REFUSED", &context.actor(), details);
}

fn noted(context: &Context, hub: &mut Hub, denied: PermissionDenied) -> Failure {
    note_refusal(context, hub, &denied);
    denied.into()
}

fn judge(
    context: &Context,
    config: &Config,
    entity: Option<&EntityName>,
) -> Result<(), PermissionDenied> {
    let all = config.entities.iter().map(|entity| &entity.name);
    let asked: Vec<&EntityName> = entity.map_or_else(|| all.collect(), |entity| vec![entity]);
    for entity in asked {
        let links = config.links.iter().filter(|link| link.entities.contains(entity));
        let mut domains: Vec<&DomainName> =
            links.flat_map(|link| [&link.source, &link.target]).collect();
        if domains.is_empty() {
            // What no link carries any more may have come from anywhere.
            domains = config.domains.iter().map(|domain| &domain.name).collect();
        }
        judge_each(context, config, &domains, entity)?;
    }
    Ok(())
}

/// Judges a run as [`may_read_run`] does, without a trace.
///
/// # Errors
///
/// [`PermissionDenied`] names the first domain and entity that the user may not read.
pub fn judge_run(context: &Context, config: &Config, run: &Object) -> Result<(), PermissionDenied> {
    let name = |member| run.get(member).and_then(Json::as_str);
    let domains = [name("sourceDomain"), name("targetDomain")].into_iter().flatten();
    let domains: Vec<DomainName> = domains.filter_map(|name| DomainName::new(name).ok()).collect();
    let entities = run.get("entities").and_then(Json::as_array).unwrap_or_default();
    for entity in entities.iter().filter_map(Json::as_str) {
        if let Ok(entity) = EntityName::new(entity) {
            judge_each(context, config, &domains.iter().collect::<Vec<_>>(), &entity)?;
        }
    }
    Ok(())
}

fn judge_each(
    context: &Context,
    config: &Config,
    domains: &[&DomainName],
    entity: &EntityName,
) -> Result<(), PermissionDenied> {
    let actor = context.actor();
    let user = actor.user.as_deref().unwrap_or_default();
    domains
        .iter()
        .try_for_each(|domain| config.permissions.judge(user, domain, entity, Access::Read))
}
