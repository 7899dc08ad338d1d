//! The folders of one configuration, kept equal with a hub.
//!
//! The system reports changes; a look at sizes and times every few seconds is the safety net where
//! it does not. After a run that wrote, a plan tells whether a person edited meanwhile, so that our
//! own writes cause no further run and no edit is overlooked. A hub that is served reports what its
//! clients write, too.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant, SystemTime};

use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use syncline_engine::link::Side;
use syncline_hub::served::{self, Served};
use syncline_hub::{Handle, SyncOutcome};
use syncline_model::id::Position;
use syncline_store::sqlite::DATABASE_FILE;

use super::super::sync::{finish, permitted, synchronise, tell_if_needed};
use super::STEP;
use super::concern;
use crate::arguments::Watch;
use crate::config::{Config, Snapshot};
use crate::exit::Exit;
use crate::failure::{Failure, Refusal};
use crate::output::{Paint, run_text};
use crate::run::notice::{self, Receivers};
use crate::run::{Context, Prepared, Supervisor, each_link, prepare};

/// Quiet time after which a burst of changes is over.
const QUIET: Duration = Duration::from_millis(100);
/// Longest that a burst is waited for, so that steady edits cannot put off a run for ever.
const BURST_MAX: Duration = Duration::from_millis(400);
/// How long a look waits after the one before: clients may write thousands of times a second.
const LOOK_PAUSE: Duration = Duration::from_millis(50);
/// How long a link whose run failed waits for another try while clients write and its files stay as
/// they are: each try would leave a trace of its own.
const TRY_PAUSE: Duration = Duration::from_secs(60);
/// Most times that all links run after one change. What a link brings reaches the others in the next
/// round; links that undo each other's work would go on for ever.
const ROUNDS_MAX: usize = 8;

/// Size, time and number of files: what tells that something may have changed.
type Signature = Vec<Option<(u64, Option<SystemTime>, u64)>>;
/// Number and time of birth of the file of the state; nothing if it is not there.
type StateMark = Option<(u64, Option<SystemTime>)>;

/// Why a watch under one configuration is over.
pub(in super::super) enum Ended {
    /// Ctrl-C was pressed.
    Interrupted,
    /// Somebody has changed the configuration.
    Reconfigured,
    /// The state of this folder is not the one that was opened.
    StateGone(PathBuf),
}

/// A link that is watched.
struct Watched {
    /// As it is named in the configuration; nothing if it is the only one.
    name: Option<String>,
    prepared: Prepared,
    /// What its latest run came to.
    told: RefCell<Option<Told>>,
}

/// What a person was told of a link.
struct Told {
    text: String,
    /// What was wrong with single records or files.
    problems: Vec<String>,
    /// When nothing of it could be done, and what its files looked like.
    failed: Option<(Instant, Signature)>,
}

impl Watched {
    /// Returns the folders of its domains.
    fn folders(&self) -> impl Iterator<Item = &Path> {
        Side::BOTH.into_iter().map(|side| self.prepared.request.domain(side).folder.as_path())
    }

    fn files(&self) -> impl Iterator<Item = PathBuf> {
        let entities = &self.prepared.request.entities;
        self.folders().flat_map(|folder| entities.iter().map(|entity| folder.join(&entity.file)))
    }

    fn signature(&self) -> Signature {
        self.files().map(|file| mark(&file)).collect()
    }

    /// Returns for how long it still waits for another try; nothing if it does not.
    fn waits(&self) -> Option<Duration> {
        let told = self.told.borrow();
        let (since, files) = told.as_ref()?.failed.as_ref()?;
        let left = TRY_PAUSE.checked_sub(since.elapsed())?;
        (self.signature() == *files).then_some(left)
    }

    fn has_failed(&self) -> bool {
        self.told.borrow().as_ref().is_some_and(|told| told.failed.is_some())
    }
}

/// What is to be watched, judged before the state is opened.
pub(in super::super) struct Prospect {
    configuration: Snapshot,
    config: Config,
    links: Vec<Watched>,
    receivers: Receivers,
    status: String,
}

impl Prospect {
    /// Judges a configuration; `configuration` is what its files held before it was loaded.
    ///
    /// # Errors
    ///
    /// Whatever is wrong with a link, or with who is to be told.
    pub(in super::super) fn of(
        context: &Context,
        config: Config,
        watch: &Watch,
        configuration: Snapshot,
    ) -> Result<Self, Failure> {
        let receivers = notice::receivers(watch.notify.as_deref(), &config.notify)?;
        let (links, status) = links(context, &config, watch)?;
        Ok(Self { configuration, config, links, receivers, status })
    }

