//! What was received, applied once.

use std::collections::BTreeMap;
use std::sync::Arc;

use syncline_engine::received::{Judged, ReceivedDeletion, ReceivedId, ReceivedRow};
use syncline_hub::served::{Heard, Message, Receiving, Reception, ServeError};
use syncline_model::clock::Clock;
use syncline_model::id::{ClientId, EntityName, RecordId, Writer};
use syncline_model::json::{Json, JsonError, Object};
use syncline_protocol::long::read_operation;
use syncline_protocol::operation::Operation;
use syncline_protocol::problem::Problem as SaidProblem;
use syncline_protocol::time::format_time;
use tokio::sync::oneshot;

use super::Receiver;
use super::effect::{Change, Here, changes, effect, made_anew};
use super::told::{Edited, Told};
use crate::access::now_ms;
use crate::hubs::Desk;
use crate::problem::{Problem, Refusal};
use crate::room::Place;
use crate::writers::client_of_receiver;

/// What became of something that was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It changed something.
    Applied,
    /// The hub has all of it already.
    Unchanged,
    /// It was taken before.
    Duplicate,
    /// Something newer of the record was taken before.
    Stale,
    /// It came from this hub.
    Own,
}

/// Applies what was told, once; it is on disk when this answers. Whoever asked may go: it goes on.
///
/// - `place`: among the requests that may be under way; given up when this has ended.
pub(crate) async fn receive(
    desk: Arc<Desk>,
    receiver: Arc<Receiver>,
    told: Told,
    place: Place,
) -> Result<Fate, Problem> {
    if told.hops.iter().any(|hop| desk.served.sites().contains(hop)) {
        return Ok(Fate::Own);
    }
    let task = async move {
        let _place = place;
        // Of two receptions of one message, or of one record, the second finds what the first has left.
        let _message = match told.is_of_any_record {
            true => Some(desk.message_turn(told.event).await),
            false => None,
        };
        let _turns = desk.turns(&told.records()).await;
        let held = Arc::clone(&desk);
        let decided = desk.blocking(move || decide(&held, &receiver, told)).await??;
        match decided {
            Decided::Fate(fate) => Ok(fate),
            Decided::Carried(carried) => carry(&desk, carried).await,
        }
    };
    tokio::spawn(task).await.map_err(|_| Refusal::ServerFault)?
}

enum Decided {
    Fate(Fate),
    Carried(Box<(Receiving, Reception)>),
}

fn decide(desk: &Desk, receiver: &Receiver, told: Told) -> Result<Decided, Problem> {
    let served = &desk.served;
    let now_ms = now_ms();
    let at_ms = told.version.map_or(now_ms, |version| version.written_ms(now_ms));
    let message = message_of(receiver, &told);
    let known = message.map(|message| served.known_message(message, now_ms / 1_000)).transpose()?;
    let known = known.unwrap_or_default();
    let hops = told.hops.clone();
    let (mut new, mut is_duplicate, mut is_stale) = (Vec::new(), false, false);
    for part in told.parts() {
        let row = served.received(&receiver.memory, &part.record)?;
        match row.judge(part.event, part.order) {
            Judged::New => new.push((part, row)),
            Judged::Duplicate => is_duplicate = true,
            // Of what is told of several records that which is older than what is known is left out.
            Judged::Stale => is_stale = true,
        }
    }
    // Where all that it tells is older, what it only names may have been deleted since.
    let is_stale = is_stale && !new.iter().any(|(part, _)| part.is_telling);
    let fate = match (is_duplicate, is_stale) {
        (true, _) => Some(Fate::Duplicate),
        (false, true) => Some(Fate::Stale),
        (false, false) => known.is_taken.then_some(Fate::Duplicate),
    };
    if let Some(fate) = fate {
        // Signed anew it is taken longer than what is known of it lasts.
        if let Some(message) = message.filter(|_| !known.is_noted) {
            served.keep_message(message)?;
        }
        return Ok(Decided::Fate(fate));
    }
    let (client, counter) = desk.writers.next_of(&receiver.name).ok_or(Refusal::ServerFault)?;
    let mut writing = Writing { desk, client, counter, at_ms, edited: BTreeMap::new() };
    let (mut operations, mut rows) = (Vec::new(), Vec::new());
    for (part, mut row) in new {
        row.take(part.event, part.order.filter(|_| part.is_telling));
        operations.extend(match (&part.edited, &part.data) {
            (Some(edited), data) => writing.join(&part.record, data.as_ref(), edited, &mut row)?,
            (None, None) => writing.delete(&part.record)?,
            (None, Some(data)) => writing.write(&part.record, data, part.is_telling)?,
        });
        rows.push((part.record, row));
    }
    let counted = client_of_receiver(&receiver.name).ok_or(Refusal::ServerFault)?;
    let (memory, client, edited) = (receiver.memory.clone(), writing.client, writing.edited);
    let who = Receiving { memory, client, counted };
    let reception = Reception { operations, edited, rows, message, hops };
    Ok(Decided::Carried(Box::new((who, reception))))
}

