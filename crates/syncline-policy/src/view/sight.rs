//! What one reader is told: of what it may see, that which it follows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use syncline_model::id::EntityName;
use syncline_model::json::Object;
use syncline_model::path::{Path, Pattern};
use thiserror::Error;

use super::access::{AccessRule, Permit};
use super::bound::BoundFilter;
use super::definition::{BindError, View};
use super::filter::Field;
use super::index::Index;

/// The views of a hub by name, and its rules of access.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// What clients may follow by name.
    pub views: BTreeMap<Box<str>, View>,
    /// Who may do what; where there is none everybody may do what the routes allow.
    pub rules: Vec<AccessRule>,
}

/// A view as one client follows it.
#[derive(Clone, Debug, PartialEq)]
pub struct BoundView {
    entity: EntityName,
    filter: BoundFilter,
    fields: Option<Vec<Pattern>>,
}

/// What one reader is told: the records that its permit lets it see and that it follows, with the
/// fields that both show.
#[derive(Clone, Debug)]
pub struct Sight {
    permit: Arc<Permit>,
    follows: Follows,
}

#[derive(Clone, Debug)]
enum Follows {
    /// All records of these types, sorted; none for all types.
    Entities(Vec<EntityName>),
    /// The records of views, and where `others` says so, all records of types that none names.
    Views { views: Vec<Arc<BoundView>>, others: bool },
}

/// Which fields of one record are shown.
#[derive(Clone, Debug, PartialEq)]
pub struct Lens<'s> {
    /// Of each part that decides, the fields of which one covers what is shown.
    parts: [Option<Vec<&'s Pattern>>; 2],
}

/// Why a view cannot be followed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FollowError {
    /// There is none of that name.
    #[error("the hub has no view of this name")]
    Unknown,
    /// It cannot be bound to the client's claims and parameters.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// Views that are followed together show other fields of the same type of record.
    #[error("the views show different fields of `{entity}`; follow them as different clients")]
    Differ {
        /// The type of record.
        entity: EntityName,
    },
}

impl FollowError {
    /// Returns the stable code of the error.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unknown => "VIEW_UNKNOWN",
            Self::Bind(error) => error.code(),
            Self::Differ { .. } => "VIEWS_DIFFER",
        }
    }
}

impl Access {
    /// Returns what the holder of a token may do.
    pub fn permit(&self, role: &str, claims: &Object) -> Permit {
        match self.rules.is_empty() {
            true => Permit::everything(),
            false => Permit::bind(&self.rules, role, claims),
        }
    }

    /// Returns the view of a name for one client.
    ///
    /// # Errors
    ///
    /// [`FollowError::Unknown`], [`FollowError::Bind`].
    pub fn view(
        &self,
        name: &str,
        claims: &Object,
        params: &Object,
    ) -> Result<Arc<BoundView>, FollowError> {
        let view = self.views.get(name).ok_or(FollowError::Unknown)?;
        let filter = view.bind(claims, params)?;
        let (entity, fields) = (view.entity.clone(), view.fields.clone());
        Ok(Arc::new(BoundView { entity, filter, fields }))
    }
}

impl Sight {
    /// Returns the sight of a reader from whom nothing is kept, of entities; none for all.
    pub fn everything(entities: &[EntityName]) -> Self {
        Self::of_entities(Arc::new(Permit::everything()), entities)
    }

    /// Returns what a permit shows of entities; none for all.
    pub fn of_entities(permit: Arc<Permit>, entities: &[EntityName]) -> Self {
        let mut entities = entities.to_vec();
        entities.sort_unstable();
        entities.dedup();
        Self { permit, follows: Follows::Entities(entities) }
    }

    /// Returns what a permit shows of a view.
    pub fn of_view(permit: Arc<Permit>, view: Arc<BoundView>) -> Self {
        Self { permit, follows: Follows::Views { views: vec![view], others: false } }
    }

