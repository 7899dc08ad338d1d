//! The views of a hub that is served, and who may see and write what of its records.

use syncline_model::id::EntityName;
use syncline_model::path::Pattern;
use syncline_policy::view::{Access, AccessRule, Filter, Parameter, View};
use syncline_server::Role;

use super::super::document::{AccessText, Document, ViewText};
use super::super::error::{At, Refusal};
use super::super::limits::{ACCESS_RULES_MAX, FIELD_PATTERNS_MAX, PARTS_MAX};
use super::super::names;
use super::{pattern, undefined, unknown_word, within};

/// The kinds of parameters.
const KINDS: [(&str, Parameter); 4] = [
    ("text", Parameter::Text),
    ("number", Parameter::Number),
    ("bool", Parameter::Bool),
    ("list", Parameter::List),
];

pub(super) fn resolve(document: &Document) -> Result<Access, Refusal> {
    within(document.views.0.len(), PARTS_MAX, &At::new("views"))?;
    within(document.access.len(), ACCESS_RULES_MAX, &At::new("access"))?;
    let known = Known(document.entities.iter().map(|(name, _)| name).collect());
    let mut access = Access::default();
    for (name, text) in document.views.iter() {
        let at = At::new("views").key(name);
        names::check("view", name, &at)?;
        access.views.insert(name.into(), view(text, &known, &at)?);
    }
    for (index, text) in document.access.iter().enumerate() {
        access.rules.push(rule(text, &known, &At::new("access").index(index))?);
    }
    Ok(access)
}

/// The entities that are written; where there is none a served hub takes any.
struct Known<'d>(Vec<&'d str>);

impl Known<'_> {
    fn entity(&self, name: &str, at: &At) -> Result<EntityName, Refusal> {
        let entity = names::entity(name, at)?;
        if self.0.is_empty() || self.0.contains(&name) {
            return Ok(entity);
        }
        Err(undefined(at.clone(), "entity", name, self.0.iter().copied()))
    }
}

fn view(text: &ViewText, known: &Known<'_>, at: &At) -> Result<View, Refusal> {
    let place = at.key("filter");
    let filter = match &text.filter {
        Some(text) => filter(text, &place)?,
        None => Filter::everything(),
    };
    let mut view = View::everything(known.entity(&text.entity, &at.key("entity"))?, filter);
    view.fields = fields(text.fields.as_deref(), &at.key("fields"))?;
    for (name, kind) in text.params.iter() {
        let at = at.key("params").key(name);
        names::check("parameter", name, &at)?;
        let found = KINDS.iter().find(|(word, _)| *word == kind);
        let words = KINDS.map(|(word, _)| word).join(", ");
        let (_, kind) = found.ok_or_else(|| unknown_word(at, "kind", &words))?;
        view.params.insert(name.into(), *kind);
    }
    let lacking = view.filter.params().into_iter().find(|name| !view.params.contains_key(*name));
    if let Some(name) = lacking {
        let what = format!("asks for the parameter `{}`", name.escape_debug());
        let why = "a parameter that is not declared can never be given";
        return Err(Refusal::new(place, what, why, "declare it below `params` with its kind"));
    }
    Ok(view)
}

fn rule(text: &AccessText, known: &Known<'_>, at: &At) -> Result<AccessRule, Refusal> {
    if text.roles.is_empty() {
        let why = "a rule for nobody would silently mean nothing";
        return Err(Refusal::new(
            at.key("roles"),
            "is empty",
            why,
            "name the roles that it is for",
        ));
    }
    for (index, word) in text.roles.iter().enumerate() {
        if Role::from_word(word).is_none() {
            let words = Role::ALL.map(Role::as_str).join(", ");
            return Err(unknown_word(at.key("roles").index(index), "role", &words));
        }
    }
    let entities = text.entities.as_ref().map(|some| {
        let entity =
            |(index, name): (usize, &String)| known.entity(name, &at.key("entities").index(index));
        some.iter().enumerate().map(entity).collect::<Result<Vec<_>, _>>()
    });
    let only = |key: &str, text: &Option<String>| {
        let at = at.key(key);
        let Some(text) = text else { return Ok(None) };
        let filter = filter(text, &at)?;
        if filter.params().is_empty() {
            return Ok(Some(filter));
        }
        let why = "what somebody may do never depends on what they ask for";
        Err(Refusal::new(at, "asks for a parameter", why, "use `record` and `claims`"))
    };
    let (read, write) = (only("read", &text.read)?, only("write", &text.write)?);
    let useless = [
        ("read_fields", read.is_none() && text.read_fields.is_some(), "read"),
        ("write_fields", write.is_none() && text.write_fields.is_some(), "write"),
        ("create", write.is_none() && text.create, "write"),
        ("delete", write.is_none() && text.delete, "write"),
    ];
    if let Some((key, _, needs)) = useless.into_iter().find(|(_, is_useless, _)| *is_useless) {
        let what = format!("is given without `{needs}`");
        let why = "it would silently mean nothing";
        let next = format!("say of which records with `{needs}`; `\"true\"` is all");
        return Err(Refusal::new(at.key(key), what, why, &next));
    }
    if read.is_none() && write.is_none() {
        let why = "a rule that allows nothing would silently mean nothing";
        return Err(Refusal::new(
            at.clone(),
            "allows nothing",
            why,
            "give `read`, `write` or both",
        ));
    }
    Ok(AccessRule {
        roles: text.roles.iter().map(|role| role.as_str().into()).collect(),
        entities: entities.transpose()?,
        read,
        read_fields: fields(text.read_fields.as_deref(), &at.key("read_fields"))?,
        write,
        write_fields: fields(text.write_fields.as_deref(), &at.key("write_fields"))?,
        create: text.create,
        delete: text.delete,
    })
}

fn filter(text: &str, at: &At) -> Result<Filter, Refusal> {
    Filter::compile(text).map_err(|error| {
        let why = "a condition that is not understood is never guessed";
        let next = "write a condition such as `record.owner == claims.sub`";
        Refusal::new(at.clone(), error.to_string(), why, next)
    })
}

fn fields(some: Option<&[String]>, at: &At) -> Result<Option<Vec<Pattern>>, Refusal> {
    let Some(some) = some else { return Ok(None) };
    if some.is_empty() {
        let why = "without a field there is nothing to see or to write";
        return Err(Refusal::new(at.clone(), "is empty", why, "name fields, or leave it out"));
    }
    within(some.len(), FIELD_PATTERNS_MAX, at)?;
    let patterns = some.iter().enumerate().map(|(index, text)| pattern(text, &at.index(index)));
    patterns.collect::<Result<_, _>>().map(Some)
}
