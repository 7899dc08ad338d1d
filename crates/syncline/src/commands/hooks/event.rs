//! `syncline hooks event`: emitting events, listing them, and where one went.

use syncline_model::json::{Json, Object, parse};

use super::{BODY_BYTES_MAX, listed, named, read_all, told};
use crate::arguments::{Emit, EventCommand};
use crate::exit::Exit;
use crate::failure::{Failure, Refusal};
use crate::output::Format;
use crate::output::table::columns;
use crate::remote::Remote;
use crate::run::Context;

pub(super) fn run(context: &Context, command: &EventCommand) -> Result<Exit, Failure> {
    match command {
        EventCommand::Emit(event) => emit(context, event),
        EventCommand::List { at, types, after, limit } => {
            let limit = limit.to_string();
            let mut query = vec![("limit", limit.as_str())];
            query.extend(types.as_deref().map(|types| ("types", types)));
            query.extend(after.as_deref().map(|after| ("cursor", after)));
            let answer = Remote::new(at)?.get(&["events", "log"], &query)?;
            list(context, &answer)
        }
        EventCommand::Show { at, event } => {
            let answer = Remote::new(at)?.get(&["events", event, "deliveries"], &[])?;
            show(context, &answer)
        }
    }
}

fn emit(context: &Context, emit: &Emit) -> Result<Exit, Failure> {
    let unfit =
        || Refusal::usage("--resource names no record", "write it as enrollment/enrollment-123");
    let (entity, id) = emit.resource.split_once('/').ok_or_else(unfit)?;
    let mut event = Object::new();
    event.insert("type", emit.kind.as_str());
    event.insert("resourceType", entity);
    event.insert("resourceId", id);
    if let Some(id) = &emit.id {
        event.insert("id", id.as_str());
    }
    let data = match (&emit.data, &emit.data_file) {
        (Some(data), _) => Some(data.clone().into_bytes()),
        (None, Some(file)) => Some(read_all(file, BODY_BYTES_MAX)?),
        (None, None) => None,
    };
    if let Some(data) = data {
        let data = parse(&data).map_err(|error| {
            Refusal::usage(format!("the data is not JSON: {error}"), "quote it: --data '{\"a\":1}'")
        })?;
        event.insert("data", data);
    }
    let mut body = Object::new();
    body.insert("events", Json::Array(vec![Json::Object(event)]));
    let answer = Remote::new(&emit.at)?.post(&["events"], body)?;
    context.output.json(named("emitted/1", &answer));
    for event in listed(&answer, "events") {
        let sequence = match event.get("sequence") {
            Some(_) => format!("sequence {}", told(&event, "sequence")),
            None => "it was emitted before".to_owned(),
        };
        context.output.line(&format!("emitted {}  {sequence}", told(&event, "id")));
    }
    Ok(Exit::Ok)
}

fn list(context: &Context, answer: &Object) -> Result<Exit, Failure> {
    let output = &context.output;
    let events = listed(answer, "events");
    match output.format {
        Format::JsonLines => {
            output.json_list_of("events/1", "events", "event/1", events);
        }
        _ => {
            output.json(named("events/1", answer));
            if events.is_empty() {
                output.line("No events there.");
            }
            let rows: Vec<Vec<String>> = events.iter().map(row).collect();
            output.text(&columns(&rows));
        }
    }
    Ok(Exit::Ok)
}

/// Returns the columns of one event: its sequence, when, what, of which record, its id.
fn row(event: &Object) -> Vec<String> {
    let record = format!("{}/{}", told(event, "resourceType"), told(event, "resourceId"));
    let of = |name| told(event, name);
    vec![of("sequence"), of("timestamp"), of("type"), record, of("id")]
}

fn show(context: &Context, answer: &Object) -> Result<Exit, Failure> {
    let output = &context.output;
    output.json(named("event-deliveries/1", answer));
    let rows: Vec<Vec<String>> = listed(answer, "deliveries")
        .iter()
        .map(|one| {
            let attempts = match one.get("attempts") {
                Some(Json::Array(attempts)) => attempts.len().to_string(),
                _ => told(one, "attempts"),
            };
            vec![told(one, "endpoint"), told(one, "state"), format!("attempts {attempts}")]
        })
        .collect();
    output.text(&columns(&rows));
    let is_settled = answer.get("settled") == Some(&Json::Bool(true));
    output.line(if is_settled { "Nothing more will be tried." } else { "It is under way." });
    Ok(Exit::Ok)
}