async fn carry(desk: &Desk, carried: Box<(Receiving, Reception)>) -> Result<Fate, Problem> {
    let (who, reception) = *carried;
    let fate = match reception.operations.is_empty() {
        true => Fate::Unchanged,
        false => Fate::Applied,
    };
    let (done, answered) = oneshot::channel();
    let (served, done) = (desk.served.clone(), Box::new(|fate| drop(done.send(fate))));
    let begin = move || served.receive(&who, reception, done);
    desk.blocking(begin).await?;
    match answered.await.unwrap_or(Err(ServeError::Busy))? {
        Ok(()) => Ok(fate),
        Err(problem) => Err(refused(&problem)),
    }
}

/// Returns what a message is known by, if its time was signed. One of which no signature says which record it is of
/// is the same for all.
fn message_of(receiver: &Receiver, told: &Told) -> Option<Message> {
    let ((entity, id), event) = (&told.record, told.event.as_bytes());
    let mut text = Vec::new();
    let mut add = |part: &[u8]| {
        text.extend_from_slice(&(part.len() as u64).to_be_bytes());
        text.extend_from_slice(part);
    };
    add(receiver.memory.as_str().as_bytes());
    add(event);
    if !told.is_of_any_record {
        add(entity.as_str().as_bytes());
        add(id.as_str().as_bytes());
    }
    told.signed_s.map(|signed_s| Message { known_by: ReceivedId::of(&text), signed_s })
}

fn refused(problem: &SaidProblem) -> Problem {
    use axum::http::StatusCode;
    match problem.is_retryable {
        true => Problem::said(problem, StatusCode::SERVICE_UNAVAILABLE),
        false => Problem::said(problem, StatusCode::UNPROCESSABLE_ENTITY),
    }
}

/// Makes operations of what was told.
struct Writing<'a> {
    desk: &'a Desk,
    client: ClientId,
    counter: u64,
    at_ms: u64,
    /// When operations were edited of which a hub says that, by counter.
    edited: BTreeMap<u64, Clock>,
}

