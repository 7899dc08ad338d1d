//! Conflicts: listing them, and deciding them.

use std::collections::BTreeSet;

use syncline_engine::audit::{BatchFacts, inner_root};
use syncline_engine::bases;
use syncline_engine::conflicts::{ConflictRow, Decided, Status};
use syncline_engine::link::LinkedEntity;
use syncline_engine::log::{ChangeKind, images};
use syncline_engine::rows::{Key, MetaName, Scan};
use syncline_engine::sync::{LoggedChange, Transaction, base_key};
use syncline_merge::codec::{decode_record, encode_record};
use syncline_merge::commit::Site;
use syncline_merge::conflict::{Conflict, ConflictKind, Decision, Side, settle};
use syncline_merge::display::{Fields, value_at, visible};
use syncline_merge::error::Refusal;
use syncline_merge::rules::EntityRules;
use syncline_merge::state::Record;
use syncline_model::clock::{Clock, Stamp};
use syncline_model::id::{EntityName, RecordId, SiteId, Writer};
use syncline_model::json::{Json, Leaf, Object};
use syncline_model::version::Version;
use syncline_policy::view::{Sight, Write};

use crate::error::HubError;
use crate::hub::Hub;
use crate::limits::CONFLICT_DIGITS_MIN;
use crate::request::Actor;

/// What stands between two texts where all values are offered as one.
const BOTH_SEPARATOR: &str = " / ";

/// How a person decides a conflict.
#[derive(Clone, Debug, PartialEq)]
pub enum Choice {
    /// Takes what this writer says.
    Writer(Writer),
    /// Takes this value; `None` removes the field.
    Value(Option<Leaf>),
    /// Takes all values: texts with the separator between them, arrays as one.
    Both {
        /// What stands between two texts.
        separator: String,
    },
    /// Keeps the record that one side has deleted.
    Keep,
    /// Deletes the record that one side has edited.
    Delete,
}

impl Hub {
    /// Returns all conflicts, also those that are settled, resolved or closed, by entity and record.
    ///
    /// # Errors
    ///
    /// [`HubError::Row`] if one cannot be understood.
    pub fn conflicts(&self) -> Result<Vec<ConflictRow>, HubError> {
        self.listed(&Scan::Conflicts)
    }

    /// Returns the conflicts of one record, also those that are settled, resolved or closed.
    ///
    /// # Errors
    ///
    /// [`HubError::Row`] if one cannot be understood.
    pub fn conflicts_of(
        &self,
        entity: &EntityName,
        id: &RecordId,
    ) -> Result<Vec<ConflictRow>, HubError> {
        self.listed(&Scan::ConflictsOf { entity: entity.clone(), id: id.clone() })
    }

    fn listed(&self, scan: &Scan) -> Result<Vec<ConflictRow>, HubError> {
        let mut rows = Vec::new();
        self.for_each(scan, |_, bytes| {
            let row = ConflictRow::decode(bytes);
            rows.push(row.map_err(|_| HubError::Row { table: "conflicts" })?);
            Ok(())
        })?;
        Ok(rows)
    }

    /// Returns the conflict with an id, or with an id that begins so and is the only one.
    ///
    /// # Errors
    ///
    /// [`HubError::ConflictIdShort`] if too little of an id is given to be meant as one,
    /// [`HubError::ConflictIdShared`] if there is more than one, [`HubError::ConflictNotFound`] if none.
    pub fn conflict(&self, id: &str) -> Result<ConflictRow, HubError> {
        conflict_named(id, || self.conflicts())
    }

    /// Decides a conflict. The decision is a change like any other: it is written to the domains
    /// by the next run, and can be undone.
    ///
    /// # Errors
    ///
    /// [`HubError::ConflictStale`] if the values in conflict are others by now,
    /// [`HubError::DecisionUnfit`] if the choice does not fit, or [`HubError::ApprovalNeeded`] as
    /// [`may_decide`](Self::may_decide).
    pub fn resolve(
        &mut self,
        id: &str,
        choice: &Choice,
        actor: &Actor,
        entities: &[LinkedEntity],
    ) -> Result<ConflictRow, HubError> {
        let rules = |name: &EntityName| {
            let entity = entities.iter().find(|entity| entity.name == *name);
            entity.map(|entity| entity.rules.clone())
        };
        self.resolve_by(id, choice, actor, &Sight::everything(&[]), rules)
    }

