//! Conflicts of a hub that wait for a person, as of the latest look, and how long those waited that were decided since.

use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use syncline_hub::served::{ServeError, Served, Waiting};

use crate::limits::{DECIDED_NOTED_MAX, LOOK_WAIT_MAX};

/// How long to wait before it is tried again whether somebody else still looks.
const LOOK_PAUSE: Duration = Duration::from_millis(2);

/// Conflicts that wait for a person.
#[derive(Default)]
pub(crate) struct Undecided {
    /// Held while the store is read.
    waiting: Mutex<Waiting>,
    looked: Mutex<Looked>,
}

#[derive(Default)]
struct Looked {
    count: u64,
    oldest_ms: Option<u64>,
    /// How long conflicts waited that were decided and are in no figure yet, in milliseconds.
    decided_ms: Vec<u64>,
}

impl Undecided {
    /// Looks at the hub; blocks. Where it cannot be read, or somebody else has been about to for long, all stays as it
    /// was. Answers how long those waited that were decided since the latest look, in milliseconds.
    pub(crate) fn look(&self, served: &Served) -> Result<Vec<u64>, ServeError> {
        // Whoever waits behind a store that hangs would wait for ever.
        let begun = Instant::now();
        let mut waiting = loop {
            match self.waiting.try_lock() {
                Ok(waiting) => break waiting,
                Err(TryLockError::Poisoned(poisoned)) => break poisoned.into_inner(),
                Err(TryLockError::WouldBlock) if begun.elapsed() < LOOK_WAIT_MAX => {
                    std::thread::sleep(LOOK_PAUSE);
                }
                Err(TryLockError::WouldBlock) => return Err(ServeError::Busy),
            }
        };
        let decided = waiting.look(served)?;
        let mut looked = self.looked();
        looked.count = waiting.count() as u64;
        looked.oldest_ms = waiting.oldest_ms();
        let room = DECIDED_NOTED_MAX.saturating_sub(looked.decided_ms.len());
        looked.decided_ms.extend(decided.iter().copied().take(room));
        Ok(decided)
    }

    /// Returns how many there are.
    pub(crate) fn count(&self) -> u64 {
        self.looked().count
    }

    /// Returns for how long the oldest of them waits, in milliseconds; 0 if there is none.
    pub(crate) fn oldest_age_ms(&self, now_ms: u64) -> u64 {
        self.looked().oldest_ms.map_or(0, |oldest_ms| now_ms.saturating_sub(oldest_ms))
    }

    /// Returns how long conflicts waited that were decided since it was asked last, in milliseconds.
    pub(crate) fn take_decided(&self) -> Vec<u64> {
        std::mem::take(&mut self.looked().decided_ms)
    }

    fn looked(&self) -> MutexGuard<'_, Looked> {
        // Every change is whole before anything can panic.
        self.looked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
