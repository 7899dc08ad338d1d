//! Under which names the records of a domain stand, and what a person should know of that.

use std::collections::BTreeMap;

use syncline_engine::index::DomainIndex;
use syncline_engine::link::Side;
use syncline_engine::sync::{Naming, PLAIN, Planner, Problem, Rename, displacing};
use syncline_engine::undo::Found;
use syncline_model::id::RecordId;
use syncline_model::path::Path;

use super::prepare::EntityPlan;

/// The names of the records of one side that were looked at; each set of names is held once.
#[derive(Default)]
pub(super) struct NamesLookedAt {
    namings: Vec<Naming>,
    of: BTreeMap<RecordId, usize>,
}

impl NamesLookedAt {
    /// Returns the names of a record.
    pub(super) fn get(&self, id: &RecordId) -> Option<&Naming> {
        self.of.get(id).and_then(|place| self.namings.get(*place))
    }

    /// Sets the names of a record.
    pub(super) fn insert(&mut self, id: RecordId, naming: Naming) {
        let place = self.namings.iter().position(|known| *known == naming);
        let place = place.unwrap_or_else(|| {
            self.namings.push(naming);
            self.namings.len() - 1
        });
        self.of.insert(id, place);
    }
}

impl EntityPlan {
    /// Notes under which names a record was found on both sides.
    pub(super) fn note_names(&mut self, id: &RecordId, found: &Found) {
        for (names, base) in self.names.iter_mut().zip(&found.bases) {
            if let Some(naming) = &base.naming {
                names.insert(id.clone(), naming.clone());
            }
        }
    }

    /// Returns the names that a record of a side has after the run: those of the index if it was
    /// neither written nor dealt with.
    pub(super) fn names_after(&self, side: Side, id: &RecordId, is_written: bool) -> &Naming {
        let at = side.index();
        let is_dealt_with = is_written || !self.unfinished.contains(id);
        let looked_at = self.names[at].get(id).filter(|_| is_dealt_with);
        looked_at.or_else(|| self.input.sides[at].index.naming(id)).unwrap_or(&PLAIN)
    }

    /// Notes the names of records that are written, for who mends a run that is cut off before they
    /// stand in the index; nothing where all fields are called as at the hub.
    pub(super) fn note_of_names(&self, side: Side, written: &[RecordId]) -> Option<Vec<u8>> {
        if self.input.sides[side.index()].is_plain() {
            return None;
        }
        let naming = |id: &RecordId| self.names_after(side, id, true).clone();
        let names = written.iter().map(|id| (id.clone(), naming(id))).collect();
        let mut index = DomainIndex::default();
        index.set_names_unseen(&names);
        Some(index.encode())
    }

    /// Tells of names that stand for two fields, in the records that were looked at.
    pub(super) fn tell_names(&mut self, planner: &Planner<'_>, looked_at: &[RecordId]) {
        for side in Side::BOTH {
            let mut twice: BTreeMap<(Path, &Rename), usize> = BTreeMap::new();
            let names = &self.names[side.index()];
            for naming in looked_at.iter().filter_map(|id| names.get(id)) {
                for second in &naming.beside {
                    *twice.entry((naming.name_of(&second.hub), second)).or_default() += 1;
                }
            }
            let told = twice.into_iter().map(|((name, second), records)| {
                let what = if second.hub == second.domain { ", its name at the hub" } else { "" };
                let reason = format!(
                    "{records} records hold a field as {name}, its name there, and as {}{what}: the \
                     first counts, and the other stays here as it is",
                    second.domain
                );
                (records, reason)
            });
            let told: Vec<_> = told.collect();
            for (records, reason) in told {
                let fix = "remove the one that is not needed";
                self.tell_name(planner, side, records, ("FIELD_NAMED_TWICE", reason, fix));
            }
            let renames = self.input.sides[side.index()].renames.clone();
            for Rename { hub, domain } in displacing(&renames) {
                let records = self.count_holding(side.other(), looked_at, domain);
                let reason = format!(
                    "{records} records of the other side hold a field {domain}, which has no place \
                     here: {domain} is the name of {hub} here"
                );
                let fix = "give one of the two another name in the domain's `rename`";
                self.tell_name(planner, side, records, ("FIELD_WITHOUT_PLACE", reason, fix));
            }
        }
    }

    /// Counts the records of a side that hold a field, by its name at the hub.
    fn count_holding(&self, side: Side, ids: &[RecordId], hub: &Path) -> usize {
        let (input, names) = (&self.input.sides[side.index()], &self.names[side.index()]);
        let holds = |id: &&RecordId| {
            let own = input.own_fields(id).unwrap_or_default();
            let fields = names.get(id).unwrap_or(&PLAIN).to_hub(own);
            fields.iter().any(|(path, _)| hub.is_prefix_of(path))
        };
        ids.iter().filter(holds).count()
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