    /// Returns the folder of the state.
    pub(super) fn state(&self) -> &Path {
        &self.config.state
    }
}

/// What a watch works on. The state is open as long as it lives.
pub(in super::super) struct Scope {
    context: Context,
    prospect: Prospect,
    /// Tells the file of the state that the hub has open from any other.
    state: StateMark,
    /// The hub if it is served: clients write there as well.
    served: Option<Served>,
    events: Receiver<()>,
    waker: SyncSender<()>,
    files: Vec<PathBuf>,
    poll: Duration,
    /// Report what happens as long as they live.
    _watchers: (RecommendedWatcher, Option<served::Watch>),
}

/// What files and log looked like.
#[derive(Clone, PartialEq, Eq)]
struct Seen {
    files: Signature,
    log: Position,
}

impl Scope {
    /// Begins to watch; the state is open.
    ///
    /// # Errors
    ///
    /// [`Refusal::Watch`] if the system reports no changes at all.
    pub(in super::super) fn begin(
        context: &Context,
        prospect: Prospect,
        watch: &Watch,
    ) -> Result<Self, Failure> {
        let state = state_mark(prospect.state());
        let links = &prospect.links;
        let folders: BTreeSet<&Path> = links.iter().flat_map(Watched::folders).collect();
        let (waker, events) = mpsc::sync_channel(1);
        let folder = prospect.configuration.folder();
        let watcher = watcher(context, watch, folders, folder, waker.clone())?;
        let files: BTreeSet<PathBuf> = links.iter().flat_map(Watched::files).collect();
        Ok(Self {
            context: context.clone(),
            state,
            served: None,
            events,
            waker,
            files: files.into_iter().collect(),
            poll: Duration::from_millis(watch.poll.max(1)),
            prospect,
            _watchers: (watcher, None),
        })
    }

    /// Watches what clients of the hub write, too.
    pub(in super::super) fn follow(&mut self, served: &Served) {
        let waker = self.waker.clone();
        // One that waits already says the same.
        self._watchers.1 = Some(served.watch(move |_| {
            let _ = waker.try_send(());
        }));
        self.served = Some(served.clone());
    }

    /// Returns what is watched, in a few words.
    pub(in super::super) fn status(&self) -> &str {
        &self.prospect.status
    }

    /// Returns who is told of what goes wrong.
    pub(in super::super) fn receivers(&self) -> &Receivers {
        &self.prospect.receivers
    }

    /// Ends the watch and answers who is told, and the configuration that it had.
    pub(super) fn end(self) -> (Receivers, Snapshot) {
        (self.prospect.receivers, self.prospect.configuration)
    }

    /// Syncs once, tells the supervisor that the watch has begun, and goes on until it is over.
    pub(in super::super) fn go_on(&self, hub: &Handle, supervisor: &Supervisor) -> Ended {
        let mut is_ready = false;
        loop {
            let seen = match self.sync_until_settled(hub) {
                Ok(seen) => seen,
                Err(ended) => return ended,
            };
            if !is_ready {
                supervisor.ready(self.status());
                is_ready = true;
            }
            if let Err(ended) = self.wait(hub, supervisor, seen) {
                return ended;
            }
        }
    }

    /// Returns whether the configuration is the one that is watched under.
    pub(in super::super) fn is_configured(&self) -> bool {
        self.context.configuration() == self.prospect.configuration
    }

    /// Judges whether anything may be synchronised under this configuration.
    fn check(&self) -> Result<(), Ended> {
        if self.context.is_interrupted() {
            return Err(Ended::Interrupted);
        }
        if !self.is_configured() {
            return Err(Ended::Reconfigured);
        }
        match state_mark(self.prospect.state()) == self.state {
            true => Ok(()),
            false => Err(Ended::StateGone(self.prospect.state().to_owned())),
        }
    }

