//! Sets of stamps, and the one rule by which everything that carries stamps is joined.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use smallvec::SmallVec;
use syncline_model::clock::Stamp;
use syncline_model::version::Version;

use crate::flat::FlatMap;

/// A set of stamps, sorted. Nearly always of one member.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dots(SmallVec<[Stamp; 1]>);

impl Dots {
    /// Returns the empty set.
    pub const fn new() -> Self {
        Self(SmallVec::new_const())
    }

    /// Returns the set of one stamp.
    pub fn one(stamp: Stamp) -> Self {
        Self(SmallVec::from_buf([stamp]))
    }

    /// Returns whether the set is empty.
    pub fn is_empty(&self) -> bool {
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
    pub fn retain(&mut self, mut keep: impl FnMut(&Stamp) -> bool) {
        self.0.retain(|stamp| keep(stamp));
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
        let mut stamps: SmallVec<[Stamp; 1]> = kept_a.chain(kept_b).copied().collect();
        stamps.sort_unstable();
        Self(stamps)
    }
}

impl FromIterator<Stamp> for Dots {
    fn from_iter<I: IntoIterator<Item = Stamp>>(stamps: I) -> Self {
        let mut stamps: SmallVec<[Stamp; 1]> = stamps.into_iter().collect();
        stamps.sort_unstable();
        stamps.dedup();
        Self(stamps)
    }
}

/// Joins two maps whose keys are stamps, by the rule of [`Dots::join`].
///
/// A stamp on both sides carries the same value on both, since it names one change.
pub(crate) fn join_dotted<V: Clone>(
    a: &FlatMap<Stamp, V, 1>,
    version_a: &Version,
    b: &FlatMap<Stamp, V, 1>,
    version_b: &Version,
) -> FlatMap<Stamp, V, 1> {
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

/// Joins two maps key by key, as [`join_maps`] does, walking both in order.
pub(crate) fn join_flat<K: Ord + Clone, V, const N: usize>(
    a: &FlatMap<K, V, N>,
    b: &FlatMap<K, V, N>,
    mut join: impl FnMut(&K, Option<&V>, Option<&V>) -> Option<V>,
) -> FlatMap<K, V, N> {
    let mut joined = FlatMap::with_capacity(a.len().max(b.len()));
    let (mut a, mut b) = (a.iter().peekable(), b.iter().peekable());
    loop {
        let order = match (a.peek(), b.peek()) {
            (None, None) => return joined,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some((key_a, _)), Some((key_b, _))) => key_a.cmp(key_b),
        };
        let in_a = if order.is_le() { a.next() } else { None };
        let in_b = if order.is_ge() { b.next() } else { None };
        let Some((key, _)) = in_a.or(in_b) else {
            return joined;
        };
        if let Some(value) = join(key, in_a.map(|(_, value)| value), in_b.map(|(_, value)| value)) {
            joined.insert(key.clone(), value);
        }
    }
}
