//! Sending requests.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{HOST, HeaderName, HeaderValue, USER_AGENT};
use hyper::{Method, Uri};
use rustls::{ClientConfig, RootCertStore};
use syncline_protocol::webhook::headers::Headers;
use syncline_protocol::webhook::retry_after::retry_after_ms;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant as Deadline, timeout_at};
use tokio_rustls::TlsConnector;

use super::connection::{Answer, Connection, Unanswered};
use super::guard::{Guard, Refusal};
use super::host::{Host, Key};
use super::outcome::{Failure, Outcome, Phase};
use super::resolve::Resolve;
use super::target::Target;
use crate::limits::{
    APP_CONNECT_MS_MAX, APP_CONNECTIONS_MAX, APP_HOST_CONNECTIONS_MAX, APP_REQUEST_BYTES_MAX,
};

/// What every request says of who sends it.
const AGENT: HeaderValue =
    HeaderValue::from_static(concat!("Syncline/", env!("CARGO_PKG_VERSION")));

/// How requests are sent.
#[derive(Clone, Debug)]
pub struct SenderSettings {
    /// What may be reached.
    pub guard: Guard,
    /// Whose certificates are trusted.
    pub trust: Trust,
    /// Most connections to all hosts.
    pub connections_max: usize,
    /// Most connections to one host.
    pub host_connections_max: usize,
    /// How long looking up, connecting and encrypting may take together.
    pub connect_timeout: Duration,
}

/// Whose certificates are trusted.
#[derive(Clone, Debug)]
pub enum Trust {
    /// Those that the machine trusts.
    System,
    /// These.
    Roots(Arc<RootCertStore>),
}

/// Sends requests. It is cheap to clone; all clones share their connections.
#[derive(Clone)]
pub struct Sender {
    shared: Arc<Shared>,
}

/// The way to one URL: made once, used for every request.
#[derive(Clone)]
pub struct Route {
    shared: Arc<Shared>,
    host: Arc<Host>,
    is_encrypted: bool,
    uri: Uri,
    authority: HeaderValue,
}

/// A request: a `POST` with these headers, and this body.
#[derive(Clone, Debug)]
pub struct Request {
    /// Its headers but for `Host`, `User-Agent` and `Content-Length`.
    pub headers: Headers,
    /// Its body.
    pub body: Bytes,
    /// How long it may take to the status of the answer, once it has a connection or is making one.
    pub timeout: Duration,
}

struct Shared {
    settings: SenderSettings,
    resolver: Arc<dyn Resolve>,
    /// Made when the first host is to be trusted. None if the machine trusts nobody.
    tls: Arc<OnceLock<Option<TlsConnector>>>,
    /// A place for every connection.
    room: Arc<Semaphore>,
    /// How many wait for such a place.
    waiting: AtomicUsize,
    hosts: Mutex<HashMap<Key, Weak<Host>>>,
}

/// A request whose header values are slices of one buffer.
struct Prepared {
    values: Bytes,
    headers: Vec<(&'static str, std::ops::Range<usize>)>,
    body: Bytes,
}

impl Default for SenderSettings {
    fn default() -> Self {
        Self {
            guard: Guard::default(),
            trust: Trust::System,
            connections_max: APP_CONNECTIONS_MAX,
            host_connections_max: APP_HOST_CONNECTIONS_MAX,
            connect_timeout: Duration::from_millis(APP_CONNECT_MS_MAX),
        }
    }
}

impl Sender {
    /// Makes a sender. Nothing is connected yet.
    pub fn new(settings: SenderSettings, resolver: impl Resolve) -> Self {
        Self { shared: Arc::new(Shared::new(settings, Arc::new(resolver), Arc::default())) }
    }

    /// Returns a sender like this one, with connections of its own: however many of the one's hang, the other one
    /// has all of its.
    pub fn apart(&self) -> Self {
        let Shared { settings, resolver, tls, .. } = &*self.shared;
        let (resolver, tls) = (Arc::clone(resolver), Arc::clone(tls));
        Self { shared: Arc::new(Shared::new(settings.clone(), resolver, tls)) }
    }

