//! Bringing stored records to the latest version where nobody knows which version each of them is of.
//!
//! A [`Chain`](super::Chain) takes a record from one known version to another. The records of a hub are
//! written by clients of all versions, so here a step is done where there is something to do: a field
//! that stands at its older place moves, one that stands at the newer place stays. Done again, it changes
//! nothing; after older clients have written, it brings over what they wrote.

use std::collections::BTreeMap;

use thiserror::Error;

use crate::json::{Kind, Leaf};
use crate::path::Path;

use super::migration::Migration;
use super::operation::{Direction, Operation};
use super::registry::drop_filled_objects;
use super::step::{Conversion, Otherwise, Step};
use super::value::each_element;

/// Steps that are done wherever there is something to do.
#[derive(Clone, Debug)]
pub struct Forward {
    steps: Vec<Stage>,
}

#[derive(Clone, Debug)]
enum Stage {
    Move {
        from: Path,
        exchange: Operation,
        to: Path,
    },
    /// `later`: where later steps move the field.
    Default {
        path: Path,
        default: Operation,
        later: Vec<Path>,
    },
    Map {
        path: Path,
        pairs: BTreeMap<Leaf, Leaf>,
        otherwise: Otherwise,
    },
    Convert {
        path: Path,
        conversion: Conversion,
    },
}

/// Why steps cannot be done wherever there is something to do: done again, they would not stop.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "`{path}` is an older and a newer place or value at once: done again, it would change again"
)]
pub struct NotRepeatable {
    /// The field, by the name that it has at the step that would be done again.
    pub path: Path,
}

impl NotRepeatable {
    /// Returns the stable code of the error.
    pub const fn code(&self) -> &'static str {
        "SCHEMA_NOT_REPEATABLE"
    }
}

/// Why a record was left as it is, for somebody to look at.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LeftAlone {
    /// A field has a value at its older and at its newer place.
    #[error("`{from}` and `{to}` both have a value")]
    BothPlaces {
        /// The older place.
        from: Path,
        /// The newer place.
        to: Path,
    },
    /// The value is not in the map of a step that refuses such.
    #[error("the value of `{path}` has no counterpart")]
    Unmapped {
        /// The field.
        path: Path,
    },
    /// The value cannot be written as the other kind without loss.
    #[error("the value of `{path}` would be lost")]
    Lossy {
        /// The field.
        path: Path,
    },
    /// A path would be beyond the limits.
    #[error("the path of `{path}` would be beyond the limits")]
    Path {
        /// The field.
        path: Path,
    },
}

impl LeftAlone {
    /// Returns the stable code of the reason.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::BothPlaces { .. } => "SCHEMA_BOTH_PLACES",
            Self::Unmapped { .. } => "SCHEMA_VALUE_UNMAPPED",
            Self::Lossy { .. } => "SCHEMA_VALUE_LOSSY",
            Self::Path { .. } => "SCHEMA_PATH_LIMIT",
        }
    }
}

impl Forward {
    /// Takes the steps of migrations, the older migration first.
    ///
    /// # Errors
    ///
    /// [`NotRepeatable`], for example where two fields exchange their names.
    pub fn new<'m>(
        migrations: impl IntoIterator<Item = &'m Migration>,
    ) -> Result<Self, NotRepeatable> {
        let compiled = migrations.into_iter().flat_map(Migration::compiled);
        let mut forward = Self { steps: compiled.map(Stage::of).collect() };
        forward.check_repeats()?;
        forward.note_later_places();
        Ok(forward)
    }

    /// Refuses steps that would find something to do in what they or later ones have done.
    fn check_repeats(&self) -> Result<(), NotRepeatable> {
        for (index, step) in self.steps.iter().enumerate() {
            let mut later = self.steps.iter().skip(index + 1);
            if later.any(|later| step.meets(later)) || step.meets(step) {
                return Err(NotRepeatable { path: step.place().clone() });
            }
        }
        Ok(())
    }

    /// Notes where the fields that are added go afterwards: what is there by then is not added again.
    fn note_later_places(&mut self) {
        let steps = self.steps.clone();
        for (index, step) in self.steps.iter_mut().enumerate() {
            let Stage::Default { path, later, .. } = step else { continue };
            let mut at = path.clone();
            for moving in steps.iter().skip(index) {
                if let Stage::Move { from, exchange, .. } = moving
                    && from.is_prefix_of(&at)
                    && let Ok(moved) = exchange.path(at.clone())
                {
                    later.push(moved.clone());
                    at = moved;
                }
            }
        }
    }

    /// Brings the fields of a record forward; the answer is sorted by path.
    ///
    /// # Errors
    ///
    /// [`LeftAlone`]: the record stays as it is.
    pub fn fields(&self, fields: &[(Path, Leaf)]) -> Result<Vec<(Path, Leaf)>, LeftAlone> {
        let mut fields = fields.to_vec();
        for step in &self.steps {
            step.carry_out(&mut fields)?;
        }
        fields.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        drop_filled_objects(&mut fields);
        Ok(fields)
    }
}

