//! Pages of changes: first all records, in the order of entity and id, then the log.
//!
//! A page is read as of one moment. Nothing that it says is newer or older than that, and the cursor
//! says up to where the log was taken into account.

use std::ops::ControlFlow;

use syncline_engine::feed::{Stretch, Told, Touched, bytes_of, has_waited};
use syncline_engine::log::LogEntry;
use syncline_engine::rows::{Key, Scan};
use syncline_merge::codec::decode_record;
use syncline_merge::display::{Fields, is_uncontested, visible};
use syncline_merge::fault::{Fault, is_planted};
use syncline_merge::rules::EntityRules;
use syncline_merge::state::Record;
use syncline_merge::token::Token;
use syncline_model::id::{EntityName, Position, RecordId, Writer};
use syncline_protocol::change::{Change, Content};
use syncline_protocol::checksum::Checksum;
use syncline_protocol::cursor::{SnapshotPlace, StreamCursor};
use syncline_protocol::limits::{PULL_BYTES, PULL_CHANGES_DEFAULT};
use syncline_protocol::message::{Follow, Page};
use syncline_protocol::outcome::Seen;
use syncline_store::Read;

use super::read::{end_of_log, open_conflicts, rows_of};
use super::{ServeError, Served};
use crate::error::HubError;
use crate::limits::{PAGE_ENTRIES_MAX, PAGE_LOG_BYTES, PAGE_RECORDS_MAX};

/// How large a page may become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most changes; at least one.
    pub changes: usize,
    /// Most bytes, about; one change is told whatever its size.
    pub bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { changes: PULL_CHANGES_DEFAULT, bytes: PULL_BYTES }
    }
}

/// A page, and for whom it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Paged {
    /// The page.
    pub page: Page,
    /// Whether every viewer who asks for the same is told the same.
    pub is_for_all: bool,
}

/// What a change takes in a message beside its content and its names, in bytes, about.
const CHANGE_BYTES: usize = 64;

impl Served {
    /// Returns the changes that follow a cursor, or all records where there is none. The page has no
    /// changes if there are none; nothing is waited for.
    ///
    /// # Errors
    ///
    /// - [`ServeError::Cursor`], [`ServeError::CursorAhead`] or [`ServeError::CursorExpired`]: the
    ///   client begins without a cursor.
    /// - [`ServeError::Hub`] if the store cannot be read.
    pub fn page(
        &self,
        follow: &Follow,
        viewer: &Writer,
        limits: Limits,
    ) -> Result<Paged, ServeError> {
        Ok(self.page_checked(follow, viewer, limits, false)?.0)
    }

    /// Returns a page as [`Served::page`] does, and what all that is shown adds up to, as of the same moment: if
    /// that `is_checked`, nothing is behind the page, and the hub has time. It reads everything that is shown, so
    /// the hub spends little of its time on it, whoever asks.
    ///
    /// # Errors
    ///
    /// As [`Served::page`].
    pub fn page_checked(
        &self,
        follow: &Follow,
        viewer: &Writer,
        limits: Limits,
        is_checked: bool,
    ) -> Result<(Paged, Option<Checksum>), ServeError> {
        if follow.view.is_some() {
            return Err(ServeError::ViewUnknown);
        }
        if let Some(cursor) = &follow.cursor {
            cursor.log.require(self.incarnation())?;
        }
        let rows = self.reader()?;
        let end = end_of_log(&*rows)?;
        let mut wanted = follow.entities.clone();
        wanted.sort_unstable();
        wanted.dedup();
        let reading = Reading { served: self, rows: &*rows, end, wanted, viewer, limits };
        let cursor = follow.cursor.clone();
        if let Some(position) = cursor.as_ref().map(StreamCursor::position)
            && position > end
        {
            return Err(ServeError::CursorAhead { position, end });
        }
        let paged = match cursor {
            None => reading.snapshot(self.cursor(end), None),
            Some(StreamCursor { log, snapshot: Some(place), .. }) => {
                reading.snapshot(StreamCursor::at(log), Some(place))
            }
            Some(cursor) => reading.log(cursor.position()),
        }?;
        let is_through = !paged.page.more && paged.page.cursor.position() == end;
        let turn = (is_checked && is_through).then(|| self.checks().take()).flatten();
        let checksum = turn.map(|_turn| reading.checksum()).transpose()?;
        Ok((paged, checksum))
    }
}

/// One page on its way.
struct Reading<'a> {
    served: &'a Served,
    rows: &'a dyn Read,
    /// Where the log ends at the moment of reading.
    end: Position,
    /// The entities that the reader follows, sorted; none for all.
    wanted: Vec<EntityName>,
    viewer: &'a Writer,
    limits: Limits,
}

/// The changes of a page so far.
#[derive(Default)]
struct Filling {
    changes: Vec<Change>,
    bytes: usize,
    is_for_some: bool,
}

