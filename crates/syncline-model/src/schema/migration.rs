//! One migration: two versions and the steps between them.

use thiserror::Error;

use crate::json::Leaf;
use crate::limits::SCHEMA_STEPS_MAX;
use crate::path::{Path, PathError};

use super::identity::SchemaVersion;
use super::operation::{Direction, Operation, Refusal};
use super::step::{Step, StepError};

/// The way between two versions of an entity's schema, up and down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migration {
    from: SchemaVersion,
    to: SchemaVersion,
    steps: Vec<Step>,
    /// One for each step, in order.
    operations: Vec<Operation>,
}

/// Why a migration is not acceptable: its author mends it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DefineError {
    /// The versions do not rise.
    #[error("a migration goes from a version to a later one, not from {from} to {to}")]
    NotUp {
        /// Where it begins.
        from: SchemaVersion,
        /// Where it ends.
        to: SchemaVersion,
    },
    /// There are too many steps.
    #[error("a migration has {steps} steps; at most {steps_max} are accepted")]
    TooManySteps {
        /// How many there are.
        steps: usize,
        /// Most accepted.
        steps_max: usize,
    },
    /// A step is not acceptable.
    #[error("step {index} is not acceptable: {source}")]
    Step {
        /// Which step, from 0.
        index: usize,
        /// What is wrong with it.
        source: StepError,
    },
}

impl DefineError {
    /// Returns the stable code of the error.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotUp { .. } | Self::TooManySteps { .. } => "SCHEMA_MIGRATION_INVALID",
            Self::Step { source, .. } => source.code(),
        }
    }
}

/// Why a record or a change cannot be brought to another version. Nothing was changed; the caller
/// keeps what it has as it is, and reports it for a decision.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MigrateError {
    /// The value is not in the map of a step that refuses such.
    #[error("the value of `{path}` has no counterpart on the way from version {from} to {to}")]
    Unmapped {
        /// The field, by the name that it has at that step.
        path: Path,
        /// The version that the migration leads from.
        from: SchemaVersion,
        /// The version that it leads to.
        to: SchemaVersion,
    },
    /// The value would not come back as it was.
    #[error("the value of `{path}` would be lost on the way from version {from} to {to}")]
    Lossy {
        /// The field, by the name that it has at that step.
        path: Path,
        /// The version that the migration leads from.
        from: SchemaVersion,
        /// The version that it leads to.
        to: SchemaVersion,
    },
    /// The field's path would be beyond the limits.
    #[error("the path of `{path}` cannot go from version {from} to {to}")]
    Path {
        /// The field, by the name that it has at that step.
        path: Path,
        /// The version that the migration leads from.
        from: SchemaVersion,
        /// The version that it leads to.
        to: SchemaVersion,
        /// What is wrong with the new path.
        source: PathError,
    },
}

impl MigrateError {
    /// Returns the stable code of the error.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unmapped { .. } => "SCHEMA_VALUE_UNMAPPED",
            Self::Lossy { .. } => "SCHEMA_VALUE_LOSSY",
            Self::Path { .. } => "SCHEMA_PATH_LIMIT",
        }
    }
}

impl Migration {
    /// Checks the steps from `from` up to `to`. None at all is fine: the versions differ in what
    /// no record shows.
    ///
    /// # Errors
    ///
    /// [`DefineError`]; nothing is repaired.
    pub fn new(
        from: SchemaVersion,
        to: SchemaVersion,
        steps: Vec<Step>,
    ) -> Result<Self, DefineError> {
        if from >= to {
            return Err(DefineError::NotUp { from, to });
        }
        if steps.len() > SCHEMA_STEPS_MAX {
            let (steps, steps_max) = (steps.len(), SCHEMA_STEPS_MAX);
            return Err(DefineError::TooManySteps { steps, steps_max });
        }
        let compile = |(index, step): (usize, &Step)| {
            step.compile().map_err(|source| DefineError::Step { index, source })
        };
        let operations = steps.iter().enumerate().map(compile).collect::<Result<_, _>>()?;
        Ok(Self { from, to, steps, operations })
    }

    /// Returns the older version.
    pub const fn from(&self) -> SchemaVersion {
        self.from
    }

    /// Returns the newer version.
    pub const fn to(&self) -> SchemaVersion {
        self.to
    }

    /// Returns the steps, from the older version up.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Returns the steps, each with what it is applied as.
    pub(super) fn compiled(&self) -> impl Iterator<Item = (&Step, &Operation)> {
        self.steps.iter().zip(&self.operations)
    }

    /// Brings the fields of a record to the other version, sorted by path.
    pub(super) fn fields(
        &self,
        direction: Direction,
        mut fields: Vec<(Path, Leaf)>,
    ) -> Result<Vec<(Path, Leaf)>, MigrateError> {
        for operation in self.operations(direction) {
            for (path, leaf) in &mut fields {
                let (at, value) = (path.clone(), leaf.clone());
                (*path, *leaf) = self.step(operation, direction, at, value)?;
            }
            fields.extend(operation.missing(direction, &fields));
        }
        fields.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        Ok(fields)
    }

    /// Brings one written field to the other version.
    pub(super) fn write(
        &self,
        direction: Direction,
        mut path: Path,
        mut leaf: Leaf,
    ) -> Result<(Path, Leaf), MigrateError> {
        for operation in self.operations(direction) {
            (path, leaf) = self.step(operation, direction, path, leaf)?;
        }
        Ok((path, leaf))
    }

    /// Brings one path to the other version.
    pub(super) fn path(&self, direction: Direction, path: Path) -> Result<Path, MigrateError> {
        self.operations(direction).try_fold(path, |path, operation| {
            let named = path.clone();
            operation
                .path(path)
                .map_err(|source| self.refused(direction, named, Refusal::Path(source)))
        })
    }

    fn step(
        &self,
        operation: &Operation,
        direction: Direction,
        path: Path,
        leaf: Leaf,
    ) -> Result<(Path, Leaf), MigrateError> {
        let refused = |refusal| self.refused(direction, path.clone(), refusal);
        let leaf = operation.leaf(direction, &path, leaf).map_err(refused)?;
        let moved =
            operation.path(path.clone()).map_err(|source| refused(Refusal::Path(source)))?;
        Ok((moved, leaf))
    }

    /// Returns the operations in the order of the direction.
    fn operations(&self, direction: Direction) -> impl Iterator<Item = &Operation> {
        let count = self.operations.len();
        (0..count).filter_map(move |place| match direction {
            Direction::Up => self.operations.get(place),
            Direction::Down => self.operations.get(count - 1 - place),
        })
    }

    fn refused(&self, direction: Direction, path: Path, refusal: Refusal) -> MigrateError {
        let (from, to) = match direction {
            Direction::Up => (self.from, self.to),
            Direction::Down => (self.to, self.from),
        };
        match refusal {
            Refusal::Unmapped => MigrateError::Unmapped { path, from, to },
            Refusal::Lossy => MigrateError::Lossy { path, from, to },
            Refusal::Path(source) => MigrateError::Path { path, from, to, source },
        }
    }
}
