//! The monitoring of spec 004: how the queue stands, a nudge for it, and how deliveries do.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use syncline_engine::deliver::Delivery;
use syncline_hub::Actor;
use syncline_hub::served::deliver::{Became, EndpointNow, Failures};
use syncline_model::id::{EndpointId, EventId};
use syncline_model::json::{Json, Number, Object};
use syncline_protocol::time::format_time;

use super::answer::{Answer, json};
use super::emit::client_of_event;
use crate::access::now_ms;
use crate::asked::Asked;
use crate::document::{enveloped, object};
use crate::limits::{
    FAILED_COUNTED_MAX, FAILURES_TOLD_MAX, HASTENED_AT_ONCE_MAX, HASTENED_WITHIN_MS,
    HEALTH_ATTEMPTS_MIN, HEALTH_FAILED_PERCENT, HEALTH_ROWS_MAX, HEALTH_WARN_PERCENT,
    HEALTH_WINDOW_MS,
};
use crate::problem::{Problem, Refusal};

/// How many deliveries stand how.
struct Stats {
    processing: u64,
    pending: u64,
    failed: u64,
}

impl Stats {
    fn document(&self) -> Object {
        let mut document = Object::new();
        document.insert("total", self.processing + self.pending + self.failed);
        document.insert("processing", self.processing);
        document.insert("pending", self.pending);
        document.insert("failed", self.failed);
        document
    }
}

/// Tells how many deliveries wait, are under way, and were given up.
pub(super) async fn status(asked: Asked) -> Answer {
    let stats = stats(&asked, &endpoints(&asked).await?).await?;
    json(StatusCode::OK, &enveloped(stats.document().into()))
}

/// Has what is due soon be tried at once. The hub sends without it: it does no harm, however often it is asked for.
pub(super) async fn process(asked: Asked) -> Answer {
    let desk = asked.desk.clone();
    let hasten = move || {
        let actor = Actor { user: Some("cron".to_owned()), session: None, roles: Vec::new() };
        desk.delivering
            .with(|all| all.hasten(now_ms(), HASTENED_WITHIN_MS, HASTENED_AT_ONCE_MAX, &actor))
    };
    let hastened = asked.blocking(hasten).await??;
    let stats = stats(&asked, &endpoints(&asked).await?).await?;
    let mut document = Object::new();
    document.insert("success", true);
    document.insert("hastened", hastened as u64);
    for (name, value) in stats.document().iter() {
        document.insert(name, value.clone());
    }
    json(StatusCode::OK, &enveloped(document.into()))
}

