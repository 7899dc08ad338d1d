//! Which records `--only` means.

use std::collections::BTreeSet;
use std::fs;

use syncline_hub::{FileDomain, FileEntity};
use syncline_model::id::RecordId;
use syncline_model::json::{Json, Leaf, parse};
use syncline_model::path::Path;
use syncline_policy::Condition;

use crate::arguments::value::Only;
use crate::failure::{Failure, Refusal};

/// Returns the ids that are asked for; `None` if all records are.
///
/// Where only fields are asked for, the entities that none of them names are left out.
///
/// # Errors
///
/// [`Refusal::EntityUnsupported`] if an entity is named that does not take part, and
/// [`Refusal::File`] if its file cannot be read.
pub(super) fn ids(
    only: &[Only],
    domains: [&FileDomain; 2],
    entities: &mut Vec<FileEntity>,
) -> Result<Option<BTreeSet<RecordId>>, Failure> {
    if only.is_empty() {
        return Ok(None);
    }
    let mut ids = BTreeSet::new();
    let mut named = BTreeSet::new();
    for one in only {
        match one {
            Only::Id(id) => {
                ids.insert(id.clone());
            }
            Only::Field { entity, path, values } => {
                let known = || entities.iter().map(|known| known.entity.name.to_string()).collect();
                let found = entities.iter().find(|known| known.entity.name.as_str() == entity);
                let found = found.ok_or_else(|| Refusal::EntityUnsupported {
                    name: entity.clone(),
                    known: known(),
                })?;
                let condition = Condition { path: path.clone(), one_of: values.clone() };
                for domain in domains {
                    ids.extend(matching(domain, found, &condition)?);
                }
                named.insert(entity.clone());
            }
        }
    }
    if only.iter().all(|one| matches!(one, Only::Field { .. })) {
        entities.retain(|entity| named.contains(entity.entity.name.as_str()));
    }
    Ok(Some(ids))
}

/// Returns the ids of the records in one file that meet a condition. What cannot be understood is
/// left out here; the run itself reports it.
fn matching(
    domain: &FileDomain,
    entity: &FileEntity,
    condition: &Condition,
) -> Result<Vec<RecordId>, Refusal> {
    let path = domain.folder.join(&entity.file);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => {
            return Err(Refusal::File { action: "read", path, source });
        }
    };
    let Ok(Json::Object(file)) = parse(&bytes) else {
        return Ok(Vec::new());
    };
    let records =
        file.get(entity.entity.name.as_str()).and_then(Json::as_array).unwrap_or_default();
    let leaf = |record: &Json, at: &Path| record.at(at).and_then(|json| Leaf::from_json(json).ok());
    let meets =
        records.iter().filter(|record| condition.is_met(leaf(record, &condition.path).as_ref()));
    let ids = meets.filter_map(|record| match record.at(&entity.entity.id_path)? {
        Json::String(text) => RecordId::new(text).ok(),
        Json::Number(number) => RecordId::new(number.as_str()).ok(),
        _ => None,
    });
    Ok(ids.collect())
}
