//! Checks of all hubs together: liveness, convergence, winners, conflicts.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use syncline_engine::conflicts::ConflictRow;
use syncline_engine::rows::{Key, Scan};
use syncline_merge::codec::{decode_record, encode_record};
use syncline_merge::conflict::{ConflictKind, conflicts};
use syncline_merge::exchange::receive;
use syncline_merge::state::Record;
use syncline_model::clock::Stamp;
use syncline_model::version::Version;
use syncline_store::Read;

use crate::history::RecordKey;
use crate::schema::Schema;
use crate::world::World;

/// Checks that everything was delivered in time.
pub(crate) fn liveness(world: &mut World) {
    let waiting = world.clients.iter().filter(|client| !client.is_idle()).count();
    let down = world.sites.iter().filter(|site| site.server.is_none()).count();
    if waiting > 0 {
        world.history.violate("I21", format!("{waiting} client(s) never got an answer"), vec![]);
    }
    if down > 0 {
        world.history.violate("I21", format!("{down} site(s) do not start"), vec![]);
    } else if !world.is_exchanged() {
        let finding = "the sites have not got each other's changes".to_owned();
        world.history.violate("I21", finding, vec!["takes".to_owned()]);
    }
}

/// Checks convergence, redelivery, winners and conflicts.
pub(crate) fn check(world: &mut World) {
    let servers = world.sites.iter().filter_map(|site| site.server.as_ref());
    let states: Vec<BTreeMap<RecordKey, Record>> =
        servers.map(|server| records(server.rows())).collect();
    let mut findings = Vec::new();
    let Some((first, others)) = states.split_first() else {
        return;
    };
    for (index, other) in others.iter().enumerate() {
        let keys: BTreeSet<&RecordKey> = first.keys().chain(other.keys()).collect();
        for key in keys {
            let (a, b) = (first.get(key), other.get(key));
            if a.map(encode_record) != b.map(encode_record) {
                let finding = format!("{} {} differs at sites 0 and {}", key.0, key.1, index + 1);
                findings.push(("I1", finding, key.1.as_str().to_owned()));
            }
            if let (Some(a), Some(b)) = (a, b)
                && !matches!(receive(Some(a), b, &Version::new(), u64::MAX >> 17), Ok(None))
            {
                let finding = format!("{} {} changes when it arrives again", key.0, key.1);
                findings.push(("I5", finding, key.1.as_str().to_owned()));
            }
        }
    }
    for (index, site) in world.sites.iter().enumerate() {
        let (Some(server), Some(state)) = (&site.server, states.get(index)) else {
            continue;
        };
        for (key, record) in state {
            findings.extend(unlisted(&world.schema, server.rows(), key, record).map(|finding| {
                ("I10", format!("site {index}: {finding}"), key.1.as_str().to_owned())
            }));
        }
    }
    for (requirement, finding, word) in findings {
        world.history.violate(requirement, finding, vec![word]);
    }
    winners(world);
}

/// Returns all records of a hub.
pub(crate) fn records(rows: &dyn Read) -> BTreeMap<RecordKey, Record> {
    let mut records = BTreeMap::new();
    let scanned = rows.scan(&Scan::AllRecords, None, usize::MAX, &mut |key, bytes| {
        if let (Key::Record { entity, id }, Ok(record)) = (key, decode_record(bytes)) {
            records.insert((entity.clone(), id.clone()), record);
        }
        ControlFlow::Continue(())
    });
    drop(scanned);
    records
}

/// Finds a conflict of a record that is not listed with all its values.
pub(crate) fn unlisted(
    schema: &Schema,
    rows: &dyn Read,
    key: &RecordKey,
    record: &Record,
) -> Option<String> {
    let mut listed = Vec::new();
    let scan = Scan::ConflictsOf { entity: key.0.clone(), id: key.1.clone() };
    let scanned = rows.scan(&scan, None, usize::MAX, &mut |_, bytes| {
        listed.extend(ConflictRow::decode(bytes));
        ControlFlow::Continue(())
    });
    scanned.ok()?;
    let found = conflicts(record, schema.rules(&key.0));
    // When a record was edited is nothing that anybody decides.
    let decided = found.iter().filter(|conflict| conflict.path.as_str() != "/at");
    let missing = decided.into_iter().find(|conflict| {
        let id = conflict.id(&key.0, &key.1);
        let row = listed.iter().find(|row| row.conflict_id() == id);
        row.is_none_or(|row| {
            conflict.kind == ConflictKind::Values && row.conflict.sides != conflict.sides
        })
    })?;
    Some(format!("{} {}: a conflict about {} is not listed as it is", key.0, key.1, missing.path))
}

/// Checks that the winners ever seen are in one strict order: no circle among them.
fn winners(world: &mut World) {
    let mut circles = Vec::new();
    for ((key, path), pairs) in &world.history.winners {
        let mut beats: BTreeMap<Stamp, Vec<Stamp>> = BTreeMap::new();
        for (winner, loser) in pairs {
            beats.entry(*winner).or_default().push(*loser);
        }
        // Takes away, again and again, what beats nothing that is left.
        loop {
            let left: BTreeSet<Stamp> = beats.keys().copied().collect();
            let before = beats.len();
            beats.retain(|_, losers| losers.iter().any(|loser| left.contains(loser)));
            if beats.len() == before {
                break;
            }
        }
        if !beats.is_empty() {
            circles.push((
                key.1.as_str().to_owned(),
                format!("{} {} {path}: the order of winners is circular", key.0, key.1),
            ));
        }
    }
    for (word, finding) in circles {
        world.history.violate("I9", finding, vec![word]);
    }
}
