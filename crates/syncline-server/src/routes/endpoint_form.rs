//! Endpoints as JSON: what is said of one, and how one is shown.

use std::num::NonZeroU32;

use axum::http::StatusCode;
use syncline_domains::app::Target;
use syncline_engine::deliver::{
    BodyForm, BreakerSettings, BreakerState, Filter, Rate as SendRate, Schedule, SecretKind,
    Settings, StoredSecret,
};
use syncline_hub::served::deliver::EndpointNow;
use syncline_model::json::{Json, Object};
use syncline_protocol::time::format_time;
use syncline_protocol::webhook::secret::{Secret, SecretError, SecretKind as Kind};

use super::verify::signs;
use crate::access::now_ms;
use crate::application::hard_secret_of;
use crate::document::{object, texts};
use crate::problem::{Problem, Refusal};
use crate::transforming::{filter_of, transformation_of};

/// What may be said of an endpoint, beside its id.
const MEMBERS: [&str; 20] = [
    "url",
    "description",
    "events",
    "preset",
    "secrets",
    "schedule",
    "timeoutMs",
    "inFlight",
    "perSecond",
    "burst",
    "replaysPerSecond",
    "disableAfterMs",
    "blockMs",
    "thinAboveBytes",
    "body",
    "breaker",
    "transformation",
    "filter",
    "keepDeliveredMs",
    "keepDeadMs",
];
/// What may be said of its breaker.
const BREAKER_MEMBERS: [&str; 6] =
    ["windowMs", "attemptsMin", "failuresPercent", "failuresInARow", "restMs", "restMsMax"];

/// Says that something is not understood.
pub(super) fn invalid(text: impl Into<String>) -> Problem {
    Refusal::BodyInvalid.because(text.into())
}

/// Says why something that is well-formed cannot be meant.
pub(super) fn unfit(code: &'static str, why: &dyn std::fmt::Display) -> Problem {
    Problem::new(code, StatusCode::UNPROCESSABLE_ENTITY, why.to_string())
}

/// Refuses members that are not known: who has written one otherwise would not get what was asked for.
pub(super) fn only(body: &Object, what: &str, members: &[&str]) -> Result<(), Problem> {
    match body.keys().all(|name| members.contains(&name)) {
        true => Ok(()),
        false => Err(invalid(format!("{what} has no members but {}", members.join(", ")))),
    }
}

/// Returns a text.
pub(super) fn text<'j>(value: &'j Json, name: &str) -> Result<&'j str, Problem> {
    value.as_str().ok_or_else(|| invalid(format!("{name} is a text")))
}

/// Returns a list of texts.
pub(super) fn texts_of<'j>(value: &'j Json, name: &str) -> Result<Vec<&'j str>, Problem> {
    let values = value.as_array().ok_or_else(|| invalid(format!("{name} is a list of texts")))?;
    values.iter().map(|value| text(value, name)).collect()
}

/// Returns a number, if there is one.
pub(super) fn number<N: TryFrom<u64>>(body: &Object, name: &str) -> Result<Option<N>, Problem> {
    let Some(value) = body.get(name) else { return Ok(None) };
    let Json::Number(number) = value else {
        return Err(invalid(format!("{name} is a whole number")));
    };
    let number = number.to_i64().and_then(|number| u64::try_from(number).ok());
    let number = number.and_then(|number| N::try_from(number).ok());
    let unfit = || unfit("ENDPOINT_INVALID", &format!("{name} is out of range"));
    number.map(Some).ok_or_else(unfit)
}

/// As [`number`], of those that are at least 1.
fn positive(body: &Object, name: &str) -> Result<Option<NonZeroU32>, Problem> {
    let Some(number) = number::<u32>(body, name)? else { return Ok(None) };
    let unfit = || unfit("ENDPOINT_INVALID", &format!("{name} is at least 1"));
    NonZeroU32::new(number).map(Some).ok_or_else(unfit)
}

/// Returns the settings of an endpoint that is made.
pub(super) fn settings_of(body: &Object) -> Result<Settings, Problem> {
    let url = text(body.get("url").ok_or_else(|| invalid("url is missing"))?, "url")?;
    changed(body, Settings::new(url))
}

