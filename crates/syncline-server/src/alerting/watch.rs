//! Who looks at the hubs, and hands on what is to be told.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use syncline_domains::app::{Guard, Sender, SenderSettings, SystemResolver};
use syncline_engine::alert::{Alarm, Alerts, Kind, Known, Lit, Measures};
use syncline_hub::BackupHealth;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::channel::{Unsent, send};
use super::memory::{Memory, Told, Untold};
use super::receiver::{AlertReceiver, AlertSettings};
use crate::access::now_ms;
use crate::activity::{Backlog, Counter};
use crate::apart::Apart;
use crate::hubs::Desk;
use crate::limits::{
    ALERT_LOOK_MAX, ALERT_PROBLEMS_MAX, ALERT_RETRY_WAITS, ALERTS_QUEUED_MAX, LOOKS_AT_ONCE_MAX,
};
use crate::settings::Settings;
use crate::state::State;

/// The alerts of a server.
pub(crate) struct Alerting {
    pub(super) settings: AlertSettings,
    sender: Sender,
    pub(super) guard: Guard,
    pub(super) memory: Memory,
    /// Where that is written.
    writing: Apart,
    latest: Mutex<Latest>,
    /// What could not be told, for the terminal.
    problems: Mutex<VecDeque<String>>,
}

/// What the latest look at all hubs has shown.
struct Latest {
    /// What is too bad.
    lit: Vec<Lit>,
    /// When each hub was looked at, by what it is called, in milliseconds since the Unix epoch.
    looked_ms: BTreeMap<String, u64>,
}

/// Something of a hub that is too bad, and who was told, and how that went.
type LitAndTold = (Lit, Vec<(String, Told)>);

impl Alerting {
    pub(crate) fn new(settings: &Settings) -> Self {
        let guard = settings.sending.clone();
        let sending = SenderSettings { guard: guard.clone(), ..SenderSettings::default() };
        let sender = Sender::new(sending, SystemResolver);
        let memory = Memory::open(&settings.data);
        let alerts = settings.alerts.clone();
        // What was too bad when the server ended is so until it is looked at.
        let lit = Alerts::new(alerts.rules.clone(), memory.fired()).lit();
        let latest = Mutex::new(Latest { lit, looked_ms: BTreeMap::new() });
        let writing = Apart::new("syncline-alerts", LOOKS_AT_ONCE_MAX);
        let problems = Mutex::default();
        Self { settings: alerts, sender, guard, memory, writing, latest, problems }
    }

    /// Returns when a hub was looked at, in milliseconds since the Unix epoch, and nothing before the first look after a
    /// start; and what of it is too bad, each with who was told, and how that went.
    pub(crate) fn of_hub(&self, hub: &str) -> (Option<u64>, Vec<LitAndTold>) {
        let (looked_ms, lit) = {
            let latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
            let lit = latest.lit.iter().filter(|lit| lit.hub == hub).cloned();
            (latest.looked_ms.get(hub).copied(), lit.collect::<Vec<Lit>>())
        };
        let told = |lit: Lit| {
            let mut told = self.memory.told_of(hub, lit.kind);
            for receiver in self.settings.receivers.iter().filter(|_| lit.is_fired) {
                if told.iter().all(|(known, _)| *known != receiver.name) {
                    let is_for_it = lit.severity >= receiver.severity_min;
                    let why = if is_for_it { Told::Later } else { Told::TooMild };
                    told.push((receiver.name.clone(), why));
                }
            }
            (lit, told)
        };
        (looked_ms, lit.into_iter().map(told).collect())
    }

    /// Returns how often hubs are looked at.
    pub(crate) const fn every(&self) -> Duration {
        self.settings.every
    }

    /// Returns what could not be told since it was asked last.
    pub(crate) fn take_problems(&self) -> Vec<String> {
        let mut problems = self.problems.lock().unwrap_or_else(PoisonError::into_inner);
        problems.drain(..).collect()
    }

