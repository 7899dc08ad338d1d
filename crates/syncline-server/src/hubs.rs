//! The hubs of one server. Each has a folder, a store and access tokens of its own; nothing crosses
//! from one to another.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use syncline_domains::app::{Sender, SenderSettings, SystemResolver};
use syncline_engine::operate::Entities;
use syncline_engine::received::ReceivedId;
use syncline_engine::tally::{Count, Took};
use syncline_hub::served::deliver::DeliveryError;
use syncline_hub::served::{ServeError, Served, Serving, Watch};
use syncline_hub::{Actor, Backup, Hub, HubError, HubOptions};
use syncline_model::id::{DomainName, EntityName, Position, RecordId};
use syncline_policy::view::Access;
use thiserror::Error;
use tokio::sync::{Mutex as AsyncMutex, MutexGuard as AsyncGuard, watch};

use crate::access::{Sessions, Tickets, Tokens, TokensError, now_ms};
use crate::activity::{Activity, Standing};
use crate::apart::{Apart, blocking};
use crate::application::AppSettings;
use crate::delivering::{Delivering, DeliveryFigures};
use crate::feed::Feeds;
use crate::limits::{DELIVERY_STOP_MAX, HUB_NAME_BYTES_MAX, HUBS_MAX, LOOKS_AT_ONCE_MAX, TURNS};
use crate::problem::{Problem, Refusal};
use crate::provided::{Provided, provide};
use crate::receiving::Receivers;
use crate::replicas::Replicas;
use crate::settings::Settings;
use crate::undecided::Undecided;
use crate::writers::{Keys, Writers};

/// The folder of all hubs but the default one, within the state's.
pub const FOLDER: &str = "hubs";
/// The folder of the default hub, where it stands beside that of the others: in a backup.
const DEFAULT: &str = "default";
/// What a hub of that name is called in figures and alerts: no name has a slash.
const NAMED_DEFAULT: &str = "h/default";

/// A hub that was opened to be served.
pub struct Opened {
    hub: Hub,
    backup: Option<Backup>,
}

impl From<Hub> for Opened {
    fn from(hub: Hub) -> Self {
        Self { hub, backup: None }
    }
}

/// One whose commits are shipped.
impl From<(Hub, Backup)> for Opened {
    fn from((hub, backup): (Hub, Backup)) -> Self {
        Self { hub, backup: Some(backup) }
    }
}

impl Opened {
    /// Opens the default hub of a server, which is backed up if its settings say so.
    ///
    /// # Errors
    ///
    /// As [`Hub::open`] and [`Hub::open_backed_up`].
    pub fn default_hub(options: &HubOptions, settings: &Settings) -> Result<Self, HubError> {
        let to = settings.backup_to.as_ref().map(|to| to.join(DEFAULT));
        Self::open(options, to.as_deref(), settings.backup_every)
    }

    fn open(options: &HubOptions, to: Option<&Path>, every: Duration) -> Result<Self, HubError> {
        match to {
            None => Ok(Hub::open(options)?.into()),
            Some(to) => Ok(Hub::open_backed_up_every(options, to, every)?.into()),
        }
    }
}

/// The name of a hub: a word of small letters, digits and hyphens.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct HubName(Box<str>);

impl HubName {
    /// Takes a text that may be the name of a hub, and so of a folder.
    pub(crate) fn new(text: &str) -> Option<Self> {
        let is_word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let fits = !text.is_empty() && text.len() <= HUB_NAME_BYTES_MAX && !text.starts_with('-');
        (fits && text.bytes().all(is_word)).then(|| Self(text.into()))
    }

