//! The client: what an app calls.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use syncline_merge::operation::Effect;
use syncline_model::id::{ClientId, EntityName, OperationId, RecordId};
use syncline_protocol::change::OpenConflict;

use crate::connection::Connection;
use crate::edit::Edit;
use crate::error::ClientError;
use crate::machine;
use crate::options::Options;
use crate::query::Query;
use crate::record::Record;
use crate::state::{Shared, State};
use crate::status::{Notice, Status};
use crate::store::{Draft, Key, Queued, Refusal, Rows, Store};
use crate::subscription::{Live, Subscription};

/// A client of a hub: its records are in a file, its edits are queued there and shown at once, and what
/// others do comes in while it is connected. It works the same without a network.
///
/// Calls may come from any thread. Dropping it closes it; what was edited stays queued in the file.
pub struct Client {
    shared: Arc<Shared>,
    connection: Connection,
}

/// Edits that were queued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edited {
    operations: Vec<OperationId>,
}

/// What became of edits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The hub has them all, on disk.
    Confirmed,
    /// One was refused, and those after it were set aside with it.
    Refused(OperationId, Refusal),
}

/// An operation that waits for the hub, or was refused by it.
#[derive(Clone, Debug, PartialEq)]
pub struct Waiting {
    /// Its id.
    pub operation: OperationId,
    /// The type of record.
    pub entity: EntityName,
    /// The record.
    pub id: RecordId,
    /// What it does.
    pub effect: Effect,
    /// When it was made, in milliseconds since the Unix epoch.
    pub edited_ms: u64,
    /// Why it was refused; `None` while it waits.
    pub refusal: Option<Refusal>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

impl Edited {
    /// Returns the ids of the operations, in order.
    pub fn operations(&self) -> &[OperationId] {
        &self.operations
    }
}

impl From<Queued> for Waiting {
    fn from(queued: Queued) -> Self {
        let Queued { client, operation, refusal, .. } = queued;
        Self {
            operation: OperationId { client, counter: operation.counter },
            entity: operation.entity,
            id: operation.id,
            effect: operation.effect,
            edited_ms: operation.edited_ms,
            refusal,
        }
    }
}

impl Client {
    /// Opens the client's file, and begins to connect in the background if there is an address.
    ///
    /// # Errors
    ///
    /// [`ClientError::Store`] if another process has the file open, the key does not open it, or it is not
    /// one that this program can read; [`ClientError::Address`], [`ClientError::Id`] for what is none.
    pub fn open(options: Options) -> Result<Self, ClientError> {
        let name = options.name.as_deref().map(ClientId::new).transpose()?;
        let follows = options.follows()?;
        let mut store = Store::open(&options.path, name.as_ref(), options.key.as_ref())?;
        store.follow(&follows)?;
        let mut connection = Connection::new(&options)?;
        let shared = Shared::new(store, connection.waker())?;
        connection.start(&shared, options)?;
        Ok(Self { shared, connection })
    }

