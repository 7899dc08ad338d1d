//! Endpoints: where events are delivered to, how that goes, and what became of each.

use std::sync::Arc;

use axum::http::StatusCode;
use syncline_domains::app::Target;
use syncline_engine::deliver::{
    AttemptResult, Delivery, EndpointRow, EventRef, Filter, Outcome, Refusal as Refused,
    SecretKind, StoredSecret,
};
use syncline_hub::served::deliver::{Content, DeliveryError, EndpointNow};
use syncline_model::id::{EndpointId, EventType, Position};
use syncline_model::json::{Json, Object};
use syncline_protocol::time::format_time;

use super::answer::{Answer, json, json_text, nothing, replayed};
use super::books::page;
use super::conflicts::actor;
use super::endpoint_form::{
    changed, described, invalid, new_secret, number, only, secrets_of, settings_of, text, unfit,
};
use super::once::Key;
use crate::access::{now_ms, random_id};
use crate::asked::Asked;
use crate::document::{object, texts};
use crate::limits::{LIST_DEFAULT, LIST_MAX, SECRET_OVERLAP_MS, SECRET_OVERLAP_MS_MAX};
use crate::problem::{Problem, Refusal};
use crate::transforming::{applied, filter_of, seen, transformation_of, transformed};

/// The list whose places are sealed.
const LIST: &str = "endpoints";

/// Lists the endpoints by id, and how each does.
pub(super) async fn list(asked: Asked) -> Answer {
    let limit = asked.query.number("limit", 1..=LIST_MAX)?.unwrap_or(LIST_DEFAULT);
    let after = asked.place(LIST, |[id]| EndpointId::new(&id).ok())?;
    let desk = asked.desk.clone();
    // One more says whether there are more.
    let read =
        move || desk.delivering.look(|all| Ok(all.endpoints_behind(after.as_ref(), limit + 1)));
    let endpoints = asked.blocking(read).await??;
    let shown = endpoints.get(..limit).unwrap_or(&endpoints);
    let last = shown.last().filter(|_| endpoints.len() > limit);
    let next = last.map(|last| asked.next(LIST, &[last.id.as_str()]));
    page("endpoints", shown.iter().map(|one| described(one).into()).collect(), next)
}

/// Shows one.
pub(super) async fn get(asked: Asked) -> Answer {
    json(StatusCode::OK, &described(&now(&asked, id_of(&asked)?).await?).into())
}

pub(super) async fn now(asked: &Asked, id: EndpointId) -> Result<EndpointNow, Problem> {
    found(asked, id).await?.ok_or_else(|| Refusal::EndpointUnknown.into())
}

async fn found(asked: &Asked, id: EndpointId) -> Result<Option<EndpointNow>, Problem> {
    let desk = asked.desk.clone();
    let read = move || desk.delivering.look(|deliveries| Ok(deliveries.endpoint(&id)));
    Ok(asked.blocking(read).await??)
}

