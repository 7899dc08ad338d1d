//! The hub's side of an undo: what a record shows again, and what its domains are known to hold.

use std::collections::{BTreeMap, BTreeSet};

use syncline_engine::bases;
use syncline_engine::conflicts::{ConflictRow, Status};
use syncline_engine::link::Side;
use syncline_engine::log::{ChangeKind, LogEntry};
use syncline_engine::rows::{Key, Scan};
use syncline_engine::sync::{Gate, LoggedChange, Transaction, base_key, to_hub};
use syncline_merge::codec::{decode_record, encode_record};
use syncline_merge::commit::{Site, operate};
use syncline_merge::conflict::{ConflictKind, conflicts};
use syncline_merge::diff::difference;
use syncline_merge::display::{Fields, visible};
use syncline_merge::dots::Dots;
use syncline_merge::operation::{Effect, FieldOperation, Operation};
use syncline_merge::plain::Base;
use syncline_merge::state::Record;
use syncline_merge::token::{Context, Token};
use syncline_model::clock::{Clock, Stamp};
use syncline_model::id::{EntityName, Position, RecordId, RunId, SiteId, Writer};
use syncline_model::json::Leaf;
use syncline_model::json::fields::flatten;
use syncline_model::path::Path;
use syncline_model::version::Version;

use super::appends::Lasting;
use super::files::Return;
use crate::error::HubError;
use crate::hub::Hub;
use crate::request::{FileDomain, FileEntity, SyncRequest};
use crate::runs::decode_entry;

/// A record, by its entity.
pub(super) type RecordKey = (EntityName, RecordId);

/// A record in one domain.
pub(super) type SideRecord = (Side, EntityName, RecordId);

/// What a run did at the hub, and what came after.
pub(super) struct Happened {
    /// The changes of the run, in order, by record.
    touched: BTreeMap<RecordKey, Vec<LogEntry>>,
    /// Records that were changed after the run.
    since: BTreeSet<RecordKey>,
}

impl Happened {
    /// Returns whether a record was changed after the run.
    pub(super) fn is_changed_since(&self, key: &RecordKey) -> bool {
        self.since.contains(key)
    }

    /// Returns the records of an entity that the run changed at the hub.
    pub(super) fn touched_of(&self, entity: &EntityName) -> impl Iterator<Item = &RecordId> {
        self.touched.keys().filter(move |(of, _)| of == entity).map(|(_, id)| id)
    }

    /// Returns the run's changes of a record, in order.
    pub(super) fn entries(&self, entity: &EntityName, id: &RecordId) -> &[LogEntry] {
        let key = (entity.clone(), id.clone());
        self.touched.get(&key).map(Vec::as_slice).unwrap_or_default()
    }

    /// Returns the records of an entity that go back: what the run changed, and what it wrote
    /// without a change of its own, but for what is left.
    pub(super) fn returning(
        &self,
        entity: &EntityName,
        returns: &[Return],
        left: &[SideRecord],
    ) -> BTreeSet<RecordId> {
        let in_files = returns.iter().filter(|back| back.entity == *entity);
        let in_files = in_files.flat_map(|back| &back.records);
        let mut ids: BTreeSet<RecordId> =
            self.touched_of(entity).chain(in_files).cloned().collect();
        ids.retain(|id| !self.since.contains(&(entity.clone(), id.clone())));
        for (_, of, id) in left {
            if of == entity {
                ids.remove(id);
            }
        }
        ids
    }
}

/// The files of one entity that go back, to look up what they held before the run.
pub(super) struct InFiles<'a> {
    sides: [Option<&'a Return>; 2],
}

impl<'a> InFiles<'a> {
    pub(super) fn of(entity: &FileEntity, returns: &'a [Return]) -> Self {
        let of = |side| {
            returns.iter().find(|back| back.side == side && back.entity == entity.entity.name)
        };
        Self { sides: Side::BOTH.map(of) }
    }

