//! Sets of stamps, and the one rule by which everything that carries stamps is joined.

use std::collections::BTreeMap;

use syncline_model::clock::Stamp;
use syncline_model::version::Version;

/// A set of stamps, sorted. Nearly always of one member.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dots(Vec<Stamp>);

impl Dots {
    /// Returns the empty set.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Returns the set of one stamp.
    pub fn one(stamp: Stamp) -> Self {
        Self(vec![stamp])
    }

    /// Returns whether the set is empty.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns whether `stamp` is a member.
    pub fn contains(&self, stamp: Stamp) -> bool {
        self.0.binary_search(&stamp).is_ok()
    }

    /// Adds a stamp; one that is there changes nothing.
    pub fn insert(&mut self, stamp: Stamp) {
        if let Err(index) = self.0.binary_search(&stamp) {
            self.0.insert(index, stamp);
        }
    }

    /// Keeps the members for which `keep` answers true.
    pub fn retain(&mut self, keep: impl FnMut(&Stamp) -> bool) {
        self.0.retain(keep);
    }

    /// Returns the members, ascending.
    pub fn as_slice(&self) -> &[Stamp] {
        &self.0
    }

    /// Returns the least member.
    pub fn least(&self) -> Option<Stamp> {
        self.0.first().copied()
    }

    /// Joins two sets: what one side lacks although it has seen it was removed there.
    ///
    /// `version_a` and `version_b` are what the two sides have seen.
    ///
    /// # Source
    ///
    /// Bieniusa et al., "An optimized conflict-free replicated set" (2012).
    #[must_use]
    pub fn join(&self, version_a: &Version, other: &Self, version_b: &Version) -> Self {
        if self == other {
            return self.clone();
        }
        let kept_a = self.0.iter().filter(|d| other.contains(**d) || !version_b.covers(**d));
        let kept_b = other.0.iter().filter(|d| !self.contains(**d) && !version_a.covers(**d));
        let mut stamps: Vec<Stamp> = kept_a.chain(kept_b).copied().collect();
        stamps.sort_unstable();
        Self(stamps)
    }
}

impl FromIterator<Stamp> for Dots {
    fn from_iter<I: IntoIterator<Item = Stamp>>(stamps: I) -> Self {
        let mut stamps: Vec<Stamp> = stamps.into_iter().collect();
        stamps.sort_unstable();
        stamps.dedup();
        Self(stamps)
    }
}

/// Joins two maps whose keys are stamps, by the rule of [`Dots::join`].
///
/// A stamp on both sides carries the same value on both, since it names one change.
pub(crate) fn join_dotted<V: Clone>(
    a: &BTreeMap<Stamp, V>,
    version_a: &Version,
    b: &BTreeMap<Stamp, V>,
    version_b: &Version,
) -> BTreeMap<Stamp, V> {
    let kept_a = a.iter().filter(|(d, _)| b.contains_key(d) || !version_b.covers(**d));
    let kept_b = b.iter().filter(|(d, _)| !a.contains_key(d) && !version_a.covers(**d));
    kept_a.chain(kept_b).map(|(d, value)| (*d, value.clone())).collect()
}

/// Joins two maps key by key; a key on one side only is joined with nothing.
pub(crate) fn join_maps<K: Ord + Clone, V>(
    a: &BTreeMap<K, V>,
    b: &BTreeMap<K, V>,
    mut join: impl FnMut(&K, Option<&V>, Option<&V>) -> Option<V>,
) -> BTreeMap<K, V> {
    let mut joined = BTreeMap::new();
    let only_b = b.keys().filter(|key| !a.contains_key(*key));
    for key in a.keys().chain(only_b) {
        if let Some(value) = join(key, a.get(key), b.get(key)) {
            joined.insert(key.clone(), value);
        }
    }
    joined
}
