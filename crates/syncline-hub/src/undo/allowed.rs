//! What an undo may write: it obeys the policies that are in force now, not those of the run.

use std::collections::BTreeSet;

use syncline_engine::rows::Key;
use syncline_engine::sync::PLAIN;
use syncline_engine::undo::Found;
use syncline_merge::codec::decode_record;
use syncline_merge::display::{Field, Fields};
use syncline_merge::state::{Record, Register};
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
                let found = self.found_by(run, &entity.entity.name, id)?;
                let known = found.as_ref().map(|found| &found.bases[back.side.index()]);
                let naming = back.names_before(id, known);
                let earlier = item_of(&back.earlier, entity, id, &naming);
                if let Some(earlier) = earlier
                    && self.is_kept_from(domain, entity, (id, &earlier), back, found.as_ref())?
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
        found: Option<&Found>,
    ) -> Result<bool, HubError> {
        let gate = domain.gate(&entity.entity.name);
        if gate.passes_everything() {
            return Ok(false);
        }
        let (now, before) = self.states(found, entity, id)?;
        let is_private = |record: &Option<Record>| {
            record
                .as_ref()
                .is_some_and(|record| gate.keeps_back_record(record, &entity.entity.rules))
        };
        let keeps_all = gate.keeps_back(earlier) || is_private(&now) || is_private(&before.record);
        let naming = back.index.naming(id).unwrap_or(&PLAIN);
        let stands = item_of(&back.now, entity, id, naming);
        let stands: BTreeSet<Field> = stands.into_iter().flatten().collect();
        // What the domain has written itself may come back there.
        let is_own = |(path, leaf): &Field| {
            let register = now.as_ref().and_then(|record| record.body.registers.get(path));
            let mut entries = register.into_iter().flat_map(Register::values);
            entries.any(|e| e.writer == domain.domain.writer && e.value.as_ref() == Some(leaf))
        };
        let mut kept = earlier
            .iter()
            .filter(|(path, leaf)| keeps_all || gate.keeps_from(path, leaf))
            .filter(|field| !stands.contains(*field));
        let given = &before.given[back.side.index()];
        Ok(kept.any(|field| given.contains(field) && !is_own(field)))
    }

    /// Returns a record as it is, and as it was known before a run.
    ///
    /// - `found`: what the run found of it, if that is kept.
    fn states(
        &self,
        found: Option<&Found>,
        entity: &FileEntity,
        id: &RecordId,
    ) -> Result<(Option<Record>, Before), HubError> {
        let record = |row: Option<&[u8]>| {
            let record = row.map(decode_record).transpose();
            record.map_err(|source| HubError::Damaged { table: "records", source })
        };
        let key = Key::Record { entity: entity.entity.name.clone(), id: id.clone() };
        let now = self.store.get(&key)?;
        let now = record(now.as_deref())?;
        let Some(found) = found else { return Ok((now, Before::default())) };
        let mut before = Before { record: record(found.record.as_deref())?, ..Before::default() };
        for (base, given) in found.bases.iter().zip(&mut before.given) {
            let row = base.row.as_deref();
            let base = self.view().named_entries(row.into_iter())?.decode(row, &[])?;
            *given = base.and_then(|base| base.with_intent_written().rendering).unwrap_or_default();
        }
        Ok((now, before))
    }
}

/// A record as the hub knew it before a run, under the policy of then.
#[derive(Default)]
struct Before {
    record: Option<Record>,
    /// What each domain was known to hold.
    given: [Fields; 2],
}
