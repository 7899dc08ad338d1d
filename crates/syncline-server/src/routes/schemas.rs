//! The schemas of entities: registering a version, looking at it, and what a new one would break. To
//! those who may see no record of an entity its schema is not there.

use axum::http::StatusCode;
use syncline_engine::rows::Key;
use syncline_hub::{Registered, SchemaRow};
use syncline_model::id::EntityName;
use syncline_model::json::{Json, Object};
use syncline_model::schema::Finding;
use syncline_protocol::time::format_time;

use super::answer::{Answer, json};
use super::books::page;
use super::conflicts::actor;
use crate::asked::Asked;
use crate::document::object;
use crate::limits::{LIST_DEFAULT, LIST_MAX};
use crate::problem::{Problem, Refusal};

/// The list whose places are sealed.
const LIST: &str = "schemas";

/// Lists all versions of all schemas, without the schemas.
pub(super) async fn list(asked: Asked) -> Answer {
    let limit = asked.query.number("limit", 1..=LIST_MAX)?.unwrap_or(LIST_DEFAULT);
    let after = asked.place(LIST, |[entity, version]| {
        let entity = EntityName::new(&entity).ok()?;
        Some(Key::Schema { entity, version: version.parse().ok()? })
    })?;
    let served = asked.desk.served.clone();
    let read = move || served.schemas(after.as_ref(), limit);
    let (mut rows, next) = asked.blocking(read).await??;
    rows.retain(|row| asked.permit.may_follow(&row.entity));
    let next = match next {
        Some(Key::Schema { entity, version }) => {
            Some(asked.next(LIST, &[entity.as_str(), &version.to_string()]))
        }
        _ => None,
    };
    page("schemas", rows.iter().map(|row| described(row, false)).collect(), next)
}

/// Shows a version of an entity's schema.
pub(super) async fn get(asked: Asked) -> Answer {
    let entity = asked.entity()?;
    let version = asked.query.number("version", 1..=u32::MAX)?;
    let served = asked.desk.served.clone();
    let row = asked.blocking(move || served.schema(&entity, version)).await??;
    let row = row.filter(|row| asked.permit.may_follow(&row.entity));
    json(StatusCode::OK, &described(&row.ok_or(Refusal::SchemaUnknown)?, true))
}

/// Registers the next version of an entity's schema.
pub(super) async fn put(mut asked: Asked) -> Answer {
    let entity = asked.entity()?;
    let accepts_breaks = match asked.query.text("breaking") {
        None => false,
        Some("accept") => true,
        Some(_) => return Err(Refusal::QueryInvalid.because("breaking is accept")),
    };
    let schema = Json::Object(asked.object().await?);
    let (served, actor) = (asked.desk.served.clone(), actor(&asked)?);
    let (of, sent) = (entity.clone(), schema.clone());
    let register = move || served.register_schema(&of, sent, accepts_breaks, actor);
    let registered = asked.blocking(register).await?;
    match registered {
        Ok(Registered::New(row)) => json(StatusCode::CREATED, &described(&row, true)),
        Ok(Registered::Known(row)) => json(StatusCode::OK, &described(&row, true)),
        Err(error) if error.code() == "SCHEMA_INCOMPATIBLE" => {
            let served = asked.desk.served.clone();
            let check = move || served.check_schema(&entity, &schema);
            let (_, findings) = asked.blocking(check).await??;
            Err(Problem::from(error).with_member("findings", told_findings(&findings)))
        }
        Err(error) => Err(error.into()),
    }
}

/// Tells what a schema would break.
pub(super) async fn check(mut asked: Asked) -> Answer {
    let entity = asked.entity()?;
    let schema = Json::Object(asked.object().await?);
    if !asked.permit.may_follow(&entity) {
        return Err(Refusal::NotPermitted.because("this token may see no record of the entity"));
    }
    let served = asked.desk.served.clone();
    let check = asked.blocking(move || served.check_schema(&entity, &schema));
    let (against, findings) = check.await??;
    let document = object([
        ("compatible", findings.is_empty().into()),
        ("against", against.map_or(Json::Null, |version| u64::from(version).into())),
        ("findings", told_findings(&findings)),
    ]);
    json(StatusCode::OK, &document)
}

pub(super) fn told_findings(findings: &[Finding]) -> Json {
    let told = findings.iter().map(|finding| {
        object([
            ("path", finding.path.as_str().into()),
            ("keyword", finding.keyword.into()),
            ("breaks", finding.breaks.as_str().into()),
            ("reason", finding.reason.into()),
        ])
    });
    Json::Array(told.collect())
}

pub(super) fn described(row: &SchemaRow, is_whole: bool) -> Json {
    let mut document = Object::new();
    document.insert("entity", row.entity.as_str());
    document.insert("version", u64::from(row.version));
    document.insert("id", row.id().to_string());
    document.insert("by", row.by.as_str());
    document.insert("at", format_time(row.at_ms));
    if is_whole {
        document.insert("schema", row.schema.clone());
        if let Some(migration) = &row.migration {
            document.insert("migration", migration.to_json());
        }
    }
    document.into()
}

/// Returns what a schema says of the record and of one of its fields: title and description.
pub(super) fn about(schema: &Json, steps: &[&str]) -> Option<Object> {
    let mut at = schema.as_object()?;
    for step in steps {
        let members = at.get("properties").and_then(Json::as_object);
        let items = at.get("items").and_then(Json::as_object);
        let items = items.and_then(|items| items.get("properties")).and_then(Json::as_object);
        at = members.or(items)?.get(step)?.as_object()?;
    }
    let mut about = Object::new();
    for name in ["title", "description"] {
        if let Some(text) = at.get(name).and_then(Json::as_str) {
            about.insert(name, text);
        }
    }
    (!about.is_empty()).then_some(about)
}
