//! What the writer of a store, the worker of its backup and those who ask for its health share.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use syncline_model::id::Position;

use super::format::Commit;
use super::worker::Options;
use crate::Read;

/// How a backup stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// The latest commit of the store.
    pub committed: u64,
    /// The latest commit that can be restored; `None` while that is not known, because the first
    /// snapshot since the store was opened is not whole.
    pub restorable: Option<u64>,
    /// When that one was made, in milliseconds since 1970.
    pub restorable_at_ms: u64,
    /// How many commits a loss of the store would lose now; `None` while that is not known.
    pub commits_behind: Option<u64>,
    /// How long the first of these has been made, in milliseconds; 0 if none would be lost.
    pub behind_ms: u64,
    /// Whether a snapshot is being written.
    pub is_copying: bool,
    /// How many bytes of it are written.
    pub copied_bytes: u64,
    /// How many snapshots were completed since the store was opened.
    pub snapshots: u64,
    /// How often commits did not wait for the folder any longer and a new stream had to begin.
    pub gaps: u64,
    /// The code of the error and the error, while the folder fails.
    pub failing: Option<(&'static str, String)>,
}

/// Ends of the log that are remembered until they can be restored.
const POSITIONS_MAX: usize = 4_096;

/// Asks how the backup of an open store stands. Cheap to clone; any thread may use it.
#[derive(Clone)]
pub struct Backup(pub(super) Arc<Shared>);

impl Backup {
    /// Returns how the backup stands.
    pub fn health(&self) -> Health {
        let now_ms = self.0.now_ms();
        let state = self.0.state();
        let committed = state.committed.0;
        let reached = state.restorable.map(|(number, _)| number);
        let is_whole = reached.is_some_and(|number| number >= committed);
        let since = state.behind_since_ms.filter(|_| !is_whole);
        Health {
            committed,
            restorable: reached,
            restorable_at_ms: state.restorable.map_or(0, |(_, at_ms)| at_ms),
            commits_behind: reached.map(|number| committed.saturating_sub(number)),
            behind_ms: since.map_or(0, |since| now_ms.saturating_sub(since).max(1)),
            is_copying: state.copied_bytes.is_some(),
            copied_bytes: state.copied_bytes.unwrap_or_default(),
            snapshots: state.snapshots,
            gaps: state.gaps,
            failing: state.failing.clone(),
        }
    }

    /// Returns up to where the log can be restored, at least; `None` while that is not known.
    pub fn position(&self) -> Option<Position> {
        self.0.state().position.map(Position)
    }

    /// Has `tell` called whenever [`Backup::position`] has moved, from the worker's thread, which must not be
    /// held up. There is one at a time.
    pub fn on_position(&self, tell: impl Fn(Position) + Send + Sync + 'static) {
        *self.0.tell.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(tell));
    }

    /// Asks for a snapshot, and for all that waits to be shipped at once.
    pub fn want_snapshot(&self) {
        let mut state = self.0.state();
        (state.wants_snapshot, state.is_urgent) = (true, true);
        drop(state);
        self.0.changed.notify_all();
    }

    /// Asks for all that waits to be shipped at once.
    pub fn want_shipped(&self) {
        self.0.state().is_urgent = true;
        self.0.changed.notify_all();
    }
}

/// The number of the latest commit, and its time. Held while a commit is made, so that a reader that is
/// opened while it is held sees exactly the commits up to that number.
pub(super) struct Gate {
    pub(super) number: u64,
    pub(super) at_ms: u64,
}

/// What waits, and what became of the rest.
#[derive(Debug, Default)]
pub(super) struct State {
    /// Commits that no segment was made of, in order and without a gap.
    pub(super) waiting: VecDeque<Commit>,
    /// Bytes of these, and of the segment that is being written.
    pub(super) waiting_bytes: usize,
    /// When the first of these began to wait.
    pub(super) waiting_since: Option<Instant>,
    /// Whether commits were left out: nothing waits until a new stream begins.
    pub(super) is_broken: bool,
    /// The latest commit and its time.
    pub(super) committed: (u64, u64),
    /// The latest commit that can be restored, and its time.
    pub(super) restorable: Option<(u64, u64)>,
    /// The ends of the log after commits that cannot be restored yet, as (commit, position), oldest first.
    pub(super) positions: VecDeque<(u64, u64)>,
    /// The end of the log in what can be restored.
    pub(super) position: Option<u64>,
    /// When the first commit behind it was made.
    pub(super) behind_since_ms: Option<u64>,
    pub(super) wants_snapshot: bool,
    /// Whether what waits is to be shipped at once.
    pub(super) is_urgent: bool,
    pub(super) copied_bytes: Option<u64>,
    pub(super) snapshots: u64,
    pub(super) gaps: u64,
    pub(super) failing: Option<(&'static str, String)>,
    /// Whether the store is being closed; whether it failed, so that nobody knows what it holds.
    pub(super) is_closing: bool,
    pub(super) is_unknown: bool,
    /// Whether nobody waits for the end any longer.
    pub(super) is_abandoned: bool,
    /// Whether a thread works on it, and whether the work has ended.
    pub(super) has_thread: bool,
    pub(super) has_ended: bool,
}

/// A reader of one moment, and when it was used last; `None` once it was taken away.
pub(super) type Held = Arc<Holder>;

type Holder = Mutex<Option<(Box<dyn Read + Send>, Instant)>>;

/// Called with the end of the log that can be restored.
type Tell = Box<dyn Fn(Position) + Send + Sync>;

/// What all sides share.
pub(super) struct Shared {
    gate: Mutex<Gate>,
    state: Mutex<State>,
    /// The reader of the snapshot that is being written.
    held: Mutex<Weak<Holder>>,
    tell: Mutex<Option<Tell>>,
    /// Something waits, or the work has ended.
    pub(super) changed: Condvar,
    pub(super) options: Options,
}

impl Shared {
    pub(super) fn new(gate: Gate, options: Options) -> Self {
        let state = State { committed: (gate.number, gate.at_ms), ..State::default() };
        Self {
            gate: Mutex::new(gate),
            state: Mutex::new(state),
            held: Mutex::new(Weak::new()),
            tell: Mutex::new(None),
            changed: Condvar::new(),
            options,
        }
    }

