//! `syncline types`: TypeScript from the schemas of entities.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use syncline_model::id::EntityName;
use syncline_model::json::{Json, Object, parse};

use super::sync::write_text;
use crate::arguments::Types;
use crate::exit::Exit;
use crate::failure::{Failure, Refusal};
use crate::output::table::count;
use crate::run::Context;
use crate::typescript::{Described, Module, Numbers, write_module};

/// Longest file with a schema, in bytes. A hub takes 64 KiB.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// Runs the command.
///
/// # Errors
///
/// - [`Refusal::NoState`] if no file is named and there is no hub.
/// - [`Refusal::SchemaInvalid`] if a file holds no schema.
/// - [`Refusal::Usage`] if two files are of one entity.
pub fn run(context: &Context, types: &Types) -> Result<Exit, Failure> {
    let described = gather(context, types)?;
    let numbers = if types.plain_numbers { Numbers::Plain } else { Numbers::Exact };
    let module = write_module(&described, numbers);
    if let Some(path) = &types.output {
        // What watches the file is not woken for nothing.
        if fs::read(path).ok().as_deref() != Some(module.text.as_bytes()) {
            write_text(path, &module.text)?;
        }
    }
    context.output.json(to_json(&described, &module));
    match &types.output {
        Some(path) => {
            let entities = count(described.len() as u64, "entity", "entities");
            context.output.line(&format!("{}: types of {entities}", path.display()));
        }
        None if context.output.is_text() => context.output.raw(&module.text),
        None => {}
    }
    if described.is_empty() {
        context.output.note("no schema is registered: PUT /v1/schemas/{entity}, or name files");
    }
    Ok(Exit::Ok)
}

/// Returns the schemas by entity.
fn gather(context: &Context, types: &Types) -> Result<Vec<Described>, Failure> {
    let mut by_entity = BTreeMap::new();
    for file in &types.files {
        let described = read(file)?;
        if let Some(before) = by_entity.insert(described.entity.clone(), described) {
            let what = format!("two files are of the entity '{}'", before.entity);
            return Err(Refusal::usage(what, "name one, or say of what it is: ENTITY=FILE").into());
        }
    }
    if types.files.is_empty() || types.state.is_some() {
        let state = match &types.state {
            Some(state) => state.clone(),
            None => context.load()?.config.state,
        };
        for row in context.open_existing_hub(&state)?.schemas()? {
            let entity = row.entity.as_str().to_owned();
            let registered = Described {
                entity: entity.clone(),
                version: Some(row.version),
                schema: row.schema,
            };
            by_entity.entry(entity).or_insert(registered);
        }
    }
    Ok(by_entity.into_values().collect())
}

/// Reads a schema, or what `GET /v1/schemas/{entity}` answers.
fn read(word: &str) -> Result<Described, Failure> {
    let (entity, path) = match word.split_once('=') {
        // A file may have such a name itself.
        Some((entity, path)) if !Path::new(word).exists() => (Some(entity), PathBuf::from(path)),
        _ => (None, PathBuf::from(word)),
    };
    let invalid = |reason: String| Refusal::SchemaInvalid { path: path.clone(), reason };
    let bytes = content(&path)?;
    let Some(bytes) = bytes else {
        return Err(invalid(format!("it is longer than {FILE_BYTES_MAX} bytes")).into());
    };
    let document = parse(&bytes).map_err(|error| invalid(error.to_string()))?;
    let Some(object) = document.as_object() else {
        return Err(invalid("it is no object".to_owned()).into());
    };
    let (answered, version, schema) = match (object.get("entity"), object.get("schema")) {
        (Some(Json::String(entity)), Some(schema @ Json::Object(_))) => {
            let version = object.get("version").and_then(Json::as_number);
            let version = version.and_then(|version| u32::try_from(version.to_i64()?).ok());
            (Some(&**entity), version, schema.clone())
        }
        _ => (None, None, document.clone()),
    };
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let stem = name.strip_suffix(".json").unwrap_or(&name);
    let entity = entity.or(answered).unwrap_or(stem.strip_suffix(".schema").unwrap_or(stem));
    let entity = EntityName::new(entity)
        .map_err(|error| Refusal::usage(error.to_string(), "ENTITY=FILE"))?;
    Ok(Described { entity: entity.as_str().to_owned(), version, schema })
}

/// Returns what a file holds; nothing if that is too long.
fn content(path: &Path) -> Result<Option<Vec<u8>>, Refusal> {
    let refused = |source| Refusal::File { action: "read", path: path.to_owned(), source };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(refused)?;
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(refused)?;
    Ok((bytes.len() as u64 <= FILE_BYTES_MAX).then_some(bytes))
}

fn to_json(described: &[Described], module: &Module) -> Object {
    let entities = described.iter().zip(&module.names).map(|(one, name)| {
        let mut entity = Object::new();
        entity.insert("entity", one.entity.as_str());
        entity.insert("type", name.as_str());
        entity
            .insert("version", one.version.map_or(Json::Null, |version| u64::from(version).into()));
        Json::Object(entity)
    });
    let mut document = Object::new();
    document.insert("schema", "types/1");
    document.insert("entities", Json::Array(entities.collect()));
    document.insert("text", module.text.as_str());
    document
}
