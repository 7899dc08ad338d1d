//! What a domain withholds by now of what the hub already knows from it: nobody is given it any more.

use syncline_merge::display::{Field, Fields};
use syncline_merge::state::Register;
use syncline_model::path::Path;

use super::record::{Planner, RecordPlan};
use crate::link::Side;

impl Planner<'_> {
    /// Leaves out of what a record shows what the other domain has said and withholds by now. What
    /// `side` holds there stays as it is, whoever it is from.
    ///
    /// - `held`: what the domain of `side` holds.
    ///
    /// Answers with the fields that were left out.
    pub(super) fn withdraw(
        &self,
        side: Side,
        plan: &RecordPlan,
        shown: &mut Fields,
        held: &Fields,
    ) -> Vec<Path> {
        let other = self.party(side.other());
        let (Some(record), false) = (&plan.record, other.gate.gives_every_field()) else {
            return Vec::new();
        };
        let is_said_by_others = |(path, leaf): &Field| {
            let register = record.body.registers.get(path);
            let mut entries = register.into_iter().flat_map(Register::values);
            entries.any(|e| e.writer != other.domain.writer && e.value.as_ref() == Some(leaf))
        };
        // What the domain holds already it has seen.
        let is_withdrawn = |field: &&Field| {
            other.gate.withholds(&field.0, &field.1)
                && held.binary_search(field).is_err()
                && !is_said_by_others(field)
        };
        let withdrawn = shown.iter().filter(is_withdrawn).map(|(path, _)| path.clone());
        let withdrawn: Vec<Path> = withdrawn.collect();
        if withdrawn.is_empty() {
            return withdrawn;
        }
        let is_there = |(path, _): &&Field| {
            withdrawn.iter().any(|of| of.is_prefix_of(path) || path.is_prefix_of(of))
        };
        let kept: Fields = held.iter().filter(is_there).cloned().collect();
        shown.retain(|field| !is_there(&field));
        shown.extend(kept);
        shown.sort();
        withdrawn
    }
}
