//! `syncline undo`: take a run back.

use std::io::{self, BufRead, IsTerminal};

use syncline_engine::link::Side;
use syncline_engine::sync::RunStatus;
use syncline_hub::{Hub, HubError, UndoOutcome};
use syncline_model::id::{EntityName, RecordId};
use syncline_model::json::{Json, Object};

use super::sync::permitted;
use crate::arguments::{SyncOptions, Undo};
use crate::config::Config;
use crate::exit::Exit;
use crate::failure::{Failure, Refusal};
use crate::output::table::{count, printable};
use crate::run::{Context, LATEST, Prepared, prepare};

/// Most records of a kind that are named.
const LEFT_NAMED_MAX: usize = 20;

/// Runs the command; it asks first, unless `--yes` was given.
///
/// # Errors
///
/// [`Refusal::ConfirmationNeeded`] if nobody can be asked, [`Refusal::Declined`] if the answer is
/// no, and any other [`Failure`] of the hub.
pub fn run(context: &Context, undo: &Undo) -> Result<Exit, Failure> {
    let config = context.load()?.config;
    let mut hub = context.open_existing_hub(&config.state)?;
    let run = found(context, &hub, &undo.run)?;
    let name = run.get("syncId").and_then(Json::as_str).unwrap_or(&undo.run).to_owned();
    if undo.run == LATEST {
        context.output.note(&format!("the latest run that wrote a file is {name}"));
    }
    drop(hub);
    let prepared = permitted(context, &config, request_of(context, &config, &run))?;
    hub = context.open_existing_hub(&config.state)?;
    let outlook = hub.undo(&name, &prepared.request, true)?;
    if outlook.restores_nothing() {
        context.output.text(&left_text(&prepared, &outlook));
        // Refused, with the reason; nothing is written and the run can still be undone.
        hub.undo(&name, &prepared.request, false)?;
    }
    if undo.plan {
        context.output.json(to_json(&prepared, &outlook, false));
        context.output.text(&text(&prepared, &outlook, "Would restore"));
        context.output.line(&format!("Nothing written. Do it: syncline undo {}", undo.run));
        return Ok(Exit::Ok);
    }
    if !context.global.yes {
        context.output.text(&text(&prepared, &outlook, "Restores"));
        // A question takes as long as the person: meanwhile the hub is there for others.
        drop(hub);
        confirm(context)?;
        hub = context.open_existing_hub(&config.state)?;
    }
    let outcome = hub.undo(&name, &prepared.request, false)?;
    context.output.json(to_json(&prepared, &outcome, true));
    if context.global.yes {
        // Told when it is done: it may fail.
        context.output.text(&text(&prepared, &outcome, "Restored"));
    }
    context.output.line(&format!("Undone by {}.", outcome.report.sync_id));
    Ok(Exit::Ok)
}

/// Returns the run of this name; `latest` is the latest that wrote a file.
fn found(context: &Context, hub: &Hub, name: &str) -> Result<Object, Failure> {
    let refusal = |reason| Failure::from(HubError::NotUndoable { id: name.to_owned(), reason });
    if name == LATEST {
        let wrote = |run: &Object| !is_stopped(run) && wrote_a_file(run);
        return hub.latest_run(wrote)?.ok_or_else(|| refusal("no run has written a file"));
    }
    let run = context.find_run(hub, name)?;
    match is_stopped(&run) {
        true => Err(refusal("it ended before it wrote anything")),
        false => Ok(run),
    }
}

fn is_stopped(run: &Object) -> bool {
    let status = run.get("status").and_then(Json::as_str);
    [RunStatus::Stopped, RunStatus::Failed].iter().any(|end| status == Some(end.as_str()))
}

fn wrote_a_file(run: &Object) -> bool {
    let files = run.get("files").and_then(Json::as_object);
    let mut changes =
        files.into_iter().flat_map(Object::iter).filter_map(|(_, change)| change.as_object());
    changes.any(|change| change.get("before") != change.get("after"))
}

/// Returns the request of the run that is taken back: its domains and entities.
fn request_of(context: &Context, config: &Config, run: &Object) -> Result<Prepared, Failure> {
    let text = |member| run.get(member).and_then(Json::as_str).map(str::to_owned);
    let entities = run.get("entities").and_then(Json::as_array).unwrap_or_default();
    let options = SyncOptions {
        source: text("sourceDomain"),
        target: text("targetDomain"),
        entities: entities.iter().filter_map(Json::as_str).map(str::to_owned).collect(),
        ..SyncOptions::default()
    };
    prepare(context, config, &options)
}

