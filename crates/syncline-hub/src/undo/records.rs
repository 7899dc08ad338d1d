//! The hub's side of an undo: what a record says again, and what its domains are known to have seen.
//!
//! Every run keeps, of each record that it changes, what it found: the record and what was known of
//! both domains. An undo goes back to exactly that, with one difference: nobody can take back a
//! change that others may know, so what the run had replaced is said anew, see
//! [`restore`](mod@syncline_merge::restore). What somebody wrote beside the run stays where it was.

use std::collections::BTreeMap;

use syncline_engine::bases;
use syncline_engine::conflicts::ConflictRow;
use syncline_engine::link::Side;
use syncline_engine::log::{ChangeKind, LogEntry};
use syncline_engine::rows::Key;
use syncline_engine::sync::{Gate, Held, Known, LoggedChange, Transaction, base_key};
use syncline_engine::undo::{Found, FoundBase};
use syncline_merge::codec::{decode_record, encode_record};
use syncline_merge::commit::Site;
use syncline_merge::conflict::conflicts;
use syncline_merge::display::{Fields, visible};
use syncline_merge::error::Refusal;
use syncline_merge::plain::{Base, Reading};
use syncline_merge::restore::{Renewals, Restored, restore};
use syncline_merge::state::Record;
use syncline_model::clock::{Clock, Stamp};
use syncline_model::id::{DomainName, RecordId, SiteId, Writer};
use syncline_model::json::Leaf;
use syncline_model::path::Path;
use syncline_model::version::Version;

use super::happened::{Happened, InFiles, ReadingRun};
use crate::error::HubError;
use crate::hub::Hub;
use crate::request::{FileEntity, SyncRequest};
use crate::sync::planner;

/// One domain of a record that goes back.
pub(super) struct Party {
    pub(super) writer: Writer,
    key: Key,
    /// What is known of it now: what the run wrote was written, its file is as the run left it or
    /// came after it.
    pub(super) now: Option<Base>,
    /// What was known of it before the run, and is again.
    pub(super) earlier: Option<Base>,
    /// Whether its file goes back.
    pub(super) in_file: bool,
    /// What it holds once the file is back; `None` if it lacks the record.
    pub(super) held: Option<Fields>,
}

/// A domain of another link that knows the record.
struct Other {
    domain: DomainName,
    key: Key,
    /// What is known of it once the record is back.
    base: Option<Base>,
    /// Whether that is what was known at another time: what it said since is news again.
    goes_back: bool,
}

/// A record that goes back.
pub(super) struct RecordUndo<'a> {
    request: &'a SyncRequest,
    pub(super) entity: &'a FileEntity,
    id: &'a RecordId,
    /// What is stored now, for an undo of this undo.
    found: Found,
    pub(super) record: Option<Record>,
    /// As it was before the run.
    earlier: Option<Record>,
    /// What the run, itself an undo, had said anew, and undos of what came after it.
    renewed: Renewals,
    pub(super) parties: [Party; 2],
    /// What is known of domains of other links.
    others: Vec<Other>,
    pub(super) conflicts: Vec<ConflictRow>,
    pub(super) site: SiteId,
    /// Whether the log tells of the run that it did something to the record.
    is_told: bool,
}

/// What a person should know of a record that goes back.
#[derive(Default)]
pub(super) struct Told {
    /// Conflicts whose decision is taken back, and that wait for a person again.
    pub(super) reopened: u64,
    /// Conflicts whose decision is taken back, and that the rules settle.
    pub(super) settled_again: u64,
    /// Sides that the next run writes again, since the hub says so.
    pub(super) comes_again: Vec<Side>,
}

