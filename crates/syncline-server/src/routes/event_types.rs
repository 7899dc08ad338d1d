//! The catalogue of events: which types there are, and what their data holds.
//!
//! What changes of records tell is in it by itself, as the schemas of their entities say.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use syncline_engine::event::types_of_changes;
use syncline_hub::SchemaRow;
use syncline_hub::catalogue::{Breaking, CatalogueError, EventTypeDraft, EventTypeRow, Kept};
use syncline_hub::limits::EVENT_DESCRIPTION_BYTES_MAX;
use syncline_model::id::EventType;
use syncline_model::json::{Json, Object};
use syncline_protocol::time::format_time;

use super::answer::{Answer, json, nothing};
use super::books::page;
use super::conflicts::actor;
use super::endpoint_form::{invalid, text};
use super::schemas::told_findings;
use crate::asked::Asked;
use crate::document::object;
use crate::limits::{LIST_DEFAULT, LIST_MAX};
use crate::problem::{Problem, Refusal};
use crate::webhook_docs::{self, Told};

/// The list whose places are sealed.
const LIST: &str = "event-types";
/// What may be said of a type.
const MEMBERS: [&str; 3] = ["description", "schema", "examples"];
/// Longest description, as the schema of the interface says: four bytes each fit into what a hub keeps.
const DESCRIPTION_CHARACTERS_MAX: usize = EVENT_DESCRIPTION_BYTES_MAX / 4;

/// A type of event: of the catalogue, or what changes of records tell.
enum Listed {
    Catalogued(EventTypeRow),
    OfRecords { event_type: EventType, row: SchemaRow },
}

/// Lists the types, each with the latest version of its schema.
pub(super) async fn list(asked: Asked) -> Answer {
    let limit = asked.query.number("limit", 1..=LIST_MAX)?.unwrap_or(LIST_DEFAULT);
    let after = asked.place(LIST, |[name]| EventType::new(&name).ok())?;
    let known = known(&asked).await?;
    let mut behind = known.iter().filter(|(name, _)| after.as_ref() < Some(name));
    let shown: Vec<_> = behind.by_ref().take(limit).collect();
    let next = shown.last().filter(|_| behind.next().is_some());
    let next = next.map(|(name, _)| asked.next(LIST, &[name.as_str()]));
    let rows = shown.iter().map(|(_, listed)| described(listed, false).into()).collect();
    page("eventTypes", rows, next)
}

/// Shows one, with all its versions.
pub(super) async fn get(asked: Asked) -> Answer {
    let event_type = type_of(&asked)?;
    let known = known(&asked).await?;
    let listed = known.get(&event_type).ok_or_else(unknown)?;
    json(StatusCode::OK, &described(listed, true).into())
}

/// Makes one, or replaces what is said of it.
pub(super) async fn put(mut asked: Asked) -> Answer {
    let event_type = EventType::new(asked.param("type"));
    let event_type = event_type.map_err(|error| invalid(error.to_string()))?;
    let breaking = match asked.query.text("breaking") {
        None => Breaking::Refuse,
        Some("version") => Breaking::NewVersion,
        Some("force") => Breaking::Force,
        Some(_) => return Err(Refusal::QueryInvalid.because("breaking is version or force")),
    };
    let draft = draft_of(asked.object().await?)?;
    let (served, actor) = (asked.desk.served.clone(), actor(&asked)?);
    let keep = move || served.keep_event_type(event_type, draft, breaking, actor);
    let (status, row) = match asked.blocking(keep).await??? {
        Kept::New(row) => (StatusCode::CREATED, row),
        Kept::Changed(row) | Kept::Same(row) => (StatusCode::OK, row),
    };
    json(status, &described(&Listed::Catalogued(row), true).into())
}

/// Retires one: such events are not taken any more. Putting it again brings it back.
pub(super) async fn retire(asked: Asked) -> Answer {
    let (event_type, actor) = (type_of(&asked)?, actor(&asked)?);
    let served = asked.desk.served.clone();
    let retire = move || served.retire_event_type(event_type, actor);
    asked.blocking(retire).await???;
    nothing()
}

/// Tells whether only catalogued types are taken.
pub(super) async fn strictness(asked: Asked) -> Answer {
    let is_strict = asked.desk.served.catalogue().is_strict();
    json(StatusCode::OK, &object([("strict", is_strict.into())]))
}

/// Says whether only catalogued types are taken.
pub(super) async fn set_strictness(mut asked: Asked) -> Answer {
    let body = asked.object().await?;
    let strict = body.get("strict").filter(|_| body.len() == 1);
    let Some(Json::Bool(is_strict)) = strict else {
        return Err(invalid("the body is {\"strict\": true} or false"));
    };
    let (served, actor, is_strict) = (asked.desk.served.clone(), actor(&asked)?, *is_strict);
    let set = move || served.set_strict_events(is_strict, actor);
    asked.blocking(set).await???;
    json(StatusCode::OK, &object([("strict", is_strict.into())]))
}

/// Describes what is delivered, as OpenAPI.
pub(super) async fn openapi(asked: Asked) -> Answer {
    document(asked, webhook_docs::openapi).await
}

/// Describes what is delivered, as AsyncAPI.
pub(super) async fn asyncapi(asked: Asked) -> Answer {
    document(asked, webhook_docs::asyncapi).await
}

