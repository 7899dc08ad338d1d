//! Committing operations at a hub: checked against what the writer had seen, then applied.

use std::borrow::Cow;

use syncline_model::clock::{Clock, Stamp};
use syncline_model::id::SiteId;
use syncline_model::path::Path;
use syncline_model::version::Version;

use crate::apply::{apply, note};
use crate::display::shown;
use crate::error::Refusal;
use crate::fault::{Fault, is_planted};
use crate::limits::REGISTER_VALUES_MAX;
use crate::operation::{Effect, FieldOperation, Operation};
use crate::rules::EntityRules;
use crate::state::{Body, Entry, Record, Register};
use crate::token::Context;

/// The hub at which an operation is committed: its clock, its site, and what it knows.
#[derive(Debug)]
pub struct Site<'a> {
    /// The hub's incarnation.
    pub id: SiteId,
    /// The hub's clock, above every clock in its store. Moves on with every change.
    pub clock: &'a mut Clock,
    /// Wall time, in milliseconds since the Unix epoch.
    pub now_ms: u64,
    /// What the hub has forgotten.
    pub floor: &'a Version,
    /// Sites that an operator declared lost: what was seen of them and is not here never comes.
    pub lost: &'a [SiteId],
}

impl Site<'_> {
    /// Returns the stamp of the next change.
    ///
    /// # Errors
    ///
    /// [`Refusal::ClockExhausted`] at the end of time.
    pub fn tick(&mut self) -> Result<Stamp, Refusal> {
        *self.clock = self.clock.tick(self.now_ms).map_err(|_| Refusal::ClockExhausted)?;
        Ok(Stamp::new(*self.clock, self.id))
    }
}

/// What a commit came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Committed {
    /// The record with the change.
    pub record: Record,
    /// The change.
    pub stamp: Stamp,
    /// Registers that had grown to their bound and were settled; mostly none.
    pub capped: Vec<Capped>,
}

/// A register that was settled because it had grown to [`REGISTER_VALUES_MAX`] values.
#[derive(Clone, Debug, PartialEq)]
pub struct Capped {
    /// The field.
    pub path: Path,
    /// The change that restates the visible value.
    pub stamp: Stamp,
    /// The values that it covers: they belong into the history of conflicts.
    pub covered: Register,
}

/// Commits an operation on a record, or on none.
///
/// # Errors
///
/// - [`Refusal::Behind`] if the writer had seen what is not here; the caller may wait a bounded
///   time for it, and the writer tries again.
/// - [`Refusal::Rebase`] if the writer's base was forgotten here.
/// - other refusals where an operation does not fit the state. Nothing is changed.
pub fn operate(
    record: Option<Record>,
    operation: &Operation,
    context: &Context,
    rules: &EntityRules,
    site: &mut Site<'_>,
) -> Result<Committed, Refusal> {
    let is_unknown = record.is_none();
    let mut record = record.unwrap_or_else(|| Record::begun(site.floor));
    refuse_guesses(operation, context, &record, site.lost)?;
    let was_here = (!is_unknown).then_some(&record);
    let was_lost = has_seen_lost(context, &record, site.lost);
    let context = &*seen_and_not_lost(context, was_here, site);
    if is_unknown && !(context.is_blind() && context.own.is_empty()) {
        return Err(unknown(context, site.floor));
    }
    check(&mut record, operation, context, was_lost, site.lost)?;
    let stamp = site.tick()?;
    apply(&mut record, operation, context, stamp, site.now_ms, rules)?;
    if is_planted(Fault::RulePrunes) {
        prune(&mut record.body, rules);
    }
    let capped = cap(&mut record, rules, site)?;
    Ok(Committed { record, stamp, capped })
}

/// Returns whether the writer had seen the record as a change has left it that is lost.
fn has_seen_lost(context: &Context, record: &Record, lost: &[SiteId]) -> bool {
    let seen = |site: &SiteId| context.base.as_ref().map(|token| token.version.get(*site));
    lost.iter().any(|site| seen(site).is_some_and(|clock| clock > record.version.get(*site)))
}

/// Returns what the writer had seen, without what only sites had that are lost.
///
/// - `record`: the record, if it is here. If not, a change that is lost has made it, also where an older
///   record of that name was deleted and forgotten: whoever has seen the change knows nothing of that one.
fn seen_and_not_lost<'c>(
    context: &'c Context,
    record: Option<&Record>,
    site: &Site<'_>,
) -> Cow<'c, Context> {
    let (mut context, nothing) = (Cow::Borrowed(context), Record::default());
    let forgotten = Record::begun(site.floor);
    for lost in site.lost {
        let context = context.to_mut();
        let seen = context.base.as_ref().map(|token| token.version.get(*lost));
        let is_made_by_lost = seen.is_some_and(|clock| clock > site.floor.get(*lost));
        let here = match record {
            Some(record) => record,
            None if is_made_by_lost => &nothing,
            None => &forgotten,
        };
        if let Some(token) = &mut context.base {
            token.cut_to(*lost, here);
        }
        let here = here.version.get(*lost);
        context.own.retain(|stamp| stamp.site != *lost || stamp.clock <= here);
    }
    context
}