impl Hub {
    /// Gathers what the undo of one record starts from.
    ///
    /// - `found`: what the run had found of it.
    /// - `happened`: what the run did, and what came after it.
    ///
    /// # Errors
    ///
    /// [`HubError::NotUndoable`] if what the run found of the record is not kept any more.
    pub(super) fn undo_of<'a>(
        &self,
        sync_id: &str,
        request: &'a SyncRequest,
        entity: &'a FileEntity,
        id: &'a RecordId,
        (found, happened): (Option<Vec<u8>>, &Happened),
        files: &InFiles<'_>,
    ) -> Result<RecordUndo<'a>, HubError> {
        let name = &entity.entity.name;
        let state = |row: &[u8]| {
            decode_record(row).map_err(|source| HubError::Damaged { table: "records", source })
        };
        let row = self.store.get(&Key::Record { entity: name.clone(), id: id.clone() })?;
        let is_kept = found.is_some();
        let entries = happened.entries(name, id);
        let mut before = match found {
            Some(bytes) => Found::decode(&bytes)
                .map_err(|source| HubError::Damaged { table: "undo", source })?,
            None if row.is_none() || has_come(entries) => Found::default(),
            None => {
                let (id, reason) = (sync_id.to_owned(), "what it found is not kept any more");
                return Err(HubError::NotUndoable { id, reason });
            }
        };
        for run in happened.taken_back(name, id) {
            if let Some(undo) = self.found_by(run, name, id)? {
                follow(&mut before.renewals, undo.renewals);
            }
        }
        let others = self.others(request, entity, id, (&before, happened.read_since(name, id)))?;
        let earlier = before.record.as_deref().map(state).transpose()?;
        let record = row.as_deref().map(state).transpose()?;
        let [of_source, of_target] = before.bases;
        let party = |side, before: FoundBase| {
            let held = files.held(side, entity, id, is_kept.then_some(&before));
            self.party(request, entity, id, side, (before, held))
        };
        let (source, source_row) = party(Side::Source, of_source)?;
        let (target, target_row) = party(Side::Target, of_target)?;
        let base = |row, side| {
            let naming = files.of_side(side).and_then(|back| back.names_now(id));
            FoundBase { row, written: Some(true), naming }
        };
        let bases = [base(source_row, Side::Source), base(target_row, Side::Target)];
        let mut found = Found { record: row, bases, ..Found::default() };
        for Other { domain, key, .. } in others.iter().filter(|other| other.goes_back) {
            let row = self.store.get(key)?;
            found.others.extend(row.map(|row| (domain.clone(), row)));
        }
        Ok(RecordUndo {
            request,
            entity,
            id,
            found,
            record,
            earlier,
            renewed: before.renewals,
            parties: [source, target],
            others,
            conflicts: self.conflicts_of(name, id)?,
            site: self.site,
            is_told: !entries.is_empty(),
        })
    }

    /// Returns what is and was known of one domain, and the former as it is stored.
    ///
    /// - `in_file`: what its file holds once it is back; nothing if it stays as it is.
    fn party(
        &self,
        request: &SyncRequest,
        entity: &FileEntity,
        id: &RecordId,
        side: Side,
        (before, in_file): (FoundBase, Option<Option<Fields>>),
    ) -> Result<(Party, Option<Vec<u8>>), HubError> {
        let file_domain = request.domain(side);
        let writer = file_domain.domain.writer.clone();
        let key = base_key(&file_domain.domain.name, &entity.entity.name, id);
        let row = self.store.get(&key)?;
        let named = self.view().named_entries(row.iter().chain(&before.row).map(Vec::as_slice))?;
        let now = named.decode(row.as_deref(), &[])?.map(Base::with_intent_written);
        let mut earlier = named.decode(before.row.as_deref(), &[])?;
        let held = match &in_file {
            Some(held) => held.clone(),
            None => now.as_ref().and_then(|base| base.rendering.clone()),
        };
        if let Some(base) = &mut earlier {
            let gate = file_domain.gate(&entity.entity.name);
            close_intent(base, &gate, held.as_ref(), (&writer, before.written));
        }
        let in_file = in_file.is_some();
        Ok((Party { writer, key, now, earlier, in_file, held }, row))
    }

    /// Returns what is known of domains that are not of the link, now and once the record is back.
    ///
    /// - `before`: what the run found; of other domains, if it was an undo that has taken back what they
    ///   had said.
    /// - `read_since`: the runs of which this undo takes back what they had taken in.
    fn others(
        &self,
        request: &SyncRequest,
        entity: &FileEntity,
        id: &RecordId,
        (before, read_since): (&Found, &[ReadingRun]),
    ) -> Result<Vec<Other>, HubError> {
        let name = &entity.entity.name;
        let mut former: BTreeMap<DomainName, Option<Base>> = BTreeMap::new();
        // The first of the runs found what was known before all of them.
        for (run, domains) in read_since.iter().rev() {
            let found = self.found_by(run, name, id)?.unwrap_or_default();
            for (domain, base) in domains.iter().zip(found.bases) {
                let base = self.decoded(base.row.as_deref())?;
                former.insert(domain.clone(), base.map(Base::with_intent_written));
            }
        }
        for (domain, row) in &before.others {
            former.insert(domain.clone(), self.decoded(Some(row))?);
        }
        let now = self.settled_bases(name, id)?.into_iter();
        let now = now.filter(|(domain, _)| !former.contains_key(domain));
        let now: Vec<_> = now.map(|(domain, base)| (domain, Some(base), false)).collect();
        let former = former.into_iter().map(|(domain, base)| (domain, base, true));
        let own = Side::BOTH.map(|side| &request.domain(side).domain.name);
        let others = former.chain(now).filter(|(domain, ..)| !own.contains(&domain));
        let other = |(domain, base, goes_back)| Other {
            key: base_key(&domain, name, id),
            domain,
            base,
            goes_back,
        };
        Ok(others.map(other).collect())
    }

    /// Decodes what was stored of a domain.
    pub(super) fn decoded(&self, row: Option<&[u8]>) -> Result<Option<Base>, HubError> {
        self.view().named_entries(row.into_iter())?.decode(row, &[])
    }
}

