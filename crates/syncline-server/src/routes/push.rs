//! Operations of clients.

use std::sync::Arc;

use axum::http::StatusCode;
use syncline_engine::tally::Count;
use syncline_hub::served::{Pushed, ServeError};
use syncline_model::id::ClientId;
use syncline_policy::view::{FollowError, Sight};
use syncline_protocol::cursor::StreamCursor;
use syncline_protocol::limits::VIEW_ENTITIES_MAX;
use syncline_protocol::long::{read_push, write_push_answer};
use syncline_protocol::message::{PushAnswer, Sent, Unreadable};
use syncline_protocol::operation::Operation;
use syncline_protocol::outcome::{Outcome, Shown, Status};
use syncline_protocol::problem::Problem as SaidProblem;
use syncline_protocol::token::TokenText;
use tokio::sync::oneshot;

use super::answer::{Answer, json_text};
use crate::access::now_ms;
use crate::activity::Counter;
use crate::apart::blocking;
use crate::asked::{Asked, Asker};
use crate::hubs::Desk;
use crate::metrics::Counted;
use crate::problem::{Problem, Refusal};

/// Takes operations and answers one result for each.
pub(super) async fn push(mut asked: Asked) -> Answer {
    let bytes = asked.json_bytes().await?;
    let push = read_push(&bytes)
        .map_err(|error| Problem::said(&error.to_problem(), StatusCode::BAD_REQUEST))?;
    if !asked.caller()?.may_be(&push.client) {
        return Err(Refusal::NotPermitted.because("the token is of another client"));
    }
    let follow = asked.follow(VIEW_ENTITIES_MAX)?;
    let audience = asked.audience(&follow)?;
    let results_of = asked.results_of([(&follow, &audience)])?;
    let served = &asked.desk.served;
    claim(&asked.desk, asked.holder(), &push.client).await?;
    let who = Pushing { sight: &results_of, counted: Some(asked.counted()?), client: &push.client };
    let counted = Counted::begin(push.operations.iter().filter_map(|sent| sent.as_ref().ok()));
    let answer = carry_out(&asked.desk, &who, push.operations).await?;
    count(&asked, &counted, &answer);
    // Who follows the same goes on from there.
    let cursor = StreamCursor { scope: audience.scope(), ..served.cursor(answer.position) };
    json_text(StatusCode::OK, write_push_answer(&answer, &cursor, *asked.desk.backed_up.borrow()))
}

/// Takes note of who speaks as a client.
pub(super) async fn claim(
    desk: &Desk,
    holder: Option<Arc<str>>,
    client: &ClientId,
) -> Result<(), ServeError> {
    let Some(holder) = holder else { return Ok(()) };
    let (served, client) = (desk.served.clone(), client.clone());
    let claimed = blocking(desk.label(), move || served.claim(&client, &holder));
    claimed.await.unwrap_or(Err(ServeError::Busy))
}

/// Has what could be read carried out, and answers for all of it, in its order.
async fn carry_out(
    desk: &Desk,
    who: &Pushing<'_>,
    sent: Vec<Sent>,
) -> Result<PushAnswer, ServeError> {
    let mut readable = Vec::with_capacity(sent.len());
    let mut unreadable = Vec::new();
    for (index, sent) in sent.into_iter().enumerate() {
        match sent {
            Ok(operation) => readable.push(operation),
            Err(refused) => unreadable.push((index, refused)),
        }
    }
    let mut answer = match readable.is_empty() {
        true => PushAnswer { outcomes: Vec::new(), position: desk.served.position() },
        false => commit(desk, who, readable).await?,
    };
    for (index, Unreadable { counter, problem }) in unreadable {
        let outcome = Outcome {
            counter,
            status: Status::Rejected,
            seen: None,
            shown: Shown::AsPredicted,
            conflicts: Vec::new(),
            open: Vec::new(),
            problem: Some(problem),
        };
        answer.outcomes.insert(index.min(answer.outcomes.len()), outcome);
    }
    Ok(answer)
}

/// Who sends operations.
pub(crate) struct Pushing<'a> {
    /// What the results tell.
    pub(crate) sight: &'a Arc<Sight>,
    /// Under which name what is deleted and changed is counted; nobody's where an admin has asked for all of it.
    pub(crate) counted: Option<ClientId>,
    pub(crate) client: &'a ClientId,
}

/// Commits operations; all of it is on disk when this answers.
pub(crate) async fn commit(
    desk: &Desk,
    who: &Pushing<'_>,
    operations: Vec<Operation>,
) -> Result<PushAnswer, ServeError> {
    Ok(committed(desk, who, operations).await?.answer())
}

/// As [`commit`], for a client that reads and writes short tokens.
pub(super) async fn commit_short(
    desk: &Desk,
    who: &Pushing<'_>,
    operations: Vec<Operation>,
) -> Result<PushAnswer, ServeError> {
    Ok(committed(desk, who, operations).await?.short_answer())
}

