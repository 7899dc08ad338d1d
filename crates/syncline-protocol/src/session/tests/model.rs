//! A hub of one table in memory: an ordered log, each operation applied once by its id, pages.

use std::collections::{BTreeMap, BTreeSet};

use syncline_merge::display::Fields;
use syncline_merge::operation::{Effect, FieldOperation};
use syncline_merge::text::ot::{Component, TextOperation};
use syncline_model::cursor::{Cursor, Incarnation};
use syncline_model::id::{ClientId, EntityName, PartitionId, Position, RecordId, Writer};
use syncline_model::json::Leaf;
use syncline_model::path::Path;

use super::random::Random;
use crate::change::{Change, Content, Gone};
use crate::checksum::Checksum;
use crate::cursor::{SnapshotPlace, StreamCursor};
use crate::holdings::{Run, Same};
use crate::message::{Follow, Page, PushAnswer};
use crate::operation::Operation;
use crate::outcome::{Outcome, Seen, Shown, Status};
use crate::predict::predict;
use crate::problem::Problem;
use crate::session::hub::Anew;
use crate::token::TokenText;

/// A record's name.
pub(super) type Key = (EntityName, RecordId);

/// An entry of the log.
struct Entry {
    key: Key,
    client: ClientId,
    counter: u64,
    touched: BTreeSet<Path>,
}

pub(super) struct Model {
    /// Position 1 is the first.
    log: Vec<Entry>,
    /// What every record looked like as of each of its positions.
    states: BTreeMap<Key, BTreeMap<u64, Option<Fields>>>,
    /// What became of operations for good.
    results: BTreeMap<(ClientId, u64), Result<u64, Status>>,
    /// Cursors before it cannot be used.
    horizon: u64,
    pub(super) page_changes: usize,
    pub(super) trouble: bool,
    random: Random,
}

pub(super) fn problem(code: &str) -> Problem {
    Problem { code: code.into(), detail: "".into(), is_retryable: true }
}

fn version(position: u64) -> TokenText {
    TokenText::new(&format!("v{position}")).unwrap()
}

fn seen(position: u64) -> Seen {
    Seen { position: Position(position), version: version(position) }
}

impl Model {
    pub(super) fn new(page_changes: usize, random: Random) -> Self {
        Self {
            log: Vec::new(),
            states: BTreeMap::new(),
            results: BTreeMap::new(),
            horizon: 0,
            page_changes,
            trouble: true,
            random,
        }
    }

    pub(super) fn position(&self) -> u64 {
        self.log.len() as u64
    }

    /// Forgets how to go on from cursors before the middle of the log, or from all but the latest.
    pub(super) fn forget(&mut self, is_all: bool) {
        let horizon = if is_all { self.position() } else { self.position() / 2 };
        self.horizon = self.horizon.max(horizon);
    }

    /// Returns the record as of a position: where it changed last before, and how it looked.
    pub(super) fn state_at(&self, key: &Key, position: u64) -> (u64, Option<&Fields>) {
        let states = self.states.get(key);
        let last = states.and_then(|states| states.range(..=position).next_back());
        last.map_or((0, None), |(at, fields)| (*at, fields.as_ref()))
    }