    /// Returns the way to a URL. It is meant to be kept: connections to a host are kept as long as there is a way to
    /// it.
    ///
    /// # Errors
    ///
    /// [`Refusal`]: what the URL says may not be reached.
    pub fn route(&self, target: &Target) -> Result<Route, Refusal> {
        self.shared.settings.guard.check_target(target)?;
        let key = Key::of(target);
        let mut hosts = self.shared.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let host = hosts.get(&key).and_then(Weak::upgrade).unwrap_or_else(|| {
            if hosts.len() == hosts.capacity() {
                hosts.retain(|_, host| host.strong_count() > 0);
            }
            let places = self.shared.settings.host_connections_max.max(1);
            let host = Arc::new(Host::new(key.clone(), places));
            hosts.insert(key, Arc::downgrade(&host));
            host
        });
        let text = "invariant: a target holds visible ASCII only, and a path begins with a slash";
        Ok(Route {
            shared: Arc::clone(&self.shared),
            host,
            is_encrypted: target.is_encrypted(),
            uri: target.path().parse().expect(text),
            authority: HeaderValue::from_str(&target.authority()).expect(text),
        })
    }

    /// Looks at what a URL says itself; nothing is looked up.
    ///
    /// # Errors
    ///
    /// [`Refusal`]: what may not be reached.
    pub fn check(&self, target: &Target) -> Result<(), Refusal> {
        self.shared.settings.guard.check_target(target)
    }

    /// Returns how many connections there are, idle ones included.
    pub fn connections(&self) -> usize {
        self.shared.settings.connections_max.max(1) - self.shared.room.available_permits()
    }
}

impl Route {
    /// Sends a request, and waits for what becomes of it. To drop what is returned ends the attempt.
    pub async fn send(&self, request: Request) -> Outcome {
        let found = request.body.len();
        let (begun, answered) = if found > APP_REQUEST_BYTES_MAX {
            (Instant::now(), Err(Failure::TooLarge { found, max: APP_REQUEST_BYTES_MAX }))
        } else {
            let (values, headers) = request.headers.into_parts();
            let prepared = Prepared { values: values.into(), headers, body: request.body };
            self.answer(&prepared, request.timeout).await
        };
        match answered {
            Ok(answer) => Outcome {
                answer: Ok(answer.status),
                retry_after_ms: answer
                    .retry_after
                    .and_then(|value| retry_after_ms(&value, now_ms())),
                duration: answer.at.saturating_duration_since(begun),
                excerpt: answer.excerpt,
            },
            Err(failure) => Outcome {
                answer: Err(failure),
                retry_after_ms: None,
                duration: begun.elapsed(),
                excerpt: Box::default(),
            },
        }
    }

    /// Answers what became of a request, and when it was begun: who waits for a connection that others use is not
    /// late, since the receiver was not asked yet. Those others have their own deadlines.
    async fn answer(
        &self,
        prepared: &Prepared,
        timeout: Duration,
    ) -> (Instant, Result<Answer, Failure>) {
        let place = self.host.places.acquire().await;
        let _place = place.expect("invariant: the places are never closed");
        if let Some(kept) = self.host.take_idle() {
            let begun = Instant::now();
            let deadline = Deadline::from_std(begun) + timeout;
            match self.exchange(kept, prepared, deadline).await {
                Ok(answer) => return (begun, Ok(answer)),
                // It was closed while it was kept. The receiver knows the id, should it have read the request.
                Err(Unanswered::Closed) => {}
                Err(Unanswered::Failed(failure)) => return (begun, Err(failure)),
            }
        }
        let room = self.shared.room().await;
        let begun = Instant::now();
        let deadline = Deadline::from_std(begun) + timeout;
        (begun, self.answer_anew(room, prepared, deadline).await)
    }

