//! The task that gives the machine its turns, and makes the attempts that it answers.

use std::sync::Arc;
use std::time::Duration;

use syncline_engine::deliver::{Failure, Notice, Outcome, Report};
use syncline_hub::served::deliver::{Noticed, Parcel};
use syncline_model::id::Position;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::attempt::{attempt, report};
use super::way::{Way, Ways};
use super::{Due, Shared, random};
use crate::access::now_ms;
use crate::apart::Thread;
use crate::limits::{DELIVERY_RESTART_PAUSE, SENDS_MAX};

/// What came of an attempt, and of which life of the machine it was.
type Ended = (u64, Report);

pub(super) async fn run(shared: Arc<Shared>, mut end: watch::Receiver<Position>) {
    let (ended_in, mut ended) = mpsc::channel::<Ended>(SENDS_MAX);
    let mut stopping = shared.stop.subscribe();
    let mut ways = Ways::default();
    // Turns of one hub follow each other; those of another one wait for none of them.
    let mut turns = None;
    let mut attempts = JoinSet::new();
    let (mut life, mut in_flight, mut has_failed) = (0, 0, false);
    let mut came: Vec<Ended> = Vec::new();
    loop {
        let is_stopping = *stopping.borrow_and_update();
        let reports: Vec<(Report, u64)> = came
            .drain(..)
            .filter(|(of, _)| *of == life)
            .map(|(_, report)| (report, random()))
            .collect();
        in_flight -= reports.len();
        while attempts.try_join_next().is_some() {}
        let room = if is_stopping { 0 } else { SENDS_MAX - in_flight };
        let held = Arc::clone(&shared);
        shared.halt.turn_begins(now_ms());
        // Where no thread can be had it is tried again, as after anything else that fails.
        turns = turns.or_else(|| Thread::start("syncline-deliver"));
        let turn = match &turns {
            Some(thread) => thread.run(move || held.turn(&reports, room)).await,
            None => None,
        };
        shared.halt.turn_ends(now_ms(), matches!(turn, Some(Ok(_))));
        let due = match turn {
            Some(Ok((turn, due))) => {
                has_failed = false;
                shared.note(turn.notices);
                in_flight += turn.parcels.len();
                for parcel in turn.parcels {
                    let way = ways.to(&shared.sender, &parcel, now_ms());
                    let attempt = Attempting::new(parcel, ended_in.clone(), life);
                    attempts.spawn(attempt.make(way, Arc::clone(&shared)));
                }
                if turn.is_unfinished && !is_stopping { Some(0) } else { due }
            }
            // What was under way then is unknown, and made again: after it has ended, so that of one record
            // nothing comes late.
            failed => {
                attempts.shutdown().await;
                while let Ok((_, report)) = ended.try_recv() {
                    shared.pauses.hear(now_ms(), std::iter::once(&report));
                }
                (life, in_flight) = (life + 1, 0);
                if !std::mem::replace(&mut has_failed, true) && !is_stopping {
                    let code = match &failed {
                        Some(Err(error)) => error.code(),
                        _ => "SERVER_FAULT",
                    };
                    let (at_ms, count) = (now_ms(), 1);
                    shared.note(vec![Noticed { at_ms, count, notice: Notice::Stopped { code } }]);
                }
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

/// An attempt under way. It is reported whatever becomes of it: one that was never heard of again would hold up
/// its lane for ever.
struct Attempting {
    parcel: Parcel,
    ended_in: mpsc::Sender<Ended>,
    life: u64,
    has_ended: bool,
}

impl Attempting {
    fn new(parcel: Parcel, ended_in: mpsc::Sender<Ended>, life: u64) -> Self {
        Self { parcel, ended_in, life, has_ended: false }
    }

    async fn make(mut self, way: Arc<Way>, shared: Arc<Shared>) {
        let report = attempt(&self.parcel, &way, &shared.source).await;
        shared.count(&self.parcel, report.outcome);
        self.end(report);
    }

    fn end(&mut self, report: Report) {
        self.has_ended = true;
        // There is room for as many as are under way. Nobody is left to tell where the hub has stopped.
        let _ = self.ended_in.try_send((self.life, report));
    }
}

impl Drop for Attempting {
    fn drop(&mut self) {
        if !self.has_ended {
            // A mistake of our own: a panic. One that was broken off is of a life that is over.
            let outcome = Outcome::Failed(Failure::Internal);
            let report = report(&self.parcel, outcome, Duration::ZERO, "".into());
            self.end(report);
        }
    }
}
