//! A stretch of the log, and what each audience is told of it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use syncline_engine::conflicts::ConflictRow;
use syncline_engine::feed::{Glimpse, Stretch, Told, Touched, has_waited};
use syncline_engine::log::LogEntry;
use syncline_engine::rows::{Key, Scan};
use syncline_engine::seen;
use syncline_merge::codec::decode_record;
use syncline_merge::display::{Fields, visible};
use syncline_merge::fault::{Fault, is_planted};
use syncline_merge::rules::EntityRules;
use syncline_merge::state::Record;
use syncline_model::id::{EntityName, Position, Writer};
use syncline_policy::view::{Lens, Sight, SightIndex};
use syncline_protocol::change::{Change, Content};
use syncline_protocol::cursor::StreamCursor;
use syncline_store::Read;

use super::page::{Filling, Limits, Paged, Telling};
use super::read::{end_of_log, rows_of};
use super::{Audience, ServeError, Served};
use crate::error::HubError;
use crate::limits::{PAGE_BEHIND_MAX, PAGE_LOG_BYTES};

/// A stretch of the log, read as of one moment. What each audience is told of it is made from what
/// was read once.
pub struct LogStretch<'a> {
    served: &'a Served,
    rows: &'a dyn Read,
    /// Behind which it begins.
    after: Position,
    /// Up to where it reaches.
    read: Position,
    /// Where the log ends at the moment of reading.
    end: Position,
    stretch: Stretch,
    /// Whether it can be told to those who do not see everything.
    keeps_images: bool,
    /// Whether what happened behind it to its records is known.
    is_complete: bool,
    /// Records that were looked at, by their place in the stretch.
    loaded: BTreeMap<usize, Arc<Loaded>>,
}

/// A record as it is now.
struct Loaded {
    record: Option<Record>,
    /// What is shown of it to who has no value of its own.
    to_all: Option<Fields>,
    /// Its listed conflicts.
    listed: Vec<ConflictRow>,
    is_damaged: bool,
}

