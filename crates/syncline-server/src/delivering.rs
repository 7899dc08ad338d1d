//! Deliveries at work: the machine of a hub gets its turns, and what it answers is sent.
//!
//! One task per hub. It sleeps until an attempt has ended, the log has moved on, somebody has changed an
//! endpoint, or the machine said that something is due: an idle hub asks its store nothing. What has come in
//! while one turn was committed is one more turn, so the busier a hub is, the more goes to disk at once.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use syncline_domains::app::{Failure as Unsent, Request, Route, Sender, Target};
use syncline_engine::deliver::{
    BodyForm, EndpointRow, EventRef, Failure, Notice, Outcome, Report, SecretKind, Sending,
    StoredSecret,
};
use syncline_hub::served::deliver::{
    Content, Deliveries, DeliveryError, EndpointNow, Parcel, Turn,
};
use syncline_hub::served::{ServeError, Served};
use syncline_model::id::{EndpointId, EntityName, EventId, EventType, Position, RecordId, Writer};
use syncline_protocol::webhook::body::{BodyForm as SentForm, BodyOptions, body};
use syncline_protocol::webhook::delivery::{Attempt, headers};
use syncline_protocol::webhook::event::Event;
use syncline_protocol::webhook::secret::{Secret, SecretError};
use syncline_protocol::webhook::sign::Signer;
use tokio::runtime::Handle;
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout_at};

use crate::access::now_ms;
use crate::activity::{Activity, Backlog, Counter};
use crate::limits::{DELIVERY_RESTART_PAUSE, READ_WAIT_MAX, SENDS_MAX};

/// How long to wait before the machine is asked for again.
const LOCK_PAUSE: Duration = Duration::from_millis(2);

/// The deliveries of one hub, and the task that makes them.
pub(crate) struct Delivering {
    shared: Arc<Shared>,
    task: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    served: Served,
    sender: Sender,
    /// Nothing while it is read anew, after the store had failed.
    machine: Mutex<Option<Deliveries>>,
    /// Somebody has asked for something.
    asked: Notify,
    stop: watch::Sender<bool>,
    /// Who tells of the events.
    source: String,
    activity: Arc<Activity>,
    /// Deliveries that were given up since the start.
    dead_letters: AtomicU64,
}

/// What came of an attempt, and of which life of the machine it was.
type Ended = (u64, Report);

impl Delivering {
    /// Takes up what the store holds, and begins.
    ///
    /// - `end`: the end of the log.
    /// - `source`: who tells of the events, as a path.
    /// - `activity`: where attempts are counted.
    pub(crate) fn start(
        served: Served,
        sender: Sender,
        end: watch::Receiver<Position>,
        source: String,
        activity: Arc<Activity>,
    ) -> Result<Self, ServeError> {
        let machine = Mutex::new(Some(Deliveries::start(&served, now_ms())?));
        let (stop, _) = watch::channel(false);
        let asked = Notify::new();
        let dead_letters = AtomicU64::default();
        let shared = Arc::new(Shared {
            served,
            sender,
            machine,
            asked,
            stop,
            source,
            activity,
            dead_letters,
        });
        let task = Mutex::new(Some(tokio::spawn(run(Arc::clone(&shared), end))));
        Ok(Self { shared, task })
    }

    /// Looks at the machine or changes it; blocks.
    pub(crate) fn with<T>(
        &self,
        task: impl FnOnce(&mut Deliveries) -> Result<T, DeliveryError>,
    ) -> Result<T, DeliveryError> {
        let mut machine = self.shared.machine_soon()?;
        let known = machine.as_mut().filter(|known| !known.is_astray());
        let done = task(known.ok_or(ServeError::Busy)?);
        drop(machine);
        self.shared.asked.notify_one();
        done
    }

    /// Sends an event to an endpoint that says nothing, to see whether it can be reached: one that was
    /// disabled may be enabled again after that. It is no delivery, and is not signed as one of a record.
    pub(crate) async fn test(&self, endpoint: &EndpointNow) -> Report {
        let event = EventRef {
            position: Position(0),
            event: test_id(),
            event_type: EventType::new("syncline.test").expect("invariant: two words"),
            entity: EntityName::new("syncline").expect("invariant: a word"),
            id: RecordId::new("test").expect("invariant: a word"),
            created_ms: now_ms(),
            bytes: 0,
        };
        let origin = Writer::new("syncline").expect("invariant: a word");
        let parcel = Parcel {
            sending: Sending {
                endpoint: endpoint.id.clone(),
                event: Arc::new(event),
                attempt: 1,
                is_replay: false,
            },
            endpoint: Arc::clone(&endpoint.row),
            content: Ok(Arc::new(Content { data: "{}".into(), origin, hops: Vec::new() })),
        };
        let way = Way::new(&self.shared.sender, &endpoint.row, now_ms());
        attempt(&parcel, &way, &self.shared.source).await
    }

