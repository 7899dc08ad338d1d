//! `syncline hooks endpoint`: addresses of applications that are told of events.

use syncline_model::json::{Json, Object};

use super::{listed, named, told};
use crate::arguments::{
    EndpointAdd, EndpointChange, EndpointChoice, EndpointCommand, EndpointNamed, Kept, PresetWord,
};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::table::columns;
use crate::remote::Remote;
use crate::run::Context;

/// The form of one endpoint.
const SCHEMA: &str = "endpoint/1";
/// How many endpoints are asked for at once: as many as a hub answers.
const PAGE: &str = "1000";
/// Most pages that are asked for: ten times what a hub has, so that a list that never ends does end.
const PAGES_MAX: usize = 100;

pub(super) fn run(context: &Context, command: &EndpointCommand) -> Result<Exit, Failure> {
    match command {
        EndpointCommand::List { at } => list(context, &Remote::new(at)?),
        EndpointCommand::Show(named) => show(context, named),
        EndpointCommand::Add(add) => make(context, add),
        EndpointCommand::Change(change) => self::change(context, change),
        EndpointCommand::Remove(named) => {
            Remote::new(&named.at)?.delete(&["endpoints", &named.endpoint])?;
            done(context, named, "removed")
        }
        EndpointCommand::Disable(named) => {
            Remote::new(&named.at)?.post_nothing(&["endpoints", &named.endpoint, "disable"])?;
            done(context, named, "disabled")
        }
        EndpointCommand::Enable { named, skip_backlog } => {
            let mut body = Object::new();
            body.insert("backlog", if *skip_backlog { "skip" } else { "deliver" });
            Remote::new(&named.at)?.post(&["endpoints", &named.endpoint, "enable"], body)?;
            done(context, named, "enabled")
        }
        EndpointCommand::Test(named) => test(context, named),
        EndpointCommand::Rotate { named, overlap } => rotate(context, named, *overlap),
    }
}

fn list(context: &Context, remote: &Remote) -> Result<Exit, Failure> {
    let (mut endpoints, mut cursor) = (Vec::new(), String::new());
    for _ in 0..PAGES_MAX {
        let goes_on = (!cursor.is_empty()).then_some(("cursor", cursor.as_str()));
        let query: Vec<(&str, &str)> = std::iter::once(("limit", PAGE)).chain(goes_on).collect();
        let answer = remote.get(&["endpoints"], &query)?;
        endpoints.extend(listed(&answer, "endpoints"));
        match answer.get("next").and_then(Json::as_str) {
            Some(next) => cursor = next.to_owned(),
            None => break,
        }
    }
    let output = &context.output;
    output.json_list_of("endpoints/1", "endpoints", SCHEMA, endpoints.clone());
    if endpoints.is_empty() {
        output.line("No endpoints. Make one: syncline hooks endpoint add <url>");
        return Ok(Exit::Ok);
    }
    output.text(&columns(&endpoints.iter().map(row).collect::<Vec<_>>()));
    Ok(Exit::Ok)
}

/// Returns the columns of one endpoint: its name, how it does, what waits, where it is.
fn row(endpoint: &Object) -> Vec<String> {
    let state = match (endpoint.get("disabled"), told(endpoint, "breaker").as_str()) {
        (Some(_), _) => format!("disabled: {}", told(endpoint, "disabled")),
        (None, "closed") => "enabled".to_owned(),
        (None, breaker) => format!("enabled, breaker {breaker}"),
    };
    let waits = format!("{} wait", told(endpoint, "pending"));
    vec![told(endpoint, "id"), state, waits, told(endpoint, "url")]
}

fn show(context: &Context, of: &EndpointNamed) -> Result<Exit, Failure> {
    let endpoint = Remote::new(&of.at)?.get(&["endpoints", &of.endpoint], &[])?;
    context.output.json(named(SCHEMA, &endpoint));
    let rows = endpoint.iter().map(|(name, _)| vec![name.to_owned(), told(&endpoint, name)]);
    context.output.text(&columns(&rows.collect::<Vec<_>>()));
    Ok(Exit::Ok)
}

