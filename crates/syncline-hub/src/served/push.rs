//! Operations of clients.

use syncline_model::id::ClientId;
use syncline_protocol::message::PushAnswer;
use syncline_protocol::operation::Operation;

use super::{ServeError, Served};

/// What became of the operations of a push. All of it is on disk.
pub struct Pushed {
    answer: PushAnswer,
}

impl Pushed {
    /// Returns the answer for the client. Costs more than taking note of it: do it in a thread of
    /// your own rather than in the writer's.
    pub fn answer(self) -> PushAnswer {
        self.answer
    }
}

/// Called once, when the outcome of a push is known.
pub type Done = Box<dyn FnOnce(Result<Pushed, ServeError>) + Send>;

impl Served {
    /// Commits operations of a client, in their order, and answers through `done` once all of them
    /// are on disk: mostly from the writer's thread, which must not be held up.
    ///
    /// Where the queue has no room for all of them, none is taken: [`ServeError::Busy`].
    pub fn push(&self, _client: &ClientId, _operations: Vec<Operation>, done: Done) {
        done(Err(ServeError::Busy));
    }
}
