//! The one writer of a hub: a queue of commands and the thread that carries them out in order.
//!
//! Operations are committed in groups: the writer takes what waits, loads the records in one go,
//! decides in order, commits once and answers after that. An idle hub commits at once; under load
//! a group waits at most [`GROUP_WINDOW_MS`](crate::limits::GROUP_WINDOW_MS) for as many operations
//! as the group before had. Everything else that changes the hub (a sync, an undo, a decision) goes
//! through the same queue, so that a hub has one writer.

mod error;
mod group;

use std::collections::BTreeMap;
use std::sync::mpsc::{
    Receiver, RecvTimeoutError, SyncSender, TryRecvError, TrySendError, sync_channel,
};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use syncline_engine::operate::{Answer, ClientOperation};
use syncline_engine::results::ClientResults;
use syncline_merge::rules::EntityRules;
use syncline_model::id::{ClientId, EntityName};

pub use error::WriterError;

use crate::error::HubError;
use crate::hub::Hub;
use crate::limits::{COMMANDS_WAITING_MAX, GROUP_OPERATIONS_MAX, GROUP_WINDOW_MS};
use crate::outcome::SyncOutcome;
use crate::request::{Silent, SyncRequest};

/// What waits for the writer.
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every command is an operation: a box would be an allocation for each"
)]
enum Command {
    /// One operation of a client.
    Operation(Waiting),
    /// Anything else that needs the hub for itself.
    Task(Box<dyn FnOnce(&mut Hub) + Send>),
    /// The writer ends once everything before this is done.
    Stop,
}

type Reply = Result<Answer, WriterError>;

/// An operation and the one who waits for its answer.
struct Waiting {
    operation: ClientOperation,
    reply: SyncSender<Reply>,
}

/// Gives commands to a hub's writer. Cheap to clone; any thread may use it.
#[derive(Clone)]
pub struct Handle {
    queue: SyncSender<Command>,
    stopped: Arc<OnceLock<&'static str>>,
}

/// An answer that is on its way.
#[must_use = "an operation is acknowledged by its answer"]
pub struct Pending(Receiver<Reply>);

/// A hub's writer at work.
pub struct Writer {
    handle: Handle,
    thread: JoinHandle<Hub>,
}

impl Writer {
    /// Starts the writer of a hub in a thread of its own.
    ///
    /// `rules` are the entities that clients may write, with their rules; operations on others are
    /// rejected.
    ///
    /// # Errors
    ///
    /// [`HubError::StateFolder`] if the machine gives no thread.
    pub fn start(hub: Hub, rules: BTreeMap<EntityName, EntityRules>) -> Result<Self, HubError> {
        let (queue, commands) = sync_channel(COMMANDS_WAITING_MAX);
        let stopped = Arc::new(OnceLock::new());
        let desk =
            Desk { hub, rules, commands, clients: BTreeMap::new(), stopped: stopped.clone() };
        let thread = std::thread::Builder::new().name("syncline-writer".to_owned());
        let thread = thread.spawn(move || desk.run());
        Ok(Self {
            handle: Handle { queue, stopped },
            thread: thread.map_err(|source| HubError::StateFolder { source })?,
        })
    }

    /// Returns a handle.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Ends the writer once everything that was submitted before is done, and gives the hub back.
    ///
    /// # Errors
    ///
    /// [`WriterError::OutcomeUnknown`] if the writer panicked.
    pub fn stop(self) -> Result<Hub, WriterError> {
        // It has ended already where nobody takes the command.
        let _ = self.handle.queue.send(Command::Stop);
        self.thread.join().map_err(|_| WriterError::OutcomeUnknown)
    }
}

impl Handle {
    /// Commits an operation and returns its answer once it is on disk.
    ///
    /// # Errors
    ///
    /// As [`Pending::wait`].
    pub fn commit(&self, operation: ClientOperation) -> Result<Answer, WriterError> {
        self.submit(operation)?.wait()
    }

    /// Puts an operation into the queue, and waits where the queue is full.
    ///
    /// # Errors
    ///
    /// [`WriterError::Stopped`]; nothing was applied.
    pub fn submit(&self, operation: ClientOperation) -> Result<Pending, WriterError> {
        let (reply, answer) = sync_channel(1);
        let command = Command::Operation(Waiting { operation, reply });
        self.queue.send(command).map_err(|_| self.why_stopped())?;
        Ok(Pending(answer))
    }

    /// Puts an operation into the queue unless it is full.
    ///
    /// # Errors
    ///
    /// [`WriterError::Busy`] if [`COMMANDS_WAITING_MAX`] commands wait, or
    /// [`WriterError::Stopped`]; nothing was applied.
    pub fn try_submit(&self, operation: ClientOperation) -> Result<Pending, WriterError> {
        let (reply, answer) = sync_channel(1);
        let command = Command::Operation(Waiting { operation, reply });
        match self.queue.try_send(command) {
            Ok(()) => Ok(Pending(answer)),
            Err(TrySendError::Full(_)) => Err(WriterError::Busy),
            Err(TrySendError::Disconnected(_)) => Err(self.why_stopped()),
        }
    }

