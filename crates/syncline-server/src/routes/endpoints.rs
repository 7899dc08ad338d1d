//! Endpoints: where events are delivered to, how that goes, and what became of each.

use axum::http::StatusCode;
use syncline_domains::app::Target;
use syncline_engine::deliver::{
    BreakerState, Delivery, EndpointRow, Filter, Outcome, Rate as SendRate, Refusal as Refused,
    Schedule, SecretKind, Settings, StoredSecret,
};
use syncline_hub::served::deliver::{DeliveryError, EndpointNow};
use syncline_model::id::{EndpointId, Position};
use syncline_model::json::{Json, Object};
use syncline_protocol::time::format_time;
use syncline_protocol::webhook::secret::{Secret, SecretKind as Kind};

use super::answer::{Answer, json, json_text, nothing};
use super::books::page;
use super::conflicts::actor;
use crate::access::{now_ms, random_id};
use crate::asked::Asked;
use crate::document::{object, texts};
use crate::limits::{LIST_DEFAULT, LIST_MAX, SECRET_OVERLAP_MS, SECRET_OVERLAP_MS_MAX};
use crate::problem::{Problem, Refusal};

/// What may be said of an endpoint.
const MEMBERS: [&str; 11] = [
    "id",
    "url",
    "description",
    "events",
    "preset",
    "secrets",
    "schedule",
    "timeoutMs",
    "inFlight",
    "perSecond",
    "disableAfterMs",
];

/// Lists all endpoints, and how each does.
pub(super) async fn list(asked: Asked) -> Answer {
    let desk = asked.desk.clone();
    let read = move || desk.delivering.with(|deliveries| Ok(deliveries.endpoints()));
    let endpoints = asked.state.blocking(read).await??;
    page("endpoints", endpoints.iter().map(described).collect(), None)
}

/// Shows one.
pub(super) async fn get(asked: Asked) -> Answer {
    json(StatusCode::OK, &described(&now(&asked, id_of(&asked)?).await?))
}

async fn now(asked: &Asked, id: EndpointId) -> Result<EndpointNow, Problem> {
    let desk = asked.desk.clone();
    let read = move || desk.delivering.with(|deliveries| Ok(deliveries.endpoint(&id)));
    asked.state.blocking(read).await??.ok_or_else(|| Refusal::EndpointUnknown.into())
}

/// Makes one. Its secrets are shown in the answer, and never again.
pub(super) async fn make(mut asked: Asked) -> Answer {
    let body = asked.object().await?;
    let now_ms = now_ms();
    let id = match body.get("id") {
        None => random_id().ok_or(Refusal::ServerFault)?,
        Some(id) => text(id, "id")?.to_owned(),
    };
    let id = EndpointId::new(&id).map_err(|error| invalid(error.to_string()))?;
    let settings = settings_of(&body)?;
    let secrets = secrets_of(&body, now_ms)?;
    let shown: Vec<String> = secrets.iter().map(|secret| secret.text.to_string()).collect();
    let row = EndpointRow { created_ms: now_ms, is_removed: false, settings, secrets };
    let (desk, actor, of) = (asked.desk.clone(), actor(&asked)?, id.clone());
    let make = move || desk.delivering.with(|all| all.create(now_ms, &of, row, &actor));
    asked.state.blocking(make).await??;
    let mut document = match described(&now(&asked, id).await?) {
        Json::Object(document) => document,
        _ => Object::new(),
    };
    document.insert("secrets", texts(shown));
    json(StatusCode::CREATED, &Json::Object(document))
}

/// Removes one, with what is known of its deliveries.
pub(super) async fn remove(asked: Asked) -> Answer {
    let (desk, actor, id) = (asked.desk.clone(), actor(&asked)?, id_of(&asked)?);
    let remove = move || desk.delivering.with(|all| all.remove(&id, &actor));
    asked.state.blocking(remove).await??;
    nothing()
}

/// Sends nothing more to one until somebody enables it.
pub(super) async fn disable(asked: Asked) -> Answer {
    let (desk, actor, id) = (asked.desk.clone(), actor(&asked)?, id_of(&asked)?);
    let of = id.clone();
    let disable = move || desk.delivering.with(|all| all.disable(now_ms(), &of, &actor));
    asked.state.blocking(disable).await??;
    json(StatusCode::OK, &described(&now(&asked, id).await?))
}

