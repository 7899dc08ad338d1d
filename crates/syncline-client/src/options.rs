//! How a client is opened.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use syncline_model::id::{EntityName, IdError};
use syncline_model::json::{Json, Object};
use syncline_protocol::message::Follow;

/// Fetches a new access token; `None` if there is none now.
pub(crate) type Refresh = Arc<dyn Fn() -> Option<String> + Send + Sync>;

/// How a client is opened.
#[derive(Clone)]
pub struct Options {
    pub(crate) path: PathBuf,
    pub(crate) url: Option<String>,
    pub(crate) token: String,
    pub(crate) refresh: Option<Refresh>,
    pub(crate) name: Option<String>,
    pub(crate) key: Option<[u8; 32]>,
    pub(crate) entities: Vec<String>,
    pub(crate) views: Vec<(String, Object)>,
    pub(crate) strategy: Strategy,
    pub(crate) authorities: Option<Vec<u8>>,
}

/// When edits are sent, and whether the client stays connected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strategy {
    /// Connected all the time; each edit is sent at once.
    #[default]
    Immediate,
    /// Connected all the time; edits are sent once so many wait, or the oldest has waited so long.
    Batch {
        /// How many edits are enough.
        operations: usize,
        /// How long the first one waits at most.
        within: Duration,
    },
    /// Connects every so often, sends and fetches all there is, and leaves.
    Scheduled(Duration),
    /// Connects when the app says so ([`Client::sync`](crate::Client::sync)), sends and fetches all
    /// there is, and leaves.
    EventDriven,
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("path", &self.path)
            .field("url", &self.url)
            .field("name", &self.name)
            .field("entities", &self.entities)
            .field("views", &self.views.iter().map(|(name, _)| name).collect::<Vec<_>>())
            .field("strategy", &self.strategy)
            .finish_non_exhaustive()
    }
}

impl Options {
    /// Keeps the records of a hub in a file, which is made where there is none.
    ///
    /// - `url`: `https://…` or `http://…`, the hub's address without `/v1`.
    /// - `token`: the access token.
    pub fn new(path: impl Into<PathBuf>, url: &str, token: &str) -> Self {
        let url = Some(url.to_owned());
        Self { url, token: token.to_owned(), ..Self::offline(path) }
    }

    /// Keeps records in a file and connects to nothing. What is edited is sent when the file is opened
    /// with an address.
    pub fn offline(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            url: None,
            token: String::new(),
            refresh: None,
            name: None,
            key: None,
            entities: Vec::new(),
            views: Vec::new(),
            strategy: Strategy::Immediate,
            authorities: None,
        }
    }

    /// Names the client. The hub knows it by this name and a random word, which a copy of the file does
    /// not share.
    #[must_use]
    pub fn client_id(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }

    /// Trusts the hubs for which these authorities vouch, certificates in the PEM format, rather than those
    /// for which the system's do. What is no certificate is passed over: where none is left, no hub is
    /// trusted.
    #[must_use]
    pub fn authorities(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.authorities = Some(pem.into());
        self
    }

    /// Seals the file with a key: values, ids and edits that wait can be read with it only. The app keeps the
    /// key, mostly in the key store of its system; without it the file is lost. What can be seen all the
    /// same stands in `docs/guide/client.md`.
    ///
    /// A file stays as it was made; [`change_key`](crate::change_key) seals it, and gives it another key.
    ///
    /// ```
    /// use syncline_client::{Client, Options};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let key_of_the_system = || [7; 32];
    /// let options = Options::offline(folder.path().join("app.db")).key(key_of_the_system());
    /// let client = Client::open(options)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn key(mut self, key: [u8; 32]) -> Self {
        self.key = Some(key);
        self
    }

    /// Follows these types of record only; all that the client may see otherwise, unless it follows
    /// views.
    #[must_use]
    pub fn entities<'e>(mut self, entities: impl IntoIterator<Item = &'e str>) -> Self {
        self.entities = entities.into_iter().map(str::to_owned).collect();
        self
    }

    /// Follows a view that the hub was configured with, by its name, beside what else is followed: the
    /// records that the hub's filter takes for these parameters. A record leaves the client once nothing
    /// that it follows shows it any more; edits of it that were not sent stay in the queue.
    ///
    /// ```
    /// use syncline_client::{Json, Options};
    ///
    /// let options = Options::new("app.db", "https://hub.example", "token")
    ///     .view("of-a-team", [("team", Json::from("red"))])
    ///     .view("mine", []);
    /// ```
    #[must_use]
    pub fn view<'p>(
        mut self,
        name: &str,
        params: impl IntoIterator<Item = (&'p str, Json)>,
    ) -> Self {
        let mut given = Object::new();
        for (name, value) in params {
            given.insert(name, value);
        }
        self.views.push((name.to_owned(), given));
        self
    }

    /// Returns what is followed, in the order of the views of a connection; each from the beginning.
    pub(crate) fn follows(&self) -> Result<Vec<Follow>, IdError> {
        let mut follows = Vec::new();
        if self.views.is_empty() || !self.entities.is_empty() {
            let entities = self.entities.iter().map(|entity| EntityName::new(entity));
            let mut entities = entities.collect::<Result<Vec<_>, _>>()?;
            entities.sort_unstable();
            follows.push(Follow::entities(entities));
        }
        let views = self.views.iter().map(|(name, params)| Follow::view(name, params.clone()));
        follows.extend(views);
        Ok(follows)
    }

    /// Says when edits are sent.
    #[must_use]
    pub const fn strategy(mut self, strategy: Strategy) -> Self {
        self.strategy = strategy;
        self
    }

    /// Has a new access token fetched where the hub accepts the old one no more. It is called on the
    /// client's own thread and may take its time.
    #[must_use]
    pub fn refresh_token(
        mut self,
        fetch: impl Fn() -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        self.refresh = Some(Arc::new(fetch));
        self
    }
}
