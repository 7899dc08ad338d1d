//! Committing one group: load, decide, begin to save; and answer once it is on disk.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::vec::IntoIter;

use syncline_engine::audit::{BatchFacts, inner_root};
use syncline_engine::facts;
use syncline_engine::operate::{
    Answer, ClientOperation, Decided, Group, GroupFacts, Rejection, Rows,
};
use syncline_engine::results::ClientResults;
use syncline_engine::rows::{Batch, Key, Scan};
use syncline_engine::sync::Transaction;
use syncline_merge::token::Token;
use syncline_model::id::{ClientId, SiteId};
use syncline_model::json::{Json, Object};
use syncline_policy::Hold;
use syncline_policy::view::Sight;
use syncline_store::{Advice, Begun, Read, StoreError};

use super::guarding::Guarded;
use super::{Course, Desk, ReplyTo, Waiting, WriterError};
use crate::error::HubError;
use crate::held::told;
use crate::hub::Facts;
use crate::limits::{CLIENTS_CACHED_MAX, GROUP_BYTES_MAX};
use crate::request::Actor;

/// Who the audit names as the origin of a group that came from several clients. Each change's own
/// origin stands in the log, which the entry commits to.
const SEVERAL_CLIENTS: &str = "clients";

/// A group that is being committed.
pub(super) struct UnderWay {
    answers: Answers,
    /// What the hub knew of itself before.
    before: Facts,
    pub(super) begun: Begun,
}

/// The answers of a group, and the ones who wait for them.
type Answers = Vec<(ReplyTo, Answer)>;

/// A group that is decided and not begun.
struct Prepared {
    answers: Vec<Answer>,
    /// What is to be saved, and what the hub knows of itself then; `None` if nothing is.
    batch: Option<(Batch, Facts)>,
}

/// What a failure means.
struct Failure {
    course: Course,
    /// For those whose operations were being saved.
    why: WriterError,
    /// For those whose operations were not begun.
    behind: WriterError,
}

impl UnderWay {
    /// Returns how many operations the group has.
    pub(super) const fn len(&self) -> usize {
        self.answers.len()
    }
}

impl Desk {
    /// Decides operations in order and begins to commit them: in one group, or in several where
    /// their states are large.
    pub(super) fn commit_group(&mut self, waiting: Vec<Waiting>) -> Course {
        let mut waiting = waiting.into_iter();
        while waiting.len() > 0 {
            if let Err(failure) = self.commit_some(&mut waiting) {
                for rest in waiting {
                    rest.reply.send(Err(failure.behind.clone()));
                }
                return failure.course;
            }
        }
        Course::GoOn
    }

    /// Answers a group whose commit has ended, unless that was done.
    pub(super) fn settle_if(&mut self, ended: u64) -> Course {
        if self.groups == ended { self.settle() } else { Course::GoOn }
    }

    /// Waits until the group under way is on disk, and answers it.
    pub(super) fn settle(&mut self) -> Course {
        match self.finish() {
            Ok(answers) => {
                self.answer(answers);
                Course::GoOn
            }
            Err(failure) => failure.course,
        }
    }

    /// Waits until the group under way is on disk; returns what it is to be told. If it failed its
    /// operations are refused, and the hub and what is known of clients are as before it.
    fn finish(&mut self) -> Result<Answers, Failure> {
        let Some(UnderWay { answers, before, .. }) = self.under_way.take() else {
            return Ok(Vec::new());
        };
        match self.hub.store.finish() {
            Ok(()) => {
                self.answered_last = answers.len();
                self.is_on_disk();
                Ok(answers)
            }
            Err(error) => {
                self.hub.set_facts(before);
                let failure = self.failed(error.into());
                refuse(answers.into_iter().map(|(reply, _)| reply), &failure.why);
                Err(failure)
            }
        }
    }

