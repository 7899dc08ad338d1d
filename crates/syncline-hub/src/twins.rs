//! Twins: records of the two domains under different ids that may be the same.

use syncline_engine::link::Side;
use syncline_engine::sync::{Gate, Held, Problem};
use syncline_engine::twins::{TwinSearch, Twins};
use syncline_merge::display::Fields;
use syncline_model::id::EntityName;
use syncline_model::path::Path;

use crate::error::HubError;
use crate::hub::Hub;
use crate::outcome::{Action, ActionKind};
use crate::request::{FileEntity, SyncRequest};
use crate::sync::SideInput;

impl Hub {
    /// Returns the records that may be the same, by entity. Nothing is written.
    ///
    /// Only fields that may leave their domain are compared.
    ///
    /// # Errors
    ///
    /// [`HubError::File`] if a file cannot be read.
    pub fn twins(&self, request: &SyncRequest) -> Result<Vec<(EntityName, Vec<Twins>)>, HubError> {
        let mut found = Vec::new();
        for entity in &request.entities {
            let name = &entity.entity.name;
            let mut search = TwinSearch::new(&entity.identifying);
            let gates = Side::BOTH.map(|side| request.domain(side).gate(name));
            for side in Side::BOTH.into_iter().filter(|_| !entity.identifying.is_empty()) {
                let input = self.view().read_side(request, entity, side)?;
                let gates = gates.each_ref();
                search_side(&mut search, side, &input, gates, &entity.entity.id_path);
            }
            found.push((name.clone(), search.pairs()));
        }
        Ok(found)
    }
}

/// Hands the records of one side to a search, as far as they may cross to the other.
pub(crate) fn search_side(
    search: &mut TwinSearch,
    side: Side,
    input: &SideInput,
    gates: [&Gate; 2],
    id_path: &Path,
) {
    for item in input.document.items() {
        if let (Held::Present { fields, .. }, _) = input.held(&item.id, id_path, &[])
            && !gates.iter().any(|gate| gate.keeps_back(&fields))
        {
            let fields = gates[side.index()].reading(&fields, None);
            search.handle_record(side, &item.id, &fields);
        }
    }
}

/// Returns what to tell of records that a run adds to one side each and that may be the same.
pub(crate) fn notice(entity: &FileEntity, actions: &[Action]) -> Option<Problem> {
    if entity.identifying.is_empty() {
        return None;
    }
    let mut search = TwinSearch::new(&entity.identifying);
    for action in actions.iter().filter(|action| action.kind == ActionKind::Add) {
        let fields: Fields = action
            .fields
            .iter()
            .filter(|change| entity.identifying.contains(&change.path))
            .filter_map(|change| Some((change.path.clone(), change.to.clone()?)))
            .collect();
        // What is added to one side is what the other one holds.
        search.handle_record(action.side.other(), &action.id, &fields);
    }
    let count = search.pairs().len();
    (count > 0).then(|| Problem {
        code: "POSSIBLE_TWINS".to_owned(),
        domain: None,
        entity: Some(entity.entity.name.clone()),
        item: None,
        reason: format!("records under different ids that may be the same, pairs: {count}"),
        fix: "see which: syncline twins; to make each pair one record: syncline undo, then syncline sync --match"
            .to_owned(),
    })
}