fn make(context: &Context, add: &EndpointAdd) -> Result<Exit, Failure> {
    let mut body = Object::new();
    body.insert("url", add.url.as_str());
    if let Some(id) = &add.id {
        body.insert("id", id.as_str());
    }
    settle(&mut body, (&add.events, add.description.as_deref(), add.per_second), &add.chosen);
    match add.preset {
        Some(PresetWord::Anywheredoor) => drop(body.insert("preset", "anywheredoor")),
        None => {}
    }
    if !add.secret_file.is_empty() {
        // Read and looked at here, so that a wrong file is said to be one, and sent as they are.
        let checked = super::secrets(&add.secret_file)?;
        let secrets = checked.iter().map(|secret| Json::from(secret.expose().as_str()));
        body.insert("secrets", Json::Array(secrets.collect()));
    }
    let endpoint = Remote::new(&add.at)?.post(&["endpoints"], body)?;
    context.output.json(named(SCHEMA, &endpoint));
    // Only one that is made shows its secrets.
    let what =
        if endpoint.contains_key("secrets") { "made" } else { "was there already, as asked for:" };
    context.output.line(&format!("{what} {}", row(&endpoint).join("  ")));
    for secret in endpoint.get("secrets").and_then(Json::as_array).unwrap_or_default() {
        let secret = secret.as_str().unwrap_or_default();
        context.output.line(&format!("secret {secret}   (it is not shown again)"));
    }
    Ok(Exit::Ok)
}

fn change(context: &Context, change: &EndpointChange) -> Result<Exit, Failure> {
    let mut body = Object::new();
    if let Some(url) = &change.url {
        body.insert("url", url.as_str());
    }
    let said = (&change.events[..], change.description.as_deref(), change.per_second);
    settle(&mut body, said, &change.chosen);
    let path = ["endpoints", &change.named.endpoint];
    let endpoint = Remote::new(&change.named.at)?.patch(&path, body)?;
    context.output.json(named(SCHEMA, &endpoint));
    context.output.line(&format!("changed {}", row(&endpoint).join("  ")));
    Ok(Exit::Ok)
}

/// Says of an endpoint what was given.
fn settle(
    body: &mut Object,
    (events, description, per_second): (&[String], Option<&str>, Option<u32>),
    chosen: &EndpointChoice,
) {
    if !events.is_empty() {
        let events = events.iter().map(|text| Json::from(text.as_str()));
        body.insert("events", Json::Array(events.collect()));
    }
    if let Some(description) = description {
        body.insert("description", description);
    }
    if let Some(per_second) = per_second {
        body.insert("perSecond", u64::from(per_second));
    }
    match chosen.filter.as_deref() {
        None => {}
        Some("none") => drop(body.insert("filter", Json::Null)),
        Some(filter) => drop(body.insert("filter", filter)),
    }
    for (name, kept) in [("keepDeliveredMs", chosen.keep), ("keepDeadMs", chosen.keep_dead)] {
        match kept {
            None => {}
            Some(Kept::AsHub) => drop(body.insert(name, Json::Null)),
            Some(Kept::For(ms)) => drop(body.insert(name, ms)),
        }
    }
}

/// Sends a test, and says what came of it: exit 0 if the endpoint was reached.
fn test(context: &Context, of: &EndpointNamed) -> Result<Exit, Failure> {
    let remote = Remote::new(&of.at)?;
    let answer = remote.post(&["endpoints", &of.endpoint, "test"], Object::new())?;
    context.output.json(named("endpoint-test/1", &answer));
    let is_delivered = answer.get("delivered") == Some(&Json::Bool(true));
    // It was read and found unfit: it may be enabled, and has not taken it.
    let is_reached = is_delivered || answer.get("reached") == Some(&Json::Bool(true));
    let how = match answer.get("status") {
        Some(_) => format!("it answered {}", told(&answer, "status")),
        None => told(&answer, "reason"),
    };
    let what = if is_reached { "reached" } else { "NOT reached" };
    let line = format!("{} {what}: {how}, after {} ms", of.endpoint, told(&answer, "durationMs"));
    context.output.line(&line);
    Ok(if is_reached { Exit::Ok } else { Exit::Partial })
}

fn rotate(context: &Context, of: &EndpointNamed, overlap: Option<u64>) -> Result<Exit, Failure> {
    let mut body = Object::new();
    if let Some(overlap) = overlap {
        body.insert("overlapMs", overlap);
    }
    let answer = Remote::new(&of.at)?.post(&["endpoints", &of.endpoint, "rotate"], body)?;
    context.output.json(named("endpoint-secret/1", &answer));
    let (secret, ends) = (told(&answer, "secret"), told(&answer, "formerEndsAt"));
    context.output.line(&format!("secret {secret}   (it is not shown again)"));
    context.output.line(&format!("The former ones sign too until {ends}."));
    Ok(Exit::Ok)
}

fn done(context: &Context, of: &EndpointNamed, what: &str) -> Result<Exit, Failure> {
    let mut document = Object::new();
    document.insert("schema", "endpoint-done/1");
    document.insert("id", of.endpoint.as_str());
    document.insert("done", what);
    context.output.json(document);
    context.output.line(&format!("{} {what}", of.endpoint));
    Ok(Exit::Ok)
}
