//! A map of few entries.

use smallvec::SmallVec;

/// A map kept as one run of pairs in order of key, of which up to `N` need no allocation.
///
/// The maps of a state have few entries: a field mostly has one value, a record some dozen fields.
/// Read from stored bytes, compared and copied in order, a run costs a fraction of a tree. Putting
/// a key between others moves those behind it.
///
/// The methods are those of `BTreeMap`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlatMap<K, V, const N: usize>(SmallVec<[(K, V); N]>);

/// An entry was to stand behind all others whose key is not greater than theirs.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct KeyNotGreater;

impl<K, V, const N: usize> Default for FlatMap<K, V, N> {
    fn default() -> Self {
        Self(SmallVec::new())
    }
}

impl<K: Ord, V, const N: usize> FlatMap<K, V, N> {
    /// Returns a map without entries.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns a map without entries that has room for so many.
    pub fn with_capacity(entries: usize) -> Self {
        Self(SmallVec::with_capacity(entries))
    }

    /// Returns the number of entries.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn find(&self, key: &K) -> Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| known.cmp(key))
    }

    /// Returns the value of `key`.
    pub fn get(&self, key: &K) -> Option<&V> {
        let index = self.find(key).ok()?;
        self.0.get(index).map(|(_, value)| value)
    }

    /// Returns the value of `key`, to be changed.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let index = self.find(key).ok()?;
        self.0.get_mut(index).map(|(_, value)| value)
    }

    /// Returns the value of `key`, to be changed; it is put there if there is none.
    pub fn or_default(&mut self, key: K) -> &mut V
    where
        V: Default,
    {
        let index = self.find(&key).unwrap_or_else(|index| {
            self.0.insert(index, (key, V::default()));
            index
        });
        &mut self.0[index].1
    }

    /// Returns whether there is an entry of `key`.
    pub fn contains_key(&self, key: &K) -> bool {
        self.find(key).is_ok()
    }

    /// Returns the entry of the least key.
    pub fn first_key_value(&self) -> Option<(&K, &V)> {
        self.0.first().map(|(key, value)| (key, value))
    }

    /// Returns the entry of the greatest key.
    pub fn last_key_value(&self) -> Option<(&K, &V)> {
        self.0.last().map(|(key, value)| (key, value))
    }

    /// Gives `key` a value; answers the one that it had.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        // What is read from stored bytes comes in order.
        if self.0.last().is_none_or(|(last, _)| *last < key) {
            self.0.push((key, value));
            return None;
        }
        match self.find(&key) {
            Ok(index) => Some(std::mem::replace(&mut self.0[index].1, value)),
            Err(index) => {
                self.0.insert(index, (key, value));
                None
            }
        }
    }

    /// Puts an entry behind all others, and answers its value; refuses a key that is not greater
    /// than theirs.
    #[inline]
    pub(crate) fn push(&mut self, key: K, value: V) -> Result<&mut V, KeyNotGreater> {
        if self.0.last().is_some_and(|(last, _)| *last >= key) {
            return Err(KeyNotGreater);
        }
        self.0.push((key, value));
        self.0.last_mut().map(|(_, value)| value).ok_or(KeyNotGreater)
    }

    /// Removes the entry of `key`; answers its value.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        let index = self.find(key).ok()?;
        Some(self.0.remove(index).1)
    }

    /// Keeps the entries for which `keep` answers true.
    pub fn retain(&mut self, mut keep: impl FnMut(&K, &mut V) -> bool) {
        self.0.retain(|(key, value)| keep(key, value));
    }

    /// Returns the entries, in order of key.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&K, &V)> + ExactSizeIterator {
        self.0.iter().map(|(key, value)| (key, value))
    }

    /// Returns the entries in order of key, their values to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&K, &mut V)> {
        self.0.iter_mut().map(|(key, value)| (&*key, value))
    }

    /// Returns the keys, ascending.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &K> {
        self.0.iter().map(|(key, _)| key)
    }

    /// Returns the values, in order of key.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &V> {
        self.0.iter().map(|(_, value)| value)
    }

    /// Returns the values in order of key, to be changed.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.0.iter_mut().map(|(_, value)| value)
    }
}

impl<K: Ord, V, const N: usize> FromIterator<(K, V)> for FlatMap<K, V, N> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut map = Self::new();
        for (key, value) in entries {
            map.insert(key, value);
        }
        map
    }
}

impl<K: Ord, V, const N: usize, const M: usize> From<[(K, V); M]> for FlatMap<K, V, N> {
    fn from(entries: [(K, V); M]) -> Self {
        entries.into_iter().collect()
    }
}

impl<K, V, const N: usize> IntoIterator for FlatMap<K, V, N> {
    type Item = (K, V);
    type IntoIter = smallvec::IntoIter<[(K, V); N]>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a, K, V, const N: usize> IntoIterator for &'a FlatMap<K, V, N> {
    type Item = (&'a K, &'a V);
    type IntoIter = std::iter::Map<std::slice::Iter<'a, (K, V)>, fn(&(K, V)) -> (&K, &V)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter().map(|(key, value)| (key, value))
    }
}

impl<'a, K, V, const N: usize> IntoIterator for &'a mut FlatMap<K, V, N> {
    type Item = (&'a K, &'a mut V);
    type IntoIter =
        std::iter::Map<std::slice::IterMut<'a, (K, V)>, fn(&mut (K, V)) -> (&K, &mut V)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter_mut().map(|(key, value)| (&*key, value))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_flat_map_does_what_a_tree_does(steps in prop::collection::vec((0u8..4, 0u8..6, any::<u8>()), 0..40)) {
            let (mut flat, mut tree) = (FlatMap::<u8, u8, 1>::new(), BTreeMap::new());
            for (step, key, value) in steps {
                match step {
                    0 => prop_assert_eq!(flat.insert(key, value), tree.insert(key, value)),
                    1 => prop_assert_eq!(flat.remove(&key), tree.remove(&key)),
                    2 => {
                        *flat.or_default(key) ^= value;
                        *tree.entry(key).or_default() ^= value;
                    }
                    _ => {
                        flat.retain(|known, held| *known != key || *held > value);
                        tree.retain(|known, held| *known != key || *held > value);
                    }
                }
                prop_assert!(flat.iter().eq(tree.iter()));
                prop_assert_eq!(flat.get(&key), tree.get(&key));
                prop_assert_eq!(flat.last_key_value(), tree.last_key_value());
            }
            let again: FlatMap<u8, u8, 1> = tree.into_iter().rev().collect();
            prop_assert_eq!(again, flat);
        }
    }
}
