//! Single deliveries, and those that were given up.

use axum::http::StatusCode;
use syncline_engine::deliver::Refusal as Refused;
use syncline_engine::rows::Key;
use syncline_hub::served::deliver::{DeadDelivery, DeliveryError};
use syncline_model::id::{EndpointId, Position};
use syncline_model::json::{Json, Object};
use syncline_protocol::time::format_time;

use super::answer::{Answer, json};
use super::books::page;
use super::endpoints::{delivered, id_of, now, position_of};
use crate::asked::Asked;
use crate::limits::{LIST_DEFAULT, LIST_MAX};
use crate::problem::{Problem, Refusal};

/// The list whose places are sealed.
const LIST: &str = "dead-deliveries";

/// Shows what became of one event at one endpoint.
pub(super) async fn one(asked: Asked) -> Answer {
    let (id, position) = (id_of(&asked)?, position_of(&asked)?);
    now(&asked, id.clone()).await?;
    let served = asked.desk.served.clone();
    let found = asked.state.blocking(move || served.delivery(&id, position)).await??;
    let unknown = || Problem::from(DeliveryError::from(Refused::DeliveryUnknown));
    json(StatusCode::OK, &delivered(position, &found.ok_or_else(unknown)?))
}

/// Lists deliveries that were given up, by endpoint and in the order of the log.
pub(super) async fn dead(asked: Asked) -> Answer {
    let limit = asked.query.number("limit", 1..=LIST_MAX)?.unwrap_or(LIST_DEFAULT);
    let endpoint = asked.query.text("endpoint").map(EndpointId::new).transpose();
    let endpoint = endpoint.map_err(|error| Refusal::QueryInvalid.because(error.to_string()))?;
    if let Some(endpoint) = endpoint.clone() {
        now(&asked, endpoint).await?;
    }
    let after = asked.place(LIST, |[endpoint, position]| {
        let endpoint = EndpointId::new(&endpoint).ok()?;
        Some(Key::DeadLetter { endpoint, position: Position(position.parse().ok()?) })
    })?;
    let served = asked.desk.served.clone();
    let read = move || served.dead_deliveries(endpoint.as_ref(), after.as_ref(), limit);
    let (found, next) = asked.state.blocking(read).await??;
    let next = match next {
        Some(Key::DeadLetter { endpoint, position }) => {
            Some(asked.next(LIST, &[endpoint.as_str(), &position.0.to_string()]))
        }
        _ => None,
    };
    page("dead", found.iter().map(described).collect(), next)
}

fn described(dead: &DeadDelivery) -> Json {
    let mut document = Object::new();
    document.insert("endpoint", dead.endpoint.as_str());
    document.insert("sequence", dead.position.0);
    document.insert("type", dead.letter.event_type.as_str());
    document.insert("at", format_time(dead.letter.at_ms));
    document.insert("reason", &*dead.letter.code);
    if let Some(delivery) = &dead.delivery {
        document.insert("event", delivery.event.as_str());
        document.insert("resourceType", delivery.entity.as_str());
        document.insert("resourceId", delivery.id.as_str());
        document.insert("tries", u64::from(delivery.tries));
    }
    document.into()
}
