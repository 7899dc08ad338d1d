//! What became of one event, and what fails: read beside the machine and the writer.

use std::ops::ControlFlow;

use syncline_engine::deliver::{AttemptResult, Delivery, DeliveryState, EventRef};
use syncline_engine::log::{ChangeKind, LogEntry};
use syncline_engine::results::OperationResult;
use syncline_engine::rows::{Batch, Key, Scan};
use syncline_model::clock::Stamp;
use syncline_model::id::{ClientId, EndpointId, EventId, Position};
use syncline_model::json::Object;
use syncline_store::Read;

use super::super::{ServeError, Served};
use super::choosing::event_at;
use super::content::entry_at;
use super::endpoints::DeliveryError;
use super::turn::Deliveries;
use crate::error::HubError;
use crate::horizon::horizon;
use crate::limits::{EVENT_ENTRIES_LOOKED_AT_MAX, EVENT_NEIGHBOURS_MAX};
use crate::request::Actor;

/// Deliveries that have not succeeded, and how attempts went.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Failures {
    /// Attempts whose end is known, since the time that was asked for.
    pub attempts: u64,
    /// Those of them that failed.
    pub failed: u64,
    /// Deliveries whose latest attempt failed, or that were given up.
    pub deliveries: Vec<Delivery>,
}

/// What became of an event at one endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Became {
    /// There is no row of it.
    Nothing,
    /// What its row says.
    Known(Box<Delivery>),
    /// Its row cannot be read.
    Damaged,
}

/// An event, and what became of it at each endpoint that was asked for.
pub type EventDeliveries = (EventRef, Vec<Became>);

impl Served {
    /// Looks at the latest deliveries of endpoints.
    ///
    /// - `since_ms`: attempts from then on are counted, in milliseconds since the Unix epoch.
    /// - `rows_max`: how many deliveries of each endpoint are looked at.
    ///
    /// # Errors
    ///
    /// [`ServeError::Hub`] if they cannot be read.
    pub fn failures(
        &self,
        endpoints: &[EndpointId],
        since_ms: u64,
        rows_max: usize,
    ) -> Result<Failures, ServeError> {
        let rows = self.reader()?;
        let mut found = Failures::default();
        for endpoint in endpoints {
            let scan = Scan::DeliveriesLatest { endpoint: endpoint.clone() };
            rows.scan(&scan, None, rows_max, &mut |_, bytes| {
                // Of one that cannot be read nobody knows whether it has failed.
                if let Ok(delivery) = Delivery::decode(bytes) {
                    found.add(delivery, since_ms);
                }
                ControlFlow::Continue(())
            })?;
        }
        Ok(found)
    }

    /// Counts dead letters, of each endpoint so many at most.
    ///
    /// # Errors
    ///
    /// [`ServeError::Hub`] if they cannot be read.
    pub fn dead_letters_counted(
        &self,
        endpoints: &[EndpointId],
        most: usize,
    ) -> Result<usize, ServeError> {
        let rows = self.reader()?;
        let mut count = 0;
        for endpoint in endpoints {
            let scan = Scan::DeadLetters { endpoint: endpoint.clone() };
            rows.scan(&scan, None, most, &mut |_, _| {
                count += 1;
                ControlFlow::Continue(())
            })?;
        }
        Ok(count)
    }

    /// Returns where an event stands in the log by the change that it was emitted with; `None` if the log has forgotten it.
    ///
    /// # Errors
    ///
    /// [`ServeError::Hub`] if it cannot be read.
    pub fn event_place(
        &self,
        event: &EventId,
        stamp: Stamp,
    ) -> Result<Option<Position>, ServeError> {
        let rows = self.reader()?;
        Ok(stamped(&*rows, self.position(), event, stamp)?.map(|found| found.position))
    }

    /// Returns an event by its id, and what became of it at endpoints that have a row of it; `None` if nothing is
    /// known of it any more.
    ///
    /// - `client`: whose first operation it is, if it was emitted under the id.
    ///
    /// # Errors
    ///
    /// [`ServeError::Hub`] if it cannot be read.
    pub fn event_deliveries(
        &self,
        event: &EventId,
        client: &ClientId,
        endpoints: &[EndpointId],
    ) -> Result<Option<EventDeliveries>, ServeError> {
        let rows = self.reader()?;
        let Some(found) = find(&*rows, self.position(), event, client)? else { return Ok(None) };
        let mut deliveries = Vec::with_capacity(endpoints.len());
        for endpoint in endpoints {
            let key = Key::Delivery { endpoint: endpoint.clone(), position: found.position };
            deliveries.push(match rows.get(&key)?.map(|bytes| Delivery::decode(&bytes)) {
                None => Became::Nothing,
                Some(Ok(delivery)) => Became::Known(Box::new(delivery)),
                Some(Err(_)) => Became::Damaged,
            });
        }
        Ok(Some((found, deliveries)))
    }
}

impl Failures {
    fn add(&mut self, delivery: Delivery, since_ms: u64) {
        for attempt in delivery.attempts.iter().filter(|attempt| attempt.at_ms >= since_ms) {
            match attempt.result {
                AttemptResult::Delivered => self.attempts += 1,
                AttemptResult::Failed => {
                    (self.attempts, self.failed) = (self.attempts + 1, self.failed + 1)
                }
                // It is under way, or nobody knows.
                _ => {}
            }
        }
        let has_failed =
            delivery.attempts.last().is_some_and(|one| one.result == AttemptResult::Failed);
        let is_over = matches!(delivery.state, DeliveryState::Delivered | DeliveryState::Cancelled);
        if delivery.state == DeliveryState::Dead || (has_failed && !is_over) {
            self.deliveries.push(delivery);
        }
    }
}

