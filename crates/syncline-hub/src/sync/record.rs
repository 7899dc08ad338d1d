//! What is stored of the plans: rows, made on a thread of its own while the next records are planned.

use std::sync::mpsc::{Receiver, SyncSender};

use syncline_engine::conflicts::ConflictRow;
use syncline_engine::rows::Key;
use syncline_engine::sync::{RecordPlan, Recording, Transaction};
use syncline_engine::undo::Found;
use syncline_model::id::RecordId;
use syncline_store::{Piece, StoreError};

use crate::error::HubError;
use crate::limits::PIECE_BYTES;

/// The plans of some records of one entity.
pub(super) struct Plans {
    /// Under which names they are stored.
    pub(super) names: Recording,
    /// The bases that tell of another file than the domain's.
    pub(super) forgotten: Vec<Key>,
    /// The records.
    pub(super) records: Vec<PlannedRecord>,
}

/// The plan of one record.
pub(super) struct PlannedRecord {
    pub(super) id: RecordId,
    pub(super) plan: RecordPlan,
    /// What was stored of it.
    pub(super) found: Found,
    /// The conflicts of the record that are stored.
    pub(super) listed: Vec<ConflictRow>,
}

/// Turns all plans into rows, which go to the store in pieces; answers the transaction without them.
pub(super) fn record_all(
    mut transaction: Transaction,
    plans: &Receiver<Plans>,
    pieces: &SyncSender<Piece>,
) -> Result<Transaction, HubError> {
    for Plans { names, forgotten, records } in plans {
        for base in forgotten {
            transaction.batch.delete(base);
        }
        for PlannedRecord { id, plan, found, listed } in records {
            let added = transaction.add_record(&names, &id, &plan, &found, listed);
            added.map_err(|_| HubError::Row { table: "audit" })?;
        }
        if transaction.batch.bytes() >= PIECE_BYTES {
            send(pieces, Piece::Rows(std::mem::take(&mut transaction.batch)))?;
        }
    }
    Ok(transaction)
}

/// Hands something on to the next thread. That one is gone only if it has failed, and then says why
/// itself.
pub(super) fn send<T>(to: &SyncSender<T>, what: T) -> Result<(), HubError> {
    to.send(what).map_err(|_| HubError::Store(StoreError::Stopped))
}
