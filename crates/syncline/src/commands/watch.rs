//! `syncline watch`: sync whenever something changes.
//!
//! The system reports changes; a look at sizes and times every few seconds is the safety net where
//! it does not. After a run that wrote, a plan tells whether a person edited meanwhile, so that our
//! own writes cause no further run and no edit is overlooked.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant, SystemTime};

use notify::{RecursiveMode, Watcher};
use syncline_engine::link::Side;
use syncline_hub::{Hub, SyncOutcome};

use super::sync::{finish, permitted, synchronise, tell_if_needed};
use crate::arguments::Watch;
use crate::config::Config;
use crate::exit::Exit;
use crate::failure::{Failure, Refusal};
use crate::output::{Format, Paint, run_text};
use crate::run::notice::{self, Receiver as NoticeReceiver};
use crate::run::{Context, Prepared, Supervisor, each_link, prepare};

/// Quiet time after which a burst of changes is over.
const QUIET: Duration = Duration::from_millis(100);
/// Longest that a burst is waited for, so that steady edits cannot put off a run for ever.
const BURST_MAX: Duration = Duration::from_millis(400);
/// Most times that all links run after one change. What a link brings reaches the others in the next
/// round; links that undo each other's work would go on for ever.
const ROUNDS_MAX: usize = 8;
/// How often a wait looks whether Ctrl-C was pressed.
const STEP: Duration = Duration::from_millis(100);

/// Size and time of every file of the link: what tells that something may have changed.
type Signature = Vec<Option<(u64, Option<SystemTime>, u64)>>;

/// A link that is watched.
struct Watched {
    /// As it is named in the configuration; nothing if it is the only one.
    name: Option<String>,
    prepared: Prepared,
}

impl Watched {
    /// Returns the folders of its domains.
    fn folders(&self) -> impl Iterator<Item = &PathBuf> {
        Side::BOTH.into_iter().map(|side| &self.prepared.request.domain(side).folder)
    }

    fn files(&self) -> impl Iterator<Item = PathBuf> {
        let entities = &self.prepared.request.entities;
        self.folders().flat_map(|folder| entities.iter().map(|entity| folder.join(&entity.file)))
    }
}

/// What a watch needs.
struct Watching<'a> {
    context: &'a Context,
    config: &'a Config,
    links: &'a [Watched],
    receivers: &'a [NoticeReceiver],
    supervisor: Supervisor,
    files: Vec<PathBuf>,
    poll: Duration,
}

