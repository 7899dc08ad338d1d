//! What an operator does with endpoints and deliveries. Each change is in the audit, in its transaction.

use std::ops::Bound;
use std::sync::Arc;

use syncline_engine::deliver::{
    Backlog, EndpointFacts, EndpointRow, Outcome, Refusal, SettingsError,
};
use syncline_engine::rows::{Batch, Key};
use syncline_engine::sync::Transaction;
use syncline_model::id::{EndpointId, Position};
use syncline_model::json::Object;
use thiserror::Error;

use super::super::{KeptRequest, ServeError};
use super::turn::Deliveries;
use crate::limits::REPLAYS_RUNNING_MAX;
use crate::request::Actor;

/// What the audit calls a change of endpoints and deliveries.
pub(super) const CATEGORY: &str = "DELIVERY";

/// Why something that an operator asks for is not done.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DeliveryError {
    /// The machine refuses it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The settings are not acceptable.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// There is one of that name.
    #[error("there is an endpoint of that id with other settings")]
    Exists,
    /// One of that id was removed, and not all of it is gone yet.
    #[error(
        "an endpoint of that id was removed, and what is known of its deliveries is still being deleted"
    )]
    Removing,
    /// There is no such replay.
    #[error("there is no such replay")]
    ReplayUnknown,
    /// Too many replays are under way.
    #[error("{REPLAYS_RUNNING_MAX} replays are under way already, which is the most")]
    ReplaysFull,
    /// A row of the endpoint cannot be read.
    #[error("a row of the endpoint cannot be read; remove it and make it anew, or restore the hub")]
    Damaged,
    /// The store.
    #[error(transparent)]
    Serve(#[from] ServeError),
}

impl DeliveryError {
    /// Returns the stable code of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.code(),
            Self::Settings(error) => error.code(),
            Self::Exists => "ENDPOINT_EXISTS",
            Self::Removing => "ENDPOINT_BEING_REMOVED",
            Self::ReplayUnknown => "REPLAY_UNKNOWN",
            Self::ReplaysFull => "REPLAYS_FULL",
            Self::Damaged => "ENDPOINT_DAMAGED",
            Self::Serve(error) => error.code(),
        }
    }
}

/// An endpoint as it is.
#[derive(Clone, Debug)]
pub struct EndpointNow {
    /// Which one.
    pub id: EndpointId,
    /// What the operator has settled.
    pub row: Arc<EndpointRow>,
    /// How it goes.
    pub facts: EndpointFacts,
    /// The table of a row that cannot be read, if there is one: nothing is sent to the endpoint, and it can only be
    /// removed.
    pub damaged: Option<&'static str>,
}

impl Deliveries {
    /// Returns all endpoints, by id.
    pub fn endpoints(&self) -> Vec<EndpointNow> {
        let mut ids: Vec<&EndpointId> = self.endpoints.keys().chain(self.damaged.keys()).collect();
        ids.sort_unstable();
        ids.into_iter().filter_map(|id| self.endpoint(id)).collect()
    }

    /// Returns the endpoints behind one, by id.
    ///
    /// - `most`: how many at most.
    pub fn endpoints_behind(&self, after: Option<&EndpointId>, most: usize) -> Vec<EndpointNow> {
        let behind = (after.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded);
        let sound = self.endpoints.range::<EndpointId, _>(behind).map(|(id, _)| id).take(most);
        let damaged = self.damaged.range::<EndpointId, _>(behind).map(|(id, _)| id).take(most);
        let mut ids: Vec<&EndpointId> = sound.chain(damaged).collect();
        ids.sort_unstable();
        ids.into_iter().take(most).filter_map(|id| self.endpoint(id)).collect()
    }

    /// Returns an endpoint.
    pub fn endpoint(&self, id: &EndpointId) -> Option<EndpointNow> {
        if let Some(damage) = self.damaged.get(id) {
            let (facts, damaged) = (EndpointFacts::default(), Some(damage.table));
            return Some(EndpointNow { id: id.clone(), row: damage.row(), facts, damaged });
        }
        let (row, facts) = (self.endpoints.get(id)?, self.dispatch.facts(id)?);
        Some(EndpointNow { id: id.clone(), row: row.clone(), facts, damaged: None })
    }

    /// Refuses what is to be done with an endpoint of which a row cannot be read.
    fn check_sound(&self, id: &EndpointId) -> Result<(), DeliveryError> {
        if self.damaged.contains_key(id) { Err(DeliveryError::Damaged) } else { Ok(()) }
    }

    /// Makes an endpoint, which gets the events that come from now on.
    ///
    /// # Errors
    ///
    /// [`DeliveryError`]; nothing is changed.
    pub fn create(
        &mut self,
        now_ms: u64,
        id: &EndpointId,
        row: EndpointRow,
        actor: &Actor,
    ) -> Result<(), DeliveryError> {
        self.create_once(now_ms, id, row, actor, None)
    }

