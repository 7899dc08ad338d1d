//! What a reader of the store knows of deliveries: nobody waits for the machine to be told.

use std::sync::Arc;

use syncline_engine::deliver::{CursorRow, Delivery, EndpointRow, EventRef};
use syncline_engine::log::LogEntry;
use syncline_engine::rows::Key;
use syncline_model::id::{EndpointId, Position};
use syncline_store::Read;

use super::super::{ServeError, Served};
use super::choosing::event_at;
use super::content::{Content, content, entry_at};
use super::turn::damaged;

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
        let delivery = delivery.map_err(damaged("deliveries"))?;
        let Some(entry) = entry_at(&*rows, position)? else { return Ok(None) };
        let event = match delivery {
            Some(delivery) => Some(delivery.event_ref(position)),
            None => first_attempted(&*rows, id, position, &entry)?,
        };
        event.map_or(Ok(None), |event| content(&*rows, self, &event, &entry))
    }
}

/// Returns the event at a place, if an endpoint is being told of it for the first time: it may ask what the event says
/// before it answers, and there is no row before that.
fn first_attempted(
    rows: &dyn Read,
    id: &EndpointId,
    position: Position,
    entry: &LogEntry,
) -> Result<Option<Arc<EventRef>>, ServeError> {
    let keys = [Key::Endpoint(id.clone()), Key::Cursor(id.clone())];
    let [Some(endpoint), Some(cursor)] = &rows.get_many(&keys)?[..] else { return Ok(None) };
    let endpoint = EndpointRow::decode(endpoint).map_err(damaged("endpoints"))?;
    let cursor = CursorRow::decode(cursor).map_err(damaged("cursors"))?;
    let is_told = |event: &Arc<EventRef>| {
        cursor.is_first_attempted(position) && endpoint.settings.filter.matches(&event.event_type)
    };
    Ok(event_at(position, entry, 0).filter(is_told))
}
