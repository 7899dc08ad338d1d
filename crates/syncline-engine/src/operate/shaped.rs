//! What a client says of a field, in the shape that the field has.
//!
//! A client knows no shapes. It gives a field a value that is a sum here, and adds to one that it has
//! seen as a plain value. Merging keeps a state for each shape, and one says nothing of the other: so
//!
//! - a whole value for a field in a shape becomes what a plain writer means by it: the difference to
//!   what the client was shown, or what it states where it has seen nothing;
//! - what works on a shape takes along what the client has seen of the field in another one.
//!
//! What others have written meanwhile and the client has not seen stays beside it, as it was.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use syncline_merge::diff::{WholeField, fits, members};
use syncline_merge::display::{self, Fields, stamps_in, sum_value};
use syncline_merge::operation::{Effect, FieldOperation};
use syncline_merge::plain::states_more;
use syncline_merge::rules::{EntityRules, Shape, ShapeKind};
use syncline_merge::state::{Body, Record};
use syncline_merge::token::Context;
use syncline_model::id::Writer;
use syncline_model::json::{Json, Leaf};
use syncline_model::path::Path;
use syncline_protocol::predict::predict;

/// The name under which members of an array bear their key, if several would do.
const KEY_PREFERRED: &str = "id";

/// Who writes, and what it had seen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shaping<'a> {
    pub(super) context: &'a Context,
    pub(super) rules: &'a EntityRules,
    pub(super) writer: &'a Writer,
}

/// Fields on whom operations work: those of the record, or of a member.
struct Place<'a> {
    body: &'a Body,
    within: Path,
    /// What the writer is shown of them, where that is known.
    shown: Option<&'a Fields>,
}

impl Shaping<'_> {
    /// Returns the effect in the shapes of its fields; nothing where it is so already.
    ///
    /// - `record`, `shown`: the record as it is, and what the writer is shown of it.
    pub(super) fn in_shape(
        &self,
        effect: &Effect,
        record: Option<&Record>,
        shown: Option<&Fields>,
    ) -> Option<Effect> {
        let Effect::Write(operations) = effect else { return None };
        // A record that begins anew holds nothing of the old one.
        let known = record.filter(|_| !self.context.creates);
        let nothing = Body::default();
        let place = Place {
            body: known.map_or(&nothing, |record| &record.body),
            within: Path::root(),
            shown: shown.filter(|_| known.is_some()),
        };
        self.fields(&place, operations).map(Effect::Write)
    }

    /// Returns the operations on the fields of a place; nothing where they stay as they are.
    fn fields(
        &self,
        place: &Place<'_>,
        operations: &[FieldOperation],
    ) -> Option<Vec<FieldOperation>> {
        let is_plain = |operation: &FieldOperation| {
            matches!(operation, FieldOperation::Set { .. } | FieldOperation::Unset { .. })
        };
        let is_unshaped = self.rules.fields.is_empty() && place.body.is_unshaped();
        if is_unshaped && operations.iter().all(is_plain) {
            return None;
        }
        let mut by_path: BTreeMap<&Path, Vec<&FieldOperation>> = BTreeMap::new();
        for operation in operations {
            by_path.entry(operation.path()).or_default().push(operation);
        }
        let mut changed: BTreeMap<&Path, Vec<FieldOperation>> = by_path
            .iter()
            .filter_map(|(path, of_path)| Some((*path, self.field(place, path, of_path)?)))
            .collect();
        if changed.is_empty() {
            return None;
        }
        let replaced: BTreeSet<&Path> = changed.keys().copied().collect();
        let mut all = Vec::with_capacity(operations.len());
        for operation in operations {
            match replaced.contains(operation.path()) {
                true => all.extend(changed.remove(operation.path()).into_iter().flatten()),
                false => all.push(operation.clone()),
            }
        }
        Some(all)
    }

    /// Returns what is done to one field; nothing where it is done as it stands.
    fn field(
        &self,
        place: &Place<'_>,
        path: &Path,
        operations: &[&FieldOperation],
    ) -> Option<Vec<FieldOperation>> {
        let folded = folded(path, operations);
        let operations = folded.as_ref().map_or(operations.into(), |one| Cow::Owned(vec![one]));
        let first = *operations.first()?;
        let kind = kind(first)?;
        if operations.iter().any(|operation| self::kind(operation) != Some(kind)) {
            return None;
        }
        let field = Field { seen: self, place, path, full: place.within.join(path) };
        let told = match first {
            FieldOperation::Set { value, .. } => field.set(value),
            _ => field.shaped(kind, &operations),
        };
        told.or_else(|| folded.map(|one| vec![one]))
    }
}