async fn committed(
    desk: &Desk,
    who: &Pushing<'_>,
    operations: Vec<Operation>,
) -> Result<Pushed, ServeError> {
    let (done, answered) = oneshot::channel();
    // Whoever asked may have gone; the operations stay committed.
    let done = Box::new(|pushed| drop(done.send(pushed)));
    let Pushing { sight, counted, client } = who;
    let is_short = |operation: &Operation| {
        !operation.deltas.is_empty() || operation.base.as_ref().is_some_and(TokenText::is_short)
    };
    if operations.iter().any(is_short) {
        // What they leave out is read.
        let (served, sight, counted) = (desk.served.clone(), Arc::clone(sight), counted.clone());
        let client = (*client).clone();
        let push = move || {
            served.push_counted(&sight, counted.as_ref(), &client, operations, done);
        };
        let _ = blocking(desk.label(), push).await;
    } else {
        desk.served.push_counted(sight, counted.as_ref(), client, operations, done);
    }
    answered.await.unwrap_or(Err(ServeError::Busy))
}

/// Counts what became of operations.
pub(crate) fn count(asker: &Asker, counted: &Counted, answer: &PushAnswer) {
    let (metrics, desk) = (&asker.state.metrics, &asker.desk);
    let arisen = metrics.synchronization.answered(desk.label(), counted, &answer.outcomes);
    // What was done before, and what is sent again later, is counted once.
    let is_new = |outcome: &&Outcome| {
        !matches!(outcome.status, Status::Duplicate | Status::Behind | Status::Rebase)
    };
    let (mut done, mut refused) = (0, 0);
    for outcome in answer.outcomes.iter().filter(is_new) {
        done += 1;
        refused += u64::from(outcome.status == Status::Rejected);
    }
    let (at_ms, micros) = (now_ms(), counted.micros());
    desk.activity.tally.count(|tally| {
        tally.operations(at_ms, (done, refused), micros);
        tally.add(at_ms, Count::Conflicts, arisen.all);
        tally.add(at_ms, Count::ConflictsByRule, arisen.by_rule);
    });
    for status in Status::ALL {
        let count = answer.outcomes.iter().filter(|outcome| outcome.status == status).count();
        if count > 0 {
            asker.state.metrics.operations(status.as_str(), count as u64);
            asker.desk.activity.add(Counter::Operations, count as u64);
            if status == Status::Rejected {
                asker.desk.activity.add(Counter::OperationsRejected, count as u64);
            }
        }
    }
}

impl Problem {
    /// Takes over what another part of the hub said.
    pub(crate) fn said(problem: &SaidProblem, status: StatusCode) -> Self {
        let said = Self::new(&problem.code, status, &*problem.detail);
        if problem.is_retryable { said.with_retry(1) } else { said }
    }
}

/// Says why something cannot be followed.
impl From<FollowError> for Problem {
    fn from(error: FollowError) -> Self {
        Self::new(error.code(), StatusCode::BAD_REQUEST, error.to_string())
    }
}

impl From<ServeError> for Problem {
    fn from(error: ServeError) -> Self {
        let status = status(&error);
        // What went wrong inside may name files of the server.
        let detail = if status.is_server_error() { String::new() } else { error.to_string() };
        let problem = Self::new(error.code(), status, detail);
        if error.is_retryable() { problem.with_retry(1) } else { problem }
    }
}

fn status(error: &ServeError) -> StatusCode {
    match error {
        ServeError::Busy | ServeError::Writer(_) => StatusCode::SERVICE_UNAVAILABLE,
        ServeError::Cursor(_)
        | ServeError::Token(_)
        | ServeError::CursorAhead { .. }
        | ServeError::CursorExpired { .. }
        | ServeError::CursorScope => StatusCode::GONE,
        ServeError::EntityUnknown => StatusCode::NOT_FOUND,
        ServeError::ViewUnknown => StatusCode::BAD_REQUEST,
        ServeError::TooFarBack { .. } | ServeError::PastForgotten { .. } => {
            StatusCode::UNPROCESSABLE_ENTITY
        }
        _ => match error.code() {
            "CONFLICT_NOT_FOUND" | "RUN_NOT_FOUND" | "CHANGE_NOT_FOUND" => StatusCode::NOT_FOUND,
            "CONFLICT_ID_SHORT" | "CONFLICT_ID_INVALID" => StatusCode::BAD_REQUEST,
            "APPROVAL_NEEDED" | "CLIENT_OF_ANOTHER" | "WRITE_DENIED" => StatusCode::FORBIDDEN,
            "SCHEMA_VERSION_UNKNOWN" => StatusCode::NOT_FOUND,
            "CONFLICT_STALE" | "SCHEMA_INCOMPATIBLE" | "SCHEMA_REDEFINED" | "SCHEMA_NO_PATH" => {
                StatusCode::CONFLICT
            }
            "DECISION_UNFIT"
            | "SCHEMA_MALFORMED"
            | "SCHEMA_TOO_MANY_VERSIONS"
            | "SCHEMA_MIGRATION_INVALID"
            | "SCHEMA_PATH_REUSED"
            | "SCHEMA_NOT_REPEATABLE" => StatusCode::UNPROCESSABLE_ENTITY,
            _ if error.is_retryable() => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        },
    }
}
