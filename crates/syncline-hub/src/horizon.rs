//! How far the log reaches back: what is older is forgotten, and deleted records with it.
//!
//! Whoever stands behind the horizon is told so and begins anew; its operations on a record that was
//! forgotten are set aside, since nobody knows any more what they build on. So a deleted record may go
//! as soon as the log does not tell of its deletion any more: who has not read that has to begin anew.
//!
//! The audit stays whole. What it says of forgotten changes is their number and what commits to them.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use syncline_engine::conflicts::{ConflictRow, Status};
use syncline_engine::facts;
use syncline_engine::log::LogEntry;
use syncline_engine::rows::{Batch, Key, Scan};
use syncline_engine::sync::Transaction;
use syncline_merge::codec::decode_record;
use syncline_merge::fault::{Fault, is_planted};
use syncline_model::clock::Clock;
use syncline_model::id::{EntityName, Position, RecordId, SiteId};
use syncline_model::json::Object;
use syncline_model::version::Version;
use syncline_store::Read;

use crate::error::HubError;
use crate::hub::Hub;
use crate::limits::FORGOTTEN_AT_ONCE;
use crate::request::Actor;
use crate::served::{ServeError, Served};

/// What of the log is kept; all of it, unless something is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// For how long, in milliseconds.
    pub age_ms: Option<u64>,
    /// How many changes; what is older goes even if it is younger than that.
    pub changes: Option<u64>,
    /// Everything behind this position, whatever else is said: somebody has still to be told of it.
    pub needed_behind: Option<Position>,
}

impl Retention {
    /// Returns whether nothing is ever forgotten.
    pub const fn is_everything(&self) -> bool {
        self.age_ms.is_none() && self.changes.is_none()
    }
}

/// What was forgotten at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// The last position that is forgotten.
    pub horizon: Position,
    /// How many changes.
    pub changes: u64,
    /// How many deleted records.
    pub records: u64,
    /// Whether there is more to be forgotten.
    pub more: bool,
}

/// What the log tells of longer ago than it is kept.
#[derive(Default)]
struct Old {
    changes: u64,
    /// The latest of them that ends a run, and all that was forgotten by then: the audit commits to runs
    /// as wholes.
    end: Option<(Position, Version)>,
    /// Records that were gone after one of them.
    gone: BTreeSet<(EntityName, RecordId)>,
    is_full: bool,
}

impl Hub {
    /// Forgets what the log tells of longer ago than it is kept, some of it at once.
    ///
    /// A hub that is kept equal with folders forgets nothing: to take back what was done there needs
    /// all of the log.
    ///
    /// # Errors
    ///
    /// [`HubError`] if the store fails; nothing is forgotten then.
    pub(crate) fn forget(&mut self, retention: Retention) -> Result<Forgotten, HubError> {
        let horizon = horizon(&*self.store)?;
        let nothing = Forgotten { horizon, ..Forgotten::default() };
        if retention.is_everything() || self.has_domains()? {
            return Ok(nothing);
        }
        let old = self.old(horizon, retention)?;
        let Some((end, floor)) = old.end else { return Ok(nothing) };
        let run = self.begin_run()?;
        let mut transaction = Transaction::new(run, self.position);
        for position in horizon.0 + 1..=end.0 {
            transaction.batch.delete(Key::Log(Position(position)));
        }
        let records = self.drop_gone(&old.gone, &floor, &mut transaction.batch)?;
        let floor = if is_planted(Fault::NoFloor) { Version::new() } else { floor };
        transaction.batch.put(Key::Meta(facts::HORIZON), end.0.to_be_bytes().to_vec());
        transaction.batch.put(Key::Meta(facts::FLOOR), encode_floor(&floor));
        let changes = end.0 - horizon.0;
        let mut details = Object::new();
        details.insert("to", end.0);
        details.insert("changes", changes);
        details.insert("records", records);
        let (clock, actor) = (self.clock, Actor::default());
        self.commit_noted(transaction, clock, "RETENTION", FORGOTTEN, &actor, details)?;
        self.floor = floor;
        Ok(Forgotten { horizon: end, changes, records, more: old.is_full })
    }

    fn has_domains(&self) -> Result<bool, HubError> {
        let mut has = false;
        self.store.scan(&Scan::Domains, None, 1, &mut |_, _| {
            has = true;
            ControlFlow::Break(())
        })?;
        Ok(has)
    }

