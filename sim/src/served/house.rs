//! A served hub: its disk and clock, what it commits and tells.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;

use syncline_engine::operate::Entities;
use syncline_hub::served::{Limits, Paged, ServeError, Served};
use syncline_merge::fault;
use syncline_model::id::{ClientId, EntityName, Position, Writer};
use syncline_protocol::compact::Names;
use syncline_protocol::message::{Follow, Page, PushAnswer};
use syncline_protocol::operation::Operation;
use syncline_protocol::session::hub::{Live, PageFailure};

use super::fault::ServedFault;
use crate::disk::{CrashKind, SimDisk};
use crate::ingest::desk::Desk;
use crate::random::Random;
use crate::schema::Schema;

/// What all are told who follow everything, of a stretch of the log; or that they have to read pages.
#[derive(Clone, Debug)]
pub(super) enum News {
    Stretch(std::sync::Arc<Live>),
    ByPage(Position),
}

/// A hub and its machine.
pub(super) struct House {
    desk: Desk,
    entities: Entities,
    served: Option<Served>,
    /// Names of the compact form, for all connections.
    pub(super) names: Names,
    feeds: Vec<Feed>,
    /// A copy of the store.
    copy: Option<Vec<u8>>,
    /// How far the copy goes; nothing where the hub is never backed up.
    pub(super) backed_up: Option<Position>,
    /// Whether the writer has ended because the store failed.
    has_failed: Cell<bool>,
    /// What clients may follow.
    follows: [Vec<EntityName>; 2],
}

/// What those are told who follow the same entities.
#[derive(Clone, Debug)]
struct Feed {
    entities: Vec<EntityName>,
    /// How far it has read.
    read: Position,
    /// How far those were told who follow it.
    told: Position,
}

/// Something new, and for whom: those who follow these entities.
pub(super) type NewsFor = (Vec<EntityName>, News);

impl House {
    pub(super) fn new(random: Random, schema: &Schema, fault: Option<ServedFault>) -> Self {
        let rules = [&schema.tasks, &schema.contacts];
        let rules = rules.map(|entity| (entity.clone(), schema.rules(entity).clone()));
        let below = fault.and_then(ServedFault::below);
        let entities = Entities::open(rules.clone().into());
        let desk = Desk::new(random, rules.into(), below);
        Self {
            desk,
            entities,
            served: None,
            names: Names::new(),
            feeds: Vec::new(),
            copy: None,
            backed_up: None,
            has_failed: Cell::new(false),
            follows: [vec![schema.tasks.clone()], schema.all()],
        }
    }

    pub(super) const fn disk(&self) -> &SimDisk {
        &self.desk.disk
    }

    pub(super) fn set_clock(&self, now_ms: u64) {
        self.desk.clock.set(now_ms);
    }

    /// Returns whether the hub serves nobody any more because its store failed.
    pub(super) fn has_failed(&self) -> bool {
        self.served.is_some() && (self.has_failed.get() || self.desk.disk.is_stopped())
    }

    pub(super) const fn served(&self) -> Option<&Served> {
        self.served.as_ref()
    }