    /// As [`Deliveries::create`], of a request that may be repeated.
    ///
    /// - `kept`: what is remembered of its key; on disk with the endpoint.
    ///
    /// # Errors
    ///
    /// [`DeliveryError`]; nothing is changed.
    pub fn create_once(
        &mut self,
        now_ms: u64,
        id: &EndpointId,
        row: EndpointRow,
        actor: &Actor,
        kept: Option<KeptRequest>,
    ) -> Result<(), DeliveryError> {
        row.check()?;
        if self.endpoints.contains_key(id) || self.damaged.contains_key(id) {
            return Err(DeliveryError::Exists);
        }
        if self.removing.contains_key(id) {
            return Err(DeliveryError::Removing);
        }
        let (now, mut batch) = (self.at(now_ms), Batch::new());
        let settings = Arc::new(row.settings.clone());
        let behind = self.served.position();
        self.dispatch.handle_created(now, id.clone(), settings, behind, &mut batch)?;
        batch.put(Key::Endpoint(id.clone()), row.encode());
        if let Some(kept) = kept {
            kept.put(&mut batch);
        }
        self.note(batch, "ENDPOINT_CREATED", id, None, actor)?;
        self.endpoints.insert(id.clone(), Arc::new(row));
        Ok(())
    }

    /// Replaces what is settled of an endpoint: its settings and its secrets.
    ///
    /// # Errors
    ///
    /// [`DeliveryError`]; nothing is changed.
    pub fn replace(
        &mut self,
        now_ms: u64,
        id: &EndpointId,
        row: EndpointRow,
        actor: &Actor,
    ) -> Result<(), DeliveryError> {
        row.check()?;
        self.check_sound(id)?;
        if !self.endpoints.contains_key(id) {
            return Err(Refusal::EndpointUnknown.into());
        }
        let (now, mut batch) = (self.at(now_ms), Batch::new());
        let settings = Arc::new(row.settings.clone());
        self.dispatch.handle_settings(now, id, settings, &mut batch)?;
        batch.put(Key::Endpoint(id.clone()), row.encode());
        self.note(batch, "ENDPOINT_CHANGED", id, None, actor)?;
        self.endpoints.insert(id.clone(), Arc::new(row));
        Ok(())
    }

    /// Disables an endpoint until somebody enables it.
    ///
    /// # Errors
    ///
    /// [`DeliveryError`]; nothing is changed.
    pub fn disable(
        &mut self,
        now_ms: u64,
        id: &EndpointId,
        actor: &Actor,
    ) -> Result<(), DeliveryError> {
        self.check_sound(id)?;
        let (now, mut batch) = (self.at(now_ms), Batch::new());
        self.dispatch.handle_disabled(now, id, &mut batch)?;
        Ok(self.note(batch, "ENDPOINT_DISABLED", id, None, actor)?)
    }

    /// Takes note of what came of a test.
    ///
    /// # Errors
    ///
    /// [`DeliveryError`].
    pub fn tested(
        &mut self,
        now_ms: u64,
        id: &EndpointId,
        outcome: Outcome,
    ) -> Result<(), DeliveryError> {
        self.check_sound(id)?;
        let (now, mut batch) = (self.at(now_ms), Batch::new());
        self.dispatch.handle_test(now, id, outcome, &mut batch)?;
        let committed = match batch.is_empty() {
            true => Ok(()),
            false => self.served.commit_rows(batch),
        };
        // The machine may have gone ahead.
        self.is_astray |= committed.is_err();
        Ok(committed?)
    }

    /// Enables an endpoint again, after a test has reached it.
    ///
    /// # Errors
    ///
    /// [`DeliveryError`]; nothing is changed.
    pub fn enable(
        &mut self,
        now_ms: u64,
        id: &EndpointId,
        skips_backlog: bool,
        actor: &Actor,
    ) -> Result<(), DeliveryError> {
        self.check_sound(id)?;
        let (now, mut batch) = (self.at(now_ms), Batch::new());
        let to = self.served.position();
        let backlog = if skips_backlog { Backlog::Skip { to } } else { Backlog::Deliver };
        self.dispatch.handle_enabled(now, id, backlog, &mut batch)?;
        Ok(self.note(batch, "ENDPOINT_ENABLED", id, None, actor)?)
    }

    /// Tries a delivery that waits for its time at once.
    ///
    /// # Errors
    ///
    /// [`DeliveryError`]; nothing is changed.
    pub fn retry(
        &mut self,
        now_ms: u64,
        id: &EndpointId,
        position: Position,
        actor: &Actor,
    ) -> Result<(), DeliveryError> {
        self.check_sound(id)?;
        let (now, mut batch) = (self.at(now_ms), Batch::new());
        self.dispatch.handle_retry(now, id, position, &mut batch)?;
        Ok(self.note(batch, "DELIVERY_RETRIED", id, Some(position), actor)?)
    }

    /// Commits rows with an entry in the audit that says who has asked for it.
    pub(super) fn note(
        &mut self,
        batch: Batch,
        action: &'static str,
        id: &EndpointId,
        position: Option<Position>,
        actor: &Actor,
    ) -> Result<(), ServeError> {
        let mut details = Object::new();
        details.insert("endpoint", id.as_str());
        if let Some(position) = position {
            details.insert("position", position.0);
        }
        self.note_details(batch, action, details, actor)
    }

    /// Commits rows with an entry in the audit.
    pub(super) fn note_details(
        &mut self,
        batch: Batch,
        action: &'static str,
        details: Object,
        actor: &Actor,
    ) -> Result<(), ServeError> {
        let actor = actor.clone();
        let commit = move |hub: &mut crate::Hub| {
            let run = hub.begin_run()?;
            let mut transaction = Transaction::new(run, hub.position());
            transaction.batch = batch;
            let clock = hub.clock;
            hub.commit_noted(transaction, clock, CATEGORY, action, &actor, details)
        };
        let committed = self.served.with_hub(commit).and_then(|done| Ok(done?));
        // The machine may have gone ahead.
        self.is_astray |= committed.is_err();
        committed
    }
}
