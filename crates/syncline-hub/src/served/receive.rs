//! What applications tell of their records: applied as operations, with what is remembered of it in the same
//! transaction.

use std::collections::BTreeMap;

use syncline_engine::facts;
use syncline_engine::operate::{Accompanied, Answer};
use syncline_engine::received::{ReceivedDeletion, ReceivedRow};
use syncline_engine::results::{Fate, OperationResult};
use syncline_engine::rows::{Batch, Key};
use syncline_engine::sync::Transaction;
use syncline_merge::codec::decode_record;
use syncline_merge::state::Register;
use syncline_model::clock::{Clock, Stamp};
use syncline_model::id::{ClientId, DomainName, EntityName, RecordId, SiteId, Writer};
use syncline_model::json::Object;
use syncline_model::path::Path;
use syncline_policy::view::Sight;
use syncline_protocol::operation::Operation;
use syncline_protocol::problem::Problem;
use syncline_store::Read;

use super::deliver::deleted;
use super::messages::Message;
use super::push::{Room, bytes_of, problem_of};
use super::read::end_of_log;
use super::{RecordNow, ServeError, Served};
use crate::error::HubError;
use crate::hub::Hub;
use crate::request::Actor;
use crate::writer::{CountedAs, Reply};

/// What the audit calls a change of receivers.
const CATEGORY: &str = "RECEIVER";

/// A record of which something was received.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Heard {
    /// The record; `None` if the hub knows nothing of it.
    pub record: Option<RecordNow>,
    /// When the latest of its values was written, as its writer says; when it was deleted, as the hub says. In
    /// milliseconds since the Unix epoch.
    pub edited_ms: u64,
    /// The latest edit of each of its fields that is a register, those that were removed too.
    pub edited: BTreeMap<Path, LatestEdit>,
    /// When it was deleted, if it was: there, where another hub told of that.
    pub deleted: Option<Clock>,
}

/// The latest edit of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LatestEdit {
    /// When.
    pub at: Clock,
    /// By whom.
    pub by: Writer,
}

/// Who receives something.
#[derive(Clone, Debug)]
pub struct Receiving {
    /// Under which name the receiver remembers what it took.
    pub memory: DomainName,
    /// As whom it writes.
    pub client: ClientId,
    /// Under which name deletions and changes are counted.
    pub counted: ClientId,
}

/// What to do with what was received of a record, or of several.
#[derive(Clone, Debug)]
pub struct Reception {
    /// The operations, in their order: each one behind those before it.
    pub operations: Vec<Operation>,
    /// When those of them were edited of which that is known more exactly than operations say it, by counter.
    pub edited: BTreeMap<u64, Clock>,
    /// Of which records something was received, and what is remembered of each from then on.
    pub rows: Vec<((EntityName, RecordId), ReceivedRow)>,
    /// The message, where its time was signed.
    pub message: Option<Message>,
    /// The hubs that it came through.
    pub hops: Vec<SiteId>,
}

/// Called once, when it is known whether all of it is applied, on disk: otherwise why not.
pub type ReceiveDone = Box<dyn FnOnce(Result<Result<(), Problem>, ServeError>) + Send>;

impl Served {
    /// Returns what is remembered of a record, under the name of a memory: that of one receiver, or of several.
    ///
    /// # Errors
    ///
    /// [`ServeError::Hub`] if it cannot be read.
    pub fn received(
        &self,
        memory: &DomainName,
        (entity, id): &(EntityName, RecordId),
    ) -> Result<ReceivedRow, ServeError> {
        let key = ReceivedRow::key(memory.clone(), entity.clone(), id.clone());
        let row = self.reader()?.get(&key)?.map(|bytes| ReceivedRow::decode(&bytes)).transpose();
        let row = row.map_err(|source| HubError::Damaged { table: "received", source })?;
        Ok(row.unwrap_or_default())
    }

    /// Returns a record as a receiver sees it, and when it was edited last.
    ///
    /// - `told`: the latest deletion of it that another hub told of.
    ///
    /// # Errors
    ///
    /// As [`Served::record`].
    pub fn heard(
        &self,
        (entity, id): &(EntityName, RecordId),
        viewer: &Writer,
        told: Option<&ReceivedDeletion>,
    ) -> Result<Heard, ServeError> {
        let rules = self.rules_of(entity)?;
        let rows = self.reader()?;
        let end = end_of_log(&*rows)?;
        let Some(bytes) = rows.get(&Key::Record { entity: entity.clone(), id: id.clone() })? else {
            return Ok(Heard::default());
        };
        let damaged = |source| HubError::Damaged { table: "records", source };
        let record = decode_record(&bytes).map_err(damaged)?;
        let latest = |(path, values): (&Path, &Register)| {
            let (_, value) = values.iter().max_by_key(|(stamp, value)| (value.edited, **stamp))?;
            Some((path.clone(), LatestEdit { at: value.edited, by: value.writer.clone() }))
        };
        let edited: BTreeMap<Path, LatestEdit> =
            record.body.registers.iter().filter_map(latest).collect();
        let written_ms = edited.values().map(|latest| latest.at.millis()).max().unwrap_or_default();
        let deleted_ms = record.version.clock_max().millis();
        let latest = Stamp::new(record.version.clock_max(), SiteId(u64::MAX));
        let by = record.deletes.as_slice().iter().max().copied().unwrap_or(latest);
        let told = match told {
            Some(told) if deletion_of(&*rows, told)? == Some(by) => Some(told.deleted),
            _ => None,
        };
        let deleted = told.unwrap_or_else(|| deleted(&record, by));
        let everything = Sight::everything(&[]);
        let record = self.now(&everything, (entity, id), &record, rules, viewer, end);
        let is_there = record.as_ref().is_some_and(|record| record.fields.is_some());
        let edited_ms = if is_there { written_ms } else { deleted_ms };
        let deleted = (!is_there).then_some(deleted);
        Ok(Heard { record, edited_ms, edited, deleted })
    }

