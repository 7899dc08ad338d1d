//! Records one by one: reading them, and small edits without a client's machinery.
//!
//! An edit becomes one operation. It is one of a client that is named after the token and this start
//! of the server, so that its counter is never used twice; with an `Idempotency-Key` it is one of a
//! client that is named after the key, so that the hub itself knows whether it was applied before.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use syncline_hub::served::RecordNow;
use syncline_model::id::{EntityName, RecordId};
use syncline_model::json::fields::{flatten_json, unflatten};
use syncline_model::json::{Json, Leaf, Object};
use syncline_model::path::Path;
use syncline_protocol::change::{Change, Content, Gone};
use syncline_protocol::error::MessageError;
use syncline_protocol::long::{read_operation, write_change};
use syncline_protocol::outcome::{Outcome, Status};
use syncline_protocol::time::format_time;
use tokio::time::Instant;

use super::answer::{Answer, json, json_text, nothing};
use super::once::Key;
use super::{answer, books, pull, push};
use crate::access::{now_ms, random_id};
use crate::asked::Asked;
use crate::document::object;
use crate::limits::{LIST_DEFAULT, LIST_MAX, READ_WAIT_MAX};
use crate::metrics::Counted;
use crate::problem::{Problem, Refusal};

/// The media type of a merge patch (RFC 7396).
const MERGE_PATCH: &str = "application/merge-patch+json";

/// Lists records in the order of their ids.
pub(super) async fn list(asked: Asked) -> Answer {
    pull::reached(&asked, Instant::now() + READ_WAIT_MAX).await?;
    let entity = asked.entity()?;
    let limit = asked.query.number("limit", 1..=LIST_MAX)?.unwrap_or(LIST_DEFAULT);
    let cursor = asked.place(&list_of(&entity), |[id]| RecordId::new(&id).ok())?;
    let (served, viewer, name) = (asked.desk.served.clone(), asked.viewer()?, entity.clone());
    let sight = asked.sight();
    let read = move || served.records_for(&sight, &name, cursor.as_ref(), limit, &viewer);
    let found = asked.blocking(read).await??;
    let mut text = String::from("{\"records\":[");
    for (index, record) in found.records.into_iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        text.push_str(&write_change(&change(&entity, record)));
    }
    text.push(']');
    let next = found.next.map(|id| asked.next(&list_of(&entity), &[id.as_str()]));
    if let Some(next) = &next {
        text.push_str(&format!(",\"next\":\"{next}\""));
    }
    text.push('}');
    let mut response = json_text(StatusCode::OK, text)?;
    if let Some(next) = next {
        let link = format!("<?cursor={next}&limit={limit}>; rel=\"next\"");
        response.headers_mut().extend(HeaderValue::try_from(link).map(|link| (header::LINK, link)));
    }
    Ok(response)
}

fn list_of(entity: &EntityName) -> String {
    format!("records of {entity}")
}

/// Returns a record as it is now, or with `at` as it was.
pub(super) async fn get(asked: Asked) -> Answer {
    let (entity, id) = (asked.entity()?, asked.record_id()?);
    pull::holds(&asked, &entity, &id, Instant::now() + READ_WAIT_MAX).await?;
    if let Some(at_ms) = books::time(&asked, "at")? {
        return past(&asked, entity, id, at_ms).await;
    }
    let (record, etag) = found(now(&asked, &entity, &id).await?)?;
    let unchanged = asked.header(&header::IF_NONE_MATCH)?;
    if unchanged.is_some_and(|known| matches(known, Some(&etag))) {
        let mut response = nothing()?;
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return Ok(with_etag(response, &etag));
    }
    answer_of(StatusCode::OK, &entity, record, &etag)
}

async fn past(asked: &Asked, entity: EntityName, id: RecordId, at_ms: u64) -> Answer {
    let served = asked.desk.served.clone();
    let (name, of, sight) = (entity.clone(), id.clone(), asked.sight());
    let read = move || served.record_at_for(&sight, &name, &of, at_ms);
    let read = asked.blocking(read).await??;
    let fields = read.ok_or(Refusal::RecordNotFound)?;
    let document = object([
        ("entity", entity.as_str().into()),
        ("id", id.as_str().into()),
        ("at", format_time(at_ms).into()),
        (
            "record",
            unflatten(fields.iter().map(|(path, leaf)| (path, leaf)))
                .map_or(Json::Null, Json::Object),
        ),
    ]);
    json(StatusCode::OK, &document)
}

