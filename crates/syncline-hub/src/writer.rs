//! The one writer of a hub: a queue of commands and the thread that carries them out in order.
//!
//! Operations are committed in groups: the writer takes what waits, loads the records in one go,
//! decides in order, commits once and answers after that. While one group is being committed the
//! next is decided on top of it; it is begun once the one before is on disk. An idle hub commits at
//! once; under load a group waits at most [`GROUP_WINDOW_MS`](crate::limits::GROUP_WINDOW_MS) for as
//! many operations as were answered last. Everything else that changes the hub (a sync, an undo, a
//! decision) goes through the same queue and has the hub for itself, so that a hub has one writer.
//! A command that syncs or watches starts one, too (design note 0006).

mod error;
mod group;
mod guarding;
mod queue;
mod reply;

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use syncline_engine::operate::{Accompanied, Answer, ClientOperation, Entities, Rejection};
use syncline_engine::results::ClientResults;
use syncline_model::id::ClientId;
use syncline_policy::view::Sight;
use syncline_store::Begun;

pub use error::WriterError;

use crate::error::HubError;
use crate::hub::Hub;
use crate::limits::{GROUP_OPERATIONS_MAX, GROUP_SPLIT_MIN, GROUP_WINDOW_MS};
use crate::outcome::SyncOutcome;
use crate::request::{Progress, SyncRequest};
use crate::served::LogEnd;
use group::UnderWay;
use queue::{Found, Queue, Refused};
use reply::ReplyTo;

pub(crate) use reply::{Done, Reply, Together};

/// What waits for the writer.
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every command is an operation: a box would be an allocation for each"
)]
enum Command {
    /// One operation of a client.
    Operation(Waiting),
    /// Anything else that needs the hub for itself.
    Task(Task),
    /// The writer ends once everything before this is done.
    Stop,
}

/// Something that needs the hub for itself; what it answers with tells the one who asked, once it is
/// known where the log ends now.
type Task = Box<dyn FnOnce(&mut Hub) -> Box<dyn FnOnce()> + Send>;

/// Under which name the guard of pushes counts what operations delete and change.
#[derive(Clone, Debug)]
pub(crate) enum CountedAs {
    /// The client's own.
    Client,
    /// Another's: who may speak under many names has one allowance.
    Name(ClientId),
    /// Nobody's: an admin has asked for all of it.
    Nobody,
}

/// An operation and the one who waits for its answer.
struct Waiting {
    operation: ClientOperation,
    /// Why it is not to be applied, unless it was applied before.
    refused: Option<Rejection>,
    /// Whether its base is of another life of the hub.
    is_of_past: bool,
    /// What comes with it, if it was received from elsewhere.
    with: Option<Box<Accompanied>>,
    /// What the one who sent it may see and write; `None` for everything.
    sight: Option<Arc<Sight>>,
    counted: CountedAs,
    reply: ReplyTo,
}

impl Waiting {
    /// Returns what one sends who may see and write everything, with a base of this life.
    const fn of(operation: ClientOperation, reply: ReplyTo) -> Self {
        Self {
            operation,
            refused: None,
            is_of_past: false,
            with: None,
            sight: None,
            counted: CountedAs::Client,
            reply,
        }
    }
}

/// An operation of a push, whose base was read.
pub(crate) struct Submitted {
    pub(crate) operation: ClientOperation,
    /// Why it is not to be applied, unless it was applied before.
    pub(crate) refused: Option<Rejection>,
    /// Whether its base is of another life of the hub.
    pub(crate) is_of_past: bool,
    /// What comes with it, if it was received from elsewhere.
    pub(crate) with: Option<Box<Accompanied>>,
}

/// Gives commands to a hub's writer. Cheap to clone; any thread may use it.
pub struct Handle {
    queue: Arc<Queue>,
    stopped: Arc<OnceLock<&'static str>>,
}

impl Clone for Handle {
    fn clone(&self) -> Self {
        self.queue.add_giver();
        Self { queue: self.queue.clone(), stopped: self.stopped.clone() }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.queue.remove_giver();
    }
}

/// An answer that is on its way.
#[must_use = "an operation is acknowledged by its answer"]
pub struct Pending(Receiver<Reply>);

/// A hub's writer at work. Dropped, it ends as by [`Writer::stop`], and the hub is closed.
pub struct Writer {
    handle: Handle,
    /// Nothing once it was told to end.
    thread: Option<JoinHandle<Hub>>,
}

