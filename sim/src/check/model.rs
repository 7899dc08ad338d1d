//! What every hub must hold of records that only clients write, computed from exact sets.

use std::collections::{BTreeMap, BTreeSet};

use syncline_engine::log::ChangeKind;
use syncline_merge::display::sum_value;
use syncline_merge::rules::Deletion;
use syncline_merge::state::{Record, Register};
use syncline_model::clock::Stamp;
use syncline_model::id::{OperationId, Position, SiteId};
use syncline_model::json::{Leaf, Number};
use syncline_model::path::Path;

use super::agreement::records;
use super::hub::{Finding, log};
use crate::history::{Did, FieldDid, RecordKey, Stamps, Written};
use crate::schema::Schema;
use crate::world::World;

/// What a record must hold.
#[derive(Debug, Default, PartialEq)]
struct Expected {
    live: Stamps,
    deletes: Stamps,
    registers: BTreeMap<Path, BTreeMap<Stamp, Option<String>>>,
    sums: BTreeMap<Path, i64>,
    unions: BTreeMap<Path, BTreeMap<String, Stamps>>,
}

/// Compares every record that only clients write with what must be there.
pub(crate) fn check(world: &mut World) {
    let happened = happened(world);
    let mut findings = once(world, &happened);
    let mut by_record: BTreeMap<RecordKey, Vec<(Stamp, &Written)>> = BTreeMap::new();
    for stamp in &happened {
        if let Some(written) = world.history.written.get(stamp) {
            by_record.entry(written.key.clone()).or_default().push((*stamp, written));
        }
    }
    let Some(server) = world.sites.first().and_then(|site| site.server.as_ref()) else {
        return;
    };
    let held = records(server.rows());
    let tasks = held.keys().chain(by_record.keys()).filter(|key| key.0 == world.schema.tasks);
    let tasks: BTreeSet<&RecordKey> = tasks.collect();
    for key in tasks {
        let changes = by_record.get(key).map(Vec::as_slice).unwrap_or_default();
        let wrong = compare(changes, &world.schema, key, held.get(key));
        if let Some((requirement, finding)) = wrong {
            findings.push((
                requirement,
                format!("{} {}: {finding}", key.0, key.1),
                key.1.as_str().to_owned(),
            ));
        }
    }
    for (requirement, finding, word) in findings {
        world.history.violate(requirement, finding, vec![word]);
    }
}

/// Compares a record with what is left of all its changes.
pub(crate) fn compare(
    changes: &[(Stamp, &Written)],
    schema: &Schema,
    key: &RecordKey,
    record: Option<&Record>,
) -> Option<Finding> {
    let found = record.map(found).unwrap_or_default();
    let expected = expected(changes, schema, key);
    difference(&expected, &found)?;
    not_meant(changes, &found).or_else(|| difference(&expected, &found))
}

/// Finds a value of a change in a field that its writer did not write.
fn not_meant(changes: &[(Stamp, &Written)], found: &Expected) -> Option<Finding> {
    let meant: BTreeSet<(Stamp, Path)> = changes
        .iter()
        .flat_map(|(stamp, written)| sets(&written.did).into_iter().map(|(path, _)| (*stamp, path)))
        .collect();
    let stamps: BTreeSet<Stamp> = changes.iter().map(|(stamp, _)| *stamp).collect();
    let held =
        found.registers.iter().flat_map(|(path, values)| values.keys().map(move |s| (path, s)));
    let mut held = held.filter(|(_, stamp)| stamps.contains(stamp));
    let (path, stamp) = held.find(|(path, stamp)| !meant.contains(&(**stamp, (*path).clone())))?;
    Some(("I8", format!("{path}: {stamp:?} stands there and did not write it")))
}