    /// Decides a conflict as [`Hub::resolve`] does, by the rules of its entity.
    pub(crate) fn resolve_by(
        &mut self,
        id: &str,
        choice: &Choice,
        actor: &Actor,
        sight: &Sight,
        rules: impl Fn(&EntityName) -> Option<EntityRules>,
    ) -> Result<ConflictRow, HubError> {
        let row = self.conflict(id)?;
        self.resolve_row(row, choice, actor, sight, rules)
    }

    /// Decides the conflict of a row as it is listed.
    fn resolve_row(
        &mut self,
        row: ConflictRow,
        choice: &Choice,
        actor: &Actor,
        sight: &Sight,
        rules: impl Fn(&EntityName) -> Option<EntityRules>,
    ) -> Result<ConflictRow, HubError> {
        let name = row.conflict_id();
        let decision = decide(&row, choice)
            .map_err(|reason| HubError::DecisionUnfit { id: name.clone(), reason })?;
        let stale = || HubError::ConflictStale { id: name.clone() };
        let rules = rules(&row.entity).unwrap_or_default();
        self.judge_approval(&row, actor, &rules)?;
        let key = Key::Record { entity: row.entity.clone(), id: row.id.clone() };
        let bytes = self.store.get(&key)?.ok_or_else(stale)?;
        let mut record = decode_record(&bytes)
            .map_err(|source| HubError::Damaged { table: "records", source })?;
        let before = visible(&record, &rules, None);
        let run = self.begin_run()?;
        let user = actor.user.as_deref().and_then(|user| Writer::new(user).ok());
        let by = user.unwrap_or_else(|| Writer::new("reviewer").expect("invariant: a short name"));
        // What was taken stays the value of who wrote it: that side goes on seeing it.
        let writer = match choice {
            Choice::Writer(writer) => writer,
            _ => &by,
        };
        let settled = self.settle(&mut record, &row.conflict, decision.clone(), writer, run.at_ms);
        let (stamp, clock) = settled.map_err(|refusal| match refusal {
            Refusal::ClockExhausted => HubError::ClockExhausted,
            _ => stale(),
        })?;
        let mut transaction = Transaction::new(run.clone(), self.position);
        let after = visible(&record, &rules, None);
        judge_decision(sight, &row, matches!(decision, Decision::Delete), (&before, &after))?;
        let change = LoggedChange {
            kind: ChangeKind::Settlement,
            stamp,
            entity: &row.entity,
            id: &row.id,
            origin: &by,
            before: before.as_ref(),
            after: after.as_ref(),
        };
        transaction.log(change).map_err(|_| HubError::Row { table: "audit" })?;
        transaction.batch.put(key, encode_record(&record));
        if let Decision::Value(value) = &decision {
            self.note_agreed(&mut transaction, &row, (stamp, value.as_ref()), &rules)?;
        }
        let decided = Decided { by, at_ms: run.at_ms, stamp };
        let row = ConflictRow { status: Status::Resolved, decision: Some(decided), ..row };
        transaction.put_conflict(&row);
        transaction.batch.delete(skipped_key(&name)?);
        let (category, action) = ("REVIEW", "CONFLICT_RESOLVED");
        self.commit_noted(transaction, clock, category, action, actor, details(&row))?;
        Ok(row)
    }

    /// Decides several conflicts alike, all of them or, where one cannot be decided so, none.
    ///
    /// # Errors
    ///
    /// As [`Hub::resolve`], of the first that cannot be decided so.
    pub(crate) fn resolve_all(
        &mut self,
        rows: Vec<ConflictRow>,
        choice: &Choice,
        actor: &Actor,
        sight: &Sight,
        rules: impl Fn(&EntityName) -> Option<EntityRules>,
    ) -> Result<Vec<ConflictRow>, HubError> {
        let at_ms = self.environment.now_ms();
        for row in &rows {
            let rules = rules(&row.entity).unwrap_or_default();
            self.judge_approval(row, actor, &rules)?;
            let key = Key::Record { entity: row.entity.clone(), id: row.id.clone() };
            foreseen(row, choice, self.store.get(&key)?.as_deref(), &rules, sight, at_ms)?;
        }
        let decided = rows.into_iter();
        decided.map(|row| self.resolve_row(row, choice, actor, sight, &rules)).collect()
    }

