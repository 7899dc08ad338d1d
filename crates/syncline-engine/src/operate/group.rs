//! Deciding a group of operations.

use std::collections::BTreeMap;
use std::sync::Arc;

use syncline_merge::codec::encode_record;
use syncline_merge::commit::{Capped, Committed, Site, operate};
use syncline_merge::conflict::{Conflict, ConflictKind, Side, conflicts};
use syncline_merge::display::{Fields, is_uncontested, visible};
use syncline_merge::dots::Dots;
use syncline_merge::error::Refusal;
use syncline_merge::fault::{Fault, is_planted};
use syncline_merge::operation::{Effect, Operation};
use syncline_merge::rules::EntityRules;
use syncline_merge::state::Record;
use syncline_merge::token::{Context, Token};
use syncline_model::clock::{Clock, Stamp};
use syncline_model::id::{ClientId, EntityName, Position, SiteId, Writer};
use syncline_model::path::Path;
use syncline_model::version::Version;
use syncline_policy::Deed;
use syncline_policy::view::Sight;

use super::rows::{Loaded, RecordKey};
use super::shaped::Shaping;
use super::sight::{Judge, Seen};
use super::unset::{may_take_along, with_fields_below};
use super::{
    Answer, Applied, ClientOperation, Entities, Now, Rejection, Repeated, Rows, STATE_BYTES_MAX,
};
use crate::conflicts::{ConflictRow, Status};
use crate::event::{Event, type_of_change};
use crate::log::ChangeKind;
use crate::results::{ClientResults, Fate, Known, OperationResult};
use crate::rows::Key;
use crate::sync::{LoggedChange, Transaction};

/// What a group of operations is decided with, beside the rows.
#[derive(Clone, Copy, Debug)]
pub struct GroupFacts<'a> {
    /// The entities that the hub knows, with their rules.
    pub entities: &'a Entities,
    /// The hub's incarnation.
    pub site: SiteId,
    /// What the hub has forgotten.
    pub floor: &'a Version,
    /// Sites that an operator declared lost.
    pub lost: &'a [SiteId],
}

/// A group of operations on its way.
///
/// Hand the operations to [`Group::handle_operation`] in the order in which they came, for as long
/// as [`Group::bytes`] allows; then save what [`Group::finish`] answers with.
#[derive(Debug)]
pub struct Group<'a> {
    facts: GroupFacts<'a>,
    clock: Clock,
    rows: Rows,
    transaction: Transaction,
    states_bytes: usize,
    applied: u64,
    rejected: BTreeMap<&'static str, u64>,
}

/// What comes with an operation that was received from elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accompanied {
    /// Rows that are saved if and only if the operation is applied.
    pub rows: Vec<(Key, Vec<u8>)>,
    /// The hubs that the change came through.
    pub hops: Vec<SiteId>,
}

/// What a group came to.
#[derive(Debug)]
pub struct Decided {
    /// The rows to save, the end of the log and the commitments to the changes.
    pub transaction: Transaction,
    /// The hub's clock after the group.
    pub clock: Clock,
    /// What is known of the clients once the rows are saved.
    pub clients: BTreeMap<ClientId, ClientResults>,
    /// How many operations were applied.
    pub applied: u64,
    /// How many were rejected, by code.
    pub rejected: BTreeMap<&'static str, u64>,
}

impl<'a> Group<'a> {
    /// Begins a group on the given rows. The transaction says where the log ends and when it is.
    pub const fn new(
        facts: GroupFacts<'a>,
        clock: Clock,
        rows: Rows,
        transaction: Transaction,
    ) -> Self {
        Self {
            facts,
            clock,
            rows,
            transaction,
            states_bytes: 0,
            applied: 0,
            rejected: BTreeMap::new(),
        }
    }

    /// Returns how much is to be saved so far, in bytes, or more: a state counts as often as it was
    /// changed.
    pub const fn bytes(&self) -> usize {
        self.transaction.batch.bytes() + self.states_bytes
    }

