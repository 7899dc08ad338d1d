//! What a plain writer did, told from what it held before and what it holds now.
//!
//! A plain writer (a file, a row, a form) knows only values. With its base the difference is the
//! three-way merge: what equals the base says nothing. Without a base, what is there is stated and
//! what is missing says nothing.

use std::collections::{BTreeMap, BTreeSet};

use syncline_model::json::fields::flatten_json;
use syncline_model::json::{Json, Leaf, Number};
use syncline_model::path::Path;

use crate::display::Fields;
use crate::fault::{Fault, is_planted};
use crate::operation::FieldOperation;
use crate::rules::{EntityRules, Shape};
use crate::state::ElementId;
use crate::text::ot::TextOperation;

/// The operations that lead from one rendering of a record to another.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Difference {
    /// The operations, in order of path.
    pub operations: Vec<FieldOperation>,
    /// Append lists from which the writer has removed elements: reported, never written back
    /// silently.
    pub removed_from_append: Vec<Path>,
}

/// Returns the difference from `base` to `new`, both sorted by path.
pub fn difference(rules: &EntityRules, base: &Fields, new: &Fields) -> Difference {
    Differ { rules, blind: false }.fields(&Path::root(), base, new)
}

/// Returns what a writer without a base states: everything in `new` that `shown`, which is what
/// the hub shows, does not say too. Nothing is removed.
pub fn statement(rules: &EntityRules, shown: &Fields, new: &Fields) -> Difference {
    Differ { rules, blind: true }.fields(&Path::root(), shown, new)
}

/// One field of which a writer says the whole value, which fits the field's shape.
#[derive(Clone, Copy, Debug)]
pub struct WholeField<'a> {
    /// The field, within the record or the member that it is in.
    pub path: &'a Path,
    /// The field within the record.
    pub full: &'a Path,
    /// Its shape.
    pub shape: &'a Shape,
    /// What the writer held, if that was of the shape.
    pub before: Option<&'a Leaf>,
    /// What it says.
    pub after: &'a Leaf,
}

impl WholeField<'_> {
    /// Returns what leads from the one value to the other.
    pub fn difference(&self, rules: &EntityRules) -> Vec<FieldOperation> {
        self.told(rules, false)
    }

    /// Returns what a writer without a base states.
    pub fn statement(&self, rules: &EntityRules) -> Vec<FieldOperation> {
        self.told(rules, true)
    }

    fn told(&self, rules: &EntityRules, blind: bool) -> Vec<FieldOperation> {
        let mut found = Difference::default();
        if self.before != Some(self.after) {
            let differ = Differ { rules, blind };
            let Self { path, full, shape, before, after } = *self;
            differ.shaped(full, path, shape, before, after, &mut found);
        }
        found.operations
    }
}

struct Differ<'a> {
    rules: &'a EntityRules,
    /// Whether the writer has no base: what it lacks says nothing.
    blind: bool,
}

