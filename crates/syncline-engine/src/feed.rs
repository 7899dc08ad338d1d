//! What a reader of the log is told: the entries of a stretch become one change per record.
//!
//! A reader holds records as of places in the log, and not all as of the same one: it has read up to
//! its cursor, but what became of its own operations told it more of some records. So whatever is
//! told must lead from *any* place between the cursor and the place of reading to the state that is
//! told. That is always so of the whole record. It is so of single fields where
//!
//! - they are all fields that changed in the stretch, with the values that they have in the end:
//!   then the last entry of the stretch must be the latest change of the record;
//! - the record was there throughout;
//! - the reader sees what the log says. Its images are of no viewer; while a conflict waits for a
//!   person each writer sees its own value, so no conflict of the record may ever have waited.
//!
//! Of a reader who is not told everything one has to know what it was shown throughout the stretch.
//! The entries of a record, taken back one by one from what it is now, give its images; with the
//! images the reader's [`Sight`] says whether the record came into sight, went out of it, changed
//! within, or is not to be spoken of.
//!
//! What is told is the record's state at the moment of reading. If it changed behind the stretch it
//! is told again, as newer, with the next one.

use std::collections::{BTreeMap, BTreeSet};

use syncline_merge::conflict::ConflictKind;
use syncline_merge::display::{Field, Fields};
use syncline_merge::fault::{Fault, is_planted};
use syncline_merge::state::Record;
use syncline_model::clock::Stamp;
use syncline_model::id::{EntityName, Position, RecordId, Writer};
use syncline_model::path::Path;
use syncline_policy::view::{Lens, Sight};
use syncline_protocol::change::{Content, Gone};
use syncline_protocol::delta::is_large;

use crate::conflicts::{ConflictRow, Status};
use crate::log::LogEntry;

/// A stretch of the log, record by record.
///
/// Hand it the entries in their order with [`Stretch::handle_entry`].
#[derive(Debug, Default)]
pub struct Stretch {
    keeps_images: bool,
    touched: Vec<Touched>,
    /// By id first: of many records of one entity it is the ids that differ.
    places: BTreeMap<(RecordId, EntityName), usize>,
}

/// A record that changed in a stretch of the log.
#[derive(Clone, Debug)]
pub struct Touched {
    /// The type of record.
    pub entity: EntityName,
    /// Which record.
    pub id: RecordId,
    /// Where it changed first within the stretch.
    pub first: Position,
    /// Where it changed last within the stretch.
    last: Position,
    /// That change.
    stamp: Stamp,
    /// Who made all of the changes; `None` if several did.
    by: Option<Writer>,
    /// Whether the record was there before and after each of them.
    was_there: bool,
    /// The fields that changed.
    paths: BTreeSet<Path>,
    /// Each change, if images are kept.
    changes: Vec<Changed>,
    /// The large texts that the first of them has replaced by others.
    replaced: Fields,
}

/// One change of a record.
#[derive(Clone, Debug)]
struct Changed {
    position: Position,
    by: Writer,
    before: Option<Fields>,
    after: Option<Fields>,
}

/// What a reader who is not told everything is told of a record.
#[derive(Clone, Debug)]
pub enum Glimpse<'s> {
    /// Nothing: it was never in sight.
    Nothing,
    /// Nothing changed of the fields that are shown, and it was in sight throughout.
    Unchanged {
        /// What is shown of it.
        lens: Lens<'s>,
    },
    /// It is not in sight any more.
    Gone {
        /// Whether it is there no more, or not for this reader.
        how: Gone,
        /// Where it went.
        position: Position,
    },
    /// It is in sight now, and has to be told whole.
    Whole {
        /// What is shown of it.
        lens: Lens<'s>,
    },
    /// It was in sight throughout: fields may be told.
    Fields {
        /// What is shown of it.
        lens: Lens<'s>,
        /// Who made all of the changes, if that may be told.
        by: Option<Writer>,
    },
}

/// What a reader is told of a record.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// What it is shown.
    pub content: Content,
    /// As of where in the log.
    pub position: Position,
    /// Who made the latest change, if it was one writer.
    pub by: Option<Writer>,
}

impl Stretch {
    /// Returns a stretch that keeps each change of a record, for readers who are not told everything.
    pub fn keeping_images() -> Self {
        Self { keeps_images: true, ..Self::default() }
    }

