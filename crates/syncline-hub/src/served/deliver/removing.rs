//! Endpoints that were removed: what is known of their deliveries is deleted piece by piece, between the turns of
//! the others. A hub that ends meanwhile goes on with it when it starts.

use std::ops::ControlFlow;

use syncline_engine::deliver::{EndpointRow, Refusal};
use syncline_engine::rows::{Batch, Key, Scan};
use syncline_model::id::{EndpointId, Position};
use syncline_store::Read;

use super::super::ServeError;
use super::damage::Damage;
use super::endpoints::DeliveryError;
use super::turn::Deliveries;
use crate::limits::DELIVERIES_REMOVED_AT_ONCE;
use crate::request::Actor;

/// How far the rows of a removed endpoint are deleted.
#[derive(Debug, Default)]
pub(super) struct Removal {
    /// Behind which row those of what is due are still to be looked through: they are in the order of time.
    due_after: Option<Key>,
}

impl Deliveries {
    /// Removes an endpoint: nothing is sent to it any more. What is known of its deliveries is deleted at once or, of
    /// many, with the next turns; until then no other may have its id.
    ///
    /// # Errors
    ///
    /// [`DeliveryError`]; the endpoint may be removed and its rows left, which the next start deletes.
    pub fn remove(&mut self, id: &EndpointId, actor: &Actor) -> Result<(), DeliveryError> {
        let damaged = self.damaged.get(id).map(Damage::row);
        let row = damaged.or_else(|| self.endpoints.get(id).cloned());
        let row = row.ok_or(Refusal::EndpointUnknown)?;
        let gone = EndpointRow { is_removed: true, ..EndpointRow::clone(&row) };
        let mut batch = Batch::new();
        batch.put(Key::Endpoint(id.clone()), gone.encode());
        self.note(batch, "ENDPOINT_REMOVED", id, None, actor)?;
        self.dispatch.handle_removed(id);
        self.endpoints.remove(id);
        self.damaged.remove(id);
        self.removing.insert(id.clone(), Removal::default());
        let mut batch = Batch::new();
        let removed = self.removal_piece(&mut batch);
        let removed = removed.and_then(|()| self.served.commit_rows(batch));
        // The next start goes on where this one ended.
        self.is_astray |= removed.is_err();
        Ok(removed?)
    }

    /// Deletes the next rows of one endpoint that was removed, its own last. They are to be committed before the next
    /// piece is looked for.
    pub(super) fn removal_piece(&mut self, batch: &mut Batch) -> Result<(), ServeError> {
        let Some(mut removal) = self.removing.first_entry() else { return Ok(()) };
        let rows = self.served.reader()?;
        if delete_some(&*rows, &removal.key().clone(), removal.get_mut(), batch)? {
            removal.remove();
        }
        Ok(())
    }
}

/// Deletes some rows of an endpoint. Answers whether nothing is left of it.
fn delete_some(
    rows: &dyn Read,
    id: &EndpointId,
    removal: &mut Removal,
    batch: &mut Batch,
) -> Result<bool, ServeError> {
    let mut left = DELIVERIES_REMOVED_AT_ONCE;
    let (endpoint, from) = (id.clone(), Position(0));
    let scans = [
        Scan::Deliveries { endpoint: endpoint.clone(), from },
        Scan::Lanes { endpoint: endpoint.clone() },
        Scan::DeadLetters { endpoint },
    ];
    for scan in scans {
        rows.scan(&scan, None, left, &mut |key, _| {
            batch.delete(key.clone());
            left -= 1;
            ControlFlow::Continue(())
        })?;
        if left == 0 {
            return Ok(false);
        }
    }
    let after = removal.due_after.take();
    rows.scan(&Scan::Due, after.as_ref(), left, &mut |key, _| {
        if matches!(key, Key::Due { endpoint, .. } if endpoint == id) {
            batch.delete(key.clone());
        }
        left -= 1;
        removal.due_after = Some(key.clone());
        ControlFlow::Continue(())
    })?;
    if left == 0 {
        return Ok(false);
    }
    batch.delete(Key::Cursor(id.clone())).delete(Key::Endpoint(id.clone()));
    Ok(true)
}