    /// Puts an open conflict aside: it stays open, and says who will look at it later.
    ///
    /// # Errors
    ///
    /// [`HubError::DecisionUnfit`] if it is not open, and as [`Hub::conflict`].
    pub(crate) fn skip(&mut self, id: &str, actor: &Actor) -> Result<ConflictRow, HubError> {
        let row = self.conflict(id)?;
        let name = row.conflict_id();
        if row.status != Status::Open {
            return Err(HubError::DecisionUnfit { id: name, reason: "it is not open" });
        }
        let run = self.begin_run()?;
        let mut transaction = Transaction::new(run.clone(), self.position);
        let mut skipped = Object::new();
        skipped.insert("by", actor.user.as_deref().unwrap_or("reviewer"));
        skipped.insert("atMs", run.at_ms);
        let text = Json::Object(skipped).to_compact_string();
        transaction.batch.put(skipped_key(&name)?, text.into_bytes());
        let (clock, details) = (self.clock, details(&row));
        self.commit_noted(transaction, clock, "REVIEW", "CONFLICT_SKIPPED", actor, details)?;
        Ok(row)
    }

    /// Judges whether somebody may decide these conflicts. A refusal leaves an entry in the audit.
    ///
    /// # Errors
    ///
    /// [`HubError::ApprovalNeeded`] names the first one that waits for the approval of others.
    pub fn may_decide(
        &mut self,
        rows: &[ConflictRow],
        actor: &Actor,
        entities: &[LinkedEntity],
    ) -> Result<(), HubError> {
        for row in rows {
            if let Some(entity) = entities.iter().find(|entity| entity.name == row.entity) {
                self.judge_approval(row, actor, &entity.rules)?;
            }
        }
        Ok(())
    }

    fn judge_approval(
        &mut self,
        row: &ConflictRow,
        actor: &Actor,
        rules: &EntityRules,
    ) -> Result<(), HubError> {
        let Some(approvers) = rules.rule(&row.conflict.path).approvers() else { return Ok(()) };
        let user = actor.user.as_deref();
        if approvers.iter().any(|approver| approver.is_meant(user, &actor.roles)) {
            return Ok(());
        }
        let approvers = approvers.iter().map(|approver| approver.name().to_owned()).collect();
        let refusal = HubError::ApprovalNeeded { id: row.conflict_id(), approvers };
        let mut details = details(row);
        details.insert("code", refusal.code());
        // The refusal stands whether or not it can be noted.
        let _ = self.audit_note("REVIEW", "REFUSED", actor, details);
        Err(refusal)
    }

    /// Notes of every domain that shows already what was decided that it knows the decision: an edit
    /// there goes on from it, and nobody is asked again.
    fn note_agreed(
        &self,
        transaction: &mut Transaction,
        row: &ConflictRow,
        (stamp, value): (Stamp, Option<&Leaf>),
        rules: &EntityRules,
    ) -> Result<(), HubError> {
        let path = &row.conflict.path;
        for (domain, mut base) in self.settled_bases(&row.entity, &row.id)? {
            let sees = |dot: &Stamp| base.own.contains(*dot) || base.token.covers(path, *dot);
            let is_known = row.conflict.stamps.iter().any(sees);
            let shown = base.rendering.as_deref().map(|fields| value_at(fields, path, rules));
            if is_known && shown.is_some_and(|shown| shown.as_ref() == value) {
                base.own.insert(stamp);
                let key = base_key(&domain, &row.entity, &row.id);
                transaction.batch.put(key, bases::encode(&base, None));
            }
        }
        Ok(())
    }

    /// Puts the decision into the record; returns its stamp and the clock after it.
    fn settle(
        &self,
        record: &mut Record,
        conflict: &Conflict,
        decision: Decision,
        writer: &Writer,
        now_ms: u64,
    ) -> Result<(Stamp, Clock), Refusal> {
        let (mut clock, floor) = (self.clock, Version::new());
        let mut site = Site { id: self.site, clock: &mut clock, now_ms, floor: &floor, lost: &[] };
        let (path, stamps) = (&conflict.path, &conflict.stamps);
        let stamp = settle(record, path, stamps, decision, writer, &mut site)?;
        Ok((stamp, clock))
    }

