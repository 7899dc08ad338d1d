//! What the sender of an operation may write, and what it is told of the record.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use syncline_merge::conflict::{Conflict, conflicts};
use syncline_merge::display::{Fields, kept};
use syncline_merge::dots::Dots;
use syncline_merge::fault::{Fault, is_planted};
use syncline_merge::operation::{Effect, FieldOperation};
use syncline_merge::rules::EntityRules;
use syncline_merge::state::{Body, Member, Record};
use syncline_merge::token::{Context, Token};
use syncline_model::clock::Stamp;
use syncline_model::id::{EntityName, Writer};
use syncline_model::path::Path;
use syncline_policy::view::{Lens, Sight, Write, WriteDenied};
use syncline_protocol::predict::predict;

use super::rows::RecordKey;
use crate::log::images;
use crate::seen;

/// Whether an operation may be applied.
pub(super) struct Judge<'a> {
    sight: &'a Sight,
    entity: &'a EntityName,
    deletes: bool,
    paths: Vec<Path>,
    /// What a write to a deleted record may bring back.
    buried: Option<Fields>,
}

impl<'a> Judge<'a> {
    pub(super) fn new(sight: &'a Sight, entity: &'a EntityName, effect: &Effect) -> Self {
        let (deletes, fields) = match effect {
            Effect::Delete => (true, &[][..]),
            Effect::Write(fields) => (false, fields.as_slice()),
        };
        let is_judged = !sight.permit().allows_everything();
        let paths = fields.iter().filter(|_| is_judged).map(FieldOperation::path).cloned();
        Self { sight, entity, deletes, paths: paths.collect(), buried: None }
    }

    /// Judges before anything is looked at but what is shown of the record: what the merge says of it
    /// is for those who may write it.
    pub(super) fn before(&self, before: Option<&Fields>) -> Result<(), WriteDenied> {
        self.sight.permit().judge_before(self.write(before, (None, None), &self.paths))
    }

    /// Returns what a client had seen that may come upon a deleted record.
    ///
    /// To who does not see everything a record that is gone is like one that never was. One that had seen
    /// nothing of its life, or its end, begins a new life: what was there before is not for it to bring
    /// back. One that had seen some of it must be allowed to write all that may come back.
    pub(super) fn upon_deleted(
        &mut self,
        context: Context,
        deleted: Option<&Record>,
        rules: &EntityRules,
        writer: &Writer,
    ) -> Result<Context, WriteDenied> {
        let Some(record) = deleted.filter(|_| !self.sight.is_everything()) else {
            return Ok(context);
        };
        let has_seen_nothing = context.is_blind() && context.own.is_empty();
        if (context.creates || has_seen_nothing) && !is_planted(Fault::DeletedBroughtBack) {
            let base = Some(Token::of(record, rules, Some(writer), &[]));
            return Ok(Context { base, creates: true, ..context });
        }
        self.buried = Some(kept(record, rules, None));
        self.before(self.buried.as_ref())?;
        Ok(context)
    }

    /// Returns what a client had seen that may put fields into a member of an array that was removed: as
    /// [`Judge::upon_deleted`], since a member lives and dies as a record does. What it puts there begins a
    /// new one if it had seen nothing of the one before.
    pub(super) fn upon_removed(
        &self,
        mut context: Context,
        effect: &mut Effect,
        record: Option<&Record>,
        rules: &EntityRules,
        writer: &Writer,
    ) -> Context {
        let (Effect::Write(fields), Some(record)) = (effect, record) else { return context };
        if self.sight.is_everything() || is_planted(Fault::DeletedBroughtBack) {
            return context;
        }
        let mut all = None;
        for field in fields {
            let FieldOperation::PutMember { path, key, create, .. } = field else { continue };
            let member = record.body.keyed.get(path).and_then(|members| members.get(key));
            let full = path.within_key(key);
            let is_seen = |member: &Member| has_stamp(&member.body, &|s| context.covers(&full, s));
            if !member.is_some_and(|member| member.live.is_empty() && !is_seen(member)) {
                continue;
            }
            let all = all.get_or_insert_with(|| Token::of(record, rules, Some(writer), &[]));
            let base = context.base.get_or_insert_default();
            base.exceptions.retain(|path, _| !full.is_prefix_of(path));
            base.exceptions.insert(full.clone(), record.effective(&full).clone());
            let sums = all.sums.iter().filter(|(path, _)| full.is_prefix_of(path));
            base.sums.extend(sums.map(|(path, added)| (path.clone(), added.clone())));
            *create = true;
        }
        context
    }

    /// Judges by the record before and after, every field that is another one then, and what the
    /// operation says by itself: beside what was written at once it may not be shown now, and later.
    pub(super) fn after(
        &self,
        before: Option<&Fields>,
        after: Option<&Fields>,
        effect: &Effect,
    ) -> Result<(), WriteDenied> {
        if self.sight.permit().allows_everything() {
            return Ok(());
        }
        for before in [before].into_iter().chain(self.buried.iter().map(Some)) {
            self.between(before, after, effect)?;
        }
        Ok(())
    }

    fn between(
        &self,
        before: Option<&Fields>,
        after: Option<&Fields>,
        effect: &Effect,
    ) -> Result<(), WriteDenied> {
        let mut paths: BTreeSet<Path> = self.paths.iter().cloned().collect();
        if !self.deletes {
            let nothing = Fields::new();
            let (gone, come) = images(before.unwrap_or(&nothing), after.unwrap_or(&nothing));
            paths.extend(gone.into_iter().chain(come).map(|(path, _)| path));
        }
        let paths: Vec<Path> = paths.into_iter().collect();
        let written = predict(before, effect);
        self.sight.permit().judge(self.write(before, (after, written.as_ref()), &paths))
    }

