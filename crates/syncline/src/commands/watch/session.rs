//! What a watch does under one configuration.
//!
//! The system reports changes; a look at sizes and times every few seconds is the safety net where
//! it does not. After a run that wrote, a plan tells whether a person edited meanwhile, so that our
//! own writes cause no further run and no edit is overlooked.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant, SystemTime};

use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use syncline_engine::link::Side;
use syncline_hub::{Handle, SyncOutcome, Writer};
use syncline_store::sqlite::DATABASE_FILE;

use super::super::sync::{finish, permitted, synchronise, tell_if_needed};
use super::STEP;
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
/// Most times that all links run after one change. What a link brings reaches the others in the next
/// round; links that undo each other's work would go on for ever.
const ROUNDS_MAX: usize = 8;

/// Size, time and number of every file of the links: what tells that something may have changed.
type Signature = Vec<Option<(u64, Option<SystemTime>, u64)>>;
/// Number and time of birth of the file of the state; nothing if it is not there.
type StateMark = Option<(u64, Option<SystemTime>)>;

/// Why a session is over.
pub(super) enum Ended {
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
}

/// A watch under one configuration.
pub(super) struct Session {
    scope: Scope,
    writer: Writer,
    /// Reports the events as long as it lives.
    watcher: RecommendedWatcher,
}

/// What a session works on.
struct Scope {
    context: Context,
    configuration: Snapshot,
    config: Config,
    links: Vec<Watched>,
    receivers: Receivers,
    /// Tells the file of the state that the hub has open from any other.
    state: StateMark,
    events: Receiver<notify::Result<Event>>,
    files: Vec<PathBuf>,
    poll: Duration,
    status: String,
}

impl Session {
    /// Begins with the configuration as it is; `configuration` was looked at before.
    pub(super) fn begin(
        context: &Context,
        watch: &Watch,
        configuration: Snapshot,
    ) -> Result<Self, Failure> {
        let config = context.load()?.config;
        let receivers = notice::receivers(watch.notify.as_deref(), &config.notify)?;
        let (links, status) = links(context, &config, watch)?;
        let writer = context.start_writer(&config.state)?;
        let state = state_mark(&config.state);
        let folders: BTreeSet<&Path> = links.iter().flat_map(Watched::folders).collect();
        let (watcher, events) = watcher(context, watch, folders, configuration.folder())?;
        let files: BTreeSet<PathBuf> = links.iter().flat_map(Watched::files).collect();
        let scope = Scope {
            context: context.clone(),
            configuration,
            config,
            links,
            receivers,
            state,
            events,
            files: files.into_iter().collect(),
            poll: Duration::from_millis(watch.poll.max(1)),
            status,
        };
        Ok(Self { scope, writer, watcher })
    }

    /// Returns what is watched, in a few words.
    pub(super) fn status(&self) -> &str {
        &self.scope.status
    }

    /// Returns who is told of what goes wrong.
    pub(super) fn receivers(&self) -> &Receivers {
        &self.scope.receivers
    }

    /// Closes the state and answers who is told, and the configuration that it had.
    pub(super) fn end(self) -> (Receivers, Snapshot) {
        drop(self.watcher);
        (self.scope.receivers, self.scope.configuration)
    }

    /// Syncs once, tells the supervisor that the watch has begun, and goes on until it is over.
    pub(super) fn go_on(&self, supervisor: &Supervisor) -> Ended {
        self.scope.go_on(&self.writer.handle(), supervisor)
    }
}

impl Scope {
    fn go_on(&self, hub: &Handle, supervisor: &Supervisor) -> Ended {
        let mut is_ready = false;
        loop {
            let seen = match self.sync_until_settled(hub) {
                Ok(seen) => seen,
                Err(ended) => return ended,
            };
            if !is_ready {
                supervisor.ready(&self.status);
                is_ready = true;
            }
            if let Err(ended) = self.wait(supervisor, &seen) {
                return ended;
            }
        }
    }

    /// Judges whether anything may be synchronised under this configuration.
    fn check(&self) -> Result<(), Ended> {
        if self.context.is_interrupted() {
            return Err(Ended::Interrupted);
        }
        if self.context.configuration() != self.configuration {
            return Err(Ended::Reconfigured);
        }
        match state_mark(&self.config.state) == self.state {
            true => Ok(()),
            false => Err(Ended::StateGone(self.config.state.clone())),
        }
    }