    /// Runs a task that has the hub for itself, in its turn, and returns what it answers: a plan,
    /// an undo, a decision.
    ///
    /// # Errors
    ///
    /// [`WriterError::Stopped`] if nothing was begun, or [`WriterError::OutcomeUnknown`] if the
    /// writer ended before the task was done.
    pub fn with_hub<T: Send + 'static>(
        &self,
        task: impl FnOnce(&mut Hub) -> T + Send + 'static,
    ) -> Result<T, WriterError> {
        let (reply, answer) = sync_channel(1);
        let task = move |hub: &mut Hub| {
            // Whoever asked may have gone.
            let _ = reply.send(task(hub));
        };
        let command = Command::Task(Box::new(task));
        self.queue.send(command).map_err(|_| self.why_stopped())?;
        answer.recv().map_err(|_| match self.stopped.get() {
            Some(_) => self.why_stopped(),
            None => WriterError::OutcomeUnknown,
        })
    }

    /// Synchronises two domains, in its turn.
    ///
    /// # Errors
    ///
    /// As [`Handle::with_hub`]; within, as [`Hub::sync`].
    pub fn sync(&self, request: SyncRequest) -> Result<Result<SyncOutcome, HubError>, WriterError> {
        self.with_hub(move |hub| hub.sync(&request, &mut Silent))
    }

    fn why_stopped(&self) -> WriterError {
        let code = self.stopped.get().copied();
        WriterError::Stopped { code }
    }
}

impl Pending {
    /// Waits for the answer.
    ///
    /// # Errors
    ///
    /// - [`WriterError::Failed`] or [`WriterError::Stopped`] if nothing was applied.
    /// - [`WriterError::OutcomeUnknown`] if it is not known whether the operation was applied: send
    ///   it again with the same id once the hub is open again.
    pub fn wait(self) -> Result<Answer, WriterError> {
        // A writer that drops an operation without a word was cut off in the middle of it.
        self.0.recv().unwrap_or(Err(WriterError::OutcomeUnknown))
    }
}

/// What the writer's thread works with.
struct Desk {
    hub: Hub,
    rules: BTreeMap<EntityName, EntityRules>,
    commands: Receiver<Command>,
    clients: BTreeMap<ClientId, ClientResults>,
    stopped: Arc<OnceLock<&'static str>>,
}

/// Whether the writer goes on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Course {
    GoOn,
    /// Someone asked it to end.
    End,
    /// The store failed: nothing may be written any more.
    FailStop(&'static str),
}

impl Desk {
    /// Carries commands out until one says to stop, nobody is left to give any, or the store fails.
    fn run(mut self) -> Hub {
        let mut group_last = 0;
        let mut course = Course::GoOn;
        while course == Course::GoOn {
            let Ok(first) = self.commands.recv() else {
                break;
            };
            let mut group = Vec::new();
            let behind = match first {
                Command::Operation(waiting) => {
                    group.push(waiting);
                    self.gather(&mut group, group_last)
                }
                other => Some(other),
            };
            group_last = group.len();
            if !group.is_empty() {
                course = self.commit_group(group);
            }
            if let (Course::GoOn, Some(command)) = (course, behind) {
                course = self.carry_out(command);
            }
        }
        if let Course::FailStop(code) = course {
            // It is set once, here.
            let _ = self.stopped.set(code);
        }
        self.refuse_the_rest();
        self.hub
    }

    fn carry_out(&mut self, command: Command) -> Course {
        match command {
            Command::Operation(waiting) => self.commit_group(vec![waiting]),
            Command::Task(task) => {
                task(&mut self.hub);
                Course::GoOn
            }
            Command::Stop => Course::End,
        }
    }

    /// Adds to a group what waits. Answers the command that ended it, if one did.
    ///
    /// A group that follows another of several operations waits a little for as many: their senders
    /// have just been answered and are about to send again. One sender alone never waits.
    fn gather(&self, group: &mut Vec<Waiting>, expected: usize) -> Option<Command> {
        let window = Duration::from_millis(GROUP_WINDOW_MS);
        let deadline = Instant::now() + window;
        while group.len() < GROUP_OPERATIONS_MAX {
            let command = match self.commands.try_recv() {
                Ok(command) => command,
                Err(TryRecvError::Disconnected) => return None,
                Err(TryRecvError::Empty) if group.len() >= expected => return None,
                Err(TryRecvError::Empty) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    match self.commands.recv_timeout(left) {
                        Ok(command) => command,
                        Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                            return None;
                        }
                    }
                }
            };
            match command {
                Command::Operation(waiting) => group.push(waiting),
                other => return Some(other),
            }
        }
        None
    }

    /// Answers everyone whose command was not begun.
    fn refuse_the_rest(&self) {
        while let Ok(command) = self.commands.try_recv() {
            if let Command::Operation(waiting) = command {
                let code = self.stopped.get().copied();
                let _ = waiting.reply.send(Err(WriterError::Stopped { code }));
            }
        }
    }
}
