//! The steps of a migration, as they are applied: few kinds, each its own mirror image or nearly.

use crate::json::Leaf;
use crate::path::{Path, PathError};

use super::step::Conversion;
use super::value::ValueMap;

/// Which way a migration is applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    /// From the older version to the newer.
    Up,
    /// From the newer version to the older.
    Down,
}

/// A [`Step`](super::Step) that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    /// Two places are exchanged; both ways alike.
    Exchange { from: Path, to: Path },
    /// A record that lacks the field takes the default of the direction, if there is one.
    Default { path: Path, up: Option<Leaf>, down: Option<Leaf> },
    /// Values are exchanged one for one.
    Map { path: Path, map: ValueMap },
    /// Values are written as another kind.
    Convert { path: Path, conversion: Conversion },
}

/// Why a field has no place or no value at the other version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Path(PathError),
    Unmapped,
    Lossy,
}

impl Operation {
    /// Returns where a path is after the step.
    pub(super) fn path(&self, path: Path) -> Result<Path, PathError> {
        let Self::Exchange { from, to } = self else {
            return Ok(path);
        };
        if let Some(inside) = path.strip_prefix(from) {
            return moved(to, &inside);
        }
        match path.strip_prefix(to) {
            Some(inside) => moved(from, &inside),
            None => Ok(path),
        }
    }

    /// Returns what a value at `path`, as named before the step, is after it.
    pub(super) fn leaf(
        &self,
        direction: Direction,
        path: &Path,
        leaf: Leaf,
    ) -> Result<Leaf, Refusal> {
        match self {
            Self::Map { path: mapped, map } if mapped == path => {
                map.apply(direction, &leaf).ok_or(Refusal::Unmapped)
            }
            Self::Convert { path: converted, conversion } if converted == path => {
                conversion.apply(direction, &leaf).ok_or(Refusal::Lossy)
            }
            _ => Ok(leaf),
        }
    }

    /// Returns the field that a record of these fields lacks after the step.
    pub(super) fn missing(
        &self,
        direction: Direction,
        fields: &[(Path, Leaf)],
    ) -> Option<(Path, Leaf)> {
        let Self::Default { path, up, down } = self else {
            return None;
        };
        let default = match direction {
            Direction::Up => up.as_ref()?,
            Direction::Down => down.as_ref()?,
        };
        // A scalar above the field says that there is no object to put it into.
        let is_taken = fields.iter().any(|(held, leaf)| {
            path.is_prefix_of(held) || (held.is_prefix_of(path) && !leaf.is_empty_object())
        });
        (!is_taken).then(|| (path.clone(), default.clone()))
    }
}

fn moved(place: &Path, inside: &Path) -> Result<Path, PathError> {
    if inside.is_root() {
        return Ok(place.clone());
    }
    Path::parse(&format!("{}{}", place.as_str(), inside.as_str()))
}
