//! A record changed without touching what the domain hides. Pure.
//!
//! The hub sees of a domain's record only the paths that the domain's policy lets through. What the
//! record holds besides, and the order of its members, has to survive every change.

use syncline_model::json::fields::{FieldsError, unflatten};
use syncline_model::json::{Json, Leaf, Object};
use syncline_model::path::Path;
use thiserror::Error;

use crate::Advice;

/// Why a record cannot be changed so.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PatchError {
    /// A field would have to replace something that the hub does not see.
    #[error("the field `{path}` cannot be written: something that is not synced is in its place")]
    Blocked {
        /// The field.
        path: Path,
    },
    /// The fields do not make a record.
    #[error("the fields do not make a record")]
    Fields(#[from] FieldsError),
}

impl PatchError {
    /// Returns the stable code; codes are never renamed or used again.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Blocked { .. } => "FIELD_BLOCKED",
            Self::Fields(error) => error.code(),
        }
    }

    /// Returns what the caller should do: leave the record as it is and report it.
    pub const fn advice(&self) -> Advice {
        match self {
            Self::Blocked { .. } => Advice::AskHuman,
            Self::Fields(_) => Advice::GiveUp,
        }
    }
}

/// Returns the record after a change of its visible fields from `before` to `after`.
///
/// - `own`: the record as the domain holds it; nothing if it is new there.
/// - `template`: the record as another domain holds it; a new record orders its members like it.
/// - `before`, `after`: the visible fields, sorted by path as
///   [`flatten`](syncline_model::json::fields::flatten) returns them. `before` does not matter for
///   a new record.
///
/// Only fields that differ are touched: the others keep even their spelling (`1.0`, order of
/// members). Objects that lose their last member vanish, unless `after` has `{}` there. A new
/// member goes to the end of its object.
///
/// # Errors
///
/// [`PatchError`]; the record then stays as it is.
pub fn patch(
    own: Option<&Object>,
    template: Option<&Object>,
    before: &[(Path, Leaf)],
    after: &[(Path, Leaf)],
) -> Result<Object, PatchError> {
    let Some(own) = own else {
        let object = unflatten(after.iter().map(|(path, leaf)| (path, leaf)))?;
        return Ok(
            template.map_or_else(|| object.clone(), |template| object.ordered_like(template))
        );
    };
    let mut record = own.clone();
    for (path, _) in before.iter().filter(|(path, _)| leaf_at(after, path).is_none()) {
        let keys: Vec<_> = path.segments().collect();
        unset(&mut record, &keys, &Path::root(), after);
    }
    for (path, leaf) in after.iter().filter(|(path, leaf)| leaf_at(before, path) != Some(leaf)) {
        let keys: Vec<_> = path.segments().collect();
        let was_visible = leaf_at(before, path).is_some();
        if !set(&mut record, &keys, leaf, was_visible) {
            return Err(PatchError::Blocked { path: path.clone() });
        }
    }
    Ok(record)
}

/// Returns the leaf of a path in sorted fields.
fn leaf_at<'f>(fields: &'f [(Path, Leaf)], path: &Path) -> Option<&'f Leaf> {
    let found = fields.binary_search_by(|(known, _)| known.cmp(path)).ok()?;
    fields.get(found).map(|(_, leaf)| leaf)
}

/// Tells whether a field stands at this path or inside of it. It then is the first one from the
/// path on, because of the order of paths.
fn has_within(fields: &[(Path, Leaf)], path: &Path) -> bool {
    let from = fields.partition_point(|(known, _)| known < path);
    fields.get(from).is_some_and(|(known, _)| path.is_prefix_of(known))
}

/// Takes a field out of `object`, whose own path is `at`. What `after` puts in the place of a
/// removed member keeps the member's place among the others.
fn unset(
    object: &mut Object,
    keys: &[std::borrow::Cow<'_, str>],
    at: &Path,
    after: &[(Path, Leaf)],
) {
    let Some((key, deeper)) = keys.split_first() else {
        return;
    };
    let path = at.within_key(key);
    let emptied = match object.get_mut(key) {
        None => return,
        Some(Json::Object(inner)) if !deeper.is_empty() => {
            unset(inner, deeper, &path, after);
            inner.is_empty()
        }
        // An object that is hidden in part is a field to the hub at most as `{}`.
        Some(Json::Object(inner)) => inner.is_empty(),
        Some(_) => deeper.is_empty(),
    };
    if !emptied {
        return;
    }
    if has_within(after, &path) {
        object.insert(&**key, Object::new());
    } else {
        object.remove(key);
    }
}

/// Sets a field; tells whether it could. `replaces` tells that the hub knows what it replaces.
fn set(
    object: &mut Object,
    keys: &[std::borrow::Cow<'_, str>],
    leaf: &Leaf,
    replaces: bool,
) -> bool {
    let Some((key, deeper)) = keys.split_first() else {
        return false;
    };
    match object.get_mut(key) {
        Some(Json::Object(inner)) if !deeper.is_empty() => set(inner, deeper, leaf, replaces),
        Some(Json::Object(inner)) if !inner.is_empty() => leaf.is_empty_object(),
        Some(_) if !deeper.is_empty() => false,
        Some(value) => {
            let is_free = replaces || value.as_object().is_some() || leaf.to_json() == *value;
            if is_free {
                *value = leaf.to_json();
            }
            is_free
        }
        None if deeper.is_empty() => {
            object.insert(&**key, leaf.to_json());
            true
        }
        None => {
            let mut inner = Object::new();
            let done = set(&mut inner, deeper, leaf, replaces);
            object.insert(&**key, inner);
            done
        }
    }
}
