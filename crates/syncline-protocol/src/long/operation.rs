//! Operations in the long form.

use syncline_merge::operation::{Effect, FieldOperation};
use syncline_model::path::Path;

use crate::delta::Delta;
use crate::error::{MessageError, Unwritable};
use crate::limits::{FIELD_OPERATIONS_MAX, MEMBER_LEVELS_MAX, MESSAGE_BYTES_MAX};
use crate::message::{Sent, Unreadable};
use crate::operation::Operation;
use crate::order::{apart, normalised, ordered};
use crate::part::{Members, Part, at_most};
use crate::text::JsonText;
use crate::time::{format_time, parse_time};

/// Members of an operation that say which one it is.
const HEAD: [&str; 6] = ["op", "entity", "id", "base", "at", "after"];
/// Members of an operation that say what is written, in the order in which they are carried out.
const PARTS: [&str; 11] =
    ["set", "unset", "inc", "reset", "add", "remove", "append", "begin", "text", "put", "drop"];

/// Reads one operation.
///
/// # Errors
///
/// [`MessageError`]; trying again unchanged never helps.
pub fn read_operation(bytes: &[u8]) -> Result<Operation, MessageError> {
    let part = Part::whole(bytes, MESSAGE_BYTES_MAX)?;
    operation_of(&part.members("an operation")?)
}

/// Reads an operation of a push, or tells why it cannot be read.
///
/// Fails only if it does not even say which one it is.
pub(super) fn sent_of(part: &Part<'_>) -> Result<Sent, MessageError> {
    let members = part.members("an operation")?;
    let counter = members.need("op")?.counter()?;
    Ok(operation_of(&members).map_err(|error| {
        let problem = Box::new(error.to_operation_problem());
        Unreadable { counter, problem }
    }))
}

fn operation_of(members: &Members<'_>) -> Result<Operation, MessageError> {
    let known: Vec<&str> = HEAD.into_iter().chain(["delete", "delta"]).chain(PARTS).collect();
    members.only(&known)?;
    let counter = members.need("op")?.counter()?;
    let at = members.need("at")?;
    let edited_ms = parse_time(&at.string("at")?)
        .ok_or_else(|| at.form("at", "a time as RFC 3339 writes it"))?;
    let (effect, deltas) = effect_of(members)?;
    Ok(Operation {
        counter,
        entity: members.need("entity")?.entity()?,
        id: members.need("id")?.record_id()?,
        base: members.get("base").map(|base| base.token("base")).transpose()?,
        effect,
        deltas,
        edited_ms,
        after: members.get("after").map_or(Ok(Vec::new()), |after| after.after(counter))?,
    })
}

fn effect_of(members: &Members<'_>) -> Result<(Effect, Vec<(Path, Delta)>), MessageError> {
    if let Some(delete) = members.get("delete") {
        let parts = PARTS.iter().chain(&["delta"]);
        let is_alone = parts.copied().all(|part| members.get(part).is_none());
        return match delete.bool("delete")? && is_alone {
            true => Ok((Effect::Delete, Vec::new())),
            false => Err(delete.form("delete", "`true`, and nothing written beside it")),
        };
    }
    let mut reader = Parts { left: FIELD_OPERATIONS_MAX };
    let operations = reader.read(members, 0)?;
    let deltas = deltas_of(members)?;
    reader.count(deltas.len())?;
    if operations.is_empty() && deltas.is_empty() {
        return Err(MessageError::Lacking { name: "set", start: members.start() });
    }
    let deltas = apart(&operations, deltas)?;
    Ok((Effect::Write(operations), deltas))
}