/// Lets what was renewed be known by the names that a later undo gave it.
fn follow(renewals: &mut Renewals, later: Renewals) {
    for ((path, _), name) in renewals.iter_mut() {
        if let Some(renewed) = later.get(&(path.clone(), *name)) {
            *name = *renewed;
        }
    }
    for (change, name) in later {
        renewals.entry(change).or_insert(name);
    }
}

/// Returns whether a record came with the run: then the run had found nothing of it.
fn has_come(entries: &[LogEntry]) -> bool {
    let mut changes = entries.iter().filter(|entry| entry.kind.changes_a_record());
    changes.next().is_some_and(|first| first.before.is_none())
}

/// Closes an open write of a domain, as the run did that read it.
fn close_intent(
    base: &mut Base,
    gate: &Gate,
    held: Option<&Fields>,
    (writer, written): (&Writer, Option<bool>),
) {
    let Some(intent) = &base.intent else { return };
    let held = held.map(|held| gate.held(held));
    let fields = held.as_ref().map(|held| gate.reading(held, intent.rendering.as_ref()));
    let fields = fields.as_deref();
    let edited = Clock::default();
    base.close_intent(&Reading { fields, writer, edited, timed: false, written });
}

impl RecordUndo<'_> {
    /// Lets the record say what it said before the run, opens again what the run carried a decision
    /// of, and notes what the domains hold and have seen then.
    pub(super) fn put_back(
        mut self,
        transaction: &mut Transaction,
        clock: &mut Clock,
    ) -> Result<Told, HubError> {
        let mut earlier = self.earlier.take().unwrap_or_default();
        let values = self.reopen_values(&mut earlier);
        let restored = self.restore(&earlier, transaction.run().at_ms, clock)?;
        if let Some(restored) = restored {
            let stamp = restored.stamp;
            self.rename_decisions(&restored.renewals, transaction);
            self.found.renewals = restored.renewals;
            self.replace(restored.record, stamp, None, transaction)?;
            for Other { key, base, .. } in std::mem::take(&mut self.others) {
                match base {
                    Some(base) => transaction.batch.put(key, bases::encode(&base, None)),
                    None => transaction.batch.delete(key),
                };
            }
        } else if self.is_told {
            self.log_nothing_new(transaction)?;
        }
        let existence = self.reopen_existence(&earlier, transaction, clock)?;
        let (reopened, settled_again) = self.open_and_settled(&values, existence);
        let name = &self.entity.entity.name;
        transaction.keep_found(name, self.id, &self.found);
        if let Some(record) = &self.record {
            let (entity, id) = (name.clone(), self.id.clone());
            transaction.batch.put(Key::Record { entity, id }, encode_record(record));
        }
        for party in &self.parties {
            match &party.earlier {
                Some(base) => transaction.batch.put(party.key.clone(), bases::encode(base, None)),
                None => transaction.batch.delete(party.key.clone()),
            };
        }
        // Also where the run only settled them by other rules than those in force now.
        self.list_conflicts(transaction);
        let comes_again = self.comes_again(transaction.run().at_ms, *clock);
        Ok(Told { reopened, settled_again, comes_again })
    }

    /// Returns the record as it was, with new stamps where it has to say things anew; nothing if it
    /// is as it was. What its domains had seen of it is what they have seen again.
    fn restore(
        &mut self,
        earlier: &Record,
        now_ms: u64,
        clock: &mut Clock,
    ) -> Result<Option<Restored>, HubError> {
        let nothing = Record::default();
        let now = self.record.as_ref().unwrap_or(&nothing);
        let parties = self.parties.iter_mut().filter_map(|party| party.earlier.as_mut());
        let others = self.others.iter_mut().filter_map(|other| other.base.as_mut());
        let mut bases: Vec<&mut Base> = parties.chain(others).collect();
        let floor = Version::new();
        let mut site = Site { id: self.site, clock, now_ms, floor: &floor, lost: &[] };
        restore(now, earlier, &self.renewed, &mut bases, &mut site).map_err(|refusal| match refusal
        {
            Refusal::ClockExhausted => HubError::ClockExhausted,
            _ => HubError::Row { table: "records" },
        })
    }

    /// Puts another state of the record in the place of the present one, and logs it.
    pub(super) fn replace(
        &mut self,
        record: Record,
        stamp: Stamp,
        origin: Option<&Writer>,
        transaction: &mut Transaction,
    ) -> Result<(), HubError> {
        let rules = &self.entity.entity.rules;
        let before = self.record.as_ref().and_then(|record| visible(record, rules, None));
        let after = visible(&record, rules, None);
        self.record = Some(record);
        self.log((before, after), stamp, origin, transaction)
    }

    /// Logs that the run was taken back where the record says the same as before: a mirror has only
    /// replaced what a file held. Undos of earlier runs learn by it that this is none of what came since.
    fn log_nothing_new(&self, transaction: &mut Transaction) -> Result<(), HubError> {
        let record = self.record.as_ref();
        let shown = record.and_then(|record| visible(record, &self.entity.entity.rules, None));
        let clock = record.map(|record| record.version.clock_max()).unwrap_or_default();
        let stamp = Stamp::new(clock, self.site);
        self.log((shown.clone(), shown), stamp, None, transaction)
    }

    /// Logs what the record says, and what it said.
    fn log(
        &self,
        (before, after): (Option<Fields>, Option<Fields>),
        stamp: Stamp,
        origin: Option<&Writer>,
        transaction: &mut Transaction,
    ) -> Result<(), HubError> {
        let change = LoggedChange {
            kind: ChangeKind::Undo,
            stamp,
            entity: &self.entity.entity.name,
            id: self.id,
            origin: origin.unwrap_or(&self.parties[Side::Source.index()].writer),
            before: before.as_ref(),
            after: after.as_ref(),
        };
        transaction.log(change).map_err(|_| HubError::Row { table: "audit" })
    }

    /// Lists the record's conflicts as they are now.
    fn list_conflicts(&mut self, transaction: &mut Transaction) {
        let Some(record) = &self.record else { return };
        let entity = &self.entity.entity;
        let mut present = conflicts(record, &entity.rules);
        present.retain(|conflict| Some(&conflict.path) != entity.time_path.as_ref());
        let known = self.conflicts.iter();
        let values: Vec<(Path, Leaf)> =
            known.filter_map(|row| Some((row.conflict.path.clone(), row.base.clone()?))).collect();
        transaction.list_conflicts((&entity.name, self.id), &present, &values, &mut self.conflicts);
    }

    /// Returns which sides the next run writes although the other one does not edit the record: it
    /// is planned as that run would.
    fn comes_again(&self, now_ms: u64, mut clock: Clock) -> Vec<Side> {
        let held = self.parties.each_ref().map(|party| match &party.held {
            Some(fields) => Held::Present { fields: fields.clone(), file_ms: None },
            None => Held::Absent,
        });
        let known = Known {
            record: self.record.clone(),
            held,
            bases: self.parties.each_ref().map(|party| party.earlier.clone()),
            written: [None; 2],
            renamed: [false; 2],
            outside: Vec::new(),
        };
        let floor = Version::new();
        let mut site = Site { id: self.site, clock: &mut clock, now_ms, floor: &floor, lost: &[] };
        // A record that the run would refuse is told by the run.
        let Ok(plan) = planner(self.request, self.entity).record(known, &mut site) else {
            return Vec::new();
        };
        let edits = |side: Side| plan.changes.iter().any(|change| change.side == side);
        let writes = |side: &Side| plan.writes[side.index()].is_some() && !edits(side.other());
        Side::BOTH.into_iter().filter(writes).collect()
    }
}