/// Sends one a test, and says what came of it.
pub(super) async fn test(asked: Asked) -> Answer {
    let endpoint = now(&asked, id_of(&asked)?).await?;
    let report = asked.desk.delivering.test(&endpoint).await;
    let (desk, outcome, id) = (asked.desk.clone(), report.outcome, endpoint.id.clone());
    let note = move || desk.delivering.with(|all| all.tested(now_ms(), &id, outcome));
    asked.state.blocking(note).await??;
    let mut document = Object::new();
    document.insert("durationMs", u64::from(report.duration_ms));
    match outcome {
        Outcome::Answered { status, .. } => {
            document.insert("delivered", (200..300).contains(&status));
            document.insert("status", u64::from(status));
        }
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
    let skips_backlog = match body.get("backlog").map(Json::as_str) {
        None | Some(Some("deliver")) => false,
        Some(Some("skip")) => true,
        _ => return Err(invalid("backlog is deliver or skip")),
    };
    let (desk, actor, of) = (asked.desk.clone(), actor(&asked)?, id.clone());
    let enable =
        move || desk.delivering.with(|all| all.enable(now_ms(), &of, skips_backlog, &actor));
    asked.state.blocking(enable).await??;
    json(StatusCode::OK, &described(&now(&asked, id).await?))
}

/// Gives one a new secret of Standard Webhooks. Those before it sign as well for a while, so that no receiver
/// meets a delivery that it cannot verify.
pub(super) async fn rotate(mut asked: Asked) -> Answer {
    let id = id_of(&asked)?;
    let body = asked.object().await?;
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
    asked.state.blocking(rotate).await??;
    let document =
        object([("secret", shown.into()), ("formerEndsAt", format_time(ends_at).into())]);
    json(StatusCode::OK, &document)
}

/// Lists deliveries of one endpoint, the latest first.
pub(super) async fn deliveries(asked: Asked) -> Answer {
    let id = id_of(&asked)?;
    let limit = asked.query.number("limit", 1..=LIST_MAX)?.unwrap_or(LIST_DEFAULT);
    let before = asked.query.number("before", 0..=i64::MAX.unsigned_abs())?.map(Position);
    now(&asked, id.clone()).await?;
    let desk = asked.desk.clone();
    let read = move || desk.delivering.with(|all| Ok(all.deliveries(&id, before, limit)?));
    let found = asked.state.blocking(read).await??;
    let next = found.last().filter(|_| found.len() == limit).map(|(position, _)| position.0);
    let rows = found.iter().map(|(position, delivery)| delivered(*position, delivery));
    page("deliveries", rows.collect(), next.map(|next| next.to_string()))
}

/// Says what the event of a delivery says, for a receiver that was not sent all of it.
pub(super) async fn data(asked: Asked) -> Answer {
    let (desk, id, position) = (asked.desk.clone(), id_of(&asked)?, position_of(&asked)?);
    let read = move || desk.delivering.with(|all| Ok(all.data(&id, position)?));
    let found = asked.state.blocking(read).await??;
    let content =
        found.ok_or_else(|| Problem::from(DeliveryError::from(Refused::DeliveryUnknown)))?;
    json_text(StatusCode::OK, format!("{{\"data\":{}}}", content.data))
}

/// Tries a delivery that waits for its time at once.
pub(super) async fn retry(asked: Asked) -> Answer {
    let (desk, actor, id) = (asked.desk.clone(), actor(&asked)?, id_of(&asked)?);
    let position = asked.param("position").parse().map(Position);
    let position = position.map_err(|_| Refusal::QueryInvalid.because("a position is a number"))?;
    let retry = move || desk.delivering.with(|all| all.retry(now_ms(), &id, position, &actor));
    asked.state.blocking(retry).await??;
    nothing()
}

fn id_of(asked: &Asked) -> Result<EndpointId, Problem> {
    EndpointId::new(asked.param("endpoint")).map_err(|_| Refusal::EndpointUnknown.into())
}

fn position_of(asked: &Asked) -> Result<Position, Problem> {
    let position = asked.param("position").parse().map(Position);
    position.map_err(|_| Refusal::QueryInvalid.because("a position is a number"))
}

fn invalid(text: impl Into<String>) -> Problem {
    Refusal::BodyInvalid.because(text.into())
}

/// Says why something that is well-formed cannot be meant.
fn unfit(code: &'static str, why: &dyn std::fmt::Display) -> Problem {
    Problem::new(code, StatusCode::UNPROCESSABLE_ENTITY, why.to_string())
}

fn text<'j>(value: &'j Json, name: &str) -> Result<&'j str, Problem> {
    value.as_str().ok_or_else(|| invalid(format!("{name} is a text")))
}

