//! What a reader of the store knows of deliveries: nobody waits for the machine to be told.

use std::ops::ControlFlow;

use syncline_engine::deliver::{Delivery, EndpointRow};
use syncline_engine::rows::{Key, Scan};
use syncline_model::codec::DecodeError;
use syncline_model::id::{EndpointId, Position};

use super::super::{ServeError, Served};
use super::content::{Content, content, entry_at};
use crate::error::HubError;

impl Served {
    /// Returns whether there is an endpoint of that id, whether its rows can be read or not.
    ///
    /// # Errors
    ///
    /// [`ServeError::Hub`] if the store cannot be read.
    pub fn has_endpoint(&self, id: &EndpointId) -> Result<bool, ServeError> {
        let row = self.reader()?.get(&Key::Endpoint(id.clone()))?;
        let is_removed = |row: &EndpointRow| row.is_removed;
        Ok(row.is_some_and(|row| !EndpointRow::decode(&row).as_ref().is_ok_and(is_removed)))
    }

    /// Returns deliveries of an endpoint, the latest first.
    ///
    /// - `before`: only those of events before this place in the log.
    ///
    /// # Errors
    ///
    /// [`ServeError::Hub`] if they cannot be read.
    pub fn deliveries(
        &self,
        id: &EndpointId,
        before: Option<Position>,
        limit: usize,
    ) -> Result<Vec<(Position, Delivery)>, ServeError> {
        let (mut found, mut error) = (Vec::new(), None);
        let after = before.map(|position| Key::Delivery { endpoint: id.clone(), position });
        let scan = Scan::DeliveriesLatest { endpoint: id.clone() };
        self.reader()?.scan(&scan, after.as_ref(), limit, &mut |key, bytes| {
            let Key::Delivery { position, .. } = key else { return ControlFlow::Continue(()) };
            match Delivery::decode(bytes) {
                Ok(delivery) => found.push((*position, delivery)),
                Err(source) => error = Some(damaged(source)),
            }
            if error.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        error.map_or(Ok(found), |error| Err(error.into()))
    }

    /// Returns what the event of a delivery says now; `None` if there is no such delivery, or nothing is kept.
    ///
    /// # Errors
    ///
    /// [`ServeError::Hub`] if it cannot be read.
    pub fn delivery_data(
        &self,
        id: &EndpointId,
        position: Position,
    ) -> Result<Option<Content>, ServeError> {
        let rows = self.reader()?;
        let key = Key::Delivery { endpoint: id.clone(), position };
        let delivery = rows.get(&key)?.map(|bytes| Delivery::decode(&bytes)).transpose();
        let Some(delivery) = delivery.map_err(damaged)? else { return Ok(None) };
        let Some(entry) = entry_at(&*rows, position)? else { return Ok(None) };
        content(&*rows, self, &delivery.event_ref(position), &entry)
    }
}

fn damaged(source: DecodeError) -> HubError {
    HubError::Damaged { table: "deliveries", source }
}
