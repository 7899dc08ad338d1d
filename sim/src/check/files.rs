//! What people wrote into files is never lost, and what they deleted does not come back.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use syncline_engine::conflicts::ConflictRow;
use syncline_engine::rows::Scan;
use syncline_merge::display::is_visible;
use syncline_merge::state::Register;
use syncline_model::clock::Stamp;
use syncline_model::json::Leaf;
use syncline_store::Read;

use super::agreement::records;
use super::model::{ends, happened};
use crate::history::{Did, RecordKey, Stamps, Written};
use crate::lineage::{Deletion, Lineage};
use crate::world::World;

/// Checks every value that a hub has taken in, and every deletion.
pub(crate) fn check(world: &mut World) {
    let (mut held, mut listed) = (BTreeSet::new(), BTreeSet::new());
    let mut visible: BTreeSet<RecordKey> = BTreeSet::new();
    for server in world.sites.iter().filter_map(|site| site.server.as_ref()) {
        for (key, record) in records(server.rows()) {
            let shown = is_visible(&record, world.schema.rules(&key.0).deletion);
            if shown {
                let entries = record.body.registers.values().flat_map(Register::values);
                held.extend(entries.filter_map(|entry| entry.value.as_ref().and_then(plain)));
                visible.insert(key);
            }
        }
        let scanned = server.rows().scan(&Scan::Conflicts, None, usize::MAX, &mut |_, bytes| {
            if let Ok(row) = ConflictRow::decode(bytes) {
                let values = row
                    .conflict
                    .sides
                    .iter()
                    .filter_map(|side| side.value.as_ref().and_then(plain));
                listed.extend(values);
            }
            ControlFlow::Continue(())
        });
        drop(scanned);
    }
    let lineage = &world.history.lineage;
    let mut findings = Vec::new();
    for value in &lineage.acknowledged {
        let kept =
            held.contains(value) || listed.contains(value) || lineage.replaced.contains(value);
        if let (false, Some(key)) = (kept, lineage.records.get(value)) {
            let word = key.1.as_str().to_owned();
            findings.push((
                "I2",
                format!("{} {}: the value {value} of a file is gone", key.0, key.1),
                word,
            ));
        }
    }
    let happened = happened(world);
    let deletions = made(lineage, &happened);
    let kept = kept(&world.history.written, &happened, &deletions);
    for deletion in deletions {
        let key = &deletion.key;
        let mut written =
            lineage.records.iter().filter(|(_, of)| *of == key).map(|(value, _)| value);
        let all_known = written.all(|value| deletion.values.contains(value));
        if visible.contains(key) && all_known && !kept.contains(key) {
            let word = key.1.as_str().to_owned();
            findings.push(("I3", format!("{} {} was deleted and is back", key.0, key.1), word));
        }
    }
    for (requirement, finding, word) in findings {
        world.history.violate(
            requirement,
            finding,
            vec![word, "synchronises".to_owned(), "goes down".to_owned(), "the file at".to_owned()],
        );
    }
}

/// Returns the deletions that came to be: what a client sent may have been refused.
fn made<'a>(lineage: &'a Lineage, happened: &Stamps) -> Vec<&'a Deletion> {
    let deletions = lineage.deletions.iter();
    deletions.filter(|by| by.change.is_none_or(|change| happened.contains(&change))).collect()
}

/// Returns the records that a settlement keeps alive: it is a write, also where it brings back an
/// old value, and nobody has deleted or written since who had seen it.
fn kept<'a>(
    written: &'a BTreeMap<Stamp, Written>,
    happened: &Stamps,
    deletions: &[&Deletion],
) -> BTreeSet<&'a RecordKey> {
    let changes: Vec<(Stamp, &Written)> =
        happened.iter().filter_map(|stamp| Some((*stamp, written.get(stamp)?))).collect();
    let settlements = changes.iter().filter(|(_, written)| is_settlement(&written.did));
    let kept = settlements.filter(|(stamp, _)| {
        let replaced = changes.iter().any(|(_, by)| ends(by, *stamp));
        !replaced && !deletions.iter().any(|by| by.changes.contains(stamp))
    });
    kept.map(|(_, written)| &written.key).collect()
}

const fn is_settlement(did: &Did) -> bool {
    matches!(did, Did::Settle { .. } | Did::SettleExistence { keep: true, .. })
}

fn plain(leaf: &Leaf) -> Option<String> {
    leaf.as_string().map(std::borrow::Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use syncline_model::clock::Clock;
    use syncline_model::id::{EntityName, RecordId, SiteId};
    use syncline_model::path::Path;

    use super::*;
    use crate::history::Seen;

    fn stamp(at: u64) -> Stamp {
        Stamp::new(Clock::new(at, 0), SiteId(1))
    }

    fn key() -> RecordKey {
        (EntityName::new("contacts").expect("a name"), RecordId::new("r0").expect("an id"))
    }

    fn change(did: Did, seen: &[u64]) -> Written {
        let looked = Rc::new(seen.iter().map(|at| stamp(*at)).collect());
        let seen = Seen { looked, ..Seen::default() };
        Written { seen, ..Written::by_hub(key(), did) }
    }

    /// Change 3 settles what 1 and 2 wrote with one of their values; somebody deletes the record.
    #[test]
    fn a_settlement_keeps_a_record_unless_its_deleter_had_seen_it() {
        let value = Some(Leaf::string("old"));
        let covered = Stamps::from([stamp(1), stamp(2)]);
        let settle = || Did::Settle { path: Path::root(), value: value.clone(), covered };
        let settlement = change(settle(), &[1, 2]);
        let person = |seen: &[u64]| (None, change(Did::Delete, seen));
        let client = |seen: &[u64]| (Some(stamp(4)), change(Did::Delete, seen));
        let later = change(Did::Write(Vec::new()), &[1, 2, 3]);
        for (name, happened, deletion, after, expected) in [
            ("a client had not seen it", vec![3, 4], client(&[1, 2]), None, true),
            ("a client had seen it", vec![3, 4], client(&[1, 2, 3]), None, false),
            ("a person had not seen it", vec![3], person(&[1, 2]), None, true),
            ("a person had seen it", vec![3], person(&[1, 2, 3]), None, false),
            ("who saw it was refused", vec![3], client(&[1, 2, 3]), None, true),
            ("it was refused itself", vec![4], client(&[1, 2]), None, false),
            ("a write followed it", vec![3, 4, 5], client(&[1, 2]), Some(later), false),
        ] {
            let (change, deleted) = deletion;
            let mut written = BTreeMap::from([(stamp(3), settlement.clone())]);
            written.extend(change.map(|change| (change, deleted.clone())));
            written.extend(after.map(|after| (stamp(5), after)));
            let changes = (*deleted.seen.looked).clone();
            let values = BTreeSet::new();
            let mut lineage = Lineage::default();
            lineage.removed(Deletion { key: key(), change, values, changes });
            let happened = happened.into_iter().map(stamp).collect();
            let kept = kept(&written, &happened, &made(&lineage, &happened)).contains(&key());
            assert_eq!(kept, expected, "{name}");
        }
    }
}
