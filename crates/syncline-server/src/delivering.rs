//! Deliveries at work: the machine of a hub gets its turns, and what it answers is sent.
//!
//! One task per hub. It sleeps until an attempt has ended, the log has moved on, somebody has changed an
//! endpoint, or the machine said that something is due: an idle hub asks its store nothing. What has come in
//! while one turn was committed is one more turn, so the busier a hub is, the more goes to disk at once.

//!
//! | You want | Read |
//! |---|---|
//! | the task | `run.rs` |
//! | what is sent, where to, and what came of it | `attempt.rs`, `way.rs` |
//! | what is not lost when the store fails | `pauses.rs` |
//! | what an operator should know | `notices.rs`, `figures.rs`, `halt.rs` |

mod attempt;
mod figures;
mod halt;
mod notices;
mod pauses;
mod run;
#[cfg(test)]
mod tests;
mod way;

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use syncline_domains::app::{Refusal as GuardRefusal, Request, Sender, Target};
use syncline_engine::deliver::{EventRef, Notice, Outcome, Report, Sending};
use syncline_engine::tally::{Count, Took};
use syncline_hub::served::deliver::{
    Content, Deliveries, DeliveryError, EndpointNow, Noticed, Parcel, Turn,
};
use syncline_hub::served::{ServeError, Served};
use syncline_model::id::{EntityName, EventId, EventType, Position, RecordId, Writer};
use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout_at;

pub(crate) use self::attempt::Unsent;
use self::attempt::attempt;
pub(crate) use self::figures::{DeliveryFigures, HubFigures};
use self::halt::Halt;
pub(crate) use self::notices::Notices;
use self::pauses::Pauses;
use self::run::run;
use self::way::Way;
use crate::access::now_ms;
use crate::activity::{Activity, Backlog, Counter};
use crate::limits::{DELIVERIES_STOPPED_AFTER, LOOK_WAIT_MAX, READ_WAIT_MAX};

/// The type of what is sent to see whether an endpoint can be reached. It is no event.
pub(crate) const TEST_TYPE: &str = "syncline.test";
/// How long to wait before the machine is asked for again.
const LOCK_PAUSE: Duration = Duration::from_millis(2);

/// The deliveries of one hub, and the task that makes them.
pub(crate) struct Delivering {
    shared: Arc<Shared>,
    task: Mutex<Option<JoinHandle<()>>>,
    /// Somebody has asked for the end.
    is_ending: AtomicBool,
}

struct Shared {
    served: Served,
    sender: Sender,
    /// Nothing while it is read anew, after the store had failed.
    machine: Mutex<Option<Deliveries>>,
    pauses: Pauses,
    /// How many wait for the machine.
    waiting: AtomicUsize,
    /// Somebody has asked for something.
    asked: Notify,
    stop: watch::Sender<bool>,
    /// Who tells of the events.
    source: String,
    notices: Notices,
    figures: HubFigures,
    activity: Arc<Activity>,
    /// Deliveries that were given up since the start.
    dead_letters: AtomicU64,
    /// Whether all of them stand still.
    halt: Halt,
}

/// When the next turn is due, in milliseconds since the Unix epoch.
type Due = Option<u64>;

impl Delivering {
    /// Takes up what the store holds, and begins. Where the store cannot be read that is tried again and again, and
    /// the hub is served meanwhile.
    ///
    /// - `end`: the end of the log.
    /// - `source`: who tells of the events, as a path.
    /// - the last: where attempts are counted.
    pub(crate) fn start(
        served: Served,
        sender: Sender,
        end: watch::Receiver<Position>,
        source: String,
        (figures, activity): (HubFigures, Arc<Activity>),
    ) -> Self {
        let machine = Mutex::new(Deliveries::start(&served, now_ms()).ok());
        let (stop, _) = watch::channel(false);
        let (asked, notices) = (Notify::new(), Notices::default());
        let dead_letters = AtomicU64::default();
        let shared = Arc::new(Shared {
            served,
            sender,
            machine,
            pauses: Pauses::default(),
            waiting: AtomicUsize::new(0),
            asked,
            stop,
            source,
            notices,
            figures,
            activity,
            dead_letters,
            halt: Halt::default(),
        });
        let task = Mutex::new(Some(tokio::spawn(run(Arc::clone(&shared), end))));
        Self { shared, task, is_ending: AtomicBool::new(false) }
    }

    /// Returns what an operator should know, and should have known since the hub was started.
    pub(crate) fn notices(&self) -> &Notices {
        &self.shared.notices
    }

    /// Returns who tells of the events, as a path. No two hubs have the same.
    pub(crate) fn source(&self) -> &str {
        &self.shared.source
    }

