//! What is shown: the confirmed record with the operations that wait on it predicted in order.

use std::collections::BTreeMap;

use syncline_merge::display::Fields;
use syncline_merge::operation::{Effect, FieldOperation};
use syncline_model::path::Path;
use syncline_protocol::operation::Operation;
use syncline_protocol::predict::predict;

use crate::store::Anchor;

/// Returns what is shown of a record, `None` where it is not there.
///
/// A text with edits that wait is shown as they were made for it: edits count characters, and what
/// others have typed meanwhile would shift them. It is shown as soon as the hub has answered.
pub(crate) fn shown<'o>(
    confirmed: Option<&Fields>,
    anchors: &[Anchor],
    waiting: impl Iterator<Item = &'o Operation>,
) -> Option<Fields> {
    let mut waiting = waiting.peekable();
    let mut fields = confirmed.cloned();
    if waiting.peek().is_some() && !anchors.is_empty() {
        fields = Some(anchored(fields.unwrap_or_default(), anchors));
    }
    for operation in waiting {
        fields = predict(fields.as_ref(), &operation.effect);
    }
    fields
}

/// Returns the fields with the anchored ones as they were when their edits began.
pub(crate) fn anchored(fields: Fields, anchors: &[Anchor]) -> Fields {
    let mut fields: BTreeMap<_, _> = fields.into_iter().collect();
    for anchor in anchors {
        match &anchor.value {
            Some(value) => fields.insert(anchor.path.clone(), value.clone()),
            None => fields.remove(&anchor.path),
        };
    }
    fields.into_iter().collect()
}

/// Returns the fields whose text an operation edits.
pub(crate) fn texts_edited(effect: &Effect) -> impl Iterator<Item = &Path> {
    let operations = match effect {
        Effect::Write(operations) => operations.as_slice(),
        Effect::Delete => &[],
    };
    operations.iter().filter_map(|operation| match operation {
        FieldOperation::EditText { path, .. } => Some(path),
        _ => None,
    })
}

/// Returns a field's value.
pub(crate) fn value_of<'f>(
    fields: &'f Fields,
    path: &Path,
) -> Option<&'f syncline_model::json::Leaf> {
    let at = fields.binary_search_by(|(known, _)| known.cmp(path)).ok()?;
    fields.get(at).map(|(_, leaf)| leaf)
}
