//! The file of decisions: what `conflicts export` writes and `conflicts import` takes.

use std::fs;
use std::path::Path;

use syncline_engine::conflicts::{ConflictRow, Status};
use syncline_hub::{Choice, Hub};
use syncline_model::id::Writer;
use syncline_model::json::{Json, Leaf, Object, parse};

use crate::failure::{Failure, Refusal};

/// The name and version of the form.
pub(super) const SCHEMA: &str = "conflicts/1";
/// The member that a person fills in.
const DECIDE: &str = "decide";
/// What is written for a person to replace.
const HOW: &str = "set `decide` of a conflict to {\"take\": \"<domain>\"}, {\"take\": \"both\"}, \
{\"value\": <json>}, \"keep\" or \"delete\"; null leaves it open";

/// Returns conflicts as a document to be decided in.
pub(super) fn to_document(rows: &[ConflictRow]) -> Object {
    let mut document = Object::new();
    document.insert("schema", SCHEMA);
    document.insert("how", HOW);
    let conflicts = rows.iter().map(|row| {
        let mut object = row.to_json();
        object.insert(DECIDE, Json::Null);
        Json::Object(object)
    });
    document.insert("conflicts", Json::Array(conflicts.collect()));
    document
}

/// One decision, checked against the hub.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Decided {
    /// The conflict's full id.
    pub(super) conflict: String,
    /// What was decided.
    pub(super) choice: Choice,
}

/// Reads the decisions of a file and checks each of them against the hub, before any is taken.
///
/// # Errors
///
/// [`Refusal::File`] if the file cannot be read; [`Refusal::DecisionInvalid`] names the first
/// decision that is not understood, or whose conflict is gone, decided or changed.
pub(super) fn read(path: &Path, hub: &Hub) -> Result<Vec<Decided>, Failure> {
    let bytes = fs::read(path).map_err(|source| Refusal::File {
        action: "read",
        path: path.to_owned(),
        source,
    })?;
    let whole = |reason: &str| Refusal::DecisionInvalid { index: 0, reason: reason.to_owned() };
    let Ok(Json::Object(document)) = parse(&bytes) else {
        return Err(whole("the file is not JSON").into());
    };
    if document.get("schema").and_then(Json::as_str) != Some(SCHEMA) {
        return Err(whole("its `schema` is not conflicts/1").into());
    }
    let listed = document.get("conflicts").and_then(Json::as_array);
    let listed = listed.ok_or_else(|| whole("`conflicts` is missing"))?;
    let known = hub.conflicts()?;
    let mut decided = Vec::new();
    for (index, one) in listed.iter().enumerate() {
        let invalid =
            |reason: &str| Refusal::DecisionInvalid { index: index + 1, reason: reason.to_owned() };
        let Json::Object(one) = one else {
            return Err(invalid("it is not an object").into());
        };
        let choice = match one.get(DECIDE) {
            None | Some(Json::Null) => continue,
            Some(said) => choice_of(said).ok_or_else(|| invalid("`decide` is not understood"))?,
        };
        let id = one.get("conflict").and_then(Json::as_str);
        let id = id.ok_or_else(|| invalid("`conflict` is missing"))?;
        let row = known.iter().find(|row| row.conflict_id() == id);
        let row = row.ok_or_else(|| invalid("there is no such conflict any more"))?;
        match row.status {
            Status::Open | Status::Settled => {}
            Status::Closed => return Err(invalid("it is closed: its values are others now").into()),
            _ => return Err(invalid("it was decided already").into()),
        }
        if row.to_json().get("stamps") != one.get("stamps") {
            return Err(invalid("its values have changed since it was exported").into());
        }
        check_fit(row, &choice).map_err(|reason| invalid(&reason))?;
        decided.push(Decided { conflict: id.to_owned(), choice });
    }
    Ok(decided)
}

fn choice_of(said: &Json) -> Option<Choice> {
    match said {
        Json::String(word) if &**word == "keep" => Some(Choice::Keep),
        Json::String(word) if &**word == "delete" => Some(Choice::Delete),
        Json::Object(object) => match (object.get("take"), object.get("value")) {
            (Some(Json::String(word)), None) if &**word == "both" => {
                let separator = object.get("separator").and_then(Json::as_str).unwrap_or("\n");
                Some(Choice::Both { separator: separator.to_owned() })
            }
            (Some(Json::String(name)), None) => Writer::new(name).ok().map(Choice::Writer),
            (None, Some(value)) => {
                Leaf::from_json(value).ok().map(|leaf| Choice::Value(Some(leaf)))
            }
            _ => None,
        },
        _ => None,
    }
}

/// Checks what can be checked without deciding, so that a file is taken whole or not at all.
pub(super) fn check_fit(row: &ConflictRow, choice: &Choice) -> Result<(), String> {
    let is_about_record = row.conflict.path.is_root();
    match choice {
        Choice::Writer(writer) if !is_about_record => {
            let sides = || row.conflict.sides.iter().filter_map(|side| side.writer.as_ref());
            match sides().any(|side| side == writer) {
                true => Ok(()),
                false => {
                    let names: Vec<&str> = sides().map(Writer::as_str).collect();
                    Err(format!("`{writer}` says nothing there; choose from {}", names.join(", ")))
                }
            }
        }
        Choice::Keep if !is_about_record => {
            Err("`keep` is for a record that one side has deleted".to_owned())
        }
        _ => Ok(()),
    }
}
