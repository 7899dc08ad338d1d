//! A hub that is served: starting, stopping, waiting.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use syncline_engine::facts;
use syncline_engine::operate::Entities;
use syncline_engine::results::ClientResults;
use syncline_engine::rows::{Batch, Key};
use syncline_engine::sync::Transaction;
use syncline_model::cursor::{Cursor, Incarnation};
use syncline_model::id::{ClientId, PartitionId, Position, SiteId};
use syncline_model::json::Object;
use syncline_policy::PushLimits;
use syncline_policy::view::Sight;
use syncline_protocol::cursor::StreamCursor;
use syncline_protocol::token::TokenKey;
use syncline_store::{Read, Snapshots};

use super::ServeError;
use super::checks::Checks;
use super::watch::{LogEnd, Watch};
use crate::catalogue::{Catalogue, CurrentCatalogue};
use crate::error::HubError;
use crate::hub::{Hub, Identity};
use crate::request::Actor;
use crate::writer::{Handle, Writer, WriterError};

/// What the audit calls signing in and out.
const ACCESS_CATEGORY: &str = "ACCESS";

/// A hub that many threads use at once. Cheap to clone.
///
/// It ends with [`Served::stop`], or when its last clone is dropped: then all that was accepted is
/// done first.
#[derive(Clone)]
pub struct Served(Arc<Inner>);

struct Inner {
    entities: Entities,
    identity: Identity,
    end: Arc<LogEnd>,
    readers: Readers,
    handle: Handle,
    /// Nothing once it was told to end.
    writer: Mutex<Option<Writer>>,
    has_stopped: AtomicBool,
    /// How many bytes of pushed operations are not answered yet.
    pushed_bytes: Arc<AtomicUsize>,
    checks: Checks,
    catalogue: CurrentCatalogue,
}

/// The bounds of a hub that is served.
#[derive(Clone, Copy, Debug)]
pub struct Serving {
    /// How many records of an entity one client may delete and change within a while.
    pub pushes: PushLimits,
    /// Whether the hub rests after it has added up what a view shows; a simulated one has time always.
    pub rests: bool,
}

/// No bounds but rests.
impl Default for Serving {
    fn default() -> Self {
        Self { pushes: PushLimits::UNLIMITED, rests: true }
    }
}

/// Where reads come from.
enum Readers {
    Beside(Box<dyn Snapshots>),
    /// The store cannot be read beside its writer, which makes each reader in its turn.
    Writer(Handle),
}

impl Served {
    /// Starts to serve a hub.
    ///
    /// # Errors
    ///
    /// [`HubError`] if the store or the machine fails.
    pub fn start(hub: Hub, entities: Entities) -> Result<Self, HubError> {
        Self::start_with(hub, entities, Serving::default())
    }

    /// Starts to serve a hub with bounds of its own.
    ///
    /// # Errors
    ///
    /// As [`Served::start`].
    pub fn start_with(
        mut hub: Hub,
        entities: Entities,
        serving: Serving,
    ) -> Result<Self, HubError> {
        hub.guard_pushes(serving.pushes)?;
        let identity = hub.identity()?;
        let catalogue = Arc::new(RwLock::new(Arc::new(Catalogue::read(&*hub.store)?)));
        let snapshots = hub.store.snapshots()?;
        let end = LogEnd::at(hub.position());
        let writer = Writer::start_telling(hub, entities.clone(), end.clone())?;
        let handle = writer.handle();
        let readers = match snapshots {
            Some(snapshots) => Readers::Beside(snapshots),
            None => Readers::Writer(handle.clone()),
        };
        let (writer, has_stopped) = (Mutex::new(Some(writer)), AtomicBool::new(false));
        Ok(Self(Arc::new(Inner {
            entities,
            identity,
            end,
            readers,
            handle,
            writer,
            has_stopped,
            pushed_bytes: Arc::default(),
            catalogue,
            checks: if serving.rests { Checks::default() } else { Checks::without_rest() },
        })))
    }

    /// Returns which life of the hub this is.
    pub fn incarnation(&self) -> Incarnation {
        self.0.identity.incarnation
    }

    /// Returns the hub's site, and behind it those of its former lives: a change that came through one of them
    /// is its own.
    pub fn sites(&self) -> &[SiteId] {
        &self.0.identity.sites
    }

    /// Returns what tokens are signed with.
    pub(super) fn key(&self) -> &TokenKey {
        &self.0.identity.token_key
    }

    /// Returns what tokens for a reader are signed with: from who does not see everything they are hidden.
    pub(super) fn key_for(&self, sight: &Sight) -> TokenKey {
        match sight.permit().allows_everything() {
            true => self.key().clone(),
            false => self.key().hiding(),
        }
    }

    /// Returns when there is time for sums of all that is shown.
    pub(super) fn checks(&self) -> &Checks {
        &self.0.checks
    }

    /// Returns what tokens were signed with in former lives of the hub, latest first.
    pub(super) fn past_keys(&self) -> &[TokenKey] {
        &self.0.identity.past
    }

    /// Returns the highest counter of a client of which the hub has no result any more, if the client may
    /// have operations of a former life of the hub to send again; 0 if there is none.
    ///
    /// # Errors
    ///
    /// [`ServeError::Hub`] if it cannot be read.
    pub fn floor_of(&self, client: &ClientId) -> Result<u64, ServeError> {
        if self.past_keys().is_empty() {
            return Ok(0);
        }
        let row = self.reader()?.get(&Key::Client(client.clone()))?;
        let known = ClientResults::from_rows(row.as_deref(), []);
        let known = known.map_err(|source| HubError::Damaged { table: "results", source })?;
        Ok(known.floor())
    }