impl Writer {
    /// Starts the writer of a hub in a thread of its own.
    ///
    /// Operations on other `entities` are rejected.
    ///
    /// # Errors
    ///
    /// [`HubError::StateFolder`] if the machine gives no thread.
    pub fn start(hub: Hub, entities: impl Into<Entities>) -> Result<Self, HubError> {
        let end = LogEnd::at(hub.position());
        Self::start_telling(hub, entities.into(), end)
    }

    /// Starts the writer as [`Writer::start`] does, and tells those who wait where the log ends.
    pub(crate) fn start_telling(
        hub: Hub,
        entities: Entities,
        end: Arc<LogEnd>,
    ) -> Result<Self, HubError> {
        let queue = Arc::new(Queue::new());
        let handle = Handle { queue: queue.clone(), stopped: Arc::new(OnceLock::new()) };
        let desk = Desk {
            hub,
            entities,
            queue: Taking(queue),
            clients: BTreeMap::new(),
            under_way: None,
            groups: 0,
            answered_last: 0,
            group_sizes: [0; 2],
            stopped: handle.stopped.clone(),
            end,
            moved: false,
        };
        let thread = std::thread::Builder::new().name("syncline-writer".to_owned());
        let thread = thread.spawn(move || desk.run());
        let thread = thread.map_err(|source| HubError::StateFolder { source })?;
        Ok(Self { handle, thread: Some(thread) })
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
    pub fn stop(mut self) -> Result<Hub, WriterError> {
        self.end().ok_or(WriterError::OutcomeUnknown)
    }

    /// Ends the writer and waits for that; nothing if it panicked, or has ended before.
    fn end(&mut self) -> Option<Hub> {
        let thread = self.thread.take()?;
        // It has ended already where nobody takes the command.
        let _ = self.handle.queue.push(Command::Stop, true);
        thread.join().ok()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.end());
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
        let reply = ReplyTo::Sender(reply);
        let command = Command::Operation(Waiting::of(operation, reply));
        self.give(command, true)?;
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
        let reply = ReplyTo::Sender(reply);
        let command = Command::Operation(Waiting::of(operation, reply));
        self.give(command, false)?;
        Ok(Pending(answer))
    }