    /// Returns what an operation is about to do to its record, as its sender sees it; nothing where it was
    /// answered before, or nothing is there to delete.
    ///
    /// Ask before the group's first operation is decided: it is said of the records as they were loaded.
    pub fn deed(&mut self, sight: &Sight, operation: &ClientOperation) -> Option<Deed> {
        let results = self.rows.clients.get(&operation.id.client)?;
        if results.get(operation.id.counter) != Known::Nothing {
            return None;
        }
        let rules = self.facts.entities.rules(&operation.entity)?;
        if operation.is_event_only() {
            return None;
        }
        let key: RecordKey = (operation.entity.clone(), operation.record.clone());
        let loaded = self.rows.records.get_mut(&key)?;
        let record = loaded.record.as_ref();
        let shown = loaded.shown.get_or_insert_with(|| shown_to_all(record, rules));
        let is_there = shown.is_some()
            && matches!(Seen::by(sight, &operation.entity, shown.as_deref()), Seen::Through(_));
        match (&operation.effect, is_there) {
            (Effect::Delete, true) => Some(Deed::Delete),
            (Effect::Delete, false) => None,
            (Effect::Write(_), true) => Some(Deed::Change),
            (Effect::Write(_), false) => Some(Deed::Create),
        }
    }

    /// Decides one operation of a client that may see and write everything.
    pub fn handle_operation(&mut self, operation: ClientOperation) -> Answer {
        self.handle_operation_for(&Sight::everything(&[]), operation)
    }

    /// Decides one operation of a client that may see and write no more than this.
    pub fn handle_operation_for(&mut self, sight: &Sight, operation: ClientOperation) -> Answer {
        let client = operation.id.client.clone();
        let mut results = self.rows.clients.remove(&client).unwrap_or_default();
        let answer = self.decide(operation, &mut results, sight);
        self.rows.clients.insert(client, results);
        self.counted(answer)
    }

    /// Decides one operation that came from elsewhere, as [`handle_operation_for`](Self::handle_operation_for)
    /// does. If it is applied now, the change came through hubs, and rows are saved with it.
    pub fn handle_received(
        &mut self,
        sight: &Sight,
        operation: ClientOperation,
        with: Accompanied,
    ) -> Answer {
        self.transaction.hops = with.hops;
        let answer = self.handle_operation_for(sight, operation);
        self.transaction.hops = Vec::new();
        if matches!(answer, Answer::Applied(_)) {
            for (key, value) in with.rows {
                self.transaction.batch.put(key, value);
            }
        }
        answer
    }

    /// Answers an operation that is not to be applied, unless it was answered before. The reason is
    /// not kept as its result.
    pub fn handle_refused_for(
        &mut self,
        sight: &Sight,
        operation: &ClientOperation,
        why: Rejection,
    ) -> Answer {
        let client = operation.id.client.clone();
        let results = self.rows.clients.remove(&client).unwrap_or_default();
        let known = self.known(operation, &results, sight);
        self.rows.clients.insert(client, results);
        self.counted(known.unwrap_or(Answer::Rejected(why)))
    }

    fn counted(&mut self, answer: Answer) -> Answer {
        match &answer {
            Answer::Applied(_) => self.applied += 1,
            // Who is held is noted once, and sends again and again.
            Answer::Duplicate(_) | Answer::Rejected(Rejection::Held(_)) => {}
            Answer::Rejected(why) => *self.rejected.entry(why.code()).or_default() += 1,
        }
        answer
    }

    fn decide(
        &mut self,
        operation: ClientOperation,
        results: &mut ClientResults,
        sight: &Sight,
    ) -> Answer {
        if operation.event.is_some() && !sight.is_everything() {
            // Before anything is said of what was emitted, and without taking the event's id.
            return Answer::Rejected(Rejection::EventDenied);
        }
        if let Some(answer) = self.known(&operation, results, sight) {
            return answer;
        }
        let counter = operation.id.counter;
        let (client, entity) = (operation.id.client.clone(), operation.entity.clone());
        let id = operation.record.clone();
        let deletes = matches!(operation.effect, Effect::Delete);
        let emits = operation.event.as_ref().filter(|_| operation.is_event_only());
        let (emits, has_event) = (emits.map(|event| event.digest()), operation.event.is_some());
        let (fate, answer) = match self.apply(operation, results, sight) {
            Ok(applied) if let Some(digest) = emits => {
                (Fate::Emitted(applied.stamp, digest), Ok(applied))
            }
            Ok(applied) if deletes => (Fate::Deleted(applied.stamp), Ok(applied)),
            Ok(applied) => (Fate::Written(applied.stamp), Ok(applied)),
            // The id of an event is its sender's: what was refused may come again, corrected.
            Err(why) if why.is_final() && !has_event => {
                let code = why.code().into();
                (Fate::Refused { code }, Err(why))
            }
            Err(why) => return Answer::Rejected(why),
        };
        let result = OperationResult { entity, id, fate };
        results.put(&client, counter, result, &mut self.transaction.batch);
        answer.map_or_else(Answer::Rejected, Answer::Applied)
    }

