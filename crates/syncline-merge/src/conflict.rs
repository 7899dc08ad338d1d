//! Conflicts: an index over the state, computed, never stored as truth; and their settlement.

use std::collections::BTreeMap;

use syncline_model::clock::{Clock, Stamp};
use syncline_model::id::{EntityName, RecordId, Writer};
use syncline_model::json::Leaf;
use syncline_model::path::Path;

use crate::apply::note;
use crate::commit::Site;
use crate::display::{Clash, clashes, hidden, is_visible, shown, shown_text, sum_value};
use crate::dots::Dots;
use crate::error::Refusal;
use crate::rules::{Deletion, EntityRules, Shape};
use crate::state::{Body, Entry, Record, Register, Text};

/// Concurrent, different changes of one field, or of a record's existence.
#[derive(Clone, Debug, PartialEq)]
pub struct Conflict {
    /// The field; the root for a conflict about the record's existence.
    pub path: Path,
    /// What is in conflict.
    pub kind: ConflictKind,
    /// The changes in conflict, ascending.
    pub stamps: Vec<Stamp>,
    /// What each side says, in order of stamp; empty where the sides are not values.
    pub sides: Vec<Side>,
    /// The change that is shown, where one is.
    pub shown: Option<Stamp>,
    /// Whether a person is to decide; otherwise a rule has settled what is shown.
    pub open: bool,
}

/// What is in conflict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ConflictKind {
    /// Different values of one field.
    Values,
    /// Different beginnings of one text.
    Texts,
    /// A deletion against an edit.
    Deletion,
    /// A sum below its declared minimum.
    Minimum,
    /// A value that does not fit the field's shape, against what is there in that shape. The last
    /// side is the latter; the stamps are those of the former.
    Shapes,
}

/// One side of a conflict.
#[derive(Clone, Debug, PartialEq)]
pub struct Side {
    /// The change.
    pub stamp: Stamp,
    /// What it says; `None` where it removes the field or deletes the record.
    pub value: Option<Leaf>,
    /// When it was written.
    pub edited: Clock,
    /// Who wrote it.
    pub writer: Option<Writer>,
}

impl Conflict {
    /// Returns the id of the conflict: the same on every hub that knows the same changes.
    ///
    /// 32 lower-case hexadecimal digits of BLAKE3 over entity, id, path and sorted stamps.
    pub fn id(&self, entity: &EntityName, id: &RecordId) -> String {
        let mut named = Vec::with_capacity(256);
        for part in [entity.as_str(), id.as_str(), self.path.as_str()] {
            named.extend_from_slice(&(part.len() as u64).to_be_bytes());
            named.extend_from_slice(part.as_bytes());
        }
        for stamp in &self.stamps {
            named.extend_from_slice(&stamp.clock.0.to_be_bytes());
            named.extend_from_slice(&stamp.site.0.to_be_bytes());
        }
        let name = blake3::hash(&named).to_hex();
        name.split_at(32).0.to_owned()
    }
}

