//! Outcomes and changes in the long form.

use syncline_merge::display::Fields;
use syncline_model::id::{Position, Writer};
use syncline_model::path::Path;

use crate::change::{Change, Content, Gone, OpenConflict};
use crate::error::MessageError;
use crate::limits::{ANSWER_BYTES_MAX, CONFLICT_ID_BYTES_MAX, CONFLICTS_MAX, COUNTER_MAX};
use crate::long::hello::{problem_of, push_problem};
use crate::long::operation::{deltas_of, push_deltas};
use crate::outcome::{Outcome, Seen, Shown, Status};
use crate::part::{Members, Part, at_most, sorted};
use crate::text::JsonText;

/// Reads what became of one operation.
///
/// # Errors
///
/// [`MessageError`]: what the answer says is not known.
pub fn read_outcome(bytes: &[u8]) -> Result<Outcome, MessageError> {
    outcome_of(&Part::whole(bytes, ANSWER_BYTES_MAX)?)
}

/// Writes what became of one operation.
pub fn write_outcome(outcome: &Outcome) -> String {
    let mut text = JsonText::default();
    push_outcome(&mut text, outcome);
    text.into_string()
}

/// Reads one change.
///
/// # Errors
///
/// [`MessageError`]: what the answer says is not known.
pub fn read_change(bytes: &[u8]) -> Result<Change, MessageError> {
    change_of(&Part::whole(bytes, ANSWER_BYTES_MAX)?)
}

/// Writes one change.
pub fn write_change(change: &Change) -> String {
    let mut text = JsonText::default();
    push_change(&mut text, change);
    text.into_string()
}

pub(super) fn outcome_of(part: &Part<'_>) -> Result<Outcome, MessageError> {
    let members = part.members("a result")?;
    let status = members.need("status")?;
    let word = status.string("status")?;
    let mut outcome = Outcome {
        counter: members.need("op")?.counter()?,
        status: Status::ALL
            .into_iter()
            .find(|status| status.as_str() == word)
            .ok_or_else(|| status.form("status", "a status"))?,
        seen: match (members.get("position"), members.get("version")) {
            (None, None) => None,
            _ => Some(seen_of(&members)?),
        },
        shown: Shown::AsPredicted,
        conflicts: Vec::new(),
        open: Vec::new(),
        problem: None,
    };
    read_outcome_rest(&members, &mut outcome)?;
    Ok(outcome)
}

/// Reads the members that both forms write alike.
pub(crate) fn read_outcome_rest(
    members: &Members<'_>,
    outcome: &mut Outcome,
) -> Result<(), MessageError> {
    outcome.shown = match members.get("record") {
        Some(record) if record.is_null() => Shown::Record(None),
        Some(record) => Shown::Record(Some(record.record("record")?)),
        None => {
            let (set, unset) = (fields_of(members)?, unset_of(members)?);
            let is_told = !set.is_empty() || !unset.is_empty();
            if is_told { Shown::But { set, unset } } else { Shown::AsPredicted }
        }
    };
    if let Some(conflicts) = members.get("conflicts") {
        let ids = conflicts.elements("conflicts", CONFLICTS_MAX)?;
        outcome.conflicts = ids.iter().map(conflict_id).collect::<Result<_, _>>()?;
    }
    outcome.open = open_conflicts(members.get("open").as_ref(), path_of)?;
    outcome.problem =
        members.get("problem").map(|part| problem_of(&part).map(Box::new)).transpose()?;
    Ok(())
}

fn seen_of(members: &Members<'_>) -> Result<Seen, MessageError> {
    let position = members.need("position")?.natural("position", COUNTER_MAX)?;
    let version = members.need("version")?.token("version")?;
    Ok(Seen { position: Position(position), version })
}

fn fields_of(members: &Members<'_>) -> Result<Fields, MessageError> {
    let mut fields = Fields::new();
    if let Some(set) = members.get("set") {
        for (path, value) in set.members("set")?.iter() {
            value.value_at(&value.path(path)?, &mut fields)?;
        }
    }
    sorted(fields)
}

fn unset_of(members: &Members<'_>) -> Result<Vec<Path>, MessageError> {
    let Some(unset) = members.get("unset") else {
        return Ok(Vec::new());
    };
    let parts = unset.elements("unset", usize::MAX)?;
    parts.iter().map(|part| part.path(&part.string("unset")?)).collect()
}

fn conflict_id(part: &Part<'_>) -> Result<Box<str>, MessageError> {
    at_most("bytes of a conflict's id", part.bytes.len(), CONFLICT_ID_BYTES_MAX)?;
    Ok(part.string("the id of a conflict")?.into())
}

pub(super) fn push_outcome(text: &mut JsonText, outcome: &Outcome) {
    text.open('{').key("op").raw(outcome.counter);
    text.key("status").string(outcome.status.as_str());
    if let Some(Seen { position, version }) = &outcome.seen {
        text.key("position").raw(position.0).key("version").string(version.as_str());
    }
    push_outcome_rest(text, outcome);
    text.close('}');
}

