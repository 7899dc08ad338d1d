//! Operations in the compact form.

use syncline_merge::operation::{Effect, FieldOperation};
use syncline_model::path::Path;

use crate::compact::names::{KnownNames, NamedText};
use crate::compact::row::Row;
use crate::delta::Delta;
use crate::error::{MessageError, Unwritable};
use crate::limits::{FIELD_OPERATIONS_MAX, MEMBER_LEVELS_MAX};
use crate::long::member_key;
use crate::message::{Sent, Unreadable};
use crate::operation::Operation;
use crate::order::{apart, normalised, ordered};
use crate::part::{Part, at_most};
use crate::time::TIME_MS_MAX;

/// Most elements of an operation or of one of its parts.
const ELEMENTS_MAX: usize = 7;

/// Reads an operation of a push, or tells why it cannot be read.
///
/// Fails only if it does not even say which one it is, or if something of the connection was lost.
pub(super) fn sent_of(part: &Part<'_>, names: &KnownNames) -> Result<Sent, MessageError> {
    let row = Row::read(part, "an operation", usize::MAX)?;
    let counter = row.need(0)?.counter()?;
    match operation_of(&row, counter, names) {
        Err(error) if error.is_of_connection() => Err(error),
        Err(error) => {
            let problem = Box::new(error.to_operation_problem());
            Ok(Err(Unreadable { counter, problem }))
        }
        Ok(operation) => Ok(Ok(operation)),
    }
}

fn operation_of(
    row: &Row<'_>,
    counter: u64,
    names: &KnownNames,
) -> Result<Operation, MessageError> {
    row.only(ELEMENTS_MAX)?;
    let (entity, base) = (row.need(1)?, row.need(3)?);
    let is_based = base.begins(b'"');
    if !is_based {
        base.natural("base", 0)?;
    }
    let (effect, deltas) = effect_of(&row.need(5)?, names)?;
    Ok(Operation {
        counter,
        entity: names.entity(&entity)?,
        id: row.need(2)?.record_id()?,
        base: is_based.then(|| base.token("base")).transpose()?,
        effect,
        deltas,
        edited_ms: row.need(4)?.natural("at", TIME_MS_MAX)?,
        after: row.get(6).map_or(Ok(Vec::new()), |after| after.after(counter))?,
    })
}

fn effect_of(
    part: &Part<'_>,
    names: &KnownNames,
) -> Result<(Effect, Vec<(Path, Delta)>), MessageError> {
    if !part.begins(b'[') {
        part.natural("effects", 0)?;
        return Ok((Effect::Delete, Vec::new()));
    }
    let mut reader = Parts { names, left: FIELD_OPERATIONS_MAX, deltas: Vec::new() };
    let operations = reader.read(part, 0)?;
    let deltas = apart(&operations, reader.deltas)?;
    if operations.is_empty() && deltas.is_empty() {
        return Err(part.form("effects", "at least one"));
    }
    Ok((Effect::Write(operations), deltas))
}

/// Reads the parts of an operation.
struct Parts<'n> {
    names: &'n KnownNames,
    /// How many more field operations are accepted.
    left: usize,
    /// Of the record itself, none of its members.
    deltas: Vec<(Path, Delta)>,
}

impl Parts<'_> {
    fn read(&mut self, part: &Part<'_>, level: usize) -> Result<Vec<FieldOperation>, MessageError> {
        at_most("levels of members", level, MEMBER_LEVELS_MAX)?;
        let mut found = Vec::new();
        for part in part.elements("effects", self.left)? {
            let row = Row::read(&part, "an effect", ELEMENTS_MAX)?;
            let known = found.len();
            self.read_one(&row, level, &mut found)?;
            let (what, more) = ("fields written by an operation", found.len() - known);
            at_most(what, FIELD_OPERATIONS_MAX - self.left + more, FIELD_OPERATIONS_MAX)?;
            self.left -= more;
        }
        normalised(found)
    }

    fn read_one(
        &mut self,
        row: &Row<'_>,
        level: usize,
        found: &mut Vec<FieldOperation>,
    ) -> Result<(), MessageError> {
        let tag = row.need(0)?;
        let path = self.names.path(&row.need(1)?)?;
        let tag_text = tag.string("an effect")?;
        let count = match &*tag_text {
            "-" | "0" => 2,
            "m" => 5,
            _ => 3,
        };
        row.only(count)?;
        match &*tag_text {
            "=" => {
                let mut fields = Vec::new();
                row.need(2)?.value_at(&path, &mut fields)?;
                let set = |(path, value)| FieldOperation::Set { path, value };
                found.extend(fields.into_iter().map(set));
            }
            "-" => found.push(FieldOperation::Unset { path }),
            "i" => found.push(FieldOperation::Increment { path, by: row.need(2)?.number("inc")? }),
            "0" => found.push(FieldOperation::Reset { path }),
            "a" | "d" | "p" => {
                let elements = row.need(2)?.elements_at(&path, self.left)?;
                found.extend(elements.into_iter().map(|element| match &*tag_text {
                    "a" => FieldOperation::Add { path: path.clone(), element },
                    "d" => FieldOperation::Remove { path: path.clone(), element },
                    _ => FieldOperation::Append { path: path.clone(), value: element, id: None },
                }));
            }
            "b" => {
                let text = row.need(2)?.string("begin")?.into_owned();
                found.push(FieldOperation::BeginText { path, text });
            }
            "t" => found.push(FieldOperation::EditText { path, edit: row.need(2)?.edit()? }),
            "z" if level == 0 => {
                let written = FIELD_OPERATIONS_MAX - self.left + 1;
                at_most("fields written by an operation", written, FIELD_OPERATIONS_MAX)?;
                self.left -= 1;
                self.deltas.push((path, row.need(2)?.delta()?));
            }
            "m" => {
                let member = row.need(2)?;
                let key = member_key(&path, &member, &member.string("a key")?)?;
                let create = row.need(3)?.natural("create", 1)? == 1;
                let fields = self.read(&row.need(4)?, level + 1)?;
                found.push(FieldOperation::PutMember { path, key, create, fields });
            }
            "x" => {
                let member = row.need(2)?;
                let key = member_key(&path, &member, &member.string("a key")?)?;
                found.push(FieldOperation::RemoveMember { path, key });
            }
            _ => return Err(tag.form("an effect", "a known one")),
        }
        Ok(())
    }
}

