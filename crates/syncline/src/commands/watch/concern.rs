//! Whether what was written at the hub concerns the folders.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use syncline_engine::log::LogEntry;
use syncline_engine::rows::{Key, Scan};
use syncline_model::id::{EntityName, Position, RunId};
use syncline_store::Read;

/// Most entries of the log that are read before a run is the cheaper answer.
const ENTRIES_MAX: usize = 1_000;

/// Returns whether anything but a sync has changed a record of these entities behind a position.
///
/// What cannot be read, or is too much, counts: the sync looks for itself.
pub(super) fn of(rows: &dyn Read, behind: Position, entities: &BTreeSet<EntityName>) -> bool {
    let (mut read, mut is_concerned) = (0, false);
    let mut runs = BTreeMap::new();
    let scan = Scan::Log { from: behind.next() };
    let scanned = rows.scan(&scan, None, ENTRIES_MAX, &mut |_, value| {
        read += 1;
        is_concerned = LogEntry::decode(value).map_or(true, |entry| {
            let is_brought = entry.kind.is_a_write() && is_reported(rows, &entry, &mut runs);
            !is_brought && entities.contains(&entry.entity)
        });
        if is_concerned { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    is_concerned || scanned.is_err() || read >= ENTRIES_MAX
}

/// Returns whether an entry is of a run that left a report: operations of clients leave none.
fn is_reported(rows: &dyn Read, entry: &LogEntry, runs: &mut BTreeMap<RunId, bool>) -> bool {
    let Some(run) = &entry.run else { return false };
    if let Some(known) = runs.get(run) {
        return *known;
    }
    let is_reported = rows.get(&Key::Run(run.clone())).is_ok_and(|row| row.is_some());
    runs.insert(run.clone(), is_reported);
    is_reported
}