/// Reads what differs in large texts.
pub(super) fn deltas_of(members: &Members<'_>) -> Result<Vec<(Path, Delta)>, MessageError> {
    let Some(deltas) = members.get("delta") else {
        return Ok(Vec::new());
    };
    let deltas = deltas.members("delta")?;
    let read = |(path, part): (&str, Part<'_>)| Ok((part.path(path)?, part.delta()?));
    deltas.iter().map(read).collect()
}

pub(super) fn push_deltas(text: &mut JsonText, deltas: &[(Path, Delta)]) {
    if deltas.is_empty() {
        return;
    }
    text.key("delta").open('{');
    for (path, delta) in deltas {
        text.key(path.as_str()).delta(delta);
    }
    text.close('}');
}

/// Reads the parts of an operation.
struct Parts {
    /// How many more field operations are accepted.
    left: usize,
}

impl Parts {
    /// Reads what is written into a record, or into a member so many levels below it.
    fn read(
        &mut self,
        members: &Members<'_>,
        level: usize,
    ) -> Result<Vec<FieldOperation>, MessageError> {
        at_most("levels of members", level, MEMBER_LEVELS_MAX)?;
        let mut found = Vec::new();
        for name in PARTS {
            let Some(part) = members.get(name) else { continue };
            if matches!(name, "unset" | "reset") {
                self.paths(name, &part, &mut found)?;
                continue;
            }
            for (path, value) in part.members(name)?.iter() {
                let path = value.path(path)?;
                self.read_at(name, path, &value, level, &mut found)?;
            }
        }
        normalised(found)
    }

    fn paths(
        &mut self,
        name: &'static str,
        part: &Part<'_>,
        found: &mut Vec<FieldOperation>,
    ) -> Result<(), MessageError> {
        for element in part.elements(name, self.left)? {
            let path = element.path(&element.string(name)?)?;
            self.count(1)?;
            found.push(match name {
                "unset" => FieldOperation::Unset { path },
                _ => FieldOperation::Reset { path },
            });
        }
        Ok(())
    }

    fn read_at(
        &mut self,
        name: &'static str,
        path: Path,
        value: &Part<'_>,
        level: usize,
        found: &mut Vec<FieldOperation>,
    ) -> Result<(), MessageError> {
        let known = found.len();
        match name {
            "set" => {
                let mut fields = Vec::new();
                value.value_at(&path, &mut fields)?;
                let set = |(path, value)| FieldOperation::Set { path, value };
                found.extend(fields.into_iter().map(set));
            }
            "inc" => found.push(FieldOperation::Increment { path, by: value.number(name)? }),
            "begin" => {
                let text = value.string(name)?.into_owned();
                found.push(FieldOperation::BeginText { path, text });
            }
            "text" => found.push(FieldOperation::EditText { path, edit: value.edit()? }),
            "put" => return self.put(&path, value, level, found),
            "drop" => {
                for part in value.elements(name, self.left)? {
                    let key = member_key(&path, &part, &part.string("a key")?)?;
                    found.push(FieldOperation::RemoveMember { path: path.clone(), key });
                }
            }
            _ => {
                let elements = value.elements_at(&path, self.left)?;
                found.extend(elements.into_iter().map(|element| match name {
                    "add" => FieldOperation::Add { path: path.clone(), element },
                    "remove" => FieldOperation::Remove { path: path.clone(), element },
                    _ => FieldOperation::Append { path: path.clone(), value: element, id: None },
                }));
            }
        }
        self.count(found.len() - known)
    }

    fn put(
        &mut self,
        path: &Path,
        part: &Part<'_>,
        level: usize,
        found: &mut Vec<FieldOperation>,
    ) -> Result<(), MessageError> {
        for (key, value) in part.members("put")?.iter() {
            let key = member_key(path, &value, key)?;
            let inner = value.members("put")?;
            let known: Vec<&str> = PARTS.into_iter().chain(["create"]).collect();
            inner.only(&known)?;
            self.count(1)?;
            let create = inner.get("create").map_or(Ok(false), |create| create.bool("create"))?;
            let fields = self.read(&inner, level + 1)?;
            found.push(FieldOperation::PutMember { path: path.clone(), key, create, fields });
        }
        Ok(())
    }

    fn count(&mut self, more: usize) -> Result<(), MessageError> {
        let (what, max) = ("fields written by an operation", FIELD_OPERATIONS_MAX);
        at_most(what, max - self.left + more, max)?;
        self.left -= more;
        Ok(())
    }
}

/// Checks the key of a member, which is part of the paths of all that is in the member.
pub(crate) fn member_key(
    path: &Path,
    part: &Part<'_>,
    key: &str,
) -> Result<Box<str>, MessageError> {
    part.path(path.within_key(key).as_str()).map(|_| key.into())
}

/// Writes one operation.
///
/// # Errors
///
/// [`Unwritable`] if the effect has no such form.
pub fn write_operation(operation: &Operation) -> Result<String, Unwritable> {
    let mut text = JsonText::default();
    push_operation(&mut text, operation)?;
    Ok(text.into_string())
}

pub(super) fn push_operation(text: &mut JsonText, operation: &Operation) -> Result<(), Unwritable> {
    let Operation { counter, entity, id, base, effect, deltas, edited_ms, after } = operation;
    text.open('{').key("op").raw(counter);
    text.key("entity").string(entity.as_str()).key("id").string(id.as_str());
    if let Some(base) = base {
        text.key("base").string(base.as_str());
    }
    match effect {
        Effect::Delete => {
            text.key("delete").raw("true");
        }
        Effect::Write(operations) if operations.is_empty() && deltas.is_empty() => {
            return Err(Unwritable::Empty);
        }
        Effect::Write(operations) => push_parts(text, operations)?,
    }
    push_deltas(text, deltas);
    if !after.is_empty() {
        text.key("after").open('[');
        for counter in after {
            text.raw(counter);
        }
        text.close(']');
    }
    text.key("at").string(&format_time(*edited_ms)).close('}');
    Ok(())
}

/// Returns the name of the part that an operation belongs to.
const fn part_name(operation: &FieldOperation) -> &'static str {
    match operation {
        FieldOperation::Set { .. } => "set",
        FieldOperation::Unset { .. } => "unset",
        FieldOperation::Increment { .. } => "inc",
        FieldOperation::Reset { .. } | FieldOperation::Floor { .. } => "reset",
        FieldOperation::Add { .. } => "add",
        FieldOperation::Remove { .. } => "remove",
        FieldOperation::Append { .. } => "append",
        FieldOperation::BeginText { .. } => "begin",
        FieldOperation::EditText { .. } => "text",
        FieldOperation::PutMember { .. } => "put",
        FieldOperation::RemoveMember { .. } => "drop",
    }
}

