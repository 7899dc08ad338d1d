//! What the store holds of deliveries when the hub starts.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use syncline_engine::deliver::{
    CursorRow, Delivery, Dispatch, EndpointRow, LaneName, Notice, Stored, decode_due,
};
use syncline_engine::rows::{Key, Scan};
use syncline_model::id::{EndpointId, Position};
use syncline_store::Read;

use super::super::{ServeError, Served};
use super::damage::{Damage, Sorted};
use super::removing::Removal;
use super::replays::read_replays;
use super::turn::{Deliveries, damaged};
use super::under_way::UnderWay;
use crate::view::for_each;

impl Deliveries {
    /// Takes up what the store holds. An endpoint of which a row cannot be read is set aside.
    ///
    /// - `now_ms`: milliseconds since the Unix epoch.
    ///
    /// # Errors
    ///
    /// [`ServeError::Hub`] if the store cannot be read.
    pub fn start(served: &Served, now_ms: u64) -> Result<Self, ServeError> {
        let rows = served.reader()?;
        let endpoints = read_endpoints(&*rows)?;
        // The hub ended before all of them was gone.
        let removed = endpoints.sound.iter().filter(|(_, row)| row.is_removed);
        let removing = removed.map(|(endpoint, _)| (endpoint.clone(), Removal::default()));
        let removing = removing.collect();
        let mut due = read_due(&*rows)?;
        let (replays, lost) = read_replays(&*rows)?;
        let types = served.catalogue();
        let types = types.damaged().map(|row| Notice::EventTypeDamaged { row: row.into() });
        let replays_lost = lost.into_iter().map(|replay| Notice::ReplayDamaged { replay });
        let mut all = Self {
            served: served.clone(),
            dispatch: Dispatch::new(),
            endpoints: BTreeMap::new(),
            replays,
            removing,
            under_way: UnderWay::default(),
            entries: BTreeMap::new(),
            entries_bytes: 0,
            now_ms,
            damaged: BTreeMap::new(),
            noticed: replays_lost.chain(types).collect(),
            entries_damaged: BTreeSet::new(),
            paused: Vec::new(),
            is_astray: false,
        };
        all.dispatch.handle_log(now_ms, served.position());
        for endpoint in &endpoints.damaged {
            let damage = Damage { table: "endpoints", row: None, settled: Position(0) };
            all.mark_damaged(endpoint, damage);
        }
        for (endpoint, row) in endpoints.sound {
            if row.is_removed {
                continue;
            }
            let row = Arc::new(row);
            let cursor = match read_cursor(&*rows, &endpoint) {
                Ok(cursor) => cursor,
                Err(error) => {
                    let table = error.damaged_table().ok_or(error)?;
                    let damage = Damage { table, row: Some(row), settled: Position(0) };
                    all.mark_damaged(&endpoint, damage);
                    continue;
                }
            };
            if due.damaged.contains(&endpoint) {
                let settled = cursor.settled;
                let damage = Damage { table: "due", row: Some(row), settled };
                all.mark_damaged(&endpoint, damage);
                continue;
            }
            let stored = Stored {
                endpoint: endpoint.clone(),
                settings: Arc::new(row.settings.clone()),
                rows: read_known(&*rows, &endpoint, cursor.settled)?,
                cursor,
                due: due.sound.remove(&endpoint).unwrap_or_default(),
            };
            let waiting = read_waiting(&*rows, &endpoint, &stored.due);
            // There are no more than were let in.
            let _ = all.dispatch.handle_stored(now_ms, stored);
            for (position, row) in waiting {
                all.dispatch.handle_left(now_ms, &endpoint, position, &row);
            }
            all.endpoints.insert(endpoint, row);
        }
        Ok(all)
    }
}

fn read_endpoints(rows: &dyn Read) -> Result<Sorted<EndpointRow>, ServeError> {
    let mut all = Sorted::default();
    rows.scan(&Scan::Endpoints, None, usize::MAX, &mut |key, bytes| {
        if let Key::Endpoint(endpoint) = key {
            match EndpointRow::decode(bytes) {
                Ok(row) => drop(all.sound.insert(endpoint.clone(), row)),
                Err(_) => drop(all.damaged.insert(endpoint.clone())),
            }
        }
        ControlFlow::Continue(())
    })?;
    Ok(all)
}

fn read_cursor(rows: &dyn Read, endpoint: &EndpointId) -> Result<CursorRow, ServeError> {
    let cursor = rows.get(&Key::Cursor(endpoint.clone()))?;
    let cursor = cursor.map(|bytes| CursorRow::decode(&bytes)).transpose();
    // One without a cursor was made, and has had nothing.
    Ok(cursor.map_err(damaged("cursors"))?.unwrap_or_default())
}

/// Returns the positions behind what is settled that have a row.
fn read_known(
    rows: &dyn Read,
    endpoint: &EndpointId,
    settled: Position,
) -> Result<BTreeSet<Position>, ServeError> {
    let mut known = BTreeSet::new();
    let scan = Scan::Deliveries { endpoint: endpoint.clone(), from: settled.next() };
    for_each(rows, &scan, |key, _| {
        if let Key::Delivery { position, .. } = key {
            known.insert(*position);
        }
        Ok(())
    })?;
    Ok(known)
}

/// Returns the rows of what an endpoint is to try again, as far as they can be read now: what is wrong with another is
/// told once its time has come.
fn read_waiting(
    rows: &dyn Read,
    endpoint: &EndpointId,
    due: &[(u64, Position, LaneName)],
) -> Vec<(Position, Delivery)> {
    let read = |position: Position| {
        let bytes = rows.get(&Key::Delivery { endpoint: endpoint.clone(), position }).ok()??;
        Some((position, Delivery::decode(&bytes).ok()?))
    };
    due.iter().filter_map(|(_, position, _)| read(*position)).collect()
}

/// What an endpoint is to try again, and when.
type Due = Vec<(u64, Position, LaneName)>;

fn read_due(rows: &dyn Read) -> Result<Sorted<Due>, ServeError> {
    let mut all = Sorted::<Due>::default();
    for_each(rows, &Scan::Due, |key, bytes| {
        if let Key::Due { due_ms, endpoint, position } = key {
            match decode_due(bytes) {
                Ok(lane) => {
                    let of = all.sound.entry(endpoint.clone()).or_default();
                    of.push((*due_ms, *position, lane));
                }
                Err(_) => drop(all.damaged.insert(endpoint.clone())),
            }
        }
        Ok(())
    })?;
    Ok(all)
}
