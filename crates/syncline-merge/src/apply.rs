//! Applying one operation to the state: what it covers goes, what it says comes.

use std::collections::BTreeMap;

use smallvec::SmallVec;
use syncline_model::clock::{Clock, Stamp};
use syncline_model::id::{SiteId, Writer};
use syncline_model::json::{Leaf, Number};
use syncline_model::limits::DRIFT_MS_MAX;
use syncline_model::path::Path;

use crate::display;
use crate::dots::Dots;
use crate::error::Refusal;
use crate::fault::{Fault, is_planted};
use crate::flat::FlatMap;
use crate::operation::{Effect, FieldOperation, Operation};
use crate::rules::{Deletion, EntityRules, Shape};
use crate::state::{
    Addition, Body, Element, ElementId, Entry, Member, Record, Register, Text, Zero,
};
use crate::text::crdt::TextState;
use crate::text::ot::TextOperation;
use crate::token::Context;

/// Applies `operation` as the change `stamp`, and takes note of it in the record's version.
///
/// `now_ms` bounds the claimed edit time: one beyond the drift decides nothing. The caller has checked that the record holds what the
/// writer had seen; on an error the record is to be thrown away.
pub(crate) fn apply(
    record: &mut Record,
    operation: &Operation,
    context: &Context,
    stamp: Stamp,
    now_ms: u64,
    rules: &EntityRules,
) -> Result<(), Refusal> {
    let latest = Clock::new(now_ms.saturating_add(DRIFT_MS_MAX), 0);
    let claimed = operation.edited.min(latest);
    let (writer, timed) = (&operation.writer, operation.timed && operation.edited <= latest);
    let change = Change { writer, claimed, timed, context, stamp, rules };
    match &operation.effect {
        Effect::Delete => change.delete(record),
        Effect::Write(fields) => change.write(record, fields)?,
    }
    note(record, stamp);
    Ok(())
}

/// Takes note of a change made here, also where paths have versions of their own.
pub(crate) fn note(record: &mut Record, stamp: Stamp) {
    record.version.observe(stamp);
    for version in record.exceptions.values_mut() {
        version.observe(stamp);
    }
}

/// One operation on its way into the state.
struct Change<'a> {
    writer: &'a Writer,
    claimed: Clock,
    timed: bool,
    context: &'a Context,
    stamp: Stamp,
    rules: &'a EntityRules,
}