/// One field that is written.
struct Field<'a> {
    seen: &'a Shaping<'a>,
    place: &'a Place<'a>,
    path: &'a Path,
    full: Path,
}

impl Field<'_> {
    /// Returns what giving the field a whole value comes to.
    fn set(&self, value: &Leaf) -> Option<Vec<FieldOperation>> {
        let rules = self.seen.rules;
        let before = self.value();
        let shape = self.shape(before.as_ref(), value)?;
        let is_other = shape.kind() == ShapeKind::Register || !fits(&shape, value);
        if is_other {
            let held = self.place.body.held(self.path).any(|kind| kind != ShapeKind::Register);
            let set = FieldOperation::Set { path: self.path.clone(), value: value.clone() };
            return (held && self.has_seen_all()).then(|| vec![self.unset(), set]);
        }
        let before = before.filter(|before| fits(&shape, before));
        let whole = |before| WholeField {
            path: self.path,
            full: &self.full,
            shape: &shape,
            before,
            after: value,
        };
        let is_blind = self.seen.context.base.is_none() && self.seen.context.own.is_empty();
        if is_blind || !self.has_seen_any() {
            let mut operations = match is_blind || before.is_some() {
                true => whole(before.as_ref()).statement(rules),
                false => whole(None).difference(rules),
            };
            operations.retain_mut(|operation| states_more(self.place.body, operation));
            return Some(self.inside(operations));
        }
        Some(match self.has_seen_all() {
            false => self.anew(whole(None).difference(rules)),
            true if self.is_held_otherwise(shape.kind()) => self.anew(whole(None).statement(rules)),
            true => self.inside(whole(before.as_ref()).difference(rules)),
        })
    }

    /// Returns the shape that a whole value is taken in: that of the rules, else that which the field is
    /// held in. Nothing where it is a plain value and stays one.
    fn shape(&self, before: Option<&Leaf>, value: &Leaf) -> Option<Shape> {
        let of_rules = self.seen.rules.shape(&self.full);
        if of_rules.kind() != ShapeKind::Register {
            return Some(of_rules.clone());
        }
        let mut held = self.place.body.held(self.path).filter(|kind| *kind != ShapeKind::Register);
        let kind = held.next()?;
        if held.next().is_some() {
            return Some(Shape::Register);
        }
        Some(match kind {
            ShapeKind::Keyed => {
                let name = before.and_then(|before| key_name(before, value));
                name.map_or(Shape::Register, |key| Shape::Keyed { key: key.into() })
            }
            kind => shape_of(kind),
        })
    }

    /// Returns what operations on a shape come to, all of one.
    fn shaped(
        &self,
        kind: ShapeKind,
        operations: &[&FieldOperation],
    ) -> Option<Vec<FieldOperation>> {
        if !self.is_held_otherwise(kind) {
            return (kind == ShapeKind::Keyed).then(|| self.members(operations)).flatten();
        }
        if !self.has_seen_all() {
            return None;
        }
        let value = self.value()?;
        match kind {
            ShapeKind::Register => None,
            ShapeKind::Sum => Some(self.sum(&value, operations)),
            ShapeKind::Text => self.text(&value, operations),
            ShapeKind::Union | ShapeKind::Append | ShapeKind::Keyed => {
                Some(self.array(kind, &value, operations))
            }
        }
    }

    /// Counts on from a plain number. Two who do so at once add to the same.
    fn sum(&self, value: &Leaf, operations: &[&FieldOperation]) -> Vec<FieldOperation> {
        let Some(number) = value.as_number() else { return Vec::new() };
        let mut all = vec![self.unset()];
        if !operations.iter().any(|one| matches!(one, FieldOperation::Reset { .. })) {
            all.push(FieldOperation::Floor { path: self.path.clone(), value: number });
        }
        all.extend(operations.iter().map(|one| (*one).clone()));
        all
    }

    /// Edits a plain text: as one that is begun with the edit in it.
    fn text(&self, value: &Leaf, operations: &[&FieldOperation]) -> Option<Vec<FieldOperation>> {
        let text = match *operations.last()? {
            FieldOperation::BeginText { text, .. } => text.clone(),
            FieldOperation::EditText { edit, .. } => edit.apply(&value.as_string()?).ok()?,
            _ => return None,
        };
        Some(vec![self.unset(), FieldOperation::BeginText { path: self.path.clone(), text }])
    }

    /// Works on a plain array: its elements are taken along.
    fn array(
        &self,
        kind: ShapeKind,
        value: &Leaf,
        operations: &[&FieldOperation],
    ) -> Vec<FieldOperation> {
        let known = vec![(self.path.clone(), value.clone())];
        let said = Effect::Write(operations.iter().map(|one| (*one).clone()).collect());
        let after = predict(Some(&known), &said).into_iter().flatten();
        let after = after.into_iter().find(|(path, _)| path == self.path).map(|(_, after)| after);
        let Some(after) = after.filter(|after| after != value) else { return Vec::new() };
        let of_rules = self.seen.rules.shape(&self.full);
        let shape = match kind {
            _ if of_rules.kind() == kind => Some(of_rules.clone()),
            ShapeKind::Keyed => key_name(value, &after).map(|key| Shape::Keyed { key: key.into() }),
            kind => Some(shape_of(kind)),
        };
        let Some(shape) = shape.filter(|shape| fits(shape, &after)) else {
            let path = self.path.clone();
            return vec![FieldOperation::Set { path, value: after }];
        };
        let (path, full) = (self.path, &self.full);
        let whole = WholeField { path, full, shape: &shape, before: None, after: &after };
        self.anew(whole.statement(self.seen.rules))
    }

    /// Returns operations on members in the shapes of the members' fields.
    fn inside(&self, operations: Vec<FieldOperation>) -> Vec<FieldOperation> {
        self.members(&operations.iter().collect::<Vec<_>>()).unwrap_or(operations)
    }

    /// Works on members that are members already.
    fn members(&self, operations: &[&FieldOperation]) -> Option<Vec<FieldOperation>> {
        let known = self.place.body.keyed.get(self.path);
        let nothing = Body::default();
        let mut is_changed = false;
        let all = operations.iter().map(|&operation| {
            let FieldOperation::PutMember { path, key, create, fields } = operation else {
                return operation.clone();
            };
            let member = known.and_then(|members| members.get(key)).filter(|_| !create);
            let inside = Place {
                body: member.map_or(&nothing, |member| &member.body),
                within: self.full.within_key(key),
                shown: None,
            };
            let Some(fields) = self.seen.fields(&inside, fields) else { return operation.clone() };
            is_changed = true;
            let (path, key, create) = (path.clone(), key.clone(), *create);
            FieldOperation::PutMember { path, key, create, fields }
        });
        let all = all.collect();
        is_changed.then_some(all)
    }

    fn unset(&self) -> FieldOperation {
        FieldOperation::Unset { path: self.path.clone() }
    }

    /// Returns what replaces all that the writer had seen of the field.
    fn anew(&self, mut operations: Vec<FieldOperation>) -> Vec<FieldOperation> {
        for operation in &mut operations {
            if let FieldOperation::PutMember { create, .. } = operation {
                *create = true;
            }
        }
        operations.insert(0, self.unset());
        operations
    }

    /// Returns what the writer is shown of the field.
    fn value(&self) -> Option<Leaf> {
        if let Some(shown) = self.place.shown {
            let at = shown.binary_search_by(|(path, _)| path.cmp(self.path)).ok()?;
            return shown.get(at).map(|(_, leaf)| leaf.clone());
        }
        // Within a member what is shown is not at hand whole.
        let mut held = self.place.body.held(self.path);
        let kind = held.next()?;
        if held.next().is_some() {
            return None;
        }
        match kind {
            ShapeKind::Register => {
                let register = self.place.body.registers.get(self.path)?;
                let rule = self.seen.rules.rule(&self.full);
                display::shown(register, rule, Some(self.seen.writer))?.value.map(Cow::into_owned)
            }
            ShapeKind::Sum => {
                let sum = sum_value(self.place.body.sums.get(self.path)?)?;
                Leaf::from_json(&Json::Number(sum)).ok()
            }
            _ => None,
        }
    }

    /// Returns whether something is known of the field, and all of it in other shapes.
    fn is_held_otherwise(&self, kind: ShapeKind) -> bool {
        let mut held = self.place.body.held(self.path).peekable();
        held.peek().is_some() && held.all(|known| known != kind)
    }

    fn has_seen_all(&self) -> bool {
        let stamps = stamps_in(self.place.body, self.path);
        stamps.as_slice().iter().all(|stamp| self.seen.context.covers(&self.full, *stamp))
    }

    /// Returns whether the writer has seen something of the field, or there is nothing.
    fn has_seen_any(&self) -> bool {
        let stamps = stamps_in(self.place.body, self.path);
        let mut stamps = stamps.as_slice().iter().peekable();
        stamps.peek().is_none() || stamps.any(|stamp| self.seen.context.covers(&self.full, *stamp))
    }
}

