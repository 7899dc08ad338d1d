//! The steps of a migration, as they are written down, and what makes one acceptable.

use thiserror::Error;

use crate::json::{Kind, Leaf};
use crate::limits::SCHEMA_PAIRS_MAX;
use crate::path::{Path, PathError};

use super::operation::Operation;
use super::value::ValueMap;

/// One step of a migration, from the older version up; the way down is its mirror image.
///
/// Paths are those that hold where the step begins, after the steps before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A field, with all that is inside of it, has another path. What was at `to` is at `from`.
    Rename {
        /// The path at the older version.
        from: Path,
        /// The path at the newer version; neither is inside the other.
        to: Path,
    },
    /// The newer version has a field more.
    ///
    /// On the way down the field stays, as one that the older version does not know, so that an
    /// edit of it survives older replicas.
    Add {
        /// The new field.
        path: Path,
        /// Its value in records that lack it, for fields that the newer version requires.
        default: Option<Leaf>,
    },
    /// The newer version has a field less.
    ///
    /// The field stays in the record, as one that the newer version does not know. To destroy
    /// values is a matter of policy, not of schema.
    Remove {
        /// The field that is no more.
        path: Path,
        /// Its value for the older version in records made at the newer one, for fields that the
        /// older version requires.
        default: Option<Leaf>,
    },
    /// A field moves into an object, under the name it has: `/city` into `/address`.
    Wrap {
        /// The field at the older version.
        field: Path,
        /// The object that it is a member of at the newer version.
        object: Path,
    },
    /// A field moves out of its object, to stand beside it: `/address/city` becomes `/city`.
    Hoist {
        /// The field at the older version, at least two segments deep.
        field: Path,
    },
    /// Values of an enumeration have other names. In an array, each element is mapped.
    Map {
        /// The field.
        path: Path,
        /// (older, newer): strings, numbers or booleans, each at most once on its side.
        pairs: Vec<(Leaf, Leaf)>,
        /// What becomes of values that no pair names; `null` always stays.
        otherwise: Otherwise,
    },
    /// Values are written as another kind. In an array, each element is converted; `null` stays.
    Convert {
        /// The field.
        path: Path,
        /// From which kind to which.
        conversion: Conversion,
    },
}

/// What becomes of a value that no pair of a [`Step::Map`] names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Otherwise {
    /// It stays as it is. If another value has taken its name, it takes the one left free, so that
    /// it is told apart and comes back.
    Keep,
    /// It is refused by [`MigrateError::Unmapped`](super::MigrateError::Unmapped).
    Refuse,
}

/// How a [`Step::Convert`] writes a value. What would not come back as it was is refused by
/// [`MigrateError::Lossy`](super::MigrateError::Lossy).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conversion {
    /// `"12.5"` becomes `12.5`; only canonical numbers, so not `"012"` or `"1.50"`.
    StringToNumber,
    /// `12.5` becomes `"12.5"`, in canonical form.
    NumberToString,
    /// `"true"` and `"false"` become `true` and `false`.
    StringToBool,
    /// `true` and `false` become `"true"` and `"false"`.
    BoolToString,
}

/// Why a step is not acceptable: its author mends it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum StepError {
    /// A path is the root, too long or too deep.
    #[error("a path is not acceptable")]
    Path(#[from] PathError),
    /// One of two places is inside the other, so they cannot be exchanged.
    #[error("`{from}` and `{to}` overlap")]
    Overlap {
        /// The path at the older version.
        from: Path,
        /// The path at the newer version.
        to: Path,
    },
    /// A field to be hoisted is no member of an object.
    #[error("`{field}` is not inside an object")]
    NotInside {
        /// The field.
        field: Path,
    },
    /// A default is an object with members.
    #[error("the default of `{path}` is an object with members: add its fields one by one")]
    DefaultNotLeaf {
        /// The field.
        path: Path,
    },
    /// A map has no pairs, or too many.
    #[error("the map of `{path}` has {pairs} pairs; 1 to {pairs_max} are accepted")]
    PairCount {
        /// The field.
        path: Path,
        /// How many there are.
        pairs: usize,
        /// Most accepted.
        pairs_max: usize,
    },
    /// A mapped value is null, an array or an object.
    #[error("pair {index} of the map of `{path}` is not of strings, numbers or booleans")]
    PairNotScalar {
        /// The field.
        path: Path,
        /// Which pair, from 0.
        index: usize,
    },
    /// A value stands on the same side of two pairs, so there is no way back.
    #[error("pair {index} of the map of `{path}` repeats a value: there would be no way back")]
    PairNotInvertible {
        /// The field.
        path: Path,
        /// Which pair, from 0.
        index: usize,
    },
}

