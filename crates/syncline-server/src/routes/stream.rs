//! What every open stream must watch: its token, its session, and whether the server stops.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::sleep;

use crate::access::{Caller, now_ms};
use crate::asked::Asker;
use crate::hubs::Desk;
use crate::problem::{Problem, Refusal};
use crate::state::State;

/// Longest sleep until the time of a token is looked at again.
const LOOK: Duration = Duration::from_secs(3_600);

/// The right to stream. While it is held the server waits for the stream when it stops.
pub(super) struct Permit {
    desk: Arc<Desk>,
    state: Arc<State>,
    caller: Caller,
    revocations: watch::Receiver<u64>,
    stopping: watch::Receiver<bool>,
    _open: mpsc::Sender<()>,
}

impl Permit {
    /// Takes the right of whoever asks.
    pub(super) fn of(asked: &Asker) -> Result<Self, Problem> {
        let open = asked.state.streams.upgrade().ok_or(Refusal::ServerStopping)?;
        let caller = asked.caller()?.clone();
        let revocations = asked.desk.tokens.revocations();
        // It may have been revoked since the request was let in.
        caller.is_still_permitted(&asked.desk.tokens)?;
        asked.state.metrics.streams.inc();
        Ok(Self {
            desk: Arc::clone(&asked.desk),
            state: Arc::clone(&asked.state),
            caller,
            revocations,
            stopping: asked.state.stopping.clone(),
            _open: open,
        })
    }

    /// Waits until the stream has to end. May be dropped and called again.
    pub(super) async fn ended(&mut self) {
        while self.is_permitted() && !self.is_stopping() {
            let left_ms =
                self.caller.token.expires_ms.map(|expires_ms| expires_ms.saturating_sub(now_ms()));
            let left = left_ms.map_or(LOOK, |left_ms| Duration::from_millis(left_ms + 1).min(LOOK));
            tokio::select! {
                _ = self.revocations.changed() => {}
                _ = self.stopping.changed() => {}
                () = sleep(left) => {}
            }
        }
    }

    /// Returns whether the server stops.
    pub(super) fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    /// Returns whether the token is still worth something, and the session has not ended.
    fn is_permitted(&self) -> bool {
        self.caller.is_still_permitted(&self.desk.tokens).is_ok()
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.state.metrics.streams.dec();
    }
}
