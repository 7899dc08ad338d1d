//! How large an operation is as a message, about.

use syncline_merge::operation::{Effect, FieldOperation};
use syncline_merge::text::ot::Component;

use crate::operation::Operation;

/// What an operation takes beside its names and values, in bytes: members, counter, time.
const OPERATION_BYTES: usize = 96;
/// What a field operation takes beside its path and value, in bytes.
const FIELD_BYTES: usize = 16;

/// Returns about how many bytes an operation takes in a message of the long form.
pub(super) fn operation_bytes(operation: &Operation) -> usize {
    let base = operation.base.as_ref().map_or(0, |base| base.as_str().len());
    let names = operation.entity.as_str().len() + operation.id.as_str().len();
    let effect = match &operation.effect {
        Effect::Delete => 0,
        Effect::Write(fields) => fields_bytes(fields),
    };
    OPERATION_BYTES + base + names + 20 * operation.after.len() + effect
}

fn fields_bytes(fields: &[FieldOperation]) -> usize {
    fields.iter().map(|field| FIELD_BYTES + field.path().as_str().len() + field_bytes(field)).sum()
}

fn field_bytes(field: &FieldOperation) -> usize {
    match field {
        FieldOperation::Set { value, .. } | FieldOperation::Append { value, .. } => {
            value.as_str().len()
        }
        FieldOperation::Add { element, .. } | FieldOperation::Remove { element, .. } => {
            element.as_str().len()
        }
        FieldOperation::Increment { by: number, .. }
        | FieldOperation::Floor { value: number, .. } => number.as_str().len(),
        FieldOperation::PutMember { key, fields, .. } => key.len() + fields_bytes(fields),
        FieldOperation::RemoveMember { key, .. } => key.len(),
        FieldOperation::BeginText { text, .. } => text_bytes(text),
        FieldOperation::EditText { edit, .. } => {
            let bytes = |component: &Component| match component {
                Component::Insert(text) => FIELD_BYTES + text_bytes(text),
                Component::Retain(_) | Component::Delete(_) => FIELD_BYTES,
            };
            let said = edit.made_for().map_or(0, |_| FIELD_BYTES + size_of::<u64>() * 2);
            said + edit.components().iter().map(bytes).sum::<usize>()
        }
        FieldOperation::Unset { .. } | FieldOperation::Reset { .. } => 0,
    }
}

/// Returns about how many bytes a text takes as JSON: what is escaped takes two, or six.
fn text_bytes(text: &str) -> usize {
    let bytes = |byte| match byte {
        b'"' | b'\\' => 2,
        0..=0x1f => 6,
        _ => 1,
    };
    text.bytes().map(bytes).sum()
}
