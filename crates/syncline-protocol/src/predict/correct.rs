//! How the truth differs from what a client predicts, and what the client makes of it.

use syncline_merge::display::Fields;
use syncline_model::json::Leaf;
use syncline_model::path::Path;
use thiserror::Error;

use super::{Tree, clear_below, put_value};
use crate::change::Content;
use crate::outcome::Shown;

/// What was told does not fit what the client holds: something was lost, and the client fetches the
/// record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("what was told of a record does not fit what is held of it")]
pub struct Unfit;

impl Unfit {
    /// Returns the stable code of the error.
    pub const fn code(&self) -> &'static str {
        "CHANGE_DOES_NOT_FIT"
    }
}

/// Returns what a client that shows `predicted` is told, so that it shows `actual`: the fields that
/// differ, or all where that is shorter. Values are compared as they are written, digit by digit.
pub fn correct(predicted: Option<&Fields>, actual: Option<&Fields>) -> Shown {
    let (Some(predicted), Some(actual)) = (predicted, actual) else {
        return match actual {
            None if predicted.is_none() => Shown::AsPredicted,
            actual => Shown::Record(actual.cloned()),
        };
    };
    let is_held = |(path, leaf): &&(Path, Leaf)| {
        value_of(predicted, path).is_some_and(|held| held.as_str() == leaf.as_str())
    };
    let set: Fields = actual.iter().filter(|field| !is_held(field)).cloned().collect();
    let gone = predicted.iter().filter(|(path, _)| value_of(actual, path).is_none());
    let unset: Vec<Path> = gone.map(|(path, _)| path.clone()).collect();
    if set.is_empty() && unset.is_empty() {
        return Shown::AsPredicted;
    }
    let bytes_of = |fields: &Fields| -> usize {
        fields.iter().map(|(path, leaf)| path.as_str().len() + leaf.as_str().len() + 1).sum()
    };
    let unset_bytes: usize = unset.iter().map(|path| path.as_str().len() + 1).sum();
    if bytes_of(&set) + unset_bytes >= bytes_of(actual) {
        return Shown::Record(Some(actual.clone()));
    }
    Shown::But { set, unset }
}

pub(crate) fn value_of<'f>(fields: &'f Fields, path: &Path) -> Option<&'f Leaf> {
    let at = fields.binary_search_by(|(known, _)| known.cmp(path)).ok()?;
    fields.get(at).map(|(_, leaf)| leaf)
}

impl Shown {
    /// Returns the record as the hub shows it, given what the client predicts.
    ///
    /// # Errors
    ///
    /// [`Unfit`] if fields are named of a record that is not there.
    pub fn apply(&self, predicted: Option<Fields>) -> Result<Option<Fields>, Unfit> {
        match self {
            Self::AsPredicted => Ok(predicted),
            Self::Record(record) => Ok(record.clone()),
            Self::But { set, unset } => {
                let mut tree: Tree = predicted.ok_or(Unfit)?.into_iter().collect();
                write_over(&mut tree, set, unset);
                Ok(Some(tree.into_iter().collect()))
            }
        }
    }
}

impl Content {
    /// Returns the record after a change, given what the client holds of it.
    ///
    /// # Errors
    ///
    /// [`Unfit`] if fields are named of a record that is not there, a text is edited that is not
    /// as long as the edit says, or another value is held than a delta was made against.
    pub fn apply(&self, held: Option<Fields>) -> Result<Option<Fields>, Unfit> {
        match self {
            Self::Record(record) => Ok(Some(record.clone())),
            Self::Gone(_) => Ok(None),
            Self::Fields { set, unset, text, deltas } => {
                let mut tree: Tree = held.ok_or(Unfit)?.into_iter().collect();
                write_over(&mut tree, set, unset);
                for (path, delta) in deltas {
                    let leaf = tree.get_mut(path).ok_or(Unfit)?;
                    *leaf = delta.apply(leaf).map_err(|_| Unfit)?;
                }
                for (path, edit) in text {
                    let leaf = tree.get_mut(path).ok_or(Unfit)?;
                    let before = leaf.as_string().ok_or(Unfit)?;
                    let after = edit.apply(&before).map_err(|_| Unfit)?;
                    *leaf = Leaf::string(&after);
                }
                Ok(Some(tree.into_iter().collect()))
            }
        }
    }
}

/// Removes fields with all below them, then gives others their values.
fn write_over(tree: &mut Tree, set: &Fields, unset: &[Path]) {
    unset.iter().for_each(|path| clear_below(tree, path));
    set.iter().for_each(|(path, value)| put_value(tree, path, value));
}
