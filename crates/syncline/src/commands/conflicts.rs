//! `syncline conflicts`: see them and decide them.

use std::collections::BTreeMap;
use std::fs;
use std::rc::Rc;

use syncline_engine::conflicts::{ConflictRow, Status};
use syncline_engine::link::LinkedEntity;
use syncline_hub::{Actor, Choice, Hub, HubError};
use syncline_merge::rules::EntityRules;
use syncline_model::id::{EntityName, Writer};
use syncline_model::json::{Json, Leaf, Object};
use syncline_model::path::Path;

use super::decisions;
use super::sync::write_json;
use crate::arguments::{
    ConflictsCommand, Export, Import, ListFilter, Resolve, StatusWord, SyncOptions,
};
use crate::config::Config;
use crate::exit::Exit;
use crate::failure::{Failure, Refusal};
use crate::output::conflict_text;
use crate::output::table::{columns, count};
use crate::run::{Context, configured, may_write, prepare, reading};

/// Runs the command.
///
/// # Errors
///
/// Any [`Failure`] of the hub; bulk decisions are all checked before the first is taken.
pub fn run(context: &Context, command: &ConflictsCommand) -> Result<Exit, Failure> {
    let config = context.load()?.config;
    let mut hub = context.open_existing_hub(&config.state)?;
    match command {
        ConflictsCommand::List(filter) => {
            may_see(context, &config, &mut hub, filter)?;
            list(context, &config, &hub, filter)
        }
        ConflictsCommand::Show { id } => show(context, &config, &mut hub, id),
        ConflictsCommand::Resolve(resolve) => decide(context, &config, &mut hub, resolve),
        ConflictsCommand::Export(options) => {
            may_see(context, &config, &mut hub, &options.filter)?;
            export(context, &hub, options)
        }
        ConflictsCommand::Import(options) => import(context, &config, &mut hub, options),
    }
}

/// Refuses an entity that nobody knows, and whoever may not read what the filter asks for.
fn may_see(
    context: &Context,
    config: &Config,
    hub: &mut Hub,
    filter: &ListFilter,
) -> Result<(), Failure> {
    let entity = filter.entity.as_deref().map(|name| known(config, hub, name)).transpose()?;
    reading::may_read(context, config, hub, entity.as_ref())
}

/// Returns the entity of this name: a configured one, or one of which there are conflicts still.
fn known(config: &Config, hub: &Hub, name: &str) -> Result<EntityName, Failure> {
    if let Some(entity) = config.entity(name) {
        return Ok(entity.name.clone());
    }
    let row = hub.conflicts()?.into_iter().find(|row| row.entity.as_str() == name);
    let known = || config.entities.iter().map(|entity| entity.name.to_string()).collect();
    let refusal = || Refusal::EntityUnsupported { name: name.to_owned(), known: known() };
    Ok(row.ok_or_else(refusal)?.entity)
}

/// Returns the conflicts that a filter leaves; those that wait, unless a status is asked for.
fn filtered(hub: &Hub, filter: &ListFilter) -> Result<Vec<ConflictRow>, Failure> {
    let path = match filter.path.as_deref() {
        None => None,
        Some(text) => {
            let pointer = if text.starts_with('/') { text.to_owned() } else { format!("/{text}") };
            let unfit = |error: syncline_model::path::PathError| {
                Refusal::usage(error.to_string(), "write it as /email or /address/city")
            };
            Some(Path::parse(&pointer).map_err(unfit)?)
        }
    };
    let status = match filter.status.unwrap_or(StatusWord::Open) {
        StatusWord::Open => Some(Status::Open),
        StatusWord::Settled => Some(Status::Settled),
        StatusWord::Resolved => Some(Status::Resolved),
        StatusWord::Closed => Some(Status::Closed),
        StatusWord::All => None,
    };
    let mut rows = hub.conflicts()?;
    rows.retain(|row| {
        status.is_none_or(|status| row.status == status)
            && filter.entity.as_deref().is_none_or(|entity| row.entity.as_str() == entity)
            && filter.record.as_deref().is_none_or(|id| row.id.as_str() == id)
            && path.as_ref().is_none_or(|path| path.is_prefix_of(&row.conflict.path))
    });
    Ok(rows)
}