    /// Answers an operation that was answered before, or is too old for anybody to know.
    fn known(
        &mut self,
        operation: &ClientOperation,
        results: &ClientResults,
        sight: &Sight,
    ) -> Option<Answer> {
        let counter = operation.id.counter;
        match results.get(counter) {
            Known::Answered(result) => {
                if result.entity != operation.entity || result.id != operation.record {
                    return Some(Answer::Rejected(Rejection::CounterReused { counter }));
                }
                if let (Fate::Emitted(_, digest), event) = (&result.fate, &operation.event)
                    && event.as_ref().is_none_or(|event| event.digest() != *digest)
                {
                    return Some(Answer::Rejected(Rejection::EventReused));
                }
                let (result, now) = (result.clone(), self.now(operation, sight));
                Some(Answer::Duplicate(Box::new(Repeated { result, now })))
            }
            Known::TooOld if counter > 0 => {
                let floor = results.floor();
                Some(Answer::Rejected(Rejection::TooOld { counter, floor }))
            }
            Known::TooOld | Known::Nothing => None,
        }
    }

    /// Returns what the sender of an operation is shown of its record now.
    fn now(&mut self, operation: &ClientOperation, sight: &Sight) -> Option<Now> {
        // It may have been taken while the entity was known.
        let nothing_said = EntityRules::default();
        let rules = self.facts.entities.rules(&operation.entity).unwrap_or(&nothing_said);
        let key: RecordKey = (operation.entity.clone(), operation.record.clone());
        let loaded = self.rows.records.get_mut(&key)?;
        if loaded.damaged {
            return None;
        }
        let writer = Writer::from(&operation.id.client);
        let record = loaded.record.as_ref();
        let shown = loaded.shown.get_or_insert_with(|| shown_to_all(record, rules));
        let seen = Seen::by(sight, &operation.entity, shown.as_deref());
        Some(Now {
            fields: seen.fields(shown_to(&writer, record, rules, shown)),
            token: record.map(|record| seen.token(record, rules, &writer)).unwrap_or_default(),
            position: self.transaction.position,
        })
    }

    fn apply(
        &mut self,
        mut operation: ClientOperation,
        results: &ClientResults,
        sight: &Sight,
    ) -> Result<Box<Applied>, Rejection> {
        check(&operation, results)?;
        if operation.is_event_only() {
            return self.emit_only(operation);
        }
        let facts = self.facts;
        let rules = facts.entities.rules(&operation.entity);
        let rules = rules.ok_or(Rejection::EntityUnknown)?;
        let key: RecordKey = (operation.entity.clone(), operation.record.clone());
        let mut loaded = self.rows.records.remove(&key).unwrap_or_default();
        operation.base = operation.base.filter(|base| !self.has_forgotten(&loaded, base));
        let done = self.change(operation, results, rules, &key, &mut loaded, sight);
        if done.is_err() {
            // The refused operation took the state apart.
            loaded.read();
        }
        self.rows.records.insert(key, loaded);
        done
    }

    /// Emits an event that stands for itself.
    fn emit_only(&mut self, operation: ClientOperation) -> Result<Box<Applied>, Rejection> {
        let ClientOperation { id, entity, record, effect, event, .. } = operation;
        let clock = self.clock.tick(self.transaction.run().at_ms);
        let clock = clock.map_err(|_| Refusal::ClockExhausted)?;
        let stamp = Stamp::new(clock, self.facts.site);
        let event = self.log_event(&(entity, record), &Writer::from(&id.client), stamp, event)?;
        self.clock = clock;
        Ok(Box::new(Applied {
            stamp,
            position: self.transaction.position,
            event,
            token: Token::default(),
            had_seen_all: true,
            before: None,
            after: None,
            effect,
            conflicts: Vec::new(),
            open: Vec::new(),
        }))
    }

