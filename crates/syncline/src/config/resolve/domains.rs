//! Domains: their place, what may cross between them and the hub, and fields with other names.

use std::collections::BTreeMap;

use syncline_model::id::EntityName;
use syncline_model::json::Leaf;
use syncline_model::path::Path as FieldPath;
use syncline_policy::{Action, Condition, DomainPolicy, Fallback, RecordRule, Rule};

use super::super::document::{ConditionText, DomainText, Ordered, PolicyText, ScalarText};
use super::super::error::{At, Refusal};
use super::super::names;
use super::super::profile::Start;
use super::super::settings::{Domain, DomainKind, Entity, Rename};
use super::super::words;
use super::entities::defined;
use super::{pattern, pointer, unknown_word, within};

/// Words for what a policy does with a field.
pub(in super::super) const ACTIONS: &[(&str, Action)] = &[
    ("allow", Action::Allow),
    ("deny", Action::Deny),
    ("mask", Action::Mask),
    ("out_only", Action::OutOnly),
    ("in_only", Action::InOnly),
];

pub(super) fn resolve(
    domains: &Ordered<DomainText>,
    entities: &[Entity],
    start: Start<'_>,
) -> Result<Vec<Domain>, Refusal> {
    domains.iter().map(|(name, text)| domain(name, text, entities, start)).collect()
}

fn domain(
    name: &str,
    text: &DomainText,
    entities: &[Entity],
    start: Start<'_>,
) -> Result<Domain, Refusal> {
    let at = At::new("domains").key(name);
    if text.kind != "files" {
        return Err(unknown_word(at.key("kind"), "kind of domain", "files"));
    }
    if text.path.as_os_str().is_empty() {
        let why = "a domain of kind `files` is a folder";
        return Err(Refusal::new(at.key("path"), "is empty", why, "give the folder"));
    }
    let renames = renames(&text.rename, &at.key("rename"), entities)?;
    let policy = policy(&text.policy, &at.key("policy"), entities)?;
    check_names(&policy, &renames, &at.key("policy"))?;
    Ok(Domain {
        name: names::domain(name, &at)?,
        kind: DomainKind::Files,
        path: start.place(&text.path, &at.key("path"))?,
        writable: text.writable,
        policy,
        policy_rules_written: text.policy.fields.len(),
        renames,
    })
}

/// Refuses a rule for a field under the name that it has in this domain only: none would be found there.
fn check_names(
    policy: &DomainPolicy,
    renames: &BTreeMap<EntityName, Vec<Rename>>,
    at: &At,
) -> Result<(), Refusal> {
    let fields =
        policy.rules().iter().enumerate().map(|(index, rule)| {
            (at.key("fields").index(index), &rule.entity, rule.pattern.as_path())
        });
    let records = policy.record_rules().iter().enumerate().map(|(index, rule)| {
        (at.key("records").index(index), &rule.entity, Some(rule.condition.path.clone()))
    });
    for (at, entity, path) in fields.chain(records) {
        let of_entity = |(name, _): &(&EntityName, _)| entity.as_ref().is_none_or(|e| e == *name);
        let pairs = || renames.iter().filter(of_entity).flat_map(|(_, pairs)| pairs);
        let is_hub = |name: &FieldPath| pairs().any(|pair| pair.hub.is_prefix_of(name));
        let Some(path) = path.filter(|path| !is_hub(path)) else { continue };
        if let Some(pair) = pairs().find(|pair| pair.domain.is_prefix_of(&path)) {
            let what = format!("names a field by its name in this domain; it is {}", pair.hub);
            let why = "rules name fields as the hub does: here this one would mean nothing";
            return Err(Refusal::new(at.key("path"), what, why, "use the name at the hub"));
        }
    }
    Ok(())
}

fn policy(text: &PolicyText, at: &At, entities: &[Entity]) -> Result<DomainPolicy, Refusal> {
    let fallback = match text.default.as_deref() {
        None | Some("allow") => Fallback::Allow,
        Some("deny") => Fallback::Deny,
        Some(_) => return Err(unknown_word(at.key("default"), "default", "allow, deny")),
    };
    within(text.fields.len(), syncline_policy::limits::RULES_MAX, &at.key("fields"))?;
    within(text.records.len(), syncline_policy::limits::RULES_MAX, &at.key("records"))?;
    let mut policy = DomainPolicy::new(fallback);
    if let Some(mask) = &text.mask {
        policy = policy.with_mask(mask).map_err(|error| {
            let why = "the mask stands in every record in place of the value";
            Refusal::new(at.key("mask"), error.to_string(), why, "use a short text such as `***`")
        })?;
    }
    for (index, rule) in text.fields.iter().enumerate() {
        let at = at.key("fields").index(index);
        let action = words::find(ACTIONS, &rule.action)
            .ok_or_else(|| unknown_word(at.key("action"), "action", &words::list(ACTIONS)))?;
        let entity = entity_of(rule.entity.as_deref(), &at, entities)?;
        let pattern = pattern(&rule.path, &at.key("path"))?;
        policy.add_rule(Rule { entity, pattern, action });
    }
    // The id is how the two copies of a record find each other: only a rule that names it stops it.
    for entity in entities.iter().filter(|_| fallback == Fallback::Deny) {
        let pattern = pattern(&entity.id.as_str().replace('*', "~2"), at)?;
        let entity = Some(entity.name.clone());
        policy.add_rule(Rule { entity, pattern, action: Action::Allow });
    }
    for (index, text) in text.records.iter().enumerate() {
        let at = at.key("records").index(index);
        let entity = entity_of(text.entity.as_deref(), &at, entities)?;
        let condition = condition(text, &at)?;
        check_id(&condition, entity.as_ref(), entities, &at)?;
        policy.add_record_rule(RecordRule { entity, condition });
    }
    Ok(policy)
}

