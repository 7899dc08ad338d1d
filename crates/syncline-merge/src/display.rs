//! What is shown of a state: one visible value per field, by the rules, without touching the state.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use syncline_model::clock::{Clock, Stamp};
use syncline_model::id::Writer;
use syncline_model::json::fields::unflatten;
use syncline_model::json::{Json, Leaf, Number, Object};
use syncline_model::path::Path;

use crate::diff::members;
use crate::dots::Dots;
use crate::fault::{Fault, is_planted};
use crate::flat::FlatMap;
use crate::rules::{Deletion, EntityRules, Rule, Shape};
use crate::state::{Body, Element, ElementId, Entry, Member, Record, Register, Sum, Text};

/// The visible fields of a record, sorted by path; no leaf stands above another.
pub type Fields = Vec<Field>;

/// A field and its value.
pub type Field = (Path, Leaf);

/// What is shown of a register.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown<'a> {
    /// The value; `None` where the field is absent.
    pub value: Option<Cow<'a, Leaf>>,
    /// The stamps of the entries that say so. A computed value is said by all.
    pub dots: Dots,
    /// Order among what else claims the same place: the greatest edit time and stamp shown.
    pub weight: (Clock, Stamp),
    /// Whether a person is to decide.
    pub open: bool,
    /// Whether different values are concurrent.
    pub contested: bool,
}

/// Returns whether the record exists for those who look at it.
pub fn is_visible(record: &Record, deletion: Deletion) -> bool {
    !record.live.is_empty() && (deletion != Deletion::DeleteWins || record.deletes.is_empty())
}

/// Returns whether every viewer is shown the same, since no field has two values at once.
pub fn is_uncontested(record: &Record) -> bool {
    is_body_uncontested(&record.body)
}

fn is_body_uncontested(body: &Body) -> bool {
    let mut members = body.keyed.values().flat_map(BTreeMap::values);
    body.registers.values().all(|register| register.len() <= 1)
        && members.all(|member| is_body_uncontested(&member.body))
}

/// Returns what a viewer sees of a record; `None` where it does not exist.
///
/// `viewer` matters only for fields under review: while a conflict is open, every writer goes on
/// seeing the value that it wrote itself. Under approval all see the same.
pub fn visible(record: &Record, rules: &EntityRules, viewer: Option<&Writer>) -> Option<Fields> {
    is_visible(record, rules.deletion).then(|| kept(record, rules, viewer))
}

/// Returns what a viewer would see of a record if it existed: of one that was deleted, what a write that
/// brings it back brings along.
pub fn kept(record: &Record, rules: &EntityRules, viewer: Option<&Writer>) -> Fields {
    Viewer { rules, viewer }.body(&record.body, &Path::root())
}

/// Returns what is shown of a register; `None` if it is empty.
pub fn shown<'a>(
    register: &'a Register,
    rule: &Rule,
    viewer: Option<&Writer>,
) -> Option<Shown<'a>> {
    if let Some((stamp, entry)) = only(register) {
        return Some(Shown {
            value: entry.value.as_ref().map(Cow::Borrowed),
            dots: Dots::one(*stamp),
            weight: (entry.edited, *stamp),
            open: false,
            contested: false,
        });
    }
    let mut entries: Vec<(&Stamp, &Entry)> = register.iter().collect();
    entries.sort_by_key(|(stamp, entry)| (entry.edited, **stamp));
    shown_by(&entries, &entries, rule, viewer)
}

/// Returns the entry of a register that has no other: it is shown, whatever the rule.
fn only(register: &Register) -> Option<Pair<'_>> {
    register.first_key_value().filter(|_| register.len() == 1)
}

/// Returns what a rule shows of `entries`, in order of (edit time, stamp).
///
/// - `among`: all entries of the register, in the same order.
fn shown_by<'a>(
    entries: &[Pair<'a>],
    among: &[Pair<'a>],
    rule: &Rule,
    viewer: Option<&Writer>,
) -> Option<Shown<'a>> {
    match rule {
        Rule::Ranked { ranks, rest } => shown_by(&preferred(entries, ranks), among, rest, viewer),
        Rule::Approval { provisional, .. } => {
            let (rule, viewer) = match is_planted(Fault::ProvisionalNotForAll) {
                true => (&Rule::Review, viewer),
                false => (&**provisional, None),
            };
            let shown = shown_by(entries, among, rule, viewer)?;
            let open = differ(entries) && !is_planted(Fault::ProvisionalSettles);
            Some(Shown { open, ..shown })
        }
        rule => decided(entries, among, rule, viewer),
    }
}