    /// Commits a transaction with its entry in the audit.
    pub(crate) fn commit_noted(
        &mut self,
        mut transaction: Transaction,
        clock: Clock,
        category: &str,
        action: &str,
        actor: &Actor,
        details: Object,
    ) -> Result<(), HubError> {
        let facts = BatchFacts {
            at_ms: transaction.run().at_ms,
            category: category.to_owned(),
            action: action.to_owned(),
            origin: "hub".to_owned(),
            run: Some(transaction.run().id.as_str().to_owned()),
            record_count: 0,
            inner_root: inner_root(&[]),
        };
        let mut batch = std::mem::take(&mut transaction.batch);
        let details = Json::Object(details).to_compact_string();
        let commitments = &transaction.commitments;
        let frontier = self.add_audit(&mut batch, facts, commitments, actor, &details)?;
        self.commit(batch, clock, transaction.position, frontier)
    }
}

/// Judges a decision as a write of the field by somebody who may not write everything.
fn judge_decision(
    sight: &Sight,
    row: &ConflictRow,
    deletes: bool,
    (before, after): (&Option<Fields>, &Option<Fields>),
) -> Result<(), HubError> {
    if sight.permit().allows_everything() {
        return Ok(());
    }
    let nothing = Fields::new();
    let (gone, come) =
        images(before.as_ref().unwrap_or(&nothing), after.as_ref().unwrap_or(&nothing));
    let changed = gone.into_iter().chain(come).map(|(path, _)| path);
    let field = Some(row.conflict.path.clone()).filter(|path| !path.is_root());
    let paths: Vec<_> = match deletes {
        true => Vec::new(),
        false => field.into_iter().chain(changed).collect(),
    };
    let (before, after) = (before.as_deref(), after.as_deref());
    let (entity, paths, as_written) = (&row.entity, &paths, after);
    let write = Write { entity, before, after, as_written, deletes, paths };
    sight.permit().judge(write).map_err(HubError::Denied)
}

/// Returns the conflict with an id, or with an id that begins so and is the only one.
pub(crate) fn conflict_named<E: From<HubError>>(
    id: &str,
    listed: impl FnOnce() -> Result<Vec<ConflictRow>, E>,
) -> Result<ConflictRow, E> {
    if id.len() < CONFLICT_DIGITS_MIN {
        return Err(HubError::ConflictIdShort { id: id.to_owned() }.into());
    }
    let mut found = listed()?;
    found.retain(|row| row.conflict_id().starts_with(id));
    match found.len() {
        0 => Err(HubError::ConflictNotFound { id: id.to_owned() }.into()),
        1 => Ok(found.remove(0)),
        _ => Err(HubError::ConflictIdShared { id: id.to_owned() }.into()),
    }
}

/// Returns the row that says who has put a conflict aside.
pub(crate) fn skipped_key(conflict: &str) -> Result<Key, HubError> {
    let name = MetaName::new(&format!("skipped.{conflict}"));
    Ok(Key::Meta(name.map_err(|_| HubError::Row { table: "conflicts" })?))
}

/// Returns what a record would show if somebody who may see and write no more than this decided a
/// conflict so; `None` if it would be gone.
///
/// # Errors
///
/// As [`Hub::resolve`], and [`HubError::Denied`] if this one may not.
pub(crate) fn foreseen(
    row: &ConflictRow,
    choice: &Choice,
    record: Option<&[u8]>,
    rules: &EntityRules,
    sight: &Sight,
    at_ms: u64,
) -> Result<Option<Fields>, HubError> {
    let name = row.conflict_id();
    let stale = || HubError::ConflictStale { id: name.clone() };
    let unfit = |reason| HubError::DecisionUnfit { id: name.clone(), reason };
    let decision = decide(row, choice).map_err(unfit)?;
    let damaged = |source| HubError::Damaged { table: "records", source };
    let mut record = decode_record(record.ok_or_else(stale)?).map_err(damaged)?;
    let before = visible(&record, rules, None);
    // The stamp goes no further than this, so any clock and site will do.
    let (mut clock, floor) = (Clock::new(at_ms, 0), Version::new());
    let mut site =
        Site { id: SiteId(0), clock: &mut clock, now_ms: at_ms, floor: &floor, lost: &[] };
    let writer = Writer::new("preview").expect("invariant: a word is the name of a writer");
    let (path, stamps) = (&row.conflict.path, &row.conflict.stamps);
    let deletes = matches!(decision, Decision::Delete);
    settle(&mut record, path, stamps, decision, &writer, &mut site).map_err(|_| stale())?;
    let after = visible(&record, rules, None);
    judge_decision(sight, row, deletes, (&before, &after))?;
    Ok(after)
}