impl Change<'_> {
    fn delete(&self, record: &mut Record) {
        self.drop_seen(record, true);
        record.deletes.retain(|dot| !self.context.covers_record(*dot));
        record.deletes.insert(self.stamp);
    }

    fn write(&self, record: &mut Record, fields: &[FieldOperation]) -> Result<(), Refusal> {
        let creates = self.context.creates;
        if creates && !is_planted(Fault::OldFieldsShown) {
            self.clear(&mut record.body, &Path::root());
        }
        if record.live.is_empty() && (creates || self.context.is_blind()) {
            self.end_counts(&mut record.body);
        }
        self.drop_seen(record, false);
        record.live.insert(self.stamp);
        if creates || self.rules.deletion != Deletion::Review {
            record.deletes.retain(|dot| !self.context.covers_record(*dot));
        }
        self.fields(&mut record.body, &Path::root(), fields)?;
        if is_planted(Fault::WrittenWhole) {
            self.rest(&mut record.body, fields);
        }
        drop_empty(&mut record.body);
        Ok(())
    }

    /// Fails on purpose: says anew what the writer had seen of the fields that it does not write.
    fn rest(&self, body: &mut Body, fields: &[FieldOperation]) {
        let is_rest = |path: &Path| fields.iter().all(|field| field.path() != path);
        for (path, register) in body.registers.iter_mut().filter(|(path, _)| is_rest(path)) {
            let mut latest = register.iter().rev();
            let seen = latest.find(|(dot, _)| self.context.covers(path, **dot));
            let value = seen.map(|(_, entry)| entry.value.clone());
            drop(latest);
            if let Some(value) = value {
                self.set(register, path, value);
            }
        }
    }

    /// Drops, of the changes that keep the record, those that the writer had seen.
    fn drop_seen(&self, record: &mut Record, deletes: bool) {
        let (context, root) = (self.context, Path::root());
        record.live.retain(|dot| {
            !context.covers_record(*dot) || context.keeps_alive(&root, *dot, deletes)
        });
    }

    /// As [`drop_seen`](Self::drop_seen), of a member.
    fn drop_seen_of_member(&self, member: &mut Member, full: &Path, deletes: bool) {
        let context = self.context;
        member
            .live
            .retain(|dot| !context.covers(full, *dot) || context.keeps_alive(full, *dot, deletes));
    }

    fn fields(
        &self,
        body: &mut Body,
        within: &Path,
        fields: &[FieldOperation],
    ) -> Result<(), Refusal> {
        for (index, field) in fields.iter().enumerate() {
            let index = u32::try_from(index).unwrap_or(u32::MAX);
            self.field(body, within, index, field)?;
        }
        Ok(())
    }

    fn field(
        &self,
        body: &mut Body,
        within: &Path,
        index: u32,
        field: &FieldOperation,
    ) -> Result<(), Refusal> {
        let full = within.join(field.path());
        let path = field.path().clone();
        match field {
            FieldOperation::Set { value, .. } => {
                let register = body.registers.or_default(path);
                let value = match is_planted(Fault::NumbersShortened) {
                    true => Leaf::parse(&value.canonical()).unwrap_or_else(|_| value.clone()),
                    false => value.clone(),
                };
                self.set(register, &full, Some(value));
            }
            FieldOperation::Unset { .. } => self.unset(body, path, &full),
            FieldOperation::Increment { by, .. } => self.increment(body, path, &full, by)?,
            FieldOperation::Floor { value, .. } => self.floor(body, path, value),
            FieldOperation::Reset { .. } => {
                self.take_sum_away(body, &path, &full);
                self.floor(body, path, &Number::from(0_i64));
            }
            FieldOperation::Add { element, .. } => {
                let dots = body.unions.entry(path).or_default().entry(element.clone()).or_default();
                self.refresh(dots, &full);
            }
            FieldOperation::Remove { element, .. } => self.remove(body, &path, &full, element),
            FieldOperation::PutMember { key, create, fields, .. } => {
                let member = body.keyed.entry(path).or_default().entry(key.clone()).or_default();
                self.put_member(member, &full.within_key(key), *create, fields)?;
            }
            FieldOperation::RemoveMember { key, .. } => {
                self.remove_member(body, &path, &full, key);
            }
            FieldOperation::Append { value, id, .. } => {
                let id = id.unwrap_or(ElementId::Stamped(self.stamp, index));
                self.append(body, path, &full, (id, index), value);
            }
            FieldOperation::BeginText { text, .. } => self.begin_text(body, path, &full, text)?,
            FieldOperation::EditText { edit, .. } => self.edit_text(body, &path, &full, edit)?,
        }
        Ok(())
    }

    /// Replaces what the writer had seen by one value.
    ///
    /// Of a field under review, or whose conflict was open, the writer replaces only what it was
    /// shown, so that the conflict stays open until it is settled. It is what was so when the writer
    /// looked that counts: a rule that came later makes no conflict of what it had seen.
    fn set(&self, register: &mut Register, full: &Path, value: Option<Leaf>) {
        let shown = self.context.base.as_ref().and_then(|token| token.shown.get(full));
        let covered: SmallVec<[Stamp; 2]> = if is_planted(Fault::LosersDropped) {
            register.keys().copied().collect()
        } else if let (Some(shown), false) = (shown, self.context.creates) {
            let is_own = |dot: &Stamp| self.context.has_made_since(full, *dot);
            let replaced = |dot: &Stamp| is_own(dot) || shown.dots.contains(*dot);
            register.keys().filter(|dot| replaced(dot)).copied().collect()
        } else {
            register.keys().filter(|dot| self.context.covers(full, **dot)).copied().collect()
        };
        let edited_covered = covered.iter().filter_map(|dot| register.remove(dot));
        let edited_after =
            edited_covered.map(|entry| Clock(entry.edited.0.saturating_add(1))).max();
        let edited_after = edited_after.unwrap_or_default();
        let edited = self.claimed.max(edited_after);
        // An edit that claims to be older than what it replaces was not made when it claims.
        let is_raised = edited_after.millis() > self.claimed.millis().saturating_add(DRIFT_MS_MAX);
        let (timed, writer) = (self.timed && !is_raised, self.writer.clone());
        register.insert(self.stamp, Entry { value, edited, timed, writer });
    }

    /// Removes a field: a register is given the value "absent", other shapes lose what was seen.
    fn unset(&self, body: &mut Body, path: Path, full: &Path) {
        let other_shape = self.drop_shapes(body, &path, full);
        if !other_shape || body.registers.contains_key(&path) {
            let register = body.registers.or_default(path);
            self.set(register, full, None);
        }
    }

    /// Drops what the writer had seen of a field in every shape but the register; answers whether
    /// there was any.
    fn drop_shapes(&self, body: &mut Body, path: &Path, full: &Path) -> bool {
        let mut found = false;
        if let Some(elements) = body.unions.get_mut(path) {
            found = true;
            for dots in elements.values_mut() {
                self.drop_covered(dots, full);
            }
            elements.retain(|_, dots| !dots.is_empty());
        }
        if let Some(members) = body.keyed.get_mut(path) {
            found |= members.values().any(Member::is_known);
            for (key, member) in members {
                self.drop_seen_of_member(member, &full.within_key(key), true);
            }
        }
        if let Some(elements) = body.appends.get_mut(path) {
            found = true;
            for element in elements.values_mut() {
                element.dots.retain(|dot, _| !self.context.covers(full, *dot));
            }
            elements.retain(|_, element| !element.dots.is_empty());
        }
        if let Some(texts) = body.texts.get_mut(path) {
            found = true;
            self.drop_texts(texts, full);
        }
        if let Some(sum) = body.sums.get(path) {
            found |= sum.is_known();
            self.take_sum_away(body, path, full);
        }
        found
    }

    fn increment(
        &self,
        body: &mut Body,
        path: Path,
        full: &Path,
        by: &Number,
    ) -> Result<(), Refusal> {
        let sum = body.sums.entry(path).or_default();
        let clock = self.stamp.clock;
        let (begun, total) = match sum.adds.get(&self.stamp.site) {
            Some(added) => (added.begun, added.total.checked_add(by)),
            None => (clock, Ok(by.clone())),
        };
        let total = total.map_err(|_| Refusal::SumOverflow { path: full.clone() })?;
        sum.adds.insert(self.stamp.site, Addition { begun, clock, total });
        display::sum_value(sum).ok_or_else(|| Refusal::SumOverflow { path: full.clone() })?;
        Ok(())
    }

    fn floor(&self, body: &mut Body, path: Path, value: &Number) {
        body.sums.entry(path).or_default().floors.insert(self.stamp, value.clone());
    }

    /// Takes away what the writer had seen: floors are dropped, additions are remembered as taken.
    ///
    /// Never a subtraction, which two concurrent resets would make twice.
    fn take_sum_away(&self, body: &mut Body, path: &Path, full: &Path) {
        let Some(sum) = body.sums.get_mut(path) else {
            return;
        };
        sum.floors.retain(|dot, _| !self.context.covers(full, *dot));
        let seen = self.context.base.as_ref().and_then(|token| token.sums.get(full));
        for (site, seen) in seen.into_iter().flatten() {
            let (seen, stamp) = (seen.clone(), self.stamp);
            take_away(&mut sum.zeros, *site, Zero { seen, stamp });
        }
    }

    /// Takes away what was added to sums before the record was deleted; of a writer that has seen
    /// nothing, but does not create, not what ends with an addition of its own.
    ///
    /// For a writer that sees no record, so that nothing keeps other hubs from having forgotten it:
    /// a count that went on would bring what they have forgotten back to them.
    fn end_counts(&self, body: &mut Body) {
        let keeps = |stamp| !self.context.creates && self.context.has_made(stamp);
        for sum in body.sums.values_mut() {
            for (site, seen) in &sum.adds {
                if !keeps(Stamp::new(seen.clock, *site)) {
                    let (seen, stamp) = (seen.clone(), self.stamp);
                    take_away(&mut sum.zeros, *site, Zero { seen, stamp });
                }
            }
        }
        let members = body.keyed.values_mut().flat_map(BTreeMap::values_mut);
        members.for_each(|member| self.end_counts(&mut member.body));
    }

    fn remove(&self, body: &mut Body, path: &Path, full: &Path, element: &Leaf) {
        let Some(elements) = body.unions.get_mut(path) else {
            return;
        };
        if is_planted(Fault::RemovalTakesUnseen) {
            elements.remove(element);
        }
        if let Some(dots) = elements.get_mut(element) {
            self.drop_covered(dots, full);
        }
        elements.retain(|_, dots| !dots.is_empty());
    }

    fn put_member(
        &self,
        member: &mut Member,
        full: &Path,
        create: bool,
        fields: &[FieldOperation],
    ) -> Result<(), Refusal> {
        if create {
            self.clear(&mut member.body, full);
        }
        self.drop_seen_of_member(member, full, false);
        member.live.insert(self.stamp);
        self.fields(&mut member.body, full, fields)
    }

    fn remove_member(&self, body: &mut Body, path: &Path, full: &Path, key: &str) {
        let Some(members) = body.keyed.get_mut(path) else {
            return;
        };
        let Some(member) = members.get_mut(key) else {
            return;
        };
        self.drop_seen_of_member(member, &full.within_key(key), true);
        if is_planted(Fault::MembersTorn) {
            self.clear(&mut member.body, &full.within_key(key));
        }
    }

    fn append(
        &self,
        body: &mut Body,
        path: Path,
        full: &Path,
        (id, index): (ElementId, u32),
        value: &Leaf,
    ) {
        let elements = body.appends.entry(path).or_default();
        let element = elements
            .entry(id)
            .or_insert_with(|| Element { value: value.clone(), dots: FlatMap::new() });
        element.dots.retain(|dot, _| !self.context.covers(full, *dot));
        element.dots.insert(self.stamp, index);
        if let Shape::Append { keep } = self.rules.shape(full) {
            trim(elements, *keep);
        }
    }

    fn begin_text(
        &self,
        body: &mut Body,
        path: Path,
        full: &Path,
        text: &str,
    ) -> Result<(), Refusal> {
        let texts = body.texts.entry(path).or_default();
        self.drop_texts(texts, full);
        let mut state = TextState::new();
        let refused = || Refusal::TextEdit { path: full.clone() };
        let whole = TextOperation::from_diff("", text).map_err(|_| refused())?;
        state.apply_operation(&whole, self.stamp).map_err(|_| refused())?;
        let (edited, writer) = (self.claimed, self.writer.clone());
        texts.insert(self.stamp, Text { live: Dots::one(self.stamp), edited, writer, state });
        Ok(())
    }

    fn edit_text(
        &self,
        body: &mut Body,
        path: &Path,
        full: &Path,
        edit: &TextOperation,
    ) -> Result<(), Refusal> {
        let refused = || Refusal::TextEdit { path: full.clone() };
        let knows = |dot| self.context.covers(full, dot);
        let texts = body.texts.get_mut(path).ok_or_else(refused)?;
        // The text that the writer has begun itself since, else the one that it was shown.
        let is_own = |birth: &Stamp| self.context.has_made_since(full, *birth);
        let own = texts.keys().rev().find(|birth| is_own(birth)).copied();
        let shown = self.context.base.as_ref().and_then(|token| token.texts.get(full));
        let meant = |birth: Stamp| match own {
            Some(own) => own == birth,
            None => shown.is_none_or(|shown| *shown == birth),
        };
        let seen = texts.iter_mut().filter(|(birth, _)| knows(**birth) && meant(**birth));
        let text = seen.max_by_key(|(birth, text)| (text.edited, **birth));
        let (_, text) = text.ok_or_else(refused)?;
        text.state.apply_operation_at(edit, self.stamp, knows).map_err(|_| refused())?;
        self.refresh(&mut text.live, full);
        text.edited = self.claimed.max(Clock(text.edited.0.saturating_add(1)));
        text.writer = self.writer.clone();
        Ok(())
    }

    fn drop_texts(&self, texts: &mut BTreeMap<Stamp, Text>, full: &Path) {
        for text in texts.values_mut() {
            self.drop_covered(&mut text.live, full);
        }
        texts.retain(|_, text| !text.live.is_empty());
    }

    /// Removes all that the writer had seen of the fields: a new life does not show an old one.
    fn clear(&self, body: &mut Body, within: &Path) {
        for (path, register) in &mut body.registers {
            let full = within.join(path);
            register.retain(|dot, _| !self.context.covers(&full, *dot));
        }
        body.registers.retain(|_, register| !register.is_empty());
        let shaped = body.unions.keys().chain(body.appends.keys()).chain(body.texts.keys());
        let paths: Vec<Path> = shaped.chain(body.sums.keys()).cloned().collect();
        for path in paths {
            self.drop_shapes(body, &path, &within.join(&path));
        }
        for (path, members) in &mut body.keyed {
            for (key, member) in members.iter_mut() {
                let full = within.join(path).within_key(key);
                self.drop_covered(&mut member.live, &full);
                self.clear(&mut member.body, &full);
            }
        }
        drop_empty(body);
    }

    fn refresh(&self, dots: &mut Dots, full: &Path) {
        self.drop_covered(dots, full);
        dots.insert(self.stamp);
    }

    fn drop_covered(&self, dots: &mut Dots, full: &Path) {
        dots.retain(|dot| !self.context.covers(full, *dot));
    }
}