    /// Waits until a file or a record differs from what was seen and the burst is over.
    fn wait(&self, hub: &Handle, supervisor: &Supervisor, mut seen: Seen) -> Result<(), Ended> {
        let mut looked = Instant::now();
        loop {
            if self.context.is_interrupted() {
                return Err(Ended::Interrupted);
            }
            supervisor.alive();
            let is_woken = match self.events.recv_timeout(STEP.min(self.poll)) {
                Ok(()) => true,
                Err(RecvTimeoutError::Timeout) => looked.elapsed() >= self.poll,
                Err(RecvTimeoutError::Disconnected) => {
                    std::thread::sleep(STEP);
                    looked.elapsed() >= self.poll
                }
            };
            if is_woken {
                std::thread::sleep(LOOK_PAUSE.saturating_sub(looked.elapsed()));
                looked = Instant::now();
                self.check()?;
                if self.has_changed(hub, &mut seen) {
                    let burst = Instant::now();
                    while burst.elapsed() < BURST_MAX && self.events.recv_timeout(QUIET).is_ok() {}
                    return Ok(());
                }
            }
        }
    }

    /// Returns whether there is something to do since `seen`, which goes on where there is not.
    fn has_changed(&self, hub: &Handle, seen: &mut Seen) -> bool {
        let now = self.seen();
        let is_due = |link: &Watched| link.has_failed() && link.waits().is_none();
        let is_retried = self.served.is_some() && self.prospect.links.iter().any(is_due);
        let is_changed = now.files != seen.files
            || is_retried
            || (now.log != seen.log && self.is_concerned(hub, seen.log));
        *seen = now;
        is_changed
    }

    /// Returns whether anybody but a run has changed a record of the links behind a position.
    fn is_concerned(&self, hub: &Handle, behind: Position) -> bool {
        let requests = self.prospect.links.iter().map(|link| &link.prepared.request);
        let entities = requests.flat_map(|request| &request.entities);
        let entities: BTreeSet<_> = entities.map(|entity| entity.entity.name.clone()).collect();
        let look = move |hub: &mut syncline_hub::Hub| concern::of(hub.rows(), behind, &entities);
        // What the store has to say is said to the run.
        hub.with_hub(look).unwrap_or(true)
    }

    /// Syncs, and again while a person edits meanwhile or one link has brought something that another
    /// carries on; answers what the files looked like before the last look at their content.
    fn sync_until_settled(&self, hub: &Handle) -> Result<Seen, Ended> {
        let mut round = 1;
        let links = &self.prospect.links;
        loop {
            let before = self.seen();
            let mut has_written = false;
            for link in links {
                self.check()?;
                if self.served.is_none() || link.waits().is_none() {
                    has_written |= self.sync(hub, link);
                }
            }
            if !has_written || self.context.is_interrupted() {
                return Ok(before);
            }
            let after = self.seen();
            if !links.iter().any(|link| self.has_more(hub, link)) {
                return Ok(after);
            }
            if links.len() > 1 && round == ROUNDS_MAX {
                self.context.output.warn("the links undo each other's work: look at syncline plan");
                return Ok(after);
            }
            round += 1;
        }
    }

    /// Returns whether a link has anything to do, or something is wrong with it that was not told: a
    /// person may have edited since the run.
    fn has_more(&self, hub: &Handle, link: &Watched) -> bool {
        let (request, mut progress) = (link.prepared.request.clone(), self.context.progress());
        let plan = hub.with_hub(move |hub| hub.plan(&request, &mut progress));
        let Ok(Ok(plan)) = plan else { return true };
        let told = link.told.borrow();
        let is_told = told.as_ref().is_some_and(|told| told.problems == problems(&plan));
        !plan.actions.is_empty() || plan.stop.is_some() || !is_told
    }

    /// Syncs a link once, prints and tells; answers whether files were written.
    ///
    /// Where clients write, too, a run comes to the same again and again; that is told once.
    fn sync(&self, hub: &Handle, link: &Watched) -> bool {
        let files = link.signature();
        let progress = || self.context.progress();
        let result = synchronise(&self.context, hub, &link.prepared, progress);
        let text = news(&result);
        let is_news = match &*link.told.borrow() {
            Some(told) => self.served.is_none() || told.text != text,
            None => true,
        };
        let failed = result.is_err().then(|| (Instant::now(), files));
        let problems = result.as_ref().map(problems).unwrap_or_default();
        *link.told.borrow_mut() = Some(Told { text, problems, failed });
        let wrote = result.as_ref().is_ok_and(|outcome| outcome.wrote);
        if let Ok(outcome) = &result {
            self.print(link, outcome);
        }
        if is_news {
            let finished = result.and_then(|outcome| {
                let exit = finish(&self.context, &self.prospect.config, &outcome.report)?;
                Ok((outcome, exit))
            });
            self.tell(&finished);
        }
        wrote
    }