impl Differ<'_> {
    fn fields(&self, within: &Path, base: &Fields, new: &Fields) -> Difference {
        let mut found = Difference::default();
        let (mut base, mut new) = (base.iter().peekable(), new.iter().peekable());
        loop {
            let (before, after) = match (base.peek(), new.peek()) {
                (None, None) => return found,
                (Some(_), None) => (base.next(), None),
                (None, Some(_)) => (None, new.next()),
                (Some((a, _)), Some((b, _))) => match a.cmp(b) {
                    std::cmp::Ordering::Less => (base.next(), None),
                    std::cmp::Ordering::Greater => (None, new.next()),
                    std::cmp::Ordering::Equal => (base.next(), new.next()),
                },
            };
            let Some((path, _)) = before.or(after) else {
                return found;
            };
            self.field(within, path, before.map(|f| &f.1), after.map(|f| &f.1), &mut found);
        }
    }

    fn field(
        &self,
        within: &Path,
        path: &Path,
        before: Option<&Leaf>,
        after: Option<&Leaf>,
        found: &mut Difference,
    ) {
        if before == after || (self.blind && after.is_none()) {
            return;
        }
        let full = within.join(path);
        let shape = self.rules.shape(&full);
        let fits = |leaf: Option<&Leaf>| leaf.is_some_and(|leaf| fits(shape, leaf));
        match (before, after) {
            // A value that does not fit the shape is kept as a register beside it.
            (_, Some(after)) if !fits(Some(after)) => {
                if fits(before) && !self.blind {
                    found.operations.push(FieldOperation::Unset { path: path.clone() });
                }
                let (path, value) = (path.clone(), after.clone());
                found.operations.push(FieldOperation::Set { path, value });
            }
            (Some(_), None) => {
                found.operations.push(FieldOperation::Unset { path: path.clone() });
            }
            (before, Some(after)) => {
                if before.is_some() && !fits(before) && !self.blind {
                    found.operations.push(FieldOperation::Unset { path: path.clone() });
                }
                let before = before.filter(|before| fits(Some(before)));
                self.shaped(&full, path, shape, before, after, found);
            }
            (None, None) => {}
        }
    }

    /// Tells two values apart that both fit a shape other than a register.
    fn shaped(
        &self,
        full: &Path,
        path: &Path,
        shape: &Shape,
        before: Option<&Leaf>,
        after: &Leaf,
        found: &mut Difference,
    ) {
        let path = path.clone();
        let is_array = matches!(shape, Shape::Union | Shape::Keyed { .. } | Shape::Append { .. });
        if is_array && after.as_str() == "[]" && !(self.blind && before.is_some()) {
            // An array without elements is nothing to its shape: that it is there is said beside.
            let (path, value) = (path.clone(), after.clone());
            found.operations.push(FieldOperation::Set { path, value });
        }
        match shape {
            Shape::Register => {
                found.operations.push(FieldOperation::Set { path, value: after.clone() });
            }
            Shape::Sum { .. } => found.operations.extend(self.sum(path, before, after)),
            Shape::Union => self.union(&path, before, after, found),
            Shape::Keyed { key } => self.keyed(full, &path, key, before, after, found),
            Shape::Append { keep } => self.append((path, *keep), before, after, found),
            Shape::Text => found.operations.extend(self.text(path, before, after)),
        }
    }

    fn sum(&self, path: Path, before: Option<&Leaf>, after: &Leaf) -> Option<FieldOperation> {
        let after = after.as_number()?;
        if self.blind && !is_planted(Fault::BlindCounterAdds) {
            return Some(FieldOperation::Floor { path, value: after });
        }
        let zero = Number::from(0_i64);
        let before = before.filter(|_| !self.blind).and_then(Leaf::as_number).unwrap_or(zero);
        match after.checked_sub(&before) {
            Ok(by) => Some(FieldOperation::Increment { path, by }),
            // Too many digits to tell how much was added: the value is stated instead.
            Err(_) => Some(FieldOperation::Floor { path, value: after }),
        }
    }

    fn union(&self, path: &Path, before: Option<&Leaf>, after: &Leaf, found: &mut Difference) {
        let before: BTreeSet<Leaf> = elements(before).into_iter().collect();
        let after: BTreeSet<Leaf> = elements(Some(after)).into_iter().collect();
        for element in after.difference(&before) {
            let (path, element) = (path.clone(), element.clone());
            found.operations.push(FieldOperation::Add { path, element });
        }
        if self.blind {
            return;
        }
        for element in before.difference(&after) {
            let (path, element) = (path.clone(), element.clone());
            found.operations.push(FieldOperation::Remove { path, element });
        }
    }

    fn keyed(
        &self,
        full: &Path,
        path: &Path,
        key: &str,
        before: Option<&Leaf>,
        after: &Leaf,
        found: &mut Difference,
    ) {
        let before = before.and_then(|leaf| members(leaf, key)).unwrap_or_default();
        let after = members(after, key).unwrap_or_default();
        let nothing = Fields::new();
        for (name, fields) in &after {
            let known = before.get(name);
            let inside = self.fields(&full.within_key(name), known.unwrap_or(&nothing), fields);
            let create = known.is_none() && !self.blind;
            if create || !inside.operations.is_empty() {
                found.operations.push(FieldOperation::PutMember {
                    path: path.clone(),
                    key: name.clone(),
                    create,
                    fields: inside.operations,
                });
            }
            let removed = inside.removed_from_append.iter();
            found.removed_from_append.extend(removed.map(|p| full.within_key(name).join(p)));
        }
        if self.blind {
            return;
        }
        for name in before.keys().filter(|name| !after.contains_key(*name)) {
            let (path, key) = (path.clone(), name.clone());
            found.operations.push(FieldOperation::RemoveMember { path, key });
        }
    }

    /// Appends what `after` holds more often than `before`. A writer without a base states the last
    /// elements only, as many as are kept: others may have gone for them already. For the same reason
    /// a writer that puts elements in front of a full list appends nothing by them.
    fn append(
        &self,
        (path, keep): (Path, u32),
        before: Option<&Leaf>,
        after: &Leaf,
        found: &mut Difference,
    ) {
        let (before, after) = (elements(before), elements(Some(after)));
        let kept = usize::try_from(keep).unwrap_or(usize::MAX);
        let too_old = match self.blind {
            true => after.len().saturating_sub(kept),
            false if before.len() >= kept => fed_again(&before, &after, kept),
            false => 0,
        };
        let mut left: BTreeMap<Leaf, usize> = BTreeMap::new();
        for element in before {
            *left.entry(element).or_default() += 1;
        }
        let mut occurrences: BTreeMap<Leaf, u32> = BTreeMap::new();
        for (index, value) in after.into_iter().enumerate() {
            let occurrence = occurrences.entry(value.clone()).or_default();
            let id = self.blind.then(|| content_id(&value, *occurrence));
            *occurrence += 1;
            if index < too_old {
                continue;
            }
            match left.get_mut(&value) {
                Some(count) if *count > 0 => *count -= 1,
                _ => {
                    found.operations.push(FieldOperation::Append { path: path.clone(), value, id })
                }
            }
        }
        if !self.blind && left.values().any(|count| *count > 0) {
            found.removed_from_append.push(path);
        }
    }

    fn text(&self, path: Path, before: Option<&Leaf>, after: &Leaf) -> Option<FieldOperation> {
        let after = after.as_string()?;
        let before = before.filter(|_| !self.blind).and_then(Leaf::as_string);
        let edit = before.and_then(|before| TextOperation::from_diff(&before, &after).ok());
        Some(match edit {
            Some(edit) => FieldOperation::EditText { path, edit },
            None => FieldOperation::BeginText { path, text: after.into_owned() },
        })
    }
}