fn number<N: TryFrom<u64>>(body: &Object, name: &str) -> Result<Option<N>, Problem> {
    let Some(value) = body.get(name) else { return Ok(None) };
    let number = match value {
        Json::Number(number) => number.to_i64().and_then(|number| u64::try_from(number).ok()),
        _ => None,
    };
    let number = number.and_then(|number| N::try_from(number).ok());
    number.map(Some).ok_or_else(|| invalid(format!("{name} is a whole number")))
}

fn settings_of(body: &Object) -> Result<Settings, Problem> {
    if body.keys().any(|name| !MEMBERS.contains(&name)) {
        return Err(invalid(format!("an endpoint has the members {}", MEMBERS.join(", "))));
    }
    let url = text(body.get("url").ok_or_else(|| invalid("url is missing"))?, "url")?;
    Target::parse(url).map_err(|error| unfit(error.code(), &error))?;
    let mut settings = match body.get("preset") {
        None => Settings::new(url),
        Some(preset) if preset.as_str() == Some("anywheredoor") => Settings::anywheredoor(url),
        Some(_) => return Err(invalid("preset is anywheredoor")),
    };
    if let Some(description) = body.get("description") {
        settings.description = text(description, "description")?.into();
    }
    if let Some(events) = body.get("events") {
        let patterns = events.as_array().ok_or_else(|| invalid("events is a list of types"))?;
        let patterns: Result<Vec<&str>, _> =
            patterns.iter().map(|pattern| text(pattern, "a type of event")).collect();
        settings.filter = Filter::new(patterns?).map_err(|error| unfit(error.code(), &error))?;
    }
    if let Some(waits) = body.get("schedule") {
        let waits = waits.as_array().ok_or_else(|| invalid("schedule is a list of waits"))?;
        let wait = |wait: &Json| match wait {
            Json::Number(number) => number.to_i64().and_then(|ms| u64::try_from(ms).ok()),
            _ => None,
        };
        let waits: Option<Vec<u64>> = waits.iter().map(wait).collect();
        let waits = waits.ok_or_else(|| invalid("a wait is milliseconds, a whole number"))?;
        settings.schedule = Schedule::new(&waits).map_err(|error| unfit(error.code(), &error))?;
    }
    if let Some(timeout_ms) = number(body, "timeoutMs")? {
        settings.timeout_ms = timeout_ms;
    }
    let nonzero = |number: u32, name: &str| {
        std::num::NonZeroU32::new(number).ok_or_else(|| invalid(format!("{name} is at least 1")))
    };
    if let Some(in_flight) = number::<u32>(body, "inFlight")? {
        settings.in_flight_max = nonzero(in_flight, "inFlight")?;
    }
    if let Some(per_second) = number::<u32>(body, "perSecond")? {
        let per_second = nonzero(per_second, "perSecond")?;
        settings.rate = Some(SendRate { per_second, burst: per_second });
    }
    if let Some(after_ms) = number(body, "disableAfterMs")? {
        settings.disable_after_ms = Some(after_ms);
    }
    Ok(settings)
}

