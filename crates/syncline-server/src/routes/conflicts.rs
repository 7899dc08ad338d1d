//! Conflicts: looking at them and deciding them.

use axum::http::StatusCode;
use syncline_engine::conflicts::{ConflictRow, Status};
use syncline_engine::rows::{ConflictId, Key};
use syncline_hub::{Actor, Choice};
use syncline_model::base64url;
use syncline_model::id::{EntityName, RecordId, Writer};
use syncline_model::json::{Json, Leaf, Object};

use super::answer::{Answer, json};
use super::pull;
use crate::asked::Asked;
use crate::limits::{LIST_DEFAULT, LIST_MAX};
use crate::problem::{Problem, Refusal};

/// Lists conflicts: those that wait for a person, unless another status is asked for.
pub(super) async fn list(asked: Asked) -> Answer {
    let entity = asked.query.text("entity").map(EntityName::new).transpose();
    let entity = entity.map_err(|error| Refusal::QueryInvalid.because(error.to_string()))?;
    let limit = asked.query.number("limit", 1..=LIST_MAX)?.unwrap_or(LIST_DEFAULT);
    let is_all = match asked.query.text("status") {
        None | Some("open") => false,
        Some("all") => true,
        Some(_) => return Err(Refusal::QueryInvalid.because("status is open or all")),
    };
    let after = asked.query.text("cursor").map(read_place).transpose()?;
    let (served, only) = (asked.desk.served.clone(), entity.clone());
    let read = move || match &entity {
        Some(entity) if !is_all => served.open_conflicts(entity, after.as_ref(), limit),
        _ => served.conflicts(after.as_ref(), limit),
    };
    let mut found = asked.state.blocking(read).await??;
    // A page may have fewer than asked for, or none, and yet not be the last: `next` says so.
    let is_asked = |row: &ConflictRow| is_all || row.status == Status::Open;
    let of_entity = |row: &ConflictRow| only.as_ref().is_none_or(|only| *only == row.entity);
    found.conflicts.retain(|row| is_asked(row) && of_entity(row));
    let mut document = Object::new();
    document.insert("conflicts", found.conflicts.iter().map(Json::from_row).collect::<Vec<_>>());
    if let Some(next) = found.next.as_ref().and_then(place) {
        document.insert("next", next);
    }
    json(StatusCode::OK, &document.into())
}

/// Shows one conflict: who, when, both sides and what they had before.
pub(super) async fn show(asked: Asked) -> Answer {
    let (served, id) = (asked.desk.served.clone(), asked.param("conflict").to_owned());
    let row = asked.state.blocking(move || served.conflict(&id)).await??;
    json(StatusCode::OK, &Json::from_row(&row))
}

/// Decides one conflict.
pub(super) async fn resolve(mut asked: Asked) -> Answer {
    let choice = choice(&asked.object().await?)?;
    let (served, id) = (asked.desk.served.clone(), asked.param("conflict").to_owned());
    let caller = asked.caller()?;
    let user = Some(caller.token.name.to_string());
    let roles = vec![caller.token.role.as_str().to_owned()];
    let actor = Actor { user, session: Some(caller.token.id.to_string()), roles };
    let row = asked.state.blocking(move || served.resolve(&id, choice, actor)).await??;
    json(StatusCode::OK, &Json::from_row(&row))
}

/// Reads a choice: one of `take`, `value`, `both`, `keep` and `delete`.
fn choice(body: &Object) -> Result<Choice, Problem> {
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

/// A conflict as a document.
trait FromRow {
    fn from_row(row: &ConflictRow) -> Self;
}

impl FromRow for Json {
    fn from_row(row: &ConflictRow) -> Self {
        let mut document = Object::new();
        document.insert("schema", "conflict/1");
        for (name, value) in row.to_json().iter() {
            document.insert(name, value.clone());
        }
        Self::Object(document)
    }
}

/// Returns where a list goes on: behind entity, record and conflict.
fn place(key: &Key) -> Option<String> {
    let Key::Conflict { entity, id, conflict } = key else { return None };
    let parts = [entity.as_str(), id.as_str(), conflict.as_str()];
    Some(parts.map(|part| base64url::encode(part.as_bytes())).join("."))
}

fn read_place(text: &str) -> Result<Key, Problem> {
    let part =
        |part: &str| base64url::decode(part).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let parts: Option<Vec<String>> = text.split('.').map(part).collect();
    let key = match parts.as_deref() {
        Some([entity, id, conflict]) => key(entity, id, conflict),
        _ => None,
    };
    key.ok_or_else(pull::no_place)
}

fn key(entity: &str, id: &str, conflict: &str) -> Option<Key> {
    Some(Key::Conflict {
        entity: EntityName::new(entity).ok()?,
        id: RecordId::new(id).ok()?,
        conflict: ConflictId::new(conflict).ok()?,
    })
}
