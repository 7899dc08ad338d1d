//! A served hub: its disk and clock, what it commits and tells.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;

use syncline_engine::operate::Entities;
use syncline_hub::served::{
    Audience, Deltas, Limits, Paged, ServeError, Served, Serving, ToldTokens,
};
use syncline_hub::{Actor, Forgotten, Retention};
use syncline_merge::fault;
use syncline_model::id::{ClientId, Position, Writer};
use syncline_policy::view::{Sight, SightIndex};
use syncline_protocol::checksum::Checksum;
use syncline_protocol::compact::Names;
use syncline_protocol::cursor::StreamCursor;
use syncline_protocol::message::{Page, PushAnswer};
use syncline_protocol::operation::Operation;
use syncline_protocol::session::hub::{Anew, CURSOR_LAG_MAX, Live, PageFailure};

use super::check::Finding;
use super::copies::Copies;
use super::fault::ServedFault;
use super::ledger::Ledger;
use super::rights::{Class, Rules};
use super::warden::Warden;
use crate::disk::{CrashKind, SimDisk};
use crate::ingest::desk::Desk;
use crate::random::Random;
use crate::schema::Schema;

/// What all are told who follow everything, of a stretch of the log; or that they have to read pages.
#[derive(Clone, Debug)]
pub(super) enum News {
    Stretch(Arc<Live<Shorter>>),
    ByPage(Position),
}

/// A page, and what all that is shown adds up to.
pub(super) type Summed = (Page, Option<Checksum>);

/// The changes of a stretch as they are written, where that is another way.
#[derive(Debug, Default)]
pub(super) struct Shorter {
    /// With short tokens.
    pub(super) tokens: Option<Page>,
    /// And with large texts by what differs, for those who read that.
    pub(super) deltas: Option<Page>,
}

/// A hub and its machine.
pub(super) struct House {
    desk: Desk,
    entities: Entities,
    served: Option<Served>,
    /// Names of the compact form, for all connections.
    pub(super) names: Names,
    feeds: Feeds,
    /// Who may see and write what, as of the hub's next start.
    pub(super) rules: Rules,
    /// What the log says of notes.
    pub(super) ledger: Ledger,
    pub(super) fault: Option<ServedFault>,
    /// The version of the protocol that it speaks.
    pub(super) version: u32,
    /// What was found of what the hub says.
    pub(super) finding: Option<Finding>,
    /// A copy of the store.
    copy: Option<Vec<u8>>,
    /// How far the copy goes; nothing where the hub is never backed up.
    pub(super) backed_up: Option<Position>,
    /// Whether the writer has ended because the store failed.
    has_failed: Cell<bool>,
    /// How often a client was told that its cursor is behind the horizon.
    pub(super) expired: Cell<u64>,
    /// Who deletes and changes too much.
    pub(super) warden: Warden,
    /// What it knows of copies.
    pub(super) copies: Option<Copies>,
}

/// What those are told who see and follow the same.
struct Feed {
    number: u64,
    audience: Audience,
    /// How far those were told who follow it.
    told: Position,
    tokens: ToldTokens,
}

/// All of them, by what their followers are told, and how far the log was read for them.
#[derive(Default)]
struct Feeds {
    named: BTreeMap<Arc<str>, Feed>,
    index: SightIndex<u64>,
    read: Position,
    /// Up to where all were told how far the log is.
    swept: Position,
}

/// Something new, and for whom: those who are told the same.
pub(super) type NewsFor = (Arc<str>, News);

