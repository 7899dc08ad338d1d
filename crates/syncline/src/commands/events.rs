//! `syncline events check`: what a change of schemas would break, before it is made.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use syncline_model::id::EventType;
use syncline_model::json::{Json, Object, parse};
use syncline_model::schema::{check_schema, compare};

use crate::arguments::{EventsCheck, EventsCommand};
use crate::exit::Exit;
use crate::failure::{Failure, Refusal};
use crate::output::table::printable;
use crate::remote::Remote;
use crate::run::Context;

/// What stands for the catalogue of a hub.
const HUB: &str = "hub";
/// Longest file with types, in bytes: as long as an answer of a hub.
const FILE_BYTES_MAX: u64 = 32 << 20;
/// Most files of a folder: a hub has at most 1,000 types.
const FILES_MAX: usize = 4_096;
/// Most pages of a hub's catalogue: it has at most 1,000 types beside those of records.
const PAGES_MAX: usize = 64;

/// A type of event, as far as it is compared.
struct Known {
    version: Option<i64>,
    schema: Json,
}

type Types = BTreeMap<String, Known>;

/// What breaks somebody.
struct Break {
    event_type: String,
    path: String,
    keyword: &'static str,
    breaks: &'static str,
    reason: &'static str,
}

/// Runs the command.
///
/// # Errors
///
/// - [`Refusal::EventTypesInvalid`] if a file holds no types, or a schema is not understood.
/// - Any [`Failure`] of reading; what a hub refuses has the hub's own code.
pub fn run(context: &Context, command: &EventsCommand) -> Result<Exit, Failure> {
    let EventsCommand::Check(check) = command;
    let newer = read(&check.types)?;
    let is_hub = check.against == Path::new(HUB);
    let older = if is_hub { of_hub(check)? } else { read(&check.against)? };
    let mut breaks = Vec::new();
    let mut compared = 0;
    for (event_type, was) in &older {
        let Some(is) = newer.get(event_type) else {
            // A hub knows types of others, too.
            if !is_hub {
                breaks.push(gone(event_type));
            }
            continue;
        };
        compared += 1;
        // Of a version of its own nothing is expected.
        if is.version > was.version && was.version.is_some() {
            continue;
        }
        breaks.extend(compare(&was.schema, &is.schema).into_iter().map(|finding| Break {
            event_type: event_type.clone(),
            path: finding.path,
            keyword: finding.keyword,
            breaks: finding.breaks.as_str(),
            reason: finding.reason,
        }));
    }
    say(context, &newer, compared, &breaks);
    Ok(if breaks.is_empty() || check.force { Exit::Ok } else { Exit::Safety })
}

fn gone(event_type: &str) -> Break {
    Break {
        event_type: event_type.to_owned(),
        path: String::new(),
        keyword: "type",
        breaks: "older readers",
        reason: "the type is not there any more",
    }
}

fn say(context: &Context, types: &Types, compared: usize, breaks: &[Break]) {
    let mut document = Object::new();
    document.insert("schema", "events-check/1");
    document.insert("compatible", breaks.is_empty());
    document.insert("types", types.len() as u64);
    document.insert("compared", compared as u64);
    let findings = breaks.iter().map(|one| {
        let mut finding = Object::new();
        finding.insert("type", one.event_type.as_str());
        finding.insert("path", one.path.as_str());
        finding.insert("keyword", one.keyword);
        finding.insert("breaks", one.breaks);
        finding.insert("reason", one.reason);
        Json::Object(finding)
    });
    document.insert("findings", findings.collect::<Vec<Json>>());
    context.output.json(document);
    for one in breaks {
        let at = if one.path.is_empty() { "/" } else { &one.path };
        let (event_type, at) = (printable(&one.event_type), printable(at));
        let text =
            format!("{event_type} {at}: {} ({}, for {})", one.reason, one.keyword, one.breaks);
        context.output.line(&text);
    }
    let summary = match breaks.len() {
        0 => format!("{compared} of {} types compared: nothing breaks", types.len()),
        count => format!("{compared} of {} types compared: {count} things break", types.len()),
    };
    context.output.line(&summary);
    if !breaks.is_empty() {
        context.output.note("make it a new version (`version` one higher), or change less");
    }
}

