//! Which records `--id`, `--only` and `--since` mean.

use std::collections::BTreeSet;
use std::fs;

use syncline_hub::{Chosen, FileDomain, FileEntity, Narrowing, SyncRequest};
use syncline_model::id::{EntityName, RecordId};
use syncline_model::json::{Json, Leaf, parse};
use syncline_model::path::Path;
use syncline_policy::Condition;

use crate::arguments::SyncOptions;
use crate::arguments::value::Only;
use crate::config::Config;
use crate::failure::{Failure, Refusal};

/// What one word of `--id` or `--only` asks for.
enum Asked<'o> {
    /// The record of this id in every entity.
    Anywhere(&'o RecordId),
    /// The record of this id in one entity.
    Within(&'o str, RecordId),
    /// The records of an entity that meet a condition.
    Meeting(&'o str, Condition),
}

impl Asked<'_> {
    fn entity(&self) -> Option<&str> {
        match self {
            Self::Anywhere(_) => None,
            Self::Within(entity, _) | Self::Meeting(entity, _) => Some(entity),
        }
    }
}

/// Returns all that is asked for by `--id` and `--only`.
///
/// What stands before the first colon of an id names an entity, if there is one of that name.
fn asked<'o>(config: &Config, options: &'o SyncOptions) -> Vec<Asked<'o>> {
    let by_id = |id: &'o RecordId| {
        let parts = id.as_str().split_once(':');
        let parts = parts.filter(|(entity, _)| config.entity(entity).is_some());
        match parts.and_then(|(entity, id)| Some((entity, RecordId::new(id).ok()?))) {
            Some((entity, id)) => Asked::Within(entity, id),
            None => Asked::Anywhere(id),
        }
    };
    let by_only = |only: &'o Only| match only {
        Only::Id(id) => Asked::Anywhere(id),
        Only::Field { entity, path, values } => {
            Asked::Meeting(entity, Condition { path: path.clone(), one_of: values.clone() })
        }
    };
    options.ids.iter().map(by_id).chain(options.only.iter().map(by_only)).collect()
}

/// Returns the entities that a run is about: those that are asked for, else those that `--id` and
/// `--only` name, if every one of them names one; empty for all.
pub(super) fn entities(config: &Config, options: &SyncOptions) -> Vec<String> {
    if !options.entities.is_empty() {
        return options.entities.clone();
    }
    let asked = asked(config, options);
    let named: Option<Vec<String>> =
        asked.iter().map(|one| one.entity().map(str::to_owned)).collect();
    let mut named = named.unwrap_or_default();
    named.sort();
    named.dedup();
    named
}

/// Returns what is asked for of the entities that a link carries; nothing if that is no record.
pub(super) fn within(
    config: &Config,
    options: &SyncOptions,
    carries: impl Fn(&str) -> bool,
) -> Option<SyncOptions> {
    let is_carried = |one: &Asked<'_>| one.entity().is_none_or(&carries);
    let asked = asked(config, options);
    let is_left = asked.is_empty() || asked.iter().any(is_carried);
    let mut kept = asked.iter().map(is_carried);
    let mut is_kept = || kept.next().unwrap_or(true);
    let ids = options.ids.iter().filter(|_| is_kept()).cloned().collect();
    let only = options.only.iter().filter(|_| is_kept()).cloned().collect();
    is_left.then(|| SyncOptions { ids, only, ..options.clone() })
}

/// Returns which records the run is narrowed to.
///
/// Where every record is asked for within an entity, the entities that none of them names are left
/// out.
///
/// # Errors
///
/// [`Refusal::EntityUnsupported`] if an entity is named that does not take part, and
/// [`Refusal::File`] if its file cannot be read.
pub(super) fn narrowing(
    config: &Config,
    options: &SyncOptions,
    domains: [&FileDomain; 2],
    entities: &mut Vec<FileEntity>,
) -> Result<Narrowing, Failure> {
    let since_ms = options.since.as_ref().map(|since| since.ms);
    let asked = asked(config, options);
    if asked.is_empty() {
        return Ok(Narrowing { chosen: None, since_ms });
    }
    options.only.iter().try_for_each(|only| has_value(config, only))?;
    let mut chosen = Chosen::default();
    let mut named: BTreeSet<EntityName> = BTreeSet::new();
    for one in &asked {
        let entity = one.entity().map(|name| taking_part(name, entities)).transpose()?;
        match (one, entity) {
            (Asked::Anywhere(id), _) => {
                chosen.anywhere.insert((*id).clone());
            }
            (Asked::Within(_, id), Some(entity)) => {
                chosen.within.insert((entity.entity.name.clone(), id.clone()));
            }
            (Asked::Meeting(_, condition), Some(entity)) => {
                for domain in domains {
                    let ids = matching(domain, entity, condition)?.into_iter();
                    chosen.within.extend(ids.map(|id| (entity.entity.name.clone(), id)));
                }
            }
            (Asked::Within(..) | Asked::Meeting(..), None) => {}
        }
        named.extend(entity.map(|entity| entity.entity.name.clone()));
    }
    if asked.iter().all(|one| one.entity().is_some()) {
        entities.retain(|entity| named.contains(&entity.entity.name));
    }
    Ok(Narrowing { chosen: Some(chosen), since_ms })
}