fn to_json(row: &ConflictRow, rules: Option<&EntityRules>) -> Object {
    let mut document = Object::new();
    document.insert("schema", "conflict/1");
    for (name, value) in row.to_json().iter() {
        document.insert(name, value.clone());
    }
    if let Some(approval) = conflict_text::waiting(row, rules) {
        document.insert("approval", Json::Array(approval.names().map(Json::from).collect()));
    }
    document
}

/// Returns conflicts with the rules of their entities, as far as these are configured.
fn with_rules<'r>(
    config: &Config,
    rows: &'r [ConflictRow],
) -> Vec<(&'r ConflictRow, Option<Rc<EntityRules>>)> {
    let mut known: BTreeMap<&EntityName, Option<Rc<EntityRules>>> = BTreeMap::new();
    let rules = |row: &'r ConflictRow| {
        let of = || configured(config, &row.entity).map(Rc::new);
        (row, known.entry(&row.entity).or_insert_with(of).clone())
    };
    rows.iter().map(rules).collect()
}

fn list(
    context: &Context,
    config: &Config,
    hub: &Hub,
    filter: &ListFilter,
) -> Result<Exit, Failure> {
    let rows = filtered(hub, filter)?;
    let ruled = with_rules(config, &rows);
    let output = &context.output;
    let listed = ruled.iter().map(|(row, rules)| to_json(row, rules.as_deref()));
    output.json_list(decisions::SCHEMA, "conflicts", listed.collect());
    if rows.is_empty() {
        output.line("No conflicts.");
        return Ok(Exit::Ok);
    }
    let lines = ruled.iter().map(|(row, rules)| conflict_text::row(row, rules.as_deref()));
    let lines: Vec<Vec<String>> = lines.collect();
    output.text(&columns(&lines));
    if rows.iter().any(|row| row.status == Status::Open) {
        output.line("Decide: syncline conflicts resolve <id> --take <domain>   look: syncline conflicts show <id>");
    }
    Ok(Exit::Ok)
}

fn show(context: &Context, config: &Config, hub: &mut Hub, id: &str) -> Result<Exit, Failure> {
    let row = hub.conflict(id)?;
    reading::may_read(context, config, hub, Some(&row.entity))?;
    let rules = configured(config, &row.entity);
    context.output.json(to_json(&row, rules.as_ref()));
    context.output.text(&conflict_text::page(&context.output, &row, rules.as_ref()));
    Ok(Exit::Ok)
}

fn decide(
    context: &Context,
    config: &Config,
    hub: &mut Hub,
    resolve: &Resolve,
) -> Result<Exit, Failure> {
    may_see(context, config, hub, &resolve.filter)?;
    let rows = match &resolve.id {
        Some(id) => vec![hub.conflict(id)?],
        None => filtered(hub, &resolve.filter)?,
    };
    let choice = choice(config, resolve)?;
    for row in &rows {
        let id = row.conflict_id();
        decisions::check_fit(row, &choice).map_err(|reason| {
            Refusal::usage(
                format!("conflict {}: {reason}", conflict_text::short_id(&id)),
                format!("syncline conflicts show {}", conflict_text::short_id(&id)),
            )
        })?;
    }
    let decided = rows.iter().map(|row| (row.conflict_id(), choice.clone()));
    take_all(context, config, hub, decided)
}

/// Returns the choice that the arguments name. `source` and `target` are the sides of the link,
/// unless a domain is called so.
fn choice(config: &Config, resolve: &Resolve) -> Result<Choice, Refusal> {
    if let Some(name) = &resolve.take {
        if name == "both" && config.domain(name).is_none() {
            return Ok(Choice::Both { separator: resolve.separator.clone() });
        }
        let side = match (config.links.as_slice(), name.as_str()) {
            ([link], "source") => Some(&link.source),
            ([link], "target") => Some(&link.target),
            _ => None,
        };
        let domain = config.domain(name).map(|domain| &domain.name).or(side);
        let known = || config.domains.iter().map(|domain| domain.name.to_string()).collect();
        let domain = domain.ok_or_else(|| Refusal::DomainNotFound {
            side: "Taken",
            name: name.clone(),
            known: known(),
        })?;
        return Ok(Choice::Writer(Writer::from(domain)));
    }
    if let Some(value) = &resolve.value {
        let leaf = Leaf::parse(value).map_err(|_| {
            Refusal::usage("--value is not JSON", "quote a text twice: --value '\"a text\"'")
        })?;
        return Ok(Choice::Value(Some(leaf)));
    }
    Ok(if resolve.keep { Choice::Keep } else { Choice::Delete })
}