/// Makes one. Its secrets are shown in the answer, and never again.
///
/// Asked for twice, under one id or with one `Idempotency-Key`, it is made once.
pub(super) async fn make(mut asked: Asked) -> Answer {
    let mut body = asked.object().await?;
    let now_ms = now_ms();
    let key = Key::of_object(&asked, &body).await?;
    let (id, is_of_key) = match (body.remove("id"), &key) {
        (Some(id), _) => (text(&id, "id")?.to_owned(), false),
        (None, Some(key)) => (key.record().to_owned(), true),
        (None, None) => (random_id().ok_or(Refusal::ServerFault)?, false),
    };
    let id = EndpointId::new(&id).map_err(|error| invalid(error.to_string()))?;
    let was_used = key.as_ref().is_some_and(|key| key.was_used(&asked));
    // It was made, and somebody has removed it since.
    if was_used && found(&asked, id.clone()).await?.is_none() {
        return Err(Refusal::IdempotencyKeySpent.into());
    }
    let settings = settings_of(&body)?;
    require_reachable(&asked, &settings.url)?;
    let given = secrets_of(&body)?;
    let secrets = match &given {
        Some(secrets) => secrets.clone(),
        None => vec![new_secret(now_ms)?],
    };
    let row = EndpointRow { created_ms: now_ms, is_removed: false, settings, secrets };
    let (desk, actor, of, made) = (asked.desk.clone(), actor(&asked)?, id.clone(), row.clone());
    let kept = key.as_ref().map(Key::kept);
    let make = move || desk.delivering.with(|all| all.create_once(now_ms, &of, made, &actor, kept));
    let is_new = match asked.blocking(make).await? {
        Ok(()) => true,
        Err(DeliveryError::Exists) => false,
        Err(error) => return Err(error.into()),
    };
    let now = now(&asked, id).await?;
    if !is_new && !is_as_asked(&now.row, &row, given.is_some()) {
        return Err(DeliveryError::Exists.into());
    }
    match &key {
        Some(key) if is_new => key.done(&asked),
        Some(key) if !was_used => key.done_for_good(&asked).await?,
        _ => {}
    }
    let mut document = described(&now);
    // Who made it with a key, which is of one token, and lost the answer has no other way to learn the secret.
    if is_new || is_of_key {
        let counts = |secret: &&StoredSecret| secret.until_ms.is_none_or(|until| until > now_ms);
        document.insert("secrets", texts(now.row.secrets.iter().filter(counts).map(|s| &*s.text)));
    }
    match (is_new, key.is_some()) {
        (true, _) => json(StatusCode::CREATED, &document.into()),
        (false, true) => Ok(replayed(json(StatusCode::CREATED, &document.into())?)),
        (false, false) => json(StatusCode::OK, &document.into()),
    }
}

/// Refuses an address that nothing would ever be sent to. Where a name leads is looked at when something is sent.
fn require_reachable(asked: &Asked, url: &str) -> Result<(), Problem> {
    let target = Target::parse(url).map_err(|error| unfit(error.code(), &error))?;
    let reached = asked.desk.delivering.check_target(&target);
    reached.map_err(|refusal| unfit(refusal.code(), &refusal))
}

/// Returns whether an endpoint is what is asked for.
fn is_as_asked(known: &EndpointRow, asked: &EndpointRow, has_secrets: bool) -> bool {
    let same = |one: &StoredSecret, other: &StoredSecret| {
        (one.kind, &one.text, one.until_ms) == (other.kind, &other.text, other.until_ms)
    };
    let has_same_secrets = known.secrets.len() == asked.secrets.len()
        && known.secrets.iter().zip(&asked.secrets).all(|(one, other)| same(one, other));
    known.settings == asked.settings && (!has_secrets || has_same_secrets)
}

/// Changes what is settled of one. What it has had and has still to get stays as it is.
pub(super) async fn change(mut asked: Asked) -> Answer {
    let id = id_of(&asked)?;
    let body = asked.object().await?;
    let secrets = secrets_of(&body)?;
    let before = now(&asked, id.clone()).await?;
    // What cannot be meant is told before anything is asked of the hub.
    let meant = changed(&body, before.row.settings.clone())?;
    if meant.url != before.row.settings.url {
        require_reachable(&asked, &meant.url)?;
    }
    let (desk, actor, of) = (asked.desk.clone(), actor(&asked)?, id.clone());
    let change = move || {
        desk.delivering.with(|all| {
            let unknown = || DeliveryError::from(Refused::EndpointUnknown);
            // Of two who change it at once each changes what it names.
            let mut row = EndpointRow::clone(&all.endpoint(&of).ok_or_else(unknown)?.row);
            match changed(&body, row.settings.clone()) {
                Ok(settings) => row.settings = settings,
                Err(problem) => return Ok(Some(problem)),
            }
            row.secrets = secrets.unwrap_or(row.secrets);
            all.replace(now_ms(), &of, row, &actor).map(|()| None)
        })
    };
    if let Some(problem) = asked.blocking(change).await?? {
        return Err(problem);
    }
    json(StatusCode::OK, &described(&now(&asked, id).await?).into())
}

/// Removes one, with what is known of its deliveries.
pub(super) async fn remove(asked: Asked) -> Answer {
    let (desk, actor, id) = (asked.desk.clone(), actor(&asked)?, id_of(&asked)?);
    let remove = move || desk.delivering.with(|all| all.remove(&id, &actor));
    asked.blocking(remove).await??;
    nothing()
}

