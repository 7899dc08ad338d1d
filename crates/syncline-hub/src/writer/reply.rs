//! Who waits for the answer to an operation.

use std::collections::BTreeMap;
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use syncline_engine::operate::{Answer, ClientOperation, Rejection};
use syncline_merge::error::Advice;
use syncline_model::id::{EntityName, RecordId};

use super::WriterError;

pub(crate) type Reply = Result<Answer, WriterError>;

/// Called once, with the answers to operations that were submitted together, in their order. They may have
/// gone to disk in several groups: where one of these failed, each of its operations says so. Nothing is known
/// of any where one was cut off.
pub(crate) type Done = Box<dyn FnOnce(Result<Vec<Reply>, WriterError>) + Send>;

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
        if let Some(counter) = state.failed_first {
            return Some(Rejection::Waits { counter });
        }
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
    answers: Vec<Option<Reply>>,
    /// Why none of them is answered.
    failed: Option<WriterError>,
    /// The counter of the first that could not be committed: none after it is.
    failed_first: Option<u64>,
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
        let (waits, done) = (BTreeMap::new(), Some(done));
        let state = State { answers, failed: None, failed_first: None, waits, done };
        Arc::new(Self(Mutex::new(state)))
    }

    /// Returns who waits for the answer to one of the operations.
    pub(super) fn part(self: &Arc<Self>, index: usize, counter: u64) -> Part {
        Part { together: self.clone(), index, counter }
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
        let answers: Option<Vec<Reply>> = state.answers.drain(..).collect();
        done(match (state.failed.take(), answers) {
            (Some(why), _) => Err(why),
            (None, Some(answers)) => together(answers),
            // A writer that drops an operation without a word was cut off in the middle of it.
            (None, None) => Err(WriterError::OutcomeUnknown),
        });
    }
}

/// Returns the answers where it is known of each operation what became of it.
///
/// # Errors
///
/// Why none was applied, or [`WriterError::OutcomeUnknown`].
fn together(answers: Vec<Reply>) -> Result<Vec<Reply>, WriterError> {
    let why = answers.iter().find_map(|reply| match reply {
        Ok(_) | Err(WriterError::Failed { .. }) => None,
        Err(why) => Some(why.clone()),
    });
    match (why, answers.iter().any(Result::is_ok)) {
        (None, true) => Ok(answers),
        (None, false) => match answers.into_iter().next() {
            Some(Err(why)) => Err(why),
            _ => Ok(Vec::new()),
        },
        (Some(WriterError::Stopped { code }), false) => Err(WriterError::Stopped { code }),
        (Some(_), _) => Err(WriterError::OutcomeUnknown),
    }
}

/// Who waits for the answer to one of several operations.
pub(super) struct Part {
    together: Arc<Together>,
    index: usize,
    counter: u64,
}

impl Part {
    fn send(self, reply: Reply) {
        let mut state = self.together.state();
        if reply.is_err() {
            state.failed_first.get_or_insert(self.counter);
        }
        if let Some(place) = state.answers.get_mut(self.index) {
            *place = Some(reply);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;
    use crate::HubError;

    /// What the writer says of each, and which were applied or why that is not known.
    type Case = (&'static str, [Reply; 3], Result<[bool; 3], &'static str>);

    /// What three operations that were submitted together are told of, each with what the writer says of it.
    #[test]
    fn what_was_applied_is_told_also_where_a_later_group_failed() {
        let done = || Ok(Answer::Rejected(Rejection::Damaged));
        let full = || Err(WriterError::Failed { source: Arc::new(HubError::StalePlan) });
        let stopped = || Err(WriterError::Stopped { code: None });
        #[rustfmt::skip]
        let cases: [Case; 6] = [
            ("all",              [done(), done(), done()],                           Ok([true; 3])),
            ("a later group",    [done(), full(), full()],                           Ok([true, false, false])),
            ("none",             [full(), full(), full()],                           Err(HubError::StalePlan.code())),
            ("none is known",    [done(), Err(WriterError::OutcomeUnknown), done()], Err("OUTCOME_UNKNOWN")),
            ("the hub stopped",  [stopped(), stopped(), stopped()],                  Err("WRITER_STOPPED")),
            ("it stopped later", [done(), stopped(), stopped()],                     Err("OUTCOME_UNKNOWN")),
        ];
        for (name, replies, expected) in cases {
            let (tell, told) = channel();
            let batch = Together::new(3, Box::new(move |answers| drop(tell.send(answers))));
            for (index, reply) in replies.into_iter().enumerate() {
                batch.part(index, index as u64).send(reply);
            }
            drop(batch);
            let told = told.recv().unwrap();
            let told = told.as_ref().map(|all| all.iter().map(Result::is_ok).collect::<Vec<_>>());
            match expected {
                Ok(applied) => assert_eq!(told.ok(), Some(applied.to_vec()), "case: {name}"),
                Err(code) => assert_eq!(told.map_err(WriterError::code), Err(code), "case: {name}"),
            }
        }
    }
}
