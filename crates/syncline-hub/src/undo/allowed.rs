//! What an undo may write: it obeys the policies that are in force now, not those of the run.

use std::collections::BTreeSet;

use syncline_engine::link::Side;
use syncline_engine::rows::Key;
use syncline_engine::undo::Found;
use syncline_merge::codec::decode_record;
use syncline_merge::display::{Field, Fields};
use syncline_merge::state::Register;
use syncline_model::id::{RecordId, RunId};

use super::files::Return;
use super::happened::item_of;
use crate::error::HubError;
use crate::hub::Hub;
use crate::request::{FileDomain, FileEntity, SyncRequest};

impl Hub {
    /// Refuses an undo that would write into a domain that may not be written into, or bring back
    /// there what a policy keeps from it by now.
    ///
    /// # Errors
    ///
    /// [`HubError::NotUndoable`].
    pub(super) fn may_return(
        &self,
        request: &SyncRequest,
        sync_id: &str,
        run: &RunId,
        returns: &[Return],
    ) -> Result<(), HubError> {
        let refuse = |reason| Err(HubError::NotUndoable { id: sync_id.to_owned(), reason });
        for back in returns {
            let domain = request.domain(back.side);
            if !domain.domain.writable {
                return refuse("it wrote a domain that may not be written into by now");
            }
            let entity = request.entities.iter().find(|entity| entity.entity.name == back.entity);
            let Some(entity) = entity else { continue };
            for id in &back.records {
                let earlier = item_of(&back.earlier, domain, entity, id);
                if let Some(earlier) = earlier
                    && self.is_kept_from(domain, entity, (id, &earlier), back, run)?
                {
                    return refuse(
                        "a policy keeps from a domain by now what would come back there",
                    );
                }
            }
        }
        Ok(())
    }

    /// Returns whether a record, as it would come back, holds what the domain is not to hold: more
    /// than what stands there now, and than what it had by itself.
    fn is_kept_from(
        &self,
        domain: &FileDomain,
        entity: &FileEntity,
        (id, earlier): (&RecordId, &Fields),
        back: &Return,
        run: &RunId,
    ) -> Result<bool, HubError> {
        let name = &entity.entity.name;
        let gate = domain.gate(name);
        if gate.keeps_back(earlier) {
            return Ok(true);
        }
        let now = item_of(&back.now, domain, entity, id);
        let stands: BTreeSet<Field> = now.into_iter().flatten().collect();
        let kept: Vec<&Field> = earlier
            .iter()
            .filter(|(path, leaf)| gate.keeps_from(path, leaf))
            .filter(|field| !stands.contains(*field))
            .collect();
        if kept.is_empty() {
            return Ok(false);
        }
        let row = self.store.get(&Key::Record { entity: name.clone(), id: id.clone() })?;
        let record = row.as_deref().map(decode_record).transpose();
        let record = record.map_err(|source| HubError::Damaged { table: "records", source })?;
        // What the domain has written itself may come back there.
        let is_own = |(path, leaf): &Field| {
            let register = record.as_ref().and_then(|record| record.body.registers.get(path));
            let mut entries = register.into_iter().flat_map(Register::values);
            entries.any(|e| e.writer == domain.domain.writer && e.value.as_ref() == Some(leaf))
        };
        let given = self.known_before(run, entity, id, back.side)?;
        Ok(kept.iter().any(|field| given.contains(field) && !is_own(field)))
    }

    /// Returns what the hub knew a domain to hold of a record before a run, under the policy of then.
    fn known_before(
        &self,
        run: &RunId,
        entity: &FileEntity,
        id: &RecordId,
        side: Side,
    ) -> Result<Fields, HubError> {
        let (run, entity) = (run.clone(), entity.entity.name.clone());
        let Some(found) = self.store.get(&Key::Undo { run, entity, id: id.clone() })? else {
            return Ok(Fields::new());
        };
        let found =
            Found::decode(&found).map_err(|source| HubError::Damaged { table: "undo", source })?;
        let row = found.bases[side.index()].row.as_deref();
        let base = self.view().named_entries(row.into_iter())?.decode(row, &[])?;
        Ok(base.and_then(|base| base.with_intent_written().rendering).unwrap_or_default())
    }
}
