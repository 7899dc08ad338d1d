//! Replays: deliveries that are made again, chosen by endpoint, time, type and what became of them.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use syncline_engine::deliver::{Filter, Past, Selection, SelectionError};
use syncline_hub::limits::REPLAY_ENDPOINTS_MAX;
use syncline_hub::served::deliver::{Counted, DeliveryError, ReplayRow};
use syncline_model::id::EndpointId;
use syncline_model::json::{Json, Object};
use syncline_protocol::time::{format_time, parse_time};

use super::answer::{Answer, json, replayed};
use super::books::page;
use super::conflicts::actor;
use super::endpoint_form::{invalid, text, texts_of, unfit};
use super::once::Key;
use crate::access::{now_ms, random_id};
use crate::asked::Asked;
use crate::document::{object, texts};
use crate::problem::{Problem, Refusal};

/// What may be said of a replay.
const MEMBERS: [&str; 6] = ["endpoints", "from", "to", "types", "status", "dryRun"];

/// Counts the deliveries that are meant; unless that is all that is asked for, they are made again.
pub(super) async fn begin(mut asked: Asked) -> Answer {
    let body = asked.object().await?;
    let key = Key::of_object(&asked, &body).await?;
    let now_ms = now_ms();
    let (endpoints, selection) = (endpoints_of(&body)?, selection_of(&body, now_ms)?);
    let is_dry = match body.get("dryRun") {
        None => false,
        Some(Json::Bool(is_dry)) => *is_dry,
        Some(_) => return Err(invalid("dryRun is true or false")),
    };
    if let Some(key) = key.as_ref().filter(|key| key.was_used(&asked)) {
        // So many have begun since that it is not remembered any more.
        let row = found(&asked, key.record()).await?.ok_or(Refusal::IdempotencyKeySpent)?;
        return Ok(replayed(json(StatusCode::ACCEPTED, &told(key.record(), &row))?));
    }
    let (desk, chosen) = (asked.desk.clone(), selection.clone());
    let count = move || {
        let stretches = desk.delivering.with(|all| all.stretches(&endpoints))?;
        let counted = desk.served.count_deliveries(&chosen, stretches.clone())?;
        Ok::<_, DeliveryError>((stretches, counted))
    };
    let (stretches, counted) = asked.blocking(count).await??;
    if is_dry {
        return json(StatusCode::OK, &told_count(&counted));
    }
    let id = match &key {
        Some(key) => key.record().to_owned(),
        None => random_id().ok_or(Refusal::ServerFault)?,
    };
    let (desk, actor, of) = (asked.desk.clone(), actor(&asked)?, id.clone());
    let kept = key.as_ref().map(Key::kept);
    let begin = move || {
        let (chosen, from) = ((now_ms, selection), (stretches, &counted));
        desk.delivering.with(|all| all.begin_replay(&of, chosen, from, (&actor, kept)))
    };
    let row = asked.blocking(begin).await??;
    if let Some(key) = key {
        key.done(&asked);
    }
    json(StatusCode::ACCEPTED, &told(&id, &row))
}

/// Lists those that are remembered, the latest first.
pub(super) async fn list(asked: Asked) -> Answer {
    let desk = asked.desk.clone();
    let read = move || desk.delivering.with(|all| Ok(all.replays()));
    let replays = asked.blocking(read).await??;
    page("replays", replays.iter().map(|(id, row)| told(id, row)).collect(), None)
}

/// Says how far one is.
pub(super) async fn get(asked: Asked) -> Answer {
    let id = asked.param("replay");
    let row = found(&asked, id).await?;
    json(StatusCode::OK, &told(id, &row.ok_or(DeliveryError::ReplayUnknown)?))
}

async fn found(asked: &Asked, id: &str) -> Result<Option<ReplayRow>, Problem> {
    let desk = asked.desk.clone();
    let read = move || desk.delivering.with(|all| Ok(all.replays()));
    let replays = asked.blocking(read).await??;
    Ok(replays.into_iter().find(|(known, _)| **known == *id).map(|(_, row)| row))
}

/// Ends one.
pub(super) async fn stop(asked: Asked) -> Answer {
    let (desk, actor) = (asked.desk.clone(), actor(&asked)?);
    let id = asked.param("replay").to_owned();
    let of = id.clone();
    let stop = move || desk.delivering.with(|all| all.stop_replay(&of, &actor));
    let row = asked.blocking(stop).await??;
    json(StatusCode::OK, &told(&id, &row))
}

