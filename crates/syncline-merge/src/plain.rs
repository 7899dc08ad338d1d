//! Plain writers: files, rows and forms, which know only values.
//!
//! What a plain writer was last known to hold is its *base*. What differs from the base is what the
//! writer did; what the hub meant to write there is kept as an *intent* until it is known whether
//! it was written, so that a crash in between is never taken for an edit.

use syncline_model::clock::{Clock, Stamp};
use syncline_model::id::Writer;
use syncline_model::json::{Leaf, Number};
use syncline_model::path::Path;

use crate::alike::share_elements;
use crate::commit::{Capped, Site, operate};
use crate::diff::{difference, fits, statement};
use crate::display::{
    Fields, is_visible, paths, same_fields, stamps_by_shape, sum_value, value_at, visible,
};
use crate::dots::Dots;
use crate::error::Refusal;
use crate::fault::{Fault, is_planted};
use crate::operation::{Effect, FieldOperation, Operation};
use crate::rules::{EntityRules, Shape};
use crate::state::{Body, Entry, Record, Register, Sum};
use crate::token::{Context, Token};

/// What a plain writer is known to hold of a record.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Base {
    /// What it held; `None` if it did not hold the record.
    pub rendering: Option<Fields>,
    /// What the writer had seen when the hub wrote the rendering; empty if the hub never wrote.
    pub token: Token,
    /// The writer's own changes since.
    pub own: Dots,
    /// What the hub meant to write and does not know to be written.
    pub intent: Option<Intent>,
}

/// What a hub is about to write to a plain writer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Intent {
    /// The rendering; `None` to remove the record.
    pub rendering: Option<Fields>,
    /// What the writer has seen once it is written.
    pub token: Token,
}

/// What a plain writer holds now.
#[derive(Clone, Copy, Debug)]
pub struct Reading<'a> {
    /// The record, of paths that the link can see; `None` if it is not there.
    pub fields: Option<&'a Fields>,
    /// Who wrote it.
    pub writer: &'a Writer,
    /// When, as far as can be told.
    pub edited: Clock,
    /// Whether that time can be trusted to decide.
    pub timed: bool,
    /// Whether an open intent was written, where the adapter knows.
    pub written: Option<bool>,
}

/// What a reading came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Taken {
    /// The record with the writer's change, if there is a record.
    pub record: Option<Record>,
    /// The base after the reading; `None` if the writer never held the record.
    pub base: Option<Base>,
    /// The change; `None` if the writer did nothing.
    pub change: Option<(Stamp, Operation)>,
    /// Registers that were settled at their bound.
    pub capped: Vec<Capped>,
    /// What a person should know.
    pub notices: Vec<Notice>,
}

/// Something that a reading did not turn into a change, and that a person should know.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// The writer holds, without a base, a record that the hub knows as deleted. It is not created
    /// again by itself.
    DeletedHere,
    /// The writer held a value of its own in a field that it cannot edit there: it gave way to the
    /// hub's.
    Replaced {
        /// The field.
        path: Path,
    },
    /// The writer removed elements from an append list.
    RemovedFromAppend {
        /// The field.
        path: Path,
        /// The list as it was known to be there, if it is a field by itself.
        known: Option<Leaf>,
    },
}

impl Base {
    /// Returns whether the writer never held the record and the hub never wrote it there: such a
    /// base is none.
    fn says_nothing(&self) -> bool {
        self.rendering.is_none() && self.token.version.is_empty() && self.own.is_empty()
    }

    /// Returns the base after a write that was given up before it began; `None` if nothing is left.
    #[must_use]
    pub fn without_intent(self) -> Option<Self> {
        let base = Self { intent: None, ..self };
        (!base.says_nothing()).then_some(base)
    }

    /// Returns the base after a write that is known to be done.
    #[must_use]
    pub fn with_intent_written(self) -> Self {
        match self.intent {
            Some(intent) => Self {
                own: own_after(&intent, self.own),
                rendering: intent.rendering,
                token: intent.token,
                intent: None,
            },
            None => self,
        }
    }