/// Returns settings with what is said of them in their place.
pub(super) fn changed(body: &Object, settings: Settings) -> Result<Settings, Problem> {
    if body.keys().any(|name| !MEMBERS.contains(&name)) {
        return Err(invalid(format!("an endpoint has the members {}", MEMBERS.join(", "))));
    }
    let mut settings = settings;
    if let Some(url) = body.get("url") {
        let url = text(url, "url")?;
        Target::parse(url).map_err(|error| unfit(error.code(), &error))?;
        settings.url = url.into();
    }
    match body.get("preset") {
        None => {}
        Some(preset) if preset.as_str() == Some("anywheredoor") => {
            let preset = Settings::anywheredoor(&settings.url);
            settings.schedule = preset.schedule;
            settings.timeout_ms = preset.timeout_ms;
            settings.in_flight_max = preset.in_flight_max;
            settings.body = preset.body;
        }
        Some(_) => return Err(invalid("preset is anywheredoor")),
    }
    if let Some(description) = body.get("description") {
        settings.description = text(description, "description")?.into();
    }
    if let Some(events) = body.get("events") {
        let patterns = texts_of(events, "events")?;
        settings.filter = Filter::new(patterns).map_err(|error| unfit(error.code(), &error))?;
    }
    if let Some(waits) = body.get("schedule") {
        settings.schedule = schedule_of(waits)?;
    }
    if let Some(form) = body.get("body") {
        let form = BodyForm::from_word(text(form, "body")?);
        settings.body =
            form.ok_or_else(|| invalid("body is standard, anywheredoor or cloudevent"))?;
    }
    if let Some(breaker) = body.get("breaker") {
        settings.breaker = breaker_of(breaker, settings.breaker)?;
    }
    match body.get("transformation") {
        None => {}
        Some(Json::Null) => settings.transformation = None,
        Some(source) => settings.transformation = Some(text(source, "transformation")?.into()),
    }
    match body.get("filter") {
        None => {}
        Some(Json::Null) => settings.condition = None,
        Some(source) => settings.condition = Some(text(source, "filter")?.into()),
    }
    changed_numbers(body, &mut settings)?;
    settings.check().map_err(|error| unfit(error.code(), &error))?;
    if let Some(Err(error)) = transformation_of(&settings) {
        return Err(unfit(error.code(), &error));
    }
    if let Some(Err(error)) = filter_of(&settings) {
        return Err(unfit(error.code(), &error));
    }
    Ok(settings)
}

fn changed_numbers(body: &Object, settings: &mut Settings) -> Result<(), Problem> {
    if let Some(timeout_ms) = number(body, "timeoutMs")? {
        settings.timeout_ms = timeout_ms;
    }
    if let Some(in_flight) = positive(body, "inFlight")? {
        settings.in_flight_max = in_flight;
    }
    if let Some(Json::Null) = body.get("perSecond") {
        settings.rate = None;
    } else if let Some(per_second) = positive(body, "perSecond")? {
        settings.rate = Some(SendRate { per_second, burst: per_second });
    }
    if let Some(burst) = positive(body, "burst")? {
        let rate = settings.rate.as_mut().ok_or_else(|| {
            unfit("ENDPOINT_INVALID", &"burst is of perSecond, which is not settled")
        })?;
        rate.burst = burst;
    }
    if let Some(per_second) = positive(body, "replaysPerSecond")? {
        settings.replays_per_second = per_second;
    }
    if let Some(Json::Null) = body.get("disableAfterMs") {
        settings.disable_after_ms = None;
    } else if let Some(after_ms) = number(body, "disableAfterMs")? {
        settings.disable_after_ms = Some(after_ms);
    }
    let kept = [
        ("keepDeliveredMs", &mut settings.keep_delivered_ms),
        ("keepDeadMs", &mut settings.keep_dead_ms),
    ];
    for (name, keep_ms) in kept {
        match body.get(name) {
            None => {}
            Some(Json::Null) => *keep_ms = None,
            Some(_) => *keep_ms = number(body, name)?,
        }
    }
    if let Some(block_ms) = number(body, "blockMs")? {
        settings.block_ms = block_ms;
    }
    if let Some(bytes) = number(body, "thinAboveBytes")? {
        settings.thin_above_bytes = bytes;
    }
    Ok(())
}

fn schedule_of(waits: &Json) -> Result<Schedule, Problem> {
    let waits = waits.as_array().ok_or_else(|| invalid("schedule is a list of waits"))?;
    let wait = |wait: &Json| match wait {
        Json::Number(number) => number.to_i64().and_then(|ms| u64::try_from(ms).ok()),
        _ => None,
    };
    let waits: Option<Vec<u64>> = waits.iter().map(wait).collect();
    let waits = waits.ok_or_else(|| invalid("a wait is milliseconds, a whole number"))?;
    Schedule::new(&waits).map_err(|error| unfit(error.code(), &error))
}

fn breaker_of(breaker: &Json, known: BreakerSettings) -> Result<BreakerSettings, Problem> {
    let breaker = breaker.as_object().ok_or_else(|| invalid("breaker is an object"))?;
    if breaker.keys().any(|name| !BREAKER_MEMBERS.contains(&name)) {
        return Err(invalid(format!("a breaker has the members {}", BREAKER_MEMBERS.join(", "))));
    }
    Ok(BreakerSettings {
        window_ms: number(breaker, "windowMs")?.unwrap_or(known.window_ms),
        attempts_min: number(breaker, "attemptsMin")?.unwrap_or(known.attempts_min),
        failures_percent: number(breaker, "failuresPercent")?.unwrap_or(known.failures_percent),
        failures_in_a_row: number(breaker, "failuresInARow")?.unwrap_or(known.failures_in_a_row),
        rest_ms: number(breaker, "restMs")?.unwrap_or(known.rest_ms),
        rest_ms_max: number(breaker, "restMsMax")?.unwrap_or(known.rest_ms_max),
    })
}

