//! Conflicts that wait for a person, looked at again and again: how many there are, for how long, and how long those
//! waited that somebody has decided since.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use syncline_engine::conflicts::{ConflictRow, Status};
use syncline_engine::rows::{Key, Scan, Table};
use syncline_model::id::Position;

use super::conflicts::listed_key;
use super::{ServeError, Served};
use crate::error::HubError;
use crate::limits::{WAITING_COUNTED_MAX, WAITING_WATCHED_MAX};

/// The conflicts of a hub that wait for a person, as of the latest look.
#[derive(Debug, Default)]
pub struct Waiting {
    looked_at: Option<Position>,
    count: usize,
    /// When each arose that is watched, in milliseconds since the Unix epoch.
    since_ms: BTreeMap<Key, u64>,
}

impl Waiting {
    /// Returns how many there are, up to [`WAITING_COUNTED_MAX`].
    pub fn count(&self) -> usize {
        self.count
    }

    /// Returns when the oldest of those that are watched arose, in milliseconds since the Unix epoch.
    pub fn oldest_ms(&self) -> Option<u64> {
        self.since_ms.values().min().copied()
    }

    /// Looks again, if the hub has changed; answers for how long each has waited that a person has decided
    /// meanwhile, in milliseconds. What was decided before the first look is not told.
    ///
    /// # Errors
    ///
    /// [`ServeError::Hub`] if they cannot be read; the next look tells what this one has not.
    pub fn look(&mut self, served: &Served) -> Result<Vec<u64>, ServeError> {
        let position = served.position();
        if self.looked_at == Some(position) {
            return Ok(Vec::new());
        }
        let rows = served.reader()?;
        let mut open = Vec::new();
        let scan = Scan::Whole(Table::OpenConflicts);
        rows.scan(&scan, None, WAITING_COUNTED_MAX, &mut |key, _| {
            open.push(listed_key(key));
            ControlFlow::Continue(())
        })?;
        let row_of = |bytes: &[u8]| {
            ConflictRow::decode(bytes).map_err(|_| HubError::Row { table: "conflicts" })
        };
        let counted: BTreeSet<&Key> = open.iter().collect();
        let is_gone = |key: &&Key| !counted.contains(key);
        let gone: Vec<Key> = self.since_ms.keys().filter(is_gone).cloned().collect();
        let (mut left, mut decided_ms) = (Vec::new(), Vec::new());
        for (key, bytes) in gone.iter().zip(rows.get_many(&gone)?) {
            let row = bytes.as_deref().map(row_of).transpose()?;
            // One that waits behind those that are counted is watched on.
            if row.as_ref().is_some_and(|row| row.status == Status::Open) {
                continue;
            }
            left.push(key);
            let decided = row.filter(|row| row.status == Status::Resolved);
            let decided = decided.and_then(|row| row.decision).zip(self.since_ms.get(key));
            decided_ms.extend(decided.map(|(decided, since)| decided.at_ms.saturating_sub(*since)));
        }
        let room = WAITING_WATCHED_MAX.saturating_sub(self.since_ms.len() - left.len());
        let is_new = |key: &&Key| !self.since_ms.contains_key(*key);
        let new: Vec<Key> = open.iter().filter(is_new).take(room).cloned().collect();
        let mut arisen = Vec::with_capacity(new.len());
        for (key, bytes) in new.iter().zip(rows.get_many(&new)?) {
            let Some(row) = bytes.as_deref().map(row_of).transpose()? else { continue };
            // It arose with the later side.
            let arose = row.conflict.stamps.iter().map(|stamp| stamp.clock.millis()).max();
            arisen.push((key.clone(), arose.unwrap_or_default()));
        }
        for key in left {
            self.since_ms.remove(key);
        }
        self.since_ms.extend(arisen);
        self.count = open.len();
        self.looked_at = Some(position);
        Ok(decided_ms)
    }
}