    /// Returns what the writer holds as far as is known: both of two where a write was begun.
    ///
    /// - `written`: whether an open intent was written, where that is known.
    pub fn may_hold(&self, written: Option<bool>) -> impl Iterator<Item = &Fields> {
        let intent = self.intent.as_ref();
        let before = self.rendering.as_ref().filter(|_| intent.is_none() || written != Some(true));
        let intended = intent.filter(|_| written != Some(false));
        before.into_iter().chain(intended.and_then(|intent| intent.rendering.as_ref()))
    }

    /// Returns the base of a writer that has given up its copy of a record without deleting it.
    ///
    /// - `written`: whether an open intent was written, where that is known.
    #[must_use]
    pub fn given_up(self, written: Option<bool>) -> Self {
        let base = match written {
            Some(false) => self,
            _ => self.with_intent_written(),
        };
        Self { rendering: None, intent: None, ..base }
    }

    /// Closes an open intent, once the writer was read again: it was written if the adapter knows
    /// so, or else if the writer holds it or shows its value on a path that it meant to change.
    pub fn close_intent(&mut self, reading: &Reading<'_>) {
        let Some(intent) = self.intent.take() else {
            return;
        };
        if is_planted(Fault::IntentForgotten) {
            return;
        }
        let written = reading.written.unwrap_or_else(|| {
            intent.rendering.as_ref() == reading.fields
                || shows_meant_value(self.rendering.as_ref(), &intent, reading.fields)
        });
        if written {
            self.own = own_after(&intent, std::mem::take(&mut self.own));
            self.rendering = intent.rendering;
            self.token = intent.token;
        }
    }
}

/// Returns which of its own changes a writer goes on to name once a write is done: those of fields that
/// it was not shown. Of all else the token says what it was shown.
fn own_after(intent: &Intent, mut own: Dots) -> Dots {
    own.retain(|stamp| !intent.token.covers_everywhere(*stamp));
    own
}

/// Returns whether the writer shows what was to be written on a path that was to be changed.
fn shows_meant_value(before: Option<&Fields>, intent: &Intent, now: Option<&Fields>) -> bool {
    let nothing = Fields::new();
    let (before, now) = (before.unwrap_or(&nothing), now.unwrap_or(&nothing));
    let holds = |fields: &Fields, field| fields.binary_search(field).is_ok();
    let meant = intent.rendering.iter().flatten().filter(|field| !holds(before, field));
    let mut meant = meant.peekable();
    meant.peek().is_some() && meant.any(|field| holds(now, field))
}

/// Takes in what a plain writer holds now.
///
/// # Errors
///
/// As [`operate`]; a base that was forgotten is dropped and the reading taken without one.
pub fn take(
    record: Option<Record>,
    base: Option<Base>,
    reading: &Reading<'_>,
    rules: &EntityRules,
    site: &mut Site<'_>,
) -> Result<Taken, Refusal> {
    let mut base = base;
    if let Some(base) = &mut base {
        base.close_intent(reading);
    }
    base = base.filter(|base| !base.says_nothing());
    if let Some(base) = &mut base
        && same(rules, base.rendering.as_ref(), reading.fields)
        && !is_planted(Fault::EchoTakenForEdit)
    {
        let base = Some(std::mem::take(base));
        return Ok(Taken { record, base, change: None, capped: vec![], notices: vec![] });
    }
    // Only a record that began anew after it was forgotten, or none at all, asks to rebase.
    let may_rebase = |record: &&Record| !record.born.is_empty();
    let kept = record.as_ref().filter(may_rebase).cloned();
    match take_change(record, base, reading, rules, site) {
        Err(Refusal::Rebase) => take_change(kept, None, reading, rules, site),
        taken => taken,
    }
}

fn same(rules: &EntityRules, a: Option<&Fields>, b: Option<&Fields>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => same_fields(rules, a, b),
        (None, None) => true,
        _ => false,
    }
}

