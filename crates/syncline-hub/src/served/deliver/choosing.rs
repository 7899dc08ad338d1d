//! Which deliveries a selection means: looked at piece by piece, so that nobody waits for long.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use syncline_engine::deliver::{
    DeadLetter, Delivery, EventRef, Filter, Forgotten, Past, Replay, Selection,
};
use syncline_engine::event::head_of;
use syncline_engine::log::LogEntry;
use syncline_engine::rows::{Key, Scan};
use syncline_model::id::{EndpointId, EventType, Position};
use syncline_store::Read;

use super::super::{ServeError, Served};
use super::turn::bytes_at;
use crate::horizon::horizon;
use crate::limits::{
    DELIVERY_PAGE_BYTES_MAX, REPLAY_COUNTED_ROWS_MAX, REPLAY_ROWS_AT_ONCE, REPLAY_TYPES_TOLD_MAX,
};
use crate::runs::decode_entry;

/// Where deliveries of one endpoint are looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// The endpoint.
    pub endpoint: EndpointId,
    /// Which events concern it now.
    pub filter: Filter,
    /// Behind which place in the log.
    pub after: Position,
    /// Up to which place, that one included.
    pub until: Position,
    /// Where deliveries were forgotten: what has no row there may have been delivered.
    pub forgotten: Option<Forgotten>,
}

/// How many deliveries a selection means.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// How many would be made again.
    pub count: u64,
    /// How many more are meant, of which nothing is left to be sent: the log has forgotten the event.
    pub forgotten: u64,
    /// How many more events may have been missed, or delivered: what became of them is not kept any more.
    pub not_kept: u64,
    /// When the hub took the oldest of these events, in milliseconds since the Unix epoch.
    pub oldest_ms: Option<u64>,
    /// When it took the newest.
    pub newest_ms: Option<u64>,
    /// How many of each type, of the first types that were met.
    pub by_type: BTreeMap<EventType, u64>,
    /// How many at each endpoint.
    pub by_endpoint: BTreeMap<EndpointId, u64>,
    /// Whether all was looked at; otherwise there may be more.
    pub is_complete: bool,
}

impl Counted {
    fn add(&mut self, endpoint: &EndpointId, event: &EventRef) {
        self.count += 1;
        let at_ms = event.created_ms;
        self.oldest_ms = Some(self.oldest_ms.map_or(at_ms, |oldest| oldest.min(at_ms)));
        self.newest_ms = Some(self.newest_ms.map_or(at_ms, |newest| newest.max(at_ms)));
        *self.by_endpoint.entry(endpoint.clone()).or_default() += 1;
        let is_full = self.by_type.len() >= REPLAY_TYPES_TOLD_MAX;
        if let Some(count) = self.by_type.get_mut(&event.event_type) {
            *count += 1;
        } else if !is_full {
            self.by_type.insert(event.event_type.clone(), 1);
        }
    }
}

impl Served {
    /// Counts the deliveries that a selection means. It reads beside the writer and changes nothing.
    ///
    /// # Errors
    ///
    /// [`ServeError::Hub`] if they cannot be read.
    pub fn count_deliveries(
        &self,
        selection: &Selection,
        stretches: Vec<Stretch>,
    ) -> Result<Counted, ServeError> {
        let mut counted = Counted { is_complete: true, ..Counted::default() };
        let mut looked_at = 0;
        for mut stretch in stretches {
            loop {
                if looked_at >= REPLAY_COUNTED_ROWS_MAX {
                    counted.is_complete = false;
                    return Ok(counted);
                }
                // A reader is kept for moments only.
                let piece = look(&*self.reader()?, selection, &stretch, REPLAY_ROWS_AT_ONCE)?;
                looked_at += piece.looked_at;
                counted.forgotten += piece.forgotten;
                counted.not_kept += piece.not_kept;
                for found in &piece.found {
                    counted.add(&stretch.endpoint, &found.event);
                }
                stretch.after = piece.to;
                if piece.to >= stretch.until {
                    break;
                }
            }
        }
        Ok(counted)
    }
}