    /// Sends a request on a connection of its own.
    async fn answer_anew(
        &self,
        room: OwnedSemaphorePermit,
        prepared: &Prepared,
        deadline: Deadline,
    ) -> Result<Answer, Failure> {
        let connecting = Deadline::now() + self.shared.settings.connect_timeout;
        let connected = timeout_at(connecting.min(deadline), self.connect(room)).await;
        let late = |_| Failure::TimedOut { phase: Phase::Connection };
        match self.exchange(connected.map_err(late)??, prepared, deadline).await {
            Ok(answer) => Ok(answer),
            Err(Unanswered::Closed) => Err(Failure::Lost),
            Err(Unanswered::Failed(failure)) => Err(failure),
        }
    }

    async fn connect(&self, room: OwnedSemaphorePermit) -> Result<Connection, Failure> {
        let tls = match self.is_encrypted {
            true => Some(self.shared.tls().ok_or(Failure::NotTrusted)?),
            false => None,
        };
        let Shared { settings, resolver, .. } = &*self.shared;
        self.host.connect(&settings.guard, resolver.as_ref(), tls, room).await
    }

    /// Sends a request on a connection, and keeps the connection if it can be used again.
    async fn exchange(
        &self,
        mut connection: Connection,
        prepared: &Prepared,
        deadline: Deadline,
    ) -> Result<Answer, Unanswered> {
        let answer = connection.exchange(self.request(prepared), deadline).await?;
        let is_wanted = self.shared.waiting.load(Ordering::Relaxed) > 0;
        if !is_wanted && connection.is_fit(Instant::now()) {
            self.host.keep(connection);
        }
        Ok(answer)
    }

    fn request(&self, prepared: &Prepared) -> hyper::Request<Full<Bytes>> {
        let mut request = hyper::Request::new(Full::new(prepared.body.clone()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        let headers = request.headers_mut();
        headers.reserve(prepared.headers.len() + 3);
        headers.insert(HOST, self.authority.clone());
        headers.insert(USER_AGENT, AGENT);
        for (name, range) in &prepared.headers {
            if let Ok(value) = HeaderValue::from_maybe_shared(prepared.values.slice(range.clone()))
            {
                headers.append(HeaderName::from_static(name), value);
            }
        }
        request
    }
}

impl Shared {
    fn new(
        settings: SenderSettings,
        resolver: Arc<dyn Resolve>,
        tls: Arc<OnceLock<Option<TlsConnector>>>,
    ) -> Self {
        let room = Arc::new(Semaphore::new(settings.connections_max.max(1)));
        let (waiting, hosts) = (AtomicUsize::new(0), Mutex::default());
        Self { settings, resolver, tls, room, waiting, hosts }
    }

    /// Waits for a place for one more connection. Idle ones make room.
    async fn room(&self) -> OwnedSemaphorePermit {
        let waits = Waits::new(&self.waiting);
        loop {
            if let Ok(room) = Arc::clone(&self.room).try_acquire_owned() {
                return room;
            }
            if !self.close_idle() {
                break;
            }
        }
        let room = Arc::clone(&self.room).acquire_owned().await;
        drop(waits);
        room.expect("invariant: the places are never closed")
    }

    /// Closes an idle connection of any host, and returns whether there was one.
    fn close_idle(&self) -> bool {
        let hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        hosts.values().filter_map(Weak::upgrade).any(|host| host.close_idle())
    }

    fn tls(&self) -> Option<TlsConnector> {
        self.tls.get_or_init(|| connector(&self.settings.trust)).clone()
    }
}

/// Counts whoever waits, until it is dropped.
struct Waits<'a>(&'a AtomicUsize);

impl<'a> Waits<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Returns the client's side of TLS: nothing older than 1.2, HTTP/1.1 on top. None if there is nobody to trust.
fn connector(trust: &Trust) -> Option<TlsConnector> {
    let roots = match trust {
        Trust::Roots(roots) => Arc::clone(roots),
        Trust::System => {
            let mut roots = RootCertStore::empty();
            let found = rustls_native_certs::load_native_certs();
            let (added, _) = roots.add_parsable_certificates(found.certs);
            (added > 0).then(|| Arc::new(roots))?
        }
    };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider);
    let config = config.with_safe_default_protocol_versions().ok()?;
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Some(TlsConnector::from(Arc::new(config)))
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("connections", &self.connections()).finish()
    }
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Route").field("is_encrypted", &self.is_encrypted).finish()
    }
}
