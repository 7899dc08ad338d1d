//! Deliveries that were given up, and single ones, as a reader of the store knows them.

use std::ops::ControlFlow;

use syncline_engine::deliver::{DeadLetter, Delivery};
use syncline_engine::rows::{Key, Scan, Table};
use syncline_model::id::{EndpointId, Position};

use super::super::{Listed, ServeError, Served};
use super::turn::damaged;
use crate::limits::RECORDS_LISTED_MAX;

/// A delivery that was given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadDelivery {
    /// To which endpoint.
    pub endpoint: EndpointId,
    /// The event's place in the log.
    pub position: Position,
    /// When and why it was given up; `None` if that cannot be read.
    pub letter: Option<DeadLetter>,
    /// What became of it until then; `None` if that is forgotten, or cannot be read.
    pub delivery: Option<Delivery>,
    /// The table of a row of it that cannot be read, if there is one.
    pub damaged: Option<&'static str>,
}

impl Served {
    /// Returns deliveries that were given up, by endpoint and place in the log, behind a key.
    ///
    /// # Errors
    ///
    /// [`ServeError::Hub`] if the store cannot be read.
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
        let mut letters = Vec::new();
        rows.scan(&scan, after, limit, &mut |key, bytes| {
            if let Key::DeadLetter { endpoint, position } = key {
                letters.push((endpoint.clone(), *position, DeadLetter::decode(bytes).ok()));
            }
            ControlFlow::Continue(())
        })?;
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
            let row = row.map(|bytes| Delivery::decode(&bytes)).transpose();
            let damaged = match (&letter, &row) {
                (None, _) => Some("dead_letters"),
                (_, Err(_)) => Some("deliveries"),
                _ => None,
            };
            let delivery = row.ok().flatten();
            found.push(DeadDelivery { endpoint, position, letter, delivery, damaged });
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
        Ok(delivery.map_err(damaged("deliveries"))?)
    }
}
