//! `syncline diff`: a record as it was last agreed on, and as each side has it now.

use std::collections::BTreeSet;

use syncline_engine::conflicts::{ConflictRow, Status};
use syncline_hub::{Hub, RecordView};
use syncline_model::id::{DomainName, RecordId};
use syncline_model::json::{Json, Leaf, Object};
use syncline_model::path::Path;

use super::sync::{exit_of_look, link_heading, tell_of};
use crate::arguments::{Diff, SyncOptions};
use crate::exit::Exit;
use crate::failure::{Failure, Refusal};
use crate::output::Paint;
use crate::output::table::{columns, field, printable, value};
use crate::run::{Context, Prepared, each_link, prepare};

/// Most records that are compared, unless all are asked for with `-v`.
const RECORDS_SHOWN_MAX: usize = 50;

/// The fields of a record that are compared.
type Fields = Vec<(Path, Leaf)>;

/// Runs the command: of one record, or of every record that a sync would touch.
///
/// # Errors
///
/// [`Refusal::EntityUnsupported`] if the entity is not part of the link, and any other [`Failure`]
/// of the hub.
pub fn run(context: &Context, diff: &Diff) -> Result<Exit, Failure> {
    let config = context.load()?.config;
    let options = SyncOptions { entities: vec![diff.entity.clone()], ..diff.options.clone() };
    let each = each_link(&config, &options);
    let (mut documents, mut worst) = (Vec::new(), Exit::Ok);
    for options in &each {
        link_heading(context, options, each.len());
        let prepared = prepare(context, &config, options)?;
        let (found, exit) =
            context.look(&config.state, |hub| compare(context, hub, &prepared, diff))?;
        documents.extend(found);
        worst = worst.worse(exit);
    }
    context.output.json_list_of("diff/1", "records", "difference/1", documents);
    Ok(worst)
}

/// Compares the records of one link; answers with their documents, and whether all could be read.
fn compare(
    context: &Context,
    hub: &mut Hub,
    prepared: &Prepared,
    diff: &Diff,
) -> Result<(Vec<Object>, Exit), Failure> {
    let Some(entity) = prepared.request.entities.first() else {
        return Ok((Vec::new(), Exit::Ok));
    };
    let one = diff.id.as_deref().map(record_id).transpose()?;
    let mut open = match &one {
        Some(id) => hub.conflicts_of(&entity.entity.name, id)?,
        None => hub.conflicts()?,
    };
    open.retain(|row| row.status == Status::Open && row.entity == entity.entity.name);
    let (ids, exit) = match one {
        Some(id) => (vec![id], Exit::Ok),
        None => touched(context, hub, prepared, &open)?,
    };
    let shown_max = if context.output.verbose { usize::MAX } else { RECORDS_SHOWN_MAX };
    let mut documents = Vec::new();
    for id in ids.iter().take(shown_max) {
        let mut view = hub.record(&entity.entity, id, &prepared.request)?;
        open.iter().filter(|row| row.id == *id).for_each(|row| go_back(&mut view, row));
        print(context, prepared, id, &view);
        documents.push(to_json(prepared, &diff.entity, id, &view));
    }
    match ids.len().saturating_sub(shown_max) {
        0 if ids.is_empty() && exit == Exit::Ok => context.output.line("No record differs."),
        0 => {}
        rest => context.output.line(&format!("… and {rest} more (-v shows all)")),
    }
    Ok((documents, exit))
}

fn record_id(text: &str) -> Result<RecordId, Refusal> {
    RecordId::new(text)
        .map_err(|error| Refusal::usage(error.to_string(), "give the id of a record"))
}

/// Lets the bases say of a field that waits for a person what both sides agreed on last. Each side
/// goes on with its own value, which is what it is known to hold.
fn go_back(view: &mut RecordView, row: &ConflictRow) {
    let path = &row.conflict.path;
    for base in view.bases.iter_mut().flatten() {
        let is_inside = base.iter().any(|(field, _)| field != path && field.is_prefix_of(path));
        if path.is_root() || is_inside {
            continue;
        }
        base.retain(|(field, _)| field != path);
        base.extend(row.base.iter().map(|leaf| (path.clone(), leaf.clone())));
        base.sort();
    }
}

