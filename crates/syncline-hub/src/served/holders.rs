//! Who speaks as which client.
//!
//! Operations are known by the name of their client and a number. Where rules of access keep somebody from
//! something, nobody may use up another one's numbers: the first who speaks as a client is the only one
//! who does.

use syncline_engine::rows::{Batch, Key, MetaName};
use syncline_model::id::ClientId;

use super::{ServeError, Served};
use crate::error::HubError;
use crate::hub::Hub;

impl Served {
    /// Takes note of who speaks as a client, if nobody has before.
    ///
    /// - `holder`: whatever is the same of all tokens of one who speaks.
    ///
    /// # Errors
    ///
    /// [`ServeError::ClientOfAnother`] if another one was first; [`ServeError::Hub`].
    pub fn claim(&self, client: &ClientId, holder: &str) -> Result<(), ServeError> {
        if let Some(known) = self.reader()?.get(&key(client)?)? {
            return judge(&known, holder);
        }
        let (client, holder) = (client.clone(), holder.to_owned());
        self.with_hub(move |hub| hub.claim(&client, &holder))?
    }

    /// Returns whether somebody may speak as a client, without taking note of it.
    ///
    /// # Errors
    ///
    /// As [`Served::claim`].
    pub fn may_claim(&self, client: &ClientId, holder: &str) -> Result<(), ServeError> {
        let known = self.reader()?.get(&key(client)?)?;
        known.map_or(Ok(()), |known| judge(&known, holder))
    }
}

impl Hub {
    fn claim(&mut self, client: &ClientId, holder: &str) -> Result<(), ServeError> {
        let key = key(client)?;
        // Somebody may have come first meanwhile.
        if let Some(known) = self.store.get(&key)? {
            return judge(&known, holder);
        }
        let mut batch = Batch::new();
        batch.put(key, blake3::hash(holder.as_bytes()).as_bytes().to_vec());
        let (clock, position, frontier) = (self.clock, self.position, self.frontier.clone());
        Ok(self.commit(batch, clock, position, frontier)?)
    }
}

fn judge(known: &[u8], holder: &str) -> Result<(), ServeError> {
    match *blake3::hash(holder.as_bytes()).as_bytes() == *known {
        true => Ok(()),
        false => Err(ServeError::ClientOfAnother),
    }
}

/// Returns the row that says who speaks as a client.
fn key(client: &ClientId) -> Result<Key, HubError> {
    let hash = blake3::hash(client.as_str().as_bytes()).to_hex();
    let name = MetaName::new(&format!("holder.{}", hash.split_at(32).0));
    Ok(Key::Meta(name.map_err(|_| HubError::Row { table: "meta" })?))
}