    /// Returns what a domain's file held of a record before the run; nothing if the file does not
    /// go back.
    fn held(
        &self,
        side: Side,
        domain: &FileDomain,
        entity: &FileEntity,
        id: &RecordId,
    ) -> Option<Option<Fields>> {
        let earlier = &self.sides[side.index()]?.earlier;
        let Some(item) = earlier.item(id) else { return Some(None) };
        let mut fields = flatten(earlier.raw(item)).ok()?;
        fields.retain(|(path, _)| *path != entity.entity.id_path);
        Some(Some(to_hub(domain.renames(&entity.entity.name), fields)))
    }
}

/// One domain of a record that goes back.
struct Party {
    writer: Writer,
    gate: Gate,
    takes: bool,
    key: Key,
    /// What is stored of it.
    stored: Option<Base>,
    /// Whether its file goes back.
    in_file: bool,
    /// What it held before the run.
    held: Option<Fields>,
}

/// A record that goes back.
pub(super) struct RecordUndo<'a> {
    entity: &'a FileEntity,
    id: &'a RecordId,
    key: Key,
    record: Record,
    /// The run's changes, in order; none where it only wrote what the hub knew.
    entries: &'a [LogEntry],
    parties: [Party; 2],
    conflicts: Vec<ConflictRow>,
    site: SiteId,
    /// Who undoes.
    by: Writer,
}

/// What a person should know of a record that goes back.
#[derive(Default)]
pub(super) struct Told {
    /// Conflicts whose decision is taken back.
    pub(super) reopened: u64,
    /// Sides that the next run writes again, since the hub says so.
    pub(super) comes_again: Vec<Side>,
}

/// What a domain itself did to a record in the run.
struct OwnEdits {
    is_any: bool,
    paths: BTreeSet<Path>,
}

impl Hub {
    /// Returns what a run did, and what came after.
    ///
    /// A run without changes of its own has no place in the log; what came after it is told by the
    /// names of the runs, which ascend by time.
    pub(super) fn happened(&self, run: &RunId) -> Result<Happened, HubError> {
        let mut touched: BTreeMap<RecordKey, Vec<LogEntry>> = BTreeMap::new();
        let (mut since, mut later) = (BTreeSet::new(), BTreeSet::new());
        self.for_each(&Scan::Log { from: Position(0) }, |_, bytes| {
            let entry = decode_entry(bytes)?;
            let key = (entry.entity.clone(), entry.id.clone());
            if entry.run.as_ref() == Some(run) {
                touched.entry(key).or_default().push(entry);
            } else if !touched.is_empty() {
                since.insert(key);
            } else if entry.run.as_ref().is_none_or(|other| other > run) {
                later.insert(key);
            }
            Ok(())
        })?;
        let since = if touched.is_empty() { later } else { since };
        Ok(Happened { touched, since })
    }

    /// Gathers what the undo of one record starts from; nothing if the hub has no such record.
    pub(super) fn undo_of<'a>(
        &self,
        request: &SyncRequest,
        entity: &'a FileEntity,
        id: &'a RecordId,
        entries: &'a [LogEntry],
        files: &InFiles<'_>,
    ) -> Result<Option<RecordUndo<'a>>, HubError> {
        let name = &entity.entity.name;
        let key = Key::Record { entity: name.clone(), id: id.clone() };
        let Some(bytes) = self.store.get(&key)? else { return Ok(None) };
        let record = decode_record(&bytes)
            .map_err(|source| HubError::Damaged { table: "records", source })?;
        let [source, target] = Side::BOTH.map(|side| self.party(request, entity, id, side, files));
        let mut listed = Vec::new();
        let of_record = Scan::ConflictsOf { entity: name.clone(), id: id.clone() };
        self.for_each(&of_record, |_, bytes| {
            let row = ConflictRow::decode(bytes);
            listed.push(row.map_err(|_| HubError::Row { table: "conflicts" })?);
            Ok(())
        })?;
        let by = Writer::from(&request.source.domain.name);
        let (parties, site) = ([source?, target?], self.site);
        let conflicts = listed;
        Ok(Some(RecordUndo { entity, id, key, record, entries, parties, conflicts, site, by }))
    }

    fn party(
        &self,
        request: &SyncRequest,
        entity: &FileEntity,
        id: &RecordId,
        side: Side,
        files: &InFiles<'_>,
    ) -> Result<Party, HubError> {
        let file_domain = request.domain(side);
        let domain = &file_domain.domain;
        let key = base_key(&domain.name, &entity.entity.name, id);
        let stored = self.view().base(&key)?;
        let gate = file_domain.gate(&entity.entity.name);
        let in_file = files.held(side, file_domain, entity, id);
        // What the run wrote was written: its file is as the run left it, or came after it.
        let stored = stored.map(Base::with_intent_written);
        let held = match &in_file {
            Some(fields) => fields.as_ref().map(|fields| gate.held(fields).into_owned()),
            None => stored.as_ref().and_then(|base| base.rendering.clone()),
        };
        Ok(Party {
            writer: domain.writer.clone(),
            gate,
            takes: request.direction.takes(side) && domain.writable,
            key,
            stored,
            in_file: in_file.is_some(),
            held,
        })
    }
}