impl Stage {
    fn of((step, operation): (&Step, &Operation)) -> Self {
        match (step, operation) {
            (Step::Map { path, pairs, otherwise }, _) => Self::Map {
                path: path.clone(),
                pairs: pairs.iter().cloned().collect(),
                otherwise: *otherwise,
            },
            (_, Operation::Exchange { from, to }) => {
                Self::Move { from: from.clone(), exchange: operation.clone(), to: to.clone() }
            }
            (_, Operation::Convert { path, conversion }) => {
                Self::Convert { path: path.clone(), conversion: *conversion }
            }
            (_, Operation::Default { path, .. } | Operation::Map { path, .. }) => {
                Self::Default { path: path.clone(), default: operation.clone(), later: Vec::new() }
            }
        }
    }

    /// Returns the place where the step finds something to do.
    const fn place(&self) -> &Path {
        match self {
            Self::Move { from: path, .. }
            | Self::Default { path, .. }
            | Self::Map { path, .. }
            | Self::Convert { path, .. } => path,
        }
    }

    /// Returns whether the step, done again, would find something to do in what it, or a later one, has
    /// done.
    fn meets(&self, later: &Self) -> bool {
        let is_same = self.place() == later.place();
        match (self, later) {
            // What is added is there, unless all that is in it moves away.
            (Self::Default { path, .. }, Self::Move { from, .. }) => {
                path.is_prefix_of(from) && !is_same
            }
            (Self::Default { .. }, _) => false,
            (_, Self::Move { to: filled, .. } | Self::Default { path: filled, .. }) => {
                filled.is_prefix_of(self.place()) || self.place().is_prefix_of(filled)
            }
            (Self::Map { pairs, .. }, Self::Map { pairs: new, .. }) => {
                let changes = |value: &Leaf| pairs.get(value).is_some_and(|next| next != value);
                is_same && new.values().any(changes)
            }
            (Self::Map { .. }, Self::Convert { .. }) => is_same,
            (Self::Convert { conversion, .. }, Self::Map { pairs, .. }) => {
                is_same && pairs.values().any(|value| value.kind() != conversion.target())
            }
            (Self::Convert { conversion, .. }, Self::Convert { conversion: next, .. }) => {
                is_same && conversion.target() != next.target()
            }
            (Self::Move { .. }, Self::Map { .. } | Self::Convert { .. }) => false,
        }
    }

    fn carry_out(&self, fields: &mut Vec<(Path, Leaf)>) -> Result<(), LeftAlone> {
        match self {
            Self::Move { from, exchange, to } => {
                if !fields.iter().any(|(held, _)| from.is_prefix_of(held)) {
                    return Ok(());
                }
                if is_taken(to, fields) {
                    return Err(LeftAlone::BothPlaces { from: from.clone(), to: to.clone() });
                }
                for (path, _) in fields {
                    let moved = exchange.path(path.clone());
                    *path = moved.map_err(|_| LeftAlone::Path { path: path.clone() })?;
                }
                Ok(())
            }
            Self::Default { default, later, .. } => {
                if later.iter().any(|place| is_taken(place, fields)) {
                    return Ok(());
                }
                fields.extend(default.missing(Direction::Up, fields));
                Ok(())
            }
            Self::Map { path, pairs, otherwise } => {
                let is_new = |value: &Leaf| pairs.values().any(|new| new == value);
                let mapped = |value: &Leaf| match pairs.get(value) {
                    Some(new) => Some(new.clone()),
                    None if is_new(value) || *otherwise == Otherwise::Keep => Some(value.clone()),
                    None => None,
                };
                let unmapped = || LeftAlone::Unmapped { path: path.clone() };
                change(fields, path, |leaf| each_element(leaf, mapped).ok_or_else(unmapped))
            }
            Self::Convert { path, conversion } => {
                let kind = conversion.target();
                let converted = |value: &Leaf| match value.kind() == kind {
                    true => Some(value.clone()),
                    false => conversion.apply(Direction::Up, value),
                };
                let lossy = || LeftAlone::Lossy { path: path.clone() };
                change(fields, path, |leaf| each_element(leaf, converted).ok_or_else(lossy))
            }
        }
    }
}

impl Conversion {
    const fn target(self) -> Kind {
        match self {
            Self::StringToNumber => Kind::Number,
            Self::StringToBool => Kind::Bool,
            Self::NumberToString | Self::BoolToString => Kind::String,
        }
    }
}

/// Returns whether something stands at a place, or a value above it that is no object.
fn is_taken(place: &Path, fields: &[(Path, Leaf)]) -> bool {
    fields.iter().any(|(held, leaf)| {
        place.is_prefix_of(held) || (held.is_prefix_of(place) && !leaf.is_empty_object())
    })
}

fn change(
    fields: &mut [(Path, Leaf)],
    path: &Path,
    changed: impl Fn(&Leaf) -> Result<Leaf, LeftAlone>,
) -> Result<(), LeftAlone> {
    for (_, leaf) in fields.iter_mut().filter(|(held, _)| held == path) {
        *leaf = changed(leaf)?;
    }
    Ok(())
}
