//! Values that people wrote into files: every one is unique, and who replaces one has seen it.

use std::collections::{BTreeMap, BTreeSet};

use syncline_model::clock::Stamp;

use crate::history::RecordKey;

/// The lineage of all values of records that files hold.
#[derive(Debug, Default)]
pub struct Lineage {
    /// Value → its record.
    pub records: BTreeMap<String, RecordKey>,
    /// Value → the change that brought it to a hub.
    pub stamps: BTreeMap<String, Stamp>,
    /// Values that a writer has replaced or deleted who had seen them.
    pub replaced: BTreeSet<String>,
    /// Value → what its writer replaced by it.
    before: BTreeMap<String, String>,
    /// Values that a hub has taken in for certain.
    pub acknowledged: BTreeSet<String>,
    /// Deletions: the record, and all values of it that the one who deleted knew of.
    pub deletions: Vec<(RecordKey, BTreeSet<String>)>,
}

impl Lineage {
    /// Takes note of a value that replaces another one.
    pub fn wrote(&mut self, key: &RecordKey, value: &str, old: Option<&str>) {
        self.records.insert(value.to_owned(), key.clone());
        if let Some(old) = old {
            self.replaced.insert(old.to_owned());
            self.before.insert(value.to_owned(), old.to_owned());
        }
    }

    /// Takes note that somebody deleted a record who saw these values.
    pub fn removed(&mut self, key: &RecordKey, seen: &[String]) {
        self.replaced.extend(seen.iter().cloned());
        let mut known = BTreeSet::new();
        for value in seen {
            let mut at = Some(value);
            while let Some(value) = at {
                known.insert(value.clone());
                at = self.before.get(value);
            }
        }
        self.deletions.push((key.clone(), known));
    }
}