/// Takes decisions that were all checked, one after the other.
fn take_all(
    context: &Context,
    config: &Config,
    hub: &mut Hub,
    decided: impl Iterator<Item = (String, Choice)>,
) -> Result<Exit, Failure> {
    let actor = context.actor();
    let roles = config.roles_of(actor.user.as_deref().unwrap_or_default());
    let actor = Actor { roles, ..actor };
    let entities = entities(context, config)?;
    let decided: Vec<(String, Choice)> = decided.collect();
    let asked = decided.iter().map(|(id, _)| hub.conflict(id)).collect::<Result<Vec<_>, _>>()?;
    hub.may_decide(&asked, &actor, &entities)?;
    let mut rows = Vec::new();
    for (id, choice) in decided {
        // A decision about a field can be to remove it; about a record, to delete it.
        let choice = match (&choice, hub.conflict(&id)?.conflict.path.is_root()) {
            (Choice::Delete, false) => Choice::Value(None),
            _ => choice,
        };
        rows.push(hub.resolve(&id, &choice, &actor, &entities)?);
    }
    let output = &context.output;
    let listed = rows.iter().map(|row| to_json(row, None));
    output.json_list(decisions::SCHEMA, "conflicts", listed.collect());
    for row in &rows {
        let fields: Vec<String> = conflict_text::row(row, None).into_iter().take(5).collect();
        output.line(&format!("decided {}", fields.join("  ")));
    }
    match rows.len() {
        0 => output.line("Nothing to decide."),
        number => output.line(&format!(
            "{} decided. Carry it to both sides: syncline sync",
            count(number as u64, "conflict", "conflicts")
        )),
    }
    Ok(Exit::Ok)
}

/// Returns the entities with the rules under which they are synchronised, over all links.
fn entities(context: &Context, config: &Config) -> Result<Vec<LinkedEntity>, Failure> {
    let mut entities: Vec<LinkedEntity> = Vec::new();
    for link in &config.links {
        let options = SyncOptions { link: vec![link.name.clone()], ..SyncOptions::default() };
        let request = prepare(context, config, &options)?.request;
        may_write(config, &request)?;
        for entity in request.entities {
            if entities.iter().all(|known| known.name != entity.entity.name) {
                entities.push(entity.entity);
            }
        }
    }
    Ok(entities)
}

fn export(context: &Context, hub: &Hub, options: &Export) -> Result<Exit, Failure> {
    if !options.force && fs::symlink_metadata(&options.output).is_ok() {
        return Err(Refusal::FileExists { path: options.output.clone() }.into());
    }
    let rows = filtered(hub, &options.filter)?;
    let document = decisions::to_document(&rows);
    write_json(&options.output, document.clone())?;
    context.output.json(document);
    let file = options.output.display();
    context.output.line(&format!(
        "{} written to {file}. Fill in `decide`, then: syncline conflicts import {file}",
        count(rows.len() as u64, "conflict", "conflicts")
    ));
    Ok(Exit::Ok)
}

fn import(
    context: &Context,
    config: &Config,
    hub: &mut Hub,
    options: &Import,
) -> Result<Exit, Failure> {
    reading::may_read(context, config, hub, None)?;
    let decided = decisions::read(&options.file, hub)?;
    let decided = decided.into_iter().map(|one| (one.conflict, one.choice));
    take_all(context, config, hub, decided).map_err(|failure| match failure {
        Failure::Hub(HubError::ConflictNotFound { id }) => HubError::ConflictStale { id }.into(),
        other => other,
    })
}