    /// Adds the next entry.
    pub fn handle_entry(&mut self, position: Position, entry: LogEntry) {
        if !entry.kind.changes_a_record() {
            return;
        }
        let keeps_images = self.keeps_images;
        let LogEntry { entity, id, stamp, origin, before, after, .. } = entry;
        let was_there = before.is_some() && after.is_some();
        let key = (id, entity);
        let place = match self.places.get(&key) {
            Some(place) => *place,
            None => {
                self.places.insert(key.clone(), self.touched.len());
                self.touched.push(Touched {
                    id: key.0,
                    entity: key.1,
                    first: position,
                    last: position,
                    stamp,
                    by: Some(origin.clone()),
                    was_there: true,
                    paths: BTreeSet::new(),
                    changes: Vec::new(),
                    replaced: replaced(before.as_ref(), after.as_ref()),
                });
                self.touched.len() - 1
            }
        };
        let Some(touched) = self.touched.get_mut(place) else { return };
        (touched.last, touched.stamp) = (position, stamp);
        touched.by.take_if(|by| *by != origin);
        touched.was_there &= was_there;
        if touched.was_there {
            let changed = before.iter().chain(&after).flatten();
            touched.paths.extend(changed.map(|(path, _)| path.clone()));
        }
        if keeps_images {
            touched.changes.push(Changed { position, by: origin, before, after });
        }
    }

    /// Adds an entry from behind the stretch, of a record that changed within it: only what the record
    /// was in between is known by that.
    pub fn handle_later(&mut self, position: Position, entry: LogEntry) {
        if !entry.kind.changes_a_record() {
            return;
        }
        let LogEntry { entity, id, origin, before, after, .. } = entry;
        let Some(place) = self.places.get(&(id, entity)) else { return };
        if let Some(touched) = self.touched.get_mut(*place) {
            touched.changes.push(Changed { position, by: origin, before, after });
        }
    }

    /// Returns the records that changed, in the order of their first changes.
    pub fn touched(&self) -> &[Touched] {
        &self.touched
    }

    /// Returns how many records changed.
    pub const fn len(&self) -> usize {
        self.touched.len()
    }

    /// Returns whether none did.
    pub const fn is_empty(&self) -> bool {
        self.touched.is_empty()
    }

    /// Returns the records that changed, in the order of their first changes.
    pub fn into_touched(self) -> Vec<Touched> {
        self.touched
    }
}

impl Touched {
    /// Returns whether it changed once only.
    pub fn changed_once(&self) -> bool {
        self.first == self.last
    }

    /// Returns the large texts that its only change has replaced by others, sorted by path: whoever is told
    /// [fields](Touched::fields) of it, and holds it as of the beginning of the stretch or later, holds these,
    /// or is not behind that change.
    pub fn replaced(&self) -> Fields {
        if self.changed_once() { self.replaced.clone() } else { Fields::new() }
    }

    /// Returns whether the last change of the stretch is the latest of the record.
    ///
    /// - `record`: as it is now.
    /// - `reaches_end`: whether the stretch reaches to the end of the log.
    pub fn is_latest(&self, record: &Record, reaches_end: bool) -> bool {
        // Changes of one site follow each other by their clocks; those of several sites do not.
        let Stamp { clock, site } = self.stamp;
        reaches_end || record.version.entries() == [(site, clock)]
    }

    /// Returns whether fields may be told, if no conflict of the record ever waited for a person.
    pub fn may_tell_fields(&self, record: &Record, reaches_end: bool) -> bool {
        let was_there = self.was_there || is_planted(Fault::FieldsOfNewRecord);
        was_there && (self.is_latest(record, reaches_end) || is_planted(Fault::FieldsOfOldStretch))
    }

    /// Calls back with what the record is now, and with what it was before each change, the latest first;
    /// to whom nothing of its own is shown. Only one image is held at a time.
    ///
    /// Only where images are kept, and all changes from the first up to now are known.
    ///
    /// - `now`: what is shown of it now; `None` if it is not there.
    pub fn for_each_image(&self, now: Option<&Fields>, mut look: impl FnMut(Option<&Fields>)) {
        look(now);
        let mut image = now.cloned();
        for change in self.changes.iter().rev() {
            image = without(image, change.before.as_ref(), change.after.as_ref());
            look(image.as_ref());
        }
    }

