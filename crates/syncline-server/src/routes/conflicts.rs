//! Conflicts: looking at them and deciding them.

use axum::http::StatusCode;
use syncline_engine::conflicts::{ConflictRow, Status};
use syncline_engine::rows::{ConflictId, Key};
use syncline_hub::{Actor, Choice};
use syncline_merge::rules::{Approver, Rule};
use syncline_model::id::{EntityName, RecordId, Writer};
use syncline_model::json::{Json, Leaf, Object};

use super::answer::{Answer, json};
use super::schemas;
use crate::asked::Asked;
use crate::document::texts;
use crate::limits::{LIST_DEFAULT, LIST_MAX};
use crate::problem::{Problem, Refusal};

/// The list whose places are sealed.
const LIST: &str = "conflicts";

/// Lists conflicts: those that wait for a person, unless another status is asked for.
pub(super) async fn list(asked: Asked) -> Answer {
    let entity = asked.query.text("entity").map(EntityName::new).transpose();
    let entity = entity.map_err(|error| Refusal::QueryInvalid.because(error.to_string()))?;
    let limit = asked.query.number("limit", 1..=LIST_MAX)?.unwrap_or(LIST_DEFAULT);
    let (is_all, is_waiting) = match asked.query.text("status") {
        None | Some("open") => (false, false),
        Some("waiting") => (false, true),
        Some("all") => (true, false),
        Some(_) => return Err(Refusal::QueryInvalid.because("status is open, waiting or all")),
    };
    let after = asked.place(LIST, |[entity, id, conflict]| key(&entity, &id, &conflict))?;
    let (served, only) = (asked.desk.served.clone(), entity.clone());
    let sight = asked.sight();
    let read = move || match is_all {
        true => served.conflicts_for(&sight, after.as_ref(), limit),
        false => served.open_conflicts_for(&sight, entity.as_ref(), after.as_ref(), limit),
    };
    let mut found = asked.blocking(read).await??;
    // A page may have fewer than asked for, or none, and yet not be the last: `next` says so.
    found.conflicts.retain(|row| only.as_ref().is_none_or(|only| *only == row.entity));
    let mut conflicts = described(&asked, found.conflicts).await?;
    conflicts.retain(|conflict| !is_waiting || !conflict.contains_key("skipped"));
    let mut document = Object::new();
    document.insert("conflicts", conflicts.into_iter().map(Json::Object).collect::<Vec<_>>());
    if let Some(next) = found.next.as_ref().and_then(|key| next(&asked, key)) {
        document.insert("next", next);
    }
    json(StatusCode::OK, &document.into())
}

/// Shows one conflict: who, when, both sides, what they had before, and what it is about.
pub(super) async fn show(asked: Asked) -> Answer {
    let (served, id) = (asked.desk.served.clone(), asked.param("conflict").to_owned());
    let sight = asked.sight();
    let row = asked.blocking(move || served.conflict_for(&sight, &id)).await??;
    let context = context(&asked, &row).await?;
    let mut document = one(&asked, row).await?;
    document.insert("context", context);
    json(StatusCode::OK, &document.into())
}

/// Decides one conflict.
pub(super) async fn resolve(mut asked: Asked) -> Answer {
    let choice = choice(&asked.object().await?)?;
    let (served, id) = (asked.desk.served.clone(), asked.param("conflict").to_owned());
    let actor = actor(&asked)?;
    let sight = asked.sight();
    let decide = move || served.resolve_for(&sight, &id, choice, actor);
    let row = asked.blocking(decide).await??;
    json(StatusCode::OK, &one(&asked, row).await?.into())
}

/// Returns who decides, as the audit and the rules of approval know them. The configuration gives roles
/// to the name of a token, and its claims may name some, besides the one that says which routes it opens.
pub(super) fn actor(asked: &Asked) -> Result<Actor, Problem> {
    let token = &asked.caller()?.token;
    let claimed = token.claims.get("roles").and_then(Json::as_array).unwrap_or_default();
    let claimed = claimed.iter().filter_map(Json::as_str).map(str::to_owned);
    let roles = asked.state.roles_of(token).into_iter().chain(claimed).collect();
    let (user, session) = (Some(token.name.to_string()), Some(token.id.to_string()));
    Ok(Actor { user, session, roles })
}