    /// Adds an event to the log, if there is one; answers where it stands.
    fn log_event(
        &mut self,
        (entity, id): &RecordKey,
        origin: &Writer,
        stamp: Stamp,
        event: Option<Box<Event>>,
    ) -> Result<Option<Position>, Rejection> {
        let Some(event) = event else { return Ok(None) };
        let after = Some(event.image());
        let kind = ChangeKind::Event;
        // One that was not there keeps all of its image.
        let change = LoggedChange { kind, stamp, entity, id, origin, before: None, after };
        self.transaction.log(change).map_err(|_| Rejection::EntityUnknown)?;
        Ok(Some(self.transaction.position))
    }

    fn change(
        &mut self,
        operation: ClientOperation,
        results: &ClientResults,
        rules: &EntityRules,
        key: &RecordKey,
        loaded: &mut Loaded,
        sight: &Sight,
    ) -> Result<Box<Applied>, Rejection> {
        if loaded.damaged {
            return Err(Rejection::Damaged);
        }
        let record = loaded.record.as_ref();
        let context = context(operation.base, results, key, (record, self.facts.floor));
        let writer = Writer::from(&operation.id.client);
        let before = loaded.shown.take().unwrap_or_else(|| shown_to_all(record, rules));
        let mut judge = Judge::new(sight, &key.0, &operation.effect);
        judge.before(before.as_deref())?;
        let deleted = record.filter(|_| before.is_none());
        let context = judge.upon_deleted(context, deleted, rules, &writer)?;
        let (mut effect, event) = (operation.effect, operation.event);
        let context = judge.upon_removed(context, &mut effect, record, rules, &writer);
        let seen = Seen::by(sight, &key.0, before.as_deref());
        let has_seen_all =
            record.is_none_or(|record| has_seen(&context, record, rules, &writer, &seen));
        let seen_before =
            has_seen_all.then(|| seen.fields(shown_to(&writer, record, rules, &before)));
        let shown = seen_before
            .clone()
            .unwrap_or_else(|| seen.fields(shown_to(&writer, record, rules, &before)));
        let by = Shaping { context: &context, rules, writer: &writer };
        let shown = (before.as_deref(), shown.as_deref());
        let (effect, said) = in_shape(effect, record, shown, by);
        let operation = Operation { effect, writer, edited: operation.edited, timed: true };
        let (mut clock, now_ms) = (self.clock, self.transaction.run().at_ms);
        let GroupFacts { site: id, floor, lost, .. } = self.facts;
        let mut site = Site { id, clock: &mut clock, now_ms, floor, lost };
        let Committed { record, stamp, capped } =
            operate(loaded.record.take(), &operation, &context, rules, &mut site)?;
        let bytes = encode_record(&record);
        let after = shown_to_all(Some(&record), rules);
        judge.after(before.as_deref(), after.as_deref(), &operation.effect)?;
        if bytes.len() > STATE_BYTES_MAX {
            return Err(Rejection::TooLarge);
        }
        let writer = &operation.writer;
        let kind = kind_of(&key.0, (before.is_some(), after.is_some()), event.as_deref());
        self.log(kind, key, writer, stamp, (before.as_deref(), after.as_deref()))?;
        let position = self.transaction.position;
        self.log_capped(key, writer, &capped)?;
        let event = self.log_event(key, writer, stamp, event)?;
        let new = self.list(key, &record, rules, loaded);
        self.clock = clock;
        let now = Seen::by(sight, &key.0, after.as_deref());
        let seen_after = now.fields(shown_to(writer, Some(&record), rules, &after));
        let token = match is_planted(Fault::TokenWithoutOwn) {
            true => context.base.unwrap_or_default(),
            false => now.token(&record, rules, writer),
        };
        let (conflicts, open) = now.conflicts(new, key, &record, rules);
        // Who comes to see other fields, or no longer the record, is told it whole.
        let had_seen_all = has_seen_all && now.is_as(&seen);
        self.states_bytes += bytes.len();
        loaded.put(record, bytes, after);
        Ok(Box::new(Applied {
            stamp,
            position,
            event,
            token,
            had_seen_all,
            before: seen_before.flatten().filter(|_| had_seen_all),
            after: seen_after,
            // A client predicts what it has sent.
            effect: said.unwrap_or(operation.effect),
            conflicts,
            open,
        }))
    }