/// Returns what a record went through, the newest first.
pub(super) async fn history(asked: Asked) -> Answer {
    let (entity, id) = (asked.entity()?, asked.record_id()?);
    let limit = asked.query.number("limit", 1..=LIST_MAX)?.unwrap_or(LIST_DEFAULT);
    let before = asked.query.number("before", 0..=i64::MAX.unsigned_abs())?;
    let before = before.map(syncline_model::id::Position);
    let (served, sight) = (asked.desk.served.clone(), asked.sight());
    let read = move || served.history_for(&sight, &entity, &id, before, limit);
    let history = asked.blocking(read).await??;
    let fields = |fields: Option<Vec<(Path, Leaf)>>| {
        fields.map_or(Json::Null, |fields| {
            let mut object = Object::new();
            for (path, leaf) in fields {
                object.insert(path.as_str(), leaf.to_json());
            }
            Json::Object(object)
        })
    };
    let changes = history.changes.into_iter().map(|change| {
        object([
            ("position", change.position.0.into()),
            ("at", format_time(change.at_ms).into()),
            ("by", change.by.as_str().into()),
            ("kind", change.kind.as_str().into()),
            ("before", fields(change.before)),
            ("after", fields(change.after)),
        ])
    });
    let mut document = Object::new();
    document.insert("changes", changes.collect::<Vec<_>>());
    if let Some(next) = history.next {
        document.insert("next", next.0);
    }
    json(StatusCode::OK, &document.into())
}

/// Makes a record under an id that the hub chooses.
pub(super) async fn post(mut asked: Asked) -> Answer {
    let entity = asked.entity()?;
    let body = asked.object().await?;
    if body.is_empty() {
        return Err(Refusal::BodyInvalid.because("a record has at least one field"));
    }
    let key = Key::of_object(&asked, &body).await?;
    let id = match &key {
        // Repeated, it is the same record.
        Some(key) => key.record().to_owned(),
        None => random_id().ok_or(Refusal::ServerFault)?,
    };
    let id = RecordId::new(&id).map_err(|_| Refusal::ServerFault)?;
    let set = set_of(flat(&body)?.iter().map(|(path, leaf)| (path, leaf)));
    let outcome = edit(&asked, &entity, &id, None, set, key.as_ref()).await?;
    let mut response = edited(&asked, StatusCode::CREATED, &entity, &id, Some(&outcome)).await?;
    let location = asked.parts.uri.path().trim_end_matches('/');
    let location = HeaderValue::try_from(format!("{location}/{id}"));
    response.headers_mut().extend(location.map(|location| (header::LOCATION, location)));
    Ok(response)
}

/// Replaces a record, or makes it.
pub(super) async fn put(mut asked: Asked) -> Answer {
    let (entity, id) = (asked.entity()?, asked.record_id()?);
    let body = asked.object().await?;
    let key = Key::of_object(&asked, &body).await?;
    let wanted = flat(&body)?;
    if wanted.is_empty() {
        return Err(Refusal::BodyInvalid.because("a record has at least one field"));
    }
    let was_used = key.as_ref().is_some_and(|key| key.was_used(&asked));
    let _turn = asked.desk.turn(&entity, &id).await;
    let before = now(&asked, &entity, &id).await?;
    require(&asked, before.as_ref(), key.as_ref())?;
    let (base, had) = match before {
        Some(RecordNow { fields: Some(fields), seen, .. }) => (Some(seen.version), fields),
        // A deleted record has a token too: what is written comes after the deletion.
        Some(RecordNow { fields: None, seen, .. }) => (Some(seen.version), Vec::new()),
        None => (None, Vec::new()),
    };
    let is_new = had.is_empty();
    let differs = |(path, leaf): &&(Path, Leaf)| !had.iter().any(|(p, l)| p == path && l == leaf);
    let set: Vec<_> = wanted.iter().filter(differs).collect();
    let gone = had.iter().map(|(path, _)| path);
    let gone = gone.filter(|path| !wanted.iter().any(|(wanted, _)| wanted == *path));
    let gone: Vec<Json> = gone.map(|path| path.as_str().into()).collect();
    let has_change = !set.is_empty() || !gone.is_empty();
    let mut outcome = None;
    if is_to_be_written(&asked, has_change, key.as_ref()).await? {
        let mut effect = set_of(set.into_iter().map(|(path, leaf)| (path, leaf)));
        if !gone.is_empty() {
            effect.insert("unset", gone);
        }
        let base = match base {
            Some(base) => Some(base.as_str().to_owned()),
            None => deleted(&asked, &entity, &id).await?,
        };
        outcome = Some(edit(&asked, &entity, &id, base, effect, key.as_ref()).await?);
    }
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    let response = edited(&asked, status, &entity, &id, outcome.as_ref()).await?;
    Ok(if was_used { answer::replayed(response) } else { response })
}

