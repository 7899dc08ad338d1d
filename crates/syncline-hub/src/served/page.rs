//! Pages of changes: first all records, in the order of entity and id, then the log.
//!
//! A page is read as of one moment. Nothing that it says is newer or older than that, and the cursor
//! says up to where the log was taken into account.

use std::ops::ControlFlow;

use syncline_engine::feed::{Told, Touched, bytes_of};
use syncline_engine::rows::{Key, Scan};
use syncline_engine::seen;
use syncline_merge::codec::decode_record;
use syncline_merge::display::{Fields, is_uncontested};
use syncline_merge::fault::{Fault, is_planted};
use syncline_merge::rules::EntityRules;
use syncline_merge::state::Record;
use syncline_model::id::{EntityName, Position, RecordId, Writer};
use syncline_policy::view::{Lens, Sight};
use syncline_protocol::change::{Change, Content, Gone, OpenConflict};
use syncline_protocol::checksum::Checksum;
use syncline_protocol::cursor::StreamCursor;
use syncline_protocol::holdings::{Holdings, Place, Run, Same, Stretch};
use syncline_protocol::limits::{PULL_BYTES, PULL_CHANGES_DEFAULT};
use syncline_protocol::message::{Follow, Page};
use syncline_protocol::outcome::Seen;
use syncline_protocol::session::hub::Anew;
use syncline_protocol::token::TokenKey;
use syncline_store::Read;

use super::read::{end_of_log, lens_of, open_conflicts};
use super::stretch::LogStretch;
use super::{Audience, ServeError, Served};
use crate::limits::{PAGE_ENTRIES_MAX, PAGE_RECORDS_MAX};

/// How large a page may become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most changes; at least one.
    pub changes: usize,
    /// Most bytes, about; one change is told whatever its size.
    pub bytes: usize,
    /// Most entries of the log that are looked at, about.
    pub entries: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { changes: PULL_CHANGES_DEFAULT, bytes: PULL_BYTES, entries: PAGE_ENTRIES_MAX }
    }
}

/// A page, and for whom it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Paged {
    /// The page.
    pub page: Page,
    /// Whether every viewer who asks for the same is told the same.
    pub is_for_all: bool,
    /// For each change, whether it tells the fields of a record that changed once only.
    pub single: Vec<bool>,
    /// For each change that tells the fields of such a record, the large texts in whose place others stand now.
    pub replaced: Vec<Fields>,
}

/// What a change takes in a message beside its content and its names, in bytes, about.
const CHANGE_BYTES: usize = 64;

impl Served {
    /// Returns the changes that follow a cursor, or all records where there is none, to a reader from
    /// whom nothing is kept. The page has no changes if there are none; nothing is waited for.
    ///
    /// # Errors
    ///
    /// As [`Served::page_for`]; [`ServeError::ViewUnknown`] for a view.
    pub fn page(
        &self,
        follow: &Follow,
        viewer: &Writer,
        limits: Limits,
    ) -> Result<Paged, ServeError> {
        if follow.view.is_some() {
            return Err(ServeError::ViewUnknown);
        }
        let audience = self.audience(Sight::everything(&follow.entities));
        self.page_for(&audience, follow.cursor.as_ref(), viewer, limits)
    }