    /// Returns what a reader is told who is not told everything.
    ///
    /// Only where images are kept, and all changes from the first up to now are known.
    ///
    /// - `now`: what is shown of it now to whom nothing of its own is shown.
    pub fn glimpse<'s>(&self, sight: &'s Sight, now: Option<&Fields>) -> Glimpse<'s> {
        let look = |image: Option<&Fields>| image.and_then(|some| sight.look(&self.entity, some));
        let lens_now = look(now);
        let mut image = now.cloned();
        for change in self.changes.iter().rev() {
            let is_there_after = image.is_some();
            image = without(image, change.before.as_ref(), change.after.as_ref());
            let lens = look(image.as_ref());
            if lens == lens_now {
                continue;
            }
            return match lens_now {
                Some(lens) if is_planted(Fault::MoveInAsFields) => {
                    Glimpse::Fields { lens, by: None }
                }
                Some(lens) => Glimpse::Whole { lens },
                None => Self::gone(change.position, is_there_after),
            };
        }
        match lens_now {
            Some(lens) => self.seen_throughout(lens),
            None if is_planted(Fault::UnseenToldGone) => {
                Glimpse::Gone { how: Gone::Unscoped, position: self.last }
            }
            None => Glimpse::Nothing,
        }
    }

    /// Returns what is told of a record that went out of sight by a change.
    fn gone(position: Position, is_there_after: bool) -> Glimpse<'static> {
        match is_there_after {
            _ if is_planted(Fault::MoveOutNotTold) => Glimpse::Nothing,
            true => Glimpse::Gone { how: Gone::Unscoped, position },
            false => Glimpse::Gone { how: Gone::Deleted, position },
        }
    }

    /// Returns what is told of a record of which the same was in sight all the while.
    fn seen_throughout<'s>(&self, lens: Lens<'s>) -> Glimpse<'s> {
        if lens.is_all() {
            return Glimpse::Fields { lens, by: self.by.clone() };
        }
        let is_shown = |change: &Changed| change.paths().any(|path| lens.shows(path));
        if !self.changes.iter().any(is_shown) {
            return Glimpse::Unchanged { lens };
        }
        let is_open = |change: &Changed| change.paths().all(|path| lens.shows(path));
        let by = self
            .by
            .clone()
            .filter(|by| self.changes.iter().all(|change| is_open(change) && change.by == *by));
        Glimpse::Fields { lens, by }
    }

    /// Returns the whole record, or that it is gone.
    ///
    /// - `shown`: what the reader is shown of it; `None` if it is not there.
    /// - `is_latest`: as [`Touched::is_latest`] says.
    /// - `end`: the place of reading.
    pub fn whole(&self, shown: Option<Fields>, is_latest: bool, end: Position) -> Told {
        Told {
            content: shown.map_or(Content::Gone(Gone::Deleted), Content::Record),
            position: if is_latest { self.last } else { end },
            by: self.by.clone().filter(|_| is_latest),
        }
    }

    /// Returns the fields that changed, or the whole record where that is no longer.
    ///
    /// Only if [`Touched::may_tell_fields`] says so and no conflict of the record
    /// [ever waited](has_waited).
    pub fn fields(&self, shown: Option<Fields>, end: Position) -> Told {
        self.fields_within(&Lens::ALL, shown, end)
    }

    /// As [`Touched::fields`], of those that are shown.
    ///
    /// - `shown`: what the reader is shown; nothing else.
    pub fn fields_within(&self, lens: &Lens<'_>, shown: Option<Fields>, end: Position) -> Told {
        let Some(shown) = shown else {
            return self.whole(None, true, end);
        };
        let is_told = |path: &Path| lens.shows(path) || is_planted(Fault::HiddenUnset);
        let changed = |path: &Path| self.paths.contains(path);
        let set = shown.iter().filter(|(path, _)| changed(path));
        let is_shown = |path: &Path| shown.binary_search_by(|(known, _)| known.cmp(path)).is_ok();
        let gone = self.paths.iter().filter(|path| !is_shown(path) && is_told(path));
        let unset: Vec<Path> = gone.cloned().collect();
        let unset_bytes: usize = unset.iter().map(|path| path.as_str().len() + PAD_BYTES).sum();
        let bytes = set.clone().map(field_bytes).sum::<usize>() + unset_bytes;
        // What is not shown has no part in it.
        let is_replaced = self.replaced.iter().any(|(path, _)| lens.shows(path));
        let may_differ = self.changed_once() && is_replaced;
        if bytes >= bytes_of_fields(&shown) && !may_differ {
            return self.whole(Some(shown), true, end);
        }
        let (set, text, deltas) = (set.cloned().collect(), Vec::new(), Vec::new());
        let content = Content::Fields { set, unset, text, deltas };
        Told { content, position: self.last, by: self.by.clone() }
    }
}

