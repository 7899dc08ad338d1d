//! Which views a change may concern, without asking all of them.

use std::collections::{BTreeMap, BTreeSet};

use syncline_model::id::EntityName;
use syncline_model::json::Leaf;
use syncline_model::path::Path;

use super::bound::{BoundFilter, Required, elements};
use super::filter::Field;

/// Bound filters by what every record of theirs has. `I` names a filter.
///
/// A change costs a lookup for each field that some filter of its entity requires, and then the
/// filters found; those that require nothing are found by every change of their entity.
#[derive(Clone, Debug)]
pub struct Index<I> {
    entities: BTreeMap<EntityName, Entity<I>>,
}

#[derive(Clone, Debug)]
struct Entity<I> {
    /// By field, and whether the value is an element of the field: by value.
    required: BTreeMap<(Path, bool), BTreeMap<Leaf, BTreeSet<I>>>,
    /// Filters that require no value of a field.
    others: BTreeSet<I>,
}

impl<I> Default for Index<I> {
    fn default() -> Self {
        Self { entities: BTreeMap::new() }
    }
}

impl<I: Ord + Clone> Index<I> {
    /// Adds a filter for the records of an entity.
    pub fn insert(&mut self, id: I, entity: &EntityName, filter: &BoundFilter) {
        let none = Entity { required: BTreeMap::new(), others: BTreeSet::new() };
        let of = self.entities.entry(entity.clone()).or_insert(none);
        let Some(Required { path, within_array, values }) = filter.required() else {
            of.others.insert(id);
            return;
        };
        let by_value = of.required.entry((path, within_array)).or_default();
        for value in values {
            by_value.entry(value).or_default().insert(id.clone());
        }
    }

    /// Removes a filter, as it was added.
    pub fn remove(&mut self, id: &I, entity: &EntityName, filter: &BoundFilter) {
        let Some(of) = self.entities.get_mut(entity) else {
            return;
        };
        match filter.required() {
            None => {
                of.others.remove(id);
            }
            Some(Required { path, within_array, values }) => {
                let key = (path, within_array);
                if let Some(by_value) = of.required.get_mut(&key) {
                    for value in &values {
                        by_value.entry(value.clone()).or_default().remove(id);
                    }
                    by_value.retain(|_, ids| !ids.is_empty());
                }
                of.required.retain(|_, by_value| !by_value.is_empty());
            }
        }
        if of.others.is_empty() && of.required.is_empty() {
            self.entities.remove(entity);
        }
    }

    /// Returns whether there is no filter.
    pub fn is_empty(&self) -> bool {
        self.entities.is_empty()
    }

    /// Returns the filters that a change may concern, by the record before and after it: every
    /// filter that either passes is among them.
    pub fn concerned(
        &self,
        entity: &EntityName,
        before: Option<&[Field]>,
        after: Option<&[Field]>,
    ) -> BTreeSet<I> {
        let Some(of) = self.entities.get(entity) else {
            return BTreeSet::new();
        };
        let mut found = of.others.clone();
        for fields in before.into_iter().chain(after) {
            for ((path, within_array), by_value) in &of.required {
                let at = fields.binary_search_by(|(field, _)| field.cmp(path));
                let Some((_, leaf)) = at.ok().and_then(|at| fields.get(at)) else {
                    continue;
                };
                let values = if *within_array { elements(leaf) } else { Some(vec![leaf.clone()]) };
                for value in values.into_iter().flatten() {
                    found.extend(by_value.get(&value).into_iter().flatten().cloned());
                }
            }
        }
        found
    }
}