    /// Says what an error means, and forgets what may have run ahead of the store.
    fn failed(&mut self, error: HubError) -> Failure {
        self.clients.clear();
        let course = course_after(&error);
        let why = if may_be_applied(&error) {
            WriterError::OutcomeUnknown
        } else {
            WriterError::Failed { source: Arc::new(error) }
        };
        let behind = match course {
            Course::FailStop(code) => {
                self.note_stopped(code);
                WriterError::Stopped { code: Some(code) }
            }
            _ => why.clone(),
        };
        Failure { course, why, behind }
    }

    /// Decides operations while the group before them is committed, and begins to commit them.
    fn commit_some(&mut self, waiting: &mut IntoIter<Waiting>) -> Result<(), Failure> {
        let mut replies = Vec::with_capacity(waiting.len());
        let prepared = match self.decide(waiting, &mut replies) {
            Ok(prepared) => prepared,
            Err(error) => {
                let failure = self.failed(error);
                refuse(replies, &failure.why);
                return Err(failure);
            }
        };
        let Prepared { answers, batch } = prepared;
        let answers: Answers = replies.into_iter().zip(answers).collect();
        let before = match self.finish() {
            Ok(before) => before,
            Err(failure) => {
                // It stands on what was not saved.
                refuse(answers.into_iter().map(|(reply, _)| reply), &failure.behind);
                return Err(failure);
            }
        };
        match self.save(batch, answers.len(), before) {
            Ok(None) => {
                self.answered_last = answers.len();
                self.is_on_disk();
                self.answer(answers);
                Ok(())
            }
            Ok(Some((begun, before))) => {
                self.under_way = Some(UnderWay { answers, before, begun });
                Ok(())
            }
            Err(error) => {
                let failure = self.failed(error);
                refuse(answers.into_iter().map(|(reply, _)| reply), &failure.why);
                Err(failure)
            }
        }
    }

    /// Saves a group of so many operations, or begins to: `None` if it is on disk, otherwise how it
    /// gets there and what the hub knew of itself before. Answers the group before.
    fn save(
        &mut self,
        batch: Option<(Batch, Facts)>,
        operations: usize,
        before: Answers,
    ) -> Result<Option<(Begun, Facts)>, HubError> {
        let Some((batch, facts)) = batch else {
            // All of them were answered earlier, and what they were told is on disk.
            self.answer(before);
            return Ok(None);
        };
        if operations == 1 && self.queue.0.len() == 0 {
            // One operation with nothing behind it: another thread would only cost.
            self.answer(before);
            let Facts { clock, position, frontier } = facts;
            return self.hub.commit(batch, clock, position, frontier).map(|()| None);
        }
        let facts_before = self.hub.facts();
        self.groups += 1;
        let (queue, group) = (self.queue.0.clone(), self.groups);
        let begun = self.hub.begin(batch, facts, Box::new(move || queue.commit_ended(group)));
        // The disk has its work: now those who wait for the group before.
        self.answer(before);
        Ok(Some(begun?).filter(|begun| *begun != Begun::Durable).map(|begun| (begun, facts_before)))
    }

    /// Answers operations that are on disk.
    fn answer(&mut self, answers: Answers) {
        for (reply, answer) in answers {
            reply.send(Ok(answer));
        }
        self.tell_end();
    }

