//! Endpoints of which a row cannot be read: nothing is sent to them, and the others go on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use syncline_engine::deliver::{EndpointRow, Notice, Settings};
use syncline_model::id::{EndpointId, Position};

use super::super::ServeError;
use super::turn::Deliveries;
use crate::limits::DAMAGED_ENTRIES_TOLD_MAX;

/// What is known of an endpoint of which a row cannot be read.
#[derive(Clone, Debug)]
pub(super) struct Damage {
    /// The table of the row.
    pub(super) table: &'static str,
    /// The endpoint's row, if that one can be read.
    pub(super) row: Option<Arc<EndpointRow>>,
    /// Behind which position the log is needed should the row be mended; all of it where nobody knows.
    pub(super) settled: Position,
}

impl Damage {
    /// Returns the endpoint's row, or one that says nothing.
    pub(super) fn row(&self) -> Arc<EndpointRow> {
        let nothing = || EndpointRow {
            created_ms: 0,
            is_removed: false,
            settings: Settings::new(""),
            secrets: Vec::new(),
        };
        self.row.clone().unwrap_or_else(|| Arc::new(nothing()))
    }
}

impl Deliveries {
    /// Sends nothing more to an endpoint of which a row cannot be read; any other failure is passed on.
    pub(super) fn set_aside(
        &mut self,
        endpoint: &EndpointId,
        error: ServeError,
    ) -> Result<(), ServeError> {
        let Some(table) = error.damaged_table() else { return Err(error) };
        let settled = self.dispatch.facts(endpoint).map_or(Position(0), |facts| facts.settled);
        self.dispatch.handle_removed(endpoint);
        let row = self.endpoints.remove(endpoint);
        self.mark_damaged(endpoint, Damage { table, row, settled });
        Ok(())
    }

    /// Tells of an entry of the log that cannot be read: once, however many endpoints come by.
    pub(super) fn note_damaged_entry(&mut self, position: Position) {
        if self.entries_damaged.len() < DAMAGED_ENTRIES_TOLD_MAX
            && self.entries_damaged.insert(position)
        {
            self.noticed.push(Notice::RowDamaged { endpoint: None, position, table: "log" });
        }
    }

    pub(super) fn mark_damaged(&mut self, endpoint: &EndpointId, damage: Damage) {
        let table = damage.table;
        self.damaged.insert(endpoint.clone(), damage);
        self.noticed.push(Notice::Damaged { endpoint: endpoint.clone(), table });
    }

    /// Returns behind which position the log is still needed, by any endpoint that is not disabled.
    pub fn needed_behind(&self) -> Option<Position> {
        let damaged = self.damaged.values().map(|damage| damage.settled);
        damaged.chain(self.dispatch.needed_behind()).min()
    }
}

/// What was read of endpoints, one by one, and which of them cannot be.
#[derive(Debug)]
pub(super) struct Sorted<T> {
    pub(super) sound: BTreeMap<EndpointId, T>,
    pub(super) damaged: BTreeSet<EndpointId>,
}

impl<T> Default for Sorted<T> {
    fn default() -> Self {
        Self { sound: BTreeMap::new(), damaged: BTreeSet::new() }
    }
}