/// Returns the entries of the first group that has any.
fn preferred<'a>(entries: &[Pair<'a>], ranks: &[Arc<[Writer]>]) -> Vec<Pair<'a>> {
    let rank = |entry: &Entry| {
        ranks.iter().position(|group| group.contains(&entry.writer)).unwrap_or(usize::MAX)
    };
    let first = entries.iter().map(|(_, entry)| rank(entry)).min();
    entries.iter().copied().filter(|(_, entry)| Some(rank(entry)) == first).collect()
}

/// As [`shown_by`], of a rule that needs no other.
fn decided<'a>(
    entries: &[Pair<'a>],
    among: &[Pair<'a>],
    rule: &Rule,
    viewer: Option<&Writer>,
) -> Option<Shown<'a>> {
    let contested = differ(among);
    let latest = entries.last()?;
    let weight = (latest.1.edited, *latest.0);
    let is_disputed = differ(entries);
    let all = || entries.iter().map(|(stamp, _)| **stamp).collect();
    let computed = match rule {
        Rule::Concat { separator } if is_disputed => concat(entries, separator),
        Rule::Custom(rule) if is_disputed => {
            let values: Vec<&Leaf> = entries.iter().filter_map(|(_, e)| e.value.as_ref()).collect();
            let computed = rule.compute(&values);
            if computed.is_none() && is_planted(Fault::FailedRuleLeavesOut) {
                let is_fit = |value: &&Leaf| rule.compute(&[value]).is_some();
                rule.compute(&values.into_iter().filter(is_fit).collect::<Vec<_>>())
            } else {
                computed
            }
        }
        _ => None,
    };
    if let Some(value) = computed {
        let value = Some(Cow::Owned(value));
        return Some(Shown { value, dots: all(), weight, open: false, contested });
    }
    // Times decide only if all of them can be trusted and one value is later than every other.
    let is_last = |entry: &&(_, &Entry)| entry.1.edited == latest.1.edited;
    let tied = || entries.iter().rev().take_while(is_last).any(|e| e.1.value != latest.1.value);
    let timed = || entries.iter().all(|(_, entry)| entry.timed) && !tied();
    let undecided = match rule {
        Rule::Review | Rule::Custom(_) => true,
        Rule::Latest => !timed(),
        _ => false,
    };
    let open = is_disputed && undecided;
    let winner = if open { reviewed(entries, viewer) } else { chosen(entries, rule) }?;
    let value = winner.1.value.as_ref();
    let same = among.iter().filter(|(_, entry)| entry.value.as_ref() == value);
    let dots = same.map(|(stamp, _)| **stamp).collect();
    let weight = (winner.1.edited, *winner.0);
    Some(Shown { value: value.map(Cow::Borrowed), dots, weight, open, contested })
}

type Pair<'a> = (&'a Stamp, &'a Entry);

fn differ(entries: &[Pair<'_>]) -> bool {
    entries.windows(2).any(|pair| pair[0].1.value != pair[1].1.value)
}

/// Under review a writer sees the value that it said last, whatever time it claims: it may say an old
/// one again, which then is what it holds. Others see the latest of all.
fn reviewed<'a>(entries: &[Pair<'a>], viewer: Option<&Writer>) -> Option<Pair<'a>> {
    let own = entries.iter().filter(|(_, entry)| Some(&entry.writer) == viewer);
    own.max_by_key(|(stamp, _)| **stamp).or(entries.last()).copied()
}