    fn tell(&self, result: &Result<(SyncOutcome, Exit), Failure>) {
        tell_if_needed(&self.context, &self.prospect.receivers, result);
        if let Err(failure) = result {
            self.context.output.failure(failure);
        }
    }

    fn print(&self, link: &Watched, outcome: &SyncOutcome) {
        let request = &link.prepared.request;
        let output = &self.context.output;
        // A client's edit that changes no file is no news.
        if self.served.is_none() || !outcome.actions.is_empty() {
            output.json(outcome.report.to_json());
        }
        if !outcome.actions.is_empty() || !outcome.conflicts.is_empty() {
            if let Some(name) = &link.name {
                output.line(&format!("{}:", output.paint(Paint::Bold, name)));
            }
            output.text(&run_text::entities(output, outcome, &request.entities));
            output.text(&run_text::ending(output, outcome, request));
        }
    }

    fn seen(&self) -> Seen {
        // The log first: what is written between is looked at once more.
        let log = self.served.as_ref().map_or(Position(0), Served::position);
        Seen { log, files: self.files.iter().map(|file| mark(file)).collect() }
    }
}

/// Returns what a run came to, as far as a person should know.
fn news(result: &Result<SyncOutcome, Failure>) -> String {
    match result {
        Err(failure) => failure.to_string(),
        Ok(outcome) => {
            let report = &outcome.report;
            let notices = report.notices.iter().map(run_text::problem);
            let conflicts = outcome.conflicts.iter().map(|conflict| format!("{conflict:?}"));
            let status = std::iter::once(report.status.as_str().to_owned());
            let told = status.chain(notices).chain(problems(outcome)).chain(conflicts);
            told.collect::<Vec<_>>().join("\n")
        }
    }
}

/// Returns what is wrong with single records or files.
fn problems(outcome: &SyncOutcome) -> Vec<String> {
    outcome.report.problems.iter().map(run_text::problem).collect()
}

/// Returns the links that are watched, and what is said of that.
fn links(
    context: &Context,
    config: &Config,
    watch: &Watch,
) -> Result<(Vec<Watched>, String), Failure> {
    let each = each_link(config, &watch.options);
    let (mut links, mut names) = (Vec::new(), Vec::new());
    for options in &each {
        let prepared = permitted(context, config, prepare(context, config, options))?;
        names.push(format!("{} and {}", prepared.link.source, prepared.link.target));
        let name = (each.len() > 1).then(|| prepared.link.name.clone());
        links.push(Watched { name, prepared, told: RefCell::default() });
    }
    Ok((links, format!("watching {}", names.join(", "))))
}

/// Watches the folders of the domains and that of the configuration. One that cannot be watched is
/// looked at every now and then only.
fn watcher(
    context: &Context,
    watch: &Watch,
    domains: BTreeSet<&Path>,
    configuration: &Path,
    waker: SyncSender<()>,
) -> Result<RecommendedWatcher, Refusal> {
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
        if !event.as_ref().is_ok_and(is_reading) {
            // One that waits already says the same, and nobody receives once the watch has ended.
            let _ = waker.try_send(());
        }
    })
    .map_err(|source| Refusal::Watch { source })?;
    for folder in domains.into_iter().chain([configuration]) {
        if let Err(error) = watcher.watch(folder, RecursiveMode::NonRecursive) {
            let seconds = watch.poll / 1_000;
            context.output.warn(&format!("{error}; looking every {seconds} s instead"));
        }
    }
    Ok(watcher)
}

/// Returns whether an event tells that somebody reads a file: we do, after every other event.
fn is_reading(event: &Event) -> bool {
    match event.kind {
        EventKind::Access(kind) => kind != AccessKind::Close(AccessMode::Write),
        _ => false,
    }
}

/// Returns what tells the store of this folder from any other; the same number may be used again,
/// but not with the same time of birth.
fn state_mark(folder: &Path) -> StateMark {
    let metadata = fs::metadata(folder.join(DATABASE_FILE)).ok()?;
    Some((file_number(&metadata), metadata.created().ok()))
}

/// Returns size, time and number of a file; nothing if it is not there.
fn mark(file: &Path) -> Option<(u64, Option<SystemTime>, u64)> {
    let metadata = fs::metadata(file).ok()?;
    Some((metadata.len(), metadata.modified().ok(), file_number(&metadata)))
}

/// Returns the number of a file, which changes when it is replaced.
#[cfg(unix)]
fn file_number(metadata: &fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(metadata)
}

#[cfg(not(unix))]
fn file_number(_metadata: &fs::Metadata) -> u64 {
    0
}