async fn document(asked: Asked, make: fn(&[Told<'_>]) -> Json) -> Answer {
    let known = known(&asked).await?;
    let told = known.iter().filter_map(|(name, listed)| {
        let event_type = name.as_str();
        match listed {
            Listed::Catalogued(row) if row.is_retired => None,
            Listed::Catalogued(row) => {
                let latest = row.versions.last();
                Some(Told {
                    event_type,
                    pattern: None,
                    description: &row.description,
                    schema: latest.map(|latest| &latest.schema),
                    examples: latest.map_or(&[], |latest| &latest.examples),
                })
            }
            Listed::OfRecords { row, .. } => {
                let schema = Some(&row.schema);
                Some(Told { event_type, pattern: None, description: "", schema, examples: &[] })
            }
        }
    });
    json(StatusCode::OK, &make(&told.collect::<Vec<_>>()))
}

/// Returns all types that whoever asks may know of, by name.
async fn known(asked: &Asked) -> Result<BTreeMap<EventType, Listed>, Problem> {
    let served = asked.desk.served.clone();
    let latest = asked.blocking(move || latest_schemas(&served)).await??;
    let mut known = BTreeMap::new();
    for row in latest.into_iter().filter(|row| asked.permit.may_follow(&row.entity)) {
        for event_type in types_of_changes(&row.entity) {
            let listed = Listed::OfRecords { event_type: event_type.clone(), row: row.clone() };
            known.insert(event_type, listed);
        }
    }
    for row in asked.desk.served.catalogue().types() {
        known.insert(row.event_type.clone(), Listed::Catalogued(row.clone()));
    }
    Ok(known)
}

/// Returns the latest version of each schema.
fn latest_schemas(
    served: &syncline_hub::served::Served,
) -> Result<Vec<SchemaRow>, syncline_hub::served::ServeError> {
    let (mut latest, mut after): (Vec<SchemaRow>, _) = (Vec::new(), None);
    loop {
        let (rows, next) = served.schemas(after.as_ref(), LIST_MAX)?;
        for row in rows {
            // Versions of one entity stand together, the latest last.
            latest.pop_if(|before| before.entity == row.entity);
            latest.push(row);
        }
        match next {
            Some(next) => after = Some(next),
            None => return Ok(latest),
        }
    }
}

fn type_of(asked: &Asked) -> Result<EventType, Problem> {
    EventType::new(asked.param("type")).map_err(|_| unknown())
}

fn unknown() -> Problem {
    CatalogueError::Unknown.into()
}

fn draft_of(mut body: Object) -> Result<EventTypeDraft, Problem> {
    if body.keys().any(|name| !MEMBERS.contains(&name)) {
        return Err(invalid(format!("a type of event has the members {}", MEMBERS.join(", "))));
    }
    let description = match body.get("description") {
        None => String::new(),
        Some(description) => text(description, "description")?.to_owned(),
    };
    if description.chars().count() > DESCRIPTION_CHARACTERS_MAX {
        let most = DESCRIPTION_CHARACTERS_MAX;
        return Err(invalid(format!("a description has at most {most} characters")));
    }
    let examples = match body.remove("examples") {
        None => Vec::new(),
        Some(Json::Array(examples)) => examples,
        Some(_) => return Err(invalid("examples is a list")),
    };
    let schema = body.remove("schema").ok_or_else(|| invalid("schema is missing"))?;
    Ok(EventTypeDraft { description, schema, examples })
}

fn described(listed: &Listed, is_whole: bool) -> Object {
    let mut document = Object::new();
    match listed {
        Listed::OfRecords { event_type, row } => {
            document.insert("type", event_type.as_str());
            document.insert("origin", "records");
            document.insert("entity", row.entity.as_str());
            document.insert("description", "");
            document.insert("retired", false);
            document.insert("version", u64::from(row.version));
            document.insert("schema", row.schema.clone());
        }
        Listed::Catalogued(row) => {
            document.insert("type", row.event_type.as_str());
            document.insert("origin", "catalogue");
            document.insert("description", row.description.as_str());
            document.insert("retired", row.is_retired);
            if let Some(latest) = row.versions.last() {
                document.insert("version", u64::from(latest.version));
                document.insert("schema", latest.schema.clone());
                document.insert("examples", latest.examples.clone());
            }
            let versions = row.versions.iter().filter(|_| is_whole).map(|version| {
                object([
                    ("version", u64::from(version.version).into()),
                    ("by", version.by.as_str().into()),
                    ("at", format_time(version.at_ms).into()),
                    ("schema", version.schema.clone()),
                    ("examples", Json::Array(version.examples.clone())),
                ])
            });
            if is_whole {
                document.insert("versions", versions.collect::<Vec<Json>>());
            }
        }
    }
    document
}

impl From<CatalogueError> for Problem {
    fn from(error: CatalogueError) -> Self {
        let status = match &error {
            CatalogueError::Unknown => StatusCode::NOT_FOUND,
            CatalogueError::Incompatible { .. } | CatalogueError::Full { .. } => {
                StatusCode::CONFLICT
            }
            CatalogueError::Example { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            _ => {
                return match error {
                    CatalogueError::Hub(error) => {
                        syncline_hub::served::ServeError::from(error).into()
                    }
                    other => Self::new(other.code(), StatusCode::CONFLICT, other.to_string()),
                };
            }
        };
        let problem = Self::new(error.code(), status, error.to_string());
        match error {
            CatalogueError::Incompatible { findings } => {
                problem.with_member("findings", told_findings(&findings))
            }
            _ => problem,
        }
    }
}
