//! All versions of an entity's schema and the ways between them.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use thiserror::Error;

use crate::json::Leaf;
use crate::limits::SCHEMA_VERSIONS_MAX;
use crate::path::Path;

use super::identity::{SchemaId, SchemaVersion};
use super::migration::{MigrateError, Migration};
use super::operation::Direction;

/// The versions of one entity's schema that this replica knows, with the migrations between them.
///
/// A graph: versions may branch, and every migration is a way up and a way down.
#[derive(Clone, Debug, Default)]
pub struct Migrations {
    versions: BTreeMap<SchemaVersion, SchemaId>,
    by_versions: BTreeMap<(SchemaVersion, SchemaVersion), Migration>,
}

/// Why a version or a migration was not taken up; the registry is unchanged.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RegisterError {
    /// The version is known with another schema: its author takes a new number.
    #[error("schema version {version} is {known}, not {found}")]
    Redefined {
        /// The version.
        version: SchemaVersion,
        /// The schema that it has.
        known: SchemaId,
        /// The schema that it should have got.
        found: SchemaId,
    },
    /// A migration names a version that was not declared.
    #[error("schema version {version} was not declared")]
    UnknownVersion {
        /// The version.
        version: SchemaVersion,
    },
    /// Two versions have another migration already. A change of meaning takes a new version.
    #[error("the migration from version {from} to {to} is known and differs")]
    MigrationDiffers {
        /// The older version.
        from: SchemaVersion,
        /// The newer version.
        to: SchemaVersion,
    },
    /// A field is added under a name that was removed before: old values would appear in it.
    #[error("`{added}` is added after `{removed}` was removed: old values would appear in it")]
    PathReused {
        /// The field that was removed by an earlier step.
        removed: Path,
        /// The field that is added by a later one.
        added: Path,
    },
    /// There are too many versions.
    #[error("an entity has at most {versions_max} schema versions")]
    TooManyVersions {
        /// The bound.
        versions_max: usize,
    },
}

impl RegisterError {
    /// Returns the stable code of the error.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Redefined { .. } | Self::MigrationDiffers { .. } => "SCHEMA_REDEFINED",
            Self::UnknownVersion { .. } => "SCHEMA_VERSION_UNKNOWN",
            Self::PathReused { .. } => "SCHEMA_PATH_REUSED",
            Self::TooManyVersions { .. } => "SCHEMA_TOO_MANY_VERSIONS",
        }
    }
}

/// Why there is no way between two versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ChainError {
    /// No chain of migrations connects the versions, or one of them is unknown. The caller keeps
    /// what it has and waits for the migration.
    #[error("no migrations lead from schema version {from} to {to}")]
    NoPath {
        /// The version at hand.
        from: SchemaVersion,
        /// The version wanted.
        to: SchemaVersion,
    },
}

impl ChainError {
    /// Returns the stable code of the error.
    pub const fn code(&self) -> &'static str {
        "SCHEMA_NO_PATH"
    }
}

/// Whether a change of some schema version may be applied by a replica.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness<'a> {
    /// It is of the replica's own version.
    Apply,
    /// It is applied after this chain.
    Migrate(Chain<'a>),
    /// It is of a version that the replica does not know: it is stored as it came and applied when
    /// the schema has arrived. It is never applied as if it were of another version.
    StoreAndWait,
}

impl Migrations {
    /// Knows no version.
    pub const fn new() -> Self {
        Self { versions: BTreeMap::new(), by_versions: BTreeMap::new() }
    }

    /// Returns the schema of a version, if it is known.
    pub fn schema(&self, version: SchemaVersion) -> Option<SchemaId> {
        self.versions.get(&version).copied()
    }

    /// Returns the versions known, rising.
    pub fn versions(&self) -> impl Iterator<Item = SchemaVersion> {
        self.versions.keys().copied()
    }

    /// Takes up a version; again with the same schema is no change.
    ///
    /// # Errors
    ///
    /// [`RegisterError::Redefined`] or [`RegisterError::TooManyVersions`].
    pub fn declare(&mut self, version: SchemaVersion, id: SchemaId) -> Result<(), RegisterError> {
        let versions_max = SCHEMA_VERSIONS_MAX;
        let is_full = self.versions.len() >= versions_max;
        match self.versions.entry(version) {
            Entry::Occupied(known) if *known.get() == id => Ok(()),
            Entry::Occupied(known) => {
                Err(RegisterError::Redefined { version, known: *known.get(), found: id })
            }
            Entry::Vacant(_) if is_full => Err(RegisterError::TooManyVersions { versions_max }),
            Entry::Vacant(slot) => {
                slot.insert(id);
                Ok(())
            }
        }
    }

