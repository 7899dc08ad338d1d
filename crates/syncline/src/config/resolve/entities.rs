//! Entities: their files, their id and time, and the rules of their fields.

use std::collections::BTreeMap;

use syncline_merge::rules::Approver;
use syncline_model::id::DomainName;
use syncline_model::path::Path;
use syncline_policy::Expression;

use super::super::document::{EntityText, FieldDetail, FieldText, Ordered};
use super::super::error::{At, Refusal};
use super::super::limits::{IDENTIFY_MAX, KEEP_MAX};
use super::super::names;
use super::super::settings::{Deletion, Entity, FieldRule, Link, Rule, Shape};
use super::super::words::{self, FieldWord};
use super::{pattern, pointer, undefined, unknown_word, within};

/// Words for what happens when one side deletes what the other edits.
pub(in super::super) const DELETIONS: &[(&str, Deletion)] = &[
    ("edit-wins", Deletion::EditWins),
    ("delete-wins", Deletion::DeleteWins),
    ("review", Deletion::Review),
];

/// What `time` says where records have no time of their own.
pub(in super::super) const NO_TIME: &str = "none";

/// The entity whose records are people, for whom something is usual.
const CONTACTS: &str = "contacts";
/// The fields by which people are recognised where nothing else is written, the strongest first.
const IDENTIFY_CONTACTS: [&str; 3] = ["/email", "/phone", "/name"];

pub(super) fn resolve(
    entities: &Ordered<EntityText>,
    domains: &[DomainName],
    links: &[Link],
    roles: &BTreeMap<String, Vec<String>>,
) -> Result<Vec<Entity>, Refusal> {
    let mut resolved: Vec<Entity> = Vec::new();
    for (name, text) in entities.iter() {
        let at = At::new("entities").key(name);
        let entity = entity(name, text, &at, &Around { domains, links, roles })?;
        if let Some(other) = resolved.iter().find(|other| other.file == entity.file) {
            let what = format!("shares its file with the entity `{}`", other.name);
            let why = "two entities in one file would overwrite each other";
            return Err(Refusal::new(at.key("file"), what, why, "give each entity its own file"));
        }
        resolved.push(entity);
    }
    Ok(resolved)
}

/// What the rules of an entity may refer to.
struct Around<'a> {
    domains: &'a [DomainName],
    links: &'a [Link],
    roles: &'a BTreeMap<String, Vec<String>>,
}

fn entity(name: &str, text: &EntityText, at: &At, around: &Around<'_>) -> Result<Entity, Refusal> {
    let entity_name = names::entity(name, at)?;
    let file = match &text.file {
        Some(file) => names::file(file, &at.key("file"))?,
        None => format!("{name}.json"),
    };
    let deletion = match &text.deletion {
        None => Deletion::default(),
        Some(word) => words::find(DELETIONS, word).ok_or_else(|| {
            unknown_word(at.key("deletion"), "deletion rule", &words::list(DELETIONS))
        })?,
    };
    let time = match text.time.as_deref() {
        Some(NO_TIME) => None,
        text => Some(pointer(text.unwrap_or("/lastModified"), &at.key("time"))?),
    };
    let identify = identify(name, text.identify.as_deref(), at)?;
    within(text.fields.0.len(), syncline_policy::limits::RULES_MAX, &at.key("fields"))?;
    let fields = text.fields.iter().map(|(path, field)| {
        let at = at.key("fields").key(path);
        let (shape, rule) = field_rule(field, &at, name, around)?;
        let approval = approval(field, &shape, &rule, &at, around)?;
        Ok(FieldRule { pattern: pattern(path, &at)?, shape, rule, approval })
    });
    Ok(Entity {
        name: entity_name,
        file,
        id: pointer(text.id.as_deref().unwrap_or("/id"), &at.key("id"))?,
        time,
        identify,
        deletion,
        fields: fields.collect::<Result<_, Refusal>>()?,
    })
}

/// Returns the fields by which a record is recognised under another id.
fn identify(entity: &str, listed: Option<&[String]>, at: &At) -> Result<Vec<Path>, Refusal> {
    let at = at.key("identify");
    let of_contacts = || IDENTIFY_CONTACTS.iter().map(|field| (*field).to_owned()).collect();
    let usual: Vec<String> = if entity == CONTACTS { of_contacts() } else { Vec::new() };
    let listed = listed.unwrap_or(&usual);
    within(listed.len(), IDENTIFY_MAX, &at)?;
    listed.iter().enumerate().map(|(index, field)| pointer(field, &at.index(index))).collect()
}