/// Returns the secrets that were given; a new one of Standard Webhooks where there are none.
fn secrets_of(body: &Object, now_ms: u64) -> Result<Vec<StoredSecret>, Problem> {
    let stored =
        |kind, text: &str| StoredSecret { kind, text: text.into(), since_ms: 0, until_ms: None };
    let Some(given) = body.get("secrets") else {
        return Ok(vec![new_secret(now_ms)?]);
    };
    let given = given.as_array().ok_or_else(|| invalid("secrets is a list of texts"))?;
    let one = |secret: &Json| {
        let text = text(secret, "a secret")?;
        if !text.starts_with("whs") {
            Secret::plain(text).map_err(|error| unfit(error.code(), &error))?;
            return Ok(stored(SecretKind::Plain, text));
        }
        let secret = Secret::parse(text).map_err(|error| unfit(error.code(), &error))?;
        match secret.kind() {
            Kind::Symmetric => Ok(stored(SecretKind::Hmac, text)),
            Kind::Signing => Ok(stored(SecretKind::Ed25519, text)),
            _ => {
                let text = "a secret to sign with begins with whsec_ or whsk_";
                Err(unfit("ENDPOINT_INVALID", &text))
            }
        }
    };
    let secrets: Result<Vec<_>, Problem> = given.iter().map(one).collect();
    secrets.and_then(|secrets| match secrets.is_empty() {
        true => Err(invalid("there is at least one secret")),
        false => Ok(secrets),
    })
}

/// Returns a new secret of Standard Webhooks, `v1`.
fn new_secret(now_ms: u64) -> Result<StoredSecret, Problem> {
    let mut random = [0; 32];
    getrandom::fill(&mut random).map_err(|_| Refusal::ServerFault)?;
    let text = Secret::symmetric(random).expose().as_str().into();
    Ok(StoredSecret { kind: SecretKind::Hmac, text, since_ms: now_ms, until_ms: None })
}

fn described(endpoint: &EndpointNow) -> Json {
    let EndpointNow { id, row, facts } = endpoint;
    let (settings, mut document) = (&row.settings, Object::new());
    document.insert("id", id.as_str());
    document.insert("url", &*settings.url);
    document.insert("description", &*settings.description);
    document.insert("events", texts(settings.filter.patterns()));
    document.insert("body", settings.body.as_str());
    let waits = settings.schedule.waits_ms().iter().map(|wait| Json::from(*wait));
    document.insert("schedule", waits.collect::<Vec<Json>>());
    document.insert("timeoutMs", settings.timeout_ms);
    document.insert("created", format_time(row.created_ms));
    document.insert("pending", facts.pending as u64);
    document.insert("retrying", facts.retrying as u64);
    document.insert("lag", facts.lag);
    let breaker = match facts.breaker {
        BreakerState::Closed => "closed",
        BreakerState::Open { .. } => "open",
        _ => "half_open",
    };
    document.insert("breaker", breaker);
    if let Some(oldest_ms) = facts.oldest_ms {
        document.insert("oldest", format_time(oldest_ms));
    }
    if let Some(at_ms) = facts.disable_at_ms {
        document.insert("disablesAt", format_time(at_ms));
    }
    if let Some(disabled) = facts.disabled {
        document.insert("disabled", disabled.reason.as_str());
        document.insert("disabledAt", format_time(disabled.at_ms));
    }
    Json::Object(document)
}

fn delivered(position: Position, delivery: &Delivery) -> Json {
    let mut document = Object::new();
    document.insert("sequence", position.0);
    document.insert("event", delivery.event.as_str());
    document.insert("type", delivery.event_type.as_str());
    document.insert("resourceType", delivery.entity.as_str());
    document.insert("resourceId", delivery.id.as_str());
    document.insert("state", delivery.state.as_str());
    document.insert("created", format_time(delivery.created_ms));
    let attempts = delivery.attempts.iter().map(|attempt| {
        let mut document = Object::new();
        document.insert("at", format_time(attempt.at_ms));
        document.insert("durationMs", u64::from(attempt.duration_ms));
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
            DeliveryError::Exists => StatusCode::CONFLICT,
            _ => match error.code() {
                "ENDPOINT_UNKNOWN" | "DELIVERY_UNKNOWN" => StatusCode::NOT_FOUND,
                "ENDPOINT_INVALID" => StatusCode::UNPROCESSABLE_ENTITY,
                _ => StatusCode::CONFLICT,
            },
        };
        Self::new(error.code(), status, error.to_string())
    }
}