/// Chooses among entries in order of (edit time, stamp), a strict total order.
fn chosen<'a>(entries: &[Pair<'a>], rule: &Rule) -> Option<Pair<'a>> {
    let by = |better: &dyn Fn(&Entry, &Entry) -> Ordering| {
        entries
            .iter()
            .copied()
            .max_by(|a, b| better(a.1, b.1).then((a.1.edited, a.0).cmp(&(b.1.edited, b.0))))
    };
    match rule {
        Rule::Max => by(&|a, b| by_value(a.value.as_ref(), b.value.as_ref())),
        Rule::Min => by(&|a, b| match (&a.value, &b.value) {
            (Some(a), Some(b)) => by_value(Some(b), Some(a)),
            (a, b) => a.is_some().cmp(&b.is_some()),
        }),
        Rule::Priority(writers) => {
            let rank = |entry: &Entry| {
                writers.iter().position(|w| *w == entry.writer).unwrap_or(usize::MAX)
            };
            by(&|a, b| rank(b).cmp(&rank(a)))
        }
        _ if is_planted(Fault::AlmostAtOnce) => almost_at_once(entries),
        _ => entries.last().copied(),
    }
}

/// Fails on purpose: what was edited within ten seconds counts as edited at once, which is no order.
fn almost_at_once<'a>(entries: &[Pair<'a>]) -> Option<Pair<'a>> {
    entries.iter().copied().reduce(|best, next| {
        let apart_ms = next.1.edited.millis().saturating_sub(best.1.edited.millis());
        if apart_ms > 10_000 || next.0.site > best.0.site { next } else { best }
    })
}

/// Orders values: numbers by size, all else by kind and canonical text; absence comes first.
fn by_value(a: Option<&Leaf>, b: Option<&Leaf>) -> Ordering {
    match (a.and_then(Leaf::as_number), b.and_then(Leaf::as_number)) {
        (Some(a), Some(b)) => a.cmp(&b),
        _ => a.map(Leaf::kind).cmp(&b.map(Leaf::kind)).then_with(|| a.cmp(&b)),
    }
}

