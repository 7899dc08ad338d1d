//! Events that applications emit: in one call with the change that they speak of, or alone.
//!
//! An event with an id of its own is emitted once, however often it is sent. One without has the id of
//! the operation that it comes as; with an `Idempotency-Key` that is the same when it is sent again.

use axum::http::StatusCode;
use syncline_engine::event::{Event, id_of_operation};
use syncline_hub::served::{Emission, EmissionFate, Emitted, ServeError};
use syncline_merge::operation::Effect;
use syncline_model::id::{
    ClientId, EntityName, EventId, EventType, IdError, OperationId, RecordId,
};
use syncline_model::json::{Json, Object};
use syncline_protocol::long::read_operation;
use syncline_protocol::operation::Operation;
use syncline_protocol::problem::Problem as SaidProblem;
use syncline_protocol::time::format_time;
use syncline_protocol::webhook::trace::TraceParent;
use tokio::sync::oneshot;

use super::answer::{Answer, json, replayed};
use super::endpoint_form::unfit;
use super::once::Key;
use crate::access::now_ms;
use crate::activity::Counter;
use crate::asked::Asked;
use crate::document::object;
use crate::limits::EMITTED_AT_ONCE_MAX;
use crate::metrics::Counted;
use crate::problem::{Problem, Refusal};
use crate::writers::client_of_key;

/// What an event says.
const MEMBERS: [&str; 6] = ["id", "type", "resourceType", "resourceId", "data", "change"];
/// What an event is of that says nothing of it.
const FREE_STANDING: &str = "event";
/// What a change says, beside what is written.
const NOT_OF_A_CHANGE: [&str; 5] = ["op", "entity", "id", "at", "after"];

/// Emits events; answers once they are on disk.
pub(super) async fn emit(mut asked: Asked) -> Answer {
    let body = asked.object().await?;
    let key = Key::of_object(&asked, &body).await?;
    let events = events_of(body)?;
    let is_alone = events.len() == 1;
    let mut emissions = Vec::with_capacity(events.len());
    let trace = trace_of(&asked).map(TraceParent::header);
    for (index, event) in events.into_iter().enumerate() {
        let (client, counter) = named(&asked, &event, key.as_ref(), index as u64 + 1)?;
        let mut emission = emission(event, client, counter, is_alone)?;
        if let Some(trace) = &trace {
            emission.event = emission.event.with_trace(trace);
        }
        emissions.push(emission);
    }
    let (done, answered) = oneshot::channel();
    // Whoever asked may have gone; the events stay emitted.
    let done = Box::new(|fates| drop(done.send(fates)));
    let ids: Vec<EventId> = emissions.iter().map(|one| one.event.id.clone()).collect();
    let (sight, counted) = (asked.sight(), asked.counted()?);
    let begun = Counted::begin_events();
    asked.desk.served.emit(&sight, Some(&counted), emissions, done);
    let fates = answered.await.map_err(|_| Refusal::ServerFault)??;
    let refusals = fates.iter().map(|fate| fate.as_ref().err().map(|problem| &*problem.code));
    let (metrics, desk) = (&asked.state.metrics.synchronization, &asked.desk);
    metrics.emitted(desk.label(), &begun, refusals);
    let (at_ms, micros) = (now_ms(), begun.micros());
    let refused_count = fates.iter().filter(|fate| fate.is_err()).count() as u64;
    desk.activity.tally.count(|tally| {
        tally.operations(at_ms, (fates.len() as u64, refused_count), micros);
    });
    // What is sent again later was not refused.
    let is_final = |problem: &SaidProblem| !problem.is_retryable;
    let final_count = fates.iter().filter(|fate| fate.as_ref().is_err_and(is_final)).count();
    desk.activity.add(Counter::Operations, fates.len() as u64);
    desk.activity.add(Counter::OperationsRejected, final_count as u64);
    let is_repeated = key.is_some()
        && fates.iter().all(|fate| fate.as_ref().is_ok_and(|emitted| emitted.sequence.is_none()));
    let fates = match key {
        // Sent again under its key it is answered as it was.
        Some(_) => placed(&asked, fates).await?,
        None => fates,
    };
    let mut told = Vec::with_capacity(fates.len());
    for (id, fate) in ids.into_iter().zip(fates) {
        told.push(match fate {
            Ok(emitted) => told_emitted(&emitted),
            // One event is one request.
            Err(problem) if is_alone => return Err(refused(&problem)),
            Err(problem) => told_refused(&id, &problem),
        });
    }
    let answer = json(StatusCode::OK, &object([("events", Json::Array(told))]))?;
    Ok(if is_repeated { replayed(answer) } else { answer })
}

