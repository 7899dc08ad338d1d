//! Events that applications emit, alone or with a change of the record that they speak of.

use std::sync::Arc;

use syncline_engine::event::Event;
use syncline_engine::operate::Answer;
use syncline_engine::results::Fate as Decided;
use syncline_model::clock::Stamp;
use syncline_model::id::{ClientId, EventId, Position};
use syncline_policy::view::Sight;
use syncline_protocol::operation::Operation;
use syncline_protocol::problem::Problem;

use super::push::{Room, bytes_of, problem_of, refused_before};
use super::{ServeError, Served};
use crate::catalogue::Unfit;
use crate::writer::{CountedAs, Reply};

/// An event, and the operation that it is emitted with.
#[derive(Clone, Debug)]
pub struct Emission {
    /// Whose operation it is.
    pub client: ClientId,
    /// Which one it is, of which record, and what it does: one that writes nothing only emits.
    pub operation: Operation,
    /// The event.
    pub event: Event,
}

/// An event that is in the log, on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Emitted {
    /// Its id.
    pub id: EventId,
    /// Where it stands in the log; `None` where it was emitted before.
    pub sequence: Option<Position>,
    /// With which change it was emitted before, if it was: [`Served::event_place`] looks up where that stands.
    pub before: Option<Stamp>,
}

/// What became of one event: it is in the log, or why not.
pub type EmissionFate = Result<Emitted, Problem>;

/// Called once, when it is known what became of all events.
pub type EmitDone = Box<dyn FnOnce(Result<Vec<EmissionFate>, ServeError>) + Send>;

/// What an event takes in memory beside its image, in bytes, about.
const EVENT_BYTES: usize = 256;

impl Served {
    /// Emits events in their order, and answers through `done` once all of them are on disk:
    /// mostly from the writer's thread, which must not be held up. Each is in the same transaction as the
    /// change that it is emitted with. Sent again, an operation emits nothing.
    ///
    /// - `counted`: under which name changes are counted; nobody's where an admin has asked for all of it.
    ///
    /// One that does not fit the [catalogue](Served::catalogue) is refused, and the others are not.
    ///
    /// As [`Served::push`] it takes all of them or, where there is no room, none.
    pub fn emit(
        &self,
        sight: &Arc<Sight>,
        counted: Option<&ClientId>,
        emissions: Vec<Emission>,
        done: EmitDone,
    ) {
        let bytes = |one: &Emission| bytes_of(&one.operation) + EVENT_BYTES + one.event.bytes();
        let Some(room) = Room::take(self.pushed_bytes(), emissions.iter().map(bytes).sum()) else {
            return done(Err(ServeError::Busy));
        };
        let catalogue = self.catalogue();
        let (mut unfit, mut fit) = (Vec::with_capacity(emissions.len()), Vec::new());
        for emission in emissions {
            let event = &emission.event;
            let checked = catalogue.check(&event.kind, || event.data());
            unfit.push(checked.as_ref().err().map(unfit_problem));
            fit.extend(checked.is_ok().then_some(emission));
        }
        let emissions = fit;
        if emissions.is_empty() {
            return done(Ok(unfit.into_iter().flatten().map(Err).collect()));
        }
        let ids: Vec<EventId> = emissions.iter().map(|one| one.event.id.clone()).collect();
        let open = |Emission { client, operation, event }| {
            let (_, mut submitted) = self.open(&client, operation);
            submitted.operation.event = Some(Box::new(event));
            submitted
        };
        let submitted = emissions.into_iter().map(open).collect();
        let done = move |replies: Result<Vec<Reply>, _>| {
            drop(room);
            let fates = |replies: Vec<Reply>| {
                let mut fates = ids.into_iter().zip(replies).map(fate);
                let of_each = unfit.into_iter().map(|unfit| match unfit {
                    Some(problem) => Err(problem),
                    None => fates.next().unwrap_or_else(|| Err(ServeError::Busy.problem())),
                });
                of_each.collect()
            };
            done(replies.map(fates).map_err(ServeError::from));
        };
        let counted = counted.cloned().map_or(CountedAs::Nobody, CountedAs::Name);
        let sight = Some(sight).filter(|sight| !sight.is_everything());
        self.handle().submit_all(submitted, sight, counted, Box::new(done));
    }
}

fn unfit_problem(why: &Unfit) -> Problem {
    Problem {
        code: why.code().into(),
        detail: why.to_string().into(),
        is_retryable: why.is_retryable(),
    }
}

fn fate((id, reply): (EventId, Reply)) -> EmissionFate {
    match reply {
        Ok(Answer::Applied(applied)) => Ok(Emitted { id, sequence: applied.event, before: None }),
        Ok(Answer::Duplicate(repeated)) => match repeated.result.fate {
            Decided::Refused { code } => Err(refused_before(code)),
            fate => Ok(Emitted { id, sequence: None, before: fate.logged() }),
        },
        Ok(Answer::Rejected(why)) => Err(problem_of(&why)),
        Err(error) => Err(ServeError::from(error).problem()),
    }
}