    /// Returns the name.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// One hub, and who may use it.
pub(crate) struct Desk {
    /// Nothing of the default hub.
    pub(crate) name: Option<HubName>,
    pub(crate) served: Served,
    /// The views, and who may see and write what.
    pub(crate) access: Arc<Access>,
    pub(crate) tokens: Tokens,
    /// Held while revoked tokens are taken off the disk.
    pub(crate) revoking: AsyncMutex<()>,
    pub(crate) tickets: Tickets,
    pub(crate) sessions: Sessions,
    /// What it has done of late.
    pub(crate) activity: Arc<Activity>,
    pub(crate) feeds: Arc<Feeds>,
    pub(crate) writers: Writers,
    pub(crate) keys: Keys,
    /// What is known of the copies that clients hold.
    pub(crate) replicas: Replicas,
    /// Who takes in what applications tell.
    pub(crate) receivers: Receivers,
    /// What the environment says of the application that works with it, if it means this hub.
    pub(crate) application: Option<Arc<AppSettings>>,
    /// What was made of the endpoints that the environment names.
    pub(crate) provided: Provided,
    /// The deliveries of its events.
    pub(crate) delivering: Delivering,
    /// Where it is looked how it does.
    pub(crate) looks: Apart,
    /// Its conflicts that wait for a person.
    pub(crate) undecided: Undecided,
    /// One of them is held while a record is read and then written.
    turns: Vec<AsyncMutex<()>>,
    /// The same of messages that may be of any record. Whoever holds one of these may wait for one of those, and
    /// never the other way round.
    message_turns: Vec<AsyncMutex<()>>,
    /// Held while all of the log is read to prove something.
    pub(crate) proving: AsyncMutex<()>,
    /// Moves with the end of the log.
    pub(crate) end: watch::Receiver<Position>,
    /// How the backup stands, if there is one.
    pub(crate) backup: Option<Backup>,
    /// Up to where in the log a backup has everything; `None` without one.
    pub(crate) backed_up: watch::Receiver<Option<Position>>,
    /// Keeps `end` moving.
    _watch: Watch,
}

impl Desk {
    /// Runs what blocks, such as a read of the store, where that is no harm to others.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        task: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Problem> {
        blocking(self.label(), task).await.map_err(|_| Refusal::ServerFault.into())
    }

    /// Takes a sample of what the hub has done. Reads nothing of the store.
    pub(crate) fn sample(&self, now_ms: u64) {
        let before = self.activity.latest().unwrap_or_default().backlog;
        let standing = Standing {
            position: self.served.position().0,
            // While it is busy it stands about as before.
            backlog: self.delivering.backlog(now_ms).unwrap_or(before),
            consistency: self.replicas.count(now_ms).ratio(),
        };
        self.activity.sample(now_ms, standing);
    }

    /// Looks which conflicts wait for a person, and counts those that were decided; blocks.
    pub(crate) fn look_undecided(&self, now_ms: u64) -> Result<(), ServeError> {
        let decided_ms = self.undecided.look(&self.served)?;
        if !decided_ms.is_empty() {
            self.activity.tally.count(|tally| {
                tally.add(now_ms, Count::ConflictsByPerson, decided_ms.len() as u64);
                for ms in decided_ms {
                    tally.took(now_ms, Took::Decision, ms.saturating_mul(1_000), 1);
                }
            });
        }
        Ok(())
    }

    /// Returns what figures and alerts call the hub.
    pub(crate) fn label(&self) -> &str {
        label(self.name.as_ref())
    }

    /// Waits for the turn to read a record and then write it: of two who write what they read, the
    /// second reads what the first wrote.
    pub(crate) async fn turn(&self, entity: &EntityName, id: &RecordId) -> AsyncGuard<'_, ()> {
        self.turns[turn_of((entity, id))].lock().await
    }

    /// As [`Desk::turn`], of several records. All who wait for several do so in one order, so that no two wait for one
    /// another.
    pub(crate) async fn turns(
        &self,
        records: &[&(EntityName, RecordId)],
    ) -> Vec<AsyncGuard<'_, ()>> {
        let turns = records.iter().map(|(entity, id)| turn_of((entity, id)));
        let turns: BTreeSet<usize> = turns.collect();
        let mut held = Vec::with_capacity(turns.len());
        for turn in turns {
            held.push(self.turns[turn].lock().await);
        }
        held
    }

    /// Waits for the turn to take a message of which no signature says which record it is of.
    pub(crate) async fn message_turn(&self, event: ReceivedId) -> AsyncGuard<'_, ()> {
        self.message_turns[turn_of(event)].lock().await
    }
}