/// Returns the secrets that were given, if any were.
pub(super) fn secrets_of(body: &Object) -> Result<Option<Vec<StoredSecret>>, Problem> {
    let stored =
        |kind, text: &str| StoredSecret { kind, text: text.into(), since_ms: 0, until_ms: None };
    let Some(given) = body.get("secrets") else { return Ok(None) };
    let one = |text: &str| {
        // What begins like one of Standard Webhooks is meant to be one.
        let secret = match text.starts_with("whs") {
            true => Secret::parse(text),
            false => hard_secret_of(text),
        };
        let secret = secret.map_err(|error| unfit(error.code(), &error))?;
        match secret.kind() {
            Kind::Symmetric => Ok(stored(SecretKind::Hmac, text)),
            Kind::Signing => Ok(stored(SecretKind::Ed25519, text)),
            Kind::Plain => Ok(stored(SecretKind::Plain, text)),
            Kind::Verifying => {
                Err(unfit(SecretError::SignsNothing.code(), &SecretError::SignsNothing))
            }
        }
    };
    let secrets: Result<Vec<_>, Problem> =
        texts_of(given, "secrets")?.into_iter().map(one).collect();
    secrets.and_then(|secrets| match secrets.is_empty() {
        true => Err(invalid("there is at least one secret")),
        false => Ok(Some(secrets)),
    })
}

/// Returns a new secret of Standard Webhooks, `v1`.
pub(super) fn new_secret(now_ms: u64) -> Result<StoredSecret, Problem> {
    let mut random = [0; 32];
    getrandom::fill(&mut random).map_err(|_| Refusal::ServerFault)?;
    let text = Secret::symmetric(random).expose().as_str().into();
    Ok(StoredSecret { kind: SecretKind::Hmac, text, since_ms: now_ms, until_ms: None })
}

/// Returns an endpoint as it is shown.
pub(super) fn described(endpoint: &EndpointNow) -> Object {
    let EndpointNow { id, row, facts, damaged } = endpoint;
    let mut document = Object::new();
    document.insert("id", id.as_str());
    described_settings(&row.settings, &mut document);
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
    if let Some(table) = damaged {
        document.insert("damaged", *table);
    }
    if let Some(oldest_ms) = facts.oldest_ms {
        document.insert("oldest", format_time(oldest_ms));
    }
    if let Some(at_ms) = facts.disable_at_ms {
        document.insert("disablesAt", format_time(at_ms));
    }
    if let Some(since_ms) = facts.failing_since_ms {
        document.insert("failingSince", format_time(since_ms));
    }
    let now_ms = now_ms();
    if facts.hold_until_ms > now_ms {
        document.insert("pausedUntil", format_time(facts.hold_until_ms));
    }
    let signs = row.secrets.iter().map(|secret| Json::Object(signs(secret, now_ms)));
    document.insert("signs", signs.collect::<Vec<Json>>());
    if let Some(disabled) = facts.disabled {
        document.insert("disabled", disabled.reason.as_str());
        document.insert("disabledAt", format_time(disabled.at_ms));
    }
    document
}

fn described_settings(settings: &Settings, document: &mut Object) {
    document.insert("url", &*settings.url);
    document.insert("description", &*settings.description);
    document.insert("events", texts(settings.filter.patterns()));
    document.insert("body", settings.body.as_str());
    let waits = settings.schedule.waits_ms().iter().map(|wait| Json::from(*wait));
    document.insert("schedule", waits.collect::<Vec<Json>>());
    document.insert("timeoutMs", settings.timeout_ms);
    document.insert("inFlight", u64::from(settings.in_flight_max.get()));
    if let Some(rate) = settings.rate {
        document.insert("perSecond", u64::from(rate.per_second.get()));
        document.insert("burst", u64::from(rate.burst.get()));
    }
    document.insert("replaysPerSecond", u64::from(settings.replays_per_second.get()));
    if let Some(after_ms) = settings.disable_after_ms {
        document.insert("disableAfterMs", after_ms);
    }
    document.insert("blockMs", settings.block_ms);
    document.insert("thinAboveBytes", u64::from(settings.thin_above_bytes));
    if let Some(source) = &settings.transformation {
        document.insert("transformation", &**source);
    }
    if let Some(source) = &settings.condition {
        document.insert("filter", &**source);
    }
    for (name, keep_ms) in
        [("keepDeliveredMs", settings.keep_delivered_ms), ("keepDeadMs", settings.keep_dead_ms)]
    {
        keep_ms.map(|keep_ms| document.insert(name, keep_ms));
    }
    let of_breaker = &settings.breaker;
    let settled = object([
        ("windowMs", of_breaker.window_ms.into()),
        ("attemptsMin", u64::from(of_breaker.attempts_min).into()),
        ("failuresPercent", u64::from(of_breaker.failures_percent).into()),
        ("failuresInARow", u64::from(of_breaker.failures_in_a_row).into()),
        ("restMs", of_breaker.rest_ms.into()),
        ("restMsMax", of_breaker.rest_ms_max.into()),
    ]);
    document.insert("breakerSettings", settled);
}
