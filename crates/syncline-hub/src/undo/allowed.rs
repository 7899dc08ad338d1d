//! What an undo may write: it obeys the policies that are in force now, where they are not those of
//! the run.

use std::collections::{BTreeMap, BTreeSet};

use syncline_engine::link::{LinkedDomain, Side};
use syncline_engine::rows::Key;
use syncline_engine::sync::{Gate, Held, PLAIN};
use syncline_engine::undo::Found;
use syncline_merge::codec::decode_record;
use syncline_merge::display::{Field, Fields};
use syncline_merge::rules::EntityRules;
use syncline_merge::state::{Record, Register};
use syncline_model::id::{EntityName, RecordId, Writer};
use syncline_model::json::{Json, Object};

use super::files::{AsLeft, Return, ReturnPlan};
use super::happened::{RecordKey, item_of};
use crate::error::HubError;
use crate::hub::Hub;
use crate::request::{FileEntity, SyncRequest};
use crate::sync::SideInput;

impl Hub {
    /// Returns the records, of those that would come back, of which a policy keeps from a domain by
    /// now what would come back there: more than what stands there now, and than what it had by
    /// itself. Whether a record is private is what any domain says of it now, in its file as well.
    ///
    /// Under the policies of the run, every file gets back what it held itself: it came there before
    /// the rule did, and the rule let it stay. The run has judged what was private then; it has not
    /// what somebody says since.
    pub(super) fn withheld(
        &self,
        request: &SyncRequest,
        plan: &ReturnPlan<'_>,
        returns: &[Return],
    ) -> Result<BTreeSet<RecordKey>, HubError> {
        let mut withheld = BTreeSet::new();
        for back in returns {
            let entity = request.entities.iter().find(|entity| entity.entity.name == back.entity);
            let Some(entity) = entity else { continue };
            let gates = Gates::of(request, entity, back.side, plan.run);
            if gates.keep_nothing() {
                continue;
            }
            let elsewhere = match gates.judge_records() {
                true => Some(self.elsewhere(request, entity, back.side.other(), plan)?),
                false => None,
            };
            for id in &back.records {
                let found = self.found_by(plan.run_id, &entity.entity.name, id)?;
                let holds = elsewhere.as_ref().map(|elsewhere| {
                    let is_judged = gates.are_of_run && elsewhere.is_as_left(id);
                    (!is_judged).then(|| elsewhere.file.held(id, &entity.entity.id_path, &[]).0)
                });
                let holds = holds.flatten();
                let says = (&gates, holds.as_ref());
                let domain = &request.domain(back.side).domain;
                if self.is_kept_from(domain, entity, id, back, found.as_ref(), says)? {
                    withheld.insert((entity.entity.name.clone(), id.clone()));
                }
            }
        }
        Ok(withheld)
    }

    /// Returns whether a record, as it would come back, holds what its domain is not to hold.
    ///
    /// - `found`: what the run found of it, if that is kept.
    /// - `elsewhere`: what the other domain holds, where that may make it private.
    fn is_kept_from(
        &self,
        domain: &LinkedDomain,
        entity: &FileEntity,
        id: &RecordId,
        back: &Return,
        found: Option<&Found>,
        (gates, elsewhere): (&Gates, Option<&Held>),
    ) -> Result<bool, HubError> {
        let known = found.map(|found| &found.bases[back.side.index()]);
        let earlier = item_of(&back.earlier, entity, id, &back.names_before(id, known));
        let Some(earlier) = earlier else { return Ok(false) };
        let (now, before) = self.states(found, entity, id)?;
        let rules = &entity.entity.rules;
        let is_private_elsewhere =
            matches!(elsewhere, Some(Held::Present { fields, .. }) if gates.keep_back(fields));
        // The run has judged what it found, and what it left.
        let is_private = is_private_elsewhere
            || (!gates.are_of_run
                && (gates.keep_back(&earlier)
                    || gates.keep_back_record(now.as_ref(), rules)
                    || gates.keep_back_record(before.record.as_ref(), rules)));
        let stands = item_of(&back.now, entity, id, back.index.naming(id).unwrap_or(&PLAIN));
        let stands: BTreeSet<Field> = stands.into_iter().flatten().collect();
        let given = &before.given[back.side.index()];
        let is_kept = |field: &&Field| is_private || gates.keep_from(field);
        let mut kept = earlier.iter().filter(is_kept).filter(|field| !stands.contains(*field));
        // What the domain has written itself may come back there.
        let is_own = |field: &Field| has_written(now.as_ref(), &domain.writer, field);
        Ok(kept.any(|field| given.contains(field) && !is_own(field)))
    }