/// Returns the choices that a conflict offers: each writer's value, all of them together where that
/// is possible, or to keep or delete the record. A value of one's own can be given beside them.
pub(crate) fn offered(row: &ConflictRow) -> Vec<Choice> {
    let mut choices = Vec::new();
    for side in &row.conflict.sides {
        let choice = side.writer.clone().map(Choice::Writer);
        choices.extend(choice.filter(|choice| !choices.contains(choice)));
    }
    choices.push(Choice::Both { separator: BOTH_SEPARATOR.to_owned() });
    choices.extend([Choice::Keep, Choice::Delete]);
    choices.retain(|choice| decide(row, choice).is_ok());
    choices
}

/// Returns whether two open conflicts are about the same: the same field of the same type of record,
/// between the same writers.
pub(crate) fn is_alike(one: &ConflictRow, other: &ConflictRow) -> bool {
    let writers = |row: &ConflictRow| -> BTreeSet<Option<Writer>> {
        row.conflict.sides.iter().map(|side| side.writer.clone()).collect()
    };
    one.entity == other.entity
        && one.conflict.path == other.conflict.path
        && one.conflict.kind == other.conflict.kind
        && writers(one) == writers(other)
}

/// Names what was decided, for the audit.
fn details(row: &ConflictRow) -> Object {
    let mut details = Object::new();
    details.insert("conflict", row.conflict_id());
    details.insert("entity", row.entity.as_str());
    details.insert("record", row.id.as_str());
    details.insert("path", row.conflict.path.as_str());
    details
}

/// Turns a choice into the decision of one conflict.
fn decide(row: &ConflictRow, choice: &Choice) -> Result<Decision, &'static str> {
    let conflict = &row.conflict;
    if matches!(row.status, Status::Resolved | Status::Closed) {
        return Err("it is decided already");
    }
    match (conflict.kind, choice) {
        (ConflictKind::Deletion, Choice::Keep) => Ok(Decision::Keep),
        (ConflictKind::Deletion, Choice::Delete) => Ok(Decision::Delete),
        (ConflictKind::Deletion, _) => {
            Err("a deletion meets an edit: keep the record or delete it")
        }
        (ConflictKind::Values, Choice::Value(value)) => Ok(Decision::Value(value.clone())),
        (ConflictKind::Values, Choice::Writer(writer)) => {
            let own = conflict.sides.iter().filter(|side| side.writer.as_ref() == Some(writer));
            let latest = own.max_by_key(|side| (side.edited, side.stamp));
            let latest = latest.ok_or("none of the values is from there")?;
            Ok(Decision::Value(latest.value.clone()))
        }
        (ConflictKind::Values, Choice::Both { separator }) => {
            both(&conflict.sides, separator).map(|value| Decision::Value(Some(value)))
        }
        (ConflictKind::Values, Choice::Keep | Choice::Delete) => {
            Err("it is about a value, not about the record")
        }
        _ => Err("edit the field instead"),
    }
}

/// Returns all values as one: arrays as their union, texts with the separator between them.
fn both(sides: &[Side], separator: &str) -> Result<Leaf, &'static str> {
    let values: Vec<Json> =
        sides.iter().filter_map(|side| side.value.as_ref()).map(Leaf::to_json).collect();
    let arrays: Option<Vec<&[Json]>> = values.iter().map(Json::as_array).collect();
    if let Some(arrays) = arrays.filter(|arrays| !arrays.is_empty()) {
        let mut union: Vec<Json> = Vec::new();
        for element in arrays.into_iter().flatten() {
            if !union.contains(element) {
                union.push(element.clone());
            }
        }
        return Leaf::from_json(&Json::Array(union)).map_err(|_| "the values are too deep");
    }
    let texts: Option<Vec<&str>> = values.iter().map(Json::as_str).collect();
    let texts = texts.filter(|texts| !texts.is_empty());
    let mut texts = texts.ok_or("only texts and arrays can be put together")?;
    texts.dedup();
    Ok(Leaf::string(&texts.join(separator)))
}
