//! Twins that become one record: at the first meeting of two domains, the target's record takes the
//! id of the source's.

use std::collections::BTreeMap;

use syncline_engine::link::Side;
use syncline_engine::rows::Key;
use syncline_engine::sync::{Planner, Problem, base_key};
use syncline_engine::twins::TwinSearch;
use syncline_merge::codec::decode_record;
use syncline_merge::plain::Base;
use syncline_model::id::RecordId;

use super::input::EntityInput;
use super::prepare::EntityPlan;
use crate::error::HubError;
use crate::request::{FileEntity, SyncRequest};
use crate::twins::search_side;
use crate::view::View;

/// Pairs that are looked up in the store at once.
const PAIRS_PER_LOAD: usize = 128;

impl View<'_> {
    /// Takes the target's items under the ids of the source's that they are the twins of, if that was
    /// asked for; answers with the new ids and those that the items had.
    ///
    /// Only pairs that stand alone, and of which the hub knows neither record: what was synced before
    /// under two ids is two records.
    pub(super) fn unite_twins(
        &self,
        request: &SyncRequest,
        entity: &FileEntity,
        planner: &Planner<'_>,
        input: &mut EntityInput,
    ) -> Result<BTreeMap<RecordId, RecordId>, HubError> {
        let may_write = request.direction.takes(Side::Target) && request.target.domain.writable;
        let is_asked = request.unites_twins && may_write && !entity.identifying.is_empty();
        if !is_asked || input.unchanged {
            return Ok(BTreeMap::new());
        }
        let mut search = TwinSearch::new(&entity.identifying);
        let gates = planner.parties.each_ref().map(|party| &party.gate);
        for side in Side::BOTH {
            let input = &input.sides[side.index()];
            search_side(&mut search, side, input, gates, &entity.entity.id_path);
        }
        let [source, target] = input.sides.each_ref().map(|side| &side.document);
        let pairs = search.unambiguous().into_iter().map(|twins| twins.ids);
        let pairs = pairs.filter(|[id, former]| {
            request.narrowing.names(&entity.entity.name, id)
                && source.can_rename(id, former)
                && target.can_rename(former, id)
        });
        let pairs: Vec<[RecordId; 2]> = pairs.collect();
        let mut united = BTreeMap::new();
        for chunk in pairs.chunks(PAIRS_PER_LOAD) {
            let unknown = self.are_unknown(planner, chunk)?;
            let first_met = chunk.iter().zip(unknown).filter(|(_, unknown)| *unknown);
            united.extend(first_met.map(|([id, former], _)| (id.clone(), former.clone())));
        }
        let renamed = united.iter().map(|(id, former)| (former.clone(), id.clone()));
        input.sides[Side::Target.index()].document.rename(&renamed.collect());
        Ok(united)
    }

    /// Returns of each pair whether the hub knows nothing of both its records.
    fn are_unknown(
        &self,
        planner: &Planner<'_>,
        pairs: &[[RecordId; 2]],
    ) -> Result<Vec<bool>, HubError> {
        let entity = &planner.entity.name;
        let (mut records, mut bases) = (Vec::new(), Vec::new());
        for id in pairs.iter().flatten() {
            records.push(Key::Record { entity: entity.clone(), id: id.clone() });
            bases.extend(planner.parties.iter().map(|p| base_key(&p.domain.name, entity, id)));
        }
        let (states, bases) = (self.rows.get_many(&records)?, self.bases(&bases)?);
        let of_records = states.iter().zip(bases.chunks(Side::BOTH.len()));
        let of_records = of_records.map(|(state, bases)| is_unknown(state.as_deref(), bases));
        let of_records: Vec<bool> = of_records.collect::<Result<_, _>>()?;
        Ok(of_records.chunks(2).map(|pair| pair.iter().all(|unknown| *unknown)).collect())
    }
}

/// Returns whether the hub knows nothing of a record, or only that it was never there: its first run
/// was undone.
fn is_unknown(state: Option<&[u8]>, bases: &[Option<Base>]) -> Result<bool, HubError> {
    let Some(state) = state else { return Ok(bases.iter().all(Option::is_none)) };
    let state =
        decode_record(state).map_err(|source| HubError::Damaged { table: "records", source })?;
    Ok(state.is_empty() && bases.iter().all(Option::is_none))
}

impl EntityPlan {
    /// Tells how many pairs become one record.
    pub(super) fn tell_united(&mut self) {
        let united = self.actions.iter().filter(|action| action.former.is_some()).count();
        if united > 0 {
            self.notices.push(Problem {
                code: "TWINS_UNITED".to_owned(),
                domain: None,
                entity: Some(self.name.clone()),
                item: None,
                reason: format!("records under two ids that are one record now, pairs: {united}"),
                fix: "take the run back if a pair is not one: syncline undo".to_owned(),
            });
        }
    }
}