impl RecordUndo<'_> {
    /// Lets the record show what it showed before the run, opens again what the run carried a
    /// decision of, and notes what the domains hold then.
    pub(super) fn put_back(
        mut self,
        transaction: &mut Transaction,
        clock: &mut Clock,
    ) -> Result<Told, HubError> {
        let rules = &self.entity.entity.rules;
        let now = visible(&self.record, rules, None);
        let earlier = earlier(now.clone(), self.entries);
        let lasting = Lasting::of(rules, earlier.as_ref(), now.as_ref());
        let edits = self.parties.each_ref().map(|party| {
            let mut edits = self.edits_of(party);
            edits.paths.retain(|path| !lasting.is_list(path));
            edits
        });
        let reverted = self.revert(now.as_ref(), earlier.as_ref(), &lasting, transaction, clock)?;
        let reopened = self.reopen(transaction, clock)?;
        let mut told = Told { reopened, ..Told::default() };
        for (side, (party, edits)) in Side::BOTH.into_iter().zip(self.parties.iter().zip(&edits)) {
            let known = self.known_of(party, earlier.as_ref(), edits, &lasting);
            if known.comes_again {
                told.comes_again.push(side);
            }
            match known.base {
                Some(base) => transaction.batch.put(party.key.clone(), bases::encode(&base, None)),
                None => transaction.batch.delete(party.key.clone()),
            };
        }
        if reverted || reopened > 0 {
            transaction.batch.put(self.key.clone(), encode_record(&self.record));
        }
        // Also where the run only settled them by other rules than those in force now.
        self.list_conflicts(transaction);
        Ok(told)
    }

    /// Returns which fields a domain itself edited in the run: also where a rule showed another
    /// value, so that its edit is found in the state only.
    fn edits_of(&self, party: &Party) -> OwnEdits {
        let own = |entry: &&LogEntry| match entry.kind {
            ChangeKind::Write => entry.origin == party.writer,
            // What a mirror replaced was its target's.
            ChangeKind::Overwrite => entry.origin != party.writer,
            _ => false,
        };
        let mut paths = BTreeSet::new();
        let mut stamps = BTreeSet::new();
        // What an undone undo wrote is for both files to say: they hold what came before it, which
        // other rules may have settled than those in force now.
        let says = |entry: &&LogEntry| own(entry) || entry.kind == ChangeKind::Undo;
        for entry in self.entries.iter().filter(says) {
            let fields = entry.before.iter().chain(&entry.after).flatten();
            paths.extend(fields.map(|(path, _)| path.clone()));
            stamps.extend((entry.kind == ChangeKind::Write).then_some(entry.stamp));
        }
        for (path, register) in &self.record.body.registers {
            if register.keys().any(|stamp| stamps.contains(stamp)) {
                paths.insert(path.clone());
            }
        }
        OwnEdits { is_any: self.entries.iter().any(|entry| own(&entry)), paths }
    }

    /// Writes what the record showed before the run; answers whether that says anything.
    fn revert(
        &mut self,
        now: Option<&Fields>,
        earlier: Option<&Fields>,
        lasting: &Lasting<'_>,
        transaction: &mut Transaction,
        clock: &mut Clock,
    ) -> Result<bool, HubError> {
        let rules = &self.entity.entity.rules;
        let effect = match earlier {
            None if now.is_none() => return Ok(false),
            None => Effect::Delete,
            Some(earlier) => {
                let nothing = Fields::new();
                let fields = difference(rules, now.unwrap_or(&nothing), earlier).operations;
                let mut fields = lasting.without_appends(&Path::root(), fields);
                fields.extend(self.decided_again(earlier, &fields));
                if fields.is_empty() && now.is_some() {
                    return Ok(false);
                }
                Effect::Write(fields)
            }
        };
        // All that the run added goes, also what no rule shows.
        let in_run: BTreeSet<Stamp> = self.entries.iter().map(|entry| entry.stamp).collect();
        let registers = self.record.body.registers.iter();
        let stamps = registers.flat_map(|(_, register)| register.keys().copied());
        let own: Dots = stamps.filter(|stamp| in_run.contains(stamp)).collect();
        let base = Some(Token::of(&self.record, rules, None, &[]));
        let context = Context { base, own, ..Context::default() };
        // As old as what it replaces: an edit that is made again decides by its own time again.
        let (writer, edited) = (self.by.clone(), Clock::default());
        let operation = Operation { effect, writer, edited, timed: true };
        self.write(&operation, &context, transaction, clock)?;
        Ok(true)
    }

    /// Returns what decides the conflicts that the undone run, itself an undo, had opened, where it
    /// happens to show what was decided.
    fn decided_again(&self, earlier: &Fields, written: &[FieldOperation]) -> Vec<FieldOperation> {
        let of_undo = self.entries.iter().filter(|entry| entry.kind == ChangeKind::Undo);
        let opened: BTreeSet<Stamp> = of_undo.map(|entry| entry.stamp).collect();
        let registers = self.record.body.registers.iter();
        let open = registers.filter(|(path, register)| {
            register.len() > 1
                && register.keys().any(|stamp| opened.contains(stamp))
                && !written.iter().any(|field| field.path() == *path)
        });
        let again = open.map(|(path, _)| {
            let (path, known) = (path.clone(), earlier.iter().find(|(p, _)| p == path));
            match known.map(|(_, value)| value.clone()) {
                Some(value) => FieldOperation::Set { path, value },
                None => FieldOperation::Unset { path },
            }
        });
        again.collect()
    }

    /// Takes back the decisions that the domains do not show any more: the values that were decided
    /// between are written again, side by side. Answers how many.
    fn reopen(
        &mut self,
        transaction: &mut Transaction,
        clock: &mut Clock,
    ) -> Result<u64, HubError> {
        let rows = std::mem::take(&mut self.conflicts);
        let mut reopened = 0;
        for row in rows.iter().filter(|row| row.status == Status::Resolved) {
            let Some(decided) = &row.decision else { continue };
            let operations = match row.conflict.kind {
                ConflictKind::Values => self.values_again(row, decided.stamp),
                ConflictKind::Deletion => self.existence_again(decided.stamp),
                _ => None,
            };
            let Some(operations) = operations else { continue };
            let mut token = Token::of(&self.record, &self.entity.entity.rules, None, &[]);
            // The fields of a deleted record are still there: nothing is created anew.
            token.invisible = false;
            let own = Dots::one(decided.stamp);
            let context = Context { base: Some(token), own, ..Context::default() };
            for operation in &operations {
                self.write(operation, &context, transaction, clock)?;
            }
            reopened += 1;
        }
        self.conflicts = rows;
        Ok(reopened)
    }

    /// Returns what writes the values of a decided conflict again, if the decision still stands and
    /// both domains show what they said before it.
    fn values_again(&self, row: &ConflictRow, decision: Stamp) -> Option<Vec<Operation>> {
        let (path, sides) = (&row.conflict.path, &row.conflict.sides);
        let register = self.record.body.registers.get(path)?;
        let [decided] = register.iter().collect::<Vec<_>>()[..] else { return None };
        let shows = |party: &Party, value: &Option<Leaf>| {
            let held = party.held.iter().flatten().find(|(p, _)| p == path);
            party.held.is_some() && held.map(|(_, leaf)| leaf) == value.as_ref()
        };
        let carried = |party: &Party| party.in_file && !shows(party, &decided.1.value);
        if *decided.0 != decision || !self.parties.iter().any(carried) {
            return None;
        }
        for party in &self.parties {
            let own = sides.iter().filter(|side| side.writer.as_ref() == Some(&party.writer));
            let said = own.max_by_key(|side| (side.edited, side.stamp));
            if said.is_some_and(|said| !shows(party, &said.value)) {
                return None;
            }
        }
        let again = sides.iter().map(|side| {
            let path = path.clone();
            let field = match side.value.clone() {
                Some(value) => FieldOperation::Set { path, value },
                None => FieldOperation::Unset { path },
            };
            let (effect, writer) = (Effect::Write(vec![field]), side.writer.clone()?);
            Some(Operation { effect, writer, edited: side.edited, timed: false })
        });
        again.collect()
    }

    /// Returns what lets a deletion meet an edit again, if the decision still stands and a domain
    /// whose file goes back does not follow it.
    fn existence_again(&self, decision: Stamp) -> Option<Vec<Operation>> {
        let [live, deletes] = [&self.record.live, &self.record.deletes].map(|dots| dots.as_slice());
        let is_kept = match (live, deletes) {
            ([only], []) if *only == decision => true,
            ([], [only]) if *only == decision => false,
            _ => return None,
        };
        let carried = |party: &Party| party.in_file && party.held.is_some() != is_kept;
        if !self.parties.iter().any(carried) {
            return None;
        }
        let holds = self.parties.iter().find(|party| party.held.is_some())?;
        let lacks = self.parties.iter().find(|party| party.held.is_none());
        let deleter = lacks.map_or(&self.by, |party| &party.writer);
        let operation = |effect, writer: &Writer| {
            let writer = writer.clone();
            Operation { effect, writer, edited: Clock::default(), timed: false }
        };
        let write = Effect::Write(Vec::new());
        Some(vec![operation(Effect::Delete, deleter), operation(write, &holds.writer)])
    }

    /// Commits one operation on the record and logs it.
    fn write(
        &mut self,
        operation: &Operation,
        context: &Context,
        transaction: &mut Transaction,
        clock: &mut Clock,
    ) -> Result<(), HubError> {
        let rules = &self.entity.entity.rules;
        let before = visible(&self.record, rules, None);
        let (now_ms, floor) = (transaction.run().at_ms, Version::new());
        let mut site = Site { id: self.site, clock, now_ms, floor: &floor, lost: &[] };
        let record = std::mem::take(&mut self.record);
        let committed = operate(Some(record), operation, context, rules, &mut site)
            .map_err(|_| HubError::Row { table: "records" })?;
        self.record = committed.record;
        let after = visible(&self.record, rules, None);
        let change = LoggedChange {
            kind: ChangeKind::Undo,
            stamp: committed.stamp,
            entity: &self.entity.entity.name,
            id: self.id,
            origin: &operation.writer,
            before: before.as_ref(),
            after: after.as_ref(),
        };
        transaction.log(change).map_err(|_| HubError::Row { table: "audit" })
    }

    /// Returns what is to be known of a domain once its file is back.
    fn known_of(
        &self,
        party: &Party,
        earlier: Option<&Fields>,
        edits: &OwnEdits,
        lasting: &Lasting<'_>,
    ) -> Knowledge {
        let rules = &self.entity.entity.rules;
        let (gate, nothing) = (&party.gate, Fields::new());
        let rendering = self.rendering_of(party, earlier, edits, lasting);
        let shown = visible(&self.record, rules, Some(&party.writer));
        let held = rendering.as_ref().unwrap_or(&nothing);
        let wanted = shown.as_ref().map(|shown| gate.rendering(shown, held));
        let mut withheld = shown.as_ref().map(|shown| gate.withheld(shown)).unwrap_or_default();
        let unseen = match (&rendering, &wanted) {
            (Some(held), Some(wanted)) => differing_paths(held, wanted, &edits.paths),
            _ => Vec::new(),
        };
        let is_new = !self.entries.is_empty() && earlier.is_none();
        let is_alike = match (&rendering, &wanted) {
            (Some(_), Some(_)) => unseen.is_empty(),
            (None, wanted) => is_new || wanted.is_none(),
            (Some(_), None) => false,
        };
        let comes_again = party.in_file
            && party.takes
            && !is_alike
            && !shown.as_ref().is_some_and(|shown| gate.keeps_back(shown));
        if rendering.is_none() && !is_new {
            return Knowledge { base: None, comes_again };
        }
        withheld.extend(unseen);
        let mut token = Token::of(&self.record, rules, Some(&party.writer), &withheld);
        // Who edits what it holds again does not create it anew, without its other fields.
        token.invisible &= rendering.is_none();
        let known = party.stored.iter().filter_map(|base| Some((base, base.rendering.as_ref()?)));
        let mut rendering = rendering;
        for (stored, known) in known {
            for field in gate.out_of_scope(known) {
                token.keep(&field.0, &stored.token);
                let fields = rendering.get_or_insert_default();
                if let Err(at) = fields.binary_search_by(|(path, _)| path.cmp(&field.0)) {
                    fields.insert(at, field);
                }
            }
        }
        let own = gate.own_changes(&self.record, &party.writer).into_iter().collect();
        Knowledge { base: Some(Base { rendering, token, own, intent: None }), comes_again }
    }

    /// Returns what a domain held before the run, without what it edited in the run: that is an
    /// edit again.
    fn rendering_of(
        &self,
        party: &Party,
        earlier: Option<&Fields>,
        edits: &OwnEdits,
        lasting: &Lasting<'_>,
    ) -> Option<Fields> {
        if self.entries.is_empty() {
            return party.held.clone();
        }
        let earlier = earlier?;
        let Some(held) = &party.held else {
            // It lacked the record: that is its own deletion, or it never had it.
            let nothing = Fields::new();
            return edits.is_any.then(|| party.gate.rendering(earlier, &nothing).into_owned());
        };
        let before = party.gate.rendering(earlier, held);
        let untouched = held.iter().filter(|(path, _)| !edits.paths.contains(path)).cloned();
        let undone = before.iter().filter(|(path, _)| edits.paths.contains(path));
        let undone =
            undone.map(|(path, leaf)| (path.clone(), lasting.as_held(path, leaf.clone(), held)));
        let mut rendering: Fields = untouched.chain(undone).collect();
        rendering.sort();
        Some(rendering)
    }

    /// Lists the record's conflicts as they are now.
    fn list_conflicts(&mut self, transaction: &mut Transaction) {
        let entity = &self.entity.entity;
        let mut present = conflicts(&self.record, &entity.rules);
        present.retain(|conflict| Some(&conflict.path) != entity.time_path.as_ref());
        let known = self.conflicts.iter();
        let values: Vec<(Path, Leaf)> =
            known.filter_map(|row| Some((row.conflict.path.clone(), row.base.clone()?))).collect();
        transaction.list_conflicts((&entity.name, self.id), &present, &values, &mut self.conflicts);
    }
}

