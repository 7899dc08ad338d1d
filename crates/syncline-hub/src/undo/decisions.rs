//! Decisions that an undone run had carried to the domains: their conflicts are open again.

use syncline_engine::conflicts::Status;
use syncline_engine::sync::Transaction;
use syncline_merge::commit::{Site, operate};
use syncline_merge::conflict::{ConflictKind, conflicts};
use syncline_merge::display::{Fields, value_at, visible};
use syncline_merge::operation::{Effect, Operation};
use syncline_merge::plain::Base;
use syncline_merge::restore::{Renewals, reopen};
use syncline_merge::state::Record;
use syncline_merge::token::{Context, Token};
use syncline_model::clock::{Clock, Stamp};
use syncline_model::path::Path;
use syncline_model::version::Version;

use super::records::{Party, RecordUndo};
use crate::error::HubError;

impl RecordUndo<'_> {
    /// Takes back, of the record as it was before the run, the decisions that the run carried;
    /// answers of which fields.
    pub(super) fn reopen_values(&self, earlier: &mut Record) -> Vec<Path> {
        let rules = &self.entity.entity.rules;
        let shown = visible(earlier, rules, None).unwrap_or_default();
        let mut reopened = Vec::new();
        for row in self.conflicts.iter().filter(|row| row.status == Status::Resolved) {
            let (path, kind) = (&row.conflict.path, row.conflict.kind);
            let Some(decided) = row.decision.as_ref().filter(|_| kind == ConflictKind::Values)
            else {
                continue;
            };
            let value = value_at(&shown, path, rules);
            let says = |fields: Option<&Fields>| fields.map(|fields| value_at(fields, path, rules));
            let is_carried = |party: &Party| {
                let after = party.now.as_ref().and_then(|base| base.rendering.as_ref());
                party.in_file
                    && says(party.held.as_ref()) != Some(value.clone())
                    && says(after) == Some(value.clone())
            };
            let is_news = self.is_news(path, decided.stamp);
            let is_carried = is_news && self.parties.iter().any(is_carried);
            if is_carried && reopen(earlier, path, decided.stamp, &row.conflict.sides) {
                reopened.push(path.clone());
            }
        }
        reopened
    }

    /// Returns how many decisions that were taken back left their conflict open, and how many left it
    /// to the rules, which settle it again.
    ///
    /// - `values`: the fields of those between values.
    /// - `existence`: how many were between a deletion and an edit.
    pub(super) fn open_and_settled(&self, values: &[Path], existence: u64) -> (u64, u64) {
        let rules = &self.entity.entity.rules;
        let found = self.record.as_ref().map(|record| conflicts(record, rules)).unwrap_or_default();
        let is_open = |kind, path: &Path| {
            found.iter().any(|one| one.open && one.kind == kind && one.path == *path)
        };
        let taken_back = values.len() as u64 + existence;
        let open = values.iter().filter(|path| is_open(ConflictKind::Values, path)).count() as u64;
        let is_question = found.iter().any(|one| one.open && one.kind == ConflictKind::Deletion);
        let open = open + if is_question { existence } else { 0 };
        (open, taken_back - open)
    }

    /// Returns whether no run had told a domain of a change before this one did.
    ///
    /// Who showed already what was decided knows the decision since it was made, by itself.
    fn is_news(&self, path: &Path, stamp: Stamp) -> bool {
        let is_told = |base: Option<&Base>| base.is_some_and(|base| base.token.covers(path, stamp));
        let parties = &self.parties;
        !parties.iter().any(|party| is_told(party.earlier.as_ref()))
            && parties.iter().any(|party| is_told(party.now.as_ref()))
    }

    /// Lets a deletion meet an edit again where the run carried what was decided of the two; answers
    /// how many decisions that were.
    ///
    /// - `earlier`: the record before the run.
    pub(super) fn reopen_existence(
        &mut self,
        earlier: &Record,
        transaction: &mut Transaction,
        clock: &mut Clock,
    ) -> Result<u64, HubError> {
        let rows = std::mem::take(&mut self.conflicts);
        let mut reopened = 0;
        for row in rows.iter().filter(|row| row.status == Status::Resolved) {
            let Some(decided) = row.decision.as_ref() else { continue };
            let is_carried = row.conflict.kind == ConflictKind::Deletion
                && self.is_carried_existence(earlier, decided.stamp);
            if is_carried {
                self.write_existence(&row.conflict.stamps, transaction, clock)?;
                reopened += 1;
            }
        }
        self.conflicts = rows;
        Ok(reopened)
    }

    fn is_carried_existence(&self, earlier: &Record, decision: Stamp) -> bool {
        let [live, deletes] = [&earlier.live, &earlier.deletes].map(|dots| dots.as_slice());
        let is_kept = match (live, deletes) {
            ([only], []) if *only == decision => true,
            ([], [only]) if *only == decision => false,
            _ => return false,
        };
        let is_carried = |party: &Party| {
            let after = party.now.as_ref().and_then(|base| base.rendering.as_ref());
            party.in_file && party.held.is_some() != is_kept && after.is_some() == is_kept
        };
        self.is_news(&Path::root(), decision) && self.parties.iter().any(is_carried)
    }

    /// Writes and deletes the record side by side. Who had seen the two sides of the conflict, which
    /// are `sides`, has seen these.
    fn write_existence(
        &mut self,
        sides: &[Stamp],
        transaction: &mut Transaction,
        clock: &mut Clock,
    ) -> Result<(), HubError> {
        let Some(record) = &self.record else { return Ok(()) };
        let rules = &self.entity.entity.rules;
        let mut token = Token::of(record, rules, None, &[]);
        // The fields of a deleted record are still there: nothing is created anew.
        token.invisible = false;
        let context = Context { base: Some(token), ..Context::default() };
        let by = |is_there: bool| {
            let party = self.parties.iter().find(|party| party.held.is_some() == is_there);
            party.unwrap_or(&self.parties[0]).writer.clone()
        };
        let effects = [(Effect::Delete, by(false)), (Effect::Write(Vec::new()), by(true))];
        for (effect, writer) in effects {
            let operation = Operation { effect, writer, edited: Clock::default(), timed: false };
            let (now_ms, floor) = (transaction.run().at_ms, Version::new());
            let mut site = Site { id: self.site, clock, now_ms, floor: &floor, lost: &[] };
            let committed = operate(self.record.clone(), &operation, &context, rules, &mut site)
                .map_err(|_| HubError::Row { table: "records" })?;
            for base in self.parties.iter_mut().filter_map(|party| party.earlier.as_mut()) {
                if sides.iter().all(|stamp| base.token.version.covers(*stamp)) {
                    base.own.insert(committed.stamp);
                }
            }
            let writer = Some(&operation.writer);
            self.replace(committed.record, committed.stamp, writer, transaction)?;
        }
        Ok(())
    }

    /// Lets what was decided name its change by the new stamp, where it has one.
    pub(super) fn rename_decisions(&mut self, renewals: &Renewals, transaction: &mut Transaction) {
        for row in self.conflicts.iter_mut().filter(|row| row.status == Status::Resolved) {
            let Some(decided) = &mut row.decision else { continue };
            let change = (row.conflict.path.clone(), decided.stamp);
            if let Some(renewed) = renewals.get(&change) {
                decided.stamp = *renewed;
                transaction.put_conflict(row);
            }
        }
    }
}