/// Refuses what names an entity and says of no field which value it has: an id with a colon in it is
/// asked for by `--id`.
fn has_value(config: &Config, only: &Only) -> Result<(), Refusal> {
    let Only::Id(id) = only else { return Ok(()) };
    match id.as_str().split_once(':') {
        Some((entity, rest)) if config.entity(entity).is_some() => {
            let what = format!("--only {} names no value", id.as_str().escape_debug());
            let field = if rest.is_empty() { "field" } else { rest };
            let next =
                format!("--only '{entity}:{field}=<value>', or a record: --id {entity}:<id>");
            Err(Refusal::usage(what, next))
        }
        _ => Ok(()),
    }
}

/// Returns those of the ids that are asked for which no file of the entities holds, so that somebody
/// who mistyped one hears of it.
pub(super) fn unknown_ids(request: &SyncRequest) -> Vec<RecordId> {
    let Some(chosen) = &request.narrowing.chosen else { return Vec::new() };
    let of_files: Vec<(&EntityName, Vec<RecordId>)> = request
        .entities
        .iter()
        .flat_map(|entity| {
            let ids = [&request.source, &request.target].map(|domain| {
                let records = records_of(domain, entity).unwrap_or_default();
                records.iter().filter_map(|record| id_of(record, entity)).collect()
            });
            ids.map(|ids| (&entity.entity.name, ids))
        })
        .collect();
    let holds = |entity: Option<&EntityName>, id: &RecordId| {
        let mut files = of_files.iter().filter(|(name, _)| entity.is_none_or(|own| own == *name));
        files.any(|(_, ids)| ids.contains(id))
    };
    let anywhere = chosen.anywhere.iter().filter(|id| !holds(None, id));
    let within = chosen.within.iter().filter(|(entity, id)| !holds(Some(entity), id));
    anywhere.chain(within.map(|(_, id)| id)).cloned().collect()
}

/// Returns the entity of this name that takes part.
fn taking_part<'e>(name: &str, entities: &'e [FileEntity]) -> Result<&'e FileEntity, Refusal> {
    let found = entities.iter().find(|known| known.entity.name.as_str() == name);
    found.ok_or_else(|| Refusal::EntityUnsupported {
        name: name.to_owned(),
        known: entities.iter().map(|known| known.entity.name.to_string()).collect(),
    })
}

/// Returns the ids of the records in one file that meet a condition. What cannot be understood is
/// left out here; the run itself reports it.
fn matching(
    domain: &FileDomain,
    entity: &FileEntity,
    condition: &Condition,
) -> Result<Vec<RecordId>, Refusal> {
    let records = records_of(domain, entity)?;
    let leaf = |record: &Json, at: &Path| record.at(at).and_then(|json| Leaf::from_json(json).ok());
    let meets =
        records.iter().filter(|record| condition.is_met(leaf(record, &condition.path).as_ref()));
    Ok(meets.filter_map(|record| id_of(record, entity)).collect())
}

/// Returns the records of one file; none if it is not there or cannot be understood.
fn records_of(domain: &FileDomain, entity: &FileEntity) -> Result<Vec<Json>, Refusal> {
    let path = domain.folder.join(&entity.file);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => {
            return Err(Refusal::File { action: "read", path, source });
        }
    };
    let Ok(Json::Object(mut file)) = parse(&bytes) else {
        return Ok(Vec::new());
    };
    match file.remove(entity.entity.name.as_str()) {
        Some(Json::Array(records)) => Ok(records),
        _ => Ok(Vec::new()),
    }
}

fn id_of(record: &Json, entity: &FileEntity) -> Option<RecordId> {
    match record.at(&entity.entity.id_path)? {
        Json::String(text) => RecordId::new(text).ok(),
        Json::Number(number) => RecordId::new(number.as_str()).ok(),
        _ => None,
    }
}
