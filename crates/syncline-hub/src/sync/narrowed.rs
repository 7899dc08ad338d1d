//! What a run that is narrowed to recent edits leaves for the next one.

use syncline_engine::sync::{Known, Planner, Problem, Recency};
use syncline_model::id::RecordId;

use super::prepare::EntityPlan;
use crate::request::SyncRequest;

impl EntityPlan {
    /// Puts a record off if the run is narrowed to later edits; answers whether it did.
    pub(super) fn puts_off(
        &mut self,
        planner: &Planner<'_>,
        request: &SyncRequest,
        id: &RecordId,
        known: &Known,
    ) -> bool {
        let Some(since_ms) = request.narrowing.since_ms else { return false };
        let recency = planner.recency(known, since_ms);
        if recency == Recency::Since {
            return false;
        }
        self.unfinished.insert(id.clone());
        self.missing_left += u64::from(recency == Recency::Missing);
        let is_held = self.input.sides.iter().any(|side| side.document.item(id).is_some());
        self.report.merged += u64::from(is_held);
        self.report.unchanged += u64::from(is_held);
        true
    }

    /// Tells of the records that were left alone because a side lacks them.
    pub(super) fn tell_missing_left(&mut self) {
        if self.missing_left > 0 {
            self.notices.push(Problem {
                code: "MISSING_LEFT".to_owned(),
                domain: None,
                entity: Some(self.name.clone()),
                item: None,
                reason: format!(
                    "records that one side lacks were left alone, since what is missing has no \
                     time: {}",
                    self.missing_left
                ),
                fix: "a run without --since deals with them".to_owned(),
            });
        }
    }
}
