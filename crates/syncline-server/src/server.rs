//! Listening, connections and stopping.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use syncline_hub::served::deliver::DeliveryRetention;
use syncline_hub::served::{ServeError, Served};
use syncline_hub::{BackupHealth, Retention};
use syncline_model::id::{EndpointId, Position};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use crate::access::{IssuerError, Issuers, now_ms};
use crate::alerting::Alerting;
use crate::hubs::{Desk, HubName, Hubs, OpenError, Opened};
use crate::limits::{
    ACTIVITY_EVERY, FORGET_PAUSE, HEAD_BYTES_MAX, HEAD_TIME_MAX, LOOK_AFTER_EVERY,
    LOOK_AFTER_WAIT_MAX, RECEIVED_AT_ONCE_MAX, REQUESTS_MAX, STOP_TIME_MAX, STREAMS_MAX,
    SWEEP_EVERY,
};
use crate::loans::Loans;
use crate::metrics::Metrics;
use crate::provided::enable_returned;
use crate::rate::Rates;
use crate::room::Room;
use crate::router;
use crate::routes::forget_keys;
use crate::settings::{Settings, UnsafeSetting};
use crate::state::State;
use crate::tls::{Tls, TlsError};

/// How long accepting waits after the system refused a connection, for want of files mostly.
pub(crate) const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A server at work.
pub struct Server {
    address: SocketAddr,
    admin_token: Option<String>,
    state: Arc<State>,
    stop: watch::Sender<bool>,
    accepting: JoinHandle<()>,
    /// What lends hubs to commands of this machine, or why nothing does.
    lending: Result<JoinHandle<()>, io::Error>,
}

/// Why a server did not start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StartError {
    /// A setting is refused.
    #[error(transparent)]
    Unsafe(#[from] UnsafeSetting),
    /// Certificate and key.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Nobody can listen there.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Another issuer of tokens.
    #[error(transparent)]
    Issuer(#[from] IssuerError),
    /// A hub.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The machine gives no random numbers.
    #[error("the machine gives no random numbers")]
    Random,
}

impl StartError {
    /// Returns the stable code of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unsafe(error) => error.code(),
            Self::Tls(_) => "SERVE_TLS_INVALID",
            Self::Listen { .. } => "SERVE_LISTEN_FAILED",
            Self::Issuer(error) => error.code(),
            Self::Open(error) => error.code(),
            Self::Random => "RANDOM_UNAVAILABLE",
        }
    }
}

impl Server {
    /// Begins to serve `hub`, which is the one of `settings.data`, and all hubs below it.
    ///
    /// # Errors
    ///
    /// [`StartError`]; nothing listens then.
    pub async fn start(settings: &Settings, hub: impl Into<Opened>) -> Result<Self, StartError> {
        settings.check()?;
        let issuers = Issuers::open(&settings.issuers)?;
        let tls = settings.tls.as_ref().map(Tls::open).transpose()?.map(Arc::new);
        let listener = TcpListener::bind(settings.listen).await;
        let listener =
            listener.map_err(|source| StartError::Listen { address: settings.listen, source })?;
        let address = listener.local_addr();
        let address =
            address.map_err(|source| StartError::Listen { address: settings.listen, source })?;
        let (hubs, admin_token) = Hubs::open(hub.into(), settings)?;
        let mut process = [0; 4];
        getrandom::fill(&mut process).map_err(|_| StartError::Random)?;
        let (stop, stopping) = watch::channel(false);
        let (streams, streams_ended) = mpsc::channel(1);
        let state = Arc::new(State {
            metrics: Metrics::new(&settings.metrics, &hubs.figures),
            alerting: Arc::new(Alerting::new(settings)),
            hubs,
            issuers,
            roles: settings.roles.clone(),
            rates: Rates::new(settings.rate),
            origins: settings.origin_values()?,
            is_encrypted: tls.is_some(),
            requests: Room::new(REQUESTS_MAX),
            request_time: settings.request_time,
            receptions: Arc::new(Semaphore::new(RECEIVED_AT_ONCE_MAX)),
            stopping: stopping.clone(),
            streams: streams.downgrade(),
            started: Instant::now(),
            process: u32::from_be_bytes(process),
            requests_counted: AtomicU64::new(1),
        });
        tokio::spawn(sample(Arc::clone(&state)));
        let keep = (settings.keep, settings.keep_deliveries);
        tokio::spawn(look_after(Arc::clone(&state), keep));
        state.hubs.all().into_iter().for_each(|desk| drop(tokio::spawn(enable_returned(desk))));
        state.alerting.start(&state);
        let accepting = Accepting {
            listener,
            connections: settings.connections,
            tls,
            router: router::router(&state),
            stopping,
            streams,
            streams_ended,
        };
        let accepting = tokio::spawn(accepting.run());
        let lend =
            |loans: Loans| tokio::spawn(loans.run(Arc::clone(&state), state.stopping.clone()));
        let lending = Loans::listen(&settings.data).map(lend);
        Ok(Self { address, admin_token, state, stop, accepting, lending })
    }

