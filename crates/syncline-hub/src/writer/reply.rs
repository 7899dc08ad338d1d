//! Who waits for the answer to an operation.

use std::collections::BTreeMap;
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use syncline_engine::operate::{Answer, ClientOperation, Rejection};
use syncline_merge::error::Advice;
use syncline_model::id::{EntityName, RecordId};

use super::WriterError;

pub(super) type Reply = Result<Answer, WriterError>;

/// Called once, with the answers to operations that were submitted together, in their order; not
/// where one of them could not be answered.
pub(crate) type Done = Box<dyn FnOnce(Result<Vec<Answer>, WriterError>) + Send>;

/// Who waits for one answer.
pub(super) enum ReplyTo {
    /// Someone who waits for this one alone.
    Sender(SyncSender<Reply>),
    /// Someone who waits for several.
    Together(Part),
}

/// Names a record.
type RecordKey = (EntityName, RecordId);

impl ReplyTo {
    /// Gives the answer. Whoever asked may have gone; the answer is stored.
    pub(super) fn send(self, reply: Reply) {
        match self {
            Self::Sender(sender) => drop(sender.send(reply)),
            Self::Together(part) => part.send(reply),
        }
    }

    /// Returns why an operation has to wait: an earlier one of its record among those that were
    /// submitted together was not applied, and is going to be sent again.
    pub(super) fn why_waits(&self, operation: &ClientOperation) -> Option<Rejection> {
        let Self::Together(part) = self else { return None };
        let state = part.together.state();
        if state.waits.is_empty() {
            return None;
        }
        let counter = state.waits.get(&key_of(operation))?;
        Some(Rejection::Waits { counter: *counter })
    }

    /// Returns which operation it is of which record, if others were submitted with it.
    pub(super) fn order_of(&self, operation: &ClientOperation) -> Option<(RecordKey, u64)> {
        matches!(self, Self::Together(_)).then(|| (key_of(operation), operation.id.counter))
    }

    /// Takes note of an operation that is going to be sent again.
    pub(super) fn note(&self, order: Option<(RecordKey, u64)>, answer: &Answer) {
        if let (Self::Together(part), Some((key, counter)), Answer::Rejected(why)) =
            (self, order, answer)
            && why.advice() == Advice::Retry
        {
            part.together.state().waits.insert(key, counter);
        }
    }
}

fn key_of(operation: &ClientOperation) -> RecordKey {
    (operation.entity.clone(), operation.record.clone())
}

/// Operations that were submitted together, on their way.
pub(crate) struct Together(Mutex<State>);

struct State {
    answers: Vec<Option<Answer>>,
    /// Why one of them was not answered: the first reason.
    failed: Option<WriterError>,
    /// Records of which an operation is going to be sent again, with its counter.
    waits: BTreeMap<RecordKey, u64>,
    /// Nothing once it was called.
    done: Option<Done>,
}

impl Together {
    /// Prepares for the answers to so many operations.
    pub(super) fn new(operations: usize, done: Done) -> Arc<Self> {
        let mut answers = Vec::new();
        answers.resize_with(operations, || None);
        let (failed, waits, done) = (None, BTreeMap::new(), Some(done));
        Arc::new(Self(Mutex::new(State { answers, failed, waits, done })))
    }

    /// Returns who waits for the answer to one of the operations.
    pub(super) fn part(self: &Arc<Self>, index: usize) -> Part {
        Part { together: self.clone(), index }
    }

    /// Says why the operations are not answered.
    pub(super) fn fail(&self, why: WriterError) {
        self.state().failed.get_or_insert(why);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change of the state is whole before anything can panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The last who waits has been answered, or cut off.
impl Drop for Together {
    fn drop(&mut self) {
        let state = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        let Some(done) = state.done.take() else { return };
        let answers: Option<Vec<Answer>> = state.answers.drain(..).collect();
        done(match (state.failed.take(), answers) {
            (Some(why), _) => Err(why),
            (None, Some(answers)) => Ok(answers),
            // A writer that drops an operation without a word was cut off in the middle of it.
            (None, None) => Err(WriterError::OutcomeUnknown),
        });
    }
}

/// Who waits for the answer to one of several operations.
pub(super) struct Part {
    together: Arc<Together>,
    index: usize,
}

impl Part {
    fn send(self, reply: Reply) {
        let mut state = self.together.state();
        match reply {
            Ok(answer) => {
                if let Some(place) = state.answers.get_mut(self.index) {
                    *place = Some(answer);
                }
            }
            Err(why) => drop(state.failed.get_or_insert(why)),
        }
    }
}