    /// Applies what was received, and remembers it: in one transaction with the last operation, of which none
    /// is applied unless those before it are. Answers through `done`, mostly from the writer's thread, which must
    /// not be held up. Without an operation it is only remembered, which blocks.
    pub fn receive(&self, who: &Receiving, reception: Reception, done: ReceiveDone) {
        let Reception { mut operations, edited, rows, message, hops } = reception;
        let of = |(entity, id)| ReceivedRow::key(who.memory.clone(), entity, id);
        let rows = rows.into_iter().map(|(record, row)| (of(record), row.encode()));
        let rows: Vec<_> = rows.chain(message.map(Message::row)).collect();
        let Some(mut last) = operations.pop() else {
            let mut batch = Batch::new();
            rows.into_iter().for_each(|(key, row)| {
                batch.put(key, row);
            });
            return done(self.commit_rows(batch).map(Ok));
        };
        last.after = operations.iter().map(|operation| operation.counter).collect();
        let bytes = operations.iter().chain([&last]).map(bytes_of).sum();
        let Some(room) = Room::take(self.pushed_bytes(), bytes) else {
            return done(Err(ServeError::Busy));
        };
        let with = |operation: Operation, rows| {
            let edited = edited.get(&operation.counter);
            let (_, mut submitted) = self.open(&who.client, operation);
            submitted.operation.edited = edited.copied().unwrap_or(submitted.operation.edited);
            submitted.with = Some(Box::new(Accompanied { rows, hops: hops.clone() }));
            submitted
        };
        let mut submitted: Vec<_> =
            operations.into_iter().map(|one| with(one, Vec::new())).collect();
        submitted.push(with(last, rows));
        let done = move |replies: Result<Vec<Reply>, _>| {
            drop(room);
            done(replies.map_err(ServeError::from).map(fate));
        };
        let counted = CountedAs::Name(who.counted.clone());
        self.handle().submit_all(submitted, None, counted, Box::new(done));
    }

    /// Returns the receivers that were kept in the store, as they were handed in.
    ///
    /// # Errors
    ///
    /// [`ServeError::Hub`] if they cannot be read.
    pub fn kept_receivers(&self) -> Result<Option<Vec<u8>>, ServeError> {
        Ok(self.reader()?.get(&Key::Meta(facts::RECEIVERS))?)
    }

    /// Keeps the receivers in the store, and notes in the audit which one was changed, and by whom.
    ///
    /// # Errors
    ///
    /// [`ServeError`] if they cannot be stored.
    pub fn keep_receivers(
        &self,
        receivers: Vec<u8>,
        action: &'static str,
        receiver: &DomainName,
        actor: &Actor,
    ) -> Result<(), ServeError> {
        let mut details = Object::new();
        details.insert("receiver", receiver.as_str());
        let actor = actor.clone();
        let commit = move |hub: &mut Hub| {
            let run = hub.begin_run()?;
            let mut transaction = Transaction::new(run, hub.position());
            transaction.batch.put(Key::Meta(facts::RECEIVERS), receivers);
            let clock = hub.clock;
            hub.commit_noted(transaction, clock, CATEGORY, action, &actor, details)
        };
        Ok(self.with_hub(commit)??)
    }
}

/// Returns whether all of it was applied, now or before; otherwise why not.
fn fate(replies: Vec<Reply>) -> Result<(), Problem> {
    for reply in replies {
        match reply {
            Ok(Answer::Applied(_) | Answer::Duplicate(_)) => {}
            Ok(Answer::Rejected(why)) => return Err(problem_of(&why)),
            Err(error) => return Err(ServeError::from(error).problem()),
        }
    }
    Ok(())
}

/// Returns the change that a deletion of which another hub told has become, as long as that is known.
fn deletion_of(rows: &dyn Read, told: &ReceivedDeletion) -> Result<Option<Stamp>, ServeError> {
    let key = Key::Result { client: told.client.clone(), counter: told.counter };
    let result = rows.get(&key)?.map(|bytes| OperationResult::decode(&bytes)).transpose();
    let result = result.map_err(|source| HubError::Damaged { table: "results", source })?;
    Ok(result.and_then(|result| match result.fate {
        Fate::Deleted(stamp) => Some(stamp),
        _ => None,
    }))
}
