//! What an operation does to a record as far as a client can tell, and how the truth differs.
//!
//! A client shows what it predicts; the hub predicts the same and says what is otherwise. Both
//! follow `docs/protocol.md` §7. What does not fit changes nothing.
//!
//! | You want | Read |
//! |---|---|
//! | what an operation does | [`predict`] |
//! | what a client is told so that it holds the truth | [`correct`] |
//! | what a client makes of what it was told | [`Shown::apply`], [`Content::apply`] |

mod array;
mod correct;
mod keyed;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use syncline_merge::display::Fields;
use syncline_merge::operation::{Effect, FieldOperation};
use syncline_model::json::fields::flatten_json;
use syncline_model::json::{Json, Leaf, Number};
use syncline_model::path::Path;

pub(crate) use correct::value_of;
pub use correct::{Unfit, correct};

#[cfg(doc)]
use crate::{change::Content, outcome::Shown};

/// Fields on their way, by path; none is above another.
type Tree = BTreeMap<Path, Leaf>;

/// Returns what becomes of a record, `None` where it is not there.
///
/// - `record`: its fields, sorted by path, none above another; so is the answer.
///
/// The cost is linear in the record and the operation, but for the sorting of what is new.
pub fn predict(record: Option<&Fields>, effect: &Effect) -> Option<Fields> {
    let Effect::Write(operations) = effect else {
        return None;
    };
    let mut tree: Tree = record.into_iter().flatten().cloned().collect();
    write(&mut tree, operations);
    Some(tree.into_iter().collect())
}

/// Carries out field operations, those on one array that follow each other at once.
fn write(tree: &mut Tree, operations: &[FieldOperation]) {
    let is_same_part = |a: &FieldOperation, b: &FieldOperation| {
        let (Some(a_part), Some(b_part)) = (array_part(a), array_part(b)) else {
            return false;
        };
        a_part == b_part && a.path() == b.path()
    };
    for part in operations.chunk_by(is_same_part) {
        let Some(first) = part.first() else { continue };
        if first.path().is_root() {
            continue;
        }
        match array_part(first) {
            Some(ArrayPart::Elements) => array::write_elements(tree, first.path(), part),
            Some(_) => keyed::write_members(tree, first.path(), part),
            None => part.iter().for_each(|operation| write_field(tree, operation)),
        }
    }
}

/// What operations on an array treat it as.
#[derive(PartialEq, Eq)]
enum ArrayPart {
    Elements,
    MembersPut,
    MembersDropped,
}

const fn array_part(operation: &FieldOperation) -> Option<ArrayPart> {
    match operation {
        FieldOperation::Add { .. }
        | FieldOperation::Remove { .. }
        | FieldOperation::Append { .. } => Some(ArrayPart::Elements),
        FieldOperation::PutMember { .. } => Some(ArrayPart::MembersPut),
        FieldOperation::RemoveMember { .. } => Some(ArrayPart::MembersDropped),
        _ => None,
    }
}

fn write_field(tree: &mut Tree, operation: &FieldOperation) {
    match operation {
        FieldOperation::Set { path, value } => put_value(tree, path, value),
        FieldOperation::Unset { path } => clear_below(tree, path),
        FieldOperation::Increment { path, by } => put_number(tree, path, |known| {
            known.map_or_else(|| Number::from(0_i64), Number::clone).checked_add(by).ok()
        }),
        FieldOperation::Floor { path, value } => put_number(tree, path, |_| Some(value.clone())),
        FieldOperation::Reset { path } => put_number(tree, path, |_| Some(Number::from(0_i64))),
        FieldOperation::BeginText { path, text } => put(tree, path, Leaf::string(text)),
        FieldOperation::EditText { path, edit } => {
            let text = tree.get(path).and_then(Leaf::as_string);
            if let Some(text) = text.and_then(|text| edit.apply(&text).ok()) {
                put(tree, path, Leaf::string(&text));
            }
        }
        FieldOperation::Add { .. }
        | FieldOperation::Remove { .. }
        | FieldOperation::Append { .. }
        | FieldOperation::PutMember { .. }
        | FieldOperation::RemoveMember { .. } => {
            unreachable!("invariant: operations on arrays are carried out apart")
        }
    }
}

/// Gives a field a number, given the one that it has; not where it has another value.
fn put_number(
    tree: &mut Tree,
    path: &Path,
    change: impl FnOnce(Option<&Number>) -> Option<Number>,
) {
    let known = match tree.get(path) {
        None => None,
        Some(leaf) => match leaf.as_number() {
            None => return,
            number => number,
        },
    };
    if let Some(number) = change(known.as_ref()) {
        put(tree, path, Leaf::from(&number));
    }
}

/// Gives a field a value; an object that has members is its fields.
fn put_value(tree: &mut Tree, path: &Path, value: &Leaf) {
    if !value.as_str().starts_with('{') || value.is_empty_object() {
        return put(tree, path, value.clone());
    }
    let Json::Object(object) = value.to_json() else { return };
    let Ok(fields) = flatten_json(&object) else { return };
    clear_around(tree, path);
    tree.extend(fields.into_iter().map(|(inner, leaf)| (path.join(&inner), leaf)));
}

/// Gives a field a value; fields above and below it are gone.
fn put(tree: &mut Tree, path: &Path, value: Leaf) {
    if let Some(known) = tree.get_mut(path) {
        *known = value;
        return;
    }
    clear_around(tree, path);
    tree.insert(path.clone(), value);
}

fn clear_around(tree: &mut Tree, path: &Path) {
    clear_below(tree, path);
    for above in path.ancestors() {
        tree.remove(&above);
    }
}

/// Removes a field and all below it.
fn clear_below(tree: &mut Tree, path: &Path) {
    // What is below a path follows it directly.
    while let Some((below, _)) = tree.range(path..).next() {
        if !path.is_prefix_of(below) {
            return;
        }
        let below = below.clone();
        tree.remove(&below);
    }
}