/// Understands the rule of one field.
fn field_rule(
    field: &FieldText,
    at: &At,
    entity: &str,
    around: &Around<'_>,
) -> Result<(Shape, Rule), Refusal> {
    let (word, detail) = match field {
        FieldText::Word(word) => {
            let known = words::shape(word).or_else(|| words::rule(word));
            let all = || format!("{}, {}", words::list(words::SHAPES), words::list(words::RULES));
            let word = known.ok_or_else(|| unknown_word(at.clone(), "shape or rule", &all()))?;
            (word, &FieldDetail::default())
        }
        FieldText::Detail(detail) => (detail_word(detail, at)?, detail),
    };
    refuse_stray(word, detail, at)?;
    meaning(word, detail, at, entity, around)
}

/// Returns the one word that the members `shape` and `rule` come down to.
fn detail_word(detail: &FieldDetail, at: &At) -> Result<FieldWord, Refusal> {
    let shape =
        match detail.shape.as_deref() {
            None => None,
            Some(word) => Some(words::shape(word).ok_or_else(|| {
                unknown_word(at.key("shape"), "shape", &words::list(words::SHAPES))
            })?),
        };
    let rule = match detail.rule.as_deref() {
        None => detail.priority.as_ref().map(|_| FieldWord::Priority),
        Some(word) => Some(
            words::rule(word)
                .ok_or_else(|| unknown_word(at.key("rule"), "rule", &words::list(words::RULES)))?,
        ),
    };
    match (shape, rule) {
        (None, None) => {
            let why = "the entry would change nothing";
            Err(Refusal::new(at.clone(), "names neither a shape nor a rule", why, "add `rule`"))
        }
        (Some(shape), None) => Ok(shape),
        (None, Some(rule)) => Ok(rule),
        (Some(shape), Some(rule)) if shape == rule => Ok(shape),
        (Some(FieldWord::Register), Some(rule)) if shape_of(rule) == FieldWord::Register => {
            Ok(rule)
        }
        (Some(_), Some(_)) => Err(Refusal::new(
            at.clone(),
            "this shape has no such rule",
            "a rule chooses among the values of a register; every other shape joins by itself",
            "leave out `rule`, or use `shape = \"register\"`",
        )),
    }
}

/// Returns the word of the shape that a rule's word needs.
fn shape_of(rule: FieldWord) -> FieldWord {
    match rule {
        FieldWord::Sum | FieldWord::Union => rule,
        _ => FieldWord::Register,
    }
}

/// Refuses members that belong to another shape or rule.
fn refuse_stray(word: FieldWord, detail: &FieldDetail, at: &At) -> Result<(), Refusal> {
    use FieldWord::{Append, Concat, Custom, Keyed, Priority};
    #[rustfmt::skip]
    let members = [
        ("key",        detail.key.is_some(),        Keyed),
        ("keep",       detail.keep.is_some(),       Append),
        ("priority",   detail.priority.is_some(),   Priority),
        ("separator",  detail.separator.is_some(),  Concat),
        ("expression", detail.expression.is_some(), Custom),
    ];
    match members.iter().find(|(_, given, owner)| *given && *owner != word) {
        None => Ok(()),
        Some((member, ..)) => Err(Refusal::new(
            at.key(member),
            "does not belong to this shape or rule",
            "it would have no effect",
            "`key` belongs to keyed, `keep` to append, `priority` to priority, `separator` to concat, \
             `expression` to custom",
        )),
    }
}

fn meaning(
    word: FieldWord,
    detail: &FieldDetail,
    at: &At,
    entity: &str,
    around: &Around<'_>,
) -> Result<(Shape, Rule), Refusal> {
    let register = |rule| Ok((Shape::Register, rule));
    let shape = |shape| Ok((shape, Rule::Latest));
    match word {
        FieldWord::Register | FieldWord::Latest => register(Rule::Latest),
        FieldWord::Max => register(Rule::Max),
        FieldWord::Min => register(Rule::Min),
        FieldWord::Review => register(Rule::Review),
        FieldWord::Concat => {
            let separator = detail.separator.clone().unwrap_or_else(|| "; ".to_owned());
            register(Rule::Concat { separator })
        }
        FieldWord::Priority => register(Rule::Priority(priority(detail, at, around)?)),
        FieldWord::SourcePriority => register(Rule::Priority(source_first(at, entity, around)?)),
        FieldWord::Custom => register(Rule::Custom(expression(detail, at)?)),
        FieldWord::Sum => shape(Shape::Sum),
        FieldWord::Union => shape(Shape::Union),
        FieldWord::Text => shape(Shape::Text),
        FieldWord::Keyed => match detail.key.as_deref() {
            Some(key) if !key.is_empty() => shape(Shape::Keyed { key: key.to_owned() }),
            _ => Err(Refusal::new(
                at.clone(),
                "the shape `keyed` needs a key",
                "the objects of the array are told apart by one of their members",
                "write `{ shape = \"keyed\", key = \"type\" }`",
            )),
        },
        FieldWord::Append => match detail.keep {
            Some(keep) if keep == 0 || keep > KEEP_MAX => Err(Refusal::new(
                at.key("keep"),
                format!("is not between 1 and {KEEP_MAX}"),
                "a list that keeps nothing loses data, and one without a bound grows for ever",
                "give how many of the newest elements are kept",
            )),
            keep => shape(Shape::Append { keep }),
        },
    }
}