/// What is to be known of a domain.
struct Knowledge {
    /// `None` if it never held the record.
    base: Option<Base>,
    /// Whether the next run writes there, though nobody edits anything.
    comes_again: bool,
}

/// Returns the fields in which two renderings differ, but for some.
fn differing_paths(a: &Fields, b: &Fields, except: &BTreeSet<Path>) -> Vec<Path> {
    let only = |a: &Fields, b: &Fields| -> Vec<Path> {
        let fields = a.iter().filter(|field| b.binary_search(field).is_err());
        fields.map(|(path, _)| path.clone()).collect()
    };
    let mut paths = only(a, b);
    paths.extend(only(b, a));
    paths.sort();
    paths.dedup();
    paths.retain(|path| !except.contains(path));
    paths
}

/// Returns what a record showed before some changes, from what it shows after them.
fn earlier(now: Option<Fields>, entries: &[LogEntry]) -> Option<Fields> {
    let mut shown = now;
    for entry in entries.iter().rev().filter(|entry| entry.kind != ChangeKind::Overwrite) {
        let Some(before) = &entry.before else {
            shown = None;
            continue;
        };
        let mut fields: Fields = shown.take().unwrap_or_default();
        let after = entry.after.as_deref().unwrap_or_default();
        fields.retain(|field| !after.contains(field));
        fields.extend(before.iter().cloned());
        fields.sort();
        shown = Some(fields);
    }
    shown
}