    /// Puts operations into the queue in their order, all of them or none, and answers through
    /// `done` once all of them are on disk.
    ///
    /// - `sight`: what the one who sends them may see and write; `None` for everything.
    /// - `counted`: under which name what they delete and change is counted.
    pub(crate) fn submit_all(
        &self,
        operations: Vec<Submitted>,
        sight: Option<&Arc<Sight>>,
        counted: CountedAs,
        done: Done,
    ) {
        let batch = Together::new(operations.len(), done);
        let command = |(index, submitted)| {
            let Submitted { operation, refused, is_of_past, with } = submitted;
            let reply = ReplyTo::Together(batch.part(index, operation.id.counter));
            let (sight, counted) = (sight.cloned(), counted.clone());
            let waiting = Waiting { operation, refused, is_of_past, with, sight, counted, reply };
            Command::Operation(waiting)
        };
        let commands = operations.into_iter().enumerate().map(command).collect();
        if let Err((refused, commands)) = self.queue.push_all(commands) {
            batch.fail(match refused {
                Refused::Full => WriterError::Busy,
                Refused::Closed => self.why_stopped(),
            });
            drop(commands);
        }
        // Without any operation that is all.
        drop(batch);
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
        let task: Task = Box::new(move |hub| {
            let answer = task(hub);
            // Whoever asked may have gone.
            Box::new(move || drop(reply.send(answer)))
        });
        let command = Command::Task(task);
        self.give(command, true)?;
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
    pub fn sync(
        &self,
        request: SyncRequest,
        mut progress: impl Progress + Send + 'static,
    ) -> Result<Result<SyncOutcome, HubError>, WriterError> {
        self.with_hub(move |hub| hub.sync(&request, &mut progress))
    }

    fn give(&self, command: Command, may_wait: bool) -> Result<(), WriterError> {
        self.queue.push(command, may_wait).map_err(|refused| match refused {
            Refused::Full => WriterError::Busy,
            Refused::Closed => self.why_stopped(),
        })
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

/// The end of the queue that the writer takes from: it is closed with the writer, however that ends.
struct Taking(Arc<Queue>);

impl Drop for Taking {
    fn drop(&mut self) {
        drop(self.0.close());
    }
}

/// What the writer's thread works with.
struct Desk {
    hub: Hub,
    entities: Entities,
    queue: Taking,
    /// What is known of clients, the group under way included.
    clients: BTreeMap<ClientId, ClientResults>,
    under_way: Option<UnderWay>,
    /// How many groups were begun.
    groups: u64,
    /// How many operations the group had that was answered last.
    answered_last: usize,
    /// How many operations the latest two groups had.
    group_sizes: [usize; 2],
    stopped: Arc<OnceLock<&'static str>>,
    /// Where the log ends on disk.
    end: Arc<LogEnd>,
    /// Whether it has moved since those who wait were told.
    moved: bool,
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
        let mut course = Course::GoOn;
        while course == Course::GoOn {
            let waits = |group: &UnderWay| group.begun == Begun::Waits;
            if self.under_way.as_ref().is_some_and(waits) && self.queue.0.len() == 0 {
                course = self.settle();
                continue;
            }
            course = match self.queue.0.next() {
                Found::Ended(group) => self.settle_if(group),
                Found::NoGivers => Course::End,
                Found::Command(command) => self.carry_out(command),
            };
        }
        if let Course::FailStop(code) = course {
            self.note_stopped(code);
        }
        let _ = self.settle();
        self.refuse_the_rest();
        self.hub
    }

    fn carry_out(&mut self, command: Command) -> Course {
        match command {
            Command::Operation(first) => match self.gather(first) {
                Ok(group) => self.commit_group(group),
                Err(course) => course,
            },
            // The hub is theirs alone: nothing is under way meanwhile.
            Command::Task(task) => match self.settle() {
                Course::GoOn => {
                    let tell = task(&mut self.hub);
                    self.is_on_disk();
                    tell();
                    self.tell_end();
                    self.hub.unfit().map_or(Course::GoOn, Course::FailStop)
                }
                ended => ended,
            },
            Command::Stop => match self.settle() {
                Course::GoOn => Course::End,
                ended => ended,
            },
        }
    }

    /// Takes a group off the queue; answers how the writer goes on if it cannot be begun any more.
    ///
    /// After several were answered it waits a little for as many: they are about to send again. One
    /// sender alone never waits. Of many operations it leaves half to the next group, which is
    /// decided while this one is committed.
    fn gather(&mut self, first: Waiting) -> Result<Vec<Waiting>, Course> {
        let deadline = Instant::now() + Duration::from_millis(GROUP_WINDOW_MS);
        let expected = self.answered_last.min(GROUP_OPERATIONS_MAX);
        while let Some(ended) = self.queue.0.wait_for(expected.saturating_sub(1), deadline) {
            let course = self.settle_if(ended);
            if course != Course::GoOn {
                self.refuse_one(first);
                return Err(course);
            }
        }
        let committing = self.under_way.as_ref().map_or(0, UnderWay::len);
        let known = committing + 1 + self.queue.0.len();
        let known = known.max(self.group_sizes.iter().sum());
        let most = if known < 2 * GROUP_SPLIT_MIN { known } else { known.div_ceil(2) };
        let mut group = vec![first];
        group.extend(self.queue.0.take_operations(most.min(GROUP_OPERATIONS_MAX) - 1));
        self.group_sizes = [group.len(), self.group_sizes[0]];
        Ok(group)
    }

    /// Answers everyone whose command was not begun.
    fn refuse_the_rest(&self) {
        for command in self.queue.0.close() {
            if let Command::Operation(waiting) = command {
                self.refuse_one(waiting);
            }
        }
    }

    fn refuse_one(&self, waiting: Waiting) {
        let code = self.stopped.get().copied();
        waiting.reply.send(Err(WriterError::Stopped { code }));
    }

    /// Takes note that everything that the hub has logged is on disk.
    fn is_on_disk(&mut self) {
        self.moved |= self.end.advance(self.hub.position());
    }

    /// Tells those who wait for it where the log ends, if it has moved.
    fn tell_end(&mut self) {
        if std::mem::take(&mut self.moved) {
            self.end.wake();
        }
    }

    /// Tells those who come later why the writer has ended.
    fn note_stopped(&self, code: &'static str) {
        // The first failure is the one that ended it.
        let _ = self.stopped.set(code);
    }
}
