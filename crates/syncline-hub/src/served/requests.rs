//! Requests that may be repeated: what the key of each stood for.

use syncline_engine::rows::{Batch, Key};
use syncline_model::id::{ClientId, DomainName, EntityName, RecordId};

use super::{ServeError, Served};

/// Under which name they are remembered, beside what receivers took. No receiver is called so: their names have no
/// such sign.
const MEMORY: &str = "idempotency_keys";

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
        batch.put(key_of(key), row);
        self.commit_rows(batch)
    }

    /// Returns whether the first operation of a client was decided on.
    ///
    /// # Errors
    ///
    /// [`ServeError::Hub`] if it cannot be read.
    pub fn has_result(&self, client: &ClientId) -> Result<bool, ServeError> {
        let key = Key::Result { client: client.clone(), counter: 1 };
        Ok(self.reader()?.get(&key)?.is_some())
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
