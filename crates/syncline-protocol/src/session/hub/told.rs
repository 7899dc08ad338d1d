//! What the results of a connection have told of records, so that changes need not tell it again.

use std::collections::BTreeMap;

use syncline_model::id::{EntityName, Position, RecordId};

use super::TOLD_MAX;
use crate::change::Change;
use crate::session::fault::{Fault, is_planted};

/// Records that results have told, with the position of the state.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// By id first: of many records of one entity it is the ids that differ.
    records: BTreeMap<(RecordId, EntityName), Position>,
    newest: Position,
    /// Stretches of the log of which results have told each entry: their first and last positions.
    stretches: BTreeMap<u64, u64>,
}

impl Told {
    /// A result tells the state of a record at a position. Beyond the bound that is not remembered:
    /// the client is told again and ignores it.
    pub(super) fn add(&mut self, entity: EntityName, id: RecordId, position: Position) {
        let key = (id, entity);
        if self.records.len() < TOLD_MAX || self.records.contains_key(&key) {
            let told = self.records.entry(key).or_default();
            *told = position.max(*told);
            self.newest = self.newest.max(position);
        }
    }

    /// A result tells what the entry of the log at a position has made.
    pub(super) fn add_entry(&mut self, Position(position): Position) {
        let has_room = self.stretches.len() < TOLD_MAX;
        match self.stretches.range_mut(..=position).next_back() {
            Some((_, last)) if *last + 1 == position => *last = position,
            _ if has_room => {
                self.stretches.insert(position, position);
            }
            _ => {}
        }
    }

    /// Returns up to where results have told all that follows a position; that position if they have not
    /// told what comes next.
    pub(super) fn reached_from(&self, position: Position) -> Position {
        if is_planted(Fault::OthersSteppedOver) {
            return self.newest.max(position);
        }
        let next = position.0 + 1;
        let around = self.stretches.range(..=next).next_back();
        let last = around.map(|(_, last)| *last).filter(|last| *last >= next);
        last.map_or(position, Position)
    }

    /// Returns whether the client knows at least as new a state of the record.
    pub(super) fn covers(&self, change: &Change) -> bool {
        if self.records.is_empty() {
            return false;
        }
        let key = (change.id.clone(), change.entity.clone());
        if is_planted(Fault::NewerLeftOut) {
            return self.records.contains_key(&key);
        }
        self.records.get(&key).is_some_and(|told| *told >= change.seen.position)
    }

    /// All views stand here: what is not newer will not come again.
    pub(super) fn prune(&mut self, position: Position) {
        while self.stretches.first_key_value().is_some_and(|(_, last)| *last <= position.0) {
            self.stretches.pop_first();
        }
        if self.newest <= position {
            self.records.clear();
        } else if self.records.len() >= TOLD_MAX {
            self.records.retain(|_, told| *told > position);
        }
    }
}