/// Refuses an edit that counts the characters of a text of which something may have been lost here, unless
/// it says which text it was made for: another one might be as long.
fn refuse_guesses(
    operation: &Operation,
    context: &Context,
    record: &Record,
    lost: &[SiteId],
) -> Result<(), Refusal> {
    let (Some(token), Effect::Write(fields)) = (&context.base, &operation.effect) else {
        return Ok(());
    };
    let has_lost = |path: &Path| {
        let (seen, here) = (token.effective(path), record.effective(path));
        lost.iter().any(|site| seen.get(*site) > here.get(*site))
    };
    match guess(fields, &Path::root(), &has_lost) {
        Some(path) => Err(Refusal::TextEdit { path }),
        None => Ok(()),
    }
}

/// Returns a text of which something `has_lost` its place here and that is edited by its length alone.
fn guess(
    fields: &[FieldOperation],
    within: &Path,
    has_lost: &dyn Fn(&Path) -> bool,
) -> Option<Path> {
    fields.iter().find_map(|field| match field {
        FieldOperation::EditText { path, edit } => {
            let full = within.join(path);
            (edit.made_for().is_none() && has_lost(&full)).then_some(full)
        }
        FieldOperation::PutMember { path, key, fields, .. } => {
            guess(fields, &within.join(path).within_key(key), has_lost)
        }
        _ => None,
    })
}

/// Answers a writer that knows a record which is not here.
fn unknown(context: &Context, floor: &Version) -> Refusal {
    let forgotten = context.base.as_ref().is_none_or(|token| floor.includes(&token.version))
        && context.own.as_slice().iter().all(|stamp| floor.covers(*stamp));
    if forgotten { Refusal::Rebase } else { Refusal::Behind }
}

/// Checks that the record holds what the writer had seen, of the record and of each path written.
///
/// - `was_lost`: whether it had seen the record as it was made by what is lost, and so not one that is
///   forgotten.
fn check(
    record: &mut Record,
    operation: &Operation,
    context: &Context,
    was_lost: bool,
    lost: &[SiteId],
) -> Result<(), Refusal> {
    if is_planted(Fault::BaseJoinedIntoVersion) {
        if let Some(token) = &context.base {
            record.version.join(&token.version);
        }
        return Ok(());
    }
    if is_planted(Fault::BaseNotChecked) {
        return Ok(());
    }
    if let Some(token) = &context.base
        && !token.version.is_empty()
        && !was_lost
        && !record.born.is_empty()
        && record.born.includes(&token.version)
    {
        return Err(Refusal::Rebase);
    }
    let within = |path: &Path, version| context.is_within(path, version, lost);
    if !within(&Path::root(), &record.version) {
        return Err(Refusal::Behind);
    }
    let behind = match &operation.effect {
        Effect::Delete => false,
        Effect::Write(_) if context.creates => {
            record.exceptions.iter().any(|(path, version)| !within(path, version))
        }
        Effect::Write(fields) => {
            let mut paths = fields.iter().map(FieldOperation::path);
            paths.any(|path| {
                let inside = record.exceptions.iter().filter(|(p, _)| path.is_prefix_of(p));
                !within(path, record.effective(path))
                    || inside.into_iter().any(|(p, version)| !within(p, version))
            })
        }
    };
    if behind { Err(Refusal::Behind) } else { Ok(()) }
}

/// Settles every register that has grown beyond its bound, by restating what is shown.
///
/// Also for the caller that has joined a state.
///
/// # Errors
///
/// [`Refusal::ClockExhausted`] at the end of time.
pub fn cap(
    record: &mut Record,
    rules: &EntityRules,
    site: &mut Site<'_>,
) -> Result<Vec<Capped>, Refusal> {
    if is_planted(Fault::BlindWritesGrow) || !overfull(&record.body) {
        return Ok(Vec::new());
    }
    let stamp = site.tick()?;
    let mut capped = Vec::new();
    cap_body(&mut record.body, &Path::root(), rules, stamp, &mut capped);
    note(record, stamp);
    Ok(capped)
}

fn overfull(body: &Body) -> bool {
    let mut members = body.keyed.values().flat_map(|members| members.values());
    body.registers.values().any(|register| register.len() > REGISTER_VALUES_MAX)
        || members.any(|member| overfull(&member.body))
}

fn cap_body(
    body: &mut Body,
    within: &Path,
    rules: &EntityRules,
    stamp: Stamp,
    capped: &mut Vec<Capped>,
) {
    for (path, register) in &mut body.registers {
        if register.len() <= REGISTER_VALUES_MAX {
            continue;
        }
        let full = within.join(path);
        let Some(shown) = shown(register, rules.rule(&full), None) else {
            continue;
        };
        let writer = register.get(&shown.weight.1).map(|entry| entry.writer.clone());
        let Some(writer) = writer else { continue };
        let edited_max = register.values().map(|entry| entry.edited).max().unwrap_or_default();
        let edited = Clock(edited_max.0.saturating_add(1));
        let value = shown.value.map(Cow::into_owned);
        let settled = Register::from([(stamp, Entry { value, edited, timed: true, writer })]);
        let covered = std::mem::replace(register, settled);
        capped.push(Capped { path: full, stamp, covered });
    }
    for (path, members) in &mut body.keyed {
        for (key, member) in members {
            let full = within.join(path).within_key(key);
            cap_body(&mut member.body, &full, rules, stamp, capped);
        }
    }
}

/// Fails on purpose: keeps of each register only what its rule shows today.
fn prune(body: &mut Body, rules: &EntityRules) {
    for (path, register) in &mut body.registers {
        let rule = rules.rule(path);
        if rule.is_review() {
            continue;
        }
        if let Some(dots) = shown(register, rule, None).map(|shown| shown.dots) {
            register.retain(|stamp, _| dots.contains(*stamp));
        }
    }
}