    /// As [`Served::page_checked_for`], to a reader from whom nothing is kept.
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
        let audience = self.audience(Sight::everything(&follow.entities));
        self.page_checked_for(&audience, follow.cursor.as_ref(), viewer, limits, is_checked)
    }

    /// Returns a page of a view that begins anew, as [`Served::page_for`] does, of which the client holds
    /// something: what is the same is not told but named.
    ///
    /// Stretches are compared one after the other on the way, so a page costs about what it costs to tell
    /// everything. One in which there is too much to look at counts as different.
    ///
    /// # Errors
    ///
    /// As [`Served::page_for`].
    pub fn page_anew_for(
        &self,
        audience: &Audience,
        cursor: Option<&StreamCursor>,
        anew: &Anew,
        viewer: &Writer,
        limits: Limits,
    ) -> Result<Paged, ServeError> {
        self.require(audience, cursor)?;
        let rows = self.reader()?;
        let end = end_of_log(&*rows)?;
        Reading { served: self, rows: &*rows, end, audience, viewer, limits }.anew(cursor, anew)
    }

    /// As [`Served::page_anew_for`], to a reader from whom nothing is kept.
    ///
    /// # Errors
    ///
    /// As [`Served::page`].
    pub fn page_anew(
        &self,
        follow: &Follow,
        anew: &Anew,
        viewer: &Writer,
        limits: Limits,
    ) -> Result<Paged, ServeError> {
        if follow.view.is_some() {
            return Err(ServeError::ViewUnknown);
        }
        let audience = self.audience(Sight::everything(&follow.entities));
        self.page_anew_for(&audience, follow.cursor.as_ref(), anew, viewer, limits)
    }

    /// Refuses a cursor that is none of this audience at this hub.
    fn require(
        &self,
        audience: &Audience,
        cursor: Option<&StreamCursor>,
    ) -> Result<(), ServeError> {
        let Some(cursor) = cursor else { return Ok(()) };
        cursor.log.require(self.incarnation())?;
        match cursor.scope == audience.scope() {
            true => Ok(()),
            false => Err(ServeError::CursorScope),
        }
    }

    /// Returns the changes that follow a cursor, or all records where there is none, as far as an
    /// audience sees them.
    ///
    /// # Errors
    ///
    /// - [`ServeError::Cursor`], [`ServeError::CursorAhead`], [`ServeError::CursorExpired`] or
    ///   [`ServeError::CursorScope`]: the client begins without a cursor.
    /// - [`ServeError::Hub`] if the store cannot be read.
    pub fn page_for(
        &self,
        audience: &Audience,
        cursor: Option<&StreamCursor>,
        viewer: &Writer,
        limits: Limits,
    ) -> Result<Paged, ServeError> {
        Ok(self.page_checked_for(audience, cursor, viewer, limits, false)?.0)
    }

    /// Returns a page as [`Served::page_for`] does, and what all that is shown adds up to, as of the same
    /// moment: if that `is_checked`, nothing is behind the page, and the hub has time. It reads
    /// everything that is shown, so the hub spends little of its time on it, whoever asks.
    ///
    /// # Errors
    ///
    /// As [`Served::page_for`].
    pub fn page_checked_for(
        &self,
        audience: &Audience,
        cursor: Option<&StreamCursor>,
        viewer: &Writer,
        limits: Limits,
        is_checked: bool,
    ) -> Result<(Paged, Option<Checksum>), ServeError> {
        self.require(audience, cursor)?;
        let rows = self.reader()?;
        let end = end_of_log(&*rows)?;
        let reading = Reading { served: self, rows: &*rows, end, audience, viewer, limits };
        let paged = reading.page(cursor)?;
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
    audience: &'a Audience,
    viewer: &'a Writer,
    limits: Limits,
}

/// The changes of a page so far.
#[derive(Default)]
pub(super) struct Filling {
    pub(super) changes: Vec<Change>,
    single: Vec<bool>,
    replaced: Vec<Fields>,
    bytes: usize,
    is_for_some: bool,
}

impl Filling {
    /// Adds a change unless the page is full.
    ///
    /// - `touched`: what changed, if it is not a whole record.
    pub(super) fn add(
        &mut self,
        change: Change,
        is_for_all: bool,
        touched: Option<&Touched>,
        limits: Limits,
    ) -> ControlFlow<()> {
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
        let touched = touched.filter(|_| matches!(change.content, Content::Fields { .. }));
        self.single.push(touched.is_some_and(Touched::changed_once));
        self.replaced.push(touched.map(Touched::replaced).unwrap_or_default());
        self.changes.push(change);
        ControlFlow::Continue(())
    }

    pub(super) fn paged(self, cursor: StreamCursor, more: bool, is_snapshot: bool) -> Paged {
        let Self { changes, single, replaced, is_for_some, .. } = self;
        let page = Page { changes, cursor, more, is_snapshot, begins: false, same: None };
        Paged { page, is_for_all: !is_for_some, single, replaced }
    }
}