/// Returns the conflicts of a record, sorted by path.
pub fn conflicts(record: &Record, rules: &EntityRules) -> Vec<Conflict> {
    let mut found = Vec::new();
    if !record.live.is_empty() && !record.deletes.is_empty() {
        found.push(deletion_conflict(record, rules.deletion));
    }
    if is_visible(record, rules.deletion) {
        in_body(&record.body, &Path::root(), rules, &mut found);
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn deletion_conflict(record: &Record, deletion: Deletion) -> Conflict {
    let deleted = record.deletes.as_slice();
    let mut stamps: Vec<Stamp> = record.live.as_slice().iter().chain(deleted).copied().collect();
    stamps.sort_unstable();
    stamps.dedup();
    let (path, kind, open) = (Path::root(), ConflictKind::Deletion, deletion == Deletion::Review);
    Conflict { path, kind, stamps, sides: Vec::new(), shown: None, open }
}

fn in_body(body: &Body, within: &Path, rules: &EntityRules, found: &mut Vec<Conflict>) {
    for (path, register) in body.registers.iter().filter(|(_, register)| register.len() > 1) {
        let path = within.join(path);
        let Some(now) = shown(register, rules.rule(&path), None) else {
            continue;
        };
        if now.contested {
            found.push(Conflict {
                path,
                kind: ConflictKind::Values,
                stamps: register.keys().copied().collect(),
                sides: sides(register),
                shown: Some(now.weight.1),
                open: now.open,
            });
        }
    }
    for clash in clashes(body, within, rules) {
        let path = within.join(clash.path);
        found.retain(|known| known.path != path);
        found.push(clash_conflict(path, clash));
    }
    for (path, leaf) in hidden(body, within, rules) {
        let full = within.join(&path);
        if found.iter().all(|known| known.path != full) {
            found.extend(hidden_conflict(body, within, path, leaf));
        }
    }
    for (path, texts) in body.texts.iter().filter(|(_, texts)| texts.len() > 1) {
        found.push(Conflict {
            path: within.join(path),
            kind: ConflictKind::Texts,
            stamps: texts.keys().copied().collect(),
            sides: text_sides(texts),
            shown: shown_text(texts),
            open: false,
        });
    }
    for (path, sum) in &body.sums {
        let path = within.join(path);
        if let Shape::Sum { minimum: Some(minimum) } = rules.shape(&path)
            && sum_value(sum).is_some_and(|value| value < *minimum)
        {
            let adds = sum.adds.iter().map(|(site, added)| Stamp::new(added.clock, *site));
            let stamps: Dots = adds.chain(sum.floors.keys().copied()).collect();
            let (kind, stamps) = (ConflictKind::Minimum, stamps.as_slice().to_vec());
            found.push(Conflict { path, kind, stamps, sides: Vec::new(), shown: None, open: true });
        }
    }
    for (path, members) in &body.keyed {
        for (key, member) in members.iter().filter(|(_, member)| !member.live.is_empty()) {
            in_body(&member.body, &within.join(path).within_key(key), rules, found);
        }
    }
}

fn sides(register: &Register) -> Vec<Side> {
    let side = |(stamp, entry): (&Stamp, &Entry)| Side {
        stamp: *stamp,
        value: entry.value.clone(),
        edited: entry.edited,
        writer: Some(entry.writer.clone()),
    };
    register.iter().map(side).collect()
}

/// Returns the conflict of a value that does not fit its field's shape with what is there in that
/// shape. The later one is shown; who wants the other one edits the field.
fn clash_conflict(path: Path, Clash { register, shaped, shown, .. }: Clash<'_>) -> Conflict {
    let (value, (edited, stamp)) = shaped;
    let mut sides = sides(register);
    sides.push(Side { stamp, value: Some(value), edited, writer: None });
    Conflict {
        path,
        kind: ConflictKind::Shapes,
        stamps: register.keys().copied().collect(),
        sides,
        shown: Some(shown),
        open: false,
    }
}

/// Returns the conflict of a value that is live and not shown, since a value above or below it is.
/// Where the field has concurrent values it is listed for these already.
fn hidden_conflict(body: &Body, within: &Path, path: Path, leaf: Leaf) -> Option<Conflict> {
    let register = body.registers.get(&path)?;
    let listed = register.values().any(|entry| entry.value.as_ref() != Some(&leaf));
    (!listed).then(|| Conflict {
        path: within.join(&path),
        kind: ConflictKind::Values,
        stamps: register.keys().copied().collect(),
        sides: sides(register),
        shown: None,
        open: false,
    })
}

fn text_sides(texts: &BTreeMap<Stamp, Text>) -> Vec<Side> {
    let side = |(birth, text): (&Stamp, &Text)| Side {
        stamp: *birth,
        value: Some(Leaf::string(&text.state.text())),
        edited: text.edited,
        writer: Some(text.writer.clone()),
    };
    texts.iter().map(side).collect()
}

/// What a person decides.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// The field has this value, or is absent.
    Value(Option<Leaf>),
    /// The record stays.
    Keep,
    /// The record is deleted.
    Delete,
}

/// Settles a conflict: a change that covers exactly the changes that the person was shown.
///
/// `path` and `stamps` are the conflict's; `edited_ms` is when the person decided.
///
/// # Errors
///
/// - [`Refusal::Stale`] if one of the changes is covered by now, or the record was deleted: the
///   person should look again.
/// - [`Refusal::Shape`] if the decision does not fit what is in conflict.
/// - [`Refusal::ClockExhausted`] at the end of time.
pub fn settle(
    record: &mut Record,
    path: &Path,
    stamps: &[Stamp],
    decision: Decision,
    writer: &Writer,
    site: &mut Site<'_>,
) -> Result<Stamp, Refusal> {
    // A deleted record lists no conflict, and may be forgotten elsewhere already: settling what was
    // shown before the deletion must not bring it back.
    if record.live.is_empty() {
        return Err(Refusal::Stale);
    }
    match decision {
        Decision::Value(value) => settle_value(record, path, stamps, value, writer, site),
        Decision::Keep | Decision::Delete => {
            let there = |dot: &Stamp| record.live.contains(*dot) || record.deletes.contains(*dot);
            if !path.is_root() || !stamps.iter().all(there) {
                return Err(Refusal::Stale);
            }
            let stamp = site.tick()?;
            record.live.retain(|dot| !stamps.contains(dot));
            record.deletes.retain(|dot| !stamps.contains(dot));
            let existence = match decision {
                Decision::Delete => &mut record.deletes,
                _ => &mut record.live,
            };
            existence.insert(stamp);
            note(record, stamp);
            Ok(stamp)
        }
    }
}

fn settle_value(
    record: &mut Record,
    path: &Path,
    stamps: &[Stamp],
    value: Option<Leaf>,
    writer: &Writer,
    site: &mut Site<'_>,
) -> Result<Stamp, Refusal> {
    let Some((register, _)) = locate(&mut record.body, path) else {
        return Err(Refusal::Stale);
    };
    if stamps.is_empty() || !stamps.iter().all(|stamp| register.contains_key(stamp)) {
        return Err(Refusal::Stale);
    }
    let stamp = site.tick()?;
    let covered = stamps.iter().filter_map(|stamp| register.remove(stamp));
    let edited_after = covered.map(|entry| Clock(entry.edited.0.saturating_add(1))).max();
    let edited = edited_after.unwrap_or_default().max(Clock::new(site.now_ms, 0));
    register.insert(stamp, Entry { value, edited, timed: true, writer: writer.clone() });
    if let Some((_, Some(member_live))) = locate(&mut record.body, path) {
        member_live.retain(|dot| !stamps.contains(dot));
        member_live.insert(stamp);
    }
    record.live.retain(|dot| !stamps.contains(dot));
    record.live.insert(stamp);
    record.deletes.retain(|dot| !stamps.contains(dot));
    note(record, stamp);
    Ok(stamp)
}

/// Finds the register at a path, also inside members of keyed arrays, with the member's life.
pub(crate) fn locate<'a>(
    body: &'a mut Body,
    path: &Path,
) -> Option<(&'a mut Register, Option<&'a mut Dots>)> {
    if body.registers.contains_key(path) {
        return body.registers.get_mut(path).map(|register| (register, None));
    }
    let (field, members) = body.keyed.iter_mut().find(|(field, _)| field.is_prefix_of(path))?;
    let rest = path.strip_prefix(field)?;
    let key = rest.segments().next()?.into_owned();
    let inner = rest.strip_prefix(&Path::root().within_key(&key))?;
    let member = members.get_mut(&*key)?;
    let live = &mut member.live;
    locate(&mut member.body, &inner).map(|(register, nested)| (register, nested.or(Some(live))))
}