/// Changes a record: with a merge patch (RFC 7396), or with the parts of an operation.
pub(super) async fn patch(mut asked: Asked) -> Answer {
    let (entity, id) = (asked.entity()?, asked.record_id()?);
    let is_patch = asked.header(&header::CONTENT_TYPE)?.unwrap_or_default();
    let is_patch = is_patch.split(';').next().unwrap_or_default().trim() == MERGE_PATCH;
    let body = asked.object().await?;
    let key = Key::of_object(&asked, &body).await?;
    let parts = if is_patch { None } else { Some(parts(body.clone())?) };
    let was_used = key.as_ref().is_some_and(|key| key.was_used(&asked));
    let _turn = asked.desk.turn(&entity, &id).await;
    let before = now(&asked, &entity, &id).await?;
    require(&asked, before.as_ref(), key.as_ref())?;
    let (before, _) = found(before)?;
    let effect = match parts {
        Some(parts) => parts,
        None => merge_patch(&body, before.fields.as_deref().unwrap_or_default())?,
    };
    let mut outcome = None;
    if is_to_be_written(&asked, !effect.is_empty(), key.as_ref()).await? {
        let base = Some(before.seen.version.as_str().to_owned());
        outcome = Some(edit(&asked, &entity, &id, base, effect, key.as_ref()).await?);
    }
    let response = edited(&asked, StatusCode::OK, &entity, &id, outcome.as_ref()).await?;
    Ok(if was_used { answer::replayed(response) } else { response })
}

/// Returns whether an edit is to become an operation: not where it changes nothing. That is remembered of its key, so
/// that sent again it does not write over what others have written since.
async fn is_to_be_written(
    asked: &Asked,
    has_change: bool,
    key: Option<&Key>,
) -> Result<bool, Problem> {
    match key {
        Some(key) if key.did_nothing() => return Ok(false),
        Some(key) if !has_change && !key.was_used(asked) => key.done_for_good(asked).await?,
        _ => {}
    }
    Ok(has_change)
}

/// Deletes a record.
pub(super) async fn delete(asked: Asked) -> Answer {
    let (entity, id) = (asked.entity()?, asked.record_id()?);
    let key = Key::of(&asked, "").await?;
    let _turn = asked.desk.turn(&entity, &id).await;
    let before = now(&asked, &entity, &id).await?;
    require(&asked, before.as_ref(), key.as_ref())?;
    let (before, _) = match (found(before), &key) {
        // It may be this very request that has deleted it.
        (Err(_), Some(key)) if key.was_used(&asked) => return nothing(),
        (before, _) => before?,
    };
    let mut effect = Object::new();
    effect.insert("delete", true);
    let base = Some(before.seen.version.as_str().to_owned());
    let outcome = edit(&asked, &entity, &id, base, effect, key.as_ref()).await?;
    Ok(replayed(nothing()?, &outcome))
}

