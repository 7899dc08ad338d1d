//! What records were before.

use std::ops::ControlFlow;

use syncline_engine::feed::without;
use syncline_engine::log::{ChangeKind, LogEntry};
use syncline_engine::rows::{Key, Scan};
use syncline_merge::codec::decode_record;
use syncline_merge::display::{Fields, visible};
use syncline_model::id::{EntityName, Position, RecordId, Writer};
use syncline_policy::view::{Lens, Sight};
use syncline_protocol::limits::PULL_CHANGES_MAX;
use syncline_store::Read;

use super::read::end_of_log;
use super::{ServeError, Served};
use crate::error::HubError;
use crate::horizon::horizon;
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

/// Is shown a change of a record that is in sight, through which lens, and what the record was before and
/// after it.
type Told<'t> = dyn FnMut(&Lens<'_>, Position, LogEntry, (Option<&Fields>, Option<&Fields>)) -> ControlFlow<()>
    + 't;

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
    /// [`ServeError::TooFarBack`], [`ServeError::PastForgotten`], and as [`Served::history`].
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
                    shown = without(shown.take(), entry.before.as_ref(), entry.after.as_ref());
                }
                ControlFlow::Continue(())
            })?;
            if is_there {
                break;
            }
            if read == 0 {
                return Err(ServeError::PastForgotten { horizon: horizon(&*rows)? });
            }
            left -= read;
        }
        Ok(shown)
    }
}

impl Served {
    /// As [`Served::history`], of a record that is in sight: those changes before and after which it
    /// was, with the fields that were in sight then and are now. Of any other record there are none.
    ///
    /// The record's past is made from what it is now, so it costs as much as has happened since.
    ///
    /// # Errors
    ///
    /// [`ServeError::TooFarBack`], and as [`Served::history`].
    pub fn history_for(
        &self,
        sight: &Sight,
        entity: &EntityName,
        id: &RecordId,
        before: Option<Position>,
        limit: usize,
    ) -> Result<History, ServeError> {
        if sight.is_everything() {
            return self.history(entity, id, before, limit);
        }
        let limit = limit.clamp(1, PULL_CHANGES_MAX);
        let (mut changes, mut next) = (Vec::new(), None);
        self.past_in_sight(sight, entity, id, &mut |lens, position, entry, images| {
            if before.is_some_and(|before| position >= before) {
                return ControlFlow::Continue(());
            }
            let PastChange { at_ms, by, kind, before, after, .. } = past(position, entry);
            let part = |fields: Option<Fields>, image: Option<&Fields>| {
                let Some(fields) = fields else { return Some(None) };
                let then = sight.look(entity, image?)?;
                let is_shown = |path: &_| lens.shows(path) && then.shows(path);
                Some(Some(fields.into_iter().filter(|(path, _)| is_shown(path)).collect()))
            };
            let parts = part(before, images.0).zip(part(after, images.1));
            let is_empty = |fields: &Option<Fields>| fields.as_ref().is_some_and(Vec::is_empty);
            if let Some((before, after)) = parts
                && !(is_empty(&before) && is_empty(&after))
            {
                changes.push(PastChange { position, at_ms, by, kind, before, after });
            }
            if changes.len() >= limit {
                next = Some(position).filter(|position| *position > Position(1));
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        })?;
        Ok(History { changes, next })
    }

    /// As [`Served::record_at`], of a record that was in sight then and is now, with the fields of which
    /// that is so as well.
    ///
    /// # Errors
    ///
    /// As [`Served::record_at`].
    pub fn record_at_for(
        &self,
        sight: &Sight,
        entity: &EntityName,
        id: &RecordId,
        at_ms: u64,
    ) -> Result<Option<Fields>, ServeError> {
        if sight.is_everything() {
            return self.record_at(entity, id, at_ms);
        }
        let Some((now, _)) = self.shown_to_all(entity, id)? else { return Ok(None) };
        let Some(lens) = sight.look(entity, &now) else { return Ok(None) };
        let Some(then) = self.record_at(entity, id, at_ms)? else { return Ok(None) };
        let lens_then = sight.look(entity, &then);
        Ok(lens_then.map(|lens_then| {
            then.into_iter().filter(|(path, _)| lens.shows(path) && lens_then.shows(path)).collect()
        }))
    }

    /// Returns what is shown of a record to who has no value of its own, and where the log ended then.
    fn shown_to_all(
        &self,
        entity: &EntityName,
        id: &RecordId,
    ) -> Result<Option<(Fields, Position)>, ServeError> {
        let rules = self.rules_of(entity)?;
        let rows = self.reader()?;
        let key = Key::Record { entity: entity.clone(), id: id.clone() };
        let damaged = |source| HubError::Damaged { table: "records", source };
        let record = rows.get(&key)?.map(|bytes| decode_record(&bytes)).transpose();
        let end = end_of_log(&*rows)?;
        let shown = record.map_err(damaged)?.and_then(|record| visible(&record, rules, None));
        Ok(shown.map(|shown| (shown, end)))
    }

    /// Shows the changes of a record that is in sight, the newest first, each with what the record was
    /// before and after it.
    fn past_in_sight(
        &self,
        sight: &Sight,
        entity: &EntityName,
        id: &RecordId,
        change: &mut Told<'_>,
    ) -> Result<(), ServeError> {
        let Some((now, end)) = self.shown_to_all(entity, id)? else { return Ok(()) };
        let Some(lens) = sight.look(entity, &now) else { return Ok(()) };
        let mut reached = end.next();
        let mut image = Some(now.clone());
        let mut left = PAST_ENTRIES_MAX;
        let mut is_done = false;
        while reached > Position(1) && !is_done {
            if left == 0 {
                return Err(ServeError::TooFarBack { entries_max: PAST_ENTRIES_MAX });
            }
            let rows = self.reader()?;
            let read = back(&*rows, Some(reached), left.min(PAST_ENTRIES_AT_ONCE), |at, entry| {
                reached = at;
                if is_change_of(&entry, entity, id) {
                    let after = image.take();
                    let before =
                        without(after.clone(), entry.before.as_ref(), entry.after.as_ref());
                    is_done =
                        change(&lens, at, entry, (before.as_ref(), after.as_ref())).is_break();
                    image = before;
                }
                go_on_if(!is_done)
            })?;
            if read == 0 {
                break;
            }
            left -= read;
        }
        Ok(())
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

/// Returns whether an entry tells of a change of the record.
fn is_change_of(entry: &LogEntry, entity: &EntityName, id: &RecordId) -> bool {
    entry.id == *id && entry.entity == *entity && entry.kind.changes_a_record()
}

fn past(position: Position, entry: LogEntry) -> PastChange {
    let LogEntry { at_ms, origin, kind, before, after, .. } = entry;
    PastChange { position, at_ms, by: origin, kind, before, after }
}