    /// Returns what has still to be delivered; nothing while the machine is busy. Wakes nobody.
    pub(crate) fn backlog(&self, now_ms: u64) -> Option<Backlog> {
        let machine = self.shared.machine.try_lock().ok()?;
        let mut backlog = Backlog::default();
        let mut oldest_ms: Option<u64> = None;
        for EndpointNow { facts, .. } in machine.as_ref()?.endpoints() {
            backlog.endpoints += 1;
            if facts.disabled.is_some() {
                backlog.disabled += 1;
                continue;
            }
            backlog.failing += u64::from(facts.failing_since_ms.is_some());
            backlog.queue += facts.pending as u64 + facts.lag;
            // Of an event that waits for its next try only the row is kept: it failed since then at least.
            let failing_ms = facts.failing_since_ms.filter(|_| facts.pending > 0);
            oldest_ms = [oldest_ms, facts.oldest_ms, failing_ms].into_iter().flatten().min();
        }
        backlog.lag_ms = oldest_ms.map(|oldest_ms| now_ms.saturating_sub(oldest_ms));
        Some(backlog)
    }

    /// Returns how many deliveries were given up since the start.
    pub(crate) fn dead_letters(&self) -> u64 {
        self.shared.dead_letters.load(Ordering::Relaxed)
    }

    /// Makes no new attempts.
    pub(crate) fn begin_stop(&self) {
        self.shared.stop.send_replace(true);
    }

    /// As [`Delivering::begin_stop`], and waits for attempts that are under way, until `deadline`; blocks.
    pub(crate) fn stop(&self, deadline: Instant) {
        self.begin_stop();
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut task) = task else { return };
        let ended = async { timeout_at(deadline.into(), &mut task).await.is_ok() };
        if !Handle::current().block_on(ended) {
            // What came of those that take longer is unknown: they are made again, under the same ids.
            task.abort();
        }
    }
}

impl Shared {
    fn count(&self, outcome: Outcome) {
        self.activity.add(Counter::Attempts, 1);
        let is_delivered = matches!(outcome, Outcome::Answered { status: 200..=299, .. });
        self.activity.add(Counter::AttemptsFailed, u64::from(!is_delivered));
    }

    fn machine(&self) -> MutexGuard<'_, Option<Deliveries>> {
        // One that a panic has cut off is not used again: a turn that fails reads the store anew.
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the machine, unless something else has it for long.
    fn machine_soon(&self) -> Result<MutexGuard<'_, Option<Deliveries>>, ServeError> {
        let begun = Instant::now();
        loop {
            match self.machine.try_lock() {
                Ok(machine) => return Ok(machine),
                Err(TryLockError::Poisoned(poisoned)) => return Ok(poisoned.into_inner()),
                Err(TryLockError::WouldBlock) if begun.elapsed() < READ_WAIT_MAX => {
                    std::thread::sleep(LOCK_PAUSE);
                }
                Err(TryLockError::WouldBlock) => return Err(ServeError::Busy),
            }
        }
    }

    /// Gives the machine a turn, or reads it anew; blocks.
    fn turn(&self, reports: &[(Report, u64)], sends_max: usize) -> Result<(Turn, Due), ServeError> {
        let mut machine = self.machine();
        let known = match machine.as_mut() {
            Some(known) => known,
            None => machine.insert(Deliveries::start(&self.served, now_ms())?),
        };
        match known.turn(now_ms(), reports, sends_max) {
            Ok(turn) => Ok((turn, known.due())),
            Err(error) => {
                *machine = None;
                Err(error)
            }
        }
    }
}

/// When the next turn is due, in milliseconds since the Unix epoch.
type Due = Option<u64>;

