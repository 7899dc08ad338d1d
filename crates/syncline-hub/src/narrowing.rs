//! Which records a run is narrowed to.

use std::collections::BTreeSet;

use syncline_model::id::{EntityName, RecordId};

/// Which records a run is narrowed to; the default takes all. What it leaves out is looked at by the
/// next run that does not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Narrowing {
    /// Only these records; `None` for all.
    pub chosen: Option<Chosen>,
    /// Only records edited at this time or after it, in milliseconds since 1970, and those of which
    /// nobody can tell; `None` for all.
    ///
    /// A record that one side lacks and held before is left out: what is missing has no time.
    pub since_ms: Option<u64>,
}

/// Records that are named one by one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chosen {
    /// In every entity.
    pub anywhere: BTreeSet<RecordId>,
    /// In one entity.
    pub within: BTreeSet<(EntityName, RecordId)>,
}

impl Narrowing {
    /// Returns whether any record is left out.
    pub const fn is_narrow(&self) -> bool {
        self.chosen.is_some() || self.since_ms.is_some()
    }

    /// Returns whether a record is among those that are named, or none is.
    pub(crate) fn names(&self, entity: &EntityName, id: &RecordId) -> bool {
        self.chosen.as_ref().is_none_or(|chosen| {
            chosen.anywhere.contains(id) || chosen.within.contains(&(entity.clone(), id.clone()))
        })
    }
}

impl FromIterator<RecordId> for Narrowing {
    /// Narrows to these records, of whichever entity.
    fn from_iter<I: IntoIterator<Item = RecordId>>(ids: I) -> Self {
        let chosen = Chosen { anywhere: ids.into_iter().collect(), within: BTreeSet::new() };
        Self { chosen: Some(chosen), since_ms: None }
    }
}