/// Returns the records that a sync would touch or that wait for a person, and its exit code as far
/// as something cannot be read, which is told.
fn touched(
    context: &Context,
    hub: &mut Hub,
    prepared: &Prepared,
    open: &[ConflictRow],
) -> Result<(Vec<RecordId>, Exit), Failure> {
    let outcome = hub.plan(&prepared.request, &mut context.progress())?;
    tell_of(context, &outcome.report);
    let ids: BTreeSet<RecordId> = outcome
        .actions
        .iter()
        .map(|action| action.id.clone())
        .chain(outcome.conflicts.iter().map(|found| found.id.clone()))
        .chain(open.iter().map(|row| row.id.clone()))
        .collect();
    Ok((ids.into_iter().collect(), exit_of_look(&outcome.report)))
}

/// Returns what both sides were last known to agree on: the base of whichever domain has one.
fn base(view: &RecordView) -> Option<&Fields> {
    view.bases.iter().flatten().next()
}

fn print(context: &Context, prepared: &Prepared, id: &RecordId, view: &RecordView) {
    let output = &context.output;
    let sides = [base(view), view.held[0].as_ref(), view.held[1].as_ref()];
    let mut rows = vec![vec![
        String::new(),
        "base".to_owned(),
        prepared.link.source.to_string(),
        prepared.link.target.to_string(),
    ]];
    let [of_source, of_target] = view.unreadable;
    let is_any_unread = of_source || of_target;
    let at = |fields: Option<&Fields>, path: &Path| -> Option<Leaf> {
        fields?.iter().find(|(own, _)| own == path).map(|(_, leaf)| leaf.clone())
    };
    let paths: BTreeSet<&Path> =
        sides.iter().copied().flatten().flatten().map(|(path, _)| path).collect();
    for path in paths {
        let [base, source, target] = sides.map(|fields| at(fields, path));
        let is_same = source == target && (base == source || sides[0].is_none()) && !is_any_unread;
        if is_same && !output.verbose {
            continue;
        }
        let cells = [(&base, false), (&source, of_source), (&target, of_target)];
        let cells = cells.map(|(leaf, is_unread)| match leaf {
            Some(leaf) => value(Some(leaf)),
            None if is_unread => "?".to_owned(),
            None => "-".to_owned(),
        });
        let mut row = vec![format!("  {}", field(path))];
        row.extend(cells);
        rows.push(row);
    }
    output.line(&output.paint(Paint::Bold, &printable(id.as_str())));
    match rows.len() {
        1 if is_any_unread => {}
        1 if sides.iter().all(Option::is_none) => output.line("  nobody has this record"),
        1 => output.line("  no field differs"),
        _ => output.text(&columns(&rows)),
    }
    for domain in unreadable(prepared, view) {
        output.line(&format!("  ? what {domain} holds of it cannot be read; look: syncline plan"));
    }
}

/// Returns the domains of which nobody knows what they hold of a record.
fn unreadable<'a>(
    prepared: &'a Prepared,
    view: &'a RecordView,
) -> impl Iterator<Item = &'a DomainName> {
    let domains = [&prepared.link.source, &prepared.link.target].into_iter();
    domains.zip(view.unreadable).filter_map(|(domain, is_unread)| is_unread.then_some(domain))
}

fn to_json(prepared: &Prepared, entity: &str, id: &RecordId, view: &RecordView) -> Object {
    let fields = |fields: Option<&Fields>| match fields {
        None => Json::Null,
        Some(fields) => {
            let mut object = Object::new();
            for (path, leaf) in fields {
                object.insert(path.as_str(), leaf.to_json());
            }
            Json::Object(object)
        }
    };
    let mut document = Object::new();
    document.insert("sourceDomain", prepared.link.source.as_str());
    document.insert("targetDomain", prepared.link.target.as_str());
    document.insert("entity", entity);
    document.insert("id", id.as_str());
    document.insert("hub", fields(view.hub.as_ref()));
    document.insert("base", fields(base(view)));
    document.insert("source", fields(view.held[0].as_ref()));
    document.insert("target", fields(view.held[1].as_ref()));
    let unread = unreadable(prepared, view).map(|domain| Json::from(domain.as_str()));
    document.insert("unreadable", Json::Array(unread.collect()));
    document
}
