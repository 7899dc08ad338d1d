//! A hub in memory: it takes operations as they come, remembers its answers and tells pages.

use std::collections::BTreeMap;

use syncline_merge::display::Fields;
use syncline_model::cursor::{Cursor, Incarnation};
use syncline_model::id::{ClientId, PartitionId, Position};
use syncline_protocol::change::{Change, Content, Gone};
use syncline_protocol::cursor::{SnapshotPlace, StreamCursor};
use syncline_protocol::message::Page;
use syncline_protocol::operation::Operation;
use syncline_protocol::outcome::{Outcome, Seen, Shown, Status};
use syncline_protocol::predict::{correct, predict};
use syncline_protocol::problem::Problem;
use syncline_protocol::token::TokenText;

use super::{Key, key};

/// A hub in memory.
#[derive(Debug, Default)]
pub(super) struct FakeHub {
    pub(super) position: u64,
    /// The record after its latest change, and where that is.
    pub(super) records: BTreeMap<Key, (Option<Fields>, u64)>,
    /// The status and position of each operation that was answered for good.
    pub(super) answered: BTreeMap<(ClientId, u64), Status>,
}

impl FakeHub {
    pub(super) fn new() -> Self {
        Self::default()
    }

    fn cursor(position: u64) -> Cursor {
        let mut cursor = Cursor::new(Incarnation(5));
        cursor.advance(PartitionId(0), Position(position)).unwrap();
        cursor
    }

    /// Returns a page of changes up to a position.
    pub(super) fn page(&self, position: u64, changes: Vec<Change>) -> Page {
        let cursor = StreamCursor::at(Self::cursor(position));
        Page { changes, cursor, more: false, is_snapshot: false, begins: false, same: None }
    }

    /// Returns a page of a snapshot that began at a position; without a place it is the last.
    pub(super) fn snapshot_page(
        &self,
        began: u64,
        place: Option<&str>,
        changes: Vec<Change>,
    ) -> Page {
        let place = place.map(|id| {
            let (entity, id) = key(id);
            Box::new(SnapshotPlace::Record { entity, id })
        });
        let more = place.is_some();
        let cursor = StreamCursor { log: Self::cursor(began), snapshot: place, scope: None };
        Page { changes, cursor, more, is_snapshot: true, begins: false, same: None }
    }

    fn seen(position: u64) -> Seen {
        let version = TokenText::new(&format!("t{position}")).unwrap();
        Seen { position: Position(position), version }
    }

    /// Carries out an operation, once; `refuses` it for good if it is new.
    pub(super) fn handle(
        &mut self,
        client: &ClientId,
        operation: &Operation,
        refuses: bool,
    ) -> Outcome {
        let counter = operation.counter;
        let id = (client.clone(), counter);
        let key = (operation.entity.clone(), operation.id.clone());
        let after_refused = operation
            .after
            .iter()
            .any(|after| self.answered.get(&(client.clone(), *after)) == Some(&Status::Rejected));
        if let Some(status) = self.answered.get(&id) {
            if *status == Status::Rejected {
                return rejected(counter);
            }
            let (record, position) = self.records.get(&key).cloned().unwrap_or_default();
            return Outcome {
                counter,
                status: Status::Duplicate,
                seen: Some(Self::seen(position)),
                shown: Shown::Record(record),
                conflicts: Vec::new(),
                open: Vec::new(),
                problem: None,
            };
        }
        if refuses || after_refused {
            self.answered.insert(id, Status::Rejected);
            return rejected(counter);
        }
        let (before, known) = self.records.get(&key).cloned().unwrap_or_default();
        let base = operation.base.as_ref().map(|base| base.as_str()[1..].parse::<u64>().unwrap());
        let has_seen_all = base.unwrap_or_default() == known;
        self.position += 1;
        let position = self.position;
        let after = predict(before.as_ref(), &operation.effect);
        self.records.insert(key, (after.clone(), position));
        let status = if has_seen_all { Status::Applied } else { Status::Merged };
        self.answered.insert(id, status);
        let shown = match status {
            Status::Applied => correct(after.as_ref(), after.as_ref()),
            _ => Shown::Record(after),
        };
        let seen = Some(Self::seen(position));
        Outcome {
            counter,
            status,
            seen,
            shown,
            conflicts: Vec::new(),
            open: Vec::new(),
            problem: None,
        }
    }

    /// Returns what has changed since a position, as whole records.
    pub(super) fn changes_since(&self, since: u64) -> Page {
        let changed = self.records.iter().filter(|(_, (_, position))| *position > since);
        let change = |(key, (record, position)): (&Key, &(Option<Fields>, u64))| Change {
            entity: key.0.clone(),
            id: key.1.clone(),
            seen: Self::seen(*position),
            content: match record {
                Some(fields) => Content::Record(fields.clone()),
                None => Content::Gone(Gone::Deleted),
            },
            by: None,
            conflicts: Vec::new(),
        };
        self.page(self.position, changed.map(change).collect())
    }
}

fn rejected(counter: u64) -> Outcome {
    let problem = Problem {
        code: "GATE_REFUSED".into(),
        detail: "the field may not be written".into(),
        is_retryable: false,
    };
    Outcome {
        counter,
        status: Status::Rejected,
        seen: None,
        shown: Shown::AsPredicted,
        conflicts: Vec::new(),
        open: Vec::new(),
        problem: Some(Box::new(problem)),
    }
}