fn confirm(context: &Context) -> Result<(), Refusal> {
    if context.global.no_input || !io::stdin().is_terminal() {
        return Err(Refusal::ConfirmationNeeded);
    }
    context.output.note("Proceed? [y/N]");
    let mut answer = String::new();
    let read = io::stdin().lock().read_line(&mut answer);
    match (read, answer.trim().to_ascii_lowercase().as_str()) {
        (Ok(_), "y" | "yes") => Ok(()),
        _ => Err(Refusal::Declined),
    }
}

fn text(prepared: &Prepared, outcome: &UndoOutcome, verb: &str) -> String {
    let (source, target) = (&prepared.link.source, &prepared.link.target);
    let [in_source, in_target] = outcome.restored;
    let total = count(in_source + in_target, "record", "records");
    let mut text = format!("{verb} {total} ({source} {in_source}, {target} {in_target}).\n");
    for file in &outcome.files_exact {
        text.push_str(&format!("  {file}: byte for byte\n"));
    }
    text.push_str(&left_text(prepared, outcome));
    if outcome.reopened > 0 {
        let conflicts = count(outcome.reopened, "conflict is", "conflicts are");
        text.push_str(&format!("  {conflicts} open again: syncline conflicts list\n"));
    }
    if outcome.settled_again > 0 {
        let decisions = count(outcome.settled_again, "decision is", "decisions are");
        text.push_str(&format!(
            "  {decisions} taken back, and the rules settle again: syncline conflicts list --status all\n"
        ));
    }
    if !outcome.comes_again.is_empty() {
        let records = count(outcome.comes_again.len() as u64, "record comes", "records come");
        let named = named(prepared, &outcome.comes_again);
        text.push_str(&format!(
            "  {records} again with the next sync, as the rules or other domains still say so: \
             {named}\n"
        ));
    }
    text
}

/// Names what stays as it is, and why; empty if nothing does.
fn left_text(prepared: &Prepared, outcome: &UndoOutcome) -> String {
    let mut text = String::new();
    if !outcome.left.is_empty() {
        let (left, named) = (outcome.left.len(), named(prepared, &outcome.left));
        text.push_str(&format!("  {left} changed since, left as they are: {named}\n"));
    }
    if !outcome.withheld.is_empty() {
        let (withheld, named) = (outcome.withheld.len(), named(prepared, &outcome.withheld));
        let again = format!("syncline undo {}", outcome.sync_id);
        text.push_str(&format!(
            "  {withheld} kept from a domain by its policy, left as they are: {named}\n  \
             (once the policy lets them: {again})\n"
        ));
    }
    text
}

/// Names records with their domains, the first ones.
fn named(prepared: &Prepared, records: &[(Side, EntityName, RecordId)]) -> String {
    let names = records.iter().take(LEFT_NAMED_MAX).map(|(side, entity, id)| {
        format!("{}/{entity} {}", domain(prepared, *side), printable(id.as_str()))
    });
    let names: Vec<String> = names.collect();
    let rest = records.len().saturating_sub(LEFT_NAMED_MAX);
    let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
    format!("{}{more}", names.join(", "))
}

fn domain(prepared: &Prepared, side: Side) -> &str {
    match side {
        Side::Source => prepared.link.source.as_str(),
        Side::Target => prepared.link.target.as_str(),
    }
}

fn to_json(prepared: &Prepared, outcome: &UndoOutcome, is_done: bool) -> Object {
    let number = |value: u64| Json::Number(value.into());
    let mut document = Object::new();
    document.insert("schema", "undo/1");
    document.insert("undone", outcome.sync_id.as_str());
    document.insert("done", Json::Bool(is_done));
    if is_done {
        document.insert("syncId", outcome.report.sync_id.as_str());
    }
    let mut restored = Object::new();
    restored.insert("source", number(outcome.restored[0]));
    restored.insert("target", number(outcome.restored[1]));
    document.insert("restored", restored);
    let files = outcome.files_exact.iter().map(|file| Json::from(file.as_str()));
    document.insert("filesExact", Json::Array(files.collect()));
    let records = |records: &[(Side, EntityName, RecordId)]| {
        let record = |(side, entity, id): &(Side, EntityName, RecordId)| {
            let mut one = Object::new();
            one.insert("domain", domain(prepared, *side));
            one.insert("entity", entity.as_str());
            one.insert("id", id.as_str());
            Json::Object(one)
        };
        Json::Array(records.iter().map(record).collect())
    };
    document.insert("left", records(&outcome.left));
    document.insert("withheld", records(&outcome.withheld));
    document.insert("reopened", number(outcome.reopened));
    document.insert("settledAgain", number(outcome.settled_again));
    document.insert("comesAgain", records(&outcome.comes_again));
    document
}
