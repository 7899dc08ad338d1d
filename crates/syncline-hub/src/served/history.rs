//! What records were before.

use std::ops::ControlFlow;

use syncline_engine::log::{ChangeKind, LogEntry};
use syncline_engine::rows::{Key, Scan};
use syncline_merge::codec::decode_record;
use syncline_merge::display::{Fields, visible};
use syncline_model::id::{EntityName, Position, RecordId, Writer};
use syncline_protocol::limits::PULL_CHANGES_MAX;
use syncline_store::Read;

use super::read::end_of_log;
use super::{ServeError, Served};
use crate::error::HubError;
use crate::limits::{HISTORY_ENTRIES_MAX, PAST_ENTRIES_AT_ONCE, PAST_ENTRIES_MAX};

/// A change that a record went through.
#[derive(Clone, Debug, PartialEq)]
pub struct PastChange {
    /// Where in the log.
    pub position: Position,
    /// When the hub took it, in milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// Who made it.
    pub by: Writer,
    /// What kind of change.
    pub kind: ChangeKind,
    /// The changed fields as they were; `None` if the record was not there.
    pub before: Option<Fields>,
    /// The changed fields as they became; `None` if the record was gone then.
    pub after: Option<Fields>,
}

/// Some of the changes of a record, the newest first.
#[derive(Clone, Debug, PartialEq)]
pub struct History {
    /// The changes, as many as were found.
    pub changes: Vec<PastChange>,
    /// Before which position to look on; `None` if the whole log was looked at. There may be more
    /// even where few changes, or none, were found: the log has no index by record, and one call
    /// reads a bounded stretch of it.
    pub next: Option<Position>,
}

impl Served {
    /// Returns changes of a record, the newest first.
    ///
    /// - `before`: the position before which to begin; `None` begins with the newest.
    ///
    /// # Errors
    ///
    /// [`ServeError::EntityUnknown`], or [`ServeError::Hub`] if the log cannot be read.
    pub fn history(
        &self,
        entity: &EntityName,
        id: &RecordId,
        before: Option<Position>,
        limit: usize,
    ) -> Result<History, ServeError> {
        self.rules_of(entity)?;
        let limit = limit.clamp(1, PULL_CHANGES_MAX);
        let (mut changes, mut reached) = (Vec::new(), before);
        let mut left = HISTORY_ENTRIES_MAX;
        while left > 0 && changes.len() < limit && reached != Some(Position(1)) {
            let rows = self.reader()?;
            let at_once = left.min(PAST_ENTRIES_AT_ONCE);
            let read = back(&*rows, reached, at_once, |position, entry| {
                reached = Some(position);
                if is_change_of(&entry, entity, id) {
                    changes.push(past(position, entry));
                }
                go_on_if(changes.len() < limit)
            })?;
            if read == 0 {
                return Ok(History { changes, next: None });
            }
            left -= read;
        }
        Ok(History { changes, next: reached.filter(|reached| *reached > Position(1)) })
    }

    /// Returns what was shown of a record at a time; `None` if it was not there.
    ///
    /// It is what is shown now without what has changed since, so it costs as much as has happened
    /// since, in all records.
    ///
    /// - `at_ms`: in milliseconds since the Unix epoch, by the hub's clock.
    ///
    /// # Errors
    ///
    /// [`ServeError::TooFarBack`], and as [`Served::history`].
    pub fn record_at(
        &self,
        entity: &EntityName,
        id: &RecordId,
        at_ms: u64,
    ) -> Result<Option<Fields>, ServeError> {
        let rules = self.rules_of(entity)?;
        let rows = self.reader()?;
        let key = Key::Record { entity: entity.clone(), id: id.clone() };
        let damaged = |source| HubError::Damaged { table: "records", source };
        let record = rows.get(&key)?.map(|bytes| decode_record(&bytes)).transpose();
        let record = record.map_err(damaged)?;
        let mut shown = record.and_then(|record| visible(&record, rules, None));
        let mut reached = end_of_log(&*rows)?.next();
        drop(rows);
        let mut left = PAST_ENTRIES_MAX;
        while reached > Position(1) {
            if left == 0 {
                return Err(ServeError::TooFarBack { entries_max: PAST_ENTRIES_MAX });
            }
            let rows = self.reader()?;
            let mut is_there = false;
            let at_once = left.min(PAST_ENTRIES_AT_ONCE);
            let read = back(&*rows, Some(reached), at_once, |position, entry| {
                reached = position;
                is_there = entry.at_ms <= at_ms;
                if is_there {
                    return ControlFlow::Break(());
                }
                if is_change_of(&entry, entity, id) {
                    shown = without(shown.take(), entry);
                }
                ControlFlow::Continue(())
            })?;
            if is_there || read == 0 {
                break;
            }
            left -= read;
        }
        Ok(shown)
    }
}

/// Shows entries of the log before a position, the newest first, until `entry` breaks or so many were
/// shown; answers how many were.
fn back(
    rows: &dyn Read,
    before: Option<Position>,
    limit: usize,
    mut entry: impl FnMut(Position, LogEntry) -> ControlFlow<()>,
) -> Result<usize, ServeError> {
    let (mut read, mut damaged) = (0, None);
    let after = before.map(Key::Log);
    rows.scan(&Scan::LogLatest, after.as_ref(), limit, &mut |key, bytes| {
        let Key::Log(position) = key else { return ControlFlow::Continue(()) };
        read += 1;
        match LogEntry::decode(bytes) {
            Ok(found) => entry(*position, found),
            Err(source) => {
                damaged = Some(HubError::Damaged { table: "log", source });
                ControlFlow::Break(())
            }
        }
    })?;
    damaged.map_or(Ok(read), |error| Err(error.into()))
}

const fn go_on_if(more: bool) -> ControlFlow<()> {
    if more { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
}

/// Returns whether an entry tells of a change of the record; what a mirror replaced was in a domain.
fn is_change_of(entry: &LogEntry, entity: &EntityName, id: &RecordId) -> bool {
    entry.id == *id && entry.entity == *entity && entry.kind != ChangeKind::Overwrite
}

fn past(position: Position, entry: LogEntry) -> PastChange {
    let LogEntry { at_ms, origin, kind, before, after, .. } = entry;
    PastChange { position, at_ms, by: origin, kind, before, after }
}

/// Returns what was shown before a change, given what was shown after it.
fn without(shown: Option<Fields>, change: LogEntry) -> Option<Fields> {
    let before = change.before?;
    let (Some(after), Some(mut shown)) = (change.after, shown) else {
        // It was whole before it went.
        return Some(before);
    };
    shown.retain(|(path, _)| after.iter().all(|(changed, _)| changed != path));
    shown.retain(|(path, _)| before.iter().all(|(changed, _)| changed != path));
    shown.extend(before);
    shown.sort();
    Some(shown)
}