/// Runs the command, until Ctrl-C.
///
/// # Errors
///
/// [`Refusal::Watch`] if nothing can be watched; a run that fails is told and tried again after the
/// next change.
pub fn run(context: &Context, watch: &Watch) -> Result<Exit, Failure> {
    if context.output.format == Format::Json {
        let next = "use --jsonl: one document per run";
        return Err(Refusal::usage("a watch never ends, so it is not one document", next).into());
    }
    let config = context.load()?.config;
    let receivers = notice::receivers(watch.notify.as_deref(), &config.notify)?;
    let (links, status) = links(context, &config, watch)?;
    let mut hub = context.open_hub(&config.state, false)?;
    let (sender, events) = mpsc::channel();
    let mut watcher = notify::recommended_watcher(move |event| {
        // A receiver that is gone means that the watch has ended.
        let _ = sender.send(event);
    })
    .map_err(|source| Refusal::Watch { source })?;
    let folders: BTreeSet<&PathBuf> = links.iter().flat_map(Watched::folders).collect();
    for folder in folders {
        if let Err(error) = watcher.watch(folder, RecursiveMode::NonRecursive) {
            let seconds = watch.poll / 1_000;
            context.output.warn(&format!("{error}; looking every {seconds} s instead"));
        }
    }
    let files: BTreeSet<PathBuf> = links.iter().flat_map(Watched::files).collect();
    let watching = Watching {
        context,
        config: &config,
        links: &links,
        receivers: &receivers,
        supervisor: Supervisor::from_environment(),
        files: files.into_iter().collect(),
        poll: Duration::from_millis(watch.poll.max(1)),
    };
    context.output.note(&format!("{status}; Ctrl-C ends it"));
    watching.go_on(&mut hub, &events, &status);
    watching.supervisor.stopping();
    drop(watcher);
    context.output.note("stopped; nothing is half done");
    Ok(Exit::Interrupted)
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

impl Watching<'_> {
    /// Syncs once, tells the supervisor that the watch has begun, and goes on until Ctrl-C.
    fn go_on(&self, hub: &mut Hub, events: &Receiver<notify::Result<notify::Event>>, status: &str) {
        let mut seen = self.sync_until_settled(hub);
        self.supervisor.ready(status);
        while self.wait(events, &seen) {
            seen = self.sync_until_settled(hub);
        }
    }

    /// Waits until a file differs from what was seen and the burst is over; false once Ctrl-C was
    /// pressed.
    fn wait(&self, events: &Receiver<notify::Result<notify::Event>>, seen: &Signature) -> bool {
        let mut looked = Instant::now();
        loop {
            if self.context.is_interrupted() {
                return false;
            }
            self.supervisor.alive();
            let is_woken = match events.recv_timeout(STEP.min(self.poll)) {
                Ok(_) => true,
                Err(RecvTimeoutError::Timeout) => looked.elapsed() >= self.poll,
                Err(RecvTimeoutError::Disconnected) => {
                    std::thread::sleep(STEP);
                    looked.elapsed() >= self.poll
                }
            };
            if is_woken {
                looked = Instant::now();
                if self.signature() != *seen {
                    let burst = Instant::now();
                    while burst.elapsed() < BURST_MAX && events.recv_timeout(QUIET).is_ok() {}
                    return !self.context.is_interrupted();
                }
            }
        }
    }

    /// Syncs, and again while a person edits meanwhile or one link has brought something that another
    /// carries on; answers what the files looked like before the last look at their content.
    fn sync_until_settled(&self, hub: &mut Hub) -> Signature {
        let mut round = 1;
        loop {
            let before = self.signature();
            let mut has_written = false;
            for link in self.links {
                has_written |= self.sync(hub, link);
            }
            if !has_written || self.context.is_interrupted() {
                return before;
            }
            let after = self.signature();
            if !self.links.iter().any(|link| self.has_more(hub, link)) {
                return after;
            }
            if self.links.len() > 1 && round == ROUNDS_MAX {
                self.context.output.warn("the links undo each other's work: look at syncline plan");
                return after;
            }
            round += 1;
        }
    }

    /// Returns whether a link has anything to do. What cannot be planned now is told when the next
    /// change wakes us.
    fn has_more(&self, hub: &mut Hub, link: &Watched) -> bool {
        let plan = hub.plan(&link.prepared.request, &mut self.context.progress());
        plan.is_ok_and(|plan| !plan.actions.is_empty() && plan.stop.is_none())
    }

    /// Syncs a link once, prints and tells; answers whether files were written.
    fn sync(&self, hub: &mut Hub, link: &Watched) -> bool {
        let result = self.sync_and_finish(hub, link);
        tell_if_needed(self.context, self.receivers, &result);
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
        hub: &mut Hub,
        link: &Watched,
    ) -> Result<(SyncOutcome, Exit), Failure> {
        let request = &link.prepared.request;
        let outcome = synchronise(self.context, hub, &link.prepared, &mut self.context.progress())?;
        let output = &self.context.output;
        output.json(outcome.report.to_json());
        if !outcome.actions.is_empty() || !outcome.conflicts.is_empty() {
            if let Some(name) = &link.name {
                output.line(&format!("{}:", output.paint(Paint::Bold, name)));
            }
            output.text(&run_text::entities(output, &outcome, &request.entities));
            output.text(&run_text::ending(output, &outcome, request));
        }
        let exit = finish(self.context, self.config, &outcome.report)?;
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

/// Returns the number of a file, which changes when it is replaced.
#[cfg(unix)]
fn file_number(metadata: &fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(metadata)
}

#[cfg(not(unix))]
fn file_number(_metadata: &fs::Metadata) -> u64 {
    0
}