/// Returns one operation for several on a field whose first gives it a whole value.
fn folded(path: &Path, operations: &[&FieldOperation]) -> Option<FieldOperation> {
    let [first, rest @ ..] = operations else { return None };
    let is_whole = matches!(first, FieldOperation::Set { .. } | FieldOperation::BeginText { .. });
    if rest.is_empty() || !is_whole {
        return None;
    }
    let said = Effect::Write(operations.iter().map(|one| (*one).clone()).collect());
    let value = predict(None, &said)?.into_iter().find(|(of, _)| of == path)?.1;
    let path = path.clone();
    Some(match (first, value.as_string()) {
        (FieldOperation::BeginText { .. }, Some(text)) => {
            FieldOperation::BeginText { path, text: text.into_owned() }
        }
        _ => FieldOperation::Set { path, value },
    })
}

/// Returns the shape that an operation works on; nothing of one that works on any.
const fn kind(operation: &FieldOperation) -> Option<ShapeKind> {
    match operation {
        FieldOperation::Unset { .. } => None,
        FieldOperation::Set { .. } => Some(ShapeKind::Register),
        FieldOperation::Increment { .. }
        | FieldOperation::Floor { .. }
        | FieldOperation::Reset { .. } => Some(ShapeKind::Sum),
        FieldOperation::Add { .. } | FieldOperation::Remove { .. } => Some(ShapeKind::Union),
        FieldOperation::PutMember { .. } | FieldOperation::RemoveMember { .. } => {
            Some(ShapeKind::Keyed)
        }
        FieldOperation::Append { .. } => Some(ShapeKind::Append),
        FieldOperation::BeginText { .. } | FieldOperation::EditText { .. } => Some(ShapeKind::Text),
    }
}

/// Returns the shape of a kind for which no rule sets parameters, and none are needed.
const fn shape_of(kind: ShapeKind) -> Shape {
    match kind {
        ShapeKind::Sum => Shape::Sum { minimum: None },
        ShapeKind::Union => Shape::Union,
        ShapeKind::Append => Shape::Append { keep: u32::MAX },
        ShapeKind::Text => Shape::Text,
        ShapeKind::Register | ShapeKind::Keyed => Shape::Register,
    }
}

/// Returns the name under which the members of both arrays bear a key of their own.
fn key_name(before: &Leaf, after: &Leaf) -> Option<String> {
    let Json::Array(elements) = after.to_json() else { return None };
    let names = elements.iter().find_map(Json::as_object)?.keys();
    let mut names = std::iter::once(KEY_PREFERRED).chain(names);
    let is_good = |name: &&str| members(before, name).is_some() && members(after, name).is_some();
    names.find(is_good).map(str::to_owned)
}

#[cfg(test)]
mod tests;