/// What was found in a piece of a stretch.
pub(super) struct Piece {
    /// Up to where it was looked.
    pub(super) to: Position,
    /// How many rows were looked at.
    looked_at: usize,
    /// What is to be made again, in the order of the log.
    pub(super) found: Vec<Replay>,
    /// What is meant, and nothing is left of.
    pub(super) forgotten: u64,
    /// How many may be meant, and nobody knows any more.
    pub(super) not_kept: u64,
    /// Rows that cannot be read, with their tables: whether they are meant nobody knows.
    pub(super) damaged: Vec<(Position, &'static str)>,
}

/// Looks at the next rows of a stretch.
///
/// - `rows_max`: how many at most.
pub(super) fn look(
    rows: &dyn Read,
    selection: &Selection,
    stretch: &Stretch,
    rows_max: usize,
) -> Result<Piece, ServeError> {
    let horizon = horizon(rows)?;
    let nothing = Piece {
        to: stretch.until,
        looked_at: 0,
        found: Vec::new(),
        forgotten: 0,
        not_kept: 0,
        damaged: Vec::new(),
    };
    if stretch.after >= stretch.until {
        return Ok(nothing);
    }
    if selection.past.contains(&Past::Missed) {
        return look_at_log(rows, selection, stretch, (rows_max, horizon));
    }
    let mut piece = nothing;
    let positions = positions(rows, selection, stretch, rows_max, &mut piece)?;
    let delivered = read_sound(rows, &stretch.endpoint, &positions, &mut piece.damaged)?;
    for (position, row) in positions.into_iter().zip(delivered) {
        let Some(row) = row else { continue };
        if !selection.matches(&row.event_type, row.created_ms, Some(&row)) {
            continue;
        }
        if position <= horizon {
            piece.forgotten += 1;
        } else {
            piece.found.push(Replay { event: row.event_ref(position), row: Some(row) });
        }
    }
    Ok(piece)
}

/// Reads deliveries of an endpoint; `None` for each that is not there or cannot be read.
fn read_sound(
    rows: &dyn Read,
    endpoint: &EndpointId,
    positions: &[Position],
    damaged: &mut Vec<(Position, &'static str)>,
) -> Result<Vec<Option<Delivery>>, ServeError> {
    let found = bytes_at(rows, endpoint, positions)?.into_iter().zip(positions);
    let sound = found.map(|(bytes, position)| match Delivery::decode(&bytes?) {
        Ok(row) => Some(row),
        Err(_) => {
            damaged.push((*position, "deliveries"));
            None
        }
    });
    Ok(sound.collect())
}

/// Returns the places of the next deliveries that may be meant, and says in `piece` how far that is.
fn positions(
    rows: &dyn Read,
    selection: &Selection,
    stretch: &Stretch,
    rows_max: usize,
    piece: &mut Piece,
) -> Result<Vec<Position>, ServeError> {
    let endpoint = stretch.endpoint.clone();
    let is_dead_only = selection.past == BTreeSet::from([Past::Dead]);
    // Of many deliveries few are dead, and these have a list of their own.
    let (scan, after) = if is_dead_only {
        let after = Key::DeadLetter { endpoint: endpoint.clone(), position: stretch.after };
        (Scan::DeadLetters { endpoint }, Some(after))
    } else {
        (Scan::Deliveries { endpoint, from: stretch.after.next() }, None)
    };
    let (mut positions, mut to) = (Vec::new(), stretch.after);
    let (mut looked_at, mut is_over) = (0, false);
    rows.scan(&scan, after.as_ref(), rows_max, &mut |key, bytes| {
        let position = match key {
            Key::Delivery { position, .. } | Key::DeadLetter { position, .. } => *position,
            _ => return ControlFlow::Continue(()),
        };
        if position > stretch.until {
            is_over = true;
            return ControlFlow::Break(());
        }
        (to, looked_at) = (position, looked_at + 1);
        let may_match = if is_dead_only {
            match DeadLetter::decode(bytes) {
                Ok(letter) => selection.types.matches(&letter.event_type),
                Err(_) => {
                    piece.damaged.push((position, "dead_letters"));
                    false
                }
            }
        } else {
            true
        };
        if may_match {
            positions.push(position);
        }
        ControlFlow::Continue(())
    })?;
    let is_end = is_over || looked_at < rows_max;
    (piece.to, piece.looked_at) = (if is_end { stretch.until } else { to }, looked_at);
    Ok(positions)
}

/// Looks at the log, for events of which nothing is known at the endpoint, too.
fn look_at_log(
    rows: &dyn Read,
    selection: &Selection,
    stretch: &Stretch,
    (rows_max, horizon): (usize, Position),
) -> Result<Piece, ServeError> {
    let scan = Scan::Log { from: stretch.after.max(horizon).next() };
    let (mut events, mut to) = (Vec::new(), stretch.after.max(horizon));
    let mut damaged = Vec::new();
    let (mut looked_at, mut page_bytes, mut is_over) = (0, 0, false);
    rows.scan(&scan, None, rows_max, &mut |key, bytes| {
        let Key::Log(position) = key else { return ControlFlow::Continue(()) };
        is_over = *position > stretch.until;
        if is_over || page_bytes > DELIVERY_PAGE_BYTES_MAX {
            return ControlFlow::Break(());
        }
        page_bytes += bytes.len();
        (to, looked_at) = (*position, looked_at + 1);
        match decode_entry(bytes) {
            Ok(entry) => events.extend(event_at(*position, &entry, bytes.len())),
            Err(_) => damaged.push((*position, "log")),
        }
        ControlFlow::Continue(())
    })?;
    let is_end = is_over || (looked_at < rows_max && page_bytes <= DELIVERY_PAGE_BYTES_MAX);
    if is_end {
        to = stretch.until;
    }
    events.retain(|event| stretch.filter.matches(&event.event_type));
    let positions: Vec<Position> = events.iter().map(|event| event.position).collect();
    let known = read_sound(rows, &stretch.endpoint, &positions, &mut damaged)?;
    // One whose row cannot be read is not one of which nothing is known.
    let is_sound = |event: &EventRef| !damaged.iter().any(|(at, _)| *at == event.position);
    let is_meant = |event: &EventRef, row: Option<&Delivery>| {
        selection.matches(&event.event_type, event.created_ms, row)
    };
    let meant = events.into_iter().zip(known);
    let meant = meant.filter(|(event, row)| is_sound(event) && is_meant(event, row.as_ref()));
    let (mut found, mut not_kept) = (Vec::new(), 0);
    for (event, row) in meant {
        let may_be_delivered = stretch.forgotten.is_some_and(|of| of.contains(event.position));
        match row.is_none() && may_be_delivered {
            true => not_kept += 1,
            false => found.push(Replay { event, row }),
        }
    }
    Ok(Piece { to, looked_at, found, forgotten: 0, not_kept, damaged })
}

/// Returns the event that an entry of the log is.
///
/// - `bytes`: how long the entry is there.
pub(super) fn event_at(
    position: Position,
    entry: &LogEntry,
    bytes: usize,
) -> Option<Arc<EventRef>> {
    let head = head_of(position, entry)?;
    Some(Arc::new(EventRef {
        position,
        event: head.id,
        event_type: head.kind,
        entity: entry.entity.clone(),
        id: entry.id.clone(),
        created_ms: entry.at_ms,
        bytes: u32::try_from(bytes).unwrap_or(u32::MAX),
    }))
}
