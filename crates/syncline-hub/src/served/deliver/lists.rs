//! What a reader of the store knows of deliveries: nobody waits for the machine to be told.

use syncline_engine::deliver::{Delivery, EndpointRow};
use syncline_engine::rows::Key;
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