impl Served {
    /// Reads the log behind a position, some of it, and hands it to `tell`.
    ///
    /// - `keeps_images`: whether some audience does not see everything.
    ///
    /// # Errors
    ///
    /// [`ServeError::CursorExpired`], [`ServeError::Hub`].
    pub fn with_stretch<T>(
        &self,
        after: Position,
        keeps_images: bool,
        tell: impl FnOnce(&mut LogStretch<'_>) -> T,
    ) -> Result<T, ServeError> {
        let rows = self.reader()?;
        let end = end_of_log(&*rows)?;
        let most = Limits::default();
        let mut stretch = LogStretch::read(self, &*rows, after, end, |_| true, keeps_images, most)?;
        Ok(tell(&mut stretch))
    }
}

impl<'a> LogStretch<'a> {
    /// Reads the log behind a position, as much of it as may make a page.
    pub(super) fn read(
        served: &'a Served,
        rows: &'a dyn Read,
        after: Position,
        end: Position,
        is_wanted: impl Fn(&EntityName) -> bool,
        keeps_images: bool,
        limits: Limits,
    ) -> Result<Self, ServeError> {
        let mut stretch = match keeps_images {
            true => Stretch::keeping_images(),
            false => Stretch::default(),
        };
        let (mut read, mut bytes, mut damaged) = (after, 0, None);
        let scan = Scan::Log { from: after.next() };
        rows.scan(&scan, None, limits.entries, &mut |key, value| {
            let Key::Log(position) = key else { return ControlFlow::Continue(()) };
            if *position != read.next() {
                damaged = Some(ServeError::CursorExpired { position: after });
                return ControlFlow::Break(());
            }
            match LogEntry::decode(value) {
                Ok(entry) if is_wanted(&entry.entity) => stretch.handle_entry(*position, entry),
                Ok(_) => {}
                Err(source) => {
                    damaged = Some(HubError::Damaged { table: "log", source }.into());
                    return ControlFlow::Break(());
                }
            }
            read = *position;
            bytes += value.len();
            // Where images are kept most of what changed may not concern the reader.
            let is_full = !keeps_images && stretch.len() > limits.changes;
            if is_full || bytes > PAGE_LOG_BYTES {
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        })?;
        match damaged {
            Some(why) => Err(why),
            None if read == after && after < end => {
                Err(ServeError::CursorExpired { position: after })
            }
            None => Ok(Self {
                served,
                rows,
                after,
                read,
                end,
                stretch,
                keeps_images,
                is_complete: read == end,
                loaded: BTreeMap::new(),
            }),
        }
    }

    /// Returns up to where the log was read.
    pub const fn reached(&self) -> Position {
        self.read
    }

    /// Returns how many records changed in it.
    pub const fn len(&self) -> usize {
        self.stretch.len()
    }

    /// Returns whether none did.
    pub const fn is_empty(&self) -> bool {
        self.stretch.is_empty()
    }

    /// Reads all that [`LogStretch::concerned`] looks at.
    ///
    /// # Errors
    ///
    /// As [`LogStretch::page`].
    pub fn prepare(&mut self) -> Result<(), ServeError> {
        for place in 0..self.stretch.len() {
            let loaded = self.load(place)?;
            if self.keeps_images && !self.is_latest(place, &loaded) {
                self.complete()?;
            }
        }
        Ok(())
    }

    /// Returns those of an index whom a change of the stretch may concern, once it is
    /// [prepared](LogStretch::prepare).
    pub fn concerned<I: Ord + Clone>(&self, index: &SightIndex<I>) -> BTreeSet<I> {
        let mut found = BTreeSet::new();
        for (place, touched) in self.stretch.touched().iter().enumerate() {
            found.extend(index.concerned(&touched.entity, None, None));
            let Some(loaded) = self.loaded.get(&place).filter(|_| self.keeps_images) else {
                continue;
            };
            touched.for_each_image(loaded.to_all.as_ref(), |image| {
                found.extend(index.concerned(&touched.entity, image.map(Vec::as_slice), None));
            });
        }
        found
    }

    /// Returns what an audience is told.
    ///
    /// # Errors
    ///
    /// [`ServeError::CursorExpired`] if the log behind the stretch is too long to say what became of
    /// its records; [`ServeError::Hub`].
    pub fn page(
        &mut self,
        audience: &Audience,
        viewer: &Writer,
        limits: Limits,
    ) -> Result<Paged, ServeError> {
        let mut filling = Filling::default();
        let mut stands = self.read;
        for place in 0..self.stretch.len() {
            let Some((change, is_for_all)) = self.told(place, audience.sight(), viewer)? else {
                continue;
            };
            let touched = self.stretch.touched().get(place);
            if filling.add(change, is_for_all, touched, limits).is_break() {
                // Everything before its first change was told.
                if let Some(touched) = self.stretch.touched().get(place)
                    && !is_planted(Fault::CursorBehindLeftOut)
                {
                    stands = Position(touched.first.0 - 1);
                }
                break;
            }
        }
        let StreamCursor { log, .. } = self.served.cursor(stands);
        let cursor = StreamCursor { log, snapshot: None, scope: audience.scope() };
        Ok(filling.paged(cursor, stands < self.end, false))
    }

    fn is_latest(&self, place: usize, loaded: &Loaded) -> bool {
        let reaches_end = self.read == self.end;
        let touched = self.stretch.touched().get(place);
        match (touched, &loaded.record) {
            (Some(touched), Some(record)) => touched.is_latest(record, reaches_end),
            _ => reaches_end,
        }
    }

    /// Reads what happened behind the stretch to its records.
    fn complete(&mut self) -> Result<(), ServeError> {
        if self.is_complete || is_planted(Fault::LaterNotRead) {
            return Ok(());
        }
        let (stretch, mut read, mut damaged) = (&mut self.stretch, self.read, None);
        let scan = Scan::Log { from: read.next() };
        self.rows.scan(&scan, None, PAGE_BEHIND_MAX, &mut |key, value| {
            let Key::Log(position) = key else { return ControlFlow::Continue(()) };
            read = *position;
            match LogEntry::decode(value) {
                Ok(entry) => stretch.handle_later(*position, entry),
                Err(source) => {
                    damaged = Some(HubError::Damaged { table: "log", source });
                    return ControlFlow::Break(());
                }
            }
            ControlFlow::Continue(())
        })?;
        if let Some(why) = damaged {
            return Err(why.into());
        }
        if read < self.end {
            return Err(ServeError::CursorExpired { position: self.after });
        }
        self.is_complete = true;
        Ok(())
    }

    /// Returns a record of the stretch as it is now.
    fn load(&mut self, place: usize) -> Result<Arc<Loaded>, ServeError> {
        if let Some(loaded) = self.loaded.get(&place) {
            return Ok(Arc::clone(loaded));
        }
        let nothing = Loaded { record: None, to_all: None, listed: Vec::new(), is_damaged: false };
        let Some(Touched { entity, id, .. }) = self.stretch.touched().get(place) else {
            return Ok(Arc::new(nothing));
        };
        let (keeps_images, reaches_end) = (self.keeps_images, self.read == self.end);
        let bytes = self.rows.get(&Key::Record { entity: entity.clone(), id: id.clone() })?;
        let record = bytes.map(|bytes| decode_record(&bytes));
        let loaded = match (record, self.served.entities().rules(entity)) {
            (Some(Ok(record)), Some(rules)) => {
                let touched = self.stretch.touched().get(place);
                let may_tell = |touched: &Touched| touched.may_tell_fields(&record, reaches_end);
                let listed = match keeps_images || touched.is_some_and(may_tell) {
                    true => {
                        let scan = Scan::ConflictsOf { entity: entity.clone(), id: id.clone() };
                        rows_of(self.rows, &scan, None, usize::MAX)?
                    }
                    false => Vec::new(),
                };
                Loaded {
                    to_all: keeps_images.then(|| visible(&record, rules, None)).flatten(),
                    record: Some(record),
                    listed: listed.into_iter().map(|(_, row)| row).collect(),
                    is_damaged: false,
                }
            }
            (Some(Err(_)), _) => Loaded { is_damaged: true, ..nothing },
            _ => nothing,
        };
        let loaded = Arc::new(loaded);
        self.loaded.insert(place, Arc::clone(&loaded));
        Ok(loaded)
    }

    /// Returns what a reader is told of a record of the stretch, if anything, and whether all are told
    /// it who see as much.
    fn told(
        &mut self,
        place: usize,
        sight: &Sight,
        viewer: &Writer,
    ) -> Result<Option<(Change, bool)>, ServeError> {
        let Some(touched) = self.stretch.touched().get(place) else { return Ok(None) };
        let Some(rules) = self.served.entities().rules(&touched.entity) else { return Ok(None) };
        if !sight.names(&touched.entity) {
            return Ok(None);
        }
        let loaded = self.load(place)?;
        // A state that cannot be read holds up only itself.
        if loaded.is_damaged {
            return Ok(None);
        }
        let is_latest = self.is_latest(place, &loaded);
        if !sight.is_everything() && !is_latest {
            let now = loaded.to_all.as_ref();
            let in_sight = self.stretch.touched().get(place).zip(now);
            let is_in_sight =
                in_sight.is_some_and(|(touched, now)| sight.look(&touched.entity, now).is_some());
            if !is_in_sight {
                self.complete()?;
            }
        }
        let Some(touched) = self.stretch.touched().get(place) else { return Ok(None) };
        let teller = Teller { touched, loaded: &loaded, rules, viewer, is_latest, end: self.end };
        let told = match sight.is_everything() {
            true => Some((Lens::ALL, teller.everything(self.read == self.end))),
            false => teller.in_sight(sight, self.read == self.end),
        };
        let key = self.served.key_for(sight);
        let telling = Telling { key: &key, rules, viewer };
        Ok(told.map(|(lens, told)| {
            let record = loaded.record.as_ref();
            telling.change(&touched.entity, &touched.id, record, &lens, told)
        }))
    }
}

/// What is said of one record of a stretch.
struct Teller<'a> {
    touched: &'a Touched,
    loaded: &'a Loaded,
    rules: &'a EntityRules,
    viewer: &'a Writer,
    is_latest: bool,
    end: Position,
}

impl Teller<'_> {
    fn shown(&self, lens: &Lens<'_>) -> Option<Fields> {
        seen::record(self.loaded.record.as_ref()?, self.rules, self.viewer, lens)
    }