    pub(super) fn note_problem(&self, problem: String) {
        let mut problems = self.problems.lock().unwrap_or_else(PoisonError::into_inner);
        if problems.len() == ALERT_PROBLEMS_MAX {
            problems.pop_front();
        }
        problems.push_back(problem);
    }

    /// Looks at the hubs until the server stops. What is too bad is shown also where nobody is told.
    pub(crate) fn start(self: &Arc<Self>, state: &Arc<State>) {
        let (mut queues, mut reporting) = (Vec::new(), Vec::new());
        for receiver in &self.settings.receivers {
            let (queue, told) = mpsc::channel(ALERTS_QUEUED_MAX);
            tokio::spawn(Arc::clone(self).tell(receiver.clone(), told, Arc::clone(state)));
            queues.push((receiver.clone(), queue));
            if !receiver.reports.is_empty() {
                reporting.push(Arc::clone(self).report(receiver.clone(), Arc::clone(state)));
            }
        }
        let names: Vec<&str> = queues.iter().map(|(receiver, _)| receiver.name.as_str()).collect();
        self.memory.keep_receivers(&names);
        reporting.into_iter().for_each(|report| drop(tokio::spawn(report)));
        // What the end of the server cut off; a receiver knows one that comes twice by its id.
        for Untold { receiver, alarm } in self.memory.untold() {
            let queue = queues.iter().find(|(known, _)| known.name == receiver);
            if queue.is_none_or(|(_, queue)| queue.try_send(alarm.clone()).is_err()) {
                self.memory.tried(&receiver, &alarm, false, now_ms());
            }
        }
        tokio::spawn(Arc::clone(self).look(Arc::clone(state), queues));
    }

    async fn look(
        self: Arc<Self>,
        state: Arc<State>,
        queues: Vec<(AlertReceiver, mpsc::Sender<Alarm>)>,
    ) {
        let mut stopping = state.stopping.clone();
        let mut alerts = Alerts::new(self.settings.rules.clone(), self.memory.fired());
        // Nobody is left who could stop it once that is over.
        while let Err(_) | Ok(Ok(())) = timeout(self.settings.every, stopping.changed()).await {
            if state.is_stopping() {
                break;
            }
            let desks = state.hubs.all();
            let labels: Vec<&str> = desks.iter().map(|desk| desk.label()).collect();
            alerts.handle_hubs(now_ms(), &labels);
            let mut looked_ms = BTreeMap::new();
            for desk in &desks {
                let of = Arc::clone(desk);
                // One whose store hangs holds up the looks at no other, and what is known without it is judged.
                let looked = timeout(ALERT_LOOK_MAX, desk.looks.run(move || looked(&of))).await;
                let measures = measured(desk, looked.ok().flatten().unwrap_or_default());
                alerts.handle_measures(desk.label(), now_ms(), &measures);
                looked_ms.insert(desk.label().to_owned(), now_ms());
            }
            let fired = alerts.fired();
            let lit: Vec<(String, Kind)> =
                fired.iter().map(|fired| (fired.hub.clone(), fired.kind)).collect();
            state.metrics.synchronization.alerts(&lit);
            // Before anybody is told: how that went is remembered of what is lit.
            let is_new = self.memory.set_fired(fired);
            while let Some(alarm) = alerts.poll_alarm() {
                let told = |receiver: &AlertReceiver| alarm.severity >= receiver.severity_min;
                for (receiver, queue) in queues.iter().filter(|(receiver, _)| told(receiver)) {
                    self.queue(receiver, queue, &alarm);
                }
            }
            *self.latest.lock().unwrap_or_else(PoisonError::into_inner) =
                Latest { lit: alerts.lit(), looked_ms };
            if is_new {
                let _ = timeout(ALERT_LOOK_MAX, self.save()).await;
            }
        }
    }

    fn queue(&self, receiver: &AlertReceiver, queue: &mpsc::Sender<Alarm>, alarm: &Alarm) {
        let name = &receiver.name;
        self.memory.begin(Untold { receiver: name.clone(), alarm: alarm.clone() });
        if queue.try_send(alarm.clone()).is_err() {
            self.memory.tried(name, alarm, false, now_ms());
            self.note_problem(format!("{name} has too many alerts to be told"));
        }
    }

