//! The entities that a hub knows.

use std::collections::BTreeMap;

use syncline_merge::rules::EntityRules;
use syncline_model::id::EntityName;

/// The entities whose records clients may write and read, with their rules.
#[derive(Clone, Debug, Default)]
pub struct Entities {
    named: BTreeMap<EntityName, EntityRules>,
    /// The rules of entities that are not named; `None` where those are refused.
    others: Option<EntityRules>,
}

impl Entities {
    /// Returns these entities and no others.
    pub const fn only(named: BTreeMap<EntityName, EntityRules>) -> Self {
        Self { named, others: None }
    }

    /// Returns these entities, and all others with the rules that hold where nothing is said.
    pub fn open(named: BTreeMap<EntityName, EntityRules>) -> Self {
        Self { named, others: Some(EntityRules::default()) }
    }

    /// Returns the rules of an entity; `None` if the hub does not know it.
    pub fn rules(&self, entity: &EntityName) -> Option<&EntityRules> {
        self.named.get(entity).or(self.others.as_ref())
    }

    /// Returns the entities that are named, by name.
    pub fn named(&self) -> impl Iterator<Item = &EntityName> {
        self.named.keys()
    }
}

impl From<BTreeMap<EntityName, EntityRules>> for Entities {
    fn from(named: BTreeMap<EntityName, EntityRules>) -> Self {
        Self::only(named)
    }
}