async fn run(shared: Arc<Shared>, mut end: watch::Receiver<Position>) {
    let (ended_in, mut ended) = mpsc::channel::<Ended>(SENDS_MAX);
    let mut stopping = shared.stop.subscribe();
    let mut ways = Ways::default();
    let mut attempts = JoinSet::new();
    let (mut life, mut in_flight) = (0, 0);
    let mut came: Vec<Ended> = Vec::new();
    loop {
        let is_stopping = *stopping.borrow_and_update();
        let reports: Vec<(Report, u64)> = came
            .drain(..)
            .filter(|(of, _)| *of == life)
            .inspect(|(_, report)| shared.count(report.outcome))
            .map(|(_, report)| (report, random()))
            .collect();
        in_flight -= reports.len();
        while attempts.try_join_next().is_some() {}
        let room = if is_stopping { 0 } else { SENDS_MAX - in_flight };
        let held = Arc::clone(&shared);
        let turn = tokio::task::spawn_blocking(move || held.turn(&reports, room)).await;
        let due = match turn {
            Ok(Ok((turn, due))) => {
                in_flight += turn.parcels.len();
                let is_dead = |notice: &&Notice| matches!(notice, Notice::Dead { .. });
                let dead = turn.notices.iter().filter(is_dead).count() as u64;
                shared.dead_letters.fetch_add(dead, Ordering::Relaxed);
                for parcel in turn.parcels {
                    let way = ways.to(&shared.sender, &parcel, now_ms());
                    let (ended_in, source) = (ended_in.clone(), shared.source.clone());
                    attempts.spawn(async move {
                        let report = attempt(&parcel, &way, &source).await;
                        // Nobody is left to tell where the hub has stopped.
                        let _ = ended_in.send((life, report)).await;
                    });
                }
                if turn.is_unfinished && !is_stopping { Some(0) } else { due }
            }
            // What was under way then is unknown, and made again: after it has ended, so that of one record
            // nothing comes late.
            _ => {
                attempts.shutdown().await;
                (life, in_flight) = (life + 1, 0);
                Some(now_ms() + DELIVERY_RESTART_PAUSE.as_millis() as u64)
            }
        };
        if is_stopping && in_flight == 0 {
            break;
        }
        tokio::select! {
            _ = ended.recv_many(&mut came, SENDS_MAX) => {}
            moved = end.changed(), if !is_stopping => {
                // Nobody commits any more: only what is under way is left.
                if moved.is_err() { shared.stop.send_replace(true); }
            }
            () = shared.asked.notified() => {}
            () = until(due), if !is_stopping => {}
            _ = stopping.changed(), if !is_stopping => {}
        }
    }
}

async fn until(due: Due) {
    match due {
        Some(due) => sleep(Duration::from_millis(due.saturating_sub(now_ms()))).await,
        None => std::future::pending().await,
    }
}

/// Returns an id that no event has, and no test before.
fn test_id() -> EventId {
    EventId::new(&format!("test_{:016x}", random())).expect("invariant: few letters and digits")
}

fn random() -> u64 {
    let mut bytes = [0; 8];
    // Without random numbers retries are not spread; they are made all the same.
    let _ = getrandom::fill(&mut bytes);
    u64::from_le_bytes(bytes)
}

/// The ways to endpoints, each with what is signed with.
#[derive(Default)]
struct Ways(BTreeMap<EndpointId, Arc<Way>>);

struct Way {
    row: Arc<EndpointRow>,
    /// When the next of its secrets begins or ends to count.
    until_ms: u64,
    signer: Result<Signer, Failure>,
    route: Result<Route, Failure>,
}

impl Ways {
    /// Returns the way to the endpoint of a parcel.
    fn to(&mut self, sender: &Sender, parcel: &Parcel, now_ms: u64) -> Arc<Way> {
        let (endpoint, row) = (&parcel.sending.endpoint, &parcel.endpoint);
        if let Some(way) = self.0.get(endpoint)
            && Arc::ptr_eq(&way.row, row)
            && now_ms < way.until_ms
        {
            return Arc::clone(way);
        }
        let way = Arc::new(Way::new(sender, row, now_ms));
        // Ways of endpoints that were removed go with the next one that is made.
        self.0.retain(|_, way| Arc::strong_count(&way.row) > 1);
        self.0.insert(endpoint.clone(), Arc::clone(&way));
        way
    }
}