fn take_change(
    record: Option<Record>,
    base: Option<Base>,
    reading: &Reading<'_>,
    rules: &EntityRules,
    site: &mut Site<'_>,
) -> Result<Taken, Refusal> {
    let mut taken = Taken { record, base, change: None, capped: vec![], notices: vec![] };
    let context = context(taken.base.as_ref());
    let effect = match (&taken.base, reading.fields) {
        (None, None) => return Ok(taken),
        (None, Some(new)) => match without_base(taken.record.as_ref(), new, reading, rules) {
            Blind::DeletedHere => {
                taken.notices.push(Notice::DeletedHere);
                return Ok(taken);
            }
            Blind::Same { unseen } => {
                let writer = Some(reading.writer);
                let record = taken.record.as_ref();
                let token = record.map(|record| Token::of(record, rules, writer, &unseen));
                let (rendering, token) = (Some(new.clone()), token.unwrap_or_default());
                taken.base = Some(Base { rendering, token, ..Base::default() });
                return Ok(taken);
            }
            Blind::States(operations) => Effect::Write(operations),
        },
        (Some(base), None) if base.rendering.is_some() => Effect::Delete,
        (Some(_), None) => return Ok(taken),
        (Some(base), Some(new)) => {
            let nothing = Fields::new();
            let found = difference(rules, base.rendering.as_ref().unwrap_or(&nothing), new);
            let removed = found.removed_from_append.into_iter();
            let known = |path: &Path| value_at(base.rendering.as_ref()?, path, rules);
            let told = removed.map(|path| Notice::RemovedFromAppend { known: known(&path), path });
            taken.notices.extend(told);
            let mut operations = found.operations;
            if let Some(record) = &taken.record {
                share_elements(&mut operations, record, &context);
            }
            let is_echo = operations.is_empty() && base.rendering.is_some();
            if is_echo && !is_planted(Fault::EchoTakenForEdit) {
                return Ok(taken);
            }
            let operations = match &taken.record {
                Some(record) => reshaped(operations, &record.body, &context, rules, new),
                None => operations,
            };
            Effect::Write(operations)
        }
    };
    let (writer, edited, timed) = (reading.writer.clone(), reading.edited, reading.timed);
    let operation = Operation { effect, writer, edited, timed };
    let before = taken.record.as_ref().and_then(additions);
    let (record, change, capped) =
        commit(taken.record.take(), operation, &context, reading, rules, site)?;
    let base = taken.base.get_or_insert_default();
    base.rendering = reading.fields.cloned();
    let stamp = change.0;
    base.own.insert(stamp);
    base.token.note_own_additions(before.as_ref(), &record, stamp.site);
    taken.record = Some(record);
    taken.change = Some(change);
    taken.capped = capped;
    Ok(taken)
}

/// What an edit of a field meets in the record that is not of the field's present shape.
enum Meeting {
    /// Nothing: the edit says enough.
    Nothing,
    /// The field was written before it was given its shape.
    Old,
    /// Somebody put a value of another kind in the place of all that the writer had seen.
    Replaced,
    /// The writer puts a value of another kind beside what somebody does to the field.
    Edited,
}

/// Lets the operations of fields whose shape is not all that is known of them say as much as others
/// need to go on:
///
/// - What is known of a field in an old shape is replaced by all that the writer says of it in the
///   new one.
/// - Of two writers who had not seen each other one edits a field by its shape, the other writes a
///   value that does not fit it: both are kept as they were typed, not only what was edited.
fn reshaped(
    operations: Vec<FieldOperation>,
    body: &Body,
    context: &Context,
    rules: &EntityRules,
    new: &Fields,
) -> Vec<FieldOperation> {
    let meeting = |path: &Path| meeting(path, body, context, rules, new);
    if operations.iter().all(|operation| matches!(meeting(operation.path()), Meeting::Nothing)) {
        return operations;
    }
    let mut all = Vec::with_capacity(operations.len());
    let mut done: Option<Path> = None;
    for operation in operations {
        let path = operation.path();
        if done.as_ref() == Some(path) {
            continue;
        }
        let said = || new.iter().filter(|(of, _)| of == path).cloned().collect();
        let whole = || anew(statement(rules, &Fields::new(), &said()).operations);
        match meeting(path) {
            Meeting::Nothing => all.push(operation),
            Meeting::Edited if matches!(operation, FieldOperation::Unset { .. }) => {}
            Meeting::Edited => all.push(operation),
            Meeting::Replaced => {
                done = Some(path.clone());
                all.extend(whole());
            }
            Meeting::Old => {
                done = Some(path.clone());
                all.push(FieldOperation::Unset { path: path.clone() });
                let last = body.registers.get(path).and_then(Register::last_key_value);
                let counted = last.and_then(|(_, entry)| entry.value.as_ref()?.as_number());
                if let (FieldOperation::Increment { path, .. }, Some(value)) = (&operation, counted)
                {
                    // Both sides may add to what was there.
                    all.push(FieldOperation::Floor { path: path.clone(), value });
                    all.push(operation);
                } else {
                    all.extend(whole());
                }
            }
        }
    }
    all
}