/// Looks up where events stand that were emitted before.
async fn placed(asked: &Asked, mut fates: Vec<EmissionFate>) -> Result<Vec<EmissionFate>, Problem> {
    let is_before = |fate: &EmissionFate| fate.as_ref().is_ok_and(|one| one.before.is_some());
    if !fates.iter().any(is_before) {
        return Ok(fates);
    }
    let served = asked.desk.served.clone();
    let look = move || {
        for emitted in fates.iter_mut().filter_map(|fate| fate.as_mut().ok()) {
            if let Some(stamp) = emitted.before {
                emitted.sequence = served.event_place(&emitted.id, stamp)?;
            }
        }
        Ok::<_, ServeError>(fates)
    };
    Ok(asked.blocking(look).await??)
}

/// Returns the trace that who asks is in. What is no such header, or stands there twice, is no trace and no mistake
/// of the request: whoever is on the way may have added it.
fn trace_of(asked: &Asked) -> Option<TraceParent> {
    let mut said = asked.parts.headers.get_all("traceparent").iter();
    let only = said.next().filter(|_| said.next().is_none())?;
    TraceParent::parse(only.to_str().ok()?)
}

fn told_emitted(emitted: &Emitted) -> Json {
    let mut object = Object::new();
    object.insert("id", emitted.id.as_str());
    if let Some(sequence) = emitted.sequence {
        object.insert("sequence", sequence.0);
    }
    Json::Object(object)
}

fn told_refused(id: &EventId, problem: &SaidProblem) -> Json {
    let problem = object([
        ("code", (&*problem.code).into()),
        ("detail", (&*problem.detail).into()),
        ("retryable", problem.is_retryable.into()),
    ]);
    object([("id", id.as_str().into()), ("problem", problem)])
}

fn refused(problem: &SaidProblem) -> Problem {
    let status = match &*problem.code {
        "EVENT_DENIED" | "WRITE_DENIED" => StatusCode::FORBIDDEN,
        "EVENT_ID_REUSED" => StatusCode::CONFLICT,
        _ if problem.is_retryable => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    };
    Problem::said(problem, status)
}

/// An event as it was sent.
struct Sent {
    id: Option<EventId>,
    kind: EventType,
    /// What it is of; one that is of nothing stands for itself.
    entity: Option<EntityName>,
    record: Option<RecordId>,
    data: Json,
    change: Option<Object>,
}

fn events_of(mut body: Object) -> Result<Vec<Sent>, Problem> {
    let events = body.remove("events");
    let Some(Json::Array(events)) = events.filter(|_| body.is_empty()) else {
        return Err(Refusal::BodyInvalid.because("the body is {\"events\": […]}"));
    };
    if events.is_empty() || events.len() > EMITTED_AT_ONCE_MAX {
        let text = format!("there are 1 to {EMITTED_AT_ONCE_MAX} events");
        return Err(Refusal::BodyInvalid.because(text));
    }
    events.into_iter().map(event_of).collect()
}