/// Reads the catalogue of a hub, page by page.
fn of_hub(check: &EventsCheck) -> Result<Types, Failure> {
    let (remote, mut types, mut cursor) = (Remote::new(&check.at)?, Types::new(), None);
    for _ in 0..PAGES_MAX {
        let mut query = vec![("limit", "1000")];
        query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
        let page = remote.get(&["event-types"], &query)?;
        let known = types_of(&Json::Object(page.clone()), Path::new(HUB))?;
        types.extend(known);
        cursor = page.get("next").and_then(Json::as_str).map(str::to_owned);
        if cursor.is_none() {
            break;
        }
    }
    Ok(types)
}

/// Reads the types of a file, or of all files of a folder.
fn read(path: &Path) -> Result<Types, Failure> {
    let refused = |source| Refusal::File { action: "read", path: path.to_owned(), source };
    if !fs::metadata(path).map_err(refused)?.is_dir() {
        return read_file(path);
    }
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(path).map_err(refused)? {
        let file = entry.map_err(refused)?.path();
        if file.extension().is_some_and(|end| end == "json") {
            files.push(file);
        }
        if files.len() > FILES_MAX {
            return Err(invalid(path, &format!("it has more than {FILES_MAX} files")).into());
        }
    }
    files.sort();
    let mut types = Types::new();
    for file in files {
        for (event_type, known) in read_file(&file)? {
            if types.insert(event_type, known).is_some() {
                return Err(invalid(&file, "it has a type that another file has, too").into());
            }
        }
    }
    Ok(types)
}

fn read_file(path: &Path) -> Result<Types, Failure> {
    let refused = |source| Refusal::File { action: "read", path: path.to_owned(), source };
    let (mut bytes, file) = (Vec::new(), fs::File::open(path).map_err(refused)?);
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(refused)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(invalid(path, &format!("it is longer than {FILE_BYTES_MAX} bytes")).into());
    }
    let document = parse(&bytes).map_err(|error| invalid(path, &error.to_string()))?;
    types_of(&document, path)
}

/// Returns the types that a document names: one, or a list of them.
fn types_of(document: &Json, path: &Path) -> Result<Types, Failure> {
    let one = [document.clone()];
    let listed = document.as_object().and_then(|object| object.get("eventTypes"));
    let listed = listed.map_or(Some(&one[..]), Json::as_array);
    let listed = listed.ok_or_else(|| invalid(path, "eventTypes is no list"))?;
    let mut types = Types::new();
    for item in listed {
        let item = item.as_object().ok_or_else(|| invalid(path, "a type of event is an object"))?;
        if item.get("retired") == Some(&Json::Bool(true)) {
            continue;
        }
        let name = item.get("type").and_then(Json::as_str).unwrap_or_default();
        EventType::new(name).map_err(|error| invalid(path, &error.to_string()))?;
        let schema = item.get("schema").ok_or_else(|| invalid(path, "a type has no schema"))?;
        check_schema(schema).map_err(|error| invalid(path, &format!("`{name}`: {error}")))?;
        let version = item.get("version").and_then(Json::as_number);
        let known = Known { version: version.and_then(|v| v.to_i64()), schema: schema.clone() };
        if types.insert(name.to_owned(), known).is_some() {
            return Err(invalid(path, &format!("it has `{name}` twice")).into());
        }
    }
    Ok(types)
}

fn invalid(path: &Path, reason: &str) -> Refusal {
    Refusal::EventTypesInvalid { path: path.to_owned(), reason: reason.to_owned() }
}