/// Compiles the expression of the rule `custom`.
fn expression(detail: &FieldDetail, at: &At) -> Result<Expression, Refusal> {
    let example = "write `{ rule = \"custom\", expression = \"size(values[0]) > 3 ? values[0] : \
                   values[1]\" }`";
    let Some(text) = &detail.expression else {
        let what = "the rule `custom` needs an expression";
        let why = "the expression says which of the concurrent `values` is shown";
        return Err(Refusal::new(at.clone(), what, why, example));
    };
    Expression::compile(text).map_err(|error| {
        let why = "an expression is compiled once, and must be cheap for whatever values come";
        Refusal::new(at.key("expression"), error.to_string(), why, example)
    })
}

/// Reads the order of domains. That a domain exists is left to `check`: lists may outlive domains.
fn priority(
    detail: &FieldDetail,
    at: &At,
    around: &Around<'_>,
) -> Result<Vec<DomainName>, Refusal> {
    let listed = detail.priority.as_deref().unwrap_or_default();
    if listed.is_empty() {
        return Err(Refusal::new(
            at.clone(),
            "the rule `priority` needs a list of domains",
            "the value of the domain that stands first is shown",
            &format!("write `priority = [{}]`", quoted(around.domains)),
        ));
    }
    let at = at.key("priority");
    let names =
        listed.iter().enumerate().map(|(index, name)| names::domain(name, &at.index(index)));
    let names = names.collect::<Result<Vec<_>, _>>()?;
    for (index, name) in names.iter().enumerate() {
        if names.iter().take(index).any(|earlier| earlier == name) {
            let why = "only the first place of a domain counts";
            return Err(Refusal::new(at.index(index), "stands twice", why, "leave it out"));
        }
    }
    Ok(names)
}

/// Reads who must approve what a rule shows.
fn approval(
    field: &FieldText,
    shape: &Shape,
    rule: &Rule,
    at: &At,
    around: &Around<'_>,
) -> Result<Vec<Approver>, Refusal> {
    let FieldText::Detail(FieldDetail { approval: Some(names), .. }) = field else {
        return Ok(Vec::new());
    };
    let at = at.key("approval");
    let shows_one = matches!(rule, Rule::Latest | Rule::Max | Rule::Min | Rule::Priority(_));
    if *shape != Shape::Register || !shows_one {
        let why = "one of the values is shown until somebody approves it; `review` waits for a person \
                   by itself, and other shapes and rules put all values together";
        let next = "use it with the rule latest, max, min or priority, or leave it out";
        return Err(Refusal::new(at, "does not belong to this shape or rule", why, next));
    }
    super::access::people(names, &at)?;
    let approver = |name: &String| match around.roles.contains_key(name) {
        true => Approver::Role(name.as_str().into()),
        false => Approver::User(name.as_str().into()),
    };
    Ok(names.iter().map(approver).collect())
}

fn quoted(domains: &[DomainName]) -> String {
    domains.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
}

/// Returns source, then target, of the one link that carries this entity.
fn source_first(at: &At, entity: &str, around: &Around<'_>) -> Result<Vec<DomainName>, Refusal> {
    let carries = |link: &&Link| link.entities.iter().any(|name| name.as_str() == entity);
    let mut links = around.links.iter().filter(carries);
    match (links.next(), links.next()) {
        (Some(link), None) => Ok(vec![link.source.clone(), link.target.clone()]),
        _ => Err(Refusal::new(
            at.clone(),
            "`source-priority` needs exactly one link that carries this entity",
            "with several links, or none, it is not known which domain is the source",
            &format!("write `priority = [{}]` instead", quoted(around.domains)),
        )),
    }
}

/// Returns the name of a defined entity.
pub(super) fn defined(
    name: &str,
    at: &At,
    known: &[syncline_model::id::EntityName],
) -> Result<syncline_model::id::EntityName, Refusal> {
    let found = known.iter().find(|entity| entity.as_str() == name).cloned();
    let known = known.iter().map(|entity| entity.as_str());
    found.ok_or_else(|| undefined(at.clone(), "entity", name, known))
}
