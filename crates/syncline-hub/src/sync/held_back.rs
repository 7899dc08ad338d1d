//! Deletions that are held back, since an item of which nobody can read the id may be the record.

use syncline_engine::link::Side;
use syncline_engine::sync::{Planner, Problem};
use syncline_model::id::RecordId;

use super::prepare::EntityPlan;

/// How many records are named of those that are counted.
const NAMED_MAX: usize = 5;

impl EntityPlan {
    /// Tells which records a side lacks and the other keeps for the sake of an item without an id.
    pub(super) fn tell_held_back(&mut self, planner: &Planner<'_>) {
        for side in Side::BOTH.into_iter().filter(|side| planner.direction.gives(*side)) {
            let [input, other] = [side, side.other()].map(|at| &self.input.sides[at.index()]);
            if !input.document.has_unnamed() {
                continue;
            }
            let is_held_back = |id: &&RecordId| {
                input.document.item(id).is_none()
                    && !input.document.is_withheld(id)
                    && !input.document.is_gone(id)
                    && input.keeps_base(id)
                    && other.document.item(id).is_some()
            };
            let known = input.index.items.iter().map(|(id, _)| id);
            let held_back: Vec<&RecordId> = known.filter(is_held_back).collect();
            if held_back.is_empty() {
                continue;
            }
            let named = held_back.iter().take(NAMED_MAX).map(|id| id.as_str());
            let mut names = named.collect::<Vec<_>>().join(", ");
            if held_back.len() > NAMED_MAX {
                names.push_str(", …");
            }
            let count = held_back.len();
            self.notices.push(Problem {
                code: "DELETION_HELD_BACK".to_owned(),
                domain: Some(planner.parties[side.index()].domain.name.clone()),
                entity: Some(self.name.clone()),
                item: None,
                reason: format!(
                    "records are missing here, and an item whose id cannot be read may be one of \
                     them, so the other side keeps them: {count} ({names})"
                ),
                fix: "give that item its id, or take it out: then they are deleted there"
                    .to_owned(),
            });
        }
    }
}