    /// Takes up a migration between two declared versions; the same again is no change.
    ///
    /// # Errors
    ///
    /// [`RegisterError::UnknownVersion`], [`RegisterError::MigrationDiffers`] or
    /// [`RegisterError::PathReused`].
    pub fn register(&mut self, migration: Migration) -> Result<(), RegisterError> {
        let (from, to) = (migration.from(), migration.to());
        for version in [from, to] {
            if !self.versions.contains_key(&version) {
                return Err(RegisterError::UnknownVersion { version });
            }
        }
        if let Some(known) = self.by_versions.get(&(from, to)) {
            let is_same = *known == migration;
            return if is_same {
                Ok(())
            } else {
                Err(RegisterError::MigrationDiffers { from, to })
            };
        }
        self.check_reuse(&migration)?;
        self.by_versions.insert((from, to), migration);
        Ok(())
    }

    /// Refuses a migration by which a field is added downstream of its removal.
    fn check_reuse(&self, new: &Migration) -> Result<(), RegisterError> {
        let before = self.reachable(new.from(), Direction::Down);
        let after = self.reachable(new.to(), Direction::Up);
        let all = || self.by_versions.values();
        let removed_before = all()
            .filter(|migration| before.contains(&migration.to()))
            .flat_map(|migration| migration.steps().iter().filter_map(|step| step.removed()));
        let added_after: Vec<&Path> = all()
            .filter(|migration| after.contains(&migration.from()))
            .flat_map(|migration| migration.steps().iter().filter_map(|step| step.added()))
            .collect();
        let mut removed: Vec<&Path> = removed_before.collect();
        for step in new.steps() {
            check_added(&removed, step.added())?;
            removed.extend(step.removed());
        }
        for added in added_after {
            check_added(&removed, Some(added))?;
        }
        Ok(())
    }

    /// Returns the versions that migrations lead to from `start` in one direction, with `start`.
    fn reachable(&self, start: SchemaVersion, direction: Direction) -> BTreeSet<SchemaVersion> {
        let mut reached = BTreeSet::from([start]);
        let mut waiting = vec![start];
        while let Some(version) = waiting.pop() {
            for &(from, to) in self.by_versions.keys() {
                let (here, there) = match direction {
                    Direction::Up => (from, to),
                    Direction::Down => (to, from),
                };
                if here == version && reached.insert(there) {
                    waiting.push(there);
                }
            }
        }
        reached
    }

    /// Returns the shortest way between two versions: up, down, or down and up through a branch.
    ///
    /// Of ways that are equally short, the one through the lowest versions, first hop first, so
    /// that all replicas with the same migrations take the same. Takes time in proportion to the
    /// migrations.
    ///
    /// # Errors
    ///
    /// [`ChainError::NoPath`].
    pub fn chain(&self, from: SchemaVersion, to: SchemaVersion) -> Result<Chain<'_>, ChainError> {
        let no_path = ChainError::NoPath { from, to };
        if !self.versions.contains_key(&from) || !self.versions.contains_key(&to) {
            return Err(no_path);
        }
        let mut neighbours: BTreeMap<SchemaVersion, BTreeMap<SchemaVersion, Hop<'_>>> =
            BTreeMap::new();
        for (&(low, high), migration) in &self.by_versions {
            let hop = |direction| Hop { migration, direction };
            neighbours.entry(low).or_default().insert(high, hop(Direction::Up));
            neighbours.entry(high).or_default().insert(low, hop(Direction::Down));
        }
        // Breadth first, so the first way found is a shortest one.
        let mut reached_by: BTreeMap<SchemaVersion, Option<(SchemaVersion, Hop<'_>)>> =
            BTreeMap::from([(from, None)]);
        let mut waiting = VecDeque::from([from]);
        while let Some(version) = waiting.pop_front() {
            if version == to {
                break;
            }
            for (&next, &hop) in neighbours.get(&version).into_iter().flatten() {
                if let Entry::Vacant(slot) = reached_by.entry(next) {
                    slot.insert(Some((version, hop)));
                    waiting.push_back(next);
                }
            }
        }
        let mut hops = Vec::new();
        let mut version = to;
        while let Some((before, hop)) = *reached_by.get(&version).ok_or(no_path)? {
            hops.push(hop);
            version = before;
        }
        hops.reverse();
        Ok(Chain { from, hops })
    }