    /// Opens the hub and serves it.
    ///
    /// # Errors
    ///
    /// The code of why that does not work.
    pub(super) fn start(&mut self) -> Result<(), &'static str> {
        let hub = self.desk.open()?;
        let served = Served::start(hub, self.entities.clone()).map_err(|error| error.code())?;
        // The writer has a thread of its own.
        let planted = fault::planted();
        let _ = served.with_hub(move |_| fault::plant(planted));
        let end = served.position();
        let feed =
            |entities: &Vec<EntityName>| Feed { entities: entities.clone(), read: end, told: end };
        self.feeds = self.follows.iter().map(feed).collect();
        self.names = Names::new();
        self.has_failed.set(false);
        self.served = Some(served);
        Ok(())
    }

    /// Ends the machine without warning.
    pub(super) fn kill(&mut self, kind: CrashKind) {
        // What the writer does after the machine has stopped reaches no disk.
        self.desk.disk.stop_after(0);
        drop(self.served.take().map(|served| served.stop()));
        self.desk.disk.restart(kind);
        self.desk.disk.stop_never();
    }

    /// Ends the hub in order.
    pub(super) fn stop(&mut self) {
        drop(self.served.take().map(|served| served.stop()));
        self.desk.disk.restart(CrashKind::Kill);
    }

    /// Copies the store of a hub that runs: clients are told how far it goes.
    pub(super) fn back_up(&mut self) {
        let Some(served) = &self.served else { return };
        let position = served.with_hub(|hub| hub.position()).ok();
        if let (Some(position), Some(copy)) = (position, self.desk.backup()) {
            (self.copy, self.backed_up) = (Some(copy), Some(position));
        }
    }

    /// Puts the copy in the place of the store of a hub that was killed; answers whether there is one.
    pub(super) fn restore(&mut self) -> bool {
        let Some(copy) = &self.copy else { return false };
        self.desk.restore(copy);
        true
    }

    /// Returns up to where operations of a client may be missing because the hub was restored.
    pub(super) fn floor_of(&self, client: &ClientId) -> Option<u64> {
        self.served.as_ref()?.floor_of(client).ok()
    }

    /// Commits operations and returns the answer.
    pub(super) fn push(
        &self,
        client: &ClientId,
        operations: Vec<Operation>,
    ) -> Result<PushAnswer, ServeError> {
        let served = self.served.as_ref().expect("invariant: a connection ends with its hub");
        if operations.is_empty() {
            return Ok(PushAnswer { outcomes: Vec::new(), position: served.position() });
        }
        let (reply, answer) = sync_channel(1);
        let done = move |pushed: Result<syncline_hub::served::Pushed, ServeError>| {
            drop(reply.send(pushed));
        };
        served.push(client, operations, Box::new(done));
        let pushed = answer.recv().expect("invariant: every push is answered");
        match pushed {
            Ok(pushed) => Ok(pushed.answer()),
            Err(error) => {
                let is_final = matches!(error.code(), "WRITER_STOPPED" | "OUTCOME_UNKNOWN");
                self.has_failed.set(self.has_failed.get() || is_final);
                Err(error)
            }
        }
    }

    /// Reads a page for a client.
    pub(super) fn page(
        &self,
        follow: &Follow,
        viewer: &Writer,
        limits: Limits,
    ) -> Result<Page, PageFailure> {
        let served = self.served.as_ref().expect("invariant: a connection ends with its hub");
        let read = served.page(follow, viewer, limits);
        read.map(|paged| paged.page).map_err(|error| match error {
            ServeError::Cursor(_)
            | ServeError::CursorAhead { .. }
            | ServeError::CursorExpired { .. } => PageFailure::CursorUnusable(error.problem()),
            error => PageFailure::Failed(error.problem()),
        })
    }

    /// Returns what is new since the last call, as the tasks of a server's feeds do.
    pub(super) fn news(&mut self) -> Vec<NewsFor> {
        let Some(served) = &self.served else { return Vec::new() };
        let mut news = Vec::new();
        for feed in &mut self.feeds {
            let entities = feed.entities.clone();
            news.extend(feed.news(served).into_iter().map(|one| (entities.clone(), one)));
        }
        news
    }
}

impl Feed {
    fn news(&mut self, served: &Served) -> Vec<News> {
        let goal = served.position();
        let viewer = Writer::new("feed").expect("invariant: a word is the name of a writer");
        let mut news = Vec::new();
        while self.read < goal {
            let follow = Follow::entities(self.entities.clone()).at(Some(served.cursor(self.read)));
            let Ok(Paged { page, is_for_all, .. }) =
                served.page(&follow, &viewer, Limits::default())
            else {
                (self.read, self.told) = (goal, goal);
                news.push(News::ByPage(goal));
                break;
            };
            let reached = page.cursor.position().max(self.read);
            let is_stuck = reached == self.read;
            self.read = reached;
            if !page.changes.is_empty() {
                let after = std::mem::replace(&mut self.told, reached);
                let page = Page { more: false, ..page };
                news.push(match is_for_all {
                    true => News::Stretch(Live { after, page, encoded: () }.into()),
                    false => News::ByPage(reached),
                });
            }
            if is_stuck {
                break;
            }
        }
        news
    }
}

/// Returns a folder of this process for the files of a world's clients, in memory where there is one.
pub(super) fn folder(number: u64) -> PathBuf {
    let memory = Path::new("/dev/shm");
    let base = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    base.join(format!("syncline-sim-{}-{number}", std::process::id()))
}