/// Sends nothing more to one until somebody enables it.
pub(super) async fn disable(asked: Asked) -> Answer {
    let (desk, actor, id) = (asked.desk.clone(), actor(&asked)?, id_of(&asked)?);
    let of = id.clone();
    let disable = move || desk.delivering.with(|all| all.disable(now_ms(), &of, &actor));
    asked.blocking(disable).await??;
    json(StatusCode::OK, &described(&now(&asked, id).await?).into())
}

/// Sends one a test, and says what came of it.
pub(super) async fn test(asked: Asked) -> Answer {
    let endpoint = now(&asked, id_of(&asked)?).await?;
    let report = asked.desk.delivering.test(&endpoint).await;
    let (desk, outcome, id) = (asked.desk.clone(), report.outcome, endpoint.id.clone());
    let note = move || desk.delivering.with(|all| all.tested(now_ms(), &id, outcome));
    asked.blocking(note).await??;
    let mut document = Object::new();
    document.insert("durationMs", u64::from(report.duration_ms));
    document.insert("reached", outcome.is_judged());
    match outcome {
        Outcome::Answered { status, .. } => {
            document.insert("delivered", (200..300).contains(&status));
            document.insert("status", u64::from(status));
        }
        // A test has no filter.
        Outcome::LeftOut => drop(document.insert("delivered", false)),
        Outcome::Failed(failure) => {
            document.insert("delivered", false);
            document.insert("reason", failure.code());
        }
    }
    if !report.excerpt.is_empty() {
        document.insert("answer", &*report.excerpt);
    }
    json(StatusCode::OK, &Json::Object(document))
}

/// Enables one again that a test has reached. What came meanwhile is delivered, or left out.
pub(super) async fn enable(mut asked: Asked) -> Answer {
    let id = id_of(&asked)?;
    let body = asked.object().await?;
    only(&body, "enabling", &["backlog"])?;
    let skips_backlog = match body.get("backlog").map(Json::as_str) {
        None | Some(Some("deliver")) => false,
        Some(Some("skip")) => true,
        _ => return Err(invalid("backlog is deliver or skip")),
    };
    let (desk, actor, of) = (asked.desk.clone(), actor(&asked)?, id.clone());
    let enable =
        move || desk.delivering.with(|all| all.enable(now_ms(), &of, skips_backlog, &actor));
    asked.blocking(enable).await??;
    json(StatusCode::OK, &described(&now(&asked, id).await?).into())
}

/// Gives one a new secret of Standard Webhooks. Those before it sign as well for a while, so that no receiver
/// meets a delivery that it cannot verify.
pub(super) async fn rotate(mut asked: Asked) -> Answer {
    let id = id_of(&asked)?;
    let body = asked.object().await?;
    only(&body, "a rotation", &["overlapMs"])?;
    let overlap_ms = number::<u64>(&body, "overlapMs")?.unwrap_or(SECRET_OVERLAP_MS);
    if overlap_ms > SECRET_OVERLAP_MS_MAX {
        return Err(invalid(format!("overlapMs is at most {SECRET_OVERLAP_MS_MAX}")));
    }
    let now_ms = now_ms();
    let ends_at = now_ms.saturating_add(overlap_ms);
    let secret = new_secret(now_ms)?;
    let shown = secret.text.to_string();
    let (desk, actor) = (asked.desk.clone(), actor(&asked)?);
    // Of two who do so at once the second leaves the first one's secret in.
    let rotate = move || {
        desk.delivering.with(|all| {
            let unknown = || DeliveryError::from(Refused::EndpointUnknown);
            let mut row = EndpointRow::clone(&all.endpoint(&id).ok_or_else(unknown)?.row);
            // Those that have ended are of no more use.
            row.secrets.retain(|secret| secret.until_ms.is_none_or(|until_ms| until_ms > now_ms));
            for secret in row.secrets.iter_mut().filter(|secret| secret.kind == SecretKind::Hmac) {
                let until_ms = secret.until_ms.map_or(ends_at, |until_ms| until_ms.min(ends_at));
                secret.until_ms = Some(until_ms);
            }
            row.secrets.push(secret);
            all.replace(now_ms, &id, row, &actor)
        })
    };
    asked.blocking(rotate).await??;
    let document =
        object([("secret", shown.into()), ("formerEndsAt", format_time(ends_at).into())]);
    json(StatusCode::OK, &document)
}