impl House {
    pub(super) fn new(
        random: Random,
        schema: &Schema,
        access: Rules,
        fault: Option<ServedFault>,
    ) -> Self {
        let rules = [&schema.tasks, &schema.contacts, &schema.notes];
        let rules = rules.map(|entity| (entity.clone(), schema.rules(entity).clone()));
        let below = fault.and_then(ServedFault::below);
        let entities = Entities::open(rules.clone().into());
        let desk = Desk::new(random, rules.into(), below);
        Self {
            desk,
            entities,
            served: None,
            names: Names::new(),
            feeds: Feeds::default(),
            rules: access,
            ledger: Ledger::new(schema.notes.clone()),
            fault,
            version: 1,
            finding: None,
            copy: None,
            backed_up: None,
            has_failed: Cell::new(false),
            expired: Cell::new(0),
            warden: Warden::default(),
            copies: None,
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
        let serving = Serving { pushes: self.warden.limits(), rests: false };
        let served = Served::start_with(hub, self.entities.clone(), serving);
        let served = served.map_err(|error| error.code())?;
        self.warden.begin_anew();
        if let Some(copies) = &mut self.copies {
            copies.begin();
        }
        // The writer has a thread of its own.
        let planted = fault::planted();
        let _ = served.with_hub(move |_| fault::plant(planted));
        let end = served.position();
        self.feeds = Feeds { read: end, swept: end, ..Feeds::default() };
        self.names = Names::new();
        self.has_failed.set(false);
        let served = self.served.insert(served);
        self.ledger.begin_anew(served.horizon().map_err(|error| error.code())?);
        self.read_log(None);
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
    pub(super) fn stop(&mut self, now_ms: u64) {
        if let Some(copies) = &mut self.copies {
            copies.save(now_ms);
        }
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

    /// Forgets all of the log but so many changes.
    pub(super) fn forget(&self, changes: u64) -> Option<Forgotten> {
        let served = self.served.as_ref()?;
        let forgotten = served.forget(Retention { changes: Some(changes), ..Retention::default() });
        self.has_failed.set(self.has_failed.get() || forgotten.is_err());
        forgotten.ok()
    }

    /// An operator lets all go on that are held.
    pub(super) fn release(&mut self) {
        let Some(served) = &self.served else { return };
        self.warden.forget_told();
        for hold in served.held().unwrap_or_default() {
            match served.release(&hold.client, Some(&hold.entity), Actor::default()) {
                Ok(released) => self.warden.note_released(&released),
                // Whether that was stored is unknown.
                Err(_) => {
                    self.warden.note_free(&hold);
                    self.has_failed.set(true);
                }
            }
        }
    }

    /// Returns up to where operations of a client may be missing because the hub was restored.
    pub(super) fn floor_of(&self, client: &ClientId) -> Option<u64> {
        self.served.as_ref()?.floor_of(client).ok()
    }

    /// Returns those who see this; from now on there is a feed for them.
    pub(super) fn follow(&mut self, sight: Sight) -> Option<Audience> {
        let audience = self.served.as_ref()?.audience(sight);
        let (number, told) = (self.feeds.named.len() as u64, self.feeds.read);
        let is_new = !self.feeds.named.contains_key(audience.key());
        if is_new {
            self.feeds.index.insert(&number, audience.sight());
            let tokens = ToldTokens::default();
            let feed = Feed { number, audience: audience.clone(), told, tokens };
            self.feeds.named.insert(Arc::clone(audience.key()), feed);
        }
        Some(audience)
    }

    /// Reads what is new of the log.
    fn read_log(&mut self, writer: Option<Class>) {
        if let Some(served) = &self.served {
            let finding = self.ledger.read(served, writer);
            self.finding = self.finding.take().or(finding);
        }
    }

    /// Commits operations and returns the answer.
    pub(super) fn push(
        &mut self,
        (sight, class): (&Arc<Sight>, Class),
        client: &ClientId,
        operations: Vec<Operation>,
    ) -> Result<PushAnswer, ServeError> {
        let served = self.served.as_ref().expect("invariant: a connection ends with its hub");
        if operations.is_empty() {
            return Ok(PushAnswer { outcomes: Vec::new(), position: served.position() });
        }
        let begun = served.position();
        let asked = self.warden.note_asked(client, &operations);
        let (reply, answer) = sync_channel(1);
        let all = Arc::new(Sight::everything(&[]));
        let is_unlimited = self.fault == Some(ServedFault::PushesUnlimited);
        let sight = if is_unlimited { &all } else { sight };
        let done = move |pushed: Result<syncline_hub::served::Pushed, ServeError>| {
            drop(reply.send(pushed));
        };
        served.push_for(sight, client, operations, Box::new(done));
        let pushed = answer.recv().expect("invariant: every push is answered");
        // Of a push in two groups the first may have failed already: nothing goes on before the writer has
        // done what it does, or no seed would say what comes first.
        if served.with_hub(|_| ()).is_err() {
            drop(served.stop());
        }
        let finding = self.warden.read(served, client, &asked, begun);
        self.finding = self.finding.take().or(finding);
        self.read_log(Some(class));
        match pushed {
            Ok(pushed) => {
                let answer = pushed.short_answer();
                let finding = self.warden.note_answer(client, &asked, &answer);
                self.finding = self.finding.take().or(finding);
                Ok(answer)
            }
            Err(error) => {
                let is_final = matches!(error.code(), "WRITER_STOPPED" | "OUTCOME_UNKNOWN");
                self.has_failed.set(self.has_failed.get() || is_final);
                Err(error)
            }
        }
    }

    /// Reads a page for a client; where it is asked for, and the page is the last one, also what all adds up to.
    pub(super) fn page_summed(
        &self,
        audience: &Audience,
        cursor: Option<&StreamCursor>,
        viewer: &Writer,
        limits: Limits,
    ) -> Option<Summed> {
        let served = self.served.as_ref().expect("invariant: a connection ends with its hub");
        let read = served.page_checked_for(audience, cursor, viewer, limits, true).ok()?;
        Some((read.0.page, read.1))
    }

    /// Reads a page for a client.
    pub(super) fn page(
        &self,
        audience: &Audience,
        cursor: Option<&StreamCursor>,
        anew: Option<&Anew>,
        viewer: &Writer,
        limits: Limits,
    ) -> Result<Page, PageFailure> {
        let served = self.served.as_ref().expect("invariant: a connection ends with its hub");
        let mut read = match anew {
            Some(anew) => served.page_anew_for(audience, cursor, anew, viewer, limits),
            None => served.page_for(audience, cursor, viewer, limits),
        };
        if matches!(read, Err(ServeError::CursorExpired { .. })) {
            self.expired.set(self.expired.get() + 1);
            if self.fault == Some(ServedFault::HorizonNotTold) {
                let horizon = served.horizon().unwrap_or_default();
                let cursor = StreamCursor { scope: audience.scope(), ..served.cursor(horizon) };
                read = served.page_for(audience, Some(&cursor), viewer, limits);
            }
        }
        read.map(Paged::differing).map_err(|error| match error {
            ServeError::Cursor(_)
            | ServeError::CursorAhead { .. }
            | ServeError::CursorExpired { .. }
            | ServeError::CursorScope => PageFailure::CursorUnusable(error.problem()),
            error => PageFailure::Failed(error.problem()),
        })
    }

    /// Returns what is new since the last call, as the task of a server's feeds does.
    pub(super) fn news(&mut self) -> Vec<NewsFor> {
        let Some(served) = &self.served else { return Vec::new() };
        let mut news = Vec::new();
        let goal = served.position();
        while self.feeds.read < goal {
            match self.feeds.tell(served, &mut news) {
                Ok(true) => {}
                _ => self.feeds.all_read(goal, &mut news),
            }
        }
        news
    }
}

impl Feeds {
    /// Tells of the next stretch of the log; answers whether there was any.
    fn tell(&mut self, served: &Served, news: &mut Vec<NewsFor>) -> Result<bool, ServeError> {
        let read = self.read;
        let keeps_images = self.named.values().any(|feed| feed.audience.scope().is_some());
        served.with_stretch(read, keeps_images, |stretch| {
            stretch.prepare()?;
            let concerned = stretch.concerned(&self.index);
            let viewer = Writer::new("feed").expect("invariant: a word is the name of a writer");
            let reached = stretch.reached();
            for (key, feed) in &mut self.named {
                if !concerned.contains(&feed.number) {
                    continue;
                }
                let paged = stretch.page(&feed.audience, &viewer, Limits::default());
                let whole = paged.ok().filter(|Paged { page, is_for_all, .. }| {
                    *is_for_all && page.cursor.position() == reached
                });
                match whole {
                    Some(Paged { page, .. }) if page.changes.is_empty() => {}
                    whole => news.push((Arc::clone(key), feed.news(whole, reached))),
                }
            }
            self.sweep(served, reached, news);
            Ok(reached > read)
        })?
    }

    /// Has everybody read pages up to a position.
    fn all_read(&mut self, goal: Position, news: &mut Vec<NewsFor>) {
        for (key, feed) in &mut self.named {
            news.push((Arc::clone(key), feed.news(None, goal)));
        }
        (self.read, self.swept) = (goal, goal);
    }

    /// Now and then all are told how far the log is.
    fn sweep(&mut self, served: &Served, reached: Position, news: &mut Vec<NewsFor>) {
        self.read = reached;
        if reached.0.saturating_sub(self.swept.0) <= CURSOR_LAG_MAX / 2 {
            return;
        }
        self.swept = reached;
        for (key, feed) in &mut self.named {
            if feed.told < reached {
                let cursor =
                    StreamCursor { scope: feed.audience.scope(), ..served.cursor(reached) };
                let (changes, more, is_snapshot) = (Vec::new(), false, false);
                let page = Page { changes, cursor, more, is_snapshot, begins: false, same: None };
                let paged =
                    Paged { page, is_for_all: true, single: Vec::new(), replaced: Vec::new() };
                news.push((Arc::clone(key), feed.news(Some(paged), reached)));
            }
        }
    }
}

impl Feed {
    /// Returns what its followers are told: a page that says all up to a position, or that everybody has
    /// to read.
    fn news(&mut self, paged: Option<Paged>, reached: Position) -> News {
        let after = std::mem::replace(&mut self.told, reached);
        let Some(paged) = paged else {
            self.tokens.forget();
            return News::ByPage(reached);
        };
        let is_all = self.audience.scope().is_none();
        let shorter = is_all.then(|| self.tokens.shorten(&paged)).flatten();
        let whole = |page| Page { more: false, ..page };
        let told = shorter.as_ref().unwrap_or(&paged.page);
        let differing = Deltas::default().shorten(told, &paged.replaced);
        let encoded = Shorter { tokens: shorter.map(whole), deltas: differing.map(whole) };
        let page = whole(paged.page);
        News::Stretch(Live { after, page, encoded }.into())
    }
}

/// Returns a folder of this process for the files of a world's clients, in memory where there is one.
pub(super) fn folder(number: u64) -> PathBuf {
    let memory = Path::new("/dev/shm");
    let base = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    base.join(format!("syncline-sim-{}-{number}", std::process::id()))
}