/// Carries an edit out as one operation.
async fn edit(
    asked: &Asked,
    entity: &EntityName,
    id: &RecordId,
    base: Option<String>,
    mut effect: Object,
    key: Option<&Key>,
) -> Result<Outcome, Problem> {
    let (client, counter) = match key {
        Some(key) => (key.client().clone(), 1),
        None => asked.desk.writers.next(&asked.caller()?.token).ok_or(Refusal::ServerFault)?,
    };
    effect.insert("op", counter);
    effect.insert("entity", entity.as_str());
    effect.insert("id", id.as_str());
    effect.insert("at", format_time(now_ms()));
    if let Some(base) = base {
        effect.insert("base", base);
    }
    let text = Json::Object(effect).to_compact_string();
    let operation = read_operation(text.as_bytes());
    let refused = |error: &MessageError| {
        Problem::said(&error.to_operation_problem(), StatusCode::UNPROCESSABLE_ENTITY)
    };
    let operation = operation.map_err(|error| refused(&error))?;
    let who =
        push::Pushing { sight: &asked.sight(), counted: Some(asked.counted()?), client: &client };
    let counted = Counted::begin([&operation]);
    let answer = push::commit(&asked.desk, &who, vec![operation]).await?;
    push::count(asked, &counted, &answer);
    let outcome = answer.outcomes.into_iter().next().ok_or(Refusal::ServerFault)?;
    if outcome.status.is_applied() {
        if let Some(key) = key {
            key.done(asked);
        }
        return Ok(outcome);
    }
    let status = match outcome.status {
        Status::Behind => StatusCode::SERVICE_UNAVAILABLE,
        Status::Rebase => StatusCode::CONFLICT,
        _ if outcome.problem.as_ref().is_some_and(|problem| &*problem.code == "WRITE_DENIED") => {
            StatusCode::FORBIDDEN
        }
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    };
    Err(match &outcome.problem {
        Some(problem) => Problem::said(problem, status),
        None => Refusal::ServerFault.into(),
    })
}

/// Refuses what its preconditions do not allow (RFC 9110 §13).
fn require(asked: &Asked, before: Option<&RecordNow>, key: Option<&Key>) -> Result<(), Problem> {
    if key.is_some_and(|key| key.was_used(asked)) {
        return Ok(());
    }
    let there = before.filter(|record| record.fields.is_some());
    let etag = there.map(etag);
    let refused = || {
        let problem = Problem::from(Refusal::PreconditionFailed);
        let etag = etag.as_deref().and_then(|etag| HeaderValue::try_from(etag).ok());
        match etag {
            Some(etag) => problem.with_header(header::ETAG, etag),
            None => problem,
        }
    };
    match asked.header(&header::IF_MATCH)? {
        Some(known) if !matches(known, etag.as_deref()) => return Err(refused()),
        _ => {}
    }
    match asked.header(&header::IF_NONE_MATCH)? {
        Some(known) if matches(known, etag.as_deref()) => Err(refused()),
        _ => Ok(()),
    }
}

/// Returns whether a list of entity tags names this one; `*` names any that is there.
fn matches(known: &str, etag: Option<&str>) -> bool {
    let Some(etag) = etag else { return false };
    known.split(',').map(str::trim).any(|known| known == "*" || known == etag)
}

async fn now(
    asked: &Asked,
    entity: &EntityName,
    id: &RecordId,
) -> Result<Option<RecordNow>, Problem> {
    let (served, viewer) = (asked.desk.served.clone(), asked.viewer()?);
    let (entity, id) = (entity.clone(), id.clone());
    let sight = asked.sight();
    let read = move || served.record_for(&sight, &entity, &id, &viewer);
    Ok(asked.blocking(read).await??)
}

/// Returns the token of a record that was deleted, with which what is written comes after that. Who is
/// not told everything is not told that it was there.
async fn deleted(
    asked: &Asked,
    entity: &EntityName,
    id: &RecordId,
) -> Result<Option<String>, Problem> {
    let (served, viewer) = (asked.desk.served.clone(), asked.viewer()?);
    let (entity, id) = (entity.clone(), id.clone());
    let record = asked.blocking(move || served.record(&entity, &id, &viewer)).await??;
    let deleted = record.filter(|record| record.fields.is_none());
    Ok(deleted.map(|record| record.seen.version.as_str().to_owned()))
}

/// Answers what a record is like after an edit; one that the edit has put out of sight is not shown.
async fn edited(
    asked: &Asked,
    status: StatusCode,
    entity: &EntityName,
    id: &RecordId,
    outcome: Option<&Outcome>,
) -> Answer {
    let record = now(asked, entity, id).await?;
    let seen = outcome.and_then(|outcome| outcome.seen.clone());
    let response = match (record.filter(|record| record.fields.is_some()), seen) {
        (None, Some(seen)) if !asked.permit.allows_everything() => {
            let (entity, id) = (entity.clone(), id.clone());
            let content = Content::Gone(Gone::Unscoped);
            let change = Change { entity, id, seen, content, by: None, conflicts: Vec::new() };
            let etag = format!("\"{}\"", change.seen.version.as_str());
            with_etag(json_text(status, write_change(&change))?, &etag)
        }
        (record, _) => {
            let (record, etag) = found(record)?;
            answer_of(status, entity, record, &etag)?
        }
    };
    Ok(match outcome {
        Some(outcome) => replayed(response, outcome),
        None => response,
    })
}

