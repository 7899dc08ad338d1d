//! The queue before the writer: bounded, and the writer is woken once per group.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::Command;
use crate::limits::COMMANDS_WAITING_MAX;

/// Commands on their way to the writer, in order.
pub(super) struct Queue {
    state: Mutex<State>,
    /// The writer waits here.
    filled: Condvar,
    /// Those wait here who found the queue full.
    drained: Condvar,
}

struct State {
    commands: VecDeque<Command>,
    /// How many commands the writer waits for; `None` while it does not.
    wanted: Option<usize>,
    /// The number of the group whose commit has ended since the writer looked.
    ended: Option<u64>,
    /// Those who may still give commands.
    givers: usize,
    /// Whether the writer has ended.
    closed: bool,
}

/// Why a command was not taken.
pub(super) enum Refused {
    /// The queue is full.
    Full,
    /// The writer has ended.
    Closed,
}

/// What the writer finds.
#[expect(
    clippy::large_enum_variant,
    reason = "nearly always a command is found: a box would be an allocation for each"
)]
pub(super) enum Found {
    /// A command.
    Command(Command),
    /// The commit of the group with this number has ended.
    Ended(u64),
    /// Nobody is left to give any command.
    NoGivers,
}

impl Queue {
    /// Returns an empty queue that one giver knows.
    pub(super) const fn new() -> Self {
        let state = State {
            commands: VecDeque::new(),
            wanted: None,
            ended: None,
            givers: 1,
            closed: false,
        };
        Self { state: Mutex::new(state), filled: Condvar::new(), drained: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change of the state is whole before anything can panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a command, and waits where the queue is full and it `may_wait`.
    pub(super) fn push(&self, command: Command, may_wait: bool) -> Result<(), Refused> {
        let mut state = self.state();
        while state.commands.len() >= COMMANDS_WAITING_MAX && !state.closed {
            if !may_wait {
                return Err(Refused::Full);
            }
            state = self.drained.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.closed {
            return Err(Refused::Closed);
        }
        let is_operation = matches!(command, Command::Operation(_));
        state.commands.push_back(command);
        self.wake_writer(state, !is_operation);
        Ok(())
    }

    /// Adds operations, all of them or none; gives them back where there is no room.
    pub(super) fn push_all(&self, commands: Vec<Command>) -> Result<(), (Refused, Vec<Command>)> {
        let mut state = self.state();
        if state.closed {
            return Err((Refused::Closed, commands));
        }
        if commands.len() > COMMANDS_WAITING_MAX - state.commands.len() {
            return Err((Refused::Full, commands));
        }
        state.commands.extend(commands);
        self.wake_writer(state, false);
        Ok(())
    }

    fn wake_writer(&self, mut state: MutexGuard<'_, State>, at_once: bool) {
        let enough = |wanted| state.commands.len() >= wanted || at_once;
        if state.wanted.is_some_and(enough) {
            state.wanted = None;
            drop(state);
            self.filled.notify_one();
        }
    }

    /// Tells the writer that the commit of a group has ended.
    pub(super) fn commit_ended(&self, group: u64) {
        let mut state = self.state();
        state.ended = Some(group);
        if state.wanted.take().is_some() {
            self.filled.notify_one();
        }
    }

    /// One more may give commands.
    pub(super) fn add_giver(&self) {
        self.state().givers += 1;
    }

    /// One less may give commands.
    pub(super) fn remove_giver(&self) {
        let mut state = self.state();
        state.givers -= 1;
        if state.givers == 0 {
            state.wanted = None;
            self.filled.notify_one();
        }
    }

    /// Returns how many commands wait.
    pub(super) fn len(&self) -> usize {
        self.state().commands.len()
    }

    /// Waits for a command, or for the end of a commit, which is told first.
    pub(super) fn next(&self) -> Found {
        let mut state = self.state();
        loop {
            if let Some(group) = state.ended.take() {
                return Found::Ended(group);
            }
            if let Some(command) = self.pop(&mut state) {
                return Found::Command(command);
            }
            if state.givers == 0 {
                return Found::NoGivers;
            }
            state.wanted = Some(1);
            state = self.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits until so many commands wait, one of them is no operation, a commit has ended, or the
    /// time is over. Returns the number of the group whose commit has ended.
    pub(super) fn wait_for(&self, wanted: usize, deadline: Instant) -> Option<u64> {
        let mut state = self.state();
        state.wanted = Some(wanted);
        while state.commands.len() < wanted && state.wanted.is_some() && state.ended.is_none() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left == Duration::ZERO {
                break;
            }
            let waited = self.filled.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.wanted = None;
        state.ended.take()
    }

    /// Takes up to `most` operations off the front of the queue.
    pub(super) fn take_operations(&self, most: usize) -> Vec<super::Waiting> {
        let mut state = self.state();
        let mut taken = Vec::with_capacity(most.min(state.commands.len()));
        while taken.len() < most
            && matches!(state.commands.front(), Some(Command::Operation(_)))
            && let Some(Command::Operation(waiting)) = self.pop(&mut state)
        {
            taken.push(waiting);
        }
        taken
    }

    /// Ends the queue: nothing is taken any more, and what waited is given back.
    pub(super) fn close(&self) -> VecDeque<Command> {
        let mut state = self.state();
        state.closed = true;
        self.drained.notify_all();
        std::mem::take(&mut state.commands)
    }

    fn pop(&self, state: &mut State) -> Option<Command> {
        if state.commands.len() >= COMMANDS_WAITING_MAX {
            self.drained.notify_all();
        }
        state.commands.pop_front()
    }
}