    /// Waits until a file differs from what was seen and the burst is over.
    fn wait(&self, supervisor: &Supervisor, seen: &Signature) -> Result<(), Ended> {
        let mut looked = Instant::now();
        loop {
            if self.context.is_interrupted() {
                return Err(Ended::Interrupted);
            }
            supervisor.alive();
            let is_woken = match self.events.recv_timeout(STEP.min(self.poll)) {
                Ok(_) => true,
                Err(RecvTimeoutError::Timeout) => looked.elapsed() >= self.poll,
                Err(RecvTimeoutError::Disconnected) => {
                    std::thread::sleep(STEP);
                    looked.elapsed() >= self.poll
                }
            };
            if is_woken {
                looked = Instant::now();
                self.check()?;
                if self.signature() != *seen {
                    let burst = Instant::now();
                    while burst.elapsed() < BURST_MAX && self.events.recv_timeout(QUIET).is_ok() {}
                    return Ok(());
                }
            }
        }
    }

    /// Syncs, and again while a person edits meanwhile or one link has brought something that another
    /// carries on; answers what the files looked like before the last look at their content.
    fn sync_until_settled(&self, hub: &Handle) -> Result<Signature, Ended> {
        let mut round = 1;
        loop {
            let before = self.signature();
            let mut has_written = false;
            for link in &self.links {
                self.check()?;
                has_written |= self.sync(hub, link);
            }
            if !has_written || self.context.is_interrupted() {
                return Ok(before);
            }
            let after = self.signature();
            if !self.links.iter().any(|link| self.has_more(hub, link)) {
                return Ok(after);
            }
            if self.links.len() > 1 && round == ROUNDS_MAX {
                self.context.output.warn("the links undo each other's work: look at syncline plan");
                return Ok(after);
            }
            round += 1;
        }
    }

    /// Returns whether a link has anything to do. What cannot be planned now is told when the next
    /// change wakes us.
    fn has_more(&self, hub: &Handle, link: &Watched) -> bool {
        let (request, mut progress) = (link.prepared.request.clone(), self.context.progress());
        let plan = hub.with_hub(move |hub| hub.plan(&request, &mut progress));
        matches!(plan, Ok(Ok(plan)) if !plan.actions.is_empty() && plan.stop.is_none())
    }

    /// Syncs a link once, prints and tells; answers whether files were written.
    fn sync(&self, hub: &Handle, link: &Watched) -> bool {
        let result = self.sync_and_finish(hub, link);
        tell_if_needed(&self.context, &self.receivers, &result);
        match result {
            Ok((outcome, _)) => outcome.wrote,
            Err(failure) => {
                self.context.output.failure(&failure);
                false
            }
        }
    }

    fn sync_and_finish(
        &self,
        hub: &Handle,
        link: &Watched,
    ) -> Result<(SyncOutcome, Exit), Failure> {
        let request = &link.prepared.request;
        let outcome = synchronise(&self.context, hub, &link.prepared, || self.context.progress())?;
        let output = &self.context.output;
        output.json(outcome.report.to_json());
        if !outcome.actions.is_empty() || !outcome.conflicts.is_empty() {
            if let Some(name) = &link.name {
                output.line(&format!("{}:", output.paint(Paint::Bold, name)));
            }
            output.text(&run_text::entities(output, &outcome, &request.entities));
            output.text(&run_text::ending(output, &outcome, request));
        }
        let exit = finish(&self.context, &self.config, &outcome.report)?;
        Ok((outcome, exit))
    }

    fn signature(&self) -> Signature {
        let of = |path: &PathBuf| {
            let metadata = fs::metadata(path).ok()?;
            Some((metadata.len(), metadata.modified().ok(), file_number(&metadata)))
        };
        self.files.iter().map(of).collect()
    }
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
        links.push(Watched { name, prepared });
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
) -> Result<(RecommendedWatcher, Receiver<notify::Result<Event>>), Refusal> {
    let (sender, events) = mpsc::channel();
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
        if event.as_ref().is_ok_and(is_reading) {
            return;
        }
        // A receiver that is gone means that the watch has ended.
        let _ = sender.send(event);
    })
    .map_err(|source| Refusal::Watch { source })?;
    for folder in domains.into_iter().chain([configuration]) {
        if let Err(error) = watcher.watch(folder, RecursiveMode::NonRecursive) {
            let seconds = watch.poll / 1_000;
            context.output.warn(&format!("{error}; looking every {seconds} s instead"));
        }
    }
    Ok((watcher, events))
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

/// Returns the number of a file, which changes when it is replaced.
#[cfg(unix)]
fn file_number(metadata: &fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(metadata)
}

#[cfg(not(unix))]
fn file_number(_metadata: &fs::Metadata) -> u64 {
    0
}