/// Joins the distinct values as one text, in order of (edit time, stamp).
fn concat(entries: &[Pair<'_>], separator: &str) -> Option<Leaf> {
    let mut parts: Vec<String> = Vec::new();
    for value in entries.iter().filter_map(|(_, entry)| entry.value.as_ref()) {
        let part = value.as_string().unwrap_or_else(|| value.canonical()).into_owned();
        if !parts.contains(&part) {
            parts.push(part);
        }
    }
    Leaf::from_json(&Json::String(parts.join(separator))).ok()
}

/// Returns the value of a sum, or `None` if it has too many digits.
pub fn sum_value(sum: &Sum) -> Option<Number> {
    let floor = sum.floors.values().max().cloned();
    let mut value = floor.unwrap_or_else(|| Number::from(0_i64));
    for (site, added) in &sum.adds {
        value = value.checked_add(&added.total).ok()?;
        let zero = sum.zeros.get(site);
        if let Some(zero) = zero.filter(|zero| zero.seen.begun == added.begun) {
            value = value.checked_sub(&zero.seen.total).ok()?;
        }
    }
    Some(value)
}

/// Returns whether a sum says anything that no reset took away.
pub(crate) fn sum_is_visible(sum: &Sum) -> bool {
    sum_stamps(sum).next().is_some()
}

/// Returns the changes of a sum that no reset took away.
fn sum_stamps(sum: &Sum) -> impl Iterator<Item = Stamp> {
    let is_taken = |site, clock| sum.zeros.get(site).is_some_and(|zero| zero.seen.clock >= clock);
    let adds = sum.adds.iter().filter(move |(site, added)| !is_taken(*site, added.clock));
    sum.floors.keys().copied().chain(adds.map(|(site, added)| Stamp::new(added.clock, *site)))
}

/// Returns the changes that keep up what a field shows in shapes other than the register.
pub(crate) fn stamps_by_shape(body: &Body, path: &Path) -> Dots {
    let sum = body.sums.get(path).into_iter().flat_map(sum_stamps);
    let appended = body.appends.get(path).into_iter().flat_map(BTreeMap::values);
    let appended = appended.flat_map(|element| element.dots.keys().copied());
    let elements = body.unions.get(path).into_iter().flat_map(BTreeMap::values);
    let members = body.keyed.get(path).into_iter().flat_map(BTreeMap::values);
    let texts = body.texts.get(path).into_iter().flat_map(BTreeMap::values);
    let lives = elements.chain(members.map(|member| &member.live));
    let lives = lives.chain(texts.map(|text| &text.live)).flat_map(Dots::as_slice);
    sum.chain(appended).chain(lives.copied()).collect()
}

/// Returns the stamps of everything that stands in a field, whatever its shape, also inside of the
/// members of a keyed list.
pub fn stamps_in(body: &Body, path: &Path) -> Dots {
    let registered = body.registers.get(path).into_iter().flat_map(FlatMap::keys).copied();
    let members = body.keyed.get(path).into_iter().flat_map(BTreeMap::values);
    let inside = members.flat_map(|member| {
        let fields = paths(&member.body);
        fields.map(|inner| stamps_in(&member.body, inner)).collect::<Vec<_>>()
    });
    let inside: Vec<Stamp> = inside.flat_map(|dots| dots.as_slice().to_vec()).collect();
    let texts = body.texts.get(path).into_iter().flat_map(BTreeMap::values);
    let typed = texts.flat_map(|text| text.state.stamps());
    let by_shape = stamps_by_shape(body, path);
    let by_shape = by_shape.as_slice().iter().copied();
    by_shape.chain(registered).chain(typed).chain(inside).collect()
}

/// Returns the stamps of everything that stands in a record: its fields, and what keeps or deletes it.
pub fn stamps(record: &Record) -> Dots {
    let fields: Vec<Dots> = paths(&record.body).map(|path| stamps_in(&record.body, path)).collect();
    let all = fields.iter().chain([&record.live, &record.deletes]);
    all.flat_map(Dots::as_slice).copied().collect()
}

/// Returns the fields of which something is known; those of several shapes several times.
pub(crate) fn paths(body: &Body) -> impl Iterator<Item = &Path> {
    let flat = body.registers.keys().chain(body.sums.keys()).chain(body.unions.keys());
    flat.chain(body.keyed.keys()).chain(body.appends.keys()).chain(body.texts.keys())
}

/// Returns the elements of an append list in the order shown: least stamp, then the index in that
/// change.
pub(crate) fn element_order(elements: &BTreeMap<ElementId, Element>) -> Vec<ElementId> {
    let mut order: Vec<ElementId> = elements.keys().copied().collect();
    order.sort_by_key(|id| (elements.get(id).and_then(|e| e.dots.first_key_value()), *id));
    order
}

/// Returns which of several texts is shown: the one edited last.
pub(crate) fn shown_text(texts: &BTreeMap<Stamp, Text>) -> Option<Stamp> {
    texts.iter().max_by_key(|(birth, text)| (text.edited, **birth)).map(|(birth, _)| *birth)
}

/// Returns the members of a keyed array that exist, in the order shown: least stamp, then key.
pub(crate) fn members_shown(members: &BTreeMap<Box<str>, Member>) -> Vec<(&str, &Member)> {
    let alive = members.iter().filter(|(_, member)| !member.live.is_empty());
    let mut shown: Vec<(&str, &Member)> = alive.map(|(key, member)| (&**key, member)).collect();
    shown.sort_by_key(|(key, member)| (member.live.least(), *key));
    shown
}

/// Returns whether an array shows elements: then it does not matter that it was empty once.
fn has_elements(body: &Body, path: &Path) -> bool {
    let mut members = body.keyed.get(path).into_iter().flat_map(BTreeMap::values);
    body.unions.get(path).is_some_and(|elements| !elements.is_empty())
        || body.appends.get(path).is_some_and(|elements| !elements.is_empty())
        || members.any(|member| !member.live.is_empty())
}

type Weighed = (Path, Leaf, (Clock, Stamp));

/// Returns the fields that are live and not visible, because a leaf stands above or below them. An
/// empty object that gave way to what is below it is none of them.
pub(crate) fn hidden(body: &Body, within: &Path, rules: &EntityRules) -> Fields {
    if !may_overlap(body) {
        return Fields::new();
    }
    let viewer = Viewer { rules, viewer: None };
    let all = viewer.weighed(body, within);
    let seen = without_overlaps(all.clone());
    let is_hidden = |path: &Path| seen.binary_search_by(|(known, _)| known.cmp(path)).is_err();
    let hidden =
        all.into_iter().filter(|(path, leaf, _)| !leaf.is_empty_object() && is_hidden(path));
    hidden.map(|(path, leaf, _)| (path, leaf)).collect()
}

/// A value of a field, and concurrently something in another shape at its place, or above or below
/// it, so that only one can be shown.
pub(crate) struct Clash<'a> {
    pub(crate) path: &'a Path,
    pub(crate) register: &'a Register,
    /// What is there in the other shape, and the weight of that.
    pub(crate) shaped: (Leaf, (Clock, Stamp)),
    /// Which change is shown.
    pub(crate) shown: Stamp,
}