impl Way {
    fn new(sender: &Sender, row: &Arc<EndpointRow>, now_ms: u64) -> Self {
        let is_active = |secret: &&StoredSecret| {
            secret.since_ms <= now_ms && secret.until_ms.is_none_or(|until| until > now_ms)
        };
        let active: Vec<&StoredSecret> = row.secrets.iter().filter(is_active).collect();
        let secrets: Result<Vec<Secret>, SecretError> =
            active.iter().map(|secret| secret_of(secret)).collect();
        let signer = match secrets {
            Ok(secrets) if !secrets.is_empty() => Signer::new(&secrets).ok(),
            _ => None,
        };
        let times = row.secrets.iter().flat_map(|one| [Some(one.since_ms), one.until_ms]);
        let until_ms = times.flatten().filter(|time| *time > now_ms).min().unwrap_or(u64::MAX);
        let route = match Target::parse(&row.settings.url) {
            Ok(target) => sender.route(&target).map_err(|_| Failure::AddressRefused),
            Err(_) => Err(Failure::UrlInvalid),
        };
        let signer = signer.ok_or(Failure::SecretMissing);
        Self { row: Arc::clone(row), until_ms, signer, route }
    }
}

fn secret_of(secret: &StoredSecret) -> Result<Secret, SecretError> {
    match secret.kind {
        SecretKind::Hmac | SecretKind::Ed25519 => Secret::parse(&secret.text),
        SecretKind::Plain => Secret::plain(&secret.text),
    }
}

/// Makes an attempt.
async fn attempt(parcel: &Parcel, way: &Way, source: &str) -> Report {
    let (route, request) = match request(parcel, way, source) {
        Ok(made) => made,
        Err(failure) => return report(parcel, Outcome::Failed(failure), Duration::ZERO, "".into()),
    };
    let sent = route.send(request).await;
    let outcome = match sent.answer {
        Ok(status) => Outcome::Answered { status, retry_after_ms: sent.retry_after_ms },
        Err(failure) => Outcome::Failed(failure_of(failure)),
    };
    report(parcel, outcome, sent.duration, sent.excerpt)
}

fn report(parcel: &Parcel, outcome: Outcome, duration: Duration, excerpt: Box<str>) -> Report {
    Report {
        endpoint: parcel.sending.endpoint.clone(),
        position: parcel.sending.event.position,
        attempt: parcel.sending.attempt,
        outcome,
        duration_ms: u32::try_from(duration.as_millis()).unwrap_or(u32::MAX),
        excerpt,
    }
}

/// Makes what is sent; otherwise says why it cannot be.
fn request<'w>(
    parcel: &Parcel,
    way: &'w Way,
    source: &str,
) -> Result<(&'w Route, Request), Failure> {
    let content = parcel.content.as_ref().map_err(|failure| *failure)?;
    let signer = way.signer.as_ref().map_err(|failure| *failure)?;
    let route = way.route.as_ref().map_err(|failure| *failure)?;
    let (told, settings) = (&parcel.sending.event, &way.row.settings);
    let position = told.position.0;
    let event = Event {
        id: &told.event,
        event_type: &told.event_type,
        time_ms: told.created_ms,
        data: &content.data,
        resource_type: told.entity.as_str(),
        resource_id: told.id.as_str(),
        sequence: position,
        origin: content.origin.as_str(),
        hops: &content.hops,
    };
    let form = match settings.body {
        BodyForm::Standard => SentForm::Standard,
        BodyForm::Anywheredoor => SentForm::AnywhereDoor,
        BodyForm::CloudEvent => SentForm::CloudEvents,
    };
    let endpoint = parcel.sending.endpoint.as_str();
    let of_hub = source.trim_end_matches('/');
    let data_ref = format!("{of_hub}/v1/endpoints/{endpoint}/deliveries/{position}/data");
    let thin_above_bytes = settings.thin_above_bytes as usize;
    let options = BodyOptions { form, thin_above_bytes, data_ref: &data_ref, source };
    let body = body(&event, &options);
    let attempt = Attempt {
        timestamp_s: now_ms() / 1_000,
        number: parcel.sending.attempt,
        endpoint,
        position,
        is_replay: parcel.sending.is_replay,
        traceparent: None,
        source,
        data_ref: &data_ref,
    };
    let headers = headers(&event, (&body, form), &attempt, signer);
    let timeout = Duration::from_millis(settings.timeout_ms);
    Ok((route, Request { headers, body: body.bytes.into(), timeout }))
}

/// Returns what a failure of the sender is called in attempts.
const fn failure_of(failure: Unsent) -> Failure {
    match failure {
        Unsent::Refused(_) => Failure::AddressRefused,
        Unsent::Unknown => Failure::Resolve,
        Unsent::Unreachable => Failure::Connect,
        Unsent::NotTrusted => Failure::Tls,
        Unsent::TimedOut { .. } => Failure::Timeout,
        Unsent::TooLarge { .. } => Failure::BodyInvalid,
        // Lost, or no HTTP.
        _ => Failure::Broken,
    }
}
