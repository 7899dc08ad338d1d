//! Operations of clients: tokens are opened on their way in, outcomes made on their way out.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use syncline_engine::operate::{Answer, Applied, ClientOperation, Now, Rejection, Repeated};
use syncline_engine::results::Fate;
use syncline_engine::rows::Key;
use syncline_engine::seen;
use syncline_merge::codec::decode_record;
use syncline_merge::display::Fields;
use syncline_merge::error::Advice;
use syncline_merge::fault::{Fault, is_planted};
use syncline_merge::operation::{Effect, FieldOperation};
use syncline_merge::text::ot::Component;
use syncline_merge::token::Token;
use syncline_model::clock::Clock;
use syncline_model::id::{ClientId, EntityName, OperationId, Position, RecordId, Writer};
use syncline_policy::view::Sight;
use syncline_protocol::change::OpenConflict;
use syncline_protocol::delta::Unfit;
use syncline_protocol::message::PushAnswer;
use syncline_protocol::operation::{Operation, restore};
use syncline_protocol::outcome::{Outcome, Seen, Shown, Status};
use syncline_protocol::predict::{correct, predict};
use syncline_protocol::problem::Problem;
use syncline_protocol::token::{TokenError, TokenKey, TokenText};

use super::read::lens_of;
use super::{ServeError, Served};
use crate::limits::PUSHED_BYTES_MAX;
use crate::writer::{CountedAs, Reply, Submitted};

/// What became of the operations of a push. All that was applied is on disk.
pub struct Pushed {
    key: TokenKey,
    /// The operations and their answers, in order; of those that could not be committed, why not.
    answers: Vec<(Named, Result<Answer, ServeError>)>,
    position: Position,
}

/// Which operation it is, of which record.
pub(super) struct Named {
    counter: u64,
    entity: EntityName,
    id: RecordId,
    base: Option<TokenText>,
    /// Whether the client was told nothing of the record by this life of the hub: what it holds may be more
    /// than is here, so it is told all of it.
    is_of_past: bool,
}

/// Called once, when it is known what became of a push.
pub type Done = Box<dyn FnOnce(Result<Pushed, ServeError>) + Send>;

impl Served {
    /// Commits operations of a client, in their order, and answers through `done` once all of them
    /// are on disk: mostly from the writer's thread, which must not be held up.
    ///
    /// Where the queue or the memory for pushes has no room for all of them, none is taken: [`ServeError::Busy`]. Where
    /// some of them could not be committed these are answered "later". After any error but an unknown outcome
    /// none was applied.
    pub fn push(&self, client: &ClientId, operations: Vec<Operation>, done: Done) {
        self.submit(None, CountedAs::Client, client, operations, done);
    }

    /// As [`Served::push`], for a client that may see and write no more than this: what it may not write
    /// is rejected, and what it is told of the records holds no more than it sees.
    pub fn push_for(
        &self,
        sight: &Arc<Sight>,
        client: &ClientId,
        operations: Vec<Operation>,
        done: Done,
    ) {
        let sight = Some(sight).filter(|sight| !sight.is_everything());
        self.submit(sight, CountedAs::Client, client, operations, done);
    }

    /// As [`Served::push_for`], where what is deleted and changed counts under another name than the client's:
    /// who may speak under many names has one allowance.
    ///
    /// - `counted`: that name; nobody's where an admin has asked for all of it.
    pub fn push_counted(
        &self,
        sight: &Arc<Sight>,
        counted: Option<&ClientId>,
        client: &ClientId,
        operations: Vec<Operation>,
        done: Done,
    ) {
        let sight = Some(sight).filter(|sight| !sight.is_everything());
        let counted = counted.cloned().map_or(CountedAs::Nobody, CountedAs::Name);
        self.submit(sight, counted, client, operations, done);
    }