    /// Decides operations, as many as one group may hold.
    fn decide(
        &mut self,
        waiting: &mut IntoIter<Waiting>,
        replies: &mut Vec<ReplyTo>,
    ) -> Result<Prepared, HubError> {
        let rows = self.load(waiting.as_slice())?;
        let origin = origin(waiting.as_slice());
        let run = self.hub.begin_run()?;
        let transaction = Transaction::new(run, self.hub.position());
        let floor = self.hub.floor.clone();
        let lost = self.lost(waiting.as_slice());
        let facts = GroupFacts {
            entities: &self.entities,
            site: self.hub.site(),
            floor: &floor,
            lost: &lost,
        };
        let everything = Sight::everything(&[]);
        let now_ms = transaction.run().at_ms;
        let mut group = Group::new(facts, self.hub.clock, rows, transaction);
        let guard = (&mut self.hub.push_guard, &*self.hub.store as &dyn Read);
        let subject = (&mut group, &self.entities);
        let mut guarded = Guarded::note(guard, subject, waiting.as_slice(), (&everything, now_ms))?;
        let mut answers = Vec::with_capacity(waiting.len());
        while group.bytes() < GROUP_BYTES_MAX {
            let Some(one) = waiting.next() else { break };
            let held = guarded.judge(&one).err().map(Rejection::from);
            let Waiting { operation, refused, with, sight, reply, .. } = one;
            let sight = sight.as_deref().unwrap_or(&everything);
            let why = refused.or_else(|| reply.why_waits(&operation)).or(held);
            let order = reply.order_of(&operation);
            let answer = match (why, with) {
                (Some(why), _) => group.handle_refused_for(sight, &operation, why),
                (None, Some(with)) => group.handle_received(sight, operation, *with),
                (None, None) => group.handle_operation_for(sight, operation),
            };
            reply.note(order, &answer);
            guarded.handle_answer(&answer);
            answers.push(answer);
            replies.push(reply);
        }
        let news = guarded.news();
        let decided = group.finish();
        let batch = self.prepare(decided, &origin, &news)?;
        Ok(Prepared { answers, batch })
    }

    /// Returns the sites of which nothing more will ever come: those that the hub was before, and those
    /// that others were who were made of the same hub. What clients say they have seen is all that is
    /// known of the latter.
    fn lost(&self, waiting: &[Waiting]) -> Vec<SiteId> {
        let of_past: Vec<&Waiting> = waiting.iter().filter(|waiting| waiting.is_of_past).collect();
        if of_past.is_empty() {
            // What the hub itself has told since is here.
            return Vec::new();
        }
        let mut lost: Vec<SiteId> = self.hub.past.iter().map(|(site, _)| *site).collect();
        let bases = of_past.into_iter().filter_map(|waiting| waiting.operation.base.as_ref());
        for site in bases.flat_map(Token::sites) {
            if site != self.hub.site() && !lost.contains(&site) {
                lost.push(site);
            }
        }
        lost
    }

    /// Loads the records of a group in one go, their listed conflicts, and the results of clients
    /// that are not known yet.
    fn load(&mut self, waiting: &[Waiting]) -> Result<Rows, HubError> {
        let mut clients: Vec<&ClientId> =
            waiting.iter().map(|one| &one.operation.id.client).collect();
        clients.sort_unstable();
        clients.dedup();
        let (mut rows, mut unknown) = (Rows::new(), Vec::new());
        for client in clients {
            match self.clients.remove(client) {
                Some(results) => rows.add_client(client.clone(), results),
                None => unknown.push(client),
            }
        }
        let mut loaded = Ok(());
        self.hub.rows().together(&mut || loaded = self.load_rows(waiting, &unknown, &mut rows))?;
        loaded.map(|()| rows)
    }

    fn load_rows(
        &self,
        waiting: &[Waiting],
        clients: &[&ClientId],
        rows: &mut Rows,
    ) -> Result<(), HubError> {
        let mut keys: Vec<Key> = waiting.iter().map(|one| record_key(&one.operation)).collect();
        keys.sort_unstable();
        keys.dedup();
        let values = self.hub.rows().get_many(&keys)?;
        for (key, value) in keys.into_iter().zip(values) {
            if let Key::Record { entity, id } = key {
                rows.add_record(entity, id, value);
            }
        }
        for (entity, id) in rows.contested(&self.entities) {
            let listed = self.hub.conflicts_of(&entity, &id)?;
            listed.into_iter().for_each(|row| rows.add_conflict(row));
        }
        for client in clients {
            rows.add_client((*client).clone(), self.load_client(client)?);
        }
        Ok(())
    }