    pub(super) fn end(&self) -> &Arc<LogEnd> {
        &self.0.end
    }

    pub(super) fn pushed_bytes(&self) -> &Arc<AtomicUsize> {
        &self.0.pushed_bytes
    }

    /// Returns the handle of the writer: syncs, undos and decisions take their turn through it.
    pub fn handle(&self) -> &Handle {
        &self.0.handle
    }

    /// Returns the entities that are served.
    pub fn entities(&self) -> &Entities {
        &self.0.entities
    }

    /// Returns where the catalogue of events stands.
    pub(super) fn current_catalogue(&self) -> &CurrentCatalogue {
        &self.0.catalogue
    }

    /// Returns the end of the log that is on disk.
    pub fn position(&self) -> Position {
        self.0.end.position()
    }

    /// Returns the cursor at a position of the log.
    pub fn cursor(&self, position: Position) -> StreamCursor {
        let mut log = Cursor::new(self.incarnation());
        let partition = PartitionId(0);
        log.advance(partition, position).expect("invariant: it stands at 0, and is the only one");
        StreamCursor::at(log)
    }

    /// Calls `wake` after each commit that moved the end of the log, until the answer is dropped:
    /// from the writer's thread, which must not be held up.
    pub fn watch(&self, wake: impl Fn(Position) + Send + Sync + 'static) -> Watch {
        self.0.end.watch(Arc::new(wake))
    }

    /// Runs a task that has the hub for itself, in its turn, and returns what it answers.
    ///
    /// # Errors
    ///
    /// [`ServeError::Writer`] if it was not done, or nobody knows.
    pub fn with_hub<T: Send + 'static>(
        &self,
        task: impl FnOnce(&mut Hub) -> T + Send + 'static,
    ) -> Result<T, ServeError> {
        Ok(self.0.handle.with_hub(task)?)
    }

    /// Returns a reader of what is on disk now. Keep it for moments.
    pub(crate) fn reader(&self) -> Result<Box<dyn Read + Send>, ServeError> {
        if self.0.has_stopped.load(Ordering::Acquire) {
            return Err(WriterError::Stopped { code: None }.into());
        }
        match &self.0.readers {
            Readers::Beside(snapshots) => Ok(snapshots.snapshot()?),
            Readers::Writer(handle) => Ok(handle.with_hub(|hub| hub.store.reader())??),
        }
    }

    /// Returns the access tokens that were kept in the store, as they were handed in.
    ///
    /// # Errors
    ///
    /// [`ServeError::Hub`] if they cannot be read.
    pub fn kept_tokens(&self) -> Result<Option<Vec<u8>>, ServeError> {
        Ok(self.reader()?.get(&Key::Meta(facts::ACCESS_TOKENS))?)
    }

    /// Keeps the access tokens in the store, and so in its backups.
    ///
    /// - `tokens`: holds hashes only.
    ///
    /// # Errors
    ///
    /// [`ServeError::Hub`] if they cannot be stored.
    pub fn keep_tokens(&self, tokens: Vec<u8>) -> Result<(), ServeError> {
        let mut batch = Batch::new();
        batch.put(Key::Meta(facts::ACCESS_TOKENS), tokens);
        self.commit_rows(batch)
    }

    /// Writes into the audit that somebody has signed in or out, or has changed who may do so.
    ///
    /// - `details`: whatever identifies what was changed; never a secret.
    ///
    /// # Errors
    ///
    /// [`ServeError::Hub`] if it cannot be stored, or the audit is damaged.
    pub fn note_access(
        &self,
        action: &'static str,
        actor: &Actor,
        details: Object,
    ) -> Result<(), ServeError> {
        let actor = actor.clone();
        let commit = move |hub: &mut Hub| {
            let run = hub.begin_run()?;
            let transaction = Transaction::new(run, hub.position());
            let clock = hub.clock;
            hub.commit_noted(transaction, clock, ACCESS_CATEGORY, action, &actor, details)
        };
        Ok(self.with_hub(commit)??)
    }

    /// Commits rows that are no facts of records: no commitment to them stands in the audit.
    ///
    /// # Errors
    ///
    /// [`ServeError::Hub`] if they cannot be stored.
    pub(super) fn commit_rows(&self, batch: Batch) -> Result<(), ServeError> {
        let commit = move |hub: &mut Hub| hub.store.commit(&batch);
        Ok(self.with_hub(commit)?.map_err(HubError::from)?)
    }

    /// Ends the writer once everything that was accepted is answered, and closes the hub. Later
    /// calls, also of clones, are refused.
    ///
    /// # Errors
    ///
    /// [`ServeError::Writer`] if the writer had panicked; [`ServeError::Hub`] if the store was not
    /// tidied up, by which nothing is lost.
    pub fn stop(&self) -> Result<(), ServeError> {
        self.0.has_stopped.store(true, Ordering::Release);
        let writer = self.0.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(writer) = writer else {
            return Err(WriterError::Stopped { code: None }.into());
        };
        Ok(writer.stop()?.close()?)
    }
}
