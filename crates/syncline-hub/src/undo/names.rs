//! Under which names the records of a file stand, before a run and once they are back.

use std::collections::BTreeMap;

use syncline_engine::index::DomainIndex;
use syncline_engine::rows::Key;
use syncline_engine::sync::Naming;
use syncline_engine::undo::{Found, FoundBase};
use syncline_model::id::{EntityName, RecordId, RunId};

use super::files::Return;
use crate::error::HubError;
use crate::hub::Hub;
use crate::request::SyncRequest;

impl Return {
    /// Returns the names that a record had in the file before the run: those under which the run
    /// read it, else those that it has now.
    ///
    /// - `found`: what the run found of the domain, if that is kept.
    pub(super) fn names_before(&self, id: &RecordId, found: Option<&FoundBase>) -> Naming {
        let naming = match found {
            Some(found) => found.naming.as_ref(),
            None => self.index.naming(id),
        };
        naming.cloned().unwrap_or_default()
    }

    /// Returns the names that a record has in the file now; nothing if it is not there.
    pub(super) fn names_now(&self, id: &RecordId) -> Option<Naming> {
        self.now.item(id).and_then(|_| self.index.naming(id)).cloned()
    }
}

impl Hub {
    /// Returns what a run found of a record, if that is kept.
    pub(super) fn found_by(
        &self,
        run: &RunId,
        entity: &EntityName,
        id: &RecordId,
    ) -> Result<Option<Found>, HubError> {
        let (run, entity, id) = (run.clone(), entity.clone(), id.clone());
        let found = self.store.get(&Key::Undo { run, entity, id })?;
        let found = found.as_deref().map(Found::decode).transpose();
        found.map_err(|source| HubError::Damaged { table: "undo", source })
    }

    /// Returns the index of a domain whose file goes back: what is known of the file itself is known
    /// no more, and the records in it have the names of before the run.
    pub(super) fn index_of_return(
        &self,
        request: &SyncRequest,
        back: &Return,
        run: &RunId,
    ) -> Result<DomainIndex, HubError> {
        let mut index = self.view().domain_index(request, back.side, &back.entity)?;
        index.file = None;
        let mut names = BTreeMap::new();
        for id in back.records.iter().filter(|id| back.earlier.item(id).is_some()) {
            let found = self.found_by(run, &back.entity, id)?;
            let found = found.as_ref().map(|found| &found.bases[back.side.index()]);
            if found.is_none() && back.index.naming(id).is_none() {
                // The run gave its item another id: under this one it is met anew.
                continue;
            }
            names.insert(id.clone(), back.names_before(id, found));
        }
        let is_plain = request.domain(back.side).renames(&back.entity).is_empty()
            && index.names.namings().is_empty()
            && names.values().all(Naming::is_plain);
        if !is_plain {
            index.set_names_unseen(&names);
        }
        Ok(index)
    }
}