/// Tells how deliveries do, what waits, and what failed.
pub(super) async fn health(asked: Asked) -> Answer {
    let endpoints = endpoints(&asked).await?;
    let stats = stats(&asked, &endpoints).await?;
    let ids: Vec<EndpointId> = endpoints.iter().map(|endpoint| endpoint.id.clone()).collect();
    let served = asked.desk.served.clone();
    let since_ms = now_ms().saturating_sub(HEALTH_WINDOW_MS);
    let rows_max = (HEALTH_ROWS_MAX / ids.len().max(1)).max(1);
    let look = move || served.failures(&ids, since_ms, rows_max);
    let mut failures = asked.blocking(look).await??;
    failures.deliveries.sort_by_key(|delivery| std::cmp::Reverse(failed_ms(delivery)));
    let disabled = endpoints.iter().filter(|one| one.facts.disabled.is_some()).count();
    let percent = (failures.failed * 100).checked_div(failures.attempts).unwrap_or(0);
    let word = match percent {
        HEALTH_FAILED_PERCENT.. if failures.attempts >= HEALTH_ATTEMPTS_MIN => "fail",
        HEALTH_WARN_PERCENT.. => "warn",
        _ if disabled > 0 => "warn",
        _ => "pass",
    };
    let mut document = Object::new();
    document.insert("healthy", word == "pass");
    document.insert("status", word);
    document.insert("failureRate", ratio(failures.failed, failures.attempts));
    document.insert("message", message(word, &failures, disabled));
    document.insert("queue", stats.document());
    document.insert("failureStats", statistics(&failures.deliveries));
    let recent = failures.deliveries.iter().take(FAILURES_TOLD_MAX).map(told);
    document.insert("recentFailures", recent.collect::<Vec<Json>>());
    let status = if word == "fail" { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    json(status, &enveloped(document.into()))
}

/// Tells what became of an event at each endpoint that it concerns, and whether nothing more will.
pub(super) async fn deliveries(asked: Asked) -> Answer {
    let unknown = || Problem::from(Refusal::EventUnknown);
    let event = EventId::new(asked.param("event")).map_err(|_| unknown())?;
    let endpoints = endpoints(&asked).await?;
    let ids: Vec<EndpointId> = endpoints.iter().map(|endpoint| endpoint.id.clone()).collect();
    let client = client_of_event(&event).ok_or(Refusal::ServerFault)?;
    let served = asked.desk.served.clone();
    let look = move || served.event_deliveries(&event, &client, &ids);
    let (event, rows) = asked.blocking(look).await??.ok_or_else(unknown)?;
    let mut is_settled = true;
    let mut told = Vec::new();
    for (EndpointNow { id, row, facts, .. }, delivery) in endpoints.iter().zip(rows) {
        let (state, attempts) = match &delivery {
            Became::Known(delivery) => {
                is_settled &= delivery.state.is_final();
                (delivery.state.as_str(), delivery.tries)
            }
            Became::Damaged => {
                is_settled = false;
                ("damaged", 0)
            }
            // What it has not come to yet waits in the log; what it has passed by was never meant for it.
            Became::Nothing
                if event.position <= facts.settled
                    || !row.settings.filter.matches(&event.event_type) =>
            {
                continue;
            }
            Became::Nothing => {
                is_settled = false;
                ("waiting", 0)
            }
        };
        told.push(object([
            ("endpoint", id.as_str().into()),
            ("state", state.into()),
            ("attempts", u64::from(attempts).into()),
        ]));
    }
    let document = object([("deliveries", Json::Array(told)), ("settled", is_settled.into())]);
    json(StatusCode::OK, &document)
}

async fn endpoints(asked: &Asked) -> Result<Vec<EndpointNow>, Problem> {
    let desk = asked.desk.clone();
    let read = move || desk.delivering.with(|deliveries| Ok(deliveries.endpoints()));
    Ok(asked.blocking(read).await??)
}

/// Counts deliveries. What an endpoint that is not disabled has not read of the log counts as waiting.
async fn stats(asked: &Asked, endpoints: &[EndpointNow]) -> Result<Stats, Problem> {
    let served = asked.desk.served.clone();
    let ids: Vec<EndpointId> = endpoints.iter().map(|endpoint| endpoint.id.clone()).collect();
    let count = move || served.dead_letters_counted(&ids, FAILED_COUNTED_MAX);
    let failed = asked.blocking(count).await?? as u64;
    let mut stats = Stats { processing: 0, pending: 0, failed };
    for EndpointNow { facts, .. } in endpoints {
        let under_way = u64::from(facts.in_flight);
        stats.processing += under_way;
        stats.pending += (facts.pending as u64).saturating_sub(under_way);
        stats.pending += if facts.disabled.is_some() { 0 } else { facts.lag };
    }
    Ok(stats)
}

fn failed_ms(delivery: &Delivery) -> u64 {
    delivery.attempts.last().map_or(delivery.created_ms, |attempt| attempt.at_ms)
}

fn told(delivery: &Delivery) -> Json {
    let last = delivery.attempts.last();
    let error = last.map(|attempt| match (attempt.status, &*attempt.code) {
        (Some(status), "" | "status") => format!("HTTP_{status}"),
        (_, code) => code.to_owned(),
    });
    object([
        ("timestamp", format_time(failed_ms(delivery)).into()),
        ("type", delivery.event_type.as_str().into()),
        ("resourceType", delivery.entity.as_str().into()),
        ("resourceId", delivery.id.as_str().into()),
        ("error", error.unwrap_or_default().into()),
        ("retryCount", u64::from(delivery.tries.saturating_sub(1)).into()),
        ("state", delivery.state.as_str().into()),
    ])
}

fn statistics(failures: &[Delivery]) -> Object {
    let (mut types, mut resources) = (BTreeMap::new(), BTreeMap::new());
    let mut retries = 0;
    for delivery in failures {
        *types.entry(delivery.event_type.as_str()).or_insert(0_u64) += 1;
        *resources.entry(delivery.entity.as_str()).or_insert(0_u64) += 1;
        retries += u64::from(delivery.tries.saturating_sub(1));
    }
    let counts = |counts: BTreeMap<&str, u64>| {
        let mut object = Object::new();
        for (name, count) in counts {
            object.insert(name, count);
        }
        object
    };
    let mut document = Object::new();
    document.insert("totalFailures", failures.len() as u64);
    document.insert("failuresByType", counts(types));
    document.insert("failuresByResource", counts(resources));
    document.insert("averageRetries", ratio(retries, failures.len() as u64));
    document
}

fn message(word: &str, failures: &Failures, disabled: usize) -> String {
    let (failed, attempts) = (failures.failed, failures.attempts);
    match (word, disabled) {
        ("pass", _) => "Deliveries do well".to_owned(),
        (_, 0) => format!("{failed} of {attempts} attempts of the last hour failed"),
        (_, disabled) => {
            format!(
                "{disabled} endpoints are disabled; {failed} of {attempts} attempts of the last hour failed"
            )
        }
    }
}

/// Returns a ratio with three digits; 0 of nothing.
fn ratio(part: u64, of: u64) -> Json {
    let thousandths = (part * 1_000).checked_div(of).unwrap_or(0);
    let text = format!("{}.{:03}", thousandths / 1_000, thousandths % 1_000);
    Number::parse(&text).map_or(Json::Null, Json::from)
}
