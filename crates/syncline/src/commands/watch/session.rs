//! A watch under one configuration, with a hub of its own.

use super::scope::{Ended, Prospect, Scope};
use crate::arguments::Watch;
use crate::config::Snapshot;
use crate::failure::Failure;
use crate::run::notice::Receivers;
use crate::run::{Context, Supervisor};
use syncline_engine::operate::Entities;
use syncline_hub::{Hub, Writer};

/// A watch under one configuration, and the hub that it holds open.
pub(super) struct Session {
    scope: Scope,
    writer: Writer,
}

impl Session {
    /// Begins with the configuration as it is; `configuration` was looked at before.
    pub(super) fn begin(
        context: &Context,
        watch: &Watch,
        configuration: Snapshot,
    ) -> Result<Self, Failure> {
        let prospect = Prospect::of(context, context.load()?.config, watch, configuration)?;
        let hub = context.open_hub_by(prospect.state(), false, Hub::open)?;
        let writer = Writer::start(hub, Entities::default())?;
        let scope = Scope::begin(context, prospect, watch)?;
        Ok(Self { scope, writer })
    }

    /// Returns what is watched, in a few words.
    pub(super) fn status(&self) -> &str {
        self.scope.status()
    }

    /// Returns who is told of what goes wrong.
    pub(super) fn receivers(&self) -> &Receivers {
        self.scope.receivers()
    }

    /// Closes the state and answers who is told, and the configuration that it had.
    pub(super) fn end(self) -> (Receivers, Snapshot) {
        self.scope.end()
    }

    /// Syncs once, tells the supervisor that the watch has begun, and goes on until it is over.
    pub(super) fn go_on(&self, supervisor: &Supervisor) -> Ended {
        self.scope.go_on(&self.writer.handle(), supervisor)
    }
}