fn event_of(event: Json) -> Result<Sent, Problem> {
    let invalid = |text: String| Refusal::BodyInvalid.because(text);
    let Json::Object(mut event) = event else {
        return Err(invalid("an event is an object".to_owned()));
    };
    if event.keys().any(|name| !MEMBERS.contains(&name)) {
        return Err(invalid(format!("an event has the members {}", MEMBERS.join(", "))));
    }
    let text = |event: &Object, name: &str| match event.get(name) {
        Some(Json::String(text)) => Ok(text.to_string()),
        _ => Err(invalid(format!("{name} is a text"))),
    };
    let kind =
        EventType::new(&text(&event, "type")?).map_err(|error| invalid(error.to_string()))?;
    let said = |name: &str| match event.get(name) {
        None => Ok(None),
        Some(_) => text(&event, name).map(Some),
    };
    let entity = said("resourceType")?.map(|name| EntityName::new(&name)).transpose();
    let record = said("resourceId")?.map(|id| RecordId::new(&id)).transpose();
    let id = said("id")?.map(|id| EventId::new(&id)).transpose();
    let change = match event.remove("change") {
        None => None,
        Some(Json::Object(change))
            if change.keys().all(|name| !NOT_OF_A_CHANGE.contains(&name)) =>
        {
            Some(change)
        }
        Some(_) => return Err(invalid("change is an object with what is written".to_owned())),
    };
    let sent = Sent {
        id: id.map_err(|error| unfit("EVENT_ID_INVALID", &error))?,
        kind,
        entity: entity.map_err(|error| invalid(format!("resourceType: {error}")))?,
        record: record.map_err(|error| invalid(format!("resourceId: {error}")))?,
        data: event.remove("data").unwrap_or_else(|| Json::Object(Object::new())),
        change,
    };
    match sent.change.is_some() && (sent.entity.is_none() || sent.record.is_none()) {
        true => Err(invalid("a change is of a record: say resourceType and resourceId".to_owned())),
        false => Ok(sent),
    }
}

/// Returns which operation of which client an event comes as.
fn named(
    asked: &Asked,
    event: &Sent,
    key: Option<&Key>,
    counter: u64,
) -> Result<(ClientId, u64), Problem> {
    if let Some(id) = &event.id {
        return Ok((client_of_event(id).ok_or(Refusal::ServerFault)?, 1));
    }
    match key {
        Some(key) => Ok((key.client().clone(), counter)),
        None => Ok(asked.desk.writers.next(&asked.caller()?.token).ok_or(Refusal::ServerFault)?),
    }
}

/// Returns whose first operation an event is under its id: one name is one event of the hub, whoever sends it.
pub(super) fn client_of_event(id: &EventId) -> Option<ClientId> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"event\0").update(id.as_str().as_bytes());
    client_of_key(&hasher.finalize().to_hex())
}

fn emission(
    event: Sent,
    client: ClientId,
    counter: u64,
    is_alone: bool,
) -> Result<Emission, Problem> {
    let Sent { id, kind, entity, record, data, change } = event;
    let id =
        id.unwrap_or_else(|| id_of_operation(&OperationId { client: client.clone(), counter }));
    // Events of one record wait for each other; one that stands for itself waits for none.
    let invalid = |error: IdError| Refusal::BodyInvalid.because(error.to_string());
    let entity = entity.map_or_else(|| EntityName::new(FREE_STANDING), Ok).map_err(invalid)?;
    let record = record.map_or_else(|| RecordId::new(id.as_str()), Ok).map_err(invalid)?;
    let operation = match change {
        Some(_) if !is_alone => {
            return Err(Refusal::BodyInvalid.because("an event with a change comes alone"));
        }
        Some(mut change) => {
            change.insert("op", counter);
            change.insert("entity", entity.as_str());
            change.insert("id", record.as_str());
            change.insert("at", format_time(now_ms()));
            let text = Json::Object(change).to_compact_string();
            read_operation(text.as_bytes()).map_err(|error| {
                Problem::said(&error.to_operation_problem(), StatusCode::UNPROCESSABLE_ENTITY)
            })?
        }
        None => Operation {
            counter,
            entity,
            id: record,
            base: None,
            effect: Effect::Write(Vec::new()),
            deltas: Vec::new(),
            edited_ms: now_ms(),
            after: Vec::new(),
        },
    };
    let event = Event::new(id, kind, data);
    let event = event.map_err(|error| Refusal::BodyInvalid.because(error.to_string()))?;
    Ok(Emission { client, operation, event })
}