    /// Returns what a replica whose records are of version `known` does with a change of version
    /// `found`.
    ///
    /// It looks for a chain: ask once for a batch of one version, not for every change.
    pub fn readiness(&self, known: SchemaVersion, found: SchemaVersion) -> Readiness<'_> {
        if known == found {
            return Readiness::Apply;
        }
        self.chain(found, known).map_or(Readiness::StoreAndWait, Readiness::Migrate)
    }
}

fn check_added(removed: &[&Path], added: Option<&Path>) -> Result<(), RegisterError> {
    let Some(added) = added else { return Ok(()) };
    let reused =
        removed.iter().find(|removed| removed.is_prefix_of(added) || added.is_prefix_of(removed));
    match reused {
        Some(&removed) => {
            Err(RegisterError::PathReused { removed: removed.clone(), added: added.clone() })
        }
        None => Ok(()),
    }
}

/// A way from one version to another; no hops if they are the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain<'a> {
    from: SchemaVersion,
    hops: Vec<Hop<'a>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Hop<'a> {
    migration: &'a Migration,
    direction: Direction,
}

impl Hop<'_> {
    const fn target(&self) -> SchemaVersion {
        match self.direction {
            Direction::Up => self.migration.to(),
            Direction::Down => self.migration.from(),
        }
    }
}

impl Chain<'_> {
    /// Returns the versions on the way, with both ends.
    pub fn versions(&self) -> impl Iterator<Item = SchemaVersion> {
        std::iter::once(self.from).chain(self.hops.iter().map(Hop::target))
    }

    /// Returns the migrations on the way, each taken up or down.
    pub fn migrations(&self) -> impl Iterator<Item = &Migration> {
        self.hops.iter().map(|hop| hop.migration)
    }

    /// Brings a whole record to the other version; also an operation that creates one.
    ///
    /// The answer is sorted by path and its paths are unique. Defaults are added, nothing else is
    /// new, nothing is missing. Where a record holds a value above a field that moved, both are in
    /// the answer, as in a merge: see [`drop_filled_objects`].
    ///
    /// # Errors
    ///
    /// [`MigrateError`].
    pub fn fields(&self, fields: Vec<(Path, Leaf)>) -> Result<Vec<(Path, Leaf)>, MigrateError> {
        self.hops.iter().try_fold(fields, |fields, hop| hop.migration.fields(hop.direction, fields))
    }

    /// Brings a field that an operation writes to the other version: its path and its value, or an
    /// element that it adds or removes. No default is added.
    ///
    /// # Errors
    ///
    /// [`MigrateError`]: the operation waits for a decision.
    pub fn write(&self, path: Path, leaf: Leaf) -> Result<(Path, Leaf), MigrateError> {
        self.hops.iter().try_fold((path, leaf), |(path, leaf), hop| {
            hop.migration.write(hop.direction, path, leaf)
        })
    }

    /// Returns where a field is at the other version, for operations without a value: unset, reset.
    ///
    /// Different paths stay different, so this also moves the merge state of a record.
    ///
    /// # Errors
    ///
    /// [`MigrateError::Path`] if the new path would be beyond the limits.
    pub fn path(&self, path: Path) -> Result<Path, MigrateError> {
        self.hops.iter().try_fold(path, |path, hop| hop.migration.path(hop.direction, path))
    }
}

/// Removes each `{}` that has fields inside, for showing sorted fields as a JSON record.
///
/// A field may move into an object that was empty, and stored fields keep both, so that the way
/// back is exact. In JSON the object is there by having members.
pub fn drop_filled_objects(fields: &mut Vec<(Path, Leaf)>) {
    let mut next = fields.iter().skip(1).map(|(path, _)| path);
    // What is inside a path directly follows it.
    let is_filled: Vec<bool> = fields
        .iter()
        .map(|(path, leaf)| {
            let next = next.next();
            leaf.is_empty_object() && next.is_some_and(|next| path.is_prefix_of(next))
        })
        .collect();
    let mut is_filled = is_filled.into_iter();
    fields.retain(|_| !is_filled.next().unwrap_or(false));
}