/// Writes an operation, with a short base if it may be.
pub(super) fn push_operation(
    out: &mut NamedText<'_>,
    operation: &Operation,
    is_short: bool,
) -> Result<(), Unwritable> {
    let Operation { counter, entity, id, base, effect, deltas, edited_ms, after } = operation;
    out.text.open('[').raw(counter);
    out.name(entity.as_str()).text.string(id.as_str());
    match base {
        Some(base) if is_short => out.text.string(base.short().as_str()),
        Some(base) => out.text.string(base.as_str()),
        None => out.text.raw(0),
    };
    out.text.raw((*edited_ms).min(TIME_MS_MAX));
    match effect {
        Effect::Delete => {
            out.text.raw(0);
        }
        Effect::Write(operations) if operations.is_empty() && deltas.is_empty() => {
            return Err(Unwritable::Empty);
        }
        Effect::Write(operations) => {
            out.text.open('[');
            push_parts(out, operations)?;
            for (path, delta) in deltas {
                out.text.open('[').string("z");
                out.name(path.as_str()).text.delta(delta).close(']');
            }
            out.text.close(']');
        }
    }
    if !after.is_empty() {
        out.text.open('[');
        for counter in after {
            out.text.raw(counter);
        }
        out.text.close(']');
    }
    out.text.close(']');
    Ok(())
}

/// Returns the letter of an operation, and whether several at one path are written as one.
const fn tag(operation: &FieldOperation) -> (&'static str, bool) {
    match operation {
        FieldOperation::Set { .. } => ("=", false),
        FieldOperation::Unset { .. } => ("-", false),
        FieldOperation::Increment { .. } => ("i", false),
        FieldOperation::Reset { .. } | FieldOperation::Floor { .. } => ("0", false),
        FieldOperation::Add { .. } => ("a", true),
        FieldOperation::Remove { .. } => ("d", true),
        FieldOperation::Append { .. } => ("p", true),
        FieldOperation::BeginText { .. } => ("b", false),
        FieldOperation::EditText { .. } => ("t", false),
        FieldOperation::PutMember { .. } => ("m", false),
        FieldOperation::RemoveMember { .. } => ("x", false),
    }
}

fn push_parts(out: &mut NamedText<'_>, operations: &[FieldOperation]) -> Result<(), Unwritable> {
    let operations = ordered(operations)?;
    let is_one = |a: &&FieldOperation, b: &&FieldOperation| {
        tag(a).1 && tag(a) == tag(b) && a.path() == b.path()
    };
    for part in operations.chunk_by(is_one) {
        let Some(first) = part.first() else { continue };
        out.text.open('[').string(tag(first).0);
        out.name(first.path().as_str());
        push_content(out, first, part)?;
        out.text.close(']');
    }
    Ok(())
}

fn push_content(
    out: &mut NamedText<'_>,
    first: &FieldOperation,
    part: &[&FieldOperation],
) -> Result<(), Unwritable> {
    match first {
        FieldOperation::Set { value, .. } => {
            out.text.raw(value);
        }
        FieldOperation::Increment { by, .. } => {
            out.text.raw(by);
        }
        FieldOperation::BeginText { text, .. } => {
            out.text.string(text);
        }
        FieldOperation::EditText { edit, .. } => {
            out.text.edit(edit);
        }
        FieldOperation::PutMember { key, create, fields, .. } => {
            out.text.string(key).raw(u8::from(*create)).open('[');
            push_parts(out, fields)?;
            out.text.close(']');
        }
        FieldOperation::RemoveMember { key, .. } => {
            out.text.string(key);
        }
        FieldOperation::Unset { .. }
        | FieldOperation::Reset { .. }
        | FieldOperation::Floor { .. } => {}
        FieldOperation::Add { .. }
        | FieldOperation::Remove { .. }
        | FieldOperation::Append { .. } => {
            out.text.open('[');
            for operation in part {
                if let FieldOperation::Add { element, .. }
                | FieldOperation::Remove { element, .. }
                | FieldOperation::Append { value: element, .. } = operation
                {
                    out.text.raw(element);
                }
            }
            out.text.close(']');
        }
    }
    Ok(())
}