/// Lists what an operator should know of the deliveries, the latest first.
pub(super) async fn notices(asked: Asked) -> Answer {
    let limit = asked.query.number("limit", 1..=LIST_MAX)?.unwrap_or(LIST_DEFAULT);
    let before = asked.query.number("before", 0..=i64::MAX.unsigned_abs())?;
    let found = asked.desk.delivering.notices().latest(before, limit);
    let next = found.last().filter(|_| found.len() == limit).map(|(number, _)| number.to_string());
    let rows = found.iter().map(|(number, noticed)| {
        let mut document = Object::new();
        document.insert("number", *number);
        document.insert("at", format_time(noticed.at_ms));
        noticed.document().iter().for_each(|(name, value)| {
            document.insert(name, value.clone());
        });
        Json::Object(document)
    });
    page("notices", rows.collect(), next)
}

/// Says what the event of a delivery says, for a receiver that was not sent all of it.
pub(super) async fn data(asked: Asked) -> Answer {
    let (served, id) = (asked.desk.served.clone(), id_of(&asked)?);
    let (position, of) = (position_of(&asked)?, id.clone());
    let read = move || served.delivery_data(&id, position);
    let found = asked.blocking(read).await??;
    let content =
        found.ok_or_else(|| Problem::from(DeliveryError::from(Refused::DeliveryUnknown)))?;
    // Who is sent less than all of it is told no more here.
    let data = match transformation_of(&now(&asked, of).await?.row.settings) {
        None => content.data,
        Some(transformation) => {
            let event = event_at(&asked, position).await?;
            let (event, content) = event.ok_or_else(delivery_unknown)?;
            let transformation = transformation.map_err(|error| unfit(error.code(), &error))?;
            let made = transformed(
                asked.desk.delivering.source(),
                &transformation,
                &event,
                &Arc::new(content),
            )
            .await;
            made.map_err(|why| unfit(why.code(), &why))?.data
        }
    };
    json_text(StatusCode::OK, format!("{{\"data\":{data}}}"))
}

fn delivery_unknown() -> Problem {
    DeliveryError::from(Refused::DeliveryUnknown).into()
}

/// Returns the event at a place of the log, if there is one.
async fn event_at(
    asked: &Asked,
    position: Position,
) -> Result<Option<(Arc<EventRef>, Content)>, Problem> {
    let before = Position(position.0.saturating_sub(1));
    let served = asked.desk.served.clone();
    let read = move || served.events_told(before, &Filter::all(), 1);
    let told = asked.blocking(read).await??;
    Ok(told.events.into_iter().next().filter(|(event, _)| event.position == position))
}

/// Tells whether an event is chosen and what a transformation makes of it, without sending anything.
pub(super) async fn preview(mut asked: Asked) -> Answer {
    let endpoint = now(&asked, id_of(&asked)?).await?;
    let mut body = asked.object().await?;
    if body.keys().any(|name| !["filter", "transformation", "sequence", "event"].contains(&name)) {
        return Err(invalid("a preview has the members filter, transformation, sequence, event"));
    }
    let mut settings = endpoint.row.settings.clone();
    if let Some(source) = body.get("transformation") {
        settings.transformation = Some(text(source, "transformation")?.into());
    }
    if let Some(source) = body.get("filter") {
        settings.condition = Some(text(source, "filter")?.into());
    }
    settings.check().map_err(|error| unfit(error.code(), &error))?;
    let filter = filter_of(&settings).transpose();
    let filter = filter.map_err(|error| unfit(error.code(), &error))?;
    let transformation = transformation_of(&settings).transpose();
    let transformation = transformation.map_err(|error| unfit(error.code(), &error))?;
    let hub = asked.desk.delivering.source();
    let sequence = number::<u64>(&body, "sequence")?;
    let event = match (sequence, body.remove("event")) {
        (Some(sequence), None) => {
            let found = event_at(&asked, Position(sequence)).await?;
            let (event, content) = found.ok_or_else(delivery_unknown)?;
            seen(&event, &content)
        }
        (None, Some(event @ Json::Object(_))) => event,
        _ => return Err(invalid("say sequence, the place of an event in the log, or event")),
    };
    let event_type = event.as_object().and_then(|event| event.get("type")).and_then(Json::as_str);
    let event_type = event_type.and_then(|named| EventType::new(named).ok());
    let mut is_chosen = event_type.is_none_or(|named| settings.filter.matches(&named));
    if let Some(filter) = filter.filter(|_| is_chosen) {
        let event = event.clone();
        let chosen = crate::transforming::is_chosen(hub, &filter, move || event).await;
        is_chosen = chosen.map_err(|why| unfit(why.code(), &why))?;
    }
    if !is_chosen {
        return json(StatusCode::OK, &object([("chosen", false.into())]));
    }
    let data = match transformation {
        None => {
            event.as_object().and_then(|event| event.get("data")).cloned().unwrap_or(Json::Null)
        }
        Some(transformation) => {
            let made = applied(hub, &transformation, move || event).await;
            made.map_err(|why| unfit(why.code(), &why))?
        }
    };
    json(StatusCode::OK, &object([("chosen", true.into()), ("data", data)]))
}