/// Writes the members that both forms have alike.
pub(crate) fn push_outcome_rest(text: &mut JsonText, outcome: &Outcome) {
    match &outcome.shown {
        Shown::AsPredicted => {}
        Shown::But { set, unset } => push_fields(text, set, unset),
        Shown::Record(None) => {
            text.key("record").raw("null");
        }
        Shown::Record(Some(record)) => {
            text.key("record").record(record);
        }
    }
    if !outcome.conflicts.is_empty() {
        text.key("conflicts").strings(outcome.conflicts.iter().map(|id| &**id));
    }
    if !outcome.open.is_empty() {
        push_open_conflicts(text.key("open"), &outcome.open);
    }
    if let Some(problem) = &outcome.problem {
        text.key("problem");
        push_problem(text, problem);
    }
}

fn push_fields(text: &mut JsonText, set: &Fields, unset: &[Path]) {
    if !set.is_empty() {
        text.key("set").open('{');
        for (path, value) in set {
            text.key(path.as_str()).raw(value);
        }
        text.close('}');
    }
    if !unset.is_empty() {
        text.key("unset").strings(unset.iter().map(Path::as_str));
    }
}

pub(super) fn change_of(part: &Part<'_>) -> Result<Change, MessageError> {
    let members = part.members("a change")?;
    Ok(Change {
        entity: members.need("entity")?.entity()?,
        id: members.need("id")?.record_id()?,
        seen: seen_of(&members)?,
        content: content_of(&members)?,
        by: members.get("by").map(|by| writer_of(&by)).transpose()?,
        conflicts: open_conflicts(members.get("conflicts").as_ref(), path_of)?,
    })
}

fn writer_of(part: &Part<'_>) -> Result<Writer, MessageError> {
    Writer::new(&part.string("by")?).map_err(part.id_error())
}

fn content_of(members: &Members<'_>) -> Result<Content, MessageError> {
    if let Some(record) = members.get("record") {
        return Ok(Content::Record(record.record("record")?));
    }
    if let Some(gone) = members.get("gone") {
        let word = gone.string("gone")?;
        let known = [Gone::Deleted, Gone::Unscoped].into_iter().find(|why| why.as_str() == word);
        return known.map(Content::Gone).ok_or_else(|| gone.form("gone", "why it is gone"));
    }
    let mut text = Vec::new();
    if let Some(edits) = members.get("text") {
        for (path, edit) in edits.members("text")?.iter() {
            text.push((edit.path(path)?, edit.edit()?));
        }
    }
    let (set, unset) = (fields_of(members)?, unset_of(members)?);
    Ok(Content::Fields { set, unset, text, deltas: deltas_of(members)? })
}

/// Reads the path of a conflict.
fn path_of(part: &Part<'_>) -> Result<Path, MessageError> {
    part.path_or_root(&part.string("path")?)
}

/// Reads conflicts that wait for a person, whose paths are read by `path`; without any there is no member.
pub(crate) fn open_conflicts(
    member: Option<&Part<'_>>,
    path: impl Fn(&Part<'_>) -> Result<Path, MessageError>,
) -> Result<Vec<OpenConflict>, MessageError> {
    let Some(conflicts) = member else {
        return Ok(Vec::new());
    };
    let parts = conflicts.elements("conflicts", CONFLICTS_MAX)?;
    let read = |part: &Part<'_>| {
        let members = part.members("a conflict")?;
        let (id, at) = (conflict_id(&members.need("id")?)?, members.need("path")?);
        Ok(OpenConflict { id, path: path(&at)? })
    };
    parts.iter().map(read).collect()
}

pub(super) fn push_change(text: &mut JsonText, change: &Change) {
    let Change { entity, id, seen, content, by, conflicts } = change;
    text.open('{').key("entity").string(entity.as_str()).key("id").string(id.as_str());
    text.key("position").raw(seen.position.0).key("version").string(seen.version.as_str());
    match content {
        Content::Record(record) => {
            text.key("record").record(record);
        }
        Content::Gone(why) => {
            text.key("gone").string(why.as_str());
        }
        Content::Fields { set, unset, text: edits, deltas } => {
            push_fields(text, set, unset);
            push_deltas(text, deltas);
            if !edits.is_empty() {
                text.key("text").open('{');
                for (path, edit) in edits {
                    text.key(path.as_str()).edit(edit);
                }
                text.close('}');
            }
        }
    }
    if let Some(by) = by {
        text.key("by").string(by.as_str());
    }
    if !conflicts.is_empty() {
        push_open_conflicts(text.key("conflicts"), conflicts);
    }
    text.close('}');
}

fn push_open_conflicts(text: &mut JsonText, conflicts: &[OpenConflict]) {
    text.open('[');
    for OpenConflict { id, path } in conflicts {
        text.open('{').key("id").string(id).key("path").string(path.as_str()).close('}');
    }
    text.close(']');
}