    /// Returns where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the admin token of the default hub if this start made it.
    pub fn admin_token(&self) -> Option<&str> {
        self.admin_token.as_deref()
    }

    /// Returns what tells how many tokens have named a key that no issuer has.
    pub fn keys_unknown(&self) -> impl Fn() -> u64 + Send + 'static {
        let state = Arc::clone(&self.state);
        move || state.issuers.keys_unknown()
    }

    /// Returns what an operator should know of the endpoints that the environment names.
    pub fn provided(&self) -> Vec<String> {
        self.state.hubs.all().iter().flat_map(|desk| desk.provided.notes.clone()).collect()
    }

    /// Returns why commands of this machine cannot work through the server, if so.
    pub fn lends_nothing(&self) -> Option<&io::Error> {
        self.lending.as_ref().err()
    }

    /// Returns which alerts could not be told to whom since it was asked last, in words.
    pub fn alerts_untold(&self) -> Vec<String> {
        self.state.alerting.take_problems()
    }

    /// Returns the default hub.
    pub fn served(&self) -> &Served {
        &self.state.hubs.default_desk().served
    }

    /// Returns what lists all hubs, with their names; the default hub has none.
    pub fn hubs(&self) -> impl Fn() -> Vec<(Option<String>, Served)> + Send + 'static {
        let state = Arc::clone(&self.state);
        move || {
            let desks = state.hubs.all();
            desks.iter().map(|desk| (name_of(desk), desk.served.clone())).collect()
        }
    }

    /// Returns how the backup of each hub stands that has one, with the hub's name; the default hub has
    /// none.
    pub fn backups(&self) -> Vec<(Option<String>, BackupHealth)> {
        let desks = self.state.hubs.all();
        let backups =
            desks.iter().map(|desk| Some((name_of(desk), desk.backup.as_ref()?.health())));
        backups.flatten().collect()
    }

    /// Stops: nothing new is accepted, what is under way is finished within
    /// [`STOP_TIME_MAX`], open sockets are told to come back, and the hubs are closed once all that
    /// they accepted is on disk.
    ///
    /// # Errors
    ///
    /// [`ServeError`] of the first hub that was not closed well.
    pub async fn stop(self) -> Result<(), ServeError> {
        let _ = self.stop.send(true);
        // A panic there left nothing under way.
        let _ = self.accepting.await;
        if let Ok(lending) = self.lending {
            let _ = lending.await;
        }
        let state = self.state;
        let stopped = tokio::task::spawn_blocking(move || state.hubs.stop()).await;
        stopped.unwrap_or(Ok(()))
    }
}

fn name_of(desk: &Desk) -> Option<String> {
    desk.name.as_ref().map(HubName::as_str).map(str::to_owned)
}

/// Takes samples of what all hubs do, until the server stops.
async fn sample(state: Arc<State>) {
    let mut stopping = state.stopping.clone();
    let mut every = interval(ACTIVITY_EVERY);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !state.is_stopping() {
        tokio::select! {
            _ = every.tick() => {}
            _ = stopping.changed() => break,
        }
        let now_ms = now_ms();
        state.hubs.all().iter().for_each(|desk| desk.sample(now_ms));
    }
}