    /// Returns whether a record that is not there is one that its writer had seen deleted, and the hub has
    /// forgotten: it is made anew.
    fn has_forgotten(&self, loaded: &Loaded, base: &Token) -> bool {
        loaded.record.is_none() && base.invisible && self.facts.floor.includes(&base.version)
    }

    /// Adds a change to the log.
    fn log(
        &mut self,
        kind: ChangeKind,
        (entity, id): &RecordKey,
        origin: &Writer,
        stamp: Stamp,
        (before, after): (Option<&Fields>, Option<&Fields>),
    ) -> Result<(), Rejection> {
        let change = LoggedChange { kind, stamp, entity, id, origin, before, after };
        // The names were checked where they came in, and the audit takes longer ones.
        self.transaction.log(change).map_err(|_| Rejection::EntityUnknown)
    }

    /// Logs registers that were settled at their bound, and lists what they held as conflicts.
    fn log_capped(
        &mut self,
        key: &RecordKey,
        origin: &Writer,
        capped: &[Capped],
    ) -> Result<(), Rejection> {
        let nothing = Fields::new();
        for register in capped {
            let sides = register.covered.iter().map(|(stamp, entry)| Side {
                stamp: *stamp,
                value: entry.value.clone(),
                edited: entry.edited,
                writer: Some(entry.writer.clone()),
            });
            let conflict = Conflict {
                path: register.path.clone(),
                kind: ConflictKind::Values,
                stamps: register.covered.keys().copied().collect(),
                sides: sides.collect(),
                shown: None,
                open: false,
            };
            self.transaction.put_conflict(&ConflictRow {
                entity: key.0.clone(),
                id: key.1.clone(),
                conflict,
                status: Status::Closed,
                base: None,
                found: Some(self.transaction.run().id.clone()),
                decision: None,
            });
            self.log(
                ChangeKind::Write,
                key,
                origin,
                register.stamp,
                (Some(&nothing), Some(&nothing)),
            )?;
        }
        Ok(())
    }

    /// Brings the listed conflicts of a record up to date; answers the ids of the new ones.
    fn list(
        &mut self,
        (entity, id): &RecordKey,
        record: &Record,
        rules: &EntityRules,
        loaded: &mut Loaded,
    ) -> Vec<String> {
        let present = conflicts(record, rules);
        if present.is_empty() && loaded.listed.is_empty() {
            return Vec::new();
        }
        self.transaction.list_conflicts((entity, id), &present, &[], &mut loaded.listed)
    }

    /// Ends the group: the states that were changed are added to what is to be saved.
    pub fn finish(mut self) -> Decided {
        for ((entity, id), loaded) in self.rows.records {
            if let (true, Some(bytes)) = (loaded.changed, loaded.bytes) {
                let key = Key::Record { entity, id };
                self.transaction.batch.put(key, bytes);
            }
        }
        Decided {
            transaction: self.transaction,
            clock: self.clock,
            clients: self.rows.clients,
            applied: self.applied,
            rejected: self.rejected,
        }
    }
}

/// Returns an effect as it is carried out, and as it was said where that is another one.
///
/// - `shown`: the record's fields, and those that the writer is shown.
fn in_shape(
    effect: Effect,
    record: Option<&Record>,
    (all, shown): (Option<&Fields>, Option<&Fields>),
    by: Shaping<'_>,
) -> (Effect, Option<Effect>) {
    let said = may_take_along(&effect).then(|| effect.clone());
    let effect = with_fields_below(effect, record, all, by.context);
    match by.in_shape(&effect, record, shown) {
        Some(shaped) => (shaped, Some(said.unwrap_or(effect))),
        None => (effect, said),
    }
}