    /// Returns what its threads share.
    #[cfg(feature = "simulated")]
    pub(crate) fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.shared)
    }

    /// Returns the name that the hub knows the client by.
    pub fn id(&self) -> ClientId {
        self.shared.lock().store.client().clone()
    }

    /// Edits a record, which begins to be where it is not. The edit is durable when this returns, is
    /// shown at once, and is sent when that is possible.
    ///
    /// # Errors
    ///
    /// [`ClientError::Edit`] if a step cannot be made, [`ClientError::QueueFull`],
    /// [`ClientError::Store`]: nothing was changed.
    pub fn edit(
        &self,
        entity: &str,
        id: &str,
        edit: impl FnOnce(Edit) -> Edit,
    ) -> Result<Edited, ClientError> {
        self.transaction(|all| all.edit(entity, id, edit))
    }

    /// Deletes a record.
    ///
    /// # Errors
    ///
    /// As [`edit`](Self::edit).
    pub fn delete(&self, entity: &str, id: &str) -> Result<Edited, ClientError> {
        self.transaction(|all| all.delete(entity, id))
    }

    /// Makes several edits in one step, each after the one before it: they are queued together or not at
    /// all, and if the hub refuses one, all after it are set aside with it.
    ///
    /// ```
    /// # use syncline_client::{Client, Options};
    /// # let folder = tempfile::tempdir()?;
    /// # let client = Client::open(Options::offline(folder.path().join("app.db")))?;
    /// client.transaction(|all| {
    ///     all.edit("orders", "7", |r| r.set("/state", "paid"))?;
    ///     all.edit("stock", "red", |r| r.increment("/count", -1))
    /// })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`edit`](Self::edit), and whatever the closure answers.
    pub fn transaction(
        &self,
        edits: impl FnOnce(&mut Transaction<'_>) -> Result<(), ClientError>,
    ) -> Result<Edited, ClientError> {
        let mut state = self.shared.lock();
        if state.closed {
            return Err(ClientError::Closed);
        }
        let mut all = Transaction { store: &mut state.store, drafts: Vec::new() };
        edits(&mut all)?;
        let drafts = all.drafts;
        if drafts.is_empty() {
            return Ok(Edited { operations: Vec::new() });
        }
        let keys: Vec<Key> = drafts.iter().map(|draft| draft.key.clone()).collect();
        let operations = state.store.enqueue(drafts, machine::now_ms())?;
        self.show(state, &keys)?;
        Ok(Edited { operations })
    }

    /// Tells subscribers, and the connection, that these records are shown otherwise.
    fn show(
        &self,
        mut state: std::sync::MutexGuard<'_, State>,
        keys: &[Key],
    ) -> Result<(), ClientError> {
        state.show(keys)?;
        drop(state);
        self.shared.tell();
        self.shared.wake();
        Ok(())
    }

    /// Returns a record as it is shown: confirmed, with the edits that wait; `None` if it is not there.
    ///
    /// # Errors
    ///
    /// [`ClientError::Id`], [`ClientError::Store`].
    pub fn get(&self, entity: &str, id: &str) -> Result<Option<Record>, ClientError> {
        let key = key(entity, id)?;
        let kept = self.shared.reader().read()?.rows().kept(&key)?;
        Ok(Record::of(&key, &kept))
    }

    /// Returns the records that a query asks for, in its order.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub fn query(&self, query: &Query) -> Result<Vec<Record>, ClientError> {
        let records = all_of(self.shared.reader().read()?.rows(), query.entity())?;
        let accepted = records.into_iter().filter(|record| query.accepts(record));
        let mut records: Vec<Record> = accepted.collect();
        records.sort_by(|a, b| query.compare(a, b));
        records.truncate(query.limit_or_all());
        Ok(records)
    }

    /// Follows the result of a query: first all of it, then what changes, by whomever. A subscriber that
    /// does not keep up is told all of it again and holds up nobody.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub fn subscribe(&self, query: Query) -> Result<Subscription, ClientError> {
        let mut state = self.shared.lock();
        if state.closed {
            return Err(ClientError::Closed);
        }
        let records = all_of(state.store.rows(), query.entity())?;
        let live = Arc::new(Live::new(query, records));
        state.subscribe(&live);
        Ok(Subscription { live })
    }

    /// Returns how the client stands.
    pub fn status(&self) -> Status {
        let state = self.shared.lock();
        let (pending, quarantined) = state.store.counts();
        let (network, is_unauthorised) = (state.network, state.is_unauthorised);
        let (kept, unkept) = state.store.kept_counts();
        let repairs = state.store.repairs();
        Status { network, is_unauthorised, pending, quarantined, kept, unkept, repairs }
    }

    /// Returns operations that wait for the hub, in order, at most `limit`.
    ///
    /// # Errors
    ///
    /// [`ClientError::Store`].
    pub fn pending(&self, limit: usize) -> Result<Vec<Waiting>, ClientError> {
        let pending = self.shared.reader().read()?.rows().pending(limit)?;
        Ok(pending.into_iter().map(Waiting::from).collect())
    }

    /// Returns the operations that the hub has refused, with its reasons. What they did is not shown,
    /// and later edits of the same record wait, until each was tried again or discarded.
    ///
    /// # Errors
    ///
    /// [`ClientError::Store`].
    pub fn quarantine(&self) -> Result<Vec<Waiting>, ClientError> {
        let aside = self.shared.reader().read()?.rows().aside()?;
        Ok(aside.into_iter().map(Waiting::from).collect())
    }

    /// Makes an edit that was refused anew, for what is shown now.
    ///
    /// # Errors
    ///
    /// [`ClientError::OperationUnknown`] if it was not refused.
    pub fn retry(&self, operation: &OperationId) -> Result<Edited, ClientError> {
        let mut state = self.shared.lock();
        let (key, operations) = state.store.retry(operation, machine::now_ms())?;
        state.lanes_moved = true;
        self.show(state, &[key])?;
        Ok(Edited { operations })
    }

    /// Drops an edit that was refused.
    ///
    /// # Errors
    ///
    /// [`ClientError::OperationUnknown`] if it was not refused.
    pub fn discard(&self, operation: &OperationId) -> Result<(), ClientError> {
        let mut state = self.shared.lock();
        let key = state.store.discard(operation)?;
        state.lanes_moved = true;
        self.show(state, &[key])
    }

    /// Returns the conflicts that wait for a person, with their records.
    ///
    /// # Errors
    ///
    /// [`ClientError::Store`].
    pub fn conflicts(&self) -> Result<Vec<(EntityName, RecordId, OpenConflict)>, ClientError> {
        let reader = self.shared.reader();
        let reading = reader.read()?;
        let mut all = Vec::new();
        for key in reading.rows().contested()? {
            let confirmed = reading.rows().confirmed(&key)?;
            let conflicts = confirmed.map(|confirmed| confirmed.conflicts).unwrap_or_default();
            all.extend(conflicts.into_iter().map(|one| (key.0.clone(), key.1.clone(), one)));
        }
        Ok(all)
    }

    /// Returns what the client has to tell since it was last asked.
    pub fn notices(&self) -> Vec<Notice> {
        self.shared.lock().notices.take()
    }

    /// Waits until the hub has answered edits: what is read after that holds them as the hub has
    /// merged them.
    ///
    /// # Errors
    ///
    /// [`ClientError::Timeout`]: they still wait, and nothing is lost; [`ClientError::Closed`].
    pub fn wait_for(&self, edited: &Edited, timeout: Duration) -> Result<Fate, ClientError> {
        self.shared.wait(timeout, |state| {
            for id in &edited.operations {
                match state.store.rows().operation(&id.client, id.counter)? {
                    None => {}
                    Some(Queued { refusal: Some(refusal), .. }) => {
                        return Ok(Some(Fate::Refused(id.clone(), refusal)));
                    }
                    Some(_) => return Ok(None),
                }
            }
            Ok(Some(Fate::Confirmed))
        })
    }

    /// Waits until nothing waits for the hub but what stands behind a refusal, and everything that the
    /// hub had was taken in.
    ///
    /// # Errors
    ///
    /// As [`wait_for`](Self::wait_for).
    pub fn wait_until_synced(&self, timeout: Duration) -> Result<(), ClientError> {
        self.shared.wait(timeout, |state| {
            let is_sent = state.store.rows().oldest_client()?.is_none();
            let is_fetched = state.network == crate::status::Network::UpToDate;
            Ok((is_sent && is_fetched).then_some(()))
        })
    }

    /// Has a client that is not connected all the time send and fetch all there is. Returns at once.
    pub fn sync(&self) {
        self.shared.lock().syncs_asked += 1;
        self.shared.wake();
    }

    /// Ends the connection until [`go_online`](Self::go_online): edits wait meanwhile.
    pub fn go_offline(&self) {
        self.shared.lock().stays_offline = true;
        self.shared.wake();
    }

    /// Connects again.
    pub fn go_online(&self) {
        self.shared.lock().stays_offline = false;
        self.shared.wake();
    }

    /// Takes another access token from now on.
    pub fn set_token(&self, token: &str) {
        self.connection.set_token(token);
        self.shared.wake();
    }

    /// Wipes the file: records, edits that wait and all. The client is closed then.
    ///
    /// # Errors
    ///
    /// [`ClientError::Store`].
    pub fn logout(mut self) -> Result<(), ClientError> {
        self.shared.lock().close();
        self.connection.stop();
        self.shared.lock().store.wipe()?;
        Ok(())
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.shared.lock().close();
        self.shared.tell();
        self.shared.wake();
        self.connection.stop();
    }
}