fn endpoints_of(body: &Object) -> Result<Vec<EndpointId>, Problem> {
    if body.keys().any(|name| !MEMBERS.contains(&name)) {
        return Err(invalid(format!("a replay has the members {}", MEMBERS.join(", "))));
    }
    let named = body.get("endpoints").ok_or_else(|| invalid("endpoints is missing"))?;
    let named = texts_of(named, "endpoints")?;
    if named.is_empty() || named.len() > REPLAY_ENDPOINTS_MAX {
        return Err(invalid(format!("there are 1 to {REPLAY_ENDPOINTS_MAX} endpoints")));
    }
    // Named twice it is one.
    let ids: Result<BTreeSet<EndpointId>, _> = named.into_iter().map(EndpointId::new).collect();
    ids.map(|ids| ids.into_iter().collect()).map_err(|_| Refusal::EndpointUnknown.into())
}

fn selection_of(body: &Object, now_ms: u64) -> Result<Selection, Problem> {
    let refused = |error: SelectionError| unfit(error.code(), &error);
    let time = |member: &'static str| -> Result<Option<u64>, Problem> {
        let Some(value) = body.get(member) else { return Ok(None) };
        let written = text(value, member)?;
        let at_ms = parse_time(written).or_else(|| written.parse().ok());
        at_ms.map(Some).ok_or_else(|| refused(SelectionError::Time { member }))
    };
    let types = match body.get("types") {
        None => Filter::all(),
        Some(types) => {
            let filter = Filter::new(texts_of(types, "types")?);
            filter.map_err(|error| unfit(error.code(), &error))?
        }
    };
    let past = match body.get("status") {
        None => Some(BTreeSet::from([Past::Dead])),
        Some(status) => texts_of(status, "status")?.into_iter().map(Past::from_word).collect(),
    };
    let past = past.ok_or_else(|| refused(SelectionError::Past))?;
    let (from_ms, to_ms) = (time("from")?.unwrap_or(0), time("to")?.unwrap_or(now_ms));
    let selection = Selection { from_ms, to_ms, types, past };
    selection.check().map_err(refused)?;
    Ok(selection)
}

fn told_count(counted: &Counted) -> Json {
    let mut document = Object::new();
    document.insert("dryRun", true);
    document.insert("count", counted.count);
    document.insert("forgotten", counted.forgotten);
    document.insert("notKept", counted.not_kept);
    document.insert("complete", counted.is_complete);
    let times = [("oldest", counted.oldest_ms), ("newest", counted.newest_ms)];
    for (name, at_ms) in times {
        document.insert(name, at_ms.map_or(Json::Null, |at_ms| format_time(at_ms).into()));
    }
    let mut by_type = Object::new();
    for (event_type, count) in &counted.by_type {
        by_type.insert(event_type.as_str(), *count);
    }
    document.insert("byType", by_type);
    let mut by_endpoint = Object::new();
    for (endpoint, count) in &counted.by_endpoint {
        by_endpoint.insert(endpoint.as_str(), *count);
    }
    document.insert("byEndpoint", by_endpoint);
    document.into()
}

fn told(id: &str, row: &ReplayRow) -> Json {
    let sum = |count: fn(&syncline_hub::served::deliver::ReplayPart) -> u64| {
        row.parts.iter().map(count).sum::<u64>()
    };
    let parts = row.parts.iter().map(|part| {
        object([
            ("endpoint", part.endpoint.as_str().into()),
            ("taken", part.taken.into()),
            ("passed", part.passed.into()),
            ("done", (part.after >= part.until).into()),
        ])
    });
    object([
        ("id", id.into()),
        ("state", row.state.as_str().into()),
        ("created", format_time(row.created_ms).into()),
        ("by", row.by.as_str().into()),
        ("from", format_time(row.selection.from_ms).into()),
        ("to", format_time(row.selection.to_ms).into()),
        ("types", texts(row.selection.types.patterns())),
        ("status", texts(row.selection.past.iter().map(|past| past.as_str()))),
        ("counted", row.counted.into()),
        ("taken", sum(|part| part.taken).into()),
        ("passed", sum(|part| part.passed).into()),
        ("endpoints", Json::Array(parts.collect())),
    ])
}
