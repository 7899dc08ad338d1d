//! What every command has at hand.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use syncline_engine::operate::Entities;
use syncline_hub::{Actor, Hub, HubError, HubOptions, Writer};
use syncline_model::json::Object;
use syncline_store::StoreError;

use super::actor;
use super::loan;
use super::retry::retrying;
use crate::arguments::Global;
use crate::config::{Config, Loaded, Profile, Snapshot};
use crate::failure::{Failure, Refusal};
use crate::output::{Output, ProgressLine};

/// How often a lock is tried while waiting for it.
const LOCK_PAUSE: Duration = Duration::from_millis(50);

/// What names the latest run.
pub const LATEST: &str = "latest";

/// What every command has at hand.
#[derive(Clone, Debug)]
pub struct Context {
    /// Options of every command.
    pub global: Global,
    /// Where lines go.
    pub output: Output,
    /// Set by Ctrl-C.
    pub interrupted: Arc<AtomicBool>,
}

impl Context {
    /// Gathers it.
    pub fn new(global: Global) -> Self {
        let output = Output::new(&global);
        Self { global, output, interrupted: Arc::default() }
    }

    /// Returns whether the person asked to stop.
    pub fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }

    /// Returns the configuration of this folder.
    ///
    /// # Errors
    ///
    /// [`Failure::Config`] if it is there and cannot be understood.
    pub fn load(&self) -> Result<Loaded, Failure> {
        if let Some(profile) = self.profile()? {
            return match fs::symlink_metadata(&profile.file) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    Err(Refusal::ProfileUnknown(Box::new(profile)).into())
                }
                _ => Ok(Config::load_profile(&profile)?),
            };
        }
        Ok(Config::load(Path::new("."), self.global.config.as_deref())?)
    }

    /// Returns what the files of the configuration hold now.
    pub fn configuration(&self) -> Snapshot {
        // Where a profile is not found, loading it says so.
        let profile = self.profile().ok().flatten().map(|profile| profile.file);
        Snapshot::take(Path::new("."), profile.as_deref().or(self.global.config.as_deref()))
    }

    /// Returns where the profile that was asked for is kept, if one was.
    ///
    /// # Errors
    ///
    /// - [`Refusal::Usage`] if a file was asked for as well.
    /// - [`Refusal::HomeUnknown`] if nothing says where profiles are.
    pub fn profile(&self) -> Result<Option<Profile>, Refusal> {
        let Some(name) = &self.global.profile else { return Ok(None) };
        // The parser of the arguments sees them together only on one side of the command.
        if self.global.config.is_some() {
            let what = "`--profile` is a configuration, and so is `--config`";
            return Err(Refusal::usage(what, "leave one of them out"));
        }
        Profile::find(name).map(Some)
    }

    /// Returns who acts.
    pub fn actor(&self) -> Actor {
        actor::actor(&self.global)
    }

    /// Returns a fresh progress line.
    pub fn progress(&self) -> ProgressLine {
        ProgressLine::new(&self.output, Arc::clone(&self.interrupted))
    }

    /// Opens the hub, or borrows it from the process that serves it. Keep it no longer than the work
    /// takes. Waits for another process as long as `--wait-lock` allows.
    ///
    /// # Errors
    ///
    /// - [`Failure::Hub`] if the state is locked, damaged or too new.
    /// - [`Refusal::ServedByOtherVersion`].
    pub fn open_hub(&self, state: &Path, check_store: bool) -> Result<Hub, Failure> {
        self.open_or(state, check_store, Hub::open, |options| loan::borrow(self, options))
    }

    /// Opens the hub for good, in some way: it is not borrowed.
    ///
    /// # Errors
    ///
    /// As [`Context::open_hub`], and what that way adds.
    pub fn open_hub_by<T>(
        &self,
        state: &Path,
        check_store: bool,
        open: impl Fn(&HubOptions) -> Result<T, HubError>,
    ) -> Result<T, Failure> {
        self.open_or(state, check_store, open, |_| Ok(None))
    }

    fn open_or<T>(
        &self,
        state: &Path,
        check_store: bool,
        open: impl Fn(&HubOptions) -> Result<T, HubError>,
        borrow: impl Fn(&HubOptions) -> Result<Option<T>, Failure>,
    ) -> Result<T, Failure> {
        let started = Instant::now();
        let wait = Duration::from_millis(self.global.wait_lock.unwrap_or_default());
        let options = HubOptions { state_folder: state.to_owned(), check_store };
        loop {
            let opened = retrying(self, || Ok(open(&options)?));
            let is_locked =
                matches!(&opened, Err(Failure::Hub(HubError::Store(StoreError::Locked { .. }))));
            if is_locked && let Some(borrowed) = borrow(&options)? {
                return Ok(borrowed);
            }
            if !is_locked || started.elapsed() >= wait || self.is_interrupted() {
                return opened;
            }
            thread::sleep(LOCK_PAUSE);
        }
    }

    /// Opens the hub and starts its writer: what runs change goes through it. No client writes here.
    ///
    /// # Errors
    ///
    /// As [`Context::open_hub`].
    pub fn start_writer(&self, state: &Path) -> Result<Writer, Failure> {
        Ok(Writer::start(self.open_hub(state, false)?, Entities::default())?)
    }

    /// Opens the hub only to look: where there is no state, none is left behind.
    ///
    /// # Errors
    ///
    /// As [`Context::open_hub`], and whatever `look` answers.
    pub fn look<T>(
        &self,
        state: &Path,
        look: impl FnOnce(&mut Hub) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        if Hub::exists(state) {
            return look(&mut self.open_hub(state, false)?);
        }
        let scratch = std::env::temp_dir().join(format!("syncline-look-{:016x}", actor::random()));
        let looked = self.open_hub(&scratch, false).and_then(|mut hub| look(&mut hub));
        // What stays behind is an empty store in the system's folder for such things.
        let _ = fs::remove_dir_all(&scratch);
        looked
    }

    /// Returns the report of a run: by its name, or `latest`.
    ///
    /// # Errors
    ///
    /// [`HubError::RunNotFound`] if there is none.
    pub fn find_run(&self, hub: &Hub, name: &str) -> Result<Object, Failure> {
        if name != LATEST {
            return Ok(hub.run(name)?);
        }
        let latest = hub.runs(1)?.into_iter().next();
        Ok(latest.ok_or_else(|| HubError::RunNotFound { id: name.to_owned() })?)
    }

    /// Opens the hub of a folder where something was synchronised before.
    ///
    /// # Errors
    ///
    /// - [`Refusal::NoState`] if there is none; nothing is created.
    /// - As [`Context::open_hub`].
    pub fn open_existing_hub(&self, state: &Path) -> Result<Hub, Failure> {
        if !Hub::exists(state) {
            return Err(Refusal::NoState { folder: state.to_owned() }.into());
        }
        self.open_hub(state, false)
    }
}
