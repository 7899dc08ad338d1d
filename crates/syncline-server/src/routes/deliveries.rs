//! Deliveries of an endpoint, single ones, and those that were given up.

use std::sync::Arc;

use axum::http::StatusCode;
use syncline_domains::app::Request;
use syncline_engine::deliver::{DeadLetter, DeliveryState, Failure, Refusal as Refused, Sending};
use syncline_engine::rows::Key;
use syncline_hub::served::ServeError;
use syncline_hub::served::deliver::{DeadDelivery, DeliveryError, Parcel, Sought};
use syncline_model::id::{EndpointId, Position};
use syncline_model::json::{Json, Object};
use syncline_protocol::time::format_time;

use super::answer::{Answer, json};
use super::books::{page_beside_damage, time};
use super::endpoints::{delivered, id_of, now, position_of};
use crate::asked::Asked;
use crate::delivering::Unsent;
use crate::document::object;
use crate::limits::{BODY_SHOWN_BYTES_MAX, LIST_DEFAULT, LIST_MAX};
use crate::problem::{Problem, Refusal};

/// The list whose places are sealed.
const LIST: &str = "dead-deliveries";

/// Lists deliveries of one endpoint, the latest first.
pub(super) async fn list(asked: Asked) -> Answer {
    let id = id_of(&asked)?;
    let limit = asked.query.number("limit", 1..=LIST_MAX)?.unwrap_or(LIST_DEFAULT);
    let before = asked.query.number("before", 0..=i64::MAX.unsigned_abs())?.map(Position);
    let sought = sought(&asked)?;
    let served = asked.desk.served.clone();
    let read = move || match served.has_endpoint(&id)? {
        true => served.deliveries(&id, &sought, before, limit).map(Some),
        false => Ok(None),
    };
    let found = asked.blocking(read).await??.ok_or(Refusal::EndpointUnknown)?;
    let rows = found.found.iter().map(|(position, delivery)| delivered(*position, delivery));
    let damaged = found.damaged.iter().map(|position| Json::from(position.0)).collect();
    let next = found.next.map(|next| next.0.to_string());
    page_beside_damage(("deliveries", rows.collect()), damaged, next)
}

fn sought(asked: &Asked) -> Result<Sought, Problem> {
    let states = asked.query.text("state").into_iter().flat_map(|text| text.split(','));
    let states: Option<_> = states.map(DeliveryState::from_word).collect();
    let refused = || {
        let words = DeliveryState::ALL.map(DeliveryState::as_str).join(", ");
        Refusal::QueryInvalid.because(format!("state is one of {words}, or several with commas"))
    };
    let (from_ms, to_ms) = (time(asked, "from")?, time(asked, "to")?);
    Ok(Sought { states: states.ok_or_else(refused)?, from_ms, to_ms })
}

/// Shows what became of one event at one endpoint, and how it would be sent now.
pub(super) async fn one(asked: Asked) -> Answer {
    let (id, position) = (id_of(&asked)?, position_of(&asked)?);
    let shows_body = asked.query.flag("body")?;
    let endpoint = now(&asked, id.clone()).await?;
    let (desk, of) = (asked.desk.clone(), id.clone());
    let read = move || {
        let delivery = desk.served.delivery(&of, position)?;
        // What became of it is told, whether what it says can be read or not.
        let content = match desk.served.delivery_data(&of, position) {
            Ok(content) => Ok(content),
            Err(error) => Err(error.damaged_table().ok_or(error)?),
        };
        Ok::<_, ServeError>((delivery, content))
    };
    let (found, content) = asked.blocking(read).await??;
    let unknown = || Problem::from(DeliveryError::from(Refused::DeliveryUnknown));
    let delivery = found.ok_or_else(unknown)?;
    let mut document = delivered(position, &delivery);
    let url = &endpoint.row.settings.url;
    if let (Err(table), Json::Object(document)) = (&content, &mut document) {
        let why = format!("a row in `{table}`, of which it is made, cannot be read");
        let made = Err(Unsent::Failed(Failure::Internal, why));
        document.insert("request", request(url, made, shows_body));
    }
    if let (Ok(Some(content)), Json::Object(document)) = (content, &mut document) {
        let is_over = delivery.state.is_final();
        let sending = Sending {
            endpoint: id,
            made: 0,
            event: delivery.event_ref(position),
            // Of one that is over, as its last one was.
            attempt: delivery.tries.saturating_add(u32::from(!is_over)).max(1),
            is_replay: delivery.is_replay(),
        };
        let row = endpoint.row.clone();
        let parcel = Parcel { sending, endpoint: row, content: Ok(Arc::new(content)) };
        let made = asked.desk.delivering.preview(&parcel).await;
        document.insert("request", request(url, made, shows_body));
    }
    json(StatusCode::OK, &document)
}

/// Describes a request without what proves who has sent it: whoever had that could send it, too.
fn request(url: &str, made: Result<Request, Unsent>, shows_body: bool) -> Object {
    let mut document = Object::new();
    document.insert("method", "POST");
    document.insert("url", url);
    let made = match made {
        Ok(made) => made,
        Err(Unsent::LeftOut) => {
            document.insert("reason", "left_out");
            document.insert("why", "the filter of the endpoint leaves the event out");
            return document;
        }
        Err(Unsent::Failed(failure, why)) => {
            document.insert("reason", failure.code());
            if !why.is_empty() {
                document.insert("why", why);
            }
            return document;
        }
    };
    let mut headers = Object::new();
    for (name, value) in made.headers.iter() {
        let value = match name {
            "webhook-signature" => {
                let versions = value.split(' ').filter_map(|one| one.split_once(','));
                versions.map(|(version, _)| format!("{version},…")).collect::<Vec<_>>().join(" ")
            }
            name if name.contains("signature") => "…".to_owned(),
            _ => value.to_owned(),
        };
        headers.insert(name, value);
    }
    document.insert("headers", headers);
    document.insert("bodyBytes", made.body.len() as u64);
    if shows_body {
        let body = String::from_utf8_lossy(&made.body);
        let end = body.floor_char_boundary(BODY_SHOWN_BYTES_MAX);
        document.insert("body", body.get(..end).unwrap_or_default());
    }
    document
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
    let (found, next) = asked.blocking(read).await??;
    let next = match next {
        Some(Key::DeadLetter { endpoint, position }) => {
            Some(asked.next(LIST, &[endpoint.as_str(), &position.0.to_string()]))
        }
        _ => None,
    };
    let told = found.iter().filter_map(|dead| Some(described(dead, dead.letter.as_ref()?)));
    let damaged = found.iter().filter(|dead| dead.letter.is_none()).map(|dead| {
        object([("endpoint", dead.endpoint.as_str().into()), ("sequence", dead.position.0.into())])
    });
    page_beside_damage(("dead", told.collect()), damaged.collect(), next)
}

fn described(dead: &DeadDelivery, letter: &DeadLetter) -> Json {
    let mut document = Object::new();
    document.insert("endpoint", dead.endpoint.as_str());
    document.insert("sequence", dead.position.0);
    document.insert("type", letter.event_type.as_str());
    document.insert("at", format_time(letter.at_ms));
    document.insert("reason", &*letter.code);
    if dead.damaged.is_some() {
        document.insert("damaged", true);
    }
    if let Some(delivery) = &dead.delivery {
        document.insert("event", delivery.event.as_str());
        document.insert("resourceType", delivery.entity.as_str());
        document.insert("resourceId", delivery.id.as_str());
        document.insert("tries", u64::from(delivery.tries));
    }
    document.into()
}