/// Returns what says two things at once, of which only one can be shown.
pub(crate) fn clashes<'a>(body: &'a Body, within: &Path, rules: &EntityRules) -> Vec<Clash<'a>> {
    let paths = body.sums.keys().chain(body.texts.keys()).chain(body.unions.keys());
    let mut paths = paths.chain(body.appends.keys()).chain(body.keyed.keys());
    let meets = |a: &Path, b: &Path| a == b || a.is_prefix_of(b) || b.is_prefix_of(a);
    if !paths.any(|shaped| body.registers.keys().any(|path| meets(path, shaped))) {
        return Vec::new();
    }
    let viewer = Viewer { rules, viewer: None };
    let mut all_shaped = Vec::new();
    viewer.shaped(body, within, &mut all_shaped);
    let clash = |(path, register): (&'a Path, &'a Register)| {
        let (value, of_register) = viewer.of_register(body, within, path, register)?;
        // An empty object gives way to what is below it.
        let (_, leaf, weight) = all_shaped.iter().find(|(shaped, ..)| {
            meets(path, shaped) && !(value.is_empty_object() && path != shaped)
        })?;
        let shown = if of_register >= *weight { of_register.1 } else { weight.1 };
        Some(Clash { path, register, shaped: (leaf.clone(), *weight), shown })
    };
    body.registers.iter().filter_map(clash).collect()
}

/// Returns whether one field stands above another, in a state or as an absent value. Cheap: nearly
/// no record has such fields.
fn may_overlap(body: &Body) -> bool {
    let shaped = body.unions.keys().chain(body.appends.keys());
    let shaped = shaped.chain(body.keyed.keys()).chain(body.texts.keys());
    let mut shaped = shaped.chain(body.sums.keys()).peekable();
    if shaped.peek().is_none() {
        return any_inside(body.registers.keys());
    }
    let mut paths: Vec<&Path> = body.registers.keys().chain(shaped).collect();
    paths.sort_unstable();
    any_inside(paths.into_iter())
}

/// Returns whether one of the paths, which are sorted, is inside of the one before it.
fn any_inside<'p>(paths: impl Iterator<Item = &'p Path>) -> bool {
    let mut above: Option<&Path> = None;
    for path in paths {
        if above.is_some_and(|above| above.is_prefix_of(path)) {
            return true;
        }
        above = Some(path);
    }
    false
}

struct Viewer<'a> {
    rules: &'a EntityRules,
    viewer: Option<&'a Writer>,
}

