//! Which attempts begin, of those that were counted: as far as there is room for what they say.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use syncline_engine::deliver::{EventRef, Failure, Sending};
use syncline_model::id::Position;
use syncline_store::Read;

use super::super::ServeError;
use super::content::{Content, content, entry_at};
use super::turn::{Deliveries, Parcel};
use super::under_way::Counted;
use crate::limits::CONTENTS_BYTES_MAX;

/// What begins with one turn.
#[derive(Debug, Default)]
pub(super) struct Beginning {
    /// What begins.
    pub(super) parcels: Vec<Parcel>,
    /// Whether more may begin at once.
    pub(super) has_more: bool,
    sends_max: usize,
    /// Of what has begun: many endpoints are told of one event.
    contents: BTreeMap<Position, Result<Arc<Content>, Failure>>,
    bytes_in_vain: usize,
}

impl Beginning {
    /// Returns how many more the sender takes.
    pub(super) const fn left(&self) -> usize {
        self.sends_max.saturating_sub(self.parcels.len())
    }
}

impl Deliveries {
    /// Begins those that have waited, as far as there is room by now. It comes before others are counted: these would
    /// take all that has become free at their hosts, turn by turn.
    pub(super) fn begin_waiting(
        &mut self,
        now: u64,
        sends_max: usize,
    ) -> Result<Beginning, ServeError> {
        let mut beginning = Beginning { sends_max, ..Beginning::default() };
        let waiting = self.under_way.take();
        self.begin(now, waiting, &mut beginning)?;
        Ok(beginning)
    }

    /// Begins those that were just counted, as far as there is room; the others wait until some have ended.
    pub(super) fn begin_counted(
        &mut self,
        now: u64,
        sends: Vec<Sending>,
        beginning: &mut Beginning,
    ) -> Result<(), ServeError> {
        self.begin(now, sends.into_iter().map(Counted::new).collect(), beginning)
    }

    fn begin(
        &mut self,
        now: u64,
        all: VecDeque<Counted>,
        beginning: &mut Beginning,
    ) -> Result<(), ServeError> {
        if all.is_empty() {
            return Ok(());
        }
        let rows = self.served.reader()?;
        for mut counted in all {
            let Some(endpoint) = self.endpoints.get(&counted.sending.endpoint) else { continue };
            let (endpoint, left) = (Arc::clone(endpoint), beginning.left());
            let is_enough = beginning.bytes_in_vain > CONTENTS_BYTES_MAX;
            // Nothing is read for one that has no place to be sent from.
            let has_place = self.under_way.may_begin(&mut counted)
                && left > 0
                && (!counted.has_waited || self.dispatch.can_begin(now, &counted.sending, left));
            if !has_place || is_enough {
                // Its place is free for another, and where enough was read it may be small itself.
                beginning.has_more |= !counted.has_waited || (has_place && counted.is_unread());
                self.wait(now, counted);
                continue;
            }
            let position = counted.sending.event.position;
            let content = match beginning.contents.get(&position) {
                Some(content) => content.clone(),
                None => self.content(&*rows, &counted.sending.event)?,
            };
            counted.measure(content.as_ref().map_or(0, |content| content.data.len()));
            let begins = self.under_way.may_begin(&mut counted)
                && (!counted.has_waited || self.dispatch.handle_begun(now, &counted.sending, left));
            if begins {
                beginning.contents.insert(position, content.clone());
                let sending = self.under_way.begin(counted);
                beginning.parcels.push(Parcel { sending, endpoint, content });
            } else {
                beginning.bytes_in_vain += counted.bytes();
                beginning.has_more |= !counted.has_waited;
                self.wait(now, counted);
            }
        }
        Ok(())
    }

    /// One waits on, or begins to: the machine then knows of it.
    fn wait(&mut self, now: u64, mut counted: Counted) {
        if !std::mem::replace(&mut counted.has_waited, true) {
            self.dispatch.handle_waits(now, &counted.sending);
        }
        self.under_way.put_back(counted);
    }

    fn content(
        &self,
        rows: &dyn Read,
        event: &EventRef,
    ) -> Result<Result<Arc<Content>, Failure>, ServeError> {
        let entry = match self.entries.get(&event.position) {
            Some((entry, _)) => Ok(Some(entry.clone())),
            None => entry_at(rows, event.position).map(|entry| entry.map(Arc::new)),
        };
        let found = entry.and_then(|entry| match entry {
            Some(entry) => content(rows, &self.served, event, &entry),
            None => Ok(None),
        });
        match found {
            Ok(found) => Ok(found.map(Arc::new).ok_or(Failure::PayloadGone)),
            // What cannot be read fails by itself; what else is sent in this turn was counted already.
            Err(error) if error.damaged_table().is_some() => Ok(Err(Failure::Internal)),
            Err(error) => Err(error),
        }
    }
}
