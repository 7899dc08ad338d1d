//! What is not kept any more of deliveries: those that are final, once they are old.

use std::ops::{ControlFlow, RangeInclusive};

use syncline_engine::deliver::{Delivery, DeliveryState, Forgotten, Settings, forget};
use syncline_engine::rows::{Batch, Key, Scan};
use syncline_model::id::{EndpointId, Position};

use super::super::ServeError;
use super::endpoints::DeliveryError;
use super::replays::{ReplayRow, ReplayState, key};
use super::turn::Deliveries;
use crate::limits::{DELIVERIES_SWEPT_AT_ONCE, REPLAY_HOLDS_MS_MAX};

/// How long final deliveries are kept, in milliseconds since their last attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeliveryRetention {
    /// Those that were delivered or cancelled.
    pub settled_ms: u64,
    /// Dead letters: somebody may still want to send them again.
    pub dead_ms: u64,
}

/// A month, and three for dead letters.
impl Default for DeliveryRetention {
    fn default() -> Self {
        const DAY_MS: u64 = 86_400_000;
        Self { settled_ms: 30 * DAY_MS, dead_ms: 90 * DAY_MS }
    }
}

impl DeliveryRetention {
    /// Returns how long those of an endpoint are kept: as it says, and no longer than all are.
    fn of(self, settings: &Settings) -> Self {
        Self {
            settled_ms: settings.keep_delivered_ms.unwrap_or(u64::MAX).min(self.settled_ms),
            dead_ms: settings.keep_dead_ms.unwrap_or(u64::MAX).min(self.dead_ms),
        }
    }

    /// Returns whether a delivery is not kept any more.
    fn is_over(&self, now_ms: u64, row: &Delivery) -> bool {
        let kept_ms = match row.state {
            DeliveryState::Delivered | DeliveryState::Cancelled => self.settled_ms,
            DeliveryState::Dead => self.dead_ms,
            _ => return false,
        };
        let last_ms = row.attempts.last().map_or(row.created_ms, |attempt| attempt.at_ms);
        now_ms.saturating_sub(last_ms) > kept_ms
    }
}

impl Deliveries {
    /// Deletes what is kept no longer of one endpoint, some of it at once. Answers where to go on; nothing where
    /// all of it was looked at.
    ///
    /// Never what is not final, and never behind what the cursor says is settled: without its row an event there
    /// would be sent again. Nor what a running replay has yet to look at, for as long as it may hold that up.
    ///
    /// - `after`: where the last piece has ended.
    /// - `keep`: how long those of any endpoint are kept at most.
    ///
    /// # Errors
    ///
    /// [`DeliveryError::Serve`] if the store fails; nothing of the piece is deleted, and all is to begin anew.
    pub fn sweep(
        &mut self,
        now_ms: u64,
        endpoint: &EndpointId,
        after: Position,
        keep: DeliveryRetention,
    ) -> Result<Option<Position>, DeliveryError> {
        let Some(facts) = self.dispatch.facts(endpoint) else { return Ok(None) };
        let settled = self.dispatch.settings(endpoint);
        let keep = settled.map_or(keep, |settings| keep.of(settings));
        // Nothing that began later can be over.
        let young_ms = now_ms.saturating_sub(keep.settled_ms.min(keep.dead_ms));
        let scan = Scan::Deliveries { endpoint: endpoint.clone(), from: after.next() };
        let held = self.held_by_replays(now_ms, endpoint);
        let (mut batch, mut gone) = (Batch::new(), Vec::new());
        let (mut looked_at, mut to, mut is_over) = (0, after, false);
        let rows = self.served.reader()?;
        let scanned = rows.scan(&scan, None, DELIVERIES_SWEPT_AT_ONCE, &mut |key, bytes| {
            let Key::Delivery { position, .. } = key else { return ControlFlow::Continue(()) };
            if *position > facts.settled {
                is_over = true;
                return ControlFlow::Break(());
            }
            match Delivery::decode(bytes) {
                Ok(row) if row.created_ms > young_ms => is_over = true,
                Ok(row) => {
                    (looked_at, to) = (looked_at + 1, *position);
                    let is_held = held.iter().any(|held| held.contains(position));
                    if !is_held && keep.is_over(now_ms, &row) {
                        batch.append(forget(endpoint, *position, &row));
                        gone.push(*position);
                    }
                }
                // One that cannot be understood stays, for whoever looks into it.
                Err(_) => (looked_at, to) = (looked_at + 1, *position),
            }
            if is_over { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        scanned.map_err(ServeError::from)?;
        drop(rows);
        if let Some(forgotten) = stretch_of(gone.iter()) {
            self.tell_replays(endpoint, &gone, &mut batch);
            self.dispatch.handle_forgotten(self.now_ms, endpoint, forgotten, &mut batch)?;
            let committed = self.served.commit_rows(batch);
            // The machine has gone ahead.
            self.is_astray |= committed.is_err();
            committed?;
        }
        Ok((!is_over && looked_at >= DELIVERIES_SWEPT_AT_ONCE).then_some(to))
    }

    /// Returns the places that running replays of an endpoint have yet to look at, of those that may still hold them.
    fn held_by_replays(&self, now_ms: u64, endpoint: &EndpointId) -> Vec<RangeInclusive<Position>> {
        let holds = |row: &&ReplayRow| {
            row.state == ReplayState::Running
                && now_ms.saturating_sub(row.created_ms) <= REPLAY_HOLDS_MS_MAX
        };
        let parts = self.replays.values().filter(holds).flat_map(|row| &row.parts);
        let parts = parts.filter(|part| part.endpoint == *endpoint && part.after < part.until);
        parts.map(|part| part.after.next()..=part.until).collect()
    }

    /// Running replays are told, with their rows, what is forgotten of that which they have yet to look at.
    fn tell_replays(&mut self, endpoint: &EndpointId, gone: &[Position], batch: &mut Batch) {
        let running = self.replays.iter_mut().filter(|(_, row)| row.state == ReplayState::Running);
        for (id, row) in running {
            let mut is_told = false;
            for part in row.parts.iter_mut().filter(|part| part.endpoint == *endpoint) {
                let ahead = part.after.next()..=part.until;
                if let Some(of) = stretch_of(gone.iter().filter(|at| ahead.contains(at))) {
                    part.forgotten = Some(of.and(part.forgotten));
                    is_told = true;
                }
            }
            if let Some(key) = key(id).filter(|_| is_told) {
                batch.put(key, row.encode());
            }
        }
    }
}

/// Returns from where to where places are that rise.
fn stretch_of<'a>(mut places: impl Iterator<Item = &'a Position>) -> Option<Forgotten> {
    let first = *places.next()?;
    Some(Forgotten { first, last: places.last().copied().unwrap_or(first) })
}
