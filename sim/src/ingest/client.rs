//! What clients of a writer send: new operations, and old ones again.

use std::collections::BTreeMap;

use syncline_engine::operate::ClientOperation;
use syncline_merge::operation::{Effect, FieldOperation};
use syncline_merge::token::Token;
use syncline_model::clock::{Clock, Stamp};
use syncline_model::id::{ClientId, OperationId, Position, RecordId};

use super::play::Ingest;
use crate::history::{Did, RecordKey};
use crate::world::{EPOCH_MS, draw_field};

/// What a client has seen of a record: the token, and how far the log went then.
#[derive(Clone, Debug)]
pub(super) struct View {
    pub(super) token: Token,
    pub(super) looked_to: Position,
    /// Whether it holds changes that were lost with a restore.
    pub(super) beyond: bool,
}

/// One client.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) id: ClientId,
    counter: u64,
    pub(super) views: BTreeMap<RecordKey, View>,
}

/// An operation that was sent.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    pub(super) operation: ClientOperation,
    pub(super) did: Did,
    /// How far the log went when its writer looked; nothing for one that has not looked.
    pub(super) looked_to: Option<Position>,
    /// The change that its writer was told of.
    pub(super) applied: Option<Stamp>,
    /// Whether its writer was told that it is refused for good, or has given it up.
    pub(super) refused: bool,
    /// Whether its writer had seen changes that were lost with a restore.
    pub(super) beyond: bool,
}

impl Sent {
    /// Returns whether nothing was answered for good.
    pub(super) const fn is_waiting(&self) -> bool {
        self.applied.is_none() && !self.refused
    }
}

impl Client {
    pub(super) fn new(index: usize) -> Self {
        let id = ClientId::new(&format!("client-{index}")).expect("invariant: a word is a name");
        Self { id, counter: 0, views: BTreeMap::new() }
    }
}

impl Ingest {
    /// Makes a new operation of some client.
    pub(super) fn new_operation(&mut self) -> Option<ClientOperation> {
        let key = self.draw_key();
        let blind = self.random.chance(250);
        let (did, effect) = self.draw_effect();
        let at = self.random.index(self.clients.len());
        let years_ms = self.random.pick(&[0, 0, 315_360_000_000]).copied().unwrap_or_default();
        let depends = self.random.chance(200);
        let client = self.clients.get_mut(at)?;
        client.counter += 1;
        let id = OperationId { client: client.id.clone(), counter: client.counter };
        let view = client.views.get(&key).filter(|_| !blind).cloned();
        let after = if depends && id.counter > 1 { vec![id.counter - 1] } else { Vec::new() };
        let operation = ClientOperation {
            id: id.clone(),
            entity: key.0.clone(),
            record: key.1.clone(),
            base: view.as_ref().map(|view| view.token.clone()),
            effect,
            edited: Clock::new(EPOCH_MS + self.now_ms + years_ms, 0),
            after,
            event: None,
        };
        let beyond = view.as_ref().is_some_and(|view| view.beyond);
        let looked_to = view.map(|view| view.looked_to);
        let sent = Sent {
            operation: operation.clone(),
            did,
            looked_to,
            applied: None,
            refused: false,
            beyond,
        };
        self.sent.insert(id, sent);
        Some(operation)
    }

    /// Returns an operation that was sent before: mostly one that waits for its answer.
    pub(super) fn old_operation(&mut self) -> Option<ClientOperation> {
        let waiting: Vec<&Sent> = self.sent.values().filter(|sent| sent.is_waiting()).collect();
        let waits = !waiting.is_empty() && self.random.chance(800);
        let known: Vec<&Sent> = if waits { waiting } else { self.sent.values().collect() };
        Some(self.random.pick(&known)?.operation.clone())
    }

    pub(super) fn draw_key(&mut self) -> RecordKey {
        let number = self.random.below(3);
        let id = RecordId::new(&format!("r{number}")).expect("invariant: a word is an id");
        (self.schema.tasks.clone(), id)
    }

    fn draw_effect(&mut self) -> (Did, Effect) {
        if self.random.chance(120) {
            return (Did::Delete, Effect::Delete);
        }
        let (mut did, mut fields) = (Vec::new(), Vec::new());
        for _ in 0..self.random.between(1, 3) {
            self.value_next += 1;
            let (one, field) = draw_field(&mut self.random, self.value_next);
            let taken = fields.iter().any(|other: &FieldOperation| other.path() == field.path());
            if !taken {
                did.push(one);
                fields.push(field);
            }
        }
        (Did::Write(did), Effect::Write(fields))
    }
}
