//! `syncline watch`: sync whenever something changes.
//!
//! The configuration belongs to what is watched: once somebody changes it, nothing crosses under the
//! old one any more. A watch is a row of [`Session`]s, each of which has one configuration.

mod concern;
pub(super) mod scope;
mod session;

use std::thread;
use std::time::{Duration, Instant};

use super::sync::tell_failure;
use crate::arguments::Watch;
use crate::config::Snapshot;
use crate::exit::Exit;
use crate::failure::{Failure, Refusal};
use crate::output::Format;
use crate::run::notice::Receivers;
use crate::run::{Context, Supervisor};
use scope::Ended;
use session::Session;

/// How long the files of the configuration must stay as they are before they are taken: an editor
/// may write them in pieces, and the first half of the rules is a configuration as well.
const CONFIGURATION_QUIET: Duration = Duration::from_millis(500);
/// How often a wait looks whether Ctrl-C was pressed.
const STEP: Duration = Duration::from_millis(100);

/// What a watch keeps while its configuration changes.
struct Watching<'a> {
    context: &'a Context,
    watch: &'a Watch,
    supervisor: Supervisor,
}

/// Runs the command, until Ctrl-C.
///
/// # Errors
///
/// - [`Refusal::Watch`] if nothing can be watched; a run that fails is told and tried again after the
///   next change.
/// - [`Refusal::StateGone`] if the state is taken away.
/// - Whatever is wrong with the configuration that the watch begins with.
pub fn run(context: &Context, watch: &Watch) -> Result<Exit, Failure> {
    if context.output.format == Format::Json {
        let next = "use --jsonl: one document per run";
        return Err(Refusal::usage("a watch never ends, so it is not one document", next).into());
    }
    let watching = Watching { context, watch, supervisor: Supervisor::from_environment() };
    let ended = watching.go_on();
    watching.supervisor.stopping();
    ended?;
    context.output.note("stopped; nothing is half done");
    Ok(Exit::Interrupted)
}

impl Watching<'_> {
    /// Watches under one configuration after the other, until Ctrl-C.
    fn go_on(&self) -> Result<(), Failure> {
        let mut session = Session::begin(self.context, self.watch, self.context.configuration())?;
        loop {
            self.context.output.note(&format!("{}; Ctrl-C ends it", session.status()));
            match session.go_on(&self.supervisor) {
                Ended::Interrupted => return Ok(()),
                Ended::StateGone(folder) => {
                    let failure = Failure::from(Refusal::StateGone { folder });
                    self.tell(session.receivers(), &failure);
                    return Err(failure);
                }
                Ended::Reconfigured => {}
            }
            // The state is not held while a person mends the configuration.
            let (receivers, taken) = session.end();
            match self.begin_again(&receivers, &taken) {
                Some(next) => session = next,
                None => return Ok(()),
            }
        }
    }

    /// Begins with the new configuration once it is valid; nothing if Ctrl-C comes before that.
    ///
    /// What is wrong with it is said once. `taken` is the configuration of the session before.
    fn begin_again(&self, receivers: &Receivers, taken: &Snapshot) -> Option<Session> {
        let mut told = None;
        loop {
            let configuration = self.settled()?;
            let begun = configuration.follows(taken).map_err(Failure::from);
            let begun = begun
                .and_then(|()| Session::begin(self.context, self.watch, configuration.clone()));
            let failure = match begun {
                Ok(session) => {
                    self.context.output.note("the configuration has changed");
                    return Some(session);
                }
                Err(failure) => failure,
            };
            let text = failure.to_string();
            if told.as_ref() != Some(&text) {
                self.context.output.failure(&failure);
                self.context.output.warn("nothing is synchronised until that is mended");
                self.tell(receivers, &failure);
                told = Some(text);
            }
            // What the configuration itself says does not change by waiting; a folder may come back.
            let is_final = matches!(failure, Failure::Config(_) | Failure::Permission(_));
            let begun = Instant::now();
            while self.context.configuration() == configuration
                && (is_final || begun.elapsed() < self.poll())
            {
                self.pause()?;
            }
        }
    }

    /// Returns what the files of the configuration hold once nobody writes them any more; nothing if
    /// Ctrl-C comes before that.
    fn settled(&self) -> Option<Snapshot> {
        let mut seen = self.context.configuration();
        let mut since = Instant::now();
        while since.elapsed() < CONFIGURATION_QUIET {
            self.pause()?;
            let now = self.context.configuration();
            if now != seen {
                (seen, since) = (now, Instant::now());
            }
        }
        Some(seen)
    }

    /// Waits a little; nothing once Ctrl-C was pressed.
    fn pause(&self) -> Option<()> {
        self.supervisor.alive();
        thread::sleep(STEP);
        (!self.context.is_interrupted()).then_some(())
    }

    fn poll(&self) -> Duration {
        Duration::from_millis(self.watch.poll)
    }

    fn tell(&self, receivers: &Receivers, failure: &Failure) {
        tell_failure(self.context, receivers, failure);
    }
}