/// Returns whether a value can be held by a shape.
pub fn fits(shape: &Shape, leaf: &Leaf) -> bool {
    match shape {
        Shape::Register => true,
        Shape::Sum { .. } => leaf.as_number().is_some(),
        Shape::Union | Shape::Append { .. } => matches!(leaf.to_json(), Json::Array(_)),
        Shape::Keyed { key } => members(leaf, key).is_some(),
        Shape::Text => leaf.as_string().is_some(),
    }
}

fn elements(array: Option<&Leaf>) -> Vec<Leaf> {
    match array.map(Leaf::to_json) {
        Some(Json::Array(elements)) => {
            elements.iter().filter_map(|element| Leaf::from_json(element).ok()).collect()
        }
        _ => Vec::new(),
    }
}

/// Returns the members of a keyed array by key, or `None` if it is not one: every element must be
/// an object whose member `key` is a text or a number that no other element has.
pub fn members(array: &Leaf, key: &str) -> Option<BTreeMap<Box<str>, Fields>> {
    let Json::Array(elements) = array.to_json() else {
        return None;
    };
    let mut members = BTreeMap::new();
    for element in &elements {
        let Json::Object(object) = element else {
            return None;
        };
        let name: Box<str> = match object.get(key)? {
            Json::String(text) => text.as_str().into(),
            Json::Number(number) => number.canonical().into(),
            _ => return None,
        };
        if members.insert(name, flatten_json(object).ok()?).is_some() {
            return None;
        }
    }
    Some(members)
}

/// Returns how many elements stand in front of a list that a writer feeds again from its beginning:
/// the list as it was, and what was cut from it once in front. Who feeds a history of its own, longer
/// than what is kept, does not hold what others have appended between.
fn fed_again(before: &[Leaf], after: &[Leaf], kept: usize) -> usize {
    if before.is_empty() {
        return 0;
    }
    let whole = after.windows(before.len()).position(|run| run == before);
    let of_own = || after.iter().position(|element| before.contains(element));
    whole.or_else(|| of_own().filter(|_| after.len() > kept)).unwrap_or_default()
}

fn content_id(value: &Leaf, occurrence: u32) -> ElementId {
    use sha2::{Digest, Sha256};
    let digest = Sha256::digest(value.canonical().as_bytes());
    let mut hash = [0; 16];
    hash.iter_mut().zip(digest.iter()).for_each(|(to, from)| *to = *from);
    ElementId::Content(hash, occurrence)
}