    fn submit(
        &self,
        sight: Option<&Arc<Sight>>,
        counted: CountedAs,
        client: &ClientId,
        operations: Vec<Operation>,
        done: Done,
    ) {
        let bytes = operations.iter().map(bytes_of).sum();
        let Some(room) = Room::take(self.pushed_bytes(), bytes) else {
            return done(Err(ServeError::Busy));
        };
        let operations = self.with_details(client, operations);
        let operations = self.restored(sight, client, operations);
        let opened = operations.into_iter().map(|operation| self.open(client, operation));
        let (named, opened): (Vec<Named>, Vec<_>) = opened.unzip();
        let key = sight.map_or_else(|| self.key().clone(), |sight| self.key_for(sight));
        let end = self.end().clone();
        let done = move |answers: Result<Vec<Reply>, _>| {
            drop(room);
            let pushed = |answers: Vec<Reply>| {
                let answers = answers.into_iter().map(|answer| answer.map_err(ServeError::from));
                let answers = named.into_iter().zip(answers).collect();
                Pushed { key, answers, position: end.position() }
            };
            done(answers.map(pushed).map_err(ServeError::from));
        };
        self.handle().submit_all(opened, sight, counted, Box::new(done));
    }

    /// Returns an operation as the engine takes it, and why it is not to be applied, if it is not.
    pub(super) fn open(&self, client: &ClientId, operation: Operation) -> (Named, Submitted) {
        let bytes = operation.delta_bytes();
        let Operation { counter, entity, id, base, effect, deltas, edited_ms, after } = operation;
        let opened = base.as_ref().map(|text| self.open_base(text, &entity, &id));
        let is_of_past = match &opened {
            // What was queued before the hub was lost may have had no base.
            None => !self.past_keys().is_empty(),
            Some(opened) => opened.as_ref().is_ok_and(|(_, is_of_past)| *is_of_past),
        };
        let named = Named { counter, entity: entity.clone(), id: id.clone(), base, is_of_past };
        let base = opened.transpose();
        let refused = base.as_ref().err().map(|error| match error {
            TokenError::Short => Rejection::BaseShort,
            error => Rejection::Base { code: error.code() },
        });
        let refused = match deltas.is_empty() {
            true => refused,
            false => Some(Rejection::Delta(Unfit { bytes })),
        };
        let operation = ClientOperation {
            id: OperationId { client: client.clone(), counter },
            entity,
            record: id,
            base: base.ok().flatten().map(|(token, _)| token),
            effect,
            edited: Clock::new(edited_ms, 0),
            after,
            event: None,
        };
        (named, Submitted { operation, refused, is_of_past, with: None })
    }

    /// Gives short bases the details that the hub would tell now, where they were told with these. Others
    /// stay short: nobody knows what was seen.
    fn with_details(&self, client: &ClientId, mut operations: Vec<Operation>) -> Vec<Operation> {
        let is_short =
            |operation: &Operation| operation.base.as_ref().is_some_and(TokenText::is_short);
        if !operations.iter().any(is_short) {
            return operations;
        }
        let Ok(rows) = self.reader() else { return operations };
        let viewer = Writer::from(client);
        for operation in operations.iter_mut().filter(|operation| is_short(operation)) {
            let Operation { entity, id, base, .. } = operation;
            let key = Key::Record { entity: entity.clone(), id: id.clone() };
            let record = rows.get(&key).ok().flatten().and_then(|bytes| decode_record(&bytes).ok());
            let Some((record, rules)) = record.zip(self.entities().rules(entity)) else { continue };
            let now = Token::of(&record, rules, Some(&viewer), &[]);
            let now = self.key().sign(&now, entity, id);
            let whole = base.as_ref().and_then(|base| base.with_details_of(Some(&now)));
            let is_it = |whole: &TokenText| self.key().open(whole, entity, id).is_ok();
            if is_planted(Fault::ShortBaseGuessed) {
                *base = Some(now);
            } else if let Some(whole) = whole.filter(is_it) {
                *base = Some(whole);
            }
        }
        operations
    }

