//! Clients that delete or change too many records within a while: who is held, and who may go on.

use syncline_engine::facts;
use syncline_engine::rows::Key;
use syncline_engine::sync::Transaction;
use syncline_model::id::{ClientId, EntityName};
use syncline_model::json::{Json, Object};
use syncline_policy::{Hold, PushGuard, PushLimits};

use crate::error::HubError;
use crate::hub::Hub;
use crate::request::Actor;
use crate::served::{ServeError, Served};

impl Hub {
    /// Sets what clients may delete and change; who was held is still held.
    pub(crate) fn guard_pushes(&mut self, limits: PushLimits) -> Result<(), HubError> {
        let stored = self.store.get(&Key::Meta(facts::PUSH_HOLDS))?;
        let holds = stored.as_deref().map(PushGuard::decode_holds).transpose();
        let holds = holds.map_err(|source| HubError::Damaged { table: "meta", source })?;
        self.push_guard = PushGuard::new(limits, holds.unwrap_or_default());
        Ok(())
    }

    /// Lets a client go on that is held; answers what was held.
    fn release(
        &mut self,
        client: &ClientId,
        entity: Option<&EntityName>,
        actor: &Actor,
    ) -> Result<Vec<Hold>, HubError> {
        let run = self.begin_run()?;
        let released = self.push_guard.handle_release(client, entity, run.at_ms);
        if released.is_empty() {
            return Ok(released);
        }
        let mut transaction = Transaction::new(run, self.position);
        let holds = self.push_guard.encode_holds();
        transaction.batch.put(Key::Meta(facts::PUSH_HOLDS), holds);
        let mut details = Object::new();
        details.insert("released", released.iter().map(told).collect::<Vec<Json>>());
        let clock = self.clock;
        let told = self.commit_noted(transaction, clock, "GUARD", "PUSH_RELEASED", actor, details);
        if told.is_err() {
            self.push_guard.handle_not_released(&released);
        }
        told.map(|()| released)
    }
}

/// Returns what the audit says of a client that is held.
pub(crate) fn told(hold: &Hold) -> Json {
    let mut document = Object::new();
    document.insert("client", hold.client.as_str());
    document.insert("entity", hold.entity.as_str());
    document.insert("deed", hold.deed.as_str());
    document.insert("records", hold.records);
    document.insert("allowed", hold.allowed);
    document.into()
}

impl Served {
    /// Returns which clients are held because they delete or change too many records.
    ///
    /// # Errors
    ///
    /// [`ServeError::Writer`] if the hub has stopped.
    pub fn held(&self) -> Result<Vec<Hold>, ServeError> {
        let is_held = |hold: &&Hold| hold.released_until_ms.is_none();
        self.with_hub(move |hub| hub.push_guard.holds().filter(is_held).cloned().collect())
    }

    /// Lets a client go on that is held, of one entity or of all; answers what was held. It sends again by
    /// itself.
    ///
    /// # Errors
    ///
    /// [`ServeError::Hub`] if that cannot be stored.
    pub fn release(
        &self,
        client: &ClientId,
        entity: Option<&EntityName>,
        actor: Actor,
    ) -> Result<Vec<Hold>, ServeError> {
        let (client, entity) = (client.clone(), entity.cloned());
        Ok(self.with_hub(move |hub| hub.release(&client, entity.as_ref(), &actor))??)
    }
}
