//! Runs that are undone: at once, and after the files were edited since.

use std::collections::{BTreeMap, BTreeSet};

use syncline_engine::link::Side;
use syncline_hub::{HubError, Silent, UndoOutcome};
use syncline_model::id::Position;
use syncline_model::json::Object;

use super::World;
use super::files::{file, items, text};
use super::sync::unlimited;
use crate::check;

/// What the files of a site hold, by side and id.
type Items = [BTreeMap<String, Object>; 2];

impl World {
    /// Edits both files of a site, runs, and undoes the run: both must be as they were. Then again,
    /// with edits between the run and its undo: these stay, and all else is as it was.
    pub(crate) fn check_undo(&mut self) {
        if self.swarm.sync_pause_ms == 0 || !self.history.violations.is_empty() {
            return;
        }
        let found = self.undo_at_once().and_then(|()| self.undo_later());
        if let Err(problem) = found {
            let words = vec!["u0".to_owned(), "s0 synch".to_owned()];
            self.history.violate("I20", format!("site 0: {problem}"), words);
        }
    }

    /// Somebody edits both files.
    fn edit_both(&mut self, edits_max: u64) {
        for side in Side::BOTH {
            for _ in 0..self.random.between(1, edits_max) {
                self.edit(0, side);
            }
        }
    }

    /// Undoes a run before anything else happens.
    fn undo_at_once(&mut self) -> Result<(), String> {
        self.edit_both(3);
        let before = self.bytes();
        let Some((run, _)) = self.run_once() else { return Ok(()) };
        let wrote = before != self.bytes();
        let Some(undone) = self.undo(&run) else { return Ok(()) };
        self.count("undo");
        match undone {
            Ok(undone) if !undone.left.is_empty() => {
                Err(format!("undo left {} records", undone.left.len()))
            }
            Ok(_) if before != self.bytes() => {
                Err("undo did not restore the files byte for byte".to_owned())
            }
            Ok(_) => Ok(()),
            // What changed no file has nothing to be taken back, and says so.
            Err(error) if !wrote && error.code() == "RUN_NOT_UNDOABLE" => Ok(()),
            Err(error) => Err(format!("undo failed: {}", error.code())),
        }
    }

    /// Undoes a run after more edits, which another run may have carried over by then.
    fn undo_later(&mut self) -> Result<(), String> {
        self.edit_both(3);
        let before = self.items();
        let Some((run, position)) = self.run_once() else { return Ok(()) };
        let left_by_run = self.items();
        for _ in 0..self.random.between(1, 2) {
            let side = if self.random.chance(500) { Side::Source } else { Side::Target };
            self.edit(0, side);
        }
        if self.random.chance(500) && self.run_once().is_none() {
            return Ok(());
        }
        let now = self.items();
        let touched = differing(&left_by_run, &now);
        let written = differing(&before, &left_by_run);
        // What the other run changed at the hub, whoever edited it when, may stay as well.
        let changed = self.changed_since(position);
        let Some(undone) = self.undo(&run) else { return Ok(()) };
        self.count("undo after edits");
        let after = self.items();
        let mut not_restored = BTreeSet::new();
        for side in Side::BOTH.map(Side::index) {
            let ids = [&before, &now, &after].into_iter().flat_map(|items| items[side].keys());
            for id in ids.collect::<BTreeSet<_>>() {
                let [before, run, now, after] =
                    [&before, &left_by_run, &now, &after].map(|items| items[side].get(id));
                let may_stay = touched.contains(id) || changed.contains(id);
                let stays = after == now && (undone.is_err() || may_stay);
                // Of a record that was edited on one side only, the other may come back or not.
                let returns = after == before && undone.is_ok() && run == now;
                if !stays && !returns {
                    return Err(format!(
                        "undo leaves {id} as {after:?}: before the run {before:?}, after it {run:?}, \
                         before the undo {now:?}"
                    ));
                }
                if after != before && run != before {
                    not_restored.insert(id.as_str());
                }
            }
        }
        match undone {
            Ok(undone) => {
                let left: BTreeSet<&str> =
                    undone.left.iter().map(|(_, _, id)| id.as_str()).collect();
                match left.is_superset(&not_restored) {
                    true => Ok(()),
                    false => Err(format!("undo lists {left:?} as left, of {not_restored:?}")),
                }
            }
            // Nothing that the run has written is left to be taken back.
            Err(error)
                if written.is_subset(&(&touched | &changed))
                    && error.code() == "RUN_NOT_UNDOABLE" =>
            {
                Ok(())
            }
            Err(error) => Err(format!("undo after edits failed: {}", error.code())),
        }
    }

    /// Returns the contacts that were changed at the hub behind a place of its log.
    fn changed_since(&mut self, position: Position) -> BTreeSet<String> {
        let hub = self.open_hub(0);
        let entries = hub.map(|hub| check::log(hub.rows(), position.next())).unwrap_or_default();
        let entries = entries.into_iter().filter(|(_, of)| of.entity == self.schema.contacts);
        entries.map(|(_, entry)| entry.id.as_str().to_owned()).collect()
    }

    /// Runs the hub; answers with the name of the run and where the log ends then, if it came to an end.
    fn run_once(&mut self) -> Option<(String, Position)> {
        let request = self.request(0, unlimited());
        let mut hub = self.open_hub(0)?;
        let outcome = hub.sync(&request, &mut Silent).ok()?;
        Some((outcome.report.sync_id, hub.position()))
    }

    fn undo(&mut self, run: &str) -> Option<Result<UndoOutcome, HubError>> {
        let request = self.request(0, unlimited());
        let mut hub = self.open_hub(0)?;
        Some(hub.undo(run, &request, false))
    }

    fn bytes(&self) -> [Option<Vec<u8>>; 2] {
        Side::BOTH.map(|side| self.sites.first().and_then(|site| site.disk.peek(&file(side))))
    }

    fn items(&self) -> Items {
        self.bytes().map(|bytes| {
            let items = bytes.as_deref().and_then(items).unwrap_or_default();
            let named = |item: Object| Some((text(&item, "id")?.to_owned(), item));
            items.into_iter().filter_map(named).collect()
        })
    }
}

/// Returns the records that differ on one side or the other.
fn differing(before: &Items, after: &Items) -> BTreeSet<String> {
    let sides = before.iter().zip(after);
    let differing = sides.flat_map(|(before, after)| {
        let ids = before.keys().chain(after.keys());
        ids.filter(|id| before.get(*id) != after.get(*id))
    });
    differing.cloned().collect()
}