/// Checks what can be said without the record.
fn check(operation: &ClientOperation, results: &ClientResults) -> Result<(), Rejection> {
    let counter = operation.id.counter;
    if counter == 0 || i64::try_from(counter).is_err() {
        return Err(Rejection::Counter);
    }
    for &counter in &operation.after {
        match results.get(counter) {
            Known::Nothing => return Err(Rejection::Waits { counter }),
            Known::Answered(result) if result.fate.is_refused() => {
                return Err(Rejection::AfterRefused { counter });
            }
            // What was dropped from the window was answered long ago.
            Known::Answered(_) | Known::TooOld => {}
        }
    }
    Ok(())
}

/// Returns what the client had seen: its base, and its own changes since.
///
/// - `here`: the record, if it is here, and what is forgotten of those that are not.
fn context(
    base: Option<Token>,
    results: &ClientResults,
    (entity, id): &RecordKey,
    here: (Option<&Record>, &Version),
) -> Context {
    let nothing = Version::new();
    let seen = base.as_ref().map_or(&nothing, |base| &base.version);
    let mut own = results.own(entity, id, seen).peekable();
    let creates = match own.peek() {
        // An own deletion after the base leaves no record; an own write leaves one.
        Some((_, deleted)) => *deleted,
        None => base.as_ref().is_some_and(|base| base.invisible),
    };
    let own: Dots = own.map(|(stamp, _)| stamp).collect();
    Context { base, own, creates }.without_forgotten(here.0, here.1)
}

/// Returns whether the client had seen every change of the record, and all that it is shown of it.
fn has_seen(
    context: &Context,
    record: &Record,
    rules: &EntityRules,
    writer: &Writer,
    seen: &Seen<'_>,
) -> bool {
    let covers = |path: Option<&Path>, version: &Version| {
        version.entries().iter().all(|(site, clock)| {
            let base = context.base.as_ref();
            let known = base.map(|base| match path {
                None => base.version.get(*site),
                Some(path) => base.effective(path).get(*site),
            });
            let is_own = context.own.contains(Stamp::new(*clock, *site));
            known.unwrap_or_default() >= *clock || is_own
        })
    };
    if !covers(None, &record.version) {
        return false;
    }
    let exceptions = context.base.as_ref().map(|base| &base.exceptions);
    if seen.is_all() && exceptions.is_none_or(|exceptions| exceptions.is_empty()) {
        return true;
    }
    if context.base.as_ref().is_some_and(|base| seen.is_less_than(base, record)) {
        return false;
    }
    let shown = seen.token(record, rules, writer);
    let mut claimed = shown.exceptions.iter();
    let mut kept = exceptions.into_iter().flatten().filter(|_| seen.is_all());
    claimed.all(|(path, version)| covers(Some(path), version))
        && kept.all(|(path, _)| covers(Some(path), record.effective(path)))
}

/// Returns what is shown of a record to who has no value of its own in it.
fn shown_to_all(record: Option<&Record>, rules: &EntityRules) -> Option<Arc<Fields>> {
    record.and_then(|record| visible(record, rules, None)).map(Arc::new)
}

/// Returns what a writer is shown of a record, of which others are shown `to_all`.
fn shown_to(
    writer: &Writer,
    record: Option<&Record>,
    rules: &EntityRules,
    to_all: &Option<Arc<Fields>>,
) -> Option<Arc<Fields>> {
    match record {
        Some(record) if !is_uncontested(record) => {
            visible(record, rules, Some(writer)).map(Arc::new)
        }
        _ => to_all.clone(),
    }
}

/// Returns what kind of change a write is: one that an event along with it tells is no event by itself.
///
/// - `was_and_is`: whether the record was there before, and whether it is there now.
fn kind_of(entity: &EntityName, was_and_is: (bool, bool), event: Option<&Event>) -> ChangeKind {
    let by_itself = type_of_change(entity, was_and_is);
    match event.is_some_and(|event| Some(&event.kind) == by_itself.as_ref()) {
        true => ChangeKind::Told,
        false => ChangeKind::Write,
    }
}