fn push_parts(text: &mut JsonText, operations: &[FieldOperation]) -> Result<(), Unwritable> {
    let operations = ordered(operations)?;
    for part in operations.chunk_by(|a, b| part_name(a) == part_name(b)) {
        let Some(first) = part.first() else { continue };
        let name = part_name(first);
        text.key(name);
        if matches!(name, "unset" | "reset") {
            text.strings(part.iter().map(|operation| operation.path().as_str()));
            continue;
        }
        text.open('{');
        for of_path in part.chunk_by(|a, b| a.path() == b.path()) {
            push_at(text, of_path)?;
        }
        text.close('}');
    }
    Ok(())
}

/// Writes what one part does at one path.
fn push_at(text: &mut JsonText, of_path: &[&FieldOperation]) -> Result<(), Unwritable> {
    let Some(first) = of_path.first() else { return Ok(()) };
    text.key(first.path().as_str());
    let (open, close) = match first {
        FieldOperation::PutMember { .. } => ('{', '}'),
        _ => ('[', ']'),
    };
    match first {
        FieldOperation::Set { value, .. } => text.raw(value),
        FieldOperation::Increment { by, .. } => text.raw(by),
        FieldOperation::BeginText { text: begun, .. } => text.string(begun),
        FieldOperation::EditText { edit, .. } => text.edit(edit),
        _ => {
            text.open(open);
            for operation in of_path {
                push_one_of_many(text, operation)?;
            }
            text.close(close)
        }
    };
    Ok(())
}

fn push_one_of_many(text: &mut JsonText, operation: &FieldOperation) -> Result<(), Unwritable> {
    match operation {
        FieldOperation::Add { element, .. }
        | FieldOperation::Remove { element, .. }
        | FieldOperation::Append { value: element, .. } => {
            text.raw(element);
        }
        FieldOperation::RemoveMember { key, .. } => {
            text.string(key);
        }
        FieldOperation::PutMember { key, create, fields, .. } => {
            text.key(key).open('{');
            if *create {
                text.key("create").raw("true");
            }
            push_parts(text, fields)?;
            text.close('}');
        }
        _ => {}
    }
    Ok(())
}