/// Drops fields of which nothing is left: equal states have equal forms.
fn drop_empty(body: &mut Body) {
    body.registers.retain(|_, register| !register.is_empty());
    body.sums
        .retain(|_, sum| !(sum.floors.is_empty() && sum.adds.is_empty() && sum.zeros.is_empty()));
    body.unions.retain(|_, elements| !elements.is_empty());
    body.appends.retain(|_, elements| !elements.is_empty());
    body.texts.retain(|_, texts| !texts.is_empty());
    for members in body.keyed.values_mut() {
        members.values_mut().for_each(|member| drop_empty(&mut member.body));
        members.retain(|_, member| !(member.live.is_empty() && member.body.is_empty()));
    }
    body.keyed.retain(|_, members| !members.is_empty());
}

/// Keeps of two resets of one site the one that had seen more.
fn take_away(zeros: &mut BTreeMap<SiteId, Zero>, site: SiteId, zero: Zero) {
    let newer =
        |present: &Zero| (present.seen.clock, present.stamp) < (zero.seen.clock, zero.stamp);
    if zeros.get(&site).is_none_or(newer) {
        zeros.insert(site, zero);
    }
}

/// Drops the oldest elements beyond `keep`. Done by the hub that appends, as a removal that it has
/// seen: a join never trims, since trimming does not commute with removal.
fn trim(elements: &mut BTreeMap<ElementId, Element>, keep: u32) {
    let keep = usize::try_from(keep).unwrap_or(usize::MAX);
    if elements.len() <= keep {
        return;
    }
    let mut order: Vec<ElementId> = display::element_order(elements);
    order.truncate(elements.len() - keep);
    for id in order {
        elements.remove(&id);
    }
}