impl Filling {
    /// Adds a change unless the page is full.
    fn add(&mut self, change: Change, is_for_all: bool, limits: Limits) -> ControlFlow<()> {
        let names = change.entity.as_str().len() + change.id.as_str().len();
        let version = change.seen.version.as_str().len();
        let bytes = bytes_of(&change.content) + names + version + CHANGE_BYTES;
        let is_first = self.changes.is_empty();
        let is_full = self.changes.len() >= limits.changes || self.bytes + bytes > limits.bytes;
        if is_full && !is_first {
            return ControlFlow::Break(());
        }
        self.bytes += bytes;
        self.is_for_some |= !is_for_all;
        self.changes.push(change);
        ControlFlow::Continue(())
    }
}

impl Reading<'_> {
    /// Returns the rules of an entity if the reader follows it.
    fn rules(&self, entity: &EntityName) -> Option<&EntityRules> {
        let is_wanted = self.wanted.is_empty() || self.wanted.binary_search(entity).is_ok();
        self.served.entities().rules(entity).filter(|_| is_wanted)
    }

    /// Returns records in the order of entity and id, behind a place.
    ///
    /// - `log`: the cursor at which the log goes on after the last of them.
    fn snapshot(
        &self,
        log: StreamCursor,
        place: Option<SnapshotPlace>,
    ) -> Result<Paged, ServeError> {
        let mut filling = Filling::default();
        let (mut seen, mut looked_at) = (place.clone(), 0);
        let mut is_full = false;
        for scan in self.record_scans(place.as_ref()) {
            let behind = seen.as_ref().and_then(|place| match place.clone() {
                SnapshotPlace::Record { entity, id } => Some(Key::Record { entity, id }),
                SnapshotPlace::Sealed(_) => None,
            });
            self.rows.scan(&scan, behind.as_ref(), usize::MAX, &mut |key, bytes| {
                let Key::Record { entity, id } = key else { return ControlFlow::Continue(()) };
                looked_at += 1;
                let added = self.record(entity, id, bytes, &mut filling);
                is_full = looked_at > PAGE_RECORDS_MAX || added.is_break();
                if is_full {
                    return ControlFlow::Break(());
                }
                seen = Some(SnapshotPlace::Record { entity: entity.clone(), id: id.clone() });
                ControlFlow::Continue(())
            })?;
            if is_full {
                break;
            }
        }
        let is_through = !is_full;
        let log = match is_through && is_planted(Fault::SnapshotSkips) {
            true => self.served.cursor(self.end),
            false => log,
        };
        let more = is_full || log.position() < self.end;
        let snapshot = seen.filter(|_| !is_through);
        Ok(paged(filling, StreamCursor { log: log.log, snapshot, scope: None }, more, true))
    }

    /// Returns the stretches of records that are left behind a place, in their order.
    fn record_scans(&self, place: Option<&SnapshotPlace>) -> Vec<Scan> {
        if self.wanted.is_empty() {
            return vec![Scan::AllRecords];
        }
        let begun = place.and_then(|place| match place {
            SnapshotPlace::Record { entity, .. } => Some(entity),
            SnapshotPlace::Sealed(_) => None,
        });
        let is_left = |entity: &&EntityName| begun.is_none_or(|begun| *begun <= **entity);
        let left = self.wanted.iter().filter(is_left);
        left.map(|entity| Scan::Records { entity: entity.clone() }).collect()
    }

    /// Returns what all that is shown adds up to.
    fn checksum(&self) -> Result<Checksum, ServeError> {
        let mut checksum = Checksum::default();
        for scan in self.record_scans(None) {
            self.rows.scan(&scan, None, usize::MAX, &mut |key, bytes| {
                if let Key::Record { entity, id } = key
                    && let Some((_, _, fields)) = self.shown(entity, bytes)
                {
                    checksum.add(entity, id, &fields);
                }
                ControlFlow::Continue(())
            })?;
        }
        Ok(checksum)
    }

    /// Returns a record as it is shown, if it is there and the reader follows its entity. A state that cannot be
    /// read holds up only itself.
    fn shown(&self, entity: &EntityName, bytes: &[u8]) -> Option<(&EntityRules, Record, Fields)> {
        let (rules, record) = (self.rules(entity)?, decode_record(bytes).ok()?);
        let fields = visible(&record, rules, Some(self.viewer))?;
        Some((rules, record, fields))
    }

    /// Adds a record as it is, if it is there and the reader follows its entity.
    fn record(
        &self,
        entity: &EntityName,
        id: &RecordId,
        bytes: &[u8],
        filling: &mut Filling,
    ) -> ControlFlow<()> {
        let Some((rules, record, fields)) = self.shown(entity, bytes) else {
            return ControlFlow::Continue(());
        };
        let told = Told { content: Content::Record(fields), position: self.end, by: None };
        self.add(entity, id, Some(&record), rules, told, filling)
    }

    /// Adds what is told of a record to the page.
    fn add(
        &self,
        entity: &EntityName,
        id: &RecordId,
        record: Option<&Record>,
        rules: &EntityRules,
        told: Told,
        filling: &mut Filling,
    ) -> ControlFlow<()> {
        let Told { content, position, by } = told;
        let token = record.map(|record| Token::of(record, rules, Some(self.viewer), &[]));
        let version = self.served.key().sign(&token.unwrap_or_default(), entity, id);
        let is_for_all = record.is_none_or(is_uncontested);
        let conflicts = record.map(|record| open_conflicts(entity, id, record, rules));
        let change = Change {
            entity: entity.clone(),
            id: id.clone(),
            seen: Seen { position, version },
            content,
            by,
            conflicts: conflicts.unwrap_or_default(),
        };
        filling.add(change, is_for_all, self.limits)
    }

    /// Returns what changed behind a position.
    fn log(&self, cursor: Position) -> Result<Paged, ServeError> {
        let (stretch, read) = self.stretch(cursor)?;
        let reaches_end = read == self.end;
        let mut filling = Filling::default();
        let mut stands = read;
        for touched in stretch.into_touched() {
            if self.touched(&touched, reaches_end, &mut filling)?.is_break() {
                // Everything before its first change was told.
                if !is_planted(Fault::CursorBehindLeftOut) {
                    stands = Position(touched.first.0 - 1);
                }
                break;
            }
        }
        Ok(paged(filling, self.served.cursor(stands), stands < self.end, false))
    }

    /// Reads the log behind a position, as much of it as may make a page; answers up to where.
    fn stretch(&self, cursor: Position) -> Result<(Stretch, Position), ServeError> {
        let (mut stretch, mut read, mut bytes) = (Stretch::default(), cursor, 0);
        let mut damaged = None;
        let scan = Scan::Log { from: cursor.next() };
        self.rows.scan(&scan, None, PAGE_ENTRIES_MAX, &mut |key, value| {
            let Key::Log(position) = key else { return ControlFlow::Continue(()) };
            if *position != read.next() {
                damaged = Some(ServeError::CursorExpired { position: cursor });
                return ControlFlow::Break(());
            }
            match LogEntry::decode(value) {
                Ok(entry) if self.rules(&entry.entity).is_some() => {
                    stretch.handle_entry(*position, entry);
                }
                Ok(_) => {}
                Err(source) => {
                    damaged = Some(HubError::Damaged { table: "log", source }.into());
                    return ControlFlow::Break(());
                }
            }
            read = *position;
            bytes += value.len();
            if stretch.len() > self.limits.changes || bytes > PAGE_LOG_BYTES {
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        })?;
        match damaged {
            Some(why) => Err(why),
            None if read == cursor && cursor < self.end => {
                Err(ServeError::CursorExpired { position: cursor })
            }
            None => Ok((stretch, read)),
        }
    }

    /// Adds what is told of a record that changed in the stretch.
    fn touched(
        &self,
        touched: &Touched,
        reaches_end: bool,
        filling: &mut Filling,
    ) -> Result<ControlFlow<()>, ServeError> {
        let (entity, id) = (&touched.entity, &touched.id);
        let Some(rules) = self.rules(entity) else {
            return Ok(ControlFlow::Continue(()));
        };
        let bytes = self.rows.get(&Key::Record { entity: entity.clone(), id: id.clone() })?;
        let Some(bytes) = bytes else {
            let told = touched.whole(None, reaches_end, self.end);
            return Ok(self.add(entity, id, None, rules, told, filling));
        };
        let Ok(record) = decode_record(&bytes) else {
            return Ok(ControlFlow::Continue(()));
        };
        let shown = visible(&record, rules, Some(self.viewer));
        let is_latest = touched.is_latest(&record, reaches_end);
        let is_told_by_fields =
            touched.may_tell_fields(&record, reaches_end) && !self.has_waited(entity, id)?;
        let told = match is_told_by_fields {
            true => touched.fields(shown, self.end),
            false => touched.whole(shown, is_latest, self.end),
        };
        Ok(self.add(entity, id, Some(&record), rules, told, filling))
    }

    /// Returns whether a conflict of a record waits for a person, or may have done so.
    fn has_waited(&self, entity: &EntityName, id: &RecordId) -> Result<bool, ServeError> {
        let scan = Scan::ConflictsOf { entity: entity.clone(), id: id.clone() };
        Ok(rows_of(self.rows, &scan, None, usize::MAX)?.iter().any(|(_, row)| has_waited(row)))
    }
}

fn paged(filling: Filling, cursor: StreamCursor, more: bool, is_snapshot: bool) -> Paged {
    let Filling { changes, is_for_some, .. } = filling;
    let page = Page { changes, cursor, more, is_snapshot };
    Paged { page, is_for_all: !is_for_some }
}