/// Returns a record that is there, and its tag.
fn found(record: Option<RecordNow>) -> Result<(RecordNow, String), Problem> {
    match record {
        Some(record) if record.fields.is_some() => {
            let etag = etag(&record);
            Ok((record, etag))
        }
        // A client that asks because it lost something learns as of when the record is gone.
        Some(record) => {
            let problem = Problem::from(Refusal::RecordNotFound);
            Err(problem
                .with_member("position", record.seen.position.0)
                .with_member("version", record.seen.version.as_str()))
        }
        None => Err(Refusal::RecordNotFound.into()),
    }
}

fn etag(record: &RecordNow) -> String {
    format!("\"{}\"", record.seen.version.as_str())
}

fn change(entity: &EntityName, record: RecordNow) -> Change {
    let RecordNow { id, fields, seen, conflicts } = record;
    let content = Content::Record(fields.unwrap_or_default());
    Change { entity: entity.clone(), id, seen, content, by: None, conflicts }
}

fn answer_of(status: StatusCode, entity: &EntityName, record: RecordNow, etag: &str) -> Answer {
    let response = json_text(status, write_change(&change(entity, record)))?;
    Ok(with_etag(response, etag))
}

fn with_etag(mut response: Response<Body>, etag: &str) -> Response<Body> {
    response.headers_mut().extend(HeaderValue::try_from(etag).map(|etag| (header::ETAG, etag)));
    response
}

/// Says that a request was carried out before.
fn replayed(response: Response<Body>, outcome: &Outcome) -> Response<Body> {
    if outcome.status == Status::Duplicate { answer::replayed(response) } else { response }
}

fn flat(body: &Object) -> Result<Vec<(Path, Leaf)>, Problem> {
    flatten_json(body).map_err(|error| Refusal::BodyInvalid.because(error.to_string()))
}

fn set_of<'f>(fields: impl Iterator<Item = (&'f Path, &'f Leaf)>) -> Object {
    let mut set = Object::new();
    for (path, leaf) in fields {
        set.insert(path.as_str(), leaf.to_json());
    }
    let mut effect = Object::new();
    if !set.is_empty() {
        effect.insert("set", set);
    }
    effect
}

/// Returns what a merge patch does to a record: `null` takes a field and all below it away.
fn merge_patch(body: &Object, had: &[(Path, Leaf)]) -> Result<Object, Problem> {
    let fields = flat(body)?;
    let (gone, set): (Vec<_>, Vec<_>) = fields.iter().partition(|(_, leaf)| leaf.is_null());
    // An empty object changes nothing of one that is there, and takes the place of anything else.
    let has_below = |path: &Path| had.iter().any(|(p, _)| p != path && path.is_prefix_of(p));
    let is_there = |(path, leaf): &&&(Path, Leaf)| !leaf.is_empty_object() || !has_below(path);
    let set: Vec<_> = set.iter().filter(is_there).map(|(path, leaf)| (path, leaf)).collect();
    let is_gone = |path: &Path| gone.iter().any(|(above, _)| above.is_prefix_of(path));
    let replaced = |path: &Path| set.iter().any(|(new, _)| is_apart_on_one_way(new, path));
    let gone = had.iter().map(|(path, _)| path).filter(|path| is_gone(path) || replaced(path));
    let gone: Vec<Json> = gone.map(|path| path.as_str().into()).collect();
    let mut effect = set_of(set.iter().copied());
    if !gone.is_empty() {
        effect.insert("unset", gone);
    }
    Ok(effect)
}

/// Returns whether one of two different fields is above the other, so that only one can be there.
fn is_apart_on_one_way(one: &Path, other: &Path) -> bool {
    one != other && (one.is_prefix_of(other) || other.is_prefix_of(one))
}

/// Takes the parts of an operation, without what says whose and of what it is.
fn parts(body: Object) -> Result<Object, Problem> {
    let head = ["op", "entity", "id", "base", "at", "after", "delete"];
    if head.iter().any(|name| body.contains_key(name)) || body.is_empty() {
        let text = "send the parts of an operation (set, unset, inc, add, …), or a merge patch as application/merge-patch+json";
        return Err(Refusal::BodyInvalid.because(text));
    }
    Ok(body)
}