    /// Puts large texts in the place of what was told of them, where the client was shown the values that it is
    /// shown now.
    fn restored(
        &self,
        sight: Option<&Arc<Sight>>,
        client: &ClientId,
        mut operations: Vec<Operation>,
    ) -> Vec<Operation> {
        if operations.iter().all(|operation| operation.deltas.is_empty()) {
            return operations;
        }
        let Ok(rows) = self.reader() else { return operations };
        let viewer = Writer::from(client);
        let everything = Sight::everything(&[]);
        let sight = sight.map_or(&everything, |sight| &**sight);
        restore(&mut operations, |(entity, id)| {
            let rules = self.entities().rules(entity)?;
            let bytes =
                rows.get(&Key::Record { entity: entity.clone(), id: id.clone() }).ok()??;
            let record = decode_record(&bytes).ok()?;
            let lens = lens_of(sight, entity, &record, rules)?;
            seen::record(&record, rules, &viewer, &lens)
        });
        operations
    }

    /// Opens a token that this hub has given out in this life or a former one; says whether it was a
    /// former one.
    fn open_base(
        &self,
        text: &TokenText,
        entity: &EntityName,
        id: &RecordId,
    ) -> Result<(Token, bool), TokenError> {
        let opened = self.key().open(text, entity, id);
        if opened != Err(TokenError::Signature) {
            return opened.map(|token| (token, false));
        }
        // A life that was made of the same backup as this one, and was lost again, stands nowhere here.
        let of_line = self.key().open_of_line(text, entity, id).ok();
        let of_past = || self.past_keys().iter().find_map(|key| key.open(text, entity, id).ok());
        let opened = of_line.or_else(of_past).map(|token| (token, true));
        opened.ok_or(TokenError::Signature)
    }
}

/// Room for the operations of a push, until they are answered.
pub(super) struct Room {
    taken: Arc<AtomicUsize>,
    bytes: usize,
}

impl Room {
    /// Takes room for so many bytes; `None` if others have it.
    pub(super) fn take(taken: &Arc<AtomicUsize>, bytes: usize) -> Option<Self> {
        let fits = |taken: usize| {
            let together = taken.saturating_add(bytes);
            (taken == 0 || together <= PUSHED_BYTES_MAX).then_some(together)
        };
        taken.fetch_update(Ordering::AcqRel, Ordering::Acquire, fits).ok()?;
        Some(Self { taken: taken.clone(), bytes })
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.taken.fetch_sub(self.bytes, Ordering::AcqRel);
    }
}

/// What an operation takes in memory beside its texts, in bytes, about.
const OPERATION_BYTES: usize = 512;

/// Returns how much memory an operation takes, in bytes, about.
pub(super) fn bytes_of(operation: &Operation) -> usize {
    let base = operation.base.as_ref().map_or(0, |base| base.as_str().len());
    let effect = match &operation.effect {
        Effect::Write(fields) => bytes_of_fields(fields),
        Effect::Delete => 0,
    };
    // Texts in base64 are longer than what they stand for.
    OPERATION_BYTES + base + effect + operation.delta_bytes().saturating_mul(4) / 3
}

fn bytes_of_fields(fields: &[FieldOperation]) -> usize {
    let one = |field: &FieldOperation| match field {
        FieldOperation::Set { value, .. } | FieldOperation::Append { value, .. } => {
            value.as_str().len()
        }
        FieldOperation::Add { element, .. } | FieldOperation::Remove { element, .. } => {
            element.as_str().len()
        }
        FieldOperation::PutMember { key, fields, .. } => key.len() + bytes_of_fields(fields),
        FieldOperation::BeginText { text, .. } => text.len(),
        FieldOperation::EditText { edit, .. } => {
            let inserted = edit.components().iter().map(|component| match component {
                Component::Insert(text) => text.len(),
                _ => 0,
            });
            inserted.sum::<usize>() + size_of_val(edit.components())
        }
        _ => 0,
    };
    fields.iter().map(|field| size_of_val(field) + field.path().as_str().len() + one(field)).sum()
}

impl Pushed {
    /// Returns the answer for the client. What a client predicts is computed here: do it in a thread
    /// of your own rather than in the writer's.
    pub fn answer(self) -> PushAnswer {
        let Self { key, answers, position } = self;
        let outcome = |(named, answer): (Named, _)| match answer {
            Ok(answer) => outcome(&key, &named, answer),
            Err(error) => refused_outcome(&named, Status::Behind, ServeError::problem(&error)),
        };
        PushAnswer { outcomes: answers.into_iter().map(outcome).collect(), position }
    }

