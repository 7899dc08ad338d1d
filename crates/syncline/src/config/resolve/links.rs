//! Links: which domains, which entities, in which direction, under which preference.

use syncline_model::id::{DomainName, EntityName};

use super::super::document::{Document, LinkText};
use super::super::error::{At, Refusal};
use super::super::names;
use super::super::settings::{Direction, Filter, Link, OnConflict};
use super::super::words;
use super::domains::condition;
use super::entities::defined;
use super::{undefined, unknown_word};

/// Words for the direction of a link.
pub(in super::super) const DIRECTIONS: &[(&str, Direction)] = &[
    ("bidirectional", Direction::Bidirectional),
    ("source_to_target", Direction::SourceToTarget),
    ("target_to_source", Direction::TargetToSource),
];

/// Words for the preference of a link, with the synonyms that the specs use.
pub(in super::super) const PREFERENCES: &[(&str, OnConflict)] = &[
    ("merge", OnConflict::Merge),
    ("source", OnConflict::Source),
    ("target", OnConflict::Target),
    ("newer", OnConflict::Newer),
    ("review", OnConflict::Review),
    ("field-level-merge", OnConflict::Merge),
    ("source-priority", OnConflict::Source),
    ("last-write-wins", OnConflict::Newer),
    ("latest_timestamp", OnConflict::Newer),
    ("manual-review", OnConflict::Review),
];

pub(super) fn resolve(document: &Document, domains: &[DomainName]) -> Result<Vec<Link>, Refusal> {
    let entities = document
        .entities
        .iter()
        .map(|(name, _)| names::entity(name, &At::new("entities").key(name)))
        .collect::<Result<Vec<_>, _>>()?;
    if document.links.is_empty() {
        return Ok(match domains {
            [source, target] => vec![usual(source, target, &entities)],
            _ => Vec::new(),
        });
    }
    let links = document.links.iter().map(|(name, text)| link(name, text, domains, &entities));
    links.collect()
}

/// Returns the link that two domains have where none is written.
fn usual(source: &DomainName, target: &DomainName, entities: &[EntityName]) -> Link {
    Link {
        name: format!("{source}-{target}"),
        source: source.clone(),
        target: target.clone(),
        entities: entities.to_vec(),
        direction: Direction::default(),
        on_conflict: None,
        fields_first: false,
        is_unordered: true,
        filter: Vec::new(),
    }
}

fn link(
    name: &str,
    text: &LinkText,
    domains: &[DomainName],
    entities: &[EntityName],
) -> Result<Link, Refusal> {
    let at = At::new("links").key(name);
    names::check("link", name, &at)?;
    let source = domain(&text.source, &at.key("source"), domains)?;
    let target = domain(&text.target, &at.key("target"), domains)?;
    if source == target {
        let why = "a link joins two places";
        let next = "name another domain";
        return Err(Refusal::new(at.key("target"), "is the source as well", why, next));
    }
    let carried = match &text.entities {
        None => entities.to_vec(),
        Some(listed) => carried(listed, &at.key("entities"), entities)?,
    };
    let direction = match &text.direction {
        None => Direction::default(),
        Some(word) => words::find(DIRECTIONS, word).ok_or_else(|| {
            unknown_word(at.key("direction"), "direction", &words::list(DIRECTIONS))
        })?,
    };
    let preference = |word: &String| {
        words::find(PREFERENCES, word).ok_or_else(|| {
            unknown_word(at.key("on_conflict"), "preference", &words::list(PREFERENCES))
        })
    };
    let on_conflict = text.on_conflict.as_ref().map(preference).transpose()?;
    let filter = text.filter.iter().enumerate().map(|(index, text)| {
        let at = at.key("filter").index(index);
        let entity = match text.entity.as_deref() {
            None | Some("*") => None,
            Some(name) => Some(defined(name, &at.key("entity"), &carried)?),
        };
        Ok(Filter { entity, condition: condition(text, &at)? })
    });
    let filter = filter.collect::<Result<_, Refusal>>()?;
    let (name, entities) = (name.to_owned(), carried);
    // So are only the links that are made of the files of spec 001, which write none.
    let (fields_first, is_unordered) = (text.fields_first, text.fields_first);
    Ok(Link {
        name,
        source,
        target,
        entities,
        direction,
        on_conflict,
        fields_first,
        is_unordered,
        filter,
    })
}

/// Returns the entities that a link lists, each once.
fn carried(listed: &[String], at: &At, known: &[EntityName]) -> Result<Vec<EntityName>, Refusal> {
    let mut carried: Vec<EntityName> = Vec::new();
    for (index, name) in listed.iter().enumerate() {
        let entity = defined(name, &at.index(index), known)?;
        if !carried.contains(&entity) {
            carried.push(entity);
        }
    }
    if carried.is_empty() {
        let why = "a link without entities carries nothing";
        return Err(Refusal::new(at.clone(), "is empty", why, "list entities, or leave it out"));
    }
    Ok(carried)
}

/// Returns the name of a defined domain.
pub(super) fn domain(name: &str, at: &At, known: &[DomainName]) -> Result<DomainName, Refusal> {
    let found = known.iter().find(|domain| domain.as_str() == name).cloned();
    found.ok_or_else(|| undefined(at.clone(), "domain", name, known.iter().map(|d| d.as_str())))
}
