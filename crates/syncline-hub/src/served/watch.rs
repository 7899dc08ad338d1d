//! Who is told when the log has moved on.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use syncline_model::id::Position;

/// Called with the end of the log.
type Wake = Arc<dyn Fn(Position) + Send + Sync>;

/// The end of the log that is on disk, and those who wait for it to move.
pub(crate) struct LogEnd {
    position: AtomicU64,
    watchers: Mutex<Watchers>,
}

#[derive(Default)]
struct Watchers {
    /// By a number of their own; shared, so that they are called without the lock.
    wakes: Arc<BTreeMap<u64, Wake>>,
    numbers: u64,
}

/// Someone who is told; dropped, no more.
#[must_use = "nobody is told any more once this is dropped"]
pub struct Watch {
    end: Weak<LogEnd>,
    number: u64,
}

impl LogEnd {
    /// Returns a log that ends at `position` on disk.
    pub(crate) fn at(position: Position) -> Arc<Self> {
        let (position, watchers) = (AtomicU64::new(position.0), Mutex::default());
        Arc::new(Self { position, watchers })
    }

    /// Returns the end.
    pub(crate) fn position(&self) -> Position {
        Position(self.position.load(Ordering::Acquire))
    }

    /// Takes note that everything up to `position` is on disk; answers whether that is more than
    /// before.
    pub(crate) fn advance(&self, position: Position) -> bool {
        self.position.fetch_max(position.0, Ordering::AcqRel) < position.0
    }

    /// Tells everyone where the log ends.
    pub(crate) fn wake(&self) {
        let wakes = self.watchers().wakes.clone();
        let position = self.position();
        for wake in wakes.values() {
            wake(position);
        }
    }

    /// Adds one who is told.
    pub(crate) fn watch(self: &Arc<Self>, wake: Wake) -> Watch {
        let mut watchers = self.watchers();
        watchers.numbers += 1;
        let number = watchers.numbers;
        Arc::make_mut(&mut watchers.wakes).insert(number, wake);
        Watch { end: Arc::downgrade(self), number }
    }

    fn watchers(&self) -> MutexGuard<'_, Watchers> {
        // Every change is whole before anything can panic.
        self.watchers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(end) = self.end.upgrade() {
            Arc::make_mut(&mut end.watchers().wakes).remove(&self.number);
        }
    }
}