/// Returns the changes whose additions to sums a change is about to end at a hub: its writer sees no
/// record, and nothing of one is alive there. A writer that does not create keeps the additions of
/// a hub of which the last is its own.
pub(crate) fn ended(world: &World, index: usize, written: &Written) -> Stamps {
    let here = world.history.shadows.get(index).map(|shadow| shadow.seen(&written.key));
    let here = here.iter().flat_map(|here| here.iter());
    let changes: Vec<(Stamp, &Written)> =
        here.filter_map(|stamp| Some((*stamp, world.history.written.get(stamp)?))).collect();
    ended_by(&changes, &world.schema, written)
}

/// Returns the changes of those at a hub whose additions a change ends.
pub(crate) fn ended_by(
    changes: &[(Stamp, &Written)],
    schema: &Schema,
    written: &Written,
) -> Stamps {
    let (key, seen) = (&written.key, &written.seen);
    let sees_none = seen.creates || seen.looked.is_empty();
    let counts = sees_none && matches!(written.did, Did::Write(_)) && key.0 == schema.tasks;
    if !counts || !expected(changes, schema, key).live.is_empty() {
        return Stamps::new();
    }
    let mut ended: BTreeMap<SiteId, Stamps> = BTreeMap::new();
    for (stamp, change) in changes {
        let adds = matches!(&change.did, Did::Write(fields) if fields.iter().any(is_addition));
        if adds {
            ended.entry(stamp.site).or_default().insert(*stamp);
        }
    }
    let own = |stamps: &Stamps| stamps.last().is_some_and(|last| seen.own.contains(last));
    ended.into_values().filter(|stamps| seen.creates || !own(stamps)).flatten().collect()
}

const fn is_addition(field: &FieldDid) -> bool {
    matches!(field, FieldDid::Increment(..))
}

/// Returns the changes that are in the log of the hub that made them.
pub(super) fn happened(world: &World) -> Stamps {
    let mut happened = Stamps::new();
    for server in world.sites.iter().filter_map(|site| site.server.as_ref()) {
        let own = log(server.rows(), Position(0)).into_iter().filter(|(_, entry)| {
            let own = entry.kind.is_a_write() || entry.kind == ChangeKind::Settlement;
            own && entry.stamp.site == server.site()
        });
        happened.extend(own.map(|(_, entry)| entry.stamp));
    }
    // What a hub settles by itself has no entry of its own: it is there if the record has seen it.
    let caps =
        world.history.written.iter().filter(|(_, written)| matches!(written.did, Did::Cap { .. }));
    let seen = |stamp: &Stamp, key: &RecordKey| {
        world.record(0, key).is_some_and(|record| record.version.covers(*stamp))
    };
    happened
        .extend(caps.filter(|(stamp, written)| seen(stamp, &written.key)).map(|(stamp, _)| *stamp));
    happened
}

/// Checks that what was acknowledged happened, and that everything happened once.
fn once(world: &World, happened: &Stamps) -> Vec<(&'static str, String, String)> {
    let mut findings = Vec::new();
    let mut times: BTreeMap<&OperationId, u32> = BTreeMap::new();
    for stamp in happened {
        if let Some(operation) = world.history.written.get(stamp).and_then(|w| w.operation.as_ref())
        {
            *times.entry(operation).or_default() += 1;
        }
    }
    for (id, count) in &times {
        if *count > 1 {
            let word = format!("{}#{}", id.client, id.counter);
            findings.push(("I6", format!("operation {word} was applied {count} times"), word));
        }
    }
    for (id, fate) in &world.history.fates {
        let Some(stamp) = fate.acknowledged else {
            continue;
        };
        if !happened.contains(&stamp) {
            let word = format!("{}#{}", id.client, id.counter);
            findings.push((
                "I2",
                format!("operation {word} was acknowledged and is in no log"),
                word,
            ));
        }
    }
    findings
}