/// What hubs keep of their logs, and of their deliveries.
type Kept = (Retention, DeliveryRetention);

/// Looks after all hubs, one after the other, until the server stops. One whose store hangs holds up no other for long,
/// and is left alone until that is over.
async fn look_after(state: Arc<State>, keep: Kept) {
    let mut stopping = state.stopping.clone();
    let mut swept: Option<Instant> = None;
    let mut unfinished: BTreeMap<Box<str>, JoinHandle<()>> = BTreeMap::new();
    while !state.is_stopping() {
        let is_sweep_due = swept.is_none_or(|at| at.elapsed() >= SWEEP_EVERY);
        if is_sweep_due {
            swept = Some(Instant::now());
        }
        unfinished.retain(|_, looking| !looking.is_finished());
        for desk in state.hubs.all() {
            let name: Box<str> = desk.label().into();
            if unfinished.contains_key(&name) {
                continue;
            }
            let look = look_after_one(Arc::clone(&state), desk, keep, is_sweep_due);
            let mut looking = tokio::spawn(look);
            if timeout(LOOK_AFTER_WAIT_MAX, &mut looking).await.is_err() {
                unfinished.insert(name, looking);
            }
        }
        // Nobody is left who could stop it.
        if let Ok(Err(_)) = timeout(LOOK_AFTER_EVERY, stopping.changed()).await {
            break;
        }
    }
}

/// Has a hub forget what its log tells of longer ago than it is kept, and write down which copies there are.
async fn look_after_one(
    state: Arc<State>,
    desk: Arc<Desk>,
    (keep, keep_deliveries): Kept,
    is_sweep_due: bool,
) {
    let held = Arc::clone(&desk);
    let look = move || {
        held.replicas.save(now_ms());
        // Where it cannot be read the next look tells what this one has not.
        let _ = held.look_undecided(now_ms());
        held.activity.tally.save();
    };
    let _ = desk.blocking(look).await;
    if !keep.is_everything() {
        forget(&state, &desk, keep).await;
    }
    forget_messages(&state, &desk).await;
    if is_sweep_due {
        sweep(&state, &desk, keep_deliveries).await;
        forget_keys(&state, &desk).await;
    }
}

/// Has a hub forget deliveries that are kept no longer, piece by piece. Where that fails it is tried again with the
/// next turn.
async fn sweep(state: &Arc<State>, desk: &Arc<Desk>, keep: DeliveryRetention) {
    let of = Arc::clone(desk);
    let list = move || of.delivering.with(|all| Ok(all.dispatch().endpoints().cloned().collect()));
    let Ok(Ok(endpoints)) = desk.blocking(list).await else { return };
    let endpoints: Vec<EndpointId> = endpoints;
    for endpoint in endpoints {
        let mut after = Some(Position(0));
        while let Some(from) = after
            && !state.is_stopping()
        {
            let (of, endpoint) = (Arc::clone(desk), endpoint.clone());
            let sweep =
                move || of.delivering.with(|all| all.sweep(now_ms(), &endpoint, from, keep));
            after = desk.blocking(sweep).await.ok().and_then(Result::ok).flatten();
            if after.is_some() {
                sleep(FORGET_PAUSE).await;
            }
        }
    }
}

/// Has a hub forget signed messages whose time is taken no more, piece by piece. Where that fails it is tried again with
/// the next turn.
async fn forget_messages(state: &Arc<State>, desk: &Arc<Desk>) {
    loop {
        let of = Arc::clone(desk);
        let forgotten = desk.blocking(move || of.served.forget_messages(now_ms() / 1_000)).await;
        if !matches!(forgotten, Ok(Ok(true))) || state.is_stopping() {
            break;
        }
        sleep(FORGET_PAUSE).await;
    }
}

/// Has a hub forget what is old, piece by piece. Where that fails it is tried again with the next turn.
async fn forget(state: &Arc<State>, desk: &Arc<Desk>, keep: Retention) {
    loop {
        let of = Arc::clone(desk);
        let forget = move || {
            // Where nobody can say what is to be delivered, nothing is forgotten.
            let needed_behind = of.delivering.look(|all| Ok(all.needed_behind()));
            let keep = Retention { needed_behind: needed_behind.ok()?, ..keep };
            of.served.forget(keep).ok()
        };
        let forgotten = desk.blocking(forget).await;
        if !matches!(forgotten, Ok(Some(forgotten)) if forgotten.more) || state.is_stopping() {
            break;
        }
        sleep(FORGET_PAUSE).await;
    }
}

