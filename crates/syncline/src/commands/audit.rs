//! `syncline audit`: verify, export and prove what happened.

mod proof;

use std::path::Path;

use syncline_engine::audit::{Actor, AuditEntry, Details, Head};
use syncline_hub::{Hub, timestamp};
use syncline_model::id::{EntityName, RecordId};
use syncline_model::json::{Json, Object, parse};

use self::proof::Proof;
pub use self::proof::ProofFault;
use super::sync::write_text;
use crate::arguments::{Audit, AuditExport, Prove};
use crate::config::Config;
use crate::exit::Exit;
use crate::failure::{Failure, Refusal};
use crate::output::Format;
use crate::output::table::count;
use crate::run::{Context, reading};

/// Entries that are read at a time.
const ENTRIES_AT_ONCE: usize = 1_000;

/// Runs the command.
///
/// # Errors
///
/// [`syncline_hub::HubError::Audit`] names the first damaged entry.
pub fn run(context: &Context, audit: &Audit) -> Result<Exit, Failure> {
    if let Audit::Verify(options) = audit
        && let Some(file) = &options.proof
    {
        return verify_proof(context, file, options.given_head());
    }
    let config = context.load()?.config;
    let mut hub = context.open_existing_hub(&config.state)?;
    match audit {
        // It tells whether all is well, and of nobody.
        Audit::Verify(_) => verify(context, &hub),
        Audit::Export(options) => {
            reading::may_read(context, &config, &mut hub, None)?;
            export(context, &hub, options)
        }
        Audit::Prove(options) => prove(context, &config, &mut hub, options),
    }
}

fn verify(context: &Context, hub: &Hub) -> Result<Exit, Failure> {
    let head = hub.audit_verify()?;
    let mut document = Object::new();
    document.insert("schema", "audit-verify/1");
    document.insert("intact", Json::Bool(true));
    document.insert("entries", Json::Number(head.size.into()));
    document.insert("head", head.to_string());
    context.output.json(document);
    let entries = count(head.size, "entry", "entries");
    context
        .output
        .line(&format!("Intact: {entries}, none changed, moved or removed.\nHead: {head}"));
    Ok(Exit::Ok)
}

/// Checks a proof against a head that was given, without looking for a configuration or a state, or
/// against the log of the state, which is verified with it.
fn verify_proof(context: &Context, file: &Path, given: Option<Head>) -> Result<Exit, Failure> {
    let proof = Proof::read(file)?;
    let (head, entries) = match given {
        Some(head) => (head, None),
        None => {
            let config = context.load()?.config;
            let hub = context.open_existing_hub(&config.state)?;
            // The log has grown since, and holds the state that the proof was made for.
            let (now, then) = hub.audit_verify_at(proof.size())?;
            (then.unwrap_or(now), Some(now.size))
        }
    };
    proof.verify(&head)?;
    let mut document = proof.to_json();
    document.insert("head", head.to_string());
    document.insert("entries", entries.map_or(Json::Null, |size| Json::Number(size.into())));
    context.output.json(document);
    let facts = proof.leaf().facts();
    let run = facts.run.as_ref().map_or(String::new(), |run| format!(" by run {run}"));
    let whose = match entries {
        Some(now) => format!("this log had it; it has {} now", count(now, "entry", "entries")),
        None => "as it was given; no state was looked at".to_owned(),
    };
    context.output.line(&format!(
        "Holds: {} {} was {}{run}, at {}: entry {} of a log of {}.\nHead: {head} ({whose})",
        proof.facts.entity(),
        proof.facts.id(),
        proof.change(),
        timestamp(facts.at_ms),
        proof.leaf().index(),
        count(head.size, "entry", "entries"),
    ));
    Ok(Exit::Ok)
}

fn export(context: &Context, hub: &Hub, options: &AuditExport) -> Result<Exit, Failure> {
    let mut documents = Vec::new();
    let mut from = 0;
    loop {
        let entries = hub.audit_entries(from, ENTRIES_AT_ONCE)?;
        let Some(last) = entries.last() else { break };
        from = last.index() + 1;
        documents.extend(entries.iter().map(|entry| Json::Object(to_json(entry))));
    }
    let text = match context.output.format {
        Format::Json => {
            let mut list = Object::new();
            list.insert("schema", "audit-entries/1");
            list.insert("entries", Json::Array(documents));
            Json::Object(list).to_pretty_string() + "\n"
        }
        Format::Text | Format::JsonLines => {
            documents.iter().map(|entry| entry.to_compact_string() + "\n").collect()
        }
    };
    if let Some(path) = &options.output {
        write_text(path, &text)?;
    }
    if options.output.is_none() || !context.output.is_text() {
        context.output.raw(&text);
    }
    Ok(Exit::Ok)
}

fn to_json(entry: &AuditEntry) -> Object {
    let facts = entry.facts();
    let mut object = Object::new();
    object.insert("schema", "audit-entry/1");
    object.insert("index", Json::Number(entry.index().into()));
    object.insert("atMs", Json::Number(facts.at_ms.into()));
    object.insert("category", facts.category.as_str());
    object.insert("action", facts.action.as_str());
    object.insert("origin", facts.origin.as_str());
    if let Some(run) = &facts.run {
        object.insert("runId", run.as_str());
    }
    let optional = |text: Option<&str>| text.map_or(Json::Null, Json::from);
    object.insert("user", optional(entry.actor().and_then(Actor::user)));
    object.insert("session", optional(entry.actor().and_then(Actor::session)));
    let details = entry.details().map(Details::as_json).unwrap_or_default();
    object.insert("details", parse(details.as_bytes()).unwrap_or(Json::Null));
    object.insert("records", Json::Number(facts.record_count.into()));
    object.insert("leaf", entry.leaf_hash().to_string());
    object
}

fn prove(
    context: &Context,
    config: &Config,
    hub: &mut Hub,
    options: &Prove,
) -> Result<Exit, Failure> {
    let unfit = |error: syncline_model::id::IdError| {
        Refusal::usage(error.to_string(), "syncline audit prove <entity> <id>")
    };
    let entity = EntityName::new(&options.entity).map_err(unfit)?;
    let id = RecordId::new(&options.id).map_err(unfit)?;
    reading::may_read(context, config, hub, Some(&entity))?;
    let run = match &options.run {
        Some(name) => hub.run(name)?.get("runId").and_then(Json::as_str).map(str::to_owned),
        None => None,
    };
    let proved = hub.audit_prove(&entity, &id, run.as_deref())?;
    let document = proof::to_document(&proved);
    // A proof is a document for machines, whatever the form of other results.
    match context.output.is_text() {
        true => context.output.raw(&format!("{}\n", Json::Object(document).to_pretty_string())),
        false => context.output.json(document),
    }
    Ok(Exit::Ok)
}