    /// Returns what a client is told of the records that it writes: of a type that it follows by views
    /// what they show, of others what the permit shows.
    ///
    /// - `views`: what it follows by name.
    /// - `entities`: the types that it follows besides, with all of their records; `None` if that is
    ///   not so, an empty list for all types.
    ///
    /// # Errors
    ///
    /// [`FollowError::Differ`]: a client holds one set of fields of a record.
    pub fn of_client(
        permit: Arc<Permit>,
        views: Vec<Arc<BoundView>>,
        entities: Option<&[EntityName]>,
    ) -> Result<Self, FollowError> {
        let is_whole = |entity: &EntityName| {
            entities.is_some_and(|some| some.is_empty() || some.contains(entity))
        };
        for view in &views {
            let same = |other: &&Arc<BoundView>| other.entity == view.entity;
            let differs = views.iter().filter(same).any(|other| other.fields != view.fields);
            if differs || (view.fields.is_some() && is_whole(&view.entity)) {
                return Err(FollowError::Differ { entity: view.entity.clone() });
            }
        }
        let limiting = views.into_iter().filter(|view| !is_whole(&view.entity)).collect();
        Ok(Self { permit, follows: Follows::Views { views: limiting, others: true } })
    }

    /// Returns the view that it shows, if it shows one and nothing else.
    pub fn view(&self) -> Option<&Arc<BoundView>> {
        match &self.follows {
            Follows::Views { views, others: false } => views.first(),
            _ => None,
        }
    }

    /// Returns what its reader may do at all.
    pub fn permit(&self) -> &Permit {
        &self.permit
    }

    /// Returns the same without what is followed: all that the permit shows.
    #[must_use]
    pub fn whole(&self) -> Self {
        Self { permit: Arc::clone(&self.permit), follows: Follows::Entities(Vec::new()) }
    }

    /// Returns whether nothing is kept from the reader of the types that it follows.
    pub fn is_everything(&self) -> bool {
        let views = match &self.follows {
            Follows::Entities(_) => true,
            Follows::Views { views, others } => views.is_empty() && *others,
        };
        views && self.permit.allows_everything()
    }

    /// Returns whether anything of a type of record may be told.
    pub fn names(&self, entity: &EntityName) -> bool {
        let follows = match &self.follows {
            Follows::Entities(some) => some.is_empty() || some.binary_search(entity).is_ok(),
            Follows::Views { views, others } => {
                *others || views.iter().any(|view| view.entity == *entity)
            }
        };
        follows && self.permit.may_follow(entity)
    }

    /// Returns the types of record that are followed, sorted; none for all.
    pub fn entities(&self) -> Vec<EntityName> {
        match &self.follows {
            Follows::Entities(some) => some.clone(),
            Follows::Views { others: true, .. } => Vec::new(),
            Follows::Views { views, .. } => {
                let some: BTreeSet<_> = views.iter().map(|view| view.entity.clone()).collect();
                some.into_iter().collect()
            }
        }
    }

    /// Returns which fields of a record are told; `None` if it is not told of at all.
    ///
    /// - `fields`: the record as it is shown to nobody in particular, sorted by path. While a conflict
    ///   waits each writer is shown its own value, and nobody comes to see a record by that.
    pub fn look(&self, entity: &EntityName, fields: &[Field]) -> Option<Lens<'_>> {
        let mut lens = self.permit.lens(entity, fields)?;
        match &self.follows {
            Follows::Entities(_) => self.names(entity).then_some(lens),
            Follows::Views { views, others } => {
                let mut of_entity = views.iter().filter(|view| view.entity == *entity).peekable();
                if of_entity.peek().is_none() {
                    return others.then_some(lens);
                }
                let mut passing = of_entity.filter(|view| view.filter.matches(fields));
                // Those of one type of record show the same fields.
                let first = passing.next()?;
                lens.parts[1] = first.fields.as_ref().map(|some| some.iter().collect());
                Some(lens)
            }
        }
    }

    /// Describes what it shows: two readers of which this is the same are told the same.
    pub fn describe(&self) -> String {
        match self.is_everything() {
            true => format!("{:?}", self.follows),
            false => format!("{self:?}"),
        }
    }
}

impl<'s> Lens<'s> {
    /// All fields.
    pub const ALL: Self = Self { parts: [None, None] };

    /// No field.
    pub const NONE: Self = Self { parts: [Some(Vec::new()), None] };

    pub(super) fn of(patterns: Vec<&'s Pattern>) -> Self {
        Self { parts: [Some(patterns), None] }
    }

    /// Returns whether all fields are shown.
    pub fn is_all(&self) -> bool {
        self.parts.iter().all(Option::is_none)
    }

    /// Returns whether a field is shown, with all that is inside it.
    pub fn shows(&self, path: &Path) -> bool {
        self.parts.iter().flatten().all(|some| some.iter().any(|pattern| pattern.covers(path)))
    }

    /// Returns what is shown of a record.
    pub fn shown(&self, fields: &[Field]) -> Vec<Field> {
        fields.iter().filter(|(path, _)| self.shows(path)).cloned().collect()
    }
}