    fn write<'w>(
        &'w self,
        before: Option<&'w Fields>,
        (after, as_written): (Option<&'w Fields>, Option<&'w Fields>),
        paths: &'w [Path],
    ) -> Write<'w> {
        let (before, after) = (before.map(Vec::as_slice), after.map(Vec::as_slice));
        let as_written = as_written.map(Vec::as_slice);
        Write { entity: self.entity, before, after, as_written, deletes: self.deletes, paths }
    }
}

/// What the sender of an operation sees of the record at some moment.
pub(super) enum Seen<'s> {
    /// The record is not there.
    NotThere,
    /// It is not in sight.
    Nothing,
    /// What the lens shows.
    Through(Lens<'s>),
}

impl<'s> Seen<'s> {
    /// - `shown`: what is shown of the record to who has no value of its own.
    pub(super) fn by(sight: &'s Sight, entity: &EntityName, shown: Option<&Fields>) -> Self {
        match shown {
            _ if sight.is_everything() => Self::Through(Lens::ALL),
            None => Self::NotThere,
            Some(fields) => sight.look(entity, fields).map_or(Self::Nothing, Self::Through),
        }
    }

    pub(super) fn is_all(&self) -> bool {
        match self {
            Self::Through(lens) => lens.is_all(),
            Self::NotThere => true,
            Self::Nothing => false,
        }
    }

    /// Returns whether a writer has seen a field that it does not see any more: what it still holds of that
    /// goes only if it is told the whole record.
    pub(super) fn is_less_than(&self, base: &Token, record: &Record) -> bool {
        let Self::Through(lens) = self else { return false };
        let is_hidden = |path: &&Path| !lens.shows(path);
        !lens.is_all()
            && record.body.paths().filter(is_hidden).any(|path| !base.effective(path).is_empty())
    }

    /// Returns whether it is the same as `before` the operation, so that what came of it can be told by
    /// what it changes.
    pub(super) fn is_as(&self, before: &Self) -> bool {
        match (before, self) {
            (Self::Nothing, _) | (_, Self::Nothing) => false,
            (Self::Through(before), Self::Through(now)) => before == now,
            (Self::NotThere, _) | (_, Self::NotThere) => true,
        }
    }

    /// Returns those of the fields that are seen.
    pub(super) fn fields(&self, fields: Option<Arc<Fields>>) -> Option<Arc<Fields>> {
        match self {
            Self::NotThere => fields,
            Self::Nothing => None,
            Self::Through(lens) => seen::shared(fields, lens),
        }
    }

    /// Returns what was seen of the record by that.
    pub(super) fn token(&self, record: &Record, rules: &EntityRules, writer: &Writer) -> Token {
        match self {
            Self::NotThere => seen::token(record, rules, writer, &Lens::NONE),
            Self::Nothing => Token::default(),
            Self::Through(lens) => seen::token(record, rules, writer, lens),
        }
    }

    /// Returns those of some new conflicts that are seen and, if there are any, all conflicts of the record that wait
    /// for a person and are seen, with what they are of.
    pub(super) fn conflicts(
        &self,
        new: Vec<String>,
        (entity, id): &RecordKey,
        record: &Record,
        rules: &EntityRules,
    ) -> (Vec<String>, Vec<(String, Path)>) {
        if new.is_empty() {
            return (new, Vec::new());
        }
        let named = |conflict: Conflict| (conflict.id(entity, id), conflict);
        let shown: BTreeMap<_, _> = self.shown_conflicts(record, rules).map(named).collect();
        let told: Vec<String> = match self.is_all() {
            true => new,
            false => new.into_iter().filter(|id| shown.contains_key(id)).collect(),
        };
        let open = shown.into_iter().filter(|(_, conflict)| conflict.open && !told.is_empty());
        let open = open.map(|(id, conflict)| (id, conflict.path)).collect();
        (told, open)
    }

    fn shown_conflicts(
        &self,
        record: &Record,
        rules: &EntityRules,
    ) -> impl Iterator<Item = Conflict> {
        conflicts(record, rules).into_iter().filter(move |conflict| match self {
            Self::Through(lens) => seen::shows_conflict(&conflict.path, record, lens),
            Self::NotThere => true,
            Self::Nothing => false,
        })
    }
}

/// Returns whether one of the changes that fields hold is such.
fn has_stamp(body: &Body, is: &dyn Fn(Stamp) -> bool) -> bool {
    let registers = body.registers.values().flat_map(|register| register.keys());
    let elements = body.unions.values().flat_map(BTreeMap::values).flat_map(Dots::as_slice);
    let appended = body.appends.values().flat_map(BTreeMap::values);
    let appended = appended.flat_map(|element| element.dots.keys());
    let texts = body.texts.values().flat_map(BTreeMap::keys);
    let added = body.sums.values().flat_map(|sum| &sum.adds);
    let added = added.map(|(site, added)| Stamp::new(added.clock, *site));
    registers.chain(elements).chain(appended).chain(texts).copied().chain(added).any(is)
        || body.keyed.values().flat_map(BTreeMap::values).any(|member| has_stamp(&member.body, is))
}
