//! Committing one group: load, decide, save, and only then answer.

use std::ops::ControlFlow;
use std::sync::Arc;

use syncline_engine::audit::{BatchFacts, inner_root};
use syncline_engine::conflicts::ConflictRow;
use syncline_engine::operate::{Answer, ClientOperation, Decided, Group, GroupFacts, Rows};
use syncline_engine::results::ClientResults;
use syncline_engine::rows::{Key, Scan};
use syncline_engine::sync::Transaction;
use syncline_model::id::ClientId;
use syncline_model::json::{Json, Object};
use syncline_model::version::Version;
use syncline_store::{Advice, StoreError};

use super::{Course, Desk, Reply, Waiting, WriterError};
use crate::error::HubError;
use crate::limits::{CLIENTS_CACHED_MAX, GROUP_BYTES_MAX};
use crate::request::Actor;

/// Who the audit names as the origin of a group that came from several clients. Each change's own
/// origin stands in the log, which the entry commits to.
const SEVERAL_CLIENTS: &str = "clients";

impl Desk {
    /// Commits operations in order, and answers them: in one group, or in several where their
    /// states are large.
    pub(super) fn commit_group(&mut self, waiting: Vec<Waiting>) -> Course {
        let mut waiting = waiting.into_iter();
        while waiting.len() > 0 {
            let course = self.commit_some(&mut waiting);
            if course != Course::GoOn {
                return course;
            }
        }
        Course::GoOn
    }

    fn commit_some(&mut self, waiting: &mut std::vec::IntoIter<Waiting>) -> Course {
        let mut replies = Vec::with_capacity(waiting.len());
        match self.decide_and_save(waiting, &mut replies) {
            Ok(answers) => {
                for (reply, answer) in replies.into_iter().zip(answers) {
                    // Whoever asked may have gone; the answer is stored.
                    let _ = reply.send(Ok(answer));
                }
                Course::GoOn
            }
            Err(error) => {
                // What is known of the clients may have run ahead of the store.
                self.clients.clear();
                let course = course_after(&error);
                let code = error.code();
                let why = if may_be_applied(&error) {
                    WriterError::OutcomeUnknown
                } else {
                    let source = Arc::new(error);
                    WriterError::Failed { source }
                };
                replies.into_iter().for_each(|reply| {
                    let _ = reply.send(Err(why.clone()));
                });
                for rest in waiting {
                    let why = match course {
                        Course::FailStop(_) => WriterError::Stopped { code: Some(code) },
                        _ => why.clone(),
                    };
                    let _ = rest.reply.send(Err(why));
                }
                course
            }
        }
    }

    fn decide_and_save(
        &mut self,
        waiting: &mut std::vec::IntoIter<Waiting>,
        replies: &mut Vec<std::sync::mpsc::SyncSender<Reply>>,
    ) -> Result<Vec<Answer>, HubError> {
        let rows = self.load(waiting.as_slice())?;
        let origin = origin(waiting.as_slice());
        let run = self.hub.begin_run()?;
        let transaction = Transaction::new(run, self.hub.position());
        let floor = Version::new();
        let facts =
            GroupFacts { rules: &self.rules, site: self.hub.site(), floor: &floor, lost: &[] };
        let mut group = Group::new(facts, self.hub.clock, rows, transaction);
        let mut answers = Vec::with_capacity(waiting.len());
        while group.bytes() < GROUP_BYTES_MAX {
            let Some(Waiting { operation, reply }) = waiting.next() else {
                break;
            };
            replies.push(reply);
            answers.push(group.handle_operation(operation));
        }
        let decided = group.finish();
        self.save(decided, &origin)?;
        Ok(answers)
    }

    /// Loads the records of a group in one go, their listed conflicts, and the results of clients
    /// that are not known yet.
    fn load(&mut self, waiting: &[Waiting]) -> Result<Rows, HubError> {
        let operations = || waiting.iter().map(|waiting| &waiting.operation);
        let mut keys: Vec<Key> = operations().map(record_key).collect();
        keys.sort_unstable();
        keys.dedup();
        let values = self.hub.rows().get_many(&keys)?;
        let mut rows = Rows::new();
        for (key, value) in keys.into_iter().zip(values) {
            if let Key::Record { entity, id } = key {
                rows.add_record(entity, id, value);
            }
        }
        for (entity, id) in rows.contested(&self.rules) {
            let mut listed = Vec::new();
            self.hub.for_each(&Scan::ConflictsOf { entity, id }, |_, bytes| {
                let row = ConflictRow::decode(bytes);
                listed.push(row.map_err(|_| HubError::Row { table: "conflicts" })?);
                Ok(())
            })?;
            listed.into_iter().for_each(|row| rows.add_conflict(row));
        }
        let mut clients: Vec<&ClientId> = operations().map(|op| &op.id.client).collect();
        clients.sort_unstable();
        clients.dedup();
        for client in clients {
            let results = match self.clients.remove(client) {
                Some(results) => results,
                None => self.load_client(client)?,
            };
            rows.add_client(client.clone(), results);
        }
        Ok(rows)
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

    /// Saves what was decided, with its entry in the audit, and takes over what is known by then.
    fn save(&mut self, decided: Decided, origin: &str) -> Result<(), HubError> {
        let Decided { mut transaction, clock, clients, applied, rejected } = decided;
        if applied > 0 || !rejected.is_empty() {
            let mut details = Object::new();
            details.insert("applied", Json::Number(applied.into()));
            let mut codes = Object::new();
            for (code, count) in rejected {
                codes.insert(code, Json::Number(count.into()));
            }
            details.insert("rejected", Json::Object(codes));
            let facts = BatchFacts {
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
            let hub = &mut self.hub;
            let frontier = hub.add_audit(&mut batch, facts, commitments, &actor, &details)?;
            hub.commit(batch, clock, transaction.position, frontier)?;
        }
        if self.clients.len() + clients.len() > CLIENTS_CACHED_MAX {
            self.clients.clear();
        }
        self.clients.extend(clients);
        Ok(())
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
