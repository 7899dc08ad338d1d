//! Deliveries that were given up, and single ones, as a reader of the store knows them.

use std::ops::ControlFlow;

use syncline_engine::deliver::{DeadLetter, Delivery};
use syncline_engine::rows::{Key, Scan, Table};
use syncline_model::codec::DecodeError;
use syncline_model::id::{EndpointId, Position};

use super::super::{Listed, ServeError, Served};
use crate::error::HubError;
use crate::limits::RECORDS_LISTED_MAX;

/// A delivery that was given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadDelivery {
    /// To which endpoint.
    pub endpoint: EndpointId,
    /// The event's place in the log.
    pub position: Position,
    /// When and why it was given up.
    pub letter: DeadLetter,
    /// What became of it until then; `None` if that is forgotten.
    pub delivery: Option<Delivery>,
}

impl Served {
    /// Returns deliveries that were given up, by endpoint and place in the log, behind a key.
    ///
    /// # Errors
    ///
    /// [`ServeError::Hub`] if they cannot be read.
    pub fn dead_deliveries(
        &self,
        endpoint: Option<&EndpointId>,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Listed<DeadDelivery>, ServeError> {
        let scan = match endpoint.cloned() {
            Some(endpoint) => Scan::DeadLetters { endpoint },
            None => Scan::Whole(Table::DeadLetters),
        };
        let limit = limit.clamp(1, RECORDS_LISTED_MAX);
        let rows = self.reader()?;
        let (mut letters, mut error) = (Vec::new(), None);
        rows.scan(&scan, after, limit, &mut |key, bytes| {
            let Key::DeadLetter { endpoint, position } = key else {
                return ControlFlow::Continue(());
            };
            match DeadLetter::decode(bytes) {
                Ok(letter) => letters.push((endpoint.clone(), *position, letter)),
                Err(source) => error = Some(damaged("dead_letters", source)),
            }
            if error.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        if let Some(error) = error {
            return Err(error.into());
        }
        let keys: Vec<Key> = letters
            .iter()
            .map(|(endpoint, position, _)| Key::Delivery {
                endpoint: endpoint.clone(),
                position: *position,
            })
            .collect();
        let deliveries = rows.get_many(&keys)?;
        let mut found = Vec::with_capacity(letters.len());
        for ((endpoint, position, letter), row) in letters.into_iter().zip(deliveries) {
            let delivery = row.map(|bytes| Delivery::decode(&bytes)).transpose();
            let delivery = delivery.map_err(|source| damaged("deliveries", source))?;
            found.push(DeadDelivery { endpoint, position, letter, delivery });
        }
        let key = |dead: &DeadDelivery| Key::DeadLetter {
            endpoint: dead.endpoint.clone(),
            position: dead.position,
        };
        let next = found.last().filter(|_| found.len() == limit).map(key);
        Ok((found, next))
    }

    /// Returns what became of an event at an endpoint; `None` if nothing is known of it.
    ///
    /// # Errors
    ///
    /// [`ServeError::Hub`] if it cannot be read.
    pub fn delivery(
        &self,
        endpoint: &EndpointId,
        position: Position,
    ) -> Result<Option<Delivery>, ServeError> {
        let key = Key::Delivery { endpoint: endpoint.clone(), position };
        let row = self.reader()?.get(&key)?;
        let delivery = row.map(|bytes| Delivery::decode(&bytes)).transpose();
        Ok(delivery.map_err(|source| damaged("deliveries", source))?)
    }
}

fn damaged(table: &'static str, source: DecodeError) -> HubError {
    HubError::Damaged { table, source }
}
