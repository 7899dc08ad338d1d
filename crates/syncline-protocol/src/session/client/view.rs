//! What a client follows on a connection: what was received, and what is stored of it.

use std::collections::VecDeque;

use crate::cursor::StreamCursor;
use crate::message::{Follow, Page};
use crate::session::fault::{Fault, is_planted};

/// One view of a client.
#[derive(Debug)]
pub(super) struct View {
    /// What is followed; its cursor is that of what is stored.
    pub(super) follow: Follow,
    /// Where the last page of this connection ended.
    received: Option<StreamCursor>,
    /// Cursors of the pages that the shell has and has not stored, of whatever connection.
    handed: VecDeque<Handed>,
    /// What is to be acknowledged, and how many messages that covers.
    ack: Option<(StreamCursor, usize)>,
}

#[derive(Debug)]
struct Handed {
    cursor: StreamCursor,
    is_lost: bool,
}

/// A page that cannot be what a hub says.
pub(super) struct WentBack;

impl View {
    pub(super) fn new(follow: Follow) -> Self {
        let received = follow.cursor.clone();
        Self { follow, received, handed: VecDeque::new(), ack: None }
    }

    /// A connection begins, from what is stored.
    pub(super) fn connect(&mut self) {
        self.received.clone_from(&self.follow.cursor);
    }

    /// The connection is lost, and with it whom to acknowledge to.
    pub(super) fn lose(&mut self) {
        self.ack = None;
        self.handed.iter_mut().for_each(|handed| handed.is_lost = true);
    }

    /// Takes in a page; says whether it begins the view anew.
    pub(super) fn receive(&mut self, page: &Page) -> Result<bool, WentBack> {
        let goes_on = |last: &StreamCursor| {
            if page.is_snapshot {
                return last.snapshot.is_some() && last.log == page.cursor.log;
            }
            last.snapshot.is_none() && last.log.incarnation() == page.cursor.log.incarnation()
        };
        let continues = self.received.as_ref().is_some_and(goes_on);
        let goes_back = |last: &StreamCursor| last.position() > page.cursor.position();
        if !page.is_snapshot && (!continues || self.received.as_ref().is_some_and(goes_back)) {
            return Err(WentBack);
        }
        self.received = Some(page.cursor.clone());
        if is_planted(Fault::AckBeforeStored) {
            self.follow.cursor = Some(page.cursor.clone());
            self.acknowledge(page.cursor.clone());
        }
        Ok(page.begins || !continues)
    }

    /// The shell has been given a page.
    pub(super) fn hand(&mut self, cursor: StreamCursor) {
        self.handed.push_back(Handed { cursor, is_lost: false });
    }

    pub(super) fn is_storing(&self) -> bool {
        !self.handed.is_empty()
    }

    /// The shell has stored a page, and with it all before.
    pub(super) fn store(&mut self, cursor: &StreamCursor) {
        let Some(index) = self.handed.iter().position(|handed| handed.cursor == *cursor) else {
            return;
        };
        let stored: Vec<Handed> = self.handed.drain(..=index).collect();
        self.follow.cursor = Some(cursor.clone());
        if !is_planted(Fault::AckBeforeStored) {
            for handed in stored.into_iter().filter(|handed| !handed.is_lost) {
                self.acknowledge(handed.cursor);
            }
        }
    }

    /// The shell could not store what it was given.
    pub(super) fn forget_handed(&mut self) {
        self.handed.clear();
    }

    fn acknowledge(&mut self, cursor: StreamCursor) {
        let count = self.ack.as_ref().map_or(0, |(_, count)| *count);
        self.ack = Some((cursor, count + 1));
    }

    /// Returns what is to be acknowledged, and how many messages that covers.
    pub(super) fn take_ack(&mut self) -> Option<(StreamCursor, usize)> {
        self.ack.take()
    }

    pub(super) const fn has_ack(&self) -> bool {
        self.ack.is_some()
    }
}

#[cfg(test)]
mod tests {
    use syncline_model::cursor::Incarnation;
    use syncline_model::id::{EntityName, Position, RecordId};

    use super::*;
    use crate::cursor::SnapshotPlace;

    #[test]
    fn a_snapshot_that_begins_while_another_is_under_way_is_told_from_the_rest_of_it() {
        let at = |id: &str| {
            let (entity, id) = (EntityName::new("tasks").unwrap(), RecordId::new(id).unwrap());
            let cursor = StreamCursor::at_position(Incarnation(7), Position(5));
            StreamCursor {
                snapshot: Some(Box::new(SnapshotPlace::Record { entity, id })),
                ..cursor
            }
        };
        let page = |id, begins| Page {
            changes: Vec::new(),
            cursor: at(id),
            more: true,
            is_snapshot: true,
            begins,
            same: None,
        };
        let mut view = View::new(Follow::default());
        let mut said = |id, begins| view.receive(&page(id, begins)).ok();
        assert_eq!(said("t1", true), Some(true));
        assert_eq!(said("t2", false), Some(false));
        // The same place in the log, since nothing has changed but what the reader may see.
        assert_eq!(said("t3", true), Some(true));
        assert_eq!(said("t4", false), Some(false));
    }
}