/// Lets members begin anew: what they had once, in a field that was something else since, is gone.
fn anew(mut operations: Vec<FieldOperation>) -> Vec<FieldOperation> {
    for operation in &mut operations {
        if let FieldOperation::PutMember { create, .. } = operation {
            *create = true;
        }
    }
    operations
}

fn meeting(
    path: &Path,
    body: &Body,
    context: &Context,
    rules: &EntityRules,
    new: &Fields,
) -> Meeting {
    let shape = rules.shape(path);
    // A value that the writer has not seen is no old one: somebody writes it now.
    let register = || body.registers.get(path).into_iter().flat_map(Register::keys);
    if body.is_in_other_shape(path, shape) && register().all(|dot| context.covers(path, *dot)) {
        return Meeting::Old;
    }
    if matches!(shape, Shape::Register) {
        return Meeting::Nothing;
    }
    // An object in the place of the field is what is below it.
    let is_unfit = |of: &Path, value: &Leaf| of != path || !fits(shape, value);
    let mut said = new.iter().filter(|(of, _)| path.is_prefix_of(of)).peekable();
    if said.peek().is_none() {
        return Meeting::Nothing;
    }
    let by_shape = stamps_by_shape(body, path);
    if said.any(|(of, value)| is_unfit(of, value)) {
        let is_seen = |stamp: &Stamp| context.covers(path, *stamp);
        let is_edited = !by_shape.as_slice().iter().all(is_seen);
        return if is_edited { Meeting::Edited } else { Meeting::Nothing };
    }
    let is_unseen_and_unfit = |of: &Path, (stamp, entry): (&Stamp, &Entry)| {
        !context.covers(of, *stamp) && entry.value.as_ref().is_some_and(|value| is_unfit(of, value))
    };
    let at_field = body.registers.iter().filter(|(of, _)| path.is_prefix_of(of));
    let mut entries = at_field.flat_map(|(of, entries)| entries.iter().map(move |e| (of, e)));
    match by_shape.is_empty() && entries.any(|(of, entry)| is_unseen_and_unfit(of, entry)) {
        true => Meeting::Replaced,
        false => Meeting::Nothing,
    }
}

type CommittedPlain = (Record, (Stamp, Operation), Vec<Capped>);

/// Commits the operation; a text edit that does not fit what the writer had seen becomes a whole
/// text of its own, so that nothing typed is lost.
fn commit(
    record: Option<Record>,
    operation: Operation,
    context: &Context,
    reading: &Reading<'_>,
    rules: &EntityRules,
    site: &mut Site<'_>,
) -> Result<CommittedPlain, Refusal> {
    let kept = record.as_ref().filter(|_| edits_text(&operation)).cloned();
    match operate(record, &operation, context, rules, site) {
        Ok(done) => Ok((done.record, (done.stamp, operation), done.capped)),
        Err(Refusal::TextEdit { .. }) => {
            let operation = whole_texts(operation, reading.fields);
            let done = operate(kept, &operation, context, rules, site)?;
            Ok((done.record, (done.stamp, operation), done.capped))
        }
        Err(refusal) => Err(refusal),
    }
}

/// Returns as much of a record as tells what was added to its sums, also within members; nothing
/// where it has none, as nearly all.
fn additions(record: &Record) -> Option<Record> {
    if record.body.sums.is_empty() && record.body.keyed.is_empty() {
        return None;
    }
    let body = Body {
        sums: record.body.sums.clone(),
        keyed: record.body.keyed.clone(),
        ..Body::default()
    };
    Some(Record { body, ..Record::default() })
}