/// Computes what is left of all changes of a record.
fn expected(changes: &[(Stamp, &Written)], schema: &Schema, key: &RecordKey) -> Expected {
    let rules = schema.rules(&key.0);
    let removed = |stamp: &Stamp, by: &dyn Fn(&Written) -> bool| {
        changes.iter().any(|(other, written)| other != stamp && by(written))
    };
    let mut expected = Expected::default();
    for (stamp, written) in changes {
        let stamp = *stamp;
        let ended = |by: &Written| ends(by, stamp);
        match &written.did {
            Did::Write(_) | Did::Settle { .. } | Did::SettleExistence { keep: true, .. }
                if !removed(&stamp, &ended) =>
            {
                expected.live.insert(stamp);
            }
            Did::Delete | Did::SettleExistence { keep: false, .. } => {
                let review = rules.deletion == Deletion::Review;
                let ended = |by: &Written| match &by.did {
                    Did::Write(_) => by.seen.covers(stamp) && (by.seen.creates || !review),
                    _ => ended(by),
                };
                if !removed(&stamp, &ended) {
                    expected.deletes.insert(stamp);
                }
            }
            _ => {}
        }
        for (path, value) in sets(&written.did) {
            let review = rules.rule(&path).is_review();
            if !removed(&stamp, &|by| replaces(by, stamp, &path, review)) {
                let value = value.map(|leaf| leaf.as_str().to_owned());
                expected.registers.entry(path).or_default().insert(stamp, value);
            }
        }
        if let Did::Write(fields) = &written.did {
            for field in fields {
                collect(field, stamp, &removed, &mut expected);
            }
        }
    }
    expected
}

/// Returns whether a change replaced the write or the deletion of a record that `stamp` names.
pub(super) fn ends(by: &Written, stamp: Stamp) -> bool {
    match &by.did {
        Did::Write(_) => by.seen.covers(stamp) && !by.seen.keeps_alive(stamp, false),
        Did::Delete => by.seen.covers(stamp) && !by.seen.keeps_alive(stamp, true),
        Did::Settle { covered, .. } | Did::SettleExistence { covered, .. } => {
            covered.contains(&stamp)
        }
        Did::Cap { .. } => false,
    }
}

/// Returns the registers that a change gave a value.
fn sets(did: &Did) -> Vec<(Path, Option<Leaf>)> {
    match did {
        Did::Write(fields) => {
            let sets = fields.iter().filter_map(|field| match field {
                FieldDid::Set(path, value) => Some((path.clone(), value.clone())),
                _ => None,
            });
            sets.collect()
        }
        Did::Settle { path, value, .. } => vec![(path.clone(), value.clone())],
        _ => Vec::new(),
    }
}

/// Returns whether a change replaced the value that `stamp` had given a field.
fn replaces(by: &Written, stamp: Stamp, path: &Path, review: bool) -> bool {
    match &by.did {
        Did::Write(_) if by.seen.creates => by.seen.covers(stamp),
        Did::Write(fields) => {
            let here = fields.iter().any(|field| matches!(field, FieldDid::Set(p, _) if p == path));
            let shown = by.seen.shown.get(path);
            here && match shown {
                _ if by.seen.has_made_since(stamp) => true,
                Some(shown) => shown.values.contains(&stamp),
                None => !review && by.seen.covers(stamp),
            }
        }
        Did::Settle { path: p, covered, .. } | Did::Cap { path: p, covered } => {
            p == path && covered.contains(&stamp)
        }
        _ => false,
    }
}

/// Tells whether another change than a given one meets a condition.
type Removed<'a> = dyn Fn(&Stamp, &dyn Fn(&Written) -> bool) -> bool + 'a;