impl Viewer<'_> {
    fn body(&self, body: &Body, within: &Path) -> Fields {
        without_overlaps(self.weighed(body, within))
    }

    /// Returns what every field says, sorted by path, also where one hides another.
    fn weighed(&self, body: &Body, within: &Path) -> Vec<Weighed> {
        let mut fields = Vec::with_capacity(body.registers.len());
        for (path, register) in &body.registers {
            if let Some((value, weight)) = self.of_register(body, within, path, register) {
                fields.push((path.clone(), value.into_owned(), weight));
            }
        }
        let plain = fields.len();
        self.shaped(body, within, &mut fields);
        if fields.len() > plain {
            fields.sort_by(|a, b| a.0.cmp(&b.0).then(a.2.cmp(&b.2)));
            fields.reverse();
            fields.dedup_by(|later, kept| later.0 == kept.0);
            fields.reverse();
        }
        fields
    }

    /// Returns what a register says, if it says anything.
    fn of_register<'r>(
        &self,
        body: &Body,
        within: &Path,
        path: &Path,
        register: &'r Register,
    ) -> Option<(Cow<'r, Leaf>, (Clock, Stamp))> {
        let (value, weight) = match only(register) {
            // Nearly every field: its rule is not looked for.
            Some((stamp, entry)) => (Cow::Borrowed(entry.value.as_ref()?), (entry.edited, *stamp)),
            None => {
                let rule = self.rules.rule(&within.join(path));
                let shown = shown(register, rule, self.viewer)?;
                (shown.value?, shown.weight)
            }
        };
        let is_moot = value.as_str() == "[]" && has_elements(body, path);
        (!is_moot).then_some((value, weight))
    }

    fn shaped(&self, body: &Body, within: &Path, fields: &mut Vec<Weighed>) {
        for (path, sum) in body.sums.iter().filter(|(_, sum)| sum_is_visible(sum)) {
            let stamps = sum.adds.iter().map(|(site, added)| Stamp::new(added.clock, *site));
            let stamp = stamps.chain(sum.floors.keys().copied()).max();
            if let (Some(stamp), Some(value)) = (stamp, sum_value(sum))
                && let Ok(leaf) = Leaf::from_json(&Json::Number(value))
            {
                fields.push((path.clone(), leaf, (stamp.clock, stamp)));
            }
        }
        for (path, elements) in &body.unions {
            let mut shown: Vec<(Option<Stamp>, &Leaf)> =
                elements.iter().map(|(element, dots)| (dots.least(), element)).collect();
            shown.sort();
            let stamp = elements.values().flat_map(Dots::as_slice).max().copied();
            push_array(fields, path, stamp, shown.iter().map(|(_, leaf)| leaf.as_str()));
        }
        for (path, elements) in &body.appends {
            let order = element_order(elements);
            let keep = match self.rules.shape(&within.join(path)) {
                Shape::Append { keep } => usize::try_from(*keep).unwrap_or(usize::MAX),
                _ => usize::MAX,
            };
            let kept = order.iter().skip(order.len().saturating_sub(keep));
            let stamp = elements.values().flat_map(|e| e.dots.keys()).max().copied();
            push_array(fields, path, stamp, kept.map(|id| elements[id].value.as_str()));
        }
        for (path, members) in &body.keyed {
            let shown = members_shown(members);
            let stamp = shown.iter().flat_map(|(_, member)| member.live.as_slice()).max().copied();
            let full = within.join(path);
            let objects: Vec<String> =
                shown.iter().map(|(key, member)| self.member(key, member, &full)).collect();
            push_array(fields, path, stamp, objects.iter().map(String::as_str));
        }
        for (path, texts) in &body.texts {
            let Some((birth, text)) = shown_text(texts).and_then(|d| texts.get_key_value(&d))
            else {
                continue;
            };
            if let Ok(leaf) = Leaf::from_json(&Json::String(text.state.text())) {
                fields.push((path.clone(), leaf, (text.edited, *birth)));
            }
        }
    }

    /// Returns a member as JSON. It always names its key, also where a concurrent change has
    /// dropped the field that says so: without it the array could not be read back.
    fn member(&self, key: &str, member: &Member, array: &Path) -> String {
        let mut object = to_object(&self.body(&member.body, &array.within_key(key)));
        if let Shape::Keyed { key: name } = self.rules.shape(array)
            && object.get(name).is_none()
        {
            object.insert(&**name, Json::String(key.into()));
        }
        Json::Object(object).to_compact_string()
    }
}

/// Returns visible fields as a JSON object, members in order of path.
pub fn to_object(fields: &Fields) -> Object {
    let pairs = fields.iter().map(|(path, leaf)| (path, leaf));
    unflatten(pairs).expect("invariant: visible fields never overlap")
}

/// Returns the value of a field among those of a record, also of one inside a member of a keyed
/// array.
///
/// - `fields`: sorted by path.
pub fn value_at(fields: &[Field], path: &Path, rules: &EntityRules) -> Option<Leaf> {
    value_within(fields, &Path::root(), path, rules)
}

