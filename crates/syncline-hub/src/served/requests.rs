//! Requests that may be repeated: what the key of each stood for.

use std::ops::ControlFlow;

use syncline_engine::results::OperationResult;
use syncline_engine::rows::{Batch, Key, Scan, Table};
use syncline_model::id::{ClientId, DomainName, EntityName, RecordId};

use super::{ServeError, Served};
use crate::error::HubError;
use crate::hub::Hub;
use crate::limits::RECEIVED_FORGOTTEN_AT_ONCE;

/// Under which name they are remembered, beside what receivers took. No receiver is called so: their names have no
/// such sign.
const MEMORY: &str = "idempotency_keys";

/// What is to be remembered of the key of a request, with what the request does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptRequest {
    /// The key.
    pub key: RecordId,
    /// What is remembered of it.
    pub row: Vec<u8>,
}

impl KeptRequest {
    pub(super) fn put(self, batch: &mut Batch) {
        batch.put(key_of(&self.key), self.row);
    }
}

/// What was forgotten of requests at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ForgottenRequests {
    /// Their keys.
    pub keys: Vec<RecordId>,
    /// Where to go on, if not all were looked at.
    pub next: Option<RecordId>,
}

impl Served {
    /// Returns what is remembered of the key of a request.
    ///
    /// # Errors
    ///
    /// [`ServeError::Hub`] if it cannot be read.
    pub fn kept_request(&self, key: &RecordId) -> Result<Option<Vec<u8>>, ServeError> {
        Ok(self.reader()?.get(&key_of(key))?)
    }

    /// Remembers the key of a request; blocks. It is on disk when this returns.
    ///
    /// # Errors
    ///
    /// [`ServeError`] if it cannot be stored.
    pub fn keep_request(&self, key: &RecordId, row: Vec<u8>) -> Result<(), ServeError> {
        let mut batch = Batch::new();
        KeptRequest { key: key.clone(), row }.put(&mut batch);
        self.commit_rows(batch)
    }

    /// Forgets requests, some of them at once; blocks. What operations made of them is not forgotten.
    ///
    /// - `after`: where the last piece has ended.
    /// - `is_over`: whether a request is kept no longer, by its key and what is remembered of it.
    ///
    /// # Errors
    ///
    /// [`ServeError`] if the store fails; nothing of the piece is forgotten.
    pub fn forget_requests(
        &self,
        after: Option<&RecordId>,
        is_over: impl Fn(&RecordId, &[u8]) -> bool + Send + 'static,
    ) -> Result<ForgottenRequests, ServeError> {
        let first = RecordId::new(" ").expect("invariant: the least sign");
        let (after, mut looked_at) = (key_of(after.unwrap_or(&first)), 0);
        let (mut old, mut last) = (Vec::new(), None);
        self.reader()?.scan(
            &Scan::Whole(Table::Received),
            Some(&after),
            RECEIVED_FORGOTTEN_AT_ONCE,
            &mut |key, row| match key {
                Key::Received { receiver, id, .. } if receiver.as_str() == MEMORY => {
                    (looked_at, last) = (looked_at + 1, Some(id.clone()));
                    old.extend(is_over(id, row).then(|| id.clone()));
                    ControlFlow::Continue(())
                }
                _ => ControlFlow::Break(()),
            },
        )?;
        let next = last.filter(|_| looked_at == RECEIVED_FORGOTTEN_AT_ONCE);
        if old.is_empty() {
            return Ok(ForgottenRequests { keys: Vec::new(), next });
        }
        // In the writer's turn: what has been written since is not old any more.
        let forget = move |hub: &mut Hub| {
            let keys: Vec<Key> = old.iter().map(key_of).collect();
            let rows = hub.store.get_many(&keys)?;
            let is_old = |(id, row): &(&RecordId, Option<Vec<u8>>)| {
                row.as_deref().is_some_and(|row| is_over(id, row))
            };
            let keys: Vec<_> =
                old.iter().zip(rows).filter(is_old).map(|(id, _)| id.clone()).collect();
            let mut batch = Batch::new();
            for key in &keys {
                batch.delete(key_of(key));
            }
            hub.store.commit(&batch).map(|()| keys)
        };
        let keys = self.with_hub(forget)?.map_err(HubError::from)?;
        Ok(ForgottenRequests { keys, next })
    }

    /// Returns whether the first operation of a client was applied; `None` if it was not decided on.
    ///
    /// # Errors
    ///
    /// [`ServeError::Hub`] if it cannot be read.
    pub fn was_applied(&self, client: &ClientId) -> Result<Option<bool>, ServeError> {
        let key = Key::Result { client: client.clone(), counter: 1 };
        let result = self.reader()?.get(&key)?.map(|bytes| OperationResult::decode(&bytes));
        let result = result.transpose();
        let result = result.map_err(|source| HubError::Damaged { table: "results", source })?;
        Ok(result.map(|result| !result.fate.is_refused()))
    }
}

fn key_of(key: &RecordId) -> Key {
    let (name, entity) = (DomainName::new(MEMORY), EntityName::new("requests"));
    Key::Received {
        receiver: name.expect("invariant: a short word"),
        entity: entity.expect("invariant: a short word"),
        id: key.clone(),
    }
}