    /// Returns what is old behind the horizon.
    fn old(&self, horizon: Position, retention: Retention) -> Result<Old, HubError> {
        let now_ms = self.environment.now_ms();
        let before_ms = retention.age_ms.map_or(0, |age_ms| now_ms.saturating_sub(age_ms));
        let kept = retention.changes.unwrap_or(u64::MAX);
        let up_to = Position(self.position.0.saturating_sub(kept));
        let needed_behind = retention.needed_behind.unwrap_or(Position(u64::MAX));
        let (mut old, mut gone, mut damaged) = (Old::default(), Vec::new(), None);
        let mut seen = self.floor.clone();
        let mut last: Option<(Position, LogEntry)> = None;
        let scan = Scan::Log { from: horizon.next() };
        self.store.scan(&scan, None, usize::MAX, &mut |key, bytes| {
            let Key::Log(position) = key else { return ControlFlow::Continue(()) };
            let entry = match LogEntry::decode(bytes) {
                Ok(entry) => entry,
                Err(source) => {
                    damaged = Some(HubError::Damaged { table: "log", source });
                    return ControlFlow::Break(());
                }
            };
            if let Some((at, _)) = last.take_if(|(_, before)| before.run != entry.run) {
                old.end = Some((at, seen.clone()));
                old.gone.extend(gone.drain(..));
                old.is_full = old.changes >= FORGOTTEN_AT_ONCE;
            }
            let is_old = entry.at_ms < before_ms || *position <= up_to;
            if old.is_full || !is_old || *position > needed_behind {
                last = None;
                return ControlFlow::Break(());
            }
            old.changes += 1;
            seen.observe(entry.stamp);
            if entry.after.is_none() {
                gone.push((entry.entity.clone(), entry.id.clone()));
            }
            last = Some((*position, entry));
            ControlFlow::Continue(())
        })?;
        if let Some(error) = damaged {
            return Err(error);
        }
        if let Some((at, _)) = last {
            // The log ends with it, and so does its run.
            old.end = Some((at, seen));
            old.gone.extend(gone);
        }
        Ok(old)
    }

    /// Drops those of some records that are deleted, and have not changed since; answers how many.
    fn drop_gone(
        &self,
        records: &BTreeSet<(EntityName, RecordId)>,
        forgotten: &Version,
        batch: &mut Batch,
    ) -> Result<u64, HubError> {
        let mut dropped = 0;
        for (entity, id) in records {
            let key = Key::Record { entity: entity.clone(), id: id.clone() };
            let Some(bytes) = self.store.get(&key)? else { continue };
            // What cannot be read stays, for a person.
            let Ok(record) = decode_record(&bytes) else { continue };
            let is_gone = record.live.is_empty() && forgotten.includes(&record.version);
            let is_open = |row: &ConflictRow| row.status == Status::Open;
            if is_gone && !self.conflicts_of(entity, id)?.iter().any(is_open) {
                batch.delete(key);
                dropped += 1;
            }
        }
        Ok(dropped)
    }

    /// Returns below what everything of a record that is not there is forgotten.
    pub(crate) fn stored_floor(rows: &dyn Read) -> Result<Version, HubError> {
        let bytes = rows.get(&Key::Meta(facts::FLOOR))?.unwrap_or_default();
        let one = |row: &[u8]| {
            let (site, clock) = row.split_first_chunk::<8>()?;
            let clock = u64::from_be_bytes(clock.try_into().ok()?);
            Some((SiteId(u64::from_be_bytes(*site)), Clock(clock)))
        };
        let rows = bytes.chunks(16).map(|row| one(row).ok_or(HubError::Row { table: "meta" }));
        rows.collect()
    }
}

/// What the audit says where some of the log is forgotten.
pub(crate) const FORGOTTEN: &str = "LOG_FORGOTTEN";

fn encode_floor(floor: &Version) -> Vec<u8> {
    let one =
        |(site, clock): &(SiteId, Clock)| [site.0.to_be_bytes(), clock.0.to_be_bytes()].concat();
    floor.entries().iter().flat_map(one).collect()
}

/// Returns the last position of the log that is forgotten; 0 if nothing is.
pub(crate) fn horizon(rows: &dyn Read) -> Result<Position, HubError> {
    let bytes = rows.get(&Key::Meta(facts::HORIZON))?;
    let number = bytes.map(|bytes| <[u8; 8]>::try_from(bytes.as_slice())).transpose();
    let number = number.map_err(|_| HubError::Row { table: "meta" })?;
    Ok(Position(number.map_or(0, u64::from_be_bytes)))
}

impl Served {
    /// Forgets what the log tells of longer ago than it is kept, some of it at once: the writer does
    /// nothing else meanwhile.
    ///
    /// # Errors
    ///
    /// [`ServeError::Hub`] if the store fails.
    pub fn forget(&self, retention: Retention) -> Result<Forgotten, ServeError> {
        Ok(self.with_hub(move |hub| hub.forget(retention))??)
    }

    /// Returns the last position of the log that is forgotten; 0 if nothing is.
    ///
    /// # Errors
    ///
    /// [`ServeError::Hub`] if it cannot be read.
    pub fn horizon(&self) -> Result<Position, ServeError> {
        Ok(horizon(&*self.reader()?)?)
    }
}