impl Writing<'_> {
    fn heard(
        &self,
        record: &(EntityName, RecordId),
        told: Option<&ReceivedDeletion>,
    ) -> Result<Heard, Problem> {
        Ok(self.desk.served.heard(record, &Writer::from(&self.client), told)?)
    }

    /// Joins what a hub tells: of each field that holds which was edited last, so that two hubs which tell each other
    /// what they edit become equal in whatever order they hear of it.
    ///
    /// - `data`: the record; `None` if it is gone.
    fn join(
        &mut self,
        record: &(EntityName, RecordId),
        data: Option<&Object>,
        edited: &Edited,
        row: &mut ReceivedRow,
    ) -> Result<Vec<Operation>, Problem> {
        let heard = self.heard(record, row.deletion())?;
        let Some(latest) = edited.iter().map(|(_, clock)| *clock).max() else {
            // All of it was edited again since, and that is told by itself, unless nobody wants to hear of it.
            return match data.filter(|_| heard.record.is_none()) {
                Some(data) => self.write(record, data, true),
                None => Ok(Vec::new()),
            };
        };
        let had = heard.record.as_ref().and_then(|record| record.fields.as_deref());
        let changes = match (data, had) {
            (None, None) => Vec::new(),
            (None, Some(_)) => {
                let written = heard.edited.values().map(|latest| latest.at).max();
                let written = written.unwrap_or_default();
                if latest < written {
                    return Ok(Vec::new());
                }
                let (client, counter) = (self.client.clone(), self.counter);
                row.take_deletion(ReceivedDeletion { client, counter, deleted: latest });
                vec![Change { edited: latest, has_seen: true, effect: deletion() }]
            }
            (Some(data), None) => match heard.deleted.is_none_or(|deleted| latest > deleted) {
                true => made_anew(data, edited).map_err(unfit)?,
                false => Vec::new(),
            },
            (Some(data), Some(had)) => {
                let here = Here {
                    fields: had.iter().map(|(path, leaf)| (path, leaf)).collect(),
                    edited: &heard.edited,
                    edited_ms: heard.edited_ms,
                    writer: &Writer::from(&self.client),
                };
                changes(data, edited, &here).map_err(unfit)?
            }
        };
        let made = changes.into_iter().map(|Change { edited, has_seen, effect }| {
            let base = heard.record.as_ref().filter(|_| has_seen);
            let base = base.map(|record| record.seen.version.as_str());
            self.edited.insert(self.counter, edited);
            self.operation(record, base, edited.millis(), effect)
        });
        made.collect()
    }

    /// - `is_telling`: whether more is said of the record than which one it is: that alone brings none back that is gone.
    fn write(
        &mut self,
        record: &(EntityName, RecordId),
        data: &Object,
        is_telling: bool,
    ) -> Result<Vec<Operation>, Problem> {
        let heard = self.heard(record, None)?;
        if !is_telling && heard.record.as_ref().is_some_and(|record| record.fields.is_none()) {
            return Ok(Vec::new());
        }
        let had = heard.record.as_ref().and_then(|record| record.fields.as_deref());
        match effect(data, had.unwrap_or_default()).map_err(unfit)? {
            None => Ok(Vec::new()),
            Some(effect) => self.told(record, &heard, effect).map(|made| vec![made]),
        }
    }

    fn delete(&mut self, record: &(EntityName, RecordId)) -> Result<Vec<Operation>, Problem> {
        let heard = self.heard(record, None)?;
        if heard.record.as_ref().is_none_or(|record| record.fields.is_none()) {
            return Ok(Vec::new());
        }
        self.told(record, &heard, deletion()).map(|made| vec![made])
    }

    /// Makes an operation of what an application tells. It comes after everything that was written before it; what
    /// was written later than that its sender cannot have seen, and then the rules of the entity decide between the two.
    fn told(
        &mut self,
        record: &(EntityName, RecordId),
        heard: &Heard,
        effect: Object,
    ) -> Result<Operation, Problem> {
        let seen = heard.record.as_ref().filter(|_| self.at_ms >= heard.edited_ms);
        self.operation(record, seen.map(|seen| seen.seen.version.as_str()), self.at_ms, effect)
    }

    /// - `base`: what its sender has seen, if it has seen what is here.
    fn operation(
        &mut self,
        (entity, id): &(EntityName, RecordId),
        base: Option<&str>,
        at_ms: u64,
        mut effect: Object,
    ) -> Result<Operation, Problem> {
        if let Some(base) = base {
            effect.insert("base", base);
        }
        effect.insert("op", self.counter);
        effect.insert("entity", entity.as_str());
        effect.insert("id", id.as_str());
        effect.insert("at", format_time(at_ms));
        self.counter = self.desk.writers.following();
        let text = Json::Object(effect).to_compact_string();
        let operation = read_operation(text.as_bytes());
        operation.map_err(|error| refused(&error.to_operation_problem()))
    }
}

fn deletion() -> Object {
    let mut effect = Object::new();
    effect.insert("delete", true);
    effect
}

fn unfit(error: JsonError) -> Problem {
    Refusal::BodyUnfit.because(error.to_string())
}
