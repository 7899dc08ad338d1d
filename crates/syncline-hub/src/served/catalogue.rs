//! The catalogue of events of a hub that is served.

use std::sync::Arc;

use syncline_model::id::EventType;

use super::{ServeError, Served};
use crate::catalogue::{
    Breaking, Catalogue, CatalogueError, EventTypeDraft, Kept, current_catalogue,
};
use crate::request::Actor;

impl Served {
    /// Returns the catalogue as it is now.
    pub fn catalogue(&self) -> Arc<Catalogue> {
        current_catalogue(self.current_catalogue())
    }

    /// Makes a type of event, or replaces what is said of it.
    ///
    /// # Errors
    ///
    /// [`CatalogueError`] within; nothing is changed.
    pub fn keep_event_type(
        &self,
        event_type: EventType,
        draft: EventTypeDraft,
        breaking: Breaking,
        actor: Actor,
    ) -> Result<Result<Kept, CatalogueError>, ServeError> {
        let current = Arc::clone(self.current_catalogue());
        self.with_hub(move |hub| {
            hub.keep_event_type(&current, &event_type, draft, breaking, &actor)
        })
    }

    /// Retires a type of event.
    ///
    /// # Errors
    ///
    /// [`CatalogueError`] within; nothing is changed.
    pub fn retire_event_type(
        &self,
        event_type: EventType,
        actor: Actor,
    ) -> Result<Result<(), CatalogueError>, ServeError> {
        let current = Arc::clone(self.current_catalogue());
        self.with_hub(move |hub| hub.retire_event_type(&current, &event_type, &actor))
    }

    /// Says whether only catalogued types of events are taken.
    ///
    /// # Errors
    ///
    /// [`CatalogueError`] within; nothing is changed.
    pub fn set_strict_events(
        &self,
        is_strict: bool,
        actor: Actor,
    ) -> Result<Result<(), CatalogueError>, ServeError> {
        let current = Arc::clone(self.current_catalogue());
        self.with_hub(move |hub| hub.set_strict_events(&current, is_strict, &actor))
    }
}