    pub(super) async fn save(self: &Arc<Self>) {
        let this = Arc::clone(self);
        self.writing.run(move || this.memory.save()).await;
    }

    /// Tells one receiver, one alarm after the other.
    async fn tell(
        self: Arc<Self>,
        receiver: AlertReceiver,
        mut alarms: mpsc::Receiver<Alarm>,
        state: Arc<State>,
    ) {
        let mut stopping = state.stopping.clone();
        // What waits when the server stops is told by the next one.
        while let Some(alarm) = alarms.recv().await
            && !state.is_stopping()
        {
            let mut waits = ALERT_RETRY_WAITS.iter();
            let problem = loop {
                match send((&self.sender, &self.guard), &receiver.channel, &alarm).await {
                    Ok(()) => break None,
                    Err(Unsent { why, is_passing }) => match waits.next().filter(|_| is_passing) {
                        Some(wait) => tokio::select! {
                            () = sleep(*wait) => {}
                            _ = stopping.changed() => return,
                        },
                        None => break Some(why),
                    },
                }
            };
            let is_told = problem.is_none();
            let result = if is_told { "told" } else { "failed" };
            state.metrics.synchronization.alert_told(&receiver.name, result);
            if let Some(why) = problem {
                let kind = alarm.kind.as_str();
                self.note_problem(format!("{} was not told of {kind}: {why}", receiver.name));
            }
            self.memory.tried(&receiver.name, &alarm, is_told, now_ms());
            let _ = timeout(ALERT_LOOK_MAX, self.save()).await;
        }
    }
}

/// What only a look at a hub says. What it does not say now is not known: what was told of it stays as it is.
#[derive(Default)]
struct Looked {
    backlog: Option<Backlog>,
    consistency: Option<f64>,
    conflict_ms: Option<u64>,
    backup: Option<BackupHealth>,
}

/// Looks at a hub; blocks.
fn looked(desk: &Desk) -> Looked {
    let at_ms = now_ms();
    let is_looked_at = desk.look_undecided(at_ms).is_ok();
    Looked {
        backlog: desk.delivering.backlog_soon(at_ms),
        consistency: desk.replicas.count(at_ms).ratio(),
        conflict_ms: is_looked_at.then(|| desk.undecided.oldest_age_ms(at_ms)),
        backup: desk.backup.as_ref().map(|backup| backup.health()),
    }
}

/// Returns all that is known of a hub; blocks never.
fn measured(desk: &Desk, looked: Looked) -> Measures {
    let Looked { backlog, consistency, conflict_ms, backup } = looked;
    Measures {
        operations: desk.activity.total(Counter::Operations),
        errors: desk.activity.total(Counter::OperationsRejected),
        lag_ms: backlog.map(|backlog| {
            let lag_ms = backlog.lag_ms.unwrap_or_default();
            if backlog.is_lag_known { Known::Exactly(lag_ms) } else { Known::AtLeast(lag_ms) }
        }),
        backlog: backlog.map(|backlog| backlog.queue),
        endpoints_disabled: backlog.map(|backlog| backlog.disabled),
        stopped_ms: Some(desk.delivering.stopped_ms(now_ms())),
        dead_letters: desk.delivering.dead_letters(),
        consistency,
        conflict_ms,
        backup_ms: backup.map(|health| match (health.failing, health.restorable) {
            // One that fails is behind, however little there was to back up.
            (Some(_), _) => Known::Exactly(health.behind_ms.max(FAILING_MS)),
            // After a start nobody knows what it holds before its first snapshot is whole.
            (None, None) => Known::AtLeast(health.behind_ms),
            (None, Some(_)) => Known::Exactly(health.behind_ms),
        }),
    }
}

/// How far behind a backup counts that fails: more than any that works.
const FAILING_MS: u64 = Duration::from_mins(10).as_millis() as u64;
