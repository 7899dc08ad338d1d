//! What a person who decides conflicts works with.

use axum::http::StatusCode;
use syncline_hub::Choice;
use syncline_hub::limits::CONFLICTS_AT_ONCE_MAX;
use syncline_hub::served::Together;
use syncline_merge::display::Fields;
use syncline_model::json::fields::unflatten;
use syncline_model::json::{Json, Object};

use super::answer::{Answer, json};
use super::conflicts::{actor, choice, described};
use crate::access::now_ms;
use crate::asked::Asked;
use crate::document::object;
use crate::problem::{Problem, Refusal};

/// Shows what the record would be after each decision that a conflict offers.
pub(super) async fn offers(asked: Asked) -> Answer {
    let (served, id) = (asked.desk.served.clone(), asked.param("conflict").to_owned());
    let sight = asked.sight();
    let read = asked.blocking(move || served.offers(&sight, &id, now_ms()));
    let (row, offers) = read.await??;
    let offers = offers.into_iter().map(|offer| {
        object([("choice", said(&offer.choice).into()), ("record", shown(offer.record))])
    });
    let document =
        object([("conflict", row.conflict_id().into()), ("offers", Json::Array(offers.collect()))]);
    json(StatusCode::OK, &document)
}

/// Shows what the record would be after a decision of one's own.
pub(super) async fn foresee(mut asked: Asked) -> Answer {
    let choice = choice(&asked.object().await?)?;
    let (served, id) = (asked.desk.served.clone(), asked.param("conflict").to_owned());
    let (told, choice) = (said(&choice), choice);
    let sight = asked.sight();
    let read = move || {
        let row = served.conflict_for(&sight, &id)?;
        served.foresee(&sight, &row, &choice, now_ms())
    };
    let record = asked.blocking(read).await??;
    json(StatusCode::OK, &object([("choice", told.into()), ("record", shown(record))]))
}

/// Lists the open conflicts that are about the same.
pub(super) async fn alike(asked: Asked) -> Answer {
    let (served, id) = (asked.desk.served.clone(), asked.param("conflict").to_owned());
    let sight = asked.sight();
    let rows = asked.blocking(move || served.alike(&sight, &id)).await??;
    listed(described(&asked, rows).await?)
}

/// Puts a conflict aside.
pub(super) async fn skip(asked: Asked) -> Answer {
    let (served, id, actor) =
        (asked.desk.served.clone(), asked.param("conflict").to_owned(), actor(&asked)?);
    let sight = asked.sight();
    let row = asked.blocking(move || served.skip(&sight, &id, actor)).await??;
    let mut described = described(&asked, vec![row]).await?;
    let document = described.pop().ok_or(Refusal::ServerFault)?;
    json(StatusCode::OK, &document.into())
}

/// Decides several conflicts alike, all or none.
pub(super) async fn together(mut asked: Asked) -> Answer {
    let body = asked.object().await?;
    let (together, choice) = read_together(&body)?;
    let (served, actor) = (asked.desk.served.clone(), actor(&asked)?);
    let sight = asked.sight();
    let decide = move || served.resolve_together(&sight, &together, choice, actor);
    let rows = asked.blocking(decide).await??;
    listed(described(&asked, rows).await?)
}

fn read_together(body: &Object) -> Result<(Together, Choice), Problem> {
    let refused = || {
        let text =
            "{\"choice\":…} and one of \"like\": a conflict, and \"conflicts\": up to 100 of them";
        Refusal::BodyInvalid.because(text)
    };
    let id = |id: &Json| id.as_str().map(str::to_owned);
    let together = match (body.get("like"), body.get("conflicts"), body.len()) {
        (Some(like), None, 2) => Together::Like(id(like).ok_or_else(refused)?),
        (None, Some(Json::Array(ids)), 2) if ids.len() <= CONFLICTS_AT_ONCE_MAX => {
            Together::These(ids.iter().map(id).collect::<Option<_>>().ok_or_else(refused)?)
        }
        _ => return Err(refused()),
    };
    let said = body.get("choice").and_then(Json::as_object).ok_or_else(refused)?;
    Ok((together, choice(said)?))
}

fn listed(conflicts: Vec<Object>) -> Answer {
    let conflicts = conflicts.into_iter().map(Json::Object).collect();
    json(StatusCode::OK, &object([("conflicts", Json::Array(conflicts))]))
}

/// Returns a choice as it is sent.
fn said(choice: &Choice) -> Object {
    let mut said = Object::new();
    match choice {
        Choice::Writer(writer) => said.insert("take", writer.as_str()),
        Choice::Value(value) => {
            said.insert("value", value.as_ref().map_or(Json::Null, |value| value.to_json()))
        }
        Choice::Both { separator } => said.insert("both", separator.as_str()),
        Choice::Keep => said.insert("keep", true),
        Choice::Delete => said.insert("delete", true),
    };
    said
}

fn shown(record: Option<Fields>) -> Json {
    let record =
        record.and_then(|fields| unflatten(fields.iter().map(|(path, leaf)| (path, leaf))).ok());
    record.map_or(Json::Null, Json::Object)
}