/// Returns the entity that a rule is for; `None` is every entity.
fn entity_of(
    name: Option<&str>,
    at: &At,
    entities: &[Entity],
) -> Result<Option<EntityName>, Refusal> {
    let known: Vec<_> = entities.iter().map(|entity| entity.name.clone()).collect();
    match name {
        None | Some("*") => Ok(None),
        Some(name) => defined(name, &at.key("entity"), &known).map(Some),
    }
}

/// Refuses a condition on the id of records: it is the record's name, none of its fields.
pub(super) fn check_id(
    condition: &Condition,
    entity: Option<&EntityName>,
    entities: &[Entity],
    at: &At,
) -> Result<(), Refusal> {
    let is_meant = |known: &&Entity| entity.is_none_or(|name| *name == known.name);
    let is_id = |known: &Entity| {
        known.id.is_prefix_of(&condition.path) || condition.path.is_prefix_of(&known.id)
    };
    if !entities.iter().filter(is_meant).any(is_id) {
        return Ok(());
    }
    let why = "the id is how the copies of a record find each other; it would never be met";
    let next = "compare a field that tells these records, such as a category";
    Err(Refusal::new(at.key("path"), "names the id of the records", why, next))
}

/// Reads a condition on a record.
pub(super) fn condition(text: &ConditionText, at: &At) -> Result<Condition, Refusal> {
    let values = match (&text.equals, &text.one_of) {
        (Some(value), None) => vec![value],
        (None, Some(values)) if !values.is_empty() => values.iter().collect(),
        _ => {
            let why = "a condition compares one field with one value, or with several";
            let next = "give either `equals = …` or `in = […]`";
            return Err(Refusal::new(at.clone(), "is not a condition", why, next));
        }
    };
    within(values.len(), syncline_policy::limits::CONDITION_VALUES_MAX, &at.key("in"))?;
    let values = values.into_iter().map(|value| match value {
        ScalarText::Text(text) => Ok(Leaf::string(text)),
        ScalarText::Number(number) => Leaf::parse(number),
        ScalarText::Bool(truth) => Leaf::parse(if *truth { "true" } else { "false" }),
    });
    let one_of = values.collect::<Result<_, _>>().map_err(|error| {
        let why = "values are compared as JSON values";
        Refusal::new(at.clone(), error.to_string(), why, "give another number")
    })?;
    let path = pointer(&text.path, &at.key("path"))?;
    if path.as_str().split('/').any(|step| matches!(step, "*" | "**")) {
        let why = "a condition compares one field; `*` stands for many, and would never be met";
        let next = "name the field; of a list one element is enough";
        return Err(Refusal::new(at.key("path"), "has a `*`", why, next));
    }
    Ok(Condition { path, one_of })
}

/// Reads the fields that have another name in a domain.
fn renames(
    text: &Ordered<Ordered<String>>,
    at: &At,
    entities: &[Entity],
) -> Result<BTreeMap<EntityName, Vec<Rename>>, Refusal> {
    let mut renames = BTreeMap::new();
    for (entity, fields) in text.iter() {
        let at = at.key(entity);
        let entity = entity_of(Some(entity), &at, entities)?.ok_or_else(|| {
            let why = "a field has its other name in one entity";
            Refusal::new(at.clone(), "`*` is not an entity", why, "name the entity")
        })?;
        let mut pairs: Vec<Rename> = Vec::new();
        for (hub, domain) in fields.iter() {
            let at = at.key(hub);
            let pair = Rename { hub: pointer(hub, &at)?, domain: pointer(domain, &at)? };
            if pairs.iter().any(|other| other.domain == pair.domain) {
                let why = "two fields under one name would overwrite each other";
                let next = "give each its own name";
                return Err(Refusal::new(at, "this name is taken by another field", why, next));
            }
            let own = entities.iter().find(|known| known.name == entity);
            check_rename(&pair, &pairs, own.map(|own| &own.id), &at)?;
            pairs.push(pair);
        }
        pairs.retain(|pair| pair.hub != pair.domain);
        if !pairs.is_empty() {
            renames.insert(entity, pairs);
        }
    }
    Ok(renames)
}

/// Refuses a name that could not be followed: that of the id, and of a field within a renamed one.
fn check_rename(
    pair: &Rename,
    others: &[Rename],
    id: Option<&FieldPath>,
    at: &At,
) -> Result<(), Refusal> {
    let touches = |a: &FieldPath, b: &FieldPath| a.is_prefix_of(b) || b.is_prefix_of(a);
    if id.is_some_and(|id| [&pair.hub, &pair.domain].iter().any(|path| touches(path, id))) {
        let why = "the copies of a record find each other by the id";
        let next = "leave it out; `id` of the entity says where records hold their id";
        return Err(Refusal::new(at.clone(), "names the id of the records", why, next));
    }
    let inside =
        |other: &&Rename| touches(&other.hub, &pair.hub) || touches(&other.domain, &pair.domain);
    let is_rename = |pair: &&Rename| pair.hub != pair.domain;
    if others.iter().filter(is_rename).any(|other| inside(&other)) {
        let why = "one field would have two other names";
        let next = "rename the outer field, or each of the inner ones";
        return Err(Refusal::new(
            at.clone(),
            "lies in a field that is renamed, or around it",
            why,
            next,
        ));
    }
    Ok(())
}