impl Reading<'_> {
    /// Returns what follows a cursor.
    fn page(&self, cursor: Option<&StreamCursor>) -> Result<Paged, ServeError> {
        let (served, end) = (self.served, self.end);
        let Some(cursor) = cursor else { return self.snapshot(served.cursor(end), None) };
        let position = cursor.position();
        if position > end {
            return Err(ServeError::CursorAhead { position, end });
        }
        if let Some(place) = &cursor.snapshot {
            let place = served.opened(place).ok_or(ServeError::CursorScope)?;
            return self.snapshot(served.cursor(position), Some(place));
        }
        let sight = self.audience.sight();
        let (names, keeps) = (|entity: &EntityName| sight.names(entity), !sight.is_everything());
        LogStretch::read(served, self.rows, position, end, names, keeps, self.limits)?.page(
            self.audience,
            self.viewer,
            self.limits,
        )
    }

    /// Returns what follows a cursor of a view of which the client holds something.
    fn anew(&self, cursor: Option<&StreamCursor>, anew: &Anew) -> Result<Paged, ServeError> {
        let Some(cursor) = cursor else {
            return self.differing(self.served.cursor(anew.from), None, &anew.holdings);
        };
        match &cursor.snapshot {
            None => self.page(Some(cursor)),
            Some(place) => {
                let place = self.served.opened(place).ok_or(ServeError::CursorScope)?;
                let log = self.served.cursor(cursor.position());
                self.differing(log, Some(place), &anew.holdings)
            }
        }
    }

    /// Returns what all that is shown adds up to.
    fn checksum(&self) -> Result<Checksum, ServeError> {
        let mut checksum = Checksum::default();
        for scan in self.record_scans(None) {
            self.rows.scan(&scan, None, usize::MAX, &mut |key, bytes| {
                if let Key::Record { entity, id } = key
                    && let Some((_, _, _, fields)) = self.shown(entity, bytes)
                {
                    checksum.add(entity, id, &fields);
                }
                ControlFlow::Continue(())
            })?;
        }
        Ok(checksum)
    }

    /// Returns a record as it is shown, if it is there and the reader sees it. A state that cannot be
    /// read holds up only itself.
    fn shown(
        &self,
        entity: &EntityName,
        bytes: &[u8],
    ) -> Option<(&EntityRules, Record, Lens<'_>, Fields)> {
        let sight = self.audience.sight();
        let rules = self.served.entities().rules(entity).filter(|_| sight.names(entity))?;
        let record = decode_record(bytes).ok()?;
        let lens = lens_of(sight, entity, &record, rules)?;
        let fields = seen::record(&record, rules, self.viewer, &lens)?;
        Some((rules, record, lens, fields))
    }

    /// Returns records in the order of entity and id, behind a place.
    ///
    /// - `log`: the cursor at which the log goes on after the last of them.
    fn snapshot(
        &self,
        log: StreamCursor,
        place: Option<(EntityName, RecordId)>,
    ) -> Result<Paged, ServeError> {
        let mut walk = Walk { begins: place.is_none(), place, ..Walk::default() };
        let is_through = self.tell(&mut walk, None)?;
        Ok(self.told(log, walk, is_through))
    }

    /// Returns records in the order of entity and id, behind a place, but for those of stretches that the
    /// client holds alike.
    fn differing(
        &self,
        log: StreamCursor,
        place: Option<Place>,
        holdings: &Holdings,
    ) -> Result<Paged, ServeError> {
        let mut walk = Walk { begins: place.is_none(), place, ..Walk::default() };
        let mut same = Vec::new();
        let mut is_through = false;
        while !is_through && walk.looked_at <= PAGE_RECORDS_MAX {
            let begins = holdings.beginning_at(walk.place.as_ref());
            if let Some(number) = begins
                && let Some(stretch) = holdings.stretches().get(number)
                && self.is_same(&mut walk, stretch)?
            {
                Run::push(&mut same, u32::try_from(number).unwrap_or(u32::MAX));
                continue;
            }
            let end = holdings.end_behind(walk.place.as_ref());
            if !self.tell(&mut walk, end)? {
                break;
            }
            is_through = end.is_none();
        }
        let mut paged = self.told(log, walk, is_through);
        if !same.is_empty() {
            paged.page.same = Some(Same { position: self.end, stretches: same });
        }
        Ok(paged)
    }

    /// Answers whether the client holds the stretch behind the place of a walk as the hub does; then the walk
    /// stands behind it.
    ///
    /// A conflict that waits is no part of what is added up: where there is one, all is told. The details of tokens
    /// are, since what follows may be told without them.
    fn is_same(&self, walk: &mut Walk, stretch: &Stretch) -> Result<bool, ServeError> {
        let mut sum = Checksum::default();
        let (mut looked_at, mut is_known) = (0, true);
        let signing = self.served.key_for(self.audience.sight());
        for scan in self.scans_up_to(walk.place.as_ref(), Some(&stretch.last)) {
            let behind = walk.behind();
            self.rows.scan(&scan, behind.as_ref(), usize::MAX, &mut |key, bytes| {
                let Key::Record { entity, id } = key else { return ControlFlow::Continue(()) };
                if is_behind(&stretch.last, entity, id) {
                    return ControlFlow::Break(());
                }
                looked_at += 1;
                is_known = looked_at <= PAGE_RECORDS_MAX;
                if let Some((rules, record, lens, fields)) = self.shown(entity, bytes) {
                    is_known &= !waits(entity, id, &record, rules, &lens);
                    let token = seen::token(&record, rules, self.viewer, &lens);
                    sum.add_held(entity, id, &fields, Some(&signing.sign(&token, entity, id)));
                }
                if is_known { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            })?;
        }
        walk.looked_at += looked_at;
        let is_nothing = is_planted(Fault::NothingIsSame) && sum == Checksum::default();
        let is_same = is_known && (sum == stretch.checksum || is_nothing);
        if is_same {
            walk.place = Some(stretch.last.clone());
        }
        Ok(is_same)
    }

    /// Tells records behind the place of a walk; answers whether all are told.
    ///
    /// - `end`: the last place to be told; nothing for all.
    fn tell(&self, walk: &mut Walk, end: Option<&Place>) -> Result<bool, ServeError> {
        let mut is_full = false;
        for scan in self.scans_up_to(walk.place.as_ref(), end) {
            let behind = walk.behind();
            self.rows.scan(&scan, behind.as_ref(), usize::MAX, &mut |key, bytes| {
                let Key::Record { entity, id } = key else { return ControlFlow::Continue(()) };
                if end.is_some_and(|end| is_behind(end, entity, id)) {
                    return ControlFlow::Break(());
                }
                // What was looked at to compare it does not keep the first from being told.
                let may_look = !walk.is_full();
                walk.looked_at += 1;
                is_full = !may_look || self.record(entity, id, bytes, &mut walk.filling).is_break();
                if is_full {
                    return ControlFlow::Break(());
                }
                walk.has_moved = true;
                walk.place = Some((entity.clone(), id.clone()));
                ControlFlow::Continue(())
            })?;
            if is_full {
                return Ok(false);
            }
        }
        if let Some(end) = end {
            walk.place = Some(end.clone());
        }
        Ok(true)
    }

    /// Returns the page that a walk has come to.
    fn told(&self, log: StreamCursor, walk: Walk, is_through: bool) -> Paged {
        let Walk { filling, begins, place: seen, .. } = walk;
        let is_full = !is_through;
        let log = match is_through && is_planted(Fault::SnapshotSkips) {
            true => self.served.cursor(self.end),
            false => log,
        };
        let more = is_full || log.position() < self.end;
        let scope = self.audience.scope();
        let place = seen.filter(|_| !is_through);
        let sealed = |(entity, id)| Box::new(self.served.place(&entity, &id, scope.is_none()));
        let snapshot = place.map(sealed);
        let mut paged = filling.paged(StreamCursor { log: log.log, snapshot, scope }, more, true);
        paged.page.begins = begins;
        paged
    }

    /// As [`Reading::record_scans`], of those that begin before another place ends them.
    fn scans_up_to(&self, place: Option<&Place>, end: Option<&Place>) -> Vec<Scan> {
        let mut scans = self.record_scans(place);
        scans.retain(|scan| match (scan, end) {
            (Scan::Records { entity }, Some((last, _))) => entity <= last,
            _ => true,
        });
        scans
    }

    /// Returns the stretches of records that are left behind a place, in their order.
    fn record_scans(&self, place: Option<&(EntityName, RecordId)>) -> Vec<Scan> {
        let wanted = self.audience.sight().entities();
        if wanted.is_empty() {
            return vec![Scan::AllRecords];
        }
        let is_left = |entity: &EntityName| place.is_none_or(|(begun, _)| *begun <= *entity);
        let left = wanted.into_iter().filter(is_left);
        left.map(|entity| Scan::Records { entity }).collect()
    }

    /// Adds a record as it is, if it is there and the reader sees it.
    fn record(
        &self,
        entity: &EntityName,
        id: &RecordId,
        bytes: &[u8],
        filling: &mut Filling,
    ) -> ControlFlow<()> {
        let Some((rules, record, lens, fields)) = self.shown(entity, bytes) else {
            return ControlFlow::Continue(());
        };
        let told = Told { content: Content::Record(fields), position: self.end, by: None };
        let key = self.served.key_for(self.audience.sight());
        let telling = Telling { key: &key, rules, viewer: self.viewer };
        let (change, is_for_all) = telling.change(entity, id, Some(&record), &lens, told);
        filling.add(change, is_for_all, None, self.limits)
    }
}