/// Returns the large texts of an image in whose place the other one has such a text as well.
fn replaced(before: Option<&Fields>, after: Option<&Fields>) -> Fields {
    let is_large = |(_, value): &&Field| is_large(value);
    let mut large = before.into_iter().flatten().filter(is_large).peekable();
    if large.peek().is_none() {
        return Fields::new();
    }
    let after: Vec<&Path> =
        after.into_iter().flatten().filter(is_large).map(|(path, _)| path).collect();
    let mut found: Fields = large.filter(|(path, _)| after.contains(&path)).cloned().collect();
    found.sort();
    found
}

impl Changed {
    /// Returns the fields that changed.
    fn paths(&self) -> impl Iterator<Item = &Path> {
        self.before.iter().chain(&self.after).flatten().map(|(path, _)| path)
    }
}

/// Returns what was shown of a record before a change, given what was shown after it.
///
/// - `before`, `after`: the images of the change.
pub fn without(
    shown: Option<Fields>,
    before: Option<&Fields>,
    after: Option<&Fields>,
) -> Option<Fields> {
    let before = before?;
    let (Some(after), Some(mut shown)) = (after, shown) else {
        // It was whole before it went.
        return Some(before.clone());
    };
    let changed = |path: &Path| after.iter().chain(before).any(|(changed, _)| changed == path);
    shown.retain(|(path, _)| !changed(path));
    shown.extend(before.iter().cloned());
    shown.sort();
    Some(shown)
}

/// What stands around a path or a value in a message, in bytes, about.
const PAD_BYTES: usize = 4;

fn field_bytes((path, leaf): &Field) -> usize {
    path.as_str().len() + leaf.as_str().len() + PAD_BYTES
}

/// Returns how long fields are as a message, in bytes, about.
pub fn bytes_of_fields(fields: &Fields) -> usize {
    fields.iter().map(field_bytes).sum()
}

/// Returns how long a content is as a message, in bytes, about.
pub fn bytes_of(content: &Content) -> usize {
    match content {
        Content::Record(fields) => bytes_of_fields(fields),
        Content::Fields { set, unset, .. } => {
            let unset = unset.iter().map(|path| path.as_str().len() + PAD_BYTES);
            bytes_of_fields(set) + unset.sum::<usize>()
        }
        Content::Gone(_) => PAD_BYTES,
    }
}

/// Returns whether a listed conflict waits for a person, or may have done so.
pub fn has_waited(row: &ConflictRow) -> bool {
    let is_plain = matches!(row.conflict.kind, ConflictKind::Values | ConflictKind::Texts);
    let is_settled = match row.status {
        Status::Settled => true,
        Status::Closed => row.conflict.shown.is_some(),
        Status::Open | Status::Resolved => false,
    };
    !is_planted(Fault::FieldsWhileWaiting) && (row.conflict.open || !is_plain || !is_settled)
}

#[cfg(test)]
mod tests {
    use syncline_merge::conflict::Conflict;
    use syncline_model::clock::{Clock, Stamp};
    use syncline_model::id::{RunId, SiteId};

    use super::*;
    use crate::sync::{RunFacts, Transaction};

    /// A conflict that is no more was shown to its writers as they please, if it has ever waited.
    #[test]
    fn a_conflict_that_a_write_has_closed_has_waited_if_it_was_open() {
        let stamps = [1, 2].map(|ms| Stamp::new(Clock::new(ms, 0), SiteId(7)));
        let key = (EntityName::new("tasks").unwrap(), RecordId::new("t1").unwrap());
        let of = |open| Conflict {
            path: Path::parse("/title").unwrap(),
            kind: ConflictKind::Values,
            stamps: stamps.into(),
            sides: Vec::new(),
            shown: Some(stamps[1]),
            open,
        };
        for open in [true, false] {
            let run = RunFacts { id: RunId::new("run-1").unwrap(), at_ms: 1_000, secret: [9; 32] };
            let mut transaction = Transaction::new(run, Position(0));
            let mut listed = Vec::new();
            transaction.list_conflicts((&key.0, &key.1), &[of(open)], &[], &mut listed);
            assert_eq!(listed.iter().map(has_waited).collect::<Vec<_>>(), [open]);
            transaction.list_conflicts((&key.0, &key.1), &[], &[], &mut listed);
            // Known by what is stored.
            let stored = ConflictRow::decode(&listed[0].encode()).unwrap();
            assert_eq!((stored.status, has_waited(&stored)), (Status::Closed, open));
        }
    }
}