/// Sights by what every record has that they show: a change finds those that it may concern.
#[derive(Clone, Debug)]
pub struct SightIndex<I> {
    /// Filters for one type of record.
    named: Index<I>,
    /// Filters for any type of record, all under one name.
    any: Index<I>,
    /// Sights of all records of a type, by type; of all types without one.
    whole: BTreeMap<Option<EntityName>, BTreeSet<I>>,
}

impl<I> Default for SightIndex<I> {
    fn default() -> Self {
        Self { named: Index::default(), any: Index::default(), whole: BTreeMap::new() }
    }
}

/// Where a sight stands in the index.
enum Place<'s> {
    Filter(Option<&'s EntityName>, &'s BoundFilter),
    Whole(Option<&'s EntityName>),
}

impl Sight {
    /// Returns where it stands in an index: what it shows passes one of these.
    fn places(&self) -> Vec<Place<'_>> {
        match &self.follows {
            Follows::Entities(some) if self.permit.allows_everything() => match some.is_empty() {
                true => vec![Place::Whole(None)],
                false => some.iter().map(|entity| Place::Whole(Some(entity))).collect(),
            },
            Follows::Entities(some) => self.granted(some),
            Follows::Views { others: true, .. } => vec![Place::Whole(None)],
            Follows::Views { views, .. } => {
                let mut places = Vec::new();
                for view in views {
                    let own = Place::Filter(Some(&view.entity), &view.filter);
                    let is_vague = view.filter.required().is_none();
                    match is_vague && !self.permit.allows_everything() {
                        true => places.extend(self.granted(std::slice::from_ref(&view.entity))),
                        false => places.push(own),
                    }
                }
                places
            }
        }
    }

    /// Returns what the permit grants of some types of record; none for all.
    fn granted<'s>(&'s self, some: &'s [EntityName]) -> Vec<Place<'s>> {
        let mut places = Vec::new();
        for (granted, filter) in self.permit.read_filters() {
            match (granted, some) {
                (None, []) => places.push(Place::Filter(None, filter)),
                (Some(only), []) | (None, only) => {
                    places.extend(only.iter().map(|entity| Place::Filter(Some(entity), filter)));
                }
                (Some(granted), some) => {
                    let both = some.iter().filter(|entity| granted.contains(entity));
                    places.extend(both.map(|entity| Place::Filter(Some(entity), filter)));
                }
            }
        }
        places
    }
}

impl<I: Ord + Clone> SightIndex<I> {
    /// Adds a sight.
    pub fn insert(&mut self, id: &I, sight: &Sight) {
        let any = any();
        for place in sight.places() {
            match place {
                Place::Filter(Some(entity), filter) => {
                    self.named.insert(id.clone(), entity, filter);
                }
                Place::Filter(None, filter) => self.any.insert(id.clone(), &any, filter),
                Place::Whole(entity) => {
                    self.whole.entry(entity.cloned()).or_default().insert(id.clone());
                }
            }
        }
    }

    /// Removes a sight, as it was added.
    pub fn remove(&mut self, id: &I, sight: &Sight) {
        let any = any();
        for place in sight.places() {
            match place {
                Place::Filter(Some(entity), filter) => self.named.remove(id, entity, filter),
                Place::Filter(None, filter) => self.any.remove(id, &any, filter),
                Place::Whole(entity) => {
                    let entity = entity.cloned();
                    if let Some(some) = self.whole.get_mut(&entity) {
                        some.remove(id);
                        if some.is_empty() {
                            self.whole.remove(&entity);
                        }
                    }
                }
            }
        }
    }

    /// Returns whether there is none.
    pub fn is_empty(&self) -> bool {
        self.named.is_empty() && self.any.is_empty() && self.whole.is_empty()
    }

    /// Returns the sights that a change may concern, by the record before and after it: every one that
    /// shows either is among them.
    pub fn concerned(
        &self,
        entity: &EntityName,
        before: Option<&[Field]>,
        after: Option<&[Field]>,
    ) -> BTreeSet<I> {
        let mut found = self.named.concerned(entity, before, after);
        found.extend(self.any.concerned(&any(), before, after));
        for of in [None, Some(entity.clone())] {
            found.extend(self.whole.get(&of).into_iter().flatten().cloned());
        }
        found
    }
}

/// The name under which filters for any type of record stand in their index.
fn any() -> EntityName {
    EntityName::new("any").expect("invariant: a word is the name of a type of record")
}