/// The task that accepts connections.
struct Accepting {
    listener: TcpListener,
    connections: usize,
    tls: Option<Arc<Tls>>,
    router: Router,
    stopping: watch::Receiver<bool>,
    /// Dropped when nothing new is accepted; open streams have their own.
    streams: mpsc::Sender<()>,
    streams_ended: mpsc::Receiver<()>,
}

impl Accepting {
    async fn run(mut self) {
        let graceful = GracefulShutdown::new();
        let room = Arc::new(Semaphore::new(self.connections));
        loop {
            // Where there is no room the system keeps those who wait, and turns away the rest.
            let place = tokio::select! {
                _ = self.stopping.changed() => break,
                place = Arc::clone(&room).acquire_owned() => place,
            };
            let accepted = tokio::select! {
                _ = self.stopping.changed() => break,
                accepted = self.listener.accept() => accepted,
            };
            let Ok((socket, _)) = accepted else {
                sleep(ACCEPT_PAUSE).await;
                continue;
            };
            let Ok(place) = place else { break };
            let connection = Connection {
                router: self.router.clone(),
                watcher: graceful.watcher(),
                tls: self.tls.as_ref().map(|tls| tls.acceptor()),
                place: Place(Arc::new(place)),
            };
            tokio::spawn(connection.serve(socket));
        }
        drop(self.listener);
        drop(self.streams);
        let mut streams_ended = self.streams_ended;
        let ended = async { tokio::join!(graceful.shutdown(), streams_ended.recv()) };
        // Whoever takes longer has had no answer, and asks again elsewhere.
        let _ = timeout(STOP_TIME_MAX, ended).await;
    }
}

/// A connection that is about to be served.
struct Connection {
    router: Router,
    watcher: hyper_util::server::graceful::Watcher,
    tls: Option<TlsAcceptor>,
    place: Place,
}

/// A connection's place among all that may be open. Whoever speaks on behind the answer to a request, as on a
/// WebSocket, keeps it.
#[derive(Clone)]
pub(crate) struct Place(
    #[expect(dead_code, reason = "given back when dropped")] Arc<OwnedSemaphorePermit>,
);

impl Connection {
    async fn serve(self, socket: TcpStream) {
        // One edit is one small packet, which must not wait for another.
        let _ = socket.set_nodelay(true);
        match self.tls.clone() {
            None => self.speak(socket).await,
            Some(tls) => {
                if let Ok(Ok(socket)) = timeout(HEAD_TIME_MAX, tls.accept(socket)).await {
                    self.speak(socket).await;
                }
            }
        }
    }

    async fn speak(self, socket: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let mut builder = auto::Builder::new(TokioExecutor::new());
        let mut http1 = builder.http1();
        http1
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIME_MAX)
            .max_buf_size(HEAD_BYTES_MAX);
        let mut http2 = builder.http2();
        http2
            .timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS_MAX)
            .max_header_list_size(HEAD_BYTES_MAX as u32)
            .keep_alive_interval(Some(HEAD_TIME_MAX));
        let asked = Arc::new(AtomicBool::new(false));
        let note = Arc::clone(&asked);
        let place = self.place;
        let router = self.router.map_request(move |mut request: Request<Incoming>| {
            note.store(true, Ordering::Relaxed);
            request.extensions_mut().insert(place.clone());
            request
        });
        let service = TowerToHyperService::new(router);
        let connection = builder.serve_connection_with_upgrades(TokioIo::new(socket), service);
        let mut connection = pin!(self.watcher.watch(connection.into_owned()));
        // Whoever asks nothing keeps others from asking. One that breaks off is its client's affair.
        if timeout(HEAD_TIME_MAX, &mut connection).await.is_err() && asked.load(Ordering::Relaxed) {
            let _ = connection.await;
        }
    }
}
