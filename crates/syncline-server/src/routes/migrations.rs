//! Migrations of entities: registering the way from one version of a schema to the next, and bringing
//! records to the latest version, page by page.

use std::num::NonZeroU32;

use axum::http::StatusCode;
use syncline_hub::served::Forwarding;
use syncline_hub::{Registered, SchemaRow};
use syncline_model::id::RecordId;
use syncline_model::json::{Json, Object};
use syncline_model::schema::Migration;
use syncline_protocol::message::PushAnswer;
use syncline_protocol::operation::Operation;
use syncline_protocol::outcome::Status;

use super::answer::{Answer, json};
use super::conflicts::actor;
use super::{push, schemas};
use crate::asked::Asked;
use crate::document::object;
use crate::limits::{LIST_DEFAULT, LIST_MAX};
use crate::metrics::Counted;
use crate::problem::{Problem, Refusal};

/// The list whose places are sealed.
const LIST: &str = "migrate";

/// Registers how records get from one version of an entity's schema to the next.
pub(super) async fn put(mut asked: Asked) -> Answer {
    let entity = asked.entity()?;
    let body = Json::Object(asked.object().await?);
    let migration = Migration::from_json(&body).map_err(|error| {
        Problem::new(error.code(), StatusCode::UNPROCESSABLE_ENTITY, error.to_string())
    })?;
    let (served, actor) = (asked.desk.served.clone(), actor(&asked)?);
    let register = move || served.register_migration(&entity, migration, actor);
    let (status, row): (_, SchemaRow) = match asked.blocking(register).await?? {
        Registered::New(row) => (StatusCode::CREATED, row),
        Registered::Known(row) => (StatusCode::OK, row),
    };
    json(status, &schemas::described(&row, true))
}

/// Brings a page of records to the latest version of their schema.
pub(super) async fn migrate(asked: Asked) -> Answer {
    let entity = asked.entity()?;
    let limit = asked.query.number("limit", 1..=LIST_MAX)?.unwrap_or(LIST_DEFAULT);
    let from = asked.query.number("from", NonZeroU32::MIN..=NonZeroU32::MAX)?;
    let is_dry = match asked.query.text("dryRun") {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(Refusal::QueryInvalid.because("dryRun is true or false")),
    };
    let list = format!("{LIST} {entity}");
    let after = asked.place(&list, |[id]| RecordId::new(&id).ok())?;
    let (served, viewer, of) = (asked.desk.served.clone(), asked.viewer()?, entity.clone());
    let read = move || served.forwarding(&of, from, after.as_ref(), limit, &viewer);
    let mut forwarding = asked.blocking(read).await??;
    let operations = std::mem::take(&mut forwarding.operations);
    let ids: Vec<RecordId> = operations.iter().map(|operation| operation.id.clone()).collect();
    let refused = match is_dry || operations.is_empty() {
        true => Vec::new(),
        false => refused(&ids, commit(&asked, operations).await?)?,
    };
    let migrated = ids.len().saturating_sub(refused.len());
    let Forwarding { versions, unchanged, left, next, .. } = forwarding;
    let left = left.into_iter().map(|(id, why)| described(&id, why.code(), &why.to_string()));
    let mut document = Object::new();
    document.insert("entity", entity.as_str());
    document.insert("from", u64::from(versions.0.0));
    document.insert("to", u64::from(versions.1.0));
    document.insert("dryRun", is_dry);
    document.insert("migrated", migrated as u64);
    document.insert("unchanged", unchanged);
    document.insert("left", left.chain(refused).collect::<Vec<Json>>());
    if let Some(next) = next {
        document.insert("next", asked.next(&list, &[next.as_str()]));
    }
    json(StatusCode::OK, &document.into())
}

/// Commits what brings records forward, as edits of the one who asks; it counts for nobody.
async fn commit(asked: &Asked, operations: Vec<Operation>) -> Result<PushAnswer, Problem> {
    let token = &asked.caller()?.token;
    let mut client = None;
    let mut numbered = Vec::with_capacity(operations.len());
    for operation in operations {
        let (writer, counter) = asked.desk.writers.next(token).ok_or(Refusal::ServerFault)?;
        client = Some(writer);
        numbered.push(Operation { counter, ..operation });
    }
    let client = client.ok_or(Refusal::ServerFault)?;
    let who = push::Pushing { sight: &asked.sight(), counted: None, client: &client };
    let counted = Counted::begin(&numbered);
    let answer = push::commit(&asked.desk, &who, numbered).await?;
    push::count(asked, &counted, &answer);
    Ok(answer)
}

/// Returns which records were not changed, and why.
fn refused(ids: &[RecordId], answer: PushAnswer) -> Result<Vec<Json>, Problem> {
    let mut refused = Vec::new();
    for (id, outcome) in ids.iter().zip(answer.outcomes) {
        match (outcome.status, outcome.problem) {
            (status, _) if status.is_applied() => {}
            // Done again, the page goes on where this one has stopped.
            (Status::Behind, Some(problem)) => {
                return Err(Problem::said(&problem, StatusCode::SERVICE_UNAVAILABLE));
            }
            (_, Some(problem)) => refused.push(described(id, &problem.code, &problem.detail)),
            (_, None) => return Err(Refusal::ServerFault.into()),
        }
    }
    Ok(refused)
}

fn described(id: &RecordId, code: &str, reason: &str) -> Json {
    object([("id", id.as_str().into()), ("code", code.into()), ("reason", reason.into())])
}