/// Returns what figures and alerts call a hub. One that was named as the default one is called, before that was refused,
/// is told from it.
fn label(name: Option<&HubName>) -> &str {
    match name.map(HubName::as_str) {
        None => DEFAULT,
        Some(DEFAULT) => NAMED_DEFAULT,
        Some(name) => name,
    }
}

fn turn_of(what: impl Hash) -> usize {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    usize::try_from(hasher.finish() % (TURNS as u64)).unwrap_or_default()
}

/// Why a hub could not be opened.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The hub.
    #[error(transparent)]
    Hub(#[from] HubError),
    /// What it stores cannot be read.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// The endpoints that the environment names.
    #[error(transparent)]
    Endpoints(#[from] DeliveryError),
    /// No hub has the name of the one that the environment is for.
    #[error("there is no hub {0} for the environment's application")]
    AppHub(Box<str>),
    /// Its access tokens.
    #[error("{0}")]
    Tokens(Box<str>),
    /// Its receivers.
    #[error("what is stored of the receivers is damaged")]
    Receivers,
    /// One of them has a secret that the environment says for those of spec 004.
    #[error("WEBHOOK_SECRET holds the secret of the receiver {0}")]
    ReceiverSecret(DomainName),
    /// Its folder.
    #[error("the folder of the hubs: {0}")]
    Folder(#[from] io::Error),
    /// There is one of that name.
    #[error("there is a hub of that name")]
    Exists,
    /// As many as a server holds.
    #[error("a server holds at most {HUBS_MAX} hubs")]
    Full,
}

impl OpenError {
    /// Returns the stable code of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Hub(error) => error.code(),
            Self::Serve(error) => error.code(),
            Self::Endpoints(error) => error.code(),
            Self::AppHub(_) => "SERVE_APP_HUB_UNKNOWN",
            Self::Tokens(_) | Self::Folder(_) => "STORAGE_ERROR",
            Self::Receivers => "RECEIVERS_DAMAGED",
            Self::ReceiverSecret(_) => "RECEIVER_SECRET_SHARED",
            Self::Exists => "HUB_EXISTS",
            Self::Full => "HUBS_FULL",
        }
    }
}

impl From<TokensError> for OpenError {
    fn from(error: TokensError) -> Self {
        match error {
            TokensError::Audit(error) => Self::Serve(error),
            error => Self::Tokens(error.to_string().into()),
        }
    }
}

/// The hubs of one server.
pub(crate) struct Hubs {
    data: PathBuf,
    backup_to: Option<PathBuf>,
    backup_every: Duration,
    entities: Entities,
    access: Arc<Access>,
    serving: Serving,
    application: Arc<AppSettings>,
    /// Like this each hub sends its events, with connections of its own.
    sender: Sender,
    /// The figures of the deliveries of all hubs.
    pub(crate) figures: DeliveryFigures,
    default: Arc<Desk>,
    others: RwLock<BTreeMap<HubName, Arc<Desk>>>,
    /// Held while one is made, so that no name is taken twice.
    making: Mutex<()>,
}