/// Tries a delivery that waits for its time at once.
pub(super) async fn retry(asked: Asked) -> Answer {
    let (desk, actor, id) = (asked.desk.clone(), actor(&asked)?, id_of(&asked)?);
    let position = asked.param("position").parse().map(Position);
    let position = position.map_err(|_| Refusal::QueryInvalid.because("a position is a number"))?;
    let retry = move || desk.delivering.with(|all| all.retry(now_ms(), &id, position, &actor));
    asked.blocking(retry).await??;
    nothing()
}

pub(super) fn id_of(asked: &Asked) -> Result<EndpointId, Problem> {
    EndpointId::new(asked.param("endpoint")).map_err(|_| Refusal::EndpointUnknown.into())
}

pub(super) fn position_of(asked: &Asked) -> Result<Position, Problem> {
    let position = asked.param("position").parse().map(Position);
    position.map_err(|_| Refusal::QueryInvalid.because("a position is a number"))
}

/// Describes what became of an event.
pub(super) fn delivered(position: Position, delivery: &Delivery) -> Json {
    let mut document = Object::new();
    document.insert("sequence", position.0);
    document.insert("event", delivery.event.as_str());
    document.insert("type", delivery.event_type.as_str());
    document.insert("resourceType", delivery.entity.as_str());
    document.insert("resourceId", delivery.id.as_str());
    document.insert("state", delivery.state.as_str());
    document.insert("created", format_time(delivery.created_ms));
    document.insert("bytes", u64::from(delivery.bytes));
    document.insert("tries", u64::from(delivery.tries));
    document.insert("replays", u64::from(delivery.replays));
    if let Some(since_ms) = delivery.failing_since_ms {
        document.insert("failingSince", format_time(since_ms));
    }
    if let Some(due_ms) = delivery.due_ms {
        document.insert("nextAt", format_time(due_ms));
    }
    let attempts = delivery.attempts.iter().map(|attempt| {
        let mut document = Object::new();
        document.insert("at", format_time(attempt.at_ms));
        document.insert("durationMs", u64::from(attempt.duration_ms));
        let result = match attempt.result {
            AttemptResult::Unknown => "unknown",
            AttemptResult::Delivered => "delivered",
            AttemptResult::Failed => "failed",
        };
        document.insert("result", result);
        if let Some(status) = attempt.status {
            document.insert("status", u64::from(status));
        }
        if !attempt.code.is_empty() {
            document.insert("reason", &*attempt.code);
        }
        if !attempt.excerpt.is_empty() {
            document.insert("answer", &*attempt.excerpt);
        }
        Json::Object(document)
    });
    document.insert("attempts", attempts.collect::<Vec<Json>>());
    Json::Object(document)
}

impl From<DeliveryError> for Problem {
    fn from(error: DeliveryError) -> Self {
        let status = match error {
            DeliveryError::Serve(error) => return error.into(),
            DeliveryError::Exists | DeliveryError::Removing => StatusCode::CONFLICT,
            _ => match error.code() {
                "ENDPOINT_UNKNOWN" | "DELIVERY_UNKNOWN" | "REPLAY_UNKNOWN" => StatusCode::NOT_FOUND,
                "ENDPOINT_INVALID" => StatusCode::UNPROCESSABLE_ENTITY,
                _ => StatusCode::CONFLICT,
            },
        };
        Self::new(error.code(), status, error.to_string())
    }
}