/// Where a page of a snapshot has come to.
#[derive(Default)]
struct Walk {
    filling: Filling,
    /// Whether it began before all records.
    begins: bool,
    place: Option<Place>,
    looked_at: usize,
    /// Whether it has come further than where it began, or than what was the same.
    has_moved: bool,
}

impl Walk {
    fn behind(&self) -> Option<Key> {
        self.place.clone().map(|(entity, id)| Key::Record { entity, id })
    }

    const fn is_full(&self) -> bool {
        self.looked_at >= PAGE_RECORDS_MAX && self.has_moved
    }
}

/// Returns whether a record comes behind a place.
fn is_behind((entity, id): &Place, of: &EntityName, which: &RecordId) -> bool {
    (of, which) > (entity, id)
}

/// Returns whether a conflict of a record waits for a person, as far as a reader is told.
fn waits(
    entity: &EntityName,
    id: &RecordId,
    record: &Record,
    rules: &EntityRules,
    lens: &Lens<'_>,
) -> bool {
    let shows = |conflict: &OpenConflict| seen::shows_conflict(&conflict.path, record, lens);
    !is_planted(Fault::WaitingIsSame) && open_conflicts(entity, id, record, rules).iter().any(shows)
}

/// With what a change is told of a record.
pub(super) struct Telling<'a> {
    pub(super) key: &'a TokenKey,
    pub(super) rules: &'a EntityRules,
    pub(super) viewer: &'a Writer,
}

impl Telling<'_> {
    /// Returns what is told of a record that is seen through a lens, and whether everybody is told it
    /// who sees as much.
    pub(super) fn change(
        &self,
        entity: &EntityName,
        id: &RecordId,
        record: Option<&Record>,
        lens: &Lens<'_>,
        told: Told,
    ) -> (Change, bool) {
        let Told { content, position, by } = told;
        let record = record.filter(|_| content != Content::Gone(Gone::Unscoped));
        // Of what is out of sight nothing was seen.
        let token = record.map(|record| seen::token(record, self.rules, self.viewer, lens));
        let token = token.unwrap_or_default();
        let version = self.key.sign(&token, entity, id);
        let is_for_all = record.is_none_or(is_uncontested);
        let mut conflicts =
            record.map(|record| open_conflicts(entity, id, record, self.rules)).unwrap_or_default();
        conflicts.retain(|conflict| {
            record.is_some_and(|record| seen::shows_conflict(&conflict.path, record, lens))
        });
        let seen = Seen { position, version };
        let (entity, id) = (entity.clone(), id.clone());
        (Change { entity, id, seen, content, by, conflicts }, is_for_all)
    }
}