impl StepError {
    /// Returns the stable code of the error.
    pub const fn code(&self) -> &'static str {
        "SCHEMA_STEP_INVALID"
    }
}

impl Step {
    /// Checks the step and makes it ready to be applied.
    pub(super) fn compile(&self) -> Result<Operation, StepError> {
        match self {
            Self::Rename { from, to } => exchange(from.clone(), to.clone()),
            Self::Wrap { field, object } => {
                let key = field.last().ok_or(PathError::Root)?;
                exchange(field.clone(), object.child(&key)?)
            }
            Self::Hoist { field } => {
                let key = field.last().ok_or(PathError::Root)?;
                let object = field.parent().and_then(|object| object.parent());
                let outer = object.ok_or_else(|| StepError::NotInside { field: field.clone() })?;
                exchange(field.clone(), outer.child(&key)?)
            }
            Self::Add { path, default } => {
                let up = checked_default(path, default)?;
                Ok(Operation::Default { path: path.clone(), up, down: None })
            }
            Self::Remove { path, default } => {
                let down = checked_default(path, default)?;
                Ok(Operation::Default { path: path.clone(), up: None, down })
            }
            Self::Map { path, pairs, otherwise } => {
                let path = field(path)?;
                let map = checked_map(&path, pairs, *otherwise)?;
                Ok(Operation::Map { path, map })
            }
            Self::Convert { path, conversion } => {
                Ok(Operation::Convert { path: field(path)?, conversion: *conversion })
            }
        }
    }

    /// Returns the field that the step adds, if it is such a step.
    pub(super) const fn added(&self) -> Option<&Path> {
        match self {
            Self::Add { path, .. } => Some(path),
            _ => None,
        }
    }

    /// Returns the field that the step removes, if it is such a step.
    pub(super) const fn removed(&self) -> Option<&Path> {
        match self {
            Self::Remove { path, .. } => Some(path),
            _ => None,
        }
    }
}

fn field(path: &Path) -> Result<Path, StepError> {
    if path.is_root() {
        return Err(PathError::Root.into());
    }
    Ok(path.clone())
}

fn exchange(from: Path, to: Path) -> Result<Operation, StepError> {
    let (from, to) = (field(&from)?, field(&to)?);
    if from.is_prefix_of(&to) || to.is_prefix_of(&from) {
        return Err(StepError::Overlap { from, to });
    }
    Ok(Operation::Exchange { from, to })
}

fn checked_default(path: &Path, default: &Option<Leaf>) -> Result<Option<Leaf>, StepError> {
    let path = field(path)?;
    match default {
        Some(leaf) if leaf.kind() == Kind::Object && !leaf.is_empty_object() => {
            Err(StepError::DefaultNotLeaf { path })
        }
        _ => Ok(default.clone()),
    }
}

fn checked_map(
    path: &Path,
    pairs: &[(Leaf, Leaf)],
    otherwise: Otherwise,
) -> Result<ValueMap, StepError> {
    if pairs.is_empty() || pairs.len() > SCHEMA_PAIRS_MAX {
        let (pairs, pairs_max) = (pairs.len(), SCHEMA_PAIRS_MAX);
        return Err(StepError::PairCount { path: path.clone(), pairs, pairs_max });
    }
    let scalar = |leaf: &Leaf| matches!(leaf.kind(), Kind::String | Kind::Number | Kind::Bool);
    if let Some(index) = pairs.iter().position(|(old, new)| !scalar(old) || !scalar(new)) {
        return Err(StepError::PairNotScalar { path: path.clone(), index });
    }
    ValueMap::new(pairs, otherwise)
        .map_err(|index| StepError::PairNotInvertible { path: path.clone(), index })
}