    fn load_client(&self, client: &ClientId) -> Result<ClientResults, HubError> {
        let row = self.hub.rows().get(&Key::Client(client.clone()))?;
        let mut results = Vec::new();
        let scan = Scan::Results { client: client.clone() };
        let mut keep = |key: &Key, bytes: &[u8]| {
            if let Key::Result { counter, .. } = key {
                results.push((*counter, bytes.to_vec()));
            }
            ControlFlow::Continue(())
        };
        self.hub.rows().scan(&scan, None, usize::MAX, &mut keep)?;
        let results = results.iter().map(|(counter, bytes)| (*counter, &**bytes));
        ClientResults::from_rows(row.as_deref(), results)
            .map_err(|source| HubError::Damaged { table: "results", source })
    }

    /// Puts together what is to be saved, with its entry in the audit, and takes over what is known
    /// of the clients by then.
    fn prepare(
        &mut self,
        decided: Decided,
        origin: &str,
        held: &[Hold],
    ) -> Result<Option<(Batch, Facts)>, HubError> {
        let Decided { mut transaction, clock, clients, applied, rejected } = decided;
        if self.clients.len() + clients.len() > CLIENTS_CACHED_MAX {
            self.clients.clear();
        }
        self.clients.extend(clients);
        if applied == 0 && rejected.is_empty() && held.is_empty() {
            return Ok(None);
        }
        let mut details = Object::new();
        details.insert("applied", Json::Number(applied.into()));
        let mut codes = Object::new();
        for (code, count) in rejected {
            codes.insert(code, Json::Number(count.into()));
        }
        details.insert("rejected", Json::Object(codes));
        if !held.is_empty() {
            details.insert("held", held.iter().map(told).collect::<Vec<Json>>());
            let holds = self.hub.push_guard.encode_holds();
            transaction.batch.put(Key::Meta(facts::PUSH_HOLDS), holds);
        }
        let facts_of = BatchFacts {
            at_ms: transaction.run().at_ms,
            category: "INGEST".to_owned(),
            action: "OPERATIONS".to_owned(),
            origin: origin.to_owned(),
            run: Some(transaction.run().id.as_str().to_owned()),
            record_count: 0,
            inner_root: inner_root(&[]),
        };
        let mut batch = std::mem::take(&mut transaction.batch);
        let details = Json::Object(details).to_compact_string();
        let (commitments, actor) = (&transaction.commitments, Actor::default());
        let frontier = self.hub.add_audit(&mut batch, facts_of, commitments, &actor, &details)?;
        Ok(Some((batch, Facts { clock, position: transaction.position, frontier })))
    }
}

fn refuse(replies: impl IntoIterator<Item = ReplyTo>, why: &WriterError) {
    for reply in replies {
        reply.send(Err(why.clone()));
    }
}

fn record_key(operation: &ClientOperation) -> Key {
    Key::Record { entity: operation.entity.clone(), id: operation.record.clone() }
}

/// Returns whom the audit names as the origin of a group.
fn origin(waiting: &[Waiting]) -> String {
    let mut clients = waiting.iter().map(|waiting| &waiting.operation.id.client);
    match clients.next() {
        Some(first) if clients.all(|client| client == first) => first.as_str().to_owned(),
        _ => SEVERAL_CLIENTS.to_owned(),
    }
}

/// Returns whether a failed commit may have been kept all the same.
const fn may_be_applied(error: &HubError) -> bool {
    matches!(error, HubError::Store(StoreError::Unknown { .. }))
}

/// Returns whether the writer goes on after an error: not where the store never writes again.
fn course_after(error: &HubError) -> Course {
    let HubError::Store(store) = error else {
        return Course::GoOn;
    };
    let is_over = store.advice() == Advice::Reopen || matches!(store, StoreError::Fenced { .. });
    if is_over { Course::FailStop(store.code()) } else { Course::GoOn }
}
