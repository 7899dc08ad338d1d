//! Sets of changes, by their number in the order of commits of one history.

/// Most changes of one history.
pub(crate) const CHANGES_MAX: usize = 384;

/// A set of changes.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Set([u64; CHANGES_MAX / 64]);

impl Set {
    pub(crate) fn insert(&mut self, change: usize) {
        self.0[change / 64] |= 1 << (change % 64);
    }

    pub(crate) fn has(&self, change: usize) -> bool {
        self.0[change / 64] >> (change % 64) & 1 == 1
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(a, b)| *a |= b);
    }

    pub(crate) fn without(mut self, other: &Self) -> Self {
        self.0.iter_mut().zip(other.0).for_each(|(a, b)| *a &= !b);
        self
    }

    pub(crate) fn is_within(&self, other: &Self) -> bool {
        self.without(other).is_empty()
    }

    /// The members, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().enumerate().flat_map(|(index, word)| {
            let mut left = *word;
            std::iter::from_fn(move || {
                let bit = (left != 0).then(|| left.trailing_zeros() as usize)?;
                left &= left - 1;
                Some(index * 64 + bit)
            })
        })
    }
}

impl FromIterator<usize> for Set {
    fn from_iter<I: IntoIterator<Item = usize>>(changes: I) -> Self {
        let mut set = Self::default();
        changes.into_iter().for_each(|change| set.insert(change));
        set
    }
}

impl std::fmt::Debug for Set {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}