impl Hubs {
    /// Opens the default hub in `data`, and all others below it; answers the text of the first admin
    /// token where the default hub is new.
    pub(crate) fn open(
        hub: Opened,
        settings: &Settings,
    ) -> Result<(Self, Option<String>), OpenError> {
        let Settings { data, entities, backup_to, backup_every, .. } = settings;
        let (entities, access) = (entities.clone(), Arc::new(settings.access.clone()));
        let serving = Serving { pushes: settings.pushes, ..Serving::default() };
        let sender = Sender::new(
            SenderSettings { guard: settings.sending.clone(), ..SenderSettings::default() },
            SystemResolver,
        );
        let application = Arc::new(settings.application.clone());
        let rules = (&entities, &access, &application);
        let figures = DeliveryFigures::new();
        let (default, admin) =
            desk((None, &starter()), hub, data, rules, (serving, &sender, &figures))?;
        let hubs = Self {
            data: data.clone(),
            backup_to: backup_to.clone(),
            backup_every: *backup_every,
            entities,
            access,
            serving,
            application,
            sender,
            figures,
            default,
            others: RwLock::default(),
            making: Mutex::default(),
        };
        let mut others = BTreeMap::new();
        for name in names(&data.join(FOLDER))? {
            let (desk, _) = hubs.open_other(&name, &starter())?;
            others.insert(name, desk);
        }
        if let Some(meant) = &settings.application.hub
            && HubName::new(meant).is_none_or(|meant| !others.contains_key(&meant))
        {
            return Err(OpenError::AppHub(meant.as_str().into()));
        }
        *hubs.others.write().unwrap_or_else(PoisonError::into_inner) = others;
        Ok((hubs, admin))
    }

    fn open_other(
        &self,
        name: &HubName,
        maker: &Actor,
    ) -> Result<(Arc<Desk>, Option<String>), OpenError> {
        let below = Path::new(FOLDER).join(name.as_str());
        let (folder, to) =
            (self.data.join(&below), self.backup_to.as_ref().map(|to| to.join(&below)));
        fs::create_dir_all(&folder)?;
        let options = HubOptions { state_folder: folder.clone(), check_store: false };
        let opened = Opened::open(&options, to.as_deref(), self.backup_every)?;
        let rules = (&self.entities, &self.access, &self.application);
        let sending = (self.serving, &self.sender, &self.figures);
        desk((Some(name.clone()), maker), opened, &folder, rules, sending)
    }

    /// Returns the default hub.
    pub(crate) fn default_desk(&self) -> &Arc<Desk> {
        &self.default
    }

    /// Returns the hub of a name.
    pub(crate) fn find(&self, name: &str) -> Option<Arc<Desk>> {
        let others = self.others.read().unwrap_or_else(PoisonError::into_inner);
        others.get(&HubName::new(name)?).map(Arc::clone)
    }

    /// Returns all hubs, the default one first.
    pub(crate) fn all(&self) -> Vec<Arc<Desk>> {
        let others = self.others.read().unwrap_or_else(PoisonError::into_inner);
        std::iter::once(&self.default).chain(others.values()).map(Arc::clone).collect()
    }

    /// Makes a hub, and answers the text of its first admin token.
    ///
    /// - `maker`: who makes it, for the audit of the hub.
    pub(crate) fn make(&self, name: &HubName, maker: &Actor) -> Result<String, OpenError> {
        let _making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        let count = {
            let others = self.others.read().unwrap_or_else(PoisonError::into_inner);
            // Figures and alerts of the default one are by that name.
            if others.contains_key(name) || name.as_str() == DEFAULT {
                return Err(OpenError::Exists);
            }
            others.len() + 1
        };
        if count >= HUBS_MAX {
            return Err(OpenError::Full);
        }
        // What is left of one that was not made whole is gone on with; its tokens stay.
        let (desk, admin) = self.open_other(name, maker)?;
        let admin = admin.ok_or(OpenError::Exists)?;
        let mut others = self.others.write().unwrap_or_else(PoisonError::into_inner);
        others.insert(name.clone(), desk);
        Ok(admin)
    }

    /// Ends all of them once everything that was accepted is done; answers what failed first. The
    /// default one is last: whoever waits for its lock finds all of them closed.
    pub(crate) fn stop(&self) -> Result<(), ServeError> {
        let mut first = Ok(());
        let deadline = Instant::now() + DELIVERY_STOP_MAX;
        self.all().iter().for_each(|desk| desk.delivering.begin_stop());
        for desk in self.all().into_iter().rev() {
            desk.replicas.save(now_ms());
            desk.delivering.stop(deadline);
            desk.activity.tally.save();
            // One that fails holds up no other.
            first = first.and(desk.served.stop());
        }
        first
    }
}