    /// Notes whether all of them stand still; blocks never.
    pub(crate) fn measure_halt(&self, now_ms: u64) {
        let is_stopped = u128::from(self.stopped_ms(now_ms)) > DELIVERIES_STOPPED_AFTER.as_millis();
        self.shared.figures.stopped(is_stopped);
    }

    /// Takes figures of how the endpoints do.
    pub(crate) fn measure(&self) -> Result<(), DeliveryError> {
        let endpoints = self.look(|all| Ok(all.endpoints()))?;
        self.shared.figures.measure(&endpoints, now_ms());
        Ok(())
    }

    /// Looks at the machine; blocks.
    pub(crate) fn look<T>(
        &self,
        task: impl FnOnce(&Deliveries) -> Result<T, DeliveryError>,
    ) -> Result<T, DeliveryError> {
        let machine = self.shared.machine_soon()?;
        let known = machine.as_ref().filter(|known| !known.is_astray());
        task(known.ok_or(ServeError::Busy)?)
    }

    /// Changes the machine; blocks.
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

    /// Looks at whether an address may be sent to, as far as its text says that.
    pub(crate) fn check_target(&self, target: &Target) -> Result<(), GuardRefusal> {
        self.shared.sender.check(target)
    }

    /// Sends an event to an endpoint that says nothing, to see whether it can be reached: one that was
    /// disabled may be enabled again after that. It is no delivery, and is not signed as one of a record.
    pub(crate) async fn test(&self, endpoint: &EndpointNow) -> Report {
        let event = EventRef {
            position: Position(0),
            event: test_id(),
            event_type: EventType::new(TEST_TYPE).expect("invariant: two words"),
            entity: EntityName::new("syncline").expect("invariant: a word"),
            id: RecordId::new("test").expect("invariant: a word"),
            created_ms: now_ms(),
            bytes: 0,
        };
        let origin = Writer::new("syncline").expect("invariant: a word");
        let parcel = Parcel {
            sending: Sending {
                endpoint: endpoint.id.clone(),
                made: 0,
                event: Arc::new(event),
                attempt: 1,
                is_replay: false,
            },
            endpoint: Arc::clone(&endpoint.row),
            content: Ok(Arc::new(Content {
                data: "{}".into(),
                edited: None,
                origin,
                hops: Vec::new(),
                trace: None,
            })),
        };
        let mut way = Way::new(&self.shared.sender, &endpoint.row, now_ms());
        // There is no event that it could be made of.
        (way.filter, way.transformation) = (None, None);
        attempt(&parcel, &way, &self.shared.source).await
    }

    /// Returns what an attempt would send now, with its signatures; otherwise why nothing is sent.
    pub(crate) async fn preview(&self, parcel: &Parcel) -> Result<Request, Unsent> {
        let way = Way::new(&self.shared.sender, &parcel.endpoint, now_ms());
        attempt::preview(parcel, &way, &self.shared.source).await
    }

    /// Returns what has still to be delivered; nothing while the machine is busy. Wakes nobody.
    pub(crate) fn backlog(&self, now_ms: u64) -> Option<Backlog> {
        self.backlog_within(now_ms, Duration::ZERO)
    }

    /// As [`Delivering::backlog`], and waits for a moment while the machine is busy; blocks.
    pub(crate) fn backlog_soon(&self, now_ms: u64) -> Option<Backlog> {
        self.backlog_within(now_ms, LOOK_WAIT_MAX)
    }

    fn backlog_within(&self, now_ms: u64, wait: Duration) -> Option<Backlog> {
        let machine = self.shared.machine_within(wait).ok()?;
        let mut backlog = Backlog { is_lag_known: true, ..Backlog::default() };
        let mut oldest_ms: Option<u64> = None;
        let known = machine.as_ref().filter(|known| !known.is_astray())?;
        for EndpointNow { facts, damaged, .. } in known.endpoints() {
            backlog.endpoints += 1;
            // To one of which a row cannot be read nothing is sent, either.
            if facts.disabled.is_some() || damaged.is_some() {
                backlog.disabled += 1;
                continue;
            }
            backlog.failing += u64::from(facts.failing_since_ms.is_some());
            backlog.queue += facts.pending as u64 + facts.lag;
            let failing_ms = facts.failing_since_ms.filter(|_| facts.pending > 0);
            // After a start what waits is not read yet, and nobody knows since when it does. What only waits for its
            // time and is not known cannot be read: that stays so for hours.
            let is_unread = facts.lag > 0 || facts.pending > facts.retrying;
            backlog.is_lag_known &= !is_unread || facts.oldest_ms.or(failing_ms).is_some();
            oldest_ms = [oldest_ms, facts.oldest_ms, failing_ms].into_iter().flatten().min();
        }
        backlog.lag_ms = oldest_ms.map(|oldest_ms| now_ms.saturating_sub(oldest_ms));
        Some(backlog)
    }

