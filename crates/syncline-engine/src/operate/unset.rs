//! A field that is unset takes all below it along, as clients predict it.

use syncline_merge::display::{Fields, stamps_in};
use syncline_merge::operation::{Effect, FieldOperation};
use syncline_merge::state::Record;
use syncline_merge::token::Context;
use syncline_model::path::Path;

/// Returns whether [`with_fields_below`] may add anything.
pub(super) fn may_take_along(effect: &Effect) -> bool {
    let is_unset = |operation: &FieldOperation| matches!(operation, FieldOperation::Unset { .. });
    matches!(effect, Effect::Write(operations) if operations.iter().any(is_unset))
}

/// Returns the effect with every field unset that its writer had seen below one that is. Merging
/// knows fields one by one; what others have put there unseen stays.
///
/// - `record`, `shown`: the record as it is, and its fields; `None` if it is not there.
pub(super) fn with_fields_below(
    effect: Effect,
    record: Option<&Record>,
    shown: Option<&Fields>,
    context: &Context,
) -> Effect {
    let (Some(record), Some(shown)) = (record, shown) else { return effect };
    let Effect::Write(mut operations) = effect else { return effect };
    let unset = operations.iter().filter_map(|operation| match operation {
        FieldOperation::Unset { path } => Some(path),
        _ => None,
    });
    let unset: Vec<&Path> = unset.collect();
    if unset.is_empty() {
        return Effect::Write(operations);
    }
    let is_below =
        |field: &Path| unset.iter().any(|path| path.is_prefix_of(field) && *path != field);
    let was_seen = |field: &Path| {
        let stamps = stamps_in(&record.body, field);
        stamps.as_slice().iter().any(|stamp| context.covers(field, *stamp))
    };
    let below = shown.iter().map(|(field, _)| field);
    let below = below.filter(|field| is_below(field) && was_seen(field));
    let below: Vec<FieldOperation> =
        below.map(|field| FieldOperation::Unset { path: field.clone() }).collect();
    operations.extend(below);
    Effect::Write(operations)
}