/// Returns who makes what a start makes, for the audit.
fn starter() -> Actor {
    Actor { user: Some("server".to_owned()), session: None, roles: Vec::new() }
}

fn desk(
    (name, maker): (Option<HubName>, &Actor),
    opened: Opened,
    folder: &Path,
    (entities, access, application): (&Entities, &Arc<Access>, &Arc<AppSettings>),
    (serving, sender, figures): (Serving, &Sender, &DeliveryFigures),
) -> Result<(Arc<Desk>, Option<String>), OpenError> {
    let Opened { hub, backup } = opened;
    let served = Served::start_with(hub, entities.clone(), serving)?;
    let (tokens, admin) = Tokens::open(folder, Some(served.clone()), maker)?;
    let (moved, end) = watch::channel(served.position());
    let watch = served.watch(move |position| {
        moved.send_replace(position);
    });
    let source =
        name.as_ref().map_or_else(|| "/".to_owned(), |name| format!("/h/{}", name.as_str()));
    let activity = Arc::new(Activity::open(folder));
    let figures = figures.of_hub(label(name.as_ref()));
    let counted = (figures, Arc::clone(&activity));
    let delivering =
        Delivering::start(served.clone(), sender.apart(), end.clone(), source, counted);
    let is_meant = application.hub.as_deref() == name.as_ref().map(HubName::as_str);
    let application = Some(application).filter(|_| is_meant).cloned();
    let provided = match &application {
        Some(application) => delivering.with(|all| provide(all, application))?,
        None => Provided::default(),
    };
    let secrets = application.as_ref().map(|application| application.webhook_secrets.as_slice());
    let receivers = Receivers::open(&served, secrets)?.ok_or(OpenError::Receivers)?;
    if let Some(name) = receivers.with_secret_of_spec_004() {
        return Err(OpenError::ReceiverSecret(name));
    }
    let kept = |backup: &Backup| backup.position().unwrap_or_default();
    let (reached, backed_up) = watch::channel(backup.as_ref().map(kept));
    if let Some(backup) = &backup {
        backup.on_position(move |position| {
            reached.send_replace(Some(position));
        });
    }
    let desk = Desk {
        name,
        served,
        access: Arc::clone(access),
        tokens,
        revoking: AsyncMutex::default(),
        tickets: Tickets::default(),
        sessions: Sessions::default(),
        activity,
        feeds: Arc::default(),
        writers: Writers::new(),
        keys: Keys::default(),
        replicas: Replicas::open(folder),
        receivers,
        application,
        provided,
        delivering,
        looks: Apart::new("syncline-look", LOOKS_AT_ONCE_MAX),
        undecided: Undecided::default(),
        turns: std::iter::repeat_with(AsyncMutex::default).take(TURNS).collect(),
        message_turns: std::iter::repeat_with(AsyncMutex::default).take(TURNS).collect(),
        proving: AsyncMutex::default(),
        end,
        backup,
        backed_up,
        _watch: watch,
    };
    Ok((Arc::new(desk), admin))
}

/// Returns the names of the hubs that have a folder.
fn names(folder: &Path) -> Result<Vec<HubName>, OpenError> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry?.file_name();
        names.extend(name.to_str().and_then(HubName::new));
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_hub_is_told_of_by_the_word_of_another_one() {
        let named = HubName::new("default").unwrap();
        assert_eq!((label(None), label(Some(&named))), ("default", "h/default"));
        assert!(HubName::new(label(Some(&named))).is_none(), "no hub has that name");
    }

    #[test]
    fn the_name_of_a_hub_never_leads_out_of_its_folder() {
        for name in ["shop", "a", "2026-shop", &"a".repeat(63)] {
            assert!(HubName::new(name).is_some(), "{name}");
        }
        let none = ["", ".", "..", "a/b", "a.b", "Shop", "-a", "ä", "a b", "a\0", &"a".repeat(64)];
        for name in none {
            assert!(HubName::new(name).is_none(), "{name:?}");
        }
    }
}
