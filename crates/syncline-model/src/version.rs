//! Version vectors: which changes a record, a token or a hub has seen.

use std::fmt;

use smallvec::SmallVec;

use crate::clock::{Clock, Stamp};
use crate::id::SiteId;

/// Site → highest clock seen, sorted by site; a site that is absent was never seen.
///
/// Versions are small (one entry per hub incarnation), so a sorted vector beats a tree.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Version(SmallVec<[(SiteId, Clock); 1]>);

impl Version {
    /// Returns the version that has seen nothing.
    pub const fn new() -> Self {
        Self(SmallVec::new_const())
    }

    /// Returns whether nothing was seen.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the highest clock seen of `site`, or `Clock(0)`.
    pub fn get(&self, site: SiteId) -> Clock {
        match self.0.binary_search_by_key(&site, |entry| entry.0) {
            Ok(index) => self.0[index].1,
            Err(_) => Clock(0),
        }
    }

    /// Takes note of a change; an older one changes nothing.
    pub fn observe(&mut self, stamp: Stamp) {
        match self.0.binary_search_by_key(&stamp.site, |entry| entry.0) {
            Ok(index) => {
                let entry = &mut self.0[index];
                entry.1 = entry.1.max(stamp.clock);
            }
            Err(index) => self.0.insert(index, (stamp.site, stamp.clock)),
        }
    }

    /// Takes note of everything that `other` has seen.
    pub fn join(&mut self, other: &Self) {
        if self.0.is_empty() {
            self.0.clone_from(&other.0);
            return;
        }
        for &(site, clock) in &other.0 {
            self.observe(Stamp::new(clock, site));
        }
    }

    /// Returns what `self` and `other` have seen together.
    #[must_use]
    pub fn joined(&self, other: &Self) -> Self {
        let mut joined = self.clone();
        joined.join(other);
        joined
    }

    /// Keeps only what `other` has seen too.
    pub fn meet(&mut self, other: &Self) {
        for entry in &mut self.0 {
            entry.1 = entry.1.min(other.get(entry.0));
        }
        self.0.retain(|entry| entry.1 > Clock(0));
    }

    /// Returns whether the change `stamp` was seen.
    pub fn covers(&self, stamp: Stamp) -> bool {
        stamp.clock <= self.get(stamp.site)
    }

    /// Returns whether everything that `other` has seen was seen.
    pub fn includes(&self, other: &Self) -> bool {
        other.0.iter().all(|&(site, clock)| clock <= self.get(site))
    }

    /// Cuts the entry of `site` to at most `clock`; `Clock(0)` removes it.
    pub fn cut(&mut self, site: SiteId, clock: Clock) {
        for entry in &mut self.0 {
            if entry.0 == site {
                entry.1 = entry.1.min(clock);
            }
        }
        self.0.retain(|entry| entry.1 > Clock(0));
    }

    /// Returns the entries, sorted by site.
    pub fn entries(&self) -> &[(SiteId, Clock)] {
        &self.0
    }

    /// Returns the greatest clock of all sites, or `Clock(0)`.
    pub fn clock_max(&self) -> Clock {
        self.0.iter().map(|entry| entry.1).max().unwrap_or_default()
    }
}

impl FromIterator<(SiteId, Clock)> for Version {
    fn from_iter<I: IntoIterator<Item = (SiteId, Clock)>>(entries: I) -> Self {
        let mut version = Self::new();
        for (site, clock) in entries {
            version.observe(Stamp::new(clock, site));
        }
        version
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.0.iter().map(|(site, clock)| (site, clock))).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn version() -> impl Strategy<Value = Version> {
        prop::collection::vec((0u64..4, 1u64..20), 0..5).prop_map(|entries| {
            entries.into_iter().map(|(site, clock)| (SiteId(site), Clock(clock))).collect()
        })
    }

    proptest! {
        #[test]
        fn join_is_the_least_upper_bound(a in version(), b in version(), c in version()) {
            let ab = a.joined(&b);
            prop_assert!(ab.includes(&a) && ab.includes(&b));
            prop_assert_eq!(&ab, &b.joined(&a));
            prop_assert_eq!(ab.joined(&c), a.joined(&b.joined(&c)));
            prop_assert_eq!(&a.joined(&a), &a);
            if c.includes(&a) && c.includes(&b) {
                prop_assert!(c.includes(&ab));
            }
        }

        #[test]
        fn meet_is_the_greatest_lower_bound(a in version(), b in version(), c in version()) {
            let mut met = a.clone();
            met.meet(&b);
            prop_assert!(a.includes(&met) && b.includes(&met));
            if a.includes(&c) && b.includes(&c) {
                prop_assert!(met.includes(&c));
            }
        }

        #[test]
        fn inclusion_and_equality_agree(a in version(), b in version()) {
            prop_assert_eq!(a.includes(&b) && b.includes(&a), a == b);
        }
    }
}
