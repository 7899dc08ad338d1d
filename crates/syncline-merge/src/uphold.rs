//! Holding on to values where another writer meets the record for the first time.
//!
//! A writer that has no base states what it holds, and may contradict what nobody has edited. Who
//! holds the contradicted value then says it too, in a change of its own: the conflict is between the
//! two of them, as if both had met for the first time, and each goes on seeing its own value. Without
//! that the value were only said by whoever wrote it once, which may be the very writer that
//! contradicts it.

use syncline_model::clock::Stamp;
use syncline_model::path::Path;

use crate::commit::{Site, operate};
use crate::diff::statement;
use crate::display::Fields;
use crate::error::Refusal;
use crate::fault::{Fault, is_planted};
use crate::operation::{Effect, FieldOperation, Operation};
use crate::plain::{Base, Reading};
use crate::rules::EntityRules;
use crate::state::{Body, Entry, Record, Register, Text};
use crate::token::{Context, ShownValues, Token};

/// Says anew what a writer holds unedited, where that is in conflict with what another one has
/// stated; nothing where it is in none, or where the writer has said it before.
///
/// Only single values and texts: counters and lists are joined, and lose nothing.
///
/// - `base`: what the writer was last known to hold. It takes note of the change.
/// - `reading`: what the writer holds, of what it may say.
/// - `stated`: what the other writer holds, of what that one may say.
///
/// # Errors
///
/// As [`operate`].
pub fn uphold(
    record: &Record,
    base: &mut Base,
    reading: &Reading<'_>,
    stated: &Fields,
    rules: &EntityRules,
    site: &mut Site<'_>,
) -> Result<Option<(Record, Stamp)>, Refusal> {
    let is_stated = |path: &Path| stated.binary_search_by(|(other, _)| other.cmp(path)).is_ok();
    let held = reading.fields.into_iter().flatten().filter(|(path, _)| is_stated(path));
    let mut fields = statement(rules, stated, &held.cloned().collect()).operations;
    let mut upheld = Upheld { reading, base, token: base.token.clone() };
    fields.retain_mut(|field| upheld.takes(&record.body, &Path::root(), field));
    if fields.is_empty() || is_planted(Fault::NothingUpheld) {
        return Ok(None);
    }
    let operation = Operation {
        effect: Effect::Write(fields),
        writer: reading.writer.clone(),
        edited: reading.edited,
        timed: reading.timed,
    };
    let (token, own) = (upheld.token, base.own.clone());
    let context = Context { base: Some(token), own, creates: false };
    let done = operate(Some(record.clone()), &operation, &context, rules, site)?;
    base.own.insert(done.stamp);
    Ok(Some((done.record, done.stamp)))
}

/// What is to be said anew.
struct Upheld<'a> {
    reading: &'a Reading<'a>,
    base: &'a Base,
    /// What the writer has seen, and which values it replaces: those that it was shown, and those
    /// that say the same.
    token: Token,
}

impl Upheld<'_> {
    /// Returns whether an operation says something that is in conflict and that is not already said by
    /// the writer, and nobody else; leaves of one within a member what does.
    fn takes(&mut self, body: &Body, within: &Path, operation: &mut FieldOperation) -> bool {
        let writer = self.reading.writer;
        match operation {
            FieldOperation::Set { path, value } => {
                let Some(register) = body.registers.get(path) else { return false };
                let value = Some(&*value);
                let says = |other: &Entry| other.value.as_ref() == value;
                let mut saying = register.values().filter(|entry| says(entry)).peekable();
                let is_own = saying.peek().is_some() && saying.all(|e| e.writer == *writer);
                let is_taken = !is_own && register.values().any(|entry| !says(entry));
                if is_taken {
                    self.replaces(&within.join(path), register, says);
                }
                is_taken
            }
            FieldOperation::BeginText { path, text } => {
                let Some(texts) = body.texts.get(path) else { return false };
                let says = |other: &Text| other.state.text() == *text;
                texts.values().any(|other| !says(other))
                    && !texts.values().any(|other| says(other) && other.writer == *writer)
            }
            FieldOperation::PutMember { path, key, fields, .. } => {
                let member = body.keyed.get(path).and_then(|members| members.get(key));
                let Some(member) = member else { return false };
                let within = within.join(path).within_key(key);
                fields.retain_mut(|field| self.takes(&member.body, &within, field));
                !fields.is_empty()
            }
            _ => false,
        }
    }

    /// Notes which values of a field the writer replaces by its own.
    fn replaces(&mut self, full: &Path, register: &Register, says: impl Fn(&Entry) -> bool) {
        let base = self.base;
        let shown = base.token.shown.get(full);
        let was_shown = |stamp: Stamp| match shown {
            Some(shown) => shown.dots.contains(stamp),
            None => base.token.covers(full, stamp),
        };
        let is_replaced = |stamp: Stamp, entry| was_shown(stamp) || says(entry);
        let (dots, others): (Vec<_>, Vec<_>) =
            register.iter().partition(|(stamp, entry)| is_replaced(**stamp, entry));
        let stamps = |entries: Vec<(&Stamp, _)>| entries.into_iter().map(|(s, _)| *s).collect();
        let values = ShownValues { dots: stamps(dots), others: stamps(others) };
        self.token.shown.insert(full.clone(), values);
    }
}