/// Returns conflicts as documents, with who must approve each, and who has put it aside.
pub(super) async fn described(
    asked: &Asked,
    rows: Vec<ConflictRow>,
) -> Result<Vec<Object>, Problem> {
    let served = asked.desk.served.clone();
    let read = asked.blocking(move || served.skipped(&rows).map(|skipped| (rows, skipped)));
    let (rows, skipped) = read.await??;
    let entities = asked.desk.served.entities();
    let described = rows.iter().zip(skipped).map(|(row, skipped)| {
        let mut document = Object::new();
        document.insert("schema", "conflict/1");
        for (name, value) in row.to_json().iter() {
            document.insert(name, value.clone());
        }
        let waits = row.status == Status::Open && !row.conflict.path.is_root();
        let rule = entities.rules(&row.entity).map(|rules| rules.rule(&row.conflict.path));
        if let Some(approvers) = rule.filter(|_| waits).and_then(Rule::approvers) {
            document.insert("approval", texts(approvers.iter().map(Approver::name)));
        }
        if let Some(skipped) = skipped {
            document.insert("skipped", skipped);
        }
        document
    });
    Ok(described.collect())
}

async fn one(asked: &Asked, row: ConflictRow) -> Result<Object, Problem> {
    let mut described = described(asked, vec![row]).await?;
    described.pop().ok_or_else(|| Refusal::ServerFault.into())
}

/// Returns what a person should know of the field, without a value of the record: how it is merged,
/// and what the registered schema says of it.
async fn context(asked: &Asked, row: &ConflictRow) -> Result<Object, Problem> {
    let mut context = Object::new();
    let path = &row.conflict.path;
    if let Some(rules) = asked.desk.served.entities().rules(&row.entity) {
        context.insert("shape", rules.shape(path).as_str());
        context.insert("rule", rules.rule(path).as_str());
    }
    let (served, entity) = (asked.desk.served.clone(), row.entity.clone());
    let schema = asked.blocking(move || served.schema(&entity, None)).await??;
    if let Some(schema) = schema {
        let steps: Vec<_> = path.segments().collect();
        let steps: Vec<&str> = steps.iter().map(AsRef::as_ref).collect();
        for (name, steps) in [("entity", &[][..]), ("field", &steps[..])] {
            if let Some(about) = schemas::about(&schema.schema, steps) {
                context.insert(name, about);
            }
        }
    }
    Ok(context)
}

/// Reads a choice: one of `take`, `value`, `both`, `keep` and `delete`.
pub(super) fn choice(body: &Object) -> Result<Choice, Problem> {
    let refused = || {
        let text = "one of {\"take\":writer}, {\"value\":…}, {\"both\":separator}, {\"keep\":true}, {\"delete\":true}";
        Refusal::BodyInvalid.because(text)
    };
    let mut members = body.iter();
    let (Some((name, value)), None) = (members.next(), members.next()) else {
        return Err(refused());
    };
    Ok(match (name, value) {
        ("take", Json::String(writer)) => {
            Choice::Writer(Writer::new(writer).map_err(|_| refused())?)
        }
        ("value", Json::Null) => Choice::Value(None),
        ("value", value) => Choice::Value(Some(Leaf::from_json(value).map_err(|_| refused())?)),
        ("both", Json::String(separator)) => Choice::Both { separator: separator.clone() },
        ("keep", Json::Bool(true)) => Choice::Keep,
        ("delete", Json::Bool(true)) => Choice::Delete,
        _ => return Err(refused()),
    })
}

/// Returns where a list goes on: behind entity, record and conflict.
fn next(asked: &Asked, key: &Key) -> Option<String> {
    let Key::Conflict { entity, id, conflict } = key else { return None };
    Some(asked.next(LIST, &[entity.as_str(), id.as_str(), conflict.as_str()]))
}

fn key(entity: &str, id: &str, conflict: &str) -> Option<Key> {
    Some(Key::Conflict {
        entity: EntityName::new(entity).ok()?,
        id: RecordId::new(id).ok()?,
        conflict: ConflictId::new(conflict).ok()?,
    })
}
