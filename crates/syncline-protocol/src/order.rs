//! The order in which the parts of an operation are carried out, and what one operation may hold.

use std::cmp::Ordering;

use syncline_merge::operation::FieldOperation;
use syncline_model::json::Leaf;
use syncline_model::path::Path;

use crate::delta::Delta;
use crate::error::{MessageError, Unwritable};

/// Returns which part of an operation this belongs to, in the order of `docs/protocol.md` §3; `None`
/// if only a hub makes it.
const fn rank(operation: &FieldOperation) -> Option<u8> {
    Some(match operation {
        FieldOperation::Set { .. } => 0,
        FieldOperation::Unset { .. } => 1,
        FieldOperation::Increment { .. } => 2,
        FieldOperation::Reset { .. } => 3,
        FieldOperation::Add { .. } => 4,
        FieldOperation::Remove { .. } => 5,
        FieldOperation::Append { id: None, .. } => 6,
        FieldOperation::BeginText { .. } => 7,
        FieldOperation::EditText { .. } => 8,
        FieldOperation::PutMember { .. } => 9,
        FieldOperation::RemoveMember { .. } => 10,
        FieldOperation::Append { .. } | FieldOperation::Floor { .. } => return None,
    })
}

const fn member_key(operation: &FieldOperation) -> Option<&str> {
    match operation {
        FieldOperation::PutMember { key, .. } | FieldOperation::RemoveMember { key, .. } => {
            Some(key)
        }
        _ => None,
    }
}

fn order(a: &FieldOperation, b: &FieldOperation) -> Ordering {
    (rank(a), a.path(), member_key(a)).cmp(&(rank(b), b.path(), member_key(b)))
}

/// Returns the first field that one part writes twice; `operations` are in their order.
fn written_twice(operations: &[&FieldOperation]) -> Option<Path> {
    let is_many = |rank: Option<u8>| matches!(rank, Some(4..=6));
    let twice = operations.windows(2).find(|pair| match pair {
        [a, b] if rank(a) == rank(b) && !is_many(rank(a)) => match rank(a) {
            // A value above another one is overwritten by it, or the other way round.
            Some(0) => a.path().is_prefix_of(b.path()),
            _ => a.path() == b.path() && member_key(a) == member_key(b),
        },
        _ => false,
    });
    twice.and_then(|pair| pair.last()).map(|operation| operation.path().clone())
}

/// Puts operations that were read into the order in which they are carried out.
pub(crate) fn normalised(
    mut operations: Vec<FieldOperation>,
) -> Result<Vec<FieldOperation>, MessageError> {
    operations.sort_by(order);
    match written_twice(&operations.iter().collect::<Vec<_>>()) {
        Some(path) => Err(MessageError::Twice { path }),
        None => Ok(operations),
    }
}

/// Returns deltas in the order of their paths, as the values that they stand for would be carried out.
pub(crate) fn apart(
    operations: &[FieldOperation],
    mut deltas: Vec<(Path, Delta)>,
) -> Result<Vec<(Path, Delta)>, MessageError> {
    if !deltas.is_empty() {
        let set = |(path, _): &(Path, Delta)| FieldOperation::Set {
            path: path.clone(),
            value: Leaf::null(),
        };
        let is_set = |operation: &&FieldOperation| matches!(operation, FieldOperation::Set { .. });
        let others = operations.iter().filter(is_set).cloned();
        normalised(others.chain(deltas.iter().map(set)).collect())?;
        deltas.sort_by(|(a, _), (b, _)| a.cmp(b));
    }
    Ok(deltas)
}

/// Returns operations in the order in which they are carried out, if that changes nothing.
///
/// Inside of members they are looked at when these are written.
pub(crate) fn ordered(operations: &[FieldOperation]) -> Result<Vec<&FieldOperation>, Unwritable> {
    if let Some(foreign) = operations.iter().find(|operation| rank(operation).is_none()) {
        return Err(Unwritable::Foreign { path: foreign.path().clone() });
    }
    let mut sorted: Vec<&FieldOperation> = operations.iter().collect();
    if !operations.is_sorted_by(|a, b| order(a, b).is_le()) {
        check_apart(&sorted)?;
        sorted.sort_by(|a, b| order(a, b));
    }
    match written_twice(&sorted) {
        Some(path) => Err(Unwritable::Twice { path }),
        None => Ok(sorted),
    }
}

/// Refuses operations of different parts that meet: it would matter which one comes first.
fn check_apart(operations: &[&FieldOperation]) -> Result<(), Unwritable> {
    let mut by_path = operations.to_vec();
    by_path.sort_by(|a, b| a.path().cmp(b.path()));
    let mut outermost: Option<&FieldOperation> = None;
    for operation in by_path {
        match outermost.filter(|above| above.path().is_prefix_of(operation.path())) {
            Some(above) if rank(above) != rank(operation) => {
                return Err(Unwritable::Order { path: operation.path().clone() });
            }
            Some(_) => {}
            None => outermost = Some(operation),
        }
    }
    Ok(())
}
