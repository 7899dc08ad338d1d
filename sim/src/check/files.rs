//! What people wrote into files is never lost, and what they deleted does not come back.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use syncline_engine::conflicts::ConflictRow;
use syncline_engine::rows::Scan;
use syncline_merge::display::is_visible;
use syncline_merge::state::Register;
use syncline_model::json::Leaf;
use syncline_store::Read;

use super::agreement::records;
use crate::history::RecordKey;
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
    for (key, known) in &lineage.deletions {
        let mut written =
            lineage.records.iter().filter(|(_, of)| *of == key).map(|(value, _)| value);
        if visible.contains(key) && written.all(|value| known.contains(value)) {
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

fn plain(leaf: &Leaf) -> Option<String> {
    leaf.as_string().map(std::borrow::Cow::into_owned)
}
