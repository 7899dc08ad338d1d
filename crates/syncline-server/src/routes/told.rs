//! Events for whoever asks for them: in the order of the log, with what endpoints are told.

use axum::http::StatusCode;
use syncline_engine::deliver::Filter;
use syncline_hub::served::deliver::Told;
use syncline_model::id::Position;
use syncline_model::json::{Json, Object, parse};
use syncline_protocol::time::format_time;

use super::answer::{Answer, json};
use crate::asked::{Asked, no_place};
use crate::document::object;
use crate::limits::{LIST_DEFAULT, LIST_MAX};
use crate::problem::Refusal;

/// The place behind everything that is there.
const LATEST: &str = "latest";

/// Lists events.
pub(super) async fn list(asked: Asked) -> Answer {
    let limit = asked.query.number("limit", 1..=LIST_MAX)?.unwrap_or(LIST_DEFAULT);
    let filter = match asked.query.text("types") {
        None => Filter::all(),
        Some(types) => Filter::new(types.split(','))
            .map_err(|error| Refusal::QueryInvalid.because(error.to_string()))?,
    };
    let served = asked.desk.served.clone();
    let after = match asked.query.text("cursor") {
        None => Position(0),
        Some(LATEST) => served.position(),
        Some(place) => {
            let position = place.parse().ok().filter(|at| *at < i64::MAX.unsigned_abs());
            Position(position.ok_or_else(no_place)?)
        }
    };
    let read = move || served.events_told(after, &filter, limit);
    let told = asked.blocking(read).await??;
    json(StatusCode::OK, &listed(&told))
}

fn listed(told: &Told) -> Json {
    let events = told.events.iter().map(|(event, content)| {
        let mut document = Object::new();
        document.insert("id", event.event.as_str());
        document.insert("type", event.event_type.as_str());
        document.insert("timestamp", format_time(event.created_ms));
        document.insert("data", parse(content.data.as_bytes()).unwrap_or(Json::Null));
        document.insert("resourceType", event.entity.as_str());
        document.insert("resourceId", event.id.as_str());
        document.insert("sequence", event.position.0);
        document.insert("origin", content.origin.as_str());
        Json::Object(document)
    });
    let events = Json::Array(events.collect());
    object([("events", events), ("next", told.read_to.0.to_string().into())])
}