    pub(super) fn gate(&self) -> MutexGuard<'_, Gate> {
        // A panic within a commit ends the writer: what is shared stays whole.
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn now_ms(&self) -> u64 {
        (self.options.now_ms)()
    }

    /// Takes note of the reader of a snapshot.
    pub(super) fn hold(&self, reader: &Held) {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(reader);
    }

    /// Takes the reader away from a snapshot whose folder hangs: the store's own log could not be
    /// shortened while it is there.
    pub(super) fn let_go_of_stalled(&self) {
        if let Ok(held) = self.held.try_lock()
            && let Some(reader) = held.upgrade()
            && let Ok(mut reader) = reader.try_lock()
            && reader.as_ref().is_some_and(|(_, used)| {
                used.elapsed() >= Duration::from_millis(self.options.stall_ms_max)
            })
        {
            *reader = None;
        }
    }

    /// Waits until something changes, at most so long; `None` waits for ever.
    pub(super) fn wait(&self, longest: Option<Duration>, is_there: impl Fn(&State) -> bool) {
        let state = self.state();
        let is_nothing = |state: &mut State| !is_there(state);
        match longest {
            Some(longest) => drop(self.changed.wait_timeout_while(state, longest, is_nothing)),
            None => drop(self.changed.wait_while(state, is_nothing)),
        }
    }

    /// Tells how far the log can be restored.
    pub(super) fn tell_position(&self) {
        let position = self.state().position;
        let tell = self.tell.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Some(position), Some(tell)) = (position, &*tell) {
            tell(Position(position));
        }
    }

    /// Takes the rows of a commit that is on disk; `None` if they were too many to be held.
    ///
    /// - `end`: where the log ends with it, if it moved.
    pub(super) fn committed(
        &self,
        gate: &mut Gate,
        rows: Option<(u64, Vec<u8>)>,
        end: Option<u64>,
    ) {
        gate.number += 1;
        gate.at_ms = gate.at_ms.max(self.now_ms());
        let mut state = self.state();
        if let Some(end) = end {
            state.note_position(gate.number, end);
        }
        state.committed = (gate.number, gate.at_ms);
        state.behind_since_ms.get_or_insert(gate.at_ms);
        if state.is_broken {
            return;
        }
        let bytes_max = self.options.waiting_bytes_max;
        let fits = rows.filter(|(_, rows)| state.waiting_bytes + rows.len() <= bytes_max);
        let Some((count, rows)) = fits else {
            state.break_stream();
            drop(state);
            return self.changed.notify_all();
        };
        let was_below = state.waiting_bytes < self.options.segment_bytes;
        state.waiting_bytes += rows.len();
        let is_full = was_below && state.waiting_bytes >= self.options.segment_bytes;
        let is_first = state.waiting_since.is_none();
        state.waiting_since.get_or_insert_with(Instant::now);
        state.waiting.push_back(Commit { number: gate.number, at_ms: gate.at_ms, count, rows });
        drop(state);
        if is_first || is_full {
            self.changed.notify_all();
        }
    }

    /// Notes that nobody knows what the store holds.
    pub(super) fn unknown(&self) {
        let mut state = self.state();
        state.is_unknown = true;
        state.break_stream();
        drop(state);
        self.changed.notify_all();
    }

    /// Asks the worker to ship the rest and waits for it, but not for ever.
    pub(super) fn close(&self) {
        let mut state = self.state();
        state.is_closing = true;
        let has_thread = state.has_thread;
        drop(state);
        self.changed.notify_all();
        if has_thread {
            let longest = Duration::from_millis(self.options.close_ms_max);
            self.wait(Some(longest), |state| state.has_ended);
            self.state().is_abandoned = true;
            self.changed.notify_all();
        }
    }
}

impl State {
    /// Drops what waits: a new stream has to begin.
    pub(super) fn break_stream(&mut self) {
        self.is_broken = true;
        self.gaps += 1;
        let dropped: usize = self.waiting.iter().map(|commit| commit.rows.len()).sum();
        self.waiting_bytes -= dropped;
        self.waiting.clear();
        self.waiting_since = None;
    }

    /// Notes where the log ends after a commit.
    pub(super) fn note_position(&mut self, number: u64, position: u64) {
        if self.positions.len() >= POSITIONS_MAX {
            // Between the others and the latest it is told later.
            self.positions.pop_back();
        }
        self.positions.push_back((number, position));
    }

    /// Notes that all up to a commit can be restored.
    pub(super) fn reached(&mut self, number: u64, at_ms: u64) {
        self.restorable = self.restorable.max(Some((number, at_ms)));
        while let Some((_, position)) = self.positions.pop_front_if(|(commit, _)| *commit <= number)
        {
            self.position = Some(position);
        }
        if number >= self.committed.0 {
            self.behind_since_ms = None;
            return;
        }
        let next = self.waiting.iter().find(|commit| commit.number > number);
        self.behind_since_ms = next.map(|commit| commit.at_ms).or(self.behind_since_ms);
    }
}