    /// Returns for how long all deliveries have stood still, in milliseconds; 0 if they go on.
    pub(crate) fn stopped_ms(&self, now_ms: u64) -> u64 {
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        let has_ended = task.as_ref().is_some_and(JoinHandle::is_finished);
        if has_ended && !self.is_ending.load(Ordering::Relaxed) {
            // By a panic, or since nobody commits any more.
            self.shared.halt.begin(now_ms);
        }
        self.shared.halt.lasts_ms(now_ms)
    }

    /// Returns how many deliveries were given up since the start.
    pub(crate) fn dead_letters(&self) -> u64 {
        self.shared.dead_letters.load(Ordering::Relaxed)
    }

    /// Makes no new attempts.
    pub(crate) fn begin_stop(&self) {
        self.is_ending.store(true, Ordering::Relaxed);
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
    /// Counts an attempt that has ended.
    fn count(&self, parcel: &Parcel, outcome: Outcome) {
        if outcome == Outcome::LeftOut {
            return;
        }
        self.figures.ended(parcel, outcome, now_ms());
        self.activity.add(Counter::Attempts, 1);
        let is_delivered = matches!(outcome, Outcome::Answered { status: 200..=299, .. });
        self.activity.add(Counter::AttemptsFailed, u64::from(!is_delivered));
        let at_ms = now_ms();
        self.activity.tally.count(|tally| {
            tally.add(at_ms, Count::Attempts, 1);
            if is_delivered {
                tally.add(at_ms, Count::Delivered, 1);
            }
            if is_delivered && !parcel.sending.is_replay {
                let took_ms = at_ms.saturating_sub(parcel.sending.event.created_ms);
                tally.took(at_ms, Took::Delivery, took_ms.saturating_mul(1_000), 1);
            }
        });
    }

    /// Keeps what an operator should know.
    fn note(&self, noticed: Vec<Noticed>) {
        let count = |is_it: fn(&Notice) -> bool| -> u64 {
            noticed.iter().filter(|one| is_it(&one.notice)).map(|one| one.count).sum()
        };
        let dead = count(|notice| matches!(notice, Notice::Dead { .. }));
        let disabled = count(|notice| matches!(notice, Notice::Disabled { .. }));
        self.dead_letters.fetch_add(dead, Ordering::Relaxed);
        if dead + disabled > 0 {
            self.activity.tally.count(|tally| {
                tally.add(now_ms(), Count::GivenUp, dead);
                tally.add(now_ms(), Count::EndpointsDisabled, disabled);
            });
        }
        self.figures.noticed(&noticed);
        self.notices.add(noticed);
    }

    fn machine(&self) -> MutexGuard<'_, Option<Deliveries>> {
        // One that a panic has cut off is not used again: a turn that fails reads the store anew.
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the machine, unless something else has it for long.
    fn machine_soon(&self) -> Result<MutexGuard<'_, Option<Deliveries>>, ServeError> {
        self.machine_within(READ_WAIT_MAX)
    }

    fn machine_within(
        &self,
        wait: Duration,
    ) -> Result<MutexGuard<'_, Option<Deliveries>>, ServeError> {
        match self.machine.try_lock() {
            Ok(machine) => return Ok(machine),
            Err(TryLockError::Poisoned(poisoned)) => return Ok(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) if wait.is_zero() => return Err(ServeError::Busy),
            Err(TryLockError::WouldBlock) => {}
        }
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let begun = Instant::now();
        let machine = loop {
            match self.machine.try_lock() {
                Ok(machine) => break Ok(machine),
                Err(TryLockError::Poisoned(poisoned)) => break Ok(poisoned.into_inner()),
                Err(TryLockError::WouldBlock) if begun.elapsed() < wait => {
                    std::thread::sleep(LOCK_PAUSE);
                }
                Err(TryLockError::WouldBlock) => break Err(ServeError::Busy),
            }
        };
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        machine
    }

    /// Gives the machine a turn, or reads it anew; blocks.
    fn turn(&self, reports: &[(Report, u64)], sends_max: usize) -> Result<(Turn, Due), ServeError> {
        if self.waiting.load(Ordering::Relaxed) > 0 {
            // Turns that follow each other at once would leave nobody else a moment.
            std::thread::sleep(2 * LOCK_PAUSE);
        }
        self.pauses.hear(now_ms(), reports.iter().map(|(report, _)| report));
        let mut machine = self.machine();
        let known = match machine.as_mut() {
            Some(known) => known,
            None => {
                let mut anew = Deliveries::start(&self.served, now_ms())?;
                anew.handle_pauses(self.pauses.get());
                machine.insert(anew)
            }
        };
        match known.turn(now_ms(), reports, sends_max) {
            Ok(turn) => {
                self.pauses.forget();
                Ok((turn, known.due()))
            }
            Err(error) => {
                self.pauses.keep(known.pauses());
                *machine = None;
                Err(error)
            }
        }
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
