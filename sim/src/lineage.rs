//! Values that people wrote into files: every one is unique, and who replaces one has seen it.

use std::collections::{BTreeMap, BTreeSet};

use syncline_model::clock::Stamp;

use crate::history::{RecordKey, Stamps};

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
    /// All deletions, in order.
    pub deletions: Vec<Deletion>,
}

/// A deletion, and what its author knew of the record.
#[derive(Debug)]
pub struct Deletion {
    /// Which record.
    pub key: RecordKey,
    /// The change; `None` for a person who took the record out of a file.
    pub change: Option<Stamp>,
    /// All values that its author had seen, and those which they had replaced.
    pub values: BTreeSet<String>,
    /// All changes that its author had seen.
    pub changes: Stamps,
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

    /// Takes note that a record which somebody may have deleted was put into a file again.
    pub fn put_back(&mut self, key: &RecordKey) {
        self.deletions.retain(|deletion| deletion.key != *key);
    }

    /// Takes note that somebody deleted a record who saw `deletion.values`.
    pub fn removed(&mut self, mut deletion: Deletion) {
        self.replaced.extend(deletion.values.iter().cloned());
        for seen in deletion.values.clone() {
            let mut at = self.before.get(&seen);
            while let Some(value) = at {
                deletion.values.insert(value.clone());
                at = self.before.get(value);
            }
        }
        self.deletions.push(deletion);
    }
}