/// Edits that are made together.
pub struct Transaction<'a> {
    store: &'a mut Store,
    drafts: Vec<Draft>,
}

impl fmt::Debug for Transaction<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Transaction({} operations)", self.drafts.len())
    }
}

impl Transaction<'_> {
    /// Edits a record; see [`Client::edit`].
    ///
    /// # Errors
    ///
    /// As [`Client::edit`].
    pub fn edit(
        &mut self,
        entity: &str,
        id: &str,
        edit: impl FnOnce(Edit) -> Edit,
    ) -> Result<(), ClientError> {
        let key = key(entity, id)?;
        let mut shown = self.store.look(&key)?.shown.clone();
        for draft in self.drafts.iter().filter(|draft| draft.key == key) {
            shown = syncline_protocol::predict::predict(shown.as_ref(), &draft.effect);
        }
        let (effects, priority) = edit(Edit::new(shown)).finish()?;
        let draft = |effect| Draft { key: key.clone(), effect, priority };
        self.drafts.extend(effects.into_iter().map(draft));
        Ok(())
    }

    /// Deletes a record; see [`Client::delete`].
    ///
    /// # Errors
    ///
    /// As [`Client::edit`].
    pub fn delete(&mut self, entity: &str, id: &str) -> Result<(), ClientError> {
        let key = key(entity, id)?;
        self.drafts.push(Draft { key, effect: Effect::Delete, priority: false });
        Ok(())
    }
}

fn all_of(rows: Rows<'_>, entity: &str) -> Result<Vec<Record>, ClientError> {
    let entity = EntityName::new(entity)?;
    let mut records = Vec::new();
    for id in rows.ids(&entity)? {
        let key = (entity.clone(), id);
        records.extend(Record::of(&key, &rows.kept(&key)?));
    }
    Ok(records)
}

fn key(entity: &str, id: &str) -> Result<Key, ClientError> {
    Ok((EntityName::new(entity)?, RecordId::new(id)?))
}