    /// Returns whether a record was deleted behind a position: then a snapshot does not show it, although
    /// it was there when the snapshot began.
    pub(super) fn was_deleted_after(&self, key: &Key, position: u64) -> bool {
        self.states[key].range(position..).any(|(_, fields)| fields.is_none())
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &Key> {
        self.states.keys()
    }

    pub(super) fn result(&self, client: &ClientId, counter: u64) -> Option<Result<u64, Status>> {
        self.results.get(&(client.clone(), counter)).copied()
    }

    pub(super) fn results_of(&self, client: &ClientId) -> usize {
        self.results.keys().filter(|(by, _)| by == client).count()
    }

    /// Carries a push out.
    pub(super) fn push(&mut self, client: &ClientId, operations: &[Operation]) -> PushAnswer {
        let mut behind: BTreeSet<Key> = BTreeSet::new();
        let mut outcomes = Vec::new();
        for operation in operations {
            let key = (operation.entity.clone(), operation.id.clone());
            let outcome = self.apply(client, operation, behind.contains(&key));
            if outcome.status == Status::Behind {
                behind.insert(key);
            }
            outcomes.push(outcome);
        }
        PushAnswer { outcomes, position: Position(self.position()) }
    }

    fn apply(&mut self, client: &ClientId, operation: &Operation, is_behind: bool) -> Outcome {
        let counter = operation.counter;
        let key = (operation.entity.clone(), operation.id.clone());
        match self.result(client, counter) {
            Some(Ok(_)) => {
                let (_, fields) = self.state_at(&key, u64::MAX);
                let shown = Shown::Record(fields.cloned());
                // It tells the record as of now.
                return outcome(counter, Status::Duplicate, Some(seen(self.position())), shown);
            }
            Some(Err(status)) => return outcome(counter, status, None, Shown::AsPredicted),
            None => {}
        }
        let is_applied = |after: &u64| matches!(self.result(client, *after), Some(Ok(_)));
        let lacks = !operation.after.iter().all(is_applied);
        if is_behind || lacks || (self.trouble && self.random.percent(5)) {
            return outcome(counter, Status::Behind, None, Shown::AsPredicted);
        }
        if self.trouble && self.random.percent(4) {
            let status = *self.random.pick(&[Status::Rejected, Status::Rebase]);
            self.results.insert((client.clone(), counter), Err(status));
            return outcome(counter, status, None, Shown::AsPredicted);
        }
        self.commit(client, operation, &key)
    }

    fn commit(&mut self, client: &ClientId, operation: &Operation, key: &Key) -> Outcome {
        let base = operation.base.as_ref().map_or(0, |base| base.as_str()[1..].parse().unwrap());
        let own = |entry: &Entry| entry.client == *client && entry.counter < operation.counter;
        let entries =
            self.log.iter().zip(1..).filter(|(entry, at)| entry.key == *key && *at > base);
        let has_seen_all = entries.into_iter().all(|(entry, _)| own(entry));
        let fields = predict(self.state_at(key, u64::MAX).1, &operation.effect);
        let touched = match &operation.effect {
            Effect::Write(fields) => fields.iter().map(|field| field.path().clone()).collect(),
            Effect::Delete => BTreeSet::new(),
        };
        self.log.push(Entry {
            key: key.clone(),
            client: client.clone(),
            counter: operation.counter,
            touched,
        });
        let at = self.position();
        self.states.entry(key.clone()).or_default().insert(at, fields.clone());
        self.results.insert((client.clone(), operation.counter), Ok(at));
        let (status, shown) = if has_seen_all {
            (Status::Applied, Shown::AsPredicted)
        } else {
            (Status::Merged, Shown::Record(fields))
        };
        outcome(operation.counter, status, Some(seen(at)), shown)
    }

    fn cursor(&self, position: u64) -> StreamCursor {
        let mut log = Cursor::new(Incarnation(1));
        log.advance(PartitionId(0), Position(position)).unwrap();
        StreamCursor::at(log)
    }

    /// Reads a page of a view that begins anew, stretch by stretch of what the client holds. Where one differs
    /// the page ends with it.
    fn page_anew(&self, follow: &Follow, anew: &Anew) -> Page {
        let began = follow.cursor.as_ref().map_or(anew.from.0, |cursor| cursor.position().0);
        let mut place =
            follow.cursor.as_ref().and_then(|cursor| place_of(cursor.snapshot.as_deref()));
        let mut stretches = Vec::new();
        while let Some(number) = anew.holdings.beginning_at(place.as_ref()) {
            let stretch = &anew.holdings.stretches()[number];
            let mut sum = Checksum::default();
            for key in self.keys().filter(|key| follows(follow, key)) {
                let is_within =
                    place.as_ref().is_none_or(|place| key > place) && *key <= stretch.last;
                if let Some(fields) = self.state_at(key, u64::MAX).1.filter(|_| is_within) {
                    sum.add(&key.0, &key.1, fields);
                }
            }
            if sum != stretch.checksum {
                break;
            }
            Run::push(&mut stretches, u32::try_from(number).unwrap());
            place = Some(stretch.last.clone());
        }
        let end = anew.holdings.end_behind(place.as_ref()).cloned();
        let mut page = self.snapshot_page(follow, began, place, end.as_ref());
        let position = Position(self.position());
        page.same = (!stretches.is_empty()).then_some(Same { position, stretches });
        page
    }

    /// Reads a page; nothing where the cursor cannot be used.
    pub(super) fn page(&mut self, follow: &Follow, anew: Option<&Anew>) -> Option<Page> {
        let is_kept =
            follow.cursor.as_ref().is_none_or(|cursor| cursor.position().0 >= self.horizon);
        if let Some(anew) = anew.filter(|_| is_kept) {
            return Some(self.page_anew(follow, anew));
        }
        let position = follow.cursor.as_ref().map(|cursor| cursor.position().0);
        match (&follow.cursor, position) {
            (Some(_), Some(at)) if at < self.horizon => None,
            (Some(StreamCursor { snapshot: None, .. }), Some(at)) => {
                let to = self.position();
                Some(self.log_page(follow, at, to, self.page_changes))
            }
            (cursor, at) => {
                let place = cursor.as_ref().and_then(|cursor| place_of(cursor.snapshot.as_deref()));
                Some(self.snapshot_page(follow, at.unwrap_or_else(|| self.position()), place, None))
            }
        }
    }

    /// - `end`: the last record that is told; nothing for all.
    fn snapshot_page(
        &self,
        follow: &Follow,
        began: u64,
        after: Option<Key>,
        end: Option<&Key>,
    ) -> Page {
        let begins = after.is_none();
        let is_next = |key: &&Key| {
            after.as_ref().is_none_or(|after| *key > after) && end.is_none_or(|end| *key <= end)
        };
        let told = |key: &Key| {
            let (at, fields) = self.state_at(key, u64::MAX);
            let content = Content::Record(fields?.clone());
            Some(change(key, at, content, None))
        };
        let keys = self.states.keys().filter(is_next).filter(|key| follows(follow, key));
        let mut changes: Vec<Change> = keys.filter_map(told).take(self.page_changes + 1).collect();
        let is_more = changes.len() > self.page_changes;
        changes.truncate(self.page_changes);
        let mut cursor = self.cursor(began);
        let last = changes.last().map(|last| (last.entity.clone(), last.id.clone()));
        let place = if is_more { last } else { end.cloned() };
        let is_more = place.is_some();
        let snapshot = place.map(|(entity, id)| SnapshotPlace::Record { entity, id });
        cursor.snapshot = snapshot.map(Box::new);
        let more = is_more || began < self.position();
        Page { changes, cursor, more, is_snapshot: true, begins, same: None }
    }

    /// Returns the changes behind `from`, up to `to` or so many.
    pub(super) fn log_page(&mut self, follow: &Follow, from: u64, to: u64, most: usize) -> Page {
        let mut stretch: BTreeMap<Key, (u64, u64, usize)> = BTreeMap::new();
        let mut end = from;
        for at in from + 1..=to {
            let key = &self.log[usize::try_from(at).unwrap() - 1].key;
            if follows(follow, key) {
                if !stretch.contains_key(key) && stretch.len() >= most {
                    break;
                }
                let told = stretch.entry(key.clone()).or_insert((at, at, 0));
                (told.1, told.2) = (at, told.2 + 1);
            }
            end = at;
        }
        let mut changes: Vec<Change> = Vec::new();
        for (key, (first, last, count)) in stretch {
            changes.push(self.change(&key, from, (first, last), count));
        }
        changes.sort_by_key(|change| change.seen.position);
        Page {
            changes,
            cursor: self.cursor(end),
            more: end < to,
            is_snapshot: false,
            begins: false,
            same: None,
        }
    }

    /// Tells what became of a record between its first and its last change in a stretch.
    fn change(&mut self, key: &Key, from: u64, (first, last): (u64, u64), count: usize) -> Change {
        let by = self.log[usize::try_from(last).unwrap() - 1].client.clone();
        let by = (count == 1).then(|| Writer::from(&by));
        let (newest, now) = self.state_at(key, u64::MAX);
        if newest > last {
            let content =
                now.map_or(Content::Gone(Gone::Deleted), |now| Content::Record(now.clone()));
            return change(key, newest, content, None);
        }
        let Some(now) = now.cloned() else {
            return change(key, last, Content::Gone(Gone::Deleted), by);
        };
        let states = self.states[key].range(first..=last);
        let is_whole =
            self.state_at(key, from).1.is_none() || states.into_iter().any(|(_, s)| s.is_none());
        if is_whole || self.random.percent(10) {
            return change(key, last, Content::Record(now), by);
        }
        let content = self.delta(key, from, (first, last), count, &now);
        change(key, last, content, by)
    }

    fn delta(
        &self,
        key: &Key,
        from: u64,
        (first, last): (u64, u64),
        count: usize,
        now: &Fields,
    ) -> Content {
        let entries =
            &self.log[usize::try_from(first).unwrap() - 1..usize::try_from(last).unwrap()];
        let touched: BTreeSet<&Path> = entries
            .iter()
            .filter(|entry| entry.key == *key)
            .flat_map(|entry| &entry.touched)
            .collect();
        let before = self.state_at(key, from).1;
        let value = |fields: &Fields, path: &Path| {
            fields.iter().find(|(at, _)| at == path).map(|(_, leaf)| leaf.clone())
        };
        let (mut set, mut unset, mut text) = (Fields::new(), Vec::new(), Vec::new());
        for path in touched {
            let old = before.and_then(|before| value(before, path));
            match (value(now, path), old) {
                (None, _) => unset.push(path.clone()),
                (Some(new), Some(old)) if count == 1 && path.as_str() == "/text" => {
                    text.push((path.clone(), edit(&old, &new)));
                }
                (Some(new), _) => set.push((path.clone(), new)),
            }
        }
        Content::Fields { set, unset, text, deltas: Vec::new() }
    }
}

fn place_of(place: Option<&SnapshotPlace>) -> Option<Key> {
    match place? {
        SnapshotPlace::Record { entity, id } => Some((entity.clone(), id.clone())),
        SnapshotPlace::Sealed(_) => None,
    }
}

/// Returns the edit from one text to another: what they have in common at the start stays.
fn edit(old: &Leaf, new: &Leaf) -> TextOperation {
    let (old, new) = (old.as_string().unwrap(), new.as_string().unwrap());
    let same = old.bytes().zip(new.bytes()).take_while(|(a, b)| a == b).count();
    let (kept, gone) = (Component::Retain(same), Component::Delete(old.len() - same));
    TextOperation::new([kept, gone, Component::Insert(new[same..].into())]).unwrap()
}

pub(super) fn follows(follow: &Follow, key: &Key) -> bool {
    follow.entities.is_empty() || follow.entities.contains(&key.0)
}

fn outcome(counter: u64, status: Status, seen: Option<Seen>, shown: Shown) -> Outcome {
    Outcome { counter, status, seen, shown, conflicts: Vec::new(), open: Vec::new(), problem: None }
}

fn change(key: &Key, at: u64, content: Content, by: Option<Writer>) -> Change {
    let (entity, id) = key.clone();
    Change { entity, id, seen: seen(at), content, by, conflicts: Vec::new() }
}

/// The operations that a client makes up.
///
/// - `is_narrow`: so few that records often look as they did before.
pub(super) fn effect(random: &mut Random, is_narrow: bool) -> Effect {
    let path = |text: &str| Path::parse(text).unwrap();
    let most = if is_narrow { 2 } else { 0x1_0000 };
    let letters = |random: &mut Random| format!("{:04x}", random.below(most));
    match random.below(10) {
        4..7 if is_narrow => Effect::Delete,
        1..4 if is_narrow => Effect::Write(vec![FieldOperation::BeginText {
            path: path("/text"),
            text: letters(random),
        }]),
        0 => Effect::Delete,
        1..4 => Effect::Write(vec![FieldOperation::Increment {
            path: path("/sum"),
            by: syncline_model::json::Number::parse("1").unwrap(),
        }]),
        4..7 => Effect::Write(vec![FieldOperation::Set {
            path: path("/text"),
            value: Leaf::string(&letters(random)),
        }]),
        7 => Effect::Write(vec![FieldOperation::Unset { path: path("/title") }]),
        _ => Effect::Write(vec![
            FieldOperation::Set { path: path("/title"), value: Leaf::string(&letters(random)) },
            FieldOperation::Set { path: path("/due"), value: Leaf::string(&letters(random)) },
        ]),
    }
}