fn value_within(fields: &[Field], within: &Path, path: &Path, rules: &EntityRules) -> Option<Leaf> {
    let (field, leaf) = fields.iter().find(|(field, _)| field.is_prefix_of(path))?;
    if field == path {
        return Some(leaf.clone());
    }
    let full = within.join(field);
    let Shape::Keyed { key } = rules.shape(&full) else {
        return None;
    };
    let rest = path.strip_prefix(field)?;
    let name = rest.segments().next()?.into_owned();
    let inside = rest.strip_prefix(&Path::root().within_key(&name))?;
    let member = members(leaf, key)?.remove(&*name)?;
    value_within(&member, &full.within_key(&name), &inside, rules)
}

fn push_array<'a>(
    fields: &mut Vec<Weighed>,
    path: &Path,
    stamp: Option<Stamp>,
    elements: impl Iterator<Item = &'a str>,
) {
    let Some(stamp) = stamp else { return };
    let mut text = String::from("[");
    for (index, element) in elements.enumerate() {
        if index > 0 {
            text.push(',');
        }
        text.push_str(element);
    }
    text.push(']');
    if let Ok(leaf) = Leaf::parse(&text) {
        fields.push((path.clone(), leaf, (stamp.clock, stamp)));
    }
}

/// Decides where a leaf and leaves below it are both live: the side with the greatest weight is
/// shown, and the other stays in the state. An empty object gives way to whatever is below it.
///
/// `fields` are sorted by path, so that what is below a path follows it directly.
fn without_overlaps(fields: Vec<Weighed>) -> Fields {
    if !any_inside(fields.iter().map(|(path, ..)| path)) {
        return fields.into_iter().map(|(path, leaf, _)| (path, leaf)).collect();
    }
    let mut visible = Fields::with_capacity(fields.len());
    let mut shadow: Option<Path> = None;
    for (index, (path, leaf, weight)) in fields.iter().enumerate() {
        if shadow.as_ref().is_some_and(|above| above.is_prefix_of(path)) {
            continue;
        }
        let below = fields.iter().skip(index + 1).take_while(|(p, ..)| path.is_prefix_of(p));
        let heaviest = below.map(|(_, _, weight)| *weight).max();
        if heaviest.is_some_and(|below| leaf.is_empty_object() || below > *weight) {
            continue;
        }
        if heaviest.is_some() {
            shadow = Some(path.clone());
        }
        visible.push((path.clone(), leaf.clone()));
    }
    visible
}

/// Returns whether two values of a field say the same by its shape: the order of a union's or a
/// keyed array's elements says nothing.
pub fn same_by_shape(shape: &Shape, a: &Leaf, b: &Leaf) -> bool {
    if a == b {
        return true;
    }
    if !matches!(shape, Shape::Union | Shape::Keyed { .. }) {
        return false;
    }
    match (elements_sorted(a), elements_sorted(b)) {
        (Some(a), Some(b)) => a == b,
        _ => false,
    }
}

/// Returns whether fields, sorted by path, hold a field, or what says as much by its shape.
pub fn holds(fields: &[Field], (path, leaf): &Field, rules: &EntityRules) -> bool {
    let at = fields.binary_search_by(|(known, _)| known.cmp(path)).ok();
    at.and_then(|at| fields.get(at)).is_some_and(|(_, known)| match rules.shape(path) {
        // What was cut from the front of a list was there as well.
        Shape::Append { .. } => is_end_of(leaf, known),
        shape => same_by_shape(shape, known, leaf),
    })
}

/// Returns whether two renderings of a record say the same.
pub fn same_fields(rules: &EntityRules, a: &Fields, b: &Fields) -> bool {
    a.len() == b.len()
        && a.iter().zip(b).all(|((path_a, leaf_a), (path_b, leaf_b))| {
            path_a == path_b && same_by_shape(rules.shape(path_a), leaf_a, leaf_b)
        })
}

/// Returns whether a list ends with the elements of another one; of values that are none, whether they
/// are the same.
fn is_end_of(end: &Leaf, list: &Leaf) -> bool {
    match (end.to_json(), list.to_json()) {
        (Json::Array(end), Json::Array(list)) => list.ends_with(&end),
        _ => end == list,
    }
}

fn elements_sorted(array: &Leaf) -> Option<Vec<String>> {
    let Json::Array(elements) = array.to_json() else {
        return None;
    };
    let mut texts: Vec<String> = elements.iter().map(Json::to_canonical_string).collect();
    texts.sort();
    texts.dedup();
    Some(texts)
}
