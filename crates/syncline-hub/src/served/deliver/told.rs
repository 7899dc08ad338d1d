//! Events in the order of the log, for whoever asks instead of being sent them.

use std::ops::ControlFlow;
use std::sync::Arc;

use syncline_engine::deliver::{EventRef, Filter};
use syncline_engine::rows::{Key, Scan};
use syncline_model::id::Position;

use super::choosing::event_at;
use super::content::{Content, content};
use crate::limits::{EVENTS_TOLD_BYTES_MAX, EVENTS_TOLD_ENTRIES_MAX};
use crate::runs::decode_entry;
use crate::served::{ServeError, Served};

/// Events, and how far the log was read for them.
#[derive(Clone, Debug)]
pub struct Told {
    /// The events, in the order of the log, each with what it says.
    pub events: Vec<(Arc<EventRef>, Content)>,
    /// Everything up to here was read: where to go on.
    pub read_to: Position,
}

impl Served {
    /// Returns events behind a position, as endpoints are told of them.
    ///
    /// At most `limit` of them, and no more than bounded work finds: if there are none, there may be some
    /// behind [`Told::read_to`].
    ///
    /// # Errors
    ///
    /// [`ServeError::Hub`] if an entry of the log or a record cannot be read.
    pub fn events_told(
        &self,
        after: Position,
        filter: &Filter,
        limit: usize,
    ) -> Result<Told, ServeError> {
        let rows = self.reader()?;
        let (mut found, mut damaged) = (Vec::new(), None);
        let (mut read_to, mut bytes_read) = (after, 0);
        let scan = Scan::Log { from: after.next() };
        rows.scan(&scan, None, EVENTS_TOLD_ENTRIES_MAX, &mut |key, bytes| {
            let Key::Log(position) = key else { return ControlFlow::Continue(()) };
            let entry = match decode_entry(bytes) {
                Ok(entry) => entry,
                Err(error) => {
                    damaged = Some(error);
                    return ControlFlow::Break(());
                }
            };
            (read_to, bytes_read) = (*position, bytes_read + bytes.len());
            let event = event_at(*position, &entry, bytes.len());
            if let Some(event) = event.filter(|event| filter.matches(&event.event_type)) {
                found.push((event, entry));
            }
            match found.len() >= limit || bytes_read >= EVENTS_TOLD_BYTES_MAX {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        })?;
        if let Some(error) = damaged {
            return Err(error.into());
        }
        let (mut events, mut bytes_told) = (Vec::with_capacity(found.len()), 0);
        for (event, entry) in found {
            // What was erased meanwhile has nothing to say any more.
            let Some(content) = content(&*rows, self, &event, &entry)? else { continue };
            bytes_told += content.data.len();
            // An update says what its record is by now, which may be much more than what changed.
            if bytes_told > EVENTS_TOLD_BYTES_MAX && !events.is_empty() {
                read_to = Position(event.position.0.saturating_sub(1));
                break;
            }
            events.push((event, content));
        }
        Ok(Told { events, read_to })
    }
}