    /// Returns what a domain holds, and what it held when the run had ended.
    fn elsewhere(
        &self,
        request: &SyncRequest,
        entity: &FileEntity,
        side: Side,
        plan: &ReturnPlan<'_>,
    ) -> Result<Elsewhere, HubError> {
        let file = self.view().read_side(request, entity, side)?;
        let as_left = self.as_left(request, entity, side, plan, file.digest)?;
        Ok(Elsewhere { file, as_left })
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

/// Refuses an undo that would write into a domain that may not be written into.
///
/// # Errors
///
/// [`HubError::NotUndoable`].
pub(super) fn may_write(
    request: &SyncRequest,
    sync_id: &str,
    returns: &[Return],
) -> Result<(), HubError> {
    if returns.iter().all(|back| request.domain(back.side).domain.writable) {
        return Ok(());
    }
    let reason = "it wrote a domain that may not be written into by now";
    Err(HubError::NotUndoable { id: sync_id.to_owned(), reason })
}

/// The other domain than the one that something comes back to.
struct Elsewhere {
    file: SideInput,
    as_left: AsLeft,
}

impl Elsewhere {
    /// Returns whether a record is there as it was when the run had ended, and was judged by it.
    fn is_as_left(&self, id: &RecordId) -> bool {
        self.as_left.is_untouched(&self.file.document, id)
    }
}

/// The gates between a domain that something comes back to and the other one of the link.
struct Gates {
    own: Gate,
    other: Gate,
    /// Whether they are as they were in the run, or in the first of a row of undos.
    are_of_run: bool,
}

impl Gates {
    /// - `run`: the report of the run that is taken back.
    fn of(request: &SyncRequest, entity: &FileEntity, side: Side, run: &Object) -> Self {
        let name = &entity.entity.name;
        let gate = |side: Side| request.domain(side).gate(name);
        let are_of_run = policies_of(run).get(name) == Some(&request.policies(name));
        Self { own: gate(side), other: gate(side.other()), are_of_run }
    }

    fn both(&self) -> [&Gate; 2] {
        [&self.own, &self.other]
    }

    /// Returns whether no record has to be looked at.
    fn keep_nothing(&self) -> bool {
        let pass_everything = || self.both().iter().all(|gate| gate.passes_everything());
        (self.are_of_run && !self.judge_records()) || pass_everything()
    }

    fn judge_records(&self) -> bool {
        self.both().iter().any(|gate| gate.judges_records())
    }

    fn keep_back(&self, fields: &Fields) -> bool {
        self.both().iter().any(|gate| gate.keeps_back(fields))
    }

    fn keep_back_record(&self, record: Option<&Record>, rules: &EntityRules) -> bool {
        record.is_some_and(|record| {
            self.both().iter().any(|gate| gate.keeps_back_record(record, rules))
        })
    }

    /// Returns whether a field does not come into the domain, or does not leave the other one, by a
    /// rule that came after the run.
    fn keep_from(&self, (path, leaf): &Field) -> bool {
        !self.are_of_run && (self.own.conceals(path, leaf) || self.other.withholds(path, leaf))
    }
}

/// Returns the digests of the policies that were in force in a run, by entity.
pub(super) fn policies_of(run: &Object) -> BTreeMap<EntityName, String> {
    let Some(Json::Object(policies)) = run.get("policies") else { return BTreeMap::new() };
    let of_entity = |(entity, digest): (&str, &Json)| {
        Some((EntityName::new(entity).ok()?, digest.as_str()?.to_owned()))
    };
    policies.iter().filter_map(of_entity).collect()
}

/// Returns whether a field of a record has its value from a writer.
fn has_written(record: Option<&Record>, writer: &Writer, (path, leaf): &Field) -> bool {
    let register = record.and_then(|record| record.body.registers.get(path));
    let mut entries = register.into_iter().flat_map(Register::values);
    entries.any(|entry| entry.writer == *writer && entry.value.as_ref() == Some(leaf))
}

/// A record as the hub knew it before a run, under the policy of then.
#[derive(Default)]
struct Before {
    record: Option<Record>,
    /// What each domain was known to hold.
    given: [Fields; 2],
}