impl Deliveries {
    /// Has what is due soon be tried at once; answers how many deliveries. What is due later keeps its
    /// time: were all attempts made early, none would be left for an application that is away for hours.
    ///
    /// - `within_ms`: how soon.
    /// - `most`: how many at most.
    ///
    /// # Errors
    ///
    /// [`DeliveryError`]; nothing is changed.
    pub fn hasten(
        &mut self,
        now_ms: u64,
        within_ms: u64,
        most: usize,
        actor: &Actor,
    ) -> Result<usize, DeliveryError> {
        let now = self.at(now_ms);
        let mut due = Vec::new();
        let read = self.served.reader()?.scan(&Scan::Due, None, most, &mut |key, _| match key {
            Key::Due { due_ms, endpoint, position } if *due_ms <= now.saturating_add(within_ms) => {
                due.push((endpoint.clone(), *position));
                ControlFlow::Continue(())
            }
            _ => ControlFlow::Break(()),
        });
        read.map_err(ServeError::from)?;
        let (mut batch, mut count) = (Batch::new(), 0);
        for (endpoint, position) in due {
            // Some are under way by now.
            count += usize::from(
                self.dispatch.handle_retry(now, &endpoint, position, &mut batch).is_ok(),
            );
        }
        if count > 0 {
            let mut details = Object::new();
            details.insert("count", count as u64);
            self.note_details(batch, "DELIVERIES_HASTENED", details, actor)?;
        }
        Ok(count)
    }
}

/// Finds an event in the log.
fn find(
    rows: &dyn Read,
    end: Position,
    event: &EventId,
    client: &ClientId,
) -> Result<Option<EventRef>, ServeError> {
    // The id of a change says where it stands.
    let said = event.as_str().strip_prefix("chg_").and_then(|rest| rest.rsplit('_').next());
    if let Some(position) = said.and_then(|text| text.parse().ok()) {
        return is_it(rows, Position(position), event);
    }
    let result = rows.get(&Key::Result { client: client.clone(), counter: 1 })?;
    let result = result.map(|bytes| OperationResult::decode(&bytes)).transpose();
    let result = result.map_err(|source| HubError::Damaged { table: "results", source })?;
    if let Some(stamp) = result.and_then(|result| result.fate.logged())
        && let Some(found) = stamped(rows, end, event, stamp)?
    {
        return Ok(Some(found));
    }
    // One without an id of its own is found only while it is among the latest.
    let (mut found, mut looked_at) = (None, 0);
    let first = end.0.saturating_sub(EVENT_ENTRIES_LOOKED_AT_MAX).max(horizon(rows)?.0);
    while found.is_none() && looked_at < end.0 - first {
        found = is_it(rows, Position(end.0 - looked_at), event)?;
        looked_at += 1;
    }
    Ok(found)
}

/// Finds an event that was emitted with a change: it stands behind that, under one stamp.
fn stamped(
    rows: &dyn Read,
    end: Position,
    event: &EventId,
    stamp: Stamp,
) -> Result<Option<EventRef>, ServeError> {
    let Some(position) = place_of(rows, end, stamp)? else { return Ok(None) };
    for step in 0..EVENT_NEIGHBOURS_MAX {
        if let Some(found) = is_it(rows, Position(position.0 + step), event)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Reads an entry of the log; nothing where it is forgotten or cannot be read: others are looked for behind it.
fn readable_at(rows: &dyn Read, position: Position) -> Result<Option<LogEntry>, ServeError> {
    match entry_at(rows, position) {
        Err(error) if error.damaged_table().is_some() => Ok(None),
        found => found,
    }
}

fn is_it(
    rows: &dyn Read,
    position: Position,
    event: &EventId,
) -> Result<Option<EventRef>, ServeError> {
    let Some(entry) = readable_at(rows, position)? else { return Ok(None) };
    let found = event_at(position, &entry, 0).filter(|found| found.event == *event);
    Ok(found.map(|found| EventRef::clone(&found)))
}

/// Returns the first place in the log of a stamp: stamps rise with it.
fn place_of(rows: &dyn Read, end: Position, stamp: Stamp) -> Result<Option<Position>, ServeError> {
    let (mut low, mut high) = (horizon(rows)?.0 + 1, end.0 + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        let (at, entry) = match own_at(rows, middle, high)? {
            Some(found) => found,
            None => {
                high = middle;
                continue;
            }
        };
        match entry.stamp.clock < stamp.clock {
            true => low = at + 1,
            false => high = middle,
        }
    }
    let found = own_at(rows, low, end.0 + 1)?.filter(|(_, entry)| entry.stamp == stamp);
    Ok(found.map(|(at, _)| Position(at)))
}

/// Returns the next entry whose stamp was given when it was logged: what a mirror replaced has an older one.
fn own_at(rows: &dyn Read, from: u64, until: u64) -> Result<Option<(u64, LogEntry)>, ServeError> {
    for at in from..until {
        if let Some(entry) = readable_at(rows, Position(at))?
            && entry.kind != ChangeKind::Overwrite
        {
            return Ok(Some((at, entry)));
        }
    }
    Ok(None)
}