/// Returns whether an operation may edit a text: no other operation can fail to fit one.
fn edits_text(operation: &Operation) -> bool {
    let may_edit = |field: &FieldOperation| {
        // A member may have texts of its own.
        matches!(field, FieldOperation::EditText { .. } | FieldOperation::PutMember { .. })
    };
    match &operation.effect {
        Effect::Write(fields) => fields.iter().any(may_edit),
        Effect::Delete => false,
    }
}

fn whole_texts(operation: Operation, new: Option<&Fields>) -> Operation {
    let Effect::Write(mut fields) = operation.effect else {
        return operation;
    };
    for field in &mut fields {
        if let FieldOperation::EditText { path, .. } = field {
            let leaf = new.into_iter().flatten().find(|(p, _)| p == path);
            let text = leaf.and_then(|(_, leaf)| leaf.as_string()).unwrap_or_default().into_owned();
            *field = FieldOperation::BeginText { path: path.clone(), text };
        }
    }
    Operation { effect: Effect::Write(fields), ..operation }
}

/// Returns what the writer had seen.
fn context(base: Option<&Base>) -> Context {
    let Some(base) = base else {
        return Context::default();
    };
    Context {
        base: Some(base.token.clone()),
        own: base.own.clone(),
        creates: base.rendering.is_none(),
    }
}

/// What a writer without a base says of a record.
enum Blind {
    /// The hub knows the record as deleted.
    DeletedHere,
    /// It says what the hub shows.
    Same {
        /// The fields that it lacks: of these it has seen nothing.
        unseen: Vec<Path>,
    },
    /// It states something.
    States(Vec<FieldOperation>),
}

fn without_base(
    record: Option<&Record>,
    new: &Fields,
    reading: &Reading<'_>,
    rules: &EntityRules,
) -> Blind {
    // A record of which all was taken back never was; one that was forgotten elsewhere was deleted.
    let Some(record) = record.filter(|record| !record.is_empty() || record.is_forgotten()) else {
        return Blind::States(statement(rules, &Fields::new(), new).operations);
    };
    if !is_visible(record, rules.deletion) {
        return Blind::DeletedHere;
    }
    let shown = visible(record, rules, Some(reading.writer)).unwrap_or_default();
    let mut operations = statement(rules, &shown, new).operations;
    operations.retain_mut(|operation| states_more(&record.body, operation));
    if !operations.is_empty() {
        return Blind::States(operations);
    }
    let lacks = |path: &Path| new.binary_search_by(|(known, _)| known.cmp(path)).is_err();
    let lacking = shown.into_iter().map(|(path, _)| path).filter(lacks);
    let mut unseen: Vec<Path> = lacking.collect();
    // What stands above such a field gave way to it, and was not shown either.
    let gave_way = |above: &Path| {
        let is_above = |path: &Path| above != path && above.is_prefix_of(path);
        unseen.iter().any(is_above) && !new.iter().any(|(path, _)| is_above(path))
    };
    let above: Vec<Path> = paths(&record.body).filter(|path| gave_way(path)).cloned().collect();
    unseen.extend(above);
    Blind::Same { unseen }
}

/// A blind statement of a sum counts only above what is known to have been added, and above what
/// was stated before. Answers whether the operation says anything.
pub fn states_more(body: &Body, operation: &mut FieldOperation) -> bool {
    match operation {
        FieldOperation::Floor { path, value } => {
            body.sums.get(path).is_none_or(|sum| floor_is_higher(sum, value))
        }
        FieldOperation::PutMember { path, key, fields, .. } => {
            let member = body.keyed.get(path).and_then(|members| members.get(key));
            let Some(member) = member else { return true };
            fields.retain_mut(|field| states_more(&member.body, field));
            !fields.is_empty() || member.live.is_empty()
        }
        _ => true,
    }
}

/// Turns the stated value into a floor; answers whether it is above the greatest one.
fn floor_is_higher(sum: &Sum, value: &mut Number) -> bool {
    let floor = sum.floors.values().max();
    let added = sum_value(sum).and_then(|whole| match floor {
        Some(floor) => whole.checked_sub(floor).ok(),
        None => Some(whole),
    });
    let Some(stated) = added.and_then(|added| value.checked_sub(&added).ok()) else {
        return true;
    };
    let higher = floor.is_none_or(|floor| stated > *floor);
    *value = stated;
    higher
}