    /// As [`Pushed::answer`], with short tokens where these have the details of the operation's base.
    pub fn short_answer(self) -> PushAnswer {
        let base = |(named, _): &(Named, _)| named.base.clone();
        let bases: Vec<Option<TokenText>> = self.answers.iter().map(base).collect();
        let mut answer = self.answer();
        for (outcome, base) in answer.outcomes.iter_mut().zip(bases) {
            let details = base.as_ref().and_then(TokenText::details);
            if let Some(seen) = outcome.seen.as_mut().filter(|_| details.is_some())
                && seen.version.details() == details
            {
                seen.version = seen.version.short();
            }
        }
        answer
    }
}

fn outcome(key: &TokenKey, named: &Named, answer: Answer) -> Outcome {
    match answer {
        Answer::Applied(applied) => applied_outcome(key, named, *applied),
        Answer::Duplicate(repeated) => repeated_outcome(key, named, *repeated),
        Answer::Rejected(why) => refused_outcome(named, status_of(&why), problem_of(&why)),
    }
}

fn applied_outcome(key: &TokenKey, named: &Named, applied: Applied) -> Outcome {
    let Applied { position, token, had_seen_all, before, after, effect, .. } = applied;
    let Applied { conflicts, open, .. } = applied;
    let version = key.sign(&token, &named.entity, &named.id);
    let status = match (conflicts.is_empty(), had_seen_all) {
        (false, _) => Status::Conflict,
        (true, false) if !is_planted(Fault::MergedNotTold) => Status::Merged,
        (true, true) if named.is_of_past => Status::Merged,
        (true, _) => Status::Applied,
    };
    let shown = if status == Status::Applied {
        let predicted = predict(before.as_deref(), &effect);
        match is_planted(Fault::TruthNotTold) {
            true => Shown::AsPredicted,
            false => correct(predicted.as_ref(), after.as_deref()),
        }
    } else {
        Shown::Record(owned(after))
    };
    Outcome {
        counter: named.counter,
        status,
        seen: Some(Seen { position, version }),
        shown,
        conflicts: conflicts.into_iter().map(String::into_boxed_str).collect(),
        open: open.into_iter().map(|(id, path)| OpenConflict { id: id.into(), path }).collect(),
        problem: None,
    }
}

fn repeated_outcome(key: &TokenKey, named: &Named, repeated: Repeated) -> Outcome {
    let Repeated { result, now } = repeated;
    if let Fate::Refused { code } = result.fate {
        return refused_outcome(named, Status::Rejected, refused_before(code));
    }
    let Some(Now { fields, token, position }) = now else {
        // It was applied, and nobody can say what the record is like.
        let why = Rejection::Damaged;
        return refused_outcome(named, status_of(&why), problem_of(&why));
    };
    let version = key.sign(&token, &named.entity, &named.id);
    Outcome {
        counter: named.counter,
        status: Status::Duplicate,
        seen: Some(Seen { position, version }),
        shown: Shown::Record(owned(fields)),
        conflicts: Vec::new(),
        open: Vec::new(),
        problem: None,
    }
}

fn refused_outcome(named: &Named, status: Status, problem: Problem) -> Outcome {
    Outcome {
        counter: named.counter,
        status,
        seen: None,
        shown: Shown::AsPredicted,
        conflicts: Vec::new(),
        open: Vec::new(),
        problem: Some(Box::new(problem)),
    }
}

const fn status_of(why: &Rejection) -> Status {
    match why.advice() {
        Advice::Retry => Status::Behind,
        Advice::ReadAgain => Status::Rebase,
        Advice::GiveUp => Status::Rejected,
    }
}

pub(super) fn problem_of(why: &Rejection) -> Problem {
    Problem {
        code: why.code().into(),
        detail: why.to_string().into(),
        is_retryable: matches!(why.advice(), Advice::Retry),
    }
}

/// Says why an operation was refused when it came first.
pub(super) fn refused_before(code: Box<str>) -> Problem {
    Problem { code, detail: "it was refused when it came first".into(), is_retryable: false }
}

fn owned(fields: Option<Arc<Fields>>) -> Option<Fields> {
    fields.map(Arc::unwrap_or_clone)
}
