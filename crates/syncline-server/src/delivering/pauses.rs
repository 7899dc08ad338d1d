//! Which endpoints are left alone for a while, over the failures of the store: what a turn has decided of that is lost
//! with it where it cannot be committed, and so is what was answered meanwhile.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use syncline_engine::deliver::{Pause, Report};
use syncline_model::id::EndpointId;

/// Which endpoints are left alone for a while, as far as it may not be on disk: at most one pause for each endpoint.
#[derive(Default)]
pub(super) struct Pauses(Mutex<BTreeMap<EndpointId, Pause>>);

impl Pauses {
    /// Attempts have ended, of which no turn has committed yet what came of them.
    pub(super) fn hear<'a>(&self, now_ms: u64, reports: impl Iterator<Item = &'a Report>) {
        for report in reports {
            if let Some(hold_ms) = report.outcome.hold_ms() {
                let hold_until_ms = Some(now_ms.saturating_add(hold_ms));
                self.keep([(report.endpoint.clone(), Pause { hold_until_ms, rest: None })]);
            }
        }
    }

    /// Endpoints are left alone by a machine whose commit has failed.
    pub(super) fn keep(&self, pauses: impl IntoIterator<Item = (EndpointId, Pause)>) {
        let mut all = self.all();
        for (endpoint, pause) in pauses {
            let known = all.entry(endpoint).or_default();
            *known = known.and(pause);
        }
    }

    /// Returns all, for the machine that begins anew.
    pub(super) fn get(&self) -> Vec<(EndpointId, Pause)> {
        self.all().iter().map(|(endpoint, pause)| (endpoint.clone(), *pause)).collect()
    }

    /// A turn was committed: all of it is on disk.
    pub(super) fn forget(&self) {
        self.all().clear();
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<EndpointId, Pause>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
