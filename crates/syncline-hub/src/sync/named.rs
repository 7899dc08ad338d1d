//! What a person should know of fields that have another name in a domain.

use syncline_engine::link::Side;
use syncline_engine::sync::{Planner, Problem, Rename, displacing, named_twice, to_hub};
use syncline_merge::display::Fields;
use syncline_model::id::RecordId;

use super::prepare::EntityPlan;

impl EntityPlan {
    /// Tells of names that stand for two fields, in the records that were looked at.
    pub(super) fn tell_names(&mut self, planner: &Planner<'_>, looked_at: &[RecordId]) {
        for side in Side::BOTH {
            let renames = self.input.sides[side.index()].renames.clone();
            for rename in &renames {
                let Rename { hub, domain } = rename;
                let is_twice = |own: &Fields| named_twice(&renames, own).contains(&rename);
                let records = self.count_holding(side, looked_at, is_twice);
                let reason = format!(
                    "{records} records hold a field as {domain}, its name here, and as {hub}, its name \
                     at the hub: the first counts, and the other stays here as it is"
                );
                let fix = "remove the one that is not needed";
                self.tell_name(planner, side, records, ("FIELD_NAMED_TWICE", reason, fix));
            }
            let other = side.other();
            let others = self.input.sides[other.index()].renames.clone();
            for Rename { hub, domain } in displacing(&renames) {
                let is_there = |own: &Fields| {
                    to_hub(&others, &[], own.clone())
                        .iter()
                        .any(|(path, _)| domain.is_prefix_of(path))
                };
                let records = self.count_holding(other, looked_at, is_there);
                let reason = format!(
                    "{records} records of the other side hold a field {domain}, which has no place \
                     here: {domain} is the name of {hub} here"
                );
                let fix = "give one of the two another name in the domain's `rename`";
                self.tell_name(planner, side, records, ("FIELD_WITHOUT_PLACE", reason, fix));
            }
        }
    }

    /// Counts the records of a side whose fields, under their names there, are such.
    fn count_holding(
        &self,
        side: Side,
        ids: &[RecordId],
        is_such: impl Fn(&Fields) -> bool,
    ) -> usize {
        let input = &self.input.sides[side.index()];
        ids.iter().filter_map(|id| input.own_fields(id)).filter(is_such).count()
    }

    fn tell_name(
        &mut self,
        planner: &Planner<'_>,
        side: Side,
        records: usize,
        (code, reason, fix): (&str, String, &str),
    ) {
        if records == 0 {
            return;
        }
        self.notices.push(Problem {
            code: code.to_owned(),
            domain: Some(planner.parties[side.index()].domain.name.clone()),
            entity: Some(self.name.clone()),
            item: None,
            reason,
            fix: fix.to_owned(),
        });
    }
}