    /// Returns what is told through a lens by fields, or whole.
    fn by_fields(&self, lens: &Lens<'_>, reaches_end: bool) -> Told {
        let may_tell = |record| {
            let waited = |row: &ConflictRow| {
                has_waited(row) && seen::shows_conflict(&row.conflict.path, record, lens)
            };
            self.touched.may_tell_fields(record, reaches_end)
                && !self.loaded.listed.iter().any(waited)
        };
        match self.loaded.record.as_ref().is_some_and(may_tell) {
            true => self.touched.fields_within(lens, self.shown(lens), self.end),
            false => self.whole(lens),
        }
    }

    fn whole(&self, lens: &Lens<'_>) -> Told {
        self.touched.whole(self.shown(lens), self.is_latest, self.end)
    }

    fn everything(&self, reaches_end: bool) -> Told {
        self.by_fields(&Lens::ALL, reaches_end)
    }

    /// Returns what is told to who does not see everything.
    fn in_sight<'s>(&self, sight: &'s Sight, reaches_end: bool) -> Option<(Lens<'s>, Told)> {
        let now = self.loaded.to_all.as_ref();
        if !self.is_latest
            && let Some(lens) = now.and_then(|now| sight.look(&self.touched.entity, now))
        {
            let told = Told { by: None, ..self.whole(&lens) };
            return Some((lens, told));
        }
        match self.touched.glimpse(sight, now) {
            Glimpse::Nothing => None,
            Glimpse::Gone { how, position } => {
                Some((Lens::NONE, Told { content: Content::Gone(how), position, by: None }))
            }
            Glimpse::Whole { lens } => {
                let told = Told { by: None, ..self.whole(&lens) };
                Some((lens, told))
            }
            Glimpse::Unchanged { lens } => {
                let record = self.loaded.record.as_ref()?;
                let is_shown =
                    |row: &ConflictRow| seen::shows_conflict(&row.conflict.path, record, &lens);
                // Whether a conflict waits may have changed.
                let told = Told { by: None, ..self.whole(&lens) };
                self.loaded.listed.iter().any(is_shown).then_some((lens, told))
            }
            Glimpse::Fields { lens, by } => {
                let told = Told { by, ..self.by_fields(&lens, reaches_end) };
                Some((lens, told))
            }
        }
    }
}