/// Adds what is left of a change of a sum or a union.
fn collect(field: &FieldDid, stamp: Stamp, removed: &Removed<'_>, expected: &mut Expected) {
    match field {
        FieldDid::Increment(path, by) => {
            let reset = |by: &Written| {
                let takes = matches!(by.did, Did::Write(_)) && by.seen.creates;
                by.ended.contains(&stamp) || (takes && by.seen.looked.contains(&stamp))
            };
            let counted = if removed(&stamp, &reset) { 0 } else { *by };
            *expected.sums.entry(path.clone()).or_default() += counted;
        }
        FieldDid::Add(path, element) => {
            let gone = |by: &Written| {
                let Did::Write(fields) = &by.did else {
                    return false;
                };
                let here = fields.iter().any(|field| match field {
                    FieldDid::Add(p, e) | FieldDid::Remove(p, e) => p == path && e == element,
                    _ => false,
                });
                (here || by.seen.creates) && by.seen.covers(stamp)
            };
            if !removed(&stamp, &gone) {
                let elements = expected.unions.entry(path.clone()).or_default();
                elements.entry(element.as_str().to_owned()).or_default().insert(stamp);
            }
        }
        FieldDid::Set(..) | FieldDid::Remove(..) => {}
    }
}

/// Reads what a record holds.
fn found(record: &Record) -> Expected {
    let value = |register: &Register| {
        let text = |leaf: &Leaf| leaf.as_str().to_owned();
        register.iter().map(|(stamp, entry)| (*stamp, entry.value.as_ref().map(text))).collect()
    };
    let dots = |dots: &syncline_merge::dots::Dots| dots.as_slice().iter().copied().collect();
    let body = &record.body;
    let union = |elements: &BTreeMap<Leaf, syncline_merge::dots::Dots>| {
        elements.iter().map(|(leaf, stamps)| (leaf.as_str().to_owned(), dots(stamps))).collect()
    };
    Expected {
        live: dots(&record.live),
        deletes: dots(&record.deletes),
        registers: body
            .registers
            .iter()
            .map(|(path, register)| (path.clone(), value(register)))
            .collect(),
        sums: body
            .sums
            .iter()
            .map(|(path, sum)| {
                let value = sum_value(sum).as_ref().and_then(Number::to_i64);
                (path.clone(), value.unwrap_or(i64::MIN))
            })
            .collect(),
        unions: body
            .unions
            .iter()
            .map(|(path, elements)| (path.clone(), union(elements)))
            .collect(),
    }
}

/// Names the first difference by the requirement that it breaks.
fn difference(expected: &Expected, found: &Expected) -> Option<(&'static str, String)> {
    let dead = expected.live.is_empty() && !found.live.is_empty();
    if expected.live != found.live || expected.deletes != found.deletes {
        let requirement = if dead { "I3" } else { "I2" };
        let text = format!(
            "expected {:?} alive and {:?} deleted, found {:?} and {:?}",
            expected.live, expected.deletes, found.live, found.deletes
        );
        return Some((requirement, text));
    }
    if expected.registers != found.registers {
        return Some(register_difference(expected, found));
    }
    if expected.sums != found.sums {
        return Some(("I6", format!("expected sums {:?}, found {:?}", expected.sums, found.sums)));
    }
    let text = format!("expected elements {:?}, found {:?}", expected.unions, found.unions);
    (expected.unions != found.unions).then_some(("I8", text))
}

fn register_difference(expected: &Expected, found: &Expected) -> (&'static str, String) {
    let nothing = BTreeMap::new();
    let paths: BTreeSet<&Path> = expected.registers.keys().chain(found.registers.keys()).collect();
    for path in paths {
        let wanted = expected.registers.get(path).unwrap_or(&nothing);
        let here = found.registers.get(path).unwrap_or(&nothing);
        if let Some((stamp, value)) = wanted.iter().find(|(stamp, _)| !here.contains_key(*stamp)) {
            return ("I2", format!("{path}: the value {value:?} of {stamp:?} is gone"));
        }
        if let Some((stamp, value)) = here.iter().find(|(stamp, _)| !wanted.contains_key(*stamp)) {
            return ("I3", format!("{path}: the value {value:?} of {stamp:?} is back or invented"));
        }
        if wanted != here {
            return ("I15", format!("{path}: expected {wanted:?}, found {here:?}"));
        }
    }
    ("I8", "registers differ".to_owned())
}
