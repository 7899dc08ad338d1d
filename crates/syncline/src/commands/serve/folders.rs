//! The folders of the configuration, kept equal with a hub while it is served.
//!
//! A run takes its turn at the hub's writer as any push does, so nothing is written twice at once. The
//! rules that clients are shown records by are those of the start: once the configuration changes,
//! nothing crosses to or from the folders until the hub is served under the new one.

use std::sync::atomic::Ordering;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use syncline_hub::served::Served;

use super::super::sync::tell_failure;
use super::super::watch::scope::{Ended, Prospect, Scope};
use crate::arguments::{Serve, SyncOptions, Watch};
use crate::config::{Config, Snapshot};
use crate::failure::{Failure, Refusal};
use crate::output::Format;
use crate::run::{Context, Supervisor};

/// How often files are looked at where the system reports no change, in milliseconds.
const POLL_MS: u64 = 2_000;
/// How often it is looked whether the configuration was changed back.
const PAUSE: Duration = Duration::from_millis(200);

/// Folders that are to be followed, judged before the hub is opened.
pub(super) struct Folders {
    watch: Watch,
    prospect: Prospect,
}

/// Folders that are to be followed by an open hub.
pub(super) struct Begun {
    context: Context,
    scope: Scope,
}

/// Folders that are followed.
pub(super) struct Following {
    context: Context,
    thread: JoinHandle<Result<(), Failure>>,
}

impl Folders {
    /// Judges whether the folders of a configuration can be followed.
    ///
    /// # Errors
    ///
    /// Whatever `syncline watch` would say of it.
    pub(super) fn judge(
        context: &Context,
        serve: &Serve,
        config: Config,
        configuration: Snapshot,
    ) -> Result<Self, Failure> {
        if context.output.format == Format::Json {
            let next = "use --jsonl: one document per run";
            let what = "a watch never ends, so it is not one document";
            return Err(Refusal::usage(what, next).into());
        }
        let watch =
            Watch { options: SyncOptions::default(), notify: serve.notify.clone(), poll: POLL_MS };
        let prospect = Prospect::of(context, config, &watch, configuration)?;
        Ok(Self { watch, prospect })
    }

    /// Begins to watch the folders; the hub is open.
    ///
    /// # Errors
    ///
    /// [`Refusal::Watch`] if the system reports no changes at all.
    pub(super) fn begin(self, context: &Context) -> Result<Begun, Failure> {
        let scope = Scope::begin(context, self.prospect, &self.watch)?;
        Ok(Begun { context: context.clone(), scope })
    }
}

impl Begun {
    /// Keeps the folders equal with a hub, in a thread of its own.
    pub(super) fn follow(mut self, served: &Served) -> Following {
        self.scope.follow(served);
        self.context.output.note(self.scope.status());
        let (context, served) = (self.context.clone(), served.clone());
        let thread = thread::spawn(move || self.go_on(&served));
        Following { context, thread }
    }

    fn go_on(&self, served: &Served) -> Result<(), Failure> {
        loop {
            let failure = match self.scope.go_on(served.handle(), &Supervisor::nobody()) {
                Ended::Interrupted => return Ok(()),
                Ended::StateGone(folder) => {
                    let failure = Failure::from(Refusal::StateGone { folder });
                    tell_failure(&self.context, self.scope.receivers(), &failure);
                    return Err(failure);
                }
                Ended::Reconfigured => Failure::from(Refusal::ServeReconfigured),
            };
            self.context.output.failure(&failure);
            tell_failure(&self.context, self.scope.receivers(), &failure);
            while !self.scope.is_configured() {
                if self.context.is_interrupted() {
                    return Ok(());
                }
                thread::sleep(PAUSE);
            }
            self.context.output.note("the configuration is the one before again");
        }
    }
}

impl Following {
    /// Returns whether they are not followed any more.
    pub(super) fn is_over(&self) -> bool {
        self.thread.is_finished()
    }

    /// Ends it after the run that is under way.
    ///
    /// # Errors
    ///
    /// Why it had ended before.
    pub(super) fn end(self) -> Result<(), Failure> {
        self.context.interrupted.store(true, Ordering::Relaxed);
        self.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}
